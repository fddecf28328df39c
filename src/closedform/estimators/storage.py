"""Fitted estimators from model files."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from closedform import network_file
from closedform.additive.fitted import FittedNetwork
from closedform.estimators.base import AbstractFormulaRegressor
from closedform.estimators.lies import LIESRegressor
from closedform.estimators.parameters import from_plain
from closedform.estimators.ran import RANClassifier, RANRegressor
from closedform.estimators.symbolic import SymbolicRegressor
from closedform.exceptions import InputError, ModelFileError
from closedform.saved import load_any
from closedform.symbolic.operators import Operator, known_operators

_FORMULA_KINDS: dict[str, type[AbstractFormulaRegressor]] = {
    "SymbolicRegressor": SymbolicRegressor,
    "LIESRegressor": LIESRegressor,
}
_NETWORK_KINDS: dict[str, type[RANRegressor | RANClassifier]] = {
    network_file.REGRESSOR: RANRegressor,
    network_file.CLASSIFIER: RANClassifier,
}


def load(
    path: str | Path, operators: Sequence[Operator] = ()
) -> AbstractFormulaRegressor | RANRegressor | RANClassifier:
    """Read a fitted estimator from a model file.

    Parameters
    ----------
    path : str or Path
        A file that ``model.save(path)`` has written. It is safe to read files from strangers.
    operators : sequence of Operator, default=()
        Operators of your own that formulas in the file use: a file holds their names, not their functions.

    Returns
    -------
    SymbolicRegressor, LIESRegressor, RANRegressor or RANClassifier
        Whichever was saved, ready to predict. Settings that a file cannot hold have their defaults.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, not a model, or of a newer version.

    See Also
    --------
    closedform.model_file.load_formulas : The same file as a light record, without scikit-learn and pandas.
    closedform.network_file.load_network : The same for Rational ANOVA Networks.
    """
    with known_operators(*operators):
        model = load_any(path)
    if isinstance(model, FittedNetwork):
        return _network_estimator(model, path)
    if model.kind not in _FORMULA_KINDS:
        known = ", ".join(_FORMULA_KINDS)
        raise ModelFileError(f"'{path}' holds a {model.kind!r:.60}, which is none of {known}: update closedform.")
    estimator = _built(_FORMULA_KINDS[model.kind], model.settings, path)
    estimator._set_model(model)
    return estimator


def _network_estimator(network: FittedNetwork, path: str | Path) -> RANRegressor | RANClassifier:
    estimator = _built(_NETWORK_KINDS[network.kind], network.settings, path)
    if network.classes:
        estimator.classes_ = np.array(list(network.classes))
    estimator._set_network(network)
    return estimator


def _built(kind: type[BaseEstimator], settings: Mapping[str, Any], path: str | Path) -> Any:
    """An estimator with the settings of a file."""
    unknown = [name for name in settings if name not in inspect.signature(kind).parameters]
    if unknown:
        raise ModelFileError(f"'{path}' is damaged: {kind.__name__} has no setting {unknown[0]!r:.60}.")
    try:
        return kind(**{name: from_plain(value) for name, value in settings.items()})
    except InputError as problem:
        raise ModelFileError(f"'{path}' is damaged: {problem}.") from problem
