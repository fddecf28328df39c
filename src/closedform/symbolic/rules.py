"""Rewriting rules of sums and products: common factors, multiplying out, common denominators, squares, logarithms.

A rule looks at one canonical node and yields other ways to write it, built with the `Rules` it is given. It does not
judge: `closedform.symbolic.simplify` keeps an alternative only if it is simpler. Each rule keeps the values wherever
the node is defined; what a rule needs for that stands in its docstring. "May extend" means that the new form may be
defined on more points than the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from closedform.symbolic.arithmetic import Number, is_exact, is_whole, reduced, size_of
from closedform.symbolic.canonical import Rules
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.factors import LOG, factors_of
from closedform.symbolic.order import varies
from closedform.symbolic.terms import ADD, ONE, split

Rule = Callable[[Rules, Expression], Iterator[Expression]]
Factors = list[tuple[Expression, Number]]

# Multiplying out stops at this many terms, and whole powers of sums above the second number stay.
MOST_TERMS = 48
LARGEST_POWER_OF_SUM = 4


def term_factors(term: Expression) -> tuple[Number, Factors]:
    """Return the number of a term and its other factors as bases with exponents."""
    coefficient, body = split(term)
    return coefficient, [] if body is None else factors_of(body)


def build_term(rules: Rules, coefficient: Number, factors: Factors) -> Expression:
    """Return the product of a number and powers."""
    powers = [rules.power(base, constant(exponent)) for base, exponent in factors]
    return rules.multiply(constant(coefficient), *powers)


# --- common factors ---------------------------------------------------------------------------------------------------


def take_out_factor(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``x*y + x*z -> x*(y + z)``, for all terms or for those with the same power.

    Polynomials are not turned inside out, ``a*x**2 + b*x + c -> x*(a*x + b) + c``: shorter, but nobody writes them so.
    """
    rows: dict[int, tuple[Expression, list[tuple[int, Number]]]] = {}
    for index, term in enumerate(node.args):
        for base, exponent in term_factors(term)[1]:
            if varies(base):
                rows.setdefault(id(base), (base, []))[1].append((index, exponent))
    for base, found in rows.values():
        powers: dict[Number, set[int]] = {}
        for index, exponent in found:
            powers.setdefault(exponent, set()).add(index)
        for exponent, members in powers.items():
            if len(members) > 1:
                yield _factored(rules, node, rules.power(base, constant(exponent)), members)
        if len(found) == len(node.args) and len(powers) > 1 and len({exponent > 0 for exponent in powers}) == 1:
            lowest = min(powers, key=size_of)
            yield _factored(rules, node, rules.power(base, constant(lowest)), set(range(len(found))))


def _factored(rules: Rules, node: Expression, factor: Expression, members: set[int]) -> Expression:
    """Return a sum with `factor` put in front of the terms at the positions `members`."""
    inverse = rules.power(factor, constant(-1))
    inside = [rules.multiply(term, inverse) for index, term in enumerate(node.args) if index in members]
    outside = [term for index, term in enumerate(node.args) if index not in members]
    return rules.add(rules.multiply(factor, rules.add(*inside)), *outside)


# --- multiplying out --------------------------------------------------------------------------------------------------


def multiply_out(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``(x + 1)*(x - 1) + 1 -> x**2``, all at once and each term on its own."""
    terms = list(node.args) if node.op is ADD else [node]
    spread = [_spread(rules, term) for term in terms]
    changed = [index for index, parts in enumerate(spread) if len(parts) > 1]
    if not changed or sum(map(len, spread)) > MOST_TERMS:
        return
    yield rules.add(*[part for parts in spread for part in parts])
    if len(changed) > 1:
        for index in changed:
            yield rules.add(*spread[index], *terms[:index], *terms[index + 1 :])


def _spread(rules: Rules, term: Expression) -> list[Expression]:
    """Return the terms of a product that has been multiplied out."""
    coefficient, factors = term_factors(term)
    plain: Factors = []
    sums: list[Expression] = []
    for base, exponent in factors:
        if base.op is ADD and is_whole(exponent) and 0 < exponent <= LARGEST_POWER_OF_SUM:
            sums.extend([base] * int(exponent))
        else:
            plain.append((base, exponent))
    if not sums:
        return [term]
    parts = [build_term(rules, coefficient, plain)]
    for inner in sums:
        # What was factored inside is multiplied out too.
        addends = [part for addend in inner.args for part in _spread(rules, addend)]
        if len(parts) * len(addends) > MOST_TERMS:
            return [term]
        parts = [rules.multiply(part, addend) for part in parts for addend in addends]
    return parts


def common_denominator(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``1 - 1/(1 + x) -> x/(1 + x)``, for the sums among the denominators and for all denominators."""
    below: dict[int, tuple[Expression, Number]] = {}
    for term in node.args:
        for base, exponent in term_factors(term)[1]:
            if is_whole(exponent) and exponent < 0 and -exponent > below.get(id(base), (base, 0))[1]:
                below[id(base)] = base, -exponent
    sums: Factors = [(base, exponent) for base, exponent in below.values() if base.op is ADD]
    for chosen in [sums, list(below.values())] if len(sums) < len(below) else [sums]:
        if sums:
            denominator = build_term(rules, 1, chosen)
            raised = [part for term in node.args for part in _spread(rules, rules.multiply(term, denominator))]
            if len(raised) <= MOST_TERMS:
                yield rules.multiply(rules.add(*raised), rules.power(denominator, constant(-1)))


def clear_fractions_below(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``1/(1/x + 1/y) -> x*y/(x + y)``. May extend, to the zeros of the denominators inside."""
    base, exponent = node.args
    if base.op is not ADD or exponent.kind != "constant" or not is_whole(exponent.value) or exponent.value > 0:
        return
    below: dict[int, tuple[Expression, Number]] = {}
    for term in base.args:
        for inner, power in term_factors(term)[1]:
            if is_whole(power) and power < 0 and -power > below.get(id(inner), (inner, 0))[1]:
                below[id(inner)] = inner, -power
    if below:
        denominator = build_term(rules, 1, list(below.values()))
        raised = rules.add(*[rules.multiply(term, denominator) for term in base.args])
        yield rules.multiply(rules.power(raised, exponent), rules.power(denominator, constant(-exponent.value)))


def move_below(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``exp(-x)/(1 + 2*exp(-x)) -> 1/(exp(x) + 2)``: a factor goes into the sum below. May extend, to its zeros."""
    coefficient, factors = term_factors(node)
    for i, (base, exponent) in enumerate(factors):
        if base.op is not ADD or exponent != -1:
            continue
        for j, (factor, power) in enumerate(factors):
            if j != i and factor.op is not ADD:
                inverse = rules.power(factor, constant(-power))
                below = rules.add(*[rules.multiply(term, inverse) for term in base.args])
                rest: Factors = [pair for k, pair in enumerate(factors) if k not in (i, j)]
                yield build_term(rules, coefficient, [*rest, (below, -1)])


def absorb_number(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``0.5*x/(0.5*y + 1) -> x/(y + 2.0)``: the number goes into one of the sums."""
    coefficient, factors = term_factors(node)
    if not isinstance(coefficient, float):
        return
    for index, (base, exponent) in enumerate(factors):
        if base.op is ADD and exponent in (1, -1):
            scaled = rules.scale(coefficient if exponent == 1 else 1 / coefficient, base)
            yield build_term(rules, 1, [*factors[:index], (scaled, exponent), *factors[index + 1 :]])


# --- squares ----------------------------------------------------------------------------------------------------------


def complete_square(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``x**2 + 2*x*y + y**2 -> (x + y)**2``, for three of the terms."""
    squares = [(index, *_square_root(rules, term)) for index, term in enumerate(node.args)]
    roots = [(index, coefficient, root) for index, coefficient, root in squares if root is not None]
    for place, (first, a, u) in enumerate(roots):
        for second, c, v in roots[place + 1 :]:
            cross = rules.multiply(u, v)
            for third, term in enumerate(node.args):
                b, body = split(term)
                if third in (first, second) or (body or ONE) is not cross or not _is_square(a, b, c):
                    continue
                share = b / (2 * a) if isinstance(a, float) or isinstance(b, float) else reduced(Fraction(b) / (2 * a))
                square = rules.power(rules.add(u, rules.scale(share, v)), constant(2))
                rest = [other for index, other in enumerate(node.args) if index not in (first, second, third)]
                yield rules.add(rules.scale(a, square), *rest)


def _square_root(rules: Rules, term: Expression) -> tuple[Number, Expression | None]:
    """Return the number of a term and the root of the rest, None if the rest is no square."""
    coefficient, factors = term_factors(term)
    if any(not is_whole(exponent) or exponent % 2 for _, exponent in factors):
        return coefficient, None
    return coefficient, build_term(rules, 1, [(base, int(exponent) // 2) for base, exponent in factors])


def _is_square(a: Number, b: Number, c: Number) -> bool:
    """Say whether ``a*u**2 + b*u*v + c*v**2`` is ``a`` times a square, up to rounding."""
    if is_exact(a) and is_exact(b) and is_exact(c):
        return b * b == 4 * a * c
    return abs(float(b) ** 2 - 4 * float(a) * float(c)) <= 1e-14 * float(b) ** 2


# --- powers with a common exponent, logarithms ------------------------------------------------------------------------


def join_powers(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``x**a*y**a -> (x*y)**a`` for fractional a, and ``x**a*y**-a -> (x/y)**a``. May extend."""
    coefficient, factors = term_factors(node)
    by_size: dict[Number, Factors] = {}
    for base, exponent in factors:
        if not is_whole(exponent):
            by_size.setdefault(size_of(exponent), []).append((base, exponent))
    for size, group in by_size.items():
        if len(group) < 2:
            continue
        kept = [(base, exponent) for base, exponent in factors if is_whole(exponent) or size_of(exponent) != size]
        for sign in (1, -1):
            inside = [(base, 1 if exponent * sign > 0 else -1) for base, exponent in group]
            joint = build_term(rules, 1, list(inside))
            yield rules.multiply(build_term(rules, coefficient, kept), rules.power(joint, constant(sign * size)))


def join_logarithms(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``log(x) + log(y) -> log(x*y)`` and ``log(x) - log(y) -> log(x/y)``. May extend."""
    groups: dict[Number, list[tuple[Expression, int]]] = {}
    others: list[Expression] = []
    for term in node.args:
        coefficient, body = split(term)
        if body is not None and body.op is LOG:
            groups.setdefault(size_of(coefficient), []).append((body.args[0], 1 if coefficient > 0 else -1))
        else:
            others.append(term)
    for size, group in groups.items():
        if len(group) > 1:
            rest = [
                rules.scale(sign * other, apply(LOG, inside))
                for other, members in groups.items()
                if other != size
                for inside, sign in members
            ]
            joint = rules.function("log", build_term(rules, 1, list(group)))
            yield rules.add(rules.scale(size, joint), *rest, *others)


def power_from_exponential(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``exp(y*log(x)) -> x**y``. May extend."""
    argument = node.args[0]
    for term in argument.args if argument.op is ADD else (argument,):
        coefficient, factors = term_factors(term)
        for index, (base, exponent) in enumerate(factors):
            if base.op is LOG and exponent == 1:
                power = build_term(rules, coefficient, factors[:index] + factors[index + 1 :])
                others = [other for other in argument.args if other is not term] if argument.op is ADD else []
                raised = rules.power(base.args[0], power)
                yield rules.multiply(raised, rules.function("exp", rules.add(*others)))


# --- what the domain decides ------------------------------------------------------------------------------------------


def decide_sign(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``abs(x) -> x`` or ``-x`` and ``sign(x) -> 1`` or ``-1`` where the ranges of the variables decide it."""
    argument = node.args[0]
    negative = rules.scale(-1, argument)
    if node.op.name == "sign":
        if rules.signs.positive(argument):
            yield ONE
        elif rules.signs.positive(negative):
            yield constant(-1)
    elif rules.signs.not_negative(argument):
        yield argument
    elif rules.signs.not_negative(negative):
        yield negative


def decide_extreme(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``max(x, y) -> x`` where the ranges of the variables decide it."""
    first, second = node.args
    difference = rules.add(first, rules.scale(-1, second))
    larger = node.op.name == "max"
    if rules.signs.not_negative(difference):
        yield first if larger else second
    elif rules.signs.not_negative(rules.scale(-1, difference)):
        yield second if larger else first
