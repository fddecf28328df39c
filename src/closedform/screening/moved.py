"""Outer units with a constant of their own: ``log(y + c)``, ``1/(y + c)``, ``(y + c)**2``, ``exp(c*y)``, ``y**c``.

The links of the library have no constants. Here a target, as it is or inside one of those links, is looked at through
each kind of unit with its constant on a grid; a constant is worth a search where the target becomes much easier to
explain than it is without: by one column of a pool, or by functions of single columns that are added up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import FloatArray
from closedform.library import grow
from closedform.library.grids import grid_factors, grid_terms
from closedform.library.links import Link, usable_links
from closedform.library.pool import Pool, Recipe, build
from closedform.library.powers import one_sign
from closedform.library.select import Selector
from closedform.screening import proposals
from closedform.screening.multiplied import common_factors
from closedform.screening.view import View
from closedform.screening.workspace import Proposal
from closedform.symbolic.vocabulary import uses_only

_BASES = ("y", "1/y", "y^2", "1/y^2")
_MOST_FACTORS = 8
_COLUMNS, _MONOMIALS = 1500, 40
# Moves of a target, over its range, from where it stays on one side of zero; and rates of an exponential.
_MOVES = np.geomspace(1e-5, 30.0, 40)
_RATES = np.geomspace(0.1, 30.0, 24)
_EXPONENTS = np.concatenate([np.geomspace(0.2, 6.0, 30), -np.geomspace(0.2, 6.0, 30)])
# A constant has to leave less than this share of what is left unexplained without it, and little of the whole.
_CLEAR_GAIN = 0.3
_MOST_LEFT = 0.02
_ROUNDS, _STEPS = 3, 13
_SMALLEST = 1e-100
_MOST_SINGLES = 40
_MOST_SUMS = 6
_MOST_BASIS = 90


@dataclass(frozen=True)
class Unit:
    """A kind of outer unit with one constant.

    Parameters
    ----------
    name : str
        What is done to the target q.
    grid : callable
        Constants that are tried for a target.
    forward : callable
        ``z = forward(q, c)``.
    slope : callable
        ``|dq/dz|`` as a function of q and c.
    outer : callable
        Recipe of q from the recipe of z, the constant, and whether ``q + c`` is negative.
    product : bool, default=False
        Whether z is the logarithm of a product.
    """

    name: str
    grid: Callable[[FloatArray], FloatArray]
    forward: Callable[[FloatArray, float], FloatArray]
    slope: Callable[[FloatArray, float], FloatArray]
    outer: Callable[[Recipe, float, bool], Recipe]
    product: bool = False


def _moves(q: FloatArray) -> FloatArray:
    """Numbers c such that ``q + c`` keeps one sign."""
    low, high, span = float(q.min()), float(q.max()), float(np.ptp(q))
    return np.concatenate([_MOVES * span - low, -high - _MOVES * span])


def _rates(q: FloatArray) -> FloatArray:
    return np.concatenate([_RATES, -_RATES]) / float(np.ptp(q))


def _exponents(q: FloatArray) -> FloatArray:
    return _EXPONENTS if (q > 0).all() else np.empty(0)


def _square_root(z: Recipe, c: float, negative: bool) -> Recipe:
    return ("add", -c, ("mul", -1, ("sqrt", z)) if negative else ("sqrt", z))


_LOGARITHM = Unit(
    "log(q + c)",
    _moves,
    lambda q, c: np.log(np.abs(q + c)),
    lambda q, c: np.abs(q + c),
    lambda z, c, negative: ("add", -c, ("mul", -1, ("exp", z)) if negative else ("exp", z)),
    product=True,
)
_UNITS = (
    _LOGARITHM,
    Unit(
        "1/(q + c)",
        _moves,
        lambda q, c: 1 / (q + c),
        lambda q, c: (q + c) ** 2,
        lambda z, c, negative: ("add", -c, ("pow", z, -1)),
    ),
    Unit("(q + c)^2", _moves, lambda q, c: (q + c) ** 2, lambda q, c: 0.5 / np.abs(q + c), _square_root),
    Unit(
        "exp(c*q)",
        _rates,
        lambda q, c: np.exp(c * q),
        lambda q, c: np.exp(-c * q) / abs(c),
        lambda z, c, negative: ("mul", 1 / c, ("log", z)),
    ),
    Unit(
        "q^c",
        _exponents,
        lambda q, c: q**c,
        lambda q, c: np.abs(q ** (1 - c) / c),
        lambda z, c, negative: ("pow", z, 1 / c),
    ),
)


@dataclass(frozen=True, eq=False)
class _Trial:
    """A target inside a link and a unit, with the constant that leaves least unexplained."""

    base: Link
    unit: Unit
    constant: float
    unexplained: float
    column: int

    def link(self, view: View) -> Link:
        """Both as one link."""
        q, base, unit, c = self.base.forward(view.y), self.base, self.unit, self.constant
        negative = bool((q + c < 0).all())
        return Link(
            f"{unit.name} of {base.name}",
            lambda y: unit.forward(base.forward(y), c),
            lambda y: base.slope(y) * unit.slope(base.forward(y), c),
            lambda y: True,
            lambda z: base.outer(unit.outer(z, c, negative)),
        )


def moved_targets(view: View, operators: frozenset[str], depth: int, rng: np.random.Generator) -> Iterator[Proposal]:
    """Formulas inside outer units with a constant of their own.

    Parameters
    ----------
    view : View
        A problem without noise.
    operators : frozenset of str
        What formulas may contain.
    depth : int
        Terms inside the outer unit, where it is worth more than one.
    rng : numpy.random.Generator
        For the pools.
    """
    terms = grid_terms(view.X, view.recipes, _COLUMNS, rng, operators, _MONOMIALS, peaks=False)
    factors = grid_factors(view.X, view.recipes, _COLUMNS, rng, operators)
    nothing = grow.constant_column(len(view.y))
    logs = [j for j in range(len(view.recipes)) if one_sign(view.X[:, j])]
    powers = np.column_stack([nothing, np.log(np.abs(view.X[:, logs]))])
    single = {False: Selector(terms.matrix(), nothing), True: Selector(factors.matrix(), powers)}
    yield from _singles(view, _trials(view, operators, single), terms, factors)
    if len(view.recipes) < 2:
        return
    curves = _curves(view.X)
    added = {kind: Selector(np.empty((len(view.y), 0)), curves) for kind in (False, True)}
    for trial in _trials(view, operators, added)[:_MOST_SUMS]:
        if trial.unit.product:
            yield from _products(view, trial, factors, depth)
        else:
            yield from proposals.sums_of_terms(view, terms, [trial.link(view)], depth)


def _trials(view: View, operators: frozenset[str], selectors: dict[bool, Selector]) -> list[_Trial]:
    """For each link and unit the best constant, where it is worth something; the best first."""
    plain = [link for link in usable_links(view.y, operators) if link.name in _BASES]
    factors = common_factors(view)[:_MOST_FACTORS]
    units = [unit for unit in _UNITS if uses_only(build(unit.outer(("var", "z"), 1.5, False)), operators)]
    found = []
    for base in (*plain, *factors):
        q, slope = base.forward(view.y), base.slope(view.y) / float(view.y.std())
        without = _unexplained(selectors[False].best_singles(q[:, None])[1], slope[:, None])[0]
        if one_sign(q):
            left = selectors[True].best_singles(np.log(np.abs(q))[:, None])[1]
            without = min(without, _unexplained(left, (slope * q)[:, None])[0])
        for unit in units:
            trial = _best(base, unit, (q, slope), selectors[unit.product])
            if trial is not None and trial.unexplained < min(_CLEAR_GAIN * without, _MOST_LEFT):
                found.append(trial)
    return sorted(found, key=lambda trial: trial.unexplained)


def _unexplained(residuals: FloatArray, slopes: FloatArray) -> FloatArray:
    """Shares of the variance of the target itself that are left by what is left inside the outer units."""
    found: FloatArray = np.mean(np.square(residuals * slopes), axis=0)
    return found


def _best(base: Link, unit: Unit, inside: tuple[FloatArray, FloatArray], selector: Selector) -> _Trial | None:
    """The constant that leaves least, on the grid and then between its neighbours."""
    q, slope = inside
    grid, found = unit.grid(q), None
    for _ in range(_ROUNDS):
        with np.errstate(all="ignore"):
            values = np.column_stack([unit.forward(q, c) for c in grid]) if len(grid) else np.empty((len(q), 0))
            slopes = np.column_stack([slope * unit.slope(q, c) for c in grid]) if len(grid) else values
        fine = _usable(values) & np.isfinite(slopes).all(axis=0)
        if not fine.any():
            return found
        grid = grid[fine]
        columns, residuals = selector.best_singles(values[:, fine])
        left = _unexplained(residuals, slopes[:, fine])
        best = int(np.argmin(left))
        found = _Trial(base, unit, float(grid[best]), float(left[best]), int(columns[best]))
        grid = np.linspace(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)], _STEPS)
    return found


def _usable(values: FloatArray) -> NDArray[np.bool_]:
    """Which targets are finite, of a moderate size, and not constant."""
    with np.errstate(all="ignore"):
        size = np.abs(values).max(axis=0, initial=0.0)
        return (size > _SMALLEST) & (size < 1 / _SMALLEST) & (np.ptp(values, axis=0) > 1e-9 * size)


def _singles(view: View, trials: Sequence[_Trial], terms: Pool, factors: Pool) -> Iterator[Proposal]:
    """One column of a pool inside an outer unit, or one factor beside powers of all columns."""
    for trial in trials[:_MOST_SINGLES]:
        if trial.unit.product:
            chosen = factors.only([trial.column]) if trial.column >= 0 else None
            yield from _products(view, trial, chosen, 1)
        elif trial.column >= 0:
            yield from proposals.sums_of_terms(view, terms.only([trial.column]), [trial.link(view)], 1)


def _products(view: View, trial: _Trial, pool: Pool | None, depth: int) -> Iterator[Proposal]:
    """A constant and a product."""
    moved = replace(view, y=trial.base.forward(view.y) + trial.constant, prefix=1)
    for found in proposals.products_of_factors(moved, pool, depth, ()):
        whole = view.whole(trial.base.outer(("add", -trial.constant, found.recipe)))
        yield Proposal(whole, found.promise, found.size)


def _curves(X: FloatArray) -> FloatArray:
    """Functions of single columns, the simplest of each column first: what a sum of such functions is made of."""
    n_each = max(4, _MOST_BASIS // X.shape[1])
    columns = [grow.constant_column(len(X))]
    for j in range(X.shape[1]):
        x = X[:, j]
        scaled = (x - x.mean()) / (float(np.ptp(x)) or 1.0)
        if one_sign(x):
            magnitude = np.abs(x)
            logs = np.log(magnitude / np.median(magnitude))
            columns += [logs[:, None], scaled[:, None], (1 / magnitude)[:, None], np.sqrt(magnitude)[:, None]]
            columns += [logs[:, None] ** power for power in range(2, min(n_each - 2, 6))]
        else:
            columns += [scaled[:, None] ** power for power in range(1, min(n_each + 1, 9))]
    found: FloatArray = np.hstack(columns)
    return found / np.linalg.norm(found, axis=0)
