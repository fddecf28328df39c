"""Formulas for a piece: units with inner constants first, because laws of one or two columns are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from closedform.engines.base import Budget, FloatArray, Problem
from closedform.library.grids import grid_factors, grid_terms
from closedform.library.pools import factor_pool, term_pool
from closedform.screening import proposals
from closedform.screening.view import View, on_rows, whole_view
from closedform.screening.workspace import Proposal, Workspace
from closedform.symbolic.expression import Expression

ROUNDS = (4, 2)
"""Stages that are gone through before formulas are glued, and again."""

_COLUMNS = 1200
_LINKS = 3
_QUOTAS = (30, 25, 12, 6)
# How many formulas a piece has, and what a node more has to gain in error (as a power of ten).
_MOST_FORMULAS = 6
_WORTH_OF_A_NODE = 0.1
# Shifts of a piece that are looked at, over its range from its smallest or largest value.
_SHIFTS = np.geomspace(0.003, 3.0, 24)
_CLEAR_GAIN = 0.3


class PieceSearch:
    """The search for formulas of one piece, which goes on when asked.

    How far it goes depends on what it finds and never on the clock, so that what is glued afterwards does not either.

    Parameters
    ----------
    problem : Problem
        The piece.
    left : float
        How well it is known: a share of its spread.
    max_terms : int
        Terms or factors of a formula.
    budget : Budget
        The time of the engine.
    rng : numpy.random.Generator
        Chooses rows, and the directions along which columns are compared.
    """

    def __init__(self, problem: Problem, left: float, max_terms: int, budget: Budget, rng: np.random.Generator) -> None:
        self._left = left
        self._scale = problem.scale
        self._workspace = Workspace(problem, budget, rng, "piece")
        view = on_rows(whole_view(self._workspace.fitted), self._workspace.screened)
        self._stages = _stages(view, max_terms, problem.operators, rng)
        self._costs: dict[Expression, float] = {}
        self._nearest = np.inf

    def advance(self, count: int) -> None:
        """Go through ``count`` stages more, or to the end, or until a formula is as near as the piece is known."""
        for stage in islice(self._stages, count):
            for candidate in self._workspace.judge_all(stage(), _QUOTAS):
                error = candidate.loss**0.5 / self._scale
                self._nearest = min(self._nearest, error)
                known = float(np.log10(error + self._left + 1e-12))
                self._costs[candidate.expression] = known + _WORTH_OF_A_NODE * candidate.complexity
            if self._workspace.solved or self._workspace.budget.expired():
                return

    @property
    def near(self) -> bool:
        """Whether a formula was found that is as near as the piece is known."""
        return self._workspace.solved or self._nearest < self._left

    @property
    def found(self) -> list[tuple[float, Expression]]:
        """The best formulas and their costs: error, as far as the piece is known, against size."""
        best = sorted(self._costs, key=lambda expression: self._costs[expression])[:_MOST_FORMULAS]
        return [(self._costs[expression], expression) for expression in best]


def _stages(
    view: View, max_terms: int, operators: frozenset[str], rng: np.random.Generator
) -> Iterator[Callable[[], Iterator[Proposal]]]:
    links = proposals.usable(view, operators)[:_LINKS]
    settings = (view.X, view.recipes, _COLUMNS, rng, operators)
    yield lambda: iter(proposals.affine(view))
    yield lambda: proposals.products_of_powers(view, operators)
    yield lambda: proposals.products_of_factors(view, grid_factors(*settings), max_terms - 1)
    yield lambda: proposals.sums_of_terms(view, grid_terms(*settings), links, max_terms)
    yield lambda: proposals.products_of_factors(view, factor_pool(*settings), max_terms)
    yield lambda: proposals.sums_of_terms(view, term_pool(*settings), links, max_terms)


def as_product(X: FloatArray, values: FloatArray) -> FloatArray:
    """The values moved so that they are a product of functions of one column each, where a shift makes them one.

    What a sum leaves open is a constant in each of its pieces; for a product it has to be the right one.
    """
    low, high, span = float(values.min()), float(values.max()), float(np.ptp(values))
    moved = [values, *(values - low + share * span for share in _SHIFTS)]
    moved += [values - high - share * span for share in _SHIFTS]
    design = _curves(X)
    errors = [_unexplained(design, np.log(np.abs(shifted))) if (shifted != 0).all() else 1.0 for shifted in moved[1:]]
    best = int(np.argmin(errors))
    # Far shifts make a sum of anything: what counts is a clear minimum in between.
    return moved[1 + best] if errors[best] < _CLEAR_GAIN * _unexplained(design, values) else values


def _curves(X: FloatArray) -> FloatArray:
    """Powers of each column, no products of two."""
    centred = (X - X.mean(axis=0)) / np.where(np.ptp(X, axis=0) > 0, np.ptp(X, axis=0), 1.0)
    return np.column_stack([np.ones(len(X)), *(centred**power for power in range(1, 7))])


def _unexplained(design: FloatArray, target: FloatArray) -> float:
    """Share of the variance that a linear model leaves."""
    solution = np.linalg.lstsq(design, target, rcond=None)[0]
    variance = float(np.var(target))
    return float(np.mean((target - design @ solution) ** 2)) / variance if variance > 0 else 1.0
