"""Factors of a product: reading them off a canonical node, and joining them again."""

from __future__ import annotations

from closedform.symbolic.arithmetic import Number, is_whole, product_of, value_of
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.operators import OPERATORS
from closedform.symbolic.order import product_key, varies
from closedform.symbolic.terms import MUL

POW, EXP, LOG, ABS = OPERATORS["pow"], OPERATORS["exp"], OPERATORS["log"], OPERATORS["abs"]

# A base, its exponent, and whether the product is only defined where the base is at least 0.
Power = tuple[Expression, Number, bool]


def factors_of(node: Expression) -> list[tuple[Expression, Number]]:
    """Return the bases and numeric exponents of a canonical product without its number."""
    if node.op is MUL:
        return [pair for factor in node.args if factor.kind != "constant" for pair in factors_of(factor)]
    if node.op is not POW or node.args[1].kind != "constant":
        return [(node, 1)]
    base, exponent = node.args[0], node.args[1].value
    if base.op is MUL and is_whole(exponent):
        return [(inner, number * exponent) for inner, number in factors_of(base)]
    return [(base, exponent)]


def joined(factors: list[Expression]) -> Expression:
    """Return the product of factors that are in order, or the only one."""
    return factors[0] if len(factors) == 1 else apply(MUL, *factors)


def absolute_values_joined(powers: list[Power]) -> tuple[list[Power], list[Expression]]:
    """Return ``abs(x)*abs(y)`` as ``abs(x*y)``, apart from the other powers."""
    inside: dict[Number, list[Expression]] = {}
    for base, exponent, _ in powers:
        if base.op is ABS:
            inside.setdefault(exponent, []).append(base.args[0])
    if not inside:
        return powers, []
    found = []
    for exponent, arguments in inside.items():
        node = apply(ABS, joined(sorted(arguments, key=product_key)))
        found.append(node if exponent == 1 else apply(POW, node, constant(exponent)))
    return [row for row in powers if row[0].op is not ABS], found


def fold_numbers(coefficient: float, factors: list[Expression]) -> tuple[Number, list[Expression]]:
    """Multiply the factors without variables into a fitted coefficient."""
    kept = []
    total: Number = coefficient
    for factor in sorted(factors, key=product_key):
        value = None if varies(factor) else value_of(factor)
        product = product_of([float(total), value]) if value else None
        if product is None:
            kept.append(factor)
        else:
            total = product
    return total, kept
