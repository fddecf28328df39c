"""Variables that matter only together: y depends on x_i * x_j, x_i / x_j, x_i - x_j ... and not on each by itself.

Each test replaces two columns by one and asks whether a polynomial surrogate of the target predicts unseen rows as well
as before. What passes is a smaller problem. The tests need data only, no derivatives.

The idea of testing symmetries on a surrogate is that of AI Feynman (Udrescu and Tegmark 2020,
doi:10.1126/sciadv.aay2631); the surrogate here is a polynomial, solved and not trained, and every test has an answer in
milliseconds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from closedform.library.grow import product_recipe
from closedform.library.polynomial import largest_degree, monomial_basis
from closedform.library.pool import Recipe
from closedform.library.powers import one_sign, rounded_exponent

FloatArray = NDArray[np.float64]

_RATIOS = (Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), Fraction(-1, 2))
_MOST_TERMS = 70
_FEWEST_ROWS, _MOST_ROWS = 4, 700
_MOST_COLUMNS = 6
# A model is judged on the other half of the rows.
_FEWEST_ROWS = 4
# The surrogate must explain this share of the target before a test on it means anything.
_LARGEST_UNEXPLAINED = 0.05
_LARGEST_RISE, _LARGEST_RISE_WITH_NOISE = 1.1, 1.02
# The surrogate's error on unseen rows over the noise, where it is right.
_OVER_NOISE = 1.5
# An error that is this small is the surrogate's own; what it does from there on says nothing.
_SURROGATE_ERROR = 1e-7
_TRIM = 0.95


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a reduced problem: its values and what it is in terms of the original ones."""

    values: FloatArray
    recipe: Recipe

    @property
    def one_sign(self) -> bool:
        """Whether logarithms of its magnitude exist everywhere."""
        return one_sign(self.values)


@dataclass(frozen=True, eq=False)
class Reduction:
    """A smaller problem: ``y = factor * h(columns)``.

    Parameters
    ----------
    columns : tuple of Column
        What h depends on.
    factor : ndarray of shape (n_rows,)
        Values of the power factor that was divided out.
    powers : tuple of (recipe, exponent)
        The factor as powers of columns.
    """

    columns: tuple[Column, ...]
    factor: FloatArray
    powers: tuple[tuple[Recipe, Fraction | float], ...] = ()


def reduce(columns: tuple[Column, ...], y: FloatArray, noise: float = 0.0) -> Reduction:
    """Merge columns two by two as long as a merger loses nothing.

    Parameters
    ----------
    columns : tuple of Column
        What y depends on.
    y : ndarray of shape (n_rows,)
        Target.
    noise : float, default=0.0
        Share of its variance that is noise: nothing explains that, and a test that leaves little else is a good one.
    """
    state = Reduction(columns, np.ones_like(y))
    if len(y) < _FEWEST_ROWS:
        return state
    error = _error(_features(columns), _target(y), None)
    # A smaller model has a smaller error on unseen noise: whatever makes it larger there was needed.
    rise = _LARGEST_RISE if noise < _LARGEST_UNEXPLAINED else _LARGEST_RISE_WITH_NOISE
    limit = _LARGEST_UNEXPLAINED + _OVER_NOISE * noise
    while 2 <= len(state.columns) <= _MOST_COLUMNS and error < limit:
        merged = _best_merger(state, y / state.factor, error, rise)
        if merged is None:
            break
        state, error = merged
    return state


def _best_merger(state: Reduction, y: FloatArray, error: float, rise: float) -> tuple[Reduction, float] | None:
    best: tuple[float, tuple[int, int, Column, bool]] | None = None
    target = _target(y)
    in_logs = one_sign(y)
    for i, j in itertools.combinations(range(len(state.columns)), 2):
        for column, ratio in mergers_of(state.columns[i], state.columns[j]):
            rest = tuple(c for k, c in enumerate(state.columns) if k not in (i, j))
            # A power of one of the two may stand beside the merged column: a linear term in the logarithm.
            extra = standard(np.log(state.columns[i].values)) if ratio is not None and in_logs else None
            found = _error(_features((column, *rest)), target, extra)
            if found <= rise * error + _SURROGATE_ERROR and (best is None or found < best[0]):
                best = found, (i, j, column, extra is not None)
    if best is None:
        return None
    found, (i, j, column, with_power) = best
    rest = tuple(c for k, c in enumerate(state.columns) if k not in (i, j))
    reduced = Reduction((column, *rest), state.factor, state.powers)
    return (_divided(reduced, state.columns[i], y) if with_power else reduced), found


def _divided(reduced: Reduction, column: Column, y: FloatArray) -> Reduction:
    """Divide out the power of a merged (positive) column that stands beside the merger."""
    log = np.log(column.values)
    basis = _basis(_features(reduced.columns), len(y))
    solution = np.linalg.lstsq(np.column_stack([basis, log]), np.log(np.abs(y)), rcond=None)[0]
    exponent = rounded_exponent(float(solution[-1]))
    if exponent == 0:
        return reduced
    factor = reduced.factor * column.values ** float(exponent)
    return Reduction(reduced.columns, factor, (*reduced.powers, (column.recipe, exponent)))


def mergers_of(a: Column, b: Column) -> Iterator[tuple[Column, Fraction | None]]:
    """What two columns often are together: products, with the exponent of b over that of a, a difference, a sum."""
    if (a.values > 0).all() and (b.values > 0).all():
        for ratio in _RATIOS:
            # Integer exponents read better: x^2 * y, not x * y^(1/2).
            p, q = (1, ratio) if ratio.denominator == 1 else (ratio.denominator, Fraction(ratio.numerator))
            values = a.values ** float(p) * b.values ** float(q)
            yield Column(values, product_recipe([(a.recipe, p), (b.recipe, q)])), ratio
    yield Column(a.values - b.values, ("sub", a.recipe, b.recipe)), None
    yield Column(a.values + b.values, ("add", a.recipe, b.recipe)), None


def _features(columns: tuple[Column, ...]) -> FloatArray:
    return np.column_stack([standard(np.log(np.abs(c.values)) if c.one_sign else c.values) for c in columns])


def standard(values: FloatArray) -> FloatArray:
    """A column with mean 0 and spread 1; zeros for a constant."""
    spread = float(values.std())
    result: FloatArray = (values - values.mean()) / (spread if spread > 0 else 1.0)
    return result


def _target(y: FloatArray) -> FloatArray:
    return standard(np.log(np.abs(y)) if one_sign(y) else y)


def _basis(features: FloatArray, n_rows: int) -> FloatArray:
    d = features.shape[1]
    degree = largest_degree(d, min(_MOST_TERMS, n_rows // 8), 8)
    return monomial_basis(features, [str(j) for j in range(d)], degree).values(features)


def _error(features: FloatArray, target: FloatArray, extra: FloatArray | None) -> float:
    """Mean squared error of the surrogate on unseen rows, relative to a target of variance 1; worst rows trimmed."""
    features, target = features[:_MOST_ROWS], target[:_MOST_ROWS]
    basis = _basis(features, len(target))
    if extra is not None:
        basis = np.column_stack([basis, extra[:_MOST_ROWS]])
    total = 1e-24
    for fit, judge in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        solution = np.linalg.lstsq(basis[fit], target[fit], rcond=None)[0]
        squared = np.sort((target[judge] - basis[judge] @ solution) ** 2)
        total += 0.5 * float(np.mean(squared[: max(1, int(_TRIM * len(squared)))]))
    return total
