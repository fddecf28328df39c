"""The forms that are tried first on a small table: lines in transformed axes, products of powers, exponentials, bends.

A front keeps one formula of each size, the one with the smallest error on the rows that were fitted. With few rows
others are as good, and among these may be the one that holds beyond them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np

from closedform.choice.bends import bends
from closedform.choice.curves import curved_products
from closedform.choice.lengths import fitted_length
from closedform.choice.scaled import scaled_bends
from closedform.engines.base import FloatArray, Problem
from closedform.finish import refitted_and_simplified, values_on
from closedform.library.pool import FREE, Recipe, build
from closedform.library.relevance import most_relevant
from closedform.symbolic.canonical import canonical
from closedform.symbolic.expression import Expression
from closedform.symbolic.idle import without_idle_terms
from closedform.symbolic.metrics import structure_length

_MOST_COLUMNS = 4
# Forms that are fitted, for each that is wanted.
_REFITTED = 2
# A constant this many times the largest value of the table is on its way to infinity.
_INFINITE = 1e6
_HALF = Fraction(1, 2)
_STEPS = 60
# Exponents of a product are rounded where they are this many errors near.
_REACH = 2.5

# What is raised to a power: values, and their recipe.
_Factor = tuple[FloatArray, Recipe]

# What is drawn on the one axis: the recipe of the term, and whether the column must be positive.
_TERMS = (
    (lambda x: x, False),
    (lambda x: ("log", x), True),
    (lambda x: ("pow", x, _HALF), True),
    (lambda x: ("pow", x, -1), True),
    (lambda x: ("pow", x, 2), False),
    (lambda x: ("pow", x, -_HALF), True),
)
# And on the other: what is done to the target, and how the target comes of a line.
_AXES = (
    (lambda y: y, lambda z: z, False),
    (np.log, lambda z: ("exp", z), True),
    (lambda y: 1 / y, lambda z: ("pow", z, -1), True),
    (lambda y: 1 / np.sqrt(y), lambda z: ("pow", z, -2), True),
    (lambda y: 1 / y**2, lambda z: ("pow", z, -_HALF), True),
    (np.sqrt, lambda z: ("pow", z, 2), True),
    (lambda y: y * y, lambda z: ("pow", z, _HALF), True),
)


def short_forms(problem: Problem, count: int) -> list[Expression]:
    """The short forms that describe the rows best, fitted.

    Parameters
    ----------
    problem : Problem
        The rows.
    count : int
        How many are wanted.
    """
    columns = most_relevant(problem.X, problem.y, _MOST_COLUMNS)
    # As they come they are fitted in transformed axes, which is nearly right; curves are not, as their scale is rough.
    simple = _promising([*_lines(problem, columns), *_products(problem, columns)], problem, _REFITTED * count)
    curved = _promising(_curved(problem, columns), problem, count)
    curved += _promising(bends(problem, columns, _sign(problem.y)), problem, count)
    curved += _promising(scaled_bends(problem, columns), problem, count)
    lengths = {
        one: _length(one, problem) for one in (refitted_and_simplified(form, problem, _STEPS) for form in simple)
    }
    least = min(lengths.values(), default=float("inf"))
    # A curve that brings nothing is on its way to a straight line, with its scale at infinity.
    bent = {one: _length(one, problem) for one in (refitted_and_simplified(form, problem, _STEPS) for form in curved)}
    lengths |= {one: length for one, length in bent.items() if length < least}
    usable = [one for one in lengths if _within_reach(one, problem) and problem.admits(one)]
    return sorted(usable, key=lengths.__getitem__)[:count]


def _promising(recipes: Iterable[Recipe], problem: Problem, count: int) -> list[Expression]:
    """The forms that describe the rows best as they come."""
    made = dict.fromkeys(canonical(build(recipe)) for recipe in recipes)
    return sorted(filter(problem.admits_form, made), key=lambda form: _length(form, problem))[:count]


def _within_reach(form: Expression, problem: Problem) -> bool:
    """Whether a form is small enough, and no constant left for infinity where another form waits."""
    largest = max(float(np.abs(problem.X).max()), float(np.abs(problem.y).max()), 1.0)
    known = all(abs(value) < _INFINITE * largest for value in form.constants)
    return known and form.complexity <= problem.max_complexity and _moves(form, problem)


def _moves(form: Expression, problem: Problem) -> bool:
    """Whether no term of it might as well be a constant."""
    return without_idle_terms(form, problem.columns, problem.y) is form


def _length(form: Expression, problem: Problem) -> float:
    """Nats of a form, its constants and the rows; infinite where it has no value on some of them."""
    values = values_on(form, problem)
    if not np.isfinite(values).all():
        return float("inf")
    cost = 0.5 * form.n_constants * float(np.log(problem.n_samples))
    return structure_length(form) + cost + fitted_length(values, problem)


def _lines(problem: Problem, columns: Sequence[int]) -> Iterator[Recipe]:
    """Two constants and one column: a straight line once both axes are transformed."""
    for transform, back, needs_sign in _AXES:
        sign = _sign(problem.y)
        if needs_sign and sign == 0:
            continue
        z = transform(sign * problem.y if needs_sign else problem.y)
        for j in columns:
            x, name = problem.X[:, j], ("var", problem.names[j])
            for term, positive in _TERMS:
                if positive and not (x > 0).all():
                    continue
                values = _values(term(name), problem)
                slope, offset = np.polyfit(values, z, 1) if np.ptp(values) > 0 else (0.0, 0.0)
                line = back(("add", float(offset), ("mul", float(slope), term(name))))
                yield ("mul", -1, line) if needs_sign and sign < 0 else line


def _products(problem: Problem, columns: Sequence[int]) -> Iterator[Recipe]:
    """Products of powers of some columns, one of them perhaps in an exponent instead."""
    sign, positive = _sign(problem.y), [j for j in columns if (problem.X[:, j] > 0).all()]
    if sign == 0:
        return
    z, single = np.log(sign * problem.y), {j: _column(problem, j) for j in positive}
    for size in range(1, len(positive) + 1):
        for chosen in combinations(positive, size):
            powers = [single[j] for j in chosen]
            yield from _one_product(problem, powers, None, z, sign)
            for k in [j for j in columns if j not in chosen]:
                yield from _one_product(problem, powers, k, z, sign)
    # Two masses, two resistances: what counts is their sum, alone or beside each of them.
    for pair in combinations(positive, 2):
        whole = (single[pair[0]][0] + single[pair[1]][0], ("add", single[pair[0]][1], single[pair[1]][1]))
        others = [j for j in positive if j not in pair]
        for size in range(len(others) + 1):
            for chosen in combinations(others, size):
                yield from _one_product(problem, [whole, *(single[j] for j in chosen)], None, z, sign)
        yield from _one_product(problem, [whole, *single.values()], None, z, sign)


def _column(problem: Problem, j: int) -> _Factor:
    return problem.X[:, j], ("var", problem.names[j])


def _curved(problem: Problem, columns: Sequence[int]) -> Iterator[Recipe]:
    """Products of powers over one curve."""
    sign, positive = _sign(problem.y), [j for j in columns if (problem.X[:, j] > 0).all()]
    return curved_products(problem, positive, sign) if sign and positive else iter(())


def _one_product(
    problem: Problem, powers: Sequence[_Factor], exponential: int | None, z: FloatArray, sign: int
) -> Iterator[Recipe]:
    """The product with exponents from the logarithms, and with those rounded that are near simple numbers."""
    parts = [np.ones(len(z)), *(np.log(values) for values, _ in powers)]
    parts += [] if exponential is None else [problem.X[:, exponential]]
    design = np.column_stack(parts)
    if len(z) <= design.shape[1] + 1:
        return
    solved, errors = _solved(design, z)
    rounded = [_simple(value, error) for value, error in zip(solved[1:], errors[1:], strict=True)]
    scale = sign * float(np.exp(np.clip(solved[0], -300, 300))) or FREE
    halves = [Fraction(round(2 * value), 2) for value in solved[1 : 1 + len(powers)].tolist()]
    for exponents in ([float(value) for value in solved[1:]], rounded, halves):
        if 0 in exponents:
            continue
        factors: list[Recipe] = [scale]
        for (_, base), exponent in zip(powers, exponents, strict=False):
            factors.append(("pow", base, exponent))
        if exponential is not None:
            factors.append(("exp", ("mul", float(solved[-1]), ("var", problem.names[exponential]))))
        yield ("mul", *factors)


def _solved(design: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least squares, and standard errors."""
    scales = np.linalg.norm(design, axis=0)
    solved, _, _, _ = np.linalg.lstsq(design / scales, z, rcond=None)
    square = float(np.sum((z - design / scales @ solved) ** 2)) / (len(z) - design.shape[1])
    inverse = np.linalg.pinv(design / scales)
    return solved / scales, np.sqrt(square * np.sum(inverse**2, axis=1)) / scales


def _simple(value: float, error: float) -> float | Fraction:
    for denominator in (1, 2, 3, 4):
        nearest = Fraction(round(value * denominator), denominator)
        if nearest != 0 and abs(float(nearest) - value) <= _REACH * error:
            return nearest
    return float(value)


def _values(recipe: Recipe, problem: Problem) -> FloatArray:
    return values_on(build(recipe), problem)


def _sign(y: FloatArray) -> int:
    """The sign of a target that keeps one, else 0."""
    return 1 if (y > 0).all() else -1 if (y < 0).all() else 0
