"""All pairs with torch: the same answers as with NumPy, on the CPU and on a GPU."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.library.select import Selector


def columns_and_target(rng, n_columns: int = 3000):
    """A pool of smooth columns with a copy and a constant among them, and a target made of two of them and noise."""
    matrix = np.cumsum(rng.normal(size=(120, n_columns)), axis=0)
    matrix[:, 7], matrix[:, 8] = 2 * matrix[:, 6], 1.0
    return matrix, matrix[:, 40] - 0.7 * matrix[:, n_columns - 300] + 0.1 * rng.normal(size=120)


class OnTheProcessor(Selector):
    """A selector that takes the way of the GPU, with torch's CPU device."""

    def __init__(self, matrix, always):
        super().__init__(matrix, always, "cuda")

    @property
    def _on_device(self):
        from closedform.library.device_pairs import DevicePairs

        return DevicePairs(self._columns, "cpu")


def assert_same(found, expected):
    assert [one.columns for one in found[:50]] == [one.columns for one in expected[:50]]
    assert [one.unexplained for one in found[:50]] == pytest.approx([one.unexplained for one in expected[:50]])


def test_the_same_pairs_as_with_numpy(rng):
    matrix, target = columns_and_target(rng)
    always = np.ones((120, 1))
    found = OnTheProcessor(matrix, always).pairs(target, 200)
    assert len(found) == 200
    assert found[0].columns == (40, 2700)
    assert_same(found, Selector(matrix, always).pairs(target, 200))


def test_copies_are_no_pair(rng):
    matrix, _ = columns_and_target(rng, 400)
    found = OnTheProcessor(matrix[:, [6, 7, 8]], np.ones((120, 1))).pairs(matrix[:, 6], 5)
    assert found == []


@pytest.mark.gpu
def test_the_same_pairs_on_a_gpu(rng):
    matrix, target = columns_and_target(rng)
    always = np.ones((120, 1))
    found = Selector(matrix, always, "cuda").pairs(target, 200)
    assert_same(found, Selector(matrix, always).pairs(target, 200))
