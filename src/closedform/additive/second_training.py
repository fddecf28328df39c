"""The second block in training: when it helps, and how it is trained on what the effects leave."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.assemble import Assembled
from closedform.additive.basis import NumericBasis
from closedform.additive.families import Family
from closedform.additive.second_block import BlockInput, SecondBlock, input_matrix
from closedform.additive.terms import ColumnFunctions, FunctionValues, MainEffect
from closedform.training.rational_layer import Rows, mean_loss, train_layer

logger = logging.getLogger(__name__)

FloatArray: TypeAlias = NDArray[np.float64]

_MOST_ROWS = 20_000
_MOST_INPUTS = 40
# A line explains so much of an effect that the effect is no input of its own.
_STRAIGHT = 0.98
# The held-out loss must fall by this share (the same rows say when training stops, which flatters it), by more if pairs
# that can be looked at are given up for it, and by so many standard errors of the difference.
_SMALLEST_GAIN = 0.02
_SMALLEST_GAIN_OVER_PAIRS = 0.15
_SURE = 2.0


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


@dataclass(frozen=True)
class BlockPlan:
    """How a second block is trained.

    Parameters
    ----------
    n_units : int
        Number of rational units.
    steps : int
        Steps of training.
    gain : float
        Share by which it lowered the held-out loss.
    seed : int
        Draws the first weights: those that were judged are those that are trained again.
    """

    n_units: int
    steps: int = 40
    gain: float = 0.0
    seed: int = 0


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


def units_for(n_rows: int) -> int:
    """Number of units that so many rows can train."""
    return int(np.clip(n_rows // 200, 4, 32))


def block_size(n_rows: int, n_features: int) -> tuple[int, int]:
    """Rows that a block is trained on, and about how many weights every step of training solves for."""
    rows = min(n_rows, _MOST_ROWS)
    return rows, units_for(rows) * (min(n_features, _MOST_INPUTS) + 3)


def plan_second_block(
    base: Base,
    held: Base,
    family: Family,
    left_out: Collection[int],
    rng: np.random.Generator,
    expired: Callable[[], bool],
) -> tuple[BlockPlan, FloatArray] | None:
    """Train a block on some rows and judge it on others.

    Returns
    -------
    (BlockPlan, ndarray of shape (n_held_out,)) or None
        How to train it again on all rows and the loss of each held-out row with it; None where nothing can be an input.
    """
    inputs = block_inputs(base, left_out)
    if not inputs:
        return None
    rows, judged = _rows(inputs, base, rng), _rows(inputs, held, None)
    n_units = units_for(len(rows.y))
    seed = int(rng.integers(2**31))
    start = np.random.default_rng(seed)
    fit = train_layer(rows, n_units, family, start, held_out=judged, expired=expired)
    before = mean_loss(judged, None, family)
    losses = family.loss(judged.y, judged.base + fit.layer.raw(judged.inputs))
    gain = 1.0 - fit.loss / before if before > 0 else 0.0
    return BlockPlan(n_units, max(fit.steps, 1), gain, seed), losses


def helps(losses: FloatArray, reference: FloatArray, weight: FloatArray, *, for_pairs: bool = False) -> bool:
    """Whether losses of rows are lower than the reference by more than a trifle and by more than chance.

    Parameters
    ----------
    losses, reference, weight : ndarray of shape (n_rows,)
        Of the rows held out.
    for_pairs : bool
        Whether pairs would be given up.
    """
    difference = reference - losses
    gain, whole = float(np.average(difference, weights=weight)), float(np.average(reference, weights=weight))
    error = float(np.sqrt(np.average((difference - gain) ** 2, weights=weight) / len(weight)))
    least = _SMALLEST_GAIN_OVER_PAIRS if for_pairs else _SMALLEST_GAIN
    return gain > least * abs(whole) and gain > _SURE * error


def train_second_block(
    base: Base,
    plan: BlockPlan,
    family: Family,
    left_out: Collection[int],
    rng: np.random.Generator,
    expired: Callable[[], bool],
) -> SecondBlock | None:
    """The block, trained on all rows (some of them where there are very many)."""
    inputs = block_inputs(base, left_out)
    if not inputs:
        return None
    rows = _rows(inputs, base, rng)
    start = np.random.default_rng(plan.seed)
    fit = train_layer(rows, plan.n_units, family, start, max_steps=plan.steps, expired=expired)
    outer = fit.layer.outer
    block = SecondBlock(inputs, fit.layer.inner, outer[: plan.n_units], outer[plan.n_units : -1], outer[-1])
    mean = np.average(fit.layer.raw(rows.inputs), weights=rows.weight, axis=0)
    logger.info(
        "second block: %d units, %d steps, held-out loss %.1f %% lower", plan.n_units, fit.steps, 100 * plan.gain
    )
    return replace(block, offset=block.offset - mean)


def _rows(inputs: tuple[BlockInput, ...], base: Base, rng: np.random.Generator | None) -> Rows:
    n = len(base.y)
    # NOTE[DIFF] Normal equations over a sample of a large table, where the paper has minibatches over all of it.
    index = np.arange(n) if rng is None or n <= _MOST_ROWS else np.sort(rng.permutation(n)[:_MOST_ROWS])
    matrix = input_matrix(inputs, FunctionValues([column[index] for column in base.columns]))
    return Rows(matrix, base.y[index], base.weight[index], base.raw[index])
