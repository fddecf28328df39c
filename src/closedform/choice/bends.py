"""Lines in transformed axes whose term has a scale of its own, and parabolas: decay over a background, peaks, charging.

``T(y) = a + b*g(k*x)`` with `g` one of the shapes that turn up in every field, and ``T(y) = a + b*x + c*x**2``. The
scale `k` is looked for on a grid, with `a` and `b` solved for each; the fit of all constants finishes what is near
enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from closedform.engines.base import FloatArray, Problem
from closedform.library.pool import Recipe

# A shape as a function of t = k*x, its recipe for a scale and a column, and whether it begins with the column at zero.
_Shape = tuple[Callable[[FloatArray], FloatArray], Callable[[float, Recipe], Recipe], bool]
_SHAPES: tuple[_Shape, ...] = (
    (lambda t: np.exp(-t), lambda k, x: ("exp", ("mul", -k, x)), False),
    (np.exp, lambda k, x: ("exp", ("mul", k, x)), False),
    (lambda t: -np.expm1(-t), lambda k, x: ("sub", 1, ("exp", ("mul", -k, x))), True),
    (np.tanh, lambda k, x: ("tanh", ("mul", k, x)), True),
    (
        lambda t: np.logaddexp(t, -t) - np.log(2.0),
        lambda k, x: ("log", ("cosh", ("mul", k, x))),
        True,
    ),
    (np.arctan, lambda k, x: ("atan", ("mul", k, x)), True),
    (np.log1p, lambda k, x: ("log", ("add", 1, ("mul", k, x))), True),
    (lambda t: 1 / (1 + t * t), lambda k, x: ("pow", ("add", 1 / k**2, ("pow", x, 2)), -1), False),
    (lambda t: np.exp(-t * t), lambda k, x: ("exp", ("mul", -k * k, ("pow", x, 2))), False),
)
# The largest value of |k*x|, from a bend that has hardly begun to one that is long over.
_SCALES = np.geomspace(0.2, 60.0, 24)
# The distance of a pole, or of the end of a logarithm, below the column, in widths of its range.
_DISTANCES = np.geomspace(0.03, 30.0, 24)
_EXPONENTS = tuple(p / 8 for p in range(-24, 33) if p not in (0, 8))

# What is done to the target, the slope of the way back by the target, the way back, and whether it needs one sign.
_Axis = tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray], Callable[[Recipe], Recipe], bool]
_AXES: tuple[_Axis, ...] = (
    (lambda y: y, np.ones_like, lambda z: z, False),
    (np.log, lambda y: y, lambda z: ("exp", z), True),
    (lambda y: 1 / y, lambda y: y * y, lambda z: ("pow", z, -1), True),
)


def bends(problem: Problem, columns: Sequence[int], sign: int) -> Iterator[Recipe]:
    """The best scale of each shape in each axis, with an offset and, where the shape begins at zero, without.

    Parameters
    ----------
    problem : Problem
        The rows.
    columns : sequence of int
        Columns to look at, each alone.
    sign : {1, 0, -1}
        The sign of the target; 0 if it has both.
    """
    for axis in _AXES:
        if axis[3] and sign == 0:
            continue
        y = sign * problem.y if axis[3] else problem.y
        z, slope = axis[0](y), axis[1](y)
        # Where the way back is steep an error counts more, as in least squares, but not for all.
        weight = np.abs(slope) / (np.abs(slope) + np.median(np.abs(slope)))
        for j in columns:
            for line in _lines(problem.X[:, j], ("var", problem.names[j]), z, weight, through_zero=not axis[3]):
                back = axis[2](line)
                yield ("mul", -1, back) if axis[3] and sign < 0 else back


def _lines(x: FloatArray, name: Recipe, z: FloatArray, weight: FloatArray, *, through_zero: bool) -> Iterator[Recipe]:
    """What is drawn in one axis over one column."""
    scales = _SCALES / float(np.abs(x).max() or 1.0)
    for shape, recipe, begins in _SHAPES:
        terms = [(float(k), shape(k * x)) for k in scales if (k * x).min() > -1.0]
        for offset in (True, False) if begins and through_zero else (True,):
            found = _best(terms, z, weight, offset)
            if found is not None:
                k, solved = found
                term = ("mul", float(solved[-1]), recipe(k, name))
                yield ("add", float(solved[0]), term) if offset else term
    shifts = _DISTANCES * float(np.ptp(x)) - float(x.min())
    moved = [(float(c), x + c) for c in shifts]
    others: list[tuple[list[tuple[float, FloatArray]], Callable[[float], Recipe]]] = [
        ([(c, 1 / sum_) for c, sum_ in moved], lambda c: ("pow", ("add", name, c), -1)),
        ([(c, np.log(sum_)) for c, sum_ in moved], lambda c: ("log", ("add", name, c))),
    ]
    if (x > 0).all():
        others.append(([(p, x**p) for p in _EXPONENTS], lambda p: ("pow", name, p)))
    for terms, written in others:
        found = _best(terms, z, weight, True)
        if found is not None:
            yield ("add", float(found[1][0]), ("mul", float(found[1][1]), written(found[0])))
    yield from _parabola(x, name, z, weight, centred=not through_zero)


def _best(
    terms: Sequence[tuple[float, FloatArray]], z: FloatArray, weight: FloatArray, offset: bool
) -> tuple[float, FloatArray] | None:
    """The scale with the least squares, and the coefficients there."""
    least = np.inf
    best: tuple[float, FloatArray] | None = None
    for scale, term in terms:
        size = float(np.abs(term).max())
        if not (np.isfinite(size) and size > 0):
            continue
        design = np.column_stack([np.ones(len(z)), term / size] if offset else [term / size])
        solved = np.asarray(np.linalg.lstsq(design * weight[:, None], z * weight, rcond=None)[0], dtype=np.float64)
        left = float(np.sum(((design @ solved - z) * weight) ** 2))
        if left < least:
            solved[-1] /= size
            least, best = left, (scale, solved)
    return best


def _parabola(x: FloatArray, name: Recipe, z: FloatArray, weight: FloatArray, *, centred: bool) -> Iterator[Recipe]:
    """The parabola; as a peak where it is not of the target itself."""
    if len(np.unique(x)) <= 3:
        return
    size = float(np.abs(x).max())
    design = np.column_stack([np.ones(len(x)), x / size, (x / size) ** 2])
    solved = np.linalg.lstsq(design * weight[:, None], z * weight, rcond=None)[0] / [1.0, size, size**2]
    c, b, a = (float(value) for value in solved)
    if a == 0:
        return
    if centred:
        middle = -b / (2 * a)
        yield ("add", c - a * middle**2, ("mul", a, ("pow", ("add", name, -middle), 2)))
    else:
        yield ("add", c, ("mul", b, name), ("mul", a, ("pow", name, 2)))
