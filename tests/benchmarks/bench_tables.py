"""Models of tables that the harness is tried with: one remembers the frame it got, the others misbehave."""

import time
from typing import Any

import numpy as np


class Mean:
    """The mean of the target times a factor; says how many values it keeps."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def fit(self, X: Any, y: np.ndarray) -> "Mean":
        self.columns = list(X.columns)
        self.mean = self.factor * float(np.mean(y))
        self.n_parameters_ = 1
        return self

    def predict(self, X: Any) -> np.ndarray:
        assert list(X.columns) == self.columns, "the frame is handed over as it is"
        return np.full(len(X), self.mean)


class Sleeper(Mean):
    """Takes longer to fit than it is given."""

    def fit(self, X: Any, y: np.ndarray) -> "Mean":
        time.sleep(1.0)
        return super().fit(X, y)


def mean(random_state: int, factor: float = 1.0) -> Mean:
    """A factory with an option."""
    return Mean(factor)


def broken(task: str) -> Mean:
    """Its predictions are no numbers."""
    return Mean(float("nan"))


def sleeper() -> Mean:
    """A factory that takes nothing."""
    return Sleeper(1.0)
