"""A fitted model in words and tables for people, and as a record for machines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from closedform.constant_table import ConstantRow, constant_rows
from closedform.formulas import Formula, FormulaModel
from closedform.preprocessing.checks import LARGEST, SMALLEST
from closedform.preprocessing.wording import quoted
from closedform.symbolic.expression import Expression
from closedform.symbolic.printing import name_to_text, to_text

if TYPE_CHECKING:
    from rich.table import Table

DIGITS = 6
"""Significant digits of constants where a formula is shown to people."""

# How errors are called, by the name of the loss: what it is, and how to get from the loss to the target's unit.
_ERRORS = {"squared": "root mean square", "absolute": "mean absolute error"}
_REASONS = {
    "mdl": "it is the shortest description of the data (formula, constants and errors together)",
    "best": "there the error falls most for what is added to the formula",
    "accuracy": "it has the smallest error on the rows of the fit",
}
# Whole numbers that a reader does not need to be told are exact.
_PLAIN = frozenset({-1, 0, 1})


# --- for people -------------------------------------------------------------------------------------------------------


def front_table(model: FormulaModel) -> Table:
    """All formulas by growing complexity, the chosen one marked."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    name = "error" if _error_name(model) else "loss"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("", "#", "complexity", name, f"{name} held out"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(name_to_text(model.target_name), overflow="fold")
    for position, formula in enumerate(model.formulas):
        chosen = position == model.chosen
        table.add_row(
            ">" if chosen else "",
            str(position),
            str(formula.complexity),
            _shown_error(formula.loss, model),
            _shown_error(formula.holdout_loss, model),
            Text(to_text(formula.shown, DIGITS)),
            style="bold" if chosen else "",
        )
    return table


def insights_table(model: FormulaModel) -> Table:
    """What was found out about the structure of the law: in words, and what speaks for it."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("insight", no_wrap=True)
    table.add_column("what was found", overflow="fold")
    for insight in model.insights:
        table.add_row(insight.kind, Text(insight.sentence))
    return table


def law(model: FormulaModel, index: int | None = None, digits: int | None = DIGITS) -> str:
    """A formula as an equation, ``target = ...``; the chosen one if `index` is None."""
    return f"{name_to_text(model.target_name)} = {to_text(model.formula(index).shown, digits)}"


def constant_lines(formula: Formula, n_rows: int) -> list[str]:
    """The fitted constants with their standard errors and 95 % intervals, and the numbers that are exact.

    Parameters
    ----------
    formula : Formula
    n_rows : int
        Rows that the constants were fitted to.
    """
    own = () if formula.groups is None else formula.groups.own
    rows = [row for place, row in enumerate(constant_rows(formula, n_rows)) if place not in own]
    lines = [f"constant {with_error(row.value, row.standard_error)}{_interval(row)}" for row in dict.fromkeys(rows)]
    exact = [str(number) for number in dict.fromkeys(_exact_numbers(formula.expression))]
    return [*lines, f"exact    {', '.join(exact)}"] if exact else lines


def group_table(formula: Formula, name: str) -> Table:
    """The constants that differ between groups, one row for each group, with their standard errors."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(name)
    for constant in formula.own_names:
        table.add_column(constant, justify="right")
    if formula.groups is not None:
        rows = zip(formula.groups.labels, formula.groups.values, formula.groups.standard_errors, strict=True)
        for label, values, errors in rows:
            table.add_row(label, *[with_error(*pair) for pair in zip(values, errors, strict=True)])
    return table


def _interval(row: ConstantRow) -> str:
    """The interval, where it says more than the constant."""
    if not math.isfinite(row.standard_error) or row.standard_error <= 1e-12 * abs(row.value):
        return ""
    width = row.high - row.low
    digits = min(max(1, math.ceil(math.log10(max(abs(row.low), abs(row.high)) / width)) + 2), 15)
    return f" (95 %: {row.low:.{digits}g} to {row.high:.{digits}g})"


def _exact_numbers(expression: Expression) -> Iterator[int | Fraction]:
    for node in expression.walk():
        if node.kind == "constant" and not isinstance(node.value, float) and node.value not in _PLAIN:
            yield node.value


def with_error(value: float, error: float) -> str:
    """A constant and its standard error, with the digits that the error leaves any meaning.

    Examples
    --------
    >>> with_error(365.25634, 0.0123)
    '365.256 ± 0.012'
    >>> with_error(2.5, float("inf"))
    '2.5 (not fixed by the data)'
    """
    short = f"{value:.{DIGITS}g}"
    if not math.isfinite(error):
        return f"{short} (not fixed by the data)"
    if error <= 1e-12 * abs(value):
        return f"{value:.12g} (free of noise)"
    place = math.floor(math.log10(error)) - 1
    if -8 <= place < 0 and abs(value) < 1e6:
        # A rounded constant stays as short as it is.
        return f"{min(f'{value:.12g}', f'{value:.{-place}f}', key=len)} ± {error:.{-place}f}"
    digits = max(0, math.floor(math.log10(abs(value))) - place) if value else 0
    return f"{value:.{min(digits, 16)}e} ± {error:.1e}"


def sentence(model: FormulaModel, index: int | None = None, n_holdout: int | None = None) -> str:
    """What a formula of the front says and how far it is off, in plain words.

    Parameters
    ----------
    model : FormulaModel
    index : int, optional
        Which formula; the chosen one if None.
    n_holdout : int, optional
        How many rows `holdout_loss` was measured on, where it was not the fit that held them out.
    """
    formula = model.formula(index)
    target, used = model.target_name, formula.expression.variables
    unused = [name for name in model.feature_names if name not in used]
    if not used:
        words = f"No column helps to explain {target}: it is best described by a constant."
    else:
        words = f"{target} is explained by {quoted(used)}"
        words += f", without {quoted(unused)}." if unused else "."
    return f"{words} {_error_sentence(model, formula, held_out_rows(model) if n_holdout is None else n_holdout)}"


def measured(formula: Formula) -> str | None:
    """How residuals compare with the measurement errors; None where no errors are known."""
    if not formula.has_chi2:
        return None
    words = f"Residuals are {math.sqrt(formula.chi2):.3g} times the measurement errors"
    return f"{words} (chi squared per degree of freedom {formula.chi2:.3g})."


def claim(formula: Formula) -> str:
    """Whether a formula is claimed to be a law, and what that rests on."""
    if formula.exact:
        return (
            "It is exact: only the rounding of numbers is left, also on rows that did not fix its constants, and no "
            "other formula here does that with fewer constants."
        )
    return "It is not claimed to be an exact law: an approximation, or a law with noise, leaves such errors."


def reason(model: FormulaModel) -> str:
    """Why the chosen formula was chosen."""
    rule = _REASONS.get(str(model.settings.get("model_selection")))
    among = f"Formula {model.chosen} of {len(model.formulas)}" if len(model.formulas) > 1 else "The only formula"
    return f"{among} was chosen{f': {rule}' if rule and len(model.formulas) > 1 else ''}."


def _error_sentence(model: FormulaModel, formula: Formula, n_holdout: int) -> str:
    name = _error_name(model)
    unit = f" ({name})" if name else " (mean loss)"
    constant = _best_constant(model)
    if math.isnan(formula.holdout_loss):
        words = f"No rows were held out; on those of the fit it is off by {_shown_error(formula.loss, model)}{unit}"
        other = constant.loss if constant else math.nan
    else:
        rows = "the one row that was" if n_holdout == 1 else f"the {n_holdout} rows that were"
        words = f"On {rows} held out it is off by {_shown_error(formula.holdout_loss, model)}{unit}"
        other = constant.holdout_loss if constant else math.nan
    if constant is None or constant is formula or not math.isfinite(other):
        return f"{words}."
    return f"{words}; the best constant is off by {_shown_error(other, model)}."


def _best_constant(model: FormulaModel) -> Formula | None:
    return next((formula for formula in model.formulas if not formula.expression.variables), None)


def held_out_rows(model: FormulaModel) -> int:
    """How many rows a fit has held out, and measured `holdout_loss` on."""
    share = model.settings.get("holdout")
    unseen = math.isnan(model.formulas[model.chosen].holdout_loss)
    return 0 if unseen or not isinstance(share, float) else int(share * model.n_rows)


def _error_name(model: FormulaModel) -> str | None:
    """How errors in the target's own unit are called; None where there is only a loss."""
    return _ERRORS.get(str(model.settings.get("loss"))) if _has_own_units(model) else None


def _has_own_units(model: FormulaModel) -> bool:
    """False for magnitudes at the limits of float64: the losses there are those of a scaled target."""
    sizes = [abs(bound) for bounds in model.domain.values() for bound in bounds]
    sizes += [abs(value) for formula in model.formulas for value in formula.expression.constants]
    return all(size == 0.0 or SMALLEST <= size <= LARGEST for size in sizes)


def _shown_error(loss: float, model: FormulaModel) -> str:
    """A loss as an error in the target's unit where that can be said; a dash where nothing was measured."""
    if not math.isfinite(loss):
        return "-"
    return f"{math.sqrt(loss) if _error_name(model) == _ERRORS['squared'] else loss:.3g}"


# --- for machines -----------------------------------------------------------------------------------------------------


def record(model: FormulaModel) -> dict[str, Any]:
    """Everything about a model as plain values; None stands for what was not measured or is infinite."""
    return {
        "model": model.kind,
        "version": model.version,
        "target": model.target_name,
        "features": list(model.feature_names),
        "status": model.status.value,
        "n_rows": model.n_rows,
        "n_holdout": held_out_rows(model),
        "units": dict(model.units),
        "insights": [
            {
                "kind": insight.kind,
                "columns": list(insight.columns),
                "sentence": insight.sentence,
                "evidence": {name: _finite(value) for name, value in insight.evidence.items()},
            }
            for insight in model.insights
        ],
        "chosen": model.chosen,
        "formula": str(model.expression),
        "trust": _trust_record(model.formula()),
        "formulas": [formula_record(formula) for formula in model.formulas],
    }


def formula_record(formula: Formula) -> dict[str, Any]:
    """One row of the front as plain values."""
    expression = formula.expression
    errors = zip(expression.constants, formula.standard_errors, strict=True)
    return {
        "formula": str(expression),
        "variables": list(expression.variables),
        "complexity": formula.complexity,
        "loss": _finite(formula.loss),
        "holdout_loss": _finite(formula.holdout_loss),
        "score": _finite(formula.score),
        "constants": [{"value": value, "standard_error": _finite(error)} for value, error in errors],
        "chi2": _finite(formula.chi2),
        "engine": formula.engine,
        "seconds": formula.seconds,
        **({} if formula.groups is None else {"groups": _group_record(formula)}),
        "exact": formula.exact,
    }


def _group_record(formula: Formula) -> dict[str, Any]:
    """The constants by group; `shown` is the formula with their names in it."""
    groups = formula.groups
    rows = [] if groups is None else zip(groups.labels, groups.values, groups.standard_errors, strict=True)
    return {
        "shown": str(formula.shown),
        "constants": {
            label: [
                {"name": name, "value": value, "standard_error": _finite(error)}
                for name, value, error in zip(formula.own_names, values, errors, strict=True)
            ]
            for label, values, errors in rows
        },
    }


def _trust_record(formula: Formula) -> dict[str, Any]:
    """Where a formula was learned, and the places within and beyond where it has no value."""
    found = formula.trust
    return {
        "domain": {name: list(pair) for name, pair in found.domain.items()},
        "hazards": [
            {"kind": one.kind, "variable": one.variable, "value": one.value, "side": one.side, "others": one.others}
            for one in found.hazards
        ],
        "proven": found.proven,
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
