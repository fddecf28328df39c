"""Ratios of polynomials of low degree through the values of a curve or a surface, without a pole where it matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.symbolic.expression import Expression, apply, constant, plain_sum

FloatArray: TypeAlias = NDArray[np.float64]
Powers: TypeAlias = tuple[tuple[int, ...], ...]

_STEPS = 12


@dataclass(frozen=True)
class Ratio:
    """``p / q``, both sums of monomials.

    Parameters
    ----------
    top, bottom : tuple of tuple of int
        Powers of the variables in each monomial; the constant of the denominator, which is 1, is left out.
    p, q : ndarray
        Coefficients, one per monomial.
    """

    top: Powers
    bottom: Powers
    p: FloatArray
    q: FloatArray

    def values(self, table: Sequence[FloatArray]) -> FloatArray:
        """Values on rows; infinite at poles."""
        with np.errstate(all="ignore"):
            result: FloatArray = monomials(table, self.top) @ self.p
            return result / (1.0 + monomials(table, self.bottom) @ self.q) if self.bottom else result

    def expression(self, variables: Sequence[Expression], digits: int) -> Expression:
        """The formula with coefficients of so many significant digits."""
        top = _polynomial(variables, self.top, self.p, digits, ())
        return top / _polynomial(variables, self.bottom, self.q, digits, (constant(1),)) if self.bottom else top


def monomials(table: Sequence[FloatArray], powers: Powers) -> FloatArray:
    """Values of monomials, shape (n_rows, n_monomials)."""
    columns = [np.prod([x**k for x, k in zip(table, power, strict=True)], axis=0) for power in powers]
    return np.stack(columns, axis=1) if columns else np.empty((len(table[0]), 0))


def _polynomial(
    variables: Sequence[Expression],
    powers: Powers,
    coefficients: FloatArray,
    digits: int,
    first: tuple[Expression, ...],
) -> Expression:
    plus, minus = list(first), list[Expression]()
    for power, coefficient in zip(powers, coefficients.tolist(), strict=True):
        number = float(f"{abs(coefficient):.{digits}g}")
        if not number:
            continue
        factors = [x if k == 1 else x**k for x, k in zip(variables, power, strict=True) if k]
        term = apply("mul", number, *factors) if factors else constant(number)
        (plus if coefficient > 0 else minus).append(term)
    if not plus:
        plus = [_negated(minus.pop(0))] if minus else [constant(0.0)]
    return plain_sum(plus) - plain_sum(minus) if minus else plain_sum(plus)


def _negated(term: Expression) -> Expression:
    return constant(-term.value) if term.kind == "constant" else apply("mul", -term.args[0].value, *term.args[1:])


def simplest_first(n_variables: int) -> Iterator[tuple[Powers, Powers]]:
    """Monomials of numerator and denominator, by how long the formula is."""
    if n_variables == 1:
        for p, q in ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (2, 2), (3, 2)):
            yield tuple((k,) for k in range(p + 1)), tuple((k,) for k in range(1, q + 1))
        return
    constant_only, line = ((0, 0),), ((0, 0), (1, 0), (0, 1))
    product, square = (*line, (1, 1)), (*line, (1, 1), (2, 0), (0, 2))
    cubic = (*square, (2, 1), (1, 2), (3, 0), (0, 3))
    tops = (constant_only, line, product, square, product, cubic, square)
    bottoms = (constant_only, constant_only, constant_only, constant_only, line, constant_only, square)
    for top, bottom in zip(tops, bottoms, strict=True):
        yield top, bottom[1:]


def fit_ratio(table: Sequence[FloatArray], y: FloatArray, weight: FloatArray, top: Powers, bottom: Powers) -> Ratio:
    """The ratio that is nearest to the values.

    The equation ``p - y q = y`` is linear; its rows are divided by the denominator of the step before until that does
    not change (Sanathanan and Koerner 1963, doi:10.1109/TAC.1963.1105517), and Gauss-Newton steps finish.

    Parameters
    ----------
    table : sequence of ndarray of shape (n_rows,)
        The variables, of size about 1.
    y, weight : ndarray of shape (n_rows,)
        Values, and how much each counts.
    top, bottom : tuple of tuple of int
        Monomials of numerator and denominator.
    """
    P, Q = monomials(table, top), monomials(table, bottom)
    root = np.sqrt(weight)
    n = len(top)
    below = np.ones(len(y))
    best, least = Ratio(top, bottom, np.zeros(n), np.zeros(len(bottom))), np.inf
    for _ in range(_STEPS if bottom else 1):
        row = (root / below)[:, None]
        system = np.hstack([P, -y[:, None] * Q]) * row
        solved = np.asarray(np.linalg.lstsq(system, y * row[:, 0], rcond=1e-12)[0], dtype=np.float64)
        best, least = _better(Ratio(top, bottom, solved[:n], solved[n:]), best, least, table, y, weight)
        below = 1.0 + Q @ solved[n:]
        if not np.all(np.isfinite(below)) or np.min(np.abs(below)) < 1e-6:
            break
    for _ in range(_STEPS if bottom else 0):
        below = 1.0 + Q @ best.q
        with np.errstate(all="ignore"):
            value = (P @ best.p) / below
        if not np.all(np.isfinite(value)):
            break
        slope = np.hstack([P, -value[:, None] * Q]) / below[:, None]
        if not np.all(np.isfinite(slope)):
            break
        step = np.linalg.lstsq(slope * root[:, None], (y - value) * root, rcond=1e-12)[0]
        tried = Ratio(top, bottom, best.p + step[:n], best.q + step[n:])
        before = least
        best, least = _better(tried, best, least, table, y, weight)
        if not least < before * (1.0 - 1e-6):
            break
    return best


def _better(
    tried: Ratio, best: Ratio, least: float, table: Sequence[FloatArray], y: FloatArray, weight: FloatArray
) -> tuple[Ratio, float]:
    with np.errstate(all="ignore"):
        loss = float(np.sum(weight * (tried.values(table) - y) ** 2))
    return (tried, loss) if loss < least else (best, least)
