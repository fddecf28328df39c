"""From checked data to a front of formulas: units, rows, search, finishing, choice, last fit, each within the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from closedform.constraints.base import Constraint
from closedform.constraints.bound import bind, check_together
from closedform.constraints.units import InOtherUnits
from closedform.engines.base import Budget, Candidate, Engine, FloatArray, Problem, Requirement
from closedform.exceptions import InputError, Status
from closedform.finish import Rows, choose_formula, finish, loss_floor, loss_of, split, squared_error
from closedform.formulas import Formula
from closedform.guided.form import check_form_fits, read_form, read_guess
from closedform.guided.form_engine import FormEngine
from closedform.guided.guess_engine import GuessEngine
from closedform.guided.tied import Tied
from closedform.insights import Insight
from closedform.last_fit import fit_to_all_rows
from closedform.losses import Loss, SquaredLoss
from closedform.preprocessing import Scaling, Table, TrainingData, extreme_columns
from closedform.preprocessing.checks import largest_magnitudes
from closedform.search import Monitor, Progress, SearchResult, search
from closedform.structure.study import Study, study
from closedform.support import better_than_constant, better_than_line, nothing_to_explain
from closedform.symbolic.canonical import canonical
from closedform.symbolic.expression import Expression, constant
from closedform.symbolic.pareto import Rule
from closedform.symbolic.refit import refit
from closedform.threads import limited_threads
from closedform.units.rules import UnitRules

MOST_ROWS = 10_000
"""Rows that the engines see; the last fit and the scores use all rows."""

BASELINE = "constant"
"""Name under which the best constant stands on the front."""

# Columns and targets within these magnitudes are searched in their own units.
_COMFORTABLE = (1e-6, 1e6)
_SLIGHTLY = 1e-6
# Share of the time, and most seconds, that are kept for what follows the search.
_SHARE_TO_FINISH, _LONGEST_FINISH = 0.1, 5.0
# Share of the time in which the structure of the law is looked into.
_SHARE_TO_STUDY = 0.1
# Nobody waits longer than this for the finishing of what was found early.
_PATIENCE = 12.0
# The chosen formula gets this much for its last fit even where the search has used up everything.
_LEAST_LAST_FIT = 0.3


@dataclass(frozen=True)
class Plan:
    """Checked settings of a fit.

    Parameters
    ----------
    engines : tuple of Engine
        In the order in which they run.
    loss : Loss
        What is minimised.
    operators : frozenset of str
        What a formula may contain.
    max_complexity : int
        Largest formula.
    holdout : float
        Share of the rows that nobody looks at until the scores are reported.
    rule : str or callable
        How one formula of the front is chosen.
    seed : int
        Draws the rows and the random numbers of the search.
    n_searches : int
        How many searches came before on the same data: the rows stay the same, the draws of the search do not.
    monitor : callable, optional
        Told about progress.
    n_jobs : int, optional
        Processors that may be used. None: one engine at a time, and numerical libraries as they are.
    units : mapping of str to str, optional
        Units of columns and targets, checked.
    constraints : tuple of Constraint
        What every formula has to keep to.
    form : str, optional
        The form that the law has.
    guesses : tuple of str or Expression
        Formulas to start from.
    requirements : tuple of Requirement
        What else is asked of formulas, in the table's own units.
    """

    engines: tuple[Engine, ...]
    loss: Loss
    operators: frozenset[str]
    max_complexity: int
    holdout: float
    rule: Rule | Callable[[Sequence[Any]], Any]
    seed: int
    n_searches: int = 0
    monitor: Monitor | None = None
    n_jobs: int | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    form: str | None = None
    guesses: tuple[str | Expression, ...] = ()
    requirements: tuple[Requirement, ...] = ()

    @property
    def n_threads(self) -> int | None:
        """Threads that numerical libraries may use; None leaves them as they are."""
        # As many engines as may work at a time share the processors.
        return None if self.n_jobs is None else max(1, self.n_jobs // len(self.engines))


@dataclass(frozen=True)
class Found:
    """A front of formulas over the original columns, the chosen one, how the search ended, and what was learned."""

    formulas: tuple[Formula, ...]
    chosen: int
    status: Status
    failures: dict[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    insights: tuple[Insight, ...] = ()


def find_formulas(data: TrainingData, plan: Plan, budget: Budget, start: Sequence[Expression] = ()) -> Found:
    """Search, finish, choose, and fit the constants to all rows.

    Parameters
    ----------
    data : TrainingData
        Checked data.
    plan : Plan
        Checked settings.
    budget : Budget
        Time for everything, the checks that came before included.
    start : sequence of Expression
        What an earlier fit found, over the original columns.

    Returns
    -------
    Found
        At least the best constant is on the front. Ctrl-C ends the search, or the finishing, with what there is.
    """
    with limited_threads(plan.n_threads):
        return _found(data, plan, budget, start)


def _found(data: TrainingData, plan: Plan, budget: Budget, start: Sequence[Expression]) -> Found:
    texts = {name: unit for name, unit in plan.units.items() if name in (*data.table.names, data.target_name)}
    check_together(plan.constraints, data.table.names)
    table, y, weight = _rows_that_count(data)
    units = _Units.of(table, y)
    plan = _guided(plan, data, table, y, units)
    whole = units.outer(table, y, weight, plan, data.noise)
    rows = split(whole, plan.holdout, MOST_ROWS, np.random.default_rng([plan.seed, 0]))
    learned = _studied(units.inner(whole.rows(rows.search)), texts, data.target_name, budget)
    # Who writes down a form knows what units its constants have.
    if learned.rules is not None and plan.form is None:
        whole = replace(whole, requirements=(*whole.requirements, learned.rules))
    result = _searched(units, whole.rows(rows.search), plan, budget, start)
    formulas, interrupted = _finished(result.candidates, whole, rows, budget)
    if not formulas:
        raise InputError(
            f"no formula that keeps to the constraints was found in {budget.elapsed():.0f} s, and no constant does: "
            "relax one of the constraints (units are constraints too), or allow more time."
        )
    chosen = choose_formula(formulas, whole, rows, plan.rule)
    if chosen >= len(formulas):
        raise InputError("model_selection must return one of the formulas that it was given.")
    chosen, support = _supported(formulas, chosen, whole, rows, plan)
    formulas, interrupted_again = _last_fit(formulas, chosen, whole, budget)
    status = _ending(result.status, formulas, interrupted or interrupted_again)
    if support is not None and status in (Status.EXHAUSTED, Status.TIME_LIMIT):
        status = support
    originals = tuple(units.to_original(_with_chi2(formula, whole)) for formula in formulas)
    return Found(originals, chosen, status, result.failures, texts, learned.insights)


def _supported(
    formulas: Sequence[Formula], chosen: int, whole: Problem, rows: Rows, plan: Plan
) -> tuple[int, Status | None]:
    """The choice, and what has to be said about it where the data do not support more than a constant or a line.

    Held-out rows have one say: where a formula does no better on them than the constant, the constant is chosen.
    """
    expression = formulas[chosen].expression
    if formulas[chosen].exact:
        return chosen, None
    constants = [position for position, one in enumerate(formulas) if not one.expression.variables]
    if expression.variables and plan.rule == "mdl" and constants:
        chosen = chosen if better_than_constant(expression, whole, rows) else constants[0]
    if not formulas[chosen].expression.variables:
        return chosen, Status.CONSTANT if nothing_to_explain(whole, rows) else None
    return chosen, None if better_than_line(expression, whole, rows) else Status.LINE


def _with_chi2(formula: Formula, whole: Problem) -> Formula:
    """The formula with the sum of its squared residuals over their errors, where errors are known."""
    left = whole.n_samples - formula.expression.n_constants
    if whole.sigma is None or left <= 0:
        return formula
    ratio = squared_error(formula.expression, whole) / whole.sigma / whole.sigma
    return replace(formula, chi2=ratio * whole.n_samples / left)


def _studied(problem: Problem, units: Mapping[str, str], target: str, budget: Budget) -> Study:
    """What the rows of the search tell about the structure of the law."""
    rules = UnitRules.of(units, problem.names, target) if units else None
    share = budget.share(_SHARE_TO_STUDY)
    return study(
        problem.names, problem.X, problem.y, problem.sample_weight, rules=rules, target=target, expired=share.expired
    )


def _ending(status: Status, formulas: Sequence[Formula], interrupted: bool) -> Status:
    """How a fit ended: what the search took for a law on its rows need not be one on all of them."""
    if interrupted or status is Status.INTERRUPTED:
        return Status.INTERRUPTED
    if any(formula.exact for formula in formulas):
        return Status.CONVERGED
    # A constant target needs no law.
    varying = any(formula.expression.variables for formula in formulas)
    return Status.EXHAUSTED if status is Status.CONVERGED and varying else status


def _rows_that_count(data: TrainingData) -> tuple[Table, FloatArray, FloatArray | None]:
    """The columns that vary, the target and the weights, without rows of weight zero."""
    nameless = [position for position, name in enumerate(data.table.names, start=1) if not name]
    if nameless:
        raise InputError(f"column {nameless[0]} of X has an empty name: a variable of a formula needs one.")
    weight = data.sample_weight
    if weight is None or (weight > 0).all():
        return data.varying, data.y, weight
    rows = np.flatnonzero(weight > 0)
    if len(rows) < 2:
        raise InputError("sample_weight leaves 1 row with a positive weight; a formula needs at least 2 rows.")
    return data.varying.take(rows), data.y[rows], weight[rows]


# --- units ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Units:
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
    def of(cls, table: Table, y: FloatArray) -> _Units:
        magnitudes = np.append(largest_magnitudes(table.values), np.abs(y).max())
        names = (*table.names, "")
        return cls(Scaling.fit(table, y, keep_between=_COMFORTABLE), bool(extreme_columns(names, magnitudes)))

    def outer(self, table: Table, y: FloatArray, weight: FloatArray | None, plan: Plan, noise: float | None) -> Problem:
        """The problem of all rows, in the units in which losses are reported."""
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


# --- search -----------------------------------------------------------------------------------------------------------


def _guided(plan: Plan, data: TrainingData, table: Table, y: FloatArray, units: _Units) -> Plan:
    """The plan with the engines that what the user knows about the law asks for."""
    names = table.names
    if plan.form is None and not plan.guesses:
        return plan
    constant_columns = {name: float(data.table.columns[name][0]) for name in data.table.names if name not in names}
    if plan.form is not None:
        form = read_form(plan.form, names, constant_columns)
        check_form_fits(plan.form, form, plan.constraints, plan.max_complexity)
        engine = FormEngine(form.rescaled(units.backwards), plan.engines, plan.operators)
        tied = (Tied.of(form, table.columns, y),) if form.repeated else ()
        # Whoever writes an operator into the form allows it there.
        return replace(plan, engines=(engine,), operators=plan.operators | form.operators, requirements=tied)
    guesses = tuple(units.inwards(read_guess(one, names, constant_columns, plan.operators)) for one in plan.guesses)
    return replace(plan, engines=(GuessEngine(guesses), *plan.engines))


def _searched(units: _Units, problem: Problem, plan: Plan, budget: Budget, start: Sequence[Expression]) -> SearchResult:
    """Candidates in the units in which losses are reported; the best constant is always among them."""
    baseline = _admitted([_best_constant(problem)], problem, BASELINE)
    if any(one.loss <= loss_floor(problem) for one in baseline):
        return SearchResult(tuple(baseline), Status.CONVERGED, budget.elapsed())
    if not problem.n_features:
        return SearchResult(tuple(baseline), Status.FAILED, budget.elapsed())
    inner = units.inner(problem)
    known = _admitted([_best_constant(inner)], inner, BASELINE)
    known += _admitted([_refitted(units.inwards(one), inner) for one in start], inner, "warm start")
    result = search(
        inner,
        plan.engines,
        budget=Budget(max(0.0, budget.remaining() - min(_SHARE_TO_FINISH * budget.max_time, _LONGEST_FINISH))),
        rng=np.random.default_rng([plan.seed, 1, plan.n_searches]),
        start=known,
        monitor=None if plan.monitor is None else _outside_monitor(plan.monitor, units),
        n_jobs=plan.n_jobs or 1,
    )
    outer = [_outer_candidate(candidate, units, problem) for candidate in result.candidates]
    return replace(result, candidates=(*baseline, *outer))


def _outer_candidate(candidate: Candidate, units: _Units, problem: Problem) -> Candidate:
    expression = units.outwards(candidate.expression)
    if expression is candidate.expression:
        return candidate
    loss, simpler = loss_of(expression, problem), canonical(expression)
    # High powers of units may leave float64 when they are collected in one number.
    if loss_of(simpler, problem) <= (1 + _SLIGHTLY) * loss:
        expression = simpler
    return replace(candidate, expression=expression, loss=loss_of(expression, problem))


def _candidate(expression: Expression, problem: Problem, engine: str) -> Candidate:
    return Candidate(expression, loss_of(expression, problem), expression.complexity, engine, 0.0)


def _admitted(expressions: Iterable[Expression], problem: Problem, engine: str) -> list[Candidate]:
    """Those that the problem admits, if need be with other constants."""
    admitted = (problem.admitted(one) for one in expressions)
    return [_candidate(one, problem, engine) for one in admitted if one is not None]


def _best_constant(problem: Problem) -> Expression:
    if isinstance(problem.loss, SquaredLoss):
        return constant(float(np.average(problem.y, weights=problem.sample_weight)))
    return _refitted(constant(float(np.median(problem.y))), problem)


def _refitted(expression: Expression, problem: Problem) -> Expression:
    return refit(expression, problem.columns, problem.y, weights=problem.sample_weight, loss=problem.loss).expression


def _outside_monitor(monitor: Monitor, units: _Units) -> Monitor:
    """Tell the monitor about formulas over the table's own columns."""
    if units.scaling.is_identity:
        return monitor

    def told(progress: Progress) -> None:
        front = [
            replace(one, expression=canonical(units.scaling.to_original(one.expression))) for one in progress.front
        ]
        monitor(replace(progress, front=tuple(front)))

    return told


# --- after the search -------------------------------------------------------------------------------------------------


def _finished(
    candidates: Sequence[Candidate], whole: Problem, rows: Rows, budget: Budget
) -> tuple[list[Formula], bool]:
    """The front, and whether Ctrl-C cut its finishing short; then the candidates are scored as they are."""
    try:
        return finish(candidates, whole, rows, Budget(min(budget.remaining(), _PATIENCE))), False
    except KeyboardInterrupt:
        return finish(candidates, whole, rows, Budget(0.0)), True


def _last_fit(formulas: list[Formula], chosen: int, whole: Problem, budget: Budget) -> tuple[list[Formula], bool]:
    """All formulas with constants from all rows, the chosen one first, as far as time allows."""
    fitted = list(formulas)
    order = sorted(range(len(formulas)), key=lambda position: position != chosen)
    try:
        for position in order:
            time_left = max(budget.remaining(), _LEAST_LAST_FIT if position == chosen else 0.0)
            fitted[position] = fit_to_all_rows(formulas[position], whole, Budget(time_left))
    except KeyboardInterrupt:
        return fitted, True
    return fitted, False
