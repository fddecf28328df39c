"""Tables for the tabular benchmarks: CSV files of a folder, small sets of scikit-learn, Friedman's functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

Task = Literal["regression", "classes"]

# Below this many rows every row is tested once (cross-validation); above it one test part of a fifth is enough.
CROSS_VALIDATED_BELOW = 5000
# Numbers that stand for classes: nothing in the file tells.
CLASSES_AS_NUMBERS = frozenset({"digits"})
# Targets that are smooth in their inputs and nearly free of noise, where a smooth model should beat steps.
SMOOTH = (
    "yacht", "energy", "concrete", "kin8nm", "power_plant", "auto_mpg",
    "friedman1", "friedman1_clean", "friedman2", "friedman3",
)  # fmt: skip


@dataclass(frozen=True)
class TabularSet:
    """A table with its target.

    Attributes
    ----------
    X : features as a user would hand them over; text columns are categories, missing values are NaN.
    y : ``float64`` for a regression, text or integers for classes.
    """

    name: str
    X: pd.DataFrame
    y: np.ndarray
    task: Task

    @property
    def classes(self) -> np.ndarray:
        """The classes in sorted order; empty for a regression."""
        return np.unique(self.y) if self.task == "classes" else np.empty(0)


def _friedman(name: str, noise: float) -> Callable[[], tuple[pd.DataFrame, np.ndarray]]:
    def make() -> tuple[pd.DataFrame, np.ndarray]:
        from sklearn import datasets

        X, y = getattr(datasets, f"make_{name}")(n_samples=2000, noise=noise, random_state=0)
        return pd.DataFrame(X, columns=[f"x{k}" for k in range(1, X.shape[1] + 1)]), y

    return make


def _bundled(name: str) -> Callable[[], tuple[pd.DataFrame, np.ndarray]]:
    def load() -> tuple[pd.DataFrame, np.ndarray]:
        from sklearn import datasets

        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        return bunch.data, bunch.target_names[bunch.target.to_numpy()].astype(object)

    return load


# Noise as in Friedman 1991: a third of the signal for the second and third function.
GENERATED: dict[str, tuple[Task, Callable[[], tuple[pd.DataFrame, np.ndarray]]]] = {
    "friedman1": ("regression", _friedman("friedman1", 1.0)),
    "friedman1_clean": ("regression", _friedman("friedman1", 0.0)),
    "friedman2": ("regression", _friedman("friedman2", 125.0)),
    "friedman3": ("regression", _friedman("friedman3", 0.1)),
    "iris": ("classes", _bundled("iris")),
    "wine": ("classes", _bundled("wine")),
}


def set_names(wanted: str, data_dir: Path | None) -> list[str]:
    """Names of sets for ``a,b,c`` or ``all``; ValueError where one does not exist."""
    files = {path.stem for path in data_dir.glob("*.csv")} if data_dir is not None else set()
    known = sorted(files) + sorted(set(GENERATED) - files)
    if wanted == "all":
        return known
    names = [name for name in wanted.split(",") if name]
    missing = [name for name in names if name not in known]
    if missing:
        where = f"{data_dir} has {', '.join(sorted(files)) or 'no CSV files'}" if data_dir else "no --data-dir given"
        raise ValueError(f"no such set: {', '.join(missing)}; {where}; always there: {', '.join(sorted(GENERATED))}")
    return names


def load_set(name: str, data_dir: Path | None) -> TabularSet:
    """Load one set: a CSV file of the folder (target in the last column, empty field = missing), or a generated one."""
    path = None if data_dir is None else data_dir / f"{name}.csv"
    if path is None or not path.is_file():
        task, make = GENERATED[name]
        X, y = make()
        return TabularSet(name, X, np.asarray(y), task)
    # Only an empty field is missing: "None" or "NA" can be a category.
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    target = frame.iloc[:, -1]
    if target.isna().any():
        raise ValueError(f"{path}: {int(target.isna().sum())} rows have no target")
    X = frame.iloc[:, :-1]
    if name in CLASSES_AS_NUMBERS:
        return TabularSet(name, X, target.to_numpy(), "classes")
    if pd.api.types.is_numeric_dtype(target.dtype):
        return TabularSet(name, X, target.to_numpy(dtype=np.float64), "regression")
    return TabularSet(name, X, target.astype(str).to_numpy(dtype=object), "classes")


def splits(table: TabularSet, n_folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Row numbers for training and test, one pair for each fold.

    Below 5,000 rows cross-validation with shuffled rows, from there on one split with a fifth of the rows for the test;
    both keep the shares of classes.
    """
    from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

    rows = np.arange(len(table.y))
    labels = table.y if table.task == "classes" else None
    if len(rows) >= CROSS_VALIDATED_BELOW:
        train, test = train_test_split(rows, test_size=0.2, random_state=seed, stratify=labels)
        return [(train, test)]
    kind: Any = KFold if labels is None else StratifiedKFold
    return list(kind(n_folds, shuffle=True, random_state=seed).split(rows, labels))
