"""The front of a running search on disk, so that a killed process loses seconds and not hours.

A checkpoint is plain JSON like a model file, replaced at once every few seconds from a thread of its own. It names what
it belongs to, the data by a fingerprint of each column and the settings by their values, and is refused for anything
else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import closedform
from closedform import json_fields as read
from closedform.exceptions import ConvergenceWarning, InputError, ModelFileError
from closedform.preprocessing import TrainingData
from closedform.search import Monitor, Progress
from closedform.symbolic.expression import Expression
from closedform.symbolic.pareto import Scored
from closedform.symbolic.printing import to_text

logger = logging.getLogger(__name__)

FORMAT = "closedform-checkpoint"
VERSION = 1
SECONDS = 2.0
"""Between two writings."""

# Settings that say how long, how loud or by whom is searched, or how one formula is chosen: they may change on the way.
_FREE = frozenset(
    "max_time n_jobs device engines progress random_state model_selection warm_start checkpoint resume".split()
)
_MOST_FORMULAS, _MOST_OUTPUTS = 10_000, 100_000

Front = Sequence[Scored]


@dataclass(frozen=True)
class Identity:
    """What a checkpoint belongs to.

    Parameters
    ----------
    n_rows : int
        Rows of the table.
    columns : mapping of str to str
        Fingerprint of each column, in order.
    targets : tuple of str
        Fingerprint of each output.
    weights : str
        Fingerprint of the weights of the rows; empty without.
    groups : str
        Fingerprint of the groups of the rows; empty without.
    settings : mapping
        Plain values of the settings that decide which formulas count.
    """

    n_rows: int
    columns: Mapping[str, str]
    targets: tuple[str, ...]
    weights: str
    groups: str
    settings: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        outputs: Sequence[TrainingData],
        settings: Mapping[str, Any],
        grouping: tuple[NDArray[np.intp], Sequence[str]] | None = None,
    ) -> Identity:
        """That of a fit.

        Parameters
        ----------
        outputs : sequence of TrainingData
            The same table with each output.
        settings : mapping
            All parameters of the estimator, as far as plain values express them.
        grouping : (ndarray of shape (n_rows,), sequence of str), optional
            The group of each row, and the labels.
        """
        table, weight = outputs[0].table, outputs[0].sample_weight
        return cls(
            table.n_rows,
            {name: _fingerprint(table.columns[name]) for name in table.names},
            tuple(_fingerprint(data.y) for data in outputs),
            "" if weight is None else _fingerprint(weight),
            "" if grouping is None else _fingerprint(grouping[0], *grouping[1]),
            # Through JSON once, so that tuples compare as they will when they are read.
            json.loads(json.dumps({name: value for name, value in settings.items() if name not in _FREE})),
        )

    def difference(self, other: Identity) -> str:
        """The first thing in which the fit `other` differs, in words; empty if there is none."""
        if list(self.columns) != list(other.columns):
            return f"its columns are {', '.join(self.columns)}, those of X {', '.join(other.columns)}"
        if self.n_rows != other.n_rows:
            return f"it has {self.n_rows} rows, X has {other.n_rows}"
        for name, mark in self.columns.items():
            if other.columns[name] != mark:
                return f"column {name!r} has other values"
        if self.targets != other.targets:
            return "the target has other values"
        if self.weights != other.weights:
            return "sample_weight has other values"
        if self.groups != other.groups:
            return "groups has other labels"
        for name in sorted({*self.settings, *other.settings}):
            there, here = self.settings.get(name), other.settings.get(name)
            if there != here:
                return f"{name} was {there!r} there and is {here!r} here"
        return ""


def _fingerprint(values: NDArray[Any], *texts: str) -> str:
    content = hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=8)
    content.update(json.dumps(texts).encode() if texts else b"")
    return content.hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """What a file says.

    Parameters
    ----------
    identity : Identity
        What it belongs to.
    seed : int
        What the random numbers of the fit were drawn from.
    n_searches : int
        Searches on the same data, the one that wrote it included.
    finished : bool
        Whether the fit came to its end.
    fronts : tuple of tuple of Expression
        For each output the formulas so far, over the table's own columns.
    """

    identity: Identity
    seed: int
    n_searches: int
    finished: bool
    fronts: tuple[tuple[Expression, ...], ...]


# --- reading ----------------------------------------------------------------------------------------------------------


def earlier(path: str | Path, resume: bool, identity: Identity, seed: int | None) -> Checkpoint | None:
    """What there is to go on from.

    Parameters
    ----------
    path : str or Path
        Where the checkpoint is, or will be.
    resume : bool
        Whether to go on from it.
    identity : Identity
        The fit that asks.
    seed : int or None
        The seed that it asks for; None if any will do.

    Returns
    -------
    Checkpoint or None
        None where there is no file, or where it is of no interest.

    Raises
    ------
    InputError
        If the checkpoint belongs to another fit, or would be overwritten though its fit did not come to an end.
    ModelFileError
        If the file is damaged, something else, or of a newer version.
    """
    saved = read.read_file(path, _parsed) if Path(path).exists() else None
    if saved is None:
        return None
    if not resume:
        kept = sum(map(len, saved.fronts))
        if kept and not saved.finished:
            raise InputError(
                f"'{path}' holds {kept} formula(s) of a fit that did not come to its end. Set resume=True to go on "
                "from them, or remove the file to start anew."
            )
        return None
    difference = saved.identity.difference(identity)
    if not difference and seed is not None and seed != saved.seed:
        difference = f"random_state was {saved.seed} there and is {seed} here"
    if difference:
        raise InputError(
            f"the checkpoint '{path}' belongs to another fit: {difference}. Pass the same data and settings, or "
            "another file name."
        )
    return saved


def _parsed(content: str) -> Checkpoint:
    data = read.parsed(content)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ModelFileError(f'it is no checkpoint (a JSON object with "format": "{FORMAT}").')
    read.check_version(data, VERSION, closedform.__version__)
    return Checkpoint(
        Identity(
            read.field(data, "n_rows", read.whole),
            read.field(data, "columns", _texts),
            tuple(read.field(data, "targets", read.list_of(read.text, _MOST_OUTPUTS))),
            read.field(data, "weights", read.text),
            # Files of version 1 that were written before groups had checkpoints have none.
            read.text(data.get("groups", "")),
            read.field(data, "settings", read.mapping),
        ),
        read.field(data, "seed", read.whole),
        read.field(data, "n_searches", read.whole),
        read.field(data, "finished", read.truth),
        tuple(map(tuple, read.field(data, "fronts", read.list_of(_front, _MOST_OUTPUTS)))),
    )


def _texts(value: Any) -> dict[str, str]:
    return {read.text(name): read.text(item) for name, item in read.mapping(value).items()}


def _front(value: Any) -> list[Expression]:
    return read.list_of(lambda row: read.field(read.mapping(row), "expression", Expression.from_json), _MOST_FORMULAS)(
        value
    )


# --- writing ----------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Recorder:
    """Keeps a file up to date with the fronts of a fit.

    Parameters
    ----------
    path : str or Path
        An existing file is replaced.
    identity : Identity
        What the checkpoint belongs to.
    seed : int
        What the random numbers of the fit are drawn from.
    n_searches : int
        Searches on the same data, this one included.
    fronts : list of fronts
        What is known of each output before the search starts.
    """

    path: str | Path
    identity: Identity
    seed: int
    n_searches: int
    fronts: list[Front]
    _written: list[Front] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def watching(self, output: int, monitor: Monitor | None) -> Monitor:
        """A monitor that takes notice of the front of one output, and tells another monitor."""

        def told(progress: Progress) -> None:
            self.fronts = [*self.fronts[:output], progress.front, *self.fronts[output + 1 :]]
            if monitor is not None:
                monitor(progress)

        return told

    def finish(self, fronts: Sequence[Front], finished: bool) -> None:
        """Write the formulas that a fit ended with, and whether it came to its end by itself."""
        self.fronts = list(fronts)
        try:
            self._write(finished)
        except InputError as problem:
            warnings.warn(f"The last checkpoint is not the last state: {problem}", ConvergenceWarning, stacklevel=3)

    def _write(self, finished: bool = False) -> None:
        fronts = self.fronts
        read.write_text(_text(self, fronts, finished), self.path)
        self._written = fronts

    def _keep_up(self) -> None:
        while not self._over.wait(SECONDS):
            if self.fronts is not self._written:
                try:
                    self._write()
                except InputError as problem:
                    # The next one may come through; a search is not given up for the sake of its copy.
                    logger.warning("no checkpoint: %s", problem)


@contextmanager
def recording(recorder: Recorder | None) -> Iterator[None]:
    """Within the block, keep the file of a recorder up to date; that it cannot be written is told at once."""
    if recorder is None:
        yield
        return
    recorder._write()
    thread = threading.Thread(target=recorder._keep_up, daemon=True)
    thread.start()
    try:
        yield
    finally:
        recorder._over.set()
        thread.join()


def _text(recorder: Recorder, fronts: Sequence[Front], finished: bool) -> str:
    identity = recorder.identity
    data = {
        "format": FORMAT,
        "version": VERSION,
        "package_version": closedform.__version__,
        "finished": finished,
        "seed": recorder.seed,
        "n_searches": recorder.n_searches,
        "n_rows": identity.n_rows,
        "columns": dict(identity.columns),
        "targets": list(identity.targets),
        "weights": identity.weights,
        "groups": identity.groups,
        "settings": dict(identity.settings),
        "fronts": [[_row(one) for one in front if one.expression.variables] for front in fronts],
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _row(one: Scored) -> dict[str, Any]:
    # What counts is "expression"; the rest is for people who look into the file of a search at work.
    return {
        "text": to_text(one.expression),
        "expression": one.expression.to_json(),
        "complexity": one.complexity,
        "loss": read.finite_or_none(one.loss),
    }
