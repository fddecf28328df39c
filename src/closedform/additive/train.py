"""Training a Rational ANOVA Network on a table: main effects, pairs by what the main effects leave, a second block.

What is more than main effects has to earn its place: pairs and the second block are kept if rows that took no part in
the fit are predicted better with them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.assemble import Assembled, assemble
from closedform.additive.design import Design, Feature, make_feature, make_pair
from closedform.additive.exact import assemble_law, exact_law
from closedform.additive.families import Family
from closedform.additive.fit import LinearFit, bagged, fit_design
from closedform.additive.interactions import Pair, rank_pairs
from closedform.additive.model import AdditiveModel
from closedform.additive.monotone import constrained, repaired
from closedform.additive.second_block import SecondBlock
from closedform.additive.second_training import (
    Base,
    BlockPlan,
    helps,
    plan_second_block,
    train_second_block,
    units_for,
)

logger = logging.getLogger(__name__)

FloatArray: TypeAlias = NDArray[np.float64]

_FOLDS_BELOW = 1200
_FOLDS = 5
_FEWEST_ROWS_TO_JUDGE = 60
# Excesses (standard deviations of chance) from which pairs are candidates: strictly, generously, all that there may be.
# The last is left to losses that are fitted in one step: it costs most and seldom helps.
_THRESHOLDS = (4.0, 1.5, -np.inf)
_LARGEST_MAIN = 900
_LARGEST_DESIGN = 1400
# More pairs have to lower the held-out loss by this share.
_BETTER = 7e-3
# Fewer rows cannot tell that a second block is better than pairs.
_ROWS_TO_GIVE_UP_PAIRS = 1500
_MOST_FEATURES = 150


@dataclass(frozen=True)
class Settings:
    """How a network is built.

    Parameters
    ----------
    interactions : int, "auto", or sequence of pairs
        Number of pairs; chosen by significance and held-out loss; or exactly these.
    forbidden : frozenset of pairs
        Never used.
    forced : tuple of pairs
        Always used.
    max_numbers : int, optional
        Largest number of stored numbers; limits the number of pairs.
    second_block : bool or "auto"
        Whether there is one; decided by held-out loss.
    monotone : dict of int to {-1, 1}
        Columns whose effect must not rise or fall; they take part in no pair and not in the second block.
    beyond : dict of int to str
        What effects do beyond the range, for each column.
    n_bags : int
        Bootstrap fits to average.
    """

    interactions: int | str | tuple[Pair, ...] = "auto"
    forbidden: frozenset[Pair] = frozenset()
    forced: tuple[Pair, ...] = ()
    max_numbers: int | None = None
    second_block: bool | str = "auto"
    monotone: Mapping[int, int] = field(default_factory=dict)
    beyond: Mapping[int, str] = field(default_factory=dict)
    n_bags: int = 0


@dataclass(frozen=True, eq=False)
class TableData:
    """A table as the network sees it.

    Parameters
    ----------
    columns : sequence of ndarray of shape (n_rows,)
        All columns of the table.
    n_levels : sequence of int
        Levels of each; 0 for numbers, -1 for columns that are not used.
    names : sequence of str
        Of the columns.
    y, weight : ndarray of shape (n_rows,)
        Target (codes of classes) and weights, mean 1.
    """

    columns: Sequence[FloatArray]
    n_levels: Sequence[int]
    names: Sequence[str]
    y: FloatArray
    weight: FloatArray

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    def rows(self, index: NDArray[np.intp]) -> TableData:
        """Some of the rows."""
        return replace(
            self, columns=[column[index] for column in self.columns], y=self.y[index], weight=self.weight[index]
        )


@dataclass(frozen=True)
class _Plan:
    """What the held-out rows have decided."""

    pairs: tuple[Pair, ...]
    second: BlockPlan | None


def train(
    data: TableData,
    family: Family,
    settings: Settings,
    rng: np.random.Generator,
    expired: Callable[[], bool] = lambda: False,
) -> AdditiveModel:
    """Train a network.

    Parameters
    ----------
    data : TableData
        The table.
    family : Family
        The loss.
    settings : Settings
        What may be used.
    rng : numpy.random.Generator
        Draws the held-out rows and the start of the second block.
    expired : callable
        Says when the time is up: what is not yet decided is left out.
    """
    data = _counting(data)
    features = make_features(data)
    if family.one_step and not settings.monotone:
        law = exact_law(data.columns, features, data.names, data.y)
        if law is not None:
            logger.info("the rows follow %s exactly", law)
            assembled = assemble_law(law, features, data.columns, data.names, settings.beyond, data.weight)
            return finished(assembled, None, data)
    shift, scale = location_and_scale(data.y, data.weight, family)
    scaled = replace(data, y=(data.y - shift) / scale)
    return _trained(scaled, features, family, settings, rng, expired).scaled(scale, shift)


def location_and_scale(y: FloatArray, weight: FloatArray, family: Family) -> tuple[float, float]:
    """What is taken from the target and what it is divided by, where the family does not mind."""
    if family.known_noise:
        return 0.0, 1.0
    counting = y[weight > 0]
    # Halves first: the range of float64 values may be no float64.
    middle = float(np.median(counting))
    spread = 2.0 * float(np.max(np.abs(counting / 2 - middle / 2), initial=0.0))
    if not np.isfinite(spread) or spread == 0.0:
        return middle, 1.0
    return middle, spread * float(np.sqrt(np.mean(((counting - middle) / spread) ** 2)))


def _trained(
    data: TableData,
    features: list[Feature],
    family: Family,
    settings: Settings,
    rng: np.random.Generator,
    expired: Callable[[], bool],
) -> AdditiveModel:
    if len(features) > _MOST_FEATURES:
        features = relevant_features(data, features, family, settings)
    mains = Design(features, [], data.columns)
    fit = fit_design(mains, data.y, data.weight, family, expired=expired)
    ranked = candidate_pairs(data, features, fit, family, settings)
    plan = _decide(data, features, ranked, family, settings, rng, expired)
    design = mains
    if plan.pairs:
        design = _with_pairs(features, plan.pairs, data.columns)
        fit = fit_design(design, data.y, data.weight, family, expired=expired)
    if settings.n_bags:
        fit = bagged(design, data.y, data.weight, family, fit, settings.n_bags, rng)
    if settings.monotone:
        fit = constrained(design, fit, settings.monotone)
    wanted = settings.interactions if isinstance(settings.interactions, tuple) else settings.forced
    assembled = assemble(design, fit, data.weight, data.names, settings.beyond, wanted)
    assembled = repaired(assembled, settings.monotone)
    second = None
    if plan.second is not None:
        base = Base(assembled, data.columns, data.y, data.weight, fit.raw)
        second = train_second_block(base, plan.second, family, settings.monotone, rng, expired)
    logger.info(
        "%d main effects, %d pairs%s", len(features), len(design.pairs), ", second block" if second is not None else ""
    )
    return finished(assembled, second, data)


def relevant_features(
    data: TableData, features: Sequence[Feature], family: Family, settings: Settings
) -> list[Feature]:
    """Of very many columns those that tell something: alone, beside the best ones, or in a pair."""
    start = np.tile(family.start(data.y, data.weight), (data.n_rows, 1))
    named = {column for pair in settings.forced for column in pair}
    if isinstance(settings.interactions, tuple):
        named |= {column for pair in settings.interactions for column in pair}
    first = _best_alone(data, features, family, start, _MOST_FEATURES // 3)
    chosen = [features[k] for k in sorted(first)]
    fit = fit_design(Design(chosen, [], data.columns), data.y, data.weight, family)
    later = _best_alone(data, features, family, fit.raw, _MOST_FEATURES // 3)
    pairs = candidate_pairs(data, features, fit, family, replace(settings, interactions=_MOST_FEATURES // 6))
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


def _counting(data: TableData) -> TableData:
    """The rows that have weight, and their mean weight 1; the columns that have values there."""
    rows = np.flatnonzero(data.weight > 0)
    if len(rows) == data.n_rows:
        return data
    part = data.rows(rows)
    empty = [levels == 0 and bool(np.isnan(x).all()) for x, levels in zip(part.columns, data.n_levels, strict=True)]
    n_levels = [-1 if nothing else levels for nothing, levels in zip(empty, data.n_levels, strict=True)]
    return replace(part, n_levels=n_levels, weight=part.weight / part.weight.mean())


def make_features(data: TableData) -> list[Feature]:
    """The functions of every column that is used; coarser ones where there are many columns."""
    used = [j for j, levels in enumerate(data.n_levels) if levels >= 0]
    n = data.n_rows
    n_fine = 8 if n < 3000 else 12
    n_coarse = 3 if n < 3000 else 4 if n < 8000 else 5
    most = int(np.clip(_LARGEST_MAIN // max(len(used), 1), 3, 30))
    if most < 10:
        n_coarse, n_fine = 3, min(n_fine, 2)
    return [make_feature(data.columns[j], j, data.n_levels[j], n_coarse, n_fine, most, data.weight) for j in used]


def candidate_pairs(
    data: TableData, features: Sequence[Feature], fit: LinearFit, family: Family, settings: Settings
) -> list[tuple[Pair, float]]:
    """Pairs of columns by falling excess over chance."""
    count = settings.interactions
    if not isinstance(count, int | str):
        return [(pair, np.inf) for pair in count]
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
        else f.pair.truncated(3).of(f.basis.values(data.columns[f.column]))
        for f in features
    ]
    most = count if isinstance(count, int) else max(10, 2 * len(features))
    ranked = rank_pairs(functions, response - fit.raw, working * data.weight[:, None], most=most, forbidden=forbidden)
    found = [((features[r.pair[0]].column, features[r.pair[1]].column), r.excess) for r in ranked]
    return [(pair, np.inf) for pair in settings.forced] + found


def products_per_pair(n_rows: int, n_pairs: int, n_main: int) -> int:
    """How many products a pair effect is fitted with."""
    wanted = 36 if n_rows < 3000 else 49 if n_rows < 8000 else 64
    return int(np.clip((_LARGEST_DESIGN - n_main) // max(n_pairs, 1), 9, wanted))


def _with_pairs(features: Sequence[Feature], pairs: Sequence[Pair], columns: Sequence[FloatArray]) -> Design:
    place = {feature.column: k for k, feature in enumerate(features)}
    n_main = sum(len(f.main) for f in features)
    most = products_per_pair(len(columns[0]), len(pairs), n_main)
    blocks = [make_pair(features, place[i], place[j], most) for i, j in pairs]
    return Design(features, blocks, columns)


@dataclass(frozen=True, eq=False)
class _Judged:
    """A set of pairs, fitted on some rows and judged on others."""

    pairs: tuple[Pair, ...]
    design: Design
    fit: LinearFit
    held_raw: FloatArray
    losses: FloatArray


def _decide(
    data: TableData,
    features: Sequence[Feature],
    ranked: Sequence[tuple[Pair, float]],
    family: Family,
    settings: Settings,
    rng: np.random.Generator,
    expired: Callable[[], bool],
) -> _Plan:
    """Which pairs, and whether a second block, by the loss on rows left out."""
    choices = _choices(ranked, settings, data.n_rows, one_step=family.one_step)
    if data.n_rows < _FEWEST_ROWS_TO_JUDGE or (len(choices) == 1 and not settings.second_block):
        return _Plan(choices[0], BlockPlan(units_for(data.n_rows)) if settings.second_block is True else None)
    folds = _folds(data, family, rng)
    losses = np.zeros(len(choices))
    first: list[_Judged] = []
    for kept, held in folds:
        if first and expired():
            break
        judged = _judged_choices(data.rows(kept), data.rows(held), features, choices, family, settings, expired)
        losses += [float(np.average(item.losses, weights=data.weight[held])) for item in judged]
        first = first or judged
    best = _simplest(losses)
    logger.debug("held-out losses %s with %s pairs", losses / len(folds), [len(c) for c in choices])
    if not settings.second_block or expired():
        return _Plan(choices[best], None)
    # Pairs fit the rows they are fitted on closely, which leaves a second block little to learn from: it is also tried
    # in their place.
    instead = [first[0]] if best > 0 and data.n_rows >= _ROWS_TO_GIVE_UP_PAIRS else []
    tried = [first[best], *instead]
    plan = _with_second_block(data, folds[0], tried, family, settings, rng, expired)
    # The pairs of that fold stand for those that all rows speak for.
    return _Plan(choices[best] if plan.pairs == first[best].pairs else choices[0], plan.second)


def _with_second_block(
    data: TableData,
    fold: tuple[NDArray[np.intp], NDArray[np.intp]],
    tried: Sequence[_Judged],
    family: Family,
    settings: Settings,
    rng: np.random.Generator,
    expired: Callable[[], bool],
) -> _Plan:
    """The first fit as it is, or one of them with a second block if that predicts the rows left out better."""
    part, rest = data.rows(fold[0]), data.rows(fold[1])
    plan, reference = _Plan(tried[0].pairs, None), tried[0].losses
    for item in tried:
        assembled = assemble(item.design, item.fit, part.weight, data.names, settings.beyond)
        made = plan_second_block(
            Base(assembled, part.columns, part.y, part.weight, item.fit.raw),
            Base(assembled, rest.columns, rest.y, rest.weight, item.held_raw),
            family,
            settings.monotone,
            rng,
            expired,
        )
        wanted = settings.second_block is True and plan.second is None
        if made is not None and (wanted or helps(made[1], reference, rest.weight, for_pairs=item is not tried[0])):
            plan, reference = _Plan(item.pairs, made[0]), made[1]
    return plan


def _judged_choices(
    part: TableData,
    rest: TableData,
    features: Sequence[Feature],
    choices: Sequence[tuple[Pair, ...]],
    family: Family,
    settings: Settings,
    expired: Callable[[], bool],
) -> list[_Judged]:
    """Every choice, fitted on some rows and judged on others.

    Pairs that are to be judged have to be found without the rows that judge them: where pairs are searched for, the
    choices are sets of as many pairs, found in the rows that are fitted.
    """
    judged = [_judged(part, rest, features, choices[0], family, expired)]
    found = choices[-1]
    if settings.interactions == "auto" and len(choices) > 1:
        fit = judged[0].fit
        ranked = [pair for pair, _ in candidate_pairs(part, features, fit, family, settings)]
        found = tuple(dict.fromkeys([*settings.forced, *ranked]))
    for choice in choices[1:]:
        judged.append(_judged(part, rest, features, found[: len(choice)], family, expired))
    return judged


def _judged(
    part: TableData,
    rest: TableData,
    features: Sequence[Feature],
    pairs: tuple[Pair, ...],
    family: Family,
    expired: Callable[[], bool],
) -> _Judged:
    design = _with_pairs(features, pairs, part.columns)
    fit = fit_design(design, part.y, part.weight, family, expired=expired)
    raw = Design(features, design.pairs, rest.columns).apply(fit.coefficients, fit.offset)
    return _Judged(pairs, design, fit, raw, family.loss(rest.y, raw))


def _simplest(losses: FloatArray) -> int:
    """The first choice that is hardly worse than the best."""
    best = float(losses.min())
    return int(np.flatnonzero(losses <= best + _BETTER * abs(best))[0])


def _choices(
    ranked: Sequence[tuple[Pair, float]], settings: Settings, n_rows: int, *, one_step: bool
) -> list[tuple[Pair, ...]]:
    """Sets of pairs to choose from, small ones first."""
    if settings.interactions != "auto":
        return [tuple(pair for pair, _ in ranked)]
    thresholds = (np.finfo(float).max, *(_THRESHOLDS if one_step else _THRESHOLDS[:-1]))
    sets = [tuple(pair for pair, excess in ranked if excess > least) for least in thresholds]
    # No more products than rows can tell apart.
    most = max(1, n_rows // 20)
    limited = [chosen[: max(most, len(settings.forced))] for chosen in sets]
    return list(dict.fromkeys(limited))


def _folds(
    data: TableData, family: Family, rng: np.random.Generator
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows kept and rows held out; several times where there are few rows."""
    n = data.n_rows
    order = rng.permutation(n)
    if family.known_noise:
        # Every class in every part.
        order = order[np.argsort(data.y[order], kind="stable")]
    count = _FOLDS
    part = np.empty(n, dtype=np.intp)
    part[order] = np.arange(n) % count
    folds = range(_FOLDS if n < _FOLDS_BELOW else 1)
    return [(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in folds]


def finished(assembled: Assembled, second: SecondBlock | None, data: TableData) -> AdditiveModel:
    """The model with the sizes of its effects on the training rows; effects sorted by size within their kind."""
    empty = np.zeros(len(assembled.effects) + 1)
    # The second block may use columns that have no effect.
    functions = {f.column: f for f in assembled.functions}
    functions |= {item.functions.column: item.functions for item in (second.inputs if second is not None else ())}
    model = AdditiveModel(assembled.intercept, tuple(functions.values()), assembled.effects, second, empty, empty)
    covariances, deviations = _sizes(model, data)
    order = sorted(range(len(model.effects)), key=lambda k: (len(model.effects[k].columns), -deviations[k], k))
    order_all = [*order, len(model.effects)]
    return replace(
        model,
        effects=tuple(model.effects[k] for k in order),
        covariances=covariances[order_all],
        deviations=deviations[order_all],
    )


def _sizes(model: AdditiveModel, data: TableData) -> tuple[FloatArray, FloatArray]:
    """Covariance of each effect with the sum, relative, and its standard deviation, over (some of) the rows."""
    step = max(1, data.n_rows // 50_000)
    share = data.weight[::step] / data.weight[::step].sum()
    parts = model.contributions([column[::step] for column in data.columns])
    parts = parts - np.einsum("n,nto->to", share, parts)
    largest = float(np.abs(parts).max(initial=0.0)) or 1.0
    parts /= largest
    whole = parts.sum(axis=1)
    covariances = np.einsum("n,nto,no->t", share, parts, whole)
    deviations = largest * np.sqrt(np.einsum("n,nto->t", share, parts**2))
    return covariances, deviations
