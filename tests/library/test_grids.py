"""The libraries with inner constants on a grid: near enough to laws with such constants, whatever else there is."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.library.grids import grid_factors, grid_terms
from closedform.library.pool import build
from closedform.symbolic import Expression


def table(d, seed=0):
    X = np.random.default_rng(seed).uniform(0.5, 4.0, size=(120, d))
    names = [f"x{j}" for j in range(d)]
    return X, [("var", name) for name in names], dict(zip(names, X.T, strict=True))


@pytest.mark.parametrize("make", [grid_terms, grid_factors])
@pytest.mark.parametrize("d", [1, 2, 4])
def test_columns_are_what_their_recipes_say(make, d, rng):
    X, recipes, columns = table(d)
    pool = make(X, recipes, 1500, rng)
    assert 100 < len(pool) <= 1500
    for j in rng.permutation(len(pool))[:60]:
        recipe = pool.recipes[j]
        # An exponential among the factors may be out of range where its logarithm, the column, is not.
        if make is grid_factors and recipe[0] == "exp":
            values = build(recipe[1]).evaluate(columns)
        else:
            values = build(recipe).evaluate(columns)
            values = np.log(np.abs(values)) if make is grid_factors else values
        column = pool.matrix()[:, j] * pool.scales[j] + pool.means[j]
        np.testing.assert_allclose(column, values, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(values).max()))


NEAR = {
    1: ["exp(-0.37*x0)", "log(x0 + 0.9)", "(x0 + 0.6)**1.4", "sin(3.3*x0)", "exp(-x0**1.5)", "x0*exp(-0.8*x0)"],
    2: ["x1*exp(-0.6*x0)", "log(x1 + 1.3)/x0", "x0*(x1 + 0.5)**-1.5", "exp(3/(x1 + 2))/x0", "sin(2*x0)"],
    4: ["x3*exp(-0.6*x0)", "log(x1 + 1.3)/x2", "x3*(x1 + 0.5)**-1.5", "exp(3/(x1 + 2))/x3"],
}


@pytest.mark.parametrize(("d", "text"), [(d, text) for d, some in NEAR.items() for text in some])
def test_units_are_near_alone_and_beside_any_other_column(d, text, rng):
    X, recipes, columns = table(d)
    wanted = Expression.parse(text).evaluate(columns)
    wanted = (wanted - wanted.mean()) / wanted.std()
    matrix = grid_terms(X, recipes, 3000, rng).matrix()
    assert np.abs(matrix.T @ wanted / len(X)).max() > 0.95


def test_operators_that_are_not_allowed_do_not_occur(rng):
    X, recipes, _ = table(2)
    pool = grid_terms(X, recipes, 800, rng, frozenset({"exp", "div"}))
    names = {node.op.name for recipe in pool.recipes for node in build(recipe).walk() if node.kind == "apply"}
    assert {"exp", "mul"} <= names and names.isdisjoint({"sin", "cos", "log"})
