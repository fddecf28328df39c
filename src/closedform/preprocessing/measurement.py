"""Measurement errors of the target: one standard deviation for each row, known before the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from closedform.exceptions import InputError
from closedform.preprocessing.checks import TrainingData
from closedform.preprocessing.containers import is_pandas, series_values
from closedform.preprocessing.kinds import to_float
from closedform.preprocessing.wording import rows_text


def with_errors(outputs: Sequence[TrainingData], y_error: Any) -> list[TrainingData]:
    """The data with weights from the measurement errors of the target.

    Parameters
    ----------
    outputs : sequence of TrainingData
        One for each output.
    y_error : array-like of shape (n_rows,), or (n_rows, n_outputs), or a number
        Standard deviation of the error of each value of the target.

    Returns
    -------
    list of TrainingData
        Weights are inverse variances of mean 1, `noise` is the standard deviation of a row of weight 1.

    Raises
    ------
    InputError
        For errors that are not positive and finite or not as many as the rows, and beside sample weights.
    """
    if outputs[0].sample_weight is not None:
        raise InputError(
            "sample_weight and y_error both say how much a row counts, and y_error says it in the units of y: pass one."
        )
    n_rows = outputs[0].table.n_rows
    values = series_values(y_error) if is_pandas(y_error) and y_error.ndim == 1 else np.asarray(y_error)
    if values.ndim == 0:
        values = np.full(n_rows, values)
    wanted = (n_rows, len(outputs))
    if values.ndim == 1 and values.shape == wanted[:1]:
        values = np.repeat(values[:, None], len(outputs), axis=1)
    if values.shape != wanted:
        shapes = f"({n_rows},)" if len(outputs) == 1 else f"({n_rows},) or {wanted}"
        raise InputError(f"y_error must hold one standard deviation per row: expected {shapes}, got {values.shape}.")
    return [_with(data, values[:, j]) for j, data in enumerate(outputs)]


def _with(data: TrainingData, values: Any) -> TrainingData:
    error = np.ascontiguousarray(to_float("y_error", values))
    bad = np.flatnonzero(~(np.isfinite(error) & (error > 0)))
    if len(bad):
        raise InputError(
            f"y_error must be positive and finite: see {rows_text(bad)}, the first is {float(error[bad[0]])!r}. "
            "Give such rows the error that they really have, or leave them out."
        )
    # Relative to the smallest, so that squares stay within reach of float64.
    smallest = float(error.min())
    weight = (smallest / error) ** 2
    mean = float(weight.mean())
    return replace(data, sample_weight=weight / mean, noise=smallest / float(np.sqrt(mean)))
