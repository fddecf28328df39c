"""Terms of a sum: a fitted factor, a rational factor and a body.

Keeping the two factors apart lets ``2.5*(x + 2*y)``, which holds one fitted number, survive being multiplied out and
collected again.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple, cast

from closedform.symbolic.arithmetic import Exact, Number, fits, neutral, reduced
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.operators import OPERATORS
from closedform.symbolic.order import sum_key

ADD, MUL = OPERATORS["add"], OPERATORS["mul"]
ZERO, ONE = constant(0), constant(1)


class Term(NamedTuple):
    """One term, ``free * exact * body``; the body of a number is None."""

    free: float | None  # positive; None for none, which is also how 1.0 in front of a body is kept
    exact: Exact
    body: Expression | None

    @property
    def coefficient(self) -> Number:
        """The whole numeric factor."""
        return self.exact if self.free is None else self.free * float(self.exact)


def as_term(coefficient: Number, body: Expression | None) -> Term:
    """Return the term of a number and a body.

    A factor 1.0 goes; the term 1.0 stays a fitted one.
    """
    if isinstance(coefficient, float) and (body is not None or coefficient == 0):
        coefficient = neutral(coefficient)
    if isinstance(coefficient, float):
        return Term(abs(coefficient), 1 if coefficient > 0 else -1, body)
    return Term(None, coefficient, body)


def split(node: Expression) -> tuple[Number, Expression | None]:
    """Return the numeric factor of a canonical node and the rest; the rest of a number is None."""
    if node.kind == "constant":
        return node.value, None
    if node.op is MUL and node.args[0].kind == "constant":
        rest = node.args[1:]
        return node.args[0].value, rest[0] if len(rest) == 1 else apply(MUL, *rest)
    return 1, node


def scaled(coefficient: Number, body: Expression | None) -> Expression:
    """Return ``coefficient * body`` for a canonical body that is no sum and has no numeric factor."""
    if body is None:
        return constant(coefficient)
    if coefficient == 1:
        return body
    return apply(MUL, constant(coefficient), *(body.args if body.op is MUL else (body,)))


def key_of(body: Expression | None) -> tuple[object, ...]:
    """Return the sorting key of a term, which does not depend on its factors."""
    return sum_key(ONE if body is None else body)


def terms_of(node: Expression) -> Iterator[Term]:
    """Yield the terms of a canonical node, sums inside multiplied out."""
    if node.op is ADD:
        for argument in node.args:
            yield from terms_of(argument)
        return
    coefficient, body = split(node)
    term = as_term(coefficient, body)
    if body is None or body.op is not ADD:
        yield term
        return
    inner = [times(part, term) for part in terms_of(body)]
    # Out of range: the product stays as it stands.
    yield from cast(list[Term], inner) if all(inner) else [Term(None, 1, node)]


def times(term: Term, factor: Term) -> Term | None:
    """Return the term multiplied by the number that `factor` stands for; None when that is out of range."""
    exact = rational(term.exact * factor.exact)
    free = term.free
    if factor.free is not None:
        free = factor.free if free is None else free * factor.free
    return _checked(free, exact, term.body)


def over(term: Term, divisor: Term) -> Term | None:
    """Return the term divided by the number that `divisor` stands for; None when that is out of range."""
    exact = rational(Fraction(term.exact) / divisor.exact)
    free = term.free
    if divisor.free is not None:
        free = (1.0 if free is None else free) / divisor.free
    return _checked(free, exact, term.body)


def _checked(free: float | None, exact: Exact, body: Expression | None) -> Term | None:
    if not fits(exact) or (free is not None and (free == 0 or not fits(free))):
        return None
    return Term(visible(free, body), exact, body)


def visible(free: float | None, body: Expression | None) -> float | None:
    """Return a fitted factor, None for a 1.0 in front of something."""
    return None if free == 1.0 and body is not None else free


def rational(value: Exact) -> Exact:
    """Return an exact number with whole ones as int."""
    return cast(Exact, reduced(value))
