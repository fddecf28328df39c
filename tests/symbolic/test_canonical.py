"""The canonical form: one spelling, the same values, found quickly."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.symbolic import Expression, apply, constant, variable
from closedform.symbolic.arrangement import arranged
from closedform.symbolic.canonical import Rules, canonical, normalised
from rewriting_checks import assert_same_values
from strategies import expressions, sample_columns

parse = Expression.parse
BOTH_SIGNS = sample_columns(n_rows=40)
POSITIVE = sample_columns(n_rows=40, low=0.05, high=4.0, seed=1)

SAME = [
    # sums
    ("x + y + x", "2*x + y"),
    ("x - y", "-y + x"),
    ("2*(x + 3) + y", "2*x + y + 6"),
    ("x + y - x", "y"),
    ("-(x - y)", "y - x"),
    ("3*pi*x + 2*pi*x", "5*pi*x"),
    ("1/3*x + 1/6*x", "x/2"),
    # products and powers
    ("x*y*x", "x**2*y"),
    ("x/x", "1"),
    ("x**2*x**-3", "1/x"),
    ("(x*y)**2/x", "x*y**2"),
    ("(x**2)**3", "x**6"),
    ("(x**3)**(1/2)", "x**(3/2)"),
    ("(x**2)**(1/2)", "abs(x)"),
    ("sqrt(x)", "x**(1/2)"),
    ("sqrt(4*x)", "2*sqrt(x)"),
    ("(x + y)/(2*x + 2*y)", "1/2"),
    ("(2*x + 4*y)*z", "2*z*(x + 2*y)"),
    ("(y - x)**2", "(x - y)**2"),
    ("1/(x/y)", "y/x"),
    ("abs(-3*x*y)", "3*abs(x)*abs(y)"),
    ("abs(x)**2", "x**2"),
    # exact numbers
    ("sqrt(8)", "2*sqrt(2)"),
    ("1/sqrt(2)", "sqrt(2)/2"),
    ("sqrt(2)*sqrt(6)", "2*sqrt(3)"),
    ("8**(2/3)", "4"),
    ("sqrt(9/4)", "3/2"),
    # functions
    ("exp(x)*exp(y)", "exp(x + y)"),
    ("exp(x)**2", "exp(2*x)"),
    ("1/exp(x)", "exp(-x)"),
    ("log(exp(x)*y)", "x + log(y)"),
    ("log(1/x)", "-log(x)"),
    ("exp(0.5*log(x))", "x**0.5"),
    ("sin(-x)", "-sin(x)"),
    ("cos(y - x)", "cos(x - y)"),
    ("sin(x + pi)", "-sin(x)"),
    ("sin(x + pi/2)", "cos(x)"),
    ("cos(x - pi/2)", "sin(x)"),
    ("tan(x + 3*pi)", "tan(x)"),
    ("max(x, max(y, x))", "max(y, x)"),
    ("max(max(x, 2), 3)", "max(3, x)"),
    # fitted numbers
    ("2.1*(3.3*x)", "6.93*x"),
    ("exp(0.3 + x)", "1.3498588075760032*exp(x)"),
    ("(2.0*x)**2", "4.0*x**2"),
    ("log(2.0*x)", "log(x) + 0.6931471805599453"),
    ("2.5*x + 2.5*y", "2.5*(x + y)"),
    ("1.7*(2.0*x + 3.0*y)", "3.4*x + 5.1*y"),
    ("2.0*exp(x + 1)", "5.43656365691809*exp(x)"),
    ("2.0**(3.0*x)", "8.0**x"),
    ("1.0*x + 0.0", "x"),
    ("0.1*x + 0.2*x - 0.3*x", "0"),
    ("sin(0.0)*x", "0"),
    ("(2.0*x + 3.0)**-1", "0.5/(x + 1.5)"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_function_are_equal(one: str, other: str) -> None:
    assert str(canonical(parse(one))) == str(canonical(parse(other)))
    assert parse(one) == parse(other)
    assert hash(parse(one)) == hash(parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x", "y"),
        ("x**2", "x**3"),
        ("2*x", "2.0*x"),  # exact and fitted numbers are not the same thing
        ("sqrt(x)**2", "x"),  # not defined on the same half-line
        ("exp(log(x))", "x"),
        ("exp(2*log(x))", "x**2"),
        ("sqrt(x)*sqrt(y)", "sqrt(x*y)"),
        ("log(x) + log(y)", "log(x*y)"),
        ("sin(asin(x))", "x"),
        ("sqrt(x**2)", "x"),
        ("log(x**2)", "2*log(x)"),
    ],
)
def test_different_functions_stay_apart(one: str, other: str) -> None:
    assert parse(one) != parse(other)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1 + x + x**2", "x**2 + x + 1"),
        ("y*x*sin(z)*3", "3*x*y*sin(z)"),
        ("x10 + x2 + x1", "x1 + x2 + x10"),
        ("sin(x) + x*y + x**2 + 1.5", "x**2 + x*y + sin(x) + 1.5"),
        ("(x + y)*2.0*z", "2.0*z*(x + y)"),
        ("x*y**-1*z**-1", "x*(y*z)**-1"),
        ("x**2*y**2", "(x*y)**2"),
        ("2.5*(x + 2*y) + 1.0", "2.5*(x + 2*y) + 1.0"),  # one fitted factor stays one
    ],
)
def test_terms_and_factors_stand_in_the_usual_order(text: str, form: str) -> None:
    assert str(canonical(parse(text))) == form


@given(expressions())
def test_values_stay(expression: Expression) -> None:
    for columns in (BOTH_SIGNS, POSITIVE):
        assert_same_values(expression, canonical(expression), columns)


@given(expressions(max_leaves=14))
def test_canonical_forms_are_their_own(expression: Expression) -> None:
    form = canonical(expression)
    # Without the answers remembered on the nodes, too.
    assert normalised(form, Rules()) is form
    assert canonical(form) is form


@given(expressions(max_leaves=8), st.randoms(use_true_random=False))
def test_order_of_arguments_does_not_matter(expression: Expression, random) -> None:
    def shuffle(node: Expression, args: tuple[Expression, ...]) -> Expression:
        if node.kind != "apply" or not args:
            return node
        if node.op.commutative:
            args = tuple(random.sample(args, len(args)))
        return apply(node.op, *args)

    # Numbers are added and multiplied in another order then, so the last digit of a fitted one may differ.
    shuffled = expression.fold(shuffle)
    one, other = canonical(expression), canonical(shuffled)
    assert one.size == other.size
    assert one.with_constants([1.5] * one.n_constants) is other.with_constants([1.5] * other.n_constants)


@given(expressions(operators=("add", "mul", "sub", "div", "neg", "pow", "sqrt", "exp", "sin")))
def test_arranging_for_readers_can_be_undone(expression: Expression) -> None:
    form = canonical(expression)
    if all(np.isfinite(part.evaluate({})).all() for part in form.walk() if not part.variables):
        assert canonical(arranged(form)) is form


def test_exact_numbers_stay_exact_and_fitted_ones_fitted() -> None:
    form = canonical(parse("x/3 + x/6 + 2*y**(2*0.5)"))
    assert form.n_constants == 0
    assert canonical(parse("x/3 + 0.5*x")).constants == (0.5 + 1 / 3,)
    assert canonical(parse("x + 1.0")).constants == (1.0,)
    assert canonical(parse("2*x**0.5")).constants == (0.5,)


def test_number_of_fitted_constants_never_rises() -> None:
    for text in (
        "2.5*(x + 2*y)",
        "(2.0*x + 3)*y",
        "exp(2.0*(x + 1))",
        "sqrt(2*x)**0.7",
        "(2*x)**0.37",
        "1.5*(x/pi + y)",
    ):
        assert canonical(parse(text)).n_constants <= parse(text).n_constants, text


@pytest.mark.parametrize(
    "text", ["log(-1.0)*x", "x + 1/0", "0**-1*x", "sqrt(-2)*x + 1.5", "asin(2.0)", "x**(1/0)", "x*0/0"]
)
def test_undefined_numbers_stay_undefined(text: str) -> None:
    assert np.isnan(canonical(parse(text)).evaluate({"x": np.array([1.0, 2.0])})).all()


@pytest.mark.parametrize(
    "text",
    ["1e200*1e200*x", "(1e200*x)**3", "exp(800.0)*x", "exp(x + 500.0)", "10**400*x", "1e-300*1e-300*x", "2**x**9"],
)
def test_numbers_beyond_floats_do_no_harm(text: str) -> None:
    assert canonical(canonical(parse(text))) is canonical(parse(text))


def test_exponential_does_not_overflow_by_splitting() -> None:
    expression = parse("exp(x - 700.0)")
    columns = {"x": np.array([700.0, 1000.0])}
    np.testing.assert_allclose(canonical(expression).evaluate(columns), expression.evaluate(columns), rtol=1e-9)


def test_depth_is_not_limited_by_recursion() -> None:
    deep = variable("x")
    for _ in range(3000):
        deep = apply("sin", deep)
    assert canonical(deep) is deep
    ladder = variable("x")
    for step in range(1500):
        ladder = ladder * constant(Fraction(1, 2)) + constant(step % 3)
    assert canonical(ladder).size < 20


def test_terms_that_vanish_take_their_domain_along() -> None:
    assert canonical(parse("x + 0*log(y)")) is variable("x")
    assert canonical(parse("log(y) - log(y) + x")) is variable("x")


def test_form_is_the_same_in_every_process() -> None:
    text = "sin(y)*x2 + cos(x10)*3.5 + exp(x1 + 0.25)/(z + y) + max(z, y) + x**-1 + x**-2"
    program = (
        "import sys; from closedform.symbolic import Expression; "
        f"sys.stdout.write(str(Expression.parse({text!r}).canonical()))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {str(canonical(parse(text)))}
