"""What all pictures share: figures without global state, colours, texts that fit.

Matplotlib is loaded when something is drawn, never before; ``pyplot`` never is, so that no display is needed and no
figure outlives its user.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self, cast

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import ClosedFormError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis as MatplotlibAxis
    from matplotlib.figure import Figure

# Of one family, and apart for the colour-blind as well: Okabe and Ito's palette.
BLUE, ORANGE, GREEN, RED, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
CLASS_COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, "#56B4E9", "#6B6B6B", "#8C564B")
DENSITY = "#B8BEC6"
ZERO = "#9AA0A6"
QUIET = "#5F6368"

SMALL, NORMAL, LARGE = 8.0, 9.0, 10.5

_NAME_LENGTH = 26
# Matplotlib's dates: years 1 to 9999, in days since 1970.
_DATES = (-719_162.0, 2_932_896.0)


class MissingPackageError(ClosedFormError, ImportError):
    """Matplotlib is needed for pictures, and is not installed."""


def new_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches that pyplot does not know of.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError(
            "Pictures need matplotlib, which is not installed: pip install closedform[plot]. "
            "The numbers are there without it: effects(), explain_global(), explain_local(X)."
        ) from error
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1), dpi=120)


def axes_for(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes that were given, or those of a new figure."""
    if ax is not None:
        return ax
    axes: Axes = new_figure(width, height).add_subplot()
    return axes


def figure_of(ax: Axes) -> Figure:
    """The figure that axes stand in."""
    # A part of a figure can do all that is asked of it here.
    return cast("Figure", ax.figure)


def use_dates(axis: MatplotlibAxis, days: NDArray[np.float64]) -> None:
    """Dates at the ticks of an axis: the days since 1970 that columns of dates are made of are matplotlib's own too."""
    if not (_DATES[0] < days[0] and days[-1] < _DATES[1]):
        return
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=7)
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))


def text(name: str, length: int = _NAME_LENGTH) -> str:
    """A name as it may stand in a picture: on one line, not too long, and never read as a formula."""
    line = " ".join(str(name).split())
    if len(line) > length:
        head = (length - 1) * 2 // 3
        line = f"{line[:head].rstrip()}…{line[len(line) - (length - 1 - head) :].lstrip()}"
    return line.replace("$", r"\$")


def term_text(name: str, length: int = _NAME_LENGTH) -> str:
    """The name of a term; of a pair, both columns are shortened apart."""
    first, both, second = name.partition(" & ")
    if not both:
        return text(name, length)
    room = max((length - 3) // 2, 6)
    spare = max(0, room - min(len(first), len(second)))
    return f"{text(first, room + spare)} & {text(second, room + spare)}"


def number(value: float) -> str:
    """A number of three digits, with a true minus sign."""
    return f"{value:.3g}".replace("-", "−")


def signed(value: float) -> str:
    """A number of three digits with its sign."""
    return f"{value:+.3g}".replace("-", "−")


def bar_height(count: int) -> float:
    """Height of horizontal bars one unit apart: a few bars do not fill the picture."""
    return 0.64 * min(1.0, (count + 1) / 6)


def tidy(ax: Axes, *, left: bool = True) -> None:
    """Quiet axes: no frame on top and at the right, small ticks, a light grid along the values."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(ZERO)
    if not left:
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
    ax.tick_params(labelsize=SMALL, color=ZERO)
    ax.set_axisbelow(True)


class AbstractDisplay(ABC):
    """A picture that is made in two steps, as in scikit-learn: the data first, then `plot`.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        After `plot`; ``display.figure_.savefig("name.png")`` writes it.
    """

    figure_: Figure

    @abstractmethod
    def plot(self) -> Self:
        """Draw the picture."""

    def _repr_png_(self) -> bytes:
        """The picture, for notebooks."""
        if not hasattr(self, "figure_"):
            self.plot()
        buffer = io.BytesIO()
        self.figure_.savefig(buffer, format="png")
        return buffer.getvalue()
