"""Rounding constants: the numbers that have to be found, and the pretty ones that must not be."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from closedform.losses import HuberLoss
from closedform.symbolic import Expression
from closedform.symbolic._simple_numbers import as_fraction, simple_numbers
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.metrics import relative_rmse
from closedform.symbolic.snap import snap, tune

# A constant as a fit returns it, and as a person would write it.
NUMBERS = {
    0.07957747154594767: "1/(4*pi)",
    0.15915494309189535: "1/(2*pi)",
    0.3989422804014327: "1/sqrt(2*pi)",
    6.283185307179586: "2*pi",
    1.4142135623730951: "sqrt(2)",
    0.8660254037844386: "sqrt(3)/2",
    0.3333333333333: "1/3",
    0.238732414637843: "3/(4*pi)",
    39.47841760435743: "4*pi**2",
    0.41: "0.41",
    12.7: "12.7",
    243.04: "243.04",
    6.674e-11: "6.674e-11",
    299792458.0: "299792458",
    2.0: "2",
    0.5: "1/2",
    -1.5: "-3/2",
}


def _jittered(formula: Expression, rng: np.random.Generator, size: float = 0.03) -> Expression:
    constants = np.array(formula.constants)
    return formula.with_constants(constants * (1.0 + size * rng.standard_normal(constants.size)))


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", NUMBERS)
def test_simplest_number_near_a_constant(value):
    best = simple_numbers(value, abs(value) * 1e-12)[0]
    assert best.expression is Expression.parse(NUMBERS[value]) or (
        best.decimal and best.expression.value == Fraction(NUMBERS[value])
    )
    assert best.value == pytest.approx(value, rel=1e-12)


def test_numbers_are_what_their_expressions_say():
    rng = np.random.default_rng(0)
    for value in rng.uniform(-40.0, 40.0, 60):
        for number in simple_numbers(value, 0.05):
            assert abs(number.value - value) <= 0.05
            assert evaluate(number.expression, {})[0] == pytest.approx(number.value, rel=1e-14)
            assert number.expression.n_constants == 0
        lengths = [number.length for number in simple_numbers(value, 0.05)]
        assert lengths == sorted(lengths)


@pytest.mark.parametrize(("value", "tolerance", "text"), [(3.18, 0.03, "3.2"), (0.7, 0.01, "0.7"), (4.12, 0.05, "4.1")])
def test_roots_and_logarithms_that_few_laws_hold_do_not_stand_for_decimals(value, tolerance, text):
    first = simple_numbers(value, tolerance)[0]
    assert first.decimal and float(first.value) == float(text)


@pytest.mark.parametrize("value", [math.sqrt(2), math.sqrt(3) / 2, math.sqrt(7), math.log(2), math.pi**2])
def test_they_are_found_where_the_number_is_known_well(value):
    assert simple_numbers(value, 1e-9)[0].value == pytest.approx(value, abs=1e-12)
    assert not simple_numbers(value, 1e-9)[0].decimal


def test_exponents_are_not_rounded_to_multiples_of_pi():
    assert any(number.expression is Expression.parse("pi/2") for number in simple_numbers(1.5708, 1e-4))
    rational = simple_numbers(1.5708, 1e-4, rational=True)
    assert rational
    assert all(number.expression.kind == "constant" for number in rational if not number.decimal)


@pytest.mark.parametrize("decimal", [0.41, -12.7, 1e-30, 6.02e23, 5.0])
def test_decimals_are_exact_fractions(decimal):
    assert float(as_fraction(decimal)) == decimal
    assert as_fraction(0.1) == Fraction(1, 10)


# --- data without noise -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [value for value in NUMBERS if 1e-3 < abs(value) < 300])
def test_numbers_are_found_in_exact_data(value, rng):
    # The number at once as a factor and inside a function.
    t = rng.uniform(0.1, 3.0, 300)
    formula = Expression.parse("1.0*t + exp(1.0*t/100)").with_constants([value, value])
    y = evaluate(formula, {"t": t})
    result = tune(_jittered(formula, rng), {"t": t}, y)
    wanted = Expression.parse(f"({NUMBERS[value]})*t + exp(({NUMBERS[value]})*t/100)")
    assert result.snapped
    assert np.allclose(evaluate(result.expression, {"t": t}), evaluate(wanted, {"t": t}), rtol=1e-14)
    assert result.expression.is_same(wanted) or "." in NUMBERS[value]


@pytest.mark.parametrize(
    ("truth", "start", "expected"),
    [
        ("x**2/2", "0.49*x**2.1 + 0.3", "(1/2)*x**2"),
        ("x*exp(y)", "0.9*x*exp(0.2 + 1.1*y) + 0.3*x**2 + 0.1", "x*exp(y)"),
        ("6.4*x/(1 + 1.1*x)", "3.0*x/(0.5 + 0.6*x)", "6.4*x/(1 + 1.1*x)"),
        ("exp(-x**2/2)/sqrt(2*pi)", "0.4*exp(-0.52*x**1.9)", "1/sqrt(2*pi)*exp(-(1/2)*x**2)"),
        ("y*x**1.63", "1.2*y*x**1.5", "y*x**1.63"),
        ("x**(-2/3)*y**0.4", "1.2*x**(-0.6)*y**0.5", "x**(-2/3)*y**0.4"),
        ("4*pi**2*x**3/y", "39.0*x**2.9/(0.99*y)", "4*pi**2*x**3/y"),
        ("sin(2*pi*x + pi/4)", "1.05*sin(6.2*x + 0.8)", "sin(2*pi*x + pi/4)"),
        ("x + y", "1.1*x + 0.9*y + 0.05*x*y", "x + y"),
    ],
)
def test_laws_come_out_as_people_write_them(truth, start, expected, rng):
    columns = {"x": rng.uniform(0.3, 3.0, 300), "y": rng.uniform(0.3, 3.0, 300)}
    result = tune(Expression.parse(start), columns, evaluate(Expression.parse(truth), columns))
    assert result.expression == Expression.parse(expected)
    assert result.expression.complexity == Expression.parse(expected).complexity


def test_zeros_and_ones_vanish(rng):
    x = rng.uniform(-2.0, 2.0, 100)
    result = tune(Expression.parse("0.9*x**2 + 0.1*x + 0.2"), {"x": x}, x * x)
    assert result.expression.is_same(Expression.parse("x**2"))
    assert result.mse < 1e-30


def test_reciprocal_of_a_decimal(rng):
    x = rng.uniform(0.0, 10.0, 300)
    y = 3.1 * np.exp(-((x - 4.7) ** 2) / (2 * 0.83**2))
    result = tune(Expression.parse("3.0*exp(-0.7*(x - 4.6)**2)"), {"x": x}, y)
    assert result.expression.constants == pytest.approx((3.1, -1.3778, 4.7)) or result.expression.constants == (
        3.1,
        1.3778,
        4.7,
    )


def test_exact_values_are_exact_and_decimals_are_free(rng):
    x = rng.uniform(0.5, 3.0, 100)
    result = tune(Expression.parse("0.4*x**2.9 + 0.3*x"), {"x": x}, 0.41 * x**3 + x / 3)
    assert result.expression.is_same(Expression.parse("0.41*x**3 + (1/3)*x"))
    assert result.expression.constants == (0.41,)
    assert len(result.standard_errors) == 1


def test_a_constant_that_is_no_simple_number_stays(rng):
    x = rng.uniform(0.5, 3.0, 200)
    value = 2.7392640581736492
    result = tune(Expression.parse("2.5*x + 0.9*x**2"), {"x": x}, value * x + x**2)
    assert result.expression.constants == pytest.approx((value,), rel=1e-13)
    assert result.expression == Expression.parse("1.5*x + x**2").with_constants(result.expression.constants)


def test_subexpressions_without_variables_are_one_constant(rng):
    x = rng.uniform(0.5, 3.0, 100)
    result = snap(Expression.parse("exp(0.1 + 0.2)*x + sin(1.0)/2"), {"x": x}, 3 * x + 0.25)
    assert result.expression.is_same(Expression.parse("3*x + 1/4"))


def test_alternatives_lead_from_the_free_formula_to_the_result(rng):
    x = rng.uniform(0.5, 3.0, 200)
    y = 2 * x**3 + 0.01 * rng.standard_normal(200)
    result = snap(Expression.parse("1.9*x**2.9"), {"x": x}, y)
    assert result.n_snapped == 2
    assert result.alternatives[0][0].n_constants == 2
    assert result.alternatives[-1] == (result.expression, result.loss)
    losses = [loss for _, loss in result.alternatives]
    assert losses == sorted(losses)


def test_more_rows_than_the_search_looks_at(rng):
    x = rng.uniform(0.5, 3.0, 50_000)
    columns = {"x": x}
    assert tune(Expression.parse("0.4*x**2.9"), columns, 0.41 * x**3).expression.is_same(Expression.parse("0.41*x**3"))
    # One row in 25 differs, none of those the search on fewer rows sees: all rows have the last word.
    y = 0.41 * x**3
    y[7::25] *= 1.0 + 1e-6
    assert tune(Expression.parse("0.4*x**2.9"), columns, y).mse <= np.mean((y - 0.41 * x**3) ** 2) * (1 + 1e-9)


# --- data with noise --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.001, 0.01, 0.1])
def test_simple_laws_are_recognised_in_noise(noise, rng):
    columns = {"m": rng.uniform(1.0, 5.0, 1000), "v": rng.uniform(1.0, 5.0, 1000)}
    clean = 0.5 * columns["m"] * columns["v"] ** 2
    y = clean + noise * clean.std() * rng.standard_normal(1000)
    result = tune(Expression.parse("0.45*m**1.05*v**2.1"), columns, y)
    assert result.expression == Expression.parse("(1/2)*m*v**2")


def test_evidence_against_a_pretty_number_counts(rng):
    # 2.03 with a standard error of about 0.0014: 2 is 20 standard errors away, 2.03 is not refused.
    x = rng.uniform(1.0, 3.0, 2000)
    for value in (2.03, 1.98, 3.1, 0.51, 0.3366):
        y = value * x + 0.01 * rng.standard_normal(2000)
        result = tune(Expression.parse("1.0*x"), {"x": x}, y)
        (error,) = standard = result.standard_errors if result.standard_errors else (0.0,)
        assert len(standard) == 1
        slope = evaluate(result.expression, {"x": [1.0]})[0]
        assert abs(slope - value) < 5 * max(error, 0.01 / math.sqrt(2000))


def test_arbitrary_constants_are_seldom_mistaken_for_simple_ones(rng):
    # Nothing is near a simple number for a reason here, and the data know each constant to about 1 %.
    x = rng.uniform(0.0, 3.0, 100)
    mistaken = 0
    for _ in range(60):
        value = math.exp(rng.uniform(math.log(0.2), math.log(20.0)))
        y = value * x + 0.15 * value * rng.standard_normal(100)
        result = snap(Expression.parse("1.0*x"), {"x": x}, y)
        mistaken += result.expression.n_constants == 0
        slope = evaluate(result.expression, {"x": [1.0]})[0]
        free = result.alternatives[0][0].constants[0]
        assert abs(slope - free) <= 2.5 * 0.15 * value / math.sqrt(float(x @ x)) * 1.3
    assert mistaken <= 6


def test_a_term_of_noise_vanishes(rng):
    x = rng.uniform(-2.0, 2.0, 500)
    y = 3 * x + 0.1 * rng.standard_normal(500)
    assert tune(Expression.parse("2.0*x + 0.1*x**2 + 0.2"), {"x": x}, y).expression == Expression.parse("3*x")


def test_rounding_costs_little_fit(rng):
    t = rng.uniform(0.0, 8.0, 500)
    clean = 2.5 * np.exp(-0.31 * t) * np.cos(4.2 * t + 0.6) + 0.8
    y = clean + 0.02 * rng.standard_normal(500)
    result = tune(Expression.parse("2.3*exp(-0.3*t)*cos(4.1*t + 0.7) + 0.7"), {"t": t}, y)
    free, rounded = result.alternatives[0][1], result.alternatives[-1][1]
    assert result.snapped
    assert free <= rounded <= free * (1 + 20 / 500)


def test_known_noise_is_believed(rng):
    # Without noise 2.0001 is not 2; where the errors of measurement are known to be 0.1 it is.
    x = rng.uniform(1.0, 3.0, 100)
    y = 2.0001 * x
    assert tune(Expression.parse("1.0*x"), {"x": x}, y).expression.constants == (2.0001,)
    assert tune(Expression.parse("1.0*x"), {"x": x}, y, noise=0.1).expression.is_same(Expression.parse("2*x"))


def test_outliers_with_a_robust_loss(rng):
    x = rng.uniform(0.5, 3.0, 400)
    y = 2 * x**2 + 0.01 * rng.standard_normal(400)
    y[:40] += np.resize([10.0, -10.0], 40)
    result = tune(Expression.parse("1.9*x**1.9"), {"x": x}, y, loss=HuberLoss(0.02))
    assert result.expression == Expression.parse("2*x**2")
    assert result.mse > 5.0 > result.loss


def test_weights_count(rng):
    x = rng.uniform(0.5, 3.0, 200)
    y = np.where(np.arange(200) < 100, 3 * x, 5 * x)
    weights = (np.arange(200) < 100).astype(float)
    assert tune(Expression.parse("1.0*x"), {"x": x}, y, weights=weights).expression == Expression.parse("3*x")


# --- odd cases --------------------------------------------------------------------------------------------------------


def test_nothing_to_round():
    x = np.linspace(1.0, 2.0, 10)
    formula = Expression.parse("2*x + 1")
    result = snap(formula, {"x": x}, 2 * x + 1)
    assert result.expression is formula
    assert not result.snapped
    assert result.standard_errors == ()


def test_undefined_formula():
    result = snap(Expression.parse("log(-x)*1.5"), {"x": [1.0, 2.0]}, [1.0, 2.0])
    assert result.loss == math.inf
    assert result.standard_errors is None
    assert not result.snapped


def test_as_many_constants_as_rows_say_nothing_about_numbers():
    result = snap(Expression.parse("1.0*x + 1.0"), {"x": [1.0, 2.0]}, [3.0, 5.0])
    assert not result.snapped
    assert result.loss < 1e-28


@pytest.mark.parametrize("scale", [1e-30, 1e30, 1e150])
def test_targets_of_any_size(scale, rng):
    x = rng.uniform(0.5, 3.0, 100)
    result = tune(Expression.parse("1.0*x**1.4 + 0.0"), {"x": x}, scale * 2.5 * x**1.5)
    assert result.expression == Expression.parse(f"{2.5 * scale!r}*x**(3/2)") or (
        relative_rmse(scale * 2.5 * x**1.5, evaluate(result.expression, {"x": x})) < 1e-14
        and result.expression.n_constants <= 1
    )


def test_budget_of_fits_is_kept(rng):
    x = rng.uniform(0.5, 3.0, 100)
    formula = Expression.parse("1.9*x**2.9 + 1.1*x")
    result = snap(formula, {"x": x}, 2 * x**3 + x, max_fits=0)
    assert not result.snapped
    assert result.loss < 1e-25
