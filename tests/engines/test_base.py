"""The contract of engines: problems, budgets, candidates."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from closedform.engines import ENGINES, get_engine
from closedform.engines.base import DEFAULT_OPERATORS, Budget, Candidate, Engine, Problem
from closedform.losses import AbsoluteLoss
from closedform.symbolic import OPERATORS, Expression
from toy_engines import AffineEngine


class Clock:
    """Seconds that pass only when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def problem(rng):
    X = rng.normal(size=(20, 3))
    return Problem(X, X[:, 0] - 2 * X[:, 2], ("a", "b 1", "c"))


# --- problems ---------------------------------------------------------------------------------------------------------


def test_columns_by_name(problem):
    assert (problem.n_samples, problem.n_features) == (20, 3)
    assert list(problem.columns) == ["a", "b 1", "c"]
    for j, column in enumerate(problem.columns.values()):
        np.testing.assert_array_equal(column, problem.X[:, j])
        assert column.flags.c_contiguous


def test_the_domain_is_the_box_of_the_data(problem):
    for j, (low, high) in enumerate(problem.domain.values()):
        assert (low, high) == (problem.X[:, j].min(), problem.X[:, j].max())


def test_some_rows_of_a_problem(rng):
    X, weight = rng.normal(size=(10, 2)), np.arange(1.0, 11.0)
    whole = Problem(X, X[:, 0], ("x", "y"), weight, AbsoluteLoss(), frozenset({"exp"}), 12)
    part = whole.rows(np.array([1, 4, 5]))
    np.testing.assert_array_equal(part.X, X[[1, 4, 5]])
    np.testing.assert_array_equal(part.y, X[[1, 4, 5], 0])
    np.testing.assert_array_equal(part.sample_weight, [2.0, 5.0, 6.0])
    assert (part.loss, part.operators, part.max_complexity) == (whole.loss, whole.operators, whole.max_complexity)
    assert Problem(X, X[:, 0], ("x", "y")).rows(np.array([0])).sample_weight is None


class _Positive:
    """A requirement of the values alone: positive where x is 1."""

    def admits_form(self, _expression):
        return True

    def admits(self, expression):
        return expression.evaluate({"x": np.ones(1)})[0] > 0


def test_what_a_problem_admits():
    X = np.ones((2, 1))
    problem = Problem(X, X[:, 0], ("x",), operators=frozenset({"exp"}), requirements=(_Positive(),))
    positive, negative, other = map(Expression.parse, ("exp(x) - 1.0", "exp(x) - 9.0", "log(x) + 9.0"))
    assert [problem.admits_form(one) for one in (positive, negative, other)] == [True, True, False]
    assert [problem.admits(one) for one in (positive, negative, other)] == [True, False, False]
    assert problem.rows(np.array([0])).requirements == problem.requirements


@pytest.mark.parametrize("size", [1e-300, 1e-20, 1.0, 1e20, 1e300])
def test_the_scale_is_the_standard_deviation_of_the_target(size, rng):
    y = rng.normal(size=50) + 3.0
    X = np.zeros((50, 1))
    assert Problem(X, size * y, ("x",)).scale == pytest.approx(size * y.std(), rel=1e-12)
    weight = rng.integers(0, 3, size=50).astype(float)
    repeated = np.repeat(y, weight.astype(int))
    assert Problem(X, size * y, ("x",), weight).scale == pytest.approx(size * repeated.std(), rel=1e-12)


@pytest.mark.parametrize("value", [0.0, -2.5, 1e300])
def test_a_constant_target_has_scale_one(value):
    assert Problem(np.zeros((5, 1)), np.full(5, value), ("x",)).scale == 1.0


def test_the_default_operators_are_all_smooth_ones():
    assert set(OPERATORS) - {"sign", "min", "max"} == DEFAULT_OPERATORS
    assert Problem(np.zeros((1, 1)), np.zeros(1), ("x",)).operators == DEFAULT_OPERATORS


# --- budgets ----------------------------------------------------------------------------------------------------------


def test_a_budget_runs_down_with_its_clock():
    clock = Clock()
    budget = Budget(10.0, clock)
    assert (budget.elapsed(), budget.remaining(), budget.expired()) == (0.0, 10.0, False)
    clock.now += 4.0
    assert (budget.elapsed(), budget.remaining(), budget.expired()) == (4.0, 6.0, False)
    clock.now += 7.0
    assert (budget.elapsed(), budget.remaining(), budget.expired()) == (11.0, 0.0, True)


def test_a_share_starts_now_and_has_a_part_of_what_is_left():
    clock = Clock()
    budget = Budget(10.0, clock)
    clock.now += 2.0
    share = budget.share(0.25)
    assert (share.max_time, share.elapsed()) == (2.0, 0.0)
    clock.now += 3.0
    assert share.expired() and not budget.expired()
    clock.now += 100.0
    assert budget.share(0.5).expired()


def test_no_time_is_expired_at_once():
    assert Budget(0.0).expired()


def test_a_budget_without_a_clock_takes_that_of_the_machine():
    budget = Budget(1e6)
    assert 0.0 <= budget.elapsed() < 1e5 and not budget.expired()


# --- candidates and engines -------------------------------------------------------------------------------------------


def test_candidates_cannot_be_changed_and_can_be_pickled():
    candidate = Candidate(Expression.parse("2.5*x"), 0.5, 3, "toy", 1.0)
    with pytest.raises(FrozenInstanceError):
        candidate.loss = 0.0
    assert pickle.loads(pickle.dumps(candidate)) == candidate


def test_an_engine_is_what_has_a_name_and_candidates():
    assert isinstance(AffineEngine(), Engine)
    assert not isinstance(object(), Engine)
    for name in ENGINES:
        engine = get_engine(name)
        assert isinstance(engine, Engine) and engine.name == name
