"""Estimators that the harness is tried with: one line of arithmetic each, and some that misbehave."""

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


class Product:
    """The product of all inputs times one fitted factor."""

    def fit(self, X: Any, y: np.ndarray) -> "Product":
        warnings.warn("only a product", UserWarning, stacklevel=2)
        product = np.prod(X.to_numpy(), axis=1)
        self.factor = float(product @ y / (product @ product))
        self.equation_ = "*".join([repr(self.factor), *X.columns])
        return self

    def predict(self, X: Any) -> np.ndarray:
        return self.factor * np.prod(X.to_numpy(), axis=1)

    def get_best(self) -> dict[str, float]:
        return {"seconds": 0.25}


class Claiming(Product):
    """Calls its formula exact, whatever the data."""

    def get_best(self) -> dict[str, Any]:
        return {"seconds": 0.25, "exact": True}


class Misbehaving(Product):
    """Raises, dies or never ends, as asked."""

    def __init__(self, how: str) -> None:
        self.how = how

    def fit(self, X: Any, y: np.ndarray) -> "Product":
        if self.how == "raise":
            raise ValueError("no such luck")
        if self.how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "sleep":
            time.sleep(600)
        super().fit(X, y)
        if self.how == "babble":
            self.equation_ = "__import__('os')"
        return self


def product(max_time: float, random_state: int) -> Product:
    """A factory as the harness calls it."""
    return Product()


def claiming(max_time: float, random_state: int) -> Claiming:
    """A factory as the harness calls it."""
    return Claiming()


def misbehaving(max_time: float, random_state: int, n_jobs: int, how: str) -> Misbehaving:
    """A factory with an option."""
    return Misbehaving(how)


def lasting(report: Callable[[dict[str, Any]], None], cell: dict[str, Any], folder: Path) -> None:
    """A measurement that starts a process of its own, tells the numbers of both, and takes ten minutes."""
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    written = folder / f"{cell['name']}.tmp"
    written.write_text(f"{os.getpid()} {helper.pid}")
    written.rename(folder / "pid")
    time.sleep(600)
