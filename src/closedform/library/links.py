"""Outer units: a target is looked at through the inverse of the unit that may stand outermost in the formula.

If ``y = unit(z)`` with ``z`` linear in known columns, then ``z = inverse(y)`` is a linear problem. Each link knows
where it is defined, its derivative (the weight of a row's error in z when errors in y are equal), and how to write
``y`` as an expression of ``z``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from closedform.library.pool import Recipe, build
from closedform.library.powers import one_sign
from closedform.symbolic.vocabulary import uses_only

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Link:
    """One outer unit.

    Parameters
    ----------
    name : str
        What is done to y.
    forward : callable
        ``z = forward(y)``.
    slope : callable
        ``|dy/dz|`` as a function of y: errors in z weigh this much in y.
    defined : callable
        Whether z exists and determines y for all these y.
    outer : callable
        Recipe of y from the recipe of z.
    """

    name: str
    forward: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    defined: Callable[[FloatArray], bool]
    outer: Callable[[Recipe], Recipe]


def _positive(y: FloatArray) -> bool:
    return bool((y > 0).all())


IDENTITY = Link("y", lambda y: y, np.ones_like, lambda y: True, lambda z: z)
# The common ones first.
LINKS: tuple[Link, ...] = (
    IDENTITY,
    Link("log y", np.log, lambda y: y, _positive, lambda z: ("exp", z)),
    Link("1/y", lambda y: 1 / y, lambda y: y * y, one_sign, lambda z: ("pow", z, -1)),
    Link(
        "y^2",
        lambda y: y * y,
        lambda y: 0.5 / np.maximum(np.abs(y), 1e-3 * np.abs(y).max()),
        lambda y: bool((y >= 0).all() and y.max() > 0),
        lambda z: ("sqrt", z),
    ),
    Link(
        "1/y^2",
        lambda y: 1 / (y * y),
        lambda y: 0.5 * np.abs(y) ** 3,
        _positive,
        lambda z: ("pow", z, Fraction(-1, 2)),
    ),
    Link(
        "sqrt y",
        np.sqrt,
        lambda y: 2 * np.sqrt(np.abs(y)),
        lambda y: bool((y >= 0).all()),
        lambda z: ("pow", z, 2),
    ),
    Link(
        "y^3",
        lambda y: y**3,
        lambda y: 1 / (3 * np.maximum(np.abs(y), 1e-3 * np.abs(y).max()) ** 2),
        _positive,
        lambda z: ("pow", z, Fraction(1, 3)),
    ),
    Link("exp y", np.exp, lambda y: np.exp(-y), lambda y: bool(np.abs(y).max() < 20), lambda z: ("log", z)),
    Link(
        "sin y",
        np.sin,
        lambda y: 1 / np.maximum(np.abs(np.cos(y)), 1e-3),
        lambda y: bool(np.abs(y).max() <= np.pi / 2),
        lambda z: ("asin", z),
    ),
    Link(
        "cos y",
        np.cos,
        lambda y: 1 / np.maximum(np.abs(np.sin(y)), 1e-3),
        lambda y: bool(y.min() >= 0 and y.max() <= np.pi),
        lambda z: ("acos", z),
    ),
    Link(
        "asin y",
        np.arcsin,
        lambda y: np.sqrt(np.maximum(1 - y * y, 1e-6)),
        lambda y: bool(np.abs(y).max() <= 1),
        lambda z: ("sin", z),
    ),
    Link(
        "tan y",
        np.tan,
        lambda y: np.cos(y) ** 2,
        lambda y: bool(np.abs(y).max() < np.pi / 2),
        lambda z: ("atan", z),
    ),
    Link(
        "atanh y",
        np.arctanh,
        lambda y: 1 - y * y,
        lambda y: bool(np.abs(y).max() < 1),
        lambda z: ("tanh", z),
    ),
)


def usable_links(y: FloatArray, operators: frozenset[str]) -> list[Link]:
    """The links that are defined on this target and need only these operators, common ones first."""
    usable = []
    for link in LINKS:
        if not uses_only(build(link.outer(("var", "z"))), operators):
            continue
        with np.errstate(all="ignore"):
            if not link.defined(y):
                continue
            z = link.forward(y)
        if np.isfinite(z).all() and float(np.ptp(z)) > 1e-12 * float(np.abs(z).max()):
            usable.append(link)
    return usable
