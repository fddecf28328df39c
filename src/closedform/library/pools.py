"""The two libraries of the screening start: terms that are added, and factors that are multiplied.

Terms are columns of a linear model of (a link of) y. Factors are columns ``log|g|`` of a linear model of ``log|y|``;
the logarithms of the variables themselves are always in that model, so that any power of any variable comes for free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.library import grow
from closedform.library.pool import Batch, Pool, Recipe, concatenate

FloatArray: TypeAlias = NDArray[np.float64]

_THIRD = Fraction(1, 3)
_HALF = Fraction(1, 2)
_TERM_POWERS = (2, -1, _HALF, 3, -2, Fraction(3, 2), -_HALF, 4, 5, 6, -3, -4, -6, -12, 7, 8, 9)
_TRIGONOMETRIC = ("sin", "cos")
_NATURAL_SCALES = (1, _HALF, 2, float(np.pi), float(2 * np.pi))


def _arguments(X: FloatArray, recipes: Sequence[Recipe], n_monomials: int) -> Batch:
    """What units are applied to: variables, sums, differences, small monomials, and x + x^2."""
    base = grow.variables(X, recipes)
    squares = grow.powers(base, (2, 3, _HALF, -1))
    pairs = grow.sums(base)
    quadratic = Batch(base.values + base.values**2, [("add", r, ("pow", r, 2)) for r in base.recipes], [5] * len(base))
    return concatenate([base, squares, pairs, quadratic, grow.monomials(X, recipes, n_monomials)])


def term_batches(X: FloatArray, recipes: Sequence[Recipe], limit: int) -> Iterator[Batch]:
    """Columns of the term library, simple ones first."""
    base = grow.variables(X, recipes)
    power = grow.powers(base, _TERM_POWERS)
    yield base
    yield power
    unary = grow.images(base, tuple(grow.UNARY)[:6])
    negative = grow.images(base, ("exp",), (-1, -_HALF, 2, -2))
    yield unary
    yield negative
    yield grow.products(concatenate([base, grow.powers(base, (-1, 2, _HALF))]), unary, 400)
    near_one = grow.shifted(base, (1,), (1, -1))
    beside = concatenate([base, grow.powers(base, (-1,))])
    logarithms = grow.images(near_one, ("log",))
    yield logarithms
    yield grow.products(beside, logarithms, 60)
    monomials = grow.monomials(X, recipes, limit)
    yield monomials.cheapest(80)
    magnitudes = grow.magnitudes(concatenate([base, monomials.cheapest(80)]))
    yield grow.powers(magnitudes, (_HALF, 1))
    yield grow.images(magnitudes, ("log",))
    # The squares of waves are waves of the double angle.
    double = grow.images(base, _TRIGONOMETRIC, (2,))
    waves = concatenate([grow.images(concatenate([base, grow.powers(base, (2, 3))]), ("sin", "cos", "exp")), double])
    yield grow.products(waves, waves, 400)
    pairs = grow.sums(base)
    yield pairs
    yield grow.powers(pairs, (2, -1, _HALF, -2, 3, -_HALF))
    variable = _variable_powers(base)
    yield variable.cheapest(120)
    arguments = _arguments(X, recipes, 60)
    yield grow.images(arguments, ("exp", "log", "sqrt", "sin", "cos", "tanh", "cosh", "atan"))
    yield grow.images(arguments, ("exp",), (-1,))
    one = grow.shifted(arguments, (1,), (1, -1))
    yield grow.powers(one, (-1, _HALF, 2, -_HALF, -2))
    yield grow.images(one, ("log",))
    units = concatenate(
        [unary, negative, grow.images(pairs, ("exp", "log", "sin", "cos")), grow.powers(one, (-1, _HALF))]
    )
    yield grow.products(unary.cheapest(12), concatenate([unary, grow.powers(unary, (2,))]), 400)
    yield monomials.cheapest(300)
    roots = grow.powers(monomials.cheapest(150), (_HALF,))
    yield roots
    yield grow.products(grow.images(base, _TRIGONOMETRIC), roots.cheapest(60), 400)
    yield grow.images(near_one, ("exp", "sin", "cos"))
    yield grow.products(variable, beside, 300)
    yield grow.products(logarithms, monomials.cheapest(40), 400)
    yield grow.products(units.cheapest(150), concatenate([base, power, monomials.cheapest(40)]), limit // 2)
    yield monomials.cheapest(limit // 3)
    more = grow.images(monomials.cheapest(200), ("exp", "sin", "cos", "log"))
    yield more
    yield grow.products(grow.images(base, _TRIGONOMETRIC), monomials, limit // 3)
    yield grow.products(grow.images(base, ("log", "exp")), concatenate([monomials, roots]), limit // 3)
    yield grow.products(more, concatenate([base, power]), limit // 2)
    yield grow.products(units, units, limit // 2)
    yield monomials


def factor_batches(X: FloatArray, recipes: Sequence[Recipe], limit: int) -> Iterator[Batch]:
    """Columns of the factor library, simple ones first; values are of g, or of s with the recipe ``("exp", s)``."""
    base = grow.variables(X, recipes)
    monomials = grow.monomials(X, recipes, limit)
    yield in_exponent(concatenate([base, grow.powers(base, (2, -1, _HALF, -2, 3))]))
    yield as_factors(grow.sums(base))
    variable = _variable_powers(base)
    yield as_factors(variable.cheapest(60))
    yield as_factors(grow.shifted(variable.cheapest(60), (-1, 1), (1,)))
    yield as_factors(grow.images(base, _TRIGONOMETRIC, _NATURAL_SCALES))
    few = concatenate([base, grow.powers(base, (2, -1, _HALF)), monomials.cheapest(150)])
    yield as_factors(grow.shifted(few, (1,), (1, -1)))
    yield as_factors(grow.images(few, ("log", "tanh", "cosh")))
    yield as_factors(grow.shifted(grow.images(few, ("exp",)), (-1, 1), (1,)))
    yield in_exponent(monomials.cheapest(300))
    differences = grow.sums(base)
    arguments = concatenate([monomials.cheapest(120), differences, _products_of_differences(base)])
    yield as_factors(grow.images(arguments, _TRIGONOMETRIC, _NATURAL_SCALES))
    trig = grow.images(concatenate([base, differences, monomials.cheapest(40)]), _TRIGONOMETRIC)
    yield as_factors(grow.shifted(trig, (1,), (1, -1)))
    yield as_factors(grow.shifted(few, (1,), (_HALF, -_HALF, 2, -2, _THIRD, -_THIRD, 3, -3)))
    yield as_factors(
        grow.shifted(grow.images(few, ("exp",), (_HALF, 2, 1 / (2 * np.pi), 1 / (4 * np.pi))), (-1, 1), (1,))
    )
    yield as_factors(_sums_of_images(concatenate([base, monomials.cheapest(12)])))
    yield as_factors(grow.with_spread(few.cheapest(60), (0.05, 0.3, 1.0, 3.0, 20.0, -0.3, -0.6, -0.9, -1.5, -4.0)))
    yield as_factors(grow.shifted(monomials, (1,), (1, -1)))
    yield as_factors(grow.images(monomials.cheapest(400), ("log", "tanh", "cosh")))
    yield as_factors(grow.shifted(grow.images(monomials.cheapest(400), ("exp",)), (-1, 1), (1,)))
    yield in_exponent(monomials)
    yield as_factors(grow.images(monomials.cheapest(300), _TRIGONOMETRIC, _NATURAL_SCALES))
    mixed = grow.products(
        grow.images(concatenate([base, differences]), _TRIGONOMETRIC), monomials.cheapest(400), limit // 3
    )
    yield as_factors(grow.shifted(mixed, (1,), (1, -1)))


def _variable_powers(base: Batch) -> Batch:
    """Powers of x, 1 + x and 1 - x whose exponents are columns or their negatives."""
    negative = Batch(-base.values, [("mul", -1, recipe) for recipe in base.recipes], [cost + 1 for cost in base.costs])
    bases = concatenate([base, grow.shifted(base, (1,), (1, -1))])
    return grow.variable_powers(bases, concatenate([base, negative]))


def _sums_of_images(arguments: Batch) -> Batch:
    """Sums and differences of two exponentials, or of two sines or cosines."""
    return concatenate(
        [
            grow.sums(grow.images(arguments, ("exp",), (-1,))),
            *(grow.sums(grow.images(arguments.cheapest(12), (name,))) for name in _TRIGONOMETRIC),
        ]
    )


def _products_of_differences(base: Batch) -> Batch:
    """``(a - b) * c`` and ``(a - b) / c``."""
    differences = grow.sums(base)
    return concatenate(
        [grow.products(differences, base, 300), grow.products(differences, grow.powers(base, (-1,)), 300)]
    )


def as_factors(batch: Batch) -> Batch:
    """Columns ``log|g|`` for columns g."""
    with np.errstate(all="ignore"):
        return Batch(np.log(np.abs(batch.values)), batch.recipes, batch.costs)


def in_exponent(batch: Batch) -> Batch:
    """Factors ``exp(s)`` for columns s, whose logarithm s is."""
    return Batch(batch.values, [("exp", recipe) for recipe in batch.recipes], [cost + 1 for cost in batch.costs])


def term_pool(
    X: FloatArray,
    recipes: Sequence[Recipe],
    limit: int,
    rng: np.random.Generator,
    operators: frozenset[str] | None = None,
) -> Pool:
    """The library of terms with at most ``limit`` columns, made of these operators (None: all)."""
    return _fill(Pool(len(X), limit, rng, operators), term_batches(X, recipes, limit))


def factor_pool(
    X: FloatArray,
    recipes: Sequence[Recipe],
    limit: int,
    rng: np.random.Generator,
    operators: frozenset[str] | None = None,
) -> Pool:
    """The library of factors with at most ``limit`` columns, made of these operators (None: all)."""
    return _fill(Pool(len(X), limit, rng, operators), factor_batches(X, recipes, limit))


def _fill(pool: Pool, batches: Iterator[Batch]) -> Pool:
    for batch in batches:
        pool.add(batch)
        if pool.full:
            break
    return pool
