"""Fitted models as files: plain JSON with a version, safe to read from strangers.

Reading builds formulas from lists of names and numbers and nothing else: no text is run as code, no class is looked up
by name. Whatever does not look as written here is refused in one sentence.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import closedform
from closedform.exceptions import InputError, ModelFileError, Status
from closedform.formulas import Formula, FormulaModel
from closedform.symbolic.expression import Expression
from closedform.symbolic.printing import to_text

FORMAT = "closedform-model"
VERSION = 1
LARGEST_FILE = 64 * 2**20
"""Bytes; a front of formulas is a few kilobytes."""
MOST_FORMULAS = 10_000
MOST_COLUMNS = 1_000_000
LONGEST_NAME = 10_000

T = TypeVar("T")


# --- writing ----------------------------------------------------------------------------------------------------------


def save_model(model: FormulaModel, path: str | Path) -> None:
    """Write a model to a file.

    Parameters
    ----------
    model : FormulaModel
    path : str or Path
        An existing file is replaced, at once and only when everything is written.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    target = Path(path)
    text = dumps(model)
    # In the same folder, so that the last step is a rename; with the permissions of any new file.
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            with open(part, "x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as problem:
        raise InputError(f"the model cannot be written to '{target}': {problem.strerror or problem}.") from problem


def dumps(model: FormulaModel) -> str:
    """Return a model as JSON text; every float comes back as it is."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "package_version": model.version or closedform.__version__,
        "kind": model.kind,
        "target_name": model.target_name,
        "feature_names": list(model.feature_names),
        "named": model.named,
        "n_rows": model.n_rows,
        "domain": {name: list(bounds) for name, bounds in model.domain.items()},
        "status": model.status.value,
        "chosen": model.chosen,
        "formulas": [_formula_to_json(formula) for formula in model.formulas],
        "seed": model.seed,
        "n_searches": model.n_searches,
        "settings": dict(model.settings),
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _formula_to_json(formula: Formula) -> dict[str, Any]:
    return {
        "text": to_text(formula.expression),
        "expression": formula.expression.to_json(),
        "complexity": formula.complexity,
        "loss": _finite_or_none(formula.loss),
        "holdout_loss": _finite_or_none(formula.holdout_loss),
        "score": _finite_or_none(formula.score),
        "engine": formula.engine,
        "seconds": formula.seconds,
        "standard_errors": [_finite_or_none(error) for error in formula.standard_errors],
    }


def _finite_or_none(value: float) -> float | None:
    """JSON knows neither NaN nor infinity; each field says which of the two null stands for."""
    return float(value) if math.isfinite(value) else None


# --- reading ----------------------------------------------------------------------------------------------------------


def load_formulas(path: str | Path) -> FormulaModel:
    """Read a model file; loads neither torch nor scikit-learn nor pandas.

    Parameters
    ----------
    path : str or Path
        A file that `save` has written, or that somebody says `save` has written.

    Returns
    -------
    FormulaModel

    Raises
    ------
    ModelFileError
        If the file is missing, too large, damaged, not a model, or of a newer version.
    """
    source = Path(path)
    try:
        with open(source, "rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except OSError as problem:
        raise ModelFileError(f"the model file '{source}' cannot be read: {problem.strerror or problem}.") from problem
    if len(raw) > LARGEST_FILE:
        raise ModelFileError(f"'{source}' is no model file: it is larger than {LARGEST_FILE // 2**20} MB.")
    try:
        return loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise ModelFileError(f"'{source}' is no model file: it is not text in UTF-8.") from None
    except ModelFileError as problem:
        raise ModelFileError(f"'{source}' cannot be used: {problem}") from problem


def loads(text: str) -> FormulaModel:
    """Read a model from JSON text; see `load_formulas`."""
    data = _parsed(text)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ModelFileError(f'it is not a closedform model (a JSON object with "format": "{FORMAT}").')
    version = _field(data, "version", _whole)
    if version > VERSION:
        raise ModelFileError(
            f"it has version {version} of the format, and this closedform {closedform.__version__} knows versions up "
            f"to {VERSION}; it was written by closedform {data.get('package_version')!s:.40}: update closedform."
        )
    names = tuple(_field(data, "feature_names", _list_of(_name, MOST_COLUMNS)))
    formulas = tuple(_field(data, "formulas", _list_of(_formula, MOST_FORMULAS)))
    model = FormulaModel(
        kind=_field(data, "kind", _name),
        feature_names=names,
        named=_field(data, "named", _truth),
        target_name=_field(data, "target_name", _name),
        formulas=formulas,
        chosen=_field(data, "chosen", _whole),
        domain=_field(data, "domain", _domain),
        status=_field(data, "status", _status),
        n_rows=_field(data, "n_rows", _whole),
        settings=_field(data, "settings", _mapping),
        seed=_field(data, "seed", _whole),
        n_searches=_field(data, "n_searches", _whole),
        version=_field(data, "package_version", _name),
    )
    _check_together(model)
    return model


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ModelFileError("it is nested too deeply.") from None
    except json.JSONDecodeError as problem:
        raise ModelFileError(
            f"it is not JSON, or was cut off: {problem.msg} in line {problem.lineno}, column {problem.colno}."
        ) from None
    except ValueError as problem:
        # A number with thousands of digits.
        raise ModelFileError(f"it is damaged: {problem}.") from None


def _refuse_constant(word: str) -> NoReturn:
    raise ModelFileError(f"it is damaged: {word} is not a number that a model file may hold.")


def _check_together(model: FormulaModel) -> None:
    """What no field can say alone."""
    if not model.formulas:
        raise ModelFileError('it is damaged: "formulas" is empty.')
    if not 0 <= model.chosen < len(model.formulas):
        raise ModelFileError(
            f'it is damaged: "chosen" is {model.chosen}, but there are {len(model.formulas)} formulas.'
        )
    if len(set(model.feature_names)) != len(model.feature_names):
        raise ModelFileError('it is damaged: a name occurs twice in "feature_names".')
    known = set(model.feature_names)
    for formula in model.formulas:
        strangers = [name for name in formula.expression.variables if name not in known]
        if strangers:
            raise ModelFileError(
                f'it is damaged: a formula uses {strangers[0]!r:.60}, which is not in "feature_names".'
            )
        if len(formula.standard_errors) != formula.expression.n_constants:
            raise ModelFileError("it is damaged: a formula has not as many standard errors as constants.")


# --- one field at a time ----------------------------------------------------------------------------------------------


def _field(data: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> T:
    if name not in data:
        raise ModelFileError(f'it is damaged: "{name}" is missing.')
    try:
        return read(data[name])
    except ModelFileError as problem:
        raise ModelFileError(f'it is damaged in "{name}": {problem}') from None


def _wrong(expected: str, value: Any) -> ModelFileError:
    return ModelFileError(f"expected {expected}, found {value!r:.60}.")


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise _wrong("a whole number of at least 0", value)
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise _wrong("a number", value)
    try:
        number = float(value)
    except OverflowError:
        raise _wrong("a number within float64", value) from None
    # JSON has no infinity, but 1e999 reads as one.
    if not math.isfinite(number):
        raise _wrong("a number within float64", value)
    return number


def _number_or(missing: float) -> Callable[[Any], float]:
    return lambda value: missing if value is None else _number(value)


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise _wrong("true or false", value)
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise _wrong("a text", value)
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong("an object", value)
    return value


def _list_of(read: Callable[[Any], T], most: int) -> Callable[[Any], list[T]]:
    def read_list(value: Any) -> list[T]:
        if not isinstance(value, list) or len(value) > most:
            raise _wrong(f"a list of at most {most} entries", value)
        return [read(item) for item in value]

    return read_list


def _status(value: Any) -> Status:
    by_name = {status.value: status for status in Status}
    if not isinstance(value, str) or value not in by_name:
        raise _wrong(f"one of {', '.join(by_name)}", value)
    return by_name[value]


def _domain(value: Any) -> dict[str, tuple[float, float]]:
    domain = {}
    for name, bounds in _mapping(value).items():
        low, high = _pair(bounds)
        domain[_name(name)] = (low, high)
    return domain


def _pair(value: Any) -> tuple[float, float]:
    numbers = _list_of(_number, 2)(value)
    if len(numbers) != 2 or numbers[0] > numbers[1]:
        raise _wrong("[smallest, largest]", value)
    return numbers[0], numbers[1]


def _formula(value: Any) -> Formula:
    data = _mapping(value)
    # "text" is for people who look into the file; what counts is "expression".
    return Formula(
        expression=_field(data, "expression", Expression.from_json),
        loss=_field(data, "loss", _number_or(math.inf)),
        holdout_loss=_field(data, "holdout_loss", _number_or(math.nan)),
        complexity=_field(data, "complexity", _whole),
        engine=_field(data, "engine", _name),
        seconds=_field(data, "seconds", _number),
        standard_errors=tuple(_field(data, "standard_errors", _list_of(_number_or(math.inf), MOST_FORMULAS))),
        score=_field(data, "score", _number_or(math.inf)),
    )
