"""Losses of the user's own: a plain function of target and prediction, row by row."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import DataWarning, InputError
from closedform.losses import Loss

FloatArray = NDArray[np.float64]

# Relative size of a step for first and second differences.
_STEP = float(np.finfo(np.float64).eps) ** 0.25
_SMALLEST_WEIGHT = 1e-12
# Errors, in spreads of the target, at which it is looked how the loss grows.
_NEAR, _FAR = 0.05, 0.1


@dataclass(frozen=True)
class OwnLoss(Loss):
    """A loss made of a function of target and prediction.

    Networks are trained by least squares, for which a function of residuals is needed; formulas are fitted, judged,
    chosen and reported by the function itself.

    Parameters
    ----------
    function : callable
        ``function(y, y_pred)`` takes two float arrays of shape (n_rows,) and returns the loss of each row.
    factor : float, default=1.0
        What target and predictions have been multiplied with; the function gets them as they were.
    """

    name: ClassVar[str] = "own"
    function: Callable[[Any, Any], Any]
    factor: float = 1.0

    def pointwise(self, residual: Any, xp: Any = np) -> Any:
        """The square of each residual: what stands in where a target is not at hand."""
        return residual * residual

    def irls_weight(self, residual: Any, xp: Any = np) -> Any:
        """Ones, as for the square."""
        return xp.ones_like(residual)

    def value(self, y: Any, raw: Any, weight: Any = None, xp: Any = np) -> Any:
        """Mean loss over the last axis; see :meth:`Loss.value`. Squares where `xp` is torch."""
        if xp is not np:
            return super().value(y, raw, weight, xp)
        raw = np.asarray(raw, dtype=np.float64)
        if raw.ndim > 1:
            return np.array([self.value(y, row, weight) for row in raw.reshape(-1, raw.shape[-1])]).reshape(
                raw.shape[:-1]
            )
        loss = self._rows(np.broadcast_to(np.asarray(y, dtype=np.float64), raw.shape), raw)
        return np.mean(loss) if weight is None else np.sum(weight * loss) / np.sum(weight)

    def weight_at(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """Weights with which a weighted square has the gradient of the loss; from differences of the function."""
        residual = raw - y
        step = _STEP * np.maximum(np.abs(raw), float(np.mean(np.abs(y))) or 1.0)
        up, here, down = self._rows(y, raw + step), self._rows(y, raw), self._rows(y, raw - step)
        with np.errstate(all="ignore"):
            slope, bend = (up - down) / (2 * step), (up - 2 * here + down) / step**2
            weight = np.where(np.abs(residual) > step, slope / (2 * residual), bend / 2)
        # A loss that falls with the error somewhere has no such weight there; the square of a small one stands in.
        weight = np.where(np.isfinite(weight), weight, 0.0)
        largest = float(weight.max(initial=0.0))
        return np.maximum(weight, _SMALLEST_WEIGHT * largest if largest > 0 else 1.0)

    def at_error(self, y: FloatArray, error: float) -> float:
        """Mean loss of predictions that are off by `error` in every row."""
        return float(np.maximum(self.value(y, y + error), self.value(y, y - error)))

    def as_square(self, loss: float, y: FloatArray) -> float:
        """Return the mean square that a loss stands for where it grows with a power of the error.

        Rows whose losses have the density exp(-loss) are described in :math:`n/k` times the logarithm of the mean loss,
        with `k` the power; description lengths are made of squares.
        """
        spread = float(np.std(y)) or 1.0
        near, far = self.at_error(y, _NEAR * spread), self.at_error(y, _FAR * spread)
        power = math.log(far / near) / math.log(_FAR / _NEAR) if 0 < near < far < math.inf else 2.0
        return max(loss, 0.0) ** (2.0 / min(max(power, 0.5), 8.0))

    def in_units(self, factor: float) -> OwnLoss:
        """Return the same loss for a target and predictions that are multiplied with a number."""
        return replace(self, factor=self.factor * factor)

    def check(self, y: FloatArray) -> None:
        """Try the function out on a target, before any work starts.

        Raises
        ------
        InputError
            If it fails, does not return one number for each row, or none that is finite.

        Warns
        -----
        DataWarning
            If it is not least where the prediction is the target.
        """
        before = y.copy()
        try:
            with np.errstate(all="ignore"):
                result = np.asarray(self.function(y, y.copy()))
        # Whatever a user's function raises is said in terms of what was asked of it.
        except Exception as error:
            raise InputError(
                f"loss={_name(self.function)} fails on arrays of {len(y)} rows: {type(error).__name__}: {error}."
            ) from error
        if result.shape != y.shape or result.dtype.kind not in "fiub":
            raise InputError(
                f"loss={_name(self.function)} must return one number for each of {len(y)} rows; it returned an "
                f"array of shape {result.shape} and type {result.dtype}: leave out the mean."
            )
        if not np.array_equal(y, before):
            raise InputError(f"loss={_name(self.function)} changes its arguments; it must leave them as they are.")
        spread = float(np.std(y)) or float(np.abs(y).max()) or 1.0
        perfect, off = float(np.mean(result)), self.at_error(y, _FAR * spread)
        bad = np.flatnonzero(~np.isfinite(result))
        if len(bad):
            row = int(bad[0])
            raise InputError(
                f"loss={_name(self.function)} is {float(result[row])!r} for a perfect prediction of "
                f"y = {float(y[row])!r}; it must be finite."
            )
        nearby = [float(self.value(y, y + shift)) for shift in (_NEAR * spread, -_NEAR * spread)]
        if min(nearby) < perfect or not off > perfect:
            warnings.warn(
                f"loss={_name(self.function)} is not least where the prediction is the target ({perfect:.3g} there, "
                f"{min(nearby):.3g} nearby): formulas will be off on purpose.",
                DataWarning,
                stacklevel=4,
            )

    def _rows(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            loss: FloatArray = np.asarray(self.function(y / self.factor, raw / self.factor), dtype=np.float64)
        return loss


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
