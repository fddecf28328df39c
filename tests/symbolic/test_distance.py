"""Edit distances of trees: known values, the laws of a metric, and the score built on them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from closedform.symbolic import Expression, apply, variable
from closedform.symbolic.distance import normalised_edit_distance, tree_edit_distance
from strategies import expressions

parse = Expression.parse
small = expressions(max_leaves=6)


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("x", "x", 0),
        ("x", "y", 1),
        ("x", "sin(x)", 1),
        ("sin(x)", "cos(x)", 1),
        ("sin(x) + y", "cos(x)", 3),
        ("x + y", "y + x", 2),  # trees are ordered
        ("x*y + 1", "x*y + 2", 1),
        ("exp(sin(x))", "sin(exp(x))", 2),
        ("sin(x*y)", "sin(x)", 2),
        ("x + y + z", "x + z", 1),
        ("2.0*x", "2.0000000001*x", 0),
        ("2.0*x", "2*x", 0),
        ("2.0*x", "2.1*x", 1),
    ],
)
def test_known_distances(a: str, b: str, distance: int) -> None:
    assert tree_edit_distance(parse(a), parse(b)) == distance


def test_example_of_the_paper() -> None:
    # The trees f(d(a, c(b)), e) and f(c(d(a, b)), e) of Zhang and Shasha are two edits apart.
    a, b, e = variable("a"), variable("b"), variable("e")
    one = apply("add", apply("mul", a, apply("sin", b)), e)
    other = apply("add", apply("sin", apply("mul", a, b)), e)
    assert tree_edit_distance(one, other) == 2


@settings(max_examples=50)
@given(small, small, small)
def test_laws_of_a_metric(a: Expression, b: Expression, c: Expression) -> None:
    # rtol=0, because being nearly equal is not transitive.
    ab = tree_edit_distance(a, b, rtol=0)
    assert tree_edit_distance(a, a, rtol=0) == 0
    assert ab == tree_edit_distance(b, a, rtol=0)
    assert abs(a.size - b.size) <= ab <= max(a.size, b.size) + min(a.size, b.size)
    assert ab <= tree_edit_distance(a, c, rtol=0) + tree_edit_distance(c, b, rtol=0)


def test_score_lies_between_nothing_and_everything() -> None:
    true = parse("x*y + sin(x)")
    assert normalised_edit_distance(parse("sin(x) + y*x"), true) == 0
    assert normalised_edit_distance(parse("sin(x) + y*y"), true) == pytest.approx(3 / 6)
    assert normalised_edit_distance(parse("exp(x**2 - 3)/tanh(z) - 1"), true) == 1


def test_deep_and_large_trees() -> None:
    deep = variable("x")
    for _ in range(300):
        deep = apply("sin", deep)
    assert tree_edit_distance(deep, variable("x")) == 300
    long = parse(" + ".join(f"x{k}" for k in range(150)))
    assert tree_edit_distance(long, long) == 0
