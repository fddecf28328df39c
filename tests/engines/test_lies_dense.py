"""Networks with random start in the LIES engine."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from closedform.engines.base import Budget, Problem
from closedform.engines.lies.dense import train_dense
from closedform.engines.lies.engine import LIESEngine
from closedform.symbolic.expression import Expression

QUICK = LIESEngine(
    init="random", depth=1, width=1, restarts=3, oversample=False, prune=False, sparsity=None, log_space=False
)


class Steps:
    """A clock that goes on by one second each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


# Formula, and the range of its columns. The first three are linear between logarithms; the next two have no unit for a
# square or a product of numbers of either sign, only limits that come close.
LAWS = {
    "mu*N": (1.0, 5.0),
    "k*x**2/2": (1.0, 5.0),
    "q/C": (1.0, 3.0),
    "x**2 + y": (-2.0, 2.0),
    "x*y": (-2.0, 2.0),
    "sin(x) + y": (-3.0, 3.0),
}


@pytest.mark.parametrize(("text", "bounds"), LAWS.items(), ids=LAWS)
def test_random_starts_alone_find_simple_laws(text: str, bounds: tuple[float, float]) -> None:
    law = Expression.parse(text)
    X = np.random.default_rng(1).uniform(*bounds, size=(150, 2))
    problem = Problem(X, law.evaluate(X, names=law.variables), law.variables)
    engine = LIESEngine(init="random")
    # Processor time, so that a busy machine does not turn the test red.
    budget = Budget(30.0, time.process_time)

    *_, found = engine.candidates(problem, budget=budget, archive=(), rng=np.random.default_rng(0))

    assert found.expression == law
    assert not budget.expired()


def smooth_problem() -> Problem:
    X = np.random.default_rng(0).uniform(0.5, 2.0, size=(40, 2))
    return Problem(X, 2.0 + np.sin(2.0 * X[:, 0]) + 0.5 * X[:, 1], ("a", "b"))


def formulas(problem: Problem, engine: LIESEngine, budget: Budget | None = None, seed: int = 0) -> list[Expression]:
    return list(train_dense(problem, engine, np.random.default_rng(seed), budget or Budget(60.0)))


def relative_error(problem: Problem, expression: Expression) -> float:
    return float(np.nanmedian(np.abs(expression.evaluate(problem.columns) - problem.y)) / problem.y.std())


def test_formulas_are_finite_on_most_rows_and_fit() -> None:
    problem = smooth_problem()

    found = formulas(problem, QUICK)

    assert found
    for expression in found:
        assert set(expression.variables) <= {"a", "b"}
        assert np.isfinite(expression.evaluate(problem.columns)).mean() > 0.8
    assert min(relative_error(problem, expression) for expression in found) < 0.1


def test_same_seed_same_formulas() -> None:
    problem = smooth_problem()

    first, second = (formulas(problem, QUICK, seed=4) for _ in range(2))

    assert [str(e) for e in first] == [str(e) for e in second]
    assert [str(e) for e in first] != [str(e) for e in formulas(problem, QUICK, seed=5)]


def test_used_up_budget_yields_nothing() -> None:
    assert formulas(smooth_problem(), QUICK, Budget(0.0)) == []


def test_budget_stops_training_and_the_rounds_after_it() -> None:
    clock = Steps()

    found = formulas(smooth_problem(), LIESEngine(depth=3, width=3, restarts=2), Budget(4.0, clock))

    assert len(found) <= 2
    assert clock.now < 20.0


@pytest.mark.parametrize(
    "settings",
    [
        *({"loss": loss} for loss in ("exp", "huber", "mae")),
        *({"sparsity": kind} for kind in ("admm", "logsum", "l1")),
        {"oversample": True},
        {"prune": True},
        {"log_space": True},
        {"second_order": False},
        {"second_order": False, "loss": "exp", "sparsity": "admm"},
    ],
    ids=str,
)
def test_every_switch_runs(settings: dict[str, object]) -> None:
    problem = smooth_problem()
    plain = {"init": "random", "depth": 1, "width": 1, "restarts": 2, "oversample": False, "prune": False}
    engine = LIESEngine(**{**plain, "sparsity": None, "log_space": False, **settings})  # type: ignore[arg-type]

    found = formulas(problem, engine, Budget(5.0 if engine.second_order else 60.0))

    assert found
    assert min(relative_error(problem, expression) for expression in found) < 0.5


def test_monomial_is_found_in_log_space() -> None:
    X = np.random.default_rng(1).uniform(0.5, 3.0, size=(60, 3))
    problem = Problem(X, X[:, 0] * X[:, 1] / X[:, 2] ** 2, ("x0", "x1", "x2"))
    engine = LIESEngine(init="random", depth=1, width=1, restarts=2, oversample=False, prune=False, sparsity=None)

    found = formulas(problem, engine)

    assert min(relative_error(problem, expression) for expression in found) < 1e-8


@pytest.mark.parametrize("settings", [{}, {"oversample": True, "prune": True}, {"second_order": False}], ids=str)
def test_rows_without_weight_do_not_count(settings: dict[str, bool]) -> None:
    clean = smooth_problem()
    y, weight = clean.y.copy(), np.ones(40)
    y[::4], weight[::4] = 50.0, 0.0

    found = formulas(Problem(clean.X, y, clean.names, weight), replace(QUICK, **settings))

    assert min(relative_error(clean, expression) for expression in found) < (
        0.1 if settings.get("second_order", True) else 0.5
    )


def test_wide_tables_are_narrowed() -> None:
    X = np.random.default_rng(1).uniform(1.0, 3.0, size=(120, 150))
    names = tuple(f"x{j}" for j in range(150))
    problem = Problem(X, X[:, 3] * X[:, 70] ** 2, names)
    engine = LIESEngine(init="random", depth=1, width=1, restarts=2, oversample=False)

    found = next(e for e in train_dense(problem, engine, np.random.default_rng(0), Budget(60.0)) if "exp" in str(e))

    assert set(found.variables) == {"x3", "x70"}


def test_logarithms_of_negative_columns_and_targets() -> None:
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.uniform(-3.0, -0.5, 60), rng.uniform(0.5, 3.0, 60), rng.uniform(-1.0, 1.0, 60)])
    problem = Problem(X, -1.5 * np.sqrt(-X[:, 0]) / X[:, 1], ("a", "b", "c"))
    engine = LIESEngine(init="random", depth=1, width=1, restarts=2, oversample=False)

    found = next(e for e in train_dense(problem, engine, np.random.default_rng(0), Budget(60.0)) if "exp" in str(e))

    assert set(found.variables) == {"a", "b"}
    np.testing.assert_allclose(found.evaluate(problem.columns), problem.y, rtol=1e-8)


def test_formula_of_a_constant_target_is_not_made_up() -> None:
    X = np.random.default_rng(2).uniform(0.5, 2.0, size=(30, 1))
    problem = Problem(X, np.full(30, 3.0), ("x",))

    for expression in formulas(problem, QUICK):
        np.testing.assert_allclose(expression.evaluate(problem.columns), 3.0, rtol=1e-6)


@pytest.mark.gpu
def test_networks_are_trained_on_a_gpu_too() -> None:
    problem = smooth_problem()

    for settings in ({}, {"oversample": True, "prune": True}, {"second_order": False}):
        found = formulas(problem, replace(QUICK, device="cuda", **settings))

        assert min(relative_error(problem, expression) for expression in found) < 0.5
