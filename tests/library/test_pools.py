"""The libraries of terms and of factors: columns that mean what their recipes say, in a useful order."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.library.pool import build
from closedform.library.pools import factor_batches, factor_pool, term_batches, term_pool
from closedform.symbolic import Expression

SHAPES = {"one": (1, 0), "two": (2, 0), "three, of any sign": (3, 1), "six": (6, 0)}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def table(request, rng):
    """Columns, recipes, and the variables by name."""
    d, negative = request.param
    X = rng.uniform(0.7, 1.6, size=(40, d))
    # Away from 0, so that the sine of a power is not lost to rounding.
    X[:, :negative] *= rng.choice([-1.0, 1.0], size=(40, negative))
    names = [f"x{j}" for j in range(d)]
    return X, [("var", name) for name in names], dict(zip(names, X.T, strict=True))


def a_sample(batches, rng, count):
    """Some recipes of every batch with their columns."""
    for batch in batches:
        for j in rng.permutation(len(batch))[:count]:
            yield batch.recipes[j], batch.values[:, j]


def assert_close(found, values, recipe):
    size = np.abs(values).max()
    np.testing.assert_allclose(found, values, rtol=1e-12, atol=1e-12 * size, err_msg=str(recipe))


def test_terms_mean_their_columns(table, rng):
    X, recipes, columns = table
    for recipe, values in a_sample(term_batches(X, recipes, 300), rng, 40):
        found = build(recipe).evaluate(columns)
        if np.isfinite(values).all():
            assert_close(found, values, recipe)
        else:
            assert not np.isfinite(found).all(), f"{recipe} is defined on all rows, its column is not"


def test_factors_mean_the_logarithms_of_their_magnitudes(table, rng):
    X, recipes, columns = table
    for recipe, values in a_sample(factor_batches(X, recipes, 300), rng, 40):
        if np.isfinite(values).all():
            with np.errstate(all="ignore"):
                found = np.log(np.abs(build(recipe).evaluate(columns)))
            # A logarithm near 0 is that of a factor near 1, which carries the rounding of the factor.
            size = max(1.0, np.abs(values).max())
            np.testing.assert_allclose(found, values, rtol=1e-12, atol=1e-12 * size, err_msg=str(recipe))


@pytest.mark.parametrize("make", [term_pool, factor_pool])
def test_pools_hold_their_columns_up_to_the_limit(make, table, rng):
    X, recipes, columns = table
    whole, part = make(X, recipes, 700, np.random.default_rng(0)), make(X, recipes, 50, np.random.default_rng(0))
    assert len(part) == 50 and len(part) <= len(whole) <= 700
    assert part.recipes == whole.recipes[:50]
    for j in rng.permutation(len(whole))[:100]:
        values = build(whole.recipes[j]).evaluate(columns)
        if make is factor_pool:
            values = np.log(np.abs(values))
        column = whole.matrix()[:, j] * whole.scales[j] + whole.means[j]
        np.testing.assert_allclose(column, values, rtol=1e-9, atol=1e-12 * max(1.0, np.abs(values).max()))


@pytest.mark.parametrize("make", [term_pool, factor_pool])
def test_no_two_columns_of_a_pool_are_parallel(make, table, rng):
    X, recipes, _ = table
    matrix = make(X, recipes, 700, rng).matrix()
    parallel = np.abs(matrix.T @ matrix) / len(matrix) - np.eye(matrix.shape[1])
    assert parallel.max() < 1 - 1e-13


TERMS = {
    1: ["x0", "x0**-2", "sin(x0)", "exp(-x0)", "x0*exp(-1*x0)", "1/(1 + x0**2)", "log(1 + x0)", "sin(x0**2)*cos(x0)"],
    2: [
        "x0*x1",
        "x0/x1",
        "sin(x0)*cos(x1)",
        "sqrt(x0*x1)",
        "(x0 - x1)**2",
        "exp(x0*x1)",
        "x0*exp(x1)",
        "x0**2*x1**-3",
        "x0**x1",
        "(1 + x1)**(-x0)",
        "log(1 - x0)*x1",
    ],
    3: ["x1*x2/x0", "(x1 + x2)**(1/2)", "x0*sin(x1)"],
}
FACTORS = {
    1: ["1 - x0**2", "exp(x0) - 1", "sin(x0)", "exp(x0**2)", "1 + cos(x0)", "tanh(x0)"],
    2: [
        "x0 - x1",
        "1 + x0*x1",
        "1 - x0/x1",
        "exp(x0/x1)",
        "exp(x0/x1) - 1",
        "sin(x0*x1)",
        "1 - (x0/x1)**2",
        "x0**x1 - 1",
        "(1 + x0)**x1 - 1",
        "exp(-x0) - exp(-x1)",
    ],
    3: ["exp(x0*x1/x2)", "sin(x0*(x1 - x2))", "1 + x0*x1/x2"],
}


@pytest.mark.parametrize(
    ("make", "d", "text"),
    [(term_pool, d, text) for d, some in TERMS.items() for text in some]
    + [(factor_pool, d, text) for d, some in FACTORS.items() for text in some],
)
def test_the_usual_building_blocks_are_in_the_library(make, d, text):
    X = np.random.default_rng(d).uniform(0.2, 0.8, size=(40, d))
    names = [f"x{j}" for j in range(d)]
    wanted = Expression.parse(text).evaluate(dict(zip(names, X.T, strict=True)))
    if make is factor_pool:
        wanted = np.log(np.abs(wanted))
    wanted = (wanted - wanted.mean()) / wanted.std()
    matrix = make(X, [("var", name) for name in names], 3000, np.random.default_rng(0)).matrix()
    assert np.abs(matrix.T @ wanted / 40).max() == pytest.approx(1.0, abs=1e-9)
