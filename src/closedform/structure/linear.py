"""Laws that are linear in a function of some of their columns: ``y = g(A) + k(A) * m(B)``.

Where that is so, the table of the smooth model over some values of A and some of B, less its mean over B, has rank one.
The three functions come by alternating least squares; sums (k is a constant) and products (g is zero) are special
cases with a test of their own, see :mod:`closedform.structure.splits`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from closedform.insights import Insight
from closedform.library.links import LINKS, Link
from closedform.structure.look import Look, Model, best_surrogate, mean_square, names_of, recipe_text
from closedform.structure.reductions import explained
from closedform.structure.splits import Group, design, linked, told_target
from closedform.structure.surrogate import Basis, FloatArray, Surrogate

# Second singular value over the first: less is looked into.
_RANK_ONE = 0.1
_POINTS = 40
_ROUNDS = 4
# Below the floor, it is the error of the polynomials of single columns.
_LARGEST_RISE, _FLOOR, _LARGEST_ERROR = 1.1, 1e-10, 0.02
_SHARES = (1.0, 0.5, 0.2)
_TERMS_OF_A_CHECK, _DEGREE_OF_A_CHECK, _LARGEST_SHARE, _SHARE_IF_BETTER = 80, 5, 0.05, 0.3
_LINKS = tuple(link for link in LINKS if link.name in ("y", "y^2", "1/y"))


@dataclass(frozen=True, eq=False)
class Linear:
    """A target with ``link.forward(y) = g(outer) + k(outer) * m(inner)``.

    Parameters
    ----------
    outer, inner : tuple of int
        Positions of the columns.
    function : ndarray of shape (n_rows,)
        Values of m, up to a factor and a constant.
    weight : ndarray of shape (n_rows,)
        How much each row says about m.
    link : Link
        What of the target is linear.
    insight : Insight
        The finding in words.
    """

    outer: Group
    inner: Group
    function: FloatArray
    weight: FloatArray
    link: Link
    insight: Insight
    _terms: FloatArray
    _z: FloatArray
    _z_weight: FloatArray

    def coefficients(self, function: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values of g and k on the rows, for given values of m."""
        solution = _solved(np.hstack([self._terms, self._terms * function[:, None]]), self._z, self._z_weight)
        half = self._terms.shape[1]
        return self._terms @ solution[:half], self._terms @ solution[half:]

    @property
    def row_weight(self) -> FloatArray:
        """Weights of the rows for g; for k they are to be multiplied by the square of m."""
        return self._z_weight


def linear(look: Look, model: Model, target: str = "y") -> Linear | None:
    """The best way in which a target is linear in a function of some of its columns, or None.

    Parameters
    ----------
    look : Look
        Two columns or more.
    model : Model
        The best smooth model of it.
    target : str, default="y"
        How the target is called in the finding.
    """
    if len(look.columns) < 2:
        return None
    ways: list[Linear] = []
    for link in _LINKS:
        found = linked(look, link)
        if found is None:
            continue
        z, slope, weight = found
        in_logs, surrogate = best_surrogate(look, z, weight)
        starts = [(*_rank_one(surrogate, inner), inner) for inner in _candidates(len(look.columns))]
        ratio, start, inner = min(starts, key=lambda one: one[0])
        if ratio < _RANK_ONE:
            one = _alternated(look, (link, z, slope, weight), in_logs, inner, start, model, target)
            ways += [one] if one is not None else []
    return min(ways, key=lambda one: one.insight.evidence["error"], default=None)


def _candidates(count: int) -> Iterator[Group]:
    """Sets of columns for m: each alone, then all but one."""
    yield from ((j,) for j in range(count))
    if count > 2:
        yield from (tuple(k for k in range(count) if k != j) for j in range(count))


def _rank_one(surrogate: Surrogate, inner: Group) -> tuple[float, FloatArray]:
    """How far the table of the model over A and B is from rank one, and values of m on some rows (evenly spaced)."""
    rows = np.linspace(0, len(surrogate.X) - 1, _POINTS).astype(np.intp)
    X = np.repeat(surrogate.X[rows], _POINTS, axis=0)
    X[:, list(inner)] = np.tile(surrogate.X[rows][:, list(inner)], (_POINTS, 1))
    table = surrogate.values(surrogate.coefficients(), X).reshape(_POINTS, _POINTS)
    _, singular, right = np.linalg.svd(table - table.mean(axis=1, keepdims=True))
    return float(singular[1] / singular[0]) if singular[0] > 0 else 1.0, np.asarray(right[0])


def _alternated(
    look: Look,
    linked_target: tuple[Link, FloatArray, FloatArray, FloatArray],
    in_logs: bool,
    inner: Group,
    start: FloatArray,
    model: Model,
    target: str,
) -> Linear | None:
    """The three functions by alternating least squares, judged on unseen rows."""
    link, z, slope, weight = linked_target
    outer = tuple(k for k in range(len(look.columns)) if k not in inner)
    rows = np.linspace(0, len(z) - 1, _POINTS).astype(np.intp)
    best: tuple[float, FloatArray, FloatArray, FloatArray] | None = None
    for share in _SHARES:
        terms = np.hstack([np.ones((len(z), 1)), design(look, outer, in_logs, share)])
        inside = np.hstack([np.ones((len(z), 1)), design(look, inner, in_logs, share)])
        few = inside[:, : _POINTS // 3]
        begin = few @ np.linalg.lstsq(few[rows], start, rcond=None)[0]
        errors = np.empty_like(z)
        even, odd = slice(0, None, 2), slice(1, None, 2)
        for fit, judge in ((even, odd), (odd, even)):
            errors[judge] = _fitted(terms, inside, z, weight, begin, fit)[1][judge]
        error = mean_square(errors * slope * look.scale)
        if best is None or error < best[0]:
            best = error, terms, _fitted(terms, inside, z, weight, begin, slice(None))[0], errors * slope * look.scale
    if best is None or best[0] > min(max(_LARGEST_RISE * model.error(), _FLOOR), _LARGEST_ERROR):
        return None
    error, terms, function, residuals = best
    # What a wrong form leaves is no noise: a plain polynomial of all columns explains some of it.
    plain = Basis.of(look.coordinates(in_logs), _TERMS_OF_A_CHECK, _DEGREE_OF_A_CHECK).columns(
        look.coordinates(in_logs)
    )
    allowed = _SHARE_IF_BETTER if error < model.error() / 2 else _LARGEST_SHARE
    if error > _FLOOR and explained(residuals, plain[:, 1:]) > allowed:
        return None
    insight = _told(look, (outer, inner), link, target, (error, model.error()))
    whole = Linear(outer, inner, function, weight, link, insight, terms, z, weight)
    return Linear(
        outer, inner, function, weight * whole.coefficients(function)[1] ** 2, link, insight, terms, z, weight
    )


def _fitted(
    terms: FloatArray, inside: FloatArray, z: FloatArray, weight: FloatArray, start: FloatArray, rows: slice
) -> tuple[FloatArray, FloatArray]:
    """Values of m on all rows, and the errors of the whole there, as fitted to some rows."""
    function, half = start, terms.shape[1]
    for _ in range(_ROUNDS):
        both = np.hstack([terms, terms * function[:, None]])
        solution = _solved(both[rows], z[rows], weight[rows])
        g, k = terms @ solution[:half], terms @ solution[half:]
        function = inside @ _solved((inside * k[:, None])[rows], (z - g)[rows], weight[rows])
        spread = float(function.std())
        function = (function - function.mean()) / (spread if spread > 0 else 1.0)
    both = np.hstack([terms, terms * function[:, None]])
    return function, z - both @ _solved(both[rows], z[rows], weight[rows])


def _solved(columns: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
    root = np.sqrt(weight)
    return np.asarray(np.linalg.lstsq(columns * root[:, None], target * root, rcond=None)[0])


def _told(look: Look, groups: tuple[Group, Group], link: Link, target: str, errors: tuple[float, float]) -> Insight:
    outer, inner = (", ".join(recipe_text(look.columns[j].recipe) for j in group) for group in groups)
    evidence = {"error": float(np.sqrt(errors[0])), "error_without": float(np.sqrt(errors[1]))}
    sentence = (
        f"{told_target(link, target)} is linear in a function of {inner}, with coefficients that depend on {outer}: "
        f"error of a model of that form {evidence['error']:.1e}, of any form {evidence['error_without']:.1e}"
    )
    return Insight("linear", names_of(look.columns), sentence, evidence)
