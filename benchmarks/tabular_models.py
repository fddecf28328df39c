"""The models of the tabular benchmarks behind one interface: ``fit``, ``predict``, ``predict_proba``, ``n_stored``.

Each is used as its own guide says, untuned, with its defaults where it has some. A frame of raw columns goes in; what a
model needs to be done to them (one-hot, imputation, scales) is part of it, of its fit seconds and its predict time.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.tabular_data import Task

Count = Callable[[Any], "int | None"]


class Unsupported(Exception):
    """The model cannot do this task at all; a row of its own kind, no failure."""


def text_columns(X: pd.DataFrame) -> list[str]:
    """Columns that hold categories."""
    return [name for name in X.columns if not pd.api.types.is_numeric_dtype(X[name].dtype)]


# ------------------------------------------------------------------------------------------------ what is stored


def stored_by_linear(model: Any) -> int:
    """Coefficients and intercepts."""
    return int(np.size(model.coef_) + np.size(model.intercept_))


def stored_by_network(model: Any) -> int:
    """Weights and biases."""
    return sum(part.size for part in (*model.coefs_, *model.intercepts_))


def stored_by_forest(model: Any) -> int:
    """For each split a feature and a threshold, for each leaf its value (one for each class)."""
    n_outputs = getattr(model, "n_classes_", 1)
    trees = [estimator.tree_ for estimator in model.estimators_]
    leaves = sum(tree.n_leaves for tree in trees)
    return 2 * (sum(tree.node_count for tree in trees) - leaves) + leaves * n_outputs


def stored_by_boosting(model: Any) -> int:
    """As for a forest; a split on categories stores a bit set (eight words) in place of the threshold."""
    total = 0
    for predictor in (tree for iteration in model._predictors for tree in iteration):
        leaf, categorical = (predictor.nodes[key].astype(bool) for key in ("is_leaf", "is_categorical"))
        total += int(leaf.sum() + 2 * (~leaf & ~categorical).sum() + 9 * (~leaf & categorical).sum())
    return total


def stored_by_ebm(model: Any) -> int:
    """Score tables of all terms, the bin edges (or categories) that their columns use, and the intercept.

    A column may be binned more coarsely in pairs than alone; each binning in use counts once.
    """
    used = {
        (feature, min(len(term), len(model.bins_[feature])) - 1) for term in model.term_features_ for feature in term
    }
    edges = sum(len(model.bins_[feature][level]) for feature, level in used)
    return sum(int(np.size(scores)) for scores in model.term_scores_) + edges + int(np.size(model.intercept_))


# ------------------------------------------------------------------------------------------------ adapters


class Model:
    """A scikit-learn estimator with what to do before it.

    Parameters
    ----------
    estimator : fitted on what ``prepare`` makes of the frame.
    prepare : transformer of the frame, or None for the frame as it is.
    count : number of stored values of the fitted estimator.
    scale_target : fit to (y - mean) / deviation.
    """

    def __init__(
        self, estimator: Any, prepare: Any = None, count: Count | None = None, scale_target: bool = False
    ) -> None:
        self.estimator, self.prepare, self.count, self.scale_target = estimator, prepare, count, scale_target
        self.center, self.scale = 0.0, 1.0

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Model:
        """Fit preparation and estimator."""
        if self.scale_target:
            self.center, self.scale = float(np.mean(y)), float(np.std(y)) or 1.0
            y = (y - self.center) / self.scale
        self.estimator.fit(X if self.prepare is None else self.prepare.fit_transform(X), y)
        return self

    def _inputs(self, X: pd.DataFrame) -> Any:
        return X if self.prepare is None else self.prepare.transform(X)

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Predicted values."""
        values = np.asarray(self.estimator.predict(self._inputs(X)))
        return self.center + self.scale * values if self.scale_target else values

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Probabilities, a column for each of ``classes_``."""
        return np.asarray(self.estimator.predict_proba(self._inputs(X)))

    @property
    def classes_(self) -> np.ndarray:
        """The classes of the training rows."""
        return np.asarray(self.estimator.classes_)

    def n_stored(self) -> int | None:
        """Number of stored values."""
        stored = None if self.count is None else self.count(self.estimator)
        return None if stored is None else int(stored)


class Columns:
    """One-hot categories, imputed and standardised numbers: made when the frame is seen."""

    def __init__(self, scaled: bool) -> None:
        self.scaled = scaled

    def fit_transform(self, X: pd.DataFrame) -> np.ndarray:
        """Learn levels, medians and scales."""
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        texts = text_columns(X)
        numbers = [name for name in X.columns if name not in texts]
        steps = [SimpleImputer(strategy="median", add_indicator=True), *([StandardScaler()] if self.scaled else [])]
        one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        parts = [("numbers", make_pipeline(*steps), numbers), ("texts", one_hot, texts)]
        self.transformer = ColumnTransformer(parts)
        return self.transformer.fit_transform(X)

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """The same for new rows."""
        return self.transformer.transform(X)


class CategoryColumns:
    """Text columns as pandas categories, with the levels of the training rows; numbers as they are."""

    def fit_transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Learn the levels."""
        self.levels = {name: pd.CategoricalDtype(sorted(X[name].dropna().unique())) for name in text_columns(X)}
        return self.transform(X)

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """The same levels for new rows; others become missing."""
        known = {name: X[name].where(X[name].isin(dtype.categories)) for name, dtype in self.levels.items()}
        return X.assign(**known).astype(self.levels)


class CodedColumns:
    """A matrix for pyGAM: categories as codes (new ones get the code of missing), medians for missing numbers."""

    def fit_transform(self, X: pd.DataFrame) -> np.ndarray:
        """Learn levels and medians."""
        self.texts = text_columns(X)
        self.levels = {name: ["", *sorted(X[name].dropna().unique())] for name in self.texts}
        self.medians = X.drop(columns=self.texts).median()
        return self.transform(X)

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """The same for new rows."""
        columns = []
        for name in X.columns:
            if name in self.levels:
                codes = pd.Index(self.levels[name]).get_indexer(X[name].fillna(""))
                columns.append(np.maximum(codes, 0).astype(float))
            else:
                columns.append(X[name].fillna(self.medians[name]).to_numpy(dtype=float))
        return np.column_stack(columns)


class GAM(Model):
    """pyGAM with one smooth term a column (a factor for categories), smoothness by its own grid search."""

    strengths = (0.1, 1.0, 10.0, 100.0)

    def __init__(self, task: Task) -> None:
        import pygam

        super().__init__(None, CodedColumns())
        self.task, self.pygam = task, pygam

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> GAM:
        """Fit for each strength of smoothing and keep the best by generalised cross-validation."""
        matrix = self.prepare.fit_transform(X)
        if self.task == "classes":
            self.labels = np.unique(y)
            if len(self.labels) != 2:
                raise Unsupported(f"pyGAM knows two classes, not {len(self.labels)}")
            y = (y == self.labels[1]).astype(float)
        gam = self.pygam.LinearGAM if self.task == "regression" else self.pygam.LogisticGAM
        self.estimator = gam(self._terms(X, matrix))
        self.estimator.gridsearch(matrix, y, lam=np.array(self.strengths), progress=False)
        return self

    def _terms(self, X: pd.DataFrame, matrix: np.ndarray) -> Any:
        terms = []
        for k, name in enumerate(X.columns):
            n_values = len(np.unique(matrix[:, k]))
            if name in self.prepare.levels:
                # The domain holds all codes, also those that no training row has (missing).
                terms.append(self.pygam.f(k))
            elif n_values <= 3:
                terms.append(self.pygam.l(k))
            else:
                terms.append(self.pygam.s(k, n_splines=min(20, max(4, n_values))))
        return self.pygam.terms.TermList(*terms)

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Probabilities of both classes."""
        second = np.asarray(self.estimator.predict_proba(self._inputs(X)))
        return np.column_stack([1.0 - second, second])

    @property
    def classes_(self) -> np.ndarray:
        """The two classes."""
        return self.labels

    def n_stored(self) -> int:
        """Coefficients."""
        return int(np.size(self.estimator.coef_))


# ------------------------------------------------------------------------------------------------ the list


def _linear(task: Task, seed: int, threads: int) -> Model:
    from sklearn.linear_model import LogisticRegression, RidgeCV

    if task == "regression":
        return Model(RidgeCV(alphas=np.logspace(-3, 3, 13)), Columns(scaled=True), stored_by_linear)
    return Model(LogisticRegression(max_iter=2000), Columns(scaled=True), stored_by_linear)


def _forest(task: Task, seed: int, threads: int) -> Model:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if task == "regression" else RandomForestClassifier
    return Model(kind(random_state=seed, n_jobs=threads), Columns(scaled=False), stored_by_forest)


def _boosting(task: Task, seed: int, threads: int) -> Model:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    return Model(kind(random_state=seed), CategoryColumns(), stored_by_boosting)


class Network(Model):
    """scikit-learn's network, with settings that do not fail on small tables."""

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Model:
        """Fit in batches of 32 rows, of 200 (scikit-learn's own) from 5,000 rows on.

        Early stopping needs rows that tell epochs apart: the accuracy on a tenth of fewer than 300 rows does not.
        """
        by_accuracy = hasattr(self.estimator, "predict_proba")
        self.estimator.set_params(batch_size=200 if len(y) >= 5000 else min(32, len(y)))
        self.estimator.set_params(early_stopping=not (by_accuracy and len(y) < 300))
        return super().fit(X, y)


def _network(task: Task, seed: int, threads: int) -> Model:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPRegressor if task == "regression" else MLPClassifier
    estimator = kind(hidden_layer_sizes=(64, 64), max_iter=500, n_iter_no_change=25, random_state=seed)
    return Network(estimator, Columns(scaled=True), stored_by_network, scale_target=task == "regression")


def _ebm(task: Task, seed: int, threads: int) -> Model:
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    kind = ExplainableBoostingRegressor if task == "regression" else ExplainableBoostingClassifier
    return Model(kind(random_state=seed, n_jobs=threads), None, stored_by_ebm)


def _gam(task: Task, seed: int, threads: int) -> Model:
    return GAM(task)


def _constant(task: Task, seed: int, threads: int) -> Model:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    return Model(DummyRegressor() if task == "regression" else DummyClassifier(), None, lambda _: 1)


PEERS: dict[str, Callable[[Task, int, int], Model]] = {
    "ebm": _ebm,
    "hgb": _boosting,
    "rf": _forest,
    "mlp": _network,
    "pygam": _gam,
    "linear": _linear,
    "constant": _constant,
}
# What a library loads only when it first fits: loaded before the clock starts.
LOADED_LATE = {"ran": ("torch", "scipy.linalg", "scipy.optimize", "sympy")}


def make_model(name: str, task: Task, *, seed: int, threads: int, options: dict[str, Any]) -> Model:
    """Build a model: a known name, or ``module:function``.

    A function gets ``task``, ``random_state`` and ``n_jobs``, those of them that it has, and the options; its
    result is handed the frame as it is. ``ran`` is ``closedform.RANRegressor`` or ``closedform.RANClassifier``.
    """
    if name in PEERS:
        if options:
            raise ValueError(f"{name} takes no options: it runs untuned")
        return PEERS[name](task, seed, threads)
    if name == "ran":
        name = f"closedform:RAN{'Regressor' if task == 'regression' else 'Classifier'}"
    module, _, attribute = name.partition(":")
    if not attribute:
        raise ValueError(f"unknown model {name!r}: expected ran, {', '.join(PEERS)} or module:function")
    factory = getattr(importlib.import_module(module), attribute)
    parameters = inspect.signature(factory).parameters
    given = {"task": task, "random_state": seed, "n_jobs": threads}
    known = {key: value for key, value in given.items() if key in parameters}
    return Model(factory(**{**known, **options}), None, lambda fitted: getattr(fitted, "n_parameters_", None))


def load_libraries(name: str) -> None:
    """Import what the model would import during its fit."""
    for module in LOADED_LATE.get(name, ()):
        importlib.import_module(module)
