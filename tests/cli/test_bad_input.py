"""Unusable input is refused before work starts, in the same words through Python and through the command line.

What is only odd gets a warning and a sensible result.
"""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pandas as pd
import pytest

from closedform import SymbolicRegressor, load
from closedform.exceptions import DataWarning, InputError, ModelFileError
from closedform.preprocessing import read_columns, read_table, split_target

# name -> (content of the file, target, pieces of the message)
TABLES: dict[str, tuple[bytes, str, list[str]]] = {
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(64), "y", ["is not a table", "PNG image"]),
    "web page": (b"<!DOCTYPE html><html><body>404</body></html>", "y", ["a web page (HTML)", "download the data file"]),
    "binary": (bytes(range(256)) * 20, "y", ["binary file", "expected CSV"]),
    "pickle": (b"\x80\x04\x95" + bytes(20), "y", ["pickle file, which is never loaded"]),
    "empty file": (b"", "y", ["is empty: expected a header line"]),
    "only a header": (b"x,y\n", "y", ["has column names but no rows"]),
    "ragged": (b"x,y\n1,2\n3,4,5\n", "y", ["3 values", "2 columns"]),
    "no such target": (
        b"height,mass_kg\n1,2\n3,4\n",
        "mass_k",
        ["no column 'mass_k'", "did you mean 'mass_kg'?"],
    ),
    "only the target": (b"y\n1\n2\n", "y", ["no column besides the target 'y'"]),
    "column twice": (b"x,x,y\n1,2,3\n4,5,6\n", "y", ["two columns called 'x'", "columns 1 and 2"]),
    "one row": (b"x,y\n1,2\n", "y", ["1 sample(s)", "a minimum of 2"]),
    "words": (b"city,y\nRome,1\nOslo,2\nRome,3\n", "y", ["column 'city' holds text", "row 1: 'Rome', row 2: 'Oslo'"]),
    "a word among numbers": (
        b"x,y\n1,2\n2,3\nn.a.,4\n4,5\n",
        "y",
        ["column 'x' should hold numbers but has text in 1 of 4 rows", "row 3: 'n.a.'"],
    ),
    "dates": (b"day,y\n2024-01-01,1\n2024-01-02,2\n", "y", ["column 'day' holds dates"]),
    "text target": (b"x,y\n1,low\n2,high\n", "y", ["target 'y' holds text", "must be numbers"]),
    "NaN in y": (b"x,y\n1,2\n2,\n3,4\n4,NaN\n", "y", ["Input y contains NaN", "target 'y'", "rows 2, 4"]),
    "inf in y": (b"x,y\n1,2\n2,inf\n3,4\n", "y", ["Input y contains infinity", "target 'y'", "row 2"]),
    "NaN in X": (b"x,z,y\n1,1,2\n2,,3\n3,,4\n", "y", ["Input X contains NaN", "column 'z' is missing in rows 2, 3"]),
    "inf in X": (b"x,y\n1,2\n-inf,3\n3,4\n", "y", ["Input X contains infinity", "column 'x' is infinite in row 2"]),
    "name that Excel gave twice": (
        b"temp;temp;y\n1;2;3\n4;5;6\n",
        "y",
        ["two columns called 'temp'"],
    ),
}

tables = pytest.mark.parametrize("case", TABLES)


@tables
def test_on_the_command_line(cli, tmp_path, case):
    content, target, pieces = TABLES[case]
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    start = time.perf_counter()
    done = cli("fit", path, "--target", target, "--max-time", "60", "--out", tmp_path / "model.json")
    assert time.perf_counter() - start < 10, "refused before the search"
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1, "one sentence"
    assert [piece for piece in pieces if piece not in done.err] == []
    assert not (tmp_path / "model.json").exists()


@tables
def test_in_python(tmp_path, case):
    content, target, pieces = TABLES[case]
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        SymbolicRegressor(max_time=60).fit(*split_target(read_table(path), target))
    assert [piece for piece in pieces if piece not in str(caught.value)] == []


def test_a_file_that_is_not_there(cli, tmp_path):
    (tmp_path / "planets.csv").write_text("x,y\n1,2\n")
    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "planet.csv")
    done = cli("fit", tmp_path / "planet.csv", "--target", "y")
    assert done.code == 2
    assert done.err == f"error: {caught.value}\n"
    assert "did you mean 'planets.csv'?" in done.err


def test_a_folder(cli, tmp_path):
    done = cli("fit", tmp_path, "--target", "y")
    assert done.code == 2
    assert "is a folder" in done.err


def test_an_ending_that_is_not_true(cli, tmp_path):
    path = tmp_path / "table.parquet"
    path.write_text("x,y\n1,2\n2,3\n")
    done = cli("fit", path, "--target", "y")
    assert done.code == 2
    assert "not in Parquet format" in done.err


# --- model files ------------------------------------------------------------------------------------------------------


def _newer(data):
    data["version"] = 99
    return data


def _without_formulas(data):
    del data["formulas"]
    return data


def _unknown_operator(data):
    data["formulas"][2]["expression"] = ["__import__", ["var", "x"]]
    return data


DAMAGE = {
    "too new": (_newer, "update closedform"),
    "a field is missing": (_without_formulas, '"formulas" is missing'),
    "unknown operator": (_unknown_operator, "damaged"),
    "another kind of file": (lambda data: {"format": "cookies"}, "not a closedform model"),
}


@pytest.mark.parametrize("command", ["predict", "show"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_model_file(cli, model_path, rows_path, command, damage):
    change, piece = DAMAGE[damage]
    model_path.write_text(json.dumps(change(json.loads(model_path.read_text()))))
    with pytest.raises(ModelFileError) as caught:
        load(model_path)
    done = cli(command, model_path, *([rows_path] if command == "predict" else []))
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {caught.value}\n"
    assert piece in done.err


@pytest.mark.parametrize("command", ["predict", "show"])
def test_half_a_model_file_and_none(cli, model_path, rows_path, tmp_path, command):
    more = [rows_path] if command == "predict" else []
    model_path.write_text(model_path.read_text()[:300])
    assert "not JSON, or was cut off" in cli(command, model_path, *more).err
    assert cli(command, tmp_path / "none.json", *more).code == 2


def test_other_columns_than_at_fit_time(cli, model_path, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("x,x1\n1,2\n")
    with pytest.raises(InputError) as caught:
        read_columns(path, ["x", "x 1"])
    done = cli("predict", model_path, path)
    assert done.code == 2
    assert done.err == f"error: {caught.value}\n"


# --- options ----------------------------------------------------------------------------------------------------------

OPTIONS = {
    "time": (["--max-time", "0"], "--max-time must be a number of seconds above 0, got 0"),
    "time that is no number": (["--max-time", "nan"], "--max-time must be a number of seconds above 0, got nan"),
    "task of a formula": (["--task", "classification"], "--task goes with --model ran"),
    "loss of a network": (["--loss", "poisson"], "--loss poisson goes with --model ran"),
    "operators of a network": (["--model", "ran", "--operators", "exp"], "--operators goes with --model symbolic"),
    "complexity of a network": (["--model", "ran", "--max-complexity", "9"], "--max-complexity goes with --model"),
    "unknown model": (
        ["--model", "symbol"],
        "got 'symbol' (did you mean 'symbolic'?)",
    ),
    "operator": (["--operators", "mul,expo"], "--operators: there is no operator 'expo' (did you mean 'exp'?)"),
    "feature": (["--features", "x,zz"], "--features: there is no column 'zz' (did you mean 'z'?)"),
    "excluded": (["--exclude", "w"], "--exclude: there is no column 'w'"),
    "everything excluded": (["--exclude", "x,z"], "--exclude leaves no column"),
    "complexity": (["--max-complexity", "0"], "Invalid value for '--max-complexity'"),
    "holdout": (["--holdout", "1.5"], "Invalid value for '--holdout'"),
    "out in no folder": (["--out", "no/such/folder/m.json"], "--out: there is no folder"),
    "out is standard output": (["--out", "-"], "--out needs the name of a file"),
    "text column": (["--features", "name"], "(--exclude 'name' leaves it out.)"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_errors_name_the_option(cli, tmp_path, case):
    arguments, message = OPTIONS[case]
    path = tmp_path / "table.csv"
    path.write_text("x,z,name,y\n" + "".join(f"{k},{k * k},n{k},{3 * k}\n" for k in range(9)))
    done = cli("fit", path, "--target", "y", *([] if case == "text column" else ["--exclude", "name"]), *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert message in done.err


def test_the_table_is_not_written_over(cli, line_path):
    before = line_path.read_bytes()
    done = cli("fit", line_path, "--target", "y", "--out", line_path)
    assert done.code == 2
    assert "would overwrite" in done.err
    assert line_path.read_bytes() == before


# --- odd, but not wrong -----------------------------------------------------------------------------------------------

K = np.arange(1.0, 31.0)

# name -> (columns, piece of the warning, variables of the chosen formula)
ODD: dict[str, tuple[dict[str, np.ndarray], str, tuple[str, ...]]] = {
    "constant target": ({"x": K, "y": 0 * K + 7.5}, "target 'y' is 7.5 in every row", ()),
    "constant column": ({"x": K, "c": 0 * K + 1, "y": 3 * K}, "column 'c' has the same value in every row", ("x",)),
    "huge": ({"x": K, "y": 2e300 * K}, "magnitudes beyond 1e100 or below 1e-100 in 'y'", ("x",)),
    "tiny": ({"x": 1e-300 * K, "y": 5 * K}, "magnitudes beyond 1e100 or below 1e-100 in 'x'", ("x",)),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_tables_get_a_warning_and_a_result(cli, toy_search, tmp_path, case):
    columns, warning, variables = ODD[case]
    frame = pd.DataFrame(columns)
    path = tmp_path / "odd.csv"
    frame.to_csv(path, index=False)
    with pytest.warns(DataWarning, match="") as caught:
        model = SymbolicRegressor(max_time=5, random_state=0).fit(frame.drop(columns="y"), frame["y"])
    assert any(warning in str(one.message) for one in caught)
    done = cli("fit", path, "--target", "y", "--max-time", "5", "--json")
    assert done.code == 0
    assert f"warning: {warning}" in done.err
    chosen = done.json["formulas"][done.json["chosen"]]
    assert tuple(chosen["variables"]) == model.expression_.variables == variables
    assert all(math.isfinite(one["value"]) for one in chosen["constants"])


def test_a_thousand_columns(cli, monkeypatch, tmp_path):
    monkeypatch.setattr("closedform.engines.ENGINES", {"screen": "cli_runs:FirstColumnEngine"})
    frame = pd.DataFrame({**{f"x{j}": np.roll(K, j) ** (j % 3 + 1) for j in range(1000)}, "y": 3 * K})
    frame.to_csv(tmp_path / "wide.csv", index=False)
    done = cli("fit", tmp_path / "wide.csv", "--target", "y", "--max-time", "5")
    assert done.code == 0
    assert "warning: the table has 1000 columns" in done.err
    assert "y is explained by 'x0', without 'x1', 'x2', 'x3', 'x4', 'x5' and 994 more." in done.out


@pytest.mark.parametrize("name", ["x 1", "Température", "exp", "E", "lambda", "x`y", "a,b", '"', "√", "1", "[bold]"])
def test_any_column_name_works(cli, toy_search, tmp_path, name):
    frame = pd.DataFrame({name: K, "y [m/s]": 3 * K})
    frame.to_csv(tmp_path / "names.csv", index=False)
    model = tmp_path / "m.json"
    done = cli("fit", tmp_path / "names.csv", "--target", "y [m/s]", "--max-time", "5", "--out", model)
    assert (done.code, "y [m/s]" in done.out) == (0, True)
    for format in ("table", "text", "latex", "python", "numpy", "torch", "c", "sympy", "excel", "json"):
        assert cli("show", model, "--format", format).code == 0
    predicted = cli("predict", model, tmp_path / "names.csv", "--json").json["prediction"]
    np.testing.assert_allclose(predicted, 3 * K, rtol=1e-9)
    more = ["--features", name, "--target", "y [m/s]", "--max-time", "5"]
    assert cli("fit", tmp_path / "names.csv", *more).code == 0
