"""`closedform predict`: the saved formula on files and pipes, without anything heavy."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cli_runs import LAW, process
from closedform.model_file import save_model
from closedform.symbolic import Expression


@pytest.fixture
def expected(rows):
    return Expression.parse(LAW).evaluate(rows)


def column(text: str) -> list[float]:
    (header,), *rows = csv.reader(text.splitlines())
    assert header == "prediction"
    return [float(cell) if cell else math.nan for (cell,) in rows]


def test_to_standard_output(cli, model_path, rows_path, expected):
    done = cli("predict", model_path, rows_path)
    assert (done.code, done.err) == (0, "")
    assert column(done.out) == expected.tolist()


def test_from_a_pipe_into_a_pipe(model_path, rows_path, expected):
    done = process("predict", model_path, "-", stdin=rows_path.read_text())
    assert (done.code, done.err) == (0, "")
    assert column(done.out) == expected.tolist()


def test_json(cli, model_path, rows_path, expected):
    record = cli("predict", model_path, rows_path, "--json").json
    assert record == {"target": "y", "formula": LAW, "prediction": expected.tolist()}


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "feather", "xlsx", "jsonl"])
def test_every_kind_of_file(cli, model_path, rows, expected, tmp_path, ending):
    from closedform.preprocessing import read_table

    frame, source, result = pd.DataFrame(rows), tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    write = {
        "csv": lambda: frame.to_csv(source, index=False),
        "tsv": lambda: frame.to_csv(source, index=False, sep="\t"),
        "parquet": lambda: frame.to_parquet(source),
        "feather": lambda: frame.to_feather(source),
        "xlsx": lambda: frame.to_excel(source, index=False),
        "jsonl": lambda: frame.to_json(source, orient="records", lines=True, double_precision=15),
    }
    write[ending]()
    done = cli("predict", model_path, source, "--out", result)
    assert (done.code, done.out, done.err) == (0, "", "")
    np.testing.assert_allclose(read_table(result)["prediction"], expected, rtol=1e-9)


def test_another_formula_of_the_front(cli, model_path, rows_path, rows):
    assert column(cli("predict", model_path, rows_path, "--index", "1").out) == (2.25 * rows["x"]).tolist()
    assert column(cli("predict", model_path, rows_path, "--index", "0").out) == [3.5] * 25


def test_rows_without_a_value_are_refused_or_left_empty(cli, model_path):
    table = "x,x 1\n1,2\n1,-2\n"
    done = cli("predict", model_path, "-", stdin=table)
    assert (done.code, done.out) == (2, "")
    assert "no value in row 2: log(`x 1`)" in done.err
    assert "--outside nan" in done.err
    assert "outside=" not in done.err
    done = cli("predict", model_path, "-", "--outside", "nan", stdin=table)
    assert (done.code, done.err) == (0, "")
    assert math.isnan(column(done.out)[1])
    assert cli("predict", model_path, "-", "--outside", "nan", "--json", stdin=table).json["prediction"][1] is None


def test_a_model_fitted_on_an_array_takes_columns_in_their_order(cli, saved_model, tmp_path):
    unnamed = replace(
        saved_model,
        feature_names=("x0", "x1"),
        named=False,
        formulas=(replace(saved_model.formulas[1], expression=Expression.parse("2.25*x1")),),
        chosen=0,
        domain={"x0": (0.0, 5.0), "x1": (0.0, 5.0)},
    )
    save_model(unnamed, tmp_path / "unnamed.json")
    done = cli("predict", tmp_path / "unnamed.json", "-", stdin="a,b,y\n1,2,0\n3,4,0\n")
    assert column(done.out) == [4.5, 9.0]
    assert "taken in their order" in done.err
    done = cli("predict", tmp_path / "unnamed.json", "-", stdin="x1,x0\n1,2\n3,4\n")
    assert column(done.out) == [2.25, 6.75]
    assert done.err == ""


def test_rows_outside_the_data_of_the_fit(cli, model_path):
    """`LAW` was learned for x from 0.5 to 4 and `x 1` from 1 to 2."""
    table = "x,x 1\n1,2\n9,2\n4.1,2\n"
    far = "outside the data that it was learned on in row 2: x = 9, learned from 0.5 to 4"
    done = cli("predict", model_path, "-", stdin=table)
    assert done.code == 0
    assert done.err.startswith(f"warning: The formula is used {far}")
    values = column(done.out)
    assert np.isfinite(values).all()
    done = cli("predict", model_path, "-", "--outside", "ignore", stdin=table)
    assert (done.code, done.err, column(done.out)) == (0, "", values)
    done = cli("predict", model_path, "-", "--outside", "nan", stdin=table)
    assert (done.code, done.err) == (0, "")
    assert [math.isnan(value) for value in column(done.out)] == [False, True, False]
    done = cli("predict", model_path, "-", "--outside", "raise", stdin=table)
    assert (done.code, done.out) == (2, "")
    assert far in done.err
    assert "--outside nan" in done.err
    assert cli("predict", model_path, "-", "--outside", "other", stdin=table).code == 2


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("x,X 1\n1,2\n", "no column 'x 1' (did you mean 'X 1'?)"),
        ("x,x 1\n1,\n", "column 'x 1' is missing in row 1"),
        ("x,x 1\n1,inf\n", "column 'x 1' is infinite in row 1"),
        ("x,x 1\n1,two\n", "column 'x 1' holds text (row 1: 'two')"),
        ("x,x 1\n", "no rows"),
        ("", "standard input is empty"),
        ("x,x 1,x\n1,2,3\n", "two columns called 'x'"),
    ],
)
def test_a_table_that_cannot_be_used(cli, model_path, table, message):
    done = cli("predict", model_path, "-", stdin=table)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert message in done.err


def test_the_place_for_results_is_checked(cli, model_path, rows_path, tmp_path):
    for out, message in [
        (tmp_path / "nowhere" / "p.csv", "there is no folder"),
        (tmp_path, "is a folder"),
        (rows_path, "would overwrite"),
        (model_path, "would overwrite"),
        (tmp_path / "p.docx", "ending '.docx'"),
    ]:
        done = cli("predict", model_path, rows_path, "--out", out)
        assert (done.code, done.out) == (2, "")
        assert message in done.err
    assert cli("predict", model_path, rows_path, "--out", tmp_path / "p.csv", "--json").code == 2


@pytest.mark.parametrize("command", ["predict", "show"])
def test_nothing_heavy_is_loaded(command, model_path, rows_path):
    data = [str(rows_path)] if command == "predict" else []
    code = (
        "import json, sys\nfrom closedform.cli.app import run\n"
        f"code = run({[command, str(model_path), *data]!r})\n"
        "print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    exit_code, modules = json.loads(done.stderr)
    assert exit_code == 0
    heavy = {"torch", "sklearn", "pandas", "scipy", "sympy", "matplotlib", "pyarrow", "joblib"}
    # Intervals of constants take Student's distribution from SciPy.
    heavy -= {"scipy"} if command == "show" else set()
    assert heavy & {name.partition(".")[0] for name in modules} == set()


def test_predicting_takes_less_than_a_second(model_path, rows_path):
    """Processor time of the whole process, the best of three: what else the machine does is not the question."""
    code = (
        "import time, sys\nfrom closedform.cli.app import run\n"
        f"run({['predict', str(model_path), str(rows_path)]!r})\n"
        "print(time.process_time(), file=sys.stderr)"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stderr)
        for _ in range(3)
    ]
    assert min(times) < 1.0
