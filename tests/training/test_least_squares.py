"""Levenberg-Marquardt for batches of networks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from closedform.losses import HuberLoss
from closedform.networks import BatchedLIES, LIESLayout, initial_weights
from closedform.training.contracts import LMSettings
from closedform.training.least_squares import levenberg_marquardt, normal_matrix
from closedform.training.sparsity import LogSumPenalty

LINE = BatchedLIES(LIESLayout(1, ()))
SINE = BatchedLIES(LIESLayout(1, (("sine",),)))
STRICT = LMSettings(max_iter=60, range_penalty=0.0)


@dataclass
class Countdown:
    """A clock that lets a number of iterations pass."""

    left: int

    def expired(self) -> bool:
        self.left -= 1
        return self.left < 0


def column(n_rows: int = 60, high: float = 2.0) -> Tensor:
    return torch.linspace(-1.0, high, n_rows, dtype=torch.float64)[:, None]


def sines(*starts: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Networks ``v*sin(w*x + b)`` started at these (w, b), and the mask of w, b and v."""
    layout = SINE.layout
    free = [layout.weight(0, 0), layout.weight(1, 0), layout.weight(2, 1)]
    weights = torch.zeros(len(starts), layout.n_weights, dtype=torch.float64)
    mask = torch.zeros_like(weights, dtype=torch.bool)
    mask[:, free] = True
    for row, (frequency, phase) in zip(weights, starts, strict=True):
        row[free] = torch.tensor([frequency, phase, 0.5], dtype=torch.float64)
    return weights, mask


def test_linear_model_is_solved_at_once(rng: np.random.Generator) -> None:
    model = BatchedLIES(LIESLayout(3, ()))
    X = torch.from_numpy(rng.normal(size=(50, 3)))
    truth = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    y = X @ truth[:3] + truth[3]

    result = levenberg_marquardt(model, torch.zeros(2, 4, dtype=torch.float64), X, y, settings=LMSettings(max_iter=1))

    torch.testing.assert_close(result.weights, truth.expand(2, -1), rtol=0, atol=1e-9)
    assert result.n_iter == 1
    assert result.loss.max() < 1e-20


def test_frequency_and_phase_are_found_from_near_starts() -> None:
    X = column()
    weights, mask = sines((2.0, 0.2), (2.6, 0.6), (2.2, 0.5))

    result = levenberg_marquardt(SINE, weights, X, torch.sin(2.3 * X[:, 0] + 0.4), mask=mask, settings=STRICT)

    truth = torch.tensor([2.3, 0.4, 1.0], dtype=torch.float64).expand(3, -1)
    torch.testing.assert_close(result.weights[mask].reshape(3, 3), truth, rtol=0, atol=1e-12)
    assert result.loss.max() < 1e-24
    assert result.converged.all()


def test_joint_steps_arrive_without_solving_for_the_readout() -> None:
    X = column()
    weights, mask = sines((2.2, 0.3))
    settings = LMSettings(max_iter=60, exact_readout=False)

    result = levenberg_marquardt(SINE, weights, X, torch.sin(2.3 * X[:, 0] + 0.4), mask=mask, settings=settings)

    assert result.loss.max() < 1e-20


def test_one_target_per_network() -> None:
    X = column()
    frequencies = torch.tensor([1.0, 2.0], dtype=torch.float64)
    weights, mask = sines((1.2, 0.1), (1.8, 0.1))

    result = levenberg_marquardt(SINE, weights, X, torch.sin(frequencies[:, None] * X[:, 0]), mask=mask)

    torch.testing.assert_close(result.weights[:, 0], frequencies, rtol=1e-9, atol=0)


def test_masked_weights_keep_their_start_values(rng: np.random.Generator) -> None:
    layout = LIESLayout.uniform(1, 2)
    model, X = BatchedLIES(layout), column(40, 1.0)
    start = initial_weights(layout, X, 5, rng)
    mask = torch.from_numpy(rng.random(tuple(start.shape)) < 0.5)
    before = start.clone()

    result = levenberg_marquardt(model, start, X, X[:, 0] ** 2, mask=mask, settings=LMSettings(max_iter=10))

    assert torch.equal(result.weights[~mask], before[~mask])
    assert torch.equal(start, before)
    assert (result.weights[mask] != before[mask]).any()


def test_networks_with_different_masks_train_as_if_alone() -> None:
    X = torch.cat([column(), column() ** 2], dim=1)
    model = BatchedLIES(LIESLayout(2, ()))
    mask = torch.tensor([[True, False, True], [False, True, False], [False, False, False]])

    result = levenberg_marquardt(model, torch.zeros(3, 3, dtype=torch.float64), X, 2.0 * X[:, 0] + 1.0, mask=mask)

    torch.testing.assert_close(result.weights[0], torch.tensor([2.0, 0.0, 1.0], dtype=torch.float64))
    slope = float((X[:, 1] * (2.0 * X[:, 0] + 1.0)).sum() / (X[:, 1] ** 2).sum())
    assert float(result.weights[1, 1]) == pytest.approx(slope)
    assert not result.weights[2].any()
    assert float(result.loss[2]) == pytest.approx(float(((2.0 * X[:, 0] + 1.0) ** 2).mean()))


def test_expired_budget_stops_before_the_first_step() -> None:
    weights, mask = sines((2.0, 0.2))
    X = column()

    result = levenberg_marquardt(SINE, weights, X, torch.sin(2.3 * X[:, 0]), mask=mask, budget=Countdown(0))

    assert result.n_iter == 0
    assert torch.equal(result.weights, weights)
    assert result.loss.isfinite().all()


def test_budget_stops_between_iterations() -> None:
    weights, mask = sines((2.0, 0.2))
    X = column()

    result = levenberg_marquardt(SINE, weights, X, torch.sin(2.3 * X[:, 0]), mask=mask, budget=Countdown(2))

    assert result.n_iter == 2


def test_rows_of_weight_zero_do_not_count() -> None:
    X = column(30)
    y = 2.0 * X[:, 0] - 1.0
    y[::3] += 100.0
    weight = torch.ones(30, dtype=torch.float64)
    weight[::3] = 0.0

    result = levenberg_marquardt(LINE, torch.zeros(1, 2, dtype=torch.float64), X, y, sample_weight=weight)

    torch.testing.assert_close(result.weights[0], torch.tensor([2.0, -1.0], dtype=torch.float64))
    assert float(result.loss[0]) < 1e-20


def test_row_weights_are_those_of_weighted_least_squares(rng: np.random.Generator) -> None:
    X = column(30)
    y, weight = torch.from_numpy(rng.normal(size=30)), torch.from_numpy(rng.uniform(0.1, 3.0, size=30))
    expected = np.polyfit(X[:, 0].numpy(), y.numpy(), 1, w=np.sqrt(weight.numpy()))

    result = levenberg_marquardt(LINE, torch.zeros(1, 2, dtype=torch.float64), X, y, sample_weight=weight)

    np.testing.assert_allclose(result.weights[0], expected, rtol=1e-8)


def test_robust_loss_resists_an_outlier() -> None:
    X = column(40)
    y = 2.0 * X[:, 0] - 1.0
    y[5] += 50.0
    start = torch.zeros(1, 2, dtype=torch.float64)
    truth = torch.tensor([2.0, -1.0], dtype=torch.float64)

    squared = levenberg_marquardt(LINE, start, X, y).weights[0]
    robust = levenberg_marquardt(LINE, start, X, y, loss=HuberLoss(0.01)).weights[0]

    assert (squared - truth).abs().max() > 0.5
    assert (robust - truth).abs().max() < 0.01


def test_a_broken_network_does_not_spoil_the_batch() -> None:
    weights, mask = sines((math.nan, 0.2), (2.0, 0.2))
    X = column()

    result = levenberg_marquardt(SINE, weights, X, torch.sin(2.3 * X[:, 0]), mask=mask, settings=STRICT)

    assert result.loss[0] == math.inf
    assert result.loss[1] < 1e-20


def test_dead_networks_are_replaced() -> None:
    weights, mask = sines((math.nan, 0.2), (2.0, 0.2))
    X = column()
    fresh = sines((2.1, 0.1))[0]

    result = levenberg_marquardt(
        SINE, weights, X, torch.sin(2.3 * X[:, 0]), mask=mask, replace=lambda dead: fresh.expand(len(dead), -1)
    )

    assert result.n_replaced >= 1
    assert result.loss.max() < 1e-20


def test_objective_never_rises(rng: np.random.Generator) -> None:
    layout = LIESLayout.uniform(1, 2)
    model, X = BatchedLIES(layout), column(50, 1.0)
    y = torch.exp(X[:, 0]) * X[:, 0]
    start = initial_weights(layout, X, 8, rng)

    objective = [
        levenberg_marquardt(model, start, X, y, settings=LMSettings(max_iter=n)).objective for n in (0, 1, 2, 5, 15)
    ]

    for before, after in pairwise(objective):
        assert (after <= before * (1 + 1e-12)).all()
    assert objective[-1].min() < 1e-3 * objective[0].min()


def test_illegal_arguments_cost() -> None:
    layout = LIESLayout(1, (("log",),))
    model, X = BatchedLIES(layout), column(40, 1.0)
    start = torch.tensor([[1.0, 0.5, 0.0, 1.0, 0.0]], dtype=torch.float64)[:, : layout.n_weights]
    start[0, layout.weight(2, 1)] = 1.0
    y = torch.log(X[:, 0] + 1.5)

    free = levenberg_marquardt(model, start, X, y, settings=LMSettings(max_iter=0, range_penalty=0.0))
    priced = levenberg_marquardt(model, start, X, y, settings=LMSettings(max_iter=0, range_penalty=1.0))

    assert free.illegal[0] > 0
    assert float(free.objective[0]) == pytest.approx(float(free.loss[0]))
    assert priced.objective[0] > free.objective[0]
    assert levenberg_marquardt(model, start, X, y).illegal[0] < 1e-6


def test_same_seed_same_result() -> None:
    layout = LIESLayout.uniform(1, 2)
    X = column(40, 1.0)

    def train() -> Tensor:
        start = initial_weights(layout, X, 4, np.random.default_rng(7))
        return levenberg_marquardt(
            BatchedLIES(layout), start, X, X[:, 0] ** 3, penalty=LogSumPenalty(1e-5), settings=LMSettings(max_iter=15)
        ).weights

    assert torch.equal(train(), train())


def test_many_rows_are_taken_in_blocks() -> None:
    layout = LIESLayout.uniform(1, 2, 2)
    model, X = BatchedLIES(layout), column(6000, 1.0)
    weights = initial_weights(layout, X, 8, np.random.default_rng(0))
    jacobian = model.linearise(weights, X).jacobian

    torch.testing.assert_close(normal_matrix(model, weights, X), jacobian @ jacobian.mT / len(X))
