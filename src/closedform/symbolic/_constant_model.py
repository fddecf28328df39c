"""A formula as a function of its free constants, on fixed data: what a fit evaluates hundreds of times.

Subexpressions without free constants are computed once. The derivative in all constants comes from one backward pass
through the operators' own derivative rules. No formula is built for a trial, only arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression
from closedform.symbolic.linear_part import fold_constants
from closedform.symbolic.operators import ArrayOps, Operator

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Step:
    """One application: the operator, where its arguments lie, and which of them depend on a constant."""

    op: Operator
    args: tuple[int, ...]
    moving: tuple[int, ...]


class ConstantModel:
    """Values and Jacobian of a formula for any values of its free constants.

    Parameters
    ----------
    expression : Expression
        The formula; its constants are numbered as in ``expression.constants``.
    columns : mapping of str to ndarray of shape (n,)
        The data.
    n_rows : int
        Number of rows; needed for formulas without variables.
    """

    def __init__(self, expression: Expression, columns: Mapping[str, FloatArray], n_rows: int) -> None:
        self._columns = columns
        self._n_rows = n_rows
        self._n_constants = expression.n_constants
        # Slots: the constants, then what is fixed, then one per step.
        self._fixed: list[Any] = []
        self._fixed_slots: dict[int, int] = {}
        self._steps: list[_Step] = []
        # Slots of steps are not known before all fixed parts are; until then they are counted from -1 down.
        root = fold_constants(expression, self._leaf, self._apply)
        self._root = self._slot(root)
        self._steps = [
            _Step(step.op, tuple([self._slot(arg) for arg in step.args]), step.moving) for step in self._steps
        ]

    def _slot(self, provisional: int) -> int:
        return provisional if provisional >= 0 else self._n_constants + len(self._fixed) - 1 - provisional

    def _leaf(self, index: int | None, part: Expression) -> int:
        if index is not None:
            return index
        slot = self._fixed_slots.get(id(part))
        if slot is None:
            slot = self._fixed_slots[id(part)] = self._n_constants + len(self._fixed)
            self._fixed.append(_fixed_value(part, self._columns))
        return slot

    def _apply(self, node: Expression, args: tuple[int, ...]) -> int:
        moving = tuple([i for i, arg in enumerate(args) if arg < self._n_constants])
        self._steps.append(_Step(node.op, args, moving))
        return -len(self._steps)

    def __call__(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values of shape (n,) and Jacobian of shape (n, p), column after column in memory; nan where undefined.

        Both arrays are the caller's to change. Call with NumPy's warnings off.
        """
        slots = self._forward(theta)
        slopes: list[Any] = [0.0] * len(slots)
        slopes[self._root] = 1.0
        first = len(slots) - len(self._steps)
        for offset in range(len(self._steps) - 1, -1, -1):
            step, value, slope = self._steps[offset], slots[first + offset], slopes[first + offset]
            args = tuple([slots[arg] for arg in step.args])
            for i in step.moving:
                partial = step.op.derivative(ArrayOps, value, args, i)  # type: ignore[misc]
                slopes[step.args[i]] = slope * partial
        table = np.empty((self._n_constants, self._n_rows))
        for k in range(self._n_constants):
            table[k] = slopes[k]
        return self._full(slots[self._root]), table.T

    def values(self, theta: FloatArray) -> FloatArray:
        """Values of shape (n,) alone."""
        with np.errstate(all="ignore"):
            return self._full(self._forward(theta)[self._root])

    def _forward(self, theta: FloatArray) -> list[Any]:
        # NumPy's scalars, as Python's raise at a division by zero.
        slots: list[Any] = [*theta, *self._fixed]
        for step in self._steps:
            slots.append(step.op.numpy(*[slots[arg] for arg in step.args]))
        return slots

    def _full(self, value: Any) -> FloatArray:
        values = np.empty(self._n_rows)
        values[:] = value
        return values


def _fixed_value(part: Expression, columns: Mapping[str, FloatArray]) -> Any:
    """Value of a part without free constants: a scalar if it has no variables either."""
    if part.variables:
        return columns[part.name] if part.kind == "variable" else evaluate(part, columns)
    with np.errstate(all="ignore"):
        return part.fold(lambda node, args: node.op.numpy(*args) if node.kind == "apply" else np.float64(node.value))
