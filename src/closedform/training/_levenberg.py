"""The iteration behind :func:`closedform.training.least_squares.levenberg_marquardt`, and its data term."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from closedform.losses import Loss
from closedform.training.contracts import BatchedModel, Clock, LMResult, LMSettings
from closedform.training.sparsity import AbstractPenalty

# Doubles that one block of a Jacobian may take: 32 MB, above which larger blocks gain nothing.
_BLOCK_NUMBERS = 2**22
_SMALLEST_DAMPING = 1e-14
_LARGEST_DAMPING = 1e10


@dataclass(frozen=True)
class Data:
    """The data term: what the networks are fitted to. ``row_weight`` (R, N) sums to one per network."""

    model: BatchedModel
    X: Tensor
    y: Tensor
    row_weight: Tensor
    loss: Loss

    def losses(self, values: Tensor, networks: Tensor) -> Tensor:
        """Mean loss (k,) of outputs (k, N) of some networks."""
        pointwise: Tensor = self.loss.pointwise(values - self.y[networks], xp=torch)
        return torch.nan_to_num((self.row_weight[networks] * pointwise).sum(dim=-1), nan=math.inf)

    def illegal(self, excess: Tensor, networks: Tensor) -> Tensor:
        """Mean squared illegal part (k,) from excesses (k, N)."""
        return torch.nan_to_num((excess**2 * self.row_weight[networks]).sum(dim=-1), nan=math.inf)

    def second_order_weights(self, values: Tensor, networks: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals and the weights of their squares, both (k, N)."""
        residual = values - self.y[networks]
        return residual, self.row_weight[networks] * self.loss.irls_weight(residual, xp=torch)

    def block(self, rows: slice) -> Data:
        """The same term on some rows only; its row weights sum to less than one."""
        return Data(self.model, self.X[rows], self.y[:, rows], self.row_weight[:, rows], self.loss)

    def target_variance(self) -> Tensor:
        """Weighted variance (R,) of the target, 1 where it is constant."""
        mean = (self.row_weight * self.y).sum(dim=1, keepdim=True)
        variance = (self.row_weight * (self.y - mean) ** 2).sum(dim=1)
        return torch.where(variance > 0, variance, 1.0)


class Run:
    """One run of the algorithm; every attribute has one entry per network."""

    def __init__(
        self, data: Data, weights: Tensor, mask: Tensor, penalty: AbstractPenalty | None, settings: LMSettings
    ) -> None:
        self.data, self.weights, self.mask = data, weights, mask
        self.penalty, self.settings = penalty, settings
        n_networks = len(weights)
        self.columns, self.used = _free_columns(mask)
        size = self.columns.shape[1]
        self.unit = data.target_variance()
        self.normal = weights.new_zeros(n_networks, size, size)
        self.gradient = weights.new_zeros(n_networks, size)
        self.damping = settings.damping * self.unit
        self.growth = weights.new_full((n_networks,), 2.0)
        self.idle = weights.new_zeros(n_networks, dtype=torch.int64)
        self.moving = weights.new_ones(n_networks, dtype=torch.bool)
        self.loss = weights.new_full((n_networks,), math.inf)
        self.illegal = weights.new_zeros(n_networks)
        self.n_replaced = 0

    def run(self, replace: Callable[[Tensor], Tensor] | None, budget: Clock | None) -> LMResult:
        if self.penalty is not None:
            self.penalty.begin(self.weights)
        self._start(torch.arange(len(self.weights), device=self.weights.device))
        iteration = 0
        while iteration < self.settings.max_iter and bool(self.moving.any()):
            if budget is not None and budget.expired():
                break
            progress = (iteration + 1) / self.settings.max_iter
            if self.penalty is not None:
                self.penalty.advance(self.weights, progress)
            self._iterate()
            iteration += 1
            if replace is not None and progress < 0.5:
                self._replace_dead(replace)
        objective = self._penalised(self.weights, self._unpenalised(self.loss, self.illegal))
        return LMResult(self.weights, self.loss, objective, self.illegal, ~self.moving, iteration, self.n_replaced)

    def _start(self, networks: Tensor) -> None:
        """First losses and normal equations of these networks."""
        features, excess = self.data.model.features_and_excess(self.weights[networks], self.data.X)
        values = _read_out(self.weights[networks], features, self.data.model.linear_weights)
        self.loss[networks] = self.data.losses(values, networks)
        self.illegal[networks] = self.data.illegal(excess, networks)
        self.moving[networks] = torch.isfinite(self.loss[networks])
        self._linearise(networks[self.moving[networks]])

    def _unpenalised(self, loss: Tensor, illegal: Tensor, networks: Tensor | None = None) -> Tensor:
        """Loss plus the price of illegal arguments, one entry per given network."""
        unit = self.unit if networks is None else self.unit[networks]
        return loss + self.settings.range_penalty * unit * illegal

    def _penalised(self, weights: Tensor, value: Tensor, networks: Tensor | None = None) -> Tensor:
        """``value`` (k,) plus the sparsity penalty of these networks' ``weights`` (k, P)."""
        if self.penalty is None:
            return value
        if networks is None:
            return value + self.penalty.value(weights)
        everything = self.weights.clone()
        everything[networks] = weights
        return value + self.penalty.value(everything)[networks]

    def _majorise(self, networks: Tensor) -> tuple[Tensor, Tensor] | None:
        """Half the curvature, and the centre, of the penalty at the current weights, both (k, P)."""
        if self.penalty is None:
            return None
        curvature, centre = self.penalty.majorise(self.weights)
        return 0.5 * curvature[networks], centre[networks]

    def _linearise(self, networks: Tensor) -> None:
        """Normal equations of the data term at the current weights, summed over blocks of rows."""
        if not len(networks):
            return
        columns = self.columns[networks]
        block = rows_per_block(columns.numel())
        self.normal[networks] = 0.0
        self.gradient[networks] = 0.0
        for start in range(0, len(self.data.X), block):
            normal, gradient = self._equations(self.data.block(slice(start, start + block)), networks, columns)
            self.normal[networks] += normal
            self.gradient[networks] += gradient

    def _equations(self, data: Data, networks: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        price = self.settings.range_penalty
        line = data.model.linearise(self.weights[networks], data.X, columns, with_excess=price > 0)
        residual, row_weight = data.second_order_weights(line.values, networks)
        normal, gradient = _accumulate(line.jacobian, residual, row_weight)
        if line.excess_jacobian is not None:
            row_weight = price * self.unit[networks, None] * data.row_weight[networks]
            extra = _accumulate(line.excess_jacobian, line.excess, row_weight)
            normal, gradient = normal + extra[0], gradient + extra[1]
        return normal, gradient

    def _iterate(self) -> None:
        """One step of every moving network: solve, try, accept or damp."""
        networks = self.moving.nonzero()[:, 0]
        step, predicted = self._solve(networks)
        trial = self.weights[networks].scatter_add(1, self.columns[networks], -step)
        trial, loss, illegal = self._try(trial, networks)
        before = self._unpenalised(self.loss[networks], self.illegal[networks], networks)
        before = self._penalised(self.weights[networks], before, networks)
        after = self._penalised(trial, self._unpenalised(loss, illegal, networks), networks)
        better = after < before
        accepted = networks[better]
        self.weights[accepted] = trial[better]
        self.loss[accepted] = loss[better]
        self.illegal[accepted] = illegal[better]
        self._adapt(networks, better, before, after, predicted)
        self._linearise(accepted[self.moving[accepted]])

    def _solve(self, networks: Tensor) -> tuple[Tensor, Tensor]:
        """Damped Gauss-Newton step (k, K) and the decrease (k,) of the objective that the model predicts for it."""
        normal, gradient = self.normal[networks].clone(), self.gradient[networks]
        used, damping = self.used[networks], self.damping[networks, None]
        diagonal = normal.diagonal(dim1=1, dim2=2)
        if (ridge := self._majorise(networks)) is not None:
            columns = self.columns[networks]
            curvature = ridge[0].gather(1, columns)
            diagonal += curvature
            gradient = gradient + curvature * (self.weights[networks] - ridge[1]).gather(1, columns)
        diagonal += damping
        # Padding gets an equation of its own: 1 * step = 0.
        normal *= used[:, :, None] & used[:, None, :]
        diagonal.copy_(torch.where(used, diagonal, 1.0))
        gradient = torch.where(used, gradient, 0.0)
        factor, failed = torch.linalg.cholesky_ex(normal)
        step = torch.cholesky_solve(gradient[..., None], factor)[..., 0]
        step = torch.where((failed > 0)[:, None], math.nan, step)
        # F(w) - F(w - s) = 2 s.g - s.A s for the quadratic model, with A s = g - damping * s.
        return step, (step * (gradient + damping * step)).sum(dim=1)

    def _try(self, trial: Tensor, networks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weights (k, P), losses and illegal parts of a trial, with the linear weights solved for where that helps."""
        model = self.data.model
        features, excess = model.features_and_excess(trial, self.data.X)
        values = _read_out(trial, features, model.linear_weights)
        loss, illegal = self.data.losses(values, networks), self.data.illegal(excess, networks)
        if not self.settings.exact_readout:
            return trial, loss, illegal
        solved = self._solve_readout(trial, values, features, networks)
        loss_solved = self.data.losses(_read_out(solved, features, model.linear_weights), networks)
        better = self._penalised(solved, loss_solved, networks) < self._penalised(trial, loss, networks)
        return torch.where(better[:, None], solved, trial), torch.where(better, loss_solved, loss), illegal

    def _solve_readout(self, weights: Tensor, values: Tensor, features: Tensor, networks: Tensor) -> Tensor:
        """The same weights with the linear ones at their weighted, penalised least-squares solution."""
        linear = self.data.model.linear_weights
        residual, row_weight = self.data.second_order_weights(values, networks)
        free, current = self.mask[networks][:, linear], weights[:, linear]
        weighted = features * row_weight[:, None]
        matrix = weighted @ features.mT
        right = -(weighted @ residual[..., None])[..., 0]
        diagonal = matrix.diagonal(dim1=1, dim2=2)
        diagonal += 1e-13 * diagonal + 1e-30
        if (ridge := self._majorise(networks)) is not None:
            curvature, centre = ridge[0][:, linear], ridge[1][:, linear]
            diagonal += curvature
            right = right - curvature * (current - centre)
        matrix *= free[:, :, None] & free[:, None, :]
        diagonal.copy_(torch.where(free, diagonal, 1.0))
        factor, failed = torch.linalg.cholesky_ex(matrix)
        change = torch.cholesky_solve(torch.where(free, right, 0.0)[..., None], factor)[..., 0]
        solved = weights.clone()
        solved[:, linear] = torch.where((failed > 0)[:, None], current, current + change)
        return solved

    def _adapt(self, networks: Tensor, better: Tensor, before: Tensor, after: Tensor, predicted: Tensor) -> None:
        """Nielsen's rule for the damping, and who has come to rest."""
        gain = ((before - after) / predicted.clamp(min=1e-300)).clamp(-1.0, 1.0)
        shrink = (1.0 - (2.0 * gain - 1.0) ** 3).clamp(min=self.settings.shrink, max=1.0)
        damping, growth = self.damping[networks], self.growth[networks]
        unit = self.unit[networks]
        damping = torch.maximum(torch.where(better, damping * shrink, damping * growth), _SMALLEST_DAMPING * unit)
        self.damping[networks] = damping
        self.growth[networks] = torch.where(better, 2.0, growth * 2.0)
        real = better & (before - after > self.settings.tol * before)
        self.idle[networks] = torch.where(real, 0, self.idle[networks] + better.long())
        if self.penalty is not None and self.penalty.annealing:
            return
        at_rest = self.idle[networks] >= self.settings.patience
        stuck = damping > _LARGEST_DAMPING * unit
        self.moving[networks] = ~(at_rest | stuck | (self.loss[networks] < self.settings.floor * unit))

    def _replace_dead(self, replace: Callable[[Tensor], Tensor]) -> None:
        """Give the places of networks that are lost to fresh ones."""
        best = float(self.loss.min())
        dead = ~self.moving & ~torch.isfinite(self.loss)
        if math.isfinite(best):
            dead |= ~self.moving & (self.loss > 1e3 * best + self.settings.floor * self.unit)
        networks = dead.nonzero()[:, 0]
        if not len(networks):
            return
        self.weights[networks] = torch.where(self.mask[networks], replace(networks), self.weights[networks])
        self.damping[networks] = self.settings.damping * self.unit[networks]
        self.growth[networks] = 2.0
        self.idle[networks] = 0
        self.n_replaced += len(networks)
        if self.penalty is not None:
            self.penalty.restart(self.weights, networks)
        self._start(networks)


def rows_per_block(n_numbers: int) -> int:
    return max(64, _BLOCK_NUMBERS // max(1, n_numbers))


def _free_columns(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of the free weights per network, padded to a rectangle, and which entries are not padding."""
    counts = mask.sum(dim=1)
    width = max(1, int(counts.max()))
    # A stable sort of "not free" moves the free weights to the front in their own order.
    columns = torch.argsort((~mask).to(torch.int8), dim=1, stable=True)[:, :width]
    return columns, torch.arange(width, device=mask.device) < counts[:, None]


def _read_out(weights: Tensor, features: Tensor, linear: Tensor) -> Tensor:
    """Outputs (k, N) from features (k, L, N)."""
    return (weights[:, None, linear] @ features)[:, 0]


def _accumulate(jacobian: Tensor, residual: Tensor, row_weight: Tensor) -> tuple[Tensor, Tensor]:
    """``J W J^T`` (k, K, K) and ``J W r`` (k, K) for jacobian (k, K, N)."""
    weighted = jacobian * row_weight[:, None]
    return weighted @ jacobian.mT, (weighted @ residual[..., None])[..., 0]
