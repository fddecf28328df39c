"""The search for a law whose form is known, wholly or in part.

Free constants and unknown functions are fitted together first, the functions as polynomials. Then one function after
the other is set apart: on every row, the form is solved for the value that the function must have there, and the
engines look for a formula of these values in the function's own arguments, which is a smaller problem than the whole.
What they find is put back into the form, and all constants are fitted to the target once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from closedform.engines.base import DEFAULT_OPERATORS, Budget, Candidate, Engine, FloatArray, Problem
from closedform.guided.form import Form, argument_names, argument_values, start_values
from closedform.guided.named_fit import NamedFit, fit_form
from closedform.screening.workspace import Workspace
from closedform.symbolic.derivative import derivative
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression
from closedform.symbolic.pareto import Archive
from closedform.symbolic.parse import Call

_ROUNDS = 2
_NEWTON_STEPS = 30
# Rows on which the form hardly depends on the function, relative to the others, say nothing about it.
_FLAT = 1e-8
_FEWEST_ROWS = 8
_SHARE_OF_FIRST_FIT = 0.15


@dataclass(frozen=True, eq=False)
class FormEngine:
    """Formulas of a given form.

    Parameters
    ----------
    form : Form
    engines : tuple of Engine
        Who looks for the unknown functions.
    operators : frozenset of str
        What these functions may contain.
    """

    form: Form
    engines: tuple[Engine, ...]
    operators: frozenset[str] = DEFAULT_OPERATORS

    @property
    def name(self) -> str:
        """Name of the engine."""
        return "form"

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        """Yield formulas as they are found. See :class:`closedform.engines.base.Engine`."""
        del archive
        workspace = Workspace(problem, budget, rng, self.name)
        share = budget.share(_SHARE_OF_FIRST_FIT if self.form.calls else 1.0)
        fits = fit_form(self.form, problem, share, rng)
        if not self.form.calls:
            for fit in fits:
                yield from workspace.judge(start_values(self.form, fit.constants))
            return
        for fit in fits[:1]:
            parts = replace(problem, operators=self.operators, requirements=())
            yield from _Alternation(self.form, self.engines, parts, workspace, budget).run(fit, rng)


@dataclass(frozen=True, eq=False)
class _Alternation:
    """One function after the other, the rest held."""

    form: Form
    engines: tuple[Engine, ...]
    problem: Problem
    workspace: Workspace
    budget: Budget

    def run(self, fit: NamedFit, rng: np.random.Generator) -> Iterator[Candidate]:
        values = dict(fit.functions)
        formulas: dict[str, Expression] = {}
        steps = [call for _ in range(_ROUNDS if len(self.form.calls) > 1 else 1) for call in self.form.calls]
        for position, call in enumerate(steps):
            share = self.budget.share(1 / (len(steps) - position))
            part = self._part(call, fit.constants, values)
            arguments = dict(zip(part.names, call.arguments, strict=True))
            front: Archive[Candidate] = Archive(0.0, part.max_complexity)
            for found in self._found(part, front, share, rng):
                whole = {**formulas, call.name: found.expression.substitute(arguments)}
                if len(whole) == len(self.form.calls):
                    yield from self.workspace.judge(start_values(self.form, fit.constants).substitute(whole))
                if self.workspace.solved:
                    return
            if front:
                formulas[call.name] = front.front[-1].expression.substitute(arguments)
                values[call.name] = _values(formulas[call.name], self.problem)

    def _found(
        self, part: Problem, front: Archive[Candidate], share: Budget, rng: np.random.Generator
    ) -> Iterator[Candidate]:
        """What the engines find about one function and nothing else beats, as soon as it is found."""
        for position, (engine, child) in enumerate(zip(self.engines, rng.spawn(len(self.engines)), strict=True)):
            own = share.share(1 / (len(self.engines) - position))
            for candidate in engine.candidates(part, budget=own, archive=front.front, rng=child):
                if front.add(candidate):
                    yield candidate
                if own.expired():
                    break

    def _part(self, call: Call, constants: Mapping[str, float], values: Mapping[str, FloatArray]) -> Problem:
        """The problem of one function: its arguments, and the values that it must have."""
        problem = self.problem
        held: dict[str, FloatArray] = {**problem.columns, **values}
        held.update({key: np.full(problem.n_samples, value) for key, value in constants.items()})
        target, slope = solved_for(self.form.expression, call.name, held, problem.y)
        largest = float(np.max(np.abs(slope), where=np.isfinite(slope), initial=0.0))
        rows = np.flatnonzero(np.isfinite(target) & np.isfinite(slope) & (np.abs(slope) > _FLAT * largest))
        if len(rows) < _FEWEST_ROWS:
            # The equation has no solution on most rows: noise, or an outer function that flattens out.
            target, slope = values[call.name], np.ones(problem.n_samples)
            rows = np.arange(problem.n_samples)
        # An error of the target is an error of the function divided by the slope.
        weight = slope[rows] ** 2 * (1.0 if problem.sample_weight is None else problem.sample_weight[rows])
        return Problem(
            argument_values(call, problem.columns, problem.n_samples)[rows],
            target[rows],
            argument_names(call),
            None if np.ptp(weight) <= 1e-9 * weight.max() else weight / weight.mean(),
            problem.loss,
            problem.operators,
            problem.max_complexity,
        )


def _values(expression: Expression, problem: Problem) -> FloatArray:
    return np.broadcast_to(evaluate(expression, problem.columns), (problem.n_samples,))


def solved_for(
    expression: Expression, name: str, values: Mapping[str, FloatArray], y: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Solve a formula, row by row, for the variable that makes it equal to a target, by Newton's method.

    Parameters
    ----------
    expression : Expression
    name : str
        The variable.
    values : mapping of str to ndarray of shape (n_rows,)
        Values of all variables, and of the one in question to start from.
    y : ndarray of shape (n_rows,)
        The target.

    Returns
    -------
    solution : ndarray of shape (n_rows,)
        NaN where none was found.
    slope : ndarray of shape (n_rows,)
        Of the formula in the variable, there.
    """
    slope_of = derivative(expression, name).canonical()
    held = dict(values)
    best = np.array(values[name], dtype=np.float64)
    held[name] = best
    gap = y - evaluate(expression, held)
    step = np.ones(len(y))
    for _ in range(_NEWTON_STEPS):
        slope = evaluate(slope_of, held)
        with np.errstate(all="ignore"):
            trial = best + step * gap / slope
        held[name] = np.where(np.isfinite(trial), trial, best)
        reached = y - evaluate(expression, held)
        better = np.abs(reached) < np.abs(gap)
        best, gap = np.where(better, held[name], best), np.where(better, reached, gap)
        # Where a step did not help, a shorter one may.
        step = np.where(better, 1.0, step / 4.0)
        held[name] = best
        if not better.any() and step.max() < 1e-3:
            break
    scale = np.abs(y) + float(np.std(y))
    return np.where(np.abs(gap) <= 1e-9 * scale, best, np.nan), evaluate(slope_of, held)
