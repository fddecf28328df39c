"""Units and insights on the command line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from closedform.insights import Insight
from closedform.model_file import save_model

UNITS = "m:kg,v:m/s,E:J"


@pytest.fixture
def energy_file(tmp_path):
    rng = np.random.default_rng(0)
    m, v = rng.uniform(1.0, 3.0, (2, 120))
    lines = [f"{a},{b},{0.5 * a * b * b}" for a, b in zip(m, v, strict=True)]
    path = tmp_path / "energy.csv"
    path.write_text("\n".join(["m,v,E", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def screen(monkeypatch):
    """The quick engine in place of all."""
    monkeypatch.setattr("closedform.estimators.symbolic._AUTO", {"screen": {}})


def test_units_are_heeded_and_insights_come_before_the_front(cli, energy_file, screen, tmp_path):
    out = tmp_path / "model.json"
    done = cli("fit", energy_file, "--target", "E", "--units", UNITS, "--max-time", "5", "--out", out)
    assert done.code == 0, done.err
    assert done.out.index("by the units") < done.out.index("complexity") < done.out.index("E = m*v**2/2")
    shown = cli("show", out)
    assert shown.out == done.out
    record = cli("show", out, "--format", "json").json
    assert record["units"] == {"m": "kg", "v": "m/s", "E": "J"}
    first = record["insights"][0]
    assert (first["kind"], set(first["columns"])) == ("units", {"m", "v"})
    assert first["evidence"]["error"] < 1e-6


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ("m", "--units must list COLUMN:UNIT between commas, as in m:kg,v:m/s, got 'm'."),
        ("m:kg,m:g", "--units gives the unit of 'm' twice."),
        ("m:kg,v:mph2x", "The unit of 'v' is 'mph2x', which pint cannot read"),
        ("mass:kg", "units names 'mass', which is no column"),
    ],
)
def test_units_that_do_not_parse_are_refused(cli, energy_file, screen, units, message):
    done = cli("fit", energy_file, "--target", "E", "--units", units)
    assert done.code == 2
    assert message in done.err.replace("\n", " ")


def test_units_do_not_go_with_a_network(cli, energy_file):
    done = cli("fit", energy_file, "--target", "E", "--units", UNITS, "--model", "ran")
    assert done.code == 2
    assert "--units goes with --model symbolic or lies" in done.err


def test_a_model_without_insights_shows_no_table_of_them(cli, saved_model, tmp_path):
    save_model(saved_model, tmp_path / "without.json")
    assert "insight" not in cli("show", tmp_path / "without.json").out
    found = Insight("irrelevant", ("unused",), "unused does not matter", {"error": 1e-6, "error_without": float("inf")})
    save_model(replace(saved_model, insights=(found,)), tmp_path / "with.json")
    assert "irrelevant   unused does not matter" in cli("show", tmp_path / "with.json").out
    record = cli("show", tmp_path / "with.json", "--format", "json").json
    assert record["insights"][0]["evidence"] == {"error": 1e-6, "error_without": None}
