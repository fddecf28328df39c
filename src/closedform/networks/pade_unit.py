"""What rational units with one and with two arguments share: coefficients, checks, export, bounds."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedform.exceptions import InputError
from closedform.networks.pade_bounds import slope_bound
from closedform.networks.pade_denominators import EPS
from closedform.networks.pade_function import PadeForm, fused_rational, plain_rational
from closedform.networks.pade_start import identity_start, zero_start

Array = NDArray[np.float64]


@dataclass(frozen=True)
class UnitCoefficients:
    """Everything that defines units, as NumPy arrays: what a formula is made of.

    The value of unit k is ``p / d`` without a gate, else ``b + gate[k] * (p / d - b)`` with the base b = x, or
    (x + y) / 2 for two arguments; p sums ``numerator[t, k]`` times the monomial with exponents
    ``numerator_exponents[t]``, q likewise, and d is 1 + q^2, 1 + softplus(q) + eps or 1 + abs(q).

    Attributes
    ----------
    numerator : float64 ndarray of shape (n_monomials, n_units)
    denominator : float64 ndarray of shape (n_monomials of q, n_units)
    gate : float64 ndarray of shape (n_units,) or None
    kind : str
        ``"square"``, ``"softplus"`` or ``"abs"``.
    eps : float
        Constant in the softplus denominator; 0 for the others.
    numerator_exponents, denominator_exponents : tuple of tuple of int
        Exponents of the arguments for each row.
    """

    numerator: Array
    denominator: Array
    gate: Array | None
    kind: str
    eps: float
    numerator_exponents: tuple[tuple[int, ...], ...]
    denominator_exponents: tuple[tuple[int, ...], ...]


class AbstractPadeUnit(nn.Module, ABC):
    """What units with one and with two arguments share: coefficients, export, bounds."""

    numerator: nn.Parameter
    denominator: nn.Parameter
    gate: nn.Parameter | None

    def __init__(
        self,
        n_units: int,
        form: PadeForm,
        gate: float | None,
        recompute: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.form = form
        self.recompute = recompute
        self.numerator = nn.Parameter(torch.zeros(len(form.numerator), n_units, device=device, dtype=dtype))
        self.denominator = nn.Parameter(torch.zeros(len(form.denominator), n_units, device=device, dtype=dtype))
        start = None if gate is None else nn.Parameter(torch.full((n_units,), gate, device=device, dtype=dtype))
        self.register_parameter("gate", start)

    @property
    def n_units(self) -> int:
        """Number of units side by side: size of the last axis."""
        return self.numerator.shape[1]

    @property
    def n_parameters(self) -> int:
        """Number of coefficients and gates."""
        return sum(parameter.numel() for parameter in self.parameters())

    def _evaluate(self, *arguments: Tensor) -> Tensor:
        for x in arguments:
            if x.ndim == 0 or x.shape[-1] != self.n_units or x.shape != arguments[0].shape:
                shapes = " and ".join(str(tuple(argument.shape)) for argument in arguments)
                raise InputError(f"Arguments must all have the same shape (..., {self.n_units}), however: {shapes}.")
        cast = [x.to(self.numerator.dtype) for x in arguments]
        # A compiler fuses and recomputes by itself, and can only do so if it sees the operations.
        fused = self.recompute and not torch.compiler.is_compiling()
        function = fused_rational if fused else plain_rational
        return function(self.form, self.numerator, self.denominator, self.gate, *cast)

    def set_coefficients(self, numerator: Array | Tensor, denominator: Array | Tensor) -> None:
        """Overwrite p and q.

        Parameters
        ----------
        numerator : array of shape (n_monomials, n_units) or (n_monomials, 1)
        denominator : array of shape (n_monomials of q, n_units) or (n_monomials of q, 1)
            With one column all units get the same.
        """
        with torch.no_grad():
            for parameter, values in ((self.numerator, numerator), (self.denominator, denominator)):
                new = torch.as_tensor(values, device=parameter.device, dtype=parameter.dtype)
                if new.shape not in (parameter.shape, (parameter.shape[0], 1)):
                    raise InputError(
                        f"Coefficients must have shape {tuple(parameter.shape)} or ({parameter.shape[0]}, 1), "
                        f"however: {tuple(new.shape)}."
                    )
                parameter.copy_(new.expand_as(parameter))

    def coefficients(self) -> UnitCoefficients:
        """Coefficients as float64 NumPy arrays, copied."""
        return UnitCoefficients(
            _export(self.numerator),
            _export(self.denominator),
            None if self.gate is None else _export(self.gate),
            self.form.kind.name,
            EPS if self.form.kind.name == "softplus" else 0.0,
            self.form.numerator.exponents,
            self.form.denominator.exponents,
        )

    def _slope_bound(self, interval: tuple[float, float], gated: bool, n_cells: int) -> Tensor:
        gate = None if self.gate is None or not gated else self.gate.detach().double()
        p, q = self.numerator.detach().double(), self.denominator.detach().double()
        return slope_bound(self.form, p, q, gate, interval, n_cells)

    def extra_repr(self) -> str:
        """Number, degrees and denominator, as printed by torch."""
        p, q = self.form.numerator.degree, self.form.denominator.degree
        gate = "" if self.gate is None else ", gated"
        return f"{self.n_units}, degrees {p}/{q}, denominator={self.form.kind.name!r}{gate}"


def start_fixed(unit: AbstractPadeUnit, start: str) -> None:
    """Set p and q of all units to a start by name.

    Raises
    ------
    InputError
        If there is none of that name, or the unit cannot have it.
    """
    if start not in ("identity", "zero"):
        raise InputError(f"start must be 'identity' or 'zero', however: {start!r}.")
    if start == "zero" and unit.gate is not None:
        raise InputError(
            "A gated unit contains its argument and cannot start at zero: take gate=False or another start."
        )
    p, q = (identity_start if start == "identity" else zero_start)(unit.form)
    unit.set_coefficients(p[:, None], q[:, None])


def check_sizes(**sizes: int) -> None:
    """Raise an InputError that names the first size below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise InputError(f"{name} must be at least 1, however: {size}.")


def _export(parameter: Tensor) -> Array:
    values: Array = parameter.detach().to("cpu", torch.float64).numpy().copy()
    return values
