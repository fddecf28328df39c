"""``closedform fit``: from a file with a table to a formula, and to a model file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedform.cli import fit_options, options, outputs, results
from closedform.cli.console import error_console, say, warnings_as_sentences, write, write_json
from closedform.cli.fit_options import NETWORK, Columns, LossName, SelectRule, TaskName
from closedform.cli.show import show_effects, show_front
from closedform.exceptions import Status

if TYPE_CHECKING:
    import pandas as pd

    from closedform.cli.fit_network import Measured
    from closedform.estimators.base import AbstractFormulaRegressor
    from closedform.formulas import FormulaModel
    from closedform.outputs import FormulaModels
    from closedform.search import Monitor

INTERRUPTED = 130
"""Exit code after Ctrl-C."""

# What happened and what to do about it, in terms of the options of this command.
_ENDINGS = {
    Status.CONVERGED: "a formula that is exact to rounding was found.",
    Status.SETTLED: "what the formula leaves unexplained is noise, as far as the data can tell.",
    Status.EXHAUSTED: "everything that the settings allow was tried.",
    Status.TIME_LIMIT: "the time was used up; more of it (--max-time) may give a better formula.",
    Status.INTERRUPTED: "interrupted; the formulas found until then were kept.",
    Status.CONSTANT: "the data do not support any formula better than a constant.",
    Status.LINE: "the data do not support any formula better than a straight line.",
    Status.FAILED: "no formula better than a constant was found; try other columns, --operators or more --max-time.",
}


# Options of the search for formulas that a network does not have.
_FORMULA_OPTIONS = {
    "groups": "--groups",
    "max_complexity": "--max-complexity",
    "operators": "--operators",
    "constraint": "--constraint",
    "form": "--form",
    "guess": "--guess",
    "select": "--select",
    "units": "--units",
    "jobs": "--jobs",
    "checkpoint": "--checkpoint",
    "resume": "--resume",
    "y_error": "--y-error",
}


def fit(
    context: typer.Context,
    data: Annotated[str, options.DATA],
    target: fit_options.Target,
    features: fit_options.Features = None,
    exclude: fit_options.Exclude = None,
    units: fit_options.Units = None,
    groups: fit_options.Groups = None,
    y_error: fit_options.YError = None,
    holdout: fit_options.Holdout = 0.2,
    model: fit_options.Model = "symbolic",
    task: fit_options.Task = TaskName.AUTO,
    max_time: fit_options.MaxTime = 60.0,
    max_complexity: fit_options.MaxComplexity = 60,
    operators: fit_options.Operators = None,
    constraint: fit_options.Constraints = None,
    form: fit_options.Form = None,
    guess: fit_options.Guesses = None,
    loss: fit_options.Loss = LossName.SQUARED,
    select: fit_options.Select = SelectRule.MDL,
    jobs: fit_options.Jobs = -1,
    checkpoint: fit_options.Checkpoint = None,
    resume: fit_options.Resume = False,
    seed: fit_options.Seed = 0,
    out: fit_options.Out = None,
    quiet: fit_options.Quiet = False,
    json: fit_options.Json = False,
) -> None:
    """Search for formulas, or fit a network of effects, that explain one column of a table by the others.

    Ctrl-C ends the search; what was found is shown and saved.
    """
    settings = {
        "max_time": fit_options.checked_time(max_time),
        "max_complexity": max_complexity,
        "operators": fit_options.checked_operators(operators or []),
        "units": fit_options.checked_units(units or []),
        "constraints": fit_options.checked_constraints(constraint or []),
        "form": form,
        "guesses": guess,
        "loss": loss.value,
        "model_selection": select.value,
        "holdout": holdout,
        "random_state": seed,
        "n_jobs": fit_options.checked_jobs(jobs),
        "checkpoint": checkpoint,
        "resume": fit_options.checked_resume(resume, checkpoint),
    }
    estimator_name = fit_options.checked_model(model)
    fit_options.check_fitting(estimator_name, _given(context), task, loss)
    if out is not None:
        options.check_writable(out, (data,), stdout=False)
    start = time.monotonic()
    with warnings_as_sentences(quiet), _nothing_to_keep():
        from closedform.preprocessing.readers import read_table

        network = estimator_name == NETWORK
        frame, errors = fit_options.without_errors(read_table(data), y_error, target)
        frame, labels = fit_options.take_groups(frame, groups)
        X, y = Columns(target, features or (), exclude or (), words=network).of(frame)
        if network:
            from closedform.cli.fit_network import NetworkFit

            measured = NetworkFit(task, loss, holdout, max_time, seed, quiet).run(X, y)
            _report_network(measured, time.monotonic() - start, out, quiet, json)
            return
        fitted = fit_table(X, y, estimator_name, settings, quiet, labels, errors)
    _report(fitted, time.monotonic() - start, out, quiet, json)


def _given(context: typer.Context) -> list[str]:
    """Options of the search for formulas that stand on the command line."""
    sources = {name: context.get_parameter_source(name) for name in _FORMULA_OPTIONS}
    return [_FORMULA_OPTIONS[name] for name, source in sources.items() if source and source.name == "COMMANDLINE"]


def _report_network(measured: Measured, seconds: float, out: str | None, quiet: bool, json: bool) -> None:
    """Save and show a fitted network."""
    if out is not None:
        from closedform.network_file import save_network

        save_network(measured.network, out)
    if json:
        from closedform.cli.network_results import record

        scores = {"n_holdout": measured.n_holdout, "holdout_scores": dict(measured.scores)}
        write_json({**record(measured.network), **scores, "seconds": round(seconds, 3), "model_file": out})
    else:
        show_effects(measured.network)
        write(measured.sentence())
    if not quiet:
        ending = ": interrupted; the effects found until then were kept" if measured.interrupted else ""
        say(f"\n{seconds:.1f} s{ending}.")
        say(_saved(out))
    if measured.interrupted:
        raise typer.Exit(INTERRUPTED)


def _saved(out: str | None) -> str:
    return f"Saved as {out}." if out is not None else "Not saved: --out FILE keeps the model for predict and show."


def fit_table(
    X: pd.DataFrame,
    y: Any,
    estimator_name: str,
    settings: dict[str, Any],
    quiet: bool = False,
    groups: Any = None,
    y_error: pd.Series | None = None,
) -> FormulaModel | FormulaModels:
    """Fit an estimator, with progress on standard error.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        Inputs.
    y : Series of shape (n_rows,), or DataFrame of shape (n_rows, n_outputs)
        Target; its name is that of the result.
    estimator_name : str
        Name in :mod:`closedform.estimators`.
    settings : dict
        Parameters of the estimator.
    quiet : bool, default=False
        Show no progress.
    groups : Series of shape (n_rows,), optional
        A label for each row.
    y_error : Series of shape (n_rows,), optional
        Measurement errors of the target.
    """
    from closedform import estimators

    with _progress(quiet) as monitor:
        estimator: AbstractFormulaRegressor = getattr(estimators, estimator_name)(**settings, progress=monitor)
        return estimator.fit(X, y, groups=groups, y_error=y_error).formula_model_


@contextmanager
def _progress(quiet: bool) -> Iterator[Monitor | None]:
    """A monitor that shows a search at work on standard error; none if `quiet`."""
    if quiet:
        yield None
        return
    from closedform.progress import live_progress

    with live_progress(error_console()) as monitor:
        yield monitor


@contextmanager
def _nothing_to_keep() -> Iterator[None]:
    """An interruption that reaches this far came before the search."""
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted before a formula was found; nothing was saved.")
        raise typer.Exit(INTERRUPTED) from None


def _report(model: FormulaModel | FormulaModels, seconds: float, out: str | None, quiet: bool, json: bool) -> None:
    """Save and show a fitted model, and end with the exit code that belongs to it."""
    from closedform.outputs import FormulaModels, save_any

    if out is not None:
        save_any(model, out)
    status = outputs.ending(model) if isinstance(model, FormulaModels) else model.status
    if json:
        record = outputs.record(model) if isinstance(model, FormulaModels) else results.record(model)
        write_json({**record, "seconds": round(seconds, 3), "model_file": out})
    elif isinstance(model, FormulaModels):
        outputs.show_all(model)
    else:
        show_front(model)
    if not quiet:
        say(f"\n{seconds:.1f} s: {_ENDINGS[status]}")
        say(_saved(out))
    if status is Status.INTERRUPTED:
        raise typer.Exit(INTERRUPTED)
    if status is Status.FAILED:
        raise typer.Exit(1)
