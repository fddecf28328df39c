"""First-order minibatch training of a batch of networks: the paper's way, and the way where Jacobians are too large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from closedform.losses import Loss, SquaredLoss
from closedform.training.contracts import Clock, DifferentiableModel
from closedform.training.sparsity import AbstractPenalty


@dataclass(frozen=True)
class FirstOrderSettings:
    """How to descend (defaults: arXiv 2506.08267).

    Parameters
    ----------
    n_epochs : int
        Passes over the rows.
    batch_size : int
        Rows per step.
    learning_rate : float
        Of RMSprop.
    decay : float
        Factor on the learning rate after each pass.
    range_penalty : float
        Weight of illegal arguments.
    patience : int
        Passes without a better loss after which the run ends.
    """

    n_epochs: int = 25
    batch_size: int = 128
    learning_rate: float = 1.5e-2
    decay: float = 0.95
    range_penalty: float = 1e-1
    patience: int = 10


def rmsprop(
    model: DifferentiableModel,
    weights: Tensor,
    X: Tensor,
    y: Tensor,
    *,
    rng: np.random.Generator,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    loss: Loss | None = None,
    penalty: AbstractPenalty | None = None,
    settings: FirstOrderSettings | None = None,
    budget: Clock | None = None,
) -> tuple[Tensor, Tensor]:
    """Train every network of a batch by RMSprop on minibatches.

    Parameters
    ----------
    model : DifferentiableModel
        The shared structure.
    weights : Tensor of shape (R, P)
        Start values.
    X : Tensor of shape (N, n_inputs)
        Rows.
    y : Tensor of shape (N,)
        Target.
    rng : numpy.random.Generator
        Shuffles the rows.
    mask : bool Tensor of shape (R, P), optional
        Free weights of each network; the others keep their start values.
    sample_weight : Tensor of shape (N,), optional
        Non-negative weights of the rows.
    loss : Loss, optional
        Squared by default.
    penalty : AbstractPenalty, optional
        Sparsity.
    settings : FirstOrderSettings, optional
        How to descend.
    budget : Clock, optional
        Asked before every pass.

    Returns
    -------
    weights : Tensor of shape (R, P)
        The best of each network after any pass.
    loss : Tensor of shape (R,)
        Mean loss there; inf where no pass had a finite one.
    """
    loss, settings = loss or SquaredLoss(), settings or FirstOrderSettings()
    rows_weight = torch.ones_like(y) if sample_weight is None else sample_weight / sample_weight.mean()
    free = weights.clone().requires_grad_(True)
    optimiser = torch.optim.RMSprop([free], lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, settings.decay)
    best, best_loss = weights.clone(), weights.new_full((len(weights),), torch.inf)
    stale = 0
    if penalty is not None:
        penalty.begin(weights)
    for epoch in range(settings.n_epochs):
        if stale >= settings.patience or (budget is not None and budget.expired()):
            break
        for rows in torch.from_numpy(rng.permutation(len(X))).split(settings.batch_size):
            optimiser.zero_grad()
            batch = (X[rows], y[rows], rows_weight[rows])
            _objective(model, free, *batch, loss, penalty, settings.range_penalty).backward()
            # A network whose gradient is not finite stands still; the others must not suffer from it.
            if free.grad is not None:
                torch.nan_to_num_(free.grad, nan=0.0, posinf=0.0, neginf=0.0)
                free.grad *= 1.0 if mask is None else mask
            optimiser.step()
        schedule.step()
        current = free.detach()
        if penalty is not None:
            penalty.advance(current, (epoch + 1) / settings.n_epochs)
        reached = loss.value(y, model.predict(current, X), rows_weight, torch)
        better = reached < best_loss
        best[better], best_loss[better] = current[better], reached[better]
        stale = 0 if bool(better.any()) else stale + 1
    return best, best_loss


def _objective(
    model: DifferentiableModel,
    weights: Tensor,
    X: Tensor,
    y: Tensor,
    row_weight: Tensor,
    loss: Loss,
    penalty: AbstractPenalty | None,
    range_penalty: float,
) -> Tensor:
    """Sum over networks of the mean loss of a batch; ``row_weight`` (N,) has mean one over all rows, not the batch."""
    features, excess = model.features_and_excess(weights, X)
    pointwise = loss.pointwise(model.read_out(weights, features) - y, torch)
    total = (row_weight * (pointwise + range_penalty * excess)).mean(dim=1)
    if penalty is not None:
        total = total + penalty.value(weights)
    return torch.where(torch.isfinite(total), total, torch.zeros_like(total)).sum()
