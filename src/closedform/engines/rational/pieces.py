"""A target as a sum of functions of few columns each, by a Rational ANOVA Network of main and pair effects.

Pair effects tie their columns together; what is tied is one piece. A piece of one column is the smooth curve that was
fitted. A piece of several is what the other pieces leave of the target: they are curves, which are fitted far better
than a surface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedform.additive.assemble import assemble
from closedform.additive.candidates import candidate_pairs, make_features, with_pairs
from closedform.additive.design import Design
from closedform.additive.families import Squared
from closedform.additive.fit import fit_design
from closedform.additive.model import AdditiveModel
from closedform.additive.table_data import Settings, TableData
from closedform.additive.train import finished

FloatArray = NDArray[np.float64]

# Pairs whose products explain more than chance by so many standard deviations, per column.
_CLEAR_EXCESS = 8.0
_MOST_PAIRS = 2
_LARGEST_PIECE = 3
# Share of the standard deviation below which an effect is rounding of the fit.
_NOTHING = 1e-3
# A sum that leaves more is none.
_LARGEST_LEFT = 0.1


@dataclass(frozen=True, eq=False)
class Piece:
    """A function of few columns that is a summand of the target.

    Parameters
    ----------
    columns : tuple of int
        What it depends on, ascending.
    values : ndarray of shape (n_rows,)
        Its values, mean zero.
    """

    columns: tuple[int, ...]
    values: FloatArray


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A target as a sum.

    Parameters
    ----------
    offset : float
        Its constant.
    pieces : tuple of Piece
        By falling size.
    left : float
        Standard deviation of what they leave, as a share of the target's.
    """

    offset: float
    pieces: tuple[Piece, ...]
    left: float


def table_of(X: FloatArray, names: tuple[str, ...], y: FloatArray, weight: FloatArray | None) -> TableData:
    """A problem as a table of numeric columns."""
    columns = [np.ascontiguousarray(column) for column in X.T]
    shares = np.ones(len(y)) if weight is None else weight / weight.mean()
    return TableData(columns, [0] * len(columns), list(names), y, shares)


def decompose(data: TableData, expired: Callable[[], bool]) -> Decomposition | None:
    """The target as a sum of at least two pieces, none of more than three columns; None where it is none."""
    model = _fit(data, expired)
    parts = model.contributions(data.columns)[:, :, 0]
    total = float(np.std(data.y))
    used = [k for k, effect in enumerate(model.effects) if np.std(parts[:, k]) > _NOTHING * total]
    groups = _tied(model.effects[k].columns for k in used)
    if len(groups) < 2 or max(len(group) for group in groups) > _LARGEST_PIECE:
        return None
    members = [[k for k in used if set(model.effects[k].columns) <= group] for group in groups]
    sums = [parts[:, inside].sum(axis=1) for inside in members]
    offset = float(model.intercept[0])
    rest = data.y - offset - np.sum(sums, axis=0)
    left = float(np.std(rest)) / total
    if not left < _LARGEST_LEFT:
        return None
    # What is left belongs to the surfaces, and to the largest of them where there are several.
    pieces = [Piece(tuple(sorted(group)), values) for group, values in zip(groups, sums, strict=True)]
    pieces.sort(key=lambda piece: (-float(np.std(piece.values)), piece.columns))
    surfaces = [k for k, piece in enumerate(pieces) if len(piece.columns) > 1]
    if surfaces:
        k = surfaces[0]
        pieces[k] = Piece(pieces[k].columns, pieces[k].values + rest)
    return Decomposition(offset, tuple(pieces), left)


def _fit(data: TableData, expired: Callable[[], bool]) -> AdditiveModel:
    """Main effects, and those pairs that act together beyond doubt."""
    family = Squared()
    settings = Settings(second_block=False, beyond=dict.fromkeys(range(len(data.columns)), "linear"))
    features = make_features(data)
    design = Design(features, [], data.columns)
    fit = fit_design(design, data.y, data.weight, family, expired=expired)
    ranked = candidate_pairs(data, features, fit, family, settings)
    clear = [pair for pair, excess in ranked if excess > _CLEAR_EXCESS][: _MOST_PAIRS * len(features)]
    if clear and not expired():
        design = with_pairs(features, clear, data.columns)
        fit = fit_design(design, data.y, data.weight, family, expired=expired)
    return finished(assemble(design, fit, data.weight, data.names, settings.beyond, ()), None, data)


def _tied(sets: Iterable[tuple[int, ...]]) -> list[set[int]]:
    """Columns that occur together, directly or through others."""
    groups: list[set[int]] = []
    for columns in sets:
        joined = set(columns)
        apart = []
        for group in groups:
            if group & joined:
                joined |= group
            else:
                apart.append(group)
        groups = [*apart, joined]
    return groups
