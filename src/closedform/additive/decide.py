"""What earns its place: pairs and a second block are kept if rows that took no part in the fit are predicted better."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.assemble import assemble
from closedform.additive.candidates import candidate_pairs, with_pairs
from closedform.additive.design import Design, Feature
from closedform.additive.families import Family
from closedform.additive.fit import LinearFit, fit_design
from closedform.additive.interactions import Pair
from closedform.additive.pace import Allowance
from closedform.additive.second_training import Base, BlockPlan, block_size, helps, plan_second_block, units_for
from closedform.additive.table_data import Settings, TableData
from closedform.parallel import side_by_side

logger = logging.getLogger(__name__)

FloatArray: TypeAlias = NDArray[np.float64]

_FOLDS_BELOW = 1200
_FOLDS = 5
_FEWEST_ROWS_TO_JUDGE = 60
# Excesses (standard deviations of chance) from which pairs are candidates: strictly, generously, all that there may be.
# The last is left to losses that are fitted in one step: it costs most and seldom helps.
_THRESHOLDS = (4.0, 1.5, -np.inf)
# More pairs have to lower the held-out loss by this share.
_BETTER = 7e-3
_STEPS_WORTH_A_TRY = 10
# Fewer rows cannot tell that a second block is better than pairs.
_ROWS_TO_GIVE_UP_PAIRS = 1500


@dataclass(frozen=True)
class Plan:
    """What the held-out rows have decided."""

    pairs: tuple[Pair, ...]
    second: BlockPlan | None


@dataclass(frozen=True, eq=False)
class _Judged:
    """A set of pairs, fitted on some rows and judged on others."""

    pairs: tuple[Pair, ...]
    design: Design
    fit: LinearFit
    held_raw: FloatArray
    losses: FloatArray


def decide(
    data: TableData,
    features: Sequence[Feature],
    ranked: Sequence[tuple[Pair, float]],
    family: Family,
    settings: Settings,
    rng: np.random.Generator,
    allowed: Allowance,
) -> Plan:
    """Which pairs, and whether a second block, by the loss on rows left out; what would take too long is left out."""
    choices = _choices(ranked, settings, data.n_rows, one_step=family.one_step)
    if data.n_rows < _FEWEST_ROWS_TO_JUDGE or (len(choices) == 1 and not settings.second_block):
        return Plan(choices[0], BlockPlan(units_for(data.n_rows)) if settings.second_block is True else None)
    folds = _folds(data, family, rng)
    losses = np.zeros(len(choices))
    first: list[_Judged] = []

    def judge(fold: tuple[NDArray[np.intp], NDArray[np.intp]]) -> list[_Judged]:
        return _judged_choices(data.rows(fold[0]), data.rows(fold[1]), features, choices, family, settings, allowed)

    with closing(side_by_side(judge, folds, settings.n_jobs)) as judgements:
        for (_, held), judged in zip(folds, judgements, strict=False):
            if len(judged) < len(choices):
                if first:
                    break
                choices, losses = choices[: len(judged)], losses[: len(judged)]
            losses += [float(np.average(item.losses, weights=data.weight[held])) for item in judged]
            first = first or judged
            if allowed():
                break
    best = _simplest(losses)
    logger.debug("held-out losses %s with %s pairs", losses / len(folds), [len(c) for c in choices])
    # A budget of numbers is spent on what can be looked at.
    if (
        not settings.second_block
        or settings.max_numbers is not None
        or not _affords_second_block(data, features, allowed)
    ):
        return Plan(choices[best], None)
    # Pairs fit the rows they are fitted on closely, which leaves a second block little to learn from: it is also tried
    # in their place.
    instead = [first[0]] if best > 0 and data.n_rows >= _ROWS_TO_GIVE_UP_PAIRS else []
    tried = [first[best], *instead]
    allowed.stop.begin("second block")
    plan = _with_second_block(data, folds[0], tried, family, settings, rng, allowed)
    # The pairs of that fold stand for those that all rows speak for.
    return Plan(choices[best] if plan.pairs == first[best].pairs else choices[0], plan.second)


def _affords_second_block(data: TableData, features: Sequence[Feature], allowed: Allowance) -> bool:
    n_rows, size = block_size(data.n_rows, len(features))
    return allowed.affords(_STEPS_WORTH_A_TRY * n_rows, size)


def _with_second_block(
    data: TableData,
    fold: tuple[NDArray[np.intp], NDArray[np.intp]],
    tried: Sequence[_Judged],
    family: Family,
    settings: Settings,
    rng: np.random.Generator,
    expired: Callable[[], bool],
) -> Plan:
    """The first fit as it is, or one of them with a second block if that predicts the rows left out better."""
    part, rest = data.rows(fold[0]), data.rows(fold[1])
    plan, reference = Plan(tried[0].pairs, None), tried[0].losses
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
            plan, reference = Plan(item.pairs, made[0]), made[1]
    return plan


def _judged_choices(
    part: TableData,
    rest: TableData,
    features: Sequence[Feature],
    choices: Sequence[tuple[Pair, ...]],
    family: Family,
    settings: Settings,
    allowed: Allowance,
) -> list[_Judged]:
    """Every choice that there is time for, the first in any case, fitted on some rows and judged on others.

    Pairs that are to be judged have to be found without the rows that judge them: where pairs are searched for, the
    choices are sets of as many pairs, found in the rows that are fitted.
    """
    judged = [
        _judged(part, rest, features, with_pairs(features, choices[0], part.columns), choices[0], family, allowed)
    ]
    found = choices[-1]
    if settings.interactions == "auto" and len(choices) > 1:
        fit = judged[0].fit
        ranked = [pair for pair, _ in candidate_pairs(part, features, fit, family, settings)]
        found = tuple(dict.fromkeys([*settings.forced, *ranked]))
    for choice in choices[1:]:
        pairs = found[: len(choice)]
        design = with_pairs(features, pairs, part.columns)
        if not allowed.affords(design.n_rows, design.n_columns):
            break
        judged.append(_judged(part, rest, features, design, pairs, family, allowed))
    return judged


def _judged(
    part: TableData,
    rest: TableData,
    features: Sequence[Feature],
    design: Design,
    pairs: tuple[Pair, ...],
    family: Family,
    expired: Callable[[], bool],
) -> _Judged:
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
