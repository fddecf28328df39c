"""The enumeration engine: tables that find columns by value, layers whose parts agree, and laws that are nested.

Budgets are counted in processor time, so that a busy machine does not turn a test red.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from closedform.engines.base import DEFAULT_OPERATORS, Budget, Candidate
from closedform.engines.enumerate.engine import EnumerateEngine
from closedform.engines.enumerate.layers import Layers
from closedform.engines.enumerate.table import TOLERANCE, Table
from closedform.library import grow
from closedform.library.pool import build, needed_operators
from closedform.symbolic import Expression
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.vocabulary import implied_by
from closedform.testing import make_problem


def search(problem, *, engine=None, archive=(), seconds=20.0):
    engine = EnumerateEngine(max_expressions=30_000) if engine is None else engine
    budget = Budget(seconds, time.process_time)
    return list(engine.candidates(problem, budget=budget, archive=archive, rng=np.random.default_rng(0)))


def relative_error(candidate, problem):
    return candidate.loss**0.5 / problem.scale


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_columns_are_found_up_to_an_affine_map(rng):
    table = Table(20, rng)
    columns = rng.normal(size=(500, 20))
    assert len(table.add(columns)) == 500
    asked = table.keys(np.stack([3.0 - 0.7 * columns[17], rng.normal(size=20), 1e9 * columns[444]]))
    queries, found = table.find(asked)
    assert list(zip(queries.tolist(), found.tolist(), strict=True)) == [(0, 17), (2, 444)]


def test_no_column_is_kept_twice(rng):
    table = Table(20, rng)
    columns = rng.normal(size=(40, 20))
    taken = table.add(np.concatenate([columns, -columns, 1.0 + 2.0 * columns]))
    assert taken.tolist() == list(range(40))
    assert len(table.add(5.0 * columns)) == 0
    assert len(table) == 40


def test_rounding_does_not_hide_a_column(rng):
    table = Table(20, rng)
    columns = rng.normal(size=(300, 20))
    table.add(columns)
    nudged = columns * (1.0 + 0.1 * TOLERANCE * rng.uniform(-1, 1, size=columns.shape))
    queries, found = table.find(table.keys(nudged))
    assert sorted(queries.tolist()) == list(range(300))
    assert (queries == found).all()


def test_what_is_constant_or_no_number_has_no_key(rng):
    table = Table(5, rng)
    odd = np.array([[1.0] * 5, [np.nan, 1, 2, 3, 4], [np.inf, 1, 2, 3, 4], [0.0] * 5, [1e200, 0, 0, 0, 0]])
    assert not table.keys(odd).usable.any()
    assert len(table.add(odd)) == 0


# --- layers -----------------------------------------------------------------------------------------------------------


def make_layers(rng, operators=DEFAULT_OPERATORS, size=6000):
    X = rng.uniform(0.5, 2.0, size=(60, 2))
    layers = Layers(grow.variables(X, [("var", "x"), ("var", "y")]), np.arange(0, 60, 2), rng, operators)
    for _ in layers.grow(size):
        pass
    return layers, {"x": X[:, 0], "y": X[:, 1]}


def test_an_entry_is_what_its_recipe_says(rng):
    layers, columns = make_layers(rng)
    assert len(layers) >= 6000
    for k in rng.choice(len(layers), 200, replace=False).tolist():
        values = evaluate(build(layers.recipe(k)), columns)
        np.testing.assert_allclose(layers.column(k)[::2], layers.table.values[k], rtol=1e-12)
        defined = np.isfinite(values)
        np.testing.assert_allclose(layers.column(k)[defined], values[defined], rtol=1e-7, atol=1e-12)


def test_simple_entries_come_first_and_keep_to_the_operators(rng):
    layers, _ = make_layers(rng, frozenset({"exp", "div"}), 2000)
    assert (np.diff(layers.costs) >= 0).all()
    allowed = implied_by(frozenset({"exp", "div"}))
    assert all(needed_operators(layers.recipe(k)) <= allowed for k in range(0, len(layers), 7))


# --- laws -------------------------------------------------------------------------------------------------------------

NESTED = [
    "sin(x*exp(y))*sqrt(z + 1)",
    "z/log(1 + (x + 1)**y)",
    "exp(x*cos(y))/sqrt(x + z)",
    "sqrt(1 + sin(x*y)**2)/z",
]


@pytest.mark.parametrize("text", NESTED)
def test_nested_laws_are_found(text):
    problem = make_problem(text, n_samples=300, noise=0.0)
    best = min(search(problem), key=lambda candidate: candidate.loss)
    assert relative_error(best, problem) < 1e-12
    assert best.complexity <= 1.5 * Expression.parse(text).complexity


def test_a_sum_with_coefficients_is_found_in_noise():
    problem = make_problem("1.7*exp(sin(x)) - 0.6*x*sqrt(y)", n_samples=300, noise=0.02)
    found_by = search(problem, engine=EnumerateEngine(max_expressions=8000), seconds=8.0)
    assert any(relative_error(found, problem) < 0.022 and found.complexity < 20 for found in found_by)


def test_parts_of_what_others_found_are_leaves():
    problem = make_problem("x*exp(y*sin(1.37*x*y + 0.41))", n_samples=300, noise=0.0)
    others = Expression.parse("2.0*y + 0.7*sin(1.37*x*y + 0.41)*y**2")
    archive = (Candidate(others, 1.0, others.complexity, "other", 0.1),)
    engine = EnumerateEngine(max_expressions=4000)
    alone, helped = (
        min(relative_error(c, problem) for c in search(problem, engine=engine, archive=given))
        for given in ((), archive)
    )
    assert helped < 1e-12 < 1e-6 < alone
