r"""What a rational unit computes, twice: as plain tensor operations, and saving only its inputs for the backward pass.

For arguments x (one or two), with the base b(x) = x or (x + y) / 2 and the gate alpha:

.. math:: s = p(x) / d(q(x)), \qquad r = b + \alpha (s - b)

Every operation of eager torch reads and writes whole tensors, and autograd keeps most of them. The version here walks
over blocks of rows that fit into the cache, in buffers that are used again, and computes p, q and d once more
in the backward pass, with

.. math:: u = \bar r / d, \quad v = u \, s \, d'(q), \quad
          \bar x = (1 - \alpha) b' \bar r + \alpha (u \, p'(x) - v \, q'(x))

and sums over rows of u and v times monomials, times alpha, for the coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from closedform.networks.pade_denominators import Denominator
from closedform.networks.pade_polynomials import Monomials

# Numbers in a buffer: few enough that the buffers of a block stay in a core's cache, enough that the time goes into
# kernels and not into calling them.
_BLOCK = 65536
# Rows with few units are laid side by side up to this many columns: kernels dislike short rows.
_WIDTH = 512


@dataclass(frozen=True)
class PadeForm:
    """Which rational function: monomials of both polynomials, and what is made of q.

    Attributes
    ----------
    numerator, denominator : Monomials
        Of p and of q.
    kind : Denominator
        d as a function of q.
    """

    numerator: Monomials
    denominator: Monomials
    kind: Denominator


def plain_rational(
    form: PadeForm, numerator: Tensor, denominator: Tensor, gate: Tensor | None, *arguments: Tensor
) -> Tensor:
    """Value of gated units by plain differentiable operations.

    Shape
    -----
    numerator (n_monomials, n_units), denominator (n_monomials of q, n_units), gate (n_units,) or None, arguments
    (..., n_units) -> (..., n_units).
    """
    q = form.denominator.evaluate(denominator, arguments)
    quotient = form.numerator.evaluate(numerator, arguments) / form.kind.value(q)
    if gate is None:
        return quotient
    base = _base(arguments)
    return base + gate * (quotient - base)


def fused_rational(
    form: PadeForm, numerator: Tensor, denominator: Tensor, gate: Tensor | None, *arguments: Tensor
) -> Tensor:
    """Value of gated units; autograd keeps the arguments and the coefficients alone. Shapes: :func:`plain_rational`.

    Gradients of gradients are supported (they take the plain way); forward-mode differentiation and `torch.func`
    transforms are not.
    """
    result: Tensor = _Fused.apply(form, numerator, denominator, gate, *arguments)
    return result


def _base(arguments: Sequence[Tensor], out: Tensor | None = None) -> Tensor:
    """What a unit is with its gate closed: its argument, or the mean of both."""
    if len(arguments) == 1:
        return arguments[0]
    return torch.lerp(arguments[0], arguments[1], 0.5, out=out)


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, form: PadeForm, numerator: Tensor, denominator: Tensor, gate: Tensor | None, *arguments: Tensor
    ) -> Tensor:
        ctx.form = form
        ctx.save_for_backward(numerator, denominator, gate, *arguments)
        result = torch.empty_like(arguments[0], memory_format=torch.contiguous_format)
        tensors = [*_as_rows(arguments), _as_rows([result])[0]]
        for tile, views in _segments(tensors):
            coefficients = _Coefficients.tiled(numerator, denominator, gate, tile)
            for (*block, out), buffers in _blocks(views, 3):
                _forward_block(form, coefficients, block, out, buffers)
        return result

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        form, inputs, needed = ctx.form, ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():  # somebody wants derivatives of these derivatives
            return (None, *_plain_gradients(form, inputs, needed, grad_outputs[0]))
        return (None, *_fused_gradients(form, inputs, needed, grad_outputs[0]))


def _plain_gradients(
    form: PadeForm, inputs: Sequence[Tensor | None], needed: Sequence[bool], gradient: Tensor
) -> list[Tensor | None]:
    numerator, denominator, gate, *arguments = inputs
    assert numerator is not None and denominator is not None
    value = plain_rational(form, numerator, denominator, gate, *[x for x in arguments if x is not None])
    wanted = [tensor for tensor, need in zip(inputs, needed, strict=True) if need and tensor is not None]
    found = iter(torch.autograd.grad(value, wanted, gradient, create_graph=True, materialize_grads=True))
    return [next(found) if need else None for need in needed]


def _fused_gradients(
    form: PadeForm, inputs: Sequence[Tensor], needed: Sequence[bool], gradient: Tensor
) -> list[Tensor | None]:
    numerator, denominator, gate, *arguments = inputs
    sums = [torch.zeros_like(tensor) if need else None for tensor, need in zip(inputs[:3], needed[:3], strict=True)]
    slopes = [torch.empty_like(x, memory_format=torch.contiguous_format) for x in arguments]
    n = len(arguments)
    for tile, views in _segments(_as_rows([*arguments, gradient, *slopes])):
        coefficients = _Coefficients.tiled(numerator, denominator, gate, tile)
        derivatives = _Derivatives.of(form, coefficients, n if any(needed[3:]) else 0)
        for block, buffers in _blocks(views, 5):
            found = _Adjoints.of(form, coefficients, block[:n], block[n], buffers)
            found.write_slopes(derivatives, block[n + 1 :])
            for total, part in zip(sums, found.sums(form, coefficients.gate, needed[:3]), strict=True):
                if total is not None and part is not None:
                    total += part.unflatten(-1, (tile, -1)).sum(dim=-2)
    return [*sums, *(slope if need else None for slope, need in zip(slopes, needed[3:], strict=True))]


@dataclass(frozen=True)
class _Coefficients:
    numerator: Tensor
    denominator: Tensor
    gate: Tensor | None

    @classmethod
    def tiled(cls, numerator: Tensor, denominator: Tensor, gate: Tensor | None, tile: int) -> _Coefficients:
        """Coefficients for `tile` rows laid side by side."""
        if tile == 1:
            return cls(numerator, denominator, gate)
        return cls(numerator.repeat(1, tile), denominator.repeat(1, tile), None if gate is None else gate.repeat(tile))


@dataclass(frozen=True)
class _Derivatives:
    """Derivatives of p and q in each argument, times the gate: monomials and coefficients; and that of the base."""

    numerator: list[tuple[Monomials, Tensor]]
    denominator: list[tuple[Monomials, Tensor]]
    base: Tensor | None

    @classmethod
    def of(cls, form: PadeForm, coefficients: _Coefficients, n_arguments: int) -> _Derivatives:
        p, q, gate = coefficients.numerator, coefficients.denominator, coefficients.gate
        base = None
        if gate is not None:
            p, q, base = p * gate, q * gate, (1.0 - gate) / max(n_arguments, 1)
        return cls(
            [form.numerator.derivative(p, k) for k in range(n_arguments)],
            [form.denominator.derivative(q, k) for k in range(n_arguments)],
            base,
        )


def _forward_block(
    form: PadeForm, coefficients: _Coefficients, arguments: Sequence[Tensor], out: Tensor, buffers: Sequence[Tensor]
) -> None:
    p, q, work = buffers
    p = form.numerator.evaluate(coefficients.numerator, arguments, out=p, work=work)
    q = form.denominator.evaluate(coefficients.denominator, arguments, out=q, work=work)
    d = form.kind.value(q, out=q)
    if coefficients.gate is None:
        torch.div(p, d, out=out)
    else:
        torch.lerp(_base(arguments, out=work), torch.div(p, d, out=p), coefficients.gate, out=out)


@dataclass(frozen=True)
class _Adjoints:
    """What the gradients of one block are made of: u as `numerator`, v as `denominator`, the sum for the gate.

    Factors are ordered such that a denominator that overflows gives 0 and not nan.
    """

    arguments: Sequence[Tensor]
    gradient: Tensor
    numerator: Tensor
    denominator: Tensor
    gate: Tensor | None
    work: tuple[Tensor, Tensor]

    @classmethod
    def of(
        cls,
        form: PadeForm,
        coefficients: _Coefficients,
        arguments: Sequence[Tensor],
        gradient: Tensor,
        buffers: Sequence[Tensor],
    ) -> _Adjoints:
        first, second, third, *work = buffers
        p = form.numerator.evaluate(coefficients.numerator, arguments, out=first, work=third)
        q = form.denominator.evaluate(coefficients.denominator, arguments, out=second, work=third)
        slope = form.kind.slope(q, out=third)
        d = form.kind.value(q, out=second)
        s = torch.div(p, d, out=first)
        gate_sum = None
        if coefficients.gate is not None:
            distance = torch.sub(s, _base(arguments, out=work[0]), out=work[0])
            gate_sum = distance.mul_(gradient).sum(dim=0)
        numerator = torch.div(gradient, d, out=second)
        denominator = torch.mul(torch.mul(numerator, s, out=first), slope, out=first)
        return cls(arguments, gradient, numerator, denominator, gate_sum, (work[0], work[1]))

    def write_slopes(self, derivatives: _Derivatives, slopes: Sequence[Tensor]) -> None:
        """Gradients in the arguments."""
        value, work = self.work
        pairs = zip(derivatives.numerator, derivatives.denominator, strict=True)
        for ((p_terms, p), (q_terms, q)), out in zip(pairs, slopes, strict=False):  # no derivatives: none are wanted
            dp = p_terms.evaluate(p, self.arguments, out=value, work=work)
            torch.mul(self.numerator, dp, out=out)
            dq = q_terms.evaluate(q, self.arguments, out=value, work=work)
            out.addcmul_(self.denominator, dq, value=-1)
            if derivatives.base is not None:
                out.addcmul_(self.gradient, derivatives.base)

    def sums(
        self, form: PadeForm, gate: Tensor | None, needed: Sequence[bool]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Gradients in numerator, denominator and gate, summed over the block's rows."""
        factor: Tensor | float = 1.0 if gate is None else gate
        return (
            form.numerator.moments(self.numerator, self.arguments, self.work) * factor if needed[0] else None,
            form.denominator.moments(self.denominator, self.arguments, self.work) * -factor if needed[1] else None,
            self.gate,
        )


def _as_rows(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Contiguous matrices of shape (n_rows, n_units)."""
    return [tensor.reshape(-1, tensor.shape[-1]).contiguous() for tensor in tensors]


def _segments(tensors: Sequence[Tensor]) -> Iterator[tuple[int, list[Tensor]]]:
    """Views of matrices with `tile` rows laid side by side, then of the rows that are left over."""
    n_rows, n_units = tensors[0].shape
    tile = max(1, _WIDTH // n_units)
    whole = n_rows - n_rows % tile
    if whole:
        yield tile, [tensor[:whole].view(-1, tile * n_units) for tensor in tensors]
    if whole < n_rows:
        yield 1, [tensor[whole:] for tensor in tensors]


def _blocks(views: Sequence[Tensor], n_buffers: int) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Blocks of rows of all views, each with buffers of its shape; on accelerators all rows are one block."""
    n_rows, width = views[0].shape
    step = max(1, _BLOCK // width) if views[0].device.type == "cpu" else n_rows
    buffers = [torch.empty_like(views[0][:step]) for _ in range(n_buffers)]
    for start in range(0, n_rows, step):
        block = [view[start : start + step] for view in views]
        yield block, [buffer[: len(block[0])] for buffer in buffers]
