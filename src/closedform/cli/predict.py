"""``closedform predict``: a saved model on a table.

Loads neither torch nor scikit-learn, and pandas only for tables that are not text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from closedform.cli import options
from closedform.cli.console import say, warnings_as_sentences, write_json
from closedform.exceptions import DomainError, InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from closedform.formulas import Formula, FormulaModel
    from closedform.outputs import FormulaModels
    from closedform.preprocessing.table import Table


class Outside(StrEnum):
    """What happens with rows outside the data that the formula was learned on."""

    WARN = "warn"
    NAN = "nan"
    RAISE = "raise"
    IGNORE = "ignore"


_OUTSIDE_HELP = (
    "Rows outside the data of the fit: a warning, an empty cell (nan), an error (raise), or nothing. "
    "Rows without a value are an error, or with nan an empty cell."
)


def predict(
    model: Annotated[str, options.MODEL],
    data: Annotated[str, options.DATA],
    out: Annotated[
        str, typer.Option("--out", "-o", help="File: .csv, .tsv, .jsonl, .parquet, .feather or .xlsx; - prints CSV.")
    ] = "-",
    index: Annotated[int | None, options.INDEX] = None,
    outside: Annotated[Outside, typer.Option("--outside", help=_OUTSIDE_HELP)] = Outside.WARN,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of CSV.")] = False,
) -> None:
    """Compute a saved model on the rows of a table.

    Columns are found by name. Those that the model does not use may be missing or hold anything.
    Classifiers write the class of each row and the probability of each class.
    """
    from closedform.formulas import FormulaModel
    from closedform.outputs import FormulaModels
    from closedform.preprocessing.writers import write_predictions
    from closedform.saved import load_any

    if json and out != "-":
        raise InputError("--json prints to standard output; leave out --out, or name a .jsonl file without --json.")
    options.check_writable(out, (model, data))
    fitted = load_any(model)
    if isinstance(fitted, FormulaModels):
        _predict_outputs(fitted, data, out, index, outside, json)
        return
    if not isinstance(fitted, FormulaModel):
        from closedform.cli.predict_network import predict_network

        if index is not None:
            raise InputError(f"--index goes with formulas; '{model}' holds a {fitted.kind}.")
        predict_network(fitted, data, out, json=json)
        return
    formula = options.at_index(fitted, index)
    expression = formula.expression
    with warnings_as_sentences():
        if formula.own_names:
            table, positions = _grouped_table(fitted, formula, data)
        else:
            table, positions = _table(fitted, expression.variables, data), None
        values = _values(formula, table, outside, positions)
    if json:
        plain = [None if value != value else value for value in values.tolist()]
        write_json({"target": fitted.target_name, "formula": str(expression), "prediction": plain})
    else:
        write_predictions(out, {"prediction": values})


def _predict_outputs(
    fitted: FormulaModels, data: str, out: str, index: int | None, outside: Outside, json: bool
) -> None:
    """Write the predictions of all outputs side by side."""
    from closedform.preprocessing.writers import write_predictions

    formulas = [options.at_index(model, index) for model in fitted.models]
    needed = tuple(dict.fromkeys(name for formula in formulas for name in formula.expression.variables))
    with warnings_as_sentences():
        table = _table(fitted.models[0], needed, data)
        columns = [_values(formula, table, outside) for formula in formulas]
    if not json:
        named = {f"prediction of {name}": values for name, values in zip(fitted.target_names, columns, strict=True)}
        write_predictions(out, named)
        return
    plain = [[None if value != value else value for value in values.tolist()] for values in columns]
    write_json(
        {
            "targets": list(fitted.target_names),
            "formulas": [str(formula.expression) for formula in formulas],
            "predictions": plain,
        }
    )


def _grouped_table(fitted: FormulaModel, formula: Formula, data: str) -> tuple[Table, NDArray[np.intp] | None]:
    """The columns that a formula needs, and the group of each row."""
    from closedform.preprocessing.readers import read_table
    from closedform.preprocessing.table import check_X
    from closedform.preprocessing.wording import missing_column

    frame = read_table(data)
    needed = list(formula.expression.variables)
    for name in [*needed, fitted.group_name or ""]:
        if name not in frame.columns:
            raise InputError(missing_column(name, [str(column) for column in frame.columns], "the table"))
    positions = fitted.group_positions(formula, frame[fitted.group_name], len(frame))
    return check_X(frame[needed]), positions


def _values(
    formula: Formula, table: Table, outside: Outside, groups: NDArray[np.intp] | None = None
) -> NDArray[np.float64]:
    from closedform.formulas import values_of

    try:
        return values_of(formula, table, outside.value, groups)
    except DomainError as error:
        message = error.message.replace('pass outside="nan" to get NaN', "say --outside nan to get empty cells")
        raise DomainError(message, error.rows) from None


def _table(model: FormulaModel, needed: tuple[str, ...], data: str) -> Table:
    """The columns that a formula needs."""
    from closedform.preprocessing.readers import read_columns, read_table
    from closedform.preprocessing.table import check_X

    if model.named:
        return read_columns(data, needed)
    # Fitted in Python on an array: the names x0, x1, ... were made up, and columns are known by their order.
    frame = read_table(data)
    if set(model.feature_names) <= set(frame.columns):
        frame = frame[list(model.feature_names)]
    else:
        frame = frame.drop(columns=[name for name in frame.columns if name == model.target_name])
        say("warning: the model was fitted on columns without names; those of the table are taken in their order.")
    unnamed = frame.set_axis(range(frame.shape[1]), axis="columns")
    return check_X(unnamed, feature_names=model.feature_names, named=False)
