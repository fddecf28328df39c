r"""How many nats the rows need that a formula did not see.

Errors of a measurement may be the same everywhere, or grow with what is measured, or both: the standard deviation of a
row is taken as :math:`s \sqrt{f^2 + c^2}`, with `f` the value predicted, and `s` and `c` such that the rows are told in
the fewest nats. Otherwise a table that spans decades would be judged by its largest rows alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from closedform.choice.folds import Folds
from closedform.choice.held_out import HeldOut
from closedform.engines.base import FloatArray, Problem

_OFFSETS = 16
# The smallest offset, relative to the largest value.
_SMALLEST = 1e-6
# Rows of the inside that the variance of an end is mixed with: a few rows may agree by chance.
_PRIOR_ROWS = 3.0
# Standard deviations of the target by which a row without a value is taken to be missed.
_MISSED = 3.0


@dataclass(frozen=True, eq=False)
class RowLengths:
    """Nats of each row.

    Parameters
    ----------
    inside : ndarray of shape (n_rows,)
        When its part was left out.
    ends : ndarray of shape (n_rows,)
        When the ends that it belongs to were left out, averaged over the columns.
    model : float
        Nats that say how errors depend on what is measured.
    """

    inside: FloatArray
    ends: FloatArray
    model: float

    @property
    def rows(self) -> FloatArray:
        """Nats of each row."""
        return self.inside + self.ends

    @property
    def total(self) -> float:
        """Nats of all rows."""
        return float(self.rows.sum()) + self.model


def row_lengths(found: HeldOut, problem: Problem, folds: Folds) -> RowLengths | None:
    """Nats of each row as a formula predicts it; None where it has no value on a row inside the data.

    Parameters
    ----------
    found : HeldOut
        Predictions of rows that were left out.
    problem : Problem
        The rows.
    folds : Folds
        What was left out.
    """
    if not np.isfinite(found.inside).all():
        return None
    weight = np.ones(problem.n_samples) if problem.sample_weight is None else problem.sample_weight
    weight = weight / weight.mean()
    errors = _Errors.least(found.inside, problem.y, weight, problem.sigma)
    ends, spread = np.zeros(problem.n_samples), _MISSED * float(np.std(problem.y))
    for rows, values in zip(folds.ends, found.ends, strict=True):
        there = np.isfinite(values)
        predicted = np.where(there, values, problem.y[rows] + spread)
        ends[rows] += errors.at_end(predicted, problem.y[rows], weight[rows])
    model = 0.0 if np.isinf(errors.offset) else 0.5 * float(np.log(problem.n_samples))
    return RowLengths(errors.lengths, ends / max(folds.n_columns, 1), model)


@dataclass(frozen=True, eq=False)
class _Errors:
    """How errors depend on the value: offset `c` (infinite: not at all), mean square `s^2`, nats of each row."""

    offset: float
    square: float
    lengths: FloatArray
    known: bool

    @classmethod
    def least(cls, values: FloatArray, y: FloatArray, weight: FloatArray, sigma: float | None) -> _Errors:
        """The dependence that tells these rows in the fewest nats."""
        if sigma is not None:
            return cls(np.inf, sigma * sigma, _nats((y - values) ** 2, sigma * sigma / weight), True)
        size = np.abs(y)
        largest = float(size.max()) or 1.0
        smallest = max(float(size[size > 0].min(initial=largest)), _SMALLEST * largest)
        tried = [cls._with(offset, values, y, weight) for offset in np.geomspace(smallest, largest, _OFFSETS)]
        best = min(tried, key=lambda one: float(one.lengths.sum()))
        alike = cls._with(np.inf, values, y, weight)
        cost = 0.5 * float(np.log(len(y)))
        return best if best.lengths.sum() + cost < alike.lengths.sum() else alike

    @classmethod
    def _with(cls, offset: float, values: FloatArray, y: FloatArray, weight: FloatArray) -> _Errors:
        shape = _shape(offset, values) / weight
        square = max(float(np.mean((y - values) ** 2 / shape)), 1e-300)
        return cls(offset, square, _nats((y - values) ** 2, square * shape), False)

    def at_end(self, values: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Nats of rows beyond those that the constants come from; their errors may be larger."""
        shape = _shape(self.offset, values) / weight
        if self.known:
            return _nats((y - values) ** 2, self.square * shape)
        mixed = float(np.sum((y - values) ** 2 / shape)) + _PRIOR_ROWS * self.square
        return _nats((y - values) ** 2, mixed / (len(y) + _PRIOR_ROWS) * shape)


def _shape(offset: float, values: FloatArray) -> FloatArray:
    return np.ones(len(values)) if np.isinf(offset) else values**2 + offset**2


def _nats(squares: FloatArray, variance: FloatArray) -> FloatArray:
    result: FloatArray = 0.5 * (np.log(variance) + squares / variance)
    return result


def by_errors(problem: Problem, values: FloatArray) -> Problem:
    """The rows with weights as their errors ask for, where errors grow with what is measured; else the same problem.

    Least squares of a table over decades would leave the small values to chance, and a formula with them.

    Parameters
    ----------
    problem : Problem
        The rows.
    values : ndarray of shape (n_rows,)
        The best that is known about them, finite.
    """
    if problem.sample_weight is not None or problem.sigma is not None:
        return problem
    errors = _Errors.least(values, problem.y, np.ones(problem.n_samples), None)
    if np.isinf(errors.offset):
        return problem
    weight = 1 / _shape(errors.offset, values)
    return replace(problem, sample_weight=weight / weight.mean())


def fitted_length(values: FloatArray, problem: Problem) -> float:
    """Nats of the rows by values that were fitted to them.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Finite.
    problem : Problem
        The rows.
    """
    weight = np.ones(problem.n_samples) if problem.sample_weight is None else problem.sample_weight
    return float(_Errors.least(values, problem.y, weight / weight.mean(), problem.sigma).lengths.sum())
