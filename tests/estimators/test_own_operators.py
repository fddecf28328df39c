"""SymbolicRegressor(operators=[..., own_operator(...)])."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from closedform import SymbolicRegressor, load
from closedform.exceptions import InputError, ModelFileError
from closedform.operators import own_operator
from toy_engines import AffineEngine, SlowEngine


def _softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0)


SOFTPLUS = own_operator("softplus", _softplus)
LARGER = own_operator("larger", np.maximum, commutative=True)
X = np.random.default_rng(0).uniform(-3.0, 3.0, size=(120, 2))


def search(*operators, **settings):
    return SymbolicRegressor(
        engines=(AffineEngine(),), operators=list(operators), max_time=20, random_state=0, **settings
    )


@pytest.mark.parametrize(
    ("op", "y"),
    [
        (SOFTPLUS, 2.5 * _softplus(1.75 * X[:, 0]) * X[:, 1] + 1.0),
        (SOFTPLUS, 2.5 * _softplus(X[:, 0] - 0.5) - 1.0),
        (LARGER, 0.5 - 1.5 * np.maximum(X[:, 0], X[:, 1])),
        # With something beside it, which is the engine's to find.
        (LARGER, 0.5 - 1.5 * np.maximum(X[:, 0], X[:, 1]) + 3.25 * X[:, 1]),
    ],
)
def test_laws_with_own_operators_are_found(op, y):
    model = search(..., op).fit(X, y)
    assert op.name in str(model.expression_)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-9)


def test_an_operator_that_is_not_listed_is_not_used():
    y = _softplus(X[:, 0])
    assert "softplus" not in str(search(...).fit(X, y).equations_["equation"].tolist())
    listed = search("mul", SOFTPLUS).fit(X, y)
    assert listed.formulas_[-1].loss < 1e-20


def test_saving_says_which_operator_is_needed(tmp_path):
    model = search(..., SOFTPLUS).fit(X, 2.0 * _softplus(X[:, 0]))
    model.save(tmp_path / "m.json")
    with pytest.raises(ModelFileError, match="uses the operator 'softplus', which this package does not have"):
        load(tmp_path / "m.json")
    again = load(tmp_path / "m.json", operators=[SOFTPLUS])
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.expression_ is model.expression_


def test_it_is_cloned_and_refused_like_any_parameter():
    model = clone(search(..., SOFTPLUS))
    assert model.operators[1] is SOFTPLUS
    with pytest.raises(InputError, match=r"There is no operator .*\.own_operator makes others"):
        search(np.sin).fit(X, X[:, 0])
    with pytest.raises(InputError, match="two operators called 'softplus'"):
        search(SOFTPLUS, own_operator("softplus", np.tanh)).fit(X, X[:, 0])


def test_a_checkpoint_with_own_operators_is_gone_on_with(tmp_path):
    y = 2.0 * _softplus(X[:, 0])
    search(..., SOFTPLUS, checkpoint=tmp_path / "front.json").fit(X, y)
    again = search(..., SOFTPLUS, checkpoint=tmp_path / "front.json", resume=True).fit(X, y)
    assert "softplus" in str(again.expression_)


def test_own_operators_go_with_several_processors(monkeypatch):
    monkeypatch.setattr("closedform.search._SECONDS_ALONE", 0.0)
    model = search(..., SOFTPLUS, n_jobs=2)
    model.engines = (SlowEngine(text="{}*x1", steps=40), AffineEngine())
    y = 2.5 * _softplus(1.75 * X[:, 0]) * X[:, 1] + 1.0
    assert "softplus" in str(model.fit(X, y).expression_)
