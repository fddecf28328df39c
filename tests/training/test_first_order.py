"""RMSprop on batches of networks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from closedform.losses import HuberLoss
from closedform.networks import BatchedLIES, LIESLayout, initial_weights
from closedform.training.first_order import FirstOrderSettings, rmsprop
from closedform.training.sparsity import L1Penalty

LAYOUT = LIESLayout.uniform(1, 1)
MODEL = BatchedLIES(LAYOUT)
QUICK = FirstOrderSettings(n_epochs=8, batch_size=32)
X = torch.linspace(0.1, 1.0, 96, dtype=torch.float64)[:, None]
Y = torch.sin(4.0 * X[:, 0])


class Expired:
    """A clock whose time is up."""

    def expired(self) -> bool:
        return True


def start() -> Tensor:
    return initial_weights(LAYOUT, X, 4, np.random.default_rng(0))


def mean_squares(weights: Tensor) -> Tensor:
    return ((MODEL.predict(weights, X) - Y) ** 2).mean(dim=1)


def test_loss_falls_and_is_that_of_the_weights(rng: np.random.Generator) -> None:
    before = start()

    weights, loss = rmsprop(MODEL, before, X, Y, rng=rng, settings=QUICK)

    assert (loss < 0.7 * mean_squares(start())).all()
    torch.testing.assert_close(loss, mean_squares(weights))
    assert torch.equal(before, start())
    assert not weights.requires_grad


def test_a_broken_network_does_not_spoil_the_batch() -> None:
    broken = start()
    broken[1] = torch.nan

    weights, loss = rmsprop(MODEL, broken, X, Y, rng=np.random.default_rng(1), settings=QUICK)
    healthy, _ = rmsprop(MODEL, start(), X, Y, rng=np.random.default_rng(1), settings=QUICK)

    assert loss[1] == torch.inf
    torch.testing.assert_close(weights[[0, 2, 3]], healthy[[0, 2, 3]])


def test_same_seed_same_result() -> None:
    first, second = (rmsprop(MODEL, start(), X, Y, rng=np.random.default_rng(5), settings=QUICK)[0] for _ in "ab")

    assert torch.equal(first, second)


def test_expired_budget_changes_nothing(rng: np.random.Generator) -> None:
    weights, loss = rmsprop(MODEL, start(), X, Y, rng=rng, settings=QUICK, budget=Expired())

    assert torch.equal(weights, start())
    assert (loss == torch.inf).all()


def test_penalty_shrinks_weights() -> None:
    settings = FirstOrderSettings(n_epochs=15, batch_size=32)
    plain, _ = rmsprop(MODEL, start(), X, 0.0 * Y, rng=np.random.default_rng(1), settings=settings)
    sparse, _ = rmsprop(
        MODEL, start(), X, 0.0 * Y, rng=np.random.default_rng(1), settings=settings, penalty=L1Penalty(1.0)
    )

    assert sparse.abs().sum() < 0.9 * plain.abs().sum()


def test_rows_without_weight_do_not_count(rng: np.random.Generator) -> None:
    spoiled, weight = Y.clone(), torch.ones(len(Y), dtype=torch.float64)
    spoiled[::3], weight[::3] = 50.0, 0.0

    weights, reached = rmsprop(MODEL, start(), X, spoiled, rng=rng, sample_weight=weight, settings=QUICK)

    assert (reached < 0.7 * mean_squares(start())).all()
    squares = (MODEL.predict(weights, X) - spoiled) ** 2
    torch.testing.assert_close(reached, (weight * squares).sum(dim=1) / weight.sum())


def test_masked_weights_keep_their_values(rng: np.random.Generator) -> None:
    before, mask = start(), torch.from_numpy(rng.random((4, LAYOUT.n_weights)) < 0.5)

    weights, _ = rmsprop(MODEL, before, X, Y, rng=rng, mask=mask, settings=QUICK)

    assert torch.equal(weights[~mask], before[~mask])
    assert (weights[mask] != before[mask]).any()


def test_robust_loss_is_reported(rng: np.random.Generator) -> None:
    loss = HuberLoss(0.1)

    weights, reached = rmsprop(MODEL, start(), X, Y, rng=rng, loss=loss, settings=QUICK)

    torch.testing.assert_close(reached, loss.pointwise(MODEL.predict(weights, X) - Y, torch).mean(dim=1))
