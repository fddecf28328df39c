"""Penalised least squares whose penalties are found from the data: each block of coefficients has its own.

The coefficients of block j are normal with variance ``noise / penalty_j``; the penalties that make the data most
probable (type-II maximum likelihood) are iterated as by MacKay 1992 (doi:10.1162/neco.1992.4.3.415), which is the
update of Wood and Fasiolo 2017 (doi:10.1111/biom.12666) for penalties without common parts. Blocks that explain
nothing get penalties that grow without limit: they are switched off. All of it works on the Gram matrix, so that the
number of rows costs one pass over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

FloatArray: TypeAlias = NDArray[np.float64]

_SMALLEST = 1e-8
# A block whose share of determined coefficients falls below this is switched off.
_OFF = 1e-3
# Penalties may grow so much in one step: blocks are not switched off by a first guess of the noise.
_LARGEST_STEP = 30.0


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over rows that a least-squares problem needs, each row weighted.

    Parameters
    ----------
    gram : ndarray of shape (n_columns, n_columns)
        ``X.T @ diag(w) @ X``, columns centred.
    cross : ndarray of shape (n_columns,)
        ``X.T @ diag(w) @ y``, both centred.
    total : float
        ``y.T @ diag(w) @ y``, centred.
    n_rows : float
        Number of independent rows.
    """

    gram: FloatArray
    cross: FloatArray
    total: float
    n_rows: float


@dataclass(frozen=True, eq=False)
class EvidenceFit:
    """Coefficients with the penalties that the data ask for.

    Parameters
    ----------
    coefficients : ndarray of shape (n_columns,)
        Posterior mean; zero in blocks that were switched off.
    covariance : ndarray of shape (n_columns, n_columns)
        Posterior covariance; zero there too.
    penalties : ndarray of shape (n_blocks,)
        Penalty of each block, relative to the noise variance; infinite where it was switched off.
    freedom : ndarray of shape (n_blocks,)
        Effective number of coefficients of each block.
    noise : float
        Variance of the noise.
    """

    coefficients: FloatArray
    covariance: FloatArray
    penalties: FloatArray
    freedom: FloatArray
    noise: float


def fit_by_evidence(
    moments: Moments,
    block: NDArray[np.intp],
    *,
    start: FloatArray | None = None,
    max_iter: int = 60,
    tolerance: float = 1e-2,
    fixed_noise: float | None = None,
    sparsity: float = 0.5,
) -> EvidenceFit:
    """Solve the penalised problem and find its penalties.

    Parameters
    ----------
    moments : Moments
        Of rows; columns should be of the order of one.
    block : ndarray of shape (n_columns,)
        Block of each column, from 0 on.
    start : ndarray of shape (n_blocks,), optional
        First penalties; infinite ones stay switched off.
    max_iter : int
        Limit of iterations; each inverts a matrix of the columns that are not switched off.
    tolerance : float
        Stops when the effective number of coefficients changes by less than this, relative to the whole number.
    fixed_noise : float, optional
        Variance of the noise where it is known (1 for a generalised linear model with its working weights).
    sparsity : float
        Shape of a gamma prior on the penalties, which lets blocks go that are no better than chance; 0 for none.

    Returns
    -------
    EvidenceFit
    """
    n_blocks = int(block.max(initial=-1)) + 1
    sizes = np.bincount(block, minlength=n_blocks).astype(float)
    # Where columns are more than rows, a supple start interpolates and takes no row for noisy: it starts stiff.
    stiff = max(moments.n_rows, 1.0) if len(block) >= moments.n_rows else 1.0
    penalties = np.full(n_blocks, stiff) if start is None else start.copy()
    noise = 1.0 if fixed_noise is None else fixed_noise
    freedom = np.zeros(n_blocks)
    for _ in range(max_iter):
        active = np.flatnonzero(np.isfinite(penalties)[block])
        lower, coefficients = _solve(moments, active, penalties[block[active]])
        trace = np.bincount(block[active], np.diag(lower), n_blocks)
        on = np.isfinite(penalties)
        previous, freedom = freedom, np.zeros(n_blocks)
        freedom[on] = np.clip(sizes[on] - penalties[on] * trace[on], 1e-8, sizes[on])
        squares = np.bincount(block[active], coefficients**2, n_blocks)
        if fixed_noise is None:
            noise = _noise(moments, active, coefficients, float(freedom.sum()))
        penalties = _updated(penalties, noise * (freedom + sparsity) / np.maximum(squares, 1e-300))
        penalties[freedom < _OFF * sizes] = np.inf
        if np.abs(freedom - previous).sum() < tolerance * max(1.0, float(freedom.sum())):
            break
    active = np.flatnonzero(np.isfinite(penalties)[block])
    lower, solved = _solve(moments, active, penalties[block[active]])
    inverse = np.tril(lower) + np.tril(lower, -1).T
    coefficients, covariance = np.zeros(len(block)), np.zeros((len(block), len(block)))
    coefficients[active] = solved
    covariance[np.ix_(active, active)] = noise * inverse
    return EvidenceFit(coefficients, covariance, penalties, freedom, noise)


def _updated(penalties: FloatArray, wanted: FloatArray) -> FloatArray:
    """The next penalties; infinite ones stay infinite."""
    bounded = np.clip(wanted, penalties / _LARGEST_STEP, penalties * _LARGEST_STEP)
    return np.where(np.isfinite(penalties), np.maximum(bounded, _SMALLEST), np.inf)


def _noise(moments: Moments, active: NDArray[np.intp], coefficients: FloatArray, freedom: float) -> float:
    gram = moments.gram[np.ix_(active, active)]
    rest = float(moments.total - 2.0 * coefficients @ moments.cross[active] + coefficients @ gram @ coefficients)
    # Below the rounding of the sums nothing can be told from zero.
    floor = 1e-14 * moments.total
    return max(rest, floor, 1e-300) / max(moments.n_rows - freedom, 0.05 * moments.n_rows, 1.0)


def _solve(moments: Moments, active: NDArray[np.intp], penalty: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lower triangle of the inverse of the penalised Gram matrix of the active columns, and their coefficients."""
    if len(active) == 0:
        return np.empty((0, 0)), np.empty(0)
    matrix = moments.gram[np.ix_(active, active)]
    diagonal = np.diag_indices_from(matrix)
    matrix[diagonal] += penalty
    jitter = 0.0
    while True:
        matrix[diagonal] += jitter
        factor, info = lapack.dpotrf(matrix, lower=1)
        if info == 0:
            break
        jitter = max(10.0 * jitter, 1e-12 * float(np.trace(matrix)) / len(matrix))
    solved, _ = lapack.dpotrs(factor, moments.cross[active], lower=1)
    inverse, _ = lapack.dpotri(factor, lower=1)
    return inverse, solved
