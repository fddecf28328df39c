"""Processes: how many, and how a generator at work in another one tells what it finds.

joblib hands over results when a task has ended, and a task cannot be stopped. A search needs both: candidates while
their engine is still at work, and an end as soon as one of them is a law. So a worker here is a process that writes
each result to a pipe, reads nothing but its task, starts without running the caller's program again, and dies with its
caller. For many independent fits, scikit-learn's ``n_jobs`` and joblib's backends are still the way to go.

Parts of one fit that share a table are threads instead (`side_by_side`): nothing has to be sent, and what NumPy does to
large arrays it does at the same time.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, Literal, TypeVar

from closedform.threads import limited_threads

Kind = Literal["item", "end", "error", "refused", "lost"]
Tell = Callable[[Kind, Any], None]
T = TypeVar("T")
R = TypeVar("R")

_LENGTH = struct.Struct("<Q")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# The first line: Ctrl-C reaches all processes of a terminal, and only the caller knows what to do about it.
_PROGRAM = """
import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)
import sys; sys.path[:] = {path!r}
from closedform.parallel import serve
serve()
"""


def usable_processors() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(work: Callable[[T], R], items: Sequence[T], n_jobs: int) -> Generator[R, None, None]:
    """The results for some items, in their order; up to `n_jobs` of them are worked on at a time, in threads.

    With one, each is worked on when it is asked for. With more, numerical libraries keep to one thread each, and what
    is not begun when the iterator is closed is left out.

    Examples
    --------
    >>> list(side_by_side(abs, [-1, -2, 3], n_jobs=2))
    [1, 2, 3]
    """
    if n_jobs == 1 or len(items) < 2:
        yield from map(work, items)
        return
    with limited_threads(1), ThreadPoolExecutor(min(n_jobs, len(items))) as pool:
        waiting = [pool.submit(work, item) for item in items]
        try:
            for future in waiting:
                yield future.result()
        finally:
            for future in waiting:
                future.cancel()


class CannotSendError(Exception):
    """A task cannot be given to another process: a part of it cannot be pickled, or no process can be started."""


class Worker:
    """A generator function at work in a process of its own.

    Parameters
    ----------
    function : callable
        A function of a module, which returns an iterator; its items must pickle.
    arguments : tuple
        What it is called with; must pickle.
    tell : callable
        Called from a thread with ``"item"`` and each item as it comes, and at last with one of: ``"end"``;
        ``"error"`` and the pair of error and traceback as texts; ``"refused"`` and a text, where the task or an item
        could not be sent or read; ``"lost"`` and a text, where the process died. After `stop` it is not called any
        more.
    n_threads : int, default=1
        Threads that numerical libraries may use there.

    Raises
    ------
    CannotSendError
        If the task cannot be pickled or no process be started.
    """

    def __init__(
        self, function: Callable[..., Iterator[Any]], arguments: tuple[Any, ...], tell: Tell, n_threads: int = 1
    ) -> None:
        try:
            task = pickle.dumps((function, arguments))
        # What objects of strangers raise when they are pickled is theirs to choose.
        except Exception as error:
            raise CannotSendError(f"{type(error).__name__}: {error}") from error
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM.format(path=sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **dict.fromkeys(_THREADS, str(n_threads))},
            )
        except (OSError, ValueError) as error:
            raise CannotSendError(f"no process can be started: {error}") from error
        self._tell = tell
        self._stopped = False
        self._listener = threading.Thread(target=self._listen, args=(task,), daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def stop(self) -> None:
        """End the process at once; what it has not told yet is lost."""
        self._stopped = True
        self._process.kill()
        self._listener.join()

    def _listen(self, task: bytes) -> None:
        source, sink = self._process.stdout, self._process.stdin
        assert source is not None and sink is not None
        kind: Kind = "item"
        with source, sink:
            try:
                _write(sink, task)
            except OSError:
                pass  # it died before it had read its task, which is told below
            while kind == "item" and (frame := _read(source)) is not None:
                try:
                    kind, value = pickle.loads(frame)
                # As before: what objects of strangers raise is theirs to choose.
                except Exception as error:
                    self._process.kill()
                    kind, value = "refused", f"{type(error).__name__}: {error}"
                self._pass_on(kind, value)
        code = self._process.wait()
        if kind == "item":
            self._pass_on("lost", f"its process was killed by signal {-code}" if code < 0 else f"exit code {code}")

    def _pass_on(self, kind: Kind, value: Any) -> None:
        if not self._stopped:
            self._tell(kind, value)


# --- in the other process ---------------------------------------------------------------------------------------------


def serve() -> None:
    """Read a task from standard input, work on it, write what it yields to standard output, and end the process."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever somebody prints must not get among the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    source = sys.stdin.buffer
    task = _read(source)
    threading.Thread(target=_end_with_the_caller, args=(source,), daemon=True).start()
    if task is not None:
        for message in _answers(task):
            try:
                frame = pickle.dumps(message)
            except Exception as error:
                _write(answers, pickle.dumps(("refused", f"{type(error).__name__}: {error}")))
                break
            _write(answers, frame)
    # Not by way of the interpreter's own end, which would wait for the thread that reads.
    os._exit(0)


def _answers(task: bytes) -> Iterator[tuple[Kind, Any]]:
    # Whatever goes wrong in here is the caller's to report.
    try:
        function, arguments = pickle.loads(task)
    except Exception as error:
        yield "refused", f"{type(error).__name__}: {error}"
        return
    try:
        for item in function(*arguments):
            yield "item", item
    except Exception as error:
        yield "error", (f"{type(error).__name__}: {error}", traceback.format_exc())
    else:
        yield "end", None


def _end_with_the_caller(source: IO[bytes]) -> None:
    """Nothing else comes on this pipe: it ends when the caller closes it, or dies."""
    source.read(1)
    os._exit(1)


# --- the pipe ---------------------------------------------------------------------------------------------------------


def _write(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(_LENGTH.pack(len(content)) + content)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes | None:
    """The next frame; None at the end of the pipe, also in the middle of a frame."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = pipe.read(length)
    return content if len(content) == length else None
