"""What training would make of combinations of columns whose inner constants lie on a grid.

A narrow peak next to the right place explains little, and stands behind many combinations that training cannot improve.
The derivatives of the columns by their inner constants, added to the linear model, tell how far the first step of a
training would come; how far it may go is limited, since the derivatives hold for small steps only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedform.engines.base import FloatArray
from closedform.library.pool import Recipe, build
from closedform.library.select import Selection
from closedform.screening.view import View
from closedform.symbolic.evaluate import jacobian_constants

# A step that changes a column by this share of its size costs this share of what is left without it.
_STEP, _COST_OF_A_STEP = 0.5, 0.1


class Tangents:
    """Columns of a pool with their derivatives by the inner constants, weighted and projected off what is always in.

    Parameters
    ----------
    recipes : sequence of recipe
        The pool.
    view : View
        The rows.
    rows : ndarray of int
        Those that count.
    root : ndarray of float
        Their weights.
    always : ndarray of shape (n_rows, k)
        Columns that are part of every combination, on the rows that count and weighted.
    target : ndarray of shape (n_rows,)
        The weighted target.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        view: View,
        rows: np.ndarray,
        root: FloatArray,
        always: FloatArray,
        target: FloatArray,
    ) -> None:
        self._recipes, self._source = recipes, {name: column[rows] for name, column in view.source.items()}
        self._root = root
        self._basis, _ = np.linalg.qr(always)
        self._target = self._off(target)
        self._known: dict[int, tuple[FloatArray, FloatArray]] = {}

    def after_a_step(self, selections: Sequence[Selection]) -> list[Selection]:
        """The selections with the mean square that they would leave, least first; those undefined are left out."""
        judged = [(self._left(one.columns), one) for one in selections]
        fine = sorted(((left, one) for left, one in judged if np.isfinite(left)), key=lambda item: item[0])
        return [Selection(one.columns, left) for left, one in fine]

    def _off(self, columns: FloatArray) -> FloatArray:
        found: FloatArray = columns - self._basis @ (self._basis.T @ columns)
        return found

    def _column(self, j: int) -> tuple[FloatArray, FloatArray]:
        """A column and its derivatives, each scaled so that a unit is the step that is allowed."""
        if j not in self._known:
            values, jacobian = jacobian_constants(build(self._recipes[j]), self._source)
            with np.errstate(all="ignore"):
                column = self._off(values * self._root)
                slopes = self._off(jacobian * self._root[:, None])
                sizes = np.linalg.norm(slopes, axis=0)
                moving = np.isfinite(sizes) & (sizes > 0)
                slopes = slopes[:, moving] * (_STEP * np.linalg.norm(column) / sizes[moving])
            self._known[j] = column, slopes
        return self._known[j]

    def _left(self, columns: tuple[int, ...]) -> float:
        parts = [self._column(j) for j in columns]
        plain = np.column_stack([column for column, _ in parts])
        with np.errstate(over="ignore"):
            norms = np.linalg.norm(plain, axis=0)
        # Not finite for columns whose squares leave float64 either.
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            return np.inf
        weights = np.linalg.lstsq(plain / norms, self._target, rcond=None)[0] / norms
        rest = self._target - plain @ weights
        before = float(rest @ rest)
        slopes = np.hstack([weight * steps for weight, (_, steps) in zip(weights, parts, strict=True)])
        design = np.hstack([plain / norms, slopes])
        penalty = np.zeros(design.shape[1])
        penalty[len(norms) :] = _COST_OF_A_STEP * before
        gram = design.T @ design + np.diag(penalty + 1e-12 * before)
        solved = np.linalg.solve(gram, design.T @ self._target)
        after = self._target - design @ solved
        return float(after @ after) / len(after)
