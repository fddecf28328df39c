"""Polynomials and ratios of polynomials by linear algebra: the closed-form start for both."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from closedform.library.grow import product_recipe
from closedform.library.pool import Recipe

FloatArray = NDArray[np.float64]

# A solution counts as exact when the relative residual is at the rounding level of an ill-conditioned solve.
EXACT = 1e-9


@dataclass(frozen=True)
class MonomialBasis:
    """All monomials up to a total degree, over columns scaled to at most 1 in magnitude.

    Parameters
    ----------
    recipes : tuple of recipe
        What the columns are.
    exponents : tuple of tuple of int
        One exponent vector per basis function; the first is the constant.
    scales : ndarray of shape (n_features,)
        Largest magnitude of each column.
    """

    recipes: tuple[Recipe, ...]
    exponents: tuple[tuple[int, ...], ...]
    scales: FloatArray

    def values(self, X: FloatArray) -> FloatArray:
        """Basis functions on the rows of ``X``, shape (n_rows, n_terms)."""
        scaled = np.ascontiguousarray((X / self.scales).T)
        columns = np.ones((len(X), len(self.exponents)), order="F")
        places: dict[tuple[int, ...], int] = {}
        for k, vector in enumerate(self.exponents):
            places[vector] = k
            if any(vector):
                # Most terms are an earlier one times one column more.
                last = max(j for j, exponent in enumerate(vector) if exponent)
                earlier = places.get((*vector[:last], vector[last] - 1, *vector[last + 1 :]))
                if earlier is None:
                    columns[:, k] = np.prod([x**e for x, e in zip(scaled, vector, strict=True)], axis=0)
                else:
                    np.multiply(columns[:, earlier], scaled[last], out=columns[:, k])
        return columns

    def recipe(self, coefficients: FloatArray) -> Recipe:
        """The polynomial with these coefficients of the scaled basis; zero coefficients are left out."""
        parts: list[Recipe] = []
        for coefficient, vector in zip(coefficients, self.exponents, strict=True):
            if coefficient == 0.0:
                continue
            plain = float(coefficient / np.prod(self.scales ** np.asarray(vector)))
            monomial = product_recipe(list(zip(self.recipes, vector, strict=True)))
            parts.append(plain if monomial == 1 else ("mul", plain, monomial))
        if not parts:
            return 0
        return parts[0] if len(parts) == 1 else ("add", *parts)


def monomial_basis(X: FloatArray, recipes: Sequence[Recipe], degree: int) -> MonomialBasis:
    """All monomials of total degree at most ``degree``."""
    d = X.shape[1]
    exponents = tuple(
        tuple(chosen.count(j) for j in range(d))
        for total in range(degree + 1)
        for chosen in itertools.combinations_with_replacement(range(d), total)
    )
    scales = np.abs(X).max(axis=0)
    return MonomialBasis(tuple(recipes), exponents, np.where(scales > 0, scales, 1.0))


def n_monomials(n_features: int, degree: int) -> int:
    """Number of monomials of total degree at most ``degree``."""
    return comb(n_features + degree, degree)


def largest_degree(n_features: int, n_terms: int, largest: int) -> int:
    """The largest total degree, at most ``largest``, with no more than ``n_terms`` monomials."""
    degree = 0
    while degree < largest and n_monomials(n_features, degree + 1) <= n_terms:
        degree += 1
    return degree


def fit_polynomial(X: FloatArray, recipes: Sequence[Recipe], z: FloatArray, *, largest: int) -> Recipe | None:
    """The polynomial that equals ``z`` exactly, or None.

    Degrees up to ``largest`` are tried as long as there are three rows per term.
    """
    scale = float(np.abs(z).max())
    if scale == 0.0 or not np.isfinite(scale):
        return None
    for degree in range(1, largest_degree(X.shape[1], len(X) // 3, largest) + 1):
        basis = monomial_basis(X, recipes, degree)
        columns = basis.values(X)
        coefficients = np.asarray(np.linalg.lstsq(columns, z / scale, rcond=None)[0], dtype=np.float64)
        if _relative(columns @ coefficients - z / scale, z / scale) < EXACT:
            return basis.recipe(scale * _prune_exact(columns, z / scale, coefficients))
    return None


def fit_rational(X: FloatArray, recipes: Sequence[Recipe], z: FloatArray, *, largest: int) -> Recipe | None:
    """The ratio of two polynomials of equal degree that equals ``z`` exactly, or None.

    ``z q(x) - p(x) = 0`` is linear in all coefficients: the solution is the null vector of one matrix. At the first
    degree that has a null vector it is unique, because two coprime representations are the same.
    """
    scale = float(np.abs(z).max())
    if scale == 0.0 or not np.isfinite(scale):
        return None
    for degree in range(1, largest_degree(X.shape[1], len(X) // 6, largest) + 1):
        basis = monomial_basis(X, recipes, degree)
        found = _null_ratio(basis.values(X), z / scale)
        if found is not None:
            numerator, denominator = found
            return ("div", basis.recipe(scale * numerator), basis.recipe(denominator))
    return None


def _null_ratio(columns: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Numerator and denominator coefficients with ``z * (columns @ q) = columns @ p``, normed, pruned; or None."""
    k = columns.shape[1]
    system = np.concatenate([columns, -z[:, None] * columns], axis=1)
    norms = np.linalg.norm(system, axis=0)
    norms[norms == 0] = 1.0
    active = np.ones(2 * k, dtype=bool)
    vector = _null_vector(system / norms)
    if vector is None:
        return None
    # Terms that carry nothing are taken out one by one, smallest first, while a null vector remains.
    for index in np.argsort(np.abs(vector)):
        trial = active.copy()
        trial[index] = False
        if np.abs(vector[index]) > 1e-3 * np.abs(vector).max() or not trial[k:].any() or not trial[:k].any():
            continue
        smaller = _null_vector((system / norms)[:, trial])
        if smaller is not None:
            active = trial
            vector = np.zeros(2 * k)
            vector[active] = smaller
    coefficients = vector / norms
    coefficients[~active] = 0.0
    p, q = coefficients[:k], coefficients[k:]
    values = columns @ q
    if np.abs(values).min() <= 1e-9 * np.abs(values).max() or _relative(columns @ p / values - z, z) > EXACT:
        return None
    leading = q[np.flatnonzero(q)[0]]
    return p / leading, q / leading


def _null_vector(system: FloatArray) -> FloatArray | None:
    """The vector that the system maps to (numerical) zero, or None."""
    _, singular, rows = np.linalg.svd(np.linalg.qr(system, mode="r"))
    return rows[-1] if singular[-1] < 1e-12 * singular[0] else None


def _prune_exact(columns: FloatArray, z: FloatArray, coefficients: FloatArray) -> FloatArray:
    """Coefficients with every term removed that is not needed for exactness."""
    active = np.abs(coefficients) > 1e-7 * np.abs(coefficients).max()
    pruned = np.zeros_like(coefficients)
    pruned[active] = np.linalg.lstsq(columns[:, active], z, rcond=None)[0]
    return pruned if _relative(columns @ pruned - z, z) < EXACT else coefficients


def _relative(residual: FloatArray, z: FloatArray) -> float:
    spread = float(np.std(z))
    return float(np.sqrt(np.mean(residual * residual))) / (spread if spread > 0 else 1.0)


def significant_polynomials(
    X: FloatArray, recipes: Sequence[Recipe], z: FloatArray, weight: FloatArray, *, largest: int, n_terms: int
) -> Iterator[Recipe]:
    """Sparse polynomials of growing size by forward selection (orthogonal matching pursuit), for noisy targets."""
    degree = largest_degree(X.shape[1], min(200, len(X) // 4), largest)
    basis = monomial_basis(X, recipes, degree)
    root = np.sqrt(weight)
    columns = basis.values(X) * root[:, None]
    target = z * root
    norms = np.linalg.norm(columns, axis=0)
    columns = columns / np.where(norms > 0, norms, 1.0)
    chosen: list[int] = [0]
    for _ in range(n_terms):
        coefficients = np.linalg.lstsq(columns[:, chosen], target, rcond=None)[0]
        rest = target - columns[:, chosen] @ coefficients
        basis_q, _ = np.linalg.qr(columns[:, chosen])
        free = columns - basis_q @ (basis_q.T @ columns)
        length = np.linalg.norm(free, axis=0)
        gain = np.where(length > 1e-6, np.abs(free.T @ rest) / np.maximum(length, 1e-300), 0.0)
        gain[chosen] = 0.0
        if not gain.any():
            return
        chosen.append(int(np.argmax(gain)))
        fitted = np.zeros(len(basis.exponents))
        fitted[chosen] = np.linalg.lstsq(columns[:, chosen], target, rcond=None)[0] / norms[chosen]
        yield basis.recipe(fitted)
