"""Scaling by factors: handy magnitudes, and formulas that come back to the original units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.exceptions import InputError
from closedform.preprocessing import Scaling, Table
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.parse import parse


def _table(*columns):
    return Table(tuple("abc"[: len(columns)]), np.ascontiguousarray(np.column_stack(columns), dtype=float))


def test_ordinary_columns_stay_as_they_are():
    table, y = _table([1, 2], [0.5, 100]), np.array([3.0, 4.0])
    scaling = Scaling.fit(table, y)
    assert scaling.is_identity
    assert scaling.scale_table(table) is table and scaling.scale_target(y) is y
    expression = parse("a + b")
    assert scaling.to_original(expression) is expression


@given(st.floats(1e-307, 1e307), st.floats(1e-307, 1e307))
def test_the_greatest_magnitude_comes_into_one_to_ten(x, y):
    table = _table([x, x / 3], [0, 0])
    scaling = Scaling.fit(table, np.array([-y, 0]), keep_between=(1, 10))
    scaled = scaling.scale_table(table).values
    assert scaling.factors[1] == 1.0
    if 1e-300 < x < 1e300:
        assert 1 <= scaled[0, 0] * (1 + 1e-15) and scaled[0, 0] < 10.000001
    np.testing.assert_allclose(scaling.unscale_target(scaling.scale_target(np.array([y]))), [y], rtol=1e-14)


def test_max_brings_the_greatest_magnitude_to_one():
    table = _table([2, -8], [0.25, 0.1])
    scaling = Scaling.fit(table, np.array([5.0, 1.0]), method="max")
    np.testing.assert_allclose(np.abs(scaling.scale_table(table).values).max(axis=0), [1, 1])
    assert Scaling.fit(table, np.array([5.0]), method="none").is_identity


@pytest.mark.parametrize("method", ["power_of_ten", "max"])
def test_a_formula_comes_back_to_original_units(method, rng):
    table = _table(rng.uniform(1, 2, 50) * 1e300, rng.uniform(1, 2, 50) * 1e-30, rng.uniform(1, 2, 50))
    y = rng.uniform(1, 2, 50) * 1e-200
    scaling = Scaling.fit(table, y, method=method)
    found = parse("2.5*a**1.5/(b + c) + log(a)")
    scaled_values = evaluate(found, scaling.scale_table(table).columns)
    original = evaluate(scaling.to_original(found), table.columns)
    np.testing.assert_allclose(original, scaling.unscale_target(scaled_values), rtol=1e-12)


def test_an_unknown_method():
    with pytest.raises(InputError, match="method must be"):
        Scaling.fit(_table([1]), np.ones(1), method="standard")
