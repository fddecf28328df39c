"""A problem as a stage sees it: some columns, a target, and how the original target is put together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import FloatArray, Problem
from closedform.library.grow import product_recipe
from closedform.library.noisy_reduction import noisy_reductions
from closedform.library.pool import Recipe, build
from closedform.library.powers import PowerFactors, power_factors
from closedform.library.relevance import most_relevant
from closedform.library.symmetry import Column, reduce
from closedform.noise_level import NoiseLevel, noise_level
from closedform.symbolic.evaluate import evaluate

# Columns that differ by less, relative to their largest value, are the same.
_SAME = 1e-12
_FEW = 16
# Noise below this share of the spread leaves formulas as good as exact.
_SMALLEST_NOISE = 1e-4
# Libraries grow with the square of the number of columns.
_MOST_COLUMNS = 24
# Noise that is seen through a smaller problem and is larger than this multiple of the least has part of the law in it.
_NOTHING_LOST = 1.1
# Estimates that owe nothing to a model.
_MEASURED = ("given", "replicates")
# Estimates of which the larger one is no more than this multiple say the same.
_AS_SMALL = 1.2
_MOST_VIEWS = 2


@dataclass(frozen=True, eq=False)
class View:
    """Columns and target of a (reduced) problem.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Columns that may occur.
    y : ndarray of shape (n_rows,)
        Target of the reduced problem.
    recipes : tuple of recipe
        What each column is in terms of the variables.
    source : mapping of str to ndarray
        The variables on the same rows.
    prefix : recipe
        The original target is ``prefix * reduced target``.
    noise : ndarray of shape (n_rows,), optional
        Standard deviation of the noise in each value of the reduced target; None where there is none to speak of.
    larger : View, optional
        The view on more rows that this one was taken from.
    device : {"cpu", "cuda"}, default="cpu"
        Where all pairs of columns are looked at.
    """

    X: FloatArray
    y: FloatArray
    recipes: tuple[Recipe, ...]
    source: Mapping[str, FloatArray]
    prefix: Recipe = 1
    noise: FloatArray | None = None
    larger: View | None = None
    device: str = "cpu"

    @cached_property
    def factor(self) -> FloatArray:
        """Values of the prefix."""
        if self.prefix == 1:
            return np.ones(len(self.y))
        return evaluate(build(self.prefix), self.source)

    @property
    def all_rows(self) -> View:
        """The view on as many rows as there are."""
        return self if self.larger is None else self.larger

    def whole(self, reduced: Recipe) -> Recipe:
        """The formula of the original target from that of the reduced one."""
        return reduced if self.prefix == 1 else ("mul", self.prefix, reduced)


@dataclass(frozen=True, eq=False)
class Looks:
    """The ways in which a problem is looked at.

    Parameters
    ----------
    views : tuple of View
        Those with fewer columns first; the last one has all of them, and nothing divided out.
    level : NoiseLevel
        The noise in the target of the problem, as it is seen through the view that shows it best.
    """

    views: tuple[View, ...]
    level: NoiseLevel


def looks(problem: Problem, everything: View, log_space: bool = True) -> Looks:
    """All views of a problem.

    Where there is no noise, a finding loses nothing or is wrong. With noise it is a matter of chance what is lost:
    other tests are asked then, and the noise is what is left in the smallest problem that lost nothing, because a
    smooth model of few columns can follow what one of many cannot.

    Parameters
    ----------
    problem : Problem
        The problem.
    everything : View
        Its :func:`whole_view`.
    log_space : bool, default=True
        Whether powers are divided out.
    """
    weight = problem.sample_weight
    reduced = without_power_factors(everything) if log_space else None
    found = [view for view in (with_merged_columns(reduced or everything), reduced) if view is not None]
    if len(everything.recipes) < 2 or not log_space:
        return Looks((*found, everything), problem.noise)
    others = noisy_views(everything, weight)
    levels = [(view, _level(view, weight)) for view in (*others, *found)]
    least = _least([problem.noise, *(one for _, one in levels)])
    best = problem.noise if problem.noise.source in _MEASURED else least
    noise = _noise(problem, best)
    if noise is not None:
        found = _distinct([view for view, one in levels if one.sigma < _NOTHING_LOST * least.sigma])[:_MOST_VIEWS]
    views = [
        replace(view, noise=_divided(noise, view.factor)) for view in (*(found or others[:_MOST_VIEWS]), everything)
    ]
    return Looks(tuple(views), best)


def _least(levels: list[NoiseLevel]) -> NoiseLevel:
    """The smallest estimate; of those that are as small one that is settled."""
    least = min(level.sigma for level in levels)
    return min(
        (level for level in levels if level.sigma <= _AS_SMALL * least), key=lambda one: (not one.settled, one.sigma)
    )


def _distinct(views: list[View]) -> list[View]:
    """The views without those that were there before."""
    return list({(view.recipes, view.prefix): view for view in views}.values())


def _level(view: View, weight: FloatArray | None) -> NoiseLevel:
    """The noise in the target of the problem, for a row of average weight, as a view shows it."""
    mass = view.factor**2 if weight is None else view.factor**2 * weight / weight.mean()
    level = noise_level(view.X, view.y, mass)
    return replace(level, sigma=level.sigma * float(np.sqrt(mass.mean())))


def noisy_views(view: View, weight: FloatArray | None = None) -> list[View]:
    """The view with powers divided out and columns merged as far as noise does not speak against it; smallest first."""
    columns = tuple(Column(view.X[:, j], recipe) for j, recipe in enumerate(view.recipes))
    root = None if weight is None else np.sqrt(weight / weight.mean())
    return [
        View(
            np.column_stack([column.values for column in one.columns]),
            view.y / one.factor,
            tuple(column.recipe for column in one.columns),
            view.source,
            product_recipe(list(one.powers)),
            device=view.device,
        )
        for one in reversed(noisy_reductions(columns, view.y, root))
    ]


def whole_view(problem: Problem, device: str = "cpu") -> View:
    """All columns that tell anything (of a wide table those that tell most), nothing divided out."""
    kept = _telling(problem.X)
    kept = [kept[j] for j in most_relevant(problem.X[:, kept], problem.y, _MOST_COLUMNS)]
    recipes = tuple(("var", problem.names[j]) for j in kept)
    X = np.ascontiguousarray(problem.X[:, kept])
    return View(X, problem.y, recipes, problem.columns, noise=_noise(problem, problem.noise), device=device)


def _noise(problem: Problem, level: NoiseLevel) -> FloatArray | None:
    """Standard deviation of the noise of each row; None where no noise can be told from what is hard to follow."""
    if not level.settled or level.sigma <= _SMALLEST_NOISE * problem.scale:
        return None
    if problem.sample_weight is None:
        return np.full(problem.n_samples, level.sigma)
    weight = problem.sample_weight / problem.sample_weight.mean()
    return np.asarray(level.sigma / np.sqrt(weight))


def _telling(X: FloatArray) -> list[int]:
    """Columns that vary and are no multiple of an earlier one; all where there are none."""
    largest = np.abs(X).max(axis=0)
    unit = X / np.where(largest > 0, largest, 1.0)
    kept: list[int] = []
    for j in np.flatnonzero(np.ptp(unit, axis=0) > _SAME):
        # A few rows tell most columns apart, which matters where there are a thousand.
        alike = [k for k, near in zip(kept, _same(unit[:_FEW, kept], unit[:_FEW, [j]]), strict=True) if near]
        if not _same(unit[:, alike], unit[:, [j]]).any():
            kept.append(int(j))
    return kept or list(range(X.shape[1]))


def _same(columns: FloatArray, column: FloatArray) -> NDArray[np.bool_]:
    """Which of the columns are the one given or its negative."""
    same, negative = (np.abs(columns + sign * column) <= _SAME for sign in (-1, 1))
    return np.asarray(same.all(axis=0) | negative.all(axis=0), dtype=np.bool_)


def without_power_factors(view: View) -> View | None:
    """The view without the columns that enter as a power only; None where there are none, or only such."""
    factors = power_factors(view.X, view.y)
    if not factors.columns or len(factors.columns) == len(view.recipes):
        return None
    kept = [j for j in range(len(view.recipes)) if j not in factors.columns]
    divisor = factors.values(view.X)
    return View(
        np.ascontiguousarray(view.X[:, kept]),
        view.y / divisor,
        tuple(view.recipes[j] for j in kept),
        view.source,
        _prefix(view, factors),
        _divided(view.noise, divisor),
        device=view.device,
    )


def with_merged_columns(view: View) -> View | None:
    """The view with columns merged that matter only together; None where there are none."""
    columns = tuple(Column(view.X[:, j], recipe) for j, recipe in enumerate(view.recipes))
    share = 0.0 if view.noise is None else float(np.mean(view.noise**2)) / max(float(np.var(view.y)), 1e-300)
    reduction = reduce(columns, view.y, share)
    if len(reduction.columns) == len(columns):
        return None
    powers: list[tuple[Recipe, Fraction | float]] = [(view.prefix, 1)] if view.prefix != 1 else []
    return View(
        np.column_stack([column.values for column in reduction.columns]),
        view.y / reduction.factor,
        tuple(column.recipe for column in reduction.columns),
        view.source,
        product_recipe([*powers, *reduction.powers]),
        _divided(view.noise, reduction.factor),
        device=view.device,
    )


def _divided(noise: FloatArray | None, divisor: FloatArray) -> FloatArray | None:
    return None if noise is None else noise / np.abs(divisor)


def on_rows(view: View, index: np.ndarray) -> View:
    """The view on some of its rows."""
    source = {name: column[index] for name, column in view.source.items()}
    noise = None if view.noise is None else view.noise[index]
    X = np.ascontiguousarray(view.X[index])
    return replace(view, X=X, y=view.y[index], source=source, noise=noise, larger=view)


def _prefix(view: View, factors: PowerFactors) -> Recipe:
    """The product of the powers, of magnitudes where a column is negative."""
    parts: list[tuple[Recipe, Fraction | float]] = []
    for j, exponent in zip(factors.columns, factors.exponents, strict=True):
        base = view.recipes[j]
        parts.append((base if view.X[:, j].min() > 0 else ("mul", -1, base), exponent))
    return product_recipe(parts)
