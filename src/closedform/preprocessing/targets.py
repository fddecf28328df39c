"""The target of a model for tables: numbers for a regressor, classes for a classifier, and which of the two fits."""

from __future__ import annotations

import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import DataWarning, InputError
from closedform.preprocessing.checks import check_y, one_target, refuse_no_target, target_name, target_values
from closedform.preprocessing.column_kinds import Cells, are_mostly_numbers, sort_out
from closedform.preprocessing.containers import RawColumn, is_pandas, pandas_column, refuse_sparse
from closedform.preprocessing.wording import quoted, rows_text, shown

FEW_CLASSES = 10
"""A target with more different whole numbers than these is taken for a quantity."""

FEW_SHARE = 0.05
"""Whole numbers are taken for classes where there are fewer of them than this share of the rows."""


class Task(NamedTuple):
    """What kind of model a target asks for, and why, in a sentence for the user."""

    name: Literal["regression", "classification"]
    reason: str


def check_target_numbers(y: Any, *, name: str | None = None, estimator: str = "the model") -> NDArray[np.float64]:
    """Check the target of a regressor.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
    name : str, optional
        Its name, for messages; else the name it carries, else ``y``.
    estimator : str
        Name of the caller, for messages.

    Returns
    -------
    ndarray of shape (n_rows,), float64

    Raises
    ------
    InputError
        No target, words (use the classifier), numbers written as text, dates, NaN, infinity, not one-dimensional.
    """
    refuse_no_target(y, estimator)
    advice = "a regression target must be numbers; use RANClassifier to predict classes."
    return check_y(y, name=name or target_name(y), advice=advice)


def check_target_classes(
    y: Any, *, name: str | None = None, estimator: str = "the model"
) -> tuple[NDArray[np.intp], NDArray]:
    """Check the target of a classifier.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Text, categories, truth values, or whole numbers.
    name : str, optional
        Its name, for messages; else the name it carries, else ``y``.
    estimator : str
        Name of the caller, for messages.

    Returns
    -------
    codes : ndarray of shape (n_rows,), intp
        Position of each row's class in `classes`.
    classes : ndarray of shape (n_classes,)
        The different classes, sorted: text, booleans, integers or whole floats.  ``np.array(classes.tolist())`` gives
        the same classes again.

    Raises
    ------
    InputError
        No target, one class only, missing labels, numbers with fractions, dates, not one-dimensional.

    Warns
    -----
    DataWarning
        More classes than half the rows.
    """
    refuse_no_target(y, estimator)
    name = name or target_name(y)
    label = f"target '{name}'"
    column = _one_dimensional(y, label)
    if column.values.dtype.kind in "biuf":
        codes, classes = _native_classes(label, column.values)
    else:
        codes, classes = _object_classes(label, column)
    if len(classes) < 2:
        raise InputError(
            f"{label} has one class only ({shown(classes[0])}): {estimator} needs rows of at least two classes."
        )
    if len(classes) > 20 and 2 * len(classes) > len(codes):
        warnings.warn(
            f"{label} has {len(classes)} classes in {len(codes)} rows: it looks like a quantity or a name, not like "
            "classes.",
            DataWarning,
            stacklevel=3,
        )
    return codes, classes


def _one_dimensional(y: Any, label: str) -> RawColumn:
    """The raw target; refuses an empty one."""
    refuse_sparse(y)
    if is_pandas(y) and y.ndim == 1:
        column = pandas_column(y)
        one_target(column.values, label)  # complex numbers
    else:
        column = RawColumn(one_target(target_values(y), label))
    if len(column.values) == 0:
        raise InputError(f"Found array with 0 sample(s) (shape={column.values.shape}): {label} is empty.")
    return column


def _native_classes(label: str, values: NDArray) -> tuple[NDArray[np.intp], NDArray]:
    """Classes of a plain array of truth values or numbers; whole floats stay floats."""
    if values.dtype.kind == "f":
        _refuse_rows(label, np.isnan(values), "NaN")
        _refuse_rows(label, np.isinf(values), "infinity or a value too large for float64")
        fractions = np.flatnonzero(values != np.floor(values))
        if len(fractions):
            raise _continuous(label, int(fractions[0]), values[fractions[0]])
    classes, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.intp, copy=False), classes


def _object_classes(label: str, column: RawColumn) -> tuple[NDArray[np.intp], NDArray]:
    """Classes of text and of objects; labels of several kinds are compared as text."""
    cells = sort_out(label, column)
    if cells.numbers is not None and not column.category:
        _refuse_rows(label, np.isinf(cells.numbers), "infinity or a value too large for float64")
    labels, codes = cells.labelled()
    _refuse_rows(label, codes < 0, "NaN")
    if cells.kind in ("date", "duration") and not column.category and not _is_text(column.values[0]):
        raise InputError(
            f"Unknown label type: {label} holds dates or times (row 1: {column.values[0]}); classes must be text, "
            "truth values or whole numbers."
        )
    for position, value in enumerate(labels):
        if isinstance(value, float) and not column.category:
            row = int(np.argmax(codes == position))
            raise _continuous(label, row, value)
    order = sorted(range(len(labels)), key=labels.__getitem__)  # all of one kind
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank[codes], np.array([labels[i] for i in order])


def _is_text(cell: Any) -> bool:
    return isinstance(cell, str | bytes)


def _refuse_rows(label: str, bad: NDArray[np.bool_], what: str) -> None:
    if bad.any():
        raise InputError(
            f"Input y contains {what}: {label} has no class in {rows_text(np.flatnonzero(bad))}; remove these rows."
        )


def _continuous(label: str, row: int, value: Any) -> InputError:
    return InputError(
        f"Unknown label type: continuous; {label} holds numbers with fractions (row {row + 1}: {shown(value)}): use "
        "RANRegressor, or make classes of them first."
    )


# ------------------------------------------------------------------------------------------------ which task it is


def task_of(y: Any, *, name: str | None = None) -> Task:
    """Tell whether a target asks for regression or classification.

    Text, categories and truth values are classes.  Whole numbers are classes where they are 0 and 1 only, or where
    there are at most `FEW_CLASSES` different ones that are less than `FEW_SHARE` of the rows.  All else is a quantity.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
    name : str, optional
        Its name, for the sentence; else the name it carries, else ``y``.

    Returns
    -------
    Task
        The name of the task and the reason as a sentence.

    Raises
    ------
    InputError
        Not one-dimensional, empty, complex, or cells that are neither numbers nor words.
    """
    label = f"target '{name or target_name(y)}'"
    column = _one_dimensional(y, label)
    cells = sort_out(label, column)
    if column.category:
        return Task("classification", f"{label} holds categories.")
    if cells.kind == "boolean":
        return Task("classification", f"{label} holds true and false.")
    if cells.kind in ("text", "mixed"):
        return _task_of_words(label, cells)
    if cells.kind != "numeric" or cells.numbers is None:
        return Task("regression", f"{label} holds no classes.")
    return _task_of_numbers(label, cells.numbers, is_float=column.values.dtype.kind == "f")


def _task_of_words(label: str, cells: Cells) -> Task:
    labels, _ = cells.labelled()
    if len(labels) > FEW_CLASSES and are_mostly_numbers(labels):
        return Task("regression", f"{label} holds {len(labels)} different numbers, written as text.")
    return Task("classification", f"{label} holds text ({quoted([str(text) for text in labels])}).")


def _task_of_numbers(label: str, numbers: NDArray[np.float64], *, is_float: bool) -> Task:
    present = numbers[np.isfinite(numbers)]
    if len(present) and bool(((present == 0) | (present == 1)).all()) and present.min() < present.max():
        return Task("classification", f"{label} holds 0 and 1 only.")
    if is_float or not bool((present == np.floor(present)).all()):
        return Task("regression", f"{label} holds numbers.")
    n_different = len(np.unique(present))
    if n_different > FEW_CLASSES:
        return Task("regression", f"{label} holds {n_different} different whole numbers: too many for classes.")
    if n_different >= FEW_SHARE * len(numbers):
        return Task("regression", f"{label} holds {n_different} different whole numbers in {len(numbers)} rows only.")
    return Task("classification", f"{label} holds only {n_different} different whole numbers in {len(numbers)} rows.")
