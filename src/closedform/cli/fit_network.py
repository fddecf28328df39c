"""``closedform fit --model ran``: a Rational ANOVA Network, its error on rows held out, and a last fit to all rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from closedform.additive.fitted import FittedNetwork
from closedform.additive.stop import Stage
from closedform.cli.console import error_console, say
from closedform.cli.fit_options import LossName, TaskName
from closedform.exceptions import InputError

if TYPE_CHECKING:
    import pandas as pd

# Fewer rows are all used for the fit; as for formulas.
_FEWEST_ROWS = 12
# Share of the time for the fit that is only there to be measured.
_FIRST = 0.4
_LOSSES: Mapping[LossName, Mapping[str, Any]] = {
    LossName.SQUARED: {"loss": "squared"},
    LossName.ABSOLUTE: {"loss": "quantile", "quantile": 0.5},
    LossName.HUBER: {"loss": "huber"},
    LossName.POISSON: {"loss": "poisson"},
}


@dataclass(frozen=True)
class Measured:
    """A network fitted to all rows, and how one fitted to a part of them did on the rest.

    Parameters
    ----------
    network : FittedNetwork
    n_holdout : int
        Rows that were held out.
    scores : mapping of str to float
        Measured on them, by what they are called; empty where none were held out.
    interrupted : bool
        Whether Ctrl-C ended the work. Where it came during the first of two fits, the network is the first one.
    """

    network: FittedNetwork
    n_holdout: int
    scores: Mapping[str, float]
    interrupted: bool

    def sentence(self) -> str:
        """How far it is off, in plain words."""
        if not self.scores:
            return "No rows were held out."
        told = ", ".join(f"{name} {value:.4g}" for name, value in self.scores.items())
        model = "a second fit, to all rows" if not self.interrupted else "what there was when it was interrupted"
        return f"On {self.n_holdout} rows held out from a first fit: {told}. The model is {model}."


@dataclass(frozen=True)
class NetworkFit:
    """What ``fit --model ran`` was asked to do.

    Parameters
    ----------
    task : TaskName
    loss : LossName
    holdout : float
        Share of the rows that the error is measured on.
    max_time : float
        Seconds, for both fits together.
    seed : int
    quiet : bool
        Whether to say nothing about the task.
    """

    task: TaskName
    loss: LossName
    holdout: float
    max_time: float
    seed: int
    quiet: bool

    def run(self, X: pd.DataFrame, y: pd.Series) -> Measured:
        """Fit the estimator that the target asks for."""
        start = time.monotonic()
        classes = self._is_classification(y)
        if classes and self.loss is not LossName.SQUARED:
            raise InputError(f"--loss {self.loss.value} goes with regression; a classifier minimises the log-loss.")
        held = _held_out(y, self.holdout, classes, np.random.default_rng(self.seed))
        scores: dict[str, float] = {}
        if held.any():
            first = self._fitted(X[~held], y[~held], classes, _FIRST * self.max_time)
            scores = _scores(first, X[held], y[held], classes)
            if first.interrupted_:
                return Measured(first.network_, int(held.sum()), scores, interrupted=True)
        left = max(self.max_time - (time.monotonic() - start), 0.1 * self.max_time)
        fitted = self._fitted(X, y, classes, left)
        return Measured(fitted.network_, int(held.sum()), scores, fitted.interrupted_)

    def _is_classification(self, y: pd.Series) -> bool:
        if self.task is not TaskName.AUTO:
            return self.task is TaskName.CLASSIFICATION
        from closedform.preprocessing import task_of

        task = task_of(y)
        other = "regression" if task.name == "classification" else "classification"
        if not self.quiet:
            say(f"Task: {task.name}, because {task.reason.removesuffix('.')} (--task {other} for the other).")
        return task.name == "classification"

    def _fitted(self, X: pd.DataFrame, y: pd.Series, classes: bool, seconds: float) -> Any:
        from closedform.estimators import RANClassifier, RANRegressor

        with _stages(self.quiet) as monitor:
            given: dict[str, Any] = {"max_time": seconds, "random_state": self.seed, "progress": monitor}
            if classes:
                return RANClassifier(**given).fit(X, y)
            return RANRegressor(**_LOSSES[self.loss], **given).fit(X, y)


@contextmanager
def _stages(quiet: bool) -> Iterator[Callable[[Stage], None] | None]:
    """A monitor that shows on standard error, where that is a terminal, what is being fitted; none if `quiet`."""
    console = error_console()
    if quiet or not console.is_terminal:
        yield None
        return
    from closedform.progress import live_stages

    with live_stages(console) as monitor:
        yield monitor


def _held_out(y: pd.Series, share: float, classes: bool, rng: np.random.Generator) -> np.ndarray:
    """Mask of the rows to hold out; of each class the same share, and never all."""
    held = np.zeros(len(y), dtype=bool)
    if len(y) < _FEWEST_ROWS or y.isna().any():
        # A target with empty cells is refused by the fit, in its own words.
        return held
    groups = y.groupby(y.astype(str), sort=True).indices.values() if classes else [np.arange(len(y))]
    for rows in groups:
        held[rng.permutation(rows)[: int(share * len(rows))]] = True
    return held


def _scores(fitted: Any, X: pd.DataFrame, y: pd.Series, classes: bool) -> dict[str, float]:
    """Errors on rows that the fit has not seen."""
    if classes:
        return _classification_scores(fitted, X, y)
    target = y.to_numpy(dtype=np.float64)
    error = fitted.predict(X) - target
    around = np.sum((target - target.mean()) ** 2)
    scores = {
        "root mean square error": float(np.sqrt(np.mean(error**2))),
        "mean absolute error": float(np.mean(np.abs(error))),
    }
    return {**scores, "R2": float(1.0 - np.sum(error**2) / around)} if around > 0 else scores


def _classification_scores(fitted: Any, X: pd.DataFrame, y: pd.Series) -> dict[str, float]:
    from closedform.preprocessing import check_target_classes

    share = fitted.predict_proba(X)
    codes, labels = check_target_classes(y) if y.nunique() > 1 else (np.zeros(len(y), dtype=np.intp), y.unique())
    place = {label: k for k, label in enumerate(fitted.classes_.tolist())}
    true = np.array([place[label] for label in np.asarray(labels).tolist()])[codes]
    chosen = np.maximum(share[np.arange(len(true)), true], 1e-15)
    accuracy = float(np.mean(np.argmax(share, axis=1) == true))
    return {"accuracy": accuracy, "log-loss": float(-np.mean(np.log(chosen)))}
