"""The last fit: the least squares solution of all rows, without forgetting what had been rounded."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from closedform import last_fit
from closedform.engines.base import Budget, Problem
from closedform.finish import loss_of
from closedform.formulas import Formula
from closedform.losses import AbsoluteLoss
from closedform.symbolic import Expression
from closedform.symbolic.refit import refit, standard_errors
from closedform.testing import make_problem


def fitted(text: str, problem: Problem, seconds: float = 30.0) -> Formula:
    expression = Expression.parse(text)
    formula = Formula(expression, 1.0, 2.0, 3, "toy", 0.0, (0.0,) * expression.n_constants)
    return last_fit.fit_to_all_rows(formula, problem, Budget(seconds))


@pytest.mark.parametrize(
    "text",
    [
        "2.3456789*x*y + 0.7654321",
        "2.3456789*exp(-0.4321987*x) + 0.7654321*y",
        "1.2345678*x**1.1234567 + 0.1234567/(y + 0.9876543)",
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_it_ends_where_the_refit_in_memory_ends(text, weighted, monkeypatch):
    # Small blocks: the sums must not depend on them.
    monkeypatch.setattr(last_fit, "_BLOCK", 97)
    weight = np.random.default_rng(3).uniform(0.1, 5.0, 1000) if weighted else None
    problem = make_problem(text, n_samples=1000, sample_weight=weight)
    found = fitted(text, problem)
    reference = refit(Expression.parse(text), problem.columns, problem.y, weights=weight).expression
    errors = standard_errors(found.expression, problem.columns, problem.y, weights=weight)
    assert loss_of(found.expression, problem) == pytest.approx(loss_of(reference, problem), rel=1e-8)
    assert (np.abs(np.subtract(found.expression.constants, reference.constants)) < 1e-3 * np.array(errors)).all()
    np.testing.assert_allclose(found.standard_errors, errors, rtol=1e-6)


def test_the_result_is_never_worse():
    problem = make_problem("2.5*x*y", n_samples=300)
    for text in ("2.3456789*x*y", "0.1234567*x*y + 5.4321234", "1.2345678*x**4.5432123"):
        assert loss_of(fitted(text, problem).expression, problem) <= loss_of(Expression.parse(text), problem)


def test_a_number_that_had_been_rounded_stays_where_the_rows_allow_it():
    problem = make_problem("2.5*x + 1.7654321*y", n_samples=2000)
    slope, other = fitted("2.5*x + 1.7*y + 0.0123456", problem).expression.constants[:2]
    assert slope == 2.5
    assert other == pytest.approx(1.765, abs=0.02)


def test_a_number_that_all_rows_speak_against_moves():
    problem = make_problem("2.5*x + y", n_samples=2000)
    (slope,) = fitted("2.6*x + y", problem).expression.constants
    assert slope == pytest.approx(2.5, abs=0.02)


def test_an_exact_formula_is_left_alone():
    problem = make_problem("2.5*x*exp(-0.3*y)", n_samples=100, noise=0.0)
    found = fitted("2.5*x*exp(-0.3*y)", problem)
    assert str(found.expression) == "2.5*x*exp(-0.3*y)"
    assert max(found.standard_errors) < 1e-12


def test_outliers_do_not_pull_under_the_absolute_loss():
    problem = make_problem("2.5*x", n_samples=501, noise=0.001, loss=AbsoluteLoss())
    y = problem.y.copy()
    y[::50] += 100.0
    (slope,) = fitted("2.7654321*x", replace(problem, y=y)).expression.constants
    assert slope == pytest.approx(2.5, abs=0.01)


def test_constants_that_the_data_do_not_fix_have_infinite_errors():
    problem = make_problem("2.5*x", n_samples=100)
    found = fitted("1.2345678*(2.1234567*x)", problem)
    assert found.standard_errors == (math.inf, math.inf)
    two = make_problem("2.5*x", n_samples=2)
    assert fitted("1.2345678*x + 0.1234567", two).standard_errors == (math.inf, math.inf)


@pytest.mark.parametrize("text", ["x*y", "log(-1.5*x)", "1.2345678/(x - x)"])
def test_what_cannot_be_fitted_comes_back_as_it_was(text):
    found = fitted(text, make_problem("2.5*x*y"))
    assert str(found.expression) == text


def test_constants_do_not_run_away_to_make_a_term_idle():
    x = np.geomspace(0.1, 40.0, 40)
    # The denominator is not there: the best constant in it is infinite.
    problem = Problem(x[:, None], 3.0 * x**1.5 + 1e-3 * np.cos(50 * x), ("x",))
    formula = fitted("840.5*x**(3/2)/(x + 280.25)", problem)
    assert str(formula.expression) == str(Expression.parse("840.5*x**(3/2)/(x + 280.25)"))


def test_nothing_is_done_without_time():
    assert fitted("2.3456789*x", make_problem("2.5*x"), seconds=0.0).expression.constants == (2.3456789,)


def test_a_constant_alone_is_fitted_too():
    problem = make_problem("2.5*x", n_samples=200)
    (value,) = fitted("1.2345678", problem).expression.constants
    assert value == pytest.approx(problem.y.mean())


def test_losses_stay_those_before_the_fit():
    found = fitted("2.3456789*x", make_problem("2.5*x"))
    assert (found.loss, found.holdout_loss) == (1.0, 2.0)
