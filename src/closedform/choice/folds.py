"""Which rows of a small table are left out when constants are fitted again: every row once, and the ends of columns.

Rows that were measured on the same pipe, ball or sample share its errors: they are left out together, or the others
would tell what is asked of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import FloatArray, Problem

IntArray = NDArray[np.intp]

# Up to this many rows each is left out alone; more are left out in as many parts.
_ONE_BY_ONE = 20
_PARTS = 10
# A column with so many values, and so many rows for each, says which rows belong together.
_FEWEST_GROUPS, _MOST_GROUPS, _ROWS_OF_A_GROUP = 5, 20, 4
# An end of a column is up to this share of the rows, or one value that has up to the second; a column with fewer values
# has none.
_SHARE, _LARGEST_SHARE = 0.2, 0.35
_FEWEST_VALUES = 4
_SEED = 0


@dataclass(frozen=True, eq=False)
class Folds:
    """Rows to leave out.

    Parameters
    ----------
    parts : tuple of ndarray of int
        Every row is in exactly one of them; rows that belong together are in the same.
    ends : tuple of ndarray of int
        Rows with the smallest values of a column, and with its largest: how a formula goes on where no row is.
    n_columns : int
        How many columns have ends.
    """

    parts: tuple[IntArray, ...]
    ends: tuple[IntArray, ...]
    n_columns: int


def folds_of(problem: Problem, columns: Iterable[str]) -> Folds:
    """Divide the rows of a problem, the same way each time.

    Parameters
    ----------
    problem : Problem
        The rows.
    columns : iterable of str
        The columns whose ends are left out: those that formulas use.
    """
    known = [problem.columns[name] for name in columns]
    ends = [_ends(column) for column in known]
    parts = _groups(known) or _drawn(problem.n_samples)
    return Folds(parts, tuple(end for pair in ends for end in pair), sum(bool(pair) for pair in ends))


def _drawn(n_rows: int) -> tuple[IntArray, ...]:
    n_parts = n_rows if n_rows <= _ONE_BY_ONE else _PARTS
    order = np.random.default_rng(_SEED).permutation(n_rows)
    return tuple(np.sort(order[start::n_parts]) for start in range(n_parts))


def _groups(columns: Sequence[FloatArray]) -> tuple[IntArray, ...]:
    """The rows by the values of the column that has the fewest of them; none where no column has few."""
    places = [np.unique(column, return_inverse=True)[1].reshape(-1) for column in columns]
    counts = [int(place.max()) + 1 for place in places]
    usual = [
        k
        for k, count in enumerate(counts)
        if _FEWEST_GROUPS <= count <= _MOST_GROUPS and _ROWS_OF_A_GROUP * count <= len(places[k])
    ]
    if not usual:
        return ()
    fewest = min(usual, key=counts.__getitem__)
    return tuple(np.flatnonzero(places[fewest] == value) for value in range(counts[fewest]))


def _ends(column: FloatArray) -> list[IntArray]:
    """The rows with the smallest values of a column, and with the largest; equal values stay together."""
    values, counts = np.unique(column, return_counts=True)
    if len(values) < _FEWEST_VALUES:
        return []
    low = values[_last_within(np.cumsum(counts))]
    high = values[::-1][_last_within(np.cumsum(counts[::-1]))]
    ends = [np.flatnonzero(column <= low), np.flatnonzero(column >= high)]
    return [end for end in ends if len(end) <= _LARGEST_SHARE * len(column)]


def _last_within(upto: IntArray) -> int:
    """Of values with so many rows up to each of them, the last that an end reaches to: the first at least."""
    return max(int(np.searchsorted(upto, _SHARE * upto[-1], side="right")) - 1, 0)
