"""Refitting constants: how exactly, from how far, on what data, and what it never does."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given

from closedform.exceptions import InputError
from closedform.losses import AbsoluteLoss, HuberLoss
from closedform.symbolic import Expression
from closedform.symbolic.evaluate import evaluate, jacobian_constants
from closedform.symbolic.metrics import relative_rmse
from closedform.symbolic.refit import refit, standard_errors
from strategies import expressions, sample_columns

# Formulas of the textbooks with their constants, and the range of the variables.
LAWS = {
    "2.5*exp(-0.31*t)*cos(4.2*t + 0.6) + 0.8": {"t": (0.0, 8.0)},
    "4.3*exp(-t/0.7) + 1.9*exp(-t/5.5)": {"t": (0.0, 12.0)},
    "3.1*exp(-(x - 4.7)**2/(2*0.83**2)) + 0.42*x - 1.3": {"x": (0.0, 10.0)},
    "5.2/(1 + ((f - 3.35)/0.27)**2) + 0.9": {"f": (1.0, 6.0)},
    "2.4*(x + 1.7)**(-1.35) + 0.05": {"x": (0.1, 20.0)},
    "3.8*log(1 + x/0.56) - 1.1": {"x": (0.0, 15.0)},
    "0.031*f**1.46*B**2.75": {"f": (1.0, 100.0), "B": (0.05, 1.5)},
    "6.1094*exp(17.625*T/(T + 243.04))": {"T": (-30.0, 45.0)},
    "9.1/(1 + 0.8*exp(-0.55*(t - 6)))": {"t": (0.0, 20.0)},
    "0.3*x + 1.7*sin(2.1*x)": {"x": (0.0, 5.0)},
}


def _data(text: str, ranges, rng: np.random.Generator, n_rows: int = 400):
    columns = {name: rng.uniform(lo, hi, n_rows) for name, (lo, hi) in ranges.items()}
    formula = Expression.parse(text)
    return formula, columns, evaluate(formula, columns)


def _moved(formula: Expression, fraction: float) -> Expression:
    signs = np.resize([1.0, -1.0], formula.n_constants)
    return formula.with_constants(np.array(formula.constants) * (1.0 + fraction * signs))


@pytest.mark.parametrize("text", LAWS)
def test_reaches_rounding_level_from_ten_percent_off(text, rng):
    formula, columns, y = _data(text, LAWS[text], rng)
    result = refit(_moved(formula, 0.1), columns, y)
    assert relative_rmse(y, evaluate(result.expression, columns)) <= 1e-14
    assert result.converged


def test_all_constants_ten_percent_up(rng):
    formula, columns, y = _data("2.5*exp(-0.31*t)*cos(4.2*t + 0.6) + 0.8", {"t": (0.0, 8.0)}, rng, 2000)
    result = refit(formula.with_constants(np.array(formula.constants) * 1.1), columns, y)
    assert relative_rmse(y, evaluate(result.expression, columns)) <= 1e-14
    assert np.allclose(result.expression.constants, formula.constants, rtol=1e-13)


def test_three_constants_on_two_thousand_rows_take_milliseconds(rng):
    t = rng.uniform(0.0, 8.0, 2000)
    y = 2.5 * np.exp(-0.31 * t) + 0.8
    start = Expression.parse("1.0*exp(-1.0*t) + 0.0")
    seconds = []
    for _ in range(10):
        begin = time.process_time()
        refit(start, {"t": t}, y)
        seconds.append(time.process_time() - begin)
    # 4 ms where nothing else runs; machines under test are busy.
    assert min(seconds) < 0.05


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200])
def test_targets_of_any_size(scale, rng):
    t = rng.uniform(0.0, 8.0, 300)
    y = scale * (2.5 * np.exp(-0.31 * t) + 0.8)
    result = refit(Expression.parse("1.0*exp(-1.0*t) + 0.0"), {"t": t}, y)
    assert np.allclose(result.expression.constants, [2.5 * scale, -0.31, 0.8 * scale], rtol=1e-12, atol=0)
    assert not math.isnan(result.loss)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_inputs_of_any_size(scale, rng):
    t = rng.uniform(0.0, 8.0, 300)
    y = 2.5 * np.exp(-0.31 * t) + 0.8
    start = Expression.parse("1.0*exp(-1.0*t) + 0.0").with_constants([1.0, -0.9 / scale, 0.0])
    result = refit(start, {"t": t * scale}, y)
    assert np.allclose(result.expression.constants, [2.5, -0.31 / scale, 0.8], rtol=1e-11)


def test_linear_constants_need_no_start(rng):
    x = rng.uniform(-2.0, 2.0, 200)
    y = 3.0 * x**2 - 4e6 * x + 0.25
    result = refit(Expression.parse("1.0*x**2 + 1.0*x + 1.0"), {"x": x}, y, max_iter=3)
    assert np.allclose(result.expression.constants, [3.0, -4e6, 0.25], rtol=1e-9)


@pytest.mark.parametrize("variable_projection", [True, False])
def test_with_and_without_variable_projection(variable_projection, rng):
    formula, columns, y = _data("1.9*exp(-0.4*x) + 0.7", {"x": (0.0, 5.0)}, rng)
    result = refit(_moved(formula, 0.1), columns, y, variable_projection=variable_projection)
    assert np.allclose(result.expression.constants, formula.constants, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("x*exp(0.5 + 0.7)", "x*exp(1.0 + 1.0)"),
        ("1.5*exp(0.5 + 0.7*x)", "1.0*exp(1.0 + 1.0*x)"),
        ("2.0*x/(1.0 + 3.0*x)", "1.0*x/(2.0 + 2.0*x)"),
        ("1.2*x + 0.4", "1.0*x + 1.0*x + 0.1"),
    ],
)
def test_constants_that_do_the_same_thing(text, start, rng):
    _, columns, y = _data(text, {"x": (0.2, 3.0)}, rng)
    result = refit(Expression.parse(start), columns, y)
    assert relative_rmse(y, evaluate(result.expression, columns)) <= 1e-14
    assert result.standard_errors is not None
    assert sum(error == math.inf for error in result.standard_errors) >= 2


def test_integer_weights_equal_repeated_rows(rng):
    x = rng.uniform(0.0, 4.0, 100)
    y = 2.0 * np.exp(-0.7 * x) + 0.1 * rng.standard_normal(100)
    counts = rng.integers(0, 4, 100)
    start = Expression.parse("1.0*exp(-1.0*x)")
    weighted = refit(start, {"x": x}, y, weights=counts)
    repeated = refit(start, {"x": np.repeat(x, counts)}, np.repeat(y, counts))
    assert np.allclose(weighted.expression.constants, repeated.expression.constants, rtol=1e-8)
    assert weighted.loss == pytest.approx(repeated.loss, rel=1e-10)


@pytest.mark.parametrize("loss", [HuberLoss(0.05), AbsoluteLoss(), "absolute"])
def test_robust_losses_do_not_mind_outliers(loss, rng):
    x = rng.uniform(0.0, 8.0, 600)
    y = 2.5 * np.exp(-0.31 * x) + 0.8 + 0.02 * rng.standard_normal(600)
    y[:60] += 5.0
    result = refit(Expression.parse("1.0*exp(-1.0*x) + 0.0"), {"x": x}, y, loss=loss)
    assert np.allclose(result.expression.constants, [2.5, -0.31, 0.8], rtol=0.02)
    assert result.standard_errors is not None
    away = np.array(result.expression.constants) - [2.5, -0.31, 0.8]
    assert np.all(np.abs(away) < 5 * np.array(result.standard_errors))


def test_huber_solution_is_stationary(rng):
    # sum psi(r) J = 0 is what minimising the Huber loss means.
    x = rng.uniform(0.0, 8.0, 300)
    y = 2.5 * np.exp(-0.31 * x) + rng.standard_t(1.5, 300) * 0.1
    result = refit(Expression.parse("2.0*exp(-0.5*x)"), {"x": x}, y, loss=HuberLoss(0.1))
    values, jacobian = jacobian_constants(result.expression, {"x": x})
    influence = np.clip(values - y, -0.1, 0.1)
    size = np.abs(influence) @ np.abs(jacobian)
    assert np.all(np.abs(influence @ jacobian) < 1e-4 * size)


def test_restarts_find_a_frequency(rng):
    t = rng.uniform(0.0, 8.0, 200)
    y = 3.0 * np.sin(4.2 * t + 1.0)
    start = Expression.parse("1.0*sin(1.0*t + 0.1)")
    alone = refit(start, {"t": t}, y)
    helped = refit(start, {"t": t}, y, restarts=30, rng=np.random.default_rng(1))
    assert alone.loss > 1.0
    assert helped.loss < 1e-25
    again = refit(start, {"t": t}, y, restarts=30, rng=np.random.default_rng(1))
    assert again.expression is helped.expression


@pytest.mark.parametrize(
    ("start", "truth"),
    [
        ("1.0*log(x + (-3.0)) + 0.0", "3.8*log(x + 0.56) + (-1.1)"),
        ("1.0*sqrt(1.0*x - 2.0)", "1.4*sqrt(2.0*x + 1.0)"),
        ("1.0*(x - 3.0)**1.9", "3.0*(x - 3.0)**2"),
    ],
)
def test_start_outside_the_domain(start, truth, rng):
    _, columns, y = _data(truth, {"x": (0.1, 8.0)}, rng)
    result = refit(Expression.parse(start), columns, y)
    assert relative_rmse(y, evaluate(result.expression, columns)) <= 1e-12


def test_even_exponent_over_negative_numbers_stays(rng):
    x = rng.uniform(-3.0, 3.0, 100)
    result = refit(Expression.parse("1.0*x**2.0 + 0.0"), {"x": x}, 3.0 * x**2 + 1.0)
    assert result.expression.constants[1] == 2.0
    assert result.loss < 1e-25


def test_undefined_everywhere_comes_back_without_a_loss():
    x = np.linspace(1.0, 2.0, 20)
    formula = Expression.parse("log(-x)*1.5")
    result = refit(formula, {"x": x}, x)
    assert result.expression is formula
    assert result.loss == math.inf
    assert result.standard_errors is None
    assert not result.converged


def test_exact_constants_stay(rng):
    x = rng.uniform(0.5, 3.0, 50)
    result = refit(Expression.parse("2*x**3 + pi*x + 1.0"), {"x": x}, 2.1 * x**3.2 + 5.0)
    assert str(result.expression).startswith("2*x**3 + pi*x + ")
    nothing = Expression.parse("2*x + 1")
    assert refit(nothing, {"x": x}, 2 * x + 1).expression is nothing
    assert refit(nothing, {"x": x}, 2 * x + 1).loss == 0.0


def test_formula_of_constants_only():
    result = refit(Expression.parse("1.0"), {}, [1.0, 2.0, 6.0])
    assert result.expression.constants == pytest.approx((3.0,))
    assert result.standard_errors == pytest.approx((np.std([1, 2, 6], ddof=1) / math.sqrt(3),))


def test_fewer_rows_than_constants():
    result = refit(Expression.parse("1.0*x**2 + 1.0*x + 1.0"), {"x": [1.0, 2.0]}, [3.0, 5.0])
    assert result.loss < 1e-25
    assert result.standard_errors == (math.inf,) * 3


def test_standard_errors_are_those_of_ordinary_least_squares(rng):
    x = rng.uniform(0.0, 1.0, 40)
    y = 2.0 * x + 1.0 + 0.1 * rng.standard_normal(40)
    weights = rng.uniform(0.5, 2.0, 40)
    fitted = refit(Expression.parse("1.0*x + 1.0"), {"x": x}, y, weights=weights).expression
    design = np.column_stack([x, np.ones(40)])
    residual = y - design @ np.array(fitted.constants)
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design)) * (weights @ residual**2) / 38
    expected = np.sqrt(np.diag(covariance))
    assert standard_errors(fitted, {"x": x}, y, weights) == pytest.approx(expected)
    assert standard_errors(fitted, {"x": x}, y, 1e6 * weights) == pytest.approx(expected)


def test_standard_errors_cover_the_truth(rng):
    x = rng.uniform(0.0, 8.0, 200)
    truth = np.array([2.5, -0.31, 0.8])
    inside = []
    for _ in range(60):
        y = truth[0] * np.exp(truth[1] * x) + truth[2] + 0.05 * rng.standard_normal(200)
        result = refit(Expression.parse("2.0*exp(-0.3*x) + 1.0"), {"x": x}, y)
        inside.append(np.abs(np.array(result.expression.constants) - truth) < 2 * np.array(result.standard_errors))
    assert 0.88 < np.mean(inside) < 0.995


@given(expressions(max_leaves=8))
def test_never_worse_and_never_nan(formula):
    columns = sample_columns(n_rows=30)
    y = np.sin(columns["x"]) + columns["y"]
    result = refit(formula, columns, y, max_iter=10)
    with np.errstate(all="ignore"):
        before = np.mean((evaluate(formula, columns) - y) ** 2)
    assert not math.isnan(result.loss)
    assert result.loss <= before or not math.isfinite(before)
    if math.isfinite(result.loss):
        assert np.isfinite(evaluate(result.expression, columns)).all()
        assert result.standard_errors is not None
        assert len(result.standard_errors) == result.expression.n_constants
        assert not any(math.isnan(error) or error < 0 for error in result.standard_errors)


def test_inputs_are_left_alone(rng):
    formula, columns, y = _data("1.9*exp(-0.4*x) + 0.7", {"x": (0.0, 5.0)}, rng)
    copies = columns["x"].copy(), y.copy()
    start = _moved(formula, 0.1)
    constants = start.constants
    refit(start, columns, y, restarts=2)
    assert np.array_equal(columns["x"], copies[0])
    assert np.array_equal(y, copies[1])
    assert start.constants == constants


@pytest.mark.parametrize(
    ("columns", "y", "weights", "message"),
    [
        ({"x": [1.0, 2.0]}, [1.0, math.nan], None, "y must be finite, got nan in row 1"),
        ({"x": [1.0, 2.0]}, [1.0, 2.0, 3.0], None, "'x' has 2 rows, but y has 3"),
        ({"x": [1.0, 2.0]}, [[1.0, 2.0]], None, r"y must be a vector .* shape \(1, 2\)"),
        ({"x": [1.0, 2.0]}, [], None, "at least one row"),
        ({"x": [1.0, 2.0]}, [1.0, 2.0], [1.0, -1.0], "weights must be 2 non-negative, finite numbers"),
        ({"x": [1.0, 2.0]}, [1.0, 2.0], [0.0, 0.0], "not all zero"),
        ({"z": [1.0, 2.0]}, [1.0, 2.0], None, "'x'"),
    ],
)
def test_unusable_input_is_refused_in_a_sentence(columns, y, weights, message):
    with pytest.raises(InputError, match=message):
        refit(Expression.parse("1.5*x"), columns, y, weights=weights)
