"""Many LIES networks of one layout at once: values and derivatives for a whole batch of weight vectors.

Shapes use R for networks ("restarts"), N for rows, P for weights, D for features. Rows stand last, so that
each feature is one contiguous run of memory. The derivative is written by hand: one backward pass gives
the slope of the output in every unit's argument, and the derivative in a weight is that slope at its end
times the feature at its start. That is several times faster than automatic differentiation per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from closedform.networks.lies_layout import LIESLayout
from closedform.networks.lies_units import UNITS, Unit


@dataclass(frozen=True)
class Linearisation:
    """Outputs of a batch of networks and their derivatives in chosen weights.

    Attributes
    ----------
    values : Tensor of shape (R, N)
        Outputs.
    jacobian : Tensor of shape (R, K, N)
        Derivatives of ``values`` in the chosen weights.
    excess : Tensor of shape (R, N)
        How far arguments of log and exp units lie outside their legal range, summed over units.
    excess_jacobian : Tensor of shape (R, K, N) or None
        Derivatives of ``excess``; None where no argument is illegal or nobody asked.
    """

    values: Tensor
    jacobian: Tensor
    excess: Tensor
    excess_jacobian: Tensor | None


class BatchedLIES:
    """Networks that share a layout and differ in their weights.

    Parameters
    ----------
    layout : LIESLayout
        The graph.
    device : torch.device or str, optional
        Where weights and rows will be; torch's default device if None.

    Examples
    --------
    >>> layout = LIESLayout(n_inputs=1, layers=(("sine",),))
    >>> weights = torch.zeros(1, layout.n_weights, dtype=torch.float64)
    >>> weights[0, layout.weight(source=0, target=0)] = 2.0  # sin(2 x)
    >>> weights[0, layout.weight(source=2, target=1)] = 3.0  # times 3
    >>> X = torch.tensor([[0.5]], dtype=torch.float64)
    >>> BatchedLIES(layout).predict(weights, X)
    tensor([[2.5244]], dtype=torch.float64)
    """

    def __init__(self, layout: LIESLayout, device: torch.device | str | None = None) -> None:
        self.layout = layout
        self.n_weights = layout.n_weights
        self.linear_weights = torch.as_tensor(layout.readout_weights, device=device)
        self._source = torch.as_tensor(layout.source, device=device)
        self._target = torch.as_tensor(layout.target, device=device)
        self._runs = [_runs(kinds) for kinds in layout.layers]

    def features(self, weights: Tensor, X: Tensor) -> Tensor:
        """All features: inputs, constant, units.

        Shape
        -----
        weights (R, P), X (N, n_inputs) -> (R, D, N). Differentiable by autograd.
        """
        return self._forward(weights, X)[0]

    def arguments(self, weights: Tensor, X: Tensor) -> Tensor:
        """Arguments ``z`` of all units; weights (R, P), X (N, n_inputs) -> (R, n_units, N)."""
        _, arguments = self._forward(weights, X)
        return torch.cat(arguments, dim=1) if arguments else weights.new_zeros(len(weights), 0, len(X))

    def predict(self, weights: Tensor, X: Tensor) -> Tensor:
        """Outputs; weights (R, P), X (N, n_inputs) -> (R, N). Differentiable by autograd."""
        return self.read_out(weights, self.features(weights, X))

    def read_out(self, weights: Tensor, features: Tensor) -> Tensor:
        """Outputs from features that are already known; weights (R, P), features (R, D, N) -> (R, N)."""
        return (weights[:, None, self.linear_weights] @ features)[:, 0]

    def features_and_excess(self, weights: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
        """Features (R, D, N) and the sum of the illegal parts of all arguments (R, N)."""
        features, arguments = self._forward(weights, X)
        return features, self._excess(arguments, features)

    def linearise(
        self, weights: Tensor, X: Tensor, columns: Tensor | None = None, *, with_excess: bool = False
    ) -> Linearisation:
        """Outputs and derivatives in weights.

        Parameters
        ----------
        weights : Tensor of shape (R, P)
            The networks.
        X : Tensor of shape (N, n_inputs)
            Rows.
        columns : integer Tensor of shape (R, K), optional
            Weights in which to differentiate, per network; all of them by default.
        with_excess : bool
            Whether the derivatives of the illegal parts are wanted too.
        """
        layout = self.layout
        features, arguments = self._forward(weights, X)
        values = self.read_out(weights, features)
        excess = self._excess(arguments, features)
        slopes = [self._slopes(i, z, features) for i, z in enumerate(arguments)]
        if columns is None:
            columns = torch.arange(layout.n_weights, device=weights.device).expand(len(weights), -1)
        network = torch.arange(len(weights), device=weights.device)[:, None]
        starts = features[network, self._source[columns]]
        readout = weights[:, self.linear_weights[layout.n_inputs + 1 :], None]
        gradient = readout.expand(-1, -1, len(X))
        backward = self._backward(weights, gradient, slopes, None)
        ends = torch.cat([*backward, torch.ones_like(features[:, :1])], dim=1)
        target = self._target[columns]
        jacobian = starts * ends[network, target]
        if not with_excess or not bool(excess.any()):
            return Linearisation(values, jacobian, excess, None)
        seeds = [self._excess_slopes(i, z) for i, z in enumerate(arguments)]
        backward = self._backward(weights, torch.zeros_like(gradient), slopes, seeds)
        ends = torch.cat([*backward, torch.zeros_like(features[:, :1])], dim=1)
        return Linearisation(values, jacobian, excess, starts * ends[network, target])

    def illegal(self, weights: Tensor, X: Tensor) -> Tensor:
        """Where a log or exp unit sees an illegal argument; bool of shape (R, n_units, N)."""
        arguments = self.arguments(weights, X)
        wrong = torch.zeros_like(arguments, dtype=torch.bool)
        for unit, kind in enumerate(self.layout.unit_kinds):
            z = arguments[:, unit]
            wrong[:, unit] = (z < UNITS[kind].lower) | (z > UNITS[kind].upper)
        return wrong

    def _forward(self, weights: Tensor, X: Tensor) -> tuple[Tensor, list[Tensor]]:
        if X.ndim != 2 or X.shape[1] != self.layout.n_inputs:
            raise ValueError(f"X must have shape (n_rows, {self.layout.n_inputs}), however: {tuple(X.shape)}.")
        if weights.ndim != 2 or weights.shape[1] != self.n_weights:
            raise ValueError(f"weights must have shape (n, {self.n_weights}), however: {tuple(weights.shape)}.")
        inputs = torch.cat([X.T, X.new_ones(1, len(X))])
        features = inputs.expand(len(weights), -1, -1)
        arguments = []
        for (first, _, size, n_sources), runs in zip(self.layout.blocks[:-1], self._runs, strict=True):
            matrix = weights[:, first : first + size * n_sources].reshape(-1, size, n_sources)
            z = matrix @ features
            units = [unit(z[:, start:stop]) for unit, start, stop in runs]
            features = torch.cat([features, *units], dim=1)
            arguments.append(z)
        return features, arguments

    def _slopes(self, layer: int, z: Tensor, features: Tensor) -> Tensor:
        """Derivative of each unit's value in its argument, shape of ``z``."""
        first = self.layout.unit_feature(self.layout.blocks[layer][1])
        value = features[:, first : first + z.shape[1]]
        parts = [unit.slope(z[:, a:b], value[:, a:b]) for unit, a, b in self._runs[layer]]
        return torch.cat(parts, dim=1)

    def _excess(self, arguments: list[Tensor], features: Tensor) -> Tensor:
        total = torch.zeros_like(features[:, 0])
        for runs, z in zip(self._runs, arguments, strict=True):
            for unit, start, stop in runs:
                if unit.bounded:
                    total = total + unit.excess(z[:, start:stop]).sum(dim=1)
        return total

    def _excess_slopes(self, layer: int, z: Tensor) -> Tensor:
        return torch.cat([unit.excess_slope(z[:, a:b]) for unit, a, b in self._runs[layer]], dim=1)

    def _backward(
        self, weights: Tensor, gradient: Tensor, slopes: list[Tensor], seeds: list[Tensor] | None
    ) -> list[Tensor]:
        """Derivative of a scalar per row in every unit's argument, per layer (R, size, N).

        ``gradient`` (R, n_units, N) is the direct derivative in the units' values, ``seeds`` the direct
        derivative in their arguments.
        """
        gradient = gradient.clone()
        ends: list[Tensor] = []
        inputs = self.layout.n_inputs + 1
        for layer in reversed(range(self.layout.depth)):
            first, unit, size, n_sources = self.layout.blocks[layer]
            end = gradient[:, unit : unit + size] * slopes[layer]
            if seeds is not None:
                end = end + seeds[layer]
            ends.append(end)
            if n_sources > inputs:
                matrix = weights[:, first : first + size * n_sources].reshape(-1, size, n_sources)
                gradient[:, : n_sources - inputs] += matrix[:, :, inputs:].mT @ end
        return ends[::-1]


def _runs(kinds: tuple[str, ...]) -> list[tuple[Unit, int, int]]:
    """Runs of equal kind in a layer: (unit, start, stop)."""
    runs, start = [], 0
    for kind, group in groupby(kinds):
        size = len(list(group))
        runs.append((UNITS[kind], start, start + size))
        start += size
    return runs
