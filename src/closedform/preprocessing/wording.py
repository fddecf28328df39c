"""The words that all messages about tables share: lists of names, lists of rows, a shown value.

Rows are told as people count them in a file: the first row of data (below the header) is row 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from closedform.exceptions import did_you_mean

_SHOWN = 5


def quoted(names: Sequence[str], limit: int = _SHOWN) -> str:
    """List names in quotes, at most `limit` of them: ``'a', 'b' and 3 more``."""
    shown = ", ".join(f"'{name}'" for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def rows_text(rows: Iterable[int] | np.ndarray, limit: int = _SHOWN) -> str:
    """Tell 0-based row positions as 1-based data rows: ``row 3`` or ``rows 3, 8, 11 and 40 more``."""
    numbers = [int(row) + 1 for row in rows]
    shown = ", ".join(str(number) for number in numbers[:limit])
    if len(numbers) > limit:
        shown += f" and {len(numbers) - limit} more"
    return f"row {shown}" if len(numbers) == 1 else f"rows {shown}"


def missing_column(name: str, choices: Sequence[str], where: str) -> str:
    """Say that `where` has no column `name`, with the nearest name and the first names there are."""
    return f"{where} has no column '{name}'{did_you_mean(name, choices)}; its columns are {quoted(choices, 10)}."


def shown(value: object, width: int = 40) -> str:
    """Show a value as Python writes it, cut to `width` characters."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= width else text[: width - 3] + "..."
