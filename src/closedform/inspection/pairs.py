"""The picture of what two columns do together: a map of colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError
from closedform.inspection.axes import Axis
from closedform.inspection.drawing import (
    LARGE,
    NORMAL,
    SMALL,
    ZERO,
    AbstractDisplay,
    axes_for,
    figure_of,
    text,
    use_dates,
)
from closedform.inspection.effects import PairEffectData, effects
from closedform.inspection.scores import network_of, output_position

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

_MOST_LEVELS = 20
_JITTER = 0.22
# Cells without a row within this share of the ranges are veiled.
_NEAR = 0.08
_VEIL = 0.7


class PairDisplay(AbstractDisplay):
    """The effect of a pair of columns as a map of colours, white where it is zero.

    Labels are on the vertical axis where only one column has them. Missing cells of numeric columns are not drawn;
    `PairEffectData` has them. Where rows are given, the colours span the effects that rows have, and what is far from
    all rows is pale.

    Parameters
    ----------
    data : PairEffectData
        What is drawn.
    output : int, optional
        Which raw score; by default the one that the pair moves most.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
    ax_ : matplotlib.axes.Axes
    mesh_ : matplotlib.collections.QuadMesh
    colorbar_ : matplotlib.colorbar.Colorbar
    """

    def __init__(self, data: PairEffectData, output: int | None = None) -> None:
        self.data = data
        self.output = output

    @classmethod
    def from_estimator(
        cls, model: Any, term: str, X: Any = None, *, output: Any = None, ax: Axes | None = None
    ) -> Self:
        """Compute and draw the effect of a pair.

        Parameters
        ----------
        model : RANRegressor, RANClassifier or FittedNetwork
            Fitted.
        term : str
            Name of the pair, in either order: ``"a & b"``.
        X : table, optional
            Some of its rows are drawn as points.
        output : label, optional
            A class, where there are more than two; by default the one that the pair moves most.
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        """
        (data,) = effects(model, X, terms=[term], resolution=60)
        if not isinstance(data, PairEffectData):
            raise InputError(f"the term '{term}' has one column: draw it with EffectDisplay.")
        return cls(data, None if output is None else output_position(network_of(model), output)).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a figure of its own.
        """
        data = self.data
        self.ax_ = axes_for(ax, 5.4, 3.9)
        self.figure_ = figure_of(self.ax_)
        k = self._output()
        swapped = data.first.is_levels and not data.second.is_levels
        across, up = (data.second, data.first) if swapped else (data.first, data.second)
        values = data.effect[:, :, k] if swapped else data.effect[:, :, k].T
        shown_up, shown_across = _shown(up, values), _shown(across, values.T)
        values = values[np.ix_(shown_up, shown_across)]
        near = np.ones(values.shape, dtype=bool)
        if data.sample is not None:
            sample = data.sample[:, ::-1] if swapped else data.sample
            near = self._draw_rows(sample, across, up, shown_across, shown_up)
        # Colours are for effects that rows have; corners without any do not wash them out.
        largest = float(np.abs(values[near]).max(initial=0.0)) or float(np.abs(values).max(initial=0.0)) or 1.0
        x, y = _edges(across, shown_across), _edges(up, shown_up)
        self.mesh_ = self.ax_.pcolormesh(x, y, values, cmap="RdBu_r", vmin=-largest, vmax=largest, rasterized=True)
        if not near.all():
            veil = np.where(near, np.nan, 1.0)
            self.ax_.pcolormesh(x, y, veil, cmap="Greys", vmin=1.0, vmax=2.0, alpha=_VEIL, rasterized=True)
        self.ax_.set_xlim(x[0], x[-1])
        self.ax_.set_ylim(*(y[[-1, 0]] if up.is_levels else y[[0, -1]]))
        _label_axis(self.ax_, across, shown_across, horizontal=True)
        _label_axis(self.ax_, up, shown_up, horizontal=False)
        self.ax_.set_title(
            " & ".join(text(axis.name, 20) for axis in (data.first, data.second)),
            fontsize=LARGE,
            loc="left",
            fontweight="bold",
        )
        more = "both" if np.abs(values).max() > largest else "neither"
        self.colorbar_ = self.figure_.colorbar(
            self.mesh_, ax=self.ax_, pad=0.02, aspect=25, extend=more, extendfrac=0.03
        )
        self.colorbar_.set_label(f"effect on {text(data.score_names[k], 40)}", fontsize=NORMAL)
        self.colorbar_.ax.tick_params(labelsize=SMALL, color=ZERO)
        self.colorbar_.outline.set_visible(False)
        return self

    def _output(self) -> int:
        return self.output if self.output is not None else int(np.argmax(np.abs(self.data.effect).max(axis=(0, 1))))

    def _draw_rows(
        self, sample: FloatArray, across: Axis, up: Axis, shown_across: NDArray[np.intp], shown_up: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        """Draw rows as points; return which cells are near any of them, shape (n_up, n_across)."""
        x, y = _places(across, shown_across, sample[:, 0], 0), _places(up, shown_up, sample[:, 1], 1)
        self.ax_.scatter(x, y, s=3.5, color="#202124", alpha=0.35, linewidths=0, zorder=3)
        return _near(up, shown_up, sample[:, 1]) @ _near(across, shown_across, sample[:, 0]).T > 0


def _shown(axis: Axis, values: FloatArray) -> NDArray[np.intp]:
    """Positions that are drawn: all known numbers; of labels those with the largest effects."""
    if not axis.is_levels:
        return np.flatnonzero(axis.known)
    size = np.abs(values).max(axis=1)
    return np.sort(np.argsort(-size, kind="stable")[:_MOST_LEVELS])


def _edges(axis: Axis, shown: NDArray[np.intp]) -> FloatArray:
    """Edges of the cells: half way between numbers; one unit per label."""
    if axis.is_levels or len(shown) < 2:
        return np.arange(len(shown) + 1, dtype=np.float64) - 0.5
    x = axis.codes[shown]
    return np.concatenate([x[:1], x[:-1] / 2 + x[1:] / 2, x[-1:]])


def _near(axis: Axis, shown: NDArray[np.intp], codes: FloatArray) -> FloatArray:
    """One where a row is near a drawn value, shape (n_shown, n_rows): the same label, or a little of the range away."""
    values = axis.codes[shown]
    if axis.is_levels or len(shown) < 2:
        return (values[:, None] == codes).astype(np.float64)
    half = _NEAR * (values[-1] / 2 - values[0] / 2)
    return (np.abs(np.subtract.outer(values / 2, codes / 2)) <= half).astype(np.float64)


def _places(axis: Axis, shown: NDArray[np.intp], codes: FloatArray, phase: int) -> FloatArray:
    """Where rows are drawn; over labels they are spread a little, by a rule, so that pictures repeat."""
    if not axis.is_levels:
        return codes
    place = {code: float(k) for k, code in enumerate(axis.codes[shown].tolist())}
    # Multiples of the golden ratio, and of its square, fill the unit interval evenly.
    turn = np.modf(np.arange(1, len(codes) + 1) * (0.6180339887498949, 0.7548776662466927)[phase])[0]
    return np.array([place.get(code, np.nan) for code in codes.tolist()]) + _JITTER * (2.0 * turn - 1.0)


def _label_axis(ax: Axes, axis: Axis, shown: NDArray[np.intp], *, horizontal: bool) -> None:
    name = text(axis.name, 40) + (f" ({axis.unit})" if axis.unit else "")
    (ax.set_xlabel if horizontal else ax.set_ylabel)(name, fontsize=NORMAL)
    ax.tick_params(labelsize=SMALL, color=ZERO)
    ax.spines[:].set_visible(False)
    if axis.is_levels:
        labels = [text(axis.labels[k], 14 if horizontal else 22) for k in shown]
        crowded = horizontal and sum(map(len, labels)) > 40
        places = range(len(shown))
        if horizontal:
            ax.set_xticks(places, labels, rotation=40 if crowded else 0, ha="right" if crowded else "center")
        else:
            ax.set_yticks(places, labels)
    elif axis.kind == "date":
        use_dates(ax.xaxis if horizontal else ax.yaxis, axis.codes[shown])
