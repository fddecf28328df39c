"""A fitted Rational ANOVA Network in words and tables for people, and as a record for machines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from closedform.additive.equations import SHORT_TOLERANCE, EffectFormulas
from closedform.additive.fitted import FittedNetwork
from closedform.additive.formula import variable_notes
from closedform.exceptions import InputError, did_you_mean
from closedform.preprocessing.wording import quoted
from closedform.symbolic.expression import Expression

if TYPE_CHECKING:
    from rich.table import Table

MOST_TERMS = 30
"""Effects listed for people."""

_WHAT_ADDS_UP = {
    "poisson": "the logarithm of the mean of {target}",
    "log_loss": "the logit of {target} = {label}",
}


def effects_table(network: FittedNetwork) -> Table:
    """Effects by falling importance, each with a short formula."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    several = network.model.n_outputs > 1
    table.add_column("effect", overflow="fold")
    if several:
        table.add_column("class")
    for heading in ("importance", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("short formula (± its error)", overflow="fold")
    for row in EffectFormulas(network).short_rows(MOST_TERMS):
        short = "-" if row["short_equation"] is None else f"{row['short_equation']} (± {row['short_error']:.1%})"
        shown = [Text(str(row["output"]))] if several else []
        table.add_row(Text(row["term"]), *shown, f"{row['importance']:.3g}", f"{row['share']:.1%}", Text(short))
    return table


def sentences(network: FittedNetwork) -> list[str]:
    """What the effects add up to, and which columns are not used."""
    model = network.model
    label = network.classes[-1] if network.classes else ""
    what = _WHAT_ADDS_UP.get(network.family.name, "{target}").format(target=network.target_name, label=label)
    if model.n_outputs > 1:
        what = f"the score of each class of {network.target_name}"
    intercept = ", ".join(f"{value:.4g}" for value in model.intercept)
    lines = [f"The effects and the intercept ({intercept}) add up to {what}; {model.n_numbers} numbers in all."]
    if len(model.effects) > MOST_TERMS:
        lines.append(
            f"{len(model.effects) - MOST_TERMS} effects of less importance are not listed; --format json has them."
        )
    used = {column for effect in model.effects for column in effect.columns}
    unused = [column.name for j, column in enumerate(network.columns) if j not in used]
    if unused:
        lines.append(f"Not used: {quoted(unused)}.")
    lines.append(
        f"Short formulas are to be read: their error is a share of the size of the sum (aim: {SHORT_TOLERANCE:.0%}). "
        "The exact ones: --format text, latex, c, ...; one effect: --term NAME."
    )
    return lines


def record(network: FittedNetwork) -> dict[str, Any]:
    """Everything about a network as plain values."""
    rows = [
        {name: value if not isinstance(value, float) or math.isfinite(value) else None for name, value in row.items()}
        for row in EffectFormulas(network).short_rows()
    ]
    for row in rows:
        del row["position"]
    return {
        "model": network.kind,
        "version": network.version,
        "target": network.target_name,
        "task": "classification" if network.classes else "regression",
        "classes": list(network.classes),
        "features": list(network.feature_names),
        "n_rows": network.n_rows,
        "n_parameters": network.model.n_numbers,
        "intercept": network.model.intercept.tolist(),
        "effects": rows,
    }


def output_of(network: FittedNetwork, label: str | None) -> int:
    """The output that ``--class`` names.

    Raises
    ------
    InputError
        If there is no such class, or none to choose.
    """
    if label is None:
        return 0
    if network.model.n_outputs == 1:
        raise InputError("--class goes with models of more than two classes; this one has a single formula.")
    known = [str(value) for value in network.classes]
    if label not in known:
        raise InputError(
            f"--class: there is no class '{label}'{did_you_mean(label, known)}; known: {', '.join(known)}."
        )
    return known.index(label)


def expression(network: FittedNetwork, term: str | None, label: str | None, *, beyond: bool = True) -> Expression:
    """The formula of the model, or of one effect."""
    return EffectFormulas(network).expression(term, output_of(network, label), beyond=beyond)


def notes(network: FittedNetwork, formula: Expression) -> list[str]:
    """What the variables stand for that are no columns of the table."""
    return [f"{name}: {meaning}." for name, meaning in variable_notes(network.columns, formula.variables).items()]
