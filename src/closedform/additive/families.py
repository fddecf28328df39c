r"""How a raw score becomes a prediction, and what a least-squares solver is given instead of the true loss.

Each family turns the loss into a weighted least-squares problem around the present raw scores: working weights `w`
and a working response `z` (iteratively reweighted least squares; McCullagh and Nelder 1989, "Generalized Linear
Models", section 2.5). Raw scores have one column, but for one column per class where there are more than two classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError, did_you_mean

FloatArray: TypeAlias = NDArray[np.float64]

# Scores beyond this are as good as certain; exp of it is no trouble.
LARGEST_SCORE = 30.0
_SMALLEST_WEIGHT = 1e-4


@dataclass(frozen=True)
class Family(ABC):
    """A loss for raw scores of shape (n_rows, n_outputs)."""

    name: ClassVar[str]
    # Whether the variance of the response is known from its mean.
    known_noise: ClassVar[bool] = False
    # Whether one weighted least-squares problem is the whole problem.
    one_step: ClassVar[bool] = False

    @abstractmethod
    def start(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Best constant raw scores, shape (n_outputs,)."""

    @abstractmethod
    def working(self, y: FloatArray, raw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Working weights and working response, both of the shape of `raw`."""

    @abstractmethod
    def loss(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """Loss of each row, shape (n_rows,)."""

    def predict(self, raw: FloatArray) -> FloatArray:
        """The predicted mean (probabilities for classes), of the shape of `raw`."""
        return raw


@dataclass(frozen=True)
class Squared(Family):
    """Squared error."""

    name: ClassVar[str] = "squared"
    one_step: ClassVar[bool] = True

    def start(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        return np.array([np.average(y, weights=weight)])

    def working(self, y: FloatArray, raw: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.ones_like(raw), y[:, None]

    def loss(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        return (y - raw[:, 0]) ** 2


@dataclass(frozen=True)
class Huber(Family):
    """Squared error near zero, a straight line beyond `delta` times the robust spread of the residuals.

    Huber 1964, doi:10.1214/aoms/1177703732.
    """

    delta: float = 1.345
    name: ClassVar[str] = "huber"

    def start(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        return np.array([np.median(y[weight > 0])])

    def _limit(self, residual: FloatArray) -> float:
        # 1.4826 times the median absolute residual estimates the standard deviation of normal noise.
        return self.delta * max(1.4826 * float(np.median(np.abs(residual))), 1e-300)

    def working(self, y: FloatArray, raw: FloatArray) -> tuple[FloatArray, FloatArray]:
        residual = np.abs(y[:, None] - raw)
        limit = self._limit(residual)
        return limit / np.maximum(residual, limit), y[:, None]

    def loss(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        residual = np.abs(y - raw[:, 0])
        inner = np.minimum(residual, self._limit(residual))
        return inner * (2.0 * residual - inner)


@dataclass(frozen=True)
class Quantile(Family):
    """The pinball loss, whose minimum is a conditional quantile (Koenker and Bassett 1978, doi:10.2307/1913643)."""

    level: float = 0.5
    name: ClassVar[str] = "quantile"

    def start(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        return np.array([np.quantile(y[weight > 0], self.level)])

    def working(self, y: FloatArray, raw: FloatArray) -> tuple[FloatArray, FloatArray]:
        residual = y[:, None] - raw
        slope = np.where(residual >= 0, self.level, 1.0 - self.level)
        # Rounded off near zero, where the loss has a corner.
        corner = max(0.05 * float(np.mean(np.abs(residual))), 1e-300)
        weight = slope * corner / np.maximum(np.abs(residual), corner)
        return weight / weight.mean(), y[:, None]

    def loss(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        residual = y - raw[:, 0]
        return np.maximum(self.level * residual, (self.level - 1.0) * residual)


@dataclass(frozen=True)
class Poisson(Family):
    """Counts with a logarithmic link; the loss is half the deviance."""

    name: ClassVar[str] = "poisson"
    known_noise: ClassVar[bool] = True

    def start(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        return np.array([np.log(max(float(np.average(y, weights=weight)), 1e-12))])

    def predict(self, raw: FloatArray) -> FloatArray:
        return np.exp(np.clip(raw, -LARGEST_SCORE, LARGEST_SCORE))

    def working(self, y: FloatArray, raw: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean = np.maximum(self.predict(raw), _SMALLEST_WEIGHT)
        return mean, raw + (y[:, None] - mean) / mean

    def loss(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        mean = self.predict(raw)[:, 0]
        log_ratio = np.log(np.maximum(y, 1e-300) / np.maximum(mean, 1e-300))
        return np.where(y > 0, y * log_ratio, 0.0) - (y - mean)


@dataclass(frozen=True)
class Binary(Family):
    """Two classes, coded 0 and 1; raw score is the logit, loss the negative log-likelihood."""

    name: ClassVar[str] = "log_loss"
    known_noise: ClassVar[bool] = True

    def start(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        share = np.clip(np.average(y, weights=weight), 1e-6, 1.0 - 1e-6)
        return np.array([np.log(share / (1.0 - share))])

    def predict(self, raw: FloatArray) -> FloatArray:
        return 1.0 / (1.0 + np.exp(-np.clip(raw, -LARGEST_SCORE, LARGEST_SCORE)))

    def working(self, y: FloatArray, raw: FloatArray) -> tuple[FloatArray, FloatArray]:
        share = self.predict(raw)
        weight = np.maximum(share * (1.0 - share), _SMALLEST_WEIGHT)
        return weight, raw + (y[:, None] - share) / weight

    def loss(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        score = raw[:, 0]
        return np.logaddexp(0.0, score) - y * score


@dataclass(frozen=True)
class Classes(Family):
    """More than two classes, coded 0, 1, ...; one raw score each, softmax, negative log-likelihood."""

    n_classes: int = 3
    name: ClassVar[str] = "log_loss"
    known_noise: ClassVar[bool] = True

    def start(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        share = np.bincount(y.astype(np.intp), weight, self.n_classes) / weight.sum()
        score = np.log(np.maximum(share, 1e-6))
        return np.asarray(score - score.mean())

    def predict(self, raw: FloatArray) -> FloatArray:
        shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
        result: FloatArray = shifted / shifted.sum(axis=1, keepdims=True)
        return result

    def working(self, y: FloatArray, raw: FloatArray) -> tuple[FloatArray, FloatArray]:
        # The diagonal of the Hessian, class by class, as in Friedman, Hastie and Tibshirani 2010
        # (doi:10.18637/jss.v033.i01), section 4.
        share = self.predict(raw)
        weight = np.maximum(share * (1.0 - share), _SMALLEST_WEIGHT)
        member = y[:, None] == np.arange(self.n_classes)
        return weight, raw + (member - share) / weight

    def loss(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        chosen = np.take_along_axis(raw, y.astype(np.intp)[:, None], axis=1)[:, 0]
        largest = raw.max(axis=1)
        return largest + np.log(np.exp(raw - largest[:, None]).sum(axis=1)) - chosen


REGRESSION: Mapping[str, type[Family]] = {
    "squared": Squared,
    "huber": Huber,
    "quantile": Quantile,
    "poisson": Poisson,
}
"""Name to class: what `RANRegressor(loss=...)` accepts."""


def regression_family(loss: str | Family, quantile: float = 0.5) -> Family:
    """The family of a regression loss.

    Raises
    ------
    InputError
        If there is no such loss; the nearest name is given.
    """
    if isinstance(loss, Family):
        return loss
    if loss not in REGRESSION:
        known = ", ".join(repr(name) for name in REGRESSION)
        raise InputError(f"Unknown loss {loss!r}{did_you_mean(str(loss), REGRESSION)}. Known: {known}.")
    return Quantile(quantile) if loss == "quantile" else REGRESSION[loss]()
