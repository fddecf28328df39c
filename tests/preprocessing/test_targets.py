"""Targets: numbers for a regressor, classes for a classifier, and which of the two a table asks for."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from closedform.exceptions import DataWarning, InputError
from closedform.preprocessing import InputTypeError, check_target_classes, check_target_numbers, task_of

WORDS = ["no", "yes", "no", "maybe"]


# ----------------------------------------------------------------------------------------------------------- numbers


def test_numbers_are_checked_as_ever():
    np.testing.assert_array_equal(check_target_numbers([1, 2.5, True]), [1, 2.5, 1])
    with pytest.raises(InputError, match="RANRegressor requires y to be passed, but the target y is None"):
        check_target_numbers(None, estimator="RANRegressor")
    with pytest.raises(InputError, match="target 'price' has no finite value in row 2"):
        check_target_numbers(pd.Series([1, np.nan], name="price"))


@pytest.mark.parametrize("y", [WORDS, np.array(WORDS), pd.Series(WORDS), pd.Categorical(WORDS), pl.Series(WORDS)])
def test_a_regressor_given_words_names_the_classifier(y):
    message = r"target 'y' holds text \(row 1: 'no', row 2: 'yes', row 3: 'no', ...\).*; use RANClassifier to predict"
    with pytest.raises(InputError, match=message):
        check_target_numbers(y)


# ----------------------------------------------------------------------------------------------------------- classes


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (WORDS, ["maybe", "no", "yes"]),
        (np.array(WORDS), ["maybe", "no", "yes"]),
        (np.array(WORDS, dtype=object), ["maybe", "no", "yes"]),
        (pd.Series(WORDS), ["maybe", "no", "yes"]),
        (pd.Series(WORDS, dtype="category"), ["maybe", "no", "yes"]),
        (pl.Series(WORDS), ["maybe", "no", "yes"]),
        (pl.Series(WORDS, dtype=pl.Categorical), ["maybe", "no", "yes"]),
        (pa.chunked_array([WORDS]), ["maybe", "no", "yes"]),
        ([10, 2, 10], [2, 10]),
        (np.array([10, 2, 10], dtype=np.int8), [2, 10]),
        (np.array([10, 2, 10], dtype=object), [2, 10]),
        (pd.Series([10, 2, 10], dtype="Int64"), [2, 10]),
        (pd.Series([10, 2, 10], dtype="category"), [2, 10]),
        ([2.0, -1.0, 2.0], [-1.0, 2.0]),
        ([True, False], [False, True]),
        (pd.Series([True, False], dtype="boolean"), [False, True]),
        (pl.Series([True, False]), [False, True]),
        (["2024-01-02", "2024-01-01"], ["2024-01-01", "2024-01-02"]),
        (["2", 10], ["10", "2"]),
        ([2**60, 2**60 + 1], [2**60, 2**60 + 1]),
    ],
)
def test_classes_are_sorted_and_coded(y, classes):
    codes, found = check_target_classes(y)
    assert found.tolist() == classes and codes.dtype == np.intp
    assert type(found.tolist()[0]) is type(classes[0])
    told = [str(label) if isinstance(classes[0], str) else label for label in np.asarray(y, dtype=object).tolist()]
    assert found[codes].tolist() == told
    again = np.array(found.tolist())
    np.testing.assert_array_equal(again, found)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "Model requires y to be passed, but the target y is None"),
        ([], r"0 sample\(s\).* target 'y' is empty"),
        (5, "y should be a 1d array, got 5 instead"),
        (np.ones((3, 2)), r"y should be a 1d array, got an array of shape \(3, 2\) instead"),
        ([1, 1, 1], r"target 'y' has one class only \(1\): Model needs rows of at least two classes"),
        (["a", "a"], r"one class only \('a'\)"),
        ([0.5, 1.0], r"Unknown label type: continuous; target 'y' holds .* \(row 1: 0.5\): use RANRegressor"),
        ([1, 0.5, None], "contains NaN: target 'y' has no class in row 3"),
        (np.array([1, 0.5], dtype=object), r"Unknown label type: continuous; .* \(row 2: 0.5\)"),
        ([1.0, np.nan, np.nan], r"Input y contains NaN: target 'y' has no class in rows 2, 3; remove"),
        ([1.0, np.inf], r"Input y contains infinity .* row 2"),
        (["a", None, "b"], "Input y contains NaN: target 'y' has no class in row 2; remove these rows"),
        (pd.Series([True, None, False], dtype="boolean", name="ill"), "target 'ill' has no class in row 2"),
        ([1j, 2], "Complex data not supported: target 'y'"),
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), "Unknown label type: target 'y' holds dates or times"),
        ([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)], "holds dates or times"),
        (sparse.csr_matrix([[1], [2]]), "Sparse data was passed"),
    ],
)
def test_targets_without_classes_are_refused(y, message):
    with pytest.raises(InputError, match=message):
        check_target_classes(y, estimator="Model")


def test_odd_classes():
    with pytest.raises(InputTypeError, match=r"target 'y', row 2 holds \{\}"):
        check_target_classes(pd.Series(["a", {}]))
    with pytest.warns(DataWarning, match="target 'y' has 25 classes in 30 rows: it looks like a quantity"):
        check_target_classes(np.arange(30) % 25)
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        assert check_target_classes([[1], [2]])[0].tolist() == [0, 1]


@given(st.lists(st.text(max_size=3), min_size=2).filter(lambda y: len(set(y)) > 1 and len(set(y)) < 21))
def test_codes_and_classes_give_the_labels_back(y):
    codes, classes = check_target_classes(np.array(y, dtype=object))
    # numpy's text cannot end in the character 0.
    assert classes[codes].tolist() == [label.rstrip("\0") for label in y]


# -------------------------------------------------------------------------------------------------------------- task


@pytest.mark.parametrize(
    ("y", "task", "reason"),
    [
        (WORDS, "classification", "target 'y' holds text ('no', 'yes', 'maybe')."),
        (pd.Series([1, 2, 3], dtype="category", name="k"), "classification", "target 'k' holds categories."),
        ([True, None, False], "classification", "target 'y' holds true and false."),
        ([0, 1, 1, 0], "classification", "target 'y' holds 0 and 1 only."),
        ([0.0, 1.0, 1.0], "classification", "target 'y' holds 0 and 1 only."),
        (np.arange(400) % 4, "classification", "target 'y' holds only 4 different whole numbers in 400 rows."),
        (np.arange(40) % 4, "regression", "target 'y' holds 4 different whole numbers in 40 rows only."),
        (np.arange(400) % 11, "regression", "target 'y' holds 11 different whole numbers: too many for classes."),
        (np.arange(400) % 4 * 1.0, "regression", "target 'y' holds numbers."),
        ([0.5, 1.0], "regression", "target 'y' holds numbers."),
        ([1, 1, 1], "regression", "target 'y' holds 1 different whole numbers in 3 rows only."),
        ([str(i) for i in range(20)], "regression", "target 'y' holds 20 different numbers, written as text."),
        (["1", "2", "1"], "classification", "target 'y' holds text ('1', '2')."),
        (pd.to_datetime(["2024-01-01"]), "regression", "target 'y' holds no classes."),
    ],
)
def test_the_task_follows_from_the_target_and_is_said(y, task, reason):
    assert task_of(y) == (task, reason)
