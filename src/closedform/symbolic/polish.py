"""Last touches on a canonical form before it is arranged for reading: exact numbers where people put them.

The canonical form wants sums that begin with the coefficient 1 and roots of whole numbers in the numerator. People
write ``1/(2*x + 1)`` rather than ``(1/2)/(x + 1/2)``, and ``1/sqrt(2*pi)`` rather than ``(1/2)*sqrt(2)/sqrt(pi)``.
"""

from __future__ import annotations

import math
from fractions import Fraction

from closedform.symbolic.arithmetic import Exact, is_exact, is_whole
from closedform.symbolic.canonical import canonical
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.factors import POW, joined
from closedform.symbolic.order import varies
from closedform.symbolic.terms import ADD, MUL, rational, scaled, split

_HALF = Fraction(1, 2)
_LARGEST_POWER = 4


def polished(expression: Expression) -> Expression:
    """Return a canonical formula with its exact numbers moved; its canonical form stays the same."""

    def touch(node: Expression, args: tuple[Expression, ...]) -> Expression:
        rebuilt = apply(node.op, *args) if args else node
        return _product(rebuilt) if rebuilt.op in (MUL, POW) else rebuilt

    def divide(node: Expression, args: tuple[Expression, ...]) -> Expression:
        return _fraction_below(node, args) if args else node

    result = expression.fold(touch).fold(divide)
    return result if canonical(result) is expression else expression


def _product(node: Expression) -> Expression:
    coefficient, body = split(node)
    if not is_exact(coefficient) or body is None:
        return node
    number = rational(coefficient)
    factors = list(body.args) if body.op is MUL else [body]
    number, factors = _roots_below(number, factors)
    for index, factor in enumerate(factors):
        number, factors[index] = _without_fractions(number, factor)
    factors = _common_root(factors)
    return joined(factors) if number == 1 else apply(MUL, constant(number), *factors)


def _fraction_below(node: Expression, args: tuple[Expression, ...]) -> Expression:
    """``(3/2)*x -> 3*x/2``."""
    number = args[0].value if node.op is MUL and args[0].kind == "constant" else None
    if not isinstance(number, Fraction):
        return apply(node.op, *args)
    below = apply(POW, number.denominator, -1)
    above = [] if number.numerator == 1 else [constant(number.numerator)]
    return apply(MUL, *above, below, *args[1:])


def _roots_below(number: Exact, factors: list[Expression]) -> tuple[Exact, list[Expression]]:
    """``(1/2)*sqrt(2) -> 1/sqrt(2)``."""
    moved = []
    for factor in factors:
        if _is_root(factor) and factor.args[0].kind == "constant":
            radicand = factor.args[0].value
            if (
                isinstance(radicand, int)
                and radicand > 1
                and number.denominator % radicand == 0
                and factor.args[1].value == _HALF
            ):
                number, factor = rational(number * radicand), apply(POW, factor.args[0], constant(-_HALF))
        moved.append(factor)
    return number, moved


def _is_root(factor: Expression) -> bool:
    """Say whether a factor is a square root, or one over it, of something without variables."""
    if factor.op is not POW or factor.args[1].kind != "constant" or varies(factor.args[0]):
        return False
    return factor.args[1].value in (_HALF, -_HALF)


def _common_root(factors: list[Expression]) -> list[Expression]:
    """``sqrt(2)*sqrt(pi) -> sqrt(2*pi)`` and ``sqrt(2)/sqrt(pi) -> sqrt(2/pi)``."""
    roots = [factor for factor in factors if _is_root(factor)]
    if len(roots) < 2:
        return factors
    over = any(factor.args[1].value > 0 for factor in roots)
    inside = [base if (power.value > 0) is over else apply(POW, base, -1) for base, power in (f.args for f in roots)]
    together = apply(POW, apply(MUL, *inside), constant(_HALF if over else -_HALF))
    return [together, *[factor for factor in factors if not _is_root(factor)]]


def _without_fractions(number: Exact, factor: Expression) -> tuple[Exact, Expression]:
    """``(1/2)*(x + 1/2)**-1 -> (2*x + 1)**-1`` if that shortens the numbers."""
    base, exponent = (factor.args[0], factor.args[1]) if factor.op is POW else (factor, constant(1))
    if base.op is not ADD or exponent.kind != "constant" or not is_whole(exponent.value):
        return number, factor
    power = int(exponent.value)
    coefficients = [split(term)[0] for term in base.args]
    exact = [coefficient for coefficient in coefficients if is_exact(coefficient)]
    if len(exact) < len(coefficients) or abs(power) > _LARGEST_POWER:
        return number, factor
    scale = math.lcm(*[coefficient.denominator for coefficient in exact])
    if scale == 1:
        return number, factor
    outside = rational(number / Fraction(scale) ** power)
    inside = [rational(coefficient * scale) for coefficient in exact]
    if _length([outside, *inside]) >= _length([number, *exact]):
        return number, factor
    terms = [scaled(coefficient, split(term)[1]) for coefficient, term in zip(inside, base.args, strict=True)]
    whole = apply(ADD, *terms)
    return outside, whole if power == 1 else apply(POW, whole, exponent)


def _length(numbers: list[Exact]) -> int:
    """Return how many digits it takes to write some exact numbers, a 1 in front of something taking none."""
    return sum(len(str(part)) for number in numbers for part in str(number).split("/") if part != "1")
