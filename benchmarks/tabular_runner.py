"""Fits of many models on many tables: each in its own process, one line of JSON for each as it finishes.

What is measured is a *cell*: a dictionary of everything that tells one measurement from another (set, fold or feature,
model, options, seed, ...). A row is the cell with what was found.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.formulas import parse_option
from benchmarks.runner import Results, last_rows
from benchmarks.runner_machine import describe_machine
from benchmarks.scoring_process import end_all, limit_threads, run_limited

Cell = dict[str, Any]
Row = dict[str, Any]
Measure = Callable[[Callable[[dict[str, Any]], None], Cell, "Path | None"], None]

# Loaded once by the server that fits are forked from; each fit would spend seconds on them otherwise.
PRELOADED = (
    "numpy", "pandas", "scipy.linalg", "scipy.optimize", "sklearn.ensemble", "sklearn.linear_model",
    "sklearn.neural_network", "sklearn.compose", "sklearn.pipeline", "sklearn.preprocessing", "sklearn.impute",
    "sklearn.model_selection", "sklearn.metrics", "sklearn.datasets",
)  # fmt: skip
PACKAGES = ("scikit-learn", "pandas", "interpret-core", "pygam")
REPEATABLE = ("crash", "timeout", "error")


def identity(row: Row, keys: tuple[str, ...]) -> str:
    """What tells one measurement from another, as text."""
    return json.dumps([row.get(key) for key in keys], sort_keys=True)


def read_rows(path: Path, keys: tuple[str, ...]) -> list[Row]:
    """The rows of a result file, of repeated measurements the last; a torn line is left out."""
    return last_rows(path, lambda row: identity(row, keys) if all(key in row for key in keys) else None)


@dataclass(frozen=True)
class Plan:
    """How the cells of a run are measured.

    Attributes
    ----------
    measure : called in the process of a cell with a function that takes results, the cell, and the folder of tables.
    keys : what tells one cell from another.
    group : the keys of cells that are alike, of which the rest is left out after one ran out of time.
    seconds : limit for the fit; a process is stopped after that plus a minute for loading and prediction.
    """

    measure: Measure
    keys: tuple[str, ...]
    group: tuple[str, ...]
    data_dir: Path | None
    seconds: float
    threads: int = 1
    jobs: int = 1
    retry: bool = False


def start_server() -> None:
    """Start the server that fits are forked from, with the large libraries in it."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        from multiprocessing import forkserver

        multiprocessing.get_context("forkserver").set_forkserver_preload(list(PRELOADED))
        forkserver.ensure_running()


def measure_cell(plan: Plan, cell: Cell) -> Row:
    """Measure one cell in its own process: its row."""
    outcome = run_limited(plan.measure, cell, plan.data_dir, seconds=plan.seconds + 60.0)
    found = dict(outcome.reported)
    status, message = found.pop("status", outcome.status), found.pop("message", outcome.message)
    if outcome.status != "ok":
        status, message = outcome.status, outcome.message
    elif found.get("fit_seconds", 0.0) > plan.seconds:
        status, message = "timeout", f"fitted in {found['fit_seconds']:.0f} s, the limit is {plan.seconds:g} s"
    return {**cell, "status": status, "message": message, **found, "total_seconds": round(outcome.seconds, 3)}


class Run:
    """Measures what has no row yet and writes rows as they come."""

    def __init__(self, plan: Plan, cells: list[Cell], path: Path) -> None:
        self.plan, self.results, self.lock, self.stop = plan, Results(path), threading.Lock(), threading.Event()
        rows = read_rows(path, plan.keys)
        again = REPEATABLE if plan.retry else ()
        done = {identity(row, plan.keys) for row in rows if row["status"] not in again}
        self.cells = [cell for cell in cells if identity(cell, plan.keys) not in done]
        self.n_done = len(cells) - len(self.cells)
        late = [] if plan.retry else [row for row in rows if row["status"] == "timeout"]
        self.given_up = {identity(row, plan.group) for row in late}
        packages = {name: _version(name) for name in PACKAGES}
        self.machine = describe_machine() | packages | {"jobs": plan.jobs, "threads": plan.threads}

    def _one(self, cell: Cell) -> Row | None:
        group = identity(cell, self.plan.group)
        with self.lock:
            if self.stop.is_set() or group in self.given_up:
                return None
        row = measure_cell(self.plan, cell) | {"machine": self.machine}
        if self.stop.is_set():
            return None  # ended from outside: not a result
        self.results.add(row)
        if row["status"] == "timeout":
            with self.lock:
                self.given_up.add(group)
        return row

    def rows(self) -> Iterator[Row]:
        """Rows as they are written; a cell like one that ran out of time gets none."""
        limit_threads(self.plan.threads)
        start_server()
        with ThreadPoolExecutor(self.plan.jobs) as pool:
            waiting: list[Future[Row | None]] = [pool.submit(self._one, cell) for cell in self.cells]
            try:
                for future in as_completed(waiting):
                    row = future.result()
                    if row is not None:
                        yield row
            finally:
                self.stop.set()
                # Once more while any is at work: a process may just be starting.
                while wait(waiting, timeout=0.1).not_done:
                    end_all()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def peak_memory() -> int | None:
    """Largest resident memory of this process in MB."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


class Stopwatch:
    """Wall-clock and processor seconds of a block; on a busy machine the second tells more."""

    def __enter__(self) -> Stopwatch:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cpu = time.process_time() - self._cpu


# ------------------------------------------------------------------------------------------------ command line


def common_arguments(parser: argparse.ArgumentParser, models: str, need_out: bool = True) -> Callable[..., Any]:
    """Options that both benchmarks have; returns ``parser.add_argument``."""
    add = parser.add_argument
    add("--data-dir", type=Path, help="folder with one CSV table for each set, target in the last column")
    add("--sets", default="all", help="comma-separated, or all: the folder's and the bundled ones")
    add("--models", default=models, help=f"comma-separated, of {models} or module:function")
    add("--option", type=parse_option, action="append", default=[], metavar="KEY=VALUE", help="for ran; repeatable")
    add("--seed", type=int, default=0, help="of the splits and the models")
    add("--max-time", type=float, default=600.0, help="seconds a fit may take; else it counts as a timeout")
    add("--jobs", type=int, default=1, help="fits at a time")
    add("--threads", type=int, default=1, help="threads that each fit may use")
    add("--retry", action="store_true", help="measure crashes, timeouts and errors again")
    add("--out", type=Path, required=need_out, help="file of JSON lines, grows")
    return add


def model_cells(options: argparse.Namespace) -> list[Cell]:
    """Model, options, seed and threads of each model asked for; the options go to those that are no peers."""
    from benchmarks.tabular_models import PEERS

    common = {"seed": options.seed, "threads": options.threads}
    names = [name for name in options.models.split(",") if name]
    unknown = [name for name in names if name not in PEERS and name != "ran" and ":" not in name]
    if unknown or not names:
        raise ValueError(f"no such model: {', '.join(unknown) or '(none given)'}; expected ran, {', '.join(PEERS)}")
    return [{"model": name, "options": {} if name in PEERS else dict(options.option), **common} for name in names]


def carry_out(run: Run, describe: Callable[[Row], str]) -> bool:
    """Measure everything with a line of progress for each row; False when interrupted."""
    n_todo = len(run.cells)
    print(f"{n_todo + run.n_done} fits, {run.n_done} done before, {n_todo} to do", file=sys.stderr)
    try:
        for number, row in enumerate(run.rows(), 1):
            print(f"[{number:4d}/{n_todo}] {describe(row)}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return False
    return True
