"""Compiled evaluation: an expression as a short list of ufunc calls on reused buffers, run block by block.

A block of rows is small enough for all its buffers to stay in the processor's cache. Shared subexpressions are computed
once, subexpressions without variables at compile time, and a buffer is reused as soon as its value has been used for
the last time.

Domains cost nothing where all goes well: the bare ufuncs give nan outside the domain by themselves except at a
division by zero in the wide sense (``x/0``, ``log(0)``, ``0**-1``), which raises the processor's divide flag. Only a
block with the flag is run again with masks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedform.symbolic._numpy_rules import splits
from closedform.symbolic._traverse import postorder
from closedform.symbolic.expression import Expression
from closedform.symbolic.operators import OPERATORS, Operator

FloatArray = NDArray[np.float64]

# Rows per block. A formula of 25 nodes keeps some five buffers alive: 16,384 rows are 640 kB.
BLOCK = 16384

_Run = Callable[..., Any]
# The function, the same with masks, where the arguments lie and where the result goes.
_Call = tuple[_Run, _Run, tuple[int, ...], int]


class Program:
    """A compiled expression.

    Notes
    -----
    A run keeps a list of slots: one per variable in the order of ``expression.variables``, the result, the buffers,
    and the constants from the end of the list backwards, so that their (negative) numbers are known while compiling.
    """

    __slots__ = ("_calls", "_constants", "_n_buffers", "_n_variables", "_root")

    def __init__(self, expression: Expression) -> None:
        compiler = _Compiler(expression)
        self._n_variables = len(expression.variables)
        self._constants = compiler.constants[::-1]
        self._root = compiler.root
        self._calls, self._n_buffers = _share_buffers(compiler.calls, self._n_variables)

    def run(self, columns: Sequence[NDArray[Any]], n_rows: int) -> FloatArray:
        """Return the values, nan where undefined.

        Parameters
        ----------
        columns : sequence of ndarray of shape (n_rows,)
            One per variable, of any real dtype.
        n_rows : int
        """
        result = np.empty(n_rows)
        if not self._calls:
            result[...] = columns[self._root] if self._root >= 0 else self._constants[self._root]
            return result
        size = max(min(n_rows, BLOCK), 1)
        loads = [self._load_buffer(column, index, size) for index, column in enumerate(columns)]
        buffers = list(np.empty((self._n_buffers, size)))
        with np.errstate(divide="raise", invalid="ignore", over="ignore", under="ignore"):
            for start in range(0, n_rows, size):
                stop = min(start + size, n_rows)
                slots: list[Any] = [_block(*pair, start, stop) for pair in zip(columns, loads, strict=True)]
                slots.append(result[start:stop])
                slots += buffers if stop - start == size else [buffer[: stop - start] for buffer in buffers]
                slots += self._constants
                self._run_block(slots)
        return result

    def _load_buffer(self, column: NDArray[Any], index: int, size: int) -> FloatArray | None:
        """Return a buffer for a column that cannot be read in place, or that is scattered and read repeatedly."""
        if column.dtype == np.float64 and (column.strides == (8,) or self._uses(index) == 1):
            return None
        return np.empty(size)

    def _uses(self, index: int) -> int:
        return sum(args.count(index) for _, _, args, _ in self._calls)

    def _run_block(self, slots: list[Any]) -> None:
        try:
            for run, _, args, target in self._calls:
                run(*[slots[arg] for arg in args], out=slots[target])
        except FloatingPointError:
            with np.errstate(divide="ignore"):
                for _, careful, args, target in self._calls:
                    careful(*[slots[arg] for arg in args], out=slots[target])


def _block(column: NDArray[Any], load: FloatArray | None, start: int, stop: int) -> NDArray[Any]:
    if load is None:
        return column[start:stop]
    block = load[: stop - start]
    np.copyto(block, column[start:stop])
    return block


def _share_buffers(calls: list[_Call], n_variables: int) -> tuple[list[_Call], int]:
    """Replace the numbers of values by slots, reusing a buffer after the last use of its value (linear scan)."""
    last_use = {arg: index for index, (_, _, args, _) in enumerate(calls) for arg in args}
    slot_of: dict[int, int] = {}
    free: list[int] = []
    n_buffers = 0
    placed: list[_Call] = []
    for index, (run, careful, args, target) in enumerate(calls):
        slots = tuple([slot_of.get(arg, arg) for arg in args])
        # A ufunc may write over its own argument, so what dies here is free for the target already.
        free += [slot_of[arg] for arg in dict.fromkeys(args) if last_use[arg] == index and arg in slot_of]
        if index == len(calls) - 1:
            slot = n_variables
        elif free:
            slot = free.pop()
        else:
            n_buffers += 1
            slot = n_variables + n_buffers
        slot_of[target] = slot
        placed.append((run, careful, slots, slot))
    return placed, n_buffers


# --- compiling --------------------------------------------------------------------------------------------------------


class _Compiler:
    """Turns nodes into calls on numbered values.

    A variable's number is its index, the constant k has the number ``-1 - k``, and each call gets the next number
    after the variables.
    """

    def __init__(self, expression: Expression) -> None:
        self.constants: list[float] = []
        self.calls: list[_Call] = []
        self._index = {name: index for index, name in enumerate(expression.variables)}
        self._number: dict[int, int] = {}
        nodes = postorder(expression)
        self._absorbed = _absorbed(nodes)
        with np.errstate(all="ignore"):
            for node in nodes:
                if id(node) not in self._absorbed:
                    self._number[id(node)] = self._compile(node)
        self.root = self._number[id(expression)]

    def _constant(self, value: float) -> int:
        self.constants.append(value)
        return -len(self.constants)

    def _values(self, args: Sequence[int]) -> list[float]:
        return [self.constants[-1 - arg] for arg in args]

    def _call(self, run: _Run, *args: int, domain: _Run | None = None) -> int:
        if all(arg < 0 for arg in args):
            values = self._values(args)
            return self._constant(float(run(*values)) if domain is None or domain(*values) else math.nan)
        target = len(self._index) + len(self.calls)
        self.calls.append((run, run if domain is None else _masked(run, domain), args, target))
        return target

    def _compile(self, node: Expression) -> int:
        if node.kind == "variable":
            return self._index[node.name]
        if node.kind == "constant":
            return self._constant(float(node.value))
        op = node.op
        if op.name == "mul":
            return self._product(node)
        if op.name == "add":
            return self._sum(node)
        args = [self._number[id(argument)] for argument in node.args]
        if all(arg < 0 for arg in args):
            return self._constant(float(op.numpy(*self._values(args))))
        if op.name == "pow":
            return self._power(op, *args)
        if op.ufunc is None:
            return self._call(_storing(op.numpy), *args)
        return self._call(op.ufunc, args[0], domain=op.domain) if len(args) == 1 else self._chain(op, args)

    def _chain(self, op: Operator, args: list[int]) -> int:
        result = args[0]
        for arg in args[1:]:
            result = self._call(op.ufunc or op.numpy, result, arg, domain=op.domain)
        return result

    # Canonical forms write a - b as a + (-1)*b and a / b as a * b**-1; one call each is enough.

    def _sum(self, node: Expression) -> int:
        plus = [self._number[id(term)] for term in node.args if id(term) not in self._absorbed]
        minus = [self._number[id(term.args[1])] for term in node.args if id(term) in self._absorbed]
        total = self._chain(OPERATORS["add"], plus or [self._constant(0.0)])
        return self._chain(OPERATORS["sub"], [total, *minus])

    def _product(self, node: Expression) -> int:
        over = [self._number[id(factor)] for factor in node.args if id(factor) not in self._absorbed]
        under = [self._number[id(factor.args[0])] for factor in node.args if id(factor) in self._absorbed]
        product = self._chain(node.op, over or [self._constant(1.0)])
        return self._chain(OPERATORS["div"], [product, *under])

    def _power(self, op: Operator, base: int, exponent: int) -> int:
        if exponent < 0:
            number = self.constants[-1 - exponent]
            if splits(number):
                return self._split_power(base, number)
            if number != 0 and math.isfinite(number):
                return self._call(np.power, base, exponent, domain=op.domain)
        elif base < 0 and 0 < self.constants[-1 - base] != 1:
            return self._call(np.power, base, exponent)
        return self._call(_storing(op.numpy), base, exponent)

    def _split_power(self, base: int, exponent: float) -> int:
        whole, rest = divmod(abs(exponent), 1)
        factors: list[int] = []
        square, remaining = base, int(whole)
        while remaining:
            if remaining & 1:
                factors.append(square)
            remaining >>= 1
            if remaining:
                square = self._call(np.multiply, square, square)
        if rest:
            factors.append(self._call(np.sqrt, base))
        result = self._chain(OPERATORS["mul"], factors)
        return result if exponent > 0 else self._chain(OPERATORS["div"], [self._constant(1.0), result])


def _absorbed(nodes: list[Expression]) -> set[int]:
    """Return the ids of nodes that their only parent evaluates along: ``-1*b`` in a sum, ``b**-1`` in a product."""
    parents = [node for node in nodes if node.kind == "apply" and node.op.name in ("add", "mul")]
    if not any(_is_reciprocal(part) or _is_negation(part) for node in parents for part in node.args):
        return set()
    n_parents = Counter([id(argument) for node in nodes for argument in node.args])
    found: set[int] = set()
    for node in reversed(parents):
        if id(node) not in found:
            test = _is_negation if node.op.name == "add" else _is_reciprocal
            found.update([id(part) for part in node.args if n_parents[id(part)] == 1 and test(part)])
    return found


def _is_negation(node: Expression) -> bool:
    return node.kind == "apply" and node.op.name == "mul" and len(node.args) == 2 and node.args[0].value == -1


def _is_reciprocal(node: Expression) -> bool:
    return node.kind == "apply" and node.op.name == "pow" and node.args[1].value == -1


def _masked(ufunc: _Run, domain: _Run) -> _Run:
    """Return the ufunc with nan outside the domain."""

    def careful(*args: Any, out: FloatArray) -> None:
        # The mask comes first: `out` may be the memory of an argument.
        outside = np.logical_not(domain(*args))
        ufunc(*args, out=out)
        np.copyto(out, np.nan, where=outside)

    return careful


def _storing(function: _Run) -> _Run:
    """Return a function that writes its result to `out` as a ufunc does."""

    def run(*args: Any, out: FloatArray) -> None:
        out[...] = function(*args)

    return run
