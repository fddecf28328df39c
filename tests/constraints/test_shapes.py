"""Constraints on values: proofs, checks, and constants that keep to them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from closedform.constraints import (
    Bounds,
    Convex,
    Monotone,
    Negative,
    Positive,
    ValueAt,
    check,
)
from closedform.constraints.bound import bind, check_together
from closedform.constraints.region import Region
from closedform.exceptions import InputError
from closedform.losses import AbsoluteLoss, SquaredLoss
from closedform.symbolic import Expression

TABLE = {"x": np.linspace(0.0, 1.0, 41), "z": np.linspace(2.0, 1.0, 41)}
DOWN = {"increasing": False}


@pytest.mark.parametrize(
    ("constraint", "text", "verdict"),
    [
        (Monotone("x"), "x**2", "proven"),
        (Monotone("x"), "x**2 - x", "broken"),
        (Monotone("x"), "3.0", "proven"),
        (Monotone("z"), "x*z - sin(x)", "proven"),
        (Monotone("x"), "x**3/(1 + x**3)", "proven"),
        (Monotone("x", **DOWN), "1/(x - 0.503)", "broken"),  # the slope never changes its sign, the pole jumps
        (Monotone("x"), "tan(3*x)", "broken"),
        (Monotone("x", **DOWN), "-sign(x - 0.5)", "checked"),  # the slope, 0 everywhere, must not count as a proof
        (Monotone("x"), "-sign(x - 0.5)", "broken"),
        (Monotone("x"), "sqrt(x - 0.5)", "checked"),  # points without a value break nothing
        (Monotone("x", where={"x": (-1, 1)}), "x**2", "broken"),
        (Convex("x"), "exp(x)*z", "proven"),
        (Convex("x"), "sqrt(x)", "broken"),
        (Convex("x", upwards=False), "sqrt(x + 1)", "proven"),
        (Convex("x"), "-abs(x - 0.5)", "broken"),  # the curvature is 0 but for one point
        (Convex("x"), "abs(x - 0.5)", "checked"),
        (Bounds(0, 2), "x*z", "proven"),
        (Bounds(0, 1.9), "2*x", "broken"),
        (Bounds(low=0), "(x - 0.51)**2 - 1e-6", "broken"),  # a dip between the rows
        (Bounds(high=2, where={"x": (0, 3)}), "2*x", "broken"),
        (Positive(), "x + 0.1", "proven"),
        (Positive(), "x", "broken"),
        (Negative(), "-exp(x)", "proven"),
        (Negative(), "x - 0.5", "broken"),
        (ValueAt({"x": 0}, 0), "x*z", "proven"),
        (ValueAt({"x": 0}, 0), "x*z + z*1e-6", "broken"),
        (ValueAt({"x": 0}, 1), "z/(x + z)", "proven"),
        (ValueAt({"x": 0}, 0), "log(1 + x*z)", "proven"),
        (ValueAt({"x": 0}, 0), "1/x", "broken"),
        (ValueAt({"x": 2, "z": 3}, 6), "x*z", "proven"),
        (ValueAt({"x": 2, "z": 3}, 6), "x*z + 1e-9", "broken"),
    ],
)
def test_verdicts(constraint, text, verdict):
    assert check(Expression.parse(text), [constraint], TABLE)[0].value == verdict


def test_a_narrow_violation_between_all_points_is_found_where_the_proof_fails():
    # Half a percent of the box is below zero, away from rows, corners and the dense sample of a wide box.
    narrow = Expression.parse("(x - 0.3337)**2 - 1e-9")
    assert check(narrow, [Bounds(low=0)], {"x": [0.0, 1.0]})[0].value in ("broken", "checked")
    assert check(Expression.parse("(x - 0.3337)**2"), [Bounds(low=0)], {"x": [0.0, 1.0]})[0].value == "proven"


# --- constants that keep to shapes ------------------------------------------------------------------------------------


@pytest.fixture
def noisy(rng):
    x, z = rng.uniform(0.0, 1.0, 60), rng.uniform(1.0, 2.0, 60)
    return {"x": x, "z": z}, 2.0 * np.sqrt(x) - 0.1 + 0.05 * rng.normal(size=60)


@pytest.mark.parametrize("loss", [SquaredLoss(), AbsoluteLoss()], ids=["squared", "absolute"])
@pytest.mark.parametrize(
    ("constraint", "text"),
    [
        (ValueAt({"x": 0}, 0), "1.5*sqrt(x) + 0.3"),
        (ValueAt({"x": 0}, 0), "1.0*exp(-2.0*x) + 1.0"),
        (ValueAt({"x": 0}, 0), "1.5*x**0.5 + 0.3*x*z + 0.1*z"),
        (ValueAt({"x": 0, "z": 1}, 0.5), "1.5*x + 0.3*z + 1.0"),
        (ValueAt({"x": 0}, 0.25), "1.0"),
        (Bounds(low=0, where={"x": (0, 3)}), "1.5*x**2 + 1.0*x - 0.5"),
        (Monotone("x", increasing=False), "1.0*x**2 + 1.0*x + 1.0"),
        (Convex("x"), "1.0*x**2 + 1.0*x + 1.0"),
        (Positive(where={"x": (0, 1)}), "1.5*sqrt(x) - 0.1"),
    ],
)
def test_constants_are_fitted_under_the_constraint(noisy, constraint, text, loss):
    columns, y = noisy
    (bound,) = bind([constraint], columns, y)
    free = Expression.parse(text).refit(columns, y, loss=loss).expression
    assert not bound.admits(free)
    kept = bound.adjusted(free, columns, y, None, loss)
    assert kept is not None and bound.admits(kept)
    assert set(kept.variables) <= set(free.variables)


def test_constrained_constants_are_the_best_ones(noisy):
    columns, y = noisy
    (bound,) = bind([ValueAt({"x": 0}, 0)], columns, y)
    free = Expression.parse("1.0*x + 1.0*x**2 + 1.0").refit(columns, y).expression
    kept = bound.adjusted(free, columns, y, None, SquaredLoss())
    best = Expression.parse("1.0*x + 1.0*x**2").refit(columns, y).expression
    np.testing.assert_allclose(kept.evaluate(columns), best.evaluate(columns), rtol=1e-6, atol=1e-9)


def test_constraints_travel_to_other_processes(noisy):
    (bound,) = bind([ValueAt({"x": 0}, 0)], *noisy)
    kept, broken = Expression.parse("2.0*x"), Expression.parse("2.0*x + 1.0")
    assert bound.admits(kept) and not bound.admits(broken)
    copy = pickle.loads(pickle.dumps(bound))
    assert copy.admits(kept) and not copy.admits(broken)
    # Another formula may have the number in memory that one had where the copy comes from.
    copy._known[id(broken)] = (kept, True)
    assert not copy.admits(broken)


def test_what_no_constants_can_mend(noisy):
    columns, y = noisy
    (bound,) = bind([Monotone("x", increasing=False), ValueAt({"x": 0}, 5.0)], columns, y)
    assert bound.adjusted(Expression.parse("exp(x)"), columns, y, None, SquaredLoss()) is None
    assert bound.adjusted(Expression.parse("2.0*x"), columns, y, None, SquaredLoss()) is None


# --- what contradicts itself or the table -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ([Monotone("dos")], "Monotone: .*'dos'.*did you mean 'dose'"),
        ([ValueAt({"dos": 0}, 1)], "did you mean 'dose'"),
        ([Bounds(low=0, where={"dos": (0, 1)})], "did you mean 'dose'"),
        ([Bounds(low=2), Bounds(high=1)], "contradict each other: values must be at least 2 and at most 1"),
        ([Positive(), Negative()], "contradict each other"),
        ([Monotone("dose"), Monotone("dose", increasing=False)], "does not depend on it"),
        ([ValueAt({"dose": 0}, 1), ValueAt({"dose": 0}, 2)], "at dose = 0 the value must be 1 and 2"),
    ],
)
def test_what_is_refused(constraints, message):
    with pytest.raises(InputError, match=message):
        check_together(constraints, ("dose", "time"))


def test_a_value_out_of_bounds_at_a_point_of_the_table_is_refused():
    columns, y = {"x": np.linspace(0.0, 1.0, 5)}, np.ones(5)
    with pytest.raises(InputError, match="contradict each other"):
        bind([ValueAt({"x": 0.5}, 3), Bounds(high=2)], columns, y)
    bind([ValueAt({"x": 9.0}, 3), Bounds(high=2)], columns, y)


def test_the_points_of_a_region_lie_in_its_box_and_reach_its_corners():
    region = Region.of(TABLE, TABLE["x"]).restricted({"x": (0.0, 3.0)})
    points = region.points(("x", "z"))
    assert points["x"].min() == 0.0 and points["x"].max() == 3.0
    assert points["z"].min() == 1.0 and points["z"].max() == 2.0
    assert len(np.unique(points["x"])) > 900
    np.testing.assert_array_equal(points["x"], region.points(("x", "z"))["x"])
