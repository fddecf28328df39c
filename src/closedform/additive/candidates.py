"""The functions of every column, the columns that tell something, and the pairs that may act together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.design import ROWS_FOR_FUNCTIONS, Design, Feature, make_feature, make_pair
from closedform.additive.families import Family
from closedform.additive.fit import LinearFit, fit_design
from closedform.additive.interactions import N_FUNCTIONS, Pair, rank_pairs
from closedform.additive.table_data import Settings, TableData

logger = logging.getLogger(__name__)

FloatArray: TypeAlias = NDArray[np.float64]

_LARGEST_MAIN = 900
_LARGEST_DESIGN = 1400
# The smooth functions of very many columns are derived from fewer rows each.
_MOST_CELLS = 4_000_000
_FEWEST_ROWS_FOR_FUNCTIONS = 3000
MOST_FEATURES = 150
"""Columns that a design can hold; of more, those that tell something are taken."""
ROWS_TO_DECIDE = 60_000
"""Rows that pairs and second block are decided on; of more, so many are drawn."""


def make_features(data: TableData) -> list[Feature]:
    """The functions of every column that is used; coarser ones where there are many columns."""
    used = [j for j, levels in enumerate(data.n_levels) if levels >= 0]
    n = data.n_rows
    n_fine = 8 if n < 3000 else 12
    n_coarse = 3 if n < 3000 else 4 if n < 8000 else 5
    most = int(np.clip(_LARGEST_MAIN // max(len(used), 1), 3, 30))
    if most < 10:
        n_coarse, n_fine = 3, min(n_fine, 2)
    rows = int(np.clip(_MOST_CELLS // max(len(used), 1), _FEWEST_ROWS_FOR_FUNCTIONS, ROWS_FOR_FUNCTIONS))
    return [make_feature(data.columns[j], j, data.n_levels[j], n_coarse, n_fine, most, data.weight, rows) for j in used]


def candidate_pairs(
    data: TableData, features: Sequence[Feature], fit: LinearFit, family: Family, settings: Settings
) -> list[tuple[Pair, float]]:
    """Pairs of columns by falling excess over chance."""
    count = settings.interactions
    if count == 0 or len(features) < 2:
        return [(pair, np.inf) for pair in settings.forced]
    working, response = family.working(data.y, fit.raw)
    constrained = set(settings.monotone)
    place = {feature.column: k for k, feature in enumerate(features)}
    forbidden = {
        (place[i], place[j]) for i, j in settings.forbidden | frozenset(settings.forced) if i in place and j in place
    }
    functions = [
        np.zeros((data.n_rows, 0))
        if f.column in constrained
        else f.pair.truncated(N_FUNCTIONS).of(f.basis.values(data.columns[f.column]))
        for f in features
    ]
    most = count if isinstance(count, int) else max(10, 2 * len(features))
    ranked = rank_pairs(functions, response - fit.raw, working * data.weight[:, None], most=most, forbidden=forbidden)
    found = [((features[r.pair[0]].column, features[r.pair[1]].column), r.excess) for r in ranked]
    wanted = [(pair, np.inf) for pair in settings.forced] + found
    return wanted[: max(len(settings.forced), _affordable(features, [pair for pair, _ in wanted], fit, settings))]


def _affordable(features: Sequence[Feature], pairs: Sequence[Pair], fit: LinearFit, settings: Settings) -> int:
    """How many of these pairs may be stored beside the main effects."""
    if settings.max_numbers is None:
        return len(pairs)
    basis = {feature.column: feature.basis for feature in features}
    n_outputs = len(fit.offset)
    stored = sum(b.n_numbers + n_outputs * (b.size + 1) for b in basis.values()) + n_outputs
    for count, (i, j) in enumerate(pairs):
        products = len(basis[i].coarse) * len(basis[j].coarse)
        stored += n_outputs * (products + basis[i].size + basis[j].size + 1)
        if stored > settings.max_numbers:
            return count
    return len(pairs)


def products_per_pair(n_rows: int, n_pairs: int, n_main: int) -> int:
    """How many products a pair effect is fitted with."""
    wanted = 36 if n_rows < 3000 else 49 if n_rows < 8000 else 64
    return int(np.clip((_LARGEST_DESIGN - n_main) // max(n_pairs, 1), 9, wanted))


def with_pairs(features: Sequence[Feature], pairs: Sequence[Pair], columns: Sequence[FloatArray]) -> Design:
    """The design of all main effects and the given pairs, each pair with as many products as memory allows."""
    place = {feature.column: k for k, feature in enumerate(features)}
    n_main = sum(len(f.main) for f in features)
    most = products_per_pair(len(columns[0]), len(pairs), n_main)
    blocks = [make_pair(features, place[i], place[j], most) for i, j in pairs]
    return Design(features, blocks, columns)


def relevant_features(
    data: TableData, features: Sequence[Feature], family: Family, settings: Settings
) -> list[Feature]:
    """Of very many columns those that tell something: alone, beside the best ones, or in a pair."""
    start = np.tile(family.start(data.y, data.weight), (data.n_rows, 1))
    named = {column for pair in settings.forced for column in pair}
    first = _best_alone(data, features, family, start, MOST_FEATURES // 3)
    chosen = [features[k] for k in sorted(first)]
    fit = fit_design(Design(chosen, [], data.columns), data.y, data.weight, family)
    later = _best_alone(data, features, family, fit.raw, MOST_FEATURES // 3)
    pairs = candidate_pairs(data, features, fit, family, replace(settings, interactions=MOST_FEATURES // 6))
    kept = {features[k].column for k in (*first, *later)} | {j for pair, _ in pairs for j in pair} | named
    logger.info("%d of %d columns tell something", len(kept), len(features))
    return [feature for feature in features if feature.column in kept]


def _best_alone(data: TableData, features: Sequence[Feature], family: Family, raw: FloatArray, count: int) -> list[int]:
    """Positions of the features whose smoothest functions explain most of what these raw scores leave."""
    working, response = family.working(data.y, raw)
    scores = np.zeros(len(features))
    for k, feature in enumerate(features):
        functions = feature.pair.truncated(4).of(feature.basis.values(data.columns[feature.column]))
        weight = working * data.weight[:, None]
        cross = functions.T @ (weight * (response - raw))
        scores[k] = float(np.max(np.sum(cross**2, axis=0) / np.sum(weight, axis=0))) / max(functions.shape[1], 1)
    return np.argsort(-scores, kind="stable")[:count].tolist()
