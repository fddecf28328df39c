"""From an engine's candidates to formulas that can be shown: constants rounded, simplified, scored on unseen rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import Budget, Candidate, FloatArray, Problem
from closedform.exact import fewest_constants, is_law, is_rounding
from closedform.exceptions import InputError
from closedform.formulas import Formula
from closedform.losses import AbsoluteLoss, HuberLoss, SquaredLoss
from closedform.own_loss import OwnLoss
from closedform.preprocessing import Table, subsample
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression
from closedform.symbolic.idle import without_idle_terms
from closedform.symbolic.metrics import description_length, rounding_error, target_scale
from closedform.symbolic.pareto import Archive, Rule, choose, scores
from closedform.symbolic.refit import refit, standard_errors
from closedform.symbolic.simplify import in_fewer_digits, simplify
from closedform.symbolic.snap import tune

logger = logging.getLogger(__name__)

IntArray = NDArray[np.intp]

# What the SymPy pass of the simplification may take, and the time left below which it is not even started.
_SYMPY_SECONDS = 2.0
_SYMPY_WITH_START = 7.0
_FEWEST_ROWS_TO_SPLIT = 12
# Losses that differ by less than this fraction are equal to anybody who reads them.
_SAME_LOSS = 1e-6


@dataclass(frozen=True, eq=False)
class Rows:
    """Which rows of a table play which part.

    Parameters
    ----------
    search : ndarray of int
        What the engines see; part of `train`.
    train : ndarray of int
        What formulas may be chosen by.
    holdout : ndarray of int
        What nobody looks at until the scores are reported; may be empty.
    """

    search: IntArray
    train: IntArray
    holdout: IntArray


def split(problem: Problem, fraction: float, limit: int, rng: np.random.Generator) -> Rows:
    """Draw the rows for the search and the rows that nobody looks at until the scores are reported.

    Parameters
    ----------
    problem : Problem
        All rows.
    fraction : float
        Share that is held out, rounded down; nothing where there are fewer than 12 rows.
    limit : int
        Most rows that the search gets. Where this leaves rows over, those with the extreme values of each column are
        among the ones that the search gets, so that it knows the whole domain.
    rng : numpy.random.Generator
        Draws the rows.
    """
    n = problem.n_samples
    n_holdout = int(fraction * n) if n >= _FEWEST_ROWS_TO_SPLIT else 0
    if n - n_holdout <= limit:
        order = rng.permutation(n)
        train = np.sort(order[n_holdout:])
        return Rows(train, train, np.sort(order[:n_holdout]))
    search = subsample(Table(problem.names, problem.X), problem.y, limit, rng)[2]
    others = np.setdiff1d(np.arange(n), search, assume_unique=True)
    holdout = np.sort(rng.choice(others, size=n_holdout, replace=False, shuffle=False))
    return Rows(search, np.setdiff1d(np.arange(n), holdout, assume_unique=True), holdout)


# --- values and losses ------------------------------------------------------------------------------------------------


def values_on(expression: Expression, problem: Problem) -> FloatArray:
    """Values of a formula on the rows of a problem; nothing but the columns it uses is touched."""
    if not expression.variables:
        return np.full(problem.n_samples, evaluate(expression, {})[0])
    return evaluate(expression, used_columns(expression, problem))


def used_columns(expression: Expression, problem: Problem) -> dict[str, FloatArray]:
    """The columns of a problem that a formula uses, as views."""
    return {name: problem.X[:, problem.names.index(name)] for name in expression.variables}


def loss_of(expression: Expression, problem: Problem) -> float:
    """Mean loss of a formula on the rows of a problem; infinite where it is not defined on one of them."""
    return _loss(values_on(expression, problem), problem, None)


def refitted(expression: Expression, problem: Problem, max_iter: int = 100) -> Expression:
    """The formula with its constants fitted to the rows of a problem, by its loss and weights."""
    weights = problem.sample_weight
    return refit(
        expression, problem.columns, problem.y, weights=weights, loss=problem.loss, max_iter=max_iter
    ).expression


def refitted_and_simplified(expression: Expression, problem: Problem, max_iter: int = 100) -> Expression:
    """The same, and simplified by rules alone."""
    return simplify(refitted(expression, problem, max_iter), problem.domain, use_sympy=False)


def squared_error(expression: Expression, problem: Problem, rows: IntArray | None = None) -> float:
    r"""Error of a formula as a square, whatever the loss: what description lengths and choice rules are made of.

    Residuals with a Laplace law have the log likelihood :math:`-n \log` (mean absolute error), which is that of a
    normal law with the square of it; the Huber loss is a square already, with outliers held back.
    """
    values = values_on(expression, problem)
    loss = _loss(values, problem, rows)
    if isinstance(problem.loss, AbsoluteLoss):
        return loss * loss
    if isinstance(problem.loss, OwnLoss):
        return problem.loss.as_square(loss, problem.y)
    if isinstance(problem.loss, SquaredLoss | HuberLoss):
        return loss
    return _loss(values, replace(problem, loss=SquaredLoss()), rows)


def admitted_candidate(candidate: Candidate, problem: Problem, archive: Archive[Candidate]) -> Candidate | None:
    """The candidate, if need be with other constants, so that the problem admits it; None if there are none.

    Constants are only looked for where an archive would accept the candidate with those that it has, the best ones.
    """
    if not archive.wants(candidate):
        return None
    admitted = problem.admitted(candidate.expression)
    if admitted is None or admitted is candidate.expression:
        return candidate if admitted is not None else None
    loss = loss_of(admitted, problem)
    return replace(candidate, expression=admitted, loss=loss, complexity=admitted.complexity)


def loss_floor(problem: Problem) -> float:
    """The loss of a formula whose errors cannot be told from rounding."""
    return problem.loss.at_error(problem.y, rounding_error(problem.y, problem.sample_weight))


def empty_archive(problem: Problem) -> Archive[Candidate]:
    """An archive for formulas of a problem."""
    return Archive(loss_floor(problem), problem.max_complexity, _description(problem))


def _description(problem: Problem) -> Callable[[Candidate], float] | None:
    """Length of a candidate's description; None where losses are not mean squares."""
    if not isinstance(problem.loss, SquaredLoss):
        return None
    y, weight = problem.y, problem.sample_weight
    n_rows = len(y) if weight is None else int(np.count_nonzero(weight))
    resolution, variance, noise = rounding_error(y, weight), target_scale(y, weight) ** 2, problem.sigma

    def length(candidate: Candidate) -> float:
        return description_length(
            candidate.expression, n_rows, candidate.loss, noise, variance=variance, resolution=resolution
        )

    return length


def _loss(values: FloatArray, problem: Problem, rows: IntArray | None) -> float:
    y, weight = problem.y, problem.sample_weight
    if rows is not None:
        values, y, weight = values[rows], y[rows], None if weight is None else weight[rows]
    if not np.isfinite(values).all():
        return float("inf")
    loss = float(problem.loss.value(y, values, weight))
    return loss if np.isfinite(loss) else float("inf")


# --- candidates to formulas -------------------------------------------------------------------------------------------


def finish(candidates: Iterable[Candidate], whole: Problem, rows: Rows, budget: Budget) -> list[Formula]:
    """Round, simplify and score candidates; what nobody beats is returned by growing complexity.

    Parameters
    ----------
    candidates : iterable of Candidate
        What the engines proposed, best of each size at least.
    whole : Problem
        All rows.
    rows : Rows
        Rounding is done on the rows of the search, losses are measured on all rows.
    budget : Budget
        Rounding and simplifying stop when it is used up; candidates that remain are scored as they are, except the
        most promising one. A budget of no time at all leaves that one alone too.

    Returns
    -------
    list of Formula
        Empty if no candidate is defined on the rows that the search saw. Formulas that are not defined on some of the
        other rows are left out as long as any remain.
    """
    searched = whole.rows(rows.search)
    archive = empty_archive(searched)
    for position, candidate in enumerate(_most_promising_first(candidates, searched)):
        # The formula that most people will look at is rounded even where the search has used up everything.
        in_time = not budget.expired() or (position == 0 and budget.max_time > 0)
        # One version alone: as it came, a formula has a slightly smaller error than with rounded constants, and would
        # drive that one out.
        any(
            _add(archive, candidate, version, searched)
            for version in _versions(candidate.expression, searched, in_time)
        )
    # SymPy takes its time: it sees the formula alone that most people will look at.
    for candidate in _most_promising_first(archive, searched)[:1]:
        if budget.remaining() > _SYMPY_WITH_START:
            simpler = simplify(candidate.expression, searched.domain, time_limit=_SYMPY_SECONDS)
            _add(archive, candidate, simpler, searched)
    formulas = [scored(candidate, searched, whole, rows) for candidate in archive]
    for losses in ("loss", "holdout_loss"):
        defined = [formula for formula in formulas if not np.isinf(getattr(formula, losses))]
        formulas = defined or formulas
    formulas = _front(_without_dearer(formulas, whole, rows), loss_floor(whole))
    steps = scores(formulas, loss_floor(whole))
    claims = _claims([formula.expression for formula in formulas], searched, whole)
    return [
        replace(formula, score=score, exact=claim)
        for formula, score, claim in zip(formulas, steps, claims, strict=True)
    ]


def _claims(front: Sequence[Expression], searched: Problem, whole: Problem) -> list[bool]:
    """Which formulas are claimed to be laws; the rows that the search did not see have a say."""
    laws = [is_law(expression, searched) and is_rounding(expression, whole) for expression in front]
    return fewest_constants(front, laws)


def _without_dearer(formulas: Sequence[Formula], whole: Problem, rows: Rows) -> list[Formula]:
    """The formulas without those that beat the one of shortest description by nothing but more fitted constants."""
    if not formulas:
        return []
    shortest = formulas[choose_formula(formulas, whole, rows, "mdl")]
    return [
        formula
        for formula in formulas
        if formula is shortest or formula.complexity > shortest.complexity or formula.loss > shortest.loss
    ]


def _front(formulas: Sequence[Formula], floor: float) -> list[Formula]:
    """The formulas that are clearly better than every simpler one, on all training rows."""
    front: list[Formula] = []
    for formula in sorted(formulas, key=lambda one: (one.complexity, one.loss)):
        best = max(front[-1].loss, floor) if front else np.inf
        if not front or max(formula.loss, floor) < (1 - _SAME_LOSS) * best:
            front.append(formula)
    return front


def _add(archive: Archive[Candidate], candidate: Candidate, expression: Expression, searched: Problem) -> bool:
    """Offer one version of a candidate to the archive; says whether the version can be used at all."""
    as_it_came = expression is candidate.expression
    admitted = searched.admitted(expression) if as_it_came or searched.admits(expression) else None
    loss = float("inf") if admitted is None else loss_of(admitted, searched)
    if admitted is None or not np.isfinite(loss):
        return False
    expression = admitted
    archive.add(replace(candidate, expression=expression, loss=loss, complexity=expression.complexity))
    return True


def _most_promising_first(candidates: Iterable[Candidate], problem: Problem) -> list[Candidate]:
    """By growing complexity, but the one that would be chosen at the very front: time may not last for all."""
    ordered = sorted(candidates, key=lambda candidate: (candidate.complexity, candidate.loss))
    usable = [candidate for candidate in ordered if np.isfinite(candidate.loss)]
    if not usable:
        return ordered
    first = choose(usable, "mdl", y=problem.y, weights=problem.sample_weight, noise=problem.sigma)
    return [first, *(candidate for candidate in ordered if candidate is not first)]


def _versions(expression: Expression, problem: Problem, in_time: bool) -> Iterator[Expression]:
    """The formula with rounded constants if there is time, first simplified and then not, and at last as it came."""
    if in_time and expression.variables:
        try:
            yield from _rounded_versions(expression, problem)
        except (InputError, ArithmeticError) as error:
            # What hours have found is not lost because one formula cannot be written more simply.
            logger.warning("%s stands as it was found: %s", expression, error)
    yield expression


def _rounded_versions(expression: Expression, problem: Problem) -> Iterator[Expression]:
    tuned = _tuned(without_idle_terms(expression, problem.columns, problem.y), problem)
    simple = in_fewer_digits(simplify(tuned, problem.domain, use_sympy=False), tuned)
    # Another arrangement may show what the first one hid: of two nearly equal constants, a factor near 1.
    if simple is not tuned and simple.constants:
        again = _tuned(simple, problem)
        if again.n_constants < simple.n_constants:
            yield in_fewer_digits(simplify(again, problem.domain, use_sympy=False), again)
    yield simple
    yield tuned


def _tuned(expression: Expression, problem: Problem) -> Expression:
    weights, noise = problem.sample_weight, problem.sigma
    return tune(expression, problem.columns, problem.y, weights=weights, loss=problem.loss, noise=noise).expression


def scored(candidate: Candidate, searched: Problem, whole: Problem, rows: Rows) -> Formula:
    """The row of the front that a candidate makes, with its losses and the standard errors of its constants."""
    expression = candidate.expression
    values = values_on(expression, whole)
    errors = standard_errors(expression, searched.columns, searched.y, searched.sample_weight, searched.sigma)
    return Formula(
        expression,
        _loss(values, whole, rows.train),
        _loss(values, whole, rows.holdout) if len(rows.holdout) else float("nan"),
        candidate.complexity,
        candidate.engine,
        candidate.seconds,
        tuple(errors),
    )


# --- the choice -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Judged:
    """A formula as the choice rules see it."""

    expression: Expression
    loss: float
    complexity: int
    position: int


def choose_formula(
    formulas: Sequence[Formula], whole: Problem, rows: Rows, rule: Rule | Callable[[Sequence[Any]], Any]
) -> int:
    """Position of the formula that a rule chooses, by the losses on the training rows.

    Parameters
    ----------
    formulas : sequence of Formula
        At least one.
    whole : Problem
        All rows.
    rows : Rows
        Which of them are for training.
    rule : {"mdl", "best", "accuracy"} or callable
        See :func:`closedform.symbolic.pareto.choose`. A callable gets the formulas and returns one of them.
    """
    if callable(rule):
        chosen = rule(formulas)
        return next((position for position, formula in enumerate(formulas) if formula is chosen), len(formulas))
    judged = [
        _Judged(formula.expression, squared_error(formula.expression, whole, rows.train), formula.complexity, position)
        for position, formula in enumerate(formulas)
    ]
    if not any(np.isfinite(one.loss) for one in judged):
        return 0
    weight = None if whole.sample_weight is None else whole.sample_weight[rows.train]
    noise = whole.rows(rows.train).sigma
    return choose(judged, rule, y=whole.y[rows.train], weights=weight, noise=noise).position
