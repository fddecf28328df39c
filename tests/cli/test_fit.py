"""`closedform fit`: results to standard output, everything else to standard error, and Ctrl-C."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from cli_runs import command, process
from closedform import load
from closedform.cli.app import run
from closedform.exceptions import Status
from closedform.model_file import load_formulas
from closedform.symbolic import Expression

pytestmark = pytest.mark.usefixtures("toy_search")


@pytest.fixture
def fit(cli, line_path):
    """Fit the straight line with more options."""

    def call(*arguments, data=line_path, **more):
        return cli("fit", data, "--target", "y", "--max-time", "5", *arguments, **more)

    return call


def test_results_to_standard_output_and_the_rest_to_standard_error(fit, tmp_path):
    done = fit("--out", tmp_path / "m.json")
    assert done.code == 0
    lines = done.out.splitlines()
    assert len([line for line in lines if line.startswith(">")]) == 1
    assert "y = 2*x + 3" in lines
    assert any("is explained by 'x', without 'z'." in line for line in lines)
    assert any("On the 8 rows that were held out it is off by" in line for line in lines)
    assert f"Saved as {tmp_path / 'm.json'}." in done.err
    assert "formulas" in done.err, "progress in plain lines"
    assert "\x1b" not in done.out + done.err


def test_the_model_file_is_that_of_the_estimator(fit, tmp_path, line_path):
    fit("--out", tmp_path / "m.json", "--seed", "3")
    model = load(tmp_path / "m.json")
    assert type(model).__name__ == "SymbolicRegressor"
    assert (model.max_time, model.random_state) == (5.0, 3)
    assert model.formula_model_.target_name == "y"
    assert model.expression_ == Expression.parse("2*x + 3")


def test_all_processors_are_used_unless_told_otherwise(fit, tmp_path):
    fit("--out", tmp_path / "m.json")
    assert load(tmp_path / "m.json").n_jobs == -1
    fit("--out", tmp_path / "m.json", "--jobs", "1")
    assert load(tmp_path / "m.json").n_jobs == 1
    done = fit("--jobs", "0")
    assert done.code == 2 and "--jobs must be a number of processors, or -1 for all of them, got 0" in done.err


def test_a_checkpoint_is_kept_and_gone_on_with(fit, tmp_path, line_path):
    path = tmp_path / "front.json"
    assert fit("--checkpoint", path).code == 0
    assert "closedform-checkpoint" in path.read_text(encoding="utf-8")
    assert fit("--checkpoint", path, "--resume").code == 0
    done = fit("--checkpoint", path, "--resume", "--seed", "5")
    assert done.code == 2
    assert "belongs to another fit: random_state was 0 there and is 5 here" in done.err


def test_resume_needs_a_checkpoint(fit):
    done = fit("--resume")
    assert done.code == 2 and "name it with --checkpoint FILE" in done.err


def test_json(fit, tmp_path):
    done = fit("--json", "--out", tmp_path / "m.json")
    record = done.json
    assert record["status"] == "converged"
    assert record["n_rows"] == 40
    assert record["n_holdout"] == 8
    assert record["model_file"] == str(tmp_path / "m.json")
    chosen = record["formulas"][record["chosen"]]
    assert chosen["formula"] == record["formula"]
    assert Expression.parse(record["formula"]) == Expression.parse("2*x + 3")
    assert chosen["holdout_loss"] < 1e-20
    assert record["seconds"] > 0


def test_quiet(fit, tmp_path):
    done = fit("--quiet", "--out", tmp_path / "m.json")
    assert (done.code, done.err) == (0, "")
    assert "y = 2*x + 3" in done.out


def test_quiet_drops_warnings_but_not_errors(cli, tmp_path):
    table = "x,c,y\n" + "".join(f"{k},1,{k}\n" for k in range(9))
    assert cli("fit", "-", "--target", "y", "--max-time", "5", "-q", stdin=table).err == ""
    assert "no column 'u'" in cli("fit", "-", "--target", "u", "--max-time", "5", "-q", stdin=table).err


def test_from_standard_input(fit, line_path):
    done = fit(data="-", stdin=line_path.read_bytes())
    assert done.code == 0
    assert "y = 2*x + 3" in done.out


def test_columns_can_be_chosen(fit):
    assert fit("--features", "z", "--json").json["features"] == ["z"]
    assert fit("--features", "z", "--features", "x", "--json").json["features"] == ["z", "x"]
    assert fit("--features", "z,x", "--json").json["features"] == ["z", "x"]
    assert fit("--exclude", "z", "--json").json["features"] == ["x"]


def test_measurement_errors_come_from_a_column(fit, tmp_path, rng):
    x = np.linspace(0.0, 4.0, 40)
    rows = zip(x, 2 * x + 3 + rng.normal(0, 0.1, 40), np.full(40, 0.1), strict=True)
    path = tmp_path / "measured.csv"
    path.write_text("x,y,sd\n" + "\n".join(f"{a},{b},{c}" for a, b, c in rows) + "\n", encoding="utf-8")
    done = fit("--y-error", "sd", data=path)
    assert "times the measurement errors (chi squared per degree of freedom" in done.out
    assert fit("--y-error", "sd", "--json", data=path).json["features"] == ["x"]
    assert "there is no column 'sdd' (did you mean 'sd'?)" in fit("--y-error", "sdd", data=path).err
    assert "is the target itself" in fit("--y-error", "y", data=path).err


def test_settings_reach_the_estimator(fit, tmp_path):
    path = tmp_path / "m.json"
    fit("--out", path, "--max-complexity", "9", "--operators", "+,*,exp", "--operators", "log", "--select", "accuracy",
        "--loss", "absolute", "--holdout", "0.5", "--model", "symbolic")  # fmt: skip
    settings = load_formulas(path).settings
    assert settings["max_complexity"] == 9
    assert settings["operators"] == ["add", "mul", "exp", "log"]
    assert (settings["model_selection"], settings["loss"], settings["holdout"]) == ("accuracy", "absolute", 0.5)


def test_defaults_are_those_of_the_estimator(cli, line_path, tmp_path):
    from inspect import signature

    from closedform import SymbolicRegressor

    cli("fit", line_path, "--target", "y", "--out", tmp_path / "m.json")
    settings = dict(load_formulas(tmp_path / "m.json").settings)
    assert settings.pop("random_state") == 0, "a program that is run twice says the same"
    assert settings.pop("n_jobs") == -1, "nothing else is at work in a program of its own"
    parameters = signature(SymbolicRegressor).parameters
    assert {name: parameters[name].default for name in settings} == settings


def test_without_a_file_nothing_is_saved_and_that_is_said(fit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert "Not saved: --out FILE" in fit().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_small_table_says_that_nothing_was_held_out(cli):
    table = "x,y\n" + "".join(f"{k},{3 * k + 0.1 * (k % 3)}\n" for k in range(8))
    done = cli("fit", "-", "--target", "y", "--max-time", "5", stdin=table)
    assert "No rows were held out" in done.out
    done = cli("fit", "-", "--target", "y", "--max-time", "5", "--json", stdin=table)
    assert done.json["n_holdout"] == 0
    assert done.json["formulas"][-1]["holdout_loss"] is None


def test_a_terminal_gets_a_live_display_that_vanishes(line_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out, err = io.StringIO(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("TERM", "xterm")
    assert run(["fit", str(line_path), "--target", "y", "--max-time", "5"]) == 0
    assert "complexity" in out.getvalue()
    assert "\x1b[" in err.getvalue()
    assert "\x1b[" not in out.getvalue()


def test_a_failed_search_ends_with_1(cli):
    done = cli("fit", "-", "--target", "y", "--max-time", "5", stdin="c,y\n1,2\n1,3\n1,5\n")
    assert done.code == 1
    assert "no formula better than a constant was found" in done.err
    assert "No column helps to explain y" in done.out


def test_an_engine_that_crashes_is_told_and_the_rest_kept(fit, monkeypatch):
    monkeypatch.setattr("closedform.engines.ENGINES", {"screen": "cli_runs:CrashingEngine"})
    done = fit("--json")
    assert done.code == 0
    assert "warning: engine 'first column' stopped with an error: ZeroDivisionError: a fault of the engine" in done.err
    assert "Traceback" not in done.err
    assert [row["engine"] for row in done.json["formulas"]] == ["constant", "first column"]


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hard_path(tmp_path, rng):
    """A table that keeps a search busy: noise, and columns enough."""
    X = rng.uniform(0.5, 2.0, (300, 4))
    y = np.sin(3 * X[:, 0] * X[:, 1]) / X[:, 2] + 0.3 * rng.normal(size=300)
    path = tmp_path / "hard.csv"
    np.savetxt(path, np.column_stack([X, y]), delimiter=",", header="a,b,c,d,y", comments="")
    return path


def test_ctrl_c_saves_what_was_found(hard_path, tmp_path):
    model = tmp_path / "m.json"
    words = command("fit", hard_path, "--target", "y", "--max-time", "60", "--out", model)
    start = time.monotonic()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        first = running.stderr.readline()
        assert "formulas" in first, first + running.stderr.read()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert time.monotonic() - start < 50
    assert running.returncode == 130
    assert "Traceback" not in err
    assert "interrupted" in err
    assert f"Saved as {model}." in err
    assert "\n>" in out
    saved = load_formulas(model)
    assert saved.status is Status.INTERRUPTED
    assert len(saved.formulas) >= 1


def test_ctrl_c_is_told_once_and_in_words_of_this_program(fit, monkeypatch):
    monkeypatch.setattr("closedform.engines.ENGINES", {"screen": "cli_runs:InterruptedEngine"})
    done = fit("--json")
    assert done.code == 130
    assert done.json["status"] == "interrupted"
    assert done.err.count("nterrupted") == 1
    assert "warm_start" not in done.err


def test_ctrl_c_before_the_search_saves_nothing(cli, line_path, tmp_path, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("closedform.preprocessing.readers.read_table", interrupted)
    done = cli("fit", line_path, "--target", "y", "--out", tmp_path / "m.json")
    assert (done.code, done.out) == (130, "")
    assert "nothing was saved" in done.err
    assert not (tmp_path / "m.json").exists()


# --- the real search --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["symbolic", "lies"])
def test_fit_then_show_then_predict(tmp_path, model):
    """The whole way in processes of their own: a law of powers, as a user would run it."""
    k = np.linspace(1.0, 9.0, 30)
    np.savetxt(tmp_path / "d.csv", np.column_stack([k, 2.5 * k**1.5]), delimiter=",", header="k,y", comments="")
    path = tmp_path / "m.json"
    options = ["--target", "y", "--max-time", "20", "--model", model, "--out", path]
    done = process("fit", tmp_path / "d.csv", *options)
    assert done.code == 0, done.err
    assert load_formulas(path).expression == Expression.parse("(5/2)*k**(3/2)"), done.out
    assert process("show", path, "--format", "text").out.strip() in done.out
    predicted = process("predict", path, "-", "--json", stdin="k\n4\n100\n").json["prediction"]
    np.testing.assert_allclose(predicted, [20.0, 2500.0], rtol=1e-9)


def test_constraints(fit, tmp_path):
    done = fit("--constraint", "monotone:x:down", "--constraint", "bounds:0:", "--out", tmp_path / "m.json")
    assert "y = 2*x + 3" not in done.out
    assert "keeps to the constraints" in done.err
    assert [type(one).__name__ for one in load(tmp_path / "m.json").constraints] == ["Monotone", "Bounds"]
    assert "y = 2*x + 3" in fit("--constraint", "monotone:x:up").out


@pytest.mark.parametrize(
    ("text", "message"),
    [("monotone:xx:up", "did you mean 'x'"), ("bound:0:1", "did you mean 'bounds'"), ("bounds:1:0", "above high")],
)
def test_constraints_that_cannot_be_used(fit, text, message):
    done = fit("--constraint", text)
    assert (done.code, done.out) == (2, "") and message in done.err


def test_a_network_takes_no_constraints(fit):
    done = fit("--model", "ran", "--constraint", "positive")
    assert done.code == 2 and "--constraint goes with --model symbolic or lies" in done.err


def test_a_form(fit, tmp_path):
    done = fit("--form", "a*x + b", "--out", tmp_path / "m.json")
    assert "y = 2*x + 3" in done.out
    assert load(tmp_path / "m.json").form == "a*x + b"
    assert "y = 2*x + 3" not in fit("--form", "a*z + b").out


def test_a_guess(fit, tmp_path):
    done = fit("--guess", "1.0*x + 1.0", "--guess", "x*z", "--out", tmp_path / "m.json")
    assert "y = 2*x + 3" in done.out
    assert load(tmp_path / "m.json").guesses == ("1.0*x + 1.0", "x*z")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--form", "x + 2"), "nothing is left to find"),
        (("--form", "a*(x"), "never closed"),
        (("--guess", "2*xy"), "there is no variable called 'xy'"),
        (("--form", "a*x", "--guess", "x"), "exclude each other"),
        (("--model", "ran", "--form", "a*x"), "--form goes with --model symbolic or lies"),
    ],
)
def test_forms_and_guesses_that_cannot_be_used(fit, arguments, message):
    done = fit(*arguments)
    assert (done.code, done.out) == (2, "") and message in done.err
