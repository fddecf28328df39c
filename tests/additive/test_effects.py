"""Effects of a trained network: pure, centred, adding up; and the editing of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from closedform.additive import members
from closedform.additive.assemble import assemble
from closedform.additive.candidates import make_features, with_pairs
from closedform.additive.families import Classes, Squared
from closedform.additive.fit import fit_design
from closedform.additive.model import SECOND_BLOCK
from closedform.additive.second_block import BlockInput
from closedform.additive.table_data import Settings, TableData
from closedform.additive.terms import ColumnFunctions, FunctionValues, MainEffect, PairEffect
from closedform.additive.train import train
from closedform.additive.units import Units, mean_block
from closedform.exceptions import InputError


def data_of(columns, y, n_levels=None, weight=None):
    d = len(columns)
    return TableData(
        list(columns),
        [0] * d if n_levels is None else n_levels,
        [f"x{j}" for j in range(d)],
        np.asarray(y, dtype=float),
        np.ones(len(y)) if weight is None else weight,
    )


def settings(d=3, **rest):
    return Settings(beyond=dict.fromkeys(range(d), "linear"), **rest)


@pytest.fixture(scope="module")
def correlated():
    """A product of correlated columns, which has main parts, and a column of three levels."""
    rng = np.random.default_rng(5)
    a = rng.uniform(0, 2, 1500)
    b = 0.7 * a + rng.uniform(0, 1, 1500)
    c = rng.integers(0, 3, 1500).astype(float)
    y = a * b + np.where(c == 1, a, 0.0) + 0.05 * rng.normal(size=1500)
    data = data_of([a, b, c], y, [0, 0, 3])
    chosen = settings(interactions=0, forced=((0, 1), (0, 2)), second_block=False)
    return data, train(data, Squared(), chosen, np.random.default_rng(0))


def test_effects_have_mean_zero(correlated):
    data, model = correlated
    parts = model.contributions(data.columns)[:, :, 0]
    np.testing.assert_allclose(parts.mean(axis=0), 0.0, atol=1e-8)


def test_pair_effects_have_no_main_parts(correlated):
    data, model = correlated
    pairs = [effect for effect in model.effects if isinstance(effect, PairEffect)]
    assert {effect.columns for effect in pairs} == {(0, 1), (0, 2)}
    for effect in pairs:
        values = model.contributions(data.columns)[:, model.position(effect.name), 0]
        # Orthogonal to every function of either column, to rounding.
        for functions in (effect.first, effect.second):
            basis = functions.basis.values(data.columns[functions.column])
            overlap = basis.T @ values / np.linalg.norm(basis, axis=0)
            np.testing.assert_allclose(overlap, 0.0, atol=1e-4 * np.linalg.norm(values))
        for column in effect.columns:
            x = data.columns[column]
            bins = x if column == 2 else np.digitize(x, np.quantile(x, np.linspace(0, 1, 11)[1:-1]))
            means = [values[bins == one].mean() for one in np.unique(bins)]
            assert np.abs(means).max() < 0.15 * values.std()


def test_purifying_leaves_the_sum_as_it_was(correlated):
    data, _ = correlated
    features = make_features(data)
    design = with_pairs(features, [(0, 1), (0, 2)], data.columns)
    fit = fit_design(design, data.y, data.weight, Squared())
    assembled = assemble(design, fit, data.weight, data.names, dict.fromkeys(range(3), "linear"))
    total = np.tile(assembled.intercept, (data.n_rows, 1))
    values = FunctionValues(data.columns)
    total = total + sum(values.effect(effect) for effect in assembled.effects)
    np.testing.assert_allclose(total, fit.raw, atol=1e-9 * np.abs(fit.raw).max())


def test_the_raw_score_is_the_sum_of_the_contributions(correlated):
    _, model = correlated
    rng = np.random.default_rng(1)
    rows = [rng.uniform(-3, 5, 50), rng.uniform(-3, 5, 50), rng.integers(-1, 3, 50).astype(float)]
    parts = model.contributions(rows)
    assert parts.shape == (50, len(model.effects) + 1, 1)
    np.testing.assert_allclose(model.raw(rows), model.intercept + parts.sum(axis=1), atol=1e-9)


def test_importances_and_shares_are_those_of_the_rows(correlated):
    data, model = correlated
    parts = model.contributions(data.columns)[:, :, 0]
    np.testing.assert_allclose(model.importances, parts.std(axis=0), rtol=1e-8, atol=1e-12)
    total = parts.sum(axis=1)
    np.testing.assert_allclose(model.shares, [np.cov(p, total, bias=True)[0, 1] / total.var() for p in parts.T])
    assert model.shares.sum() == pytest.approx(1.0)


def test_shares_survive_any_scale(correlated):
    _, model = correlated
    for factor in (1e-300, -3.0, 1e300):
        np.testing.assert_allclose(model.scaled(factor, 0.0).shares, model.shares)


def test_editing_changes_the_prediction_by_what_was_shown(correlated):
    data, model = correlated
    parts = model.contributions(data.columns)
    name = model.names[0]
    before = model.raw(data.columns)
    np.testing.assert_allclose(model.without(name).raw(data.columns), before - parts[:, 0], atol=1e-9)
    np.testing.assert_allclose(model.with_factor(name, 2.5).raw(data.columns), before + 1.5 * parts[:, 0], atol=1e-9)
    assert name not in model.without(name).names
    assert model.position("x1 & x0") == model.position("x0 & x1")
    with pytest.raises(InputError, match=r"There is no term 'x9'.*x0"):
        model.without("x9")
    with pytest.raises(InputError, match="no second block"):
        model.without(SECOND_BLOCK)


def test_main_effects_come_first_and_fall(correlated):
    _, model = correlated
    kinds = [isinstance(effect, MainEffect) for effect in model.effects]
    assert kinds == sorted(kinds, reverse=True)
    mains = model.importances[: sum(kinds)]
    assert (np.diff(mains) <= 1e-12).all()


def test_scaling_scales_everything(correlated):
    data, model = correlated
    np.testing.assert_allclose(
        model.scaled(3.0, 7.0).raw(data.columns), 3.0 * model.raw(data.columns) + 7.0, rtol=1e-10
    )


def test_a_second_block_takes_part_in_all_of_it():
    rng = np.random.default_rng(2)
    X = rng.uniform(-1, 1, size=(600, 3))
    y = 1.0 / (0.2 + X.sum(axis=1) ** 2) + 0.01 * rng.normal(size=600)
    data = data_of(X.T, y)
    model = train(data, Squared(), settings(interactions=0, second_block=True), np.random.default_rng(0))
    assert model.second is not None
    columns = list(X.T)
    parts = model.contributions(columns)
    np.testing.assert_allclose(parts.mean(axis=0), 0.0, atol=1e-8)
    np.testing.assert_allclose(model.raw(columns), model.intercept + parts.sum(axis=1), atol=1e-9)
    assert model.importances[-1] > 0
    dropped = model.without(SECOND_BLOCK)
    np.testing.assert_allclose(dropped.raw(columns), model.raw(columns) - parts[:, -1], atol=1e-9)
    halved = model.with_factor(SECOND_BLOCK, 0.5)
    np.testing.assert_allclose(halved.raw(columns), model.raw(columns) - 0.5 * parts[:, -1], atol=1e-9)


def test_more_than_two_classes_have_a_curve_each():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 2))
    y = np.digitize(X[:, 0], [-0.5, 0.5]).astype(float)
    data = data_of(X.T, y)
    model = train(data, Classes(3), settings(2, interactions=0, second_block=False), np.random.default_rng(0))
    parts = model.contributions(list(X.T))
    assert parts.shape == (300, len(model.effects) + 1, 3)
    np.testing.assert_allclose(parts.mean(axis=0), 0.0, atol=1e-8)
    np.testing.assert_allclose(model.raw(list(X.T)), model.intercept + parts.sum(axis=1), atol=1e-9)


def test_beyond_the_range(correlated):
    _, model = correlated
    effect = model.main_effect(0)
    low, high = effect.functions.basis.low, effect.functions.basis.high
    edge = 0.3 * (high - low)

    def at(x, policy):
        functions = replace(effect.functions, beyond=policy)
        moved = replace(effect, functions=functions)
        x = np.array(x)
        return moved.values(x, functions.basis.values(functions.inside(x)))[:, 0]

    inside = at([low, low + edge, high - edge, high], "linear")
    np.testing.assert_allclose(
        at([low - edge, high + edge], "linear"), [2 * inside[0] - inside[1], 2 * inside[3] - inside[2]]
    )
    np.testing.assert_allclose(at([low - 5.0, high + 5.0], "clip"), [inside[0], inside[3]])
    far = np.array([low - 1.0, high + 1.0])
    formula = effect.functions.basis.values(far) @ effect.coefficients[:, 0] + effect.offset[0]
    np.testing.assert_allclose(at(far, "rational"), formula)
    for policy in ("linear", "clip", "rational"):
        assert np.isfinite(at([-1.7e308, 1.7e308, 5e-324], policy)).all()


def test_what_units_say_of_single_columns_and_pairs_is_given_to_the_effects():
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, size=(800, 3))
    y = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2] + 1.0 / (0.3 + X.sum(axis=1) ** 2) + 0.01 * rng.normal(size=800)
    data = data_of(X.T, y)
    model = train(data, Squared(), settings(forced=((1, 2),), second_block=True), np.random.default_rng(0))
    assert model.second is not None
    assert model.second.parts
    left = model.contributions(list(X.T))[:, -1, 0]
    units = model.second.unit_values(FunctionValues(list(X.T)))[:, 0]
    # Polynomials of one column, and the product of the pair, explain much of the units, and nothing of what is left.
    known = np.column_stack([*(X[:, j] ** k for j in range(3) for k in range(5)), X[:, 1] * X[:, 2]])
    shares = [np.var(known @ np.linalg.lstsq(known, part, rcond=None)[0]) / np.var(part) for part in (units, left)]
    assert shares[0] > 0.2
    assert shares[1] < 0.02


def test_members_of_a_second_block_are_one_block():
    rng = np.random.default_rng(4)
    X = rng.uniform(-1, 1, size=(300, 2))
    data = data_of(X.T, 1.0 / (0.2 + X.sum(axis=1) ** 2) + 0.01 * rng.normal(size=300))
    model = train(data, Squared(), settings(2, interactions=0, second_block=True), np.random.default_rng(0))
    block = model.second
    assert block is not None
    parts = [replace(block, bumps=factor * block.bumps) for factor in (0.0, 2.0)]
    values = FunctionValues(list(X.T))
    mean = mean_block([replace(part, parts=()) for part in parts])
    expected = np.mean([part.unit_values(values) for part in parts], axis=0)
    np.testing.assert_allclose(mean.values(values), expected, atol=1e-10)
    # Lines are inputs only once.
    lines = [item.functions.column for item in mean.inputs if item.is_line]
    assert len(lines) == len(set(lines))


def test_units_that_hardly_vary_are_not_blown_up():
    rng = np.random.default_rng(6)
    x = rng.normal(size=200)
    data = data_of([x], x)
    functions = make_features(data)[0]
    line = BlockInput(ColumnFunctions(0, "x0", functions.basis), np.eye(1, functions.basis.size)[0], 0.0, 1.0)
    matrix = np.column_stack([x, np.ones(200)])
    units = Units.of((line,), np.array([[1e-6], [0.0]]), matrix, np.full(200, 1 / 200))
    # An outlier among the rows held out: the unit is one on all others.
    assert np.abs(units.values([np.append(x, 1e12)])).max() <= 100.0 + 1e-6
    assert np.abs(units.block(np.ones((2, 1))).bumps).max() <= 100.0 + 1e-6


def test_a_block_that_leaves_the_range_is_refused(monkeypatch):
    rng = np.random.default_rng(2)
    X = rng.uniform(-1, 1, size=(600, 3))
    data = data_of(X.T, 1.0 / (0.2 + X.sum(axis=1) ** 2) + 0.01 * rng.normal(size=600))
    chosen = settings(interactions=0, second_block=True)
    assert train(data, Squared(), chosen, np.random.default_rng(0)).second is not None
    found = members.fit_members

    def blown_up(*args):
        fit = found(*args)
        return replace(fit, block=fit.block.scaled(1e3))

    monkeypatch.setattr("closedform.additive.train.fit_members", blown_up)
    model = train(data, Squared(), chosen, np.random.default_rng(0))
    assert model.second is None
    assert np.ptp(model.raw(data.columns)) < 2 * np.ptp(data.y)
