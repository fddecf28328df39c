"""Another process at work: what it yields comes as it comes, and every way of ending is told."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from closedform.parallel import CannotSendError, Worker, side_by_side, usable_processors


def count(n: int) -> Iterator[int]:
    yield from range(n)


def slowly(n: int) -> Iterator[int]:
    yield os.getpid()
    time.sleep(60)
    yield n


def crash() -> Iterator[int]:
    yield 1
    raise ZeroDivisionError("a bug")


def die() -> Iterator[int]:
    yield 1
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGKILL)


def chatter() -> Iterator[str]:
    sys.stdout.write("hello\n")
    sys.stdout.flush()
    yield os.environ["OMP_NUM_THREADS"]


class Unreadable:
    """Pickles, and cannot be read elsewhere."""

    def __reduce__(self):
        return int, ("no number",)


def odd(item: object) -> Iterator[object]:
    yield 1
    yield item() if callable(item) else item


def make_unpicklable() -> object:
    return lambda: None


def told(*task, **options) -> list[tuple[str, object]]:
    messages: queue.Queue = queue.Queue()
    worker = Worker(task[0], task[1:], lambda *message: messages.put(message), **options)
    heard = []
    while not heard or heard[-1][0] == "item":
        heard.append(messages.get(timeout=60))
    worker.stop()
    return heard


def test_items_come_in_order_and_then_the_end():
    assert told(count, 3) == [("item", 0), ("item", 1), ("item", 2), ("end", None)]


def test_items_come_while_the_function_is_at_work_and_it_can_be_stopped():
    messages: queue.Queue = queue.Queue()
    worker = Worker(slowly, (1,), lambda *message: messages.put(message))
    assert messages.get(timeout=60) == ("item", worker.pid)
    worker.stop()
    assert messages.empty()
    with pytest.raises(ProcessLookupError):
        os.kill(worker.pid, 0)


def test_an_error_is_told_with_its_traceback():
    item, (kind, (text, trace)) = told(crash)
    assert item == ("item", 1)
    assert (kind, text) == ("error", "ZeroDivisionError: a bug")
    assert "in crash" in trace


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signals")
def test_a_killed_process_is_lost_and_what_it_told_is_not():
    assert told(die) == [("item", 1), ("lost", "its process was killed by signal 9")]


def test_an_item_that_cannot_be_sent_or_read_is_told():
    for make in (make_unpicklable, Unreadable):
        item, (kind, _) = told(odd, make)
        assert (item, kind) == (("item", 1), "refused")


def test_what_it_prints_does_not_get_among_the_answers(capfd):
    assert told(chatter, n_threads=3) == [("item", "3"), ("end", None)]
    assert capfd.readouterr().out == ""


def test_a_task_that_does_not_pickle_is_refused_here():
    with pytest.raises(CannotSendError, match="pickle"):
        Worker(lambda: iter(()), (), print)


def test_a_task_that_cannot_be_read_there_is_refused_there():
    ((kind, text),) = told(count, Unreadable())
    assert kind == "refused" and "no number" in text


CALLER = """
import sys, time
sys.path[:] = {path!r}
from closedform.parallel import Worker
from test_parallel import slowly
Worker(slowly, (1,), lambda *message: print(message[1], flush=True))
time.sleep(300)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no list of processes")
def test_it_dies_with_its_caller_however_that_dies():
    path = [str(Path(__file__).parent), *sys.path]
    with subprocess.Popen(
        [sys.executable, "-c", CALLER.format(path=path)], stdout=subprocess.PIPE, text=True
    ) as caller:
        worker = int(caller.stdout.readline())
        os.kill(caller.pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while _runs(worker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runs(worker)


def _runs(pid: int) -> bool:
    """Whether a process is there and no zombie, which in a container nobody may collect."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False


def test_processors():
    assert 1 <= usable_processors() <= (os.cpu_count() or 1)


def test_parts_side_by_side_come_in_order_and_may_be_left_out():
    together = threading.Barrier(2, timeout=20)
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        if item < 2:
            together.wait()
        time.sleep(0.01 * (5 - item))
        return 10 * item

    made = side_by_side(work, range(60), n_jobs=2)
    assert [next(made), next(made)] == [0, 10]
    made.close()
    assert len(begun) < 60
    alone = side_by_side(lambda item: begun.append(item) or item, [100, 101], n_jobs=1)
    assert next(alone) == 100 and 101 not in begun
