"""What constraints on values share: points at which a formula is looked at, and proofs for parts of a box."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from closedform.constraints.base import Constraint, Verdict
from closedform.constraints.region import Box, FloatArray, Region
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression

ROUNDING = 1e-12
"""Differences below this share of the largest target are rounding, and break nothing."""

Proof = Callable[[Box], bool]
"""Says of a box whether something certainly holds everywhere in it."""


@dataclass(frozen=True, eq=False)
class Probe:
    """Points at which a formula is looked at, and what is asked of its values there.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n_points,)
        The points.
    limit : float
        Least value of every margin, or its only value.
    margins : callable
        Linear map from values of shape (n_points, k) to margins of shape (n_margins, k), which are bound by the limit.
    exact : bool, default=False
        Whether the margins must have the value of the limit. Then a point without a value breaks it.
    strict : bool, default=False
        Whether the limit itself is not good enough.
    """

    columns: Mapping[str, FloatArray]
    limit: float
    margins: Callable[[FloatArray], FloatArray]
    exact: bool = False
    strict: bool = False

    def values(self, expression: Expression) -> FloatArray:
        """Return the values of a formula at the points."""
        if not expression.variables:
            return np.full(max((len(one) for one in self.columns.values()), default=1), evaluate(expression, {})[0])
        return evaluate(expression, self.columns)

    def holds(self, expression: Expression, tolerance: float) -> bool:
        """Say whether a formula keeps to it, up to a tolerance."""
        with np.errstate(invalid="ignore"):
            margins = self.margins(self.values(expression)[:, None])[:, 0]
            if self.exact:
                return bool((np.abs(margins - self.limit) <= tolerance).all())
            least = margins <= self.limit if self.strict else margins < self.limit - tolerance
        return not least.any()


class Shape(Constraint, ABC):
    """A constraint on values."""

    where: Mapping[str, tuple[float, float]]

    @abstractmethod
    def probes(self, names: tuple[str, ...], region: Region, sparse: bool = False) -> list[Probe]:
        """Return where to look at formulas of these variables; `sparse` asks for few points."""

    def proof(self, expression: Expression) -> Proof:
        """Return a test that says of a box whether it certainly holds everywhere in it."""
        del expression
        return lambda box: False

    def columns(self) -> tuple[str, ...]:
        """Return the columns that it speaks of."""
        return tuple(getattr(self, "where", {}))

    def verdict(self, expression: Expression, region: Region) -> Verdict:
        """Say whether it holds for a formula with its constants; see :class:`Constraint`."""
        names, tolerance = expression.variables, ROUNDING * region.size
        region = region.restricted(getattr(self, "where", {}))
        if not all(probe.holds(expression, tolerance) for probe in self.probes(names, region)):
            return Verdict.BROKEN
        box = {name: region.box[name] for name in names}
        left = _parts_without_proof(self.proof(expression), box, region.halvings)
        for part in left:
            for probe in self.probes(names, region.part(part), sparse=True):
                if not probe.holds(expression, tolerance):
                    return Verdict.BROKEN
        return Verdict.CHECKED if left else Verdict.PROVEN


def _parts_without_proof(proof: Proof, box: Box, halvings: int) -> list[Box]:
    """Halve the box where one look does not tell, each part along its relatively widest side."""
    waiting: list[Box] = [dict(box)]
    left: list[Box] = []
    while waiting:
        part = waiting.pop(0)
        if proof(part):
            continue
        widths = {name: (high - low) / ((box[name][1] - box[name][0]) or 1.0) for name, (low, high) in part.items()}
        widest = max(widths, key=lambda name: widths[name], default="")
        low, high = part.get(widest, (0.0, 0.0))
        middle = low / 2 + high / 2
        if halvings == 0 or not low < middle < high:
            left.append(part)
            continue
        halvings -= 1
        waiting += [{**part, widest: (low, middle)}, {**part, widest: (middle, high)}]
    return left
