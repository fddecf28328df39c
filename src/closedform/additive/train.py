"""Training a Rational ANOVA Network on a table: main effects, pairs by what the main effects leave, a second block."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.assemble import Assembled, assemble
from closedform.additive.candidates import MOST_FEATURES, candidate_pairs, make_features, relevant_features, with_pairs
from closedform.additive.decide import Plan, decide
from closedform.additive.design import Design, Feature
from closedform.additive.exact import assemble_law, exact_law
from closedform.additive.families import Family
from closedform.additive.fit import LinearFit, bagged, fit_design
from closedform.additive.model import AdditiveModel
from closedform.additive.monotone import constrained, repaired
from closedform.additive.second_block import SecondBlock
from closedform.additive.second_training import Base, train_second_block
from closedform.additive.stop import Stop
from closedform.additive.table_data import Settings, TableData

logger = logging.getLogger(__name__)

FloatArray: TypeAlias = NDArray[np.float64]


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


def _trained(
    data: TableData,
    features: list[Feature],
    family: Family,
    settings: Settings,
    rng: np.random.Generator,
    stop: Stop,
) -> AdditiveModel:
    if len(features) > MOST_FEATURES:
        features = relevant_features(data, features, family, settings)
    mains = Design(features, [], data.columns)
    alone = fit_design(mains, data.y, data.weight, family, expired=stop)

    def planned() -> Plan:
        ranked = candidate_pairs(data, features, alone, family, settings)
        return decide(data, features, ranked, family, settings, rng, stop)

    def with_planned_pairs() -> tuple[Design, LinearFit]:
        design = with_pairs(features, plan.pairs, data.columns)
        return design, fit_design(design, data.y, data.weight, family, expired=stop)

    plan = stop.attempt(planned, Plan((), None))
    design, fit = stop.attempt(with_planned_pairs, (mains, alone)) if plan.pairs else (mains, alone)
    if settings.n_bags:
        one = fit
        fit = stop.attempt(lambda: bagged(design, data.y, data.weight, family, one, settings.n_bags, rng), one)
    if settings.monotone:
        fit = constrained(design, fit, settings.monotone)
    assembled = assemble(design, fit, data.weight, data.names, settings.beyond, settings.forced)
    assembled = repaired(assembled, settings.monotone)
    base = Base(assembled, data.columns, data.y, data.weight, fit.raw)
    second = None
    if (block := plan.second) is not None:
        second = stop.attempt(lambda: train_second_block(base, block, family, settings.monotone, rng, stop), None)
    logger.info(
        "%d main effects, %d pairs%s", len(features), len(design.pairs), ", second block" if second is not None else ""
    )
    return finished(assembled, second, data)


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
