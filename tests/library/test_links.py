"""Outer units: there and back, slopes, and where they can be used."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.engines.base import DEFAULT_OPERATORS
from closedform.library.links import LINKS, usable_links
from closedform.library.pool import build

# Targets that each link is defined on, away from the ends where slopes are cut off.
TARGETS = {
    "y": [-3.0, -0.5, 0.0, 2.5],
    "log y": [0.02, 0.7, 1.0, 30.0],
    "1/y": [0.1, 0.5, 2.0, 40.0],
    "y^2": [0.2, 0.9, 1.4, 12.0],
    "1/y^2": [0.2, 0.9, 1.4, 12.0],
    "y^3": [0.2, 0.9, 1.4, 12.0],
    "sqrt y": [0.2, 0.9, 1.4, 12.0],
    "exp y": [-2.0, 0.0, 0.5, 3.0],
    "sin y": [-1.2, 0.0, 0.4, 1.3],
    "cos y": [0.3, 1.0, 2.0, 2.9],
    "asin y": [-0.9, 0.0, 0.3, 0.95],
    "tan y": [-1.3, 0.0, 0.2, 1.2],
    "atanh y": [-0.9, 0.0, 0.3, 0.99],
}

each_link = pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)


@each_link
def test_there_and_back(link):
    y = np.array(TARGETS[link.name])
    assert link.defined(y)
    back = build(link.outer(("var", "z"))).evaluate({"z": link.forward(y)})
    np.testing.assert_allclose(back, y, rtol=1e-12, atol=1e-15)


@each_link
def test_the_slope_is_that_of_the_outer_unit(link):
    y = np.array(TARGETS[link.name])
    z, outer = link.forward(y), build(link.outer(("var", "z")))
    step = 1e-6 * np.maximum(1e-2, np.abs(z))
    difference = (outer.evaluate({"z": z + step}) - outer.evaluate({"z": z - step})) / (2 * step)
    np.testing.assert_allclose(link.slope(y), np.abs(difference), rtol=1e-6)


def names(y, operators=DEFAULT_OPERATORS):
    return [link.name for link in usable_links(np.asarray(y, dtype=float), frozenset(operators))]


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([0.1, 0.2, 0.9], set(TARGETS)),
        ([0.0, 0.2, 0.9], set(TARGETS) - {"log y", "1/y", "1/y^2", "y^3"}),
        ([-0.9, 0.2, 0.9], {"y", "exp y", "sin y", "asin y", "tan y", "atanh y"}),
        ([-3.0, -2.0, -0.1], {"y", "1/y", "exp y"}),
        ([0.5, 1.0], set(TARGETS) - {"atanh y"}),
        ([0.0, np.pi], {"y", "y^2", "sqrt y", "exp y", "cos y"}),
        ([5.0, 7.0, 70.0], {"y", "log y", "1/y", "y^2", "1/y^2", "sqrt y", "y^3"}),
        ([-40.0, 0.0, 50.0], {"y"}),
        ([3.0, 3.0, 3.0], set()),
        ([0.0, 0.0], set()),
    ],
)
def test_which_are_usable_depends_on_the_target(y, expected):
    assert set(names(y)) == expected


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e170, 1e300])
def test_links_that_leave_the_range_of_numbers_are_left_out(size):
    y = size * np.array([1.0, 2.0, 3.0])
    for link in usable_links(y, DEFAULT_OPERATORS):
        back = build(link.outer(("var", "z"))).evaluate({"z": link.forward(y)})
        np.testing.assert_allclose(back, y, rtol=1e-9)


def test_only_allowed_operators():
    y = [0.1, 0.2, 0.9]
    assert names(y, ()) == ["y", "sqrt y"]
    assert names(y, ("exp", "tanh")) == ["y", "log y", "sqrt y", "atanh y"]
    assert names(y, ("div",)) == ["y", "1/y", "sqrt y"]
    assert names(y, ("sqrt", "div")) == ["y", "1/y", "y^2", "1/y^2", "sqrt y"]
    assert names(y)[:3] == ["y", "log y", "1/y"]
