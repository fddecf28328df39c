"""Every loss in the table: a proper loss, the same for NumPy and torch, and right for Gauss-Newton."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.exceptions import InputError
from closedform.losses import LOSSES, AbsoluteLoss, ExpLoss, HuberLoss, SquaredLoss, get_loss

losses = pytest.mark.parametrize("loss", [*(kind() for kind in LOSSES.values()), HuberLoss(0.01)], ids=repr)
residuals = st.floats(-20, 20).filter(lambda r: abs(r) > 1e-3)


@losses
@given(residual=st.floats(-1e6, 1e6))
def test_symmetric_non_negative_and_zero_only_at_zero(loss, residual):
    value = float(loss.pointwise(np.float64(residual)))
    assert value >= 0
    assert value == float(loss.pointwise(np.float64(-residual)))
    assert (value > 0) == (residual != 0) or abs(residual) < 1e-150


@losses
@given(small=st.floats(0, 1e3), more=st.floats(1e-6, 1e3))
def test_a_larger_residual_costs_more(loss, small, more):
    assert loss.pointwise(np.float64(small + more)) > loss.pointwise(np.float64(small))


@losses
@given(residual=residuals)
def test_irls_weight_has_the_gradient_of_the_loss(loss, residual):
    step = 1e-6 * abs(residual)
    high, low = (float(loss.pointwise(np.float64(residual + sign * step))) for sign in (1, -1))
    slope = (high - low) / (2 * step)
    if isinstance(loss, HuberLoss) and abs(abs(residual) - loss.delta) <= 2 * step:
        return  # the difference quotient straddles the corner of the second derivative
    assert 2 * float(loss.irls_weight(np.float64(residual))) * residual == pytest.approx(slope, rel=1e-5)


@losses
def test_irls_weight_is_finite_and_positive_everywhere(loss):
    weight = loss.irls_weight(np.array([0.0, -0.0, 1e-300, 1e-12, 1.0, 1e8, -1e150]))
    assert np.all(np.isfinite(weight))
    assert np.all(weight > 0)


@losses
def test_torch_and_numpy_agree(loss, rng):
    torch = pytest.importorskip("torch")
    y, raw = rng.normal(size=50), rng.normal(size=(3, 50)) * np.array([[0.1], [1.0], [60.0]])
    weight = rng.uniform(size=50)
    tensors = [torch.from_numpy(array) for array in (y, raw, weight)]
    np.testing.assert_allclose(loss.value(*tensors, xp=torch).numpy(), loss.value(y, raw, weight), rtol=1e-12)
    residual = raw - y
    np.testing.assert_allclose(
        loss.irls_weight(torch.from_numpy(residual), xp=torch).numpy(), loss.irls_weight(residual), rtol=1e-12
    )


@losses
def test_torch_gradient_is_the_irls_gradient(loss, rng):
    torch = pytest.importorskip("torch")
    residual = torch.from_numpy(rng.normal(size=40) * 3).requires_grad_()
    loss.pointwise(residual, xp=torch).sum().backward()
    expected = 2 * loss.irls_weight(residual.detach(), xp=torch) * residual.detach()
    np.testing.assert_allclose(residual.grad.numpy(), expected.numpy(), rtol=1e-10)


@losses
def test_integer_weights_equal_repeated_rows(loss, rng):
    y, raw, weight = rng.normal(size=20), rng.normal(size=20), rng.integers(0, 4, size=20)
    repeated = loss.value(np.repeat(y, weight), np.repeat(raw, weight))
    assert loss.value(y, raw, weight) == pytest.approx(repeated, rel=1e-12)


@losses
def test_each_model_may_have_weights_of_its_own(loss, rng):
    y, raw, weight = rng.normal(size=20), rng.normal(size=(3, 20)), rng.uniform(size=(3, 20))
    each = [loss.value(y, raw[k], weight[k]) for k in range(3)]
    np.testing.assert_allclose(loss.value(y, raw, weight), each, rtol=1e-12)


@losses
def test_hopeless_predictions_cost_infinity_without_a_warning(loss):
    y = np.zeros(3)
    assert np.isnan(loss.value(y, np.array([0.0, np.nan, 1.0])))
    assert loss.value(y, np.array([0.0, np.inf, 1.0])) == np.inf
    assert loss.value(y, np.full(3, 1e300)) > 1e200


def test_the_losses_are_what_their_formulas_say():
    r = np.array([-3.0, -0.5, 0.0, 2.0])
    np.testing.assert_allclose(SquaredLoss().pointwise(r), r**2)
    np.testing.assert_allclose(AbsoluteLoss().pointwise(r), np.abs(r))
    np.testing.assert_allclose(HuberLoss(1.0).pointwise(r), [5.0, 0.25, 0.0, 3.0])
    np.testing.assert_allclose(ExpLoss().pointwise(r), np.exp(np.abs(r)) - 1)


def test_huber_with_a_wide_delta_is_least_squares(rng):
    y, raw = rng.normal(size=(2, 30))
    assert HuberLoss(1e6).value(y, raw) == pytest.approx(SquaredLoss().value(y, raw), rel=1e-12)


def test_exponential_loss_stays_finite_and_continuous_past_its_cap():
    near, past = ExpLoss().pointwise(np.array([30.0, 30.0 + 1e-9]))
    assert past == pytest.approx(near, rel=1e-8)
    assert math.isfinite(ExpLoss().pointwise(np.float64(1e6)))


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [("squared", SquaredLoss()), ("mse", SquaredLoss()), ("MAE", AbsoluteLoss()), ("exp", ExpLoss())],
)
def test_get_loss_by_name(given_name, expected):
    assert get_loss(given_name) == expected


def test_get_loss_returns_objects_as_they_are():
    loss = HuberLoss(0.2)
    assert get_loss(loss) is loss
    assert {kind().name for kind in LOSSES.values()} == set(LOSSES)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("hubber", r"Unknown loss 'hubber' \(did you mean 'huber'\?\). Known: 'squared', "),
        ("???", r"Unknown loss '\?\?\?'. Known"),
        (3, r"must be one of .* got 3 \(int\)"),
        (HuberLoss, r"must be one of .* \(ABCMeta\)"),
    ],
)
def test_get_loss_explains_what_is_wrong(wrong, message):
    with pytest.raises(InputError, match=message):
        get_loss(wrong)


@pytest.mark.parametrize("delta", [0.0, -1.0, math.nan, math.inf])
def test_huber_refuses_an_impossible_delta(delta):
    with pytest.raises(InputError, match="positive, finite delta"):
        HuberLoss(delta)
