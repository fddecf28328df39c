"""The picture of the effect of one column: a curve over numbers and dates, points over labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError
from closedform.inspection.axes import MISSING, OTHER
from closedform.inspection.drawing import (
    BLUE,
    CLASS_COLOURS,
    DENSITY,
    LARGE,
    NORMAL,
    QUIET,
    SMALL,
    ZERO,
    AbstractDisplay,
    axes_for,
    bar_height,
    figure_of,
    text,
    tidy,
    use_dates,
)
from closedform.inspection.effects import MainEffectData, effects
from closedform.inspection.scores import network_of, output_position

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

# Share of the height that the strip with the density of the rows takes.
_STRIP = 0.13
# And the legend, above the curves.
_LEGEND = 0.16
_MOST_LEVELS = 20
_MOST_CLASSES = len(CLASS_COLOURS)


class EffectDisplay(AbstractDisplay):
    """The effect of one column with a band of two standard errors and the density of the rows.

    Parameters
    ----------
    data : MainEffectData
        What is drawn.
    output : int, optional
        Which raw score; by default all (at most eight, the ones that the column moves most).

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
    ax_ : matplotlib.axes.Axes
    lines_ : list of matplotlib artists
        One curve, or one row of points, per raw score.
    heights_ : tuple of float
        Range of the vertical axis that curves have, see `set_heights`.
    """

    def __init__(self, data: MainEffectData, output: int | None = None) -> None:
        self.data = data
        self.output = output

    @classmethod
    def from_estimator(
        cls, model: Any, term: str, X: Any = None, *, output: Any = None, ax: Axes | None = None
    ) -> Self:
        """Compute and draw the effect of a column.

        Parameters
        ----------
        model : RANRegressor, RANClassifier or FittedNetwork
            Fitted.
        term : str
            Name of the column.
        X : table, optional
            Rows whose density is shown.
        output : label, optional
            A class, where there are more than two; by default all.
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        """
        (data,) = effects(model, X, terms=[term])
        if not isinstance(data, MainEffectData):
            raise InputError(f"the term '{term}' has two columns: draw it with PairDisplay.")
        return cls(data, None if output is None else output_position(network_of(model), output)).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the effect.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a figure of its own.
        """
        axis = self.data.axis
        as_levels = axis.is_levels
        height = 1.3 + 0.27 * min(len(axis), _MOST_LEVELS + 1) if as_levels else 3.4
        self.ax_ = axes_for(ax, 5.2, max(height, 2.2))
        self.figure_ = figure_of(self.ax_)
        outputs = self._outputs()
        self.lines_ = (
            _draw_levels(self.ax_, self.data, outputs) if as_levels else _draw_curve(self.ax_, self.data, outputs)
        )
        self._label(outputs)
        if not as_levels:
            self.set_heights(*self.ax_.get_ylim())
        return self

    def set_heights(self, low: float, high: float) -> None:
        """Let the curve have this range of the vertical axis; the density of the rows goes below it.

        Parameters
        ----------
        low, high : float
            In units of the raw score.
        """
        self.heights_ = low, high
        spread = high - low
        legend = _LEGEND * spread if len(self.lines_) > 1 else 0.0
        strip = _STRIP * 1.25 * spread if self.data.density is not None else 0.0
        # No ticks beside density and legend: they have other heights.
        from matplotlib.ticker import MaxNLocator

        ticks = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        self.ax_.set_yticks([tick for tick in ticks if low <= tick <= high])
        self.ax_.spines["left"].set_bounds(low, high)
        self.ax_.set_ylim(low - strip, high + legend)

    def _outputs(self) -> list[int]:
        if self.output is not None:
            return [self.output]
        size = np.abs(np.nan_to_num(self.data.effect)).max(axis=0)
        return sorted(np.argsort(-size, kind="stable")[:_MOST_CLASSES].tolist())

    def _label(self, outputs: list[int]) -> None:
        data = self.data
        one = len(outputs) == 1
        measured = f"effect on {text(data.score_names[outputs[0]], 40)}" if one else "effect on the score of each class"
        value = text(data.name, 32) + (f" ({data.axis.unit})" if data.axis.unit else "")
        if data.axis.is_levels:
            self.ax_.set_xlabel(measured, fontsize=NORMAL)
        else:
            self.ax_.set_xlabel(value, fontsize=NORMAL)
            self.ax_.set_ylabel(measured, fontsize=NORMAL)
        self.ax_.set_title(text(data.name, 32), fontsize=LARGE, loc="left", fontweight="bold")
        if not one:
            # A label that starts with an underscore would be left out of the legend.
            names = [text(data.outputs[k]) for k in outputs]
            names = [f" {name}" if name.startswith("_") else name for name in names]
            self.ax_.legend(
                self.lines_, names, loc="upper center", frameon=False, fontsize=SMALL, ncols=min(len(names), 4)
            )


# ---------------------------------------------------------------------------------------------------------- numbers


def _draw_curve(ax: Axes, data: MainEffectData, outputs: list[int]) -> list[Any]:
    known = data.axis.known
    x = data.axis.codes[known]
    ax.axhline(0.0, color=ZERO, linewidth=0.8, zorder=1)
    lines = []
    for place, k in enumerate(outputs):
        colour = _colour(place, outputs)
        y, error = data.effect[known, k], 2.0 * data.standard_error[known, k]
        if np.isfinite(error).all():
            ax.fill_between(x, y - error, y + error, color=colour, alpha=0.16, linewidth=0, zorder=2)
        marker = "o" if len(x) == 1 else None
        lines += ax.plot(x, y, color=colour, linewidth=1.8, marker=marker, zorder=3)
    tidy(ax)
    ax.margins(x=0.02)
    if data.axis.kind == "date":
        use_dates(ax.xaxis, x)
    if not known.all():
        _draw_missing(ax, data, outputs, x)
    if data.density is not None:
        _draw_strip(ax, data)
    return lines


def _draw_missing(ax: Axes, data: MainEffectData, outputs: list[int], x: FloatArray) -> None:
    """The effect of a missing cell, to the right of the numbers."""
    span = float(x[-1] - x[0]) or 1.0
    spread = 0.02 * span
    last = len(data.axis) - 1
    for place, k in enumerate(outputs):
        at = x[-1] + 0.1 * span + spread * (place - (len(outputs) - 1) / 2)
        error = 2.0 * np.nan_to_num(data.standard_error[last, k])
        ax.errorbar(
            [at], [data.effect[last, k]], [error], fmt="o", markersize=4, capsize=2, color=_colour(place, outputs)
        )
    ax.axvline(x[-1] + 0.045 * span, color=DENSITY, linewidth=0.8, linestyle=(0, (2, 2)))
    ax.text(
        x[-1] + 0.1 * span,
        0.99,
        "missing",
        transform=ax.get_xaxis_transform(),
        ha="center",
        va="top",
        fontsize=SMALL,
        color=QUIET,
    )
    if data.axis.kind != "date":
        ax.set_xticks([tick for tick in ax.get_xticks() if x[0] <= tick <= x[-1]])
    ax.set_xlim(x[0] - 0.02 * span, x[-1] + 0.17 * span)


def _draw_strip(ax: Axes, data: MainEffectData) -> None:
    """A histogram of the rows along the bottom of the axes, under the curve."""
    density = data.density
    if density is None or density.edges is None or not density.counts.any():
        return
    ax.stairs(
        _STRIP * density.counts / density.counts.max(),
        density.edges,
        fill=True,
        color=DENSITY,
        transform=ax.get_xaxis_transform(),
        zorder=0,
    )


# ----------------------------------------------------------------------------------------------------------- labels


def _draw_levels(ax: Axes, data: MainEffectData, outputs: list[int]) -> list[Any]:
    order = _shown_levels(data, outputs)
    positions = np.arange(len(order), dtype=float)
    ax.vlines(0.0, -0.6, len(order) - 0.4, color=ZERO, linewidth=0.8, zorder=1)
    lines = []
    gap = 0.7 / max(len(outputs), 2)
    for place, k in enumerate(outputs):
        at = positions + gap * (place - (len(outputs) - 1) / 2)
        effect, error = data.effect[order, k], 2.0 * np.nan_to_num(data.standard_error[order, k])
        colour = _colour(place, outputs)
        if len(outputs) == 1:
            ax.barh(at, effect, height=bar_height(len(order)), color=colour, alpha=0.3, zorder=2)
        drawn = ax.errorbar(
            effect, at, xerr=error, fmt="o", markersize=4, capsize=2, linewidth=1.2, color=colour, zorder=3
        )
        lines.append(drawn)
    tidy(ax, left=False)
    ax.set_yticks(positions, [_level_text(data, k) for k in order])
    top = -0.6 if len(outputs) == 1 else -1.0 - 0.06 * len(order)
    ax.set_ylim(len(order) - 0.4, top)
    left_out = len(data.axis) - len(order)
    if left_out:
        note = f"{left_out} more values with smaller effects"
        ax.annotate(note, (1.0, 0.0), xycoords="axes fraction", ha="right", va="bottom", fontsize=SMALL, color=QUIET)
        ax.set_ylim(len(order) + 0.2, top)
    return lines


def _shown_levels(data: MainEffectData, outputs: list[int]) -> NDArray[np.intp]:
    """The levels with the largest effects, by falling effect, what has no name last; values with an order keep it."""
    size = np.abs(data.effect[:, outputs]).max(axis=1)
    shown = np.sort(np.argsort(-size, kind="stable")[:_MOST_LEVELS])
    if data.axis.kind != "categorical":
        return shown
    named = data.axis.codes[shown] >= 0
    falling = np.argsort(-data.effect[shown, outputs[0]], kind="stable") if len(outputs) == 1 else np.arange(len(shown))
    return np.concatenate([shown[falling][named[falling]], shown[~named]])


def _level_text(data: MainEffectData, position: int) -> str:
    label = data.axis.labels[position]
    label = label if label in (MISSING, OTHER) else text(label)
    if data.density is None:
        return label
    return f"{label}  ·  {data.density.counts[position]:,}"


def _colour(place: int, outputs: list[int]) -> str:
    return BLUE if len(outputs) == 1 else CLASS_COLOURS[place]
