"""Rational functions of one column: what main effects and, multiplied, pair effects are made of.

A numeric column is scaled to ``z`` and gets a line and, at each of K knots, two Padé units of degree (1, 2) with
denominator ``1 + q(z)**2``, ``q(z) = (z - knot) / width``: the bump ``1 / (1 + q**2)`` and the step-like ``q / (1 +
q**2)``. Every sum of them is one rational function of degree up to (2K + 1, 2K) whose denominator is a product of
sums of squares and has no real zero. A categorical column gets one function per level. Where a column is missing its
functions are zero and a function of its own is one.

NOTE[DIFF] The Rational ANOVA paper (arXiv 2602.04006, section 3) trains one unit of degree (3, 2) per column,
denominator ``1 + softplus(q)``. Several units with fixed denominators make the fit linear: it is solved, not
descended, and the denominators are rational, so that the formula that is exported is the model itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

_GRID = 64
# A unit is not narrower than this share of the range, of which far outliers are no part.
_NARROWEST = 2e-3
_LONGEST_SPAN = 20.0
# The scale of a column is at least this share of its range: powers of z stay far from overflow.
_SMALLEST_SCALE = 1e-12


@dataclass(frozen=True, eq=False)
class NumericBasis:
    """Line and Padé units of one numeric column.

    Parameters
    ----------
    center, scale : float
        ``z = (x - center) / scale``; ``scale`` is positive.
    knots, widths : ndarray of shape (K,)
        Of the units, in ``z``; widths are positive.
    n_coarse : int
        The first so many units are wide ones, which pair effects are made of.
    low, high : float
        Smallest and largest value among the training rows.
    missing : bool
        Whether there is a function for missing values; it is the last one.
    """

    center: float
    scale: float
    knots: FloatArray
    widths: FloatArray
    n_coarse: int
    low: float
    high: float
    missing: bool = False

    @property
    def size(self) -> int:
        """Number of functions."""
        return 1 + 2 * len(self.knots) + self.missing

    @property
    def coarse(self) -> NDArray[np.intp]:
        """Positions of the functions that pair effects are made of."""
        k = len(self.knots)
        units = np.arange(1, 1 + self.n_coarse)
        last = [self.size - 1] if self.missing else []
        return np.concatenate([[0], units, units + k, last]).astype(np.intp)

    @property
    def n_numbers(self) -> int:
        """Numbers that have to be stored to write the functions down."""
        return 2 + 2 * len(self.knots)

    def grid(self, x: FloatArray, count: int) -> FloatArray:
        """Values of a column, ascending and different: `count` quantiles of its rows, `count` evenly over the range."""
        known = x[np.isfinite(x)]
        quantiles = np.quantile(known, np.linspace(0.0, 1.0, count))
        return np.unique(np.concatenate([quantiles, np.linspace(self.low, self.high, count)]))

    def values(self, x: FloatArray) -> FloatArray:
        """All functions, shape (n_rows, size)."""
        return self.rows(x).T

    def line(self, x: FloatArray) -> FloatArray:
        """The first function alone, shape (n_rows,)."""
        z: FloatArray = (x - self.center) / self.scale
        known = np.isfinite(x)
        return z if known.all() else np.where(known, z, 0.0)

    def coarse_rows(self, x: FloatArray) -> FloatArray:
        """The functions that pair effects are made of, shape (n_coarse_functions, n_rows)."""
        c = self.n_coarse
        return replace(self, knots=self.knots[:c], widths=self.widths[:c]).rows(x)

    def rows(self, x: FloatArray) -> FloatArray:
        """All functions, shape (size, n_rows): each of them in one piece of memory, which is what speed needs."""
        known = np.isfinite(x)
        everything = bool(known.all())
        k = len(self.knots)
        result = np.empty((self.size, len(x)))
        z = result[0]
        np.subtract(x, self.center, out=z)
        z /= self.scale
        if not everything:
            z[~known] = 0.0
        unit, step = result[1 : 1 + k], result[1 + k : 1 + 2 * k]
        np.subtract(z, self.knots[:, None], out=step)
        step *= (1.0 / self.widths)[:, None]
        np.multiply(step, step, out=unit)
        unit += 1.0
        np.divide(1.0, unit, out=unit)
        step *= unit
        if not everything:
            result[:, ~known] = 0.0
        if self.missing:
            result[-1] = ~known
        return result


@dataclass(frozen=True, eq=False)
class LevelBasis:
    """One function per level of a categorical column, which is one there and zero elsewhere; unknown levels have none.

    Parameters
    ----------
    n_levels : int
        Codes run from 0 to ``n_levels - 1``; -1 stands for an unknown level, NaN for a missing one.
    missing : bool
        Whether there is a function for missing values; it is the last one.
    """

    n_levels: int
    missing: bool = False

    @property
    def size(self) -> int:
        """Number of functions."""
        return self.n_levels + self.missing

    @property
    def coarse(self) -> NDArray[np.intp]:
        """Positions of the functions that pair effects are made of."""
        return np.arange(self.size)

    @property
    def n_numbers(self) -> int:
        """Numbers that have to be stored to write the functions down."""
        return 0

    def values(self, x: FloatArray) -> FloatArray:
        """All functions, shape (n_rows, size)."""
        return self.rows(x).T

    def coarse_rows(self, x: FloatArray) -> FloatArray:
        """The functions that pair effects are made of, shape (size, n_rows)."""
        return self.rows(x)

    def rows(self, x: FloatArray) -> FloatArray:
        """All functions, shape (size, n_rows)."""
        known = np.isfinite(x)
        code = np.where(known, x, -1.0)
        result = np.zeros((self.size, len(x)))
        result[: self.n_levels] = code == np.arange(self.n_levels)[:, None]
        if self.missing:
            result[-1] = ~known
        return result


Basis: TypeAlias = NumericBasis | LevelBasis


def numeric_basis(x: FloatArray, n_coarse: int, n_fine: int) -> NumericBasis:
    """Knots between the quantiles of a column, so that units are where the rows are.

    Parameters
    ----------
    x : ndarray of shape (n_rows,)
        Values; NaN where missing. At least two different ones.
    n_coarse, n_fine : int
        Largest numbers of wide and of narrow units; columns with few different values get fewer.
    """
    known = x[np.isfinite(x)]
    distinct = np.unique(known)
    center, scale = _center_and_scale(known, distinct)
    z, span = (known - center) / scale, (distinct - center) / scale
    knots, widths = [], []
    # A straight line and one unit less than values are all that the values can tell.
    most = max(0, (len(distinct) - 1) // 2)
    for wanted in (n_coarse, n_fine):
        placed = _knots(z, span, min(wanted, most))
        knots.append(placed)
        widths.append(_widths(placed, float(span[-1] - span[0])))
    return NumericBasis(
        center,
        scale,
        np.concatenate(knots),
        np.concatenate(widths),
        len(knots[0]),
        float(distinct[0]),
        float(distinct[-1]),
        bool(len(known) < len(x)),
    )


def _center_and_scale(known: FloatArray, distinct: FloatArray) -> tuple[float, float]:
    """Median and half of the distance between the 5 % quantiles, or of the range where that is zero."""
    low, middle, high = np.quantile(known, [0.05, 0.5, 0.95])
    half_range = float(distinct[-1] / 2 - distinct[0] / 2)
    spread = float(high / 2 - low / 2) or half_range
    # Halves of the smallest numbers may be zero.
    return float(middle), max(spread, _SMALLEST_SCALE * half_range) or 5e-324


def _knots(z: FloatArray, distinct: FloatArray, count: int) -> FloatArray:
    """Half way between the quantiles of the rows and those of the distinct values.

    Neither zeros that fill half of a column nor a long tail get all the knots.
    """
    positions = (np.arange(count) + 0.5) / max(count, 1)
    placed: FloatArray = np.unique(0.5 * (np.quantile(z, positions) + np.quantile(distinct, positions)))
    return placed


def _widths(knots: FloatArray, span: float) -> FloatArray:
    """Distance to the neighbours, on average; what is too narrow is widened."""
    if len(knots) < 2:
        return np.full(len(knots), max(span / 2, 1e-12))
    gaps = np.diff(knots)
    spacing = 0.5 * (np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]]))
    return np.maximum(spacing, _NARROWEST * min(span, _LONGEST_SPAN))


# --------------------------------------------------------------------------------------------- smooth functions first

# Share of the even distribution over the range in what counts as the size of a function.
_EVERYWHERE = 0.05
_SMALLEST_ROUGHNESS = 1e-3


@dataclass(frozen=True, eq=False)
class SmoothFunctions:
    """Combinations of the functions of a basis, about uncorrelated on the training rows, from smooth to rough.

    The combinations of Demmler and Reinsch 1975 (doi:10.1007/BF01437407): the penalty on roughness is diagonal.

    Parameters
    ----------
    index : ndarray of shape (n_used,)
        The functions of the basis that are combined.
    mean : ndarray of shape (n_used,)
        Mean of each over the training rows.
    weights : ndarray of shape (n_used, n_functions)
        ``functions(x) = (basis(x)[:, index] - mean) @ weights``.
    roughness : ndarray of shape (n_functions,)
        Penalty of each, ascending; that of the second smoothest is 1.
    """

    index: NDArray[np.intp]
    mean: FloatArray
    weights: FloatArray
    roughness: FloatArray

    def __len__(self) -> int:
        return len(self.roughness)

    def of(self, values: FloatArray) -> FloatArray:
        """The smooth functions from the values of the basis, shape (n_rows, len(self))."""
        result: FloatArray = (values[:, self.index] - self.mean) @ self.weights
        return result

    def truncated(self, most: int) -> SmoothFunctions:
        """The smoothest so many of them."""
        return SmoothFunctions(self.index, self.mean, self.weights[:, :most], self.roughness[:most])


def smooth_functions(
    basis: Basis, x: FloatArray, weight: FloatArray | None = None, *, coarse: bool = False
) -> SmoothFunctions:
    """The smooth functions of a basis on these rows.

    Parameters
    ----------
    basis : Basis
        Its functions.
    x : ndarray of shape (n_rows,)
        The column on the training rows.
    weight : ndarray of shape (n_rows,), optional
        Weights of the rows.
    coarse : bool
        Of the functions for pair effects only.
    """
    index = basis.coarse if coarse else np.arange(basis.size)
    values = basis.values(x)[:, index]
    share = np.full(len(x), 1.0 / len(x)) if weight is None else weight / weight.sum()
    mean = share @ values
    centred = values - mean
    gram = centred.T @ (centred * share[:, None])
    gram = (1.0 - _EVERYWHERE) * gram + _EVERYWHERE * _even_gram(basis, index, mean)
    # Each function by its own size first: the line reaches far where a column has outliers.
    own = 1.0 / np.sqrt(np.maximum(np.diag(gram), 1e-300))
    size, directions = np.linalg.eigh(gram * np.outer(own, own))
    kept = size > 1e-9 * max(size[-1], 1e-300)
    white = own[:, None] * directions[:, kept] / np.sqrt(size[kept])
    penalty, rotation = np.linalg.eigh(white.T @ _roughness(basis, index, x) @ white)
    return SmoothFunctions(index, mean, white @ rotation, _normalised(penalty))


def _even_gram(basis: Basis, index: Sequence[int] | NDArray[np.intp], mean: FloatArray) -> FloatArray:
    """Mean products of the functions over the range: what is small on the rows may be large in gaps between them."""
    if isinstance(basis, LevelBasis):
        return np.eye(len(index)) / max(len(index), 1)
    centred = basis.values(np.linspace(basis.low, basis.high, _GRID))[:, index] - mean
    return centred.T @ centred / _GRID


def _roughness(basis: Basis, index: NDArray[np.intp], x: FloatArray) -> FloatArray:
    """Integrated squared second derivative of each combination; levels have none and are shrunk alike."""
    if isinstance(basis, LevelBasis):
        return np.eye(len(index))
    known = np.sort(x[np.isfinite(x)])
    grid = basis.grid(known, _GRID)
    penalty = np.diag((index == basis.size - 1).astype(float)) if basis.missing else np.zeros((len(index),) * 2)
    if len(grid) < 3:
        return penalty
    # Along a mean of value and rank: a curve may bend more where there are more rows.
    half = basis.high / 2 - basis.low / 2
    # Halves of the smallest numbers may be zero.
    along = (grid / 2 - basis.low / 2) / half if half > 0.0 else np.linspace(0.0, 1.0, len(grid))
    position = 0.5 * along + 0.5 * np.searchsorted(known, grid) / len(known)
    step = np.maximum(np.diff(position), 1e-6)
    slope = np.diff(basis.values(grid)[:, index], axis=0) / step[:, None]
    width = 0.5 * (step[1:] + step[:-1])
    bend = np.diff(slope, axis=0) / width[:, None]
    return penalty + bend.T @ (bend * width[:, None])


def _normalised(penalty: FloatArray) -> FloatArray:
    """Penalties relative to that of the second smoothest function; the smoothest may be free of any."""
    penalty = np.maximum(penalty, 0.0)
    if len(penalty) < 2:
        return np.ones_like(penalty)
    unit = penalty[1] if penalty[1] > 0 else max(penalty[-1], 1e-300)
    return np.maximum(penalty / unit, _SMALLEST_ROUGHNESS)
