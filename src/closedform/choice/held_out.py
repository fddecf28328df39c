"""A formula's predictions of rows that its constants were not fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from closedform.choice.folds import Folds, IntArray
from closedform.engines.base import FloatArray, Problem
from closedform.finish import refitted, values_on
from closedform.symbolic.expression import Expression

# Constants are near their place to begin with.
_STEPS = 20


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a formula says about rows that it did not see.

    Parameters
    ----------
    expression : Expression
        The formula, with constants from all rows.
    inside : ndarray of shape (n_rows,)
        The value of each row by the constants fitted without its part of the rows.
    ends : tuple of ndarray
        The values of the rows of each end by the constants fitted without them.
    constants : ndarray of shape (n_parts, n_constants)
        The constants fitted without each part.
    """

    expression: Expression
    inside: FloatArray
    ends: tuple[FloatArray, ...]
    constants: FloatArray

    @property
    def spreads(self) -> FloatArray:
        """Standard error of each constant from how it changes when parts are left out (the jackknife).

        It needs no law of the noise: a constant that hangs on one row is seen to do so.
        """
        n_parts = len(self.constants)
        squares = np.sum((self.constants - self.constants.mean(axis=0)) ** 2, axis=0)
        return np.asarray(np.sqrt((n_parts - 1) / n_parts * squares), dtype=np.float64)


def held_out(
    expression: Expression, problem: Problem, folds: Folds, expired: Callable[[], bool] = lambda: False
) -> HeldOut | None:
    """Fit a formula without each part of the rows and without each end, and predict what was left out.

    Parameters
    ----------
    expression : Expression
        The formula, fitted to all rows.
    problem : Problem
        The rows.
    folds : Folds
        What to leave out.
    expired : callable, optional
        Whether the time is used up.

    Returns
    -------
    HeldOut or None
        None if the time was not enough. Values may be nan or infinite.
    """
    inside, constants = np.full(problem.n_samples, np.nan), []
    for part in folds.parts:
        if expired():
            return None
        fitted = _without(expression, problem, part)
        inside[part] = values_on(fitted, problem.rows(part))
        constants.append(fitted.constants)
    ends = []
    for end in folds.ends:
        if expired():
            return None
        ends.append(values_on(_without(expression, problem, end), problem.rows(end)))
    return HeldOut(expression, inside, tuple(ends), np.array(constants, dtype=np.float64))


def _without(expression: Expression, problem: Problem, left_out: IntArray) -> Expression:
    if not expression.n_constants:
        return expression
    rest = problem.rows(np.setdiff1d(np.arange(problem.n_samples), left_out, assume_unique=True))
    return refitted(expression, rest, _STEPS)
