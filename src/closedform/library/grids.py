"""Two libraries with inner constants on a grid: units of one column, alone and times others, and factors.

A start on the grid needs to be near enough for the training of all constants that follows, not more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import gcd
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.library import grow
from closedform.library.pool import Batch, Pool, Recipe, concatenate
from closedform.library.pools import as_factors, in_exponent

FloatArray: TypeAlias = NDArray[np.float64]

_HALF = Fraction(1, 2)
_POWERS = (2, -1, -2, 3, -3, 4, -4, _HALF, -6, -12)
# Units that often stand beside another column in a product, and those that do where there are many columns.
_SIMPLE = ("exp", "log", "power", "sine", "cosine", "arrhenius", "stretched", "saturation", "pole")
_SMOOTH = ("exp", "log", "power", "arrhenius", "stretched", "saturation")
_ALONE = (*_SIMPLE, "hill")
_MANY = 3
_INVOLVED = tuple(name for name in grow.FAMILY_NAMES if name not in _ALONE)
# Large grids, for which there is room where there is but one column.
_LARGE = ("damped wave",)
_INNER = frozenset({"exp", "power", "log", "sine", "cosine", "tanh"})
_SPREADS = (0.03, 0.3, 1.0, 3.0, 20.0, -0.3, -0.6, -0.9, -1.5, -4.0)
_FREE_EXPONENTS = (0.7, 1.4)
# The grids of several constants are made of rows of 2, 3 or 6; steps that have no divisor with these visit all of them.
_ROWS = 6


def grid_terms(
    X: FloatArray,
    recipes: Sequence[Recipe],
    limit: int,
    rng: np.random.Generator,
    operators: frozenset[str] | None = None,
    n_monomials: int = 0,
    peaks: bool = True,
) -> Pool:
    """A pool of units of one variable with inner constants on a grid, alone, times a variable and over one.

    And times the simplest ``n_monomials`` products and ratios of several variables, which are there alone as well.
    Without ``peaks``, narrow peaks and damped waves are left out.
    """
    pool = Pool(len(X), limit, rng, operators)
    base = grow.variables(X, recipes)
    pool.add(base)
    pool.add(grow.powers(base, _POWERS))
    for j, recipe in enumerate(recipes):
        pool.add(grow.families(X[:, j], recipe, _ALONE)[0])
    # With few columns there is room for narrow peaks and damped waves before the products; with many there is none.
    names = [name for name in _INVOLVED if len(recipes) == 1 or name not in _LARGE] if peaks else []
    involved = [grow.families(X[:, j], recipe, names)[0] for j, recipe in enumerate(recipes)]
    first, last = (involved, []) if len(recipes) < _MANY else ([], involved)
    for batch in first:
        pool.add(batch)
    monomials = grow.monomials(X, recipes, n_monomials)
    pool.add(monomials)
    beside = concatenate([base, grow.powers(base, (-1,)), monomials])
    for batch in _products(base, beside, limit - len(pool)):
        pool.add(batch)
    for batch in last:
        pool.add(batch)
    return pool


def _products(base: Batch, beside: Batch, room: int) -> Iterator[Batch]:
    """Units of each column times what may stand beside them; as many points of each grid as there is room for."""
    names = _SIMPLE if len(base) < _MANY else _SMOOTH
    units = [grow.families(base.values[:, j], recipe, names)[0] for j, recipe in enumerate(base.recipes)]
    step = _step(len(beside) * sum(map(len, units)), room)
    for batch in units:
        thinned = batch.take(range(0, len(batch), step))
        yield grow.products(beside, thinned, len(beside) * len(thinned))


def _step(wanted: int, room: int) -> int:
    """The smallest step that leaves no more of what is wanted than there is room for."""
    step = -(-wanted // max(1, room))
    while gcd(step, _ROWS) > 1:
        step += 1
    return max(1, step)


def grid_factors(
    X: FloatArray,
    recipes: Sequence[Recipe],
    limit: int,
    rng: np.random.Generator,
    operators: frozenset[str] | None = None,
) -> Pool:
    """A pool of factors with inner constants on a grid: shifts, growth and saturation curves, oscillations."""
    pool = Pool(len(X), limit, rng, operators)
    base = grow.variables(X, recipes)
    blocks = []
    for j in range(len(base)):
        units, labels = grow.families(X[:, j], recipes[j])
        blocks.append(units.take([i for i, label in enumerate(labels) if label in _INNER]))
        exponentials = units.take([i for i, label in enumerate(labels) if label == "exp"])
        blocks.append(grow.with_spread(exponentials, (0.3, 3.0, -0.5, -0.999)))
        # As in Planck's law: no multiple of the largest value of the exponential comes near exp(k*x) - 1.
        blocks.append(grow.shifted(exponentials, (-1, 1), (1,)))
    some = concatenate([base, grow.powers(base, (2, -1, _HALF)), grow.monomials(X, recipes, 60)])
    blocks.append(grow.with_spread(some, _SPREADS))
    # An exponent of its own beside the factor: 1 + (k*x)**p.
    blocks.append(grow.with_spread(grow.powers(base.take(_positive(base)), _FREE_EXPONENTS), _SPREADS))
    for block in blocks:
        pool.add(as_factors(block))
    pool.add(in_exponent(concatenate(blocks[: 3 * len(base)])))
    return pool


def _positive(base: Batch) -> list[int]:
    return np.flatnonzero((base.values > 0).all(axis=0)).tolist()
