"""A model in words: constants with their errors, how far it is off, and what may not be said."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from cli_runs import formula
from closedform.cli import results
from closedform.symbolic import Expression


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (365.25634, 0.0123, "365.256 ± 0.012"),
        (365.26, 0.0001234, "365.26 ± 0.00012"),
        (-2.0, 0.5, "-2 ± 0.50"),
        (1234567.8, 234.5, "1.23457e+06 ± 2.3e+02"),
        (6.674e-11, 2e-15, "6.67400e-11 ± 2.0e-15"),
        (2.5, math.inf, "2.5 (not fixed by the data)"),
        (2.5, 1e-16, "2.5 (free of noise)"),
        (0.0, 0.25, "0 ± 0.25"),
        (3.0, 700.0, "3e+00 ± 7.0e+02"),
    ],
)
def test_constants_with_the_digits_that_mean_something(value, error, text):
    assert results.with_error(value, error) == text


def test_a_repeated_constant_is_told_once(saved_model):
    twice = formula("2.5*x + sin(2.5*x)", 1.0, 1.0, (0.1, 0.1))
    assert results.constant_lines(twice, 1000) == ["constant 2.5 ± 0.10 (95 %: 2.3 to 2.7)"]


def test_errors_are_told_in_the_unit_of_the_target(saved_model):
    assert "off by 0.02 (root mean square); the best constant is off by 3." in results.sentence(saved_model)
    absolute = replace(saved_model, settings={**saved_model.settings, "loss": "absolute"})
    assert "off by 0.0004 (mean absolute error); the best constant is off by 9." in results.sentence(absolute)
    huber = replace(saved_model, settings={**saved_model.settings, "loss": "huber"})
    assert "off by 0.0004 (mean loss)" in results.sentence(huber)


def test_losses_of_extreme_targets_have_no_unit(saved_model):
    extreme = replace(saved_model, domain={**saved_model.domain, "x": (1e-300, 2e-300)})
    assert "(mean loss)" in results.sentence(extreme)


def test_a_constant_is_no_explanation(saved_model):
    constant = replace(saved_model, chosen=0)
    assert results.sentence(constant).startswith("No column helps to explain y")
    assert "the best constant is" not in results.sentence(constant)


def test_a_formula_without_a_constant_to_compare_with(saved_model):
    alone = replace(saved_model, formulas=saved_model.formulas[2:], chosen=0)
    assert results.sentence(alone).endswith("(root mean square).")
    assert results.reason(alone) == "The only formula was chosen."


def test_rows_that_somebody_else_held_out(saved_model):
    assert "On the 7 rows that were held out" in results.sentence(saved_model, n_holdout=7)


def test_one_row_held_out(saved_model):
    assert "On the one row that was held out" in results.sentence(replace(saved_model, n_rows=5))


@pytest.mark.parametrize(
    ("rule", "words"), [("mdl", "shortest description"), ("best", "falls most"), ("accuracy", "smallest error")]
)
def test_the_reason_for_the_choice(saved_model, rule, words):
    model = replace(saved_model, settings={**saved_model.settings, "model_selection": rule})
    assert words in results.reason(model)
    assert results.reason(model).startswith("Formula 2 of 3 was chosen: ")


def test_an_exact_formula_is_called_so_and_no_other(saved_model):
    formula = saved_model.formulas[2]
    assert results.claim(replace(formula, exact=True)).startswith("It is exact: only the rounding of numbers is left")
    assert results.claim(formula).startswith("It is not claimed to be an exact law")
    claimed = [results.formula_record(one)["exact"] for one in (replace(formula, exact=True), formula)]
    assert claimed == [True, False]


def test_the_record_is_plain_json_whatever_is_infinite(saved_model):
    odd = replace(saved_model.formulas[2], loss=math.inf, holdout_loss=math.nan, score=math.inf)
    record = results.record(replace(saved_model, formulas=(*saved_model.formulas[:2], odd)))
    text = json.dumps(record, allow_nan=False)
    assert json.loads(text)["formulas"][2]["loss"] is None
    assert record["n_holdout"] == 0


def test_names_that_are_no_words_are_quoted(saved_model):
    assert results.law(replace(saved_model, target_name="speed (m/s)"), 1) == "`speed (m/s)` = 2.25*x"
    assert Expression.parse(results.law(saved_model, 2).removeprefix("y = ")) is saved_model.expression
