"""A second block of several members: fits to different rows, each with units of its own, and their mean."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.assemble import Assembled, assemble
from closedform.additive.decide import Member
from closedform.additive.design import Design
from closedform.additive.families import Binary, Classes, Family, Squared
from closedform.additive.fewer_units import with_shared_inputs, without_idle
from closedform.additive.fit import LinearFit, fit_design
from closedform.additive.second_block import SecondBlock
from closedform.additive.table_data import TableData
from closedform.additive.terms import FormulaEffect, FunctionValues, MainEffect, PairEffect
from closedform.additive.units import mean_block

logger = logging.getLogger(__name__)

FloatArray: TypeAlias = NDArray[np.float64]


# What the units add beyond effects is kept if it lowers the held-out loss by this share.
_SMALLEST_GAIN = 0.01
# And members are worth having at all if their mean does so by this share.
_SMALLEST_GAIN_OF_MEMBERS = 0.02
# What one member has switched off may be of use to the next.
_LARGEST_PENALTY = 1e6


@dataclass(frozen=True, eq=False)
class MembersFit:
    """The mean of the fits of all members.

    Parameters
    ----------
    fit : LinearFit
        Of the effects, with what the units say of single columns and pairs.
    said : LinearFit
        What that is.
    block : SecondBlock
        The units.
    design : Design
        Of the effects, on the rows that were fitted.
    losses : tuple of float
        Mean held-out loss of the mean of the members, estimated: with the units, and with what effects say of them.
    """

    fit: LinearFit
    said: LinearFit
    block: SecondBlock
    design: Design
    losses: tuple[float, float]

    def better_than(self, loss: float) -> bool:
        """Whether the mean of the members is better, with units or without, than fits with this held-out loss."""
        # Units that say nothing leave the mean of fits to fewer rows, which is worse than one fit to all of them.
        says = bool(self.block.bumps.any() or self.block.steps.any())
        return says and loss - min(self.losses) > _SMALLEST_GAIN_OF_MEMBERS * abs(loss)

    def stays_in_range(self, data: TableData, family: Family) -> bool:
        """Whether the predictions for the rows are numbers, none further outside the target than the target is wide."""
        raw = self.fit.raw + self.rest(data.columns)
        if not np.isfinite(raw).all():
            return False
        if isinstance(family, Binary | Classes):
            # Probabilities stay between 0 and 1.
            return True
        with np.errstate(over="ignore"):
            predicted = family.predict(raw)
        low, high = float(data.y.min()), float(data.y.max())
        return bool(predicted.min() >= 2 * low - high and predicted.max() <= 2 * high - low)

    @property
    def pays(self) -> bool:
        """Whether the units are worth keeping beside the effects."""
        with_units, without = self.losses
        return without - with_units > _SMALLEST_GAIN * abs(without)

    def rest(self, columns: Sequence[FloatArray]) -> FloatArray:
        """The units on some rows, less what the effects say of them."""
        said = replace(self.design, columns=columns).apply(self.said.coefficients, self.said.offset)
        return self.block.values(FunctionValues(columns)) - said


@dataclass(frozen=True, eq=False)
class _MemberFit:
    """One member: effects, units, and what effects say of the units; raw scores of all rows with either."""

    fit: LinearFit
    said: LinearFit
    block: SecondBlock
    with_units: FloatArray
    without: FloatArray
    penalties: Sequence[FloatArray]


def fit_members(
    design: Design,
    members: Sequence[Member],
    data: TableData,
    family: Family,
    left_out: Collection[int],
    expired: Callable[[], bool],
) -> MembersFit:
    """Effects and units of each member, fitted together to the rows that its units were trained on, and averaged.

    All of them share the functions of the design, so that their mean has no more effects than one of them: the bagging
    of Breiman 1996 (doi:10.1007/BF00058655) over rows and first weights. Units hold main effects and pair effects, too:
    these are taken out of them and given to the effects, and often nothing that matters remains.

    Parameters
    ----------
    design : Design
        Of the effects, on all rows.
    members : sequence of Member
        At least one.
    data : TableData
        All rows.
    family : Family
        The loss.
    left_out : collection of int
        Columns of the table that are no inputs of the units.
    expired : callable
        Asked after each member; those not reached are left out.
    """
    found: list[_MemberFit] = []
    shared = with_shared_inputs([member.units for member in members], data)
    members = [replace(member, units=units) for member, units in zip(members, shared, strict=True)]
    for member in members:
        if found and expired():
            break
        found.append(_fit_member(design, member, data, family, found[-1] if found else None, left_out, expired))
    block = mean_block([one.block for one in found])
    fit, said = (_mean(fits, design) for fits in ([one.fit for one in found], [one.said for one in found]))
    coefficients = fit.coefficients + said.coefficients
    parts = [replace(one, coefficients=coefficients[:, k]) for k, one in enumerate(fit.fits)]
    whole = LinearFit(fit.offset + said.offset, coefficients, parts, fit.raw + said.raw)
    losses = (
        _estimated(members, data, family, [one.with_units for one in found]),
        _estimated(members, data, family, [one.without for one in found]),
    )
    logger.info("second block: %d members; held-out loss %g, without its units %g", len(found), *losses)
    return MembersFit(whole, said, block, design, losses)


def _estimated(members: Sequence[Member], data: TableData, family: Family, raws: Sequence[FloatArray]) -> float:
    """Mean loss of the mean of the members on new rows.

    Every row is held out from one member, whose loss is that of a single one. The mean is better by as much as the
    members differ (Krogh and Vedelsby 1995), which shows on rows that they were fitted to as well, if less.
    """
    losses = [family.loss(data.y, raw) for raw in raws]
    differ = np.mean(losses, axis=0) - family.loss(data.y, np.mean(raws, axis=0))
    held = [member.held for member in members[: len(raws)]]
    single = np.concatenate([loss[rows] for loss, rows in zip(losses, held, strict=True)])
    rows = np.concatenate(held)
    return float(np.average(single - differ[rows], weights=data.weight[rows]))


def _fit_member(
    design: Design,
    member: Member,
    data: TableData,
    family: Family,
    before: _MemberFit | None,
    left_out: Collection[int],
    expired: Callable[[], bool],
) -> _MemberFit:
    part = data.rows(member.rows)
    both = replace(design, columns=part.columns, units=member.units)
    # The search for penalties begins with those of the member before.
    start = None if before is None else before.penalties
    fit = fit_design(both, part.y, part.weight, family, start=start, expired=expired)
    own = both.slices()[-1]
    penalties = [np.minimum(one.penalties, _LARGEST_PENALTY) for one in fit.fits]
    held_out_loss = _held_out_loss(both, member, data, family)
    fit, kept = without_idle(fit, own.start, _means(both, fit, part, family), held_out_loss)
    units, n_units = member.units.some(kept), len(member.units) // 2
    coefficients = fit.coefficients[own][np.concatenate([kept, kept + n_units])]
    block, effects = units.block(coefficients), _of_effects(fit, own.start)
    raw = block.values(FunctionValues(part.columns))
    said = _said(replace(design, columns=part.columns), raw, part.weight, left_out, expired)
    plain = design.apply(effects.coefficients, effects.offset)
    with_units = plain + block.values(FunctionValues(data.columns))
    without = plain + design.apply(said.coefficients, said.offset)
    return _MemberFit(effects, said, block, with_units, without, penalties)


def _means(design: Design, fit: LinearFit, part: TableData, family: Family) -> list[FloatArray]:
    """Mean of each column of a design, for each output, with the weights that its rows had in the last step."""
    working, _ = family.working(part.y, fit.raw)
    weight = part.weight[:, None] * working
    total = sum(chunk.T @ weight[rows] for rows, chunk in design.chunks())
    return list((total / weight.sum(axis=0)).T)


def _held_out_loss(
    design: Design, member: Member, data: TableData, family: Family
) -> Callable[[FloatArray, FloatArray], float]:
    """The mean loss of the rows that a member holds out, as a function of coefficients and offsets of its design."""
    rest = data.rows(member.held)
    held = replace(design, columns=rest.columns)

    def loss(coefficients: FloatArray, offset: FloatArray) -> float:
        return float(np.average(family.loss(rest.y, held.apply(coefficients, offset)), weights=rest.weight))

    return loss


def _of_effects(fit: LinearFit, count: int) -> LinearFit:
    """The first so many coefficients of a fit, and all penalties but that of the units, which is the last."""
    parts = [
        replace(
            one,
            coefficients=one.coefficients[:count],
            covariance=one.covariance[:count, :count],
            penalties=one.penalties[:-1],
            freedom=one.freedom[:-1],
        )
        for one in fit.fits
    ]
    return LinearFit(fit.offset, fit.coefficients[:count], parts, fit.raw)


def _mean(fits: Sequence[LinearFit], design: Design) -> LinearFit:
    coefficients = np.mean([fit.coefficients for fit in fits], axis=0)
    offset = np.mean([fit.offset for fit in fits], axis=0)
    parts = []
    for k, one in enumerate(fits[0].fits):
        # As uncertain as one of them: they share most of their rows.
        covariance = np.mean([fit.fits[k].covariance for fit in fits], axis=0)
        parts.append(replace(one, coefficients=coefficients[:, k], covariance=covariance))
    return LinearFit(offset, coefficients, parts, design.apply(coefficients, offset))


def _said(
    design: Design, raw: FloatArray, weight: FloatArray, left_out: Collection[int], expired: Callable[[], bool]
) -> LinearFit:
    """What effects can say of the units: what these add to single columns and pairs belongs there.

    Columns that are no inputs of the units get nothing of it; they are in no pair.
    """
    stays = [feature.column not in left_out for feature in design.features]
    place = np.cumsum(stays) - 1
    features = [feature for feature, is_in in zip(design.features, stays, strict=True) if is_in]
    pairs = [replace(p, first=int(place[p.first]), second=int(place[p.second])) for p in design.pairs]
    part = Design(features, pairs, design.columns)
    on = [*stays, *([True] * len(pairs))]
    where = np.repeat(on, [one.stop - one.start for one in design.slices()])
    offset, coefficients = np.zeros(raw.shape[1]), np.zeros((design.n_columns, raw.shape[1]))
    fits = [fit_design(part, raw[:, k], weight, Squared(), expired=expired) for k in range(raw.shape[1])]
    for k, fit in enumerate(fits):
        offset[k], coefficients[where, k] = fit.offset[0], fit.coefficients[:, 0]
    return LinearFit(offset, coefficients, [fit.fits[0] for fit in fits], np.hstack([fit.raw for fit in fits]))


def centred_block(
    members: MembersFit, assembled: Assembled, data: TableData, beyond: Mapping[int, str]
) -> tuple[SecondBlock, FloatArray]:
    """The units less what the effects say of them, and less their mean over the training rows; and that mean."""
    functions = {item.column: item for item in (*assembled.functions, *assembled.others)}
    inputs = tuple(replace(item, functions=functions[item.functions.column]) for item in members.block.inputs)
    held = {column: "rational" if policy == "rational" else "clip" for column, policy in beyond.items()}
    said = assemble(replace(members.design, columns=data.columns), members.said, data.weight, data.names, held)
    parts: list[MainEffect | PairEffect] = []
    for effect in said.effects:
        part = effect.scaled(-1.0)
        if isinstance(part, MainEffect):
            # Nobody looks at its errors.
            part = replace(part, grid=np.empty(0), standard_error=np.empty((0, part.offset.size)))
        if not isinstance(part, FormulaEffect):
            parts.append(part)
    mean: FloatArray = np.average(members.rest(data.columns), weights=data.weight, axis=0)
    offset = members.block.offset - said.intercept - mean
    return replace(members.block, inputs=inputs, offset=offset, parts=tuple(parts)), mean
