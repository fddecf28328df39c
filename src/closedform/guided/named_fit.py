r"""Free constants and unknown functions of a form, fitted together.

Each unknown function is a sum of Chebyshev polynomials of its arguments; with the constants they make one vector of
parameters, which is moved by damped Gauss-Newton steps. Parameters in which the form is affine are solved for at the
start, so that only the others need starting values: many are tried, the best few are followed to the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from closedform.engines.base import Budget, FloatArray, Problem
from closedform.guided.form import Form, argument_values
from closedform.symbolic.derivative import derivative
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression

_STARTS, _FOLLOWED = 60, 4
_FEW_ROWS, _ROWS = 200, 2000
_FEW_STEPS, _STEPS = 12, 60
# Largest degree of the polynomials of a function of one, two, three, more arguments.
_DEGREES = (9, 5, 4, 3)
_MOST_COLUMNS = 60
_RIDGE = 1e-10


@dataclass(frozen=True, eq=False)
class NamedFit:
    """Values of the constants and of the unknown functions, and how far off they are.

    Parameters
    ----------
    constants : dict of str to float
    functions : dict of str to ndarray of shape (n_rows,)
        Values of each unknown function on the rows of the problem, by the text of its call.
    error : float
        Mean squared error relative to the variance of the target.
    """

    constants: dict[str, float]
    functions: dict[str, FloatArray]
    error: float


def fit_form(
    form: Form, problem: Problem, budget: Budget, rng: np.random.Generator, count: int = _FOLLOWED
) -> list[NamedFit]:
    """Return the best fits of a form, by growing error.

    Parameters
    ----------
    form : Form
    problem : Problem
    budget : Budget
        No further start is tried once it is used up.
    rng : numpy.random.Generator
        Draws the starts.
    count : int, default=4
        How many starts are followed to the end.
    """
    few = _Model.of(form, _some(problem, _FEW_ROWS))
    starts: list[tuple[FloatArray, float]] = []
    for theta in _starts(form, problem, few, rng):
        if starts and budget.expired():
            break
        starts.append(few.minimised(theta, _FEW_STEPS))
    starts.sort(key=lambda start: start[1])
    model = _Model.of(form, _some(problem, _ROWS))
    found: list[tuple[FloatArray, float]] = []
    for theta, _ in starts[:count]:
        if found and budget.expired():
            break
        found.append(model.minimised(theta, _STEPS))
    found.sort(key=lambda one: one[1])
    whole = _Model.of(form, problem, like=model)
    return [whole.named(theta, error) for theta, error in found if np.isfinite(error)]


def fit_from(form: Form, problem: Problem, start: Mapping[str, float]) -> NamedFit:
    """Return the fit that is reached from given values of the constants, for a form without unknown functions."""
    model = _Model.of(form, problem)
    theta, error = model.descended(np.array([start[name] for name in form.constants]), _STEPS)
    return model.named(theta, error)


def _some(problem: Problem, most: int) -> Problem:
    if problem.n_samples <= most:
        return problem
    return problem.rows(np.unique(np.linspace(0, problem.n_samples - 1, most).astype(np.intp)))


def _starts(form: Form, problem: Problem, model: _Model, rng: np.random.Generator) -> list[FloatArray]:
    """Ones, then random numbers of the sizes that occur in the table and their reciprocals."""
    first = np.ones(model.n_parameters)
    first[len(form.constants) :] = 0.0
    if model.linear[: len(form.constants)].all():
        return [first]
    sizes = [1.0, problem.scale]
    for name in form.expression.variables:
        if name in problem.names:
            size = float(np.median(np.abs(problem.columns[name])))
            sizes += [size, 1.0 / size] if size > 0.0 else []
    starts = [first]
    for _ in range(_STARTS - 1):
        theta = first.copy()
        n = len(form.constants)
        sign = np.where(rng.random(n) < 0.3, -1.0, 1.0)
        theta[:n] = sign * rng.choice(sizes, n) * 10.0 ** rng.uniform(-1.2, 1.2, n)
        starts.append(theta)
    return starts


@dataclass(frozen=True, eq=False)
class _Model:
    """A form on some rows as a function of its parameters: constants, then coefficients of each function."""

    form: Form
    y: FloatArray
    weight: FloatArray
    columns: Mapping[str, FloatArray]
    bases: tuple[FloatArray, ...]
    ranges: tuple[tuple[FloatArray, FloatArray], ...]
    slopes: tuple[Expression, ...]
    linear: FloatArray

    @classmethod
    def of(cls, form: Form, problem: Problem, like: _Model | None = None) -> _Model:
        bases, ranges = [], []
        for position, call in enumerate(form.calls):
            arguments = argument_values(call, problem.columns, problem.n_samples)
            span = (arguments.min(axis=0), arguments.max(axis=0)) if like is None else like.ranges[position]
            bases.append(_chebyshev(arguments, span, problem.n_samples if like is None else len(like.y)))
            ranges.append(span)
        unknown = [*form.constants, *(call.name for call in form.calls)]
        slopes = tuple(derivative(form.expression, name).canonical() for name in unknown)
        affine = _affine_names(slopes, unknown)
        sizes = [1] * len(form.constants) + [basis.shape[1] for basis in bases]
        linear = np.repeat([name in affine for name in unknown], sizes)
        weight = np.ones(len(problem.y)) if problem.sample_weight is None else problem.sample_weight
        root = np.sqrt(weight / weight.sum()) / problem.scale
        return cls(form, problem.y, root, problem.columns, tuple(bases), tuple(ranges), slopes, linear)

    @property
    def n_parameters(self) -> int:
        return len(self.linear)

    def _inputs(self, theta: FloatArray) -> dict[str, FloatArray]:
        n = len(self.form.constants)
        inputs = dict(self.columns)
        inputs.update({name: np.full(len(self.y), theta[k]) for k, name in enumerate(self.form.constants)})
        for call, basis in zip(self.form.calls, self.bases, strict=True):
            with np.errstate(all="ignore"):
                inputs[call.name] = basis @ theta[n : n + basis.shape[1]]
            n += basis.shape[1]
        return inputs

    def residual(self, theta: FloatArray) -> FloatArray:
        """Weighted residuals, so that their squares add up to the error."""
        with np.errstate(all="ignore"):
            return self.weight * (self.y - evaluate(self.form.expression, self._inputs(theta)))

    def jacobian(self, theta: FloatArray) -> FloatArray:
        """Slopes of the weighted values in the parameters."""
        inputs, n = self._inputs(theta), len(self.form.constants)
        with np.errstate(all="ignore"):
            slopes = [evaluate(slope, inputs) * self.weight for slope in self.slopes]
        single = [slope[:, None] for slope in slopes[:n]]
        spread = [slope[:, None] * basis for slope, basis in zip(slopes[n:], self.bases, strict=True)]
        return np.hstack([*single, *spread])

    def minimised(self, theta: FloatArray, steps: int) -> tuple[FloatArray, float]:
        """Parameters after at most so many steps, and their error; infinite where the form has no value."""
        return self.descended(self._stepped(theta, self.linear, 1e-8)[0], steps)

    def descended(self, theta: FloatArray, steps: int) -> tuple[FloatArray, float]:
        """The same without solving for some parameters first."""
        error = self.error(self.residual(theta))
        damping = 1e-3
        every = np.ones(self.n_parameters, dtype=bool)
        for _ in range(steps):
            before = error
            for _trial in range(5):
                trial, reached = self._stepped(theta, every, damping)
                if reached < error:
                    theta, error, damping = trial, reached, max(damping / 10, 1e-12)
                    break
                damping = min(damping * 20, 1e8)
            if not error < before * (1 - 1e-9):
                break
        return theta, error

    def _stepped(self, theta: FloatArray, free: FloatArray, damping: float) -> tuple[FloatArray, float]:
        """One damped step of the free parameters, and the error after it."""
        residual, jacobian = self.residual(theta), self.jacobian(theta)[:, free]
        if jacobian.shape[1] and np.isfinite(jacobian).all():
            finite = np.isfinite(residual)
            # Not the Euclidean norm, whose squares may leave float64.
            norms = np.abs(jacobian).max(axis=0) * np.sqrt(len(jacobian))
            norms[~((norms > 0.0) & (norms < np.inf))] = 1.0
            damped = np.vstack([jacobian / norms, np.sqrt(damping + _RIDGE) * np.eye(len(norms))])
            target = np.append(np.where(finite, residual, 0.0), np.zeros(len(norms)))
            theta = theta.copy()
            theta[free] += np.linalg.lstsq(damped, target, rcond=None)[0] / norms
        return theta, self.error(self.residual(theta))

    @staticmethod
    def error(residual: FloatArray) -> float:
        """The sum of squares; infinite where a row has no value."""
        with np.errstate(over="ignore"):
            total = float(residual @ residual) if np.isfinite(residual).all() else float("inf")
        return total if np.isfinite(total) else float("inf")

    def named(self, theta: FloatArray, error: float) -> NamedFit:
        """The parameters by name, functions as values on the rows."""
        inputs = self._inputs(theta)
        constants = {name: float(theta[k]) for k, name in enumerate(self.form.constants)}
        return NamedFit(constants, {call.name: inputs[call.name] for call in self.form.calls}, error)


def _affine_names(slopes: Sequence[Expression], unknown: Sequence[str]) -> set[str]:
    """Names in which the form is jointly affine; functions come first, for they have many parameters."""
    affine: set[str] = set()
    for position in reversed(range(len(unknown))):
        if not set(slopes[position].variables) & (affine | {unknown[position]}):
            affine.add(unknown[position])
    return affine


def _chebyshev(arguments: FloatArray, span: tuple[FloatArray, FloatArray], n_rows: int) -> FloatArray:
    """Products of Chebyshev polynomials of up to a total degree, on the range of the arguments."""
    low, high = span
    width = np.where(high > low, high - low, 1.0)
    scaled = np.clip(2.0 * (arguments - low) / width - 1.0, -1.0, 1.0)
    n = scaled.shape[1]
    degree = _DEGREES[min(n, len(_DEGREES)) - 1]
    powers = [one for one in product(range(degree + 1), repeat=min(n, 4)) if sum(one) <= degree]
    powers = sorted(powers, key=sum)[: max(2, min(_MOST_COLUMNS, n_rows // 4))]
    angles = np.arccos(scaled[:, : len(powers[0])])
    columns = [np.prod([np.cos(k * angles[:, j]) for j, k in enumerate(one)], axis=0) for one in powers]
    return np.column_stack(columns)
