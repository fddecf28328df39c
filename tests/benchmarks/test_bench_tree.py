import math

import mpmath
import numpy as np
import pytest
from benchmarks.scoring_tree import Undefined, UnreadableFormula, read_formula, to_sympy

NAMES = ("x", "y")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + 2*y", 5.2),
        ("-x**2", -1.44),
        ("(1/3)*x - y^2", 0.4 - 4.0),
        ("exp(-x/2)*sin(pi*y)", math.exp(-0.6) * math.sin(2 * math.pi)),
        ("Abs(-x) + cot(y) + sign(-y)", 1.2 + 1 / math.tan(2.0) - 1),
        ("max(x, y, 1.5) - min(x, y)", 0.8),
        ("harmonic(y)", 1.5),
        ("x**-1.5e0 + square(y)", 1.2**-1.5 + 4.0),
        ("acos(x/2) + E", math.acos(0.6) + math.e),
    ],
)
def test_a_formula_has_the_same_value_in_float64_and_with_many_digits(text, expected):
    formula = read_formula(text, NAMES)
    values = formula.values({"x": np.array([1.2, 1.2]), "y": np.array([2.0, 2.0])})
    assert values == pytest.approx([expected, expected])
    with mpmath.workdps(40):
        precise = formula.exact_value({"x": mpmath.mpf("1.2"), "y": mpmath.mpf(2)})
    assert float(precise) == pytest.approx(expected)


def test_the_brackets_of_the_printed_text_keep_the_value():
    text = "-(x - 3)**2/(2.5e-3*y) + x**-y"
    columns = {"x": np.array([0.7]), "y": np.array([1.9])}
    once = read_formula(text, NAMES)
    assert read_formula(once.text(), NAMES).values(columns) == once.values(columns)


def test_names_in_backquotes_are_taken_as_they_stand():
    formula = read_formula("`x 1` + 2*`exp`*exp(`a``b`)", ("x 1", "exp", "a`b"))
    assert formula.variables == {"x 1", "exp", "a`b"}
    columns = {"x 1": np.array([1.0]), "exp": np.array([3.0]), "a`b": np.array([0.0])}
    assert formula.values(columns) == [7.0]
    assert read_formula(formula.text(), ("x 1", "exp", "a`b")).values(columns) == [7.0]


@pytest.mark.parametrize(
    "text",
    ["", "x +", "z*x", "`z`", "__import__('os')", "x if y else 1", "f(x)", "sin(x, y)", "1e999*x", "'x'", "x.real",
     "[x]", "x; y", "(" * 500 + "x" + ")" * 500],
)  # fmt: skip
def test_what_is_not_a_formula_is_refused(text):
    with pytest.raises(UnreadableFormula):
        read_formula(text, NAMES)


@pytest.mark.parametrize("text", ["log(-x)", "sqrt(-x)", "asin(2*x)", "x/(y - y)", "(-x)**y", "exp(exp(exp(9*y)))"])
def test_outside_its_domain_a_formula_is_undefined(text):
    with pytest.raises(Undefined):
        read_formula(text, NAMES).exact_value({"x": mpmath.mpf(2), "y": mpmath.mpf("2.5")})


def test_whole_exponents_written_as_floats_are_whole_and_other_floats_are_constants():
    formula = read_formula("2.0*x**2.0 + x**-3.0 + y**0.5", NAMES)
    assert formula.constants == (2.0, 0.5)
    assert formula.values({"x": np.array([-1.0]), "y": np.array([4.0])}) == [3.0]


def test_size_counts_a_part_without_variables_once():
    assert read_formula("x*(2*pi/3) + y", NAMES).size == 5


def test_sympy_gets_exact_fractions():
    sympy = pytest.importorskip("sympy")
    x, y = sympy.symbols("x y")
    form = to_sympy(read_formula("0.1*x + max(x, y)", NAMES), {"x": x, "y": y}, fold=False)
    assert form == x / 10 + sympy.Max(x, y)
