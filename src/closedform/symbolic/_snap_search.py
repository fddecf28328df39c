"""The search behind :func:`closedform.symbolic.snap.snap`: which constants to round, and what the data allow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from closedform.losses import SquaredLoss
from closedform.symbolic._simple_numbers import SimpleNumber, simple_numbers
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.linear_part import Role, constant_roles, replace_constants
from closedform.symbolic.metrics import (
    description_length,
    free_constant_length,
    rmse,
    rounding_error,
    structure_length,
    target_scale,
)
from closedform.symbolic.refit import FitData

FloatArray = NDArray[np.float64]

# Standard errors that a number may lie away from the constant; more for 0, as a term less is worth more than a
# number that is easier to read, and the description length has the last word.
_REACH, _REACH_OF_ZERO = 2.8, 3.0
# Nats by which the description must become shorter; below that, chance is a good enough explanation.
# With noise 2 to 15 % of arbitrary constants are mistaken for simple ones, most at exponents, where simple ones are the
# rule; half a nat more halves that and costs the recognition of an integer half a decade of precision.
_MARGIN_CLEAN = 6.0
_MARGIN_NOISY = {Role.EXPONENT: 0.5, Role.INNER: 1.0, Role.LINEAR: 1.5}
# All constants of a formula simple at once is a coincidence that says more than each of them alone.
_MARGIN_TOGETHER = 1.5
# Without noise: how far the error may rise.
_RISE = 3.0
# An error that falls to this fraction says that the constants before were not the best ones: judge again from there.
_COLLAPSE = 0.5
# Simple numbers considered for one constant, and undetermined constants for one formula.
_MOST_NUMBERS = 6
_MOST_LOOSE = 4
# Steps of the refit after a constant is rounded; it starts close to its end.
_MOST_STEPS = 50


# --- states of the search ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class State:
    """A formula on the way: decimals are exact fractions while the others are fitted.

    `ids` says which of the first formula's constants the free ones are; constants that vanished are gone.
    """

    expression: Expression
    ids: tuple[int, ...]
    values: FloatArray
    decimals: frozenset[Fraction] = frozenset()
    n_snapped: int = 0

    @classmethod
    def first(cls, problem: FitData, expression: Expression) -> State:
        """A formula with nothing rounded yet."""
        return cls(expression, tuple(range(expression.n_constants)), problem.values(expression))

    def finished(self) -> Expression:
        """The formula with its decimals written as floats."""
        if not self.decimals:
            return self.expression

        def spell(node: Expression, args: tuple[Expression, ...]) -> Expression:
            if node.kind == "constant" and node.value in self.decimals and not isinstance(node.value, float):
                return constant(float(node.value))
            return apply(node.op, *args) if args else node

        return self.expression.fold(spell)


def rounded(problem: FitData, state: State, numbers: Mapping[int, SimpleNumber]) -> State:
    """The formula with some constants rounded and the others fitted again."""
    expression, kept = replace_constants(state.expression, {index: one.expression for index, one in numbers.items()})
    expression, values, _ = problem.fit(expression, max_iter=_MOST_STEPS)
    decimals = state.decimals.union(*[_fractions(number) for number in numbers.values() if number.decimal])
    ids = tuple([state.ids[index] for index in kept])
    return State(expression, ids, values, decimals, state.n_snapped + len(numbers))


def on_other_rows(problem: FitData, state: State) -> State:
    """The same formula with its free constants fitted to other rows."""
    expression, values, _ = problem.fit(state.expression)
    return replace(state, expression=expression, values=values)


# --- what the data allow ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Judge:
    """What the data allow, from the fit with all constants free.

    Attributes
    ----------
    clean : bool
        Whether the data count as free of noise.
    sigma : float
        Standard deviation of noise or rounding, in the units of y.
    limit : float
        Without noise: the largest root mean squared error that is still rounding.
    """

    problem: FitData
    start: State
    clean: bool
    sigma: float
    limit: float

    @classmethod
    def of(cls, problem: FitData, start: State, noise: float | None, tol_rel: float) -> Judge | None:
        """None where nothing can be said: an undefined formula, or as many constants as rows."""
        y, weights = problem.data.y, problem.data.weights
        error = rmse(y, start.values, weights)
        left = problem.n_rows - start.expression.n_constants
        if not math.isfinite(error) or (left <= 0 and noise is None):
            return None
        scale, rounding = target_scale(y, weights), rounding_error(y, weights)
        clean = error <= tol_rel * scale and noise is None
        sigma = problem.deviation(start.values, start.expression.n_constants) if noise is None else noise
        return cls(problem, start, clean, max(sigma, rounding), max(_RISE * error, rounding))

    def margin(self, role: Role, number: SimpleNumber) -> float:
        """Nats that a simple number must save."""
        if self.clean:
            # A term at rounding level is no coincidence.
            return _MARGIN_CLEAN if number.value != 0.0 else 0.0
        return _MARGIN_NOISY[role]

    def tolerance(self, standard_error: float, value: float) -> float:
        """How far any simple number may be away from a constant."""
        if self.clean:
            # Up to a squared error of _RISE**2 times what it was: rounding does not average out over rows.
            return standard_error * math.sqrt((_RISE**2 - 1) * self.problem.n_rows) + 1e-15 * abs(value)
        return _REACH_OF_ZERO * standard_error

    def rise(self, before: State, after: State) -> float:
        """Twice the fall of the log likelihood from one formula to another."""
        n, scale = self.problem.n_rows, self.problem.data.scale
        (_, low), (bad, high) = self.problem.key(before.values), self.problem.key(after.values)
        if bad:
            return math.inf
        if isinstance(self.problem.data.loss, SquaredLoss):
            return n * (high - low) * (scale / self.sigma) * (scale / self.sigma)
        return 2.0 * n * math.log(high / low) if low > 0.0 else math.inf

    def accepts(self, before: State, after: State, reach: float = math.inf) -> bool:
        """Whether the data allow to go from one formula to the next, and from the very first one."""
        if self.clean:
            return rmse(self.problem.data.y, after.values, self.problem.data.weights) <= self.limit
        count = after.n_snapped - self.start.n_snapped
        return self.rise(before, after) <= reach * reach and self.rise(self.start, after) <= _many(count)

    def collapsed(self, state: State) -> bool:
        """Whether the error has fallen so far that the noise must have been misjudged."""
        y, weights = self.problem.data.y, self.problem.data.weights
        return not self.clean and rmse(y, state.values, weights) < _COLLAPSE * rmse(y, self.start.values, weights)


def _by_chance(count: int) -> float:
    """Rise of chi squared that `count` true simple numbers exceed once in twenty times, after Wilson and Hilferty."""
    third = 2.0 / (9.0 * count)
    return count * (1.0 - third + 1.645 * math.sqrt(third)) ** 3


def _many(count: int) -> float:
    """Rise of chi squared that `count` true simple numbers hardly ever exceed: mean plus three deviations."""
    return max(_REACH_OF_ZERO**2, count + 3.0 * math.sqrt(2.0 * count))


# --- the search -------------------------------------------------------------------------------------------------------


def search(problem: FitData, fitted: Expression, noise: float | None, tol_rel: float, max_fits: int) -> list[State]:
    """The chain of formulas from the one given to the one with the most constants rounded."""
    chain = [State.first(problem, fitted)]
    while chain[-1].expression.n_constants:
        judge = Judge.of(problem, chain[-1], noise, tol_rel)
        if judge is None:
            break
        chain = _Search(problem, judge, max_fits).best(chain)
        if not judge.collapsed(chain[-1]):
            break
    return chain


@dataclass(frozen=True, eq=False)
class _Option:
    """A simple number for a constant, and how much shorter it makes the description."""

    index: int
    number: SimpleNumber
    gain: float


class _Search:
    """Greedy rounding, with branches where the data leave a constant undetermined."""

    def __init__(self, problem: FitData, judge: Judge, max_fits: int) -> None:
        self._problem = problem
        self._judge = judge
        self._fits_left = max_fits
        self._refused = set[tuple[int, float]]()

    def best(self, chain: list[State], breadth: int = _MOST_LOOSE) -> list[State]:
        """The chain continued to its end; of several ends the one with the shortest description."""
        ends: list[list[State]] = []
        for index, error in enumerate(self._errors(chain[-1])):
            if error < math.inf or breadth == 0:
                continue
            # In a/(b + c*x) any of the three can be 1: which one makes the others simple shows only in the end. After
            # that, what is still undetermined is another matter, where one choice is as good as another.
            numbers = _values_for_loose(chain[-1].expression.constants[index])
            states = [self._tried(chain[-1], {index: number}) for number in numbers]
            further = [self.best([*chain, state], 1) for state in states if state is not None]
            ends += further
            breadth -= bool(further)
        return min(ends, key=lambda end: self._length(end[-1])) if ends else self._greedy(chain)

    def _greedy(self, chain: list[State]) -> list[State]:
        chain = list(chain)
        self._refused.clear()
        state = self._together(chain[-1])
        if state is not None:
            chain.append(state)
        for role in Role:
            while not self._judge.collapsed(chain[-1]):
                state = self._next(chain[-1], role)
                if state is None:
                    break
                chain.append(state)
        return chain

    def _together(self, state: State) -> State | None:
        """The state after rounding every constant that may be simple: usually all are what they seem to be."""
        best = list(self._first_options(state))
        if len(best) < 2:
            return None
        after = self._tried(state, {option.index: option.number for option in best})
        if after is None or self._judge.clean:
            return after
        rise = max(self._judge.rise(state, after), 0.0)
        saved = sum(option.gain for option in best) - 0.5 * rise
        return after if saved >= _MARGIN_TOGETHER and rise <= _by_chance(len(best)) else None

    def _first_options(self, state: State) -> Iterator[_Option]:
        """The best option of each constant that has one."""
        seen = set[int]()
        for option in self._options(state, None, None if self._judge.clean else 0.0):
            if option.index not in seen:
                seen.add(option.index)
                yield option

    def _next(self, state: State, role: Role) -> State | None:
        """The state after rounding one more constant of this role; None if there is none to round."""
        for option in self._options(state, role):
            memory = state.ids[option.index], option.number.value
            if memory in self._refused:
                continue
            after = self._tried(state, {option.index: option.number})
            if after is not None and (self._judge.clean or self._worth(state, after, option, role)):
                return after
            self._refused.add(memory)
        return None

    def _worth(self, before: State, after: State, option: _Option, role: Role) -> bool:
        return option.gain - 0.5 * max(self._judge.rise(before, after), 0.0) >= self._judge.margin(role, option.number)

    def _options(self, state: State, role: Role | None, margin: float | None = None) -> list[_Option]:
        """Simple numbers for the constants of one role, those first that shorten the description most."""
        errors = self._errors(state)
        roles = constant_roles(state.expression)
        options = []
        for index, value in enumerate(state.expression.constants):
            if role is not None and roles[index] is not role:
                continue
            tolerance = self._judge.tolerance(errors[index], value)
            numbers = simple_numbers(value, tolerance, roles[index] is Role.EXPONENT)
            for number in numbers[:_MOST_NUMBERS]:
                if not self._judge.clean and abs(number.value - value) > _reach(number) * errors[index]:
                    continue
                gain = self._gain(state, index, number, tolerance if self._judge.clean else errors[index])
                if gain >= (self._judge.margin(roles[index], number) if margin is None else margin):
                    options.append(_Option(index, number, gain))
        return sorted(options, key=lambda option: -option.gain)

    def _gain(self, state: State, index: int, number: SimpleNumber, precision: float) -> float:
        free = free_constant_length(state.expression.constants[index], precision)
        if number.value not in (0.0, 1.0):
            return free - number.length
        # A term or a factor that vanishes takes its nodes along.
        tidied, _ = replace_constants(state.expression, {index: number.expression})
        return free + structure_length(state.expression) - structure_length(tidied)

    def _tried(self, state: State, numbers: Mapping[int, SimpleNumber]) -> State | None:
        """The state after these constants are rounded and the others fitted; None if the data do not allow it."""
        if self._fits_left <= 0:
            return None
        self._fits_left -= 1
        after = rounded(self._problem, state, numbers)
        reach = max(_reach(number) for number in numbers.values()) * math.sqrt(len(numbers))
        return after if self._judge.accepts(state, after, reach) else None

    def _errors(self, state: State) -> tuple[float, ...]:
        model = self._problem.model(state.expression)
        return self._problem.standard_errors(model, np.array(state.expression.constants), self._judge.sigma)

    def _length(self, state: State) -> float:
        y, weights = self._problem.data.y, self._problem.data.weights
        scale = target_scale(y, weights)
        error = rmse(y, state.values, weights) / scale
        return description_length(
            state.finished(),
            self._problem.n_rows,
            error * error,
            variance=1.0,
            resolution=self._judge.limit / scale if self._judge.clean else 0.0,
        )


def _values_for_loose(value: float) -> Iterator[SimpleNumber]:
    """What a constant may be that the data leave undetermined: a nearby integer, 0, or 1 with its sign."""
    nearest = round(value)
    exact = nearest if abs(value - nearest) < 1e-9 and abs(nearest) < 100 else 0
    for number in dict.fromkeys((exact, 0, -1 if value < 0 else 1)):
        yield SimpleNumber(float(number), 0.0, constant(number))


def _reach(number: SimpleNumber) -> float:
    return _REACH_OF_ZERO if number.value == 0.0 else _REACH


def _fractions(number: SimpleNumber) -> frozenset[Fraction]:
    nodes = number.expression.walk()
    return frozenset(node.value for node in nodes if isinstance(node.value, Fraction))
