"""What one layer makes of another: unary steps (an operator on a column, shifted or scaled) and binary ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from closedform.library.grow import UNARY
from closedform.library.pool import Recipe, needed_operators

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """One operation on one or two columns.

    Parameters
    ----------
    cost : int
        Nodes that it adds.
    values : callable
        The result on values.
    recipe : callable
        The result on recipes.
    commutes : bool
        Whether the order of two columns does not matter.
    nests : bool
        Whether the result is one transcendental function deeper than what it is made of.
    """

    cost: int
    values: Callable[..., FloatArray]
    recipe: Callable[..., Recipe]
    commutes: bool = False
    nests: bool = False


_Inner = tuple[int, Callable[[FloatArray], FloatArray], Callable[[Recipe], Recipe]]
_PLAIN: _Inner = (0, lambda u: u, lambda r: r)
# Columns are kept up to an affine map, so that what is nonlinear has to be tried on the simplest of those maps.
_MINUS: _Inner = (1, lambda u: -u, lambda r: ("mul", -1, r))
_ONE_MORE: _Inner = (2, lambda u: 1.0 + u, lambda r: ("add", 1, r))
_ONE_LESS: _Inner = (2, lambda u: u - 1.0, lambda r: ("add", -1, r))
_FROM_ONE: _Inner = (3, lambda u: 1.0 - u, lambda r: ("sub", 1, r))
_DOUBLE: _Inner = (2, lambda u: 2.0 * u, lambda r: ("mul", 2, r))


def _times_pi(factor: int) -> _Inner:
    scale = factor * float(np.pi)
    return (3, lambda u: scale * u, lambda r: ("mul", scale, r))


def _unary(name: str, inner: _Inner, cost: int = 1) -> Step:
    extra, shift, write = inner
    operate = UNARY[name]
    return Step(cost + extra, lambda u: operate(shift(u)), lambda r: (name, write(r)), nests=name != "sqrt")


def _power(exponent: int | Fraction, inner: _Inner, cost: int = 1) -> Step:
    extra, shift, write = inner
    power = float(exponent)
    return Step(cost + extra, lambda u: np.power(shift(u), power), lambda r: ("pow", write(r), exponent))


_ARGUMENTS: dict[str, tuple[_Inner, ...]] = {
    "exp": (_PLAIN, _MINUS),
    "log": (_PLAIN, _MINUS, _ONE_MORE, _FROM_ONE),
    "sqrt": (_PLAIN, _MINUS, _ONE_MORE, _FROM_ONE, _ONE_LESS),
    "sin": (_PLAIN, _DOUBLE, _times_pi(1), _times_pi(2)),
    "cos": (_PLAIN, _DOUBLE, _times_pi(1), _times_pi(2)),
}
_POWERS: dict[int, tuple[_Inner, ...]] = {2: (_PLAIN, _ONE_MORE, _ONE_LESS), -1: (_PLAIN, _ONE_MORE, _FROM_ONE)}
_RARE = ("tanh", "atan", "asin", "cosh")


def _all_unary() -> Iterator[Step]:
    for exponent, inners in _POWERS.items():
        yield from (_power(exponent, inner) for inner in inners)
    for name, inners in _ARGUMENTS.items():
        yield from (_unary(name, inner) for inner in inners)
    yield from (_unary(name, _PLAIN, cost=2) for name in _RARE)
    yield from (_power(exponent, _PLAIN, cost=2) for exponent in (3, Fraction(3, 2)))
    yield Step(2, np.abs, lambda r: ("abs", r))


def _all_binary() -> Iterator[Step]:
    yield Step(1, lambda u, v: u * v, lambda r, s: ("mul", r, s), commutes=True)
    yield Step(1, lambda u, v: u / v, lambda r, s: ("div", r, s))
    yield Step(1, lambda u, v: u + v, lambda r, s: ("add", r, s), commutes=True)
    yield Step(1, lambda u, v: u - v, lambda r, s: ("sub", r, s), commutes=True)
    yield Step(2, lambda u, v: np.power(u, v), lambda r, s: ("pow", r, s))
    yield Step(3, lambda u, v: np.power(1.0 + u, v), lambda r, s: ("pow", ("add", 1, r), s))
    yield Step(3, lambda u, v: (1.0 + u) * v, lambda r, s: ("mul", ("add", 1, r), s))
    yield Step(3, lambda u, v: (1.0 - u) * v, lambda r, s: ("mul", ("sub", 1, r), s))


def unary_steps(allowed: frozenset[str]) -> list[Step]:
    """The steps on one column that these operators can write, common ones first."""
    return [step for step in _all_unary() if needed_operators(step.recipe(("var", "u"))) <= allowed]


def binary_steps(allowed: frozenset[str]) -> list[Step]:
    """The steps on two columns that these operators can write, common ones first."""
    u, v = ("var", "u"), ("var", "v")
    return [step for step in _all_binary() if needed_operators(step.recipe(u, v)) <= allowed]
