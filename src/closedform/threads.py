"""How many threads numerical libraries may use, for a while."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_limit: ContextVar[int | None] = ContextVar("closedform_threads", default=None)


@contextmanager
def limited_threads(n_threads: int | None) -> Iterator[None]:
    """Within the block, let BLAS, OpenMP and torch use so many threads; what was set before comes back after it.

    Pools of threads belong to the process: other Python threads share the limit while the block runs.

    Parameters
    ----------
    n_threads : int or None
        At least 1; None changes nothing.
    """
    if n_threads is None:
        yield
        return
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    torch = _loaded_torch()
    before = None if torch is None else torch.get_num_threads()
    token = _limit.set(n_threads)
    try:
        with threadpool_limits(n_threads), torch_threads():
            yield
    finally:
        _limit.reset(token)
        if torch is not None:
            torch.set_num_threads(before)


@contextmanager
def torch_threads() -> Iterator[None]:
    """Within the block, keep torch to the limit of the surrounding `limited_threads`.

    For code that has just loaded torch: a library that was not there when the limit was set does not know it.
    """
    torch, wanted = _loaded_torch(), _limit.get()
    if torch is None or wanted is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _loaded_torch() -> Any:
    """The module torch if somebody has loaded it; loading it here would cost seconds that nobody asked for."""
    return sys.modules.get("torch")
