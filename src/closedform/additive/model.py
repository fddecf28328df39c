"""A fitted Rational ANOVA Network: intercept, effects, and a second block where the effects do not suffice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.basis import NumericBasis
from closedform.additive.second_block import SecondBlock
from closedform.additive.tables import CurveTable, tabulated
from closedform.additive.terms import ColumnFunctions, Effect, FormulaEffect, FunctionValues, MainEffect, PairEffect
from closedform.exceptions import InputError, did_you_mean

FloatArray: TypeAlias = NDArray[np.float64]

SECOND_BLOCK = "(second block)"
"""Name under which the second block appears among the terms."""

_LARGEST = float(np.finfo(float).max)
# Blocks that stay in the cache of a processor.
_ROWS = 2048
_ROWS_WORTH_TABLES = 20_000
_KNOTS_WORTH_A_TABLE = 5


@dataclass(frozen=True, eq=False)
class AdditiveModel:
    """``raw(x) = intercept + sum of effects + second block``.

    Parameters
    ----------
    intercept : ndarray of shape (n_outputs,)
        Constant raw scores.
    functions : tuple of ColumnFunctions
        Of the columns that occur.
    effects : tuple of MainEffect or PairEffect
        Each with mean zero over the training rows; pair effects without main parts.
    second : SecondBlock, optional
        What the effects leave out.
    covariances : ndarray of shape (n_effects + 1,)
        Weighted covariance over the training rows of each effect (last: of the second block) with the sum of all of
        them, summed over outputs; all of them relative to one number, because squares of large units overflow.
    deviations : ndarray of shape (n_effects + 1,)
        Standard deviation over the training rows of each (root of the sum of the variances of its outputs).
    """

    intercept: FloatArray
    functions: tuple[ColumnFunctions, ...]
    effects: tuple[Effect, ...]
    second: SecondBlock | None
    covariances: FloatArray
    deviations: FloatArray

    @property
    def n_outputs(self) -> int:
        """Number of raw scores per row."""
        return len(self.intercept)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the effects."""
        return tuple(effect.name for effect in self.effects)

    @property
    def n_numbers(self) -> int:
        """Numbers that have to be stored to predict."""
        bases = sum(f.basis.n_numbers for f in self.functions)
        second = 0 if self.second is None else self.second.n_numbers
        return bases + second + sum(effect.n_numbers for effect in self.effects) + len(self.intercept)

    def raw(self, columns: Sequence[FloatArray]) -> FloatArray:
        """Raw scores, shape (n_rows, n_outputs), of a table given as one array per column."""
        n = len(columns[0])
        result = np.empty((n, self.n_outputs))
        tables = self._tables if n >= _ROWS_WORTH_TABLES else {}
        # Targets near the largest numbers there are: sums beyond stop at it.
        with np.errstate(over="ignore", invalid="ignore"):
            for rows, values in self._blocks(columns):
                result[rows] = self._sum(values, tables)
            lost = np.flatnonzero(~np.isfinite(result).all(axis=1))
            if len(lost):
                result[lost] = self._bounded([column[lost] for column in columns])
        return result

    def _bounded(self, columns: Sequence[FloatArray]) -> FloatArray:
        """Raw scores whose parts are too large to be added up, each of them cut off first."""
        parts = np.nan_to_num(self.contributions(columns))
        largest = _LARGEST / (parts.shape[1] + 1)
        total: FloatArray = self.intercept + np.clip(parts, -largest, largest).sum(axis=1)
        return np.clip(total, -_LARGEST, _LARGEST)

    def _sum(self, values: FunctionValues, tables: Mapping[int, CurveTable]) -> FloatArray:
        """Raw scores of a block of rows; what is linear in the functions of a column is added up beforehand."""
        constant, _ = self._linear
        total: FloatArray = np.tile(constant, (values.n_rows, 1))
        curves: dict[int, FloatArray] = {}
        for functions in self.functions:
            column = functions.column
            if column not in self._stacked:
                continue
            coefficients, places = self._stacked[column]
            x = values.column(functions)
            if column in tables and np.isfinite(x).all():
                made = tables[column].values(x)[:, None]
            else:
                # Not kept with `values`: memory that is given back and asked for again in every block costs most.
                made = functions.values(x) @ coefficients
            total += made[:, : self.n_outputs]
            curves.update(zip(places, made.T[self.n_outputs :], strict=True))
        for pair in self.pairs:
            total = total + pair.products(values.coarse(pair.first), values.coarse(pair.second))
        for effect in self.effects:
            if isinstance(effect, FormulaEffect):
                total = total + effect.law(values.inside(effect))
            elif isinstance(effect, MainEffect):
                total = total + effect.beyond_range(values.column(effect.functions))
        if self.second is not None:
            total = total + self.second.of_curves(curves, values)
        return total

    @property
    def all_parts(self) -> tuple[Effect, ...]:
        """The effects, and those that the second block is relieved of, with opposite sign."""
        return self.effects if self.second is None else (*self.effects, *self.second.parts)

    @cached_property
    def pairs(self) -> tuple[PairEffect, ...]:
        """The pairs with all that is said about each of them added up."""
        found: dict[tuple[int, ...], PairEffect] = {}
        for effect in self.all_parts:
            if isinstance(effect, PairEffect):
                known = found.get(effect.columns)
                found[effect.columns] = effect if known is None else known.plus(effect)
        return tuple(pair for pair in found.values() if pair.matrix.any())

    @cached_property
    def _tables(self) -> dict[int, CurveTable]:
        """Tables of the curves of the numeric columns that do not go on as their formulas, where they have only one."""
        found = {}
        for functions in self.functions:
            basis = functions.basis
            coefficients, _ = self._stacked.get(functions.column, (np.empty((0, 0)), ()))
            if coefficients.shape[1] != 1 or not isinstance(basis, NumericBasis):
                continue
            if functions.beyond != "rational" and len(basis.knots) >= _KNOTS_WORTH_A_TABLE:
                curve = partial(_curve, basis, coefficients[:, 0])
                table = tabulated(curve, basis.low, basis.high)
                if table is not None:
                    found[functions.column] = table
        return found

    @cached_property
    def _linear(self) -> tuple[FloatArray, dict[int, FloatArray]]:
        """Sum of all constants, and for each column the sum of all coefficients of its functions."""
        constant = self.intercept.copy()
        linear: dict[int, FloatArray] = {}
        for effect in self.all_parts:
            constant = constant + effect.offset
            for functions, coefficients in effect.linear_parts():
                linear[functions.column] = linear.get(functions.column, 0.0) + coefficients
        return constant, {column: part for column, part in linear.items() if part.any()}

    @cached_property
    def _stacked(self) -> dict[int, tuple[FloatArray, tuple[int, ...]]]:
        """For each column the coefficients of all that is linear in its functions: its part in the sum, and curves.

        The curves are inputs of the second block, whose positions are given.
        """
        _, linear = self._linear
        inputs = [] if self.second is None else [item for item in enumerate(self.second.inputs) if not item[1].is_line]
        found = {}
        for functions in self.functions:
            own = [(k, item) for k, item in inputs if item.functions.column == functions.column]
            part = linear.get(functions.column)
            if part is not None or own:
                part = np.zeros((functions.basis.size, self.n_outputs)) if part is None else part
                stacked = np.column_stack([part, *(item.coefficients for _, item in own)])
                found[functions.column] = stacked, tuple(k for k, _ in own)
        return found

    def contributions(self, columns: Sequence[FloatArray]) -> FloatArray:
        """What each effect, and last the second block, adds: shape (n_rows, n_effects + 1, n_outputs)."""
        result = np.zeros((len(columns[0]), len(self.effects) + 1, self.n_outputs))
        for rows, values in self._blocks(columns):
            for k, effect in enumerate(self.effects):
                result[rows, k] = values.effect(effect)
            if self.second is not None:
                result[rows, -1] = self.second.values(values)
        return result

    def _blocks(self, columns: Sequence[FloatArray]) -> Iterator[tuple[slice, FunctionValues]]:
        n = len(columns[0])
        for start in range(0, n, _ROWS):
            rows = slice(start, min(start + _ROWS, n))
            yield rows, FunctionValues([column[rows] for column in columns])

    @property
    def importances(self) -> FloatArray:
        """Standard deviation of each effect, and last of the second block, over the training rows."""
        return self.deviations

    @property
    def shares(self) -> FloatArray:
        """Share of each effect, and last of the second block, in the variance of the raw scores; they add up to 1.

        Covariance with the sum over the variance of the sum, as in the decomposition of Li et al. 2010
        (doi:10.1021/jp9096919), because columns of tables are not independent; a share may be negative.
        """
        total = float(self.covariances.sum())
        shares: FloatArray = self.covariances / total if total > 0 else np.zeros_like(self.covariances)
        return shares

    def position(self, name: str) -> int:
        """Position of the effect with this name.

        Raises
        ------
        InputError
            If there is none; the nearest name is given.
        """
        if name in self.names:
            return self.names.index(name)
        swapped = " & ".join(reversed(name.split(" & ")))
        if swapped in self.names:
            return self.names.index(swapped)
        raise InputError(f"There is no term {name!r}{did_you_mean(name, self.names)}. Terms: {', '.join(self.names)}.")

    def without(self, name: str) -> AdditiveModel:
        """The model with an effect, or the second block, left out."""
        if name == SECOND_BLOCK:
            return self.with_factor(name, 0.0)
        k = self.position(name)
        keep = [i for i in range(len(self.effects) + 1) if i != k]
        effects = tuple(effect for i, effect in enumerate(self.effects) if i != k)
        return replace(self, effects=effects, covariances=self.covariances[keep], deviations=self.deviations[keep])

    def with_factor(self, name: str, factor: float) -> AdditiveModel:
        """The model with an effect, or the second block, times a number."""
        k = self._position_or_second(name)
        covariances, deviations = self.covariances.copy(), self.deviations.copy()
        covariances[k] *= factor
        deviations[k] *= abs(factor)
        sized = replace(self, covariances=covariances, deviations=deviations)
        if k < len(self.effects):
            effects = (*self.effects[:k], self.effects[k].scaled(factor), *self.effects[k + 1 :])
            return replace(sized, effects=effects)
        second = self.second.scaled(factor) if self.second is not None and factor != 0.0 else None
        return replace(sized, second=second)

    def _position_or_second(self, name: str) -> int:
        if name != SECOND_BLOCK:
            return self.position(name)
        if self.second is None:
            raise InputError("This model has no second block.")
        return len(self.effects)

    def scaled(self, factor: float, shift: float) -> AdditiveModel:
        """The model whose raw scores are `factor` times those of this one, plus `shift`."""
        return AdditiveModel(
            factor * self.intercept + shift,
            self.functions,
            tuple(effect.scaled(factor) for effect in self.effects),
            None if self.second is None else self.second.scaled(factor),
            self.covariances,
            abs(factor) * self.deviations,
        )

    def main_effect(self, column: int) -> MainEffect | None:
        """The main effect of a column, if it has one."""
        for effect in self.effects:
            if isinstance(effect, MainEffect) and effect.functions.column == column:
                return effect
        return None


def _curve(basis: NumericBasis, coefficients: FloatArray, x: FloatArray) -> FloatArray:
    result: FloatArray = basis.values(x) @ coefficients
    return result
