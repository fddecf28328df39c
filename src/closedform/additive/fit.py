"""Fitting an additive model: penalised least squares, inside reweighting where the loss asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.design import Design
from closedform.additive.families import Family
from closedform.parallel import side_by_side
from closedform.training.evidence import EvidenceFit, fit_by_evidence

FloatArray: TypeAlias = NDArray[np.float64]

_OUTER = 25
# Of the prior on penalties, see `fit_by_evidence`.
_SPARSITY = 0.5
_TOLERANCE = 1e-5
FEWEST_BAGS = 2
"""Fewer have no spread."""


@dataclass(frozen=True, eq=False)
class LinearFit:
    """Coefficients of a design.

    Parameters
    ----------
    offset : ndarray of shape (n_outputs,)
        Constant raw scores, for the design as it is (not centred).
    coefficients : ndarray of shape (n_columns, n_outputs)
        Of the columns of the design.
    fits : sequence of EvidenceFit
        One per output: penalties and covariances.
    raw : ndarray of shape (n_rows, n_outputs)
        Raw scores of the rows.
    """

    offset: FloatArray
    coefficients: FloatArray
    fits: Sequence[EvidenceFit]
    raw: FloatArray


def fit_design(
    design: Design,
    y: FloatArray,
    weight: FloatArray,
    family: Family,
    *,
    start: Sequence[FloatArray] | None = None,
    base: FloatArray | float = 0.0,
    expired: Callable[[], bool] = lambda: False,
) -> LinearFit:
    """Coefficients and penalties of a design.

    Parameters
    ----------
    design : Design
        Its columns.
    y : ndarray of shape (n_rows,)
        Target, or codes of classes.
    weight : ndarray of shape (n_rows,)
        Weights of the rows, mean 1.
    family : Family
        The loss.
    start : sequence of ndarray of shape (n_blocks,), optional
        First penalties for each output.
    base : ndarray of shape (n_rows, n_outputs), optional
        Raw scores to which the design adds.
    expired : callable
        Asked after every step; the fit ends with what it has when it says True.

    Returns
    -------
    LinearFit
    """
    constant = family.start(y, weight)
    offset, coefficients = constant.copy(), np.zeros((design.n_columns, len(constant)))
    raw = np.tile(offset, (len(y), 1)) + base
    block = design.blocks()
    fits: list[EvidenceFit] = []
    penalties: list[FloatArray | None] = list(start) if start is not None else [None] * len(constant)
    loss = float(weight @ family.loss(y, raw))
    for outer in range(1 if family.one_step else _OUTER):
        before = offset.copy(), coefficients.copy(), raw
        working, response = family.working(y, raw)
        response = response - base
        for k in range(len(constant)):
            w = weight * working[:, k]
            moments, mean_x, mean_y = design.moments(w, response[:, k], float(np.count_nonzero(weight)))
            found = fit_by_evidence(
                moments,
                block,
                start=penalties[k],
                max_iter=60 if family.one_step else 8 if len(constant) == 1 else 2,
                fixed_noise=1.0 if family.known_noise else None,
                # The quadratic that stands for a log-likelihood shrinks enough by itself.
                sparsity=0.0 if family.known_noise else _SPARSITY,
            )
            fits[k:] = [found]
            coefficients[:, k] = found.coefficients
            offset[k] = mean_y - mean_x @ found.coefficients
        penalties = [found.penalties for found in fits] if len(fits) == 1 else _shared_penalties(fits, block)
        raw = design.apply(coefficients, offset) + base
        loss, previous = float(weight @ family.loss(y, raw)), loss
        if loss > previous:
            loss, offset, coefficients, raw = _shortened(
                design, y, weight, family, before, (offset, coefficients), previous, base
            )
        if expired() or (abs(previous - loss) <= _TOLERANCE * abs(previous) and outer > 1):
            break
    return LinearFit(offset, coefficients, fits, raw)


def _shared_penalties(fits: Sequence[EvidenceFit], block: NDArray[np.intp]) -> list[FloatArray | None]:
    """One penalty per block for all classes: a column that tells one class from the others is not chance for these."""
    freedom = np.sum([one.freedom for one in fits], axis=0)
    squares = np.sum([np.bincount(block, one.coefficients**2, len(freedom)) for one in fits], axis=0)
    on = (freedom > 0) & (squares > 0)
    shared = np.where(on, freedom / np.where(on, squares, 1.0), np.inf)
    return [shared] * len(fits)


def _shortened(
    design: Design,
    y: FloatArray,
    weight: FloatArray,
    family: Family,
    before: tuple[FloatArray, FloatArray, FloatArray],
    after: tuple[FloatArray, FloatArray],
    previous: float,
    base: FloatArray | float,
) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    """A step that made the loss worse, halved until it does not."""
    offset, coefficients, raw = before
    for halving in range(1, 6):
        share = 0.5**halving
        offset_now = offset + share * (after[0] - offset)
        coefficients_now = coefficients + share * (after[1] - coefficients)
        raw_now = design.apply(coefficients_now, offset_now) + base
        loss = float(weight @ family.loss(y, raw_now))
        if loss <= previous:
            return loss, offset_now, coefficients_now, raw_now
    return previous, offset, coefficients, raw


def bagged(
    design: Design,
    y: FloatArray,
    weight: FloatArray,
    family: Family,
    fit: LinearFit,
    n_bags: int,
    rng: np.random.Generator,
    *,
    base: FloatArray | float = 0.0,
    n_jobs: int = 1,
    expired: Callable[[], bool] = lambda: False,
) -> LinearFit:
    """The mean of fits to bootstrap samples, whose spread takes the place of the posterior covariance.

    All of them share the functions of the design, so that their mean has no more numbers than one of them (bagging:
    Breiman 1996, doi:10.1007/BF00058655). When `expired` says so, there are fewer of them, but two at least.
    """
    start = [np.where(np.isfinite(one.penalties), one.penalties, 1e6) for one in fit.fits]

    def one_bag(draws: np.random.Generator) -> LinearFit:
        drawn = weight * np.bincount(draws.integers(len(y), size=len(y)), minlength=len(y))
        return fit_design(design, y, drawn / drawn.mean(), family, start=start, base=base)

    bags: list[LinearFit] = []
    with closing(side_by_side(one_bag, rng.spawn(n_bags), n_jobs)) as made:
        for bag in made:
            bags.append(bag)
            if len(bags) >= FEWEST_BAGS and expired():
                break
    coefficients = np.stack([bag.coefficients for bag in bags])
    mean, offset = coefficients.mean(axis=0), np.mean([bag.offset for bag in bags], axis=0)
    fits = []
    for k, one_fit in enumerate(fit.fits):
        away = coefficients[:, :, k] - mean[:, k]
        fits.append(replace(one_fit, coefficients=mean[:, k], covariance=away.T @ away / max(len(bags) - 1, 1)))
    return LinearFit(offset, mean, fits, design.apply(mean, offset) + base)
