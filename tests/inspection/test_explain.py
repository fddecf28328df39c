"""What a network is made of, and how the prediction of a row comes about."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest

from closedform import RANRegressor
from closedform.exceptions import InputError
from closedform.inspection import explain_global, explain_local, explain_row


def test_contributions_add_up_to_the_prediction(price_model, houses):
    table, _ = houses
    local = price_model.explain_local(table)
    assert local.columns.tolist() == ["(intercept)", *price_model.terms_, "(raw score)"]
    np.testing.assert_allclose(local["(raw score)"], price_model.predict(table), rtol=1e-12)
    np.testing.assert_allclose(local.iloc[:, :-1].sum(axis=1), local["(raw score)"], rtol=1e-12)


def test_rows_keep_their_index(price_model, houses):
    rows = houses[0].iloc[[7, 3]]
    assert price_model.explain_local(rows).index.tolist() == [7, 3]


def test_arrays_have_no_index_to_keep():
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = RANRegressor(interactions=0, second_block=False, random_state=0).fit(X, X[:, 0] + 0.1 * X[:, 1] ** 2)
    assert model.explain_local(X).index.tolist() == list(range(60))


def test_the_second_block_is_a_column_of_its_own():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(300, 3))
    y = np.sin(3 * X.sum(axis=1)) + X[:, 0] + rng.normal(0, 0.05, 300)
    model = RANRegressor(second_block=True, max_time=20, random_state=0).fit(X, y)
    local, table = model.explain_local(X), model.explain_global()
    assert "(second block)" in local.columns
    np.testing.assert_allclose(local["(raw score)"], model.predict(X), rtol=1e-9, atol=1e-12)
    block = table.set_index("term").loc["(second block)"]
    assert block["kind"] == "second block" and block["n_numbers"] > 0
    assert table["share"].sum() == pytest.approx(1.0)


def test_classes_have_a_table_each(species_model, species):
    table, _ = species
    local = explain_local(species_model, table)
    assert local.columns.names == ["class", "term"]
    raw = species_model.decision_function(table)
    for k, label in enumerate(species_model.classes_):
        np.testing.assert_allclose(local[label]["(raw score)"], raw[:, k], rtol=1e-10, atol=1e-12)


def test_terms_by_falling_importance(price_model):
    table = explain_global(price_model)
    assert table.columns.tolist() == ["term", "kind", "importance", "share", "n_numbers"]
    assert sorted(table["term"]) == sorted(price_model.terms_)
    assert table["importance"].is_monotonic_decreasing
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["n_numbers"].sum() + 1 == price_model.n_parameters_  # the intercept
    assert table.set_index("term")["kind"]["town & garden"] == "pair"


def test_editing_a_term_changes_predictions_as_shown(price_model, houses):
    table, _ = houses
    before = price_model.explain_local(table)
    edited = deepcopy(price_model).edit_term("town", factor=0.5)
    after = edited.explain_local(table)
    np.testing.assert_allclose(after["town"], 0.5 * before["town"], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(edited.predict(table), price_model.predict(table) - 0.5 * before["town"], rtol=1e-12)
    dropped = deepcopy(price_model).drop_term("area $m^2$ & garden")
    left = price_model.predict(table) - before["area $m^2$ & garden"]
    np.testing.assert_allclose(dropped.predict(table), left, rtol=1e-11)
    assert "area $m^2$ & garden" not in dropped.explain_local(table).columns


def test_a_row_from_intercept_to_prediction(price_model, houses):
    table, _ = houses
    row = explain_row(price_model, table, 0)
    assert row.intercept + row.contributions.sum() == pytest.approx(row.raw_score)
    assert row.prediction == pytest.approx(price_model.predict(table.head(1))[0])
    assert np.all(np.diff(np.abs(row.contributions)) <= 0)
    values = dict(zip(row.terms, row.values, strict=True))
    assert values["area $m^2$"] == "(missing)"
    assert values["sold"] == str(table["sold"].iloc[0].date())
    assert values["town & garden"] == f"{table['town'].iloc[0]}, {table['garden'].iloc[0]}"


def test_a_row_of_classes_explains_the_predicted_one(species_model, species):
    table, _ = species
    row = explain_row(species_model, table, -1)
    assert row.output == species_model.predict(table.tail(1))[0]
    assert row.prediction == pytest.approx(species_model.predict_proba(table.tail(1)).max())
    other = explain_row(species_model, table, -1, output="ash")
    assert other.prediction == pytest.approx(species_model.predict_proba(table.tail(1))[0, 1])


def test_rows_and_classes_that_are_not_there_are_refused(species_model, species):
    table, _ = species
    with pytest.raises(InputError, match="no row 240: X has 240 rows"):
        explain_row(species_model, table, 240)
    with pytest.raises(InputError, match="did you mean 'beech'"):
        explain_row(species_model, table, 0, output="beach")


def test_a_network_without_terms_is_its_intercept():
    X = pd.DataFrame({"a": np.ones(20), "b": np.ones(20)})
    with pytest.warns(UserWarning, match="same value in every row"):
        model = RANRegressor(random_state=0).fit(X, np.arange(20.0))
    assert model.explain_global().empty and model.effects() == []
    assert model.explain_local(X)["(raw score)"].tolist() == pytest.approx([9.5] * 20)


def test_poisson_networks_explain_the_logarithm():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(200, 1))
    model = RANRegressor(loss="poisson", second_block=False, random_state=0).fit(X, rng.poisson(np.exp(X[:, 0])))
    row = explain_row(model, X, 3)
    assert row.score_name == "log(y)" or row.score_name.startswith("log(")
    assert np.exp(row.raw_score) == pytest.approx(row.prediction)


def test_data_need_neither_torch_nor_matplotlib():
    code = (
        "import sys, closedform.inspection\n"
        "assert not {'torch', 'matplotlib', 'pandas', 'sklearn'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-300:]
