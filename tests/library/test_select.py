"""Selections against least squares on every subset of small pools."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from closedform.library.select import Selector

N_ROWS, N_COLUMNS = 40, 9


@pytest.fixture
def always(rng):
    return np.column_stack([np.ones(N_ROWS), rng.normal(size=N_ROWS)])


@pytest.fixture
def matrix(rng):
    """Correlated columns."""
    return rng.normal(size=(N_ROWS, N_COLUMNS)) + rng.normal(size=(N_ROWS, 1))


@pytest.fixture
def target(rng, matrix):
    return matrix @ rng.normal(size=N_COLUMNS) + rng.normal(size=N_ROWS) + 5.0


def unexplained(matrix, always, target, columns):
    """By least squares, relative to the variance of the target."""
    design = np.column_stack([always, matrix[:, list(columns)]])
    residual = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return float(residual @ residual) / float(np.sum((target - target.mean()) ** 2))


def brute_force(matrix, always, target, size):
    """All subsets of one size, best first."""
    sets = itertools.combinations(range(matrix.shape[1]), size)
    return sorted((unexplained(matrix, always, target, columns), columns) for columns in sets)


def assert_same(found, expected):
    assert [tuple(sorted(one.columns)) for one in found] == [columns for _, columns in expected]
    np.testing.assert_allclose([one.unexplained for one in found], [share for share, _ in expected], rtol=1e-9)


def test_singles(matrix, always, target):
    expected = brute_force(matrix, always, target, 1)
    selector = Selector(matrix, always)
    assert_same(selector.singles(target, 4), expected[:4])
    assert_same(selector.singles(target, 100), expected)


def test_pairs(matrix, always, target):
    expected = brute_force(matrix, always, target, 2)
    selector = Selector(matrix, always)
    assert_same(selector.pairs(target, 7), expected[:7])
    assert_same(selector.pairs(target, 100), expected)


def test_a_pair_is_found_wherever_it_stands_in_a_large_pool(rng, always):
    matrix = rng.normal(size=(N_ROWS, 1200))
    selector = Selector(matrix, always)
    for i, j in ((3, 5), (100, 1199), (600, 650), (511, 512), (1100, 1101)):
        best = selector.pairs(2.0 * matrix[:, i] - 0.3 * matrix[:, j] + 7.0, 50)
        assert best[0].columns == (i, j) and best[0].unexplained < 1e-25
        assert len(best) == 50
        assert [one.unexplained for one in best] == sorted(one.unexplained for one in best)


def test_families(matrix, always, target):
    selector = Selector(matrix, always)
    families = [np.array(members) for members in ([0, 3, 4], [1], [2, 5, 6, 7, 8])]
    singles = [min((unexplained(matrix, always, target, (j,)), (int(j),)) for j in members) for members in families]
    assert_same(selector.best_of_families(target, families), sorted(singles))
    pairs = []
    for first, second in itertools.combinations_with_replacement(families, 2):
        both = {tuple(sorted((int(i), int(j)))) for i in first for j in second if i != j}
        pairs += [min((unexplained(matrix, always, target, pair), pair) for pair in both)] if both else []
    assert_same(selector.pairs_of_families(target, families, 100), sorted(pairs))
    assert_same(selector.pairs_of_families(target, families, 2), sorted(pairs)[:2])


def test_a_full_beam_finds_the_best_triples_and_quadruples(matrix, always, target):
    selector = Selector(matrix, always)
    triples = selector.extend(target, selector.pairs(target, 100), width=30, children=N_COLUMNS)
    assert_same(triples[:10], brute_force(matrix, always, target, 3)[:10])
    assert len(triples) == 30
    all_triples = selector.extend(target, selector.pairs(target, 100), width=200, children=N_COLUMNS)
    assert len(all_triples) == 84
    quadruples = selector.extend(target, all_triples, width=10, children=N_COLUMNS)
    assert_same(quadruples, brute_force(matrix, always, target, 4)[:10])


@pytest.mark.parametrize("factor", [1e-200, 1e-30, 1.0, 1e30, 1e200])
def test_the_scale_of_the_target_does_not_matter(matrix, always, target, factor):
    selector = Selector(matrix, always)
    expected = brute_force(matrix, always, target, 1)
    assert_same(selector.singles(factor * target, 5), expected[:5])
    assert_same(selector.pairs(-factor * target, 3), brute_force(matrix, always, target, 2)[:3])


def test_what_is_always_in_explains_by_itself(matrix, always, target):
    selector = Selector(matrix, always)
    assert selector.project(target)[1] == pytest.approx(unexplained(matrix, always, target, ()), rel=1e-12)
    assert selector.project(always @ [3.0, -2.0])[1] == 0.0
    assert selector.project(np.full(N_ROWS, 4.0))[1] == 0.0


def test_columns_that_are_always_in_are_no_news(matrix, always, target):
    doubled = np.column_stack([always[:, 1], matrix, 2.0 * always[:, 1] - 1.0])
    selector = Selector(doubled, always)
    inside = {0, doubled.shape[1] - 1}
    left = selector.project(target)[1]
    families = [np.array([0, 1]), np.array([doubled.shape[1] - 1])]
    found = [
        *selector.singles(target, 20),
        *selector.pairs(target, 50),
        *selector.best_of_families(target, families),
        *selector.pairs_of_families(target, families, 10),
        *selector.extend(target, selector.singles(target, 3), width=50, children=20),
    ]
    assert all(not inside & set(one.columns) and one.unexplained < left for one in found)


def test_equal_columns_never_make_a_pair(matrix, always, target):
    selector = Selector(np.column_stack([matrix, 3.0 * matrix[:, 0] + 1.0]), always)
    twins = {0, N_COLUMNS}
    assert all(set(one.columns) != twins for one in selector.pairs(target, 100))
    families = [np.array(sorted(twins)), np.array([1])]
    assert all(set(one.columns) != twins for one in selector.pairs_of_families(target, families, 10))
    grown = selector.extend(target, selector.singles(target, 10), width=50, children=10)
    assert all(set(one.columns) != twins for one in grown)


def test_an_empty_pool_has_no_selections(always, target):
    selector = Selector(np.empty((N_ROWS, 0)), always)
    assert selector.singles(target, 3) == selector.pairs(target, 3) == selector.pairs_of_families(target, [], 3) == []
    assert selector.best_of_families(target, []) == []


def test_best_singles_of_many_targets_are_those_of_each(rng, matrix, always):
    targets = rng.normal(size=(N_ROWS, 5)) + matrix[:, :5]
    selector = Selector(matrix, always)
    columns, residuals = selector.best_singles(targets)
    for k in range(targets.shape[1]):
        best = brute_force(matrix, always, targets[:, k], 1)[0]
        assert (int(columns[k]),) == best[1]
        left = float(np.sum(residuals[:, k] ** 2) / np.sum((targets[:, k] - targets[:, k].mean()) ** 2))
        assert left == pytest.approx(best[0], rel=1e-9)


def test_where_there_is_no_column_nothing_is_chosen(rng, always):
    columns, residuals = Selector(np.empty((N_ROWS, 0)), always).best_singles(always @ np.array([[2.0], [3.0]]))
    assert columns.tolist() == [-1]
    assert np.abs(residuals).max() < 1e-12
