"""Options that several commands share, and checks that name the option concerned."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from closedform.exceptions import InputError, did_you_mean

if TYPE_CHECKING:
    from closedform.formulas import Formula, FormulaModel

DATA = typer.Argument(
    metavar="DATA",
    show_default=False,
    help="Table: CSV, TSV, Parquet, Feather, Excel or JSON lines; - reads standard input.",
)
MODEL = typer.Argument(metavar="MODEL", show_default=False, help="Model file that 'fit --out' has written.")
INDEX = typer.Option(
    "--index", "-i", metavar="ROW", show_default="the chosen one", help="Another formula, by its row in 'show'."
)


def at_index(model: FormulaModel, index: int | None) -> Formula:
    """The formula of this row of the front.

    Raises
    ------
    InputError
        If there is no such row.
    """
    last = len(model.formulas) - 1
    if index is not None and not 0 <= index <= last:
        raise InputError(f"--index must be a row from 0 to {last}, got {index}; 'closedform show' lists them.")
    return model.formula(index)


def check_writable(path: str | Path, inputs: Sequence[str] = (), *, stdout: bool = True) -> None:
    """Refuse a place for results before any work is done for them.

    Parameters
    ----------
    path : str or Path
        What ``--out`` says.
    inputs : sequence of str
        Files that are read, and that must not be written over.
    stdout : bool, default=True
        Whether ``-`` is allowed.

    Raises
    ------
    InputError
        If nothing can be written there.
    """
    if str(path) == "-":
        if not stdout:
            raise InputError("--out needs the name of a file, got '-'.")
        return
    file = Path(path).expanduser()
    folder = file.parent
    if file.is_dir():
        raise InputError(f"--out needs the name of a file, but '{path}' is a folder.")
    if not folder.is_dir():
        raise InputError(f"--out: there is no folder '{folder}'; create it first.")
    if not os.access(file if file.exists() else folder, os.W_OK):
        raise InputError(f"--out: '{path}' cannot be written; check its permissions.")
    for given in inputs:
        if given != "-" and file.exists() and Path(given).exists() and file.samefile(given):
            raise InputError(f"--out: '{path}' would overwrite what is read from it; choose another name.")


def split_names(given: Sequence[str], known: Sequence[str], option: str, what: str) -> list[str]:
    """Names from an option that may be repeated, and may hold several names between commas.

    Parameters
    ----------
    given : sequence of str
        The values of the option. A value that is a name itself is not split: names may contain commas.
    known : sequence of str
        The names there are.
    option : str
        Name of the option, for messages.
    what : str
        What the names are, such as ``column``.

    Returns
    -------
    list of str
        Each name once, in the order given.

    Raises
    ------
    InputError
        For an unknown name, with the nearest one.
    """
    names: dict[str, None] = {}
    for value in given:
        parts = [value] if value in known else [part.strip() for part in value.split(",")]
        for name in parts:
            if name not in known:
                listed = ", ".join(known[:30]) + (", ..." if len(known) > 30 else "")
                raise InputError(f"{option}: there is no {what} '{name}'{did_you_mean(name, known)}; known: {listed}.")
            names[name] = None
    return list(names)
