"""Every engine passes the public conformance kit, and the kit notices what it is there to notice."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

import toy_engines
from closedform import testing
from closedform.engines import ENGINES, get_engine
from closedform.engines.base import Candidate, Problem
from closedform.exceptions import InputError
from closedform.symbolic import OPERATORS, apply, variable
from closedform.testing import ENGINE_CHECKS
from toy_engines import AffineEngine

# Settings with which the first candidates come at once.
ENGINES_UNDER_TEST = [
    get_engine("rational"),
    get_engine("screen", max_terms=2, library_size=30),
    get_engine("enumerate", max_expressions=2000, max_terms=2),
    get_engine("lies", init="screened", max_terms=2, library_size=30),
    get_engine("structure", max_terms=2, library_size=30),
    AffineEngine(),
]


@pytest.mark.parametrize("engine", ENGINES_UNDER_TEST, ids=lambda engine: engine.name)
@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=lambda check: check.__name__)
def test_engine_conforms(engine, check):
    check(engine)


# --- the kit notices --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BadEngine(AffineEngine):
    """An engine with one vice, which changes or accompanies its candidates."""

    vice: Callable[[Candidate, Problem], Candidate | None] = lambda candidate, problem: candidate
    name: str = "bad"

    def candidates(self, problem, *, budget, archive, rng):
        for found in super().candidates(problem, budget=budget, archive=archive, rng=rng):
            changed = self.vice(found, problem)
            yield found if changed is None else changed


def use_the_global_state(candidate: Candidate, problem: Problem) -> None:
    np.random.random()  # noqa: NPY002


def write_to_the_input(candidate: Candidate, problem: Problem) -> None:
    problem.X.setflags(write=True)
    problem.X[0, 0] = 7.0


def draw_without_seed(candidate: Candidate, problem: Problem) -> Candidate:
    return claim(candidate.expression * float(np.random.default_rng().random()), problem)


def claim(expression, problem: Problem) -> Candidate:
    return toy_engines.candidate(expression, problem, "bad")


VICES = [
    (testing.check_engine_finds_what_it_claims, lambda c, p: replace(c, loss=0.5 * c.loss + 1), "claims the loss"),
    (testing.check_engine_finds_what_it_claims, lambda c, p: replace(c, complexity=1), "claims the complexity 1"),
    (testing.check_engine_finds_what_it_claims, lambda c, p: replace(c, engine="x"), "under the name 'x'"),
    (testing.check_engine_keeps_to_the_operators, lambda c, p: claim(apply("tanh", c.expression), p), "uses more than"),
    (testing.check_engine_leaves_the_world_alone, lambda c, p: sys.stdout.write("hello") and None, "printed 'hello"),
    (testing.check_engine_leaves_the_world_alone, use_the_global_state, "global random state of numpy"),
    (testing.check_engine_leaves_the_world_alone, write_to_the_input, "changed the problem's arrays"),
    (testing.check_engine_is_repeatable, draw_without_seed, "the same seed gave"),
    (testing.check_engine_survives_odd_problems, lambda c, p: replace(c, loss=-1.0), "target: .*claims the loss"),
]


@pytest.mark.parametrize(("check", "vice", "message"), VICES, ids=[message for _, _, message in VICES])
def test_the_kit_notices(check, vice, message):
    with pytest.raises(AssertionError, match=message):
        check(BadEngine(vice=vice))


def test_an_engine_that_overruns_is_noticed(monkeypatch):
    def work(candidate: Candidate, problem: Problem) -> None:
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass

    monkeypatch.setattr(testing, "_LATE", 0.0)
    monkeypatch.setattr(testing, "_SECONDS", 0.05)
    with pytest.raises(AssertionError, match="overrun by"):
        testing.check_engine_keeps_its_budget(BadEngine(vice=work))


def test_an_engine_that_swallows_ctrl_c_is_noticed():
    class Deaf(AffineEngine):
        def candidates(self, problem, *, budget, archive, rng):
            try:
                while not budget.expired():
                    yield claim(variable("x"), problem)
            except KeyboardInterrupt:
                return

    with pytest.raises(AssertionError, match="went on after an interruption"):
        testing.check_engine_lets_an_interruption_pass(Deaf())


def test_an_engine_that_does_not_look_at_the_clock_is_noticed():
    class Blind(AffineEngine):
        def candidates(self, problem, *, budget, archive, rng):
            yield claim(variable("x"), problem)

    with pytest.raises(AssertionError, match="looked at the clock 1 times"):
        testing.check_engine_lets_an_interruption_pass(Blind())


def test_what_is_no_engine_is_noticed():
    with pytest.raises(AssertionError, match="no method candidates"):
        testing.check_engine(object())


# --- operators and exports --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPERATORS.values(), ids=lambda op: op.name)
def test_our_operators_conform(op):
    testing.check_operator(op)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spelling": {}}, "no spelling for text"),
        ({"derivative": lambda ops, value, args, index: 2 * args[0]}, "differs from finite differences"),
        ({"derivative": None}, "has no derivative"),
        ({"interval": lambda bounds: (0.0, 1.0)}, r"outside the interval \[0.0, 1.0\]"),
        ({"numpy": lambda x: np.log(np.abs(x) + 1)}, "values outside its domain"),
        ({"domain": lambda x: x > -2}, "not defined somewhere inside"),
    ],
)
def test_the_kit_notices_a_bad_operator(changes, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_operator(replace(OPERATORS["log"], **changes))


def test_exports_are_checked():
    def to_lambda(expression):
        return lambda x, y: expression.evaluate({"x": np.array([x]), "y": np.array([y])})[0]

    testing.check_export_target(to_lambda)
    with pytest.raises(AssertionError, match="the export says"):
        testing.check_export_target(lambda expression: lambda x, y: 1.0)


# --- names ------------------------------------------------------------------------------------------------------------


def test_every_named_engine_is_there():
    for name in ENGINES:
        assert get_engine(name).name == name


def test_an_engine_object_is_returned_as_it_is():
    engine = AffineEngine()
    assert get_engine(engine) is engine


@pytest.mark.parametrize(
    ("engine", "message"),
    [("lie", r"no engine 'lie' \(did you mean 'lies'\?\)"), (3, "got 3"), (AffineEngine, "an object with a name")],
)
def test_what_is_no_engine_is_refused_in_a_sentence(engine, message):
    with pytest.raises(InputError, match=message):
        get_engine(engine)
