"""The LIES network as a torch module."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from closedform.networks.lies_batched import BatchedLIES
from closedform.networks.lies_init import initial_weights
from closedform.networks.lies_layout import BoolArray, LIESLayout
from closedform.networks.lies_readout import read_out
from closedform.networks.lies_units import UNITS
from closedform.symbolic.expression import Expression, apply, variable


class LIESNetwork(nn.Module):
    r"""Layers of logarithm, identity, exponential and sine units with dense skip connections.

    Every unit sees the inputs, a constant 1 (its weights are the biases) and all units of earlier layers; after each
    unit stands one scalar, the bridge, with which it can be switched off; the read-out is linear:

    .. math:: h_k = b_k \, u_k(\sum_j w_{kj} f_j), \qquad \hat y = \sum_j v_j f_j

    where the features f are inputs, constant and all earlier h (arXiv 2506.08267).

    Parameters
    ----------
    n_inputs : int
        Number of input columns.
    depth : int, default=2
        Number of hidden layers; the paper takes ``n_inputs + 1``.
    width : int, default=1
        Units of each kind per layer. NOTE[DIFF]: the paper has one; formulas with several terms of equal depth need
        more.
    log_space : bool, default=False
        Take logarithms of the inputs and the exponential of the output: a product of powers is then a linear model.
        Inputs must be positive.
    random_state : int, default=0
        Seed of the start weights.

    Attributes
    ----------
    weight : Parameter of shape (n_weights,)
        All weights, in the order of :class:`~closedform.networks.LIESLayout`.
    bridge : Parameter of shape (n_units,)
        One scalar per unit.
    mask : bool buffer of shape (n_weights,)
        Weights that are there; pruned ones are False.

    Shape
    -----
    Input (n_rows, n_inputs), output (n_rows,).

    Examples
    --------
    >>> network = LIESNetwork(n_inputs=2, depth=1)
    >>> X = torch.rand(5, 2, dtype=torch.float64)
    >>> network(X).shape
    torch.Size([5])
    """

    mask: Tensor

    def __init__(
        self, n_inputs: int, depth: int = 2, width: int = 1, *, log_space: bool = False, random_state: int = 0
    ) -> None:
        super().__init__()
        self.layout = LIESLayout.uniform(n_inputs, depth, width)
        self.log_space = log_space
        self._batched = BatchedLIES(self.layout)
        self._source = torch.from_numpy(self.layout.source)
        rng = np.random.default_rng(random_state)
        typical = torch.from_numpy(rng.uniform(0.1, 1.0, size=(256, n_inputs)))
        self.weight = nn.Parameter(initial_weights(self.layout, typical, 1, rng)[0])
        self.bridge = nn.Parameter(torch.ones(self.layout.n_units, dtype=torch.float64))
        self.register_buffer("mask", torch.ones(self.layout.n_weights, dtype=torch.bool))

    def forward(self, X: Tensor) -> Tensor:
        """Outputs for rows; see the class for shapes."""
        output = self._batched.predict(self.effective_weight()[None], self._inputs(X))[0]
        return torch.exp(output) if self.log_space else output

    def effective_weight(self) -> Tensor:
        """Weights with the mask and the bridges of their sources multiplied in, shape (n_weights,)."""
        ones = self.weight.new_ones(self.layout.n_inputs + 1)
        scale = torch.cat([ones, self.bridge])[self._source]
        return torch.where(self.mask, self.weight * scale, torch.zeros_like(self.weight))

    def penalty(self, X: Tensor) -> Tensor:
        """How far arguments of log and exp units lie outside their legal range: mean over rows, summed over units."""
        _, excess = self._batched.features_and_excess(self.effective_weight()[None], self._inputs(X))
        return excess.mean()

    def clamped_rows(self, X: Tensor) -> Tensor:
        """Rows on which a unit that reaches the output is frozen and the formula is not; bool, shape (n_rows,)."""
        weights = self.effective_weight().detach()
        heard = self._heard((weights != 0).numpy())
        arguments = self._batched.arguments(weights[None], self._inputs(X))[0]
        frozen = torch.zeros(len(X), dtype=torch.bool)
        for unit, kind in enumerate(self.layout.unit_kinds):
            if heard[unit]:
                frozen |= _illegal(kind, arguments[unit])
        return frozen

    @property
    def n_active(self) -> int:
        """Weights that are there, not zero, and reach the output."""
        present = (self.effective_weight().detach() != 0).numpy()
        return int(self.layout.live(present).sum())

    def to_expression(self, names: Sequence[str]) -> Expression:
        """The formula of the network over variables of these names; see :meth:`clamped_rows` for where it differs."""
        if len(names) != self.layout.n_inputs:
            raise ValueError(f"names must hold {self.layout.n_inputs} names, one per input, however: {list(names)!r}.")
        inputs = [variable(name) for name in names]
        if self.log_space:
            inputs = [apply("log", column) for column in inputs]
        formula = read_out(self.layout, self.effective_weight().detach().numpy(), inputs)
        return apply("exp", formula) if self.log_space else formula

    def _heard(self, present: BoolArray) -> BoolArray:
        """Units with a path of present weights to the output; one without any input counts: it is a constant there."""
        layout = self.layout
        heard = np.zeros(layout.n_units + 1, dtype=bool)
        heard[layout.n_units] = True
        for unit in reversed(range(layout.n_units)):
            outgoing = present & (layout.source == layout.unit_feature(unit))
            heard[unit] = heard[layout.target[outgoing]].any()
        return heard

    def _inputs(self, X: Tensor) -> Tensor:
        if X.ndim != 2 or X.shape[1] != self.layout.n_inputs:
            raise ValueError(f"X must have shape (n_rows, {self.layout.n_inputs}), however: {tuple(X.shape)}.")
        X = X.to(self.weight.dtype)
        return torch.log(X) if self.log_space else X


def _illegal(kind: str, z: Tensor) -> Tensor:
    unit = UNITS[kind]
    return (z < unit.lower) | (z > unit.upper)
