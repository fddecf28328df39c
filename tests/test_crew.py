"""Engines side by side: what they find is what they find one after the other, and nobody brings the others down."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import closedform.search
from closedform.engines.base import Budget, Problem
from closedform.exceptions import Status
from closedform.search import Progress, search
from closedform.testing import make_problem
from closedform.waves import engine_time, wave_time
from toy_engines import ScriptedEngine, SlowEngine


@pytest.fixture(autouse=True)
def other_processes_at_once(monkeypatch):
    monkeypatch.setattr(closedform.search, "_SECONDS_ALONE", 0.0)


@pytest.fixture
def problem() -> Problem:
    return make_problem("2.5*x*y")


def run(problem: Problem, *engines, seconds: float = 60.0, n_jobs: int = 2, **options):
    rng = np.random.default_rng(0)
    return search(problem, engines, budget=Budget(seconds), rng=rng, n_jobs=n_jobs, **options)


def found(result) -> list[tuple[str, str]]:
    return [(one.engine, str(one.expression)) for one in result.candidates]


def team(note: str) -> list[SlowEngine]:
    """Five engines; they find the same forms, so that the order of merging decides whose are kept."""
    return [
        SlowEngine(name="a", text="{}*x*y", steps=6, note=note),
        SlowEngine(name="b", text="2.5*x*y + 0*{}", steps=2, note=note),
        SlowEngine(name="last", text="{}*x*y + 1", steps=3, builds_on_others=True, note=note),
        SlowEngine(name="c", text="{}*x*y", pause=0.05, note=note),
        SlowEngine(name="d", text="{}*x + y", pause=0.0, note=note),
    ]


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_more_processors_change_nothing_but_the_time(problem, tmp_path, n_jobs):
    alone = run(problem, *team(str(tmp_path / "1")), n_jobs=1)
    together = run(problem, *team(str(tmp_path / "2")), n_jobs=n_jobs)
    assert found(together) == found(alone)
    assert [one.loss for one in together.candidates] == [one.loss for one in alone.candidates]
    assert together.status is alone.status is Status.EXHAUSTED
    used = [{line.split()[0] for line in Path(tmp_path / name).read_text().splitlines()} for name in "12"]
    assert used[0] == {str(os.getpid())}
    assert len(used[1]) > 1


def test_engines_that_build_on_others_get_the_front_of_all_of_these(problem, tmp_path):
    note = tmp_path / "note"
    last = SlowEngine(name="last", builds_on_others=True, note=str(note), steps=0)
    result = run(problem, last, ScriptedEngine(("x", "2.5*x*y")), SlowEngine(text="x*y + 0*{}", steps=1))
    assert [engine for engine, _ in found(result)] == ["scripted", "slow", "scripted"]
    assert int(note.read_text().split()[1]) == 3


def test_nothing_is_started_for_a_law_found_at_once(monkeypatch):
    monkeypatch.setattr(closedform.search, "_SECONDS_ALONE", 30.0)
    monkeypatch.setattr("closedform.crew.Worker", lambda *task: pytest.fail("a process was started"))
    problem = make_problem("2.5*x*y", noise=0.0)
    result = run(problem, SlowEngine(), ScriptedEngine(("x", "2.5*x*y")), SlowEngine(steps=1000))
    assert result.status is Status.CONVERGED


def test_a_law_found_elsewhere_ends_the_search():
    problem = make_problem("2.5*x*y", noise=0.0)
    endless = SlowEngine(steps=10**6, text="{}*x", name="endless")
    result = run(problem, endless, ScriptedEngine(("2.5*x*y", "x*y")), endless, seconds=50.0)
    assert result.status is Status.CONVERGED
    assert found(result)[-1] == ("scripted", "2.5*x*y")
    assert result.seconds < 30.0


def test_an_engine_before_the_finder_of_a_law_may_find_it_too():
    problem = make_problem("2.5*x*y", noise=0.0)
    slower = SlowEngine(steps=1, pause=1.2, text="5/2*x*y + 0*{}", name="slower")
    result = run(problem, slower, ScriptedEngine(("2.5*x*y",)))
    assert [engine for engine, _ in found(result)] == ["slower"]


def test_a_crash_elsewhere_is_reported_with_its_traceback(problem, caplog):
    with caplog.at_level(logging.ERROR):
        result = run(problem, SlowEngine(steps=100), SlowEngine(text="{}*x*y", name="weak", crash_at=2))
    assert result.failures == {"weak": "ZeroDivisionError: a bug"}
    assert {engine for engine, _ in found(result)} == {"slow", "weak"}
    assert "engine weak failed" in caplog.text and "Traceback" in caplog.text
    assert result.status is Status.EXHAUSTED


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signals")
def test_a_killed_process_is_reported_and_the_rest_goes_on(problem, caplog):
    victim = SlowEngine(text="{}*x*y", name="victim", die_at=2)
    with caplog.at_level(logging.ERROR):
        result = run(problem, SlowEngine(steps=100), victim, SlowEngine(text="{}*x*y + 1", name="third"))
    assert result.failures == {"victim": "its process was killed by signal 9"}
    assert "victim" in {engine for engine, _ in found(result)}
    assert result.status is Status.EXHAUSTED


def test_an_engine_that_does_not_pickle_works_in_the_calling_process(problem):
    seen = []
    scripted = ScriptedEngine(("2.5*x*y",), event=lambda: seen.append(os.getpid()), at=0)
    result = run(problem, SlowEngine(steps=3), scripted)
    assert seen == [os.getpid()]
    assert found(result)[-1] == ("scripted", "2.5*x*y")


def test_an_engine_elsewhere_that_does_not_look_at_the_clock_is_stopped(problem):
    deaf = SlowEngine(steps=2, pause=0.0, text="{}*x*y", name="deaf")
    result = run(problem, SlowEngine(steps=10**6), Deaf(deaf), seconds=3.0)
    assert result.status is Status.TIME_LIMIT
    assert result.seconds < 10.0


@dataclass(frozen=True)
class Deaf:
    """An engine that sleeps when it should stop."""

    inner: SlowEngine
    name: str = "deaf"

    def candidates(self, problem, **rest):
        yield from self.inner.candidates(problem, **rest)
        time.sleep(300)


def test_ctrl_c_keeps_what_was_found_everywhere_and_leaves_no_process(problem, signals_heeded):
    told: list[str] = []

    def monitor(progress: Progress) -> None:
        told.append(progress.engine)
        if {"here", "elsewhere"} <= set(told):
            threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()

    engines = [
        SlowEngine(steps=10**6, text="{}*x", name="here"),
        SlowEngine(steps=10**6, text="{}*x*y", name="elsewhere"),
    ]
    before = threading.active_count()
    result = run(problem, *engines, monitor=monitor)
    assert result.status is Status.INTERRUPTED
    assert {engine for engine, _ in found(result)} == {"here", "elsewhere"}
    assert threading.active_count() <= before + 1


def test_an_error_of_the_monitor_about_another_process_ends_the_search(problem):
    def monitor(progress: Progress) -> None:
        if progress.engine == "elsewhere":
            raise RuntimeError("no display")

    engines = [SlowEngine(steps=10**6), SlowEngine(text="{}*x*y", name="elsewhere")]
    with pytest.raises(RuntimeError, match="no display"):
        run(problem, *engines, monitor=monitor)


def test_the_seconds_of_a_formula_count_from_the_start_of_the_search(problem):
    late = SlowEngine(steps=1, pause=0.2, text="2.5*x*y + 0*{}", builds_on_others=True, name="late")
    result = run(problem, SlowEngine(steps=1, pause=0.3), late, n_jobs=1)
    assert 0.5 <= result.candidates[-1].seconds <= result.seconds


# --- time -------------------------------------------------------------------------------------------------------------


def test_time_is_shared_by_weight_and_by_the_free_processors():
    @dataclass(frozen=True)
    class Weighted:
        weight: float

    heavy, light = Weighted(2.0), Weighted(1.0)
    assert wave_time(60.0, [heavy, light], [light], 1) == 45.0
    assert wave_time(60.0, [heavy, light], [light], 2) == 40.0
    assert wave_time(60.0, [light], [], 2) == 60.0
    waiting = [heavy, light, light]
    assert engine_time(12.0, heavy, waiting, 1) == 6.0
    assert engine_time(12.0, heavy, waiting, 2) == 12.0
    assert engine_time(12.0, light, waiting[1:], 1) == 6.0
    assert engine_time(12.0, light, waiting[2:], 2) == 12.0
