"""One output or several: the time of each fit, and results as themselves for one and as lists for several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from closedform.engines.base import Budget
from closedform.estimators.fitting import BASELINE
from closedform.estimators.plan import Found
from closedform.exceptions import InputError, Status
from closedform.formulas import FormulaModel
from closedform.outputs import FormulaModels, Index
from closedform.preprocessing import TrainingData
from closedform.symbolic.expression import Expression


def next_share(budget: Budget, n_outputs: int, found: Sequence[Found]) -> Budget:
    """Time for the next output: an equal share of what is left, and none after an interruption.

    Parameters
    ----------
    budget : Budget
        Time for all outputs.
    n_outputs : int
        How many there are.
    found : sequence of Found
        Those that are done.
    """
    if n_outputs == 1:
        return budget
    stopped = any(one.status is Status.INTERRUPTED for one in found)
    return budget.share(0.0 if stopped else 1 / (n_outputs - len(found)))


def all_interrupted(found: Sequence[Found]) -> list[Found]:
    """Return the results with what came after an interruption marked as interrupted: it had no time."""
    first = next((place for place, one in enumerate(found) if one.status is Status.INTERRUPTED), len(found))
    return [replace(one, status=Status.INTERRUPTED) if place > first else one for place, one in enumerate(found)]


def together(models: Sequence[FormulaModel]) -> FormulaModel | FormulaModels:
    """Return the model itself where there is one, else all in one."""
    return models[0] if len(models) == 1 else FormulaModels(tuple(models))


def apart(model: FormulaModel | FormulaModels) -> tuple[FormulaModel, ...]:
    """Return the models of all outputs; undoes `together`."""
    return (model,) if isinstance(model, FormulaModel) else model.models


def each(model: FormulaModel | FormulaModels, ask: Callable[..., Any], index: Index = None) -> Any:
    """Return what a function says about a model and a row of its front: a list where there are several models.

    Parameters
    ----------
    model : FormulaModel or FormulaModels
    ask : callable
        Takes a FormulaModel and an index.
    index : None, int or sequence of int
        Row of the front; for several models one for all, or one for each.
    """
    if isinstance(model, FormulaModel):
        return ask(model, index)
    return [ask(one, row) for one, row in zip(model.models, model.rows(index), strict=True)]


def check_continues(old: Sequence[FormulaModel], outputs: Sequence[TrainingData]) -> None:
    """Raise InputError where an earlier fit had other columns or another number of outputs.

    Parameters
    ----------
    old : sequence of FormulaModel
        What is to be continued; nothing is checked where it is empty.
    outputs : sequence of TrainingData
        What it is to be continued on.
    """
    if not old:
        return
    names, before = outputs[0].table.names, old[0].feature_names
    if names != before:
        raise InputError(
            f"warm_start=True continues a fit on the columns {', '.join(before)}, but X has "
            f"{', '.join(names)}. Pass the same columns, or set warm_start=False."
        )
    if len(old) != len(outputs):
        raise InputError(
            f"warm_start=True continues a fit of {len(old)} output(s), but y has {len(outputs)}. "
            "Pass the same targets, or set warm_start=False."
        )


def earlier_formulas(
    old: Sequence[FormulaModel], outputs: Sequence[TrainingData], form: str | None
) -> list[list[Expression]]:
    """Return for each output the formulas that an earlier fit found and that the new one can start from.

    Parameters
    ----------
    old : sequence of FormulaModel
        What the earlier fit found; empty where there was none.
    outputs : sequence of TrainingData
        What it is to be continued on.
    form : str, optional
        The form that formulas must have now.
    """
    check_continues(old, outputs)
    usable = set(outputs[0].varying.names)
    starts = [
        [
            one.expression
            for one in model.formulas
            # What was found under another form need not have this one.
            if one.engine != BASELINE
            and usable.issuperset(one.expression.variables)
            and model.settings.get("form") == form
        ]
        for model in old
    ]
    return starts or [[] for _ in outputs]
