"""Formulas as people write them: differences, quotients and roots instead of factors -1 and powers -1 and 1/2.

The canonical form knows only sums, products and powers, which is good for comparing and bad for reading. The
arrangement is for everything that is shown: ``x + (-1*y*z**-1)`` becomes ``x - y/z``. Values are the same; only the
order of rounding may differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from closedform.symbolic.expression import Expression, Number, apply, constant, plain_sum
from closedform.symbolic.metrics import short_reciprocal

_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class _Quotient:
    """``(-1 if negative) * number * over / under``, with a number above zero."""

    negative: bool = False
    number: Number = 1
    over: tuple[Expression, ...] = ()
    under: tuple[Expression, ...] = ()

    def positive(self) -> Expression:
        """Return the expression without its sign."""
        return self._written(self.number, self.over)

    def written(self) -> Expression:
        """Return the expression, the sign at the place where it needs no parentheses."""
        if not self.negative:
            return self.positive()
        if self.number != 1 or isinstance(self.number, float) or not self.over:
            return self._written(-self.number, self.over)
        return self._written(1, (apply("neg", self.over[0]), *self.over[1:]))

    def _written(self, number: Number, over: tuple[Expression, ...]) -> Expression:
        exact_one = number == 1 and not isinstance(number, float)
        top = _product(over if exact_one and over else (constant(number), *over))
        return apply("div", top, _product(self.under)) if self.under else top


def arranged(expression: Expression) -> Expression:
    """Return the formula as one would write it by hand.

    Examples
    --------
    >>> from closedform.symbolic import Expression
    >>> print(arranged(Expression.parse("x + -1*y*z**-1 + 2*w**(1/2)")))
    x - y/z + 2*sqrt(w)
    """
    return expression.fold(_quotient).written()


def _quotient(node: Expression, args: tuple[_Quotient, ...]) -> _Quotient:
    if node.kind == "constant":
        value = node.value
        return _Quotient(negative=value < 0, number=_size(value)) if value != 0 else _Quotient(over=(node,))
    if node.kind == "variable":
        return _Quotient(over=(node,))
    name = node.op.name
    if name == "add":
        return _sum(args)
    if name == "sub":
        return _sum((args[0], _negated(args[1])))
    if name == "mul":
        return _multiplied(args)
    if name == "div":
        return _multiplied((args[0], _inverted(args[1])))
    if name == "neg":
        return _negated(args[0])
    if name == "pow":
        return _power(args[0], node.args[1], args[1])
    return _Quotient(over=(apply(node.op, *[arg.written() for arg in args]),))


def _size(value: Number) -> Number:
    return -value if value < 0 else value


def _negated(quotient: _Quotient) -> _Quotient:
    return _Quotient(not quotient.negative, quotient.number, quotient.over, quotient.under)


def _inverted(quotient: _Quotient) -> _Quotient:
    return _Quotient(
        quotient.negative, under=(_Quotient(False, quotient.number, quotient.over, quotient.under).positive(),)
    )


def _multiplied(quotients: Iterable[_Quotient]) -> _Quotient:
    negative, number = False, None
    over: list[Expression] = []
    under: list[Expression] = []
    parts = list(quotients)
    several = any(part.over for part in parts)
    for quotient in parts:
        negative ^= quotient.negative
        below = _below(quotient) if several else None
        if below is not None:
            under.append(constant(below))
            continue
        if number is None:
            number = quotient.number if _counts(quotient.number) else None
        elif _counts(quotient.number):
            over.append(constant(quotient.number))  # joining two free constants would lose one
        over += quotient.over
        under += quotient.under
    return _Quotient(negative, 1 if number is None else number, tuple(over), tuple(under))


def _below(quotient: _Quotient) -> float | None:
    """Return the decimal that a long number is one over: ``x/0.56`` for ``1.7857142857142856*x``."""
    number = quotient.number
    if not isinstance(number, float) or quotient.over or quotient.under:
        return None
    below = short_reciprocal(number)
    return below if below is not None and 1.0 / below == number else None


def _counts(number: Number) -> bool:
    return number != 1 or isinstance(number, float)


def _power(base: _Quotient, exponent: Expression, written: _Quotient) -> _Quotient:
    value = exponent.value if exponent.kind == "constant" else None
    if value is None or isinstance(value, float):
        return _Quotient(over=(apply("pow", base.written(), written.written()),))
    size = _size(value)
    if size == 1:
        power = base.written()
    else:
        power = apply("sqrt", base.written()) if size == _HALF else apply("pow", base.written(), size)
    return _Quotient(under=(power,)) if value < 0 else _Quotient(over=(power,))


def _sum(terms: Iterable[_Quotient]) -> _Quotient:
    """Join terms in their order, but begin with one that is added if there is any."""
    rest = list(terms)
    start = next((index for index, term in enumerate(rest) if not term.negative), 0)
    result = rest.pop(start).written()
    added = [result]
    for term in rest:
        if term.negative:
            result = apply("sub", plain_sum(added), term.positive())
            added = [result]
        else:
            added.append(term.positive())
    return _Quotient(over=(plain_sum(added),))


def _product(factors: tuple[Expression, ...]) -> Expression:
    return factors[0] if len(factors) == 1 else apply("mul", *factors)
