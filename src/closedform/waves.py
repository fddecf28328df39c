"""The plan of a search: which engines work side by side, and how long each may.

Engines that live off what others have found come in a second wave, after those that do not. What an engine is given
depends on the waves before its own alone, never on who happened to be quicker: that makes a search repeatable however
many processors there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from closedform.engines.base import Engine


def builds_on_others(engine: Engine) -> bool:
    """Whether an engine wants the front that other engines have found (its attribute of this name; False without)."""
    return bool(getattr(engine, "builds_on_others", False))


def weight_of(engine: Engine) -> float:
    """Share of the time that an engine asks for, compared with others (its attribute ``weight``; 1 without)."""
    return float(getattr(engine, "weight", 1.0))


def waves(engines: Sequence[Engine]) -> list[list[int]]:
    """Positions of the engines that work side by side, wave by wave.

    Parameters
    ----------
    engines : sequence of Engine

    Examples
    --------
    >>> from types import SimpleNamespace as Engine
    >>> waves([Engine(name="a"), Engine(name="b", builds_on_others=True), Engine(name="c")])
    [[0, 2], [1]]
    """
    first = [position for position, engine in enumerate(engines) if not builds_on_others(engine)]
    second = [position for position, engine in enumerate(engines) if builds_on_others(engine)]
    return [wave for wave in (first, second) if wave]


def wave_time(remaining: float, wave: Sequence[Engine], later: Sequence[Engine], n_jobs: int) -> float:
    """Seconds for a wave: the time left, shared by weight with the engines of the wave that follows.

    Parameters
    ----------
    remaining : float
        Seconds for all.
    wave, later : sequence of Engine
        Those of the wave and of the next one.
    n_jobs : int
        Processors, of which an engine can use but one.
    """
    mine = _demand(wave, n_jobs)
    return remaining * mine / (mine + _demand(later, n_jobs))


def _demand(wave: Sequence[Engine], n_jobs: int) -> float:
    weights = [weight_of(engine) for engine in wave]
    return max(sum(weights) / n_jobs, max(weights, default=0.0))


def engine_time(remaining: float, engine: Engine, waiting: Sequence[Engine], n_free: int) -> float:
    """Seconds for an engine that starts now.

    Parameters
    ----------
    remaining : float
        Seconds until its wave has to end.
    engine : Engine
    waiting : sequence of Engine
        Engines of the wave that have not started, this one among them.
    n_free : int
        Processors that are free for them.

    Examples
    --------
    >>> from types import SimpleNamespace as Engine
    >>> engines = [Engine(name="a"), Engine(name="b"), Engine(name="c")]
    >>> engine_time(12.0, engines[0], engines, n_free=1), engine_time(12.0, engines[0], engines, n_free=2)
    (4.0, 8.0)
    """
    return remaining * min(1.0, n_free * weight_of(engine) / sum(map(weight_of, waiting)))
