"""Exported source: what it looks like, that awkward names and odd requests are handled, and what is refused."""

from __future__ import annotations

import ast
import inspect
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy
import torch

from closedform.exceptions import InputError, NotSupportedError
from closedform.symbolic import OPERATORS, Expression, apply, constant, variable
from closedform.symbolic.export import from_sympy, to_code, to_sympy, to_torch
from closedform.symbolic.export._helpers import HELPERS
from closedform.symbolic.export._torch_module import torch_function
from closedform.symbolic.export.code import DIALECTS
from excel_formula import excel_value
from export_checks import compile_c, load_python

x, y = variable("x"), variable("y")
AWKWARD = [
    "x 1",
    "x_1",
    "Température",
    "exp",
    "E",
    "lambda",
    "x1",
    "X1",
    "double",
    "a\n*/ b = 1; //",
    '"""',
    "np",
    "t1",
]
PYTHON_TARGETS = ("python", "numpy", "torch")


def parse(text: str) -> Expression:
    return Expression.parse(text)


# --- what the text looks like -----------------------------------------------------------------------------------------


def test_numpy_source() -> None:
    assert (
        to_code(parse("2.5*x**2 + log(`x 1`)/3"), "numpy")
        == '''\
import numpy as np


# x_1 is the column "x 1"
def formula(x, x_1):
    """Values of the formula, nan where it is not defined."""
    x = np.asarray(x, dtype=float)
    x_1 = np.asarray(x_1, dtype=float)
    with np.errstate(all="ignore"):
        value = 2.5*x**2 + np.log(x_1)/3
    return np.where(np.isfinite(value), value, np.nan)
'''
    )


def test_python_source() -> None:
    assert (
        to_code(parse("2.5*x**2 + y**0.5"), "python", function_name="law")
        == '''\
import math


def law(x, y):
    """Value of the formula, nan where it is not defined."""
    try:
        value = 2.5*x**2 + math.pow(y, 0.5)
    except (ValueError, ZeroDivisionError, OverflowError):
        return math.nan
    return value if math.isfinite(value) else math.nan
'''
    )


def test_torch_source() -> None:
    assert (
        to_code(parse("pi*min(x, 2.5)"), "torch")
        == '''\
import math

import torch


def formula(x):
    """Values of the formula for floating-point tensors, nan where it is not defined."""
    value = math.pi*torch.minimum(x, x.new_tensor(2.5))
    return torch.where(torch.isfinite(value), value, torch.nan)
'''
    )


def test_c_source() -> None:
    assert (
        to_code(parse("exp(-1/x)*pi"), "c", arguments=["x", "y"])
        == """\
#include <math.h>

#ifndef M_PI
#define M_PI 3.141592653589793
#endif

/* x/y, nan where y is zero */
static double cf_div(double x, double y) { return y == 0.0 ? NAN : x / y; }

/* Value of the formula, NAN where it is not defined. */
double formula(double x, double y)
{
    (void)y;
    const double value = exp(cf_div(-1.0, x))*M_PI;
    return isfinite(value) ? value : NAN;
}
"""
    )


@pytest.mark.parametrize(
    ("text", "excel"),
    [
        ("2.5*x**2 - y", "=2.5*POWER(x, 2) - y"),
        ("-x**2", "=-POWER(x, 2)"),
        ("log(x)*pi/3", "=LN(x)*PI()/3"),
        ("x**(1/3)", "=POWER(SQRT(x), 2/3)"),
        ("min(x, abs(y))", "=MIN(x, ABS(y))"),
        ("x1 + R", "=x1_ + R_"),
        ("1e-7*x", "=1e-07*x"),
    ],
)
def test_excel_source(text: str, excel: str) -> None:
    assert to_code(parse(text), "excel") == excel


def test_excel_references() -> None:
    formula = to_code(parse("`dist m`/x"), "excel", columns={"dist m": "B2", "x": "$A$1", "unused": "C3"})
    assert formula == "=B2/$A$1"


def test_helpers_appear_only_where_an_infinity_could_vanish() -> None:
    for text in ("log(x)/y + x**-2", "sqrt(1/x)*log(y)", "-(1/x)"):
        assert "cf_" not in to_code(parse(text), "numpy")
    for text in ("exp(1/x)", "1/(1 + 1/x)", "min(log(x), y)", "x**y", "atan(x**-2)"):
        assert "cf_" in to_code(parse(text), "numpy")


def test_shared_parts_are_computed_once() -> None:
    part = apply("sqrt", x**2 + y**2 + 1)
    code = to_code(part + apply("exp", -part), "numpy")
    assert code.count("np.sqrt") == 1
    assert "t1 = np.sqrt(x**2 + y**2 + 1)" in code


def test_the_method_of_expressions() -> None:
    for target in DIALECTS:
        assert (x + y).code(target) == to_code(x + y, target)


# --- names ------------------------------------------------------------------------------------------------------------


def awkward_formula() -> tuple[Expression, dict[str, np.ndarray], np.ndarray]:
    part = apply("add", *(variable(name) * (index + 1) for index, name in enumerate(AWKWARD)))
    expression = part / (1 + part**2)  # shared: needs a temporary beside the column t1
    columns = {name: np.linspace(-1, 1, 5) + index for index, name in enumerate(AWKWARD)}
    return expression, columns, expression.evaluate(columns)


@pytest.mark.parametrize("target", PYTHON_TARGETS)
def test_awkward_names_in_python(target: str) -> None:
    expression, columns, expected = awkward_formula()
    source = to_code(expression, target)
    tree = ast.parse(source)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Assign) and ast.unparse(node).startswith("b =")]
    formula = load_python(source).formula
    if target == "python":
        got = np.array([formula(*row) for row in zip(*(column.tolist() for column in columns.values()), strict=True)])
    elif target == "torch":
        got = formula(*(torch.from_numpy(column) for column in columns.values())).numpy()
    else:
        got = formula(*columns.values())
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_awkward_names_in_c(tmp_path: Path) -> None:
    expression, columns, expected = awkward_formula()
    source = to_code(expression, "c")
    assert source.isascii()
    function = compile_c([source], [len(columns)], tmp_path)[0]
    np.testing.assert_allclose(function(*columns.values()), expected, rtol=1e-12)


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_the_c_source_is_also_cpp(tmp_path: Path) -> None:
    expression, _, _ = awkward_formula()
    names = ["class", "namespace", "new", "x"]
    more = apply("min", apply("add", *map(variable, names)), apply("log", x)) ** y + apply("sign", 1 / y)
    path = tmp_path / "formula.cpp"
    path.write_text(to_code(expression, "c") + to_code(more, "c", function_name="more"), encoding="ascii")
    subprocess.run(["c++", "-Wall", "-Wextra", "-Werror", "-c", "-o", str(tmp_path / "out.o"), str(path)], check=True)


def test_awkward_names_in_excel() -> None:
    expression, columns, expected = awkward_formula()
    names = to_code(apply("add", *map(variable, columns)), "excel")[1:].split(" + ")
    formula = to_code(expression, "excel")
    rows = zip(*columns.values(), strict=True)
    got = [excel_value(formula, dict(zip(names, row, strict=True))) for row in rows]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_awkward_names_in_sympy() -> None:
    expression, columns, expected = awkward_formula()
    symbols = [sympy.Symbol(name) for name in columns]
    np.testing.assert_allclose(sympy.lambdify(symbols, to_sympy(expression))(*columns.values()), expected, rtol=1e-12)
    assert set(from_sympy(to_sympy(expression)).variables) == set(AWKWARD)


def test_arguments_in_the_order_asked_for() -> None:
    formula = load_python(to_code(x - y, "numpy", arguments=["unused", "y", "x"])).formula
    assert list(inspect.signature(formula).parameters) == ["unused", "y", "x"]
    assert formula(9.0, 1.0, 3.0) == 2.0


# --- inputs and constants ---------------------------------------------------------------------------------------------


def test_numpy_function_takes_lists_and_whole_numbers() -> None:
    formula = load_python(to_code(parse("x**-1 + y**3"), "numpy")).formula
    np.testing.assert_array_equal(formula([1, 2, 0], 2), [9.0, 8.5, np.nan])


def test_constant_formulas_have_the_shape_of_the_input() -> None:
    formula = load_python(to_code(parse("2*pi"), "numpy", arguments=["x"])).formula
    np.testing.assert_array_equal(formula(np.zeros(3)), np.full(3, 2 * np.pi))
    formula = load_python(to_code(parse("2*pi"), "torch", arguments=["x"])).formula
    assert formula(torch.zeros(3, dtype=torch.float64)).tolist() == [2 * np.pi] * 3


@pytest.mark.parametrize("target", PYTHON_TARGETS)
def test_constant_formulas_without_arguments(target: str) -> None:
    assert float(load_python(to_code(parse("exp(2) + 1/3"), target)).formula()) == pytest.approx(np.exp(2) + 1 / 3)


def test_constants_survive_to_the_last_bit(tmp_path: Path) -> None:
    values = [0.1, 1e-300, 1.7976931348623157e308, 123456789.12345679, 5e-324, 2**53 + 2, -(10**30)]
    for value in values:
        for target in PYTHON_TARGETS:
            assert float(load_python(to_code(constant(value), target)).formula()) == float(value)
    functions = compile_c([to_code(constant(value), "c") for value in values], [0] * len(values), tmp_path)
    assert [float(function()[0]) for function in functions] == [float(value) for value in values]


# --- torch modules ----------------------------------------------------------------------------------------------------


def test_torch_module_trains_its_constants(rng: np.random.Generator) -> None:
    truth, start = parse("2.5*exp(-0.5*x) + 1.5"), parse("1.0*exp(-1.0*x) + 0.0")
    X = torch.from_numpy(rng.uniform(0, 4, (200, 1)))
    target = torch.from_numpy(truth.evaluate({"x": X[:, 0].numpy()}))
    module = to_torch(start)
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = ((module(X) - target) ** 2).mean()
        value.backward()
        return value

    optimizer.step(loss)
    np.testing.assert_allclose(module.constants.detach(), truth.constants, rtol=1e-4)
    assert module.expression.constants == tuple(module.constants.tolist())


def test_torch_module_gradients_are_the_jacobian() -> None:
    from closedform.symbolic.evaluate import jacobian_constants

    expression = parse("2.5*sin(1.5*x)**2.2 + max(x, 0.5)/y + (x + 1.5)*(x + 1.5)")
    columns = {"x": np.linspace(0.1, 1.9, 7), "y": np.linspace(1, 2, 7)}
    module = to_torch(expression, ["y", "x"])
    X = torch.from_numpy(np.column_stack([columns["y"], columns["x"]]))
    got = torch.autograd.functional.jacobian(
        lambda values: torch.func.functional_call(module, {"constants": values}, X), module.constants
    )
    np.testing.assert_allclose(got, jacobian_constants(expression, columns)[1], rtol=1e-9)


def test_torch_module_pickles_and_prints() -> None:
    module = to_torch(parse("2.5*x + log(y)"), ["x", "y"])
    again = pickle.loads(pickle.dumps(module))
    X = torch.tensor([[1.0, 2.0], [1.0, -2.0]], dtype=torch.float64)
    torch.testing.assert_close(again(X), module(X), equal_nan=True)
    assert module(X).isnan().tolist() == [False, True]
    assert "2.5*x + log(y)" in repr(module)
    assert module(X.reshape(1, 2, 2)).shape == (1, 2)


def test_torch_module_errors() -> None:
    with pytest.raises(InputError, match=r"names must contain all variables.*'y' is missing"):
        to_torch(x + y, ["x"])
    with pytest.raises(InputError, match=r"2 columns \(x, y\); got shape \(4, 3\)"):
        to_torch(x + y)(torch.zeros(4, 3))
    with pytest.raises(InputError, match="distinct"):
        to_torch(x, ["x", "x"])


# --- the table is complete --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", DIALECTS)
def test_every_helper_of_the_table_exists(target: str) -> None:
    for name, row in OPERATORS.items():
        spelled = row.spelling[target]
        if "cf_" in spelled:
            assert f"cf_{name}" in HELPERS[target]
    for name in DIALECTS[target].poles | DIALECTS[target].overflows:
        assert f"cf_{name}" in HELPERS[target]


def test_every_operator_has_a_torch_function() -> None:
    for name, row in OPERATORS.items():
        assert row.arity == 0 or callable(torch_function(name))


def test_exports_load_neither_torch_nor_sympy() -> None:
    program = (
        "import sys; from closedform.symbolic.export import to_code, to_latex; from closedform import Expression; "
        "e = Expression.parse('x/2'); [e.code(t) for t in ('python', 'numpy', 'torch', 'c', 'excel')]; e.latex(); "
        "assert not {'torch', 'sympy', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_unknown_target() -> None:
    with pytest.raises(InputError, match=r"one of python, numpy, torch, c, excel; got 'numpyy' \(did you mean 'numpy'"):
        to_code(x, "numpyy")


@pytest.mark.parametrize(("name", "target"), [("a b", "python"), ("lambda", "numpy"), ("double", "c"), ("x();", "c")])
def test_illegal_function_names(name: str, target: str) -> None:
    with pytest.raises(InputError, match="function_name must be a legal name"):
        to_code(x, target, function_name=name)


def test_missing_and_repeated_arguments() -> None:
    with pytest.raises(InputError, match="must name all variables of the formula; 'y' is missing"):
        to_code(x + y, arguments=["x"])
    with pytest.raises(InputError, match="distinct; 'x' came more than once"):
        to_code(x + y, arguments=["x", "y", "x"])
    with pytest.raises(InputError, match="a cell for each variable; 'y' is missing"):
        to_code(x + y, "excel", columns={"x": "A1"})
    with pytest.raises(InputError, match="columns are cell references and belong to the target 'excel'"):
        to_code(x + y, "c", columns={"x": "A1", "y": "B1"})


def test_formulas_too_long_for_a_cell() -> None:
    long = apply("add", *(apply("sin", variable(f"temperature {index}")) for index in range(400)))
    with pytest.raises(NotSupportedError, match=r"at most 8192 characters, this one has \d+ characters; simplify"):
        to_code(long, "excel")
    shared = x
    for _ in range(40):
        shared = shared * shared + 1
    with pytest.raises(NotSupportedError, match="nodes; simplify"):
        to_code(shared, "excel")
    assert len(to_code(shared, "c")) < 3000
