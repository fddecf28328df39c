"""Fitted Rational ANOVA Networks as files: plain JSON with a version, safe to read from strangers.

Numbers come back bit for bit, and reading, predicting and writing formulas need neither torch nor scikit-learn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import closedform
from closedform.additive.basis import LevelBasis
from closedform.additive.families import REGRESSION, Binary, Classes, Family
from closedform.additive.fitted import FittedNetwork
from closedform.additive.second_block import SecondBlock
from closedform.additive.terms import ColumnFunctions, Effect, FormulaEffect, PairEffect
from closedform.exceptions import InputError, ModelFileError
from closedform.json_fields import (
    LARGEST_NETWORK,
    MOST_COLUMNS,
    NETWORK_FORMAT,
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
from closedform.network_file._pieces import read_model
from closedform.preprocessing.columns import Column

VERSION = 1
REGRESSOR, CLASSIFIER = "RANRegressor", "RANClassifier"

FloatArray: TypeAlias = NDArray[np.float64]


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
    if len(content) > LARGEST_NETWORK:
        raise InputError(
            f"the model cannot be written to '{path}': it takes {len(content) // 2**20} MB, more than the "
            f"{LARGEST_NETWORK // 2**20} MB that a model file may have; set max_parameters or max_levels lower."
        )
    write_text(content, path)


def dumps(network: FittedNetwork) -> str:
    """Return a network as JSON text, one field to a line; every float comes back as it is."""
    model = network.model
    data = {
        "format": NETWORK_FORMAT,
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
        "functions": [_functions_to_json(item) for item in model.functions],
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


def _functions_to_json(functions: ColumnFunctions) -> dict[str, Any]:
    basis = functions.basis
    data: dict[str, Any] = {"column": functions.column, "beyond": functions.beyond, "missing": bool(basis.missing)}
    if isinstance(basis, LevelBasis):
        return {**data, "basis": "levels", "n_levels": int(basis.n_levels)}
    return {
        **data,
        "kept": list(functions.kept),
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
    parts = [_effect_to_json(part) for part in second.parts]
    return {"inputs": inputs, **{key: array.tolist() for key, array in arrays.items()}, "parts": parts}


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
    return read_file(path, loads, LARGEST_NETWORK)


def loads(content: str) -> FittedNetwork:
    """Read a network from JSON text; see `load_network`."""
    return from_plain(parsed(content))


def from_plain(data: Any) -> FittedNetwork:
    """Read a network from the plain values of its JSON text; see `load_network`."""
    if not isinstance(data, dict) or data.get("format") != NETWORK_FORMAT:
        raise ModelFileError(f'it is not a closedform network (a JSON object with "format": "{NETWORK_FORMAT}").')
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
        model=read_model(data, columns, n_outputs),
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
