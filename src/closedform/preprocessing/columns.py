"""Columns of any kind: what a fit learns about them, and the same columns as numbers at any later time.

The formula engines take numbers only (`check_X`).  Models for real tables take what the table holds: numbers, truth
values, dates, words, missing cells; each column becomes one float64 array in which NaN stands for missing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import DataWarning, InputError, ModelFileError
from closedform.preprocessing.checks import constant_sentence
from closedform.preprocessing.column_kinds import (
    Cells,
    Label,
    are_mostly_numbers,
    date_label,
    is_iso_date,
    label_text,
    sort_out,
)
from closedform.preprocessing.containers import RawColumn, RawColumns, raw_columns
from closedform.preprocessing.kinds import to_float
from closedform.preprocessing.table import Table, check_finite, check_shape, match_columns
from closedform.preprocessing.wording import missing_column, rows_text, shown

ColumnKind = Literal["numeric", "boolean", "date", "categorical"]

_KINDS = ("numeric", "boolean", "date", "categorical")
_UNITS = ("", "days")
_TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
_WAS = {
    "numeric": "numbers",
    "boolean": "true and false",
    "date": "dates",
    "duration": "lengths of time",
    "text": "text",
    "mixed": "text",
}


@dataclass(frozen=True)
class Column:
    """What a fit has learned about one column.

    Attributes
    ----------
    name : str
    kind : {"numeric", "boolean", "date", "categorical"}
    levels : tuple of str, bool, int or float
        Of a categorical column: its labels by falling frequency, then by text.  A row's code is the position here.
    has_missing : bool
        Whether cells were missing at fit time.
    constant : bool
        The same in every row, a missing cell counting as a value of its own: no term is made of it.
    ignored : bool
        A categorical column that names the rows instead of grouping them: no term is made of it.
    n_rare : int
        How many labels are not among `levels` because there are too many; they share the code -1 with unknown ones.
    unit : {"", "days"}
        ``days`` for a numeric column of lengths of time or times of day.
    """

    name: str
    kind: ColumnKind
    levels: tuple[Label, ...] = ()
    has_missing: bool = False
    constant: bool = False
    ignored: bool = False
    n_rare: int = 0
    unit: str = ""

    @property
    def used(self) -> bool:
        """Whether a term can be made of it."""
        return not (self.constant or self.ignored)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `json.dumps`."""
        return {**asdict(self), "levels": list(self.levels)}

    @classmethod
    def from_json(cls, data: Any) -> Column:
        """Build a column from what `to_json` returned.

        Raises
        ------
        ModelFileError
            Where anything is missing, unknown or of the wrong kind.
        """
        if not isinstance(data, Mapping):
            raise ModelFileError(f"a column is damaged: expected an object, found {shown(data)}.")
        names = [field.name for field in fields(cls)]
        if set(data) != set(names):
            raise ModelFileError(
                f"a column is damaged: expected the fields {', '.join(names)}, found {shown(sorted(map(str, data)))}."
            )
        for name, is_right, expected in _FIELD_RULES:
            if not is_right(data[name]):
                raise ModelFileError(
                    f'a column is damaged: expected {expected} for "{name}", found {shown(data[name])}.'
                )
        if data["kind"] != "categorical" and (data["levels"] or data["ignored"] or data["n_rare"]):
            raise ModelFileError(
                f"a column is damaged: only a categorical one has levels, but '{data['name']}' is not."
            )
        return cls(**{**data, "levels": tuple(data["levels"])})


def _is_levels(value: Any) -> bool:
    if not isinstance(value, list) or not all(type(level) in (str, bool, int, float) for level in value):
        return False
    if not all(math.isfinite(level) for level in value if type(level) is float):
        return False
    return len({label_text(level) for level in value}) == len(value)


_FIELD_RULES = (
    ("name", lambda value: type(value) is str, "a text"),
    ("kind", lambda value: type(value) is str and value in _KINDS, f"one of {', '.join(_KINDS)}"),
    ("levels", _is_levels, "a list of different texts and numbers"),
    ("has_missing", lambda value: type(value) is bool, "true or false"),
    ("constant", lambda value: type(value) is bool, "true or false"),
    ("ignored", lambda value: type(value) is bool, "true or false"),
    ("n_rare", lambda value: type(value) is int and value >= 0, "a whole number of at least 0"),
    ("unit", lambda value: type(value) is str and value in _UNITS, "'' or 'days'"),
)


# ------------------------------------------------------------------------------------------------------ at fit time


def learn_columns(
    X: Any,
    *,
    categorical: Literal["auto"] | Sequence[str] = "auto",
    max_levels: int = 64,
    minimum_rows: int = 2,
    estimator: str = "the model",
) -> tuple[tuple[Column, ...], list[NDArray[np.float64]], bool]:
    """Find out what each column is, and encode the table.

    Text, mixed and category columns become categorical; text that is dates of ISO 8601 in every filled cell becomes a
    date, because a file of comma-separated values has no other way to hold one.

    Parameters
    ----------
    X : array, list of rows, mapping of columns, pandas / polars / pyarrow or any narwhals-readable frame, or Table
    categorical : "auto" or sequence of str, default="auto"
        Columns to take as categories although their cells are numbers, truth values or dates.
    max_levels : int, default=64
        Most labels a categorical column keeps; the rarer ones become code -1, as labels unknown later do.
    minimum_rows : int, default=2
        Fewest rows accepted.
    estimator : str
        Name of the caller, for messages.

    Returns
    -------
    columns : tuple of Column
    encoded : list of ndarray of shape (n_rows,), float64
        As `encode` returns them.
    named : bool
        False where the names x0, x1, ... were made up.

    Raises
    ------
    InputError
        Not a table, no rows or columns, a name twice, infinite or complex cells, more than `max_levels` numbers written
        as text, dates among other values, an unknown name in `categorical`.

    Warns
    -----
    DataWarning
        Columns that no term is made of, and columns that mix text and numbers.
    """
    table = _opened(X)
    check_shape((table.n_rows, len(table.names)), minimum_rows, estimator)
    wanted = _names_of(categorical, table.names)
    if not isinstance(max_levels, int | np.integer) or max_levels < 1:
        raise InputError(f"max_levels must be a whole number of at least 1, got {max_levels!r}.")
    columns, encoded, mixed = [], [], {}
    for position, name in enumerate(table.names):
        raw = table.read(position)
        cells = sort_out(f"column '{name}'", raw)
        if name in wanted or raw.category or cells.kind in ("text", "mixed"):
            column, values = _learn_categories(name, raw, cells, max_levels, chosen=name in wanted or raw.category)
        else:
            column, values = _learn_numbers(name, cells)
        columns.append(column)
        encoded.append(values if column.used else _nothing(table.n_rows))
        if cells.kind == "mixed" and column.used:
            mixed[name] = next(row for row, cell in enumerate(raw.values.tolist()) if isinstance(cell, str | bytes))
    _warn_of_columns(columns, mixed)
    return tuple(columns), encoded, table.named


def _opened(X: Any) -> RawColumns:
    if isinstance(X, Table):
        return RawColumns(X.names, X.named, X.n_rows, lambda j: RawColumn(X.values[:, j]))
    return raw_columns(X)


def _names_of(categorical: Any, names: Sequence[str]) -> frozenset[str]:
    """The columns named by the parameter `categorical`."""
    if isinstance(categorical, str) and categorical == "auto":
        return frozenset()
    if isinstance(categorical, str) or not isinstance(categorical, Iterable):
        raise InputError(f"categorical must be 'auto' or a list of column names, got {categorical!r}.")
    for name in categorical:
        if name not in names:
            raise InputError(missing_column(str(name), names, "categorical: the table"))
    return frozenset(categorical)


def _refuse_infinity(name: str, numbers: NDArray[np.float64] | None) -> None:
    if numbers is not None:
        check_finite(Table((name,), numbers[:, None]), allow_nan=True)


def _nothing(n_rows: int) -> NDArray[np.float64]:
    """NaN in every row, without memory for each."""
    return np.broadcast_to(np.float64(np.nan), (n_rows,))


def _learn_numbers(name: str, cells: Cells) -> tuple[Column, NDArray[np.float64]]:
    assert cells.numbers is not None  # words are categories
    # One strided pass over a column of a matrix instead of several.
    values = np.ascontiguousarray(cells.numbers)
    _refuse_infinity(name, values)
    # fmin and fmax skip NaN; a column of nothing but NaN stays NaN.
    lowest, highest = np.fmin.reduce(values), np.fmax.reduce(values)
    has_missing = bool(np.isnan(values).any())
    kind: ColumnKind = "boolean" if cells.kind == "boolean" else "date" if cells.kind == "date" else "numeric"
    constant = not lowest < highest and (not has_missing or bool(np.isnan(lowest)))
    unit = "days" if cells.kind == "duration" else ""
    return Column(name, kind, has_missing=has_missing, constant=constant, unit=unit), cells.numbers


def _learn_categories(
    name: str, raw: RawColumn, cells: Cells, max_levels: int, *, chosen: bool
) -> tuple[Column, NDArray[np.float64]]:
    """A categorical column; `chosen` where the user or the container says that it is one."""
    _refuse_infinity(name, cells.numbers)
    labels, codes = cells.labelled()
    counts = np.bincount(codes[codes >= 0], minlength=len(labels))
    n_filled = int(counts.sum())
    has_missing = n_filled < len(codes)
    if len(labels) > max_levels:
        if not chosen and are_mostly_numbers(labels):
            _refuse_number_texts(name, raw)
        if 2 * len(labels) > n_filled:
            return Column(name, "categorical", has_missing=has_missing, ignored=True), _nothing(len(codes))
    order = sorted(range(len(labels)), key=lambda i: (-counts[i], label_text(labels[i])))[:max_levels]
    code_of_label = np.full(len(labels) + 1, -1.0)
    code_of_label[order] = np.arange(len(order))
    code_of_label[-1] = np.nan  # the position of missing cells
    column = Column(
        name,
        "categorical",
        levels=tuple(labels[i] for i in order),
        has_missing=has_missing,
        constant=len(labels) + has_missing < 2,
        n_rare=len(labels) - len(order),
    )
    return column, code_of_label[codes]


def _refuse_number_texts(name: str, raw: RawColumn) -> None:
    """Numbers written as text, more than there can be categories, some of them perhaps spoilt."""
    try:
        to_float(f"column '{name}'", raw.values)
    except InputError as problem:
        advice = f"{str(problem).removesuffix('.')}; or name it in categorical=[...] if its values are codes."
        raise InputError(advice) from None


def _warn_of_columns(columns: Sequence[Column], mixed: Mapping[str, int]) -> None:
    told = []
    constant = [column.name for column in columns if column.constant]
    if constant:
        told.append(constant_sentence(constant))
    for column in columns:
        if column.ignored:
            told.append(
                f"column '{column.name}' names the rows instead of grouping them (a different label in most rows) and "
                "is left out."
            )
    for name, row in mixed.items():
        told.append(
            f"column '{name}' mixes text with numbers (the first text is in {rows_text([row])}): each of its values is "
            "taken as a category."
        )
    for message in told:
        # Three frames up: this function, learn_columns, fit; the warning points at the caller of fit.
        warnings.warn(message, DataWarning, stacklevel=4)


# -------------------------------------------------------------------------------------------------------- later on


def encode(
    columns: Sequence[Column], X: Any, *, named: bool = True, estimator: str = "the model"
) -> list[NDArray[np.float64]]:
    """Turn a table into one float64 array per column of fit time, in the order of fit time.

    Numbers stay what they are, truth values become 0 and 1, dates days since 1970-01-01 UTC, lengths of time days, and
    labels their position in `Column.levels`; a label that is not among them becomes -1.  Missing cells are NaN.
    Columns that no term is made of are not looked at: NaN in every row.

    Parameters
    ----------
    columns : sequence of Column
        As `learn_columns` returned them.
    X : array or any frame; see `learn_columns`
        Columns are found by name, in any order; a table without names is taken in the order given.
    named : bool
        Whether the table of fit time had names of its own.
    estimator : str
        Name of the caller, for messages.

    Returns
    -------
    list of ndarray of shape (n_rows,), float64
        They may be views of the caller's own table: never write to them.

    Raises
    ------
    InputError
        Not a table, no rows, other columns than at fit time, infinite cells, cells of another kind than at fit time.
    """
    table = _opened(X)
    check_shape((table.n_rows, len(table.names)), 1, estimator)
    # A table of one row that holds the place of each column: matched, it tells where each column of fit time is.
    places = Table(table.names, np.arange(float(len(table.names)))[None, :], table.named)
    places = match_columns(places, [column.name for column in columns], named=named, estimator=estimator)
    return [
        _encode_column(column, table.read(int(place))) if column.used else _nothing(table.n_rows)
        for column, place in zip(columns, places.values[0], strict=True)
    ]


def _encode_column(column: Column, raw: RawColumn) -> NDArray[np.float64]:
    label = f"column '{column.name}'"
    cells = sort_out(label, raw)
    _refuse_infinity(column.name, cells.numbers)
    if column.kind == "categorical":
        return _codes(column, cells)
    if column.kind == "boolean":
        return _truth(column, raw, cells)
    suitable = {"date": ("date",), "numeric": ("numeric", "boolean")}[column.kind]
    if column.unit == "days":
        suitable = ("duration", "numeric")
    if cells.numbers is not None and cells.kind in (*suitable, "missing"):
        return cells.numbers
    if column.kind == "numeric" and cells.kind in ("text", "mixed"):
        to_float(label, raw.values, advice="it held numbers when the model was fitted.")
    labels, positions = cells.labelled()
    bad = [column.kind != "date" or not is_iso_date(label_text(level)) for level in labels]
    raise _other_kind(column, raw, cells, np.flatnonzero(np.array([*bad, False])[positions]))


def _codes(column: Column, cells: Cells) -> NDArray[np.float64]:
    code = {label_text(level): float(i) for i, level in enumerate(column.levels)}
    labels, positions = cells.labelled()
    texts = [label_text(label) for label in labels]
    return np.array([*(code.get(text, code.get(date_label(text), -1.0)) for text in texts), np.nan])[positions]


def _truth(column: Column, raw: RawColumn, cells: Cells) -> NDArray[np.float64]:
    """0 and 1 from truth values, from the numbers 0 and 1, and from the words true and false."""
    if cells.kind == "boolean" and cells.numbers is not None:
        return cells.numbers
    labels, positions = cells.labelled()
    values = np.array([*(_TRUTH.get(label_text(label).lower(), -1.0) for label in labels), np.nan])[positions]
    bad = np.flatnonzero(values == -1.0)
    if len(bad):
        raise _other_kind(column, raw, cells, bad)
    return values


def _other_kind(column: Column, raw: RawColumn, cells: Cells, rows: NDArray[np.intp]) -> InputError:
    """Say that a column does not hold what it held at fit time, with the first cell concerned."""
    was = "lengths of time" if column.unit == "days" else _WAS[column.kind]
    return InputError(
        f"column '{column.name}' held {was} when the model was fitted, but holds {_WAS[cells.kind]} now "
        f"({rows_text(rows)}; the first is {shown(raw.values[rows[0]])}): convert it to what it was."
    )
