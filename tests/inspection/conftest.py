"""Fitted networks that the tests of inspection share: each is fitted once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from closedform import RANClassifier, RANRegressor


@pytest.fixture(scope="session")
def houses() -> tuple[pd.DataFrame, pd.Series]:
    """Every kind of column, missing cells, names that are no plain words."""
    rng = np.random.default_rng(3)
    n = 400
    table = pd.DataFrame(
        {
            "area $m^2$": rng.uniform(20, 200, n),
            "sold": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
            "town": rng.choice(["Oslo", "Bergen", "_Bodø"], n),
            "garden": rng.random(n) < 0.4,
            "floors": rng.integers(1, 3, n),
        }
    )
    area = table["area $m^2$"].to_numpy()
    base = table["town"].map({"Oslo": 2.0, "Bergen": 0.0, "_Bodø": -1.0}).to_numpy()
    price = base + np.sqrt(area) + table["garden"] * (area - 110) / 40 + rng.normal(0, 0.3, n)
    price += np.where(table["garden"] & (table["town"] == "Bergen"), 2.0, 0.0)
    table.loc[::11, "area $m^2$"] = np.nan
    table.loc[5::13, "town"] = None
    price[::11] = 11.0
    return table, price.rename("price")


@pytest.fixture(scope="session")
def price_model(houses) -> RANRegressor:
    table, price = houses
    pairs = [("area $m^2$", "garden"), ("town", "area $m^2$"), ("town", "garden"), ("area $m^2$", "sold")]
    return RANRegressor(interactions=pairs, forced_interactions=pairs, second_block=False, random_state=0).fit(
        table, price
    )


@pytest.fixture(scope="session")
def species() -> tuple[pd.DataFrame, pd.Series]:
    """Three classes, told apart by two numbers."""
    rng = np.random.default_rng(4)
    labels = np.repeat(["ash", "beech", "_oak"], 80)
    middle = np.repeat([0.0, 2.0, 4.0], 80)
    table = pd.DataFrame({"height": middle + rng.normal(0, 1, 240), "girth": middle / 2 + rng.normal(0, 1, 240)})
    return table.assign(bark=np.where((labels == "_oak") ^ (rng.random(240) < 0.2), "rough", "smooth")), pd.Series(
        labels, name="tree"
    )


@pytest.fixture(scope="session")
def species_model(species) -> RANClassifier:
    pairs = [("height", "girth")]
    return RANClassifier(
        interactions=pairs, forced_interactions=pairs, second_block=False, max_time=20, random_state=0
    ).fit(*species)
