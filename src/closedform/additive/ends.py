"""How far the slope of an effect may be trusted beyond the range: asked of the ends of the training rows themselves.

The rows beyond an inner quantile of a column are set aside, its effect is fitted again to the others, and the rows set
aside are predicted with the effect held constant from there on, and with the line that its slope makes. Where the line
is nearer for every quantile that is tried, the effect goes on beyond the range with the share of its slope that was
best; everywhere else it stays constant. The two ends of a column are judged apart. The other effects stay as they were
fitted to all rows, so that a column costs one small least-squares problem for each quantile and end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.basis import NumericBasis
from closedform.additive.design import Design, Feature
from closedform.additive.families import Family
from closedform.additive.fit import LinearFit
from closedform.additive.table_data import TableData
from closedform.additive.terms import EDGE

FloatArray: TypeAlias = NDArray[np.float64]

# Shares of the rows that are kept; the rest is predicted. One of them alone may be luck.
_INNER = (0.8, 0.7, 0.6, 0.5)
_FEWEST_QUANTILES = 2
_FEWEST_ROWS = 10
_FEWEST_VALUES = 5
_ROWS = 5000
_RIDGE = 1e-12


@dataclass(frozen=True, eq=False)
class _Column:
    """A column, its functions on some rows, and what the other effects leave for it.

    Parameters
    ----------
    x : ndarray of shape (n_rows,)
        The column.
    functions : ndarray of shape (n_rows, n_functions)
        Columns of the design that are in use.
    at : callable
        The same for other values of the column.
    penalty : ndarray of shape (n_functions, n_outputs)
        Of their coefficients.
    left, weight : ndarray of shape (n_rows, n_outputs)
        Working response less the other effects, and working weights.
    """

    x: FloatArray
    functions: FloatArray
    at: Callable[[FloatArray], FloatArray]
    penalty: FloatArray
    left: FloatArray
    weight: FloatArray


def kept_slopes(
    design: Design,
    fit: LinearFit,
    data: TableData,
    family: Family,
    beyond: Mapping[int, str],
    expired: Callable[[], bool],
) -> dict[int, tuple[float, float]]:
    """Shares of the slopes at the lower and the upper end of each numeric column that lines should go on with.

    Parameters
    ----------
    design : Design
        Of main effects alone.
    fit : LinearFit
        Its coefficients and penalties.
    data : TableData
        The training rows; some of them where there are many.
    family : Family
        The loss.
    beyond : mapping of int to str
        Policy of each column of the table; only "auto" is judged.
    expired : callable
        Asked before each column; columns that are not reached stay constant.
    """
    found: dict[int, tuple[float, float]] = {}
    for feature, column in _columns(design, fit, data, family, beyond):
        if expired():
            break
        found[feature.column] = (_kept(column, -1.0), _kept(column, 1.0))
    return found


def _columns(
    design: Design, fit: LinearFit, data: TableData, family: Family, beyond: Mapping[int, str]
) -> Iterator[tuple[Feature, _Column]]:
    """The numeric columns that are to be judged and have an effect."""
    step = max(1, data.n_rows // _ROWS)
    raw = fit.raw[::step]
    working, response = family.working(data.y[::step], raw)
    weight = working * data.weight[::step, None]
    block = design.blocks()
    penalties = np.stack([one.penalties[block] for one in fit.fits], axis=1)
    for feature, part in zip(design.features, design.slices(), strict=False):
        basis = feature.basis
        if not isinstance(basis, NumericBasis) or beyond[feature.column] != "auto":
            continue
        used = np.flatnonzero(np.isfinite(penalties[part]).any(axis=1))
        if len(used) == 0:
            continue

        def at(x: FloatArray, feature: Feature = feature, used: NDArray[np.intp] = used) -> FloatArray:
            smooth: FloatArray = feature.main.of(feature.basis.values(x)) / np.sqrt(feature.main.roughness)
            return smooth[:, used]

        x = data.columns[feature.column][::step]
        functions = at(x)
        own = functions @ fit.coefficients[part][used]
        # A penalty of one class may be infinite where that of another is not.
        penalty = np.where(np.isfinite(penalties[part][used]), penalties[part][used], 1e12)
        yield feature, _Column(x, functions, at, penalty, response - raw + own, weight)


def _kept(column: _Column, side: float) -> float:
    """The share of the slope at one end (below: -1, above: 1) that predicts the rows set aside best, 0 if none does."""
    known = np.flatnonzero(np.isfinite(column.x))
    values = np.sort(side * column.x[known])
    found = []
    for cut in np.unique(np.quantile(values, _INNER, method="lower")) if len(values) else ():
        outer = known[side * column.x[known] > cut]
        inner = known[side * column.x[known] <= cut]
        if len(outer) >= _FEWEST_ROWS and len(np.unique(column.x[inner])) >= _FEWEST_VALUES:
            found.append(_judged(column, inner, outer, side * float(cut), side * float(values[0])))
    if len(found) < _FEWEST_QUANTILES:
        return 0.0
    agreement, power = np.array(found).T
    if not (np.isfinite(agreement + power).all() and (power > 0.0).all()):
        return 0.0
    share = min(1.0, float(agreement.sum() / power.sum()))
    # The line times this share has to be nearer than the constant for each quantile.
    return share if share > 0.0 and (2.0 * agreement > share * power).all() else 0.0


def _judged(
    column: _Column, inner: NDArray[np.intp], outer: NDArray[np.intp], cut: float, far: float
) -> tuple[float, float]:
    """Sums over the outer rows: line times what the constant leaves, and line squared, summed over outputs."""
    with_line, of_line = 0.0, 0.0
    ends = column.at(np.array([cut, cut - EDGE * (cut - far)]))
    for k in range(column.left.shape[1]):
        weight, left = column.weight[:, k], column.left[:, k]
        mean = float(np.average(left[inner], weights=weight[inner]))
        functions = column.functions[inner]
        weighted = functions * weight[inner, None]
        matrix = weighted.T @ functions + np.diag(column.penalty[:, k])
        matrix += _RIDGE * float(np.trace(matrix)) * np.eye(len(matrix))
        coefficients = np.linalg.solve(matrix, weighted.T @ (left[inner] - mean))
        last, before = ends @ coefficients
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            line = (last - before) / EDGE * ((column.x[outer] - cut) / (cut - far))
            rest = left[outer] - mean - last
            with_line += float(weight[outer] @ (line * rest))
            of_line += float(weight[outer] @ line**2)
    return with_line, of_line
