r"""The last fit of a formula's constants, to all rows however many there are.

The formula comes with constants that are nearly right, from a part of the rows. A few Gauss-Newton steps on the whole
table finish them: the sums :math:`J^T W J` and :math:`J^T W r` are collected block by block, so that memory does not
grow with the table, and the clock is looked at between steps.

Constants that had been rounded to short decimals stay as they are unless all rows together speak against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import Budget, FloatArray, Problem
from closedform.finish import loss_of, squared_error, used_columns, values_on
from closedform.formulas import Formula
from closedform.losses import Loss, SquaredLoss
from closedform.symbolic.evaluate import jacobian_constants
from closedform.symbolic.expression import Expression
from closedform.symbolic.idle import without_idle_terms
from closedform.symbolic.metrics import rounding_error

_BLOCK = 65_536
_MOST_STEPS = 30
# A step that brings less than this fraction of the loss is the last one.
_TOLERANCE = 1e-10
_DAMPINGS = (0.0, 1e-6, 1e-3, 1.0)
# Directions below this, relative to columns of norm one, are left alone (the square of what float64 resolves).
_RANK_TOLERANCE = 1e-13
# A constant with so few digits has been rounded.
_FEW_DIGITS = 4
# It may stay where it is up to this many standard errors from its best value.
_BY_CHANCE = 2.5


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over all rows at one set of constants, the columns of J divided by `norms`."""

    curvature: FloatArray
    gradient: FloatArray
    norms: FloatArray
    mean_square: float
    n_rows: int

    def step(self, free: NDArray[np.bool_], damping: float) -> FloatArray:
        """What a damped Gauss-Newton step changes."""
        step = np.zeros(len(free))
        curvature = self.curvature[np.ix_(free, free)] + damping * np.eye(int(free.sum()))
        step[free] = np.linalg.lstsq(curvature, self.gradient[free], rcond=_RANK_TOLERANCE)[0] / self.norms[free]
        return step

    def standard_errors(self, noise: float | None) -> tuple[float, ...]:
        """As :func:`closedform.symbolic.refit.standard_errors`; infinite where the data do not fix the constant."""
        left = self.n_rows - len(self.norms)
        if left <= 0 and noise is None:
            return (float("inf"),) * len(self.norms)
        eigenvalues, vectors = np.linalg.eigh(self.curvature)
        kept = eigenvalues > _RANK_TOLERANCE * eigenvalues[-1]
        variance = np.sum(vectors[:, kept] ** 2 / eigenvalues[kept], axis=1)
        loose = np.sum(vectors[:, ~kept] ** 2, axis=1) > 1e-6
        sigma = np.sqrt(self.mean_square * self.n_rows / left) if noise is None else noise
        return tuple(np.where(loose, np.inf, sigma * np.sqrt(variance) / self.norms).tolist())


def fit_to_all_rows(formula: Formula, whole: Problem, budget: Budget) -> Formula:
    """The same formula with constants and standard errors from all rows.

    Parameters
    ----------
    formula : Formula
        With constants from some of the rows.
    whole : Problem
        All rows.
    budget : Budget
        Nothing is done once it is used up; then the constants stay as they are.

    Returns
    -------
    Formula
        Never worse on all rows than the one given, up to what keeping rounded constants costs. Its losses stay: they
        belong to the constants before this fit. The formula given, where the new constants are not admitted, or where
        they would make a constant of one of its terms.
    """
    expression = formula.expression
    if not expression.n_constants or budget.expired() or not np.isfinite(values_on(expression, whole)).all():
        return formula
    if not _is_exact(expression, whole):
        expression = _with_rounded_kept(expression, whole, budget)
        if not whole.admits(expression) or without_idle_terms(expression, whole.columns, whole.y) is not expression:
            return formula
    return replace(formula, expression=expression, standard_errors=_errors(expression, whole))


def _with_rounded_kept(expression: Expression, whole: Problem, budget: Budget) -> Expression:
    """The best constants, but those that had been rounded stay where the difference may be chance."""
    every = np.ones(expression.n_constants, dtype=bool)
    free = _minimised(expression, whole, every, budget)
    before, after = np.array(expression.constants), np.array(free.constants)
    few = np.array([float(f"{value:.{_FEW_DIGITS}g}") == value for value in before])
    kept = few & (np.abs(after - before) <= _BY_CHANCE * np.array(_errors(free, whole)))
    if not kept.any():
        return free
    rounded = _minimised(expression.with_constants(np.where(kept, before, after)), whole, ~kept, budget)
    # Each may be near enough alone and all together not: their errors depend on one another.
    least = loss_of(free, whole)
    rise = whole.n_samples * (loss_of(rounded, whole) - least)
    return rounded if rise <= _BY_CHANCE**2 * kept.sum() * least else free


def _errors(expression: Expression, whole: Problem) -> tuple[float, ...]:
    # Those of least squares: the weights that hold outliers back are no inverse variances.
    return _sums(expression, whole, SquaredLoss()).standard_errors(whole.sigma)


def _is_exact(expression: Expression, whole: Problem) -> bool:
    return squared_error(expression, whole) <= rounding_error(whole.y, whole.sample_weight) ** 2


def _minimised(expression: Expression, whole: Problem, free: NDArray[np.bool_], budget: Budget) -> Expression:
    """The formula with its free constants moved to where the loss on all rows is least, as far as time allows."""
    best = loss_of(expression, whole)
    for _ in range(_MOST_STEPS):
        if budget.expired():
            break
        before, sums = best, _sums(expression, whole, whole.loss)
        for damping in _DAMPINGS:
            moved = np.array(expression.constants) + sums.step(free, damping)
            trial = expression.with_constants(moved) if np.isfinite(moved).all() else expression
            loss = loss_of(trial, whole)
            if loss < best:
                expression, best = trial, loss
                break
        if best >= before * (1 - _TOLERANCE):
            break
    return expression


def _sums(expression: Expression, whole: Problem, loss: Loss) -> _Sums:
    """Collect the sums block by block; other losses than the square enter by the weights of their rows."""
    n_constants = expression.n_constants
    curvature, gradient = np.zeros((n_constants, n_constants)), np.zeros(n_constants)
    norms = np.ones(n_constants)
    squares = mass = 0.0
    for jacobian, y, residual, weight in _blocks(expression, whole):
        if mass == 0.0:
            # Columns of comparable size keep the sums, which are squares, within reach of float64.
            norms = _norms(jacobian)
        scaled = jacobian / norms
        squares += float(weight @ residual**2)
        mass += float(weight.sum())
        if not isinstance(loss, SquaredLoss):
            weight = weight * loss.weight_at(y, y - residual)
        curvature += scaled.T @ (weight[:, None] * scaled)
        gradient += scaled.T @ (weight * residual)
    return _Sums(curvature, gradient, norms, squares / mass, whole.n_samples)


def _norms(jacobian: FloatArray) -> FloatArray:
    largest = np.max(np.abs(jacobian), axis=0)
    return np.where(largest > 0.0, largest, 1.0)


def _blocks(expression: Expression, whole: Problem) -> Iterator[tuple[FloatArray, FloatArray, FloatArray, FloatArray]]:
    """Jacobian, target, residuals and weights (of mean 1) of one block of rows after the other."""
    columns = used_columns(expression, whole)
    mean_weight = 1.0 if whole.sample_weight is None else float(whole.sample_weight.mean())
    for start in range(0, whole.n_samples, _BLOCK):
        rows = slice(start, start + _BLOCK)
        y = whole.y[rows]
        # A formula without variables has one row wherever it is evaluated; a column that it ignores gives it the rest.
        part = {name: np.ascontiguousarray(column[rows]) for name, column in columns.items()} or {"": y}
        values, jacobian = jacobian_constants(expression, part)
        weight = np.ones(len(y)) if whole.sample_weight is None else whole.sample_weight[rows] / mean_weight
        yield np.where(np.isfinite(jacobian), jacobian, 0.0), y, y - values, weight
