"""The canonical form of sums.

Rules, in this order:

- nested sums are multiplied out with their numeric factors, ``2*(x + 3) + y -> 2*x + y + 6``;
- terms with the same body are added; fitted factors that differ become one;
- numbers are added, all into one float as soon as one of them is a float;
- terms that share a factor other than 1 are put behind it, ``2.5*x + 2.5*y -> 2.5*(x + y)``.

Terms that vanish take their domain along: ``log(x) - log(x)`` is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from operator import itemgetter

from closedform.symbolic.arithmetic import Exact, Number, fits, is_exact, size_of, sum_of, value_of
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.order import varies
from closedform.symbolic.terms import (
    ADD,
    MUL,
    ZERO,
    Term,
    as_term,
    key_of,
    over,
    rational,
    scaled,
    terms_of,
    visible,
)

# A finished part of a sum with its sorting key.
Unit = tuple[tuple[object, ...], Expression]


def add_nodes(nodes: Iterable[Expression]) -> Expression:
    """Return the canonical sum of canonical nodes."""
    return add_terms(term for node in nodes for term in terms_of(node))


def add_terms(terms: Iterable[Term]) -> Expression:
    """Return the canonical sum of terms whose bodies are canonical and no sums."""
    collected = _collect(terms)
    moving = [term for term in collected if term.body is not None and varies(term.body)]
    if len(moving) < len(collected):
        still = [term for term in collected if term.body is None or not varies(term.body)]
        collected = moving + _fold_numbers(still, moving)
    groups = _grouped_by_free_factor(collected)
    loose = groups.pop(None, [])
    units = [_free_unit(free, group) for free, group in groups.items() if free is not None]
    units.extend(_exact_units(loose, alone=not groups))
    return _assembled(units)


def _assembled(units: list[Unit]) -> Expression:
    if len(units) == 1:
        return units[0][1]
    units.sort(key=itemgetter(0))
    return apply(ADD, *[node for _, node in units]) if units else ZERO


# --- collecting -------------------------------------------------------------------------------------------------------


def _collect(terms: Iterable[Term]) -> list[Term]:
    """Add the terms with the same body."""
    by_body: dict[int, list[Term]] = {}
    still_factors = False
    for term in terms:
        if term.exact:
            by_body.setdefault(id(term.body), []).append(term)
            body = term.body
            still_factors |= body is not None and body.op is MUL and not varies(body.args[0])
    if still_factors:
        by_body = _gathered(by_body)
    added = [group[0] if len(group) == 1 else _added(group) for group in by_body.values()]
    return [term for term in added if term.exact]


def _gathered(by_body: dict[int, list[Term]]) -> dict[int, list[Term]]:
    """Bring ``pi*x`` and ``2.5*x`` together: exact factors like pi give way to a fitted number."""
    by_moving: dict[int, list[Term]] = {}
    for group in by_body.values():
        for term in group:
            by_moving.setdefault(id(_moving_part(term.body)), []).append(term)
    gathered: dict[int, list[Term]] = {}
    for group in by_moving.values():
        bodies = {id(term.body) for term in group}
        if len(bodies) > 1 and any(term.free is not None for term in group):
            group = [merged for term in group for merged in (_merged(term.free or 1.0, term) or [term])]
        for term in group:
            gathered.setdefault(id(term.body), []).append(term)
    return gathered


def _moving_part(body: Expression | None) -> Expression | None:
    """Return the factors of a body that vary."""
    if body is None or body.op is not MUL or varies(body.args[0]):
        return body
    moving = [argument for argument in body.args if varies(argument)]
    return apply(MUL, *moving) if len(moving) > 1 else moving[0] if moving else body


def _added(group: list[Term]) -> Term:
    """Return the sum of terms with the same body."""
    free, _, body = group[0]
    if all(term.free == free for term in group):
        exact = rational(sum(term.exact for term in group))
        if fits(exact):
            return Term(free, exact, body)
    return as_term(sum_of(float(term.coefficient) for term in group), body)


def _fold_numbers(still: list[Term], moving: list[Term]) -> list[Term]:
    """Make one number of the terms without variables, unless all are exact or all share a factor with other terms."""
    frees = {term.free for term in still}
    if frees == {None} or (len(frees) == 1 and any(term.free in frees for term in moving)):
        return still
    products = []
    for term in still:
        value = 1.0 if term.body is None else value_of(term.body)
        if value is None:
            return still  # one of them is undefined, and so is the whole formula
        products.append(float(term.coefficient) * value)
    total = as_term(sum_of(products), None)
    return [total] if total.exact else []


def _grouped_by_free_factor(terms: Sequence[Term]) -> dict[float | None, list[Term]]:
    """Group terms by their fitted factor, each group freed of its common rational factor."""
    groups: dict[float | None, list[Term]] = {}
    for term in terms:
        groups.setdefault(term.free, []).append(term)
    settled = False
    while not settled:
        settled = True
        for free in [free for free in groups if free is not None]:
            freed = _freed(free, groups[free])
            if freed:
                # The new factor may be that of another group: then they are one, with a common factor of its own.
                del groups[free]
                groups.setdefault(freed[0].free, []).extend(freed)
                settled = False
    return groups


def _freed(free: float, group: list[Term]) -> list[Term]:
    """Return a group whose common exact factor has moved into the fitted one; nothing if there is none."""
    if len(group) == 1:
        return _merged(free, *group)
    # The first coefficient becomes 1 or -1, so that a multiple of the group has the same group inside.
    content = size_of(min(group, key=lambda term: key_of(term.body)).exact)
    new = free * float(content)
    if content == 1 or not fits(new) or new == 0:
        return []
    return [Term(None if new == 1.0 else new, rational(Fraction(term.exact) / content), term.body) for term in group]


def _merged(free: float, term: Term) -> list[Term]:
    """Return a term with one number, which takes in exact factors such as pi."""
    new, body = free * float(size_of(term.exact)), term.body
    if body is not None and body.op is MUL and varies(body) and not varies(body.args[0]):
        numbers = [argument for argument in body.args if not varies(argument)]
        value = value_of(apply(MUL, *numbers) if len(numbers) > 1 else numbers[0])
        if value:
            new *= value
            rest = body.args[len(numbers) :]
            body = apply(MUL, *rest) if len(rest) > 1 else rest[0]
    if new == free or not fits(new) or new == 0:
        return []
    sign = 1 if (new > 0) == (term.exact > 0) else -1
    return [Term(visible(abs(new), body), sign, body)]


# --- building ---------------------------------------------------------------------------------------------------------


def _free_unit(free: float, group: list[Term]) -> Unit:
    """Return ``free * (sum of the group)``."""
    if len(group) > 1:
        inner, sign = _leading_positive(group)
        return key_of(inner), apply(MUL, constant(sign * free), inner)
    [(_, exact, body)] = group
    if abs(exact) == 1:
        return key_of(body), scaled(free * exact, body)
    # Out of range as one number.
    return key_of(body), apply(MUL, constant(free), constant(exact), *([] if body is None else [body]))


def _exact_units(terms: list[Term], alone: bool) -> list[Unit]:
    """Return the terms without fitted factor, those of the same size put behind their common factor.

    `alone` says that there are no other terms; then ``-x - y`` becomes ``-(x + y)``.
    """
    shared = _shared_sizes(terms, alone) if len(terms) > 1 else None
    if not shared:
        return [(key_of(term.body), scaled(term.exact, term.body)) for term in terms]
    units = [(key_of(term.body), scaled(term.exact, term.body)) for term in terms if abs(term.exact) not in shared]
    for size in shared:
        signs: list[Exact] = [1 if term.exact > 0 else -1 for term in terms if abs(term.exact) == size]
        bodies = [term.body for term in terms if abs(term.exact) == size]
        inner, sign = _leading_positive([Term(None, s, body) for s, body in zip(signs, bodies, strict=True)])
        units.append((key_of(inner), apply(MUL, constant(sign * size), inner)))
    return units


def _shared_sizes(terms: list[Term], alone: bool) -> set[Exact]:
    """Return the factors that are written once for several terms."""
    if alone and all(term.exact == -1 and term.body is not None for term in terms):
        return {1}
    sizes = [size_of(term.exact) for term in terms if term.body is not None]
    return {size for size in sizes if size != 1 and sizes.count(size) > 1}


def _leading_positive(terms: list[Term]) -> tuple[Expression, int]:
    """Return the sum of two or more exact terms with a positive first coefficient, and the sign taken out."""
    first = min(terms, key=lambda term: key_of(term.body))
    sign = 1 if first.exact > 0 else -1
    return _assembled(_exact_units([Term(None, sign * term.exact, term.body) for term in terms], alone=False)), sign


# --- what a sum gives up as a factor of a product ---------------------------------------------------------------------


def leading_sign(node: Expression) -> int:
    """Return the sign of the first term of a sum."""
    return 1 if min(_flat(node), key=itemgetter(0))[1] > 0 else -1


def content_of(node: Expression, fitted: bool = False) -> Number:
    """Return the number that a sum gives up as a factor of a product: ``(2*x + 4*y)*z`` is ``2*(x + 2*y)*z``.

    It is the first coefficient, unless that would make two fitted numbers of one, as in ``(2.0*x + 3)*z``; then it is
    the sign of the first coefficient. In a `fitted` product, which has a fitted number in front, it never does.
    """
    flat = _flat(node)
    first = min(flat, key=itemgetter(0))[1]
    if fitted or is_exact(first) or not any(is_exact(coefficient) for _, coefficient in flat):
        return first
    return 1 if first > 0 else -1


def _flat(node: Expression) -> list[tuple[object, Number]]:
    """Return the coefficients of a sum that has been multiplied out, each with something that sorts them."""
    heads = [argument.args[0] if argument.op is MUL else argument for argument in node.args]
    if any(argument.op is MUL and argument.args[-1].op is ADD and len(argument.args) == 2 for argument in node.args):
        return [(key_of(term.body), term.coefficient) for term in terms_of(node)]
    # Nothing to multiply out: the terms are in order.
    return [(place, head.value if head.kind == "constant" else 1) for place, head in enumerate(heads)]


def divided(node: Expression, divisor: Number) -> Expression | None:
    """Return a sum divided by a number other than 0; None when that is out of range."""
    by = as_term(divisor, None)
    quotients = [over(term, by) for term in terms_of(node)]
    return add_terms([term for term in quotients if term]) if all(quotients) else None
