"""The screen as a whole: laws of the kinds that its stages are there for are found, with all their constants."""

from __future__ import annotations

import time

import numpy as np
import pytest

from closedform.engines.base import Budget, Problem
from closedform.library.grids import grid_factors
from closedform.screening.proposals import products_of_factors
from closedform.screening.stages import Screen
from closedform.screening.view import on_rows, whole_view
from closedform.screening.workspace import GRID_QUOTAS, Workspace
from closedform.symbolic import Expression


def solve(text, rng, seconds=60.0, **ranges):
    """Work on a law on these ranges; the workspace and the best formula."""
    law = Expression.parse(text)
    X = np.column_stack([rng.uniform(*ranges[name], size=1000) for name in law.variables])
    problem = Problem(X, law.evaluate(dict(zip(law.variables, X.T, strict=True))), law.variables)
    workspace = Workspace(problem, Budget(seconds, time.process_time), rng, "screen")
    found = list(Screen().run(workspace, rng))
    best = min(found, key=lambda candidate: candidate.loss).expression
    return workspace, law, best


LAWS = {
    "one unit with an inner constant": ("7.9 - 7.7*exp(-0.43*t)", {"t": (0.1, 9)}),
    "a unit beside two other columns": (
        "1/(3*p/q*exp(41/(T + 24)) - 1.6)",
        {"p": (70, 105), "q": (0.05, 1), "T": (-5, 45)},
    ),
    "a column in an exponent": ("P*r/(1 - (1 + r)**(-n))", {"P": (10, 500), "r": (0.01, 0.2), "n": (6, 60)}),
    "1 less a product": ("1 - a**2*(b - c)/b**2.5", {"a": (0.3, 0.9), "b": (2, 3), "c": (0.5, 1.5)}),
    "a few rows beside poles": ("cos(x)/tan(y)", {"x": (-4, 3), "y": (-2.7, 2.1)}),
    "a square of a wave": ("(cos(y)**2 + 0.1*sin(y)**2)*sin(x)", {"x": (-4, 3), "y": (-2.7, 2.1)}),
    "a ratio of polynomials under a root": ("sqrt(1 + 1.04*w**2/(w**2 - 0.06))", {"w": (0.4, 2)}),
    "a power over an exponential less one": ("3.7*x**3/(exp(1.44*x) - 1)", {"x": (0.2, 8)}),
    "a cube": ("(a**2/c + b/c + b**2)**(1/3)", {"a": (1, 3), "b": (1, 4), "c": (1, 2)}),
}


@pytest.mark.parametrize(("text", "ranges"), LAWS.values(), ids=LAWS)
def test_laws_are_found(text, ranges, rng):
    workspace, law, best = solve(text, rng, **ranges)
    assert workspace.solved
    # Also beyond the rows that were seen.
    beyond = {name: rng.uniform(low, high + 0.3 * (high - low), 50) for name, (low, high) in ranges.items()}
    with np.errstate(all="ignore"):
        expected = law.evaluate(beyond)
        found = best.evaluate(beyond)
    defined = np.isfinite(expected)
    assert defined.sum() > 30
    np.testing.assert_allclose(
        found[defined], expected[defined], rtol=1e-6, atol=1e-9 * np.abs(expected[defined]).max()
    )


def test_a_sum_inside_a_power_may_have_an_exponent_of_its_own(rng):
    law = Expression.parse("3.9*b/(1 + b**0.72)**1.39")
    b = rng.uniform(0.1, 9, size=600)
    workspace = Workspace(Problem(b[:, None], law.evaluate({"b": b}), ("b",)), Budget(60.0), rng, "screen")
    view = on_rows(whole_view(workspace.fitted), workspace.screened)
    pool = grid_factors(view.X, view.recipes, 3000, rng)
    found = list(workspace.judge_all(products_of_factors(view, pool, 1), GRID_QUOTAS))
    assert workspace.solved
    assert sorted(found[-1].expression.constants) == pytest.approx([-1.39, 0.72, 3.9])


def test_the_same_seed_finds_the_same(rng):
    first, second = (solve("x*exp(-0.4*t) + t", np.random.default_rng(5), t=(0.5, 4), x=(1, 2)) for _ in range(2))
    assert first[2] == second[2]


def test_nothing_is_looked_at_when_the_time_is_up(rng):
    problem = Problem(rng.uniform(1, 2, (50, 2)), rng.normal(size=50), ("a", "b"))
    assert list(Screen().run(Workspace(problem, Budget(0.0), rng, "screen"), rng)) == []
