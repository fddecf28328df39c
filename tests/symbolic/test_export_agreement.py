"""Every export of a random formula computes what `evaluate` computes, and nothing where there is nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import sympy
import torch
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

import strategies
from closedform.exceptions import NotSupportedError
from closedform.symbolic import Expression, apply, constant, variable
from closedform.symbolic.export import from_sympy, to_code, to_sympy, to_torch
from excel_formula import excel_value
from export_checks import compare, compile_c, grid, load_python, tolerance

COLUMNS = grid()
NAMES = ("x", "y")
formulas = strategies.expressions(max_leaves=10, variables=NAMES)

x, y = variable("x"), variable("y")
DELICATE = [
    apply("exp", -1 / x),  # the pole vanishes in the exponential
    1 / (1 + 1 / x),
    apply("atan", apply("log", apply("abs", x))),
    apply("tanh", x**-3),
    1 / (1 + apply("exp", x)),  # the overflow vanishes in the denominator
    1 / apply("cosh", x) + apply("atan", apply("sinh", x)),
    apply("min", apply("log", x), y),
    apply("max", y, apply("sqrt", x)),
    apply("sign", apply("log", x)),
    apply("log", x) ** 0,
    apply("pow", 1, apply("log", x)),
    apply("pow", apply("log", x), y),
    x**y,
    (x**2) ** y,
    -1 / (x / 0),
    apply("exp", apply("log", x) / 0) + apply("min", x, y),
    x ** (apply("log", constant(8)) / apply("log", constant(2))),
    apply("pow", x, apply("div", 1, 3)),
    apply("pow", 0, x),
    apply("pow", 0, -x),
    apply("pow", -2, x),
    apply("pow", x, -y),
    apply("pow", 0.5, y * 800),
    apply("pow", -8, apply("div", 1, 3)) + x,
    apply("exp", constant(1000)) + x,
    x / (1 + apply("exp", constant(1000))),
    x * apply("log", constant(-1)),
    constant(2) ** 2000 * x,
    constant(10) ** (constant(10) ** 6) * x,
    constant(2**60) * x + constant(2) ** 70 * y,
    -(-(x - -y) - (-2 - x)) - -(x / -y),
    x - (y - (x - y)),
    x / (y / (x / (y * -3))),
    -(x**2) + (-x) ** 2 * -1.5,
    constant(-0.5) * x**-2,
    apply("mul", x, -y, -2, 1 / x),
    apply("sqrt", constant(2)) * apply("min", x, 2.5) * apply("pi"),
    apply("tan", x) ** 3 + apply("asin", x) * apply("acos", y),
]
CONSTANT = [constant(3), constant(-2.5), apply("pi"), apply("exp", 1.5) / 2, apply("log", -1), x * 0 + y * 0]


def shared(levels: int) -> Expression:
    """A formula with 2**levels leaves as a tree."""
    node = x + apply("sin", y)
    for _ in range(levels):
        node = apply("atan", node * node + 0.5)
    return node


def deep(levels: int) -> Expression:
    node = x
    for _ in range(levels):
        node = apply("sin", node + y)
    return node


def expected(expression: Expression) -> tuple[np.ndarray, np.ndarray]:
    return expression.evaluate(COLUMNS), tolerance(expression, COLUMNS)


def check_python(expression: Expression) -> None:
    formula = load_python(to_code(expression, "python", arguments=NAMES)).formula
    rows = zip(*(COLUMNS[name].tolist() for name in NAMES), strict=True)
    compare("python", expression, *_swap(expected(expression), np.array([formula(*row) for row in rows], dtype=float)))


def check_numpy(expression: Expression) -> None:
    formula = load_python(to_code(expression, "numpy", arguments=NAMES)).formula
    compare("numpy", expression, *_swap(expected(expression), formula(**COLUMNS)))


def check_torch(expression: Expression) -> None:
    columns = [torch.from_numpy(COLUMNS[name]) for name in NAMES]
    formula = load_python(to_code(expression, "torch", arguments=NAMES)).formula
    compare("torch", expression, *_swap(expected(expression), formula(*columns).numpy()))
    module = to_torch(expression, NAMES)
    values = module(torch.stack(columns, dim=1)).detach().numpy()
    compare("torch module", expression, *_swap(expected(expression), values))
    assert module.expression is expression


def check_excel(expression: Expression) -> None:
    formula = to_code(expression, "excel", arguments=NAMES)
    values, allowed = expected(expression)
    rows = [dict(zip(NAMES, row, strict=True)) for row in zip(*(COLUMNS[name][::7] for name in NAMES), strict=True)]
    got = np.array([excel_value(formula, row) for row in rows])
    # no infinity and no 0^0 in Excel: an error instead
    compare("excel", expression, values[::7], got, np.where(_excel_fails(expression)[::7], np.nan, allowed[::7]))
    assert not np.isfinite(got[_excel_fails(expression)[::7]]).any()


def _excel_fails(expression: Expression) -> np.ndarray:
    """Rows where an intermediate value is infinite or zero to the power zero."""

    def fails(node: Expression, args: tuple[tuple[np.ndarray, np.ndarray], ...]) -> tuple[np.ndarray, np.ndarray]:
        if not node.args or not node.variables:  # parts without variables are worked out beforehand
            return (values := node.evaluate(COLUMNS)), np.isinf(values)
        values = node.evaluate(COLUMNS)
        bad = np.isinf(values) | np.logical_or.reduce([failed for _, failed in args])
        if node.op.name == "pow":
            bad |= (args[0][0] == 0) & (args[1][0] == 0)
        return values, bad

    return expression.fold(fails)[1]


def check_sympy(expression: Expression) -> None:
    """SymPy may rearrange and cancel: it may be defined on more rows, never on fewer."""
    values = expression.evaluate(COLUMNS)
    try:
        function = sympy.lambdify([sympy.Symbol(name) for name in NAMES], to_sympy(expression), "numpy")
        with np.errstate(all="ignore"):
            got = np.broadcast_to(np.asarray(function(**COLUMNS), dtype=float), values.shape)
    except (NotSupportedError, OverflowError):  # numbers too large for SymPy, or for the Python in its code
        reject()
    allowed = tolerance(expression, COLUMNS, rearranged=True)
    compare("sympy", expression, values, got, np.where(np.isfinite(values), allowed, np.nan))


def _swap(pair: tuple[np.ndarray, np.ndarray], got: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    assert got.dtype == np.float64 and got.shape == pair[0].shape
    return pair[0], got, pair[1]


EXACT_CHECKS = [check_python, check_numpy, check_torch, check_excel]


@pytest.mark.parametrize("check", [*EXACT_CHECKS, check_sympy])
@given(formulas)
def test_random_formulas(check, expression: Expression) -> None:
    check(expression)


@pytest.mark.parametrize("check", [*EXACT_CHECKS, check_sympy])
@pytest.mark.parametrize("expression", DELICATE + CONSTANT, ids=str)
def test_delicate_formulas(check, expression: Expression) -> None:
    check(expression)


def _check_c(expressions: Sequence[Expression], folder: Path) -> None:
    sources = [to_code(expression, "c", arguments=NAMES) for expression in expressions]
    functions = compile_c(sources, [len(NAMES)] * len(sources), folder)
    for expression, function in zip(expressions, functions, strict=True):
        compare("c", expression, *_swap(expected(expression), function(*(COLUMNS[name] for name in NAMES))))


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(expressions=st.lists(formulas, min_size=30, max_size=30))
def test_random_formulas_in_c(expressions: list[Expression], tmp_path_factory: pytest.TempPathFactory) -> None:
    _check_c(expressions, tmp_path_factory.mktemp("c"))


def test_delicate_formulas_in_c(tmp_path: Path) -> None:
    _check_c([*DELICATE, *CONSTANT, shared(12), deep(300)], tmp_path)


@pytest.mark.parametrize("check", [check_python, check_numpy, check_torch])
@pytest.mark.parametrize("expression", [shared(12), deep(300)], ids=["shared", "deep"])
def test_long_formulas_get_temporaries(check, expression: Expression) -> None:
    check(expression)
    assert len(to_code(expression, "python")) < 100 * expression.depth


@given(formulas)
def test_sympy_round_trip(expression: Expression) -> None:
    try:
        converted = to_sympy(expression)
    except NotSupportedError:  # numbers too large for SymPy
        reject()
    if converted is sympy.nan:  # undefined everywhere
        with pytest.raises(NotSupportedError, match="the SymPy expression contains"):
            from_sympy(converted)
        return
    assume(all(math.isfinite(float(number)) for number in converted.atoms(sympy.Number)))  # SymPy's floats go further
    back = from_sympy(converted)
    values, again = expression.evaluate(COLUMNS), back.evaluate({**COLUMNS})
    allowed = tolerance(expression, COLUMNS, rearranged=True)
    compare("sympy round trip", expression, values, again, np.where(np.isfinite(values), allowed, np.nan))
    assert set(back.variables) <= set(expression.variables)
