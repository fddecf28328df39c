"""How often is the law behind few measurements chosen, where the law is known?

    python benchmarks/laws_like.py --seed 0 --max-time 10 --out results/laws_like.jsonl
    python benchmarks/laws_like.py --summary results/laws_like.jsonl

Tables of 8 to 60 rows are drawn from textbook laws, with errors of a few per cent and ranges such as experiments have
(`laws_like_tables.py`). The formula that was chosen predicts other rows inside the ranges, and rows above the range of
the main column, beside the law itself with its constants fitted to the same rows. Thresholds of the choice are set on
these tables, so that the real ones of `laws.py` need not be looked at. One line of JSON is written for each table;
started again with the same arguments it goes on where it stopped. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

for _place in (Path.cwd(), Path(__file__).resolve().parent.parent):  # the repository first, then the caller's modules
    sys.path.insert(0, str(_place))

from benchmarks.formulas import parse_option  # noqa: E402
from benchmarks.laws import CHECK_SECONDS, fit_law, read_rows  # noqa: E402
from benchmarks.laws_forms import count_constants, count_terms  # noqa: E402
from benchmarks.laws_judge import AS_WELL, fit_form, has_form, root_mean_square  # noqa: E402
from benchmarks.laws_like_tables import LAWS_LIKE, N_TEST, LawLike, Table  # noqa: E402
from benchmarks.runner import ESTIMATORS, Results, Settings  # noqa: E402
from benchmarks.runner_machine import describe_machine  # noqa: E402
from benchmarks.scoring_process import run_limited  # noqa: E402
from benchmarks.scoring_tree import UnreadableFormula, read_formula  # noqa: E402

Row = dict[str, Any]


def measure(law: LawLike, settings: Settings) -> Row:
    """Fit one table and judge the formula: the row of the results."""
    tables = law.tables(settings.seed)
    train = (tables["fitted"].columns, tables["fitted"].y)
    tests = [tables["inside"], tables["beyond"]]
    inputs = {name: np.concatenate([test.columns[name] for test in tests]) for name in law.ranges}
    outcome = run_limited(fit_law, settings, train, inputs, seconds=settings.hard_limit)
    found = dict(outcome.reported)
    predicted, front = found.pop("predicted", None), found.pop("front", [])
    row = {
        "law": law.name, "split": "fitted", "estimator": settings.estimator, "options": settings.options,
        "seed": settings.seed, "max_time": settings.max_time, "n_train": law.n_rows, "status": outcome.status,
        "message": outcome.message, "truth": law.text, **found,
    }  # fmt: skip
    if row.get("equation") is None:
        return row
    check = run_limited(judge, law, [row["equation"], *front], tables, predicted, seconds=CHECK_SECONDS)
    row |= {**check.reported, "front": front}
    return row if check.status == "ok" else row | {"status": "unjudged", "message": check.message}


def judge(
    report: Callable[[Row], None], law: LawLike, texts: list[str], tables: dict[str, Table], predicted: Any
) -> None:
    """Report whether the first text is the law, whether another is, and how errors compare with those of the law."""
    form, fitted = law.form(), tables["fitted"]
    constants = fit_form(form, fitted.columns, fitted.y)
    for number, part in enumerate(("inside", "beyond")):
        test = tables[part]
        own = root_mean_square((form.values(test.columns, constants) - test.y) / test.sigma)
        values = np.full(N_TEST, np.nan) if predicted is None else predicted[N_TEST * number : N_TEST * (number + 1)]
        report({f"error_{part}": root_mean_square((values - test.y) / test.sigma), f"error_{part}_law": own})
    formula = read_formula(texts[0], tuple(law.ranges))
    report({"constants": count_constants(formula), "terms": count_terms(formula.root), "size": formula.size,
            "constants_law": form.n_constants, "terms_law": form.n_terms})  # fmt: skip

    def is_form(text: str) -> bool:
        try:
            return has_form(text, form, fitted.columns, [constants])
        except UnreadableFormula:
            return False

    report({"is_form": is_form(texts[0])})
    report({"form_on_front": any(is_form(text) for text in texts[1:])})


def ratio(row: Row, part: str) -> float:
    """Error of the formula over that of the law, on rows of a part."""
    return float(row.get(f"error_{part}", np.inf)) / float(row.get(f"error_{part}_law", np.nan))


def verdict(row: Row) -> str:
    """``form``, ``as good`` (in errors inside and beyond, constants and terms), or a dash."""
    if row["status"] != "ok":
        return str(row["status"])
    if row["is_form"]:
        return "form"
    well = all(ratio(row, part) <= AS_WELL for part in ("inside", "beyond"))
    short = row["constants"] <= row["constants_law"] and row["terms"] <= row["terms_law"]
    return "as good" if well and short else "-"


def run(laws: list[LawLike], settings: Settings, out: Path) -> Iterator[Row]:
    """Measure what has no row yet and yield rows as they are written."""
    results, machine = Results(out), describe_machine()
    way = (settings.estimator, settings.options, settings.seed, settings.max_time)
    done = {row["law"] for row in read_rows(out) if tuple(row[k] for k in WAY) == way}
    for law in laws:
        if law.name not in done:
            row = measure(law, settings) | {"machine": machine}
            results.add(row)
            yield row


WAY = ("estimator", "options", "seed", "max_time")


def summarise(rows: list[Row]) -> str:
    """A line for each table, and counts for each way of running."""
    lines: list[str] = []
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(", ".join(f"{key} {row[key]}" for key in WAY), []).append(row)
    for way, found in groups.items():
        words = [verdict(row) for row in found]
        lines += [f"{way}:", "", "| law | verdict | inside | beyond | constants | formula |", "|" + "---|" * 6]
        lines += [_line(row, word) for row, word in zip(found, words, strict=True)]
        n_good = sum(word in ("form", "as good") for word in words)
        far = [min(ratio(row, "beyond"), 1e3) for row in found]
        far_median, bad = np.median(far), sum(one > 2 for one in far)
        lines += ["", f"{words.count('form')} forms, {n_good} forms or as good, of {len(found)}; beyond: median ratio "
                  f"{far_median:.3f}, {bad} above 2", ""]  # fmt: skip
    return "\n".join(lines).rstrip() or "no results"


def _line(row: Row, word: str) -> str:
    if row.get("is_form") is None:
        return f"| {row['law']} | {word} | | | | {row['message'][:60]} |"
    word += ", form on the front" if row.get("form_on_front") and word != "form" else ""
    return (
        f"| {row['law']} | {word} | {ratio(row, 'inside'):.2f} | {ratio(row, 'beyond'):.2f} "
        f"| {row['constants']} / {row['constants_law']} | `{row['equation'][:90]}` |"
    )


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark or show its results; 2 for wrong use, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--laws", help="only these, comma-separated")
    add("--estimator", default="symbolic", help=f"{', '.join(ESTIMATORS)} or module:function")
    add("--option", type=parse_option, action="append", default=[], metavar="KEY=VALUE", help="for the estimator")
    add("--seed", type=int, default=0)
    add("--max-time", type=float, default=10.0, help="seconds a fit is given; it is stopped at 1.5 times + 30 s")
    add("--out", type=Path, help="file of JSON lines, grows")
    add("--summary", type=Path, help="show the results of this file and do nothing else")
    options = parser.parse_args(argv)
    if options.summary is not None:
        print(summarise(read_rows(options.summary)))
        return 0
    names = [law.name for law in LAWS_LIKE]
    wanted = options.laws.split(",") if options.laws else names
    unknown = sorted(set(wanted) - set(names))
    if options.out is None or unknown:
        wrong = f"no such law: {', '.join(unknown)}" if unknown else "expected --out FILE, or --summary FILE"
        print(f"laws_like.py: {wrong}", file=sys.stderr)
        return 2
    settings = Settings(options.estimator, dict(options.option), seed=options.seed, max_time=options.max_time)
    try:
        for row in run([law for law in LAWS_LIKE if law.name in wanted], settings, options.out):
            print(f"{row['law']:24s} {verdict(row):8s} {row.get('equation', row['message'])[:100]}", file=sys.stderr,
                  flush=True)  # fmt: skip
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print(summarise(read_rows(options.out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
