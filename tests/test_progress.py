"""What is shown while a search runs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from closedform.additive.stop import Stage
from closedform.engines.base import Candidate
from closedform.progress import live_progress, live_stages
from closedform.search import Progress
from closedform.symbolic import Expression


def progress(elapsed: float, *texts: str) -> Progress:
    front = [Candidate(Expression.parse(text), 0.123456, index + 1, "lies", 0.0) for index, text in enumerate(texts)]
    return Progress("lies", elapsed, 60.0, tuple(front))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_where_there_is_no_terminal():
    out, clock = io.StringIO(), Clock()
    with live_progress(Console(file=out, width=200), clock) as monitor:
        monitor(progress(1.25, "x", "2.123456789*`[a]`"))
        monitor(progress(1.5, "x", "y"))  # within the same second: left out
        clock.now += 2
        monitor(progress(3.5, "x", "3.5*y"))
    assert out.getvalue().splitlines() == [
        "   1.2 s of 60 s  lies  2 formulas  loss 0.123  2.1235*`[a]`",
        "   3.5 s of 60 s  lies  2 formulas  loss 0.123  3.5*y",
    ]


def test_a_long_formula_stays_on_its_line():
    out = io.StringIO()
    with live_progress(Console(file=out, width=40), Clock()) as monitor:
        monitor(progress(1.0, " + ".join(f"x{index}" for index in range(100))))
    assert len(out.getvalue().splitlines()) == 1
    assert len(out.getvalue()) < 200


def test_a_table_on_a_terminal_which_goes_when_the_search_is_done():
    out, clock = io.StringIO(), Clock()
    console = Console(file=out, width=100, force_terminal=True, force_interactive=True, color_system=None, record=True)
    with live_progress(console, clock) as monitor:
        monitor(progress(1.0, "x", "2.5*`[a]`"))
    text = out.getvalue()
    for piece in ("lies: 1 s, at most 59 s left", "complexity", "0.123", "2.5*`[a]`"):
        assert piece in text
    assert text.endswith("\x1b[2K") or "\x1b[1A" in text


def test_before_the_first_formula_it_says_that_it_searches():
    out = io.StringIO()
    with live_progress(Console(file=out, width=100, force_terminal=True, color_system=None), Clock()):
        pass
    assert "searching ..." in out.getvalue()


def test_an_error_inside_passes_and_the_display_ends():
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with pytest.raises(ValueError, match="oops"), live_progress(console, Clock()):
        raise ValueError("oops")


def test_stages_of_a_network():
    out = io.StringIO()
    with live_stages(Console(file=out, width=80)) as monitor:
        monitor(Stage("main effects", 0.04, 15.3024))
        monitor(Stage("pairs", 12.0, 60.0))
    assert out.getvalue().splitlines() == ["   0.0 s of 15.3 s  main effects", "  12.0 s of 60 s  pairs"]


def test_stages_on_a_terminal_show_how_the_time_goes():
    clock = Clock()
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with live_stages(console, clock) as monitor:
        monitor(Stage("pairs", 12.0, 60.0))
        clock.now += 3
    assert "  15.0 s of 60 s  pairs" in console.file.getvalue()
