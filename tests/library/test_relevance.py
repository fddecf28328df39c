"""Wide tables are narrowed to the columns that matter."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.library.relevance import most_relevant

LAWS = {
    "a line": (lambda x: 3 * x[77] + 2, {77}),
    "a curve without a line in it": (lambda x: x[5] ** 2 - np.cos(2 * x[190]), {5, 190}),
    "a product without main effects": (lambda x: x[17] * x[171], {17, 171}),
    "a weak term beside a strong one": (lambda x: 100 * x[0] + np.abs(x[120]) + 0.5 * x[60] * x[61], {0, 120, 60, 61}),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_columns_of_the_law_are_kept(law, rng):
    function, columns = law
    X = rng.normal(size=(1000, 200))
    kept = most_relevant(X, function(X.T) + 0.01 * rng.normal(size=1000), 10)
    assert len(kept) == 10 and kept == sorted(kept)
    assert columns <= set(kept)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_scales_do_not_matter(size, rng):
    X = rng.normal(size=(500, 40)) * size
    X[:, 3] = size
    assert {7, 9} <= set(most_relevant(X, (X[:, 7] / size) ** 3 * size + X[:, 9], 4))


def test_few_columns_are_all_kept(rng):
    assert most_relevant(rng.normal(size=(20, 3)), rng.normal(size=20), 5) == [0, 1, 2]


def test_a_constant_target_is_no_error(rng):
    assert len(most_relevant(rng.normal(size=(50, 30)), np.ones(50), 4)) == 4
