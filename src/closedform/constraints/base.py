"""What all constraints share: they can be asked about a form, and about values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from closedform.exceptions import InputError, did_you_mean
from closedform.symbolic.expression import Expression
from closedform.symbolic.operators import OPERATORS

if TYPE_CHECKING:
    from closedform.constraints.region import Region


class Verdict(Enum):
    """How a formula stands to a constraint.

    Attributes
    ----------
    value : str
        ``"proven"``: it holds at every point of the box on which the formula has a value. ``"checked"``: no point was
        found where it does not hold. ``"broken"``: it does not hold.
    """

    PROVEN = "proven"
    CHECKED = "checked"
    BROKEN = "broken"


class Constraint:
    """A small record of one thing that every formula must keep to."""

    def columns(self) -> tuple[str, ...]:
        """Return the columns that it speaks of."""
        return ()

    def operators(self) -> tuple[str, ...]:
        """Return the operators that no formula may contain because of it."""
        return ()

    def admits_form(self, expression: Expression) -> bool:
        """Say whether it holds for the form of a formula, whatever the free constants are."""
        del expression
        return True

    def verdict(self, expression: Expression, region: Region) -> Verdict:
        """Say whether it holds for a formula with its constants.

        Parameters
        ----------
        expression : Expression
        region : Region
            Where the values of the formula matter.
        """
        del region
        return Verdict.PROVEN if self.admits_form(expression) else Verdict.BROKEN


# --- checks of what users write ---------------------------------------------------------------------------------------


def checked_operator(kind: str, name: object) -> str:
    """Return the name of an operator, or raise InputError with the nearest one."""
    if isinstance(name, str) and name in OPERATORS:
        return name
    hint = did_you_mean(name, OPERATORS) if isinstance(name, str) else ""
    raise InputError(f"{kind}: there is no operator {name!r}{hint}. Known: {', '.join(OPERATORS)}.")


def checked_column(kind: str, name: object) -> str:
    """Return the name of a column, or raise InputError."""
    if not isinstance(name, str) or not name:
        raise InputError(f"{kind} needs the name of a column, got {name!r}.")
    return name


def checked_names(kind: str, what: str, names: object) -> tuple[str, ...]:
    """Return one name or several as a tuple of at least one, or raise InputError."""
    listed = (names,) if isinstance(names, str) else tuple(names) if isinstance(names, Iterable) else ()
    if not listed:
        raise InputError(f"{kind} needs at least one {what}, got {names!r}.")
    return listed


def checked_number(kind: str, what: str, value: object) -> float:
    """Return a finite number as a float, or raise InputError."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real) or not math.isfinite(value):
        raise InputError(f"{kind}: {what} must be a number, got {value!r}.")
    return float(value)


def checked_count(kind: str, what: str, value: object, least: int) -> int:
    """Return a whole number of at least `least`, or raise InputError."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or int(value) < least:  # type: ignore[call-overload]
        raise InputError(f"{kind}: {what} must be a whole number of at least {least}, got {value!r}.")
    return int(value)  # type: ignore[call-overload]


def checked_where(kind: str, where: object) -> dict[str, tuple[float, float]]:
    """Return the ranges of columns for which a shape is asked, or raise InputError."""
    if where is None:
        return {}
    if not isinstance(where, Mapping):
        raise InputError(f'{kind}: where must give ranges of columns, as in {{"x": (0, 10)}}, got {where!r}.')
    ranges = {}
    for name, pair in where.items():
        column = checked_column(kind, name)
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise InputError(f"{kind}: the range of {column!r} must be a pair (low, high), got {pair!r}.")
        low, high = (checked_number(kind, f"the range of {column!r}", end) for end in pair)
        if low > high:
            raise InputError(f"{kind}: the range of {column!r} must be a pair low <= high, got ({low:g}, {high:g}).")
        ranges[column] = (low, high)
    return ranges
