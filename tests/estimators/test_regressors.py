"""What a fitted estimator gives: the front, the choice, predictions, exports, files."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sympy
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform
from closedform import Expression, LIESRegressor, SymbolicRegressor
from closedform.datasets import load_planets
from closedform.engines import get_engine
from closedform.exceptions import DomainError, InputError, ModelFileError, Status
from closedform.losses import HuberLoss
from toy_engines import AffineEngine, ScriptedEngine

COLUMNS = "complexity loss holdout_loss score equation sympy_format latex engine seconds exact".split()


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"mass": rng.uniform(1, 5, 100), "speed": rng.uniform(0.1, 3, 100)})
    # No numbers that would be recognised, so that there are constants with errors.
    y = 2.531 * X["mass"] + 1.479 * X["speed"] + 4.127 + rng.normal(0, 0.1, 100)
    return X, y.rename("energy")


def affine(**options) -> SymbolicRegressor:
    return SymbolicRegressor(**{"engines": (AffineEngine(),), "random_state": 0, "max_time": 5, **options})


@pytest.fixture(scope="module")
def fitted(table) -> SymbolicRegressor:
    return affine().fit(*table)


# --- the front --------------------------------------------------------------------------------------------------------


def test_equations_have_the_promised_columns(fitted):
    front = fitted.equations_
    assert list(front.columns) == COLUMNS
    assert list(front.index) == list(range(len(front)))
    assert front["complexity"].is_monotonic_increasing
    assert front["loss"].is_monotonic_decreasing
    assert (front["holdout_loss"] > 0).all()
    assert list(front["engine"]) == ["constant", "affine", "affine", "affine"]


def test_each_form_of_an_equation_is_the_same_formula(fitted, table):
    X, _ = table
    for index, row in fitted.equations_.iterrows():
        wanted = fitted.predict(X, index=index)
        parsed = Expression.parse(row["equation"]).evaluate({name: X[name].to_numpy() for name in X})
        np.testing.assert_allclose(np.broadcast_to(parsed, wanted.shape), wanted, rtol=1e-12)
        values = sympy.lambdify(sympy.symbols("mass speed"), row["sympy_format"])(X["mass"], X["speed"])
        np.testing.assert_allclose(np.broadcast_to(values, wanted.shape), wanted, rtol=1e-9)
        assert fitted.sympy(index) == row["sympy_format"]
        assert fitted.latex(index) == row["latex"]


def test_the_chosen_formula(fitted):
    best = fitted.get_best()
    assert best["equation"] == str(fitted.expression_) == str(fitted.formulas_[-1].expression)
    assert fitted.expression_.variables == ("mass", "speed")
    assert fitted.sympy() == best["sympy_format"]
    assert fitted.latex() == best["latex"]
    assert fitted.predict({"mass": [0.9], "speed": [0.0]}) == pytest.approx(4.0 + 2.5 * 0.9, rel=0.05)


def test_the_table_of_equations_is_the_callers_own(fitted):
    own = fitted.equations_
    own["loss"] = 0.0
    assert fitted.equations_["loss"].iloc[0] > 0


def test_records_have_standard_errors(fitted):
    for formula in fitted.formulas_:
        assert len(formula.standard_errors) == formula.expression.n_constants
    assert max(fitted.formulas_[-1].standard_errors) < 0.1


def test_the_latex_table_has_the_rows_asked_for(fitted):
    assert fitted.latex_table().count("energy") == 4
    assert fitted.latex_table([0, 3], precision=2, columns=["equation"]).count("energy") == 2
    with pytest.raises(InputError, match="from 0 to 3, got 4"):
        fitted.latex_table([4])


def test_fewer_digits_in_latex_can_be_asked_for(fitted):
    assert len(fitted.latex(precision=2)) < len(fitted.latex(precision=None))


def test_an_estimator_that_was_not_fitted_says_so():
    for name in ("equations_", "expression_", "formulas_", "status_"):
        with pytest.raises(NotFittedError):
            getattr(affine(), name)
        assert not hasattr(affine(), name)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        affine().predict([[1.0, 2.0]])


# --- the house of scikit-learn ----------------------------------------------------------------------------------------


def test_score_is_the_coefficient_of_determination(fitted, table):
    assert 0.99 < fitted.score(*table) <= 1.0


def test_it_works_in_pipelines_and_cross_validation(table):
    X, y = table
    assert cross_val_score(affine(), X, y, cv=3).min() > 0.99
    assert make_pipeline(StandardScaler(), affine()).fit(X, y).score(X, y) > 0.99


def test_copies_and_pickles(fitted, table):
    X, _ = table
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))
    pd.testing.assert_frame_equal(copy.equations_, fitted.equations_)
    assert not hasattr(clone(fitted), "formula_model_")
    assert clone(fitted).get_params() == fitted.get_params()


@pytest.mark.parametrize(
    "convert",
    [pl.from_pandas, lambda X: {name: X[name].tolist() for name in X}, lambda X: X[["speed", "mass"]]],
    ids=["polars", "mapping", "reordered"],
)
def test_any_table_does(convert, table, fitted):
    X, y = table
    model = affine().fit(convert(X), y.to_numpy())
    np.testing.assert_allclose(model.predict(convert(X)), fitted.predict(X), rtol=1e-9)
    assert set(model.feature_names_in_) == {"mass", "speed"}


def test_arrays_have_numbered_columns(table):
    X, y = table
    model = affine().fit(X.to_numpy(), y.to_numpy())
    assert model.expression_.variables == ("x0", "x1")
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 2


def test_a_second_fit_forgets_the_first(table):
    X, y = table
    model = affine().fit(X, y)
    model.fit(X.to_numpy()[:, :1], y.to_numpy())
    assert model.n_features_in_ == 1
    assert not hasattr(model, "feature_names_in_")
    assert model.equations_["equation"].iloc[-1] == str(model.formulas_[-1].expression)


NAMES = ["x 1", "Température", "exp", "E", "lambda", "`", "x²", "a*b", "", "Σ", "π"]


@pytest.mark.parametrize("name", [name for name in NAMES if name])
def test_any_column_name_works_everywhere(name, tmp_path):
    x = np.linspace(1.0, 2.0, 30)
    model = affine().fit(pd.DataFrame({name: x}), 2.0 * x + 1.0)
    assert model.expression_.variables == (name,)
    np.testing.assert_allclose(Expression.parse(model.equations_["equation"].iloc[-1]).evaluate({name: x}), 2 * x + 1)
    model.save(tmp_path / "m.json")
    np.testing.assert_array_equal(closedform.load(tmp_path / "m.json").predict({name: x}), model.predict({name: x}))


def test_an_empty_name_is_refused():
    with pytest.raises(InputError, match="column 2 of X has an empty name"):
        affine().fit(pd.DataFrame({"a": [1.0, 2.0], "": [3.0, 5.0]}), [1.0, 2.0])


def test_rows_outside_the_domain_are_told(table):
    x = np.linspace(1.0, 2.0, 40)
    model = SymbolicRegressor(engines=(ScriptedEngine(("3*log(x)",)),), max_time=5, random_state=0).fit(
        {"x": x}, 3 * np.log(x)
    )
    with pytest.raises(DomainError, match=r"rows 1, 2: log\(x\) is not defined or too large with x = -1\.0") as caught:
        model.predict({"x": [-1.0, 0.0, 1.0]})
    assert caught.value.rows == (0, 1)
    assert list(np.isnan(model.predict({"x": [-1.0, 0.0, 1.0]}, outside="nan"))) == [True, True, False]


# --- files ------------------------------------------------------------------------------------------------------------

SAVED = [
    SymbolicRegressor(engines=[get_engine("lies", init="screened", max_terms=1, library_size=5)], max_time=2.0),
    LIESRegressor("screened", max_terms=1, library_size=5, max_time=2.0, sparsity=None, loss="absolute"),
]


@pytest.mark.parametrize("estimator", SAVED, ids=lambda estimator: type(estimator).__name__)
def test_a_saved_estimator_comes_back_with_its_settings(estimator, table, tmp_path):
    X, y = table
    model = clone(estimator).fit(X, y)
    model.save(tmp_path / "m.json")
    back = closedform.load(tmp_path / "m.json")
    assert type(back) is type(model)
    assert back.formula_model_ == model.formula_model_
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    pd.testing.assert_frame_equal(back.equations_, model.equations_)
    assert list(back.feature_names_in_) == list(X.columns)
    same = {name: value for name, value in model.get_params().items() if name != "engines"}
    assert {name: back.get_params()[name] for name in same} == same
    if "engines" in model.get_params():
        assert back.engines == tuple(model.engines)


def test_settings_that_no_file_can_hold_become_the_defaults(table, tmp_path):
    model = affine(loss=HuberLoss(0.5), progress=lambda progress: None, operators={"log", "exp"}).fit(*table)
    model.save(tmp_path / "m.json")
    back = closedform.load(tmp_path / "m.json")
    assert (back.engines, back.loss, back.progress, back.operators) == ("auto", HuberLoss(0.5), None, ("exp", "log"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"kind": "SymbolicRegressor"', '"kind": "Random"', "holds a 'Random', which is none of SymbolicRegressor"),
        ('"max_time": 5', '"max_tim": 5', "SymbolicRegressor has no setting 'max_tim'"),
        ('"loss": "squared"', '"loss": {"loss": "cubic"}', "neither an engine nor a loss"),
        ('"loss": "squared"', '"loss": {"loss": "huber", "x": 1}', "do not fit"),
        ('"loss": "squared"', '"loss": {"engine": "lies", "x": 1}', "do not fit"),
    ],
)
def test_settings_from_strangers_are_checked(old, new, message, table, tmp_path):
    path = tmp_path / "m.json"
    model = affine().fit(*table)
    model.save(path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ModelFileError, match=message):
        closedform.load(path)


# --- LIES -------------------------------------------------------------------------------------------------------------


def test_lies_has_every_option_of_its_engine():
    engine = get_engine("lies")
    options = LIESRegressor(device="cpu").get_params()
    for name, default in vars(engine).items():
        assert options["training_loss" if name == "loss" else name] == default


def test_lies_hands_its_options_to_its_engine():
    changes = {
        "init": "random", "depth": 3, "width": 1, "restarts": 4, "training_loss": "exp", "sparsity": "admm",
        "oversample": False, "prune": False, "log_space": False, "second_order": False, "max_terms": 2,
        "library_size": 100, "device": "cpu",
    }  # fmt: skip
    (engine,) = LIESRegressor(**changes)._make_engines()
    assert {"training_loss" if name == "loss" else name: value for name, value in vars(engine).items()} == changes


def test_keplers_third_law():
    planets = load_planets()
    model = LIESRegressor("screened", library_size=50, max_terms=1, max_time=5, max_complexity=7, random_state=0)
    model.fit(planets.X, planets.y)
    assert model.status_ in (Status.EXHAUSTED, Status.TIME_LIMIT, Status.CONVERGED, Status.SETTLED)
    assert model.score(planets.X, planets.y) > 0.9999
    back = model.predict({"distance_au": [1.0]})
    assert back == pytest.approx(365.25, rel=0.01)
