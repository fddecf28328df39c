"""Laws that are found over a factor, less a part, as a ratio of sums, or as a triple that a beam would miss."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.engines.base import Budget, Problem
from closedform.screening import recursion
from closedform.screening.stages import Screen
from closedform.screening.view import on_rows, whole_view
from closedform.screening.workspace import Workspace
from closedform.symbolic import Expression
from closedform.symbolic.vocabulary import uses_only

ONE_TO_THREE = {"a": (1, 3), "b": (1, 3), "c": (2, 4)}


def workspace_of(text, rng, ranges):
    """A law on these ranges, to be worked on."""
    law = Expression.parse(text)
    X = np.column_stack([rng.uniform(*ranges[name], size=600) for name in law.variables])
    y = law.evaluate(dict(zip(law.variables, X.T, strict=True)))
    return Workspace(Problem(X, y, law.variables), Budget(60.0), rng, "screen"), law


@pytest.mark.parametrize(
    ("look", "text"),
    [
        (recursion.remainders, "b + sqrt(a*b + 2*log(c))"),
        (recursion.remainders, "a*b + 1/(2.5 + 3*a*exp(-c))"),
        (recursion.remainders, "log(1 + a*b)*(0.3*exp(-c) + 1.7*a)"),
        (recursion.ratios_of_sums, "(1 + 2*a + 3*exp(-b))/(1 + 0.7*a*b)"),
        (recursion.ratios_of_sums, "sqrt((a - 0.6*log(c))/(1 + 0.7*a*b))"),
        (recursion.sums_of_three, "1/(1/(a*b) + 4.5*a**-0.5*b**(-1/3) - 0.3*a**-0.5/b)"),
        (recursion.products_of_three, "b*(c**a - 1)/(a*b**a*(c - 1))"),
        (recursion.products_of_three, "1 - 0.1*b*(c**a - 1)/(a*b**a*(c - 1))"),
    ],
)
def test_each_look_finds_what_it_is_there_for(look, text, rng):
    workspace, law = workspace_of(text, rng, ONE_TO_THREE)
    view = on_rows(whole_view(workspace.fitted), workspace.screened)
    found = list(workspace.judge_all(look(view, workspace.problem.operators, rng), recursion.QUOTAS))
    assert workspace.solved
    assert found[-1].expression.equivalent(law)


def test_the_screen_takes_these_looks(rng):
    # Absorbed and eliminated again: a factor that is known only from what is left over it.
    workspace, law = workspace_of(
        "b/(b - a)*(exp(-a*t) - exp(-b*t))", rng, {"a": (0.3, 1), "b": (1.5, 4), "t": (0.1, 4)}
    )
    found = list(Screen().run(workspace, rng))
    assert workspace.solved
    assert found[-1].expression.equivalent(law)


def test_nothing_is_made_of_operators_that_are_not_allowed(rng):
    workspace, _ = workspace_of("log(1 + a*b)*(0.3*exp(-c) + 1.7*a)", rng, ONE_TO_THREE)
    operators = frozenset({"add", "mul", "pow"})
    view = on_rows(whole_view(workspace.fitted), workspace.screened)
    for look in (recursion.remainders, recursion.sums_of_three):
        proposals = [proposal.expression() for proposal in look(view, operators, rng)]
        assert proposals
        assert all(uses_only(one.canonical(), operators) for one in proposals)
