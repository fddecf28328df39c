"""Text to `Expression`: the inverse of the printer, and friendly to what people type.

Two explicit stacks (Dijkstra's shunting yard) instead of recursion, so nesting is limited by memory only. Text is never
run as code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from closedform.exceptions import InputError, ParseError, did_you_mean
from closedform.symbolic.expression import Expression, apply, constant, variable
from closedform.symbolic.operators import OPERATORS, POWER, PRODUCT, SIGN, SUM, find_operator
from closedform.symbolic.printing import ALIASES, EULER

_TOKEN = re.compile(
    r"""(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<quoted>`(?:[^`]|``)*`)
      | (?P<sign>\*\*|[-+*/^(),−·×])
      | (?P<space>\s+)""",
    re.VERBOSE,
)
_USUAL_SIGN = {"^": "**", "−": "-", "·": "*", "×": "*"}
_BINARY = {"+": ("add", SUM), "-": ("sub", SUM), "*": ("mul", PRODUCT), "/": ("div", PRODUCT), "**": ("pow", POWER)}
_NEGATIVE = ("neg", SIGN)
# Longer runs of digits are beyond float64 anyway.
_LONGEST_WHOLE_NUMBER = 400


def parse(text: str, variables: Sequence[str] | None = None) -> Expression:
    """Read a formula.

    Parameters
    ----------
    text : str
        Python-like: ``+ - * / **`` (or ``^``), parentheses, functions by their operator's name (``ln``, ``arcsin`` and
        the like work too), numbers. Whole numbers and quotients of two bare whole numbers are exact; a number with a
        point or an exponent is a free constant. ``pi`` and ``e`` are constants unless declared as variables.
        A name in backquotes is always a variable; a backquote inside is doubled.
    variables : sequence of str or None
        The names allowed. None allows any.

    Raises
    ------
    ParseError
        With a caret under the place, what was expected there and the nearest known name.

    Examples
    --------
    >>> parse("2.5*x^2 - 1/3").constants
    (2.5,)
    """
    if not isinstance(text, str):
        raise InputError(f"a formula must be given as text, but {type(text).__name__} was given")
    return _Reader(text, None if variables is None else list(variables)).read()


@dataclass(frozen=True)
class Call:
    """An unknown function at one place of a form.

    Parameters
    ----------
    name : str
        The call as text, which stands for its value as a variable of the form.
    function : str
        Name of the function.
    arguments : tuple of Expression
        What it is applied to.
    """

    name: str
    function: str
    arguments: tuple[Expression, ...]


def parse_form(text: str, variables: Sequence[str]) -> tuple[Expression, tuple[Call, ...]]:
    """Read a formula in which any name may stand for a constant or, with parentheses, for an unknown function.

    Parameters
    ----------
    text : str
        As for :func:`parse`.
    variables : sequence of str
        Names that are variables even where they are those of constants such as ``pi``.

    Returns
    -------
    expression : Expression
        Each call of an unknown function is a variable, named by the text of the call.
    calls : tuple of Call
        The unknown functions, each once, in order of appearance.

    Examples
    --------
    >>> form, calls = parse_form("2*f(x/z) + b", ["x", "z"])
    >>> form.variables, calls[0].function, str(calls[0].arguments[0])
    (('f(x/z)', 'b'), 'f', 'x/z')
    """
    reader = _FormReader(text, variables)
    return reader.read(), tuple(reader.calls.values())


# --- tokens -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["number", "name", "quoted", "sign", "end"]
    text: str
    position: int


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            if text[position] == "`":
                raise ParseError("this backquote is never closed", text, position)
            raise ParseError(f"{text[position]!r} has no meaning in a formula", text, position)
        kind, piece = match.lastgroup, match.group()
        if kind != "space":
            yield _Token(kind, _USUAL_SIGN.get(piece, piece), position)  # type: ignore[arg-type]
        position = match.end()
    yield _Token("end", "", len(text))


# --- stacks -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Operand:
    """A value on the stack. `parts` collects the terms of a running sum or product so that it stays flat."""

    parts: list[Expression]
    joined_by: str = ""
    literal: bool = False

    def finished(self) -> Expression:
        return apply(self.joined_by, *self.parts) if self.joined_by else self.parts[0]


@dataclass(slots=True)
class _Group:
    """An open parenthesis, a call with its finished arguments, or the whole text."""

    opener: _Token | None
    function: str = ""
    finished: list[Expression] = field(default_factory=list)
    operands: list[_Operand] = field(default_factory=list)
    pending: list[tuple[str, int]] = field(default_factory=list)

    def push_operator(self, name: str, binding: int) -> None:
        while self.pending and (self.pending[-1][1] > binding or self.pending[-1][1] == binding != POWER):
            self.reduce()
        self.pending.append((name, binding))

    def reduce(self) -> None:
        name, _ = self.pending.pop()
        right = self.operands.pop()
        if name == "neg":
            self.operands.append(_negated(right))
        else:
            self.operands.append(_joined(name, self.operands.pop(), right))

    def close_argument(self) -> None:
        while self.pending:
            self.reduce()
        self.finished.append(self.operands.pop().finished())


def _negated(operand: _Operand) -> _Operand:
    if operand.literal:
        return _Operand([constant(-operand.parts[0].value)], literal=True)
    return _Operand([apply("neg", operand.finished())])


def _joined(name: str, left: _Operand, right: _Operand) -> _Operand:
    if name in ("add", "mul"):
        parts = left.parts if left.joined_by == name else [left.finished()]
        parts.append(right.finished())
        return _Operand(parts, joined_by=name)
    if name == "div" and left.literal and right.literal:
        top, bottom = left.parts[0].value, right.parts[0].value
        if isinstance(top, int) and isinstance(bottom, int) and bottom != 0:
            return _Operand([constant(Fraction(top, bottom))])
    return _Operand([apply(name, left.finished(), right.finished())])


# --- the reader -------------------------------------------------------------------------------------------------------


class _Reader:
    """Reads one text; alternates between expecting an operand and expecting an operator."""

    def __init__(self, text: str, variables: list[str] | None) -> None:
        self.text = text
        self.declared = variables
        self.tokens = list(_tokens(text))
        self.index = 0
        self.groups = [_Group(None)]

    def error(self, message: str, token: _Token) -> ParseError:
        return ParseError(message, self.text, token.position)

    def take(self) -> _Token:
        token = self.tokens[self.index]
        self.index += 1
        return token

    def read(self) -> Expression:
        while True:
            self.read_operand()
            if self.read_operator():
                return self.groups[0].finished[0]

    def read_operand(self) -> None:
        """Read signs and opening parentheses up to and including one value."""
        while True:
            token = self.take()
            group = self.groups[-1]
            if token.kind == "sign" and token.text == "-":
                group.pending.append(_NEGATIVE)
            elif token.kind == "sign" and token.text == "(":
                self.groups.append(_Group(token))
            elif token.kind == "name" and self.tokens[self.index].text == "(":
                self.groups.append(_Group(token, function=self.function_name(token)))
                self.take()
            elif token.kind in ("number", "name", "quoted"):
                group.operands.append(self.value(token))
                return
            elif not (token.kind == "sign" and token.text == "+"):
                raise self.operand_missing(token)

    def operand_missing(self, token: _Token) -> ParseError:
        if token.kind == "end" and self.index == 1:
            return self.error("expected a formula, but the text is empty", token)
        found = f"found {token.text!r}" if token.text else "the text ends here"
        return self.error(f"expected a number, a name or an opening parenthesis, but {found}", token)

    def read_operator(self) -> bool:
        """Read closing parentheses up to and including an infix operator or comma; True at the end of the text."""
        while True:
            token = self.take()
            group = self.groups[-1]
            if token.text in _BINARY and token.kind == "sign":
                group.push_operator(*_BINARY[token.text])
                return False
            if token.kind == "sign" and token.text == ",":
                if not group.function:
                    raise self.error("a comma belongs between the arguments of a function only", token)
                group.close_argument()
                return False
            if token.kind == "sign" and token.text == ")":
                self.close_group(token)
            elif token.kind == "end":
                if group.opener is not None:
                    raise self.error("this parenthesis is never closed", group.opener)
                group.close_argument()
                return True
            else:
                raise self.error(f"expected an operator, but found {token.text!r}; write * for a product", token)

    def close_group(self, token: _Token) -> None:
        group = self.groups.pop()
        if group.opener is None:
            raise self.error("there is no opening parenthesis for this one", token)
        group.close_argument()
        result = self.applied(group, group.opener) if group.function else group.finished[0]
        self.groups[-1].operands.append(_Operand([result]))

    def applied(self, group: _Group, opener: _Token) -> Expression:
        try:
            return apply(group.function, *group.finished)
        except InputError as problem:
            raise self.error(str(problem), opener) from None

    # --- names and numbers --------------------------------------------------------------------------------------------

    def function_name(self, token: _Token) -> str:
        name = ALIASES.get(token.text, token.text)
        row = find_operator(name)
        if row is not None and row.arity != 0:
            return name
        hint = did_you_mean(token.text, _function_names())
        if not hint and (self.declared is None or token.text in self.declared):
            hint = "; write * for a product"
        raise self.error(f"there is no function called {token.text!r}{hint}", token)

    def value(self, token: _Token) -> _Operand:
        if token.kind == "number":
            return _Operand([self.number(token)], literal=True)
        if token.kind == "quoted":
            return _Operand([self.variable(token, token.text[1:-1].replace("``", "`"))])
        return _Operand([self.plain_name(token)])

    def number(self, token: _Token) -> Expression:
        try:
            if token.text.isdigit() and len(token.text) <= _LONGEST_WHOLE_NUMBER:
                return constant(int(token.text))
            return constant(float(token.text))
        except InputError:
            raise self.error("this number is beyond the range of float64", token) from None

    def plain_name(self, token: _Token) -> Expression:
        name = token.text
        if self.declared is None or name not in self.declared:
            if name == "pi":
                return apply("pi")
            if name == EULER:
                return apply("exp", 1)
            if find_operator(ALIASES.get(name, name)) is not None:
                advice = f"give its arguments in parentheses, or write `{name}` for a variable of that name"
                raise self.error(f"{name!r} is a function; {advice}", token)
        return self.variable(token, name)

    def variable(self, token: _Token, name: str) -> Expression:
        if not name:
            raise self.error("a name in backquotes must not be empty", token)
        if self.declared is not None and name not in self.declared:
            listed = ", ".join(self.declared[:10]) + (", ..." if len(self.declared) > 10 else "")
            hint = did_you_mean(name, self.declared)
            raise self.error(f"there is no variable called {name!r}{hint}; known are {listed or 'none'}", token)
        return variable(name)


class _FormReader(_Reader):
    """Reads a form: functions that are not known are collected."""

    def __init__(self, text: str, columns: Sequence[str]) -> None:
        super().__init__(text, None)
        self.columns = columns
        self.calls: dict[str, Call] = {}

    def function_name(self, token: _Token) -> str:
        name = ALIASES.get(token.text, token.text)
        return name if name in OPERATORS and OPERATORS[name].arity != 0 else token.text

    def applied(self, group: _Group, opener: _Token) -> Expression:
        if group.function in OPERATORS:
            return super().applied(group, opener)
        name = f"{group.function}({', '.join(map(str, group.finished))})"
        self.calls.setdefault(name, Call(name, group.function, tuple(group.finished)))
        return variable(name)

    def plain_name(self, token: _Token) -> Expression:
        return self.variable(token, token.text) if token.text in self.columns else super().plain_name(token)


def _function_names() -> Iterable[str]:
    return [*(name for name, op in OPERATORS.items() if op.arity != 0), *ALIASES]
