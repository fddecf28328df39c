"""Formulas of a problem from formulas of smaller ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from closedform.engines.base import Budget, Candidate, FloatArray, Problem
from closedform.library.pool import FREE, Recipe, build
from closedform.library.symmetry import Column
from closedform.screening.stages import Screen
from closedform.screening.workspace import Workspace
from closedform.structure.linear import linear
from closedform.structure.look import Look
from closedform.structure.reductions import Reduced, reduced, relevant
from closedform.structure.splits import Split, split
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression

# Pieces are known as well as a smooth model knows them; more forms of one piece than this are not worth combining.
_MOST_FORMS = 4
_MOST_COMBINATIONS = 24
# A piece gets this share of the time that its split has, and no more seconds than this.
_SHARE_OF_A_PIECE = 0.6
# Of that, pieces of several columns may spend this share on being cut further, so many times.
_SHARE_TO_CUT = 0.5
_DEPTH = 2
# Errors of a piece over those of the whole, at most.
_BLUR = 6.0
_FEW_COLUMNS, _STAGES_BEFORE_A_CUT = 2, 10
# Relative error below which nothing is expected of a piece.
_LEAST_ACCURACY = 1e-9
_MOST_SECONDS = 6.0
# Stages that are gone through after the one in which a piece was described as well as it is known.
_STAGES_MORE = 2


def reduced_formulas(
    form: Reduced, problem: Problem, screen: Screen, budget: Budget, rng: np.random.Generator
) -> Iterator[Expression]:
    """Formulas of the whole problem from formulas of the reduced one.

    Parameters
    ----------
    form : Reduced
        The problem with fewer columns.
    problem : Problem
        The whole problem.
    screen : Screen
        How smaller problems are searched.
    budget : Budget
        Time for that.
    rng : numpy.random.Generator
        Draws rows and directions.
    """
    if not form.look.columns:
        yield _whole(build(FREE), form)
        return
    smaller = _problem(form.look.columns, form.look.y, form.look.weight, problem)
    for candidate in screen.run(Workspace(smaller, budget, rng, "structure"), rng):
        yield _whole(_in_columns(candidate.expression, form.look.columns), form)


def split_formulas(
    form: Reduced, problem: Problem, screen: Screen, budget: Budget, rng: np.random.Generator, depth: int = _DEPTH
) -> Iterator[Expression]:
    """Formulas of the whole problem from formulas of the pieces into which the reduced one falls.

    Parameters
    ----------
    form, problem, screen, budget, rng
        As in :func:`reduced_formulas`.
    depth : int, default=2
        How often pieces are cut into pieces of their own.
    """
    found = None if budget.expired() else split(form.look, form.model)
    if found is None:
        return
    forms: dict[int, list[Expression]] = {}
    accuracy = found.insight.evidence["error"]
    # Small pieces are soon done and leave their time to the others.
    for position in sorted(range(len(found.groups)), key=lambda k: len(found.groups[k])):
        share = _SHARE_OF_A_PIECE / (len(found.groups) - len(forms))
        time = _limited(budget, share)
        columns = tuple(form.look.columns[j] for j in found.groups[position])
        smaller = _problem(columns, found.pieces[position], _weight_of_piece(found, position, form), problem)
        piece = _best_forms(smaller, accuracy, screen, time, rng, depth)
        forms[position] = [_in_columns(one, columns) for one in piece]
    for combination in itertools.islice(_by_rank([forms[k] for k in sorted(forms)]), _MOST_COMBINATIONS):
        yield _whole(_glued(found, combination), form)


def linear_formulas(
    form: Reduced, problem: Problem, screen: Screen, budget: Budget, rng: np.random.Generator, depth: int = _DEPTH
) -> Iterator[Expression]:
    """Formulas ``g(A) + k(A) * m(B)`` of the whole problem: first m, then for each form of it g and k.

    Parameters
    ----------
    form, problem, screen, budget, rng, depth
        As in :func:`split_formulas`.
    """
    found = None if budget.expired() else linear(form.look, form.model)
    if found is None:
        return
    outer, inner = (tuple(form.look.columns[j] for j in group) for group in (found.outer, found.inner))

    def forms(columns: tuple[Column, ...], values: FloatArray, weight: FloatArray) -> tuple[Problem, list[Expression]]:
        time = _limited(budget, _SHARE_OF_A_PIECE)
        smaller = _problem(columns, values, weight, problem)
        return smaller, _best_forms(smaller, found.insight.evidence["error"], screen, time, rng, depth)

    smaller, functions = forms(inner, found.function, found.weight)
    for function in dict.fromkeys(without_affine(one) for one in functions):
        values = evaluate(function, smaller.columns)
        if not np.isfinite(values).all():
            continue
        g, k = found.coefficients(values)
        pairs = ((g, found.row_weight), (k, found.row_weight * values**2))
        choices = [[_in_columns(one, outer) for one in forms(outer, *pair)[1]] for pair in pairs]
        whole_function = _in_columns(function, inner)
        for constant, factor in itertools.islice(_by_rank(choices), _MOST_FORMS**2):
            yield _whole(build(found.link.outer(("add", constant, ("mul", factor, whole_function)))), form)


def _limited(budget: Budget, share: float) -> Budget:
    """A share of the time, and no more than a piece is worth."""
    return budget.share(min(share, _MOST_SECONDS / max(budget.remaining(), 1e-9)))


def without_affine(expression: Expression) -> Expression:
    """A formula without a constant added to it or multiplied with it, which solved coefficients make up for."""
    node = expression.canonical()
    while node.kind == "apply" and node.op.name in ("add", "mul"):
        kept = [argument for argument in node.args if argument.variables]
        if len(kept) == len(node.args):
            break
        node = kept[0] if len(kept) == 1 else build((node.op.name, *kept))
    return node


def _best_forms(
    problem: Problem, accuracy: float, screen: Screen, budget: Budget, rng: np.random.Generator, depth: int
) -> list[Expression]:
    """The forms that describe a piece best: error against length, as far as the piece is known."""
    best: dict[int, Candidate] = {}
    floor = (max(accuracy, _LEAST_ACCURACY) * problem.scale) ** 2
    # Several short formulas may be as good as the piece is known, and the first need not be the right one: it is the
    # stages that say when to stop, never the clock.
    left = math.inf
    workspace = Workspace(problem, budget, rng, "structure")
    stages, cuts = screen.stage_by_stage(workspace, rng), [_cut_further(workspace, accuracy, screen, rng, depth - 1)]
    # Two columns are searched first: that is quick, and often all there is to do.
    first = itertools.islice(stages, _STAGES_BEFORE_A_CUT if problem.n_features == _FEW_COLUMNS else 0)
    for found in itertools.chain(first, cuts if depth > 0 and problem.n_features > 1 else [], stages):
        for candidate in found:
            known = best.get(candidate.complexity)
            if known is None or candidate.loss < known.loss:
                best[candidate.complexity] = candidate
            if candidate.loss < floor:
                left = min(left, _STAGES_MORE)
        if left <= 0:
            break
        left -= 1
    front: list[Candidate] = []
    for candidate in sorted(best.values(), key=lambda one: one.complexity):
        if not front or candidate.loss < 0.9 * front[-1].loss:
            front.append(candidate)
    front.sort(key=lambda one: _description(one, problem, floor))
    return [candidate.expression for candidate in front[:_MOST_FORMS]]


def _cut_further(
    workspace: Workspace, accuracy: float, screen: Screen, rng: np.random.Generator, depth: int
) -> Iterator[Candidate]:
    """Formulas of a piece of several columns from what its own structure says."""
    problem, time = workspace.problem, workspace.budget.share(_SHARE_TO_CUT)
    # A piece is as smooth as the model that it comes from, whose errors would pass for structure: noise hides them.
    blurred = problem.y + rng.normal(scale=_BLUR * accuracy * problem.scale, size=problem.n_samples)
    look = Look.of(problem.names, problem.X, blurred, problem.sample_weight)
    if not look.usable or time.expired():
        return
    form = reduced(relevant(look), time.expired)
    for search in (split_formulas, linear_formulas):
        for expression in search(form, problem, screen, time, rng, depth):
            yield from workspace.judge(expression)
    # The screen itself merges and divides; what it would see again is not worth its time.
    if any(one.kind == "together" for one in form.insights):
        for expression in reduced_formulas(form, problem, screen, time, rng):
            yield from workspace.judge(expression)


def _description(candidate: Candidate, problem: Problem, floor: float) -> float:
    """Bits, up to a constant: of the errors (as far as the piece is known), the nodes and the constants."""
    bits = 0.5 * problem.n_samples * math.log2(candidate.loss + floor)
    return bits + 5.0 * candidate.complexity + 0.5 * math.log2(problem.n_samples) * candidate.expression.n_constants


def _by_rank(forms: Sequence[Sequence[Expression]]) -> Iterator[tuple[Expression, ...]]:
    """Combinations of one form for each piece, those of the best forms first."""
    ranks = itertools.product(*(range(len(one)) for one in forms))
    for rank in sorted(ranks, key=lambda one: (sum(one), one)):
        yield tuple(one[k] for one, k in zip(forms, rank, strict=True))


def _weight_of_piece(found: Split, position: int, form: Reduced) -> FloatArray:
    """How much a row says about a piece: little about a factor where the others are near zero."""
    weight = form.look.weight
    if found.product:
        others = np.prod([piece for k, piece in enumerate(found.pieces) if k != position], axis=0)
        return weight * others**2
    with np.errstate(all="ignore"):
        slope = np.abs(found.link.slope(form.look.y))
    return weight * (slope / slope.max()) ** 2


def _glued(found: Split, pieces: Sequence[Expression]) -> Expression:
    if found.product:
        return build(("mul", *pieces))
    # Each piece has a constant of its own, of which one is enough.
    return build(found.link.outer(("add", *pieces)))


def _problem(columns: Sequence[Column], y: FloatArray, weight: FloatArray, problem: Problem) -> Problem:
    """A smaller problem; its columns have names that no table has."""
    X = np.column_stack([column.values for column in columns])
    mean = float(weight.mean())
    return Problem(
        X,
        y,
        tuple(_name(k) for k in range(len(columns))),
        None if np.ptp(weight) == 0 else weight / mean,
        problem.loss,
        problem.operators,
        problem.max_complexity,
    )


def _name(position: int) -> str:
    return f"\0{position}"


def _in_columns(expression: Expression, columns: Sequence[Column]) -> Expression:
    """A formula of a smaller problem over the columns of the table."""
    return expression.substitute({_name(k): build(column.recipe) for k, column in enumerate(columns)})


def _whole(expression: Expression, form: Reduced) -> Expression:
    """A formula of the whole problem from one of the reduced problem."""
    factor: Recipe = form.factor
    return expression if factor == 1 else build(("mul", factor, expression))
