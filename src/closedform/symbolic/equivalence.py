"""Whether two formulas are the same function: by canonical form, by simplification, by values, in this order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closedform.symbolic.canonical import canonical
from closedform.symbolic.evaluate import evaluate_with_ok
from closedform.symbolic.expression import Expression
from closedform.symbolic.signs import Domain

FloatArray = NDArray[np.float64]

# Values that agree to this relative error are the same.
TOLERANCE = 1e-9
N_SAMPLES = 400
# Fewer points than this with both formulas defined prove nothing.
FEWEST_POINTS = 16
# Where variables are drawn from without a given range; together they meet most domains.
_USUAL_RANGES = ((0.5, 3.0), (-3.0, 3.0), (0.05, 0.95), (1.0, 10.0), (-0.95, 0.95), (-10.0, -1.0))
_ANYTHING = (-math.inf, math.inf)
# Inputs are moved by this much to learn how much of a difference rounding explains.
_NUDGE = 1e-13


@dataclass(frozen=True, slots=True)
class Equivalence:
    """The answer of `equivalent`.

    Attributes
    ----------
    verdict : bool
        Whether the formulas are the same function where both are defined.
    method : {"canonical", "symbolic", "numeric"}
        What decided: equal canonical forms, simplification, or values on random points.
    max_error : float
        Largest relative difference of the values beyond what rounding explains; 0 unless `method` is "numeric", nan if
        there are too few points at which both are defined.
    """

    verdict: bool
    method: Literal["canonical", "symbolic", "numeric"]
    max_error: float

    def __bool__(self) -> bool:
        return self.verdict


def equivalent(
    a: Expression, b: Expression, domain: Domain | None = None, rng: np.random.Generator | None = None
) -> Equivalence:
    """Say whether two formulas are the same function, and how that was found out.

    They are compared where both are defined, so ``exp(log(x))`` and ``x`` are equivalent.

    Parameters
    ----------
    a, b : Expression
        The formulas.
    domain : mapping of str to (float, float), optional
        Range of each variable; usual ranges of both signs for those that are missing.
    rng : numpy.random.Generator, optional
        Draws the points of the numeric comparison; by default always the same ones.

    Returns
    -------
    Equivalence
        True in a condition if the formulas are equivalent.

    Examples
    --------
    >>> from closedform.symbolic.expression import Expression
    >>> one, two = Expression.parse("(x**2 - 1)/(x - 1)"), Expression.parse("x + 1")
    >>> equivalent(one, two).verdict
    True
    """
    if canonical(a) is canonical(b):
        return Equivalence(True, "canonical", 0.0)
    if _same_when_simplified(a, b, domain):
        return Equivalence(True, "symbolic", 0.0)
    error = largest_difference(a, b, domain, rng)
    return Equivalence(error <= TOLERANCE, "numeric", error)


def _same_when_simplified(a: Expression, b: Expression, domain: Domain | None) -> bool:
    from closedform.symbolic.simplify import simplify

    short_a = simplify(a, domain, use_sympy=False)
    short_b = simplify(b, domain, use_sympy=False)
    if canonical(short_a) is canonical(short_b):
        return True
    difference = simplify(short_a - short_b, domain, use_sympy=False)
    return difference.kind == "constant" and difference.value == 0


# --- by values --------------------------------------------------------------------------------------------------------


def largest_difference(
    a: Expression, b: Expression, domain: Domain | None = None, rng: np.random.Generator | None = None
) -> float:
    """Return the largest relative difference on random points, less what rounding explains.

    Parameters and points are those of `equivalent`. nan if fewer than `FEWEST_POINTS` have both formulas defined.
    """
    names = list(dict.fromkeys((*a.variables, *b.variables)))
    worst, n_points = 0.0, 0
    for columns in sample_columns(names, domain, rng):
        error, both = _differences(a, b, columns)
        n_points += int(both.sum())
        worst = max(worst, float(np.max(error[both], initial=0.0)))
    return worst if n_points >= FEWEST_POINTS else math.nan


def agree_on_samples(original: Expression, other: Expression, domain: Domain | None = None) -> bool:
    """Say whether `other` has the same values as `original` and is defined wherever that is, on random points."""
    names = list(dict.fromkeys((*original.variables, *other.variables)))
    n_points = 0
    for columns in sample_columns(names, domain, None):
        error, both = _differences(original, other, columns)
        defined = evaluate_with_ok(original, columns)[1]
        if np.any(defined & ~both) or np.any(error[both] > TOLERANCE):
            return False
        n_points += int(both.sum())
    return n_points > 0


def sample_columns(
    names: Sequence[str], domain: Domain | None = None, rng: np.random.Generator | None = None
) -> Iterator[dict[str, FloatArray]]:
    """Yield tables of random points, one after the other for each of the usual ranges.

    A variable with a finite range in `domain` is drawn from that in every table; one that is bounded on one side only
    is drawn from as far away of the bound as the usual range is from zero.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    known = domain or {}
    finite = all(name in known and all(map(math.isfinite, known[name])) for name in names)
    ranges = _USUAL_RANGES[:1] if finite else _USUAL_RANGES
    n_rows = N_SAMPLES // len(ranges)
    for usual in ranges:
        # Without variables there is one value, but evaluation needs a column to know the number of rows.
        yield {name: _draw(rng, known.get(name, _ANYTHING), usual, n_rows) for name in names or ["x"]}


def _draw(rng: np.random.Generator, known: tuple[float, float], usual: tuple[float, float], n_rows: int) -> FloatArray:
    low, high = known
    if math.isfinite(low) and math.isfinite(high):
        return rng.uniform(low, high, n_rows)
    drawn = rng.uniform(*usual, n_rows)
    if math.isfinite(low):
        return low + np.abs(drawn)
    return high - np.abs(drawn) if math.isfinite(high) else drawn


def _differences(a: Expression, b: Expression, columns: dict[str, FloatArray]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return relative differences beyond rounding, and the mask of the rows where both are defined."""
    moved = {name: column * (1 + _NUDGE) for name, column in columns.items()}
    (value_a, ok_a), (value_b, ok_b) = evaluate_with_ok(a, columns), evaluate_with_ok(b, columns)
    (moved_a, still_a), (moved_b, still_b) = evaluate_with_ok(a, moved), evaluate_with_ok(b, moved)
    both = ok_a & ok_b & still_a & still_b
    with np.errstate(all="ignore"):
        noise = np.abs(moved_a - value_a) + np.abs(moved_b - value_b)
        gap = np.maximum(np.abs(value_a - value_b) - noise, 0.0)
        # Near a zero of the function a difference is measured by the usual size of its values.
        size = np.maximum(np.maximum(np.abs(value_a), np.abs(value_b)), 1e-3 * _usual_size(value_a[both]))
        error = np.where(gap > 0, gap / size, 0.0)
    return error, both


def _usual_size(values: FloatArray) -> float:
    return float(np.median(np.abs(values))) if values.size else 0.0
