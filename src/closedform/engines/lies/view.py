"""A problem as a stage sees it: some columns, a target, and how the original target is put together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from closedform.engines.base import FloatArray, Problem
from closedform.library.grow import product_recipe
from closedform.library.pool import Recipe
from closedform.library.powers import PowerFactors, power_factors
from closedform.library.symmetry import Column, reduce


@dataclass(frozen=True, eq=False)
class View:
    """Columns and target of a (reduced) problem.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Columns that may occur.
    y : ndarray of shape (n_rows,)
        Target of the reduced problem.
    recipes : tuple of recipe
        What each column is in terms of the variables.
    source : mapping of str to ndarray
        The variables on the same rows.
    prefix : recipe
        The original target is ``prefix * reduced target``.
    """

    X: FloatArray
    y: FloatArray
    recipes: tuple[Recipe, ...]
    source: Mapping[str, FloatArray]
    prefix: Recipe = 1

    def whole(self, reduced: Recipe) -> Recipe:
        """The formula of the original target from that of the reduced one."""
        return reduced if self.prefix == 1 else ("mul", self.prefix, reduced)


def whole_view(problem: Problem) -> View:
    """All columns, nothing divided out."""
    return View(problem.X, problem.y, tuple(("var", name) for name in problem.names), problem.columns)


def without_power_factors(problem: Problem) -> View | None:
    """The problem without the variables that enter as a power only; None where there are none, or only such."""
    factors = power_factors(problem.X, problem.y)
    if not factors.columns or len(factors.columns) == problem.n_features:
        return None
    kept = [j for j in range(problem.n_features) if j not in factors.columns]
    return View(
        np.ascontiguousarray(problem.X[:, kept]),
        problem.y / factors.values(problem.X),
        tuple(("var", problem.names[j]) for j in kept),
        problem.columns,
        _prefix(problem, factors),
    )


def with_merged_columns(view: View) -> View | None:
    """The view with columns merged that matter only together; None where there are none."""
    columns = tuple(Column(view.X[:, j], recipe) for j, recipe in enumerate(view.recipes))
    reduction = reduce(columns, view.y)
    if len(reduction.columns) == len(columns):
        return None
    powers: list[tuple[Recipe, Fraction | float]] = [(view.prefix, 1)] if view.prefix != 1 else []
    return View(
        np.column_stack([column.values for column in reduction.columns]),
        view.y / reduction.factor,
        tuple(column.recipe for column in reduction.columns),
        view.source,
        product_recipe([*powers, *reduction.powers]),
    )


def on_rows(view: View, index: np.ndarray) -> View:
    """The view on some of its rows."""
    source = {name: column[index] for name, column in view.source.items()}
    return View(np.ascontiguousarray(view.X[index]), view.y[index], view.recipes, source, view.prefix)


def _prefix(problem: Problem, factors: PowerFactors) -> Recipe:
    """The product of the powers, of magnitudes where a variable is negative."""
    parts: list[tuple[Recipe, Fraction | float]] = []
    for j, exponent in zip(factors.columns, factors.exponents, strict=True):
        name: Recipe = ("var", problem.names[j])
        parts.append((name if problem.X[:, j].min() > 0 else ("mul", -1, name), exponent))
    return product_recipe(parts)
