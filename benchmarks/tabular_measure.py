"""What a model of a table is worth: one fit, its scores on rows it has not seen, its time and its size."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tabular_data import TabularSet, load_set, splits
from benchmarks.tabular_models import Model, Unsupported, load_libraries, make_model
from benchmarks.tabular_runner import Cell, Stopwatch, peak_memory

# Rows in a timed call of predict (the test rows, repeated), so that the cost of calling does not count.
N_TIMED = 10_000
SECONDS_TIMED = 10.0


def regression_metrics(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Root mean squared error, mean absolute error and R2; ValueError for values that are not finite."""
    predicted = np.asarray(predicted, dtype=float).ravel()
    if predicted.shape != y.shape or not np.isfinite(predicted).all():
        raise ValueError(f"{int((~np.isfinite(predicted)).sum())} of {len(predicted)} predictions are not finite")
    error = float(np.mean((y - predicted) ** 2))
    return {
        "rmse": float(np.sqrt(error)),
        "mae": float(np.mean(np.abs(y - predicted))),
        "r2": 1.0 - error / float(np.var(y)),
    }


def class_metrics(
    y: np.ndarray, probabilities: np.ndarray, own_classes: np.ndarray, classes: np.ndarray
) -> dict[str, float | None]:
    """Log-loss, accuracy and, for two classes, the area under the ROC curve.

    ``own_classes`` are those of the columns of ``probabilities``; a class that the model does not know has
    probability 0. Probabilities are kept 1e-15 away from 0 and 1, as scikit-learn does.
    """
    from sklearn.metrics import roc_auc_score

    if not np.isfinite(probabilities).all():
        raise ValueError("not all predicted probabilities are finite")
    place = {label: k for k, label in enumerate(classes.tolist())}
    aligned = np.zeros((len(y), len(classes)))
    aligned[:, [place[label] for label in own_classes.tolist()]] = probabilities
    true = np.array([place[label] for label in y.tolist()])
    clipped = np.clip(aligned, 1e-15, 1.0)
    losses = -np.log(clipped[np.arange(len(y)), true] / clipped.sum(axis=1))
    auc = float(roc_auc_score(true, aligned[:, 1])) if len(classes) == 2 and len(set(true)) == 2 else None
    return {"log_loss": float(losses.mean()), "accuracy": float(np.mean(aligned.argmax(axis=1) == true)), "auc": auc}


def predict_microseconds(call: Callable[[Any], np.ndarray], X: Any) -> tuple[float, float]:
    """Median microseconds per row, wall clock and processor, of three to seven calls with at least 10,000 rows.

    A call before them does not count.
    """
    import pandas as pd

    repeated = pd.concat([X] * -(-N_TIMED // len(X)), ignore_index=True)
    call(repeated)
    watches: list[Stopwatch] = []
    while len(watches) < 7 and (len(watches) < 3 or sum(watch.wall for watch in watches) < SECONDS_TIMED):
        with Stopwatch() as watch:
            call(repeated)
        watches.append(watch)
    wall, cpu = (float(np.median([getattr(watch, key) for watch in watches])) for key in ("wall", "cpu"))
    return 1e6 * wall / len(repeated), 1e6 * cpu / len(repeated)


def measure(report: Callable[[dict[str, Any]], None], cell: Cell, data_dir: Path | None) -> None:
    """Fit one model on one fold and report what it is worth."""
    table = load_set(cell["set"], data_dir)
    train, test = splits(table, cell["folds"], cell["seed"])[cell["fold"]]
    load_libraries(cell["model"])
    model = make_model(cell["model"], table.task, seed=cell["seed"], threads=cell["threads"], options=cell["options"])
    report({"task": table.task, "n_rows": len(table.y), "n_columns": table.X.shape[1], "n_train": len(train)})
    X_train, X_test = (table.X.iloc[rows].reset_index(drop=True) for rows in (train, test))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            with Stopwatch() as watch:
                model.fit(X_train, table.y[train])
        except Unsupported as error:
            report({"status": "unsupported", "message": str(error)})
            return
        report({"fit_seconds": watch.wall, "fit_cpu_seconds": watch.cpu, "parameters": model.n_stored()})
        report(_scores(model, table, X_test, table.y[test]))
        call = model.predict if table.task == "regression" else model.predict_proba
        wall, cpu = predict_microseconds(call, X_test)
        report({"predict_microseconds": wall, "predict_cpu_microseconds": cpu, "memory_mb": peak_memory()})
    report({"warnings": sorted({f"{w.category.__name__}: {w.message}"[:200] for w in caught})[:5]})


def _scores(model: Model, table: TabularSet, X: Any, y: np.ndarray) -> dict[str, float | None]:
    if table.task == "regression":
        return {**regression_metrics(y, model.predict(X))}
    return class_metrics(y, model.predict_proba(X), model.classes_, table.classes)
