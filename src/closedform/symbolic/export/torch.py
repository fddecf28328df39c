"""Formulas as torch modules, their free constants as trainable parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from closedform.exceptions import InputError
from closedform.symbolic.expression import Expression

if TYPE_CHECKING:
    import torch

    from closedform.symbolic.export._torch_module import FormulaModule


def to_torch(
    expression: Expression, names: Iterable[str] | None = None, *, dtype: torch.dtype | None = None
) -> FormulaModule:
    """Turn a formula into a ``torch.nn.Module``. Imports torch.

    Parameters
    ----------
    expression : Expression
        The formula.
    names : iterable of str, optional
        Names of the columns of the module's input, a superset of the formula's variables. The default is
        ``expression.variables``.
    dtype : torch.dtype, optional
        Of the free constants; float64 by default.

    Returns
    -------
    FormulaModule
        ``module(X)`` takes a tensor of shape (..., n_names) and returns one of shape (...): nan where the formula is
        not defined. ``module.constants`` holds the free constants, ``module.expression`` the formula with their
        present values.

    Raises
    ------
    InputError
        If a variable of the formula is not among the names.

    Examples
    --------
    >>> import torch
    >>> module = to_torch(Expression.parse("2.5*x + y"), ["x", "y"])
    >>> module(torch.tensor([[1.0, 2.0]], dtype=torch.float64)).tolist()
    [4.5]
    """
    import torch

    from closedform.symbolic.export._torch_module import FormulaModule

    columns = tuple(expression.variables if names is None else names)
    missing = [name for name in expression.variables if name not in columns]
    if missing:
        raise InputError(f"names must contain all variables of the formula; {', '.join(map(repr, missing))} is missing")
    if len(set(columns)) < len(columns):
        raise InputError(f"names must be distinct; got {list(columns)}")
    return FormulaModule(expression, columns, torch.float64 if dtype is None else dtype)
