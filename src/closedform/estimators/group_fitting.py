"""From grouped data to formulas with the same form in all groups, and constants of their own where these differ.

Forms come from two searches: one on the rows of the largest group, where a law is a law, and one on all rows with the
target standardised within each group, where groups differ by an offset and a factor. Each form is then fitted to all
groups at once; which constants are shared is decided by the length of the description of data, formula and constants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import Budget, FloatArray, Problem
from closedform.estimators.fitting import BASELINE, MOST_ROWS
from closedform.estimators.plan import Found, Plan
from closedform.exceptions import InputError, Status
from closedform.finish import loss_floor
from closedform.formulas import Formula
from closedform.group_constants import GroupConstants
from closedform.preprocessing import Scaling, Table, TrainingData
from closedform.search import SearchResult, search
from closedform.symbolic.canonical import canonical
from closedform.symbolic.expression import Expression, constant, plain_sum
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

# Shares of the time for the two searches; the rest is for the joint fits.
_FIRST_SHARE, _SECOND_SHARE = 0.4, 0.5
_FEWEST_ROWS = 8
_COMFORTABLE = (1e-6, 1e6)
# Forms that are fitted to all groups, and those of them for which it is asked which constants are shared.
_MOST_FORMS, _MOST_SHARED = 40, 8
_FEWEST_TO_HOLD_OUT = 12
_SAME_LOSS = 1e-6


def find_grouped(
    data: TrainingData, codes: NDArray[np.intp], labels: Sequence[str], plan: Plan, budget: Budget
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

    Returns
    -------
    Found
        At least the best constants are on the front.

    Raises
    ------
    InputError
        If there are units, constraints, a form or guesses, which constants by group do not keep to.
    """
    for what in ("units", "constraints", "form", "guesses"):
        if getattr(plan, what):
            raise InputError(f"{what} cannot be used with groups yet: leave out {what} or groups.")
    with limited_threads(plan.n_threads):
        table = data.varying
        weight = np.ones(len(data.y)) if data.sample_weight is None else data.sample_weight
        problem = Problem(table.values, data.y, table.names, weight, plan.loss, plan.operators, plan.max_complexity)
        rows = _Rows.split(codes, weight, plan)
        results = [] if not problem.n_features else list(_searches(problem, codes, rows.train, plan, budget))
        judge = _Judge(problem, weight, codes, rows, len(labels))
        fits = judge.fits([one.expression for result in results for one in result.candidates], budget)
        formulas, chosen = judge.front(fits, labels, plan)
        return Found(tuple(formulas), chosen, _status(results, formulas, loss_floor(problem)), _failures(results))


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


# --- forms ------------------------------------------------------------------------------------------------------------


def _searches(
    problem: Problem, codes: NDArray[np.intp], train: NDArray[np.intp], plan: Plan, budget: Budget
) -> Iterator[SearchResult]:
    """The search in the largest group, then the one over all groups; none follows an interruption."""
    sizes = np.bincount(codes[train])
    largest = train[codes[train] == int(np.argmax(sizes))]
    rng = np.random.default_rng([plan.seed, 1, plan.n_searches])
    if len(largest) >= _FEWEST_ROWS:
        result = _search(problem.rows(largest[:MOST_ROWS]), plan, budget.share(_FIRST_SHARE), rng)
        yield result
        if result.status is Status.INTERRUPTED:
            return
    some = train if len(train) <= MOST_ROWS else np.sort(rng.choice(train, MOST_ROWS, replace=False))
    standardised = problem.y.copy()
    for code in np.unique(codes[some]):
        own = some[codes[some] == code]
        spread = float(problem.y[own].std())
        standardised[own] = (problem.y[own] - problem.y[own].mean()) / (spread or 1.0)
    result = _search(replace(problem, y=standardised).rows(some), plan, budget.share(_SECOND_SHARE), rng)
    forms = [replace(one, expression=_affine(one.expression)) for one in result.candidates]
    yield replace(result, candidates=tuple(forms))


def _search(problem: Problem, plan: Plan, budget: Budget, rng: np.random.Generator) -> SearchResult:
    """A search in comfortable units, its formulas over the columns as they are."""
    table = Table(problem.names, problem.X)
    scaling = Scaling.fit(table, problem.y, keep_between=_COMFORTABLE)
    inner = replace(problem, X=scaling.scale_table(table).values, y=scaling.scale_target(problem.y))
    result = search(inner, plan.engines, budget=budget, rng=rng, monitor=plan.monitor)
    outer = [replace(one, expression=canonical(scaling.to_original(one.expression))) for one in result.candidates]
    return replace(result, candidates=tuple(outer))


def _affine(expression: Expression) -> Expression:
    """The form with a constant before each of its terms, and one beside them."""
    terms = expression.args if expression.kind == "apply" and expression.op.name == "add" else (expression,)
    varying = [term for term in terms if term.variables]
    # Not 1.0, which the canonical form would leave out.
    return canonical(plain_sum([*[constant(1.5) * term for term in varying], constant(0.5)]))


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
        found = [fit_jointly(level, (), train), level]
        wanted: dict[Expression, Expression] = {}
        for form in forms:
            for variant in (canonical(form), _affine(form)):
                if variant.variables and variant.complexity <= self.problem.max_complexity:
                    wanted.setdefault(variant.with_constants(np.arange(variant.n_constants) + 2.5), variant)
        each: list[GroupFit] = []
        for form in list(wanted.values())[:_MOST_FORMS]:
            if budget.expired() and each:
                break
            fit = fit_each(form, train)
            if np.isfinite(fit.loss):
                each.append(fit)
        each.sort(key=lambda one: self.length(one, train))
        for place, fit in enumerate(each):
            if place < _MOST_SHARED and (place == 0 or not budget.expired()):
                found += self.sharing(fit, train, budget)
            else:
                found.append(fit)
        return found

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
            best = min(tried, key=lambda other: self.length(other, groups))
            if self.length(best, groups) > self.length(fit, groups):
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
                if self.length(trial, groups) < self.length(fit, groups):
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
        last = fit_jointly(measured(fit.expression, fit.own, fit.constants, everything), fit.own, everything, rounded)
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
