"""Fitted models as files: plain JSON with a version, safe to read from strangers.

Reading builds formulas from lists of names and numbers and nothing else: no text is run as code, no class is looked up
by name. Whatever does not look as written here is refused in one sentence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import closedform
from closedform.exceptions import ModelFileError, Status
from closedform.formulas import Formula, FormulaModel
from closedform.group_constants import GroupConstants
from closedform.insights import Insight
from closedform.json_fields import (
    LARGEST_FILE,
    MOST_COLUMNS,
    OUTPUTS_FORMAT,
    check_version,
    field,
    finite_or_none,
    list_of,
    mapping,
    number,
    number_or,
    parsed,
    read_file,
    text,
    truth,
    whole,
    write_text,
    wrong,
)
from closedform.symbolic.expression import Expression
from closedform.symbolic.printing import to_text

FORMAT = "closedform-model"
VERSION = 1
MOST_FORMULAS = 10_000


# --- writing ----------------------------------------------------------------------------------------------------------


def save_model(model: FormulaModel, path: str | Path) -> None:
    """Write a model to a file.

    Parameters
    ----------
    model : FormulaModel
    path : str or Path
        An existing file is replaced, at once and only when everything is written.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_text(dumps(model), path)


def dumps(model: FormulaModel) -> str:
    """Return a model as JSON text; every float comes back as it is."""
    return to_text_of(to_plain(model))


def to_text_of(data: Mapping[str, Any]) -> str:
    """Return the JSON text of plain values."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def to_plain(model: FormulaModel) -> dict[str, Any]:
    """Return a model as the plain values of its JSON text."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "package_version": model.version or closedform.__version__,
        "kind": model.kind,
        "target_name": model.target_name,
        "feature_names": list(model.feature_names),
        "named": model.named,
        "n_rows": model.n_rows,
        "domain": {name: list(bounds) for name, bounds in model.domain.items()},
        "status": model.status.value,
        "chosen": model.chosen,
        "formulas": [_formula_to_json(formula) for formula in model.formulas],
        "seed": model.seed,
        "n_searches": model.n_searches,
        "settings": dict(model.settings),
        "units": dict(model.units),
        "insights": [_insight_to_json(insight) for insight in model.insights],
        **({} if model.group_name is None else {"group_name": model.group_name}),
    }


def _insight_to_json(insight: Insight) -> dict[str, Any]:
    return {
        "kind": insight.kind,
        "columns": list(insight.columns),
        "sentence": insight.sentence,
        "evidence": {name: finite_or_none(value) for name, value in insight.evidence.items()},
    }


def _formula_to_json(formula: Formula) -> dict[str, Any]:
    return {
        "text": to_text(formula.expression),
        "expression": formula.expression.to_json(),
        "complexity": formula.complexity,
        "loss": finite_or_none(formula.loss),
        "holdout_loss": finite_or_none(formula.holdout_loss),
        "score": finite_or_none(formula.score),
        "engine": formula.engine,
        "seconds": formula.seconds,
        "standard_errors": [finite_or_none(error) for error in formula.standard_errors],
        "exact": formula.exact,
        "chi2": finite_or_none(formula.chi2),
        **({} if formula.groups is None else {"groups": _groups_to_json(formula.groups)}),
    }


def _groups_to_json(groups: GroupConstants) -> dict[str, Any]:
    return {
        "labels": list(groups.labels),
        "own": list(groups.own),
        "values": [list(row) for row in groups.values],
        "standard_errors": [[finite_or_none(error) for error in row] for row in groups.standard_errors],
    }


# --- reading ----------------------------------------------------------------------------------------------------------


def load_formulas(path: str | Path) -> FormulaModel:
    """Read a model file; loads neither torch nor scikit-learn nor pandas.

    Parameters
    ----------
    path : str or Path
        A file that `save` has written, or that somebody says `save` has written.

    Returns
    -------
    FormulaModel

    Raises
    ------
    ModelFileError
        If the file is missing, too large, damaged, not a model, or of a newer version.
    """
    return read_file(path, loads, LARGEST_FILE)


def loads(content: str) -> FormulaModel:
    """Read a model from JSON text; see `load_formulas`."""
    return from_plain(parsed(content))


def from_plain(data: Any) -> FormulaModel:
    """Read a model from the plain values of its JSON text; see `load_formulas`."""
    if isinstance(data, dict) and data.get("format") == OUTPUTS_FORMAT:
        raise ModelFileError("it holds several outputs: read it with closedform.load.")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ModelFileError(f'it is not a closedform model (a JSON object with "format": "{FORMAT}").')
    check_version(data, VERSION, closedform.__version__)
    names = tuple(field(data, "feature_names", list_of(text, MOST_COLUMNS)))
    formulas = tuple(field(data, "formulas", list_of(_formula, MOST_FORMULAS)))
    model = FormulaModel(
        kind=field(data, "kind", text),
        feature_names=names,
        named=field(data, "named", truth),
        target_name=field(data, "target_name", text),
        formulas=formulas,
        chosen=field(data, "chosen", whole),
        domain=field(data, "domain", _domain),
        status=field(data, "status", _status),
        n_rows=field(data, "n_rows", whole),
        settings=field(data, "settings", mapping),
        seed=field(data, "seed", whole),
        n_searches=field(data, "n_searches", whole),
        version=field(data, "package_version", text),
        # Files of earlier versions have neither.
        units=field({"units": {}, **data}, "units", _texts),
        insights=tuple(field({"insights": [], **data}, "insights", list_of(_insight, MOST_FORMULAS))),
        group_name=field(data, "group_name", text) if "group_name" in data else None,
    )
    _check_together(model)
    return model


def _check_together(model: FormulaModel) -> None:
    """What no field can say alone."""
    if not model.formulas:
        raise ModelFileError('it is damaged: "formulas" is empty.')
    if not 0 <= model.chosen < len(model.formulas):
        raise ModelFileError(
            f'it is damaged: "chosen" is {model.chosen}, but there are {len(model.formulas)} formulas.'
        )
    if len(set(model.feature_names)) != len(model.feature_names):
        raise ModelFileError('it is damaged: a name occurs twice in "feature_names".')
    known = set(model.feature_names)
    for formula in model.formulas:
        strangers = [name for name in formula.expression.variables if name not in known]
        if strangers:
            raise ModelFileError(
                f'it is damaged: a formula uses {strangers[0]!r:.60}, which is not in "feature_names".'
            )
        if len(formula.standard_errors) != formula.expression.n_constants:
            raise ModelFileError("it is damaged: a formula has not as many standard errors as constants.")
        own = () if formula.groups is None else formula.groups.own
        if list(own) != sorted(set(own)) or (own and not 0 <= own[0] <= own[-1] < formula.expression.n_constants):
            raise ModelFileError("it is damaged: a table of constants by group does not fit its formula.")
        if formula.groups is not None and model.group_name is None:
            raise ModelFileError('it is damaged: there are constants by group, but no "group_name".')


# --- single fields ----------------------------------------------------------------------------------------------------


def _status(value: Any) -> Status:
    by_name = {status.value: status for status in Status}
    if not isinstance(value, str) or value not in by_name:
        raise wrong(f"one of {', '.join(by_name)}", value)
    return by_name[value]


def _domain(value: Any) -> dict[str, tuple[float, float]]:
    domain = {}
    for name, bounds in mapping(value).items():
        low, high = _pair(bounds)
        domain[text(name)] = (low, high)
    return domain


def _texts(value: Any) -> dict[str, str]:
    return {text(name): text(entry) for name, entry in mapping(value).items()}


def _insight(value: Any) -> Insight:
    data = mapping(value)
    return Insight(
        kind=field(data, "kind", text),
        columns=tuple(field(data, "columns", list_of(text, MOST_COLUMNS))),
        sentence=field(data, "sentence", text),
        evidence={text(name): number_or(math.inf)(entry) for name, entry in field(data, "evidence", mapping).items()},
    )


def _pair(value: Any) -> tuple[float, float]:
    numbers = list_of(number, 2)(value)
    if len(numbers) != 2 or numbers[0] > numbers[1]:
        raise wrong("[smallest, largest]", value)
    return numbers[0], numbers[1]


def _formula(value: Any) -> Formula:
    data = mapping(value)
    # "text" is for people who look into the file; what counts is "expression".
    return Formula(
        expression=field(data, "expression", Expression.from_json),
        loss=field(data, "loss", number_or(math.inf)),
        holdout_loss=field(data, "holdout_loss", number_or(math.nan)),
        complexity=field(data, "complexity", whole),
        engine=field(data, "engine", text),
        seconds=field(data, "seconds", number),
        standard_errors=tuple(field(data, "standard_errors", list_of(number_or(math.inf), MOST_FORMULAS))),
        score=field(data, "score", number_or(math.inf)),
        # Files of earlier versions do not have it: nothing was claimed.
        exact=field({"exact": False, **data}, "exact", truth),
        groups=field(data, "groups", _groups) if "groups" in data else None,
        chi2=field({"chi2": None, **data}, "chi2", number_or(math.nan)),
    )


def _groups(value: Any) -> GroupConstants:
    data = mapping(value)
    groups = GroupConstants(
        labels=tuple(field(data, "labels", list_of(text, MOST_COLUMNS))),
        own=tuple(field(data, "own", list_of(whole, MOST_FORMULAS))),
        values=tuple(map(tuple, field(data, "values", list_of(list_of(number, MOST_FORMULAS), MOST_COLUMNS)))),
        standard_errors=tuple(
            map(tuple, field(data, "standard_errors", list_of(_row_of_errors, MOST_COLUMNS))),
        ),
    )
    sizes = {len(row) for row in (*groups.values, *groups.standard_errors)}
    same = len(groups.labels) == len(groups.values) == len(groups.standard_errors) == len(set(groups.labels))
    if not same or not groups.labels or sizes != {len(groups.own)}:
        raise ModelFileError("it is damaged: a table of constants by group has not one row for each group.")
    return groups


_row_of_errors = list_of(number_or(math.inf), MOST_FORMULAS)
