"""The options of ``closedform fit``, and their values checked before any work starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedform.cli import options
from closedform.exceptions import InputError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from closedform.constraints.base import Constraint

NETWORK = "RAN"
"""What `checked_model` returns for ``--model ran``: regressor or classifier, as the target asks for."""

_ESTIMATORS = {"symbolic": "SymbolicRegressor", "lies": "LIESRegressor", "ran": NETWORK}
_SYMBOLS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow", "**": "pow", "ln": "log"}

_DATA, _SEARCH, _OUTPUT = "Which data", "How to search", "What to write"


class SelectRule(StrEnum):
    """Rules that choose one formula of the front."""

    MDL = "mdl"
    BEST = "best"
    ACCURACY = "accuracy"


class LossName(StrEnum):
    """What a search minimises."""

    SQUARED = "squared"
    ABSOLUTE = "absolute"
    HUBER = "huber"
    POISSON = "poisson"


class TaskName(StrEnum):
    """What a model for tables predicts."""

    AUTO = "auto"
    REGRESSION = "regression"
    CLASSIFICATION = "classification"


_TARGET_HELP = "Column to explain; several between commas get formulas of their own."
_FEATURES_HELP = "Columns that may be used, between commas; may be repeated."
_EXCLUDE_HELP = "Columns that may not be used, between commas; may be repeated."
_Y_ERROR_HELP = "Column with the standard deviation of the target's measurement error in each row."
_HOLDOUT_HELP = "Share of the rows kept aside to measure the error on; none of fewer than 12 rows."
_MODEL_HELP = "symbolic: the search with all engines; lies: LIES networks alone; ran: additive, for any table."
_TASK_HELP = "What a ran model predicts: numbers or classes; auto looks at the target and says why."
_OPERATORS_HELP = "What formulas may contain besides sums, products and whole powers, as in div,exp,log."
_CONSTRAINT_HELP = (
    "What every formula has to keep to, as in monotone:dose:up, bounds:0:1, positive, value:x=0:1, forbid:sin, "
    "max-uses:exp:1, not-nested:sin:exp, only-on:exp:t; may be repeated."
)
_FORM_HELP = (
    "Form of the law as far as it is known, as in 'A*exp(-k*t) + c' or 'a*f(x) + b*z': names that are not columns are "
    "free constants or, with parentheses, functions to be found."
)
_GUESS_HELP = "A formula to start from, as in '2.0*x*exp(-0.5*t)'; may be repeated."
_SELECT_HELP = "How one formula is chosen: shortest description of the data, best trade-off, or smallest error."
_UNITS_HELP = "Units of columns and target, as in m:kg,v:m/s,y:J; may be repeated. Others are pure numbers."
_JOBS_HELP = "Processors to use; -1 for all of them."
_CHECKPOINT_HELP = "File that is kept up to date with the formulas found so far, every two seconds."
_RESUME_HELP = "Go on from the file of --checkpoint after the program was killed; the data must be the same."
_GROUPS_HELP = "Column of labels: one form for all groups, with constants of their own where the groups differ."
_OUT_HELP = "Model file, for predict and show."

Target = Annotated[
    str, typer.Option("--target", "-t", metavar="COLUMN", help=_TARGET_HELP, rich_help_panel=_DATA, show_default=False)
]
Features = Annotated[
    list[str] | None,
    typer.Option("--features", metavar="COLUMNS", show_default="all", help=_FEATURES_HELP, rich_help_panel=_DATA),
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="COLUMNS", help=_EXCLUDE_HELP, rich_help_panel=_DATA)
]
Groups = Annotated[str | None, typer.Option("--groups", metavar="COLUMN", help=_GROUPS_HELP, rich_help_panel=_DATA)]
YError = Annotated[str | None, typer.Option("--y-error", metavar="COLUMN", help=_Y_ERROR_HELP, rich_help_panel=_DATA)]
Holdout = Annotated[float, typer.Option("--holdout", min=0.0, max=0.9, help=_HOLDOUT_HELP, rich_help_panel=_DATA)]
Model = Annotated[
    str, typer.Option("--model", "-m", metavar="symbolic|lies|ran", help=_MODEL_HELP, rich_help_panel=_SEARCH)
]
Task = Annotated[TaskName, typer.Option("--task", help=_TASK_HELP, rich_help_panel=_SEARCH)]
MaxTime = Annotated[
    float, typer.Option("--max-time", metavar="SECONDS", help="Time for the search.", rich_help_panel=_SEARCH)
]
MaxComplexity = Annotated[
    int, typer.Option("--max-complexity", min=1, help="Largest formula, in nodes.", rich_help_panel=_SEARCH)
]
Operators = Annotated[
    list[str] | None,
    typer.Option(
        "--operators",
        metavar="NAMES",
        show_default="all but sign, min, max",
        help=_OPERATORS_HELP,
        rich_help_panel=_SEARCH,
    ),
]
Units = Annotated[
    list[str] | None, typer.Option("--units", metavar="COLUMN:UNIT", help=_UNITS_HELP, rich_help_panel=_DATA)
]
Constraints = Annotated[
    list[str] | None,
    typer.Option("--constraint", metavar="TEXT", help=_CONSTRAINT_HELP, rich_help_panel=_SEARCH),
]
Form = Annotated[str | None, typer.Option("--form", metavar="FORMULA", help=_FORM_HELP, rich_help_panel=_SEARCH)]
Guesses = Annotated[
    list[str] | None, typer.Option("--guess", metavar="FORMULA", help=_GUESS_HELP, rich_help_panel=_SEARCH)
]
Loss = Annotated[
    LossName,
    typer.Option("--loss", help="What is minimised; poisson for counts, with ran only.", rich_help_panel=_SEARCH),
]
Select = Annotated[SelectRule, typer.Option("--select", help=_SELECT_HELP, rich_help_panel=_SEARCH)]
Jobs = Annotated[int, typer.Option("--jobs", help=_JOBS_HELP, rich_help_panel=_SEARCH)]
Checkpoint = Annotated[
    str | None, typer.Option("--checkpoint", metavar="FILE", help=_CHECKPOINT_HELP, rich_help_panel=_SEARCH)
]
Resume = Annotated[bool, typer.Option("--resume", help=_RESUME_HELP, rich_help_panel=_SEARCH)]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Makes fits repeatable.", rich_help_panel=_SEARCH)]
Out = Annotated[str | None, typer.Option("--out", "-o", metavar="FILE", help=_OUT_HELP, rich_help_panel=_OUTPUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no warnings.", rich_help_panel=_OUTPUT)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.", rich_help_panel=_OUTPUT)]


def checked_time(seconds: float) -> float:
    """Return what ``--max-time`` says; raises InputError for anything but a positive number."""
    if not 0 < seconds < float("inf"):
        raise InputError(f"--max-time must be a number of seconds above 0, got {seconds:g}.")
    return seconds


def checked_jobs(jobs: int) -> int:
    """Return what ``--jobs`` says; raises InputError for no processor."""
    if jobs == 0 or jobs < -1:
        raise InputError(f"--jobs must be a number of processors, or -1 for all of them, got {jobs}.")
    return jobs


def checked_resume(resume: bool, checkpoint: str | None) -> bool:
    """Return what ``--resume`` says; raises InputError where there is nothing to go on from."""
    if resume and checkpoint is None:
        raise InputError("--resume goes on from a file; name it with --checkpoint FILE.")
    return resume


def checked_model(name: str) -> str:
    """Return the estimator that ``--model`` stands for; raises InputError for an unknown one."""
    if name not in _ESTIMATORS:
        raise InputError(f"--model must be symbolic, lies or ran, got '{name}'{did_you_mean(name, _ESTIMATORS)}.")
    return _ESTIMATORS[name]


def check_fitting(estimator: str, given: Sequence[str], task: TaskName, loss: LossName) -> None:
    """Refuse options that the model does not have.

    Parameters
    ----------
    estimator : str
        As `checked_model` returns it.
    given : sequence of str
        Options for formulas that were given.
    task : TaskName
    loss : LossName
    """
    if estimator == NETWORK:
        if given:
            raise InputError(f"{given[0]} goes with --model symbolic or lies; a ran model has no such setting.")
        return
    if task is not TaskName.AUTO:
        raise InputError(f"--task goes with --model ran; formulas are found for numbers, got --task {task.value}.")
    if loss is LossName.POISSON:
        raise InputError("--loss poisson goes with --model ran; formulas take squared, absolute or huber.")


def checked_operators(given: Sequence[str]) -> list[str] | None:
    """Return the operators that ``--operators`` lists, None for the default; raises InputError for an unknown one."""
    from closedform.symbolic.operators import OPERATORS

    names = [_SYMBOLS.get(part.strip(), part.strip()) for value in given for part in value.split(",")]
    return options.split_names(names, list(OPERATORS), "--operators", "operator") or None


def checked_units(given: Sequence[str]) -> dict[str, str] | None:
    """Return units by column as ``--units`` lists them, None where it is not given; pint reads them later.

    Examples
    --------
    >>> checked_units(["m:kg,v:m/s", "y:J"])
    {'m': 'kg', 'v': 'm/s', 'y': 'J'}
    """
    units: dict[str, str] = {}
    for part in (part for value in given for part in value.split(",")):
        # The name of a column may hold a colon, a unit cannot.
        name, separator, unit = (piece.strip() for piece in part.rpartition(":"))
        if not separator or not name:
            raise InputError(f"--units must list COLUMN:UNIT between commas, as in m:kg,v:m/s, got '{part.strip()}'.")
        if name in units:
            raise InputError(f"--units gives the unit of '{name}' twice.")
        units[name] = unit
    return units or None


def checked_constraints(given: Sequence[str]) -> list[Constraint] | None:
    """Return the constraints that ``--constraint`` gives, None for none; raises InputError for what is none."""
    from closedform.constraints.text import parse_constraint

    return [parse_constraint(text) for text in given] or None


@dataclass(frozen=True)
class Columns:
    """Which columns of a table play which part.

    Parameters
    ----------
    target : str
        The column to explain, or several between commas.
    features : sequence of str
        What ``--features`` says; all columns but the target where it is empty.
    exclude : sequence of str
        What ``--exclude`` says.
    words : bool, default=False
        Whether columns may hold something else than numbers.
    """

    target: str
    features: Sequence[str] = ()
    exclude: Sequence[str] = ()
    words: bool = False

    def of(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, Any]:
        """Split a table into inputs and target; several targets are a table themselves.

        Parameters
        ----------
        frame : DataFrame
            All columns.

        Raises
        ------
        InputError
            For names that the table does not have, and for a column that holds no numbers.
        """
        from closedform.preprocessing.readers import split_target

        targets = self._targets([str(name) for name in frame.columns])
        X, y = split_target(frame, targets[0])
        for target in targets[1:]:
            X = split_target(X, target)[0]
        known = [str(name) for name in X.columns]
        wanted = options.split_names(self.features, known, "--features", "column") or known
        unwanted = options.split_names(self.exclude, known, "--exclude", "column")
        kept = [name for name in wanted if name not in unwanted]
        if not kept:
            raise InputError("--exclude leaves no column: a model needs at least one besides the target.")
        X = X[kept]
        if not self.words:
            _refuse_words(X)
        return X, frame[targets] if len(targets) > 1 else y

    def _targets(self, known: list[str]) -> list[str]:
        """The columns to explain. A name that holds a comma is one name."""
        if self.target in known or "," not in self.target:
            return [self.target]
        targets = options.split_names([self.target], known, "--target", "column")
        if self.words and len(targets) > 1:
            raise InputError(f"--model ran explains one column; --target names {len(targets)}.")
        return targets


def take_groups(frame: pd.DataFrame, name: str | None) -> tuple[pd.DataFrame, Any]:
    """Take the column that ``--groups`` names out of a table; None where it names none.

    Raises
    ------
    InputError
        If the table has no such column, or no other.
    """
    if name is None:
        return frame, None
    from closedform.preprocessing.wording import missing_column

    known = [str(column) for column in frame.columns]
    if name not in known:
        raise InputError(f"--groups: {missing_column(name, known, 'the table')}")
    return frame.drop(columns=[name]), frame[name]


def without_errors(frame: pd.DataFrame, name: str | None, target: str) -> tuple[pd.DataFrame, pd.Series | None]:
    """Split off the column with the measurement errors of the target.

    Parameters
    ----------
    frame : DataFrame
        All columns.
    name : str or None
        What ``--y-error`` says.
    target : str
        What ``--target`` says.

    Raises
    ------
    InputError
        If there is no such column, or it is the target.
    """
    if name is None:
        return frame, None
    known = [str(column) for column in frame.columns]
    if name not in known:
        raise InputError(f"--y-error: there is no column '{name}'{did_you_mean(name, known)}.")
    if name == target:
        raise InputError(f"--y-error '{name}' is the target itself: name the column that holds its errors.")
    position = known.index(name)
    return frame.drop(columns=frame.columns[position]), frame.iloc[:, position]


def _refuse_words(X: pd.DataFrame) -> None:
    """Say about a column without numbers how to leave it out."""
    from pandas.api.types import is_numeric_dtype

    from closedform.preprocessing.table import check_X

    for name in X.columns:
        if not is_numeric_dtype(X[name]):
            try:
                check_X(X[[name]], allow_nan=True)
            except InputError as error:
                raise InputError(f"{error} (--exclude '{name}' leaves it out.)") from error
