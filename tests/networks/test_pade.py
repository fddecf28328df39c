"""Rational units: gradients, precision, starts, no poles, export."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from closedform.exceptions import InputError
from closedform.networks import PairRationalUnit, RationalUnit, UnitCoefficients
from closedform.networks.pade_denominators import DENOMINATORS
from closedform.networks.pade_unit import AbstractPadeUnit

KINDS = list(DENOMINATORS)
UNITS: list[tuple[Callable[..., AbstractPadeUnit], int]] = [(RationalUnit, 1), (PairRationalUnit, 2)]


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def shaken(unit: AbstractPadeUnit, seed: int = 0, size: float = 1.0) -> AbstractPadeUnit:
    """The unit with random coefficients and gates."""
    with torch.no_grad():
        for number, parameter in enumerate(unit.parameters()):
            parameter.copy_(size * normal(*parameter.shape, seed=seed + number))
    return unit


def inputs(n: int, *shape: int, seed: int = 10, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    return [normal(*shape, seed=seed + k, dtype=dtype).requires_grad_() for k in range(n)]


def functional(unit: AbstractPadeUnit, n: int) -> Callable[..., Tensor]:
    """The unit as a function of its inputs and its parameters."""
    names = [name for name, _ in unit.named_parameters()]

    def call(*tensors: Tensor) -> Tensor:
        parameters = dict(zip(names, tensors[n:], strict=True))
        value: Tensor = torch.func.functional_call(unit, parameters, tensors[:n])
        return value

    return call


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("cls", "n"), UNITS)
def test_gradients_are_those_of_finite_differences(cls: Any, n: int, kind: str, gate: bool) -> None:
    unit = shaken(cls(2, denominator=kind, gate=gate, dtype=torch.float64))
    tensors = [*inputs(n, 3, 2), *unit.parameters()]

    assert torch.autograd.gradcheck(functional(unit, n), tensors)


@pytest.mark.parametrize("degrees", [(1, 1), (2, 3), (4, 1), (5, 4)])
@pytest.mark.parametrize(("cls", "n"), UNITS)
def test_gradients_hold_for_any_degrees(cls: Any, n: int, degrees: tuple[int, int]) -> None:
    unit = shaken(cls(2, *degrees, dtype=torch.float64), size=0.5)
    tensors = [*inputs(n, 3, 2), *unit.parameters()]

    assert torch.autograd.gradcheck(functional(unit, n), tensors)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("cls", "n"), UNITS)
def test_gradients_of_gradients_are_right(cls: Any, n: int, kind: str) -> None:
    unit = shaken(cls(1, denominator=kind, dtype=torch.float64))
    tensors = [*inputs(n, 2, 1), *unit.parameters()]

    assert torch.autograd.gradgradcheck(functional(unit, n), tensors)


# Row counts around the tile and block sizes; a leading axis; a view that is not contiguous; no rows at all.
@pytest.mark.parametrize("shape", [(1, 3), (170, 3), (171, 3), (50_001, 3), (700, 200), (4, 5, 3), (0, 3), (3,)])
@pytest.mark.parametrize(("cls", "n"), UNITS)
def test_both_ways_of_computing_agree_for_any_shape(cls: Any, n: int, shape: tuple[int, ...]) -> None:
    unit = shaken(cls(shape[-1], dtype=torch.float64))
    arguments = inputs(n, *shape)
    weight = normal(*shape, seed=5)
    found = {}
    for recompute in (True, False):
        unit.recompute = recompute
        value = unit(*arguments)
        found[recompute] = (value, *torch.autograd.grad(value, [*arguments, *unit.parameters()], weight))

    assert found[True][0].shape == shape
    for fused, plain in zip(found[True], found[False], strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-9, atol=1e-9)


def test_inputs_that_are_views_are_read_right() -> None:
    unit = shaken(RationalUnit(3, dtype=torch.float64))
    x = normal(3, 40)

    torch.testing.assert_close(unit(x.T), unit(x.T.contiguous()))
    torch.testing.assert_close(unit(x[:1].T.expand(40, 3)), unit(x[:1].T.repeat(1, 3)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("cls", "n"), UNITS)
def test_single_precision_is_close_to_double(cls: Any, n: int, kind: str) -> None:
    double = shaken(cls(4, denominator=kind, dtype=torch.float64))
    single = cls(4, denominator=kind, dtype=torch.float32)
    single.load_state_dict(double.state_dict())
    results = []
    for unit in (double, single):
        arguments = inputs(n, 500, 4, dtype=unit.numerator.dtype)
        value = unit(*arguments)
        results.append([value.detach(), *torch.autograd.grad(value.sum(), [*arguments, *unit.parameters()])])

    for exact, rounded in zip(*results, strict=True):
        assert rounded.dtype == torch.float32
        torch.testing.assert_close(rounded.double(), exact, rtol=1e-4, atol=2e-5 * float(exact.abs().max()))


@pytest.mark.parametrize(("cls", "n"), UNITS)
def test_backward_keeps_inputs_and_coefficients_alone(cls: Any, n: int) -> None:
    unit = shaken(cls(8))
    arguments = inputs(n, 100, 8, dtype=torch.float32)
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        unit(*arguments)

    wanted = {tensor.data_ptr(): tensor.numel() for tensor in [*arguments, *unit.parameters()]}
    assert kept == wanted


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_unit_starts_as_the_identity_and_everything_can_move(kind: str, gate: bool) -> None:
    unit = RationalUnit(2, denominator=kind, gate=gate, dtype=torch.float64)
    x = torch.linspace(-8, 8, 33, dtype=torch.float64)[:, None].expand(-1, 2)

    torch.testing.assert_close(unit(x), x, rtol=1e-14, atol=1e-14)
    ((unit(x) - torch.sin(x) - 1.0) ** 2).sum().backward()
    for parameter in (unit.numerator, unit.denominator):
        assert parameter.grad is not None and (parameter.grad != 0).any(dim=0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("degrees", "tolerance"), [((2, 2), 2e-3), ((3, 2), 1e-13)])
def test_pair_unit_starts_as_the_mean(kind: str, degrees: tuple[int, int], tolerance: float) -> None:
    unit = PairRationalUnit(3, *degrees, denominator=kind, dtype=torch.float64)
    x, y = 3.0 * normal(50, 3), 3.0 * normal(50, 3, seed=1)
    x, y = x.clamp(-6, 6), y.clamp(-6, 6)

    distance = (unit(x, y).detach() - (x + y) / 2).abs() / (x + y).abs()
    assert float(distance.max()) < (tolerance if kind == "square" else 1e-13)
    (unit(x, y) - x * y).square().sum().backward()
    for parameter in (unit.numerator, unit.denominator):
        assert parameter.grad is not None and (parameter.grad != 0).any()


def test_zero_start_is_zero_and_needs_no_gate() -> None:
    x = normal(10, 2)

    assert (RationalUnit(2, gate=False, start="zero", dtype=torch.float64)(x) == 0).all()
    assert (PairRationalUnit(2, gate=False, start="zero", dtype=torch.float64)(x, x) == 0).all()
    with pytest.raises(InputError, match="cannot start at zero: take gate=False"):
        RationalUnit(2, start="zero")


# Largest distances on [-5, 5] of degrees 3/2, rounded up; relu has its corner, sin more waves than a cubic has turns.
@pytest.mark.parametrize(
    ("name", "kind", "largest"),
    [
        ("gelu", "square", 0.06),
        ("gelu", "softplus", 0.065),
        ("silu", "abs", 0.028),
        ("relu", "square", 0.18),
        ("silu", "square", 0.027),
        ("tanh", "square", 0.013),
        ("sigmoid", "square", 0.0005),
        ("sin", "square", 0.08),
    ],
)
def test_start_as_an_activation(name: str, kind: str, largest: float) -> None:
    unit = RationalUnit(3, denominator=kind, start=name, dtype=torch.float64)
    function = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "sin": torch.sin}.get(name)
    function = function or getattr(torch.nn.functional, name)
    x = torch.linspace(-5, 5, 1001, dtype=torch.float64)[:, None].expand(-1, 3)

    assert float((unit(x).detach() - function(x)).abs().max()) < largest


def test_start_as_a_function_on_an_interval_of_ones_own() -> None:
    unit = RationalUnit.from_function(torch.exp, 2, interval=(0.0, 2.0))
    x = torch.linspace(0, 2, 101)[:, None].expand(-1, 2)

    torch.testing.assert_close(unit(x), torch.exp(x), rtol=0, atol=2e-3)
    assert unit.fit_to("tanh", (-1.0, 1.0)) < 1e-3
    torch.testing.assert_close(unit(x[:50]), torch.tanh(x[:50]), rtol=0, atol=1e-3)


def test_fit_finds_a_rational_function_exactly() -> None:
    unit = RationalUnit(1, gate=False, dtype=torch.float64)

    error = unit.fit_to(lambda x: (1.0 + x**3) / (1.0 + (0.5 * x - 0.2 * x**2) ** 2))

    assert error < 1e-8
    np.testing.assert_allclose(unit.coefficients().numerator[:, 0], [1, 0, 0, 1], atol=1e-8)
    np.testing.assert_allclose(np.abs(unit.coefficients().denominator[:, 0]), [0.5, 0.2], atol=1e-8)


finite = st.floats(-100, 100, allow_nan=False)


@settings(max_examples=60)
@given(
    kind=st.sampled_from(KINDS),
    p=st.lists(finite, min_size=4, max_size=4),
    q=st.lists(finite, min_size=2, max_size=2),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_no_coefficients_make_a_pole(kind: str, p: list[float], q: list[float], dtype: torch.dtype) -> None:
    unit = RationalUnit(1, denominator=kind, gate=False, dtype=dtype)
    unit.set_coefficients(np.array(p)[:, None], np.array(q)[:, None])
    far = torch.logspace(-6, 8, 60, dtype=dtype)
    x = torch.cat([torch.linspace(-10, 10, 2001, dtype=dtype), far, -far])[:, None].requires_grad_()

    value = unit(x)
    value.sum().backward()

    # A denominator of at least 1 means: never above the numerator.
    size = sum(abs(c) * x.detach().double().abs() ** k for k, c in enumerate(p))
    assert (value.double().abs() <= size * (1 + 1e-5)).all()
    for gradient in (x.grad, unit.numerator.grad, unit.denominator.grad):
        assert gradient is not None and gradient.isfinite().all()


@settings(max_examples=40)
@given(
    kind=st.sampled_from(KINDS),
    p=st.lists(finite, min_size=6, max_size=6),
    q=st.lists(finite, min_size=5, max_size=5),
)
def test_no_coefficients_of_a_pair_make_a_pole(kind: str, p: list[float], q: list[float]) -> None:
    unit = PairRationalUnit(1, denominator=kind, gate=False, dtype=torch.float64)
    unit.set_coefficients(np.array(p)[:, None], np.array(q)[:, None])
    axis = torch.linspace(-1e3, 1e3, 41, dtype=torch.float64)
    x, y = (part.reshape(-1, 1) for part in torch.meshgrid(axis, axis, indexing="ij"))

    size = sum(abs(c) * x.abs() ** i * y.abs() ** j for c, (i, j) in zip(p, unit.form.numerator.exponents, strict=True))
    assert (unit(x, y).abs() <= size * (1 + 1e-9)).all()


def by_hand(c: UnitCoefficients, *arguments: np.ndarray) -> np.ndarray:
    """The unit's formula in NumPy, from what is exported alone."""

    def polynomial(rows: np.ndarray, exponents: tuple[tuple[int, ...], ...]) -> np.ndarray:
        terms = [np.prod([x**k for x, k in zip(arguments, e, strict=True)], axis=0) for e in exponents]
        return sum(row * term for row, term in zip(rows, terms, strict=True))

    q = polynomial(c.denominator, c.denominator_exponents)
    d = {"square": 1 + q**2, "softplus": 1 + np.logaddexp(0, q) + c.eps, "abs": 1 + np.abs(q)}[c.kind]
    quotient = polynomial(c.numerator, c.numerator_exponents) / d
    base = np.mean(arguments, axis=0)
    return quotient if c.gate is None else base + c.gate * (quotient - base)


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("cls", "n"), UNITS)
def test_exported_coefficients_are_the_unit(cls: Any, n: int, kind: str, gate: bool) -> None:
    unit = shaken(cls(3, denominator=kind, gate=gate, dtype=torch.float64))
    arguments = inputs(n, 20, 3)
    exported = unit.coefficients()

    expected = by_hand(exported, *[x.detach().numpy() for x in arguments])
    np.testing.assert_allclose(unit(*arguments).detach().numpy(), expected, rtol=1e-12, atol=1e-12)
    exported.numerator[:] = 0.0  # a copy: the unit stays what it was
    assert (unit.numerator != 0).all()


def test_frozen_coefficients_and_inputs_without_gradient() -> None:
    unit = shaken(RationalUnit(2, dtype=torch.float64))
    unit.denominator.requires_grad_(False)
    x = normal(5, 2)

    unit(x).sum().backward()

    assert unit.denominator.grad is None and unit.numerator.grad is not None
    gradient = torch.autograd.grad(unit(x.requires_grad_()).sum(), x)[0]
    unit.recompute = False
    torch.testing.assert_close(gradient, torch.autograd.grad(unit(x).sum(), x)[0])


def test_plain_units_work_with_torch_func() -> None:
    unit = shaken(RationalUnit(2, recompute=False, dtype=torch.float64))
    x = normal(2)

    jacobian = torch.func.jacrev(unit)(x)

    torch.testing.assert_close(jacobian, torch.autograd.functional.jacobian(unit, x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RationalUnit(0), "n_features must be at least 1, however: 0"),
        (lambda: RationalUnit(1, 0), "numerator_degree must be at least 1"),
        (lambda: RationalUnit(1, denominator="squares"), "did you mean 'square'"),
        (lambda: RationalUnit(1, start="gleu"), "did you mean 'gelu'"),
        (lambda: RationalUnit(1, start="gelu", interval=(1.0, 1.0)), "two finite numbers"),
        (lambda: RationalUnit(1, start=torch.log), "finite on the whole interval"),
        (lambda: PairRationalUnit(1, start="gelu"), "'identity' or 'zero', however: 'gelu'"),
        (lambda: RationalUnit(2)(torch.ones(3)), r"shape \(..., 2\), however: \(3,\)"),
        (lambda: PairRationalUnit(2)(torch.ones(3, 2), torch.ones(2)), r"however: \(3, 2\) and \(2,\)"),
        (lambda: RationalUnit(2).set_coefficients(np.ones((4, 3)), np.ones((2, 2))), r"shape \(4, 2\) or \(4, 1\)"),
    ],
)
def test_errors_say_what_was_expected(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
