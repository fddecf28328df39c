"""Polynomials in one or two arguments for many units at once, evaluated without temporary tensors.

Coefficients are laid out ``[monomial, unit]``: one monomial is one contiguous row that broadcasts over the rows of the
arguments, so that each step of Horner's rule is one multiply-add kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Monomials:
    """All monomials up to a total degree.

    Parameters
    ----------
    n_arguments : int
        1 or 2.
    degree : int
        Largest total degree, at least 0.
    constant : bool, default=True
        Whether the monomial 1 is one of them.

    Examples
    --------
    >>> Monomials(1, 3).exponents
    ((0,), (1,), (2,), (3,))
    >>> Monomials(2, 2).exponents  # 1, x, y, x^2, xy, y^2
    ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    >>> quadratic = Monomials(2, 2, constant=False)
    >>> rows = torch.tensor([[1.0], [0.0], [0.0], [3.0], [0.0]])  # x + 3xy, for one unit
    >>> quadratic.evaluate(rows, (torch.tensor([[2.0]]), torch.tensor([[5.0]])))
    tensor([[32.]])
    """

    n_arguments: int
    degree: int
    constant: bool = True

    @cached_property
    def exponents(self) -> tuple[tuple[int, ...], ...]:
        """Exponents of the arguments for each monomial: lower degrees first, then higher powers of the first one."""
        first = 0 if self.constant else 1
        degrees = range(first, self.degree + 1)
        if self.n_arguments == 1:
            return tuple((k,) for k in degrees)
        return tuple((k - j, j) for k in degrees for j in range(k + 1))

    def __len__(self) -> int:
        return len(self.exponents)

    @cached_property
    def index(self) -> dict[tuple[int, ...], int]:
        """Row of each tuple of exponents."""
        return {exponents: row for row, exponents in enumerate(self.exponents)}

    def evaluate(
        self, coefficients: Tensor, arguments: Sequence[Tensor], out: Tensor | None = None, work: Tensor | None = None
    ) -> Tensor:
        """Values, by Horner's rule (nested for two arguments).

        Parameters
        ----------
        coefficients : Tensor of shape (n_monomials, n_units)
        arguments : tensors of shape (..., n_units)
        out, work : Tensor, optional
            Buffers of the shape of the arguments; the result is written to `out`. Without them the computation is
            differentiable by autograd.

        Returns
        -------
        Tensor
            Of the arguments' shape, or of shape (n_units,) where the polynomial is a constant.
        """
        if self.n_arguments == 1:
            return _horner([self._row(coefficients, (k,)) for k in range(self.degree + 1)], arguments[0], out)
        x, y = arguments
        total = coefficients[self.index[self.degree, 0]]
        for i in range(self.degree - 1, -1, -1):
            inner = _horner([self._row(coefficients, (i, j)) for j in range(self.degree - i + 1)], y, work)
            total = torch.addcmul(inner, total, x, out=out)
        return total

    def _row(self, coefficients: Tensor, exponents: tuple[int, ...]) -> Tensor | None:
        row = self.index.get(exponents)
        return None if row is None else coefficients[row]

    def derivative(self, coefficients: Tensor, argument: int) -> tuple[Monomials, Tensor]:
        """Derivative in one argument: its monomials, and its coefficients of shape (n_monomials, n_units).

        A constant has the derivative 0, a polynomial of degree 0 with the coefficient 0.
        """
        if self.degree == 0:
            return self, torch.zeros_like(coefficients)
        result = Monomials(self.n_arguments, self.degree - 1)
        rows, factors = [], []
        for exponents in result.exponents:
            raised = list(exponents)
            raised[argument] += 1
            rows.append(self.index[tuple(raised)])
            factors.append(raised[argument])
        return result, coefficients[rows] * coefficients.new_tensor(factors)[:, None]

    def moments(self, weight: Tensor, arguments: Sequence[Tensor], work: tuple[Tensor, Tensor]) -> Tensor:
        """Sums over rows of `weight` times each monomial.

        Parameters
        ----------
        weight : Tensor of shape (n_rows, n_units)
        arguments : tensors of shape (n_rows, n_units)
        work : two buffers of shape (n_rows, n_units)
            Neither may be `weight` itself.

        Returns
        -------
        Tensor of shape (n_monomials, n_units)
        """
        sums: dict[tuple[int, ...], Tensor] = {}
        outer = weight
        for i in range(self.degree + 1):
            if i:
                outer = torch.mul(outer, arguments[0], out=work[0])
            inner = outer
            for j in range(self.degree - i + 1 if self.n_arguments == 2 else 1):
                if j:
                    inner = torch.mul(inner, arguments[1], out=work[1])
                exponents = (i, j)[: self.n_arguments]
                if exponents in self.index:
                    sums[exponents] = inner.sum(dim=0)
        return torch.stack([sums[exponents] for exponents in self.exponents])


def _horner(rows: Sequence[Tensor | None], x: Tensor, out: Tensor | None) -> Tensor:
    """Sum of ``rows[k] * x**k``; None stands for a coefficient that is not there, and the last one must be there."""
    total = rows[-1]
    assert total is not None
    for row in reversed(rows[:-1]):
        total = torch.mul(total, x, out=out) if row is None else torch.addcmul(row, total, x, out=out)
    return total
