"""Bounds on slopes hold on random units and are close to the truth; measured norms are the real ones."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from closedform.exceptions import InputError
from closedform.networks import PairRationalUnit, RationalUnit, depth_bound, jacobian_norm
from closedform.networks.pade_denominators import DENOMINATORS
from closedform.networks.pade_unit import AbstractPadeUnit


def shaken(unit: AbstractPadeUnit, seed: int, size: float = 1.0) -> AbstractPadeUnit:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in unit.parameters():
            parameter.copy_(size * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return unit


def steepest(unit: AbstractPadeUnit, *arguments: Tensor) -> Tensor:
    """Largest length of the gradient over rows, shape (n_units,)."""
    rows = [x.detach().requires_grad_() for x in arguments]
    slopes = torch.autograd.grad(unit(*rows).sum(), rows)
    return torch.stack(slopes).square().sum(dim=0).sqrt().amax(dim=0)


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("kind", list(DENOMINATORS))
def test_bound_holds_and_is_tight(kind: str, gate: bool) -> None:
    unit = shaken(RationalUnit(40, denominator=kind, gate=gate, dtype=torch.float64), seed=3)
    x = torch.linspace(-3, 3, 5001, dtype=torch.float64)[:, None].expand(-1, 40)

    measured = steepest(unit, x)
    bound = unit.lipschitz_bound((-3.0, 3.0), n_cells=4096)

    assert (bound >= measured * (1 - 1e-12)).all()
    assert float((bound / measured).median()) < 1.02
    assert (unit.lipschitz_bound((-3.0, 3.0), n_cells=16) >= measured * (1 - 1e-12)).all()


@pytest.mark.parametrize("kind", list(DENOMINATORS))
def test_bound_of_pairs_holds(kind: str) -> None:
    unit = shaken(PairRationalUnit(20, denominator=kind, dtype=torch.float64), seed=5, size=0.7)
    axis = torch.linspace(-2, 2, 101, dtype=torch.float64)
    x, y = (part.reshape(-1, 1).expand(-1, 20) for part in torch.meshgrid(axis, axis, indexing="ij"))

    measured = steepest(unit, x, y)
    bounds = [unit.lipschitz_bound((-2.0, 2.0), n_cells=n) for n in (16, 128)]

    assert all((bound >= measured * (1 - 1e-12)).all() for bound in bounds)
    assert float((bounds[1] / measured).median()) < 1.25
    assert (bounds[1] <= bounds[0] * (1 + 1e-6)).all()


def test_bound_of_the_identity_is_one() -> None:
    torch.testing.assert_close(
        RationalUnit(2, dtype=torch.float64).lipschitz_bound(), torch.ones(2, dtype=torch.float64), rtol=0.02, atol=0
    )


@pytest.mark.parametrize("signed", [False, True])
def test_depth_bound_holds_for_stacks_of_random_units(signed: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    layers, eps, interval = 6, 0.2, (-20.0, 20.0)
    stack = nn.Sequential(*[shaken(RationalUnit(5, 2, 2, dtype=torch.float64), seed=n) for n in range(layers)])
    for unit in stack:
        drawn = torch.rand(5, generator=generator, dtype=torch.float64)
        unit.gate.data = eps * (2 * drawn - 1) if signed else eps * drawn
    steepest_quotient = max(float(unit.lipschitz_bound(interval, gated=False).max()) for unit in stack)
    X = 3.0 * torch.randn(200, 5, generator=generator, dtype=torch.float64)

    norms = jacobian_norm(stack, X)

    assert float(norms.max()) <= depth_bound(layers, eps, steepest_quotient, signed=signed)


def test_depth_bound_is_the_papers_and_never_below_one() -> None:
    assert depth_bound(12, 0.1, 3.0) == pytest.approx(math.exp(12 * 0.1 * 2.0))
    assert depth_bound(12, 0.1, 0.5) == 1.0
    assert depth_bound(1, 0.1, 1.0, signed=True) >= 1.2
    with pytest.raises(InputError, match=r"a gate in \[0, 1\].*gate=-0.1"):
        depth_bound(1, -0.1, 1.0)


def test_jacobian_norm_is_the_spectral_norm_of_each_row() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    X = torch.randn(6, 4, generator=generator, dtype=torch.float64)

    norms = jacobian_norm(lambda X: torch.sin(X @ matrix.T), X)

    for row, norm in zip(X, norms, strict=True):
        jacobian = torch.cos(matrix @ row)[:, None] * matrix
        torch.testing.assert_close(norm, torch.linalg.matrix_norm(jacobian, 2))
    assert jacobian_norm(lambda X: X.sum(dim=1), X).tolist() == pytest.approx([2.0] * 6)
    with pytest.raises(InputError, match="n_rows, n_features"):
        jacobian_norm(torch.sin, X[0])
