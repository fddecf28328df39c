"""The second block: rational units of weighted sums of what the first block made of the columns.

``D(x) = sum_m (a_m + b_m s_m) / (1 + s_m**2) + c``, ``s_m = w_m . h(x)``: Padé units of degree (1, 2) with denominator
``1 + q**2`` and q a line in the inputs h, which are the scaled numeric columns and the main effects. A line in s and
its square would add nothing that the first block and the constant do not have.

NOTE[DIFF] The reference code of the Rational ANOVA paper (arXiv 2602.04006) normalises its features across the
columns of a row, which removes the level of every row. Here columns are scaled one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.basis import NumericBasis
from closedform.additive.terms import ColumnFunctions, FunctionValues, MainEffect, PairEffect

FloatArray: TypeAlias = NDArray[np.float64]

# Rows whose units stay in the cache of a processor.
_ROWS = 512


@dataclass(frozen=True, eq=False)
class BlockInput:
    """One input: a numeric column as it is, or a curve of a column (its main effect when the block was trained).

    Parameters
    ----------
    functions : ColumnFunctions
        Of the column.
    coefficients : ndarray of shape (basis size,)
        Of its functions.
    mean, scale : float
        The input is ``(functions @ coefficients - mean) / scale``.
    """

    functions: ColumnFunctions
    coefficients: FloatArray
    mean: float
    scale: float

    @property
    def is_line(self) -> bool:
        """Whether it is the column itself."""
        return isinstance(self.functions.basis, NumericBasis) and not self.coefficients[1:].any()

    def values(self, functions: FloatArray) -> FloatArray:
        """The input from the values of the column's functions."""
        if self.is_line:
            result: FloatArray = (self.coefficients[0] * functions[:, 0] - self.mean) / self.scale
            return result
        curve: FloatArray = (functions @ self.coefficients - self.mean) / self.scale
        return curve


@dataclass(frozen=True, eq=False)
class SecondBlock:
    """Rational units of weighted sums.

    Parameters
    ----------
    inputs : tuple of BlockInput
        What is summed.
    weights : ndarray of shape (n_inputs + 1, n_units)
        Of the sums; the last row is their constant.
    bumps, steps : ndarray of shape (n_units, n_outputs)
        a and b of each unit.
    offset : ndarray of shape (n_outputs,)
        Constant that makes the mean over the training rows zero.
    parts : tuple of MainEffect and PairEffect
        What the units say about single columns and pairs, with opposite sign: the effects say it. Constant beyond the
        range, as the units are.
    """

    inputs: tuple[BlockInput, ...]
    weights: FloatArray
    bumps: FloatArray
    steps: FloatArray
    offset: FloatArray
    parts: tuple[MainEffect | PairEffect, ...] = ()

    @property
    def n_numbers(self) -> int:
        """Numbers that have to be stored."""
        inputs = sum(3 if item.is_line else 2 + int(np.count_nonzero(item.coefficients)) for item in self.inputs)
        own = int(np.count_nonzero(self.weights)) + self.bumps.size + self.steps.size + self.offset.size
        return inputs + own + sum(part.n_numbers for part in self.parts)

    def inputs_of(self, values: FunctionValues) -> FloatArray:
        """The inputs and a column of ones, shape (n_rows, n_inputs + 1)."""
        return input_matrix(self.inputs, values)

    def values(self, values: FunctionValues) -> FloatArray:
        """What the block adds, shape (n_rows, n_outputs)."""
        total = self.unit_values(values)
        for part in self.parts:
            total += values.effect(part)
        return total

    def unit_values(self, values: FunctionValues) -> FloatArray:
        """The units and the constant alone, shape (n_rows, n_outputs)."""
        inputs, outer = self.inputs_of(values), np.vstack([self.bumps, self.steps])
        result = np.empty((len(inputs), outer.shape[1]))
        for start in range(0, len(inputs), _ROWS):
            rows = slice(start, start + _ROWS)
            result[rows] = unit_functions(inputs[rows] @ self.weights) @ outer + self.offset
        return result

    def scaled(self, factor: float) -> SecondBlock:
        """The block times a number."""
        parts = tuple(part.scaled(factor) for part in self.parts)
        bumps, steps = factor * self.bumps, factor * self.steps
        return replace(self, bumps=bumps, steps=steps, offset=factor * self.offset, parts=parts)


def unit_functions(s: FloatArray) -> FloatArray:
    """Bumps ``1 / (1 + s**2)`` and steps ``s / (1 + s**2)`` side by side, shape (n_rows, 2 * n_units)."""
    n_units = s.shape[1]
    result = np.empty((len(s), 2 * n_units))
    bumps, steps = result[:, :n_units], result[:, n_units:]
    np.multiply(s, s, out=bumps)
    bumps += 1.0
    np.divide(1.0, bumps, out=bumps)
    np.multiply(s, bumps, out=steps)
    return result


def input_matrix(inputs: Sequence[BlockInput], values: FunctionValues) -> FloatArray:
    """The inputs side by side and a column of ones, shape (n_rows, n_inputs + 1)."""
    # A line is the first of the functions of its column, the coarse ones included.
    columns = [
        item.values(values.coarse(item.functions)[:1].T if item.is_line else values.of(item.functions))
        for item in inputs
    ]
    return np.column_stack([*columns, np.ones(len(columns[0]))])
