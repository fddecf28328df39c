"""Oversampling of the region where the fit is worst (arXiv 2506.08267)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def worst_cell(
    X: FloatArray, residual: FloatArray, n_bins: int = 8, fewest: int = 2, *, sample_weight: FloatArray | None = None
) -> IntArray:
    """Rows of the cell with the largest mean squared residual.

    Every column's range is cut into ``n_bins`` equal bins. Only cells that hold rows exist, so nothing grows like
    ``n_bins ** n_columns``.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Inputs.
    residual : ndarray of shape (n_rows,)
        Errors of the fit.
    n_bins : int, default=8
        Bins per column, at least 1.
    fewest : int, default=2
        Cells with fewer rows do not count, unless there are no others.
    sample_weight : ndarray of shape (n_rows,), optional
        Non-negative weights of the rows; those of weight zero are in no cell.

    Returns
    -------
    ndarray of int
        Row numbers, increasing.

    Examples
    --------
    >>> X = np.linspace(0, 1, 16)[:, None]
    >>> worst_cell(X, np.where(X[:, 0] > 0.95, 3.0, 0.1))
    array([14, 15])
    """
    if sample_weight is not None and (sample_weight == 0).any():
        counting = np.flatnonzero(sample_weight)
        inside = worst_cell(X[counting], residual[counting], n_bins, fewest, sample_weight=sample_weight[counting])
        return counting[inside]
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    low, high = X.min(axis=0), X.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    bins = np.minimum((n_bins * (X - low) / span).astype(np.intp), n_bins - 1)
    _, cell, count = np.unique(bins, axis=0, return_inverse=True, return_counts=True)
    cell = cell.ravel()
    mean = np.bincount(cell, weights=weight * residual * residual) / np.bincount(cell, weights=weight)
    eligible = count >= fewest
    worst = int(np.argmax(np.where(eligible, mean, -1.0) if eligible.any() else mean))
    return np.flatnonzero(cell == worst)


def oversampled_rows(
    X: FloatArray,
    residual: FloatArray,
    n_rows: int,
    rng: np.random.Generator,
    share: float = 0.3,
    *,
    sample_weight: FloatArray | None = None,
) -> IntArray:
    """Row numbers of a training set of which ``share`` comes from the worst cell, the rest from everywhere.

    Parameters
    ----------
    X, residual
        See :func:`worst_cell`.
    n_rows : int
        Size of the training set; rows may repeat.
    rng : numpy.random.Generator
        Draws the rows.
    share : float, default=0.3
        From 0 to 1; the paper takes 0.3.
    sample_weight : ndarray of shape (n_rows,), optional
        Non-negative weights of the rows. They decide which cell is worst, not how often a row is drawn: a row that is
        drawn keeps its weight. Rows of weight zero are not drawn.
    """
    n_worst = round(share * n_rows)
    counting = np.arange(len(X)) if sample_weight is None else np.flatnonzero(sample_weight)
    everywhere = counting[rng.integers(len(counting), size=n_rows - n_worst)]
    worst = worst_cell(X, residual, sample_weight=sample_weight)
    return np.concatenate([rng.choice(worst, size=n_worst), everywhere]).astype(np.intp)
