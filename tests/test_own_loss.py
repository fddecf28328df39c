"""loss= as a function of target and prediction."""

from __future__ import annotations

import numpy as np
import pytest

from closedform import SymbolicRegressor, load
from closedform.exceptions import DataWarning, InputError
from closedform.losses import AbsoluteLoss, HuberLoss, SquaredLoss
from closedform.own_loss import OwnLoss
from closedform.symbolic import Expression
from closedform.symbolic.refit import refit
from toy_engines import AffineEngine

RNG = np.random.default_rng(4)
T = RNG.uniform(0.5, 5.0, 400)
Y = 3.0 * T + 2.0 + RNG.normal(size=400)


def pinball(y, y_pred, level=0.9):
    return np.maximum(level * (y - y_pred), (level - 1) * (y - y_pred))


def relative(y, y_pred):
    return ((y - y_pred) / y) ** 2


def search(loss, **settings):
    return SymbolicRegressor(engines=(AffineEngine(),), loss=loss, max_time=20, random_state=0, **settings)


@pytest.mark.parametrize(
    ("function", "loss"),
    [
        (lambda y, p: (y - p) ** 2, SquaredLoss()),
        (lambda y, p: np.where(np.abs(y - p) < 1, (y - p) ** 2, 2 * np.abs(y - p) - 1), HuberLoss(1.0)),
    ],
)
def test_it_agrees_with_the_loss_that_it_writes_out(function, loss):
    own, pred = OwnLoss(function), Y + RNG.normal(size=400)
    assert own.value(Y, pred) == pytest.approx(loss.value(Y, pred), rel=1e-12)
    np.testing.assert_allclose(own.weight_at(Y, pred), loss.irls_weight(pred - Y), rtol=1e-2, atol=1e-3)
    form = Expression.parse("1.0*exp(0.1*t) + 0.5")
    ours = refit(form, {"t": T}, Y, loss=own)
    theirs = refit(form, {"t": T}, Y, loss=loss)
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)


def test_a_loss_that_is_no_function_of_the_residual():
    found = refit(Expression.parse("1.0*t"), {"t": T}, Y, loss=OwnLoss(relative)).expression.constants[0]
    assert found == pytest.approx(np.sum(T / Y) / np.sum((T / Y) ** 2), rel=1e-5)


def test_a_quantile_is_fitted_and_reported():
    model = search(pinball).fit({"t": T}, Y)
    share = float(np.mean(Y <= model.predict({"t": T})))
    assert share == pytest.approx(0.9, abs=0.03)
    best = model.get_best()
    assert best["loss"] == pytest.approx(float(np.mean(pinball(Y, model.predict({"t": T})))), rel=0.1)


def test_units_of_the_search_do_not_reach_the_function():
    """Targets far from one are scaled for the search; the function sees what the user has."""
    seen = []

    def watching(y, y_pred):
        seen.append(float(np.abs(y).max()))
        return np.abs(y - y_pred)

    search(watching).fit({"t": T}, 1e9 * Y)
    assert min(seen) > 1e8


def test_without_noise_the_law_is_found():
    model = search(lambda y, p: np.abs(y - p) ** 1.5).fit({"t": T}, 3.0 * T + 2.0)
    np.testing.assert_allclose(model.predict({"t": T}), 3.0 * T + 2.0, rtol=1e-7)


def test_lengths_are_those_of_the_square():
    """A loss that grows like a power of the error is turned into a square before formulas are chosen by length."""
    for power in (1.0, 2.0, 4.0):
        own = OwnLoss(lambda y, p, power=power: np.abs(y - p) ** power)
        assert own.as_square(0.25**power, Y) == pytest.approx(0.25**2, rel=1e-3)
    assert AbsoluteLoss().at_error(Y, 0.5) == 0.5


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda y, p: np.mean((y - p) ** 2), r"one number for each of 400 rows; .* shape \(\).* leave out the mean"),
        (lambda y: y, "fails on arrays of 400 rows: TypeError"),
        (lambda y, p: np.log(y - p), "for a perfect prediction of y = .*; it must be finite"),
        (lambda y, p: (y - p) ** 2 + 1j, "type complex128"),
    ],
)
def test_functions_that_are_no_losses_are_refused_before_any_work(function, message):
    with pytest.raises(InputError, match=message):
        search(function).fit({"t": T}, Y)


def test_a_loss_that_is_least_elsewhere_is_told():
    with pytest.warns(DataWarning, match="is not least where the prediction is the target"):
        search(lambda y, p: (y - p - 1.0) ** 2).fit({"t": T}, Y)


def test_a_saved_model_has_forgotten_the_function(tmp_path):
    model = search(pinball).fit({"t": T}, Y)
    model.save(tmp_path / "m.json")
    again = load(tmp_path / "m.json")
    np.testing.assert_array_equal(again.predict({"t": T}), model.predict({"t": T}))
    assert again.loss == "squared"


def test_groups_take_it_too():
    kind = np.arange(400) % 2
    model = search(relative).fit({"t": T}, (1.0 + kind) * (T + 2.0), groups=kind)
    np.testing.assert_allclose(model.predict({"t": T}, groups=kind), (1.0 + kind) * (T + 2.0), rtol=1e-6)
