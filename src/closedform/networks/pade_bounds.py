"""How steep rational units are: guaranteed bounds on an interval, the paper's bound on depth, and measured norms."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from closedform.exceptions import InputError
from closedform.networks.pade_denominators import Range
from closedform.networks.pade_function import PadeForm
from closedform.networks.pade_polynomials import Monomials

# Interval arithmetic here rounds to nearest; this is far above what that can cost.
_ROUNDING = 1e-9


def slope_bound(
    form: PadeForm,
    numerator: Tensor,
    denominator: Tensor,
    gate: Tensor | None,
    interval: tuple[float, float],
    n_cells: int,
) -> Tensor:
    """Upper bound of the length of the gradient of each unit on an interval (a square, for two arguments).

    The interval is cut into cells; on each, polynomials are enclosed by their Taylor polynomial at the centre and the
    rest follows by interval arithmetic. The bound holds everywhere between cells too, and comes down to the largest
    slope as cells get smaller.

    Shape
    -----
    numerator (n_monomials, n_units), denominator (n_monomials of q, n_units), gate (n_units,) or None -> (n_units,)

    Raises
    ------
    InputError
        If the interval is empty or not finite.
    """
    low, high = interval
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"interval must be two finite numbers, the lower one first, however: {interval}.")
    n = form.numerator.n_arguments
    half = (high - low) / (2 * n_cells)
    centres = low + half * (2 * torch.arange(n_cells, dtype=numerator.dtype, device=numerator.device) + 1)
    grid = torch.meshgrid(*[centres] * n, indexing="ij")
    cells = [axis.reshape(-1, 1).expand(-1, numerator.shape[1]) for axis in grid]
    p, q = (_enclose(*part, cells, half) for part in ((form.numerator, numerator), (form.denominator, denominator)))
    d, d_slope = form.kind.value_range(*q), form.kind.slope_range(*q)
    quotient = _over(p, d)
    squared = torch.zeros_like(cells[0])
    for k in range(n):
        dp = _enclose(*form.numerator.derivative(numerator, k), cells, half)
        dq = _enclose(*form.denominator.derivative(denominator, k), cells, half)
        fall = _times(quotient, _times(d_slope, dq))
        squared += _steepest(_over((dp[0] - fall[1], dp[1] - fall[0]), d), gate, n) ** 2
    return squared.amax(dim=0).sqrt() * (1.0 + _ROUNDING)


def _enclose(terms: Monomials, coefficients: Tensor, cells: list[Tensor], half: float) -> Range:
    """Lowest and highest value on cells around their centres, by Taylor's formula."""
    centre = terms.evaluate(coefficients, cells).expand_as(cells[0])
    radius = torch.zeros_like(centre)
    # Derivative of order (i, j), divided by i! j!, times half^(i + j).
    orders = {(0,) * terms.n_arguments: (terms, coefficients)}
    for _ in range(terms.degree):
        raised = {}
        for order, (parts, rows) in orders.items():
            for k in range(terms.n_arguments):
                new = tuple(n + (i == k) for i, n in enumerate(order))
                if new not in raised:
                    raised[new] = parts.derivative(rows, k)
        orders = raised
        for order, (parts, rows) in orders.items():
            scale = half ** sum(order) / math.prod(math.factorial(n) for n in order)
            radius = radius + scale * parts.evaluate(rows, cells).abs()
    return centre - radius, centre + radius


def _times(a: Range, b: Range) -> Range:
    products = torch.stack([a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]])
    return products.amin(dim=0), products.amax(dim=0)


def _over(a: Range, d: Range) -> Range:
    """Quotient by something positive."""
    return _times(a, (1.0 / d[1], 1.0 / d[0]))


def _steepest(slope: Range, gate: Tensor | None, n_arguments: int) -> Tensor:
    """Largest modulus of the gated slope (1 - gate) / n + gate * slope."""
    if gate is None:
        return torch.maximum(slope[0].abs(), slope[1].abs())
    ends = [(1.0 - gate) / n_arguments + gate * end for end in slope]
    return torch.maximum(ends[0].abs(), ends[1].abs())


def depth_bound(n_layers: int, gate: float, slope: float, *, signed: bool = False) -> float:
    r"""Bound on the spectral norm of the Jacobian of stacked gated units.

    The paper (arXiv 2602.04006) bounds it by :math:`\exp(L \epsilon (K - 1))` for L layers with gates of at most
    :math:`\epsilon` and quotients p/d with slopes of at most K, since one layer has slopes of at most
    :math:`(1 - \alpha) + \alpha K \le \exp(\alpha (K - 1))`.

    NOTE[DIFF]: that needs gates in [0, 1] and K >= 1. A gate of -0.1 with K = 1 already has slopes up to 1.2, where the
    formula says 1; for gates of either sign take ``signed=True``, which has K + 1 in place of K - 1. Where K < 1 the
    formula is below 1, though gates may be 0; the bound is 1 then.

    Parameters
    ----------
    n_layers : int
        L, at least 0.
    gate : float
        Epsilon: the largest gate, or the largest modulus with ``signed=True``; at least 0, at most 1 unless signed.
    slope : float
        K, at least 0: for example the largest ``lipschitz_bound(interval, gated=False)`` of the units.
    signed : bool, default=False
        Whether gates may be negative or above 1.

    Raises
    ------
    InputError
        If a number is outside its range.

    Examples
    --------
    >>> round(depth_bound(n_layers=10, gate=0.1, slope=2.0), 3)
    2.718
    """
    if n_layers < 0 or slope < 0 or gate < 0 or (gate > 1 and not signed):
        raise InputError(
            "depth_bound takes n_layers >= 0, slope >= 0 and a gate in [0, 1] (any modulus with signed=True), "
            f"however: {n_layers=}, {slope=}, {gate=}, {signed=}."
        )
    growth = slope + 1.0 if signed else max(slope - 1.0, 0.0)
    return math.exp(n_layers * gate * growth)


def jacobian_norm(function: Callable[[Tensor], Tensor], X: Tensor) -> Tensor:
    """Measured spectral norm of the Jacobian of a network at each row.

    Costs one backward pass for each output column, and memory for all Jacobians of the rows given.

    Parameters
    ----------
    function : callable
        Maps rows (n_rows, n_features) to (n_rows, n_outputs) or (n_rows,), each row on its own.
    X : Tensor of shape (n_rows, n_features)
        Where to measure.

    Returns
    -------
    Tensor of shape (n_rows,)

    Examples
    --------
    >>> jacobian_norm(lambda X: 3.0 * X, torch.zeros(2, 4))
    tensor([3., 3.])
    """
    if X.ndim != 2:
        raise InputError(f"X must have shape (n_rows, n_features), however: {tuple(X.shape)}.")
    rows = X.detach().requires_grad_()
    with torch.enable_grad():
        outputs = function(rows).reshape(len(rows), -1)
    # Rows do not see one another, so the gradient of a column's sum holds that row of every Jacobian.
    columns = [torch.autograd.grad(column.sum(), rows, retain_graph=True)[0] for column in outputs.unbind(dim=1)]
    return torch.linalg.matrix_norm(torch.stack(columns, dim=1), ord=2)
