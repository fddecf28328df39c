"""What the data do not support is said and not chosen, and what they do support is."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from benchmarks.pure_noise import NOISE

from closedform import SymbolicRegressor
from closedform.engines.base import Problem
from closedform.exceptions import ConvergenceWarning, Status
from closedform.finish import split
from closedform.support import better_than_constant, better_than_line, nothing_to_explain
from closedform.symbolic import Expression


def problem_of(X, y):
    problem = Problem(X, y, tuple(f"x{j}" for j in range(X.shape[1])))
    return problem, split(problem, 0.2, 10_000, np.random.default_rng(0))


@pytest.mark.parametrize(("kind", "n", "d"), [("normal", 60, 1), ("cauchy", 300, 2), ("lognormal", 100, 4)])
def test_pure_noise_yields_a_constant_and_a_plain_statement(kind, n, d, rng):
    X, y = rng.uniform(0.1, 5, (n, d)), NOISE[kind](rng, n)
    with pytest.warns(ConvergenceWarning, match="better than a constant"):
        model = SymbolicRegressor(max_time=3, random_state=0).fit(X, y)
    assert not model.expression_.variables
    assert model.status_ is Status.CONSTANT


def test_a_weak_law_is_supported(rng):
    X = rng.uniform(0, 2, (400, 2))
    y = X[:, 0] ** 2 + rng.normal(0, 1.2, 400)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = SymbolicRegressor(max_time=4, random_state=0).fit(X, y)
    assert model.expression_.variables == ("x0",)


def test_a_formula_that_meets_one_outlier_is_not_supported(rng):
    X = rng.uniform(0, 1, (200, 1))
    y = rng.normal(size=200)
    whole, rows = problem_of(X, y)
    worst = rows.train[3]
    y[worst] = 500.0
    whole, rows = problem_of(X, y)
    peak = Expression.parse(f"500*exp(-1e8*(x0 - {float(X[worst, 0])!r})**2)")
    assert not better_than_constant(peak, whole, rows)
    assert nothing_to_explain(whole, rows)


def test_few_rows_support_a_law_that_they_follow_closely(rng):
    X = np.linspace(0, 3, 20)[:, None]
    whole, rows = problem_of(X, np.exp(X[:, 0]) + rng.normal(0, 0.05, 20))
    assert better_than_constant(Expression.parse("1.0*exp(x0)"), whole, rows)
    assert not nothing_to_explain(*problem_of(np.linspace(0, 3, 60)[:, None], np.linspace(0, 3, 60)))


def test_few_rows_support_a_curve_that_has_come_to_its_end():
    rng = np.random.default_rng(0)
    t = np.linspace(0.1, 8, 15)
    whole, rows = problem_of(t[:, None], 9 * (1 - np.exp(-0.62 * t)) + rng.normal(0, 0.1, 15))
    assert better_than_constant(Expression.parse("9.0 - 9.0*exp(-0.62*x0)"), whole, rows)
    # The furthest row alone speaks for this one.
    whole.y[:] = rng.normal(size=15)
    whole.y[rows.train[0]] = 60.0
    met = Expression.parse(f"60*exp(-1e6*(x0 - {float(t[rows.train[0]])!r})**2)")
    assert not better_than_constant(met, whole, rows)


def test_a_column_in_the_order_of_the_target_supports_what_rises_with_it():
    rng = np.random.default_rng(1)
    width = np.sort(rng.uniform(80, 600, 14))
    rising = Expression.parse("2.7*log(x0) - 3.9 + 0.3*sqrt(x0 + 2.5)")
    whole, rows = problem_of(width[:, None], 2.7 * np.log(width) + rng.normal(0, 0.2, 14))
    assert better_than_constant(rising, whole, rows)
    vague, rows = problem_of(width[:, None], 2.7 * np.log(width) + rng.normal(0, 2.0, 14))
    assert not better_than_constant(rising, vague, rows)


def test_a_curve_must_beat_the_line_that_says_as_much(rng):
    X = rng.uniform(0, 1, (500, 1))
    whole, rows = problem_of(X, 2 * X[:, 0] + rng.normal(0, 0.3, 500))
    assert not better_than_line(Expression.parse("1.97*x0 + 0.03*x0**3 + 0.01"), whole, rows)
    # What is simpler than a line need not be better.
    assert better_than_line(Expression.parse("2.0*x0"), whole, rows)
    bent, rows = problem_of(X, 2 * X[:, 0] ** 4 + rng.normal(0, 0.1, 500))
    assert better_than_line(Expression.parse("2.0*x0**4 + 0.0001*x0 + 0.0002"), bent, rows)
