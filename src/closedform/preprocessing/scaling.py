"""Columns and target brought to handy magnitudes by factors that a formula can carry.

Only factors, no shifts: a law such as ``y = c*x**1.5`` keeps its form under them, and what was found in scaled units is
brought back by multiplying variables and result by constants.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError
from closedform.preprocessing.checks import largest_magnitudes
from closedform.preprocessing.table import Table
from closedform.symbolic.expression import Expression, constant, variable

Method = Literal["power_of_ten", "max", "none"]

_LARGEST_EXPONENT = 300  # 10**-exponent must not be a subnormal number, and 1/factor must not overflow


@dataclass(frozen=True)
class Scaling:
    """What each column and the target are multiplied by before the search.

    Attributes
    ----------
    names : tuple of str
    factors : tuple of float
        ``scaled column = column * factor``, one positive factor per name.
    target_factor : float
        ``scaled y = y * target_factor``.
    """

    names: tuple[str, ...]
    factors: tuple[float, ...]
    target_factor: float = 1.0

    @classmethod
    def fit(
        cls,
        table: Table,
        y: NDArray[np.float64],
        *,
        method: Method = "power_of_ten",
        keep_between: tuple[float, float] = (1e-3, 1e3),
    ) -> Scaling:
        """Choose the factors from the greatest magnitudes.

        Parameters
        ----------
        table : Table
        y : ndarray of shape (n_rows,)
        method : {"power_of_ten", "max", "none"}
            ``power_of_ten`` brings the greatest magnitude into [1, 10) and changes no digit of a formula's constants;
            ``max`` brings it to 1; ``none`` leaves everything.
        keep_between : (float, float)
            Columns whose greatest magnitude lies in here stay as they are (not for ``max``).
        """
        if method not in ("power_of_ten", "max", "none"):
            raise InputError(f"method must be 'power_of_ten', 'max' or 'none', got {method!r}.")
        magnitudes = [*largest_magnitudes(table.values), np.abs(y).max(initial=0.0)]
        *factors, target_factor = [_factor(float(m), method, keep_between) for m in magnitudes]
        return cls(table.names, tuple(factors), target_factor)

    @property
    def is_identity(self) -> bool:
        """True where nothing is scaled."""
        return self.target_factor == 1.0 and all(factor == 1.0 for factor in self.factors)

    def scale_table(self, table: Table) -> Table:
        """The table in scaled units; the same object where nothing changes."""
        if all(factor == 1.0 for factor in self.factors):
            return table
        return Table(table.names, table.values * self._factors_of(table.names), table.named)

    def scale_target(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """The target in scaled units."""
        return y if self.target_factor == 1.0 else y * self.target_factor

    def unscale_target(self, y_scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Back to the target's own units."""
        return y_scaled if self.target_factor == 1.0 else y_scaled * (1.0 / self.target_factor)

    def to_original(self, expression: Expression) -> Expression:
        """Rewrite a formula over scaled columns for the scaled target as one over the original columns and target."""
        scaled = {
            name: constant(factor) * variable(name)
            for name, factor in zip(self.names, self.factors, strict=True)
            if factor != 1.0 and name in expression.variables
        }
        original = expression.substitute(scaled) if scaled else expression
        return original if self.target_factor == 1.0 else constant(1.0 / self.target_factor) * original

    def _factors_of(self, names: Sequence[str]) -> NDArray[np.float64]:
        factor_of = dict(zip(self.names, self.factors, strict=True))
        return np.array([factor_of[name] for name in names])


def _factor(magnitude: float, method: Method, keep_between: tuple[float, float]) -> float:
    if method == "none" or not math.isfinite(magnitude) or magnitude == 0.0:
        return 1.0
    if method == "max":
        return 1.0 / magnitude if magnitude > 10.0**-_LARGEST_EXPONENT else 10.0**_LARGEST_EXPONENT
    if keep_between[0] <= magnitude <= keep_between[1]:
        return 1.0
    exponent = max(-_LARGEST_EXPONENT, min(_LARGEST_EXPONENT, math.floor(math.log10(magnitude))))
    # The text gives the float nearest to the power of ten, which 10.0**k does not for every k.
    return float(f"1e{-exponent}")
