"""Families of subexpressions: monomials, images under units, shifts, and units with inner constants on a grid.

Every function takes columns and returns a :class:`~closedform.library.pool.Batch`; columns that leave the domain of an
operator come out as NaN and are dropped by the pool. Costs are numbers of nodes, so that pools can be filled from the
simple to the involved.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from closedform.library.pool import Batch, Recipe, concatenate

FloatArray = NDArray[np.float64]
Exponent = int | Fraction


def _empty(n_rows: int) -> Batch:
    return Batch(np.empty((n_rows, 0)), [], [])


def _batch(n_rows: int, items: Iterable[tuple[FloatArray, Recipe, int]]) -> Batch:
    listed = list(items)
    if not listed:
        return _empty(n_rows)
    values, recipes, costs = zip(*listed, strict=True)
    return Batch(np.stack(values, axis=1), recipes, costs)


def variables(X: FloatArray, recipes: Sequence[Recipe]) -> Batch:
    """The columns themselves."""
    return Batch(X, list(recipes), [1] * len(recipes))


def constant_column(n_rows: int) -> FloatArray:
    """The column that carries every bias."""
    return np.ones((n_rows, 1))


# ---------------------------------------------------------------------------------------------- products and powers


def power_recipe(base: Recipe, exponent: Exponent | float) -> Recipe:
    """``base ** exponent`` in its shortest spelling."""
    return base if exponent == 1 else ("pow", base, exponent)


def product_recipe(factors: Sequence[tuple[Recipe, Exponent | float]]) -> Recipe:
    """A product of powers in its shortest spelling; an empty product is 1."""
    parts = [power_recipe(base, exponent) for base, exponent in factors if exponent != 0]
    if not parts:
        return 1
    return parts[0] if len(parts) == 1 else ("mul", *parts)


def powers(batch: Batch, exponents: Sequence[Exponent | float]) -> Batch:
    """Every column to every exponent; a float is where a free exponent starts."""
    with np.errstate(all="ignore"):
        columns = [
            (np.power(batch.values[:, j], float(exponent)), ("pow", recipe, exponent), cost + 2)
            for exponent in exponents
            for j, (recipe, cost) in enumerate(zip(batch.recipes, batch.costs, strict=True))
        ]
    return _batch(batch.values.shape[0], columns)


def monomials(X: FloatArray, recipes: Sequence[Recipe], limit: int) -> Batch:
    """Products of powers of at least two variables with small exponents, simplest first, at most ``limit``."""
    n, d = X.shape
    columns: list[tuple[FloatArray, Recipe, int]] = []
    logs: dict[tuple[int, int], FloatArray] = {}
    with np.errstate(all="ignore"):
        for vector in itertools.islice(exponent_vectors(d), limit):
            value = np.ones(n)
            for j, exponent in vector:
                if (j, exponent) not in logs:
                    logs[j, exponent] = np.power(X[:, j], float(exponent))
                value = value * logs[j, exponent]
            recipe = product_recipe([(recipes[j], exponent) for j, exponent in vector])
            columns.append((value, recipe, 2 * sum(abs(exponent) for _, exponent in vector)))
    return _batch(n, columns)


def exponent_vectors(d: int, largest_sum: int = 12) -> Iterator[tuple[tuple[int, int], ...]]:
    """Sparse exponent vectors over ``d`` variables, at least two non-zero entries, by the sum of absolute exponents."""
    for total in range(2, largest_sum + 1):
        for support_size in range(2, min(d, total) + 1):
            for support in itertools.combinations(range(d), support_size):
                for magnitudes in _compositions(total, support_size, 4):
                    for signs in itertools.product((1, -1), repeat=support_size):
                        # A column and its reciprocal are different entries, so both signs of the first are kept.
                        yield tuple((j, s * m) for j, s, m in zip(support, signs, magnitudes, strict=True))


def _compositions(total: int, parts: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Ordered ways to write ``total`` as ``parts`` numbers from 1 to ``largest``."""
    if parts == 1:
        if 1 <= total <= largest:
            yield (total,)
        return
    for first in range(1, min(largest, total - parts + 1) + 1):
        for rest in _compositions(total - first, parts - 1, largest):
            yield (first, *rest)


def products(left: Batch, right: Batch, limit: int) -> Batch:
    """Products of a column of the one with a column of the other, cheapest first, at most ``limit``."""
    cost = np.add.outer(np.asarray(left.costs), np.asarray(right.costs)).ravel()
    order = np.argsort(cost, kind="stable")[:limit]
    i, j = np.divmod(order, max(1, len(right)))
    with np.errstate(all="ignore"):
        values = left.values[:, i] * right.values[:, j]
    recipes = [("mul", left.recipes[a], right.recipes[b]) for a, b in zip(i, j, strict=True)]
    return Batch(values, recipes, [int(cost[k]) + 1 for k in order])


def variable_powers(bases: Batch, exponents: Batch) -> Batch:
    """Positive columns to the power of a column, ``base ** exponent``; those of a column to itself are left out."""

    def columns() -> Iterator[tuple[FloatArray, Recipe, int]]:
        for i in np.flatnonzero((bases.values > 0).all(axis=0)).tolist():
            for j in range(len(exponents)):
                if not _shares_a_variable(bases.recipes[i], exponents.recipes[j]):
                    with np.errstate(all="ignore"):
                        values = np.power(bases.values[:, i], exponents.values[:, j])
                    recipe = ("pow", bases.recipes[i], exponents.recipes[j])
                    yield values, recipe, bases.costs[i] + exponents.costs[j] + 1

    return _batch(bases.values.shape[0], columns())


def _shares_a_variable(left: Recipe, right: Recipe) -> bool:
    return not _variables(left).isdisjoint(_variables(right))


def _variables(recipe: Recipe) -> frozenset[str]:
    if not isinstance(recipe, tuple):
        return frozenset()
    if recipe[0] == "var":
        return frozenset({recipe[1]})
    return frozenset[str]().union(*map(_variables, recipe[1:]))


def magnitudes(batch: Batch) -> Batch:
    """``|column|`` of the columns that change sign."""
    mixed = [j for j in range(len(batch)) if batch.values[:, j].min() < 0 < batch.values[:, j].max()]
    chosen = batch.take(mixed)
    return Batch(np.abs(chosen.values), [("abs", r) for r in chosen.recipes], [cost + 1 for cost in chosen.costs])


def sums(batch: Batch) -> Batch:
    """Differences and sums of two different columns."""

    def columns() -> Iterator[tuple[FloatArray, Recipe, int]]:
        for i, j in itertools.combinations(range(len(batch)), 2):
            cost = batch.costs[i] + batch.costs[j] + 1
            yield batch.values[:, i] - batch.values[:, j], ("sub", batch.recipes[i], batch.recipes[j]), cost
            yield batch.values[:, i] + batch.values[:, j], ("add", batch.recipes[i], batch.recipes[j]), cost

    return _batch(batch.values.shape[0], columns())


# ------------------------------------------------------------------------------------------------------------- units

UNARY: dict[str, Callable[[FloatArray], FloatArray]] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "cosh": np.cosh,
    "atan": np.arctan,
    "asin": np.arcsin,
}


def images(batch: Batch, operators: Sequence[str], scales: Sequence[float | int | Fraction] = (1,)) -> Batch:
    """Unary operators on scaled columns, ``op(scale * column)``."""
    blocks = []
    for scale in scales:
        recipes = batch.recipes if scale == 1 else [("mul", scale, recipe) for recipe in batch.recipes]
        extra = 0 if scale == 1 else 2
        for name in operators:
            with np.errstate(all="ignore"):
                values = UNARY[name](float(scale) * batch.values)
            costs = [cost + 1 + extra for cost in batch.costs]
            blocks.append(Batch(values, [(name, recipe) for recipe in recipes], costs))
    return concatenate(blocks) if blocks else _empty(batch.values.shape[0])


def shifted(batch: Batch, offsets: Sequence[float | int | Fraction], scales: Sequence[float | int | Fraction]) -> Batch:
    """``offset + scale * column``."""
    blocks = []
    for offset, scale in itertools.product(offsets, scales):
        recipes = batch.recipes if scale == 1 else [("mul", scale, recipe) for recipe in batch.recipes]
        costs = [cost + (2 if scale == 1 else 4) for cost in batch.costs]
        blocks.append(Batch(float(offset) + float(scale) * batch.values, [("add", offset, r) for r in recipes], costs))
    return concatenate(blocks) if blocks else _empty(batch.values.shape[0])


def with_spread(batch: Batch, scales: Sequence[float]) -> Batch:
    """``1 + c * column`` with c a free constant, started at each of ``scales`` over the column's largest value."""
    blocks = []
    largest = np.abs(batch.values).max(axis=0, initial=0.0)
    for scale in scales:
        with np.errstate(all="ignore"):
            c = scale / largest
            values = 1.0 + c * batch.values
        keep = [j for j in range(len(batch)) if np.isfinite(c[j]) and c[j] != 0]
        recipes = [("add", 1.0, ("mul", float(c[j]), batch.recipes[j])) for j in keep]
        blocks.append(Batch(values[:, keep], recipes, [batch.costs[j] + 4 for j in keep]))
    return concatenate(blocks) if blocks else _empty(batch.values.shape[0])


# -------------------------------------------------------------------------- units of one variable, constants on a grid


def _log_grid(low: float, high: float, count: int) -> list[float]:
    return [float(v) for v in np.geomspace(low, high, count)]


def _grid_exp(lo: float, hi: float) -> list[tuple[float, ...]]:
    return [(sign * v / (hi - lo),) for sign in (1, -1) for v in _log_grid(0.1, 60, 28)]


def _grid_shift(lo: float, hi: float) -> list[float]:
    """Offsets c with x + c > 0 on the data, from just above to far above; and 0 where x > 0."""
    offsets = [d * (hi - lo) - lo for d in _log_grid(0.003, 5, 14)]
    return ([0.0] if lo > 0 else []) + offsets


def _grid_centre(lo: float, hi: float) -> list[tuple[float, ...]]:
    span = hi - lo
    return [(lo + c * span, w * span) for c in np.linspace(-0.1, 1.1, 19) for w in (0.03, 0.08, 0.2, 0.5)]


def _grid_frequency(lo: float, hi: float) -> list[float]:
    return [float(v) * np.pi / (hi - lo) for v in np.arange(0.5, 24, 0.25)]


def _grid_damped(lo: float, hi: float) -> list[tuple[float, ...]]:
    rates, frequencies = (1.0, 2.5, 5.0, 9.0), np.arange(1, 20, 0.5)
    return [(-a / (hi - lo), float(v) * np.pi / (hi - lo)) for a in rates for v in frequencies]


def _grid_power(lo: float, hi: float) -> list[tuple[float, ...]]:
    offsets = ([0.0] if lo > 0 else []) + [d * (hi - lo) - lo for d in (0.01, 0.05, 0.2, 0.6, 2)]
    return [(c, p) for p in (-3.0, -2.0, -1.5, -1.0, -0.5, 0.5, 0.7, 1.5, 2.5) for c in offsets]


def _grid_pole(lo: float, hi: float) -> list[tuple[float, ...]]:
    """Poles below and above the range, from just beyond its ends to far away."""
    distances = [d * (hi - lo) for d in _log_grid(0.003, 5, 10)]
    return [(c,) for d in distances for c in (d - lo, -hi - d)]


def _grid_hill(lo: float, hi: float) -> list[tuple[float, ...]]:
    """Saturation with an exponent of its own, half-way at points from inside the range to beyond it."""
    if lo < 0:
        return []
    return [(v / hi, p) for v in _log_grid(0.3, 20, 6) for p in (0.5, 0.7, 1.4, 2.5)]


def _grid_stretched(lo: float, hi: float) -> list[tuple[float, ...]]:
    if lo < 0:
        return []
    return [(v / hi, p) for v in _log_grid(0.3, 20, 8) for p in (0.5, 0.7, 1.4, 2.0, 3.0)]


def _grid_arrhenius(lo: float, hi: float) -> list[tuple[float, ...]]:
    """Exponents a / (x + c) that change by 0.3 to 27 over the range, for poles just below it and far below."""
    span = hi - lo
    changes = (0.3, 1, 3, 9, 27)
    return [(s * a * d * (1 + d) * span, d * span - lo) for s in (1, -1) for a in changes for d in (0.1, 0.5, 1.5, 5)]


_Make = Callable[[FloatArray, Recipe, tuple[float, ...]], tuple[FloatArray, Recipe]]
_FAMILIES: dict[str, tuple[int, Callable[[float, float], list[tuple[float, ...]]], _Make]] = {
    "exp": (4, _grid_exp, lambda x, r, k: (np.exp(k[0] * x), ("exp", ("mul", k[0], r)))),
    "log": (
        4,
        lambda lo, hi: [(c,) for c in _grid_shift(lo, hi)],
        lambda x, r, k: (np.log(x + k[0]), ("log", ("add", k[0], r) if k[0] else r)),
    ),
    "power": (
        5,
        _grid_power,
        lambda x, r, k: ((x + k[0]) ** k[1], ("pow", ("add", k[0], r) if k[0] else r, k[1])),
    ),
    "pole": (
        4,
        _grid_pole,
        lambda x, r, k: (1 / (x + k[0]), ("pow", ("add", k[0], r), -1)),
    ),
    "sine": (
        4,
        lambda lo, hi: [(w,) for w in _grid_frequency(lo, hi)],
        lambda x, r, k: (np.sin(k[0] * x), ("sin", ("mul", k[0], r))),
    ),
    "cosine": (
        4,
        lambda lo, hi: [(w,) for w in _grid_frequency(lo, hi)],
        lambda x, r, k: (np.cos(k[0] * x), ("cos", ("mul", k[0], r))),
    ),
    "tanh": (
        4,
        lambda lo, hi: [(reach / max(abs(lo), abs(hi)),) for reach in (0.5, 1.0, 2.0, 4.0, 8.0)],
        lambda x, r, k: (np.tanh(k[0] * x), ("tanh", ("mul", k[0], r))),
    ),
    "gaussian": (
        9,
        _grid_centre,
        lambda x, r, k: (
            np.exp(-(((x - k[0]) / k[1]) ** 2)),
            ("exp", ("mul", -1, ("pow", ("mul", 1 / k[1], ("add", -k[0], r)), 2))),
        ),
    ),
    "lorentzian": (
        9,
        _grid_centre,
        lambda x, r, k: (
            1 / (1 + ((x - k[0]) / k[1]) ** 2),
            ("pow", ("add", 1, ("pow", ("mul", 1 / k[1], ("add", -k[0], r)), 2)), -1),
        ),
    ),
    "damped cosine": (
        9,
        _grid_damped,
        lambda x, r, k: (
            np.exp(k[0] * x) * np.cos(k[1] * x),
            ("mul", ("exp", ("mul", k[0], r)), ("cos", ("mul", k[1], r))),
        ),
    ),
    "damped sine": (
        9,
        _grid_damped,
        lambda x, r, k: (
            np.exp(k[0] * x) * np.sin(k[1] * x),
            ("mul", ("exp", ("mul", k[0], r)), ("sin", ("mul", k[1], r))),
        ),
    ),
    "damped wave": (
        11,
        lambda lo, hi: [(*k, phase) for k in _grid_damped(lo, hi) for phase in (np.pi / 4, -np.pi / 4)],
        lambda x, r, k: (
            np.exp(k[0] * x) * np.cos(k[1] * x + k[2]),
            ("mul", ("exp", ("mul", k[0], r)), ("cos", ("add", float(k[2]), ("mul", k[1], r)))),
        ),
    ),
    "arrhenius": (
        6,
        _grid_arrhenius,
        lambda x, r, k: (np.exp(k[0] / (x + k[1])), ("exp", ("mul", k[0], ("pow", ("add", k[1], r), -1)))),
    ),
    "stretched": (
        7,
        _grid_stretched,
        lambda x, r, k: (
            np.exp(-((k[0] * x) ** k[1])),
            ("exp", ("mul", -1, ("pow", ("mul", k[0], r), k[1]))),
        ),
    ),
    "saturation": (
        6,
        lambda lo, hi: [
            (c * max(abs(lo), abs(hi)) ** 2,) for c in (-0.01, -0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
        ],
        lambda x, r, k: (1 / (x * x + k[0]), ("pow", ("add", k[0], ("pow", r, 2)), -1)),
    ),
    "hill": (
        8,
        _grid_hill,
        lambda x, r, k: (1 / (1 + (k[0] * x) ** k[1]), ("pow", ("add", 1, ("pow", ("mul", k[0], r), k[1])), -1)),
    ),
}
FAMILY_NAMES = tuple(_FAMILIES)


def families(x: FloatArray, recipe: Recipe, names: Sequence[str] = FAMILY_NAMES) -> tuple[Batch, list[str]]:
    """Units of one column with their inner constants on a grid over its range, and the family of each column."""
    lo, hi = float(x.min()), float(x.max())
    columns: list[tuple[FloatArray, Recipe, int]] = []
    labels: list[str] = []
    if not hi > lo:
        return _empty(len(x)), labels
    with np.errstate(all="ignore"):
        for name in names:
            cost, grid, make = _FAMILIES[name]
            for constants in grid(lo, hi):
                value, made = make(x, recipe, constants)
                columns.append((value, made, cost))
                labels.append(name)
    return _batch(len(x), columns), labels
