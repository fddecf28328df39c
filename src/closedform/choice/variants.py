"""Simpler versions of a formula that the rows of a small table may not be able to tell from it.

Two exponents that are the same but for their sign are one; an exponent near a whole number or a simple fraction is
that, and a constant near zero is none. How near is near is said by how constants change when rows are left out: a few
rows far from the others fix a constant to many digits as long as they are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

import numpy as np

from closedform.choice.held_out import HeldOut
from closedform.engines.base import FloatArray, Problem
from closedform.finish import refitted_and_simplified
from closedform.symbolic.canonical import canonical
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.linear_part import Role, constant_roles, replace_constants
from closedform.symbolic.metrics import free_constant_length, number_length
from closedform.symbolic.refit import standard_errors

# Errors that a constant may be away from what it is rounded to.
_REACH = 2.0
_DENOMINATORS = (1, 2, 3, 4)
_NEAR_A_HALF = 0.005
# Nats that a simple number must save, as in the rounding of constants in general.
_WORTH_ROUNDING = 1.5
_LARGEST_EXPONENT = 6
# And an exponent up to this one may be none at all.
_SMALL_EXPONENT = 0.2


def variants(found: HeldOut, problem: Problem) -> list[Expression]:
    """Simpler versions of a formula, fitted; none that is not admitted.

    Parameters
    ----------
    found : HeldOut
        The formula, and its constants without some of the rows.
    problem : Problem
        The rows.
    """
    made = dict.fromkeys([*_rounded(found, problem), *_tied(found, problem)])
    return [version for version in made if problem.admits(version)]


def with_its_own_size(expression: Expression, problem: Problem) -> Expression:
    """The formula with a whole number or fraction in front fitted, unless the rows know it well enough to be that one.

    Among few rows some simple number is near any amplitude.

    Parameters
    ----------
    expression : Expression
        The formula.
    problem : Problem
        The rows.
    """
    product = canonical(expression)
    if product.kind != "apply" or product.op.name != "mul" or product.args[0].kind != "constant":
        return expression
    number = product.args[0].value
    if isinstance(number, float) or abs(number) == 1:
        return expression
    free = refitted_and_simplified(_product([constant(float(number)), *product.args[1:]]), problem)
    errors = standard_errors(free, problem.columns, problem.y, problem.sample_weight, problem.sigma)
    places = [
        k for k, value in enumerate(free.constants) if value * number > 0 and constant_roles(free)[k] is Role.LINEAR
    ]
    if len(places) != 1 or not problem.admits(free):
        return expression
    saved = free_constant_length(free.constants[places[0]], errors[places[0]]) - number_length(number)
    return expression if saved >= _WORTH_ROUNDING else free


# --- rounding ---------------------------------------------------------------------------------------------------------


def _rounded(found: HeldOut, problem: Problem) -> Iterator[Expression]:
    """All constants at once that may be simple, then each of them alone."""
    expression = found.expression
    errors = _errors(found, problem)
    simple, zeros = _simple_values(expression, errors), _zero_exponents(expression, errors)
    alone = [*simple.items(), *zeros.items()]
    together = [one for one in (simple | zeros, simple) if len(one) > 1]
    for replacements in [*together, *({index: value} for index, value in alone)]:
        wanted = {index: constant(_plain(value)) for index, value in replacements.items()}
        yield refitted_and_simplified(replace_constants(expression, wanted)[0], problem)


def _errors(found: HeldOut, problem: Problem) -> FloatArray:
    """Standard errors of the constants: the larger of those of least squares and those of the jackknife."""
    expression = found.expression
    plain = standard_errors(expression, problem.columns, problem.y, problem.sample_weight, problem.sigma)
    return np.maximum(np.where(np.isfinite(plain), plain, 0.0), found.spreads)


def _zero_exponents(expression: Expression, errors: FloatArray) -> dict[int, Fraction]:
    """Small exponents that may be none: the column has no part in it."""
    pairs = enumerate(zip(expression.constants, constant_roles(expression), strict=True))
    return {
        index: Fraction(0)
        for index, (value, role) in pairs
        if role is Role.EXPONENT and abs(value) <= min(_SMALL_EXPONENT, _REACH * float(errors[index]))
    }


def _simple_values(expression: Expression, errors: FloatArray) -> dict[int, Fraction]:
    near: dict[int, Fraction] = {}
    for index, (value, role) in enumerate(zip(expression.constants, constant_roles(expression), strict=True)):
        reach = _REACH * float(errors[index])
        if role is Role.EXPONENT:
            simple = _simple_exponent(value, reach)
            if simple is not None:
                near[index] = simple
        elif abs(value) <= reach:
            near[index] = Fraction(0)
        elif abs(abs(value) - 1.0) <= reach and _is_worth_a_one(value, float(errors[index])):
            near[index] = Fraction(1 if value > 0 else -1)
    return near


def _is_worth_a_one(value: float, error: float) -> bool:
    """Whether a constant is known well enough for being near one to tell something."""
    return free_constant_length(value, error) - number_length(1) >= _WORTH_ROUNDING


def _simple_exponent(value: float, reach: float) -> Fraction | None:
    for denominator in _DENOMINATORS:
        nearest = Fraction(round(value * denominator), denominator)
        # Errors that are small because the law is not all there is to the rows are no reason not to try a half.
        within = max(reach, _NEAR_A_HALF) if denominator <= 2 else reach
        if abs(float(nearest) - value) <= within and 0 < abs(nearest) <= _LARGEST_EXPONENT:
            return nearest
    return None


def _plain(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value


# --- tying ------------------------------------------------------------------------------------------------------------


def _tied(found: HeldOut, problem: Problem) -> Iterator[Expression]:
    """A product with the exponents of two of its factors made one: ``(x/y)**p`` for ``x**p*y**-q``."""
    expression = found.expression
    if expression.kind != "apply" or expression.op.name != "mul":
        return
    powers = dict(_powers(expression))
    pairs = [pair for pair in combinations(powers, 2) if _same_size(found.constants[:, [powers[k] for k in pair]])]
    groups = [list(pair) for pair in pairs]
    members = sorted({place for pair in pairs for place in pair})
    if len(members) > 2:
        groups.insert(0, members)
    for group in groups:
        yield refitted_and_simplified(_joined(expression, group), problem)


def _powers(product: Expression) -> Iterator[tuple[int, int]]:
    """Places of the factors that are powers with a free exponent, and the number of that constant."""
    index = 0
    for place, factor in enumerate(product.args):
        free = factor.kind == "apply" and factor.op.name == "pow" and factor.args[1].kind == "constant"
        if free and isinstance(factor.args[1].value, float) and factor.args[0].variables:
            yield place, index + factor.n_constants - 1
        index += factor.n_constants


def _same_size(exponents: FloatArray) -> bool:
    """Whether two constants, as they come out without each part of the rows, may be of the same size."""
    difference = np.abs(exponents[:, 0]) - np.abs(exponents[:, 1])
    n_parts = len(difference)
    error = float(np.sqrt((n_parts - 1) / n_parts * np.sum((difference - difference.mean()) ** 2)))
    return bool(0 < abs(float(difference.mean())) <= _REACH * error)


def _joined(product: Expression, group: list[int]) -> Expression:
    first = product.args[group[0]].args[1]
    same: list[Expression] = []
    opposite: list[Expression] = []
    for place in group:
        base, exponent = product.args[place].args
        (same if _number(exponent) * _number(first) > 0 else opposite).append(base)
    ratio = _product(same) if not opposite else apply("div", _product(same), _product(opposite))
    rest = [factor for place, factor in enumerate(product.args) if place not in group]
    return _product([*rest, apply("pow", ratio, first)])


def _number(node: Expression) -> float:
    return float(node.constants[0])


def _product(factors: list[Expression]) -> Expression:
    return factors[0] if len(factors) == 1 else apply("mul", *factors)
