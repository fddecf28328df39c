"""Estimators with scikit-learn's interface that end in a formula or in readable effects."""

from closedform.estimators.lies import LIESRegressor as LIESRegressor
from closedform.estimators.ran import RANClassifier as RANClassifier
from closedform.estimators.ran import RANRegressor as RANRegressor
from closedform.estimators.storage import load as load
from closedform.estimators.symbolic import SymbolicRegressor as SymbolicRegressor

__all__ = ["LIESRegressor", "RANClassifier", "RANRegressor", "SymbolicRegressor", "load"]
