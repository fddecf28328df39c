"""What is right and what is wrong about a smaller problem is told by the law itself."""

from __future__ import annotations

import pytest
from benchmarks.problems import Problem, read_variables
from benchmarks.reductions import missed

LAW = Problem("made", "up", "a**2*exp(-b*c)", read_variables("a:uniform:1:3;b:uniform:1:2;c:uniform:0.5:1.5"))
A, B, C = ("var", "a"), ("var", "b"), ("var", "c")


@pytest.mark.parametrize(
    ("recipes", "factor", "right"),
    [
        ((A, B, C), 1, True),
        ((B, C), ("pow", A, 2), True),
        ((("mul", B, C),), ("pow", A, 2), True),
        ((A, ("mul", B, C)), 1, True),
        ((B, C), ("pow", A, 1.98), False),
        ((B, C), 1, False),
        ((("div", B, C),), ("pow", A, 2), False),
    ],
)
def test_what_is_missed(recipes, factor, right):
    assert (missed(LAW, recipes, factor) < 1e-4) == right
