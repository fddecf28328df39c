"""Formulas for a small table side by side: nats of what they are and of the rows that they did not see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closedform.choice.folds import Folds
from closedform.choice.held_out import HeldOut, held_out
from closedform.choice.lengths import RowLengths, row_lengths
from closedform.choice.plausible import implausibility
from closedform.engines.base import Problem
from closedform.finish import refitted, squared_error
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression
from closedform.symbolic.linear_part import Role, constant_roles
from closedform.symbolic.metrics import structure_length

# Differences within so many standard errors may be chance.
_ERRORS = 0.4
# How many times the squares of another formula with no more constants those of a formula may be.
_FAR_ABOVE = 16.0
# Nats of a constant inside a function or in an exponent: it can bend a curve to what it likes. A coefficient cannot.
_INNER = 3.0


@dataclass(frozen=True, eq=False)
class Judged:
    """A formula with what it costs to tell it, and to tell the rows by it.

    Parameters
    ----------
    found : HeldOut
        The formula, and its predictions of rows that were left out.
    form : float
        Nats of the formula without its constants, and by which it is unlike a law.
    lengths : RowLengths
        Nats of the rows.
    """

    found: HeldOut
    form: float
    lengths: RowLengths

    @property
    def expression(self) -> Expression:
        """The formula."""
        return self.found.expression

    @property
    def total(self) -> float:
        """Nats of everything."""
        return self.form + self.lengths.total

    @property
    def n_numbers(self) -> int:
        """Numbers that somebody had to find: all but ones, signs and exact exponents, rounded or not."""
        return sum(_n_numbers(self.expression))

    @property
    def size(self) -> float:
        """Nats of the formula with its numbers, each as precise as so many rows make it."""
        return self.form + 0.5 * self.n_numbers * float(np.log(len(self.lengths.inside)))


def judge(
    expression: Expression,
    problem: Problem,
    folds: Folds,
    expired: Callable[[], bool] = lambda: False,
    weighted: Problem | None = None,
) -> Judged | None:
    """Judge a formula by rows that were left out; None if it has no value on some of them, or time is up.

    And None if what is left does not determine its constants: they would stay where the rows left out had put them.

    Parameters
    ----------
    expression : Expression
        The formula, fitted to all rows.
    problem : Problem
        The rows.
    folds : Folds
        What is left out.
    expired : callable, optional
        Whether the time is used up.
    weighted : Problem, optional
        The same rows with the weights that constants are fitted with, those of the formula too; `problem` if None.
    """
    fewest = problem.n_samples - max(len(rows) for rows in (*folds.parts, *folds.ends))
    if expression.n_constants >= fewest:
        return None
    found = held_out(expression, problem if weighted is None else weighted, folds, expired)
    lengths = None if found is None else row_lengths(found, problem, folds)
    if found is None or lengths is None:
        return None
    return Judged(found, form_length(expression, problem), lengths)


def form_length(expression: Expression, problem: Problem) -> float:
    """Nats of a formula without its constants, and by which it is unlike a law."""
    bent = sum(role is not Role.LINEAR for role in constant_roles(expression))
    return structure_length(expression) + _INNER * bent + implausibility(expression, problem)


def near_enough(expressions: Sequence[Expression], problem: Problem) -> list[Expression]:
    """The formulas whose squares are not far above those of another with no more constants, whatever the weights.

    Squares are what was asked for: a formula for the small values that misses the large ones is none.

    Parameters
    ----------
    expressions : sequence of Expression
        Formulas, fitted with weights or without.
    problem : Problem
        The rows, without weights of errors.
    """
    squares = {one: squared_error(one, problem) for one in expressions}

    def least(n_constants: int) -> float:
        return min(square for one, square in squares.items() if one.n_constants <= n_constants)

    def is_near(one: Expression) -> bool:
        limit = _FAR_ABOVE * least(one.n_constants)
        return squares[one] <= limit or squared_error(refitted(one, problem), problem) <= limit

    return [one for one in expressions if is_near(one)]


def _n_numbers(expression: Expression) -> Iterator[int]:
    """A one for each number, where a part without variables is one number."""
    if not expression.variables:
        yield int(expression.n_constants > 0 or abs(float(evaluate(expression, {})[0])) != 1.0)
        return
    for place, part in enumerate(expression.args if expression.kind == "apply" else ()):
        exact = not part.variables and not part.n_constants
        if not (exact and place == 1 and expression.op.name == "pow"):
            yield from _n_numbers(part)


def simplest_of_the_best(judged: Sequence[Judged]) -> Judged:
    """The simplest formula that cannot be told from the best one.

    The rule of the standard error (Breiman, Friedman, Olshen and Stone 1984, "Classification and regression trees",
    section 3.4.3), on the differences of the two in nats, row by row. The simplest is the one that is described
    shortest, with its numbers and without the rows.

    Parameters
    ----------
    judged : sequence of Judged
        At least one.
    """
    best = min(judged, key=lambda one: one.total)
    near = [one for one in judged if one.total - best.total <= _ERRORS * _standard_error(one, best)]
    return min(near, key=lambda one: (one.size, one.total))


def _standard_error(one: Judged, other: Judged) -> float:
    difference = one.lengths.rows - other.lengths.rows
    return float(np.sqrt(len(difference)) * np.std(difference))
