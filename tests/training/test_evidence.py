"""Penalties by evidence: the exact posterior for fixed penalties, noise that is switched off, its level."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.training.evidence import Moments, fit_by_evidence


def moments_of(X, y, weight=None):
    """Centred moments, as the definition says."""
    w = np.ones(len(y)) if weight is None else weight
    X = X - np.average(X, axis=0, weights=w)
    y = y - np.average(y, weights=w)
    return Moments(X.T @ (X * w[:, None]), X.T @ (w * y), float(w @ (y * y)), float(np.count_nonzero(w)))


def problem(rng, n=400, noise=0.3, sizes=(2, 3, 4), strengths=(2.0, 0.0, 0.5)):
    block = np.repeat(np.arange(len(sizes)), sizes)
    X = rng.normal(size=(n, len(block)))
    beta = rng.normal(size=len(block)) * np.array(strengths)[block]
    return X, X @ beta + noise * rng.normal(size=n), block, beta


def test_coefficients_and_covariance_are_those_of_the_posterior_for_its_penalties(rng):
    X, y, block, _ = problem(rng, strengths=(2.0, 1.0, 0.5))
    moments = moments_of(X, y)
    fit = fit_by_evidence(moments, block)
    precision = moments.gram + np.diag(fit.penalties[block])
    np.testing.assert_allclose(fit.coefficients, np.linalg.solve(precision, moments.cross), rtol=1e-8)
    np.testing.assert_allclose(fit.covariance, fit.noise * np.linalg.inv(precision), rtol=1e-8, atol=1e-14)
    shrunk = 1.0 - fit.penalties[block] * np.diag(np.linalg.inv(precision))
    np.testing.assert_allclose(fit.freedom, np.bincount(block, shrunk), atol=0.05)


def test_the_penalties_make_the_data_most_probable(rng):
    # Without the prior on the penalties, no other penalty of a block has more evidence.
    X, y, block, _ = problem(rng, strengths=(2.0, 1.0, 0.5))
    moments = moments_of(X, y)
    fit = fit_by_evidence(moments, block, sparsity=0.0, tolerance=1e-9, max_iter=500, fixed_noise=0.09)

    def evidence(penalties):
        # y ~ N(0, noise (I + X P^-1 X')), up to constants, in terms of the moments.
        diagonal = penalties[block]
        precision = moments.gram + np.diag(diagonal)
        explained = moments.cross @ np.linalg.solve(precision, moments.cross)
        log_det = np.linalg.slogdet(precision)[1] - np.log(diagonal).sum()
        return -0.5 * (log_det + (moments.total - explained) / 0.09)

    best = evidence(fit.penalties)
    for k in range(3):
        for factor in (0.5, 0.9, 1.1, 2.0):
            other = fit.penalties.copy()
            other[k] *= factor
            assert evidence(other) < best + 1e-6


def test_blocks_of_noise_are_switched_off_and_others_are_kept():
    off = kept = 0
    for seed in range(20):
        X, y, block, beta = problem(np.random.default_rng(seed), sizes=(3, 3, 3), strengths=(1.0, 0.0, 0.0))
        fit = fit_by_evidence(moments_of(X, y), block)
        noise_blocks = ~np.isfinite(fit.penalties[1:])
        off += int(noise_blocks.sum())
        kept += bool(np.isfinite(fit.penalties[0]))
        for k in np.flatnonzero(noise_blocks) + 1:
            assert not fit.coefficients[block == k].any()
            assert not fit.covariance[block == k].any()
        np.testing.assert_allclose(fit.coefficients[block == 0], beta[:3], atol=0.1)
    assert kept == 20
    assert off >= 30


@pytest.mark.parametrize("noise", [1e-6, 0.01, 1.0, 30.0])
def test_the_level_of_the_noise_is_recovered(noise):
    found = [
        fit_by_evidence(moments_of(X, y), block).noise
        for X, y, block, _ in (problem(np.random.default_rng(seed), noise=noise) for seed in range(10))
    ]
    assert np.sqrt(np.mean(found)) == pytest.approx(noise, rel=0.06)


def test_penalties_that_start_at_infinity_stay_there(rng):
    X, y, block, _ = problem(rng, strengths=(2.0, 1.0, 0.5))
    fit = fit_by_evidence(moments_of(X, y), block, start=np.array([1.0, np.inf, 1.0]))
    assert np.isinf(fit.penalties[1])
    assert not fit.coefficients[block == 1].any()
    assert fit.coefficients[block != 1].all()


def test_weights_are_repetitions(rng):
    X, y, block, _ = problem(rng, n=80)
    times = rng.integers(0, 4, 80)
    repeated = moments_of(np.repeat(X, times, axis=0), np.repeat(y, times))
    weighted = moments_of(X, y, times.astype(float))
    np.testing.assert_allclose(weighted.gram, repeated.gram, atol=1e-9)
    same = Moments(weighted.gram, weighted.cross, weighted.total, repeated.n_rows)
    np.testing.assert_allclose(
        fit_by_evidence(same, block).coefficients, fit_by_evidence(repeated, block).coefficients, atol=1e-9
    )


@pytest.mark.parametrize("copies", [2, 40])
def test_copies_of_columns_share_what_one_would_have(rng, copies):
    X, y, _, beta = problem(rng, sizes=(1, 1), strengths=(1.0, 1.0))
    twice = np.repeat(X, copies, axis=1)
    fit = fit_by_evidence(moments_of(twice, y), np.repeat([0, 1], copies))
    assert np.isfinite(fit.coefficients).all()
    np.testing.assert_allclose(fit.coefficients.reshape(2, copies).sum(axis=1), beta, atol=0.1)


def test_more_columns_than_rows_give_finite_coefficients(rng):
    X, y = rng.normal(size=(20, 60)), rng.normal(size=20)
    fit = fit_by_evidence(moments_of(X, y), np.repeat(np.arange(20), 3))
    predicted = X @ fit.coefficients
    assert np.isfinite(predicted).all()
    assert fit.freedom.sum() <= 20


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_scale_of_the_target_does_not_matter(rng, scale):
    X, y, block, _ = problem(rng)
    one, other = fit_by_evidence(moments_of(X, y), block), fit_by_evidence(moments_of(X, scale * y), block)
    np.testing.assert_allclose(other.coefficients / scale, one.coefficients, rtol=1e-6, atol=1e-9)
    assert other.noise == pytest.approx(scale**2 * one.noise, rel=1e-6)


@pytest.mark.parametrize("y", [np.zeros(30), np.full(30, 7.0)])
def test_a_constant_target_gives_zeros(rng, y):
    fit = fit_by_evidence(moments_of(rng.normal(size=(30, 4)), y), np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(fit.coefficients, 0.0, atol=1e-12)
    assert np.isfinite(fit.noise)


def test_no_columns_at_all():
    fit = fit_by_evidence(Moments(np.zeros((0, 0)), np.zeros(0), 4.0, 8.0), np.zeros(0, dtype=np.intp))
    assert fit.coefficients.shape == (0,)
    assert fit.noise == pytest.approx(0.5)


def test_known_noise_is_kept(rng):
    X, y, block, _ = problem(rng, noise=0.5)
    assert fit_by_evidence(moments_of(X, y), block, fixed_noise=1.0).noise == 1.0
