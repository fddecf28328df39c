"""The tables that ship: complete, with sources, and near the law they are known for."""

from __future__ import annotations

import numpy as np
import pytest

from closedform import datasets
from closedform.datasets import list_tables, load_table
from closedform.exceptions import InputError
from closedform.preprocessing import check_X_y, read_table
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.parse import parse

# Rows, and the greatest error of the stated law relative to the spread of the target.
FACTS = {
    "planets": (13, 1e-3),
    "hubble1929": (24, 1.5),
    "water_boiling": (48, 6e-3),
    "falling_body": (8, 0.02),
    "hydrogen_lines": (27, 1e-4),
    "tungsten": (34, 0.02),
    "enzyme": (23, 0.6),
}


def test_every_table_is_tested_and_has_its_loader():
    assert sorted(FACTS) == sorted(list_tables())
    for name in FACTS:
        assert getattr(datasets, f"load_{name}")().name == name


@pytest.mark.parametrize("name", FACTS)
def test_a_table_follows_its_law(name):
    dataset = load_table(name)
    n_rows, tolerance = FACTS[name]
    target, _, formula = dataset.law.partition(" = ")
    assert target == dataset.target_name
    assert dataset.data.shape == (n_rows, len(dataset.feature_names))
    predicted = evaluate(parse(formula, variables=dataset.feature_names), dataset.table.columns)
    assert np.abs(predicted - dataset.target).max() / dataset.target.std() < tolerance


@pytest.mark.parametrize("name", FACTS)
def test_a_table_is_usable_everywhere(name):
    dataset = load_table(name)
    read = read_table(dataset.path)
    np.testing.assert_array_equal(read.to_numpy(dtype=float), dataset.frame.to_numpy())
    assert read.columns.tolist() == [*dataset.feature_names, dataset.target_name]
    data = check_X_y(dataset.X, dataset.y)
    assert data.table.names == dataset.feature_names and data.target_name == dataset.target_name
    assert not data.dropped_constant


@pytest.mark.parametrize("name", FACTS)
def test_source_and_units_are_told(name):
    dataset = load_table(name)
    loader = getattr(datasets, f"load_{name}")
    assert dataset.title and len(dataset.source) > 30
    assert "Source" in loader.__doc__
    for column in (*dataset.feature_names, dataset.target_name):
        assert column in dataset.units


def test_the_planets_give_the_length_of_the_year():
    planets = datasets.load_planets()
    exponent, logarithm = np.polyfit(np.log(planets.data[:, 0]), np.log(planets.target), 1)
    assert exponent == pytest.approx(1.5, abs=2e-4)
    assert np.exp(logarithm) == pytest.approx(365.25, abs=0.2)


def test_an_unknown_table():
    with pytest.raises(InputError, match=r"no table 'planet' \(did you mean 'planets'\?\)"):
        load_table("planet")
