"""The second block in training: when it helps, and how it is trained on what the effects leave."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.assemble import Assembled
from closedform.additive.basis import NumericBasis
from closedform.additive.families import Family
from closedform.additive.second_block import BlockInput, input_matrix
from closedform.additive.terms import ColumnFunctions, FunctionValues, MainEffect
from closedform.additive.units import Units
from closedform.training.rational_layer import Rows, train_layer

logger = logging.getLogger(__name__)

FloatArray: TypeAlias = NDArray[np.float64]

_MOST_ROWS = 12_000
_MOST_INPUTS = 40
# A line explains so much of an effect that the effect is no input of its own.
_STRAIGHT = 0.98
_UNITS, _FEWEST_UNITS = 16, 4
# Multiplications for one step of training.
_LARGEST_STEP = 1.5e9


@dataclass(frozen=True, eq=False)
class Base:
    """An additive fit that a second block may be put on.

    Parameters
    ----------
    assembled : Assembled
        Its effects.
    columns : sequence of ndarray of shape (n_rows,)
        The table.
    y, weight : ndarray of shape (n_rows,)
        Target and weights.
    raw : ndarray of shape (n_rows, n_outputs)
        Its raw scores.
    """

    assembled: Assembled
    columns: Sequence[FloatArray]
    y: FloatArray
    weight: FloatArray
    raw: FloatArray


def block_inputs(base: Base, left_out: Collection[int]) -> tuple[BlockInput, ...]:
    """Numeric columns as they are, and main effects that are no lines; the largest effects where there are too many."""
    share = base.weight / base.weight.sum()
    mains = {effect.columns[0]: effect for effect in base.assembled.effects if isinstance(effect, MainEffect)}
    found: list[tuple[float, BlockInput]] = []
    for functions in (*(main.functions for main in mains.values()), *base.assembled.others):
        if functions.column in left_out:
            continue
        values = functions.values(base.columns[functions.column])
        main = mains.get(functions.column)
        curves = values @ main.coefficients if main is not None else np.empty((len(values), 0))
        size = float(np.sqrt(share @ np.sum((curves - share @ curves) ** 2, axis=1)))
        numeric = isinstance(functions.basis, NumericBasis)
        if numeric:
            found += _scaled(functions, np.eye(1, functions.basis.size)[0], values, share, size)
        for k in range(curves.shape[1]):
            if main is not None and not (numeric and _is_straight(values[:, 0], curves[:, k], share)):
                found += _scaled(functions, main.coefficients[:, k], values, share, size)
    found.sort(key=lambda item: -item[0])
    return tuple(item for _, item in found[:_MOST_INPUTS])


def _scaled(
    functions: ColumnFunctions, coefficients: FloatArray, values: FloatArray, share: FloatArray, size: float
) -> list[tuple[float, BlockInput]]:
    curve = values @ coefficients
    mean = float(share @ curve)
    scale = float(np.sqrt(share @ (curve - mean) ** 2))
    return [(size, BlockInput(functions, coefficients, mean, scale))] if scale > 1e-9 * (abs(mean) + 1e-300) else []


def _is_straight(line: FloatArray, curve: FloatArray, share: FloatArray) -> bool:
    a, b = line - share @ line, curve - share @ curve
    whole = float((share @ (a * a)) * (share @ (b * b)))
    return whole <= 0.0 or float(share @ (a * b)) ** 2 > _STRAIGHT * whole


def units_for(n_rows: int, n_inputs: int, n_outputs: int) -> int:
    """Number of units that can be trained in bearable time; those that are too many for the rows do no harm."""
    # A step of training multiplies a matrix of so many columns with itself, for each output.
    n_columns = np.sqrt(_LARGEST_STEP / (n_rows * n_outputs))
    return int(np.clip(n_columns / (n_inputs + 2 * n_outputs), _FEWEST_UNITS, _UNITS))


def block_size(n_rows: int, n_features: int, n_outputs: int) -> tuple[int, int]:
    """Rows that units are trained on, and about how many weights every step of training solves for."""
    rows, n_inputs = min(n_rows, _MOST_ROWS), min(n_features, _MOST_INPUTS)
    return rows, units_for(rows, n_inputs, n_outputs) * (n_inputs + 2 * n_outputs + 1)


def trained_units(
    base: Base,
    held: Base,
    family: Family,
    left_out: Collection[int],
    seed: int,
    expired: Callable[[], bool],
) -> Units | None:
    """Units trained on what the effects leave on some rows, for as long as others are predicted better by it.

    Parameters
    ----------
    base, held : Base
        The rows to train on and the rows that say when to stop.
    family : Family
        The loss.
    left_out : collection of int
        Columns that are no inputs.
    seed : int
        Draws the first weights, and the rows where there are very many.
    expired : callable
        Asked before every step.

    Returns
    -------
    Units or None
        None where nothing can be an input.
    """
    inputs = block_inputs(base, left_out)
    if not inputs:
        return None
    rng = np.random.default_rng(seed)
    rows, judged = _rows(inputs, base, rng), _rows(inputs, held, rng)
    n_units = units_for(len(rows.y), rows.inputs.shape[1], rows.base.shape[1])
    fit = train_layer(rows, n_units, family, rng, held_out=judged, expired=expired)
    logger.debug("%d units of a second block, %d steps, held-out loss %g", n_units, fit.steps, fit.loss)
    return Units.of(inputs, fit.layer.inner, rows.inputs, rows.weight / rows.weight.sum())


def _rows(inputs: tuple[BlockInput, ...], base: Base, rng: np.random.Generator) -> Rows:
    n = len(base.y)
    # NOTE[DIFF] Normal equations over a sample of a large table, where the paper has minibatches over all of it.
    index = np.arange(n) if n <= _MOST_ROWS else np.sort(rng.permutation(n)[:_MOST_ROWS])
    matrix = input_matrix(inputs, FunctionValues([column[index] for column in base.columns]))
    return Rows(matrix, base.y[index], base.weight[index], base.raw[index])
