"""All formulas of a network by the names of its effects, and a table of them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from closedform.additive.compact import compact
from closedform.additive.fitted import FittedNetwork
from closedform.additive.formula import effect_expression, model_expression
from closedform.additive.model import SECOND_BLOCK
from closedform.additive.short_forms import ShortFormula
from closedform.exceptions import InputError
from closedform.symbolic.expression import Expression

SHORT_TOLERANCE = 0.01
"""How near the short formulas of `equations_` have to be, as a share of the size of the raw score."""


class EffectFormulas:
    """The formulas of a network, made when first asked for.

    Parameters
    ----------
    network : FittedNetwork
    """

    def __init__(self, network: FittedNetwork) -> None:
        self.network = network

    def expression(self, term: str | None, output: int, *, beyond: bool) -> Expression:
        """The whole model, or an effect."""
        network, model = self.network, self.network.model
        if term is None:
            return model_expression(network, output, beyond=beyond)
        if not 0 <= output < model.n_outputs:
            raise InputError(f"output must be a whole number from 0 to {model.n_outputs - 1}, got {output!r}.")
        if term == SECOND_BLOCK and model.second is not None:
            return effect_expression(model.second, output, columns=network.columns, beyond=beyond)
        effect = model.effects[model.position(term)]
        return effect_expression(effect, output, columns=network.columns, beyond=beyond)

    def short(self, term: str, output: int, tolerance: float) -> ShortFormula | None:
        """A short formula for an effect; None for the second block, and where there is none."""
        model = self.network.model
        if term == SECOND_BLOCK:
            return None
        effect = model.effects[model.position(term)]
        return compact(effect, model, self.network.columns, output=output, tolerance=tolerance)

    @property
    def terms(self) -> list[str]:
        """Names of the effects, and of the second block, by falling importance."""
        model = self.network.model
        names = [*model.names, *([SECOND_BLOCK] if model.second is not None else [])]
        return [names[k] for k in sorted(range(len(names)), key=lambda k: -model.importances[k])]

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One row per effect (and output, where there are several), by falling importance."""
        rows = []
        for row in self.short_rows():
            expression = self.expression(row["term"], row.pop("position"), beyond=False)
            full = {"complexity": expression.size, "equation": str(expression), "latex": expression.latex(6)}
            rows.append({**row, **full})
        return rows

    def short_rows(self, most: int | None = None) -> list[dict[str, Any]]:
        """The rows without the full formulas, which are long; the first `most` terms only.

        The entry ``position`` is the number of the output.
        """
        network, model = self.network, self.network.model
        places = {name: k for k, name in enumerate([*model.names, SECOND_BLOCK])}
        rows = []
        for term in self.terms[:most]:
            k = places[term]
            for output in range(model.n_outputs):
                short = self.short(term, output, SHORT_TOLERANCE)
                rows.append(
                    {
                        "term": term,
                        "position": output,
                        **({"output": network.classes[output]} if model.n_outputs > 1 else {}),
                        "importance": float(model.importances[k]),
                        "share": float(model.shares[k]),
                        "short_equation": None if short is None else str(short.expression),
                        "short_error": None if short is None else short.error,
                    }
                )
        return rows
