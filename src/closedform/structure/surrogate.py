"""A smooth stand-in for the unknown law: a polynomial that is solved, not trained, and judged on rows it has not seen.

Chebyshev polynomials of bounded total degree over columns brought to [-1, 1]. A restriction ("no term has both x1 and
x2") is a subset of the terms, so that each question costs one small linear solve; derivatives come in closed form.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from closedform.library.polynomial import largest_degree

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MOST_TERMS = 260
_ROWS_PER_TERM = 6
_LARGEST_DEGREE = 36
# Degrees that are tried, as shares of the largest: high ones swing where rows are few or noisy.
_DEGREES = (1.0, 0.7, 0.5, 0.3)
# Relative to the largest diagonal element: keeps directions that hardly occur from blowing up.
_RIDGE = 1e-14
# The largest errors are left out of an average: near a pole, a few rows would say everything.
_TRIM = 0.98


@dataclass(frozen=True, eq=False)
class Basis:
    """Products of Chebyshev polynomials up to a total degree.

    Parameters
    ----------
    exponents : ndarray of shape (n_terms, n_columns)
        Degree of each term in each column; the first term is the constant.
    centre, half : ndarray of shape (n_columns,)
        Middle and half length of the range of each column.
    """

    exponents: NDArray[np.intp]
    centre: FloatArray
    half: FloatArray

    @classmethod
    def of(cls, X: FloatArray, n_terms: int, degree: int = _LARGEST_DEGREE) -> Basis:
        """The largest basis with at most this many terms."""
        d = X.shape[1]
        total = largest_degree(d, n_terms, degree)
        vectors = [
            tuple(chosen.count(j) for j in range(d))
            for size in range(total + 1)
            for chosen in itertools.combinations_with_replacement(range(d), size)
        ]
        low, high = X.min(axis=0), X.max(axis=0)
        half = np.where(high > low, (high - low) / 2, 1.0)
        return cls(np.array(vectors, dtype=np.intp).reshape(len(vectors), d), (low + high) / 2, half)

    def columns(self, X: FloatArray, *differentiated: int) -> FloatArray:
        """Values of the terms, shape (n_rows, n_terms), differentiated once in each of the columns named."""
        result = np.ones((len(X), len(self.exponents)))
        scaled = np.clip((X - self.centre) / self.half, -1.0, 1.0)
        for j in range(X.shape[1]):
            values, slopes = _chebyshev(scaled[:, j], int(self.exponents[:, j].max(initial=0)))
            table = slopes / self.half[j] if j in differentiated else values
            result *= table[:, self.exponents[:, j]]
        return result

    def uses(self, j: int) -> Mask:
        """The terms that contain a column."""
        return np.asarray(self.exponents[:, j] > 0)

    def mixes(self, first: list[int], second: list[int]) -> Mask:
        """The terms that contain columns of both sets."""
        return np.asarray((self.exponents[:, first] > 0).any(axis=1) & (self.exponents[:, second] > 0).any(axis=1))


def _chebyshev(x: FloatArray, degree: int) -> tuple[FloatArray, FloatArray]:
    """Chebyshev polynomials of degree 0 to ``degree`` and their derivatives, one column each."""
    values, slopes = np.ones((len(x), degree + 1)), np.zeros((len(x), degree + 1))
    if degree:
        values[:, 1], slopes[:, 1] = x, 1.0
    for k in range(2, degree + 1):
        values[:, k] = 2 * x * values[:, k - 1] - values[:, k - 2]
        slopes[:, k] = 2 * values[:, k - 1] + 2 * x * slopes[:, k - 1] - slopes[:, k - 2]
    return values, slopes


@dataclass(frozen=True, eq=False)
class Surrogate:
    """Least squares of a target on the terms of a basis, with errors on unseen rows.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Columns.
    target : ndarray of shape (n_rows,)
        What is modelled.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    basis : Basis
        Terms.
    """

    X: FloatArray
    target: FloatArray
    weight: FloatArray
    basis: Basis

    @classmethod
    def fit(cls, X: FloatArray, target: FloatArray, weight: FloatArray | None = None) -> Surrogate:
        """The surrogate of the degree that predicts unseen rows best, with no more terms than the rows allow."""
        n_terms = min(_MOST_TERMS, len(X) // _ROWS_PER_TERM)
        mass = np.ones(len(X)) if weight is None else weight / weight.mean()
        largest = cls(X, target, mass, Basis.of(X, n_terms))
        degrees = sorted({max(1, round(share * largest.degree)) for share in _DEGREES}, reverse=True)
        totals = largest.basis.exponents.sum(axis=1)
        best = min(degrees, key=lambda degree: largest.error(totals <= degree))
        return largest if best == largest.degree else largest.of_degree(best)

    def of_degree(self, degree: int) -> Surrogate:
        """The same with the terms up to a lower total degree."""
        kept = self.basis.exponents.sum(axis=1) <= degree
        basis = Basis(self.basis.exponents[kept], self.basis.centre, self.basis.half)
        made = Surrogate(self.X, self.target, self.weight, basis)
        # What is known already need not be computed again.
        folds = [(rows, gram[np.ix_(kept, kept)], moment[kept]) for rows, gram, moment in self._folds]
        made.__dict__.update(_columns=self._columns[:, kept], _folds=tuple(folds))
        return made

    @property
    def degree(self) -> int:
        """Total degree of the polynomial."""
        return int(self.basis.exponents.sum(axis=1).max(initial=0))

    @cached_property
    def variance(self) -> float:
        """Weighted variance of the target."""
        mean = np.average(self.target, weights=self.weight)
        return max(float(np.average((self.target - mean) ** 2, weights=self.weight)), 1e-300)

    @cached_property
    def _columns(self) -> FloatArray:
        return self.basis.columns(self.X)

    @cached_property
    def _folds(self) -> tuple[tuple[slice, FloatArray, FloatArray], ...]:
        """Two halves of the rows (interleaved), each with its normal equations."""
        folds = []
        for rows in (slice(0, None, 2), slice(1, None, 2)):
            weighted = self._columns[rows] * self.weight[rows, None]
            folds.append((rows, weighted.T @ self._columns[rows], weighted.T @ self.target[rows]))
        return tuple(folds)

    def residuals(self, mask: Mask | None = None) -> FloatArray:
        """Errors of the restricted polynomial, on each half of the rows as fitted to the other half."""
        if mask is None:
            return self._residuals
        first, second = self._folds
        errors = np.empty_like(self.target)
        for (rows, _, _), (_, gram, moment) in ((first, second), (second, first)):
            solution = _solved(gram[np.ix_(mask, mask)], moment[mask])
            errors[rows] = self.target[rows] - self._columns[rows][:, mask] @ solution
        return errors

    @cached_property
    def _residuals(self) -> FloatArray:
        return self.residuals(np.ones(len(self.basis.exponents), dtype=np.bool_))

    def error(self, mask: Mask | None = None) -> float:
        """Mean squared error on unseen rows over the variance of the target."""
        return self.relative(self.residuals(mask))

    def relative(self, residuals: FloatArray) -> float:
        """Mean square of residuals over the variance of the target, the largest ones left out."""
        squared = self.weight * residuals**2
        kept = np.sort(squared)[: max(1, int(_TRIM * len(squared)))]
        return float(kept.mean()) / self.variance

    def coefficients(self, mask: Mask | None = None) -> FloatArray:
        """Coefficients of all terms, from all rows; zero where the mask says so."""
        (_, gram, moment), (_, other_gram, other_moment) = self._folds
        gram, moment = gram + other_gram, moment + other_moment
        if mask is None:
            return _solved(gram, moment)
        result = np.zeros(len(moment))
        result[mask] = _solved(gram[np.ix_(mask, mask)], moment[mask])
        return result

    def values(self, coefficients: FloatArray, X: FloatArray | None = None, *differentiated: int) -> FloatArray:
        """The polynomial or a derivative of it, on other rows than its own if they are given."""
        if X is None and not differentiated:
            return np.asarray(self._columns @ coefficients)
        return np.asarray(self.basis.columns(self.X if X is None else X, *differentiated) @ coefficients)


def _solved(gram: FloatArray, moment: FloatArray) -> FloatArray:
    ridge = _RIDGE * float(np.diag(gram).max(initial=0.0))
    try:
        return np.asarray(cho_solve(cho_factor(gram + ridge * np.eye(len(gram))), moment))
    except LinAlgError:
        return np.asarray(np.linalg.lstsq(gram, moment, rcond=None)[0])


def least_squares(columns: FloatArray, target: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Errors on unseen rows (two interleaved halves), and the coefficients from all rows."""
    root = np.sqrt(weight / weight.mean())
    errors = np.empty_like(target)
    even, odd = slice(0, None, 2), slice(1, None, 2)
    for fit, judge in ((even, odd), (odd, even)):
        solution = np.linalg.lstsq(columns[fit] * root[fit, None], target[fit] * root[fit], rcond=None)[0]
        errors[judge] = target[judge] - columns[judge] @ solution
    return errors, np.linalg.lstsq(columns * root[:, None], target * root, rcond=None)[0]
