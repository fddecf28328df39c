"""A call in a process of its own, which ends when its time is over, whatever it is doing."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a call reported.

    Attributes
    ----------
    status : ``"ok"``, ``"error"`` (it raised), ``"timeout"`` (it was stopped) or ``"crash"`` (it died).
    reported : all dictionaries it reported, merged; kept when it was stopped later.
    message : the last line of the error and where it came from, empty when all went well.
    seconds : wall clock, the start of the process included.
    """

    status: str
    reported: dict[str, Any]
    message: str
    seconds: float


_running: set[Any] = set()
_running_lock = threading.Lock()


def end_all() -> None:
    """End every process that is running a call; each of those calls returns as crashed."""
    with _running_lock:
        for process in _running:
            _kill(process)


def limit_threads(n_threads: int) -> None:
    """Limit the threads of numerical libraries in processes started from now on."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(n_threads)


def _context() -> Any:
    # A fork server: children start in milliseconds with SymPy loaded and inherit no threads or locks.
    if "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["numpy", "sympy", "mpmath"])
        return context
    return multiprocessing.get_context("spawn")


def _end_with_the_caller() -> None:
    """Wait until the process that asked for the call is no more, then end this one and all it started."""
    caller = multiprocessing.parent_process()
    if caller is not None:
        multiprocessing.connection.wait([caller.sentinel])
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)


def _child(connection: Connection, function: Callable[..., None], args: tuple[Any, ...], memory: int | None) -> None:
    if hasattr(os, "setsid"):
        os.setsid()  # a group of its own: what it starts ends with it, and Ctrl-C does not reach it
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    if memory is not None:
        with contextlib.suppress(ImportError, ValueError, OSError):
            import resource

            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    try:
        function(lambda update: connection.send(("report", update)), *args)
    except BaseException as error:  # whatever a method under test raises is a row of the results
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})"
        with contextlib.suppress(OSError):  # nobody listens any more
            connection.send(("error", message[:2000]))
    else:
        connection.send(("ok", None))
    finally:
        connection.close()


def run_limited(function: Callable[..., None], *args: Any, seconds: float, memory: int | None = None) -> Outcome:
    """Call ``function(report, *args)`` in its own process and stop it after ``seconds``.

    The function reports dictionaries through its first argument. ``memory`` limits its address space in bytes.
    """
    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, function, args, memory))
    started = time.monotonic()
    process.start()
    with _running_lock:
        _running.add(process)
    sender.close()
    reported: dict[str, Any] = {}
    status, message = "timeout", f"stopped after {seconds:.0f} s"
    try:
        while receiver.poll(max(0.0, started + seconds - time.monotonic())):
            kind, content = receiver.recv()
            if kind == "report":
                reported.update(content)
                continue
            status, message = kind, content or ""
            break
    except EOFError:
        process.join(5)
        status, message = "crash", f"the process died with exit code {process.exitcode}"
    finally:
        _end(process)
        receiver.close()
    return Outcome(status, reported, message, time.monotonic() - started)


def _end(process: Any) -> None:
    """Wait a moment for a process, then end it and all it started."""
    process.join(0.2)
    with _running_lock:
        _running.discard(process)
    _kill(process)
    process.join()
    process.close()


def _kill(process: Any) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
    if process.is_alive():
        process.kill()
