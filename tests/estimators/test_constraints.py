"""Constraints from the estimator to the front: data sets whose best free formula breaks them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from closedform import LIESRegressor, SymbolicRegressor, load
from closedform.constraints import Bounds, Forbidden, MaxUses, Monotone, NotNested, OnlyOn, Positive, ValueAt, check
from closedform.engines import get_engine
from closedform.exceptions import ConvergenceWarning, InputError
from closedform.symbolic import Expression
from toy_engines import AffineEngine, ScriptedEngine

SMALL = get_engine("screen", max_terms=2, library_size=300)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    x, t = rng.uniform(0.5, 2.0, 80), rng.uniform(0.0, 3.0, 80)
    return {"x": x, "t": t}


def fitted(table, y, constraints, engine=SMALL, **options):
    model = SymbolicRegressor(engines=[engine], max_time=3, random_state=0, constraints=constraints, **options)
    return model.fit(table, y)


@pytest.mark.filterwarnings("ignore:Nothing better than a constant")
@pytest.mark.parametrize(
    ("law", "constraint"),
    [
        ("2.5*x*exp(-0.5*t)", Forbidden("exp")),
        ("exp(-0.5*t) + exp(0.5*x)", MaxUses("exp", 1)),
        ("exp(sin(2*t))", NotNested("sin", inside="exp")),
        ("exp(0.5*x) + t", OnlyOn("exp", "t")),
        ("(x - 1)**2 + t", Monotone("x")),
        ("x - t", Positive()),
        ("x - t", Bounds(low=-2, high=1)),
        ("x + t", ValueAt({"x": 0}, 0)),
    ],
)
def test_the_law_that_breaks_a_constraint_is_not_on_the_front(table, law, constraint):
    y = Expression.parse(law).evaluate(table)
    # As good as exact: the search knows the law from the start, and must not keep it.
    engine = ScriptedEngine((law, "0.1*x + 0.1*t + 1.0", "0.1*x*t"))
    free = fitted(table, y, None, engine)
    assert free.formulas_[-1].loss < 1e-20
    assert check(free.expression_, [constraint], table)[0].value == "broken"
    kept = fitted(table, y, [constraint], engine)
    assert all(check(one.expression, [constraint], table)[0].value != "broken" for one in kept.formulas_)
    assert kept.formulas_[-1].loss > 1e-8


def test_a_law_that_keeps_to_the_constraints_is_still_found(table):
    y = Expression.parse("2.5*x*exp(-0.5*t)").evaluate(table)
    wishes = [Monotone("x"), Monotone("t", increasing=False), Bounds(low=0), OnlyOn("exp", "t"), ValueAt({"x": 0}, 0)]
    model = fitted(table, y, wishes)
    assert model.expression_.equivalent(Expression.parse("2.5*x*exp(-0.5*t)"))
    assert [verdict.value for verdict in check(model.expression_, wishes, table)] == ["proven"] * 5


def test_constants_are_fitted_so_that_noise_does_not_break_a_constraint(table):
    noise = np.random.default_rng(1).normal(0, 0.05, 80)
    y = 2.0 * table["x"] + 0.1 + noise
    model = fitted(table, y, [ValueAt({"x": 0, "t": 0}, 0)], AffineEngine())
    assert all(abs(one.expression.evaluate({"x": np.zeros(1), "t": np.zeros(1)})[0]) < 1e-12 for one in model.formulas_)
    assert model.formulas_[-1].loss < 0.01


def test_scaled_columns_keep_to_the_same_constraints():
    x = np.linspace(1e8, 3e8, 60)
    wishes = [ValueAt({"x": 0}, 0), Monotone("x")]
    model = fitted({"x": x}, 3e-9 * x + 0.01 + 1e-3 * np.sin(x), wishes, AffineEngine())
    assert model.formulas_[-1].engine != "constant"
    assert "broken" not in [one.value for one in check(model.expression_, wishes, {"x": x})]


def test_where_only_the_constant_keeps_to_them_this_is_said(table):
    with pytest.warns(ConvergenceWarning, match="Nothing better than a constant that keeps to the constraints"):
        model = fitted(table, table["x"], [Monotone("x", increasing=False)], ScriptedEngine(("x", "2.0*x")))
    assert [one.engine for one in model.formulas_] == ["constant"]


def test_where_not_even_a_constant_keeps_to_them_this_is_said(table):
    wishes = [ValueAt({"x": 0}, 0), ValueAt({"x": 1}, 1)]
    with pytest.raises(InputError, match="no formula that keeps to the constraints was found"):
        fitted(table, table["x"], wishes, ScriptedEngine(("t",)))
    assert fitted(table, table["x"], wishes, ScriptedEngine(("0.5*x + 0.1",))).expression_ == Expression.parse("x")


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ("monotone:x:up", "constraints must be a list"),
        ([3], "constraints must hold objects"),
        (["monotone:y:up"], "Monotone: .*'y'"),
        ([Bounds(low=3), Bounds(high=1)], "contradict each other"),
    ],
)
@pytest.mark.parametrize("kind", [SymbolicRegressor, LIESRegressor])
def test_constraints_that_cannot_be_used(table, kind, constraints, message):
    with pytest.raises(InputError, match=message):
        kind(constraints=constraints).fit(table, table["x"])


def test_constraints_are_saved_with_the_model(table, tmp_path):
    wishes = ("monotone:x:up", Bounds(low=0, where={"x": (0, 9)}), Forbidden(("sin", "cos")))
    model = fitted(table, 2.0 * table["x"], wishes, AffineEngine())
    model.save(tmp_path / "m.json")
    assert load(tmp_path / "m.json").constraints == wishes
    assert clone(model).constraints == wishes
