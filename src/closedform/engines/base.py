"""What every engine is given and what it gives back: the contract between the search and its engines.

An engine is a record of settings with a name and one method, :meth:`Engine.candidates`, a generator. It reads the
:class:`Problem`, looks at the clock in :class:`Budget`, draws random numbers only from the generator it is handed, and
yields a :class:`Candidate` whenever it has one. It never prints, never writes files and never changes its input.
:func:`closedform.testing.check_engine` tests all of that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from closedform.losses import Loss, SquaredLoss
from closedform.noise_level import NoiseLevel, noise_level
from closedform.symbolic.expression import Expression
from closedform.symbolic.operators import OPERATORS
from closedform.symbolic.vocabulary import uses_only

FloatArray = NDArray[np.float64]

DEFAULT_OPERATORS: frozenset[str] = frozenset(OPERATORS) - {"sign", "min", "max"}


class Requirement(Protocol):
    """Something asked of every formula beyond its operators: a constraint of the user's, units that must come out.

    It knows the columns and the target in the units of the problem that carries it.
    """

    def admits_form(self, expression: Expression) -> bool:
        """Say whether a formula of this form may be tried, whatever its free constants are."""
        ...

    def admits(self, expression: Expression) -> bool:
        """Say whether a formula may be reported with the constants that it has."""
        ...


@runtime_checkable
class Adjustable(Requirement, Protocol):
    """A requirement that can change the constants of a formula so that they keep to it."""

    def adjusted(
        self,
        expression: Expression,
        columns: Mapping[str, FloatArray],
        y: FloatArray,
        weight: FloatArray | None,
        loss: Loss,
    ) -> Expression | None:
        """Return a formula of the same form with the best constants that are admitted; None if none were found."""
        ...


@dataclass(frozen=True, eq=False)
class Problem:
    """One table with one target, checked and ready to be searched.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Inputs, float64, finite.
    y : ndarray of shape (n_samples,)
        Target, float64, finite.
    names : tuple of str
        Names of the columns of ``X``; the variables of every candidate.
    sample_weight : ndarray of shape (n_samples,), optional
        Non-negative weights of the rows.
    loss : Loss
        What is minimised.
    operators : frozenset of str
        Names of the operators that a formula may contain, see ``closedform.symbolic.operators``.
    max_complexity : int
        Formulas above this number of nodes are of no interest.
    requirements : tuple of Requirement
        What else is asked of every formula, see :meth:`admits`.
    known_noise : float, optional
        Standard deviation of the noise in a row of weight 1, where measurement errors are given; weights are inverse
        variances then.
    """

    X: FloatArray
    y: FloatArray
    names: tuple[str, ...]
    sample_weight: FloatArray | None = None
    loss: Loss = field(default_factory=SquaredLoss)
    operators: frozenset[str] = DEFAULT_OPERATORS
    max_complexity: int = 60
    requirements: tuple[Requirement, ...] = ()
    known_noise: float | None = None

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """Number of columns of ``X``."""
        return int(self.X.shape[1])

    @cached_property
    def columns(self) -> Mapping[str, FloatArray]:
        """The columns of ``X`` by name."""
        return {name: np.ascontiguousarray(self.X[:, j]) for j, name in enumerate(self.names)}

    @cached_property
    def domain(self) -> Mapping[str, tuple[float, float]]:
        """Smallest and largest value of each column: the box on which candidates are judged."""
        return {name: (float(column.min()), float(column.max())) for name, column in self.columns.items()}

    @cached_property
    def scale(self) -> float:
        """Weighted standard deviation of the target (1 for a constant target): errors are judged relative to it."""
        mean = np.average(self.y, weights=self.sample_weight)
        # Dividing by the largest deviation first keeps 1e300 and 1e-300 from overflowing or vanishing when squared.
        deviation = self.y - mean
        largest = float(np.max(np.abs(deviation), initial=0.0))
        if largest == 0.0:
            return 1.0
        return largest * float(np.sqrt(np.average((deviation / largest) ** 2, weights=self.sample_weight)))

    @cached_property
    def sigma(self) -> float | None:
        """Known standard deviation of the noise in a row of average weight; None where it has to be estimated."""
        if self.known_noise is None or self.sample_weight is None:
            return self.known_noise
        return self.known_noise / float(np.sqrt(self.sample_weight.mean()))

    @cached_property
    def noise(self) -> NoiseLevel:
        """How much of the target is noise: what is known of it, or what the rows alone can say."""
        if self.sigma is not None:
            return NoiseLevel(self.sigma, float("inf"), "given", True)
        robust = not isinstance(self.loss, SquaredLoss)
        return noise_level(self.X, self.y, self.sample_weight, robust=robust)

    def rows(self, index: NDArray[np.intp]) -> Problem:
        """The same problem on some of its rows."""
        weight = None if self.sample_weight is None else self.sample_weight[index]
        return replace(self, X=self.X[index], y=self.y[index], sample_weight=weight)

    def admits_form(self, expression: Expression) -> bool:
        """Say whether formulas of this form may be tried: the question to ask before constants are fitted.

        Operators and requirements count; complexity does not, because fitting and simplifying may still reduce it.
        """
        allowed = uses_only(expression, self.operators)
        return allowed and all(requirement.admits_form(expression) for requirement in self.requirements)

    def admits(self, expression: Expression) -> bool:
        """Say whether a formula may be reported: its form is admitted, and its values with these constants are."""
        return self.admits_form(expression) and all(one.admits(expression) for one in self.requirements)

    def admitted(self, expression: Expression) -> Expression | None:
        """Return the formula if it is admitted, else one with other constants that is; None if none was found."""
        if not self.admits_form(expression):
            return None
        if all(one.admits(expression) for one in self.requirements):
            return expression
        for one in self.requirements:
            if isinstance(one, Adjustable):
                found = one.adjusted(expression, self.columns, self.y, self.sample_weight, self.loss)
                if found is not None and self.admits(found):
                    return found
        return None


class Budget:
    """A wall-clock limit that can be asked and shared.

    Parameters
    ----------
    max_time : float
        Seconds from now.
    clock : callable, optional
        A monotonic clock in seconds; tests pass their own.
    """

    def __init__(self, max_time: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_time = float(max_time)
        self._clock = clock
        self._start = clock()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.max_time - self.elapsed())

    def expired(self) -> bool:
        """Whether the time is used up."""
        return self.elapsed() >= self.max_time

    def share(self, fraction: float) -> Budget:
        """A new budget, starting now, of this fraction of the time left."""
        return Budget(fraction * self.remaining(), self._clock)


@dataclass(frozen=True)
class Candidate:
    """One formula proposed by an engine.

    Parameters
    ----------
    expression : Expression
        The formula over the problem's variables.
    loss : float
        Mean loss on the rows of the problem.
    complexity : int
        Nodes of the canonical form.
    engine : str
        Who found it.
    seconds : float
        When, in seconds since the engine started.
    settled : bool, default=False
        Whether its engine sees nothing left to be found: what the formula leaves is noise, for all that can be told,
        and the engine has looked for shorter ones. It ends the search.
    """

    expression: Expression
    loss: float
    complexity: int
    engine: str
    seconds: float
    settled: bool = False


@runtime_checkable
class Engine(Protocol):
    """One way of finding formulas. See the module's text for the rules.

    Two more attributes may say how it works with others: ``builds_on_others`` (bool, False without), whether it starts
    when the others are done and gets the front that they have found, and ``weight`` (float, 1 without), how much of the
    time it asks for. A method ``informed``, if there is one, is called with what was found out about the structure of
    the problem (:class:`closedform.structure.study.Study`) and returns the engine that knows it.
    """

    @property
    def name(self) -> str:
        """Short name, as in ``engines=("lies",)``."""
        ...

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        """Yield formulas as they are found, until nothing is left to try or the budget is used up."""
        ...
