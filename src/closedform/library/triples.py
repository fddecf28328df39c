"""All triples out of a few hundred columns, and the best pair for each of many targets: exact, in double precision.

A beam keeps what explains a target well so far. Three columns that explain it exactly need not be good two by two, so
that among the simplest few hundred columns nothing is left to a beam.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Columns that are this nearly parallel, once others are projected off, say nothing of their own.
_SMALLEST_SINE2 = 1e-9


def best_triples(columns: FloatArray, target: FloatArray, count: int) -> list[tuple[int, int, int]]:
    """The triples that explain most of a target, roughly best first.

    Parameters
    ----------
    columns : ndarray of shape (n_rows, n_columns)
        Unit vectors, or zeros for columns that are to be left alone.
    target : ndarray of shape (n_rows,)
        A unit vector.
    count : int
        How many.
    """
    gram, c = columns.T @ columns, columns.T @ target
    shares, triples = np.empty(0), np.empty((0, 3), dtype=np.intp)
    for i in range(len(c) - 2):
        if gram[i, i] == 0.0:
            continue
        beside = _pairs_beside(gram[i:, i:], c[i:])
        share = np.where(beside > 0.0, c[i] ** 2 + beside, 0.0)
        # The worst of the best so far is a threshold that keeps the number of survivors small.
        index = np.flatnonzero(share.ravel() > (shares.min() if len(shares) == count else 0.0))
        if len(index) > count:
            index = index[np.argpartition(-share.ravel()[index], count)[:count]]
        first, second = np.divmod(index, share.shape[1])
        found = np.stack([np.full(len(index), i), first + i + 1, second + i + 1], axis=1)
        shares, triples = np.concatenate([shares, share.ravel()[index]]), np.concatenate([triples, found])
        best = np.argsort(-shares, kind="stable")[:count]
        shares, triples = shares[best], triples[best]
    return [(int(i), int(j), int(k)) for i, j, k in triples]


def _pairs_beside(gram: FloatArray, c: FloatArray) -> FloatArray:
    """What pairs of the other columns explain of a target beside the first column; 0 below the diagonal."""
    beside = gram[0, 1:]
    sine2 = np.diag(gram)[1:] - beside**2
    usable = sine2 > _SMALLEST_SINE2
    sine = np.sqrt(np.where(usable, sine2, 1.0))
    rest = np.where(usable, (c[1:] - beside * c[0]) / sine, 0.0)
    cosine = (gram[1:, 1:] - beside[:, None] * beside) / (sine[:, None] * sine)
    determinant = 1.0 - cosine**2
    share: FloatArray = rest[:, None] ** 2 + rest**2 - 2.0 * cosine * rest[:, None] * rest
    share /= np.maximum(determinant, _SMALLEST_SINE2)
    share[(determinant <= _SMALLEST_SINE2) | ~usable | ~usable[:, None]] = 0.0
    return np.triu(share, 1)


def best_pairs(columns: FloatArray, targets: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """The pair that explains most of each target, and the share that it leaves.

    Parameters
    ----------
    columns : ndarray of shape (n_rows, n_columns)
        Unit vectors, or zeros for columns that are to be left alone.
    targets : ndarray of shape (n_rows, n_targets)
        Unit vectors.

    Returns
    -------
    pairs : ndarray of shape (n_targets, 2)
    unexplained : ndarray of shape (n_targets,)
    """
    gram, c = columns.T @ columns, columns.T @ targets
    determinant = 1.0 - gram**2
    usable = np.triu(determinant > _SMALLEST_SINE2, 1)
    usable &= (np.diag(gram) > 0)[:, None] & (np.diag(gram) > 0)
    first, second = np.nonzero(usable)
    scale, cosine = 1.0 / determinant[usable], 2.0 * gram[usable]
    pairs = np.zeros((targets.shape[1], 2), dtype=np.intp)
    left = np.ones(targets.shape[1])
    for t in range(targets.shape[1] if len(first) else 0):
        a, b = c[first, t], c[second, t]
        best = int(np.argmax((a * a + b * b - cosine * a * b) * scale))
        pairs[t] = first[best], second[best]
        # Gram-Schmidt again for the one that was chosen: no cancellation.
        basis, _ = np.linalg.qr(columns[:, pairs[t]])
        rest = targets[:, t] - basis @ (basis.T @ targets[:, t])
        left[t] = float(rest @ rest)
    return pairs, left
