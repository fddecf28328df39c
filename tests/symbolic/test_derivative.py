"""Derivatives as formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from closedform.exceptions import NotSupportedError
from closedform.symbolic import OPERATORS, Expression, apply, variable
from closedform.symbolic.derivative import derivative
from closedform.symbolic.evaluate import evaluate
from strategies import expressions, sample_columns

P = Expression.parse
COLUMNS = sample_columns()


@pytest.mark.parametrize(
    ("text", "slope"),
    [
        ("x", "1"),
        ("y", "0"),
        ("2.5", "0"),
        ("x + y", "1"),
        ("y - x", "-1"),
        ("3*x", "3"),
        ("x*y*z", "y*z"),
        ("x**2", "2*x"),
        ("x**3", "3*x**2"),
        ("y**2", "0"),
        ("1/x", "-(1/x)/x"),
        ("-sin(x)", "-cos(x)"),
        ("exp(x)", "exp(x)"),
        ("exp(2*x)", "exp(2*x)*2"),
        ("log(x)", "1/x"),
        ("2**x", "2**x*log(2)"),
        ("sign(x)", "0"),
        ("abs(x)", "sign(x)"),
    ],
)
def test_golden_derivatives(text: str, slope: str) -> None:
    assert derivative(P(text), "x") is P(slope)


@given(expressions(max_leaves=8))
def test_derivatives_agree_with_differences(formula: Expression) -> None:
    slope = evaluate(formula.derivative("x"), COLUMNS)
    with np.errstate(all="ignore"):
        one, half = (differences(formula, step) for step in (2e-5, 1e-5))
        size = np.abs(evaluate(formula, COLUMNS))
        smooth = np.isfinite(one) & (np.abs(one - half) <= 1e-6 * np.abs(half)) & (size < 1e6 * np.abs(half))
    np.testing.assert_allclose(slope[smooth], half[smooth], rtol=1e-4)


def differences(formula: Expression, step: float) -> np.ndarray:
    up, down = (evaluate(formula, {**COLUMNS, "x": COLUMNS["x"] + sign * step}) for sign in (1, -1))
    return (up - down) / (2 * step)


@given(expressions(max_leaves=8, variables=("y",)))
def test_what_does_not_depend_on_the_variable_has_slope_zero(formula: Expression) -> None:
    assert formula.derivative("x") is P("0")


def test_shared_parts_stay_shared() -> None:
    formula = variable("x")
    for _ in range(40):
        formula = apply("sin", formula * formula)
    slopes: list[Expression] = []
    formula.derivative("x").fold(lambda node, _: slopes.append(node))
    assert len(slopes) < 400


def test_an_operator_without_a_rule_is_named() -> None:
    step = replace(OPERATORS["sign"], name="step", derivative=None)
    with pytest.raises(NotSupportedError, match="operator step has no derivative"):
        apply(step, variable("x")).derivative("x")
