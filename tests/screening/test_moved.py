"""Outer units with a constant of their own: the constant is found beside what stands inside the unit."""

from __future__ import annotations

import time

import numpy as np
import pytest

from closedform.engines.base import DEFAULT_OPERATORS, Budget, Problem
from closedform.screening.moved import moved_targets
from closedform.screening.view import on_rows, whole_view
from closedform.screening.workspace import GRID_QUOTAS, Workspace
from closedform.symbolic import Expression

LAWS = {
    "reciprocal": ("1/(0.23*log(a) + 17.6/(b + 30) - 2.3) - 11.7", {"a": (2, 50), "b": (1, 40)}),
    "square": ("sqrt(a**2/b + 7.3) - 2.9", {"a": (1, 5), "b": (0.2, 2)}),
    "square over a column": ("a*(sqrt(1 + 0.83*b**2/a**3) - 1)", {"a": (0.2, 1), "b": (1, 9)}),
    "product": ("3.7*a**1.31*b**(-0.45) - 12.9", {"a": (1, 5), "b": (1, 9)}),
    "rate": ("0.37*log(2.1 + 3.3*a**2*b)", {"a": (1, 5), "b": (0.2, 2)}),
    "exponent": ("(1.3 + a/b)**0.37", {"a": (1, 5), "b": (0.2, 2)}),
}


def looked_at(text, ranges, rng):
    """A law on these ranges as a workspace, and its view."""
    law = Expression.parse(text)
    X = np.column_stack([rng.uniform(*ranges[name], size=600) for name in law.variables])
    problem = Problem(X, law.evaluate(dict(zip(law.variables, X.T, strict=True))), law.variables)
    workspace = Workspace(problem, Budget(60.0, time.process_time), rng, "screen")
    return workspace, on_rows(whole_view(workspace.fitted), workspace.screened)


@pytest.mark.parametrize(("text", "ranges"), LAWS.values(), ids=LAWS)
def test_the_constant_of_the_outer_unit_is_found(text, ranges, rng):
    workspace, view = looked_at(text, ranges, rng)
    found = list(workspace.judge_all(moved_targets(view, DEFAULT_OPERATORS, 2, rng), GRID_QUOTAS))
    assert workspace.solved
    best = min(found, key=lambda candidate: candidate.loss).expression
    beyond = {name: rng.uniform(low, high + 0.3 * (high - low), 50) for name, (low, high) in ranges.items()}
    expected = Expression.parse(text).evaluate(beyond)
    np.testing.assert_allclose(best.evaluate(beyond), expected, rtol=1e-6, atol=1e-8)


def test_only_allowed_operators_are_used(rng):
    _, view = looked_at("0.37*log(2.1 + 3.3*a**2*b)", {"a": (1, 5), "b": (0.2, 2)}, rng)
    allowed = frozenset({"add", "sub", "mul", "div", "neg", "pow"})
    for proposal in moved_targets(view, allowed, 2, rng):
        operators = {node.op.name for node in proposal.expression().walk() if node.kind == "apply"}
        assert not operators & {"log", "exp", "sin", "cos"}


def test_a_target_of_one_value_beside_zero_is_no_reason_to_fail(rng):
    X = rng.uniform(1, 2, size=(300, 2))
    y = np.where(np.arange(300) == 7, 1.0, 0.0)
    workspace = Workspace(Problem(X, y, ("a", "b")), Budget(20.0), rng, "screen")
    view = on_rows(whole_view(workspace.fitted), workspace.screened)
    assert all(np.isfinite(proposal.promise) for proposal in moved_targets(view, DEFAULT_OPERATORS, 2, rng))
