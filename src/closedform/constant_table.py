"""The constants of a formula with what the data know about them: standard errors and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from closedform.exceptions import InputError
from closedform.formulas import Formula

# From so many degrees of freedom on Student's law is the normal one to three digits, and SciPy need not be loaded.
_ENOUGH_ROWS = 200


@dataclass(frozen=True)
class ConstantRow:
    """One fitted constant of a formula.

    Parameters
    ----------
    value : float
        The constant.
    standard_error : float
        Infinite for a constant that the data do not fix.
    low, high : float
        Ends of the interval that holds the true constant at the level asked for.
    """

    value: float
    standard_error: float
    low: float
    high: float


def constant_rows(formula: Formula, n_rows: int, level: float = 0.95) -> list[ConstantRow]:
    """The fitted constants of a formula from left to right.

    Parameters
    ----------
    formula : Formula
        With standard errors.
    n_rows : int
        Rows that its constants were fitted to.
    level : float, default=0.95
        Share of cases in which an interval holds the true constant, if the form of the formula is right; between 0
        and 1.

    Raises
    ------
    InputError
        For a level that is no share.
    """
    if isinstance(level, bool) or not isinstance(level, float | int) or not 0 < level < 1:
        raise InputError(f"level must be a number between 0 and 1 such as 0.95, got {level!r}.")
    constants = formula.expression.constants
    reach = _quantile(0.5 + 0.5 * level, None if formula.has_chi2 else n_rows - len(constants))
    return _rows(constants, formula.standard_errors, reach)


def _rows(constants: Sequence[float], errors: Sequence[float], reach: float) -> list[ConstantRow]:
    pairs = zip(constants, errors, strict=True)
    return [ConstantRow(value, error, value - reach * error, value + reach * error) for value, error in pairs]


def _quantile(share: float, degrees: int | None) -> float:
    """Quantile of the normal law where the noise is known, of Student's where it was estimated."""
    from statistics import NormalDist

    if degrees is None or degrees > _ENOUGH_ROWS:
        return NormalDist().inv_cdf(share)
    if degrees < 1:
        return math.inf
    from scipy.special import stdtrit

    return float(stdtrit(degrees, share))
