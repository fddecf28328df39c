"""From a solved design to effects that can be read: centred, and pair effects without main parts.

A sum of products hides main effects, so that "the effect of x" would depend on how the fit split it. Each pair effect
is therefore made orthogonal, over the training rows, to all functions of either of its columns, and what is taken out
of it is given to the main effects: the functional ANOVA of Hooker 2007 (doi:10.1198/106186007X237892) in the space of
the functions of the basis. The sum does not change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.basis import Basis, LevelBasis
from closedform.additive.design import Design, Feature, PairBlock
from closedform.additive.fit import LinearFit
from closedform.additive.terms import ColumnFunctions, Effect, MainEffect, PairEffect

FloatArray: TypeAlias = NDArray[np.float64]

_ROWS = 20_000
_GRID = 33
_RIDGE = 1e-10
_NOTHING = 1e-20


@dataclass(frozen=True, eq=False)
class Assembled:
    """Intercept and effects.

    Parameters
    ----------
    intercept : ndarray of shape (n_outputs,)
        Constant raw scores.
    functions : tuple of ColumnFunctions
        Of the features, in their order.
    effects : tuple of MainEffect, PairEffect or FormulaEffect
        Main effects first.
    others : tuple of ColumnFunctions
        Of the features without an effect.
    """

    intercept: FloatArray
    functions: tuple[ColumnFunctions, ...]
    effects: tuple[Effect, ...]
    others: tuple[ColumnFunctions, ...] = ()


def assemble(
    design: Design,
    fit: LinearFit,
    weight: FloatArray,
    names: Sequence[str],
    beyond: Mapping[int, str],
    forced: Collection[tuple[int, int]] = (),
    kept: Mapping[int, tuple[float, float]] | None = None,
) -> Assembled:
    """Effects of a solved design.

    Parameters
    ----------
    design : Design
        Its columns.
    fit : LinearFit
        Its coefficients.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    names : sequence of str
        Names of the columns of the table.
    beyond : mapping of int to str
        Policy beyond the range for each column of the table.
    forced : collection of pairs
        Pairs of columns that keep their effect even if it is zero.
    kept : mapping of int to tuple of float, optional
        Where the policy is "auto": shares of the slopes at the ends of a column that lines go on with; constant if none
        are given.
    """
    functions = tuple(
        column_functions(feature, names, beyond, (kept or {}).get(feature.column)) for feature in design.features
    )
    slices = design.slices()
    n_main = len(design.features)
    mains = [
        _main(feature, function, fit, part, design.columns[feature.column])
        for feature, function, part in zip(design.features, functions, slices[:n_main], strict=True)
    ]
    pairs = [
        _pair(pair, design.features, functions, fit.coefficients[part])
        for pair, part in zip(design.pairs, slices[n_main:], strict=True)
        if fit.coefficients[part].any()
        or (design.features[pair.first].column, design.features[pair.second].column) in forced
    ]
    return _purified(design, functions, mains, pairs, weight, fit.offset)


def column_functions(
    feature: Feature, names: Sequence[str], beyond: Mapping[int, str], kept: tuple[float, float] | None = None
) -> ColumnFunctions:
    """The functions of a feature; where nothing is asked for, effects keep some of their slopes, or stay constant."""
    functions = ColumnFunctions(feature.column, names[feature.column], feature.basis, beyond[feature.column])
    if functions.beyond != "auto":
        return functions
    return replace(functions, beyond="linear", kept=kept) if kept and any(kept) else replace(functions, beyond="clip")


def _main(feature: Feature, function: ColumnFunctions, fit: LinearFit, part: slice, x: FloatArray) -> MainEffect:
    """A main effect in terms of the functions of the basis, not yet centred."""
    smooth, basis = feature.main, feature.basis
    spread = smooth.weights / np.sqrt(smooth.roughness)
    coefficients = np.zeros((basis.size, fit.coefficients.shape[1]))
    coefficients[smooth.index] = spread @ fit.coefficients[part]
    offset = -smooth.mean @ coefficients[smooth.index]
    grid = _shown(basis, x)
    on_grid = smooth.of(basis.values(grid)) / np.sqrt(smooth.roughness)
    error = [
        np.sqrt(np.maximum(np.sum((on_grid @ one.covariance[part, part]) * on_grid, axis=1), 0.0)) for one in fit.fits
    ]
    return MainEffect(function, coefficients, offset, grid, np.stack(error, axis=1))


def _shown(basis: Basis, x: FloatArray) -> FloatArray:
    """Values of a column at which its effect is shown: a grid or all levels, and NaN where values are missing."""
    grid = np.arange(float(basis.n_levels)) if isinstance(basis, LevelBasis) else basis.grid(x, _GRID)
    return np.append(grid, np.nan) if basis.missing else grid


def _pair(
    pair: PairBlock, features: Sequence[Feature], functions: Sequence[ColumnFunctions], solved: FloatArray
) -> PairEffect:
    """A pair effect in terms of the functions of the bases: the products of centred functions, multiplied out."""
    first, second = features[pair.first], features[pair.second]
    n_outputs = solved.shape[1]
    core = np.zeros((len(first.pair), len(second.pair), n_outputs))
    core[pair.left, pair.right] = solved / pair.scale[:, None]
    matrix = np.einsum("ap,pqk,bq->abk", first.pair.weights, core, second.pair.weights)
    left = np.zeros((first.basis.size, n_outputs))
    right = np.zeros((second.basis.size, n_outputs))
    left[first.pair.index] = -np.einsum("abk,b->ak", matrix, second.pair.mean)
    right[second.pair.index] = -np.einsum("abk,a->bk", matrix, first.pair.mean)
    offset = np.einsum("abk,a,b->k", matrix, first.pair.mean, second.pair.mean)
    return PairEffect(functions[pair.first], functions[pair.second], matrix, left, right, offset)


def _purified(
    design: Design,
    functions: tuple[ColumnFunctions, ...],
    mains: list[MainEffect],
    pairs: list[PairEffect],
    weight: FloatArray,
    intercept: FloatArray,
) -> Assembled:
    """Give the main parts of the pair effects to the main effects, and all means to the intercept."""
    step = max(1, design.n_rows // _ROWS)
    share = weight[::step] / weight[::step].sum()
    values = [f.basis.values(design.columns[f.column][::step]) for f in design.features]
    place = {function.column: k for k, function in enumerate(functions)}
    used = {place[column] for pair in pairs for column in pair.columns}
    pure: list[MainEffect | PairEffect] = []
    for pair in pairs:
        i, j = (place[column] for column in pair.columns)
        shape = [np.ones((len(share), 1)), values[i], values[j]]
        parts = _explained(np.hstack(shape), pair.values(values[i], values[j]), share)
        constant, left, right = np.split(parts, [1, 1 + values[i].shape[1]])
        pure.append(replace(pair, left=pair.left - left, right=pair.right - right, offset=pair.offset - constant[0]))
        mains[i] = replace(mains[i], coefficients=mains[i].coefficients + left)
        mains[j] = replace(mains[j], coefficients=mains[j].coefficients + right)
        intercept = intercept + constant[0]
    kept = [k for k, main in enumerate(mains) if k in used or main.coefficients.any()]
    centred: list[MainEffect | PairEffect] = []
    for k in kept:
        # Only the functions of the column: whatever lies beyond the range is no training row.
        mean = share @ (values[k] @ mains[k].coefficients + mains[k].offset)
        main = replace(mains[k], offset=mains[k].offset - mean)
        centred.append(_without_offset(main) if np.all(values[k].sum(axis=1) == 1.0) else main)
        intercept = intercept + mean
    others = tuple(function for k, function in enumerate(functions) if k not in kept)
    return Assembled(intercept, tuple(functions[k] for k in kept), (*centred, *pure), others)


def _without_offset(main: MainEffect) -> MainEffect:
    """The effect of a categorical column with the constant moved to its levels: a level never seen adds nothing."""
    if not isinstance(main.functions.basis, LevelBasis):
        return main
    return replace(main, coefficients=main.coefficients + main.offset, offset=np.zeros_like(main.offset))


def _explained(functions: FloatArray, values: FloatArray, share: FloatArray) -> FloatArray:
    """Coefficients of the functions that explain the values best over the rows."""
    weighted = functions * share[:, None]
    gram = weighted.T @ functions
    size = np.diag(gram)
    # A function that is next to nothing on all rows would get a coefficient beyond all bounds: it gets none.
    scale = np.where(size > _NOTHING * size.max(), np.sqrt(size), np.inf)
    gram = gram / np.outer(scale, scale) + _RIDGE * np.eye(len(gram))
    solved: FloatArray = np.linalg.lstsq(gram, (weighted.T @ values) / scale[:, None], rcond=1e-12)[0] / scale[:, None]
    return solved
