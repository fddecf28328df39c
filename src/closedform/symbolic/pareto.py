"""The front of formulas that nobody beats in both error and complexity, and the rules that choose one of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from closedform.exceptions import InputError
from closedform.symbolic.metrics import description_length, rounding_error, target_scale

if TYPE_CHECKING:
    from closedform.symbolic.expression import Expression

# PySR's rule "best" looks only at formulas whose loss is within this factor of the smallest.
_GOOD_ENOUGH = 1.5


class Scored(Protocol):
    """Anything with an expression, a loss and a complexity: a candidate of the search."""

    @property
    def expression(self) -> Expression:
        """The formula."""
        ...

    @property
    def loss(self) -> float:
        """Mean loss on the rows it was fitted to."""
        ...

    @property
    def complexity(self) -> int:
        """Size of the formula."""
        ...


C = TypeVar("C", bound=Scored)
Rule = Literal["mdl", "best", "accuracy"]


class Archive(Generic[C]):
    """All candidates that no other one beats or equals in both loss and complexity, and the one described shortest.

    The content depends on the order of insertion only among exact ties, where the first one stays.

    Parameters
    ----------
    loss_floor : float, default=0
        Losses below are rounding and count as equal, so that the simplest exact formula drives out longer ones.
    max_complexity : int, optional
        Larger candidates are refused.
    length : callable, optional
        Length of a candidate's description. With noise, a law whose constants are known numbers fits a little worse
        than a formula of fewer nodes and more fitted constants; nothing but this length tells them apart. Without it,
        nothing is kept that is beaten.

    Examples
    --------
    >>> from types import SimpleNamespace as Candidate
    >>> archive = Archive()
    >>> archive.add(Candidate(expression="x", loss=1.0, complexity=1))
    True
    >>> archive.add(Candidate(expression="x + x", loss=1.0, complexity=3))
    False
    >>> len(archive)
    1
    """

    def __init__(
        self,
        loss_floor: float = 0.0,
        max_complexity: int | None = None,
        length: Callable[[C], float] | None = None,
    ) -> None:
        self.loss_floor = loss_floor
        self.max_complexity = max_complexity
        self._length = length
        self._front: list[C] = []
        self._shortest: tuple[float, C] | None = None

    def add(self, candidate: C) -> bool:
        """Take `candidate` in if nothing in the archive is as good; throw out what it beats.

        Returns
        -------
        bool
            Whether it was taken in. A loss of nan or infinity never is.
        """
        shortest = self._is_shortest(candidate)
        if shortest and self._length is not None:
            self._shortest = self._length(candidate), candidate
        if not self.would_accept(candidate.loss, candidate.complexity):
            return shortest
        loss = max(candidate.loss, self.loss_floor)
        kept = [
            other
            for other in self._front
            if other.complexity < candidate.complexity or max(other.loss, self.loss_floor) < loss
        ]
        position = sum(other.complexity < candidate.complexity for other in kept)
        self._front = [*kept[:position], candidate, *kept[position:]]
        return True

    def wants(self, candidate: C) -> bool:
        """Whether a candidate would be taken in: ask before an expensive step."""
        return self.would_accept(candidate.loss, candidate.complexity) or self._is_shortest(candidate)

    def would_accept(self, loss: float, complexity: int) -> bool:
        """Whether a candidate of this loss and complexity would be taken in, however long its description."""
        if not self._admits(loss, complexity):
            return False
        floored = max(loss, self.loss_floor)
        return not any(
            other.complexity <= complexity and max(other.loss, self.loss_floor) <= floored for other in self._front
        )

    def _admits(self, loss: float, complexity: int) -> bool:
        return math.isfinite(loss) and (self.max_complexity is None or complexity <= self.max_complexity)

    def _is_shortest(self, candidate: C) -> bool:
        if self._length is None or not self._admits(candidate.loss, candidate.complexity):
            return False
        return self._shortest is None or self._length(candidate) < self._shortest[0]

    def update(self, candidates: Iterable[C]) -> int:
        """Add several candidates in order; returns how many were taken in at their turn."""
        return sum(self.add(candidate) for candidate in candidates)

    @property
    def front(self) -> tuple[C, ...]:
        """The candidates by growing complexity; losses fall, but for that of the shortest description."""
        if self._shortest is None or any(one is self._shortest[1] for one in self._front):
            return tuple(self._front)
        shortest = self._shortest[1]
        position = sum(other.complexity <= shortest.complexity for other in self._front)
        return (*self._front[:position], shortest, *self._front[position:])

    @property
    def best_loss(self) -> float:
        """Smallest loss so far; `inf` while empty."""
        return min((candidate.loss for candidate in self._front), default=math.inf)

    def __len__(self) -> int:
        return len(self.front)

    def __iter__(self) -> Iterator[C]:
        return iter(self.front)

    def __bool__(self) -> bool:
        return bool(self._front)


def pareto_front(candidates: Iterable[C], loss_floor: float = 0.0) -> list[C]:
    """The candidates that no other one beats or equals in both loss and complexity, by growing complexity."""
    archive: Archive[C] = Archive(loss_floor)
    archive.update(candidates)
    return list(archive.front)


def scores(front: Sequence[Scored], loss_floor: float = 0.0) -> list[float]:
    """How much each step along the front brings: fall of log(loss) per unit of complexity.

    The score of PySR (Cranmer 2023, "Interpretable Machine Learning for Science with PySR and
    SymbolicRegression.jl", arXiv:2305.01582).

    Parameters
    ----------
    front : sequence of candidates
        By growing complexity.
    loss_floor : float, default=0
        Losses below are rounding and count as this.

    Returns
    -------
    list of float
        0 for the first candidate, then non-negative numbers. `inf` for a step from a positive loss to zero.
    """
    result = [0.0] if front else []
    for left, right in pairwise(front):
        before, after = max(left.loss, loss_floor), max(right.loss, loss_floor)
        if after >= before or right.complexity <= left.complexity:
            result.append(0.0)
        elif after <= 0.0:
            result.append(math.inf)
        else:
            result.append(math.log(before / after) / (right.complexity - left.complexity))
    return result


def choose(
    front: Sequence[C],
    rule: Rule | Callable[[Sequence[C]], C] = "mdl",
    *,
    y: ArrayLike,
    weights: ArrayLike | None = None,
    noise: float | None = None,
) -> C:
    """Choose one candidate of a front.

    Parameters
    ----------
    front : sequence of candidates
        In any order; at least one with a finite loss.
    rule : {"mdl", "best", "accuracy"} or callable, default="mdl"
        ``"mdl"``: shortest description of formula, constants and residuals, see
        :func:`~closedform.symbolic.metrics.description_length`. Needs mean squared errors as losses.
        ``"best"``: largest score among those whose loss is at most 1.5 times the smallest (PySR's rule).
        ``"accuracy"``: smallest loss; among those at rounding level the simplest.
        A callable gets the candidates by growing complexity and returns one of them.
    y : array-like of shape (n_samples,)
        Target on the rows of the losses: says what is rounding and what is spread.
    weights : array-like of shape (n_samples,), optional
        Weights of the rows.
    noise : float, optional
        Standard deviation of the noise in `y`, if known; used by ``"mdl"``.

    Returns
    -------
    candidate
        A member of `front`.

    Raises
    ------
    InputError
        If the front holds no candidate with a finite loss, or the rule is not known.
    """
    usable = sorted((c for c in front if math.isfinite(c.loss)), key=lambda c: (c.complexity, c.loss))
    if not usable:
        raise InputError(f"Choosing needs at least one formula with a finite loss, got {len(front)} formulas without.")
    target = np.asarray(y, dtype=np.float64)
    resolution = rounding_error(target, weights)
    if callable(rule):
        return rule(usable)
    if rule == "accuracy":
        return min(usable, key=lambda c: (max(c.loss, resolution * resolution), c.complexity))
    if rule == "best":
        return _choose_by_score(pareto_front(usable, resolution * resolution), resolution * resolution)
    if rule == "mdl":
        return _choose_by_length(usable, target, weights, noise, resolution)
    raise InputError(f'model_selection must be "mdl", "best", "accuracy" or a callable, got {rule!r}.')


def _choose_by_score(front: Sequence[C], floor: float) -> C:
    limit = _GOOD_ENOUGH * max(min(candidate.loss for candidate in front), floor)
    ranked = [
        (-score, candidate.complexity, position)
        for position, (score, candidate) in enumerate(zip(scores(front, floor), front, strict=True))
        if candidate.loss <= limit
    ]
    return front[min(ranked)[2]]


def _choose_by_length(
    usable: Sequence[C], y: np.ndarray, weights: ArrayLike | None, noise: float | None, resolution: float
) -> C:
    # Rows without weight say nothing about a formula.
    n_rows = y.size if weights is None else int(np.count_nonzero(np.asarray(weights)))
    scale = target_scale(y, weights)

    def key(candidate: C) -> tuple[float, int]:
        length = description_length(
            candidate.expression, n_rows, candidate.loss, noise, variance=scale * scale, resolution=resolution
        )
        return length, candidate.complexity

    return min(usable, key=key)
