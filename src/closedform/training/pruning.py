"""Take weights away from trained networks: by sensitivity, in one cut or step by step with a refit after each.

The step-by-step version works on a batch of networks: each has its own set of free weights, its own proposal for the
next cut and its own verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from closedform.losses import Loss
from closedform.networks.lies_batched import BatchedLIES
from closedform.training._levenberg import rows_per_block
from closedform.training.contracts import Clock, LMResult, LMSettings
from closedform.training.least_squares import levenberg_marquardt, normal_matrix

Criterion = Literal["sensitivity", "surgeon"]


def sensitivity(model: BatchedLIES, weights: Tensor, X: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    r"""How much each weight does: :math:`\overline{|w \, \partial\hat y / \partial w|}`, the mean over rows.

    This is the change of the output, to first order, when the weight is taken away (arXiv 2506.08267, pruning).

    Shape
    -----
    weights (R, P), X (N, n_inputs), sample_weight (N,) -> (R, P)
    """
    row_weight = X.new_ones(len(X)) if sample_weight is None else sample_weight
    total = torch.zeros_like(weights)
    block = rows_per_block(weights.numel())
    for rows, counts in zip(X.split(block), row_weight.split(block), strict=True):
        total += model.linearise(weights, rows).jacobian.abs() @ counts
    return weights.abs() * total / row_weight.sum()


def surgeon_saliency(normal: Tensor, weights: Tensor, free: Tensor) -> Tensor:
    r"""Rise of the mean squared error when one weight goes and the others make up for it as well as they can.

    :math:`w_p^2 / [H^{-1}]_{pp}` with the Gauss-Newton matrix `H` = ``normal`` (mean of products of derivatives), the
    optimal brain surgeon of Hassibi and Stork 1993, "Second order derivatives for network pruning". Where `H` is
    singular, as in every network with two equivalent ways to say the same, a small ridge picks one.

    Shape
    -----
    normal (R, P, P), weights (R, P), free bool (R, P) -> (R, P), inf for weights that are not free
    """
    keep = free[:, :, None] & free[:, None, :]
    matrix = torch.where(keep, normal, 0.0)
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    ridge = 1e-10 * diagonal.amax(dim=1, keepdim=True) + 1e-30
    diagonal.copy_(torch.where(free, diagonal + ridge, 1.0))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky_ex(matrix)[0]).diagonal(dim1=1, dim2=2)
    return torch.where(free, weights**2 / inverse.clamp(min=1e-300), torch.inf)


def quantile_mask(model: BatchedLIES, weights: Tensor, mask: Tensor, X: Tensor, quantile: float) -> Tensor:
    """The paper's pruning: in every layer the least sensitive fraction of the weights goes.

    A unit whose outgoing weights all go, takes its incoming ones along (`LIESLayout.live`); so does, in the paper's
    words, a bridge.

    Parameters
    ----------
    model, weights, X
        Networks (R, P) and rows.
    mask : bool Tensor of shape (R, P)
        Weights that are still there.
    quantile : float
        Fraction of each layer's weights to cut, 0 to 1.

    Returns
    -------
    bool Tensor of shape (R, P)
    """
    if not 0.0 <= quantile <= 1.0:
        raise ValueError(f"quantile must lie between 0 and 1, however: {quantile!r}.")
    value = torch.where(mask, sensitivity(model, weights, X), torch.inf)
    keep = mask.clone()
    layers = torch.as_tensor(model.layout.layer_of_weight, device=mask.device)
    for layer in range(model.layout.depth + 1):
        inside = mask & (layers == layer)
        count = (quantile * inside.sum(dim=1)).long()
        rank = torch.where(inside, value, torch.inf).argsort(dim=1).argsort(dim=1)
        keep &= ~(inside & (rank < count[:, None]))
    return live_mask(model, keep)


def live_mask(model: BatchedLIES, mask: Tensor) -> Tensor:
    """The mask (R, P) without weights that cannot change the output."""
    return torch.as_tensor(model.layout.live(mask.numpy(force=True)), device=mask.device)


def _without_constant_units(model: BatchedLIES, weights: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and mask (R, P) with the values of units that no input reaches moved into biases."""
    moved, left = model.layout.without_constant_units(weights.numpy(force=True), mask.numpy(force=True))
    return torch.as_tensor(moved, device=mask.device), torch.as_tensor(left, device=mask.device)


@dataclass(frozen=True)
class PruneSettings:
    """How to cut step by step.

    Parameters
    ----------
    criterion : {"surgeon", "sensitivity"}
        What ranks the weights.
    first_cut : float
        Fraction of the weights that the first proposal cuts; halved after a failure, and grown again after a success.
    max_rounds : int
        Proposals at most.
    refit : LMSettings
        How the others are refitted after a cut.
    """

    criterion: Criterion = "surgeon"
    first_cut: float = 0.3
    max_rounds: int = 60
    refit: LMSettings = field(default_factory=lambda: LMSettings(max_iter=12))


def prune_with_refit(
    model: BatchedLIES,
    weights: Tensor,
    mask: Tensor,
    X: Tensor,
    y: Tensor,
    *,
    limit: Tensor,
    loss: Loss | None = None,
    sample_weight: Tensor | None = None,
    settings: PruneSettings | None = None,
    budget: Clock | None = None,
) -> tuple[LMResult, Tensor]:
    """Cut as many weights as the error allows.

    Each round every network proposes to cut its least important weights, is refitted without them and keeps the cut if
    its loss stays below its limit. When a proposal of a single weight fails, that weight is left alone from then on.

    Parameters
    ----------
    model, X, y, loss, sample_weight, budget
        As for `levenberg_marquardt`; weights of rows are shared by all networks, (N,).
    weights : Tensor of shape (R, P)
        Trained networks.
    mask : bool Tensor of shape (R, P)
        Weights that are there.
    limit : Tensor of shape (R,)
        Loss that a cut may not exceed.
    settings : PruneSettings, optional
        How to cut.

    Returns
    -------
    result : LMResult
        The last accepted networks.
    mask : bool Tensor of shape (R, P)
        What is left of them.
    """
    settings = settings or PruneSettings()

    def fit(start: Tensor, free: Tensor) -> LMResult:
        return levenberg_marquardt(
            model,
            torch.where(free, start, 0.0),
            X,
            y,
            mask=free,
            loss=loss,
            sample_weight=sample_weight,
            settings=settings.refit,
            budget=budget,
        )

    state = fit(weights, mask)
    mask, needed = mask.clone(), torch.zeros_like(mask)
    share = weights.new_full((len(weights),), settings.first_cut)
    open_ = state.loss <= limit
    for _ in range(settings.max_rounds):
        if not bool(open_.any()) or (budget is not None and budget.expired()):
            break
        value = _importance(model, state.weights, mask, X, sample_weight, settings.criterion)
        candidates = mask & ~needed
        count = torch.clamp((share * candidates.sum(dim=1)).long(), min=1)
        rank = torch.where(candidates, value, torch.inf).argsort(dim=1).argsort(dim=1)
        cut = candidates & (rank < count[:, None]) & open_[:, None]
        networks = open_.nonzero()[:, 0]
        start, trial_mask = _without_constant_units(model, state.weights[networks], (mask & ~cut)[networks])
        trial = fit(start, trial_mask)
        good = trial.loss <= limit[networks]
        state = _merge(state, trial, networks, good)
        mask[networks[good]] = trial_mask[good]
        failed = torch.zeros_like(open_)
        failed[networks[~good]] = True
        needed |= cut & (failed & (count == 1))[:, None]
        share = torch.where(failed, 0.4 * share, (1.3 * share).clamp(max=settings.first_cut))
        open_ &= (mask & ~needed).any(dim=1)
    return state, mask


def _importance(
    model: BatchedLIES, weights: Tensor, mask: Tensor, X: Tensor, sample_weight: Tensor | None, criterion: Criterion
) -> Tensor:
    if criterion == "sensitivity":
        return sensitivity(model, weights, X, sample_weight)
    normal = normal_matrix(model, weights, X, sample_weight)
    return surgeon_saliency(normal, weights, mask)


def _merge(state: LMResult, trial: LMResult, networks: Tensor, good: Tensor) -> LMResult:
    """``state`` with the good ones among the ``networks`` taken from ``trial``."""
    chosen = networks[good]
    fields = {}
    for name in ("weights", "loss", "objective", "illegal", "converged"):
        value = getattr(state, name).clone()
        value[chosen] = getattr(trial, name)[good]
        fields[name] = value
    return replace(state, **fields)
