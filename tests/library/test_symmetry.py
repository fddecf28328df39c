"""Variables that matter only together are merged, and the target is put together again from what is left."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.library.pool import build
from closedform.library.symmetry import Column, Reduction, reduce
from closedform.symbolic import Expression


def reduced(text, rng, *, ranges=None, n_rows=300, size=1.0):
    """Variables, target and reduction of a formula on random rows."""
    expression = Expression.parse(text)
    ranges = ranges or {}
    columns = {name: rng.uniform(*ranges.get(name, (1.0, 3.0)), size=n_rows) for name in expression.variables}
    y = size * expression.evaluate(columns)
    return columns, y, reduce(tuple(Column(values, ("var", name)) for name, values in columns.items()), y)


def assert_depends_on(reduction: Reduction, columns, expected) -> None:
    """The columns are those of these formulas, up to a power."""
    assert len(reduction.columns) == len(expected)
    wanted = [Expression.parse(text).evaluate(columns) for text in expected]
    for column in reduction.columns:
        assert any(
            abs(np.corrcoef(f(column.values), f(values))[0, 1]) > 1 - 1e-9
            for values in wanted
            for f in (np.asarray, lambda v: np.log(np.abs(v)))
        ), f"{column.recipe} is none of {expected}"


# Two bodies on either side of a gap, so that their distance is never 0.
GAP = {"x": (4.0, 5.0), "y": (4.0, 5.0), "u": (1.0, 2.0), "v": (1.0, 2.0)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("exp(-m*g*x/(k*T))", ["m*g*x/(k*T)"]),
        ("sin(x*y)", ["x*y"]),
        ("cos(x - y)", ["x - y"]),
        ("exp(-(x + y)/4)", ["x + y"]),
        ("1/(1/a + 1/b)", ["a/b"]),
        ("a**2*log(1 + b/c)", ["b/c", "a"]),
        ("(a - b)*c", ["a - b", "c"]),
        ("sqrt(x**2 + y**2)*z", ["x/y", "z"]),
        ("m*c**2/sqrt(1 - v**2/(16*c**2))", ["v/c", "m"]),
        ("G/((x - u)**2 + (y - v)**2)", ["(x - u)/(y - v)", "G"]),
    ],
)
def test_named_laws(text, expected, rng):
    columns, _, reduction = reduced(text, rng, ranges=GAP if "u" in text else None)
    assert_depends_on(reduction, columns, expected)


@pytest.mark.parametrize("text", ["exp(-x)*y + sin(x*y)*x", "x", "x**y + y**x"])
def test_what_matters_by_itself_stays(text, rng):
    columns, _, reduction = reduced(text, rng)
    assert [column.recipe for column in reduction.columns] == [("var", name) for name in columns]
    assert reduction.powers == () and (reduction.factor == 1).all()


@pytest.mark.parametrize("text", ["x*y + z", "1/(1/a + 1/b)", "m*c**2/sqrt(1 - v**2/(16*c**2))", "q*v*B/p"])
@pytest.mark.parametrize("size", [1e-30, 1.0, -1e30])
def test_recipes_mean_their_columns(text, size, rng):
    columns, _, reduction = reduced(text, rng, size=size)
    for column in reduction.columns:
        np.testing.assert_allclose(build(column.recipe).evaluate(columns), column.values, rtol=1e-12)
    factor = np.ones(300)
    for base, exponent in reduction.powers:
        factor = factor * build(base).evaluate(columns) ** float(exponent)
    np.testing.assert_allclose(factor, reduction.factor, rtol=1e-10)


@pytest.mark.parametrize("text", ["1/(1/a + 1/b)", "x*y + z"])
def test_the_rest_is_a_function_of_the_merged_columns(text, rng):
    _, y, reduction = reduced(text, rng)
    (column,) = reduction.columns
    rest, order = y / reduction.factor, np.argsort(column.values)
    # A function of one column is smooth along it: neighbours have almost the same value.
    assert np.abs(np.diff(rest[order])).sum() <= 1.01 * np.ptp(rest)


def test_negative_columns_merge_by_sums_and_differences_only(rng):
    columns, _, reduction = reduced("sin(x - y)", rng, ranges={"x": (-2, 1), "y": (-1, 2)})
    assert_depends_on(reduction, columns, ["x - y"])
    columns, _, reduction = reduced("sin(x*y)", rng, ranges={"x": (-1.5, -0.5), "y": (0.5, 1.5)})
    assert len(reduction.columns) == 2


def test_noise_merges_nothing(rng):
    X = rng.uniform(1, 3, size=(300, 3))
    noise = rng.normal(size=300)
    for y in (noise, X[:, 0] + 2 * noise, np.full(300, 2.0), np.zeros(300)):
        reduction = reduce(tuple(Column(X[:, j], ("var", "xyz"[j])) for j in range(3)), y)
        assert len(reduction.columns) == 3 or y is not noise
        assert np.isfinite(reduction.factor).all()


@pytest.mark.parametrize("n_rows", [2, 3, 12])
def test_few_rows_and_odd_columns_do_no_harm(n_rows, rng):
    x, y = rng.uniform(1, 3, size=(2, n_rows))
    for other in (x, np.full(n_rows, 2.0), np.zeros(n_rows), 1e-200 * x, 1e200 * x):
        columns = tuple(Column(values, ("var", name)) for name, values in (("x", x), ("y", y), ("o", other)))
        assert np.isfinite(reduce(columns, x * y).factor).all()
