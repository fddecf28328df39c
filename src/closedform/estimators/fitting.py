"""From checked data to a front of formulas: units, rows, search, finishing, choice, last fit, each within the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from closedform.choice.choose import MOST_ROWS as FEW_ROWS
from closedform.choice.choose import choose_on_held_out_rows
from closedform.constraints.bound import check_together
from closedform.engines.base import Budget, Candidate, Engine, FloatArray, Problem
from closedform.estimators.plan import Found, Plan
from closedform.estimators.search_units import SearchUnits
from closedform.exceptions import InputError, Status
from closedform.finish import Rows, choose_formula, finish, loss_floor, loss_of, refitted, split, squared_error
from closedform.formulas import Formula
from closedform.guided.form import check_form_fits, read_form, read_guess
from closedform.guided.form_engine import FormEngine
from closedform.guided.guess_engine import GuessEngine
from closedform.guided.tied import Tied
from closedform.last_fit import fit_to_all_rows
from closedform.losses import SquaredLoss
from closedform.preprocessing import Table, TrainingData
from closedform.search import Monitor, Progress, SearchResult, search
from closedform.structure.study import Study, study
from closedform.support import better_than_constant, better_than_line, nothing_to_explain
from closedform.symbolic.canonical import canonical
from closedform.symbolic.expression import Expression, constant
from closedform.threads import limited_threads
from closedform.units.rules import UnitRules

MOST_ROWS = 10_000
"""Rows that the engines see; the last fit and the scores use all rows."""

BASELINE = "constant"
"""Name under which the best constant stands on the front."""

# Share by which the loss of a formula may grow when the powers of ten of its units are collected in its constants.
_SLIGHTLY = 1e-6
# Share of the time, and most seconds, that are kept for what follows the search; the choice of few rows takes longer.
_SHARE_TO_FINISH, _SHARE_WITH_FEW_ROWS, _LONGEST_FINISH = 0.1, 0.25, 5.0
# Of what is kept, the share for rounding and simplifying where few rows have to be chosen by.
_SHARE_OF_ROUNDING = 0.5
# Share of the time in which the structure of the law is looked into.
_SHARE_TO_STUDY = 0.1
# Nobody waits longer than this for the finishing of what was found early.
_PATIENCE = 12.0
# The chosen formula gets this much for its last fit even where the search has used up everything.
_LEAST_LAST_FIT = 0.3
# And so much for the choice among few rows.
_LEAST_CHOICE = 0.4


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
    texts = units_of(plan, data)
    check_together(plan.constraints, data.table.names)
    table, y, weight = _rows_that_count(data)
    units = SearchUnits.of(table, y)
    plan = guided(plan, data, table, y, units)
    whole = units.outer(table, y, weight, plan, data.noise)
    rows = split(whole, plan.holdout, MOST_ROWS, np.random.default_rng([plan.seed, 0]))
    learned = _studied(units.inner(whole.rows(rows.search)), texts, data.target_name, budget)
    # Who writes down a form knows what units its constants have.
    if learned.rules is not None and plan.form is None:
        whole = replace(whole, requirements=(*whole.requirements, learned.rules))
    plan = replace(plan, engines=tuple(_informed(engine, learned) for engine in plan.engines))
    result = _searched(units, whole.rows(rows.search), plan, budget, start)
    formulas, interrupted = _finished(result.candidates, whole, rows, budget)
    if not formulas:
        raise nothing_admitted(budget)
    chosen = choose_formula(formulas, whole, rows, plan.rule)
    if chosen >= len(formulas):
        raise InputError("model_selection must return one of the formulas that it was given.")
    interrupted |= result.status is Status.INTERRUPTED
    if not interrupted:
        formulas, chosen, interrupted = _chosen_again(formulas, chosen, whole, rows, plan, budget)
    chosen, support = _supported(formulas, chosen, whole, rows, plan)
    formulas, interrupted_again = _last_fit(formulas, chosen, whole, budget)
    status = _ending(result.status, formulas, interrupted or interrupted_again)
    if support is not None and status in (Status.EXHAUSTED, Status.TIME_LIMIT, Status.SETTLED):
        status = support
    originals = tuple(units.to_original(_with_chi2(formula, whole)) for formula in formulas)
    return Found(originals, chosen, status, result.failures, texts, learned.insights)


def units_of(plan: Plan, data: TrainingData) -> dict[str, str]:
    """The units of the columns and of this one output."""
    return {name: unit for name, unit in plan.units.items() if name in (*data.table.names, data.target_name)}


def nothing_admitted(budget: Budget) -> InputError:
    """The error where constraints leave nothing."""
    return InputError(
        f"no formula that keeps to the constraints was found in {budget.elapsed():.0f} s, and no constant does: "
        "relax one of the constraints (units are constraints too), or allow more time."
    )


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


def _informed(engine: Engine, learned: Study) -> Engine:
    """An engine that lives off the structure of a problem with what has been found out about it; others as they are."""
    informed: Callable[[Study], Engine] | None = getattr(engine, "informed", None)
    return engine if informed is None else informed(learned)


def _ending(status: Status, formulas: Sequence[Formula], interrupted: bool) -> Status:
    """How a fit ended: what the search took for a law on its rows need not be one on all of them."""
    if interrupted:
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


# --- search -----------------------------------------------------------------------------------------------------------


def guided(plan: Plan, data: TrainingData, table: Table, y: FloatArray, units: SearchUnits) -> Plan:
    """The plan with the engines that what the user knows about the law asks for."""
    names = table.names
    if plan.form is None and not plan.guesses:
        return plan
    if plan.form is not None:
        form = read_form(plan.form, names, data.constant_values)
        check_form_fits(plan.form, form, plan.constraints, plan.max_complexity)
        engine = FormEngine(form.rescaled(units.backwards), plan.engines, plan.operators)
        tied = (Tied.of(form, table.columns, y),) if form.repeated else ()
        # Whoever writes an operator into the form allows it there.
        return replace(plan, engines=(engine,), operators=plan.operators | form.operators, requirements=tied)
    guesses = tuple(units.inwards(read_guess(one, names, data.constant_values, plan.operators)) for one in plan.guesses)
    return replace(plan, engines=(GuessEngine(guesses), *plan.engines))


def _searched(
    units: SearchUnits, problem: Problem, plan: Plan, budget: Budget, start: Sequence[Expression]
) -> SearchResult:
    """Candidates in the units in which losses are reported; the best constant is always among them."""
    baseline = _admitted([_best_constant(problem)], problem, BASELINE)
    if any(one.loss <= loss_floor(problem) for one in baseline):
        return SearchResult(tuple(baseline), Status.CONVERGED, budget.elapsed())
    if not problem.n_features:
        return SearchResult(tuple(baseline), Status.FAILED, budget.elapsed())
    inner = units.inner(problem)
    share = _SHARE_WITH_FEW_ROWS if problem.n_samples <= FEW_ROWS else _SHARE_TO_FINISH
    known = _admitted([_best_constant(inner)], inner, BASELINE)
    known += _admitted([refitted(units.inwards(one), inner) for one in start], inner, "warm start")
    result = search(
        inner,
        plan.engines,
        budget=Budget(max(0.0, budget.remaining() - min(share * budget.max_time, _LONGEST_FINISH))),
        rng=np.random.default_rng([plan.seed, 1, plan.n_searches]),
        start=known,
        monitor=None if plan.monitor is None else outside_monitor(plan.monitor, units),
        n_jobs=plan.n_jobs or 1,
    )
    outer = [_outer_candidate(candidate, units, problem) for candidate in result.candidates]
    return replace(result, candidates=(*baseline, *outer))


def _outer_candidate(candidate: Candidate, units: SearchUnits, problem: Problem) -> Candidate:
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
    return refitted(constant(float(np.median(problem.y))), problem)


def outside_monitor(monitor: Monitor, units: SearchUnits) -> Monitor:
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
        share = _SHARE_OF_ROUNDING if len(rows.train) <= FEW_ROWS else 1.0
        return finish(candidates, whole, rows, Budget(min(share * budget.remaining(), _PATIENCE))), False
    except KeyboardInterrupt:
        return finish(candidates, whole, rows, Budget(0.0)), True


def _chosen_again(
    formulas: list[Formula], chosen: int, whole: Problem, rows: Rows, plan: Plan, budget: Budget
) -> tuple[list[Formula], int, bool]:
    """The front and the choice as few rows make them, and whether Ctrl-C cut it short; with a form nothing is added."""
    if plan.rule != "mdl" or plan.form is not None:
        return formulas, chosen, False
    try:
        limit = Budget(min(max(budget.remaining(), _LEAST_CHOICE), _PATIENCE))
        # Whoever names one engine wants the formulas of that one; short forms are what the screen begins with.
        propose = any(engine.name == "screen" for engine in plan.engines)
        return *choose_on_held_out_rows(formulas, chosen, whole, rows, limit, propose=propose), False
    except KeyboardInterrupt:
        return formulas, chosen, True


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
