"""``closedform show``: what a model file holds, as a table or as source text of many kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from closedform.cli import options, outputs, results
from closedform.cli.console import say, write, write_json, write_rich
from closedform.exceptions import InputError
from closedform.formulas import Formula, FormulaModel
from closedform.preprocessing.wording import quoted

if TYPE_CHECKING:
    from closedform.additive.fitted import FittedNetwork
    from closedform.outputs import FormulaModels
    from closedform.symbolic.expression import Expression


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
    target: Annotated[
        str | None, typer.Option("--target", "-t", metavar="COLUMN", help="One output of a model with several.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="LABEL", help="With the constants of one group, after fit --groups."),
    ] = None,
    digits: Annotated[
        int | None,
        typer.Option("--digits", min=1, show_default="all", help="Digits of constants in text and latex."),
    ] = None,
    term: Annotated[
        str | None, typer.Option("--term", metavar="NAME", help="One effect of a ran model instead of all of it.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--class", metavar="LABEL", help="Which class of a ran model with more than two.")
    ] = None,
    within: Annotated[
        bool, typer.Option("--within-range", help="A ran model as a plain ratio, right within the range of its rows.")
    ] = False,
) -> None:
    """Show the formulas or effects of a model file, or write one of them in another language."""
    from closedform.outputs import FormulaModels
    from closedform.saved import load_any

    if digits is not None and format not in (Format.TEXT, Format.LATEX):
        raise InputError(f"--digits goes with --format text or latex; {format.value} has all digits.")
    fitted = load_any(model)
    if isinstance(fitted, FormulaModels):
        if target is None and format in (Format.TABLE, Format.JSON):
            _show_outputs(fitted, format, index)
            return
        fitted = outputs.one_output(fitted, target)
    elif target is not None:
        raise InputError(f"--target chooses among several outputs; '{model}' explains {fitted.target_name!r} alone.")
    if not isinstance(fitted, FormulaModel):
        if index is not None:
            raise InputError(f"--index goes with formulas; '{model}' holds a {fitted.kind}: --term chooses an effect.")
        _show_network(fitted, format, digits, term, label, within)
        return
    if term is not None or label is not None or within:
        raise InputError(f"--term, --class and --within-range go with ran models; '{model}' holds a {fitted.kind}.")
    formula = options.at_index(fitted, index)
    if group is not None or (formula.own_names and format not in (Format.TABLE, Format.JSON)):
        formula = replace(formula, expression=_in_group(formula, fitted, group), groups=None)
    if format is Format.TABLE and group is not None:
        write(f"{fitted.target_name} = {_digits_text(formula.expression, digits)}")
    elif format is Format.TABLE:
        show_front(fitted, index)
    elif format is Format.JSON:
        write_json(results.record(fitted) if index is None and group is None else results.formula_record(formula))
    elif format in (Format.TEXT, Format.LATEX):
        write(_PRECISE[format](formula, fitted, digits))
    else:
        write(_EXACT[format](formula, fitted).rstrip("\n"))


def _in_group(formula: Formula, fitted: FormulaModel, group: str | None) -> Expression:
    """A formula with the constants of one group."""
    if group is not None:
        return formula.in_group(group)
    known = quoted(formula.groups.labels) if formula.groups else ""
    raise InputError(f"the constants differ between groups ({fitted.group_name}): --group chooses one of {known}.")


def _show_outputs(fitted: FormulaModels, format: Format, index: int | None) -> None:
    """Write all outputs of a model."""
    if format is Format.TABLE:
        outputs.show_all(fitted, index)
    elif index is None:
        write_json(outputs.record(fitted))
    else:
        write_json([results.formula_record(options.at_index(model, index)) for model in fitted.models])


def _show_network(
    network: FittedNetwork, format: Format, digits: int | None, term: str | None, label: str | None, within: bool
) -> None:
    """Write the effects of a network, or a formula of it."""
    from closedform.cli import network_results

    if format is Format.TABLE and term is None:
        show_effects(network)
        return
    expression = network_results.expression(network, term, label, beyond=not within)
    if format is Format.JSON:
        write_json({**network_results.record(network), "term": term, "formula": str(expression)})
        return
    if format is Format.LATEX:
        write(expression.latex(digits, target=network.target_name if term is None else None))
    elif format in (Format.TEXT, Format.TABLE):
        write(_digits_text(expression, digits))
    elif format is Format.SYMPY:
        write(_sympy_text(expression))
    else:
        write(expression.code(format.value).rstrip("\n"))
    for note in network_results.notes(network, expression):
        say(note)


def show_effects(network: FittedNetwork) -> None:
    """Write the effects of a network, and what they add up to."""
    from closedform.cli import network_results

    write_rich(network_results.effects_table(network))
    write("")
    for line in network_results.sentences(network):
        write(line)


def show_front(model: FormulaModel, index: int | None = None, n_holdout: int | None = None) -> None:
    """Write what was found out about the law, the front, and one of its formulas with its constants and its error.

    Parameters
    ----------
    model : FormulaModel
    index : int, optional
        Which formula; the chosen one if None.
    n_holdout : int, optional
        See :func:`closedform.cli.results.sentence`.
    """
    if model.insights:
        write_rich(results.insights_table(model))
        write("")
    write_rich(results.front_table(model))
    write("")
    write(results.law(model, index))
    formula = model.formula(index)
    for line in results.constant_lines(formula, model.n_rows):
        write(f"  {line}")
    write("")
    if formula.own_names:
        write_rich(results.group_table(formula, model.group_name or "group"))
        write("")
    if index is None:
        write(results.reason(model))
    write(results.sentence(model, index, n_holdout))
    errors = results.measured(model.formula(index))
    if errors is not None:
        write(errors)
    write(results.claim(model.formula(index)))
    for line in formula.trust.sentences():
        write(line)


def _text(formula: Formula, model: FormulaModel, digits: int | None) -> str:
    del model
    return _digits_text(formula.expression, digits)


def _digits_text(expression: Expression, digits: int | None) -> str:
    from closedform.symbolic.printing import to_text

    return to_text(expression, digits)


def _latex(formula: Formula, model: FormulaModel, digits: int | None) -> str:
    from closedform.symbolic.export.latex import to_latex

    return to_latex(formula.expression, digits, target=model.target_name)


def _code(target: str, formula: Formula, model: FormulaModel) -> str:
    from closedform.symbolic.export.code import to_code

    del model
    return to_code(formula.expression, target)


def _sympy(formula: Formula, model: FormulaModel) -> str:
    del model
    return _sympy_text(formula.expression)


def _sympy_text(expression: Expression) -> str:
    """Text that SymPy reads back: plain where the names of the columns allow it."""
    import sympy

    converted = expression.sympy()
    # A column called "E" or "beta" would be read back as Euler's number, or as a function.
    plain = all(name.isidentifier() and not hasattr(sympy, name) for name in expression.variables)
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
