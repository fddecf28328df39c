"""The pieces of a fitted additive model: what `predict`, export, editing and saving use. NumPy is all they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.basis import Basis, LevelBasis, NumericBasis
from closedform.symbolic.expression import Expression

FloatArray: TypeAlias = NDArray[np.float64]

EDGE = 0.3
"""The slope with which an effect goes on beyond the range is that of the last such share of it: shorter ends turn with
the noise of a few rows."""
# How far a formula is followed beyond the range, in scales of the column, and the largest value of a straight line
# there: sums of effects are finite for every finite cell.
_FARTHEST = 1e30
_LARGEST = 1e300
# What remains, relative to the summands, where numbers cancel.
_ROUNDING = 1e-14


@dataclass(frozen=True, eq=False)
class ColumnFunctions:
    """The functions of one column of the table, and what happens beyond the range of the training rows.

    Parameters
    ----------
    column : int
        Position in the table.
    name : str
        Its name.
    basis : NumericBasis or LevelBasis
        The functions.
    beyond : {"linear", "clip", "rational"}
        Beyond the range effects go on as straight lines, stay constant, or follow their formulas.
    kept : tuple of float
        Shares of the slopes at the lower and the upper end that straight lines go on with, from 0 to 1.
    """

    column: int
    name: str
    basis: Basis
    beyond: str = "linear"
    kept: tuple[float, float] = (1.0, 1.0)

    def inside(self, x: FloatArray) -> FloatArray:
        """The column with values beyond the range moved to its ends, unless formulas are followed."""
        basis = self.basis
        if isinstance(basis, LevelBasis):
            return x
        low, high = basis.low, basis.high
        if self.beyond == "rational":
            reach = min(_FARTHEST * basis.scale, float(np.finfo(float).max))
            low, high = basis.center - reach, basis.center + reach
        clipped: FloatArray = np.clip(x, low, high)
        return clipped

    def held(self) -> ColumnFunctions:
        """The same with effects that stay constant beyond the range, unless formulas are followed."""
        return self if self.beyond == "rational" else replace(self, beyond="clip", kept=(1.0, 1.0))

    def values(self, x: FloatArray) -> FloatArray:
        """The values of the functions, shape (n_rows, basis size)."""
        return self.basis.values(self.inside(x))


@dataclass(frozen=True, eq=False)
class MainEffect:
    """The effect of one column.

    Parameters
    ----------
    functions : ColumnFunctions
        Of the column.
    coefficients : ndarray of shape (basis size, n_outputs)
        Of its functions.
    offset : ndarray of shape (n_outputs,)
        Constant that makes the mean over the training rows zero.
    grid : ndarray of shape (n_points,)
        Values of the column (codes of levels) at which the standard error is known.
    standard_error : ndarray of shape (n_points, n_outputs)
        Of the effect, there.
    """

    functions: ColumnFunctions
    coefficients: FloatArray
    offset: FloatArray
    grid: FloatArray
    standard_error: FloatArray

    @property
    def name(self) -> str:
        """Name of the term: that of its column."""
        return self.functions.name

    @property
    def columns(self) -> tuple[int, ...]:
        """Positions of the columns it depends on."""
        return (self.functions.column,)

    @property
    def n_numbers(self) -> int:
        """Numbers that have to be stored."""
        return int(np.count_nonzero(self.coefficients)) + self.offset.size

    def slopes(self) -> tuple[FloatArray, FloatArray]:
        """Slopes below and above the range, each of shape (n_outputs,)."""
        basis = self.functions.basis
        zero = np.zeros(self.coefficients.shape[1])
        if isinstance(basis, LevelBasis) or self.functions.beyond != "linear":
            return zero, zero
        edge = EDGE * (basis.high - basis.low)
        ends = np.array([basis.low, basis.low + edge, basis.high - edge, basis.high])
        values = basis.values(ends) @ self.coefficients
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            low, high = (values[1] - values[0]) / edge, (values[3] - values[2]) / edge
        # A range too short for a slope that is a number has none.
        usable = np.isfinite(low) & np.isfinite(high)
        below, above = self.functions.kept
        return np.where(usable, below * low, zero), np.where(usable, above * high, zero)

    def values(self, x: FloatArray, functions: FloatArray) -> FloatArray:
        """The effect, shape (n_rows, n_outputs), from the column and the values of its functions inside the range."""
        result: FloatArray = functions @ self.coefficients + self.offset + self.beyond_range(x)
        return result

    def linear_parts(self) -> list[tuple[ColumnFunctions, FloatArray]]:
        """What is linear in the functions of a column."""
        return [(self.functions, self.coefficients)]

    def beyond_range(self, x: FloatArray) -> FloatArray | float:
        """What is added beyond the range, shape (n_rows, n_outputs), or zero where no row is there."""
        basis = self.functions.basis
        if not isinstance(basis, NumericBasis) or self.functions.beyond != "linear":
            return 0.0
        if not np.any((x < basis.low) | (x > basis.high)):
            return 0.0
        return self._beyond(x, basis)

    def _beyond(self, x: FloatArray, basis: NumericBasis) -> FloatArray:
        """What straight lines add beyond the range."""
        low, high = self.slopes()
        largest = np.finfo(float).max
        with np.errstate(over="ignore"):
            below = np.clip(np.fmin(x - basis.low, 0.0), -largest, 0.0)[:, None] * low
            above = np.clip(np.fmax(x - basis.high, 0.0), 0.0, largest)[:, None] * high
        # NaN, which is neither below nor above, adds nothing.
        added: FloatArray = np.clip(np.where(x[:, None] < basis.low, below, above), -_LARGEST, _LARGEST)
        return added

    def scaled(self, factor: float) -> MainEffect:
        """The effect times a number."""
        return replace(
            self,
            coefficients=factor * self.coefficients,
            offset=factor * self.offset,
            standard_error=abs(factor) * self.standard_error,
        )


@dataclass(frozen=True, eq=False)
class PairEffect:
    """What two columns do together beyond their main effects: a sum of products, less the main parts of that sum.

    Parameters
    ----------
    first, second : ColumnFunctions
        Of the two columns.
    matrix : ndarray of shape (n_coarse_first, n_coarse_second, n_outputs)
        Coefficients of the products of their coarse functions.
    left, right : ndarray of shape (basis size, n_outputs)
        Coefficients of the functions of either column alone: the main parts, with opposite sign.
    offset : ndarray of shape (n_outputs,)
        Constant that makes the mean over the training rows zero.
    """

    first: ColumnFunctions
    second: ColumnFunctions
    matrix: FloatArray
    left: FloatArray
    right: FloatArray
    offset: FloatArray

    @property
    def name(self) -> str:
        """Name of the term."""
        return f"{self.first.name} & {self.second.name}"

    @property
    def columns(self) -> tuple[int, ...]:
        """Positions of the columns it depends on."""
        return (self.first.column, self.second.column)

    @property
    def n_numbers(self) -> int:
        """Numbers that have to be stored."""
        return int(sum(np.count_nonzero(part) for part in (self.matrix, self.left, self.right))) + self.offset.size

    def values(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """The effect, shape (n_rows, n_outputs), from the values of the functions of the two columns."""
        a, b = first.T[self.first.basis.coarse], second.T[self.second.basis.coarse]
        return first @ self.left + second @ self.right + self.offset + self.products(a, b)

    def linear_parts(self) -> list[tuple[ColumnFunctions, FloatArray]]:
        """What is linear in the functions of a column."""
        return [(self.first, self.left), (self.second, self.right)]

    def products(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """The sum of products alone, from the coarse functions of the columns, each of shape (n_functions, n_rows)."""
        result = np.empty((first.shape[1], self.matrix.shape[2]))
        for k in range(result.shape[1]):
            result[:, k] = np.einsum("ji,ji->i", self.matrix[:, :, k].T @ first, second)
        return result

    def plus(self, other: PairEffect) -> PairEffect:
        """The sum with another effect of the same two columns."""
        return replace(
            self,
            matrix=summed(self.matrix, other.matrix),
            left=summed(self.left, other.left),
            right=summed(self.right, other.right),
            offset=summed(self.offset, other.offset),
        )

    def scaled(self, factor: float) -> PairEffect:
        """The effect times a number."""
        return replace(
            self,
            matrix=factor * self.matrix,
            left=factor * self.left,
            right=factor * self.right,
            offset=factor * self.offset,
        )


@dataclass(frozen=True, eq=False)
class FormulaEffect:
    """A law recognised in data without noise: a ratio of polynomials of some numeric columns, less its main parts.

    Parameters
    ----------
    functions : tuple of ColumnFunctions
        Of the columns, in the order of the table.
    expression : Expression
        The law over the names of the columns; it has no pole in the box of the training rows.
    parts : tuple of ndarray of shape (basis size, 1)
        Coefficients of the functions of each column alone: the main parts, with opposite sign.
    offset : ndarray of shape (1,)
        Constant that makes the mean over the training rows zero.
    """

    functions: tuple[ColumnFunctions, ...]
    expression: Expression
    parts: tuple[FloatArray, ...]
    offset: FloatArray

    @property
    def name(self) -> str:
        """Name of the term."""
        return " & ".join(item.name for item in self.functions)

    @property
    def columns(self) -> tuple[int, ...]:
        """Positions of the columns it depends on."""
        return tuple(item.column for item in self.functions)

    @property
    def n_numbers(self) -> int:
        """Numbers that have to be stored."""
        parts = sum(int(np.count_nonzero(part)) for part in self.parts)
        return parts + len(self.expression.constants) + self.offset.size

    def values(self, columns: Sequence[FloatArray], functions: Sequence[FloatArray]) -> FloatArray:
        """The effect, shape (n_rows, 1), from the columns inside their ranges and the values of their functions."""
        parts = sum(values @ part for values, part in zip(functions, self.parts, strict=True))
        result: FloatArray = self.law(columns) + parts + self.offset
        return result

    def linear_parts(self) -> list[tuple[ColumnFunctions, FloatArray]]:
        """What is linear in the functions of a column."""
        return list(zip(self.functions, self.parts, strict=True))

    def law(self, columns: Sequence[FloatArray]) -> FloatArray:
        """The law alone, shape (n_rows, 1)."""
        law = self._law(columns)
        if not np.isfinite(law).all():
            # Beyond the range a law may have a pole, where the nearest row of the range has to do.
            clipped = [np.clip(c, *_range(item)) for item, c in zip(self.functions, columns, strict=True)]
            law = np.where(np.isfinite(law), law, self._law(clipped))
        return law[:, None]

    def _law(self, columns: Sequence[FloatArray]) -> FloatArray:
        table = {item.name: column for item, column in zip(self.functions, columns, strict=True)}
        with np.errstate(all="ignore"):
            return np.broadcast_to(self.expression.evaluate(table), len(columns[0]))

    def scaled(self, factor: float) -> FormulaEffect:
        """The effect times a number."""
        return replace(
            self,
            expression=factor * self.expression if factor != 1.0 else self.expression,
            parts=tuple(factor * part for part in self.parts),
            offset=factor * self.offset,
        )


def summed(*parts: FloatArray) -> FloatArray:
    """The sum of arrays; what cancels is zero."""
    stacked = np.stack(parts)
    total: FloatArray = stacked.sum(axis=0)
    return np.where(np.abs(total) <= _ROUNDING * np.abs(stacked).sum(axis=0), 0.0, total)


def _range(functions: ColumnFunctions) -> tuple[float, float]:
    basis = functions.basis
    return (-np.inf, np.inf) if isinstance(basis, LevelBasis) else (basis.low, basis.high)


Effect: TypeAlias = MainEffect | PairEffect | FormulaEffect


class FunctionValues:
    """The values of the functions of the columns on some rows, each made when first asked for."""

    def __init__(self, columns: Sequence[FloatArray]) -> None:
        self._columns = columns
        self._made: dict[int, FloatArray] = {}
        self._coarse: dict[int, FloatArray] = {}

    def column(self, functions: ColumnFunctions) -> FloatArray:
        """The column itself."""
        return self._columns[functions.column]

    def of(self, functions: ColumnFunctions) -> FloatArray:
        """The values of its functions, shape (n_rows, basis size)."""
        if functions.column not in self._made:
            self._made[functions.column] = functions.values(self._columns[functions.column])
        return self._made[functions.column]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self._columns[0])

    def inside(self, effect: FormulaEffect) -> list[FloatArray]:
        """The columns of a law, moved into their ranges where formulas are not followed."""
        return [item.inside(self.column(item)) for item in effect.functions]

    def coarse(self, functions: ColumnFunctions) -> FloatArray:
        """The values of its functions for pair effects, shape (n_functions, n_rows)."""
        if functions.column not in self._coarse:
            inside = functions.inside(self._columns[functions.column])
            self._coarse[functions.column] = functions.basis.coarse_rows(inside)
        return self._coarse[functions.column]

    def line(self, functions: ColumnFunctions) -> FloatArray:
        """The first of the functions of a numeric column, its line, shape (n_rows,)."""
        basis = functions.basis
        assert isinstance(basis, NumericBasis)
        return basis.line(functions.inside(self._columns[functions.column]))

    def effect(self, effect: Effect) -> FloatArray:
        """An effect on the rows, shape (n_rows, n_outputs)."""
        if isinstance(effect, MainEffect):
            return effect.values(self.column(effect.functions), self.of(effect.functions))
        if isinstance(effect, FormulaEffect):
            return effect.values(self.inside(effect), [self.of(item) for item in effect.functions])
        return effect.values(self.of(effect.first), self.of(effect.second))
