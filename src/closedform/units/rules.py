"""Units as something that is asked of every formula of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from closedform.symbolic.expression import Expression
from closedform.units.dimensions import Dimension
from closedform.units.inference import Inference, infer
from closedform.units.parsing import dimension_of


@dataclass(frozen=True, eq=False)
class UnitRules:
    """What the columns and the target are measured in, and whether fitted constants may carry units.

    Parameters
    ----------
    columns : mapping of str to Dimension
        By column; columns without an entry are pure numbers.
    target : Dimension, optional
        None where anything will do.
    free_constants : bool, default=False
        Whether constants may carry units of their own, as g does in ``g*t**2``.
    """

    columns: Mapping[str, Dimension]
    target: Dimension | None = None
    free_constants: bool = False

    @classmethod
    def of(cls, units: Mapping[str, str], columns: Sequence[str], target: str) -> UnitRules:
        """The rules from units as texts, see :func:`closedform.units.parsing.read_units`."""
        dimensions = {name: dimension_of(unit, name) for name, unit in units.items()}
        return cls({name: dimensions[name] for name in columns if name in dimensions}, dimensions.get(target))

    def infer(self, expression: Expression) -> Inference:
        """What a formula with fitted constants is measured in."""
        return infer(expression, self.columns, self.target, free_constants=self.free_constants)

    def admits_form(self, expression: Expression) -> bool:
        """Say whether a formula of this form makes sense for some exponents."""
        if not expression.variables:
            return True
        found = infer(expression, self.columns, self.target, free_constants=self.free_constants, free_exponents=True)
        return not found.problem

    def admits(self, expression: Expression) -> bool:
        """Say whether a formula makes sense; a mere number does, whatever the target is measured in."""
        return not expression.variables or not self.infer(expression).problem
