"""Where a formula has no value: poles, gaps and overflow, within the data and beyond."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from closedform.symbolic import Expression
from closedform.trust import outside_range, trust
from strategies import expressions


def hazards(text: str, **domain: tuple[float, float]) -> list[str]:
    return [str(one) for one in trust(Expression.parse(text), domain).hazards]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("3/(2.31 - x)", "has a pole at x = 2.31, beyond the data (0.5 to 2)"),
        ("(x - 2.31)**-2", "has a pole at x = 2.31, beyond the data (0.5 to 2)"),
        ("1.5/(x - 1.003)", "has a pole at x = 1.003, within the data (0.5 to 2)"),
        ("1/x", "has a pole at x = 0, beyond the data (0.5 to 2)"),
        ("tan(x)", "has a pole at x = 1.571, within the data (0.5 to 2)"),
        ("log(x - 0.2)", "has no value below x = 0.2: log(x - 0.2), beyond the data (0.5 to 2)"),
        ("sqrt(2.5 - x)", "has no value above x = 2.5: sqrt(2.5 - x), beyond the data (0.5 to 2)"),
        ("asin(x/3 - 0.1)", "has no value above x = 3.3: asin(x/3 - 0.1), beyond the data (0.5 to 2)"),
        ("exp(x**4*10)", "is too large for a number above x = 2.903: exp(x**4*10), beyond the data (0.5 to 2)"),
    ],
)
def test_the_place_is_named(text, told):
    assert hazards(text, x=(0.5, 2.0)) == [told]


@pytest.mark.parametrize("text", ["x**2 + 1/(1 + x**2)", "1/(x**2 - x + 1)", "tanh(x)/(2 + cos(x))", "exp(-x)", "1.5"])
def test_a_formula_that_has_a_value_everywhere_is_proven_to(text):
    found = trust(Expression.parse(text), {"x": (-2.0, 3.0)})
    assert found.hazards == ()
    assert found.proven or not found.domain


def test_with_several_variables_the_nearest_place_is_found():
    assert hazards("1/(x - y)", x=(1.0, 2.0), y=(3.0, 5.0)) == [
        "has a pole at x = 3, y = 3, beyond the data (1 to 2)",
        "has a pole at y = 2, x = 2, beyond the data (3 to 5)",
    ]
    # Only what stands in the divisor matters.
    assert hazards("exp(z)*y/x", x=(1.0, 2.0), y=(3.0, 5.0), z=(0.0, 1.0)) == [
        "has a pole at x = 0, beyond the data (1 to 2)"
    ]


def test_what_cannot_be_proven_is_not_called_safe():
    # A square that intervals do not see as one.
    found = trust(Expression.parse("sqrt(x**2 - 2*x*y + y**2)"), {"x": (0.0, 1.0), "y": (0.0, 3.0)})
    assert (found.hazards, found.proven) == ((), False)
    assert "not proven" in found.sentences()[-1]


def test_sentences_begin_with_the_ranges():
    found = trust(Expression.parse("log(`x 1`) + 1/x"), {"x": (0.5, 2.0), "x 1": (1.0, 1.5), "other": (0.0, 1.0)})
    assert found.sentences() == [
        "It was learned for `x 1` from 1 to 1.5, x from 0.5 to 2.",
        "Careful: it has a pole at x = 0, beyond the data (0.5 to 2).",
    ]
    assert trust(Expression.parse("1.5"), {}).sentences() == []


@given(expressions(variables=("x",)))
def test_what_is_proven_holds(expression):
    found = trust(expression, {"x": (0.5, 2.0)})
    if found.proven:
        assert np.isfinite(expression.evaluate({"x": np.linspace(-1.0, 3.5, 200)})).all()


def test_a_range_has_some_tolerance_whatever_its_size():
    values = np.array([-1.0, 0.0, 2.0, 2.1, 2.3])
    np.testing.assert_array_equal(outside_range(values, (0.0, 2.0)), [True, False, False, False, True])
    np.testing.assert_array_equal(outside_range(values, (2.0, 2.0)), [True, True, False, False, True])
    assert not outside_range(np.array([1e308, -1e308]), (-1e308, 1e308)).any()
