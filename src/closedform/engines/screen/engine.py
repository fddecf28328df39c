"""The screen engine: a library of subexpressions, combined in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from closedform.engines.base import Budget, Candidate, Problem
from closedform.screening.stages import Screen
from closedform.screening.workspace import Workspace


@dataclass(frozen=True)
class ScreenEngine:
    """Sums and products of library expressions, found by linear algebra on their values.

    In the language of LIES networks: two to four layers whose outer layers are solved in closed form instead of
    trained by descent.

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

    # It finds most of what is found.
    weight: ClassVar[float] = 3.0

    @property
    def name(self) -> str:
        """Name of the engine."""
        return "screen"

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        """Yield formulas as they are found. See :class:`closedform.engines.base.Engine`."""
        workspace = Workspace(problem, budget, rng, self.name)
        for candidate in archive:
            yield from workspace.judge(candidate.expression)
        yield from Screen(self.max_terms, self.library_size, self.log_space, self.device).run(workspace, rng)
