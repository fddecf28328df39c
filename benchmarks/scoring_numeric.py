"""How close is the model? Errors on fresh rows, the second verdict on a wider range, the verdict on the form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.problems import JUDGE, Problem
from benchmarks.scoring_tree import Formula, read_formula

Report = Callable[[dict[str, Any]], None]

N_ROWS = 2000
SAME = 1e-6  # relative agreement that the second verdict asks for
SHARE = 0.99  # of the rows; the rest may sit beside a pole
MAX_UNDEFINED = 0.5  # share of the wider rows where the model may have no value: exp(log(x - y)) is x - y above 0
MAX_REFITTED = 40  # constants
N_REFIT = 400  # rows that they are refitted to


def relative_rmse(y: np.ndarray, predicted: np.ndarray) -> float | None:
    """Root mean square error over the standard deviation of y; None where a prediction is not finite."""
    if not np.all(np.isfinite(predicted)):
        return None
    peak = float(np.abs(y).max()) or 1.0
    spread = float(np.std(y / peak))
    if spread == 0:
        return None
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.mean(((predicted - y) / peak) ** 2)) / spread)


def largest_deviation(values: np.ndarray, reference: np.ndarray) -> float | None:
    """Largest relative deviation over the rows; values below a millionth of the median size count as that size."""
    ok = np.isfinite(reference)
    if not np.all(np.isfinite(values[ok])) or not ok.any():
        return None
    size = np.abs(reference[ok])
    floor = 1e-6 * float(np.median(size)) or np.finfo(float).tiny
    return float(np.max(np.abs(values[ok] - reference[ok]) / np.maximum(size, floor)))


def score_predictions(report: Report, problem: Problem, seed: int, predicted: np.ndarray, text: str) -> None:
    """Report ``r2`` and ``rel_rmse`` of predictions on fresh clean rows, and how far the text is from them."""
    X, y = problem.test_rows(len(predicted), seed)
    error = relative_rmse(y, predicted)
    report({"rel_rmse": error, "r2": None if error is None else 1.0 - error**2})
    values = read_formula(text, problem.names).values(dict(zip(problem.names, X.T, strict=True)))
    report({"text_deviation": largest_deviation(values, predicted)})


# ------------------------------------------------------------------------------------------------ wider range


def wide_rows(problem: Problem) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Rows on a range twice as wide where the truth is defined."""
    rng = problem.rng(1, JUDGE)
    X = np.column_stack([v.wider().draw(8 * N_ROWS, rng) for v in problem.variables])
    y = problem.formula.values(dict(zip(problem.names, X.T, strict=True)))
    rows = np.flatnonzero(np.isfinite(y))[:N_ROWS]
    return dict(zip(problem.names, X[rows].T, strict=True)), y[rows]


def _deviation(values: np.ndarray, reference: np.ndarray) -> float:
    """The deviation that a share :data:`SHARE` of the rows stays below, relative to max(|row|, median size)."""
    size = np.abs(reference)
    size = np.maximum(size, np.median(size))
    return float(np.quantile(np.abs(values - reference) / np.where(size > 0, size, 1.0), SHARE))


def agreement(model: np.ndarray, truth: np.ndarray) -> float | None:
    """Smallest of the deviations of model, model plus a constant, model times a constant from the truth."""
    ok = np.isfinite(model)
    if ok.mean() < 1.0 - MAX_UNDEFINED:
        return None
    model, truth = model[ok], truth[ok]
    if np.ptp(model) == 0:
        return None
    middle = np.argsort(np.abs(truth))[len(truth) // 2]
    with np.errstate(all="ignore"):
        shifted = model - np.median(model - truth)
        found = [_deviation(model, truth), _deviation(shifted, truth)]
        if model[middle] != 0:
            found.append(_deviation(model * (truth[middle] / model[middle]), truth))
        ratios = truth / model
        if np.isfinite(ratios).any():
            found.append(_deviation(model * np.median(ratios[np.isfinite(ratios)]), truth))
    finite = [value for value in found if np.isfinite(value)]
    return min(finite) if finite else None


def judge_wide(report: Report, problem: Problem, text: str, truth_text: str | None = None) -> None:
    """Report ``numeric_wide``: do model and truth agree on a wider range, up to an added or multiplied constant?

    ``truth_text`` replaces the truth (its constants rounded as those of the model were).
    """
    columns, y = wide_rows(problem)
    if len(y) < N_ROWS // 10:
        report({"numeric_wide": None, "wide_deviation": None})
        return
    if truth_text is not None:
        y = read_formula(truth_text, problem.names).values(columns)
        keep = np.isfinite(y)
        columns, y = {name: x[keep] for name, x in columns.items()}, y[keep]
    found = agreement(read_formula(text, problem.names).values(columns), y)
    report({"numeric_wide": found is not None and found <= SAME, "wide_deviation": found})


# ------------------------------------------------------------------------------------------------ form


def judge_structure(report: Report, problem: Problem, text: str) -> None:
    """Report ``structure``: with its constants refitted to clean rows, is the model the truth?

    The decimals of the text are free, whole numbers are not; a factor in front is allowed, or an added constant.
    Agreement is asked to 1e-6 of the standard deviation on rows from the ranges, and to 1e-4 on a range twice as
    wide, where an approximation would part from the truth.
    """
    model = read_formula(text, problem.names)
    if len(model.constants) > MAX_REFITTED:
        report({"structure": None})
        return
    X, y = problem.draw(N_ROWS, problem.rng(2, JUDGE))
    rows = dict(zip(problem.names, X.T, strict=True))
    far, y_far = wide_rows(problem)
    for combine in (lambda values, extra: values * extra, lambda values, extra: values + extra):
        start = 1.0 if combine(1.0, 1.0) == 1.0 else 0.0
        few = {name: x[:N_REFIT] for name, x in rows.items()}
        constants = _refit(model, few, y[:N_REFIT], combine, start)
        near_error = relative_rmse(y, _combined(model, rows, constants, combine))
        far_values = _combined(model, far, constants, combine)
        ok = np.isfinite(far_values)
        if near_error is None or near_error > SAME or ok.mean() < 1.0 - MAX_UNDEFINED:
            continue
        if _deviation(far_values[ok], y_far[ok]) <= 1e-4:
            report({"structure": True})
            return
    report({"structure": False})


def _combined(model: Formula, rows: dict[str, np.ndarray], constants: np.ndarray, combine: Any) -> np.ndarray:
    with np.errstate(all="ignore"):
        return combine(model.values(rows, constants[:-1]), constants[-1])


def _refit(model: Formula, rows: dict[str, np.ndarray], y: np.ndarray, combine: Any, start: float) -> np.ndarray:
    """Constants with the least squares on the rows, from those of the text and from three nudged copies."""
    from scipy.optimize import least_squares

    peak = float(np.abs(y).max()) or 1.0
    first = np.array([*model.constants, start])
    size = np.where(first == 0, 1.0, np.abs(first))
    rng = np.random.default_rng(0)

    def residual(steps: np.ndarray) -> np.ndarray:
        off = (_combined(model, rows, first + steps * size, combine) - y) / peak
        return np.clip(np.nan_to_num(off, nan=1e6, posinf=1e6, neginf=-1e6), -1e6, 1e6)

    best, least = first, np.inf
    for k in range(4):
        nudge = np.zeros(len(first)) if k == 0 else rng.normal(0.0, 0.03, len(first))
        fit = least_squares(residual, nudge, method="trf", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=100)
        if fit.cost < least:
            best, least = first + fit.x * size, fit.cost
        if np.sqrt(2 * least / len(y)) < 1e-9:
            break
    return best
