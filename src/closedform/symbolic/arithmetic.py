"""Arithmetic on the numbers of a formula: exact ones (int, Fraction) stay exact, a float makes the result a float.

Results that float64 cannot hold are reported as None, and the caller leaves the formula as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import TypeGuard, TypeVar

import numpy as np

from closedform.symbolic.expression import Expression

Exact = int | Fraction
Number = int | Fraction | float
N = TypeVar("N", int, Fraction, float, Exact, Number)

# Sums of floats that are smaller than this part of their terms are rounding errors of a zero.
CANCELLATION = 8 * float(np.finfo(np.float64).eps)
# Exact results are kept when they have at most this many bits; float64 ends at 1024.
MOST_BITS = 512
# exp(c) leaves exp(u + c) up to this |c|; beyond, the two factors could overflow where the whole does not. The same
# holds for powers of numeric factors.
LARGEST_SHIFT = 100.0
# Radicands up to this size are searched for square factors and the like.
_LARGEST_RADICAND = 10**6


def is_exact(value: Number) -> TypeGuard[Exact]:
    """Say whether a number belongs to the structure of a formula."""
    return not isinstance(value, float)


def is_whole(value: Number) -> bool:
    """Say whether a number, of whatever type, is an integer."""
    return value.is_integer() if isinstance(value, float) else value.denominator == 1


def is_even(value: Number) -> bool:
    """Say whether a number, of whatever type, is an even integer."""
    return is_whole(value) and value % 2 == 0


def size_of(value: N) -> N:
    """Return the absolute value; ``abs`` says too little about the type of what it returns."""
    return -value if value < 0 else value


def reduced(value: Number) -> Number:
    """Return a Fraction with denominator 1 as an int, anything else as it is."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def fits(value: Number) -> bool:
    """Say whether a number may stand in a formula: finite, and not of absurd length."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value.numerator.bit_length() <= MOST_BITS and value.denominator.bit_length() <= MOST_BITS


def sum_of(values: Iterable[Number]) -> Number:
    """Return the sum, the same for every order of the terms; floats that cancel to a rounding error give 0."""
    listed = list(values)
    if all(not isinstance(value, float) for value in listed):
        return reduced(sum(listed))
    floats = [float(value) for value in listed]
    total = math.fsum(floats)
    return 0 if abs(total) <= CANCELLATION * math.fsum(map(abs, floats)) else total


def product_of(values: Iterable[Number]) -> Number | None:
    """Return the product, the same for every order of the factors; None when float64 cannot hold it."""
    exact: Exact = 1
    floats: list[float] = []
    for value in values:
        if isinstance(value, float):
            floats.append(value)
        else:
            exact *= value
    exact = reduced(exact)  # type: ignore[assignment]
    if exact == 0 or 0.0 in floats:
        return 0
    if not fits(exact):
        return None
    if not floats:
        return exact
    # A fixed order makes the rounding independent of the order in the formula.
    total = math.prod(sorted(floats), start=float(exact))
    return None if total == 0 or not math.isfinite(total) else total


def neutral(value: Number) -> Number:
    """Return the floats 0.0, 1.0 and -1.0 as exact numbers: as terms and factors they say nothing about a fit."""
    return int(value) if isinstance(value, float) and value in (-1.0, 0.0, 1.0) else value


def power_of(base: Number, exponent: Number) -> Number | None:
    """Return ``base**exponent``; None when it is undefined, irrational but exact, or out of range.

    An exact number stays exact under an exponent like 2.0.
    """
    if is_exact(base) and isinstance(exponent, float) and exponent.is_integer():
        exact = power_of(base, int(exponent))
        return _float_power(float(base), exponent) if exact is None else exact
    if isinstance(base, float) or isinstance(exponent, float):
        return _float_power(float(base), float(exponent))
    if base == 0:
        return 0 if exponent > 0 else None
    if isinstance(exponent, int):
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits * abs(exponent) > MOST_BITS:
            return None
        return reduced(Fraction(base) ** exponent)
    if base < 0:
        return None
    top = _root(base.numerator, exponent.denominator)
    bottom = _root(base.denominator, exponent.denominator)
    if top is None or bottom is None:
        return None
    return power_of(reduced(Fraction(top, bottom)), exponent.numerator)


def _float_power(base: float, exponent: float) -> float | None:
    if (base < 0 and not exponent.is_integer()) or (base == 0 and exponent < 0):
        return None
    try:
        result = base**exponent
    except OverflowError:
        return None
    return None if not math.isfinite(result) or (result == 0 and base != 0) else result


def _root(value: int, degree: int) -> int | None:
    """Return the exact root of a positive integer, or None."""
    if value == 1:
        return 1
    if degree > value.bit_length():
        return None
    guess = round(math.exp(math.log(value) / degree))
    for candidate in (guess - 1, guess, guess + 1):
        if candidate > 0 and candidate**degree == value:
            return candidate
    return None


def take_root(radicand: int, degree: int) -> tuple[int, int]:
    """Return ``(a, b)`` with ``radicand == a**degree * b`` and `a` as large as a short search finds."""
    whole = _root(radicand, degree)
    if whole is not None:
        return whole, 1
    outside, inside = 1, radicand
    if radicand <= _LARGEST_RADICAND:
        divisor = 2
        while divisor**degree <= inside:
            while inside % divisor**degree == 0:
                inside //= divisor**degree
                outside *= divisor
            divisor += 1
    return outside, inside


def root_of_factor(value: Number, exponent: Number) -> tuple[Number, Number]:
    """Return what a factor gives outside a fractional power, and what stays inside."""
    power = power_that_may_leave(size_of(value), exponent)
    return (1, value) if power is None else (power, 1 if value > 0 else -1)


def power_that_may_leave(value: Number, exponent: Number) -> Number | None:
    """Return the power of a numeric factor, or None if the factor had better stay inside.

    It stays when it is exact and its power is not, and when its power is so large or small that the rest of the product
    could overflow although the whole does not.
    """
    power = power_of(value, exponent)
    if power is None:
        return None
    power = neutral(power)
    if is_exact(value) and not is_exact(power):
        return None
    within = power != 0 and abs(math.log(size_of(power))) <= LARGEST_SHIFT
    return power if within or exponent == 1 else None


def value_of(expression: Expression) -> float | None:
    """Return the value of a formula without variables; None where it is undefined."""

    def evaluate(node: Expression, args: tuple[float, ...]) -> float:
        return float(node.value) if node.kind == "constant" else float(node.op.numpy(*args))

    if expression.kind == "constant":
        return float(expression.value)
    with np.errstate(all="ignore"):
        value = expression.fold(evaluate)
    return value if math.isfinite(value) else None
