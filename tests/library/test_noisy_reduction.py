"""With noise, powers and mergers are found where the data can tell, and not invented."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from closedform.library.noisy_fit import noisy_fit
from closedform.library.noisy_reduction import noisy_reductions, rounded_within
from closedform.library.pool import build
from closedform.library.symmetry import Column
from closedform.symbolic import Expression
from closedform.symbolic.evaluate import evaluate


def drawn(text, seed, *, noise=0.01, n_rows=1600, ranges=None):
    """Variables and noisy target of a formula on random rows."""
    rng, law = np.random.default_rng(seed), Expression.parse(text)
    columns = {name: rng.uniform(*(ranges or {}).get(name, (1.0, 3.0)), size=n_rows) for name in law.variables}
    y = law.evaluate(columns)
    return columns, y + rng.normal(size=n_rows) * noise * np.sqrt(np.mean(y**2))


def reductions(columns, y):
    """All steps."""
    return noisy_reductions(tuple(Column(values, ("var", name)) for name, values in columns.items()), y)


def exponents(reduction):
    """Powers that were divided out, by name."""
    return {base[1]: exponent for base, exponent in reduction.powers}


def assert_right(reduction, text, columns) -> None:
    """What is left of the law without noise changes only where the columns change."""
    law = Expression.parse(text)

    def moved(function, step):
        return function({**columns, **step})

    def rest(values):
        factor = np.ones(len(next(iter(values.values()))))
        for base, exponent in reduction.powers:
            factor = factor * evaluate(build(base), values) ** float(exponent)
        return law.evaluate(values) / factor

    recipes = [build(column.recipe) for column in reduction.columns]
    steps = {name: 1e-6 * (np.ptp(values) or 1.0) for name, values in columns.items()}

    def slopes(function):
        each = [({n: columns[n] + h}, {n: columns[n] - h}) for n, h in steps.items()]
        return np.column_stack([moved(function, up) - moved(function, down) for up, down in each])

    left, told = slopes(rest), [slopes(lambda values, one=one: evaluate(one, values)) for one in recipes]
    for row in range(0, len(left), 100):
        design = np.array([one[row] / np.abs(one[row]).max() for one in told]).T
        missed = left[row] - design @ np.linalg.lstsq(design, left[row], rcond=None)[0]
        assert np.linalg.norm(missed) < 1e-4 * np.linalg.norm(left[row])


POWERS = [
    ("a**2/b*(2 + sin(3*z))", {"a": 2, "b": -1}),
    ("F*a**2*(3*L - a)/(6*E*J)", {"F": 1, "E": -1, "J": -1}),
    ("m*c**2/sqrt(1 - v**2/(16*c**2))", {"m": 1}),
    ("sqrt(c)*exp(-b*x)/q", {"c": Fraction(1, 2), "q": -1}),
    ("s*(1 + 0.3*T*z)*r**(1/3)", {"s": 1, "r": Fraction(1, 3)}),
]


@pytest.mark.parametrize("noise", [0.01, 0.1])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("text", "expected"), POWERS)
def test_powers_have_their_exponents(text, expected, seed, noise):
    columns, y = drawn(text, seed, noise=noise)
    first = reductions(columns, y)[0]
    found = exponents(first)
    # Where noise is large, some may be missed.
    assert set(found.items()) <= set(expected.items()) if noise > 0.05 else found == expected
    assert found


def test_powers_of_a_target_of_both_signs():
    columns, y = drawn("(a - b)*c**2/d", 0)
    assert (y > 0).any() and (y < 0).any()
    final = reductions(columns, y)[-1]
    assert_right(final, "(a - b)*c**2/d", columns)
    assert len(final.columns) == 1


MERGERS = [
    "exp(-m*g*x/(k*T))",
    "cos(x - y)*q",
    "exp(-(x + y)/4) + z",
    "a**2*log(1 + b/c)",
    "p*(x - y)**2 + q",
    "tanh(a*b)/c",
]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("text", MERGERS)
def test_mergers_are_right(text, seed):
    columns, y = drawn(text, seed)
    found = reductions(columns, y)
    assert found
    assert_right(found[-1], text, columns)
    assert len(found[-1].columns) < len(columns)


@pytest.mark.parametrize("noise", [0.01, 0.1])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("text", ["exp(-x)*y + sin(x*y)*x", "x**y + y**x", "a*sin(b) + b*cos(2*c) + c*a**2"])
def test_nothing_is_invented(text, seed, noise):
    columns, y = drawn(text, seed, noise=noise)
    assert reductions(columns, y) == []


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_in_noise(seed):
    rng = np.random.default_rng(seed)
    columns = dict(zip("abc", rng.uniform(1, 3, size=(3, 600)), strict=True))
    assert reductions(columns, rng.normal(size=600)) == []


@pytest.mark.parametrize("size", [1e-30, -1.0, 1e30])
def test_scales_and_signs_do_not_matter(size):
    columns, y = drawn("a**2/b*(2 + sin(3*z))", 0)
    assert exponents(reductions(columns, size * y)[-1]) == {"a": 2, "b": -1}


def test_targets_below_zero_are_no_reason_to_give_up():
    """Noise takes the smallest targets below zero, where there is no logarithm."""
    columns, y = drawn("a**4*exp(-3*b)*(2 + c*d)", 0, noise=0.05)
    assert (y < 0).any()
    found = exponents(reductions(columns, y)[0])
    assert found["a"] == 4


def test_weights_tell_which_rows_to_believe():
    columns, y = drawn("a**2/b*(2 + sin(z))", 0, noise=0.0)
    rng = np.random.default_rng(1)
    root = np.where(rng.random(len(y)) < 0.5, 1.0, 1e-3)
    y = y + rng.normal(size=len(y)) * 0.01 * y.std() / root
    as_columns = tuple(Column(values, ("var", name)) for name, values in columns.items())
    assert exponents(noisy_reductions(as_columns, y, root)[-1]) == {"a": 2, "b": -1}


@pytest.mark.parametrize("n_rows", [2, 30, 70])
def test_few_rows_and_odd_columns_do_no_harm(n_rows):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(1, 3, size=(2, n_rows))
    for other in (x, np.full(n_rows, 2.0), np.zeros(n_rows), 1e-200 * x, 1e200 * x):
        columns = {"x": x, "y": y, "o": other}
        for one in reductions(columns, x * y + 0.01 * rng.normal(size=n_rows)):
            assert np.isfinite(one.factor).all()


@pytest.mark.parametrize(
    ("estimate", "error", "expected"),
    [(1.98, 0.01, 2), (1.9, 0.01, None), (0.52, 0.03, Fraction(1, 2)), (0.33, 0.005, Fraction(1, 3)), (1.0, 0.3, None)],
)
def test_exponents_are_rounded_within_their_errors(estimate, error, expected):
    assert rounded_within(estimate, error) == expected


def test_the_error_of_a_fit_is_the_noise():
    columns, y = drawn("3*exp(-a/b)", 0, noise=0.05)
    features = np.column_stack([(np.log(v) - np.log(v).mean()) / np.log(v).std() for v in columns.values()])
    fit = noisy_fit(features, y, np.ones(len(y)), in_logs=True)
    assert fit.unseen == pytest.approx((0.05 * np.sqrt(np.mean(y**2))) ** 2, rel=0.1)
