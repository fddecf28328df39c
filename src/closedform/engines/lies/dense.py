"""Networks with random start, as in the paper: train, sparsify, oversample, prune, read out.

What the paper (arXiv 2506.08267) does with one network and first-order steps is done here with a batch of networks at
once; every piece can be switched off on :class:`~closedform.engines.lies.engine.LIESEngine`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from closedform.engines.base import Budget, FloatArray, Problem
from closedform.losses import Loss, get_loss
from closedform.networks import BatchedLIES, LIESLayout, initial_weights, read_out
from closedform.symbolic.expression import Expression, apply, constant, variable
from closedform.training.contracts import LMSettings
from closedform.training.first_order import FirstOrderSettings, rmsprop
from closedform.training.least_squares import levenberg_marquardt
from closedform.training.oversampling import oversampled_rows
from closedform.training.pruning import PruneSettings, prune_with_refit
from closedform.training.sparsity import AbstractPenalty, ADMMPenalty, L1Penalty, LogSumPenalty

if TYPE_CHECKING:
    from closedform.engines.lies.engine import LIESEngine

_PENALTIES: dict[str, type[AbstractPenalty]] = {"admm": ADMMPenalty, "logsum": LogSumPenalty, "l1": L1Penalty}
# Strengths in units of the variance of the standardised target: small enough not to bend a fit that is right.
_STRENGTHS = {"admm": 1e-3, "logsum": 1e-5, "l1": 1e-4}
# Pruning may raise the loss by this factor, or to this share of the target's variance.
_ALLOWED_RISE = 1.5
_NEGLIGIBLE = 1e-18
_READ_OUT = 4
# A weight below this share of the largest one is not there.
_ZERO = 1e-9


@dataclass(frozen=True)
class _Space:
    """Data as the networks see them, and how their output becomes a formula of the target."""

    X: FloatArray
    y: FloatArray
    weight: FloatArray | None
    inputs: tuple[Expression, ...]
    centre: float
    scale: float
    exponential: bool

    def formula(self, standardised: Expression) -> Expression:
        """The target from the network's output, which is for a target of mean 0 and variance 1."""
        whole = apply("add", apply("mul", constant(self.scale), standardised), constant(self.centre))
        return apply("exp", whole) if self.exponential else whole


@dataclass(frozen=True)
class _Rows:
    """Rows to train on, with their weights."""

    X: Tensor
    y: Tensor
    weight: Tensor | None

    @classmethod
    def of(cls, space: _Space) -> _Rows:
        weight = None if space.weight is None else torch.from_numpy(space.weight)
        return cls(torch.from_numpy(space.X), torch.from_numpy(space.y), weight)

    def take(self, index: Tensor) -> _Rows:
        return _Rows(self.X[index], self.y[index], None if self.weight is None else self.weight[index])


def train_dense(problem: Problem, engine: LIESEngine, rng: np.random.Generator, budget: Budget) -> Iterator[Expression]:
    """Formulas of trained networks, round after round, until the budget is used up or the rounds are done.

    Parameters
    ----------
    problem : Problem
        Rows to train on; a few hundred are plenty.
    engine : LIESEngine
        Settings.
    rng : numpy.random.Generator
        Source of all randomness.
    budget : Budget
        Asked before every iteration.

    Yields
    ------
    Expression
        With the constants of the network. Where a unit was frozen on some row, the formula differs from the network
        there; the caller refits it without the clamp, and drops it where it is not defined.
    """
    spaces = list(_spaces(problem, engine.log_space))
    rounds = [(depth, width) for width in range(1, engine.width + 1) for depth in range(1, engine.depth + 1)]
    for depth, width in rounds:
        for space in spaces:
            if budget.expired():
                return
            yield from _round(space, LIESLayout.uniform(problem.n_features, depth, width), engine, rng, budget)


def _spaces(problem: Problem, log_space: bool) -> Iterator[_Space]:
    """The data scaled by their largest values, and once more in logarithms where everything is positive."""
    weight = problem.sample_weight
    yield _space(problem.X, problem.y, weight, [variable(name) for name in problem.names], exponential=False)
    if log_space and (problem.X > 0).all() and (problem.y > 0).all():
        inputs = [apply("log", variable(name)) for name in problem.names]
        yield _space(np.log(problem.X), np.log(problem.y), weight, inputs, exponential=True)


def _space(
    X: FloatArray, y: FloatArray, weight: FloatArray | None, inputs: Sequence[Expression], *, exponential: bool
) -> _Space:
    largest = np.abs(X).max(axis=0)
    largest = np.where(largest > 0, largest, 1.0)
    scaled = [apply("mul", constant(1.0 / float(m)), column) for m, column in zip(largest, inputs, strict=True)]
    centre = float(np.average(y, weights=weight))
    spread = float(np.sqrt(np.average((y - centre) ** 2, weights=weight)))
    spread = spread if spread > 0 else 1.0
    return _Space(X / largest, (y - centre) / spread, weight, tuple(scaled), centre, spread, exponential)


def _round(
    space: _Space, layout: LIESLayout, engine: LIESEngine, rng: np.random.Generator, budget: Budget
) -> Iterator[Expression]:
    """One batch of networks of one layout, trained and read out, best first."""
    batch = _Batch(BatchedLIES(layout), engine, rng, budget)
    rows = _Rows.of(space)
    weights, reached = batch.train(initial_weights(layout, rows.X, engine.restarts, rng), rows)
    if engine.oversample and not budget.expired():
        weights, reached = batch.train_again(weights, reached, rows)
    best = [int(k) for k in torch.argsort(reached)[:_READ_OUT] if bool(torch.isfinite(reached[k]))]
    chosen = weights[best]
    if engine.prune and best and not budget.expired():
        chosen = batch.pruned(chosen, reached[best], rows)
    for row in chosen.numpy():
        kept = np.where(np.abs(row) > _ZERO * np.abs(row).max(), row, 0.0)
        live, _ = layout.without_constant_units(kept, kept != 0.0)
        formula = read_out(layout, live, space.inputs)
        if formula.variables:
            yield space.formula(formula)


@dataclass(frozen=True)
class _Batch:
    """Networks of one layout, and how they are trained."""

    model: BatchedLIES
    engine: LIESEngine
    rng: np.random.Generator
    budget: Budget

    @property
    def loss(self) -> Loss:
        return get_loss(self.engine.loss)

    def train(self, weights: Tensor, rows: _Rows) -> tuple[Tensor, Tensor]:
        """Weights (R, P) and mean loss (R,) after training with annealed sparsity."""
        kind = self.engine.sparsity
        common: dict[str, Any] = {
            "sample_weight": rows.weight,
            "loss": self.loss,
            "penalty": None if kind is None else _PENALTIES[kind](_STRENGTHS[kind]),
            "budget": self.budget,
        }
        if not self.engine.second_order:
            settings = FirstOrderSettings(n_epochs=60)
            return rmsprop(self.model, weights, rows.X, rows.y, rng=self.rng, settings=settings, **common)
        result = levenberg_marquardt(
            self.model,
            weights,
            rows.X,
            rows.y,
            settings=LMSettings(max_iter=120),
            replace=lambda dead: initial_weights(self.model.layout, rows.X, len(dead), self.rng),
            **common,
        )
        return result.weights, result.loss

    def train_again(self, weights: Tensor, reached: Tensor, rows: _Rows) -> tuple[Tensor, Tensor]:
        """Train on rows of which many come from the worst cell of the best network; kept where all rows are better."""
        best = int(torch.argmin(reached))
        residual = (self.model.predict(weights[best : best + 1], rows.X)[0] - rows.y).numpy()
        if not np.isfinite(residual).all():
            return weights, reached
        counts = None if rows.weight is None else rows.weight.numpy()
        index = oversampled_rows(rows.X.numpy(), residual, len(rows.X), self.rng, sample_weight=counts)
        again, _ = self.train(weights, rows.take(torch.from_numpy(index)))
        judged = self.loss.value(rows.y, self.model.predict(again, rows.X), rows.weight, torch)
        better = judged < reached
        return torch.where(better[:, None], again, weights), torch.where(better, judged, reached)

    def pruned(self, weights: Tensor, reached: Tensor, rows: _Rows) -> Tensor:
        """Weights (R, P) with those at zero that can go."""
        result, mask = prune_with_refit(
            self.model,
            weights,
            weights != 0,
            rows.X,
            rows.y,
            limit=torch.clamp(_ALLOWED_RISE * reached, min=_NEGLIGIBLE),
            loss=self.loss,
            sample_weight=rows.weight,
            settings=PruneSettings(),
            budget=self.budget,
        )
        return torch.where(mask, result.weights, torch.zeros_like(result.weights))
