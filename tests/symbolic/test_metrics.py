"""Errors, complexity and description length: values known by hand, and what must not overflow."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.symbolic import Expression
from closedform.symbolic.metrics import (
    complexity,
    constants_length,
    decimal_digits,
    description_length,
    free_constant_length,
    mse,
    number_length,
    r2,
    relative_rmse,
    residual_length,
    rmse,
    rounding_error,
    structure_length,
    target_scale,
)
from strategies import expressions

Y = np.array([1.0, 2.0, 3.0, 6.0])


def test_errors_by_hand():
    predicted = np.array([1.0, 2.0, 5.0, 6.0])
    assert mse(Y, predicted) == pytest.approx(1.0)
    assert rmse(Y, predicted) == pytest.approx(1.0)
    assert relative_rmse(Y, predicted) == pytest.approx(1.0 / math.sqrt(3.5))
    assert r2(Y, predicted) == pytest.approx(1.0 - 1.0 / 3.5)
    assert mse(Y, predicted, weights=[1, 1, 2, 1]) == pytest.approx(8.0 / 5)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_relative_errors_do_not_depend_on_the_scale(scale):
    assert relative_rmse(Y * scale, 1.1 * Y * scale) == pytest.approx(relative_rmse(Y, 1.1 * Y), rel=1e-12)
    assert rmse(Y * scale, 1.1 * Y * scale) == pytest.approx(scale * rmse(Y, 1.1 * Y), rel=1e-12)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_undefined_predictions_are_infinitely_wrong(wrong):
    predicted = np.array([1.0, 2.0, 3.0, wrong])
    assert mse(Y, predicted) == math.inf
    assert r2(Y, predicted) == -math.inf


def test_scale_of_odd_targets():
    assert target_scale(np.zeros(3)) == 1.0
    assert target_scale(np.full(3, 7.0)) == 7.0
    assert target_scale(np.full(1000, 0.1)) == pytest.approx(0.1)
    assert target_scale(Y) == pytest.approx(np.std(Y))
    assert r2(np.full(3, 7.0), np.full(3, 7.0)) == 1.0


def test_rounding_error_knows_offsets():
    # Float64 cannot tell a million plus 1e-11 from a million.
    assert rounding_error(1e6 + Y * 1e-6) >= 1e6 * np.finfo(float).eps
    assert rounding_error(Y) == pytest.approx(1e-12 * np.std(Y))


def test_complexity_counts_the_canonical_form():
    assert complexity(Expression.parse("x")) == 1
    assert complexity(Expression.parse("2.5*exp(x)")) == 4
    assert complexity(Expression.parse("x*pi/4 + 3")) == complexity(Expression.parse("3 + (pi/4)*x"))


def test_complexity_with_costs():
    formula = Expression.parse("2.5*exp(x)")
    assert complexity(formula, {"exp": 3}) == 6
    assert complexity(formula, {"variable": 5, "constant": 2}) == 9
    assert complexity(formula, {"sin": 10}) == complexity(formula) == complexity(formula, {})


@given(expressions(max_leaves=8))
def test_unit_costs_count_nodes(formula):
    assert complexity(formula, {"exp": 1}) == complexity(formula)


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (0, 0.0),
        (1, 0.0),
        (-1, 0.0),
        (12, math.log(12)),
        (Fraction(1, 3), math.log(3) + math.log(4)),
        (0.41, math.log(41) + math.log(3) + math.log(2)),
        (2.0, math.log(2) + math.log(2)),
    ],
)
def test_length_of_numbers(value, length):
    assert number_length(value) == pytest.approx(length)


def test_round_numbers_are_shorter():
    assert number_length(1_000_000) < number_length(999_983)
    assert number_length(0.41) < number_length(0.413) < number_length(0.4127648)
    assert number_length(10**400) == pytest.approx(400 * math.log(10))


@given(st.floats(1e-300, 1e300))
def test_decimal_digits_give_the_number_back(value):
    digits, exponent = decimal_digits(value)
    assert digits % 10 != 0
    assert float(f"{digits}e{exponent}") == value
    assert decimal_digits(-value) == (digits, exponent)


def test_length_of_fitted_constants():
    # 100 standard errors: log(100) - log(3)/2 nats; ten times the precision costs log(10) more.
    assert free_constant_length(1.0, 0.01) == pytest.approx(math.log(100) - 0.5 * math.log(3))
    assert free_constant_length(1.0, 0.001) - free_constant_length(1.0, 0.01) == pytest.approx(math.log(10))
    assert free_constant_length(1.0, math.inf) == pytest.approx(math.log(2))
    assert free_constant_length(0.0, 1.0) == pytest.approx(math.log(2))
    assert free_constant_length(1.0, 0.0) == free_constant_length(1.0, 1e-300) == pytest.approx(53 * math.log(2))
    assert constants_length([0.5, math.pi], 6.0) == pytest.approx(number_length(0.5) + 6.0)
    assert constants_length([math.pi], 6.0, [0.01]) == free_constant_length(math.pi, 0.01)


def test_length_of_structure():
    # x + x*y: five nodes of four kinds.
    assert structure_length(Expression.parse("x + x*y")) == pytest.approx(5 * math.log(4))
    # 3*x: the exact 3 costs its logarithm on top, a free constant does not.
    assert structure_length(Expression.parse("3*x")) == pytest.approx(3 * math.log(3) + math.log(3))
    assert structure_length(Expression.parse("3.5*x")) == pytest.approx(3 * math.log(3))
    # pi/4 is one node with pi, a division and a 4 in it.
    assert structure_length(Expression.parse("(pi/4)*x")) == pytest.approx(3 * math.log(3) + 3 * math.log(4))
    assert structure_length(Expression.parse("x + y + z")) == pytest.approx(5 * math.log(4))


def test_length_of_residuals():
    assert residual_length(0.04, 100, noise=0.2) == pytest.approx(50.0)
    assert residual_length(0.04, 100) == pytest.approx(50 * math.log(0.04))
    assert residual_length(0.04, 100, n_constants=20) == pytest.approx(50 * math.log(0.05))
    assert residual_length(0.04, 3, n_constants=3) == math.inf
    assert residual_length(math.inf, 100) == residual_length(math.nan, 100) == math.inf


def test_description_length_weighs_fit_against_constants():
    short, long = Expression.parse("1.2345*x"), Expression.parse("1.2345*x + 0.12345*x**2")
    # The same error: the shorter formula. A much smaller one: the longer. Nats grow with the rows.
    assert description_length(short, 100, 0.01) < description_length(long, 100, 0.01)
    assert description_length(short, 100, 0.01) > description_length(long, 100, 0.005)
    # Below the resolution nothing counts.
    assert description_length(short, 100, 1e-30, resolution=1e-12) < description_length(
        long, 100, 0.0, resolution=1e-12
    )


def test_description_length_with_known_precision():
    formula = Expression.parse("1.2345678*x")
    vague = description_length(formula, 100, 0.01, standard_errors=[0.1])
    sharp = description_length(formula, 100, 0.01, standard_errors=[0.001])
    assert sharp - vague == pytest.approx(math.log(100))


@pytest.mark.parametrize("error", [0.0, 1e-320, 1e300, math.inf, math.nan])
@pytest.mark.parametrize("variance", [None, 0.0, 1.0, 1e300, math.inf])
def test_description_length_is_never_nan(error, variance):
    formula = Expression.parse("1.2345678*x + 2.0*y")
    assert not math.isnan(description_length(formula, 10, error, variance=variance))
    assert not math.isnan(description_length(formula, 10, error, noise=1e-3, variance=variance))
