"""Data without noise that follow a ratio of polynomials: the law itself, instead of curves that come near to it.

``y q(x) = p(x)`` is linear in the coefficients of p and q, so that such a law is found by linear algebra. It is taken
only if it holds on every row to rounding, and if interval arithmetic proves that the denominator has no zero in the box
of the training rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.assemble import Assembled, column_functions
from closedform.additive.basis import LevelBasis
from closedform.additive.design import Feature
from closedform.additive.terms import ColumnFunctions, FormulaEffect, MainEffect
from closedform.exceptions import InputError
from closedform.library.polynomial import fit_polynomial, fit_rational
from closedform.library.pool import build
from closedform.symbolic.expression import Expression
from closedform.symbolic.intervals import is_defined_in_parts
from closedform.symbolic.simplify import simplify
from closedform.symbolic.snap import tune

FloatArray: TypeAlias = NDArray[np.float64]

_MOST_COLUMNS = 6
_FEWEST_ROWS = 20
_ROWS = 1500
_LARGEST_DEGREE = 8
_EXACT = 1e-10
_MOST_BOXES = 2000


def exact_law(
    columns: Sequence[FloatArray], features: Sequence[Feature], names: Sequence[str], y: FloatArray
) -> Expression | None:
    """The ratio of polynomials that gives `y` on every row, or None.

    Parameters
    ----------
    columns : sequence of ndarray of shape (n_rows,)
        All columns of the table.
    features : sequence of Feature
        Those that may occur.
    names : sequence of str
        Names of all columns.
    y : ndarray of shape (n_rows,)
        Target.
    """
    if not 1 <= len(features) <= _MOST_COLUMNS or len(y) < _FEWEST_ROWS:
        return None
    if any(isinstance(f.basis, LevelBasis) or f.basis.missing for f in features):
        return None
    step = max(1, len(y) // _ROWS)
    X = np.column_stack([columns[f.column][::step] for f in features])
    recipes = [("var", names[f.column]) for f in features]
    with np.errstate(all="ignore"):
        recipe = fit_polynomial(X, recipes, y[::step], largest=_LARGEST_DEGREE)
        recipe = recipe if recipe is not None else fit_rational(X, recipes, y[::step], largest=_LARGEST_DEGREE)
    if recipe is None:
        return None
    table = {names[f.column]: columns[f.column] for f in features}
    some = {name: column[::step] for name, column in table.items()}
    try:
        tuned = tune(build(recipe), some, y[::step]).expression
    except InputError:
        # Coefficients of columns of very small numbers may be no float64.
        return None
    box = {name: (float(column.min()), float(column.max())) for name, column in table.items()}
    for law in (simplify(tuned, box, use_sympy=False), tuned):
        if law.variables and _holds(law, table, y) and is_defined_in_parts(law, box, _MOST_BOXES):
            return law
    return None


def _holds(law: Expression, table: Mapping[str, FloatArray], y: FloatArray) -> bool:
    with np.errstate(all="ignore"):
        residual = law.evaluate(table) - y
    largest = float(np.max(np.abs(y - y.mean()), initial=0.0))
    return bool(np.isfinite(residual).all() and np.abs(residual).max() <= _EXACT * largest)


def assemble_law(
    law: Expression,
    features: Sequence[Feature],
    columns: Sequence[FloatArray],
    names: Sequence[str],
    beyond: Mapping[int, str],
    weight: FloatArray,
) -> Assembled:
    """A law as effects: its summands by the columns that they depend on, main parts given to main effects."""
    occurring = [f for f in features if names[f.column] in law.variables]
    functions: dict[str, ColumnFunctions] = {}
    values: dict[str, FloatArray] = {}
    for feature in occurring:
        j = feature.column
        # A law goes on as it is where nothing else is asked for.
        policy = {j: "rational" if beyond[j] == "auto" else beyond[j]}
        functions[names[j]] = column_functions(feature, names, policy)
        values[names[j]] = feature.basis.values(columns[j])
    share = weight / weight.sum()
    intercept = np.zeros(1)
    effects: list[FormulaEffect] = []
    mains: dict[str, MainEffect] = {}
    for variables, part in _summands(law).items():
        if not variables:
            intercept += float(part.evaluate({name: columns[0][:1] for name in law.variables}).ravel()[0])
            continue
        own = tuple(functions[name] for name in variables)
        table = {name: columns[functions[name].column] for name in variables}
        law_values = np.broadcast_to(part.evaluate(table), (len(weight),))
        parts = [np.zeros((f.basis.size, 1)) for f in own]
        if len(own) > 1:
            parts = _main_parts(law_values, [values[name] for name in variables], share)
            for name, function, taken in zip(variables, own, parts, strict=True):
                before = mains.get(name) or _empty_main(function)
                mains[name] = replace(before, coefficients=before.coefficients + taken)
        taken_values = sum(values[name] @ taken for name, taken in zip(variables, parts, strict=True))
        mean = share @ (law_values[:, None] - taken_values)
        effects.append(FormulaEffect(own, part, tuple(-taken for taken in parts), -mean))
        intercept += mean
    centred = []
    for name, main in mains.items():
        mean = share @ (values[name] @ main.coefficients)
        centred.append(replace(main, offset=-mean))
        intercept += mean
    return Assembled(intercept, tuple(functions.values()), (*centred, *effects))


def _summands(law: Expression) -> dict[tuple[str, ...], Expression]:
    """The sum of those summands that depend on the same columns, for each set of columns."""
    parts = law.args if law.kind == "apply" and law.op.name == "add" else (law,)
    found: dict[tuple[str, ...], Expression] = {}
    for part in parts:
        key = tuple(name for name in law.variables if name in part.variables)
        found[key] = found[key] + part if key in found else part
    return found


def _main_parts(law: FloatArray, values: Sequence[FloatArray], share: FloatArray) -> list[FloatArray]:
    """Coefficients of the functions of each column that together explain the values best."""
    design = np.hstack([np.ones((len(law), 1)), *values])
    root = np.sqrt(share)[:, None]
    norms = np.linalg.norm(root * design, axis=0)
    norms[norms == 0] = 1.0
    solved = np.linalg.lstsq(root * design / norms, root * law[:, None], rcond=1e-9)[0] / norms[:, None]
    ends = np.cumsum([1, *(v.shape[1] for v in values)])
    return [solved[start:end] for start, end in pairwise(ends.tolist())]


def _empty_main(function: ColumnFunctions) -> MainEffect:
    basis = function.basis
    grid = np.linspace(basis.low, basis.high, 65) if not isinstance(basis, LevelBasis) else np.empty(0)
    return MainEffect(function, np.zeros((basis.size, 1)), np.zeros(1), grid, np.zeros((len(grid), 1)))
