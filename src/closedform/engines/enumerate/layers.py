"""Layers of subexpressions by growing complexity, each evaluated once; its children are entries too.

The idea of evaluating whole layers of expressions at once, with shared subtrees, is that of "Discovering symbolic
expressions with parallelized tree search" (Ruan et al., arXiv 2407.04405).

NOTE[DIFF] There, a layer is every operator on every pair of a few hundred leaves, in single precision on a GPU. Here,
entries are combined by complexity, those that are affine maps of earlier ones are dropped as they appear, and numbers
are float64, so that what matches does so to twelve digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from closedform.engines.enumerate.steps import Step, binary_steps, unary_steps
from closedform.engines.enumerate.table import Table
from closedform.library.pool import Batch, Recipe
from closedform.symbolic.vocabulary import implied_by

FloatArray = NDArray[np.float64]
Index = NDArray[np.intp]

# Columns that are made in one go: they stay in the cache of a processor.
_BLOCK = 8192
_LARGEST_COST = 24
# Functions of functions of functions are rarely laws: each level costs more, and there is a last one.
_NESTING_COST = 1
_DEEPEST = 3


class Layers:
    """A table of subexpressions that grows from leaves, simple ones first.

    Parameters
    ----------
    leaves : Batch
        What everything is made of, with values on all rows.
    rows : ndarray of int
        The few rows on which all entries are evaluated.
    rng : numpy.random.Generator
        For the table's keys.
    operators : frozenset of str
        What entries may contain.
    """

    def __init__(self, leaves: Batch, rows: Index, rng: np.random.Generator, operators: frozenset[str]) -> None:
        self.table = Table(len(rows), rng)
        self._leaves = leaves.values
        self._steps: list[Step] = []
        self._made_by: list[tuple[int, int, int]] = []
        self._members: dict[tuple[int, int], list[Index]] = {}
        self._costs: list[Index] = []
        self._recipes: dict[int, Recipe] = {}
        self._values: dict[int, FloatArray] = {}
        for k, j in enumerate(self.table.add(np.ascontiguousarray(leaves.values[rows].T)).tolist()):
            self._recipes[k], self._values[k] = leaves.recipes[j], leaves.values[:, j]
            self._note(np.array([k]), leaves.costs[j], 0)
            self._made_by.append((-1, j, j))
        allowed = implied_by(operators)
        self._growth = self._blocks(unary_steps(allowed), binary_steps(allowed))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def costs(self) -> Index:
        """Nodes of each entry, roughly."""
        return np.concatenate(self._costs) if self._costs else np.empty(0, dtype=np.intp)

    def grow(self, size: int) -> Iterator[int]:
        """Grow to at least ``size`` entries, if there are as many; yields the size now and then."""
        while len(self) < size and next(self._growth, None) is not None:
            yield len(self)

    def recipe(self, k: int) -> Recipe:
        """What an entry is."""
        if k not in self._recipes:
            step, left, right = self._made_by[k]
            arguments = [left] if right < 0 else [left, right]
            self._recipes[k] = self._steps[step].recipe(*map(self.recipe, arguments))
        return self._recipes[k]

    def column(self, k: int) -> FloatArray:
        """Values of an entry on all rows of the leaves."""
        if k not in self._values:
            step, left, right = self._made_by[k]
            arguments = [left] if right < 0 else [left, right]
            with np.errstate(all="ignore"):
                self._values[k] = self._steps[step].values(*map(self.column, arguments))
        return self._values[k]

    def batch(self, entries: Sequence[int]) -> Batch:
        """Some entries with their values on all rows."""
        costs = self.costs
        values = [self.column(k) for k in entries]
        return Batch(
            np.stack(values, axis=1) if values else np.empty((len(self._leaves), 0)),
            [self.recipe(k) for k in entries],
            [int(costs[k]) for k in entries],
        )

    # ---------------------------------------------------------------------------------------------------------- growth

    def _note(self, entries: Index, cost: int, nested: int) -> None:
        self._members.setdefault((cost, nested), []).append(entries)
        self._costs.append(np.full(len(entries), cost, dtype=np.intp))

    def _of(self, cost: int, nested: int) -> Index:
        return np.concatenate(self._members.get((cost, nested), [np.empty(0, dtype=np.intp)]))

    def _blocks(self, unary: Sequence[Step], binary: Sequence[Step]) -> Iterator[bool]:
        """Add block after block by growing cost; yields after each."""
        self._steps = [*unary, *binary]
        for cost in range(2, _LARGEST_COST + 1):
            for number, step in enumerate(self._steps):
                for nested in range(_DEEPEST + 1):
                    of_two = number >= len(unary)
                    for left, right in self._pairs(step, cost, nested) if of_two else self._singles(step, cost, nested):
                        self._add(number, left, right, cost, nested)
                        yield True

    def _singles(self, step: Step, cost: int, nested: int) -> Iterator[tuple[Index, None]]:
        """Entries on which a step makes one of this cost and this depth of functions, in blocks."""
        inner = nested - 1 if step.nests else nested
        entries = self._of(cost - step.cost - (_NESTING_COST * inner if step.nests else 0), inner)
        for start in range(0, len(entries), _BLOCK):
            yield entries[start : start + _BLOCK], None

    def _pairs(self, step: Step, cost: int, nested: int) -> Iterator[tuple[Index, Index]]:
        """Pairs of entries that make one of this cost and this depth of functions, in blocks; small ones are joined."""
        waiting: list[tuple[Index, Index]] = []
        rest = cost - step.cost
        depths = [(nested, inner) for inner in range(nested + 1)] + [(inner, nested) for inner in range(nested)]
        for first in range(1, rest // 2 + 1 if step.commutes else rest):
            for one, other in depths:
                for pair in _product(self._of(first, one), self._of(rest - first, other)):
                    waiting.append(pair)
                    if sum(len(left) for left, _ in waiting) >= _BLOCK:
                        yield _joined(waiting)
                        waiting = []
        if waiting:
            yield _joined(waiting)

    def _add(self, number: int, left: Index, right: Index | None, cost: int, nested: int) -> None:
        values = self.table.values
        arguments = [left] if right is None else [left, right]
        with np.errstate(all="ignore"):
            made = self._steps[number].values(*(values[argument] for argument in arguments))
        before = len(self)
        taken = self.table.add(made)
        second = np.full(len(left), -1, dtype=np.intp) if right is None else right
        for i, j in zip(left[taken].tolist(), second[taken].tolist(), strict=True):
            self._made_by.append((number, i, j))
        self._note(np.arange(before, len(self)), cost, nested)


def _joined(pairs: Sequence[tuple[Index, Index]]) -> tuple[Index, Index]:
    return np.concatenate([left for left, _ in pairs]), np.concatenate([right for _, right in pairs])


def _product(left: Index, right: Index) -> Iterator[tuple[Index, Index]]:
    """All pairs, in blocks."""
    for start in range(0, len(right), _BLOCK):
        some = right[start : start + _BLOCK]
        width = max(1, _BLOCK // len(some))
        for first in range(0, len(left), width):
            chunk = left[first : first + width]
            yield np.repeat(chunk, len(some)), np.tile(some, len(chunk))
