"""The columns of the least-squares problem behind an additive model, made block of rows by block of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.basis import Basis, LevelBasis, SmoothFunctions, numeric_basis, smooth_functions
from closedform.additive.units import Units
from closedform.training.evidence import Moments

FloatArray: TypeAlias = NDArray[np.float64]

_ROWS = 4096
# Designs up to this many numbers are kept; larger ones are made again for every pass.
_LARGEST_KEPT = 40_000_000
ROWS_FOR_FUNCTIONS = 20_000
"""Rows from which the smooth functions of a column are derived."""


@dataclass(frozen=True, eq=False)
class Feature:
    """One column on its way into the design.

    Parameters
    ----------
    column : int
        Its position in the table.
    basis : Basis
        Its functions.
    main, pair : SmoothFunctions
        The combinations that main and pair effects are fitted with.
    """

    column: int
    basis: Basis
    main: SmoothFunctions
    pair: SmoothFunctions


@dataclass(frozen=True, eq=False)
class PairBlock:
    """Products of smooth functions of two features, the smoothest products.

    Parameters
    ----------
    first, second : int
        Positions of the features.
    left, right : ndarray of shape (n_products,)
        Which smooth function of either.
    scale : ndarray of shape (n_products,)
        By which each product is divided: rough ones are shrunk more.
    """

    first: int
    second: int
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    scale: FloatArray


def make_feature(
    x: FloatArray,
    column: int,
    n_levels: int,
    n_coarse: int,
    n_fine: int,
    most: int,
    weight: FloatArray,
    rows: int = ROWS_FOR_FUNCTIONS,
) -> Feature:
    """The functions of one column.

    Parameters
    ----------
    x : ndarray of shape (n_rows,)
        The column: numbers with NaN where missing, or codes of levels.
    column : int
        Its position in the table.
    n_levels : int
        Number of levels; 0 for a numeric column.
    n_coarse, n_fine : int
        Largest numbers of wide and narrow units.
    most : int
        Largest number of smooth functions of a main effect.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    rows : int, default=20000
        Rows from which the smooth functions are derived.
    """
    counting = weight > 0
    x, weight = (x, weight) if counting.all() else (x[counting], weight[counting])
    missing = bool(np.isnan(x).any())
    basis: Basis = LevelBasis(n_levels, missing) if n_levels else numeric_basis(x, n_coarse, n_fine)
    step = max(1, len(x) // rows)
    some, share = x[::step], weight[::step]
    main = smooth_functions(basis, some, share)
    # A shrunk level is no smooth function: none of them is left out.
    main = main if n_levels else main.truncated(most)
    return Feature(column, basis, main, smooth_functions(basis, some, share, coarse=True))


def make_pair(features: Sequence[Feature], first: int, second: int, most: int) -> PairBlock:
    """The smoothest products of two features."""
    rough = np.add.outer(features[first].pair.roughness, features[second].pair.roughness)
    order = np.argsort(rough, axis=None, kind="stable")[:most]
    left, right = np.unravel_index(order, rough.shape)
    return PairBlock(first, second, left, right, np.sqrt(rough[left, right]))


@dataclass(eq=False)
class Design:
    """All columns of the problem: the main effects of the features, then the pairs, then the units of a second block.

    Parameters
    ----------
    features : sequence of Feature
        Main effects.
    pairs : sequence of PairBlock
        Pair effects.
    columns : sequence of ndarray of shape (n_rows,)
        The columns of the table.
    units : Units, optional
        Of a second block.
    """

    features: Sequence[Feature]
    pairs: Sequence[PairBlock]
    columns: Sequence[FloatArray]
    units: Units | None = None
    _kept: FloatArray | None = field(default=None, init=False, repr=False)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0])

    @property
    def n_columns(self) -> int:
        """Number of columns of the design."""
        return sum(self._sizes())

    def _sizes(self) -> list[int]:
        """Numbers of columns of the main effects, pair effects and units."""
        units = [len(self.units)] if self.units is not None else []
        return [len(f.main) for f in self.features] + [len(p.left) for p in self.pairs] + units

    def slices(self) -> list[slice]:
        """Where each main effect, then each pair effect, last the units stand."""
        sizes = self._sizes()
        ends = np.cumsum(sizes).tolist()
        return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]

    def blocks(self) -> NDArray[np.intp]:
        """The penalty of each column: main effects have one for their smoothest function and one for all others.

        Each pair has one, and so have the units.
        """
        result: list[int] = []
        count = 0
        for feature in self.features:
            size = len(feature.main)
            split = 1 if isinstance(feature.basis, LevelBasis) or size == 1 else 2
            result += [count] + [count + split - 1] * (size - 1)
            count += split
        for size in self._sizes()[len(self.features) :]:
            result += [count] * size
            count += 1
        return np.array(result, dtype=np.intp)

    def chunks(self) -> Iterator[tuple[slice, FloatArray]]:
        """The design, block of rows by block of rows."""
        kept = self._kept
        new = None
        if kept is None and self.n_rows * self.n_columns <= _LARGEST_KEPT:
            new = np.empty((self.n_rows, self.n_columns))
        for start in range(0, self.n_rows, _ROWS):
            rows = slice(start, min(start + _ROWS, self.n_rows))
            part = self._made(rows) if kept is None else kept[rows]
            if new is not None:
                new[rows] = part
            yield rows, part
        # Only a whole one: other threads may ask for it meanwhile.
        if new is not None:
            self._kept = new

    def _made(self, rows: slice) -> FloatArray:
        values = [f.basis.values(self.columns[f.column][rows]) for f in self.features]
        parts = [f.main.of(v) / np.sqrt(f.main.roughness) for f, v in zip(self.features, values, strict=True)]
        used = {k for p in self.pairs for k in (p.first, p.second)}
        smooth = {k: self.features[k].pair.of(values[k]) for k in used}
        parts += [smooth[p.first][:, p.left] * smooth[p.second][:, p.right] / p.scale for p in self.pairs]
        if self.units is not None:
            parts.append(self.units.values([column[rows] for column in self.columns]))
        # A table of constant columns has none.
        return np.hstack(parts) if parts else np.empty((rows.stop - rows.start, 0))

    def moments(self, weight: FloatArray, response: FloatArray, n_rows: float) -> tuple[Moments, FloatArray, float]:
        """Centred sums over the rows, the weighted mean of each column and that of the response.

        Parameters
        ----------
        weight, response : ndarray of shape (n_rows,)
            Of the rows.
        n_rows : float
            What the weights count as.
        """
        p, whole = self.n_columns, float(weight.sum())
        gram, cross, total = np.zeros((p, p)), np.zeros(p), 0.0
        mean_x, mean_y = np.zeros(p), float(weight @ response) / whole
        for rows, part in self.chunks():
            w, z = weight[rows], response[rows] - mean_y
            # A product of a matrix with itself costs half of one with another.
            rooted = part * np.sqrt(w)[:, None]
            gram += rooted.T @ rooted
            cross += part.T @ (w * z)
            total += float(w @ (z * z))
            mean_x += w @ part
        mean_x /= whole
        gram -= whole * np.outer(mean_x, mean_x)
        return Moments(gram, cross, total, n_rows), mean_x, mean_y

    def apply(self, coefficients: FloatArray, offset: FloatArray) -> FloatArray:
        """Raw scores of the rows, shape (n_rows, n_outputs), from coefficients of shape (n_columns, n_outputs)."""
        result = np.empty((self.n_rows, coefficients.shape[1]))
        for rows, part in self.chunks():
            result[rows] = offset + part @ coefficients
        return result
