"""Fits that go on from a file: what was found before the process was killed, and where to keep what is found now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedform.checkpoint import Front, Identity, Recorder, earlier
from closedform.estimators.parameters import check_flag, own_operators, to_plain
from closedform.estimators.plan import Plan
from closedform.exceptions import InputError
from closedform.preprocessing import TrainingData
from closedform.symbolic.expression import Expression
from closedform.symbolic.operators import known_operators


@dataclass(frozen=True)
class _Known:
    """A formula found earlier, as a checkpoint wants it."""

    expression: Expression
    loss: float = float("inf")

    @property
    def complexity(self) -> int:
        """Size of the formula."""
        return self.expression.complexity


def check_checkpoint(checkpoint: Any, resume: Any) -> None:
    """Raise InputError unless `checkpoint` is a path or None, and `resume` a truth value that goes with it.

    Parameters
    ----------
    checkpoint, resume : object
        Parameters of the estimator.
    """
    if checkpoint is not None and not (isinstance(checkpoint, str | Path) and str(checkpoint)):
        raise InputError(f"checkpoint must be the name of a file or None, got {checkpoint!r}.")
    if check_flag("resume", resume) and checkpoint is None:
        raise InputError("resume=True goes on from a checkpoint; pass its file name as checkpoint.")


def lasting(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that say something about the model; where somebody kept a checkpoint is not among them."""
    return {name: value for name, value in settings.items() if name not in ("checkpoint", "resume")}


def recorded(
    settings: Mapping[str, Any],
    outputs: Sequence[TrainingData],
    plan: Plan,
    starts: list[list[Expression]],
    grouping: tuple[NDArray[np.intp], tuple[str, ...]] | None = None,
) -> tuple[Plan, list[list[Expression]], Recorder | None]:
    """Plan and starting formulas, with what a checkpoint adds to them, and the recorder that goes on with it.

    Parameters
    ----------
    settings : mapping
        Parameters of the estimator.
    outputs : sequence of TrainingData
        The same table with each output.
    plan : Plan
    starts : list of list of Expression
        For each output the formulas that are known already.
    grouping : (ndarray of shape (n_rows,), tuple of str), optional
        The group of each row, and the labels.

    Returns
    -------
    (Plan, list of list of Expression, Recorder or None)
        None where no checkpoint is kept.
    """
    path = settings["checkpoint"]
    if path is None:
        return plan, starts, None
    identity = Identity.of(outputs, to_plain(settings), grouping)
    seed = settings["random_state"]
    with known_operators(*own_operators(settings["operators"])):
        saved = earlier(path, settings["resume"], identity, int(seed) if isinstance(seed, Integral) else None)
    if saved is not None:
        # The same rows stay held out; the draws of the search are new ones.
        plan = replace(plan, seed=saved.seed, n_searches=max(plan.n_searches, saved.n_searches))
        starts = [[*start, *front] for start, front in zip(starts, saved.fronts, strict=True)]
    fronts: list[Front] = [tuple(map(_Known, start)) for start in starts]
    return plan, starts, Recorder(path, identity, plan.seed, plan.n_searches + 1, fronts)
