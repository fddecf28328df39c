"""Short formulas that follow the effects of a network closely enough to be read instead of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.basis import LevelBasis, NumericBasis
from closedform.additive.formula import FormulaNames
from closedform.additive.model import AdditiveModel
from closedform.additive.rational_fit import Ratio, fit_ratio, monomials
from closedform.additive.short_forms import (
    MOST_DIGITS,
    Axis,
    Candidate,
    ShortFormula,
    choose,
    rounded,
    short_ratio,
    weighted_sum,
)
from closedform.additive.terms import ColumnFunctions, Effect, FormulaEffect, MainEffect, PairEffect
from closedform.exceptions import InputError
from closedform.preprocessing.columns import Column
from closedform.symbolic.expression import Expression, constant, plain_sum, variable

FloatArray: TypeAlias = NDArray[np.float64]

# Points per column at which a pair effect is compared with a formula, and a curve is checked between its grid points.
_PER_COLUMN = 13
_DENSE = 257
# What counts between the rows, as a share of what counts where they are.
_BETWEEN = 0.1
# Between grid points a formula may be this many times further off.
_SPIKE = 8.0
_LARGEST_POWER = 2


def compact(
    effect: Effect, model: AdditiveModel, columns: Sequence[Column], *, output: int = 0, tolerance: float = 0.01
) -> ShortFormula | None:
    """The simplest formula that follows an effect within a tolerance, or else about the nearest one.

    Tried are, in this order, constant, line, parabola, cubic and ratios of polynomials up to degree (3, 2) for a
    numeric column, numbers for the levels of a categorical one, and the same with both variables for pairs.
    Coefficients have as few digits as the tolerance allows. A ratio is taken only if interval arithmetic proves that it
    has no pole within the range of the training rows. The grid of an effect stands for the training rows: half of its
    points are at their quantiles, and these count ten times as much as those between.

    Parameters
    ----------
    effect : MainEffect, PairEffect or FormulaEffect
    model : AdditiveModel
        Of which it is an effect.
    columns : sequence of Column
        Of the table.
    output : int, default=0
        Which raw score.
    tolerance : float, default=0.01
        Largest root mean square distance, above 0, as a share of the size of the raw score: the root of the sum of the
        squared importances.

    Returns
    -------
    ShortFormula or None
        Its `error` says whether it is within the tolerance. None for pairs of columns with missing cells, for laws of
        several columns (`model_expression` is what to read there), and where no formula could be found.
    """
    if not (math.isfinite(tolerance) and tolerance > 0.0):
        raise InputError(f"tolerance must be a number above 0, got {tolerance!r}.")
    scale = _spread(model)
    names = FormulaNames.of(columns)
    if isinstance(effect, FormulaEffect):
        law = effect.expression + float(effect.offset[output]) if effect.offset[output] else effect.expression
        return ShortFormula(law, 0.0) if not any(part.any() for part in effect.parts) else None
    limit = tolerance * scale
    if isinstance(effect, PairEffect):
        return _short_pair(effect, model, names, output, limit, scale)
    if isinstance(effect.functions.basis, LevelBasis):
        return _short_levels(effect, names, output, limit, scale)
    return _short_curve(effect, effect.functions.basis, names, output, limit, scale)


def _spread(model: AdditiveModel) -> float:
    """Size of the raw score: root of the sum of the squared importances of all parts."""
    largest = float(np.max(model.deviations, initial=0.0))
    if not (math.isfinite(largest) and largest > 0.0):
        return 1.0
    return largest * math.sqrt(float(np.sum((model.deviations / largest) ** 2)))


# --- one column -------------------------------------------------------------------------------------------------------


def _short_levels(
    effect: MainEffect, names: FormulaNames, output: int, limit: float, scale: float
) -> ShortFormula | None:
    """A number for each level; a label that was never seen adds the offset alone, which is left out if it is small."""
    basis, column = effect.functions.basis, effect.functions.column
    exact = effect.coefficients[:, output] + effect.offset[output]
    flags = [*names.levels[column], *([names.missing[column]] if basis.missing else [])]

    def build(digits: int) -> tuple[Expression, FloatArray]:
        small = np.abs(exact) <= limit / 2
        numbers = np.where(small, 0.0, [float(f"{value:.{digits}g}") for value in exact.tolist()])
        terms = [(value, (variable(flag),)) for value, flag in zip(numbers.tolist(), flags, strict=True)]
        return weighted_sum(terms), numbers

    return rounded(build, exact, np.full(len(exact), 1.0 / len(exact)), limit, scale)


def _short_curve(
    effect: MainEffect, basis: NumericBasis, names: FormulaNames, output: int, limit: float, scale: float
) -> ShortFormula | None:
    column = effect.functions.column
    x, weight = _grid_and_weight(effect, basis)

    def curve(at: FloatArray) -> FloatArray:
        values: FloatArray = (basis.values(at) @ effect.coefficients)[:, output] + effect.offset[output]
        return values

    axis = Axis.of(names.columns[column], basis.low, basis.high)
    dense = np.linspace(basis.low, basis.high, _DENSE)
    on_dense = curve(dense)

    def is_near(expression: Expression, allowed: float) -> bool:
        """Whether a formula follows the curve between the points of its grid, too."""
        values = np.broadcast_to(expression.evaluate({axis.name: dense}), dense.shape)
        with np.errstate(all="ignore"):
            return bool(np.max(np.abs(values - on_dense)) <= _SPIKE * allowed)

    found = short_ratio((axis,), (x,), curve(x), weight, limit, scale, is_near)
    if found is None or not basis.missing:
        return found
    empty = variable(names.missing[column])
    value = float(f"{effect.coefficients[-1, output] + effect.offset[output]:.3g}")
    known = (1 - empty) * found.expression
    if value:
        known = known + value * empty if value > 0.0 else known - -value * empty
    return ShortFormula(known, found.error)


def _grid_and_weight(effect: MainEffect, basis: NumericBasis) -> tuple[FloatArray, FloatArray]:
    """Points of the effect and how much each counts: those of the even half of the grid less than quantiles of rows."""
    grid = effect.grid[np.isfinite(effect.grid)]
    if len(grid) < 3:
        grid = np.linspace(basis.low, basis.high, _DENSE // 4)
        return grid, np.full(len(grid), 1.0 / len(grid))
    even = _is_whole(32.0 * (grid - grid[0]) / (grid[-1] - grid[0]))
    weight = np.where(even, _BETWEEN, 1.0)
    return grid, weight / weight.sum()


def _is_whole(values: FloatArray) -> NDArray[np.bool_]:
    return np.isclose(values, np.round(values), rtol=0.0, atol=1e-9)


# --- two columns ------------------------------------------------------------------------------------------------------


def _short_pair(
    effect: PairEffect, model: AdditiveModel, names: FormulaNames, output: int, limit: float, scale: float
) -> ShortFormula | None:
    sides = (effect.first, effect.second)
    if any(side.basis.missing for side in sides):
        return None
    grids = [_side_grid(side, model) for side in sides]
    first, second = (part.ravel() for part in np.meshgrid(grids[0], grids[1], indexing="ij"))
    exact = effect.values(sides[0].basis.values(first), sides[1].basis.values(second))[:, output]
    weight = np.full(len(exact), 1.0 / len(exact))
    levels = [isinstance(side.basis, LevelBasis) for side in sides]
    if not any(levels):
        axes = [Axis.of(names.columns[side.column], *_range(side.basis)) for side in sides]
        return short_ratio(axes, (first, second), exact, weight, limit, scale)
    flags = [[variable(flag) for flag in names.levels[side.column]] for side in sides]
    if all(levels):
        factors = [(a, b) for a in flags[0] for b in flags[1]]
        return _short_table(exact, factors, weight, limit, scale)
    of_level, of_number = (0, 1) if levels[0] else (1, 0)
    axis = Axis.of(names.columns[sides[of_number].column], *_range(sides[of_number].basis))
    x, code = (second, first) if levels[0] else (first, second)
    return _short_by_level(axis, x, code, flags[of_level], exact, weight, limit, scale)


def _range(basis: NumericBasis | LevelBasis) -> tuple[float, float]:
    assert isinstance(basis, NumericBasis)
    return basis.low, basis.high


def _side_grid(functions: ColumnFunctions, model: AdditiveModel) -> FloatArray:
    """Some values of a column: its levels, or points that stand for the training rows."""
    basis = functions.basis
    if isinstance(basis, LevelBasis):
        return np.arange(float(basis.n_levels))
    main = model.main_effect(functions.column)
    if main is None or len(main.grid) < _PER_COLUMN:
        return np.linspace(basis.low, basis.high, _PER_COLUMN)
    grid = main.grid[np.isfinite(main.grid)]
    return grid[np.unique(np.linspace(0, len(grid) - 1, _PER_COLUMN).astype(int))]


def _short_table(
    exact: FloatArray,
    factors: Sequence[tuple[Expression, Expression]],
    weight: FloatArray,
    limit: float,
    scale: float,
) -> ShortFormula | None:
    """A number for each pair of levels; small ones are left out."""

    def build(digits: int) -> tuple[Expression, FloatArray]:
        numbers = [0.0 if abs(v) <= limit / 2 else float(f"{v:.{digits}g}") for v in exact.tolist()]
        return weighted_sum(list(zip(numbers, factors, strict=True))), np.array(numbers)

    return rounded(build, exact, weight, limit, scale)


def _short_by_level(
    axis: Axis,
    x: FloatArray,
    code: FloatArray,
    flags: Sequence[Expression],
    exact: FloatArray,
    weight: FloatArray,
    limit: float,
    scale: float,
) -> ShortFormula | None:
    """A constant, line or parabola for each level."""

    def candidates() -> Iterator[Candidate]:
        for degree in range(_LARGEST_POWER + 1):
            powers = tuple((k,) for k in range(degree + 1))
            ratios = [
                fit_ratio(
                    [axis.scaled(x[code == level])], exact[code == level] / scale, weight[code == level], powers, ()
                )
                for level in range(len(flags))
            ]
            slopes = scale * np.array([ratio.p for ratio in ratios]) / axis.size ** np.arange(degree + 1.0)
            build = partial(_by_level, axis, flags, slopes, monomials([x - axis.shift], powers), code.astype(np.intp))
            distance = scale * math.sqrt(float(weight @ ((build(MOST_DIGITS)[1] - exact) / scale) ** 2))
            if math.isfinite(distance):
                yield distance, partial(attempt, build)

    def attempt(build: Callable[[int], tuple[Expression, FloatArray]], allowed: float) -> ShortFormula | None:
        return rounded(build, exact, weight, allowed, scale)

    return choose(candidates(), limit)


def _by_level(
    axis: Axis,
    flags: Sequence[Expression],
    slopes: FloatArray,
    table: FloatArray,
    code: NDArray[np.intp],
    digits: int,
) -> tuple[Expression, FloatArray]:
    """A polynomial for each level, and its values."""
    powers = tuple((k,) for k in range(slopes.shape[1]))
    numbers = np.array([[float(f"{value:.{digits}g}") for value in row] for row in slopes.tolist()])
    parts = [Ratio(powers, (), row, np.empty(0)).expression([axis.expression], digits) for row in numbers]
    terms = [flag * part for flag, part in zip(flags, parts, strict=True) if part is not constant(0.0)]
    expression = plain_sum(terms or [constant(0.0)])
    return expression, np.sum(table * numbers[code], axis=1)
