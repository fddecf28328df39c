"""The picture of what two columns do together: a map of colours."""

from __future__ import annotations

from dataclasses import dataclass
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
# Multiples of these fill the unit interval, and in pairs the square, evenly: powers of the inverse plastic number.
_TURNS = (0.7548776662466927, 0.5698402909980532)
_POINTS = 400
# Cells far from all rows are veiled; "near" is a normal curve of this share of the range.
_NEAR = 0.06
_VEIL = 0.75


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
        self.ax_ = axes_for(ax, 5.4, 3.9)
        self.figure_ = figure_of(self.ax_)
        k = self._output()
        chart = _chart(self.data, k)
        rows = chart.rows_near_cells()
        # Colours are for effects that rows have; corners without any do not wash them out.
        largest = _largest(chart.values[rows > 0.5]) or _largest(chart.values) or 1.0
        self._paint(chart, rows, largest)
        _label_axis(self.ax_, chart.across, chart.columns, horizontal=True)
        _label_axis(self.ax_, chart.up, chart.lines, horizontal=False)
        title = " & ".join(text(axis.name, 20) for axis in (self.data.first, self.data.second))
        self.ax_.set_title(title, fontsize=LARGE, loc="left", fontweight="bold")
        beyond = "both" if _largest(chart.values) > largest else "neither"
        self.colorbar_ = self.figure_.colorbar(
            self.mesh_, ax=self.ax_, pad=0.02, aspect=25, extend=beyond, extendfrac=0.03
        )
        self.colorbar_.set_label(f"effect on {text(self.data.score_names[k], 40)}", fontsize=NORMAL)
        self.colorbar_.ax.tick_params(labelsize=SMALL, color=ZERO)
        self.colorbar_.outline.set_visible(False)
        return self

    def _output(self) -> int:
        return self.output if self.output is not None else int(np.argmax(np.abs(self.data.effect).max(axis=(0, 1))))

    def _paint(self, chart: _Chart, rows: FloatArray, largest: float) -> None:
        """The map, a veil where no rows are, and some rows as points."""
        x, y = _edges(chart.across, chart.columns), _edges(chart.up, chart.lines)
        self.mesh_ = self.ax_.pcolormesh(
            x, y, chart.values, cmap="RdBu_r", vmin=-largest, vmax=largest, rasterized=True
        )
        veil = _VEIL * (1.0 - np.minimum(rows, 1.0))
        if veil.any():
            white = np.ones((*veil.shape, 4))
            white[..., 3] = veil
            self.ax_.pcolormesh(x, y, white, rasterized=True)
        if chart.sample is not None:
            places = np.column_stack(
                [
                    _places(chart.across, chart.columns, chart.sample[:, 0], _TURNS[0]),
                    _places(chart.up, chart.lines, chart.sample[:, 1], _TURNS[1]),
                ]
            )
            drawn = places[:: -(-len(places) // _POINTS)]
            self.ax_.scatter(drawn[:, 0], drawn[:, 1], s=3.5, color="#202124", alpha=0.35, linewidths=0, zorder=3)
        self.ax_.set_xlim(x[0], x[-1])
        self.ax_.set_ylim(*(y[[-1, 0]] if chart.up.is_levels else y[[0, -1]]))


@dataclass(frozen=True, eq=False)
class _Chart:
    """What is drawn of a pair: `columns` of the axis `across` against `lines` of the axis `up`."""

    across: Axis
    up: Axis
    columns: NDArray[np.intp]
    lines: NDArray[np.intp]
    values: FloatArray
    sample: FloatArray | None

    def rows_near_cells(self) -> FloatArray:
        """How many rows are about each cell, shape (n_lines, n_columns); infinitely many if no rows are known."""
        if self.sample is None:
            return np.full(self.values.shape, np.inf)
        counts: FloatArray = (
            _near(self.up, self.lines, self.sample[:, 1]) @ _near(self.across, self.columns, self.sample[:, 0]).T
        )
        return counts


def _chart(data: PairEffectData, output: int) -> _Chart:
    """A pair with labels upwards if only one column has them, and no more of them than can be read."""
    swapped = data.first.is_levels and not data.second.is_levels
    across, up = (data.second, data.first) if swapped else (data.first, data.second)
    values = data.effect[:, :, output] if swapped else data.effect[:, :, output].T
    sample = data.sample[:, ::-1] if swapped and data.sample is not None else data.sample
    lines, columns = _shown(up, values), _shown(across, values.T)
    return _Chart(across, up, columns, lines, values[np.ix_(lines, columns)], sample)


def _largest(values: FloatArray) -> float:
    return float(np.abs(values).max(initial=0.0))


def _shown(axis: Axis, values: FloatArray) -> NDArray[np.intp]:
    """Positions that are drawn: all known numbers; of labels those with the largest effects."""
    if not axis.is_levels:
        return np.flatnonzero(axis.known)
    size = np.abs(values).max(axis=1)
    return np.sort(np.argsort(-size, kind="stable")[:_MOST_LEVELS])


def _edges(axis: Axis, shown: NDArray[np.intp]) -> FloatArray:
    """Edges of the cells: half way between numbers; one unit per label."""
    if axis.is_levels:
        return np.arange(len(shown) + 1, dtype=np.float64) - 0.5
    x = axis.codes[shown]
    return np.concatenate([x[:1], x[:-1] / 2 + x[1:] / 2, x[-1:]])


def _near(axis: Axis, shown: NDArray[np.intp], codes: FloatArray) -> FloatArray:
    """How near rows are to drawn values, from 0 to 1, shape (n_shown, n_rows): the same label, or a close number."""
    values = axis.codes[shown]
    if axis.is_levels:
        return np.equal.outer(_without_nan(values), _without_nan(codes)).astype(np.float64)
    half = _NEAR * (values[-1] / 2 - values[0] / 2)
    distance = np.subtract.outer(values / 2, np.where(np.isfinite(codes), codes, np.inf) / 2) / half
    return np.exp(-0.5 * np.minimum(np.abs(distance), 30.0) ** 2)


def _without_nan(codes: FloatArray) -> FloatArray:
    """Missing cells as a label of their own that equals itself."""
    return np.where(np.isnan(codes), np.inf, codes)


def _places(axis: Axis, shown: NDArray[np.intp], codes: FloatArray, turn: float) -> FloatArray:
    """Where rows are drawn; over labels they are spread a little, by a rule, so that pictures repeat."""
    if not axis.is_levels:
        return codes
    place = {code: float(k) for k, code in enumerate(_without_nan(axis.codes[shown]).tolist())}
    spread = np.modf(np.arange(1, len(codes) + 1) * turn)[0]
    return np.array([place.get(code, np.nan) for code in _without_nan(codes).tolist()]) + _JITTER * (2 * spread - 1)


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
