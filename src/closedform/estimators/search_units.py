"""Powers of ten in which a search happens, and the ways between them and the table's own units."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from closedform.constraints.bound import bind
from closedform.constraints.units import InOtherUnits
from closedform.engines.base import FloatArray, Problem, Requirement
from closedform.estimators.plan import Plan
from closedform.formulas import Formula
from closedform.preprocessing import Scaling, Table, extreme_columns
from closedform.preprocessing.checks import largest_magnitudes
from closedform.symbolic.expression import Expression
from closedform.units.rules import UnitRules

# Columns and targets within these magnitudes are searched in their own units.
_COMFORTABLE = (1e-6, 1e6)


@dataclass(frozen=True)
class SearchUnits:
    """Powers of ten between the table, the problem whose losses are reported, and the problem that is searched.

    Parameters
    ----------
    scaling : Scaling
        From the table to the search.
    extreme : bool
        Whether squares of the table's numbers leave float64, so that losses too are those of the scaled target. Else
        everything but the search happens in the table's own units.
    """

    scaling: Scaling
    extreme: bool

    @classmethod
    def of(cls, table: Table, y: FloatArray) -> SearchUnits:
        """Powers of ten where the numbers need them, and none where columns and target are comfortable as they are.

        Parameters
        ----------
        table : Table
            Columns that vary.
        y : ndarray of shape (n_rows,)
            Target.
        """
        magnitudes = np.append(largest_magnitudes(table.values), np.abs(y).max())
        names = (*table.names, "")
        return cls(Scaling.fit(table, y, keep_between=_COMFORTABLE), bool(extreme_columns(names, magnitudes)))

    @classmethod
    def of_problem(cls, problem: Problem) -> SearchUnits:
        """Powers of ten for a search whose losses are of no interest outside of it.

        Parameters
        ----------
        problem : Problem
            Rows in the table's own units.
        """
        table = Table(problem.names, problem.X)
        return cls(Scaling.fit(table, problem.y, keep_between=_COMFORTABLE), extreme=False)

    def outer(self, table: Table, y: FloatArray, weight: FloatArray | None, plan: Plan, noise: float | None) -> Problem:
        """The problem of all rows, in the units in which losses are reported.

        Parameters
        ----------
        table : Table
            Columns that vary.
        y : ndarray of shape (n_rows,)
            Target.
        weight : ndarray of shape (n_rows,), optional
            Weights of the rows.
        plan : Plan
            Its loss, operators, largest formula, constraints and requirements become those of the problem.
        noise : float, optional
            Standard deviation of the noise in a row of weight 1, where measurement errors are given.
        """
        requirements: tuple[Requirement, ...] = (*bind(plan.constraints, table.columns, y), *plan.requirements)
        loss = plan.loss
        if self.extreme:
            table, y, noise = self.scaling.scale_table(table), self.scaling.scale_target(y), self._scaled(noise)
            loss = loss.in_units(self.scaling.target_factor)
            requirements = self._in_own_units(requirements)
        forbidden = {name for one in plan.constraints for name in one.operators()}
        return Problem(
            table.values,
            y,
            table.names,
            weight,
            loss,
            plan.operators - forbidden,
            plan.max_complexity,
            requirements=requirements,
            known_noise=noise,
        )

    def _scaled(self, noise: float | None) -> float | None:
        return None if noise is None else float(self.scaling.scale_target(np.array([noise]))[0])

    def inner(self, problem: Problem) -> Problem:
        """The same rows in the units of the search."""
        if self.extreme or self.scaling.is_identity:
            return problem
        table = self.scaling.scale_table(Table(problem.names, problem.X))
        return replace(
            problem,
            X=table.values,
            y=self.scaling.scale_target(problem.y),
            loss=problem.loss.in_units(self.scaling.target_factor),
            requirements=self._in_own_units(problem.requirements),
            known_noise=self._scaled(problem.known_noise),
        )

    @property
    def backwards(self) -> Scaling:
        """From the units of the search to the table's own."""
        factors = tuple(1.0 / factor for factor in self.scaling.factors)
        return Scaling(self.scaling.names, factors, 1.0 / self.scaling.target_factor)

    def _in_own_units(self, requirements: tuple[Requirement, ...]) -> tuple[Requirement, ...]:
        # Dimensions are the same whatever the powers of ten.
        return tuple(
            one if isinstance(one, UnitRules) else InOtherUnits(one, self.scaling, self.inwards) for one in requirements
        )

    def inwards(self, expression: Expression) -> Expression:
        """A formula over the table's columns in the units of the search."""
        return self.backwards.to_original(expression)

    def outwards(self, expression: Expression) -> Expression:
        """A formula from the search in the units in which losses are reported."""
        if self.extreme or self.scaling.is_identity:
            return expression
        return self.scaling.to_original(expression)

    def to_original(self, formula: Formula) -> Formula:
        """A finished formula over the table's own columns."""
        if not self.extreme:
            return formula
        # Not simplified: in one number, the powers of ten of several columns would leave float64.
        original = self.scaling.to_original(formula.expression)
        numbered = formula.expression.with_constants(range(1, formula.expression.n_constants + 1))
        places = self.scaling.to_original(numbered).constants
        known = {float(place): error for place, error in enumerate(formula.standard_errors, start=1)}
        # The factors of the units are known exactly.
        errors = tuple(known.get(place, 0.0) for place in places)
        return replace(formula, expression=original, standard_errors=errors)
