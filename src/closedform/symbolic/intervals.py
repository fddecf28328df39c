"""Bounds of expressions over a box of values: what a formula can reach, and whether it is defined everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from closedform.exceptions import InputError
from closedform.symbolic._interval_rules import EVERYWHERE, NOWHERE, Bounds, is_nowhere
from closedform.symbolic.expression import Expression, Number


def bounds(expression: Expression, ranges: Mapping[str, Bounds] | None = None) -> Bounds:
    """Return a lower and an upper bound of the values over a box.

    The bounds are safe (rounding included) but not tight: a variable that occurs twice counts as two.

    Parameters
    ----------
    expression : Expression
    ranges : mapping of str to (float, float)
        Lowest and highest value of each variable; a variable that is not named may be anything.

    Returns
    -------
    (float, float)
        Every defined value lies between; the ends may be infinite. ``(nan, nan)`` if the expression is defined nowhere.

    Raises
    ------
    InputError
        If a range is not a pair ``lo <= hi``.
    """
    return _fold(expression, ranges)[0]


def is_defined(expression: Expression, ranges: Mapping[str, Bounds] | None = None) -> bool:
    """Say whether every point of the box provably lies in the domain; parameters as in `bounds`.

    False means "not proven". Overflow does not count: ``exp(x) - exp(x)`` is defined everywhere.
    """
    return _fold(expression, ranges)[1]


def is_defined_in_parts(expression: Expression, box: Mapping[str, Bounds], most: int) -> bool:
    """Say whether every point of a box provably lies in the domain, halving the box where one look does not tell.

    Bounds are not tight on a wide box; a formula without a pole is proven free of poles on small parts of it.

    Parameters
    ----------
    expression : Expression
    box : mapping of str to (float, float)
        Lowest and highest value of each variable.
    most : int
        How many parts may be halved, each along its relatively widest side; after that, the answer is False.
    """
    waiting = [dict(box)]
    while waiting:
        part = waiting.pop()
        if is_defined(expression, part):
            continue
        most -= 1
        widths = {name: (high - low) / ((box[name][1] - box[name][0]) or 1.0) for name, (low, high) in part.items()}
        widest = max(widths, key=lambda name: widths[name])
        low, high = part[widest]
        middle = low / 2 + high / 2
        if most < 0 or not low < middle < high:
            return False
        waiting += [{**part, widest: (low, middle)}, {**part, widest: (middle, high)}]
    return True


def _fold(expression: Expression, ranges: Mapping[str, Bounds] | None) -> tuple[Bounds, bool]:
    known = {name: _checked(name, pair) for name, pair in (ranges or {}).items()}

    def rule(node: Expression, args: tuple[tuple[Bounds, bool], ...]) -> tuple[Bounds, bool]:
        if node.kind == "constant":
            return _of_number(node.value), True
        if node.kind == "variable":
            return known.get(node.name, EVERYWHERE), True
        pairs = [pair for pair, _ in args]
        if any(is_nowhere(pair) for pair in pairs):
            return NOWHERE, False
        op = node.op
        result = op.interval(*pairs)
        inside = op.inside is None or op.inside(*pairs)
        return result, inside and all(defined for _, defined in args)

    return expression.fold(rule)


def _of_number(value: Number) -> Bounds:
    """Return the tightest pair of floats around a number."""
    near = float(value)
    if isinstance(value, float) or Fraction(near) == value:
        return near, near
    if Fraction(near) < value:
        return near, math.nextafter(near, math.inf)
    return math.nextafter(near, -math.inf), near


def _checked(name: str, pair: Bounds) -> Bounds:
    lo, hi = float(pair[0]), float(pair[1])
    if not lo <= hi:
        raise InputError(f"the range of {name!r} must be a pair lo <= hi, but ({lo}, {hi}) was given")
    return lo, hi
