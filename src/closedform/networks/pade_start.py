"""Coefficients with which rational units start: the identity, nothing, or the least-squares fit of a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedform.exceptions import InputError
from closedform.networks.activations import get_activation
from closedform.networks.pade_denominators import Denominator, get_denominator
from closedform.networks.pade_function import PadeForm

Array = NDArray[np.float64]

# First coefficient of q at the start. A square denominator does not move from q = 0. Where p can make up for the
# denominator (degree 3) it may differ from 1 visibly; elsewhere the start is off by the square of the smaller one.
_SLOPE_EXACT, _SLOPE_NEAR = 0.1, 0.01
_N_POINTS = 257


def identity_start(form: PadeForm) -> tuple[Array, Array]:
    """Coefficients of p (n_monomials,) and q with which p/d is the base: x, or (x + y) / 2.

    Exactly, but for a square denominator under a numerator of degree 1 or 2: there p/d is the base times
    ``1 / (1 + 1e-4 (x + y)^2)``, because from q = 0 the denominator would never move.
    """
    p, q = np.zeros(len(form.numerator)), np.zeros(len(form.denominator))
    n = form.numerator.n_arguments
    units = [tuple(int(i == k) for i in range(n)) for k in range(n)]
    at_zero = float(form.kind.value(torch.zeros((), dtype=torch.float64)))
    for exponents in units:
        p[form.numerator.index[exponents]] = at_zero / n
    if form.kind.name != "square":
        return p, q
    exact = form.numerator.degree >= 3
    slope = _SLOPE_EXACT if exact else _SLOPE_NEAR
    for exponents in units:
        q[form.denominator.index[exponents]] = slope
    if exact:  # p = base (1 + q^2) with q = slope (x + y): of degree 3
        for one, two, three in product(units, repeat=3):
            exponents = tuple(a + b + c for a, b, c in zip(one, two, three, strict=True))
            p[form.numerator.index[exponents]] += slope**2 / n
    return p, q


def zero_start(form: PadeForm) -> tuple[Array, Array]:
    """Coefficients with p = 0 and a q that can move."""
    p, q = identity_start(form)
    return np.zeros_like(p), q


@dataclass(frozen=True)
class FittedStart:
    """Coefficients of the unit p/d that is next to a function on an interval.

    Attributes
    ----------
    numerator : ndarray of shape (numerator_degree + 1,)
    denominator : ndarray of shape (denominator_degree,)
    max_error : float
        Largest distance on the grid of the fit (257 Chebyshev points).
    """

    numerator: Array
    denominator: Array
    max_error: float


def fit_start(
    function: str | Callable[[Tensor], Tensor],
    interval: tuple[float, float] = (-5.0, 5.0),
    *,
    numerator_degree: int = 3,
    denominator_degree: int = 2,
    denominator: str = "square",
) -> FittedStart:
    """Fit one unit p/d to a function by least squares.

    Numerators are solved in closed form for given denominators (variable projection); denominators are searched from
    a few fixed starts, so that the result never changes.

    Parameters
    ----------
    function : str or callable
        Name in :data:`~closedform.networks.activations.ACTIVATIONS`, or a function of a float64 tensor.
    interval : (float, float)
        Where to fit; finite, the first below the second.
    numerator_degree, denominator_degree, denominator
        As in :class:`~closedform.networks.RationalUnit`.

    Raises
    ------
    InputError
        If the interval is empty or the function has no finite value somewhere in it.

    Examples
    --------
    >>> fit_start("tanh", (-3.0, 3.0)).max_error < 0.01
    True
    """
    low, high = interval
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InputError(f"interval must be two finite numbers, the lower one first, however: {interval}.")
    if isinstance(function, str):
        return _fit_named(function, (float(low), float(high)), numerator_degree, denominator_degree, denominator)
    return _fit(function, (float(low), float(high)), numerator_degree, denominator_degree, denominator)


@lru_cache(maxsize=64)
def _fit_named(name: str, interval: tuple[float, float], m: int, n: int, denominator: str) -> FittedStart:
    return _fit(get_activation(name), interval, m, n, denominator)


def _fit(
    function: Callable[[Tensor], Tensor], interval: tuple[float, float], m: int, n: int, denominator: str
) -> FittedStart:
    from scipy.optimize import least_squares  # only units that start as a fit need it

    kind = get_denominator(denominator)
    low, high = interval
    x = (low + high) / 2 + (high - low) / 2 * np.cos(np.linspace(np.pi, 0.0, _N_POINTS))
    y = _values(function, x)
    scale = max(abs(low), abs(high))
    problem = _Projection(np.vander(x / scale, max(m, n) + 1, increasing=True), y, m, n, kind)
    starts = product((-2.0, -0.5, 0.5, 2.0), repeat=min(n, 2))
    fits = [least_squares(problem.residual, [*start, *[0.0] * (n - len(start))], max_nfev=60) for start in starts]
    best: Any = min(fits, key=lambda fit: float(fit.cost))
    p = problem.numerator(best.x)
    error = float(np.abs(problem.residual(best.x)).max())
    return FittedStart(p / scale ** np.arange(m + 1), best.x / scale ** np.arange(1, n + 1), error)


def _values(function: Callable[[Tensor], Tensor], x: Array) -> Array:
    y = np.asarray(function(torch.from_numpy(x)).detach(), dtype=np.float64)
    if y.shape != x.shape:
        raise InputError(f"The function must keep the shape of its argument {x.shape}, however: {y.shape}.")
    if not np.isfinite(y).all():
        worst = float(x[~np.isfinite(y)][0])
        raise InputError(f"The function must be finite on the whole interval; it is not at {worst:.6g}. Narrow it.")
    return y


@dataclass(frozen=True)
class _Projection:
    """Residual as a function of q alone: the best p for each q is found on the way."""

    powers: Array
    y: Array
    m: int
    n: int
    kind: Denominator

    def _basis(self, q: Array) -> Array:
        d = self.kind.value(torch.from_numpy(self.powers[:, 1 : self.n + 1] @ q)).numpy()
        basis: Array = self.powers[:, : self.m + 1] / d[:, None]
        return basis

    def numerator(self, q: Array) -> Array:
        solution: Array = np.asarray(np.linalg.lstsq(self._basis(q), self.y, rcond=None)[0], np.float64)
        return solution

    def residual(self, q: Array) -> Array:
        # What is left of y after projection on the columns of the basis: the same as fitting p, and cheaper.
        columns = np.linalg.qr(self._basis(q))[0]
        result: Array = columns @ (columns.T @ self.y) - self.y
        return result
