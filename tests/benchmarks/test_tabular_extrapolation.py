"""Predictions above a cut: which rows go where, and what the summary makes of them."""

import numpy as np
import pandas as pd
import pytest
from benchmarks.tabular_data import TabularSet
from benchmarks.tabular_extrapolation import KEYS, features, reduced, split_outside, summarise
from benchmarks.tabular_runner import read_rows

from benchmarks import extrapolation


@pytest.fixture
def frame(rng):
    x = rng.permutation(np.arange(200.0))
    x[:3] = np.nan
    return pd.DataFrame({"x": x, "level": rng.integers(0, 4, 200), "kind": ["a", "b"] * 100})


def test_the_parts_lie_on_their_sides_of_the_cut(frame):
    parts = split_outside(frame["x"], 0.8, 0)
    inside = frame["x"].iloc[np.concatenate([parts.train, parts.inside])]
    assert inside.max() < frame["x"].iloc[parts.outside].min()
    assert len(parts.inside) == pytest.approx(len(inside) / 5, abs=1)
    used = np.concatenate(parts)
    assert len(set(used)) == len(used) == 197  # rows without a value belong nowhere
    again, other = split_outside(frame["x"], 0.8, 0), split_outside(frame["x"], 0.8, 1)
    assert np.array_equal(parts.train, again.train) and not np.array_equal(parts.train, other.train)


def test_only_numeric_columns_with_enough_values_are_cut(frame):
    spike = np.where(np.arange(200) < 190, 0.0, np.arange(200))  # ten rows outside
    data = TabularSet("t", frame.assign(spike=spike), np.arange(200.0), "regression")
    assert features(data, 0.8) == ["x"]
    small = reduced(data, 50)
    assert len(small.y) == 50 and small.X.equals(reduced(data, 50).X) and reduced(data, 500) is data


def test_a_run_compares_both_sides_and_resumes(frame, tmp_path, capsys):
    line = frame.assign(y=3.0 * frame["x"].fillna(100.0) + frame["level"])
    line.to_csv(tmp_path / "line.csv", index=False)
    out = tmp_path / "rows.jsonl"
    given = ["--data-dir", str(tmp_path), "--sets", "line,iris", "--out", str(out), "--seed", "0"]
    assert extrapolation.main([*given, "--models", "linear"]) == 0
    assert extrapolation.main([*given, "--models", "linear,constant"]) == 0
    assert "2 fits, 1 done before, 1 to do" in capsys.readouterr().err
    found = {row["model"]: row for row in read_rows(out, KEYS)}
    assert found["linear"]["rmse_out"] < 10.0 and found["constant"]["ratio"] > 2.0
    assert found["linear"]["feature"] == "x" and found["linear"]["n_outside"] == 40
    assert extrapolation.main(["--summary", str(out)]) == 0
    assert "Median of RMSE outside / RMSE inside" in capsys.readouterr().out
    assert extrapolation.main([*given, "--quantile", "2"]) == 2
    assert extrapolation.main(["--sets", "line"]) == 2


def test_the_summary_uses_cuts_that_all_have():
    def row(feature, model, inside, outside):
        return {"set": "s", "feature": feature, "quantile": 0.8, "max_rows": 10, "model": model, "options": {},
                "seed": 0, "threads": 1, "status": "ok", "rmse_in": inside, "rmse_out": outside,
                "ratio": outside / inside}  # fmt: skip

    rows = [row("a", "p", 1, 2), row("b", "p", 1, 8), row("a", "q", 1, 4), row("b", "q", 1, 2), row("c", "q", 1, 90)]
    lines = [line.split() for line in summarise(rows).splitlines()]
    assert ["s", "2", "5", "3"] in lines
    assert ["p", "2", "5", "7.4", "8", "s/b", "2", "1"] in lines  # the best outside are 2 and 2
    assert ["q", "2", "3", "3.8", "4", "s/a", "1.41", "2.25"] in lines
    assert ["s", "3", "5", "4"] in [line.split() for line in summarise(rows, every=True).splitlines()]
    assert summarise([]) == "no results"
