"""Simple numbers near a given one: what a fitted constant may really be.

Integers, fractions with small denominators, such multiples of pi, 1/pi, pi**2, 1/pi**2 and log(2), roots of small
fractions (also times pi or 1/pi), decimals with few digits and reciprocals of such. Each comes with its length in
nats, in the measure of :mod:`closedform.symbolic.metrics`, so that the shorter of two is the simpler one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.metrics import (
    KIND_LENGTH,
    OPERATOR_LENGTH,
    RARE_LENGTH,
    USUAL_ROOTS,
    decimal_digits,
    number_length,
)

FloatArray = NDArray[np.float64]

_PI = apply("pi")
_LARGEST_DENOMINATOR = 12
_LARGEST_NUMERATOR = 1000
_LARGEST_RADICAND = 150
_MOST_DIGITS = 10
# Of several numbers near one: denominators, digits, how many lengths from the shortest on, and how many of each.
_FEW_DENOMINATORS = (2, 3, 4, 6)
_MOST_DIGITS_OF_SEVERAL, _LEVELS = 4, 2
_STEPS = (0, -1, 1, -2, 2)
_Q = np.arange(1, _LARGEST_DENOMINATOR + 1, dtype=np.float64)


@dataclass(frozen=True)
class SimpleNumber:
    """A number with its spelling.

    Attributes
    ----------
    value : float
        The number.
    length : float
        Nats that name it.
    expression : Expression
        The number made of exact constants; a decimal is a fraction here.
    decimal : bool
        Whether it is meant as a decimal, to be written as a float in the end.
    """

    value: float
    length: float
    expression: Expression
    decimal: bool = False


@dataclass(frozen=True)
class _Unit:
    """What small fractions are multiplied by: its value, its expression, the operators in it."""

    value: float
    expression: Expression | None
    inverse: bool
    length: float


_UNITS = (
    _Unit(1.0, None, False, 0.0),
    _Unit(math.pi, _PI, False, OPERATOR_LENGTH),
    _Unit(1 / math.pi, _PI, True, OPERATOR_LENGTH),
    _Unit(math.pi**2, apply("pow", _PI, 2), False, 2 * OPERATOR_LENGTH + math.log(2) + RARE_LENGTH),
    _Unit(1 / math.pi**2, apply("pow", _PI, 2), True, 2 * OPERATOR_LENGTH + math.log(2) + RARE_LENGTH),
    _Unit(math.log(2), apply("log", 2), False, OPERATOR_LENGTH + math.log(2) + RARE_LENGTH),
)
_ROOT_UNITS = _UNITS[:3]
_UNIT_VALUES = np.array([[unit.value] for unit in _UNITS])


def simple_numbers(value: float, tolerance: float, rational: bool = False) -> list[SimpleNumber]:
    """Simple numbers within `tolerance` of `value`, the simplest first.

    At most one for each denominator of each kind: the nearest. With `rational`, as for exponents, only integers,
    fractions and decimals.
    """
    found = {0.0: SimpleNumber(0.0, 0.0, constant(0))} if abs(value) <= tolerance else {}
    if value != 0.0 and math.isfinite(value) and tolerance < math.inf:
        size = abs(value)
        sign = -1 if value < 0 else 1
        kinds = [_multiples(size, tolerance, sign, 1 if rational else len(_UNITS)), _decimals(size, tolerance, sign)]
        if not rational:
            kinds.append(_roots(size, tolerance, sign))
        for kind in kinds:
            for number in kind:
                known = found.get(number.value)
                if known is None or number.length < known.length:
                    found[number.value] = number
    return sorted(found.values(), key=lambda number: (number.length, abs(number.value - value)))


def _multiples(size: float, tolerance: float, sign: int, n_units: int) -> Iterator[SimpleNumber]:
    """Small fractions times the first units."""
    units = _UNIT_VALUES[:n_units]
    numerators = np.rint(size / units * _Q)
    near = np.abs(numerators * (units / _Q) - size) <= tolerance
    limit = np.full(numerators.shape, float(_LARGEST_NUMERATOR))
    limit[0, 0] = 2.0**53
    for row, column in np.argwhere(near & (numerators >= 1.0) & (numerators <= limit)).tolist():
        p, q, unit = int(numerators[row, column]), column + 1, _UNITS[row]
        if math.gcd(p, q) == 1:
            yield _multiple(sign * p, q, unit)


def _multiple(p: int, q: int, unit: _Unit) -> SimpleNumber:
    value = p * (unit.value / q) if unit.expression is not None else p / q
    if unit.expression is None:
        exact = Fraction(p, q) if q > 1 else p
        return SimpleNumber(value, number_length(exact), constant(exact))
    above, below = p, q
    product = unit.expression
    if unit.inverse:
        below_part = product if below == 1 else apply("mul", below, product)
        expression = apply("div", above, below_part)
        operators = 1 + (below != 1)
    else:
        product = product if above == 1 else apply("neg", product) if above == -1 else apply("mul", above, product)
        expression = product if below == 1 else apply("div", product, below)
        operators = (above != 1) + (below != 1)
    return SimpleNumber(value, unit.length + operators * OPERATOR_LENGTH + math.log(abs(p)) + math.log(q), expression)


def _roots(size: float, tolerance: float, sign: int) -> Iterator[SimpleNumber]:
    """Square roots of small fractions, also times pi or 1/pi."""
    values = _UNIT_VALUES[: len(_ROOT_UNITS)]
    with np.errstate(over="ignore"):
        radicands = np.rint(size / values * size * _Q)
        near = np.abs(np.sqrt(radicands * values / _Q) - size) <= tolerance
    for row, column in np.argwhere(near & (radicands >= 1.0) & (radicands <= _LARGEST_RADICAND)).tolist():
        p, q = int(radicands[row, column]), column + 1
        if math.gcd(p, q) == 1:
            number = _plain_root(sign, p, q) if row == 0 else _pi_root(sign, p, q, _ROOT_UNITS[row])
            if number is not None:
                yield number


def _plain_root(sign: int, p: int, q: int) -> SimpleNumber | None:
    """``sqrt(p/q)`` as ``a*sqrt(k)/b`` with `k` free of squares; None where that is a fraction."""
    inside, outside = p * q, 1
    for divisor in range(math.isqrt(inside), 1, -1):
        if inside % (divisor * divisor) == 0:
            inside, outside = inside // (divisor * divisor), divisor
            break
    if inside == 1:
        return None
    ratio = Fraction(sign * outside, q)
    root = apply("sqrt", inside)
    above = root if ratio.numerator == 1 else apply("neg", root) if ratio.numerator == -1 else ratio.numerator * root
    operators = 1 + (ratio.numerator != 1) + (ratio.denominator != 1)
    length = operators * OPERATOR_LENGTH + math.log(inside) + math.log(outside) + math.log(ratio.denominator)
    length += 0.0 if inside in USUAL_ROOTS else RARE_LENGTH
    expression = above if ratio.denominator == 1 else apply("div", above, ratio.denominator)
    return SimpleNumber(sign * math.sqrt(p / q), length, expression)


def _pi_root(sign: int, p: int, q: int, unit: _Unit) -> SimpleNumber:
    """The root of a small fraction times pi or 1/pi; a numerator of 1 stays outside: ``1/sqrt(2*pi)``."""
    if unit.inverse and p == 1:
        below = _multiple(q, 1, _UNITS[1])
        expression = apply("div", sign, apply("sqrt", below.expression))
        return SimpleNumber(sign / math.sqrt(below.value), below.length + 2 * OPERATOR_LENGTH, expression)
    inner = _multiple(p, q, unit)
    root = apply("sqrt", inner.expression)
    length = inner.length + (1 + (sign < 0)) * OPERATOR_LENGTH
    return SimpleNumber(sign * math.sqrt(inner.value), length, root if sign > 0 else apply("neg", root))


def _decimals(size: float, tolerance: float, sign: int) -> Iterator[SimpleNumber]:
    """The shortest decimal, and the shortest decimal whose reciprocal is near enough."""
    near = _shortest_decimal(size, tolerance)
    if near is not None:
        yield SimpleNumber(sign * near, number_length(near), constant(sign * as_fraction(near)), True)
    if size > 1e-300:
        near = _shortest_decimal(1.0 / size, tolerance / size / size)
        if near is not None and near > 0.0 and decimal_digits(near)[0] > 1:
            expression = apply("div", sign, as_fraction(near))
            length = number_length(near) + OPERATOR_LENGTH
            if abs(1.0 / near - size) <= tolerance:
                yield SimpleNumber(sign / near, length + KIND_LENGTH, expression, True)


def _shortest_decimal(size: float, tolerance: float) -> float | None:
    for digits in range(1, _MOST_DIGITS + 1):
        near = float(f"{size:.{digits - 1}e}")
        if abs(near - size) <= tolerance:
            return near
    return None


def as_fraction(decimal: float) -> Fraction:
    """The fraction that a decimal stands for: 0.41 is 41/100."""
    digits, exponent = decimal_digits(decimal)
    sign = -1 if decimal < 0 else 1
    return Fraction(sign * digits) * Fraction(10) ** exponent


# --- several short numbers near one -----------------------------------------------------------------------------------


def short_numbers(value: float, tolerance: float, reciprocals: bool = True) -> list[SimpleNumber]:
    """Zero, integers, usual fractions, decimals of few digits and their reciprocals within `tolerance` of `value`.

    Unlike :func:`simple_numbers` several of each length: which one it is, other constants have to say.
    """
    if value == 0.0 or not math.isfinite(value) or not tolerance < math.inf:
        return []
    size, sign = abs(value), -1 if value < 0 else 1
    found: dict[float, SimpleNumber] = {0.0: SimpleNumber(0.0, 0.0, constant(0))}
    for denominator in _FEW_DENOMINATORS:
        numerator = round(size * denominator)
        if 0 < numerator <= _LARGEST_DENOMINATOR and math.gcd(numerator, denominator) == 1:
            exact = Fraction(sign * numerator, denominator)
            found[float(exact)] = SimpleNumber(float(exact), number_length(exact), constant(exact))
    for decimal in _nearest_decimals(size, tolerance):
        found.setdefault(sign * decimal, _as_decimal(sign * decimal))
    for decimal in _nearest_decimals(1.0 / size, tolerance / size / size) if reciprocals else ():
        if decimal_digits(decimal)[0] > 1:
            found.setdefault(sign / decimal, _as_reciprocal(sign * decimal))
    return [number for number in found.values() if abs(number.value - value) <= tolerance]


@lru_cache(maxsize=4096)
def _as_decimal(value: float) -> SimpleNumber:
    if value == round(value) and abs(value) < 2.0**53:
        return SimpleNumber(value, number_length(int(value)), constant(int(value)))
    return SimpleNumber(value, number_length(value), constant(as_fraction(value)), True)


@lru_cache(maxsize=4096)
def _as_reciprocal(decimal: float) -> SimpleNumber:
    # Dividing by a decimal is no more than multiplying with one, but has to be said.
    expression = apply("div", 1, as_fraction(decimal))
    return SimpleNumber(1 / decimal, number_length(decimal) + KIND_LENGTH, expression, True)


def _nearest_decimals(size: float, tolerance: float) -> Iterator[float]:
    """Decimals of the fewest digits that come near enough, and of one digit more; the nearest few of each."""
    levels, exponent = 0, math.floor(math.log10(size))
    for digits in range(1, _MOST_DIGITS_OF_SEVERAL + 1):
        unit = exponent - digits + 1
        middle = round(size / 10.0**unit)
        near = [middle + step for step in _STEPS if middle + step > 0]
        near = [number for number in near if abs(number * 10.0**unit - size) <= tolerance]
        for number in near:
            yield float(f"{number}e{unit}")
        levels += bool(near)
        if levels == _LEVELS:
            return
