"""The driver: who gets how much time, what is kept, and how it ends whatever the engines do."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from closedform.engines.base import Budget, Candidate, Problem
from closedform.exceptions import Status
from closedform.losses import AbsoluteLoss
from closedform.search import Progress, search
from closedform.symbolic import Expression
from closedform.testing import make_problem
from toy_engines import AffineEngine, ScriptedEngine, candidate


def interrupt() -> None:
    raise KeyboardInterrupt


def crash() -> None:
    raise ZeroDivisionError("a bug")


def texts(found: tuple[Candidate, ...]) -> list[str]:
    return [str(one.expression) for one in found]


def run(problem: Problem, *engines, seconds: float = 10.0, seed: int = 0, **options):
    return search(problem, engines, budget=Budget(seconds), rng=np.random.default_rng(seed), **options)


@pytest.fixture
def problem() -> Problem:
    return make_problem("2.5*x*y")


def test_the_front_is_what_nobody_beats(problem):
    result = run(problem, ScriptedEngine(("x*y", "x + y", "2.5*x*y", "x", "2.5*x*y + 0.0*x", "log(x - 2)")))
    assert texts(result.candidates) == ["x", "x*y", "2.5*x*y"]
    assert result.status is Status.EXHAUSTED
    assert not result.failures


def test_larger_formulas_than_allowed_are_refused():
    result = run(make_problem("2.5*x*y", max_complexity=3), ScriptedEngine(("2.5*x*y", "x*y")))
    assert texts(result.candidates) == ["x*y"]


def test_the_search_ends_when_a_formula_is_exact():
    problem = make_problem("2.5*x*y", noise=0.0)
    result = run(problem, ScriptedEngine(("x", "2.5*x*y")), ScriptedEngine((), event=crash, at=0, name="never"))
    assert result.status is Status.CONVERGED
    assert texts(result.candidates) == ["x", "2.5*x*y"]


def test_exact_means_exact_in_the_loss_of_the_problem():
    problem = make_problem("2.5*x*y", noise=0.0, loss=AbsoluteLoss())
    assert run(problem, ScriptedEngine(("2.5*x*y",))).status is Status.CONVERGED
    # A squared error of 1e-12 would be one of 1e-6: far from rounding.
    assert run(problem, ScriptedEngine(("2.5*x*y + 0.000001",))).status is Status.EXHAUSTED


@dataclass(frozen=True)
class SettledEngine(AffineEngine):
    """An engine that says of its last formula that nothing is left to be found."""

    def candidates(self, problem, *, budget, archive, rng):
        for found in super().candidates(problem, budget=budget, archive=archive, rng=rng):
            yield found
        yield replace(found, settled=True)


def test_the_search_ends_when_an_engine_sees_nothing_but_noise_left():
    problem = make_problem("2.5*x", noise=0.1)
    result = run(problem, SettledEngine(), ScriptedEngine((), event=crash, at=0, name="never"))
    assert result.status is Status.SETTLED
    assert not result.failures
    assert len(result.candidates) > 0


def test_ctrl_c_keeps_what_was_found(problem):
    result = run(problem, ScriptedEngine(("x", "x*y", "2.5*x*y"), event=interrupt, at=2), AffineEngine())
    assert result.status is Status.INTERRUPTED
    assert texts(result.candidates) == ["x", "x*y"]


def test_a_crash_of_one_engine_leaves_the_others_at_work(problem, caplog):
    with caplog.at_level(logging.ERROR):
        result = run(problem, ScriptedEngine(("x", "y"), event=crash, at=1, name="weak"), ScriptedEngine(("x*y",)))
    assert texts(result.candidates) == ["x", "x*y"]
    assert result.failures == {"weak": "ZeroDivisionError: a bug"}
    assert result.status is Status.EXHAUSTED
    assert "engine weak failed" in caplog.text and "Traceback" in caplog.text


def test_nothing_but_crashes_is_a_failure(problem, caplog):
    with caplog.at_level(logging.CRITICAL):
        result = run(problem, ScriptedEngine(("x",), event=crash, at=0))
    assert result.status is Status.FAILED
    assert result.candidates == ()


def test_formulas_found_before_are_on_the_front_and_handed_on(problem):
    seen = []

    class Reader(AffineEngine):
        builds_on_others = True

        def candidates(self, problem, *, budget, archive, rng):
            seen.extend(archive)
            return iter(())

    old = candidate(Expression.parse("2.5*x*y"), problem, "before")
    result = run(problem, ScriptedEngine(("x",)), Reader(), start=[old])
    assert texts(result.candidates) == ["x", "2.5*x*y"]
    assert tuple(seen) == result.candidates


@dataclass(frozen=True)
class Clock:
    """A clock that only moves when told to."""

    now: list[float]

    def __call__(self) -> float:
        return self.now[0]


@dataclass(frozen=True)
class WorkingEngine:
    """Works for a number of seconds of a clock that is told so, or as long as it may, and notes what it was given."""

    clock: Clock
    given: list[float]
    seconds: float = np.inf
    name: str = "working"

    def candidates(self, problem, *, budget, archive, rng):
        self.given.append(budget.max_time)
        self.clock.now[0] += min(self.seconds, budget.remaining())
        yield candidate(Expression.parse("x"), problem, self.name)


def timed(problem: Problem, make: Callable[[Clock, list[float]], list], seconds: float):
    clock, given = Clock([0.0]), []
    engines = make(clock, given)
    return search(problem, engines, budget=Budget(seconds, clock), rng=np.random.default_rng(0)), given


def test_engines_share_the_time_and_what_one_leaves_goes_to_the_next(problem):
    result, given = timed(problem, lambda clock, given: [WorkingEngine(clock, given, 1.0)] * 3, 12.0)
    assert given == [4.0, 5.5, 10.0]
    assert result.status is Status.EXHAUSTED
    assert result.seconds == 3.0


@dataclass(frozen=True)
class PatientEngine:
    """Finds the law if it is given time for it; until then it waits."""

    needs: float = 0.8
    name: str = "patient"
    weight: float = 0.25

    def candidates(self, problem, *, budget, archive, rng):
        del rng
        while not budget.expired():
            time.sleep(0.005)
            if not budget.expired() and budget.elapsed() > self.needs:
                yield candidate(Expression.parse("2.5*x*y"), problem, self.name)
                return
        yield candidate(Expression.parse("x" if not archive else "x + y"), problem, self.name)


def test_time_that_all_leave_over_goes_to_those_that_were_stopped():
    problem = make_problem("2.5*x*y", noise=0.0)
    result = run(problem, PatientEngine(), ScriptedEngine(("y",)), seconds=2.0)
    assert result.status is Status.CONVERGED
    assert texts(result.candidates)[-1] == "2.5*x*y"


def test_an_engine_is_not_started_again_for_the_same_time():
    problem = make_problem("2.5*x*y", noise=0.0)
    result = run(problem, PatientEngine(needs=1.0), PatientEngine(needs=1.0, name="other"), seconds=1.0)
    assert result.status is Status.TIME_LIMIT
    assert "2.5*x*y" not in texts(result.candidates)


def test_a_search_that_used_up_its_time_says_so(problem):
    result, given = timed(problem, lambda clock, given: [WorkingEngine(clock, given)] * 2, 12.0)
    assert given == [6.0, 6.0]
    assert result.status is Status.TIME_LIMIT


def test_an_engine_that_does_not_look_at_the_clock_is_stopped(problem):
    clock = Clock([0.0])

    @dataclass(frozen=True)
    class Endless:
        name: str = "endless"

        def candidates(self, problem, *, budget, archive, rng):
            while True:
                clock.now[0] += 1.0
                yield candidate(Expression.parse("x"), problem, self.name)

    engines = [Endless(), Endless(), ScriptedEngine(("x*y",))]
    result = search(problem, engines, budget=Budget(12.0, clock), rng=np.random.default_rng(0))
    assert texts(result.candidates) == ["x", "x*y"]
    assert result.seconds == 8.0


def test_one_engine_does_not_change_the_draws_of_another(problem):
    @dataclass(frozen=True)
    class Drawing:
        draws: int
        name: str = "drawing"

        def candidates(self, problem, *, budget, archive, rng):
            value = rng.random(self.draws)[-1]
            yield candidate(Expression.parse(f"{value!r}*x"), problem, self.name)

    @dataclass(frozen=True)
    class Noting:
        noted: list
        name: str = "noting"

        def candidates(self, problem, *, budget, archive, rng):
            self.noted.append(rng.random())
            return iter(())

    noted = []
    for draws in (1, 5):
        run(problem, Drawing(draws), Noting(noted))
    assert noted[0] == noted[1]


def test_a_monitor_is_told_whenever_the_front_changes(problem):
    told: list[Progress] = []
    run(problem, ScriptedEngine(("x", "x", "x*y", "y*x", "2.5*x*y")), monitor=told.append)
    assert [texts(progress.front) for progress in told] == [["x"], ["x", "x*y"], ["x", "x*y", "2.5*x*y"]]
    assert all(progress.engine == "scripted" and progress.max_time == 10.0 for progress in told)
    assert [progress.elapsed for progress in told] == sorted(progress.elapsed for progress in told)


def test_an_error_of_the_monitor_is_not_taken_for_one_of_the_engine(problem):
    def broken(progress: Progress) -> None:
        raise RuntimeError("no display")

    with pytest.raises(RuntimeError, match="no display"):
        run(problem, ScriptedEngine(("x",)), monitor=broken)


def test_results_pickle(problem):
    result = run(problem, AffineEngine())
    assert pickle.loads(pickle.dumps(result)) == result
