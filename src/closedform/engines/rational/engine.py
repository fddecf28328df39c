"""The distillation engine: pieces of a Rational ANOVA Network as small problems, their formulas glued and refitted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from closedform.additive.candidates import make_features
from closedform.additive.exact import exact_law
from closedform.additive.families import Squared
from closedform.additive.train import location_and_scale
from closedform.engines.base import Budget, Candidate, FloatArray, Problem
from closedform.engines.rational.formulas import ROUNDS, PieceSearch, as_product
from closedform.engines.rational.pieces import Decomposition, Piece, decompose, table_of
from closedform.library.pool import Recipe, build
from closedform.library.powers import one_sign
from closedform.library.relevance import most_relevant
from closedform.losses import SquaredLoss
from closedform.screening import proposals
from closedform.screening.view import View, on_rows, whole_view
from closedform.screening.workspace import Workspace
from closedform.symbolic.expression import Expression

_FEWEST_ROWS = 40
_MOST_COLUMNS = 20
_PIECE_ROWS = 400
_PIECE_COMPLEXITY = 24
_MOST_GLUED = 60
_SECONDS_FOR_A_LAW = 1.0


@dataclass(frozen=True)
class _Space:
    """A way to see the target as a sum.

    Parameters
    ----------
    forward : callable
        From y to the sum.
    defined : callable
        Whether there is one.
    factors : bool
        Whether the sum is that of the logarithms of factors.
    outer : callable
        The recipe of y from that of the sum, or of the product.
    """

    forward: Callable[[FloatArray], FloatArray]
    defined: Callable[[FloatArray], bool]
    factors: bool
    outer: Callable[[Recipe], Recipe]


_SPACES = (
    _Space(lambda y: y, lambda y: True, False, lambda z: z),
    _Space(lambda y: np.log(np.abs(y)), one_sign, True, lambda z: z),
    _Space(lambda y: 1.0 / y, one_sign, False, lambda z: ("pow", z, -1)),
    _Space(lambda y: y * y, one_sign, False, lambda z: ("pow", z, 0.5)),
)


@dataclass(frozen=True, eq=False)
class _Task:
    """A target, moved and scaled, as a sum of pieces."""

    space: _Space
    shift: float
    scale: float
    sum: Decomposition

    @property
    def left(self) -> float:
        """How well the pieces are known, as a share of their spread."""
        return self.sum.left * self.scale if self.space.factors else self.sum.left


@dataclass(frozen=True)
class RationalEngine:
    """Sums and products of functions of few columns: a Rational ANOVA Network is fitted, and its effects are distilled.

    Each piece, a function of one to three columns, is a far easier problem than the whole. The formulas found for the
    pieces are glued, and all constants are refitted on the problem itself.

    Parameters
    ----------
    max_terms : int, default=2
        Terms or factors of the formula of a piece.
    """

    max_terms: int = 2

    # What separate effects explain, structure usually finds first.
    weight: ClassVar[float] = 0.5

    @property
    def name(self) -> str:
        """Name of the engine."""
        return "rational"

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        """Yield formulas as they are found. See :class:`closedform.engines.base.Engine`."""
        workspace = Workspace(problem, budget, rng, self.name)
        for candidate in archive:
            yield from workspace.judge(candidate.expression)
        everything = whole_view(workspace.fitted)
        yield from workspace.judge_all(iter(proposals.affine(on_rows(everything, workspace.screened))), (60,))
        small = _narrowed(workspace.fitted, everything)
        if small.n_samples < _FEWEST_ROWS or not small.names or np.ptp(small.y) == 0.0 or workspace.solved:
            return
        if budget.remaining() > _SECONDS_FOR_A_LAW:
            law = _law(small)
            if law is not None:
                yield from workspace.judge(law)
        if not workspace.solved:
            yield from self._distilled(small, workspace, rng)

    def _distilled(self, problem: Problem, workspace: Workspace, rng: np.random.Generator) -> Iterator[Candidate]:
        """Candidates from the formulas of all pieces, round by round."""
        tasks = _tasks(problem, workspace.budget)
        searches = [
            [
                PieceSearch(_problem_of(piece, task, problem), task.left, self.max_terms, workspace.budget, rng)
                for piece in task.sum.pieces
            ]
            for task in tasks
        ]
        for turn, count in enumerate(ROUNDS):
            for task, pieces in zip(tasks, searches, strict=True):
                waiting = [piece for piece in pieces if turn == 0 or not piece.near]
                for piece in waiting:
                    piece.advance(count)
                for glued in _glued(task, [piece.found for piece in pieces]) if waiting else ():
                    if workspace.solved or workspace.budget.expired():
                        return
                    yield from workspace.judge(glued)


def _narrowed(problem: Problem, everything: View) -> Problem:
    """The problem on the columns that tell most, for the squared loss and without requirements."""
    varying = np.flatnonzero(np.ptp(everything.X, axis=0) > 0)
    kept = varying[most_relevant(everything.X[:, varying], problem.y, _MOST_COLUMNS)] if len(varying) else varying
    X = np.ascontiguousarray(everything.X[:, kept])
    names = tuple(everything.recipes[j][1] for j in kept.tolist())
    return replace(problem, X=X, names=names, loss=SquaredLoss(), requirements=())


def _law(problem: Problem) -> Expression | None:
    """The ratio of polynomials that the rows follow, if there is one."""
    data = table_of(problem.X, problem.names, problem.y, problem.sample_weight)
    return exact_law(data.columns, make_features(data), data.names, problem.y)


def _tasks(problem: Problem, budget: Budget) -> list[_Task]:
    """The target in each space in which it is a sum, the best first."""
    tasks = []
    for space in _SPACES:
        if not space.defined(problem.y) or budget.expired():
            continue
        with np.errstate(all="ignore"):
            z = space.forward(problem.y)
        data = table_of(problem.X, problem.names, z, problem.sample_weight)
        shift, scale = location_and_scale(z, data.weight, Squared())
        if not (np.isfinite(z).all() and np.ptp(z) > 0 and np.isfinite(scale) and scale > 0):
            continue
        found = decompose(replace(data, y=(z - shift) / scale), budget.expired)
        if found is not None:
            tasks.append(_Task(space, shift, scale, found))
    return sorted(tasks, key=lambda task: task.sum.left)


def _problem_of(piece: Piece, task: _Task, problem: Problem) -> Problem:
    """A piece as a problem of its own."""
    step = max(1, problem.n_samples // _PIECE_ROWS)
    if task.space.factors:
        y = np.exp(task.scale * piece.values)
    else:
        y = piece.values if len(piece.columns) == 1 else as_product(problem.X[:, list(piece.columns)], piece.values)
    weight = problem.sample_weight
    return replace(
        problem,
        X=np.ascontiguousarray(problem.X[::step, list(piece.columns)]),
        y=np.ascontiguousarray(y[::step]),
        names=tuple(problem.names[j] for j in piece.columns),
        sample_weight=None if weight is None else weight[::step],
        max_complexity=min(problem.max_complexity, _PIECE_COMPLEXITY),
    )


def _glued(task: _Task, found: Sequence[Sequence[tuple[float, Expression]]]) -> Iterator[Expression]:
    """Whole formulas out of one formula for each piece, the cheapest first."""
    chosen = sorted(itertools.product(*found), key=lambda parts: sum(cost for cost, _ in parts))
    offset = task.shift + task.scale * task.sum.offset
    for parts in chosen[:_MOST_GLUED]:
        formulas = [formula for _, formula in parts]
        if task.space.factors:
            with np.errstate(over="ignore"):
                whole: Recipe = ("mul", float(np.exp(offset)), *formulas)
        else:
            whole = ("add", offset, ("mul", task.scale, ("add", *formulas)))
        yield build(task.space.outer(whole))
