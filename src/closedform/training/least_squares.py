r"""Levenberg-Marquardt for many small models at once.

All models ("networks") share one structure and differ in their weights; each has its own damping, its own acceptance
and its own set of free weights. One iteration is a batched Jacobian, a batched product :math:`J^T J`, summed over
blocks of rows, and a batched Cholesky solve. The objective per network is

.. math:: F(w) = \overline{\ell(r)} + \mu\, \overline{e^2} + \mathcal P(w)

with the mean loss of the residuals, the mean squared illegal part of the arguments (`range_penalty` is mu) and a
sparsity penalty. Losses enter by the weights of iteratively reweighted least squares, penalties by the quadratic that
touches them from above (see :mod:`closedform.training.sparsity`). Steps solve the normal equations plus a multiple of
the identity (Levenberg 1944): with the diagonal scaling of Marquardt 1963, networks slide along directions that hardly
matter into illegal arguments, and fewer of them arrive. The multiple follows Nielsen 1999, "Damping parameter in
Marquardt's method".
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from closedform.losses import Loss, SquaredLoss
from closedform.training._levenberg import Data, Run, rows_per_block
from closedform.training.contracts import BatchedModel, Clock, LMResult, LMSettings
from closedform.training.sparsity import AbstractPenalty


def levenberg_marquardt(
    model: BatchedModel,
    weights: Tensor,
    X: Tensor,
    y: Tensor,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    loss: Loss | None = None,
    penalty: AbstractPenalty | None = None,
    settings: LMSettings | None = None,
    replace: Callable[[Tensor], Tensor] | None = None,
    budget: Clock | None = None,
) -> LMResult:
    """Fit every network of a batch.

    Parameters
    ----------
    model : BatchedModel
        The shared structure.
    weights : Tensor of shape (R, P)
        Start values, float64.
    X : Tensor of shape (N, n_inputs)
        Rows. Memory is about ``R * N`` numbers per feature of the network; thousands of rows are plenty.
    y : Tensor of shape (N,) or (R, N)
        Target, shared or one per network.
    mask : bool Tensor of shape (R, P), optional
        Free weights of each network; the others keep their start values. With zeros there, this is how a batch of
        different sparse architectures is trained, at the cost of the largest number of free weights among them.
    sample_weight : Tensor of shape (N,) or (R, N), optional
        Non-negative weights of the rows.
    loss : Loss, optional
        Squared by default.
    penalty : AbstractPenalty, optional
        Sparsity; while its schedule is running no network counts as converged.
    settings : LMSettings, optional
        How to iterate.
    replace : callable, optional
        Given the numbers (k,) of dead networks (not finite, or at rest at a loss a thousand times the best one),
        returns new start values (k, P) for them. Asked during the first half of the run.
    budget : Clock, optional
        Asked before every iteration.

    Returns
    -------
    LMResult
        Never worse, in the objective, than the start values.

    Examples
    --------
    >>> from closedform.networks import BatchedLIES, LIESLayout
    >>> model = BatchedLIES(LIESLayout(n_inputs=1, layers=()))  # a straight line
    >>> X = torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64)
    >>> result = levenberg_marquardt(model, torch.zeros(1, 2, dtype=torch.float64), X, 3.0 * X[:, 0] + 1.0)
    >>> [round(float(w), 6) for w in result.weights[0]]
    [3.0, 1.0]
    """
    rows = y.new_ones(len(X)) if sample_weight is None else sample_weight
    rows = (rows / rows.sum(dim=-1, keepdim=True)).expand(len(weights), -1)
    data = Data(model, X, y.expand(len(weights), -1), rows, loss or SquaredLoss())
    mask = torch.ones_like(weights, dtype=torch.bool) if mask is None else mask
    run = Run(data, weights.detach().clone(), mask, penalty, settings or LMSettings())
    return run.run(replace, budget)


def normal_matrix(model: BatchedModel, weights: Tensor, X: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    """Mean over rows of the products of derivatives, weighted by (N,); weights (R, P) -> (R, P, P)."""
    row_weight = X.new_ones(len(X)) if sample_weight is None else sample_weight
    columns = torch.arange(weights.shape[1], device=weights.device).expand(len(weights), -1)
    total = weights.new_zeros(len(weights), weights.shape[1], weights.shape[1])
    size = rows_per_block(weights.numel())
    for rows, counts in zip(X.split(size), row_weight.split(size), strict=True):
        jacobian = model.linearise(weights, rows, columns, with_excess=False).jacobian
        total += (jacobian * counts) @ jacobian.mT
    return total / row_weight.sum()
