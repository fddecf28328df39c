"""How a fit goes: odd data, limits, interruptions, continuing, randomness, progress."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import special

from closedform import Expression, LIESRegressor, SymbolicRegressor
from closedform.exceptions import ConvergenceWarning, DataWarning, InputError, Status
from closedform.search import Progress
from toy_engines import AffineEngine, ScriptedEngine, SlowEngine


def affine(**options) -> SymbolicRegressor:
    return SymbolicRegressor(engines=(AffineEngine(),), **{"random_state": 0, "max_time": 5, **options})


def scripted(*texts: str, event=None, at: int = -1, **options) -> SymbolicRegressor:
    engine = ScriptedEngine(texts, event=event, at=at)
    return SymbolicRegressor(engines=(engine,), **{"random_state": 0, "max_time": 5, **options})


@pytest.fixture
def table(rng) -> tuple[pd.DataFrame, np.ndarray]:
    X = pd.DataFrame(rng.uniform(0.5, 3.0, (80, 2)), columns=["a", "b"])
    return X, 2.5 * X["a"].to_numpy() * X["b"].to_numpy() + rng.normal(0, 0.05, 80)


# --- odd data ---------------------------------------------------------------------------------------------------------


def test_a_constant_target_gives_the_constant():
    with pytest.warns(DataWarning, match=r"target 'y' is 3\.5 in every row: the formula is this constant"):
        model = affine().fit([[1.0], [2.0], [4.0]], [3.5, 3.5, 3.5])
    assert str(model.expression_) == "3.5"
    assert model.status_ is Status.CONVERGED
    np.testing.assert_array_equal(model.predict([[7.0]]), [3.5])


def test_constant_columns_are_left_out_and_said():
    X = pd.DataFrame({"one": [1.0] * 20, "x": np.arange(20.0)})
    with pytest.warns(DataWarning, match="column 'one' has the same value in every row and is left out"):
        model = affine().fit(X, 2.0 * X["x"] + 1)
    assert model.expression_.variables == ("x",)
    assert model.n_features_in_ == 2
    np.testing.assert_allclose(model.predict(pd.DataFrame({"one": [9.0], "x": [3.0]})), [7.0])


def test_nothing_but_constant_columns_leaves_the_best_constant():
    with (
        pytest.warns(DataWarning, match="'x0', 'x1' have the same value in every row and are left out"),
        pytest.warns(ConvergenceWarning, match="Nothing better than a constant was found"),
    ):
        model = affine().fit(np.ones((20, 2)), np.arange(20.0))
    assert model.predict(np.ones((1, 2))) == pytest.approx(9.5)
    assert model.status_ is Status.FAILED


@pytest.mark.parametrize("n", [2, 3, 5, 11, 12])
def test_tiny_tables_are_fitted(n):
    x = np.arange(1.0, n + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = affine().fit(x[:, None], 3.0 * x)
    np.testing.assert_allclose(model.predict(x[:, None]), 3.0 * x)
    assert np.isnan(model.equations_["holdout_loss"]).all() == (n < 12)


def test_one_row_is_refused():
    with pytest.raises(InputError, match=r"1 sample\(s\).*minimum of 2 is required by SymbolicRegressor"):
        affine().fit([[1.0]], [2.0])


@pytest.mark.parametrize("factor", [1e300, 1e-300, 1e150, 1e-150])
def test_targets_of_any_size(factor, rng):
    x = rng.uniform(1.0, 3.0, 50)
    y = factor * (2.5 * x + 1.0)
    with pytest.warns(DataWarning, match="magnitudes beyond 1e100 or below 1e-100 in 'y'"):
        model = affine().fit({"x": x}, y)
    np.testing.assert_allclose(model.predict({"x": x}), y, rtol=1e-9)
    assert len(model.formulas_[-1].standard_errors) == model.expression_.n_constants
    assert (model.equations_["loss"] < 1e3).all()


@pytest.mark.parametrize("factor", [1e300, 1e-300])
def test_columns_of_any_size(factor, rng):
    x = factor * rng.uniform(1.0, 3.0, 50)
    y = 2.5 * (x / factor) + 1.0
    with pytest.warns(DataWarning, match="magnitudes beyond 1e100 or below 1e-100 in 'x'"):
        model = affine().fit({"x": x}, y)
    np.testing.assert_allclose(model.predict({"x": x}), y, rtol=1e-9)


def test_uncomfortable_units_are_scaled_for_the_search_alone(rng):
    seen = []

    class Looking(AffineEngine):
        def candidates(self, problem, **rest):
            seen.append((np.abs(problem.X).max(axis=0), np.abs(problem.y).max()))
            return super().candidates(problem, **rest)

    X = pd.DataFrame({"big": 1e20 * rng.uniform(1, 3, 60), "small": 1e-12 * rng.uniform(1, 3, 60)})
    y = 1e9 * (2.0 * X["big"] / 1e20 + 3.0 * X["small"] / 1e-12 + rng.normal(0, 0.01, 60))
    told: list[Progress] = []
    model = SymbolicRegressor(engines=(Looking(),), max_time=5, random_state=0, progress=told.append).fit(X, y)
    columns, target = seen[0]
    assert (columns >= 1).all() and (columns < 10).all() and 1 <= target < 100
    assert model.score(X, y) > 0.99
    assert model.equations_["loss"].iloc[-1] == pytest.approx(1e14, rel=0.5)
    # What is told on the way is about the user's columns and target too.
    last = told[-1].front[-1].expression
    values = last.evaluate({name: X[name].to_numpy() for name in X})
    assert np.corrcoef(values, y)[0, 1] > 0.99 and values.max() > 1e9


def test_high_powers_of_uncomfortable_units_stay_within_float64(rng):
    x = 1e60 * rng.uniform(1.0, 3.0, 50)
    y = (x / 1e60) ** 9
    # In the units of the search; collected in one number, the factor of x**9 would be 1e-540.
    model = scripted("0.999*x**9").fit({"x": x}, y)
    np.testing.assert_allclose(model.predict({"x": x}), y, rtol=1e-2)


def test_weights_count(rng):
    x = np.arange(20.0)
    y = np.where(x < 10, 2.0 * x, -5.0 * x)
    model = affine(holdout=0.0).fit({"x": x}, y, sample_weight=np.where(x < 10, 1.0, 0.0))
    np.testing.assert_allclose(model.predict({"x": x[:10]}), y[:10], atol=1e-9)
    assert model.expression_ == Expression.parse("2*x")


def test_one_row_with_weight_is_refused():
    with pytest.raises(InputError, match="leaves 1 row with a positive weight; a formula needs at least 2"):
        affine().fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0], sample_weight=[0.0, 1.0, 0.0])


# --- settings ---------------------------------------------------------------------------------------------------------

WRONG = [
    ({"max_time": 0}, r"max_time must be a number of seconds above 0, got 0"),
    ({"max_time": -1.0}, r"max_time must be a number of at least 0, got -1\.0"),
    ({"max_time": "long"}, r"max_time must be a number of at least 0, got 'long'"),
    ({"max_time": float("nan")}, "max_time must be a number of at least 0, got nan"),
    ({"max_time": True}, "max_time must be a number of at least 0, got True"),
    ({"max_complexity": 0}, "max_complexity must be a whole number of at least 1, got 0"),
    ({"max_complexity": 2.5}, r"max_complexity must be a whole number of at least 1, got 2\.5"),
    ({"operators": "exp"}, "operators must be a list of names such as .*, got 'exp'"),
    ({"operators": ["exp", "sinn"]}, r"no operator 'sinn' \(did you mean 'sin'\?\)"),
    ({"loss": "squarred"}, r"Unknown loss 'squarred' \(did you mean 'squared'\?\)"),
    ({"model_selection": "bests"}, r"model_selection must be .*, got 'bests' \(did you mean 'best'\?\)"),
    ({"model_selection": 3}, "model_selection must be .*, got 3"),
    ({"holdout": 1.0}, r"holdout must be a number from 0 to 0\.9, got 1\.0"),
    ({"n_jobs": 0}, "n_jobs must be None, a whole number of at least 1, or -1 for all processors, got 0"),
    ({"n_jobs": 1.5}, r"n_jobs must be None, .*, got 1\.5"),
    ({"n_jobs": True}, "n_jobs must be None, .*, got True"),
    ({"random_state": -1}, "random_state must be None, a whole number of at least 0 or a generator, got -1"),
    ({"random_state": "x"}, "random_state must be .*, got 'x'"),
    ({"progress": "yes"}, "progress must be None, True or a function of one argument, got 'yes'"),
    ({"warm_start": "no"}, "warm_start must be True or False, got 'no'"),
    ({"engines": "lies"}, r"engines must be \"auto\" or a list such as .*, got 'lies'"),
    ({"engines": ()}, "engines must name at least one engine"),
    ({"engines": ["lis"]}, r"There is no engine 'lis' \(did you mean 'lies'\?\)"),
    ({"engines": AffineEngine()}, "engines must be"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_wrong_settings_are_told_before_any_work(settings, message):
    with pytest.raises(InputError, match=message):
        SymbolicRegressor(**settings).fit([["not", "numbers"]], None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"init": "screen"}, r"init must be one of .*, got 'screen' \(did you mean 'screened'\?\)"),
        ({"sparsity": "none"}, "sparsity must be one of 'admm', 'logsum', 'l1', None, got 'none'"),
        ({"training_loss": None}, "training_loss must be one of .*, got None"),
        ({"depth": 0}, "depth must be a whole number of at least 1, got 0"),
        ({"prune": 1}, "prune must be True or False, got 1"),
    ],
)
def test_wrong_settings_of_lies_are_told(settings, message):
    with pytest.raises(InputError, match=message):
        LIESRegressor(**settings).fit([["not", "numbers"]], None)


@pytest.mark.parametrize(("n_jobs", "inside"), [(1, 1), (3, 3), (None, 2), (-1000, 1)])
def test_n_jobs_is_the_number_of_threads_during_the_fit(n_jobs, inside, table):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    seen = []
    try:
        scripted("2.5*a*b", event=lambda: seen.append(torch.get_num_threads()), at=0, n_jobs=n_jobs).fit(*table)
        assert (seen, torch.get_num_threads()) == ([inside], 2)
    finally:
        torch.set_num_threads(before)


def test_formulas_keep_to_the_settings(table):
    X, y = table
    model = scripted("a*b", "2.5*a*b", "exp(a)", "2.5*a*b + 0.01*a", max_complexity=5, operators=["mul"]).fit(X, y)
    assert {str(f.expression) for f in model.formulas_} <= {
        str(f.expression) for f in model.formulas_ if f.complexity <= 5
    }
    assert not any("exp" in str(f.expression) for f in model.formulas_)


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber", "exp"])
def test_every_loss_can_be_fitted(loss, table):
    X, y = table
    model = scripted("2.4*a*b", "a + b", loss=loss).fit(X, y)
    assert model.score(X, y) > 0.99


def test_the_absolute_loss_shrugs_at_outliers(rng):
    x = rng.uniform(1, 3, 200)
    y = 2.5 * x + rng.normal(0, 0.01, 200)
    y[:20] += 100.0
    model = scripted("2*x", "2*x + 1.5", loss="absolute").fit({"x": x}, y)
    assert model.predict({"x": [2.0]}) == pytest.approx(5.0, rel=0.01)


@pytest.mark.parametrize(("rule", "row"), [("accuracy", 2), ("mdl", 2), ("best", 2), (lambda rows: rows[1], 1)])
def test_the_formula_is_chosen_as_asked_for(rule, row, table):
    model = scripted("4*a", "2.5*a*b", model_selection=rule).fit(*table)
    assert len(model.formulas_) == 3
    assert model.expression_ is model.formulas_[row].expression


def test_a_rule_that_returns_something_else_is_refused(table):
    with pytest.raises(InputError, match="model_selection must return one of the formulas that it was given"):
        scripted("a", model_selection=lambda rows: None).fit(*table)


# --- rows that nobody looks at ----------------------------------------------------------------------------------------


def test_held_out_rows_do_not_change_the_choice_nor_the_losses(table):
    X, y = table
    seen = []

    class Looking(AffineEngine):
        def candidates(self, problem, **rest):
            seen.append(problem.X)
            return super().candidates(problem, **rest)

    model = SymbolicRegressor(engines=(Looking(),), max_time=5, random_state=0, holdout=0.25).fit(X, y)
    rows = {tuple(row) for row in seen[0]}
    held_out = np.array([tuple(row) not in rows for row in X.to_numpy()])
    assert held_out.sum() == 20
    changed = np.where(held_out, y + 50.0, y)
    again = SymbolicRegressor(engines=(Looking(),), max_time=5, random_state=0, holdout=0.25).fit(X, changed)
    np.testing.assert_array_equal(again.equations_["loss"], model.equations_["loss"])
    assert again.formula_model_.chosen == model.formula_model_.chosen
    assert (again.equations_["holdout_loss"] > 100.0 + model.equations_["holdout_loss"]).all()


# --- claims -----------------------------------------------------------------------------------------------------------


def test_a_law_is_claimed_and_an_approximation_is_not(rng):
    x = rng.uniform(0.0, 1.0, 300)
    y = np.sin(np.exp(x))
    series = " + ".join(f"{c:.17g}*x**{k}" for k, c in enumerate(np.polynomial.polynomial.polyfit(x, y, 12)))
    model = scripted(series, max_complexity=100).fit({"x": x}, y)
    assert 1 - model.score({"x": x}, y) < 1e-15
    assert not model.equations_["exact"].any()
    assert model.status_ is Status.EXHAUSTED
    model = scripted(series, "sin(exp(x))", max_complexity=100).fit({"x": x}, y)
    assert model.equations_["exact"].tolist() == [str(row.expression) == "sin(exp(x))" for row in model.formulas_]
    assert model.get_best()["exact"]
    assert model.status_ is Status.CONVERGED


def test_rows_that_the_search_did_not_see_can_refute_a_law(table):
    X, _ = table
    y = 2.5 * X["a"].to_numpy() * X["b"].to_numpy()
    seen = []

    class Looking(ScriptedEngine):
        def candidates(self, problem, **rest):
            seen.append({tuple(row) for row in problem.X})
            return super().candidates(problem, **rest)

    engines = (Looking(("2.5*a*b",)),)
    model = SymbolicRegressor(engines=engines, random_state=0, max_time=5).fit(X, y)
    assert model.status_ is Status.CONVERGED and model.get_best()["exact"]
    y[[tuple(row) not in seen[0] for row in X.to_numpy()]] += 1e-6
    model = SymbolicRegressor(engines=engines, random_state=0, max_time=5).fit(X, y)
    assert model.status_ is Status.EXHAUSTED and not model.get_best()["exact"]


# --- ends -------------------------------------------------------------------------------------------------------------


def interrupt() -> None:
    raise KeyboardInterrupt


def test_ctrl_c_keeps_what_was_found(table):
    model = scripted("a", "2.5*a*b", "a + b", event=interrupt, at=2)
    with pytest.warns(
        ConvergenceWarning, match=r"interrupted; the best formulas so far were kept. Continue .* warm_start"
    ):
        model.fit(*table)
    assert model.status_ is Status.INTERRUPTED
    assert model.score(*table) > 0.99


def test_ctrl_c_before_anything_was_found_leaves_the_best_constant(table):
    model = scripted("a", event=interrupt, at=0)
    with pytest.warns(ConvergenceWarning, match=r"Nothing better than a constant.* interrupted"):
        model.fit(*table)
    assert [formula.engine for formula in model.formulas_] == ["constant"]


@pytest.mark.parametrize("part", ["tune", "simplify"])
def test_ctrl_c_while_finishing_keeps_the_candidates(part, table, monkeypatch):
    import closedform.finish

    monkeypatch.setattr(closedform.finish, part, lambda *args, **options: interrupt())
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = scripted("2.4*a*b").fit(*table)
    assert model.score(*table) > 0.98


def test_ctrl_c_in_the_last_fit_keeps_the_formulas(table, monkeypatch):
    import closedform.estimators.fitting

    monkeypatch.setattr(closedform.estimators.fitting, "fit_to_all_rows", lambda *args: interrupt())
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = scripted("2.4*a*b").fit(*table)
    assert model.score(*table) > 0.98


@pytest.mark.skipif(os.name != "posix", reason="signals as on Unix")
def test_a_real_signal_ends_a_fit_of_lies(table, signals_heeded):
    X, _ = table
    # No formula gives a Bessel function and none of it is noise: the search is still at work when the signal comes.
    endless = special.j0(7 * X["a"]) * X["b"] + special.j1(5 * X["b"])
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    try:
        with pytest.warns(ConvergenceWarning, match="interrupted"):
            model = LIESRegressor("screened", max_time=60, random_state=0).fit(X, endless)
    finally:
        timer.cancel()
    assert time.monotonic() - started < 30
    assert len(model.formulas_) > 1


def test_a_crash_of_an_engine_is_told_and_survived(table):
    def crash() -> None:
        raise ZeroDivisionError("a bug")

    weak = ScriptedEngine(("a",), event=crash, at=0, name="weak")
    model = SymbolicRegressor(engines=(weak, ScriptedEngine(("2.5*a*b",))), random_state=0)
    with pytest.warns(ConvergenceWarning, match="engine 'weak' stopped with an error: ZeroDivisionError: a bug"):
        model.fit(*table)
    assert model.score(*table) > 0.99


def test_a_good_fit_does_not_nag(table):
    # Warnings are errors here.
    scripted("2.5*a*b").fit(*table)


def test_time_is_kept_on_a_large_table_and_memory_too():
    code = """
import resource, time, warnings
import numpy as np, pandas, scipy.optimize, sklearn.linear_model
from closedform import LIESRegressor
from closedform.engines import get_engine
get_engine("lies", init="screened")
rng = np.random.default_rng(0)
X = rng.uniform(0.5, 3.0, (100_000, 20))
y = 2.5 * X[:, 3] * np.exp(-X[:, 7]) + rng.normal(0, 0.05, 100_000)
def megabytes(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, started, worked = megabytes(), time.monotonic(), time.process_time()
warnings.simplefilter("ignore")
model = LIESRegressor("screened", max_time=6, random_state=0).fit(X, y)
used = min(time.monotonic() - started, time.process_time() - worked)
print(used, megabytes() - before, len(model.formulas_))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    used, megabytes, n_formulas = map(float, done.stdout.split())
    assert used < 1.1 * 6 + 1.0
    assert megabytes < 1000
    assert n_formulas > 1


# --- continuing -------------------------------------------------------------------------------------------------------


def test_a_warm_start_goes_on_from_the_formulas_found(table):
    model = scripted("a", "2.5*a*b", warm_start=True).fit(*table)
    model.set_params(engines=(ScriptedEngine(("b",)),)).fit(*table)
    assert model.score(*table) > 0.99
    assert model.formula_model_.n_searches == 2
    assert "warm start" in set(model.equations_["engine"])
    model.set_params(warm_start=False, engines=(ScriptedEngine(("4*a",)),)).fit(*table)
    assert model.score(*table) < 0.9
    assert model.formula_model_.n_searches == 1


def test_the_same_rows_stay_held_out_and_the_draws_go_on(table):
    rows, draws = [], []

    class Looking(AffineEngine):
        def candidates(self, problem, *, rng, **rest):
            rows.append(problem.X.tobytes())
            draws.append(rng.random())
            return super().candidates(problem, rng=rng, **rest)

    model = SymbolicRegressor(engines=(Looking(),), max_time=5, warm_start=True)
    model.fit(*table).fit(*table)
    assert rows[0] == rows[1]
    assert draws[0] != draws[1]


def test_a_loaded_model_can_be_continued(table, tmp_path):
    from closedform import load

    scripted("2.5*a*b", warm_start=True).fit(*table).save(tmp_path / "m.json")
    model = load(tmp_path / "m.json").set_params(engines=(ScriptedEngine(("b",)),)).fit(*table)
    assert model.score(*table) > 0.99


def test_a_warm_start_on_other_columns_is_refused(table):
    X, y = table
    model = affine(warm_start=True).fit(X, y)
    with pytest.raises(InputError, match="continues a fit on the columns a, b, but X has a, c"):
        model.fit(X.rename(columns={"b": "c"}), y)


# --- randomness -------------------------------------------------------------------------------------------------------

SMALL = {"max_terms": 1, "library_size": 10, "log_space": False, "operators": ["add"], "max_complexity": 5}


@pytest.mark.parametrize(
    "make", [lambda: 3, lambda: np.random.RandomState(3), lambda: np.random.default_rng(3)], ids=["int", "old", "new"]
)
def test_the_same_random_state_gives_the_same_model(make, table):
    first, second = (LIESRegressor("screened", **SMALL, random_state=make()).fit(*table) for _ in range(2))
    assert [f.expression for f in first.formulas_] == [f.expression for f in second.formulas_]
    pd.testing.assert_frame_equal(first.equations_.drop(columns="seconds"), second.equations_.drop(columns="seconds"))


def test_none_is_a_fresh_seed_and_no_global_state_is_used(table):
    old = np.random.get_state()  # noqa: NPY002
    before = random.getstate(), pd.util.hash_array(old[1]).sum(), old[2]
    models = [affine(random_state=None).fit(*table) for _ in range(2)]
    new = np.random.get_state()  # noqa: NPY002
    assert (random.getstate(), pd.util.hash_array(new[1]).sum(), new[2]) == before
    assert models[0].formula_model_.seed != models[1].formula_model_.seed


# --- progress ---------------------------------------------------------------------------------------------------------


def test_a_callback_is_told_of_progress(table):
    told: list[Progress] = []
    scripted("4*a", "2.5*a*b", progress=told.append).fit(*table)
    assert [len(progress.front) for progress in told] == [2, 3]


def test_an_error_of_a_callback_ends_the_fit(table):
    def broken(progress: Progress) -> None:
        raise RuntimeError("no display")

    with pytest.raises(RuntimeError, match="no display"):
        scripted("4*a", progress=broken).fit(*table)


def test_progress_goes_to_standard_error_and_silence_is_the_default(table, capsys):
    scripted("4*a", progress=True).fit(*table)
    shown = capsys.readouterr()
    assert shown.out == "" and "scripted" in shown.err
    scripted("4*a").fit(*table)
    assert capsys.readouterr() == ("", "")


# --- processors -------------------------------------------------------------------------------------------------------


def test_more_processors_find_the_same_formulas(table, monkeypatch):
    monkeypatch.setattr("closedform.search._SECONDS_ALONE", 0.0)
    engines = (SlowEngine(text="{}*a*b", steps=12), SlowEngine(text="{}*a + b", name="other"), AffineEngine())
    alone, together = (
        SymbolicRegressor(engines=engines, max_time=60, random_state=0, n_jobs=n_jobs).fit(*table) for n_jobs in (1, 2)
    )
    timeless = [column for column in alone.equations_ if column != "seconds"]
    pd.testing.assert_frame_equal(together.equations_[timeless], alone.equations_[timeless])
    assert together.formula_model_.chosen == alone.formula_model_.chosen


def test_a_process_that_dies_is_a_warning_and_no_more(table, monkeypatch):
    monkeypatch.setattr("closedform.search._SECONDS_ALONE", 0.0)
    engines = (SlowEngine(text="({} + 2)*a*b", steps=50), SlowEngine(name="weak", text="{}*a", crash_at=1))
    model = SymbolicRegressor(engines=engines, max_time=60, random_state=0, n_jobs=2)
    with pytest.warns(ConvergenceWarning, match="engine 'weak' stopped with an error: ZeroDivisionError: a bug"):
        model.fit(*table)
    assert model.score(*table) > 0.9


def test_auto_is_every_engine_there_is_and_the_networks_do_not_screen_again():
    from closedform.engines import ENGINES

    engines = SymbolicRegressor()._make_engines()
    assert {engine.name for engine in engines} == set(ENGINES)
    assert engines[0].name == "screen"
    assert next(engine for engine in engines if engine.name == "lies").init == "random"


def test_an_engine_is_told_what_is_known_about_the_structure(rng):
    told = []

    class Curious(AffineEngine):
        def informed(self, known):
            told.append(known)
            return self

    X = pd.DataFrame(rng.uniform(1.0, 3.0, (200, 3)), columns=["a", "b", "c"])
    model = SymbolicRegressor(engines=(Curious(),), random_state=0, max_time=5)
    model.fit(X, np.exp(X["a"] - X["b"]) + X["c"])
    assert len(told) == 1
    assert model.insights_
    assert list(model.insights_) == list(told[0].insights)
