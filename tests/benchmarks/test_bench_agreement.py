"""The check of exports against ``predict``: it passes what agrees and names what does not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.agreement import Case, check, deviation, main, summary

from closedform import Expression

TABLE = """set,name,n_variables,expression,variables
toy,product,2,2*x*exp(-k),x:uniform:1:3;k:uniform:0:2
toy,root,1,sqrt(e_1),e_1:uniform:1:5
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "toy.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def test_results_are_checked(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"set": "toy", "name": "product", "equation": "2.0*x*exp(-k) + 1e-3*log(x - 2)"},  # undefined on some rows
        {"set": "toy", "name": "root", "equation": "e_1**0.5 + sin(3)", "variables": ["e_1"]},
        {"set": "toy", "name": "root", "equation": None, "status": "timeout", "seed": 1},
        {"set": "toy", "name": "root", "equation": "sqrt(e_1", "seed": 2},
    ]
    results, details = data_dir / "results.jsonl", data_dir / "details.jsonl"
    results.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main([str(results), "--data-dir", str(data_dir), "--n-rows", "200", "--json", str(details)]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[1].split()[:5] == ["toy", "2", "2", "2", "2"]
    assert "1 formulas have rows without a value; 2 lines hold no readable formula" in printed
    assert "skipped toy/root: no formula (timeout)" in printed
    assert [json.loads(line)["numpy"] < 1e-9 for line in details.read_text(encoding="utf-8").splitlines()] == [True] * 2


def test_true_formulas_are_checked(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", str(data_dir), "--sets", "toy", "--n-rows", "50"]) == 0
    assert "DISAGREES" not in capsys.readouterr().out


def test_a_wrong_target_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.agreement.numpy_values", lambda case, *_: case.values * (1 + 1e-8))
    monkeypatch.setattr("benchmarks.agreement.sympy_values", lambda case: 1 / 0)
    case = Case("toy", "sine", Expression.parse("sin(x)"), {"x": np.linspace(1, 2, 9)})
    check([case])
    text = summary([case], [], 1e-9)
    assert "DISAGREES toy/sine numpy: deviation 1.0e-08; sin(x)" in text
    assert "DISAGREES toy/sine sympy: ZeroDivisionError" in text
    assert case.agrees("c", 1e-9)


def test_what_the_last_bit_of_an_input_explains_is_no_disagreement() -> None:
    case = Case("toy", "far", Expression.parse("sin(x)"), {"x": np.array([1e9 * np.pi])})
    off = np.sin(np.nextafter(case.columns["x"], np.inf))
    assert deviation(case.values, off) > 1e-9
    assert deviation(case.values, off, case.rounding()) == 0.0


def test_values_where_there_are_none() -> None:
    expected = np.array([1.0, np.nan])
    assert deviation(expected, np.array([1.0, np.nan])) == 0.0
    assert deviation(expected, np.array([1.0, 2.0])) == np.inf
    assert deviation(expected, np.array([1.0, 2.0]), wider=True) == 0.0
    assert deviation(expected, np.array([np.nan, np.nan]), wider=True) == np.inf
