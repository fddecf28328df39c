"""Interval bounds hold every value, and proofs of definedness are right."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.exceptions import InputError
from closedform.symbolic import OPERATORS, Expression, Operator
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.intervals import bounds, is_defined
from strategies import expressions

P = Expression.parse
ENDS = [-math.inf, -700.0, -3.5, -1.0, -0.5, 0.0, 1e-300, 0.5, 1.0, 2.0, 20.0, 1e300, math.inf]
BOXES = [(lo, hi) for lo, hi in product(ENDS, ENDS) if lo <= hi and not math.isinf(lo) == math.isinf(hi) == (lo == hi)]
APPLIED = [op for op in OPERATORS.values() if op.arity != 0]


def points(lo: float, hi: float) -> np.ndarray:
    lo, hi = max(lo, -8e307), min(hi, 8e307)
    inner = lo + (hi - lo) * np.linspace(0, 1, 9)
    special = [number for number in (0.0, 1.0, -1.0, math.pi / 2, 1e-5, -1e-5, 2.5, -2.0) if lo <= number <= hi]
    return np.unique(np.clip(np.concatenate([inner, special]), lo, hi))


@pytest.mark.parametrize("op", APPLIED, ids=lambda op: op.name)
def test_rules_hold_every_value_of_the_operator(op: Operator) -> None:
    boxes = BOXES if op.arity == 1 else BOXES[::3]
    for pairs in product(boxes, repeat=op.arity or 2):
        grids = np.meshgrid(*[points(*pair) for pair in pairs])
        with np.errstate(all="ignore"):
            values = op.numpy(*[grid.ravel() for grid in grids])
        lo, hi = op.interval(*pairs)
        defined = values[~np.isnan(values)]
        if math.isnan(lo):
            assert defined.size == 0, pairs
        else:
            assert (defined >= lo).all() and (defined <= hi).all(), (pairs, (lo, hi))
        if op.inside is not None and op.inside(*pairs):
            assert defined.size == values.size, pairs


@given(expressions(max_leaves=10), st.data())
def test_bounds_hold_every_value(formula: Expression, data: st.DataObject) -> None:
    ranges = {name: tuple(sorted(data.draw(st.tuples(*[st.floats(-4, 4)] * 2)))) for name in ("x", "y")}
    rng = np.random.default_rng(0)
    columns = {name: rng.uniform(*pair, 50) for name, pair in ranges.items()}
    values = evaluate(formula, columns)
    lo, hi = bounds(formula, ranges)
    finite = values[np.isfinite(values)]
    slack = 1e-9 * np.abs(finite)  # the values carry rounding of their own
    assert math.isnan(lo) or lo <= hi
    assert finite.size == 0 or ((finite >= lo - slack).all() and (finite <= hi + slack).all())
    if is_defined(formula, ranges) and math.isfinite(largest(formula, ranges)):
        assert not np.isnan(values).any()


def largest(formula: Expression, ranges: dict[str, tuple[float, float]]) -> float:
    """The largest bound of any part: infinite if something may overflow."""
    return max(abs(end) for node in formula.walk() for end in bounds(node, ranges))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x + 1", (1.0, 3.0)),
        ("1 - x", (-1.0, 1.0)),
        ("3*x", (0.0, 6.0)),
        ("x**2", (0.0, 4.0)),
        ("(x - 1)**2", (0.0, 1.0)),
        ("(x - 1)**3", (-1.0, 1.0)),
        ("(x - 1)*y", (-math.inf, math.inf)),
        ("abs(x - 1)", (0.0, 1.0)),
        ("sqrt(x - 3)", (math.nan, math.nan)),
        ("log(-x)", (math.nan, math.nan)),
        ("1/(x - x)", (-math.inf, math.inf)),
        ("sin(10*x)", (-1.0, 1.0)),
        ("exp(0*x)", (1.0, 1.0)),
        ("max(x, 1)", (1.0, 2.0)),
        ("sign(x + 1)", (1.0, 1.0)),
        ("y**2", (0.0, math.inf)),
        ("tanh(y)", (-1.0, 1.0)),
    ],
)
def test_known_bounds(text: str, wanted: tuple[float, float]) -> None:
    assert bounds(P(text), {"x": (0.0, 2.0)}) == pytest.approx(wanted, rel=1e-15, abs=0, nan_ok=True)


def test_bounds_of_exact_numbers_that_are_no_floats() -> None:
    lo, hi = bounds(P("1/3"))
    assert lo < hi and lo <= 1 / 3 <= hi and math.nextafter(lo, 1) == hi
    lo, hi = bounds(P("pi"))
    assert lo == math.pi < hi
    assert bounds(P("0.5")) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("text", "proven"),
    [
        ("log(x)", True),
        ("log(x - 0.5)", False),
        ("log(x**2 + 1)", True),
        ("sqrt(y**2)", True),
        ("sqrt(y)", False),
        ("1/x", True),
        ("1/y", False),
        ("1/(y**2 + 1)", True),
        ("asin(tanh(y))", True),
        ("asin(x)", False),
        ("x**y", True),
        ("y**3", True),
        ("y**-1", False),
        ("y**0.5", False),
        ("x**-0.5", True),
        ("sin(log(-x))", False),
        ("exp(y)", True),
    ],
)
def test_proofs_of_definedness(text: str, proven: bool) -> None:
    assert is_defined(P(text), {"x": (0.5, 2.0)}) is proven


def test_an_exponential_at_the_edge_of_float64() -> None:
    low, high = bounds(P("exp(x)"), {"x": (709.0, 709.79)})
    assert low < high == math.inf


def test_ranges_are_checked() -> None:
    for pair in ((2.0, 1.0), (math.nan, 1.0)):
        with pytest.raises(InputError, match="range of 'x' must be a pair lo <= hi"):
            bounds(P("x"), {"x": pair})
