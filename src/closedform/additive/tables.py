"""A curve of one column as polynomials on small cells: the same values to rounding, in a fraction of the time.

The thirty rational functions of a column cost thirty divisions a row; one polynomial of degree 7 on the right one of a
few hundred cells costs none. The number of cells is doubled until the polynomials agree with the curve to 1e-12 of its
size between their nodes; a curve for which that does not happen is evaluated as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

_DEGREE = 7
_FEWEST_CELLS = 128
_MOST_CELLS = 4096
_AGREEMENT = 1e-12
# Chebyshev points of a cell from 0 to 1, and points between them.
_NODES = 0.5 - 0.5 * np.cos((np.arange(_DEGREE + 1) + 0.5) * np.pi / (_DEGREE + 1))
_BETWEEN = np.array([0.0, 0.013, 0.13, 0.27, 0.4, 0.52, 0.66, 0.81, 0.93, 1.0])
_TO_POWERS = np.linalg.inv(np.vander(_NODES - 0.5, increasing=True))


@dataclass(frozen=True, eq=False)
class CurveTable:
    """Polynomials on equal cells.

    Parameters
    ----------
    low, high : float
        The range; arguments beyond it are moved to its ends.
    powers : ndarray of shape (degree + 1, n_cells)
        Coefficients by powers of the place in the cell, from -0.5 to 0.5.
    """

    low: float
    high: float
    powers: FloatArray

    def values(self, x: FloatArray) -> FloatArray:
        """The curve, shape (n_rows,); `x` is finite."""
        n_cells = self.powers.shape[1]
        place = np.clip(x, self.low, self.high)
        place -= self.low
        place *= n_cells / (self.high - self.low)
        cell = np.minimum(place.astype(np.intp), n_cells - 1)
        place -= cell
        place -= 0.5
        result = self.powers[-1].take(cell)
        for row in self.powers[-2::-1]:
            result *= place
            result += row.take(cell)
        return result


def tabulated(curve: Callable[[FloatArray], FloatArray], low: float, high: float) -> CurveTable | None:
    """The table of a curve over a range, or None where it would not be accurate or not worth it."""
    span = high - low
    if not (np.isfinite(span) and span > 1e-6 * max(abs(low), abs(high))):
        return None
    cells = _FEWEST_CELLS
    while cells <= _MOST_CELLS:
        starts = low + span * np.arange(cells) / cells
        width = span / cells
        known = curve((starts[:, None] + width * _NODES).ravel()).reshape(cells, -1)
        table = CurveTable(low, high, np.ascontiguousarray(_TO_POWERS @ known.T))
        inside = np.minimum((starts[:, None] + width * _BETWEEN).ravel(), high)
        truth = curve(inside)
        if np.abs(table.values(inside) - truth).max() <= _AGREEMENT * max(float(np.abs(truth).max()), 1e-300):
            return table
        cells *= 2
    return None
