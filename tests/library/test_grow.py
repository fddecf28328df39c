"""Whatever grows a library, each recipe means the column it comes with."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from closedform.library import grow
from closedform.library.pool import Batch, build, concatenate

HALF = Fraction(1, 2)


@pytest.fixture
def columns(rng):
    """A positive column, one that changes sign, a negative one."""
    return {
        "x": rng.uniform(0.7, 1.6, 30),
        "u v": rng.uniform(-1.2, 1.4, 30),
        "w": rng.uniform(-1.6, -0.8, 30),
    }


@pytest.fixture
def base(columns):
    return grow.variables(np.column_stack(list(columns.values())), [("var", name) for name in columns])


def assert_recipes_mean_their_columns(batch: Batch, columns) -> None:
    assert batch.values.shape == (30, len(batch)) and len(batch.costs) == len(batch)
    for recipe, values in zip(batch.recipes, batch.values.T, strict=True):
        found = build(recipe).evaluate(columns)
        defined = np.isfinite(values)
        size = np.abs(values[defined]).max(initial=0.0)
        np.testing.assert_allclose(found[defined], values[defined], rtol=1e-12, atol=1e-12 * size, err_msg=str(recipe))
        assert not np.isfinite(found[~defined]).any(), f"{recipe} is defined where its column is not"


def texts(batch: Batch) -> list[str]:
    return [str(build(recipe)) for recipe in batch.recipes]


PRODUCERS = {
    "variables": lambda base: base,
    "powers": lambda base: grow.powers(base, (2, -1, HALF, -3, Fraction(-3, 2), 12)),
    "monomials": lambda base: grow.monomials(base.values, base.recipes, 90),
    "products": lambda base: grow.products(base, grow.images(base, ("sin", "exp")), 100),
    "variable_powers": lambda base: grow.variable_powers(base, base),
    "magnitudes": grow.magnitudes,
    "sums": grow.sums,
    "images": lambda base: grow.images(base, tuple(grow.UNARY), (1, -HALF, 2.5)),
    "shifted": lambda base: grow.shifted(base, (1, -0.5), (1, HALF, -2.25)),
    "with_spread": lambda base: grow.with_spread(base, (0.3, 3.0, -0.999)),
}


@pytest.mark.parametrize("grown", PRODUCERS.values(), ids=PRODUCERS)
def test_recipes_mean_their_columns(grown, base, columns):
    batch = grown(base)
    assert len(batch) > 0
    assert_recipes_mean_their_columns(batch, columns)


@pytest.mark.parametrize("name", ["x", "u v", "w"])
@pytest.mark.parametrize("family", grow.FAMILY_NAMES)
def test_families_mean_their_columns(family, name, columns):
    batch, labels = grow.families(columns[name], ("var", name), (family,))
    assert labels == [family] * len(batch)
    assert_recipes_mean_their_columns(batch, columns)


def test_each_family_has_columns_that_are_defined(columns):
    batch, labels = grow.families(columns["x"], ("var", "x"))
    usable = np.isfinite(batch.values).all(axis=0)
    assert {label for label, good in zip(labels, usable, strict=True) if good} == set(grow.FAMILY_NAMES)


def test_a_constant_column_has_no_families():
    batch, labels = grow.families(np.full(7, 2.0), ("var", "x"))
    assert (batch.values.shape, labels) == ((7, 0), [])


def test_costs_are_the_sizes_of_formulas(base):
    sines, squares = grow.images(base, ("sin",)), grow.powers(base, (2, -1))
    for batch in (base, sines, squares, grow.sums(base), grow.magnitudes(base)):
        assert list(batch.costs) == [build(recipe).size for recipe in batch.recipes]


# --- products and powers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factors", "text"),
    [
        ([], "1"),
        ([("x", 0)], "1"),
        ([("x", 1)], "x"),
        ([("x", 1), ("y", 0)], "x"),
        ([("x", 2), ("y", -1)], "x**2*y**-1"),
        ([("x", HALF), ("y", 1.5), ("z", 1)], "x**(1/2)*y**1.5*z"),
    ],
)
def test_products_have_their_shortest_spelling(factors, text):
    assert str(build(grow.product_recipe([(("var", name), exponent) for name, exponent in factors]))) == text


def test_exponent_vectors_go_from_simple_to_involved():
    vectors = list(grow.exponent_vectors(3, largest_sum=4))
    sums = [sum(abs(exponent) for _, exponent in vector) for vector in vectors]
    assert sums == sorted(sums)
    assert len(set(vectors)) == len(vectors)
    # 3 pairs of variables with (1 + 2 + 3) ways to share the sum and 4 choices of signs; 3 + 1 of all three with 8.
    assert len(vectors) == 3 * 6 * 4 + 4 * 8
    assert all(len(vector) >= 2 and all(exponent for _, exponent in vector) for vector in vectors)


def test_one_variable_has_no_products_of_variables():
    X = np.linspace(1, 2, 5)[:, None]
    assert len(grow.monomials(X, [("var", "x")], 10)) == 0
    assert len(grow.sums(grow.variables(X, [("var", "x")]))) == 0


def test_monomials_stop_at_the_limit(base):
    all_of_them, some = (grow.monomials(base.values, base.recipes, limit) for limit in (200, 25))
    assert len(some) == 25
    assert some.recipes == all_of_them.recipes[:25]
    assert list(all_of_them.costs) == sorted(all_of_them.costs)


def test_products_take_the_cheapest_pairs(base):
    squares = grow.powers(base, (2,))
    left = Batch(np.hstack([squares.values, base.values]), [*squares.recipes, *base.recipes], [3, 3, 3, 1, 1, 1])
    assert texts(grow.products(left, base.take([0, 2]), 4)) == ["x*x", "x*w", "`u v`*x", "`u v`*w"]


def test_products_with_nothing_are_nothing(base):
    nothing = base.take([])
    for left, right in ((base, nothing), (nothing, base), (nothing, nothing)):
        assert grow.products(left, right, 5).values.shape == (30, 0)


def test_sums_of_two_columns(base):
    assert texts(grow.sums(base.take([0, 2]))) == ["x - w", "x + w"]


def test_columns_as_exponents_have_positive_bases_and_other_variables(base):
    bases = grow.shifted(base, (2,), (1, -1))
    found = texts(grow.variable_powers(concatenate([base, bases]), base))
    assert "x**w" in found and "(2 + w)**x" in found and "(2 + `u v`)**x" in found
    assert not any(text.startswith(("`u v`", "w")) for text in found), "bases that are not positive"
    assert "x**x" not in found and "(2 + x)**x" not in found


def test_magnitudes_of_columns_that_change_sign_only(base):
    assert texts(grow.magnitudes(base)) == ["abs(`u v`)"]


# --- units ------------------------------------------------------------------------------------------------------------


def test_outside_the_domain_there_is_no_number(base):
    for batch in (grow.images(base, ("log", "sqrt")), grow.powers(base, (HALF,))):
        defined = np.isfinite(batch.values).all(axis=0)
        assert defined.tolist() == [True, False, False] * (len(batch) // 3)


def test_images_without_operators_are_nothing(base):
    assert grow.images(base, ()).values.shape == (30, 0)
    assert grow.shifted(base, (), (1,)).values.shape == (30, 0)


@pytest.mark.parametrize("scale", [0.05, 1.0, -0.999])
def test_spread_is_relative_to_the_largest_value(base, scale):
    for factor in (1e-40, 1.0, 1e40):
        batch = grow.with_spread(Batch(factor * base.values, base.recipes, base.costs), (scale,))
        np.testing.assert_allclose(np.abs(batch.values - 1.0).max(axis=0), abs(scale), rtol=1e-12)


def test_a_column_of_zeros_has_no_spread(base):
    batch = grow.with_spread(Batch(np.zeros((30, 2)), base.recipes[:2], [1, 1]), (0.3, 1.0))
    assert batch.values.shape == (30, 0)
