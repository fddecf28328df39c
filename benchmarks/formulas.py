"""How many known formulas does an estimator find?

    python benchmarks/formulas.py --data-dir DIR --sets feynman,classic --estimator lies \\
        --n-samples 2000 --noise 0 --seed 0 --max-time 60 --jobs 2 --out results/lies.jsonl

Each problem is fitted in its own process and scored apart from the search; one line of JSON is written for each as it
finishes. Started again with the same arguments it goes on where it stopped. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

for _place in (Path.cwd(), Path(__file__).resolve().parent.parent):  # the repository first, then the caller's modules
    sys.path.insert(0, str(_place))

from benchmarks.problems import choose  # noqa: E402
from benchmarks.runner import ESTIMATORS, GIVEN, Results, Settings, read_rows, remaining, run  # noqa: E402
from benchmarks.runner_machine import usable_processors  # noqa: E402
from benchmarks.scoring_process import limit_threads  # noqa: E402
from benchmarks.summary import summarise  # noqa: E402


def parse_option(text: str) -> tuple[str, Any]:
    """``key=value`` for the estimator; the value is read as JSON where it is JSON, else as text."""
    key, separator, value = text.partition("=")
    if not separator or not key.isidentifier():
        raise argparse.ArgumentTypeError(f"expected key=value, got {text!r}")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, {"True": True, "False": False, "None": None}.get(value, value)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--data-dir", type=Path, required=True, help="folder with one CSV table for each set")
    add("--sets", required=True, help="comma-separated, e.g. feynman,classic")
    add("--names", help="only these problems, comma-separated")
    add("--every", type=int, default=1, help="of each set only every n-th problem")
    add("--offset", type=int, default=0, help="with --every: the first one")
    add("--without", help="leave out problems whose notes contain this text, e.g. weak_inputs")
    add("--estimator", default="lies", help=f"{', '.join(ESTIMATORS)} or module:function")
    add("--option", type=parse_option, action="append", default=[], metavar="KEY=VALUE", help="for the estimator")
    add("--units", action="store_true", help="tell the estimator the units, where the table has them")
    add("--n-samples", type=int, default=2000, help="training rows")
    add("--noise", type=float, default=0.0, help="standard deviation over rms(y), training target only")
    add("--seed", type=int, default=0)
    add("--max-time", type=float, default=60.0, help="seconds a fit is given; it is stopped at 1.5 times + 30 s")
    add("--check-time", type=float, default=20.0, help="seconds for each check of the result")
    add(
        "--jobs",
        type=int,
        default=1,
        help="problems at a time; they share the processors",
    )
    add("--retry", action="store_true", help="run crashed, stopped and failed problems again")
    add("--out", type=Path, required=True, help="file of JSON lines, grows")
    return parser.parse_args(argv)


def progress_line(row: dict[str, Any], number: int, total: int) -> str:
    """One finished problem in one line."""
    r2 = "" if row["r2"] is None else f"1-R2={1 - row['r2']:.1e}"
    verdict = {True: "SOLVED", False: "-", None: "?"}[row["symbolic"]] if row["status"] == "ok" else row["status"]
    equation = row["message"] if row["equation"] is None else row["equation"]
    place = f"{row['set']}/{row['name']}"
    seconds = row["fit_seconds"] if row["fit_seconds"] is not None else row["total_seconds"]
    mark = " DISAGREE" if row["disagree"] else ""
    return f"[{number:3d}/{total}] {place:32s} {verdict:10s} {r2:13s} {seconds:6.1f} s{mark}  {equation[:100]}"


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; 2 for wrong use, 130 when interrupted."""
    options = parse_arguments(argv)
    names = options.names.split(",") if options.names else None
    try:
        problems = choose(
            options.data_dir, options.sets.split(","), names, options.every, options.offset, options.without
        )
    except ValueError as error:
        print(f"formulas.py: {error}", file=sys.stderr)
        return 2
    given = {"units": GIVEN} if options.units else {}
    settings = Settings(
        options.estimator, {**dict(options.option), **given}, options.n_samples, options.noise, options.seed,
        options.max_time, options.check_time, max(1, usable_processors() // options.jobs),
    )  # fmt: skip
    if options.jobs > 1:
        limit_threads(1)
    todo = remaining(problems, settings, read_rows(options.out), options.retry)
    print(f"{len(problems)} problems, {len(problems) - len(todo)} done before, {len(todo)} to do", file=sys.stderr)
    try:
        for number, row in enumerate(run(todo, settings, Results(options.out), jobs=options.jobs), 1):
            print(progress_line(row, number, len(todo)), file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print(summarise(read_rows(options.out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
