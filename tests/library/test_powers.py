"""Variables that enter as a power only are recognised, and only those."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from closedform.library.powers import PowerFactors, power_factors, rounded_exponent
from closedform.symbolic import Expression

HALF = Fraction(1, 2)


def found_in(text, rng, *, low=1.0, high=3.0, n_rows=300, size=1.0, noise=0.0):
    """Power factors by name."""
    expression = Expression.parse(text)
    names = expression.variables
    X = rng.uniform(low, high, size=(n_rows, len(names)))
    y = size * expression.evaluate(dict(zip(names, X.T, strict=True)))
    y = y * (1 + noise * rng.normal(size=n_rows))
    factors = power_factors(X, y)
    return {names[j]: exponent for j, exponent in zip(factors.columns, factors.exponents, strict=True)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q*v*B/p", {"q": 1, "v": 1, "B": 1, "p": -1}),
        ("m*c**2/sqrt(1 - v**2/(16*c**2))", {"m": 1}),
        ("2.5*a**1.5/b*(1 + sin(z)/2)", {"a": Fraction(3, 2), "b": -1}),
        ("p*exp(-a/b)*sqrt(c)", {"p": 1, "c": HALF}),
        ("(a - b)*c", {"c": 1}),
        ("q*r/(4*pi*eps*s**2)", {"q": 1, "r": 1, "eps": -1, "s": -2}),
        ("sqrt(x**2 + y**2)*z**(1/3)", {"z": Fraction(1, 3)}),
        ("exp(-m*g*x/(k*T))", {}),
        ("x + y", {}),
        ("x*y + z", {}),
    ],
)
def test_named_laws(text, expected, rng):
    assert found_in(text, rng) == expected


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_scales_of_target_and_columns_do_not_matter(size, rng):
    expected = {"a": Fraction(3, 2), "b": -1}
    assert found_in("a**1.5/b*(1 + sin(z)/2)", rng, size=size) == expected
    assert found_in("a**1.5/b*(2 + log(z/y))", rng, low=size, high=3 * size) == expected


def test_a_little_noise_hides_no_power(rng):
    assert found_in("a**2/b*(1 + sin(z)/2)", rng, noise=0.02) == {"a": 2, "b": -1}


def test_a_column_of_small_effect_is_no_power(rng):
    """Where the surrogate is not good at steep columns, a flat one could go almost unnoticed."""
    names, low, high = zip(
        *[("F", 1, 1e4), ("R", 1e-3, 0.1), ("p", 0.1, 0.45), ("a", 1, 400), ("q", 0.1, 0.45), ("b", 1, 400)],
        strict=True,
    )
    X = np.exp(rng.uniform(np.log(low), np.log(high), size=(1600, 6)))
    law = Expression.parse("(F*R*((1 - p**2)/a + (1 - q**2)/b))**(1/3)")
    factors = power_factors(X, law.evaluate(dict(zip(names, X.T, strict=True))))
    assert sorted(names[j] for j in factors.columns) == ["F", "R"]
    assert factors.exponents == (Fraction(1, 3), Fraction(1, 3))


def test_negative_columns_enter_by_their_magnitude(rng):
    X = rng.uniform(1, 3, size=(200, 3)) * [-1, 1, 1]
    h = 2 + np.sin(X[:, 2])
    factors = power_factors(X, X[:, 0] ** 3 * np.sqrt(X[:, 1]) * h)
    assert dict(zip(factors.columns, factors.exponents, strict=True)) == {0: 3, 1: HALF}
    np.testing.assert_allclose(factors.values(X), np.abs(X[:, 0]) ** 3 * np.sqrt(X[:, 1]), rtol=1e-12)


def test_columns_that_change_sign_are_no_powers(rng):
    X = np.column_stack([rng.uniform(-1, 1, 200), rng.uniform(1, 3, 200)])
    factors = power_factors(X, X[:, 0] * X[:, 1])
    assert dict(zip(factors.columns, factors.exponents, strict=True)) == {1: 1}


def test_rows_where_the_target_is_zero_are_left_out(rng):
    X = rng.uniform(1, 3, size=(200, 2))
    y = X[:, 0] ** 2 * np.maximum(X[:, 1] - 1.2, 0)
    assert power_factors(X, y) == PowerFactors((0,), (Fraction(2),))
    assert power_factors(X, np.zeros(200)) == PowerFactors((), ())


def test_a_column_that_is_zero_where_the_target_is_zero_is_no_power(rng):
    X = rng.uniform(1, 3, size=(200, 2))
    X[:9, 0] = 0.0
    assert power_factors(X, X[:, 0] * np.sin(X[:, 1])) == PowerFactors((), ())


@pytest.mark.parametrize("n_rows", [1, 2, 12, 40])
def test_too_few_rows_to_say(n_rows, rng):
    X = rng.uniform(1, 3, size=(n_rows, 3))
    assert power_factors(X, X[:, 0] * X[:, 1]) == PowerFactors((), ())


def test_equal_and_constant_columns_do_no_harm(rng):
    x = rng.uniform(1, 3, size=200)
    for other in (x, np.full(200, 2.0), np.full(200, -0.1), np.zeros(200)):
        X = np.column_stack([x, other])
        factors = power_factors(X, x**2)
        np.testing.assert_allclose(x**2 / factors.values(X), (x**2 / factors.values(X))[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("estimate", "exponent"),
    [(1.95, 2), (-0.04, 0), (0.45, HALF), (-1.55, Fraction(-3, 2)), (0.34, Fraction(1, 3)), (1.26, 1.26)],
)
def test_rounded_exponents(estimate, exponent):
    found = rounded_exponent(estimate)
    assert found == exponent
    assert isinstance(found, Fraction) == (exponent != estimate)
