"""The structure engine: cut a problem down by what the data say about the law, search the pieces, glue them back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from closedform.engines.base import Budget, Candidate, Problem
from closedform.engines.structure.pieces import linear_formulas, reduced_formulas, split_formulas
from closedform.screening.stages import Screen
from closedform.screening.workspace import Workspace
from closedform.structure.study import Study, study
from closedform.units.rules import UnitRules

# Share of the time in which structure is looked for.
_SHARE_TO_STUDY = 0.25


@dataclass(frozen=True)
class StructureEngine:
    """Smaller problems first: fewer columns, pure numbers instead of quantities with units, sums and products apart.

    Each way to cut the problem down (see :mod:`closedform.structure`) gives problems with fewer columns, which are
    screened; what is found there is put together again and fitted to the whole problem.

    Parameters
    ----------
    max_terms : int, default=4
        Terms or factors that are combined in closed form.
    library_size : int, default=5000
        Columns of the largest library.
    known : Study, optional
        What is known about the structure of the problem; it is looked into otherwise.

    References
    ----------
    S.-M. Udrescu and M. Tegmark, "AI Feynman: a physics-inspired method for symbolic regression", Science Advances 6
    (2020), eaay2631, with the surrogate solved instead of trained.
    """

    max_terms: int = 4
    library_size: int = 5000
    known: Study | None = None

    # Each piece is a search of its own.
    weight: ClassVar[float] = 2.0

    @property
    def name(self) -> str:
        """Name of the engine."""
        return "structure"

    def informed(self, known: Study) -> StructureEngine:
        """The engine with what is known already about the structure of the problem that it will be given.

        Parameters
        ----------
        known : Study
            What :func:`closedform.structure.study.study` found on the rows of that problem.
        """
        return replace(self, known=known)

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        """Yield formulas as they are found. See :class:`closedform.engines.base.Engine`."""
        workspace = Workspace(problem, budget, rng, self.name)
        for candidate in archive:
            yield from workspace.judge(candidate.expression)
        screen = Screen(self.max_terms, self.library_size)
        forms = self._study(problem, budget).forms
        for position, form in enumerate(forms):
            # The first form has the fewest columns.
            share = budget.share(2 / (len(forms) - position + 1))
            for search in (split_formulas, linear_formulas, reduced_formulas):
                for expression in search(form, problem, screen, share, rng):
                    yield from workspace.judge(expression)
                    if workspace.solved or budget.expired():
                        return
        # A table that says nothing about its structure: too few rows, too many columns.
        if not forms:
            yield from screen.run(workspace, rng)

    def _study(self, problem: Problem, budget: Budget) -> Study:
        if self.known is not None:
            return self.known
        rules = next((one for one in problem.requirements if isinstance(one, UnitRules)), None)
        share = budget.share(_SHARE_TO_STUDY)
        return study(problem.names, problem.X, problem.y, problem.sample_weight, rules=rules, expired=share.expired)
