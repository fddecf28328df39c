"""The benchmark of tables as a user runs it, on tables of a few rows."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from benchmarks.tabular_data import TabularSet, load_set, set_names, splits
from benchmarks.tabular_measure import class_metrics, predict_microseconds, regression_metrics
from benchmarks.tabular_models import (
    CategoryColumns,
    CodedColumns,
    Columns,
    make_model,
    stored_by_boosting,
    stored_by_ebm,
    stored_by_forest,
)
from benchmarks.tabular_runner import read_rows
from benchmarks.tabular_summary import KEYS

from benchmarks import tabular

HERE = str(Path(__file__).parent)


@pytest.fixture
def folder(tmp_path, monkeypatch, rng):
    """Two small tables, with a text column, a missing value and a category named None."""
    monkeypatch.setattr(sys, "path", [HERE, *sys.path])
    x = rng.uniform(1.0, 5.0, 60)
    kind = np.where(x > 3.0, "None", "b")
    frame = pd.DataFrame({"x": x, "kind": kind, "y": 2.0 * x + (kind == "b")})
    frame.loc[3, "x"] = np.nan
    frame.to_csv(tmp_path / "line.csv", index=False)
    label = np.where(x > np.median(x), "high", "low")
    pd.DataFrame({"x": x, "z": rng.normal(size=60), "label": label}).to_csv(tmp_path / "halves.csv", index=False)
    return tmp_path


def run(folder, *more):
    return tabular.main(["--data-dir", str(folder), "--out", str(folder / "rows.jsonl"), *more])


# ------------------------------------------------------------------------------------------------ tables and folds


def test_a_file_says_what_its_task_is(folder):
    line, halves = (load_set(name, folder) for name in ("line", "halves"))
    assert line.task == "regression" and halves.task == "classes"
    assert halves.classes.tolist() == ["high", "low"]
    assert set(line.X["kind"]) == {"None", "b"} and line.X["x"].isna().sum() == 1
    assert set_names("all", folder)[:2] == ["halves", "line"] and "iris" in set_names("all", None)
    with pytest.raises(ValueError, match=r"no such set: nonsense; .* has halves, line"):
        set_names("line,nonsense", folder)


def test_generated_sets_are_the_same_each_time():
    first, second = load_set("friedman1", None), load_set("friedman1", None)
    assert first.X.equals(second.X) and np.array_equal(first.y, second.y)
    clean = load_set("friedman1_clean", None)
    assert clean.X.equals(first.X) and 0.9 < np.std(first.y - clean.y) < 1.1
    assert load_set("wine", None).classes.tolist() == ["class_0", "class_1", "class_2"]


@pytest.mark.parametrize("task", ["regression", "classes"])
def test_folds_are_disjoint_cover_all_rows_and_come_back(task):
    y = np.arange(103.0) if task == "regression" else np.array(["a", "b"] * 40 + ["c"] * 23, dtype=object)
    table = TabularSet("t", pd.DataFrame({"x": np.arange(103)}), y, task)
    folds = splits(table, 5, 0)
    assert len(folds) == 5
    assert all(not set(train) & set(test) and len(train) + len(test) == 103 for train, test in folds)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(103))
    again, other = splits(table, 5, 0), splits(table, 5, 1)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(folds, again, strict=True))
    assert not np.array_equal(folds[0][1], other[0][1])
    if task == "classes":
        assert all(4 <= np.sum(y[test] == "c") <= 5 for _, test in folds)


def test_a_large_table_is_split_once():
    table = TabularSet("t", pd.DataFrame({"x": np.arange(5000)}), np.arange(5000.0), "regression")
    ((train, test),) = splits(table, 5, 0)
    assert len(train) == 4000 and len(test) == 1000 and not set(train) & set(test)


# ------------------------------------------------------------------------------------------------ scores


def test_scores_of_numbers_are_scikit_learns(rng):
    y, predicted = rng.normal(size=50), rng.normal(size=50)
    found = regression_metrics(y, predicted[:, None])
    assert found["rmse"] == pytest.approx(sklearn.metrics.root_mean_squared_error(y, predicted))
    assert found["mae"] == pytest.approx(sklearn.metrics.mean_absolute_error(y, predicted))
    assert found["r2"] == pytest.approx(sklearn.metrics.r2_score(y, predicted))
    with pytest.raises(ValueError, match="1 of 50 predictions are not finite"):
        regression_metrics(y, np.where(np.arange(50) == 7, np.nan, predicted))


def test_scores_of_two_classes_are_scikit_learns(rng):
    classes = np.array(["no", "yes"], dtype=object)
    y = classes[rng.integers(0, 2, 80)]
    p = rng.uniform(size=80)
    found = class_metrics(y, np.column_stack([1 - p, p]), classes, classes)
    assert found["log_loss"] == pytest.approx(sklearn.metrics.log_loss(y, p, labels=classes.tolist()))
    assert found["auc"] == pytest.approx(sklearn.metrics.roc_auc_score(y == "yes", p))
    assert found["accuracy"] == pytest.approx(np.mean((p > 0.5) == (y == "yes")))


def test_columns_of_probabilities_are_matched_by_class(rng):
    classes = np.array([0, 1, 2])
    y = np.array([0, 1, 2, 1])
    P = rng.dirichlet(np.ones(3), size=4)
    straight = class_metrics(y, P, classes, classes)
    assert class_metrics(y, P[:, ::-1], classes[::-1], classes) == straight
    assert straight["auc"] is None
    assert straight["log_loss"] == pytest.approx(sklearn.metrics.log_loss(y, P))
    # A class that no training row had: never predicted, and dear where it comes.
    known = class_metrics(y, P[:, :2] / P[:, :2].sum(axis=1, keepdims=True), classes[:2], classes)
    assert known["log_loss"] > 0.25 * -math.log(1e-14)


def test_prediction_is_timed_on_many_rows():
    calls = []
    wall, cpu = predict_microseconds(lambda X: calls.append(len(X)), pd.DataFrame({"x": range(30)}))
    assert set(calls) == {10_020} and len(calls) == 8 and wall >= 0 and cpu >= 0


# ------------------------------------------------------------------------------------------------ models


def test_columns_are_prepared_with_what_the_training_rows_know():
    train = pd.DataFrame({"x": [1.0, 2.0, np.nan, 3.0], "k": ["a", "b", np.nan, "a"]})
    test = pd.DataFrame({"x": [np.nan, 2.0], "k": ["new", "b"]})
    for scaled in (True, False):
        columns = Columns(scaled)
        assert columns.fit_transform(train).shape == (4, 5)  # x, x missing, a, b, missing
        assert np.isfinite(columns.transform(test)).all() and columns.transform(test)[0, 2:].sum() == 0
    categories = CategoryColumns()
    categories.fit_transform(train)
    assert categories.transform(test)["k"].cat.codes.tolist() == [-1, 1]
    coded = CodedColumns()
    assert coded.fit_transform(train).tolist() == [[1, 1], [2, 2], [2, 0], [3, 1]]
    assert coded.transform(test).tolist() == [[2, 0], [2, 2]]


@pytest.mark.parametrize("name", ["linear", "rf", "hgb"])
@pytest.mark.parametrize("table", ["line", "halves"])
def test_peers_take_the_frame_and_count_what_they_store(folder, name, table):
    data = load_set(table, folder)
    model = make_model(name, data.task, seed=0, threads=1, options={}).fit(data.X, data.y)
    stored = model.n_stored()
    if data.task == "regression":
        assert regression_metrics(data.y, model.predict(data.X))["rmse"] < 2.0
    else:
        assert model.predict_proba(data.X).shape == (60, 2) and model.classes_.tolist() == ["high", "low"]
    assert 1 < stored < 100_000
    if name == "linear":
        assert stored == (5 if table == "line" else 3)  # x, x missing, two kinds, intercept; x, z, intercept


def test_trees_store_two_values_a_split_and_one_a_leaf():
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier

    X, y = np.arange(100.0)[:, None], np.repeat([0, 1], 50)
    forest = RandomForestClassifier(n_estimators=3, max_depth=1, random_state=0).fit(X, y)
    assert stored_by_forest(forest) == 3 * (2 + 2 * 2)  # one split, two leaves with two classes
    boosted = HistGradientBoostingRegressor(max_iter=4, max_leaf_nodes=2, early_stopping=False).fit(X, y)
    assert stored_by_boosting(boosted) == 4 * (2 + 2)
    sevens = HistGradientBoostingRegressor(max_iter=1, max_leaf_nodes=2, categorical_features=[0], min_samples_leaf=1)
    assert stored_by_boosting(sevens.fit(X % 7, X.ravel() % 7 == 3)) == 9 + 2


def test_an_ebm_stores_tables_and_the_edges_they_use():
    class Fitted:
        """What a fitted EBM of two columns and their pair has."""

        term_features_ = ((0,), (1,), (0, 1))
        term_scores_ = (np.zeros(7), np.zeros(4), np.zeros((5, 4)))
        bins_ = ([np.zeros(4), np.zeros(2)], [{"a": 1, "b": 2}])
        intercept_ = np.zeros(1)

    assert stored_by_ebm(Fitted()) == 7 + 4 + 20 + (4 + 2) + 2 + 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["ebm", "pygam"])
def test_peers_that_may_be_missing_run_where_they_are_there(folder, name):
    pytest.importorskip({"ebm": "interpret", "pygam": "pygam"}[name])
    for table in ("line", "halves"):
        data = load_set(table, folder)
        model = make_model(name, data.task, seed=0, threads=1, options={}).fit(data.X, data.y)
        call = model.predict if data.task == "regression" else model.predict_proba
        assert np.isfinite(call(data.X)).all() and model.n_stored() > 4


# ------------------------------------------------------------------------------------------------ runs


def test_a_run_writes_rows_and_goes_on_where_it_stopped(folder, capsys):
    given = ["--sets", "line,halves", "--models", "linear", "--folds", "3"]
    assert run(folder, *given, "--max-folds", "1") == 0
    path = folder / "rows.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write('{"set": "line", "fo')  # torn by a power cut
    assert run(folder, *given) == 0
    rows = read_rows(path, KEYS)
    assert sorted((row["set"], row["fold"]) for row in rows) == [(s, k) for s in ("halves", "line") for k in range(3)]
    assert all(row["status"] == "ok" for row in rows)
    line = next(row for row in rows if row["set"] == "line")
    assert line["n_train"] == 40 and line["parameters"] == 5 and line["task"] == "regression"
    assert {"rmse", "mae", "r2", "fit_seconds", "fit_cpu_seconds", "predict_microseconds", "machine"} <= set(line)
    said = capsys.readouterr()
    assert "6 fits, 2 done before, 4 to do" in said.err and "RMSE (regression)" in said.out


def test_options_go_to_the_own_model_and_misbehaviour_is_a_row(folder):
    models = "bench_tables:mean,bench_tables:broken,constant"
    assert run(folder, "--sets", "line", "--models", models, "--max-folds", "1") == 0
    assert run(folder, "--sets", "line", "--models", models, "--max-folds", "1", "--option", "factor=0") == 0
    rows = read_rows(folder / "rows.jsonl", KEYS)
    found = {(row["model"].partition(":")[2] or row["model"], json.dumps(row["options"])): row for row in rows}
    assert found["mean", "{}"]["rmse"] == pytest.approx(found["constant", "{}"]["rmse"])
    assert found["mean", '{"factor": 0}']["r2"] < 0 and found["mean", "{}"]["parameters"] == 1
    broken = found["broken", "{}"]
    assert broken["status"] == "error" and "12 of 12 predictions are not finite" in broken["message"]
    assert found["broken", '{"factor": 0}']["status"] == "error"  # it knows no such option
    assert len(rows) == 5  # the peer has no options: measured once


def test_after_a_timeout_the_other_folds_are_left_out(folder, capsys):
    given = ["--sets", "line", "--models", "bench_tables:sleeper", "--max-time", "0.5"]
    assert run(folder, *given) == 0
    (row,) = read_rows(folder / "rows.jsonl", KEYS)
    assert row["status"] == "timeout" and row["fit_seconds"] >= 1.0
    assert run(folder, *given) == 0  # nor are they run later
    assert len((folder / "rows.jsonl").read_text().splitlines()) == 1
    assert run(folder, *given[:-1], "60", "--retry", "--max-folds", "2") == 0
    assert {row["status"] for row in read_rows(folder / "rows.jsonl", KEYS)} == {"ok"}
    assert "bench_tables:sleeper, timeout: line#0" in capsys.readouterr().out


def test_wrong_use_ends_with_2_and_a_sentence(folder, capsys):
    assert run(folder, "--sets", "nonsense") == 2
    assert run(folder, "--sets", "line", "--models", "nonsense") == 2
    said = capsys.readouterr().err
    assert "no such set: nonsense" in said and "no such model: nonsense; expected ran, ebm" in said
    with pytest.raises(ValueError, match="takes no options"):
        make_model("rf", "regression", seed=0, threads=1, options={"depth": 2})
