"""Networks that write a power as a limit, written with the power.

LIES networks have no product of numbers of either sign: training makes ``x**2`` of ``cos(e*x)/e**2`` with an ``e`` that
goes to zero, and ``x*y`` of several such units whose large weights cancel. The formula of such a network is never
right, however long it is trained. Here units that use a small part of their curve are replaced by their Taylor
polynomial, the polynomials are multiplied out, and the linear weights are solved again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np
import torch

from closedform.engines.base import FloatArray
from closedform.networks import UNITS, LIESLayout
from closedform.symbolic.expression import Expression, apply, constant, plain_sum

# Sum of products of atoms: numbers of the atoms of each product (sorted, none for the constant) to its coefficient.
_Terms: TypeAlias = dict[tuple[int, ...], float]

# Largest distance from the middle of the used part of the curve, relative to the length on which the curve bends.
_SMALL = 0.7
_DEGREE = 3
_MOST_TERMS = 30
# A term may go if that raises the squared error by this factor, or to this share of the variance of the target.
_ALLOWED_RISE = 1.5
_NEGLIGIBLE = 1e-22


@dataclass(frozen=True)
class _Atom:
    """An input, or a unit that uses more than a small part of its curve, with its values on the rows."""

    expression: Expression
    values: FloatArray


def limit_formula(
    layout: LIESLayout,
    weights: FloatArray,
    X: FloatArray,
    y: FloatArray,
    inputs: Sequence[Expression],
    sample_weight: FloatArray | None = None,
) -> Expression | None:
    """The formula of a network with polynomials for units that are nearly straight.

    Parameters
    ----------
    layout : LIESLayout
        The graph.
    weights : ndarray of shape (n_weights,)
        Values; a weight of zero is an edge that is not there.
    X : ndarray of shape (n_rows, n_inputs)
        Rows on which the network was trained.
    y : ndarray of shape (n_rows,)
        Target.
    inputs : sequence of Expression
        What the input columns are.
    sample_weight : ndarray of shape (n_rows,), optional
        Non-negative weights of the rows.

    Returns
    -------
    Expression or None
        None where no unit is nearly straight, or the products would be too many.
    """
    atoms = [_Atom(expression, column) for expression, column in zip(inputs, X.T, strict=True)]
    features: list[_Terms] = [{(j,): 1.0} for j in range(len(atoms))]
    features.append({(): 1.0})
    straight = False
    for (first, _, size, n_sources), kinds in zip(layout.blocks[:-1], layout.layers, strict=True):
        matrix = weights[first : first + size * n_sources].reshape(size, n_sources)
        arguments = [_combination(row, features) for row in matrix]
        for kind, argument in zip(kinds, arguments, strict=True):
            expanded = _expanded(kind, argument, atoms)
            straight |= expanded is not None and kind != "identity"
            if expanded is None:
                expanded = {(len(atoms),): 1.0}
                atoms.append(_unit(kind, argument, atoms))
            features.append(expanded)
    whole = _combination(weights[layout.blocks[-1][0] :], features)
    if not straight or not 0 < len(whole) <= _MOST_TERMS:
        return None
    return _expression(_solved(list(whole), atoms, y, sample_weight), atoms)


def _combination(row: FloatArray, features: Sequence[_Terms]) -> _Terms:
    total: _Terms = {}
    for weight, feature in zip(row.tolist(), features, strict=False):
        if weight != 0.0:
            for key, coefficient in feature.items():
                total[key] = total.get(key, 0.0) + weight * coefficient
    return total


def _expanded(kind: str, argument: _Terms, atoms: Sequence[_Atom]) -> _Terms | None:
    """The unit as a sum of products, if it is the identity, a constant or nearly straight on all rows."""
    if kind == "identity":
        return argument
    z = _values(argument, atoms)
    middle = 0.5 * float(z.min() + z.max())
    bend = middle if kind == "log" else 1.0
    if bend <= 0 or not float(np.ptp(z)) < 2 * _SMALL * bend:
        return None
    derivatives = _derivatives(kind, middle)
    centred = {**argument, (): argument.get((), 0.0) - middle}
    total: _Terms = {(): derivatives[0]}
    power: _Terms = {(): 1.0}
    for order in range(1, _DEGREE + 1):
        power = _product(power, centred)
        if len(power) > _MOST_TERMS:
            return total if order == _DEGREE else None
        for key, coefficient in power.items():
            total[key] = total.get(key, 0.0) + derivatives[order] / float(np.prod(range(1, order + 1))) * coefficient
    return total


def _derivatives(kind: str, z: float) -> tuple[float, ...]:
    """Value and first three derivatives."""
    if kind == "exp":
        return (float(np.exp(z)),) * 4
    if kind == "sine":
        return (float(np.sin(z)), float(np.cos(z)), -float(np.sin(z)), -float(np.cos(z)))
    return (float(np.log(z)), 1.0 / z, -1.0 / z**2, 2.0 / z**3)


def _product(left: _Terms, right: _Terms) -> _Terms:
    total: _Terms = {}
    for (a, x), (b, y) in product(left.items(), right.items()):
        key = tuple(sorted(a + b))
        total[key] = total.get(key, 0.0) + x * y
    return total


def _unit(kind: str, argument: _Terms, atoms: Sequence[_Atom]) -> _Atom:
    unit = UNITS[kind]
    values: FloatArray = unit(torch.from_numpy(_values(argument, atoms))).numpy()
    return _Atom(apply(unit.operator or "add", _expression(argument, atoms)), values)


def _values(terms: _Terms, atoms: Sequence[_Atom]) -> FloatArray:
    total = np.zeros(len(atoms[0].values))
    for key, coefficient in terms.items():
        total += coefficient * _column(key, atoms)
    return total


def _column(key: tuple[int, ...], atoms: Sequence[_Atom]) -> FloatArray:
    column: FloatArray = np.ones(len(atoms[0].values))
    for atom in key:
        column = column * atoms[atom].values
    return column


def _solved(
    keys: list[tuple[int, ...]], atoms: Sequence[_Atom], y: FloatArray, sample_weight: FloatArray | None
) -> _Terms:
    """Least-squares coefficients of as few of the products as the error allows."""
    root = np.sqrt(np.ones(len(y)) if sample_weight is None else sample_weight / sample_weight.mean())
    columns = np.column_stack([_column(key, atoms) for key in keys]) * root[:, None]
    target = y * root
    coefficients, error = _least_squares(columns, target)
    limit = max(_ALLOWED_RISE * error, _NEGLIGIBLE)
    while len(keys) > 1:
        least = int(np.argmin(np.abs(coefficients) * np.linalg.norm(columns, axis=0)))
        fewer = np.delete(columns, least, axis=1)
        solved, error = _least_squares(fewer, target)
        if error > limit:
            break
        columns, coefficients = fewer, solved
        del keys[least]
    return dict(zip(keys, coefficients.tolist(), strict=True))


def _least_squares(columns: FloatArray, target: FloatArray) -> tuple[FloatArray, float]:
    norms = np.linalg.norm(columns, axis=0)
    norms[norms == 0] = 1.0
    coefficients: FloatArray = np.linalg.lstsq(columns / norms, target, rcond=None)[0] / norms
    return coefficients, float(np.mean((columns @ coefficients - target) ** 2))


def _expression(terms: _Terms, atoms: Sequence[_Atom]) -> Expression:
    parts = []
    for key, coefficient in terms.items():
        factors = [constant(coefficient), *(_power(atoms[atom].expression, key.count(atom)) for atom in sorted({*key}))]
        parts.append(factors[0] if len(factors) == 1 else apply("mul", *factors))
    return plain_sum(parts)


def _power(base: Expression, exponent: int) -> Expression:
    return base if exponent == 1 else apply("pow", base, exponent)
