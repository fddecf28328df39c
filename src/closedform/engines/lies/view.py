"""A problem as a stage sees it: some columns, a target, and how the original target is put together again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from closedform.engines.base import FloatArray, Problem
from closedform.library.grow import product_recipe
from closedform.library.pool import Recipe
from closedform.library.powers import power_factors


@dataclass(frozen=True, eq=False)
class View:
    """Columns and target of a (reduced) problem.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Columns that may occur.
    y : ndarray of shape (n_rows,)
        Target of the reduced problem.
    names : tuple of str
        Names of the columns.
    prefix : recipe
        The original target is ``prefix * reduced target``.
    """

    X: FloatArray
    y: FloatArray
    names: tuple[str, ...]
    prefix: Recipe = 1

    def whole(self, reduced: Recipe) -> Recipe:
        """The formula of the original target from that of the reduced one."""
        return reduced if self.prefix == 1 else ("mul", self.prefix, reduced)


def views(problem: Problem, rows: Problem) -> Iterator[View]:
    """Smaller problems first: pure power factors divided out (found on ``problem``), then the problem itself."""
    factors = power_factors(problem.X, problem.y)
    if factors.columns and len(factors.columns) < problem.n_features:
        kept = [j for j in range(problem.n_features) if j not in factors.columns]
        names = problem.names
        prefix = product_recipe(
            [
                (_magnitude(names[j], problem.X[:, j]), exponent)
                for j, exponent in zip(factors.columns, factors.exponents, strict=True)
            ]
        )
        reduced = rows.y / factors.values(rows.X)
        yield View(np.ascontiguousarray(rows.X[:, kept]), reduced, tuple(names[j] for j in kept), prefix)
    yield View(rows.X, rows.y, rows.names)


def _magnitude(name: str, column: FloatArray) -> Recipe:
    return ("var", name) if column.min() > 0 else ("mul", -1, ("var", name))
