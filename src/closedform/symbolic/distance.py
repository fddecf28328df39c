"""How far one formula is from another: the edit distance of their trees.

The distance counts the cheapest series of inserted, deleted and renamed nodes that turns one ordered tree into the
other. Zhang and Shasha, "Simple fast algorithms for the editing distance between trees and related problems", SIAM
Journal on Computing 18 (1989), doi:10.1137/0218082. Its use as a score of recovered formulas follows Matsubara et al.,
"Rethinking symbolic regression datasets and benchmarks for scientific discovery" (2022), arXiv:2206.10540.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from closedform.symbolic.canonical import canonical
from closedform.symbolic.expression import Expression

Label = tuple[str, str | float]


@dataclass(frozen=True, slots=True)
class _Tree:
    """A tree in postorder: what each node says, its leftmost leaf, and the roots of the subproblems."""

    labels: list[Label]
    leftmost: list[int]
    roots: list[int]


def tree_edit_distance(a: Expression, b: Expression, rtol: float = 1e-6) -> int:
    """Return the number of nodes to insert, delete or rename to get from the tree of `a` to that of `b`.

    The trees are taken as they are given; use canonical forms where the order of terms shall not count.

    Parameters
    ----------
    a, b : Expression
        The formulas. Time grows like the product of their sizes times that of their depths.
    rtol : float, default=1e-6
        Constants count as the same up to this relative difference, exact and free ones alike.

    Examples
    --------
    >>> from closedform.symbolic.expression import Expression
    >>> tree_edit_distance(Expression.parse("sin(x) + y"), Expression.parse("cos(x)"))
    3
    """
    left, right = _tree(a), _tree(b)
    table = [[0] * len(right.labels) for _ in left.labels]
    for i in left.roots:
        for j in right.roots:
            _fill(table, left, right, i, j, rtol)
    return table[-1][-1]


def normalised_edit_distance(predicted: Expression, true: Expression, rtol: float = 1e-6) -> float:
    """Return the edit distance of the canonical trees as a part of the size of the true one, between 0 and 1.

    0 means the same tree; 1 means that building the true formula from nothing is no more work.
    """
    goal = canonical(true)
    size = goal.size
    return min(tree_edit_distance(canonical(predicted), goal, rtol), size) / size


def _tree(expression: Expression) -> _Tree:
    labels: list[Label] = []
    leftmost: list[int] = []
    # Shared nodes count at each place, so this is a walk over the tree and not over the distinct nodes. The number is
    # that of the first leaf below the node, which is the next to be listed when the node is met first; -1 before that.
    todo: list[tuple[Expression, int]] = [(expression, -1)]
    while todo:
        node, first_leaf = todo.pop()
        if first_leaf < 0 and node.args:
            todo.append((node, len(labels)))
            todo.extend((argument, -1) for argument in reversed(node.args))
        else:
            leftmost.append(len(labels) if first_leaf < 0 else first_leaf)
            labels.append(_label(node))
    # The roots of the subproblems: of the nodes with the same first leaf the highest one.
    highest = {leaf: index for index, leaf in enumerate(leftmost)}
    return _Tree(labels, leftmost, sorted(highest.values()))


def _label(node: Expression) -> Label:
    if node.kind == "constant":
        return "constant", float(node.value)
    return (node.kind, node.name) if node.kind == "variable" else (node.kind, node.op.name)


def _same(a: Label, b: Label, rtol: float) -> bool:
    if isinstance(a[1], float) and isinstance(b[1], float):
        return math.isclose(a[1], b[1], rel_tol=rtol)
    return a == b


def _fill(table: list[list[int]], left: _Tree, right: _Tree, i: int, j: int, rtol: float) -> None:
    """Enter the distances of the subtrees whose first leaves are those of `i` and `j` (Zhang and Shasha, section 4)."""
    top, first = left.leftmost[i], right.leftmost[j]
    # forest[a][b] is the distance of the first a nodes of the one from the first b nodes of the other.
    forest = [[0] * (j - first + 2) for _ in range(i - top + 2)]
    for a in range(1, len(forest)):
        forest[a][0] = a
    forest[0] = list(range(len(forest[0])))
    for a in range(1, len(forest)):
        node_a = top + a - 1
        whole_a = left.leftmost[node_a] == top
        for b in range(1, len(forest[0])):
            node_b = first + b - 1
            best = 1 + min(forest[a - 1][b], forest[a][b - 1])
            if whole_a and right.leftmost[node_b] == first:
                differs = not _same(left.labels[node_a], right.labels[node_b], rtol)
                forest[a][b] = table[node_a][node_b] = min(best, forest[a - 1][b - 1] + differs)
            else:
                before = forest[left.leftmost[node_a] - top][right.leftmost[node_b] - first]
                forest[a][b] = min(best, before + table[node_a][node_b])
