"""Forms and guesses: from a text to formulas that have the form, and to better ones than the guess."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from closedform import LIESRegressor, SymbolicRegressor, load
from closedform.constraints import Forbidden, OnlyOn
from closedform.engines import get_engine
from closedform.exceptions import ConvergenceWarning, InputError
from closedform.symbolic import Expression
from toy_engines import AffineEngine, ScriptedEngine

SMALL = get_engine("screen", max_terms=2, library_size=300)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return {"x": rng.uniform(0.5, 3.0, 150), "t": rng.uniform(0.0, 5.0, 150), "z": rng.uniform(-1.0, 1.0, 150)}


def fitted(table, y, engine=SMALL, max_time=5, **options):
    return SymbolicRegressor(engines=[engine], max_time=max_time, random_state=0, **options).fit(table, y)


def values(table, text):
    return Expression.parse(text).evaluate(table)


# --- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "law"),
    [
        ("A*exp(-k*t) + c", "3.2*exp(-0.7*t) + 1.5"),
        ("A*exp(-k*t)*sin(w*x + p)", "3.2*exp(-0.7*t)*sin(4.5*x + 0.3)"),
        ("Vmax*x/(K + x)", "2.6*x/(0.35 + x)"),
        ("a*(100*x)**p", "0.03*(100*x)**2.1"),  # some starts leave float64
    ],
)
def test_the_constants_of_a_known_form_are_found(table, form, law):
    # No engine is asked: the scripted one would raise.
    engine = ScriptedEngine(("x",), event=lambda: pytest.fail("nothing is to be searched"), at=0)
    model = fitted(table, values(table, law), engine, form=form)
    assert model.expression_.equivalent(Expression.parse(law))
    assert [one.engine for one in model.formulas_] == ["constant", "form"]


@pytest.mark.parametrize(
    ("form", "law"),
    [
        ("a*f(x) + b*z", "2*sqrt(x) + 1.5*z"),
        ("f(x)*exp(-k*t)", "(1 + x**2)*exp(-0.35*t)"),
        ("exp(f(x)) + b*z", "exp(sin(2*x)) + 0.5*z"),
        ("f(x*t) + b*z", "sqrt(1 + x*t) - 2.5*z"),
    ],
)
def test_an_unknown_function_is_found(table, form, law):
    model = fitted(table, values(table, law), form=form, max_time=20)
    assert model.expression_.equivalent(Expression.parse(law))


def test_two_unknown_functions_are_found(table):
    model = fitted(table, values(table, "log(x) + t**2*z"), form="f(x) + g(t)*z", max_time=40)
    assert model.expression_.equivalent(Expression.parse("log(x) + t**2*z"))


def test_a_form_holds_where_the_law_has_another_one(table):
    y = values(table, "x*z + t")
    model = fitted(table, y, form="a*x + b*t + c")
    (known,) = [one for one in model.formulas_ if one.engine == "form"]
    assert known.expression.variables and known.loss > 0.1
    best = Expression.parse("2.0*x + 2.0*t + 2.0").refit(table, y).loss
    assert np.mean((known.expression.evaluate(table) - y) ** 2) < 1.1 * best
    assert set(known.expression.variables) <= {"x", "t"}
    assert fitted(table, y, AffineEngine()).expression_ != known.expression


@pytest.mark.parametrize(
    ("form", "law"),
    [
        ("(k/b)*(x/b)**(k - 1)*exp(-(x/b)**k)", "2.5/1.8*(x/1.8)**1.5*exp(-(x/1.8)**2.5)"),
        ("a*x + a*t + c", "2.5*x + 2.5*t + 0.75"),
    ],
)
def test_a_constant_that_stands_at_several_places_has_one_value(table, form, law):
    model = fitted(table, values(table, law), form=form, max_time=10)
    assert model.expression_.equivalent(Expression.parse(law))
    assert model.get_best()["engine"] == "form"


def test_constants_stay_tied_where_the_law_has_two(table):
    noise = np.random.default_rng(1).normal(0.0, 0.1, 150)
    y = values(table, "2.5*x + 1.5*t") + noise
    model = fitted(table, y, form="a*x + a*t", max_time=10)
    (known,) = [one.expression for one in model.formulas_ if one.engine == "form"]
    slopes = [known.derivative(name).evaluate(table) for name in ("x", "t")]
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-7)


def test_the_operators_of_a_form_are_allowed_in_it(table):
    y = values(table, "sqrt(x)*exp(-0.5*t)")
    model = fitted(table, y, form="f(x)*exp(-k*t)", operators=["sqrt"], max_time=20)
    assert model.expression_.equivalent(Expression.parse("sqrt(x)*exp(-0.5*t)"))


def test_a_form_in_scaled_units():
    x, t = np.linspace(1e8, 3e8, 80), np.tile(np.linspace(0.0, 4.0, 8), 10)
    y = 2e-9 * x * np.exp(-0.5 * t) + 3e-9 * x
    for form in ("A*x*exp(-k*t) + B*x", "f(t)*x + B*x"):
        model = fitted({"x": x, "t": t}, y, form=form)
        assert model.get_best()["engine"] == "form"
        np.testing.assert_allclose(model.predict({"x": x, "t": t}), y, rtol=1e-6)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("A*exp(-k*t", "never closed"),
        ("sine(x)*a", "no function 'sine' .did you mean 'sin'"),
        ("x(1) + a", "'x' is a column; write . for a product"),
        ("a*f(k)", "f may be a function of columns only, but 'k' is none"),
        ("f(x) + f(z)", "f stands at two places with different arguments"),
        ("a*f(2)", "f needs at least one column"),
        ("x*2", "neither a free constant nor an unknown function"),
        ("a*heights", "there is no column 'heights' .did you mean 'height'"),
        ("a*g*x", "column 'g' has the same value in all rows; write the number 9.81 instead"),
        ("a*f(x) + a", "'a' stands at several places"),
        (3, "form must be a text"),
    ],
)
@pytest.mark.filterwarnings("ignore:column 'g' has the same value")
@pytest.mark.parametrize("kind", [SymbolicRegressor, LIESRegressor])
def test_forms_that_cannot_be_used(table, kind, form, message):
    more = {"height": table["x"] + 1.0, "g": np.full(150, 9.81)}
    with pytest.raises(InputError, match=message):
        kind(form=form).fit({**table, **more}, table["x"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"constraints": [Forbidden("exp")]}, "contains 'exp', which the constraints forbid"),
        ({"constraints": [OnlyOn("exp", "x")]}, "breaks the constraint OnlyOn"),
        ({"max_complexity": 4}, "has complexity 8, above max_complexity=4"),
    ],
)
def test_forms_that_nothing_can_keep_to(table, options, message):
    with pytest.raises(InputError, match=message):
        SymbolicRegressor(form="a*exp(-k*t) + c", **options).fit(table, table["x"])


def test_a_form_under_constraints(table):
    noise = np.random.default_rng(1).normal(0.0, 0.1, 150)
    model = fitted(table, values(table, "2.5*x + 0.2*t") + noise, form="a*x + b*t + c", constraints=["value:x=0,t=0:0"])
    assert model.get_best()["engine"] == "form"
    assert abs(model.predict({"x": [0.0], "t": [0.0], "z": [0.0]}, outside="ignore")[0]) < 1e-12


def test_constants_of_a_form_may_have_units(table):
    pytest.importorskip("pint")
    units = {"x": "m", "y": "m"}
    model = fitted({"x": table["x"]}, pd.Series(2.5 * table["x"] + 0.3, name="y"), form="a*x + b", units=units)
    assert model.expression_.equivalent(Expression.parse("2.5*x + 0.3"))


def test_a_form_that_fits_nowhere_is_said(table):
    with pytest.warns(ConvergenceWarning, match="Nothing better than a constant of this form was found"):
        fitted(table, table["x"], form="a*log(-exp(b*x))")


# --- guesses ----------------------------------------------------------------------------------------------------------


def test_a_guess_is_refitted_and_may_be_the_law(table):
    law = "2.6*x*exp(-0.35*t) + sin(z)"
    model = fitted(table, values(table, law), AffineEngine(), guesses=["1.0*x*exp(-1.0*t) + sin(z)"])
    assert model.expression_.equivalent(Expression.parse(law))


@pytest.mark.filterwarnings("ignore:Nothing better than a constant", "ignore:The data do not support any formula")
@pytest.mark.parametrize(
    ("law", "guess"),
    [
        ("exp(-0.35*t)*sin(4.5*x + 0.3) + 2.0*z", "exp(-0.35*t)*sin(4.5*x + 0.3)"),  # a term is missing
        ("exp(-0.35*t)*sin(4.5*x + 0.3)*z**2", "exp(-0.35*t)*sin(4.5*x + 0.3)"),  # a factor is missing
        ("exp(-0.35*t) + sin(4.5*x + 0.3)*z", "exp(-0.35*t)*sin(4.5*x + 0.3)"),  # other combinations of its parts
    ],
)
def test_a_guess_is_improved(table, law, guess):
    y = values(table, law)
    alone = fitted(table, y, AffineEngine(), max_time=10)
    assert alone.formulas_[-1].loss > 1e-3
    model = fitted(table, y, AffineEngine(), max_time=20, guesses=[guess])
    assert model.expression_.equivalent(Expression.parse(law))
    assert model.formulas_[-1].engine == "guess"


def test_exact_numbers_of_a_guess_stay(table):
    model = fitted(table, values(table, "2.3*x"), ScriptedEngine(()), guesses=["2*x", Expression.parse("x/3")])
    texts = [str(one.expression) for one in model.formulas_]
    assert any(text in ("x*2", "2*x") for text in texts) or "2.3*x" in texts


@pytest.mark.parametrize(
    ("guesses", "message"),
    [
        ("2.0*x", "guesses must be a list"),
        ([3], "guesses must hold formulas"),
        (["2.0*xx"], "guess '2.0.xx': there is no variable called 'xx' .did you mean 'x'"),
        ([Expression.parse("2.0*zz")], "no column 'zz'"),
        (["2.0*"], "guess '2.0.'"),
        (["sign(x)"], "contains an operator that may not be used"),
    ],
)
def test_guesses_that_cannot_be_used(table, guesses, message):
    with pytest.raises(InputError, match=message):
        SymbolicRegressor(guesses=guesses).fit(table, table["x"])


def test_a_form_and_guesses_exclude_each_other(table):
    with pytest.raises(InputError, match="form and guesses exclude each other"):
        SymbolicRegressor(form="a*x", guesses=["x"]).fit(table, table["x"])


def test_forms_and_guesses_are_saved_with_the_model(table, tmp_path):
    model = fitted(table, 2.0 * table["x"], AffineEngine(), guesses=("2.0*x", Expression.parse("x + 1.0")))
    model.save(tmp_path / "m.json")
    assert load(tmp_path / "m.json").guesses == ("2.0*x", "x + 1.0")
    assert clone(model).guesses == model.guesses
    model = fitted(table, 2.0 * table["x"], AffineEngine(), form="a*x")
    model.save(tmp_path / "m.json")
    assert load(tmp_path / "m.json").form == "a*x"
