"""The second block: rational units of weighted sums of what the first block made of the columns.

``D(x) = sum_m (a_m + b_m s_m) / (1 + s_m**2) + c``, ``s_m = w_m . h(x)``: Padé units of degree (1, 2) with denominator
``1 + q**2`` and q a line in the inputs h, which are the scaled numeric columns and the main effects. A line in s and
its square would add nothing that the first block and the constant do not have.

NOTE[DIFF] The reference code of the Rational ANOVA paper (arXiv 2602.04006) normalises its features across the
columns of a row, which removes the level of every row. Here columns are scaled one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    def values(self, values: FunctionValues) -> FloatArray:
        """The input on some rows."""
        made = self.coefficients[0] * values.line(self.functions) if self.is_line else self._curve(values)
        result: FloatArray = (made - self.mean) / self.scale
        return result

    def _curve(self, values: FunctionValues) -> FloatArray:
        curve: FloatArray = values.of(self.functions) @ self.coefficients
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
        return self.of_inputs(self.inputs_of(values))

    def of_inputs(self, inputs: FloatArray) -> FloatArray:
        """The units and the constant alone, from what `inputs_of` returns."""
        outer = np.vstack([self.bumps, self.steps])
        result = np.empty((len(inputs), outer.shape[1]))
        for start in range(0, len(inputs), _ROWS):
            rows = slice(start, start + _ROWS)
            result[rows] = unit_functions(inputs[rows] @ self.weights) @ outer + self.offset
        return result

    def of_curves(self, curves: Mapping[int, FloatArray], values: FunctionValues) -> FloatArray:
        """The units and the constant alone, from the curves among the inputs (by position; neither centred nor scaled).

        Shape (n_rows, n_outputs).
        """
        made = np.empty((len(self.inputs) + 1, values.n_rows))
        made[-1] = 1.0
        for k, item in enumerate(self.inputs):
            if k in curves:
                np.subtract(curves[k], item.mean, out=made[k])
                made[k] /= item.scale
            else:
                made[k] = item.values(values)
        return self.of_inputs(made.T)

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
    columns = [item.values(values) for item in inputs]
    return np.column_stack([*columns, np.ones(values.n_rows)])
