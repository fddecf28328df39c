"""Tables from the rows of benchmarks/formulas.py.

    python benchmarks/summary.py results/lies.jsonl
    python benchmarks/summary.py --compare before.jsonl after.jsonl

Files are measurements of any estimators, sets, seeds; each way of running gets its own table.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.runner import read_rows

Row = dict[str, Any]

# R2 > 0.999, SRBench's accuracy solution, in the error that keeps its digits.
ACCURATE = math.sqrt(1.0 - 0.999)
FAILURES = ("crash", "timeout", "error", "unreadable")


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson 1927), in percent."""
    if trials == 0:
        return 0.0, 100.0
    z = 1.959964
    rate, share = successes / trials, z * z / trials
    middle = (rate + share / 2) / (1 + share)
    half = z / (1 + share) * math.sqrt(rate * (1 - rate) / trials + share / (4 * trials))
    return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)


def group_name(row: Row) -> str:
    """Estimator, options, noise and budget of a row in short."""
    options = " ".join(f"{k}={v}" for k, v in sorted(row["options"].items()))
    parts = [row["estimator"], options, f"noise {row['noise']:g}", f"{row['n_samples']} rows", f"{row['max_time']:g} s"]
    return ", ".join(part for part in parts if part)


def accurate(row: Row) -> bool:
    """Is R2 on fresh clean rows above 0.999?"""
    return row["rel_rmse"] is not None and row["rel_rmse"] < ACCURATE


def unsound(row: Row) -> bool:
    """Does the text of the formula part from ``predict`` by more than 1e-9?"""
    return row["text_deviation"] is not None and row["text_deviation"] > 1e-9


def wrong_claim(row: Row) -> bool:
    """Was a formula called exact that is not the law?"""
    return bool(row.get("claims_exact")) and row["symbolic"] is False


def median(values: Iterable[float | None]) -> float | None:
    """Median of the values that are there."""
    known = [v for v in values if v is not None]
    return float(np.median(known)) if known else None


def statistics(rows: list[Row]) -> dict[str, Any]:
    """Counts and averages of some rows."""
    solved = [row for row in rows if row["symbolic"]]
    return {
        "problems": len(rows),
        "symbolic": len(solved),
        "interval": wilson(len(solved), len(rows)),
        "structure": sum(bool(row["structure"]) for row in rows),
        "accurate": sum(accurate(row) for row in rows),
        "seconds": median(row["fit_seconds"] for row in rows),
        "to_best": median(row.get("seconds_to_best") for row in solved),
        "ratio": _mean([_size_ratio(row) for row in rows]),
        "solved_ratio": _mean([_size_ratio(row) for row in solved]),
        "distance": _mean([row["edit_distance"] for row in rows]),
        "disagree": sum(bool(row["disagree"]) for row in rows),
        "failed": sum(row["status"] in FAILURES for row in rows),
        "overrun": sum(bool(row["overrun"]) for row in rows),
        "claimed": sum(bool(row.get("claims_exact")) for row in rows),
        "wrong": [_label(row) for row in rows if wrong_claim(row)],
        "unsound": [f"{_label(row)} ({row['text_deviation']:.0e})" for row in rows if unsound(row)],
        "unsolved": [_label(row) for row in rows if not row["symbolic"]],
        "parted": [_label(row) for row in rows if row["disagree"]],
        "broken": [f"{_label(row)} ({row['status']})" for row in rows if row["status"] in FAILURES],
    }


def _size_ratio(row: Row) -> float | None:
    """Size of the model over that of the truth."""
    return row["complexity"] / row["truth_complexity"] if row["complexity"] and row["truth_complexity"] else None


def _mean(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def _label(row: Row) -> str:
    return row["name"] if row["seed"] == 0 else f"{row['name']}#{row['seed']}"


COLUMNS = (
    ("set", 16), ("problems", 8), ("symbolic", 8), ("95 %", 9), ("form", 5), ("R2>.999", 7), ("s", 7), ("to best", 7),
    ("size", 5), ("solved", 6), ("edit", 5), ("disagree", 8), ("failed", 6), ("late", 4), ("claims", 6), ("wrong", 5),
)  # fmt: skip


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _table_line(name: str, found: dict[str, Any]) -> str:
    low, high = found["interval"]
    cells = [
        name, found["problems"], found["symbolic"], f"{low:.0f}-{high:.0f} %", found["structure"], found["accurate"],
        _number(found["seconds"], 1), _number(found["to_best"], 1), _number(found["ratio"], 2),
        _number(found["solved_ratio"], 2), _number(found["distance"], 2), found["disagree"], found["failed"],
        found["overrun"], found["claimed"], len(found["wrong"]),
    ]  # fmt: skip
    return _join(cells)


def _join(cells: Iterable[Any]) -> str:
    texts = [
        f"{cell!s:{'<' if k == 0 else '>'}{w}}" for k, (cell, (_, w)) in enumerate(zip(cells, COLUMNS, strict=True))
    ]
    return " ".join(texts)


def grouped(rows: Iterable[Row], key: Any) -> dict[Any, list[Row]]:
    """Rows by the value of a key, in order of appearance."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def summarise(rows: list[Row]) -> str:
    """One table for each way of running, one line for each set, then what is unsolved, disputed or broken."""
    if not rows:
        return "no results"
    lines: list[str] = []
    for name, group in grouped(rows, group_name).items():
        seeds = sorted({row["seed"] for row in group})
        lines += [f"{name}, seed {', '.join(map(str, seeds))}", _join(title for title, _ in COLUMNS)]
        by_set = {key: statistics(members) for key, members in grouped(group, lambda row: row["set"]).items()}
        lines += [_table_line(key, found) for key, found in by_set.items()]
        if len(by_set) > 1:
            lines.append(_table_line("all", statistics(group)))
        for key, found in by_set.items():
            for title in ("unsolved", "wrong", "parted", "broken", "unsound"):
                if found[title]:
                    lines.append(f"  {key}, {title}: {', '.join(found[title])}")
        lines.append("")
    return "\n".join(lines).rstrip()


def compare(before: list[Row], after: list[Row]) -> str:
    """Two runs on the problems (and seeds) that both have: the tables, and what was gained and lost."""

    def key(row: Row) -> str:
        return json.dumps([row["set"], row["name"], row["seed"], row["noise"]])

    first, second = ({key(row): row for row in rows} for rows in (before, after))
    common = [k for k in first if k in second]
    if not common:
        return "the two files have no problem in common"
    lines = [f"{len(common)} problems in both", _join(title for title, _ in COLUMNS)]
    for name, _ in grouped([first[k] for k in common], lambda row: row["set"]).items():
        chosen = [k for k in common if first[k]["set"] == name]
        for label, rows in ((f"{name} before", first), (f"{name} after", second)):
            lines.append(_table_line(label[: COLUMNS[0][1]], statistics([rows[k] for k in chosen])))
    for title, old, new in (("gained", False, True), ("lost", True, False)):
        names = [
            f"{first[k]['set']}/{_label(first[k])}"
            for k in common
            if bool(first[k]["symbolic"]) is old and bool(second[k]["symbolic"]) is new
        ]
        lines.append(f"{title} ({len(names)}): {', '.join(names) or '-'}")
    ratios = [
        second[k]["fit_seconds"] / first[k]["fit_seconds"]
        for k in common
        if first[k]["fit_seconds"] and second[k]["fit_seconds"]
    ]
    if ratios:
        lines.append(f"seconds, after over before: median {np.median(ratios):.2f}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("BEFORE", "AFTER"))
    options = parser.parse_args(argv)
    missing = [str(path) for path in (*options.files, *(options.compare or ())) if not path.is_file()]
    if missing or not (options.files or options.compare):
        print(f"summary.py: {'no such file: ' + ', '.join(missing) if missing else 'no files given'}", file=sys.stderr)
        return 2
    if options.files:
        print(summarise([row for path in options.files for row in read_rows(path)]))
    if options.compare:
        print(compare(*(read_rows(path) for path in options.compare)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
