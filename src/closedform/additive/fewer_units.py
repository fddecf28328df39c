"""Units of a second block that add nothing are left out, and members share their inputs where these are the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.fit import LinearFit
from closedform.additive.second_block import BlockInput, input_matrix
from closedform.additive.table_data import TableData
from closedform.additive.terms import FunctionValues
from closedform.additive.units import Units

FloatArray: TypeAlias = NDArray[np.float64]

# The held-out loss of a member may be worse by this share for fewer units.
_WORSE = 5e-3
# A unit is worth keeping if the penalised sum of squares grows by more than so many variances of the noise without it:
# about what its two coefficients gain by chance.
_IDLE = 3.0
# Two curves of a column are the same if one explains so much of the variance of the other.
_SAME = 0.9
# A weight below this share of the size of all weights of its unit is none; where rows are many, they know it better.
_SMALLEST_WEIGHT = 0.04
_KNOWN_BY_ROWS = 0.8
# Rows on which curves are compared.
_ROWS = 5000


def without_idle(
    fit: LinearFit, start: int, mean: Sequence[FloatArray], loss: Callable[[FloatArray, FloatArray], float]
) -> tuple[LinearFit, NDArray[np.intp]]:
    """A fit without the units that held-out rows can do without.

    The unit that the others can replace best goes first: the coefficients that are best without it follow from the
    covariance (the optimal brain surgeon of Hassibi and Stork 1993, for a least-squares problem exact). Of all steps of
    this, the last is taken after which the held-out loss is hardly worse than with all units.

    Parameters
    ----------
    fit : LinearFit
        Of effects and units; the columns of the units are the last ones.
    start : int
        Where these begin: bumps, then steps.
    mean : sequence of ndarray of shape (n_columns,)
        Mean of each column over the rows that were fitted, for each output.
    loss : callable
        Held-out loss for coefficients of shape (n_columns, n_outputs) and offsets of shape (n_outputs,).

    Returns
    -------
    fit : LinearFit
        With zeros for the units left out; its raw scores are those of the fit with all of them.
    kept : ndarray of int
        The other units; at least one.
    """
    n_units = (len(fit.coefficients) - start) // 2
    kept = list(range(n_units))
    now, best, best_kept = fit, fit, np.arange(n_units)
    limit = loss(fit.coefficients, fit.offset)
    limit += _WORSE * abs(limit)
    while len(kept) > 1:
        groups = [np.array([start + unit, start + n_units + unit]) for unit in kept]
        worth = [_worth(now, group) for group in groups]
        if not np.isfinite(worth).all():
            break
        weakest = int(np.argmin(worth))
        if worth[weakest] > _IDLE * len(now.fits):
            break
        now = _without(now, groups[weakest], mean)
        del kept[weakest]
        if loss(now.coefficients, now.offset) <= limit:
            best, best_kept = now, np.array(kept)
    return best, best_kept


def _worth(fit: LinearFit, group: NDArray[np.intp]) -> float:
    """By how much the penalised sum of squares grows, in variances of the noise, when these columns are left out."""
    total = 0.0
    for k, one in enumerate(fit.fits):
        own = fit.coefficients[group, k]
        if own.any():
            total += float(own @ np.linalg.lstsq(one.covariance[np.ix_(group, group)], own, rcond=None)[0])
    return total


def _without(fit: LinearFit, group: NDArray[np.intp], mean: Sequence[FloatArray]) -> LinearFit:
    """The same problem solved without some columns, at the penalties that it has."""
    coefficients, offset, parts = fit.coefficients.copy(), fit.offset.copy(), []
    for k, one in enumerate(fit.fits):
        covariance = one.covariance
        if coefficients[group, k].any():
            own = covariance[np.ix_(group, group)]
            gain = np.linalg.lstsq(own, covariance[group], rcond=None)[0].T
            change = -gain @ coefficients[group, k]
            offset[k] -= float(mean[k] @ change)
            coefficients[:, k] += change
            covariance = covariance - gain @ covariance[group]
            # Zero but for rounding: they take no part in what follows.
            covariance[group] = 0.0
            covariance[:, group] = 0.0
        coefficients[group, k] = 0.0
        parts.append(replace(one, coefficients=coefficients[:, k], covariance=covariance))
    return replace(fit, coefficients=coefficients, offset=offset, fits=parts)


def with_shared_inputs(several: Sequence[Units], data: TableData) -> list[Units]:
    """The units of several members, with the curves of the first where theirs are the same, and without tiny weights.

    Parameters
    ----------
    several : sequence of Units
        Of each member.
    data : TableData
        Rows on which curves are compared.
    """
    step = max(1, data.n_rows // _ROWS)
    values = FunctionValues([column[::step] for column in data.columns])
    share = data.weight[::step] / data.weight[::step].sum()
    known: list[tuple[BlockInput, FloatArray]] = []
    smallest = min(_SMALLEST_WEIGHT, _KNOWN_BY_ROWS / np.sqrt(data.n_rows))
    found = []
    for units in several:
        matrix = input_matrix(units.inputs, values)
        inputs: list[BlockInput] = []
        weights, constant = units.weights[:-1].copy(), units.weights[-1].copy()
        for i, (item, own) in enumerate(zip(units.inputs, matrix.T, strict=False)):
            same = None if item.is_line else _same(item, own, known, share)
            if same is None:
                known.append((item, own))
                inputs.append(item)
                continue
            other, slope, shift = same
            inputs.append(other)
            constant += shift * weights[i]
            weights[i] *= slope
        size = np.sqrt(np.sum(weights**2, axis=0))
        weights[np.abs(weights) < smallest * size] = 0.0
        moved = np.vstack([weights, constant])
        found.append(Units.of(tuple(inputs), moved, input_matrix(inputs, values), share))
    return found


def _same(
    item: BlockInput, own: FloatArray, known: Sequence[tuple[BlockInput, FloatArray]], share: FloatArray
) -> tuple[BlockInput, float, float] | None:
    """The known curve of the same column that explains an input best, and the line from one to the other, if any."""
    best, explained = None, _SAME
    mean = float(share @ own)
    for other, values in known:
        if other.is_line or other.functions.column != item.functions.column:
            continue
        other_mean = float(share @ values)
        a, b = values - other_mean, own - mean
        product, size = float(share @ (a * b)), float(share @ (a * a))
        whole = size * float(share @ (b * b))
        if whole > 0.0 and product**2 > explained * whole:
            explained, slope = product**2 / whole, product / size
            best = (other, slope, mean - slope * other_mean)
    return best
