"""Units that add nothing are left out of a second block, and members share what is the same in their inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closedform.additive.basis import numeric_basis
from closedform.additive.fewer_units import with_shared_inputs, without_idle
from closedform.additive.fit import LinearFit
from closedform.additive.second_block import BlockInput, input_matrix
from closedform.additive.table_data import TableData
from closedform.additive.terms import ColumnFunctions, FunctionValues
from closedform.additive.units import Units, mean_block
from closedform.training.evidence import Moments, fit_by_evidence


def solved(Z, y, block):
    mean = Z.mean(axis=0)
    centred, target = Z - mean, y - y.mean()
    moments = Moments(centred.T @ centred, centred.T @ target, float(target @ target), len(y))
    # With known penalties, so that leaving columns out can be compared with solving without them.
    fit = fit_by_evidence(moments, block, start=np.ones(block.max() + 1), max_iter=1, fixed_noise=0.01)
    fit = replace(fit, coefficients=np.linalg.solve(moments.gram + np.eye(len(mean)), moments.cross))
    fit = replace(fit, covariance=0.01 * np.linalg.inv(moments.gram + np.eye(len(mean))))
    offset = np.array([y.mean() - mean @ fit.coefficients])
    return LinearFit(offset, fit.coefficients[:, None], [fit], (Z @ fit.coefficients)[:, None] + offset), mean


def test_units_without_use_go_and_the_rest_is_solved_as_if_they_had_never_been():
    rng = np.random.default_rng(0)
    # One effect, then the bumps and the steps of three units, of which the second does nothing.
    Z = rng.normal(size=(300, 7)) + 0.5
    y = Z @ np.array([1.0, 2.0, 0.0, -1.0, 0.5, 0.0, 1.0]) + 0.1 * rng.normal(size=300)
    fit, mean = solved(Z, y, np.zeros(7, dtype=np.intp))
    pruned, kept = without_idle(fit, 1, [mean], lambda *_: 1.0)
    np.testing.assert_array_equal(kept, [0, 2])
    rest = [0, 1, 3, 4, 6]
    expected, _ = solved(Z[:, rest], y, np.zeros(5, dtype=np.intp))
    np.testing.assert_allclose(pruned.coefficients[rest], expected.coefficients, rtol=1e-8)
    np.testing.assert_allclose(pruned.offset, expected.offset, rtol=1e-8)
    np.testing.assert_allclose(pruned.fits[0].covariance[np.ix_(rest, rest)], expected.fits[0].covariance, rtol=1e-6)
    np.testing.assert_array_equal(pruned.coefficients[[2, 5]], 0.0)


def test_units_that_held_out_rows_need_stay():
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(200, 7))
    fit, mean = solved(Z, 1e-3 * Z[:, 2] + 0.1 * rng.normal(size=200), np.zeros(7, dtype=np.intp))
    _, kept = without_idle(fit, 1, [mean], lambda c, _: 1.0 + float(c[2, 0] == 0.0))
    assert 1 in kept


def test_members_share_the_curves_that_are_the_same_and_their_sums_hardly_change():
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, size=500)
    basis = numeric_basis(x, 4, 4)
    functions = ColumnFunctions(0, "x", basis)
    values = FunctionValues([x])
    data = TableData([x], [0], ["x"], np.zeros(500), np.ones(500))

    def curve(coefficients):
        raw = basis.values(x) @ coefficients
        return BlockInput(functions, coefficients, float(raw.mean()), float(raw.std()))

    first = np.zeros(basis.size)
    first[2:5] = 1.0, -2.0, 1.5
    other = np.zeros(basis.size)
    other[0] = 1.0
    other[3] = 0.3
    members = []
    for coefficients in (first, 1.02 * first + 0.01 * other, other):
        inputs = (curve(coefficients),)
        weights = np.array([[1.0, -0.5], [0.2, 0.1]])
        members.append(Units.of(inputs, weights, input_matrix(inputs, values), np.full(500, 1 / 500)))
    shared = with_shared_inputs(members, data)
    assert shared[1].inputs[0] is shared[0].inputs[0]
    assert shared[2].inputs[0] is not shared[0].inputs[0]
    for before, after in zip(members, shared, strict=True):
        np.testing.assert_allclose(after.values([x]), before.values([x]), atol=0.1)
    blocks = [units.block(np.ones((4, 1))) for units in shared]
    mean = mean_block(blocks)
    assert len(mean.inputs) == 2
    np.testing.assert_allclose(mean.values(values), np.mean([b.values(values) for b in blocks], axis=0), atol=1e-10)


def test_some_of_the_units_keep_their_values_and_only_inputs_that_they_use():
    rng = np.random.default_rng(3)
    columns = list(rng.normal(size=(2, 100)))
    inputs = []
    for column, x in enumerate(columns):
        basis = numeric_basis(x, 2, 0)
        inputs.append(BlockInput(ColumnFunctions(column, f"x{column}", basis), np.eye(1, basis.size)[0], 0.0, 1.0))
    weights = np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 2.0], [0.1, 0.2, 0.3]])
    matrix = input_matrix(inputs, FunctionValues(columns))
    units = Units.of(tuple(inputs), weights, matrix, np.full(100, 0.01))
    some = units.some(np.array([0, 1]))
    assert [item.functions.column for item in some.inputs] == [0]
    np.testing.assert_allclose(some.values(columns), units.values(columns)[:, [0, 1, 3, 4]], atol=1e-12)
