"""Which pairs of columns act together: how much of what the main effects leave is explained by products.

For each pair the products of the three smoothest functions of either column are compared with the residual. Products of
uncorrelated functions are nearly uncorrelated, so that the sum of squared correlations is nearly the share that a joint
fit would explain, and one matrix product per pair of functions does it for all pairs at once. The idea of ranking pairs
by a cheap fit to the residual is FAST of Lou, Caruana, Gehrke and Hooker 2013 (doi:10.1145/2487575.2487579), there with
four-cell tables.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
Pair: TypeAlias = tuple[int, int]

N_FUNCTIONS = 3
"""Smooth functions of each column that pairs are ranked by."""
_ROWS = 4096
_COLUMNS = 256
_SMALLEST_VARIANCE = 1e-6


@dataclass(frozen=True)
class RankedPair:
    """A pair of columns.

    Parameters
    ----------
    pair : tuple of int
        Positions of the columns, ascending.
    strength : float
        Share of the residual's variance that the products explain, less what chance would give.
    excess : float
        The same in standard deviations of what chance gives.
    """

    pair: Pair
    strength: float
    excess: float


def rank_pairs(
    functions: Sequence[FloatArray],
    residual: FloatArray,
    weight: FloatArray,
    *,
    most: int,
    forbidden: Collection[Pair] = (),
) -> list[RankedPair]:
    """The strongest pairs, strongest first.

    Parameters
    ----------
    functions : sequence of ndarray of shape (n_rows, k_j)
        Smooth functions of each column, smoothest first, mean zero and variance of the order of one.
    residual : ndarray of shape (n_rows, n_outputs)
        What the main effects leave.
    weight : ndarray of shape (n_rows, n_outputs)
        Weights of the rows.
    most : int
        How many pairs are returned. Memory grows with `most` and with the number of columns, not with its square.
    forbidden : collection of pairs
        Left out.
    """
    stacked = _stacked(functions)
    found: list[RankedPair] = []
    d = len(functions)
    for start in range(0, d, _COLUMNS):
        for other in range(start, d, _COLUMNS):
            first, second = slice(start, start + _COLUMNS), slice(other, other + _COLUMNS)
            found += _ranked_block(stacked, residual, weight, first, second, most, forbidden)
            found.sort(key=lambda ranked: (-ranked.excess, ranked.pair))
            del found[most:]
    return found


def _stacked(functions: Sequence[FloatArray]) -> list[FloatArray]:
    """The k-th function of all columns side by side, zero where a column has fewer."""
    n = len(functions[0])
    result = []
    for k in range(N_FUNCTIONS):
        columns = [f[:, k] if f.shape[1] > k else np.zeros(n) for f in functions]
        result.append(np.ascontiguousarray(np.stack(columns, axis=1)))
    return result


def _ranked_block(
    stacked: Sequence[FloatArray],
    residual: FloatArray,
    weight: FloatArray,
    first: slice,
    second: slice,
    most: int,
    forbidden: Collection[Pair],
) -> list[RankedPair]:
    """The strongest pairs of a column of the one block with a column of the other."""
    share = np.zeros((stacked[0][:, first].shape[1], stacked[0][:, second].shape[1]))
    count = np.zeros_like(share)
    for a in stacked:
        for b in stacked:
            explained, usable = _explained(a[:, first], b[:, second], residual, weight)
            share += explained
            count += usable
    n = len(residual)
    strength = share - count / n
    excess = strength * n / np.sqrt(2.0 * np.maximum(count, 1.0))
    allowed = count > 0
    if first == second:
        allowed = np.triu(allowed, 1)
    for i, j in forbidden:
        if first.start <= i < first.stop and second.start <= j < second.stop:
            allowed[i - first.start, j - second.start] = False
    rows, columns = np.nonzero(allowed)
    # Pairs become objects only where they may be among the strongest.
    order = np.argsort(-excess[rows, columns], kind="stable")[:most]
    return [
        RankedPair((int(r) + first.start, int(c) + second.start), float(strength[r, c]), float(excess[r, c]))
        for r, c in zip(rows[order], columns[order], strict=True)
    ]


def _explained(
    first: FloatArray, second: FloatArray, residual: FloatArray, weight: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Share of the residual explained by each product, the largest over the outputs, and which products vary."""
    shape = (first.shape[1], second.shape[1])
    best = np.zeros(shape)
    usable = np.zeros(shape, dtype=np.bool_)
    for output in range(residual.shape[1]):
        w, r = weight[:, output], residual[:, output]
        r = r - np.average(r, weights=w)
        cross, squares, mean = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for start in range(0, len(r), _ROWS):
            rows = slice(start, start + _ROWS)
            a, b, v = first[rows], second[rows], w[rows, None]
            cross += (a * (v * r[rows, None])).T @ b
            squares += (v * a * a).T @ (b * b)
            mean += (v * a).T @ b
        total = float(w.sum())
        variance = squares / total - (mean / total) ** 2
        varies = variance > _SMALLEST_VARIANCE
        power = max(float(w @ (r * r)) / total, 1e-300)
        share = (cross / total) ** 2 / np.where(varies, variance, np.inf) / power
        best, usable = np.maximum(best, share), usable | varies
    return best, usable
