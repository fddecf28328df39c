"""Which weights a LIES network has: a graph of features and edges, without any values.

Features are numbered ``inputs..., constant, units...``, layer by layer. Every unit of a layer, and the
read-out at the end, takes one linear combination of *all* features before it; so a weight is an edge
from a feature (`LIESLayout.source`) to a unit or the read-out (`LIESLayout.target`), and the weights of
a whole network are one flat vector. Training, pruning and read-out work on that vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from closedform.networks.lies_units import KINDS, UNITS

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class LIESLayout:
    """The graph of a LIES network.

    Parameters
    ----------
    n_inputs : int
        Number of input columns, at least 1.
    layers : tuple of tuple of str
        Unit kinds of each hidden layer, each one of ``"log"``, ``"identity"``, ``"exp"``, ``"sine"``. An empty
        tuple means a linear model.

    Examples
    --------
    >>> layout = LIESLayout.uniform(n_inputs=2, depth=1, width=1)
    >>> layout.layers
    (('log', 'identity', 'exp', 'sine'),)
    >>> layout.n_weights  # 4 units with 3 sources each, and a read-out with 7
    19
    """

    n_inputs: int
    layers: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if self.n_inputs < 1:
            raise ValueError(f"A LIES network needs at least one input, however: n_inputs={self.n_inputs}.")
        for layer, kinds in enumerate(self.layers):
            if not kinds:
                raise ValueError(f"Layer {layer} has no units; leave the layer out or give it at least one.")
            unknown = sorted(set(kinds) - set(UNITS))
            if unknown:
                raise ValueError(f"Layer {layer} has units of unknown kind {unknown}; the kinds are {list(KINDS)}.")

    @classmethod
    def uniform(cls, n_inputs: int, depth: int, width: int = 1, kinds: Sequence[str] = KINDS) -> LIESLayout:
        """The paper's layout: ``depth`` equal layers with ``width`` units of each kind."""
        if depth < 0 or width < 1:
            raise ValueError(f"Depth must be >= 0 and width >= 1, however: {depth=}, {width=}.")
        return cls(n_inputs, tuple(tuple(kind for kind in kinds for _ in range(width)) for _ in range(depth)))

    @cached_property
    def unit_kinds(self) -> tuple[str, ...]:
        """Kind of every unit, layer after layer."""
        return tuple(kind for layer in self.layers for kind in layer)

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.layers)

    @property
    def n_units(self) -> int:
        """Number of units in all hidden layers."""
        return len(self.unit_kinds)

    @property
    def n_features(self) -> int:
        """Inputs, constant and units: what the read-out sees."""
        return self.n_inputs + 1 + self.n_units

    @property
    def constant(self) -> int:
        """Number of the feature that is always 1; its weights are the biases."""
        return self.n_inputs

    def unit_feature(self, unit: int) -> int:
        """Number of the feature that holds the value of unit ``unit``."""
        return self.n_inputs + 1 + unit

    @cached_property
    def blocks(self) -> tuple[tuple[int, int, int, int], ...]:
        """Per layer and for the read-out: (first weight, first unit, number of units, number of sources).

        The weights of a block are a row-major matrix of shape (units, sources). The read-out counts as a layer of
        one unit, number ``n_units``.
        """
        rows, weight, unit = [], 0, 0
        for size in (*(len(kinds) for kinds in self.layers), 1):
            n_sources = self.n_inputs + 1 + unit
            rows.append((weight, unit, size, n_sources))
            weight += size * n_sources
            unit += size
        return tuple(rows)

    @property
    def n_weights(self) -> int:
        """Number of weights, biases and read-out included."""
        weight, _, size, n_sources = self.blocks[-1]
        return weight + size * n_sources

    @cached_property
    def source(self) -> IntArray:
        """Feature at the start of each weight, shape (n_weights,)."""
        return np.concatenate([np.tile(np.arange(n), size) for _, _, size, n in self.blocks]).astype(np.int64)

    @cached_property
    def target(self) -> IntArray:
        """Unit at the end of each weight (``n_units`` for the read-out), shape (n_weights,)."""
        return np.concatenate([np.repeat(np.arange(u, u + size), n) for _, u, size, n in self.blocks]).astype(np.int64)

    @cached_property
    def readout_weights(self) -> IntArray:
        """Numbers of the weights of the read-out: those in which the network is linear."""
        return np.arange(self.blocks[-1][0], self.n_weights, dtype=np.int64)

    @cached_property
    def layer_of_weight(self) -> IntArray:
        """Layer to which each weight leads (``depth`` for the read-out), shape (n_weights,)."""
        return np.concatenate([np.full(size * n, i) for i, (_, _, size, n) in enumerate(self.blocks)]).astype(np.int64)

    def weight(self, source: int, target: int) -> int:
        """Number of the weight from feature ``source`` to unit ``target``.

        Raises
        ------
        ValueError
            If no such edge exists, because the feature does not come before the unit.
        """
        for first, unit, size, n_sources in self.blocks:
            if unit <= target < unit + size and 0 <= source < n_sources:
                return first + (target - unit) * n_sources + source
        raise ValueError(
            f"No weight leads from feature {source} to unit {target}: features 0 to {self.n_features - 1}, "
            f"units 0 to {self.n_units} (the last is the read-out), and a unit sees only earlier layers."
        )

    def live(self, mask: BoolArray) -> BoolArray:
        """Drop the weights that cannot change the output.

        A unit without a path to the read-out takes its incoming weights along, and a unit that is zero without any
        incoming weight (identity, sine) its outgoing ones. A log or exp unit without incoming weights is a constant
        that counts; see `without_constant_units`.

        Parameters
        ----------
        mask : bool ndarray of shape (..., n_weights)
            Which weights are present.

        Returns
        -------
        bool ndarray of shape (..., n_weights)
            A subset of ``mask``.
        """
        kept = np.array(mask, dtype=bool).reshape(-1, self.n_weights)
        for unit, incoming in enumerate(self._incoming):
            if _at_zero(self.unit_kinds[unit]) == 0.0:
                heard = np.asarray(kept[:, incoming].any(axis=1, keepdims=True))
                kept &= heard | (self.source != self.unit_feature(unit))
        for unit, incoming in reversed(list(enumerate(self._incoming))):
            used = kept[:, self.source == self.unit_feature(unit)].any(axis=1)
            kept[~used, incoming] = False
        return kept.reshape(np.shape(mask))

    def without_constant_units(self, weights: FloatArray, mask: BoolArray) -> tuple[FloatArray, BoolArray]:
        """Give the value of every unit that no input reaches to the biases of its listeners, and drop dead weights.

        Parameters
        ----------
        weights : ndarray of shape (..., n_weights)
            Values; those of absent weights do not matter.
        mask : bool ndarray of shape (..., n_weights)
            Which weights are present.

        Returns
        -------
        weights : ndarray of shape (..., n_weights)
            Of networks with the same output; absent weights are zero.
        mask : bool ndarray of shape (..., n_weights)
            No more weights than before; a bias may be new.
        """
        kept = np.array(mask, dtype=bool).reshape(-1, self.n_weights)
        moved = np.where(kept, np.reshape(weights, kept.shape), 0.0)
        for unit, incoming in enumerate(self._incoming):
            edges = np.flatnonzero(self.source == self.unit_feature(unit))
            biases = self._bias[self.target[edges]]
            constant = np.asarray(~np.delete(kept[:, incoming], self.constant, axis=1).any(axis=1))
            value = _unit_values(self.unit_kinds[unit], moved[:, incoming.start + self.constant])
            share = np.where(constant[:, None] & kept[:, edges], moved[:, edges] * value[:, None], 0.0)
            moved[:, biases] += share
            kept[:, biases] |= share != 0.0
            kept[np.ix_(constant, edges)] = False
        kept = self.live(kept)
        return np.where(kept, moved, 0.0).reshape(np.shape(weights)), kept.reshape(np.shape(mask))

    @cached_property
    def _incoming(self) -> tuple[slice, ...]:
        """Where the weights into each unit stand."""
        return tuple(
            slice(first + i * n, first + (i + 1) * n) for first, _, size, n in self.blocks[:-1] for i in range(size)
        )

    @cached_property
    def _bias(self) -> IntArray:
        """Number of the bias of each unit, and of the read-out, shape (n_units + 1,)."""
        return np.array([self.weight(self.constant, unit) for unit in range(self.n_units + 1)], dtype=np.int64)


def _unit_values(kind: str, z: FloatArray) -> FloatArray:
    values: FloatArray = UNITS[kind](torch.from_numpy(z)).numpy()
    return values


def _at_zero(kind: str) -> float:
    """Value of a unit that hears nothing."""
    return float(_unit_values(kind, np.zeros(1))[0])
