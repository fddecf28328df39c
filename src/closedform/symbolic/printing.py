"""Formulas as plain text that `parse` reads back to the very same nodes.

The text looks like Python with as few parentheses as that promise allows. Two places need more than the eye
expects: ``-(2)`` is the operator on the number 2 while ``-2`` is a number, and ``(1)/3`` is a division while ``1/3`` is
the exact fraction.
"""

from __future__ import annotations

import re
from fractions import Fraction

from closedform.symbolic.expression import Expression
from closedform.symbolic.operators import ATOM, OPERATORS, POWER, PRODUCT, SIGN, Operator

# Other spellings that the parser understands.
ALIASES = {
    "ln": "log",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "sgn": "sign",
    "Abs": "abs",
    "Min": "min",
    "Max": "max",
}
EULER = "e"

_RESERVED = frozenset(OPERATORS) | frozenset(ALIASES) | {EULER}
_PLAIN_NAME = re.compile(r"[^\W\d]\w*")

# A printed piece and how tightly it binds.
_Piece = tuple[str, int]


def to_text(expression: Expression, precision: int | None = None) -> str:
    """Return the formula as text.

    Parameters
    ----------
    expression : Expression
    precision : int or None
        Significant digits of the free constants, at least 1. None writes the shortest text that gives the same float
        back; then ``parse(to_text(e)) is e``.
    """

    def piece(node: Expression, args: tuple[_Piece, ...]) -> _Piece:
        if node.kind == "variable":
            return name_to_text(node.name), ATOM
        return _number(node, precision) if node.kind == "constant" else _application(node, args)

    return expression.fold(piece)[0]


def name_to_text(name: str) -> str:
    """Return a variable's name as the parser reads it: in backquotes unless it is a plain, free word."""
    if _PLAIN_NAME.fullmatch(name) and name not in _RESERVED:
        return name
    return "`" + name.replace("`", "``") + "`"


def _number(node: Expression, precision: int | None) -> _Piece:
    value = node.value
    if isinstance(value, float) and precision is not None:
        value = float(f"{value:.{precision}g}")
    text = repr(value) if isinstance(value, float) else str(value)
    if isinstance(value, Fraction):
        return text, PRODUCT
    return text, SIGN if value < 0 else ATOM


def _application(node: Expression, args: tuple[_Piece, ...]) -> _Piece:
    op = node.op
    template = op.spelling.get("text")
    if template is None or op.precedence == ATOM:
        inside = ", ".join(text for text, _ in args)
        return (f"{op.name}({inside})" if args else op.name), ATOM
    texts = [
        f"({text})" if _needs_parentheses(op, position, node.args[position], text, binding, node) else text
        for position, (text, binding) in enumerate(args)
    ]
    result = template.format(*texts[:2])
    for text in texts[2:]:
        result = template.format(result, text)
    return result, op.precedence


def _needs_parentheses(
    op: Operator, position: int, child: Expression, text: str, binding: int, parent: Expression
) -> bool:
    if op.precedence == SIGN:
        return binding <= SIGN or child.kind == "constant"
    if op.precedence == POWER:
        if position == 0:
            return binding <= POWER
        return binding < POWER and not (child.kind == "constant" and binding == SIGN)
    if position > 0:
        return binding <= op.precedence or text.startswith("-")
    if child.kind == "constant":
        # A bare fraction in a product reads badly, and int/int would be read as a fraction.
        divides_whole_numbers = op.name == "div" and _is_whole(child) and _is_whole(parent.args[1])
        return (op.precedence == PRODUCT and binding == PRODUCT) or divides_whole_numbers
    return binding < op.precedence or (op.arity is None and child.kind == "apply" and child.op is op)


def _is_whole(node: Expression) -> bool:
    return node.kind == "constant" and isinstance(node.value, int)
