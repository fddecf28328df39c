"""A layer of rational units: its derivatives, and that training ends at something better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from closedform.additive.families import Binary, Classes, Huber, Poisson, Quantile, Squared
from closedform.training import rational_layer
from closedform.training.rational_layer import Layer, Rows, mean_loss, train_layer

FAMILIES = [Squared(), Huber(), Quantile(0.3), Poisson(), Binary(), Classes(3)]
BY_NAME = {"ids": lambda family: type(family).__name__}


def rows_for(family, rng, n=300):
    """Rows whose target follows a function of a sum, which is what a unit is for."""
    x = rng.normal(size=(n, 3))
    score = 2.0 / (1.0 + (x[:, 0] + x[:, 1]) ** 2) - 1.0
    if isinstance(family, Poisson):
        y = rng.poisson(np.exp(score)).astype(float)
    elif isinstance(family, Binary):
        y = (rng.random(n) < 1.0 / (1.0 + np.exp(-3.0 * score))).astype(float)
    elif isinstance(family, Classes):
        y = np.clip(np.round(1.0 + score + 0.2 * rng.normal(size=n)), 0, 2)
    else:
        y = score + 0.1 * rng.normal(size=n)
    weight = np.ones(n)
    base = np.tile(family.start(y, weight), (n, 1))
    return Rows(np.hstack([x, np.ones((n, 1))]), y, weight, base)


def split(rows, at):
    return (
        Rows(rows.inputs[:at], rows.y[:at], rows.weight[:at], rows.base[:at]),
        Rows(rows.inputs[at:], rows.y[at:], rows.weight[at:], rows.base[at:]),
    )


def test_the_layer_is_what_it_says(rng):
    inputs, inner, outer = rng.normal(size=(7, 3)), rng.normal(size=(3, 2)), rng.normal(size=(5, 1))
    s = inputs @ inner
    expected = ((outer[:2, 0] + outer[2:4, 0] * s) / (1.0 + s**2)).sum(axis=1) + outer[4, 0]
    np.testing.assert_allclose(Layer(inner, outer).raw(inputs)[:, 0], expected)


@pytest.mark.parametrize("family", FAMILIES, **BY_NAME)
def test_the_gradient_is_that_of_finite_differences(family, rng):
    """The right side of the normal equations is the slope of half the quadratic model, with its penalties."""
    rows = rows_for(family, rng)
    rows = replace(rows, weight=rng.uniform(0.5, 2.0, len(rows.y)))
    n_outputs = rows.base.shape[1]
    state = rational_layer._started(rows, 4, family, rng)
    state.layer = Layer(state.layer.inner, rng.normal(size=(9, n_outputs)))
    state.raw = rows.base + state.layer.raw(rows.inputs)
    state.inner_penalty = rng.uniform(0.1, 2.0, 4)
    matrix, gradient, penalty = rational_layer._normal_equations(state, rows, family)
    working, response = family.working(rows.y, state.raw)
    n_inner = state.layer.inner.size
    weights = np.concatenate([state.layer.inner.ravel(), state.layer.outer.T.ravel()])

    def raw_of(at):
        layer = Layer(at[:n_inner].reshape(4, 4), at[n_inner:].reshape(n_outputs, 9).T)
        return rows.base + layer.raw(rows.inputs)

    def objective(at):
        data = np.sum(state.precision * rows.weight[:, None] * working * (response - raw_of(at)) ** 2)
        return 0.5 * (data + penalty @ at**2)

    steps = 1e-6 * np.eye(len(weights))
    slopes = np.array([(objective(weights + h) - objective(weights - h)) / 2e-6 for h in steps])
    np.testing.assert_allclose(gradient, -slopes, rtol=1e-4, atol=1e-5 * np.abs(slopes).max())
    # And the matrix is J' W J of finite differences of the raw scores.
    jacobian = np.stack([(raw_of(weights + h) - raw_of(weights - h)) / 2e-6 for h in steps], axis=2)
    w = state.precision * rows.weight[:, None] * working
    expected = np.einsum("no,noi,noj->ij", w, jacobian, jacobian) + np.diag(penalty)
    np.testing.assert_allclose(matrix, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("family", FAMILIES, **BY_NAME)
def test_training_lowers_the_loss_of_rows_that_took_no_part(family, rng):
    rows, held = split(rows_for(family, rng, 900), 600)
    fit = train_layer(rows, 6, family, np.random.default_rng(0), held_out=held)
    assert fit.loss < 0.97 * mean_loss(held, None, family)
    assert fit.loss == pytest.approx(mean_loss(held, fit.layer, family))
    assert fit.steps >= 1


def test_a_ridge_function_is_learned_to_the_noise(rng):
    rows, held = split(rows_for(Squared(), rng, 1000), 700)
    fit = train_layer(rows, 6, Squared(), np.random.default_rng(0), held_out=held)
    assert fit.loss < 1.3 * 0.1**2


def test_pure_noise_is_left_alone(rng):
    rows, held = split(rows_for(Squared(), rng, 600), 400)
    noise = rng.normal(size=600)
    rows, held = (
        replace(rows, y=noise[:400], base=np.zeros((400, 1))),
        replace(held, y=noise[400:], base=np.zeros((200, 1))),
    )
    fit = train_layer(rows, 6, Squared(), np.random.default_rng(0), held_out=held)
    assert fit.loss < 1.1 * mean_loss(held, None, Squared())


def test_training_stops_when_held_out_rows_get_no_better(rng):
    # Ten held-out rows of noise: the layer learns, and they do not thank it.
    rows, held = split(rows_for(Squared(), rng, 310), 300)
    held = replace(held, y=rng.normal(size=10))
    fit = train_layer(rows, 6, Squared(), np.random.default_rng(0), held_out=held, max_steps=60, patience=3)
    longer = train_layer(rows, 6, Squared(), np.random.default_rng(0), max_steps=60)
    assert fit.steps < longer.steps
    assert fit.loss <= mean_loss(held, longer.layer, Squared())


def test_without_held_out_rows_all_steps_are_taken_and_no_loss_is_told(rng):
    fit = train_layer(rows_for(Squared(), rng), 4, Squared(), rng, max_steps=3)
    assert fit.steps == 3
    assert np.isnan(fit.loss)


def test_the_same_seed_gives_the_same_layer(rng):
    rows = rows_for(Squared(), rng)
    first, second = (train_layer(rows, 5, Squared(), np.random.default_rng(4), max_steps=5) for _ in range(2))
    np.testing.assert_array_equal(first.layer.inner, second.layer.inner)
    np.testing.assert_array_equal(first.layer.outer, second.layer.outer)


def test_rows_in_blocks_are_rows_at_once(rng, monkeypatch):
    rows = rows_for(Binary(), rng)
    whole = train_layer(rows, 3, Binary(), np.random.default_rng(0), max_steps=2)
    monkeypatch.setattr(rational_layer, "_ROWS", 37)
    parts = train_layer(rows, 3, Binary(), np.random.default_rng(0), max_steps=2)
    np.testing.assert_allclose(parts.layer.raw(rows.inputs), whole.layer.raw(rows.inputs), rtol=1e-6, atol=1e-8)


def test_rows_without_weight_take_no_part(rng):
    rows = rows_for(Squared(), rng)
    spoilt = rows.y.copy()
    spoilt[:50] = 1e6
    weight = np.ones(300)
    weight[:50] = 0.0
    part = Rows(rows.inputs[50:], rows.y[50:], rows.weight[50:], rows.base[50:])
    with_zeros = train_layer(
        replace(rows, y=spoilt, weight=weight), 3, Squared(), np.random.default_rng(0), max_steps=4
    )
    without = train_layer(part, 3, Squared(), np.random.default_rng(0), max_steps=4)
    np.testing.assert_allclose(with_zeros.layer.raw(rows.inputs), without.layer.raw(rows.inputs), rtol=1e-5, atol=1e-7)


def test_time_that_is_up_ends_training_with_the_layer_so_far(rng):
    rows = rows_for(Squared(), rng)
    fit = train_layer(rows, 4, Squared(), rng, held_out=rows, expired=lambda: True)
    assert fit.steps == 0
    assert np.isfinite(fit.layer.raw(rows.inputs)).all()
