"""Which pairs of features interact: checking them, drawing them, counting parameters, and how many a budget allows."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

from closedform.exceptions import InputError
from closedform.networks.pade_polynomials import Monomials

Pairs = tuple[tuple[int, int], ...]


def check_pairs(pairs: Iterable[tuple[int, int]], n_features: int) -> Pairs:
    """Pairs with the smaller feature first, in the order given.

    Raises
    ------
    InputError
        If a feature does not exist, is paired with itself, or a pair comes twice (in either order).

    Examples
    --------
    >>> check_pairs([(2, 0), (0, 1)], n_features=3)
    ((0, 2), (0, 1))
    """
    checked: dict[tuple[int, int], None] = {}
    for first, second in pairs:
        pair = (min(int(first), int(second)), max(int(first), int(second)))
        if pair[0] < 0 or pair[1] >= n_features:
            raise InputError(f"Pairs must consist of features 0 to {n_features - 1}, however: {(first, second)}.")
        if pair[0] == pair[1]:
            raise InputError(f"A pair needs two different features, however: {(first, second)}.")
        if pair in checked:
            raise InputError(f"Pair {pair} is there twice; name each pair once, in either order.")
        checked[pair] = None
    return tuple(checked)


def random_pairs(n_features: int, n_pairs: int, *, generator: torch.Generator | None = None) -> Pairs:
    """Draw different pairs of features, each set of them equally likely.

    The paper's choice where nothing is known (arXiv 2602.04006). NOTE[DIFF]: its scripts draw with repeats.

    Parameters
    ----------
    n_features : int
        Number of features.
    n_pairs : int
        How many pairs, from 0 to ``n_features * (n_features - 1) / 2``.
    generator : torch.Generator, optional
        A fresh one with seed 0 by default; the global one is never used.

    Returns
    -------
    tuple of (int, int)
        Sorted. Memory is that of the pairs drawn, however many features there are.

    Raises
    ------
    InputError
        If there are not so many pairs.

    Examples
    --------
    >>> random_pairs(3, 3)
    ((0, 1), (0, 2), (1, 2))
    """
    total = n_features * (n_features - 1) // 2
    if not 0 <= n_pairs <= total:
        raise InputError(f"{n_features} features have {total} pairs; n_pairs must be 0 to {total}, however: {n_pairs}.")
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    # Floyd's sampling (Bentley and Floyd 1987, doi:10.1145/30401.315746): a set of numbers without listing them all.
    chosen: set[int] = set()
    for largest in range(total - n_pairs, total):
        number = int(torch.randint(largest + 1, (), generator=generator))
        chosen.add(largest if number in chosen else number)
    return tuple(sorted(_pair(number) for number in chosen))


def _pair(number: int) -> tuple[int, int]:
    """Pair (i, j), i < j, with this number in the order (0, 1), (0, 2), (1, 2), (0, 3)..."""
    j = (1 + math.isqrt(1 + 8 * number)) // 2
    return number - j * (j - 1) // 2, j


def count_parameters(
    n_features: int,
    n_pairs: int = 0,
    n_outputs: int = 1,
    *,
    degrees: tuple[int, int] = (3, 2),
    pair_degrees: tuple[int, int] = (2, 2),
    gate: bool = True,
) -> int:
    """Number of parameters of a :class:`~closedform.networks.RationalANOVA`.

    Per output a constant, (m + 1) + n + 1 for each feature and T + S + 1 for each pair, with T and S monomials in p
    and q, and the last 1 in each sum only with a gate.

    Examples
    --------
    >>> count_parameters(n_features=10, n_pairs=5)  # 1 + 10 * 7 + 5 * 12
    131
    """
    per_pair = len(Monomials(2, pair_degrees[0])) + len(Monomials(2, pair_degrees[1], constant=False)) + gate
    return n_outputs * (1 + n_features * (degrees[0] + 1 + degrees[1] + gate) + n_pairs * per_pair)


def pairs_for_budget(
    n_features: int,
    budget: int,
    n_outputs: int = 1,
    *,
    degrees: tuple[int, int] = (3, 2),
    pair_degrees: tuple[int, int] = (2, 2),
    gate: bool = True,
) -> int:
    """Largest number of pairs with which a :class:`~closedform.networks.RationalANOVA` stays within a budget.

    Eq. 10 of the paper (arXiv 2602.04006): what the main effects leave, divided by what a pair costs. NOTE[DIFF]: the
    constant of each output is counted too, and there are never more pairs than two features can make.

    Parameters
    ----------
    n_features, n_outputs, degrees, pair_degrees, gate
        As in :class:`~closedform.networks.RationalANOVA`.
    budget : int
        Parameters allowed.

    Raises
    ------
    InputError
        If the model without any pair is above the budget already.

    Examples
    --------
    >>> pairs_for_budget(n_features=10, budget=140)
    5
    """

    def count(n_pairs: int) -> int:
        return count_parameters(n_features, n_pairs, n_outputs, degrees=degrees, pair_degrees=pair_degrees, gate=gate)

    base, per_pair = count(0), count(1) - count(0)
    if base > budget:
        raise InputError(
            f"A budget of {budget} parameters is too small: the main effects of {n_features} features and "
            f"{n_outputs} outputs take {base} without any pair. Allow at least that, lower the degrees, or take fewer "
            "features."
        )
    return min((budget - base) // per_pair, n_features * (n_features - 1) // 2)
