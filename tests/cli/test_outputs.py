"""Several targets on the command line: `fit --target a,b`, then `show` and `predict`."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest


@pytest.fixture
def path(tmp_path):
    x = np.linspace(1.0, 4.0, 40)
    lines = ["x,z,a,b", *(f"{v!r},{math.cos(9 * v)!r},{2 * v + 3!r},{0.5 * v - 1!r}" for v in x.tolist())]
    (tmp_path / "two.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "two.csv"


@pytest.fixture
def model(cli, toy_search, path, tmp_path):
    done = cli("fit", path, "--target", "a,b", "--quiet", "--max-time", "20", "--out", tmp_path / "m.json")
    assert (done.code, done.err) == (0, "")
    assert "== a ==" in done.out
    assert "a = 2*x + 3" in done.out
    assert "b = x/2 - 1" in done.out
    return tmp_path / "m.json"


def test_show(cli, model):
    done = cli("show", model)
    assert [line for line in done.out.splitlines() if line.startswith("==")] == ["== a ==", "== b =="]
    assert cli("show", model, "--target", "b", "--format", "text").out == "x/2 - 1\n"
    assert [one["target"] for one in cli("show", model, "--format", "json").json["outputs"]] == ["a", "b"]
    done = cli("show", model, "--format", "python")
    assert (done.code, done.out) == (2, "")
    assert "the model has the outputs 'a', 'b': --target chooses one" in done.err
    done = cli("show", model, "--target", "B")
    assert done.code == 2
    assert "there is no output 'B' (did you mean 'b'?)" in done.err


def test_target_goes_with_several_outputs_only(cli, model_path):
    done = cli("show", model_path, "--target", "y")
    assert done.code == 2
    assert "--target chooses among several outputs" in done.err


def test_predict(cli, model, path):
    done = cli("predict", model, path)
    header, *rows = csv.reader(done.out.splitlines())
    assert header == ["prediction of a", "prediction of b"]
    values = np.array(rows, dtype=float)
    x = np.linspace(1.0, 4.0, 40)
    np.testing.assert_allclose(values, np.column_stack([2 * x + 3, 0.5 * x - 1]), rtol=1e-9)
    record = cli("predict", model, path, "--json").json
    assert record["targets"] == ["a", "b"]
    np.testing.assert_array_equal(np.array(record["predictions"]).T, values)
    constants = cli("predict", model, "-", "--index", "0", stdin="x\n1\n2\n")
    assert len(set(constants.out.splitlines()[1:])) == 1


def test_json_for_machines(cli, toy_search, path):
    record = cli("fit", path, "--target", "a,b", "--quiet", "--json").json
    assert record["targets"] == ["a", "b"]
    assert [one["features"] for one in record["outputs"]] == [["x", "z"], ["x", "z"]]
    json.dumps(record)


@pytest.mark.parametrize(
    ("target", "model", "message"),
    [
        ("a,c", "symbolic", "--target: there is no column 'c'"),
        ("a,b", "ran", "--model ran explains one column; --target names 2"),
        ("c", "symbolic", "no column 'c'"),
    ],
)
def test_targets_that_cannot_be(cli, path, target, model, message):
    done = cli("fit", path, "--target", target, "--model", model)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
