"""Files of every kind, as they are met, and the sentence for those that are no tables."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from closedform.exceptions import DataWarning, InputError
from closedform.preprocessing import Table, read_columns, read_table, split_target


@pytest.fixture
def write(tmp_path):
    """Write text or bytes to a file with this name and return its path."""

    def write_file(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


# Each file holds x = 1.5, 3 and "y z" = 2, 4e-3, written in another way.
SAME_TABLE = {
    "plain.csv": "x,y z\n1.5,2\n3,4e-3\n",
    "windows.csv": "x,y z\r\n1.5,2\r\n3,4e-3\r\n",
    "blanks.csv": "x, y z\n1.5, 2\n\n3, 4e-3\n",
    "quoted.csv": '"x","y z"\n"1.5","2"\n"3","4e-3"\n',
    "german.csv": "x;y z\n1,5;2\n3;4e-3\n",
    "pipes.txt": "x|y z\n1.5|2\n3|4e-3\n",
    "tabs.tsv": "x\ty z\n1.5\t2\n3\t4e-3\n",
    "comments.csv": "# source: somewhere, 1929\n\n# more\nx,y z\n1.5,2\n3,4e-3\n",
    "commented_header.csv": "# measured, once\n# x,y z\n1.5,2\n3,4e-3\n",
    "byte_order_mark.csv": "\ufeffx,y z\n1.5,2\n3,4e-3\n",
    "utf16.csv": "x,y z\n1.5,2\n3,4e-3\n".encode("utf-16"),
    "packed.csv.gz": gzip.compress(b"x,y z\n1.5,2\n3,4e-3\n", mtime=0),
    "packed.csv.bz2": bz2.compress(b"x,y z\n1.5,2\n3,4e-3\n"),
    "no_ending": "x,y z\n1.5,2\n3,4e-3",
    "lines.jsonl": '{"x": 1.5, "y z": 2}\n\n{"y z": 4e-3, "x": 3}\n',
    "array.json": '[{"x": 1.5, "y z": 2}, {"x": 3, "y z": 4e-3}]',
}


@pytest.mark.parametrize("name", SAME_TABLE)
def test_text_tables(name, write):
    path = write(name, SAME_TABLE[name])
    frame = read_table(path)
    assert list(frame.columns) == ["x", "y z"]
    np.testing.assert_array_equal(frame.to_numpy(), [[1.5, 2], [3, 4e-3]])
    light = read_columns(path, ["y z", "x"])
    assert light.names == ("y z", "x")
    np.testing.assert_array_equal(light.values, [[2, 1.5], [4e-3, 3]])


@pytest.mark.parametrize("ending", ["parquet", "feather", "xlsx"])
def test_binary_tables(ending, tmp_path):
    frame = pd.DataFrame({"x": [1.5, 3.0], "y z": [2, 4], "unused": ["a", "b"]})
    path = tmp_path / f"table.{ending}"
    writer = {
        "parquet": frame.to_parquet,
        "feather": frame.to_feather,
        "xlsx": lambda p: frame.to_excel(p, index=False),
    }
    writer[ending](path)
    pd.testing.assert_frame_equal(read_table(path), frame, check_dtype=False)
    np.testing.assert_array_equal(read_columns(path, ["y z"]).values, [[2], [4]])


def test_white_space_separates_numbers(write):
    path = write("table.dat", "  x   y\n 1.5  2\n 3\t4e-3\n")
    np.testing.assert_array_equal(read_table(path).to_numpy(), [[1.5, 2], [3, 4e-3]])
    np.testing.assert_array_equal(read_columns(path, ["y"]).values, [[2], [4e-3]])


def test_one_column_with_a_blank_in_its_name(write):
    assert read_table(write("one.csv", "x 1\n1\n2\n")).columns.tolist() == ["x 1"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1"])
def test_letters_of_western_europe(encoding, write):
    path = write("table.csv", "Température,größe\n1,2\n".encode(encoding))
    assert read_table(path).columns.tolist() == ["Température", "größe"]
    assert read_columns(path, ["größe"]).values.tolist() == [[2.0]]


def test_an_odd_letter_far_below_the_head(write):
    path = write("table.csv", b"x,place\n" + b"1,a\n" * 40000 + b"2,\xe9\n")
    assert read_table(path)["place"].iloc[-1] == "é"
    assert read_columns(path, ["x"]).n_rows == 40001


def test_standard_input():
    assert read_table("-", stdin=io.BytesIO(b"x,y\n1,2\n")).to_numpy().tolist() == [[1, 2]]
    assert read_columns("-", ["y"], stdin=io.BytesIO(b'{"x": 1, "y": 2}\n')).values.tolist() == [[2.0]]
    with pytest.raises(InputError, match="standard input is empty"):
        read_table("-", stdin=io.BytesIO(b"\n"))


def test_true_and_false_are_one_and_zero(write):
    path = write("table.csv", "flag,y\nTrue,1\nfalse,2\n")
    assert read_columns(path, ["flag"]).values.tolist() == [[1.0], [0.0]]
    assert read_table(path)["flag"].tolist() == [True, False]


def test_row_numbers_without_a_name_are_left_out(write):
    path = write("saved.csv", ",x,y\n0,1,2\n1,3,4\n")
    with pytest.warns(DataWarning, match="only counts the rows") as caught:
        assert read_table(path).columns.tolist() == ["x", "y"]
    assert caught[0].filename == __file__
    assert read_table(write("other.csv", ",x\n7,1\n3,2\n")).columns.tolist() == ["column 1", "x"]


def test_a_named_index_is_a_column(tmp_path):
    pd.DataFrame({"x": [1, 2]}, index=pd.Index([5, 6], name="year")).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").columns.tolist() == ["year", "x"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", "", "'.*empty.csv' is empty"),
        ("blank.csv", "\n  \n", "is empty"),
        ("comments.csv", "# nothing\n# else\n", "holds only comments"),
        ("header.csv", "x,y\n", "has column names but no rows"),
        ("numbers.csv", "1,2\n3,4\n", r"has no header: its first line holds only numbers \('1,2'\)"),
        ("twice.csv", "x,y,x\n1,2,3\n", r"header of '.*twice.csv' has two columns called 'x' \(columns 1 and 3\)"),
        ("long.csv", "x,y\n1,2\n3,4,5\n", "not a table: row 2 has 3 values, but the header names 2 columns"),
        ("far.csv", "x,y\n" + "1,2\n" * 200 + "3,4,5\n", "(line 202|row 201) has 3 values, but the header names 2"),
        ("prose.txt", "Once upon a time, there was\na king, a queen, and more, too.\n", "is not a table: row 1 has 4"),
        ("page.csv", "<!DOCTYPE html>\n<html></html>", "is a web page"),
        ("page.xml", "<?xml version='1.0'?><a/>", "is an XML document"),
        ("binary.csv", bytes(range(256)) * 4, "is a binary file, not a table"),
        ("paper.pdf", b"%PDF-1.7", "not a table but a PDF document"),
        ("model.pkl", b"\x80\x04\x95", "a pickle file, which is never loaded"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1", "an old Excel file"),
        ("bundle.zip", b"PK\x03\x04abc", "is a zip archive, not a table: unpack it first"),
        ("text.parquet", "x,y\n1,2\n", "is not in Parquet format, although its name ends in .parquet"),
        ("text.xlsx", "x,y\n1,2\n", "is not in Excel format"),
        ("cut.csv.gz", gzip.compress(b"x,y\n1,2\n", mtime=0)[:-9], "compressed, but unpacking it fails"),
        ("bad.jsonl", '{"x": 1}\n{"x": \n', "line 2 is not valid JSON"),
        ("list.jsonl", '{"x": 1}\n[2]\n', "line 2 holds a JSON list: expected one object per line"),
        ("twice.jsonl", '{"x": 1, "x": 2}\n', "line 1 has two values called 'x'"),
    ],
)
def test_what_is_no_table(name, content, message, write):
    path = write(name, content)
    with pytest.raises(InputError, match=message):
        read_table(path)
    with pytest.raises(InputError, match=message):
        read_columns(path, ["x"])


def test_damaged_binary_files(tmp_path):
    frame = pd.DataFrame({"x": [1.5, 3.0]})
    for ending, write in (("parquet", frame.to_parquet), ("feather", frame.to_feather), ("xlsx", frame.to_excel)):
        path = tmp_path / f"t.{ending}"
        write(path)
        path.write_bytes(path.read_bytes()[:-300])
        with pytest.raises(InputError, match=r"cannot be read as .*: it is damaged"):
            read_table(path)


def test_names_that_occur_twice_in_binary_files(tmp_path):
    parquet.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "t.parquet")
    pd.DataFrame([["a", "a"], [1, 2]]).to_excel(tmp_path / "t.xlsx", index=False, header=False)
    for name in ("t.parquet", "t.xlsx"):
        with pytest.raises(InputError, match=r"two columns called 'a' \(columns 1 and 2\)"):
            read_table(tmp_path / name)


def test_an_empty_sheet(tmp_path):
    pd.DataFrame().to_excel(tmp_path / "t.xlsx")
    with pytest.raises(InputError, match=r"first sheet of .* is empty"):
        read_table(tmp_path / "t.xlsx")


def test_missing_files_and_folders(write, tmp_path):
    write("planets.csv", "x,y\n1,2\n")
    with pytest.raises(InputError, match=r"does not exist \(did you mean 'planets.csv'\?\)"):
        read_table(tmp_path / "planet.csv")
    with pytest.raises(InputError, match="does not exist; check"):
        read_table(tmp_path / "nowhere" / "planets.csv")
    with pytest.raises(InputError, match="does not exist"):
        read_table("x,y\n1,2\n" * 200)
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path)


def test_an_unreadable_file(write, monkeypatch):
    path = write("secret.csv", "x,y\n1,2\n")

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(InputError, match="cannot be read: Permission denied; check its permissions"):
        read_table(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("read", [read_table, lambda path: read_columns(path, ["x", "y"])])
def test_a_pipe_is_read_once(read, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("x,y\n1,2\n",))
    writer.start()
    table = read(pipe)
    writer.join()
    assert np.array_equal(table.values, [[1, 2]])


def test_cells_that_are_no_numbers(write):
    path = write("t.csv", "x,y,z\n1,abc,\n2,5,NA\n3,big,1e999\n")
    with pytest.raises(InputError, match=r"column 'y' .* text in 2 of 3 rows \(row 1: 'abc', row 3: 'big'\)"):
        read_columns(path, ["x", "y"])
    with pytest.raises(InputError, match=r"Input X contains NaN: column 'z' is missing in rows 1, 2"):
        read_columns(path, ["z"])
    with pytest.raises(InputError, match="infinity"):
        read_columns(path, ["z"], allow_nan=True)
    short = write("short.csv", "x,y\n1\n2,5\n")
    assert np.isnan(read_columns(short, ["y"], allow_nan=True).values[0, 0])


def test_columns_that_a_file_lacks(write):
    path = write("t.csv", "Mass,speed\n1,2\n")
    with pytest.raises(
        InputError, match=r"has no column 'mass' \(did you mean 'Mass'\?\); its columns are 'Mass', 'speed'"
    ):
        read_columns(path, ["mass"])
    table = read_columns(path, [])
    assert isinstance(table, Table) and table.values.shape == (1, 0)


def test_the_target_is_split_off():
    frame = pd.DataFrame({"distance": [1, 2], "period": [3, 4]})
    X, y = split_target(frame, "period")
    assert X.columns.tolist() == ["distance"] and y.tolist() == [3, 4] and y.name == "period"
    with pytest.raises(
        InputError, match=r"no column 'Perid' \(did you mean 'period'\?\); its columns are 'distance', 'per"
    ):
        split_target(frame, "Perid")
    with pytest.raises(InputError, match="no column besides the target 'period'"):
        split_target(frame[["period"]], "period")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_both_readers_give_back_every_digit(numbers):
    content = "x\n" + "\n".join(map(repr, numbers)) + "\n"
    light = read_columns("-", ["x"], stdin=io.BytesIO(content.encode()))
    np.testing.assert_array_equal(light.values[:, 0], numbers)
    np.testing.assert_allclose(read_table("-", stdin=io.BytesIO(content.encode()))["x"], numbers, rtol=1e-15)
