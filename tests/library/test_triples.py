"""Triples and pairs that are best out of all: against the plain loop, and where no column helps by itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from closedform.library.select import Selector


def left_by(columns, target):
    """Share of the variance that least squares with a constant leaves."""
    design = np.column_stack([np.ones(len(target)), columns])
    rest = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return rest @ rest / np.sum((target - target.mean()) ** 2)


def test_the_best_triples_are_those_of_the_plain_loop(rng):
    matrix, target = np.cumsum(rng.normal(size=(60, 9)), axis=0), np.cumsum(rng.normal(size=60))
    every = {key: left_by(matrix[:, key], target) for key in itertools.combinations(range(9), 3)}
    found = Selector(matrix, np.ones((60, 1))).triples(target, 5, 9)
    assert [one.columns for one in found] == sorted(every, key=every.get)[:5]
    assert [one.unexplained for one in found] == pytest.approx(sorted(every.values())[:5])


def test_three_columns_of_which_no_two_help_are_found(rng):
    matrix = rng.normal(size=(100, 40))
    # What these three make together is small beside each of them.
    matrix[:, 30] = matrix[:, 10] + matrix[:, 20] + 1e-3 * matrix[:, 30]
    target = matrix[:, 30] - matrix[:, 10] - matrix[:, 20]
    selector = Selector(matrix, np.ones((100, 1)))
    best = selector.triples(target, 3, 40)[0]
    assert best.columns == (10, 20, 30)
    assert best.unexplained < 1e-18


def test_copies_and_constants_are_no_triple(rng):
    column = rng.normal(size=50)
    matrix = np.column_stack([column, 2 * column, np.ones(50), rng.normal(size=50)])
    assert Selector(matrix, np.ones((50, 1))).triples(column + matrix[:, 3], 4, 4) == []


def test_the_best_pair_of_each_target(rng):
    matrix = rng.normal(size=(80, 12))
    targets = np.column_stack([matrix[:, 3] - 2 * matrix[:, 7], matrix[:, 11] + matrix[:, 0], rng.normal(size=80)])
    found = Selector(matrix, np.ones((80, 1))).best_pair_of_each(targets, 12)
    assert [one.columns for one in found[:2]] == [(3, 7), (0, 11)]
    assert max(one.unexplained for one in found[:2]) < 1e-25
    every = [left_by(matrix[:, key], targets[:, 2]) for key in itertools.combinations(range(12), 2)]
    assert found[2].unexplained == pytest.approx(min(every))


def test_columns_beyond_those_asked_for_are_left_alone(rng):
    matrix = rng.normal(size=(50, 6))
    target = matrix[:, 1] + matrix[:, 5]
    selector = Selector(matrix, np.ones((50, 1)))
    assert selector.best_pair_of_each(target[:, None], 5)[0].unexplained > 0.1
    assert all(max(one.columns) < 5 for one in selector.triples(target, 4, 5))
