"""What the Rational ANOVA estimators cannot use is refused in one sentence; what is only odd is fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, cross_val_score

from closedform import RANClassifier, RANRegressor
from closedform.exceptions import ClosedFormError, DataWarning, InputError

FAST = {"second_block": False, "random_state": 0, "max_time": 10}
FRAME = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "town": ["a", "b", "a", "b", "a", "c"]})
Y = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 7.0])

BAD = [
    ("forced pair, unknown column", {"forced_interactions": [("age", "tovn")]}, Y, r"no column 'tovn'.*'town'"),
    ("pairs, unknown column", {"interactions": [("age", "height")]}, Y, r"interactions: there is no column 'height'"),
    ("forbidden, unknown column", {"forbidden_interactions": [("agee", "town")]}, Y, r"no column 'agee'.*'age'"),
    ("pair of one column", {"forced_interactions": [("age", "age")]}, Y, r"two different columns"),
    ("pair of three", {"forced_interactions": [("age", "town", "x")]}, Y, r"expected pairs"),
    ("position too large", {"forced_interactions": [(0, 7)]}, Y, r"position below 2, got 7"),
    (
        "forced and forbidden",
        {"forced_interactions": [("town", "age")], "forbidden_interactions": [("age", "town")]},
        Y,
        r"asked for and forbidden",
    ),
    ("monotone labels", {"monotone": {"town": 1}}, Y, r"'town' holds labels, which have no order"),
    ("monotone, unknown column", {"monotone": {"ages": 1}}, Y, r"no column 'ages'.*'age'"),
    ("monotone direction", {"monotone": {"age": "up"}}, Y, r"'increasing' or 'decreasing' for 'age', got 'up'"),
    ("monotone no dict", {"monotone": ["age"]}, Y, r"must be a dict"),
    ("monotone in a pair", {"monotone": {"age": 1}, "forced_interactions": [("age", "town")]}, Y, r"must be monotone"),
    ("loss", {"loss": "huberr"}, Y, r"Unknown loss 'huberr'.*'huber'"),
    ("quantile", {"loss": "quantile", "quantile": 1.5}, Y, r"quantile"),
    ("interactions text", {"interactions": "all"}, Y, r"interactions"),
    ("interactions negative", {"interactions": -1}, Y, r"interactions"),
    ("second block", {"second_block": "perhaps"}, Y, r"second_block"),
    ("extrapolation", {"extrapolation": "lineer"}, Y, r"extrapolation.*'lineer'"),
    ("extrapolation, unknown column", {"extrapolation": {"ag": "clip"}}, Y, r"no column 'ag'"),
    ("max_levels", {"max_levels": 1}, Y, r"max_levels"),
    ("max_time", {"max_time": -1}, Y, r"max_time"),
    ("n_bags", {"n_bags": -2}, Y, r"n_bags"),
    ("n_jobs", {"n_jobs": 0}, Y, r"n_jobs must be None, .*got 0"),
    ("progress", {"progress": "yes"}, Y, r"progress must be None, True or a function.*"),
    ("text target", {}, ["low", "high", "low", "high", "low", "high"], r"RANClassifier"),
    ("NaN in y", {}, [1.0, np.nan, 3.0, 4.0, 5.0, 6.0], r"y contains NaN.*row 2"),
    ("infinity in y", {}, [1.0, 2.0, np.inf, 4.0, 5.0, 6.0], r"infinity.*row 3"),
    ("no y", {}, None, r"requires y to be passed"),
    ("length", {}, Y[:4], r"inconsistent numbers of samples.*6.*4"),
    ("negative counts", {"loss": "poisson"}, -Y, r"counts of at least 0.*row 6"),
]


@pytest.mark.parametrize(("settings", "y", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_is_refused_in_one_sentence(settings, y, message):
    with pytest.raises((ClosedFormError, ValueError), match=message) as caught:
        RANRegressor(**{**FAST, **settings}).fit(FRAME, y)
    assert len(str(caught.value)) < 400


def test_bad_classes():
    with pytest.raises(InputError, match=r"class") as caught:
        RANClassifier(**FAST).fit(FRAME, ["yes"] * 6)
    assert "yes" in str(caught.value)
    with pytest.raises((InputError, ValueError), match=r"NaN|missing"):
        RANClassifier(**FAST).fit(FRAME, np.array(["a", None, "b", "a", "b", "a"], dtype=object))


def test_bad_weights():
    for weight, message in [
        (np.zeros(6), "zero"),
        (-np.ones(6), "negative"),
        (np.ones(5), "one weight per row"),
        ([1, 1, np.nan, 1, 1, 1], "NaN"),
    ]:
        with pytest.raises((InputError, ValueError), match=message):
            RANRegressor(**FAST).fit(FRAME, Y, sample_weight=weight)


def test_one_row_is_too_few():
    with pytest.raises(ValueError, match=r"1 sample\(s\).*minimum of 2"):
        RANRegressor(**FAST).fit(FRAME[:1], Y[:1])


def test_two_rows_are_enough():
    assert np.isfinite(RANRegressor(**FAST).fit(FRAME[:2], Y[:2]).predict(FRAME)).all()
    assert RANClassifier(**FAST).fit(FRAME[:2], ["a", "b"]).predict_proba(FRAME).shape == (6, 2)


@pytest.mark.parametrize("estimator", [RANRegressor(**FAST), RANClassifier(**FAST)])
def test_before_fit_there_is_nothing_to_predict_with(estimator):
    with pytest.raises(NotFittedError):
        estimator.predict(FRAME)
    with pytest.raises(NotFittedError):
        estimator.term_importances()


def test_tables_of_other_columns_are_refused_at_predict_time():
    model = RANRegressor(**FAST).fit(FRAME, Y)
    with pytest.raises(InputError, match="town"):
        model.predict(FRAME[["age"]])
    with pytest.raises(InputError, match=r"age.*numbers"):
        model.predict(FRAME.assign(age=["x"] * 6))
    np.testing.assert_array_equal(model.predict(FRAME[["town", "age"]]), model.predict(FRAME))


def test_unseen_categories_and_missing_cells_add_nothing_or_what_was_learned(rng):
    frame = pd.DataFrame({"x": rng.normal(size=120), "kind": rng.choice(["a", "b", "c"], 120)})
    y = frame["x"] + frame["kind"].map({"a": 0.0, "b": 1.0, "c": 5.0})
    model = RANRegressor(interactions=0, **FAST).fit(frame, y)
    rows = pd.DataFrame({"x": [0.0] * 5, "kind": ["a", "b", "c", "never seen", None]})
    a, b, c, unseen, missing = model.predict(rows)
    assert a < b < c
    # Without an effect of the column: what is left is the intercept and the effect of x.
    np.testing.assert_allclose([unseen, missing], model.drop_term("kind").predict(rows)[3:], rtol=1e-9)
    assert a < unseen < c


def test_columns_without_information_are_told_and_left_out(rng):
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=60),
            "nothing": np.full(60, np.nan),
            "same": np.full(60, 7.0),
            "name": [f"row {i}" for i in range(60)],
        }
    )
    with pytest.warns(DataWarning) as caught:
        model = RANRegressor(max_levels=20, **FAST).fit(frame, frame["x"] ** 2)
    text = " ".join(str(warning.message) for warning in caught)
    assert all(name in text for name in ("nothing", "same", "name"))
    assert model.terms_ == ("x",)
    changed = frame.assign(nothing=1.0, same=2.0)
    np.testing.assert_array_equal(model.predict(changed), model.predict(frame))


def test_a_table_of_constant_columns_predicts_the_mean():
    frame = pd.DataFrame({"same": np.ones(10)})
    with pytest.warns(DataWarning):
        model = RANRegressor(**FAST).fit(frame, np.arange(10.0))
    np.testing.assert_allclose(model.predict(frame), 4.5)
    with pytest.warns(DataWarning):
        classifier = RANClassifier(**FAST).fit(frame, [0, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(classifier.predict_proba(frame)[:, 1], 0.9)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e12, 1e-300])
def test_a_constant_target_is_predicted_everywhere(rng, value):
    X = rng.normal(size=(50, 3))
    model = RANRegressor(**FAST).fit(X, np.full(50, value))
    np.testing.assert_allclose(model.predict(10 * X), value, rtol=1e-12, atol=0)
    assert model.term_importances().sum() == pytest.approx(0.0, abs=1e-12)


def test_a_class_that_is_missing_in_a_fold(rng):
    # The third class is in the last fold only: the fits before know two classes, and score what they know.
    X = rng.normal(size=(90, 2))
    y = np.where(X[:, 0] > 0, "high", "low")
    y[75:] = "rare"
    scores = cross_val_score(RANClassifier(interactions=0, **FAST), X, y, cv=KFold(6), error_score="raise")
    assert np.isfinite(scores).all()
    assert scores[:5].mean() > 0.6


def test_monotone_needs_two_classes():
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(InputError, match="monotone needs two classes, but there are 3"):
        RANClassifier(monotone={0: 1}, **FAST).fit(X, np.arange(30) % 3)
