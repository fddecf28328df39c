"""Requirements for formulas in other units than those of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from closedform.constraints.region import FloatArray
from closedform.losses import Loss
from closedform.preprocessing.scaling import Scaling
from closedform.symbolic.expression import Expression


@dataclass(frozen=True, eq=False)
class InOtherUnits:
    """A requirement of formulas over scaled columns, asked of what they are over the original ones.

    Parameters
    ----------
    requirement : Requirement
        In the units of the table.
    scaling : Scaling
        From the table's units to the others.
    inwards : callable
        Rewrites a formula in the table's units as one in the others.
    """

    requirement: Any
    scaling: Scaling
    inwards: Callable[[Expression], Expression]

    def admits_form(self, expression: Expression) -> bool:
        """Say whether the form of the original is admitted."""
        return bool(self.requirement.admits_form(self._original(expression)))

    def admits(self, expression: Expression) -> bool:
        """Say whether the original is admitted."""
        return bool(self.requirement.admits(self._original(expression)))

    def adjusted(
        self, expression: Expression, columns: Mapping[str, FloatArray], y: FloatArray, weight: Any, loss: Loss
    ) -> Expression | None:
        """Return the formula with constants whose original is admitted; None if there are none."""
        if not hasattr(self.requirement, "adjusted"):
            return None
        factors = dict(zip(self.scaling.names, self.scaling.factors, strict=True))
        own = {name: values / factors[name] for name, values in columns.items()}
        target = self.scaling.unscale_target(y)
        found = self.requirement.adjusted(self._original(expression), own, target, weight, loss)
        return None if found is None else self.inwards(found).canonical()

    def _original(self, expression: Expression) -> Expression:
        return self.scaling.to_original(expression).canonical()
