"""``closedform demo``: known laws found again in real tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedform.cli import results
from closedform.cli.console import say, warnings_as_sentences, write, write_json
from closedform.cli.fit import INTERRUPTED, fit_table
from closedform.cli.fit_options import checked_time
from closedform.cli.show import show_front
from closedform.exceptions import Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
        Part of the time that its search may take.
    heading : str
        What is about to be looked for.
    unseen : mapping of str to int, optional
        Rows, by what stands in them, that are kept from the fit and that the law is tested on; where there are none,
        the fit holds some out itself.
    """

    table: str
    share: float
    heading: str
    unseen: Mapping[str, int] = field(default_factory=dict)


_SCENES = (
    _Scene(
        "planets",
        1 / 3,
        "Kepler's third law: the distance of a planet and its year",
        # Found in 1801, 1930 and after 2000, most of them farther out than any planet.
        {"Ceres": 4, "Pluto": 9, "Haumea": 10, "Makemake": 11, "Eris": 12},
    ),
    _Scene("hydrogen_lines", 2 / 3, "Harder, two columns: the colours of the light of hydrogen"),
)


def demo(
    max_time: Annotated[float, typer.Option(metavar="SECONDS", help="Time for both searches together.")] = 20.0,
    seed: Annotated[int, typer.Option(min=0, help="Makes the searches repeatable.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no warnings.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")] = False,
) -> None:
    """Find known laws in real tables that come with the program."""
    from closedform.datasets import load_table

    seconds = checked_time(max_time)
    records: list[dict[str, Any]] = []
    interrupted = False
    for scene in _SCENES:
        if interrupted:
            break
        table = load_table(scene.table)
        if not json:
            _introduce(scene, table)
        model = _fitted(scene, table, {"max_time": scene.share * seconds, "random_state": seed, "n_jobs": -1}, quiet)
        records.append(_record(scene, table, model))
        if not json:
            _show(scene, table, model)
        interrupted = model.status is Status.INTERRUPTED
    if json:
        write_json(records)
    elif not quiet:
        say(f"The same with a table of your own: closedform fit {table.path} --target {table.target_name}")
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _fitted(scene: _Scene, table: Dataset, settings: dict[str, Any], quiet: bool) -> FormulaModel:
    unseen = list(scene.unseen.values())
    with warnings_as_sentences(quiet):
        model: Any = fit_table(
            table.X.drop(index=unseen), table.y.drop(index=unseen), "SymbolicRegressor", settings, quiet
        )
    if not unseen:
        return model
    formulas = (
        replace(one, holdout_loss=_test_loss(scene, table, model, row)) for row, one in enumerate(model.formulas)
    )
    return replace(model, formulas=tuple(formulas))


def _predicted(scene: _Scene, table: Dataset, model: FormulaModel, index: int | None = None) -> NDArray[np.float64]:
    """What a formula says about the rows that were kept from the fit, far beyond the others as they may be."""
    return model.formula(index).expression.evaluate(table.X.iloc[list(scene.unseen.values())])


def _test_loss(scene: _Scene, table: Dataset, model: FormulaModel, index: int) -> float:
    from closedform.symbolic.metrics import mse

    return mse(table.target[list(scene.unseen.values())], _predicted(scene, table, model, index))


def _record(scene: _Scene, table: Dataset, model: FormulaModel) -> dict[str, Any]:
    record = results.record(model)
    if scene.unseen:
        record["n_holdout"] = len(scene.unseen)
    return {"table": table.name, "source": table.source, "law": table.law, **record}


def _introduce(scene: _Scene, table: Dataset) -> None:
    write(f"== {scene.heading} ==")
    write(f"{table.title}: {len(table.target)} rows.")
    if scene.unseen:
        write(f"The search does not see {', '.join(scene.unseen)}: the law will be tested on them.")
    write(f"Source: {table.source}\n")


def _show(scene: _Scene, table: Dataset, model: FormulaModel) -> None:
    show_front(model, n_holdout=len(scene.unseen) or None)
    predicted = _predicted(scene, table, model).tolist() if scene.unseen else []
    for (name, row), value in zip(scene.unseen.items(), predicted, strict=True):
        true = float(table.target[row])
        write(f"  {name:10s} {true:10.0f} measured, {value:10.0f} predicted ({(value / true - 1):+.2%})")
    write(f"The accepted law: {table.law}\n")
