"""Where the shape of a formula matters: the box of a table, rows of it, and points in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Box = Mapping[str, tuple[float, float]]

_ROWS = 500
_DENSE = 1000
# All corners of a box of up to this many columns; of a larger one, those where at most one column is at its other end.
_MOST_CORNERS = 6
_LINES, _STEPS = 48, 41


@dataclass(frozen=True, eq=False)
class Region:
    """A box with points in it.

    Parameters
    ----------
    box : mapping of str to (float, float)
        Lowest and highest value of each column.
    rows : mapping of str to ndarray of shape (n_rows,)
        Rows that lie in the box; may have none.
    size : float
        Largest magnitude of the target: rounding is judged relative to it.
    halvings : int, default=60
        How often the box may be halved on the way to a proof.
    """

    box: Box
    rows: Mapping[str, FloatArray]
    size: float
    halvings: int = 60

    @classmethod
    def of(cls, columns: Mapping[str, FloatArray], y: FloatArray, halvings: int = 60) -> Region:
        """Return the region that a table spans, with some of its rows."""
        box = {name: (float(column.min()), float(column.max())) for name, column in columns.items()}
        chosen = np.unique(np.linspace(0, len(y) - 1, min(_ROWS, len(y))).astype(np.intp))
        size = float(np.max(np.abs(y), initial=0.0))
        return cls(box, {name: column[chosen] for name, column in columns.items()}, size or 1.0, halvings)

    def restricted(self, where: Box) -> Region:
        """Return the region with other ranges for some columns, which may be wider or narrower than those it has."""
        if not where:
            return self
        kept = np.ones(_length(self.rows), dtype=bool)
        for name, (low, high) in where.items():
            if name in self.rows:
                kept &= (self.rows[name] >= low) & (self.rows[name] <= high)
        rows = {name: values[kept] for name, values in self.rows.items()}
        return replace(self, box={**self.box, **where}, rows=rows)

    def part(self, box: Box) -> Region:
        """Return a part of the region, without rows of the table."""
        return replace(self, box={**self.box, **box}, rows={name: np.empty(0) for name in self.rows})

    def points(self, names: Sequence[str], dense: int = _DENSE) -> dict[str, FloatArray]:
        """Return rows of the table, corners of the box and points spread evenly over it, for the columns named."""
        corners = _corners(len(names))
        spread = np.vstack([corners, _even_points(dense, len(names))])
        return {
            name: np.append(self.rows.get(name, np.empty(0)), self._at(name, spread[:, position]))
            for position, name in enumerate(names)
        }

    def lines(
        self, names: Sequence[str], along: str, lines: int = _LINES, steps: int = _STEPS
    ) -> dict[str, FloatArray]:
        """Return points on lines along one column, line after line with `steps` points each."""
        start = self.points(names, dense=lines)
        total = _length(start)
        chosen = np.unique(np.linspace(0, total - 1, min(lines, total)).astype(np.intp))
        made = {name: np.repeat(values[chosen], steps) for name, values in start.items()}
        made[along] = np.tile(self._at(along, np.linspace(0.0, 1.0, steps)), len(chosen))
        return made

    def _at(self, name: str, share: FloatArray) -> FloatArray:
        low, high = self.box[name]
        # The ends exactly, whatever rounding does in between.
        return np.where(share == 1.0, high, low + share * (high - low))


def _length(columns: Mapping[str, FloatArray]) -> int:
    return max((len(values) for values in columns.values()), default=0)


def _corners(n: int) -> FloatArray:
    if n <= _MOST_CORNERS:
        return np.array(list(product((0.0, 1.0), repeat=n))).reshape(2**n, n)
    low, unit = np.zeros((1, n)), np.eye(n)
    return np.vstack([low, unit, 1.0 - unit, 1.0 - low])


def _even_points(count: int, n: int) -> FloatArray:
    """Points of an additive recurrence with irrational steps: evenly spread in any dimension, and always the same."""
    root = 2.0
    for _ in range(50):  # the root of g**(n + 1) = g + 1
        root = (1.0 + root) ** (1.0 / (n + 1))
    steps = root ** -np.arange(1.0, n + 1.0)
    return (0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0
