"""Model files: what was saved comes back bit for bit, and nothing else is taken for a model."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.exceptions import InputError, ModelFileError, Status
from closedform.formulas import Formula, FormulaModel
from closedform.model_file import dumps, load_formulas, loads, save_model
from closedform.symbolic import Expression, variable
from strategies import expressions


def formula(text: str, **changes) -> Formula:
    expression = Expression.parse(text)
    errors = (0.25,) * expression.n_constants
    return replace(Formula(expression, 0.5, 0.75, expression.complexity, "lies", 1.5, errors, 0.1), **changes)


def model(*formulas: Formula, **changes) -> FormulaModel:
    made = FormulaModel(
        kind="SymbolicRegressor",
        feature_names=("x", "Température"),
        named=True,
        target_name="y",
        formulas=formulas or (formula("1.5"), formula("2.5*x + log(Température)")),
        chosen=len(formulas) - 1 if formulas else 1,
        domain={"x": (-1.0, 2.0), "Température": (0.1, 1e300)},
        status=Status.TIME_LIMIT,
        n_rows=40,
        settings={"max_time": 10.0, "operators": ["exp", "log"], "random_state": None},
        seed=7,
        version="0.1.0",
    )
    return replace(made, **changes)


# --- round trip -------------------------------------------------------------------------------------------------------


def test_a_model_comes_back_as_it_was(tmp_path):
    save_model(model(), tmp_path / "m.json")
    assert load_formulas(tmp_path / "m.json") == model()


@given(expressions(variables=("x", "Température")), st.floats(allow_nan=False, allow_infinity=False))
def test_formulas_and_numbers_come_back_bit_for_bit(expression, number):
    row = Formula(expression, number, -number, 3, "lies", 0.1, (math.pi,) * expression.n_constants)
    back = loads(dumps(model(row))).formulas[0]
    assert back.expression is expression
    assert (back.loss, back.holdout_loss, back.standard_errors) == (number, -number, row.standard_errors)


def test_the_claim_to_be_exact_comes_back_and_files_without_it_claim_nothing():
    claiming = model(formula("2.5*x", exact=True))
    assert loads(dumps(claiming)).formulas[0].exact
    old = json.loads(dumps(claiming))
    del old["formulas"][0]["exact"]
    assert not loads(json.dumps(old)).formulas[0].exact
    old["formulas"][0]["exact"] = "yes"
    with pytest.raises(ModelFileError, match='"exact": expected true or false'):
        loads(json.dumps(old))


def test_what_json_cannot_say_comes_back_too():
    row = formula("2.5*x", loss=math.inf, holdout_loss=math.nan, standard_errors=(math.inf,), score=math.inf)
    back = loads(dumps(model(row))).formulas[0]
    assert (back.loss, back.standard_errors, back.score) == (math.inf, (math.inf,), math.inf)
    assert math.isnan(back.holdout_loss)


@pytest.mark.parametrize("name", ["x 1", "exp", "E", "lambda", "`", '"', "\\", "\n", "😀", "pi"])
def test_any_column_name_works(name):
    row = Formula(2.5 * variable(name), 0.5, 0.5, 3, "lies", 0.1, (0.0,))
    made = model(row, feature_names=(name,), domain={name: (0.0, 2.0)})
    back = loads(dumps(made))
    assert back == made
    np.testing.assert_array_equal(back.predict({name: [1.0, 2.0]}), [2.5, 5.0])


def test_predictions_are_the_same_to_the_last_bit(tmp_path):
    save_model(model(), tmp_path / "m.json")
    columns = {"x": np.linspace(-1, 2, 50), "Température": np.linspace(0.1, 7.0, 50)}
    np.testing.assert_array_equal(load_formulas(tmp_path / "m.json").predict(columns), model().predict(columns))


def test_the_file_can_be_read_by_people():
    data = json.loads(dumps(model()))
    assert data["formulas"][1]["text"] == "2.5*x + log(Température)"
    assert (data["format"], data["version"], data["kind"]) == ("closedform-model", 1, "SymbolicRegressor")


def test_reading_and_predicting_load_nothing_heavy(tmp_path):
    save_model(model(), tmp_path / "m.json")
    code = f"""
import sys
import numpy as np
from closedform.model_file import load_formulas
model = load_formulas({str(tmp_path / "m.json")!r})
model.predict(np.ones((3, 2))), str(model.expression), model.expression.latex()
print(*{{"torch", "sklearn", "pandas", "sympy", "scipy", "narwhals"}} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == ""


# --- writing ----------------------------------------------------------------------------------------------------------


def test_an_existing_file_is_replaced_and_nothing_is_left_over(tmp_path):
    path = tmp_path / "m.json"
    path.write_text("old")
    save_model(model(), path)
    assert load_formulas(path) == model()
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "m.json"
    path.write_text("old")

    def no_space(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(InputError, match=r"cannot be written to '.*m\.json': No space left on device"):
        save_model(model(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(InputError, match=r"cannot be written to '.*nowhere.*': No such file or directory"):
        save_model(model(), tmp_path / "nowhere" / "m.json")


def test_new_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "other").touch()
    save_model(model(), tmp_path / "m.json")
    assert (tmp_path / "m.json").stat().st_mode == (tmp_path / "other").stat().st_mode


# --- files from strangers ---------------------------------------------------------------------------------------------


def changed(*path, to) -> str:
    """A model file in which the field at this path has another value."""
    data = json.loads(dumps(model()))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return json.dumps(data)


def without(*path) -> str:
    data = json.loads(dumps(model()))
    place = data
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return json.dumps(data)


NOT_MODELS = {
    "": "not JSON, or was cut off",
    "hello": "not JSON",
    "x,y\n1,2\n": "not JSON",
    "[]": "not a closedform model",
    "3": "not a closedform model",
    "{}": "not a closedform model",
    '{"format": "other"}': "not a closedform model",
    "[" * 200_000: "nested too deeply",
    '{"a":' * 200_000: "nested too deeply",
    '{"format": "closedform-model", "version": NaN}': "NaN is not a number",
    '{"format": "closedform-model", "version": 1' + "0" * 5000 + "}": "damaged",
}


@pytest.mark.parametrize(("text", "message"), NOT_MODELS.items(), ids=lambda value: value[:20])
def test_what_is_no_model_is_told_as_such(text, message):
    with pytest.raises(ModelFileError, match=message):
        loads(text)


def test_a_file_cut_off_anywhere_is_refused():
    text = dumps(model())
    for end in range(0, len(text) - 2, 7):
        with pytest.raises(ModelFileError):
            loads(text[:end])


def test_a_newer_file_is_told_with_both_versions():
    with pytest.raises(ModelFileError, match=r"version 2 of the format.*knows versions up to 1.*update closedform"):
        loads(changed("version", to=2))


# Not in files of earlier versions.
LATER = ("units", "insights")


@pytest.mark.parametrize("field", LATER)
def test_files_of_earlier_versions_are_read(field):
    assert not getattr(loads(without(field)), field)


NEEDED = [name for name in json.loads(dumps(model())) if name not in ("format", "version", *LATER)]


@pytest.mark.parametrize("field", NEEDED)
def test_a_missing_field_is_named(field):
    with pytest.raises(ModelFileError, match=f'"{field}" is missing'):
        loads(without(field))


NEEDED = [name for name in json.loads(dumps(model()))["formulas"][0] if name not in ("text", "exact", "chi2")]


@pytest.mark.parametrize("field", NEEDED)
def test_a_missing_field_of_a_formula_is_named(field):
    with pytest.raises(ModelFileError, match=f'in "formulas".*"{field}" is missing'):
        loads(without("formulas", 0, field))


def deep(levels: int):
    nested = ["var", "x"]
    for _ in range(levels):
        nested = ["neg", nested]
    return nested


DAMAGES = [
    (("formulas",), [], '"formulas" is empty'),
    (("formulas",), "x", "expected a list"),
    (("formulas", 0), 3, "expected an object"),
    (("formulas", 0, "expression"), ["sinn", ["var", "x"]], "uses the operator 'sinn'"),
    (("formulas", 0, "expression"), ["sin", 1.0, 2.0], "formula is damaged"),
    (("formulas", 0, "expression"), "__import__('os')", "formula is damaged"),
    (("formulas", 0, "expression"), ["frac", 1, 0], "formula is damaged"),
    (("formulas", 0, "expression"), deep(600), "500 levels"),
    (("formulas", 0, "expression"), ["add", *[1.0] * 20_000], "10000 nodes"),
    (("formulas", 0, "expression"), ["var", "z"], "a formula uses 'z', which is not in"),
    (("formulas", 0, "standard_errors"), [], "as many standard errors as constants"),
    (("formulas", 0, "loss"), "0.5", "expected a number, found '0.5'"),
    (("formulas", 0, "complexity"), 1.5, "expected a whole number"),
    (("formulas", 0, "engine"), 3, "expected a text, found 3"),
    (("chosen",), 2, '"chosen" is 2, but there are 2 formulas'),
    (("chosen",), -1, "expected a whole number of at least 0, found -1"),
    (("chosen",), True, "found True"),
    (("feature_names",), ["x", "x"], "occurs twice"),
    (("feature_names",), [1, 2], "expected a text, found 1"),
    (("feature_names",), "xy", "expected a list"),
    (("named",), "yes", "expected true or false, found 'yes'"),
    (("status",), "great", "expected one of converged"),
    (("status",), [], "expected one of converged"),
    (("domain",), {"x": [2.0, 1.0]}, "expected .smallest, largest."),
    (("domain",), {"x": [1.0]}, "expected .smallest, largest."),
    (("settings",), [], "expected an object"),
    (("n_rows",), None, "expected a whole number"),
]


@pytest.mark.parametrize(("path", "value", "message"), DAMAGES, ids=lambda value: str(value)[:30])
def test_damage_is_told_with_its_place(path, value, message):
    with pytest.raises(ModelFileError, match=message) as caught:
        loads(changed(*path, to=value))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e999"])
def test_numbers_that_are_none_are_refused(number):
    text = dumps(model()).replace('"loss": 0.5', f'"loss": {number}')
    with pytest.raises(ModelFileError, match="number"):
        loads(text)
    constant = dumps(model()).replace("2.5", number)
    with pytest.raises(ModelFileError, match=r"number|finite|damaged"):
        loads(constant)


def test_a_file_that_cannot_be_read_is_told_with_its_path(tmp_path):
    with pytest.raises(ModelFileError, match=r"'.*gone\.json' cannot be read: No such file"):
        load_formulas(tmp_path / "gone.json")
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_formulas(tmp_path)
    (tmp_path / "binary").write_bytes(b"\x89PNG\xff\x00" * 10)
    with pytest.raises(ModelFileError, match="is not text in UTF-8"):
        load_formulas(tmp_path / "binary")
    (tmp_path / "m.json").write_text("{")
    with pytest.raises(ModelFileError, match=r"'.*m\.json' cannot be used: it is not JSON"):
        load_formulas(tmp_path / "m.json")


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("closedform.model_file.LARGEST_FILE", 100)
    save_model(model(), tmp_path / "m.json")
    with pytest.raises(ModelFileError, match="it is larger than"):
        load_formulas(tmp_path / "m.json")


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), st.lists, max_leaves=8)
)
def test_any_json_in_place_of_a_formula_is_refused_or_a_formula(value):
    text = changed("formulas", 0, "expression", to=value)
    try:
        loads(text)
    except ModelFileError:
        pass
