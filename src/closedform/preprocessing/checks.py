"""What a fit needs of its data: a table, a target, weights, and what is odd about them.

What makes a fit impossible is an InputError before any work starts.  What is only odd (a constant column, a constant
target, a thousand columns, values near the limits of float64) is a DataWarning, and the fit goes on.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import DataWarning, InputError
from closedform.preprocessing.containers import is_pandas, narwhals_values, refuse_sparse, series_values
from closedform.preprocessing.kinds import complex_error, to_float
from closedform.preprocessing.table import Table, check_X
from closedform.preprocessing.wording import quoted, rows_text, shown

WIDE = 500
"""From this number of columns on a table is called wide."""

LARGEST, SMALLEST = 1e100, 1e-100
"""Magnitudes outside these are told to the user: their squares leave float64."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Checked data of a fit.

    Attributes
    ----------
    table : Table
        All columns as they were passed: what `feature_names_in_` and `n_features_in_` are about.
    y : ndarray of shape (n_rows,), float64
    sample_weight : ndarray of shape (n_rows,) or None
    target_name : str
        Name of the target, ``"y"`` where it has none.
    dropped_constant : tuple of str
        Columns with one single value, which cannot help a formula.
    constant_target : bool
        True where y has one single value: the formula is that constant.
    noise : float or None
        Standard deviation of the error of y in a row of weight 1, where measurement errors are given.
    """

    table: Table
    y: NDArray[np.float64]
    sample_weight: NDArray[np.float64] | None
    target_name: str
    dropped_constant: tuple[str, ...]
    constant_target: bool
    noise: float | None = None

    @property
    def varying(self) -> Table:
        """The columns that are not constant: what a search should look at (it may have no column at all)."""
        left_out = set(self.dropped_constant)
        return self.table.select([name for name in self.table.names if name not in left_out])

    @property
    def constant_values(self) -> dict[str, float]:
        """The columns that are constant, with their value."""
        return {name: float(self.table.columns[name][0]) for name in self.dropped_constant}


def check_X_y(
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    allow_nan: bool = False,
    minimum_rows: int = 2,
    estimator: str = "the model",
) -> TrainingData:
    """Check everything `fit` is given.

    Parameters
    ----------
    X : array or any frame; see `check_X`
    y : array-like of shape (n_rows,)
        Finite numbers.  A single column of shape (n_rows, 1) is taken with a warning.
    sample_weight : array-like of shape (n_rows,), optional
        Finite weights >= 0, not all zero.
    allow_nan : bool, default=False
        Let missing values in X through.  The target must always be complete.
    minimum_rows : int, default=2
        Fewest rows a fit makes sense with.
    estimator : str
        Name of the caller, for messages.

    Returns
    -------
    TrainingData

    Raises
    ------
    InputError
        For data no fit is possible with.

    Warns
    -----
    DataWarning
        Constant columns or target, more than `WIDE` columns, magnitudes beyond 1e100 or below 1e-100.
    """
    refuse_no_target(y, estimator)
    table = check_X(X, allow_nan=allow_nan, minimum_rows=minimum_rows, estimator=estimator)
    name = target_name(y)
    target = check_y(y, name=name)
    if len(target) != table.n_rows:
        raise InputError(
            f"Found input variables with inconsistent numbers of samples: [{table.n_rows}, {len(target)}]: "
            "X and y must have the same number of rows."
        )
    data = TrainingData(
        table=table,
        y=target,
        sample_weight=check_sample_weight(sample_weight, table.n_rows),
        target_name=name,
        dropped_constant=constant_columns(table),
        constant_target=bool(np.all(target == target[0])),
    )
    _warn_of_oddities(data)
    return data


def refuse_no_target(y: Any, estimator: str) -> None:
    """Raise InputError where there is no target at all."""
    if y is None:
        raise InputError(f"{estimator} requires y to be passed, but the target y is None.")


def target_name(y: Any) -> str:
    """Name of a pandas, polars or one-column target, else ``y``."""
    name = getattr(y, "name", None)
    columns = getattr(y, "columns", None)
    if name is None and columns is not None and len(columns) == 1:
        name = columns[0]
    return name if isinstance(name, str) and name else "y"


def check_y(y: Any, *, name: str = "y", advice: str = "a regression target must be numbers.") -> NDArray[np.float64]:
    """Check a target and return it as float64.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
    name : str, default="y"
        Its name, for messages.
    advice : str
        What to say about a target of words.

    Raises
    ------
    InputError
        Not one-dimensional, empty, text, complex, NaN or infinite, with the first rows concerned.
    """
    refuse_sparse(y)
    label = f"target '{name}'"
    values = one_target(target_values(y), label)
    if len(values) == 0:
        raise InputError(f"Found array with 0 sample(s) (shape={values.shape}): {label} is empty.")
    target = np.ascontiguousarray(to_float(label, values, advice=advice))
    for bad, what in ((np.isnan(target), "NaN"), (np.isinf(target), "infinity or a value too large for float64")):
        if bad.any():
            raise InputError(
                f"Input y contains {what}: {label} has no finite value in {rows_text(np.flatnonzero(bad))}; "
                "remove these rows."
            )
    return target


def target_values(y: Any) -> NDArray:
    """The raw values of a target of any kind."""
    if is_pandas(y):
        if y.ndim == 1:
            return series_values(y)
        return np.column_stack([series_values(y.iloc[:, j]) for j in range(y.shape[1])])
    if isinstance(y, list | tuple | np.ndarray):
        return _list_values(y)
    if hasattr(y, "dtype") and hasattr(y, "to_list"):
        import narwhals as nw

        return narwhals_values(nw.from_native(y, series_only=True))
    return _list_values(y)


def _list_values(y: Any) -> NDArray:
    try:
        values = np.asarray(y)
    except ValueError as error:
        raise InputError(f"y should be a 1d array, but its rows differ in length: {error}") from error
    if values.dtype.kind in "US" and not isinstance(y, np.ndarray):
        # A list of numbers and text: keep the cells apart, so that the message can name the bad ones.
        return np.array(y, dtype=object)
    return values


def one_target(values: NDArray, label: str) -> NDArray:
    """One dimension of target values; a single column is taken with scikit-learn's warning, five frames up."""
    if values.dtype.kind == "c":
        raise complex_error(label)
    if values.ndim == 2 and values.shape[1] == 1:
        from sklearn.exceptions import DataConversionWarning

        # The class and the words that scikit-learn's own checks look for.
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
            "(n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=5,
        )
        return values[:, 0]
    if values.ndim == 0:
        raise InputError(f"y should be a 1d array, got {shown(values[()])} instead.")
    if values.ndim != 1:
        raise InputError(f"y should be a 1d array, got an array of shape {values.shape} instead: pass one target.")
    return values


def check_sample_weight(sample_weight: Any, n_rows: int) -> NDArray[np.float64] | None:
    """Check weights: None, or one finite weight >= 0 per row, not all zero.  A single number means equal weights."""
    if sample_weight is None:
        return None
    values = series_values(sample_weight) if is_pandas(sample_weight) else np.asarray(sample_weight)
    if values.ndim == 0:
        values = np.full(n_rows, values)
    if values.shape != (n_rows,):
        raise InputError(
            f"Sample weights must be 1D array or scalar with one weight per row: expected shape ({n_rows},), "
            f"got {values.shape}."
        )
    weight = np.ascontiguousarray(to_float("sample_weight", values))
    bad = ~np.isfinite(weight) | (weight < 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"Sample weights must be finite and not negative (no NaN, no inf): {rows_text(np.flatnonzero(bad))}, "
            f"the first is {float(weight[row])!r}."
        )
    if not weight.any():
        raise InputError("Sample weights must contain at least one non-zero number.")
    return weight


def constant_columns(table: Table) -> tuple[str, ...]:
    """Names of the columns with at most one different value (NaN not counted as a value)."""
    if table.n_rows == 0:
        return table.names
    # fmin and fmax skip NaN; a column of nothing but NaN stays NaN and counts as constant.
    lowest, highest = np.fmin.reduce(table.values, axis=0), np.fmax.reduce(table.values, axis=0)
    return tuple(name for name, lo, hi in zip(table.names, lowest, highest, strict=True) if not lo < hi)


def extreme_columns(names: Sequence[str], largest: NDArray[np.float64]) -> tuple[str, ...]:
    """Names of the columns whose greatest magnitude lies outside `SMALLEST` to `LARGEST` (zero is not extreme)."""
    odd = (largest > LARGEST) | ((largest < SMALLEST) & (largest > 0))
    return tuple(name for name, is_odd in zip(names, odd, strict=True) if is_odd)


def largest_magnitudes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Greatest magnitude of each column, without a copy of the table; NaN only where a column is all NaN."""
    return np.maximum(np.abs(np.fmin.reduce(values, axis=0)), np.abs(np.fmax.reduce(values, axis=0)))


def _warn_of_oddities(data: TrainingData) -> None:
    table = data.table
    if data.dropped_constant:
        _warn(constant_sentence(data.dropped_constant))
    if data.constant_target:
        _warn(f"target '{data.target_name}' is {float(data.y[0])!r} in every row: the formula is this constant.")
    if table.n_columns >= WIDE:
        _warn(
            f"the table has {table.n_columns} columns: the search goes through all of them, which takes time and finds "
            "chance relations; keep the columns that can matter."
        )
    values = np.append(largest_magnitudes(table.values), np.abs(data.y).max())
    extreme = extreme_columns((*table.names, data.target_name), values)
    if extreme:
        _warn(
            f"magnitudes beyond 1e100 or below 1e-100 in {quoted(extreme)}: the search scales them by a power of ten; "
            "consider other units."
        )


def constant_sentence(names: Sequence[str]) -> str:
    """Say that these columns are left out because they are constant."""
    if len(names) == 1:
        return f"column {quoted(names)} has the same value in every row and is left out."
    return f"columns {quoted(names)} have the same value in every row and are left out."


def _warn(message: str) -> None:
    # Four frames up: this function, _warn_of_oddities, check_X_y, fit; the warning points at the caller of fit.
    warnings.warn(message, DataWarning, stacklevel=5)
