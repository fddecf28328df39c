"""One column of any kind to float64 numbers, or a sentence saying why that cannot be.

Accepted are floats, integers, booleans (0 and 1), nullable numbers, and object columns whose values are numbers;
missing values become NaN.  Refused are text, dates, complex numbers and anything that is not a number.
"""

from __future__ import annotations

import datetime
import numbers
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError
from closedform.preprocessing.wording import shown

_EXAMPLES = 3
_COLUMN_ADVICE = "formulas need numbers; leave the column out, or turn it into columns of 0 and 1 (pandas.get_dummies)."


class InputTypeError(InputError, TypeError):
    """Input of a type that no table can be made of (a sparse matrix, a dictionary in a cell).

    It is a `TypeError` as well, because that is what callers of scikit-learn expect there.
    """


def to_float(label: str, values: NDArray, *, advice: str = _COLUMN_ADVICE) -> NDArray[np.float64]:
    """Turn one column into float64.

    Parameters
    ----------
    label : str
        How messages call the column, for example ``column 'mass'``.
    values : ndarray of shape (n_rows,)
        Raw values of any dtype.
    advice : str
        What to say about a column of words.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        Missing values are NaN.

    Raises
    ------
    InputError
        Text, dates or complex numbers, with the first rows concerned.
    InputTypeError
        Values that are neither numbers nor text.
    """
    kind = values.dtype.kind
    if kind in "fiub":
        # A long double beyond float64 becomes inf here, which the check for infinity then reports.
        with np.errstate(over="ignore"):
            return values.astype(np.float64, copy=False)
    if kind == "c":
        raise complex_error(label)
    if kind in "Mm":
        raise _date_error(label, 0, values[0] if len(values) else "no value")
    if kind == "V":
        raise InputTypeError(f"{label} holds records of dtype {values.dtype}: expected one number per cell.")
    return _from_objects(label, values, advice)


def complex_error(label: str) -> InputError:
    """Refuse complex numbers, in scikit-learn's words plus advice."""
    return InputError(
        f"Complex data not supported: {label} holds complex numbers; pass real and imaginary part as two columns."
    )


def _date_error(label: str, row: int, value: object) -> InputError:
    return InputError(
        f"{label} holds dates or times (row {row + 1}: {value}): formulas need numbers; "
        "turn it into a number, such as the days since the first date, or leave the column out."
    )


def _from_objects(label: str, values: NDArray, advice: str) -> NDArray[np.float64]:
    """Convert an object (or text) array value by value, and keep the rows that hold text."""
    result = np.empty(len(values), dtype=np.float64)
    text_rows: list[int] = []
    for row, value in enumerate(values.tolist()):
        if isinstance(value, float):
            result[row] = value
        elif isinstance(value, str | bytes):
            text_rows.append(row)
            result[row] = np.nan
        else:
            result[row] = _number(label, row, value)
    if text_rows:
        raise _text_error(label, values, text_rows, int(np.count_nonzero(~np.isnan(result))), advice)
    return result


def _number(label: str, row: int, value: object) -> float:
    """One object that is neither float nor text, as a float."""
    # pandas.NA and NaT are recognised by the name of their class, so that pandas need not be loaded.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return np.nan
    if isinstance(value, numbers.Real | Decimal | np.bool_):
        try:
            return float(value)
        except OverflowError:
            return np.inf
    if isinstance(value, numbers.Complex):
        raise complex_error(label)
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta | np.datetime64 | np.timedelta64):
        raise _date_error(label, row, value)
    raise InputTypeError(
        f"{label}, row {row + 1} holds {shown(value)}: float() argument must be a string or a real number, "
        f"not '{type(value).__name__}'; every cell must hold one number."
    )


def is_number_text(text: object) -> bool:
    """Tell whether a text reads as a number."""
    try:
        float(text)  # type: ignore[arg-type]
    except ValueError:
        return False
    return True


def _is_date_text(text: object) -> bool:
    try:
        datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return False
    return True


def _text_error(label: str, values: NDArray, text_rows: list[int], n_numbers: int, advice: str) -> InputError:
    """Tell a number written as text, a few bad cells and a column of words apart: each needs other advice."""
    bad = [row for row in text_rows if not is_number_text(values[row])]
    if not bad:
        return InputError(
            f"{label} holds numbers written as text ({_cells(values, text_rows)}): "
            "convert it to numbers first, for example with pandas.to_numeric."
        )
    n_good = n_numbers + len(text_rows) - len(bad)
    if n_good:
        return InputError(
            f"{label} should hold numbers but has text in {len(bad)} of {len(values)} rows "
            f"({_cells(values, bad)}): correct these cells or remove these rows."
        )
    if all(_is_date_text(values[row]) for row in bad[:_EXAMPLES]):
        return _date_error(label, bad[0], values[bad[0]])
    n_words = len({values[row] for row in bad})
    count = f"; {n_words} different values" if n_words > _EXAMPLES else ""
    return InputError(f"{label} holds text ({_cells(values, bad)}{count}): {advice}")


def _cells(values: NDArray, rows: list[int]) -> str:
    cells = ", ".join(f"row {row + 1}: {shown(values[row])}" for row in rows[:_EXAMPLES])
    return cells + (", ..." if len(rows) > _EXAMPLES else "")
