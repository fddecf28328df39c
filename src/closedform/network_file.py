"""Fitted Rational ANOVA Networks as files: plain JSON with a version, safe to read from strangers.

Numbers come back bit for bit, and reading, predicting and writing formulas need neither torch nor scikit-learn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import closedform
from closedform.additive.basis import Basis, LevelBasis, NumericBasis
from closedform.additive.families import REGRESSION, Binary, Classes, Family
from closedform.additive.fitted import FittedNetwork
from closedform.additive.model import AdditiveModel
from closedform.additive.second_block import BlockInput, SecondBlock
from closedform.additive.terms import ColumnFunctions, Effect, FormulaEffect, MainEffect, PairEffect
from closedform.exceptions import InputError, ModelFileError
from closedform.json_fields import (
    MOST_COLUMNS,
    check_version,
    field,
    finite_or_none,
    list_of,
    mapping,
    number,
    parsed,
    read_file,
    text,
    truth,
    whole,
    write_text,
    wrong,
)
from closedform.preprocessing.columns import Column
from closedform.symbolic.expression import Expression

FORMAT = "closedform-network"
VERSION = 1
LARGEST_FILE = 256 * 2**20
"""Bytes; a network of 1,000 columns and 20 classes has about 60 million."""
REGRESSOR, CLASSIFIER = "RANRegressor", "RANClassifier"

FloatArray: TypeAlias = NDArray[np.float64]

# Numbers per axis of an array; what a file can hold bounds their product.
_MOST_NUMBERS = 1_000_000
_MOST_EFFECTS = 1_000_000
_BEYOND = ("linear", "clip", "rational")


# --- writing ----------------------------------------------------------------------------------------------------------


def save_network(network: FittedNetwork, path: str | Path) -> None:
    """Write a network to a file.

    Parameters
    ----------
    network : FittedNetwork
    path : str or Path
        An existing file is replaced, at once and only when everything is written.

    Raises
    ------
    InputError
        If the file cannot be written, or the network is too large for one.
    """
    content = dumps(network)
    if len(content) > LARGEST_FILE:
        raise InputError(
            f"the model cannot be written to '{path}': it takes {len(content) // 2**20} MB, more than the "
            f"{LARGEST_FILE // 2**20} MB that a model file may have; set max_parameters or max_levels lower."
        )
    write_text(content, path)


def dumps(network: FittedNetwork) -> str:
    """Return a network as JSON text, one field to a line; every float comes back as it is."""
    model = network.model
    data = {
        "format": FORMAT,
        "version": VERSION,
        "package_version": network.version or closedform.__version__,
        "kind": network.kind,
        "target_name": network.target_name,
        "named": network.named,
        "n_rows": network.n_rows,
        "family": {"name": network.family.name, **asdict(network.family)},
        "classes": list(network.classes),
        "columns": [column.to_json() for column in network.columns],
        "intercept": model.intercept.tolist(),
        "functions": [_functions_to_json(item) for item in _all_functions(model).values()],
        "effects": [_effect_to_json(effect) for effect in model.effects],
        "second": None if model.second is None else _second_to_json(model.second),
        "covariances": _with_null(model.covariances),
        "deviations": _with_null(model.deviations),
        "settings": dict(network.settings),
    }
    lines = (
        f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}" for key, value in data.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _all_functions(model: AdditiveModel) -> dict[int, ColumnFunctions]:
    """The functions of each column, wherever they occur: a column has one set of them in all effects."""
    found = {item.column: item for item in model.functions}
    for effect in model.effects:
        found.update((item.column, item) for item in _functions_of(effect))
    if model.second is not None:
        found.update((item.functions.column, item.functions) for item in model.second.inputs)
    return found


def _functions_of(effect: Effect) -> tuple[ColumnFunctions, ...]:
    if isinstance(effect, PairEffect):
        return effect.first, effect.second
    return effect.functions if isinstance(effect, FormulaEffect) else (effect.functions,)


def _functions_to_json(functions: ColumnFunctions) -> dict[str, Any]:
    basis = functions.basis
    data: dict[str, Any] = {"column": functions.column, "beyond": functions.beyond, "missing": bool(basis.missing)}
    if isinstance(basis, LevelBasis):
        return {**data, "basis": "levels", "n_levels": int(basis.n_levels)}
    return {
        **data,
        "basis": "numeric",
        "center": float(basis.center),
        "scale": float(basis.scale),
        "low": float(basis.low),
        "high": float(basis.high),
        "n_coarse": int(basis.n_coarse),
        "knots": basis.knots.tolist(),
        "widths": basis.widths.tolist(),
    }


def _effect_to_json(effect: Effect) -> dict[str, Any]:
    data: dict[str, Any] = {"columns": list(effect.columns), "offset": effect.offset.tolist()}
    if isinstance(effect, PairEffect):
        arrays = {"matrix": effect.matrix, "left": effect.left, "right": effect.right}
        return {"effect": "pair", **data, **{key: array.tolist() for key, array in arrays.items()}}
    if isinstance(effect, FormulaEffect):
        parts = [part.tolist() for part in effect.parts]
        return {
            "effect": "formula",
            **data,
            "text": str(effect.expression),
            "expression": effect.expression.to_json(),
            "parts": parts,
        }
    return {
        "effect": "main",
        **data,
        "coefficients": effect.coefficients.tolist(),
        "grid": _with_null(effect.grid),
        "standard_error": _with_null(effect.standard_error),
    }


def _second_to_json(second: SecondBlock) -> dict[str, Any]:
    inputs = [
        {
            "column": item.functions.column,
            "coefficients": item.coefficients.tolist(),
            "mean": float(item.mean),
            "scale": float(item.scale),
        }
        for item in second.inputs
    ]
    arrays = {"weights": second.weights, "bumps": second.bumps, "steps": second.steps, "offset": second.offset}
    return {"inputs": inputs, **{key: array.tolist() for key, array in arrays.items()}}


def _with_null(array: FloatArray) -> Any:
    """Nested lists with null for what is not finite, which JSON cannot say."""
    if np.isfinite(array).all():
        return array.tolist()
    if array.ndim > 1:
        return [_with_null(row) for row in array]
    return [finite_or_none(value) for value in array.tolist()]


# --- reading ----------------------------------------------------------------------------------------------------------


def load_network(path: str | Path) -> FittedNetwork:
    """Read a network from a file; loads neither torch nor scikit-learn nor pandas.

    Parameters
    ----------
    path : str or Path
        A file that `save` has written, or that somebody says `save` has written.

    Raises
    ------
    ModelFileError
        If the file is missing, too large, damaged, not a network, or of a newer version.
    """
    return read_file(path, loads, LARGEST_FILE)


def loads(content: str) -> FittedNetwork:
    """Read a network from JSON text; see `load_network`."""
    return from_plain(parsed(content))


def is_network(data: Any) -> bool:
    """Whether plain values say that they are a network."""
    return isinstance(data, dict) and data.get("format") == FORMAT


def from_plain(data: Any) -> FittedNetwork:
    """Read a network from the plain values of its JSON text; see `load_network`."""
    if not is_network(data):
        raise ModelFileError(f'it is not a closedform network (a JSON object with "format": "{FORMAT}").')
    check_version(data, VERSION, closedform.__version__)
    columns = tuple(field(data, "columns", list_of(Column.from_json, MOST_COLUMNS)))
    names = [column.name for column in columns]
    if len(set(names)) != len(names):
        raise ModelFileError('it is damaged in "columns": a name occurs twice.')
    kind = field(data, "kind", text)
    classes = field(data, "classes", _classes)
    family = field(data, "family", _family)
    n_outputs = _check_kind(kind, family, classes)
    return FittedNetwork(
        kind=kind,
        columns=columns,
        named=field(data, "named", truth),
        target_name=field(data, "target_name", text),
        family=family,
        classes=classes,
        model=_model(data, columns, n_outputs),
        n_rows=field(data, "n_rows", whole),
        settings=field(data, "settings", mapping),
        version=field(data, "package_version", text),
    )


def _classes(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) > MOST_COLUMNS:
        raise wrong("a list of labels", value)
    kinds = {type(label) for label in value}
    if len(kinds) > 1 or not kinds <= {str, bool, int, float}:
        raise wrong("labels of one kind, text, numbers, or true and false", value)
    try:
        plain = np.array(value).dtype.kind in "biufU"
    except OverflowError:
        plain = False
    if len(set(value)) != len(value) or not plain:
        raise wrong("different labels within the range of numbers", value)
    if float in kinds:
        list_of(number, len(value))(value)
    return tuple(value)


def _family(value: Any) -> Family:
    data = mapping(value)
    name = field(data, "name", text)
    if name == "log_loss":
        count = field(data, "n_classes", whole) if "n_classes" in data else 2
        return Classes(count) if "n_classes" in data else Binary()
    if name not in REGRESSION:
        raise wrong(f"one of {', '.join(REGRESSION)}, log_loss", name)
    family = REGRESSION[name]
    return family(**{key: field(data, key, number) for key in asdict(family())})


def _check_kind(kind: str, family: Family, classes: Sequence[Any]) -> int:
    """Refuse what does not belong together; the number of raw scores."""
    if kind == REGRESSOR and not isinstance(family, Binary | Classes):
        if classes:
            raise ModelFileError(f'it is damaged: a {REGRESSOR} has no "classes".')
        return 1
    if kind == CLASSIFIER and isinstance(family, Binary | Classes):
        wanted = 2 if isinstance(family, Binary) else family.n_classes
        if len(classes) != wanted or wanted < 2:
            raise ModelFileError(f'it is damaged: "family" has {wanted} classes, "classes" lists {len(classes)}.')
        return 1 if wanted == 2 and isinstance(family, Binary) else wanted
    raise ModelFileError(f"it is damaged: a {kind!r:.60} with the loss {family.name!r:.60} is not known.")


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


def _model(data: Mapping[str, Any], columns: Sequence[Column], n_outputs: int) -> AdditiveModel:
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
    return ColumnFunctions(position, column.name, basis, beyond)


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
    )


def _width(data: Mapping[str, Any]) -> int:
    """Number of units: as many as there are bumps."""
    return len(field(data, "bumps", list_of(lambda row: row, _MOST_NUMBERS)))


def _block_input(value: Any, functions: Mapping[int, ColumnFunctions]) -> BlockInput:
    data = mapping(value)
    own = field(data, "column", lambda position: _known(position, functions))
    coefficients = field(data, "coefficients", _array(own.basis.size))
    return BlockInput(own, coefficients, field(data, "mean", number), field(data, "scale", _positive))
