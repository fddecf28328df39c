"""A fitted network as formulas over the columns of its table: each effect, the second block, and the whole.

Variables are the names of the numeric columns (dates in days since 1970-01-01, truth values as 0 and 1). A label and a
missing cell are variables of their own that are 0 or 1: ``sex=male`` is 1 in the rows that hold this label, and
``age=missing`` in those where the cell is empty, the column `age` itself then being any finite number. All of them are
made from a table by `formula_columns`. A column without empty cells at fit time has no such variable, and a formula has
no value where a cell of it is empty; `predict` has one there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.basis import LevelBasis, NumericBasis
from closedform.additive.families import LARGEST_SCORE, Binary, Classes, Family, Poisson
from closedform.additive.fitted import FittedNetwork
from closedform.additive.second_block import BlockInput, SecondBlock
from closedform.additive.terms import ColumnFunctions, Effect, FormulaEffect, MainEffect, PairEffect, summed
from closedform.exceptions import InputError
from closedform.preprocessing.column_kinds import label_text
from closedform.preprocessing.columns import Column
from closedform.symbolic.expression import Expression, apply, constant, plain_sum, variable

FloatArray: TypeAlias = NDArray[np.float64]
Weight: TypeAlias = Expression | float

# A knot this many widths away from zero is measured from the centre of the column: rounding, as in `predict`.
_FAR = 1e3


@dataclass(frozen=True)
class FormulaNames:
    """Names of the variables of formulas.

    Parameters
    ----------
    columns : tuple of str
        Name of each column.
    levels : tuple of tuple of str
        Names of the 0/1 variables of the labels of each column; empty for numeric ones.
    missing : tuple of str
        Names of the 0/1 variables of empty cells; "" for a column that had none at fit time.
    """

    columns: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...]

    @classmethod
    def of(cls, columns: Sequence[Column]) -> FormulaNames:
        """Names for these columns: ``column=label`` and ``column=missing``, all different."""
        taken = {column.name for column in columns}

        def free(name: str) -> str:
            while name in taken:
                name += "_"
            taken.add(name)
            return name

        levels, missing = [], []
        for column in columns:
            used = column.levels if column.used else ()
            levels.append(tuple(free(f"{column.name}={label_text(label)}") for label in used))
            missing.append(free(f"{column.name}=missing") if column.used and column.has_missing else "")
        return cls(tuple(column.name for column in columns), tuple(levels), tuple(missing))


def formula_columns(network: FittedNetwork, X: Any) -> dict[str, FloatArray]:
    """The variables of the formulas of a network from a table.

    Parameters
    ----------
    network : FittedNetwork
    X : table of shape (n_rows, n_columns)
        The columns of fit time.

    Returns
    -------
    dict of str to ndarray of shape (n_rows,)
        For `Expression.evaluate`: numeric columns (empty cells filled if there were some at fit time) and the 0/1
        variables of labels and of empty cells.
    """
    names = FormulaNames.of(network.columns)
    filling = {f.column: f.basis.center for f in network.model.functions if isinstance(f.basis, NumericBasis)}
    result: dict[str, FloatArray] = {}
    for j, (column, values) in enumerate(zip(network.columns, network.encoded(X), strict=True)):
        if not column.used:
            continue
        for code, name in enumerate(names.levels[j]):
            result[name] = (values == code).astype(np.float64)
        empty = np.isnan(values)
        if names.missing[j]:
            result[names.missing[j]] = empty.astype(np.float64)
        if column.kind != "categorical":
            result[column.name] = np.where(empty, filling.get(j, 0.0), values) if names.missing[j] else values
    return result


def effect_expression(
    effect: Effect | SecondBlock, output: int = 0, *, columns: Sequence[Column], beyond: bool = True
) -> Expression:
    """One effect, or a second block, as a formula.

    Parameters
    ----------
    effect : MainEffect, PairEffect, FormulaEffect or SecondBlock
    output : int, default=0
        Which raw score.
    columns : sequence of Column
        Of the table.
    beyond : bool, default=True
        Whether the formula does beyond the range of the training rows what `predict` does there, which takes ``min``
        and ``max``. Without, it is one rational function, which agrees with `predict` within the range.
    """
    builder = _Builder(FormulaNames.of(columns), output, beyond)
    terms: list[Weight] = []
    if isinstance(effect, SecondBlock):
        terms = [*builder.second(effect), float(effect.offset[output])]
    for part in effect.parts if isinstance(effect, SecondBlock) else (effect,):
        terms += [float(part.offset[output]), *builder.beyond_linear(part), *builder.products(part)]
        for functions, coefficients in part.linear_parts():
            terms += builder.combination(functions, coefficients[:, output].tolist())
    return _total(terms)


def raw_expression(network: FittedNetwork, output: int = 0, *, beyond: bool = True) -> Expression:
    """The raw score as a formula; what several effects say about one column is added up first.

    Parameters
    ----------
    network : FittedNetwork
    output : int, default=0
        Which raw score.
    beyond : bool, default=True
        See `effect_expression`.
    """
    model = network.model
    _check_output(network, output)
    builder = _Builder(FormulaNames.of(network.columns), output, beyond)
    linear: dict[int, list[FloatArray]] = {}
    for effect in model.all_parts:
        for functions, coefficients in effect.linear_parts():
            linear.setdefault(functions.column, []).append(coefficients[:, output])
    offsets = [model.intercept[output], *(effect.offset[output] for effect in model.all_parts)]
    if model.second is not None:
        offsets.append(model.second.offset[output])
    terms: list[Weight] = [float(summed(*np.array(offsets)[:, None])[0])]
    by_column = {functions.column: functions for effect in model.all_parts for functions, _ in effect.linear_parts()}
    for column, parts in linear.items():
        terms += builder.combination(by_column[column], summed(*parts).tolist())
    for pair in model.pairs:
        terms += builder.products(pair)
    for effect in model.effects:
        terms += builder.beyond_linear(effect)
        if isinstance(effect, FormulaEffect):
            terms += builder.products(effect)
    if model.second is not None:
        terms += builder.second(model.second)
    return _total(terms)


def model_expression(network: FittedNetwork, output: int = 0, *, beyond: bool = True) -> Expression:
    """The prediction as a formula.

    Parameters
    ----------
    network : FittedNetwork
    output : int, default=0
        For more than two classes: which class. With two classes there is one output, the probability of the second.
    beyond : bool, default=True
        Whether the formula agrees with `predict` beyond the range of the training rows, too; see `effect_expression`.

    Returns
    -------
    Expression
        Predicted value, or probability of a class, over the variables of `formula_columns`.
    """
    family = network.family
    if isinstance(family, Classes):
        _check_output(network, output)
        raws = [raw_expression(network, k, beyond=beyond) for k in range(family.n_classes)]
        odds: list[Weight] = [apply("exp", raw - raws[output]) for k, raw in enumerate(raws) if k != output]
        return 1 / _total([*odds, constant(1)])
    return _linked(family, raw_expression(network, output, beyond=beyond), beyond)


def _linked(family: Family, raw: Expression, beyond: bool) -> Expression:
    """The prediction from the raw score."""
    if not isinstance(family, Binary | Poisson):
        return raw
    if beyond:
        raw = apply("min", apply("max", raw, -LARGEST_SCORE), LARGEST_SCORE)
    return apply("exp", raw) if isinstance(family, Poisson) else 1 / (1 + apply("exp", -raw))


def _check_output(network: FittedNetwork, output: int) -> None:
    count = network.model.n_outputs
    if not 0 <= output < count:
        raise InputError(f"output must be a whole number from 0 to {count - 1}, got {output!r}.")


class _Builder:
    """Builds formulas of one output.

    Parameters
    ----------
    names : FormulaNames
    output : int
    beyond : bool
        Whether beyond the range formulas do what `predict` does.
    """

    def __init__(self, names: FormulaNames, output: int, beyond: bool) -> None:
        self._names = names
        self._output = output
        self._beyond = beyond

    def combination(self, functions: ColumnFunctions, weights: Sequence[Weight]) -> list[Weight]:
        """The summands of the functions of a column, each times a number or an expression."""
        basis = functions.basis
        *levels, empty = [*weights] if basis.missing else [*weights, 0.0]
        last = self._times(self._missing(functions), empty) if basis.missing else []
        if isinstance(basis, LevelBasis):
            flags = self._names.levels[functions.column]
            parts = [self._times(variable(flag), weight) for flag, weight in zip(flags, levels, strict=True)]
            return [term for part in (*parts, last) for term in part]
        known = self._numeric(functions, basis, levels)
        return [*self._where_known(functions, known), *last]

    def _where_known(self, functions: ColumnFunctions, terms: list[Weight]) -> list[Weight]:
        if not functions.basis.missing or not terms:
            return terms
        return [(1 - self._missing(functions)) * _total(terms)]

    def _missing(self, functions: ColumnFunctions) -> Expression:
        return variable(self._names.missing[functions.column])

    def _times(self, factor: Expression, weight: Weight) -> list[Weight]:
        return [] if _is_zero(weight) else [weight * factor]

    def inside(self, functions: ColumnFunctions) -> Expression:
        """The column, moved to the ends of its range where `predict` does so."""
        x = variable(self._names.columns[functions.column])
        basis = functions.basis
        if isinstance(basis, LevelBasis) or functions.beyond == "rational" or not self._beyond:
            return x
        return apply("min", apply("max", x, basis.low), basis.high)

    def _numeric(self, functions: ColumnFunctions, basis: NumericBasis, weights: Sequence[Weight]) -> list[Weight]:
        """Line and units of a numeric column."""
        x = self.inside(functions)
        line, k = weights[0], len(basis.knots)
        terms: list[Weight] = []
        if not _is_zero(line):
            terms += _line(x, basis, line)
        for knot, width, bump, step in zip(
            basis.knots.tolist(), basis.widths.tolist(), weights[1 : 1 + k], weights[1 + k :], strict=True
        ):
            if _is_zero(bump) and _is_zero(step):
                continue
            q = _scaled(x, basis, knot, width)
            terms.append(_unit(q, bump, step))
        return terms

    def beyond_linear(self, effect: Effect) -> list[Weight]:
        """The straight lines of a main effect beyond the range."""
        if not isinstance(effect, MainEffect) or not self._beyond:
            return []
        functions, basis = effect.functions, effect.functions.basis
        if isinstance(basis, LevelBasis) or functions.beyond != "linear":
            return []
        x = variable(self._names.columns[functions.column])
        low, high = (float(slope[self._output]) for slope in effect.slopes())
        terms: list[Weight] = []
        if low:
            terms.append(low * apply("min", _minus(x, basis.low), 0))
        if high:
            terms.append(high * apply("max", _minus(x, basis.high), 0))
        return self._where_known(functions, terms)

    def products(self, effect: Effect) -> list[Weight]:
        """What is not linear in the functions of one column."""
        if isinstance(effect, FormulaEffect):
            return [effect.expression.substitute({item.name: self.inside(item) for item in effect.functions})]
        if not isinstance(effect, PairEffect):
            return []
        first, second = effect.first, effect.second
        matrix = effect.matrix[:, :, self._output]
        outer: list[Weight] = [0.0] * first.basis.size
        for i, row in zip(first.basis.coarse.tolist(), matrix, strict=True):
            weights = np.zeros(second.basis.size)
            weights[second.basis.coarse] = row
            terms = self.combination(second, weights.tolist())
            outer[i] = _total(terms) if terms else 0.0
        return self.combination(first, outer)

    def second(self, block: SecondBlock) -> list[Weight]:
        """The units of a second block."""
        inputs = [self._input(item) for item in block.inputs]
        terms: list[Weight] = []
        for unit in range(block.weights.shape[1]):
            *weights, shift = block.weights[:, unit].tolist()
            bump, step = float(block.bumps[unit, self._output]), float(block.steps[unit, self._output])
            if bump or step:
                parts = [weight * item for weight, item in zip(weights, inputs, strict=True) if weight]
                terms.append(_unit(_total([*parts, shift]), bump, step))
        return terms

    def _input(self, item: BlockInput) -> Expression:
        terms = self.combination(item.functions, item.coefficients.tolist())
        return _total([*terms, -float(item.mean)]) / float(item.scale)


def _line(x: Expression, basis: NumericBasis, weight: Weight) -> list[Weight]:
    """``weight * (x - center) / scale``."""
    if not isinstance(weight, Expression):
        slope = weight / basis.scale
        shift = -slope * basis.center
        if np.isfinite(slope) and np.isfinite(shift) and slope:
            # The centre of a column far from zero stays where rounding does no harm.
            if abs(basis.center) <= _FAR * basis.scale:
                return [slope * x, shift]
            return [slope * _minus(x, basis.center)]
    return [weight * _scaled(x, basis, 0.0, 1.0)]


def _scaled(x: Expression, basis: NumericBasis, knot: float, width: float) -> Expression:
    """``((x - center) / scale - knot) / width``, as one difference where rounding allows it."""
    place, size = basis.center + knot * basis.scale, basis.scale * width
    if abs(place) <= _FAR * size and np.isfinite(place) and 1e-290 < size < 1e290:
        return _minus(x, place) / size
    z = _minus(x, basis.center) / basis.scale
    return z if (knot, width) == (0.0, 1.0) else _minus(z, knot) / width


def _unit(q: Expression, bump: Weight, step: Weight) -> Expression:
    """``(bump + step * q) / (1 + q**2)``."""
    top = _total([bump, *([] if _is_zero(step) else [step * q])])
    return top / (1 + q**2)


def _is_zero(weight: Weight) -> bool:
    return not isinstance(weight, Expression) and weight == 0.0


def _total(terms: Sequence[Weight]) -> Expression:
    """The sum of numbers and expressions: ``(what is added) - (what is taken away)``."""
    number = float(sum(term for term in terms if not isinstance(term, Expression)))
    parts = [term for term in terms if isinstance(term, Expression)]
    plus = [part for part in parts if not _is_negative(part)]
    minus = [_negated(part) for part in parts if _is_negative(part)]
    if number < 0.0 and plus:
        minus.append(constant(-number))
    elif number or not parts:
        plus.append(constant(number))
    if not plus:
        return parts[0] if len(parts) == 1 else -plain_sum(minus)
    return plain_sum(plus) - plain_sum(minus) if minus else plain_sum(plus)


def _is_negative(part: Expression) -> bool:
    """Whether it is a product that begins with a negative number."""
    if part.kind != "apply" or part.op.name != "mul":
        return False
    return part.args[0].kind == "constant" and part.args[0].value < 0


def _negated(part: Expression) -> Expression:
    return apply("mul", -part.args[0].value, *part.args[1:])


def _minus(x: Expression, number: float) -> Expression:
    """``x - number``, spelt without a double sign."""
    if number == 0.0:
        return x
    return x + -number if number < 0.0 else x - number


def variable_notes(columns: Sequence[Column], used: Sequence[str]) -> Mapping[str, str]:
    """What the 0/1 variables and the dates among the variables of a formula stand for, in words."""
    names = FormulaNames.of(columns)
    notes = {}
    for j, column in enumerate(columns):
        for label, name in zip(column.levels, names.levels[j], strict=bool(names.levels[j])):
            notes[name] = f"1 where {column.name} is {label_text(label)}, else 0"
        if names.missing[j]:
            notes[names.missing[j]] = f"1 where {column.name} is missing ({column.name} then any number), else 0"
        if column.kind == "date":
            notes[column.name] = "days since 1970-01-01"
    return {name: notes[name] for name in used if name in notes}
