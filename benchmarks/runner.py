"""Fits on many problems: each in its own process, several at a time, one line of JSON for each as it finishes."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.problems import TARGET, Problem
from benchmarks.runner_machine import describe_machine
from benchmarks.scoring import SCORES, readable, score
from benchmarks.scoring_process import Outcome, end_all, run_limited

Report = Callable[[dict[str, Any]], None]

N_TEST = 2000
ESTIMATORS = {"lies": "closedform:LIESRegressor", "symbolic": "closedform:SymbolicRegressor"}
# The option `units` with this value stands for the units of each problem.
GIVEN = "given"
# What makes two runs the same run: a row with all of these equal is not measured again.
IDENTITY = ("set", "name", "noise", "seed", "estimator", "options", "n_samples", "max_time")


@dataclass(frozen=True)
class Settings:
    """How every problem of a run is treated."""

    estimator: str
    options: dict[str, Any] = field(default_factory=dict)
    n_samples: int = 2000
    noise: float = 0.0
    seed: int = 0
    max_time: float = 60.0
    check_time: float = 20.0
    n_jobs: int = 1

    @property
    def hard_limit(self) -> float:
        """Seconds after which a fit is stopped from outside."""
        return 1.5 * self.max_time + 30.0


def with_units(settings: Settings, problem: Problem) -> Settings:
    """The settings for one problem: its own units, where units are to be told and the table has them."""
    if settings.options.get("units") != GIVEN:
        return settings
    return replace(settings, options={**settings.options, "units": dict(problem.units) or None})


def make_estimator(settings: Settings) -> Any:
    """Build the estimator: a known name, or ``module:function``.

    Called with ``max_time``, ``random_state`` and ``n_jobs``, those of them that it has, and the options.
    """
    path = ESTIMATORS.get(settings.estimator, settings.estimator)
    module, _, name = path.partition(":")
    if not name:
        raise ValueError(f"unknown estimator {path!r}: expected {', '.join(ESTIMATORS)} or module:function")
    factory = getattr(importlib.import_module(module), name)
    given = {"max_time": settings.max_time, "random_state": settings.seed, "n_jobs": settings.n_jobs}
    parameters = inspect.signature(factory).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    known = {key: value for key, value in given.items() if takes_all or key in parameters}
    return factory(**{**known, **settings.options})


# ------------------------------------------------------------------------------------------------ one fit


def equation_text(estimator: Any) -> str:
    """The chosen formula of a fitted estimator as text."""
    for attribute in ("expression_", "sympy", "equation_"):
        value = getattr(estimator, attribute, None)
        if value is not None:
            return str(value() if callable(value) else value)
    raise AttributeError("the estimator has none of expression_, sympy(), equation_")


def seconds_to_best(estimator: Any) -> float | None:
    """When the chosen formula was found, where the estimator says so."""
    best = getattr(estimator, "get_best", None)
    if best is None:
        return None
    value = best().get("seconds")
    return None if value is None else float(value)


def claims_exact(estimator: Any) -> bool | None:
    """Whether the chosen formula is claimed to be the law itself, where the estimator makes such claims."""
    best = getattr(estimator, "get_best", None)
    value = None if best is None else best().get("exact")
    return None if value is None else bool(value)


def fit_one(report: Report, problem: Problem, settings: Settings) -> None:
    """Fit one problem and report the formula and its predictions on the test rows (inputs only are shown to it)."""
    import pandas as pd

    X, y = problem.training_rows(settings.n_samples, settings.noise, settings.seed)
    X_test, _ = problem.test_rows(N_TEST, settings.seed)
    frame, test_frame = (pd.DataFrame(rows, columns=list(problem.names)) for rows in (X, X_test))
    estimator = make_estimator(with_units(settings, problem))
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        estimator.fit(frame, pd.Series(y, name=TARGET))
    report({"fit_seconds": round(time.perf_counter() - started, 3), "equation": equation_text(estimator)})
    report({"predicted": np.asarray(estimator.predict(test_frame), dtype=float).ravel()})
    report({"warnings": [f"{w.category.__name__}: {w.message}"[:300] for w in caught[:5]]})
    status = getattr(estimator, "status_", None)
    report({"seconds_to_best": seconds_to_best(estimator), "estimator_status": getattr(status, "name", status)})
    report({"claims_exact": claims_exact(estimator), "memory_mb": _peak_memory()})


def _peak_memory() -> int | None:
    """Largest resident memory of this process in MB."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def run_problem(problem: Problem, settings: Settings) -> dict[str, Any]:
    """Fit and score one problem: the row of the results."""
    started = time.monotonic()
    outcome = run_limited(fit_one, problem, settings, seconds=settings.hard_limit)
    row = _fitted_row(problem, settings, outcome)
    predicted = outcome.reported.get("predicted")
    if row["equation"] is not None:
        row["size_of_text"] = len(row["equation"])
        reason = readable(problem, row["equation"])
        if reason is not None:
            row["status"] = "unreadable" if row["status"] == "ok" else row["status"]
            row["message"] = row["message"] or reason
        if predicted is not None and reason is None:
            row |= score(
                problem, row["equation"], predicted, seed=settings.seed, noise=settings.noise,
                check_time=settings.check_time,
            )  # fmt: skip
    row["total_seconds"] = round(time.monotonic() - started, 3)
    return row


def _fitted_row(problem: Problem, settings: Settings, outcome: Outcome) -> dict[str, Any]:
    given = asdict(settings)
    del given["check_time"]
    reported = dict(outcome.reported)
    reported.pop("predicted", None)
    fit_seconds = reported.pop("fit_seconds", None)
    return {
        "set": problem.set, "name": problem.name, "n_variables": len(problem.variables), "truth": problem.text,
        **given, "status": outcome.status, "message": outcome.message, "equation": None, "fit_seconds": fit_seconds,
        "overrun": fit_seconds is not None and fit_seconds > 1.1 * settings.max_time + 1.0,
        **dict.fromkeys(SCORES), **reported,
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------ many


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a result file, of repeated measurements the last; a torn line is left out."""
    return last_rows(path, identity)


def last_rows(path: Path, identity: Callable[[dict[str, Any]], str | None]) -> list[dict[str, Any]]:
    """The last row of each identity in a file of JSON lines; torn lines and rows without identity are left out."""
    rows: dict[str, dict[str, Any]] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            name = identity(row) if isinstance(row, dict) else None
            if name is not None:
                rows[name] = row
    return list(rows.values())


def identity(row: dict[str, Any]) -> str:
    """What tells one measurement from another, as text."""
    values = [row.get(key) for key in IDENTITY]
    return json.dumps([float(v) if isinstance(v, int | float) else v for v in values], sort_keys=True)


def _plain(value: Any) -> Any:
    """A value JSON can hold: NumPy scalars unpacked, nan and inf as None, floats with 7 digits."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | bool | None) else str(value)


class Results:
    """A file of rows that only grows; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, row: dict[str, Any]) -> None:
        """Append one row, on a line of its own even after a torn one."""
        line = json.dumps(_plain(row), allow_nan=False) + "\n"
        with self.lock, self.path.open("a+b") as file:
            if file.seek(0, os.SEEK_END) > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = "\n" + line
            file.write(line.encode())


def remaining(
    problems: Iterable[Problem], settings: Settings, rows: list[dict[str, Any]], retry: bool = False
) -> list[Problem]:
    """The problems without a row yet; with ``retry`` also those whose row is a failure."""
    done = {identity(row) for row in rows if not (retry and row["status"] in ("crash", "timeout", "error"))}
    given = _plain(asdict(settings))
    return [p for p in problems if identity({**given, "set": p.set, "name": p.name}) not in done]


def run(problems: list[Problem], settings: Settings, results: Results, *, jobs: int = 1) -> Iterator[dict[str, Any]]:
    """Run problems, ``jobs`` at a time, and yield their rows as they finish and are written."""
    machine = describe_machine() | {"jobs": jobs}
    waiting = iter(problems)
    lock, finished, stop = threading.Lock(), [], threading.Event()
    wake = threading.Condition()

    def work() -> None:
        while not stop.is_set():
            with lock:
                problem = next(waiting, None)
            if problem is None:
                return
            row = run_problem(problem, settings) | {"machine": machine}
            if stop.is_set():
                return  # ended from outside: not a result
            results.add(row)
            with wake:
                finished.append(row)
                wake.notify()

    with ThreadPoolExecutor(jobs) as pool:
        workers = [pool.submit(work) for _ in range(jobs)]
        try:
            yield from _drain(workers, finished, wake)
        finally:
            stop.set()
            # Once more while any is at work: a process may just be starting.
            while wait(workers, timeout=0.1).not_done:
                end_all()


def _drain(workers: list[Any], finished: list[dict[str, Any]], wake: threading.Condition) -> Iterator[dict[str, Any]]:
    while True:
        with wake:
            while not finished and not all(worker.done() for worker in workers):
                wake.wait(0.5)
            rows, finished[:] = list(finished), []
        yield from rows
        if not rows and all(worker.done() for worker in workers):
            for worker in workers:
                worker.result()  # an error of the harness itself is not a result
            return
