r"""Rational (Padé) units with one and with two arguments as torch modules.

After "Rational ANOVA Networks" (arXiv 2602.04006). A unit is a quotient of polynomials with a denominator of at least
1, so that it has no pole whatever the coefficients, behind a residual gate with which it starts as the identity:

.. math:: r(x) = x + \alpha \left( \frac{p(x)}{d(q(x))} - x \right)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from closedform.networks.pade_denominators import get_denominator
from closedform.networks.pade_function import PadeForm
from closedform.networks.pade_polynomials import Monomials
from closedform.networks.pade_start import fit_start
from closedform.networks.pade_unit import AbstractPadeUnit, check_sizes, start_fixed


class RationalUnit(AbstractPadeUnit):
    r"""One rational function of one argument per feature.

    .. math:: r(x) = x + \alpha (p(x) / d(x) - x), \quad d = 1 + q(x)^2

    Parameters
    ----------
    n_features : int
        Size of the last axis, at least 1.
    numerator_degree : int, default=3
        Degree of p, at least 1.
    denominator_degree : int, default=2
        Degree of q, at least 1.
    denominator : {"square", "softplus", "abs"}, default="square"
        ``1 + q^2``, the paper's ``1 + softplus(q) + eps``, or ``1 + |q|``; q has no constant. Only the first leaves a
        quotient of polynomials.
    gate : bool, default=True
        Whether there is a residual gate; without one r = p/d, and r is linear in the coefficients of p.
    start : str or callable, default="identity"
        ``"identity"``, ``"zero"`` (needs ``gate=False``), or an activation, by name or as a function of a
        tensor, that p/d is fitted to on `interval`.
    gate_start : float, optional
        Start of the gate: 0.1 by default, or 1 for a start as an activation, which it then is in full. A gate of 0
        keeps the unit the identity, but p and q have no gradient until the gate has moved.
    interval : (float, float), default=(-5, 5)
        Where a start is fitted.
    recompute : bool, default=True
        Save only the input for the backward pass and compute the unit again there: less memory and, on CPUs, several
        times faster. False means plain operations, which `torch.func` and forward-mode differentiation need.
    device, dtype : optional
        Of the parameters. Inputs are converted to `dtype`.

    Attributes
    ----------
    numerator : Parameter of shape (numerator_degree + 1, n_features)
        Row k belongs to x^k.
    denominator : Parameter of shape (denominator_degree, n_features)
        Row k belongs to x^(k + 1).
    gate : Parameter of shape (n_features,) or None

    Shape
    -----
    (..., n_features) -> (..., n_features)

    Raises
    ------
    InputError
        If a number is out of range, a name is unknown, or the last axis of an input has another size.

    Notes
    -----
    A square denominator with degree n is of degree 2n: a unit of degrees 3/2 decays like 1/x far out, one of degrees
    3/1 goes on like a straight line. Values are finite while p and q are: up to ``|x|`` of about 1e12 in float32.

    Examples
    --------
    >>> unit = RationalUnit(2, start="gelu")
    >>> unit(torch.tensor([[-1.0, 2.0]])).shape
    torch.Size([1, 2])
    >>> unit.n_parameters
    14
    """

    def __init__(
        self,
        n_features: int,
        numerator_degree: int = 3,
        denominator_degree: int = 2,
        denominator: str = "square",
        gate: bool = True,
        *,
        start: str | Callable[[Tensor], Tensor] = "identity",
        gate_start: float | None = None,
        interval: tuple[float, float] = (-5.0, 5.0),
        recompute: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        check_sizes(n_features=n_features, numerator_degree=numerator_degree, denominator_degree=denominator_degree)
        form = PadeForm(
            Monomials(1, numerator_degree),
            Monomials(1, denominator_degree, constant=False),
            get_denominator(denominator),
        )
        fitted = callable(start) or start not in ("identity", "zero")
        opening = (1.0 if fitted else 0.1) if gate_start is None else gate_start
        super().__init__(n_features, form, opening if gate else None, recompute, device, dtype)
        if fitted:
            self.fit_to(start, interval)
        else:
            start_fixed(self, str(start))

    @classmethod
    def from_function(
        cls, function: str | Callable[[Tensor], Tensor], n_features: int, interval: tuple[float, float] = (-5.0, 5.0)
    ) -> RationalUnit:
        """Units of the default form that start as the fit of a function; the same as the parameter `start`."""
        return cls(n_features, start=function, interval=interval)

    def forward(self, x: Tensor) -> Tensor:
        """Values; see the class for shapes."""
        return self._evaluate(x)

    def fit_to(self, function: str | Callable[[Tensor], Tensor], interval: tuple[float, float] = (-5.0, 5.0)) -> float:
        """Set p and q of all features to the least-squares fit of a function; the gate stays as it is.

        Parameters
        ----------
        function : str or callable
            Name in :data:`~closedform.networks.activations.ACTIVATIONS`, or a function of a float64 tensor.
        interval : (float, float), default=(-5, 5)
            Where to fit.

        Returns
        -------
        float
            Largest distance of p/d to the function on the interval's grid.
        """
        fit = fit_start(
            function,
            interval,
            numerator_degree=self.form.numerator.degree,
            denominator_degree=self.form.denominator.degree,
            denominator=self.form.kind.name,
        )
        self.set_coefficients(fit.numerator[:, None], fit.denominator[:, None])
        return fit.max_error

    def lipschitz_bound(
        self, interval: tuple[float, float] = (-5.0, 5.0), *, gated: bool = True, n_cells: int = 512
    ) -> Tensor:
        """Guaranteed upper bound of the slope's modulus on an interval.

        Parameters
        ----------
        interval : (float, float)
            The same for all features.
        gated : bool, default=True
            The slope of r; with False that of p/d, the paper's K.
        n_cells : int, default=512
            Cells of the interval arithmetic; more make the bound tighter.

        Returns
        -------
        float64 Tensor of shape (n_features,)
        """
        return self._slope_bound(interval, gated, n_cells)


class PairRationalUnit(AbstractPadeUnit):
    r"""One rational function of two arguments per pair.

    .. math:: r(x, y) = b + \beta (p(x, y) / d(x, y) - b), \quad b = (x + y) / 2

    with polynomials of a total degree: for the default 2, p over 1, x, y, x^2, xy, y^2, and q over the same without 1.

    Parameters
    ----------
    n_pairs : int
        Size of the last axis, at least 1.
    numerator_degree, denominator_degree : int, default=2
        Total degrees of p and q, at least 1.
    denominator, gate, gate_start, recompute, device, dtype
        As in :class:`RationalUnit`.
    start : {"identity", "zero"}, default="identity"
        The base b, or nothing (needs ``gate=False``). A square denominator with p of degree 1 or 2 starts
        next to b: its p/d is b times ``1 / (1 + 1e-4 (x + y)^2)``.

    Attributes
    ----------
    numerator : Parameter of shape (n_monomials, n_pairs)
        Rows in the order of ``form.numerator.exponents``.
    denominator : Parameter of shape (n_monomials - 1, n_pairs)
    gate : Parameter of shape (n_pairs,) or None
        The paper's beta.

    Shape
    -----
    (..., n_pairs), (..., n_pairs) -> (..., n_pairs)

    Examples
    --------
    >>> unit = PairRationalUnit(1, gate=False)
    >>> unit.set_coefficients([[1.0], [0], [0], [0], [0], [0]], [[0.0], [0], [0], [1], [0]])  # 1 / (1 + (xy)^2)
    >>> unit(torch.tensor([[2.0]]), torch.tensor([[0.5]])).item()
    0.5
    """

    def __init__(
        self,
        n_pairs: int,
        numerator_degree: int = 2,
        denominator_degree: int = 2,
        denominator: str = "square",
        gate: bool = True,
        *,
        start: str = "identity",
        gate_start: float = 0.1,
        recompute: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        check_sizes(n_pairs=n_pairs, numerator_degree=numerator_degree, denominator_degree=denominator_degree)
        form = PadeForm(
            Monomials(2, numerator_degree),
            Monomials(2, denominator_degree, constant=False),
            get_denominator(denominator),
        )
        super().__init__(n_pairs, form, gate_start if gate else None, recompute, device, dtype)
        start_fixed(self, start)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Values; see the class for shapes."""
        return self._evaluate(x, y)

    def lipschitz_bound(
        self, interval: tuple[float, float] = (-5.0, 5.0), *, gated: bool = True, n_cells: int = 64
    ) -> Tensor:
        """Guaranteed upper bound of the gradient's length on a square with this side.

        Parameters and result are those of :meth:`RationalUnit.lipschitz_bound`; there are ``n_cells**2`` cells.
        """
        return self._slope_bound(interval, gated, n_cells)
