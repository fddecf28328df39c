"""A small reader of Excel formulas, faithful where Excel differs from mathematics.

Unary minus binds tighter than ``^``, ``^`` groups to the left, every error spreads, there is no infinity, ``0^0`` is an
error, and an odd root of a negative number has a value.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<sign>[-+*/^(),]))", re.UNICODE
)


class ExcelError(Exception):
    """``#NUM!``, ``#DIV/0!`` or ``#N/A`` in the cell."""


def excel_value(formula: str, names: Mapping[str, float]) -> float:
    """The number in a cell with this formula, nan for an error value."""
    assert formula.startswith("=") and len(formula) <= 8192
    try:
        return _Reader(formula[1:], names).all()
    except ExcelError:
        return math.nan


def _power(base: float, exponent: float) -> float:
    if base == 0 and exponent == 0:
        raise ExcelError("#NUM!")
    if base < 0 and not exponent.is_integer():
        root = 1 / exponent
        if abs(root - round(root)) < 1e-9 and round(root) % 2:
            return -_power(-base, exponent)
    return math.pow(base, exponent)


_FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "PI": lambda: math.pi,
    "POWER": _power,
    "EXP": math.exp,
    "LN": math.log,
    "SQRT": math.sqrt,
    "ABS": abs,
    "SIGN": lambda x: float((x > 0) - (x < 0)),
    "MIN": min,
    "MAX": max,
    **{name.upper(): getattr(math, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan")},
    **{name.upper(): getattr(math, name) for name in ("sinh", "cosh", "tanh")},
}
_LEVELS = (
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv},
    {"^": _power},
)


class _Reader:
    def __init__(self, text: str, names: Mapping[str, float]) -> None:
        self.names = names
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            assert found and found.lastgroup, f"not a formula at {text[position:][:20]!r}"
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            position = found.end()
        self.tokens.append(("end", ""))

    def all(self) -> float:
        value = self.infix(0)
        assert self.tokens == [("end", "")], f"left over: {self.tokens}"
        return value

    def infix(self, level: int) -> float:
        if level == len(_LEVELS):
            return self.signed()
        value = self.infix(level + 1)
        while self.tokens[0][1] in _LEVELS[level]:
            combine = _LEVELS[level][self.take()]
            value = _checked(combine, value, self.infix(level + 1))
        return value

    def signed(self) -> float:
        if self.tokens[0][1] == "-":
            self.take()
            return -self.signed()
        return self.atom()

    def atom(self) -> float:
        kind, text = self.tokens.pop(0)
        if kind == "number":
            return float(text)
        if text == "(":
            value = self.infix(0)
            self.take(")")
            return value
        assert kind == "name", f"unexpected {text!r}"
        if self.tokens[0][1] != "(":
            return float(self.names[text])
        self.take("(")
        args = [] if self.tokens[0][1] == ")" else [self.infix(0)]
        while self.tokens[0][1] == ",":
            self.take()
            args.append(self.infix(0))
        self.take(")")
        if text == "NA":
            raise ExcelError("#N/A")
        return _checked(_FUNCTIONS[text], *args)

    def take(self, expected: str | None = None) -> str:
        text = self.tokens.pop(0)[1]
        assert expected is None or text == expected, f"expected {expected!r}, got {text!r}"
        return text


def _checked(function: Callable[..., float], *args: float) -> float:
    try:
        value = float(function(*args))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise ExcelError from None
    if not math.isfinite(value):
        raise ExcelError("#NUM!")
    return value
