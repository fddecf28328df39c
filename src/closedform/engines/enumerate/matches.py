"""Meeting in the middle: a target is taken apart from outside, and what is left is looked up among the entries.

With entries of depth d on both sides, formulas up to depth 2 d and more are found without ever being built: for each
entry u, what is left of the target is y / u, y * u, y - u or y + u, seen through the inverse of each outer unit, and
that has to be an affine map of another entry v.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedform.engines.enumerate.layers import Layers
from closedform.library.links import IDENTITY, LINKS, Link
from closedform.library.pool import Recipe, build
from closedform.screening.view import View
from closedform.screening.workspace import Proposal
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.vocabulary import uses_only

FloatArray = NDArray[np.float64]
Index = NDArray[np.intp]

_CHUNK = 4096
# Of what is found at once, this many are looked at on all rows, and this many go on.
_MOST_CHECKED = 40
_MOST_KEPT = 6
_EXACT = 1e-8
_SMALL = 1e-10
_SMALLEST_SHARE = 1e-6


@dataclass(frozen=True, eq=False)
class Target:
    """What is left of y when something has been taken off from outside.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        On all rows.
    outer : callable
        The recipe of y from that of the target.
    """

    values: FloatArray
    outer: Callable[[Recipe], Recipe]


@dataclass(frozen=True)
class Split:
    """A way to take an entry off a target.

    Parameters
    ----------
    left : callable
        What is left, from the values of target and entry.
    joined : callable
        The recipe of the target from those of what is left and of the entry.
    """

    left: Callable[[FloatArray, FloatArray], FloatArray]
    joined: Callable[[Recipe, Recipe], Recipe]


_RATIO = Split(lambda z, u: z / u, lambda w, u: ("mul", w, u))
_PRODUCT = Split(lambda z, u: z * u, lambda w, u: ("div", w, u))
_DIFFERENCE = Split(lambda z, u: z - u, lambda w, u: ("add", w, u))
_SUM = Split(lambda z, u: z + u, lambda w, u: ("sub", w, u))

_SHIFTS: tuple[tuple[float, float, Callable[[Recipe], Recipe]], ...] = (
    (0.0, 1.0, lambda z: z),
    (-1.0, 1.0, lambda z: ("add", 1, z)),
    (1.0, 1.0, lambda z: ("add", -1, z)),
    (1.0, -1.0, lambda z: ("sub", 1, z)),
)


def links_for(operators: frozenset[str]) -> list[Link]:
    """The outer units that can be written with these operators, common ones first."""
    return [link for link in LINKS if uses_only(build(link.outer(("var", "z"))), operators)]


def targets(y: FloatArray, links: Sequence[Link], depth: int) -> list[Target]:
    """y itself and what is left of it when up to ``depth`` outer units and shifts by 1 are taken off."""
    found = [Target(y, lambda z: z)]
    start = 0
    for _ in range(depth):
        inner = found[start:]
        start = len(found)
        for target in inner:
            for offset, factor, shifted in _SHIFTS:
                found += _taken_off(target, offset + factor * target.values, shifted, links)
    return found


def _taken_off(
    target: Target, values: FloatArray, shifted: Callable[[Recipe], Recipe], links: Sequence[Link]
) -> Iterator[Target]:
    """The target through each link that is defined on it."""
    for link in links:
        if link is IDENTITY:
            continue
        with np.errstate(all="ignore"):
            if not link.defined(values):
                continue
            taken = link.forward(values)
        if np.isfinite(taken).all() and np.ptp(taken) > 0:
            yield Target(taken, _chained(target.outer, shifted, link.outer))


def _chained(*functions: Callable[[Recipe], Recipe]) -> Callable[[Recipe], Recipe]:
    def outer(recipe: Recipe) -> Recipe:
        for function in reversed(functions):
            recipe = function(recipe)
        return recipe

    return outer


@dataclass(frozen=True, eq=False)
class Matcher:
    """One view of a problem whose target is looked up in layers of entries.

    Parameters
    ----------
    view : View
        Columns and target.
    layers : Layers
        Entries over these columns.
    rows : ndarray of int
        The rows on which entries are compared.
    links : sequence of Link
        Outer units that may be taken off.
    """

    view: View
    layers: Layers
    rows: Index
    links: Sequence[Link]

    def whole(self) -> Iterator[list[Proposal]]:
        """Targets, up to two outer units deep, that are affine maps of an entry."""
        table = self.layers.table
        for target in targets(self.view.y, self.links, 2):
            _, entries = table.find(table.keys(target.values[None, self.rows]))
            found = [self._checked(target, None, -1, IDENTITY, int(v)) for v in entries]
            yield [proposal for proposal in found if proposal is not None]

    def split(self, most: int) -> Iterator[list[Proposal]]:
        """Targets of which one of the ``most`` simplest entries is taken off, and another one is left."""
        number = min(most, len(self.layers))
        for target, splits in self._splits():
            for split in splits:
                for start in range(0, number, _CHUNK):
                    yield from self._lookup(target, split, slice(start, min(start + _CHUNK, number)))

    def _splits(self) -> list[tuple[Target, tuple[Split, ...]]]:
        """What is looked at: y in every way, and other targets in the ways that do not come to the same."""
        one_off = targets(self.view.y, self.links, 1)
        plain, others = one_off[0], one_off[1:]
        from_one = Target(1.0 - self.view.y, lambda z: ("sub", 1, z))
        listed: list[tuple[Target, tuple[Split, ...]]] = [(plain, (_RATIO, _PRODUCT, _DIFFERENCE, _SUM))]
        listed.append((from_one, (_RATIO, _PRODUCT)))
        # Of shifted targets, only those without a shift: the first of each link.
        listed += [(target, (_RATIO, _PRODUCT, _DIFFERENCE, _SUM)) for target in others[: len(self.links) - 1]]
        return listed

    def _lookup(self, target: Target, split: Split, entries: slice) -> Iterator[list[Proposal]]:
        """Entries of a slice that leave another entry, through any link."""
        table = self.layers.table
        with np.errstate(all="ignore"):
            left = split.left(target.values[self.rows], table.values[entries])
        for link in self.links:
            with np.errstate(all="ignore"):
                taken = link.forward(left)
            asked, found = table.find(table.keys(taken))
            real = _agree(taken[asked], table.values[found])
            if real.any():
                yield self._best(target, split, asked[real] + entries.start, link, found[real])

    def _best(self, target: Target, split: Split, off: Index, link: Link, rest: Index) -> list[Proposal]:
        """The simplest matches that hold on all rows."""
        costs = self.layers.costs
        order = np.argsort(costs[off] + costs[rest], kind="stable")[:_MOST_CHECKED]
        kept: list[Proposal] = []
        for u, v in zip(off[order].tolist(), rest[order].tolist(), strict=True):
            proposal = self._checked(target, split, u, link, v)
            if proposal is not None:
                kept.append(proposal)
            if len(kept) == _MOST_KEPT:
                break
        return kept

    def _checked(self, target: Target, split: Split | None, u: int, link: Link, v: int) -> Proposal | None:
        """The formula of a match, if it gives y on all rows."""
        layers = self.layers
        with np.errstate(all="ignore"):
            left = target.values if split is None else split.left(target.values, layers.column(u))
            taken = link.forward(left)
        affine = _affine(taken, layers.column(v), layers.recipe(v))
        if affine is None:
            return None
        inner = link.outer(affine)
        recipe = target.outer(inner if split is None else split.joined(inner, layers.recipe(u)))
        view = self.view
        with np.errstate(all="ignore"):
            residual = evaluate(build(recipe), view.source) - view.y
            error = float(np.abs(residual).max()) / float(np.ptp(view.y))
        if not error < _EXACT:
            return None
        cost = int(layers.costs[v]) + (0 if split is None else int(layers.costs[u]))
        # All of them explain everything: the simplest one is to be judged first.
        return Proposal(view.whole(recipe), float(cost))


def _agree(values: FloatArray, columns: FloatArray) -> NDArray[np.bool_]:
    """Which rows of the one are affine maps of those of the other also where they are small.

    Where one number is much larger than all others, keys compare little else.
    """
    with np.errstate(all="ignore"):
        centre, other = values.mean(axis=1)[:, None], columns.mean(axis=1)[:, None]
        size = np.abs(columns).max(axis=1)[:, None]
        deviation, scaled = values - centre, (columns - other) / size
        slope = np.sum(deviation * scaled, axis=1) / np.sum(scaled * scaled, axis=1)
        error = np.median(np.abs(deviation - slope[:, None] * scaled), axis=1)
        spread = np.median(np.abs(values - np.median(values, axis=1)[:, None]), axis=1)
        return np.asarray(error <= _SMALLEST_SHARE * spread)


def _affine(values: FloatArray, column: FloatArray, recipe: Recipe) -> Recipe | None:
    """``a + b * column`` with the values given, or None where these are no numbers."""
    if not (np.isfinite(values).all() and np.isfinite(column).all()):
        return None
    centre, size = float(column.mean()), float(np.abs(column).max())
    centred = (column - centre) / size
    share = float(centred @ (centred / len(column)))
    slope = float(centred @ (values / len(values))) / share / size if share > 0 else 0.0
    offset = float(values.mean()) - slope * centre
    if not (np.isfinite(slope) and np.isfinite(offset)) or slope == 0.0:
        return None
    scaled = recipe if abs(slope - 1.0) < _SMALL else ("mul", slope, recipe)
    return scaled if abs(offset) < _SMALL * float(np.abs(values).max()) else ("add", offset, scaled)
