"""Units: read, inferred, explained, asked of every formula, and taken away."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from closedform import SymbolicRegressor, load
from closedform.exceptions import InputError
from closedform.symbolic import Expression
from closedform.units.groups import dimensionless_forms
from closedform.units.inference import infer
from closedform.units.parsing import dimension_of, read_units
from closedform.units.rules import UnitRules

COLUMNS = {"a": "kg", "b": "m", "c": "kg/s", "t": "s", "angle": "degree"}
DIMENSIONS = {name: dimension_of(unit, name) for name, unit in COLUMNS.items()}


def inferred(text: str, target: str | None = None, **options):
    wanted = None if target is None else dimension_of(target, "y")
    return infer(Expression.parse(text), DIMENSIONS, wanted, **options)


# --- units as texts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "shown"),
    [("m/s^2", "m/s^2"), ("km/h", "m/s"), ("J", "kg*m^2/s^2"), ("1", "a pure number"), ("rad", "a pure number"),
     ("", "a pure number"), ("m**0.5", "m^(1/2)"), ("V", "kg*m^2/(s^3*A)")],
)  # fmt: skip
def test_units_are_read(unit, shown):
    assert str(dimension_of(unit, "x")) == shown


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ({"b": "foo"}, "The unit of 'b' is 'foo', which pint cannot read"),
        ({"b": "m^"}, "which pint cannot read"),
        ({"b": "(("}, "which pint cannot read"),
        ({"b": "2 m"}, "which pint cannot read"),
        ({"b": "m + s"}, "which pint cannot read"),
        ({"b": 3}, "The unit of 'b' must be a text, got 3"),
        ({"heights": "m"}, r"units names 'heights', which is no column \(did you mean 'height'\?\)"),
        (["m"], "units must be a mapping such as"),
    ],
)
def test_what_is_no_unit_is_refused_in_one_sentence(units, message):
    with pytest.raises(InputError, match=message):
        read_units(units, ["b", "height"], ["y"])


def test_without_pint_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pint", None)
    from closedform.units import parsing

    parsing._registry.cache_clear()
    with pytest.raises(InputError, match=r"pip install closedform\[units\]"):
        dimension_of("m", "x")
    parsing._registry.cache_clear()


def test_pint_is_loaded_only_when_there_are_units():
    code = "import sys, closedform.units.rules; assert 'pint' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# --- units of formulas ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "dimension"),
    [("a + c*t", "kg"), ("c*t^2/a", "s"), ("sqrt(b)*b^(3/2)", "m^2"), ("exp(-a/(c*t))*sin(angle)", "a pure number"),
     ("abs(a) - min(a, c*t)", "kg"), ("2.5*a - 3", None), ("pi*b", "m"), ("0*t + b", "m"), ("sign(a)*t", "s")],
)  # fmt: skip
def test_the_unit_of_a_formula(text, dimension):
    found = inferred(text)
    assert (None if found.dimension is None else str(found.dimension)) == dimension


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a + b*c", "the sum a + b*c adds kg and kg*m/s"),
        ("b - 3*t", r"the difference b - 3*t subtracts m and s"),
        ("exp(a*t)", "exp takes a pure number, but a*t is in kg*s"),
        ("2^t", "an exponent must be a pure number, but t is in s"),
        ("b^angle", "the exponent of b**angle varies, so its base must be a pure number, but b is in m"),
        ("max(b, t)", "max(b, t) compares m and s"),
        ("a*b", "the formula is in kg*m, but the target is in kg"),
    ],
)
def test_the_first_violation_is_explained(text, problem):
    assert inferred(text, "kg").problem == problem


def test_constants_may_carry_units_where_that_is_allowed():
    assert inferred("b - 4.905*t^2").problem
    found = inferred("b - 4.905*t^2", "m", free_constants=True)
    assert [str(one) for one in found.constants] == ["m/s^2"]
    both = inferred("1.5*log(1.0 + t/0.56)", "m", free_constants=True)
    assert [str(one) for one in both.constants] == ["m", "a pure number", "s"]


def test_constants_with_units_do_not_make_everything_right():
    assert inferred("b + t", free_constants=True).problem
    assert inferred("1 + t", free_constants=True).problem
    assert inferred("exp(t)", free_constants=True).problem
    # The same number at two places is two numbers.
    assert not inferred("2.5*b + 2.5*t", "kg", free_constants=True).problem


def test_requirements_ask_about_exponents_only_when_they_are_fitted():
    rules = UnitRules.of({"x": "m", "y": "m^2"}, ["x"], "y")
    rough = Expression.parse("1.5*x^1.9")
    assert rules.admits_form(rough)
    assert not rules.admits(rough)
    assert rules.admits(Expression.parse("1.5*x^2.0"))
    assert rules.admits(Expression.parse("3.5"))
    assert not rules.admits_form(Expression.parse("exp(x)"))


# --- dimensionless groups ---------------------------------------------------------------------------------------------


def forms(columns: dict[str, str], target: str):
    return dimensionless_forms({n: dimension_of(u, n) for n, u in columns.items()}, dimension_of(target, "y"))


def test_groups_are_few_and_simple():
    best = forms({"m": "kg", "v": "m/s", "k": "N/m", "x": "m"}, "J")[0]
    assert dict(best.prefix) == {"m": 1, "v": 2}
    assert [dict(one) for one in best.groups] == [{"m": 1, "v": 2, "k": -1, "x": -2}]


def test_groups_are_pure_numbers_and_as_many_as_buckingham_says():
    columns = {"rho": "kg/m^3", "v": "m/s", "d": "m", "mu": "Pa*s", "roughness": "m", "angle": "1"}
    dimensions = {name: dimension_of(unit, name) for name, unit in columns.items()}
    for one in forms(columns, "N"):
        assert len(one.groups) == 6 - 3
        for monomial in one.groups:
            total = dimension_of("1", "y")
            for name, exponent in monomial:
                total = total * dimensions[name].power(exponent)
            assert total.is_number
        total = dimension_of("1", "y")
        for name, exponent in one.prefix:
            total = total * dimensions[name].power(exponent)
        assert total == dimension_of("N", "y")


def test_a_pendulum_needs_a_root():
    assert dict(forms({"l": "m", "g": "m/s^2"}, "s")[0].prefix) == {"l": Fraction(1, 2), "g": Fraction(-1, 2)}


def test_a_target_that_the_columns_cannot_make():
    assert forms({"t": "s"}, "m") == []


# --- fits -------------------------------------------------------------------------------------------------------------


def energy(n: int = 300):
    rng = np.random.default_rng(0)
    X = {name: rng.uniform(1.0, 3.0, n) for name in ("m", "v", "k", "x")}
    return X, 0.5 * X["m"] * X["v"] ** 2 + 0.5 * X["k"] * X["x"] ** 2


def fitted(X, y, units, **options):
    return SymbolicRegressor(("screen",), max_time=8, random_state=0, units=units, **options).fit(X, y)


def test_formulas_that_violate_the_units_are_no_candidates(tmp_path):
    X, y = energy()
    units = {"m": "kg", "v": "m/s", "k": "N/m", "x": "m", "y": "J"}
    model = fitted(X, y, units)
    assert model.expression_.equivalent(Expression.parse("(m*v^2 + k*x^2)/2"))
    dimensions = {name: dimension_of(unit, name) for name, unit in units.items()}
    for row in model.formulas_:
        if row.expression.variables:
            assert not infer(row.expression, dimensions, dimensions["y"]).problem
    assert model.formula_model_.unit == "J"
    (insight,) = [one for one in model.insights_ if one.kind == "units"]
    assert insight.sentence.startswith("by the units, y/(m*v**2) depends on ")
    model.save(tmp_path / "model.json")
    back = load(tmp_path / "model.json")
    assert (back.units, back.formula_model_.units, back.insights_) == (units, units, model.insights_)


@pytest.mark.parametrize("units", [{"t": "s", "y": "m"}, {"t": "s", "v": "m/s", "y": "m"}])
def test_a_constant_with_a_unit_is_allowed_where_the_columns_alone_cannot_do_it(units):
    rng = np.random.default_rng(0)
    X = {"t": rng.uniform(1.0, 3.0, 200), "v": rng.uniform(1.0, 5.0, 200)}
    X = {name: X[name] for name in units if name != "y"}
    y = X.get("v", 0.0) * X["t"] - 4.905 * X["t"] ** 2
    model = fitted(X, y, units)
    assert np.allclose(model.predict(X), y, rtol=1e-9)
    (insight,) = model.insights_[:1]
    assert insight.kind == "units"
    assert "constants of formulas may carry units" in insight.sentence


def test_units_of_a_table_that_is_scaled_for_the_search():
    X, _ = energy()
    X["m"] = X["m"] * 1e9
    model = fitted(X, 0.5 * X["m"] * X["v"] ** 2, {"m": "kg", "v": "m/s", "k": "N/m", "x": "m", "y": "J"})
    assert model.expression_.equivalent(Expression.parse("m*v^2/2"))


def test_bad_units_are_refused_before_the_search():
    X, y = energy(40)
    with pytest.raises(InputError, match="The unit of 'v' is 'meters per fortnite', which pint cannot read"):
        fitted(X, y, {"v": "meters per fortnite"})
