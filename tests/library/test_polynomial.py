"""Polynomials and ratios of polynomials: found exactly where there is one, not found where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.library.polynomial import (
    fit_polynomial,
    fit_rational,
    largest_degree,
    monomial_basis,
    n_monomials,
    significant_polynomials,
)
from closedform.library.pool import build
from closedform.symbolic import Expression

RECIPES = [("var", "x"), ("var", "y")]


def table(n_rows=60, d=2, low=-2.0, high=2.5, seed=0):
    X = np.random.default_rng(seed).uniform(low, high, size=(n_rows, d))
    return X, dict(zip("xy", X.T, strict=False))


def assert_found(recipe, text, columns, rtol=1e-7):
    """The recipe is the formula, written with no more terms."""
    found, expected = build(recipe), Expression.parse(text)
    values = expected.evaluate(columns)
    np.testing.assert_allclose(found.evaluate(columns), values, rtol=rtol, atol=1e-9 * np.abs(values).max())
    assert len(found.constants) <= len(expected.constants), f"{found} has more terms than {text}"


# --- the basis --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "degree"), [(1, 5), (2, 3), (3, 2), (4, 0)])
def test_the_basis_is_all_monomials_once(d, degree, rng):
    X = rng.normal(size=(10, d))
    basis = monomial_basis(X, [("var", str(j)) for j in range(d)], degree)
    assert len(set(basis.exponents)) == len(basis.exponents) == n_monomials(d, degree)
    assert basis.exponents[0] == (0,) * d
    assert max(sum(vector) for vector in basis.exponents) == degree
    expected = np.prod((X / np.abs(X).max(axis=0))[:, None, :] ** np.array(basis.exponents)[None], axis=2)
    np.testing.assert_allclose(basis.values(X), expected, rtol=1e-13)


def test_coefficients_of_the_scaled_basis_become_a_plain_polynomial(rng):
    X, columns = table(20)
    X, columns = 1e6 * X, {name: 1e6 * column for name, column in columns.items()}
    basis = monomial_basis(X, RECIPES, 3)
    coefficients = rng.normal(size=10)
    np.testing.assert_allclose(
        build(basis.recipe(coefficients)).evaluate(columns), basis.values(X) @ coefficients, rtol=1e-9, atol=1e-9
    )


def test_zero_coefficients_are_left_out():
    X, _ = table()
    basis = monomial_basis(X, RECIPES, 2)
    assert basis.recipe(np.zeros(6)) == 0
    assert str(build(basis.recipe(np.array([2.0, 0, 0, 0, 0, 0])))) == "2.0"
    text = str(build(basis.recipe(np.array([2.0, 0, 0, 0, 1.0, 0]) * basis.scales.prod())))
    assert text.endswith("*(x*y)") and text.count("+") == 1


def test_a_column_of_zeros_does_no_harm():
    X, _ = table()
    X[:, 1] = 0.0
    recipe = fit_polynomial(X, RECIPES, 3.0 * X[:, 0] ** 2 - 1.0, largest=3)
    assert_found(recipe, "3.0*x**2 - 1.0", {"x": X[:, 0]})


def test_the_largest_degree_keeps_to_the_number_of_terms():
    limits = {(1, 5, 9): 4, (1, 100, 9): 9, (2, 6, 9): 2, (2, 5, 9): 1, (3, 0, 5): 0}
    assert {limit: largest_degree(*limit) for limit in limits} == limits


# --- exact polynomials ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2.5*x",
        "1.0*x*y - 0.25",
        "1.0*x**4 + 1.0*x**3 + 1.0*x**2 + 1.0*x",
        "0.5*x**5*y - 2.0*x*y**3 + 7.25",
        "1e-3*x**2 + 1e3*y",
        "1.0*x**8 - 1.0*y",
    ],
)
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_exact_polynomials_are_found(text, size):
    X, columns = table(160)
    z = size * Expression.parse(text).evaluate(columns)
    assert_found(fit_polynomial(X, RECIPES, z, largest=9), f"{size!r}*({text})", columns)


@pytest.mark.parametrize("size", [1e-20, 1e20])
def test_large_and_small_columns(size):
    X, _ = table(60)
    columns = {"x": size * X[:, 0], "y": X[:, 1] / size}
    z = 2.0 * columns["x"] * columns["y"] - 3.0 * X[:, 1] ** 2
    found = build(fit_polynomial(np.column_stack(list(columns.values())), RECIPES, z, largest=4))
    np.testing.assert_allclose(found.evaluate(columns), z, rtol=1e-9, atol=1e-9)
    assert len(found.constants) == 2


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(-9, 9)), min_size=1, max_size=5))
def test_random_polynomials_come_back(terms):
    X, columns = table(100)
    z = sum(c * X[:, 0] ** i * X[:, 1] ** j for i, j, c in terms)
    if np.ptp(z) == 0:
        return
    found = build(fit_polynomial(X, RECIPES, z, largest=6))
    np.testing.assert_allclose(found.evaluate(columns), z, rtol=1e-8, atol=1e-8 * np.abs(z).max())
    assert len(found.constants) <= len(terms)


@pytest.mark.parametrize("text", ["sin(x)", "exp(x) + y", "abs(x)", "x*y + 1e-6*sin(9*x)"])
def test_what_is_no_polynomial_is_not_found(text):
    X, columns = table(300)
    assert fit_polynomial(X, RECIPES, Expression.parse(text).evaluate(columns), largest=5) is None


def test_noise_is_no_polynomial(rng):
    for n_rows in (3, 8, 12, 30, 200):
        X, _ = table(n_rows)
        noise = rng.normal(size=n_rows)
        assert fit_polynomial(X, RECIPES, noise, largest=9) is None
        assert fit_rational(X, RECIPES, noise, largest=9) is None
        assert fit_polynomial(X, RECIPES, X[:, 0] ** 2 + 1e-4 * noise, largest=9) is None
        assert fit_rational(X, RECIPES, X[:, 0] / (3 + X[:, 1]) + 1e-4 * noise, largest=9) is None


def test_nothing_can_be_said_about_no_target():
    X, _ = table()
    spoilt = np.where(np.arange(60) == 3, np.nan, X[:, 0])
    for fit in (fit_polynomial, fit_rational):
        assert fit(X, RECIPES, np.zeros(60), largest=3) is None
        assert fit(X, RECIPES, spoilt, largest=3) is None


# --- ratios -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "(1.0*x + 1.0*y)/(1.0 + 0.111*x*y)",
        "1.0/(1.0 + 2.5*x**2)",
        "(2.5*x**2 - 1.5)/(1.0 + 0.5*y**2)",
        "6.25*x/(2.25 + y)",
        "3.5*x*y/(2.5 + x + y)",
    ],
)
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_exact_ratios_are_found(text, size):
    X, columns = table(200, low=0.1)
    z = size * Expression.parse(text).evaluate(columns)
    found = build(fit_rational(X, RECIPES, z, largest=4))
    np.testing.assert_allclose(found.evaluate(columns), z, rtol=1e-8)
    assert len(found.constants) <= 5
    if size == 1.0:
        assert found.equivalent(Expression.parse(text), domain={"x": (0.1, 2.5), "y": (0.1, 2.5)}).verdict


def test_poles_between_the_rows_are_no_obstacle():
    X, columns = table(80, d=1)
    z = (X[:, 0] + 2.0) / (X[:, 0] - 0.3)
    np.testing.assert_allclose(build(fit_rational(X, RECIPES[:1], z, largest=3)).evaluate(columns), z, rtol=1e-7)


def test_what_is_no_ratio_is_not_found():
    X, columns = table(300)
    for text in ("sin(3*x)", "exp(x*y)", "sqrt(x + 3)*y"):
        assert fit_rational(X, RECIPES, Expression.parse(text).evaluate(columns), largest=3) is None


# --- sparse polynomials -----------------------------------------------------------------------------------------------


def test_terms_come_in_the_order_of_what_they_explain(rng):
    X, columns = table(300)
    z = 5.0 * X[:, 0] ** 2 * X[:, 1] + 2.0 * X[:, 1] + 3.0 + 0.01 * rng.normal(size=300)
    found = list(significant_polynomials(X, RECIPES, z, np.ones(300), largest=4, n_terms=3))
    rms = [float(np.sqrt(np.mean((build(recipe).evaluate(columns) - z) ** 2))) for recipe in found]
    assert rms == sorted(rms, reverse=True)
    assert rms[1] == pytest.approx(0.01, rel=0.2)
    second = build(found[1])
    assert {str(node) for node in second.walk() if node.kind == "apply"} >= {"x**2*y"}
    np.testing.assert_allclose(sorted(second.constants), [2.0, 3.0, 5.0], atol=0.01)


def test_rows_without_weight_do_not_count():
    X, columns = table(200)
    z, weight = 2.0 * X[:, 0] * X[:, 1] + 1.0, np.ones(200)
    z[:50], weight[:50] = 1e3, 0.0
    first = build(next(significant_polynomials(X, RECIPES, z, weight, largest=3, n_terms=2)))
    np.testing.assert_allclose(first.evaluate(columns)[50:], z[50:], rtol=1e-9)


@pytest.mark.parametrize(("n_rows", "n_terms"), [(9, 0), (12, 2), (24, 5), (60, 8)])
def test_no_more_terms_than_rows_allow(n_rows, n_terms):
    X, _ = table(n_rows)
    z = np.exp(X[:, 0])
    found = list(significant_polynomials(X, RECIPES, z, np.ones(n_rows), largest=4, n_terms=8))
    assert [len(build(recipe).constants) for recipe in found] == list(range(2, 2 + n_terms))
