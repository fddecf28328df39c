"""Constraints as short texts, for the command line, and as plain records, for model files."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from closedform.constraints.base import Constraint
from closedform.constraints.forms import Forbidden, MaxArgument, MaxUses, NotNested, OnlyOn
from closedform.constraints.shapes import Bounds, Convex, Monotone, Negative, Positive, ValueAt
from closedform.exceptions import InputError, did_you_mean

_KINDS: Mapping[str, type[Constraint]] = {
    one.__name__: one
    for one in (
        *(Bounds, Convex, Monotone, Negative, Positive, ValueAt),
        *(Forbidden, MaxArgument, MaxUses, NotNested, OnlyOn),
    )
}

# A name in backquotes, in which a backquote is doubled, or a sign that separates, or anything else.
_PIECE = re.compile(r"`((?:[^`]|``)*)`|([:,=@])|([^:,=@`]+)")


def parse_constraint(text: str) -> Constraint:
    """Read one constraint from a short text.

    Parameters
    ----------
    text : str
        One of ``monotone:COLUMN:up`` (or ``down``), ``convex:COLUMN``, ``concave:COLUMN``, ``bounds:LOW:HIGH`` (either
        may be empty), ``positive``, ``negative``, ``value:COLUMN=NUMBER,...:NUMBER``, ``forbid:OPERATOR,...``,
        ``max-uses:OPERATOR:COUNT``, ``not-nested:OPERATOR:OPERATOR,...``, ``only-on:OPERATOR:COLUMN,...``,
        ``max-argument:OPERATOR:NODES``. A shape may end with ranges other than those of the data, as in
        ``positive@x=0..10,z=1..2``. A column name that contains one of ``: , = @`` goes in backquotes.

    Raises
    ------
    InputError
        If the text is none of these.

    Examples
    --------
    >>> parse_constraint("monotone:dose:up")
    Monotone(column='dose', increasing=True, where={})
    >>> parse_constraint("value:t=0:1.5")
    ValueAt(point={'t': 0.0}, value=1.5)
    """
    body, where = _split(_pieces(text), "@", text) if "@" in text else (_pieces(text), None)
    kind, *fields = _divided(body, ":")
    name = _word(kind).lower() if len(kind) == 1 else ""
    if name not in _FORMS:
        known = ", ".join(form for form, _ in _FORMS.values())
        raise InputError(f"there is no constraint {name!r}{did_you_mean(name, _FORMS)}; known are {known}.")
    form, make = _FORMS[name]
    try:
        made = make(fields)
    except (ValueError, IndexError) as problem:
        if isinstance(problem, InputError):
            raise
        raise InputError(f"the constraint {text!r} must look like {form}.") from None
    if where is None:
        return made
    if "where" not in {one.name for one in dataclasses.fields(made)}:  # type: ignore[arg-type]
        raise InputError(f"the constraint {text!r} takes no ranges after @.")
    return dataclasses.replace(made, where=_ranges(where, text))  # type: ignore[type-var]


# --- pieces of text ---------------------------------------------------------------------------------------------------

# A name or number, and whether it is a sign that separates.
_Piece = tuple[str, bool]
_Pieces = list[_Piece]


def _pieces(text: str) -> _Pieces:
    found, position = [], 0
    while position < len(text):
        match = _PIECE.match(text, position)
        if match is None:
            raise InputError(f"the constraint {text!r} has a backquote that is never closed.")
        quoted, sign, plain = match.groups()
        piece = (
            (sign, True)
            if sign
            else (quoted.replace("``", "`"), False)
            if quoted is not None
            else (plain.strip(), False)
        )
        found.append(piece)
        position = match.end()
    return found


def _divided(pieces: _Pieces, sign: str) -> list[_Pieces]:
    parts: list[_Pieces] = [[]]
    for piece in pieces:
        if piece == (sign, True):
            parts.append([])
        else:
            parts[-1].append(piece)
    return parts


def _split(pieces: _Pieces, sign: str, text: str) -> tuple[_Pieces, _Pieces | None]:
    parts = _divided(pieces, sign)
    if len(parts) > 2:
        raise InputError(
            f"the constraint {text!r} may have one {sign} only; other names that contain it need backquotes."
        )
    return parts[0], parts[1] if len(parts) == 2 else None


def _word(pieces: _Pieces) -> str:
    """The one name or number of a field."""
    if len(pieces) != 1 or pieces[0][1]:
        raise ValueError("one name is expected")
    return pieces[0][0]


def _words(pieces: _Pieces) -> tuple[str, ...]:
    return tuple(_word(part) for part in _divided(pieces, ","))


def _number(pieces: _Pieces) -> float:
    return float(_word(pieces))


def _number_or_none(pieces: _Pieces) -> float | None:
    return _number(pieces) if pieces else None


def _point(pieces: _Pieces) -> dict[str, float]:
    pairs = [_divided(part, "=") for part in _divided(pieces, ",")]
    return {_word(name): _number(value) for name, value in pairs}


def _ranges(pieces: _Pieces, text: str) -> dict[str, tuple[float, float]]:
    try:
        pairs = [_divided(part, "=") for part in _divided(pieces, ",")]
        ends = {_word(name): _word(value).split("..") for name, value in pairs}
        return {name: (float(low), float(high)) for name, (low, high) in ends.items()}
    except ValueError:
        raise InputError(f"the ranges in {text!r} must look like @COLUMN=LOW..HIGH,...") from None


def _exactly(fields: Sequence[_Pieces], count: int) -> Sequence[_Pieces]:
    if len(fields) != count:
        raise ValueError(f"{count} fields are expected")
    return fields


def _direction(pieces: _Pieces) -> bool:
    word = _word(pieces)
    if word not in ("up", "down"):
        raise ValueError("up or down is expected")
    return word == "up"


def _two(fields: Sequence[_Pieces]) -> tuple[str, _Pieces]:
    first, second = _exactly(fields, 2)
    return _word(first), second


def _bounds(fields: Sequence[_Pieces]) -> Constraint:
    low, high = _exactly(fields, 2)
    return Bounds(_number_or_none(low), _number_or_none(high))


def _positive(fields: Sequence[_Pieces]) -> Constraint:
    _exactly(fields, 0)
    return Positive()


def _negative(fields: Sequence[_Pieces]) -> Constraint:
    _exactly(fields, 0)
    return Negative()


_Make = Callable[[list[_Pieces]], Constraint]
_FORMS: Mapping[str, tuple[str, _Make]] = {
    "monotone": (
        "monotone:COLUMN:up|down",
        lambda fields: Monotone(_two(fields)[0], _direction(_two(fields)[1])),
    ),
    "convex": ("convex:COLUMN", lambda fields: Convex(_word(_exactly(fields, 1)[0]))),
    "concave": ("concave:COLUMN", lambda fields: Convex(_word(_exactly(fields, 1)[0]), upwards=False)),
    "bounds": ("bounds:LOW:HIGH", _bounds),
    "positive": ("positive", _positive),
    "negative": ("negative", _negative),
    "value": (
        "value:COLUMN=NUMBER,...:NUMBER",
        lambda fields: ValueAt(_point(_exactly(fields, 2)[0]), _number(fields[1])),
    ),
    "forbid": ("forbid:OPERATOR,...", lambda fields: Forbidden(_words(_exactly(fields, 1)[0]))),
    "max-uses": ("max-uses:OPERATOR:COUNT", lambda fields: MaxUses(_two(fields)[0], int(_word(fields[1])))),
    "not-nested": ("not-nested:OPERATOR:OPERATOR,...", lambda fields: NotNested(_two(fields)[0], _words(fields[1]))),
    "only-on": ("only-on:OPERATOR:COLUMN,...", lambda fields: OnlyOn(_two(fields)[0], _words(fields[1]))),
    "max-argument": (
        "max-argument:OPERATOR:NODES",
        lambda fields: MaxArgument(_two(fields)[0], int(_word(fields[1]))),
    ),
}


# --- plain records ----------------------------------------------------------------------------------------------------


def is_plain(constraint: object) -> bool:
    """Say whether a constraint is one of ours, which a file can name."""
    return type(constraint) in _KINDS.values()


def to_record(constraint: Constraint) -> dict[str, Any]:
    """Return a constraint as a mapping of plain values."""
    fields = dataclasses.fields(constraint)  # type: ignore[arg-type]
    return {
        "constraint": type(constraint).__name__,
        **{one.name: _plain(getattr(constraint, one.name)) for one in fields},
    }


def from_record(record: Mapping[str, Any]) -> Constraint:
    """Return the constraint that `to_record` has written; raises InputError for anything else."""
    kind = _KINDS.get(str(record.get("constraint")))
    rest = {name: value for name, value in record.items() if name != "constraint"}
    if kind is None or not set(rest) <= {one.name for one in dataclasses.fields(kind)}:  # type: ignore[arg-type]
        raise InputError(f"the settings {record!r:.100} are no constraint")
    try:
        return kind(**rest)
    except TypeError as problem:
        raise InputError(f"the settings {record!r:.100} do not fit: {problem}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
