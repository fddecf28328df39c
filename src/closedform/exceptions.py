"""Errors and warnings of the package, and the ways in which a search can end.

Every error says what was expected, what came instead and what to do next. An error that a user can cause by their
input is an :class:`InputError`, which is a :class:`ValueError` too, as scikit-learn's users expect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message: the known name that was probably meant, or nothing.

    Examples
    --------
    >>> "There is no column 'perod'" + did_you_mean("perod", ["period", "distance"])
    "There is no column 'perod' (did you mean 'period'?)"
    """
    from difflib import get_close_matches  # only ever needed on the way to an error

    by_lowered = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), list(by_lowered), n=1)
    return f" (did you mean {by_lowered[close[0]]!r}?)" if close else ""


class ClosedFormError(Exception):
    """Base of every error that this package raises on purpose."""


class InputError(ClosedFormError, ValueError):
    """What was given cannot be used: a table, a column, a parameter, a file."""


class ParseError(InputError):
    """A text is not a formula.

    Parameters
    ----------
    message : str
        What was expected and what came.
    text : str
        The text that was read.
    position : int
        Index into `text` of the first character that does not fit; ``len(text)`` where something is missing.
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(message, text, position)
        self.message = message
        self.text = text
        self.position = position

    def __str__(self) -> str:
        """Return the message, the line concerned and a caret under the place."""
        start = self.text.rfind("\n", 0, self.position) + 1
        line = self.text[start:].split("\n", 1)[0]
        # A tab stays a tab in the line below, so that the caret stands under its character whatever the tab width.
        indent = "".join("\t" if character == "\t" else " " for character in line[: self.position - start])
        return f"{self.message}\n  {line}\n  {indent}^"


class ModelFileError(InputError):
    """A file is not a model file, is damaged, or was written by a newer version."""


class NotSupportedError(ClosedFormError):
    """A combination that makes sense but that the part asked for does not offer."""


class DomainError(ClosedFormError, ValueError):
    """A formula has no value on some rows, such as the logarithm of a negative number.

    Parameters
    ----------
    message : str
        What was asked for, and what to do about it.
    rows : sequence of int, optional
        The rows concerned, counted from 0.
    """

    def __init__(self, message: str, rows: Sequence[int] = ()) -> None:
        self.rows = tuple(int(row) for row in rows)
        super().__init__(message, self.rows)
        self.message = message

    def __str__(self) -> str:
        """Return the message alone: it names the first rows itself where that helps."""
        return self.message


class ClosedFormWarning(UserWarning):
    """Base of every warning of this package."""


class ConvergenceWarning(ClosedFormWarning):
    """A fit ended before it was done: the result can be used, more time may give a better one."""


class DataWarning(ClosedFormWarning):
    """The data are odd, and something sensible was done about it: a constant column, a constant target."""


class Status(Enum):
    """How a search ended.

    Attributes
    ----------
    value : str
        Short name, as it stands in model files and in ``--json`` output.
    message : str
        What happened, in one sentence.
    advice : str
        What to do next; empty where there is nothing to do.

    Examples
    --------
    >>> Status("time_limit").advice
    'Give it more time with max_time, or continue this fit with warm_start=True.'
    """

    message: str
    advice: str

    CONVERGED = (
        "converged",
        "A formula that explains the data to the precision asked for was found.",
        "",
    )
    SETTLED = (
        "settled",
        "What the chosen formula leaves unexplained is noise, as far as the data can tell; the search ended there.",
        "More rows or smaller errors may show more.",
    )
    EXHAUSTED = (
        "exhausted",
        "Everything that the settings allow was tried.",
        "Allow more operators or a larger max_complexity if the error is still too large.",
    )
    TIME_LIMIT = (
        "time_limit",
        "The time was used up before the search was done; the best formulas so far were kept.",
        "Give it more time with max_time, or continue this fit with warm_start=True.",
    )
    INTERRUPTED = (
        "interrupted",
        "The search was interrupted; the best formulas so far were kept.",
        "Continue this fit with warm_start=True.",
    )
    CONSTANT = (
        "constant",
        "The data do not support any formula better than a constant.",
        "More rows, less noise or other columns may show more; the other formulas on the front are guesses.",
    )
    LINE = (
        "line",
        "The data do not support any formula better than a straight line.",
        "A linear model says as much; more rows or less noise may show more.",
    )
    FAILED = (
        "failed",
        "No usable formula was found.",
        "Check that the target depends on these columns, and try other operators or more time.",
    )

    def __new__(cls, value: str, message: str, advice: str) -> Status:
        """Make the short name the value, so that ``Status("failed")`` finds its member."""
        member = object.__new__(cls)
        member._value_ = value
        member.message = message
        member.advice = advice
        return member
