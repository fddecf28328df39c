"""Training a Rational ANOVA Network on a table: main effects, pairs by what the main effects leave, a second block."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.assemble import Assembled, assemble
from closedform.additive.candidates import MOST_FEATURES, candidate_pairs, make_features, relevant_features, with_pairs
from closedform.additive.decide import Plan, decide
from closedform.additive.design import Design, Feature
from closedform.additive.ends import kept_slopes
from closedform.additive.exact import assemble_law, exact_law
from closedform.additive.families import Family
from closedform.additive.fit import FEWEST_BAGS, LinearFit, bagged, fit_design
from closedform.additive.members import MembersFit, centred_block, fit_members
from closedform.additive.model import AdditiveModel
from closedform.additive.monotone import constrained, repaired
from closedform.additive.pace import Allowance, Pace, rows_to_decide, rows_to_screen
from closedform.additive.second_block import SecondBlock
from closedform.additive.stop import Stop
from closedform.additive.table_data import Settings, TableData

logger = logging.getLogger(__name__)

FloatArray: TypeAlias = NDArray[np.float64]

# Share of the time for what comes after the last fit, and the largest share for that fit.
_RESERVE = 0.05
_LAST_FIT = 0.5
# Columns of a design with pairs, as a multiple of those of main effects alone: a guess, before pairs are known.
_WITH_PAIRS = 1.2
_NOTHING_KEPT: dict[int, tuple[float, float]] = {}


def train(
    data: TableData,
    family: Family,
    settings: Settings,
    rng: np.random.Generator,
    stop: Stop | None = None,
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
    stop : Stop, optional
        When the time is up, what is not yet decided is left out; after an interruption, all that is not yet there. The
        main effects are the least that a model has: an interruption before they are there is passed on.
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
    return _trained(scaled, features, family, settings, rng, stop or Stop()).scaled(scale, shift)


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


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A design with its coefficients, and the rows they were fitted to."""

    data: TableData
    design: Design
    fit: LinearFit


def _trained(
    data: TableData,
    features: list[Feature],
    family: Family,
    settings: Settings,
    rng: np.random.Generator,
    stop: Stop,
) -> AdditiveModel:
    # Very many columns are not all taken, see below.
    few = rows_to_decide(data, Design(features[:MOST_FEATURES], [], data.columns), family, rng, stop)
    if len(features) > MOST_FEATURES:
        features = relevant_features(rows_to_screen(few, len(features), stop), features, family, settings)
    mains = Design(features, [], few.columns)
    stop.begin("main effects")
    pace, alone = Pace.of(mains, lambda: fit_design(mains, few.y, few.weight, family, expired=stop))
    reserve = _RESERVE * stop.left() if math.isfinite(stop.left()) else 0.0
    n_fits = 1 + settings.n_bags
    held_back = min(n_fits * pace.cost(data.n_rows, _WITH_PAIRS * mains.n_columns), _LAST_FIT * stop.left())

    def planned() -> Plan:
        stop.begin("pairs")
        ranked = candidate_pairs(few, features, alone, family, settings)
        return decide(few, features, ranked, family, settings, rng, Allowance(stop, pace, reserve + held_back))

    plan = stop.attempt(planned, Plan(()))
    kept = stop.attempt(lambda: kept_slopes(mains, alone, few, family, settings.beyond, stop), _NOTHING_KEPT)
    last = Allowance(stop, pace, reserve)
    members = stop.attempt(lambda: _members(few, features, plan, family, settings, last), None)
    second = members if members is not None and (members.pays or settings.second_block is True) else None
    fitted = _Fitted(few, mains, alone)
    if members is not None and few is data:
        fitted = _Fitted(few, members.design, members.fit)
    elif plan.pairs or few is not data:
        divided = last.divided(n_fits)
        fitted = stop.attempt(lambda: _last_fit(data, few, features, plan, family, divided, second), fitted)
    design, fit, data = fitted.design, fitted.fit, fitted.data
    if settings.n_bags:
        base = second.rest(data.columns) if second is not None else 0.0
        fit = stop.attempt(lambda: _bagged(fitted, family, settings, rng, last, base), fit)
    if settings.monotone:
        fit = constrained(design, fit, settings.monotone)
    assembled = assemble(design, fit, data.weight, data.names, settings.beyond, settings.forced, kept)
    assembled = repaired(assembled, settings.monotone)
    block = None
    if second is not None:
        block, mean = centred_block(second, assembled, data, settings.beyond)
        assembled = replace(assembled, intercept=assembled.intercept + mean)
    logger.info(
        "%d main effects, %d pairs%s", len(features), len(design.pairs), ", second block" if block is not None else ""
    )
    return finished(assembled, block, data)


def _members(
    data: TableData, features: list[Feature], plan: Plan, family: Family, settings: Settings, allowed: Allowance
) -> MembersFit | None:
    """Effects and second block of the members that were planned, if any."""
    if not plan.members:
        return None
    allowed.stop.begin("second block")
    design = with_pairs(features, plan.pairs, data.columns)
    found = fit_members(design, plan.members, data, family, settings.monotone, allowed)
    if not found.stays_in_range(data, family):
        logger.info("no second block: it would predict training rows far outside the target")
        return None
    return found if settings.second_block is True or found.better_than(plan.loss) else None


def _last_fit(
    data: TableData,
    few: TableData,
    features: list[Feature],
    plan: Plan,
    family: Family,
    allowed: Allowance,
    second: MembersFit | None = None,
) -> _Fitted:
    """What was decided, fitted to all rows, or to as many as there is time for; beside a second block, if any."""
    allowed.stop.begin("all effects")
    design = with_pairs(features, plan.pairs, data.columns)
    n_rows = allowed.pace.rows(allowed.left(), design.n_columns)
    if n_rows < data.n_rows:
        step = math.ceil(data.n_rows / max(n_rows, few.n_rows))
        logger.info("max_time allows a fit to one row of %d", step)
        data = data.rows(np.arange(0, data.n_rows, step)) if data.n_rows // step > few.n_rows else few
        design = with_pairs(features, plan.pairs, data.columns)
    base = second.rest(data.columns) if second is not None else 0.0
    return _Fitted(data, design, fit_design(design, data.y, data.weight, family, base=base, expired=allowed.stop))


def _bagged(
    fitted: _Fitted,
    family: Family,
    settings: Settings,
    rng: np.random.Generator,
    allowed: Allowance,
    base: FloatArray | float,
) -> LinearFit:
    data, jobs = fitted.data, settings.n_jobs
    if not allowed.affords(FEWEST_BAGS * data.n_rows, fitted.design.n_columns):
        logger.info("max_time leaves no time for bags")
        return fitted.fit
    allowed.stop.begin(f"{settings.n_bags} bags")
    # The clock is asked after each bag: what one takes has to be left for the next.
    each = Allowance(
        allowed.stop, allowed.pace, allowed.held_back + allowed.pace.cost(data.n_rows, fitted.design.n_columns)
    )
    count, rows = settings.n_bags, (data.y, data.weight)
    return bagged(fitted.design, *rows, family, fitted.fit, count, rng, base=base, n_jobs=jobs, expired=each)


def _counting(data: TableData) -> TableData:
    """The rows that have weight, and their mean weight 1; the columns that have values there."""
    rows = np.flatnonzero(data.weight > 0)
    if len(rows) == data.n_rows:
        return data
    part = data.rows(rows)
    empty = [levels == 0 and bool(np.isnan(x).all()) for x, levels in zip(part.columns, data.n_levels, strict=True)]
    n_levels = [-1 if nothing else levels for nothing, levels in zip(empty, data.n_levels, strict=True)]
    return replace(part, n_levels=n_levels, weight=part.weight / part.weight.mean())


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
