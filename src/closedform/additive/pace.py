"""What fits cost, learned from the first of them, so that those that would not end in time are not begun."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from closedform.additive.candidates import ROWS_TO_DECIDE
from closedform.additive.design import Design
from closedform.additive.families import Family
from closedform.additive.stop import Stop
from closedform.additive.table_data import TableData

T = TypeVar("T")

_FEWEST_ROWS = 2000
# The first fit, from which all is learned, may take this share of the time that is left.
_FIRST_SHARE = 0.08
_PASSES = 10
# The same for choosing among very many columns, and about what that takes for a pair of them in a row.
_SCREEN_SHARE = 0.15
_SECONDS_PER_PAIR = 3e-9
# Rows that are timed before the first fit.
_TIMED_ROWS = 4096


@dataclass(frozen=True)
class Pace:
    """How long a fit took: others take longer with their rows, and with the square of their columns.

    Parameters
    ----------
    seconds : float
        That the fit took.
    n_rows, n_columns : int
        Of its design.

    Examples
    --------
    >>> pace = Pace(2.0, 1000, 50)
    >>> pace.cost(500, 100), pace.rows(4.0, 100)
    (4.0, 500.0)
    """

    seconds: float
    n_rows: int
    n_columns: int

    @classmethod
    def of(cls, design: Design, fit: Callable[[], T]) -> tuple[Pace, T]:
        """The pace and the result of a fit of this design."""
        start = time.monotonic()
        result = fit()
        return cls(max(time.monotonic() - start, 1e-6), design.n_rows, max(design.n_columns, 1)), result

    def cost(self, n_rows: int, n_columns: float) -> float:
        """Seconds that a fit takes."""
        return self.seconds * (n_rows / self.n_rows) * (n_columns / self.n_columns) ** 2

    def rows(self, seconds: float, n_columns: int) -> float:
        """Rows that can be fitted in so many seconds."""
        return max(0.0, seconds) / self.cost(1, max(n_columns, 1)) if math.isfinite(seconds) else math.inf


@dataclass(frozen=True)
class Allowance:
    """The time for one part of the work: what is left, less what is held back for later parts.

    Parameters
    ----------
    stop : Stop
        When all has to end.
    pace : Pace
        What fits cost.
    held_back : float
        Seconds.
    """

    stop: Stop
    pace: Pace
    held_back: float = 0.0

    def __call__(self) -> bool:
        """Whether what is not yet begun should be left out."""
        return self.stop() or self.left() <= 0.0

    def left(self) -> float:
        """Seconds for this part."""
        return self.stop.left() - self.held_back

    def divided(self, n_parts: int) -> Allowance:
        """The allowance for the first of so many equal parts."""
        left = self.left()
        return replace(self, held_back=self.held_back + left * (1.0 - 1.0 / n_parts)) if math.isfinite(left) else self

    def affords(self, n_rows: int, n_columns: int) -> bool:
        """Whether a fit would end in time."""
        return not self.stop() and self.pace.cost(n_rows, n_columns) <= self.left()


def rows_to_decide(data: TableData, mains: Design, family: Family, rng: np.random.Generator, stop: Stop) -> TableData:
    """The rows that pairs and second block are decided on: all of them, or some where they are many or time is short.

    Parameters
    ----------
    data : TableData
        All rows.
    mains : Design
        Their design without pairs, of which a block is timed.
    family : Family
        The loss.
    rng : numpy.random.Generator
        Draws the rows.
    stop : Stop
        When all has to end.
    """
    n = data.n_rows
    most: float = min(n, ROWS_TO_DECIDE)
    if n > _FEWEST_ROWS and math.isfinite(stop.left()):
        seconds = _FIRST_SHARE * stop.left() / (1 if family.one_step else _PASSES)
        most = min(most, max(_FEWEST_ROWS, seconds / _seconds_per_row(mains)))
    if most >= n:
        return data
    return data.rows(np.sort(rng.permutation(n)[: int(most)]))


def rows_to_screen(data: TableData, n_columns: int, stop: Stop) -> TableData:
    """The rows that the columns of a very wide table are chosen on: every pair of columns is looked at."""
    seconds_per_row = _SECONDS_PER_PAIR * n_columns**2 / 2.0
    most = max(_FEWEST_ROWS, _SCREEN_SHARE * stop.left() / seconds_per_row)
    if most >= data.n_rows:
        return data
    return data.rows(np.arange(0, data.n_rows, math.ceil(data.n_rows / most)))


def _seconds_per_row(design: Design) -> float:
    """Of one pass, measured on a few rows; the second time, when all that is loaded late is there."""
    part = Design(design.features, design.pairs, [column[:_TIMED_ROWS] for column in design.columns])
    ones = np.ones(part.n_rows)
    part.moments(ones, ones, float(part.n_rows))
    # Not the same object, which keeps its rows.
    part = Design(design.features, design.pairs, part.columns)
    start = time.monotonic()
    part.moments(ones, ones, float(part.n_rows))
    return max(time.monotonic() - start, 1e-6) / part.n_rows
