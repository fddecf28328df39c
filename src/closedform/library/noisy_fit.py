"""Smooth models of a target with noise, and whether a simpler one is as good.

The target is modelled as a polynomial, or as the exponential of one: most laws are products in the main, and so are
their targets in the logarithm. The exponential is fitted to the target itself (Gauss-Newton), because noise that is the
same everywhere is not the same in the logarithm, and has no mean there.

At the solution the problem is linear, with the logarithm of the target replaced by its first-order value and a weight
for each row. Whether a simpler model is as good is then a question of one small linear solve and an F test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from closedform.library.polynomial import MonomialBasis, largest_degree, monomial_basis, n_monomials

FloatArray = NDArray[np.float64]

_MOST_TERMS = 130
_ROWS_PER_TERM = 8
# Below the second degree nothing is seen of what matters together.
_DEGREES_MORE = 2
_LEAST_DEGREE, LARGEST_DEGREE = 2, 8
# Share of the sum of squares that rows of the other sign may have where the target is an exponential.
_OTHER_SIGN = 0.01
_STEPS = 12
_HALVINGS = (1.0, 0.5, 0.2, 0.05)
_LEAST_GAIN = 1e-4
# Where logarithms start: smaller targets are taken for this share of the median.
_SMALLEST = 0.02
_LARGEST_EXPONENT = 40.0
# Relative to the diagonal of normal equations.
_RIDGE = 1e-12
# A higher degree has to lower the error on unseen rows to this share.
_BETTER = 0.995


@dataclass(frozen=True, eq=False)
class NoisyFit:
    """A smooth model of a target, made linear where it ended.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
        What the polynomial is of.
    degree : int
        Its total degree.
    in_logs : bool
        Whether it is the logarithm of the target that it models.
    values : ndarray of shape (n_rows,)
        The target, or the first-order value of its logarithm.
    root : ndarray of shape (n_rows,)
        One over the standard deviation of each value, up to a factor.
    unseen : float
        Mean square of the error of the target on rows left out.
    """

    features: FloatArray
    degree: int
    in_logs: bool
    values: FloatArray
    root: FloatArray
    unseen: float

    @property
    def n_terms(self) -> int:
        """Terms of the polynomial."""
        return n_monomials(self.features.shape[1], self.degree)

    @cached_property
    def basis(self) -> MonomialBasis:
        """The terms."""
        return _basis(self.features, self.degree)

    @cached_property
    def columns(self) -> FloatArray:
        """Values of the terms."""
        return self.basis.values(self.features)

    @cached_property
    def squares(self) -> float:
        """Sum of squares that the model leaves."""
        return self.left(self.columns)

    @cached_property
    def exponents(self) -> NDArray[np.intp]:
        """Degree of each term in each feature."""
        return np.asarray(self.basis.exponents)

    @cached_property
    def total(self) -> float:
        """Sum of squares that a constant leaves."""
        return self.left(np.ones((len(self.values), 1)))

    def of_degree(self, degree: int) -> NoisyFit:
        """A model of a lower degree for the same first-order values."""
        return self if degree >= self.degree else replace(self, degree=degree)

    def rise(self, columns: FloatArray) -> float:
        """What a linear model of other columns leaves, for each degree of freedom, relative to what this one does."""
        n = len(self.values)
        mean = self.left(columns) / max(n - columns.shape[1], 1)
        return mean / max(self.squares / max(n - self.n_terms, 1), 1e-300)

    def left(self, columns: FloatArray) -> float:
        """Sum of squares that a linear model of other columns leaves."""
        return float(np.sum(self.residual(columns) ** 2))

    def residual(self, columns: FloatArray) -> FloatArray:
        """Weighted residual of a linear model of other columns."""
        weighted, target = columns * self.root[:, None], self.values * self.root
        return np.asarray(target - weighted @ solved(weighted, target))

    def terms(self, features: FloatArray) -> FloatArray:
        """Terms in other, fewer features: no more than there are here, and of a degree little higher."""
        degree = largest_degree(features.shape[1], self.n_terms, self.degree + _DEGREES_MORE)
        return _basis(features, degree).values(features)

    def chance(self, columns: FloatArray, more: FloatArray) -> float:
        """The probability that what a linear model of these columns leaves looks by chance as if more were needed.

        A score test with the variance of each row taken from its own residual: where the model is not flexible enough,
        what it leaves is larger in some places than in others, and an F test would see patterns everywhere.

        Parameters
        ----------
        columns : ndarray of shape (n_rows, k)
            The smaller model.
        more : ndarray of shape (n_rows, m)
            What the larger one has besides.
        """
        from scipy.special import fdtrc

        weighted = columns * self.root[:, None]
        rest = self.residual(columns)
        free = more * self.root[:, None]
        free = free - weighted @ solved(weighted, free)
        free = free / np.maximum(np.linalg.norm(free, axis=0), 1e-300)
        squares = float(rest @ rest)
        if squares <= 0.0:
            return 1.0
        # As many rows as count: a few large errors are all that a sum of squares sees.
        count = min(len(rest), 3.0 * squares**2 / float(np.sum(rest**4)))
        scores = free * rest[:, None]
        total = scores.sum(axis=0)
        spread = scores.T @ scores
        statistic = float(total @ np.linalg.lstsq(spread, total, rcond=1e-10)[0])
        degrees = min(len(rest) - columns.shape[1], count) - free.shape[1]
        if degrees < free.shape[1]:
            return 1.0
        return float(fdtrc(free.shape[1], degrees, statistic / free.shape[1] * (1 - columns.shape[1] / len(rest))))

    def slopes(self, columns: FloatArray, positions: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """Coefficients of some of the columns of a linear model, and their standard errors."""
        weighted, target = columns * self.root[:, None], self.values * self.root
        basis, triangle = np.linalg.qr(weighted)
        coefficients = np.linalg.lstsq(triangle, basis.T @ target, rcond=None)[0]
        rest = target - weighted @ coefficients
        inverse = np.linalg.pinv(triangle)
        free = len(rest) / max(len(rest) - columns.shape[1], 1)
        errors = np.sqrt(np.sum(((basis @ inverse.T) * rest[:, None]) ** 2, axis=0) * free)
        return coefficients[list(positions)], errors[list(positions)]


def noisy_fit(
    features: FloatArray, y: FloatArray, root: FloatArray, *, in_logs: bool, largest: int = LARGEST_DEGREE
) -> NoisyFit | None:
    """The smooth model that predicts unseen rows best.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
        Columns or their logarithms, of spread 1.
    y : ndarray of shape (n_rows,)
        Target.
    root : ndarray of shape (n_rows,)
        One over the standard deviation of the noise of each row, up to a factor.
    in_logs : bool
        Whether the target is the exponential of a polynomial, or a polynomial itself.
    largest : int, default=8
        Largest degree that is tried.

    Returns
    -------
    NoisyFit or None
        None where there are too few rows, or a target of both signs has no logarithm.
    """
    n_terms = min(_MOST_TERMS, len(y) // _ROWS_PER_TERM)
    largest = largest_degree(features.shape[1], n_terms, largest)
    if largest < _LEAST_DEGREE or not np.any(y):
        return None
    if not in_logs:
        return _polynomial(features, y, root, largest)
    # Rows whose noise reaches zero may be on its other side; they are small.
    sizes = (y / np.abs(y).max() * root) ** 2
    sign = 1.0 if np.sum(sizes * np.sign(y)) > 0 else -1.0
    wrong = float(np.sum(sizes[sign * y < 0])) / float(np.sum(sizes))
    return _exponential(features, sign * y, root, largest) if wrong <= _OTHER_SIGN else None


def _polynomial(features: FloatArray, y: FloatArray, root: FloatArray, largest: int) -> NoisyFit:
    best: NoisyFit | None = None
    columns = _basis(features, largest).values(features)
    for degree in range(_LEAST_DEGREE, largest + 1):
        part = columns[:, : n_monomials(features.shape[1], degree)]
        unseen = _unseen(part * root[:, None], y * root)
        if best is None or unseen < _BETTER * best.unseen:
            best = NoisyFit(features, degree, False, y, root, unseen)
    assert best is not None
    return best


def _exponential(features: FloatArray, y: FloatArray, root: FloatArray, largest: int) -> NoisyFit:
    """The exponential of a polynomial, degree by degree: each starts where the last one ended."""
    size = float(np.sqrt(np.mean(y**2)))
    scaled, root_scaled = y / size, root * size
    positive = scaled[scaled > 0]
    start = np.log(np.maximum(scaled, _SMALLEST * float(np.median(positive))))
    columns = _basis(features, largest).values(features)
    best: NoisyFit | None = None
    exponent = np.full(len(y), float(np.log(max(np.average(scaled, weights=root**2), 1e-3))))
    for degree in range(1, largest + 1):
        part = columns[:, : n_monomials(features.shape[1], degree)]
        mass = np.exp(np.minimum(start, _LARGEST_EXPONENT)) * root_scaled
        direct = part @ solved(part * mass[:, None], start * mass)
        ends = [
            _gauss_newton(part, scaled, root_scaled, one) for one in ((exponent, direct) if degree < 3 else (exponent,))
        ]
        exponent = min(ends, key=lambda end: _squares(end, scaled, root_scaled))
        value = np.exp(exponent)
        weight = value * root_scaled
        values = exponent + (scaled - value) / value
        unseen = _unseen(part * weight[:, None], values * weight)
        if degree < _LEAST_DEGREE:
            continue
        if best is None or unseen < _BETTER * best.unseen:
            best = NoisyFit(features, degree, True, values, weight, unseen)
        elif degree > best.degree + 1:
            break
    assert best is not None
    return best


def _gauss_newton(columns: FloatArray, y: FloatArray, root: FloatArray, exponent: FloatArray) -> FloatArray:
    least = _squares(exponent, y, root)
    for _ in range(_STEPS):
        value = np.exp(np.clip(exponent, -_LARGEST_EXPONENT, _LARGEST_EXPONENT))
        weighted = columns * (value * root)[:, None]
        step = columns @ solved(weighted, (y - value) * root)
        for share in _HALVINGS:
            trial = exponent + share * np.clip(step, -4.0, 4.0) if share < 1 else exponent + step
            squares = _squares(trial, y, root)
            if squares < least:
                break
        else:
            break
        gain, exponent, least = 1.0 - squares / least, trial, squares
        if gain < _LEAST_GAIN:
            break
    return np.asarray(np.clip(exponent, -_LARGEST_EXPONENT, _LARGEST_EXPONENT))


def _squares(exponent: FloatArray, y: FloatArray, root: FloatArray) -> float:
    value = np.exp(np.clip(exponent, -_LARGEST_EXPONENT, _LARGEST_EXPONENT))
    return float(np.sum(((y - value) * root) ** 2))


def _unseen(weighted: FloatArray, target: FloatArray) -> float:
    """Mean squared leave-one-out error of a linear model."""
    basis, _ = np.linalg.qr(weighted)
    rest = target - basis @ (basis.T @ target)
    leverage = np.minimum(np.sum(basis**2, axis=1), 1 - 1e-6)
    return float(np.mean((rest / (1 - leverage)) ** 2))


def solved(weighted: FloatArray, target: FloatArray) -> FloatArray:
    """Least squares by normal equations, with directions that hardly occur kept small."""
    gram, moment = weighted.T @ weighted, weighted.T @ target
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    factor = gram / np.outer(scale, scale) + _RIDGE * np.eye(len(gram))
    try:
        return np.asarray((cho_solve(cho_factor(factor), (moment.T / scale).T).T / scale).T)
    except LinAlgError:
        return np.asarray(np.linalg.lstsq(weighted, target, rcond=None)[0])


def _basis(features: FloatArray, degree: int) -> MonomialBasis:
    return monomial_basis(features, [str(j) for j in range(features.shape[1])], degree)
