"""Reduced problems: whatever is divided out or merged comes back in the formula of the whole."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.engines.base import Problem
from closedform.library.pool import build
from closedform.screening.view import View, looks, on_rows, whole_view, with_merged_columns, without_power_factors
from closedform.symbolic import Expression


def make_problem(text, rng, *, negative=(), size=1.0, n_rows=300):
    expression = Expression.parse(text)
    names = expression.variables
    X = rng.uniform(1, 3, size=(n_rows, len(names)))
    for name in negative:
        X[:, names.index(name)] *= -1
    return Problem(X, size * expression.evaluate(dict(zip(names, X.T, strict=True))), names)


def assert_puts_the_target_together_again(view: View, y) -> None:
    """With the reduced target for a variable, the whole is the original target; and columns are what they say."""
    whole = build(view.whole(("var", "reduced target")))
    values = whole.evaluate({**view.source, "reduced target": view.y})
    np.testing.assert_allclose(values, y, rtol=1e-9)
    for recipe, column in zip(view.recipes, view.X.T, strict=True):
        np.testing.assert_allclose(build(recipe).evaluate(view.source), column, rtol=1e-12)


LAWS = ["m*c**2/sqrt(1 - v**2/(16*c**2))", "a**1.5/b*(2 + sin(z))", "p*exp(-a/b)*sqrt(c)", "(a - b)*c**3", "x*y + z"]


@pytest.mark.parametrize("size", [1e-30, 1.0, -1e30])
@pytest.mark.parametrize("text", LAWS)
def test_every_view_puts_the_target_together_again(text, size, rng):
    problem = make_problem(text, rng, size=size)
    whole = whole_view(problem)
    reduced = without_power_factors(whole_view(problem))
    merged = with_merged_columns(reduced or whole)
    assert reduced is not None or merged is not None
    for view in (whole, reduced, merged, with_merged_columns(whole)):
        if view is not None:
            assert_puts_the_target_together_again(view, problem.y)
            rows = np.array([0, 7, 100])
            assert_puts_the_target_together_again(on_rows(view, rows), problem.y[rows])


def test_power_factors_are_divided_out(rng):
    problem = make_problem("a**1.5/b*(2 + sin(z))", rng)
    view = without_power_factors(whole_view(problem))
    assert view.recipes == (("var", "z"),)
    np.testing.assert_allclose(view.y, 2 + np.sin(problem.columns["z"]), rtol=1e-12)


def test_negative_columns_are_divided_out_by_their_magnitude(rng):
    problem = make_problem("a**3*(2 + sin(z))", rng, negative=("a",))
    view = without_power_factors(whole_view(problem))
    assert view.recipes == (("var", "z"),)
    assert_puts_the_target_together_again(view, problem.y)


def test_nothing_to_reduce_is_no_view(rng):
    assert without_power_factors(whole_view(make_problem("sin(x) + y", rng))) is None
    # What is powers alone is found without any reduction.
    assert without_power_factors(whole_view(make_problem("x*y**2", rng))) is None
    assert with_merged_columns(whole_view(make_problem("exp(-x)*y + sin(x*y)*x", rng))) is None
    assert with_merged_columns(whole_view(make_problem("sin(x)", rng))) is None


def test_the_whole_view_is_the_problem(rng):
    problem = make_problem("x*y + z", rng)
    view = whole_view(problem)
    np.testing.assert_array_equal(view.X, problem.X)
    assert view.y is problem.y and view.whole(("var", "x")) == ("var", "x")


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_columns_that_tell_nothing_new_are_left_out(size, rng):
    x, other = rng.uniform(1, 3, size=(2, 50)) * size
    columns = {"x": x, "twice": -2 * x, "constant": np.full(50, 0.1 * size), "shifted": 1.8 * x + 32 * size, "y": other}
    view = whole_view(Problem(np.column_stack(list(columns.values())), x / size, tuple(columns)))
    # An offset may make a law simpler, so that a column that differs by one is kept.
    assert view.recipes == (("var", "x"), ("var", "shifted"), ("var", "y"))


def test_without_any_column_that_varies_all_are_kept():
    assert whole_view(Problem(np.ones((9, 2)), np.arange(9.0), ("x", "y"))).X.shape == (9, 2)


def test_every_view_says_where_pairs_are_looked_at(rng):
    whole = whole_view(make_problem("m*c**2/sqrt(1 - v**2/(16*c**2))", rng), "cuda")
    reduced = without_power_factors(whole)
    merged = with_merged_columns(reduced)
    rows = np.array([0, 7, 100])
    assert [view.device for view in (whole, reduced, merged, on_rows(merged, rows))] == ["cuda"] * 4


def with_noise(problem, share, rng):
    """The problem with noise of this share of the size of its target, and the noise's standard deviation."""
    sigma = share * float(np.sqrt(np.mean(problem.y**2)))
    return Problem(problem.X, problem.y + sigma * rng.normal(size=problem.n_samples), problem.names), sigma


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_noise_hides_neither_powers_nor_mergers(share, rng):
    problem, sigma = with_noise(make_problem("q*r**2/s*exp(-a*b/2)", rng, n_rows=1200), share, rng)
    seen = looks(problem, whole_view(problem))
    first = seen.views[0]
    assert len(first.recipes) == 1
    assert_puts_the_target_together_again(first, problem.y)
    # The noise of each row is that of the target, divided as the target is.
    np.testing.assert_allclose(first.noise * np.abs(first.factor), sigma, rtol=0.1)
    assert seen.level.settled
    assert seen.views[-1].recipes == whole_view(problem).recipes


def test_noise_is_seen_through_the_smaller_problem(rng):
    """A polynomial of six columns follows too little of this law to tell what of it is noise."""
    problem, sigma = with_noise(make_problem("a*b*c/(d**4 - (e/4)**4)*f", rng, n_rows=1600), 0.002, rng)
    assert problem.noise.sigma > 1.3 * sigma
    assert looks(problem, whole_view(problem)).level.sigma == pytest.approx(sigma, rel=0.1)


def test_given_errors_are_not_estimated_again(rng):
    problem, sigma = with_noise(make_problem("q*r**2/s*exp(-a*b)", rng, n_rows=600), 0.05, rng)
    known = Problem(problem.X, problem.y, problem.names, known_noise=sigma)
    assert looks(known, whole_view(known)).level == known.noise


def test_without_noise_views_are_exact(rng):
    problem = make_problem("q*r**2/s*exp(-a*b)", rng, n_rows=600)
    for view in looks(problem, whole_view(problem)).views:
        assert view.noise is None
