"""Products of powers and one curve with a scale of its own: saturation, resonance, the laws of Planck and of Fermi.

``c * x**p * z**q / g(k*x)``, with `g` one of the shapes that turn up in every field. The scale `k` is looked for on a
grid, with the exponents from the logarithms; the fit of all constants finishes what is near enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from closedform.engines.base import FloatArray, Problem
from closedform.library.pool import Recipe

# The logarithm of a shape as a function of k*x, and its recipe.
_Curve = tuple[Callable[[FloatArray], FloatArray], Callable[[Recipe], Recipe]]
_CURVES: tuple[_Curve, ...] = (
    (lambda t: np.log(np.expm1(t)), lambda t: ("add", -1, ("exp", t))),
    (lambda t: np.logaddexp(t, 0.0), lambda t: ("add", 1, ("exp", t))),
    (np.log1p, lambda t: ("add", 1, t)),
    (lambda t: np.log1p(t * t), lambda t: ("add", 1, ("pow", t, 2))),
)
# The largest value of k*x, from a curve that has hardly begun to one that is long over.
_SCALES = np.geomspace(0.3, 60.0, 14)
_DENOMINATORS = (1, 2)


def curved_products(problem: Problem, positive: Sequence[int], sign: int) -> Iterator[Recipe]:
    """Products of powers of all these columns, and of each alone, over one curve: the best scale of each kind.

    Parameters
    ----------
    problem : Problem
        The rows.
    positive : sequence of int
        Columns without values of zero and below.
    sign : {1, -1}
        The sign of the target.
    """
    sets = [tuple(positive), *((j,) for j in positive if len(positive) > 1)]
    size = np.abs(problem.y)
    # An error of y is one over y in the logarithm.
    root = size / (size + np.median(size))
    for chosen in sets:
        if problem.n_samples <= len(chosen) + 3:
            continue
        design = np.column_stack([np.ones(len(size)), *(np.log(problem.X[:, j]) for j in chosen)]) * root[:, None]
        for j in chosen:
            for curve in _CURVES:
                found = _best_scale(problem.X[:, j], design, root, size, curve[0])
                if found is not None:
                    yield from _written(problem, chosen, j, curve, *found, sign)


def _best_scale(
    x: FloatArray, design: FloatArray, root: FloatArray, size: FloatArray, shape: Callable[[FloatArray], FloatArray]
) -> tuple[float, FloatArray] | None:
    """The scale with the least squares, and the logarithm of the factor with the exponents."""
    least = np.inf
    best: tuple[float, FloatArray] | None = None
    for scale in _SCALES / float(x.max()):
        with np.errstate(all="ignore"):
            curve = shape(scale * x)
        if not np.isfinite(curve).all():
            continue
        solved = np.asarray(np.linalg.lstsq(design, (np.log(size) + curve) * root, rcond=None)[0], dtype=np.float64)
        with np.errstate(all="ignore"):
            left = float(np.sum((np.exp(design @ solved / root - curve) - size) ** 2))
        if left < least:
            least, best = left, (float(scale), solved)
    return best


def _written(
    problem: Problem, chosen: Sequence[int], j: int, curve: _Curve, scale: float, solved: FloatArray, sign: int
) -> Iterator[Recipe]:
    """The product with exponents as solved, and with the nearest whole and half ones."""
    factor = sign * float(np.exp(np.clip(solved[0], -300, 300)))
    below = ("pow", curve[1](("mul", scale, ("var", problem.names[j]))), -1)
    plain = [float(value) for value in solved[1:]]
    rounded = [[Fraction(round(value * n), n) for value in plain] for n in _DENOMINATORS]
    versions: list[Sequence[float | Fraction]] = [plain, *rounded]
    for exponents in versions:
        powers = zip(chosen, exponents, strict=True)
        yield ("mul", factor, below, *(("pow", ("var", problem.names[k]), p) for k, p in powers if p != 0))
