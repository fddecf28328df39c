"""``closedform demo``: known laws found again in real tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from closedform.cli import results
from closedform.cli.console import say, warnings_as_sentences, write, write_json
from closedform.cli.fit import INTERRUPTED, fit_table
from closedform.cli.fit_options import checked_time
from closedform.cli.show import show_front
from closedform.exceptions import Status

if TYPE_CHECKING:
    from closedform.datasets import Dataset
    from closedform.formulas import FormulaModel


@dataclass(frozen=True)
class _Scene:
    """One table of the demonstration.

    Parameters
    ----------
    table : str
        Name in :mod:`closedform.datasets`.
    share : float
        Part of the time that is left which the search may take.
    heading : str
        What is about to be looked for.
    """

    table: str
    share: float
    heading: str


_SCENES = (
    _Scene("planets", 0.3, "Kepler's third law: how long does a planet take around the sun?"),
    _Scene("hydrogen_lines", 1.0, "Harder, two columns: the wavelengths of the light that hydrogen sends out"),
)


def demo(
    max_time: Annotated[float, typer.Option(metavar="SECONDS", help="Time for both searches together.")] = 30.0,
    seed: Annotated[int, typer.Option(min=0, help="Makes the searches repeatable.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no warnings.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")] = False,
) -> None:
    """Find known laws in real tables that come with the program."""
    from closedform.datasets import load_table

    left = checked_time(max_time)
    records = []
    for scene in _SCENES:
        table = load_table(scene.table)
        seconds = scene.share * left
        left -= seconds
        if not json:
            _introduce(scene, table)
        settings = {"max_time": seconds, "random_state": seed}
        with warnings_as_sentences(quiet):
            model = fit_table(table.X, table.y, "SymbolicRegressor", settings, quiet)
        records.append({"table": scene.table, "source": table.source, "law": table.law, **results.record(model)})
        if not json:
            _show(model, table)
        if model.status is Status.INTERRUPTED:
            break
    if json:
        write_json(records)
    elif not quiet:
        say(f"The same with a table of your own: closedform fit {load_table('planets').path} --target period_days")
    if model.status is Status.INTERRUPTED:
        raise typer.Exit(INTERRUPTED)


def _introduce(scene: _Scene, table: Dataset) -> None:
    write(f"== {scene.heading} ==")
    write(f"{table.title}: {len(table.target)} rows.")
    write(f"Source: {table.source}\n")


def _show(model: FormulaModel, table: Dataset) -> None:
    show_front(model)
    write(f"In the textbooks it is {table.law}.\n")
