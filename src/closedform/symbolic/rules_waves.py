"""Rewriting rules of sines, cosines, exponentials and their hyperbolic relatives; see `rules` for what a rule is.

All identities here hold everywhere, so none needs a condition.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from closedform.symbolic.arithmetic import Number, is_whole, size_of
from closedform.symbolic.canonical import Rules
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.factors import EXP
from closedform.symbolic.operators import OPERATORS
from closedform.symbolic.rules import MOST_TERMS, Factors, build_term, term_factors
from closedform.symbolic.terms import ADD, split

SIN, COS = OPERATORS["sin"], OPERATORS["cos"]
SINH, COSH = OPERATORS["sinh"], OPERATORS["cosh"]
HALF = Fraction(1, 2)
# A fitted phase that is so near to a quarter turn is one.
QUARTER_TURN_TOLERANCE = 1e-11
# Products of more waves than this are not turned into sums.
MOST_WAVES = 4

# --- squares of sine and cosine ---------------------------------------------------------------------------------------

# ``f(u)**2 == constant + sign * g(u)**2``
_SQUARES = {"sin": (1, -1, "cos"), "cos": (1, -1, "sin"), "cosh": (1, 1, "sinh"), "sinh": (-1, 1, "cosh")}


def exchange_squares(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``1 - sin(u)**2 -> cos(u)**2`` and the like: one square in terms of the other, throughout the sum."""
    found: dict[int, Expression] = {}
    for term in node.args:
        for base, exponent in term_factors(term)[1]:
            if base.kind == "apply" and base.op.name in _SQUARES and is_whole(exponent) and exponent >= 2:
                found[id(base)] = base
    for base in found.values():
        number, sign, other = _SQUARES[base.op.name]
        partner = rules.power(rules.function(other, base.args[0]), constant(2))
        parts: list[Expression] = []
        for term in node.args:
            coefficient, factors = term_factors(term)
            place = next((i for i, (b, e) in enumerate(factors) if b is base and is_whole(e) and e >= 2), None)
            if place is None:
                parts.append(term)
                continue
            lowered = [*factors[:place], (base, factors[place][1] - 2), *factors[place + 1 :]]
            rest = build_term(rules, coefficient, lowered)
            parts += [rules.scale(number, rest), rules.multiply(constant(sign), rest, partner)]
        yield rules.add(*parts)


def halve_angles(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``1 - cos(2*u) -> 2*sin(u)**2`` and ``1 + cos(2*u) -> 2*cos(u)**2``; the same for cosh."""
    for position, term in enumerate(node.args):
        coefficient, factors = term_factors(term)
        for place, (base, exponent) in enumerate(factors):
            if exponent != 1 or base.op not in (COS, COSH):
                continue
            half = rules.scale(HALF, base.args[0])
            rest = build_term(rules, coefficient, factors[:place] + factors[place + 1 :])
            others = [*node.args[:position], *node.args[position + 1 :]]
            # cos(2u) = 1 - 2 sin(u)^2 = 2 cos(u)^2 - 1 and cosh(2u) = 1 + 2 sinh(u)^2 = 2 cosh(u)^2 - 1
            first = ("sin", -2, 1) if base.op is COS else ("sinh", 2, 1)
            for name, factor, number in (first, (base.op.name, 2, -1)):
                square = rules.power(rules.function(name, half), constant(2))
                yield rules.add(rules.multiply(constant(factor), rest, square), rules.scale(number, rest), *others)


# --- products and sums of waves ---------------------------------------------------------------------------------------


def products_to_sums(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``sin(u)*cos(v) -> (sin(u + v) + sin(u - v))/2`` in all terms: addition theorems and double angles."""
    parts: list[Expression] = []
    changed = False
    for term in node.args if node.op is ADD else (node,):
        coefficient, factors = term_factors(term)
        waves = [base for base, e in factors if base.op in (SIN, COS) and is_whole(e) and e > 0 for _ in range(int(e))]
        if not 2 <= len(waves) <= MOST_WAVES:
            parts.append(term)
            continue
        changed = True
        others: Factors = [(b, e) for b, e in factors if b.op not in (SIN, COS) or not is_whole(e) or e < 0]
        parts.extend(_spread_waves(rules, build_term(rules, coefficient, others), waves))
    if changed and len(parts) <= MOST_TERMS:
        yield rules.add(*parts)


def _spread_waves(rules: Rules, factor: Expression, waves: list[Expression]) -> list[Expression]:
    """Return the terms of ``factor * wave * wave * ...`` with at most one wave in each."""
    sums: list[tuple[Number, Expression]] = [(1, waves[0])]
    for wave in waves[1:]:
        sums = [pair for number, left in sums for pair in _pair(rules, number, left, wave)]
    return [rules.multiply(constant(number), wave, factor) for number, wave in sums]


def _pair(rules: Rules, number: Number, left: Expression, right: Expression) -> list[tuple[Number, Expression]]:
    """Return ``number * left * right`` as two single waves, each with its number."""
    sign, left = _bare(left)
    number = sign * number * HALF
    if left.op not in (SIN, COS):
        # The wave before has become a number, because its angle is zero.
        value = left.value
        return [(2 * number * value, right)]
    plus = rules.add(left.args[0], right.args[0])
    minus = rules.add(left.args[0], rules.scale(-1, right.args[0]))
    if left.op is right.op:
        first = -number if left.op is SIN else number
        return [(first, rules.function("cos", plus)), (number, rules.function("cos", minus))]
    second = number if left.op is SIN else -number
    return [(number, rules.function("sin", plus)), (second, rules.function("sin", minus))]


def _bare(wave: Expression) -> tuple[Number, Expression]:
    coefficient, body = split(wave)
    return (1, wave) if body is None else (coefficient, body)


def join_waves(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``a*sin(u) + b*cos(u) -> r*sin(u + phase)`` for a fitted a or b."""
    sines = {id(body.args[0]): (index, number, body) for index, number, body in _single(node) if body.op is SIN}
    for index, b, body in _single(node):
        partner = sines.get(id(body.args[0])) if body.op is COS else None
        if partner is None or not (isinstance(b, float) or isinstance(partner[1], float)):
            continue
        a = float(partner[1])
        shifted = rules.add(body.args[0], constant(math.atan2(float(b), a)))
        joint = rules.scale(math.hypot(a, float(b)), rules.function("sin", shifted))
        yield rules.add(joint, *[term for place, term in enumerate(node.args) if place not in (index, partner[0])])


def _single(node: Expression) -> Iterator[tuple[int, Number, Expression]]:
    """Yield position, number and body of the terms that are a number times an application."""
    for index, term in enumerate(node.args):
        number, body = split(term)
        if body is not None and body.kind == "apply":
            yield index, number, body


def settle_phase(rules: Rules, node: Expression) -> Expression:
    """Return ``sin(u + c)`` or ``cos(u + c)`` with c within half a turn, a quarter turn taken as what it is."""
    argument = node.args[0]
    if argument.op is not ADD or argument.args[-1].kind != "constant":
        return node
    phase = float(argument.args[-1].value)
    rest = rules.add(*argument.args[:-1])
    turns = round(phase / (math.pi / 2))
    if abs(phase - turns * (math.pi / 2)) <= QUARTER_TURN_TOLERANCE * max(1.0, abs(phase)):
        shift = rules.multiply(constant(Fraction(turns, 2)), apply("pi"))
        return rules.function(node.op.name, rules.add(rest, shift))
    if isinstance(argument.args[-1].value, float) and abs(phase) > math.pi:
        return rules.function(node.op.name, rules.add(rest, constant(math.remainder(phase, 2 * math.pi))))
    return node


# --- quotients, hyperbolic functions ----------------------------------------------------------------------------------

_RATIOS = {"sin": ("cos", "tan"), "sinh": ("cosh", "tanh")}


def join_ratio(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``sin(u)/cos(u) -> tan(u)`` and ``sinh(u)/cosh(u) -> tanh(u)``, also ``tan(u)*cos(u) -> sin(u)``."""
    coefficient, factors = term_factors(node)
    for i, (top, up) in enumerate(factors):
        if top.kind != "apply" or top.op.name not in _RATIOS or not is_whole(up):
            continue
        below, ratio = _RATIOS[top.op.name]
        partner = rules.function(below, top.args[0])
        for j, (bottom, down) in enumerate(factors):
            if bottom is partner and is_whole(down) and (up > 0) != (down > 0):
                shared = min(size_of(up), size_of(down)) * (1 if up > 0 else -1)
                rest: Factors = [pair for k, pair in enumerate(factors) if k not in (i, j)]
                rest += [(top, up - shared), (bottom, down + shared), (rules.function(ratio, top.args[0]), shared)]
                yield build_term(rules, coefficient, rest)


def open_ratio(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``tan(u)*cos(u) -> sin(u)`` and ``tanh(u)*cosh(u) -> sinh(u)``. May extend, to the poles."""
    coefficient, factors = term_factors(node)
    for over, (below, ratio) in _RATIOS.items():
        for place, (base, exponent) in enumerate(factors):
            if base.kind == "apply" and base.op.name == ratio and is_whole(exponent):
                top, bottom = rules.function(over, base.args[0]), rules.function(below, base.args[0])
                rest = factors[:place] + factors[place + 1 :]
                yield build_term(rules, coefficient, [*rest, (top, exponent), (bottom, -exponent)])


def join_exponentials(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``exp(u) - exp(-u) -> 2*sinh(u)`` and ``exp(u) + exp(-u) -> 2*cosh(u)``, with any common factor."""
    rows = []
    for term in node.args:
        coefficient, factors = term_factors(term)
        place = next((i for i, (base, e) in enumerate(factors) if base.op is EXP and e == 1), None)
        if place is not None:
            rest = build_term(rules, 1, factors[:place] + factors[place + 1 :])
            rows.append((term, coefficient, factors[place][0].args[0], rest))
    for i, (term, a, u, rest) in enumerate(rows):
        for other, b, v, other_rest in rows[i + 1 :]:
            if rest is other_rest and abs(a) == abs(b) and rules.scale(-1, v) is u:
                joint = rules.function("cosh" if a == b else "sinh", u)
                kept = [part for part in node.args if part is not term and part is not other]
                yield rules.add(rules.multiply(constant(2 * a), rest, joint), *kept)


def join_logistic(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``1 - 2/(exp(u) + 1) -> tanh(u/2)``, with any common factor."""
    for index, number, body in _single(node):
        argument = _logistic_argument(body)
        if argument is None:
            continue
        for other, term in enumerate(node.args):
            if other != index and term.kind == "constant" and 2 * term.value == -number:
                joint = rules.function("tanh", rules.scale(HALF, argument))
                rest = [part for k, part in enumerate(node.args) if k not in (index, other)]
                yield rules.add(rules.multiply(term, joint), *rest)


def _logistic_argument(body: Expression) -> Expression | None:
    """Return u of ``1/(exp(u) + 1)``, None for anything else."""
    if body.op.name != "pow" or body.args[1].kind != "constant" or body.args[1].value != -1:
        return None
    base = body.args[0]
    if base.op is not ADD or len(base.args) != 2 or base.args[0].op is not EXP or base.args[1] is not constant(1):
        return None
    return base.args[0].args[0]


def ratio_of_exponentials(rules: Rules, node: Expression) -> Iterator[Expression]:
    """``(exp(u) - 1)/(exp(u) + 1) -> tanh(u/2)``."""
    coefficient, factors = term_factors(node)
    for i, (bottom, down) in enumerate(factors):
        argument = _logistic_argument(apply("pow", bottom, -1)) if down == -1 else None
        if argument is None:
            continue
        top = rules.add(rules.function("exp", argument), constant(-1))
        for j, (base, up) in enumerate(factors):
            if base is top and up == 1:
                joint = rules.function("tanh", rules.scale(HALF, argument))
                yield build_term(
                    rules, coefficient, [*[p for k, p in enumerate(factors) if k not in (i, j)], (joint, 1)]
                )
