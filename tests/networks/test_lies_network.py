"""The torch module LIESNetwork: what it computes is what its formula says, and switches switch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from closedform.networks import LIESNetwork
from closedform.networks.lies_units import EXP_UPPER, LOG_LOWER

NAMES = ("a", "b")


def some_rows(n_rows: int = 80, high: float = 3.0, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.1, high, size=(n_rows, 2)))


def formula_values(network: LIESNetwork, X: Tensor) -> np.ndarray:
    columns = {name: X[:, j].numpy() for j, name in enumerate(NAMES)}
    return np.broadcast_to(network.to_expression(NAMES).evaluate(columns), (len(X),))


def agreeing_rows(network: LIESNetwork, X: Tensor) -> np.ndarray:
    """Rows on which network and formula give the same number."""
    formula = formula_values(network, X)
    output = network(X).detach().numpy()
    return np.isfinite(formula) & (np.abs(output - formula) <= 1e-10 * (1.0 + np.abs(formula)))


def silent(network: LIESNetwork) -> LIESNetwork:
    """The network with all weights zero."""
    with torch.no_grad():
        network.weight.zero_()
    return network


def set_weight(network: LIESNetwork, source: int, target: int, value: float) -> None:
    with torch.no_grad():
        network.weight[network.layout.weight(source, target)] = value


@pytest.mark.parametrize("log_space", [False, True])
@pytest.mark.parametrize(("depth", "width"), [(0, 1), (1, 1), (1, 3), (2, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("seed", [0, 1])
def test_formula_equals_network_exactly_where_nothing_is_clamped(
    depth: int, width: int, log_space: bool, seed: int
) -> None:
    network = LIESNetwork(2, depth, width, log_space=log_space, random_state=seed)
    X = some_rows(seed=seed)

    clamped = network.clamped_rows(X).numpy()

    np.testing.assert_array_equal(agreeing_rows(network, X), ~clamped)


@pytest.mark.parametrize("seed", range(6))
def test_clamped_rows_are_exact_for_networks_with_holes(seed: int) -> None:
    network = LIESNetwork(2, depth=2, width=2, random_state=seed)
    rng = np.random.default_rng(seed)
    network.mask &= torch.from_numpy(rng.random(network.mask.shape) < 0.3)
    X = some_rows(seed=seed)

    np.testing.assert_array_equal(agreeing_rows(network, X), ~network.clamped_rows(X).numpy())


def test_rows_of_the_start_range_are_not_clamped() -> None:
    network = LIESNetwork(2, depth=1, random_state=3)

    clamped = network.clamped_rows(some_rows(200, high=1.0))

    assert clamped.double().mean() < 0.1


def test_log_unit_is_frozen_below_its_range() -> None:
    network = silent(LIESNetwork(2, depth=1))
    set_weight(network, source=0, target=0, value=1.0)
    set_weight(network, source=3, target=4, value=2.0)
    X = torch.tensor([[2.0, 1.0], [1e-3, 1.0], [-1.0, 1.0]], dtype=torch.float64)

    assert network.clamped_rows(X).tolist() == [False, True, True]
    expected = 2.0 * np.log([2.0, LOG_LOWER, LOG_LOWER])
    np.testing.assert_allclose(network(X).detach(), expected, rtol=1e-14)
    assert float(network.penalty(X).detach()) == pytest.approx((LOG_LOWER - 1e-3 + LOG_LOWER + 1.0) / 3)


def test_frozen_unit_that_nobody_listens_to_clamps_no_row() -> None:
    network = silent(LIESNetwork(2, depth=1))
    set_weight(network, source=0, target=0, value=-1.0)  # an illegal logarithm, not read out
    set_weight(network, source=1, target=4, value=1.0)
    X = some_rows(5)

    assert not network.clamped_rows(X).any()
    assert network.n_active == 1


def test_log_unit_without_input_is_frozen_on_every_row() -> None:
    network = silent(LIESNetwork(2, depth=1))
    set_weight(network, source=0, target=4, value=1.0)
    set_weight(network, source=3, target=4, value=1.0)  # log(0), frozen at log(5e-3)
    X = some_rows(5)

    np.testing.assert_allclose(network(X).detach(), X[:, 0] + np.log(LOG_LOWER))
    assert network.clamped_rows(X).all()


def test_constant_unit_counts_in_the_arguments_of_later_units() -> None:
    network = silent(LIESNetwork(1, depth=2))
    n_units = network.layout.n_units
    set_weight(network, source=0, target=4, value=1.0)  # second layer: log(x + exp(0))
    set_weight(network, source=network.layout.unit_feature(2), target=4, value=1.0)
    set_weight(network, source=network.layout.unit_feature(4), target=n_units, value=1.0)
    X = torch.tensor([[-0.5], [-2.0]], dtype=torch.float64)

    assert network.clamped_rows(X).tolist() == [False, True]
    assert float(network(X)[0].detach()) == pytest.approx(np.log(0.5))


def test_bridge_of_zero_switches_a_unit_off() -> None:
    network = LIESNetwork(2, depth=1, random_state=1)
    X = some_rows()
    sine = 3
    with torch.no_grad():
        network.bridge[sine] = 0.0

    assert "sin" not in str(network.to_expression(NAMES))
    before = network(X).detach()
    with torch.no_grad():
        network.weight[network.layout.weight(source=0, target=sine)] += 1.0
    torch.testing.assert_close(network(X).detach(), before, rtol=0, atol=0)


def test_bridge_scales_its_unit() -> None:
    network = silent(LIESNetwork(2, depth=1))
    set_weight(network, source=1, target=1, value=1.0)
    set_weight(network, source=4, target=4, value=3.0)
    with torch.no_grad():
        network.bridge[1] = 0.5
    X = some_rows(4)

    np.testing.assert_allclose(network(X).detach(), 1.5 * X[:, 1])
    np.testing.assert_allclose(formula_values(network, X), 1.5 * X[:, 1])


def test_masked_weights_do_nothing_and_get_no_gradient() -> None:
    network = LIESNetwork(2, depth=1)
    first = network.layout.weight(source=0, target=1)
    network.mask[first] = False
    network(some_rows()).square().sum().backward()

    assert network.weight.grad is not None
    assert network.weight.grad[first] == 0.0
    assert network.weight.grad.abs().max() > 0.0
    assert network.effective_weight()[first] == 0.0


def test_n_active_counts_what_reaches_the_output() -> None:
    network = LIESNetwork(2, depth=1, random_state=0)
    everything = network.n_active
    with torch.no_grad():
        network.bridge.zero_()

    # The bias of the read-out starts at zero; without units only the two inputs are left.
    assert everything == network.layout.n_weights - 1
    assert network.n_active == 2
    network.mask[:] = False
    assert network.n_active == 0
    assert str(network.to_expression(NAMES)) == "0"


def test_product_of_powers_is_linear_in_log_space() -> None:
    network = LIESNetwork(2, depth=0, log_space=True)
    set_weight(network, source=0, target=0, value=2.0)
    set_weight(network, source=1, target=0, value=-0.5)
    X = some_rows()

    np.testing.assert_allclose(network(X).detach(), X[:, 0] ** 2 / X[:, 1].sqrt(), rtol=1e-13)
    np.testing.assert_allclose(formula_values(network, X), network(X).detach(), rtol=1e-13)


def test_penalty_pulls_arguments_back_into_their_range() -> None:
    network = silent(LIESNetwork(1, depth=1))
    weight = network.layout.weight(source=0, target=2)
    set_weight(network, source=0, target=2, value=10.0)  # exp(10 x) at x = 1
    penalty = network.penalty(torch.ones(1, 1, dtype=torch.float64))
    penalty.backward()

    # Three silent units are legal; the logarithm of zero is not.
    assert float(penalty.detach()) == pytest.approx(10.0 - EXP_UPPER + LOG_LOWER)
    assert network.weight.grad is not None
    assert float(network.weight.grad[weight]) == 1.0


def test_same_seed_same_network_and_state_survives_a_state_dict() -> None:
    first, second = LIESNetwork(2, random_state=5), LIESNetwork(2, random_state=5)
    other = LIESNetwork(2, random_state=6)
    assert torch.equal(first.weight, second.weight)
    assert not torch.equal(first.weight, other.weight)

    first.mask[3] = False
    other.load_state_dict(first.state_dict())

    X = some_rows()
    assert torch.equal(first(X), other(X))


@pytest.mark.parametrize("shape", [(4,), (4, 3), (2, 4, 2)])
def test_wrong_shape_of_rows_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"X must have shape \(n_rows, 2\)"):
        LIESNetwork(2)(torch.ones(shape, dtype=torch.float64))


def test_wrong_number_of_names_is_named() -> None:
    with pytest.raises(ValueError, match="2 names"):
        LIESNetwork(2).to_expression(["a"])


def test_single_precision_rows_are_accepted() -> None:
    network = LIESNetwork(2, depth=1)
    X = some_rows()

    np.testing.assert_allclose(network(X.float()).detach(), network(X).detach(), rtol=1e-4)
