"""Estimators with scikit-learn's interface that end in a formula."""

from closedform.estimators.lies import LIESRegressor as LIESRegressor
from closedform.estimators.storage import load as load
from closedform.estimators.symbolic import SymbolicRegressor as SymbolicRegressor

__all__ = ["LIESRegressor", "SymbolicRegressor", "load"]
