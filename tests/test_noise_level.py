"""Noise that was put in must be found again, and nothing else must be taken for it."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.noise_level import noise_level, outliers, pattern_left


def laws(rng):
    """Smooth functions of one to six columns."""
    yield rng.uniform(0, 3, (500, 1)), lambda X: np.sin(5 * X[:, 0])
    yield rng.uniform(1, 5, (1000, 2)), lambda X: X[:, 0] * np.exp(-X[:, 1])
    yield rng.uniform(1, 3, (1500, 4)), lambda X: X[:, 0] * X[:, 1] / (X[:, 2] ** 2 + X[:, 3])
    yield rng.uniform(1, 2, (1500, 6)), lambda X: X.prod(axis=1)


@pytest.mark.parametrize("size", [1.0, 1e-200, 1e150])
def test_known_noise_is_found(rng, size):
    for X, law in laws(rng):
        clean = law(X)
        sigma = 0.1 * float(clean.std())
        level = noise_level(X, size * (clean + rng.normal(0, sigma, len(X))))
        assert level.sigma == pytest.approx(size * sigma, rel=0.15)
        assert level.settled


def test_a_law_without_noise_has_hardly_any(rng):
    for X, law in laws(rng):
        clean = law(X)
        level = noise_level(X, clean)
        assert level.sigma < 0.01 * clean.std()


def test_what_cannot_be_followed_is_not_settled(rng):
    X = rng.uniform(0, 10, (400, 3))
    level = noise_level(X, np.sin(4 * X[:, 0]) * X[:, 1] * np.cos(3 * X[:, 2]))
    # It looks like noise, so that a formula cannot be asked to do better; but the estimate is an upper one.
    assert level.sigma > 0.1
    wavy = noise_level(X[:, :1], np.sin(X[:, 0]) * np.exp(0.3 * X[:, 0]))
    assert wavy.sigma < 0.05


def test_repeated_rows_say_it_whatever_the_function(rng):
    X = np.repeat(rng.uniform(0, 10, (100, 3)), 5, axis=0)
    rough = np.sign(np.sin(40 * X).sum(axis=1)) * 10
    level = noise_level(X, rough + rng.normal(0, 0.3, 500))
    assert level.source == "replicates"
    assert level.settled
    assert level.sigma == pytest.approx(0.3, rel=0.1)


def test_weights_are_inverse_variances(rng):
    X = rng.uniform(0, 3, (2000, 2))
    sigma = np.where(rng.random(2000) < 0.5, 0.1, 1.0)
    y = X[:, 0] * X[:, 1] + sigma * rng.normal(size=2000)
    weight = 1 / sigma**2
    level = noise_level(X, y, weight)
    # That of a row of average weight.
    assert level.sigma == pytest.approx(1 / np.sqrt(weight.mean()), rel=0.1)


def test_outliers_are_held_back(rng):
    X = rng.uniform(1, 3, (1500, 3))
    y = X[:, 0] * X[:, 1] / X[:, 2] + rng.normal(0, 0.05, 1500)
    y[rng.random(1500) < 0.05] += 30.0
    assert noise_level(X, y, robust=True).sigma < 0.1
    assert noise_level(X, y).sigma > 1.0


def test_few_rows_say_nothing(rng):
    level = noise_level(rng.normal(size=(4, 2)), rng.normal(size=4))
    assert level.sigma == np.inf
    assert not level.explains(1.0, 4)


def test_a_true_formula_is_explained_by_the_noise_and_a_false_one_is_not(rng):
    for X, law in laws(rng):
        clean = law(X)
        noise = rng.normal(0, 0.1 * clean.std(), len(X))
        level = noise_level(X, clean + noise)
        assert level.explains(float(np.mean(noise**2)), len(X))
        assert not level.explains(1.3 * float(np.mean(noise**2)), len(X))


def test_noise_has_no_pattern_and_what_is_left_of_a_law_has_one(rng):
    small = 0
    for _ in range(20):
        for X, law in laws(rng):
            small += pattern_left(X, rng.normal(size=len(X))) < 0.05
            left = 0.5 * law(X) / law(X).std() + rng.normal(size=len(X))
            assert pattern_left(X, left - left.mean()) < 1e-3
    # Four of 80 are expected.
    assert small <= 10


def test_a_pattern_needs_rows(rng):
    assert pattern_left(rng.normal(size=(10, 2)), rng.normal(size=10)) == 1.0
    assert pattern_left(rng.normal(size=(100, 2)), np.zeros(100)) == 1.0


def test_outliers_are_found_and_rough_functions_have_none(rng):
    X = rng.uniform(1, 3, (1000, 3))
    y = X[:, 0] * X[:, 1] / X[:, 2] + rng.normal(0, 0.02, 1000)
    assert outliers(X, y).mean() < 0.01
    bad = rng.random(1000) < 0.05
    y[bad] += rng.choice([-1, 1], bad.sum()) * 10.0 ** rng.uniform(0, 8, bad.sum())
    found = outliers(X, y)
    assert found[bad].mean() > 0.95
    assert found[~bad].mean() < 0.02
    rough = np.sin(40 * X[:, 0]) * np.sin(40 * X[:, 1]) * 10 ** X[:, 2]
    assert outliers(X, rough).mean() <= 0.25
    assert not outliers(X[:10], y[:10]).any()
