"""Models with several outputs: one front of formulas for each, over the same columns, in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

import closedform
from closedform import model_file
from closedform.exceptions import InputError, ModelFileError, did_you_mean
from closedform.formulas import FormulaModel, Outside
from closedform.json_fields import OUTPUTS_FORMAT, check_version, field, list_of, write_text

VERSION = 1
MOST_OUTPUTS = 10_000

Index = int | Sequence[int | None] | None
"""Which formula of each front: the chosen ones, the same row of all, or one row for each output."""


@dataclass(frozen=True)
class FormulaModels:
    """The models of several outputs that were fitted together.

    Parameters
    ----------
    models : tuple of FormulaModel
        One for each output, all with the same columns; at least two.
    """

    models: tuple[FormulaModel, ...]

    @property
    def kind(self) -> str:
        """Class of the estimator that was fitted."""
        return self.models[0].kind

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns at fit time."""
        return self.models[0].feature_names

    @property
    def named(self) -> bool:
        """False where the names of the columns were made up."""
        return self.models[0].named

    @property
    def settings(self) -> Mapping[str, Any]:
        """Parameters of the estimator, as far as plain values express them."""
        return self.models[0].settings

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(model.target_name for model in self.models)

    def output(self, name: str) -> FormulaModel:
        """Return the model of one output.

        Raises
        ------
        InputError
            If there is no output of this name, with the nearest one.
        """
        if name not in self.target_names:
            known = ", ".join(self.target_names)
            raise InputError(f"there is no output {name!r}{did_you_mean(name, self.target_names)}; known: {known}.")
        return self.models[self.target_names.index(name)]

    def rows(self, index: Index) -> tuple[int | None, ...]:
        """Return one index for each output.

        Parameters
        ----------
        index : None, int or sequence of int
            None for the chosen formulas, a number for this row of all fronts, or one row for each output.

        Raises
        ------
        InputError
            If there is not one for each output.
        """
        if index is None or not isinstance(index, list | tuple | np.ndarray):
            # What is no row of a front is refused by each model.
            return (cast("int | None", index),) * len(self.models)
        if len(index) != len(self.models):
            raise InputError(f"index must be one row for each of {len(self.models)} outputs, got {len(index)}.")
        return tuple(index)

    def predict(
        self, X: Any, index: Index = None, outside: Outside = "warn", groups: Any = None
    ) -> NDArray[np.float64]:
        """Return the values of one formula for each output.

        Parameters
        ----------
        X : array of shape (n_samples, n_features), mapping of columns, or any frame
            The columns of fit time.
        index : None, int or sequence of int
            Which formulas, see `rows`.
        outside : {"warn", "nan", "raise", "ignore"}, default="warn"
            See :meth:`closedform.formulas.FormulaModel.predict`.
        groups : array-like of shape (n_samples,), optional
            The group of each row; needed where constants differ between groups.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
        """
        pairs = zip(self.models, self.rows(index), strict=True)
        return np.column_stack([model.predict(X, row, outside, groups) for model, row in pairs])


# --- files ------------------------------------------------------------------------------------------------------------


def to_plain(model: FormulaModel | FormulaModels) -> dict[str, Any]:
    """Return the plain values that a model file holds."""
    if isinstance(model, FormulaModel):
        return model_file.to_plain(model)
    return {
        "format": OUTPUTS_FORMAT,
        "version": VERSION,
        "package_version": closedform.__version__,
        "outputs": [model_file.to_plain(one) for one in model.models],
    }


def save_any(model: FormulaModel | FormulaModels, path: str | Path) -> None:
    """Write the model of one output or of several to a file.

    Parameters
    ----------
    model : FormulaModel or FormulaModels
    path : str or Path
        An existing file is replaced, at once and only when everything is written.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_text(model_file.to_text_of(to_plain(model)), path)


def from_plain(data: Any) -> FormulaModels:
    """Read models from the plain values of a file with several outputs.

    Raises
    ------
    ModelFileError
        If it is damaged or of a newer version.
    """
    check_version(data, VERSION, closedform.__version__)
    models = tuple(field(data, "outputs", list_of(model_file.from_plain, MOST_OUTPUTS)))
    if len(models) < 2:
        raise ModelFileError(f'it is damaged: "outputs" holds {len(models)} of at least 2 models.')
    if len({model.feature_names for model in models}) > 1 or len({model.kind for model in models}) > 1:
        raise ModelFileError("it is damaged: its outputs were not fitted together.")
    if len({model.target_name for model in models}) < len(models):
        raise ModelFileError("it is damaged: two of its outputs have the same name.")
    return FormulaModels(models)
