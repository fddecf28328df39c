"""Activations: the tables hold what they say."""

from __future__ import annotations

import pytest
import torch

from closedform.exceptions import InputError
from closedform.networks.activations import ACTIVATIONS, LEARNABLE, Snake, Swish, get_activation


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_fixed_activations_are_elementwise_and_finite(name: str) -> None:
    x = torch.linspace(-20, 20, 60, dtype=torch.float64).reshape(3, 20)

    value = ACTIVATIONS[name](x)

    assert value.shape == x.shape and value.dtype == x.dtype and value.isfinite().all()
    torch.testing.assert_close(value[1], get_activation(name)(x[1]))


@pytest.mark.parametrize("name", LEARNABLE)
def test_learnable_activations_learn_for_each_feature(name: str) -> None:
    module = LEARNABLE[name](3).double()
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()

    assert torch.autograd.gradcheck(module, (x,))
    module(x).sum().backward()
    for parameter in module.parameters():
        assert parameter.shape == (3,) and parameter.grad is not None and (parameter.grad != 0).all()
    with pytest.raises(InputError, match="n_features must be at least 1"):
        LEARNABLE[name](0)


def test_swish_and_snake_are_their_formulas() -> None:
    x = torch.linspace(-3, 3, 13, dtype=torch.float64)[:, None]

    torch.testing.assert_close(Swish(1, dtype=torch.float64)(x), torch.nn.functional.silu(x))
    snake = Snake(1, frequency=2.5, dtype=torch.float64)
    torch.testing.assert_close(snake(x), x + torch.sin(2.5 * x) ** 2 / 2.5)
    with pytest.raises(InputError, match="must not be 0"):
        Snake(1, frequency=0.0)


def test_a_function_is_handed_back_and_a_typing_error_noticed() -> None:
    assert get_activation(torch.sin) is torch.sin
    with pytest.raises(InputError, match="did you mean 'relu'"):
        get_activation("rellu")
