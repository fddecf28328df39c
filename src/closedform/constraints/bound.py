"""Constraints of a user together with the table that they are about: what a problem asks of its formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from closedform.constraints.base import Constraint, Verdict
from closedform.constraints.probes import Shape
from closedform.constraints.region import FloatArray, Region
from closedform.constraints.repair import constrained_fit
from closedform.constraints.shapes import Bounds, Monotone, Negative, Positive, ValueAt
from closedform.exceptions import InputError
from closedform.losses import Loss
from closedform.preprocessing.wording import missing_column
from closedform.symbolic.expression import Expression

# Answers that are remembered; a formula is asked about by the engine, by the driver and when it is finished.
_REMEMBERED = 500
# A search has no time for long proofs: where these do not do, it looks at points.
_HALVINGS = 6


@dataclass(frozen=True, eq=False)
class BoundConstraints:
    """Constraints about one table.

    Parameters
    ----------
    constraints : tuple of Constraint
        At least one.
    region : Region
        Where the shape of formulas matters.
    """

    constraints: tuple[Constraint, ...]
    region: Region
    _known: dict[int, tuple[Expression, bool]] = field(default_factory=dict, repr=False)

    def admits_form(self, expression: Expression) -> bool:
        """Say whether the form of a formula keeps to all of them."""
        return all(one.admits_form(expression) for one in self.constraints)

    def admits(self, expression: Expression) -> bool:
        """Say whether a formula with its constants keeps to all of them, as far as can be told."""
        known = self._known.get(id(expression))
        if known is None or known[0] is not expression:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            broken = any(one.verdict(expression, self.region) is Verdict.BROKEN for one in self.constraints)
            # The formula is kept with the answer: ids are only unique among the living objects of one process.
            known = self._known[id(expression)] = expression, not broken
        return known[1]

    def adjusted(
        self, expression: Expression, columns: Mapping[str, FloatArray], y: FloatArray, weight: Any, loss: Loss
    ) -> Expression | None:
        """Return the formula with the best constants that keep to the shapes; None if none were found.

        Parameters
        ----------
        expression : Expression
            A formula that is not admitted.
        columns : mapping of str to ndarray of shape (n_samples,)
        y : ndarray of shape (n_samples,)
        weight : ndarray of shape (n_samples,) or None
        loss : Loss
        """
        shapes = [one for one in self.constraints if isinstance(one, Shape)]
        if not shapes or not expression.n_constants or not self.admits_form(expression):
            return None
        probes = [
            probe for one in shapes for probe in one.probes(expression.variables, self.region.restricted(_where(one)))
        ]
        for pad in (1e-9, 1e-4):
            fitted = constrained_fit(expression, columns, y, weight, loss, probes, pad * self.region.size)
            if fitted is not None and self.admits(fitted):
                return fitted
        return None


def bind(
    constraints: Sequence[Constraint], columns: Mapping[str, FloatArray], y: FloatArray
) -> tuple[BoundConstraints, ...]:
    """Return what constraints ask of formulas over the columns of a table; nothing for no constraints.

    Raises
    ------
    InputError
        If a value at a point of the table's box is out of bounds.
    """
    if not constraints:
        return ()
    region = Region.of(columns, y, _HALVINGS)
    _refuse_values_out_of_bounds(constraints, region)
    return (BoundConstraints(tuple(constraints), region),)


def check(expression: Expression, constraints: Sequence[Constraint], columns: Mapping[str, Any]) -> tuple[Verdict, ...]:
    """Say how a formula stands to constraints on the box that some columns span.

    Parameters
    ----------
    expression : Expression
    constraints : sequence of Constraint
    columns : mapping of str to array-like of shape (n_samples,), or DataFrame
        Values of the variables.

    Returns
    -------
    tuple of Verdict
        One for each constraint.

    Examples
    --------
    >>> from closedform.constraints import Monotone, Positive
    >>> check(Expression.parse("x**2 - x"), [Monotone("x"), Positive()], {"x": [2.0, 3.0]})
    (<Verdict.PROVEN: 'proven'>, <Verdict.PROVEN: 'proven'>)
    """
    table = {str(name): np.asarray(columns[name], dtype=np.float64) for name in columns}
    check_columns(constraints, tuple(table))
    region = Region.of(table, expression.evaluate(table) if expression.variables else np.array(expression.constants))
    return tuple(one.verdict(expression, region) for one in constraints)


# --- what makes no sense ----------------------------------------------------------------------------------------------


def check_together(constraints: Sequence[Constraint], names: tuple[str, ...]) -> None:
    """Raise InputError if a constraint speaks of a column that is not there, or two contradict each other."""
    check_columns(constraints, names)
    _refuse_contradictions(constraints)


def check_columns(constraints: Sequence[Constraint], names: tuple[str, ...]) -> None:
    """Raise InputError if a constraint speaks of a column that is not there."""
    for one in constraints:
        for name in one.columns():
            if name not in names:
                raise InputError(f"{type(one).__name__}: {missing_column(name, names, 'the table')}")


def _where(one: Constraint) -> Mapping[str, tuple[float, float]]:
    return getattr(one, "where", {})


def _refuse_contradictions(constraints: Sequence[Constraint]) -> None:
    lows = [_limits(one)[0] for one in constraints if not _where(one)]
    highs = [_limits(one)[1] for one in constraints if not _where(one)]
    low, high = max(lows, default=-np.inf), min(highs, default=np.inf)
    signs = {type(one) for one in constraints} & {Positive, Negative}
    if low > high or len(signs) == 2 or (low == high == 0.0 and signs):
        raise InputError(
            f"the constraints contradict each other: values must be at least {low:g} and at most {high:g}."
        )
    for one, other in combinations(constraints, 2):
        if isinstance(one, ValueAt) and isinstance(other, ValueAt):
            if one.point == other.point and one.value != other.value:
                where = ", ".join(f"{name} = {value:g}" for name, value in one.point.items())
                raise InputError(
                    f"the constraints contradict each other: at {where} the value must be {one.value:g} and "
                    f"{other.value:g}."
                )
        if isinstance(one, Monotone) and isinstance(other, Monotone) and one.column == other.column:
            if one.increasing is not other.increasing and one.where == other.where:
                raise InputError(
                    "the constraints contradict each other: a formula that neither rises nor falls with "
                    f"{one.column!r} does not depend on it; leave the column out."
                )


def _limits(one: Constraint) -> tuple[float, float]:
    if isinstance(one, Bounds):
        return -np.inf if one.low is None else one.low, np.inf if one.high is None else one.high
    if isinstance(one, Positive):
        return 0.0, np.inf
    return (-np.inf, 0.0) if isinstance(one, Negative) else (-np.inf, np.inf)


def _refuse_values_out_of_bounds(constraints: Sequence[Constraint], region: Region) -> None:
    """A known value at a point of the box must be within the bounds."""
    limits = [(one, *_limits(one)) for one in constraints if not _where(one)]
    for one in constraints:
        if not isinstance(one, ValueAt):
            continue
        outside = (not low <= one.point[name] <= high for name, (low, high) in region.box.items() if name in one.point)
        if any(outside):
            continue
        for other, low, high in limits:
            strict = isinstance(other, Positive | Negative)
            if not low <= one.value <= high or (strict and one.value == 0.0):
                raise InputError(f"the constraints contradict each other: {one} and {other}.")
