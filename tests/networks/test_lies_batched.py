"""Derivatives of batches of networks against finite differences and autograd; layouts, units and start values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from closedform.networks import UNITS, BatchedLIES, LIESLayout, initial_weights
from closedform.networks.lies_units import EXP_UPPER, LOG_LOWER

LAYOUTS = [
    LIESLayout(2, ()),
    LIESLayout.uniform(1, 1),
    LIESLayout.uniform(2, 2),
    LIESLayout.uniform(2, 1, 2),
    LIESLayout.uniform(3, 3, 1),
    LIESLayout(2, (("sine", "log", "sine"), ("exp", "identity"))),
]


def rows(layout: LIESLayout, n_rows: int = 7, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.1, 1.0, size=(n_rows, layout.n_inputs)))


def wild_weights(layout: LIESLayout, n_networks: int = 3, seed: int = 0) -> Tensor:
    """Weights that leave some arguments outside their legal range."""
    return torch.from_numpy(np.random.default_rng(seed).normal(scale=1.5, size=(n_networks, layout.n_weights)))


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_jacobians_equal_those_of_autograd(layout: LIESLayout) -> None:
    model, X, weights = BatchedLIES(layout), rows(layout), wild_weights(layout)

    line = model.linearise(weights, X, with_excess=True)

    torch.testing.assert_close(line.values, model.predict(weights, X))
    for k, single in enumerate(weights):
        expected = torch.autograd.functional.jacobian(lambda w: model.predict(w[None], X)[0], single)
        torch.testing.assert_close(line.jacobian[k].mT, expected, rtol=1e-9, atol=1e-9)
        if line.excess_jacobian is not None:
            expected = torch.autograd.functional.jacobian(lambda w: model.features_and_excess(w[None], X)[1][0], single)
            torch.testing.assert_close(line.excess_jacobian[k].mT, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_jacobian_equals_central_differences(layout: LIESLayout, rng: np.random.Generator) -> None:
    model, X = BatchedLIES(layout), rows(layout)
    weights = initial_weights(layout, X, 2, rng)
    step = 1e-6
    shifts = step * torch.eye(layout.n_weights, dtype=torch.float64)

    jacobian = model.linearise(weights, X).jacobian

    for k, single in enumerate(weights):
        differences = (model.predict(single + shifts, X) - model.predict(single - shifts, X)) / (2 * step)
        torch.testing.assert_close(jacobian[k], differences, rtol=1e-5, atol=1e-7)


def test_jacobian_of_the_excess_equals_central_differences() -> None:
    layout = LIESLayout.uniform(2, 2)
    model, X, weights = BatchedLIES(layout), rows(layout, 5), wild_weights(layout, 4)
    step = 1e-7
    shifts = step * torch.eye(layout.n_weights, dtype=torch.float64)

    line = model.linearise(weights, X, with_excess=True)

    assert line.excess_jacobian is not None
    assert line.excess.max() > 0
    for k, single in enumerate(weights):
        up, down = (model.features_and_excess(w, X)[1] for w in (single + shifts, single - shifts))
        torch.testing.assert_close(line.excess_jacobian[k], (up - down) / (2 * step), rtol=1e-5, atol=1e-5)


def test_chosen_columns_are_those_of_the_whole_jacobian() -> None:
    layout = LIESLayout.uniform(2, 2)
    model, X, weights = BatchedLIES(layout), rows(layout), wild_weights(layout, 2)
    columns = torch.tensor([[0, 5, layout.n_weights - 1], [3, 2, 1]])

    whole, chosen = model.linearise(weights, X).jacobian, model.linearise(weights, X, columns).jacobian

    for k in range(2):
        torch.testing.assert_close(chosen[k], whole[k, columns[k]], rtol=0, atol=0)


def test_networks_of_a_batch_do_not_see_each_other() -> None:
    layout = LIESLayout.uniform(2, 2)
    model, X, weights = BatchedLIES(layout), rows(layout), wild_weights(layout)
    broken = weights.clone()
    broken[1] = torch.nan

    values = model.predict(broken, X)

    torch.testing.assert_close(values[[0, 2]], model.predict(weights, X)[[0, 2]])
    assert values[1].isnan().all()


def test_no_excess_jacobian_where_everything_is_legal(rng: np.random.Generator) -> None:
    layout = LIESLayout.uniform(2, 1)
    X = rows(layout)
    model, weights = BatchedLIES(layout), initial_weights(layout, X, 3, rng)

    line = model.linearise(weights, X, with_excess=True)

    assert not model.illegal(weights, X).any()
    assert not line.excess.any()
    assert line.excess_jacobian is None


@pytest.mark.parametrize("layout", LAYOUTS[1:], ids=str)
def test_start_values_are_inside_the_legal_ranges(layout: LIESLayout, rng: np.random.Generator) -> None:
    X = rows(layout, 100)
    weights = initial_weights(layout, X, 20, rng)

    assert not BatchedLIES(layout).illegal(weights, X).any()
    assert weights.isfinite().all()


def test_start_values_respect_a_mask(rng: np.random.Generator) -> None:
    layout = LIESLayout.uniform(2, 2)
    mask = torch.from_numpy(rng.random((10, layout.n_weights)) < 0.4)

    weights = initial_weights(layout, rows(layout), 10, rng, mask=mask)

    assert not weights[~mask].any()
    assert weights.isfinite().all()


def test_start_values_stay_finite_for_a_constant_column(rng: np.random.Generator) -> None:
    X = torch.cat([torch.ones(30, 1), torch.rand(30, 1, generator=torch.Generator().manual_seed(0))], dim=1).double()

    assert initial_weights(LIESLayout.uniform(2, 2), X, 10, rng).isfinite().all()


def test_shapes_are_checked() -> None:
    model = BatchedLIES(LIESLayout.uniform(2, 1))
    weights = torch.zeros(1, model.n_weights, dtype=torch.float64)

    with pytest.raises(ValueError, match=r"X must have shape \(n_rows, 2\)"):
        model.predict(weights, torch.ones(4, 3, dtype=torch.float64))
    with pytest.raises(ValueError, match="weights must have shape"):
        model.predict(weights[:, 1:], torch.ones(4, 2, dtype=torch.float64))


def test_units_inside_and_outside_their_range() -> None:
    z = torch.tensor([-3.0, 0.0, 0.5, 7.0], dtype=torch.float64)

    np.testing.assert_allclose(UNITS["log"](z), np.log([LOG_LOWER, LOG_LOWER, 0.5, 7.0]))
    np.testing.assert_allclose(UNITS["exp"](z), np.exp([-3.0, 0.0, 0.5, EXP_UPPER]))
    np.testing.assert_allclose(UNITS["sine"](z), np.sin(z.numpy()))
    np.testing.assert_allclose(UNITS["identity"](z), z)


@pytest.mark.parametrize("kind", UNITS)
def test_slopes_of_units_equal_autograd(kind: str) -> None:
    unit = UNITS[kind]
    z = torch.linspace(-5.0, 6.0, 41, dtype=torch.float64, requires_grad=True)

    value = unit(z)
    (expected,) = torch.autograd.grad(value.sum(), z, retain_graph=True)
    torch.testing.assert_close(unit.slope(z.detach(), value.detach()), expected)
    excess = unit.excess(z)
    if unit.bounded:
        (expected,) = torch.autograd.grad(excess.sum(), z)
        torch.testing.assert_close(unit.excess_slope(z.detach()), expected)
    assert bool((excess > 0).any()) == unit.bounded


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_weight_of_a_layout_has_a_number(layout: LIESLayout) -> None:
    numbers = [layout.weight(int(s), int(t)) for s, t in zip(layout.source, layout.target, strict=True)]

    assert numbers == list(range(layout.n_weights))
    assert (layout.target[layout.readout_weights] == layout.n_units).all()
    assert len(layout.readout_weights) == layout.n_features


def test_live_drops_what_cannot_reach_the_output() -> None:
    layout = LIESLayout(1, (("sine",), ("identity",)))
    into_sine, sine_to_identity = layout.weight(0, 0), layout.weight(2, 1)
    identity_out, x_out = layout.weight(3, 2), layout.weight(0, 2)
    mask = np.zeros(layout.n_weights, dtype=bool)
    mask[[into_sine, sine_to_identity, identity_out, x_out]] = True
    assert layout.live(mask).tolist() == mask.tolist()

    without_output, without_input = mask.copy(), mask.copy()
    without_output[identity_out] = False
    without_input[into_sine] = False

    # Both at once, as a batch; each leaves only the direct way from the input.
    for live in layout.live(np.stack([without_output, without_input])):
        assert np.flatnonzero(live).tolist() == [x_out]


def test_live_keeps_a_unit_that_is_a_constant_but_not_zero() -> None:
    layout = LIESLayout(1, (("exp",),))
    mask = np.zeros(layout.n_weights, dtype=bool)
    mask[layout.weight(2, 1)] = True  # exp(0)

    assert layout.live(mask).tolist() == mask.tolist()


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_constant_units_become_biases_of_the_same_networks(
    layout: LIESLayout, share: float, rng: np.random.Generator
) -> None:
    weights = wild_weights(layout, 60).numpy()
    mask = rng.random(weights.shape) < share
    X = rows(layout)

    moved, left = layout.without_constant_units(weights, mask)

    before, after = (BatchedLIES(layout).predict(torch.from_numpy(w), X) for w in (np.where(mask, weights, 0.0), moved))
    torch.testing.assert_close(after, before, rtol=1e-10, atol=1e-10)
    assert not moved[~left].any()
    assert (left.sum(axis=1) <= mask.sum(axis=1)).all()
    for unit in range(layout.n_units):
        hears = left[:, (layout.target == unit) & (layout.source != layout.constant)].any(axis=1)
        assert not left[~hears][:, layout.source == layout.unit_feature(unit)].any()


def test_live_is_a_subset_and_idempotent(rng: np.random.Generator) -> None:
    layout = LIESLayout.uniform(2, 3)
    mask = rng.random((50, layout.n_weights)) < 0.15

    live = layout.live(mask)

    assert not (live & ~mask).any()
    np.testing.assert_array_equal(layout.live(live), live)
    assert (live != mask).any()


def test_impossible_layouts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one input"):
        LIESLayout(0, ())
    with pytest.raises(ValueError, match="no units"):
        LIESLayout(1, ((),))
    with pytest.raises(ValueError, match="unknown kind"):
        LIESLayout(1, (("cosine",),))
    with pytest.raises(ValueError, match="Depth"):
        LIESLayout.uniform(1, -1)
    with pytest.raises(ValueError, match="No weight leads"):
        LIESLayout.uniform(1, 2).weight(source=8, target=0)
