"""Random expressions and data for every test that wants them.

>>> from strategies import expressions, sample_columns
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from closedform.symbolic import OPERATORS, Expression, apply, constant, variable

# Names that each part of the house has to cope with.
ODD_NAMES = ("x 1", "Température", "exp", "e", "E", "lambda", "a`b", "π", "_", "x²", "2x", "sin(x)")


def exact_constants() -> st.SearchStrategy[Expression]:
    """Small whole numbers and fractions."""
    whole = st.integers(-5, 5)
    fractions = st.builds(Fraction, st.integers(-7, 7), st.integers(2, 7))
    return st.one_of(whole, fractions).map(constant)


def free_constants(largest: float = 1e3) -> st.SearchStrategy[Expression]:
    """Floats of either sign whose size lies between 1e-3 and `largest`."""
    sizes = st.floats(1e-3, largest, allow_nan=False)
    return st.builds(lambda size, sign: constant(size * sign), sizes, st.sampled_from([-1.0, 1.0]))


def leaves(variables: Sequence[str]) -> st.SearchStrategy[Expression]:
    """Variables mostly, then constants, and sometimes pi."""
    names = st.sampled_from(list(variables)).map(variable)
    return st.one_of(names, names, exact_constants(), free_constants(), st.just(apply("pi")))


@st.composite
def _applications(draw: st.DrawFn, children: st.SearchStrategy[Expression], operators: Sequence[str]) -> Expression:
    op = OPERATORS[draw(st.sampled_from(list(operators)))]
    if op.arity is None:
        return apply(op, *draw(st.lists(children, min_size=2, max_size=4)))
    args = [draw(children) for _ in range(op.arity)]
    if op.name == "pow" and draw(st.booleans()):
        exponents = [2, 3, -1, -2, Fraction(1, 2), Fraction(-1, 2), Fraction(1, 3), 0, 1, 2.5]
        args[1] = constant(draw(st.sampled_from(exponents)))
    return apply(op, *args)


def expressions(
    max_leaves: int = 10,
    variables: Sequence[str] = ("x", "y"),
    operators: Sequence[str] | None = None,
) -> st.SearchStrategy[Expression]:
    """Random expressions.

    Parameters
    ----------
    max_leaves : int
        At most so many leaves.
    variables : sequence of str
        Names to draw from.
    operators : sequence of str or None
        Names of operators to draw from; None means all.
    """
    names = [name for name in operators or OPERATORS if OPERATORS[name].arity != 0]
    return st.recursive(leaves(variables), lambda below: _applications(below, names), max_leaves=max_leaves)


def sample_columns(
    names: Sequence[str] = ("x", "y"), n_rows: int = 64, low: float = -3.0, high: float = 3.0, seed: int = 0
) -> Mapping[str, np.ndarray]:
    """Return uniform columns that are the same each time, in the order of `names`."""
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(low, high, n_rows) for name in names}


def reference_values(expression: Expression, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the values by the plainest way there is: one NumPy call of the table per node."""
    n_rows = len(next(iter(columns.values())))

    def value(node: Expression, args: tuple[np.ndarray, ...]) -> np.ndarray:
        if node.kind == "variable":
            return columns[node.name]
        return np.asarray(float(node.value) if node.kind == "constant" else node.op.numpy(*args))

    with np.errstate(all="ignore"):
        return np.broadcast_to(expression.fold(value), (n_rows,)).astype(float)


def well_conditioned(expression: Expression, columns: Mapping[str, np.ndarray], step: float = 1e-11) -> np.ndarray:
    """Return a mask of the rows where two exact ways of computing must agree to about 1e-9.

    A row counts if moving every input, constant and intermediate result by a relative `step`, far more than rounding
    does, moves the value by less than 1e-9 of its size.
    """
    n_rows = len(next(iter(columns.values())))
    rng = np.random.default_rng(1)

    def value(node: Expression, args: tuple[np.ndarray, ...]) -> np.ndarray:
        if node.kind == "variable":
            exact = columns[node.name]
        else:
            exact = np.asarray(float(node.value) if node.kind == "constant" else node.op.numpy(*args))
        return exact * (1 + step * rng.choice([-1.0, 1.0], size=n_rows))

    centre = reference_values(expression, columns)
    steady = np.isfinite(centre)
    with np.errstate(all="ignore"):
        for _ in range(3):
            moved = np.broadcast_to(expression.fold(value), (n_rows,))
            steady &= np.abs(moved - centre) <= 1e-9 * np.abs(centre)
    return steady
