"""Units as people write them: read by pint, which is loaded when somebody asks for units and not before."""

from __future__ import annotations

import tokenize
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from closedform.exceptions import InputError, did_you_mean
from closedform.units.dimensions import NUMBER, Dimension

_LONGEST = 200
# Exponents come as floats where they are written as 0.5; no physical quantity has a larger denominator.
_LARGEST_DENOMINATOR = 60
_HINT = 'Write it as in "m/s^2", "kWh" or "1" for a pure number.'


def read_units(units: Any, columns: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """Return the units of columns and targets as checked texts.

    Parameters
    ----------
    units : mapping of str to str, or None
        Column or target -> unit, such as ``"m/s^2"``; ``"1"`` and ``""`` stand for pure numbers.
    columns : sequence of str
        Names of the columns.
    targets : sequence of str
        Names of the targets.

    Raises
    ------
    InputError
        For a name that the table does not have, and a text that is not a unit.
    """
    if units is None:
        return {}
    if not isinstance(units, Mapping):
        raise InputError(f'units must be a mapping such as {{"height": "m", "time": "s"}}, got {units!r:.80}.')
    known = [*columns, *targets]
    for name, unit in units.items():
        if name not in known:
            listed = ", ".join(map(repr, known[:10])) + (", ..." if len(known) > 10 else "")
            raise InputError(
                f"units names {name!r}, which is no column{did_you_mean(str(name), known)}; there are {listed}."
            )
        if not isinstance(unit, str):
            raise InputError(f"The unit of {name!r} must be a text, got {unit!r:.80}. {_HINT}")
        dimension_of(unit, name)
    return {str(name): unit for name, unit in units.items()}


def dimension_of(unit: str, name: str) -> Dimension:
    """The dimension of a unit.

    Parameters
    ----------
    unit : str
        As pint reads it.
    name : str
        The column, for the message.

    Raises
    ------
    InputError
        If it is not a unit, or pint is not installed.

    Examples
    --------
    >>> str(dimension_of("km/h", "speed"))
    'm/s'
    """
    if unit.strip() in ("", "1"):
        return NUMBER
    registry = _registry()
    from pint.errors import PintError

    try:
        if len(unit) > _LONGEST:
            raise ValueError(f"a unit of more than {_LONGEST} letters")
        found = registry.get_dimensionality(registry.parse_units(unit))
    # What pint raises for texts that are no units: by its own grammar, by Python's tokenizer, and by arithmetic on the
    # pieces ("m + s").
    except (PintError, AssertionError, AttributeError, TypeError, ValueError, SyntaxError, tokenize.TokenError) as bad:
        text = f"The unit of {name!r} is {unit!r:.80}, which pint cannot read ({_reason(bad)}). {_HINT}"
        raise InputError(text) from None
    return Dimension.of(
        {base.strip("[]"): Fraction(number).limit_denominator(_LARGEST_DENOMINATOR) for base, number in found.items()}
    )


def _reason(problem: BaseException) -> str:
    # The tokenizer's own messages speak of files and lines.
    spoken = isinstance(problem, tokenize.TokenError | SyntaxError) or not str(problem).strip()
    return "it is not a product of powers of units" if spoken else str(problem).strip().rstrip(".").split("\n")[0][:120]


@lru_cache(maxsize=1)
def _registry() -> Any:
    try:
        import pint
    except ImportError as missing:
        raise InputError(
            "Units need pint, which is not installed: pip install closedform[units]. Without it, leave units out."
        ) from missing
    return pint.UnitRegistry()
