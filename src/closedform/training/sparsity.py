r"""Penalties that drive weights to zero, in the form that second-order training wants.

Every penalty gives its value and a quadratic that lies above it and touches it at the current weights,
:math:`\tfrac12 d (w - c)^2 + \text{const}` per weight (`AbstractPenalty.majorise`). Minimising the quadratic instead of
the penalty turns sparsity into a ridge with changing weights, which a Gauss-Newton step takes in at no cost
(majorise-minimise; for these penalties: Chartrand and Yin 2008, "Iteratively reweighted algorithms for compressive
sensing", doi:10.1109/ICASSP.2008.4518498).

A penalty is given to one training run and may keep state of shape (R, P) for it, R networks with P weights each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

#: Progress of a training run in [0, 1] to a factor for the strength of a penalty.
Schedule = Callable[[float], float]


def constant_schedule(progress: float) -> float:
    """Full strength all the time."""
    del progress
    return 1.0


def linear_ramp(progress: float, full_at: float = 0.5) -> float:
    """From 0 up to full strength at ``full_at`` of the run, then constant."""
    return min(1.0, progress / full_at)


def geometric_ramp(progress: float, first: float = 1e-3, full_at: float = 0.7) -> float:
    """From ``first`` up to full strength at ``full_at`` of the run by equal factors, then constant."""
    return float(first ** max(0.0, 1.0 - progress / full_at))


def soft_threshold(weight: Tensor, threshold: float | Tensor) -> Tensor:
    r"""Proximal operator of the absolute value.

    .. math:: \operatorname{prox}_{t|\cdot|}(w) = \operatorname{sign}(w) \max(|w| - t, 0)

    Parikh and Boyd 2014, "Proximal algorithms", section 6.5.2, doi:10.1561/2400000003.

    Parameters
    ----------
    weight : Tensor
        Any shape.
    threshold : float or Tensor
        Non-negative, broadcast against ``weight``.

    Examples
    --------
    >>> soft_threshold(torch.tensor([-2.0, 0.5, 3.0]), 1.0)
    tensor([-1., 0., 2.])
    """
    return torch.sign(weight) * (weight.abs() - threshold).clamp(min=0.0)


class AbstractPenalty(ABC):
    """A separable penalty on weights.

    Parameters
    ----------
    strength : float
        Factor in front, non-negative; the data term is the mean loss.
    schedule : callable
        Factor on the strength as a function of the progress of the run.
    """

    def __init__(self, strength: float, schedule: Schedule = linear_ramp) -> None:
        if not strength >= 0:
            raise ValueError(f"The strength of a penalty must be >= 0, however: {strength!r}.")
        self.strength = float(strength)
        self.schedule = schedule
        self.current = 0.0

    def begin(self, weights: Tensor) -> None:
        """Start a run with these weights, shape (R, P)."""
        self.advance(weights, 0.0)

    def advance(self, weights: Tensor, progress: float) -> None:
        """Go on to this point of the run, once per iteration."""
        del weights
        self.current = self.strength * self.schedule(progress)

    def restart(self, weights: Tensor, networks: Tensor) -> None:
        """Forget what is known of these networks (k,): they have new ``weights``, given as those of all, (R, P)."""
        del weights, networks

    @property
    def annealing(self) -> bool:
        """Whether the penalty is still changing, so that no network can have converged."""
        return self.current < self.strength

    @abstractmethod
    def value(self, weights: Tensor) -> Tensor:
        """Penalty of each network; weights (R, P) -> (R,). Differentiable by autograd."""

    @abstractmethod
    def majorise(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Curvature ``d >= 0`` and centre ``c`` of the touching quadratic, both (R, P)."""


class L1Penalty(AbstractPenalty):
    r"""Sum of absolute values, rounded off at zero: :math:`s \sum \sqrt{w^2 + \epsilon^2}`.

    Parameters
    ----------
    strength, schedule
        See `AbstractPenalty`.
    epsilon : float
        Size below which a weight counts as zero.
    """

    def __init__(self, strength: float, schedule: Schedule = linear_ramp, epsilon: float = 1e-4) -> None:
        super().__init__(strength, schedule)
        self.epsilon = epsilon

    def value(self, weights: Tensor) -> Tensor:
        return self.current * (weights * weights + self.epsilon**2).sqrt().sum(dim=-1)

    def majorise(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        curvature = self.current / (weights * weights + self.epsilon**2).sqrt()
        return curvature, torch.zeros_like(weights)


class LogSumPenalty(AbstractPenalty):
    r"""Sum of logarithms: :math:`\tfrac s2 \sum \log(1 + w^2 / \epsilon^2)`.

    Close to counting weights: a large weight hardly costs more than a middling one. Candes, Wakin and Boyd 2008,
    "Enhancing sparsity by reweighted l1 minimization", section 2.2, doi:10.1007/s00041-008-9045-x, in the smooth form
    of Chartrand and Yin 2008 for p = 0.

    Parameters
    ----------
    strength, schedule
        See `AbstractPenalty`.
    epsilon : float
        Size below which a weight counts as zero.
    """

    def __init__(self, strength: float, schedule: Schedule = linear_ramp, epsilon: float = 1e-3) -> None:
        super().__init__(strength, schedule)
        self.epsilon = epsilon

    def value(self, weights: Tensor) -> Tensor:
        return 0.5 * self.current * torch.log1p((weights / self.epsilon) ** 2).sum(dim=-1)

    def majorise(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        return self.current / (weights * weights + self.epsilon**2), torch.zeros_like(weights)


class ADMMPenalty(AbstractPenalty):
    r"""The quadratic of the alternating direction method of multipliers, pulling weights to a sparse target.

    With ``target`` z, scaled ``dual`` u and ``rho``, the penalty is :math:`\tfrac\rho2 \|w - z + u\|^2`; every
    ``update_every`` iterations :math:`z \leftarrow \operatorname{prox}_{(\alpha/\rho)|\cdot|}(w + u)` and
    :math:`u \leftarrow u + w - z` (Boyd et al. 2011, section 6.3, doi:10.1561/2200000016; for LIES networks
    arXiv 2506.08267).

    Parameters
    ----------
    strength : float
        The weight alpha of the absolute values that the target is sparse for.
    rho : float
        Strength of the pull, positive.
    update_every : int
        Iterations between two updates of target and dual.
    schedule
        Factor on ``strength``. The pull itself is not annealed.

    Notes
    -----
    NOTE[DIFF]: the reference scripts take the norm, not its square, of the distance to the target; the square is what
    the method's convergence proof is about.
    """

    def __init__(
        self, strength: float, rho: float = 1e-2, update_every: int = 3, schedule: Schedule = linear_ramp
    ) -> None:
        super().__init__(strength, schedule)
        if not rho > 0:
            raise ValueError(f"rho must be positive, however: {rho!r}.")
        self.rho = float(rho)
        self.update_every = update_every
        self.target = torch.zeros(0)
        self.dual = torch.zeros(0)
        self._count = 0

    def begin(self, weights: Tensor) -> None:
        self.target = weights.detach().clone()
        self.dual = torch.zeros_like(self.target)
        self._count = 0
        super().begin(weights)

    def advance(self, weights: Tensor, progress: float) -> None:
        super().advance(weights, progress)
        self._count += 1
        if self._count % self.update_every == 0:
            weights = weights.detach()
            self.target = soft_threshold(weights + self.dual, self.current / self.rho)
            self.dual = self.dual + weights - self.target

    def restart(self, weights: Tensor, networks: Tensor) -> None:
        self.target[networks] = weights.detach()[networks]
        self.dual[networks] = 0.0

    def value(self, weights: Tensor) -> Tensor:
        return 0.5 * self.rho * ((weights - self.target + self.dual) ** 2).sum(dim=-1)

    def majorise(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full_like(weights, self.rho), self.target - self.dual
