"""The values of one column at which effects are shown: numbers, dates, truth values or labels, and a missing cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.basis import LevelBasis
from closedform.additive.terms import ColumnFunctions
from closedform.preprocessing.columns import Column

FloatArray: TypeAlias = NDArray[np.float64]

OTHER = "(other)"
"""Stands for the labels of a column that share no effect: rare ones, and those never seen."""
MISSING = "(missing)"
"""Stands for missing cells in labels."""

_BINS = 40
_DAYS_TO_SECONDS = 86_400


@dataclass(frozen=True, eq=False)
class Axis:
    """Values of one column.

    Parameters
    ----------
    name : str
        Of the column.
    kind : {"numeric", "boolean", "date", "categorical"}
        Of the column.
    unit : {"", "days"}
        ``days`` for lengths of time.
    codes : ndarray of shape (n_points,)
        As the model sees them: numbers ascending, days since 1970-01-01 UTC, 0 and 1, codes of levels (-1: labels
        that share no effect); NaN, the last one, for a missing cell if the model has an effect for it.
    values : ndarray of shape (n_points,)
        As the table has them: float64, datetime64, or objects. Missing: NaN, NaT, None.
    """

    name: str
    kind: str
    unit: str
    codes: FloatArray
    values: NDArray[Any]

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def is_levels(self) -> bool:
        """Whether the values are separate ones: labels, truth values, numbers of which the column has only two."""
        return self.kind in ("boolean", "categorical") or int(self.known.sum()) <= 2

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which of the values are not missing."""
        return np.isfinite(self.codes)

    @property
    def labels(self) -> list[str]:
        """The values as texts."""
        return [
            value_text(code, value, self.kind) for code, value in zip(self.codes.tolist(), self.values, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Density:
    """How many rows of a table have which values.

    Parameters
    ----------
    edges : ndarray of shape (n_bins + 1,), or None
        Of the bins over the training range, in codes of the axis; None where every value of the axis is counted.
    counts : ndarray of shape (n_bins,) or (n_points,)
        Rows.
    n_missing : int
        Rows with a missing cell; counted once more in `counts` where values are.
    n_beyond : int
        Rows beyond the training range.
    """

    edges: FloatArray | None
    counts: NDArray[np.int64]
    n_missing: int
    n_beyond: int


def value_text(code: float, value: Any, kind: str) -> str:
    """One value of a column as a text."""
    if np.isnan(code):
        return MISSING
    if kind == "date":
        day = np.datetime64(value, "D")
        return str(day if day == value else value).replace("T", " ")
    return f"{code:.4g}" if kind == "numeric" else str(value)


def original_values(column: Column, codes: FloatArray) -> NDArray[Any]:
    """Codes of a column as the values that the table has."""
    if column.kind == "numeric":
        return codes
    if column.kind == "date":
        seconds = np.where(np.isfinite(codes), np.round(codes * _DAYS_TO_SECONDS), 0.0).astype("datetime64[s]")
        return np.where(np.isfinite(codes), seconds, np.datetime64("NaT", "s"))
    names: tuple[Any, ...] = (False, True) if column.kind == "boolean" else column.levels
    result = np.full(len(codes), None, dtype=object)
    for k in np.flatnonzero(np.isfinite(codes)):
        result[k] = names[int(codes[k])] if codes[k] >= 0 else OTHER
    return result


def between(low: float, high: float, count: int) -> FloatArray:
    """Evenly spaced numbers; `high` minus `low` need not be a float64."""
    share = np.linspace(0.0, 1.0, count)
    return low * (1.0 - share) + high * share


def axis_of(column: Column, function: ColumnFunctions, resolution: int, extra: FloatArray | None = None) -> Axis:
    """The values at which the effects of a column are shown.

    Parameters
    ----------
    column : Column
        What the fit learned about it.
    function : ColumnFunctions
        Its functions.
    resolution : int
        Number of evenly spaced values over the training range of a numeric column or date.
    extra : ndarray, optional
        More values of such a column; NaN is passed over.
    """
    basis = function.basis
    if isinstance(basis, LevelBasis):
        codes = np.arange(float(basis.n_levels))
        if column.n_rare:
            codes = np.append(codes, -1.0)
    elif not len(basis.knots):
        # A column of two values; there is nothing between them.
        codes = np.unique([basis.low, basis.high])
    else:
        codes = np.unique(between(basis.low, basis.high, resolution))
        if extra is not None:
            codes = np.union1d(codes, extra[np.isfinite(extra)])
    if basis.missing:
        codes = np.append(codes, np.nan)
    return Axis(column.name, column.kind, column.unit, codes, original_values(column, codes))


def density_of(axis: Axis, function: ColumnFunctions, x: FloatArray) -> Density:
    """How the rows of a table lie on an axis.

    Parameters
    ----------
    axis : Axis
        Of the column.
    function : ColumnFunctions
        Its functions.
    x : ndarray of shape (n_rows,)
        The column.
    """
    known = x[np.isfinite(x)]
    n_missing = len(x) - len(known)
    basis = function.basis
    inside = known if isinstance(basis, LevelBasis) else known[(known >= basis.low) & (known <= basis.high)]
    n_beyond = len(known) - len(inside)
    if axis.is_levels or isinstance(basis, LevelBasis):
        counts = np.array([n_missing if np.isnan(code) else np.count_nonzero(inside == code) for code in axis.codes])
        return Density(None, counts.astype(np.int64), n_missing, n_beyond)
    edges = np.unique(between(basis.low, basis.high, _BINS + 1))
    return Density(edges, np.histogram(inside, edges)[0], n_missing, n_beyond)
