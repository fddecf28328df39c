"""What a long search, or a long fit, shows while it runs: a live table on a terminal, plain lines elsewhere.

rich is imported only when something is to be shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from closedform.search import Monitor, Progress
from closedform.symbolic.printing import to_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from closedform.additive.stop import Stage

_MOST_ROWS = 12
_LONGEST_FORMULA = 120
_DIGITS = 5
# Least seconds between two plain lines.
_PAUSE = 1.0


@contextmanager
def live_progress(console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> Iterator[Monitor]:
    """Show the front of a search as it grows.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to; standard error if None.
    clock : callable, optional
        Seconds; tests pass their own.

    Yields
    ------
    callable
        The monitor to hand to :func:`closedform.search.search`.
    """
    from rich.console import Console

    console = Console(stderr=True) if console is None else console
    display = _Table(clock) if console.is_terminal else _Lines(console, clock)
    if isinstance(display, _Lines):
        yield display.show
        return
    from rich.live import Live

    # Not shown any more once the search is done: the result is the caller's to print.
    with Live(console=console, get_renderable=display.render, refresh_per_second=4, transient=True):
        yield display.show


@contextmanager
def live_stages(
    console: Console | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Stage], None]]:
    """Show which part of the fit of a network is at work.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to; standard error if None.
    clock : callable, optional
        Seconds; tests pass their own.

    Yields
    ------
    callable
        The monitor to hand to a RAN estimator as `progress`.
    """
    from rich.console import Console

    console = Console(stderr=True) if console is None else console
    if not console.is_terminal:
        yield lambda stage: console.print(_stage_line(stage), markup=False, highlight=False, soft_wrap=True)
        return
    from rich.live import Live

    display = _StageLine(clock)
    with Live(console=console, get_renderable=display.render, refresh_per_second=4, transient=True):
        yield display.show


def _stage_line(stage: Stage) -> str:
    return f"{stage.elapsed:6.1f} s of {round(stage.max_time, 1):g} s  {stage.name}"


class _StageLine:
    """What is at work, and since when; drawn anew several times a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._stage: Stage | None = None
        self._told = clock()

    def show(self, stage: Stage) -> None:
        self._stage, self._told = stage, self._clock()

    def render(self) -> RenderableType:
        from rich.text import Text

        if self._stage is None:
            return Text("reading the columns ...")
        elapsed = self._stage.elapsed + self._clock() - self._told
        return Text(_stage_line(replace(self._stage, elapsed=elapsed)))


class _Lines:
    """One line whenever the best formula changes, but not more than one a second."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._last = -_PAUSE

    def show(self, progress: Progress) -> None:
        now = self._clock()
        if now - self._last < _PAUSE:
            return
        self._last = now
        best = progress.front[-1]
        line = (
            f"{progress.elapsed:6.1f} s of {progress.max_time:g} s  {progress.engine}  {len(progress.front)} formulas  "
            f"loss {best.loss:.3g}  {_short(to_text(best.expression, _DIGITS))}"
        )
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class _Table:
    """Elapsed and remaining time, and the front; drawn anew several times a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._progress: Progress | None = None
        self._told = clock()

    def show(self, progress: Progress) -> None:
        self._progress, self._told = progress, self._clock()

    def render(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        progress = self._progress
        if progress is None:
            return Text("searching ...")
        elapsed = progress.elapsed + self._clock() - self._told
        left = max(0.0, progress.max_time - elapsed)
        table = Table(title=f"{progress.engine}: {elapsed:.0f} s, at most {left:.0f} s left", title_justify="left")
        table.add_column("complexity", justify="right")
        table.add_column("loss", justify="right")
        table.add_column("formula", overflow="fold")
        for candidate in progress.front[-_MOST_ROWS:]:
            text = _short(to_text(candidate.expression, _DIGITS))
            table.add_row(str(candidate.complexity), f"{candidate.loss:.3g}", Text(text))
        return table


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_FORMULA else text[: _LONGEST_FORMULA - 3] + "..."
