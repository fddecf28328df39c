"""Expressions: sharing, immutability, walking, equality."""

from __future__ import annotations

import copy
import gc
import json
import math
import pickle
import subprocess
import sys
import threading
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.exceptions import InputError, ModelFileError
from closedform.symbolic import Expression, apply, constant, variable
from closedform.symbolic import _table as table
from strategies import ODD_NAMES, expressions

x, y = variable("x"), variable("y")


def deep(levels: int) -> Expression:
    node = x
    for _ in range(levels):
        node = apply("sin", node)
    return node


# --- building ---------------------------------------------------------------------------------------------------------


def test_the_same_node_built_twice_is_the_same_object() -> None:
    assert (x + 2) * y is (variable("x") + constant(2)) * variable("y")
    assert x + y is not y + x
    assert constant(2) is not constant(2.0)
    assert constant(Fraction(4, 2)) is constant(2)
    assert constant(-0.0) is constant(0.0)
    assert constant(np.float64(1.5)) is constant(1.5) and constant(np.int64(3)) is constant(3)


def test_arithmetic_builds_what_it_says_and_nothing_is_simplified() -> None:
    formula = -(2 * x - 1) / abs(y) ** 0.5 + 0
    assert formula.op.name == "add"
    assert [node.op.name for node in formula.walk() if node.kind == "apply"] == [
        "add", "div", "neg", "sub", "mul", "pow", "abs"
    ]  # fmt: skip
    assert (+x) is x
    assert 2 - x is apply("sub", 2, x) and 2 / x is apply("div", 2, x) and 2**x is apply("pow", 2, x)


def test_numpy_numbers_do_not_swallow_expressions() -> None:
    assert np.float64(2.5) * x is 2.5 * x
    with pytest.raises(TypeError):
        np.arange(3) * x


@pytest.mark.parametrize("other", ["2", None, 1j, [1]])
def test_arithmetic_with_anything_else_is_refused(other: object) -> None:
    with pytest.raises(TypeError):
        x + other  # type: ignore[operator]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, Fraction(10**400, 3)])
def test_constants_are_finite(value: float) -> None:
    with pytest.raises(InputError, match="finite and within the range of float64"):
        constant(value)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(InputError, match="sin takes 1 argument, but 2 were given"):
        apply("sin", x, y)
    with pytest.raises(InputError, match="add takes two or more arguments, but 1 was given"):
        apply("add", x)
    with pytest.raises(InputError, match="no operator called 'cosine'"):
        apply("cosine", x)
    with pytest.raises(InputError, match="non-empty text"):
        variable("")
    with pytest.raises(InputError, match="real number"):
        constant("2")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Expression\.parse"):
        Expression()


def test_expressions_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        x.name = "z"
    with pytest.raises(AttributeError, match="immutable"):
        del x.name
    with pytest.raises(AttributeError):
        x.anything = 1  # type: ignore[attr-defined]


def test_dead_nodes_leave_the_table() -> None:
    gc.collect()
    before = len(table._living)
    formula = apply("tanh", variable("nobody else uses this") * 1234.5678)
    assert len(table._living) == before + 4
    del formula
    assert len(table._living) == before


def test_canonical_forms_do_not_keep_nodes_alive() -> None:
    assert (x * 987.25).canonical()  # loads what keeps numbers of its own
    gc.collect()
    before = len(table._living)
    formula = variable("nobody else uses this") * 987.25
    assert formula.canonical().canonical() is formula.canonical()
    del formula
    assert len(table._living) == before


def test_threads_that_build_the_same_formula_get_the_same_nodes() -> None:
    found: list[list[Expression]] = []

    def build() -> None:
        found.append([apply("exp", variable(f"v{i}") * float(i) + i) for i in range(300)])

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(node is first for row in found for node, first in zip(row, found[0], strict=True))


# --- structure --------------------------------------------------------------------------------------------------------


def test_counts_and_names() -> None:
    shared = x * y
    formula = apply("sin", shared) + shared / y
    assert (formula.size, formula.depth, formula.variables) == (10, 4, ("x", "y"))
    assert constant(2).depth == variable("x").size == 1
    assert (y + x).variables == ("y", "x")


def test_constants_are_the_free_ones_in_order_of_the_walk() -> None:
    shared = 1.5 * x
    formula = (2.5 + shared) * (shared - 3) ** 2 / constant(Fraction(1, 3))
    assert formula.constants == (2.5, 1.5, 1.5)
    assert formula.n_constants == 3
    changed = formula.with_constants([1.0, 2.0, 3.0])
    assert changed.constants == (1.0, 2.0, 3.0)
    assert str(changed) == "(1.0 + 2.0*x)*(3.0*x - 3)**2/(1/3)"


def test_with_constants_wants_as_many_as_there_are() -> None:
    with pytest.raises(InputError, match="1 free constants, but 2 values"):
        (x + 1.0).with_constants([1.0, 2.0])
    with pytest.raises(InputError, match="finite"):
        (x + 1.0).with_constants([math.nan])


@given(expressions())
def test_putting_the_constants_back_changes_nothing(formula: Expression) -> None:
    assert formula.with_constants(formula.constants) is formula
    assert formula.with_constants(np.array(formula.constants)) is formula


@given(expressions())
def test_walk_and_fold_see_the_same_tree(formula: Expression) -> None:
    nodes = list(formula.walk())
    assert nodes[0] is formula
    assert len(nodes) == formula.size == formula.fold(lambda _node, sizes: 1 + sum(sizes))
    assert formula.depth == formula.fold(lambda _node, depths: 1 + max(depths, default=0))
    assert formula.variables == tuple(dict.fromkeys(node.name for node in nodes if node.kind == "variable"))
    floats = [node.value for node in nodes if node.kind == "constant" and isinstance(node.value, float)]
    assert formula.constants == tuple(floats)


def test_fold_visits_shared_nodes_once() -> None:
    formula = x
    for _ in range(60):
        formula = formula * formula  # 2**61 - 1 nodes as a tree
    visits: list[Expression] = []
    formula.fold(lambda node, _: visits.append(node))
    assert len(visits) == 61
    assert formula.size == 2**61 - 1
    assert formula.variables == ("x",)
    assert pickle.loads(pickle.dumps(formula)) is formula


def test_substitute_replaces_names_and_subexpressions_at_once() -> None:
    formula = apply("sin", x * y) + x
    assert formula.substitute({"x": y, "y": x}) is apply("sin", y * x) + y
    assert formula.substitute({x * y: 3}) is apply("sin", 3) + x
    assert formula.substitute({}) is formula
    assert formula.substitute({"z": 1.0}) is formula


def test_depth_is_not_limited_by_recursion() -> None:
    formula = deep(5_000)
    assert formula.depth == 5_001
    assert formula.variables == ("x",)
    assert formula.substitute({"x": y}).variables == ("y",)
    assert (formula * 2.0).with_constants([3.0]).constants == (3.0,)
    assert Expression.parse(str(formula)) is formula
    assert pickle.loads(pickle.dumps(formula)) is formula
    assert formula.derivative("x").variables == ("x",)
    assert formula.evaluate({"x": np.array([0.5])}).shape == (1,)


# --- equality ---------------------------------------------------------------------------------------------------------


def test_equality_is_of_functions_identity_of_structure() -> None:
    assert x + y == y + x
    assert hash(x + y) == hash(y + x)
    assert not (x + y).is_same(y + x)
    assert (x + y).is_same(x + y)
    assert x - x != 1
    assert x - y != y - x
    assert len({x * y, y * x, x / y}) == 2
    assert x != "x"


@given(expressions(max_leaves=6))
def test_canonical_form_is_cached_and_its_own(formula: Expression) -> None:
    canonical = formula.canonical()
    assert formula.canonical() is canonical
    assert canonical.canonical() is canonical
    assert formula == canonical and hash(formula) == hash(canonical)


def test_complexity_counts_nodes_and_takes_numbers_for_one() -> None:
    assert x.complexity == constant(3).complexity == 1
    assert (x + y).complexity == (y + x).complexity == 3
    assert (x * 2.5).complexity == 3
    assert (x * apply("sqrt", apply("pi") * 2)).complexity == 3
    assert (apply("sin", x) + 0).complexity == 2


def test_digests_are_the_same_in_every_process() -> None:
    code = "from closedform.symbolic import Expression as E; print(E.parse('2.5*sin(`x 1`)**2 + 1/3').digest)"
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"
    }
    assert runs == {f"{Expression.parse('2.5*sin(`x 1`)**2 + 1/3').digest}\n"}


# --- copies and files -------------------------------------------------------------------------------------------------


@given(expressions())
def test_copies_and_pickles_are_the_node_itself(formula: Expression) -> None:
    assert copy.copy(formula) is formula
    assert copy.deepcopy([formula])[0] is formula
    assert pickle.loads(pickle.dumps(formula)) is formula


@given(expressions(variables=ODD_NAMES))
def test_json_round_trip(formula: Expression) -> None:
    assert Expression.from_json(json.loads(json.dumps(formula.to_json()))) is formula


def test_json_form() -> None:
    formula = Expression.parse("2.0*x**2 + 1/3 - pi")
    assert formula.to_json() == [
        "sub", ["add", ["mul", 2.0, ["pow", ["var", "x"], 2]], ["frac", 1, 3]], ["pi"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "damaged"),
        (True, "damaged"),
        ("x", "damaged"),
        ([], "damaged"),
        ([["var", "x"]], "damaged"),
        ({"add": 1}, "damaged"),
        (["var"], "damaged"),
        (["var", 3], "non-empty text"),
        (["var", ""], "non-empty text"),
        (["frac", 1, 0], "damaged"),
        (["frac", 1.5, 2], "damaged"),
        (["frac", True, 2], "damaged"),
        (["add", ["var", "x"]], "two or more"),
        (["sni", 1], r"did you mean 'sin'"),
        (["__import__", 1], "uses the operator"),
        (float("nan"), "finite"),
        (["sin", 10**400], "finite"),
        (["exp", "x" * 1000], r"\.\.\."),
    ],
)
def test_damaged_json_is_refused(data: object, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        Expression.from_json(data)


def test_json_is_limited_in_size_and_depth() -> None:
    nested: list[object] = ["var", "x"]
    for _ in range(600):
        nested = ["sin", nested]
    with pytest.raises(ModelFileError, match="500 levels"):
        Expression.from_json(nested)
    with pytest.raises(ModelFileError, match="10000 nodes"):
        Expression.from_json(["add"] + [1] * 10_001)
    with pytest.raises(ModelFileError, match="cannot be stored"):
        deep(600).to_json()
    assert Expression.from_json(json.loads(json.dumps(deep(400).to_json()))) is deep(400)


@given(st.recursive(st.none() | st.integers() | st.floats() | st.text(), lambda below: st.lists(below, max_size=4)))
def test_from_json_never_fails_in_another_way(data: object) -> None:
    try:
        assert isinstance(Expression.from_json(data), Expression)
    except ModelFileError:
        pass


# --- the short ways to other modules ----------------------------------------------------------------------------------


def test_methods_lead_to_their_modules() -> None:
    formula = Expression.parse("2.5*a + 1", ["a"])
    columns = {"a": np.array([0.0, 2.0])}
    np.testing.assert_allclose(formula.evaluate(columns), [1.0, 6.0])
    values, ok = (1 / variable("a")).evaluate(columns, return_ok=True)
    assert np.isnan(values[0]) and ok.tolist() == [False, True]
    np.testing.assert_allclose(formula.evaluate(np.array([[0.0], [2.0]]), names=["a"]), [1.0, 6.0])
    assert formula.derivative("a") is constant(2.5)
    assert formula.refit(columns, np.array([1.0, 7.0])).expression.constants == pytest.approx((3.0,))
    assert str(formula.sympy()) == "2.5*a + 1"
    assert "2.5" in formula.latex()
    assert "def formula(a)" in formula.code("python")
