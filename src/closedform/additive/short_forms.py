"""What short formulas are made of: columns as variables, rounded coefficients, and the choice of the simplest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.rational_fit import Ratio, fit_ratio, simplest_first
from closedform.symbolic.expression import Expression, apply, constant, plain_sum, variable
from closedform.symbolic.intervals import is_defined_in_parts

FloatArray: TypeAlias = NDArray[np.float64]
# How far a formula with all digits is from the values, and a function that rounds and checks it, given what is allowed.
Candidate: TypeAlias = "tuple[float, Callable[[float], ShortFormula | None]]"

_FEWEST_DIGITS, MOST_DIGITS = 2, 8
# A column this many half ranges away from zero is written as a difference from a round number.
_FAR = 3.0
# Where no formula is near enough, one this many times as far as the nearest will do if it is simpler.
_AS_NEAR = 1.25
# Parts of the range that are looked at to prove that a ratio has no pole.
_MOST_BOXES = 500


@dataclass(frozen=True)
class ShortFormula:
    """A short formula for an effect.

    Parameters
    ----------
    expression : Expression
        Over the variables of `closedform.additive.formula`.
    error : float
        Root mean square distance from the effect, as a share of the size of the raw score.
    """

    expression: Expression
    error: float


@dataclass(frozen=True)
class Axis:
    """A numeric column as the variable of a short formula.

    Parameters
    ----------
    name : str
    shift, size : float
        The fit is in ``(x - shift) / size``, the formula in ``x - shift``.
    low, high : float
        Range of the training rows.
    """

    name: str
    shift: float
    size: float
    low: float
    high: float

    @classmethod
    def of(cls, name: str, low: float, high: float) -> Axis:
        half, middle = max(high / 2 - low / 2, 1e-300), low / 2 + high / 2
        if abs(middle) <= _FAR * half:
            return cls(name, 0.0, max(abs(low), abs(high)), low, high)
        step = 10.0 ** math.floor(math.log10(half))
        shift = round(middle / step) * step
        return cls(name, float(f"{shift:.12g}"), half, low, high)

    def scaled(self, x: FloatArray) -> FloatArray:
        """Values of the column, shifted and divided so that they lie within about [-1, 1]."""
        return (x - self.shift) / self.size

    @property
    def expression(self) -> Expression:
        """The shifted column, as it stands in a formula."""
        x = variable(self.name)
        if not self.shift:
            return x
        shift = int(self.shift) if self.shift.is_integer() else self.shift
        return x - shift if shift > 0 else x + -shift


def short_ratio(
    axes: Sequence[Axis],
    points: Sequence[FloatArray],
    exact: FloatArray,
    weight: FloatArray,
    limit: float,
    scale: float,
    is_near: Callable[[Expression, float], bool] | None = None,
) -> ShortFormula | None:
    """The simplest ratio of polynomials near enough to values at points."""
    table = [axis.scaled(x) for axis, x in zip(axes, points, strict=True)]
    box = {axis.name: (axis.low, axis.high) for axis in axes}
    columns = {axis.name: x for axis, x in zip(axes, points, strict=True)}
    variables = [axis.expression for axis in axes]
    unit = float(np.max(np.abs(exact), initial=0.0)) or 1.0

    def candidates() -> Iterator[Candidate]:
        for top, bottom in simplest_first(len(axes)):
            if len(top) + len(bottom) >= len(exact):
                continue
            ratio = fit_ratio(table, exact / unit, weight, top, bottom)
            with np.errstate(all="ignore"):
                distance = unit * math.sqrt(float(weight @ (ratio.values(table) - exact / unit) ** 2))
            if math.isfinite(distance):
                yield distance, partial(attempt, ratio)

    def attempt(ratio: Ratio, allowed: float) -> ShortFormula | None:
        build = _ratio_builder(ratio, unit, axes, variables, columns)
        if build is None:
            return None
        found = rounded(build, exact, weight, allowed, scale)
        if found is None or (ratio.bottom and not is_defined_in_parts(found.expression, box, _MOST_BOXES)):
            return None
        return found if is_near is None or is_near(found.expression, allowed) else None

    return choose(candidates(), limit)


def choose(candidates: Iterator[Candidate], limit: float) -> ShortFormula | None:
    """The first one within the limit; where there is none, the first that is about as near as the nearest."""
    left: list[Candidate] = []
    for distance, attempt in candidates:
        found = attempt(limit) if distance <= limit else None
        if found is not None:
            return found
        left.append((distance, attempt))
    while left:
        nearest = _AS_NEAR * min(distance for distance, _ in left)
        for distance, attempt in left:
            found = attempt(nearest) if distance <= nearest else None
            if found is not None:
                return found
        left = [candidate for candidate in left if candidate[0] > nearest]
    return None


def _ratio_builder(
    ratio: Ratio, unit: float, axes: Sequence[Axis], variables: Sequence[Expression], columns: dict[str, FloatArray]
) -> Callable[[int], tuple[Expression, FloatArray]] | None:
    """Formulas of a number of digits and their values, with coefficients for ``x - shift`` instead of scaled values.

    None where a coefficient is no number within float64, as for powers of huge or tiny columns.
    """

    def unscaled(powers: tuple[tuple[int, ...], ...], coefficients: FloatArray) -> FloatArray:
        sizes = [np.prod(np.array([axis.size for axis in axes]) ** power) for power in powers]
        return coefficients / np.array(sizes)

    with np.errstate(all="ignore"):
        plain = Ratio(ratio.top, ratio.bottom, unit * unscaled(ratio.top, ratio.p), unscaled(ratio.bottom, ratio.q))
    if not (np.isfinite(plain.p).all() and np.isfinite(plain.q).all()):
        return None
    n_rows = len(next(iter(columns.values())))

    def build(digits: int) -> tuple[Expression, FloatArray]:
        expression = plain.expression(variables, digits)
        return expression, np.broadcast_to(expression.evaluate(columns), (n_rows,))

    return build


def rounded(
    build: Callable[[int], tuple[Expression, FloatArray]],
    exact: FloatArray,
    weight: FloatArray,
    limit: float,
    scale: float,
) -> ShortFormula | None:
    """The formula with the fewest digits that is near enough."""
    for digits in range(_FEWEST_DIGITS, MOST_DIGITS + 1):
        expression, values = build(digits)
        with np.errstate(all="ignore"):
            error = math.sqrt(float(weight @ ((values - exact) / scale) ** 2))
        if error <= limit / scale:
            return ShortFormula(expression, error)
    return None


def weighted_sum(terms: Sequence[tuple[float, tuple[Expression, ...]]]) -> Expression:
    """The sum of products with a number in front of each; negative ones are subtracted, zeros left out."""
    plus = [apply("mul", value, *factors) for value, factors in terms if value > 0.0]
    minus = [apply("mul", -value, *factors) for value, factors in terms if value < 0.0]
    if not plus:
        return -plain_sum(minus) if minus else constant(0.0)
    return plain_sum(plus) - plain_sum(minus) if minus else plain_sum(plus)
