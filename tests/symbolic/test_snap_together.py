"""Constants of noisy laws rounded together: they come out as the law has them, and not where data contradict."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from closedform.symbolic import Expression
from closedform.symbolic._joint_rounding import joint_roundings
from closedform.symbolic._simple_numbers import short_numbers
from closedform.symbolic._spellings import spellings
from closedform.symbolic.arrangement import arranged
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.metrics import number_length, short_reciprocal
from closedform.symbolic.simplify import in_fewer_digits, simplify
from closedform.symbolic.snap import tune

# A law as it is written, the form and constants that a search comes with, and the range of x.
LAWS = {
    "two exponentials": ("4.3*exp(-x/0.7) + 1.9*exp(-x/5.5)", "4.2*exp(-1.5*x) + 2.0*exp(-0.2*x)", (0, 12)),
    "a wave with a phase": (
        "2.5*exp(-0.31*x)*cos(4.2*x + 0.6) + 0.8",
        "2.4*exp(-0.3*x)*cos(4.19*x + 0.62) + 0.81",
        (0, 8),
    ),
    "an offset power": ("2.4*(x + 1.7)**(-1.35) + 0.05", "2.2*(x + 1.6)**(-1.3) + 0.05", (0.1, 20)),
    "saturation": ("7.9 - 7.7*exp(-0.43*x)", "8.0 - 7.6*exp(-0.42*x)", (0, 10)),
    "a scale inside a power": ("1 - exp(-(x/2.6)**1.9)", "1.0 - exp(-0.16*x**1.95)", (0.05, 7)),
    "a factor and an exponential": ("exp(9.2 - 2.03*x)", "9900.0*exp(-2.0*x)", (1, 6)),
    "one over a sum": ("1/(1 + 0.65*x)**(1/0.65)", "1.9*(x + 1.5)**(-1.5)", (0, 20)),
    "what starts at zero": (
        "0.46*x**2/(1 + (x/2.7)**2) + 0.011*x**2",
        "0.011*x**2 - 24.5/(x**2 + 7.3) + 3.36",
        (0.1, 12),
    ),
}


def noisy(text, rng, low, high, noise=0.005, n_rows=2000):
    columns = {"x": rng.uniform(low, high, n_rows)}
    clean = evaluate(Expression.parse(text), columns)
    return columns, clean + noise * math.sqrt(float(np.mean(clean**2))) * rng.standard_normal(n_rows)


@pytest.mark.parametrize(("law", "start", "limits"), LAWS.values(), ids=LAWS)
def test_laws_come_out_as_people_write_them(law, start, limits):
    right = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        columns, y = noisy(law, rng, *limits)
        found = tune(Expression.parse(start), columns, y).expression
        clean = evaluate(Expression.parse(law), columns)
        right += np.allclose(evaluate(found, columns), clean, rtol=1e-9, atol=1e-9 * float(np.std(clean)))
    assert right >= 2


def test_data_that_contradict_a_short_number_are_believed(rng):
    # With standard errors of about 0.001 and 0.0002, 2.5 and 0.31 are far away from what the data say.
    columns, y = noisy("2.513*exp(-0.3132*x)", rng, 0, 8, noise=0.002)
    found = tune(Expression.parse("2.5*exp(-0.31*x)"), columns, y)
    clean = evaluate(Expression.parse("2.513*exp(-0.3132*x)"), columns)
    assert np.abs(evaluate(found.expression, columns) - clean).max() < 0.003


def test_arbitrary_constants_are_seldom_mistaken(rng):
    mistaken = 0
    for _ in range(30):
        constants = np.exp(rng.uniform(np.log(0.3), np.log(3.0), 3))
        law = Expression.parse("1.5*exp(-0.5*x) + 2.5").with_constants(constants * [1, -1, 1])
        x = rng.uniform(0.0, 5.0, 500)
        clean = evaluate(law, {"x": x})
        y = clean + 0.01 * rng.standard_normal(500)
        found = tune(law, {"x": x}, y)
        mistaken += found.expression.n_constants == 0
        # Whatever is rounded, the values are right within what noise allows.
        assert np.sqrt(np.mean((evaluate(found.expression, {"x": x}) - clean) ** 2)) < 0.003
    assert mistaken <= 6


def test_constants_that_depend_on_one_another_are_found_together():
    # Alone 1.72 is nearer to 1.7 than to 2, and 0.98 to 1: but what is added to the one is taken from the other.
    theta = np.array([1.72, 0.98])
    covariance = 0.01 * np.array([[1.0, 0.9999], [0.9999, 1.0]])
    best = joint_roundings(theta, covariance, [True, True])[0]
    moved = best.numbers[0].value - 1.72, best.numbers[1].value - 0.98
    assert moved[0] == pytest.approx(moved[1], abs=0.006)


def test_constants_that_are_one_are_left_alone():
    assert joint_roundings(np.array([1.7, 1.0]), np.ones((2, 2)), [True, True]) == []
    assert joint_roundings(np.array([1.7]), np.ones((1, 1)), [True]) == []


def test_several_short_numbers_of_each_length():
    values = {number.value for number in short_numbers(0.357, 0.02)}
    assert {0.34, 0.35, 0.36, 0.37, 1 / 2.8, 1 / 3} - values == {1 / 3}
    assert all(abs(value - 0.357) <= 0.02 for value in values)
    assert 1 / 2.8 not in {number.value for number in short_numbers(0.357, 0.02, reciprocals=False)}
    assert 0.0 in {number.value for number in short_numbers(0.01, 0.02)}


# --- spellings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("3.8*log(x + 0.56) + 1.1", "log(1.7857"),
        ("1.9*(x + 1.5)**(-1.5)", "x + 1)**-1.5"),
        ("2.1/(1/x**2 + 0.39)", "x**2*("),
        ("0.16*x**1.9", "*x)**1.9"),
        ("3.4 - 24.5/(x**2 + 7.3)", "x**2*("),
        ("9900.0*exp(-2.03*x)", "+ 9.2"),
        ("0.9*x*(x + 0.7)", "0.63*x"),
    ],
)
def test_spellings_have_the_same_values_and_constants(text, other, rng):
    formula = Expression.parse(text)
    found = spellings(formula)
    assert any(other in str(one) for one in found), [str(one) for one in found]
    x = rng.uniform(0.5, 3.0, 20)
    for one in found:
        assert one.n_constants <= formula.n_constants
        assert np.allclose(evaluate(one, {"x": x}), evaluate(formula, {"x": x}), rtol=1e-9)


def test_long_numbers_are_told_by_what_they_are_one_over():
    assert short_reciprocal(1 / 0.56) == 0.56
    assert short_reciprocal(1.7857) is None
    assert short_reciprocal(math.pi) is None
    assert number_length(1 / 0.56) < number_length(0.56) + 1 < number_length(1.7857)
    assert number_length(1 / 0.27**2) < number_length(13.717)


def test_long_numbers_are_written_as_what_they_are_one_over():
    assert str(arranged(Expression.parse("3.8*log(1 + x/0.56)").canonical())) == "3.8*log(x/0.56 + 1)"
    assert str(arranged(Expression.parse("x + 1/0.56").canonical())) == "x + 1.7857142857142856"
    assert str(arranged(Expression.parse("1.7*x").canonical())) == "1.7*x"


def test_the_formula_with_fewer_digits_is_kept():
    rounded = Expression.parse("0.9*x*y + 0.7*x")
    assert in_fewer_digits(simplify(rounded, use_sympy=False), rounded) == Expression.parse("0.9*x*y + 0.7*x")
    assert len(str(in_fewer_digits(simplify(rounded, use_sympy=False), rounded))) < 20
    long = Expression.parse("2*x + 2*y")
    assert str(in_fewer_digits(simplify(long, use_sympy=False), long)) == "2*(x + y)"


@pytest.mark.parametrize(
    "form",
    [
        "{a}*(x + {b})**{c}",
        "{a}*log(x + {b}) + {c}",
        "{a}/({b} + x**{c})",
        "{a}*exp({b}*x) + {c}",
        "exp({a}/(x + {b}))",
    ],
)
def test_numbers_at_the_ends_of_float64_are_spelled_as_they_are(form):
    for a, b, c in itertools.product((1e-310, 0.3, 1e307), repeat=3):
        for other in spellings(Expression.parse(form.format(a=a, b=b, c=c))):
            assert np.isfinite(other.constants).all()
