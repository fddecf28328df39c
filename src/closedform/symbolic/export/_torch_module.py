"""The module behind ``to_torch``, in a file of its own so that it can import torch at the top and be pickled."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn

from closedform.exceptions import InputError, NotSupportedError
from closedform.symbolic.expression import Expression
from closedform.symbolic.operators import OPERATORS

Function = Callable[..., Tensor]


def _divide(x: Tensor, y: Tensor) -> Tensor:
    return x / torch.where(y == 0, torch.nan, y)


def _log(x: Tensor) -> Tensor:
    return torch.log(torch.where(x > 0, x, torch.nan))


def _power(base: Tensor, exponent: Tensor) -> Tensor:
    # IEEE: 0**-1 is infinite, nan**0 and 1**nan are 1
    undefined = ((base == 0) & (exponent < 0)) | torch.isnan(base) | torch.isnan(exponent)
    return torch.where(undefined, torch.nan, base**exponent)


def _sign(x: Tensor) -> Tensor:
    return torch.where(torch.isnan(x), x, torch.sign(x))


_OWN: Mapping[str, Function] = {
    "add": lambda *args: reduce(operator.add, args),
    "sub": operator.sub,
    "mul": lambda *args: reduce(operator.mul, args),
    "div": _divide,
    "neg": operator.neg,
    "pow": _power,
    "log": _log,
    "sign": _sign,
}


def torch_function(name: str) -> Function:
    """The function of an operator with arguments: its own, or the one that its spelling names."""
    if name in _OWN:
        return _OWN[name]
    if name not in OPERATORS:
        raise NotSupportedError(f"the operator {name!r} is a user's own and has no torch function.")
    spelled = re.fullmatch(r"torch\.(\w+)\(.*\)", OPERATORS[name].spelling["torch"])
    if spelled is None:
        raise NotSupportedError(f"the operator {name!r} has no torch function; add one to _OWN in {__name__}")
    found: Function = getattr(torch, spelled[1])
    return found


class FormulaModule(nn.Module):
    """A formula that torch can differentiate and train.

    Build it with :func:`closedform.symbolic.export.torch.to_torch`.

    Parameters
    ----------
    expression : Expression
        The formula.
    names : tuple of str
        Names of the input's columns.
    dtype : torch.dtype
        Of the free constants.

    Attributes
    ----------
    names : tuple of str
        Names of the input's columns.
    constants : torch.nn.Parameter of shape (n_constants,)
        The free constants in the order of :attr:`Expression.constants`.
    """

    def __init__(self, expression: Expression, names: tuple[str, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.names = names
        self.constants = nn.Parameter(torch.tensor(expression.constants, dtype=dtype))
        self._start = expression
        self._steps = _program(expression, names)

    @property
    def expression(self) -> Expression:
        """The formula with the present values of the constants."""
        return self._start.with_constants(self.constants.detach().double().cpu().numpy())

    def forward(self, X: Tensor) -> Tensor:
        """Values of the formula.

        Parameters
        ----------
        X : tensor of shape (..., n_names)
            Inputs, one column per name.

        Returns
        -------
        tensor of shape (...)
            nan where the formula is not defined or its value overflows.
        """
        if X.shape[-1] != len(self.names):
            expected = f"{len(self.names)} columns ({', '.join(self.names)})"
            raise InputError(f"X must have {expected}; got shape {tuple(X.shape)}")
        values: list[Tensor] = []
        for kind, place, number, inputs in self._steps:
            if kind == "variable":
                values.append(X[..., place])
            elif kind == "free":
                values.append(self.constants[place].to(X.device))
            elif kind == "number":
                values.append(torch.tensor(number, dtype=self.constants.dtype, device=X.device))
            else:
                values.append(torch_function(kind)(*[values[position] for position in inputs]))
        result = values[-1].expand(X.shape[:-1])
        return torch.where(torch.isfinite(result), result, torch.nan)

    def extra_repr(self) -> str:
        """The formula, as printed inside the module's representation."""
        return str(self.expression)


class _Step(NamedTuple):
    """One step of the evaluation: a leaf, or an operator applied to the results of earlier steps."""

    kind: str  # "variable", "free", "number" or the name of an operator
    place: int = 0  # of the column or the free constant
    number: float = 0.0
    inputs: tuple[int, ...] = ()


def _program(expression: Expression, names: tuple[str, ...]) -> list[_Step]:
    """Steps in the order of evaluation; plain data, so that the module pickles.

    Each place of a free constant is a parameter of its own, so a subexpression is shared only if it holds none.
    """
    steps: list[_Step] = []
    done: dict[int, int] = {}  # node without free constants -> its step
    places: list[int] = []  # steps whose results the next operator takes from the end
    n_free = 0
    todo = [(expression, False)]
    while todo:
        node, ready = todo.pop()
        if node.n_constants == 0 and id(node) in done:
            places.append(done[id(node)])
            continue
        if node.args and not ready:
            todo.append((node, True))
            todo += [(argument, False) for argument in reversed(node.args)]
            continue
        if node.kind == "variable":
            steps.append(_Step("variable", names.index(node.name)))
        elif node.kind == "constant" and node.n_constants:
            steps.append(_Step("free", n_free))
            n_free += 1
        elif not node.args:
            steps.append(_Step("number", number=math.pi if node.kind == "apply" else float(node.value)))
        else:
            count = len(node.args)
            steps.append(_Step(node.op.name, inputs=tuple(places[-count:])))
            del places[-count:]
        places.append(len(steps) - 1)
        if node.n_constants == 0:
            done[id(node)] = len(steps) - 1
    return steps
