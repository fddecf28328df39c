"""Groups on the command line: `fit --groups COLUMN`, then `show` and `predict`."""

from __future__ import annotations

import csv
import math

import pytest

SLOPES = {"iron": 2.0, "copper": 5.5}


@pytest.fixture
def path(tmp_path):
    lines = ["x,material,y"]
    for k in range(60):
        label = ("iron", "copper")[k % 2]
        x = 1 + k / 10
        lines.append(f"{x!r},{label},{SLOPES[label] * x + 3 + 0.01 * math.sin(97 * k)!r}")
    (tmp_path / "groups.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "groups.csv"


@pytest.fixture
def model(cli, toy_search, path, tmp_path):
    done = cli("fit", path, "--target", "y", "--groups", "material", "--quiet", "--out", tmp_path / "m.json")
    assert (done.code, done.err) == (0, "")
    assert "y = c1*x + 3" in done.out or "y = x*c1 + 3" in done.out
    return tmp_path / "m.json"


def test_show_has_a_table_of_constants(cli, model):
    lines = cli("show", model).out.splitlines()
    heading = next(place for place, line in enumerate(lines) if line.split() == ["material", "c1"])
    rows = {line.split()[0]: float(line.split()[1]) for line in lines[heading + 2 : heading + 4]}
    assert rows == pytest.approx(SLOPES, abs=0.01)
    assert all(" ± 0.00" in line for line in lines[heading + 2 : heading + 4])


def test_formats_need_a_group(cli, model):
    done = cli("show", model, "--format", "python")
    assert (done.code, done.out) == (2, "")
    assert "differ between groups (material): --group chooses one of 'iron', 'copper'" in done.err
    text = cli("show", model, "--format", "text", "--group", "copper").out
    assert text.startswith("5.5") or text.startswith("5.4")
    assert cli("show", model, "--group", "copper").out.startswith("y = 5.")
    done = cli("show", model, "--group", "gold")
    assert done.code == 2
    assert "there is no group 'gold'" in done.err
    record = cli("show", model, "--format", "json").json
    chosen = record["formulas"][record["chosen"]]
    assert chosen["groups"]["constants"]["iron"][0]["value"] == pytest.approx(2.0, abs=0.01)
    assert "c1" in chosen["groups"]["shown"]


def test_predict_reads_the_column_of_groups(cli, model):
    done = cli("predict", model, "-", stdin="material,x\ncopper,2\niron,2\n")
    assert done.code == 0, done.err
    values = [float(row[0]) for row in list(csv.reader(done.out.splitlines()))[1:]]
    assert values == pytest.approx([14.0, 7.0], abs=0.05)
    for table, message in [
        ("x\n1\n", "no column 'material'"),
        ("material,x\ngold,1\n", "there is no group 'gold' in row 1"),
        ("material,x\n,1\n", "no label in row 1"),
    ]:
        done = cli("predict", model, "-", stdin=table)
        assert (done.code, done.out) == (2, "")
        assert message in done.err
    # The constant of all groups needs no labels.
    assert cli("predict", model, "-", "--index", "0", stdin="x\n2\n").code == 0


def test_wrong_use(cli, path, model_path):
    done = cli("fit", path, "--target", "y", "--groups", "Material")
    assert done.code == 2
    assert "--groups: the table has no column 'Material' (did you mean 'material'?)" in done.err
    done = cli("fit", path, "--target", "y", "--groups", "material", "--model", "ran")
    assert done.code == 2
    assert "--groups goes with --model symbolic or lies" in done.err
    done = cli("show", model_path, "--group", "iron")
    assert done.code == 2
    assert "fitted without groups" in done.err
