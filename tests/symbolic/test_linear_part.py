"""Where constants stand in a formula, and putting numbers in their places."""

from __future__ import annotations

import pytest

from closedform.symbolic import Expression, constant
from closedform.symbolic.linear_part import Role, constant_roles, linear_constants, merge_constants, replace_constants


@pytest.mark.parametrize(
    ("text", "linear"),
    [
        ("1.5", (0,)),
        ("2.5*x + 0.8", (0, 1)),
        ("2.5*exp(-0.31*t)*cos(4.2*t + 0.6) + 0.8", (0, 4)),
        ("1.1*(2.2*x + 3.3)", (1, 2)),
        ("-(1.1*x - 2.2)/(3.3 + x)", (0, 1)),
        ("exp(1.1 + 2.2*x)", ()),
        ("1.1*x**2.2", (0,)),
        ("x*y", ()),
    ],
)
def test_linear_constants(text, linear):
    assert linear_constants(Expression.parse(text)) == linear


def test_roles():
    roles = constant_roles(Expression.parse("1.1*x**2.2 + 3.3**(4.4*x) + (x + 5.5)**(6.6/7.7)"))
    e, i, c = Role.EXPONENT, Role.INNER, Role.LINEAR
    assert roles == (c, e, i, i, i, e, e)


def test_equal_constants_at_different_places_stay_apart():
    formula = Expression.parse("1.5*x + exp(1.5*x)")
    assert constant_roles(formula) == (Role.LINEAR, Role.INNER)
    assert str(replace_constants(formula, {1: constant(2)})[0]) == "1.5*x + exp(2*x)"


@pytest.mark.parametrize(
    ("text", "numbers", "expected", "kept"),
    [
        ("1.1*x + 2.2", {0: 0}, "2.2", (1,)),
        ("1.1*x + 2.2", {0: 1}, "x + 2.2", (1,)),
        ("1.1*x + 2.2", {1: 0}, "1.1*x", (0,)),
        ("1.1*(x + 2.2)*exp(3.3*x)", {0: 0}, "0", ()),
        ("1.1*(x + 2.2)*exp(3.3*x)", {2: 0}, "1.1*(x + 2.2)", (0, 1)),
        ("1.1 - 2.2*x", {0: 0}, "-(2.2*x)", (1,)),
        ("1.1 - 2.2*x", {1: 0}, "1.1", (0,)),
        ("x/1.1 + 2.2*x**3.3", {0: 1, 2: 1}, "x + 2.2*x", (1,)),
        ("2.2*x**3.3 + y", {1: 0}, "2.2 + y", (0,)),
        ("1.1*log(x**2.2) + y", {1: 0}, "y", ()),
        ("cos(1.1*x)*y + sin(2.2*x)", {0: 0, 1: 0}, "y", ()),
    ],
)
def test_zeros_and_ones_are_tidied_away(text, numbers, expected, kept):
    formula, left = replace_constants(Expression.parse(text), {k: constant(v) for k, v in numbers.items()})
    assert formula is Expression.parse(expected)
    assert left == kept


def test_merging_constants():
    assert str(merge_constants(Expression.parse("x*exp(0.0 + 2*(1.5 - 1.5)) + 3.0/2"))) == "x*1.0 + 1.5"
    untouched = Expression.parse("x/0.0 + sin(pi/4) + 2*y")
    assert merge_constants(untouched) is untouched
