"""Taking weights away: sensitivity, quantiles per layer, and step by step with refits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from closedform.networks import BatchedLIES, LIESLayout, initial_weights
from closedform.training.contracts import LMSettings
from closedform.training.least_squares import normal_matrix
from closedform.training.pruning import (
    Criterion,
    PruneSettings,
    live_mask,
    prune_with_refit,
    quantile_mask,
    sensitivity,
    surgeon_saliency,
)


class Expired:
    """A clock whose time is up."""

    def expired(self) -> bool:
        return True


def linear_problem(rng: np.random.Generator) -> tuple[BatchedLIES, Tensor, Tensor]:
    X = torch.from_numpy(rng.normal(size=(60, 5)))
    return BatchedLIES(LIESLayout(5, ())), X, 2.0 * X[:, 1] - 3.0 * X[:, 4]


def everything(weights: Tensor) -> Tensor:
    return torch.ones_like(weights, dtype=torch.bool)


def limits(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("criterion", ["surgeon", "sensitivity"])
def test_superfluous_weights_go_and_the_loss_stays_below_its_limit(
    criterion: Criterion, rng: np.random.Generator
) -> None:
    model, X, y = linear_problem(rng)
    start = torch.from_numpy(rng.normal(size=(3, 6)))

    result, mask = prune_with_refit(
        model, start, everything(start), X, y, limit=limits(1e-12, 1e-12, 1e-12), settings=PruneSettings(criterion)
    )

    assert mask.tolist() == [[False, True, False, False, True, False]] * 3
    assert (result.loss <= 1e-12).all()
    truth = torch.tensor([0.0, 2.0, 0.0, 0.0, -3.0, 0.0], dtype=torch.float64).expand(3, -1)
    torch.testing.assert_close(result.weights, truth, rtol=0, atol=1e-8)


def test_cut_weights_are_zero_and_the_loss_is_that_of_the_result(rng: np.random.Generator) -> None:
    layout = LIESLayout.uniform(1, 1)
    model = BatchedLIES(layout)
    X = torch.linspace(0.1, 1.0, 60, dtype=torch.float64)[:, None]
    y = torch.sin(3.0 * X[:, 0])
    start = initial_weights(layout, X, 3, rng)

    result, mask = prune_with_refit(model, start, everything(start), X, y, limit=limits(1e-4, 1e-4, 1e-4))

    cut = ~mask
    assert cut.any()
    assert not result.weights[cut].any()
    assert torch.equal(live_mask(model, mask), mask)
    loss = ((model.predict(result.weights, X) - y) ** 2).mean(dim=1)
    torch.testing.assert_close(result.loss, loss)
    small = mask.sum(dim=1) < layout.n_weights
    assert (result.loss[small] <= 1e-4).all()


def test_network_pruned_to_nothing_is_not_accepted(rng: np.random.Generator) -> None:
    # Its only weight is needed; cutting it must be judged by the loss without it.
    model = BatchedLIES(LIESLayout(1, ()))
    X = torch.from_numpy(rng.normal(size=(30, 1)))
    start = torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    mask = torch.tensor([[True, False]])

    result, left = prune_with_refit(model, start, mask, X, 2.0 * X[:, 0], limit=limits(1e-6))

    assert left.tolist() == mask.tolist()
    torch.testing.assert_close(result.weights, start)
    assert result.loss[0] < 1e-20


def test_limit_above_everything_leaves_nothing(rng: np.random.Generator) -> None:
    model, X, y = linear_problem(rng)
    start = torch.from_numpy(rng.normal(size=(1, 6)))

    result, mask = prune_with_refit(model, start, everything(start), X, y, limit=limits(math.inf))

    assert not mask.any()
    assert not result.weights.any()
    assert float(result.loss[0]) == pytest.approx(float((y**2).mean()))


def test_rows_without_weight_do_not_count(rng: np.random.Generator) -> None:
    model, X, y = linear_problem(rng)
    weight = torch.ones(60, dtype=torch.float64)
    weight[::4] = 0.0
    y = torch.where(weight > 0, y, y + 5.0 * X[:, 2])
    start = torch.from_numpy(rng.normal(size=(1, 6)))

    result, mask = prune_with_refit(model, start, everything(start), X, y, limit=limits(1e-12), sample_weight=weight)

    assert mask[0].nonzero()[:, 0].tolist() == [1, 4]
    assert float(result.loss[0]) < 1e-20


def test_importance_is_that_of_the_rows_that_count(rng: np.random.Generator) -> None:
    model, X, _ = linear_problem(rng)
    weights, weight = torch.from_numpy(rng.normal(size=(2, 6))), torch.zeros(60, dtype=torch.float64)
    weight[:20] = 3.0

    torch.testing.assert_close(sensitivity(model, weights, X, weight), sensitivity(model, weights, X[:20]))
    torch.testing.assert_close(normal_matrix(model, weights, X, weight), normal_matrix(model, weights, X[:20]))


def test_each_network_has_its_own_limit(rng: np.random.Generator) -> None:
    model, X, y = linear_problem(rng)
    start = torch.from_numpy(rng.normal(size=(2, 6)))
    without_small = float((4.0 * X[:, 1] ** 2).mean())

    _, mask = prune_with_refit(model, start, everything(start), X, y, limit=limits(1e-12, 1.1 * without_small))

    assert mask[0].nonzero()[:, 0].tolist() == [1, 4]
    assert mask[1].nonzero()[:, 0].tolist() == [4]


def test_network_above_its_limit_is_left_alone(rng: np.random.Generator) -> None:
    model, X, y = linear_problem(rng)
    noise = torch.from_numpy(rng.normal(size=60))
    start = torch.from_numpy(rng.normal(size=(1, 6)))

    _, mask = prune_with_refit(model, start, everything(start), X, y + noise, limit=limits(1e-6))

    assert mask.all()


def test_a_unit_that_loses_its_input_leaves_its_value_to_the_others() -> None:
    # x + exp(0.7 + 0*x), and no refit that could make up for the exponential.
    layout = LIESLayout(1, (("exp",),))
    X = torch.linspace(-1.0, 1.0, 20, dtype=torch.float64)[:, None]
    start = torch.zeros(1, layout.n_weights, dtype=torch.float64)
    x_out, exp_out, bias = (layout.weight(source, 1) for source in (0, 2, 1))
    start[0, [layout.weight(1, 0), x_out, exp_out]] = torch.tensor([0.7, 1.0, 1.0], dtype=torch.float64)
    mask = start != 0
    mask[0, layout.weight(0, 0)] = True
    settings = PruneSettings(refit=LMSettings(max_iter=0))

    result, left = prune_with_refit(
        BatchedLIES(layout), start, mask, X, X[:, 0] + math.exp(0.7), limit=limits(1e-20), settings=settings
    )

    assert left[0].nonzero()[:, 0].tolist() == sorted([x_out, bias])
    assert float(result.weights[0, bias]) == pytest.approx(math.exp(0.7))


def test_expired_budget_cuts_nothing(rng: np.random.Generator) -> None:
    model, X, y = linear_problem(rng)
    start = torch.from_numpy(rng.normal(size=(1, 6)))

    result, mask = prune_with_refit(model, start, everything(start), X, y, limit=limits(math.inf), budget=Expired())

    assert mask.all()
    assert torch.equal(result.weights, start)


def test_sensitivity_of_a_linear_model_is_the_mean_size_of_each_term(rng: np.random.Generator) -> None:
    model, X, _ = linear_problem(rng)
    weights = torch.from_numpy(rng.normal(size=(2, 6)))

    terms = torch.cat([X, torch.ones(60, 1)], dim=1).abs().mean(dim=0)

    torch.testing.assert_close(sensitivity(model, weights, X), weights.abs() * terms)


def test_saliency_is_the_rise_of_the_error_after_a_refit(rng: np.random.Generator) -> None:
    model, X, _ = linear_problem(rng)
    weights = torch.tensor([[1.0, 2.0, 0.5, -1.0, -3.0, 0.7]], dtype=torch.float64)
    features = np.column_stack([X.numpy(), np.ones(60)])
    y = features @ weights[0].numpy()
    free = everything(weights)
    free[0, 2] = False

    saliency = surgeon_saliency(normal_matrix(model, weights, X), weights, free)[0]

    target = y - features[:, 2] * 0.5
    for cut in (0, 1, 3, 4, 5):
        others = [j for j in range(6) if j not in (cut, 2)]
        fitted = features[:, others] @ np.linalg.lstsq(features[:, others], target, rcond=None)[0]
        assert float(saliency[cut]) == pytest.approx(float(np.mean((target - fitted) ** 2)), rel=1e-6)
    assert saliency[2] == math.inf


def test_quantile_cuts_in_every_layer(rng: np.random.Generator) -> None:
    layout = LIESLayout.uniform(2, 2)
    model = BatchedLIES(layout)
    X = torch.from_numpy(rng.uniform(0.1, 1.0, size=(50, 2)))
    weights = initial_weights(layout, X, 3, rng)
    value = sensitivity(model, weights, X)

    mask = quantile_mask(model, weights, everything(weights), X, 0.25)

    assert torch.equal(live_mask(model, mask), mask)
    layers = torch.from_numpy(layout.layer_of_weight)
    for layer in range(3):
        inside = layers == layer
        count = int(0.25 * int(inside.sum()))
        for k in range(3):
            least = value[k, inside].argsort()[:count]
            assert not mask[k, inside][least].any()
    # The read-out loses only its least sensitive weights: nothing behind it can take more along.
    assert (mask[:, layout.readout_weights].sum(dim=1) >= layout.n_features - int(0.25 * layout.n_features) - 1).all()


def test_quantile_of_zero_keeps_and_of_one_cuts_everything(rng: np.random.Generator) -> None:
    model, X, _ = linear_problem(rng)
    weights = torch.from_numpy(rng.normal(size=(2, 6)))

    assert quantile_mask(model, weights, everything(weights), X, 0.0).all()
    assert not quantile_mask(model, weights, everything(weights), X, 1.0).any()
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile_mask(model, weights, everything(weights), X, 1.5)
