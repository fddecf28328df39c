"""Whether the data support a formula: tests on held-out rows against a constant and against a straight line.

Ranks are compared and not squares: one outlier that a formula happens to meet must not speak for it, and the tests hold
whatever the law of the noise. Of few rows ranks know little, above all where a curve has come to its end and stays
there; then squares may speak as well, without the rows that are furthest out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import FloatArray, Problem
from closedform.finish import Rows, squared_error, values_on
from closedform.noise_level import pattern_left
from closedform.symbolic.expression import Expression
from closedform.symbolic.metrics import structure_length

# Chance that held-out rows agree so well with a formula that has nothing to do with them.
_BY_CHANCE = 0.005
# And that the order of the rows agrees with that of a column.
_BEYOND_DOUBT = 1e-4
# Nats by which a formula must explain the order of the rows of the search better than its own description is long.
_MARGIN = 5.0
# Share of the rows, those furthest from the median, that squares are compared without.
_FURTHEST = 0.1
_BETTER_THAN_A_LINE = 0.05
_FEWEST_ROWS, _FEWEST_FOR_A_LINE = 5, 8


def better_than_constant(expression: Expression, whole: Problem, rows: Rows) -> bool:
    """Say whether a formula knows more about the target than its mean does.

    Parameters
    ----------
    expression : Expression
        With constants fitted to the rows of the search.
    whole : Problem
        All rows.
    rows : Rows
        Which of them were held out.

    Returns
    -------
    bool
        True if the order of the predicted values agrees with that of the target (Spearman's correlation of ranks): on
        the rows of the search, or on all rows, by more than a description of the formula costs, or on the held-out rows
        as only one of 200 would by chance, with an error below that of the mean. Or if on the rows of the search ranks
        agree as one of 200 would by chance, and squares fall by more than the description costs. Or if the formula
        rises or falls with one column, whose order is that of the target as one of 10,000 would be by chance.
    """
    values = values_on(expression, whole)
    if not np.isfinite(values[rows.train]).all():
        return False
    if any(told(expression, values, whole, rows.train) for told in (_worth_its_length, _follows, _orders)):
        return True
    if not len(rows.holdout) or not np.isfinite(values[rows.holdout]).all():
        return False
    # Few rows cannot be judged by a fifth of them; that fifth may still tip the scale.
    if _worth_its_length(expression, values, whole, np.concatenate([rows.train, rows.holdout])):
        return True
    if len(rows.holdout) < _FEWEST_ROWS:
        return False
    target, weight = whole.y[rows.holdout], _weight(whole, rows.holdout)
    mean = np.average(whole.y[rows.train], weights=_weight(whole, rows.train))
    closer = squared_error(expression, whole, rows.holdout) < float(np.average((target - mean) ** 2, weights=weight))
    return closer and _chance(*_agreement(values, whole, rows.holdout)) <= _BY_CHANCE


def _worth_its_length(expression: Expression, values: FloatArray, whole: Problem, index: NDArray[np.intp]) -> bool:
    """Whether a formula explains the order of some rows in fewer nats than it takes to describe it."""
    correlation, count = _agreement(values, whole, index)
    explained = -0.5 * count * np.log1p(-min(max(correlation, 0.0) ** 2, 1 - 1e-12))
    return bool(explained > _cost(expression, count))


def _follows(expression: Expression, values: FloatArray, whole: Problem, index: NDArray[np.intp]) -> bool:
    """Whether a formula explains the squares of some rows in fewer nats, whatever the furthest of them do."""
    correlation, count = _agreement(values, whole, index)
    if _chance(correlation, count) > _BY_CHANCE:
        return False
    target = whole.y[index]
    far = np.argsort(np.abs(target - np.median(target)), kind="stable")
    inner = index[far[: len(far) - max(1, round(_FURTHEST * len(far)))]]
    weight = np.ones(len(inner)) if whole.sample_weight is None else whole.sample_weight[inner]
    mean = np.average(whole.y[inner], weights=weight)
    before, after = (float(weight @ (whole.y[inner] - known) ** 2) for known in (mean, values[inner]))
    if not 0.0 < after < before:
        return after == 0.0 < before
    return bool(0.5 * len(inner) / len(index) * count * np.log(before / after) > _cost(expression, count))


def _orders(expression: Expression, values: FloatArray, whole: Problem, index: NDArray[np.intp]) -> bool:
    """Whether the order of one column is beyond doubt that of the target: what rises with it claims no more."""
    if len(expression.variables) != 1:
        return False
    column = whole.columns[expression.variables[0]][index]
    steps = np.diff(values[index][np.argsort(column, kind="stable")])
    if not ((steps >= 0).all() or (steps <= 0).all()):
        return False
    return _chance(*_agreement(values, whole, index)) * whole.n_features <= _BEYOND_DOUBT


def _cost(expression: Expression, count: float) -> float:
    """Nats of a formula, and those that it must bring beyond."""
    return structure_length(expression) + 0.5 * expression.n_constants * float(np.log(count)) + _MARGIN


def nothing_to_explain(whole: Problem, rows: Rows) -> bool:
    """Say whether the target shows no dependence on the columns at all, as far as smooth functions and steps can tell.

    Parameters
    ----------
    whole : Problem
        All rows.
    rows : Rows
        Which of them may be looked at.
    """
    target = whole.y[rows.train]
    ranks = _ranks(target)
    return pattern_left(whole.X[rows.train], ranks - ranks.mean()) > _BY_CHANCE


def better_than_line(expression: Expression, whole: Problem, rows: Rows) -> bool:
    """Say whether a formula is better than a straight line (a plane, with several columns), or simpler.

    Parameters
    ----------
    expression : Expression
        With constants fitted to the rows of the search.
    whole : Problem
        All rows.
    rows : Rows
        Which of them were held out.

    Returns
    -------
    bool
        False if the formula is larger than the line and its errors on held-out rows are not smaller (signed ranks, one
        in 20 by chance). True where there are too few rows to say.
    """
    n_columns = whole.n_features
    if len(rows.holdout) < _FEWEST_FOR_A_LINE or len(rows.train) < 2 * (n_columns + 1):
        return True
    if expression.complexity <= 4 * n_columns + 1:
        return True
    from scipy.stats import wilcoxon

    target, values = whole.y[rows.holdout], values_on(expression, whole)[rows.holdout]
    gain = np.abs(target - _line(whole, rows)) - np.abs(target - values)
    if not np.isfinite(gain).all() or not gain.any():
        return False
    return float(wilcoxon(gain, alternative="greater", method="approx").pvalue) <= _BETTER_THAN_A_LINE


def _line(whole: Problem, rows: Rows) -> FloatArray:
    """Predictions on the held-out rows of the line fitted to the others."""
    scale = np.abs(whole.X).max(axis=0)
    design = np.column_stack([np.ones(whole.n_samples), whole.X / np.where(scale > 0, scale, 1.0)])
    weight = _weight(whole, rows.train)
    root = np.ones(len(rows.train)) if weight is None else np.sqrt(weight / weight.max())
    solved = np.linalg.lstsq(design[rows.train] * root[:, None], whole.y[rows.train] * root, rcond=None)[0]
    return np.asarray(design[rows.holdout] @ solved, dtype=np.float64)


def _weight(whole: Problem, index: NDArray[np.intp]) -> FloatArray | None:
    return None if whole.sample_weight is None else whole.sample_weight[index]


def _agreement(values: FloatArray, whole: Problem, index: NDArray[np.intp]) -> tuple[float, float]:
    """Correlation of ranks on some rows, and how many rows of equal weight tell as much."""
    weight = (
        np.ones(len(index)) if whole.sample_weight is None else whole.sample_weight[index] / whole.sample_weight.max()
    )
    first, second = _ranks(values[index]), _ranks(whole.y[index])
    first, second = first - np.average(first, weights=weight), second - np.average(second, weights=weight)
    size = float(np.sqrt((weight @ first**2) * (weight @ second**2)))
    count = float(weight.sum() ** 2 / (weight @ weight))
    return (float(weight @ (first * second)) / size if size > 0 else 0.0), count


def _chance(correlation: float, count: float) -> float:
    """Probability of such a correlation of ranks, or a larger one, if there is no relation."""
    from scipy.special import stdtr

    degrees = max(count - 2, 1.0)
    return float(stdtr(degrees, -correlation * np.sqrt(degrees / max(1 - correlation**2, 1e-300))))


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks, equal values sharing theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - 0.5 * (count - 1))[place.reshape(-1)], dtype=np.float64)
