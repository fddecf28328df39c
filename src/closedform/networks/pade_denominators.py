"""The three positive denominators of a rational unit: each is at least 1 for any coefficients, so no unit has a pole.

=========== ============================ ========================== ======================
name        denominator                  a rational function        where from
=========== ============================ ========================== ======================
square      ``1 + q^2``                  yes                        here; the default
softplus    ``1 + softplus(q) + eps``    no                         the paper
abs         ``1 + |q|``                  in pieces                  the reference scripts
=========== ============================ ========================== ======================

The polynomial q has no constant term ("Rational ANOVA Networks", arXiv 2602.04006).

NOTE[DIFF]: the paper has softplus alone, from which no quotient of polynomials can be exported; ``1 + q^2`` can be, and
is the cheapest. Its slope in q is 0 at q = 0, so that a start with q = 0 would never move: see `pade_start`.
NOTE[DIFF]: the scripts that come with the paper divide by ``|q| + 1e-5``, where q has a constant, and come next to
poles. With ``1 + |q|`` no unit is larger than its numerator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from closedform.exceptions import InputError, did_you_mean

#: Added to the softplus denominator, as in the paper; it is above 1 without it too.
EPS = 1e-6

Range = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Denominator:
    """One row of the table of denominators.

    Attributes
    ----------
    name : str
        ``"square"``, ``"softplus"`` or ``"abs"``.
    value : callable
        ``value(q, out=None)``: the denominator, of the shape of q. Without `out` differentiable by autograd.
    slope : callable
        ``slope(q, out=None)``: its derivative in q.
    value_range : callable
        Lowest and highest q to lowest and highest value.
    slope_range : callable
        Lowest and highest q to lowest and highest slope.
    rational : bool
        Whether the unit is a quotient of two polynomials.
    """

    name: str
    value: Callable[..., Tensor]
    slope: Callable[..., Tensor]
    value_range: Callable[[Tensor, Tensor], Range]
    slope_range: Callable[[Tensor, Tensor], Range]
    rational: bool


def _square(q: Tensor, out: Tensor | None = None) -> Tensor:
    return torch.addcmul(q.new_ones(()), q, q, out=out)


def _square_slope(q: Tensor, out: Tensor | None = None) -> Tensor:
    return torch.add(q, q, out=out)


def _softplus(q: Tensor, out: Tensor | None = None) -> Tensor:
    # torch's own softplus is q beyond 20, which is wrong in the tenth digit.
    return torch.add(torch.logaddexp(q, q.new_zeros(()), out=out), 1.0 + EPS, out=out)


def _sigmoid(q: Tensor, out: Tensor | None = None) -> Tensor:
    return torch.sigmoid(q, out=out)


def _abs(q: Tensor, out: Tensor | None = None) -> Tensor:
    if out is not None:
        return torch.add(torch.abs(q, out=out), 1.0, out=out)
    return q * _sign(q.detach()) + 1.0


def _sign(q: Tensor, out: Tensor | None = None) -> Tensor:
    # Not torch.sign: with slope 0 at q = 0 a unit that starts with q = 0 would stay there.
    return torch.copysign(q.new_ones(()), q, out=out)


def _square_range(low: Tensor, high: Tensor) -> Range:
    smallest, largest = _abs_range(low, high)
    return 1.0 + (smallest - 1.0) ** 2, 1.0 + (largest - 1.0) ** 2


def _abs_range(low: Tensor, high: Tensor) -> Range:
    inside = (low < 0) & (high > 0)
    smallest = torch.where(inside, torch.zeros_like(low), torch.minimum(low.abs(), high.abs()))
    return 1.0 + smallest, 1.0 + torch.maximum(low.abs(), high.abs())


def _increasing(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Range]:
    return lambda low, high: (function(low), function(high))


_ROWS = (
    Denominator("square", _square, _square_slope, _square_range, _increasing(_square_slope), rational=True),
    Denominator("softplus", _softplus, _sigmoid, _increasing(_softplus), _increasing(_sigmoid), rational=False),
    # With q both signs at hand, sign(low) = -1 and sign(high) = 1 enclose every slope.
    Denominator("abs", _abs, _sign, _abs_range, _increasing(_sign), rational=False),
)

#: Name of a denominator to its row.
DENOMINATORS: Mapping[str, Denominator] = MappingProxyType({row.name: row for row in _ROWS})


def get_denominator(name: str) -> Denominator:
    """Look a denominator up.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in DENOMINATORS:
        raise InputError(
            f"denominator must be one of {list(DENOMINATORS)}, however: {name!r}"
            f"{did_you_mean(str(name), DENOMINATORS)}."
        )
    return DENOMINATORS[name]
