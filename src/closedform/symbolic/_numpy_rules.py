"""How the operators act on arrays: nan outside the domain, never a made-up number.

Everything here works on scalars and arrays alike. Callers silence NumPy's warnings with
``np.errstate``; the functions do not do it themselves because entering it costs more than a small ufunc.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

# Exponents up to this size are multiplied out: two to five products are ten times faster than np.power
# and stay within a few units in the last place.
LARGEST_UNROLLED_POWER = 16


def everywhere_or_nan(ufunc: Callable[..., Any], domain: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that equals `ufunc` where `domain` holds and is nan elsewhere."""

    def masked(*args: Any) -> Any:
        return np.where(domain(*args), ufunc(*args), np.nan)

    return masked


def chain(ufunc: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of two or more arguments that applies the binary `ufunc` left to right."""

    def chained(*args: Any) -> Any:
        return reduce(ufunc, args)

    return chained


def positive(x: Any) -> Any:
    """Domain of the logarithm."""
    return np.greater(x, 0)


def non_negative(x: Any) -> Any:
    """Domain of the square root."""
    return np.greater_equal(x, 0)


def within_one(x: Any) -> Any:
    """Domain of the inverse sine and cosine."""
    return np.less_equal(np.abs(x), 1)


def divisor_not_zero(_numerator: Any, denominator: Any) -> Any:
    """Domain of the division."""
    return np.not_equal(denominator, 0)


def power_domain(base: Any, exponent: Any) -> Any:
    """Domain of the power: no negative base with a fractional exponent, no zero with a negative one.

    A nan among the arguments is outside too, because NumPy follows IEEE in ``nan**0 == 1`` and ``1**nan == 1``.
    """
    base, exponent = np.asarray(base), np.asarray(exponent)
    above = (base > 0) & (exponent == exponent)
    at_zero = (base == 0) & (exponent >= 0)
    below = (base < 0) & (exponent == np.floor(exponent))
    return above | at_zero | below


def unrolled_power(base: Any, exponent: int) -> Any:
    """Return ``base**exponent`` for a whole exponent of 1 to `LARGEST_UNROLLED_POWER` by squaring."""
    result: Any = None
    while True:
        if exponent & 1:
            result = base if result is None else result * base
        exponent >>= 1
        if not exponent:
            return result
        base = base * base


def splits(exponent: float) -> bool:
    """Say whether a power is made of few products, at most one root and at most one division."""
    return 0 < abs(exponent) <= LARGEST_UNROLLED_POWER and (2 * exponent).is_integer()


def _split_power(base: Any, exponent: float) -> Any:
    whole, rest = divmod(abs(exponent), 1)
    values: Any = unrolled_power(base, int(whole)) if whole else np.sqrt(base)
    if whole and rest:
        values = values * np.sqrt(base)
    return values if exponent > 0 else 1 / values


def power(base: Any, exponent: Any) -> Any:
    """Return ``base**exponent``, nan outside `power_domain`."""
    if np.ndim(exponent) == 0 and np.ndim(base) > 0:
        number = float(exponent)
        if number != 0 and math.isfinite(number):
            values = _split_power(base, number) if splits(number) else np.power(base, number)
            # A negative base to a fractional power is nan already; what is left is zero to a negative power.
            return values if number > 0 else np.where(np.equal(base, 0), np.nan, values)
    base, exponent = np.asarray(base, dtype=np.float64), np.asarray(exponent, dtype=np.float64)
    return np.where(power_domain(base, exponent), np.power(base, exponent), np.nan)


def times_log(value: Any, base: Any) -> Any:
    """Return ``value * log(base)`` with its limit 0 where the value is 0: the slope of ``base**t`` in t."""
    return np.where(np.equal(value, 0), 0.0, value * np.where(np.greater(base, 0), np.log(base), np.nan))
