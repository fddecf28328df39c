"""Targets over a power: there and back."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.library.pool import build
from closedform.screening.multiplied import common_factors
from closedform.screening.view import View


def make_view(rng, **columns):
    X = np.column_stack(list(columns.values()))
    return View(X, rng.normal(size=len(X)), tuple(("var", name) for name in columns), columns)


@pytest.mark.parametrize("d", [1, 2, 4])
def test_there_and_back(d, rng):
    view = make_view(rng, **{f"x{j}": rng.uniform(0.5, 2, 30) for j in range(d)})
    links = common_factors(view)
    assert len(links) == d * (10 if d <= 2 else 2)
    for link in links:
        z = link.forward(view.y)
        whole = build(link.outer(("var", "z")))
        np.testing.assert_allclose(whole.evaluate({**view.source, "z": z}), view.y, rtol=1e-12)
        # The weight of an error in z is what it makes of y.
        moved = whole.evaluate({**view.source, "z": z + 1e-3})
        np.testing.assert_allclose(np.abs(moved - view.y), 1e-3 * link.slope(view.y), rtol=1e-9)


def test_only_powers_that_exist(rng):
    view = make_view(rng, negative=rng.uniform(-2, -1, 30), mixed=rng.uniform(-1, 1, 30))
    found = [str(build(link.outer(1))) for link in common_factors(view)]
    assert found and not any("mixed" in text or "/2)" in text for text in found)
