"""What earns its place: pairs and a second block are kept if rows that took no part in the fit are predicted better."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
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
from closedform.additive.second_training import Base, block_size, trained_units
from closedform.additive.table_data import Settings, TableData
from closedform.additive.units import Units
from closedform.parallel import side_by_side

logger = logging.getLogger(__name__)

FloatArray: TypeAlias = NDArray[np.float64]

# So many folds each leave out a fifth of the rows; fewer of them where there are rows enough.
_FOLDS = 5
_FOLDS_BY_ROWS = ((5000, 5), (20_000, 3))
_FEWEST_FOLDS = 2
_FEWEST_ROWS_TO_JUDGE = 60
# Excesses (standard deviations of chance) from which pairs are candidates: strictly, generously, all that there may be.
# The last is left to losses that are fitted in one step: it costs most and seldom helps.
_THRESHOLDS = (4.0, 1.5, -np.inf)
# More pairs have to lower the held-out loss by this share.
_BETTER = 7e-3
_STEPS_WORTH_A_TRY = 10
# A member may be worse by this share: it is the mean of all members that is used.
_WORTH_MEMBERS = 0.03


@dataclass(frozen=True, eq=False)
class Member:
    """Units of a second block, trained on some of the rows.

    Parameters
    ----------
    rows, held : ndarray of int
        The rows that were fitted, and those that said when to stop.
    units : Units
        What was trained on them.
    """

    rows: NDArray[np.intp]
    held: NDArray[np.intp]
    units: Units


@dataclass(frozen=True, eq=False)
class Plan:
    """What the held-out rows have decided.

    Parameters
    ----------
    pairs : tuple of pairs
        Of columns that act together.
    members : tuple of Member
        Of a second block; none for no such block.
    loss : float
        Mean loss of the rows held out, of pairs and main effects alone.
    """

    pairs: tuple[Pair, ...]
    members: tuple[Member, ...] = ()
    loss: float = np.inf


@dataclass(frozen=True, eq=False)
class _Judged:
    """One fold: the losses of the rows held out, without and with units, for each choice of pairs.

    Parameters
    ----------
    held : ndarray of int
        The rows held out.
    plain, with_units : ndarray of shape (n_choices, n_held_out)
        Their losses.
    member : Member, optional
        The units, where there may be some.
    """

    held: NDArray[np.intp]
    plain: FloatArray
    with_units: FloatArray
    member: Member | None


@dataclass(frozen=True)
class _Question:
    """What is fitted and judged on every fold."""

    data: TableData
    features: Sequence[Feature]
    choices: Sequence[tuple[Pair, ...]]
    family: Family
    settings: Settings
    allowed: Allowance

    @property
    def second_block(self) -> bool:
        """Whether there may be a second block: a budget of numbers is spent on what can be looked at."""
        return bool(self.settings.second_block) and self.settings.max_numbers is None

    def affords_units(self, n_outputs: int) -> bool:
        """Whether there is time to train units."""
        n_rows, size = block_size(self.data.n_rows, len(self.features), n_outputs)
        return self.allowed.affords(_STEPS_WORTH_A_TRY * n_rows, size)


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
    few = data.n_rows < _FEWEST_ROWS_TO_JUDGE
    question = _Question(data, features, choices[:1] if few else choices, family, settings, allowed)
    folds = _folds(data, family, rng)
    wanted = settings.second_block is True
    if (few and not wanted) or len(folds) < 1 or (len(question.choices) == 1 and not question.second_block):
        return Plan(choices[0])
    seeds = rng.integers(2**31, size=len(folds)).tolist()

    def judge(item: tuple[tuple[NDArray[np.intp], NDArray[np.intp]], int]) -> _Judged:
        (kept, held), seed = item
        return _judged(question, kept, held, seed)

    judged: list[_Judged] = []
    with closing(side_by_side(judge, list(zip(folds, seeds, strict=True)), settings.n_jobs)) as judgements:
        for one in judgements:
            if judged and len(one.plain) < len(judged[0].plain):
                break
            judged.append(one)
            if allowed():
                break
    choices = choices[: len(judged[0].plain)]
    weight = np.concatenate([data.weight[one.held] for one in judged])
    plain = np.hstack([one.plain for one in judged]) @ weight / weight.sum()
    best = _simplest(plain)
    logger.debug("held-out losses %s with %s pairs", plain, [len(c) for c in choices])
    members = tuple(one.member for one in judged if one.member is not None)
    if len(members) < len(judged) or len({len(one.with_units) for one in judged}) > 1:
        return Plan(choices[best])
    with_units = np.hstack([one.with_units for one in judged]) @ weight / weight.sum()
    best_with = _simplest(with_units)
    logger.debug("and with a second block %s", with_units)
    # What is judged is one member; the mean of several is better still.
    if wanted or with_units[best_with] - plain[best] < _WORTH_MEMBERS * abs(plain[best]):
        return Plan(choices[max(best, best_with)], members, float(plain[best]))
    return Plan(choices[best])


def _judged(question: _Question, kept: NDArray[np.intp], held: NDArray[np.intp], seed: int) -> _Judged:
    """Every choice of pairs that there is time for, the first in any case, fitted on some rows and judged on others.

    Pairs that are to be judged have to be found without the rows that judge them: where pairs are searched for, the
    choices are sets of as many pairs, found in the rows that are fitted.
    """
    family, settings, features = question.family, question.settings, question.features
    part, rest = question.data.rows(kept), question.data.rows(held)
    mains = Design(features, [], part.columns)
    alone = fit_design(mains, part.y, part.weight, family, expired=question.allowed)
    found = question.choices[-1]
    if settings.interactions == "auto" and len(question.choices) > 1:
        ranked = [pair for pair, _ in candidate_pairs(part, features, alone, family, settings)]
        found = tuple(dict.fromkeys([*settings.forced, *ranked]))
    plain: list[FloatArray] = []
    starts: list[list[FloatArray]] = []
    for choice in question.choices:
        design = with_pairs(features, found[: len(choice)], part.columns)
        if plain and not question.allowed.affords(design.n_rows, design.n_columns):
            break
        fit = alone
        if design.pairs:
            fit = fit_design(design, part.y, part.weight, family, expired=question.allowed)
        plain.append(_held_out(design, fit, rest, family))
        starts.append([np.append(one.penalties, 1.0) for one in fit.fits])
    # Pairs come first where there is little time: units are trained on main effects alone, and may wait.
    units = None
    if question.second_block and len(plain) == len(question.choices) and question.affords_units(len(alone.offset)):
        units = _units(question, mains, alone, part, rest, seed)
    if units is None:
        return _Judged(held, np.array(plain), np.empty((0, len(held))), None)
    with_units: list[FloatArray] = []
    for choice, start in zip(question.choices, starts, strict=True):
        both = replace(with_pairs(features, found[: len(choice)], part.columns), units=units)
        fit = fit_design(both, part.y, part.weight, family, start=start, expired=question.allowed)
        with_units.append(_held_out(both, fit, rest, family))
    return _Judged(held, np.array(plain), np.array(with_units), Member(kept, held, units))


def _units(
    question: _Question, mains: Design, alone: LinearFit, part: TableData, rest: TableData, seed: int
) -> Units | None:
    """Units trained on what the main effects leave.

    Pairs fit the rows they are fitted on closely and would leave little to learn from; units and pairs are weighed
    against each other afterwards, when their coefficients are solved for together.
    """
    assembled = assemble(mains, alone, part.weight, part.names, question.settings.beyond)
    held_raw = replace(mains, columns=rest.columns).apply(alone.coefficients, alone.offset)
    return trained_units(
        Base(assembled, part.columns, part.y, part.weight, alone.raw),
        Base(assembled, rest.columns, rest.y, rest.weight, held_raw),
        question.family,
        question.settings.monotone,
        seed,
        question.allowed,
    )


def _held_out(design: Design, fit: LinearFit, rest: TableData, family: Family) -> FloatArray:
    raw = replace(design, columns=rest.columns).apply(fit.coefficients, fit.offset)
    return family.loss(rest.y, raw)


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
    """Rows kept and rows held out, several times."""
    n = data.n_rows
    order = rng.permutation(n)
    if family.known_noise:
        # Every class in every part.
        order = order[np.argsort(data.y[order], kind="stable")]
    count = min(_FOLDS, n // 2)
    part = np.empty(n, dtype=np.intp)
    part[order] = np.arange(n) % max(count, 1)
    used = next((folds for most, folds in _FOLDS_BY_ROWS if n < most), _FEWEST_FOLDS)
    found = [(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(min(used, count))]
    # Weights may be so different that some rows have all of them.
    return [fold for fold in found if all(data.weight[rows].sum() > 0.0 for rows in fold)]
