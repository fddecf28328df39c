r"""Levenberg-Marquardt on constants that enter nonlinearly, with the linear ones solved at every step.

A model is :math:`f(\theta, c) = g_0(\theta) + G(\theta) c`. For fixed :math:`\theta` the best `c` is a linear
problem, so only :math:`\theta` is iterated (Golub and Pereyra 1973, doi:10.1137/0710036). With one QR factorisation of
:math:`[G \; J_\theta \; r]` the upper block solves for `c`, and the lower block is the projected problem for
:math:`\theta` with Kaufman's Jacobian (Kaufman 1975, doi:10.1007/BF01932995). Only orthogonal factorisations, never
:math:`J^T J`: on data without noise the fit has to end at rounding level. Damping after Nielsen 1999, "Damping
parameter in Marquardt's method" (IMM-REP-1999-05).

Losses other than the square are handled by reweighting the rows at every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedform.losses import Loss, SquaredLoss

FloatArray = NDArray[np.float64]
Model = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

# Directions below this, relative to columns of norm one, are left alone: the data do not fix them.
RANK_TOLERANCE = 1e-12
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-3, 1e-14, 1e10
# A step that promises, or brings, less than this fraction of the loss ends the fit.
_LOSS_TOLERANCE = 1e-11
# Residuals below this fraction of the target are about to be rounding: a few failed steps there end the fit, and so
# does one that brings little.
_ROUNDING = 1e-13
_MOST_FAILED = 3
# And below this one there is nothing left to gain.
_EXACT = 4e-16
# The Jacobian is taken anew where solving for the linear constants moved the values by more than this fraction.
_STALE = 0.2
_MOST_ROUNDS = 25
_LARGEST_CONSTANT = 1e300


@dataclass(frozen=True, eq=False)
class Data:
    """What the model is fitted to: target, weights of the rows (positive, of mean 1) and loss."""

    y: FloatArray
    weights: FloatArray | None
    loss: Loss

    @property
    def scale(self) -> float:
        """What residuals are divided by, so that their squares neither vanish nor overflow."""
        largest = float(np.max(np.abs(self.y), initial=0.0))
        return largest if largest > 0.0 else 1.0

    def mean_loss(self, residual: FloatArray, scale: float) -> float:
        """Mean loss of residuals; for squares that of the scaled ones, as only comparisons are needed."""
        if isinstance(self.loss, SquaredLoss):
            scaled = residual / scale
            if self.weights is None:
                return float(scaled @ scaled) / scaled.size
            return float(self.weights @ (scaled * scaled)) / scaled.size
        value = float(self.loss.value(self.y, self.y - residual, self.weights))
        return value if value == value else math.inf

    def root_weights(self, residual: FloatArray) -> FloatArray | None:
        """Square roots of the weights that make a least-squares step descend on the loss."""
        if isinstance(self.loss, SquaredLoss):
            return None if self.weights is None else np.sqrt(self.weights)
        weight: FloatArray = self.loss.weight_at(self.y, self.y - residual)
        return np.sqrt(weight if self.weights is None else weight * self.weights)


@dataclass(frozen=True, eq=False)
class Fit:
    """Where the iteration ended: constants, loss (scaled for squares), rows where the model is undefined."""

    theta: FloatArray
    loss: float
    n_bad: int
    converged: bool

    def key(self) -> tuple[int, float]:
        """Smaller is better: first as few undefined rows as possible, then the loss."""
        return self.n_bad, self.loss


@dataclass(frozen=True, eq=False)
class _State:
    """A point with its linear constants solved, and the projected problem there in scaled columns.

    The projected problem is ``left @ diag(singular) @ right @ step = target``, the step in units of `steps`;
    ``coupling @ step`` is what it does to the linear constants.
    """

    theta: FloatArray
    loss: float
    n_bad: int
    linear_shift: float
    target: FloatArray
    squares: float
    singular: FloatArray
    right: FloatArray
    steps: FloatArray
    coupling: FloatArray

    def key(self) -> tuple[int, float]:
        return self.n_bad, self.loss


@dataclass
class _Damping:
    value: float = _FIRST_DAMPING
    growth: float = 2.0

    def loosen(self, gain: float) -> None:
        factor = 1.0 - (2.0 * min(max(gain, 0.0), 1.0) - 1.0) ** 3
        self.value, self.growth = max(self.value * max(0.1, factor), _LEAST_DAMPING), 2.0

    def tighten(self) -> None:
        self.value, self.growth = self.value * self.growth, self.growth * 2.0


class VariableProjection:
    """The iteration for one model and one data set; :meth:`minimise` may be called from several starts.

    Parameters
    ----------
    model : callable
        ``model(theta) -> (values of shape (n,), jacobian of shape (n, p))``; nan where undefined. Both are new arrays,
        the Jacobian column after column in memory.
    data : Data
        Target, weights and loss.
    linear : sequence of int
        Indices of the constants in which the model is affine.
    nonlinear : sequence of int
        Indices of the others that may move; constants in neither stay as they are.
    """

    def __init__(self, model: Model, data: Data, linear: Sequence[int], nonlinear: Sequence[int]) -> None:
        self._model = model
        self._data = data
        self._scale = data.scale
        self._rounding_loss = data.mean_loss(_ROUNDING * data.y, self._scale)
        self._exact_loss = data.mean_loss(_EXACT * data.y, self._scale)
        self._linear = np.asarray(linear, dtype=np.intp)
        self._nonlinear = np.asarray(nonlinear, dtype=np.intp)
        self._active = np.concatenate([self._linear, self._nonlinear])

    def minimise(self, start: FloatArray, max_iter: int = 100) -> Fit:
        """Descend from `start` until nothing more is to be gained or `max_iter` steps are taken."""
        with np.errstate(all="ignore"):
            state = self._project(np.array(start, dtype=np.float64))
            if state is None:
                return Fit(start, math.inf, self._data.y.size, False)
            damping = _Damping()
            for _ in range(max_iter):
                state = self._refreshed(state)
                trial = self._descend(state, damping)
                if trial is None:
                    return Fit(state.theta, state.loss, state.n_bad, True)
                state, before = trial, state
                if state.n_bad == before.n_bad and self._finished(before.loss, state.loss):
                    return Fit(state.theta, state.loss, state.n_bad, True)
        return Fit(state.theta, state.loss, state.n_bad, False)

    def _finished(self, before: float, after: float) -> bool:
        if after <= self._rounding_loss:
            return after > 0.8 * before or after <= self._exact_loss
        return before - after <= _LOSS_TOLERANCE * before

    def _refreshed(self, state: _State) -> _State:
        """The same point with the Jacobian at its solved linear constants."""
        # More than one round only where the start was so far off that a solve ends in rounding (1 for 1e-200).
        for _ in range(_MOST_ROUNDS):
            if state.linear_shift <= _STALE:
                break
            again = self._project(state.theta)
            if again is None or again.n_bad > state.n_bad:
                break
            state = again
        return state

    def _descend(self, state: _State, damping: _Damping) -> _State | None:
        """The next better point, with more and more damping; None if there is none."""
        squared = isinstance(self._data.loss, SquaredLoss)
        failed = 0
        while damping.value < _MOST_DAMPING:
            step, promised = self._step(state, damping.value)
            hopeless = promised <= _LOSS_TOLERANCE
            if squared and hopeless:
                return None
            trial = self._project(state.theta + step)
            if trial is not None and trial.key() < state.key():
                damping.loosen((1.0 - trial.loss / state.loss) / promised if promised > 0.0 else 1.0)
                return trial
            failed += 1
            if hopeless or (failed == _MOST_FAILED and state.loss <= self._rounding_loss):
                return None
            damping.tighten()
        return None

    def _step(self, state: _State, damping: float) -> tuple[FloatArray, float]:
        """The damped step, and the fraction of the squares that it takes away if the model is as linear as it looks."""
        s = state.singular
        shrink = s * s + damping
        scaled = state.right.T @ (s * state.target / shrink)
        step = np.zeros(state.theta.size)
        step[self._nonlinear] = scaled * state.steps
        step[self._linear] = state.coupling @ scaled
        left_over = np.sum(state.target**2 * (1.0 - (damping / shrink) ** 2) * (s > 0.0))
        return step, float(left_over) / state.squares if state.squares > 0.0 else 0.0

    def _project(self, theta: FloatArray) -> _State | None:
        """Values and Jacobian at `theta`, linear constants solved; None where the model cannot be computed."""
        if not np.all(np.abs(theta) < _LARGEST_CONSTANT):
            return None
        values, jacobian = self._model(theta)
        residual = np.subtract(self._data.y, values, out=values)
        slopes = jacobian.T[self._active]
        bad = ~np.isfinite(residual)
        n_bad = int(np.count_nonzero(bad))
        if n_bad:
            residual[bad] = 0.0
            slopes[:, bad] = 0.0
        norms = row_norms(slopes)
        if not np.isfinite(norms).all():
            # The slope of x**a at x = 0, of sqrt(x) at 0: such a row cannot say where to go.
            slopes[~np.isfinite(slopes)] = 0.0
            norms = row_norms(slopes)
        return self._factorise(theta, residual, slopes, norms, n_bad)

    def _factorise(
        self, theta: FloatArray, residual: FloatArray, slopes: FloatArray, norms: FloatArray, n_bad: int
    ) -> _State:
        k = self._linear.size
        # Constants are counted in `units`: what one of them has to move to change the values by the largest residual.
        largest = float(np.max(np.abs(residual), initial=0.0)) or 1.0
        units = largest / norms
        root = self._data.root_weights(residual)
        triangle = _triangle(slopes, norms, residual, largest, root)
        solved = np.zeros((0, triangle.shape[1] - k))
        if k:
            solved = np.linalg.lstsq(triangle[:k, :k], triangle[:k, k:], rcond=RANK_TOLERANCE)[0]
        shift = solved[:, -1] * units[:k]
        theta, loss, moved = self._solved(theta, residual, slopes[:k], norms[:k], shift)
        target = triangle[k:, -1]
        singular, right, rotated, steps = _decompose(triangle[k:, k:-1], target)
        return _State(
            theta=theta,
            loss=loss,
            n_bad=n_bad,
            linear_shift=moved,
            target=rotated,
            squares=float(target @ target),
            singular=singular,
            right=right,
            steps=steps * units[k:],
            coupling=-solved[:, :-1] * steps * units[:k, None],
        )

    def _solved(
        self, theta: FloatArray, residual: FloatArray, slopes: FloatArray, norms: FloatArray, shift: FloatArray
    ) -> tuple[FloatArray, float, float]:
        """Constants and loss after the shift of the linear ones, and its size relative to their own effect."""
        data, scale = self._data, self._scale
        if not shift.size:
            return theta, data.mean_loss(residual, scale), 0.0
        after = data.mean_loss(residual - shift @ slopes, scale)
        moved = theta.copy()
        moved[self._linear] += shift
        if not isinstance(data.loss, SquaredLoss) or not np.isfinite(moved).all():
            # A reweighted solve need not descend.
            before = data.mean_loss(residual, scale)
            if not after < before or not np.isfinite(moved).all():
                return theta, before, 0.0
        effect = float(np.max(np.abs(moved[self._linear]) * norms))
        return moved, after, float(np.max(np.abs(shift) * norms)) / effect if effect > 0.0 else 0.0


def row_norms(rows: FloatArray) -> FloatArray:
    """Euclidean norm of each row, 1 for a row of zeros; nan or inf only where the row holds such."""
    norms: FloatArray = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    if np.all((norms > 1e-100) & (norms < 1e100)):
        return norms
    # Some square may have vanished or overflowed.
    largest = np.max(np.abs(rows), axis=1, initial=0.0)
    largest[largest == 0.0] = 1.0
    norms = largest * np.sqrt(np.sum((rows / largest[:, None]) ** 2, axis=1))
    return np.where(norms == 0.0, 1.0, norms)


def _triangle(
    slopes: FloatArray, norms: FloatArray, residual: FloatArray, largest: float, root: FloatArray | None
) -> FloatArray:
    """The triangular factor of ``[slopes / norms, residual / largest]``, rows of zeros where there are few data."""
    table = np.empty((norms.size + 1, residual.size))
    np.divide(slopes, norms[:, None], out=table[:-1])
    np.divide(residual, largest, out=table[-1])
    if root is not None:
        table *= root
    triangle = np.asarray(np.linalg.qr(table.T, mode="r"))
    missing = table.shape[0] - triangle.shape[0]
    return np.vstack([triangle, np.zeros((missing, table.shape[0]))]) if missing > 0 else triangle


def _decompose(block: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Singular values, right vectors and turned target of the block with columns of norm one; their scales."""
    if not block.shape[1]:
        return np.zeros(0), np.zeros((0, 0)), np.zeros(0), np.zeros(0)
    norms = np.sqrt(np.sum(block * block, axis=0))
    # What projection has left of a column of norm one may be rounding only: the linear constants do its work.
    free = norms > RANK_TOLERANCE
    steps = np.where(free, 1.0 / np.where(free, norms, 1.0), 0.0)
    left, singular, right = np.linalg.svd(block * steps, full_matrices=False)
    singular = np.where(singular > RANK_TOLERANCE * max(float(singular[0]), 1e-300), singular, 0.0)
    return singular, right, left.T @ target, steps
