"""`closedform demo`: known laws found again in real tables, in the time that it is given."""

from __future__ import annotations

import numpy as np
import pytest

from cli_runs import process
from closedform.cli import demo
from closedform.datasets import load_planets
from closedform.symbolic import Expression


@pytest.mark.usefixtures("toy_search")
def test_each_table_is_introduced_and_its_law_shown(cli):
    done = cli("demo", "--max-time", "4")
    assert done.code == 0
    assert done.out.count("\n>") == 2
    assert "Kepler's third law" in done.out
    assert "NASA" in done.out
    assert "The accepted law: period_days = 365.2569*distance_au**1.5" in done.out
    assert "On the 5 rows that were held out it is off by" in done.out
    assert "Eris           204199 measured" in done.out
    assert "closedform fit" in done.err


@pytest.mark.usefixtures("toy_search")
def test_json(cli):
    done = cli("demo", "--max-time", "4", "--json", "--quiet")
    assert done.err == ""
    assert [record["table"] for record in done.json] == ["planets", "hydrogen_lines"]
    assert [record["n_rows"] for record in done.json] == [8, 27]
    assert [record["n_holdout"] for record in done.json] == [5, 5]


@pytest.mark.usefixtures("toy_search")
def test_the_error_on_unseen_rows_is_that_of_the_predictions(cli):
    record = cli("demo", "--max-time", "4", "--json").json[0]
    planets = load_planets()
    unseen = [4, 9, 10, 11, 12]
    for formula in record["formulas"]:
        expression = Expression.parse(formula["formula"])
        values = (
            expression.evaluate(planets.table.take(np.array(unseen)).columns) if expression.variables else 13416.389375
        )
        assert formula["holdout_loss"] == pytest.approx(np.mean((values - planets.target[unseen]) ** 2))


def test_the_rows_kept_from_the_fit_are_the_dwarf_planets():
    (names,) = [line for line in load_planets().path.read_text().splitlines() if line.startswith("# rows:")]
    listed = [name.strip() for name in names.removeprefix("# rows:").split(",")]
    assert {name: listed.index(name) for name in demo._SCENES[0].unseen} == demo._SCENES[0].unseen


def test_no_time(cli):
    done = cli("demo", "--max-time", "-1")
    assert done.code == 2
    assert "--max-time" in done.err


@pytest.mark.usefixtures("toy_search")
def test_ctrl_c_ends_the_demonstration(cli, monkeypatch):
    monkeypatch.setattr("closedform.engines.ENGINES", {"screen": "cli_runs:InterruptedEngine"})
    done = cli("demo", "--max-time", "4")
    assert done.code == 130
    assert done.out.count("==") == 2, "the second table is left out"


def test_keplers_law_is_found_with_its_exponent():
    done = process("demo", "--max-time", "12", "--json")
    assert done.code == 0, done.err
    kepler = Expression.parse(done.json[0]["formula"])
    exact = [str(node.value) for node in kepler.walk() if node.kind == "constant" and not node.n_constants]
    assert "3/2" in exact, "the exponent is rounded to a fraction"
    assert kepler.evaluate({"distance_au": [1.0]})[0] == pytest.approx(365.26, abs=0.5)
    assert done.json[0]["formulas"][done.json[0]["chosen"]]["holdout_loss"] < 100**2
