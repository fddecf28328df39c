"""Main effects that must not fall, or rise: the fit nearest to the free one, in its own metric, that obeys.

The coefficients of a fit have a covariance; the constrained coefficients are those of highest posterior density for
which the effect does not turn on a fine grid. That is a quadratic program, solved in its dual by non-negative least
squares (Lawson and Hanson 1974).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.assemble import Assembled
from closedform.additive.basis import NumericBasis
from closedform.additive.design import Design
from closedform.additive.fit import LinearFit
from closedform.additive.terms import MainEffect

FloatArray: TypeAlias = NDArray[np.float64]

_GRID = 49
_FINE = 4001
_RIDGE = 1e-9


def constrained(design: Design, fit: LinearFit, directions: Mapping[int, int]) -> LinearFit:
    """The fit with main effects that obey.

    Parameters
    ----------
    design : Design
        Its columns.
    fit : LinearFit
        The free fit.
    directions : dict of int to {-1, 1}
        Column of the table and the sign that slopes of its effect may have.
    """
    rows = _slopes(design, directions)
    if len(rows) == 0:
        return fit
    coefficients = fit.coefficients.copy()
    for k, one in enumerate(fit.fits):
        spread = rows @ one.covariance
        curvature = spread @ rows.T
        slack = rows @ coefficients[:, k]
        scale = float(np.trace(curvature)) / len(curvature)
        if scale > 0 and slack.min() < 0:
            coefficients[:, k] += spread.T @ _multipliers(curvature / scale, slack / scale)
    moved = design.apply(coefficients - fit.coefficients, np.zeros(coefficients.shape[1]))
    shift = moved.mean(axis=0)
    return LinearFit(fit.offset - shift, coefficients, fit.fits, fit.raw + moved - shift)


def _slopes(design: Design, directions: Mapping[int, int]) -> FloatArray:
    """Rows whose product with the coefficients must not be negative."""
    rows = []
    for feature, part in zip(design.features, design.slices(), strict=False):
        if feature.column not in directions or not isinstance(feature.basis, NumericBasis):
            continue
        grid = feature.basis.grid(design.columns[feature.column], _GRID)
        values = feature.main.of(feature.basis.values(grid)) / np.sqrt(feature.main.roughness)
        one = np.zeros((len(grid) - 1, design.n_columns))
        one[:, part] = directions[feature.column] * np.diff(values, axis=0)
        rows.append(one)
    return np.vstack(rows) if rows else np.empty((0, design.n_columns))


def _multipliers(curvature: FloatArray, slack: FloatArray) -> FloatArray:
    """``min 0.5 m' C m + m' s`` over ``m >= 0``."""
    from scipy.optimize import nnls

    factor = np.linalg.cholesky(curvature + _RIDGE * np.eye(len(curvature)))
    target = -np.linalg.solve(factor, slack)
    multipliers, _ = nnls(factor.T, target, maxiter=100 * len(slack))
    return np.asarray(multipliers, dtype=np.float64)


def repaired(assembled: Assembled, directions: Mapping[int, int]) -> Assembled:
    """Effects that obey everywhere in the range, by a little straight line where rounding or the grid left a turn."""
    effects = []
    for effect in assembled.effects:
        direction = directions.get(effect.columns[0], 0) if isinstance(effect, MainEffect) else 0
        effects.append(_repaired(effect, direction) if isinstance(effect, MainEffect) and direction else effect)
    return replace(assembled, effects=tuple(effects))


def _repaired(effect: MainEffect, direction: int) -> MainEffect:
    basis = effect.functions.basis
    if not isinstance(basis, NumericBasis):
        return effect
    grid = np.linspace(basis.low, basis.high, _FINE)
    slopes = direction * np.diff(basis.values(grid) @ effect.coefficients, axis=0) / np.diff(grid)[:, None]
    # A little more than what is missing: slopes between the points of the grid may be smaller still.
    missing = np.maximum(-slopes.min(axis=0), 0.0) * 1.05
    if not missing.any():
        return effect
    coefficients = effect.coefficients.copy()
    coefficients[0] += direction * missing * basis.scale
    # The line is zero at the median of the rows, so that the mean hardly moves.
    return replace(effect, coefficients=coefficients)
