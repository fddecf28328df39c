"""From candidates to a front: rows, rounding, simplification, scores on unseen rows, the choice."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from closedform.engines.base import Budget, Problem
from closedform.exceptions import InputError
from closedform.finish import Rows, choose_formula, finish, loss_of, split, squared_error
from closedform.formulas import Formula
from closedform.losses import AbsoluteLoss, ExpLoss, HuberLoss
from closedform.symbolic import Expression
from closedform.symbolic.refit import refit
from closedform.symbolic.vocabulary import uses_only
from closedform.testing import make_problem
from toy_engines import candidate

parse = Expression.parse


def all_rows(problem: Problem) -> Rows:
    every = np.arange(problem.n_samples)
    return Rows(every, every, every[:0])


def finished(problem: Problem, *texts: str, rows: Rows | None = None, seconds: float = 30.0) -> list[Formula]:
    found = [candidate(parse(text), problem, "toy", 1.0) for text in texts]
    return finish(found, problem, all_rows(problem) if rows is None else rows, Budget(seconds))


# --- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "fraction", "n_holdout"), [(100, 0.2, 20), (13, 0.2, 2), (11, 0.5, 0), (2, 0.2, 0), (60, 0.0, 0)]
)
def test_each_row_is_for_training_or_held_out(n, fraction, n_holdout):
    rows = split(make_problem(n_samples=n), fraction, 10_000, np.random.default_rng(0))
    assert len(rows.holdout) == n_holdout
    np.testing.assert_array_equal(np.sort(np.concatenate([rows.train, rows.holdout])), np.arange(n))
    np.testing.assert_array_equal(rows.search, rows.train)


def test_a_long_table_is_searched_on_some_of_its_training_rows():
    problem = make_problem(n_samples=5000)
    rows = split(problem, 0.2, 300, np.random.default_rng(0))
    assert (len(rows.search), len(rows.train), len(rows.holdout)) == (300, 4000, 1000)
    assert set(rows.search) <= set(rows.train)
    assert not set(rows.train) & set(rows.holdout)
    # The search knows the whole range of each column.
    assert problem.rows(rows.search).domain == problem.domain


def test_rows_depend_on_the_generator_alone():
    problem = make_problem(n_samples=1000)
    first, second, other = (split(problem, 0.2, 300, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.holdout, second.holdout)
    np.testing.assert_array_equal(first.search, second.search)
    assert set(first.holdout) != set(other.holdout)


# --- candidates to formulas -------------------------------------------------------------------------------------------


def test_constants_are_rounded_and_formulas_simplified():
    formulas = finished(make_problem("2*x/y", noise=0.0), "1.9999999*x*exp(0.0000001*x)/y + 0.0")
    assert str(formulas[-1].expression) == "2*x/y"
    assert formulas[-1].loss < 1e-25
    assert formulas[-1].complexity == formulas[-1].expression.complexity


def test_a_formula_that_cannot_be_rounded_stands_as_it_was_found(monkeypatch, caplog):
    def fail(*_: object, **__: object) -> None:
        raise OverflowError("too large")

    monkeypatch.setattr("closedform.finish.tune", fail)
    front = finished(make_problem("2.5*x"), "2.4999999999*x")
    assert [str(formula.expression) for formula in front] == ["2.4999999999*x"]
    assert "stands as it was found: too large" in caplog.text


def test_without_time_formulas_are_scored_as_they_are():
    formulas = finished(make_problem("2*x/y", noise=0.0), "1.99*x/y", seconds=0.0)
    assert str(formulas[0].expression) == "1.99*x/y"
    assert formulas[0].loss == pytest.approx(loss_of(parse("1.99*x/y"), make_problem("2*x/y", noise=0.0)))


def test_losses_are_those_of_the_rows_they_are_said_to_be_of():
    problem = make_problem("2.5*x", n_samples=500)
    rows = split(problem, 0.3, 100, np.random.default_rng(0))
    formulas = finished(problem, "x", rows=rows, seconds=0.0)
    residual = (problem.X[:, 0] - problem.y) ** 2
    assert formulas[0].loss == pytest.approx(residual[rows.train].mean())
    assert formulas[0].holdout_loss == pytest.approx(residual[rows.holdout].mean())


def test_no_rows_held_out_means_no_such_loss():
    assert math.isnan(finished(make_problem(n_samples=5), "x")[0].holdout_loss)


def test_rows_held_out_change_nothing_but_their_loss():
    problem = make_problem("2.5*x + y", n_samples=200)
    rows = split(problem, 0.3, 1000, np.random.default_rng(0))
    y = problem.y.copy()
    y[rows.holdout] += 100.0
    first, second = (finished(one, "2.4*x", "2.4*x + y", rows=rows) for one in (problem, replace(problem, y=y)))
    assert [f.expression for f in first] == [f.expression for f in second]
    assert [f.loss for f in first] == [f.loss for f in second]
    assert [f.holdout_loss for f in first] != [f.holdout_loss for f in second]


def test_a_formula_undefined_on_rows_that_the_search_did_not_see_is_left_out():
    problem = make_problem("2.5*x", n_samples=200)
    rows = split(problem, 0.3, 1000, np.random.default_rng(0))
    X = np.array(problem.X)
    X[rows.holdout[0], 0] = -1.0
    problem = replace(problem, X=X)
    assert [str(f.expression) for f in finished(problem, "x", "exp(log(x)) + sqrt(x)", rows=rows, seconds=0.0)] == ["x"]
    # Where nothing else is left, it stays, and its loss tells.
    (only,) = finished(problem, "sqrt(x)", rows=rows, seconds=0.0)
    assert only.holdout_loss == math.inf


def test_nothing_comes_of_formulas_that_are_not_defined():
    assert finished(make_problem(), "log(-x)", "1/(x - x)") == []


def test_a_larger_formula_has_to_be_better_on_all_training_rows():
    problem = make_problem("2.5*x + y", n_samples=500)
    rows = split(problem, 0.2, 40, np.random.default_rng(0))
    X = problem.X[rows.search]
    # Fitted to the few rows of the search, a wave that is not there.
    wave = np.linalg.lstsq(np.sin(7 * X), problem.y[rows.search] - 2.5 * X[:, 0] - X[:, 1], rcond=None)[0].tolist()
    texts = ["2.5*x + y", f"2.5*x + y + {wave[0]}*sin(7*x) + {wave[1]}*sin(7*y)"]
    assert len(finished(problem, *texts, rows=replace(rows, train=rows.search), seconds=0.0)) == 2
    assert len(finished(problem, *texts, rows=rows, seconds=0.0)) == 1


def test_a_sum_that_is_a_constant_for_all_that_rows_can_tell_is_written_as_one():
    rng = np.random.default_rng(0)
    x = rng.uniform(1.0, 40.0, size=(30, 1))
    y = 3.0 * x[:, 0] ** 1.5 * np.exp(0.02 * rng.normal(size=30))
    problem = Problem(x, y, ("x",))
    [formula] = finished(problem, "5.7e10*x**(3/2)/(x + 1.9e10)")
    assert formula.expression == parse("3*x**(3/2)")


def test_a_law_is_not_beaten_by_fewer_nodes_with_more_fitted_constants():
    rng = np.random.default_rng(0)
    x = rng.uniform(0.0, 0.6, size=(300, 1))
    y = 1 / np.sqrt(1 - x[:, 0] ** 2) + rng.normal(scale=0.05, size=300)
    problem = Problem(x, y, ("x",))
    law, fitted = parse("1/sqrt(1 - x**2)"), parse("0.0226*exp(4.22*x) + 0.9668")
    fitted = refit(fitted, problem.columns, y).expression
    assert fitted.complexity <= law.complexity and loss_of(fitted, problem) < loss_of(law, problem)
    found = [candidate(one, problem, "toy", 1.0) for one in (fitted, law)]
    formulas = finish(found, problem, all_rows(problem), Budget(0.0))
    assert formulas[choose_formula(formulas, problem, all_rows(problem), "mdl")].expression == law
    losses = [formula.loss for formula in formulas]
    assert losses == sorted(losses, reverse=True)


def test_the_front_has_scores_and_standard_errors():
    formulas = finished(make_problem("2.5*x*y + x"), "x", "2.4*x*y", "2.4*x*y + 1.1*x")
    assert [f.complexity for f in formulas] == sorted({f.complexity for f in formulas})
    assert formulas[0].score == 0.0 and all(f.score > 0.0 for f in formulas[1:])
    assert all(len(f.standard_errors) == f.expression.n_constants for f in formulas)


def test_simplification_does_not_bring_in_operators_that_are_not_allowed():
    problem = make_problem("tan(x)", noise=0.0, operators=frozenset({"sin", "cos", "div", "pow"}))
    problem = replace(problem, X=problem.X * 0.3, y=np.tan(problem.X[:, 0] * 0.3))
    for formula in finished(problem, "sin(x)/cos(x)"):
        assert uses_only(formula.expression, problem.operators)


# --- the choice -------------------------------------------------------------------------------------------------------


def front(problem: Problem, *texts: str) -> list[Formula]:
    return [Formula(parse(t), loss_of(parse(t), problem), 0.0, parse(t).complexity, "toy", 0.0, ()) for t in texts]


@pytest.mark.parametrize(("rule", "chosen"), [("mdl", 1), ("accuracy", 2), (lambda formulas: formulas[0], 0)])
def test_rules_choose_by_the_training_rows(rule, chosen):
    problem = make_problem("2.5*x*y")
    formulas = front(problem, "x", "2.5*x*y", "2.5*x*y + 0.001*sin(37.0*x) + 0.001*x")
    formulas[2] = replace(formulas[2], loss=formulas[1].loss * 0.999)
    if rule == "accuracy":
        formulas = front(problem, "x", "2.4*x*y", "2.5*x*y")
    assert choose_formula(formulas, problem, all_rows(problem), rule) == chosen


def test_an_unknown_rule_is_refused():
    problem = make_problem()
    with pytest.raises(InputError, match='model_selection must be "mdl", "best"'):
        choose_formula(front(problem, "x"), problem, all_rows(problem), "bic")


def test_the_choice_is_not_led_astray_by_outliers_under_a_robust_loss():
    problem = make_problem("2.5*x", n_samples=300, noise=0.01, loss=AbsoluteLoss())
    y = problem.y.copy()
    y[:10] += 1000.0
    problem = replace(problem, y=y)
    formulas = front(problem, "17.0", "2.5*x")
    assert choose_formula(formulas, problem, all_rows(problem), "mdl") == 1


@pytest.mark.parametrize(
    ("loss", "wanted"), [(AbsoluteLoss(), 4.0), (HuberLoss(1.0), 3.0), (ExpLoss(), 4.0)], ids=lambda value: str(value)
)
def test_errors_as_squares(loss, wanted):
    problem = Problem(np.ones((3, 1)), np.array([2.0, 2.0, 2.0]), ("x",), loss=loss)
    assert squared_error(parse("0.0*x"), problem) == pytest.approx(wanted)
