"""What fit is given: the target, weights, and the warnings about odd data."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.exceptions import DataConversionWarning

from closedform.exceptions import DataWarning, InputError
from closedform.preprocessing import check_sample_weight, check_X_y, check_y, constant_columns, extreme_columns
from closedform.preprocessing.table import Table

X = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize(
    "y",
    [
        [1, 2, 4],
        np.array([1, 2, 4], dtype=np.int8),
        np.array([1, 2, 4], dtype=object),
        pd.Series([1, 2, 4], dtype="Int64"),
        pl.Series([1, 2, 4]),
        pa.chunked_array([[1, 2], [4]]),
    ],
    ids=["list", "int8", "objects", "nullable", "polars", "pyarrow"],
)
def test_targets_of_every_kind(y):
    np.testing.assert_array_equal(check_X_y(X, y).y, [1.0, 2.0, 4.0])


def test_the_target_keeps_its_name():
    assert check_X_y(X, pd.Series([1, 2, 4], name="Température")).target_name == "Température"
    assert check_X_y(X, pl.Series("price", [1, 2, 4])).target_name == "price"
    assert check_X_y(X, [1, 2, 4]).target_name == "y"


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "Model requires y to be passed, but the target y is None"),
        (5, "y should be a 1d array, got 5 instead"),
        (np.ones((3, 2)), r"y should be a 1d array, got an array of shape \(3, 2\) instead"),
        ([[1], [2, 3], [4]], "y should be a 1d array"),
        ([1, 2], r"inconsistent numbers of samples: \[3, 2\]"),
        ([], r"0 sample\(s\)"),
        ([1, 2, "x"], r"target 'y' should hold numbers but has text in 1 of 3 rows \(row 3: 'x'\)"),
        (["a", "b", "c"], r"target 'y' holds text .* a regression target must be numbers"),
        ([1, np.nan, np.nan], r"Input y contains NaN: target 'y' has no finite value in rows 2, 3; remove"),
        ([1, 2, -np.inf], r"Input y contains infinity .* in row 3"),
        ([1j, 2, 3], "Complex data not supported: target 'y'"),
        (pd.Series(pd.to_datetime(["2020", "2021", "2022"]), name="t"), "target 't' holds dates"),
    ],
)
def test_unusable_targets(y, message):
    with pytest.raises(InputError, match=message):
        check_X_y(X, y, estimator="Model")


def test_a_column_vector_is_taken_with_scikit_learns_warning():
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed when a 1d array was expected"):
        assert check_y([[1], [2]]).shape == (2,)
    with pytest.warns(DataConversionWarning):
        assert check_X_y(X, pd.DataFrame({"q": [1, 2, 3]})).target_name == "q"


def test_one_row_is_too_few_for_a_fit():
    with pytest.raises(InputError, match=r"Found array with 1 sample\(s\) .* a minimum of 2 is required by Model"):
        check_X_y(X[:1], [1], estimator="Model")


def test_constant_columns_are_said_and_left_out():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": 7, "c": [0.5, 0.1, 0.2], "d": 0})
    with pytest.warns(DataWarning, match="columns 'b', 'd' have the same value in every row and are left out"):
        data = check_X_y(frame, [1, 2, 3])
    assert data.dropped_constant == ("b", "d")
    assert data.table.names == ("a", "b", "c", "d") and data.varying.names == ("a", "c")


def test_all_columns_constant_leave_an_empty_table():
    with pytest.warns(DataWarning):
        data = check_X_y(np.ones((3, 2)), [1, 2, 3])
    assert data.varying.values.shape == (3, 0)


def test_constant_columns_count_no_missing_values():
    table = Table(("a", "b", "c"), np.array([[1, np.nan, np.nan], [1, np.nan, 2], [np.nan, np.nan, 3]]))
    assert constant_columns(table) == ("a", "b")


def test_a_constant_target_is_said():
    with pytest.warns(DataWarning, match="target 'y' is 2.5 in every row: the formula is this constant"):
        assert check_X_y(X, [2.5, 2.5, 2.5]).constant_target


def test_a_thousand_columns_are_said(rng):
    with pytest.warns(DataWarning, match="the table has 1000 columns"):
        assert check_X_y(rng.normal(size=(20, 1000)), rng.normal(size=20)).table.n_columns == 1000


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_extreme_magnitudes_are_said(scale):
    frame = pd.DataFrame({"huge": np.array([1.0, 2.0, 3.0]) * scale, "usual": [1.0, 2.0, 4.0]})
    with pytest.warns(DataWarning, match="magnitudes beyond 1e100 or below 1e-100 in 'huge', 'y'"):
        check_X_y(frame, np.array([1.0, 2.0, 4.0]) * scale)
    assert extreme_columns(("a", "b"), np.array([0.0, 1.0])) == ()


def test_warnings_point_at_the_caller_of_the_estimator():
    def fit():
        return check_X_y(X, [1.0, 1.0, 1.0])

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 1], r"Sample weights must be 1D array or scalar .* expected shape \(3,\), got \(2,\)"),
        ([1, -1, 1], r"not negative .*: row 2, the first is -1.0"),
        ([1, np.nan, np.inf], r"finite .*: rows 2, 3"),
        ([0, 0, 0], "at least one non-zero number"),
        (["a", "b", "c"], "sample_weight holds text"),
    ],
)
def test_unusable_weights(weight, message):
    with pytest.raises(InputError, match=message):
        check_sample_weight(weight, 3)


def test_usable_weights():
    assert check_sample_weight(None, 3) is None
    np.testing.assert_array_equal(check_sample_weight(2, 3), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(check_sample_weight(pd.Series([1, 0, 3]), 3), [1.0, 0.0, 3.0])
    assert check_X_y(X, [1, 2, 4], sample_weight=[1, 2, 3]).sample_weight.tolist() == [1, 2, 3]
