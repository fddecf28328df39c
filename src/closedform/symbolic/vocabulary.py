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
    allowed = implied_by(operators)
    return all(node.kind != "apply" or needed(node) <= allowed for node in expression.walk())


def implied_by(operators: frozenset[str]) -> frozenset[str]:
    """The operators with all that goes without saying."""
    roots = {"div", "sqrt"} if "pow" in operators else set()
    return operators | ALWAYS_ALLOWED | roots


def needed_for_power(exponent: int | Fraction | float | None) -> frozenset[str]:
    """The operators that can write a power with this constant exponent (None: not constant), simple ones if possible.

    Floats are exponents that were, or will be, fitted.
    """
    if exponent is None or isinstance(exponent, float) or Fraction(exponent).denominator > 2:
        return frozenset({"pow"})
    quotient = {"div"} if exponent < 0 else set()
    root = {"sqrt"} if Fraction(exponent).denominator == 2 else set()
    return frozenset(quotient | root)


def needed(node: Expression) -> frozenset[str]:
    """The operators that can write the top node of an application."""
    if node.op.name != "pow":
        return frozenset({node.op.name})
    exponent = node.args[1]
    return needed_for_power(exponent.value if exponent.kind == "constant" else None)
