"""The written form: the same values, easier to read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from closedform.symbolic import Expression
from closedform.symbolic.arrangement import arranged
from strategies import expressions, reference_values, sample_columns, well_conditioned

COLUMNS = sample_columns()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("x + -1*y", "x - y"),
        ("-1*x + y", "y - x"),
        ("-1*x + -2*y", "-x - 2*y"),
        ("x*y**-1", "x/y"),
        ("y**-1", "1/y"),
        ("-1*y**-1", "-1/y"),
        ("-1*x*y", "-x*y"),
        ("-2.5*x*y**-2", "-2.5*x/y**2"),
        ("x**-1*y**-1", "1/(x*y)"),
        ("x**(1/2)", "sqrt(x)"),
        ("x**(-1/2)*y", "y/sqrt(x)"),
        ("x**(-3/2)", "1/x**(3/2)"),
        ("x**-0.5", "x**-0.5"),
        ("(1/2)*m*v**2", "(1/2)*m*v**2"),
        ("a + -2*b + c*d**-1 + -1", "a - 2*b + c/d - 1"),
        ("exp(-1*x**2*(1/2))", "exp((-1/2)*x**2)"),
        ("(x + -1*y)**-1*z", "z/(x - y)"),
        ("0.0*x", "0.0*x"),
        ("1.0*x", "1.0*x"),
        ("x - (-y)", "x + y"),
        ("x/(y/z)", "x/(y/z)"),
        ("pi*x**-1", "pi/x"),
        ("x**1", "x"),
        ("x + 0", "x + 0"),
    ],
)
def test_golden_arrangements(text: str, written: str) -> None:
    assert str(arranged(Expression.parse(text))) == written


@given(expressions(max_leaves=12))
def test_values_stay_and_so_do_free_constants(formula: Expression) -> None:
    for form in (formula, formula.canonical()):
        neat = arranged(form)
        steady = well_conditioned(form, COLUMNS)
        np.testing.assert_allclose(neat.evaluate(COLUMNS)[steady], reference_values(form, COLUMNS)[steady], rtol=1e-8)
        assert sorted(map(abs, neat.constants)) == sorted(map(abs, form.constants))


@given(expressions(max_leaves=12))
def test_arranging_twice_changes_nothing_more(formula: Expression) -> None:
    neat = arranged(formula.canonical())
    assert arranged(neat) is neat
