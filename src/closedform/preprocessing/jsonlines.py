"""JSON lines: one object per line, or one array of objects."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from closedform.exceptions import InputError


def read_records(file: BinaryIO, label: str) -> list[dict[str, Any]]:
    """Read all objects of a JSON lines file, or of a file that is one JSON array of objects.

    Parameters
    ----------
    file : binary file
    label : str
        How messages call the file.

    Raises
    ------
    InputError
        With the line that is no object, or that has a name twice.
    """
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{label} is not UTF-8 text, which JSON must be: {error}.") from error
    if text.lstrip().startswith("["):
        records = _parse(text, label, "the array")
        places = [f"item {i}" for i in range(1, len(records) + 1)]
    else:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
        places = [f"line {number}" for number, _ in lines]
        records = [_parse(line, label, place) for place, (_, line) in zip(places, lines, strict=True)]
    for place, record in zip(places, records, strict=True):
        if not isinstance(record, dict):
            raise InputError(f"{label}, {place} holds a JSON {type(record).__name__}: expected one object per line.")
    return records


def _parse(text: str, label: str, place: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _object(pairs, label, place))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{label}, {place} is not valid JSON ({error.msg}): "
            'expected one object per line, such as {"x": 1, "y": 2}.'
        ) from error
    except RecursionError as error:
        raise InputError(f"{label}, {place} is nested too deeply: expected one flat object per line.") from error


def _object(pairs: list[tuple[str, Any]], label: str, place: str) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{label}, {place} has two values called '{twice}': rename or remove one of them.")
    return record
