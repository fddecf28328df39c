"""From a table to a formula.

`SymbolicRegressor().fit(X, y)` looks for formulas that explain `y`, from the simplest to the most accurate.

The names below are loaded on first use, so that `import closedform` costs milliseconds and predicting with a saved
formula never loads torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from closedform import datasets
    from closedform.estimators import LIESRegressor, RANClassifier, RANRegressor, SymbolicRegressor, load
    from closedform.symbolic.expression import Expression

__version__ = "0.1.0"

# Public name -> module that has it; a submodule stands for itself.
_HOME = {
    "Expression": "closedform.symbolic.expression",
    "LIESRegressor": "closedform.estimators",
    "RANClassifier": "closedform.estimators",
    "RANRegressor": "closedform.estimators",
    "SymbolicRegressor": "closedform.estimators",
    "load": "closedform.estimators",
}
_SUBMODULES = frozenset({"datasets"})

__all__ = [
    "Expression",
    "LIESRegressor",
    "RANClassifier",
    "RANRegressor",
    "SymbolicRegressor",
    "__version__",
    "datasets",
    "load",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in _SUBMODULES:
        return import_module(f"closedform.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'closedform' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
