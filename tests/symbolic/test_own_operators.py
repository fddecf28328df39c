"""Operators of a user's own: made, checked, evaluated, differentiated, printed, read, exported."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

from closedform.exceptions import InputError, ModelFileError, NotSupportedError, ParseError
from closedform.operators import known_operators, own_operator
from closedform.symbolic import Expression, apply, constant, variable
from closedform.testing import check_operator
from closedform.trust import trust


def _softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0)


def _logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


SOFTPLUS = own_operator("softplus", _softplus, derivative=_logistic)
CUBE = own_operator("cube", lambda x: x**3)
HYPOT = own_operator("hypot", np.hypot, commutative=True)
X, Y = variable("x"), variable("y")
POINTS = {"x": np.array([-2.0, 0.5, 3.0]), "y": np.array([1.0, 2.0, -4.0])}


@pytest.mark.parametrize("op", [SOFTPLUS, CUBE, HYPOT], ids=lambda op: op.name)
def test_the_columns_of_the_row_agree(op):
    check_operator(op)


def test_values():
    formula = 2.0 * apply(SOFTPLUS, X * Y) + apply(HYPOT, X, Y)
    wanted = 2.0 * _softplus(POINTS["x"] * POINTS["y"]) + np.hypot(POINTS["x"], POINTS["y"])
    np.testing.assert_allclose(formula.evaluate(POINTS), wanted, rtol=1e-14)
    assert Expression.evaluate(apply(CUBE, 2), {"": [0.0, 0.0]}).tolist() == [8.0, 8.0]


def test_values_outside_the_domain_are_nan():
    root = own_operator("root", np.sqrt, domain=lambda x: x >= 1.0)
    np.testing.assert_array_equal(apply(root, X).evaluate({"x": [0.5, 4.0]}), [np.nan, 2.0])


def test_constants_inside_are_fitted():
    x = np.linspace(-2.0, 3.0, 60)
    for op, law in ((SOFTPLUS, _softplus), (CUBE, lambda z: z**3)):
        start = constant(1.5) * apply(op, constant(0.7) * X + constant(0.1))
        found = start.refit({"x": x}, 2.5 * law(1.25 * x - 0.5))
        assert found.loss < 1e-20


def test_derivatives_are_formulas_with_values():
    slope = apply(HYPOT, 3 * X, Y).derivative("x")
    x, y = POINTS["x"], POINTS["y"]
    np.testing.assert_allclose(slope.evaluate(POINTS), 9 * x / np.hypot(3 * x, y), rtol=1e-6)
    np.testing.assert_allclose(apply(SOFTPLUS, X).derivative("x").evaluate(POINTS), _logistic(x), rtol=1e-14)
    # By complex steps, which are exact.
    np.testing.assert_allclose(apply(CUBE, X).derivative("x").evaluate(POINTS), 3 * x**2, rtol=1e-14)


def test_the_canonical_form_knows_nothing_but_order():
    assert apply(HYPOT, X, Y) == apply(HYPOT, Y, X)
    assert apply(CUBE, X + Y) == apply(CUBE, Y + X)
    assert apply(CUBE, X) != X**3
    assert (apply(CUBE, X) + apply(CUBE, X)).simplify() == 2 * apply(CUBE, X)
    assert own_operator("cube", np.cbrt) is not CUBE
    assert apply(own_operator("cube", np.cbrt), X) != apply(CUBE, X)


def test_texts_and_files_are_read_where_the_operator_is_known():
    formula = 2.5 * apply(SOFTPLUS, X)
    with pytest.raises(ParseError, match="no function called 'softplus'"):
        Expression.parse(str(formula))
    with pytest.raises(ModelFileError, match=r"uses the operator 'softplus', .* load\(path, operators=\[\.\.\.\]\)"):
        Expression.from_json(formula.to_json())
    with known_operators(SOFTPLUS):
        assert Expression.parse(str(formula)) is formula
        assert Expression.from_json(formula.to_json()) is formula
        seen: list[type[Exception]] = []

        def elsewhere() -> None:
            try:
                Expression.parse("softplus(x)")
            except ParseError as error:
                seen.append(type(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert seen == [ParseError]
    with pytest.raises(ParseError):
        Expression.parse(str(formula))
    with pytest.raises(InputError, match="made by own_operator"), known_operators("softplus"):
        pass


def test_copies_are_the_same_operator():
    formula = 2.5 * apply(SOFTPLUS, X)
    assert pickle.loads(pickle.dumps(formula)) is formula
    assert copy.deepcopy(SOFTPLUS) is SOFTPLUS


def test_exports():
    spelled = own_operator("softplus", _softplus, spelling={"c": "log1p(exp({0}))", "numpy": "np.logaddexp(0.0, {0})"})
    assert "log1p(exp(x))" in apply(spelled, X).code("c")
    assert "np.logaddexp(0.0, x)" in apply(spelled, X).code("numpy")
    for target in ("python", "torch", "excel"):
        with pytest.raises(NotSupportedError, match=f"'softplus' has no spelling for {target}: give it one"):
            apply(spelled, X).code(target)
    sympy = pytest.importorskip("sympy")
    assert apply(spelled, X).sympy() == sympy.Function("softplus")(sympy.Symbol("x"))
    assert apply(HYPOT, X, Y).latex() == r"\operatorname{hypot}\left(x, y\right)"


def test_nothing_is_claimed_about_boxes():
    assert not trust(apply(CUBE, X), {"x": (0.0, 1.0)}).proven


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: own_operator("exp", np.exp), "there is an operator 'exp' already"),
        (lambda: own_operator("my op", np.exp), "must be a word such as 'softplus', got 'my op'"),
        (lambda: own_operator("f", 3), "must be a callable of one or two arrays, got 3"),
        (lambda: own_operator("f", lambda: 1.0), "takes 0"),
        (lambda: own_operator("f", lambda a, b, c: a), "takes 3"),
        (lambda: own_operator("f", lambda x: x.sum()), r"one for each of 14 rows; it returns an array of shape \(\)"),
        (lambda: own_operator("f", lambda x: x + 1j), "type complex128"),
        (lambda: own_operator("f", lambda x: 1 / 0), "fails on an array of 14 numbers: ZeroDivisionError"),
        (lambda: own_operator("f", lambda x: x * np.nan), "no finite value at any of 14 trial points"),
        (lambda: own_operator("f", np.sin, derivative=np.sin), "derivative of 'f' in argument 1 does not agree"),
        (lambda: own_operator("f", np.hypot, derivative=np.sin), "takes 2 argument"),
        (lambda: own_operator("f", np.sin, complexity=0), "complexity of 'f' must be a whole number"),
        (lambda: own_operator("f", np.sin, spelling={"fortran": "f"}), "has no target 'fortran'"),
    ],
)
def test_what_is_no_operator_is_refused_at_once(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_function_may_not_change_its_arguments():
    def doubling(x):
        x *= 2
        return x

    with pytest.raises(InputError, match="changes its arguments"):
        own_operator("f", doubling)
