"""Conformance kits: what an engine, an operator or an export of anybody's has to fulfil to work with the rest.

Each check raises an :class:`AssertionError` that says in a sentence what was expected and what came. Run all of them
with :func:`check_engine`, or one by one under pytest::

    @pytest.mark.parametrize("check", closedform.testing.ENGINE_CHECKS, ids=lambda check: check.__name__)
    def test_my_engine(check):
        check(MyEngine())
"""

from __future__ import annotations

import io
import math
import pickle
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import Budget, Candidate, Engine, Problem
from closedform.finish import loss_of
from closedform.symbolic.expression import Expression, apply, variable
from closedform.symbolic.operators import GAPS, TARGETS, ArrayOps, Operator
from closedform.symbolic.own_operators import OwnOperator
from closedform.symbolic.vocabulary import ALWAYS_ALLOWED

FloatArray = NDArray[np.float64]

# Seconds that an engine gets in one run.
_SECONDS = 0.5
# What it may take longer, besides a tenth.
_LATE = 1.0
# Candidates that are looked at where the whole run is not the point.
_SOME = 25


# --- problems and runs ------------------------------------------------------------------------------------------------


def make_problem(
    formula: str = "2.5*x*y + sin(z)", n_samples: int = 60, noise: float = 0.1, seed: int = 0, **settings: Any
) -> Problem:
    """Return a problem with a known formula over columns between 0.5 and 3, its arrays locked against writing.

    Parameters
    ----------
    formula : str, default="2.5*x*y + sin(z)"
        Gives the target before noise; its variables are the columns.
    n_samples : int, default=60
        Number of rows.
    noise : float, default=0.1
        Standard deviation of the noise, relative to that of the target.
    seed : int, default=0
        Where the random numbers start.
    **settings
        Further fields of :class:`~closedform.engines.base.Problem`.
    """
    rng = np.random.default_rng(seed)
    expression = Expression.parse(formula)
    names = expression.variables or ("x",)
    X = rng.uniform(0.5, 3.0, size=(n_samples, len(names)))
    y = np.asarray(expression.evaluate(dict(zip(names, X.T, strict=True))) + np.zeros(n_samples))
    y = y + noise * y.std() * rng.normal(size=n_samples)
    for array in (X, y):
        array.setflags(write=False)
    return Problem(X, y, names, **settings)


def _run(engine: Engine, problem: Problem, seed: int = 0, seconds: float = _SECONDS) -> Iterator[Candidate]:
    budget = Budget(seconds)
    return engine.candidates(problem, budget=budget, archive=(), rng=np.random.default_rng(seed))


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise AssertionError(sentence)


# --- engines ----------------------------------------------------------------------------------------------------------


def check_engine(engine: Engine) -> None:
    """Run every check of :data:`ENGINE_CHECKS` on an engine; takes some ten seconds.

    Parameters
    ----------
    engine : Engine
        With settings small enough to yield candidates within a second.

    Raises
    ------
    AssertionError
        With the first thing that is not as it should be.
    """
    for check in ENGINE_CHECKS:
        check(engine)


def check_engine_has_the_interface(engine: Engine) -> None:
    """A name, a method that is a generator, and the same settings after pickling."""
    _require(isinstance(engine, Engine), f"{engine!r} has no name or no method candidates")
    _require(isinstance(engine.name, str) and bool(engine.name), f"the name must be a text, it is {engine.name!r}")
    copy = pickle.loads(pickle.dumps(engine))
    _require(copy == engine, f"{engine.name}: after pickling it is {copy!r}, before it was {engine!r}")
    found = _run(engine, make_problem())
    _require(
        isinstance(found, Iterator), f"{engine.name}: candidates must return an iterator, it returns {type(found)}"
    )


def check_engine_finds_what_it_claims(engine: Engine) -> None:
    """Each candidate has the loss and the complexity that it says it has, and at least one comes."""
    weight = np.random.default_rng(1).uniform(0.5, 2.0, size=60)
    for problem in (make_problem(), make_problem("3.0*x", noise=0.0), make_problem(sample_weight=weight)):
        found = list(islice(_run(engine, problem), _SOME))
        _require(bool(found), f"{engine.name}: no candidate for {problem.n_samples} rows of an easy problem")
        for candidate in found:
            _check_candidate(engine, candidate, problem)


def _check_candidate(engine: Engine, candidate: Candidate, problem: Problem) -> None:
    what = f"{engine.name}: {candidate.expression}"
    loss = loss_of(candidate.expression, problem)
    close = math.isclose(candidate.loss, loss, rel_tol=1e-6, abs_tol=1e-20 * problem.scale**2)
    _require(close, f"{what} claims the loss {candidate.loss!r}, on the rows of the problem it is {loss!r}")
    size = candidate.expression.complexity
    _require(candidate.complexity == size, f"{what} claims the complexity {candidate.complexity}, it is {size}")
    _require(size <= problem.max_complexity, f"{what} is larger than max_complexity={problem.max_complexity}")
    strangers = set(candidate.expression.variables) - set(problem.names)
    _require(not strangers, f"{what} uses variables that the problem does not have: {strangers}")
    _require(candidate.engine == engine.name, f"{what} comes under the name {candidate.engine!r}")
    _require(candidate.seconds >= 0, f"{what} was found after {candidate.seconds} seconds")


def check_engine_keeps_to_the_operators(engine: Engine) -> None:
    """Only operators that the problem allows, besides sums, products and whole powers."""
    for names in ({"exp"}, {"sin", "cos"}, set[str]()):
        problem = make_problem("exp(-x) + y", operators=frozenset(names))
        for candidate in islice(_run(engine, problem), _SOME):
            _require(
                problem.admits(candidate.expression),
                f"{engine.name}: {candidate.expression} uses more than {sorted(names | ALWAYS_ALLOWED)}",
            )


def check_engine_keeps_to_the_largest_complexity(engine: Engine) -> None:
    """No candidate above `max_complexity`, down to formulas of one node."""
    for limit in (1, 3, 7):
        for candidate in islice(_run(engine, make_problem(max_complexity=limit)), _SOME):
            _check_candidate(engine, candidate, make_problem(max_complexity=limit))


def check_engine_is_repeatable(engine: Engine) -> None:
    """The same seed gives the same candidates, as long as time does not cut them off."""
    first, second = (
        [str(one.expression) for one in islice(_run(engine, make_problem(), 3, 20 * _SECONDS), 5)] for _ in range(2)
    )
    _require(first == second, f"{engine.name}: the same seed gave {first} and then {second}")


def check_engine_leaves_the_world_alone(engine: Engine) -> None:
    """No output, no change of its input, no use of global random states."""
    problem = make_problem()
    before = problem.X.copy(), problem.y.copy(), _global_random_states()
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        list(_run(engine, problem))
    printed = out.getvalue() + err.getvalue()
    _require(not printed, f"{engine.name}: it printed {printed[:200]!r}")
    same = np.array_equal(before[0], problem.X) and np.array_equal(before[1], problem.y)
    _require(same, f"{engine.name}: it changed the problem's arrays")
    moved = [name for name, state in _global_random_states().items() if before[2].get(name, state) != state]
    _require(not moved, f"{engine.name}: it used the global random state of {', '.join(moved)}")


def _global_random_states() -> dict[str, bytes]:
    states: dict[str, Any] = {"random": random.getstate(), "numpy": np.random.get_state()}  # noqa: NPY002
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].random.get_rng_state().numpy().tobytes()
    return {name: pickle.dumps(state) for name, state in states.items()}


def check_engine_keeps_its_budget(engine: Engine) -> None:
    """A run ends when its time is up, also on a large problem, and at once where there is none."""
    for seconds, n_samples in ((2 * _SECONDS, 60), (2 * _SECONDS, 10_000), (0.0, 60)):
        started, worked = time.monotonic(), time.process_time()
        for _ in _run(engine, make_problem(n_samples=n_samples), seconds=seconds):
            pass
        # On a busy machine the wall clock tells more about the neighbours than about the engine.
        used = min(time.monotonic() - started, time.process_time() - worked)
        _require(
            used <= 1.1 * seconds + _LATE,
            f"{engine.name}: {seconds:g} s on {n_samples} rows were overrun by {used - seconds:.1f} s",
        )


def check_engine_survives_odd_problems(engine: Engine) -> None:
    """A constant target, one column, two rows, large and small numbers, ...: no crash, no bad candidate."""
    for name, problem in odd_problems().items():
        for candidate in islice(_run(engine, problem), _SOME):
            try:
                _check_candidate(engine, candidate, problem)
            except AssertionError as problem_found:
                raise AssertionError(f"{name}: {problem_found}") from problem_found


def odd_problems() -> Mapping[str, Problem]:
    """Problems that are legal and unusual, by what is unusual about them."""
    easy = make_problem()
    rng = np.random.default_rng(5)
    two = rng.uniform(1.0, 2.0, size=(2, 2))
    tied = np.round(easy.X)
    return {
        "constant target": Problem(easy.X, np.full(60, 3.0), easy.names),
        "target of zeros": Problem(easy.X, np.zeros(60), easy.names),
        "one column": make_problem("x**2"),
        "two rows": Problem(two, two[:, 0] - 3.0, ("x", "y")),
        "one row": Problem(two[:1], two[:1, 0], ("x", "y")),
        "constant column": Problem(np.hstack([easy.X[:, :1], np.ones((60, 1))]), easy.y, ("x", "y")),
        "equal columns": Problem(np.hstack([easy.X[:, :1]] * 2), easy.y, ("x", "y")),
        "negative numbers and zeros": Problem(tied - 2.0, tied[:, 0] - 1.0, easy.names),
        "noise alone": Problem(easy.X, rng.normal(size=60), easy.names),
        "large numbers": Problem(easy.X * 1e60, easy.y * 1e100, easy.names),
        "small numbers": Problem(easy.X * 1e-60, easy.y * 1e-100, easy.names),
        "odd names": Problem(easy.X, easy.y, ("x 1", "exp", "Température")),
        "weights of zero": Problem(easy.X, easy.y, easy.names, np.repeat([0.0, 1.0], 30)),
    }


def check_engine_continues_from_an_archive(engine: Engine) -> None:
    """Formulas found before are taken without a crash, whatever they are."""
    problem = make_problem()
    texts = ("x", "1.5", "2.5*x*y", "log(x - 1)")
    archive = tuple(Candidate(Expression.parse(text), math.inf, 1, "before", 0.0) for text in texts)
    rng = np.random.default_rng(0)
    for candidate in islice(engine.candidates(problem, budget=Budget(_SECONDS), archive=archive, rng=rng), _SOME):
        _check_candidate(engine, candidate, problem)


def check_engine_lets_an_interruption_pass(engine: Engine) -> None:
    """Ctrl-C, whenever it comes, leaves the generator as a KeyboardInterrupt."""
    ticks = iter(range(10**9))

    def clock() -> float:
        if next(ticks) >= 5:
            raise KeyboardInterrupt
        return 0.0

    budget = Budget(_SECONDS, clock)
    try:
        for _ in engine.candidates(make_problem(), budget=budget, archive=(), rng=np.random.default_rng(0)):
            pass
    except KeyboardInterrupt:
        return
    used = next(ticks)
    _require(used < 5, f"{engine.name}: it went on after an interruption")
    raise AssertionError(f"{engine.name}: it looked at the clock {used} times in a whole run; look between candidates")


def check_engine_candidates_pickle(engine: Engine) -> None:
    """Candidates come back from pickling as they were."""
    found = list(islice(_run(engine, make_problem()), 3))
    _require(pickle.loads(pickle.dumps(found)) == found, f"{engine.name}: candidates change when they are pickled")


ENGINE_CHECKS: tuple[Callable[[Engine], None], ...] = (
    check_engine_has_the_interface,
    check_engine_finds_what_it_claims,
    check_engine_keeps_to_the_operators,
    check_engine_keeps_to_the_largest_complexity,
    check_engine_is_repeatable,
    check_engine_leaves_the_world_alone,
    check_engine_keeps_its_budget,
    check_engine_survives_odd_problems,
    check_engine_continues_from_an_archive,
    check_engine_lets_an_interruption_pass,
    check_engine_candidates_pickle,
)
"""What `check_engine` runs, in order."""


# --- operators --------------------------------------------------------------------------------------------------------

_POINTS = np.array([-3.7, -2.0, -1.0, -0.6, 0.0, 0.35, 0.8, 1.0, 1.7, 3.0])
_SMOOTH_POINTS = _POINTS[_POINTS != 0.0]


def check_operator(op: Operator) -> None:
    """Check that the columns of an operator's row agree with one another.

    Parameters
    ----------
    op : Operator
        A row as in :data:`closedform.symbolic.operators.OPERATORS`.

    Raises
    ------
    AssertionError
        With the first thing that is not as it should be: a spelling is missing, a value outside the domain is not NaN,
        a derivative differs from finite differences, an interval does not hold a value.
    """
    for target in TARGETS:
        known = target in op.spelling or (op.name, target) in GAPS or isinstance(op, OwnOperator)
        _require(known, f"{op.name} has no spelling for {target}, and the gap is not on the list")
    if op.arity == 0:
        return
    args, values = _applied(op, _POINTS)
    inside = np.ones(args[0].shape, dtype=bool) if op.domain is None else np.asarray(op.domain(*args))
    _require(bool(np.isnan(values[~inside]).all()), f"{op.name} has values outside its domain")
    _require(not np.isnan(values[inside]).any(), f"{op.name} is not defined somewhere inside its domain")
    _check_intervals(op, args, values)
    _check_slopes(op, *_applied(op, _SMOOTH_POINTS))


def _applied(op: Operator, points: FloatArray) -> tuple[list[FloatArray], FloatArray]:
    """All combinations of points as arguments, and the values there."""
    args = [axis.ravel() for axis in np.meshgrid(*[points] * (op.arity or 2))]
    with np.errstate(all="ignore"):
        return args, np.broadcast_to(np.asarray(op.numpy(*args), dtype=np.float64), args[0].shape)


def _check_slopes(op: Operator, args: list[FloatArray], values: FloatArray) -> None:
    if op.derivative is None:
        raise AssertionError(f"{op.name} has no derivative")
    step = 1e-6
    for index in range(len(args)):
        up, down = list(args), list(args)
        up[index], down[index] = args[index] + step, args[index] - step
        with np.errstate(all="ignore"):
            above, below = op.numpy(*up), op.numpy(*down)
            slopes = np.broadcast_to(op.derivative(ArrayOps, values, tuple(args), index), values.shape)
            right, left = (above - values) / step, (values - below) / step
        # Where the function or its slope jumps, both sides differ or are huge: there is nothing to compare with.
        smooth = np.isclose(right, left, rtol=1e-3, atol=1e-3) & (np.abs(right) < 1e-3 / step)
        good = np.isclose(slopes, (right + left) / 2, rtol=1e-4, atol=1e-6)[smooth]
        _require(bool(good.all()), f"the derivative of {op.name} in argument {index} differs from finite differences")


def _check_intervals(op: Operator, args: list[FloatArray], values: FloatArray) -> None:
    boxes = [(float(axis.min()), float(axis.max())) for axis in args]
    low, high = op.interval(*boxes)
    defined = values[np.isfinite(values)]
    fine = bool((defined >= low).all() and (defined <= high).all())
    _require(fine, f"{op.name} has values outside the interval [{low}, {high}] that its rule gives for {boxes}")


# --- exports ----------------------------------------------------------------------------------------------------------


def check_export_target(make_function: Callable[[Expression], Callable[..., Any]], rtol: float = 1e-9) -> None:
    """Check that exported formulas have the same values as ours.

    Parameters
    ----------
    make_function : callable
        Turns an expression over the variables ``x`` and ``y`` into a function of two numbers, which returns NaN (or
        something that is not finite) where the formula is not defined.
    rtol : float, default=1e-9
        Largest relative difference.

    Raises
    ------
    AssertionError
        With the first formula and point where the values differ.
    """
    points = [(0.3, 0.7), (1.5, 0.25), (2.0, -0.5), (-1.2, 3.0)]
    for expression in _formulas_of_all_operators():
        function = make_function(expression)
        for point in points:
            columns = {name: np.array([value]) for name, value in zip("xy", point, strict=True)}
            wanted = float(expression.evaluate(columns)[0])
            value = float(function(*point))
            same = math.isclose(value, wanted, rel_tol=rtol, abs_tol=1e-12)
            _require(
                same or not (math.isfinite(wanted) or math.isfinite(value)),
                f"{expression} at x, y = {point} is {wanted!r}, the export says {value!r}",
            )


def _formulas_of_all_operators() -> list[Expression]:
    from closedform.symbolic.operators import OPERATORS

    x, y = variable("x"), variable("y")
    formulas = []
    for op in OPERATORS.values():
        args = (x, y)[: 2 if op.arity is None else op.arity]
        formulas.append(apply(op, *args) * 1.5 + x * y)
    return formulas
