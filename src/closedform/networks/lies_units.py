"""The four kinds of unit of a LIES network: value, slope and legal range of each.

A unit receives one linear combination ``z`` and returns

========== ============ ================ =========================================
kind       value        legal range      outside the legal range
========== ============ ================ =========================================
log        ``log(z)``   ``z >= 5e-3``    value frozen at ``log(5e-3)``, slope 0
identity   ``z``        everything       -
exp        ``exp(z)``   ``z <= 4``       value frozen at ``exp(4)``, slope 0
sine       ``sin(z)``   everything       -
========== ============ ================ =========================================

The ranges are those of "Sparse Interpretable Deep Learning with LIES Networks for Symbolic
Regression" (arXiv 2506.08267). Products, quotients and powers need no unit of their own: they are
exponentials of sums of logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

#: Smallest argument that a log unit may see.
LOG_LOWER = 5e-3
#: Largest argument that an exp unit may see.
EXP_UPPER = 4.0


@dataclass(frozen=True, slots=True)
class Unit:
    """One row of the unit table.

    Attributes
    ----------
    name : str
        The kind: ``"log"``, ``"identity"``, ``"exp"`` or ``"sine"``.
    operator : str or None
        Name of the symbolic operator with the same meaning; None for the identity.
    lower, upper : float
        The closed legal range of the argument. At most one end is finite.
    legal_value : callable
        Legal ``z`` to the unit's value; tensors of any shape.
    legal_slope : callable
        Legal ``z`` and the unit's value there to the first derivative.
    """

    name: str
    operator: str | None
    lower: float
    upper: float
    legal_value: Callable[[Tensor], Tensor]
    legal_slope: Callable[[Tensor, Tensor], Tensor]

    @property
    def bounded(self) -> bool:
        """Whether some arguments are illegal."""
        return self.lower > -math.inf or self.upper < math.inf

    def __call__(self, z: Tensor) -> Tensor:
        """Value, frozen outside the legal range (autograd sees slope 0 there); shape of ``z``."""
        return self.legal_value(z.clamp(self.lower, self.upper) if self.bounded else z)

    def slope(self, z: Tensor, value: Tensor) -> Tensor:
        """Derivative of the value in ``z``, given both; 0 outside the legal range; shape of ``z``."""
        slope = self.legal_slope(z, value)
        return torch.where((z < self.lower) | (z > self.upper), 0.0, slope) if self.bounded else slope

    def excess(self, z: Tensor) -> Tensor:
        """How far ``z`` lies outside the legal range, 0 inside; shape of ``z``."""
        if self.lower > -math.inf:
            return (self.lower - z).clamp(min=0.0)
        return (z - self.upper).clamp(min=0.0)

    def excess_slope(self, z: Tensor) -> Tensor:
        """Derivative of `excess`: -1 below the range, +1 above, 0 inside; shape of ``z``."""
        return (z > self.upper).to(z.dtype) - (z < self.lower).to(z.dtype)


_ROWS = (
    Unit("log", "log", LOG_LOWER, math.inf, torch.log, lambda z, value: z.reciprocal()),
    Unit("identity", None, -math.inf, math.inf, lambda z: z, lambda z, value: torch.ones_like(z)),
    Unit("exp", "exp", -math.inf, EXP_UPPER, torch.exp, lambda z, value: value),
    Unit("sine", "sin", -math.inf, math.inf, torch.sin, lambda z, value: torch.cos(z)),
)

#: Unit kind to its row.
UNITS: Mapping[str, Unit] = MappingProxyType({unit.name: unit for unit in _ROWS})

#: The kinds in the order in which they stand in a layer.
KINDS: tuple[str, ...] = tuple(UNITS)
