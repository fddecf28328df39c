"""The driver: starts engines, hands out time, keeps the front, survives what goes wrong.

Two things decide what a search returns: the seed, and the time. Engines get random numbers by their place in the list;
what they are given to start from, and the order in which their candidates are merged, follow from the plan
(:mod:`closedform.waves`) and never from who was quicker. More processors find the same candidates sooner.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from closedform.crew import Crew, Task
from closedform.engines.base import Budget, Candidate, Engine, Problem
from closedform.exact import settles
from closedform.exceptions import Status
from closedform.finish import empty_archive, loss_floor
from closedform.symbolic.pareto import Archive
from closedform.waves import wave_time, waves

logger = logging.getLogger(__name__)
# Without this, Python would write the traceback of a failed engine to standard error of people who asked for no log.
logger.addHandler(logging.NullHandler())

# Most laws of textbooks are found within seconds: until then the first engine has the machine for itself, and nobody
# waits for other processes to start.
_SECONDS_ALONE = 2.0
# An engine that was stopped starts again where it gets so many times as long as before.
_MUCH_LONGER = 1.5


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
    n_jobs: int = 1,
) -> SearchResult:
    """Let engines work on a problem and keep what nobody beats.

    Parameters
    ----------
    problem : Problem
        Rows that may be looked at.
    engines : sequence of Engine
        In order. Those with a true attribute ``builds_on_others`` start when all the others are done, and are given the
        front of these. The time is shared by the engines' ``weight`` (1 where they have none); what one leaves over
        goes to the next, and what all of them leave over to those that were stopped by the clock: they start again from
        the front, where they get at least half as long again as before.
    budget : Budget
        Time for all of them.
    rng : numpy.random.Generator
        Each engine draws from a child of it, so that one engine's draws do not change another's.
    start : iterable of Candidate
        What an earlier search found (warm start).
    monitor : callable, optional
        Called with a :class:`Progress` whenever the front changes. An exception that it raises ends the search.
    n_jobs : int, default=1
        Engines that may work at a time. With more than one, engines work in processes of their own too, from the third
        second on; those that cannot be pickled work in the calling process.

    Returns
    -------
    SearchResult
        An interruption (Ctrl-C) ends the search with what was found so far. A law (:mod:`closedform.exact`) ends it
        too; engines that come earlier in the list than its finder may still finish, as long as that does not double the
        time, so that a race between engines does not decide what is returned.
    """
    driver = _Driver(problem, budget, monitor)
    driver.merge(start)
    if any(driver.is_settled(candidate) for candidate in driver.archive):
        return driver.result(Status.CONVERGED)
    plan, children = waves(engines), rng.spawn(len(engines))
    tasks: list[Task] = []
    for number, wave in enumerate(plan):
        later = [engines[position] for following in plan[number + 1 :] for position in following]
        time_left = wave_time(budget.remaining(), [engines[position] for position in wave], later, n_jobs)
        made = [Task(engines[position], children[position], driver.empty_archive()) for position in wave]
        ended = driver.work(made, budget.elapsed() + time_left, n_jobs, len(engines), first=number == 0)
        if ended is not None:
            return driver.result(ended)
        tasks += made
    # What all of them have left over goes to those that were stopped before: they start once more, from the front.
    cut = [task for task in tasks if task.late and task.limit > task.started]
    again = [task for task in cut if budget.remaining() / len(cut) > _MUCH_LONGER * (task.limit - task.started)]
    if again:
        driver.late = False
        made = [Task(task.engine, task.rng.spawn(1)[0], driver.empty_archive()) for task in again]
        ended = driver.work(made, budget.max_time, n_jobs, len(engines))
        if ended is not None:
            return driver.result(ended)
    return driver.result(Status.TIME_LIMIT if driver.late else Status.EXHAUSTED)


class _Driver:
    """What the waves of a search have in common."""

    def __init__(self, problem: Problem, budget: Budget, monitor: Monitor | None) -> None:
        self.problem, self.budget, self.monitor = problem, budget, monitor
        self.floor = loss_floor(problem)
        self.archive = self.empty_archive()
        # What has come so far in the order in which it came: for the monitor alone.
        self.latest = self.empty_archive()
        self.failures: dict[str, str] = {}
        self.late = False

    def empty_archive(self) -> Archive[Candidate]:
        return empty_archive(self.problem)

    def merge(self, candidates: Iterable[Candidate]) -> None:
        found = tuple(candidates)
        self.archive.update(found)
        self.latest.update(found)

    def work(self, tasks: list[Task], end: float, n_jobs: int, n_engines: int, *, first: bool = False) -> Status | None:
        """Let engines work side by side until some time, take what they find, and say whether that ends the search."""
        crew = Crew(
            self.problem,
            self.archive.front,
            tasks,
            self.budget,
            end=end,
            n_jobs=n_jobs,
            n_threads=max(1, n_jobs // n_engines),
            alone_until=_SECONDS_ALONE if first else 0.0,
            tell=self.tell,
            failures=self.failures,
        )
        try:
            crew.work()
        except KeyboardInterrupt:
            self.take(crew)
            logger.info("interrupted after %.1f s, %d formulas kept", self.budget.elapsed(), len(self.archive))
            return Status.INTERRUPTED
        self.take(crew)
        if any(task.law for task in tasks):
            found = any(self.is_settled(candidate) for candidate in self.archive)
            return Status.CONVERGED if found else Status.SETTLED
        return None

    def take(self, crew: Crew) -> None:
        """The results of a wave, in the order of its engines."""
        for task in crew.counting:
            self.merge(task.found)
        self.late |= any(task.late for task in crew.tasks)

    def tell(self, candidate: Candidate) -> None:
        """Tell the monitor about a candidate that changes the front."""
        if not self.latest.add(candidate):
            return
        logger.debug("%s found %s (loss %.3g)", candidate.engine, candidate.expression, candidate.loss)
        if self.monitor is not None:
            progress = Progress(candidate.engine, self.budget.elapsed(), self.budget.max_time, self.latest.front)
            self.monitor(progress)

    def is_settled(self, candidate: Candidate) -> bool:
        return candidate.loss <= self.floor and settles(candidate.expression, self.problem)

    def result(self, status: Status) -> SearchResult:
        if self.failures and not self.archive:
            status = Status.FAILED
        return SearchResult(self.archive.front, status, self.budget.elapsed(), self.failures)
