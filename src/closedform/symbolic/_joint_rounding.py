r"""All constants of a formula rounded at once, where there is noise: which short numbers fit together.

Constants that are fitted to noisy data depend on one another: of :math:`13.9\,(h - 0.22)^{1.62}` each may be off by
several units of its second digit, and rounding one of them to the number next to it makes the others wrong. Near the
best constants :math:`\hat\theta` the likelihood is a known quadratic form, so that what rounding one constant does to
all others, and to how well these are then known, follows without any fit:

.. math::
    \hat\theta \to \hat\theta + C_{\cdot i} (v - \hat\theta_i) / C_{ii}, \qquad
    C \to C - C_{\cdot i} C_{i \cdot} / C_{ii}

with `C` the covariance. A beam of roundings, the best known constant first, is followed to its end, and what describes
constants and residuals in the fewest nats comes first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedform.symbolic._simple_numbers import SimpleNumber, short_numbers
from closedform.symbolic.metrics import free_constant_length

FloatArray = NDArray[np.float64]

_MOST_CONSTANTS = 8
_BEAM, _PROPOSED = 24, 6
# Standard errors that a number may lie away from a constant, given those that are rounded already.
_REACH = 2.8
# Nats for each constant that stays free: where the others are short decimals, few are not.
_FREE = 1.5
# Constants that determine one another up to this share of their errors are one constant written twice.
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Rounding:
    """Numbers for some of the constants.

    Parameters
    ----------
    numbers : dict of int to SimpleNumber
        The number of each constant that is rounded.
    length : float
        Nats of all constants, those that stay free included, and of what is lost in likelihood.
    """

    numbers: dict[int, SimpleNumber]
    length: float


@dataclass(frozen=True, eq=False)
class _Partial:
    """A rounding on the way: the best values and the covariance of what is left.

    `told` counts numbers and lost likelihood, `spent` the constants that stay free as well, roughly.
    """

    theta: FloatArray
    covariance: FloatArray
    numbers: dict[int, SimpleNumber]
    told: float
    spent: float

    def length(self) -> float:
        """Nats of all constants: those that stay free at the precision that they have once the others are told."""
        free = [index for index in range(len(self.theta)) if index not in self.numbers]
        return self.told + free_length(self.theta, self.covariance, free)


def joint_roundings(theta: FloatArray, covariance: FloatArray, plain: Sequence[bool]) -> list[Rounding]:
    """The joint roundings with the shortest descriptions, shortest first.

    Parameters
    ----------
    theta : ndarray of shape (k,)
        Best constants.
    covariance : ndarray of shape (k, k)
        Their covariance, finite.
    plain : sequence of bool
        Which of them are not looked at as one over a short number.

    Returns
    -------
    list of Rounding
        Those of two constants or more; empty where constants determine one another.
    """
    k = len(theta)
    if not 2 <= k <= _MOST_CONSTANTS or not np.isfinite(covariance).all() or not (np.diag(covariance) > 0).all():
        return []
    scale = np.sqrt(np.diag(covariance))
    if np.linalg.eigvalsh(covariance / scale / scale[:, None])[0] < _SAME:
        return []
    beam = [_Partial(theta, covariance, {}, 0.0, 0.0)]
    for index in _best_known_first(theta, covariance):
        grown = [further for one in beam for further in _rounded(one, index, not plain[index])]
        beam = sorted(grown, key=lambda one: one.spent)[:_BEAM]
    ends = [Rounding(one.numbers, one.length()) for one in beam if len(one.numbers) > 1]
    return sorted(ends, key=lambda end: end.length)[:_PROPOSED]


def free_length(theta: FloatArray, covariance: FloatArray, free: Sequence[int] | None = None) -> float:
    """Nats of fitted constants, each at the precision that it has once the better known ones are told."""
    left, total = covariance, 0.0
    if not np.isfinite(covariance).all():
        every = range(len(theta)) if free is None else free
        return sum(_FREE + free_constant_length(theta[index], math.sqrt(covariance[index, index])) for index in every)
    for index in _best_known_first(theta, covariance, free):
        total += _FREE + free_constant_length(theta[index], math.sqrt(max(left[index, index], 0.0)))
        left = _without(left, index)
    return total


def _best_known_first(theta: FloatArray, covariance: FloatArray, among: Sequence[int] | None = None) -> Iterator[int]:
    """Constants, each time the one of the smallest relative error given those before."""
    left = list(range(len(theta))) if among is None else list(among)
    sizes = np.maximum(np.abs(theta), 1e-300)
    while left:
        with np.errstate(over="ignore"):  # of a constant next to nothing
            relative: FloatArray = np.sqrt(np.maximum(np.diag(covariance), 0.0)) / sizes
        index = left[int(np.argmin(relative[left]))]
        left.remove(index)
        yield index
        covariance = _without(covariance, index)


def _without(covariance: FloatArray, index: int) -> FloatArray:
    """The covariance once one constant is known."""
    variance = covariance[index, index]
    if not variance > 0.0:
        return covariance
    # Constants of any size, whose squares may leave float64.
    column = covariance[:, index] / math.sqrt(variance)
    known: FloatArray = covariance - np.outer(column, column)
    return known


def _rounded(one: _Partial, index: int, reciprocals: bool) -> Iterator[_Partial]:
    """The constant left free, and each number that it may be."""
    variance = one.covariance[index, index]
    value, error = float(one.theta[index]), math.sqrt(max(variance, 0.0))
    free = one.spent + _FREE + free_constant_length(value, error)
    yield _Partial(one.theta, one.covariance, one.numbers, one.told, free)
    if not variance > 0.0:
        return
    known = _without(one.covariance, index)
    for number in short_numbers(value, _REACH * error, reciprocals):
        away = number.value - value
        moved = one.theta + one.covariance[:, index] * (away / variance)
        cost = number.length + 0.5 * (away / error) ** 2
        yield _Partial(moved, known, {**one.numbers, index: number}, one.told + cost, one.spent + cost)
