"""Outside the range of training: one column of a table is cut, a model learns below the cut and predicts above it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.tabular_data import TabularSet, load_set
from benchmarks.tabular_measure import regression_metrics
from benchmarks.tabular_models import load_libraries, make_model
from benchmarks.tabular_runner import Cell, Stopwatch
from benchmarks.tabular_summary import label, labels, number, table

Row = dict[str, Any]

# What makes two fits the same fit: a row with all of these equal is not measured again.
KEYS = ("set", "feature", "quantile", "max_rows", "model", "options", "seed", "threads")
# Fewer values than this are codes or levels, and beyond the last one there is nothing between them to continue.
MIN_DISTINCT = 10
MIN_OUTSIDE = 20


class Parts(NamedTuple):
    """Row numbers: to learn from, held out inside the range, and outside of it."""

    train: np.ndarray
    inside: np.ndarray
    outside: np.ndarray


def reduced(data: TabularSet, max_rows: int) -> TabularSet:
    """The table, or a random ``max_rows`` of its rows where it has more (always the same ones)."""
    if len(data.y) <= max_rows:
        return data
    rows = np.sort(np.random.default_rng(0).choice(len(data.y), max_rows, replace=False))
    return TabularSet(data.name, data.X.iloc[rows].reset_index(drop=True), data.y[rows], data.task)


def split_outside(column: pd.Series, quantile: float, seed: int) -> Parts:
    """Split rows at a quantile of a column.

    Rows up to the quantile (equal values together) are inside; a random fifth of them is held out. Rows where the
    column is missing belong to no part.
    """
    values = column.to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        inside = np.flatnonzero(values <= np.nanquantile(values, quantile))
        outside = np.flatnonzero(values > np.nanquantile(values, quantile))
    shuffled = np.random.default_rng(seed).permutation(inside)
    n_held = max(1, round(len(inside) / 5))
    return Parts(np.sort(shuffled[n_held:]), np.sort(shuffled[:n_held]), outside)


def features(data: TabularSet, quantile: float) -> list[str]:
    """Numeric columns with at least ten values, at least two of them inside, and at least twenty rows outside."""
    found = []
    for name in data.X.columns:
        column = data.X[name]
        if not pd.api.types.is_numeric_dtype(column.dtype) or column.nunique() < MIN_DISTINCT:
            continue
        parts = split_outside(column, quantile, 0)
        if len(parts.outside) >= MIN_OUTSIDE and column.iloc[parts.train].nunique() >= 2:
            found.append(str(name))
    return found


def measure(report: Callable[[dict[str, Any]], None], cell: Cell, data_dir: Path | None) -> None:
    """Fit one model below the cut and report its errors on both sides."""
    data = reduced(load_set(cell["set"], data_dir), cell["max_rows"])
    parts = split_outside(data.X[cell["feature"]], cell["quantile"], cell["seed"])
    load_libraries(cell["model"])
    model = make_model(cell["model"], data.task, seed=cell["seed"], threads=cell["threads"], options=cell["options"])
    frames = [data.X.iloc[rows].reset_index(drop=True) for rows in parts]
    targets = [data.y[rows] for rows in parts]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        with Stopwatch() as watch:
            model.fit(frames[0], targets[0])
        inside, outside = (
            regression_metrics(y, model.predict(X))["rmse"] for X, y in zip(frames[1:], targets[1:], strict=True)
        )
    # Held-out rows that are hit to the last digit would make any ratio.
    floor = 1e-12 * float(np.std(data.y))
    report({
        "n_train": len(parts.train), "n_inside": len(parts.inside), "n_outside": len(parts.outside),
        "rmse_in": inside, "rmse_out": outside, "ratio": outside / max(inside, floor),
        "deviation_out": float(np.std(targets[2])), "fit_seconds": watch.wall, "fit_cpu_seconds": watch.cpu,
        "warnings": sorted({f"{w.category.__name__}: {w.message}"[:200] for w in caught})[:5],
    })  # fmt: skip


# ------------------------------------------------------------------------------------------------ summary


def _by_model(rows: Iterable[Row], key: str) -> dict[str, dict[tuple[Any, ...], float]]:
    """Model -> (set, feature, seed, quantile, rows) -> value, from the fits that went well."""
    found: dict[str, dict[tuple[Any, ...], float]] = {}
    for row in rows:
        if row["status"] == "ok":
            place = (row["set"], row["feature"], row["seed"], row["quantile"], row["max_rows"])
            found.setdefault(label(row), {})[place] = float(row[key])
    return found


def summarise(rows: list[Row], every: bool = False) -> str:
    """Median ratios for each set and model, over the cuts that all models have (or ``every`` one of their own)."""
    ratios, errors = _by_model(rows, "ratio"), _by_model(rows, "rmse_out")
    if not ratios:
        return "no results"
    names = [name for name in labels(rows) if name in ratios]
    shared = set.intersection(*(set(ratios[name]) for name in names))
    if not shared and not every:
        return f"no cut that all of {', '.join(names)} have; --every shows each model over its own"
    kept = {name: {p: v for p, v in ratios[name].items() if every or p in shared} for name in names}
    sets = list(dict.fromkeys(place[0] for found in kept.values() for place in found))
    lines = []
    for key in sets:
        chosen = {name: [v for place, v in kept[name].items() if place[0] == key] for name in names}
        n_cuts = max(map(len, chosen.values()))
        lines.append([key, str(n_cuts), *(number(_median(chosen[name])) for name in names)])
    text = ["Median of RMSE outside / RMSE inside", *table(["set", "cuts", *names], lines), ""]
    overall = []
    for name in names:
        values = list(kept[name].values())
        worst = max(kept[name], key=lambda place: kept[name][place])
        overall.append([
            name, str(len(values)), number(_median(values)), number(float(np.quantile(values, 0.9))),
            f"{number(kept[name][worst])} {worst[0]}/{worst[1]}", number(_over_best(errors, names, shared, name)),
            number(_median([errors[names[0]][p] / errors[name][p] for p in shared if errors[name][p] > 0])),
        ])  # fmt: skip
    header = ["model", "cuts", "median ratio", "90 %", "worst", "RMSE outside/best", f"outside, {names[0]}/this"]
    failed = [f"{label(row)}, {row['status']}: {row['set']}/{row['feature']}" for row in rows if row["status"] != "ok"]
    return "\n".join([*text, *table(header, overall), *failed])


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def _over_best(
    errors: dict[str, dict[tuple[Any, ...], float]], names: list[str], shared: set[tuple[Any, ...]], name: str
) -> float | None:
    """Geometric mean of the RMSE outside over that of the model that is best there, over the shared cuts."""
    logs = [np.log(errors[name][p] / min(errors[other][p] for other in names)) for p in shared if errors[name][p] > 0]
    return float(np.exp(np.mean(logs))) if logs else None
