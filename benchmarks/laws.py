"""Does an estimator find the laws behind real measurements, or formulas that are as good?

    python benchmarks/laws.py --data-dir DIR --estimator symbolic --max-time 60 --out results/laws.jsonl
    python benchmarks/laws.py --summary results/laws.jsonl

Each table, and each part of one where a law of its own is believed to hold, is fitted twice: on a random four fifths of
its rows, and on the rows below the 80th percentile of its main column. The formula then predicts the other rows beside
the believed form, whose constants were fitted to the same rows. One line of JSON is written for each fit; started
again with the same arguments it goes on where it stopped. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

for _place in (Path.cwd(), Path(__file__).resolve().parent.parent):  # the repository first, then the caller's modules
    sys.path.insert(0, str(_place))

from benchmarks.formulas import parse_option  # noqa: E402
from benchmarks.laws_forms import LAWS, Law  # noqa: E402
from benchmarks.laws_judge import as_good, judge  # noqa: E402
from benchmarks.runner import (  # noqa: E402
    ESTIMATORS,
    Results,
    Settings,
    equation_text,
    last_rows,
    make_estimator,
)
from benchmarks.runner_machine import describe_machine  # noqa: E402
from benchmarks.scoring_process import run_limited  # noqa: E402
from benchmarks.tabular_runner import identity  # noqa: E402

Row = dict[str, Any]
SPLITS = ("random", "beyond")
KEYS = ("law", "split", "estimator", "options", "seed", "max_time")
HELD_OUT, QUANTILE = 0.2, 0.8
CHECK_SECONDS = 120.0


def read_table(path: Path) -> dict[str, np.ndarray]:
    """The columns of a table of numbers, the target last."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return dict(zip(header, np.array(rows, dtype=float).T, strict=True))


def split_rows(main: np.ndarray, split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the rows to fit and of those to predict: a random fifth, or those with the largest main values."""
    if split == "beyond":
        inside = main <= np.quantile(main, QUANTILE)
        return np.flatnonzero(inside), np.flatnonzero(~inside)
    shuffled = np.random.default_rng(seed).permutation(len(main))
    n_held = max(1, round(HELD_OUT * len(main)))
    return np.sort(shuffled[n_held:]), np.sort(shuffled[:n_held])


def parts_of(law: Law, data_dir: Path, split: str, seed: int) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Inputs and target of the rows to fit, and of those to predict."""
    table = read_table(data_dir / f"{law.table}.csv")
    rows = law.rows(table)
    *inputs, target = table
    numbers = split_rows(table[law.main][rows], split, seed)
    return [({name: table[name][rows[part]] for name in inputs}, table[target][rows[part]]) for part in numbers]


# ------------------------------------------------------------------------------------------------ one fit


def fit_law(report: Callable[[Row], None], settings: Settings, train: Any, test_inputs: dict[str, np.ndarray]) -> None:
    """Fit, and report the formula, its front, and predictions of the other rows."""
    import pandas as pd

    estimator = make_estimator(settings)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # beyond the range of the fit is where this benchmark goes
        estimator.fit(pd.DataFrame(train[0]), train[1])
        report({"fit_seconds": round(time.perf_counter() - started, 3), "equation": equation_text(estimator)})
        front = getattr(estimator, "equations_", None)
        if front is not None and "equation" in front:
            report({"front": [str(text) for text in front["equation"]]})
        report({"predicted": np.asarray(estimator.predict(pd.DataFrame(test_inputs)), dtype=float).ravel()})


def measure(law: Law, split: str, settings: Settings, data_dir: Path) -> Row:
    """Fit one law once and judge it: the row of the results."""
    train, test = parts_of(law, data_dir, split, settings.seed)
    outcome = run_limited(fit_law, settings, train, test[0], seconds=settings.hard_limit)
    found = dict(outcome.reported)
    predicted, front = found.pop("predicted", None), found.pop("front", [])
    row = {
        "law": law.name, "table": law.table, "split": split, "estimator": settings.estimator,
        "options": settings.options, "seed": settings.seed, "max_time": settings.max_time, "n_train": len(train[1]),
        "n_test": len(test[1]), "status": outcome.status, "message": outcome.message, **found,
    }  # fmt: skip
    if row.get("equation") is None:
        return row
    forms = law.read(tuple(train[0]))
    row |= {"believed": forms[0].text, "front_size": len(front)}
    check = run_limited(judge, [row["equation"], *front], forms, train, test, predicted, seconds=CHECK_SECONDS)
    row |= check.reported
    if outcome.status == "error" and predicted is None:
        row["status"] = "ok"  # it has a formula, which has no value on some of the rows: no ratio, no crash
    return row if check.status == "ok" else row | {"status": "unjudged", "message": check.message}


def run(laws: list[Law], settings: Settings, data_dir: Path, out: Path) -> Iterator[Row]:
    """Measure what has no row yet and yield rows as they are written."""
    results, machine = Results(out), describe_machine()
    done = {identity(row, KEYS) for row in read_rows(out)}
    for law in laws:
        for split in SPLITS:
            given = {"law": law.name, "split": split, "estimator": settings.estimator, "options": settings.options,
                     "seed": settings.seed, "max_time": settings.max_time}  # fmt: skip
            if identity(given, KEYS) not in done:
                row = measure(law, split, settings, data_dir) | {"machine": machine}
                results.add(row)
                yield row


def read_rows(path: Path) -> list[Row]:
    """The rows of a result file, of repeated measurements the last."""
    return last_rows(path, lambda row: identity(row, KEYS) if all(key in row for key in KEYS) else None)


# ------------------------------------------------------------------------------------------------ summary


def verdict(rows: dict[str, Row]) -> str:
    """What the two fits of a law amount to: ``form``, ``as good``, or a dash."""
    if rows["random"].get("is_form"):
        return "form"
    return "as good" if all(split in rows and as_good(rows[split]) for split in SPLITS) else "-"


def summarise(rows: list[Row], digits: int = 3) -> str:
    """A Markdown table for each way of running, and the number of tables whose law was found or equalled.

    A table counts if the whole of it does, or if each of its parts with a law of its own does.
    """
    lines: list[str] = []
    groups: dict[str, dict[str, dict[str, Row]]] = {}
    for row in rows:
        way = f"{row['estimator']} {row['options'] or ''}, seed {row['seed']}, {row['max_time']:g} s"
        groups.setdefault(way, {}).setdefault(row["law"], {})[row["split"]] = row
    for way, laws in groups.items():
        complete = {law: found for law, found in laws.items() if "random" in found}
        verdicts = {law: verdict(found) for law, found in complete.items()}
        lines += [f"{way}:", "", "| law | verdict | found | held out | beyond | constants | s |", "|" + "---|" * 7]
        lines += [_line(law, verdicts[law], found, digits) for law, found in complete.items()]
        good = [law for law in verdicts if verdicts[law] != "-"]
        tables = list(dict.fromkeys(found["random"]["table"] for found in complete.values()))
        n_good = sum(_counts(table, list(verdicts), good) for table in tables)
        n_whole = sum(table in good for table in tables)
        lines += ["", f"{n_good} of {len(tables)} tables, {n_whole} of them as a whole", ""]
    return "\n".join(lines).rstrip() or "no results"


def _counts(table: str, laws: list[str], good: list[str]) -> bool:
    parts = [law for law in laws if law.startswith(f"{table} (")]
    return table in good or (bool(parts) and all(law in good for law in parts))


def _line(law: str, word: str, found: dict[str, Row], digits: int) -> str:
    row = found["random"]
    if row["status"] != "ok":
        return f"| {law} | {row['status']} | {row['message'][:60]} | | | | |"
    ratios = [_ratio(found.get(split)) for split in SPLITS]
    word += ", form on the front" if row.get("form_on_front") and word != "form" else ""
    return (
        f"| {law} | {word} | `{_short(row['equation'], digits)}` | {ratios[0]} | {ratios[1]} "
        f"| {row['constants']} / {row['constants_believed']} | {row['fit_seconds']:.0f} |"
    )


def _ratio(row: Row | None) -> str:
    if row is None or row.get("rmse_believed") is None:
        return "-"
    return "undefined" if row.get("ratio") is None else f"{row['ratio']:.2f}"


def _short(text: str, digits: int) -> str:
    """The formula with few digits, for people."""
    return re.sub(r"\d+\.\d+(?:[eE][+-]?\d+)?", lambda match: f"{float(match.group()):.{digits}g}", text)


# ------------------------------------------------------------------------------------------------ command line


def progress_line(row: Row) -> str:
    """One finished fit in one line."""
    place = f"{row['law']:36s} {row['split']:7s}"
    if row["status"] != "ok":
        return f"{place} {row['status']}: {row['message'][:100]}"
    word = "FORM" if row.get("is_form") else "as good" if as_good(row) else "-"
    return f"{place} {word:8s} ratio {_ratio(row):9s} {row['fit_seconds']:6.1f} s  {row['equation'][:100]}"


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark or show its results; 2 for wrong use, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--data-dir", type=Path, help="folder with the tables")
    add("--tables", help="only these, comma-separated")
    add("--estimator", default="symbolic", help=f"{', '.join(ESTIMATORS)} or module:function")
    add("--option", type=parse_option, action="append", default=[], metavar="KEY=VALUE", help="for the estimator")
    add("--seed", type=int, default=0)
    add("--max-time", type=float, default=60.0, help="seconds a fit is given; it is stopped at 1.5 times + 30 s")
    add("--out", type=Path, help="file of JSON lines, grows")
    add("--summary", type=Path, help="show the results of this file and do nothing else")
    options = parser.parse_args(argv)
    if options.summary is not None:
        print(summarise(read_rows(options.summary)))
        return 0
    if options.data_dir is None or options.out is None:
        print("laws.py: expected --data-dir DIR and --out FILE, or --summary FILE", file=sys.stderr)
        return 2
    wanted = options.tables.split(",") if options.tables else sorted({law.table for law in LAWS})
    missing = [name for name in wanted if not (options.data_dir / f"{name}.csv").is_file()]
    unknown = [name for name in wanted if name not in {law.table for law in LAWS}]
    if missing or unknown:
        print(f"laws.py: no such table: {', '.join(unknown or missing)}", file=sys.stderr)
        return 2
    settings = Settings(options.estimator, dict(options.option), seed=options.seed, max_time=options.max_time)
    try:
        for row in run([law for law in LAWS if law.table in wanted], settings, options.data_dir, options.out):
            print(progress_line(row), file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print(summarise(read_rows(options.out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
