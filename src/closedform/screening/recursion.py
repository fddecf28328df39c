"""What is left of a target once a factor or a part of it is known is a target itself.

A law such as ``log(1 + a*b)*(0.3*exp(-c) + 1.7*a)`` is no short sum of library columns, inside whatever outer unit;
over the factor ``log(1 + a*b)`` it is a sum of two. So the target is looked at over each of many factors and less each
of many parts, before and after an outer unit, and each time the best pair of columns is found. Three more looks go
where a beam may lose its way: all triples of the simplest columns, all triples of the simplest factors, and ratios of
sums, in which ``y*(1 + b*g) = a*h + c`` is linear in all its constants.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from closedform.engines.base import FloatArray
from closedform.library import grow
from closedform.library.links import IDENTITY, Link, usable_links
from closedform.library.pool import Batch, Pool, Recipe, concatenate, needed_operators, standardise
from closedform.library.pools import factor_pool
from closedform.library.powers import one_sign
from closedform.library.select import Selection, Selector
from closedform.screening import proposals
from closedform.screening.view import View
from closedform.screening.workspace import Proposal, Quotas
from closedform.symbolic.vocabulary import implied_by

Look: TypeAlias = Callable[[View, frozenset[str], np.random.Generator], Iterator[Proposal]]

# What is not far better than what is known is left to other stages: few are judged.
QUOTAS: Quotas = (3, 3, 4, 4, 4)
_SLACK = 0.1
# Columns of which all triples are looked at, and pairs for each of many targets.
_TERMS, _FACTORS, _ATOMS, _PAIRED = 300, 320, 110, 220
_MOST_FACTORS, _MOST_PARTS = 110, 40
_MOST_TARGETS = 1800
_LINKS_OF_TRIPLES = 4
_TRIPLES, _WIDTH = 12, 12
_BEST_TARGETS = 8
_FEW_COLUMNS = 2
# An offset below this, over the largest value, is none.
_NOTHING = 1e-9
_LARGEST = 1e100
# Exponents of the columns in sums of powers, where there are few columns.
_FINE = tuple(Fraction(n) for n in ("-2", "-3/2", "-1", "-2/3", "-1/2", "-1/3", "1/3", "1/2", "2/3", "3/2", "2"))
_AFTER_FACTORS, _AFTER_PARTS = ("y", "y^2", "log y"), ("1/y", "y^2", "sqrt y", "log y", "exp y")
_BEFORE = ("log y", "exp y")


def looks(log_space: bool = True) -> tuple[Look, ...]:
    """The looks at a problem, each a function of a view, operators and random numbers that yields proposals.

    Parameters
    ----------
    log_space : bool, default=True
        Whether products are looked for in the space of logarithms.
    """
    return (*((products_of_three,) if log_space else ()), ratios_of_sums, sums_of_three, remainders)


# ---------------------------------------------------------------------------------------------------- all triples


def sums_of_three(view: View, operators: frozenset[str], rng: np.random.Generator) -> Iterator[Proposal]:
    """The best triples of the simplest terms inside the common outer units, and the best with a fourth."""
    links = usable_links(view.y, operators)[:_LINKS_OF_TRIPLES]
    for pool in _pools_of_terms(view, operators, rng):
        selector = Selector(pool.matrix(), grow.constant_column(len(view.y)))
        for link in links:
            yield from _sums(view, pool, selector, link)


def _pools_of_terms(view: View, operators: frozenset[str], rng: np.random.Generator) -> Iterator[Pool]:
    yield _atoms(view, _TERMS, operators, rng)
    if len(view.recipes) <= _FEW_COLUMNS and all(one_sign(view.X[:, j]) for j in range(len(view.recipes))):
        pool = Pool(len(view.y), _TERMS, rng, operators)
        pool.add(_sums_of_powers(view))
        yield pool


def _sums_of_powers(view: View) -> Batch:
    """Powers of one or two columns and products of them, halves and thirds among the exponents."""
    bases = grow.variables(view.X, view.recipes)
    recipes = [r if bases.values[0, j] > 0 else ("mul", -1, r) for j, r in enumerate(bases.recipes)]
    bases = Batch(np.abs(bases.values), recipes, bases.costs)
    powers = [concatenate([bases.take([j]), grow.powers(bases.take([j]), _FINE)]) for j in range(len(bases))]
    together = [grow.products(powers[0], powers[1], _TERMS)] if len(powers) > 1 else []
    return concatenate([*powers, *together])


def _sums(view: View, pool: Pool, selector: Selector, link: Link) -> Iterator[Proposal]:
    with np.errstate(all="ignore"):
        z = link.forward(view.y)
    triples = selector.triples(z, _TRIPLES, len(pool))
    longer = selector.extend(z, triples, width=_WIDTH, children=4)
    for chosen in (*triples[:3], *longer[:3]):
        yield replace(proposals.linear_proposal(view, pool, link, z, chosen), slack=_SLACK)


def products_of_three(view: View, operators: frozenset[str], rng: np.random.Generator) -> Iterator[Proposal]:
    """The best triples of the simplest factors, beside powers of all columns."""
    pool = factor_pool(view.X, view.recipes, _FACTORS, rng, operators)

    def chosen(selector: Selector, target: FloatArray) -> list[Selection]:
        return selector.triples(target, _TRIPLES, len(pool))[:4]

    yield from (replace(found, slack=_SLACK) for found in proposals.chosen_products(view, pool, chosen))


# ------------------------------------------------------------------------------------------------- ratios of sums


def ratios_of_sums(view: View, operators: frozenset[str], rng: np.random.Generator) -> Iterator[Proposal]:
    """``(c + a*h + ...)/(1 + b*g + ...)`` of library columns: linear in all constants when multiplied out."""
    pool = _atoms(view, _ATOMS, operators, rng)
    for link in [IDENTITY, *(one for one in usable_links(view.y, operators) if one.name in ("y^2", "log y", "exp y"))]:
        with np.errstate(all="ignore"):
            z = link.forward(view.y)
        plain = pool.matrix() * np.array(pool.scales) + np.array(pool.means)
        products = z[:, None] * plain
        both, _, _, usable = standardise(np.column_stack([plain, products]))
        both[:, ~usable] = 0.0
        selector = Selector(both, grow.constant_column(len(z)))
        triples = selector.triples(z, _TRIPLES, both.shape[1])
        longer = selector.extend(z, triples, width=_WIDTH, children=6)
        for selection in (*triples[:4], *longer[:4]):
            found = _ratio(pool, plain, z, selection.columns)
            if found is not None:
                recipe, promise = found
                yield Proposal(view.whole(link.outer(recipe)), promise, len(selection.columns), slack=_SLACK)


def _atoms(view: View, limit: int, operators: frozenset[str], rng: np.random.Generator) -> Pool:
    """Columns, powers and products of them, exponentials and logarithms, and what these give times a column."""
    base = grow.variables(view.X, view.recipes)
    monomials = grow.monomials(view.X, view.recipes, 80)
    inner = concatenate([base, monomials.cheapest(12)])
    units = concatenate(
        [grow.images(base, ("log",)), grow.images(inner, ("exp",), (-1, 1)), grow.images(base, ("sin", "cos"))]
    )
    variable, beside = grow.variable_powers(base, base), concatenate([base, grow.powers(base, (-1,))])
    pool = Pool(len(view.y), limit, rng, operators)
    for batch in (
        base,
        grow.powers(base, (-1, 2, Fraction(1, 2))),
        monomials.cheapest(24),
        units,
        variable,
        grow.products(beside, concatenate([units, variable]), 200),
        grow.powers(base, (-2, 3, Fraction(-1, 2), Fraction(3, 2))),
        monomials,
    ):
        pool.add(batch)
    return pool


def _ratio(pool: Pool, plain: FloatArray, z: FloatArray, columns: Sequence[int]) -> tuple[Recipe, float] | None:
    """The ratio with solved constants, and the share that it leaves; None where its denominator is 1 or has zeros."""
    above, below = [j for j in columns if j < len(pool)], [j - len(pool) for j in columns if j >= len(pool)]
    if not below:
        return None
    solved = proposals.solve(np.column_stack([np.ones(len(z)), plain[:, above], -z[:, None] * plain[:, below]]), z)
    first, weights = float(solved[0]), solved[1:]
    denominator = 1 + plain[:, below] @ weights[len(above) :]
    if not one_sign(denominator):
        return None
    # What multiplying out leaves is small wherever the denominator is: the ratio itself counts.
    rest = z - (first + plain[:, above] @ weights[: len(above)]) / denominator
    parts = [("mul", float(w), pool.recipes[j]) for w, j in zip(weights, above + below, strict=True)]
    top: list[Recipe] = parts[: len(above)]
    if not top or abs(first) > _NOTHING * float(np.abs(z).max()):
        top = [first, *top]
    ratio = ("div", top[0] if len(top) == 1 else ("add", *top), ("add", 1, *parts[len(above) :]))
    return ratio, max(float(np.mean(rest**2) / np.var(z)), 1e-20)


# -------------------------------------------------------------------------------- over a factor, or less a part


def remainders(view: View, operators: frozenset[str], rng: np.random.Generator) -> Iterator[Proposal]:
    """Pairs of columns that explain what is left of the target over a factor, or less a part."""
    pool = _atoms(view, _PAIRED, operators, rng)
    selector = Selector(pool.matrix(), grow.constant_column(len(view.y)))
    with np.errstate(all="ignore"):
        inside = [(link, link.forward(view.y)) for link in itertools.islice(_targets(view, operators), _MOST_TARGETS)]
        inside = [(link, z) for link, z in inside if np.ptp(z) > _NOTHING * np.abs(z).max() < _LARGEST]
    if not inside:
        return
    found = selector.best_pair_of_each(np.column_stack([z for _, z in inside]), len(pool))
    # What is left of the target itself counts, not of what was made of it.
    slopes = [float(np.median(link.slope(view.y))) * float(z.std()) for link, z in inside]
    left = np.array([one.unexplained for one in found]) * np.square(slopes) / float(np.var(view.y))
    for t in np.argsort(left, kind="stable")[:_BEST_TARGETS].tolist():
        link, z = inside[t]
        proposal = proposals.linear_proposal(view, pool, link, z, found[t])
        yield replace(proposal, promise=max(float(left[t]), 1e-20), slack=_SLACK)


def _targets(view: View, operators: frozenset[str]) -> Iterator[Link]:
    """Outer units of what is left less a part or over a factor."""
    factors, parts = (_written_with(operators, batch) for batch in (_factors(view), _parts(view)))
    for j, recipe in enumerate(parts.recipes):
        yield from _then(_less(recipe, parts.values[:, j]), view.y, _AFTER_PARTS, operators)
    before = [link for link in usable_links(view.y, operators) if link.name in _BEFORE]
    for j, recipe in enumerate(factors.recipes):
        over = _over(recipe, factors.values[:, j])
        yield from _then(over, view.y, _AFTER_FACTORS, operators)
        yield from (_composed(link, over) for link in before)


def _written_with(operators: frozenset[str], batch: Batch) -> Batch:
    allowed = implied_by(operators)
    return batch.take(j for j, recipe in enumerate(batch.recipes) if needed_operators(recipe) <= allowed)


def _factors(view: View) -> Batch:
    """Sums, differences, 1 more or less than something, units of columns: to the powers 1, -1, 2 and -2."""
    base = grow.variables(view.X, view.recipes)
    squares, monomials = grow.powers(base, (2,)), grow.monomials(view.X, view.recipes, 24)
    some = concatenate([base, squares, monomials.cheapest(12)])
    one_more = grow.shifted(some, (1,), (1, -1))
    units = concatenate([grow.images(base, ("log", "sin", "cos")), grow.images(some, ("exp",))])
    logarithms = grow.images(one_more, ("log",))
    more = grow.shifted(monomials, (1,), (1, -1))
    simple = concatenate([grow.sums(base), one_more, units, grow.sums(squares), logarithms, more])
    finite = np.isfinite(simple.values).all(axis=0) & (simple.values != 0).all(axis=0)
    kept = simple.take(np.flatnonzero(finite)[:_MOST_FACTORS])
    return concatenate([kept, grow.powers(kept, (-1, 2, -2))])


def _parts(view: View) -> Batch:
    """Columns, powers and products of them, and their negatives."""
    base = grow.variables(view.X, view.recipes)
    made = concatenate([base, grow.powers(base, (2, -1)), grow.monomials(view.X, view.recipes, 30)])
    made = made.take(np.flatnonzero(np.isfinite(made.values).all(axis=0))[:_MOST_PARTS])
    return concatenate([made, Batch(-made.values, [("mul", -1, recipe) for recipe in made.recipes], made.costs)])


def _over(recipe: Recipe, values: FloatArray) -> Link:
    return Link(
        f"y over {recipe}",
        lambda y: y / values,
        lambda y: np.abs(values),
        lambda y: True,
        lambda z: ("mul", recipe, z),
    )


def _less(recipe: Recipe, values: FloatArray) -> Link:
    return Link(f"y less {recipe}", lambda y: y - values, np.ones_like, lambda y: True, lambda z: ("add", recipe, z))


def _then(first: Link, y: FloatArray, names: Sequence[str], operators: frozenset[str]) -> Iterator[Link]:
    """A link, and outer units after it."""
    for link in usable_links(first.forward(y), operators):
        if link.name in names:
            yield _composed(first, link)


def _composed(first: Link, second: Link) -> Link:
    return Link(
        f"{second.name} of {first.name}",
        lambda y: second.forward(first.forward(y)),
        lambda y: first.slope(y) * second.slope(first.forward(y)),
        lambda y: True,
        lambda z: first.outer(second.outer(z)),
    )
