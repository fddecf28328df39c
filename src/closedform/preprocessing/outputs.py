"""Targets of several columns: the same inputs, one target after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from closedform.exceptions import InputError
from closedform.preprocessing.checks import TrainingData, check_X_y, check_y, refuse_no_target, target_values
from closedform.preprocessing.containers import refuse_sparse


def check_outputs(X: Any, y: Any, *, sample_weight: Any = None, estimator: str = "the model") -> list[TrainingData]:
    """Check everything `fit` is given where the target may have several columns.

    Parameters
    ----------
    X : array or any frame; see `check_X`
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Finite numbers. Columns without names are called y0, y1, ...
    sample_weight : array-like of shape (n_rows,), optional
        Finite weights >= 0, not all zero; the same for all outputs.
    estimator : str
        Name of the caller, for messages.

    Returns
    -------
    list of TrainingData
        One for each output, with the same table.

    Raises
    ------
    InputError
        For data no fit is possible with; see :func:`closedform.preprocessing.check_X_y`.
    """
    refuse_no_target(y, estimator)
    refuse_sparse(y)
    columns = _columns(y)
    if columns is None:
        return [check_X_y(X, y, sample_weight=sample_weight, estimator=estimator)]
    # All targets first: a fault in the last one must not come after the work on the others.
    targets = {name: check_y(values, name=name) for name, values in columns.items()}
    (name, first), *others = targets.items()
    data = replace(check_X_y(X, first, sample_weight=sample_weight, estimator=estimator), target_name=name)
    more = [
        replace(data, y=target, target_name=other, constant_target=bool(np.all(target == target[0])))
        for other, target in others
    ]
    return [data, *more]


def _columns(y: Any) -> dict[str, Any] | None:
    """The columns of a target that has several, by name; None for one column."""
    values = target_values(y)
    if values.ndim != 2 or values.shape[1] < 2:
        return None
    names = [str(name) for name in getattr(y, "columns", range(0))] or [f"y{j}" for j in range(values.shape[1])]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"y has two columns called {twice!r}: each output needs a name of its own.")
    return {name: values[:, j] for j, name in enumerate(names)}
