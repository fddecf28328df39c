"""What a fit is asked for, and what it gives: checked settings, and a front of formulas with what was learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from closedform.constraints.base import Constraint
from closedform.engines.base import Engine, Requirement
from closedform.exceptions import Status
from closedform.formulas import Formula
from closedform.insights import Insight
from closedform.losses import Loss
from closedform.search import Monitor
from closedform.symbolic.expression import Expression
from closedform.symbolic.pareto import Rule


@dataclass(frozen=True)
class Plan:
    """Checked settings of a fit.

    Parameters
    ----------
    engines : tuple of Engine
        In the order in which they run.
    loss : Loss
        What is minimised.
    operators : frozenset of str
        What a formula may contain.
    max_complexity : int
        Largest formula.
    holdout : float
        Share of the rows that nobody looks at until the scores are reported.
    rule : str or callable
        How one formula of the front is chosen.
    seed : int
        Draws the rows and the random numbers of the search.
    n_searches : int
        How many searches came before on the same data: the rows stay the same, the draws of the search do not.
    monitor : callable, optional
        Told about progress.
    n_jobs : int, optional
        Processors that may be used. None: one engine at a time, and numerical libraries as they are.
    units : mapping of str to str, optional
        Units of columns and targets, checked.
    constraints : tuple of Constraint
        What every formula has to keep to.
    form : str, optional
        The form that the law has.
    guesses : tuple of str or Expression
        Formulas to start from.
    requirements : tuple of Requirement
        What else is asked of formulas, in the table's own units.
    """

    engines: tuple[Engine, ...]
    loss: Loss
    operators: frozenset[str]
    max_complexity: int
    holdout: float
    rule: Rule | Callable[[Sequence[Any]], Any]
    seed: int
    n_searches: int = 0
    monitor: Monitor | None = None
    n_jobs: int | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    form: str | None = None
    guesses: tuple[str | Expression, ...] = ()
    requirements: tuple[Requirement, ...] = ()

    @property
    def n_threads(self) -> int | None:
        """Threads that numerical libraries may use; None leaves them as they are."""
        # As many engines as may work at a time share the processors.
        return None if self.n_jobs is None else max(1, self.n_jobs // len(self.engines))


@dataclass(frozen=True)
class Found:
    """A front of formulas over the original columns, the chosen one, how the search ended, and what was learned."""

    formulas: tuple[Formula, ...]
    chosen: int
    status: Status
    failures: dict[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    insights: tuple[Insight, ...] = ()
