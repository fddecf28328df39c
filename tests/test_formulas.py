"""Predictions from a front of formulas, and what is said where a formula has no value."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.exceptions import DataWarning, DomainError, InputError, Status
from closedform.formulas import Formula, FormulaModel
from closedform.symbolic import Expression


def front(
    *texts: str, chosen: int = 0, names: tuple[str, ...] = ("x", "y"), named: bool = True, domain=None
) -> FormulaModel:
    formulas = tuple(Formula(Expression.parse(text), 0.1, 0.1, 1, "lies", 0.0, ()) for text in texts)
    return FormulaModel("LIESRegressor", names, named, "z", formulas, chosen, domain or {}, Status.CONVERGED, 10)


X = {"x": np.array([1.0, 2.0, 4.0]), "y": np.array([0.0, -1.0, 3.0])}


def test_the_chosen_formula_predicts_unless_another_is_asked_for():
    model = front("x + y", "3.5", "x**2", chosen=2)
    np.testing.assert_array_equal(model.predict(X), [1.0, 4.0, 16.0])
    np.testing.assert_array_equal(model.predict(X, index=0), [1.0, 1.0, 7.0])
    np.testing.assert_array_equal(model.predict(X, index=1), [3.5, 3.5, 3.5])
    np.testing.assert_array_equal(model.predict(X, index=np.int64(2)), [1.0, 4.0, 16.0])
    assert str(model.expression) == "x**2"


@pytest.mark.parametrize("index", [-1, 3, 1.0, "0", True])
def test_an_index_that_is_no_row_of_the_front_is_refused(index):
    with pytest.raises(InputError, match=r"index must be a row of equations_, a whole number from 0 to 2, got"):
        front("x", "y", "1.0").predict(X, index=index)


def test_columns_are_found_by_name_in_any_order():
    model = front("x - y")
    np.testing.assert_array_equal(model.predict({"y": [1.0], "x": [5.0]}), [4.0])
    with pytest.raises(InputError, match="missing now: 'y'"):
        model.predict({"x": [1.0]})


def test_a_prediction_may_be_written_to():
    values = front("x").predict(X)
    values[0] = 99.0
    assert X["x"][0] == 1.0


def test_rows_outside_the_domain_raise_with_rows_and_reason():
    with pytest.raises(DomainError) as caught:
        front("2.5*log(y) + x").predict(X)
    assert caught.value.rows == (0, 1)
    assert str(caught.value) == (
        "The formula has no value in rows 1, 2: log(y) is not defined or too large with y = 0.0. "
        'Leave out these rows, or pass outside="nan" to get NaN for them.'
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1/(y - 3)", r"row 3: .* with y = 3\.0"),
        ("exp(1000*x)", r"rows 1, 2, 3: exp\(1000\*x\) is not defined or too large with x = 1\.0"),
        ("sqrt(y) + log(y)", r"rows 1, 2: log\(y\)"),
        ("y**0.5", r"row 2: y\*\*0\.5 is not defined or too large with y = -1\.0"),
        ("log(-1.5)*x", r"rows 1, 2, 3: log\(-1\.5\) is not defined or too large\."),
    ],
)
def test_the_part_to_blame_is_named(text, reason):
    with pytest.raises(DomainError, match=reason):
        front(text).predict(X)


def test_a_long_reason_is_cut():
    text = "log(" + " - ".join(f"{i}.5*y" for i in range(1, 40)) + ")"
    with pytest.raises(DomainError) as caught:
        front(text).predict(X)
    assert len(str(caught.value)) < 250


def test_nan_can_be_asked_for():
    model = front("log(y) + x")
    np.testing.assert_array_equal(model.predict(X, outside="nan"), [np.nan, np.nan, np.log(3.0) + 4.0])
    # Infinity by overflow is no value either.
    assert np.isnan(front("exp(1000*x)").predict(X, outside="nan")).all()


@pytest.mark.parametrize("outside", ["warn", "raise", "ignore"])
def test_nothing_but_nan_lets_rows_without_a_value_pass(outside):
    with pytest.raises(DomainError, match=r"no value in rows 1, 2: log\(y\)"):
        front("log(y) + x").predict(X, outside=outside)


@pytest.mark.parametrize("outside", ["error", None, True])
def test_other_words_are_refused(outside):
    with pytest.raises(InputError, match='outside must be "warn", "nan", "raise" or "ignore", got'):
        front("x").predict(X, outside=outside)


LEARNED = {"x": (0.0, 2.0), "y": (-5.0, 5.0)}
FAR = "outside the data that it was learned on in row 3: x = 4, learned from 0 to 2"


def test_rows_outside_the_learned_range_are_told_and_the_value_is_given():
    model = front("2.0*x", domain=LEARNED)
    with pytest.warns(DataWarning, match=FAR):
        np.testing.assert_array_equal(model.predict(X), [2.0, 4.0, 8.0])
    np.testing.assert_array_equal(model.predict(X, outside="ignore"), [2.0, 4.0, 8.0])
    np.testing.assert_array_equal(model.predict(X, outside="nan"), [2.0, 4.0, np.nan])
    with pytest.raises(DomainError, match=FAR) as caught:
        model.predict(X, outside="raise")
    assert caught.value.rows == (2,)


def test_columns_that_a_formula_does_not_use_may_lie_anywhere():
    model = front("x", "x + y", domain={"x": (1.0, 4.0), "y": (100.0, 200.0)})
    np.testing.assert_array_equal(model.predict(X, outside="raise"), X["x"])
    with pytest.raises(DomainError, match="y = 0, learned from 100 to 200"):
        model.predict(X, index=1, outside="raise")
    assert model.formulas[0].domain == {"x": (1.0, 4.0)}


def test_a_little_outside_is_inside():
    model = front("x", domain={"x": (0.0, 10.0)})
    np.testing.assert_array_equal(model.predict({"x": [-1.0, 11.0], "y": [0.0, 0.0]}, outside="raise"), [-1.0, 11.0])
    with pytest.raises(DomainError, match=r"in rows 1, 2: x = -1\.1, learned from 0 to 10"):
        model.predict({"x": [-1.1, 11.1], "y": [0.0, 0.0]}, outside="raise")


def test_a_table_without_names_is_taken_in_order():
    model = front("x0 - x1", names=("x0", "x1"), named=False)
    np.testing.assert_array_equal(model.predict([[5.0, 1.0]]), [4.0])
    with pytest.raises(InputError, match="X has 3 features, but LIESRegressor is expecting 2"):
        model.predict(np.ones((2, 3)))
