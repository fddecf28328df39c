"""A fitted network together with its table: what a saved model holds, and all that predicting takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.families import Family
from closedform.additive.model import AdditiveModel
from closedform.preprocessing.columns import Column, encode

FloatArray: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FittedNetwork:
    """A Rational ANOVA Network that knows its columns.

    Parameters
    ----------
    kind : str
        Name of the estimator that fitted it.
    columns : tuple of Column
        What was learned about the columns of the table, in their order.
    named : bool
        Whether the table had names of its own.
    target_name : str
        Name of the target.
    family : Family
        How raw scores become predictions.
    classes : tuple
        Labels of the classes; empty for regression.
    model : AdditiveModel
        Intercept and effects, in the units of the target (of the logit, of the logarithm of a count).
    n_rows : int
        Rows of the fit.
    settings : dict
        Of the estimator, plain data.
    version : str
        Of the package that fitted it.
    """

    kind: str
    columns: tuple[Column, ...]
    named: bool
    target_name: str
    family: Family
    classes: tuple[Any, ...]
    model: AdditiveModel
    n_rows: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def encoded(self, X: Any) -> Sequence[FloatArray]:
        """A table as one array per column, see `closedform.preprocessing.encode`."""
        return encode(self.columns, X, named=self.named, estimator=self.kind)

    def raw(self, X: Any) -> FloatArray:
        """Raw scores, shape (n_rows, n_outputs)."""
        return self.model.raw(self.encoded(X))

    def mean(self, X: Any) -> FloatArray:
        """Predicted means (probabilities of classes), shape (n_rows, n_outputs)."""
        return self.family.predict(self.raw(X))

    def probabilities(self, X: Any) -> FloatArray:
        """Probability of each class, shape (n_rows, n_classes), in the order of `classes`."""
        mean = self.mean(X)
        # Two classes share one raw score: that of the second.
        return np.hstack([1.0 - mean, mean]) if self.model.n_outputs == 1 else mean
