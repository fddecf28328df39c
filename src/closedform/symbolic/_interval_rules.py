"""Bounds of every operator over a box of arguments, and whether the box lies in its domain.

A bound is a pair ``(lo, hi)`` of floats; the rules are conservative: the true range over the points of the box where
the operator is defined lies inside the returned pair. Results are widened by one unit in the last place
unless they are known to be exact. ``(nan, nan)`` says that the operator is defined nowhere on the box.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

Bounds = tuple[float, float]

EVERYWHERE: Bounds = (-math.inf, math.inf)
NOWHERE: Bounds = (math.nan, math.nan)
_LARGEST = math.nextafter(math.inf, 0.0)
_LARGEST_EXACT = 2.0**53


def is_nowhere(bounds: Bounds) -> bool:
    """Say whether `bounds` is the empty pair ``(nan, nan)``."""
    return math.isnan(bounds[0])


def _down(value: float) -> float:
    return value if value == 0 else math.nextafter(value, -math.inf)


def _up(value: float) -> float:
    return value if value == 0 else math.nextafter(value, math.inf)


def _widened(lo: float, hi: float) -> Bounds:
    return _down(lo), _up(hi)


# --- sums and products ------------------------------------------------------------------------------------------------


def _sum_rounding(a: float, b: float) -> tuple[float, float]:
    """Return the rounded sum and the sign-carrying error of rounding (Knuth's TwoSum; nan when it overflows)."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


def _sum_down(a: float, b: float) -> float:
    total, error = _sum_rounding(a, b)
    return -math.inf if math.isnan(total) else total if error >= 0 else _down(total)


def _sum_up(a: float, b: float) -> float:
    total, error = _sum_rounding(a, b)
    return math.inf if math.isnan(total) else total if error <= 0 else _up(total)


def add(first: Bounds, *others: Bounds) -> Bounds:
    """Bounds of a sum."""
    lo, hi = first
    for other in others:
        lo, hi = _sum_down(lo, other[0]), _sum_up(hi, other[1])
    return lo, hi


def neg(x: Bounds) -> Bounds:
    """Bounds of ``-x``."""
    return -x[1], -x[0]


def sub(a: Bounds, b: Bounds) -> Bounds:
    """Bounds of ``a - b``."""
    return add(a, neg(b))


def _product(a: float, b: float) -> Bounds:
    """Return bounds of the single product of two bounds, with ``0 * inf = 0`` (the inf is never reached)."""
    if a == 0 or b == 0:
        return 0.0, 0.0
    value = a * b
    if value == 0:  # underflow: the sign is known, the size is below the smallest float
        return (0.0, 5e-324) if (a > 0) == (b > 0) else (-5e-324, 0.0)
    exact = abs(a) == 1 or abs(b) == 1 or (a.is_integer() and b.is_integer() and abs(value) < _LARGEST_EXACT)
    return (value, value) if exact or math.isinf(value) else _widened(value, value)


def _hull(pairs: Iterable[Bounds]) -> Bounds:
    los, his = zip(*pairs, strict=True)
    return min(los), max(his)


def _times(a: Bounds, b: Bounds) -> Bounds:
    lo, hi = _hull(_product(u, v) for u in a for v in b)
    # The product of two finite ends may overflow although inner products do not.
    return min(lo, _LARGEST), max(hi, -_LARGEST)


def mul(first: Bounds, *others: Bounds) -> Bounds:
    """Bounds of a product."""
    result = first
    for other in others:
        result = _times(result, other)
    return result


def _reciprocal(x: Bounds) -> Bounds:
    lo, hi = x
    if lo == 0 and hi == 0:
        return NOWHERE
    if lo < 0 < hi:
        return EVERYWHERE
    low = -math.inf if hi == 0 else _down(1 / hi)
    high = math.inf if lo == 0 else _up(1 / lo)
    if abs(hi) == 1:
        low = hi
    if abs(lo) == 1:
        high = lo
    return low, high


def div(a: Bounds, b: Bounds) -> Bounds:
    """Bounds of ``a / b`` where b is not zero."""
    inverse = _reciprocal(b)
    return NOWHERE if is_nowhere(inverse) else _times(a, inverse)


# --- powers -----------------------------------------------------------------------------------------------------------


def _float_power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:  # 0 to a negative power: the limit from above
        return math.inf


def _power_ends(base: float, exponent: float) -> Bounds:
    value = _float_power(base, exponent)
    if value == 0 and base != 0 and not math.isinf(base) and not math.isinf(exponent):
        return (-5e-324, 5e-324) if base < 0 else (0.0, 5e-324)
    if base.is_integer() and exponent.is_integer() and exponent >= 0 and abs(value) < _LARGEST_EXACT:
        return value, value
    return _widened(value, value)


def _whole_power(x: Bounds, exponent: float) -> Bounds:
    if exponent == 0:
        return 1.0, 1.0
    if exponent < 0:
        positive = _whole_power(x, -exponent)
        return _reciprocal(positive)
    lo, hi = _hull(_power_ends(end, exponent) for end in x)
    if exponent % 2 == 0:
        lo = 0.0 if x[0] <= 0 <= x[1] else max(lo, 0.0)
    return lo, hi


def _positive_power(base: Bounds, exponent: Bounds) -> Bounds:
    """Bounds for a base of zero or more; the power is monotone in each argument, so the ends are at corners."""
    lo, hi = _hull(_power_ends(b, e) for b in base for e in exponent)
    if base[0] < 1 < base[1] or exponent[0] < 0 < exponent[1]:
        lo, hi = min(lo, 1.0), max(hi, 1.0)
    return max(lo, 0.0), hi


def pow(base: Bounds, exponent: Bounds) -> Bounds:
    """Bounds of ``base**exponent`` where it is defined."""
    if exponent[0] == exponent[1] and exponent[0].is_integer():
        return _whole_power(base, exponent[0])
    if base[0] >= 0:
        return _positive_power(base, exponent)
    if exponent[0] == exponent[1]:  # a fractional exponent: only the part of the base from zero on counts
        return NOWHERE if base[1] < 0 else _positive_power((0.0, base[1]), exponent)
    largest = _positive_power((0.0, max(-base[0], base[1], 0.0)), exponent)[1]
    return -largest, largest


# --- functions of one argument ----------------------------------------------------------------------------------------


def _guarded(function: Callable[[float], float], x: float) -> float:
    try:
        return function(x)
    except OverflowError:
        return math.copysign(math.inf, x)


def _increasing(function: Callable[[float], float], x: Bounds) -> Bounds:
    return _down(_guarded(function, x[0])), _up(_guarded(function, x[1]))


def atan(x: Bounds) -> Bounds:
    """Bounds of the inverse tangent."""
    return _increasing(math.atan, x)


def sinh(x: Bounds) -> Bounds:
    """Bounds of the hyperbolic sine."""
    return _increasing(math.sinh, x)


def tanh(x: Bounds) -> Bounds:
    """Bounds of the hyperbolic tangent."""
    lo, hi = _increasing(math.tanh, x)
    return max(lo, -1.0), min(hi, 1.0)


def exp(x: Bounds) -> Bounds:
    """Bounds of the exponential; exp(0) is exactly 1."""
    ends = [_guarded(math.exp, end) for end in x]
    return (1.0 if x[0] == 0 else max(_down(ends[0]), 0.0)), (1.0 if x[1] == 0 else max(_up(ends[1]), 5e-324))


def log(x: Bounds) -> Bounds:
    """Bounds of the logarithm over the positive part of the argument."""
    if x[1] <= 0:
        return NOWHERE
    return (_down(math.log(x[0])) if x[0] > 0 else -math.inf), _up(math.log(x[1]))


def sqrt(x: Bounds) -> Bounds:
    """Bounds of the root over the part of the argument from zero on."""
    if x[1] < 0:
        return NOWHERE
    return max(_down(math.sqrt(max(x[0], 0.0))), 0.0), _up(math.sqrt(x[1]))


def asin(x: Bounds) -> Bounds:
    """Bounds of the inverse sine over the part of the argument in [-1, 1]."""
    if x[1] < -1 or x[0] > 1:
        return NOWHERE
    return _down(math.asin(max(x[0], -1.0))), _up(math.asin(min(x[1], 1.0)))


def acos(x: Bounds) -> Bounds:
    """Bounds of the inverse cosine over the part of the argument in [-1, 1]."""
    if x[1] < -1 or x[0] > 1:
        return NOWHERE
    return max(_down(math.acos(min(x[1], 1.0))), 0.0), _up(math.acos(max(x[0], -1.0)))


def absolute(x: Bounds) -> Bounds:
    """Bounds of the absolute value."""
    if x[0] >= 0:
        return x
    return (0.0, max(-x[0], x[1])) if x[1] > 0 else (-x[1], -x[0])


def sign(x: Bounds) -> Bounds:
    """Bounds of the sign."""
    return float((x[0] > 0) - (x[0] < 0)), float((x[1] > 0) - (x[1] < 0))


def cosh(x: Bounds) -> Bounds:
    """Bounds of the hyperbolic cosine, smallest at the point nearest to zero."""
    near, far = absolute(x)
    return max(_down(_guarded(math.cosh, near)), 1.0), (1.0 if far == 0 else _up(_guarded(math.cosh, far)))


def _holds_peak(lo: float, hi: float, phase: float) -> bool:
    """Say whether ``phase + 2 pi k`` lies in [lo, hi] for a whole k, leaning to yes near the ends."""
    slack = 1e-12 * max(1.0, abs(lo), abs(hi))
    turn = math.floor((hi + slack - phase) / (2 * math.pi))
    return phase + 2 * math.pi * turn >= lo - slack


def _wave(x: Bounds, function: Callable[[float], float], top: float) -> Bounds:
    if math.isinf(x[0]) or math.isinf(x[1]) or x[1] - x[0] >= 2 * math.pi or max(-x[0], x[1]) > 1e12:
        return -1.0, 1.0
    ends = function(x[0]), function(x[1])
    hi = 1.0 if _holds_peak(*x, top) else _up(max(ends))
    lo = -1.0 if _holds_peak(*x, top + math.pi) else _down(min(ends))
    return max(lo, -1.0), min(hi, 1.0)


def sin(x: Bounds) -> Bounds:
    """Bounds of the sine."""
    return _wave(x, math.sin, math.pi / 2)


def cos(x: Bounds) -> Bounds:
    """Bounds of the cosine."""
    return _wave(x, math.cos, 0.0)


def tan(x: Bounds) -> Bounds:
    """Bounds of the tangent; everything as soon as a pole may lie inside."""
    if math.isinf(x[0]) or math.isinf(x[1]) or x[1] - x[0] >= math.pi or max(-x[0], x[1]) > 1e12:
        return EVERYWHERE
    if _holds_peak(*x, math.pi / 2) or _holds_peak(*x, -math.pi / 2):
        return EVERYWHERE
    return _widened(math.tan(x[0]), math.tan(x[1]))


def minimum(a: Bounds, b: Bounds) -> Bounds:
    """Bounds of the smaller of two."""
    return min(a[0], b[0]), min(a[1], b[1])


def maximum(a: Bounds, b: Bounds) -> Bounds:
    """Bounds of the larger of two."""
    return max(a[0], b[0]), max(a[1], b[1])


# --- is the whole box inside the domain? ------------------------------------------------------------------------------


def all_positive(x: Bounds) -> bool:
    """Say whether the logarithm is defined on all of x."""
    return x[0] > 0


def all_non_negative(x: Bounds) -> bool:
    """Say whether the root is defined on all of x."""
    return x[0] >= 0


def all_within_one(x: Bounds) -> bool:
    """Say whether the inverse sine is defined on all of x."""
    return -1 <= x[0] and x[1] <= 1


def never_divides_by_zero(_a: Bounds, b: Bounds) -> bool:
    """Say whether the divisor stays away from zero."""
    return b[0] > 0 or b[1] < 0


def power_defined(base: Bounds, exponent: Bounds) -> bool:
    """Say whether ``base**exponent`` is defined on the whole box."""
    whole = exponent[0] == exponent[1] and exponent[0].is_integer()
    if base[0] > 0 or (exponent[0] >= 0 and (whole or base[0] >= 0)):
        return True
    return whole and base[1] < 0
