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
from closedform.library.grids import grid_factors, grid_terms
from closedform.library.links import IDENTITY, Link
from closedform.library.pools import factor_pool, term_pool
from closedform.screening import proposals, recursion
from closedform.screening.moved import moved_targets
from closedform.screening.multiplied import common_factors
from closedform.screening.view import View, on_rows, whole_view
from closedform.screening.view import looks as looks_at
from closedform.screening.workspace import (
    GRID_QUOTAS,
    LIBRARY_QUOTAS,
    LONG_QUOTAS,
    NOISY_QUOTAS,
    PAIR_QUOTAS,
    SHORT_QUOTAS,
    Proposal,
    Quotas,
    Workspace,
)

# Seconds that a stage with a pool of this many columns takes on one core, roughly: pairs cost the square.
_SECONDS_PER_SQUARE = 2e-7
_GRID_COLUMNS = 3000
_COMMON_LINKS = 3
_MANY_PAIRS = 200
_FEW_COLUMNS = 2
# Single columns cost next to nothing, so that there may be many.
_SINGLES = 8000
_MONOMIALS = 24


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
    device : {"cpu", "cuda"}, default="cpu"
        Where all pairs of library columns are looked at.
    """

    max_terms: int = 4
    library_size: int = 5000
    log_space: bool = True
    device: str = "cpu"

    def run(self, workspace: Workspace, rng: np.random.Generator) -> Iterator[Candidate]:
        """Yield candidates stage by stage, until the problem is solved, the time is used up, or all has been tried."""
        for found in self.stage_by_stage(workspace, rng):
            yield from found

    def stage_by_stage(self, workspace: Workspace, rng: np.random.Generator) -> Iterator[Iterator[Candidate]]:
        """The same, for callers who want to know where a stage ends; they go through each before the next."""
        for stage in self._stages(workspace, rng):
            if workspace.solved or workspace.budget.expired():
                break
            yield workspace.judge_all(stage.proposals(), stage.quotas)
            workspace.stage_done()
        yield workspace.judge_postponed()
        yield workspace.last_word()

    def _stages(self, workspace: Workspace, rng: np.random.Generator) -> Iterator[Stage]:
        """What is tried, in order: later stages cost more."""
        operators = workspace.problem.operators
        everything = whole_view(workspace.fitted, self.device)
        yield Stage(lambda: iter(proposals.affine(on_rows(everything, workspace.screened))))
        seen = looks_at(workspace.fitted, everything, self.log_space)
        workspace.level = seen.level
        looks = [on_rows(view, workspace.screened) for view in seen.views]
        whole = looks[-1]
        if self.log_space:
            yield Stage(lambda: proposals.products_of_powers(whole, operators))
        for view in looks:
            yield Stage(partial(proposals.polynomials, view, operators, 9))
        # With noise many short formulas of few columns are as good as the true one: no short cuts then.
        clean = looks if whole.noise is None else []
        # But of one column a library without inner constants offers little else than such formulas.
        for view in looks:
            if view in clean or len(view.recipes) == 1:
                yield from self._single_units(view, workspace, rng)
        sizes = sorted({min(size, self.library_size) for size in (800, 2500, self.library_size)})
        # A law of one or two columns is most of the way found: such a look is followed to its end first.
        small = [view for view in clean[:-1] if len(view.recipes) <= _FEW_COLUMNS][:1]
        others, clean_first = [view for view in looks if view not in small], next(iter(clean), None)
        for view in small:
            yield from self._library(view, sizes[0], workspace, rng)
            yield from self._remainders(view, workspace, rng)
            yield self._moved(view, workspace, rng)
            yield from self._inner_constants(view, workspace, rng)
        # But a look may be wrong, so that the others are not kept waiting for more than that.
        for view in others:
            if view.noise is not None and len(view.recipes) <= _FEW_COLUMNS:
                yield from self._few_noisy_columns(view, sizes[0], workspace, rng)
                continue
            yield from self._library(view, sizes[0], workspace, rng)
            if view is clean_first:
                yield from self._remainders(view, workspace, rng)
            if view.noise is None:
                yield self._moved(view, workspace, rng)
        for view in clean[1:]:
            yield from [] if view in small else self._remainders(view, workspace, rng)
        for view in small:
            yield from self._other_targets(view, common_factors(view), workspace, rng)
        for view in others:
            yield from self._inner_constants(view, workspace, rng)
        for view in looks:
            links = proposals.usable(view, operators)[_COMMON_LINKS:]
            more = [] if view in small else common_factors(view)
            yield from self._other_targets(view, [*links, *more], workspace, rng)
        for size in sizes[1:]:
            for view in looks:
                yield from self._library(view, size, workspace, rng)
        yield Stage(lambda: proposals.sparse_polynomials(whole, operators, 4, 8))
        for view in clean:
            yield self._once_more(view, workspace, rng)

    def _few_noisy_columns(
        self, view: View, size: int, workspace: Workspace, rng: np.random.Generator
    ) -> Iterator[Stage]:
        """Libraries of one or two columns with noise, and between them pairs of units with inner constants.

        With noise pairs are as far as such columns can be followed first; of one column there are few products.
        """
        *products, sums = self._library(view, size, workspace, rng)
        # What is left after a factor has been taken off is likely to be a product once more.
        alone = len(view.recipes) == 1 and view.prefix == 1
        first, second = ([sums], products) if alone else ([*products, sums], [])
        yield from first
        if len(view.recipes) > 1:
            yield from self._single_units(view, workspace, rng)
        made = partial(grid_terms, view.X, view.recipes, _GRID_COLUMNS, rng, workspace.problem.operators)
        yield Stage(lambda: proposals.sums_of_terms(view, made(), [IDENTITY], min(2, self.max_terms)), PAIR_QUOTAS)
        yield from second

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

    def _single_units(self, view: View, workspace: Workspace, rng: np.random.Generator) -> Iterator[Stage]:
        """One unit with inner constants inside the common outer units: many laws are no more than that."""
        operators = workspace.problem.operators
        made = partial(grid_terms, view.X, view.recipes, _SINGLES, rng, operators, _MONOMIALS)
        yield Stage(
            lambda: proposals.sums_of_terms(view, made(), proposals.usable(view, operators)[:_COMMON_LINKS], 1),
            # With noise the order of what is not trained yet says less.
            SHORT_QUOTAS if view.noise is None else NOISY_QUOTAS,
        )

    def _remainders(self, view: View, workspace: Workspace, rng: np.random.Generator) -> Iterator[Stage]:
        """Triples, ratios of sums, and what is left of the target over a factor or less a part."""
        for look in recursion.looks(self.log_space):
            yield Stage(partial(look, view, workspace.problem.operators, rng), recursion.QUOTAS)

    def _moved(self, view: View, workspace: Workspace, rng: np.random.Generator) -> Stage:
        """One or two units with inner constants inside an outer unit with a constant of its own."""
        depth = min(2, self.max_terms)
        return Stage(partial(moved_targets, view, workspace.problem.operators, depth, rng), GRID_QUOTAS)

    def _inner_constants(self, view: View, workspace: Workspace, rng: np.random.Generator) -> Iterator[Stage]:
        """Sums of units with inner constants, inside the common outer units, and products of them."""
        operators = workspace.problem.operators
        links = proposals.usable(view, operators)[:_COMMON_LINKS]
        limit, depth = min(_GRID_COLUMNS, _affordable(workspace.budget)), min(3, self.max_terms)
        yield Stage(
            lambda: proposals.sums_of_terms(
                view, grid_terms(view.X, view.recipes, limit, rng, operators), links, depth
            ),
            GRID_QUOTAS,
        )
        if self.log_space:
            yield Stage(
                lambda: proposals.products_of_factors(
                    view, grid_factors(view.X, view.recipes, limit, rng, operators), 2
                ),
                GRID_QUOTAS,
            )

    def _other_targets(
        self, view: View, links: list[Link], workspace: Workspace, rng: np.random.Generator
    ) -> Iterator[Stage]:
        """Sums of up to two units with inner constants, inside other outer units or times a power."""
        operators = workspace.problem.operators
        limit, depth = min(_GRID_COLUMNS, _affordable(workspace.budget)), min(2, self.max_terms)
        yield Stage(
            lambda: proposals.sums_of_terms(
                view, grid_terms(view.X, view.recipes, limit, rng, operators), links, depth
            ),
            GRID_QUOTAS,
        )

    def _once_more(self, view: View, workspace: Workspace, rng: np.random.Generator) -> Stage:
        """Sums of units with inner constants again, with those judged whose start is worse."""
        operators = workspace.problem.operators
        links = proposals.usable(view, operators)[:_COMMON_LINKS]
        limit, depth = min(_GRID_COLUMNS, _affordable(workspace.budget)), min(3, self.max_terms)
        return Stage(
            lambda: proposals.sums_of_terms(
                view, grid_terms(view.X, view.recipes, limit, rng, operators), links, depth, _MANY_PAIRS
            ),
            LONG_QUOTAS,
        )


def _affordable(budget: Budget) -> int:
    """The number of columns whose pairs can be looked at in a third of the time left."""
    return max(200, int((budget.remaining() / 3 / _SECONDS_PER_SQUARE) ** 0.5))
