"""What is found out about a law: each kind of finding on data that have it, and on data that do not."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.structure.look import Look, best_model
from closedform.structure.splits import split
from closedform.structure.study import study

NAMES = ("a", "b", "c")


def columns(n: int = 600, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(1.0, 3.0, n) for name in NAMES}


def insights(function, noise: float = 0.0, n: int = 600) -> list:
    X = columns(n)
    y = function(**X)
    y = y + np.random.default_rng(1).normal(0.0, 1.0, n) * noise * y.std()
    return list(study(NAMES, np.column_stack(list(X.values())), y).insights)


def sentences(function, **options) -> str:
    return "\n".join(one.sentence for one in insights(function, **options))


noises = pytest.mark.parametrize("noise", [0.0, 0.02], ids=["exact", "noisy"])


@noises
@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda a, b, c: np.exp(-a) + a * b**2 + 0 * c, "c does not matter"),
        (lambda a, b, c: np.tanh(a - b) + c * (a - b) ** 2, "only a - b matters"),
        (lambda a, b, c: np.log(a + 2 * b) * np.sin(c) + c, "only a + 2*b matters"),
        (lambda a, b, c: np.sin(a / b) + c * a / b, "only a/b matters"),
        (lambda a, b, c: np.exp(-0.5 * a * b) * c + c**2, "only a*b matters"),
        (lambda a, b, c: np.exp(-(a**2 + b**2) / 5) + c * (a**2 + b**2), "only a**2 + b**2 matters"),
        (lambda a, b, c: a**2 * (np.sin(b) + c), "a**2 is a factor"),
        (lambda a, b, c: np.sin(a * b) + np.exp(c) / 3, "y is a sum of functions of"),
        (lambda a, b, c: (1 + np.sin(a + 0.1 * a * b)) * np.log(1 + c), "y is a product of functions of"),
        (lambda a, b, c: np.sin(2 * a) * np.cos(b + b * c / 5 + c * c / 9), "a product of functions of a and of b, c"),
        (lambda a, b, c: np.exp(-a) + np.sin(2 * a) * np.log(2 + b - c), "y is linear in a function of "),
        (lambda a, b, c: 1 / (np.exp(a) + np.sin(b * c)), "1/y is a sum of functions of"),
    ],
)  # fmt: skip
def test_what_is_there_is_found(function, found, noise):
    assert found in sentences(function, noise=noise)


def test_what_a_blurred_model_suggests_is_said_where_a_sharp_one_confirms_it():
    law = lambda a, b, c: np.sqrt(a**2 + 1 - 2 * a * np.cos(b - c))  # noqa: E731
    assert "only b - c matters" in sentences(law)
    assert "y^2 is linear in a function of b - c, with coefficients that depend on a" in sentences(law)


@noises
@pytest.mark.parametrize(
    "function",
    [
        lambda a, b, c: np.sin(a + b * c) + a**2 * c + 0.3 * b * c * a,
        lambda a, b, c: np.exp((a * b - c) / 5) + np.sin(a * c) + b,
        lambda a, b, c: np.exp(np.sin(a * b) * c) + np.log(a + b * c),
        lambda a, b, c: np.tanh(5 * (a - b * c)) + 0.1 * a,
    ],
)
def test_what_is_not_there_is_not_found(function, noise):
    assert sentences(function, noise=noise) == ""


def test_a_weak_effect_is_not_called_irrelevant():
    strong = lambda a, b, c: np.exp(a) * np.sin(b) + 0.02 * c  # noqa: E731
    assert "c does not matter" not in sentences(strong)
    assert "c does not matter" not in sentences(strong, noise=0.005, n=2000)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_said_about_noise(seed):
    rng = np.random.default_rng(seed)
    assert study(NAMES, rng.normal(size=(300, 3)), rng.normal(size=300)).insights == ()


@pytest.mark.parametrize("seed", range(3))
def test_noise_leaves_powers_and_mergers_as_they_are(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(1.0, 3.0, (1600, 5))
    y = X[:, 0] ** 2 * X[:, 1] / X[:, 2] * np.exp(-X[:, 3] * X[:, 4] / 4)
    y = y + rng.normal(0.0, 0.02, len(y)) * np.sqrt(np.mean(y**2))
    found = study(tuple("mgrst"), X, y)
    assert len(found.forms[-1].look.columns) == 1
    told = "\n".join(one.sentence for one in found.insights)
    for sentence in ("m**2 is a factor", "g is a factor", "1/r is a factor", "s*t matters"):
        assert sentence in told


@pytest.mark.parametrize("seed", range(3))
def test_noise_makes_no_structure(seed):
    """A law that has none keeps all its columns, even where noise hides what a merger would lose."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(1.0, 3.0, (1600, 4))
    y = X[:, 0] ** X[:, 1] + X[:, 1] * np.sin(X[:, 2] * X[:, 0]) + X[:, 3] ** 2 * X[:, 2] / (1 + X[:, 0])
    y = y + rng.normal(0.0, 0.05, len(y)) * np.sqrt(np.mean(y**2))
    form = study(tuple("abcd"), X, y).forms[-1]
    assert len(form.look.columns) == 4 and form.factor == 1


@pytest.mark.parametrize("n", [2, 8, 30])
def test_few_rows_say_nothing(n):
    assert insights(lambda a, b, c: a * b + c, n=n) == []


def test_evidence_and_columns_come_with_a_finding():
    (found, *_) = insights(lambda a, b, c: np.tanh(a - b) + c * (a - b) ** 2)
    assert (found.kind, found.columns) == ("together", ("a", "b"))
    assert found.evidence["error"] < 1e-3
    assert f"{found.evidence['error']:.1e}" in found.sentence


def test_five_columns_are_cut_down():
    rng = np.random.default_rng(0)
    X = rng.uniform(1.0, 3.0, (1500, 5))
    y = X[:, 0] ** 2 * X[:, 1] / X[:, 2] * np.exp(-((X[:, 3] - X[:, 4]) ** 2))
    form = study(tuple("mgrst"), X, y).forms[-1]
    assert len(form.look.columns) == 1


def test_pieces_of_a_split_have_the_values_of_the_functions():
    X = columns()
    look = Look.of(NAMES, np.column_stack(list(X.values())), np.exp(-X["a"]) + X["b"] * np.sin(X["c"] * X["b"]))
    found = split(look, best_model(look))
    assert found.groups == ((0,), (1, 2))
    for piece, truth in zip(found.pieces, (np.exp(-X["a"]), X["b"] * np.sin(X["c"] * X["b"])), strict=True):
        difference = piece - truth
        assert difference.std() < 2e-2 * truth.std()


def test_time_is_kept():
    X = columns()
    done = study(NAMES, np.column_stack(list(X.values())), X["a"] - X["b"], expired=lambda: True)
    assert done.insights == ()


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (
            lambda a, b, c: np.exp(-(a**0.7 + 2.3 * b**1.6) / 4) * (1 + a**0.7 + 2.3 * b**1.6 + c**2),
            "only 2.3*b**1.6 + a**0.7 matters",
        ),
        (lambda a, b, c: np.tanh(np.sqrt(a * b + 2 * b / c) / 2), "only (1/2)*a*b + b/c matters"),
        (lambda a, b, c: np.sin(np.log(a) - np.log(a) / b) + np.log(1 + c), "only log(a) - log(a)/b matters"),
    ],
)
def test_columns_that_matter_through_an_expression_of_any_kind(function, found):
    one = next(one for one in insights(function, n=1500) if found in one.sentence)
    assert one.kind == "together"
    assert one.evidence["error"] < one.evidence["error_without"]
    assert one.evidence["misalignment"] < 0.01


def test_an_expression_of_three_columns_takes_their_place():
    rng = np.random.default_rng(0)
    X = rng.uniform([0.5, 0.2, 1.0], [3.0, 2.0, 2.0], (1500, 3))
    q, t, length = X.T
    g = np.sqrt(q) * (length / np.sqrt(t) + np.sqrt(t) / 2)
    found = study(("q", "t", "L"), X, np.tanh(g) / g)
    column = found.forms[0].look.columns
    assert len(column) == 1
    assert np.corrcoef(column[0].values, g)[0, 1] ** 2 == pytest.approx(1.0, abs=1e-6)


def test_no_expression_is_made_up():
    said = sentences(lambda a, b, c: a * b + c * np.sin(a + b * c), n=1500)
    assert "matters" not in said
