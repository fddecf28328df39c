"""Making nodes: each is looked up among the living ones first, so that it exists once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from numbers import Integral, Rational, Real
from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

from closedform.exceptions import InputError
from closedform.symbolic._table import Draft, look_up, remember
from closedform.symbolic.operators import Operator, operator

if TYPE_CHECKING:
    from closedform.symbolic.expression import Expression

Number = int | Fraction | float


def _finish(key: tuple[Any, ...], draft: Draft) -> Expression:
    draft.__class__ = Draft.finished
    return remember(key, cast("Expression", draft))


def intern_apply(op: Operator, args: tuple[Expression, ...]) -> Expression:
    """Return the node ``op(*args)``; the caller has checked the number of arguments."""
    # ids are safe as keys: the node keeps its arguments alive, and its entry goes when it goes.
    key = (op, *[id(argument) for argument in args])
    known = look_up(key)
    if known is not None:
        return known
    node = Draft("apply", 0)
    node.op = op
    node.args = args
    size, depth, n_constants = 1, 0, 0
    digests = [_code(op)]
    for argument in args:
        size += argument.size
        n_constants += argument.n_constants
        if argument.depth > depth:
            depth = argument.depth
        digests.append(argument._digest)
    node.size, node.depth, node.n_constants = size, depth + 1, n_constants
    node._digest = hash(tuple(digests))
    return _finish(key, node)


@cache
def _code(op: Operator) -> int:
    """Return a number for the operator that is the same in every process, unlike ``hash`` of a text."""
    return crc32(op.name.encode())


def constant(value: Number) -> Expression:
    """Return a constant: exact for int and Fraction, free for float.

    Parameters
    ----------
    value : int, Fraction, float or a NumPy number
        Finite, and within the range of float64.

    Raises
    ------
    InputError
        For nan, infinity, an exact number beyond float64, or something that is not a real number.
    """
    number: Number
    if isinstance(value, float):
        number = float(value) + 0.0  # also turns -0.0 into 0.0, and a NumPy float into a plain one
    elif isinstance(value, Integral):
        number = int(value)
    elif isinstance(value, Rational):
        number = Fraction(value.numerator, value.denominator)
        number = number.numerator if number.denominator == 1 else number
    elif isinstance(value, Real):
        number = float(value) + 0.0
    else:
        raise InputError(f"a constant must be a real number, but {value!r} of type {type(value).__name__} was given")
    key = (type(number), number)
    known = look_up(key)
    return known if known is not None else _finish(key, _new_constant(number))


def _new_constant(number: Number) -> Draft:
    try:
        finite = math.isfinite(number)
    except OverflowError:
        finite = False
    if not finite:
        raise InputError(f"a constant must be finite and within the range of float64, but {number!s:.40} was given")
    free = isinstance(number, float)
    # Python gives -1 and -2 the same hash; a digest must tell 1/x from 1/x**2.
    node = Draft("constant", hash((free, number, number == -1)), value=number)
    node.n_constants = int(free)
    return node


def variable(name: str) -> Expression:
    """Return a variable. Any non-empty string is a name."""
    if not isinstance(name, str) or not name:
        raise InputError(f"the name of a variable must be a non-empty text, but {name!r} was given")
    key = (str, name)
    known = look_up(key)
    if known is not None:
        return known
    return _finish(key, Draft("variable", hash((7, crc32(name.encode("utf-8", "surrogatepass")))), name=name))


def apply(op: Operator | str, *args: Expression | Number) -> Expression:
    """Return ``op(*args)``; numbers become constants.

    Raises
    ------
    InputError
        If there is no such operator, or the number of arguments does not fit.
    """
    row = operator(op) if isinstance(op, str) else op
    count = len(args)
    if (row.arity is None and count < 2) or (row.arity is not None and count != row.arity):
        wanted = "two or more arguments" if row.arity is None else f"{row.arity} argument{'s' * (row.arity != 1)}"
        raise InputError(f"{row.name} takes {wanted}, but {count} {'was' if count == 1 else 'were'} given")
    return intern_apply(row, tuple([as_expression(argument) for argument in args]))


def plain_sum(parts: Sequence[Expression]) -> Expression:
    """Return the sum of parts as they are: the part itself where there is one, 0 where there is none."""
    if not parts:
        return constant(0)
    return parts[0] if len(parts) == 1 else apply("add", *parts)


def as_expression(value: Expression | Number) -> Expression:
    """Return `value` itself if it is an expression, else the constant."""
    return value if isinstance(value, Draft) else constant(value)


def binary(op: Operator, left: Any, right: Any) -> Expression:
    """Return ``op(left, right)`` for what Python's operators are given, or NotImplemented."""
    if not isinstance(left, Draft):
        if not isinstance(left, Real):
            return cast("Expression", NotImplemented)
        left = constant(cast(float, left))
    elif not isinstance(right, Draft):
        if not isinstance(right, Real):
            return cast("Expression", NotImplemented)
        right = constant(cast(float, right))
    return intern_apply(op, (left, right))


def rebuild(rows: tuple[tuple[Any, ...], ...]) -> Expression:
    """Undo `flatten`: what unpickling calls."""
    nodes: list[Expression] = []
    for kind, payload, positions in rows:
        if kind == "apply":
            nodes.append(intern_apply(payload, tuple([nodes[position] for position in positions])))
        else:
            nodes.append(constant(payload) if kind == "constant" else variable(payload))
    return nodes[-1]
