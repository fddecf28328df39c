"""Where the free constants of a formula stand: which enter linearly, which are exponents, which are inside functions.

Constants are numbered in the order of ``Expression.constants``: the leaves of the tree from left to right, a repeated
node counted at each place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any, TypeVar

import numpy as np

from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.operators import Operator

T = TypeVar("T")

# A subexpression and the indices of its free constants.
_Part = tuple[Expression, tuple[int, ...]]

# Values of functions of one argument at 0 and at 1, where they are integers.
_AT_ZERO_AND_ONE = (
    {"neg": 0, "exp": 1, "sqrt": 0, "abs": 0, "sin": 0, "cos": 1, "tan": 0, "asin": 0, "atan": 0, "sinh": 0, "cosh": 1}
    | {"tanh": 0, "sign": 0},
    {"neg": -1, "log": 0, "sqrt": 1, "abs": 1, "acos": 0, "sign": 1},
)


class Role(IntEnum):
    """What a constant does in its formula, in the order in which rounding goes through them."""

    EXPONENT = 0
    INNER = 1
    LINEAR = 2


def linear_constants(expression: Expression) -> tuple[int, ...]:
    """Indices of free constants in which the formula is jointly affine.

    Follows sums, signs, numerators and one factor of each product, the one with the most constants: in
    ``a*(b*x + c)`` these are `b` and `c`. The set is the largest of its kind for formulas without nested choices of
    equal size; it is found from the structure alone, so nothing is multiplied out.

    Returns
    -------
    tuple of int
        Increasing. With all other constants held, the formula is ``g0 + sum_k c_k * g_k`` over these.
    """

    def merge(node: Expression, parts: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
        name = node.op.name
        if name in ("add", "sub", "neg"):
            return tuple([index for part in parts for index in part])
        if name == "mul":
            # max keeps the first of equals, so the choice is stable.
            return max(parts, key=len)
        return parts[0] if name == "div" else ()

    return fold_constants(expression, lambda index, _: () if index is None else (index,), merge)


def constant_roles(expression: Expression) -> tuple[Role, ...]:
    """The role of each free constant.

    An exponent stands in the second argument of a power that holds no variable (``x**1.63``, not ``2**(0.3*t)``);
    linear ones are those of :func:`linear_constants`; the rest is inner.
    """

    def merge(node: Expression, parts: tuple[tuple[Role, ...], ...]) -> tuple[Role, ...]:
        if node.op.name == "pow" and node.args[0].variables and not node.args[1].variables:
            return parts[0] + (Role.EXPONENT,) * len(parts[1])
        return tuple([role for part in parts for role in part])

    def leaf(index: int | None, _part: Expression) -> tuple[Role, ...]:
        return () if index is None else (Role.INNER,)

    linear = set(linear_constants(expression))
    roles = fold_constants(expression, leaf, merge)
    return tuple([Role.LINEAR if index in linear else role for index, role in enumerate(roles)])


def added_constants(expression: Expression) -> tuple[bool, ...]:
    """Which free constants are terms of a sum themselves, neither factors nor exponents."""

    def merge(node: Expression, parts: tuple[tuple[bool, ...], ...]) -> tuple[bool, ...]:
        added = node.op.name in ("add", "sub")
        free = [argument.kind == "constant" for argument in node.args]
        pairs = zip(parts, free, strict=True)
        return tuple([added if alone else flag for part, alone in pairs for flag in part])

    return fold_constants(expression, lambda index, _: () if index is None else (False,), merge)


def replace_constants(
    expression: Expression, replacements: Mapping[int, Expression]
) -> tuple[Expression, tuple[int, ...]]:
    """Replace some free constants by expressions, and tidy away the terms and factors that exact 0 and 1 make idle.

    A product with an exact zero becomes zero although its other factors may be undefined somewhere.

    Returns
    -------
    expression : Expression
        The new formula.
    kept : tuple of int
        Indices of the free constants of the old formula that are still there, in order.
    """

    def leaf(index: int | None, part: Expression) -> _Part:
        if index is None:
            return part, ()
        return (replacements[index], ()) if index in replacements else (part, (index,))

    def join(node: Expression, parts: tuple[_Part, ...]) -> _Part:
        joined, positions = _tidied(node.op, tuple([part for part, _ in parts]))
        return joined, tuple([index for position in positions for index in parts[position][1]])

    return fold_constants(expression, leaf, join)


def merge_constants(expression: Expression) -> Expression:
    """Write subexpressions without variables that hold free constants as one free constant: ``2.0*pi`` as 6.28."""

    def merge(node: Expression, args: tuple[Expression, ...]) -> Expression:
        if not args:
            return node
        merged = apply(node.op, *args)
        if not merged.n_constants or merged.variables:
            return merged
        with np.errstate(all="ignore"):
            value = float(merged.fold(_scalar))
        return constant(value) if math.isfinite(value) else merged

    return expression.fold(merge)


def _scalar(node: Expression, args: tuple[Any, ...]) -> Any:
    return node.op.numpy(*args) if node.kind == "apply" else np.float64(node.value)


def _tidied(op: Operator, args: tuple[Expression, ...]) -> tuple[Expression, Sequence[int]]:
    """The application without idle zeros and ones, and which of the arguments are left in it."""
    exact = [None if arg.kind != "constant" or isinstance(arg.value, float) else arg.value for arg in args]
    value: int | None = None
    kept: Sequence[int] = range(len(args))
    if op.name == "add":
        kept = [position for position in kept if exact[position] != 0]
        value = 0 if not kept else None
    elif op.name == "mul":
        kept = [position for position in kept if exact[position] != 1]
        value = 0 if 0 in exact else 1 if not kept else None
    elif op.name == "sub":
        kept = [0] if exact[1] == 0 else kept
        if exact[0] == 0 and exact[1] is None:
            return apply("neg", args[1]), [1]
    elif op.name == "div":
        kept = [0] if exact[1] == 1 else kept
        value = 0 if exact[0] == 0 else None
    elif op.name == "pow":
        kept = [0] if exact[1] == 1 else kept
        value = 1 if exact[1] == 0 or exact[0] == 1 else None
    elif exact[0] in (0, 1):
        value = _AT_ZERO_AND_ONE[int(exact[0])].get(op.name)
    if value is not None:
        return constant(value), ()
    if len(kept) == 1 and len(args) > 1:
        return args[kept[0]], kept
    return apply(op, *[args[position] for position in kept]), kept


def fold_constants(
    expression: Expression,
    leaf: Callable[[int | None, Expression], T],
    node: Callable[[Expression, tuple[T, ...]], T],
) -> T:
    """Fold over the tree, not the shared nodes, so that equal constants at different places stay apart.

    Parameters
    ----------
    expression : Expression
        The formula.
    leaf : callable
        ``leaf(index, subexpression)`` for a free constant, and ``leaf(None, subexpression)`` for a whole subexpression
        without free constants.
    node : callable
        ``node(subexpression, results of its arguments)`` for an application that holds free constants.
    """
    done: list[T] = []
    todo: list[tuple[Expression, bool]] = [(expression, False)]
    index = 0
    while todo:
        current, ready = todo.pop()
        if ready:
            count = len(current.args)
            parts = tuple(done[-count:])
            del done[-count:]
            done.append(node(current, parts))
        elif current.n_constants == 0:
            done.append(leaf(None, current))
        elif current.kind == "constant":
            done.append(leaf(index, current))
            index += 1
        else:
            todo.append((current, True))
            todo.extend((argument, False) for argument in reversed(current.args))
    return done[0]
