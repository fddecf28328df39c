"""Text to formula and back."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.exceptions import InputError, ParseError
from closedform.symbolic import OPERATORS, Expression, apply, constant, variable
from closedform.symbolic.parse import parse, parse_form
from closedform.symbolic.printing import to_text
from strategies import ODD_NAMES, expressions

x, y = variable("x"), variable("y")


@given(expressions(max_leaves=16))
def test_text_round_trip_gives_the_same_node(formula: Expression) -> None:
    assert parse(str(formula)) is formula


@given(expressions(max_leaves=16, variables=ODD_NAMES))
def test_round_trip_with_odd_names_declared_or_not(formula: Expression) -> None:
    assert parse(str(formula)) is formula
    assert parse(str(formula), formula.variables) is formula


@given(st.text(min_size=1))
def test_any_name_can_be_printed_and_read(name: str) -> None:
    formula = apply("sin", variable(name)) * 2
    assert parse(str(formula)) is formula


@given(expressions(max_leaves=16))
def test_repr_names_the_way_back(formula: Expression) -> None:
    assert repr(formula) == f"Expression.parse({str(formula)!r})"


@given(expressions(max_leaves=8))
def test_no_pair_of_parentheses_is_there_for_nothing(formula: Expression) -> None:
    """Without any one pair of parentheses around an operand, the text means something else or reads badly."""
    text = str(formula)
    for start, character in enumerate(text):
        if character == "(" and (start == 0 or not (text[start - 1].isalnum())):
            end = _closing(text, start)
            inside = text[start + 1 : end]
            assert any(sign in inside for sign in "+-*/") or _is_plain_number(inside), text


def _closing(text: str, start: int) -> int:
    depth = 0
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise AssertionError(text)


def _is_plain_number(text: str) -> bool:
    return text.replace(".", "").replace("e", "").isalnum()


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (2.5 * x**2 + 1, "2.5*x**2 + 1"),
        (-(x**2), "-x**2"),
        ((-x) ** 2, "(-x)**2"),
        (constant(-2) ** x, "(-2)**x"),
        (x**-2, "x**-2"),
        (x ** constant(Fraction(1, 2)), "x**(1/2)"),
        (x**y**2, "x**y**2"),
        ((x**y) ** 2, "(x**y)**2"),
        (x - (y - 1), "x - (y - 1)"),
        (x - y - 1, "x - y - 1"),
        ((x + y) + 1, "(x + y) + 1"),
        (apply("add", x, y, 1), "x + y + 1"),
        (x / (y * 2), "x/(y*2)"),
        (x / y * 2, "x/y*2"),
        (x * (y / 2), "x*(y/2)"),
        (x + -2 * y, "x + (-2*y)"),
        (-(x * y), "-(x*y)"),
        (-x * y, "-x*y"),
        (apply("neg", 2), "-(2)"),
        (apply("div", 1, 3), "(1)/3"),
        (constant(Fraction(1, 3)), "1/3"),
        (constant(Fraction(-1, 3)) * x, "(-1/3)*x"),
        (apply("max", x, apply("pi")), "max(x, pi)"),
        (variable("x 1") + variable("a`b") + variable("sin"), "(`x 1` + `a``b`) + `sin`"),
        (variable("Température") * variable("π"), "Température*π"),
        (constant(1e22) * x + 1e-7, "1e+22*x + 1e-07"),
    ],
)
def test_golden_texts(formula: Expression, text: str) -> None:
    assert str(formula) == text
    assert parse(text) is formula


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("x^2", "x**2"),
        ("x − 2", "x - 2"),
        ("2·x×y", "2*x*y"),
        ("+x", "x"),
        ("- - x", "-(-x)"),
        ("((x))", "x"),
        (".5*x", "0.5*x"),
        ("1.*x", "1.0*x"),
        ("1E3", "1000.0"),
        ("ln(x)", "log(x)"),
        ("arctan(x)", "atan(x)"),
        ("Abs(x)", "abs(x)"),
        ("e", "exp(1)"),
        ("2/4", "1/2"),
        ("4/2", "2"),
        ("-1/2", "-1/2"),
        ("1/2/3", "(1/2)/3"),
        ("add(x, y, 1)", "x + y + 1"),
        ("pow(x, 2)", "x**2"),
        ("\n x\t+ y ", "x + y"),
        ("x**-y**2", "x**(-y**2)"),
        ("-2**2", "-(2**2)"),
    ],
)
def test_what_people_type(typed: str, same: str) -> None:
    assert parse(typed) is parse(same)


def test_whole_numbers_are_exact_and_others_free() -> None:
    assert parse("2*x + 2.0").constants == (2.0,)
    assert parse("1/3").value == Fraction(1, 3)
    assert parse("1.0/3").op is OPERATORS["div"]
    assert parse("(1)/3").op is OPERATORS["div"]
    assert parse("1/0").op is OPERATORS["div"]


def test_pi_and_e_are_variables_when_declared() -> None:
    assert parse("pi*e").variables == ()
    assert parse("pi*e", ["e", "pi"]).variables == ("pi", "e")
    assert parse("`pi`*`e`").variables == ("pi", "e")
    assert parse("exp(exp)", ["exp"]) is apply("exp", variable("exp"))


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "the text is empty"),
        ("   ", 3, "the text is empty"),
        ("x +", 3, "expected a number, a name or an opening parenthesis, but the text ends here"),
        ("x + * y", 4, r"expected a number.*found '\*'"),
        ("(x + y", 0, "never closed"),
        ("sin(x", 0, "never closed"),
        ("x + y)", 5, "no opening parenthesis"),
        ("2x", 1, r"expected an operator, but found 'x'; write \* for a product"),
        ("x y", 2, "expected an operator"),
        ("x(y)", 0, r"no function called 'x'; write \* for a product"),
        ("sni(x)", 0, r"no function called 'sni' \(did you mean 'sin'\?\)"),
        ("min(x)", 0, "min takes 2 arguments, but 1 was given"),
        ("sin(x, y)", 0, "sin takes 1 argument, but 2 were given"),
        ("sin()", 4, "expected a number"),
        ("x, y", 1, "a comma belongs"),
        ("(x, y)", 2, "a comma belongs"),
        ("2*exp", 2, "'exp' is a function; give its arguments in parentheses, or write `exp`"),
        ("x + 1e999", 4, "beyond the range"),
        ("9" * 500, 0, "beyond the range"),
        ("`x", 0, "never closed"),
        ("x + ``", 4, "must not be empty"),
        ("x $ y", 2, r"'\$' has no meaning"),
        ("x = 2", 2, "'=' has no meaning"),
        ("__import__('os').system('ls')", 11, "has no meaning"),
    ],
)
def test_errors_point_at_the_place(text: str, position: int, message: str) -> None:
    with pytest.raises(ParseError, match=message) as caught:
        parse(text)
    assert (caught.value.text, caught.value.position) == (text, position)


def test_an_undeclared_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        ParseError, match=r"no variable called 'perod' \(did you mean 'period'\?\); known are period, mass"
    ):
        parse("perod**2", ["period", "mass"])
    with pytest.raises(ParseError, match="known are none"):
        parse("x", [])


def test_the_caret_stands_under_the_place() -> None:
    with pytest.raises(ParseError) as caught:
        parse("x + sni(y)")
    *_, line, caret = str(caught.value).splitlines()
    assert line.index("sni") == caret.index("^")


def test_only_text_is_read() -> None:
    with pytest.raises(InputError, match="given as text, but float"):
        parse(2.0)  # type: ignore[arg-type]


def test_deep_nesting_and_long_sums() -> None:
    assert parse("(" * 5000 + "x" + ")" * 5000) is x
    assert parse("-" * 2001 + "x").depth == 2002
    assert len(parse(" + ".join(["x"] * 5000)).args) == 5000
    assert parse("**".join(["x"] * 500)).depth == 500


@given(st.text(alphabet="xy12.e+-*/^()`, $sinmax\n", max_size=30))
def test_any_text_is_a_formula_or_a_parse_error(text: str) -> None:
    try:
        formula = parse(text)
    except ParseError as problem:
        assert 0 <= problem.position <= len(text)
    else:
        assert parse(str(formula)) is formula


def test_precision_rounds_free_constants_only() -> None:
    formula = parse("3.14159265*x**2 + 1234567.8*y + 2 + 1/3 + 2.0")
    assert to_text(formula, precision=3) == "3.14*x**2 + 1230000.0*y + 2 + 1/3 + 2.0"
    assert to_text(formula, precision=17).startswith("3.14159265")


# --- forms ------------------------------------------------------------------------------------------------------------


def test_unknown_functions_are_collected() -> None:
    form, calls = parse_form("a*f(x/2, y) + sin(g(y)) + f(x/2, y)", ["x", "y"])
    assert [(call.function, call.arguments) for call in calls] == [("f", (x / 2, y)), ("g", (y,))]
    first, second = (variable(call.name) for call in calls)
    assert form == variable("a") * first + apply("sin", second) + first


def test_columns_of_a_form_may_have_the_names_of_constants() -> None:
    assert parse_form("a*pi + e", ["pi"])[0] == variable("a") * variable("pi") + apply("exp", 1)
    with pytest.raises(ParseError, match="takes 1 argument"):
        parse_form("sin(x, y)", ["x", "y"])
