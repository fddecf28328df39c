"""Which operators a formula is written with: what a user allows, and what goes without saying."""

from __future__ import annotations

from fractions import Fraction

from closedform.symbolic.expression import Expression

# Written by the canonical form whatever was asked for: x - y is x + (-1)*y, x*x is x**2.
ALWAYS_ALLOWED = frozenset({"add", "sub", "mul", "neg", "pi"})


def uses_only(expression: Expression, operators: frozenset[str]) -> bool:
    """Whether a formula contains no other operators than these, sums, products, differences and pi.

    The function counts, not its spelling: whole powers are products, negative ones quotients, halves square roots; and
    who allows powers allows quotients and square roots.

    Parameters
    ----------
    expression : Expression
        The formula.
    operators : frozenset of str
        Names of operators.

    Examples
    --------
    >>> uses_only(Expression.parse("x**2 - 1/x"), frozenset({"div"}))
    True
    >>> uses_only(Expression.parse("x**0.3"), frozenset({"div"}))
    False
    """
    allowed = operators | ALWAYS_ALLOWED
    if "pow" in allowed:
        allowed |= {"div", "sqrt"}
    return all(node.kind != "apply" or _needed(node) <= allowed for node in expression.walk())


def _needed(node: Expression) -> frozenset[str]:
    """The operators that can write an application: powers by something simpler where possible."""
    if node.op.name != "pow" or node.args[1].kind != "constant":
        return frozenset({node.op.name})
    exponent = node.args[1].value
    if isinstance(exponent, float) or Fraction(exponent).denominator > 2:
        return frozenset({"pow"})
    quotient = {"div"} if exponent < 0 else set()
    root = {"sqrt"} if Fraction(exponent).denominator == 2 else set()
    return frozenset(quotient | root)
