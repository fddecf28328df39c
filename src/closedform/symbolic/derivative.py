"""Derivatives of expressions as expressions, by the operators' own rules."""

from __future__ import annotations

from typing import Any

from closedform.exceptions import NotSupportedError
from closedform.symbolic.expression import Expression, Number, apply, as_expression, constant


class _ExpressionOps:
    """The namespace of functions that derivative rules call on expressions."""

    @staticmethod
    def sqrt(x: Any) -> Expression:
        return apply("sqrt", x)

    @staticmethod
    def log(x: Any) -> Expression:
        return apply("log", x)

    @staticmethod
    def sign(x: Any) -> Expression:
        return apply("sign", x)

    @staticmethod
    def sin(x: Any) -> Expression:
        return apply("sin", x)

    @staticmethod
    def cos(x: Any) -> Expression:
        return apply("cos", x)

    @staticmethod
    def sinh(x: Any) -> Expression:
        return apply("sinh", x)

    @staticmethod
    def cosh(x: Any) -> Expression:
        return apply("cosh", x)

    @staticmethod
    def pow(base: Any, exponent: Any) -> Expression:
        exponent = _folded_minus(exponent)
        if exponent.kind == "constant" and exponent.value == 1:
            return as_expression(base)
        return apply("pow", base, exponent)

    @staticmethod
    def times_log(value: Any, base: Any) -> Expression:
        return apply("mul", value, apply("log", base))


_OPS = _ExpressionOps()
_ZERO = constant(0)
_ONE = constant(1)


def derivative(expression: Expression, name: str) -> Expression:
    """Return the derivative of the expression in the variable `name`.

    Zeros and ones that the rules produce are left out; nothing else is simplified. At points where a rule has a choice
    (the kink of abs, a tie of min) the value is the mean of both sides.

    Raises
    ------
    NotSupportedError
        If an operator on the way has no derivative rule.
    """

    def rule(node: Expression, slopes: tuple[Expression, ...]) -> Expression:
        if node.kind != "apply":
            return _ONE if node.kind == "variable" and node.name == name else _ZERO
        terms = [_product(_partial(node, i), slope) for i, slope in enumerate(slopes) if slope is not _ZERO]
        return _sum([term for term in terms if term is not _ZERO])

    return expression.fold(rule)


def _partial(node: Expression, index: int) -> Expression:
    if node.op.derivative is None:
        raise NotSupportedError(f"the operator {node.op.name} has no derivative rule")
    partial: Expression | Number = node.op.derivative(_OPS, node, node.args, index)
    return as_expression(partial)


def _product(partial: Expression, slope: Expression) -> Expression:
    if partial is _ZERO:
        return _ZERO
    if partial is _ONE:
        return slope
    if slope is _ONE:
        return partial
    return apply("neg", slope) if partial is constant(-1) else apply("mul", partial, slope)


def _sum(terms: list[Expression]) -> Expression:
    if len(terms) < 2:
        return terms[0] if terms else _ZERO
    return apply("add", *terms)


def _folded_minus(exponent: Expression) -> Expression:
    """Return ``k - 1`` as one exact number where `exponent` is that difference of exact numbers."""
    if exponent.kind == "apply" and exponent.op.name == "sub":
        left, right = exponent.args
        if left.kind == right.kind == "constant":
            return constant(left.value - right.value)
    return exponent
