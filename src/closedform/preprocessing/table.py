"""The door for X: one checked table of names and numbers, and the same columns again at prediction time."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import DataWarning, InputError, did_you_mean
from closedform.preprocessing.containers import read_container
from closedform.preprocessing.wording import quoted, rows_text

_BLOCK = 65536


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of numbers.

    Attributes
    ----------
    names : tuple of str
        One name per column, each once.
    values : ndarray of shape (n_rows, n_columns), float64, C-contiguous
        The numbers.  It may be the caller's own array: never write to it.
    named : bool
        False where the names x0, x1, ... were made up for a table that has none.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    named: bool = True

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise InputError(f"Expected one name per column: {len(self.names)} names for shape {self.values.shape}.")

    def __repr__(self) -> str:
        """Names and size, not the numbers."""
        return f"Table({quoted(self.names)}; {self.n_rows} rows x {self.n_columns} columns)"

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.values.shape[0])

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    @property
    def columns(self) -> Mapping[str, NDArray[np.float64]]:
        """Each column by its name, as views."""
        return {name: self.values[:, j] for j, name in enumerate(self.names)}

    def select(self, names: Sequence[str]) -> Table:
        """A table of these columns, in this order; the same object where nothing changes."""
        if tuple(names) == self.names:
            return self
        position = {name: j for j, name in enumerate(self.names)}
        values = np.ascontiguousarray(self.values[:, [position[name] for name in names]])
        return Table(tuple(names), values, self.named)

    def take(self, rows: NDArray[np.intp]) -> Table:
        """A table of these rows, in this order."""
        return Table(self.names, np.ascontiguousarray(self.values[rows]), self.named)


def check_X(
    X: Any,
    *,
    feature_names: Sequence[str] | None = None,
    named: bool = True,
    allow_nan: bool = False,
    minimum_rows: int = 1,
    estimator: str = "the model",
) -> Table:
    """Check a table of inputs and return its numbers.

    Parameters
    ----------
    X : array, list of rows, mapping of columns, pandas / polars / pyarrow or any narwhals-readable frame, or Table
        Columns must hold numbers or booleans; booleans become 0 and 1.
    feature_names : sequence of str, optional
        The columns the model was fitted on.  They are looked up by name, in any order; a table without names is
        taken in the order given.  None while fitting.
    named : bool, default=True
        Whether the table at fit time had names of its own; only used with `feature_names`.
    allow_nan : bool, default=False
        Let missing values through as NaN.  Infinite values are always refused.
    minimum_rows : int, default=1
        Fewest rows accepted.
    estimator : str
        Name of the caller, for messages.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        Not a table, no rows or columns, a column twice, text, NaN or infinity, other columns than at fit time.
    """
    if isinstance(X, Table):
        table = X
    else:
        names, values = read_container(X)
        table = Table(names or tuple(f"x{j}" for j in range(values.shape[1])), values, named=names is not None)
    check_shape((table.n_rows, table.n_columns), minimum_rows, estimator)
    if feature_names is not None:
        table = match_columns(table, feature_names, named=named, estimator=estimator)
    check_finite(table, allow_nan=allow_nan)
    return table


def check_shape(shape: tuple[int, int], minimum_rows: int, estimator: str) -> None:
    """Raise InputError where there are too few rows, or no column."""
    if shape[0] < minimum_rows:
        raise InputError(
            f"Found array with {shape[0]} sample(s) (shape={shape}) while a minimum of {minimum_rows} is required "
            f"by {estimator}: add rows of data."
        )
    if shape[1] == 0:
        raise InputError(
            f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is required. "
            f"Give {estimator} at least one input column."
        )


def match_columns(
    table: Table, feature_names: Sequence[str], *, named: bool = True, estimator: str = "the model"
) -> Table:
    """Bring a table to the columns of fit time, by name where both have names, else by position.

    Raises
    ------
    InputError
        With the difference of the two lists of columns.
    """
    expected = tuple(feature_names)
    if table.named and named:
        if set(table.names) != set(expected):
            raise InputError(_difference(table.names, expected))
        return table.select(expected)
    if table.n_columns != len(expected):
        raise InputError(
            f"X has {table.n_columns} features, but {estimator} is expecting {len(expected)} features as input."
        )
    if named:
        warnings.warn(
            f"X does not have valid feature names, but {estimator} was fitted with feature names",
            DataWarning,
            stacklevel=4,
        )
    elif table.named:
        warnings.warn(
            f"X has feature names, but {estimator} was fitted without feature names", DataWarning, stacklevel=4
        )
    return Table(expected, table.values, named=named)


def _difference(given: Sequence[str], expected: Sequence[str]) -> str:
    """The two lists of columns as a difference, with the likely misspelling."""
    missing = [name for name in expected if name not in set(given)]
    unseen = [name for name in given if name not in set(expected)]
    parts = []
    if missing:
        parts.append(f"missing now: {quoted(missing)}{did_you_mean(missing[0], unseen)}")
    if unseen:
        parts.append(f"unseen at fit time: {quoted(unseen)}")
    return f"The feature names should match those that were passed during fit: {'; '.join(parts)}."


def check_finite(table: Table, *, allow_nan: bool = False) -> None:
    """Raise InputError where a cell is NaN (unless allowed) or infinite, with the column and the first rows."""
    if _all_finite(table.values):
        return
    for infinite in (False, True):
        if not infinite and allow_nan:
            continue
        bad = np.isinf(table.values) if infinite else np.isnan(table.values)
        columns = np.flatnonzero(bad.any(axis=0))
        if len(columns):
            raise InputError(_not_finite(table, bad, columns, infinite))


def _all_finite(values: NDArray[np.float64]) -> bool:
    # Block by block: a mask of the whole table would cost an eighth of it in memory for the usual answer "yes".
    return all(bool(np.isfinite(values[i : i + _BLOCK]).all()) for i in range(0, len(values), _BLOCK))


def _not_finite(table: Table, bad: NDArray[np.bool_], columns: NDArray[np.intp], infinite: bool) -> str:
    rows = np.flatnonzero(bad[:, columns[0]])
    others = len(columns) - 1
    more = f" (and {others} more column{'s' if others > 1 else ''})" if others else ""
    what = "infinity or a value too large for float64" if infinite else "NaN"
    state = "infinite" if infinite else "missing"
    return (
        f"Input X contains {what}: column '{table.names[columns[0]]}' is {state} in {rows_text(rows)}{more}; "
        "fill in or remove these rows."
    )
