"""Which few columns of a pool explain a target best: exact single terms and pairs, beams beyond.

All of it comes out of the Gram matrix of the standardised columns: for a target t and columns i, j with correlations c
and g the explained share of a pair is (c_i^2 + c_j^2 - 2 g c_i c_j) / (1 - g^2), so that every pair of 5,000 columns is
looked at in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from closedform.library.triples import best_pairs, best_triples

if TYPE_CHECKING:
    from closedform.library.device_pairs import DevicePairs

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
    device : {"cpu", "cuda"}, default="cpu"
        Where all pairs are looked at: with NumPy, or on a GPU.
    """

    def __init__(self, matrix: FloatArray, always: FloatArray, device: str = "cpu") -> None:
        self._device = device
        self._basis, _ = np.linalg.qr(always)
        projected = matrix - self._basis @ (self._basis.T @ matrix)
        norm = np.sqrt(np.sum(projected * projected, axis=0))
        whole = np.sqrt(np.sum(matrix * matrix, axis=0))
        self._usable = norm > 1e-7 * np.where(whole > 0, whole, 1.0)
        self._columns = projected / np.where(self._usable, norm, 1.0)
        self._columns[:, ~self._usable] = 0.0

    @cached_property
    def _gram(self) -> NDArray[np.float32]:
        """Gram matrix in single precision: enough to make a short list, half the memory and time."""
        single = self._columns.astype(np.float32)
        gram: NDArray[np.float32] = single.T @ single
        # Columns that bring nothing count as parallel to all others, which keeps them out of every pair.
        gram[~self._usable] = 1.0
        gram[:, ~self._usable] = 1.0
        return gram

    @cached_property
    def _on_device(self) -> DevicePairs:
        # Whoever has no GPU never loads torch for this.
        from closedform.library.device_pairs import DevicePairs

        return DevicePairs(self._columns, self._device)

    def project(self, target: FloatArray) -> tuple[FloatArray, float]:
        """The target off the columns that are always in, as a unit vector, and the share that is left to explain."""
        # Scaled first, because squares of 1e200 and 1e-200 are out of range.
        largest = float(np.abs(target).max())
        scaled = target / (largest if largest > 0.0 else 1.0)
        rest = scaled - self._basis @ (self._basis.T @ scaled)
        norm, whole = float(np.linalg.norm(rest)), float(np.linalg.norm(scaled - scaled.mean()))
        if norm <= 1e-13 * max(whole, 1.0):
            return np.zeros_like(target), 0.0
        return rest / norm, (norm / whole) ** 2

    def singles(self, target: FloatArray, count: int) -> list[Selection]:
        """The best single columns, best first."""
        unit, left = self.project(target)
        share = np.square(self._columns.T @ unit)
        best = _largest(share, count)
        return [_single(int(i), share, left) for i in best if share[i] > 0.0]

    def best_singles(self, targets: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        """The best single column for each of many targets (-1 where no column helps), and what it leaves of them.

        Parameters
        ----------
        targets : ndarray of shape (n_rows, n_targets)
            Finite; neither their squares nor those of their reciprocals may leave float64.

        Returns
        -------
        columns : ndarray of shape (n_targets,)
        residuals : ndarray of shape (n_rows, n_targets)
        """
        rest = targets - self._basis @ (self._basis.T @ targets)
        if not self._columns.shape[1]:
            return np.full(targets.shape[1], -1), rest
        product = self._columns.T @ rest
        best = np.argmax(np.abs(product), axis=0)
        weight = product[best, np.arange(targets.shape[1])]
        return np.where(weight != 0.0, best, -1), rest - self._columns[:, best] * weight

    def pairs(self, target: FloatArray, count: int) -> list[Selection]:
        """The best pairs out of all pairs, best first."""
        unit, left = self.project(target)
        if self._device != "cpu":
            return self._exact_pairs(unit, left, self._on_device.best(unit, count))
        m = self._columns.shape[1]
        c = (self._columns.T @ unit).astype(np.float32)
        shares = np.empty(0, dtype=np.float32)
        pairs = np.empty((0, 2), dtype=np.intp)
        for start in range(0, m, _BLOCK):
            share = _pair_shares(c, self._gram[start : start + _BLOCK, start:], start).ravel()
            # The worst of the best so far is a threshold that keeps the number of survivors small.
            index = np.flatnonzero(share > (shares.min() if len(shares) == count else 0.0))
            if len(index) > count:
                index = index[np.argpartition(-share[index], count)[:count]]
            found = np.stack(np.divmod(index, m - start), axis=1) + start
            shares, pairs = np.concatenate([shares, share[index]]), np.concatenate([pairs, found])
            best = _largest(shares, count)
            shares, pairs = shares[best], pairs[best]
        return self._exact_pairs(unit, left, pairs)

    def best_of_families(self, target: FloatArray, families: Sequence[NDArray[np.intp]]) -> list[Selection]:
        """The best single column of each family (a set of columns), best first."""
        unit, left = self.project(target)
        share = np.square(self._columns.T @ unit)
        best = [int(family[np.argmax(share[family])]) for family in families]
        return [_single(i, share, left) for i in sorted(best, key=lambda i: -share[i]) if share[i] > 0.0]

    def pairs_of_families(
        self, target: FloatArray, families: Sequence[NDArray[np.intp]], count: int
    ) -> list[Selection]:
        """The best pair out of each two families, best first: no family crowds out the others."""
        unit, left = self.project(target)
        c = (self._columns.T @ unit).astype(np.float32)
        found: list[tuple[float, int, int]] = []
        for position, first in enumerate(families):
            for second in families[position:]:
                share = _shares(c[first, None], c[None, second], self._gram[np.ix_(first, second)])
                row, column = np.unravel_index(int(np.argmax(share)), share.shape)
                if share[row, column] > 0.0:
                    found.append((float(share[row, column]), int(first[row]), int(second[column])))
        found.sort(key=lambda item: -item[0])
        pairs = np.array([item[1:] for item in found[:count]], dtype=np.intp).reshape(-1, 2)
        return self._exact_pairs(unit, left, pairs)

    def triples(self, target: FloatArray, count: int, among: int) -> list[Selection]:
        """The best triples out of all triples of the first ``among`` columns, best first."""
        unit, left = self.project(target)
        found = [self._exact(unit, left, key) for key in best_triples(self._columns[:, :among], unit, count)]
        return sorted(found, key=lambda one: (one.unexplained, one.columns))

    def best_pair_of_each(self, targets: FloatArray, among: int) -> list[Selection]:
        """The best pair of the first ``among`` columns for each target (columns of the array)."""
        projected = [self.project(targets[:, t]) for t in range(targets.shape[1])]
        units = np.column_stack([unit for unit, _ in projected])
        pairs, unexplained = best_pairs(self._columns[:, :among], units)
        return [
            Selection((int(pair[0]), int(pair[1])), left * float(share))
            for pair, share, (_, left) in zip(pairs, unexplained, projected, strict=True)
        ]

    def extend(
        self, target: FloatArray, sets: list[Selection], *, width: int, children: int, roughly: bool = False
    ) -> list[Selection]:
        """Each set with one more column, the best ``width`` of all (one step of a beam).

        What they leave is computed by orthogonalisation, or ``roughly`` by the Gram matrix.
        """
        unit, left = self.project(target)
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
            gain = np.where((angle > _SMALLEST_ANGLE) & self._usable, rest * rest / np.maximum(angle, 1e-300), 0.0)
            explained = float(c[index] @ solved[:, 0])
            for j in _largest(gain, children):
                if gain[j] > 0.0:
                    grown.setdefault(tuple(sorted((*index, int(j)))), explained + float(gain[j]))
        best = sorted(grown, key=lambda key: (-grown[key], key))[:width]
        if roughly:
            return [Selection(key, left * max(0.0, 1.0 - grown[key])) for key in best]
        return [self._exact(unit, left, key) for key in best]

    def _exact_pairs(self, unit: FloatArray, left: float, pairs: NDArray[np.intp]) -> list[Selection]:
        """Pairs by their share in double precision."""
        first, second = self._columns[:, pairs[:, 0]], self._columns[:, pairs[:, 1]]
        # Gram-Schmidt rather than the formula of the module's text: no cancellation for pairs that are almost parallel.
        cosine = np.einsum("ij,ij->j", first, second)
        rest = second - cosine * first
        length = np.linalg.norm(rest, axis=0)
        usable = length > _SMALLEST_ANGLE
        residual = unit[:, None] - first * (unit @ first)
        residual -= rest * (np.einsum("ij,ij->j", rest, residual) / np.where(usable, length, 1.0) ** 2)
        unexplained = np.where(usable, np.einsum("ij,ij->j", residual, residual), 1.0)
        order = np.argsort(unexplained, kind="stable")
        return [Selection((int(pairs[k, 0]), int(pairs[k, 1])), left * float(unexplained[k])) for k in order]

    def _exact(self, unit: FloatArray, left: float, columns: tuple[int, ...]) -> Selection:
        """The unexplained share in double precision, by orthogonalisation rather than by the Gram matrix."""
        basis, triangle = np.linalg.qr(self._columns[:, list(columns)])
        if np.abs(np.diag(triangle)).min() < _SMALLEST_ANGLE:
            return Selection(columns, left)
        rest = unit - basis @ (basis.T @ unit)
        return Selection(columns, left * float(rest @ rest))


def _single(i: int, share: FloatArray, left: float) -> Selection:
    return Selection((i,), left * max(0.0, 1.0 - float(share[i])))


def _pair_shares(c: NDArray[np.float32], gram: NDArray[np.float32], start: int) -> NDArray[np.float32]:
    """Explained shares of the pairs (i, j) with start <= i < j, one row of ``gram`` per i; 0 for the others."""
    width = len(gram)
    share = _shares(c[start : start + width, None], c[None, start:], gram)
    share[:, :width][np.tril_indices(width)] = 0.0
    return share


def _shares(left: NDArray[np.float32], right: NDArray[np.float32], gram: NDArray[np.float32]) -> NDArray[np.float32]:
    """Explained shares of pairs from their correlations with the target and with each other."""
    determinant = 1.0 - gram * gram
    share: NDArray[np.float32] = left * left + right * right - 2.0 * gram * left * right
    # What is almost parallel in single precision is left to a search in double precision.
    return np.where(determinant > 3e-4, share / np.maximum(determinant, 1e-30), 0.0).astype(np.float32)


def _largest(values: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Indices of the largest values, largest first, ties in order."""
    if len(values) > count:
        index = np.sort(np.argpartition(-values, count - 1)[:count])
    else:
        index = np.arange(len(values))
    return index[np.argsort(-values[index], kind="stable")]
