"""Files of Rational ANOVA Networks: what was saved comes back bit for bit, and nothing else is taken for one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import closedform
from closedform.additive.terms import FormulaEffect
from closedform.exceptions import InputError, ModelFileError
from closedform.network_file import dumps, load_network, loads, save_network
from closedform.symbolic import Expression
from small_networks import rows, small_network


@pytest.fixture(scope="module")
def network():
    return small_network()


# --- round trip -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["regression", "poisson", "binary", "classes"])
def test_predictions_come_back_to_the_last_bit(kind, tmp_path):
    made = small_network(kind)
    save_network(made, tmp_path / "m.json")
    back = load_network(tmp_path / "m.json")
    table = rows()
    np.testing.assert_array_equal(back.raw(table), made.raw(table))
    np.testing.assert_array_equal(back.mean(table), made.mean(table))
    assert (back.classes, back.family, back.columns) == (made.classes, made.family, made.columns)
    assert (back.settings, back.target_name, back.n_rows) == (made.settings, made.target_name, made.n_rows)
    assert dumps(back) == dumps(made)


def test_importances_and_shares_come_back(network):
    back = loads(dumps(network)).model
    np.testing.assert_array_equal(back.importances, network.model.importances)
    np.testing.assert_array_equal(back.shares, network.model.shares)
    assert back.n_numbers == network.model.n_numbers
    assert back.names == network.model.names


def test_an_edited_model_comes_back(network):
    edited = replace(network, model=network.model.without("a").with_factor("a & x 1", -0.5))
    back = loads(dumps(edited))
    np.testing.assert_array_equal(back.raw(rows()), edited.raw(rows()))


def test_a_law_among_the_effects_comes_back(network):
    functions = network.model.functions[0]
    law = FormulaEffect(
        (functions,), Expression.parse("1/(1 + a**2)"), (np.zeros((functions.basis.size, 1)),), np.ones(1)
    )
    model = network.model
    grown = replace(
        model,
        effects=(*model.effects, law),
        covariances=np.append(model.covariances, 0.0),
        deviations=np.append(model.deviations, np.inf),
    )
    back = loads(dumps(replace(network, model=grown)))
    assert back.model.effects[-1].expression is law.expression
    assert back.model.deviations[-1] == np.inf
    np.testing.assert_array_equal(back.raw(rows()), replace(network, model=grown).raw(rows()))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_comes_back_bit_for_bit(number):
    made = small_network()
    back = loads(dumps(replace(made, model=replace(made.model, intercept=np.array([number])))))
    assert back.model.intercept.tobytes() == np.array([number]).tobytes()


# --- estimators -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [["no", "yes"], [True, False], [3, 7], [1.0, 2.0], ["u", "v", "w"]])
def test_a_classifier_is_loaded_with_its_classes(labels, tmp_path, rng):
    from closedform import RANClassifier

    X = rng.uniform(-1, 1, (90, 2))
    y = np.array(labels)[np.searchsorted(np.linspace(-1, 1, len(labels) + 1)[1:-1], X[:, 0])]
    model = RANClassifier(second_block=False, interactions=0, random_state=0).fit(X, y)
    model.save(tmp_path / "m.json")
    back = closedform.load(tmp_path / "m.json")
    assert type(back) is RANClassifier
    assert back.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(back.classes_, model.classes_)
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))


def test_a_regressor_is_loaded_with_its_settings(tmp_path, rng):
    import pandas as pd

    from closedform import RANRegressor

    X = pd.DataFrame({"a": rng.uniform(-1, 1, 60), "b": rng.choice(["x", "y"], 60)})
    model = RANRegressor(second_block=False, interactions=0, max_time=20.0, random_state=3).fit(X, X["a"] ** 2)
    model.save(tmp_path / "m.json")
    back = closedform.load(tmp_path / "m.json")
    assert back.get_params() == model.get_params()
    assert list(back.feature_names_in_) == ["a", "b"]
    np.testing.assert_array_equal(back.predict(X), model.predict(X))


def test_a_setting_that_does_not_exist_is_told(network, tmp_path):
    save_network(replace(network, settings={"depth": 3}), tmp_path / "m.json")
    with pytest.raises(ModelFileError, match="RANRegressor has no setting 'depth'"):
        closedform.load(tmp_path / "m.json")


def test_reading_and_predicting_load_nothing_heavy(network, tmp_path):
    save_network(network, tmp_path / "m.json")
    code = f"""
import sys
from closedform.network_file import load_network
network = load_network({str(tmp_path / "m.json")!r})
network.mean({{"a": [0.1, 0.2], "x 1": [1.0, None], "sex": ["male", "?"], "const": [1, 1]}})
from closedform.additive.formula import model_expression
str(model_expression(network))
print(*{{"torch", "sklearn", "pandas", "matplotlib", "scipy", "sympy"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=100)
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_network_too_large_for_a_file_is_told(network, tmp_path, monkeypatch):
    monkeypatch.setattr("closedform.network_file.LARGEST_NETWORK", 100)
    with pytest.raises(InputError, match="more than the 0 MB that a model file may have"):
        save_network(network, tmp_path / "m.json")
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_told(network, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        save_network(network, tmp_path / "nowhere" / "m.json")


# --- files from strangers ---------------------------------------------------------------------------------------------


def changed(network, *path, to) -> str:
    """A file in which the field at this path has another value."""
    data = json.loads(dumps(network))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return json.dumps(data)


def fields() -> list[str]:
    return [name for name in json.loads(dumps(small_network())) if name not in ("format", "version")]


@pytest.mark.parametrize("name", fields())
def test_a_missing_field_is_named(network, name):
    data = json.loads(dumps(network))
    del data[name]
    with pytest.raises(ModelFileError, match=f'"{name}" is missing'):
        loads(json.dumps(data))


@pytest.mark.parametrize("name", [name for name in fields() if name not in ("package_version", "target_name", "kind")])
@pytest.mark.parametrize("value", ["text", 1.5, [[[]]], {"a": 1}, -1, [3, "x"], True])
def test_a_field_of_another_kind_is_refused(network, name, value):
    if (name, value) in (("settings", {"a": 1}), ("named", True), ("classes", None)):
        value = None
    with pytest.raises(ModelFileError, match="damaged"):
        loads(changed(network, name, to=value))


DAMAGES = [
    (("intercept",), [1.0, 2.0], "a list of 1 entries"),
    (("intercept",), [None], "expected a number, found None"),
    (("intercept",), ["1.0"], "expected a number, found '1.0'"),
    (("functions", 0, "column"), 17, "no column 17"),
    (("functions", 0, "column"), 3, "no column 3"),
    (("functions", 1, "column"), 0, "a column occurs twice"),
    (("functions", 0, "scale"), 0.0, "a number above 0"),
    (("functions", 0, "widths"), [1.0], "do not fit together"),
    (("functions", 0, "n_coarse"), 99, "do not fit together"),
    (("functions", 0, "low"), 99.0, "larger than the largest"),
    (("functions", 0, "beyond"), "up", "one of linear, clip, rational"),
    (("functions", 0, "basis"), "levels", "of kind numeric has no functions"),
    (("functions", 2, "n_levels"), 2, "2 functions for the 3 levels"),
    (("effects", 0, "columns"), [9], "column 9 is not among"),
    (("effects", 0, "columns"), [], "needs columns"),
    (("effects", 0, "columns"), [0, 1], "of 2 columns is not known"),
    (("effects", 0, "effect"), "other", "'other'"),
    (("effects", 0, "coefficients"), [[1.0]], "a list of .* entries"),
    (("effects", 0, "standard_error"), [], "a list of .* entries"),
    (("effects", 3, "matrix"), [], "a list of .* entries"),
    (("effects", 3, "columns"), [0, 0], "each once"),
    (("second", "weights"), [], "a list of .* entries"),
    (("second", "bumps"), [], "a list of 0 entries"),
    (("second", "inputs", 0, "scale"), -1.0, "a number above 0"),
    (("covariances",), [0.0], "a list of .* entries"),
    (("family",), {"name": "squarred"}, "one of squared"),
    (("family",), {"name": "log_loss"}, "a 'RANRegressor' with the loss 'log_loss'"),
    (("classes",), ["a"], 'has no "classes"'),
    (("classes",), ["a", 1], "labels of one kind"),
    (("classes",), ["a", "a"], "different labels"),
    (("classes",), [10**30, 1], "within the range"),
    (("kind",), "SymbolicRegressor", "is not known"),
    (("columns", 0, "kind"), "sound", "one of numeric"),
    (("columns", 1, "name"), "a", "a name occurs twice"),
    (("columns", 0, "constant"), True, "no column 0"),
    (("version",), 2, "version 2 of the format"),
    (("format",), "closedform-model", "not a closedform network"),
]


@pytest.mark.parametrize(("path", "value", "message"), DAMAGES, ids=lambda value: str(value)[:30])
def test_damage_is_told_with_its_place(network, path, value, message):
    with pytest.raises(ModelFileError, match=message) as caught:
        loads(changed(network, *path, to=value))
    assert len(str(caught.value)) < 300


def test_a_formula_in_a_file_may_only_use_its_columns(network):
    effect = {
        "effect": "formula",
        "columns": [0],
        "offset": [0.0],
        "expression": ["var", "x 1"],
        "parts": [[[0.0]] * network.model.functions[0].basis.size],
    }
    with pytest.raises(ModelFileError, match="a formula uses 'x 1'"):
        loads(changed(network, "effects", 0, to=effect))
    with pytest.raises(ModelFileError, match='a list of 1 "parts"'):
        loads(changed(network, "effects", 0, to={**effect, "expression": ["var", "a"], "parts": []}))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(network, number):
    content = dumps(network).replace('"n_coarse"', f'"center": {number}, "n_coarse"')
    with pytest.raises(ModelFileError, match="number"):
        loads(content)


def test_a_file_cut_off_anywhere_is_refused(network):
    content = dumps(network)
    for end in range(0, len(content) - 2, 997):
        with pytest.raises(ModelFileError):
            loads(content[:end])


def test_any_model_file_is_told_apart(network, tmp_path):
    path = Path(tmp_path / "m.json")
    path.write_text("[]")
    with pytest.raises(ModelFileError, match="not a closedform model"):
        closedform.load(path)
    with pytest.raises(ModelFileError, match=r"'.*m\.json' cannot be used: it is not a closedform network"):
        load_network(path)


def test_settings_of_columns_are_kept(network):
    back = loads(dumps(network))
    assert [asdict(column) for column in back.columns] == [asdict(column) for column in network.columns]
