"""The engines of one wave at work: one in the calling process, the others, if any, in processes of their own."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from closedform.engines.base import Budget, Candidate, Engine, Problem
from closedform.exact import settles
from closedform.finish import admitted_candidate, loss_floor
from closedform.parallel import CannotSendError, Kind, Worker
from closedform.symbolic.pareto import Archive
from closedform.waves import engine_time

# One name for the whole driver: people who want its log should not have to know its files.
logger = logging.getLogger("closedform.search")

# Seconds between two looks at what the other processes have told, while an engine works in this one.
_LOOK_EVERY = 0.05
# Seconds that an engine in another process may go beyond its time before it is stopped.
_SLACK = 0.5
# When a law is found, engines that come before its finder get as long again as the search has taken, at least this, to
# find it too: else the first of two that are equally quick would change from run to run.
_LEAST_GRACE = 1.0
# What the clock of an engine that has to stop says; finite, so that budgets made from it work.
_FAR_FUTURE = 1e12


@dataclass(eq=False)
class Task:
    """An engine of a wave, and how it is getting on.

    Parameters
    ----------
    engine : Engine
        The engine.
    rng : numpy.random.Generator
        Its random numbers.
    found : Archive
        What it has found.
    state : {"waiting", "here", "elsewhere", "done"}
        Whether it works, and in this process or in another.
    limit : float
        When it has to stop, in seconds since the search began.
    started : float
        When it began.
    late : bool
        Whether it was stopped by the clock.
    law : bool
        Whether it has found a law, or what it takes for one with noise.
    stay : bool
        Whether it can only work in the calling process.
    worker : Worker, optional
        The process that it works in.
    """

    engine: Engine
    rng: np.random.Generator
    found: Archive[Candidate]
    state: str = "waiting"
    limit: float = 0.0
    started: float = 0.0
    late: bool = False
    law: bool = False
    stay: bool = False
    worker: Worker | None = None


@dataclass(eq=False)
class Crew:
    """The engines of one wave.

    Parameters
    ----------
    problem : Problem
        What they work on.
    front : tuple of Candidate
        What they are given to start from.
    tasks : list of Task
        The engines in order.
    budget : Budget
        That of the whole search.
    end : float
        When the wave has to end, in seconds since the search began.
    n_jobs : int
        Engines that may work at a time.
    n_threads : int
        Threads that the numerical libraries of another process may use.
    alone_until : float
        No other process is started before, in seconds since the search began.
    tell : callable
        Told every candidate as it comes.
    failures : dict
        Gets the errors of engines that crash.
    """

    problem: Problem
    front: tuple[Candidate, ...]
    tasks: list[Task]
    budget: Budget
    end: float
    n_jobs: int
    n_threads: int
    alone_until: float
    tell: Callable[[Candidate], None]
    failures: dict[str, str]
    _messages: queue.SimpleQueue[tuple[Task, Kind, Any]] = field(default_factory=queue.SimpleQueue)
    _next_look: float = 0.0
    _error: Exception | None = None

    def work(self) -> None:
        """Work until every engine is done, or those before the finder of a law are."""
        self._floor = loss_floor(self.problem)
        try:
            while self._error is None:
                here = next(self._in_state("waiting"), None)
                if here is not None:
                    self._work_here(here)
                elif any(self._in_state("elsewhere")):
                    self._wait()
                else:
                    break
        finally:
            self._stop_all()
        if self._error is not None:
            raise self._error

    @property
    def counting(self) -> list[Task]:
        """The tasks whose results count: those up to the first that found a law."""
        first = next((position for position, task in enumerate(self.tasks) if task.law), len(self.tasks))
        return self.tasks[: first + 1]

    # --- in this process ----------------------------------------------------------------------------------------------

    def _work_here(self, task: Task) -> None:
        if not self._start(task, "here"):
            return
        share = Budget(task.limit - self.budget.elapsed(), lambda: self._clock(task))
        found = task.engine.candidates(self.problem, budget=share, archive=self.front, rng=task.rng)
        for candidate in self._survive(task, found):
            self._take(task, candidate)
            # An engine should look at the clock itself; one that does not must not take the others' time.
            if task.state == "done" or share.expired():
                break
        task.late |= share.expired() and task.state == "here"
        task.state = "done"

    def _clock(self, task: Task) -> float:
        """Seconds since the search began; the engine that asks lets us look after the others meanwhile."""
        now = self.budget.elapsed()
        if self.n_jobs > 1 and now >= self._next_look:
            self._next_look = now + _LOOK_EVERY
            try:
                self._look()
            # An error of the caller's monitor must neither be taken for one of the engine nor be swallowed by it.
            except Exception as error:
                self._error, task.state = error, "done"
        return now if task.state == "here" and now < task.limit else max(now, _FAR_FUTURE)

    def _survive(self, task: Task, found: Iterator[Candidate]) -> Iterator[Candidate]:
        """What an engine yields, up to its end or its crash."""
        try:
            yield from found
        # The one place where every error is caught: a crash of one engine, ours or a guest's, must not lose what the
        # others found. It is logged with its traceback and reported in the result.
        except Exception as error:
            logger.exception("engine %s failed", task.engine.name)
            self.failures[task.engine.name] = f"{type(error).__name__}: {error}"

    # --- in other processes -------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Take what was told, stop who is late, and start who can be."""
        while not self._messages.empty():
            self._hear(*self._messages.get())
        now = self.budget.elapsed()
        for task in self._in_state("elsewhere"):
            if now > task.limit + _SLACK:
                task.late = True
                self._stop(task)
        if now < self.alone_until:
            return
        for task in self._in_state("waiting"):
            if not task.stay and self._n_free() > 0:
                self._send(task)

    def _wait(self) -> None:
        """Nothing to do in this process: wait for the others to tell something."""
        try:
            self._hear(*self._messages.get(timeout=_LOOK_EVERY))
        except queue.Empty:
            pass
        self._look()

    def _send(self, task: Task) -> None:
        if not self._start(task, "elsewhere"):
            return
        deadline = time.time() + task.limit - self.budget.elapsed()
        # A copy has nothing of what the original has computed and kept.
        arguments = (task.engine, replace(self.problem), deadline, self.front, task.rng)
        try:
            task.worker = Worker(
                _run, arguments, lambda kind, value: self._messages.put((task, kind, value)), self.n_threads
            )
        except CannotSendError as reason:
            self._refused(task, str(reason))

    def _hear(self, task: Task, kind: Kind, value: Any) -> None:
        if task.state != "elsewhere":
            return
        if kind == "item":
            self._take(task, value)
            return
        task.state = "done"
        if kind == "refused":
            self._refused(task, value)
        elif kind == "error":
            self.failures[task.engine.name] = value[0]
            logger.error("engine %s failed\n%s", task.engine.name, value[1])
        elif kind == "lost":
            self.failures[task.engine.name] = value
            logger.error("engine %s failed: %s", task.engine.name, value)
        else:
            task.late |= self.budget.elapsed() >= task.limit

    def _refused(self, task: Task, reason: str) -> None:
        logger.info("engine %s works in the calling process: %s", task.engine.name, reason)
        task.state, task.stay, task.worker = "waiting", True, None

    # --- in both ------------------------------------------------------------------------------------------------------

    def _in_state(self, state: str) -> Iterator[Task]:
        return (task for task in self.tasks if task.state == state)

    def _n_free(self) -> int:
        return self.n_jobs - sum(task.state in ("here", "elsewhere") for task in self.tasks)

    def _start(self, task: Task, state: str) -> bool:
        """Give an engine its time, and say whether there is any."""
        now, waiting = self.budget.elapsed(), [one.engine for one in self._in_state("waiting")]
        share = engine_time(self.end - now, task.engine, waiting, self._n_free())
        task.started, task.limit = now, min(now + share, self.end)
        task.late = share <= 0
        task.state = "done" if task.late else state
        return not task.late

    def _take(self, task: Task, proposed: Candidate) -> None:
        candidate = self._kept(task, proposed)
        if candidate is not None:
            self.tell(candidate)
        law = candidate is not None and candidate.loss <= self._floor and settles(candidate.expression, self.problem)
        if law or proposed.settled:
            task.law = True
            self._close_after(task)

    def _kept(self, task: Task, proposed: Candidate) -> Candidate | None:
        """The candidate as it is kept, if nothing that its engine has found is as good."""
        seconds = min(task.started + proposed.seconds, self.budget.elapsed())
        candidate = admitted_candidate(replace(proposed, seconds=seconds), self.problem, task.found)
        return candidate if candidate is not None and task.found.add(candidate) else None

    def _close_after(self, finder: Task) -> None:
        """A law was found: its finder and those after it stop, those before it may find it too."""
        now = self.budget.elapsed()
        grace = max(now, _LEAST_GRACE)
        position = self.tasks.index(finder)
        self.end = min(self.end, now + grace)
        for task in self.tasks[:position]:
            task.limit = min(task.limit, now + grace)
        for task in self.tasks[position:]:
            self._stop(task)

    def _stop(self, task: Task) -> None:
        task.state = "done"
        if task.worker is not None:
            task.worker.stop()
            task.worker = None

    def _stop_all(self) -> None:
        for task in self.tasks:
            self._stop(task)
        # After an interruption, what was told and not yet heard is kept as well.
        while not self._messages.empty():
            task, kind, value = self._messages.get()
            if kind == "item" and not task.law:
                self._kept(task, value)


def _run(
    engine: Engine, problem: Problem, deadline: float, front: tuple[Candidate, ...], rng: np.random.Generator
) -> Iterator[Candidate]:
    """What the other process does: let an engine work until a time of day."""
    budget = Budget(max(0.0, deadline - time.time()))
    for candidate in engine.candidates(problem, budget=budget, archive=front, rng=rng):
        yield candidate
        if budget.expired():
            return
