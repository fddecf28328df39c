"""The driver: starts engines, hands out time, keeps the front, survives what goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from closedform.engines.base import Budget, Candidate, Engine, Problem
from closedform.exceptions import Status
from closedform.finish import admitted_candidate, loss_floor
from closedform.symbolic.pareto import Archive

logger = logging.getLogger(__name__)
# Without this, Python would write the traceback of a failed engine to standard error of people who asked for no log.
logger.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Progress:
    """What a monitor is told whenever the front changes.

    Parameters
    ----------
    engine : str
        The engine at work.
    elapsed : float
        Seconds since the search began.
    max_time : float
        Seconds that it may take.
    front : tuple of Candidate
        The best formulas so far, by growing complexity.
    """

    engine: str
    elapsed: float
    max_time: float
    front: tuple[Candidate, ...]


Monitor = Callable[[Progress], None]


@dataclass(frozen=True)
class SearchResult:
    """How a search ended.

    Parameters
    ----------
    candidates : tuple of Candidate
        The front, by growing complexity.
    status : Status
        Why it ended.
    seconds : float
        How long it took.
    failures : dict
        Engines that crashed, with the text of their error.
    """

    candidates: tuple[Candidate, ...]
    status: Status
    seconds: float
    failures: dict[str, str] = field(default_factory=dict)


def search(
    problem: Problem,
    engines: Sequence[Engine],
    *,
    budget: Budget,
    rng: np.random.Generator,
    start: Iterable[Candidate] = (),
    monitor: Monitor | None = None,
) -> SearchResult:
    """Run engines one after the other on a problem and keep what nobody beats.

    Parameters
    ----------
    problem : Problem
        Rows that may be looked at.
    engines : sequence of Engine
        In the order in which they run; each gets an equal share of the time that is left.
    budget : Budget
        Time for all of them.
    rng : numpy.random.Generator
        Each engine draws from a child of it, so that one engine's draws do not change another's.
    start : iterable of Candidate
        What an earlier search found (warm start).
    monitor : callable, optional
        Called with a :class:`Progress` whenever the front changes. An exception that it raises ends the search.

    Returns
    -------
    SearchResult
        An interruption (Ctrl-C) ends the search with what was found so far.
    """
    floor = loss_floor(problem)
    archive: Archive[Candidate] = Archive(floor, problem.max_complexity)
    archive.update(start)
    failures: dict[str, str] = {}
    status = Status.EXHAUSTED
    try:
        for position, (engine, child) in enumerate(zip(engines, rng.spawn(len(engines)), strict=True)):
            share = budget.share(1 / (len(engines) - position))
            found = engine.candidates(problem, budget=share, archive=archive.front, rng=child)
            for proposed in _survive(engine.name, found, failures):
                candidate = admitted_candidate(proposed, problem, archive)
                if candidate is not None and archive.add(candidate):
                    logger.debug("%s found %s (loss %.3g)", engine.name, candidate.expression, candidate.loss)
                    if monitor is not None:
                        monitor(Progress(engine.name, budget.elapsed(), budget.max_time, archive.front))
                # An engine should look at the clock itself; one that does not must not take the others' time.
                if share.expired():
                    break
            if archive.best_loss <= floor:
                status = Status.CONVERGED
                break
            if budget.expired():
                status = Status.TIME_LIMIT
                break
    except KeyboardInterrupt:
        logger.info("interrupted after %.1f s, %d formulas kept", budget.elapsed(), len(archive))
        status = Status.INTERRUPTED
    if failures and not archive:
        status = Status.FAILED
    return SearchResult(archive.front, status, budget.elapsed(), failures)


def _survive(name: str, found: Iterator[Candidate], failures: dict[str, str]) -> Iterator[Candidate]:
    """What an engine yields, up to its end or its crash."""
    try:
        yield from found
    # The one place where every error is caught: a crash of one engine, ours or a guest's, must not lose what the
    # others found. It is logged with its traceback and reported in the result.
    except Exception as error:
        logger.exception("engine %s failed", name)
        failures[name] = f"{type(error).__name__}: {error}"
