"""What a network is trained on, and what it may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.interactions import Pair

FloatArray: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """How a network is built.

    Parameters
    ----------
    interactions : int or "auto"
        Largest number of pairs beside the forced ones; chosen by significance and held-out loss.
    forbidden : frozenset of pairs
        Never used.
    forced : tuple of pairs
        Always used.
    max_numbers : int, optional
        Largest number of stored numbers: as many pairs as it pays for, and no second block.
    second_block : bool or "auto"
        Whether there is one; decided by held-out loss.
    monotone : dict of int to {-1, 1}
        Columns whose effect must not rise or fall; they take part in no pair and not in the second block.
    beyond : dict of int to str
        What effects do beyond the range, for each column.
    n_bags : int
        Bootstrap fits to average.
    n_jobs : int
        Folds and bags that may be worked on at a time.
    """

    interactions: int | str = "auto"
    forbidden: frozenset[Pair] = frozenset()
    forced: tuple[Pair, ...] = ()
    max_numbers: int | None = None
    second_block: bool | str = "auto"
    monotone: Mapping[int, int] = field(default_factory=dict)
    beyond: Mapping[int, str] = field(default_factory=dict)
    n_bags: int = 0
    n_jobs: int = 1


@dataclass(frozen=True, eq=False)
class TableData:
    """A table as the network sees it.

    Parameters
    ----------
    columns : sequence of ndarray of shape (n_rows,)
        All columns of the table.
    n_levels : sequence of int
        Levels of each; 0 for numbers, -1 for columns that are not used.
    names : sequence of str
        Of the columns.
    y, weight : ndarray of shape (n_rows,)
        Target (codes of classes) and weights, mean 1.
    """

    columns: Sequence[FloatArray]
    n_levels: Sequence[int]
    names: Sequence[str]
    y: FloatArray
    weight: FloatArray

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    def rows(self, index: NDArray[np.intp]) -> TableData:
        """Some of the rows."""
        return replace(
            self, columns=[column[index] for column in self.columns], y=self.y[index], weight=self.weight[index]
        )
