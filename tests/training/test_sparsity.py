"""Penalties: proximal operator, touching quadratics, schedules, and the sparse weights that come of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from closedform.networks import BatchedLIES, LIESLayout
from closedform.training.contracts import LMSettings
from closedform.training.least_squares import levenberg_marquardt
from closedform.training.sparsity import (
    AbstractPenalty,
    ADMMPenalty,
    L1Penalty,
    LogSumPenalty,
    constant_schedule,
    geometric_ramp,
    linear_ramp,
    soft_threshold,
)

PENALTIES = [L1Penalty, LogSumPenalty, ADMMPenalty]
numbers = st.floats(-10, 10)


def running(kind: type[AbstractPenalty], weights: Tensor) -> AbstractPenalty:
    """A penalty of full strength in the middle of a run that began at other weights."""
    penalty = kind(0.3, schedule=constant_schedule)
    penalty.begin(weights + 0.5)
    for step in range(4):
        penalty.advance(weights, step / 4)
    return penalty


@given(weight=numbers, threshold=st.floats(0, 5), other=numbers)
def test_soft_threshold_minimises_its_objective(weight: float, threshold: float, other: float) -> None:
    def objective(z: float) -> float:
        return 0.5 * (z - weight) ** 2 + threshold * abs(z)

    best = float(soft_threshold(torch.tensor(weight, dtype=torch.float64), threshold))

    assert objective(best) <= objective(other) + 1e-12


@given(weight=numbers, threshold=st.floats(0.01, 5))
def test_soft_threshold_satisfies_its_optimality_condition(weight: float, threshold: float) -> None:
    best = float(soft_threshold(torch.tensor(weight, dtype=torch.float64), threshold))

    if best == 0.0:
        assert abs(weight) <= threshold
    else:
        assert weight - best == pytest.approx(threshold * np.sign(best))


@pytest.mark.parametrize("kind", PENALTIES)
def test_majoriser_touches_from_above(kind: type[AbstractPenalty], rng: np.random.Generator) -> None:
    here = torch.from_numpy(rng.normal(size=(3, 5)) * 10.0 ** rng.uniform(-4, 0, size=(3, 5)))
    penalty = running(kind, here)
    curvature, centre = penalty.majorise(here)
    touching = here.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(penalty.value(touching).sum(), touching)
    torch.testing.assert_close(curvature * (here - centre), gradient)

    def quadratic(weights: Tensor) -> Tensor:
        return 0.5 * (curvature * (weights - centre) ** 2).sum(dim=-1)

    offset = penalty.value(here) - quadratic(here)
    for _ in range(200):
        there = torch.from_numpy(rng.normal(size=(3, 5)) * 10.0 ** rng.uniform(-4, 1))
        above = quadratic(there) + offset - penalty.value(there)
        assert (above >= -1e-12 * (1.0 + quadratic(there))).all()


@pytest.mark.parametrize("kind", PENALTIES)
def test_value_has_one_number_per_network(kind: type[AbstractPenalty]) -> None:
    weights = torch.ones(4, 6, dtype=torch.float64)
    penalty = running(kind, weights)

    assert penalty.value(weights).shape == (4,)
    assert not penalty.annealing


@pytest.mark.parametrize("ramp", [linear_ramp, geometric_ramp, constant_schedule])
def test_schedules_rise_to_full_strength(ramp: object) -> None:
    assert callable(ramp)
    factors = [ramp(p) for p in np.linspace(0, 1, 21)]

    assert factors == sorted(factors)
    assert factors[-1] == 1.0
    assert min(factors) >= 0.0


def test_annealing_ends_at_full_strength() -> None:
    penalty = L1Penalty(2.0)
    weights = torch.ones(1, 1)
    penalty.begin(weights)
    assert penalty.annealing
    penalty.advance(weights, 0.25)
    assert penalty.current == 1.0
    penalty.advance(weights, 0.5)
    assert not penalty.annealing


@pytest.mark.parametrize("kind", PENALTIES)
def test_negative_strength_is_refused(kind: type[AbstractPenalty]) -> None:
    with pytest.raises(ValueError, match="strength"):
        kind(-1.0)
    with pytest.raises(ValueError, match="strength"):
        kind(float("nan"))


def test_rho_must_be_positive() -> None:
    with pytest.raises(ValueError, match="rho"):
        ADMMPenalty(1.0, rho=0.0)


def correlated(rng: np.random.Generator) -> tuple[BatchedLIES, Tensor, Tensor]:
    """Ten noisy columns of which the second and seventh matter."""
    X = torch.from_numpy(rng.normal(size=(100, 10)))
    y = 2.0 * X[:, 1] - 1.0 * X[:, 6] + 0.05 * torch.from_numpy(rng.normal(size=100))
    return BatchedLIES(LIESLayout(10, ())), X, y


def test_admm_reaches_sparse_weights(rng: np.random.Generator) -> None:
    model, X, y = correlated(rng)
    penalty = ADMMPenalty(0.1, rho=1.0, update_every=1)
    settings = LMSettings(max_iter=200, tol=0.0, patience=10**6)

    result = levenberg_marquardt(
        model, torch.zeros(1, 11, dtype=torch.float64), X, y, penalty=penalty, settings=settings
    )

    assert penalty.target[0].nonzero()[:, 0].tolist() == [1, 6]
    # The fixed point solves the lasso: the network comes to the target, on the support shifted by the price.
    torch.testing.assert_close(result.weights, penalty.target, rtol=0, atol=1e-4)
    residual = X @ result.weights[0, :10] + result.weights[0, 10] - y
    gradient = 2.0 * (X * residual[:, None]).mean(dim=0)
    torch.testing.assert_close(gradient[[1, 6]], torch.tensor([-0.1, 0.1], dtype=torch.float64), rtol=0, atol=1e-3)
    assert gradient.abs().max() < 0.101


def test_replaced_networks_start_with_target_and_dual_of_their_own(rng: np.random.Generator) -> None:
    model, X, y = correlated(rng)
    penalty = ADMMPenalty(1e-3, rho=1e-2, update_every=1)
    # The second network is lost from the start, and so is every target made of it.
    start = torch.zeros(2, 11, dtype=torch.float64)
    start[1] = torch.nan

    result = levenberg_marquardt(
        model, start, X, y, penalty=penalty, replace=lambda lost: torch.ones(len(lost), 11, dtype=torch.float64)
    )

    assert result.n_replaced == 1
    torch.testing.assert_close(result.weights[1], result.weights[0], rtol=0, atol=1e-2)
    assert torch.isfinite(penalty.target).all() and torch.isfinite(penalty.dual).all()


def test_restart_leaves_the_other_networks_alone() -> None:
    weights = torch.ones(3, 4, dtype=torch.float64)
    penalty = running(ADMMPenalty, weights)
    assert isinstance(penalty, ADMMPenalty)
    target, dual = penalty.target.clone(), penalty.dual.clone()
    fresh = weights.clone()
    fresh[1] = 7.0

    penalty.restart(fresh, torch.tensor([1]))

    torch.testing.assert_close(penalty.target[[0, 2]], target[[0, 2]])
    torch.testing.assert_close(penalty.dual[[0, 2]], dual[[0, 2]])
    assert float(penalty.value(fresh)[1]) == 0.0


@pytest.mark.parametrize(("kind", "strength"), [(L1Penalty, 0.1), (LogSumPenalty, 1e-3)])
def test_smooth_penalties_drive_useless_weights_to_zero(
    kind: type[AbstractPenalty], strength: float, rng: np.random.Generator
) -> None:
    model, X, y = correlated(rng)

    start = torch.ones(1, 11, dtype=torch.float64)
    result = levenberg_marquardt(model, start, X, y, penalty=kind(strength))

    size = result.weights[0].abs()
    assert size[[1, 6]].min() > 0.8
    assert size[[0, 2, 3, 4, 5, 7, 8, 9, 10]].max() < 2e-3
