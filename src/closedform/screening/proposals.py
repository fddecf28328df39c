"""Starts for LIES networks whose outer layers are solved in closed form.

Each function looks at a :class:`View` and returns proposals: sparse networks of two to four layers (inner units from a
library, the layers around them by linear algebra) as expressions with rough constants. What follows, the second-order
training of all weights that are not structural, is the business of the workspace.

NOTE[DIFF] The paper (arXiv 2506.08267) starts every network from random dense weights. A screened start reaches the
same class of formulas, with the last layers solved instead of descended; ``init="random"`` gives the paper's start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np

from closedform.engines.base import FloatArray
from closedform.library import grow
from closedform.library.links import IDENTITY, Link, usable_links
from closedform.library.polynomial import fit_polynomial, fit_rational, significant_polynomials
from closedform.library.pool import FREE, Pool, Recipe, build, signature
from closedform.library.powers import one_sign
from closedform.library.select import Selection, Selector
from closedform.screening import noisy
from closedform.screening.view import View
from closedform.screening.workspace import Proposal
from closedform.symbolic.evaluate import evaluate

# Outer units that ratios of polynomials stand in; a reciprocal is such a ratio itself.
_OF_RATIOS = ("y", "log y", "y^2", "y^3", "exp y", "tan y")
_ROUND_EXACT = 1e-7
_ROUND_ROUGH = 0.12
# Share of the largest coefficient below which one is rounding, where a combination is exact.
_NEEDED = 1e-9
# A product inside an outer unit is looked at if it leaves no more than this share unexplained.
_WORTH_A_UNIT = 0.05
# Distance from 1 or -1 beyond which a target has no business with that number.
_FAR = 30.0
# Of pools with inner constants on a grid, which have few families, all combinations of families are looked at.
_PAIRS_OF_FAMILIES = 25


# ------------------------------------------------------------------------------------------------- closed-form layers


def affine(view: View) -> list[Proposal]:
    """The best constant factor and the best affine function: a network of identity units."""
    coefficients = solve(np.column_stack([np.ones(len(view.y)), view.X]), view.y)
    parts = [("mul", float(c), r) for c, r in zip(coefficients[1:], view.recipes, strict=True)]
    whole = Proposal(view.whole(("add", float(coefficients[0]), *parts)), 0.5)
    return [whole, *(Proposal(view.whole(("add", FREE, ("mul", FREE, r))), 0.9) for r in view.recipes)]


def polynomials(view: View, operators: frozenset[str], degree: int) -> Iterator[Proposal]:
    """Polynomials and ratios of polynomials under every outer unit, exact ones by linear algebra."""
    links = usable_links(view.y, operators)
    for link in links:
        with np.errstate(all="ignore"):
            z = link.forward(view.y)
        found = fit_polynomial(view.X, view.recipes, z, largest=degree)
        if found is not None:
            yield Proposal(view.whole(link.outer(found)), 0.0)
        elif link.name in _OF_RATIOS:
            ratio = fit_rational(view.X, view.recipes, z, largest=degree)
            if ratio is not None:
                yield Proposal(view.whole(link.outer(ratio)), 0.0)


def sparse_polynomials(view: View, operators: frozenset[str], degree: int, n_terms: int) -> Iterator[Proposal]:
    """Polynomials of a growing number of terms, for targets that are not exactly polynomial."""
    for link in usable_links(view.y, operators)[:5]:
        z, weight = _linked(view, link)
        for found in significant_polynomials(view.X, view.recipes, z, weight, largest=degree, n_terms=n_terms):
            yield Proposal(view.whole(link.outer(found)), 0.3)


def products_of_powers(view: View, operators: frozenset[str]) -> Iterator[Proposal]:
    """One product of powers of the variables under every outer unit: an exponential unit over logarithm units."""
    if view.noise is not None:
        yield from products_of_factors(view, None, 0)
        return
    for link in usable_links(view.y, operators):
        z, _ = _linked(view, link)
        offsets = _natural_offsets(z) if link is IDENTITY else []
        for found in products_of_factors(replace(view, y=z, prefix=1), None, 0, offsets):
            if link is IDENTITY:
                yield Proposal(view.whole(found.recipe), found.promise)
            elif found.promise < _WORTH_A_UNIT:
                yield Proposal(found.recipe, found.promise, 0, _outermost(link, view), z)


# ------------------------------------------------------------------------------------------- sums of library columns


def sums_of_terms(
    view: View, pool: Pool, links: Sequence[Link], depth: int, n_pairs: int = _PAIRS_OF_FAMILIES
) -> Iterator[Proposal]:
    """Linear combinations of up to ``depth`` columns of a pool, inside each of the outer units.

    Of all combinations of two families of columns, the best pair is proposed of each of the ``n_pairs`` best.
    """
    if view.noise is not None:
        yield from noisy.sums_of_terms(view, pool, links, depth)
        return
    selector = Selector(pool.matrix(), grow.constant_column(len(view.y)), view.device)
    for link in links:
        z, _ = _linked(view, link)
        for chosen in _selections(selector, pool, z, depth, n_pairs):
            yield linear_proposal(view, pool, link, z, chosen)


def linear_proposal(view: View, pool: Pool, link: Link, z: FloatArray, chosen: Selection) -> Proposal:
    """The linear combination of chosen columns that is nearest to z, the target inside an outer unit."""
    recipe = _linear_combination(pool, chosen.columns, z)
    target = None if link is IDENTITY else z
    return Proposal(recipe, _promise(chosen), len(chosen.columns), _outermost(link, view), target)


def _outermost(link: Link, view: View) -> Callable[[Recipe], Recipe]:
    """What makes the whole formula of the inside of its outermost unit."""
    return lambda inner: view.whole(link.outer(inner))


def _selections(
    selector: Selector, pool: Pool, z: FloatArray, depth: int, n_pairs: int = _PAIRS_OF_FAMILIES
) -> list[Selection]:
    """Promising sets of up to ``depth`` columns: the best ones, and the best ones of each combination of families."""
    families = pool.families()
    few = len(families) <= noisy.MOST_FAMILIES
    singles = selector.singles(z, 300)
    chosen = singles[:3] + (selector.best_of_families(z, families) if few else _diverse(singles, pool, 8))
    if depth >= 2:
        pairs = selector.pairs(z, 1500)
        chosen += pairs[:4]
        chosen += selector.pairs_of_families(z, families, n_pairs) if few else _diverse(pairs, pool, 8)
        beam = pairs[:60]
        for _ in range(depth - 2):
            beam = selector.extend(z, beam, width=30, children=6)
            chosen += beam[:3]
    return chosen


def _diverse(selections: Sequence[Selection], pool: Pool, count: int) -> list[Selection]:
    """The best selection of each combination of families among those given."""
    seen: dict[object, Selection] = {}
    for selection in selections:
        key = frozenset(signature(pool.recipes[j]) for j in selection.columns)
        seen.setdefault(key, selection)
        if len(seen) == count:
            break
    return list(seen.values())


def _linear_combination(pool: Pool, columns: Sequence[int], z: FloatArray) -> Recipe:
    standard = pool.matrix()[:, list(columns)]
    solved = solve(np.column_stack([np.ones(len(z)), standard]), z)
    if np.abs(z - solved[0] - standard @ solved[1:]).max() < _ROUND_EXACT * np.abs(solved[1:]).max(initial=0.0):
        # Where the others explain everything, a column that they do not need gets what rounding leaves.
        needed = np.abs(solved[1:]) > _NEEDED * np.abs(solved[1:]).max()
        columns = [j for j, is_needed in zip(columns, needed, strict=True) if is_needed]
        solved = solved[np.concatenate([[True], needed])]
    weights = [float(c) / pool.scales[j] for c, j in zip(solved[1:], columns, strict=True)]
    offset = float(solved[0]) - sum(w * pool.means[j] for w, j in zip(weights, columns, strict=True))
    parts = [("mul", weight, pool.recipes[j]) for weight, j in zip(weights, columns, strict=True)]
    if abs(offset) < 1e-9 * float(np.abs(z).max()):
        return parts[0] if len(parts) == 1 else ("add", *parts)
    return ("add", offset, *parts)


# --------------------------------------------------------------------------------------- products of library factors


def products_of_factors(
    view: View, pool: Pool | None, depth: int, offsets: Sequence[int] | None = None
) -> Iterator[Proposal]:
    """Products of powers of the variables and of up to ``depth`` library factors: linear in the logarithms.

    What the target is more than an offset is a target too: 1 or -1, if none are given, where it stays on one side.
    """
    if view.noise is not None:
        yield from noisy.products_of_factors(view, pool, depth, partial(_rounded_products, view, pool))
        return

    def select(selector: Selector, target: FloatArray) -> list[Selection]:
        return [] if pool is None else _selections(selector, pool, target, depth)

    yield from chosen_products(view, pool, select, offsets)


def chosen_products(
    view: View,
    pool: Pool | None,
    select: Callable[[Selector, FloatArray], list[Selection]],
    offsets: Sequence[int] | None = None,
) -> Iterator[Proposal]:
    """The same with the sets of factors that ``select`` finds for the logarithm of a target."""
    offsets = _natural_offsets(view.y) if offsets is None else offsets
    logs = [j for j in range(view.X.shape[1]) if (view.X[:, j] != 0).all()]
    always = np.column_stack([grow.constant_column(len(view.y)), np.log(np.abs(view.X[:, logs]))])
    selector = Selector(np.empty((len(view.y), 0)) if pool is None else pool.matrix(), always, view.device)
    for offset in (0, *offsets):
        shifted = view if offset == 0 else replace(view, y=view.y - offset, prefix=1)
        if (shifted.y == 0).any():
            continue
        target = np.log(np.abs(shifted.y))
        nothing = Selection((), selector.project(target)[1])
        for selection in (nothing, *select(selector, target)):
            for recipe in _product(shifted, pool, logs, always, selection.columns, target):
                whole = view.whole(recipe if offset == 0 else ("add", offset, recipe))
                yield Proposal(whole, _promise(selection), len(selection.columns))


def _natural_offsets(y: FloatArray) -> list[int]:
    """1 and -1, where the target stays on one side of them and comes near them."""
    return [c for c in (1, -1) if one_sign(y - c) and np.abs(y - c).min() < 1 and np.abs(y - c).max() < _FAR]


def _product(
    view: View, pool: Pool | None, logs: list[int], always: FloatArray, columns: Sequence[int], target: FloatArray
) -> Iterator[Recipe]:
    """The product with exponents as solved, and once more with exponents rounded to halves where they are near."""
    standard = np.empty((len(target), 0)) if pool is None else pool.matrix()[:, list(columns)]
    solved = solve(np.column_stack([always, standard]), target)
    factor = [float(c) / pool.scales[j] for c, j in zip(solved[1 + len(logs) :], columns, strict=True)] if pool else []
    yield from _rounded_products(view, pool, logs, columns, [*solved[1 : 1 + len(logs)].tolist(), *factor])


def _rounded_products(
    view: View, pool: Pool | None, logs: Sequence[int], columns: Sequence[int], solved: Sequence[float]
) -> Iterator[Recipe]:
    """The products with these exponents of the variables and of the chosen factors, as they are and rounded."""
    chosen = [] if pool is None else [pool.recipes[j] for j in columns]
    seen = set()
    for tolerance in (_ROUND_ROUGH, _ROUND_EXACT):
        exponents = tuple(_rounded(value, tolerance) for value in solved)
        if exponents in seen:
            continue
        seen.add(exponents)
        parts: list[Recipe] = [FREE]
        for j, exponent in zip(logs, exponents[: len(logs)], strict=True):
            parts += _power(view.recipes[j], view.X[:, j], exponent)
        for recipe, exponent in zip(chosen, exponents[len(logs) :], strict=True):
            if isinstance(recipe, tuple) and recipe[0] == "exp":
                parts.append(("exp", ("mul", float(exponent), recipe[1])))
                continue
            values = evaluate(build(recipe), view.source)
            if values.min() < 0 < values.max() and not _is_whole(exponent):
                # |g|**p with p fitted, where g changes sign, is how noise is fitted and not how laws are written.
                parts = []
                break
            parts += _power(recipe, values, exponent)
        if len(parts) > 1:
            yield ("mul", *parts)


def _power(base: Recipe, values: FloatArray, exponent: Fraction | float) -> list[Recipe]:
    """``base ** exponent``, with the sign of the base taken off where a power of it would not be defined."""
    if exponent == 0:
        return []
    if _is_whole(exponent) or (values > 0).all():
        used: Recipe = base
    elif (values < 0).all():
        used = ("mul", -1, base)
    else:
        used = ("abs", base)
    return [used if exponent == 1 else ("pow", used, exponent)]


def _is_whole(exponent: Fraction | float) -> bool:
    return isinstance(exponent, Fraction) and exponent.denominator == 1


def _rounded(value: float, tolerance: float) -> Fraction | float:
    for denominator in (1, 2, 3):
        nearest = Fraction(round(value * denominator), denominator)
        if abs(float(nearest) - value) < tolerance / denominator**2:
            return nearest
    return value


# -------------------------------------------------------------------------------------------------------------- shared


def usable(view: View, operators: frozenset[str]) -> list[Link]:
    """The outer units that the target of a view may have; with noise, each sees to its own limits."""
    return usable_links(view.y, operators) if view.noise is None else noisy.links_for(operators)


def _linked(view: View, link: Link) -> tuple[FloatArray, FloatArray]:
    """The target through a link, and the weights of its rows when errors in y are equal."""
    with np.errstate(all="ignore"):
        z = link.forward(view.y)
        slope = link.slope(view.y)
    return z, (slope / np.abs(slope).max()) ** 2


def solve(columns: FloatArray, z: FloatArray) -> FloatArray:
    """Least squares of columns of whatever sizes."""
    norms = np.linalg.norm(columns, axis=0)
    norms[norms == 0] = 1.0
    solution: FloatArray = np.linalg.lstsq(columns / norms, z, rcond=None)[0] / norms
    return solution


def _promise(selection: Selection) -> float:
    # Below the rounding level nothing is left to compare.
    return max(selection.unexplained, 1e-20)
