"""From grouped data to formulas with the same form in all groups, and constants of their own where these differ.

Forms come from two searches, see :mod:`closedform.estimators.group_forms`: one on the rows of the largest group, where
a law is a law, and one on all rows with the target standardised within each group, where groups differ by an offset and
a factor. Each form is then fitted to all groups at once; which constants are shared is decided by the length of the
description of data, formula and constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import Budget, FloatArray, Problem
from closedform.estimators.fitting import BASELINE, nothing_admitted, units_of
from closedform.estimators.group_forms import grouped_problem, searches, variants
from closedform.estimators.plan import Found, Plan
from closedform.exceptions import Status
from closedform.finish import loss_floor
from closedform.formulas import Formula
from closedform.group_constants import GroupConstants
from closedform.guided.form import read_guess
from closedform.preprocessing import TrainingData
from closedform.search import SearchResult
from closedform.symbolic.expression import Expression, constant
from closedform.symbolic.group_refit import (
    GroupFit,
    Groups,
    fit_each,
    fit_jointly,
    measured,
    squared_error,
    standard_errors,
)
from closedform.symbolic.metrics import (
    FULL_PRECISION,
    number_length,
    residual_length,
    rounding_error,
    structure_length,
    target_scale,
)
from closedform.symbolic.pareto import choose, scores
from closedform.threads import limited_threads

# Forms that are fitted to all groups, and those of them for which it is asked which constants are shared.
_MOST_FORMS, _MOST_SHARED = 40, 8
_FEWEST_TO_HOLD_OUT = 12
_SAME_LOSS = 1e-6


def find_grouped(
    data: TrainingData,
    codes: NDArray[np.intp],
    labels: Sequence[str],
    plan: Plan,
    budget: Budget,
    start: Sequence[Expression] = (),
) -> Found:
    """Search for one form for all groups and fit its constants, shared and own.

    Parameters
    ----------
    data : TrainingData
        Checked data.
    codes : ndarray of shape (n_rows,)
        Which group each row belongs to.
    labels : sequence of str
        The groups.
    plan : Plan
        Checked settings.
    budget : Budget
        Time for everything.
    start : sequence of Expression
        What an earlier fit found, over the original columns.

    Returns
    -------
    Found
        At least the best constants are on the front.

    Raises
    ------
    InputError
        If a form or a constraint cannot be used, or no formula was found that keeps to the constraints in all groups.
    """
    with limited_threads(plan.n_threads):
        weight = np.ones(len(data.y)) if data.sample_weight is None else data.sample_weight
        problem = grouped_problem(data, weight, plan)
        known = [read_guess(one, problem.names, data.constant_values, plan.operators) for one in plan.guesses]
        rows = _Rows.split(codes, weight, plan)
        results = [] if not problem.n_features else list(searches(data, problem, codes, rows.train, plan, budget))
        judge = _Judge(problem, weight, codes, rows, len(labels))
        found = [one.expression for result in results for one in result.candidates]
        forms = variants([*known, *start, *found], problem, plan)
        fits = judge.fits(forms, budget)
        if not fits:
            raise nothing_admitted(budget)
        formulas, chosen = judge.front(fits, labels, plan)
        status = _status(results, formulas, loss_floor(problem))
        return Found(tuple(formulas), chosen, status, _failures(results), units_of(plan, data))


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows that may be used to choose, and rows that nobody looks at until the scores are reported."""

    train: NDArray[np.intp]
    holdout: NDArray[np.intp]

    @classmethod
    def split(cls, codes: NDArray[np.intp], weight: FloatArray, plan: Plan) -> _Rows:
        """Hold out the same share of every group."""
        rng = np.random.default_rng([plan.seed, 0])
        held = [np.empty(0, dtype=np.intp)]
        counting = weight > 0
        if counting.sum() >= _FEWEST_TO_HOLD_OUT:
            for code in range(int(codes.max()) + 1):
                own = rng.permutation(np.flatnonzero((codes == code) & counting))
                held.append(own[: int(plan.holdout * len(own))])
        holdout = np.sort(np.concatenate(held))
        return cls(np.setdiff1d(np.flatnonzero(counting), holdout), holdout)


# --- fits -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Judge:
    """Fits forms to all groups and says how well each describes the rows."""

    problem: Problem
    weight: FloatArray
    codes: NDArray[np.intp]
    rows: _Rows
    n_groups: int

    def groups(self, rows: NDArray[np.intp]) -> Groups:
        """Some rows, by group."""
        own = [rows[self.codes[rows] == code] for code in range(self.n_groups)]
        return Groups(
            tuple({name: self.problem.X[part, j] for j, name in enumerate(self.problem.names)} for part in own),
            tuple(self.problem.y[part] for part in own),
            tuple(self.weight[part] for part in own),
            self.problem.loss,
        )

    def fits(self, forms: Sequence[Expression], budget: Budget) -> list[GroupFit]:
        """The forms with the constants that describe the rows best; the best constants alone come first."""
        train = self.groups(self.rows.train)
        level = fit_each(constant(float(np.mean(self.problem.y))), train)
        found = [one for one in (fit_jointly(level, (), train), self.admitted(level, train)) if self.admits(one)]
        each: list[GroupFit] = []
        for form in forms[:_MOST_FORMS]:
            if budget.expired() and each:
                break
            fit = self.admitted(fit_each(form, train), train)
            if np.isfinite(fit.loss) and self.admits(fit):
                each.append(fit)
        each.sort(key=lambda one: self.length(one, train))
        for place, fit in enumerate(each):
            if place < _MOST_SHARED and (place == 0 or not budget.expired()):
                found += self.sharing(fit, train, budget)
            else:
                found.append(fit)
        return found

    def admits(self, fit: GroupFit) -> bool:
        """Whether a fit keeps in each group to what is asked of formulas."""
        return all(self.problem.admits(fit.in_group(group)) for group in range(self.n_groups))

    def admitted(self, fit: GroupFit, groups: Groups) -> GroupFit:
        """The fit, in each group with other constants where those that it has are not admitted, if there are any."""
        if not self.problem.requirements or not np.isfinite(fit.loss):
            return fit
        constants = fit.constants.copy()
        for group in range(self.n_groups):
            own = self.rows.train[self.codes[self.rows.train] == group]
            repaired = self.problem.rows(own).admitted(fit.in_group(group))
            if repaired is not None and repaired.n_constants == constants.shape[1]:
                constants[group] = repaired.constants
        return measured(fit.expression, fit.own, constants, groups)

    def length(self, fit: GroupFit, groups: Groups) -> float:
        """Nats that tell form, constants and residuals, as :func:`closedform.symbolic.metrics.description_length`."""
        y = np.concatenate(groups.y)
        resolution, scale = rounding_error(y), target_scale(y)
        error = max(squared_error(fit, groups), resolution * resolution)
        if not np.isfinite(error):
            return float("inf")
        default = min(0.5 * np.log(groups.n_rows * max(scale * scale / error, 1.0)), FULL_PRECISION)
        constants = [fit.constants[0, k] for k in range(fit.expression.n_constants) if k not in fit.own]
        constants += fit.constants[:, list(fit.own)].ravel().tolist()
        told = sum(min(number_length(float(value)), default) for value in constants)
        return structure_length(fit.expression) + told + residual_length(error, groups.n_rows, None, fit.n_free)

    def sharing(self, fit: GroupFit, groups: Groups, budget: Budget) -> list[GroupFit]:
        """The fit and its successors, each with one more shared constant, as long as the description gets shorter."""
        steps = [fit]
        while fit.own and not (budget.expired() and len(steps) > 1):
            tried = [fit_jointly(fit, [k for k in fit.own if k != one], groups) for one in fit.own]
            best = min(filter(self.admits, tried), key=lambda other: self.length(other, groups), default=None)
            if best is None or self.length(best, groups) > self.length(fit, groups):
                break
            fit = best
            steps.append(fit)
        return [*steps, self._rounded(fit, groups)]

    def _rounded(self, fit: GroupFit, groups: Groups) -> GroupFit:
        """Shared constants with few digits, where the description gets shorter by it."""
        fixed: list[int] = []
        for place in range(fit.expression.n_constants):
            if place in fit.own:
                continue
            for digits in (1, 2, 3):
                constants = fit.constants.copy()
                constants[:, place] = float(f"{fit.constants[0, place]:.{digits}g}")
                start = measured(fit.expression, fit.own, constants, groups)
                trial = fit_jointly(start, fit.own, groups, [*fixed, place])
                if self.length(trial, groups) < self.length(fit, groups) and self.admits(trial):
                    fit = trial
                    fixed.append(place)
                    break
        return fit

    # --- the front ----------------------------------------------------------------------------------------------------

    def front(self, fits: Sequence[GroupFit], labels: Sequence[str], plan: Plan) -> tuple[list[Formula], int]:
        """Formulas by growing complexity, constants fitted to all rows, and which of them is chosen."""
        train, everything = self.groups(self.rows.train), self.groups(np.flatnonzero(self.weight))
        floor = loss_floor(self.problem)
        kept: list[GroupFit] = []
        for fit in sorted(fits, key=lambda one: (_complexity(one), one.loss)):
            small = _complexity(fit) <= plan.max_complexity or not fit.expression.variables
            if small and (not kept or max(fit.loss, floor) < (1 - _SAME_LOSS) * max(kept[-1].loss, floor)):
                kept.append(fit)
        lengths = [self.length(fit, train) for fit in kept]
        formulas = [self._formula(fit, labels, everything) for fit in kept]
        steps = scores(formulas, floor)
        formulas = [replace(one, score=step) for one, step in zip(formulas, steps, strict=True)]
        return formulas, self._chosen(formulas, lengths, plan)

    def _chosen(self, formulas: Sequence[Formula], lengths: Sequence[float], plan: Plan) -> int:
        if callable(plan.rule):
            picked = plan.rule(formulas)
        elif plan.rule == "mdl":
            return int(np.argmin(lengths))
        else:
            picked = choose(formulas, plan.rule, y=self.problem.y[self.rows.train])
        return next((place for place, one in enumerate(formulas) if one is picked), 0)

    def _formula(self, fit: GroupFit, labels: Sequence[str], everything: Groups) -> Formula:
        holdout = float("nan")
        if len(self.rows.holdout):
            holdout = measured(fit.expression, fit.own, fit.constants, self.groups(self.rows.holdout)).loss
        shared = [k for k in range(fit.expression.n_constants) if k not in fit.own]
        rounded = [k for k in shared if number_length(float(fit.constants[0, k])) < 8.0]
        start = measured(fit.expression, fit.own, fit.constants, everything)
        refitted = fit_jointly(start, fit.own, everything, rounded)
        last = refitted if self.admits(refitted) else start
        errors = standard_errors(last, everything)
        typical = np.median(last.constants, axis=0)
        own = list(last.own)
        table = GroupConstants(
            tuple(labels),
            last.own,
            tuple(tuple(row) for row in last.constants[:, own].tolist()),
            tuple(tuple(row) for row in errors[:, own].tolist()),
        )
        return Formula(
            fit.expression.with_constants(typical),
            fit.loss,
            holdout,
            _complexity(fit),
            BASELINE if not fit.expression.variables else "groups",
            0.0,
            tuple(np.median(errors, axis=0).tolist()),
            groups=table,
        )


def _complexity(fit: GroupFit) -> int:
    """Nodes, and one more for each constant that has to be looked up."""
    return fit.expression.complexity + len(fit.own)


def _status(results: Sequence[SearchResult], formulas: Sequence[Formula], floor: float) -> Status:
    ends = [result.status for result in results]
    if Status.INTERRUPTED in ends:
        return Status.INTERRUPTED
    if min(formula.loss for formula in formulas) <= floor:
        return Status.CONVERGED
    if Status.TIME_LIMIT in ends or Status.CONVERGED in ends:
        return Status.TIME_LIMIT
    return ends[-1] if ends else Status.FAILED


def _failures(results: Sequence[SearchResult]) -> dict[str, str]:
    return {name: error for result in results for name, error in result.failures.items()}
