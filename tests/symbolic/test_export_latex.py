"""Golden LaTeX: what a formula looks like in print."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from matplotlib.mathtext import MathTextParser

import strategies
from closedform.exceptions import InputError, NotSupportedError
from closedform.symbolic import Expression, apply, constant, variable
from closedform.symbolic.export.latex import latex_number, to_latex
from closedform.symbolic.export.latex_table import latex_table

x, y, z, mass = (variable(name) for name in ("x", "y", "z", "mass"))
third, half = constant(Fraction(1, 3)), constant(Fraction(1, 2))
pi = apply("pi")


def f(name: str, *args: Expression) -> Expression:
    return apply(name, *args)


GOLDEN = [
    # sums and signs
    (x + y, "x + y"),
    (x - (y - z), r"x - \left(y - z\right)"),
    (x + (y - z), "x + y - z"),
    (x + -y, "x - y"),
    (x - -y, "x + y"),
    (-(x + y), r"-\left(x + y\right)"),
    (f("neg", -(x + y)), "x + y"),
    (x + -2.5, "x - 2.5"),
    (x - -third, r"x + \frac{1}{3}"),
    (-2 - x, "-2 - x"),
    # products
    (x * 2, "2 x"),
    (x * -1.5, "-1.5 x"),
    (-1 * x, "-x"),
    (constant(2) * 3 * x, r"2 \cdot 3 x"),
    (2 * constant(2) ** x, r"2 \cdot 2^{x}"),
    (2 * pi * x, r"2 \pi x"),
    (x * pi * 2 * y, r"2 \pi x y"),
    (x * -(y + 1), r"-x \left(y + 1\right)"),
    (f("mul", x, -y, -z), "x y z"),
    (2.5e-7 * x, r"2.5 \cdot 10^{-7} x"),
    (1e-5 * x, r"10^{-5} x"),
    (2 * mass * variable("speed"), r"2 \, \mathrm{mass} \, \mathrm{speed}"),
    (mass * (x + 1), r"\mathrm{mass} \cdot \left(x + 1\right)"),
    # quotients
    (x / y, r"\frac{x}{y}"),
    (-1 / x, r"-\frac{1}{x}"),
    ((x + 1) / (y + 1), r"\frac{x + 1}{y + 1}"),
    ((x + 1) * (y - 1) / z, r"\frac{\left(x + 1\right) \left(y - 1\right)}{z}"),
    (x / y / z, r"\frac{x}{y z}"),
    (x / (y / z), r"\frac{x z}{y}"),
    (half * mass * x**2, r"\frac{\mathrm{mass} \, x^{2}}{2}"),
    (x**-1 * y, r"\frac{y}{x}"),
    (-x / -y, r"\frac{x}{y}"),
    (-(x / y) + 1, r"-\frac{x}{y} + 1"),
    # powers and roots
    (x**2, "x^{2}"),
    (-(x**2), "-x^{2}"),
    ((-x) ** 2, r"\left(-x\right)^{2}"),
    ((x + 1) ** 2, r"\left(x + 1\right)^{2}"),
    ((x**2) ** 3, r"\left(x^{2}\right)^{3}"),
    ((x / y) ** 2, r"\left(\frac{x}{y}\right)^{2}"),
    (x**half, r"\sqrt{x}"),
    (x**third, r"\sqrt[3]{x}"),
    (x ** constant(Fraction(2, 3)), "x^{2/3}"),
    (x ** constant(Fraction(-1, 2)), r"\frac{1}{\sqrt{x}}"),
    (x**-2, r"\frac{1}{x^{2}}"),
    (x**0.5, "x^{0.5}"),
    (x**-0.3, "x^{-0.3}"),
    (x ** (y + 1), "x^{y + 1}"),
    (constant(-2) ** x, r"\left(-2\right)^{x}"),
    (constant(1e-5) ** x, r"\left(10^{-5}\right)^{x}"),
    (f("sqrt", x) ** 3, r"\left(\sqrt{x}\right)^{3}"),
    # functions
    (f("exp", -(x**2) / 2), r"e^{-\frac{x^{2}}{2}}"),
    (f("exp", x) ** 2, r"\left(e^{x}\right)^{2}"),
    (f("exp", variable("e")), r"\exp\left(e\right)"),
    (f("log", x + 1), r"\log\left(x + 1\right)"),
    (f("sin", x) ** 2, r"\sin^{2}\left(x\right)"),
    (f("sin", x) ** -2, r"\frac{1}{\sin^{2}\left(x\right)}"),
    (f("asin", x) ** 2, r"\arcsin\left(x\right)^{2}"),
    (f("abs", x - 1) ** 2, r"\left|x - 1\right|^{2}"),
    (f("sign", x), r"\operatorname{sign}\left(x\right)"),
    (f("min", x, y), r"\min\left(x, y\right)"),
    (1 / (1 + f("exp", -x)), r"\frac{1}{1 + e^{-x}}"),
    # numbers alone
    (constant(-third.value), r"-\frac{1}{3}"),
    (constant(1), "1"),
    (constant(-2.5), "-2.5"),
]


@pytest.mark.parametrize(("expression", "latex"), GOLDEN, ids=lambda value: str(value)[:40])
def test_golden(expression: Expression, latex: str) -> None:
    assert to_latex(expression) == latex
    assert expression.latex() == latex


def test_precision_rounds_free_constants_only() -> None:
    expression = 3.14159265 * x + 12345.678 * y + third * 1234567 + 2.0
    assert to_latex(expression, 3).startswith(r"3.14 x + 1.23 \cdot 10^{4} y + ")
    assert to_latex(expression, 3).endswith("+ 2")
    assert "1234567" in to_latex(expression, 3)
    assert expression.latex(precision=2).startswith("3.1 x")


@pytest.mark.parametrize("precision", [0, -1, 2.5])
def test_precision_is_checked(precision: int) -> None:
    with pytest.raises(InputError, match=r"whole number of digits, 1 or more.*got"):
        to_latex(x, precision)


@pytest.mark.parametrize(
    ("value", "precision", "latex"),
    [
        (0.1, None, "0.1"),
        (1e22, None, r"10^{22}"),
        (-1e-7, None, r"-10^{-7}"),
        (1.5e-7, None, r"1.5 \cdot 10^{-7}"),
        (123456.0, 3, r"1.23 \cdot 10^{5}"),
        (10**6, 3, "1000000"),
        (Fraction(-2, 3), 3, r"-\frac{2}{3}"),
    ],
)
def test_numbers(value: float, precision: int | None, latex: str) -> None:
    assert latex_number(value, precision) == latex


def test_equation_with_target_and_own_symbols() -> None:
    assert to_latex(x * variable("v1"), target="Température", symbols={"v1": "v_0"}) == r"\text{Température} = x v_0"


def test_target_with_the_symbol_of_a_variable() -> None:
    assert to_latex(2 * variable("x_1"), target="x1") == r"\mathrm{x1} = 2 x_{1}"


def test_a_formula_of_exponential_length_is_refused() -> None:
    expression = x
    for _ in range(40):
        expression = expression * expression + 1
    with pytest.raises(NotSupportedError, match=r"at most 20000 nodes.*simplify"):
        to_latex(expression)


@given(strategies.expressions(max_leaves=12, variables=["x_1", "theta", "mass", "x 1", "a_%", "Température"]))
def test_random_formulas_can_be_typeset(expression: Expression) -> None:
    latex = to_latex(expression, 4, target="y")
    parser = MathTextParser("path")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glyphs missing from the font
        assert parser.parse(f"${latex}$").width > 0


def test_deep_formulas_are_written() -> None:
    expression = x
    for _ in range(3000):
        expression = f("sin", expression)
    assert to_latex(expression).count(r"\sin") == 3000


class Row(NamedTuple):
    expression: Expression
    complexity: int
    loss: float


def test_table() -> None:
    rows = [Row(2.123456 * x, 3, 0.0123456), Row(x / mass, 3, 1e-12), Row(f("log", x), 2, float("nan"))]
    assert latex_table(rows, caption="Laws", label="tab:laws", target="y").splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{Laws}",
        r"\label{tab:laws}",
        r"\begin{tabular}{@{}p{0.5\linewidth}rr@{}}",
        r"\toprule",
        r"Equation & Complexity & Loss \\",
        r"\midrule",
        r"$y = 2.12 x$ & 3 & $0.0123$ \\",
        r"$y = \frac{x}{\mathrm{mass}}$ & 3 & $10^{-12}$ \\",
        r"$y = \log\left(x\right)$ & 2 & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_table_columns() -> None:
    table = latex_table([Row(1.23456 * x, 3, 0.5)], columns=("loss", "equation"), precision=None)
    assert r"$0.5$ & $1.23456 x$ \\" in table
    with pytest.raises(InputError, match=r"equation, complexity, loss; got \['score'\]"):
        latex_table([], columns=["score"])
