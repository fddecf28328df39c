"""Which few columns of a pool explain a target best: exact single terms and pairs, beams beyond.

All of it comes out of the Gram matrix of the standardised columns: for a target t and columns i, j with correlations c
and g the explained share of a pair is (c_i^2 + c_j^2 - 2 g c_i c_j) / (1 - g^2), so that every pair of 5,000 columns is
looked at in a fraction of a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_BLOCK = 512
# Pairs that are almost parallel explain a target only by differences of large numbers.
_SMALLEST_ANGLE = 1e-6


@dataclass(frozen=True)
class Selection:
    """Columns and the share of the target's variance that they leave unexplained."""

    columns: tuple[int, ...]
    unexplained: float


class Selector:
    """Columns of a pool, projected off a few that are always in, ready to be asked for any number of targets.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_columns)
        Candidate columns.
    always : ndarray of shape (n_rows, k)
        Columns that are part of every selection (the constant included by the caller).
    """

    def __init__(self, matrix: FloatArray, always: FloatArray) -> None:
        self._basis, _ = np.linalg.qr(always)
        projected = matrix - self._basis @ (self._basis.T @ matrix)
        norm = np.sqrt(np.sum(projected * projected, axis=0))
        whole = np.sqrt(np.sum(matrix * matrix, axis=0))
        self.usable = norm > 1e-7 * np.where(whole > 0, whole, 1.0)
        self._columns = projected / np.where(self.usable, norm, 1.0)
        self._columns[:, ~self.usable] = 0.0
        self._gram: NDArray[np.float32] | None = None

    @property
    def gram(self) -> NDArray[np.float32]:
        """Gram matrix in single precision: enough to make a short list, half the memory and time."""
        if self._gram is None:
            single = self._columns.astype(np.float32)
            self._gram = single.T @ single
        return self._gram

    def project(self, target: FloatArray) -> tuple[FloatArray, float]:
        """The target off the columns that are always in, as a unit vector, and the share that is left to explain."""
        centred = target - target.mean()
        rest = target - self._basis @ (self._basis.T @ target)
        norm, whole = np.linalg.norm(rest), np.linalg.norm(centred)
        if whole == 0.0 or norm <= 1e-13 * max(whole, float(np.abs(target).max())):
            return np.zeros_like(target), 0.0
        return rest / norm, float((norm / whole) ** 2)

    def singles(self, target: FloatArray, count: int) -> list[Selection]:
        """The best single columns, best first."""
        unit, left = self.project(target)
        share = np.square(self._columns.T @ unit)
        best = _largest(share, count)
        return [Selection((int(i),), left * max(0.0, 1.0 - float(share[i]))) for i in best]

    def pairs(self, target: FloatArray, count: int, pool: int | None = None) -> list[Selection]:
        """The best pairs out of all pairs (of the first ``pool`` columns), best first."""
        unit, left = self.project(target)
        m = self._columns.shape[1] if pool is None else min(pool, self._columns.shape[1])
        c = (self._columns[:, :m].T @ unit).astype(np.float32)
        found_share: list[NDArray[np.float32]] = []
        found_pair: list[NDArray[np.intp]] = []
        threshold = np.float32(0.0)
        for start in range(0, m, _BLOCK):
            stop = min(start + _BLOCK, m)
            share = _pair_shares(c, self.gram[start:stop, start:m], start, stop)
            flat = share.ravel()
            # A running threshold keeps the number of survivors small from the second block on.
            index = np.flatnonzero(flat > threshold)
            if len(index) > count:
                index = index[np.argpartition(-flat[index], count)[:count]]
            found_share.append(flat[index])
            row, column = np.divmod(index, share.shape[1])
            found_pair.append(np.stack([row + start, column + start], axis=1))
            merged = np.concatenate(found_share)
            if len(merged) > count:
                threshold = np.partition(merged, len(merged) - count)[len(merged) - count]
        shares, pairs = np.concatenate(found_share), np.concatenate(found_pair)
        return [self._exact(unit, left, tuple(int(k) for k in pairs[i])) for i in _largest(shares, count)]

    def extend(self, target: FloatArray, sets: list[Selection], *, width: int, children: int) -> list[Selection]:
        """Each set with one more column, the best ``width`` of all (one step of a beam)."""
        unit, _ = self.project(target)
        grown: dict[tuple[int, ...], float] = {}
        c = self._columns.T @ unit
        for chosen in sets:
            index = list(chosen.columns)
            inner = self._columns[:, index]
            cross = self._columns.T @ inner
            gram = inner.T @ inner + 1e-12 * np.eye(len(index))
            solved = np.linalg.solve(gram, np.column_stack([c[index], cross.T]))
            rest = c - cross @ solved[:, 0]
            angle = 1.0 - np.einsum("ij,ji->i", cross, solved[:, 1:])
            gain = np.where((angle > _SMALLEST_ANGLE) & self.usable, rest * rest / np.maximum(angle, 1e-300), 0.0)
            explained = float(c[index] @ solved[:, 0])
            for j in _largest(gain, children):
                grown.setdefault(tuple(sorted((*index, int(j)))), explained + float(gain[j]))
        best = sorted(grown, key=lambda key: (-grown[key], key))[:width]
        _, left = self.project(target)
        return [self._exact(unit, left, key) for key in best]

    def _exact(self, unit: FloatArray, left: float, columns: tuple[int, ...]) -> Selection:
        """The unexplained share in double precision, by orthogonalisation rather than by the Gram matrix."""
        basis, triangle = np.linalg.qr(self._columns[:, list(columns)])
        if np.abs(np.diag(triangle)).min() < _SMALLEST_ANGLE:
            return Selection(columns, left)
        rest = unit - basis @ (basis.T @ unit)
        return Selection(columns, left * float(rest @ rest))


def _pair_shares(c: NDArray[np.float32], gram: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    """Explained shares of the pairs (i, j), start <= i < stop, i < j; 0 elsewhere. Shape (stop - start, m - start)."""
    left, right = c[start:stop, None], c[None, start:]
    determinant = 1.0 - gram * gram
    share: NDArray[np.float32] = left * left + right * right - 2.0 * gram * left * right
    share = np.where(determinant > 3e-4, share / np.maximum(determinant, 1e-30), 0.0).astype(np.float32)
    width = stop - start
    share[:, :width][np.tril_indices(width)] = 0.0
    return share


def _largest(values: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Indices of the largest values, largest first, ties in order."""
    if len(values) > count:
        index = np.sort(np.argpartition(-values, count - 1)[:count])
    else:
        index = np.arange(len(values))
    return index[np.argsort(-values[index], kind="stable")]
