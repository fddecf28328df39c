"""``closedform show``: what a model file holds, as a table or as source text of many kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from closedform.cli import options, results
from closedform.cli.console import write, write_json, write_rich
from closedform.exceptions import InputError
from closedform.formulas import Formula, FormulaModel


class Format(StrEnum):
    """Ways of writing a formula down."""

    TABLE = "table"
    TEXT = "text"
    LATEX = "latex"
    PYTHON = "python"
    NUMPY = "numpy"
    TORCH = "torch"
    C = "c"
    SYMPY = "sympy"
    EXCEL = "excel"
    JSON = "json"


def show(
    model: Annotated[str, options.MODEL],
    format: Annotated[
        Format,
        typer.Option("--format", "-f", help="table and json tell about all formulas, the others write one."),
    ] = Format.TABLE,
    index: Annotated[int | None, options.INDEX] = None,
    digits: Annotated[
        int | None,
        typer.Option("--digits", min=1, show_default="all", help="Digits of constants in text and latex."),
    ] = None,
) -> None:
    """Show the formulas of a model file, or write one of them in another language."""
    from closedform.model_file import load_formulas

    if digits is not None and format not in (Format.TEXT, Format.LATEX):
        raise InputError(f"--digits goes with --format text or latex; {format.value} has all digits.")
    fitted = load_formulas(model)
    formula = options.at_index(fitted, index)
    if format is Format.TABLE:
        show_front(fitted, index)
    elif format is Format.JSON:
        write_json(results.record(fitted) if index is None else results.formula_record(formula))
    elif format in (Format.TEXT, Format.LATEX):
        write(_PRECISE[format](formula, fitted, digits))
    else:
        write(_EXACT[format](formula, fitted).rstrip("\n"))


def show_front(model: FormulaModel, index: int | None = None, n_holdout: int | None = None) -> None:
    """Write the front, and one of its formulas with its constants and its error.

    Parameters
    ----------
    model : FormulaModel
    index : int, optional
        Which formula; the chosen one if None.
    n_holdout : int, optional
        See :func:`closedform.cli.results.sentence`.
    """
    write_rich(results.front_table(model))
    write("")
    write(results.law(model, index))
    for line in results.constant_lines(model.formula(index)):
        write(f"  {line}")
    write("")
    if index is None:
        write(results.reason(model))
    write(results.sentence(model, index, n_holdout))


def _text(formula: Formula, model: FormulaModel, digits: int | None) -> str:
    from closedform.symbolic.printing import to_text

    del model
    return to_text(formula.expression, digits)


def _latex(formula: Formula, model: FormulaModel, digits: int | None) -> str:
    from closedform.symbolic.export.latex import to_latex

    return to_latex(formula.expression, digits, target=model.target_name)


def _code(target: str, formula: Formula, model: FormulaModel) -> str:
    from closedform.symbolic.export.code import to_code

    del model
    return to_code(formula.expression, target)


def _sympy(formula: Formula, model: FormulaModel) -> str:
    """Text that SymPy reads back: plain where the names of the columns allow it."""
    import sympy

    del model
    converted = formula.expression.sympy()
    # A column called "E" or "beta" would be read back as Euler's number, or as a function.
    plain = all(name.isidentifier() and not hasattr(sympy, name) for name in formula.expression.variables)
    return str(converted) if plain else sympy.srepr(converted)


_PRECISE: Mapping[Format, Callable[[Formula, FormulaModel, int | None], str]] = {
    Format.TEXT: _text,
    Format.LATEX: _latex,
}
_EXACT: Mapping[Format, Callable[[Formula, FormulaModel], str]] = {
    Format.SYMPY: _sympy,
    **{
        target: partial(_code, target.value)
        for target in (Format.PYTHON, Format.NUMPY, Format.TORCH, Format.C, Format.EXCEL)
    },
}
