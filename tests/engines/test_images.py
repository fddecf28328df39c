"""An engine with own operators keeps the contract of engines, and the columns it adds never leave it."""

from __future__ import annotations

import numpy as np

from closedform.engines.base import Budget, Problem
from closedform.engines.images import WithOwnOperators, with_own
from closedform.operators import own_operator
from closedform.testing import check_engine
from toy_engines import AffineEngine


def _softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0)


SOFTPLUS = own_operator("softplus", _softplus)
LARGER = own_operator("larger", np.maximum, commutative=True)
ENGINE = WithOwnOperators(AffineEngine(), (SOFTPLUS, LARGER))


def test_it_conforms():
    check_engine(ENGINE)


def test_candidates_are_formulas_of_the_problem():
    X = np.random.default_rng(0).uniform(-2.0, 2.0, size=(80, 2))
    y = 2.0 * _softplus(X[:, 0]) + 0.5 * X[:, 1]
    problem = Problem(X, y, ("softplus(a)", "b"), operators=frozenset({"softplus"}), max_complexity=200)
    found = list(ENGINE.candidates(problem, budget=Budget(20.0), archive=(), rng=np.random.default_rng(0)))
    assert all(set(one.expression.variables) <= {"softplus(a)", "b"} for one in found)
    assert not any("larger" in str(one.expression) for one in found)
    assert min(one.loss for one in found) < 1e-20


def test_it_takes_the_time_and_the_turn_of_the_engine_behind_it():
    class Late(AffineEngine):
        weight = 0.5
        builds_on_others = True

    wrapped = WithOwnOperators(Late(), (SOFTPLUS,))
    assert (wrapped.weight, wrapped.builds_on_others) == (0.5, True)
    assert (ENGINE.weight, ENGINE.builds_on_others) == (1.0, False)


def test_without_own_operators_engines_stay_as_they_are():
    engine = AffineEngine()
    assert with_own((engine,), ()) == (engine,)
