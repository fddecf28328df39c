"""A network at a glance: its importances and its most important effects in one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from closedform.exceptions import InputError
from closedform.inspection.bars import ImportanceDisplay
from closedform.inspection.curves import EffectDisplay
from closedform.inspection.drawing import AbstractDisplay, new_figure
from closedform.inspection.effects import EffectData, MainEffectData, effects
from closedform.inspection.explain import explain_global
from closedform.inspection.pairs import PairDisplay
from closedform.inspection.scores import network_of, output_position, score_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_COLUMNS = 3


class OverviewDisplay(AbstractDisplay):
    """The importances of the terms and the most important effects.

    Curves of numbers and dates share their vertical scale, so that sizes can be compared by eye.

    Parameters
    ----------
    table : DataFrame
        As `explain_global` returns it.
    measured : str
        What the raw score measures.
    effects : list of MainEffectData or PairEffectData
        What is drawn beside the importances, at least one.
    output : int, optional
        Which raw score.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
    axes_ : list of matplotlib.axes.Axes
        Of the importances, then of the effects.
    displays_ : list of displays
        In the same order.
    """

    def __init__(
        self, table: pd.DataFrame, measured: str, effects: list[EffectData], output: int | None = None
    ) -> None:
        self.table = table
        self.measured = measured
        self.effects = effects
        self.output = output

    @classmethod
    def from_estimator(cls, model: Any, X: Any = None, *, output: Any = None, max_terms: int = 5) -> Self:
        """Compute and draw the overview.

        Parameters
        ----------
        model : RANRegressor, RANClassifier or FittedNetwork
            Fitted.
        X : table, optional
            Rows whose density is shown.
        output : label, optional
            A class, where there are more than two; by default curves show all and maps the one that moves most.
        max_terms : int
            Number of effects beside the importances.
        """
        network = network_of(model)
        table = explain_global(network)
        drawable = {effect.name for effect in network.model.effects if len(effect.columns) <= 2}
        terms = [term for term in table["term"] if term in drawable][:max_terms]
        one = network.model.n_outputs == 1
        measured = score_name(network, 0) if one else f"the scores of {network.target_name}"
        position = None if output is None else output_position(network, output)
        return cls(table, measured, effects(network, X, terms=terms, resolution=60), position).plot()

    def plot(self) -> Self:
        """Draw the panels in a figure of their own."""
        count = 1 + len(self.effects)
        n_columns = min(count, _COLUMNS)
        n_rows = -(-count // n_columns)
        self.figure_ = new_figure(4.3 * n_columns, 3.3 * n_rows)
        self.axes_ = [self.figure_.add_subplot(n_rows, n_columns, k + 1) for k in range(count)]
        first = ImportanceDisplay(self.table, self.measured, max_terms=12).plot(self.axes_[0])
        self.displays_: list[AbstractDisplay] = [first]
        for data, ax in zip(self.effects, self.axes_[1:], strict=True):
            self.displays_.append(_display(data, self.output).plot(ax))
        self._share_heights()
        return self

    def _share_heights(self) -> None:
        curves = [one for one in self.displays_ if isinstance(one, EffectDisplay) and not one.data.axis.is_levels]
        if curves:
            low, high = min(one.heights_[0] for one in curves), max(one.heights_[1] for one in curves)
            for one in curves:
                one.set_heights(low, high)


def _display(data: EffectData, output: int | None) -> EffectDisplay | PairDisplay:
    return EffectDisplay(data, output) if isinstance(data, MainEffectData) else PairDisplay(data, output)


def plot(
    model: Any,
    term: str | None = None,
    X: Any = None,
    *,
    output: Any = None,
    max_terms: int = 5,
    ax: Axes | None = None,
) -> OverviewDisplay | EffectDisplay | PairDisplay:
    """Draw one effect, or the importances and the most important effects.

    Parameters
    ----------
    model : RANRegressor, RANClassifier or FittedNetwork
        Fitted.
    term : str, optional
        Name of a term; by default the overview.
    X : table, optional
        Rows whose density is shown.
    output : label, optional
        A class, where there are more than two.
    max_terms : int
        Effects in the overview.
    ax : matplotlib.axes.Axes, optional
        Where to draw the effect; the overview has a figure of its own.

    Raises
    ------
    InputError
        If there is no such term or class, or the term depends on more than two columns.
    MissingPackageError
        If matplotlib is not installed.
    """
    if term is not None:
        (data,) = effects(model, X, terms=[term], resolution=60)
        position = None if output is None else output_position(network_of(model), output)
        return _display(data, position).plot(ax)
    if ax is not None:
        raise InputError("ax is for one term: name it with term=..., or leave ax out for the overview.")
    return OverviewDisplay.from_estimator(model, X, output=output, max_terms=max_terms)
