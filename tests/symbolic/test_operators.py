"""Every operator has every column, and its columns agree with one another and with mpmath."""

from __future__ import annotations

import math
import pickle
from dataclasses import fields
from itertools import product

import mpmath
import numpy as np
import pytest

from closedform.exceptions import InputError
from closedform.symbolic import OPERATORS, Operator
from closedform.symbolic.operators import ATOM, GAPS, TARGETS, ArrayOps, operator

ROWS = list(OPERATORS.values())
APPLIED = [op for op in ROWS if op.arity != 0]
# Points that hit the inside, the edge and the outside of every domain.
POINTS = np.array([-3.7, -2.0, -1.0, -0.5, -1e-3, 0.0, 1e-3, 0.3, 1.0, 1.5, 2.0, 3.0, 40.0])

# The functions as mpmath knows them, with our conventions at the edges.
EXACT = {
    "add": mpmath.fadd,
    "sub": mpmath.fsub,
    "mul": mpmath.fmul,
    "div": mpmath.fdiv,
    "neg": mpmath.fneg,
    "pow": mpmath.power,
    "abs": mpmath.fabs,
    "min": min,
    "max": max,
}


def by_name(op: Operator) -> str:
    return op.name


def grid(op: Operator) -> list[np.ndarray]:
    """All combinations of the points, one array per argument."""
    return [np.array(column) for column in zip(*product(POINTS, repeat=op.arity or 2), strict=True)]


def inside(op: Operator, args: list[np.ndarray]) -> np.ndarray:
    return np.ones(args[0].shape, dtype=bool) if op.domain is None else op.domain(*args)


@pytest.mark.parametrize("op", ROWS, ids=by_name)
def test_every_column_is_there_or_on_the_list_of_gaps(op: Operator) -> None:
    for target in TARGETS:
        assert (target in op.spelling) != ((op.name, target) in GAPS), f"{op.name}: {target}"
    assert (op.domain is None) == (op.inside is None)
    assert op.derivative is not None or op.arity == 0
    assert op.interval is not None
    assert op.complexity >= 1
    assert 1 <= op.precedence <= ATOM


def test_gaps_name_operators_and_targets_that_exist() -> None:
    for (name, target), reason in GAPS.items():
        assert name in OPERATORS and target in TARGETS and reason


@pytest.mark.parametrize("op", ROWS, ids=by_name)
def test_spellings_use_each_argument(op: Operator) -> None:
    for target, template in op.spelling.items():
        if target != "sympy":
            filled = template.format("LEFT", "RIGHT")
            assert ("LEFT" in filled) == (op.arity != 0)
            assert ("RIGHT" in filled) == (op.arity in (2, None))


@pytest.mark.parametrize("op", APPLIED, ids=by_name)
def test_values_agree_with_mpmath_inside_the_domain_and_are_nan_outside(op: Operator) -> None:
    args = grid(op)
    with np.errstate(all="ignore"):
        values = op.numpy(*args)
    exact = EXACT.get(op.name) or getattr(mpmath, op.name)
    for value, ok, *numbers in zip(values, inside(op, args), *args, strict=True):
        if not ok:
            assert math.isnan(value), numbers
            continue
        wanted = exact(*[mpmath.mpf(number) for number in numbers])
        assert value == pytest.approx(float(mpmath.re(wanted)), rel=2e-15, abs=1e-300), numbers


NAN = math.nan


def test_what_is_defined_everywhere() -> None:
    names = "add sub mul neg exp abs sign sin cos tan atan sinh cosh tanh min max"
    assert {op.name for op in APPLIED if op.domain is None} == set(names.split())


@pytest.mark.parametrize(
    ("name", "args", "wanted"),
    [
        ("log", (0.0,), NAN),
        ("log", (-1.0,), NAN),
        ("sqrt", (-1e-300,), NAN),
        ("sqrt", (0.0,), 0.0),
        ("asin", (1.0000001,), NAN),
        ("acos", (-1.5,), NAN),
        ("div", (1.0, 0.0), NAN),
        ("div", (0.0, 0.0), NAN),
        ("pow", (0.0, -1.0), NAN),
        ("pow", (0.0, 0.0), 1.0),
        ("pow", (-8.0, 1 / 3), NAN),
        ("pow", (-2.0, 3.0), -8.0),
        ("pow", (NAN, 0.0), NAN),
        ("pow", (1.0, NAN), NAN),
    ],
)
def test_edges_of_the_domains(name: str, args: tuple[float, ...], wanted: float) -> None:
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(OPERATORS[name].numpy(*args), wanted)
        np.testing.assert_array_equal(OPERATORS[name].numpy(*[np.array([arg]) for arg in args]), [wanted])


@pytest.mark.parametrize("exponent", [-16.0, -3.0, -2.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0, 7.0, 16.0, 17.0, 2.3, -0.7])
def test_powers_with_a_number_as_exponent_are_right_whatever_the_shortcut(exponent: float) -> None:
    with np.errstate(all="ignore"):
        values = OPERATORS["pow"].numpy(POINTS, exponent)
        general = OPERATORS["pow"].numpy(POINTS, np.full(POINTS.size, exponent))
    np.testing.assert_allclose(values, general, rtol=1e-14)


@pytest.mark.parametrize("op", [op for op in APPLIED if op.ufunc is not None], ids=by_name)
def test_the_bare_ufunc_differs_only_where_it_raises_the_divide_flag(op: Operator) -> None:
    for point in zip(*grid(op), strict=True):
        args = [np.array([number]) for number in point]
        with np.errstate(divide="raise", over="ignore", invalid="ignore"):
            try:
                bare = op.ufunc(*args)
            except FloatingPointError:
                assert not inside(op, args)[0], point
                continue
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(op.numpy(*args), bare, rtol=1e-14, err_msg=str(point))


@pytest.mark.parametrize("op", APPLIED, ids=by_name)
def test_derivatives_agree_with_differences(op: Operator) -> None:
    smooth = np.array([-2.3, -0.6, 0.35, 0.8, 1.7])
    args = [np.array(column) for column in zip(*product(smooth, repeat=op.arity or 3), strict=True)]
    step = 1e-6
    with np.errstate(all="ignore"):
        value = op.numpy(*args)
        for index in range(len(args)):
            up, down = list(args), list(args)
            up[index], down[index] = args[index] + step, args[index] - step
            differences = (op.numpy(*up) - op.numpy(*down)) / (2 * step)
            slope = np.broadcast_to(op.derivative(ArrayOps, value, tuple(args), index), value.shape)
            known = np.isfinite(differences)
            if op.name in ("min", "max"):
                known &= args[0] != args[1]  # the slope jumps at a tie
            assert known.any()
            np.testing.assert_allclose(slope[known], differences[known], rtol=1e-6, atol=1e-8)


def test_slopes_at_a_kink_are_the_mean_of_both_sides() -> None:
    tie = (np.array([2.0]), np.array([2.0]))
    for name in ("min", "max"):
        assert [OPERATORS[name].derivative(ArrayOps, tie[0], tie, index)[0] for index in (0, 1)] == [0.5, 0.5]
    assert OPERATORS["abs"].derivative(ArrayOps, np.zeros(1), (np.zeros(1),), 0)[0] == 0


def test_a_power_of_zero_has_slope_zero_in_the_exponent() -> None:
    args = (np.array([0.0, 2.0]), np.array([1.5, 1.5]))
    with np.errstate(all="ignore"):
        slope = OPERATORS["pow"].derivative(ArrayOps, OPERATORS["pow"].numpy(*args), args, 1)
    np.testing.assert_allclose(slope, [0.0, 2**1.5 * math.log(2)])


def test_commutative_operators_commute(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, 50))
    for op in APPLIED:
        if op.arity in (2, None):
            with np.errstate(all="ignore"):
                same = np.array_equal(op.numpy(a, b), op.numpy(b, a), equal_nan=True)
            assert same == op.commutative, op.name


def test_rows_are_frozen_and_survive_pickling_as_themselves() -> None:
    for op in ROWS:
        assert pickle.loads(pickle.dumps(op)) is op
        with pytest.raises(AttributeError):
            op.name = "other"  # type: ignore[misc]
    assert len({field.name for field in fields(Operator)}) == len(fields(Operator))


def test_an_unknown_operator_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"no operator called 'sinn' \(did you mean 'sin'\?\)"):
        operator("sinn")
