"""Where the command line writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from closedform.exceptions import ClosedFormWarning, Status

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# Files and pipes have no right margin: a formula stays on its line.
_NO_MARGIN = 1_000_000


def write(text: str) -> None:
    """Write a result as it is, followed by the end of a line."""
    sys.stdout.write(text + "\n")


def write_json(record: Any) -> None:
    """Write a result for machines. NaN and infinity must have become None before."""
    write(json.dumps(record, ensure_ascii=False, allow_nan=False, indent=2))


def write_rich(renderable: RenderableType) -> None:
    """Write a result with colours and line breaks on a terminal, without both elsewhere."""
    console = _console(sys.stdout)
    if console.is_terminal:
        console.print(renderable)
        return
    console.width = _NO_MARGIN
    with console.capture() as capture:
        console.print(renderable)
    write("\n".join(line.rstrip() for line in capture.get().splitlines()))


def say(message: str) -> None:
    """Tell the user something that is not a result."""
    sys.stderr.write(message + "\n")


def error_console() -> Console:
    """The console for progress, on standard error."""
    return _console(sys.stderr)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


@contextmanager
def warnings_as_sentences(quiet: bool = False) -> Iterator[None]:
    """Write warnings as ``warning: ...`` to standard error, each sentence once; `quiet` drops those of this package.

    How a search ended is left out: the commands say it in terms of their own options.
    """
    told: set[str] = set()

    def show(message: Warning | str, *_place: object, **_more: object) -> None:
        sentence = str(message)
        if sentence not in told and not any(sentence.startswith(status.message) for status in Status):
            told.add(sentence)
            say(f"warning: {sentence}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if quiet else "always", ClosedFormWarning)
        warnings.showwarning = show
        yield
