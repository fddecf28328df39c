"""Simplification: rules tried from the leaves up until nothing gets simpler, then a time-limited look by SymPy.

"Simpler" means a lower complexity of the canonical form, and for the same complexity fewer fitted constants. Values
stay the same, up to rounding, wherever the formula is defined within the domain. The result may be defined on more
points: ``exp(2*log(x))`` becomes ``x**2`` and ``x/x`` becomes 1.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from closedform.symbolic import rules as algebra
from closedform.symbolic import rules_waves as waves
from closedform.symbolic.arrangement import arranged
from closedform.symbolic.canonical import Rules, canonical, normalised
from closedform.symbolic.expression import Expression
from closedform.symbolic.metrics import text_length
from closedform.symbolic.polish import polished
from closedform.symbolic.signs import Domain
from closedform.symbolic.terms import ADD, split

# In the order in which they are tried; the simplest alternative wins, the first of equals.
RULES: Mapping[str, tuple[algebra.Rule, ...]] = {
    "add": (
        waves.exchange_squares,
        waves.products_to_sums,
        waves.halve_angles,
        waves.join_waves,
        waves.join_exponentials,
        waves.join_logistic,
        algebra.join_logarithms,
        algebra.complete_square,
        algebra.take_out_factor,
        algebra.multiply_out,
        algebra.common_denominator,
    ),
    "mul": (
        waves.join_ratio,
        waves.open_ratio,
        waves.ratio_of_exponentials,
        waves.products_to_sums,
        algebra.join_powers,
        algebra.move_below,
        algebra.absorb_number,
        algebra.multiply_out,
    ),
    "pow": (algebra.clear_fractions_below,),
    "exp": (algebra.power_from_exponential,),
    "abs": (algebra.decide_sign,),
    "sign": (algebra.decide_sign,),
    "min": (algebra.decide_extreme,),
    "max": (algebra.decide_extreme,),
}

# Sweeps over the whole formula; each one but the last has made it simpler.
MOST_SWEEPS = 12


def simplify(
    expression: Expression, domain: Domain | None = None, time_limit: float = 1.0, use_sympy: bool = True
) -> Expression:
    """Return a simpler formula with the same values.

    Parameters
    ----------
    expression : Expression
        The formula. Its floats are fitted constants, which may be merged; exact numbers stay exact.
    domain : mapping of str to (float, float), optional
        Lowest and highest value of variables. Rules that hold for positive things only, ``sqrt(x**2) -> x``, apply
        where this proves it. Without it, they apply where the structure alone does.
    time_limit : float, default=1.0
        Seconds after which no further rule is tried, above 0.
    use_sympy : bool, default=True
        Whether SymPy may look at the result. It runs in another process, whose first start takes about a second more.

    Returns
    -------
    Expression
        Arranged for reading, never of higher complexity than the formula given.

    Examples
    --------
    >>> from closedform.symbolic.expression import Expression
    >>> print(simplify(Expression.parse("exp(2*log(x) + log(y))*sin(z)**2 + x**2*y*cos(z)**2"), use_sympy=False))
    x**2*y
    """
    deadline = time.monotonic() + time_limit
    start = canonical(expression)
    best = _by_rules(start, domain, deadline)
    if use_sympy:
        from closedform.symbolic.sympy_pass import simplest_by_sympy

        best = simplest_by_sympy(best, domain, deadline - time.monotonic())
    return arranged(polished(best))


def in_fewer_digits(simple: Expression, rounded: Expression) -> Expression:
    """Of a simplified formula and the one before the one that is written shorter: rules do not know short numbers.

    ``0.9*x*(y + 0.7777777777777777)`` has fewer nodes than ``0.9*x*y + 0.7*x``.
    """
    if rounded.n_constants > simple.n_constants or text_length(rounded) >= text_length(simple):
        return simple
    return arranged(rounded.canonical())


def cost(node: Expression) -> tuple[int, int]:
    """Return what is to be made small: complexity, then the number of fitted constants."""
    return node.complexity, node.n_constants


def _by_rules(start: Expression, domain: Domain | None, deadline: float) -> Expression:
    """Return the simplest canonical form that the rules find."""
    # Known signs split roots and logarithms of products, which lets their parts meet others. The second round does not
    # know them and puts together again what has found no partner.
    found = start
    for known in (domain, None) if domain else (None,):
        rules = Rules(known, may_extend=True)
        # Of equals the new one: its phases are settled.
        found = min(canonical(_Sweeper(rules, deadline).run(found)), found, key=cost)
    return found


class _Sweeper:
    """Applies the rules to every node from the leaves up, again and again."""

    def __init__(self, rules: Rules, deadline: float) -> None:
        self._rules = rules
        self._deadline = deadline
        # What became of nodes, by id; the node itself is kept so that its id stays its own.
        self._best: dict[int, tuple[Expression, Expression]] = {}

    def run(self, expression: Expression) -> Expression:
        """Return the simplified formula in the normal form of the rules."""
        current = normalised(expression, self._rules)
        for _ in range(MOST_SWEEPS):
            swept = self._sweep(current)
            if swept is current or cost(swept) >= cost(current) or self._late():
                return min(swept, current, key=cost)
            current = swept
        return current

    def _late(self) -> bool:
        return time.monotonic() >= self._deadline

    def _sweep(self, expression: Expression) -> Expression:
        def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
            if node.kind != "apply":
                return node
            changed = any(new is not old for new, old in zip(args, node.args, strict=True))
            return self._improved(self._rules.build(node.op, args) if changed else node)

        return expression.fold(visit)

    def _alternatives(self, node: Expression) -> Iterator[Expression]:
        for rule in RULES.get(node.op.name, ()):
            yield from rule(self._rules, node)
        number, body = split(node)
        if number != 1 and body is not None and body.op is ADD:
            # 0.5*(1 - cos(2*x)): what is no gain inside may be one together with the factor.
            for alternative in self._alternatives(body):
                yield self._rules.scale(number, alternative)

    def _improved(self, node: Expression) -> Expression:
        """Return the simplest of what the rules make of one node."""
        if node.op in (waves.SIN, waves.COS):
            node = waves.settle_phase(self._rules, node)
        known = self._best.get(id(node))
        if known is not None:
            return known[1]
        if node.kind != "apply" or self._late():
            return node
        # A node that is being improved may come back from rebuilding its own improvement; then it stays as it is.
        self._best[id(node)] = node, node
        best = min(self._alternatives(node), key=cost, default=node)
        if cost(best) >= cost(node):
            return node
        # The parts of the new node are new too.
        result = self._improved(min(self._sweep(best), best, key=cost))
        self._best[id(node)] = node, result
        return result
