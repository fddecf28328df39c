"""What expressions are made of: columns, monomials, and parts of formulas that others found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from closedform.engines.base import Candidate
from closedform.library import grow
from closedform.library.pool import Batch, concatenate
from closedform.library.relevance import most_relevant
from closedform.screening.view import View
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression

_MOST_COLUMNS = 10
_MOST_MONOMIALS = 60
_MOST_FORMULAS = 12
_MOST_PARTS = 24
_LARGEST_PART = 15
# A part of a formula that explains the data well is worth as much as a product of two columns.
_COST_OF_PART = 3


def leaves(view: View, archive: Sequence[Candidate]) -> Batch:
    """The leaves of a view, with values on all of its rows."""
    base = grow.variables(view.X, view.recipes)
    products = grow.monomials(view.X, view.recipes, _MOST_MONOMIALS)
    products = replace(products, costs=[min(cost, 5) for cost in products.costs])
    return concatenate([base, products, _parts(view, archive)])


def narrowed(view: View) -> View:
    """The view with the columns that tell most: layers grow with a power of the number of columns."""
    kept = most_relevant(view.X, view.y, _MOST_COLUMNS)
    return replace(view, X=np.ascontiguousarray(view.X[:, kept]), recipes=tuple(view.recipes[j] for j in kept))


def _parts(view: View, archive: Sequence[Candidate]) -> Batch:
    """Inner parts of the best formulas, those that occur in many of them first."""
    best = sorted(archive, key=lambda candidate: candidate.loss)[:_MOST_FORMULAS]
    counts: dict[Expression, int] = {}
    for candidate in best:
        for part in dict.fromkeys(_inner(candidate.expression)):
            counts[part] = counts.get(part, 0) + 1
    chosen = sorted(counts, key=lambda part: (-counts[part], part.size))[:_MOST_PARTS]
    values = [evaluate(part, view.source) for part in chosen]
    return Batch(
        np.stack(values, axis=1) if values else np.empty((len(view.y), 0)), chosen, [_COST_OF_PART] * len(chosen)
    )


def _inner(expression: Expression) -> Iterator[Expression]:
    """Parts that are neither the whole, nor without variables, nor large."""
    for part in expression.walk():
        if part is not expression and part.kind == "apply" and part.variables and part.size <= _LARGEST_PART:
            yield part
