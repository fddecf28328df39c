"""Rational ANOVA Networks: sums of effects, depth without row normalisation, pairs and budgets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from closedform.exceptions import InputError
from closedform.networks import (
    DeepRationalANOVA,
    RationalANOVA,
    count_parameters,
    jacobian_norm,
    pairs_for_budget,
    random_pairs,
)
from closedform.networks.ran import RationalUpdate
from closedform.networks.ran_pairs import check_pairs


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shaken(module: nn.Module, seed: int = 0, size: float = 0.5) -> nn.Module:
    with torch.no_grad():
        for number, parameter in enumerate(module.parameters()):
            parameter.add_(size * normal(*parameter.shape, seed=seed + number))
    return module


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("gate", [True, False])
def test_output_is_the_sum_of_effects_of_their_own_columns(n_outputs: int, gate: bool) -> None:
    model = shaken(RationalANOVA(4, [(2, 0), (1, 3)], n_outputs, gate=gate, dtype=torch.float64))
    X = normal(30, 4)

    main, pair = model.effects(X)

    assert main.shape == (30, n_outputs, 4) and pair.shape == (30, n_outputs, 2)
    torch.testing.assert_close(model(X), model.bias + main.sum(-1) + pair.sum(-1))
    changed = X.clone()
    changed[:, 2] += 1.0
    other_main, other_pair = model.effects(changed)
    assert ((other_main != main).any(dim=0).any(dim=0)).tolist() == [False, False, True, False]
    assert ((other_pair != pair).any(dim=0).any(dim=0)).tolist() == [True, False]


def test_outputs_have_effects_of_their_own() -> None:
    model = RationalANOVA(2, [(0, 1)], n_outputs=2, dtype=torch.float64)
    X = normal(5, 2)
    before = model(X)
    with torch.no_grad():
        model.main.numerator[0, 2] += 1.0  # output 1, feature 0

    assert torch.equal(model(X)[:, 0], before[:, 0])
    assert (model(X)[:, 1] != before[:, 1]).all()


def test_starts() -> None:
    X = normal(20, 3)

    assert (RationalANOVA(3, [(0, 1)], gate=False, dtype=torch.float64)(X) == 0).all()
    torch.testing.assert_close(RationalANOVA(3, dtype=torch.float64)(X)[:, 0], X.sum(dim=1))
    fitted = RationalANOVA(3, start="tanh", dtype=torch.float64)(X)[:, 0]
    torch.testing.assert_close(fitted, torch.tanh(X).sum(dim=1), rtol=0, atol=0.04)


def test_shallow_model_learns_a_pole_free_law() -> None:
    X = 4.0 * torch.rand(400, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 2.0
    y = 1.0 / (1.0 + X[:, 0] ** 2) + X[:, 0] * X[:, 1]
    model = RationalANOVA(2, [(0, 1)], gate=False, dtype=torch.float64)
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = (model(X)[:, 0] - y).square().mean()
        loss.backward()
        return loss

    optimiser.step(closure)

    assert float((model(X)[:, 0].detach() - y).square().mean().sqrt() / y.std()) < 0.01


def test_update_block_is_the_identity_at_the_start_and_follows_its_equation() -> None:
    block = RationalUpdate(3, [(0, 2)], dtype=torch.float64)
    X = normal(10, 3)
    torch.testing.assert_close(block(X), X)

    shaken(block)
    expected = X + block.main_gate * (block.main(X) - X)
    output = block.pair_gate * block.pair(X[:, [0]], X[:, [2]])[:, 0]
    expected[:, 0] += block.scatter[0, 0] * output
    expected[:, 2] += block.scatter[1, 0] * output
    torch.testing.assert_close(block(X), expected)


def test_deep_model_does_not_normalise_rows() -> None:
    model = shaken(DeepRationalANOVA(4, 1, [(0, 1)], hidden=6, dtype=torch.float64), size=0.1)
    X = normal(50, 4)

    # Behind a LayerNorm over columns these would be equal.
    assert float((model(5.0 * X + 3.0) - model(X)).detach().abs().median()) > 0.1


@pytest.mark.parametrize(("n_pairs", "hidden", "n_updates"), [(0, 0, 0), (0, 5, 1), (3, 0, 2), (3, 5, 1)])
def test_deep_model_has_the_parts_asked_for(n_pairs: int, hidden: int, n_updates: int) -> None:
    pairs = random_pairs(4, n_pairs)
    model = DeepRationalANOVA(4, 2, pairs, hidden, n_updates=n_updates)
    X = normal(7, 4).float()

    assert model.features(X).shape == (7, 4 + n_pairs + hidden)
    assert model(X).shape == (7, 2) and model(X).dtype == torch.float32
    model(X).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_deep_gradients_are_those_of_finite_differences() -> None:
    model = shaken(DeepRationalANOVA(3, 2, [(0, 1), (1, 2)], hidden=2, dtype=torch.float64), size=0.3)
    X = normal(2, 3).requires_grad_()

    assert torch.autograd.gradcheck(model, (X,))
    assert (jacobian_norm(model, X) > 0).all()


def test_deep_model_depends_on_its_generator_alone() -> None:
    def weights(seed: int | None) -> Tensor:
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        model = DeepRationalANOVA(3, 1, [(0, 1)], hidden=4, generator=generator)
        return torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])

    state = torch.get_rng_state()
    first, again, other, default = weights(1), weights(1), weights(2), weights(None)

    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(default, weights(0))
    assert torch.equal(torch.get_rng_state(), state)


def test_state_is_restored() -> None:
    pairs = [(0, 1), (1, 2)]
    model = shaken(DeepRationalANOVA(3, 1, pairs, hidden=4))
    copy = DeepRationalANOVA(3, 1, pairs, hidden=4, generator=torch.Generator().manual_seed(9))
    copy.load_state_dict(model.state_dict())
    X = normal(5, 3).float()

    assert torch.equal(model(X), copy(X))


@settings(max_examples=30, deadline=None)
@given(
    n_features=st.integers(1, 6),
    n_outputs=st.integers(1, 3),
    degrees=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    pair_degrees=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    gate=st.booleans(),
    data=st.data(),
)
def test_count_says_what_the_model_has(
    n_features: int,
    n_outputs: int,
    degrees: tuple[int, int],
    pair_degrees: tuple[int, int],
    gate: bool,
    data: st.DataObject,
) -> None:
    n_pairs = data.draw(st.integers(0, n_features * (n_features - 1) // 2))
    form = {"degrees": degrees, "pair_degrees": pair_degrees, "gate": gate}

    model = RationalANOVA(n_features, random_pairs(n_features, n_pairs), n_outputs, **form)

    assert model.n_parameters == count_parameters(n_features, n_pairs, n_outputs, **form)


def test_count_is_the_papers_plus_constants() -> None:
    # d (m + n + 2) + |S| (T + S_q + 1), with m = 3, n = 2, T = 6, S_q = 5, and one constant.
    assert count_parameters(10, 7) == 10 * (3 + 2 + 2) + 7 * (6 + 5 + 1) + 1


@given(n_features=st.integers(1, 200), spare=st.integers(0, 5000), n_outputs=st.integers(1, 4))
def test_budget_is_used_and_kept(n_features: int, spare: int, n_outputs: int) -> None:
    budget = count_parameters(n_features, 0, n_outputs) + spare
    n_pairs = pairs_for_budget(n_features, budget, n_outputs)

    assert 0 <= n_pairs <= n_features * (n_features - 1) // 2
    assert count_parameters(n_features, n_pairs, n_outputs) <= budget
    if n_pairs < n_features * (n_features - 1) // 2:
        assert count_parameters(n_features, n_pairs + 1, n_outputs) > budget


def test_budget_below_the_main_effects_is_refused() -> None:
    assert pairs_for_budget(10, 71) == 0
    with pytest.raises(InputError, match=r"budget of 70 parameters is too small: the main effects .* take 71"):
        pairs_for_budget(10, 70)


def test_random_pairs_are_different_sorted_and_evenly_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    counts = np.zeros((5, 5))
    for _ in range(400):
        drawn = random_pairs(5, 4, generator=generator)
        assert len(set(drawn)) == 4 and list(drawn) == sorted(drawn) and all(i < j for i, j in drawn)
        for i, j in drawn:
            counts[i, j] += 1

    often = counts[np.triu_indices(5, 1)]
    assert often.sum() == 1600 and 110 < often.min() and often.max() < 210  # 160 each, standard deviation 10


def test_random_pairs_of_very_many_columns() -> None:
    drawn = random_pairs(10**7, 50, generator=torch.Generator().manual_seed(3))

    assert len(check_pairs(drawn, 10**7)) == 50
    assert random_pairs(50, 1225) == tuple((i, j) for i in range(50) for j in range(i + 1, 50))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([(0, 3)], r"features 0 to 2, however: \(0, 3\)"),
        ([(1, 1)], r"two different features, however: \(1, 1\)"),
        ([(0, 1), (1, 0)], r"Pair \(0, 1\) is there twice"),
    ],
)
def test_pairs_are_checked(pairs: list[tuple[int, int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RationalANOVA(3, pairs)


def test_sizes_and_columns_are_checked() -> None:
    with pytest.raises(InputError, match=r"n_features must be at least 1, however: 0"):
        RationalANOVA(0)
    with pytest.raises(InputError, match=r"hidden must be at least 0, however: -1"):
        DeepRationalANOVA(2, 1, [], -1)
    with pytest.raises(InputError, match=r"n_pairs must be 0 to 3, however: 4"):
        random_pairs(3, 4)
    for model in (RationalANOVA(2), DeepRationalANOVA(2, 1, [], 0)):
        with pytest.raises(InputError, match=r"shape \(n_rows, 2\), however: \(4, 3\)"):
            model(torch.ones(4, 3))
