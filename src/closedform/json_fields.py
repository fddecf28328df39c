"""Files of plain JSON that may come from strangers: written at once, and read one checked field at a time.

Whatever does not look as written by this package is refused in one sentence that says where and what was expected.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from closedform.exceptions import InputError, ModelFileError

LARGEST_FILE = 64 * 2**20
"""Bytes; a front of formulas is a few kilobytes, a network a few dozen."""
NETWORK_FORMAT = "closedform-network"
OUTPUTS_FORMAT = "closedform-outputs"
LARGEST_NETWORK = 256 * 2**20
"""Bytes; a network of 1,000 columns and 20 classes has about 60 million."""
MOST_COLUMNS = 1_000_000
LONGEST_NAME = 10_000

T = TypeVar("T")


# --- files ------------------------------------------------------------------------------------------------------------


def write_text(text: str, path: str | Path) -> None:
    """Write the text of a model to a file, which is replaced at once and only when everything is written.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    target = Path(path)
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


def read_file(path: str | Path, loads: Callable[[str], T], largest: int = LARGEST_FILE) -> T:
    """Give the text of a file to a reader.

    Parameters
    ----------
    path : str or Path
    loads : callable
        Takes the text and returns a model, or raises ModelFileError.
    largest : int
        Bytes; a larger file is not read.

    Raises
    ------
    ModelFileError
        If the file is missing, too large, not text, or refused by the reader; the message names it.
    """
    source = Path(path)
    try:
        with open(source, "rb") as file:
            raw = file.read(largest + 1)
    except OSError as problem:
        raise ModelFileError(f"the model file '{source}' cannot be read: {problem.strerror or problem}.") from problem
    if len(raw) > largest:
        raise ModelFileError(f"'{source}' is no model file: it is larger than {largest // 2**20} MB.")
    try:
        return loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise ModelFileError(f"'{source}' is no model file: it is not text in UTF-8.") from None
    except ModelFileError as problem:
        raise ModelFileError(f"'{source}' cannot be used: {problem}") from problem


def parsed(text: str) -> Any:
    """Plain values from JSON text; raises ModelFileError for anything else, NaN and infinity included."""
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


def check_version(data: Mapping[str, Any], newest: int, here: str) -> None:
    """Refuse a file of a newer format than version `newest`, in which this package, of version `here`, writes."""
    version = field(data, "version", whole)
    if version > newest:
        raise ModelFileError(
            f"it has version {version} of the format, and this closedform {here} knows versions up "
            f"to {newest}; it was written by closedform {data.get('package_version')!s:.40}: update closedform."
        )


# --- one field at a time ----------------------------------------------------------------------------------------------


def field(data: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> T:
    """A field of an object, read by `read`; what is wrong with it is told with its name."""
    if name not in data:
        raise ModelFileError(f'it is damaged: "{name}" is missing.')
    try:
        return read(data[name])
    except ModelFileError as problem:
        raise ModelFileError(f'it is damaged in "{name}": {problem}') from None


def wrong(expected: str, value: Any) -> ModelFileError:
    """The error for a value that is not what was expected."""
    return ModelFileError(f"expected {expected}, found {value!r:.60}.")


def whole(value: Any) -> int:
    """A whole number of at least 0."""
    if type(value) is not int or value < 0:
        raise wrong("a whole number of at least 0", value)
    return value


def number(value: Any) -> float:
    """A finite number."""
    if type(value) not in (int, float):
        raise wrong("a number", value)
    try:
        read = float(value)
    except OverflowError:
        raise wrong("a number within float64", value) from None
    # JSON has no infinity, but 1e999 reads as one.
    if not math.isfinite(read):
        raise wrong("a number within float64", value)
    return read


def number_or(missing: float) -> Callable[[Any], float]:
    """Read a finite number, or null, which stands for `missing`."""
    return lambda value: missing if value is None else number(value)


def finite_or_none(value: float) -> float | None:
    """JSON knows neither NaN nor infinity; each field says which of the two null stands for."""
    return float(value) if math.isfinite(value) else None


def truth(value: Any) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise wrong("true or false", value)
    return value


def text(value: Any) -> str:
    """A text that is not endless."""
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise wrong("a text", value)
    return value


def mapping(value: Any) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise wrong("an object", value)
    return value


def list_of(read: Callable[[Any], T], most: int) -> Callable[[Any], list[T]]:
    """Read a list of at most so many entries, each by `read`."""

    def read_list(value: Any) -> list[T]:
        if not isinstance(value, list) or len(value) > most:
            raise wrong(f"a list of at most {most} entries", value)
        return [read(item) for item in value]

    return read_list
