"""The clock of a fit: what there is no time for is not begun, and large tables are decided on some of their rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from closedform.additive import pace, train
from closedform.additive.families import Binary, Squared
from closedform.additive.pace import Allowance, Pace
from closedform.additive.stop import Stop
from closedform.additive.table_data import Settings, TableData


def data_of(X, y):
    d = X.shape[1]
    return TableData(list(X.T), [0] * d, [f"x{j}" for j in range(d)], y, np.ones(len(y)))


def settings_of(d, **rest):
    return Settings(beyond=dict.fromkeys(range(d), "auto"), **rest)


@pytest.fixture
def data(rng):
    X = rng.uniform(-1, 1, (6000, 4))
    return data_of(X, np.sin(2 * X[:, 0]) + X[:, 1] + 2 * X[:, 2] * X[:, 3] + 0.1 * rng.normal(size=6000))


@pytest.fixture
def fitted_rows(monkeypatch):
    """The number of rows of each fit of main effects or pairs."""
    rows, fit_design = [], train.fit_design

    def counting(design, *args, **kwargs):
        rows.append(design.n_rows)
        return fit_design(design, *args, **kwargs)

    monkeypatch.setattr("closedform.additive.train.fit_design", counting)
    return rows


def test_decisions_on_some_rows_effects_on_all(data, fitted_rows, monkeypatch):
    whole = train.train(data, Squared(), settings_of(4), np.random.default_rng(0))
    monkeypatch.setattr(pace, "ROWS_TO_DECIDE", 1500)
    fitted_rows.clear()
    model = train.train(data, Squared(), settings_of(4), np.random.default_rng(0))
    assert fitted_rows == [1500, 6000]
    assert "x2 & x3" in model.names
    assert np.mean((model.raw(data.columns)[:, 0] - data.y) ** 2) < 1.1 * np.mean(
        (whole.raw(data.columns)[:, 0] - data.y) ** 2
    )


@pytest.mark.parametrize("family", [Squared(), Binary()], ids=lambda family: family.name)
def test_without_time_there_are_main_effects_of_some_rows(data, fitted_rows, family):
    y = data.y if family.one_step else (data.y > 0).astype(float)
    short = Stop(remaining=lambda: 1e-9)
    model = train.train(
        data_of(np.stack(data.columns, axis=1), y), family, settings_of(4), np.random.default_rng(0), short
    )
    assert fitted_rows and set(fitted_rows) == {2000}
    assert not [name for name in model.names if "&" in name]
    assert model.second is None
    assert np.isfinite(model.raw(data.columns)).all()
    assert np.corrcoef(model.raw(data.columns)[:, 0], y)[0, 1] > 0.6


def test_the_last_fit_takes_as_many_rows_as_there_is_time_for(data, monkeypatch):
    monkeypatch.setattr(pace, "ROWS_TO_DECIDE", 1000)
    few = data.rows(np.arange(1000))
    features = train.make_features(data)
    slow = Allowance(Stop(remaining=lambda: 10.0), Pace(3.0, 1000, sum(len(f.main) for f in features)))
    plan = train.Plan((), None)
    fitted = train._last_fit(data, few, features, plan, Squared(), slow)
    assert fitted.data.n_rows == fitted.design.n_rows == 3000
    assert fitted.fit.raw.shape == (3000, 1)


def test_what_is_held_back_is_no_time():
    allowed = Allowance(Stop(remaining=lambda: 10.0), Pace(1.0, 100, 10), held_back=6.0)
    assert allowed.affords(400, 10) and allowed.affords(100, 20)
    assert not allowed.affords(500, 10) and not allowed.affords(200, 20)
    assert not allowed() and Allowance(Stop(remaining=lambda: 6.0), Pace(1.0, 100, 10), held_back=6.0)()
    assert allowed.divided(4).left() == pytest.approx(1.0) and allowed.divided(1).left() == 4.0
    without_limit = Allowance(Stop(), Pace(1.0, 100, 10))
    assert without_limit.divided(3).left() == math.inf
    assert without_limit.affords(10**12, 10**4) and without_limit.pace.rows(math.inf, 10) == math.inf


def test_bags_end_with_the_time(data, fitted_rows, monkeypatch):
    from closedform.additive import fit

    asked = []
    monkeypatch.setattr(fit, "fit_design", lambda *args, **kwargs: asked.append(1) or train.fit_design(*args, **kwargs))
    few = data.rows(np.arange(300))
    design = train.Design(train.make_features(few), [], few.columns)
    one = train.fit_design(design, few.y, few.weight, Squared())
    found = fit.bagged(design, few.y, few.weight, Squared(), one, 20, np.random.default_rng(0), expired=lambda: True)
    assert len(asked) == 2
    assert np.linalg.norm(found.fits[0].covariance) > 0


def test_a_design_that_is_asked_twice_at_the_same_time(data):
    design = train.Design(train.make_features(data), [], data.columns)
    first, second = design.chunks(), design.chunks()
    parts = [(next(first)[1].copy(), next(second)[1].copy()) for _ in range(2)]
    later = [part for _, part in design.chunks()]
    for (one, two), part in zip(parts, later, strict=True):
        np.testing.assert_array_equal(one, part)
        np.testing.assert_array_equal(two, part)


def test_a_very_wide_table_in_little_time_is_screened_on_some_rows(data):
    assert pace.rows_to_screen(data, 1000, Stop()) is data
    assert 2000 <= pace.rows_to_screen(data, 1000, Stop(remaining=lambda: 20.0)).n_rows < 3000
    assert pace.rows_to_screen(data, 200, Stop(remaining=lambda: 20.0)) is data


def test_pairs_come_before_units(data, monkeypatch):
    left = [1e6]

    def slow_units(*_):
        left[0] = 0.0

    monkeypatch.setattr("closedform.additive.decide._units", slow_units)
    stop = Stop(remaining=lambda: left[0], expired=lambda: left[0] <= 0.0)
    model = train.train(data, Squared(), settings_of(4), np.random.default_rng(0), stop)
    assert left[0] == 0.0
    assert "x2 & x3" in model.names
