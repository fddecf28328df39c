r"""Losses: how wrong a prediction is, as one number to minimise.

A loss sees residuals :math:`r = \hat y - y` in the units it is given. Its body is written once for NumPy and torch: the
array module is handed in as `xp`. For second-order training each loss also gives the weights of iteratively reweighted
least squares: :math:`w(r) = \ell'(r) / (2 r)`, for which :math:`w r^2` with `w` held fixed has the gradient of the
loss (Holland and Welsch 1977, "Robust regression using iteratively reweighted least-squares",
doi:10.1080/03610927708827533).

A new loss is a class here and a row in :data:`LOSSES`; the tests go through that table.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from closedform.exceptions import InputError, did_you_mean

# Residuals below this count as this when a weight divides by them; otherwise one exact row would own the fit.
_SMALLEST_RESIDUAL = 1e-9


@dataclass(frozen=True)
class Loss(ABC):
    """A loss; symmetric, zero for a perfect prediction, growing with the residual."""

    name: ClassVar[str]

    @abstractmethod
    def pointwise(self, residual: Any, xp: Any = np) -> Any:
        """Loss of each residual, an array of the same shape."""

    @abstractmethod
    def irls_weight(self, residual: Any, xp: Any = np) -> Any:
        """Weight `w` of each residual such that `w * residual**2`, `w` fixed, has the gradient of the loss."""

    def weight_at(self, y: Any, raw: Any) -> Any:
        """Weights as of `irls_weight`, for losses that know the target beside the residual."""
        return self.irls_weight(raw - y)

    def at_error(self, y: Any, error: float) -> float:
        """Mean loss of predictions that are off by `error` in every row."""
        del y
        return float(self.pointwise(np.float64(error)))

    def in_units(self, factor: float) -> Loss:
        """Return the same loss for a target that is multiplied with a number; residuals know no units."""
        del factor
        return self

    def value(self, y: Any, raw: Any, weight: Any = None, xp: Any = np) -> Any:
        """Mean loss over the last axis.

        Parameters
        ----------
        y : array of shape (n_samples,)
            Target.
        raw : array of shape (..., n_samples)
            Predictions; leading axes are separate models.
        weight : array of shape (n_samples,) or (..., n_samples), optional
            Non-negative weights of the rows, not all zero, the same for all models or each with its own. An integer
            weight equals so many repeated rows.
        xp : module
            `numpy`, or `torch` where the arrays are tensors.

        Returns
        -------
        array of shape (...) or scalar
            `inf` where a residual is too large to be expressed, `nan` where a prediction is.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            loss = self.pointwise(raw - y, xp)
            if weight is None:
                return xp.mean(loss, axis=-1)
            return xp.sum(weight * loss, axis=-1) / xp.sum(weight, axis=-1)


@dataclass(frozen=True)
class SquaredLoss(Loss):
    """Squared residual: the mean squared error.

    Examples
    --------
    >>> float(SquaredLoss().value(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """

    name: ClassVar[str] = "squared"

    def pointwise(self, residual: Any, xp: Any = np) -> Any:
        return residual * residual

    def irls_weight(self, residual: Any, xp: Any = np) -> Any:
        return xp.ones_like(residual)


@dataclass(frozen=True)
class AbsoluteLoss(Loss):
    """Absolute residual: the mean absolute error, which outliers pull less."""

    name: ClassVar[str] = "absolute"

    def pointwise(self, residual: Any, xp: Any = np) -> Any:
        return xp.abs(residual)

    def irls_weight(self, residual: Any, xp: Any = np) -> Any:
        return 0.5 / xp.clip(xp.abs(residual), _SMALLEST_RESIDUAL, None)


@dataclass(frozen=True)
class HuberLoss(Loss):
    r"""Squared residual near zero, a straight line beyond `delta`.

    :math:`r^2` for :math:`|r| \le \delta`, else :math:`2 \delta |r| - \delta^2`: twice the form of Huber 1964,
    "Robust estimation of a location parameter" (doi:10.1214/aoms/1177703732), so that it equals :class:`SquaredLoss`
    where no residual is large.

    Parameters
    ----------
    delta : float, default=1.345
        Where the line begins, in the units of the residuals; positive. 1.345 standard deviations of the noise keep
        95 % of the efficiency of least squares under normal noise.
    """

    name: ClassVar[str] = "huber"
    delta: float = 1.345

    def __post_init__(self) -> None:
        if not (np.isfinite(self.delta) and self.delta > 0):
            raise InputError(
                f"HuberLoss needs a positive, finite delta, got {self.delta!r}. "
                "Use about 1.3 times the standard deviation of the noise."
            )

    def pointwise(self, residual: Any, xp: Any = np) -> Any:
        size = xp.abs(residual)
        # min(|r|, delta) turns both branches into one expression without a product of two large numbers.
        inner = xp.clip(size, None, self.delta)
        return inner * (2.0 * size - inner)

    def irls_weight(self, residual: Any, xp: Any = np) -> Any:
        return self.delta / xp.clip(xp.abs(residual), self.delta, None)


@dataclass(frozen=True)
class ExpLoss(Loss):
    r"""Exponential of the absolute residual: the loss of the LIES paper, which is all about the worst rows.

    :math:`\exp|r| - 1`, from "Sparse Interpretable Deep Learning with LIES Networks for Symbolic Regression"
    (arXiv:2506.08267), section on training. Residuals should be of the order of one: scale the target.

    Notes
    -----
    NOTE[DIFF]: the paper has no "- 1". Without it a perfect fit costs 1 and small errors drown in rounding.
    NOTE[DIFF]: above |r| = 30 the loss goes on along its tangent, so that a bad start has a finite loss and gradient.
    """

    name: ClassVar[str] = "exp"
    _CAP: ClassVar[float] = 30.0

    def pointwise(self, residual: Any, xp: Any = np) -> Any:
        size = xp.abs(residual)
        inner = xp.clip(size, None, self._CAP)
        tangent = math.expm1(self._CAP) + math.exp(self._CAP) * (size - self._CAP)
        return xp.where(size <= self._CAP, xp.expm1(inner), tangent)

    def irls_weight(self, residual: Any, xp: Any = np) -> Any:
        size = xp.abs(residual)
        return 0.5 * xp.exp(xp.clip(size, None, self._CAP)) / xp.clip(size, _SMALLEST_RESIDUAL, None)


LOSSES: Mapping[str, type[Loss]] = {
    "squared": SquaredLoss,
    "absolute": AbsoluteLoss,
    "huber": HuberLoss,
    "exp": ExpLoss,
}
"""Name to class: what `loss="..."` accepts."""

_ALIASES = {"mse": "squared", "mae": "absolute"}


def get_loss(loss: str | Loss) -> Loss:
    """Return the loss with this name, or the loss itself.

    Parameters
    ----------
    loss : str or Loss
        A name in :data:`LOSSES`, `"mse"`, `"mae"`, or an object such as `HuberLoss(0.5)`.

    Raises
    ------
    InputError
        If there is no such loss; the nearest name is given.

    Examples
    --------
    >>> get_loss("huber")
    HuberLoss(delta=1.345)
    """
    if isinstance(loss, Loss):
        return loss
    known = ", ".join(repr(name) for name in (*LOSSES, *_ALIASES))
    if not isinstance(loss, str):
        raise InputError(f"loss must be one of {known} or a Loss object, got {loss!r} ({type(loss).__name__}).")
    name = _ALIASES.get(loss.lower(), loss.lower())
    if name not in LOSSES:
        raise InputError(f"Unknown loss {loss!r}{did_you_mean(loss, (*LOSSES, *_ALIASES))}. Known: {known}.")
    return LOSSES[name]()
