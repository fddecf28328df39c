"""Fitted estimators from model files."""

from __future__ import annotations

import inspect
from pathlib import Path

from closedform.estimators.base import AbstractFormulaRegressor
from closedform.estimators.lies import LIESRegressor
from closedform.estimators.parameters import from_plain
from closedform.estimators.symbolic import SymbolicRegressor
from closedform.exceptions import InputError, ModelFileError
from closedform.model_file import load_formulas

_KINDS: dict[str, type[AbstractFormulaRegressor]] = {
    "SymbolicRegressor": SymbolicRegressor,
    "LIESRegressor": LIESRegressor,
}


def load(path: str | Path) -> AbstractFormulaRegressor:
    """Read a fitted estimator from a model file.

    Parameters
    ----------
    path : str or Path
        A file that ``model.save(path)`` has written. It is safe to read files from strangers.

    Returns
    -------
    SymbolicRegressor or LIESRegressor
        Whichever was saved, ready to predict. Settings that a file cannot hold have their defaults.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, not a model, or of a newer version.

    See Also
    --------
    closedform.model_file.load_formulas : The same file as a light record, without scikit-learn and pandas.
    """
    model = load_formulas(path)
    if model.kind not in _KINDS:
        known = ", ".join(_KINDS)
        raise ModelFileError(f"'{path}' holds a {model.kind!r:.60}, which is none of {known}: update closedform.")
    kind = _KINDS[model.kind]
    unknown = [name for name in model.settings if name not in inspect.signature(kind).parameters]
    if unknown:
        raise ModelFileError(f"'{path}' is damaged: {model.kind} has no setting {unknown[0]!r:.60}.")
    try:
        settings = {name: from_plain(value) for name, value in model.settings.items()}
    except InputError as problem:
        raise ModelFileError(f"'{path}' is damaged: {problem}.") from problem
    estimator = kind(**settings)
    estimator._set_model(model)
    return estimator
