"""Walking over shared nodes without recursion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from closedform.symbolic.expression import Expression


def postorder(expression: Expression) -> list[Expression]:
    """Return each distinct node once, arguments before the nodes that use them; the top node comes last."""
    order: list[Expression] = []
    seen: set[int] = set()
    # None on the stack says that the node below has all its arguments done.
    stack: list[Expression | None] = [expression]
    while stack:
        node = stack.pop()
        if node is None:
            order.append(cast("Expression", stack.pop()))
        elif id(node) not in seen:
            seen.add(id(node))
            if node.args:
                stack += (node, None, *node.args[::-1])
            else:
                order.append(node)
    return order


def find_variables(expression: Expression) -> tuple[str, ...]:
    """Return the names of the variables in order of first appearance."""
    # The first visit of a shared node decides the order, so later visits can be skipped.
    names: dict[str, None] = {}
    seen: set[int] = set()
    stack = [expression]
    while stack:
        node = stack.pop()
        if node.kind == "variable":
            names[node.name] = None
        elif id(node) not in seen:
            seen.add(id(node))
            stack.extend(reversed(node.args))
    return tuple(names)


def free_constants(expression: Expression) -> Iterator[Expression]:
    """Yield the free constants in the order of the tree walk, a repeated node at each place."""
    stack = [expression] if expression.n_constants else []
    while stack:
        node = stack.pop()
        if node.kind == "constant":
            yield node
        else:
            stack.extend([argument for argument in reversed(node.args) if argument.n_constants])


def flatten(expression: Expression) -> tuple[tuple[str, Any, tuple[int, ...]], ...]:
    """Return rows ``(kind, value or name or operator, positions of the arguments)``, arguments first.

    Sharing is kept and nothing is nested, so deep formulas pickle too.
    """
    position: dict[int, int] = {}
    rows = []
    for node in postorder(expression):
        payload = node.op if node.kind == "apply" else node.value if node.kind == "constant" else node.name
        rows.append((node.kind, payload, tuple([position[id(argument)] for argument in node.args])))
        position[id(node)] = len(position)
    return tuple(rows)
