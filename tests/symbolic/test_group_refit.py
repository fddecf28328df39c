"""One formula for several groups: shared and own constants fitted together."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.losses import AbsoluteLoss, SquaredLoss
from closedform.symbolic import Expression
from closedform.symbolic.group_refit import Groups, fit_each, fit_jointly, measured, squared_error, standard_errors
from closedform.symbolic.refit import standard_errors as of_one_group

RATE, LEVELS = -0.7, (2.0, 5.0, -1.5, 0.25)


def groups(noise: float = 0.0, loss=None) -> Groups:
    rng = np.random.default_rng(1)
    t = [np.sort(rng.uniform(0.0, 4.0, 30 + 5 * k)) for k in range(len(LEVELS))]
    y = [
        level * np.exp(RATE * part) + noise * rng.normal(size=len(part)) for level, part in zip(LEVELS, t, strict=True)
    ]
    weights = tuple(np.ones(len(part)) for part in t)
    return Groups(tuple({"t": part} for part in t), tuple(y), weights, loss or SquaredLoss())


FORM = Expression.parse("1.0*exp(-0.3*t)")


def test_shared_and_own_constants_are_found_to_all_digits():
    fit = fit_jointly(fit_each(FORM, groups()), [0], groups())
    np.testing.assert_allclose(fit.constants[:, 0], LEVELS, rtol=1e-10)
    np.testing.assert_allclose(fit.constants[:, 1], RATE, rtol=1e-10)
    assert np.ptp(fit.constants[:, 1]) == 0.0
    assert fit.n_free == 5
    assert str(fit.in_group(1)).startswith("5.0*exp(")


def test_it_is_least_squares():
    data = groups(noise=0.05)
    fit = fit_jointly(fit_each(FORM, data), [0], data)
    scipy_optimize = pytest.importorskip("scipy.optimize")

    def residuals(theta):
        pairs = zip(data.columns, data.y, theta[1:], strict=True)
        return np.concatenate([level * np.exp(theta[0] * columns["t"]) - y for columns, y, level in pairs])

    wanted = scipy_optimize.least_squares(residuals, [-0.3, *np.ones(4)], xtol=1e-15, ftol=1e-15, gtol=1e-15)
    np.testing.assert_allclose([fit.constants[0, 1], *fit.constants[:, 0]], wanted.x, rtol=1e-6)
    # The whole covariance at once says the same as its blocks.
    covariance = np.linalg.inv(wanted.jac.T @ wanted.jac) * (wanted.fun @ wanted.fun) / (len(wanted.fun) - 5)
    errors = standard_errors(fit, data)
    np.testing.assert_allclose([errors[0, 1], *errors[:, 0]], np.sqrt(np.diag(covariance)), rtol=1e-5)


def test_all_own_equals_separate_fits():
    data = groups(noise=0.05)
    fit = fit_each(FORM, data)
    again = fit_jointly(fit, [0, 1], data)
    np.testing.assert_allclose(again.constants, fit.constants, rtol=1e-4)
    assert again.loss <= fit.loss
    # Each group has its own estimate of the noise there, all together have one here.
    alone = of_one_group(fit.in_group(2), data.columns[2], data.y[2])
    assert standard_errors(fit, data)[2] == pytest.approx(alone, rel=0.3)


def test_constants_that_are_fixed_stay():
    data = groups(noise=0.05)
    start = fit_jointly(fit_each(FORM, data), [0], data)
    start.constants[:, 1] = -0.5
    fit = fit_jointly(start, [0], data, fixed=[1])
    assert (fit.constants[:, 1] == -0.5).all()
    assert fit.loss > fit_jointly(start, [0], data).loss


def test_other_losses():
    data = groups(noise=0.01, loss=AbsoluteLoss())
    data.y[0][3] += 50.0
    fit = fit_jointly(fit_each(FORM, data), [0], data)
    np.testing.assert_allclose(fit.constants[:, 0], LEVELS, atol=0.05)
    assert fit.loss < 1.0 < squared_error(fit, data)


def test_a_formula_that_is_not_defined_has_an_infinite_loss():
    fit = fit_each(Expression.parse("1.0*log(t - 1)"), groups())
    assert fit.loss == np.inf


def test_slopes_beyond_float64_end_the_fit_and_not_the_program():
    """Values are finite, and squares of the slopes are not."""
    t = np.linspace(1.0, 2.0, 20)
    data = Groups(({"t": t},) * 2, (np.ones(20), 2.0 * np.ones(20)), (np.ones(20),) * 2, SquaredLoss())
    start = fit_each(Expression.parse("1.0*t"), data)
    steep = Expression.parse("1e-300*exp(1.0*t)*1e300 + 1e-200*t**(200.0*t)")
    fit = fit_jointly(measured(steep, (0,), np.tile(steep.constants, (2, 1)), data), [0], data)
    assert fit.constants.shape == (2, steep.n_constants)
    assert np.isfinite(start.loss)
    assert not np.isnan(standard_errors(fit, data)).any()
