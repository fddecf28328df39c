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
from closedform.engines.lies.limits import limit_formula
from closedform.library.pool import build
from closedform.losses import Loss, get_loss
from closedform.networks import BatchedLIES, LIESLayout, initial_weights, read_out
from closedform.screening.view import whole_view
from closedform.symbolic.expression import Expression, apply, constant
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
# Pruning may raise the loss by this factor, or to this share of the target's variance: to one after the other, since a
# network that is right says many things twice, and what is left of it when it says less is exact again after a refit.
_ALLOWED_RISE = 1.5
_ALLOWED_ERRORS = (1e-18, 1e-6, 1e-3)
_READ_OUT = 4
# Networks whose losses differ by less than this share have most likely ended at the same place.
_SAME = 1e-4
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
    sign: int

    def formula(self, standardised: Expression) -> Expression:
        """The target from the network's output, which is for a target of mean 0 and variance 1."""
        whole = apply("add", apply("mul", constant(self.scale), standardised), constant(self.centre))
        return whole if self.sign == 0 else apply("mul", self.sign, apply("exp", whole))


@dataclass(frozen=True)
class _Rows:
    """Rows to train on, with their weights."""

    X: Tensor
    y: Tensor
    weight: Tensor | None

    @classmethod
    def of(cls, space: _Space, device: str) -> _Rows:
        weight = None if space.weight is None else torch.as_tensor(space.weight, device=device)
        return cls(torch.as_tensor(space.X, device=device), torch.as_tensor(space.y, device=device), weight)

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
    # A linear model costs nothing, and from logarithms to a logarithm it is a product of powers.
    rounds = [(0, 1), *((depth, width) for width in range(1, engine.width + 1) for depth in range(1, engine.depth + 1))]
    for depth, width in rounds:
        for space in spaces:
            if budget.expired():
                return
            yield from _round(space, LIESLayout.uniform(space.X.shape[1], depth, width), engine, rng, budget)


def _spaces(problem: Problem, log_space: bool) -> Iterator[_Space]:
    """The target, and the logarithm of its magnitude if it has one sign, from columns and logarithms of columns.

    NOTE[DIFF]: the paper takes y from x, or log y from log x. Columns and logarithms together hold both, spare
    ``x / (1 + y)`` a layer, and need no more than one column of one sign.
    """
    view = whole_view(problem)
    X, inputs = view.X, [build(recipe) for recipe in view.recipes]
    y, weight = problem.y, problem.sample_weight
    if log_space:
        signs = [_sign(column) for column in X.T]
        logs = [(j, sign) for j, sign in enumerate(signs) if sign]
        X = np.column_stack([X, *(np.log(sign * X[:, j]) for j, sign in logs)])
        inputs += [apply("log", inputs[j] if sign > 0 else apply("mul", sign, inputs[j])) for j, sign in logs]
    yield _space(X, y, weight, inputs, sign=0)
    if log_space and (sign := _sign(y)):
        yield _space(X, np.log(sign * y), weight, inputs, sign=sign)


def _sign(column: FloatArray) -> int:
    """1 or -1 for numbers of one sign, else 0."""
    return int((column > 0).all()) - int((column < 0).all())


def _space(
    X: FloatArray, y: FloatArray, weight: FloatArray | None, inputs: Sequence[Expression], *, sign: int
) -> _Space:
    largest = np.abs(X).max(axis=0)
    largest = np.where(largest > 0, largest, 1.0)
    scaled = [apply("mul", constant(1.0 / float(m)), column) for m, column in zip(largest, inputs, strict=True)]
    centre = float(np.average(y, weights=weight))
    spread = float(np.sqrt(np.average((y - centre) ** 2, weights=weight)))
    spread = spread if spread > 0 else 1.0
    return _Space(X / largest, (y - centre) / spread, weight, tuple(scaled), centre, spread, sign)


def _round(
    space: _Space, layout: LIESLayout, engine: LIESEngine, rng: np.random.Generator, budget: Budget
) -> Iterator[Expression]:
    """One batch of networks of one layout, trained and read out; once more with the worst rows oversampled."""
    batch = _Batch(BatchedLIES(layout, engine.device), engine, rng, budget)
    rows = _Rows.of(space, engine.device)
    # A linear model has one solution, wherever it starts.
    mask = _architectures(layout, engine.restarts if layout.depth else 1, rng).to(engine.device)
    weights, reached = batch.train(initial_weights(layout, rows.X, len(mask), rng, mask=mask), mask, rows)
    yield from _read_outs(space, batch, weights, reached, rows)
    if engine.oversample and layout.depth and not budget.expired():
        again, judged = batch.train_again(weights, mask, reached, rows)
        better = judged < reached
        yield from _read_outs(space, batch, again[better], judged[better], rows)


def _architectures(layout: LIESLayout, n_networks: int, rng: np.random.Generator) -> Tensor:
    """Weights that are there, bool (R, P): all of them in every other network, random units in those between.

    NOTE[DIFF]: all networks of the paper have all units. Where several units can say nearly the same, a network that
    has them all makes a mixture of them, and only one that lacks the others finds the one that is right.
    """
    units = rng.random((n_networks, layout.n_units)) < 0.5
    units[::2] = True
    there = np.concatenate([np.ones((n_networks, layout.n_inputs + 1), dtype=bool), units], axis=1)
    ends = np.concatenate([units, np.ones((n_networks, 1), dtype=bool)], axis=1)
    return torch.from_numpy(there[:, layout.source] & ends[:, layout.target])


def _distinct(reached: Tensor) -> list[int]:
    """Networks by growing loss, those left out that are not finite or have the loss of the one before."""
    order = [int(k) for k in torch.argsort(reached) if bool(torch.isfinite(reached[k]))]
    losses = [0.0, *(float(reached[k]) for k in order)]
    return [k for k, before, loss in zip(order, losses, losses[1:], strict=False) if loss > (1 + _SAME) * before]


def _read_outs(space: _Space, batch: _Batch, weights: Tensor, reached: Tensor, rows: _Rows) -> Iterator[Expression]:
    """Formulas of the best networks: sparser and sparser ones, if they are pruned."""
    best = _distinct(reached)[:_READ_OUT]
    chosen, allowed = weights[best], _ALLOWED_RISE * reached[best]
    if not batch.engine.prune or not best:
        yield from _formulas(space, batch.model.layout, chosen)
        return
    mask = chosen != 0
    for error in _ALLOWED_ERRORS:
        if batch.budget.expired():
            return
        before = mask
        chosen, mask = batch.pruned(chosen, before, allowed.clamp(min=error), rows)
        new = mask.new_ones(len(mask)) if error == _ALLOWED_ERRORS[0] else (mask != before).any(dim=1)
        yield from _formulas(space, batch.model.layout, chosen[new])


def _formulas(space: _Space, layout: LIESLayout, weights: Tensor) -> Iterator[Expression]:
    """What networks say, with powers in place of limits where there are any."""
    for row in weights.numpy(force=True):
        kept = np.where(np.abs(row) > _ZERO * np.abs(row).max(), row, 0.0)
        live, _ = layout.without_constant_units(kept, kept != 0.0)
        limit = limit_formula(layout, live, space.X, space.y, space.inputs, space.weight)
        for formula in (limit, read_out(layout, live, space.inputs)):
            if formula is not None and formula.variables:
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

    def train(self, weights: Tensor, mask: Tensor, rows: _Rows) -> tuple[Tensor, Tensor]:
        """Weights (R, P) and mean loss (R,) after training with annealed sparsity."""
        linear = self.model.layout.depth == 0
        kind = None if linear else self.engine.sparsity
        common: dict[str, Any] = {
            "mask": mask,
            "sample_weight": rows.weight,
            "loss": self.loss,
            "penalty": None if kind is None else _PENALTIES[kind](_STRENGTHS[kind]),
            "budget": self.budget,
        }
        if not (self.engine.second_order or linear):
            settings = FirstOrderSettings(n_epochs=60)
            return rmsprop(self.model, weights, rows.X, rows.y, rng=self.rng, settings=settings, **common)
        result = levenberg_marquardt(
            self.model,
            weights,
            rows.X,
            rows.y,
            settings=LMSettings(max_iter=120),
            replace=lambda dead: initial_weights(self.model.layout, rows.X, len(dead), self.rng, mask=mask[dead]),
            **common,
        )
        return result.weights, result.loss

    def train_again(self, weights: Tensor, mask: Tensor, reached: Tensor, rows: _Rows) -> tuple[Tensor, Tensor]:
        """Train on rows of which many come from the worst cell of the best network; weights, and losses on all rows."""
        best = int(torch.argmin(reached))
        residual = (self.model.predict(weights[best : best + 1], rows.X)[0] - rows.y).numpy(force=True)
        if not np.isfinite(residual).all():
            return weights, reached
        counts = None if rows.weight is None else rows.weight.numpy(force=True)
        index = oversampled_rows(rows.X.numpy(force=True), residual, len(rows.X), self.rng, sample_weight=counts)
        again, _ = self.train(weights, mask, rows.take(torch.from_numpy(index)))
        return again, self.loss.value(rows.y, self.model.predict(again, rows.X), rows.weight, torch)

    def pruned(self, weights: Tensor, mask: Tensor, limit: Tensor, rows: _Rows) -> tuple[Tensor, Tensor]:
        """Weights and mask (R, P) without those weights that the limits on the loss (R,) allow to go."""
        result, left = prune_with_refit(
            self.model,
            weights,
            mask,
            rows.X,
            rows.y,
            limit=limit,
            loss=self.loss,
            sample_weight=rows.weight,
            settings=PruneSettings(),
            budget=self.budget,
        )
        return torch.where(left, result.weights, torch.zeros_like(result.weights)), left
