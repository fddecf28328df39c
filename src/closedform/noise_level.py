r"""How much of a target is noise, and whether a residual is nothing but noise.

Three estimates of the standard deviation of the noise, the first that applies:

- *replicates*: rows with the same inputs differ by noise alone;
- *differences* (one column): each value against the line through its two neighbours (Gasser, Sroka and Jennen-Steinmetz
  1986, "Residual variance and residual pattern in nonlinear regression", doi:10.1093/biomet/73.3.625);
- *smooth*: the residual of the polynomial, or exponential of a polynomial, with the least leave-one-out error (PRESS,
  Allen 1974, doi:10.1080/00401706.1974.10489157), in the columns or in their logarithms.

The last two take what they cannot follow for noise, so that they are upper estimates for rough functions. A formula in
hand says more: :func:`pattern_left` asks whether what it leaves still depends on the columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closedform.library.polynomial import largest_degree, monomial_basis, n_monomials
from closedform.library.powers import one_sign
from closedform.library.relevance import most_relevant

FloatArray = NDArray[np.float64]

_MOST_ROWS = 2000
_MOST_COLUMNS = 12
_MOST_TERMS = 220
# Terms of the polynomial that a residual is tested with: with more, a weak pattern drowns in their degrees of freedom.
_MOST_TERMS_OF_A_PATTERN = 60
_LARGEST_DEGREE = 10
_CLASSES = 6
_FEWEST_REPLICATES = 10
_FEWEST_ROWS = 6
# Residuals this many robust standard deviations out are held back where outliers are expected.
_FAR_OUT = 4.0
_PULLS = 5
# What counts as an outlier, and the distance from the median, in median distances, at which values end before the test.
_CLEARLY_OUT, _WILD = 6.0, 30.0
# Of exponentials: the share of targets of one sign, the smallest of them relative to the median, the largest degree,
# steps, and where an exponent ends (targets are 1 at most).
_SAME_SIGN, _SMALLEST_IN_LOGARITHM = 0.9, 0.02
_LARGEST_OF_EXPONENTIALS, _GAUSS_NEWTON, _LARGEST_EXPONENT = 3, 3, 3.0
# Estimates whose ratio is above this are the same.
_AGREES = 0.9
# Standard deviations by which a true formula's mean square hardly ever exceeds an estimate.
_BY_CHANCE = 3.5
_MEDIAN_TO_DEVIATION = 1.4826


@dataclass(frozen=True)
class NoiseLevel:
    """An estimate of the noise in a target.

    Parameters
    ----------
    sigma : float
        Standard deviation, in the units of the target; infinite where there are too few rows to say.
    degrees : float
        Degrees of freedom of the estimate.
    source : {"given", "replicates", "differences", "smooth", "none"}
        What it comes from; ``"given"`` is no estimate.
    settled : bool
        Whether it is noise for all that can be seen. False where a more flexible model may still find it smaller.
    """

    sigma: float
    degrees: float
    source: Literal["given", "replicates", "differences", "smooth", "none"]
    settled: bool

    def explains(self, mean_square: float, n_rows: int) -> bool:
        """Say whether a residual of this mean square on the same rows may well be noise alone.

        A smooth model and a true formula see the same noise; they differ by what the terms of the one follow of it.

        Parameters
        ----------
        mean_square : float
            Mean square of the residual.
        n_rows : int
            Rows that both come from.
        """
        if not self.degrees > 0 or not n_rows > 0:
            return False
        if self.source == "smooth":
            chance = np.sqrt(2.0 * max(n_rows - self.degrees, 1.0)) / n_rows
        else:
            chance = np.sqrt(2.0 / min(self.degrees, n_rows))
        return bool(np.sqrt(mean_square) <= self.sigma * np.sqrt(1.0 + _BY_CHANCE * chance))


def noise_level(X: FloatArray, y: FloatArray, weight: FloatArray | None = None, *, robust: bool = False) -> NoiseLevel:
    """Estimate the noise in a target.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Columns, finite.
    y : ndarray of shape (n_rows,)
        Target, finite.
    weight : ndarray of shape (n_rows,), optional
        Positive weights; the noise is that of a row of average weight.
    robust : bool, default=False
        Whether outliers are to be expected: they are held back, and count as noise of the usual size.

    Returns
    -------
    NoiseLevel
    """
    if len(y) > _MOST_ROWS:
        index = np.linspace(0, len(y) - 1, _MOST_ROWS).astype(np.intp)
        X, y, weight = X[index], y[index], None if weight is None else weight[index]
    # Squares of very large and very small numbers are out of range.
    largest = float(np.abs(y).max(initial=0.0))
    if len(y) < _FEWEST_ROWS or largest == 0.0:
        return NoiseLevel(float("inf") if largest else 0.0, 0.0, "none", False)
    root = np.ones(len(y)) if weight is None else np.sqrt(weight / weight.mean())
    y = y / largest
    best = _replicates(X, y, root)
    if best is None:
        best, other = _smooth(X, y, root, robust)[0], _differences(X, y, root, robust)
        if other is not None and other.sigma < best.sigma:
            best = other
    return replace(best, sigma=largest * best.sigma)


def outliers(X: FloatArray, y: FloatArray, weight: FloatArray | None = None) -> NDArray[np.bool_]:
    """Which rows lie far from what the others say, as far as a smooth function can tell.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Columns, finite.
    y : ndarray of shape (n_rows,)
        Target, finite.
    weight : ndarray of shape (n_rows,), optional
        Positive weights of the rows.

    Returns
    -------
    ndarray of bool
        No row where there are too few, and never more than a quarter of them: then it is the function that is rough.
    """
    none = np.zeros(len(y), dtype=np.bool_)
    largest = float(np.abs(y).max(initial=0.0))
    if len(y) < 4 * _FEWEST_ROWS or largest == 0.0:
        return none
    root = np.ones(len(y)) if weight is None else np.sqrt(weight / weight.mean())
    # Outliers may be so large that all others would be rounded away beside them.
    centre = float(np.median(y))
    spread = float(np.median(np.abs(y - centre))) or largest
    tame = np.clip(y, centre - _WILD * spread, centre + _WILD * spread)
    left = np.abs(_smooth(X, tame / np.abs(tame).max(), root, True)[1])
    far = left > _CLEARLY_OUT * _MEDIAN_TO_DEVIATION * float(np.median(left))
    return far if far.mean() <= 0.25 else none


def pattern_left(X: FloatArray, residual: FloatArray, weight: FloatArray | None = None, *, n_fitted: int = 0) -> float:
    """The probability that a residual which is pure noise looks at least as dependent on the columns as this one.

    An F test of a polynomial of the columns and of steps along each of them. Small values say that a formula has left
    something to be explained; noise alone gives any value from 0 to 1 equally often, or larger ones where constants
    were fitted.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Columns, finite.
    residual : ndarray of shape (n_rows,)
        What a formula leaves.
    weight : ndarray of shape (n_rows,), optional
        Positive weights of the rows.
    n_fitted : int, default=0
        Constants that were fitted to the rows.

    Returns
    -------
    float
        1 where there are too few rows to say anything.
    """
    from scipy.special import fdtrc

    if len(residual) > _MOST_ROWS:
        index = np.linspace(0, len(residual) - 1, _MOST_ROWS).astype(np.intp)
        X, residual, weight = X[index], residual[index], None if weight is None else weight[index]
    largest = float(np.abs(residual).max(initial=0.0))
    n = len(residual)
    if largest == 0.0 or n < 4 * _FEWEST_ROWS:
        return 1.0
    root = np.ones(n) if weight is None else np.sqrt(weight / weight.mean())
    X = X[:, most_relevant(X, residual, _MOST_COLUMNS)]
    degree = largest_degree(X.shape[1], min(_MOST_TERMS_OF_A_PATTERN, n // 8), _LARGEST_DEGREE)
    columns = _polynomial(_standard(X), max(degree, 1))
    if n >= 8 * (columns.shape[1] + (_CLASSES - 1) * X.shape[1]):
        columns = np.hstack([columns, _steps(X)])
    basis, _ = _range(columns * root[:, None])
    target = residual / largest * root
    explained, left = basis.shape[1] - 1, n - basis.shape[1] - n_fitted
    # The mean is not a pattern: every formula with a constant removes it.
    inside = float(np.sum((basis.T @ target) ** 2)) - float((root @ target) ** 2 / (root @ root))
    outside = float(target @ target) - float(np.sum((basis.T @ target) ** 2))
    if explained < 1 or left < 1:
        return 1.0
    if outside <= 0.0:
        return 0.0
    return float(fdtrc(explained, left, max(inside, 0.0) / explained / (outside / left)))


# --- the three estimates ----------------------------------------------------------------------------------------------


def _replicates(X: FloatArray, y: FloatArray, root: FloatArray) -> NoiseLevel | None:
    _, group, count = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    degrees = int(np.sum(count - 1))
    if degrees < _FEWEST_REPLICATES:
        return None
    mass = np.bincount(group, root * root)
    mean = np.bincount(group, root * root * y) / np.where(mass > 0, mass, 1.0)
    squares = float(np.sum((root * (y - mean[group])) ** 2))
    return NoiseLevel(float(np.sqrt(squares / degrees)), float(degrees), "replicates", True)


def _differences(X: FloatArray, y: FloatArray, root: FloatArray, robust: bool) -> NoiseLevel | None:
    """One column alone: neighbours are near each other there, and hardly ever elsewhere."""
    varying = np.flatnonzero(np.ptp(X, axis=0) > 0)
    if len(varying) != 1:
        return None
    order = np.argsort(X[:, varying[0]], kind="stable")
    x, y, root = X[order, varying[0]], y[order], root[order]
    near = _deviation(_against_neighbours(x, y, root, 1), len(y) - 2, robust)
    # What the function bends between neighbours grows with their distance; noise does not.
    wide = _deviation(_against_neighbours(x, y, root, 2), len(y) - 4, robust)
    # Overlapping triples tell less than as many independent ones would.
    return NoiseLevel(near, len(y) / 2, "differences", near > _AGREES * wide)


def _against_neighbours(x: FloatArray, y: FloatArray, root: FloatArray, step: int) -> FloatArray:
    """Each value against the line through the values `step` places before and after, with the variance of a value."""
    gap = x[2 * step :] - x[: -2 * step]
    share = np.where(gap > 0, (x[2 * step :] - x[step:-step]) / np.where(gap > 0, gap, 1.0), 0.5)
    variance = 1 / root[step:-step] ** 2 + share**2 / root[: -2 * step] ** 2 + (1 - share) ** 2 / root[2 * step :] ** 2
    pseudo = (share * y[: -2 * step] + (1 - share) * y[2 * step :] - y[step:-step]) / np.sqrt(variance)
    return np.asarray(pseudo, dtype=np.float64)


def _smooth(X: FloatArray, y: FloatArray, root: FloatArray, robust: bool) -> tuple[NoiseLevel, FloatArray]:
    """The estimate, and what the surrogate that it comes from leaves of each row."""
    X = X[:, most_relevant(X, y, _MOST_COLUMNS)]
    polynomials = (_of_polynomials(basis, ends, y * root, robust) for basis, ends in _surrogates(X, root))
    found: list[tuple[float, NoiseLevel, FloatArray]] = []
    for family in (*polynomials, _of_exponentials(X, y, root, robust)):
        tried = [(*_judged(basis, residual, robust), residual) for basis, residual in family]
        if tried:
            degree = min(range(len(tried)), key=lambda k: tried[k][0])
            unseen, level, residual = tried[degree]
            # Where the next degree brings nothing, or the last two brought little, there is nothing left to follow.
            settled = degree < len(tried) - 1 or (degree >= 2 and unseen > _AGREES * tried[degree - 2][0])
            found.append((unseen, replace(level, settled=settled), residual))
    least, best, left = min(found, key=lambda one: one[0])
    settled = any(level.settled and least > _AGREES * unseen for unseen, level, _ in found)
    return replace(best, settled=settled), left


def _judged(basis: FloatArray, residual: FloatArray, robust: bool) -> tuple[float, NoiseLevel]:
    """Leave-one-out error of a fit, and the noise that it leaves."""
    left = len(residual) - basis.shape[1]
    leverage = np.minimum(np.sum(basis**2, axis=1), 1 - 1e-9)
    unseen = _deviation(residual / (1 - leverage), len(residual), robust)
    return unseen, NoiseLevel(_deviation(residual, left, robust), float(left), "smooth", False)


def _of_polynomials(
    basis: FloatArray, ends: list[int], target: FloatArray, robust: bool
) -> Iterator[tuple[FloatArray, FloatArray]]:
    for end in ends:
        yield basis[:, :end], _residual(basis[:, :end], target, robust)


def _of_exponentials(
    X: FloatArray, y: FloatArray, root: FloatArray, robust: bool
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Exponentials of polynomials in the logarithms, fitted to y itself: products of powers are of degree 1."""
    sign = 1.0 if y.sum() > 0 else -1.0
    positive = sign * y > 0
    if np.mean(positive) < _SAME_SIGN:
        return
    y = sign * y
    features = _standard(_logarithms(X))
    largest = min(_LARGEST_OF_EXPONENTIALS, largest_degree(X.shape[1], min(_MOST_TERMS, len(X) // 3), _LARGEST_DEGREE))
    floor = float(np.median(y[positive])) * _SMALLEST_IN_LOGARITHM
    # An error of y is one over y in the logarithm.
    start, mass = np.log(np.maximum(y, floor)), np.maximum(y, floor) * root
    for degree in range(1, largest + 1):
        columns = _polynomial(features, degree)
        solved = np.linalg.lstsq(columns * mass[:, None], start * mass, rcond=None)[0]
        for _ in range(_GAUSS_NEWTON):
            values = np.exp(np.minimum(columns @ solved, _LARGEST_EXPONENT))
            basis, _ = _range(columns * (values * root)[:, None])
            residual = _residual(basis, (y - values) * root, robust)
            # What the basis explains of the residual is what a step would change.
            step = (y - values) * root - residual
            solved = solved + np.linalg.lstsq(columns * (values * root)[:, None], step, rcond=None)[0]
        yield basis, residual


def _residual(basis: FloatArray, target: FloatArray, robust: bool) -> FloatArray:
    """What an orthonormal basis leaves of a target; outliers are moved up to the others before they pull on it."""
    residual = target - basis @ (basis.T @ target)
    for _ in range(_PULLS if robust else 0):
        far = _FAR_OUT * _MEDIAN_TO_DEVIATION * float(np.median(np.abs(residual)))
        pulled = target - residual + np.clip(residual, -far, far)
        residual = target - basis @ (basis.T @ pulled)
    return np.asarray(residual, dtype=np.float64)


def _deviation(residual: FloatArray, degrees: int, robust: bool) -> float:
    if robust:
        return _MEDIAN_TO_DEVIATION * float(np.median(np.abs(residual))) * float(np.sqrt(len(residual) / degrees))
    return float(np.sqrt(np.sum(residual * residual) / degrees))


# --- surrogates -------------------------------------------------------------------------------------------------------


def _surrogates(X: FloatArray, root: FloatArray) -> Iterator[tuple[FloatArray, list[int]]]:
    """Polynomials in the columns, and in the logarithms of those that keep one sign.

    An orthonormal basis for each, sorted by degree, and where each degree ends.
    """
    logs = _logarithms(X)
    largest = largest_degree(X.shape[1], min(_MOST_TERMS, len(X) // 3), _LARGEST_DEGREE)
    for features in (X, logs) if logs is not X else (X,):
        basis, kept = _range(_polynomial(_standard(features), largest) * root[:, None])
        # The triangle keeps the order, so that the first columns span the lower degrees.
        yield basis, [int(kept[: n_monomials(X.shape[1], degree)].sum()) for degree in range(largest + 1)]


def _logarithms(X: FloatArray) -> FloatArray:
    """The columns with logarithms of those that keep one sign; the columns themselves where none does."""
    positive = [j for j in range(X.shape[1]) if one_sign(X[:, j])]
    if not positive:
        return X
    logs = X.copy()
    logs[:, positive] = np.log(np.abs(X[:, positive]))
    return logs


def _polynomial(features: FloatArray, degree: int) -> FloatArray:
    return monomial_basis(features, [str(j) for j in range(features.shape[1])], degree).values(features)


def _steps(X: FloatArray) -> FloatArray:
    """Which quantile class of each column a row is in."""
    inner = np.quantile(X, np.arange(1, _CLASSES) / _CLASSES, axis=0)
    classes = np.sum(X[None] > inner[:, None], axis=0)
    steps = (classes[:, :, None] == np.arange(1, _CLASSES)).astype(np.float64)
    return steps.reshape(len(X), -1)


def _standard(X: FloatArray) -> FloatArray:
    largest = np.abs(X).max(axis=0)
    scaled = X / np.where(largest > 0, largest, 1.0)
    spread = scaled.std(axis=0)
    result: FloatArray = (scaled - scaled.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return result


def _range(columns: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """An orthonormal basis of what the columns span, and which of them added to it."""
    norms = np.linalg.norm(columns, axis=0)
    vectors, triangle = np.linalg.qr(columns / np.where(norms > 0, norms, 1.0))
    kept = np.abs(np.diag(triangle)) > 1e-10
    return np.asarray(vectors[:, kept], dtype=np.float64), kept
