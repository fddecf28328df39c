"""When a formula may be called a law: the test that an approximation does not pass.

Four smooth terms with four free numbers explain any smooth curve, to ten digits if they are chosen well. What tells a
law from them: its errors are those of float64 and no larger; its constants, fitted on the inner part of the data alone,
give the outer part as exactly; and no formula with fewer constants does the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import FloatArray, Problem
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression, constant
from closedform.symbolic.metrics import rmse, rounding_error
from closedform.symbolic.refit import refit

# A constant with more digits than this was not recognised as a number anybody would write down.
_SIMPLE_DIGITS = 6
# More than this many open constants explain smooth data to any precision.
_MOST_OPEN = 6
# Fewer rows than this above the number of open constants prove nothing.
_SPARE_ROWS = 5
# Rows that the constants are fitted to again; more would not fix them any better.
_MOST_ROWS = 2000
# Relative shift of the constants before they are fitted again, so that the inner rows alone must find them.
_NUDGE = 1e-7
_STEPS = 40


def is_law(expression: Expression, problem: Problem) -> bool:
    """Say whether a formula explains the rows as only a law does.

    Parameters
    ----------
    expression : Expression
        The formula, with fitted constants.
    problem : Problem
        The rows. Their loss plays no part: exact is exact.

    Returns
    -------
    bool
        True if the residual is at rounding level on all rows, and still is on the outer half of them when the open
        constants (those of more than 6 digits) are fitted on the inner half. A formula without open constants needs no
        second fit. Never for more than 6 open constants, or for fewer rows than 5 and 2 for each of them.
    """
    n_open = n_open_constants(expression)
    if n_open > _MOST_OPEN or not _enough_rows(expression, problem) or not is_rounding(expression, problem):
        return False
    if not n_open:
        return True
    inner, outer = inner_and_outer(expression, problem)
    return is_rounding(_fitted_again(expression, problem.rows(inner)), problem.rows(outer), problem)


def settles(expression: Expression, problem: Problem) -> bool:
    """Say whether there is no point in searching on: a law was found, or a fit so good that few rows cannot deny it."""
    return is_law(expression, problem) or (not _enough_rows(expression, problem) and is_rounding(expression, problem))


def _enough_rows(expression: Expression, problem: Problem) -> bool:
    return problem.n_samples >= _SPARE_ROWS + 2 * n_open_constants(expression)


def is_rounding(expression: Expression, problem: Problem, scale: Problem | None = None) -> bool:
    """Say whether what a formula leaves unexplained is at the level of float64's rounding.

    Parameters
    ----------
    expression : Expression
    problem : Problem
        The rows whose residuals are looked at.
    scale : Problem, optional
        The rows whose target says what rounding is; the same rows if None.
    """
    whole = problem if scale is None else scale
    # Views: a table of a million rows is not copied for one formula.
    columns = {name: problem.X[:, problem.names.index(name)] for name in expression.variables}
    values = evaluate(expression, columns or {"": problem.y})
    error = rmse(problem.y, values, problem.sample_weight)
    return bool(error <= rounding_error(whole.y, whole.sample_weight))


def n_open_constants(expression: Expression) -> int:
    """Number of constants that are neither exact nor short decimals: they could be any number."""
    return sum(not is_simple(value) for value in expression.constants)


def is_simple(value: float) -> bool:
    """Whether a constant has few enough digits to have been recognised rather than fitted."""
    return float(f"{value:.{_SIMPLE_DIGITS}g}") == value


def fewest_constants(expressions: Sequence[Expression], laws: Sequence[bool]) -> list[bool]:
    """Of several formulas that pass for laws, those with the fewest open constants: the others are written too long.

    Parameters
    ----------
    expressions : sequence of Expression
    laws : sequence of bool
        Which of them pass the test.
    """
    counts = [n_open_constants(one) if law else None for one, law in zip(expressions, laws, strict=True)]
    least = min((count for count in counts if count is not None), default=0)
    return [count == least for count in counts]


def inner_and_outer(expression: Expression, problem: Problem) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows in the middle of the data and rows at their edge, in the columns that a formula uses.

    A row is as far out as its most extreme value, counted in ranks, so that the spacing of a column plays no part.
    """
    every = np.arange(problem.n_samples)
    weight = problem.sample_weight
    rows = every if weight is None else every[weight > 0]
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _MOST_ROWS)).astype(np.intp)]
    furthest = np.zeros(len(rows))
    for name in expression.variables:
        furthest = np.maximum(furthest, _extremeness(problem.columns[name][rows]))
    order = np.argsort(furthest, kind="stable")
    middle = (len(rows) + 1) // 2
    return np.sort(rows[order[:middle]]), np.sort(rows[order[middle:]])


def _extremeness(column: FloatArray) -> FloatArray:
    """0 for the median, 1 for the smallest and the largest value; equal values alike."""
    ordered = np.sort(column)
    below, upto = np.searchsorted(ordered, column, "left"), np.searchsorted(ordered, column, "right")
    return np.abs((below + upto) / len(column) - 1.0)


def _fitted_again(expression: Expression, problem: Problem) -> Expression:
    """The formula with its open constants from these rows alone; the others are taken as exact."""
    replacements = {
        node: constant(Fraction(repr(node.value)))
        for node in expression.walk()
        if node.kind == "constant" and isinstance(node.value, float) and is_simple(node.value)
    }
    fixed = expression.substitute(replacements)
    signs = 1 - 2 * (np.arange(fixed.n_constants) % 2)
    nudged = fixed.with_constants(np.array(fixed.constants) * (1.0 + _NUDGE * signs))
    return refit(nudged, problem.columns, problem.y, weights=problem.sample_weight, max_iter=_STEPS).expression
