"""Which formulas are nowhere negative: the condition of most rules about powers and logarithms."""

from __future__ import annotations

import math
from collections.abc import Mapping

from closedform.symbolic.arithmetic import is_even, is_whole, value_of
from closedform.symbolic.expression import Expression
from closedform.symbolic.order import varies

Domain = Mapping[str, tuple[float, float]]

_POSITIVE = frozenset({"exp", "cosh"})
_NOT_NEGATIVE = _POSITIVE | {"abs", "acos", "sqrt"}


class Signs:
    """Proves that formulas are not negative, or positive, wherever they are defined.

    Proofs rest on the structure and on the ranges of the variables.

    Parameters
    ----------
    domain : mapping of str to (float, float), optional
        Ranges of variables; a variable without one may be anything.
    """

    def __init__(self, domain: Domain | None = None) -> None:
        self._domain = dict(domain or {})
        # The node is kept with its bounds, because ids are only unique among living nodes.
        self._bounds: dict[int, tuple[Expression, float]] = {}

    def not_negative(self, node: Expression) -> bool:
        """Say whether the node is proved to be at least 0 wherever it is defined."""
        if node.kind != "apply" or not varies(node):
            return self._lowest(node) >= 0
        name, args = node.op.name, node.args
        proved = name in _NOT_NEGATIVE
        if name == "pow":
            proved = _no_odd_power(args[1]) or self.not_negative(args[0])
        elif name in ("add", "mul", "min"):
            proved = all(map(self.not_negative, args))
        elif name == "max":
            proved = any(map(self.not_negative, args))
        return proved or (bool(self._domain) and self._lowest(node) >= 0)

    def positive(self, node: Expression) -> bool:
        """Say whether the node is proved to be above 0 wherever it is defined."""
        if node.kind != "apply" or not varies(node):
            return self._lowest(node) > 0
        name, args = node.op.name, node.args
        proved = name in _POSITIVE
        if name in ("mul", "min"):
            proved = all(map(self.positive, args))
        elif name == "pow":
            proved = self.positive(args[0])
        elif name == "add":
            proved = any(map(self.positive, args)) and all(map(self.not_negative, args))
        elif name == "max":
            proved = any(map(self.positive, args))
        return proved or (bool(self._domain) and self._lowest(node) > 0)

    def _lowest(self, node: Expression) -> float:
        """Return a lower bound of the node."""
        if node.kind == "variable":
            return self._domain.get(node.name, (-math.inf, math.inf))[0]
        if not varies(node):
            value = value_of(node)
            return -math.inf if value is None else value
        known = self._bounds.get(id(node))
        if known is None:
            from closedform.symbolic.intervals import bounds

            box = {name: self._domain.get(name, (-math.inf, math.inf)) for name in node.variables}
            known = self._bounds[id(node)] = node, bounds(node, box)[0]
        return known[1]


def _no_odd_power(exponent: Expression) -> bool:
    """Say whether a power with this exponent cannot be negative: even or fractional."""
    return exponent.kind == "constant" and (not is_whole(exponent.value) or is_even(exponent.value))
