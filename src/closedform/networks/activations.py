"""Activations that papers compare rational units with: fixed functions, and modules that learn.

A new fixed activation is a row in :data:`ACTIVATIONS`; its name can then be the start of a rational unit. A new
learnable one is a class and a row in :data:`LEARNABLE`, a table of makers that take the number of features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from closedform.exceptions import InputError, did_you_mean


def _identity(x: Tensor) -> Tensor:
    return x


#: Name to function; tensors of any shape.
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "identity": _identity,
        "relu": torch.relu,
        "leaky_relu": functional.leaky_relu,
        "elu": functional.elu,
        "gelu": functional.gelu,
        "silu": functional.silu,
        "mish": functional.mish,
        "softplus": functional.softplus,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "sin": torch.sin,
    }
)


class Swish(nn.Module):
    """x times sigmoid(beta x), with one beta per feature.

    Ramachandran, Zoph and Le 2017, "Searching for Activation Functions", arXiv 1710.05941.

    Parameters
    ----------
    n_features : int
        Size of the last axis, at least 1.
    beta : float, default=1.0
        Start; 1 is SiLU.
    device, dtype : optional
        Of the parameter.

    Shape
    -----
    (..., n_features) -> (..., n_features)

    Examples
    --------
    >>> Swish(2)(torch.tensor([[0.0, 1.0]])).detach()
    tensor([[0.0000, 0.7311]])
    """

    def __init__(
        self,
        n_features: int,
        beta: float = 1.0,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.full((_positive(n_features),), beta, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Values; see the class for shapes."""
        return x * torch.sigmoid(self.beta * x)


class Snake(nn.Module):
    """x + sin(a x)^2 / a, with one frequency a per feature: a start for periodic targets.

    Ziyin, Hartwig and Ueda 2020, "Neural Networks Fail to Learn Periodic Functions and How to Fix It",
    arXiv 2006.08195.

    Parameters
    ----------
    n_features : int
        Size of the last axis, at least 1.
    frequency : float, default=1.0
        Start of a, not 0.
    device, dtype : optional
        Of the parameter.

    Shape
    -----
    (..., n_features) -> (..., n_features)

    Examples
    --------
    >>> Snake(1)(torch.tensor([[torch.pi / 2]])).detach()
    tensor([[2.5708]])
    """

    def __init__(
        self,
        n_features: int,
        frequency: float = 1.0,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if frequency == 0.0:
            raise InputError("frequency must not be 0: the activation divides by it.")
        self.frequency = nn.Parameter(torch.full((_positive(n_features),), frequency, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Values; see the class for shapes."""
        # sin(a x)^2 / a = a x^2 sinc(a x / pi)^2, which has a value and a slope at a = 0 as well.
        return x + self.frequency * (x * torch.sinc(self.frequency * x / torch.pi)) ** 2


#: Name to a maker of a module; the maker takes the number of features (size of the last axis).
LEARNABLE: Mapping[str, Callable[[int], nn.Module]] = MappingProxyType({"swish": Swish, "snake": Snake})


def get_activation(activation: str | Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Look a fixed activation up; a callable is handed back.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> get_activation("relu")(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise InputError(
            f"activation must be a function of a tensor or one of {list(ACTIVATIONS)}, "
            f"however: {activation!r}{did_you_mean(str(activation), ACTIVATIONS)}."
        )
    return ACTIVATIONS[activation]


def _positive(n_features: int) -> int:
    if n_features < 1:
        raise InputError(f"n_features must be at least 1, however: {n_features}.")
    return n_features
