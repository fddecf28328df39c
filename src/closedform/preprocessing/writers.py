"""Predictions to a file or to standard output."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import ArrayLike

from closedform.exceptions import InputError, did_you_mean

_SEPARATORS = {".csv": ",", ".txt": ",", "": ",", ".tsv": "\t"}
_FRAME_KINDS = {".parquet": "to_parquet", ".pq": "to_parquet", ".feather": "to_feather", ".xlsx": "to_excel"}
_JSON = (".jsonl", ".ndjson")


def write_predictions(path: str | Path, columns: Mapping[str, ArrayLike], *, stdout: TextIO | None = None) -> None:
    """Write columns of numbers as a table; the name's ending chooses the kind of file.

    Parameters
    ----------
    path : str or Path
        ``.csv``, ``.tsv``, ``.jsonl``, ``.parquet``, ``.feather`` or ``.xlsx``; ``"-"`` writes CSV to standard output.
    columns : mapping of str to array-like of shape (n_rows,)
        For example ``{"prediction": y_pred}``.  Text files get the shortest digits that read back as the same number,
        and an empty cell (``null`` in JSON) for NaN.
    stdout : text file, optional
        What to write to for ``"-"``.

    Raises
    ------
    InputError
        Unknown ending, no such folder, not writable, columns of different length.
    """
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    if len({len(values) for values in arrays.values()}) > 1:
        raise InputError(f"All columns must have the same length, got { {n: len(a) for n, a in arrays.items()} }.")
    if str(path) == "-":
        _write_csv(sys.stdout if stdout is None else stdout, arrays, ",")
        return
    file = Path(path).expanduser()
    suffix = file.suffix.lower()
    known = (*_SEPARATORS, *_JSON, *_FRAME_KINDS)
    if suffix not in known:
        raise InputError(
            f"'{path}' has the ending '{suffix}'{did_you_mean(suffix, known)}: expected one of "
            f"{', '.join(ending for ending in known if ending)}."
        )
    try:
        _write_file(file, suffix, arrays)
    except OSError as error:
        raise InputError(
            f"'{path}' cannot be written: {error.strerror or error}; check folder and permissions."
        ) from error


def _write_file(file: Path, suffix: str, arrays: Mapping[str, np.ndarray]) -> None:
    if suffix in _FRAME_KINDS:
        import pandas as pd

        options: dict[str, Any] = {} if suffix == ".feather" else {"index": False}
        getattr(pd.DataFrame(dict(arrays)), _FRAME_KINDS[suffix])(file, **options)
        return
    with file.open("w", encoding="utf-8", newline="") as stream:
        if suffix in _JSON:
            _write_json_lines(stream, arrays)
        else:
            _write_csv(stream, arrays, _SEPARATORS[suffix])


def _write_csv(stream: TextIO, arrays: Mapping[str, np.ndarray], separator: str) -> None:
    writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
    writer.writerow(arrays)
    # csv writes None as an empty cell and floats with repr, which reads back as the same number.
    writer.writerows(zip(*(_plain(values) for values in arrays.values()), strict=True))


def _write_json_lines(stream: TextIO, arrays: Mapping[str, np.ndarray]) -> None:
    names = list(arrays)
    for row in zip(*(_plain(values) for values in arrays.values()), strict=True):
        stream.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")


def _plain(values: np.ndarray) -> list[Any]:
    """Python objects, with None for NaN."""
    return [None if isinstance(value, float) and math.isnan(value) else value for value in values.tolist()]
