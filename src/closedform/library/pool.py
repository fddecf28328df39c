"""A pool: many subexpressions, each with its values on the rows, none twice up to an affine map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedform.symbolic.expression import Expression, apply, constant, variable
from closedform.symbolic.vocabulary import implied_by, needed_for_power

FloatArray = NDArray[np.float64]

# A recipe says how to build an expression without building it: ("var", name), a number, an expression, or
# (operator, recipe, ...).
# Pools hold tens of thousands of entries of which a handful become expressions.
Recipe = Any

# A constant that is solved for, wherever it starts; a start of 1.0 would be taken for a factor that is not there.
FREE = 1.5
_LARGEST_VALUE = 1e120
_HASH_SIZE = 6
_HASH_DIGITS = 7


def build(recipe: Recipe) -> Expression:
    """The expression of a recipe."""
    if isinstance(recipe, Expression):
        return recipe
    if isinstance(recipe, int | float | Fraction):
        return constant(recipe)
    head, *rest = recipe
    if head == "var":
        return variable(rest[0])
    return apply(head, *(build(part) for part in rest))


@dataclass(frozen=True, eq=False)
class Batch:
    """Columns that are made together: values of shape (n_rows, k), one recipe and one cost (nodes) each."""

    values: FloatArray
    recipes: Sequence[Recipe]
    costs: Sequence[int]

    def __len__(self) -> int:
        return len(self.recipes)

    def take(self, index: Iterable[int]) -> Batch:
        """Some of the columns."""
        chosen = list(index)
        return Batch(self.values[:, chosen], [self.recipes[i] for i in chosen], [self.costs[i] for i in chosen])

    def cheapest(self, count: int) -> Batch:
        """The ``count`` columns of lowest cost, earlier ones first among equals."""
        if len(self) <= count:
            return self
        return self.take(np.argsort(np.asarray(self.costs), kind="stable")[:count])


def concatenate(batches: Sequence[Batch]) -> Batch:
    """All columns of several batches."""
    return Batch(
        np.concatenate([batch.values for batch in batches], axis=1),
        [recipe for batch in batches for recipe in batch.recipes],
        [cost for batch in batches for cost in batch.costs],
    )


def standardise(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.bool_]]:
    """Columns with mean 0 and mean square 1, their means and scales, and which are usable: finite and not constant."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(values).all(axis=0)
        largest = np.abs(np.where(finite, values, 0.0)).max(axis=0)
        means = values.mean(axis=0)
        centred = values - means
        deviation = np.sqrt(np.mean(centred * centred, axis=0))
        usable = finite & (largest < _LARGEST_VALUE) & (deviation > 1e-9 * largest) & (deviation > 0)
        return centred / np.where(usable, deviation, 1.0), means, deviation, usable


def signature(recipe: Recipe) -> Recipe:
    """The recipe with its free constants left out: entries of one family have the same signature."""
    if isinstance(recipe, float):
        return "c"
    if isinstance(recipe, tuple) and recipe[0] != "var":
        return (recipe[0], *(signature(part) for part in recipe[1:]))
    return recipe


def needed_operators(recipe: Recipe) -> frozenset[str]:
    """The operators that can write a recipe."""
    if not isinstance(recipe, tuple) or recipe[0] == "var":
        return frozenset()
    parts = frozenset[str]().union(*map(needed_operators, recipe[1:]))
    if recipe[0] != "pow":
        return parts | {recipe[0]}
    exponent = recipe[2]
    return parts | needed_for_power(exponent if isinstance(exponent, int | float | Fraction) else None)


class Pool:
    """Standardised columns, grown batch by batch; a column equal to an earlier one up to an affine map is dropped.

    Parameters
    ----------
    n_rows : int
        Length of every column.
    limit : int
        Number of columns after which further ones are dropped.
    rng : numpy.random.Generator
        Chooses the directions along which columns are compared.
    operators : frozenset of str, optional
        Columns that cannot be written with these are dropped.
    """

    def __init__(
        self, n_rows: int, limit: int, rng: np.random.Generator, operators: frozenset[str] | None = None
    ) -> None:
        self.limit = limit
        self._allowed = None if operators is None else implied_by(operators)
        self.recipes: list[Recipe] = []
        self.means: list[float] = []
        self.scales: list[float] = []
        self._blocks: list[FloatArray] = [np.empty((n_rows, 0))]
        self._seen: set[bytes] = set()
        self._families: list[NDArray[np.intp]] | None = None
        # A few rows would not do: narrow peaks are the same constant on most of them, wherever the peak is.
        self._directions = rng.normal(scale=n_rows**-0.5, size=(_HASH_SIZE, n_rows))

    def __len__(self) -> int:
        return len(self.recipes)

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return len(self) >= self.limit

    def add(self, batch: Batch) -> None:
        """Take over the columns of a batch that are finite, not constant, new, and made of allowed operators."""
        if self.full or len(batch) == 0:
            return
        columns, means, scales, usable = standardise(batch.values)
        keep: list[int] = []
        for j, key in zip(np.flatnonzero(usable).tolist(), self._keys(columns[:, usable]), strict=True):
            if key not in self._seen and len(self) + len(keep) < self.limit and self._admits(batch.recipes[j]):
                self._seen.add(key)
                keep.append(j)
        self._blocks.append(columns[:, keep])
        self.recipes.extend(batch.recipes[j] for j in keep)
        self.means.extend(float(means[j]) for j in keep)
        self.scales.extend(float(scales[j]) for j in keep)

    def _admits(self, recipe: Recipe) -> bool:
        return self._allowed is None or needed_operators(recipe) <= self._allowed

    def families(self) -> list[NDArray[np.intp]]:
        """Columns that differ in their free constants only, family by family."""
        if self._families is not None and sum(map(len, self._families)) == len(self):
            return self._families
        members: dict[Recipe, list[int]] = {}
        for j, recipe in enumerate(self.recipes):
            members.setdefault(signature(recipe), []).append(j)
        self._families = [np.array(columns, dtype=np.intp) for columns in members.values()]
        return self._families

    def matrix(self) -> FloatArray:
        """All columns, shape (n_rows, len(self)), each with mean 0 and mean square 1."""
        if len(self._blocks) != 1:
            self._blocks = [np.concatenate(self._blocks, axis=1)]
        return self._blocks[0]

    def only(self, columns: Sequence[int]) -> Pool:
        """A pool of some of the columns."""
        chosen = list(columns)
        pool = Pool(len(self._blocks[0]), len(chosen), np.random.default_rng(0))
        pool.recipes = [self.recipes[j] for j in chosen]
        pool.means, pool.scales = [self.means[j] for j in chosen], [self.scales[j] for j in chosen]
        pool._blocks = [self.matrix()[:, chosen]]
        return pool

    def _keys(self, columns: FloatArray) -> list[bytes]:
        sample = self._directions @ columns
        # The sign is fixed by the first entry that is clearly not zero, so that f and -f share a key.
        first = np.argmax(np.abs(sample) > 1e-3, axis=0)
        sign = np.sign(sample[first, np.arange(sample.shape[1])])
        rounded = np.round(sample * sign, _HASH_DIGITS) + 0.0
        return [row.tobytes() for row in np.ascontiguousarray(rounded.T)]
