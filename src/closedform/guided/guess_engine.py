"""The search around formulas that the user expects: they and their parts are columns of a wider table.

Sums and products of columns and parts of a guess, as the screen finds them, are corrections of the guess: a term or a
factor that it lacks, another combination of the pieces it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from closedform.engines.base import Budget, Candidate, Problem
from closedform.screening.stages import Screen
from closedform.screening.workspace import Workspace
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression
from closedform.symbolic.refit import refit

_MOST_PARTS = 8
_RESTARTS = 8
_FEWEST_ROWS = 8


@dataclass(frozen=True, eq=False)
class GuessEngine:
    """Guesses, refitted, and what the screen makes of them and their parts.

    Parameters
    ----------
    guesses : tuple of Expression
        Over the columns of the problem.
    max_terms : int, default=3
        Terms or factors that are combined.
    library_size : int, default=800
        Columns of the library.
    """

    guesses: tuple[Expression, ...]
    max_terms: int = 3
    library_size: int = 800

    @property
    def name(self) -> str:
        """Name of the engine."""
        return "guess"

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        """Yield formulas as they are found. See :class:`closedform.engines.base.Engine`."""
        workspace = Workspace(problem, budget, rng, self.name)
        del archive
        # Fitted before anything is simplified: 1.0 in a guess is a constant like others, not a factor to leave out.
        fitted = [_fitted(guess, workspace.fitted, rng) for guess in self.guesses]
        for guess in fitted:
            yield from workspace.judge(guess)
        # The constants of an incomplete guess may be right and the fitted ones wrong, so both are started from.
        guesses = list(dict.fromkeys([*self.guesses, *fitted]))
        steps = [step for guess in guesses for step in _corrections(guess, workspace.fitted)]
        for position, (part, put_back) in enumerate(steps):
            if workspace.solved or budget.expired():
                return
            around = Workspace(part, budget.share(1 / (len(steps) - position)), rng, self.name)
            for candidate in Screen(self.max_terms, self.library_size).run(around, rng):
                yield from workspace.judge(put_back(candidate.expression))
                if workspace.solved:
                    return


_PutBack = Callable[[Expression], Expression]


def _corrections(guess: Expression, problem: Problem) -> Iterator[tuple[Problem, _PutBack]]:
    """Problems whose solutions correct a guess, and how: a factor, a term, another combination of its parts."""
    # The formulas of these problems are only parts of what the user will see.
    bare = replace(problem, requirements=(), max_complexity=2 * problem.max_complexity)
    values = np.broadcast_to(evaluate(guess, problem.columns), problem.y.shape)
    usable = np.flatnonzero(np.isfinite(values) & (values != 0.0))
    with np.errstate(over="ignore"):
        ratio = problem.y[usable] / values[usable]
    if guess.variables and np.isfinite(ratio).all() and len(usable) >= _FEWEST_ROWS:
        part = bare.rows(usable)
        weight = values[usable] ** 2 * (1.0 if part.sample_weight is None else part.sample_weight)
        yield replace(part, y=ratio, sample_weight=weight / weight.mean()), lambda found: guess * found
    if guess.variables and np.isfinite(values).all():
        yield replace(bare, y=problem.y - values), lambda found: guess + found
    parts = _parts(guess, problem)
    if parts:
        columns = [evaluate(part, problem.columns) for part in parts.values()]
        wider = replace(bare, X=np.column_stack([problem.X, *columns]), names=(*problem.names, *parts))
        yield wider, lambda found: found.substitute(parts)


def _fitted(guess: Expression, problem: Problem, rng: np.random.Generator) -> Expression:
    if not guess.n_constants:
        return guess
    return refit(
        guess,
        problem.columns,
        problem.y,
        weights=problem.sample_weight,
        loss=problem.loss,
        restarts=_RESTARTS,
        rng=rng,
    ).expression


def _parts(guess: Expression, problem: Problem) -> dict[str, Expression]:
    """The guess and its largest parts that vary and have values on all rows, by their text."""
    parts: dict[str, Expression] = {}
    for node in sorted(guess.canonical().walk(), key=lambda one: -one.size):
        if node.kind != "apply" or not node.variables or str(node) in problem.names:
            continue
        values = evaluate(node, problem.columns)
        if np.isfinite(values).all() and np.ptp(values) > 0.0:
            parts.setdefault(str(node), node)
        if len(parts) == _MOST_PARTS:
            break
    return parts
