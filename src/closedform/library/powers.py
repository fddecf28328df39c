"""Which variables enter only as a power factor: y = x_j^a * h(the others).

A surrogate of log|y|, polynomial in the (logarithms of the) variables, is fitted twice: with everything, and with x_j
allowed only as a linear term in log x_j. If the second explains as much as the first, x_j is a pure power and can be
divided out, which leaves a smaller problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from closedform.library.polynomial import largest_degree, monomial_basis

FloatArray = NDArray[np.float64]

# Terms of the surrogate: with more, a fit on 2,000 rows takes longer than what it saves.
_MOST_TERMS = 250
# A restriction is accepted if the error on unseen rows does not rise above this multiple.
_LARGEST_RISE = 1.03
# Errors of this relative size are the surrogate's own.
_SURROGATE_ERROR = 1e-8
# Quantile of the squared errors up to which they are averaged: log|y| has poles where y changes sign.
_TRIM = 0.9


@dataclass(frozen=True)
class PowerFactors:
    """Columns that are pure powers, and their exponents.

    Parameters
    ----------
    columns : tuple of int
        Indices of the columns that enter as a power factor only.
    exponents : tuple of Fraction or float
        Their exponents; halves and thirds where the estimate allows.
    """

    columns: tuple[int, ...]
    exponents: tuple[Fraction | float, ...]

    def values(self, X: FloatArray) -> FloatArray:
        """The product of the powers on the rows of ``X``."""
        product = np.ones(len(X))
        for j, exponent in zip(self.columns, self.exponents, strict=True):
            product = product * np.abs(X[:, j]) ** float(exponent)
        return product


def power_factors(X: FloatArray, y: FloatArray) -> PowerFactors:
    """Find the pure power factors of ``y`` among the columns of ``X`` that keep one sign.

    Rows where y is zero are left out. Nothing is found where fewer than eight rows per surrogate term remain.
    """
    magnitude = np.abs(y)
    keep = magnitude > 1e-12 * magnitude.max()
    candidates = [j for j in range(X.shape[1]) if one_sign(X[:, j]) and _varies(X[:, j])]
    X, magnitude = X[keep], magnitude[keep]
    degree = largest_degree(X.shape[1], min(_MOST_TERMS, len(X) // 8), 4)
    if degree < 2 or not candidates:
        return PowerFactors((), ())
    surrogate = _Surrogate(X, magnitude, candidates, degree)
    pure = [j for j in sorted(candidates, key=surrogate.rise) if surrogate.restrict(j)]
    return PowerFactors(tuple(pure), tuple(rounded_exponent(surrogate.slope(j)) for j in pure))


class _Surrogate:
    """A polynomial for log|y|, weighted down where y is near zero; fitted on half of the rows, judged on the rest."""

    def __init__(self, X: FloatArray, magnitude: FloatArray, one_sign: list[int], degree: int) -> None:
        U = np.array(X, dtype=float)
        U[:, one_sign] = np.log(np.abs(U[:, one_sign]))
        self._spread = np.where(U.std(axis=0) > 0, U.std(axis=0), 1.0)
        basis = monomial_basis((U - U.mean(axis=0)) / self._spread, [str(j) for j in range(U.shape[1])], degree)
        root = magnitude / (magnitude + np.median(magnitude))
        self._scales = basis.scales
        self._exponents = np.asarray(basis.exponents)
        self._columns = basis.values((U - U.mean(axis=0)) / self._spread) * root[:, None]
        self._target = np.log(magnitude) * root
        self._active = np.ones(len(self._exponents), dtype=bool)
        self._error = self._unseen_error(self._active)

    def rise(self, j: int) -> float:
        """By which multiple the unseen error rises if column j may only enter linearly."""
        return self._unseen_error(self._active & ~self._beyond_linear(j)) / self._error

    def restrict(self, j: int) -> bool:
        """Let column j enter only linearly from now on, if that costs nothing."""
        trial = self._active & ~self._beyond_linear(j)
        error = self._unseen_error(trial)
        if error > _LARGEST_RISE * self._error + _SURROGATE_ERROR * float(np.mean(self._target**2)):
            return False
        self._active, self._error = trial, min(error, self._error)
        return True

    def slope(self, j: int) -> float:
        """The coefficient of log|x_j|."""
        solution = np.linalg.lstsq(self._columns[:, self._active], self._target, rcond=None)[0]
        alone = np.flatnonzero((self._exponents[:, j] == 1) & (self._exponents.sum(axis=1) == 1))[0]
        position = int(self._active[:alone].sum())
        return float(solution[position] / (self._scales[j] * self._spread[j]))

    def _beyond_linear(self, j: int) -> NDArray[np.bool_]:
        """Terms that contain column j other than linearly and alone."""
        result: NDArray[np.bool_] = (self._exponents[:, j] > 0) & (self._exponents.sum(axis=1) > 1)
        return result

    def _unseen_error(self, active: NDArray[np.bool_]) -> float:
        columns, total = self._columns[:, active], 1e-28 * float(np.mean(self._target**2)) + 1e-300
        for fit, judge in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
            solution = np.linalg.lstsq(columns[fit], self._target[fit], rcond=None)[0]
            squared = np.sort((self._target[judge] - columns[judge] @ solution) ** 2)
            total += float(np.mean(squared[: max(1, int(_TRIM * len(squared)))]))
        return total


def one_sign(column: FloatArray) -> bool:
    """Whether logarithms of the magnitude exist everywhere and lose nothing."""
    return bool((column > 0).all() or (column < 0).all())


def _varies(column: FloatArray) -> bool:
    return bool(np.ptp(column) > 1e-9 * np.abs(column).max())


def rounded_exponent(exponent: float) -> Fraction | float:
    """The nearest whole, half or third number where the estimate is near one, else the estimate."""
    for denominator, tolerance in ((1, 0.1), (2, 0.1), (3, 0.02)):
        nearest = Fraction(round(exponent * denominator), denominator)
        if abs(float(nearest) - exponent) < tolerance:
            return nearest
    return exponent
