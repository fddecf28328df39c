"""The pieces of a network from plain values, each checked: array shapes, ranges, and that they fit together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.basis import Basis, LevelBasis, NumericBasis
from closedform.additive.model import AdditiveModel
from closedform.additive.second_block import BlockInput, SecondBlock
from closedform.additive.terms import ColumnFunctions, Effect, FormulaEffect, MainEffect, PairEffect
from closedform.exceptions import ModelFileError
from closedform.json_fields import MOST_COLUMNS, field, list_of, mapping, number, text, truth, whole, wrong
from closedform.preprocessing.columns import Column
from closedform.symbolic.expression import Expression

FloatArray: TypeAlias = NDArray[np.float64]

# Numbers per axis of an array; what a file can hold bounds their product.
_MOST_NUMBERS = 1_000_000
_MOST_EFFECTS = 1_000_000
_BEYOND = ("linear", "clip", "rational")


# --- arrays -----------------------------------------------------------------------------------------------------------


def _array(*shape: int | None, null: float | None = None) -> Callable[[Any], FloatArray]:
    """Read nested lists of numbers as an array of this shape; None stands for any length.

    Parameters
    ----------
    *shape : int or None
        Lengths of the axes.
    null : float, optional
        What null stands for; it is refused if None.
    """

    def entry(value: Any) -> float:
        return null if value is None and null is not None else number(value)

    def check(value: Any, axes: tuple[int | None, ...]) -> Any:
        if not axes:
            return entry(value)
        if not isinstance(value, list) or len(value) > _MOST_NUMBERS or axes[0] not in (None, len(value)):
            size = "any number of" if axes[0] is None else axes[0]
            raise wrong(f"a list of {size} entries", value)
        return [check(item, axes[1:]) for item in value]

    def read(value: Any) -> FloatArray:
        checked = check(value, shape)
        known = tuple(len(value) if length is None and axis == 0 else length or 0 for axis, length in enumerate(shape))
        return np.array(checked, dtype=np.float64).reshape(known)

    return read


def _positive(value: Any) -> float:
    size = number(value)
    if size <= 0.0:
        raise wrong("a number above 0", value)
    return size


# --- the pieces of a model --------------------------------------------------------------------------------------------


def read_model(data: Mapping[str, Any], columns: Sequence[Column], n_outputs: int) -> AdditiveModel:
    def read_functions(value: Any) -> ColumnFunctions:
        return _functions(value, columns)

    listed = field(data, "functions", list_of(read_functions, MOST_COLUMNS))
    functions = {item.column: item for item in listed}
    if len(functions) != len(listed):
        raise ModelFileError('it is damaged in "functions": a column occurs twice.')
    effects = tuple(field(data, "effects", list_of(lambda value: _effect(value, functions, n_outputs), _MOST_EFFECTS)))
    count = len(effects) + 1
    return AdditiveModel(
        intercept=field(data, "intercept", _array(n_outputs)),
        functions=tuple(listed),
        effects=effects,
        second=field(data, "second", lambda value: None if value is None else _second(value, functions, n_outputs)),
        # Squares of huge numbers overflow: null is infinity.
        covariances=field(data, "covariances", _array(count, null=math.inf)),
        deviations=field(data, "deviations", _array(count, null=math.inf)),
    )


def _functions(value: Any, columns: Sequence[Column]) -> ColumnFunctions:
    data = mapping(value)
    position = field(data, "column", whole)
    if position >= len(columns) or not columns[position].used:
        raise ModelFileError(f"there is no column {position} that functions can be made of.")
    column = columns[position]
    beyond = field(data, "beyond", text)
    if beyond not in _BEYOND:
        raise wrong(f"one of {', '.join(_BEYOND)}", beyond)
    kind = field(data, "basis", text)
    if kind != ("levels" if column.kind == "categorical" else "numeric"):
        raise ModelFileError(f"a column of kind {column.kind} has no functions of the kind {kind!r:.60}.")
    basis: Basis = _level_basis(data, column) if kind == "levels" else _numeric_basis(data)
    below, above = field(data, "kept", _shares) if "kept" in data else (1.0, 1.0)
    return ColumnFunctions(position, column.name, basis, beyond, (below, above))


def _shares(value: Any) -> tuple[float, float]:
    shares = list_of(number, 2)(value)
    if len(shares) != 2 or not all(0.0 <= share <= 1.0 for share in shares):
        raise wrong("two numbers from 0 to 1", value)
    return shares[0], shares[1]


def _level_basis(data: Mapping[str, Any], column: Column) -> LevelBasis:
    n_levels = field(data, "n_levels", whole)
    if n_levels != len(column.levels):
        raise ModelFileError(f"{n_levels} functions for the {len(column.levels)} levels of {column.name!r:.60}.")
    return LevelBasis(n_levels, field(data, "missing", truth))


def _numeric_basis(data: Mapping[str, Any]) -> NumericBasis:
    knots = field(data, "knots", _array(None))
    widths = field(data, "widths", list_of(_positive, len(knots)))
    low, high = field(data, "low", number), field(data, "high", number)
    n_coarse = field(data, "n_coarse", whole)
    if len(widths) != len(knots) or n_coarse > len(knots):
        raise ModelFileError(f"{len(knots)} knots, {len(widths)} widths, {n_coarse} of them wide, do not fit together.")
    if low > high:
        raise ModelFileError(f"the smallest value {low:g} is larger than the largest value {high:g}.")
    return NumericBasis(
        center=field(data, "center", number),
        scale=field(data, "scale", _positive),
        knots=knots,
        widths=np.array(widths, dtype=np.float64),
        n_coarse=n_coarse,
        low=low,
        high=high,
        missing=field(data, "missing", truth),
    )


def _known(position: Any, functions: Mapping[int, ColumnFunctions]) -> ColumnFunctions:
    if whole(position) not in functions:
        raise ModelFileError(f'the column {position} is not among "functions".')
    return functions[position]


def _effect(value: Any, functions: Mapping[int, ColumnFunctions], n_outputs: int) -> Effect:
    data = mapping(value)
    own = field(data, "columns", list_of(lambda position: _known(position, functions), MOST_COLUMNS))
    if not own or len({item.column for item in own}) != len(own):
        raise ModelFileError("an effect needs columns, each once.")
    offset = field(data, "offset", _array(n_outputs))
    kind = field(data, "effect", text)
    if kind == "formula":
        return _formula_effect(data, own, offset)
    if kind not in _EFFECT_COLUMNS or len(own) != _EFFECT_COLUMNS[kind]:
        raise ModelFileError(f"an effect of the kind {kind!r:.60} of {len(own)} columns is not known.")
    sizes = [item.basis.size for item in own]
    if kind == "main":
        grid = field(data, "grid", _array(None, null=math.nan))
        error = field(data, "standard_error", _array(len(grid), n_outputs, null=math.nan))
        return MainEffect(own[0], field(data, "coefficients", _array(sizes[0], n_outputs)), offset, grid, error)
    coarse = [len(item.basis.coarse) for item in own]
    return PairEffect(
        own[0],
        own[1],
        field(data, "matrix", _array(coarse[0], coarse[1], n_outputs)),
        field(data, "left", _array(sizes[0], n_outputs)),
        field(data, "right", _array(sizes[1], n_outputs)),
        offset,
    )


_EFFECT_COLUMNS = {"main": 1, "pair": 2}


def _formula_effect(data: Mapping[str, Any], own: Sequence[ColumnFunctions], offset: FloatArray) -> FormulaEffect:
    if len(offset) != 1 or any(isinstance(item.basis, LevelBasis) for item in own):
        raise ModelFileError("an effect that is a formula has one output, and numeric columns.")
    expression = field(data, "expression", Expression.from_json)
    strangers = set(expression.variables) - {item.name for item in own}
    if strangers:
        raise ModelFileError(f"a formula uses {min(strangers)!r:.60}, which is not among its columns.")
    parts = field(data, "parts", lambda value: value)
    if not isinstance(parts, list) or len(parts) != len(own):
        raise wrong(f'a list of {len(own)} "parts"', parts)
    arrays = tuple(_array(item.basis.size, 1)(part) for item, part in zip(own, parts, strict=True))
    return FormulaEffect(tuple(own), expression, arrays, offset)


def _second(value: Any, functions: Mapping[int, ColumnFunctions], n_outputs: int) -> SecondBlock:
    data = mapping(value)
    inputs = tuple(field(data, "inputs", list_of(lambda item: _block_input(item, functions), MOST_COLUMNS)))
    weights = field(data, "weights", _array(len(inputs) + 1, _width(data)))
    n_units = weights.shape[1]
    return SecondBlock(
        inputs,
        weights,
        field(data, "bumps", _array(n_units, n_outputs)),
        field(data, "steps", _array(n_units, n_outputs)),
        field(data, "offset", _array(n_outputs)),
        tuple(field(data, "parts", list_of(lambda item: _part(item, functions, n_outputs), _MOST_EFFECTS))),
    )


def _part(value: Any, functions: Mapping[int, ColumnFunctions], n_outputs: int) -> MainEffect | PairEffect:
    part = _effect(value, {column: item.held() for column, item in functions.items()}, n_outputs)
    if isinstance(part, FormulaEffect):
        raise ModelFileError("a second block has no parts that are formulas.")
    return part


def _width(data: Mapping[str, Any]) -> int:
    """Number of units: as many as there are bumps."""
    return len(field(data, "bumps", list_of(lambda row: row, _MOST_NUMBERS)))


def _block_input(value: Any, functions: Mapping[int, ColumnFunctions]) -> BlockInput:
    data = mapping(value)
    own = field(data, "column", lambda position: _known(position, functions))
    coefficients = field(data, "coefficients", _array(own.basis.size))
    return BlockInput(own, coefficients, field(data, "mean", number), field(data, "scale", _positive))
