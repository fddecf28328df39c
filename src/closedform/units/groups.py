"""Buckingham's theorem: what a law looks like when its units are taken away.

A law between quantities is one between fewer, dimensionless ones: ``target = prefix * f(group_1, ..., group_k)``, where
the prefix is a product of powers of columns in the target's unit, each group is such a product without a unit, and k is
the number of columns less the rank of their exponents. Which groups is a matter of taste; few columns and small
exponents are preferred. The candidates are the products that cannot be made with fewer columns (circuits of the matrix
of exponents), of which there are few.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from closedform.units.dimensions import Dimension

# Larger exponents do not occur in laws that people write down.
_LARGEST_EXPONENT = 4
_MOST_COLUMNS = 12
_MOST_PREFIXES = 2
_MOST_BASES = 2

Monomial = tuple[tuple[str, Fraction], ...]
"""A product of powers of columns."""


@dataclass(frozen=True)
class Groups:
    """One way to write a law without units.

    Parameters
    ----------
    prefix : Monomial
        In the unit of the target.
    groups : tuple of Monomial
        Pure numbers, independent of one another.
    """

    prefix: Monomial
    groups: tuple[Monomial, ...]


def dimensionless_forms(columns: Mapping[str, Dimension], target: Dimension) -> list[Groups]:
    """Ways to write a target in terms of pure numbers, simple ones first.

    Parameters
    ----------
    columns : mapping of str to Dimension
        All columns, at most 12.
    target : Dimension
        What the target is measured in.

    Returns
    -------
    list of Groups
        Empty if no product of powers of columns has the target's dimension: then the law holds a constant with a unit.

    Examples
    --------
    >>> from closedform.units.parsing import dimension_of
    >>> units = {"l": "m", "g": "m/s^2", "angle": "1"}
    >>> columns = {name: dimension_of(unit, name) for name, unit in units.items()}
    >>> dimensionless_forms(columns, dimension_of("s", "period"))[0]
    Groups(prefix=(('l', Fraction(1, 2)), ('g', Fraction(-1, 2))), groups=((('angle', Fraction(1, 1)),),))
    """
    if len(columns) > _MOST_COLUMNS:
        return []
    prefixes = sorted(_products(columns, target), key=_cost)[:_MOST_PREFIXES]
    circuits = sorted(_circuits(columns), key=_cost)
    bases = list(dict.fromkeys(_basis(circuits, columns, first) for first in [None, *columns]))
    bases.sort(key=lambda basis: sum(_cost(monomial) for monomial in basis))
    return [Groups(prefix, basis) for basis in bases[:_MOST_BASES] for prefix in prefixes]


def _cost(monomial: Monomial) -> Fraction:
    """Small for few columns, small and whole exponents."""
    return sum((abs(e) + (e.denominator - 1) for _, e in monomial), Fraction(len(monomial), 8))


def _products(columns: Mapping[str, Dimension], target: Dimension) -> Iterator[Monomial]:
    """Products of powers of independent columns that have this dimension."""
    if target.is_number:
        yield ()
        return
    for names in _subsets([name for name, dimension in columns.items() if not dimension.is_number]):
        solution = _solved([columns[name] for name in names], target)
        if solution is not None and all(solution) and max(map(abs, solution)) <= _LARGEST_EXPONENT:
            yield tuple(zip(names, solution, strict=True))


def _circuits(columns: Mapping[str, Dimension]) -> Iterator[Monomial]:
    """Products of powers that are pure numbers, and are not if a column is left out."""
    for name, dimension in columns.items():
        if dimension.is_number:
            yield ((name, Fraction(1)),)
    for names in _subsets([name for name, dimension in columns.items() if not dimension.is_number]):
        *others, last = names
        solution = _solved([columns[name] for name in others], columns[last])
        if others and solution is not None and all(solution):
            exponents = _integers([-number for number in solution] + [Fraction(1)])
            if max(map(abs, exponents)) <= _LARGEST_EXPONENT:
                yield tuple(zip(names, exponents, strict=True))


def _subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    # Five base quantities and one more are the most that a product without a detour can need.
    for size in range(1, min(6, len(names)) + 1):
        yield from itertools.combinations(names, size)


def _integers(exponents: Sequence[Fraction]) -> list[Fraction]:
    """The same direction with the smallest whole numbers, most of them above zero."""
    scale = Fraction(lcm(*(e.denominator for e in exponents)), 1)
    numbers = [int(e * scale) for e in exponents]
    divisor = gcd(*numbers)
    positive = sum(1 if n > 0 else -1 for n in numbers)
    sign = 1 if positive > 0 or (positive == 0 and numbers[0] > 0) else -1
    return [Fraction(sign * n, divisor) for n in numbers]


def _basis(circuits: Sequence[Monomial], columns: Mapping[str, Dimension], first: str | None) -> tuple[Monomial, ...]:
    """Independent groups, cheap ones first; those that contain a column before those that do not, if one is given."""
    names = list(columns)
    ordered = sorted(circuits, key=lambda monomial: first is not None and first not in dict(monomial))
    chosen: list[Monomial] = []
    rows: list[list[Fraction]] = []
    for monomial in ordered:
        exponents = dict(monomial)
        row = _eliminated([exponents.get(name, Fraction(0)) for name in names], rows)
        if any(row):
            rows.append(row)
            chosen.append(monomial)
    return tuple(chosen)


def _solved(columns: Sequence[Dimension], target: Dimension) -> list[Fraction] | None:
    """The exponents with which dimensions multiply to the target; None if there are none, or more than one set."""
    bases = sorted({base for dimension in (*columns, target) for base, _ in dimension.exponents})
    table = [dict(dimension.exponents) for dimension in (*columns, target)]
    rows = [[column.get(base, Fraction(0)) for column in table] for base in bases]
    reduced: list[list[Fraction]] = []
    for row in rows:
        rest = _eliminated(row, reduced)
        if any(rest):
            reduced.append(rest)
    pivots = [next(k for k, number in enumerate(row) if number) for row in reduced]
    if sorted(pivots) != list(range(len(columns))):
        return None
    solution = [Fraction(0)] * len(columns)
    for row, pivot in sorted(zip(reduced, pivots, strict=True), key=lambda pair: -pair[1]):
        known = sum((row[k] * solution[k] for k in range(pivot + 1, len(columns))), Fraction(0))
        solution[pivot] = (row[-1] - known) / row[pivot]
    return solution


def _eliminated(row: Sequence[Fraction], rows: Sequence[Sequence[Fraction]]) -> list[Fraction]:
    """A row with the leading entries of earlier ones removed."""
    rest = list(row)
    for other in rows:
        pivot = next(k for k, number in enumerate(other) if number)
        if rest[pivot]:
            factor = rest[pivot] / other[pivot]
            rest = [a - factor * b for a, b in zip(rest, other, strict=True)]
    return rest
