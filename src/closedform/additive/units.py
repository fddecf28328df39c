"""Trained units of a second block as columns of a design: their numerators are solved for beside the effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.second_block import BlockInput, SecondBlock, input_matrix, unit_functions
from closedform.additive.terms import FunctionValues

FloatArray: TypeAlias = NDArray[np.float64]

# Functions of units have values up to 1. One that hardly varies over the training rows is not blown up to variance one:
# on another row, an outlier, it would be a thousand times as large as on any of them.
_LEAST_SPREAD = 0.01


@dataclass(frozen=True, eq=False)
class Units:
    """The bumps and steps of rational units, with mean zero and variance at most one over their training rows.

    Parameters
    ----------
    inputs : tuple of BlockInput
        What is summed in each unit.
    weights : ndarray of shape (n_inputs + 1, n_units)
        Of the sums; the last row is their constant.
    mean, scale : ndarray of shape (2 * n_units,)
        Of the bumps, then of the steps.
    """

    inputs: tuple[BlockInput, ...]
    weights: FloatArray
    mean: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, inputs: tuple[BlockInput, ...], weights: FloatArray, matrix: FloatArray, share: FloatArray) -> Units:
        """Units from their weights and the inputs on the training rows, of which each counts with its share."""
        functions = unit_functions(matrix @ weights)
        mean = share @ functions
        spread = np.sqrt(share @ (functions - mean) ** 2)
        return cls(inputs, weights, mean, np.maximum(spread, _LEAST_SPREAD))

    def __len__(self) -> int:
        return len(self.mean)

    def values(self, columns: Sequence[FloatArray]) -> FloatArray:
        """The functions on some rows, shape (n_rows, len(self))."""
        functions = unit_functions(input_matrix(self.inputs, FunctionValues(columns)) @ self.weights)
        functions -= self.mean
        functions /= self.scale
        return functions

    def some(self, kept: NDArray[np.intp]) -> Units:
        """Some of the units, with the inputs that have weight in any of them."""
        both = np.concatenate([kept, kept + self.weights.shape[1]])
        used = np.flatnonzero(self.weights[:-1, kept].any(axis=1))
        weights = self.weights[np.append(used, len(self.inputs))][:, kept]
        return Units(tuple(self.inputs[i] for i in used), weights, self.mean[both], self.scale[both])

    def block(self, coefficients: FloatArray) -> SecondBlock:
        """The second block whose functions have these coefficients, shape (len(self), n_outputs)."""
        outer = coefficients / self.scale[:, None]
        bumps, steps = np.split(outer, 2)
        return SecondBlock(self.inputs, self.weights, bumps, steps, -self.mean @ outer)


def mean_block(blocks: Sequence[SecondBlock]) -> SecondBlock:
    """The mean of several second blocks as one, in which each line and each curve is an input only once."""
    lines: dict[int, int] = {}
    curves: dict[int, int] = {}
    inputs: list[BlockInput] = []
    placed: list[FloatArray] = []
    for block in blocks:
        moved = np.zeros((len(inputs) + len(block.inputs), block.weights.shape[1]))
        constant = block.weights[-1].copy()
        for item, weight in zip(block.inputs, block.weights[:-1], strict=True):
            column = item.functions.column
            if not item.is_line and id(item) in curves:
                moved[curves[id(item)]] = weight
                continue
            if not (item.is_line and column in lines):
                if item.is_line:
                    lines[column] = len(inputs)
                else:
                    curves[id(item)] = len(inputs)
                moved[len(inputs)] = weight
                inputs.append(item)
                continue
            # The same line with another mean and scale.
            known = inputs[lines[column]]
            moved[lines[column]] = weight * (known.scale / item.scale)
            constant += weight * ((known.mean - item.mean) / item.scale)
        placed.append(np.vstack([moved[: len(inputs)], constant]))
    weights = np.zeros((len(inputs) + 1, sum(part.shape[1] for part in placed)))
    start = 0
    for part in placed:
        units = slice(start, start + part.shape[1])
        weights[: len(part) - 1, units] = part[:-1]
        weights[-1, units] = part[-1]
        start = units.stop
    share = 1.0 / len(blocks)
    return SecondBlock(
        tuple(inputs),
        weights,
        share * np.vstack([block.bumps for block in blocks]),
        share * np.vstack([block.steps for block in blocks]),
        share * np.sum([block.offset for block in blocks], axis=0),
    )
