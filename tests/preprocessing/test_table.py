"""The door for X: what is accepted from whom, and the sentence for what is not."""

from __future__ import annotations

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from closedform.exceptions import DataWarning, InputError
from closedform.preprocessing import InputTypeError, Table, check_X

COLUMNS = {"a": [1, 2, 3], "b": [0.5, -1.5, 2.25], "x 1": [True, False, True]}
EXPECTED = np.array([[1, 0.5, 1], [2, -1.5, 0], [3, 2.25, 1]])


@pytest.mark.parametrize(
    "make",
    [
        dict,
        pd.DataFrame,
        lambda c: pd.DataFrame(c).convert_dtypes(),
        lambda c: pd.DataFrame(c).convert_dtypes(dtype_backend="pyarrow"),
        lambda c: pd.DataFrame(c).astype(object),
        pl.DataFrame,
        pl.LazyFrame,
        pa.table,
    ],
    ids=["dict", "pandas", "nullable", "arrow-backed", "objects", "polars", "lazy", "pyarrow"],
)
def test_named_tables_of_every_kind_give_the_same_numbers(make):
    table = check_X(make(COLUMNS))
    assert table.names == ("a", "b", "x 1") and table.named
    np.testing.assert_array_equal(table.values, EXPECTED)
    assert table.values.dtype == np.float64 and table.values.flags.c_contiguous


@pytest.mark.parametrize(
    "make",
    [
        list,
        lambda rows: [tuple(row) for row in rows],
        np.array,
        np.asfortranarray,
        lambda rows: np.array(rows, dtype=np.float32),
        lambda rows: np.array(rows, dtype=object),
        lambda rows: np.array(rows, dtype=np.longdouble),
        lambda rows: pd.DataFrame(rows),
        lambda rows: [[Decimal(a), Fraction(b), c] for a, b, c in rows],
    ],
    ids=["lists", "tuples", "array", "fortran", "float32", "objects", "longdouble", "pandas", "exact"],
)
def test_tables_without_names_get_x0_x1(make):
    table = check_X(make(EXPECTED.tolist()))
    assert table.names == ("x0", "x1", "x2") and not table.named
    np.testing.assert_array_equal(table.values, EXPECTED)


def test_a_ready_array_is_neither_copied_nor_changed():
    X = np.arange(6.0).reshape(3, 2)
    X.setflags(write=False)
    assert np.shares_memory(check_X(X).values, X)


def test_a_torch_tensor_and_a_structured_array_are_tables():
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(check_X(torch.ones(2, 2)).values, np.ones((2, 2)))
    records = np.array([(1, 2.5)], dtype=[("count", int), ("mass", float)])
    assert check_X(records).names == ("count", "mass")
    with pytest.raises(InputTypeError, match="requires grad"):
        check_X(torch.ones(2, 2, requires_grad=True))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (5, r"Expected 2D array, got scalar array instead: 5\. Reshape your data"),
        ([1, 2], r"Expected 2D array, got 1D array instead.*Reshape your data"),
        (pd.Series([1, 2]), r"Expected 2D array, got 1D array instead: a pandas Series\. Reshape your data"),
        (pl.Series([1, 2]), r"Expected 2D array, got 1D array instead"),
        (np.ones((2, 2, 2)), r"dim 3, while dim <= 2 is required"),
        ([[1, 2], [3]], "same number of values"),
        ({"a": [1, 2], "b": [3]}, "same number of rows: 'a' has 2, 'b' has 1"),
        (np.ones((0, 2)), r"0 sample\(s\) \(shape=\(0, 2\)\) while a minimum of 1 is required"),
        (np.ones((2, 0)), r"0 feature\(s\) \(shape=\(2, 0\)\) while a minimum of 1 is required\."),
        (np.ones((2, 2)) * 1j, "Complex data not supported"),
        ([[1, 1j]], "Complex data not supported"),
        (pd.DataFrame({"z": [1j]}), "Complex data not supported: column 'z'"),
    ],
)
def test_what_is_no_table_of_real_numbers(X, message):
    with pytest.raises(InputError, match=message):
        check_X(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (None, "Expected a table .* got None"),
        ("data.csv", "got 'data.csv'; read_table"),
        (sparse.csr_matrix(np.eye(2)), r"Sparse data was passed \(csr_matrix of shape \(2, 2\)\)"),
        (sparse.coo_array(np.eye(2)), "Sparse data"),
        (
            [[{"a": 1}, 2]],
            "column 'x0', row 1 holds {'a': 1}: .* argument must be a string or a real number, not 'dict'",
        ),
        (object(), "Expected"),
    ],
)
def test_wrong_types_are_type_errors_too(X, message):
    with pytest.raises(InputError, match=message) as caught:
        check_X(X)
    if X.__class__ is not object:
        assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_text_is_told_with_column_rows_and_advice(library):
    with pytest.raises(InputError, match=r"column 'colour' holds text \(row 1: 'red', row 2: 'blue'\): .*get_dummies"):
        check_X(library({"a": [1, 2], "colour": ["red", "blue"]}))
    with pytest.raises(InputError, match=r"'size' .* text in 2 of 4 rows \(row 2: 'big', row 4: '\?'\): correct these"):
        check_X(library({"size": ["1.5", "big", "2", "?"]}))
    with pytest.raises(InputError, match=r"numbers written as text \(row 1: '1', row 2: '2.5'\).*to_numeric"):
        check_X(library({"size": ["1", "2.5"]}))
    with pytest.raises(InputError, match=r"column 'day' holds dates or times \(row 1: 2020-01-31"):
        check_X(library({"day": [datetime.date(2020, 1, 31), datetime.date(2020, 2, 1)]}))


def test_other_kinds_of_pandas_columns():
    with pytest.raises(InputError, match="column 'c' holds text"):
        check_X(pd.DataFrame({"c": pd.Categorical(["u", "v"])}))
    with pytest.raises(InputError, match="column 't' holds dates"):
        check_X(pd.DataFrame({"t": pd.to_datetime(["2020-01-01 12:00"]).tz_localize("Europe/Berlin")}))
    with pytest.raises(InputError, match="column 'd' holds dates"):
        check_X(pd.DataFrame({"d": pd.to_timedelta([1, 2])}))
    with pytest.raises(InputError, match="column 't' holds dates or times"):
        check_X(pd.DataFrame({"t": ["2020-01-01", "2020-01-02"]}))
    np.testing.assert_array_equal(check_X(pd.DataFrame({"c": pd.Categorical([3, 1])})).values, [[3], [1]])


def test_names_that_occur_twice_are_refused_with_both_places():
    with pytest.raises(InputError, match=r"two columns called 'a' \(columns 1 and 3\)"):
        check_X(pd.DataFrame(np.eye(3), columns=["a", "b", "a"]))
    with pytest.raises(InputError, match="two columns called '1'"):
        check_X(pd.DataFrame(np.eye(2), columns=[1, "1"]))
    with pytest.raises(InputError, match="two columns called 'a'"):
        check_X(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]))


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5, unique=True))
def test_any_column_name_is_kept(names):
    assert check_X(pd.DataFrame([range(len(names))], columns=names)).names == tuple(names)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_missing_values_are_told_or_let_through(missing):
    X = [[1.0, 2.0], [3.0, missing], [missing, missing]]
    with pytest.raises(
        InputError, match=r"Input X contains NaN: column 'x0' is missing in row 3 \(and 1 more column\)"
    ):
        check_X(X)
    np.testing.assert_array_equal(np.isnan(check_X(X, allow_nan=True).values), [[0, 0], [0, 1], [1, 1]])


def test_missing_values_of_nullable_columns():
    frame = pd.DataFrame({"n": pd.array([1, None], dtype="Int64"), "b": pd.array([None, True], dtype="boolean")})
    np.testing.assert_array_equal(check_X(frame, allow_nan=True).values, [[1, np.nan], [np.nan, 1]])
    both = pl.DataFrame({"n": [1, None], "b": [None, True]})
    np.testing.assert_array_equal(check_X(both, allow_nan=True).values, [[1, np.nan], [np.nan, 1]])
    masked = np.ma.array([[1, 2]], mask=[[0, 1]])
    np.testing.assert_array_equal(check_X(masked, allow_nan=True).values, [[1, np.nan]])


def test_infinity_is_never_let_through():
    X = np.zeros((10, 2))
    X[3:, 1] = np.inf
    message = r"infinity or a value too large .* column 'x1' is infinite in rows 4, 5, 6, 7, 8 and 2 more"
    with pytest.raises(InputError, match=message):
        check_X(X, allow_nan=True)
    with pytest.raises(InputError, match="infinity"):
        check_X([[10**400]])


def test_columns_are_found_by_name_at_prediction_time():
    names = ("mass", "speed")
    table = check_X(pd.DataFrame({"speed": [1], "mass": [2]}), feature_names=names)
    assert table.names == names
    np.testing.assert_array_equal(table.values, [[2, 1]])
    expected = (
        r"match those .* during fit: missing now: 'speed' \(did you mean 'Speed'\?\); unseen at fit time: 'Speed'"
    )
    with pytest.raises(InputError, match=expected):
        check_X(pd.DataFrame({"Speed": [1], "mass": [2]}), feature_names=names)


def test_columns_without_names_are_taken_by_position():
    with pytest.warns(DataWarning, match="X does not have valid feature names, but Model was fitted with"):
        assert check_X([[1, 2]], feature_names=("a", "b"), estimator="Model").names == ("a", "b")
    with pytest.warns(DataWarning, match="X has feature names, but Model was fitted without feature names"):
        check_X(pd.DataFrame({"p": [1]}), feature_names=("x0",), named=False, estimator="Model")
    with pytest.raises(InputError, match="X has 1 features, but Model is expecting 2 features as input"):
        check_X([[1]], feature_names=("x0", "x1"), named=False, estimator="Model")


def test_a_table_selects_and_takes():
    table = Table(("a", "b"), np.arange(6.0).reshape(3, 2))
    assert table.select(("a", "b")) is table
    np.testing.assert_array_equal(table.select(["b"]).values, [[1], [3], [5]])
    np.testing.assert_array_equal(table.take(np.array([2, 0])).columns["a"], [4, 0])
    assert repr(table) == "Table('a', 'b'; 3 rows x 2 columns)"
    with pytest.raises(InputError, match="one name per column"):
        Table(("a",), np.ones((2, 2)))
