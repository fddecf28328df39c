"""What least-squares training asks of a model, how it is told to iterate, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class LinearisedModel(Protocol):
    """What a model gives at its current weights; see `closedform.networks.lies_batched.Linearisation`."""

    @property
    def values(self) -> Tensor:
        """Outputs (R, N)."""
        ...

    @property
    def jacobian(self) -> Tensor:
        """Derivatives (R, K, N)."""
        ...

    @property
    def excess(self) -> Tensor:
        """Illegal parts of arguments (R, N)."""
        ...

    @property
    def excess_jacobian(self) -> Tensor | None:
        """Derivatives of the illegal parts (R, K, N), or None where there are none."""
        ...


class BatchedModel(Protocol):
    """What Levenberg-Marquardt needs of a model; `closedform.networks.BatchedLIES` is one."""

    @property
    def linear_weights(self) -> Tensor:
        """Numbers (L,) of the weights in which the output is linear, with the features as coefficients."""
        ...

    def features_and_excess(self, weights: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
        """Features (R, L, N) that the linear weights multiply, and the illegal parts (R, N)."""
        ...

    def linearise(self, weights: Tensor, X: Tensor, columns: Tensor, *, with_excess: bool) -> LinearisedModel:
        """Outputs and derivatives in the weights ``columns`` (R, K)."""
        ...


class DifferentiableModel(Protocol):
    """What first-order training needs of a structure shared by networks that differ in their weights."""

    def predict(self, weights: Tensor, X: Tensor) -> Tensor:
        """Outputs; weights (R, P), X (N, n_inputs) -> (R, N)."""
        ...

    def read_out(self, weights: Tensor, features: Tensor) -> Tensor:
        """Outputs from features; weights (R, P), features (R, D, N) -> (R, N)."""
        ...

    def features_and_excess(self, weights: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
        """Features (R, D, N) and the illegal parts of all arguments (R, N)."""
        ...


class Clock(Protocol):
    """Anything that knows whether time is up."""

    def expired(self) -> bool:
        """Whether to stop."""
        ...


@dataclass(frozen=True)
class LMSettings:
    """How to iterate.

    Parameters
    ----------
    max_iter : int
        Iterations at most.
    damping : float
        First damping, in units of the target's variance.
    shrink : float
        Smallest factor of the damping after a good step. A small factor is bold: it lets a network that has found its
        valley become Gauss-Newton at once.
    tol : float
        A network has converged when ``patience`` accepted steps lower its objective by less than this fraction without
        a better one in between.
    patience : int
        See ``tol``.
    floor : float
        A network whose mean loss is below has converged; in units of the target's variance.
    range_penalty : float
        Weight of illegal arguments of log and exp units, in units of the target's variance; 0 ignores them.
    exact_readout : bool
        Solve for the linear weights after every step (variable projection in the sense of Ruhe and Wedin 1980, whose
        cheaper algorithm needs no derivative of the projector), kept where it is better.
    """

    max_iter: int = 100
    damping: float = 1.0
    shrink: float = 0.03
    tol: float = 1e-5
    patience: int = 4
    floor: float = 1e-28
    range_penalty: float = 2e-2
    exact_readout: bool = True


@dataclass(frozen=True)
class LMResult:
    """Where the networks ended.

    Attributes
    ----------
    weights : Tensor of shape (R, P)
        Final weights; the masked ones are zero.
    loss : Tensor of shape (R,)
        Mean loss; inf for a network that never had a finite one.
    objective : Tensor of shape (R,)
        Mean loss plus penalties.
    illegal : Tensor of shape (R,)
        Mean squared illegal part of the arguments; zero when no clamp is active.
    converged : bool Tensor of shape (R,)
        Whether the network stopped by itself.
    n_iter : int
        Iterations made.
    n_replaced : int
        Dead networks that were replaced by fresh ones.
    """

    weights: Tensor
    loss: Tensor
    objective: Tensor
    illegal: Tensor
    converged: Tensor
    n_iter: int
    n_replaced: int
