"""One column of a real table, sorted out: are its cells numbers, truth values, dates, lengths of time or words?

What costs time is done once per different cell.  A column of a million words with ten different ones is looked at with
a handful of passes at the speed of C, whatever container it came from.
"""

from __future__ import annotations

import datetime
import math
import numbers
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError
from closedform.preprocessing.containers import RawColumn
from closedform.preprocessing.kinds import InputTypeError, complex_error, is_number_text, to_float
from closedform.preprocessing.wording import rows_text, shown

Label = str | bool | int | float
"""A category as it is shown to the user."""

CellKind = Literal["numeric", "boolean", "date", "duration", "text", "mixed", "missing"]

_EPOCH = datetime.datetime(1970, 1, 1)
_DAY = datetime.timedelta(days=1)
_MISSING_TYPES = ("NAType", "NaTType")  # of pandas, which need not be loaded to know them
_PLAIN_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)


@dataclass(frozen=True, eq=False)
class Cells:
    """What the cells of one column are.

    Attributes
    ----------
    kind : str
        ``numeric``, ``boolean``, ``date`` (days since 1970-01-01 UTC), ``duration`` (days; a time of day counts from
        midnight), ``text``, ``mixed`` (text and others in one column) or ``missing`` (no cell has a value).
    numbers : ndarray of shape (n_rows,), float64, or None
        NaN where missing; None for text and mixed columns.  It may be the caller's own array: never write to it.
    different : sequence or None
        The different cells that are not missing, where they are objects.
    positions : ndarray of shape (n_rows,), intp, or None
        Position of each row's cell in `different`, -1 where missing.
    """

    kind: CellKind
    numbers: NDArray[np.float64] | None = None
    different: Sequence[Any] | None = None
    positions: NDArray[np.intp] | None = None

    def labelled(self) -> tuple[tuple[Label, ...], NDArray[np.intp]]:
        """The different labels and each row's position among them (-1 where missing), for any kind of column."""
        if self.different is not None and self.positions is not None:
            return _merged(_labels(self.different), self.positions)
        assert self.numbers is not None  # words always come with labels
        present = ~np.isnan(self.numbers)
        different, inverse = np.unique(self.numbers[present], return_inverse=True)
        codes = np.full(len(self.numbers), -1, dtype=np.intp)
        codes[present] = inverse
        write = bool if self.kind == "boolean" else date_text if self.kind == "date" else _tidy_number
        return tuple(write(value) for value in different.tolist()), codes


def label_text(label: Label) -> str:
    """The text by which labels are compared: 1, 1.0 and "1" are the same category."""
    return label if isinstance(label, str) else str(_tidy_number(label))


def date_text(days: float) -> str:
    """Write days since 1970-01-01 as a date, or as date and time where they are not whole."""
    if abs(days) > 1e8:  # beyond what microseconds reach
        return str(np.datetime64(round(days), "D"))
    instant = np.datetime64(0, "D") + np.timedelta64(round(days * 86_400_000_000), "us")
    for unit in ("D", "s"):
        if instant.astype(f"datetime64[{unit}]") == instant:
            return str(instant.astype(f"datetime64[{unit}]")).replace("T", " ")
    return str(instant).replace("T", " ")


def date_label(label: str) -> str:
    """A date in the form that `date_text` gives it, however it was written; any other text as it is."""
    return date_text(_days(label)) if is_iso_date(label) else label


def sort_out(label: str, column: RawColumn) -> Cells:
    """Find out what the cells of a column are.

    Parameters
    ----------
    label : str
        How messages call the column, for example ``column 'mass'``.
    column : RawColumn

    Returns
    -------
    Cells

    Raises
    ------
    InputError
        Complex numbers; dates among other values; spans in months or years, which have no fixed length.
    InputTypeError
        Cells that are neither numbers nor words nor dates: lists, dictionaries, other objects.
    """
    values = column.values
    kind = values.dtype.kind
    if kind == "c":
        raise complex_error(label)
    if kind in "fiu" and not column.category:
        return Cells("numeric", to_float(label, values))
    if kind == "b" and not column.category:
        return Cells("boolean", values.astype(np.float64))
    if kind == "M":
        return Cells("date", (values - np.datetime64(0, "D")) / np.timedelta64(1, "D"))
    if kind == "m":
        return Cells("duration", _span_in_days(label, values))
    if kind == "V":
        raise InputTypeError(f"{label} holds records of dtype {values.dtype}: expected one value per cell.")
    if column.texts is not None:
        return _from_different(label, *column.texts)
    return _from_objects(label, values, column.category)


def _span_in_days(label: str, values: NDArray) -> NDArray[np.float64]:
    if np.datetime_data(values.dtype)[0] in ("Y", "M", "generic"):
        raise InputError(
            f"{label} holds spans of dtype {values.dtype}, which have no fixed length: convert them to days or seconds."
        )
    return np.asarray(values / np.timedelta64(1, "D"), dtype=np.float64)


def _from_objects(label: str, values: NDArray, category: bool) -> Cells:
    """Sort out an array of objects or text through its different cells."""
    cells = values.tolist()
    types = set(map(type, cells))
    if not category and any(_role(type_) is None for type_ in types):
        to_float(label, values)  # says which row holds what
    different = list(dict.fromkeys(cells))
    missing = [not isinstance(cell, str) and is_missing(cell) for cell in different]
    filled = [cell for cell, is_gap in zip(different, missing, strict=True) if not is_gap]
    place = dict(zip(filled, range(len(filled)), strict=True))
    place.update((cell, -1) for cell, is_gap in zip(different, missing, strict=True) if is_gap)
    return _from_different(label, filled, np.fromiter(map(place.__getitem__, cells), dtype=np.intp, count=len(cells)))


def _from_different(label: str, filled: list[Any], positions: NDArray[np.intp]) -> Cells:
    """Sort out cells by the different ones that are not missing and where these are."""
    kind, per_cell = _kind_and_numbers(label, filled, positions)
    # The position of a missing cell, -1, picks the NaN at the end.
    numbers = None if per_cell is None else np.append(per_cell, np.nan)[positions]
    return Cells(kind, numbers, filled, positions)


def is_missing(cell: Any) -> bool:
    """Tell whether an object in a cell stands for no value: None, NaN, NaT, pandas.NA."""
    if cell is None or type(cell).__name__ in _MISSING_TYPES:
        return True
    return isinstance(cell, float | np.floating | Decimal | np.datetime64 | np.timedelta64) and bool(cell != cell)


def _role(type_: type) -> str | None:
    """What objects of a type are in a table; None for what cannot be in a cell."""
    if type_ is type(None) or type_.__name__ in _MISSING_TYPES:
        return "missing"
    if issubclass(type_, str | bytes):
        return "text"
    if issubclass(type_, bool | np.bool_):
        return "boolean"
    if issubclass(type_, datetime.date | np.datetime64):
        return "date"
    if issubclass(type_, datetime.timedelta | datetime.time | np.timedelta64):
        return "duration"
    if issubclass(type_, numbers.Real | Decimal):
        return "numeric"
    return "complex" if issubclass(type_, numbers.Complex) else None


def _kind_and_numbers(
    label: str, filled: Sequence[Any], positions: NDArray[np.intp]
) -> tuple[CellKind, NDArray[np.float64] | None]:
    """Kind of a column by its different cells that are not missing, and the number of each; None for words."""
    roles = {_role(type_) or "other" for type_ in set(map(type, filled))}
    if "complex" in roles:
        raise complex_error(label)
    if not roles:
        return "missing", np.empty(0)
    if roles <= {"text", "date"}:
        days = _days_of_dates(filled)
        if days is not None:
            return "date", days
    if roles == {"duration"}:
        return "duration", np.array([_days(cell) for cell in filled], dtype=np.float64)
    if roles <= {"numeric", "boolean"}:
        objects = np.empty(len(filled), dtype=object)
        objects[:] = filled
        return ("boolean" if roles == {"boolean"} else "numeric"), to_float(label, objects)
    if roles & {"date", "duration"} and len(roles) > 1:
        odd = next(i for i, cell in enumerate(filled) if i and _role(type(cell)) != _role(type(filled[0])))
        if _role(type(filled[odd])) in ("date", "duration"):
            odd = 0
        raise InputError(
            f"{label} mixes dates or times with other values ({rows_text(np.flatnonzero(positions == odd))}: "
            f"{shown(filled[odd])}): make all cells dates, or leave these empty."
        )
    return ("text" if roles <= {"text", "other"} else "mixed"), None


def _days_of_dates(filled: Sequence[Any]) -> NDArray[np.float64] | None:
    """Days since 1970-01-01 UTC of dates and of texts that are dates; None where a text is none."""
    if all(isinstance(cell, str) for cell in filled) and all(map(_PLAIN_ISO.fullmatch, filled)):
        try:
            instants = np.array(filled, dtype="datetime64[us]")  # a hundred times as fast as one by one
        except ValueError:
            return None
        return np.asarray((instants - np.datetime64(0, "D")) / np.timedelta64(1, "D"), dtype=np.float64)
    if all(not isinstance(cell, str | bytes) or is_iso_date(cell) for cell in filled):
        return np.array([_days(cell) for cell in filled], dtype=np.float64)
    return None


def is_iso_date(text: str | bytes) -> bool:
    """Tell whether a text is a date of ISO 8601, with or without a time: ``2024-02-29``, ``2024-02-29T12:30Z``."""
    plain = _decoded(text)
    if not _ISO_DATE.fullmatch(plain):
        return False
    try:
        datetime.datetime.fromisoformat(plain)
    except ValueError:
        return False
    return True


def _decoded(text: str | bytes) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _labels(filled: Sequence[Any]) -> list[Label]:
    """One label for each different cell, all of them text where the cells are of several kinds."""
    labels = [_label(cell) for cell in filled]
    kinds = {"text" if isinstance(label, str) else isinstance(label, bool) for label in labels}
    return [label_text(label) for label in labels] if len(kinds) > 1 else labels


def _label(cell: Any) -> Label:
    if isinstance(cell, str | bytes):
        return _decoded(cell)
    if isinstance(cell, bool | np.bool_):
        return bool(cell)
    if isinstance(cell, numbers.Integral):
        return int(cell)
    if isinstance(cell, numbers.Real | Decimal):
        return _tidy_number(_as_float(cell))
    role = _role(type(cell))
    if role == "date":
        return date_text(_days(cell))
    return _tidy_number(_days(cell)) if role == "duration" else str(cell)


def _as_float(cell: Any) -> float:
    try:
        return float(cell)
    except OverflowError:
        return math.inf


def _tidy_number(value: float) -> Label:
    """Whole numbers as int, and what JSON cannot hold as text."""
    if isinstance(value, bool | int):
        return value
    if not math.isfinite(value):
        return repr(value)
    return int(value) if value == int(value) and abs(value) < 2**53 else value


def _merged(labels: Sequence[Label], codes: NDArray[np.intp]) -> tuple[tuple[Label, ...], NDArray[np.intp]]:
    """Make one of labels that read the same."""
    first: dict[str, int] = {}
    place = [first.setdefault(label_text(label), len(first)) for label in labels]
    if len(first) == len(labels):
        return tuple(labels), codes
    # The first label of each text, in the order of the texts.
    kept = dict(zip(reversed(place), reversed(labels), strict=True))
    return tuple(kept[i] for i in range(len(first))), np.append(place, -1)[codes]


def _days(cell: Any) -> float:
    """A date as days since 1970-01-01 UTC (a date without a zone counts as UTC), a span or a time of day as days."""
    if isinstance(cell, np.datetime64):
        return float((cell - np.datetime64(0, "D")) / np.timedelta64(1, "D"))
    if isinstance(cell, np.timedelta64):
        return float(_span_in_days("a cell", np.asarray(cell)))
    if isinstance(cell, datetime.timedelta):
        return cell / _DAY
    if isinstance(cell, datetime.time):
        since_midnight = datetime.datetime.combine(_EPOCH, cell.replace(tzinfo=None)) - _EPOCH
        return since_midnight / _DAY
    if isinstance(cell, str | bytes):
        cell = datetime.datetime.fromisoformat(_decoded(cell))
    if not isinstance(cell, datetime.datetime):
        cell = datetime.datetime(cell.year, cell.month, cell.day)
    offset = cell.utcoffset() or datetime.timedelta(0)
    return (cell.replace(tzinfo=None) - _EPOCH - offset) / _DAY


def are_mostly_numbers(labels: Sequence[Label]) -> bool:
    """Tell whether more than half of the labels (of the first thousand) are numbers, or texts that read as numbers."""
    looked_at = labels[:1000]
    n_numbers = sum(not isinstance(label, str) or is_number_text(label) for label in looked_at)
    return 2 * n_numbers > len(looked_at)
