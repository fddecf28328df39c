"""Forms of a law for grouped data: where they come from, and what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from closedform.constraints.bound import bind, check_together
from closedform.constraints.probes import Shape
from closedform.engines.base import Budget, FloatArray, Problem, Requirement
from closedform.estimators.fitting import MOST_ROWS, guided, outside_monitor, units_of
from closedform.estimators.plan import Plan
from closedform.estimators.search_units import SearchUnits
from closedform.exceptions import InputError, Status
from closedform.guided.form import read_form
from closedform.preprocessing import TrainingData
from closedform.search import Monitor, Progress, SearchResult, search
from closedform.symbolic.canonical import canonical
from closedform.symbolic.expression import Expression, Number, apply, constant, plain_sum
from closedform.units.rules import UnitRules

# Shares of the time for the two searches; the rest is for the joint fits.
_FIRST_SHARE, _SECOND_SHARE = 0.4, 0.5
_FEWEST_ROWS = 8


def grouped_problem(data: TrainingData, weight: FloatArray, plan: Plan) -> Problem:
    """The problem of all rows, with what every formula has to keep to in each group.

    Parameters
    ----------
    data : TrainingData
        Checked data.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    plan : Plan
        Checked settings.

    Raises
    ------
    InputError
        If a constraint speaks of a column that is not there, or a constant of the form stands at several places.
    """
    table = data.varying
    check_together(plan.constraints, data.table.names)
    if plan.form is not None:
        repeated = read_form(plan.form, table.names, data.constant_values).repeated
        if repeated:
            raise InputError(
                f"form {plan.form!r}: the constant {repeated[0]!r} stands at several places, which is not supported "
                "with groups; rewrite the form so that it stands at one."
            )
    rules = _unit_rules(plan, data, table.names)
    units = replace(SearchUnits.of(table, data.y), extreme=False)
    return units.outer(table, data.y, weight, replace(plan, requirements=rules), None)


def _unit_rules(plan: Plan, data: TrainingData, names: Sequence[str]) -> tuple[UnitRules, ...]:
    texts = units_of(plan, data)
    # Who writes down a form knows what units its constants have.
    if not texts or plan.form is not None:
        return ()
    # What differs between groups, such as a stiffness or a rate, is measured in something.
    return (replace(UnitRules.of(texts, names, data.target_name), free_constants=True),)


def searches(
    data: TrainingData,
    problem: Problem,
    codes: NDArray[np.intp],
    train: NDArray[np.intp],
    plan: Plan,
    budget: Budget,
) -> Iterator[SearchResult]:
    """The search in the largest group, then the one over all groups; none follows an interruption.

    Parameters
    ----------
    data : TrainingData
        Checked data.
    problem : Problem
        All rows.
    codes : ndarray of shape (n_rows,)
        Which group each row belongs to.
    train : ndarray of int
        Rows that may be used.
    plan : Plan
        Checked settings.
    budget : Budget
        Time for everything, of which the searches leave some.
    """
    sizes = np.bincount(codes[train])
    largest = train[codes[train] == int(np.argmax(sizes))]
    rng = np.random.default_rng([plan.seed, 1, plan.n_searches])
    monitor = plan.monitor
    # A form holds in each group, and not for what is left of the target when groups are made alike.
    alone = plan.form is not None
    if len(largest) >= _FEWEST_ROWS or alone:
        units = SearchUnits.of_problem(problem)
        told = guided(plan, data, data.varying, data.y, units)
        share = budget.share(_FIRST_SHARE + (_SECOND_SHARE * (1 - _FIRST_SHARE) if alone else 0.0))
        result = _search(problem.rows(largest[:MOST_ROWS]), told, units, share, rng)
        yield result
        if result.status is Status.INTERRUPTED or alone:
            return
        monitor = None if monitor is None else _with_others(monitor, result)
    alike = _alike(problem, codes, train, plan, rng)
    result = _search(
        alike, replace(plan, monitor=monitor), SearchUnits.of_problem(alike), budget.share(_SECOND_SHARE), rng
    )
    forms = [replace(one, expression=affine(one.expression)) for one in result.candidates]
    yield replace(result, candidates=tuple(forms))


def _alike(
    problem: Problem, codes: NDArray[np.intp], train: NDArray[np.intp], plan: Plan, rng: np.random.Generator
) -> Problem:
    """Rows of all groups with the target standardised in each: it has no unit, and no bounds that a user knows of."""
    some = train if len(train) <= MOST_ROWS else np.sort(rng.choice(train, MOST_ROWS, replace=False))
    standardised = problem.y.copy()
    for code in np.unique(codes[some]):
        own = some[codes[some] == code]
        spread = float(problem.y[own].std())
        standardised[own] = (problem.y[own] - problem.y[own].mean()) / (spread or 1.0)
    of_form = [one for one in plan.constraints if not isinstance(one, Shape)]
    rules = [replace(one, target=None) for one in problem.requirements if isinstance(one, UnitRules)]
    requirements: tuple[Requirement, ...] = (*bind(of_form, problem.columns, standardised), *rules)
    return replace(problem, y=standardised, requirements=requirements).rows(some)


def _with_others(monitor: Monitor, earlier: SearchResult) -> Monitor:
    """A monitor that is told about the formulas of an earlier search as well."""

    def told(progress: Progress) -> None:
        front = sorted((*earlier.candidates, *progress.front), key=lambda one: one.complexity)
        monitor(replace(progress, front=tuple(front)))

    return told


def _search(problem: Problem, plan: Plan, units: SearchUnits, budget: Budget, rng: np.random.Generator) -> SearchResult:
    """A search in comfortable units, its formulas over the columns as they are."""
    monitor = None if plan.monitor is None else outside_monitor(plan.monitor, units)
    result = search(units.inner(problem), plan.engines, budget=budget, rng=rng, monitor=monitor)
    outer = [replace(one, expression=canonical(units.outwards(one.expression))) for one in result.candidates]
    return replace(result, candidates=tuple(outer))


def affine(expression: Expression, offset: bool = True) -> Expression:
    """The form with a constant before each of its terms, and one beside them unless that is not wanted."""
    terms = expression.args if expression.kind == "apply" and expression.op.name == "add" else (expression,)
    # Not 1.0, which the canonical form would leave out.
    scaled = [constant(1.5) * term for term in terms if term.variables]
    return canonical(plain_sum([*scaled, constant(0.5)] if offset else scaled))


def freed(expression: Expression, written: frozenset[Number] = frozenset()) -> Expression:
    """The form with its simple numbers free: what is 3/8 in one group need not be so in the next.

    Parameters
    ----------
    expression : Expression
        As it was found, with numbers rounded to those of one group.
    written : frozenset of int and Fraction
        Numbers that are part of the form. So are exponents, and 1 and -1.
    """

    def step(node: Expression, args: tuple[Expression, ...]) -> Expression:
        if node.kind != "apply":
            return node
        fixed = args[1:] if node.op.name == "pow" else ()
        free = [_free(one, written) for one in args[: len(args) - len(fixed)]]
        return apply(node.op.name, *free, *fixed)

    return canonical(expression.fold(step))


def _free(node: Expression, written: frozenset[Number]) -> Expression:
    given = node.kind != "constant" or isinstance(node.value, float) or abs(node.value) == 1 or node.value in written
    return node if given else constant(float(node.value))


def _written(plan: Plan, problem: Problem) -> frozenset[Number]:
    """The numbers that stand in the form that the user gave."""
    if plan.form is None:
        return frozenset()
    nodes = read_form(plan.form, problem.names).expression.canonical().walk()
    return frozenset(node.value for node in nodes if node.kind == "constant")


def variants(forms: Sequence[Expression], problem: Problem, plan: Plan) -> list[Expression]:
    """The forms that are fitted to all groups: as they are, with free numbers, with constants before their terms.

    Parameters
    ----------
    forms : sequence of Expression
        As they were found.
    problem : Problem
        Says what is admitted.
    plan : Plan
        Says whether the form is given, so that no constants may be added.
    """
    written = _written(plan, problem)
    wanted: dict[Expression, Expression] = {}
    for form in forms:
        versions = [canonical(form), freed(form, written)]
        if plan.form is None:
            versions += [affine(versions[1], offset=False), affine(versions[1])]
        for variant in versions:
            small = variant.variables and variant.complexity <= problem.max_complexity
            if small and problem.admits_form(variant):
                wanted.setdefault(variant.with_constants(np.arange(variant.n_constants) + 2.5), variant)
    return list(wanted.values())
