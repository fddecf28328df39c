"""Products of powers and one bend whose scale is a product of powers too: a fall with drag, a wave on a channel.

``c * z**p * g(k * x * z**q)``: every law of one bend that is a product in suitable units. The exponents `q` and the
scale `k` are looked for on a grid, the exponents `p` come from the logarithms, and the fit of all constants finishes
what is near enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import product

import numpy as np

from closedform.engines.base import FloatArray, Problem
from closedform.library.pool import Recipe

# The logarithm of a shape as a function of its argument, and its recipe.
_Shape = tuple[Callable[[FloatArray], FloatArray], Callable[[Recipe], Recipe]]
_SHAPES: tuple[_Shape, ...] = (
    (lambda t: np.log(np.logaddexp(t, -t) - np.log(2.0)), lambda t: ("log", ("cosh", t))),
    (lambda t: np.log(np.tanh(t)), lambda t: ("tanh", t)),
    (lambda t: np.log(-np.expm1(-t)), lambda t: ("sub", 1, ("exp", ("mul", -1, t)))),
    (lambda t: np.log(np.log1p(t)), lambda t: ("log", ("add", 1, t))),
    (lambda t: -np.log1p(t), lambda t: ("pow", ("add", 1, t), -1)),
    (lambda t: -np.log1p(t * t), lambda t: ("pow", ("add", 1, ("pow", t, 2)), -1)),
    (lambda t: -t, lambda t: ("exp", ("mul", -1, t))),
)
_INNER_EXPONENTS = tuple(Fraction(n, 2) for n in (-4, -2, -1, 0, 1, 2))
# The largest value of the argument, from a bend that has hardly begun to one that is long over.
_SCALES = np.geomspace(0.2, 60.0, 16)
# Share of the rows that must be positive to be looked at in logarithms.
_POSITIVE = 0.8
_DENOMINATORS = (1, 2)


def scaled_bends(problem: Problem, columns: Sequence[int]) -> Iterator[Recipe]:
    """The best scale of each shape over each column, the other columns in the scale and in front.

    Parameters
    ----------
    problem : Problem
        The rows.
    columns : sequence of int
        Columns to look at; those that are hardly ever positive are left out.
    """
    sign = 1 if (problem.y > 0).mean() >= 0.5 else -1
    used = [j for j in columns if (problem.X[:, j] > 0).mean() >= _POSITIVE]
    rows = (sign * problem.y > 0) & (problem.X[:, used] > 0).all(axis=1)
    if len(used) < 2 or rows.mean() < _POSITIVE or rows.sum() <= 2 * len(used) + 2:
        return
    X, size = problem.X[:, used][rows], sign * problem.y[rows]
    root = size / (size + np.median(size))
    for main in range(len(used)):
        # With a power of the main column in front, and without.
        for front in ([k for k in range(len(used)) if k != main], list(range(len(used)))):
            design = np.column_stack([np.ones(len(size)), *(np.log(X[:, k]) for k in front)]) * root[:, None]
            for shape in _SHAPES:
                found = _best_scale(X, main, design, root, np.log(size), shape[0])
                if found is not None:
                    scale, inner, solved = found
                    names = [problem.names[j] for j in used]
                    yield from _written(names, main, front, shape[1], scale, inner, solved, sign)


def _best_scale(
    X: FloatArray,
    main: int,
    design: FloatArray,
    root: FloatArray,
    target: FloatArray,
    shape: Callable[[FloatArray], FloatArray],
) -> tuple[float, tuple[Fraction, ...], FloatArray] | None:
    """Scale and inner exponents with the least squares, and the logarithm of the factor with the exponents in front."""
    basis = np.linalg.qr(design)[0]
    others = [k for k in range(X.shape[1]) if k != main]
    best: tuple[float, tuple[Fraction, ...], FloatArray] | None = None
    least = np.inf
    for inner in product(_INNER_EXPONENTS, repeat=len(others)):
        if not any(inner):
            continue
        argument = X[:, main] * np.prod([X[:, k] ** float(q) for k, q in zip(others, inner, strict=True)], axis=0)
        scales = _SCALES / float(argument.max())
        with np.errstate(all="ignore"):
            left = (target[:, None] - shape(argument[:, None] * scales)) * root[:, None]
        usable = np.isfinite(left).all(axis=0)
        if not usable.any():
            continue
        residual = left[:, usable] - basis @ (basis.T @ left[:, usable])
        squares = np.sum(residual**2, axis=0)
        k = int(np.argmin(squares))
        if squares[k] < least:
            solved = np.linalg.lstsq(design, left[:, usable][:, k], rcond=None)[0]
            least, best = float(squares[k]), (float(scales[usable][k]), inner, np.asarray(solved, dtype=np.float64))
    return best


def _written(
    names: Sequence[str],
    main: int,
    front: Sequence[int],
    shape: Callable[[Recipe], Recipe],
    scale: float,
    inner: Sequence[Fraction],
    solved: FloatArray,
    sign: int,
) -> Iterator[Recipe]:
    """The product with exponents in front as solved, and with the nearest whole and half ones."""
    others = [k for k in range(len(names)) if k != main]
    powers = [("pow", ("var", names[k]), q) for k, q in zip(others, inner, strict=True) if q != 0]
    bend = shape(("mul", scale, ("var", names[main]), *powers))
    factor = sign * float(np.exp(np.clip(solved[0], -300, 300)))
    plain = [float(value) for value in solved[1:]]
    rounded = [[Fraction(round(value * n), n) for value in plain] for n in _DENOMINATORS]
    versions: list[Sequence[float | Fraction]] = [plain, *rounded]
    for exponents in versions:
        yield (
            "mul",
            factor,
            bend,
            *(("pow", ("var", names[k]), p) for k, p in zip(front, exponents, strict=True) if p != 0),
        )
