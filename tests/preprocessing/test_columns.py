"""Tables as they are: what is learned about each column, and the same columns again at any later time."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from closedform.exceptions import DataWarning, InputError, ModelFileError
from closedform.preprocessing import Column, InputTypeError, Table, check_X, encode, learn_columns

MIXED = {
    "mass": [1.5, None, 2.5, 4.0],
    "count": [3, 1, 2, 2],
    "sold": [True, False, None, True],
    "colour": ["red", "blue", None, "red"],
}
FRAMES = [
    dict,
    pd.DataFrame,
    lambda columns: pd.DataFrame(columns).convert_dtypes(),
    lambda columns: pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow"),
    lambda columns: pd.DataFrame(columns).astype(object),
    pl.DataFrame,
    pl.LazyFrame,
    pa.table,
    lambda columns: {name: pd.Series(cells) for name, cells in columns.items()},
    lambda columns: {name: pl.Series(cells) for name, cells in columns.items()},
    lambda columns: {name: pa.array(cells) for name, cells in columns.items()},
]
FRAME_IDS = ["dict", "pandas", "nullable", "arrow-backed", "objects", "polars", "lazy", "pyarrow",
             "of pandas", "of polars", "of arrow"]  # fmt: skip


def learned(cells, **options) -> Column:
    return learn_columns({"c": cells}, minimum_rows=1, **options)[0][0]


def again(column: Column, cells) -> list[float]:
    return encode([column], {"c": cells})[0].tolist()


# --------------------------------------------------------------------------------------------------- what is learned


@pytest.mark.parametrize("make", FRAMES, ids=FRAME_IDS)
def test_tables_of_every_kind_are_taken_as_they_are(make):
    columns, encoded, named = learn_columns(make(MIXED))
    assert named
    assert columns == (
        Column("mass", "numeric", has_missing=True),
        Column("count", "numeric"),
        Column("sold", "boolean", has_missing=True),
        Column("colour", "categorical", levels=("red", "blue"), has_missing=True),
    )
    expected = [[1.5, np.nan, 2.5, 4], [3, 1, 2, 2], [1, 0, np.nan, 1], [0, 1, np.nan, 0]]
    for values in (encoded, encode(columns, make(MIXED))):
        np.testing.assert_array_equal(values, expected)
        assert all(column.dtype == np.float64 for column in values)


def test_arrays_lists_and_tables_without_names():
    rows = [[1.0, "a", True], [None, "b", False], [3.0, "a", True]]
    for X in (rows, np.array(rows, dtype=object), pd.DataFrame(rows)):
        columns, encoded, named = learn_columns(X)
        assert not named and [column.name for column in columns] == ["x0", "x1", "x2"]
        assert [column.kind for column in columns] == ["numeric", "categorical", "boolean"]
        np.testing.assert_array_equal(encoded, [[1, np.nan, 3], [0, 1, 0], [1, 0, 1]])
    columns, encoded, named = learn_columns(Table(("a", "b"), np.arange(6.0).reshape(3, 2)))
    assert named and [column.name for column in columns] == ["a", "b"]
    np.testing.assert_array_equal(encoded, [[0, 2, 4], [1, 3, 5]])
    masked = np.ma.array([["a", "b"], ["a", "c"], ["b", "c"]], mask=[[0, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(learn_columns(masked)[1], [[0, 0, 1], [np.nan, 0, 0]])
    records = np.array([(1, "u"), (2, "v")], dtype=[("n", int), ("word", "U3")])
    assert [(column.name, column.kind) for column in learn_columns(records)[0]] == [
        ("n", "numeric"),
        ("word", "categorical"),
    ]


def test_numbers_are_not_copied():
    X = np.arange(40.0).reshape(8, 5)
    X.setflags(write=False)
    columns, encoded, named = learn_columns(X)
    for values in (encoded, encode(columns, X, named=named)):
        assert all(np.shares_memory(column, X) for column in values)


@pytest.mark.parametrize(
    "cells",
    [
        pd.Categorical([3, 1, 3, None], categories=[1, 2, 3]),
        pd.Categorical(["3", "1", "3", None]),
        pl.Series(["3", "1", "3", None], dtype=pl.Categorical),
        pl.Series(["3", "1", "3", None], dtype=pl.Enum(["1", "2", "3"])),
        pa.array(["3", "1", "3", None]).dictionary_encode(),
        np.array([b"3", b"1", b"3", None], dtype=object),
    ],
    ids=["pandas numbers", "pandas text", "polars", "enum", "arrow", "bytes"],
)
def test_columns_that_are_categories(cells):
    series = pd.Series(cells) if isinstance(cells, pd.Categorical) else cells
    column = learned(series)
    assert column.kind == "categorical" and column.has_missing
    assert column.levels in ((3, 1), ("3", "1"))
    # Whatever holds the labels later, and however they are written: the same categories.
    for later in (["1", "3", "2", None], [1, 3, 2, None], [1.0, 3.0, 2.0, np.nan], np.array(["1", "3", "2"])):
        np.testing.assert_array_equal(again(column, later), [1, 0, -1, np.nan][: len(later)])


def test_intervals_of_pandas_cut_are_categories():
    frame = pd.DataFrame({"c": pd.cut([1.0, 5.0, 9.0, 8.0], [0, 4, 10])})
    column = learn_columns(frame)[0][0]
    assert column.levels == ("(4, 10]", "(0, 4]")
    np.testing.assert_array_equal(encode([column], frame), [[1, 0, 0, 0]])


def test_numbers_truth_and_dates_are_categories_where_the_user_says_so():
    days = pd.to_datetime(["2024-02-29", "2024-02-29", None, "2024-03-01 12:30"], format="mixed")
    frame = pd.DataFrame(
        {"code": [7.0, 2.0, 7.0, np.nan], "half": [0.5, 1, 1, 1], "on": [True, False, True, True], "day": days}
    )
    columns, encoded, _ = learn_columns(frame, categorical=list(frame))
    assert [column.levels for column in columns] == [
        (7, 2),
        (1, 0.5),
        (True, False),
        ("2024-02-29", "2024-03-01 12:30:00"),
    ]
    assert {column.kind for column in columns} == {"categorical"}
    np.testing.assert_array_equal(encoded, [[0, 1, 0, np.nan], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, np.nan, 1]])
    as_text = frame.astype({"on": str}).assign(day=frame["day"].astype(str).where(frame["day"].notna()))
    np.testing.assert_array_equal(encode(columns, as_text), encoded)


def test_levels_are_ordered_by_frequency_then_text_and_rare_ones_share_a_code():
    cells = ["b"] * 3 + ["c"] * 3 + ["a"] * 2 + ["z", "y"]
    assert learned(cells).levels == ("b", "c", "a", "y", "z")
    column = learned(cells, max_levels=3)
    assert column.levels == ("b", "c", "a") and column.n_rare == 2
    assert again(column, ["a", "z", "never seen", None])[:3] == [2, -1, -1]


def test_text_and_numbers_in_one_column_are_labels_and_said():
    with pytest.warns(DataWarning, match=r"column 'c' mixes text with numbers \(the first text is in row 2\)"):
        column = learned([1, "one", 2.0, "1", None])
    assert column.levels == ("1", "2", "one")
    assert again(column, [1.0, "2", "one"]) == [0, 1, 2]


def test_labels_for_each_row_are_left_out_and_said():
    with pytest.warns(DataWarning, match="column 'c' names the rows instead of grouping them"):
        column = learned([f"id {i}" for i in range(100)])
    assert column.ignored and not column.used and column.levels == ()
    assert np.isnan(again(column, ["id 3", "new"])).all()
    # Few rows: each label may be different, and is still a category.
    assert len(learned(["a", "b", "c"]).levels) == 3


def test_numbers_written_as_text():
    assert learned(["1", "2", "1"]).levels == ("1", "2")
    with pytest.raises(InputError, match=r"column 'c' holds numbers written as text \(row 1: '0'.*to_numeric; or name"):
        learned([str(i) for i in range(100)] * 3)
    assert learned([str(i) for i in range(100)] * 3, categorical=["c"]).n_rare == 36
    with pytest.raises(InputError, match=r"has text in 1 of 101 rows \(row 101: '\?'\): correct these cells"):
        learned([*range(100), "?"])


def test_constant_columns_are_said_and_a_gap_is_a_value():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": 7, "c": "x", "d": [5, np.nan, 5], "e": None, "f": ["u", None, "u"]})
    with pytest.warns(DataWarning, match="columns 'b', 'c', 'e' have the same value in every row and are left out"):
        columns, encoded, _ = learn_columns(frame)
    assert [column.used for column in columns] == [True, False, False, True, False, True]
    assert np.isnan(encoded[1]).all() and len(encoded[1]) == 3
    # What such a column holds later cannot matter.
    encode(columns, frame.assign(b="text", e=["some", "thing", 3]))


def test_warnings_point_at_the_caller_of_the_estimator():
    def fit():
        return learn_columns(np.ones((3, 1)))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    assert caught[0].filename == __file__


# -------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "X",
    [
        5,
        None,
        "data.csv",
        [1, 2],
        pd.Series([1, 2]),
        np.ones((2, 2, 2)),
        [[1, 2], [3]],
        {"a": [1, 2], "b": [3]},
        np.ones((0, 2)),
        np.ones((2, 0)),
        np.ones((2, 2)) * 1j,
        [[1, 1j]],
        pd.DataFrame({"z": [1j]}),
        sparse.csr_matrix(np.eye(2)),
        [[{"a": 1}, 2], [1, 2]],
        object(),
        pd.DataFrame(np.eye(2), columns=["a", "a"]),
        np.array([[1.0, 2.0], [np.inf, 3.0]]),
        pd.DataFrame({"a": [[1], [2]]}),
    ],
    ids=lambda X: type(X).__name__,
)
def test_what_is_refused_is_refused_in_the_words_of_check_X(X):
    with pytest.raises(InputError) as as_numbers:
        check_X(X, allow_nan=True)
    with pytest.raises(type(as_numbers.value)) as as_columns:
        learn_columns(X, minimum_rows=1)
    assert str(as_columns.value) == str(as_numbers.value)


def test_more_that_is_refused():
    with pytest.raises(InputError, match=r"1 sample\(s\).* a minimum of 2 is required by Model"):
        learn_columns([[1.0]], estimator="Model")
    with pytest.raises(InputError, match=r"column 'b' is infinite in row 2"):
        learn_columns({"a": [1, 2], "b": [1, np.inf]}, categorical=["b"])
    with pytest.raises(InputError, match=r"categorical: the table has no column 'colr' \(did you mean 'color'\?\)"):
        learn_columns({"color": [1, 2]}, categorical=["colr"])
    with pytest.raises(InputError, match=r"must be 'auto' or a list of column names, got 'color'"):
        learn_columns({"color": [1, 2]}, categorical="color")
    with pytest.raises(InputError, match="must be 'auto' or a list of column names, got None"):
        learn_columns({"color": [1, 2]}, categorical=None)
    for wrong in (0, 2.5, "few"):
        with pytest.raises(InputError, match=f"max_levels must be a whole number of at least 1, got {wrong!r}"):
            learn_columns({"a": [1, 2]}, max_levels=wrong)
    with pytest.raises(InputTypeError, match=r"column 'c', row 2 holds \[2\]"):
        learned(pd.Series(["a", [2]]))


# ------------------------------------------------------------------------------------------------------------ later


@pytest.mark.parametrize("make", FRAMES, ids=FRAME_IDS)
def test_columns_are_found_by_name(make):
    columns, encoded, _ = learn_columns(MIXED)
    np.testing.assert_array_equal(encode(columns, make(dict(reversed(MIXED.items())))), encoded)
    misspelt = {name.replace("colour", "color"): cells for name, cells in MIXED.items()}
    with pytest.raises(InputError, match=r"missing now: 'colour' \(did you mean 'color'\?\); unseen at fit time"):
        encode(columns, make(misspelt))


def test_columns_without_names_are_taken_by_position():
    columns, _, named = learn_columns(pd.DataFrame({"a": [1, 2], "b": [3, 4]}))
    with pytest.warns(DataWarning, match="X does not have valid feature names, but Model was fitted") as caught:
        np.testing.assert_array_equal(encode(columns, [[5, 6]], named=named, estimator="Model"), [[5], [6]])
    assert len(caught) == 1
    with pytest.raises(InputError, match="X has 1 features, but Model is expecting 2 features as input"):
        encode(columns, [[5]], estimator="Model")
    columns, _, named = learn_columns([[1, 2], [3, 4]])
    with pytest.warns(DataWarning, match="X has feature names, but Model was fitted without"):
        encode(columns, {"a": [1], "b": [2]}, named=named, estimator="Model")


def test_one_row_and_one_missing_cell_are_enough_later():
    columns, _, _ = learn_columns(MIXED)
    for make in (dict, pd.DataFrame, pl.DataFrame):
        gaps = encode(columns, make({name: [None] for name in MIXED}))
        assert np.isnan(gaps).all() and len(gaps) == 4
    with pytest.raises(InputError, match=r"0 sample\(s\)"):
        encode(columns, pd.DataFrame(MIXED)[:0])


@pytest.mark.parametrize(
    ("then", "now", "message"),
    [
        ([1, 2], ["a", "b"], r"column 'c' holds text \(row 1: 'a', row 2: 'b'\): it held numbers when"),
        ([1, 2], ["1", "2"], r"numbers written as text \(row 1: '1', row 2: '2'\): convert"),
        ([1, 2], [3, "many"], r"should hold numbers but has text in 1 of 2 rows \(row 2: 'many'\): correct"),
        ([1, 2], [3, np.inf], r"infinity .* column 'c' is infinite in row 2"),
        ([1, 2], pd.to_datetime(["2020-01-01"]), r"held numbers .* but holds dates now \(row 1; the first is "),
        ([1, 2], pd.to_timedelta([1]), r"held numbers .* holds lengths of time now"),
        ([True, False], [None, 2], r"held true and false .* holds numbers now \(row 2; the first is 2.0\)"),
        ([True, False], ["true", "maybe"], r"holds text now \(row 2; the first is 'maybe'\)"),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), [1, 2], r"held dates .* but holds numbers now \(rows 1, 2; "),
        (["2020-01-01", "2020-01-02"], ["2020-01-01", "soon"], r"held dates .* text now \(row 2; the first is 'soon'"),
        (pd.to_timedelta([1, 2]), ["a"], "column 'c' holds text"),
    ],
)
def test_cells_of_another_kind_than_at_fit_time(then, now, message):
    column = learned(pd.Series(then))
    with pytest.raises(InputError, match=message):
        again(column, pd.Series(now))


def test_cells_that_mean_the_same_as_at_fit_time():
    assert again(learned([True, False]), [1.0, 0.0]) == [1, 0]
    assert again(learned([True, False]), ["True", "false"]) == [1, 0]
    assert again(learned([1.5, 2]), [True, False]) == [1, 0]
    assert again(learned([1.5, 2]), pd.Categorical([2, 3])) == [2, 3]
    assert again(learned(["a", "b"]), [1.5, 2]) == [-1, -1]


# ------------------------------------------------------------------------------------------------------------- JSON

GOOD = {"name": "c", "kind": "categorical", "levels": ["a", 1, 2.5, True], "has_missing": False, "constant": False,
        "ignored": False, "n_rare": 0, "unit": ""}  # fmt: skip


def test_a_column_survives_json():
    column = Column.from_json(json.loads(json.dumps(GOOD)))
    assert column.levels == ("a", 1, 2.5, True) and type(column.levels[3]) is bool
    assert column.to_json() == GOOD


@pytest.mark.parametrize(
    "damage",
    [
        {"name": 3},
        {"kind": "text"},
        {"kind": ["numeric"]},
        {"levels": "ab"},
        {"levels": ["a", "a"]},
        {"levels": [1, "1"]},
        {"levels": [float("nan")]},
        {"levels": [None]},
        {"levels": [["a"]]},
        {"constant": 1},
        {"has_missing": None},
        {"ignored": "no"},
        {"n_rare": -1},
        {"n_rare": True},
        {"unit": "seconds"},
        {"kind": "numeric"},
        {"surplus": 1},
    ],
    ids=str,
)
def test_damaged_columns_are_refused(damage):
    with pytest.raises(ModelFileError, match="a column is damaged: "):
        Column.from_json({**GOOD, **damage})


@pytest.mark.parametrize("data", [None, [], "c", {"name": "c"}, 3.5])
def test_what_is_no_column_is_refused(data):
    with pytest.raises(ModelFileError, match="a column is damaged: expected"):
        Column.from_json(data)


# -------------------------------------------------------------------------------------------------------- hypothesis

_cells = st.one_of(
    st.lists(st.none() | st.floats(allow_infinity=False), min_size=6, max_size=6),
    st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=6, max_size=6),
    st.lists(st.none() | st.booleans(), min_size=6, max_size=6),
    st.lists(st.none() | st.text(max_size=4), min_size=6, max_size=6),
    st.lists(st.none() | st.dates(), min_size=6, max_size=6),
    st.lists(st.none() | st.datetimes() | st.timedeltas().map(str), min_size=6, max_size=6).filter(
        lambda cells: len({type(cell) for cell in cells if cell is not None}) < 2
    ),
)
_tables = st.dictionaries(st.text(min_size=1, max_size=5), _cells, min_size=1, max_size=4)


@given(table=_tables, make=st.sampled_from([dict, pd.DataFrame, pl.DataFrame]), data=st.data())
def test_learned_then_encoded_is_the_same(table, make, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        columns, encoded, named = learn_columns(make(table))
    assert [column.name for column in columns] == list(table) and named
    shuffled = {name: table[name] for name in data.draw(st.permutations(list(table)))}
    from_file = [Column.from_json(json.loads(json.dumps(column.to_json()))) for column in columns]
    assert from_file == list(columns)
    np.testing.assert_array_equal(encode(from_file, make(shuffled)), encoded)
    rows = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    some = {name: [cells[row] for row in rows] for name, cells in table.items()}
    # Instants far from 1970 may differ in the last digit between containers.
    np.testing.assert_allclose(encode(columns, some), [values[rows] for values in encoded], rtol=1e-15)
    for column, values in zip(columns, encoded, strict=True):
        assert not np.isinf(values).any()
        if column.kind == "categorical" and column.used:
            codes = values[~np.isnan(values)].astype(int)
            assert set(codes.tolist()) == set(range(len(column.levels)))
            assert (np.diff(np.bincount(codes)) <= 0).all()


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
@pytest.mark.parametrize(
    "cells", [["b", None, "a", "b"], [None, "2020-01-02", "2021-03-04", None], ["1", "2.5", "1", "7"]]
)
def test_columns_of_text_are_taken_as_the_same_cells_as_objects_are(storage, cells):
    as_objects = pd.DataFrame({"x": pd.Series(cells, dtype=object)})
    as_text = as_objects.astype(pd.StringDtype(storage))
    columns, expected, _ = learn_columns(as_objects)
    found, encoded, _ = learn_columns(as_text)
    assert found == columns
    np.testing.assert_array_equal(encoded[0], expected[0])
    np.testing.assert_array_equal(encode(columns, as_text)[0], encode(columns, as_objects)[0])
