"""Laws of the form f(g(x)) with f unknown: columns that matter only through one expression g of them.

Where ``y = f(g)``, the gradient of y has the direction of the gradient of g in every row, whatever f is: the ratios of
partial derivatives ``(dy/dx_i)/(dy/dx_j) = (dg/dx_i)/(dg/dx_j)`` depend on g alone. For ``g = c_1*p_1 + c_2*p_2`` with
known terms p the condition ``y_i*g_j - y_j*g_i = 0`` is linear in c, so that all pairs out of a few hundred terms are
looked at by their 2 x 2 matrices; the smallest eigenvalue says how far the directions are apart. Sums of two powers
with any exponents are read off the ratio itself, which is a product of powers then.

The idea is that of AI Feynman 2.0 (Udrescu et al. 2020, arXiv 2006.10782), section "generalized symmetry"; there the
direction comes from a trained network and g from a search by brute force.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from closedform.insights import Insight
from closedform.library.grow import product_recipe
from closedform.library.pool import Recipe
from closedform.library.powers import rounded_exponent
from closedform.library.symmetry import Column, standard
from closedform.structure.look import Look, Model, model_of, names_of, recipe_text
from closedform.structure.mergers import slopes_of
from closedform.structure.reductions import Reduced, passes
from closedform.structure.surrogate import FloatArray

# Models with larger errors have no gradient that says anything.
_BLURRED = 0.01
_FLOOR = 1e-14
# Share of each column that counts as a rim, at either end.
_RIM = 0.05
# Directions that differ by more, as a mean squared sine, belong to another g.
_ALIGNED = 3e-3
_EXPONENTS = tuple(Fraction(n) for n in ("1", "-1", "2", "-2", "1/2", "-1/2"))
_FEW, _MANY = 2, 3
_FEW_COLUMNS, _MOST_COLUMNS = 4, 6
_MOST_TRIALS, _TRIALS_OF_A_GROUP, _MOST_LOOKED_AT = 16, 3, 60
# Mean squared sine of the angle between the gradients of two terms, at least.
_DIFFERENT = 1e-3
# A model that is so many times worse is not worth a better weight.
_FAR = 300.0
# Nodes of g count against its fit: one node for this factor of the eigenvalue.
_FACTOR_OF_A_NODE = 1.25
_SIMPLE = tuple(Fraction(n) for n in ("1", "-1", "2", "-2", "1/2", "-1/2", "3", "-3", "4", "-4", "1/3", "1/4"))
_NEAR = 0.02
_STEPS_OF_REFINING = 9
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, eq=False)
class _Term:
    """A function of some columns, with its derivatives in all of them."""

    columns: frozenset[int]
    values: FloatArray
    gradient: FloatArray
    recipe: Recipe
    cost: int


@dataclass(frozen=True, eq=False)
class Composition:
    """An expression g of some columns through which alone they may matter.

    Parameters
    ----------
    columns : tuple of int
        Positions of the columns that it takes the place of.
    terms : tuple of (ndarray, recipe)
        The two terms of g.
    weight : float
        Of the second term.
    misalignment : float
        Mean squared sine of the angle between the gradients of the target and of g.
    """

    columns: tuple[int, ...]
    terms: tuple[tuple[FloatArray, Recipe], tuple[FloatArray, Recipe]]
    weight: float | int | Fraction
    misalignment: float

    @property
    def column(self) -> Column:
        """Values of g, and what it is."""
        (first, one), (second, other) = self.terms
        weight = self.weight
        part = other if weight == 1 else ("mul", weight, other)
        recipe = ("sub", one, other) if weight == -1 else ("add", one, part)
        return Column(first + float(weight) * second, recipe)

    def applied(self, look: Look) -> Look:
        """The smaller problem."""
        others = (column for k, column in enumerate(look.columns) if k not in self.columns)
        return look.with_columns((self.column, *others))


def composed(state: Reduced, expired: Callable[[], bool] = lambda: False) -> Reduced | None:
    """The problem with two or three columns replaced by one expression of them, if that loses nothing; None if not.

    Parameters
    ----------
    state : Reduced
        A problem in which nothing simpler was found.
    expired : callable, optional
        Whether the time is up.
    """
    look, before = state.look, state.model.error()
    if not _FEW <= len(look.columns) <= _MOST_COLUMNS or before > _BLURRED**2:
        return None
    best: tuple[Composition, Model] | None = None
    for trial in compositions(look, state.model):
        if expired():
            break
        model = model_of(trial.applied(look), False, state.model.log_target)
        if isinstance(trial.weight, float) and model.error() < _FAR * max(before, _FLOOR):
            trial, model = _refined(trial, look, model)
        if passes(model, before, _beside(look, trial.columns)) and (best is None or model.error() < best[1].error()):
            best = trial, model
    if best is None:
        return None
    found, model = best
    insight = _told(look, found, model, state.model)
    return Reduced(found.applied(look), state.factor, model, (*state.insights, insight))


def compositions(look: Look, model: Model) -> list[Composition]:
    """Expressions that the gradient of a smooth model speaks for, the most convincing ones first.

    Parameters
    ----------
    look : Look
        Two columns or more.
    model : Model
        A smooth model of it.
    """
    slopes = slopes_of(model, look)
    found: list[tuple[float, Composition]] = []
    for size in (_FEW, _MANY) if len(look.columns) <= _FEW_COLUMNS else (_FEW,):
        for group in itertools.combinations(range(len(look.columns)), size):
            found += _of_pairs(look, slopes, group, model.in_logs)
    for i, j in itertools.combinations(range(len(look.columns)), _FEW):
        found += _of_powers(look, slopes, i, j)
    found.sort(key=lambda one: one[0])
    return [one for _, one in found[:_MOST_TRIALS]]


# ------------------------------------------------------------------------------------------------ all pairs of terms


def _of_pairs(look: Look, slopes: FloatArray, group: Sequence[int], in_logs: bool) -> list[tuple[float, Composition]]:
    """The best pairs of terms for these columns."""
    terms = _terms(look, group)
    if len(terms) < _FEW:
        return []
    columns = [look.columns[k] for k in group]
    # What a column varies by, relative to itself where it is a logarithm that the model knows.
    spread = np.column_stack(
        [c.values if in_logs and c.one_sign else np.full(len(slopes), c.values.std()) for c in columns]
    )
    target = slopes[:, list(group)] * spread
    # Where the target hardly changes, and on the rims, the gradient is that of the model's errors.
    size, values = np.linalg.norm(target, axis=1), np.column_stack([c.values for c in columns])
    low, high = np.quantile(values, _RIM, axis=0), np.quantile(values, 1 - _RIM, axis=0)
    steep = (size >= np.median(size)) & (values >= low).all(axis=1) & (values <= high).all(axis=1)
    if not steep.any():
        return []
    target = target[steep] / np.maximum(size[steep], 1e-300)[:, None]
    gradients = np.stack([(term.gradient * spread)[steep] for term in terms], axis=2)
    # Twice the area between the two gradients, for each two columns.
    areas = np.concatenate(
        [
            target[:, [i]] * gradients[:, j] - target[:, [j]] * gradients[:, i]
            for i, j in itertools.combinations(range(len(group)), 2)
        ]
    )
    lengths = (gradients * np.linalg.norm(target, axis=1)[:, None, None]).reshape(-1, len(terms))
    across, along = areas.T @ areas, lengths.T @ lengths
    misaligned, weights = _smallest(across, along)
    covers = np.array([[term.columns | other.columns == frozenset(group) for other in terms] for term in terms])
    cost = np.array([term.cost for term in terms])
    score = np.where(covers, np.maximum(misaligned, 1e-14) * _FACTOR_OF_A_NODE ** (cost[:, None] + cost), np.inf)
    found = []
    for position in np.argsort(score, axis=None, kind="stable")[:_MOST_LOOKED_AT]:
        a, b = np.unravel_index(position, score.shape)
        if misaligned[a, b] < _ALIGNED and _apart(gradients[:, :, a], gradients[:, :, b]):
            pair = ((terms[a].values, terms[a].recipe), (terms[b].values, terms[b].recipe))
            weight = _rounded(float(weights[a, b]))
            found.append((float(score[a, b]), Composition(tuple(group), pair, weight, float(misaligned[a, b]))))
    return found[:_TRIALS_OF_A_GROUP]


def _apart(first: FloatArray, second: FloatArray) -> bool:
    """Whether two gradients have different directions: else both are functions of one and the same expression."""
    both = np.sum(first**2, axis=1) * np.sum(second**2, axis=1)
    cosine2 = np.sum(first * second, axis=1) ** 2 / np.maximum(both, 1e-300)
    return float(np.mean(1 - cosine2)) > _DIFFERENT


def _smallest(across: FloatArray, along: FloatArray) -> tuple[FloatArray, FloatArray]:
    """For each two terms the smallest eigenvalue of their part of ``across`` over ``along``, and c_2 over c_1."""
    a, b, c = np.diag(across)[:, None], across, np.diag(across)[None, :]
    p, q, r = np.diag(along)[:, None], along, np.diag(along)[None, :]
    determinant = p * r - q * q
    usable = np.triu(determinant > 1e-6 * p * r, 1)
    with np.errstate(all="ignore"):
        half = (a * r + c * p - 2 * b * q) / (2 * determinant)
        root = np.sqrt(np.maximum(half**2 - (a * c - b * b) / determinant, 0.0))
        value = np.maximum(half - root, 0.0)
        weights = -(a - value * p) / (b - value * q)
        # A term that brings nothing is none.
        share = np.abs(weights) * np.sqrt(r / p)
        usable &= np.isfinite(weights) & np.isfinite(value) & (share > 1e-3) & (share < 1e3)
    return np.where(usable, value, np.inf), np.where(usable, weights, 1.0)


def _terms(look: Look, group: Sequence[int]) -> list[_Term]:
    """Products of powers of the columns, and a logarithm of one over or times another."""
    columns = [look.columns[k] for k in group]
    positive = all(column.values.min() > 0 for column in columns)
    exponents = (Fraction(0), *_EXPONENTS) if positive else (Fraction(0), Fraction(1), Fraction(2))
    terms = []
    for vector in itertools.product(exponents, repeat=len(group)):
        if any(vector):
            terms.append(_monomial(columns, group, vector))
    if positive:
        terms += [_logarithm(columns, group, i, i, Fraction(0)) for i in range(len(group))]
        for i, k in itertools.permutations(range(len(group)), 2):
            terms += [_logarithm(columns, group, i, k, exponent) for exponent in (Fraction(1), Fraction(-1))]
    return [term for term in terms if np.isfinite(term.gradient).all() and term.cost <= 4 * len(group) + 3]


def _monomial(columns: Sequence[Column], group: Sequence[int], vector: Sequence[Fraction]) -> _Term:
    values = np.prod([column.values ** float(e) for column, e in zip(columns, vector, strict=True)], axis=0)
    gradient = np.column_stack(
        [
            float(e) * column.values ** (float(e) - 1) * _others(columns, vector, position)
            if e
            else np.zeros(len(values))
            for position, (column, e) in enumerate(zip(columns, vector, strict=True))
        ]
    )
    used = [(c, e) for c, e in zip(columns, vector, strict=True) if e]
    recipe = product_recipe([(column.recipe, int(e) if e.denominator == 1 else e) for column, e in used])
    cost = sum(1 if e == 1 else 2 if abs(e) == 1 or e.denominator > 1 else 3 for _, e in used) + len(used) - 1
    return _Term(frozenset(k for k, e in zip(group, vector, strict=True) if e), values, gradient, recipe, cost)


def _others(columns: Sequence[Column], vector: Sequence[Fraction], position: int) -> FloatArray:
    rest = [c.values ** float(e) for k, (c, e) in enumerate(zip(columns, vector, strict=True)) if k != position]
    return np.asarray(np.prod(rest, axis=0))


def _logarithm(columns: Sequence[Column], group: Sequence[int], i: int, k: int, exponent: Fraction) -> _Term:
    """The logarithm of column i times a power of column k."""
    x, z = columns[i].values, columns[k].values ** float(exponent)
    gradient = np.zeros((len(x), len(columns)))
    gradient[:, i] += z / x
    if exponent:
        gradient[:, k] += np.log(x) * float(exponent) * columns[k].values ** (float(exponent) - 1)
    logarithm = ("log", columns[i].recipe)
    recipe = ("mul", logarithm, product_recipe([(columns[k].recipe, int(exponent))])) if exponent else logarithm
    used = frozenset({group[i], group[k]}) if exponent else frozenset({group[i]})
    return _Term(used, np.log(x) * z, gradient, recipe, 2 if not exponent else 4)


# ---------------------------------------------------------------------------------------------- sums of two powers


def _of_powers(look: Look, slopes: FloatArray, i: int, j: int) -> list[tuple[float, Composition]]:
    """``x_i**p + k*x_j**q``: there the ratio of the slopes is a product of powers."""
    a, b = look.columns[i].values, look.columns[j].values
    if min(a.min(), b.min()) <= 0:
        return []
    with np.errstate(all="ignore"):
        ratio = slopes[:, j] / slopes[:, i]
    if not (np.isfinite(ratio).all() and np.median(np.sign(ratio)) != 0):
        return []
    sign = float(np.median(np.sign(ratio)))
    kept = ratio * sign > 0
    design = np.column_stack([np.ones(len(a)), -np.log(a), np.log(b)])
    solved = np.zeros(3)
    for _ in range(_FEW):
        solved = np.linalg.lstsq(design[kept], np.log(np.abs(ratio[kept])), rcond=None)[0]
        with np.errstate(all="ignore"):
            rest = np.log(np.abs(ratio)) - design @ solved
        # The rims, where polynomials swing, are left out.
        kept = (ratio * sign > 0) & (np.abs(rest) <= np.quantile(np.abs(rest[kept]), 0.9))
    misaligned = float(np.mean(rest[kept] ** 2))
    p, q = (rounded_exponent(float(value) + 1) for value in solved[1:])
    if misaligned > _ALIGNED or not kept.sum() > len(a) // 2 or min(abs(float(p)), abs(float(q))) < 0.1:
        return []
    weight = _rounded(sign * float(np.exp(solved[0]) * float(p) / float(q)))
    pair = tuple(
        (x ** float(e), product_recipe([(look.columns[k].recipe, int(e) if float(e).is_integer() else e)]))
        for k, x, e in ((i, a, p), (j, b, q))
    )
    return [(misaligned * _FACTOR_OF_A_NODE**6, Composition((i, j), (pair[0], pair[1]), weight, misaligned))]


# ---------------------------------------------------------------------------------------------------------- shared


def _rounded(weight: float) -> float | int | Fraction:
    """The weight as a simple number where it is near one."""
    nearest = min(_SIMPLE, key=lambda number: abs(float(number) - weight))
    if abs(float(nearest) - weight) > _NEAR * abs(weight):
        return weight
    return int(nearest) if nearest.denominator == 1 else nearest


def _refined(trial: Composition, look: Look, model: Model) -> tuple[Composition, Model]:
    """The composition with the weight with which a model of it predicts best, near the one that it has."""

    def changed(factor: float) -> tuple[Composition, Model]:
        other = replace(trial, weight=float(trial.weight) * factor)
        return other, model_of(other.applied(look), False, model.log_target)

    def error(factor: float) -> float:
        return changed(factor)[1].error()

    low, high = 1 - 5 * _NEAR, 1 + 5 * _NEAR
    points = [high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)]
    errors = [error(point) for point in points]
    for _ in range(_STEPS_OF_REFINING):
        if errors[0] < errors[1]:
            high, points, errors = points[1], [0.0, points[0]], [0.0, errors[0]]
            points[0] = high - _GOLDEN * (high - low)
            errors[0] = error(points[0])
        else:
            low, points, errors = points[0], [points[1], 0.0], [errors[1], 0.0]
            points[1] = low + _GOLDEN * (high - low)
            errors[1] = error(points[1])
    if min(errors) >= model.error():
        return trial, model
    return changed(points[0] if errors[0] < errors[1] else points[1])


def _beside(look: Look, columns: Sequence[int]) -> FloatArray:
    """Powers of the columns, and products of two: what could still be seen of them."""
    own = [standard(look.columns[k].values) for k in columns]
    products = [a * b for a, b in itertools.combinations_with_replacement(own, 2)]
    return np.column_stack([*own, *products, *(a**3 for a in own)])


def _told(look: Look, found: Composition, model: Model, before: Model) -> Insight:
    merged = [look.columns[k] for k in found.columns]
    error, without = float(np.sqrt(model.error())), float(np.sqrt(before.error()))
    apart = ", ".join(recipe_text(column.recipe) for column in merged)
    sentence = (
        f"only {recipe_text(found.column.recipe)} matters: error of a model of it {error:.1e}, of {apart} "
        f"{without:.1e}; the gradient has its direction to {np.sqrt(found.misalignment):.1e}"
    )
    evidence = {"error": error, "error_without": without, "misalignment": float(np.sqrt(found.misalignment))}
    return Insight("together", names_of(merged), sentence, evidence)
