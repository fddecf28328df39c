"""Whether two formulas are the same function, and what decided it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from closedform.symbolic import Expression, constant, variable
from closedform.symbolic.equivalence import agree_on_samples, equivalent, largest_difference
from closedform.symbolic.simplify import simplify
from strategies import expressions

parse = Expression.parse


@pytest.mark.parametrize(
    ("a", "b", "method"),
    [
        ("x + y", "y + x", "canonical"),
        ("2*(x + 3)", "6 + 2*x", "canonical"),
        ("sin(x)**2", "1 - cos(x)**2", "symbolic"),
        ("exp(log(x))", "x", "symbolic"),  # where both are defined
        ("2.0*x", "2*x", "symbolic"),
        ("sin(x)**6 + cos(x)**6 + 3*sin(x)**2*cos(x)**2", "1", "numeric"),
        ("x**3 - y**3", "(x - y)*(x**2 + x*y + y**2)", "symbolic"),
        ("atan(x) + atan(1/x)", "sign(x)*pi/2", "numeric"),
        ("2.5", "5/2", "symbolic"),
        ("0.1*x + 0.2*x", "0.3*x", "symbolic"),
    ],
)
def test_same_functions(a: str, b: str, method: str) -> None:
    answer = equivalent(parse(a), parse(b))
    assert answer
    assert answer.verdict
    assert answer.method == method
    assert answer.max_error <= 1e-9


@pytest.mark.parametrize(
    ("a", "b"),
    [("x", "y"), ("sin(x)", "x - x**3/6"), ("x", "abs(x)"), ("x", "x + 1e-5"), ("1", "2"), ("x", "1.00001*x")],
)
def test_different_functions(a: str, b: str) -> None:
    answer = equivalent(parse(a), parse(b))
    assert not answer
    assert answer.method == "numeric"
    assert answer.max_error > 1e-9


def test_the_domain_decides() -> None:
    root, x = parse("sqrt(x**2)"), parse("x")
    assert not equivalent(root, x)
    assert equivalent(root, x, domain={"x": (0.1, 5.0)})
    assert equivalent(root, x, domain={"x": (0.0, float("inf"))})
    assert not equivalent(root, x, domain={"x": (float("-inf"), 0.0)})
    assert equivalent(parse("max(x, y)"), parse("(x + y + abs(x - y))/2")).method == "numeric"


def test_formulas_that_are_never_both_defined_are_not_equivalent() -> None:
    answer = equivalent(parse("log(x)"), parse("log(-x)"))
    assert not answer
    assert math.isnan(answer.max_error)


def test_points_come_from_the_generator() -> None:
    a, b = parse("sin(x)"), parse("x")
    errors = {largest_difference(a, b, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)}
    assert len(errors) == 2
    assert equivalent(a, b) == equivalent(a, b)


def test_method_of_the_expression() -> None:
    assert variable("x").equivalent(variable("x")).method == "canonical"
    assert not constant(1).equivalent(constant(2))


def test_agreement_of_a_replacement_demands_the_whole_domain() -> None:
    assert agree_on_samples(parse("exp(2*log(x))"), parse("x**2"))
    assert not agree_on_samples(parse("x**2"), parse("exp(2*log(x))"))
    assert not agree_on_samples(parse("log(-exp(x))"), parse("1"))


@given(expressions(max_leaves=8))
def test_a_formula_is_equivalent_to_itself_simplified(expression: Expression) -> None:
    simple = simplify(expression, use_sympy=False)
    answer = equivalent(expression, simple)
    assert answer.method in ("canonical", "symbolic")
