r"""Rational ANOVA Networks as torch modules: additive, and deep.

After "Rational ANOVA Networks" (arXiv 2602.04006): one rational unit for each feature and one for each of a sparse set
of pairs,

.. math:: f(x) = b + \sum_i r_i(x_i) + \sum_{(i,j) \in S} r_{ij}(x_i, x_j)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from closedform.exceptions import InputError
from closedform.networks.pade import PairRationalUnit, RationalUnit
from closedform.networks.ran_pairs import check_pairs


class RationalANOVA(nn.Module):
    """Sum of a constant, a rational function of each feature and a rational function of each chosen pair.

    Parameters
    ----------
    n_features : int
        Number of columns, at least 1.
    pairs : iterable of (int, int), default=()
        The set S: columns that interact, each pair once.
    n_outputs : int, default=1
        Columns of the result, each with effects of its own (one logit per class).
    degrees : (int, int), default=(3, 2)
        Of p and q of main effects.
    pair_degrees : (int, int), default=(2, 2)
        Total degrees of p and q of pair effects.
    denominator : {"square", "softplus", "abs"}, default="square"
        See :class:`RationalUnit`.
    gate : bool, default=True
        Residual gates, as in the paper. Without them the model is linear in all numerators.
    start : str or callable, optional
        Of the main effects, see :class:`RationalUnit`; by default ``"identity"`` with gates and ``"zero"`` without.
        Pair effects start as their base ``(x + y) / 2``, or at zero where main effects do.
    recompute, device, dtype
        See :class:`RationalUnit`.

    Attributes
    ----------
    main : RationalUnit
        Units ``output * n_features + feature``.
    pair : PairRationalUnit or None
        Units ``output * n_pairs + pair``.
    bias : Parameter of shape (n_outputs,)
        The constants, 0 at the start.
    pairs : tuple of (int, int)
        Smaller column first.

    Shape
    -----
    (n_rows, n_features) -> (n_rows, n_outputs)

    Raises
    ------
    InputError
        If a size, a pair or a name is wrong, or an input has another number of columns.

    Examples
    --------
    >>> model = RationalANOVA(3, pairs=[(0, 2)])
    >>> model(torch.ones(1, 3)).item()  # three identities and one mean
    3.9999...
    >>> model.n_parameters
    34
    """

    left: Tensor
    right: Tensor

    def __init__(
        self,
        n_features: int,
        pairs: Iterable[tuple[int, int]] = (),
        n_outputs: int = 1,
        *,
        degrees: tuple[int, int] = (3, 2),
        pair_degrees: tuple[int, int] = (2, 2),
        denominator: str = "square",
        gate: bool = True,
        start: str | Callable[[Tensor], Tensor] | None = None,
        recompute: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        _check_positive(n_features=n_features, n_outputs=n_outputs)
        start = ("identity" if gate else "zero") if start is None else start
        pair_start = "zero" if start == "zero" else "identity"
        self.n_features, self.n_outputs = n_features, n_outputs
        self.pairs = check_pairs(pairs, n_features)
        options: dict[str, Any] = {"recompute": recompute, "device": device, "dtype": dtype}
        self.main = RationalUnit(n_outputs * n_features, *degrees, denominator, gate, start=start, **options)
        self.pair = (
            PairRationalUnit(n_outputs * len(self.pairs), *pair_degrees, denominator, gate, start=pair_start, **options)
            if self.pairs
            else None
        )
        self.bias = nn.Parameter(torch.zeros(n_outputs, device=device, dtype=dtype))
        _register_ends(self, self.pairs, device)

    @property
    def n_parameters(self) -> int:
        """Number of parameters: :func:`~closedform.networks.ran_pairs.count_parameters` says it beforehand."""
        return _count(self)

    def forward(self, X: Tensor) -> Tensor:
        """Outputs; see the class for shapes."""
        main, pair = self.effects(X)
        return self.bias + main.sum(dim=-1) + pair.sum(dim=-1)

    def effects(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """The terms of the sum, as they are: neither centred nor purified.

        Shape
        -----
        (n_rows, n_features) -> (n_rows, n_outputs, n_features), (n_rows, n_outputs, n_pairs)
        """
        _check_columns(X, self.n_features)
        X = X.to(self.bias.dtype)
        main = self._per_output(self.main, X)
        if self.pair is None:
            return main, main[..., :0]
        return main, self._per_output(self.pair, X.index_select(1, self.left), X.index_select(1, self.right))

    def _per_output(self, unit: nn.Module, *arguments: Tensor) -> Tensor:
        """Units of all outputs side by side: shape (n_rows, n_outputs, n)."""
        k = self.n_outputs
        values: Tensor = unit(*[x[:, None].expand(-1, k, -1).reshape(len(x), -1) for x in arguments])
        return values.unflatten(1, (k, -1))


class RationalUpdate(nn.Module):
    r"""Features in, features of the same number out: the first block of a deep Rational ANOVA Network.

    .. math:: x_i \leftarrow x_i + g_{main} (r_i(x_i) - x_i) + g_{pair} \sum_{k: i \in S_k} w_{ki} \, r_k(x_i, x_j)

    NOTE[DIFF]: the paper normalises the result across the features of a row (LayerNorm). On tables that makes
    ``f(5x + 3) = f(x)``: a row of large numbers looks like one of small ones. Nothing is normalised here.

    Parameters
    ----------
    n_features : int
        Number of columns, at least 1.
    pairs : iterable of (int, int)
        The set S.
    degrees, pair_degrees, denominator, recompute, device, dtype
        As in :class:`RationalANOVA`.

    Attributes
    ----------
    main, pair : RationalUnit, PairRationalUnit or None
    main_gate, pair_gate : Parameter of shape ()
        The paper's g, 1 at the start. Without pairs there is no `pair_gate` and no `scatter` (None).
    scatter : Parameter of shape (2, n_pairs)
        Weights of pair outputs on their first and second column: 0 at the start, with which the block is the identity.

    Shape
    -----
    (n_rows, n_features) -> (n_rows, n_features)
    """

    left: Tensor
    right: Tensor
    pair_gate: nn.Parameter | None
    scatter: nn.Parameter | None

    def __init__(
        self,
        n_features: int,
        pairs: Iterable[tuple[int, int]],
        *,
        degrees: tuple[int, int] = (3, 2),
        pair_degrees: tuple[int, int] = (2, 2),
        denominator: str = "square",
        recompute: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        _check_positive(n_features=n_features)
        self.n_features, self.pairs = n_features, check_pairs(pairs, n_features)
        options: dict[str, Any] = {"recompute": recompute, "device": device, "dtype": dtype}
        self.main = RationalUnit(n_features, *degrees, denominator, **options)
        n = len(self.pairs)
        self.pair = PairRationalUnit(n, *pair_degrees, denominator, **options) if n else None
        self.main_gate = nn.Parameter(torch.ones((), device=device, dtype=dtype))
        self.register_parameter("pair_gate", nn.Parameter(torch.ones((), device=device, dtype=dtype)) if n else None)
        scatter = nn.Parameter(torch.zeros(2, n, device=device, dtype=dtype)) if n else None
        self.register_parameter("scatter", scatter)
        _register_ends(self, self.pairs, device)

    def forward(self, x: Tensor) -> Tensor:
        """Updated features; see the class for shapes."""
        _check_columns(x, self.n_features)
        x = x.to(self.main_gate.dtype)
        updated = x + self.main_gate * (self.main(x) - x)
        if self.pair is None or self.pair_gate is None or self.scatter is None:
            return updated
        outputs = self.pair_gate * self.pair(x.index_select(1, self.left), x.index_select(1, self.right))
        updated = updated.index_add(1, self.left, outputs * self.scatter[0])
        return updated.index_add(1, self.right, outputs * self.scatter[1])


class DeepRationalANOVA(nn.Module):
    """Updates of the features, then features made of them, then a linear read-out.

    The read-out sees a rational unit of each updated feature, one of each pair, and `hidden` rational units of
    linear combinations of them.

    NOTE[DIFF]: no normalisation across columns (see :class:`RationalUpdate`); the linear combinations are ours, and
    ``hidden=0`` leaves them out.

    Parameters
    ----------
    n_features : int
        Number of columns, at least 1.
    n_outputs : int
        Columns of the result, at least 1.
    pairs : iterable of (int, int)
        The set S, the same in all blocks; :func:`~closedform.networks.ran_pairs.random_pairs` draws one.
    hidden : int
        Units on linear combinations, at least 0.
    n_updates : int, default=1
        Update blocks one after the other, at least 0.
    degrees, pair_degrees, denominator, recompute, device, dtype
        As in :class:`RationalANOVA`; all units are gated.
    generator : torch.Generator, optional
        Draws the weights of the linear maps; one with seed 0 by default. The global one is never used.

    Attributes
    ----------
    updates : Sequential of RationalUpdate
    main, pair, mixed : RationalUnit, PairRationalUnit or None, RationalUnit or None
    mix, read_out : Linear (`mix` is None without hidden units)

    Shape
    -----
    (n_rows, n_features) -> (n_rows, n_outputs)

    Examples
    --------
    >>> model = DeepRationalANOVA(4, n_outputs=2, pairs=[(0, 1)], hidden=8)
    >>> model(torch.zeros(5, 4)).shape
    torch.Size([5, 2])
    """

    left: Tensor
    right: Tensor

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        pairs: Iterable[tuple[int, int]],
        hidden: int,
        *,
        n_updates: int = 1,
        degrees: tuple[int, int] = (3, 2),
        pair_degrees: tuple[int, int] = (2, 2),
        denominator: str = "square",
        recompute: bool = True,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        _check_positive(n_features=n_features, n_outputs=n_outputs, hidden=hidden + 1, n_updates=n_updates + 1)
        self.n_features, self.pairs = n_features, check_pairs(pairs, n_features)
        n = len(self.pairs)
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        form: dict[str, Any] = {"degrees": degrees, "pair_degrees": pair_degrees, "denominator": denominator}
        self.updates = nn.Sequential(
            *[RationalUpdate(n_features, self.pairs, recompute=recompute, **form, **place) for _ in range(n_updates)]
        )
        options: dict[str, Any] = {"recompute": recompute, **place}
        self.main = RationalUnit(n_features, *degrees, denominator, **options)
        self.pair = PairRationalUnit(n, *pair_degrees, denominator, **options) if n else None
        self.mixed = RationalUnit(hidden, *degrees, denominator, **options) if hidden else None
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.mix = _linear(n_features, hidden, generator, **place) if hidden else None
        self.read_out = _linear(n_features + n + hidden, n_outputs, generator, **place)
        _register_ends(self, self.pairs, device)

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return _count(self)

    def forward(self, X: Tensor) -> Tensor:
        """Outputs; see the class for shapes."""
        read: Tensor = self.read_out(self.features(X))
        return read

    def features(self, X: Tensor) -> Tensor:
        """What the read-out sees: (n_rows, n_features) -> (n_rows, n_features + n_pairs + hidden)."""
        _check_columns(X, self.n_features)
        x = self.updates(X.to(self.read_out.weight.dtype))
        parts = [self.main(x)]
        if self.pair is not None:
            parts.append(self.pair(x.index_select(1, self.left), x.index_select(1, self.right)))
        if self.mix is not None and self.mixed is not None:
            parts.append(self.mixed(self.mix(x)))
        return torch.cat(parts, dim=1)


def _linear(
    n_inputs: int,
    n_outputs: int,
    generator: torch.Generator,
    device: torch.device | str | None,
    dtype: torch.dtype | None,
) -> nn.Linear:
    """A linear map with torch's usual start weights, drawn without its global generator; bias 0."""
    linear = nn.utils.skip_init(nn.Linear, n_inputs, n_outputs, device=device or "cpu", dtype=dtype)
    assert isinstance(linear, nn.Linear)
    limit = 1.0 / math.sqrt(n_inputs)
    # Drawn in double precision on the generator's device, so that every dtype and device starts alike.
    drawn = torch.rand(n_outputs, n_inputs, generator=generator, device=generator.device, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(limit * (2.0 * drawn - 1.0))
        linear.bias.zero_()
    return linear


def _register_ends(module: nn.Module, pairs: tuple[tuple[int, int], ...], device: torch.device | str | None) -> None:
    for name, end in (("left", 0), ("right", 1)):
        columns = torch.tensor([pair[end] for pair in pairs], dtype=torch.long, device=device)
        module.register_buffer(name, columns, persistent=False)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _check_columns(X: Tensor, n_features: int) -> None:
    if X.ndim != 2 or X.shape[1] != n_features:
        raise InputError(f"X must have shape (n_rows, {n_features}), however: {tuple(X.shape)}.")


def _check_positive(**sizes: int) -> None:
    smallest = {"hidden": 0, "n_updates": 0}  # these come with one added
    for name, size in sizes.items():
        if size < 1:
            least = smallest.get(name, 1)
            raise InputError(f"{name} must be at least {least}, however: {size - 1 + least}.")
