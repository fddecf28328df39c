"""Checkpoints: a killed fit loses seconds, and nothing is taken for its continuation that is none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import closedform.checkpoint
from closedform import LIESRegressor, SymbolicRegressor, load
from closedform.exceptions import ConvergenceWarning, InputError, ModelFileError, Status
from toy_engines import ScriptedEngine


def make_table() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(0.5, 3.0, (80, 2)), columns=["a", "b"])
    return X, 2.5 * X["a"].to_numpy() * X["b"].to_numpy() + rng.normal(0, 0.05, 80)


@pytest.fixture
def table() -> tuple[pd.DataFrame, np.ndarray]:
    return make_table()


def scripted(*texts: str, event=None, at: int = -1, **options) -> SymbolicRegressor:
    engines = (ScriptedEngine(texts, event=event, at=at),)
    return SymbolicRegressor(engines=engines, **{"random_state": 0, "max_time": 5, **options})


def interrupt() -> None:
    raise KeyboardInterrupt


def interrupted(path, table, **options) -> SymbolicRegressor:
    model = scripted("2.4*a*b", "a*b", event=interrupt, at=1, checkpoint=path, **options)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        return model.fit(*table)


def formulas_in(path) -> list[str]:
    return [row["text"] for front in json.loads(Path(path).read_text(encoding="utf-8"))["fronts"] for row in front]


FIT = """
import sys
sys.path[:] = {path!r}
from closedform import SymbolicRegressor
from test_checkpoint import make_table
from toy_engines import SlowEngine
engine = SlowEngine(text="({{}} + 2)*a*b", steps=10**9)
SymbolicRegressor(engines=(engine, engine), checkpoint={file!r}, max_time=600, n_jobs=2).fit(*make_table())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signals")
def test_after_kill_9_the_fit_goes_on_with_what_was_there(table, tmp_path):
    path = tmp_path / "front.json"
    program = FIT.format(path=[str(Path(__file__).parent), *sys.path], file=str(path))
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        end = time.monotonic() + 90
        while not (path.exists() and formulas_in(path)):
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.1)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert not saved["finished"]
    model = SymbolicRegressor(engines=(ScriptedEngine(()),), checkpoint=path, resume=True, max_time=5).fit(*table)
    assert model.score(*table) > 0.99
    assert model.formulas_[-1].expression.variables == ("a", "b")
    # The rows that were held out then are held out now.
    assert model.formula_model_.seed == saved["seed"]


def test_the_file_is_written_while_the_search_goes_on(table, tmp_path, monkeypatch):
    monkeypatch.setattr(closedform.checkpoint, "SECONDS", 0.01)
    path, seen = tmp_path / "front.json", []

    def look() -> None:
        end = time.monotonic() + 30
        while not formulas_in(path) and time.monotonic() < end:
            time.sleep(0.01)
        seen.extend(formulas_in(path))

    scripted("2.4*a*b", "a", event=look, at=1, checkpoint=path).fit(*table)
    assert seen == ["2.4*a*b"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["front.json"]


def test_an_interrupted_fit_is_continued(table, tmp_path):
    path = tmp_path / "front.json"
    first = interrupted(path, table)
    model = scripted(checkpoint=path, resume=True).fit(*table)
    assert model.status_ is Status.EXHAUSTED
    assert {str(row.expression) for row in model.formulas_} >= {str(row.expression) for row in first.formulas_[1:]}
    assert json.loads(path.read_text(encoding="utf-8"))["finished"]
    assert model.formula_model_.n_searches == 2


def test_an_unfinished_checkpoint_is_not_overwritten_and_a_finished_one_is(table, tmp_path):
    path = tmp_path / "front.json"
    interrupted(path, table)
    with pytest.raises(InputError, match=r"holds 1 formula.s. of a fit that did not come to its end. Set resume=True"):
        scripted("a*b", checkpoint=path).fit(*table)
    scripted("a*b", checkpoint=path, resume=True).fit(*table)
    scripted("4*a", checkpoint=path).fit(*table)
    assert len(formulas_in(path)) == 1


def test_without_a_file_resume_starts_anew(table, tmp_path):
    model = scripted("2.4*a*b", checkpoint=str(tmp_path / "none.json"), resume=True).fit(*table)
    assert model.score(*table) > 0.99


OTHERS = [
    (lambda X, y: (X.rename(columns={"a": "c"}), y), {}, "its columns are a, b, those of X c, b"),
    (lambda X, y: (X[:70], y[:70]), {}, "it has 80 rows, X has 70"),
    (lambda X, y: (X.assign(b=X["b"] + 1e-9), y), {}, "column 'b' has other values"),
    (lambda X, y: (X, y + 1e-9), {}, "the target has other values"),
    (lambda X, y: (X, np.column_stack([y, y])), {}, "the target has other values"),
    (lambda X, y: (X, y, np.linspace(1, 2, 80)), {}, "sample_weight has other values"),
    (lambda X, y: (X, y), {"loss": "absolute"}, "loss was 'squared' there and is 'absolute' here"),
    (lambda X, y: (X, y), {"operators": ["exp"]}, r"operators was None there and is \['exp'\] here"),
    (lambda X, y: (X, y), {"random_state": 1}, "random_state was 0 there and is 1 here"),
]


@pytest.mark.parametrize(("change", "options", "message"), OTHERS, ids=[other[2][:30] for other in OTHERS])
def test_a_checkpoint_of_another_fit_is_refused(change, options, message, table, tmp_path):
    path = tmp_path / "front.json"
    interrupted(path, table)
    before = path.read_bytes()
    with pytest.raises(InputError, match=f"belongs to another fit: {message}"):
        scripted("a*b", checkpoint=path, resume=True, **options).fit(*change(*table))
    assert path.read_bytes() == before


def test_what_only_says_how_long_or_by_whom_may_change(table, tmp_path):
    path = tmp_path / "front.json"
    interrupted(path, table, n_jobs=1)
    model = SymbolicRegressor(
        engines=(ScriptedEngine(("a + b",)),), max_time=3, random_state=None, checkpoint=path, resume=True
    )
    assert model.fit(*table).score(*table) > 0.99


def test_each_output_has_its_front(table, tmp_path):
    X, y = table
    path = tmp_path / "front.json"
    scripted("2.4*a*b", "4*a", checkpoint=path).fit(X, np.column_stack([y, 4 * X["a"]]))
    fronts = json.loads(path.read_text(encoding="utf-8"))["fronts"]
    assert len(fronts) == 2 and [row["text"] for row in fronts[1]] == ["4*a"]
    model = scripted(checkpoint=path, resume=True).fit(X, np.column_stack([y, 4 * X["a"]]))
    assert [one.variables for one in model.expression_] == [("a", "b"), ("a",)]


@pytest.mark.parametrize("content", ["{}", "[1]", "torn", '{"format": "closedform-checkpoint", "version": 1}'])
def test_a_file_that_is_no_checkpoint_is_refused_and_kept(content, table, tmp_path):
    path = tmp_path / "front.json"
    path.write_text(content)
    for resume in (True, False):
        with pytest.raises(ModelFileError, match=r"front\.json' cannot be used: it is"):
            scripted("a", checkpoint=path, resume=resume).fit(*table)
    assert path.read_text() == content


def test_a_file_that_cannot_be_written_is_told_before_the_search(table, tmp_path):
    model = scripted("a", event=lambda: pytest.fail("it was searched"), at=0, checkpoint=tmp_path / "no" / "front.json")
    with pytest.raises(InputError, match="cannot be written"):
        model.fit(*table)


def test_a_disk_that_is_full_does_not_cost_the_fit(table, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    model = scripted("2.4*a*b", event=lambda: _remove(folder), at=0, checkpoint=folder / "front.json")
    with pytest.warns(ConvergenceWarning, match="The last checkpoint is not the last state"):
        model.fit(*table)
    assert model.score(*table) > 0.99


def _remove(folder: Path) -> None:
    for entry in folder.iterdir():
        entry.unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"checkpoint": 3}, "checkpoint must be the name of a file or None, got 3"),
        ({"resume": True}, "resume=True goes on from a checkpoint; pass its file name"),
        ({"resume": "yes", "checkpoint": "x.json"}, "resume must be True or False, got 'yes'"),
    ],
)
@pytest.mark.parametrize("kind", [SymbolicRegressor, LIESRegressor])
def test_wrong_settings_are_told(kind, settings, message):
    with pytest.raises(InputError, match=message):
        kind(**settings).fit([["not", "numbers"]], None)


def test_a_saved_model_does_not_tell_where_its_checkpoint_was(table, tmp_path):
    model = scripted("2.4*a*b", checkpoint=str(tmp_path / "front.json")).fit(*table)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.save(tmp_path / "model.json")
        assert load(tmp_path / "model.json").checkpoint is None
    assert "front.json" not in (tmp_path / "model.json").read_text(encoding="utf-8")
