"""The distillation engine: how a target is cut into pieces, and laws that are sums or products of such pieces.

Budgets are counted in processor time, so that a busy machine does not turn a test red.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from closedform.engines.base import Budget
from closedform.engines.rational.engine import RationalEngine
from closedform.engines.rational.formulas import as_product
from closedform.engines.rational.pieces import decompose, table_of
from closedform.symbolic import Expression
from closedform.testing import make_problem


def pieces_of(text, forward=lambda y: y):
    problem = make_problem(text, n_samples=600, noise=0.0)
    z = forward(problem.y)
    z = (z - z.mean()) / z.std()
    return problem, decompose(table_of(problem.X, problem.names, z, None), lambda: False)


def names_of(problem, found):
    return {tuple(problem.names[j] for j in piece.columns) for piece in found.pieces}


def test_a_sum_is_cut_into_its_summands():
    problem, found = pieces_of("2*exp(-x) + sin(2*y) + log(z)")
    assert names_of(problem, found) == {("x",), ("y",), ("z",)}
    assert found.left < 1e-3
    for piece in found.pieces:
        truth = {"x": lambda x: 2 * np.exp(-x), "y": lambda y: np.sin(2 * y), "z": np.log}
        name = problem.names[piece.columns[0]]
        assert abs(np.corrcoef(truth[name](problem.columns[name]), piece.values)[0, 1]) > 0.9999


def test_columns_that_act_together_stay_together():
    problem, found = pieces_of("exp(-x)*(y + 0.4*z)*log(1 + 2*w)", np.log)
    assert names_of(problem, found) == {("x",), ("w",), ("y", "z")}


def test_what_is_no_sum_is_not_cut():
    assert pieces_of("sin(x*y*z)")[1] is None
    assert pieces_of("x**2")[1] is None


def test_the_constant_that_makes_a_product_is_found():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3.0, size=(500, 2))
    product = np.exp(X[:, 0]) / (X[:, 1] + 0.4)
    moved = as_product(X, product - product.mean())
    assert abs(np.median(moved - product)) < 0.02 * np.ptp(product)
    total = X[:, 0] + np.sin(X[:, 1])
    assert as_product(X, total) is total


LAWS = [
    "exp(1.3*x)/(y + 0.37) + sin(2.1*z)",
    "exp(-1.3*x)*(y + 0.37*z)*log(1 + 2.3*w)",
    "(x + 2*y)/(1 + x*y)",
]


@pytest.mark.parametrize("text", LAWS)
def test_laws_that_fall_into_pieces_are_found(text):
    problem = make_problem(text, n_samples=600, noise=0.0)
    budget = Budget(20.0, time.process_time)
    found = list(RationalEngine().candidates(problem, budget=budget, archive=(), rng=np.random.default_rng(0)))
    best = min(found, key=lambda candidate: candidate.loss)
    assert best.loss**0.5 < 1e-11 * problem.scale
    assert best.complexity <= 1.6 * Expression.parse(text).complexity
