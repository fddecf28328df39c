"""A formula as source text: infix with few brackets, temporaries for what is shared or deeply nested.

Spellings come from the operator table. What this module adds is the arithmetic of the target language:
precedence, the sign of a term, and where an infinity made on the way (a pole, an overflow) could vanish again, as in
``exp(-1/x)`` at zero. Only there a formula needs the guarded functions of ``_helpers``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from closedform.exceptions import NotSupportedError
from closedform.symbolic._traverse import postorder
from closedform.symbolic.export.names import NAME_RULES, free_name
from closedform.symbolic.expression import Expression, Number
from closedform.symbolic.operators import ATOM, OPERATORS, POWER, PRODUCT, SIGN, SUM

# Whole numbers beyond this are not exact in float64, and Python's own integers would grow without bound.
_LARGEST_EXACT = 2**53
_SHARED_SIZE = 6  # nodes from which a shared subexpression is worth a line of its own
_DEEPEST = 40  # nested levels in one line; compilers and Python's parser give up at 100 to 250

# Operators that turn an infinite argument into a finite value (for div and pow see `_swallows`).
_BOUNDED = frozenset({"exp", "atan", "tanh", "sign", "min", "max"})

_INFIX = re.compile(r"\{0\}(?P<symbol>[^{}]+)\{1\}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What text of one target needs besides the spellings in the operator table.

    Parameters
    ----------
    target : str
        Key of the spellings.
    nan, infinity : str
        How these are written.
    poles : frozenset of str
        Operators with a guarded form ``cf_<name>`` that gives nan instead of an infinity.
    overflows : frozenset of str
        Operators with a guarded form ``cf_<name>`` that gives an infinity instead of raising.
    float_integers : bool
        Whether 2 is written 2.0, because 1/2 would be an integer division.
    constant_calls : bool
        Whether functions accept plain numbers; if not, they are worked out.
    temporaries : bool
        Whether there may be statements before the result.
    """

    target: str
    nan: str
    infinity: str
    poles: frozenset[str] = frozenset()
    overflows: frozenset[str] = frozenset()
    float_integers: bool = False
    constant_calls: bool = True
    temporaries: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """Source text of a subexpression.

    Attributes
    ----------
    text : str
        The source.
    precedence : int
        How tightly its outermost operator binds.
    negated : str
        Source of minus the piece when the piece starts with a minus sign, else empty; at least a product.
    value : float or None
        The value where it does not depend on the variables.
    nested : int
        Levels of brackets at most.
    """

    text: str
    precedence: int = ATOM
    negated: str = ""
    value: float | None = None
    nested: int = 0

    def at(self, precedence: int) -> str:
        """The text, in brackets unless it binds at least as tightly as `precedence`."""
        return self.text if self.precedence >= precedence else f"({self.text})"


@dataclass(slots=True)
class Body:
    """A rendered formula: statements ``(name, text)`` to run first, and the result."""

    statements: list[tuple[str, str]] = field(default_factory=list)
    result: Piece = field(default_factory=lambda: Piece(""))

    @property
    def texts(self) -> list[str]:
        """All source of the formula."""
        return [*(text for _, text in self.statements), self.result.text]

    @property
    def helpers(self) -> set[str]:
        """Names of the helpers in use; no argument starts like them."""
        return set(re.findall(r"\bcf_\w+", " ".join(self.texts)))


def render(expression: Expression, dialect: Dialect, names: Mapping[str, str]) -> Body:
    """Write `expression` in a target language.

    Parameters
    ----------
    expression : Expression
        The formula.
    dialect : Dialect
        The language.
    names : mapping of str to str
        Source text of each variable: an identifier or another atom.
    """
    return _Renderer(expression, dialect, names).run()


class _Renderer:
    def __init__(self, expression: Expression, dialect: Dialect, names: Mapping[str, str]) -> None:
        self.expression = expression
        self.dialect = dialect
        self.names = names
        self.body = Body()
        self.hidden = _hidden_infinities(expression)
        self.uses = Counter(id(argument) for node in postorder(expression) for argument in node.args)
        self.taken = set(names.values())

    def run(self) -> Body:
        with np.errstate(all="ignore"):
            self.body.result = self.expression.fold(self._piece)
        if self.body.result.value is not None:  # nothing depends on the variables after all
            self.body.statements.clear()
        return self.body

    def _piece(self, node: Expression, args: tuple[Piece, ...]) -> Piece:
        if node.kind == "constant":
            return self._number(node.value)
        if node.kind == "variable":
            return Piece(self.names[node.name])
        if _is_undefined(node, args):
            return self._number(math.nan)
        if all(piece.value is not None for piece in args):
            return self._constant_call(node, args)
        return self._maybe_temporary(node, self._call(node, args))

    # --- numbers ------------------------------------------------------------------------------------------------------

    def _number(self, value: Number) -> Piece:
        """A literal that the target reads as the same float64."""
        number = float(value)
        if math.isnan(number):
            return Piece(self.dialect.nan, value=number)
        if math.isinf(number):
            text = self.dialect.infinity
        elif isinstance(value, float) or not _is_small(value):
            text = repr(abs(number))
        elif isinstance(value, Fraction):
            text = f"{self._whole(abs(value.numerator))}/{self._whole(value.denominator)}"
        else:
            text = self._whole(abs(value))
        precedence = PRODUCT if "/" in text else ATOM
        if math.copysign(1.0, number) > 0:
            return Piece(text, precedence, value=number)
        return Piece(f"-{text}", min(precedence, SIGN), negated=text, value=number)

    def _whole(self, value: int) -> str:
        return f"{value}.0" if self.dialect.float_integers else str(value)

    def _constant_call(self, node: Expression, args: tuple[Piece, ...]) -> Piece:
        """A subexpression without variables: spelled out where that is safe, worked out where it is not.

        Powers of plain numbers are not safe (Python's integers grow without bound, a float power raises or turns
        complex), and neither is anything that is not finite on the way.
        """
        value = float(node.op.numpy(*[piece.value for piece in args]))
        finite = all(math.isfinite(piece.value or 0.0) for piece in args) and math.isfinite(value)
        is_call = node.op.precedence == ATOM and bool(args)
        if not finite or node.op.name == "pow" or (is_call and not self.dialect.constant_calls):
            return self._number(value)
        piece = self._call(node, args)
        return Piece(piece.text, piece.precedence, piece.negated, value, piece.nested)

    # --- operators ----------------------------------------------------------------------------------------------------

    def _call(self, node: Expression, args: tuple[Piece, ...]) -> Piece:
        template = self._template(node, args)
        nested = max((piece.nested for piece in args), default=0)
        infix = _INFIX.fullmatch(template)
        if node.op.name == "neg":
            return self._negation(args[0], nested)
        if infix is None:
            return Piece(self._filled(template, args), nested=nested + 1)
        join = {SUM: _sum, PRODUCT: _product, POWER: _power}[node.op.precedence]
        piece = join(infix["symbol"], args)
        return Piece(piece.text, piece.precedence, piece.negated, nested=nested + 1)

    def _template(self, node: Expression, args: tuple[Piece, ...]) -> str:
        """The operator's spelling, or its guarded function."""
        name = node.op.name
        if self._needs_guard(node, args):
            return f"cf_{name}({{0}}, {{1}})" if len(args) == 2 else f"cf_{name}({{0}})"
        whole_power = name == "pow" and node.args[1].kind == "constant" and isinstance(node.args[1].value, int)
        if self.dialect.target == "python" and whole_power:
            return OPERATORS["pow"].spelling["numpy"]  # x**2 instead of math.pow(x, 2)
        spelled = node.op.spelling.get(self.dialect.target)
        if spelled is None:
            raise NotSupportedError(
                f"the operator {name!r} has no spelling for {self.dialect.target}: "
                f'give it one, as in own_operator(..., spelling={{"{self.dialect.target}": "{name}({{0}})"}}).'
            )
        return spelled

    def _needs_guard(self, node: Expression, args: tuple[Piece, ...]) -> bool:
        name, dialect = node.op.name, self.dialect
        hidden = id(node) in self.hidden
        if name == "pow" and "pow" in dialect.poles | dialect.overflows:
            return _power_needs_guard(args, hidden, overflow_raises="pow" in dialect.overflows)
        if not hidden or name not in dialect.poles | dialect.overflows:
            return False
        return name != "div" or args[1].value is None

    def _filled(self, template: str, args: tuple[Piece, ...]) -> str:
        texts = [piece.text for piece in args]
        if template.startswith("torch.") and len(args) == 2:  # torch.minimum takes tensors only
            tensor = next(piece for piece in args if piece.value is None).at(ATOM)
            texts = [piece.text if piece.value is None else f"{tensor}.new_tensor({piece.text})" for piece in args]
        return template.format(*texts)

    def _negation(self, piece: Piece, nested: int) -> Piece:
        if piece.precedence < PRODUCT or piece.negated:
            return Piece(f"-({piece.text})", SIGN, negated=f"({piece.text})", nested=nested + 1)
        return Piece(f"-{piece.text}", min(piece.precedence, SIGN), negated=piece.text, nested=nested)

    def _maybe_temporary(self, node: Expression, piece: Piece) -> Piece:
        """Give a shared or deeply nested subexpression a statement of its own."""
        shared = self.uses[id(node)] > 1 and node.size >= _SHARED_SIZE
        if not self.dialect.temporaries or node is self.expression or not (shared or piece.nested >= _DEEPEST):
            return piece
        rules = NAME_RULES[self.dialect.target]
        name = free_name(f"t{len(self.body.statements) + 1}", self.taken, rules)
        self.taken.add(rules.key(name))
        self.body.statements.append((name, piece.text))
        return Piece(name)


def _is_undefined(node: Expression, args: tuple[Piece, ...]) -> bool:
    """Whether there is no value on any row: a part without variables has none, or divides as zero."""
    if any(piece.value is not None and math.isnan(piece.value) for piece in args):
        return True
    return node.op.name == "div" and args[1].value == 0


def _is_small(value: int | Fraction) -> bool:
    """Whether numerator and denominator are exact in float64."""
    return max(abs(value.numerator), value.denominator) <= _LARGEST_EXACT


def _sum(symbol: str, args: tuple[Piece, ...]) -> Piece:
    """Join with plus or minus; a term that starts with a minus sign changes the sign before it."""
    text = args[0].at(SUM)
    opposite = {" + ": " - ", " - ": " + "}[symbol]
    for piece in args[1:]:
        text += f"{opposite}{piece.negated}" if piece.negated else f"{symbol}{piece.at(PRODUCT)}"
    return Piece(text, SUM)


def _product(symbol: str, args: tuple[Piece, ...]) -> Piece:
    """Join with a sign that groups to the left; brackets on the right keep the order of evaluation."""
    rest = "".join(f"{symbol}{piece.at(SIGN)}" for piece in args[1:])
    first = args[0]
    negated = f"{first.negated}{rest}" if first.negated else ""
    return Piece(f"{first.at(PRODUCT)}{rest}", PRODUCT, negated)


def _power(symbol: str, args: tuple[Piece, ...]) -> Piece:
    base, exponent = args
    bare = exponent.precedence == ATOM or (exponent.precedence == SIGN and exponent.value is not None)
    return Piece(f"{base.at(ATOM)}{symbol}{exponent.text if bare else f'({exponent.text})'}", POWER)


def _power_needs_guard(args: tuple[Piece, ...], hidden: bool, overflow_raises: bool) -> bool:
    """Whether ``base**exponent`` of the target could give a number where the formula has none, or raise too early."""
    base, exponent = (piece.value for piece in args)
    if exponent is not None:
        # nan**0 is 1 everywhere; 0**-1 is an infinity, which matters only where it could vanish again
        return not math.isfinite(exponent) or exponent == 0 or (hidden and (exponent < 0 or overflow_raises))
    if base is not None:
        return not math.isfinite(base) or base <= 0 or base == 1 or (hidden and overflow_raises)
    return True


def _hidden_infinities(expression: Expression) -> set[int]:
    """Ids of the nodes whose infinite value need not make the result infinite or nan."""
    hidden: set[int] = set()
    for node in reversed(postorder(expression)):
        for index, argument in enumerate(node.args):
            if id(node) in hidden or _swallows(node, index):
                hidden.add(id(argument))
    return hidden


def _swallows(node: Expression, index: int) -> bool:
    """Whether the operator can be finite while the argument at `index` is infinite."""
    if node.op.name == "div":
        return index == 1
    if node.op.name == "pow":
        exponent = node.args[1]
        return index == 1 or exponent.kind != "constant" or exponent.value <= 0
    return node.op.name in _BOUNDED
