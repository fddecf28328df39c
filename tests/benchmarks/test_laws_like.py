"""Textbook laws with errors: what their tables hold, and how a formula for one of them is judged."""

import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.laws_like_tables import LAWS_LIKE

from benchmarks import laws_like

HERE = str(Path(__file__).parent)


@pytest.mark.parametrize("law", LAWS_LIKE, ids=lambda law: law.name)
def test_tables_follow_their_law_within_their_errors(law):
    tables = law.tables(0)
    main = next(iter(law.ranges))
    assert len(tables["fitted"].y) == law.n_rows <= 60
    for table in tables.values():
        off = (table.y - law.form().values(table.columns, law.form().start)) / table.sigma
        assert np.all(np.isfinite(off)) and 0.5 < np.sqrt(np.mean(off**2)) < 1.8
    assert tables["beyond"].columns[main].min() >= tables["inside"].columns[main].max()
    again, other = law.tables(0), law.tables(1)
    np.testing.assert_array_equal(again["fitted"].y, tables["fitted"].y)
    assert not np.array_equal(other["fitted"].y, tables["fitted"].y)


def test_the_law_itself_is_the_form_and_another_is_not():
    law = next(one for one in LAWS_LIKE if one.name == "coulomb")
    tables, found = law.tables(0), {}
    fitted = tables["fitted"].columns
    predicted = np.concatenate([
        9.0 * one["q"] * one["p"] / one["r"] ** 2 for one in (tables["inside"].columns, tables["beyond"].columns)
    ])  # fmt: skip
    laws_like.judge(found.update, law, ["9.02*q*p/r**2", "q"], tables, predicted)
    row = {"status": "ok", **found}
    assert laws_like.verdict(row) == "form" and row["constants"] == 1
    assert 0.8 < laws_like.ratio(row, "beyond") < 1.1
    laws_like.judge(found.update, law, ["7.0*q*p/r**2 + q", "9.0*q*p/r**2"], tables, predicted * fitted["q"].mean())
    row = {"status": "ok", **found}
    assert laws_like.verdict(row) == "-" and row["form_on_front"]


def test_a_run_goes_on_where_it_stopped_and_counts(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "path", [HERE, *sys.path])
    given = ["--estimator", "bench_dummies:product", "--max-time", "5", "--out", str(tmp_path / "rows.jsonl")]
    assert laws_like.main([*given, "--laws", "hooke"]) == 0
    assert laws_like.main([*given, "--laws", "hooke,boyle"]) == 0
    said = capsys.readouterr().out
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 2
    assert "1 forms, 1 forms or as good, of 2" in said and "| boyle | - |" in said


@pytest.mark.parametrize("wrong", [["--laws", "nothing", "--out", "x"], []])
def test_wrong_use_is_said(wrong, capsys):
    assert laws_like.main(wrong) == 2
    assert "laws_like.py:" in capsys.readouterr().err
