"""SymPy and back: exact numbers stay exact, what has no counterpart is named."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy

from closedform.exceptions import NotSupportedError
from closedform.symbolic import Expression, apply, constant, variable
from closedform.symbolic.export import from_sympy, to_sympy

x, y = variable("x"), variable("y")
X, Y = sympy.symbols("x y")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (x / y, X / Y),
        (x - 2 * y, X - 2 * Y),
        (x ** constant(Fraction(1, 3)), sympy.cbrt(X)),
        (constant(Fraction(-2, 3)) * x, sympy.Rational(-2, 3) * X),
        (apply("pi") * x, sympy.pi * X),
        (apply("asin", x) + apply("abs", y), sympy.asin(X) + sympy.Abs(Y)),
        (apply("min", x, 2), sympy.Min(X, 2)),
        (apply("sign", x) ** 2, sympy.sign(X) ** 2),
        (apply("exp", constant(1)) * x, sympy.E * X),
    ],
    ids=str,
)
def test_to_sympy(expression: Expression, expected: sympy.Expr) -> None:
    assert to_sympy(expression) == expected
    assert expression.sympy() == expected


@pytest.mark.parametrize("value", [0.1, 1 / 3, 2.0, 1e300, 5e-324, 1.7976931348623157e308, 123456789.12345679])
def test_floats_survive_to_the_last_bit(value: float) -> None:
    converted = to_sympy(constant(value))
    assert isinstance(converted, sympy.Float) and float(converted) == value
    assert from_sympy(converted) is constant(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x/y - 3*exp(-x)", "x/y - 3*exp(-x)"),
        ("sqrt(x)/2 - 1/y**3", "1/2*sqrt(x) - 1/y**3"),
        ("-x - y - 1", "-(x + y + 1)"),
        ("-1/(x*y)", "-1/(x*y)"),
        ("2.5*x**2.5 + pi", "2.5*x**2.5 + pi"),
        ("E**x + E", "exp(x) + exp(1)"),
        ("Max(x, y, 1)", "max(max(1, x), y)"),
        ("cot(x)", "1/tan(x)"),
        ("sec(x)**2", "(1/cos(x))**2"),
        ("GoldenRatio*x", "1.618033988749895*x"),
        ("x**(-y)", "x**(-y)"),
        ("7", "7"),
    ],
)
def test_from_sympy(text: str, expected: str) -> None:
    source = sympy.sympify(text)
    found = from_sympy(source)
    assert found == Expression.parse(expected)
    assert sympy.simplify(to_sympy(found) - source).evalf() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("besselj(0, x)", "besselj"),
        ("sqrt(-1)*x", "I"),
        ("x + oo", "oo"),
        ("f(x)", "f"),
        ("Piecewise((x, x > 0), (0, True))", ""),
    ],
)
def test_what_has_no_counterpart_is_named(text: str, named: str) -> None:
    with pytest.raises(NotSupportedError, match=f"the SymPy expression contains '.*{named}"):
        from_sympy(sympy.sympify(text))


def test_text_is_not_evaluated() -> None:
    with pytest.raises(sympy.SympifyError):
        from_sympy("__import__('os').getcwd()")


@pytest.mark.parametrize("text", ["log(-1)*x", "x + 1/0", "min(x, sqrt(-2))", "log(0)", "tan(pi/2) + x"])
def test_undefined_formulas_become_nan(text: str) -> None:
    assert to_sympy(Expression.parse(text)) is sympy.nan


def test_symbols_with_assumptions_are_variables() -> None:
    assert from_sympy(2 * sympy.Symbol("x", positive=True)) is 2 * x


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["10**(10**9)*x", "x**(7**7)", "(2/3)**100000 + x", "2**(-10**8)*x"])
def test_huge_powers_are_not_written_out(text: str) -> None:
    to_sympy(Expression.parse(text))


def test_numbers_beyond_sympy() -> None:
    with pytest.raises(NotSupportedError, match="too large; simplify"):
        to_sympy(Expression.parse("1.0**sinh(3e22)*x"))


def nested(levels: int) -> Expression:
    expression = x
    for _ in range(levels):
        expression = apply("sin", expression)
    return expression


def test_deep_formulas() -> None:
    back = from_sympy(to_sympy(nested(149)))
    assert back.evaluate({"x": [0.5]}) == pytest.approx(nested(149).evaluate({"x": [0.5]}))
    with pytest.raises(NotSupportedError, match="at most 150 levels, this one has 1001; simplify"):
        to_sympy(nested(1000))
