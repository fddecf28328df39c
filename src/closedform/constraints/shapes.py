"""Constraints on the values of a formula: rising or falling, curved, within bounds, of one sign, known at a point.

A shape is asked for where a formula has values: points of the box at which it has none break nothing, except for
`ValueAt`. A difference at rounding level, a trillionth of the largest target, breaks nothing either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from closedform.constraints.base import (
    Verdict,
    checked_column,
    checked_number,
    checked_where,
)
from closedform.constraints.probes import ROUNDING, Probe, Proof, Shape
from closedform.constraints.region import Box, FloatArray, Region
from closedform.exceptions import InputError
from closedform.symbolic.derivative import derivative
from closedform.symbolic.expression import Expression, constant
from closedform.symbolic.intervals import bounds, is_defined

# Points looked at in a part of the box for which there is no proof.
_POINTS_OF_A_PART, _LINES_OF_A_PART = 24, 4
_JUMPS, _KINKS = frozenset({"sign"}), frozenset({"sign", "abs", "min", "max"})


def _check_where(shape: Shape) -> None:
    object.__setattr__(shape, "where", checked_where(type(shape).__name__, shape.where))


# --- bounds and signs -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bounds(Shape):
    """Values lie between two numbers, both allowed.

    Parameters
    ----------
    low : float, optional
        Smallest value allowed.
    high : float, optional
        Largest value allowed.
    where : mapping of str to (float, float), optional
        Ranges of columns other than those of the data; a wider one reaches beyond the data.

    Examples
    --------
    >>> Bounds(low=0, high=1)
    Bounds(low=0.0, high=1.0, where={})
    """

    low: float | None = None
    high: float | None = None
    where: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise InputError("Bounds needs low, high or both, got neither.")
        for end in ("low", "high"):
            if getattr(self, end) is not None:
                object.__setattr__(self, end, checked_number("Bounds", end, getattr(self, end)))
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InputError(f"Bounds: low must not be above high, got low={self.low:g} and high={self.high:g}.")
        _check_where(self)

    def probes(self, names: tuple[str, ...], region: Region, sparse: bool = False) -> list[Probe]:
        """Return where to look at formulas of these variables."""
        return _within(self.low, self.high, _points(names, region, sparse))

    def proof(self, expression: Expression) -> Proof:
        """Return a test of boxes: whether interval arithmetic keeps the values within the bounds."""

        def proven(box: Box) -> bool:
            low, high = bounds(expression, box)
            return (self.low is None or low >= self.low) and (self.high is None or high <= self.high)

        return proven


@dataclass(frozen=True)
class Positive(Shape):
    """Values are above 0.

    Parameters
    ----------
    where : mapping of str to (float, float), optional
        Ranges of columns other than those of the data.
    """

    where: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check_where(self)

    def probes(self, names: tuple[str, ...], region: Region, sparse: bool = False) -> list[Probe]:
        """Return where to look at formulas of these variables."""
        return _within(0.0, None, _points(names, region, sparse), strict=True)

    def proof(self, expression: Expression) -> Proof:
        """Return a test of boxes: whether interval arithmetic keeps the values above 0."""
        return lambda box: bounds(expression, box)[0] > 0.0


@dataclass(frozen=True)
class Negative(Shape):
    """Values are below 0.

    Parameters
    ----------
    where : mapping of str to (float, float), optional
        Ranges of columns other than those of the data.
    """

    where: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check_where(self)

    def probes(self, names: tuple[str, ...], region: Region, sparse: bool = False) -> list[Probe]:
        """Return where to look at formulas of these variables."""
        return _within(None, 0.0, _points(names, region, sparse), strict=True)

    def proof(self, expression: Expression) -> Proof:
        """Return a test of boxes: whether interval arithmetic keeps the values below 0."""
        return lambda box: bounds(expression, box)[1] < 0.0


def _same(values: FloatArray) -> FloatArray:
    return values


def _points(names: tuple[str, ...], region: Region, sparse: bool) -> dict[str, FloatArray]:
    return region.points(names, _POINTS_OF_A_PART) if sparse else region.points(names)


def _within(
    low: float | None, high: float | None, points: Mapping[str, FloatArray], strict: bool = False
) -> list[Probe]:
    below = [] if low is None else [Probe(points, low, _same, strict=strict)]
    return below if high is None else [*below, Probe(points, -high, np.negative, strict=strict)]


# --- slopes and curvature ---------------------------------------------------------------------------------------------


class _AlongColumn(Shape):
    """A derivative along a column keeps its sign: the first one of `Monotone`, the second one of `Convex`."""

    column: str
    _order: ClassVar[int]
    # Name of the field that says which sign.
    _flag: ClassVar[str]
    # Operators that jump, or have a kink where that matters: there the sign of the derivative says nothing.
    _breaks: ClassVar[frozenset[str]]

    def __post_init__(self) -> None:
        kind = type(self).__name__
        checked_column(kind, self.column)
        _checked_flag(kind, self._flag, self._upwards)
        _check_where(self)

    @property
    def _upwards(self) -> bool:
        return getattr(self, self._flag)

    def columns(self) -> tuple[str, ...]:
        """Return the columns that it speaks of."""
        return (self.column, *self.where)

    def probes(self, names: tuple[str, ...], region: Region, sparse: bool = False) -> list[Probe]:
        """Return where to look at formulas of these variables."""
        return _along(self.column, names, region, sparse, self._order, self._upwards)

    def proof(self, expression: Expression) -> Proof:
        """Return a test of boxes: whether the derivative provably keeps its sign, with no jump and (second) no kink."""
        if self.column not in expression.variables:
            return lambda box: True
        slope = expression
        for _ in range(self._order):
            slope = derivative(slope, self.column).canonical()
        return lambda box: _keeps_sign(slope, box, self._upwards) and _is_continuous(expression, box, self._breaks)


@dataclass(frozen=True)
class Monotone(_AlongColumn):
    """Values never fall, or never rise, as a column grows and the others stay.

    A formula without the column keeps to it.

    Parameters
    ----------
    column : str
        The column.
    increasing : bool, default=True
        Whether they never fall; else they never rise.
    where : mapping of str to (float, float), optional
        Ranges of columns other than those of the data.

    Examples
    --------
    >>> Monotone("dose", increasing=False)
    Monotone(column='dose', increasing=False, where={})
    """

    column: str
    increasing: bool = True
    where: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)

    _order, _flag, _breaks = 1, "increasing", _JUMPS


@dataclass(frozen=True)
class Convex(_AlongColumn):
    """Values curve upwards, or downwards, along a column while the others stay.

    Parameters
    ----------
    column : str
        The column.
    upwards : bool, default=True
        Whether they curve upwards (convex); else downwards (concave).
    where : mapping of str to (float, float), optional
        Ranges of columns other than those of the data.
    """

    column: str
    upwards: bool = True
    where: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)

    _order, _flag, _breaks = 2, "upwards", _KINKS


def _checked_flag(kind: str, name: str, value: object) -> None:
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{kind}: {name} must be True or False, got {value!r}.")


def _along(column: str, names: tuple[str, ...], region: Region, sparse: bool, order: int, upwards: bool) -> list[Probe]:
    """Differences of neighbours on lines along a column."""
    if column not in names:
        return []
    lines, steps = (_LINES_OF_A_PART, 9) if sparse else (48, 41)
    sign = 1.0 if upwards else -1.0

    def differences(values: FloatArray) -> FloatArray:
        table = values.reshape(-1, steps, values.shape[1])
        return sign * np.diff(table, n=order, axis=1).reshape(-1, values.shape[1])

    return [Probe(region.lines(names, column, lines, steps), 0.0, differences)]


def _keeps_sign(slope: Expression, box: Box, upwards: bool) -> bool:
    low, high = bounds(slope, box)
    largest = max(abs(low), abs(high))
    if not np.isfinite(largest):
        return low >= 0.0 if upwards else high <= 0.0
    return low >= -ROUNDING * largest if upwards else high <= ROUNDING * largest


def _is_continuous(expression: Expression, box: Box, breaks: frozenset[str]) -> bool:
    """Whether values provably make no jump: defined everywhere, no operator that jumps, no tangent across a pole."""
    for node in expression.walk():
        if node.kind != "apply":
            continue
        if node.op.name in breaks or (node.op.name == "tan" and not np.isfinite(bounds(node, box)).all()):
            return False
    return is_defined(expression, box)


# --- values at points -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ValueAt(Shape):
    """The value at a point is known; it holds to rounding.

    Parameters
    ----------
    point : mapping of str to float
        Values of columns. Where some columns are not named, the value is known whatever they are.
    value : float
        The value there.

    Examples
    --------
    >>> ValueAt({"t": 0}, 1)
    ValueAt(point={'t': 0.0}, value=1.0)
    """

    point: Mapping[str, float] = field(hash=False)
    value: float

    def __post_init__(self) -> None:
        if not isinstance(self.point, Mapping) or not self.point:
            raise InputError(f'ValueAt needs a point such as {{"x": 0}}, got {self.point!r}.')
        point = {
            checked_column("ValueAt", name): checked_number("ValueAt", f"the value of {name!r}", value)
            for name, value in self.point.items()
        }
        object.__setattr__(self, "point", point)
        object.__setattr__(self, "value", checked_number("ValueAt", "the value", self.value))

    def columns(self) -> tuple[str, ...]:
        """Return the columns that it speaks of."""
        return tuple(self.point)

    def probes(self, names: tuple[str, ...], region: Region, sparse: bool = False) -> list[Probe]:
        """Return where to look at formulas of these variables."""
        points: dict[str, FloatArray] = {}
        others = tuple(name for name in names if name not in self.point)
        if others:
            points.update(_points(others, region, sparse))
        length = max((len(values) for values in points.values()), default=1)
        points.update({name: np.full(length, self.point[name]) for name in names if name in self.point})
        return [Probe(points, self.value, _same, exact=True)]

    def verdict(self, expression: Expression, region: Region) -> Verdict:
        """Say whether a formula has the value, to rounding; proven where the others drop out of the formula there."""
        if not self.probes(expression.variables, region)[0].holds(expression, ROUNDING * region.size):
            return Verdict.BROKEN
        fixed = {name: constant(value) for name, value in self.point.items()}
        left = expression.substitute(fixed).canonical().variables
        return Verdict.CHECKED if left else Verdict.PROVEN
