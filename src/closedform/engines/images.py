"""Own operators for every engine: their images of columns, as further columns of the problem.

An engine knows the built-in operators. What a user's own operator makes of the columns, of pairs of them and of a few
multiples is laid beside them; where the engine uses such a column, the formula behind it takes its place.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedform.engines.base import Budget, Candidate, Engine, FloatArray, Problem
from closedform.symbolic.canonical import canonical
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression, apply, constant, variable
from closedform.symbolic.own_operators import OwnOperator
from closedform.symbolic.refit import refit

# Images that become columns, images that are fitted with inner constants of their own, and rows that these are fitted
# on and that images are judged by.
_MOST_COLUMNS, _MOST_FITTED, _MOST_ROWS = 8, 12, 1000
_MOST_ARGUMENTS = 60
# Share of the time with the further columns; the rest goes to the problem as it is.
_SHARE = 0.6
# Multiples of a column over its spread.
_MULTIPLES = (0.3, -0.3, 1.0, -1.0, 3.0, -3.0)


@dataclass(frozen=True)
class WithOwnOperators:
    """An engine that also finds formulas with operators of the user's own.

    Parameters
    ----------
    engine : Engine
        Who searches.
    operators : tuple of OwnOperator
        What it may use besides the built-in ones.
    """

    engine: Engine
    operators: tuple[OwnOperator, ...]

    @property
    def name(self) -> str:
        """Name of the engine that searches."""
        return self.engine.name

    @property
    def weight(self) -> float:
        """Its part of the time, beside other engines."""
        return float(getattr(self.engine, "weight", 1.0))

    @property
    def builds_on_others(self) -> bool:
        """Whether it waits for what the others find."""
        return bool(getattr(self.engine, "builds_on_others", False))

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        """Yield formulas with own operators alone, then what the engine makes of them, then what it finds without."""
        some = problem.rows(np.sort(rng.permutation(problem.n_samples)[:_MOST_ROWS]))
        usable = [one for one in self.operators if one.name in problem.operators]
        images = _best(_images(some, usable), some, budget)
        yield from _fitted(images[:_MOST_FITTED], problem, some, budget, self.name)
        first = budget.share(_SHARE)
        if images:
            wide, hidden = _extended(problem, _simple_first(images)[:_MOST_COLUMNS])
            for candidate in self.engine.candidates(wide, budget=first, archive=archive, rng=rng):
                yield from _revealed(candidate, hidden, problem)
                if first.expired():
                    break
        yield from self.engine.candidates(problem, budget=budget.share(1.0), archive=archive, rng=rng)


def with_own(engines: Sequence[Engine], operators: tuple[OwnOperator, ...]) -> tuple[Engine, ...]:
    """Return the engines, each with these operators; as they are where there are none."""
    return tuple(WithOwnOperators(engine, operators) for engine in engines) if operators else tuple(engines)


def _images(problem: Problem, operators: Sequence[OwnOperator]) -> Iterator[Expression]:
    """What the operators make of columns, of pairs of columns and of multiples, the simple ones first."""
    x = [variable(name) for name in problem.names]
    pairs = list(itertools.combinations(x, 2))
    arguments = [*x, *(-one for one in x)]
    arguments += [made for a, b in pairs for made in (a * b, a / b, b / a, a - b, a + b)]
    arguments += [made for one in x for made in (one**2, 1 / one)]
    for name, column in zip(problem.names, problem.X.T, strict=True):
        spread = float(column.std()) or 1.0
        arguments += [constant(multiple / spread) * variable(name) for multiple in _MULTIPLES]
    for op in operators:
        if op.arity == 1:
            yield from (apply(op, argument) for argument in arguments[: _MOST_ARGUMENTS * len(x)])
        else:
            ordered = pairs if op.commutative else itertools.permutations(x, 2)
            yield from (apply(op, *pair) for pair in itertools.islice(ordered, _MOST_ARGUMENTS * len(x)))
            yield from (apply(op, one, one * other) for one, other in itertools.islice(pairs, _MOST_ARGUMENTS))


def _best(images: Iterator[Expression], problem: Problem, budget: Budget) -> list[Expression]:
    """Images that are defined on all rows and new, by what one of them explains, alone or times a column."""
    judged: list[tuple[float, int, Expression]] = []
    seen: set[bytes] = set()
    for place, image in enumerate(images):
        if budget.expired():
            break
        if not problem.admits_form(image):
            continue
        values = evaluate(image, problem.columns)
        if np.isfinite(values).all() and np.ptp(values) > 1e-12 * np.abs(values).max():
            key = np.round((values - values.mean()) / values.std(), 9).tobytes()
            if key not in seen:
                seen.add(key)
                judged.append((-_explained(values, problem), place, image))
    return [image for _, _, image in sorted(judged, key=lambda one: one[:2])]


def _simple_first(images: Sequence[Expression]) -> list[Expression]:
    """Some images of columns as they are, then the others: what is beside an image may hide how good it is."""
    plain = [image for image in images if all(argument.kind == "variable" for argument in image.args)]
    first = plain[: _MOST_COLUMNS // 2]
    return first + [image for image in images if image not in first]


def _explained(values: FloatArray, problem: Problem) -> float:
    """The largest squared correlation of a column, alone or times or over another one, with the target."""
    with np.errstate(all="ignore"):
        columns = [values, *(values * x for x in problem.X.T), *(values / x for x in problem.X.T)]
        targets = [problem.y] + ([np.log(np.abs(problem.y))] if (problem.y != 0).all() else [])
        logs = [np.log(np.abs(values))]
        found = [_correlation(one, targets[0]) for one in columns]
        found += [_correlation(one, target) for one in logs for target in targets[1:]]
    return max(found)


def _correlation(one: FloatArray, other: FloatArray) -> float:
    if not np.isfinite(one).all() or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1] ** 2)


def _fitted(
    images: Sequence[Expression], problem: Problem, some: Problem, budget: Budget, engine: str
) -> Iterator[Candidate]:
    """``a + b*op(c*x + d)`` and ``a + b*z*op(c*x)`` with fitted constants."""
    for image in images:
        loose = [constant(1.5) * argument for argument in image.args]
        inner = apply(image.op, *loose)
        shifted = apply(image.op, *(argument + constant(0.1) for argument in loose))
        factors = [constant(1.5) * variable(name) for name in problem.names]
        forms = [constant(1.5) * one + constant(0.5) for one in (image, inner, shifted)]
        forms += [factor * one + constant(0.5) for factor in factors[:4] for one in (image, inner)]
        for form in forms:
            if budget.expired():
                return
            fitted = refit(canonical(form), some.columns, some.y, weights=some.sample_weight, loss=some.loss)
            if np.isfinite(fitted.loss):
                yield from _candidate(fitted.expression, problem, engine, budget.elapsed())


def _candidate(expression: Expression, problem: Problem, engine: str, seconds: float) -> Iterator[Candidate]:
    """The formula with its loss on all rows of the problem, if it is defined there and small enough."""
    if expression.complexity > problem.max_complexity or not problem.admits(expression) or not expression.variables:
        return
    loss = float(problem.loss.value(problem.y, evaluate(expression, problem.columns), problem.sample_weight))
    if np.isfinite(loss):
        yield Candidate(expression, loss, expression.complexity, engine, seconds)


def _extended(problem: Problem, images: Sequence[Expression]) -> tuple[Problem, dict[str, Expression]]:
    """The problem with images as further columns, and what stands behind their names."""
    hidden: dict[str, Expression] = {}
    columns = []
    for image in images:
        values = evaluate(image, problem.columns)
        if np.isfinite(values).all():
            name = str(image)
            while name in problem.names or name in hidden:
                name += "'"
            hidden[name] = image
            columns.append(values)
    # What is asked of formulas knows the columns of the table; it is asked of what comes out.
    X = np.column_stack([problem.X, *columns])
    return replace(problem, X=X, names=(*problem.names, *hidden), requirements=()), hidden


def _revealed(candidate: Candidate, hidden: dict[str, Expression], problem: Problem) -> Iterator[Candidate]:
    """The candidate with the formulas behind the further columns in their place."""
    expression = canonical(candidate.expression.substitute(hidden))
    yield from _candidate(expression, problem, candidate.engine, candidate.seconds)
