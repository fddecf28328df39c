"""Random starts of sparse networks: sums of a few products of powers, each an exponential unit over logarithm units."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from closedform.engines.base import Problem
from closedform.library.pool import FREE, Recipe
from closedform.screening.workspace import Proposal


def random_power_sums(problem: Problem, rng: np.random.Generator, restarts: int) -> Iterator[Proposal]:
    """Sums of two and three terms ``c * prod |x_j|^a_j`` with random exponents from -2 to 2.

    Each is a LIES network of two layers, E(sum a_j L(x_j)), with a linear read-out; all exponents are free.
    """
    for n_terms in (2, 3):
        for _ in range(restarts):
            terms = [_term(problem, rng) for _ in range(n_terms)]
            yield Proposal(("add", *terms), 0.5, n_terms)


def _term(problem: Problem, rng: np.random.Generator) -> Recipe:
    parts: list[Recipe] = [FREE]
    for name, (low, high) in problem.domain.items():
        exponent = float(rng.integers(-2, 3)) + float(rng.normal(scale=0.1))
        if low > 0:
            parts.append(("pow", ("var", name), exponent))
        elif high < 0:
            parts.append(("pow", ("mul", -1, ("var", name)), exponent))
        else:
            parts.append(("pow", ("var", name), int(rng.integers(0, 3))))
    return ("mul", *parts)
