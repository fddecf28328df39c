"""Sums and products of library columns for a target with noise.

Three things differ from the search of an exact formula. Rows do not count alike: the error of a row, looked at through
an outer unit or a logarithm, grows with the slope there, and rows whose noise reaches beyond the unit's domain say
nothing. Many wrong combinations fit a few hundred noisy rows as well as the true one: the best of the short lists are
looked at again on all rows that are fitted. And what fits equally well is tried in the order of its length, as the
description length asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedform.engines.base import FloatArray
from closedform.library import grow
from closedform.library.links import IDENTITY, LINKS, Link
from closedform.library.pool import Pool, Recipe, build, signature
from closedform.library.select import Selection, Selector
from closedform.screening.tangents import Tangents
from closedform.screening.view import View
from closedform.screening.workspace import Proposal
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.vocabulary import uses_only

IntArray = NDArray[np.intp]

# A row counts where this many standard deviations of its noise do not leave the domain of the outer unit. So many rows
# have to be left; of a table that has no more, all.
_CLEAR_OF = 2.0
_FEWEST_ROWS, _SMALLEST_SHARE = 30, 0.4
# Relative error of columns and of unfinished formulas: no row weighs more than this allows.
_OWN_ERROR = 0.01
# Nats of one node of a formula: a choice among some eight symbols.
NODE_LENGTH = 2.0
# Selections of one size that get a second look, those that larger ones are grown from, and those that are proposed.
_LONG, _GROWN, _BEAM, _SHORT = 600, 150, 40, 12
# Pools with inner constants on a grid have few families; of so many combinations of two the best pair is proposed.
MOST_FAMILIES, _LOOKED_AT, _PAIRS_OF_FAMILIES = 300, 1500, 60
# Columns by which a selection grows, and selections that have each of their columns exchanged.
_CHILDREN, _SWAPPED = 20, 4


@dataclass(frozen=True, eq=False)
class Seen:
    """A target looked at through a link, where noise leaves it a value.

    Parameters
    ----------
    rows : ndarray of int
        The rows that count.
    values : ndarray of float
        The target there.
    root : ndarray of float
        One over the standard deviation of each value.
    share : float
        Turns a mean square of weighted residuals into the share of the variance of y that it stands for.
    """

    rows: IntArray
    values: FloatArray
    root: FloatArray
    share: float

    @property
    def target(self) -> FloatArray:
        """The weighted target."""
        return self.values * self.root

    def weighted(self, columns: FloatArray) -> FloatArray:
        """Columns given on all rows of the view, on those that count and with their weights."""
        return columns[self.rows] * self.root[:, None]


LOG_SIZE = Link("log |y|", lambda y: np.log(np.abs(y)), np.abs, lambda y: bool((y != 0).all()), lambda z: ("exp", z))


def links_for(operators: frozenset[str]) -> list[Link]:
    """The links that need only these operators, common ones first."""
    return [link for link in LINKS if uses_only(build(link.outer(("var", "z"))), operators)]


def seen_through(view: View, link: Link) -> Seen | None:
    """The target of a view through a link; None where too few rows are clear of the link's limits."""
    y, noise = view.y, np.zeros(len(view.y)) if view.noise is None else view.noise
    with np.errstate(all="ignore"):
        rows = _clear_rows(y, _CLEAR_OF * noise, link)
        if len(rows) < max(min(_FEWEST_ROWS, len(y)), _SMALLEST_SHARE * len(y)):
            return None
        y, noise = y[rows], noise[rows]
        z, slope = link.forward(y), link.slope(y)
        own = _OWN_ERROR * float(np.std(z))
        deviation = np.sqrt((noise / slope) ** 2 + own * own)
    if not (np.isfinite(z).all() and np.isfinite(deviation).all() and own > 0):
        return None
    # Errors of the target of the problem, not of what is left of it after a division.
    spread, factor = float(np.var(view.y * view.factor)), view.factor[rows]
    share = float(np.mean((factor * slope * deviation) ** 2)) / (spread if spread > 0 else 1.0)
    return Seen(rows, z, 1.0 / deviation, share)


def _clear_rows(y: FloatArray, reach: FloatArray, link: Link) -> IntArray:
    low, high = y - reach, y + reach
    if link.defined(np.concatenate([low, high])):
        return np.arange(len(y))
    clear = np.flatnonzero([link.defined(np.array(ends)) for ends in zip(low, high, strict=True)])
    if not len(clear) or link.defined(y[clear]):
        return clear
    signs = [clear[y[clear] > 0], clear[y[clear] < 0]]
    larger = max(signs, key=len)
    return larger if len(larger) and link.defined(y[larger]) else larger[:0]


# --- proposals --------------------------------------------------------------------------------------------------------


def sums_of_terms(view: View, pool: Pool, links: Sequence[Link], depth: int) -> Iterator[Proposal]:
    """Linear combinations of up to ``depth`` columns of a pool, inside each of the outer units."""
    ones, columns = grow.constant_column(len(view.y)), _Columns(view.all_rows, pool.recipes)
    for link in links:
        near, all_rows = seen_through(view, link), seen_through(view.all_rows, link)
        if near is None or all_rows is None:
            continue
        selector = Selector(near.weighted(pool.matrix()), near.weighted(ones))
        second = _SecondLook(columns, all_rows, grow.constant_column(len(view.all_rows.y)))
        tangents = Tangents(pool.recipes, view, near.rows, near.root, near.weighted(ones), near.target)
        slack = _slack(pool.recipes, 1.1 if link is IDENTITY else 2.0)
        for found in _best_few(selector, second, pool, near.target, depth, tangents):
            offset, *weights = second.coefficients(found.columns)
            parts = [("mul", weight, pool.recipes[j]) for weight, j in zip(weights, found.columns, strict=True)]
            whole = view.whole(link.outer(("add", offset, *parts)))
            yield _proposal(whole, found, all_rows, slack)


def products_of_factors(
    view: View, pool: Pool | None, depth: int, write: Callable[..., Iterator[Recipe]]
) -> Iterator[Proposal]:
    """Products of powers of the variables and of up to ``depth`` library factors: linear in the logarithms.

    Parameters
    ----------
    view : View
        Columns and target.
    pool : Pool or None
        Logarithms of factors; None for powers of the variables alone.
    depth : int
        Most factors.
    write : callable
        ``write(logs, columns, exponents)`` gives the products with these exponents, as fitted and rounded.
    """
    near, all_rows = seen_through(view, LOG_SIZE), seen_through(view.all_rows, LOG_SIZE)
    if near is None or all_rows is None:
        return
    logs = [j for j in range(view.X.shape[1]) if (view.all_rows.X[:, j] != 0).all()]
    always, always_there = (_with_constant(np.log(np.abs(part.X[:, logs]))) for part in (view, view.all_rows))
    matrix = np.empty((len(view.y), 0)) if pool is None else pool.matrix()
    selector = Selector(near.weighted(matrix), near.weighted(always))
    recipes = [] if pool is None else pool.recipes
    second = _SecondLook(_Columns(view.all_rows, recipes, logarithms=True), all_rows, always_there)
    slack = _slack(recipes, 2.0)
    chosen = second.best([Selection((), 1.0)], _SHORT)
    if pool is not None and depth > 0:
        chosen += _best_few(selector, second, pool, near.target, depth)
    for found in chosen:
        solved = second.coefficients(found.columns)[1:]
        for recipe in write(logs, found.columns, solved):
            yield _proposal(view.whole(recipe), found, all_rows, slack)


def _proposal(whole: Recipe, found: Selection, seen: Seen, slack: float) -> Proposal:
    """A proposal in the order of its description."""
    promise = found.unexplained * seen.share
    length = 0.5 * len(seen.rows) * float(np.log(promise)) + NODE_LENGTH * n_nodes(whole)
    return Proposal(whole, promise, len(found.columns), rank=length, slack=slack)


def _best_few(
    selector: Selector,
    second: _SecondLook,
    pool: Pool,
    target: FloatArray,
    depth: int,
    tangents: Tangents | None = None,
) -> list[Selection]:
    """The selections of each size with the shortest descriptions.

    Larger ones grow from the smaller ones that are short and not only good: sets that differ in what noise decides
    would else crowd out all others. Where inner constants lie on grids, the untrained columns say little about what
    training makes of them: the best of each family, and of each two families, is proposed whatever it leaves.
    """
    families = pool.families()
    each = selector.best_of_families(target, families)
    on_grids = len(families) <= MOST_FAMILIES
    if on_grids:
        few = second.best(each, len(each))
    else:
        few = second.best(_distinct(selector.singles(target, _LONG) + each[:_LONG]), _SHORT)
    if depth < 2:
        return few
    found = second.best(selector.pairs(target, _LONG), _BEAM)
    few += found[:_SHORT]
    if on_grids:
        pairs = selector.pairs_of_families(target, families, _LOOKED_AT)
        if tangents is None:
            few += second.best(pairs[:_PAIRS_OF_FAMILIES], _PAIRS_OF_FAMILIES)
        else:
            few += second.shortest(tangents.after_a_step(second.defined(pairs)), _PAIRS_OF_FAMILIES)
    for _ in range(depth - 2):
        found = second.best(selector.extend(target, found, width=_GROWN, children=_CHILDREN, roughly=True), _BEAM)
        found = second.best(_distinct([*found, *_swapped(selector, target, found[:_SWAPPED])]), _BEAM)
        few += found[:_SHORT]
    return _distinct(few)


def _swapped(selector: Selector, target: FloatArray, found: Sequence[Selection]) -> list[Selection]:
    """Selections with one column exchanged for a better one."""
    fewer = {one.columns[:k] + one.columns[k + 1 :] for one in found for k in range(len(one.columns))}
    kept = [Selection(columns, 1.0) for columns in sorted(fewer)]
    return selector.extend(target, kept, width=_GROWN, children=_CHILDREN, roughly=True)


def _distinct(selections: Sequence[Selection]) -> list[Selection]:
    return list({one.columns: one for one in selections}.values())


def _with_constant(columns: FloatArray) -> FloatArray:
    return np.column_stack([grow.constant_column(len(columns)), columns])


# --- the second look --------------------------------------------------------------------------------------------------


class _Columns:
    """Columns of a pool on the rows of a view, made when they are first asked for.

    Parameters
    ----------
    view : View
        The rows.
    recipes : sequence of recipe
        What the columns are.
    logarithms : bool, default=False
        Whether columns are factors, of which the logarithm of the size is wanted.
    """

    def __init__(self, view: View, recipes: Sequence[Recipe], logarithms: bool = False) -> None:
        self._view, self._recipes, self._logarithms = view, recipes, logarithms
        self._values: dict[int, FloatArray] = {}
        self._nodes: dict[int, int] = {}

    def values(self, j: int) -> FloatArray:
        """One column."""
        if j not in self._values:
            recipe = self._recipes[j]
            # The logarithm of exp(s) is s.
            power = self._logarithms and isinstance(recipe, tuple) and recipe[0] == "exp"
            inner = recipe[1] if power else recipe
            column = evaluate(build(inner), self._view.source)
            with np.errstate(all="ignore"):
                self._values[j] = np.log(np.abs(column)) if self._logarithms and inner is recipe else column
        return self._values[j]

    def n_nodes(self, j: int) -> int:
        """Nodes of one column."""
        if j not in self._nodes:
            self._nodes[j] = n_nodes(self._recipes[j])
        return self._nodes[j]


class _SecondLook:
    """Selections of columns judged on all rows that are fitted.

    Parameters
    ----------
    columns : _Columns
        The pool on all those rows.
    seen : Seen
        The target there.
    always : ndarray of shape (n_rows, k)
        Columns that are part of every selection.
    """

    def __init__(self, columns: _Columns, seen: Seen, always: FloatArray) -> None:
        self._columns, self._seen = columns, seen
        self._always = seen.weighted(always)
        self._basis, _ = np.linalg.qr(self._always)
        self._target = seen.target - self._basis @ (self._basis.T @ seen.target)

    def best(self, selections: Sequence[Selection], count: int) -> list[Selection]:
        """Of selections of one size those with the shortest description, with the mean square that they leave."""
        same = [one.columns for one in self.defined(selections)]
        if not same:
            return []
        left = self._left(same)
        return self.shortest([Selection(one, float(share)) for one, share in zip(same, left, strict=True)], count)

    def defined(self, selections: Sequence[Selection]) -> list[Selection]:
        """The selections whose columns have values on all rows."""
        used = sorted({j for one in selections for j in one.columns})
        defined = {j for j in used if np.isfinite(self._columns.values(j)[self._seen.rows]).all()}
        return [one for one in selections if defined.issuperset(one.columns)]

    def shortest(self, selections: Sequence[Selection], count: int) -> list[Selection]:
        """Those with the shortest description, given the mean square that they leave."""
        left = np.array([one.unexplained for one in selections])
        nodes = np.array([sum(map(self._columns.n_nodes, one.columns)) for one in selections])
        order = np.argsort(0.5 * len(self._target) * np.log(left) + NODE_LENGTH * nodes, kind="stable")[:count]
        return [selections[k] for k in order]

    def coefficients(self, columns: Sequence[int]) -> list[float]:
        """Those of the columns that are always there, then those of the columns given."""
        design = np.hstack([self._always, self._weighted(columns)]) if columns else self._always
        # Largest values and not norms, whose squares may leave float64.
        norms = np.abs(design).max(axis=0)
        norms[norms == 0] = 1.0
        solved: list[float] = (np.linalg.lstsq(design / norms, self._seen.target, rcond=None)[0] / norms).tolist()
        return solved

    def _left(self, same: Sequence[tuple[int, ...]]) -> FloatArray:
        """Mean square left by each of several selections of one size."""
        target, basis = self._target, self._basis
        whole = float(target @ target)
        floor = 1e-20 * max(whole, 1e-300)
        if not same[0]:
            return np.full(len(same), max(whole, floor) / len(target))
        used = sorted({j for one in same for j in one})
        place = {j: k for k, j in enumerate(used)}
        columns = self._weighted(used)
        # Squares of columns of any size stay within float64.
        columns = columns / np.maximum(np.abs(columns).max(axis=0, initial=0.0), 1e-300)
        columns = columns - basis @ (basis.T @ columns)
        norms = np.linalg.norm(columns, axis=0)
        columns = columns / np.where(norms > 0, norms, 1.0)
        index = np.array([[place[j] for j in one] for one in same])
        gram, cross = columns.T @ columns, columns.T @ target
        system = gram[index[:, :, None], index[:, None, :]] + 1e-12 * np.eye(index.shape[1])
        solved = np.linalg.solve(system, cross[index][:, :, None])[:, :, 0]
        explained = np.sum(solved * cross[index], axis=1)
        return np.asarray(np.maximum(whole - explained, floor) / len(target))

    def _weighted(self, used: Sequence[int]) -> FloatArray:
        columns = np.column_stack([self._columns.values(j)[self._seen.rows] for j in used])
        return np.asarray(columns * self._seen.root[:, None])


def _slack(recipes: Sequence[Recipe], slack: float) -> float:
    """The factor where columns have no inner constants that training could change."""
    return slack if all(signature(recipe) == recipe for recipe in recipes) else float("inf")


def n_nodes(recipe: Recipe) -> int:
    """Nodes of a recipe, before anything is simplified."""
    if not isinstance(recipe, tuple) or recipe[0] == "var":
        return 1
    return 1 + sum(n_nodes(part) for part in recipe[1:])
