"""The same formula with its constants at other places: ``a*log(x + c) + d`` is ``a*log(1 + x/c) + (d + a*log(c))``.

Which spelling holds the short numbers, only rounding can tell. Values are the same, and no spelling has more fitted
constants than the formula given; those that cannot be told apart by their constants count as one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from closedform.exceptions import InputError
from closedform.symbolic.canonical import Rules, canonical
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.terms import split

_MOST = 10
_SQUARE = 2.0
_LARGEST_EXPONENT = 700.0
_RULES = Rules()


def spellings(expression: Expression) -> list[Expression]:
    """Other spellings of a formula, at most ten.

    Parameters
    ----------
    expression : Expression
        With fitted constants.

    Examples
    --------
    >>> from closedform.symbolic.expression import Expression
    >>> [str(one) for one in spellings(Expression.parse("4.0*(x + 2.0)**(-3)"))]
    ['0.5*(0.5*x + 1)**-3']
    """
    start = canonical(expression)
    found, todo = {_rounded(start): start}, [start]
    while todo and len(found) <= _MOST:
        for other in _within_float64(_changed(todo.pop(0))):
            key = _rounded(other)
            if other.n_constants <= start.n_constants and key not in found and len(found) <= _MOST:
                found[key] = other
                todo.append(other)
    return list(found.values())[1:]


def _within_float64(found: Iterator[Expression]) -> Iterator[Expression]:
    """The spellings before the first one whose numbers would leave float64."""
    try:
        yield from found
    except (InputError, OverflowError):
        return


def _rounded(expression: Expression) -> Expression:
    """The formula with what arithmetic adds to its constants taken off."""
    return expression.with_constants([float(f"{value:.9g}") for value in expression.constants])


def _changed(node: Expression) -> Iterator[Expression]:
    """The formula with one place of it written otherwise."""
    if not node.n_constants or not node.args:
        return
    yield from _here(node)
    for position, part in enumerate(node.args):
        for other in _changed(part):
            yield _joined(apply(node.op, *node.args[:position], other, *node.args[position + 1 :]))


def _joined(node: Expression) -> Expression:
    """A product or sum with the fitted numbers of its parts joined; the canonical form would undo what was done."""
    if not _is(node, "mul"):
        return node
    parts = [inner for part in node.args for inner in (part.args if _is(part, "mul") else (part,))]
    numbers = [float(part.value) for part in parts if part.kind == "constant"]
    others = [part for part in parts if part.kind != "constant"]
    return apply("mul", constant(math.prod(numbers)), *others) if len(numbers) > 1 else node


def _here(node: Expression) -> Iterator[Expression]:
    if _is(node, "pow") and _is(node.args[0], "add") and node.args[1].kind == "constant":
        base, exponent = node.args
        if exponent.value == _SQUARE and all(
            not isinstance(split(term)[0], float) for term in base.args if term.variables
        ):
            return  # (x - c)**2: nobody writes c**2*(x/c - 1)**2
        for factor, rest in _scaled(base):
            with_factor = factor ** float(exponent.value)
            if math.isfinite(with_factor) and with_factor > 0.0:
                yield apply("mul", constant(with_factor), apply("pow", rest, exponent))
    elif _is(node, "add"):
        yield from _logarithms(node)
        yield from _poles(node)
    elif _is(node, "exp"):
        for other in _inside_a_power(node.args[0], 0.5):
            yield apply("exp", other)
        for whole, rest in _without_pole(node.args[0]):
            if abs(whole) < _LARGEST_EXPONENT:
                yield apply("mul", constant(math.exp(whole)), apply("exp", rest))
    elif _is(node, "mul"):
        yield from _inside_a_power(node)
        yield from _into_exponent(node)
        yield from _multiplied_out(node)
        yield from _without_reciprocals(node)


def _scaled(total: Expression) -> Iterator[tuple[float, Expression]]:
    """A sum as a positive factor times a sum in which one fitted number has become 1."""
    for term in total.args:
        number, _ = split(term)
        if isinstance(number, float) and number != 0.0:
            inverse = constant(1.0 / abs(number))
            # Written as an exact one, which the product of two floats would not be.
            parts = [
                _scale_exactly(other, number) if other is term else _RULES.multiply(inverse, other)
                for other in total.args
            ]
            yield abs(number), _RULES.add(*parts)


def _scale_exactly(term: Expression, number: float) -> Expression:
    _, body = split(term)
    sign = constant(1 if number > 0 else -1)
    return sign if body is None else _RULES.multiply(sign, body)


def _logarithms(total: Expression) -> Iterator[Expression]:
    """``a*log(x + c) + d`` with a number taken out of the logarithm."""
    for term in total.args:
        number, body = split(term)
        if body is None or not _is(body, "log") or not _is(body.args[0], "add"):
            continue
        others = [other for other in total.args if other is not term]
        for factor, rest in _scaled(body.args[0]):
            logarithm = _RULES.scale(number, _RULES.function("log", rest))
            yield _RULES.add(logarithm, constant(float(number) * math.log(factor)), *others)


def _poles(total: Expression) -> Iterator[Expression]:
    """``b/(c + u)`` as ``b/c - (b/c)*u/(c + u)``: what starts at zero is often written so."""
    for term in total.args:
        others = [other for other in total.args if other is not term]
        for whole, rest in _without_pole(term):
            yield _RULES.add(constant(whole), rest, *others)


def _without_pole(term: Expression) -> Iterator[tuple[float, Expression]]:
    number, body = split(term)
    if body is None or not _is_reciprocal(body):
        return
    for part in body.args[0].args:
        if part.kind == "constant" and isinstance(part.value, float) and part.value != 0.0:
            whole = float(number) / part.value
            rest = _RULES.add(*[other for other in body.args[0].args if other is not part])
            yield whole, _RULES.multiply(constant(-whole), rest, body)


def _inside_a_power(product: Expression, part: float = 1.0) -> Iterator[Expression]:
    """``k*u**p`` as ``part*(u/s)**p``; of whole powers squares alone are written so."""
    number, body = split(product)
    if not isinstance(number, float) or body is None or not _is(body, "pow") or body.args[1].kind != "constant":
        return
    exponent = float(body.args[1].value)
    if abs(exponent) != _SQUARE and (exponent.is_integer() or part != 1.0):
        return
    scale = (abs(number) / part) ** (1.0 / exponent)
    if 0.0 < scale < math.inf:
        power = apply("pow", apply("mul", constant(scale), body.args[0]), body.args[1])
        front = Fraction(part) if number > 0 else -Fraction(part)
        yield power if front == 1 else apply("mul", constant(front), power)


def _into_exponent(product: Expression) -> Iterator[Expression]:
    """``a*exp(u)`` as ``exp(u + log(a))``."""
    number, _ = split(product)
    factor = next((part for part in product.args if _is(part, "exp")), None)
    if factor is not None and isinstance(number, float) and number > 0.0:
        others = [part for part in product.args[1:] if part is not factor]
        raised = apply("exp", apply("add", factor.args[0], constant(math.log(number))))
        yield apply("mul", *others, raised) if others else raised


def _multiplied_out(product: Expression) -> Iterator[Expression]:
    """``a*x*(y + b)`` as ``a*x*y + a*b*x``."""
    for factor in product.args:
        if _is(factor, "add"):
            others = [other for other in product.args if other is not factor]
            yield _RULES.add(*[_RULES.multiply(*others, term) for term in factor.args])


def _without_reciprocals(product: Expression) -> Iterator[Expression]:
    """``a/(1/x + c)`` as ``a*x/(1 + c*x)``."""
    for factor in product.args:
        if not _is_reciprocal(factor):
            continue
        others = [other for other in product.args if other is not factor]
        for term in factor.args[0].args:
            _, body = split(term)
            if body is not None and _is(body, "pow") and _is_negative(body.args[1]):
                below = _RULES.power(body, constant(-1))
                total = _RULES.add(*[_RULES.multiply(part, below) for part in factor.args[0].args])
                yield _RULES.multiply(*others, below, _RULES.power(total, constant(-1)))


def _is(node: Expression, name: str) -> bool:
    return node.kind == "apply" and node.op.name == name


def _is_reciprocal(node: Expression) -> bool:
    """Whether a node is 1 over a sum."""
    return (
        _is(node, "pow") and _is(node.args[0], "add") and node.args[1].kind == "constant" and node.args[1].value == -1
    )


def _is_negative(exponent: Expression) -> bool:
    return exponent.kind == "constant" and exponent.value < 0
