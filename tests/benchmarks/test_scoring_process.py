"""A fit of a benchmark ends with the benchmark, however that is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# The harness itself in a program of its own, with one fit that tells its number and would take ten minutes.
PROGRAM = """
import sys
sys.path[:0] = {path!r}
import bench_dummies
from benchmarks.tabular_runner import Plan, Run, carry_out
from pathlib import Path
if __name__ == "__main__":
    plan = Plan(bench_dummies.lasting, ("name",), ("name",), Path({folder!r}), 600.0)
    cells = [{{"name": "first"}}, {{"name": "second"}}]
    carry_out(Run(plan, cells, Path({folder!r}, "rows.jsonl")), str)
"""


def is_at_work(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has died and that nobody has asked about yet is no worker any more.
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_for(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not hasattr(os, "setsid"), reason="processes without groups")
@pytest.mark.parametrize("by", ["SIGTERM", "SIGKILL", "SIGINT"])
def test_a_fit_ends_with_the_benchmark(tmp_path, by):
    program = tmp_path / "program.py"
    path = [str(HERE), str(HERE.parent.parent)]
    program.write_text(PROGRAM.format(path=path, folder=str(tmp_path)))
    # In a terminal Ctrl-C is heard; a program that was started in the background would not hear it.
    run = subprocess.Popen(
        [sys.executable, str(program)],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    told = tmp_path / "pid"
    try:
        assert wait_for(told.exists, 60)
        pids = [int(text) for text in told.read_text().split()]
        assert all(map(is_at_work, pids))
        run.send_signal(getattr(signal, by))
        assert run.wait(20) is not None
        assert wait_for(lambda: not any(map(is_at_work, pids)), 20)
        assert not (tmp_path / "rows.jsonl").exists() or not (tmp_path / "rows.jsonl").read_text()
        assert [int(text) for text in told.read_text().split()] == pids
    finally:
        run.kill()
        run.wait()
