"""Terms of sums that might as well be constants: their scale went to infinity, or to zero, in the fit of constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression, apply, constant

FloatArray = NDArray[np.float64]

# A term is idle that moves the formula by less than this share of what the formula leaves unexplained, both over all
# rows or both relative to the values: errors may grow with them.
_IDLE = 1e-3
# Rows that are looked at, of tables that have so many.
_ROWS = 2000


def without_idle_terms(expression: Expression, columns: Mapping[str, FloatArray], y: FloatArray) -> Expression:
    """The formula with idle terms replaced by their means.

    In ``1.4e10*x**1.5/(x + 1.9e10)`` the sum is a constant for all that the rows can tell.

    Parameters
    ----------
    expression : Expression
        A formula with fitted constants.
    columns : mapping of str to ndarray of shape (n_samples,)
        The rows that it was fitted to.
    y : ndarray of shape (n_samples,)
        The target there.

    Returns
    -------
    Expression
        `expression` itself where no term is idle, or where it is not defined on all rows.
    """
    if not expression.variables:
        return expression
    step = max(1, len(y) // _ROWS)
    columns, y = {name: columns[name][::step] for name in expression.variables}, y[::step]
    values = evaluate(expression, columns)
    if not np.isfinite(values).all():
        return expression
    found: Expression | None = expression
    while found is not None:
        expression = found
        shorter = (one for one in _with_a_term_at_rest(expression, columns) if one.variables)
        found = next((one for one in shorter if _as_good(evaluate(one, columns), values, y)), None)
    return expression


def _as_good(changed: FloatArray, values: FloatArray, y: FloatArray) -> bool:
    """Whether what changed is nothing beside what is left unexplained."""
    with np.errstate(all="ignore"):
        moved, left, size = changed - values, y - values, np.abs(values)
        alike, relative = float(np.std(left)), float(np.std(left / size))
        return bool(np.std(moved) < _IDLE * alike or np.std(moved / size) < _IDLE * relative)


def _with_a_term_at_rest(expression: Expression, columns: Mapping[str, FloatArray]) -> Iterator[Expression]:
    """The formula with one term of one of its sums replaced by its mean."""
    for node in expression.walk():
        if node.kind == "apply" and node.op.name == "add":
            for k, term in enumerate(node.args):
                if term.variables:
                    args = list(node.args)
                    args[k] = constant(float(np.mean(evaluate(term, columns))))
                    yield expression.substitute({node: apply("add", *args)})
