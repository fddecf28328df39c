"""Losses: their least-squares problems are what finite differences of them say."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.additive.families import (
    REGRESSION,
    Binary,
    Classes,
    Huber,
    Poisson,
    Quantile,
    Squared,
    regression_family,
)
from closedform.exceptions import InputError

SMOOTH = [Poisson(), Binary(), Classes(3)]
BY_NAME = {"ids": lambda family: type(family).__name__}


def example(family, rng, n=40):
    if isinstance(family, Poisson):
        y = rng.poisson(2.0, n).astype(float)
    elif isinstance(family, Binary | Classes):
        y = rng.integers(0, 2 if isinstance(family, Binary) else 3, n).astype(float)
    else:
        y = rng.normal(size=n)
    return y, rng.normal(size=(n, 3 if isinstance(family, Classes) else 1))


def gradient(family, y, raw, step=1e-6):
    """Slope of each row's loss in each of its raw scores."""
    result = np.empty_like(raw)
    for k in range(raw.shape[1]):
        up, down = raw.copy(), raw.copy()
        up[:, k] += step
        down[:, k] -= step
        result[:, k] = (family.loss(y, up) - family.loss(y, down)) / (2 * step)
    return result


@pytest.mark.parametrize("family", SMOOTH, **BY_NAME)
def test_the_working_problem_has_the_slope_and_curvature_of_the_loss(family, rng):
    y, raw = example(family, rng)
    weight, response = family.working(y, raw)
    np.testing.assert_allclose(weight * (raw - response), gradient(family, y, raw), atol=1e-7)
    for k in range(raw.shape[1]):
        moved = np.eye(raw.shape[1])[k] * 1e-4
        curvature = (gradient(family, y, raw + moved) - gradient(family, y, raw - moved))[:, k] / 2e-4
        np.testing.assert_allclose(weight[:, k], curvature, rtol=1e-3, atol=1e-5)


def test_squared(rng):
    y, raw = example(Squared(), rng)
    weight, response = Squared().working(y, raw)
    np.testing.assert_allclose(2 * weight * (raw - response), gradient(Squared(), y, raw), atol=1e-7)


def test_huber_weights_have_the_slope_of_its_loss(rng):
    # With the spread of the residuals held fixed, as in one step of reweighting.
    y, raw = example(Huber(), rng, 400)
    y[:20] += 50.0
    weight, response = Huber().working(y, raw)
    residual = y - raw[:, 0]
    limit = 1.345 * 1.4826 * np.median(np.abs(residual))
    np.testing.assert_allclose(weight[:, 0] * (response - raw)[:, 0], np.clip(residual, -limit, limit), rtol=1e-12)
    inside = np.abs(residual) < limit
    np.testing.assert_allclose(Huber().loss(y, raw)[inside], residual[inside] ** 2)
    np.testing.assert_allclose(
        Huber().loss(y, raw)[~inside], limit * (2 * np.abs(residual[~inside]) - limit), rtol=1e-12
    )


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_quantile_weights_have_the_slope_of_its_loss_away_from_the_corner(rng, level):
    family = Quantile(level)
    y, raw = example(family, rng, 400)
    weight, response = family.working(y, raw)
    residual = y - raw[:, 0]
    away = np.abs(residual) > 0.05 * np.abs(residual).mean()
    slope = (weight * (raw - response))[away, 0]
    expected = gradient(family, y, raw, 1e-9)[away, 0]
    ratio = slope / expected
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
    assert ratio[0] > 0


@pytest.mark.parametrize("family", [Squared(), Huber(), Quantile(0.2), *SMOOTH], **BY_NAME)
def test_the_start_is_the_best_constant(family, rng):
    y, _ = example(family, rng, 301)
    weight = np.ones(len(y))
    start = family.start(y, weight)
    assert start.shape == (3 if isinstance(family, Classes) else 1,)

    def loss(constant):
        return family.loss(y, np.tile(constant, (len(y), 1))).mean()

    slack = 0.02 if isinstance(family, Huber) else 1e-9
    for _ in range(10):
        assert loss(start) <= loss(start + 0.1 * rng.normal(size=start.shape)) + slack


@pytest.mark.parametrize("family", [Squared(), Huber(), Quantile(0.2), *SMOOTH], **BY_NAME)
def test_nothing_overflows_far_away(family, rng):
    y, raw = example(family, rng)
    for factor in (0.0, 1e3, 1e6):
        far = factor * raw
        weight, response = family.working(y, far)
        assert (weight > 0).all()
        for part in (weight, response, family.loss(y, far), family.predict(far)):
            assert np.isfinite(part).all()


@pytest.mark.parametrize("family", SMOOTH, **BY_NAME)
def test_losses_are_at_least_zero_and_zero_for_certainty(family, rng):
    y, raw = example(family, rng)
    assert (family.loss(y, raw) >= -1e-12).all()
    if isinstance(family, Poisson):
        sure = np.log(np.maximum(y, 1e-13))[:, None]
    else:
        sure = 40.0 * (y[:, None] == np.arange(3)) if isinstance(family, Classes) else (80.0 * y - 40.0)[:, None]
    assert family.loss(y, sure).max() < 1e-9


def test_probabilities_add_up_to_one(rng):
    raw = 300.0 * rng.normal(size=(50, 4))
    share = Classes(4).predict(raw)
    np.testing.assert_allclose(share.sum(axis=1), 1.0)
    assert (share >= 0).all()


def test_names_of_losses():
    assert set(REGRESSION) == {"squared", "huber", "quantile", "poisson"}
    assert regression_family("quantile", 0.9) == Quantile(0.9)
    assert regression_family(Huber(2.0)) == Huber(2.0)
    with pytest.raises(InputError, match=r"Unknown loss 'poison'.*poisson"):
        regression_family("poison")
