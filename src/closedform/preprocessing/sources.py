"""Where a table comes from: a file or standard input, opened once, looked at, and refused early when it is no table."""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from closedform.exceptions import InputError, did_you_mean

_HEAD = 1 << 16

# Kind of a file by its first bytes.  Where the value is a sentence part, the file is refused with it.
_TABLE_MAGIC = {b"PAR1": "parquet", b"ARROW1": "feather", b"FEA1": "feather", b"PK\x03\x04": "zip"}
_OTHER_MAGIC = {
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls): save it as .xlsx or CSV",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\x89HDF": "an HDF5 file: export the table as CSV or Parquet",
    b"SQLite format 3": "an SQLite database: export the table as CSV",
    b"\x7fELF": "a program",
    b"\x93NUMPY": "a numpy file: load it in Python with numpy.load",
    b"\x80\x04": "a pickle file, which is never loaded: save the table as CSV or Parquet",
    b"\x80\x05": "a pickle file, which is never loaded: save the table as CSV or Parquet",
    b"\x28\xb5\x2f\xfd": "a file compressed with zstandard: unpack it first",
    b"\xfd7zXZ": "a file compressed with xz: unpack it first",
}
_KIND_BY_SUFFIX = {
    ".parquet": "parquet", ".pq": "parquet", ".feather": "feather", ".arrow": "feather", ".xlsx": "excel",
    ".xlsm": "excel", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
}  # fmt: skip
_KIND_NAME = {"parquet": "Parquet", "feather": "Feather", "excel": "Excel", "jsonl": "JSON lines"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Source:
    """A readable table file.

    Attributes
    ----------
    label : str
        How messages call it: ``'data.csv'`` in quotes, or ``standard input``.
    suffix : str
        Lower-case ending of the name, without that of a compression; empty for standard input.
    head : bytes
        The first 64 KiB, unpacked.
    path : Path or None
        None for standard input.
    """

    label: str
    suffix: str
    head: bytes
    path: Path | None = None
    content: bytes = field(default=b"", repr=False)

    @property
    def whole_in_head(self) -> bool:
        """True where `head` is everything there is."""
        return len(self.head) < _HEAD

    @property
    def size(self) -> int:
        """Bytes on disk or in memory, before unpacking."""
        return self.path.stat().st_size if self.path is not None else len(self.content)

    def open(self) -> BinaryIO:
        """Open for reading from the start, unpacked."""
        return _open(self.path if self.path is not None else self.content)

    @contextmanager
    def reading(self) -> Iterator[BinaryIO]:
        """Open as a context, in which a file that breaks off raises an InputError."""
        try:
            with self.open() as file:
                yield file
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(f"{self.label} cannot be read to its end ({error}): the file is damaged.") from error


def open_source(path: str | Path, stdin: BinaryIO | None = None) -> Source:
    """Look at a file, or at standard input for ``"-"``.

    Parameters
    ----------
    path : str or Path
    stdin : binary file, optional
        What to read for ``"-"``; by default the process's standard input.

    Raises
    ------
    InputError
        Missing, a folder, not readable, empty, or unpacking fails.
    """
    if str(path) == "-":
        return _from_stdin(stdin)
    file = Path(path).expanduser()
    label = f"'{path}'"
    if not _exists(file):
        raise InputError(f"File {label} does not exist{_near_files(file)}; check the spelling and the folder.")
    if file.is_dir():
        raise InputError(f"{label} is a folder: expected a file with a table (CSV, Parquet, Excel, ...).")
    try:
        # A pipe, such as a shell's <(...), can be read only once: take all of it now.
        content = None if file.is_file() else file.read_bytes()
        head = _head(file if content is None else content, label)
    except OSError as error:
        raise InputError(f"{label} cannot be read: {error.strerror or error}; check its permissions.") from error
    if not head.strip():
        raise InputError(f"{label} is empty: expected a header line and rows of numbers.")
    suffixes = [suffix.lower() for suffix in file.suffixes if suffix.lower() not in (".gz", ".bz2")]
    suffix = suffixes[-1] if suffixes else ""
    return Source(label, suffix, head, path=file) if content is None else Source(label, suffix, head, content=content)


def _from_stdin(stdin: BinaryIO | None) -> Source:
    content = (sys.stdin.buffer if stdin is None else stdin).read()
    if not content.strip():
        raise InputError("standard input is empty: expected a table, as in 'cat data.csv | closedform fit - ...'.")
    return Source("standard input", "", _head(content, "standard input"), content=content)


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # a name longer than the system allows
        return False


def _near_files(file: Path) -> str:
    try:
        return did_you_mean(file.name, [entry.name for entry in file.parent.iterdir()])
    except OSError:
        return ""


def _head(place: Path | bytes, label: str) -> bytes:
    with _open(place) as file:
        try:
            return file.read(_HEAD)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(f"{label} is compressed, but unpacking it fails ({error}): it is damaged.") from error


def _open(place: Path | bytes) -> BinaryIO:
    """Open a file or bytes so that reading gives what gzip or bzip2 had packed."""
    with place.open("rb") if isinstance(place, Path) else io.BytesIO(place) as raw:
        start = raw.read(3)
    again = place if isinstance(place, Path) else io.BytesIO(place)
    if start.startswith(b"\x1f\x8b"):
        import gzip

        return cast(BinaryIO, gzip.open(again))
    if start == b"BZh":
        import bz2

        return cast(BinaryIO, bz2.open(again))
    return again.open("rb") if isinstance(again, Path) else again


def kind_of(source: Source) -> str:
    """Tell the kind of table: ``text``, ``parquet``, ``feather``, ``excel`` or ``jsonl``.

    The content decides; an ending that promises something else is an error, because such a file is damaged or
    misnamed.

    Raises
    ------
    InputError
        For content that is no table, in words of what it is.
    """
    kind = _kind_by_content(source)
    promised = _KIND_BY_SUFFIX.get(source.suffix)
    if promised is not None and promised != kind:
        raise InputError(
            f"{source.label} is not in {_KIND_NAME[promised]} format, although its name ends in {source.suffix}: "
            f"its content looks like {_KIND_NAME.get(kind, 'plain text')}; rename it or export it again."
        )
    return kind


def _kind_by_content(source: Source) -> str:
    head = source.head
    for magic, kind in _TABLE_MAGIC.items():
        if head.startswith(magic):
            if kind != "zip":
                return kind
            if b"xl/" in head or b"[Content_Types].xml" in head:
                return "excel"
            raise InputError(f"{source.label} is a zip archive, not a table: unpack it first.")
    for magic, what in _OTHER_MAGIC.items():
        if head.startswith(magic):
            raise InputError(f"{source.label} is not a table but {what}.")
    return _kind_of_text(source)


def _kind_of_text(source: Source) -> str:
    head = source.head
    if not head.startswith(_UTF16):
        n_control = sum(head.count(byte) for byte in range(32) if byte not in b"\t\n\r\f\x1a\x1b")
        if n_control > len(head) / 1000:
            raise InputError(
                f"{source.label} is a binary file, not a table: expected CSV, Parquet, Excel or JSON lines."
            )
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        what = "an XML document" if start.startswith(b"<?xml") else "a web page (HTML)"
        raise InputError(f"{source.label} is {what}, not a table: download the data file itself.")
    return "jsonl" if start.startswith((b"{", b"[")) and source.suffix not in (".csv", ".tsv") else "text"
