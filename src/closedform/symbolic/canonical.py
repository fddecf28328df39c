"""The canonical form: one spelling for many, cheap enough to compare and count tens of thousands of formulas.

What remains of the operators: sums and products of any number of arguments in a fixed order, powers, and functions.
Differences, quotients, negatives and roots become sums, products and powers (``x - y -> x + -1*y``,
``sqrt(x) -> x**(1/2)``); `closedform.symbolic.readable` goes the other way.

Contracts, all tested on random formulas:

- the same values, up to rounding, wherever the formula is defined. The form may be defined at further isolated points,
  as ``x/x -> 1`` at 0, and terms that vanish take their domain along, ``0*log(x) -> 0``. An exponential that overflows
  in the middle of a formula counts as undefined too;
- idempotent: ``canonical(canonical(e)) is canonical(e)``;
- deterministic: the same in every process, whatever was computed before;
- exact numbers stay exact, fitted ones (floats) are merged: ``2.1*(3.3*x) -> 6.93*x``, ``exp(x + 0.3) ->
  1.349...*exp(x)``. A fitted 1.0 as a factor or 0.0 as a term goes; apart from that 2.0 and 2 remain different.

No search and no factoring happens here; that is `closedform.symbolic.simplify`.
"""

from __future__ import annotations

from closedform.symbolic.arithmetic import Number, value_of
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.factors import EXP, POW
from closedform.symbolic.functions import extreme, function
from closedform.symbolic.operators import OPERATORS, Operator
from closedform.symbolic.order import place, varies
from closedform.symbolic.products import HALF, multiply, raise_to
from closedform.symbolic.signs import Domain, Signs
from closedform.symbolic.sums import add_nodes
from closedform.symbolic.terms import ADD, ONE, split

MINUS_ONE = constant(-1)


class Rules:
    """Builds canonical nodes from canonical arguments.

    Parameters
    ----------
    domain : mapping of str to (float, float), optional
        Ranges of variables, which open rules for things that cannot be negative.
    may_extend : bool, default=False
        Whether the result may be defined on more than the original, as in ``exp(log(x)) -> x``.
    """

    def __init__(self, domain: Domain | None = None, may_extend: bool = False) -> None:
        self.may_extend = may_extend
        self.signs = Signs(domain)

    def build(self, op: Operator, args: tuple[Expression, ...]) -> Expression:
        """Return the canonical form of an operator applied to canonical arguments."""
        name = op.name
        if OPERATORS.get(name) is not op:
            return _own(op, args)
        if name == "add":
            return add_nodes(args)
        if name == "mul":
            return multiply(self, args)
        if name == "pow":
            return self.power(*args)
        if name == "sub":
            return add_nodes((args[0], self.scale(-1, args[1])))
        if name == "div":
            return multiply(self, (args[0], raise_to(self, args[1], -1)))
        if name == "neg":
            return self.scale(-1, args[0])
        if name == "sqrt":
            return self.power(args[0], HALF)
        if name in ("min", "max"):
            return extreme(name, *args)
        return function(self, name, args[0]) if args else apply(name)

    def add(self, *nodes: Expression) -> Expression:
        """Return the sum of canonical nodes."""
        return add_nodes(nodes)

    def multiply(self, *nodes: Expression) -> Expression:
        """Return the product of canonical nodes."""
        return multiply(self, nodes)

    def scale(self, number: Number, node: Expression) -> Expression:
        """Return a multiple of a canonical node."""
        return multiply(self, (constant(number), node))

    def function(self, name: str, argument: Expression) -> Expression:
        """Return a function of a canonical node."""
        return function(self, name, argument)

    def power(self, base: Expression, exponent: Expression) -> Expression:
        """Return the power of two canonical nodes."""
        if exponent.kind == "constant":
            return raise_to(self, base, exponent.value)
        if base.kind == "constant" and base.value == 1:
            return ONE
        if base.op is EXP:
            return function(self, "exp", multiply(self, (base.args[0], exponent)))
        if base.op is POW and self.signs.not_negative(base.args[0]):
            return self.power(base.args[0], multiply(self, (base.args[1], exponent)))
        if base.kind == "constant" and isinstance(base.value, float) and base.value > 0:
            return self._power_of_number(base.value, exponent)
        return self._folded(apply(POW, base, exponent))

    def _power_of_number(self, base: float, exponent: Expression) -> Expression:
        """Return ``base**exponent`` with the numbers of the exponent merged into the base."""
        if exponent.op is ADD and exponent.args[-1].kind == "constant":
            rest = add_nodes(exponent.args[:-1])
            shift = raise_to(self, constant(base), exponent.args[-1].value)
            return multiply(self, (shift, self.power(constant(base), rest)))
        coefficient, body = split(exponent)
        merged = raise_to(self, constant(base), coefficient)
        if body is None or body.op is ADD or merged.kind != "constant":
            return self._folded(apply(POW, constant(base), exponent))
        return ONE if merged is ONE else self._folded(apply(POW, merged, body))

    @staticmethod
    def _folded(node: Expression) -> Expression:
        """Return a number for a node without variables that holds a fitted one."""
        if node.n_constants and not varies(node):
            value = value_of(node)
            return node if value is None else constant(value)
        return node


_STRICT = Rules()


def canonical(expression: Expression) -> Expression:
    """Return the canonical form of a formula; see the module for what that is.

    The answer is remembered on each node, so that formulas which share parts share the work.

    Examples
    --------
    >>> from closedform.symbolic.expression import Expression
    >>> a, b = Expression.parse("(y + x)*2.0*3.5"), Expression.parse("7.0*x + 7.0*y")
    >>> canonical(a) is canonical(b)
    True
    """
    todo = [expression]
    while todo:
        node = todo[-1]
        if node._canonical is not None:
            todo.pop()
            continue
        pending = [argument for argument in node.args if argument._canonical is None]
        if pending:
            todo.extend(pending)
            continue
        todo.pop()
        _remember(node, _STRICT.build(node.op, tuple(map(_known, node.args))) if node.args else _leaf(node))
    return _known(expression)


def _own(op: Operator, args: tuple[Expression, ...]) -> Expression:
    """Return an operator of the user's own, of which no rule is known."""
    node = apply(op, *(sorted(args, key=place) if op.commutative else args))
    value = None if node.variables or not node.n_constants else value_of(node)
    return node if value is None else constant(value)


def _leaf(node: Expression) -> Expression:
    return node


def _known(node: Expression) -> Expression:
    known = node._canonical
    return known if isinstance(known, Expression) else node


def _remember(node: Expression, found: Expression) -> None:
    # True stands for "is its own": a reference to itself would keep the node alive until a garbage run.
    object.__setattr__(node, "_canonical", True if found is node else found)


def normalised(expression: Expression, rules: Rules) -> Expression:
    """Return the form of a formula under other `rules` than the canonical ones."""

    def build(node: Expression, args: tuple[Expression, ...]) -> Expression:
        return rules.build(node.op, args) if node.kind == "apply" else node

    return expression.fold(build)
