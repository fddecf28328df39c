"""Pools keep each direction once; recipes become expressions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.library.pool import Batch, Pool, build, concatenate, signature, standardise
from closedform.symbolic import Expression


def batch_of(values, name="c"):
    values = np.asarray(values, dtype=float)
    return Batch(values, [("var", f"{name}{j}") for j in range(values.shape[1])], list(range(values.shape[1])))


def names(pool):
    return [recipe[1] for recipe in pool.recipes]


# --- recipes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "text"),
    [
        (("var", "x 1"), "`x 1`"),
        (2, "2"),
        (2.5, "2.5"),
        (Fraction(1, 3), "1/3"),
        (("add", 1.5, ("mul", 2, ("var", "x"))), "1.5 + 2*x"),
        (("pow", ("var", "x"), Fraction(-1, 2)), "x**(-1/2)"),
        (("exp", ("sub", ("var", "x"), ("var", "y"))), "exp(x - y)"),
        (("log", Expression.parse("x + 1.5")), "log(x + 1.5)"),
    ],
)
def test_build(recipe, text):
    assert build(recipe) is Expression.parse(text)


def test_an_expression_stays_what_it_is():
    expression = Expression.parse("sin(x) + 2.5")
    assert build(expression) is expression


def test_signature_leaves_out_free_constants_only():
    def unit(c, k):
        return ("mul", ("exp", ("mul", c, ("var", "x"))), ("pow", ("var", "y"), k))

    assert signature(unit(0.5, 2)) == signature(unit(-7.25, 2))
    assert signature(unit(0.5, 2)) != signature(unit(0.5, 3))
    assert signature(unit(0.5, 2)) != signature(unit(1, 2))
    assert signature(("exp", ("var", "x"))) != signature(("exp", ("var", "y")))


# --- batches ----------------------------------------------------------------------------------------------------------


def test_cheapest_takes_low_costs_and_earlier_ones_first():
    batch = Batch(np.arange(8.0).reshape(2, 4), ["a", "b", "c", "d"], [3, 1, 3, 2])
    assert batch.cheapest(3).recipes == ["b", "d", "a"]
    np.testing.assert_array_equal(batch.cheapest(3).values, [[1, 3, 0], [5, 7, 4]])
    assert batch.cheapest(4) is batch


def test_concatenate_keeps_the_order():
    left, right = batch_of(np.ones((3, 2)), "l"), batch_of(np.zeros((3, 1)), "r")
    joined = concatenate([left, right])
    assert joined.recipes == [("var", "l0"), ("var", "l1"), ("var", "r0")]
    assert list(joined.costs) == [0, 1, 0]
    np.testing.assert_array_equal(joined.values[0], [1, 1, 0])


# --- columns that are taken over --------------------------------------------------------------------------------------


def test_standardised_columns_have_mean_zero_and_mean_square_one(rng):
    values = rng.normal(size=(40, 5)) * 10.0 ** np.arange(-40, 60, 20) + 3.0 * 10.0 ** np.arange(-40, 60, 20)
    columns, means, scales, usable = standardise(values)
    assert usable.all()
    np.testing.assert_allclose(columns.mean(axis=0), 0.0, atol=1e-14)
    np.testing.assert_allclose(np.mean(columns**2, axis=0), 1.0, rtol=1e-13)
    np.testing.assert_allclose(columns * scales + means, values, rtol=1e-13)


def test_unusable_columns_are_dropped(rng):
    x = rng.normal(size=20)
    spoilt = np.where(np.arange(20) == 3, np.nan, x)
    infinite = np.where(np.arange(20) == 3, np.inf, x)
    nearly_constant = 1e6 + 1e-5 * x
    values = np.column_stack([spoilt, infinite, np.full(20, 2.0), np.zeros(20), nearly_constant, 1e130 * x, x])
    pool = Pool(20, 10, rng)
    pool.add(batch_of(values))
    assert names(pool) == ["c6"]
    assert pool.matrix().shape == (20, 1)


def test_means_and_scales_bring_the_columns_back(rng):
    values = rng.uniform(-3, 5, size=(15, 6))
    pool = Pool(15, 10, rng)
    pool.add(batch_of(values[:, :2], "a"))
    pool.add(batch_of(values[:, 2:], "b"))
    assert len(pool) == 6
    np.testing.assert_allclose(pool.matrix() * pool.scales + pool.means, values, rtol=1e-12)


@given(
    slope=st.floats(1e-6, 1e6).flatmap(lambda s: st.sampled_from([s, -s])),
    offset=st.floats(-1e3, 1e3),
    seed=st.integers(0, 1000),
)
def test_an_affine_image_of_an_earlier_column_is_dropped(slope, offset, seed):
    rng = np.random.default_rng(seed)
    x, other = rng.normal(size=(2, 30))
    pool = Pool(30, 10, rng)
    pool.add(batch_of(np.column_stack([x, slope * (x + offset), other])))
    pool.add(batch_of(np.column_stack([-other, x]), "again"))
    assert names(pool) == ["c0", "c2"]


def test_narrow_peaks_at_different_places_are_all_kept(rng):
    # Far from its peak each column is the same constant, so that few rows do not tell them apart.
    x = np.linspace(0, 1, 101)
    peaks = np.exp(-(((x[:, None] - np.arange(0.2, 0.85, 0.05)) / 0.01) ** 2))
    pool = Pool(101, 100, rng)
    pool.add(batch_of(peaks))
    assert len(pool) == peaks.shape[1]


def test_the_limit_cuts_off_within_a_batch(rng):
    pool = Pool(12, 5, rng)
    pool.add(batch_of(rng.normal(size=(12, 3)), "a"))
    assert not pool.full
    pool.add(batch_of(rng.normal(size=(12, 4)), "b"))
    assert pool.full
    pool.add(batch_of(rng.normal(size=(12, 4)), "c"))
    assert names(pool) == ["a0", "a1", "a2", "b0", "b1"]
    assert pool.matrix().shape == (12, 5)


def test_a_pool_without_columns_has_an_empty_matrix(rng):
    pool = Pool(4, 5, rng)
    assert pool.matrix().shape == (4, 0)
    pool.add(batch_of(np.ones((4, 3))))
    assert pool.matrix().shape == (4, 0)
    assert pool.families() == []


@pytest.mark.parametrize(
    ("operators", "kept"),
    [
        (set(), ["x", "x**2"]),
        ({"div"}, ["x", "x**2", "x**-1"]),
        ({"sqrt"}, ["x", "x**2", "x**(1/2)"]),
        ({"pow"}, ["x", "x**2", "x**-1", "x**(1/2)", "x**1.7", "x**x"]),
        ({"sin", "log"}, ["x", "x**2", "sin(2*x)"]),
        ({"sin", "exp", "div"}, ["x", "x**2", "x**-1", "sin(2*x)", "sin(exp(x))"]),
    ],
)
def test_only_allowed_operators(operators, kept, rng):
    x = ("var", "x")
    recipes = [x, *(("pow", x, power) for power in (2, -1, Fraction(1, 2), 1.7, x)), ("sin", ("mul", 2, x))]
    recipes.append(("sin", ("exp", x)))
    pool = Pool(9, 20, rng, frozenset(operators))
    pool.add(Batch(rng.normal(size=(9, 8)), recipes, [1] * 8))
    assert [str(build(recipe)) for recipe in pool.recipes] == kept


def test_families_gather_what_differs_in_free_constants(rng):
    recipes = [("exp", ("mul", c, ("var", v))) for c in (0.5, 1.5, -2.5) for v in ("x", "y")]
    recipes.append(("pow", ("var", "x"), 2))
    pool = Pool(9, 20, rng)
    pool.add(Batch(rng.normal(size=(9, 7)), recipes, [4] * 7))
    assert [family.tolist() for family in pool.families()] == [[0, 2, 4], [1, 3, 5], [6]]


def test_a_pool_of_some_columns_has_their_values_and_recipes(rng):
    pool = Pool(20, 10, rng)
    pool.add(batch_of(rng.normal(size=(20, 4))))
    some = pool.only([2, 0])
    assert names(some) == [names(pool)[2], names(pool)[0]]
    np.testing.assert_array_equal(some.matrix(), pool.matrix()[:, [2, 0]])
    assert (some.means, some.scales) == ([pool.means[2], pool.means[0]], [pool.scales[2], pool.scales[0]])
