"""Networks that approach a power without ever reaching it, and the powers that are read from them."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.engines.lies.limits import limit_formula
from closedform.networks import LIESLayout
from closedform.symbolic import Expression, variable

X = np.random.default_rng(0).uniform(-2.0, 2.0, size=(80, 2))
INPUTS = (variable("x"), variable("y"))


def network(layout: LIESLayout, edges: dict[tuple[int, int], float]) -> np.ndarray:
    """Weights from (source, target) pairs; features are x, y, 1, units."""
    weights = np.zeros(layout.n_weights)
    for (source, target), value in edges.items():
        weights[layout.weight(source, target)] = value
    return weights


def formula(layout: LIESLayout, weights: np.ndarray, y: np.ndarray, **options: np.ndarray) -> Expression | None:
    return limit_formula(layout, weights, X, y, INPUTS, **options)


@pytest.mark.parametrize(("kind", "bias"), [("sine", np.pi / 2), ("exp", 0.0), ("log", 3.0)])
def test_a_unit_that_is_nearly_straight_becomes_a_power(kind: str, bias: float) -> None:
    layout = LIESLayout(2, ((kind,),))
    weights = network(layout, {(0, 0): 0.05, (2, 0): bias, (3, 1): -800.0, (1, 1): 1.0, (2, 1): 800.0})

    found = formula(layout, weights, 3.0 * X[:, 0] ** 2 + X[:, 1])

    assert found is not None
    assert found.constants == pytest.approx((1.0, 3.0)) and str(found).count("*") == 4
    np.testing.assert_allclose(found.evaluate(X, names=("x", "y")), 3.0 * X[:, 0] ** 2 + X[:, 1], atol=1e-9)


def test_the_difference_of_two_squares_becomes_a_product() -> None:
    layout = LIESLayout(2, (("sine", "sine"),))
    edges = {(0, 0): 0.1, (1, 0): 0.1, (0, 1): 0.1, (1, 1): -0.1, (2, 0): 1.57, (2, 1): 1.57}
    weights = network(layout, {**edges, (3, 2): -50.0, (4, 2): 50.0})

    found = formula(layout, weights, X[:, 0] * X[:, 1])

    assert found is not None
    assert found.constants == pytest.approx((1.0,)) and str(found).endswith("*x*y")


def test_a_unit_that_uses_its_curve_stays() -> None:
    layout = LIESLayout(2, (("sine", "sine"),))
    weights = network(layout, {(0, 0): 2.0, (1, 1): 0.1, (2, 1): 1.57, (3, 2): 1.0, (4, 2): 100.0})
    y = np.sin(2.0 * X[:, 0]) + X[:, 1] ** 2

    found = formula(layout, weights, y)

    assert found is not None
    np.testing.assert_allclose(found.evaluate(X, names=("x", "y")), y, atol=1e-9)
    assert "sin(2" in str(found) and "cos" not in str(found)


def test_networks_without_such_units_have_no_limit() -> None:
    layout = LIESLayout(2, (("sine", "identity"),))
    weights = network(layout, {(0, 0): 2.0, (1, 1): 1.0, (3, 2): 1.0, (4, 2): 1.0})

    assert formula(layout, weights, X[:, 0]) is None
    assert formula(layout, np.zeros(layout.n_weights), X[:, 0]) is None


def test_rows_without_weight_do_not_count() -> None:
    layout = LIESLayout(2, (("exp",),))
    weights = network(layout, {(0, 0): 0.1, (3, 1): 200.0, (0, 1): -20.0})
    y, counts = X[:, 0] ** 2, np.ones(80)
    y[::5], counts[::5] = 100.0, 0.0

    found = formula(layout, weights, y, sample_weight=counts)

    assert found is not None
    np.testing.assert_allclose(found.evaluate(X, names=("x", "y")), X[:, 0] ** 2, atol=1e-9)
