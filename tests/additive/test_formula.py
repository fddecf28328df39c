"""Formulas of networks: they say what `predict` computes, in every language, and short ones come near to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from closedform.additive.compact import compact
from closedform.additive.formula import (
    FormulaNames,
    effect_expression,
    formula_columns,
    model_expression,
    raw_expression,
    variable_notes,
)
from closedform.additive.rational_fit import fit_ratio, simplest_first
from closedform.exceptions import InputError
from closedform.preprocessing.columns import Column
from closedform.symbolic import Expression
from closedform.symbolic.intervals import is_defined_in_parts
from export_checks import compile_c, load_python
from small_networks import rows, small_network

KINDS = ["regression", "poisson", "binary", "classes"]


def within(table) -> np.ndarray:
    """Rows inside the ranges of `small_network`."""
    a, b = table["a"], table["x 1"]
    return (np.abs(a - 0.05) < 1.5) & (np.isnan(b) | ((b > 4.0) & (b < 15.0)))


@pytest.mark.parametrize("beyond", ["linear", "clip", "rational"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_formula_agrees_with_predict_everywhere(kind, beyond):
    network, table = small_network(kind, beyond=beyond), rows()
    columns = formula_columns(network, table)
    for output in range(network.model.n_outputs):
        values = model_expression(network, output).evaluate(columns)
        np.testing.assert_allclose(values, network.mean(table)[:, output], rtol=1e-9)
        raw = raw_expression(network, output).evaluate(columns)
        np.testing.assert_allclose(raw, network.raw(table)[:, output], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_rational_formula_agrees_within_the_range(kind):
    network, table = small_network(kind), rows()
    inside = within(table)
    formula = model_expression(network, beyond=False)
    values = formula.evaluate(formula_columns(network, table))
    np.testing.assert_allclose(values[inside], network.mean(table)[inside, 0], rtol=1e-9)
    assert {node.op.name for node in formula.walk() if node.kind == "apply"}.isdisjoint({"min", "max"})


@pytest.mark.parametrize("kind", ["regression", "classes"])
def test_each_effect_agrees_with_its_contribution(kind):
    network, table = small_network(kind), rows()
    columns = formula_columns(network, table)
    contributions = network.model.contributions(network.encoded(table))
    for k, effect in enumerate([*network.model.effects, network.model.second]):
        for output in range(network.model.n_outputs):
            formula = effect_expression(effect, output, columns=network.columns)
            values = np.broadcast_to(formula.evaluate(columns), len(table["a"]))
            np.testing.assert_allclose(values, contributions[:, k, output], rtol=1e-9, atol=1e-12)


def test_a_column_far_from_zero_loses_no_digits(rng):
    from closedform import RANRegressor

    X = pd.DataFrame({"when": 1.7e9 + rng.uniform(0.0, 1e3, 200), "b": rng.normal(size=200)})
    y = np.sin((X["when"] - 1.7e9) / 200.0) + X["b"]
    model = RANRegressor(second_block=False, interactions=0, random_state=0).fit(X, y)
    values = model.expression().evaluate(X)
    np.testing.assert_allclose(values, model.predict(X), rtol=1e-9, atol=1e-10)


# --- exports ----------------------------------------------------------------------------------------------------------


def test_c_and_numpy_agree_with_predict(tmp_path):
    network, table = small_network("binary"), rows(40)
    columns = formula_columns(network, table)
    formula = model_expression(network)
    arguments = [columns[name] for name in formula.variables]
    computed = load_python(formula.code("numpy")).formula(*arguments)
    np.testing.assert_allclose(computed, network.mean(table)[:, 0], rtol=1e-9)
    (in_c,) = compile_c([formula.code("c")], [len(arguments)], tmp_path)
    np.testing.assert_allclose(in_c(*arguments), network.mean(table)[:, 0], rtol=1e-9)


def test_sympy_agrees_with_predict():
    import sympy

    network, table = small_network(second=False), rows(40)
    columns = formula_columns(network, table)
    formula = effect_expression(network.model.effects[3], columns=network.columns)
    symbols = [sympy.Symbol(name) for name in formula.variables]
    function = sympy.lambdify(symbols, formula.sympy(), "numpy")
    expected = network.model.contributions(network.encoded(table))[:, 3, 0]
    np.testing.assert_allclose(function(*(columns[str(name)] for name in symbols)), expected, rtol=1e-9, atol=1e-12)


def test_a_law_is_the_formula_of_the_model(rng):
    from closedform import RANRegressor

    X = pd.DataFrame(rng.uniform(-2.0, 2.0, (300, 2)), columns=["x", "y"])
    model = RANRegressor(random_state=0).fit(X, 1.0 / (1.0 + X["x"] ** 2 + X["y"] ** 2))
    formula = model.expression(beyond=False)
    assert formula == Expression.parse("1/(1 + x**2 + y**2)")
    np.testing.assert_allclose(model.expression().evaluate(X), model.predict(X), rtol=1e-9)


# --- variables --------------------------------------------------------------------------------------------------------


def test_labels_and_missing_cells_are_variables_of_their_own():
    columns = formula_columns(small_network(), rows())
    assert set(columns) == {"a", "x 1", "x 1=missing", "sex=female", "sex=male", "sex=other"}
    assert np.isfinite(columns["x 1"]).all()
    np.testing.assert_array_equal(columns["x 1=missing"], np.isnan(rows()["x 1"]))
    np.testing.assert_array_equal(columns["sex=male"], rows()["sex"] == "male")


def test_names_that_are_taken_get_a_mark():
    columns = (
        Column("age", "categorical", ("missing", "1"), has_missing=True),
        Column("age=1", "numeric"),
    )
    names = FormulaNames.of(columns)
    assert names.levels[0] == ("age=missing", "age=1_")
    assert names.missing[0] == "age=missing_"


def test_variables_are_explained():
    notes = variable_notes(small_network().columns, ["a", "sex=male", "x 1=missing"])
    assert notes == {
        "sex=male": "1 where sex is male, else 0",
        "x 1=missing": "1 where x 1 is missing (x 1 then any number), else 0",
    }


def test_an_output_that_does_not_exist_is_told():
    with pytest.raises(InputError, match="output must be a whole number from 0 to 0, got 1"):
        model_expression(small_network(), 1)


# --- short formulas ---------------------------------------------------------------------------------------------------


def test_ratios_are_found_from_their_values():
    x = np.linspace(-2.0, 3.0, 60)
    y = (1.0 + 2.0 * x) / (1.0 + 0.5 * x + x**2)
    ratio = fit_ratio([x], y, np.ones(60), ((0,), (1,)), ((1,), (2,)))
    np.testing.assert_allclose(ratio.values([x]), y, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose((*ratio.p, *ratio.q), [1.0, 2.0, 0.5, 1.0], rtol=1e-8)


def test_short_formulas_come_by_length():
    lengths = [len(top) + len(bottom) for top, bottom in simplest_first(1)]
    assert lengths == sorted(lengths)


def test_poles_are_found_by_intervals():
    formula = Expression.parse("1/(1 - 0.5*x)")
    assert is_defined_in_parts(formula, {"x": (-1.0, 1.9)}, 500)
    assert not is_defined_in_parts(formula, {"x": (-1.0, 2.1)}, 500)


@pytest.fixture(scope="module")
def fitted():
    from closedform import RANRegressor

    rng = np.random.default_rng(2)
    X = pd.DataFrame({"a": rng.uniform(-2, 2, 400), "year": rng.uniform(1990, 2020, 400)})
    X["sex"] = rng.choice(["female", "male"], 400)
    y = 1.0 / (1.0 + X["a"] ** 2) + 0.1 * (X["year"] - 2000.0) + (X["sex"] == "male") + rng.normal(0, 0.01, 400)
    return RANRegressor(second_block=False, interactions=0, random_state=0).fit(X, y), X


@pytest.mark.parametrize("term", ["a", "year", "sex"])
@pytest.mark.parametrize("tolerance", [0.05, 0.01])
def test_short_formulas_follow_the_effects(fitted, term, tolerance):
    model, X = fitted
    network = model.network_
    effect = network.model.effects[network.model.position(term)]
    short = compact(effect, network.model, network.columns, tolerance=tolerance)
    assert short.error <= tolerance
    columns = formula_columns(network, X)
    truth = model.expression(term).evaluate(columns)
    size = np.sqrt(np.sum(network.model.deviations**2))
    assert np.sqrt(np.mean((short.expression.evaluate(columns) - truth) ** 2)) <= 3.0 * tolerance * size
    assert short.expression.size < 25


def test_short_formulas_are_those_that_a_person_would_write(fitted):
    model, _ = fitted
    assert model.short_expression("year", 0.02).size <= 7
    assert "a**2" in str(model.short_expression("a", 0.01))
    assert set(model.short_expression("sex").variables) <= {"sex=female", "sex=male"}


def test_pairs_and_levels_have_short_formulas_too(rng):
    from closedform import RANRegressor

    X = pd.DataFrame({"a": rng.uniform(-1, 1, 400), "b": rng.uniform(-1, 1, 400), "s": rng.choice(["u", "v"], 400)})
    y = X["a"] * X["b"] + X["a"] * (X["s"] == "u") + rng.normal(0, 0.01, 400)
    model = RANRegressor(interactions=[("a", "b"), ("a", "s")], second_block=False, random_state=0).fit(X, y)
    for term in model.terms_[3:]:
        short = model.short_expression(term, 0.05)
        values = short.evaluate(model.formula_columns(X))
        truth = model.expression(term).evaluate(model.formula_columns(X))
        assert np.corrcoef(values, truth)[0, 1] > 0.9


@pytest.mark.parametrize("tolerance", [0.0, -1.0, np.nan])
def test_a_tolerance_that_is_none_is_told(tolerance):
    network = small_network()
    with pytest.raises(InputError, match="tolerance must be a number above 0"):
        compact(network.model.effects[0], network.model, network.columns, tolerance=tolerance)


# --- estimators -------------------------------------------------------------------------------------------------------


def test_equations_of_an_estimator(fitted):
    model, X = fitted
    table = model.equations_
    assert list(table["term"]) == list(model.term_importances().index)
    assert list(table.columns) == [
        "term",
        "importance",
        "share",
        "short_equation",
        "short_error",
        "complexity",
        "equation",
        "latex",
    ]
    for row in table.itertuples():
        values = Expression.parse(row.equation).evaluate(model.formula_columns(X))
        np.testing.assert_allclose(values, model.expression(row.term).evaluate(model.formula_columns(X)), atol=1e-9)


def test_formulas_follow_edits(fitted):
    import copy

    model, X = fitted
    edited = copy.deepcopy(model)
    assert len(edited.equations_) == 3
    edited.drop_term("sex")
    assert list(edited.equations_["term"]) == [term for term in model.equations_["term"] if term != "sex"]
    np.testing.assert_allclose(edited.expression().evaluate(edited.formula_columns(X)), edited.predict(X), rtol=1e-9)


def test_formulas_of_a_classifier(rng):
    from closedform import RANClassifier

    X = pd.DataFrame(rng.uniform(-1, 1, (150, 2)), columns=["a", "b"])
    y = np.array(["low", "mid", "high"])[np.digitize(X["a"] + 0.2 * X["b"], [-0.3, 0.3])]
    model = RANClassifier(second_block=False, interactions=0, random_state=0).fit(X, y)
    for k in range(3):
        probability = model.expression(output=k).evaluate(X)
        np.testing.assert_allclose(probability, model.predict_proba(X)[:, k], rtol=1e-9)
    assert list(model.equations_["output"].unique()) == list(model.classes_)
    assert model.latex("a", 1)
    assert model.sympy("a", beyond=False).free_symbols
    with pytest.raises(InputError, match="no term 'c'"):
        model.expression("c")


@pytest.mark.parametrize(("of_x", "of_y"), [(1e-200, 1e250), (1e200, 1e-12), (1e12, 1e12)])
def test_huge_and_tiny_columns_have_formulas(rng, of_x, of_y):
    from closedform import RANRegressor

    X = pd.DataFrame({"a": of_x * rng.normal(size=80)})
    y = of_y * (X["a"] / of_x + rng.normal(0.0, 0.1, 80))
    model = RANRegressor(second_block=False, random_state=0).fit(X, y)
    predicted = model.predict(X)
    np.testing.assert_allclose(model.expression().evaluate(X), predicted, atol=1e-9 * np.abs(predicted).max(), rtol=0)
    assert len(model.equations_) == 1
