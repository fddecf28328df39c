"""The structure engine: laws that are too much in one piece, and are found piece by piece."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace

import numpy as np
import pytest

from closedform.engines import get_engine
from closedform.engines.base import Budget, Problem
from closedform.engines.structure.pieces import split_formulas
from closedform.screening.stages import Screen
from closedform.screening.workspace import Workspace
from closedform.structure.study import study
from closedform.symbolic import Expression
from closedform.symbolic.evaluate import evaluate
from closedform.units.rules import UnitRules


def problem(law: str, names: tuple[str, ...], n: int = 600, noise: float = 0.0) -> Problem:
    rng = np.random.default_rng(0)
    X = rng.uniform(1.0, 3.0, (n, len(names)))
    y = evaluate(Expression.parse(law), dict(zip(names, X.T, strict=True)))
    return Problem(X, y + rng.normal(0.0, 1.0, n) * noise * y.std(), names)


def best_of(given: Problem, seconds: float = 20.0) -> Expression:
    engine = get_engine("structure")
    found = engine.candidates(given, budget=Budget(seconds), archive=(), rng=np.random.default_rng(0))
    return min(found, key=lambda one: one.loss).expression


@pytest.mark.parametrize(
    ("law", "names"),
    [
        ("m*r^2*exp(-(s - t)^2)/g", ("m", "r", "g", "s", "t")),
        ("1/((a - b)^2 + (c - d)^2 + 0.5)", ("a", "b", "c", "d")),
    ],
)
def test_a_law_of_many_columns_is_cut_down(law, names):
    assert best_of(problem(law, names)).equivalent(Expression.parse(law))


def test_pieces_of_a_sum_are_found_apart():
    law = "exp(-a) + sqrt(b)*sin(c)"
    assert best_of(problem(law, ("a", "b", "c"))).equivalent(Expression.parse(law))


def test_a_law_that_is_linear_in_a_function_of_a_column():
    law = "1 + a^2 - 2*a*cos(b - c)"
    assert best_of(problem(law, ("a", "b", "c"))).equivalent(Expression.parse(law))


def test_of_several_forms_of_a_piece_that_are_as_good_as_it_is_known_the_shortest_counts():
    # As a function of t, the coefficient of s is approximated to nine digits by sums with more numbers.
    law = "s*exp(-0.13*t)/sqrt(t + 0.5) - 1.1*exp(-0.25*t)"
    assert best_of(problem(law, ("s", "t"), 1000), 40.0).equivalent(Expression.parse(law))


def test_a_piece_of_several_columns_is_cut_further():
    # A product of a function of a and a sum, of which each part is easy and both together are not.
    given = problem("sqrt(a + 0.3)*(b*exp(0.4*c) + d/(f + 0.8))", ("a", "b", "c", "d", "f"), 1500)
    form = study(given.names, given.X, given.y).forms[-1]

    budget, rng = Budget(24.0, time.process_time), np.random.default_rng(0)
    workspace = Workspace(given, Budget(60.0), rng, "structure")
    formulas = split_formulas(form, given, Screen(), budget, rng)
    losses = [one.loss for formula in formulas for one in workspace.judge(formula)]
    # Without the second cut it is 4e-3.
    assert np.sqrt(min(losses)) / given.scale < 3e-4


def test_a_law_of_an_unknown_function_of_an_expression():
    law = "(a*b + 2*b/c)*exp(-0.3*(a*b + 2*b/c))"
    assert best_of(problem(law, ("a", "b", "c"), 1500)).equivalent(Expression.parse(law))


def test_what_is_known_about_the_structure_is_not_looked_for_again(monkeypatch):
    given = problem("exp(-a) + sqrt(b)*sin(c)", ("a", "b", "c"))
    known = study(given.names, given.X, given.y)
    monkeypatch.setattr("closedform.engines.structure.engine.study", None)
    engine = pickle.loads(pickle.dumps(get_engine("structure").informed(known)))
    found = engine.candidates(given, budget=Budget(20.0), archive=(), rng=np.random.default_rng(0))
    best = min(found, key=lambda one: one.loss).expression
    assert best.equivalent(Expression.parse("exp(-a) + sqrt(b)*sin(c)"))


def test_units_lead_to_pure_numbers():
    law = "sin(6.283185307179586*w*t/h)^2"
    given = problem(law, ("w", "t", "h"), 1500)
    units = {"w": "J", "t": "s", "h": "J*s", "y": "1"}
    rules = UnitRules.of(units, given.names, "y")
    assert best_of(replace(given, requirements=(rules,))).equivalent(Expression.parse("sin(2*pi*w*t/h)^2"))


def test_a_table_without_structure_is_searched_as_it_is():
    given = problem("2.5*a + b", ("a", "b"), 15)
    assert best_of(given).equivalent(Expression.parse("2.5*a + b"))
