"""Tables from the rows of benchmarks/tabular.py.

    python benchmarks/tabular_summary.py results/tabular.jsonl
    python benchmarks/tabular_summary.py before.jsonl after.jsonl --models ran,ebm --sets yacht,energy

Models are compared on the folds that all of them have for a set, unless --own-folds is given.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.tabular_data import SMOOTH
from benchmarks.tabular_runner import read_rows

Row = dict[str, Any]
Values = dict[str, dict[str, float]]  # set -> model -> mean over folds

# What makes two fits the same fit: a row with all of these equal is not measured again.
KEYS = ("set", "fold", "folds", "model", "options", "seed", "threads")
REFERENCE = "ebm"


class Metric(NamedTuple):
    """A column of the rows that gets a table."""

    key: str
    title: str
    lower: bool
    digits: int = 4


METRICS = (
    Metric("rmse", "RMSE (regression)", True),
    Metric("r2", "R2 (regression)", False),
    Metric("log_loss", "log-loss (classes)", True),
    Metric("auc", "area under the ROC curve (two classes)", False),
    Metric("accuracy", "accuracy (classes)", False),
    Metric("fit_seconds", "seconds of fit, wall clock", True, 3),
    Metric("fit_cpu_seconds", "seconds of fit, processor", True, 3),
    Metric("predict_microseconds", "microseconds of predict, a row", True, 3),
    Metric("predict_cpu_microseconds", "microseconds of predict, a row, processor", True, 3),
    Metric("parameters", "stored values", True, 0),
)
MAIN = ("rmse", "log_loss")  # what models are ranked by


# ------------------------------------------------------------------------------------------------ numbers


def label(row: Row) -> str:
    """Model and options in short."""
    options = [f"{key}={value}" for key, value in sorted(row["options"].items())]
    threads = [f"threads={row['threads']}"] if row["threads"] != 1 else []
    return " ".join([row["model"], *options, *threads])


def labels(rows: Iterable[Row]) -> list[str]:
    """The models in order of appearance."""
    return list(dict.fromkeys(label(row) for row in rows))


def by_fold(rows: Iterable[Row], key: str) -> dict[str, dict[str, dict[Any, float]]]:
    """Values of a column as set -> model -> fold -> value, from the fits that went well."""
    found: dict[str, dict[str, dict[Any, float]]] = {}
    for row in rows:
        value = row.get(key)
        if row["status"] == "ok" and value is not None:
            folds = found.setdefault(row["set"], {}).setdefault(label(row), {})
            folds[row["seed"], row["folds"], row["fold"]] = float(value)
    return found


def common_folds(models: dict[str, dict[Any, float]]) -> set[Any]:
    """Folds that all models have; a model that shares none with the others is left out, fewest folds first."""
    chosen = sorted(models, key=lambda name: -len(models[name]))
    while chosen:
        folds = set.intersection(*(set(models[name]) for name in chosen))
        if folds:
            return folds
        chosen.pop()
    return set()


def means(rows: list[Row], key: str, own_folds: bool = False) -> Values:
    """Mean of a column over folds for each set and model; over the folds that all have, or over each one's own."""
    found: Values = {}
    for name, models in by_fold(rows, key).items():
        shared = common_folds(models)
        found[name] = {}
        for model, folds in models.items():
            kept = [value for fold, value in folds.items() if own_folds or fold in shared]
            if kept:
                found[name][model] = float(np.mean(kept))
    return found


def main_values(rows: list[Row], own_folds: bool = False) -> Values:
    """RMSE of the regressions and log-loss of the classes, which no set has both of."""
    return means(rows, "rmse", own_folds) | means(rows, "log_loss", own_folds)


def ranks(values: dict[str, float], names: list[str]) -> dict[str, float]:
    """Rank of each name in one set, 1 is the smallest; equal values share a rank, missing ones share the last."""
    from scipy.stats import rankdata

    given = [values.get(name, np.inf) for name in names]
    return dict(zip(names, map(float, rankdata(given)), strict=True))


def mean_ranks(values: Values, names: list[str], sets: Iterable[str]) -> dict[str, float]:
    """Mean rank over sets, smaller values being better; empty without sets."""
    each = [ranks(values.get(name, {}), names) for name in sets]
    return {name: float(np.mean([found[name] for found in each])) for name in names} if each else {}


def win_rate(values: Values, first: str, second: str) -> tuple[float, int]:
    """Share of the sets both have where the first is better (a tie is half a win), and how many sets that are."""
    pairs = [(models[first], models[second]) for models in values.values() if first in models and second in models]
    wins = [0.5 if np.isclose(a, b, rtol=1e-9, atol=0.0) else float(a < b) for a, b in pairs]
    return (float(np.mean(wins)) if wins else float("nan")), len(wins)


def ratio_to_best(values: Values, name: str) -> tuple[float, float, str, int]:
    """Geometric mean of value over the best value of the set, the largest ratio, its set, and the number of sets."""
    ratios = {
        key: models[name] / best
        for key, models in values.items()
        if name in models and (best := min(models.values())) > 0.0
    }
    if not ratios:
        return float("nan"), float("nan"), "-", 0
    worst = max(ratios, key=lambda key: ratios[key])
    return float(np.exp(np.mean(np.log(list(ratios.values()))))), ratios[worst], worst, len(ratios)


def median_ratio(values: Values, name: str, reference: str) -> tuple[float, int]:
    """Median over sets of the value over the reference's value, and the number of sets."""
    found = [
        models[name] / models[reference]
        for models in values.values()
        if name in models and models.get(reference, 0.0) > 0.0
    ]
    return (float(np.median(found)) if found else float("nan")), len(found)


# ------------------------------------------------------------------------------------------------ text


def table(header: list[str], lines: list[list[str]]) -> list[str]:
    """Text in columns: the first to the left, the others to the right."""
    widths = [max(len(line[k]) for line in [header, *lines]) for k in range(len(header))]
    return [
        "  ".join(cell.ljust(width) if k == 0 else cell.rjust(width) for k, (cell, width) in
                  enumerate(zip(line, widths, strict=True))).rstrip()
        for line in [header, *lines]
    ]  # fmt: skip


def number(value: float | None, digits: int = 3) -> str:
    """A number with some significant digits, or rounded to an integer for none of them; a dash for no number."""
    if value is None or not np.isfinite(value):
        return "-"
    return f"{value:.{digits}g}" if digits else f"{value:,.0f}"


def metric_table(rows: list[Row], metric: Metric, own_folds: bool) -> list[str]:
    """One line for each set, one column for each model, the best with a star."""
    values, folds = means(rows, metric.key, own_folds), by_fold(rows, metric.key)
    if not values:
        return []
    names = labels(rows)
    best: Callable[..., float] = min if metric.lower else max
    lines = []
    for key, models in values.items():
        top = best(models.values())
        cells = [number(models.get(name), metric.digits) + ("*" if models.get(name) == top else " ") for name in names]
        lines.append([key, "own" if own_folds else str(len(common_folds(folds[key]))), *cells])
    return [metric.title, *table(["set", "folds", *(f"{name} " for name in names)], lines), ""]


def rank_table(rows: list[Row], own_folds: bool) -> list[str]:
    """Mean ranks and ratios to the best."""
    values, names = main_values(rows, own_folds), labels(rows)
    measured = {key: {label(row) for row in rows if row["set"] == key} for key in dict.fromkeys(r["set"] for r in rows)}
    tried = [key for key, models in measured.items() if len(models) == len(names)]
    full = [key for key, models in values.items() if len(models) == len(names)]
    everywhere, with_missing = mean_ranks(values, names, full), mean_ranks(values, names, tried)
    regression, classes = (means(rows, key, own_folds) for key in MAIN)
    lines = []
    for name in names:
        cells = [name, number(everywhere.get(name)), number(with_missing.get(name))]
        for kind in (regression, classes):
            mean, largest, where, n_sets = ratio_to_best(kind, name)
            cells += [number(mean), f"{number(largest)} {where}", str(n_sets)]
        smooth, n_smooth = win_rate({key: regression[key] for key in SMOOTH if key in regression}, name, "hgb")
        lines.append([*cells, f"{smooth * n_smooth:g} of {n_smooth}" if n_smooth and name != "hgb" else "-"])
    title = f"Mean rank by RMSE or log-loss: over {len(full)} sets where all have a value; over {len(tried)} that all"
    header = ["model", "rank", "missing last", "RMSE/best", "largest", "sets", "log-loss/best", "largest", "sets"]
    return [f"{title} were run on", *table([*header, "better than hgb, smooth"], lines), ""]


def win_table(rows: list[Row], own_folds: bool) -> list[str]:
    """Share of sets where the model of the line is better than that of the column."""
    values, names = main_values(rows, own_folds), labels(rows)
    lines = []
    for first in names:
        cells = []
        for second in names:
            rate, n_sets = win_rate(values, first, second)
            cells.append("" if first == second else f"{100 * rate:.0f}/{n_sets}" if n_sets else "-")
        lines.append([first, *cells])
    return ["Pairwise: percent of sets won by the line / sets both have", *table(["", *names], lines), ""]


def ratio_table(rows: list[Row], reference: str) -> list[str]:
    """Median ratios of time and size to a reference model."""
    names = labels(rows)
    if reference not in names:
        return []
    keys = ("fit_seconds", "fit_cpu_seconds", "predict_microseconds", "predict_cpu_microseconds", "parameters")
    lines = []
    for name in names:
        found = [median_ratio(means(rows, key), name, reference) for key in keys]
        lines.append([name, *(number(value) for value, _ in found), str(max(count for _, count in found))])
    header = ["model", "fit s", "fit processor s", "predict", "predict processor", "stored values", "sets"]
    return [f"Median over sets of the ratio to {reference}", *table(header, lines), ""]


def failure_lines(rows: list[Row]) -> list[str]:
    """What went wrong, one line for each model and kind."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["status"] != "ok":
            groups.setdefault((label(row), row["status"]), []).append(f"{row['set']}#{row['fold']}")
    return [f"{name}, {status}: {', '.join(places)}" for (name, status), places in groups.items()]


def summarise(rows: list[Row], reference: str = REFERENCE, own_folds: bool = False) -> str:
    """All tables."""
    if not rows:
        return "no results"
    lines: list[str] = []
    for metric in METRICS:
        lines += metric_table(rows, metric, own_folds)
    lines += rank_table(rows, own_folds) + win_table(rows, own_folds) + ratio_table(rows, reference)
    return "\n".join(lines + failure_lines(rows)).rstrip()


def main(argv: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("files", nargs="+", type=Path)
    add("--models", help="only these, comma-separated (with options as the tables show them)")
    add("--sets", help="only these, comma-separated")
    add("--reference", default=REFERENCE, help="model that times and sizes are compared with")
    add("--own-folds", action="store_true", help="mean over the folds each model has, not over those all have")
    options = parser.parse_args(argv)
    missing = [str(path) for path in options.files if not path.is_file()]
    if missing:
        print(f"tabular_summary.py: no such file: {', '.join(missing)}", file=sys.stderr)
        return 2
    rows = [row for path in options.files for row in read_rows(path, KEYS)]
    models, sets = (text.split(",") if text else None for text in (options.models, options.sets))
    rows = [row for row in rows if (not models or label(row) in models) and (not sets or row["set"] in sets)]
    print(summarise(rows, options.reference, options.own_folds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
