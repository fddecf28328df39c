"""Labels of groups, and formulas with a table of constants."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from closedform.exceptions import InputError
from closedform.group_constants import GroupConstants, check_groups, group_name, label_texts, own_names, with_names
from closedform.symbolic import Expression

TABLE = GroupConstants(("a", "b"), (1,), ((2.5,), (-3.5,)), ((0.1,), (0.2,)))
FORM = Expression.parse("4.5*x**2 + 1.0*x + 4.5")


def test_a_formula_in_each_group():
    assert TABLE.in_group(FORM, "b") == Expression.parse("4.5*x**2 - 3.5*x + 4.5")
    with pytest.raises(InputError, match=r"there is no group 'B' \(did you mean 'b'\?\) in row 1: .* known are a, b"):
        TABLE.in_group(FORM, "B")
    np.testing.assert_array_equal(TABLE.positions(["b", "a", "b"]), [1, 0, 1])
    with pytest.raises(InputError, match="there is no group 'c' in rows 2, 3"):
        TABLE.positions(["b", "c", "d"])


def test_names_stand_where_constants_differ():
    assert str(with_names(FORM, (0, 1), ["c1", "c2"])) == "c1*x**2 + c2*x + 4.5"
    # A constant of the same value elsewhere stays a number.
    assert str(with_names(FORM, (2,), ["c1"])) == "4.5*x**2 + 1.0*x + c1"
    assert own_names(2, ["x", "c"]) == ["c1", "c2"]
    assert own_names(2, ["c7", "x"]) == ["c_1", "c_2"]


def test_labels_of_any_kind():
    codes, labels = check_groups(pd.Series(["b", "a", "b", "a"], name="kind"), 4)
    assert (codes.tolist(), labels) == ([0, 1, 0, 1], ("b", "a"))
    assert label_texts(np.array([3.0, 4.0])) == label_texts([3, 4]) == ["3", "4"]
    assert label_texts(pd.Categorical(["x", "y"])) == ["x", "y"]
    assert label_texts([True, False, 0.5]) == ["True", "False", "0.5"]
    assert group_name(pd.Series([1], name="kind")) == "kind"
    assert group_name([1]) == "group"


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["a", "b"], "one label for each of 4 rows, got 2"),
        (["a"] * 4, "the one label 'a' in all rows"),
        (["a", "b", "c", "d"], "4 labels for 4 rows: a group needs two rows on average"),
        (["a", None, "b", "b"], "no label in row 2"),
        (["a", float("nan"), "b", "b"], "no label in row 2"),
        (np.ones((4, 2)), r"one column of labels, got an array of shape \(4, 2\)"),
    ],
)
def test_what_cannot_be_groups(groups, message):
    with pytest.raises(InputError, match=message):
        check_groups(groups, 4)
