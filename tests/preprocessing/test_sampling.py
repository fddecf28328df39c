"""Fewer rows: drawn without replacement, with the extremes, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.exceptions import InputError
from closedform.preprocessing import Table, subsample


def _data(rng, n=5000):
    values = rng.normal(size=(n, 3))
    return Table(("a", "b", "c"), values), values.sum(axis=1)


def test_rows_belong_together_and_keep_their_order(rng):
    table, y = _data(rng)
    small, y_small, rows = subsample(table, y, 400, rng)
    assert small.n_rows == len(y_small) == len(rows) == 400
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(small.values, table.values[rows])
    np.testing.assert_array_equal(y_small, y[rows])


def test_the_extremes_are_among_them(rng):
    table, y = _data(rng)
    small, y_small, _ = subsample(table, y, 400, rng)
    np.testing.assert_array_equal(small.values.max(axis=0), table.values.max(axis=0))
    np.testing.assert_array_equal(small.values.min(axis=0), table.values.min(axis=0))
    assert y_small.min() == y.min() and y_small.max() == y.max()


def test_same_seed_same_rows(rng):
    table, y = _data(rng)
    first = subsample(table, y, 100, np.random.default_rng(3))[2]
    second = subsample(table, y, 100, np.random.default_rng(3))[2]
    other = subsample(table, y, 100, np.random.default_rng(4))[2]
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_every_row_is_about_as_likely(rng):
    table = Table(("a",), np.arange(50.0)[:, None])
    counts = np.zeros(50)
    for _ in range(2000):
        counts[subsample(table, table.values[:, 0], 25, rng)[2]] += 1
    # Both ends are the extremes and always there; the others share what is left.
    assert counts[0] == counts[-1] == 2000
    np.testing.assert_allclose(counts[1:-1] / 2000, 23 / 48, atol=0.06)


def test_enough_rows_wanted_means_no_copy(rng):
    table, y = _data(rng, 10)
    same, same_y, rows = subsample(table, y, 10, rng)
    assert same is table and same_y is y and len(rows) == 10


def test_few_rows_and_missing_values(rng):
    values = np.full((100, 2), np.nan)
    values[:, 0] = np.arange(100)
    small, _, rows = subsample(Table(("a", "b"), values), values[:, 0], 30, rng)
    assert small.n_rows == 30 and {0, 99} <= set(rows.tolist())
    assert subsample(Table(("a", "b"), values), values[:, 0], 1, rng)[0].n_rows == 1
    with pytest.raises(InputError, match="at least 1 row"):
        subsample(small, values[:30, 0], 0, rng)
