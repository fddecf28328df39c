"""Effects as data: the values that the model adds, where they are known, and how sure they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from closedform import RANClassifier, RANRegressor
from closedform.exceptions import InputError
from closedform.inspection import MainEffectData, PairEffectData, effects


@pytest.fixture(scope="module")
def by_name(price_model, houses):
    return {one.name: one for one in price_model.effects(houses[0])}


def test_every_term_is_there_in_the_order_of_the_model(price_model):
    assert tuple(one.name for one in price_model.effects()) == price_model.terms_


def test_terms_are_named_in_any_order(price_model):
    (pair,) = price_model.effects(terms=["garden & area $m^2$"])
    assert pair.name == "area $m^2$ & garden"


def test_the_values_of_the_axis_are_those_of_the_table(by_name, houses):
    assert by_name["sold"].axis.values.dtype.kind == "M"
    assert by_name["sold"].axis.values[0] == houses[0]["sold"].min()
    assert by_name["garden"].axis.values.tolist() == [False, True]
    assert set(by_name["town"].axis.values) == {"Oslo", "Bergen", "_Bodø", None}
    assert by_name["town"].axis.labels[-1] == "(missing)"
    assert np.isnan(by_name["area $m^2$"].axis.values[-1])
    assert {name: one.kind for name, one in by_name.items() if one.kind != "pair"} == {
        "sold": "date",
        "garden": "boolean",
        "town": "categorical",
        "area $m^2$": "numeric",
    } | ({"floors": "numeric"} if "floors" in by_name else {})


def test_a_main_effect_is_what_the_term_adds_to_rows_with_these_values(price_model, houses, by_name):
    table, _ = houses
    for name in ("area $m^2$", "sold", "town", "garden"):
        one = by_name[name]
        rows = pd.concat([table.iloc[:1]] * len(one.axis), ignore_index=True)
        rows[name] = pd.Series(one.axis.values, dtype=table[name].dtype)
        np.testing.assert_allclose(price_model.explain_local(rows)[name], one.effect[:, 0], atol=1e-9)


def test_a_pair_effect_is_what_the_term_adds_to_rows_with_these_values(price_model, houses, by_name):
    table, _ = houses
    one = by_name["area $m^2$ & garden"]
    frame = one.to_frame()
    rows = pd.concat([table.iloc[:1]] * len(frame), ignore_index=True)
    rows["area $m^2$"], rows["garden"] = frame["area $m^2$"], frame["garden"].astype(bool)
    np.testing.assert_allclose(price_model.explain_local(rows)[one.name], frame["effect"], atol=1e-9)
    assert one.effect.shape == (41, 2, 1)  # 40 numbers and the missing cell; two truth values


def test_effects_have_mean_zero_over_the_training_rows(price_model, houses):
    local = price_model.explain_local(houses[0])
    spread = local["(raw score)"].std()
    np.testing.assert_allclose(local[list(price_model.terms_)].mean(), 0.0, atol=1e-7 * spread)


def test_density_counts_every_row_once(by_name, houses):
    table, _ = houses
    for name in ("area $m^2$", "sold"):
        density = by_name[name].density
        assert density.counts.sum() + density.n_missing == len(table)
    assert by_name["area $m^2$"].density.n_missing == table["area $m^2$"].isna().sum()
    town = by_name["town"]
    counts = dict(zip(town.axis.labels, town.density.counts.tolist(), strict=True))
    assert counts["Oslo"] == (table["town"] == "Oslo").sum()
    assert counts["(missing)"] == table["town"].isna().sum()


def test_rows_beyond_the_training_range_are_said(price_model, houses):
    beyond = houses[0].head(20).copy()
    beyond.loc[1:3, "area $m^2$"] = 1e6
    (one,) = price_model.effects(beyond, terms=["area $m^2$"])
    assert one.density.n_beyond == 3


def test_without_a_table_there_is_no_density(price_model):
    for one in price_model.effects():
        assert (one.density if isinstance(one, MainEffectData) else one.sample) is None


def test_a_column_of_two_numbers_has_two_values():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"dummy": rng.integers(0, 2, 200) * 2 - 1, "x": rng.normal(size=200)})
    model = RANRegressor(interactions=0, second_block=False, random_state=0).fit(
        X, 3 * X["dummy"] + rng.normal(size=200)
    )
    (one,) = model.effects(X, terms=["dummy"])
    assert one.axis.labels == ["-1", "1"] and one.axis.is_levels
    assert one.density.counts.tolist() == [(X["dummy"] == -1).sum(), (X["dummy"] == 1).sum()]
    assert np.ptp(one.effect) == pytest.approx(6.0, abs=0.5)


def test_rare_labels_share_one_value(houses):
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"town": rng.choice(list("aaabbbcdefg"), 300), "x": rng.normal(size=300)})
    y = X["town"].map({"a": 1.0, "b": -1.0}).fillna(0.0) + rng.normal(0, 0.1, 300)
    model = RANRegressor(max_levels=3, interactions=0, second_block=False, random_state=0).fit(X, y)
    (one,) = model.effects(X, terms=["town"])
    assert one.axis.labels[-1] == "(other)"
    assert one.density.counts.sum() == 300
    unseen = X.head(1).assign(town="never seen")
    assert model.explain_local(unseen)["town"].item() == pytest.approx(one.effect[-1, 0])


def test_the_band_of_an_additive_law_contains_the_truth():
    rng = np.random.default_rng(7)
    X = pd.DataFrame({"a": rng.uniform(-2, 2, 600), "b": rng.uniform(-2, 2, 600)})
    law = {"a": np.sin, "b": lambda x: 0.5 * x**2}
    y = law["a"](X["a"]) + law["b"](X["b"]) + rng.normal(0, 0.3, 600)
    model = RANRegressor(interactions=0, second_block=False, random_state=0).fit(X, y)
    for one in model.effects():
        truth = law[one.name](one.axis.codes) - law[one.name](X[one.name]).mean()
        inside = np.abs(one.effect[:, 0] - truth) <= 2 * one.standard_error[:, 0]
        assert inside.mean() > 0.8
        assert one.standard_error.max() < 0.3


def test_the_standard_error_scales_with_the_effect(price_model):
    from copy import deepcopy

    edited = deepcopy(price_model).edit_term("town", factor=-2.0)
    before, after = price_model.effects(terms=["town"])[0], edited.effects(terms=["town"])[0]
    np.testing.assert_allclose(after.effect, -2.0 * before.effect)
    np.testing.assert_allclose(after.standard_error, 2.0 * before.standard_error)


def test_classes_have_an_effect_each(species_model, species):
    one = species_model.effects(terms=["height"])[0]
    assert one.outputs == ("_oak", "ash", "beech")
    assert one.effect.shape == one.standard_error.shape == (len(one.axis), 3)
    assert one.score_names[1] == "score of tree = ash"
    frame = one.to_frame()
    assert frame.columns.tolist() == ["output", "value", "effect", "standard_error", "lower", "upper"]
    assert len(frame) == 3 * len(one.axis)


def test_two_classes_have_the_log_odds_of_the_second():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=200)})
    y = pd.Series(np.where(X["x"] + rng.normal(0, 0.5, 200) > 0, "yes", "no"), name="bought")
    model = RANClassifier(second_block=False, random_state=0).fit(X, y)
    (one,) = model.effects()
    assert (one.outputs, one.score_names) == (("yes",), ("log-odds of bought = yes",))
    assert one.effect[-1, 0] > one.effect[0, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"terms": ["tow"]}, "did you mean 'town'"),
        ({"resolution": 2}, "at least 3"),
        ({"X": pd.DataFrame({"a": [1.0]})}, "area"),
    ],
)
def test_what_cannot_be_shown_is_refused(price_model, arguments, message):
    with pytest.raises(InputError, match=message):
        price_model.effects(**arguments)


def test_only_networks_have_effects():
    with pytest.raises(InputError, match="call fit first"):
        effects(RANRegressor())


def test_frames_of_main_effects_have_two_standard_errors(by_name):
    one = by_name["town"]
    frame = one.to_frame()
    np.testing.assert_allclose(frame["upper"] - frame["lower"], 4 * frame["standard_error"])
    assert frame["value"].isna().sum() == 1  # the missing cell
    assert isinstance(by_name["town & garden"], PairEffectData)


def test_laws_recognised_in_data_without_noise_are_shown_as_far_as_two_columns_go():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(1, 2, size=(200, 3)), columns=["a", "b", "c"])
    two = RANRegressor(random_state=0).fit(X, X["a"] / (1 + X["b"] ** 2))
    (pair,) = two.effects(X, terms=["a & b"])
    local = two.explain_local(X)
    np.testing.assert_allclose(local["(raw score)"], two.predict(X), rtol=1e-9)
    assert np.isfinite(pair.effect).all()
    three = RANRegressor(random_state=0).fit(X, X["a"] * X["b"] * X["c"])
    table = three.explain_global().set_index("term")
    assert table.loc["a & b & c", "kind"] == "3 columns"
    assert "a & b & c" not in [one.name for one in three.effects()]
    with pytest.raises(InputError, match="depends on 3 columns"):
        three.effects(terms=["a & b & c"])
