"""The effects of a network as data: values on grids, standard errors, and where the rows of a table lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.fitted import FittedNetwork
from closedform.additive.terms import ColumnFunctions, Effect, FunctionValues, MainEffect
from closedform.exceptions import InputError
from closedform.inspection.axes import Axis, Density, axis_of, density_of
from closedform.inspection.scores import network_of, output_names, score_name

if TYPE_CHECKING:
    import pandas as pd

FloatArray: TypeAlias = NDArray[np.float64]

_CURVE_POINTS = 201
_SAMPLE = 2000


@dataclass(frozen=True, eq=False)
class MainEffectData:
    """The effect of one column.

    Parameters
    ----------
    name : str
        Of the term.
    axis : Axis
        Values of the column; the last one is the missing cell if the model has an effect for it.
    effect : ndarray of shape (n_points, n_outputs)
        What the term adds to the raw scores. Its mean over the training rows is zero.
    standard_error : ndarray of shape (n_points, n_outputs)
        Of the effect; NaN where it is not known (rare labels, laws recognised in data without noise). Between the
        values at which the fit has recorded it, it is interpolated.
    outputs : tuple of str
        Names of the raw scores, see `score_names`.
    score_names : tuple of str
        What each raw score measures.
    importance : float
        Standard deviation of the effect over the training rows.
    density : Density or None
        Of the rows of the table that was given.
    """

    name: str
    axis: Axis
    effect: FloatArray
    standard_error: FloatArray
    outputs: tuple[str, ...]
    score_names: tuple[str, ...]
    importance: float
    density: Density | None = None

    @property
    def kind(self) -> str:
        """Kind of the column."""
        return self.axis.kind

    def to_frame(self) -> pd.DataFrame:
        """One row per value (and output): value, effect, standard_error, lower, upper; two standard errors apart.

        More than two classes add a first column ``output``. The value of a missing cell is missing.
        """
        import pandas as pd

        error = 2.0 * self.standard_error
        columns = {
            "effect": self.effect,
            "standard_error": self.standard_error,
            "lower": self.effect - error,
            "upper": self.effect + error,
        }
        frames = []
        for k, output in enumerate(self.outputs):
            first = {"output": [output] * len(self.axis)} if len(self.outputs) > 1 else {}
            parts = {name: values[:, k] for name, values in columns.items()}
            frames.append(pd.DataFrame({**first, "value": self.axis.values, **parts}))
        return pd.concat(frames, ignore_index=True)


@dataclass(frozen=True, eq=False)
class PairEffectData:
    """What two columns do together beyond the effect of each.

    Parameters
    ----------
    name : str
        Of the term.
    first, second : Axis
        Values of the two columns.
    effect : ndarray of shape (n_first, n_second, n_outputs)
        What the term adds to the raw scores.
    outputs, score_names : tuple of str
        As in `MainEffectData`.
    importance : float
        Standard deviation of the effect over the training rows.
    sample : ndarray of shape (n_sample, 2), or None
        Some rows of the table that was given, in codes of the two axes.
    """

    name: str
    first: Axis
    second: Axis
    effect: FloatArray
    outputs: tuple[str, ...]
    score_names: tuple[str, ...]
    importance: float
    sample: FloatArray | None = None

    kind = "pair"

    def to_frame(self) -> pd.DataFrame:
        """One row per pair of values (and output): first, second, effect; first column ``output`` for classes."""
        import pandas as pd

        n_first, n_second = len(self.first), len(self.second)
        frames = []
        for k, output in enumerate(self.outputs):
            label = {"output": [output] * (n_first * n_second)} if len(self.outputs) > 1 else {}
            values = {
                self.first.name: np.repeat(self.first.values, n_second),
                self.second.name: np.tile(self.second.values, n_first),
                "effect": self.effect[:, :, k].ravel(),
            }
            frames.append(pd.DataFrame({**label, **values}))
        return pd.concat(frames, ignore_index=True)


EffectData: TypeAlias = MainEffectData | PairEffectData


def effects(model: Any, X: Any = None, *, terms: Iterable[str] | None = None, resolution: int = 40) -> list[EffectData]:
    """The effects of a network as data.

    Parameters
    ----------
    model : RANRegressor, RANClassifier or FittedNetwork
        Fitted.
    X : table, optional
        Rows whose distribution is reported beside the effects; without it there is no density.
    terms : iterable of str, optional
        Which terms, in this order; by default all, in the order of the model. Terms of more than two columns and the
        second block cannot be shown on a grid: they are left out, and refused where they are named.
    resolution : int
        Values per numeric column in the grid of a pair, at least 3. Curves of one column are finer.

    Returns
    -------
    list of MainEffectData or PairEffectData

    Raises
    ------
    InputError
        If there is no such term, or `X` does not have the columns of the model.

    Examples
    --------
    >>> import numpy as np
    >>> from closedform import RANRegressor
    >>> from closedform.inspection import effects
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 2))
    >>> model = RANRegressor(interactions=0, second_block=False, random_state=0).fit(X, X[:, 0] ** 3 + 2 * X[:, 1])
    >>> [(one.name, one.kind, one.effect.shape[1]) for one in effects(model)]
    [('x1', 'numeric', 1), ('x0', 'numeric', 1)]
    """
    network = network_of(model)
    if resolution < 3:
        raise InputError(f"resolution must be at least 3, but is {resolution}.")
    columns = None if X is None else network.encoded(X)
    functions = {function.column: function for function in network.model.functions}
    return [_data(network, functions, k, columns, resolution) for k in _positions(network, terms)]


def _positions(network: FittedNetwork, terms: Iterable[str] | None) -> list[int]:
    known = network.model.effects
    if terms is None:
        return [k for k, effect in enumerate(known) if len(effect.columns) <= 2]
    positions = [network.model.position(name) for name in terms]
    for k in positions:
        if len(known[k].columns) > 2:
            raise InputError(
                f"the term '{known[k].name}' depends on {len(known[k].columns)} columns: only terms of one or two "
                "columns can be shown on a grid."
            )
    return positions


def _data(
    network: FittedNetwork,
    functions: Mapping[int, ColumnFunctions],
    position: int,
    columns: Sequence[FloatArray] | None,
    resolution: int,
) -> EffectData:
    effect = network.model.effects[position]
    names = output_names(network), tuple(score_name(network, k) for k in range(network.model.n_outputs))
    importance = float(network.model.importances[position])
    own = [functions[column] for column in effect.columns]
    if len(own) == 1:
        extra = effect.grid if isinstance(effect, MainEffect) else None
        axis = axis_of(network.columns[own[0].column], own[0], _CURVE_POINTS, extra)
        density = None if columns is None else density_of(axis, own[0], columns[own[0].column])
        values = _values(effect, {own[0].column: axis.codes})
        return MainEffectData(effect.name, axis, values, _standard_error(effect, axis), *names, importance, density)
    first, second = (axis_of(network.columns[item.column], item, resolution) for item in own)
    grid = {own[0].column: np.repeat(first.codes, len(second)), own[1].column: np.tile(second.codes, len(first))}
    values = _values(effect, grid).reshape(len(first), len(second), -1)
    sample = None if columns is None else _sample(columns[own[0].column], columns[own[1].column])
    return PairEffectData(effect.name, first, second, values, *names, importance, sample)


def _values(effect: Effect, columns: Mapping[int, FloatArray]) -> FloatArray:
    """An effect, shape (n_points, n_outputs), for values of its columns; no other column is looked at."""
    nothing = np.zeros(0)
    return FunctionValues([columns.get(k, nothing) for k in range(max(columns) + 1)]).effect(effect)


def _standard_error(effect: Effect, axis: Axis) -> FloatArray:
    """Standard errors at the values of an axis, from where the fit has recorded them."""
    result = np.full((len(axis), len(effect.offset)), np.nan)
    if not isinstance(effect, MainEffect):
        return result
    recorded, known = np.isfinite(effect.grid), axis.known
    for k in range(result.shape[1] if len(effect.grid) else 0):
        error = effect.standard_error[:, k]
        if axis.kind == "categorical":
            by_code = dict(zip(effect.grid[recorded].tolist(), error[recorded].tolist(), strict=True))
            result[known, k] = [by_code.get(code, np.nan) for code in axis.codes[known].tolist()]
        elif recorded.any():
            result[known, k] = np.interp(axis.codes[known], effect.grid[recorded], error[recorded])
        result[~known, k] = error[~recorded][0] if not recorded.all() else np.nan
    return result


def _sample(first: FloatArray, second: FloatArray) -> FloatArray:
    """At most so many rows, evenly over the table."""
    rows = np.linspace(0, len(first) - 1, min(len(first), _SAMPLE)).astype(np.intp)
    return np.column_stack([first[rows], second[rows]])
