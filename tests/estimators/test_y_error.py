"""Measurement errors of the target: what they do to constants, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from closedform import SymbolicRegressor, load
from closedform.engines.base import Candidate
from closedform.exceptions import InputError
from closedform.finish import loss_of
from closedform.symbolic import Expression
from closedform.symbolic.refit import refit


class OneFormula:
    """An engine that knows the form."""

    name = "one"

    def candidates(self, problem, *, budget, archive, rng):
        start = Expression.parse("2.0*exp(-0.5*t)")
        fitted = refit(start, problem.columns, problem.y, weights=problem.sample_weight).expression
        yield Candidate(fitted, loss_of(fitted, problem), fitted.complexity, self.name, 0.0)


def decay(rng, n=400, scale=1.0):
    t = rng.uniform(0.1, 5, n)
    error = scale * rng.choice([0.02, 0.5], n)
    return {"t": t}, scale * 2.3717 * np.exp(-t / 1.8331) + error * rng.normal(size=n), error


def fitted(X, y, **settings):
    return SymbolicRegressor((OneFormula(),), max_time=5, random_state=0).fit(X, y, **settings)


@pytest.mark.filterwarnings("ignore:magnitudes beyond:closedform.exceptions.DataWarning")
@pytest.mark.parametrize("scale", [1.0, 1e9, 1e-130])
def test_chi_squared_is_near_one_and_errors_are_absolute(rng, scale):
    X, y, error = decay(rng, scale=scale)
    model = fitted(X, y, y_error=error)
    assert 0.8 < model.get_best().chi2 < 1.25
    rate = model.constant_table().iloc[-1]
    assert abs(rate.value + 1 / 1.8331) < 4 * rate.standard_error
    # Errors that are said to be twice as large leave the constants and double what is known of them.
    doubled = fitted(X, y, y_error=2 * error)
    assert doubled.get_best().chi2 == pytest.approx(model.get_best().chi2 / 4, rel=0.05)
    assert doubled.constant_table().iloc[-1].standard_error == pytest.approx(2 * rate.standard_error, rel=0.05)


def test_weights_alone_have_no_scale(rng):
    X, y, error = decay(rng)
    one = fitted(X, y, sample_weight=error**-2.0).constant_table()
    other = fitted(X, y, sample_weight=0.01 * error**-2.0).constant_table()
    np.testing.assert_allclose(one, other, rtol=1e-6)
    assert "chi2" not in fitted(X, y).equations_


def test_intervals_hold_the_truth_as_often_as_they_say(rng):
    held = 0
    for _ in range(40):
        X, y, error = decay(rng, n=60)
        low, high = fitted(X, y, y_error=error).constant_table(level=0.9).iloc[-1][["low", "high"]]
        held += low <= -1 / 1.8331 <= high
    # 36 of 40 are expected; the rounding of constants takes some away.
    assert held >= 30


def test_intervals_widen_with_the_level(rng):
    X, y, _ = decay(rng)
    model = fitted(X, y)
    narrow, wide = (model.constant_table(level=level).iloc[-1] for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    with pytest.raises(InputError, match=r"level must be a number between 0 and 1 such as 0\.95, got 95"):
        model.constant_table(level=95)


def test_chi_squared_is_saved(rng, tmp_path):
    X, y, error = decay(rng)
    model = fitted(X, y, y_error=error)
    model.save(tmp_path / "m.json")
    again = load(tmp_path / "m.json")
    assert again.get_best().chi2 == model.get_best().chi2
    # Files of earlier versions have none.
    data = json.loads((tmp_path / "m.json").read_text())
    for formula in data["formulas"]:
        del formula["chi2"]
    (tmp_path / "old.json").write_text(json.dumps(data))
    assert not load(tmp_path / "old.json").formulas_[0].has_chi2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"y_error": [1.0, 2.0]}, r"y_error must hold one standard deviation per row: expected \(400,\), got \(2,\)"),
        ({"y_error": 0.0}, r"y_error must be positive and finite: .*the first is 0\.0"),
        (
            {"y_error": np.r_[np.ones(399), np.nan]},
            r"y_error must be positive and finite: see row 400, the first is",
        ),
        ({"y_error": np.ones(400), "sample_weight": np.ones(400)}, "pass one"),
        ({"y_error": np.ones(400), "groups": ["a", "b"] * 200}, "does not go with groups"),
    ],
)
def test_errors_that_cannot_be_are_refused(rng, settings, message):
    X, y, _ = decay(rng)
    with pytest.raises(InputError, match=message):
        fitted(X, y, **settings)


def test_other_losses_take_no_errors(rng):
    X, y, error = decay(rng)
    with pytest.raises(InputError, match='y_error goes with loss="squared"'):
        SymbolicRegressor(loss="huber", max_time=2).fit(X, y, y_error=error)
