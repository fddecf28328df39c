"""Targets of several columns: a front for each, within the time of one fit and in one file."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from closedform import SymbolicRegressor, load
from closedform.exceptions import ConvergenceWarning, InputError, ModelFileError, Status
from toy_engines import AffineEngine, ScriptedEngine

RNG = np.random.default_rng(3)
X = pd.DataFrame(RNG.uniform(1.0, 3.0, size=(40, 2)), columns=["x", "z"])
Y = pd.DataFrame({"line": 2.5 * X["x"] - 1.5, "plane": 0.5 * X["x"] + 3.25 * X["z"]})
QUICK = SymbolicRegressor(engines=(AffineEngine(),), max_time=10, random_state=0)


@pytest.fixture(scope="module")
def fitted() -> SymbolicRegressor:
    return clone(QUICK).fit(X, Y)


def test_each_output_has_a_front_of_its_own(fitted):
    assert [type(front) for front in fitted.equations_] == [pd.DataFrame, pd.DataFrame]
    assert [expression.variables for expression in fitted.expression_] == [("x",), ("x", "z")]
    assert [len(front) for front in fitted.formulas_] == [len(front) for front in fitted.equations_]
    assert [row["equation"] for row in fitted.get_best()] == [str(expression) for expression in fitted.expression_]
    assert fitted.status_ == [Status.CONVERGED, Status.CONVERGED]
    assert [sorted(map(str, one.free_symbols)) for one in fitted.sympy()] == [["x"], ["x", "z"]]
    assert [table.count("tabular") for table in fitted.latex_table()] == [2, 2]
    assert fitted.latex()[0] == fitted.latex([len(fitted.formulas_[0]) - 1, 0])[0]
    own = fitted.equations_
    own[0]["loss"] = 99.0
    assert (fitted.equations_[0]["loss"] < 99.0).all()


def test_predictions_stand_side_by_side(fitted):
    np.testing.assert_allclose(fitted.predict(X), Y.to_numpy(), rtol=1e-9)
    assert fitted.score(X, Y) == pytest.approx(1.0)
    constants = fitted.predict(X, index=0)
    assert constants.shape == (40, 2)
    assert (constants == constants[0]).all()
    mixed = fitted.predict(X, index=[0, None])
    np.testing.assert_array_equal(mixed[:, 0], constants[:, 0])
    np.testing.assert_allclose(mixed[:, 1], Y["plane"], rtol=1e-9)
    with pytest.raises(InputError, match="index must be one row for each of 2 outputs, got 3"):
        fitted.predict(X, index=[0, 0, 0])
    with pytest.raises(InputError, match="index must be a row of equations_"):
        fitted.predict(X, index=99)


def test_columns_without_names_are_numbered():
    model = clone(QUICK).fit(X.to_numpy(), Y.to_numpy())
    assert [one.target_name for one in model.formula_model_.models] == ["y0", "y1"]
    np.testing.assert_allclose(model.predict(X.to_numpy()), Y.to_numpy(), rtol=1e-9)


def test_the_formulas_are_those_of_separate_fits(fitted):
    for position, name in enumerate(Y):
        alone = clone(QUICK).fit(X, Y[name])
        assert str(alone.expression_) == str(fitted.expression_[position])
        assert alone.formulas_[-1].standard_errors == fitted.formulas_[position][-1].standard_errors


def test_one_column_stays_one_output():
    assert isinstance(clone(QUICK).fit(X, Y["line"]).equations_, pd.DataFrame)
    with pytest.warns(Warning, match="column-vector y was passed"):
        assert isinstance(clone(QUICK).fit(X, Y[["line"]]).equations_, pd.DataFrame)


def test_cross_validation_works(fitted):
    predicted = cross_val_predict(fitted, X, Y.to_numpy(), cv=3)
    np.testing.assert_allclose(predicted, Y.to_numpy(), rtol=1e-9)


def test_saved_and_loaded_in_one_file(fitted, tmp_path):
    fitted.save(tmp_path / "m.json")
    again = load(tmp_path / "m.json")
    assert isinstance(again, SymbolicRegressor)
    assert again.expression_ == fitted.expression_
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    from closedform.model_file import load_formulas

    with pytest.raises(ModelFileError, match=r"holds several outputs: read it with closedform\.load"):
        load_formulas(tmp_path / "m.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data["outputs"].pop(), "holds 1 of at least 2 models"),
        (lambda data: data["outputs"][1].update(target_name="line"), "two of its outputs have the same name"),
        (lambda data: data["outputs"][1].update(kind="LIESRegressor"), "were not fitted together"),
        (lambda data: data.update(version=99), "update closedform"),
        (lambda data: data["outputs"][0].pop("formulas"), "formulas"),
        (lambda data: data.update(outputs=3), "outputs"),
    ],
)
def test_damaged_files_are_refused(fitted, tmp_path, change, message):
    import json

    fitted.save(tmp_path / "m.json")
    data = json.loads((tmp_path / "m.json").read_text())
    change(data)
    (tmp_path / "m.json").write_text(json.dumps(data))
    with pytest.raises(ModelFileError, match=message):
        load(tmp_path / "m.json")


def test_bad_targets_are_refused_before_any_work():
    bad = Y.copy()
    bad.loc[4, "plane"] = np.nan
    with pytest.raises(InputError, match="target 'plane' has no finite value in row 5"):
        clone(QUICK).fit(X, bad)
    with pytest.raises(InputError, match="two columns called 'line'"):
        clone(QUICK).fit(X, Y.set_axis(["line", "line"], axis="columns"))


def test_a_fit_is_continued_for_each_output(fitted):
    model = clone(QUICK).set_params(warm_start=True).fit(X, Y)
    model.set_params(engines=(ScriptedEngine(()),)).fit(X, Y)
    np.testing.assert_allclose(model.predict(X), Y.to_numpy(), rtol=1e-9)
    with pytest.raises(InputError, match=r"continues a fit of 2 output\(s\), but y has 1"):
        model.fit(X, Y["line"])


def test_time_is_shared_and_an_interruption_ends_all():
    def stop() -> None:
        raise KeyboardInterrupt

    started = time.monotonic()
    model = SymbolicRegressor(engines=(ScriptedEngine(("x",), stop, 0),), max_time=60, random_state=0)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model.fit(X, Y)
    assert time.monotonic() - started < 30
    assert model.status_ == [Status.INTERRUPTED, Status.INTERRUPTED]
    assert model.predict(X).shape == (40, 2)
