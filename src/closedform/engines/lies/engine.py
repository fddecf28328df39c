"""The LIES engine: stages from the simple to the involved, each ending in formulas with trained constants."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from closedform.engines.base import Budget, Candidate, Problem
from closedform.engines.lies import screening
from closedform.engines.lies.sparse import random_power_sums
from closedform.engines.lies.view import View, on_rows, whole_view, with_merged_columns, without_power_factors
from closedform.engines.lies.workspace import GRID_QUOTAS, LIBRARY_QUOTAS, Proposal, Quotas, Workspace
from closedform.library.links import usable_links
from closedform.library.pools import factor_pool, term_pool
from closedform.threads import torch_threads

# Seconds that a stage with a pool of this many columns takes on one core, roughly: pairs cost the square.
_SECONDS_PER_SQUARE = 2e-7
_GRID_COLUMNS = 2500
_COMMON_LINKS = 3
_SECONDS_TO_LOAD_TORCH = 4.0


@dataclass(frozen=True)
class Stage:
    """Proposals that are made together, and how many of each size are judged."""

    proposals: Callable[[], Iterator[Proposal]]
    quotas: Quotas = LIBRARY_QUOTAS


@dataclass(frozen=True)
class LIESEngine:
    """Sparse networks of logarithm, identity, exponential and sine units, trained and read out as formulas.

    Parameters
    ----------
    init : {"screened", "random", "both"}, default="both"
        Where networks start: inner units from a library with the outer layers solved in closed form, or random weights
        as in the paper.
    depth : int, default=2
        Hidden layers of the networks with random start (the paper: number of inputs plus 1).
    width : int, default=2
        Units of each kind per layer (the paper: 1).
    restarts : int, default=16
        Networks with random start that are trained at once.
    loss : {"exp", "mse", "huber", "mae"}, default="mse"
        Training loss of networks with random start; the paper uses ``exp``.
    sparsity : {"admm", "logsum", "l1", None}, default="logsum"
        How weights are driven to zero.
    oversample : bool, default=True
        Draw part of the rows from the cell where the fit is worst, and train again.
    prune : bool, default=True
        Remove weights of low sensitivity, with a refit after every cut.
    log_space : bool, default=True
        Logarithms of columns of one sign, log|x|, are inputs too, and log|y| is fitted as well as y.
    second_order : bool, default=True
        Levenberg-Marquardt over all restarts at once; otherwise minibatch RMSprop, as in the paper.
    max_terms : int, default=4
        Terms or factors that are combined in closed form.
    library_size : int, default=5000
        Columns of the largest library.

    References
    ----------
    "Sparse Interpretable Deep Learning with LIES Networks for Symbolic Regression", arXiv 2506.08267.
    """

    init: Literal["screened", "random", "both"] = "both"
    depth: int = 2
    width: int = 2
    restarts: int = 16
    loss: Literal["exp", "mse", "huber", "mae"] = "mse"
    sparsity: Literal["admm", "logsum", "l1"] | None = "logsum"
    oversample: bool = True
    prune: bool = True
    log_space: bool = True
    second_order: bool = True
    max_terms: int = 4
    library_size: int = 5000

    @property
    def name(self) -> str:
        """Name of the engine."""
        return "lies"

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        """Yield formulas as they are found. See :class:`closedform.engines.base.Engine`."""
        workspace = Workspace(problem, budget, rng)
        for candidate in archive:
            yield from workspace.judge(candidate.expression)
        if self.init != "random":
            yield from self._screened(workspace, rng)
        # Loading torch takes some seconds, which must be there.
        needed = 0.0 if "torch" in sys.modules or self.init == "random" else _SECONDS_TO_LOAD_TORCH
        if self.init != "screened" and not workspace.solved and budget.remaining() > needed:
            yield from self._random(workspace, rng)

    def _screened(self, workspace: Workspace, rng: np.random.Generator) -> Iterator[Candidate]:
        for stage in self._stages(workspace, rng):
            if workspace.solved or workspace.budget.expired():
                return
            yield from workspace.judge_all(stage.proposals(), stage.quotas)

    def _stages(self, workspace: Workspace, rng: np.random.Generator) -> Iterator[Stage]:
        """What is tried, in order: later stages cost more."""
        operators = workspace.problem.operators
        everything = whole_view(workspace.fitted)
        whole = on_rows(everything, workspace.screened)
        yield Stage(lambda: iter(screening.affine(whole)))
        if self.log_space:
            yield Stage(lambda: screening.products_of_powers(whole, operators))
        reduced = without_power_factors(everything) if self.log_space else None
        merged = with_merged_columns(reduced or everything)
        looks = [on_rows(view, workspace.screened) for view in (merged, reduced) if view is not None] + [whole]
        for view in looks:
            yield Stage(partial(screening.polynomials, view, operators, 9))
        sizes = sorted({min(size, self.library_size) for size in (800, 2500, self.library_size)})
        for size in sizes:
            for view in looks:
                yield from self._library(view, size, workspace, rng)
            if size == sizes[0]:
                for common in (True, False):
                    for view in looks:
                        yield from self._inner_constants(view, common, operators, rng)
        yield Stage(lambda: screening.sparse_polynomials(whole, operators, 4, 8))

    def _library(self, view: View, size: int, workspace: Workspace, rng: np.random.Generator) -> Iterator[Stage]:
        """Products and sums of subexpressions without inner constants, from libraries of one size."""
        limit, operators = min(size, _affordable(workspace.budget)), workspace.problem.operators
        links = usable_links(view.y, operators)
        if self.log_space:
            yield Stage(
                lambda: screening.products_of_factors(
                    view, factor_pool(view.X, view.recipes, limit, rng, operators), self.max_terms - 1
                )
            )
        yield Stage(
            lambda: screening.sums_of_terms(
                view, term_pool(view.X, view.recipes, limit, rng, operators), links, self.max_terms
            )
        )

    def _inner_constants(
        self, view: View, common: bool, operators: frozenset[str], rng: np.random.Generator
    ) -> Iterator[Stage]:
        """Sums and products of units with inner constants, inside the common outer units or inside the others."""
        usable = usable_links(view.y, operators)
        links = usable[:_COMMON_LINKS] if common else usable[_COMMON_LINKS:]
        depth = min(3 if common else 2, self.max_terms)
        yield Stage(
            lambda: screening.sums_of_terms(
                view, screening.grid_terms(view, _GRID_COLUMNS, rng, operators), links, depth
            ),
            GRID_QUOTAS,
        )
        if self.log_space and common:
            yield Stage(
                lambda: screening.products_of_factors(
                    view, screening.grid_factors(view, _GRID_COLUMNS, rng, operators), 2
                ),
                GRID_QUOTAS,
            )

    def _random(self, workspace: Workspace, rng: np.random.Generator) -> Iterator[Candidate]:
        # torch is loaded when a network is trained, not when an engine is made.
        from closedform.engines.lies.dense import train_dense

        with torch_threads():
            for expression in train_dense(workspace.screen, self, rng, workspace.budget):
                yield from workspace.judge(expression)
                if workspace.solved or workspace.budget.expired():
                    return
        yield from workspace.judge_all(random_power_sums(workspace.screen, rng, self.restarts), GRID_QUOTAS)


def _affordable(budget: Budget) -> int:
    """The number of columns whose pairs can be looked at in a third of the time left."""
    return max(200, int((budget.remaining() / 3 / _SECONDS_PER_SQUARE) ** 0.5))
