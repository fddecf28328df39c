"""Constants rounded all at once, in the spelling of the formula that makes them shortest; for data with noise."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from closedform.symbolic._joint_rounding import free_length, joint_roundings
from closedform.symbolic._snap_search import Judge, State, rounded
from closedform.symbolic._spellings import spellings
from closedform.symbolic.expression import Expression
from closedform.symbolic.linear_part import Role, added_constants, constant_roles
from closedform.symbolic.metrics import number_length, structure_length
from closedform.symbolic.refit import FitData

# Nats that rounding together must save: with the fee for each free constant, all constants of a formula together are
# mistaken for short numbers about as often as a single one is.
_MARGIN, _MARGIN_OF_ALL = 3.0, 1.0
# Another spelling has to be told, and of each spelling this many roundings are tried.
_SPELLING = math.log(2)
_TRIED = 2
# Formulas of more constants are approximations, whose spelling is nobody's.
_MOST_CONSTANTS = 6


def shortest(
    problem: FitData, chain: list[State], noise: float | None, tol_rel: float, respell: bool = True
) -> list[State]:
    """The chain, or one that ends with constants rounded together where that describes formula and data in fewer nats.

    Parameters
    ----------
    problem : FitData
        The rows.
    chain : list of State
        From the formula with all constants fitted to the one with the most constants rounded one by one.
    noise, tol_rel, respell
        As in :func:`closedform.symbolic.snap.snap`.
    """
    start, best = chain[0], chain
    judge = Judge.of(problem, start, noise, tol_rel)
    if judge is None or judge.clean or not start.expression.n_constants:
        return chain
    least = _length(problem, judge, start, chain[-1])
    free = _length(problem, judge, start, start)
    every = _spelled(problem, start) if respell else [(start, 0.0)]
    for state, told in every:
        for after in _rounded_together(problem, judge, state):
            length = _length(problem, judge, start, after) + told
            if length < least and length < free - _margin(after):
                best, least = [start, after], length
    return best


def _spelled(problem: FitData, start: State) -> Iterator[tuple[State, float]]:
    """The formula in each spelling, and what the spelling costs: its name, but not the nodes that it has more."""
    yield start, 0.0
    if start.expression.n_constants > _MOST_CONSTANTS:
        return
    for other in spellings(start.expression):
        state = State.first(problem, problem.fit(other)[0])
        yield state, _SPELLING + structure_length(start.expression) - structure_length(state.expression)


def _rounded_together(problem: FitData, judge: Judge, state: State) -> Iterator[State]:
    """The roundings that the data allow, the most promising first."""
    theta, covariance = np.array(state.expression.constants), problem.covariance(state.expression, judge.sigma)
    if not np.isfinite(covariance).all():
        return
    free = free_length(theta, covariance)
    for rounding in joint_roundings(theta, covariance, _plain(state.expression))[:_TRIED]:
        if free - rounding.length >= _MARGIN_OF_ALL:
            after = rounded(problem, state, rounding.numbers)
            if judge.accepts(judge.start, after):
                yield after


def _plain(expression: Expression) -> list[bool]:
    """Which constants are no scales, but terms of a sum or factors of a whole term: reciprocals are rare there."""
    roles = constant_roles(expression)
    pairs = zip(added_constants(expression), roles, strict=True)
    return [added or role is Role.LINEAR for added, role in pairs]


def _margin(state: State) -> float:
    return _MARGIN if state.expression.n_constants else _MARGIN_OF_ALL


def _length(problem: FitData, judge: Judge, start: State, state: State) -> float:
    """Nats of a formula, its constants, and what it explains less than the first one."""
    finished = state.finished()
    decimals = {float(value) for value in state.decimals}
    fitted = [index for index, value in enumerate(finished.constants) if value not in decimals]
    told = sum(number_length(value) for value in finished.constants if value in decimals)
    length = structure_length(finished) + told + 0.5 * max(judge.rise(start, state), 0.0)
    if not fitted:
        return length
    theta = np.array(state.expression.constants)
    return length + free_length(theta, problem.covariance(state.expression, judge.sigma))
