"""Values: right, nan outside the domain, without warnings, from any kind of table, at any number of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.exceptions import InputError
from closedform.symbolic import OPERATORS, Expression, apply, constant, variable
from closedform.symbolic import evaluate as module
from closedform.symbolic._program import BLOCK
from closedform.symbolic.evaluate import evaluate, evaluate_with_ok, jacobian_constants
from strategies import expressions, reference_values, sample_columns, well_conditioned

P = Expression.parse
COLUMNS = sample_columns()
# Zeros, nan and the edges of domains side by side.
EDGES = {
    "x": np.array([0.0, 0.0, 1.0, -1.0, 2.0, np.nan, 1e200, -0.5, np.inf, 1e-200, 3.0]),
    "y": np.array([0.0, -1.0, 0.0, 0.5, 1 / 3, 1.0, 2.0, np.nan, 1.0, -2.0, -3.0]),
}


def agree(formula: Expression, columns: dict[str, np.ndarray]) -> None:
    values, ok = evaluate_with_ok(formula, columns)
    reference = reference_values(formula, columns)
    assert values.dtype == np.float64
    assert np.array_equal(ok, np.isfinite(values))
    steady = well_conditioned(formula, columns)
    np.testing.assert_allclose(values[steady], reference[steady], rtol=1e-9)
    assert not ok[np.isnan(reference)].any()


@given(expressions(max_leaves=14))
def test_values_agree_with_the_plain_way(formula: Expression) -> None:
    agree(formula, COLUMNS)


@given(expressions(max_leaves=10))
def test_values_at_the_edges_of_domains(formula: Expression) -> None:
    agree(formula, EDGES)


@given(expressions(max_leaves=8))
def test_canonical_spellings_of_sub_and_div_have_the_same_values(formula: Expression) -> None:
    agree(formula.canonical(), COLUMNS)


@given(expressions(max_leaves=8), st.integers(0, 40))
def test_rows_do_not_know_of_one_another(formula: Expression, start: int) -> None:
    part = {name: column[start : start + 7] for name, column in COLUMNS.items()}
    whole = evaluate(formula, COLUMNS)[start : start + 7]
    np.testing.assert_allclose(evaluate(formula, part), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "x", "wanted"),
    [
        ("log(x)", [1.0, 0.0, -1.0], [0.0, np.nan, np.nan]),
        ("exp(log(x))", [0.0, 1.0], [np.nan, 1.0]),
        ("1/log(x)", [0.0], [np.nan]),
        ("1/(1/x)", [0.0, 2.0], [np.nan, 2.0]),
        ("x/0", [1.0, 0.0], [np.nan, np.nan]),
        ("0/x", [0.0, 2.0], [np.nan, 0.0]),
        ("x**-2", [0.0, 2.0], [np.nan, 0.25]),
        ("x**-0.5", [0.0, 4.0, -4.0], [np.nan, 0.5, np.nan]),
        ("x**2.3", [0.0, -1.0], [0.0, np.nan]),
        ("x**-2.3", [0.0, 1.0], [np.nan, 1.0]),
        ("x**3.0", [-2.0], [-8.0]),
        ("(-8)**x", [2.0, 0.5], [64.0, np.nan]),
        ("log(x)**0", [-1.0, 2.0], [np.nan, 1.0]),
        ("1.0**log(x)", [-1.0, 2.0], [np.nan, 1.0]),
        ("0*log(x)", [-1.0, 2.0], [np.nan, 0.0]),
        ("x + log(-1)", [1.0], [np.nan]),
        ("max(log(x), 1)", [-1.0, 1.0], [np.nan, 1.0]),
        ("sign(sqrt(x))", [-1.0, 4.0], [np.nan, 1.0]),
        ("exp(x)", [1000.0, -1000.0], [np.inf, 0.0]),
        ("1/(1 + exp(-x))", [-1000.0, 1000.0], [0.0, 1.0]),
        ("exp(x) - exp(x)", [1000.0], [np.nan]),
        ("x + (-1)*x**-1", [0.0, 2.0], [np.nan, 1.5]),
        ("-1*x + (-1)*x", [2.0], [-4.0]),
        ("x**-1*x**(-1)", [2.0, 0.0], [0.25, np.nan]),
    ],
)
def test_domains(text: str, x: list[float], wanted: list[float]) -> None:
    values, ok = evaluate_with_ok(P(text), {"x": np.array(x)})
    np.testing.assert_allclose(values, wanted, rtol=1e-14)
    np.testing.assert_array_equal(ok, np.isfinite(wanted))


@pytest.mark.parametrize("n_rows", [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 17])
def test_any_number_of_rows(n_rows: int) -> None:
    columns = sample_columns(n_rows=n_rows, low=0.5)
    values = evaluate(P("2.5*x**3*exp(-y) + sqrt(x*y)/(x + y) - log(x)"), columns)
    x, y = columns["x"], columns["y"]
    wanted = 2.5 * x**3 * np.exp(-y) + np.sqrt(x * y) / (x + y) - np.log(x)
    np.testing.assert_allclose(values, wanted, rtol=1e-11)


def test_a_zero_in_one_block_leaves_the_others_alone() -> None:
    x = np.linspace(1.0, 2.0, 3 * BLOCK)
    x[BLOCK + 5] = 0.0
    values, ok = evaluate_with_ok(P("1/x + log(x)"), {"x": x})
    assert np.flatnonzero(~ok).tolist() == [BLOCK + 5]
    np.testing.assert_allclose(values[ok], 1 / x[ok] + np.log(x[ok]), rtol=1e-12, atol=1e-14)


def test_shared_subexpressions_are_computed_once() -> None:
    node = variable("x")
    for _ in range(60):
        node = node + node  # 2**61 - 1 nodes as a tree
    np.testing.assert_allclose(evaluate(node, {"x": np.array([1.0])}), [2.0**60])


def test_inputs_are_not_changed_and_results_are_fresh() -> None:
    x = np.array([1.0, 2.0])
    for text in ("x", "x**2 + x", "-x"):
        values = evaluate(P(text), {"x": x})
        values += 100
        assert x.tolist() == [1.0, 2.0]


# --- what may come as columns -----------------------------------------------------------------------------------------

FORMULA = P("x*y - x**2/`a 1`")
DATA = {"x": [1, 2, 3], "y": [0.5, 1.5, -1.0], "a 1": [True, True, True]}
WANTED = np.array([-0.5, -1.0, -12.0])


@pytest.mark.parametrize(
    "table",
    [
        DATA,
        {name: np.array(column, dtype=np.float32) for name, column in DATA.items()},
        {**DATA, "a 1": 1.0},
        {**DATA, "unused": ["a", "b", "c"]},
        pd.DataFrame(DATA),
        pd.DataFrame(DATA).astype({"x": "Int64"}),
        pl.DataFrame(DATA),
        pa.table(DATA),
    ],
    ids=["lists", "float32", "scalar", "unused text", "pandas", "nullable", "polars", "pyarrow"],
)
def test_tables_of_all_kinds(table: object) -> None:
    np.testing.assert_allclose(evaluate(FORMULA, table), WANTED)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_arrays_of_all_layouts(order: str, dtype: type) -> None:
    table = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], dtype=dtype, order=order)
    formula = P("b*b + b - c")
    wanted = [4 + 2 - 3, 25 + 5 - 6, 64 + 8 - 9]
    np.testing.assert_allclose(evaluate(formula, table, names=["a", "b", "c"]), wanted)
    np.testing.assert_allclose(evaluate(P("x1*x1 + x1 - x2"), table), wanted)
    np.testing.assert_allclose(module.compile(formula, ["a", "b", "c"])(table), wanted)


def test_formulas_without_variables_have_as_many_rows_as_the_table() -> None:
    for formula in (constant(2.5), P("5/2"), P("2.0 + 1/2"), P("log(-1)")):
        wanted = np.nan if formula is P("log(-1)") else 2.5
        np.testing.assert_array_equal(evaluate(formula, {"x": np.zeros(3)}), np.full(3, wanted))
        np.testing.assert_array_equal(evaluate(formula, np.zeros((4, 2))), np.full(4, wanted))
        np.testing.assert_array_equal(evaluate(formula, pd.DataFrame({"x": [1, 2]})), np.full(2, wanted))
        np.testing.assert_array_equal(evaluate(formula, {}), [wanted])


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        ({"x": [1.0]}, None, r"needs a column 'y', which is missing; the columns are x"),
        ({"x": [1.0], "Y": [2.0]}, None, r"did you mean 'Y'\?"),
        (pd.DataFrame({"x": [1.0], "z": [2.0]}), None, "needs a column 'y'.*the columns are x, z"),
        ({"x": [1.0], "y": [1.0, 2.0]}, None, "same number of rows, but 'x' has 1, 'y' has 2"),
        ({"x": ["a"], "y": [1.0]}, None, "column 'x' must hold numbers"),
        ({"x": [1j], "y": [1.0]}, None, "column 'x' must hold numbers, but its type is complex128"),
        ({"x": [[1.0]], "y": [1.0]}, None, r"one-dimensional, but its shape is \(1, 1\)"),
        (np.zeros(3), None, r"shape is \(3,\).*\{'name': values\}"),
        (np.zeros((3, 2)), ["x"], "1 names were given for an array of 2 columns"),
        (np.zeros((3, 1)), ["x"], "needs a column 'y'"),
    ],
)
def test_unusable_columns_are_named(columns: object, names: list[str] | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(P("x + y"), columns, names)


def test_compiled_functions_check_their_array() -> None:
    with pytest.raises(InputError, match="needs a column 'y'"):
        module.compile(P("x + y"), ["x"])
    with pytest.raises(InputError, match=r"shape \(n_rows, 2\), but its shape is \(3, 1\)"):
        module.compile(P("x + y"), ["x", "y"])(np.zeros((3, 1)))


# --- derivatives in the constants -------------------------------------------------------------------------------------


SMOOTH = [name for name in OPERATORS if name not in ("abs", "sign", "min", "max")]


@given(expressions(max_leaves=8, operators=SMOOTH))
def test_jacobian_agrees_with_differences(formula: Expression) -> None:
    values, jacobian = jacobian_constants(formula, COLUMNS)
    assert jacobian.shape == (64, formula.n_constants)
    np.testing.assert_allclose(values, reference_values(formula, COLUMNS), rtol=1e-9, atol=1e-9)
    theta = np.array(formula.constants)
    for k in range(theta.size):
        one, half = (differences(formula, theta, k, step * max(abs(theta[k]), 1e-2)) for step in (2e-5, 1e-5))
        smooth = np.isfinite(one) & (np.abs(one - half) <= 1e-6 * np.abs(half) + 1e-9) & (np.abs(half) < 1e9)
        smooth &= np.isfinite(jacobian[:, k])  # a constant base or exponent may have one defined value only
        np.testing.assert_allclose(jacobian[smooth, k], half[smooth], rtol=1e-4, atol=1e-6 * (1 + rough(values)))


def rough(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(np.minimum(finite, 1e12).max(initial=0.0))


def differences(formula: Expression, theta: np.ndarray, k: int, step: float) -> np.ndarray:
    sides = []
    for sign in (1, -1):
        moved = theta.copy()
        moved[k] += sign * step
        sides.append(evaluate(formula.with_constants(moved), COLUMNS))
    with np.errstate(all="ignore"):
        return (sides[0] - sides[1]) / (2 * step)


def test_jacobian_of_a_known_formula() -> None:
    x = np.linspace(0.5, 2.0, 7)
    values, jacobian = jacobian_constants(P("1.5*exp(-0.5*x) + x**2.0"), {"x": x})
    np.testing.assert_allclose(values, 1.5 * np.exp(-0.5 * x) + x**2)
    wanted = np.column_stack([np.exp(-0.5 * x), 1.5 * x * np.exp(-0.5 * x), x**2 * np.log(x)])
    np.testing.assert_allclose(jacobian, wanted, rtol=1e-12)


def test_jacobian_keeps_equal_constants_apart() -> None:
    shared = apply("sin", 1.0 * variable("x"))
    formula = shared + 2.0 * shared
    x = np.array([0.3, 0.7])
    _, jacobian = jacobian_constants(formula, {"x": x})
    wanted = np.column_stack([x * np.cos(x), np.sin(x), 2 * x * np.cos(x)])
    np.testing.assert_allclose(jacobian, wanted, rtol=1e-12)


def test_jacobian_without_constants_and_outside_the_domain() -> None:
    assert jacobian_constants(P("x + 1"), {"x": np.zeros(5)})[1].shape == (5, 0)
    values, jacobian = jacobian_constants(P("2.0*log(x)"), {"x": np.array([1.0, -1.0])})
    np.testing.assert_array_equal(np.isnan(values), [False, True])
    np.testing.assert_array_equal(np.isnan(jacobian[:, 0]), [False, True])


def test_jacobian_in_several_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    formula = P("1.5*exp(-0.5*x)*y + 2.0")
    whole = jacobian_constants(formula, COLUMNS)
    monkeypatch.setattr(module, "_JACOBIAN_ROWS", 10)
    for one, other in zip(whole, jacobian_constants(formula, COLUMNS), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
