"""The screen: stages from the simple to the involved, each ending in formulas with trained constants.

Every stage grows a pool of subexpressions, solves for the best combinations of them in closed form (linear algebra on
the Gram matrix), and has the most promising ones judged: constants trained, losses measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from closedform.engines.base import Budget, Candidate
from closedform.library.pools import factor_pool, term_pool
from closedform.screening import proposals
from closedform.screening.view import View, on_rows, whole_view, with_merged_columns, without_power_factors
from closedform.screening.workspace import GRID_QUOTAS, LIBRARY_QUOTAS, Proposal, Quotas, Workspace

# Seconds that a stage with a pool of this many columns takes on one core, roughly: pairs cost the square.
_SECONDS_PER_SQUARE = 2e-7
_GRID_COLUMNS = 2500
_COMMON_LINKS = 3


@dataclass(frozen=True)
class Stage:
    """Proposals that are made together, and how many of each size are judged."""

    proposals: Callable[[], Iterator[Proposal]]
    quotas: Quotas = LIBRARY_QUOTAS


@dataclass(frozen=True)
class Screen:
    """Which stages there are, and how far each goes.

    Parameters
    ----------
    max_terms : int, default=4
        Terms or factors that are combined in closed form.
    library_size : int, default=5000
        Columns of the largest library.
    log_space : bool, default=True
        Products are looked for in the space of logarithms, and columns that enter as powers are divided out.
    """

    max_terms: int = 4
    library_size: int = 5000
    log_space: bool = True

    def run(self, workspace: Workspace, rng: np.random.Generator) -> Iterator[Candidate]:
        """Yield candidates stage by stage, until the problem is solved, the time is used up, or all has been tried."""
        for stage in self._stages(workspace, rng):
            if workspace.solved or workspace.budget.expired():
                return
            yield from workspace.judge_all(stage.proposals(), stage.quotas)
            workspace.stage_done()

    def _stages(self, workspace: Workspace, rng: np.random.Generator) -> Iterator[Stage]:
        """What is tried, in order: later stages cost more."""
        operators = workspace.problem.operators
        everything = whole_view(workspace.fitted)
        whole = on_rows(everything, workspace.screened)
        yield Stage(lambda: iter(proposals.affine(whole)))
        if self.log_space:
            yield Stage(lambda: proposals.products_of_powers(whole, operators))
        reduced = without_power_factors(everything) if self.log_space else None
        merged = with_merged_columns(reduced or everything)
        looks = [on_rows(view, workspace.screened) for view in (merged, reduced) if view is not None] + [whole]
        for view in looks:
            yield Stage(partial(proposals.polynomials, view, operators, 9))
        sizes = sorted({min(size, self.library_size) for size in (800, 2500, self.library_size)})
        for size in sizes:
            for view in looks:
                yield from self._library(view, size, workspace, rng)
            if size == sizes[0]:
                for common in (True, False):
                    for view in looks:
                        yield from self._inner_constants(view, common, operators, rng)
        yield Stage(lambda: proposals.sparse_polynomials(whole, operators, 4, 8))

    def _library(self, view: View, size: int, workspace: Workspace, rng: np.random.Generator) -> Iterator[Stage]:
        """Products and sums of subexpressions without inner constants, from libraries of one size."""
        limit, operators = min(size, _affordable(workspace.budget)), workspace.problem.operators
        links = proposals.usable(view, operators)
        if self.log_space:
            yield Stage(
                lambda: proposals.products_of_factors(
                    view, factor_pool(view.X, view.recipes, limit, rng, operators), self.max_terms - 1
                )
            )
        yield Stage(
            lambda: proposals.sums_of_terms(
                view, term_pool(view.X, view.recipes, limit, rng, operators), links, self.max_terms
            )
        )

    def _inner_constants(
        self, view: View, common: bool, operators: frozenset[str], rng: np.random.Generator
    ) -> Iterator[Stage]:
        """Sums and products of units with inner constants, inside the common outer units or inside the others."""
        usable = proposals.usable(view, operators)
        links = usable[:_COMMON_LINKS] if common else usable[_COMMON_LINKS:]
        depth = min(3 if common else 2, self.max_terms)
        yield Stage(
            lambda: proposals.sums_of_terms(
                view, proposals.grid_terms(view, _GRID_COLUMNS, rng, operators), links, depth
            ),
            GRID_QUOTAS,
        )
        if self.log_space and common:
            yield Stage(
                lambda: proposals.products_of_factors(
                    view, proposals.grid_factors(view, _GRID_COLUMNS, rng, operators), 2
                ),
                GRID_QUOTAS,
            )


def _affordable(budget: Budget) -> int:
    """The number of columns whose pairs can be looked at in a third of the time left."""
    return max(200, int((budget.remaining() / 3 / _SECONDS_PER_SQUARE) ** 0.5))
