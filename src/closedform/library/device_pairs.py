"""The best pairs out of all pairs on a device of torch: a Gram matrix in double precision, scanned block by block."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_BLOCK = 2048
# Pairs that are nearer to parallel than this explain a target only by differences of large numbers.
_SMALLEST_DETERMINANT = 1e-12


class DevicePairs:
    """Columns on a device, ready to be asked for the best pairs for any number of targets.

    Parameters
    ----------
    columns : ndarray of shape (n_rows, n_columns)
        Unit vectors, or zeros for columns that are to be left alone.
    device : str
        As torch names it.
    """

    def __init__(self, columns: FloatArray, device: str) -> None:
        self._columns = torch.as_tensor(columns, device=device)
        self._gram = self._columns.T @ self._columns

    def best(self, unit: FloatArray, count: int) -> NDArray[np.intp]:
        """The pairs that explain most of a target (a unit vector), best first, shape (n_pairs, 2)."""
        c = self._columns.T @ torch.as_tensor(unit, device=self._columns.device)
        m = len(c)
        shares, places = c.new_empty(0), torch.empty(0, dtype=torch.int64, device=c.device)
        for start in range(0, m, _BLOCK):
            share = self._shares(c, start).ravel()
            best, place = torch.topk(share, min(count, len(share)))
            shares, places = torch.cat([shares, best]), torch.cat([places, place + start * m])
            shares, order = torch.topk(shares, min(count, len(shares)))
            places = places[order]
        places = places[shares > 0]
        return np.stack(np.divmod(places.numpy(force=True), m), axis=1).astype(np.intp)

    def _shares(self, c: torch.Tensor, start: int) -> torch.Tensor:
        """Explained shares of the pairs (i, j) with i in a block and j > i; 0 for the others."""
        gram, left = self._gram[start : start + _BLOCK], c[start : start + _BLOCK, None]
        determinant = 1 - gram * gram
        share = (left * left + c * c - 2 * gram * left * c) / determinant.clamp_min(_SMALLEST_DETERMINANT)
        used = torch.diagonal(self._gram) > 0
        usable = (determinant > _SMALLEST_DETERMINANT) & used & used[start : start + _BLOCK, None]
        return torch.where(usable, share, torch.zeros_like(share)).triu(start + 1)
