"""Which columns of a wide table a target depends on, by what they explain alone and in products of two.

A library of subexpressions grows with a power of the number of columns, so that a wide table has to be narrowed first.
Three questions are asked, each in one pass over the table: how much of the target do the means over a column's own
quantile classes explain (the correlation ratio of Pearson, any curve is seen), the same for what is left after the best
columns, and how much of that is a product of two columns (all products at once, by one matrix product). A column that
acts only in company of two or more others is not seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_CLASSES = 8
_FIRST = 12
_RIDGE = 1e-8


def most_relevant(X: FloatArray, y: FloatArray, count: int) -> list[int]:
    """The columns that tell most about the target, in the order of the table.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Columns, finite.
    y : ndarray of shape (n_rows,)
        Target, finite.
    count : int
        How many columns are wanted, at least 1; all are returned where there are no more.

    Returns
    -------
    list of int
        Positions of the columns, ascending.
    """
    if X.shape[1] <= count:
        return list(range(X.shape[1]))
    target = _standard(y)
    classes = _classes(X)
    shares = _explained_by_classes(classes, target)
    best = np.argsort(-shares, kind="stable")[: min(_FIRST, count)]
    first = best[shares[best] > _largest_by_chance(*X.shape)]
    rest = _residual(X[:, first], classes[:, first], target)
    # Weak effects show only when the strong ones are gone: what is found then comes before what chance put first.
    later = np.maximum(_explained_by_classes(classes, rest), _explained_by_products(X, rest))
    later[first] = np.inf
    return sorted(np.argsort(-later, kind="stable")[:count].tolist())


def _largest_by_chance(n_rows: int, n_columns: int) -> float:
    """A share that hardly any of so many columns of pure noise exceeds.

    The tail bound of chi-squared variables by Laurent and Massart (2000, doi:10.1214/aos/1015957395), Lemma 1.
    """
    t = np.log(n_columns) + 3.0
    return float((2.0 * np.sqrt((_CLASSES - 1) * t) + 2.0 * t) / n_rows)


def _standard(values: FloatArray) -> FloatArray:
    """Mean 0 and mean square 1 along the rows; what does not vary becomes 0."""
    # Scaled first: squares of very large and very small numbers are out of range.
    largest = np.abs(values).max(axis=0)
    centred = values / np.where(largest > 0, largest, 1.0)
    centred = centred - centred.mean(axis=0)
    spread = np.sqrt(np.mean(centred * centred, axis=0))
    result: FloatArray = np.where(spread > 1e-12, centred / np.where(spread > 1e-12, spread, 1.0), 0.0)
    return result


def _classes(X: FloatArray) -> NDArray[np.intp]:
    """The quantile class of each value within its column; equal values share a class."""
    inner = np.quantile(X, np.arange(1, _CLASSES) / _CLASSES, axis=0)
    return np.sum(X[None] > inner[:, None], axis=0, dtype=np.intp)


def _explained_by_classes(classes: NDArray[np.intp], target: FloatArray) -> FloatArray:
    """Share of the target's variance between the classes of each column, less what chance would give."""
    n, d = classes.shape
    cells = classes + _CLASSES * np.arange(d)
    count = np.bincount(cells.ravel(), minlength=_CLASSES * d).reshape(d, _CLASSES)
    total = np.bincount(cells.ravel(), np.repeat(target, d), _CLASSES * d).reshape(d, _CLASSES)
    between = np.sum(total * total / np.maximum(count, 1), axis=1)
    whole = float(np.sum(target * target))
    chance = np.maximum(np.count_nonzero(count, axis=1) - 1, 0) / max(1, n - 1)
    share: FloatArray = between / (whole if whole > 0 else 1.0) - chance
    return share


def _explained_by_products(X: FloatArray, target: FloatArray) -> FloatArray:
    """For each column, the largest share of the target's variance explained by its product with another one."""
    n = len(X)
    columns = _standard(X)
    correlation = columns.T @ (target[:, None] * columns) / n
    squares = columns * columns
    # Variance of the products, for columns that are not independent of each other.
    variance = squares.T @ squares / n - (columns.T @ columns / n) ** 2
    share = correlation**2 / np.where(variance > 1e-9, variance, np.inf) / max(float(np.mean(target * target)), 1e-300)
    np.fill_diagonal(share, 0.0)
    best: FloatArray = share.max(axis=1) - 1.0 / n
    return best


def _residual(X: FloatArray, classes: NDArray[np.intp], target: FloatArray) -> FloatArray:
    """What an additive model of these columns (a line and a step function of each) leaves."""
    steps = [(classes[:, j, None] == np.arange(1, _CLASSES)).astype(float) for j in range(classes.shape[1])]
    design = np.hstack([np.ones((len(target), 1)), _standard(X), *steps])
    gram = design.T @ design
    weights = np.linalg.solve(gram + _RIDGE * len(target) * np.eye(len(gram)), design.T @ target)
    rest: FloatArray = target - design @ weights
    return rest
