"""Formulas as nested lists of plain values, the form inside model files.

A float stands for a free constant, an int for an exact one, ``["frac", 1, 3]`` for a fraction, ``["var", "x"]`` for a
variable, and ``["add", a, b, c]`` for an operator by name. Reading checks everything: a file may come from a stranger.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from closedform.exceptions import InputError, ModelFileError, did_you_mean
from closedform.symbolic.expression import Expression, apply, constant, variable
from closedform.symbolic.operators import OPERATORS, find_operator

LARGEST_SIZE = 10_000
LARGEST_DEPTH = 500


def to_json(expression: Expression) -> Any:
    """Return the formula as nested lists.

    Raises
    ------
    ModelFileError
        If it has more than `LARGEST_SIZE` nodes or `LARGEST_DEPTH` levels, which `from_json` would refuse.
    """
    if expression.size > LARGEST_SIZE or expression.depth > LARGEST_DEPTH:
        raise ModelFileError(
            f"a formula of {expression.size} nodes and {expression.depth} levels cannot be stored; "
            f"the limits are {LARGEST_SIZE} nodes and {LARGEST_DEPTH} levels"
        )

    def form(node: Expression, args: tuple[Any, ...]) -> Any:
        if node.kind == "variable":
            return ["var", node.name]
        if node.kind == "apply":
            return [node.op.name, *args]
        value = node.value
        return ["frac", value.numerator, value.denominator] if isinstance(value, Fraction) else value

    return expression.fold(form)


def from_json(data: Any) -> Expression:
    """Rebuild a formula from nested lists.

    Raises
    ------
    ModelFileError
        If the data is not such a formula, or beyond the limits of size and depth.
    """
    # Each entry of `todo` is a piece to read with its depth, or an operator's name and its number of arguments.
    done: list[Expression] = []
    todo: list[tuple[Any, int, int]] = [(data, 1, -1)]
    count = 0
    while todo:
        piece, depth, n_args = todo.pop()
        if n_args >= 0:
            args = done[len(done) - n_args :]
            del done[len(done) - n_args :]
            done.append(_apply(piece, args))
            continue
        count += 1
        if count > LARGEST_SIZE or depth > LARGEST_DEPTH:
            raise ModelFileError(f"the formula has more than {LARGEST_SIZE} nodes or {LARGEST_DEPTH} levels")
        leaf = _leaf(piece)
        if leaf is not None:
            done.append(leaf)
        else:
            todo.append((piece[0], depth, len(piece) - 1))
            todo.extend((argument, depth + 1, -1) for argument in reversed(piece[1:]))
    return done[0]


def _leaf(piece: Any) -> Expression | None:
    """Return the constant or variable that `piece` stands for, None for an operator with arguments."""
    try:
        if isinstance(piece, (int, float)) and not isinstance(piece, bool):
            return constant(piece)
        if not isinstance(piece, list) or not piece or not isinstance(piece[0], str):
            raise _damaged(piece)
        if piece[0] == "var":
            if len(piece) != 2:
                raise _damaged(piece)
            return variable(piece[1])
        if piece[0] == "frac":
            if [type(part) for part in piece[1:]] != [int, int] or piece[2] <= 0:
                raise _damaged(piece)
            return constant(Fraction(piece[1], piece[2]))
    except ModelFileError:
        raise
    except InputError as problem:
        raise ModelFileError(f"the formula is damaged: {problem}") from None
    return None


def _apply(name: str, args: list[Expression]) -> Expression:
    if isinstance(name, str) and find_operator(name) is None:
        raise ModelFileError(
            f"the formula uses the operator {name!r:.60}{did_you_mean(name, OPERATORS)}, which this package does not "
            "have: if it is one of your own, make it again and read the file with load(path, operators=[...])."
        )
    try:
        return apply(name, *args)
    except InputError as problem:
        raise ModelFileError(f"the formula is damaged: {problem}") from None


def _damaged(piece: Any) -> ModelFileError:
    shown = repr(piece)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    expected = "a number, ['var', name], ['frac', p, q] or [operator, ...]"
    return ModelFileError(f"the formula is damaged: expected {expected}, but found {shown}")
