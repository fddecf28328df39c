"""Functions of one column: what they are, that they have no poles, and what happens to missing and unknown cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.additive.basis import LevelBasis, NumericBasis, numeric_basis, smooth_functions

BASIS = NumericBasis(2.0, 0.5, np.array([-1.0, 0.0, 2.0]), np.array([0.5, 1.0, 2.0]), 1, 0.0, 4.0, missing=True)


def test_values_are_a_line_bumps_and_steps():
    x = np.array([-1.0, 0.3, 2.0, 7.0])
    z = (x - 2.0) / 0.5
    expected = [z]
    for part in ("bump", "step"):
        for knot, width in zip(BASIS.knots, BASIS.widths, strict=True):
            q = (z - knot) / width
            expected.append(1.0 / (1.0 + q**2) if part == "bump" else q / (1.0 + q**2))
    expected.append(np.zeros(4))
    np.testing.assert_allclose(BASIS.values(x), np.stack(expected, axis=1), rtol=1e-14)
    assert BASIS.size == 8


def test_missing_cells_have_a_function_of_their_own():
    values = BASIS.values(np.array([1.0, np.nan]))
    assert values[0, -1] == 0.0
    np.testing.assert_array_equal(values[1], [0.0] * 7 + [1.0])


def test_missing_cells_that_were_never_missing_have_none():
    basis = numeric_basis(np.arange(20.0), 2, 2)
    assert not basis.missing
    np.testing.assert_array_equal(basis.values(np.array([np.nan])), np.zeros((1, basis.size)))


def test_coarse_functions_are_the_line_the_wide_units_and_what_stands_for_missing():
    np.testing.assert_array_equal(BASIS.coarse, [0, 1, 4, 7])


def test_levels_unknown_levels_and_missing_cells():
    basis = LevelBasis(3, missing=True)
    values = basis.values(np.array([0.0, 2.0, -1.0, np.nan]))
    np.testing.assert_array_equal(values, [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
    np.testing.assert_array_equal(LevelBasis(2).values(np.array([np.nan, -1.0])), np.zeros((2, 2)))


columns = st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=60).filter(lambda values: len(set(values)) > 1)


@given(columns, st.floats(-250, 250))
def test_functions_of_any_column_are_finite_in_and_around_its_range(values, exponent):
    scale = 10.0**exponent
    x = np.array(values) * scale
    if not np.ptp(x) > 0:
        return
    basis = numeric_basis(x, 3, 8)
    assert basis.scale > 0 and (basis.widths > 0).all()
    assert (basis.low, basis.high) == (x.min(), x.max())
    around = np.concatenate([x, np.linspace(basis.low, basis.high, 50), [2 * basis.low, 2 * basis.high]])
    found = basis.values(around)
    assert np.isfinite(found).all()
    # 0 < bump <= 1 and |step| <= 1/2: a pole would go beyond.
    k = len(basis.knots)
    assert (np.abs(found[:, 1 : 1 + k]) <= 1.0).all()
    assert (np.abs(found[:, 1 + k : 1 + 2 * k]) <= 0.5 + 1e-12).all()


@given(columns, st.booleans())
def test_smooth_functions_of_any_column_are_finite_and_about_uncorrelated(values, coarse):
    x = np.array(values)
    basis = numeric_basis(x, 3, 8)
    smooth = smooth_functions(basis, x, coarse=coarse)
    on_rows = smooth.of(basis.values(x))
    assert np.isfinite(on_rows).all()
    assert len(smooth) >= 1
    assert (np.diff(smooth.roughness) >= 0).all() and (smooth.roughness > 0).all()
    np.testing.assert_allclose(on_rows.mean(axis=0), 0.0, atol=1e-6 * max(1.0, np.abs(on_rows).max()))
    # Variance on the rows is at most 1 / (1 - share of the even distribution).
    assert (on_rows.var(axis=0) <= 1.06).all()


def test_smooth_functions_get_rougher(rng):
    x = np.sort(rng.uniform(-1, 1, 500))
    basis = numeric_basis(x, 3, 8)
    smooth = smooth_functions(basis, x)
    on_rows = smooth.of(basis.values(x))
    turns = [int(np.sum(np.diff(np.sign(column)) != 0)) for column in on_rows[:, :5].T]
    assert turns[0] == 1
    assert turns == sorted(turns)
    gram = on_rows.T @ on_rows / 500
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 0.1


def test_the_functions_come_near_to_smooth_curves(rng):
    x = rng.uniform(-3, 3, 2000)
    values = numeric_basis(x, 4, 8).values(x)
    y = np.sin(2 * x) + np.exp(-(x**2))
    design = np.hstack([np.ones((2000, 1)), values])
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert rest.std() < 0.01 * y.std()


def test_an_outlier_does_not_hide_the_other_rows(rng):
    x = rng.normal(size=1000)
    x[0] = 1e9
    basis = numeric_basis(x, 4, 8)
    smooth = smooth_functions(basis, x)
    y = np.sin(2 * x)
    y[0] = 0.0
    design = np.hstack([np.ones((1000, 1)), smooth.of(basis.values(x))])
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert rest.std() < 0.1 * y.std()


@pytest.mark.parametrize("x", [[0.0, 1.0], [1.0, 1.0 + 2**-52], [5e-324, 1e-323], [-8e307, 8e307], [0.0] * 99 + [1.0]])
def test_columns_of_two_values(x):
    x = np.array(x)
    basis = numeric_basis(x, 3, 8)
    values = smooth_functions(basis, x).of(basis.values(x))
    assert np.isfinite(values).all()
    assert np.ptp(values[:, 0]) > 0
