"""What users of the Rational ANOVA estimators rely on: any table, weights, seeds, losses, constraints, recovery."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import make_friedman1

from closedform import RANClassifier, RANRegressor
from closedform.exceptions import ConvergenceWarning

FAST = {"interactions": 0, "second_block": False, "random_state": 0, "max_time": 20}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(8)
    n = 300
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, n), unit="D"),
            "open": rng.random(n) < 0.4,
            "town": rng.choice(["Rome", "Oslo", "Bern"], n),
        }
    )
    days = (frame["day"] - pd.Timestamp("2024-01-01")).dt.days.to_numpy()
    y = (
        frame["size"] ** 2
        + np.sin(days / 58.0)
        + 2.0 * frame["open"]
        + frame["town"].map({"Rome": 1.0, "Oslo": -1.0, "Bern": 0.0})
    ).to_numpy() + 0.05 * rng.normal(size=n)
    frame.loc[::10, "size"] = np.nan
    frame.loc[::11, "town"] = None
    return frame, y


def test_a_table_of_dates_truth_values_labels_and_missing_cells_is_taken_as_it_is(table):
    frame, y = table
    model = RANRegressor(**FAST).fit(frame, y)
    assert set(model.terms_) == set(frame.columns)
    assert model.score(frame, y) > 0.85
    assert list(model.feature_names_in_) == list(frame.columns)
    assert np.isfinite(model.predict(frame.assign(size=np.nan, town=None))).all()


def test_polars_and_pandas_give_the_same_model(table):
    frame, y = table
    other = pl.from_pandas(frame)
    one, two = RANRegressor(**FAST).fit(frame, y), RANRegressor(**FAST).fit(other, y)
    np.testing.assert_allclose(two.predict(other), one.predict(frame), rtol=1e-9)


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [False, True], [3, 7], ["a", "b", "c"], [10, 20, 30, 40]], ids=lambda labels: str(labels)
)
def test_classes_of_any_kind(rng, labels):
    x = rng.normal(size=(240, 2))
    codes = np.digitize(x[:, 0], np.quantile(x[:, 0], np.linspace(0, 1, len(labels) + 1)[1:-1]))
    y = np.array(labels)[codes]
    model = RANClassifier(**FAST).fit(x, y)
    assert model.classes_.tolist() == labels
    assert model.predict(x).dtype == y.dtype
    assert model.score(x, y) > 0.9
    probability = model.predict_proba(x)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    assert ((probability >= 0) & (probability <= 1)).all()


def test_the_same_seed_gives_the_same_model(rng):
    X = rng.normal(size=(200, 4))
    y = X[:, 0] * X[:, 1] + np.sin(X[:, 2]) + 0.1 * rng.normal(size=200)
    first, second = (RANRegressor(random_state=3).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(first.predict(X), second.predict(X))
    assert first.terms_ == second.terms_


def test_copies_of_models(table):
    frame, y = table
    model = RANRegressor(**FAST).fit(frame, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    fresh = clone(model)
    assert not hasattr(fresh, "network_")
    assert fresh.get_params() == model.get_params()


def test_rows_without_weight_are_as_if_left_out(rng):
    X = rng.uniform(-1, 1, size=(300, 3))
    y = np.sin(3 * X[:, 0]) + X[:, 1] + 0.1 * rng.normal(size=300)
    spoilt, weight = y.copy(), np.ones(300)
    spoilt[:60], weight[:60] = 1e3, 0.0
    without = RANRegressor(**FAST).fit(X[60:], y[60:])
    weighted = RANRegressor(**FAST).fit(X, spoilt, sample_weight=weight)
    np.testing.assert_allclose(weighted.predict(X), without.predict(X), rtol=1e-9)


def test_columns_that_vary_only_in_rows_without_weight(rng):
    X = rng.uniform(-1, 1, size=(60, 3))
    X[10:, 1] = 4.0
    X[10:, 2] = np.nan
    weight = np.where(np.arange(60) < 10, 0.0, 1.0)
    model = RANRegressor(**FAST).fit(X, X[:, 0], sample_weight=weight)
    np.testing.assert_allclose(model.predict(X[10:]), X[10:, 0], atol=0.01)
    assert np.isfinite(model.predict(X)).all()


def test_classes_have_weights(rng):
    X = rng.normal(size=(400, 2))
    y = (X[:, 0] + rng.normal(size=400) > 1.5).astype(int)
    plain = RANClassifier(**FAST).fit(X, y).predict_proba(X)[:, 1].mean()
    balanced = RANClassifier(class_weight="balanced", **FAST).fit(X, y).predict_proba(X)[:, 1].mean()
    heavy = RANClassifier(class_weight={0: 1.0, 1: 50.0}, **FAST).fit(X, y).predict_proba(X)[:, 1].mean()
    assert plain == pytest.approx(y.mean(), abs=0.02)
    assert plain + 0.1 < balanced < heavy


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_quantiles_have_their_share_of_rows_below(rng, level):
    x = rng.uniform(-1, 1, size=(1000, 1))
    y = x[:, 0] + (1.5 + x[:, 0]) * rng.normal(size=1000)
    model = RANRegressor(loss="quantile", quantile=level, **FAST).fit(x, y)
    assert np.mean(y <= model.predict(x)) == pytest.approx(level, abs=0.03)


def test_outliers_of_the_target_hardly_move_a_robust_fit(rng):
    x = rng.uniform(-1, 1, size=(500, 1))
    y = np.sin(3 * x[:, 0]) + 0.1 * rng.normal(size=500)
    y[:25] += 100.0
    truth = np.sin(3 * x[:, 0])
    robust = RANRegressor(loss="huber", **FAST).fit(x, y).predict(x)
    assert np.abs(robust - truth).mean() < 0.1
    assert np.abs(RANRegressor(**FAST).fit(x, y).predict(x) - truth).mean() > 1.0


def test_counts(rng):
    x = rng.uniform(-1, 1, size=(1500, 2))
    mean = np.exp(1.0 + np.sin(2 * x[:, 0]))
    model = RANRegressor(loss="poisson", **FAST).fit(x, rng.poisson(mean).astype(float))
    np.testing.assert_allclose(model.predict(x), mean, rtol=0.25)
    assert model.predict(x).mean() == pytest.approx(mean.mean(), rel=0.05)


def test_forced_pairs_are_used_and_forbidden_ones_are_not(rng):
    X = rng.uniform(-1, 1, size=(400, 4))
    y = 3.0 * X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] + 0.1 * rng.normal(size=400)
    settings = {"second_block": False, "random_state": 0}
    chosen = RANRegressor(interactions=2, **settings).fit(X, y)
    assert set(chosen.interactions_) == {("x0", "x1"), ("x2", "x3")}
    without = RANRegressor(interactions=2, forbidden_interactions=[(0, 1)], **settings).fit(X, y)
    assert ("x0", "x1") not in without.interactions_
    exactly = RANRegressor(interactions=[("x2", "x3")], **settings).fit(X, y)
    assert exactly.interactions_ == (("x2", "x3"),)
    forced = RANRegressor(forced_interactions=[("x3", "x2")], **settings).fit(X, y)
    assert ("x2", "x3") in forced.interactions_


@pytest.mark.parametrize("direction", [1, -1, "increasing"])
def test_a_monotone_effect_never_turns(rng, direction):
    sign = -1.0 if direction == -1 else 1.0
    X = rng.normal(size=(500, 3))
    X[::9, 0] = np.nan
    y = sign * (np.nan_to_num(X[:, 0]) + 0.8 * np.sin(4 * np.nan_to_num(X[:, 0]))) + X[:, 1] ** 2
    y += 0.5 * rng.normal(size=500)
    model = RANRegressor(monotone={"x0": direction}, random_state=0, max_time=20).fit(X, y)
    free = RANRegressor(random_state=0, max_time=20).fit(X, y)
    low, high = np.nanmin(X[:, 0]), np.nanmax(X[:, 0])
    grid = np.zeros((20_000, 3))
    # Beyond the range on both sides as well.
    grid[:, 0] = np.linspace(low - 1.0, high + 1.0, 20_000)
    steps = sign * np.diff(model.predict(grid))
    assert steps.min() >= -1e-12 * np.ptp(y)
    assert (sign * np.diff(free.predict(grid))).min() < 0
    assert all("x0" not in pair for pair in model.interactions_)
    assert model.score(X, y) > 0.7


def test_a_monotone_effect_against_the_data_is_flat(rng):
    X = rng.uniform(-1, 1, size=(300, 2))
    y = -X[:, 0] + X[:, 1] + 0.1 * rng.normal(size=300)
    model = RANRegressor(monotone={0: 1}, **FAST).fit(X, y)
    grid = np.zeros((5000, 2))
    grid[:, 0] = np.linspace(-1.5, 1.5, 5000)
    values = model.predict(grid)
    assert np.diff(values).min() >= -1e-12
    assert np.ptp(values) < 0.1


def test_an_outlier_in_a_column_does_not_hide_the_rest(rng):
    X, T = rng.normal(size=(600, 2)), rng.normal(size=(600, 2))
    y = np.sin(2 * X[:, 0]) + X[:, 1] + 0.1 * rng.normal(size=600)
    X[3, 0] = 999_999.0
    model = RANRegressor(**FAST).fit(X, y)
    assert model.score(T, np.sin(2 * T[:, 0]) + T[:, 1]) > 0.97


def check_friedman(model):
    importances = model.term_importances() / model.term_importances().sum()
    assert {"x0", "x1", "x2", "x3", "x4"} <= set(importances.index)
    assert ("x0", "x1") in model.interactions_
    assert importances["x0 & x1"] > 0.05
    for name in ("x5", "x6", "x7", "x8", "x9"):
        assert importances.get(name, 0.0) < 0.01


def test_friedmans_columns_and_pair_are_found():
    X, y = make_friedman1(800, noise=1.0, random_state=1)
    check_friedman(RANRegressor(second_block=False, random_state=0).fit(X, y))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_friedmans_columns_and_only_the_true_pair_are_found(seed):
    X, y = make_friedman1(2000, noise=1.0, random_state=seed)
    model = RANRegressor(random_state=0).fit(X, y)
    check_friedman(model)
    assert model.interactions_ == (("x0", "x1"),)
    test_X, test_y = make_friedman1(2000, noise=0.0, random_state=100 + seed)
    assert model.score(test_X, test_y) > 0.985


@pytest.mark.slow
def test_friedman_without_noise():
    X, y = make_friedman1(2000, noise=0.0, random_state=0)
    test_X, test_y = make_friedman1(2000, noise=0.0, random_state=1)
    assert RANRegressor(random_state=0).fit(X, y).score(test_X, test_y) > 0.999


@pytest.mark.parametrize("most", [60, 250, 400])
def test_a_budget_of_numbers_is_kept(most):
    X = np.random.default_rng(0).uniform(-1, 1, size=(400, 3))
    y = X[:, 0] * X[:, 1] + X[:, 1] * X[:, 2] + X[:, 0] * X[:, 2] + 0.01 * X[:, 0]
    y += 0.01 * np.random.default_rng(1).normal(size=400)
    free = RANRegressor(random_state=0).fit(X, y)
    bounded = RANRegressor(random_state=0, max_parameters=most).fit(X, y)
    assert len(free.interactions_) == 3 and free.n_parameters_ > 400
    assert bounded.n_parameters_ <= max(most, RANRegressor(random_state=0, interactions=0).fit(X, y).n_parameters_)


def test_forced_pairs_stand_beside_exactly_these():
    X = np.random.default_rng(0).uniform(-1, 1, size=(200, 3))
    y = X[:, 0] * X[:, 1] + 0.1 * np.random.default_rng(1).normal(size=200)
    model = RANRegressor(
        interactions=[("x0", "x1")], forced_interactions=[("x1", "x2")], second_block=False, random_state=0
    ).fit(X, y)
    assert set(model.interactions_) == {("x0", "x1"), ("x1", "x2")}


# --- interruption -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["candidate_pairs", "decide", "with_pairs", "bagged", "fit_members"])
def test_ctrl_c_keeps_the_effects_found_until_then(where, monkeypatch):
    X = np.random.default_rng(0).uniform(-1, 1, size=(200, 3))
    y = np.sin(2 * X[:, 0]) + X[:, 0] * X[:, 1]

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"closedform.additive.train.{where}", interrupted)
    model = RANRegressor(n_bags=2, second_block=True, random_state=0, max_time=20)
    with pytest.warns(ConvergenceWarning, match="interrupted; the effects found until then were kept"):
        model.fit(X, y)
    assert model.interrupted_
    assert np.corrcoef(model.predict(X), np.sin(2 * X[:, 0]))[0, 1] > 0.8


def test_an_interruption_before_anything_was_found_is_passed_on(monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("closedform.additive.train.fit_design", interrupted)
    with pytest.raises(KeyboardInterrupt):
        RANRegressor(**FAST).fit(np.arange(40.0)[:, None], np.arange(40.0) ** 1.5)


def test_the_model_is_the_same_whatever_n_jobs(rng):
    X = rng.uniform(-1, 1, size=(300, 4))
    y = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.normal(size=300)
    models = [RANRegressor(n_bags=5, n_jobs=n_jobs, random_state=0).fit(X, y) for n_jobs in (None, 1, 3)]
    for model in models[1:]:
        assert model.terms_ == models[0].terms_
        np.testing.assert_allclose(model.predict(X), models[0].predict(X), rtol=1e-9, atol=1e-9)


def test_a_monitor_is_told_what_is_being_fitted(rng):
    X = rng.uniform(-1, 1, size=(200, 3))
    y = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=200)
    stages = []
    RANRegressor(n_bags=3, max_time=60, random_state=0, progress=stages.append).fit(X, y)
    names = [stage.name for stage in stages]
    assert names[:2] == ["main effects", "pairs"]
    assert {"second block", "3 bags"} <= set(names)
    elapsed = [stage.elapsed for stage in stages]
    assert elapsed == sorted(elapsed) and all(stage.max_time == 60 for stage in stages)

    def refuse(stage):
        raise RuntimeError(f"no {stage.name}")

    with pytest.raises(RuntimeError, match="no main effects"):
        RANRegressor(progress=refuse).fit(X, y)


def test_progress_is_shown_on_standard_error(rng, capsys):
    X = rng.uniform(-1, 1, size=(80, 2))
    RANClassifier(progress=True, **FAST).fit(X, X[:, 0] > 0)
    shown = capsys.readouterr()
    assert "of 20 s  main effects" in shown.err
    assert not shown.out
