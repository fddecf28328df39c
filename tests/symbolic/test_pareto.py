"""The archive and the rules of choice, on fronts made by hand and on simulated ones whose truth is known."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.exceptions import InputError
from closedform.symbolic import Expression, constant, variable
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.pareto import Archive, choose, pareto_front, scores


@dataclass(frozen=True)
class Candidate:
    """The least that an archive asks for."""

    loss: float
    complexity: int
    expression: Expression = field(default_factory=lambda: variable("x"))


points = st.lists(st.tuples(st.sampled_from([0.0, 1e-9, 0.1, 0.5, 1.0, math.inf, math.nan]), st.integers(1, 6)))


# --- archive ----------------------------------------------------------------------------------------------------------


@given(points)
def test_archive_holds_exactly_the_candidates_that_nobody_beats(pairs):
    candidates = [Candidate(*pair) for pair in pairs]
    archive: Archive[Candidate] = Archive()
    archive.update(candidates)
    finite = [(c.loss, c.complexity) for c in candidates if math.isfinite(c.loss)]
    expected = {
        (loss, size)
        for loss, size in finite
        if not any((a <= loss and b < size) or (a < loss and b <= size) for a, b in finite)
    }
    assert {(c.loss, c.complexity) for c in archive} == expected
    assert len(archive) == len(expected)
    sizes = [c.complexity for c in archive]
    losses = [c.loss for c in archive]
    assert sizes == sorted(sizes)
    assert losses == sorted(losses, reverse=True)


@given(points)
def test_order_of_insertion_does_not_matter(pairs):
    candidates = [Candidate(*pair) for pair in pairs]
    forth, back = pareto_front(candidates), pareto_front(reversed(candidates))
    assert [(c.loss, c.complexity) for c in forth] == [(c.loss, c.complexity) for c in back]


def test_first_of_equals_stays():
    first, second = Candidate(1.0, 3, variable("a")), Candidate(1.0, 3, variable("b"))
    archive: Archive[Candidate] = Archive()
    assert archive.add(first)
    assert not archive.add(second)
    assert archive.front == (first,)


def test_rounding_does_not_keep_longer_formulas():
    archive: Archive[Candidate] = Archive(loss_floor=1e-24)
    assert archive.add(Candidate(3e-32, 9))
    assert not archive.add(Candidate(1e-33, 11))
    assert archive.add(Candidate(9e-31, 7))
    assert [c.complexity for c in archive] == [7]


def test_what_is_described_shortest_stays_though_it_is_beaten():
    lengths = {"wave": 60.0, "law": 50.0, "longer": 70.0, "shortest": 40.0}
    archive: Archive[Candidate] = Archive(length=lambda one: lengths[str(one.expression)])
    wave, law, longer = (
        Candidate(loss, size, variable(name))
        for loss, size, name in ((0.9, 7, "wave"), (1.0, 8, "law"), (1.1, 9, "longer"))
    )
    assert archive.add(wave)
    assert not archive.would_accept(law.loss, law.complexity) and archive.wants(law)
    assert archive.add(law)
    assert not archive.wants(longer) and not archive.add(longer)
    assert archive.front == (wave, law)
    shortest = Candidate(1.05, 8, variable("shortest"))
    assert archive.add(shortest)
    assert archive.front == tuple(archive) == (wave, shortest)
    assert not archive.add(Candidate(math.inf, 1, variable("shortest")))


def test_limit_of_complexity_and_losses_that_are_none():
    archive: Archive[Candidate] = Archive(max_complexity=10)
    assert not archive.add(Candidate(0.1, 11))
    assert not archive.add(Candidate(math.nan, 2))
    assert not archive.add(Candidate(math.inf, 2))
    assert not archive
    assert archive.best_loss == math.inf
    assert archive.update([Candidate(0.2, 5), Candidate(0.3, 6), Candidate(0.1, 7)]) == 2
    assert archive.best_loss == 0.1
    assert not archive.would_accept(0.2, 5)
    assert archive.would_accept(0.15, 6)


# --- scores and simple rules ------------------------------------------------------------------------------------------


def test_scores():
    front = [Candidate(1.0, 1), Candidate(0.1, 3), Candidate(0.1, 4), Candidate(0.0, 9)]
    assert scores(front) == pytest.approx([0.0, math.log(10) / 2, 0.0, math.inf])
    assert scores(front, loss_floor=1e-3)[-1] == pytest.approx(math.log(100) / 5)
    assert scores([]) == []


def test_rules_on_a_front_with_an_elbow():
    y = np.linspace(0.0, 1.0, 50)
    front = [Candidate(0.08, 1), Candidate(0.001, 5), Candidate(0.00095, 9), Candidate(0.0009, 15)]
    assert choose(front, "best", y=y).complexity == 5
    assert choose(front, "accuracy", y=y).complexity == 15
    assert choose(front, lambda candidates: candidates[0], y=y).complexity == 1
    assert choose(front[::-1], "best", y=y).complexity == 5


def test_best_ignores_the_elbow_of_a_bad_formula():
    # The steepest step leads to a formula far from the smallest loss.
    front = [Candidate(1.0, 1), Candidate(0.01, 2), Candidate(0.0001, 10), Candidate(0.00009, 12)]
    assert choose(front, "best", y=np.linspace(-2.0, 2.0, 30)).complexity == 10


@pytest.mark.parametrize("rule", ["mdl", "best", "accuracy"])
def test_undefined_candidates_are_never_chosen(rule):
    y = np.linspace(0.0, 1.0, 20)
    front = [Candidate(math.nan, 1), Candidate(0.5, 3), Candidate(math.inf, 2)]
    assert choose(front, rule, y=y).loss == 0.5


def test_nothing_to_choose_from():
    with pytest.raises(InputError, match="at least one formula with a finite loss, got 1"):
        choose([Candidate(math.inf, 1)], y=[1.0, 2.0])
    with pytest.raises(InputError, match='"mdl", "best", "accuracy" or a callable, got \'beauty\''):
        choose([Candidate(1.0, 1)], "beauty", y=[1.0, 2.0])  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_any_scale_of_the_target(scale):
    y = scale * np.linspace(0.0, 1.0, 50)
    front = [Candidate(0.08 * scale * scale, 1), Candidate(0.001 * scale * scale, 5)]
    if all(math.isfinite(candidate.loss) for candidate in front):
        assert choose(front, y=y) in front


# --- fronts with a known truth ----------------------------------------------------------------------------------------

TERMS = [
    *("x", "z", "x**2", "z**2", "x*z", "exp(x)", "sin(x)", "sin(z)", "log(x)", "log(z)", "x**3", "sqrt(x)"),
    *("x**2*z", "1/x", "1/z", "exp(-x)", "cos(x)"),
]
COMBINATIONS = [list(itertools.combinations(TERMS, count)) for count in (1, 2, 3, 4)]
TRUTHS = [("x*z",), ("x**2", "sin(z)"), ("log(x)",), ("x", "exp(-x)"), ("x**2*z", "1/x")]


def _fitted(terms, columns, y) -> Candidate:
    """The least-squares combination of some terms and an intercept."""
    parts = [Expression.parse(term) for term in terms]
    design = np.column_stack([np.ones(y.size), *[evaluate(part, columns) for part in parts]])
    weights = np.linalg.lstsq(design, y, rcond=None)[0]
    formula = constant(float(weights[0]))
    for weight, part in zip(weights[1:], parts, strict=True):
        formula = formula + constant(float(weight)) * part
    return Candidate(float(np.mean((evaluate(formula, columns) - y) ** 2)), formula.complexity, formula)


def _simulated(truth, n_rows, noise, rng):
    """A search of many combinations of up to four terms: among them are some that fit the noise well."""
    columns = {"x": rng.uniform(0.5, 4.0, n_rows), "z": rng.uniform(0.5, 4.0, n_rows)}
    clean = 1.3 + sum(1.7 * evaluate(Expression.parse(term), columns) / (1 + i) for i, term in enumerate(truth))
    y = clean + noise * clean.std() * rng.standard_normal(n_rows)
    candidates = []
    for combinations in COMBINATIONS:
        chosen = rng.permutation(len(combinations))[:40]
        candidates += [_fitted(combinations[i], columns, y) for i in chosen]
    right = _fitted(truth, columns, y)
    return pareto_front([*candidates, right]), right, y, clean, columns


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("rule", ["mdl", "best"])
def test_exact_data_give_the_exact_formula(truth, rule, rng):
    for n_rows in (30, 500):
        front, right, y, _, _ = _simulated(truth, n_rows, 0.0, rng)
        assert choose(front, rule, y=y).expression == right.expression


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize(
    ("n_rows", "noise"), [(20, 0.03), (20, 0.3), (100, 0.001), (100, 0.3), (600, 0.001), (600, 0.1)]
)
def test_noise_is_not_fitted(truth, n_rows, noise, rng):
    front, right, y, clean, columns = _simulated(truth, n_rows, noise, rng)
    chosen = choose(front, "mdl", y=y)
    assert chosen.complexity <= right.complexity
    if noise <= 0.001 and n_rows >= 100:
        assert chosen.expression == right.expression
    error = np.sqrt(np.mean((evaluate(chosen.expression, columns) - clean) ** 2))
    assert error < 1.2 * noise * clean.std() + 1e-9


def test_known_noise_decides(rng):
    front, _, y, clean, _ = _simulated(("x*z",), 200, 0.05, rng)
    sigma = 0.05 * clean.std()
    told = choose(front, y=y, noise=sigma)
    assert told.complexity == choose(front, y=y).complexity
    # Three hundred times the noise hides the shape.
    assert choose(front, y=y, noise=300 * sigma).complexity < told.complexity


def test_rounded_constants_are_worth_their_place(rng):
    x = rng.uniform(0.5, 3.0, 200)
    y = 0.5 * x**2
    free = Expression.parse("0.49999999999999994*x**2.0000000000000004")
    rounded = Expression.parse("(1/2)*x**2")
    candidates = [Candidate(float(np.mean((evaluate(e, {"x": x}) - y) ** 2)), e.complexity, e) for e in (free, rounded)]
    assert choose(candidates, y=y).expression is rounded


def test_interpolation_is_not_a_law(rng):
    # Eight planets, eight constants: no error at all, and no law.
    x = np.arange(1.0, 9.0)
    y = x**1.5 + 0.01 * rng.standard_normal(8)
    power = Expression.parse("1.0001*x**1.4999")
    everything = constant(0.5)
    for k in range(1, 8):
        everything = everything + constant(0.3 + k) * variable("x") ** k
    front = [Candidate(1e-4, 5, power), Candidate(1e-20, 30, everything)]
    assert choose(front, y=y).expression is power
