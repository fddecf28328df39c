"""Constants that each group of rows has of its own, in a formula that all groups share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError, did_you_mean
from closedform.preprocessing.wording import rows_text
from closedform.symbolic.expression import Expression, constant, variable

_SHOWN = 10


@dataclass(frozen=True)
class GroupConstants:
    """A table of constants by group.

    Parameters
    ----------
    labels : tuple of str
        The groups.
    own : tuple of int
        Positions, in the constants of the formula, of those that differ between groups; growing, may be none.
    values : tuple of tuple of float
        For each group its own constants.
    standard_errors : tuple of tuple of float
        The same for their standard errors; infinite for a constant that the rows do not fix.
    """

    labels: tuple[str, ...]
    own: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    standard_errors: tuple[tuple[float, ...], ...]

    def in_group(self, expression: Expression, label: Any) -> Expression:
        """Return a formula with the constants of one group.

        Parameters
        ----------
        expression : Expression
            The formula, with any own constants.
        label : object
            The group.

        Raises
        ------
        InputError
            If there is no such group, with the nearest one.
        """
        position = int(self.positions([label])[0])
        constants = np.array(expression.constants)
        constants[list(self.own)] = self.values[position]
        return expression.with_constants(constants)

    def positions(self, groups: Any) -> NDArray[np.intp]:
        """Return the position in `labels` of each row's group.

        Raises
        ------
        InputError
            For a label that was not there at fit time, with the first rows concerned.
        """
        known = {label: position for position, label in enumerate(self.labels)}
        texts = label_texts(groups)
        unseen = [row for row, text in enumerate(texts) if text not in known]
        if unseen:
            label = texts[unseen[0]]
            listed = ", ".join(self.labels[:_SHOWN]) + (", ..." if len(self.labels) > _SHOWN else "")
            raise InputError(
                f"there is no group {label!r}{did_you_mean(label, self.labels)} in {rows_text(unseen)}: its constants "
                f"were not fitted; known are {listed}."
            )
        return np.array([known[text] for text in texts], dtype=np.intp)


def own_names(count: int, taken: Sequence[str]) -> list[str]:
    """Names for constants that differ between groups, c1, c2, ..., that no column has."""
    stem = "c"
    while any(name.startswith(stem) and name[len(stem) :].isdigit() for name in taken):
        stem += "_"
    return [f"{stem}{number}" for number in range(1, count + 1)]


def with_names(expression: Expression, own: Sequence[int], names: Sequence[str]) -> Expression:
    """Return a formula with names in the place of some of its constants."""
    values = list(expression.constants)
    taken, replacements = set(values), {}
    for position, name in zip(own, names, strict=True):
        # A number that stands nowhere else marks the place.
        marker = next(number for number in map(float, range(10**9, 10**9 + len(values) + 1)) if number not in taken)
        taken.add(marker)
        values[position] = marker
        replacements[constant(marker)] = variable(name)
    return expression.with_constants(values).substitute(replacements)


def check_groups(groups: Any, n_rows: int) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Check the groups of a fit and return the position of each row's group, and the labels.

    Parameters
    ----------
    groups : array-like of shape (n_rows,)
        Words or whole numbers.
    n_rows : int
        Rows of the table.

    Raises
    ------
    InputError
        If there is not one label for each row, or only one group.
    """
    texts = label_texts(groups)
    if len(texts) != n_rows:
        raise InputError(f"groups must have one label for each of {n_rows} rows, got {len(texts)}.")
    labels = tuple(dict.fromkeys(texts))
    if len(labels) < 2:
        raise InputError(f"groups has the one label {labels[0]!r} in all rows: leave it out, or pass two groups.")
    if len(labels) > n_rows // 2:
        raise InputError(f"groups has {len(labels)} labels for {n_rows} rows: a group needs two rows on average.")
    known = {label: position for position, label in enumerate(labels)}
    return np.array([known[text] for text in texts], dtype=np.intp), labels


def label_texts(groups: Any) -> list[str]:
    """Return labels as text: 3 and 3.0 are the same group.

    Raises
    ------
    InputError
        If a label is missing, or groups are not one column.
    """
    values = groups.to_numpy() if hasattr(groups, "to_numpy") else np.asarray(groups, dtype=object)
    if values.ndim != 1:
        raise InputError(f"groups must be one column of labels, got an array of shape {values.shape}.")
    missing = [row for row, value in enumerate(values) if value is None or value != value]
    if missing:
        raise InputError(f"groups has no label in {rows_text(missing)}: fill in or remove these rows.")
    return [_text(value) for value in values.tolist()]


def _text(value: Any) -> str:
    if isinstance(value, Real) and not isinstance(value, bool) and float(value).is_integer():
        return str(int(float(value)))
    return str(value)


def group_name(groups: Any) -> str:
    """Name of a column of labels, "group" where it has none."""
    name = getattr(groups, "name", None)
    return name if isinstance(name, str) and name else "group"
