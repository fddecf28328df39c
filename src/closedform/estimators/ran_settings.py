"""The settings of the RAN estimators, checked and turned from names of columns to positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from closedform.additive.table_data import Settings
from closedform.estimators import parameters
from closedform.exceptions import InputError, did_you_mean
from closedform.preprocessing.columns import Column

_BEYOND = ("auto", "linear", "clip", "rational")
_DIRECTIONS = {1: 1, -1: -1, "increasing": 1, "decreasing": -1}


def read_settings(given: Mapping[str, Any], columns: Sequence[Column]) -> Settings:
    """Settings of a fit.

    Parameters
    ----------
    given : mapping
        The parameters of the estimator.
    columns : sequence of Column
        Of the table.

    Raises
    ------
    InputError
        For an unknown column, a pair that is no pair, a constraint that cannot hold.
    """
    monotone = _monotone(given["monotone"], columns)
    forced = _pairs("forced_interactions", given["forced_interactions"], columns)
    forbidden = _pairs("forbidden_interactions", given["forbidden_interactions"], columns)
    interactions = given["interactions"]
    if isinstance(interactions, str):
        parameters.check_choice("interactions", interactions, ("auto",))
    elif isinstance(interactions, int | np.integer) and not isinstance(interactions, bool):
        interactions = parameters.check_number("interactions", int(interactions), 0, whole=True)
    else:
        # Exactly these pairs: they are forced, and no others are looked for.
        forced = tuple(dict.fromkeys((*forced, *_pairs("interactions", interactions, columns))))
        interactions = 0
    _check_wanted(forced, forbidden, monotone, columns)
    most = given["max_parameters"]
    second = given["second_block"]
    if second != "auto":
        second = parameters.check_flag("second_block", second)
    return Settings(
        interactions=interactions,
        forbidden=frozenset(forbidden),
        forced=forced,
        max_numbers=None if most is None else parameters.check_number("max_parameters", most, 1, whole=True),
        second_block=second,
        monotone=monotone,
        beyond=_beyond(given["extrapolation"], columns),
        n_bags=parameters.check_number("n_bags", given["n_bags"], 0, whole=True),
    )


def _position(parameter: str, key: Any, columns: Sequence[Column]) -> int:
    """Position of a column given by name or by position."""
    names = [column.name for column in columns]
    if isinstance(key, str):
        if key in names:
            return names.index(key)
        raise InputError(f"{parameter}: there is no column {key!r}{did_you_mean(key, names)}.")
    if isinstance(key, int | np.integer) and not isinstance(key, bool) and 0 <= key < len(names):
        return int(key)
    raise InputError(f"{parameter}: expected the name of a column or a position below {len(names)}, got {key!r}.")


def _pairs(parameter: str, given: Any, columns: Sequence[Column]) -> tuple[tuple[int, int], ...]:
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise InputError(f"{parameter} must be a sequence of pairs of columns, got {given!r}.")
    found: list[tuple[int, int]] = []
    for pair in given:
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise InputError(f"{parameter}: expected pairs of columns such as ('a', 'b'), got {pair!r}.")
        i, j = sorted(_position(parameter, key, columns) for key in pair)
        if i == j:
            raise InputError(f"{parameter}: a pair needs two different columns, got {columns[i].name!r} twice.")
        found.append((i, j))
    return tuple(dict.fromkeys(found))


def _monotone(given: Any, columns: Sequence[Column]) -> dict[int, int]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InputError(f"monotone must be a dict such as {{'age': 1}}, got {given!r}.")
    found = {}
    for key, direction in given.items():
        j = _position("monotone", key, columns)
        if columns[j].kind == "categorical":
            raise InputError(
                f"monotone: column {columns[j].name!r} holds labels, which have no order. "
                "Turn them into numbers, or leave the constraint out."
            )
        if direction not in _DIRECTIONS or isinstance(direction, bool):
            raise InputError(
                f"monotone: expected 1, -1, 'increasing' or 'decreasing' for {columns[j].name!r}, got {direction!r}."
            )
        found[j] = _DIRECTIONS[direction]
    return found


def _check_wanted(
    wanted: Sequence[tuple[int, int]],
    forbidden: Sequence[tuple[int, int]],
    monotone: Mapping[int, int],
    columns: Sequence[Column],
) -> None:
    for i, j in wanted:
        names = f"({columns[i].name!r}, {columns[j].name!r})"
        if (i, j) in forbidden:
            raise InputError(f"the pair {names} is asked for and forbidden: take it out of one of the two.")
        for k in (i, j):
            if k in monotone:
                raise InputError(
                    f"the pair {names} is asked for, but the effect of {columns[k].name!r} must be monotone, which is "
                    "ensured for main effects only: leave out the pair or the constraint."
                )
            if not columns[k].used:
                raise InputError(f"the pair {names} is asked for, but column {columns[k].name!r} is not used.")


def _beyond(given: Any, columns: Sequence[Column]) -> dict[int, str]:
    if isinstance(given, Mapping):
        found = dict.fromkeys(range(len(columns)), "auto")
        for key, policy in given.items():
            found[_position("extrapolation", key, columns)] = str(
                parameters.check_choice("extrapolation", policy, _BEYOND)
            )
        return found
    return dict.fromkeys(range(len(columns)), str(parameters.check_choice("extrapolation", given, _BEYOND)))
