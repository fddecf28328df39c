"""Constants that stand at several places of a form: one value at all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from closedform.engines.base import Budget, FloatArray, Problem
from closedform.guided.form import Form, start_values
from closedform.guided.named_fit import fit_form, fit_from
from closedform.losses import Loss
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression

_ROWS = 150
# A form with one value for each constant gives the values of a formula up to this, relative to their variance.
_SAME = 1e-16
_NO_HURRY = 1e6


@dataclass(frozen=True, eq=False)
class Tied:
    """A requirement: formulas are the form with one value for each of its constants.

    Free constants of a formula are fitted, rounded and simplified one by one, whatever the form says. This asks of the
    outcome whether it still is the form, and fits the constants by name where it is not.

    Parameters
    ----------
    form : Form
        Without unknown functions.
    sample : Problem
        Rows on which formulas are compared.
    """

    form: Form
    sample: Problem
    _fitted: list[dict[str, float]] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, form: Form, columns: Mapping[str, FloatArray], y: FloatArray) -> Tied:
        """Return the requirement for formulas over the columns of a table."""
        rows = np.unique(np.linspace(0, len(y) - 1, min(_ROWS, len(y))).astype(np.intp))
        table = np.column_stack([column[rows] for column in columns.values()])
        return cls(form, Problem(table, y[rows], tuple(columns)))

    def admits_form(self, expression: Expression) -> bool:
        """Say that any form may be tried: constants are tied afterwards."""
        del expression
        return True

    def admits(self, expression: Expression) -> bool:
        """Say whether the formula is the form; a formula without variables, the best constant, always is admitted."""
        if not expression.variables:
            return True
        values = evaluate(expression, self.sample.columns)
        if not np.isfinite(values).all():
            return False
        same = replace(self.sample, y=values)
        return any(fit_from(self.form, same, start).error <= _SAME for start in reversed(self._fitted))

    def adjusted(
        self, expression: Expression, columns: Mapping[str, FloatArray], y: FloatArray, weight: Any, loss: Loss
    ) -> Expression | None:
        """Return the form with its constants fitted by name; None where it has no value."""
        del expression
        names = self.sample.names
        whole = Problem(np.column_stack([columns[name] for name in names]), y, names, weight, loss)
        fits = fit_form(self.form, whole, Budget(_NO_HURRY), np.random.default_rng(0), count=2)
        if not fits:
            return None
        self._fitted.append(fits[0].constants)
        return start_values(self.form, fits[0].constants)
