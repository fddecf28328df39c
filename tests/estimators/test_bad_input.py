"""Input that cannot be used is refused in one sentence before any work; what is only odd is told and fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

import closedform
from closedform import Expression, LIESRegressor, SymbolicRegressor
from closedform.exceptions import DataWarning, InputError, ModelFileError
from toy_engines import AffineEngine, ScriptedEngine

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [2.0, 1.0, 4.0, 3.0]})
Y = np.array([1.0, 2.0, 3.0, 4.0])


def duplicated() -> pd.DataFrame:
    return pd.DataFrame([[1.0, 2.0], [3.0, 4.0], [5.0, 5.0], [6.0, 6.0]], columns=["a", "a"])


def with_cell(value) -> pd.DataFrame:
    frame = FRAME.astype(object if isinstance(value, str) else float)
    frame.loc[2, "b"] = value
    return frame


BAD = [
    ("no table", "hello", Y, "2D array|table"),
    ("one dimension", [1.0, 2.0, 3.0, 4.0], Y, "Expected 2D array"),
    ("no rows", FRAME[:0], Y[:0], r"0 sample\(s\)"),
    ("no columns", FRAME[[]], Y, r"0 feature\(s\)"),
    ("one row", FRAME[:1], Y[:1], r"1 sample\(s\).*minimum of 2"),
    ("a column twice", duplicated(), Y, r"two columns called 'a' \(columns 1 and 2\)"),
    ("text in a column", with_cell("many"), Y, r"column 'b'.*row 3.*'many'"),
    ("NaN in X", with_cell(np.nan), Y, "contains NaN: column 'b' is missing in row 3"),
    ("infinity in X", with_cell(np.inf), Y, "contains infinity.*column 'b' is infinite in row 3"),
    ("NaN in y", FRAME, [1.0, np.nan, 3.0, np.nan], "y contains NaN.*rows 2, 4"),
    ("infinity in y", FRAME, [1.0, 2.0, -np.inf, 4.0], "y contains infinity.*row 3"),
    ("text in y", FRAME, ["1", "2", "x", "4"], "target 'y'.*'x'"),
    ("no y", FRAME, None, "requires y to be passed"),
    ("cube of targets", FRAME, np.ones((4, 2, 2)), r"y should be a 1d array, got an array of shape \(4, 2, 2\)"),
    ("other length", FRAME, Y[:3], r"inconsistent numbers of samples: \[4, 3\]"),
    ("complex numbers", FRAME.to_numpy() * 1j, Y, "[Cc]omplex"),
    ("sparse", sparse.csr_matrix(FRAME.to_numpy()), Y, "Sparse data was passed"),
]


@pytest.mark.parametrize(("X", "y", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_tables_are_refused_in_one_sentence(X, y, message):
    class Never(AffineEngine):
        def candidates(self, problem, **rest):
            raise AssertionError("work was started")

    with pytest.raises((InputError, TypeError), match=message) as caught:
        SymbolicRegressor(engines=(Never(),)).fit(X, y)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0, -1.0, 1.0, 1.0], "not negative.*row 2"),
        ([1.0, np.nan, 1.0, 1.0], "no NaN.*row 2"),
        ([0.0] * 4, "at least one non-zero"),
        ([1.0], r"expected shape \(4,\), got \(1,\)"),
    ],
)
def test_bad_weights_are_refused(weight, message):
    with pytest.raises(InputError, match=message):
        LIESRegressor().fit(FRAME, Y, sample_weight=weight)


@pytest.fixture(scope="module")
def fitted() -> SymbolicRegressor:
    return SymbolicRegressor(engines=(AffineEngine(),), max_time=5, random_state=0).fit(FRAME, Y + FRAME["b"])


def test_predictions_need_the_columns_of_fit_time(fitted):
    with pytest.raises(InputError, match=r"missing now: 'b' \(did you mean 'bb'\?\); unseen at fit time: 'bb'"):
        fitted.predict(FRAME.rename(columns={"b": "bb"}))
    with pytest.raises(InputError, match="unseen at fit time: 'c'"):
        fitted.predict(FRAME.assign(c=1.0))
    with pytest.raises(InputError, match="contains NaN: column 'b' is missing in row 3"):
        fitted.predict(with_cell(np.nan))
    with pytest.raises(InputError, match="X has 3 features, but SymbolicRegressor is expecting 2"):
        fitted.predict(np.ones((2, 3)))
    with pytest.warns(DataWarning, match="X does not have valid feature names"):
        fitted.predict(FRAME.to_numpy())


def test_files_that_are_no_models_are_refused(fitted, tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ModelFileError, match=r"table\.csv' cannot be used: it is not JSON"):
        closedform.load(tmp_path / "table.csv")
    with pytest.raises(ModelFileError, match="cannot be read: No such file"):
        closedform.load(tmp_path / "gone.json")
    fitted.save(tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    (tmp_path / "half.json").write_text(text[: len(text) // 2])
    with pytest.raises(ModelFileError, match="was cut off"):
        closedform.load(tmp_path / "half.json")
    (tmp_path / "new.json").write_text(text.replace('"version": 1', '"version": 9'))
    with pytest.raises(ModelFileError, match=r"has version 9 of the format.*update closedform"):
        closedform.load(tmp_path / "new.json")


# --- odd, and fitted --------------------------------------------------------------------------------------------------


def test_a_thousand_columns_are_told_and_fitted(rng):
    X = rng.normal(size=(100, 1000))
    y = 3.0 * X[:, 77] + 2.0
    with pytest.warns(DataWarning, match="the table has 1000 columns"):
        model = SymbolicRegressor(engines=(ScriptedEngine(("2.5*x77 + 1.5",)),), max_time=5).fit(X, y)
    assert model.expression_ == Expression.parse("3*x77 + 2")


def test_ten_thousand_rows_are_searched_and_all_rows_are_used_in_the_end(rng):
    seen = []

    class Looking(AffineEngine):
        def candidates(self, problem, **rest):
            seen.append(problem.n_samples)
            return super().candidates(problem, **rest)

    x = rng.uniform(1, 2, 300_000)
    y = 2.0345678 * x + rng.normal(0, 1.0, x.size)
    model = SymbolicRegressor(engines=(Looking(),), max_time=5, random_state=0).fit({"x": x}, y)
    assert seen == [10_000]
    slope = float(x @ y / (x @ x))
    proportional = next(f for f in model.formulas_ if f.complexity == 3)
    assert (
        proportional.expression.constants == pytest.approx((slope,), rel=1e-9)
        or proportional.expression.constants == ()
    )
    # Errors are those of all rows: a thousandth of what ten thousand rows would give is beyond chance.
    assert model.equations_["loss"].iloc[-1] == pytest.approx(1.0, rel=0.02)
    if proportional.standard_errors:
        assert proportional.standard_errors[0] == pytest.approx(1.0 / np.sqrt(x @ x), rel=0.02)


def test_a_column_vector_as_target_is_taken_with_a_warning():
    from sklearn.exceptions import DataConversionWarning

    with pytest.warns(DataConversionWarning, match="column-vector y"):
        SymbolicRegressor(engines=(AffineEngine(),), max_time=5, random_state=0).fit(FRAME, Y[:, None])


def test_numbers_of_all_kinds_are_taken():
    frame = pl.DataFrame({"a": [1, 2, 3, 4], "b": [True, False, False, True]})
    model = SymbolicRegressor(engines=(AffineEngine(),), max_time=5, random_state=0).fit(frame, [2, 4, 6, 8])
    np.testing.assert_allclose(model.predict(frame), [2, 4, 6, 8])


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for model in (LIESRegressor(device="cuda"), SymbolicRegressor(["lies"], device="cuda")):
        with pytest.raises(InputError, match=r'device="cuda" needs a GPU that torch can use, and it finds none'):
            model.fit(FRAME, Y)
    with pytest.raises(InputError, match=r"device must be one of 'auto', 'cpu', 'cuda', got 'gpu'"):
        SymbolicRegressor(device="gpu").fit(FRAME, Y)
