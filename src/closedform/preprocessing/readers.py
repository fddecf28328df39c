"""Tables from files: CSV and its relatives, Parquet, Feather, Excel, JSON lines, or standard input.

`read_table` gives a pandas frame for fitting.  `read_columns` gives just the named columns and, for text files of
ordinary size, does so without loading pandas: predicting from the command line starts in a fraction of a second.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from closedform.exceptions import DataWarning, InputError
from closedform.preprocessing.containers import refuse_duplicates
from closedform.preprocessing.dialect import (
    WHITESPACE,
    Dialect,
    detect_dialect,
    single_byte_encoding,
    too_many_cells,
)
from closedform.preprocessing.jsonlines import read_records
from closedform.preprocessing.kinds import to_float
from closedform.preprocessing.sources import Source, kind_of, open_source
from closedform.preprocessing.table import Table, check_finite, check_X
from closedform.preprocessing.wording import missing_column

if TYPE_CHECKING:
    import pandas as pd

# Above this size pandas reads a text file faster than the csv module, including the time to load pandas.
_LIGHT_BYTES = 16 << 20

# What pandas takes for a missing value; the light reader must agree with it.
_MISSING = frozenset(
    ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
     "NULL", "NaN", "None", "n/a", "nan", "null"]
)  # fmt: skip
_TRUTH = {"true": 1.0, "True": 1.0, "TRUE": 1.0, "false": 0.0, "False": 0.0, "FALSE": 0.0}


def read_table(path: str | Path, *, stdin: BinaryIO | None = None) -> pd.DataFrame:
    """Read a table of any supported kind.

    Parameters
    ----------
    path : str or Path
        CSV, TSV or other separated text (separator, encoding, decimal comma and comment lines are found out; gzip,
        bzip2 and xz are unpacked), Parquet, Feather, Excel (first sheet), JSON lines; ``"-"`` for standard input.
    stdin : binary file, optional
        What to read for ``"-"``.

    Returns
    -------
    pandas.DataFrame
        Names as in the file.  A first column that has no name and only counts the rows is left out with a warning.

    Raises
    ------
    InputError
        Missing file, not a table, no rows, no header, a name twice, rows of different length.
    """
    source = open_source(path, stdin)
    return _read_frame(source, kind_of(source))


def read_columns(
    path: str | Path, names: Sequence[str], *, allow_nan: bool = False, stdin: BinaryIO | None = None
) -> Table:
    """Read the columns a model needs, in its order.

    Parameters
    ----------
    path : str or Path
        As for `read_table`.
    names : sequence of str
        The columns wanted; others in the file are ignored.
    allow_nan : bool, default=False
        Let missing values through as NaN.
    stdin : binary file, optional
        What to read for ``"-"``.

    Returns
    -------
    Table
        With exactly the columns `names`.

    Raises
    ------
    InputError
        As `read_table`, and where a column is missing (with the nearest name), holds text, NaN or infinity.
    """
    source = open_source(path, stdin)
    kind = kind_of(source)
    if kind == "text" and source.size <= _LIGHT_BYTES:
        table = _read_light(source, names)
    else:
        frame = _read_frame(source, kind)
        _require(names, list(frame.columns), source.label)
        # A constant formula needs no column, but still the number of rows.
        table = check_X(frame[list(names)], allow_nan=True) if names else Table((), np.empty((len(frame), 0)))
    check_finite(table, allow_nan=allow_nan)
    return table


def split_target(frame: pd.DataFrame, target: str) -> tuple[pd.DataFrame, pd.Series]:
    """Split a frame into inputs and the target column.

    Raises
    ------
    InputError
        No such column (with the nearest name), or no other column.
    """
    names = [str(column) for column in frame.columns]
    if target not in names:
        raise InputError(missing_column(target, names, "the table"))
    if len(names) == 1:
        raise InputError(f"the table has no column besides the target '{target}': expected at least one input column.")
    position = names.index(target)
    y = frame.iloc[:, position]
    return frame.drop(columns=frame.columns[position]), y


def _require(names: Sequence[str], existing: Sequence[str], label: str) -> None:
    for name in names:
        if name not in existing:
            raise InputError(missing_column(name, existing, label))


# ---------------------------------------------------------------------------------------------- frames, with pandas


def _read_frame(source: Source, kind: str) -> pd.DataFrame:
    read = {"text": _read_text, "parquet": _read_parquet, "feather": _read_feather, "excel": _read_excel,
            "jsonl": _read_jsonl}[kind]  # fmt: skip
    frame = read(source)
    frame.columns = frame.columns.map(str)
    refuse_duplicates(list(frame.columns), where=source.label)
    if len(frame) == 0:
        raise InputError(f"{source.label} has column names but no rows: expected at least one row of data.")
    return frame


def _read_text(source: Source) -> pd.DataFrame:
    dialect = detect_dialect(source)
    try:
        frame = _pandas_csv(source, dialect, dialect.encoding)
    except UnicodeDecodeError:
        with source.reading() as file:
            encoding = single_byte_encoding(file.read())
        frame = _pandas_csv(source, dialect, encoding)
    return _without_row_numbers(frame, dialect.unnamed)


def _pandas_csv(source: Source, dialect: Dialect, encoding: str) -> pd.DataFrame:
    import pandas as pd

    with source.reading() as file, warnings.catch_warnings():
        # Rows longer than the header would be cut with this warning only.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(
                file, sep=r"\s+" if dialect.separator == WHITESPACE else dialect.separator, encoding=encoding,
                decimal=dialect.decimal, names=list(dialect.header), skiprows=dialect.n_skipped,
                header=None if dialect.header_in_comment else 0, index_col=False, low_memory=False,
                skipinitialspace=True,
            )  # fmt: skip
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise _parser_error(source, dialect, str(error)) from error
        except pd.errors.EmptyDataError as error:
            raise InputError(f"{source.label} is empty: expected a header line and rows of numbers.") from error


def _parser_error(source: Source, dialect: Dialect, message: str) -> InputError:
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message)
    if found:
        return too_many_cells(source.label, f"line {found[2]}", int(found[3]), len(dialect.header))
    if "Length of header" in message:
        return InputError(f"{source.label} is not a table: there are rows with more values than the header has names.")
    return InputError(f"{source.label} cannot be read as a table: {message.strip()}.")


def _without_row_numbers(frame: pd.DataFrame, unnamed: Sequence[int]) -> pd.DataFrame:
    """Leave out a first column without a name that counts the rows: other programs write it, it explains nothing."""
    if 0 not in unnamed or frame.shape[1] < 2 or len(frame) < 2:
        return frame
    first = frame.iloc[:, 0].to_numpy()
    if first.dtype.kind == "i" and first[0] in (0, 1) and bool((np.diff(first) == 1).all()):
        warnings.warn(
            "the first column has no name and only counts the rows: it is left out.", DataWarning, stacklevel=5
        )
        return frame.iloc[:, 1:]
    return frame


def _read_parquet(source: Source) -> pd.DataFrame:
    import pandas as pd

    def read(file: BinaryIO) -> pd.DataFrame:
        from pyarrow import parquet

        # pandas' own error for a name that occurs twice would not say so.
        refuse_duplicates(parquet.read_schema(file).names, where=source.label)
        return pd.read_parquet(file)

    return _read_binary(source, "Parquet", read)


def _read_feather(source: Source) -> pd.DataFrame:
    import pandas as pd

    return _read_binary(source, "Feather", pd.read_feather)


def _read_excel(source: Source) -> pd.DataFrame:
    """First sheet; the header is read as a row, because pandas would rename a name that occurs twice."""
    import pandas as pd

    sheet = _read_binary(source, "Excel", lambda file: pd.read_excel(file, header=None))
    sheet = sheet.dropna(how="all", axis=1)
    if sheet.shape[1] > 1:
        sheet = sheet.dropna(how="all")
    if sheet.empty:
        raise InputError(f"The first sheet of {source.label} is empty: expected a header row and rows of numbers.")
    unnamed = [j for j, cell in enumerate(sheet.iloc[0]) if pd.isna(cell)]
    names = [f"column {j + 1}" if j in unnamed else str(cell).strip() for j, cell in enumerate(sheet.iloc[0])]
    frame = sheet.iloc[1:].reset_index(drop=True).infer_objects()
    frame.columns = pd.Index(names)
    return _without_row_numbers(frame, unnamed)


def _read_jsonl(source: Source) -> pd.DataFrame:
    import pandas as pd

    with source.reading() as file:
        return pd.DataFrame(read_records(file, source.label))


def _read_binary(source: Source, kind: str, read: Callable[[BinaryIO], pd.DataFrame]) -> pd.DataFrame:
    """Call a pandas reader and turn what a damaged file or a missing package raises into a sentence."""
    from zipfile import BadZipFile  # not needed for text, and slow to load

    try:
        with source.open() as file:
            frame = read(file)
    except InputError:
        raise
    except ImportError as error:
        raise InputError(f"Reading the {kind} file {source.label} needs a package that is missing: {error}") from error
    except (ValueError, OSError, KeyError, EOFError, BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{source.label} cannot be read as {kind} ({reason}): it is damaged.") from error
    # A named index is a column that pandas stored apart.
    return frame.reset_index() if any(name is not None for name in frame.index.names) else frame


# ------------------------------------------------------------------------------------------- columns, without pandas


def _read_light(source: Source, names: Sequence[str]) -> Table:
    dialect = detect_dialect(source)
    _require(names, dialect.header, source.label)
    positions = [dialect.header.index(name) for name in names]
    try:
        n_rows, cells = _collect(source, dialect, dialect.encoding, positions)
    except UnicodeDecodeError:
        with source.reading() as file:
            encoding = single_byte_encoding(file.read())
        n_rows, cells = _collect(source, dialect, encoding, positions)
    except csv.Error as error:
        raise InputError(f"{source.label} cannot be read as a table: {error}.") from error
    if n_rows == 0:
        raise InputError(f"{source.label} has column names but no rows: expected at least one row of data.")
    values = np.empty((n_rows, len(names)), dtype=np.float64)
    for j, (name, column) in enumerate(zip(names, cells, strict=True)):
        values[:, j] = to_float(f"column '{name}'", _as_numbers(column))
    return Table(tuple(names), values)


def _collect(source: Source, dialect: Dialect, encoding: str, positions: list[int]) -> tuple[int, list[list[Any]]]:
    """Number of rows, and the cells of the wanted columns: floats where they read as numbers, else their text."""
    columns: list[list[Any]] = [[] for _ in positions]
    wanted = list(zip(positions, columns, strict=True))
    comma = dialect.decimal == ","
    row = 0
    for row, cells in enumerate(_data_rows(source, dialect, encoding), start=1):
        if len(cells) > len(dialect.header):
            raise too_many_cells(source.label, f"row {row}", len(cells), len(dialect.header))
        for position, column in wanted:
            text = cells[position].strip() if position < len(cells) else ""
            column.append(_cell(text.replace(",", ".") if comma else text))
    return row, columns


def _cell(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return np.nan if text in _MISSING else text


def _as_numbers(column: list[Any]) -> np.ndarray:
    """A column of nothing but true and false is 0 and 1, as pandas has it; other text is left for the error."""
    texts = [cell for cell in column if isinstance(cell, str)]
    if texts and len(texts) == len(column) and all(text in _TRUTH for text in texts):
        return np.array([_TRUTH[text] for text in texts])
    return np.array(column, dtype=object if texts else np.float64)


def _data_rows(source: Source, dialect: Dialect, encoding: str) -> Iterator[list[str]]:
    """All rows below the header as lists of cells; blank lines are passed over."""
    with source.reading() as raw, io.TextIOWrapper(raw, encoding=encoding, newline="") as file:
        for _ in range(dialect.n_skipped):
            file.readline()
        if dialect.separator == WHITESPACE:
            rows = csv.reader((" ".join(line.split()) for line in file), delimiter=" ")
        else:
            rows = csv.reader(file, delimiter=dialect.separator, skipinitialspace=True)
        filled = (row for row in rows if row and (len(row) > 1 or row[0].strip()))
        if not dialect.header_in_comment:
            next(filled, None)
        yield from filled
