"""Laws that fall apart: sums and products of functions of separate columns.

A target (or a function of it, such as its logarithm or its reciprocal) is a sum of functions of separate groups of
columns if no term of its smooth model mixes the groups. Products of factors that change sign have no logarithm; for
those the test is ``f * f_ij = f_i * f_j``, and the factors come by alternating least squares.

What a split gives for the search is the value of each piece on the rows, as smooth as the model: short formulas of few
columns are easily recognised in them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closedform.insights import Insight
from closedform.library.links import IDENTITY, LINKS, Link
from closedform.structure.look import Look, Model, best_surrogate, mean_square, names_of, recipe_text
from closedform.structure.surrogate import Basis, FloatArray, Surrogate, least_squares

# What a model may lose by having no mixed terms; below the floor it is rounding.
_LARGEST_RISE = 1.1
_FLOOR = 1e-14
_LARGEST_ERROR = 0.02
# f*f_ij and f_i*f_j differ by less than this, relative to both, where i and j are in different factors.
_SAME = 0.3
_ROUNDS = 10
# Outermost functions that are tried, common ones first.
_LINKS = tuple(link for link in LINKS if link.name in ("y", "log y", "1/y", "y^2", "sqrt y", "exp y"))
_LOG = next(link for link in LINKS if link.name == "log y")
# Most terms of the polynomial of a group, by its number of columns.
_TERMS = {1: 30, 2: 105, 3: 120}
_ROWS_PER_TERM = 6
# Shares of those terms that are tried: many swing where rows are few or noisy.
_SHARES = (1.0, 0.5, 0.25)

Group = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Split:
    """A target that is ``link.outer(sum of pieces)``, or a product of pieces.

    Parameters
    ----------
    groups : tuple of tuple of int
        Positions of the columns of each piece.
    pieces : tuple of ndarray of shape (n_rows,)
        Values of each piece; sums up to a constant, products up to a factor.
    link : Link
        What of the target the sum is.
    product : bool
        Whether the target is the product of the pieces.
    insight : Insight
        The finding in words.
    """

    groups: tuple[Group, ...]
    pieces: tuple[FloatArray, ...]
    link: Link
    product: bool
    insight: Insight


def split(look: Look, model: Model, target: str = "y") -> Split | None:
    """The way in which a target falls into most pieces, or None.

    Parameters
    ----------
    look : Look
        At least two columns.
    model : Model
        The best smooth model of it.
    target : str, default="y"
        How the target is called in the finding.
    """
    if len(look.columns) < 2:
        return None
    found: list[Split] = []
    for link in _LINKS:
        one = _sum(look, model, link, target)
        found += [one] if one is not None else []
    if not found and look.y.min() < 0 < look.y.max():
        one = _product(look, model, target)
        found += [one] if one is not None else []
    return max(found, key=lambda one: len(one.groups)) if found else None


def linked(look: Look, link: Link) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """A function of the target, the slope of the target in it, and the weights of the rows; None where undefined."""
    with np.errstate(all="ignore"):
        if not link.defined(look.y):
            return None
        z, slope = link.forward(look.y), np.abs(link.slope(look.y))
    if not (np.isfinite(z).all() and np.isfinite(slope).all() and slope.max() > 0):
        return None
    return z, slope, look.weight * (slope / slope.max()) ** 2


# --- sums -------------------------------------------------------------------------------------------------------------


def _sum(look: Look, model: Model, link: Link, target: str) -> Split | None:
    seen = linked(look, link)
    if seen is None:
        return None
    z, slope, weight = seen
    in_logs, surrogate = best_surrogate(look, z, weight)
    groups = _components(len(look.columns), _mixed_pairs(surrogate))
    if len(groups) < 2:
        return None
    best: tuple[float, list[FloatArray], FloatArray] = (np.inf, [], z)
    for share in _SHARES:
        designs = [design(look, group, in_logs, share) for group in groups]
        errors, coefficients = least_squares(np.column_stack([np.ones(len(z)), *designs]), z, weight)
        error = mean_square(errors * slope * look.scale)
        if error < best[0]:
            best = error, designs, coefficients
    error, designs, coefficients = best
    if error > min(max(_LARGEST_RISE * model.error(), _FLOOR), _LARGEST_ERROR):
        return None
    pieces, position = [], 1
    for terms in designs:
        pieces.append(terms @ coefficients[position : position + terms.shape[1]])
        position += terms.shape[1]
    insight = _told(look, groups, link is _LOG, link, target, error, model.error())
    if link is _LOG:
        return Split(groups, tuple(np.exp(piece) for piece in pieces), IDENTITY, True, insight)
    return Split(groups, tuple(pieces), link, False, insight)


def _mixed_pairs(surrogate: Surrogate) -> list[tuple[int, int]]:
    """Pairs of columns without whose mixed terms the model gets worse."""
    before = surrogate.error()
    allowed = max(_LARGEST_RISE * before, _FLOOR)
    pairs = itertools.combinations(range(surrogate.X.shape[1]), 2)
    return [(i, j) for i, j in pairs if surrogate.error(~surrogate.basis.mixes([i], [j])) > allowed]


def _components(count: int, pairs: Sequence[tuple[int, int]]) -> tuple[Group, ...]:
    """Columns that are linked by pairs, directly or through others."""
    label = list(range(count))
    for i, j in pairs:
        old, new = label[j], label[i]
        label = [new if one == old else one for one in label]
    return tuple(tuple(k for k in range(count) if label[k] == one) for one in dict.fromkeys(label))


def design(look: Look, group: Group, in_logs: bool, share: float) -> FloatArray:
    """Terms of a polynomial in the columns of a group, without the constant; a share of those that there might be."""
    X = look.with_columns([look.columns[j] for j in group]).coordinates(in_logs)
    n_terms = max(2, int(share * min(_TERMS.get(len(group), 150), len(look.y) // (_ROWS_PER_TERM * 2))))
    return Basis.of(X, n_terms).columns(X)[:, 1:]


# --- products that change sign ----------------------------------------------------------------------------------------


def _product(look: Look, model: Model, target: str) -> Split | None:
    in_logs, surrogate = best_surrogate(look, look.y, look.weight)
    groups = _components(len(look.columns), _inseparable(surrogate))
    if len(groups) < 2:
        return None
    starts = _slices(surrogate, groups)
    designs = [np.column_stack([np.ones(len(look.y)), design(look, group, in_logs, 0.5)]) for group in groups]
    even, odd = slice(0, None, 2), slice(1, None, 2)
    errors = np.empty_like(look.y)
    for fit, judge in ((even, odd), (odd, even)):
        pieces = _alternated(designs, starts, look.y, look.weight, fit)
        errors[judge] = look.y[judge] - np.prod(pieces, axis=0)[judge]
    error = mean_square(errors * look.scale)
    if error > min(max(_LARGEST_RISE * model.error(), _FLOOR), _LARGEST_ERROR):
        return None
    pieces = _alternated(designs, starts, look.y, look.weight, slice(None))
    insight = _told(look, groups, True, IDENTITY, target, error, model.error())
    return Split(groups, tuple(pieces), IDENTITY, True, insight)


def _inseparable(surrogate: Surrogate) -> list[tuple[int, int]]:
    """Pairs of columns that cannot be in different factors."""
    coefficients = surrogate.coefficients()
    f = surrogate.values(coefficients)
    slopes = [surrogate.values(coefficients, None, j) for j in range(surrogate.X.shape[1])]
    found = []
    for i, j in itertools.combinations(range(len(slopes)), 2):
        left, right = f * surrogate.values(coefficients, None, i, j), slopes[i] * slopes[j]
        size = np.median(np.abs(left)) + np.median(np.abs(right))
        if np.median(np.abs(left - right)) > _SAME * size:
            found.append((i, j))
    return found


def _slices(surrogate: Surrogate, groups: Sequence[Group]) -> list[FloatArray]:
    """The model along each group, through the row where the target is largest (rims left out)."""
    coefficients = surrogate.coefficients()
    values = np.abs(surrogate.values(coefficients))
    inner = np.all(np.abs(surrogate.X - surrogate.basis.centre) < 0.8 * surrogate.basis.half, axis=1)
    row = int(np.argmax(np.where(inner, values, 0.0)))
    pieces = []
    for group in groups:
        X = np.repeat(surrogate.X[row : row + 1], len(surrogate.X), axis=0)
        X[:, list(group)] = surrogate.X[:, list(group)]
        pieces.append(surrogate.values(coefficients, X))
    return pieces


def _alternated(
    designs: Sequence[FloatArray], starts: Sequence[FloatArray], y: FloatArray, weight: FloatArray, rows: slice
) -> list[FloatArray]:
    """Factors by alternating least squares on some rows, with their values on all."""
    pieces = [piece / max(float(np.abs(piece).max()), 1e-300) for piece in starts]
    root = np.sqrt(weight)[rows]
    for _ in range(_ROUNDS):
        for k, terms in enumerate(designs):
            others = np.prod([piece for j, piece in enumerate(pieces) if j != k], axis=0)
            scaled = terms[rows] * (others[rows] * root)[:, None]
            solution = np.linalg.lstsq(scaled, y[rows] * root, rcond=None)[0]
            pieces[k] = terms @ solution
    return pieces


# --- words ------------------------------------------------------------------------------------------------------------


def _told(
    look: Look, groups: Sequence[Group], product: bool, link: Link, target: str, error: float, before: float
) -> Insight:
    texts = [", ".join(recipe_text(look.columns[j].recipe) for j in group) for group in groups]
    what = "product" if product else "sum"
    left = target if product else told_target(link, target)
    evidence = {"error": float(np.sqrt(error)), "error_without": float(np.sqrt(before))}
    sentence = (
        f"{left} is a {what} of functions of {' and of '.join(texts)}: error of a model of that form "
        f"{evidence['error']:.1e}, of any form {evidence['error_without']:.1e}"
    )
    return Insight(what, names_of(look.columns), sentence, evidence)


def told_target(link: Link, target: str) -> str:
    """What is done to a target, in words: ``1/y`` for the reciprocal of y."""
    return re.sub(r"\by\b", lambda _: f"({target})" if "/" in target else target, link.name)
