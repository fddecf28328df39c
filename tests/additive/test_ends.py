"""What users rely on beyond the range: lines where the training rows speak for them, constants elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from closedform import RANClassifier, RANRegressor, load

FAST = {"interactions": 0, "second_block": False, "random_state": 0, "max_time": 20}
FAR = np.array([-3.0, -1.0, 1.0, 3.0])


@pytest.fixture
def table(rng):
    """A line, a curve that levels off at both ends, one that rises at its upper end only, and noise."""
    n = 600
    frame = pd.DataFrame({name: rng.uniform(-1, 1, n) for name in ("line", "bump", "ramp", "noise")})
    # The bump turns where rows are set aside, whichever side they are on.
    bump = np.cos(2 * np.pi * frame["bump"])
    y = 2 * frame["line"] + bump + 3 * np.maximum(frame["ramp"] + 0.3, 0) + 0.1 * rng.normal(size=n)
    return frame, y.to_numpy()


def rows_along(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows that differ in one column, from far below its range to far above."""
    return pd.DataFrame({key: FAR if key == name else np.zeros(len(FAR)) for key in frame})


def test_effects_go_on_as_the_training_rows_say(table):
    frame, y = table
    model = RANRegressor(**FAST).fit(frame, y)
    along = {name: model.predict(rows_along(frame, name)) for name in frame}
    np.testing.assert_allclose(np.diff(along["line"]), [4.0, 4.0, 4.0], atol=0.3)
    assert abs(along["ramp"][1] - along["ramp"][0]) < 0.3
    assert along["ramp"][3] - along["ramp"][2] == pytest.approx(6.0, abs=0.7)
    for name in ("bump", "noise"):
        np.testing.assert_allclose(along[name][[0, 3]], along[name][[1, 2]], atol=0.1)


def test_the_choice_can_be_read(table, rng):
    frame, y = table
    towns = np.where(rng.random(len(y)) < 0.5, "Oslo", "Rome")
    chosen = RANRegressor(**FAST).fit(frame.assign(town=towns), y + (towns == "Oslo")).extrapolation_
    assert "town" not in chosen.index
    assert chosen.columns.tolist() == ["policy", "below", "above"]
    assert chosen.loc["line"].tolist() == ["linear", 1.0, 1.0]
    assert chosen.loc["ramp", ["below", "above"]].tolist() == [0.0, 1.0]
    assert chosen.loc["bump"].tolist() == ["clip", 0.0, 0.0]
    x = rng.uniform(1, 2, size=(60, 2))
    law = RANRegressor().fit(x, x[:, 0] / x[:, 1]).extrapolation_
    assert set(law["policy"]) == {"rational"} and law["below"].isna().all()


def test_what_is_asked_for_is_not_judged(table):
    frame, y = table
    model = RANRegressor(extrapolation={"bump": "linear", "line": "clip"}, **FAST).fit(frame, y)
    assert model.extrapolation_.loc[["bump", "line"], "above"].tolist() == [1.0, 0.0]
    along = {name: model.predict(rows_along(frame, name)) for name in frame}
    assert abs(along["bump"][3] - along["bump"][2]) > 0.5
    assert along["line"][0] == pytest.approx(along["line"][1], abs=0.1)


def test_too_few_rows_say_nothing(rng):
    x = rng.uniform(-1, 1, size=(16, 1))
    model = RANRegressor(**FAST).fit(x, x[:, 0] + 0.1 * rng.normal(size=16))
    low, high = x.min(), x.max()
    np.testing.assert_allclose(model.predict([[-9.0], [9.0]]), model.predict([[low], [high]]), rtol=1e-12)


def test_classes_and_missing_cells_are_judged_too(table, rng):
    frame, y = table
    frame.loc[::9, "line"] = np.nan
    model = RANClassifier(**FAST).fit(frame, y + 0.5 * rng.normal(size=len(y)) > 1.0)
    score = model.decision_function(rows_along(frame, "line"))
    assert score[0] < score[1] - 1.0
    assert score[3] > score[2] + 1.0
    assert np.isfinite(model.decision_function(frame.assign(line=np.nan))).all()


def test_formula_and_file_go_on_as_predict_does(table, tmp_path):
    frame, y = table
    model = RANRegressor(**FAST).fit(frame, y)
    far = pd.concat([rows_along(frame, name) for name in frame], ignore_index=True)
    predicted = model.predict(far)
    np.testing.assert_allclose(model.expression().evaluate(model.formula_columns(far)), predicted, rtol=1e-9, atol=1e-9)
    model.save(tmp_path / "model.json")
    np.testing.assert_array_equal(load(tmp_path / "model.json").predict(far), predicted)
