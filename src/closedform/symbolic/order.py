"""The order of terms and factors in the canonical form.

Deterministic in every process, and close to how people write: ``x**2 + x*y + sin(x) + 1`` and ``2*x*y*sin(x)``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from closedform.symbolic.expression import Expression

_NUMBER, _POWER, _FUNCTION, _SUM = range(4)


class Place(NamedTuple):
    """What decides where a node stands."""

    varies: bool  # whether a variable occurs in it
    degree: float  # as a polynomial, functions counting 0
    rank: int  # numbers, powers of variables, functions, sums
    names: tuple[Any, ...]  # its variables in natural order
    size: int
    digest: int


@lru_cache(maxsize=4096)
def natural(name: str) -> tuple[Any, ...]:
    """Return a sorting key that puts x2 before x10."""
    return tuple(int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name))


def place(node: Expression) -> Place:
    """Return the place of a node, remembered on it."""
    known: Place | None = node._order
    if known is None:
        todo = [node]
        while todo:
            top = todo[-1]
            pending = [argument for argument in top.args if argument._order is None]
            if pending:
                todo.extend(pending)
            else:
                todo.pop()
                if top._order is None:
                    object.__setattr__(top, "_order", _place(top))
        known = node._order
        assert known is not None
    return known


def _place(node: Expression) -> Place:
    if node.kind == "constant":
        return Place(False, 0.0, _NUMBER, (), 1, node.digest)
    if node.kind == "variable":
        return Place(True, 1.0, _POWER, (natural(node.name),), 1, node.digest)
    inner = [argument._order for argument in node.args]
    names = _union([part.names for part in inner])
    varies = any(part.varies for part in inner)
    degree, rank = _shape(node, inner) if varies else (0.0, _NUMBER)
    return Place(varies, degree, rank, names, node.size, node.digest)


def _shape(node: Expression, inner: list[Place]) -> tuple[float, int]:
    """Return degree and rank of an application that varies."""
    name = node.op.name
    if name == "mul":
        return sum(part.degree for part in inner), max(part.rank for part in inner)
    if name == "pow" and node.args[1].kind == "constant":
        return inner[0].degree * float(node.args[1].value), inner[0].rank
    if name in ("add", "sub"):
        return max(part.degree for part in inner), _SUM
    if name == "neg":
        return inner[0].degree, inner[0].rank
    return 0.0, _FUNCTION


def _union(names: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    distinct = [part for part in dict.fromkeys(names) if part]
    if len(distinct) <= 1:
        return distinct[0] if distinct else ()
    return tuple(sorted({name for part in distinct for name in part}))


def varies(node: Expression) -> bool:
    """Say whether a variable occurs in the node."""
    known: Place = node._order or place(node)
    return known.varies


def product_key(node: Expression) -> tuple[Any, ...]:
    """Return the sorting key among factors: numbers, powers of variables, functions, sums."""
    _, _, rank, names, size, digest = node._order or place(node)
    return rank, names, size, digest


def sum_key(node: Expression) -> tuple[Any, ...]:
    """Return the sorting key among terms: falling degree, then as among factors; numbers last."""
    varies, degree, rank, names, size, digest = node._order or place(node)
    return not varies, -degree, rank, names, size, digest
