"""How far the slope of an effect may be trusted beyond the range: asked of the ends of the training rows themselves.

The rows beyond an inner quantile of a column are set aside, the main effects are fitted again to the others, and the
rows set aside are predicted with the effect of the column held constant from there on, and with the line that its slope
makes. Where the line is nearer for every quantile that is tried, the effect goes on beyond the range with the share of
its slope that was best; everywhere else it stays constant. The two ends of a column are judged apart. A fit without
some rows costs little: what they add to the normal equations is taken out of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
# A line of which so much is kept is kept as it is: what is missing is no more than the judgement is sure of.
_WHOLE = 0.75
_FEWEST_ROWS = 10
_FEWEST_VALUES = 5
_ROWS = 5000
# Multiplications that all columns together may cost; those with the largest effects come first.
_WORK = 5e10
_RIDGE = 1e-12
_SWITCHED_OFF = 1e12


@dataclass(frozen=True, eq=False)
class _Output:
    """The least-squares problem of one raw score.

    Parameters
    ----------
    weight, response : ndarray of shape (n_rows,)
        Working weights and response.
    matrix : ndarray of shape (n_functions, n_functions)
        Of the normal equations for all rows, penalties included.
    right : ndarray of shape (n_functions,)
        Their right side.
    """

    weight: FloatArray
    response: FloatArray
    matrix: FloatArray
    right: FloatArray

    def without(self, functions: FloatArray, rows: NDArray[np.intp]) -> FloatArray:
        """The coefficients of a fit to the other rows."""
        part = functions[rows]
        weighted = part * self.weight[rows, None]
        matrix, right = self.matrix - weighted.T @ part, self.right - weighted.T @ self.response[rows]
        return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Column:
    """A column on some rows.

    Parameters
    ----------
    x : ndarray of shape (n_rows,)
        Its values.
    own : ndarray of shape (n_own,)
        Its functions among those of all columns.
    at : callable
        Its functions for other values, shape (n_values, n_own).
    """

    x: FloatArray
    own: NDArray[np.intp]
    at: Callable[[FloatArray], FloatArray]


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
    rows = np.arange(0, data.n_rows, max(1, data.n_rows // _ROWS))
    penalties = np.stack([one.penalties[design.blocks()] for one in fit.fits], axis=1)
    used = np.flatnonzero(np.isfinite(penalties).any(axis=1))
    columns = _columns(design, fit, rows, used, beyond)
    if not columns:
        return {}
    part = Design(design.features, (), [column[rows] for column in data.columns])
    functions = np.hstack([np.ones((len(rows), 1)), np.vstack([chunk[:, used] for _, chunk in part.chunks()])])
    outputs = _outputs(functions, penalties[used], fit.raw[rows], data.rows(rows), family)
    p, tries = functions.shape[1], 2 * len(_INNER)
    work = len(outputs) * (2.0 * len(rows) * p**2 + tries * p**3 / 3.0)
    found: dict[int, tuple[float, float]] = {}
    for position, column in columns[: int(_WORK / work)]:
        if expired():
            break
        found[position] = (_kept(column, -1.0, functions, outputs), _kept(column, 1.0, functions, outputs))
    return found


def _columns(
    design: Design, fit: LinearFit, rows: NDArray[np.intp], used: NDArray[np.intp], beyond: Mapping[int, str]
) -> list[tuple[int, _Column]]:
    """The numeric columns that are to be judged and have an effect, largest effects first."""
    found: list[tuple[float, int, _Column]] = []
    for feature, part in zip(design.features, design.slices(), strict=False):
        own = used[(used >= part.start) & (used < part.stop)]
        if not isinstance(feature.basis, NumericBasis) or beyond[feature.column] != "auto" or len(own) == 0:
            continue
        at = _functions_of(feature, own - part.start)
        x = design.columns[feature.column][rows]
        size = float(np.sum(np.var(at(x) @ fit.coefficients[own], axis=0)))
        # The first of all functions is the constant.
        found.append((size, feature.column, _Column(x, 1 + np.searchsorted(used, own), at)))
    found.sort(key=lambda item: -item[0])
    return [(position, column) for _, position, column in found]


def _functions_of(feature: Feature, own: NDArray[np.intp]) -> Callable[[FloatArray], FloatArray]:
    def at(x: FloatArray) -> FloatArray:
        smooth: FloatArray = feature.main.of(feature.basis.values(x)) / np.sqrt(feature.main.roughness)
        return smooth[:, own]

    return at


def _outputs(
    functions: FloatArray, penalties: FloatArray, raw: FloatArray, data: TableData, family: Family
) -> list[_Output]:
    working, response = family.working(data.y, raw)
    found = []
    for k in range(raw.shape[1]):
        weight = working[:, k] * data.weight
        weighted = functions * weight[:, None]
        matrix = weighted.T @ functions
        # A penalty of one class may be infinite where that of another is not.
        penalty = np.where(np.isfinite(penalties[:, k]), penalties[:, k], _SWITCHED_OFF)
        ridge = _RIDGE * float(np.trace(matrix))
        matrix[np.diag_indices_from(matrix)] += np.concatenate([[ridge], penalty + ridge])
        found.append(_Output(weight, response[:, k], matrix, weighted.T @ response[:, k]))
    return found


def _kept(column: _Column, side: float, functions: FloatArray, outputs: list[_Output]) -> float:
    """The share of the slope at one end (below: -1, above: 1) that predicts the rows set aside best, 0 if none does."""
    known = np.flatnonzero(np.isfinite(column.x))
    values = np.sort(side * column.x[known])
    found = []
    for cut in np.unique(np.quantile(values, _INNER, method="lower")) if len(values) else ():
        outer = known[side * column.x[known] > cut]
        inner = column.x[known[side * column.x[known] <= cut]]
        if len(outer) >= _FEWEST_ROWS and len(np.unique(inner)) >= _FEWEST_VALUES:
            ends = side * float(cut), side * float(values[0])
            found.append(_judged(column, functions, outputs, outer, *ends))
    if len(found) < _FEWEST_QUANTILES:
        return 0.0
    agreement, power = np.array(found).T
    if not (np.isfinite(agreement + power).all() and (power > 0.0).all()):
        return 0.0
    share = float(agreement.sum() / power.sum())
    share = 1.0 if share > _WHOLE else share
    # The line times this share has to be nearer than the constant for each quantile.
    return share if share > 0.0 and (2.0 * agreement > share * power).all() else 0.0


def _judged(
    column: _Column, functions: FloatArray, outputs: list[_Output], outer: NDArray[np.intp], cut: float, far: float
) -> tuple[float, float]:
    """Sums over the outer rows: line times what the constant leaves, and line squared, summed over outputs."""
    agreement, power = 0.0, 0.0
    held = functions[outer]
    ends = column.at(np.array([cut, cut - EDGE * (cut - far)]))
    held[:, column.own] = ends[0]
    for output in outputs:
        coefficients = output.without(functions, outer)
        last, before = ends @ coefficients[column.own]
        weight = output.weight[outer]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            line = (last - before) / EDGE * ((column.x[outer] - cut) / (cut - far))
            agreement += float(weight @ (line * (output.response[outer] - held @ coefficients)))
            power += float(weight @ line**2)
    return agreement, power
