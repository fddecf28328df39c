"""Which rows of a small table are left out when constants are fitted again: every row once, and the ends of columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import FloatArray, Problem

IntArray = NDArray[np.intp]

# Up to this many rows each is left out alone; more are left out in as many parts.
_ONE_BY_ONE = 20
_PARTS = 10
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
        Every row is in exactly one of them.
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
    n_rows = problem.n_samples
    n_parts = n_rows if n_rows <= _ONE_BY_ONE else _PARTS
    order = np.random.default_rng(_SEED).permutation(n_rows)
    parts = tuple(np.sort(order[start::n_parts]) for start in range(n_parts))
    ends = [_ends(problem.columns[name]) for name in columns]
    return Folds(parts, tuple(end for pair in ends for end in pair), sum(bool(pair) for pair in ends))


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
