"""Columns and a target as the tests of structure see them, and smooth models of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closedform.library.pool import Recipe, build
from closedform.library.powers import one_sign
from closedform.library.symmetry import Column
from closedform.structure.surrogate import FloatArray, Mask, Surrogate
from closedform.symbolic.expression import Expression

MOST_ROWS = 2000
MOST_COLUMNS = 10

# Products of powers of other magnitudes leave float64.
_SMALLEST, _LARGEST = 1e-30, 1e30
# A logarithm of the target that is off by more than this says no more than that the model is useless there.
_FAR = 3.0


@dataclass(frozen=True, eq=False)
class Look:
    """A problem to be taken apart.

    Parameters
    ----------
    columns : tuple of Column
        What the target may depend on: values, and what they are in terms of the columns of the table.
    y : ndarray of shape (n_rows,)
        Target.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    scale : ndarray of shape (n_rows,)
        What an error of the target is to be multiplied by to be one of the target of the table, over its spread.
    """

    columns: tuple[Column, ...]
    y: FloatArray
    weight: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, names: Sequence[str], X: FloatArray, y: FloatArray, weight: FloatArray | None = None) -> Look:
        """The columns of a table that vary, on evenly spaced rows where there are very many."""
        rows = np.linspace(0, len(y) - 1, min(MOST_ROWS, len(y))).round().astype(np.intp)
        X, y = X[rows], y[rows]
        columns = tuple(Column(X[:, j], ("var", name)) for j, name in enumerate(names) if np.ptp(X[:, j]) > 0)
        spread = float(y.std())
        scale = np.full(len(y), 1.0 / spread if spread > 0 else 1.0)
        return cls(columns, y, np.ones(len(y)) if weight is None else weight[rows], scale)

    def with_columns(self, columns: Sequence[Column]) -> Look:
        """The same target as a function of other columns."""
        return Look(tuple(columns), self.y, self.weight, self.scale)

    def divided(self, factor: FloatArray) -> Look:
        """The target over a factor."""
        return Look(self.columns, self.y / factor, self.weight * factor**2, self.scale * np.abs(factor))

    def without(self, *positions: int) -> Look:
        """The same target as a function of the other columns."""
        return self.with_columns([column for k, column in enumerate(self.columns) if k not in positions])

    def coordinates(self, in_logs: bool) -> FloatArray:
        """Columns side by side, their logarithms where asked for and possible."""
        return np.column_stack([np.log(np.abs(c.values)) if in_logs and c.one_sign else c.values for c in self.columns])

    @property
    def usable(self) -> bool:
        """Whether the tests can say anything: neither too many columns nor too few rows, and all numbers moderate."""
        sizes = [float(np.abs(values).max()) for values in (*(c.values for c in self.columns), self.y)]
        moderate = all(_SMALLEST < size < _LARGEST for size in sizes)
        return 1 <= len(self.columns) <= MOST_COLUMNS and len(self.y) >= 12 * (1 + len(self.columns)) and moderate


@dataclass(frozen=True, eq=False)
class Model:
    """A smooth model of a look: a polynomial for y or log|y| of columns or their logarithms.

    Parameters
    ----------
    surrogate : Surrogate
        The polynomial.
    y, scale : ndarray of shape (n_rows,)
        The target itself, and the scale of its errors.
    in_logs, log_target : bool
        What the polynomial is for.
    """

    surrogate: Surrogate
    y: FloatArray
    scale: FloatArray
    in_logs: bool
    log_target: bool

    def residuals(self, mask: Mask | None = None) -> FloatArray:
        """Errors of the target itself on unseen rows, in units of the spread of the table's target."""
        found = self.surrogate.residuals(mask)
        if self.log_target:
            found = self.y * -np.expm1(-np.clip(found, -_FAR, _FAR))
        return np.asarray(found * self.scale)

    def error(self, mask: Mask | None = None) -> float:
        """Mean squared error of the target on unseen rows over its variance."""
        return mean_square(self.residuals(mask))


def mean_square(residuals: FloatArray) -> float:
    """Mean of squares without the largest two in a hundred: near a pole a few rows would say everything."""
    squared = np.sort(residuals**2)
    return float(squared[: max(1, int(0.98 * len(squared)))].mean()) + 1e-30


def model_of(look: Look, in_logs: bool, log_target: bool) -> Model:
    """The smooth model of a look in given coordinates."""
    target, weight = (np.log(np.abs(look.y)), look.weight * look.y**2) if log_target else (look.y, look.weight)
    return Model(Surrogate.fit(look.coordinates(in_logs), target, weight), look.y, look.scale, in_logs, log_target)


def best_model(look: Look) -> Model:
    """The smooth model of a look in the coordinates in which it predicts unseen rows best."""
    choices = [(False, False), (True, False)] if any(c.one_sign for c in look.columns) else [(False, False)]
    if one_sign(look.y):
        choices += [(in_logs, True) for in_logs, _ in choices]
    return min((model_of(look, *choice) for choice in choices), key=lambda model: model.error())


def best_surrogate(look: Look, target: FloatArray, weight: FloatArray) -> tuple[bool, Surrogate]:
    """Whether logarithms of the columns predict a target better on unseen rows, and the polynomial that does best.

    Parameters
    ----------
    look : Look
        Its columns are used.
    target : ndarray of shape (n_rows,)
        A function of its target.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    """
    surrogates = [Surrogate.fit(look.coordinates(in_logs), target, weight) for in_logs in (False, True)]
    in_logs, surrogate = min(enumerate(surrogates), key=lambda pair: pair[1].error())
    return bool(in_logs), surrogate


def expression_of(column: Column) -> Expression:
    """A column in terms of the columns of the table, as a formula."""
    return build(column.recipe)


def names_of(columns: Sequence[Column]) -> tuple[str, ...]:
    """Columns of the table that occur in these columns."""
    return tuple(dict.fromkeys(name for column in columns for name in expression_of(column).variables))


def recipe_text(recipe: Recipe) -> str:
    """A recipe as people read it."""
    from closedform.symbolic.arrangement import arranged
    from closedform.symbolic.printing import to_text

    return to_text(arranged(build(recipe).canonical()), precision=5)
