"""When a fit should come to its end: the time is up, or somebody pressed Ctrl-C. And what is told meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Stage:
    """What a monitor is told whenever another part of the work begins.

    Parameters
    ----------
    name : str
        What begins, such as "main effects".
    elapsed : float
        Seconds since the fit began.
    max_time : float
        Seconds that it may take.
    """

    name: str
    elapsed: float
    max_time: float


class Stop:
    """Says whether to go on, and turns an interruption into doing without the rest.

    Parameters
    ----------
    expired : callable
        Says when the time is up.
    remaining : callable
        Says how many seconds are left.
    begin : callable
        Told the name of each part of the work as it begins, in the thread of the fit.

    Attributes
    ----------
    interrupted : bool
        Whether a part of the work was given up after a KeyboardInterrupt.

    Examples
    --------
    >>> def work():
    ...     raise KeyboardInterrupt
    >>> stop = Stop()
    >>> stop.attempt(work, otherwise="what there is"), stop.interrupted, stop()
    ('what there is', True, True)
    """

    def __init__(
        self,
        expired: Callable[[], bool] = lambda: False,
        remaining: Callable[[], float] = lambda: math.inf,
        begin: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.begin = begin
        self._expired = expired
        self._remaining = remaining
        self.interrupted = False

    def __call__(self) -> bool:
        """Whether what is not yet begun should be left out."""
        return self.interrupted or self._expired()

    def left(self) -> float:
        """Seconds that are left; none after an interruption."""
        return 0.0 if self.interrupted else self._remaining()

    def attempt(self, work: Callable[[], T], otherwise: T) -> T:
        """The result of `work`; `otherwise` if an interruption comes, or came before."""
        if self.interrupted:
            return otherwise
        try:
            return work()
        except KeyboardInterrupt:
            self.interrupted = True
            return otherwise
