"""Where the free constants of a formula stand: which enter linearly, which are exponents, which are inside functions.

Constants are numbered in the order of ``Expression.constants``: the leaves of the tree from left to right, a repeated
node counted at each place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TypeVar

from closedform.symbolic.expression import Expression, apply

T = TypeVar("T")


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

    roles = list(fold_constants(expression, lambda index, _: () if index is None else (Role.INNER,), merge))
    for index in linear_constants(expression):
        roles[index] = Role.LINEAR
    return tuple(roles)


def replace_constants(expression: Expression, replacements: Mapping[int, Expression]) -> Expression:
    """The formula with some of its free constants, given by index, replaced by expressions."""
    return fold_constants(
        expression,
        lambda index, leaf: leaf if index is None else replacements.get(index, leaf),
        lambda node, args: apply(node.op, *args),
    )


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
