"""From whatever holds a table to its column names and its numbers.

Arrays and lists are handled with numpy alone, pandas frames by pandas' own rules for missing values, and every other
kind of frame (polars, pyarrow, modin, lazy frames, ...) through narwhals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError
from closedform.preprocessing.kinds import InputTypeError, complex_error, to_float
from closedform.preprocessing.wording import shown

_RESHAPE = (
    "Reshape your data either using array.reshape(-1, 1) if your data has a single feature "
    "or array.reshape(1, -1) if it contains a single sample."
)


def read_container(X: Any) -> tuple[tuple[str, ...] | None, NDArray[np.float64]]:
    """Return the column names (None where the container has none) and a C-contiguous float64 matrix.

    Raises
    ------
    InputError, InputTypeError
        Not a table of numbers; the message names the column and the first rows concerned.
    """
    refuse_sparse(X)
    if isinstance(X, Mapping):
        return _from_mapping(X)
    if is_pandas(X):
        return _from_pandas(X)
    if _is_other_frame(X):
        return _from_narwhals(X)
    return _from_array(X)


class RawColumn(NamedTuple):
    """One column before anything is made of its cells.

    `values` has shape (n_rows,) and any dtype; instants of time are datetime64 in UTC.  `category` is True where the
    container itself says that the column holds categories, whatever its cells are.  `texts` are the different texts of
    a column that holds nothing else and missing cells, by first appearance, and the position of each cell's text among
    them (-1: missing), where the container has them at hand.
    """

    values: NDArray
    category: bool = False
    texts: tuple[list[str], NDArray[np.intp]] | None = None


@dataclass(frozen=True, eq=False)
class RawColumns:
    """Names and size of a table whose columns are taken out one at a time.

    Attributes
    ----------
    names : tuple of str
        ``x0, x1, ...`` where the container has none; then `named` is False.
    named : bool
    n_rows : int
    read : callable of int
        Gives the column at a position as a `RawColumn`: a view where the container allows it.
    """

    names: tuple[str, ...]
    named: bool
    n_rows: int
    read: Callable[[int], RawColumn]


def raw_columns(X: Any) -> RawColumns:
    """Open any container as a table of columns of any kind; see `read_container` for the numbers alone.

    Raises
    ------
    InputError, InputTypeError
        Not a table of rows and columns, or a name that occurs twice.
    """
    refuse_sparse(X)
    if isinstance(X, Mapping):
        return _raw_mapping(X)
    if is_pandas(X):
        names, positional = _pandas_names(X)
        return RawColumns(_made_up(len(names)) if positional else names, not positional, len(X),
                          lambda j: pandas_column(X.iloc[:, j]))  # fmt: skip
    if _is_other_frame(X):
        frame = _narwhals_frame(X)
        given = list(frame.columns)
        return RawColumns(tuple(str(name) for name in given), True, len(frame),
                          lambda j: narwhals_column(frame[given[j]]))  # fmt: skip
    array = _as_matrix(X)
    if array.dtype.names is not None:
        return _raw_mapping({name: array[name] for name in array.dtype.names})
    return RawColumns(_made_up(array.shape[1]), False, len(array), lambda j: RawColumn(array[:, j]))


def _made_up(n_columns: int) -> tuple[str, ...]:
    return tuple(f"x{j}" for j in range(n_columns))


def _raw_mapping(X: Mapping) -> RawColumns:
    names = tuple(str(name) for name in X)
    refuse_duplicates(names)
    columns = [one_column(name, values) for name, values in zip(names, X.values(), strict=True)]
    n_rows = _common_length(names, [column.values for column in columns])
    return RawColumns(names, True, n_rows, columns.__getitem__)


def refuse_sparse(X: Any) -> None:
    """Raise InputTypeError for scipy's sparse matrices and arrays."""
    if hasattr(X, "tocsr") and hasattr(X, "nnz"):
        raise InputTypeError(
            f"Sparse data was passed ({type(X).__name__} of shape {X.shape}), but dense data is required: "
            "call .toarray() on it."
        )


def is_pandas(X: Any) -> bool:
    """Tell whether X comes from pandas, without loading pandas."""
    return type(X).__module__.partition(".")[0] == "pandas"


def refuse_duplicates(names: Sequence[str], where: str = "the table") -> None:
    """Raise InputError where a name occurs twice, with the positions (1-based) of both columns."""
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if name in seen:
            raise InputError(
                f"{where} has two columns called '{name}' (columns {seen[name]} and {position}): "
                "rename or remove one of them."
            )
        seen[name] = position


def _is_other_frame(X: Any) -> bool:
    if isinstance(X, np.ndarray | list | tuple) or hasattr(X, "__array_interface__"):
        return False
    # Asked of the class: on an instance, polars computes the columns of a lazy frame and warns about it.
    return any(
        hasattr(type(X), name) for name in ("columns", "column_names", "collect_schema", "__narwhals_dataframe__")
    )


def _empty_matrix(n_rows: int, names: tuple[str, ...]) -> NDArray[np.float64]:
    return np.empty((n_rows, len(names)), dtype=np.float64)


def _from_mapping(X: Mapping) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Columns by name, as in ``{"x": [1, 2], "y": [3, 4]}``."""
    names = tuple(str(name) for name in X)
    refuse_duplicates(names)
    columns = [_one_dimensional(name, values) for name, values in zip(names, X.values(), strict=True)]
    matrix = _empty_matrix(_common_length(names, columns), names)
    for j, (name, column) in enumerate(zip(names, columns, strict=True)):
        matrix[:, j] = to_float(f"column '{name}'", column)
    return names, matrix


def _common_length(names: Sequence[str], columns: Sequence[NDArray]) -> int:
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        told = ", ".join(f"'{n}' has {len(c)}" for n, c in list(zip(names, columns, strict=True))[:5])
        raise InputError(f"All columns must have the same number of rows: {told}.")
    return lengths.pop() if lengths else 0


def one_column(name: str, values: Any) -> RawColumn:
    """A single column from a Series of any library, an arrow array, an array or a list."""
    if is_pandas(values) and values.ndim == 1:
        return pandas_column(values)
    if hasattr(values, "dtype") and hasattr(values, "to_list"):
        import narwhals as nw

        return narwhals_column(nw.from_native(values, series_only=True))
    if hasattr(values, "to_pylist"):
        # Of arrow's arrays, only this gives categories and their missing cells right.
        values = values.to_pylist()
    array = _as_array(values)
    if array.dtype.kind in "US" and isinstance(values, list | tuple):
        array = np.array(values, dtype=object)  # numpy would write numbers and missing cells as text, too
    return RawColumn(_refuse_dimensions(name, array))


def _one_dimensional(name: str, values: Any) -> NDArray:
    return _refuse_dimensions(name, series_values(values) if is_pandas(values) else _as_array(values))


def _refuse_dimensions(name: str, column: NDArray) -> NDArray:
    if column.ndim != 1:
        raise InputError(f"column '{name}' must have one dimension, but its shape is {column.shape}.")
    return column


def _from_pandas(X: Any) -> tuple[tuple[str, ...] | None, NDArray[np.float64]]:
    names, positional = _pandas_names(X)
    if all(dtype == np.float64 for dtype in X.dtypes):
        matrix = np.ascontiguousarray(X.to_numpy())  # in one go: much faster for long tables
    else:
        matrix = _empty_matrix(len(X), names)
        for j, name in enumerate(names):
            matrix[:, j] = to_float(f"column '{name}'", series_values(X.iloc[:, j]))
    return (None if positional else names), matrix


def _pandas_names(X: Any) -> tuple[tuple[str, ...], bool]:
    """Names of the columns, and whether they are nothing but positions."""
    if X.ndim == 1:
        raise InputError(f"Expected 2D array, got 1D array instead: a pandas {type(X).__name__}. {_RESHAPE}")
    # A frame made from an array has the columns 0, 1, 2, ...: positions, not names.
    positional = all(isinstance(c, int | np.integer) for c in X.columns) and list(X.columns) == list(range(X.shape[1]))
    names = tuple(str(column) for column in X.columns)
    refuse_duplicates(names)
    return names, positional


def pandas_column(series: Any) -> RawColumn:
    """A pandas Series with its kind kept: categories as objects, truth as bool or objects, instants in UTC."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return RawColumn(np.asarray(series.to_numpy(dtype=object)), category=True)
    if isinstance(dtype, np.dtype):
        return RawColumn(np.asarray(series.to_numpy()))
    if isinstance(dtype, pd.PeriodDtype):
        return RawColumn(np.asarray(series.dt.to_timestamp().to_numpy()))
    if isinstance(dtype, pd.DatetimeTZDtype):
        return RawColumn(np.asarray(series.dt.tz_convert(None).to_numpy()))
    if isinstance(dtype, pd.ArrowDtype):
        import narwhals as nw

        return narwhals_column(nw.from_native(series.array.__arrow_array__(), series_only=True))
    if isinstance(dtype, pd.StringDtype):
        # Several times faster than looking at each cell.
        codes, different = pd.factorize(series.array)
        texts = np.asarray(different, dtype=object).tolist()
        values = np.empty(len(texts) + 1, dtype=object)
        values[:] = [*texts, dtype.na_value]
        return RawColumn(values[codes], texts=(texts, codes.astype(np.intp, copy=False)))
    kind = getattr(dtype, "kind", "O")
    if kind == "b" and series.hasnans:
        return RawColumn(np.asarray(series.to_numpy(dtype=object)))
    if kind in "biu" and not series.hasnans:
        return RawColumn(np.asarray(series.to_numpy(dtype=bool if kind == "b" else f"{kind}8")))
    return RawColumn(series_values(series))


def series_values(series: Any) -> NDArray:
    """A pandas Series as a numpy array: nullable numbers as float64, dates as dates, all else as objects."""
    from pandas.api import types

    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return np.asarray(series.to_numpy())
    if types.is_datetime64_any_dtype(dtype):
        return np.asarray(series.dt.tz_localize(None).to_numpy(dtype="datetime64[s]"))
    if types.is_bool_dtype(dtype) or (types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype)):
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(series.to_numpy(dtype=object))


def _narwhals_frame(X: Any) -> Any:
    """Any other frame, wrapped; a lazy one is computed here."""
    import narwhals as nw

    # pyarrow allows a name twice, narwhals does not look: check before the frame is wrapped.
    if hasattr(type(X), "column_names"):
        refuse_duplicates([str(name) for name in X.column_names])
    try:
        frame: Any = nw.from_native(X)
    except TypeError as error:
        raise InputTypeError(f"Expected a table (array, data frame), got {type(X).__name__}: {error}") from error
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame


def _from_narwhals(X: Any) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    frame = _narwhals_frame(X)
    names = tuple(frame.columns)
    matrix = _empty_matrix(len(frame), names)
    for j, name in enumerate(names):
        matrix[:, j] = to_float(f"column '{name}'", narwhals_values(frame[name]))
    return tuple(str(name) for name in names), matrix


def narwhals_values(series: Any) -> NDArray:
    """A narwhals Series as a numpy array: numbers as they are, everything else as objects."""
    if series.dtype.is_numeric() and not series.dtype.is_decimal():
        values = np.asarray(series.to_numpy())
        if values.dtype.kind in "fiub":
            return values
    return np.array(series.to_list(), dtype=object)


def narwhals_column(series: Any) -> RawColumn:
    """A narwhals Series with its kind kept."""
    import narwhals as nw

    dtype = series.dtype
    if isinstance(dtype, nw.Date | nw.Datetime | nw.Duration):
        return RawColumn(np.asarray(series.to_numpy()))
    if isinstance(dtype, nw.Boolean) and not series.null_count():
        return RawColumn(np.asarray(series.to_numpy()).astype(bool, copy=False))
    return RawColumn(narwhals_values(series), category=isinstance(dtype, nw.Categorical | nw.Enum))


def _as_array(X: Any) -> NDArray:
    """`np.asarray` with errors that are InputError; ragged lists are told as such, masked cells are missing values."""
    if isinstance(X, np.ma.MaskedArray):
        if X.dtype.kind not in "fiub":
            cells = X.data.astype(object)
            cells[np.ma.getmaskarray(X)] = None
            return cells
        return np.ma.filled(X.astype(np.float64), np.nan)
    try:
        return np.asarray(X)
    except ValueError as error:
        raise InputError(f"All rows must have the same number of values, but numpy says: {error}") from error
    except (TypeError, RuntimeError) as error:
        raise InputTypeError(f"Expected a table of numbers, got {type(X).__name__}: {error}") from error


def _from_array(X: Any) -> tuple[tuple[str, ...] | None, NDArray[np.float64]]:
    array = _as_matrix(X)
    if array.dtype.names is not None:
        return _from_mapping({name: array[name] for name in array.dtype.names})
    if array.dtype.kind in "fiub":
        with np.errstate(over="ignore"):
            return None, np.ascontiguousarray(array, dtype=np.float64)
    matrix = np.empty(array.shape, dtype=np.float64)
    for j in range(array.shape[1]):
        matrix[:, j] = to_float(f"column 'x{j}'", array[:, j])
    return None, matrix


def _as_matrix(X: Any) -> NDArray:
    """A two-dimensional array of anything but complex numbers, or a structured one; cells of lists stay as they are."""
    if X is None or isinstance(X, str | bytes):
        raise InputTypeError(
            f"Expected a table (array, data frame), got {shown(X)}; read_table in closedform.preprocessing reads files."
        )
    array = _as_array(X)
    if array.dtype.names is not None:
        return array
    if array.ndim == 0:
        raise InputError(f"Expected 2D array, got scalar array instead: {shown(X)}. {_RESHAPE}")
    if array.ndim == 1:
        raise InputError(f"Expected 2D array, got 1D array instead: array of shape {array.shape}. {_RESHAPE}")
    if array.ndim > 2:
        raise InputError(f"Found array with dim {array.ndim}, while dim <= 2 is required: shape {array.shape}.")
    if array.dtype.kind == "c":
        raise complex_error(f"an array of dtype {array.dtype}")
    if array.dtype.kind not in "fiub" and isinstance(X, list | tuple):
        # Lists of mixed kinds would all turn into text in numpy: keep each cell as it was.
        return _object_cells(X, array.shape)
    return array


def _object_cells(X: Sequence, shape: tuple[int, ...]) -> NDArray:
    cells = np.empty(shape, dtype=object)
    for i, row in enumerate(X):
        cells[i, :] = list(row)
    return cells
