"""Pictures made of bars: the importances of all terms, and how one prediction comes about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from closedform.additive.model import SECOND_BLOCK
from closedform.inspection.drawing import (
    BLUE,
    DENSITY,
    GREEN,
    LARGE,
    NORMAL,
    QUIET,
    RED,
    SMALL,
    ZERO,
    AbstractDisplay,
    axes_for,
    bar_height,
    figure_of,
    number,
    signed,
    term_text,
    text,
    tidy,
)
from closedform.inspection.explain import RowExplanation, explain_global, explain_row
from closedform.inspection.scores import network_of, score_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_LABEL = 26


class ImportanceDisplay(AbstractDisplay):
    """The importances of the terms as bars, with their shares of the variance.

    Parameters
    ----------
    table : DataFrame
        As `explain_global` returns it.
    measured : str
        What the raw score measures.
    max_terms : int
        The most important so many are drawn.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
    ax_ : matplotlib.axes.Axes
    bars_ : matplotlib.container.BarContainer
    """

    def __init__(self, table: pd.DataFrame, measured: str, max_terms: int = 15) -> None:
        self.table = table
        self.measured = measured
        self.max_terms = max_terms

    @classmethod
    def from_estimator(cls, model: Any, *, max_terms: int = 15, ax: Axes | None = None) -> Self:
        """Compute and draw the importances.

        Parameters
        ----------
        model : RANRegressor, RANClassifier or FittedNetwork
            Fitted.
        max_terms : int
            The most important so many are drawn.
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        """
        network = network_of(model)
        one = network.model.n_outputs == 1
        measured = score_name(network, 0) if one else f"the scores of {network.target_name}"
        return cls(explain_global(network), measured, max_terms).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a figure of its own.
        """
        shown = self.table.head(self.max_terms)
        sizes = shown["importance"].to_numpy()
        self.ax_ = axes_for(ax, 5.6, max(1.25 + 0.27 * len(shown), 2.0))
        self.figure_ = figure_of(self.ax_)
        colours = [_colour(term, kind) for term, kind in zip(shown["term"], shown["kind"], strict=True)]
        self.bars_ = self.ax_.barh(np.arange(len(shown)), sizes, height=bar_height(len(shown)), color=colours)
        tidy(self.ax_, left=False)
        self.ax_.set_yticks(np.arange(len(shown)), [term_text(name, _LABEL) for name in shown["term"]])
        self.ax_.set_ylim(max(len(shown), 1) - 0.4, -0.6)
        largest = float(sizes.max(initial=0.0)) or 1.0
        self.ax_.set_xlim(0.0, 1.18 * largest)
        for k, (size, share) in enumerate(zip(sizes, shown["share"], strict=True)):
            label = f"{100.0 * share:.1f} %".replace("-", "−")
            self.ax_.text(size + 0.015 * largest, k, label, va="center", fontsize=SMALL, color=QUIET)
        self.ax_.set_xlabel(f"standard deviation of effect on {text(self.measured, 32)}", fontsize=NORMAL)
        self.ax_.set_title("Importance (share of variance)", fontsize=LARGE, loc="left", fontweight="bold")
        self._note_hidden(len(self.table) - len(shown))
        return self

    def _note_hidden(self, count: int) -> None:
        if count > 0:
            note = f"and {count} smaller {'term' if count == 1 else 'terms'}"
            place = (1.0, 0.02)
            self.ax_.annotate(note, place, xycoords="axes fraction", ha="right", fontsize=SMALL, color=QUIET)


def _colour(term: str, kind: str) -> str:
    """Main effects, joint effects, and what no term shows."""
    if term == SECOND_BLOCK:
        return DENSITY
    return BLUE if kind in ("numeric", "boolean", "date", "categorical") else GREEN


class LocalDisplay(AbstractDisplay):
    """How one prediction comes about: from the intercept, term by term, to the raw score.

    Parameters
    ----------
    data : RowExplanation
        What is drawn.
    max_terms : int
        So many terms are drawn apart, the others in one bar.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
    ax_ : matplotlib.axes.Axes
    bars_ : matplotlib.container.BarContainer
        One bar per term that is drawn apart, then that of the others if there are any.
    """

    def __init__(self, data: RowExplanation, max_terms: int = 10) -> None:
        self.data = data
        self.max_terms = max_terms

    @classmethod
    def from_estimator(
        cls, model: Any, X: Any, row: int = 0, *, output: Any = None, max_terms: int = 10, ax: Axes | None = None
    ) -> Self:
        """Compute and draw how the prediction of a row comes about.

        Parameters
        ----------
        model : RANRegressor, RANClassifier or FittedNetwork
            Fitted.
        X : table
            The row is one of these.
        row : int
            Its position, from 0.
        output : label, optional
            A class, where there are more than two; by default the predicted one.
        max_terms : int
            So many terms are drawn apart, the others in one bar.
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        """
        return cls(explain_row(model, X, row, output=output), max_terms).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the steps.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a figure of its own.
        """
        labels, steps = self._steps()
        self.ax_ = axes_for(ax, 6.2, 1.5 + 0.3 * (len(steps) + 2))
        self.figure_ = figure_of(self.ax_)
        starts = self.data.intercept + np.concatenate([[0.0], np.cumsum(steps)])
        rows = np.arange(1, len(steps) + 1)
        colours = [RED if step > 0 else BLUE for step in steps]
        self.bars_ = self.ax_.barh(rows, steps, left=starts[:-1], height=0.62, color=colours, zorder=2)
        # From the end of each bar to the start of the next.
        self.ax_.vlines(starts, np.arange(len(starts)), np.arange(len(starts)) + 1, color=ZERO, linewidth=0.8, zorder=1)
        ends = [self.data.intercept, self.data.raw_score]
        self.ax_.scatter(ends, [0, len(steps) + 1], color="#202124", s=22, zorder=3)
        tidy(self.ax_, left=False)
        self.ax_.set_yticks(np.arange(len(steps) + 2), ["intercept", *labels, "sum"])
        self.ax_.set_ylim(len(steps) + 1.6, -0.6)
        self._write_numbers(starts, steps)
        self.ax_.set_xlabel(text(self.data.score_name, 60), fontsize=NORMAL)
        self.ax_.set_title(self._title(), fontsize=LARGE, loc="left", fontweight="bold")
        return self

    def _steps(self) -> tuple[list[str], np.ndarray]:
        data = self.data
        # One term alone does not need to be summed up.
        shown = self.max_terms if len(data.terms) > self.max_terms + 1 else len(data.terms)
        labels = [
            f"{term_text(term, _LABEL)} = {text(value, 22)}" if value else text(term)
            for term, value in zip(data.terms[:shown], data.values[:shown], strict=True)
        ]
        steps = data.contributions[:shown]
        if shown < len(data.terms):
            labels.append(f"{len(data.terms) - shown} other terms")
            steps = np.append(steps, data.contributions[shown:].sum())
        return labels, steps

    def _write_numbers(self, starts: np.ndarray, steps: np.ndarray) -> None:
        """The numbers stand at the end of each bar, on the side it points to."""
        span = float(starts.max() - starts.min()) or 1.0
        room = 0.012 * span
        for row, (end, step) in enumerate(zip(starts[1:], steps, strict=True), start=1):
            side, align = (room, "left") if step > 0 else (-room, "right")
            self.ax_.text(end + side, row, signed(step), ha=align, va="center", fontsize=SMALL, color=QUIET)
        for row, value in ((0, self.data.intercept), (len(steps) + 1, self.data.raw_score)):
            self.ax_.text(value + 1.8 * room, row, number(value), va="center", fontsize=SMALL, color="#202124")
        self.ax_.set_xlim(starts.min() - 0.13 * span, starts.max() + 0.13 * span)

    def _title(self) -> str:
        data = self.data
        if data.score_name == data.output:
            return f"{text(data.output, 40)} = {number(data.prediction)}"
        if data.score_name.startswith("log("):
            return f"mean of {text(data.output, 40)} = {number(data.prediction)}"
        if data.score_name.startswith(("log-odds", "score")):
            return f"probability of {text(data.output, 40)} = {number(data.prediction)}"
        return f"{text(data.score_name, 50)} = {number(data.prediction)}"
