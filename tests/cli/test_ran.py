"""The command line with Rational ANOVA Networks: the task is told, effects are shown, classes are predicted."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import closedform
from cli_runs import command
from closedform.network_file import load_network, save_network
from closedform.symbolic import Expression
from small_networks import rows, small_network


@pytest.fixture
def people_path(tmp_path, rng):
    """60 people: numbers, labels, empty cells, a number and a class to predict."""
    age, sex = rng.uniform(20, 70, 60).round(1), rng.choice(["male", "female"], 60)
    risk = 0.05 * age + (sex == "male") + rng.normal(0.0, 0.02, 60)
    lines = ["age,sex,risk,ill"]
    for k, (a, s, r) in enumerate(zip(age.tolist(), sex.tolist(), risk.tolist(), strict=True)):
        lines.append(f"{'' if k % 9 == 8 else a},{s},{r:.4f},{'yes' if r > 2.8 else 'no'}")
    path = tmp_path / "people.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def table_path(tmp_path):
    """The rows of `small_network`, columns in another order, one more, and the constant one left out."""
    table = rows(30)
    cells = zip(table["sex"].tolist(), table["x 1"].tolist(), table["a"].tolist(), strict=True)
    lines = ["sex,note,x 1,a", *(f"{s},hello,{'' if b != b else repr(b)},{a!r}" for s, b, a in cells)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def saved(tmp_path):
    """Save a small network and return its path."""

    def save(kind: str = "regression"):
        path = tmp_path / f"{kind}.json"
        save_network(small_network(kind), path)
        return path

    return save


def records(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# --- fit --------------------------------------------------------------------------------------------------------------


def test_numbers_are_a_regression(cli, people_path, tmp_path):
    out = tmp_path / "m.json"
    done = cli("fit", people_path, "-t", "risk", "--exclude", "ill", "-m", "ran", "--max-time", "8", "-o", out)
    assert done.code == 0
    assert "Task: regression, because target 'risk' holds numbers (--task classification for the other)." in done.err
    assert f"Saved as {out}." in done.err
    assert "short formula" in done.out and "sex=male" in done.out
    assert "add up to risk;" in done.out
    assert "On 12 rows held out from a first fit: root mean square error" in done.out
    model = closedform.load(out)
    assert type(model).__name__ == "RANRegressor"
    assert model.random_state == 0


def test_words_are_a_classification(cli, people_path, tmp_path):
    out = tmp_path / "m.json"
    done = cli(
        "fit", people_path, "-t", "ill", "--exclude", "risk", "-m", "ran", "--max-time", "8", "-o", out, "--json"
    )
    assert done.code == 0
    assert "Task: classification, because target 'ill' holds text" in done.err
    record = done.json
    assert (record["task"], record["classes"], record["target"]) == ("classification", ["no", "yes"], "ill")
    assert 0.5 < record["holdout_scores"]["accuracy"] <= 1.0
    assert record["model_file"] == str(out)
    assert {effect["term"] for effect in record["effects"]} <= {"age", "sex", "age & sex", "(second block)"}
    predicted = records(cli("predict", out, people_path).out)
    assert set(predicted[0]) == {"prediction", "probability of no", "probability of yes"}
    with people_path.open() as file:
        truth = [row["ill"] for row in csv.DictReader(file)]
    assert np.mean([row["prediction"] == true for row, true in zip(predicted, truth, strict=True)]) > 0.8


def test_the_task_can_be_chosen_and_quiet_is_quiet(cli, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{k / 7},{k % 2}\n" for k in range(11)))
    arguments = ("fit", path, "-t", "y", "-m", "ran", "--max-time", "5", "--quiet", "--json")
    done = cli(*arguments, "--task", "regression")
    assert (done.code, done.err) == (0, "")
    assert (done.json["task"], done.json["n_holdout"], done.json["holdout_scores"]) == ("regression", 0, {})
    assert cli(*arguments).json["task"] == "classification"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--target", "ill", "--task", "regression"], "use RANClassifier"),
        (["--target", "ill", "--loss", "huber"], "--loss huber goes with regression"),
        (["--target", "illl"], "did you mean 'ill'"),
        (["--target", "ill", "--exclude", "age,sex,risk"], "--exclude leaves no column"),
    ],
)
def test_wrong_use_is_told(cli, people_path, more, message):
    done = cli("fit", people_path, "--model", "ran", *more)
    assert done.code == 2
    assert message in done.err


# --- show -------------------------------------------------------------------------------------------------------------


def test_show_lists_the_effects(cli, saved):
    done = cli("show", saved())
    assert done.code == 0
    heads = [line.split("  ")[0] for line in done.out.splitlines()]
    assert heads.index("a") < heads.index("a & x 1") < heads.index("(second block)")
    assert "Not used: 'const'." in done.out
    assert "add up to y;" in done.out
    assert "add up to the logit of y = yes;" in cli("show", saved("binary")).out
    assert "the score of each class of y" in cli("show", saved("classes")).out


def test_show_writes_the_whole_formula_and_single_effects(cli, saved):
    from closedform.additive.formula import effect_expression, model_expression

    network, path = small_network(), saved()
    assert Expression.parse(cli("show", path, "-f", "text").out) is model_expression(network)
    plain = cli("show", path, "-f", "text", "--within-range").out
    assert Expression.parse(plain) is model_expression(network, beyond=False)
    done = cli("show", path, "--term", "sex")
    assert Expression.parse(done.out) is effect_expression(network.model.effects[2], columns=network.columns)
    assert "sex=male: 1 where sex is male, else 0." in done.err


@pytest.mark.parametrize(
    ("name", "piece"),
    [("latex", r"\frac"), ("python", "def formula("), ("c", "double formula("), ("sympy", "Symbol"), ("numpy", "np.")],
)
def test_show_writes_every_language(cli, saved, name, piece):
    done = cli("show", saved(), "--format", name, "--term", "x 1")
    assert done.code == 0
    assert piece in done.out or name == "sympy"


def test_show_json(cli, saved):
    record = cli("show", saved(), "--format", "json").json
    assert record["model"] == "RANRegressor"
    assert record["effects"][0]["term"] == "a"
    assert Expression.parse(record["formula"]).variables


def test_a_class_can_be_chosen(cli, saved):
    path = saved("classes")
    formulas = {label: cli("show", path, "-f", "text", "--class", label).out for label in "uvw"}
    assert len(set(formulas.values())) == 3
    assert "no class 'x'" in cli("show", path, "--class", "x", "-f", "text").err
    assert "--class goes with models of more than two classes" in cli("show", saved(), "--class", "u", "-f", "c").err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--term", "sexx"], "There is no term 'sexx' (did you mean 'sex'?)"),
        (["--index", "1"], "--index goes with formulas"),
    ],
)
def test_wrong_use_of_show_is_told(cli, saved, more, message):
    done = cli("show", saved(), *more)
    assert done.code == 2
    assert message in done.err


def test_effects_are_no_part_of_formulas(cli, model_path):
    done = cli("show", model_path, "--term", "x")
    assert done.code == 2
    assert "--term, --class and --within-range go with ran models" in done.err


# --- predict ----------------------------------------------------------------------------------------------------------


def test_predictions_are_those_of_the_network(cli, saved, table_path):
    done = cli("predict", saved(), table_path)
    assert (done.code, done.err) == (0, "")
    values = [float(row["prediction"]) for row in records(done.out)]
    np.testing.assert_array_equal(values, small_network().mean(rows(30))[:, 0])


def test_classes_and_probabilities_are_predicted(cli, saved, table_path):
    network = small_network("classes")
    record = cli("predict", saved("classes"), table_path, "--json").json
    share = network.mean(rows(30))
    np.testing.assert_array_equal(record["probability"], share)
    assert record["prediction"] == [network.classes[k] for k in np.argmax(share, axis=1)]


def test_predictions_go_to_files(cli, saved, table_path, tmp_path):
    done = cli("predict", saved("binary"), table_path, "--out", tmp_path / "p.jsonl")
    assert (done.code, done.out) == (0, "")
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert {line["prediction"] for line in lines} <= {"no", "yes"}
    assert len(lines) == 30


def test_other_columns_than_at_fit_time_are_told(cli, saved, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,x1,sex\n1,2,male\n")
    done = cli("predict", saved(), path)
    assert done.code == 2
    assert "the table has no column 'x 1' (did you mean 'x1'?)" in done.err
    path.write_text("a,x 1,sex\nhello,2,male\n")
    assert "column 'a'" in cli("predict", saved(), path).err


def test_prediction_loads_neither_torch_nor_sklearn_nor_matplotlib(saved, table_path):
    code = f"""
import sys
from closedform.cli.app import run
code = run(["predict", {str(saved())!r}, {str(table_path)!r}])
print(code, *{{"torch", "sklearn", "matplotlib", "scipy", "sympy"}} & set(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, env=os.environ)
    assert done.stderr.strip() == "0"
    assert done.stdout.startswith("prediction\n")


def test_a_network_in_a_process_of_its_own(saved, table_path):
    done = subprocess.run(command("predict", saved(), table_path), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 31


def test_the_file_is_the_same_after_a_round_trip(saved, tmp_path):
    network = load_network(saved())
    save_network(network, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == saved().read_bytes()


def test_ctrl_c_saves_the_effects_found_until_then(people_path, tmp_path, cli, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("closedform.additive.train.decide", interrupted)
    model = tmp_path / "m.json"
    done = cli("fit", people_path, "--target", "risk", "--model", "ran", "--exclude", "ill", "--out", model)
    assert done.code == 130
    assert "interrupted; the effects found until then were kept" in done.err
    assert "when it was interrupted" in done.out
    assert load_network(model).model.effects
