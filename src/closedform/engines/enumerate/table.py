"""Many columns on a few rows, none twice up to an affine map, found again by their values.

A column is shifted and scaled to mean 0 and length 1 and projected onto two fixed directions. The first number is
sorted, the second one checked, so that "is there a column with these values, up to an affine map?" is one binary
search, with a tolerance for the rounding of float64 that cells of a hash table would not give without looking at their
neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Index = NDArray[np.intp]

TOLERANCE = 1e-8
"""Largest difference of two keys of the same column."""

_LARGEST_VALUE = 1e120
# Columns that vary less than this, relative to their size, have no digits left to be compared by.
_SMALLEST_SPREAD = 1e-7
# Entries beside the one found whose second key is looked at too.
_NEIGHBOURS = 3


@dataclass(frozen=True, eq=False)
class Keys:
    """What columns are looked up by: equal, within the tolerance, for columns that are affine maps of each other.

    Parameters
    ----------
    first, second : ndarray of shape (k,)
        Projections of the standardised columns; 0 where a column has no key.
    usable : ndarray of shape (k,)
        Whether a column is finite and not constant.
    """

    first: FloatArray
    second: FloatArray
    usable: NDArray[np.bool_]


class Table:
    """Columns in the order of their arrival, one a row.

    Parameters
    ----------
    n_rows : int
        Length of every column.
    rng : numpy.random.Generator
        Chooses the directions.
    """

    def __init__(self, n_rows: int, rng: np.random.Generator) -> None:
        self._directions = rng.normal(size=(n_rows, 2))
        self._space = np.empty((1024, n_rows))
        self._first = np.empty(0)
        self._second = np.empty(0)
        self._index = np.empty(0, dtype=np.intp)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def values(self) -> FloatArray:
        """All columns, shape (len(self), n_rows)."""
        return self._space[: len(self)]

    def keys(self, columns: FloatArray) -> Keys:
        """The keys of columns given as rows, shape (k, n_rows)."""
        with np.errstate(all="ignore"):
            largest = np.abs(columns).max(axis=1)
            # Scaled first, so that squares stay in range; NaN and infinite values fail the comparisons.
            centred = columns / largest[:, None]
            centred -= centred.mean(axis=1)[:, None]
            length = np.sqrt(np.einsum("ij,ij->i", centred, centred))
            usable = (largest < _LARGEST_VALUE) & (length > _SMALLEST_SPREAD * columns.shape[1] ** 0.5)
            projected = (centred @ self._directions) / length[:, None]
        projected[~usable] = 0.0
        sign = np.where(projected[:, 0] < 0, -1.0, 1.0)
        return Keys(projected[:, 0] * sign, projected[:, 1] * sign, usable)

    def add(self, columns: FloatArray) -> Index:
        """Take over the new ones of these columns, given as rows; the positions of those that were taken."""
        keys = self.keys(columns)
        known, _ = self.find(keys)
        fresh = keys.usable.copy()
        fresh[known] = False
        chosen = np.flatnonzero(fresh)
        chosen = chosen[_distinct(keys.first[chosen], keys.second[chosen])]
        self._make_room(len(chosen))
        self._space[len(self) : len(self) + len(chosen)] = columns[chosen]
        index = np.concatenate([self._index, len(self) + np.arange(len(chosen))])
        first = np.concatenate([self._first, keys.first[chosen]])
        second = np.concatenate([self._second, keys.second[chosen]])
        order = np.argsort(first, kind="stable")
        self._first, self._second, self._index = first[order], second[order], index[order]
        return chosen

    def find(self, keys: Keys) -> tuple[Index, Index]:
        """Which of the keys are those of columns of the table, and of which: positions in both."""
        if not len(self):
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
        asked: list[Index] = []
        found: list[Index] = []
        start = np.searchsorted(self._first, keys.first - TOLERANCE)
        for step in range(_NEIGHBOURS):
            at = np.minimum(start + step, len(self) - 1)
            near = np.abs(self._first[at] - keys.first) <= TOLERANCE
            near &= keys.usable & (np.abs(self._second[at] - keys.second) <= TOLERANCE)
            near &= start + step < len(self)
            hit = np.flatnonzero(near)
            asked.append(hit)
            found.append(self._index[at[hit]])
        return np.concatenate(asked), np.concatenate(found)

    def _make_room(self, count: int) -> None:
        needed, capacity = len(self) + count, len(self._space)
        if needed > capacity:
            more = np.empty((max(needed, 2 * capacity), self._space.shape[1]))
            more[: len(self)] = self.values
            self._space = more


def _distinct(first: FloatArray, second: FloatArray) -> Index:
    """Positions, ascending, of the first of each group of equal keys."""
    order = np.argsort(first, kind="stable")
    repeated = np.zeros(len(order), dtype=bool)
    for step in range(1, _NEIGHBOURS + 1):
        one, other = order[step:], order[:-step]
        near = np.abs(first[one] - first[other]) <= TOLERANCE
        near &= np.abs(second[one] - second[other]) <= TOLERANCE
        repeated[np.maximum(one, other)[near]] = True
    return np.flatnonzero(~repeated)
