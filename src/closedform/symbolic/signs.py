"""Which formulas are nowhere negative: the condition of most rules about powers and logarithms."""

from __future__ import annotations

import math
from collections.abc import Mapping

from closedform.symbolic.arithmetic import is_even, is_whole, value_of
from closedform.symbolic.expression import Expression
from closedform.symbolic.order import varies

Domain = Mapping[str, tuple[float, float]]

_NEVER_NEGATIVE = frozenset({"exp", "abs", "cosh", "acos", "sqrt"})


class Signs:
    """Proves that formulas are at least 0 wherever they are defined, from their structure and the ranges of variables.

    Parameters
    ----------
    domain : mapping of str to (float, float), optional
        Ranges of variables; a variable without one may be anything.
    """

    def __init__(self, domain: Domain | None = None) -> None:
        self._domain = dict(domain or {})
        # The node is kept with its answer, because ids are only unique among living nodes.
        self._known: dict[int, tuple[Expression, bool]] = {}

    def not_negative(self, node: Expression) -> bool:
        """Say whether the node is proved to be at least 0 wherever it is defined."""
        if node.kind == "constant":
            return node.value >= 0
        if node.kind == "variable":
            return node.name in self._domain and self._domain[node.name][0] >= 0
        known = self._known.get(id(node))
        if known is None:
            known = node, self._by_structure(node) or self._by_bounds(node)
            if self._domain:
                self._known[id(node)] = known
        return known[1]

    def _by_structure(self, node: Expression) -> bool:
        name, args = node.op.name, node.args
        if name in _NEVER_NEGATIVE:
            return True
        if name == "pow":
            return self._power(*args)
        if name in ("add", "mul", "min"):
            return all(map(self.not_negative, args)) or (not varies(node) and (value_of(node) or -1.0) >= 0)
        if name == "max":
            return any(map(self.not_negative, args))
        return not varies(node) and (value_of(node) or -1.0) >= 0

    def _power(self, base: Expression, exponent: Expression) -> bool:
        if exponent.kind == "constant" and (not is_whole(exponent.value) or is_even(exponent.value)):
            return True
        return self.not_negative(base)

    def _by_bounds(self, node: Expression) -> bool:
        if not self._domain:
            return False
        from closedform.symbolic.intervals import bounds

        box = {name: self._domain.get(name, (-math.inf, math.inf)) for name in node.variables}
        return bounds(node, box)[0] >= 0
