"""`closedform show`: every way of writing a formula gives the same numbers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from cli_runs import LAW
from closedform.symbolic import Expression
from closedform.symbolic.export import from_sympy
from excel_formula import excel_value
from export_checks import compile_c, load_python


@pytest.fixture
def expected(rows):
    return Expression.parse(LAW).evaluate(rows)


def shown(cli, model_path, format, *more):
    done = cli("show", model_path, "--format", format, *more)
    assert done.code == 0, done.err
    assert done.err == ""
    return done.out


def test_text_is_the_formula_itself(cli, model_path):
    assert Expression.parse(shown(cli, model_path, "text")) is Expression.parse(LAW)


def test_python_agrees(cli, model_path, rows, expected):
    function = load_python(shown(cli, model_path, "python")).formula
    values = [function(*row) for row in zip(rows["x"].tolist(), rows["x 1"].tolist(), strict=True)]
    np.testing.assert_allclose(values, expected, rtol=1e-12)


def test_numpy_agrees(cli, model_path, rows, expected):
    function = load_python(shown(cli, model_path, "numpy")).formula
    np.testing.assert_allclose(function(rows["x"], rows["x 1"]), expected, rtol=1e-12)


def test_torch_agrees(cli, model_path, rows, expected):
    import torch

    function = load_python(shown(cli, model_path, "torch")).formula
    values = function(torch.from_numpy(rows["x"]), torch.from_numpy(rows["x 1"]))
    np.testing.assert_allclose(values.numpy(), expected, rtol=1e-12)


def test_c_agrees(cli, model_path, rows, expected, tmp_path):
    (function,) = compile_c([shown(cli, model_path, "c")], [2], tmp_path)
    np.testing.assert_allclose(function(rows["x"], rows["x 1"]), expected, rtol=1e-12)


def test_excel_agrees(cli, model_path, rows, expected):
    cell = shown(cli, model_path, "excel").rstrip("\n")
    pairs = zip(rows["x"].tolist(), rows["x 1"].tolist(), strict=True)
    values = [excel_value(cell, {"x": a, "x_1": b}) for a, b in pairs]
    np.testing.assert_allclose(values, expected, rtol=1e-12)


@pytest.mark.parametrize("index", ["1", "2"])
def test_sympy_agrees(cli, model_path, saved_model, rows, index):
    """Plain text where names allow it (row 1), SymPy's own notation where they do not (row 2: ``x 1``)."""
    import sympy

    text = shown(cli, model_path, "sympy", "--index", index)
    expression = from_sympy(sympy.sympify(text))
    expected = saved_model.formulas[int(index)].expression.evaluate(rows)
    np.testing.assert_allclose(expression.evaluate(rows), expected, rtol=1e-12)


def test_latex_is_an_equation_with_all_digits(cli, model_path):
    latex = shown(cli, model_path, "latex")
    assert latex.startswith("y = 2.5 x^{3/2}")
    assert r"\mathrm{x\ 1}" in latex


def test_json_holds_all_formulas(cli, model_path, saved_model):
    record = json.loads(shown(cli, model_path, "json"))
    assert [row["formula"] for row in record["formulas"]] == [str(row.expression) for row in saved_model.formulas]
    assert record["chosen"] == 2
    assert record["formula"] == LAW
    assert record["n_holdout"] == 10
    assert record["formulas"][2]["constants"][1] == {"value": 0.125, "standard_error": None}
    assert json.loads(shown(cli, model_path, "json", "--index", "1")) == record["formulas"][1]


def test_table_marks_the_chosen_row_and_says_how_far_it_is_off(cli, model_path):
    lines = shown(cli, model_path, "table").splitlines()
    marked = [line for line in lines if line.startswith(">")]
    assert len(marked) == 1
    assert marked[0].split()[:4] == [">", "2", str(Expression.parse(LAW).complexity), "0.01"]
    assert f"y = {LAW}" in lines
    text = "\n".join(lines)
    assert "2.5 ± 0.0030" in text
    assert "0.125 (not fixed by the data)" in text
    assert "3/2" in text
    assert "On the 10 rows that were held out it is off by 0.02 (root mean square)" in text
    assert "the best constant is off by 3." in text
    assert all(line == line.rstrip() for line in lines)


def test_it_says_where_the_formula_was_learned_and_where_it_ends(cli, model_path):
    text = shown(cli, model_path, "table")
    assert "It was learned for x from 0.5 to 4, `x 1` from 1 to 2." in text
    assert "Careful: it has no value below x = 0: x**(3/2), beyond the data (0.5 to 4)." in text
    assert "proven" not in text
    assert "as far again along each column" in shown(cli, model_path, "table", "--index", "1")
    trust = json.loads(shown(cli, model_path, "json"))["trust"]
    assert trust["domain"] == {"x": [0.5, 4.0], "x 1": [1.0, 2.0]}
    assert trust["hazards"][0] == {"kind": "undefined", "variable": "x", "value": 0.0, "side": "below", "others": {}}


def test_another_formula_of_the_front(cli, model_path):
    assert shown(cli, model_path, "text", "--index", "1") == "2.25*x\n"
    assert "y = 2.25*x" in shown(cli, model_path, "table", "--index", "1")


def test_digits(cli, model_path):
    assert shown(cli, model_path, "text", "--digits", "2").startswith("2.5*x**(3/2) + 0.12*log(`x 1`)")
    done = cli("show", model_path, "--format", "c", "--digits", "2")
    assert done.code == 2
    assert "--digits" in done.err


@pytest.mark.parametrize("index", ["3", "-1"])
def test_a_row_that_is_not_there(cli, model_path, index):
    done = cli("show", model_path, "--index", index)
    assert done.code == 2
    assert f"--index must be a row from 0 to 2, got {index}" in done.err


def test_long_formulas_are_not_cut_in_pipes(cli, saved_model, tmp_path):
    from dataclasses import replace

    from closedform.model_file import save_model

    text = " + ".join(f"{k}.5*sin({k}.25*x)" for k in range(1, 60))
    expression = Expression.parse(text)
    long = replace(saved_model.formulas[2], expression=expression, standard_errors=(math.inf,) * expression.n_constants)
    save_model(replace(saved_model, formulas=(*saved_model.formulas[:2], long)), tmp_path / "long.json")
    assert cli("show", tmp_path / "long.json").out.count(text) == 2
