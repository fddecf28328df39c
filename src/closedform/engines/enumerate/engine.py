"""The enumeration engine: layers of expressions, and targets taken apart until what is left is one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from closedform.engines.base import Budget, Candidate, FloatArray, Problem
from closedform.engines.enumerate.layers import Layers
from closedform.engines.enumerate.leaves import leaves, narrowed
from closedform.engines.enumerate.matches import Matcher, links_for
from closedform.library.links import usable_links
from closedform.library.pool import Batch, Pool
from closedform.library.pools import as_factors
from closedform.screening import proposals
from closedform.screening.view import View, on_rows, whole_view, with_merged_columns, without_power_factors
from closedform.screening.workspace import Proposal, Workspace

# Rows on which entries are compared, and the fewest that tell columns apart.
_ROWS = 32
_FEWEST_ROWS = 8
# Tables that are searched one after the other, and the share of their entries that is taken off the target.
_SIZES = tuple(4000 * 6**k for k in range(8))
_SHARE_TAKEN_OFF = 2
_POOL = 2500
_LINKS = 5
_QUOTAS = (60, 10, 20, 8)


@dataclass(frozen=True)
class EnumerateEngine:
    """Nested formulas, found by looking up what is left of the target among hundreds of thousands of expressions.

    Parameters
    ----------
    max_expressions : int, default=400000
        Largest number of expressions in a table; each takes about 300 bytes.
    max_terms : int, default=3
        Terms or factors out of the simplest expressions that are combined in closed form.

    References
    ----------
    "Discovering symbolic expressions with parallelized tree search", arXiv 2407.04405.
    """

    max_expressions: int = 400_000
    max_terms: int = 3

    # The best of what others have found are leaves of its own expressions.
    builds_on_others: ClassVar[bool] = True
    # Of laws that the others leave, few are short enough to be among all expressions.
    weight: ClassVar[float] = 0.5

    @property
    def name(self) -> str:
        """Name of the engine."""
        return "enumerate"

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        """Yield formulas as they are found. See :class:`closedform.engines.base.Engine`."""
        workspace = Workspace(problem, budget, rng, self.name)
        for candidate in archive:
            yield from workspace.judge(candidate.expression)
        for found in self._batches(workspace, archive, rng):
            if workspace.solved or budget.expired():
                return
            yield from workspace.judge_all(found, _QUOTAS)

    def _batches(
        self, workspace: Workspace, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Iterator[Proposal] | list[Proposal]]:
        """Proposals that are to be judged together, and now and then none, for a look at the clock."""
        everything = whole_view(workspace.fitted)
        whole = on_rows(everything, workspace.screened)
        yield proposals.affine(whole)
        if not _can_match(whole.y):
            return
        operators = workspace.problem.operators
        matchers = [matcher(view, archive, operators, rng) for view in _looks(everything, workspace.screened)]
        sizes = [*(size for size in _SIZES if size < self.max_expressions), self.max_expressions]
        for turn, size in enumerate(sizes):
            for one in matchers:
                yield from ([] for _ in one.layers.grow(size))
                yield from one.whole()
            for one in matchers:
                yield from one.split(size // _SHARE_TAKEN_OFF)
            if turn == min(1, len(sizes) - 1):
                for one in matchers:
                    yield from self._combined(one, operators, rng)

    def _combined(
        self, matcher: Matcher, operators: frozenset[str], rng: np.random.Generator
    ) -> Iterator[Iterator[Proposal]]:
        """Sums and products of the simplest entries with coefficients of their own, which also noise allows."""
        view = matcher.view
        batch = matcher.layers.batch(range(min(_POOL, len(matcher.layers))))
        pool = _pool(batch, operators, rng)
        for link in usable_links(view.y, operators)[:_LINKS]:
            yield proposals.sums_of_terms(view, pool, [link], self.max_terms)
        yield proposals.products_of_factors(view, _pool(as_factors(batch), operators, rng), self.max_terms - 1)


def matcher(view: View, archive: tuple[Candidate, ...], operators: frozenset[str], rng: np.random.Generator) -> Matcher:
    """A view with its leaves as the first entries."""
    rows = np.sort(rng.permutation(len(view.y))[:_ROWS])
    return Matcher(view, Layers(leaves(view, archive), rows, rng, operators), rows, links_for(operators))


def _looks(everything: View, rows: np.ndarray) -> list[View]:
    """The problem reduced in one or the other way, and as it is."""
    reduced = without_power_factors(everything)
    merged = with_merged_columns(reduced or everything)
    return [on_rows(narrowed(view), rows) for view in (merged, reduced, everything) if view is not None]


def _can_match(y: FloatArray) -> bool:
    """Whether there are rows enough to tell expressions apart, and something to be explained."""
    return len(y) >= _FEWEST_ROWS and bool(np.ptp(y) > 0)


def _pool(batch: Batch, operators: frozenset[str], rng: np.random.Generator) -> Pool:
    pool = Pool(len(batch.values), len(batch), rng, operators)
    pool.add(batch)
    return pool
