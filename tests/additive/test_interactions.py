"""Pairs of columns that act together are found by what the main effects leave."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from closedform.additive.interactions import rank_pairs


def functions_of(X):
    """Three functions of each column, mean zero and variance one on the rows."""
    parts = [np.stack([x, x**2 - 1 / 3, x**3 - 0.6 * x], axis=1) for x in X.T]
    return [(part - part.mean(axis=0)) / part.std(axis=0) for part in parts]


def test_a_product_among_thirty_columns_is_found_first(rng):
    X = rng.uniform(-1, 1, size=(1000, 30))
    residual = X[:, 17] * X[:, 4] + 0.5 * rng.normal(size=1000)
    ranked = rank_pairs(functions_of(X), residual[:, None], np.ones((1000, 1)), most=5)
    assert len(ranked) == 5
    assert ranked[0].pair == (4, 17)
    assert ranked[0].excess > 6 > ranked[1].excess
    # The share of the variance: 1/9 of 1/9 + 1/4.
    assert ranked[0].strength == pytest.approx((1 / 9) / (1 / 9 + 1 / 4), abs=0.08)
    assert [r.excess for r in ranked] == sorted((r.excess for r in ranked), reverse=True)


def test_excess_over_chance_of_noise_is_about_standard(rng):
    X, noise = rng.uniform(-1, 1, size=(2000, 20)), rng.normal(size=(2000, 1))
    ranked = rank_pairs(functions_of(X), noise, np.ones((2000, 1)), most=1000)
    assert len(ranked) == 190
    excess = np.array([r.excess for r in ranked])
    assert abs(excess.mean()) < 0.3
    assert excess.std() == pytest.approx(1.0, abs=0.35)


def test_forbidden_pairs_are_left_out_and_make_room(rng):
    X = rng.uniform(-1, 1, size=(500, 6))
    residual = (3 * X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3])[:, None]
    ranked = rank_pairs(functions_of(X), residual, np.ones((500, 1)), most=1, forbidden={(0, 1)})
    assert [r.pair for r in ranked] == [(2, 3)]


def test_rows_without_weight_do_not_count(rng):
    X = rng.uniform(-1, 1, size=(1000, 5))
    residual = np.where(np.arange(1000) < 500, X[:, 0] * X[:, 1], 9.0 * X[:, 2] * X[:, 3])
    weight = (np.arange(1000) < 500).astype(float)[:, None]
    assert rank_pairs(functions_of(X), residual[:, None], weight, most=1)[0].pair == (0, 1)


def test_the_strongest_output_counts(rng):
    X = rng.uniform(-1, 1, size=(1000, 5))
    residual = np.stack([rng.normal(size=1000), X[:, 1] * X[:, 4], rng.normal(size=1000)], axis=1)
    assert rank_pairs(functions_of(X), residual, np.ones((1000, 3)), most=1)[0].pair == (1, 4)


def test_columns_with_few_or_no_functions_and_constant_ones(rng):
    X = rng.uniform(-1, 1, size=(400, 4))
    functions = functions_of(X)
    functions[0] = functions[0][:, :1]
    functions[1] = functions[1][:, :0]
    functions[2] = np.zeros((400, 3))
    ranked = rank_pairs(functions, (X[:, 0] * X[:, 3])[:, None], np.ones((400, 1)), most=10)
    assert [r.pair for r in ranked] == [(0, 3)]
    assert np.isfinite(ranked[0].excess)


def test_a_residual_of_zero_gives_no_numbers_that_are_none(rng):
    ranked = rank_pairs(functions_of(rng.normal(size=(50, 3))), np.zeros((50, 1)), np.ones((50, 1)), most=3)
    assert all(np.isfinite([r.strength, r.excess]).all() and r.excess <= 0 for r in ranked)


def test_memory_does_not_grow_with_the_square_of_the_columns(rng):
    n, d = 64, 2000
    functions = np.split(rng.normal(size=(n, d)), d, axis=1)
    residual = rng.normal(size=(n, 1))
    tracemalloc.start()
    ranked = rank_pairs(functions, residual, np.ones((n, 1)), most=50)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(ranked) == 50
    # One number for each of the d (d - 1) / 2 pairs alone would be 16 MB, with what Python needs for each far more;
    # a block of 256 columns needs some dozens of MB at most.
    assert peak < 60e6
