"""The ways of finding formulas, by name; an engine is loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from closedform.engines.base import Engine
from closedform.exceptions import InputError, did_you_mean

ENGINES: Mapping[str, str] = {
    "screen": "closedform.engines.screen.engine:ScreenEngine",
    "enumerate": "closedform.engines.enumerate.engine:EnumerateEngine",
    "structure": "closedform.engines.structure.engine:StructureEngine",
    "lies": "closedform.engines.lies.engine:LIESEngine",
    "rational": "closedform.engines.rational.engine:RationalEngine",
}
"""Name of an engine -> where its class is, as ``module:class``."""


def get_engine(engine: str | Engine, **settings: Any) -> Engine:
    """Return the engine with this name, or the engine itself.

    Parameters
    ----------
    engine : str or Engine
        A name in :data:`ENGINES`, or an object with a ``name`` and a method ``candidates``.
    **settings
        Passed to the class of a named engine.

    Raises
    ------
    InputError
        If there is no such engine, or the object is none.

    Examples
    --------
    >>> get_engine("lies", depth=3).name
    'lies'
    """
    if isinstance(engine, str):
        if engine not in ENGINES:
            known = ", ".join(repr(name) for name in ENGINES)
            raise InputError(f"There is no engine {engine!r}{did_you_mean(engine, ENGINES)}. Known: {known}.")
        module, _, name = ENGINES[engine].partition(":")
        made: Engine = getattr(import_module(module), name)(**settings)
        return made
    if isinstance(engine, type) or not isinstance(engine, Engine):
        raise InputError(
            f"An engine is a name or an object with a name and a method candidates, got {engine!r}. "
            "See closedform.engines.base.Engine, and closedform.testing.check_engine to test one."
        )
    return engine
