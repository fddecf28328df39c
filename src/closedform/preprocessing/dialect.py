"""How a text table is written: encoding, separator, decimal mark, comment lines and the header.

The header line decides together with the rows below it; nothing is guessed from the file's name except for .tsv.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from closedform.exceptions import InputError
from closedform.preprocessing.containers import refuse_duplicates
from closedform.preprocessing.sources import Source
from closedform.preprocessing.wording import shown

WHITESPACE = " "
_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_LINES = 50
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_POINT_NUMBER = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Dialect:
    """Format of one text table.

    Attributes
    ----------
    encoding : str
    separator : str
        One character; a space stands for any run of white space.
    decimal : {".", ","}
    header : tuple of str
        Column names, without surrounding blanks; a column without a name is called ``column k``.
    unnamed : tuple of int
        Positions of the columns whose name was blank.
    n_skipped : int
        Lines in front of the first data row where the header is inside a comment, else in front of the header.
    header_in_comment : bool
        True where the header is the last comment line (``# x y``).
    """

    encoding: str
    separator: str
    decimal: str
    header: tuple[str, ...]
    unnamed: tuple[int, ...]
    n_skipped: int
    header_in_comment: bool


def split_line(line: str, separator: str) -> list[str]:
    """Split one line into cells, with quotes as in CSV."""
    if separator == WHITESPACE:
        line = " ".join(line.split())
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])


def detect_encoding(head: bytes) -> str:
    """``utf-8-sig``, ``utf-16``, or ``cp1252`` where the bytes are no UTF-8."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end in the middle of a character; anything earlier is another encoding.
        if error.start < len(head) - 3:
            return single_byte_encoding(head)
    return "utf-8-sig"


def single_byte_encoding(data: bytes) -> str:
    """Western Windows where every byte has a meaning in it, else Latin-1, in which every byte has one."""
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def detect_dialect(source: Source) -> Dialect:
    """Find out how a text table is written.

    Raises
    ------
    InputError
        No header, a name twice, or rows of another length than the header.
    """
    encoding = detect_encoding(source.head)
    # Only these end a line for the csv module and for pandas; str.splitlines knows more of them.
    lines = re.split("\r\n|\r|\n", source.head.decode(encoding, errors="ignore"))
    if not source.whole_in_head and len(lines) > 1:
        lines.pop()  # most likely cut in the middle
    first = _first_row(lines)
    if first is None:
        raise InputError(f"{source.label} holds only comments: expected a header line and rows of numbers.")
    rows = [line for line in lines[first:] if line.strip()][:_SAMPLE_LINES]
    separator = _detect_separator(rows, source.suffix)
    cells = [split_line(row, separator) for row in rows]
    commented = _header_in_comment(lines[:first], cells[0], separator)
    names = commented if commented is not None else cells[0]
    data = cells if commented is not None else cells[1:]
    if commented is None and all(_is_number(cell) for cell in names):
        raise InputError(
            f"{source.label} has no header: its first line holds only numbers ({shown(rows[0].strip())}); "
            "put a line with the column names on top."
        )
    header, unnamed = _clean_names(names, source.label)
    _check_widths(header, data, source.label)
    decimal = _detect_decimal(data, separator)
    return Dialect(encoding, separator, decimal, header, unnamed, first, commented is not None)


def _first_row(lines: list[str]) -> int | None:
    """Index of the first line that is neither blank nor a comment."""
    for index, line in enumerate(lines):
        if line.strip() and not line.lstrip().startswith("#"):
            return index
    return None


def _detect_separator(rows: list[str], suffix: str) -> str:
    """The separator that splits the header and most rows into the same number of cells, more cells preferred."""
    if suffix == ".tsv" and "\t" in rows[0]:
        return "\t"
    scores = {}
    for separator in _SEPARATORS:
        widths = [len(split_line(row, separator)) for row in rows]
        if widths[0] > 1:
            scores[separator] = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
    if scores:
        return max(scores, key=lambda separator: scores[separator])
    # White space separates only where the rows are numbers; a single column may have blanks in its name.
    cells = [split_line(row, WHITESPACE) for row in rows[:2]]
    if len(cells) == 2 and 1 < len(cells[0]) <= len(cells[1]) and all(_is_number(cell) for cell in cells[1]):
        return WHITESPACE
    return ","


def _header_in_comment(comments: list[str], first: list[str], separator: str) -> list[str] | None:
    """Names from the last comment line, where the first row is data of the same width."""
    if not comments or not all(_is_number(cell) for cell in first):
        return None
    last = next((line for line in reversed(comments) if line.strip()), "").lstrip().lstrip("#").strip()
    names = split_line(last, separator)
    if len(names) == len(first) and not any(_is_number(name) for name in names):
        return names
    return None


def _is_number(cell: str) -> bool:
    text = cell.strip()
    if _COMMA_NUMBER.fullmatch(text):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _clean_names(names: list[str], label: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    stripped = [name.strip() for name in names]
    unnamed = tuple(j for j, name in enumerate(stripped) if not name)
    header = tuple(name or f"column {j + 1}" for j, name in enumerate(stripped))
    refuse_duplicates(header, where=f"the header of {label}")
    return header, unnamed


def _check_widths(header: tuple[str, ...], data: list[list[str]], label: str) -> None:
    """Refuse rows longer than the header; shorter ones are rows with missing values."""
    for row, cells in enumerate(data, start=1):
        if len(cells) > len(header):
            raise too_many_cells(label, f"row {row}", len(cells), len(header))


def too_many_cells(label: str, place: str, n_cells: int, n_columns: int) -> InputError:
    """A row longer than the header."""
    return InputError(
        f"{label} is not a table: {place} has {n_cells} values, but the header names "
        f"{n_columns} column{'s' if n_columns > 1 else ''}; check separators and quotes there."
    )


def _detect_decimal(data: list[list[str]], separator: str) -> str:
    if separator == ",":
        return "."
    cells = [cell.strip() for row in data for cell in row]
    with_comma = any(_COMMA_NUMBER.fullmatch(cell) for cell in cells)
    with_point = any(_POINT_NUMBER.fullmatch(cell) for cell in cells)
    return "," if with_comma and not with_point else "."
