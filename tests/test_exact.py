"""What may be called a law: true ones are, good approximations are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from closedform.engines.base import Problem
from closedform.exact import fewest_constants, inner_and_outer, is_law, is_rounding, n_open_constants
from closedform.symbolic import Expression
from closedform.symbolic.metrics import relative_rmse
from closedform.symbolic.refit import refit

parse = Expression.parse


def problem_of(law: str, low: float = 0.5, high: float = 3.0, n: int = 400, decimals: int | None = None) -> Problem:
    expression = parse(law)
    rng = np.random.default_rng(0)
    X = rng.uniform(low, high, (n, len(expression.variables)))
    y = np.asarray(expression.evaluate(dict(zip(expression.variables, X.T, strict=True))))
    return Problem(X, y if decimals is None else np.round(y, decimals), expression.variables)


def fitted(form: str, problem: Problem) -> Expression:
    return refit(parse(form), problem.columns, problem.y, max_iter=300).expression


@pytest.mark.parametrize(
    "law",
    [
        "2.5*x*y",
        "x*exp(-y)/(1 + x)",
        "0.7123456789012*x**1.6345678901234 + 3.0123456789",
        "1.234567890123*exp(-0.456789012345*x)*sin(2.345678901234*y + 0.678901234567)",
        "log(0.1234567890123 + x) - sqrt(x*y + 1.987654321098)/y",
    ],
)
def test_a_law_is_a_law_whatever_its_constants(law):
    problem = problem_of(law)
    assert is_law(parse(law), problem)
    # Also with constants as a fit leaves them: right to the last digits but one.
    rough = parse(law).with_constants(np.array(parse(law).constants) * (1 + 1e-5))
    assert is_law(refit(rough, problem.columns, problem.y).expression, problem)


APPROXIMATIONS = [
    ("sin(exp(x))", 0.0, 1.0, " + ".join(["0.1", *(f"0.1*x**{k}" for k in range(1, 13))])),
    ("sin(exp(x))", 0.4, 0.44, "1.1 + 1.1*x + 1.1*x**2 + 1.1*x**3 + 1.1*x**4 + 1.1*x**5"),
    ("log(1 + x)", 0.0, 0.2, "(1.1*x + 1.1*x**2 + 0.1*x**3)/(1 + 0.1*x + 0.1*x**2 + 0.1*x**3)"),
    ("exp(x)", 0.0, 0.05, "1.1 + 1.1*x + 1.1*x**2 + 1.1*x**3 + 1.1*x**4"),
]


@pytest.mark.parametrize(("law", "low", "high", "form"), APPROXIMATIONS)
def test_many_smooth_terms_are_no_law_however_well_they_fit(law, low, high, form):
    problem = problem_of(law, low, high)
    approximation = fitted(form, problem)
    assert relative_rmse(problem.y, approximation.evaluate(problem.columns)) < 1e-8
    assert not is_law(approximation, problem)
    assert is_law(parse(law), problem)


def test_rounding_level_on_all_rows_is_not_enough():
    problem = problem_of("exp(x)", 0.0, 0.05)
    approximation = fitted("1.1 + 1.1*x + 1.1*x**2 + 1.1*x**3 + 1.1*x**4 + 1.1*x**5", problem)
    assert is_rounding(approximation, problem)
    assert not is_law(approximation, problem)


def test_rounded_data_give_no_law():
    problem = problem_of("2.5*x*y", decimals=6)
    assert not is_law(parse("2.5*x*y"), problem)


def test_a_few_rows_prove_nothing():
    law = parse("2.5*x")
    assert not is_law(law, problem_of("2.5*x", n=4))
    assert is_law(law, problem_of("2.5*x", n=5))
    assert not is_law(parse("2.512345678901*x"), problem_of("2.512345678901*x", n=6))
    assert is_law(parse("2.512345678901*x"), problem_of("2.512345678901*x", n=7))


def test_rows_of_no_weight_do_not_count():
    problem = problem_of("2.5*x*y + 0.123456789012")
    y, weight = problem.y.copy(), np.ones(problem.n_samples)
    y[:50] += 1.0
    weight[:50] = 0.0
    law = parse("2.5*x*y + 0.123456789012")
    assert not is_law(law, replace(problem, y=y))
    assert is_law(law, replace(problem, y=y, sample_weight=weight))


def test_the_inner_rows_are_those_in_the_middle_of_every_column():
    problem = problem_of("x*y", n=101)
    inner, outer = inner_and_outer(parse("x*y"), problem)
    assert sorted([*inner, *outer]) == list(range(101)) and len(inner) == 51
    ranks = np.abs(problem.X.argsort(axis=0).argsort(axis=0) - 50).max(axis=1)
    assert ranks[inner].max() <= ranks[outer].min()
    # A column that the formula does not use plays no part.
    only_x = inner_and_outer(parse("x"), problem)[0]
    x = np.sort(problem.X[:, 0])
    assert problem.X[only_x, 0].min() >= x[25] and problem.X[only_x, 0].max() <= x[75]


def test_open_constants_are_those_nobody_would_write_down():
    assert n_open_constants(parse("2.5*x + 0.333333*x**3 + pi*x + 1/3")) == 0
    assert n_open_constants(parse("2.50000001*x + 0.3333333333333")) == 2


def test_of_several_laws_the_one_with_the_fewest_constants_is_claimed():
    short, long = parse("exp(2.5*x)"), parse("1.0000000001*exp(2.4999999999*x)")
    assert fewest_constants([long, short, parse("x")], [True, True, False]) == [False, True, False]
    assert fewest_constants([long], [True]) == [True]
    assert fewest_constants([long, short], [False, False]) == [False, False]
