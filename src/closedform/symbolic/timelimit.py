"""A helper process that answers requests until a deadline, and is killed when it does not.

Some libraries cannot be interrupted: once inside, neither a flag nor a signal brings them back. Here such work runs in
a child process, which starts on first use and then waits for the next request. A request that takes too long costs the
process its life and the caller nothing but the time agreed.
"""

from __future__ import annotations

import atexit
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

# What the child writes when it is ready for requests, and behind the last answer to one.
READY = "ready"
END = "end"


class Helper:
    """A child process that runs a module of this package and talks in lines of text.

    The module writes `READY`, then reads one request per line and writes any number of answers, one per line, and
    `END`.

    Parameters
    ----------
    module : str
        Full name of the module, which is run as the main program.
    start_limit : float
        Seconds that a new process may take to write `READY`.
    """

    def __init__(self, module: str, start_limit: float = 10.0) -> None:
        self._module = module
        self._start_limit = start_limit
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._owner = 0
        self._ready = False
        self._hopeless = False
        self._started_at = 0.0
        atexit.register(self.close)

    def start(self) -> None:
        """Start the process unless it runs already, and return without waiting for it."""
        with self._lock:
            if not self._hopeless:
                self._start()

    def ask(self, request: str, time_limit: float) -> Iterator[str]:
        """Yield the answers that come within `time_limit` seconds.

        The first request also waits for the process to start. When that fails, or takes longer than the `start_limit`,
        there are no answers, now and later. The process is killed when the time is over before it has finished, and
        also when the caller does not take all answers; then a new one starts while the caller goes on.
        """
        with self._lock:
            if self._hopeless or not (self._start() and self._wait_until_ready()):
                self._hopeless = True
                self._kill()
                return
            finished = False
            try:
                if self._send(request):
                    for line in self._answers(time.monotonic() + time_limit):
                        if line == END:
                            finished = True
                            return
                        yield line
            finally:
                if not finished:
                    self._kill()
                    self._start()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._kill()

    def _start(self) -> bool:
        if self._process is not None and self._owner != os.getpid():
            # After a fork the process belongs to the parent.
            self._process = None
        if self._process is not None and self._process.poll() is None:
            return True
        self._kill()
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": path},
            )
        except (OSError, ValueError):
            return False  # no executable, or no permission to start one
        self._owner, self._ready, self._lines = os.getpid(), False, queue.SimpleQueue()
        self._started_at = time.monotonic()
        threading.Thread(target=_read_lines, args=(self._process, self._lines), daemon=True).start()
        return True

    def _wait_until_ready(self) -> bool:
        if not self._ready:
            self._ready = next(self._answers(self._started_at + self._start_limit), None) == READY
        return self._ready

    def _send(self, request: str) -> bool:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
        except OSError:
            return False
        return True

    def _answers(self, deadline: float) -> Iterator[str]:
        """Yield lines until the deadline or the end of the process."""
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return
            if line is None:
                return
            yield line

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue  # a request that never arrived


def _read_lines(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    """Move the lines of a process into a queue, which can be waited for with a time limit."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
    except ValueError:
        pass  # closed while reading
    lines.put(None)
