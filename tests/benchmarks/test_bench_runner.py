"""The harness as a user runs it, with estimators of one line."""

import json
import sys
import time
from pathlib import Path

import pytest
from benchmarks.runner import Results, Settings, read_rows, remaining, run_problem
from benchmarks.scoring import readable, score
from benchmarks.scoring_process import run_limited

from benchmarks import formulas, summary

HERE = str(Path(__file__).parent)
TABLE = (
    "set,name,n_variables,expression,variables\n"
    "toy,area,2,a*b,a:uniform:1:5;b:uniform:1:5\n"
    "toy,sum,2,a + b,a:uniform:1:5;b:uniform:1:5\n"
)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [HERE, *sys.path])
    (tmp_path / "toy.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def arguments(folder, *more):
    return ["--data-dir", str(folder), "--sets", "toy", "--out", str(folder / "rows.jsonl"), "--max-time", "5", *more]


def test_a_run_writes_scored_rows_and_goes_on_where_it_stopped(toy, capsys):
    given = arguments(toy, "--estimator", "bench_dummies:product", "--n-samples", "200")
    assert formulas.main([*given, "--names", "area"]) == 0
    path = toy / "rows.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write('{"set": "toy", "na')  # torn by a power cut
    assert formulas.main(given) == 0
    rows = read_rows(path)
    assert [row["name"] for row in rows] == ["area", "sum"]
    area, total = rows
    assert area["symbolic"] is area["numeric_wide"] is area["structure"] is True
    assert area["disagree"] is False and area["status"] == "ok" and area["seconds_to_best"] == 0.25
    assert area["r2"] == 1.0 and area["rel_rmse"] < 1e-12 and area["text_deviation"] < 1e-12
    assert area["n_variables"] == 2 and area["complexity"] == area["truth_complexity"]
    assert area["warnings"] == ["UserWarning: only a product"]
    assert {"cpu", "cpus", "python", "numpy", "torch", "revision", "jobs"} <= set(area["machine"])
    assert total["symbolic"] is False and total["r2"] < 0.9
    said = capsys.readouterr()
    assert "1 done before, 1 to do" in said.err and "toy, unsolved: sum" in said.out


@pytest.mark.parametrize(
    ("how", "status", "message"),
    [("raise", "error", "ValueError: no such luck"), ("die", "crash", "exit code -9"), ("sleep", "timeout", "stopped"),
     ("babble", "unreadable", "not part of a formula")],
)  # fmt: skip
def test_a_misbehaving_estimator_is_a_row_not_an_end(toy, how, status, message):
    (problem,) = formulas.choose(toy, ["toy"], ["area"])
    limit = -18.0 if how == "sleep" else 5.0  # three seconds until it is stopped
    row = run_problem(problem, Settings("bench_dummies:misbehaving", {"how": how}, 100, max_time=limit))
    assert row["status"] == status and message in row["message"]
    assert row["symbolic"] is None and "FAILED" not in summary.summarise([row])


def test_claims_are_recorded_and_wrong_ones_are_counted(toy, capsys):
    given = arguments(toy, "--estimator", "bench_dummies:claiming", "--n-samples", "200")
    assert formulas.main(given) == 0
    assert [row["claims_exact"] for row in read_rows(toy / "rows.jsonl")] == [True, True]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[-2:] == ["claims", "wrong"] and lines[2].split()[-2:] == ["2", "1"]
    assert "  toy, wrong: sum" in lines


def test_the_processors_are_shared_by_the_problems_at_work(toy, monkeypatch):
    monkeypatch.setattr("benchmarks.formulas.usable_processors", lambda: 7)
    given = arguments(toy, "--estimator", "bench_dummies:product", "--n-samples", "200")
    assert formulas.main([*given, "--jobs", "2"]) == 0
    assert {row["n_jobs"] for row in read_rows(toy / "rows.jsonl")} == {3}


def test_other_settings_are_other_rows_and_failures_can_be_repeated(toy):
    problems = formulas.choose(toy, ["toy"])
    settings = Settings("lies", {"depth": 2})
    rows = [{"set": "toy", "name": "area", "estimator": "lies", "options": {"depth": 2}, "noise": 0, "seed": 0,
             "n_samples": 2000, "max_time": 60, "status": "timeout"}]  # fmt: skip
    assert [p.name for p in remaining(problems, settings, rows)] == ["sum"]
    assert len(remaining(problems, settings, rows, retry=True)) == 2
    assert len(remaining(problems, Settings("lies", {"depth": 3}), rows)) == 2
    assert len(remaining(problems, Settings("lies", {"depth": 2}, noise=0.01), rows)) == 2


def test_of_repeated_measurements_the_last_counts(tmp_path):
    results = Results(tmp_path / "rows.jsonl")
    for status in ("crash", "ok"):
        results.add({"set": "toy", "name": "area", "status": status})
    results.add({"set": "toy", "name": "sum", "status": "ok"})
    assert [row["status"] for row in read_rows(results.path)] == ["ok", "ok"]


def test_rows_hold_nothing_json_cannot(tmp_path):
    results = Results(tmp_path / "deep" / "rows.jsonl")
    results.add({"a": float("nan"), "b": [float("inf"), 0.1 + 0.2], "c": {1: True}, "d": None})
    assert json.loads(results.path.read_text()) == {"a": None, "b": [None, 0.3], "c": {"1": True}, "d": None}


def test_noise_is_judged_by_the_rounded_formula(toy):
    (problem,) = formulas.choose(toy, ["toy"], ["area"])
    X, _ = problem.test_rows(50, 0)
    found = score(problem, "1.0002*a*b - 0.00001*a", 1.0002 * X[:, 0] * X[:, 1] - 1e-5 * X[:, 0], seed=0, noise=0.01)
    assert found["symbolic"] is True and found["numeric_wide"] is True and found["disagree"] is False
    assert found["structure"] is True and set(found["checks_failed"]) <= {"size"}


def _report_then_sleep(report, seconds):
    report({"known": 1})
    time.sleep(seconds)


def test_a_check_that_is_stopped_keeps_what_it_had_reported():
    outcome = run_limited(_report_then_sleep, 60, seconds=4.0)
    assert outcome.status == "timeout" and outcome.reported == {"known": 1} and outcome.seconds < 8


def test_wrong_use_ends_with_2_and_a_sentence(toy, capsys):
    assert formulas.main(arguments(toy, "--names", "volume")) == 2
    assert "no such problem" in capsys.readouterr().err
    assert summary.main([str(toy / "missing.jsonl")]) == 2
    (problem,) = formulas.choose(toy, ["toy"], ["area"])
    assert readable(problem, "a*c") == "unknown name 'c'"
    row = run_problem(problem, Settings("nonsense", max_time=5.0))
    assert row["status"] == "error" and "module:function" in row["message"]


def test_options_are_read_as_json_where_they_are():
    assert formulas.parse_option("depth=3") == ("depth", 3)
    assert formulas.parse_option("sparsity=admm") == ("sparsity", "admm")
    assert formulas.parse_option("log_space=False") == ("log_space", False)


def test_a_comparison_names_what_was_gained_and_lost():
    def row(name, symbolic, seconds):
        return {"set": "toy", "name": name, "seed": 0, "noise": 0.0, "symbolic": symbolic, "fit_seconds": seconds,
                "text_deviation": 0.0,
                "complexity": 6, "truth_complexity": 3, "structure": symbolic, "rel_rmse": 0.5, "edit_distance": 0.5,
                "disagree": False, "status": "ok", "overrun": False}  # fmt: skip

    before = [row("a", True, 4.0), row("b", False, 4.0), row("c", True, 4.0)]
    after = [row("a", False, 2.0), row("b", True, 2.0), row("d", True, 2.0)]
    text = summary.compare(before, after)
    assert "2 problems in both" in text and "gained (1): toy/b" in text and "lost (1): toy/a" in text
    assert "median 0.50" in text


def test_the_interval_of_a_rate_is_wilsons():
    low, high = summary.wilson(60, 100)
    assert (low, high) == pytest.approx((50.2, 69.1), abs=0.1)
    assert summary.wilson(0, 0) == (0.0, 100.0)
