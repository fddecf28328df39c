"""The numbers of the tables against rows written by hand."""

import json

import numpy as np
import pytest
from benchmarks.tabular_summary import (
    KEYS,
    main_values,
    mean_ranks,
    means,
    median_ratio,
    ratio_to_best,
    win_rate,
)

from benchmarks import tabular_summary


def row(table, model, fold, value, *, seconds=1.0, stored=100, status="ok", metric="rmse", options=None):
    return {"set": table, "model": model, "fold": fold, "folds": 5, "seed": 0, "threads": 1, "options": options or {},
            "status": status, "message": "", "task": "regression" if metric == "rmse" else "classes",
            **({metric: value, "fit_seconds": seconds, "parameters": stored} if status == "ok" else {})}  # fmt: skip


@pytest.fixture
def rows():
    """Two regressions and one set of classes; ebm has one fold of yacht, pygam nothing for the classes."""
    return [
        row("yacht", "hgb", 0, 2.0, seconds=1.0, stored=1000),
        row("yacht", "hgb", 1, 100.0, seconds=1.0, stored=1000),
        row("yacht", "ebm", 0, 1.0, seconds=10.0, stored=500),
        row("yacht", "pygam", 0, 4.0, seconds=2.0, stored=50),
        row("energy", "hgb", 0, 3.0, seconds=1.0, stored=1000),
        row("energy", "ebm", 0, 3.0, seconds=20.0, stored=2000),
        row("energy", "pygam", 0, 6.0, seconds=2.0, stored=50),
        row("wine", "hgb", 0, 0.4, metric="log_loss"),
        row("wine", "ebm", 0, 0.1, metric="log_loss", seconds=4.0),
        row("wine", "pygam", 0, None, status="unsupported"),
    ]


def test_models_are_compared_on_the_folds_that_all_have(rows):
    assert means(rows, "rmse")["yacht"] == {"hgb": 2.0, "ebm": 1.0, "pygam": 4.0}
    assert means(rows, "rmse", own_folds=True)["yacht"]["hgb"] == 51.0
    only_other = [*rows, row("yacht", "mlp", 3, 0.5)]
    assert means(only_other, "rmse")["yacht"] == {"hgb": 2.0, "ebm": 1.0, "pygam": 4.0}


def test_ranks_wins_and_ratios(rows):
    values, names = main_values(rows), ["hgb", "ebm", "pygam"]
    assert mean_ranks(values, names, ["yacht", "energy"]) == {"hgb": 1.75, "ebm": 1.25, "pygam": 3.0}
    with_missing = mean_ranks(values, names, values)
    assert with_missing == pytest.approx({"hgb": 5.5 / 3, "ebm": 3.5 / 3, "pygam": 3.0})
    assert win_rate(values, "ebm", "hgb") == (pytest.approx(2.5 / 3), 3)  # two wins and a tie
    assert win_rate(values, "hgb", "ebm") == (pytest.approx(0.5 / 3), 3)
    assert win_rate(values, "pygam", "hgb") == (0.0, 2)
    regression = means(rows, "rmse")
    assert ratio_to_best(regression, "hgb") == (pytest.approx(np.sqrt(2.0)), 2.0, "yacht", 2)
    assert ratio_to_best(regression, "ebm") == (1.0, 1.0, "yacht", 2)
    assert median_ratio(means(rows, "fit_seconds"), "hgb", "ebm") == (pytest.approx(0.1), 3)
    assert median_ratio(means(rows, "parameters"), "pygam", "ebm") == (pytest.approx(0.0625), 2)


def test_the_tables_show_these_numbers(rows, tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in rows), encoding="utf-8")
    assert tabular_summary.main([str(path)]) == 0
    text = capsys.readouterr().out
    lines = [line.split() for line in text.splitlines()]
    assert ["yacht", "1", "2", "1*", "4"] in lines and ["wine", "1", "0.4", "0.1*", "-"] in lines
    assert "over 2 sets where all have a value; over 3 that all were run on" in text
    assert ["hgb", "1.75", "1.83", "1.41", "2", "yacht", "2", "4", "4", "wine", "1", "-"] in lines
    ebm = next(line for line in lines if line[:3] == ["ebm", "1.25", "1.17"])
    assert ebm[-3:] == ["1.5", "of", "2"]  # yacht won, energy level
    assert ["pygam", "0/2", "0/2"] in lines
    assert "pygam, unsupported: wine#0" in text
    assert tabular_summary.main([str(path), "--models", "hgb,ebm", "--sets", "wine"]) == 0
    assert "yacht" not in capsys.readouterr().out
    assert tabular_summary.main([str(tmp_path / "missing")]) == 2


def test_options_and_threads_make_a_line_of_their_own(rows):
    assert tabular_summary.label(row("a", "ran", 0, 1.0, options={"pairs": 5})) == "ran pairs=5"
    assert tabular_summary.label(row("a", "ran", 0, 1.0) | {"threads": 2}) == "ran threads=2"
    assert len(KEYS) == len(set(KEYS)) and all(key in rows[0] for key in KEYS)
    assert tabular_summary.summarise([]) == "no results"
