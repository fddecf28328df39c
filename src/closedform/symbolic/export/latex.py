r"""Formulas as LaTeX source, the way one would write them by hand.

Quotients become fractions with one numerator and one denominator, powers with exponent 1/n become roots, exact negative
powers go into the denominator, numbers stand first in a product, and brackets appear only where they are needed.
The document needs the package ``amsmath`` where column names are not plain ASCII (``\text``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from closedform.exceptions import InputError, NotSupportedError
from closedform.symbolic.export.latex_names import latex_names
from closedform.symbolic.expression import Expression, Number
from closedform.symbolic.operators import ATOM, POWER, PRODUCT, SUM

_MOST_NODES = 20_000

# Functions whose powers are written sin^2(x). Not the inverse ones: there the index 2 is taken for a repetition.
_POWER_ON_NAME = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh"})

_NUMBER, _CONSTANT, _OTHER = 0, 1, 2  # order within a product: 2, then pi, then the rest as it came


@dataclass(frozen=True, slots=True)
class Piece:
    """LaTeX source of a subexpression, and the product it is part of.

    Attributes
    ----------
    text : str
        The source. A leading minus sign is part of it.
    level : int
        How tightly its outermost operator binds.
    rank : int
        Place in a product.
    is_word : bool
        Whether it is a name of several letters, which needs a space to its neighbours.
    above, below : tuple of Piece or None
        Factors of numerator and denominator, for a product or quotient; None for anything else.
    negative : bool
        Whether the product has a minus sign.
    head : str
        Command of a function whose power may be written on the name.
    """

    text: str
    level: int = ATOM
    rank: int = _OTHER
    is_word: bool = False
    above: tuple[Piece, ...] | None = None
    below: tuple[Piece, ...] = ()
    negative: bool = False
    head: str = ""

    @property
    def factors(self) -> tuple[Piece, ...]:
        """Factors of the numerator."""
        return (self,) if self.above is None else self.above

    def at(self, level: int) -> str:
        """The source, in brackets unless it binds at least as tightly as `level`."""
        return self.text if self.level >= level and not (self.negative and level > SUM) else _bracketed(self.text)


def to_latex(
    expression: Expression,
    precision: int | None = None,
    *,
    target: str | None = None,
    symbols: Mapping[str, str] | None = None,
) -> str:
    r"""LaTeX source of a formula, for math mode.

    Parameters
    ----------
    expression : Expression
        The formula.
    precision : int, optional
        Significant digits of the free constants, 1 or more. The default prints all digits. Whole numbers and
        fractions are exact and always printed in full.
    target : str, optional
        Name of the target; the result is then an equation.
    symbols : mapping of str to str, optional
        LaTeX source to use for some variables. The others follow their names: see
        :func:`closedform.symbolic.export.latex_names.latex_names`.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If the precision is not a positive whole number.
    NotSupportedError
        If the formula has more than 20,000 nodes.

    Examples
    --------
    >>> print(to_latex(Expression.parse("0.5*m*v**2 + sqrt(theta_0)/3"), target="E"))
    E = 0.5 m v^{2} + \frac{\sqrt{\theta_{0}}}{3}
    """
    if precision is not None and (not isinstance(precision, int) or precision < 1):
        raise InputError(f"precision must be a whole number of digits, 1 or more, or None; got {precision!r}")
    if expression.size > _MOST_NODES:
        raise NotSupportedError(
            f"LaTeX is written for formulas of at most {_MOST_NODES} nodes, this one has {expression.size}; simplify it"
        )
    variables = [name for name in expression.variables if name != target]
    names = {**latex_names(variables if target is None else [*variables, target]), **(symbols or {})}
    is_e_taken = "e" in names.values()

    def build(node: Expression, args: tuple[Piece, ...]) -> Piece:
        if node.kind == "constant":
            return _constant(node.value, precision)
        if node.kind == "variable":
            return _variable(names[node.name])
        return _apply(node, args, is_e_taken)

    text = expression.fold(build).text
    return text if target is None else f"{names[target]} = {text}"


def latex_number(value: Number, precision: int | None = None) -> str:
    r"""LaTeX source of a number, such as ``1.5 \cdot 10^{-7}``.

    Parameters
    ----------
    value : int, Fraction or float
        A finite number.
    precision : int, optional
        Significant digits of a float; the default prints all.
    """
    if isinstance(value, Fraction):
        sign = "-" if value < 0 else ""
        return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    if isinstance(value, int):
        return str(value)
    text = repr(float(value)) if precision is None else f"{value:.{precision}g}"
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    if mantissa in ("1", "-1"):
        return mantissa.replace("1", power)
    return f"{mantissa} \\cdot {power}"


# --- leaves -----------------------------------------------------------------------------------------------------------


def _constant(value: Number, precision: int | None) -> Piece:
    """A number as a product of its own: the sign apart, a fraction as numerator and denominator."""
    if isinstance(value, float):
        return _product([_number(latex_number(abs(value), precision))], [], negative=value < 0)
    top, under = abs(value.numerator), value.denominator
    above = [] if top == 1 else [_number(str(top))]
    below = [] if under == 1 else [_number(str(under))]
    return _product(above, below, negative=value < 0)


def _number(text: str) -> Piece:
    return Piece(text, PRODUCT if "cdot" in text else POWER if "^" in text else ATOM, _NUMBER)


def _variable(symbol: str) -> Piece:
    return Piece(symbol, is_word=symbol.startswith((r"\mathrm", r"\text")))


# --- operators --------------------------------------------------------------------------------------------------------


def _apply(node: Expression, args: tuple[Piece, ...], is_e_taken: bool) -> Piece:
    name = node.op.name
    if name in ("add", "sub"):
        return _sum(args, subtract=name == "sub")
    if name == "neg":
        return _product(args[0].factors, args[0].below, not args[0].negative)
    if name == "mul":
        above = tuple(factor for piece in args for factor in piece.factors)
        below = tuple(factor for piece in args for factor in piece.below)
        return _product(above, below, sum(piece.negative for piece in args) % 2 == 1)
    if name == "div":
        top, under = args
        return _product(top.factors + under.below, top.below + under.factors, top.negative != under.negative)
    if name == "pow":
        return _power(node, args)
    if name == "exp" and not is_e_taken:
        return Piece(f"e^{{{args[0].text}}}", POWER)
    text = node.op.spelling["latex"].format(*(piece.text for piece in args))
    if not args:
        return Piece(text, rank=_CONSTANT)
    head = text.partition(r"\left")[0] if name in _POWER_ON_NAME else ""
    return Piece(text, POWER if name == "sqrt" else ATOM, head=head)


def _sum(args: tuple[Piece, ...], subtract: bool) -> Piece:
    text = args[0].text
    for piece in args[1:]:
        if subtract:
            negative, shown = not piece.negative, piece.text[1:] if piece.negative else piece.at(PRODUCT)
        else:
            negative = piece.text.startswith("-")
            shown = piece.text[1:] if negative else piece.text
        text += f" {'-' if negative else '+'} {shown}"
    return Piece(text, SUM)


def _product(above: Iterable[Piece], below: Iterable[Piece], negative: bool) -> Piece:
    """A product or one fraction, numbers first."""
    above = tuple(sorted(above, key=lambda piece: piece.rank))
    below = tuple(sorted(below, key=lambda piece: piece.rank))
    if below:
        text, level = f"\\frac{{{_joined(above)}}}{{{_joined(below)}}}", PRODUCT
    elif len(above) == 1:
        text, level = above[0].text, above[0].level
        if negative and level == SUM:
            text, level = _bracketed(text), PRODUCT
    else:
        text, level = _joined(above), PRODUCT if above else ATOM
    if not negative and not below and len(above) == 1:
        return above[0]
    rank = _NUMBER if all(piece.rank == _NUMBER for piece in above + below) else _OTHER
    return Piece(f"-{text}" if negative else text, level, rank, above=above, below=below, negative=negative)


def _joined(factors: tuple[Piece, ...]) -> str:
    """Factors side by side, with a dot or a thin space where they would run together."""
    if not factors:
        return "1"
    if len(factors) == 1:
        return factors[0].text
    texts = [piece.at(PRODUCT) for piece in factors]
    joined = texts[0]
    for (left, right), text in zip(pairwise(factors), texts[1:], strict=True):
        if text[0].isdigit() or (left.is_word and text.startswith(r"\left(")):
            joined += f" \\cdot {text}"
        elif left.is_word or right.is_word:
            joined += f" \\, {text}"
        else:
            joined += f" {text}"
    return joined


def _power(node: Expression, args: tuple[Piece, ...]) -> Piece:
    base, exponent = args
    number = node.args[1].value if node.args[1].kind == "constant" else None
    if isinstance(number, float) or number is None:
        return Piece(f"{base.at(ATOM)}^{{{exponent.text}}}", POWER)
    positive = _exact_power(base, number if number >= 0 else -number)
    return positive if number >= 0 else _product((), (positive,), negative=False)


def _exact_power(base: Piece, exponent: int | Fraction) -> Piece:
    """A power with an exact exponent that is not negative."""
    if isinstance(exponent, Fraction):
        if exponent.numerator == 1:
            index = "" if exponent.denominator == 2 else f"[{exponent.denominator}]"
            return Piece(f"\\sqrt{index}{{{base.text}}}", POWER)
        return Piece(f"{base.at(ATOM)}^{{{exponent.numerator}/{exponent.denominator}}}", POWER)
    if exponent == 1:
        return base
    if base.head:
        return Piece(f"{base.head}^{{{exponent}}}{base.text[len(base.head) :]}", POWER)
    return Piece(f"{base.at(ATOM)}^{{{exponent}}}", POWER)


def _bracketed(text: str) -> str:
    return f"\\left({text}\\right)"
