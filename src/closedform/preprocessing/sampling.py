"""Fewer rows for the search where a table is huge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError
from closedform.preprocessing.table import Table

_BLOCK = 8192


def subsample(
    table: Table, y: NDArray[np.float64], n: int, rng: np.random.Generator
) -> tuple[Table, NDArray[np.float64], NDArray[np.intp]]:
    """Draw `n` rows without replacement, in their old order.

    The rows with the least and the greatest value of every column and of y are always among them (as long as they
    fill at most a tenth of the sample), so that a formula found on the sample has seen the whole domain.

    Parameters
    ----------
    table : Table
    y : ndarray of shape (n_rows,)
    n : int
        Rows wanted, at least 1.  With as many rows or more than there are, nothing is copied.
    rng : numpy.random.Generator

    Returns
    -------
    table : Table of at most n rows
    y : ndarray
    rows : ndarray of int
        Positions of the drawn rows, for weights and other columns.
    """
    if n < 1:
        raise InputError(f"n must be at least 1 row, got {n}.")
    if n >= table.n_rows:
        return table, y, np.arange(table.n_rows)
    extremes = _extreme_rows(table, y)
    if len(extremes) > n // 10:
        extremes = extremes[:0]
    # Floyd's method (shuffle=False) needs memory for the sample only, not for all rows.
    drawn = rng.choice(table.n_rows, size=n, replace=False, shuffle=False)
    others = np.setdiff1d(drawn, extremes)
    # The drawn rows come in random order before setdiff1d sorts them, so which ones make room must be drawn again.
    kept = rng.choice(others, size=n - len(extremes), replace=False) if len(extremes) else others
    rows = np.sort(np.concatenate([extremes, kept])).astype(np.intp)
    return table.take(rows), y[rows], rows


def _extreme_rows(table: Table, y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Rows with the extreme values of all columns and of y; NaN is no extreme."""
    rows = [_first_extremes(values, extreme) for values in (table.values, y[:, None]) for extreme in (np.fmin, np.fmax)]
    found = np.concatenate(rows)
    return np.unique(found[found >= 0])


def _first_extremes(values: NDArray[np.float64], extreme: np.ufunc) -> NDArray[np.intp]:
    """First row of each column's extreme (`np.fmin` or `np.fmax`); -1 for a column of nothing but NaN.

    Goes through the rows block by block: a search down each column of a row-wise table would miss the cache.
    """
    best = np.full(values.shape[1], np.nan)
    rows = np.full(values.shape[1], -1, dtype=np.intp)
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        joined = extreme(best, extreme.reduce(block, axis=0))
        for j in np.flatnonzero((joined != best) & ~np.isnan(joined)):
            rows[j] = start + int(np.argmax(block[:, j] == joined[j]))
        best = joined
    return rows
