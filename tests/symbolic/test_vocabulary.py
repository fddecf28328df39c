"""Which operators a formula is written with."""

from __future__ import annotations

import pytest
from hypothesis import given

from closedform.symbolic import Expression
from closedform.symbolic.canonical import canonical
from closedform.symbolic.vocabulary import uses_only
from strategies import expressions


@pytest.mark.parametrize(
    ("text", "operators", "fine"),
    [
        ("x*y + 2*x - pi", set(), True),
        ("-x", set(), True),
        ("x**3", set(), True),
        ("x**-1", set(), False),
        ("x**-1", {"div"}, True),
        ("x**-1", {"pow"}, True),
        ("x/y", set(), False),
        ("x/y", {"div"}, True),
        ("x/y", {"pow"}, True),
        ("sqrt(x)", {"sqrt"}, True),
        ("sqrt(x)", {"pow"}, True),
        ("sqrt(x)", {"div"}, False),
        ("x**(1/2)", {"sqrt"}, True),
        ("x**(3/2)", {"sqrt"}, True),
        ("x**(-1/2)", {"sqrt"}, False),
        ("x**(-1/2)", {"sqrt", "div"}, True),
        ("x**(1/3)", {"sqrt", "div"}, False),
        ("x**0.5", {"sqrt", "div"}, False),
        ("x**0.5", {"pow"}, True),
        ("x**y", {"sqrt", "div"}, False),
        ("x**y", {"pow"}, True),
        ("exp(x)", {"log"}, False),
        ("exp(x)", {"exp"}, True),
        ("exp(sin(x))", {"exp"}, False),
    ],
)
def test_which_operators_a_formula_uses(text, operators, fine):
    assert uses_only(Expression.parse(text), frozenset(operators)) == fine


@given(expressions(max_leaves=5))
def test_the_canonical_form_needs_no_more(expression):
    used = frozenset(node.op.name for node in expression.walk() if node.kind == "apply")
    assert uses_only(expression, used)
    assert uses_only(canonical(expression), used | {"div"})
