"""From an engine's candidates to formulas that can be shown: constants rounded, simplified, scored on unseen rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedform.engines.base import Budget, Candidate, Problem
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression
from closedform.symbolic.metrics import rounding_error
from closedform.symbolic.pareto import Archive
from closedform.symbolic.refit import refit, standard_errors
from closedform.symbolic.simplify import simplify
from closedform.symbolic.snap import tune

# The SymPy pass of the simplification gets this many seconds per formula.
_SYMPY_SECONDS = 1.0
_FEWEST_ROWS_TO_SPLIT = 12


@dataclass(frozen=True)
class Formula:
    """One row of the front.

    Parameters
    ----------
    expression : Expression
        The formula, constants fitted to all rows.
    loss : float
        Mean loss on the rows that the search saw.
    holdout_loss : float
        Mean loss on rows that were used neither to find nor to choose it; NaN where the table was too small to spare
        any. Measured before the last fit of the constants to all rows.
    complexity : int
        Nodes of the canonical form.
    engine : str
        Who found it.
    seconds : float
        When, in seconds since the search began.
    standard_errors : tuple of float
        One for each of ``expression.constants``.
    """

    expression: Expression
    loss: float
    holdout_loss: float
    complexity: int
    engine: str
    seconds: float
    standard_errors: tuple[float, ...]


def finish(candidates: Iterable[Candidate], train: Problem, holdout: Problem | None, budget: Budget) -> list[Formula]:
    """Round, simplify and score candidates; what nobody beats is returned by growing complexity.

    Parameters
    ----------
    candidates : iterable of Candidate
        What the engines proposed, best of each size at least.
    train : Problem
        The rows that the search saw.
    holdout : Problem or None
        Rows that nobody saw.
    budget : Budget
        Rounding and simplifying stop when it is used up; candidates that remain are scored as they are.
    """
    archive: Archive[Candidate] = Archive(rounding_error(train.y, train.sample_weight) ** 2, train.max_complexity)
    for candidate in sorted(candidates, key=lambda c: (c.complexity, c.loss)):
        for expression in _versions(candidate.expression, train, budget):
            loss = loss_of(expression, train)
            if np.isfinite(loss):
                archive.add(replace(candidate, expression=expression, loss=loss, complexity=expression.complexity))
    formulas = [_scored(candidate, train, holdout) for candidate in archive]
    defined = [formula for formula in formulas if not np.isinf(formula.holdout_loss)]
    return defined or formulas


def loss_of(expression: Expression, problem: Problem) -> float:
    """Mean loss of a formula on the rows of a problem; infinite where it is not defined on one of them."""
    values = evaluate(expression, problem.columns)
    if not np.isfinite(values).all():
        return float("inf")
    loss = float(problem.loss.value(problem.y, values, problem.sample_weight))
    return loss if np.isfinite(loss) else float("inf")


def refit_on(formulas: Sequence[Formula], whole: Problem) -> list[Formula]:
    """The same formulas with their free constants and standard errors from all rows."""
    return [_refitted(formula, whole) for formula in formulas]


def _versions(expression: Expression, train: Problem, budget: Budget) -> Iterator[Expression]:
    """The formula as it came, and with rounded constants, each simplified as far as time allows."""
    yield expression
    if budget.expired():
        return
    tuned = tune(expression, train.columns, train.y, weights=train.sample_weight).expression
    simple = simplify(tuned, train.domain, use_sympy=False)
    yield tuned
    yield simple
    if not budget.expired():
        yield simplify(simple, train.domain, time_limit=min(_SYMPY_SECONDS, budget.remaining()))


def _scored(candidate: Candidate, train: Problem, holdout: Problem | None) -> Formula:
    return Formula(
        candidate.expression,
        candidate.loss,
        float("nan") if holdout is None else loss_of(candidate.expression, holdout),
        candidate.complexity,
        candidate.engine,
        candidate.seconds,
        _standard_errors(candidate.expression, train),
    )


def _refitted(formula: Formula, whole: Problem) -> Formula:
    if not formula.expression.constants:
        return formula
    result = refit(formula.expression, whole.columns, whole.y, weights=whole.sample_weight, loss=whole.loss)
    if not np.isfinite(result.loss):
        return formula
    errors = result.standard_errors or formula.standard_errors
    return replace(formula, expression=result.expression, standard_errors=tuple(errors))


def _standard_errors(expression: Expression, problem: Problem) -> tuple[float, ...]:
    if not expression.constants:
        return ()
    return tuple(standard_errors(expression, problem.columns, problem.y, weights=problem.sample_weight))


def split(problem: Problem, fraction: float, rng: np.random.Generator, limit: int) -> tuple[Problem, Problem | None]:
    """Rows for the search and rows that nobody looks at until the scores are reported.

    Parameters
    ----------
    problem : Problem
        All rows.
    fraction : float
        Share that is held out.
    rng : numpy.random.Generator
        Draws the rows.
    limit : int
        Most rows that the search gets, and most that are held out.

    Returns
    -------
    train, holdout : Problem, Problem or None
        ``None`` where fewer than 12 rows leave none to spare.
    """
    n = problem.n_samples
    n_holdout = min(limit, int(fraction * n)) if n >= _FEWEST_ROWS_TO_SPLIT else 0
    order = rng.permutation(n)
    train = problem.rows(np.sort(order[n_holdout : n_holdout + limit]))
    return train, problem.rows(np.sort(order[:n_holdout])) if n_holdout else None
