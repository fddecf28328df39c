"""Models of several outputs on the command line: shown and predicted one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from closedform.cli import options, results
from closedform.cli.console import write
from closedform.exceptions import InputError, Status
from closedform.preprocessing.wording import quoted

if TYPE_CHECKING:
    from closedform.formulas import FormulaModel
    from closedform.outputs import FormulaModels


def show_all(fitted: FormulaModels, index: int | None = None) -> None:
    """Write the front of each output.

    Parameters
    ----------
    fitted : FormulaModels
    index : int, optional
        Which formula of each front; the chosen ones if None.
    """
    from closedform.cli.show import show_front

    for position, model in enumerate(fitted.models):
        options.at_index(model, index)
        if position:
            write("")
        write(f"== {model.target_name} ==")
        show_front(model, index)


def record(fitted: FormulaModels) -> dict[str, Any]:
    """Everything about the models as plain values."""
    return {
        "model": fitted.kind,
        "targets": list(fitted.target_names),
        "outputs": [results.record(model) for model in fitted.models],
    }


def ending(fitted: FormulaModels) -> Status:
    """How the searches ended, all in one: interrupted if one was, failed if all have, else how the last one ended."""
    ends = [model.status for model in fitted.models]
    if Status.INTERRUPTED in ends:
        return Status.INTERRUPTED
    others = [end for end in ends if end is not Status.FAILED]
    if Status.TIME_LIMIT in others:
        return Status.TIME_LIMIT
    return others[-1] if others else Status.FAILED


def one_output(fitted: FormulaModels, target: str | None) -> FormulaModel:
    """The model that ``--target`` names.

    Raises
    ------
    InputError
        If it names none, or an unknown one.
    """
    if target is None:
        raise InputError(f"the model has the outputs {quoted(fitted.target_names)}: --target chooses one.")
    try:
        return fitted.output(target)
    except InputError as error:
        raise InputError(f"--target: {error}") from None
