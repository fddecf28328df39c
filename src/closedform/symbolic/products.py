"""The canonical form of products and powers.

A product is a number, a table of bases with exponents, and the arguments of its exponentials. Rules:

- equal bases are collected, ``x**2*x**a -> x**(2 + a)``, and so are exponentials, ``exp(u)*exp(v) -> exp(u + v)``;
- powers of products are multiplied out where that keeps the domain, and factors with the same whole exponent are put
  together again at the end, ``x**2*y**2 -> (x*y)**2``;
- numeric factors leave sums, powers and exponentials, ``(2.0*x)**2 -> 4.0*x**2``, ``exp(x + 0.5) -> 1.64...*exp(x)``;
- a number times a sum is multiplied out, see `sums`.

Domains: isolated points may be won, as in ``x/x -> 1``. A whole half-line is not: ``sqrt(x)**2`` keeps its root unless
x is known to be at least 0 or the rules were told to extend.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

from closedform.symbolic.arithmetic import (
    LARGEST_SHIFT,
    Number,
    is_even,
    is_exact,
    is_whole,
    neutral,
    power_of,
    power_that_may_leave,
    product_of,
    root_of_factor,
    size_of,
    sum_of,
    take_root,
    value_of,
)
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.factors import ABS, EXP, LOG, POW, Power, absolute_values_joined, fold_numbers, joined
from closedform.symbolic.order import product_key, varies
from closedform.symbolic.sums import add_nodes, add_terms, content_of, divided
from closedform.symbolic.terms import ADD, MUL, ONE, ZERO, scaled, split, terms_of

if TYPE_CHECKING:
    from closedform.symbolic.canonical import Rules

HALF = constant(Fraction(1, 2))
# A higher power of a product is not spread over the factors, which could overflow where the whole does not.
LARGEST_SPREAD_POWER = 32


class Product:
    """A product under construction: take in factors, then `finish`.

    Parameters
    ----------
    rules : Rules
        Knows signs, and whether the domain may be extended.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.numbers: list[Number] = []
        # Per base: the base, its exponents, and whether the product is only defined where the base is at least 0.
        self._powers: dict[int, tuple[Expression, list[Number], bool]] = {}
        # Whole numbers under roots, by the exponent between 0 and 1.
        self._radicands: dict[Fraction, int] = {}
        self._exponents: list[Expression] = []

    # --- taking in ----------------------------------------------------------------------------------------------------

    def take(self, node: Expression, exponent: Number = 1) -> None:
        """Multiply by ``node**exponent``, for a canonical node."""
        if node.kind == "variable":
            self._base(node, exponent)
        elif node.kind == "constant":
            self._number(node.value, exponent)
        elif node.op is MUL:
            self._product(node, exponent)
        elif node.op is POW and node.args[1].kind == "constant":
            self._nested(node.args[0], node.args[1].value, exponent)
        elif node.op is EXP:
            self._exponents.append(self._rules.scale(exponent, node.args[0]))
        elif node.op is ABS:
            self._absolute(node.args[0], exponent)
        elif node.op is ADD:
            if not self._sum(node, exponent):
                self._base(node, exponent)
        else:
            self._base(node, exponent)

    def _base(self, base: Expression, exponent: Number, restricted: bool = False) -> None:
        known = self._powers.get(id(base))
        if known is None:
            self._powers[id(base)] = base, [exponent], restricted or not is_whole(exponent)
        else:
            known[1].append(exponent)
            self._powers[id(base)] = base, known[1], known[2] or restricted or not is_whole(exponent)

    def _absolute(self, inside: Expression, exponent: Number) -> None:
        if is_even(exponent):
            self.take(inside, exponent)
            return
        for factor in inside.args if inside.op is MUL else (inside,):
            self._base(apply(ABS, factor), exponent)

    def _number(self, value: Number, exponent: Number) -> None:
        power = value if exponent == 1 else power_of(value, exponent)
        if power is not None:
            self.numbers.append(power)
        elif is_exact(value) and value > 0 and isinstance(exponent, Fraction):
            self._radical(value.numerator, exponent)
            self._radical(value.denominator, -exponent)
        else:
            self._base(constant(neutral(value)), exponent)

    def _radical(self, value: int, exponent: Fraction) -> None:
        """Multiply by a root of a whole number, its exponent brought between 0 and 1."""
        whole = math.floor(exponent)
        outside = power_of(value, whole)
        if outside is None:
            self._base(constant(value), exponent)
        elif value > 1:
            self.numbers.append(outside)
            rest = exponent - whole
            self._radicands[rest] = self._radicands.get(rest, 1) * value

    def _product(self, node: Expression, exponent: Number) -> None:
        if is_whole(exponent):
            if size_of(exponent) <= LARGEST_SPREAD_POWER:
                for factor in node.args:
                    self.take(factor, exponent)
            else:
                self._base(node, exponent)
            return
        # A root is split only where no factor can be negative: sqrt(x*y) is defined for two negative numbers, and
        # sqrt(x*y**2) for a negative x when y is 0.
        others = [factor for factor in node.args if factor.kind != "constant"]
        may_leave = self._rules.signs.not_negative
        if not all(map(may_leave, others)):
            may_leave = self._rules.signs.positive
        kept: list[Expression] = []
        if len(others) < len(node.args):
            outside, inside = root_of_factor(node.args[0].value, exponent)
            self.numbers.append(outside)
            kept.extend([] if inside == 1 else [constant(inside)])
        for factor in others:
            if may_leave(factor):
                self.take(factor, exponent)
            else:
                kept.append(factor)
        if not kept:
            return
        rest = multiply(self._rules, kept)
        if rest.op is MUL:
            self._base(rest, exponent)
        else:
            self.take(rest, exponent)

    def _nested(self, base: Expression, inner: Number, outer: Number) -> None:
        """Multiply by ``(base**inner)**outer``."""
        product = product_of([inner, outer])
        exponent = neutral(product or 0)
        if product is None:
            self._base(apply(POW, base, constant(inner)), outer)
        elif is_even(inner) and not is_whole(outer):
            self.take(self._rules.function("abs", base), exponent)
        elif (is_whole(inner) and is_whole(outer)) or not is_whole(exponent) or self._may_open(base, exponent):
            self.take(base, exponent)
        else:
            self._base(base, exponent, restricted=True)

    def _sum(self, node: Expression, exponent: Number, fitted: bool = False) -> bool:
        """Multiply by a power of a sum, its numeric factor taken out; False if there is none and nothing is done."""
        content = content_of(node, fitted)
        if not is_whole(exponent):
            content = size_of(content)
        power = power_that_may_leave(content, exponent)
        rest = None if power is None or content == 1 else divided(node, content)
        if power is None or rest is None:
            return False
        self.numbers.append(power)
        self._base(rest, exponent)
        return True

    # --- putting together ---------------------------------------------------------------------------------------------

    def finish(self) -> Expression:
        """Return the canonical product."""
        exponential = self._exponential()
        powers = self._collected()
        while self._exponents:
            # A rule above has uncovered further exponentials.
            if exponential is not None:
                self._exponents.append(exponential.args[0])
            exponential, powers = self._exponential(), self._collected()
        fixed = self._roots()
        if exponential is not None:
            value = value_of(exponential) if exponential.n_constants and not varies(exponential) else None
            if value:
                self.numbers.append(value)
            else:
                fixed.append(exponential)
        return self._built(powers, fixed)

    def _exponential(self) -> Expression | None:
        """Return one exponential of the sum of all arguments, freed of its logarithms and of fitted shifts."""
        rest: Expression = ZERO
        while self._exponents:
            argument = add_nodes(self._exponents)
            self._exponents = []
            kept = []
            for term in terms_of(argument):
                body, coefficient = term.body, term.coefficient
                if body is not None and body.op is LOG and self._may_open(body.args[0], coefficient):
                    self.take(body.args[0], coefficient)
                else:
                    kept.append(term)
            rest = add_terms(kept) if len(kept) < _count(argument) else argument
            if self._exponents:
                self._exponents.append(rest)
        rest = self._without_shift(rest)
        return None if rest is ZERO else apply(EXP, rest)

    def _may_open(self, body: Expression, exponent: Number) -> bool:
        """Say whether ``exp(exponent*log(body))`` may be written as a power."""
        return not is_whole(exponent) or self._rules.may_extend or self._rules.signs.not_negative(body)

    def _without_shift(self, argument: Expression) -> Expression:
        """Move the numbers of an exponential's argument into the numeric factor if that saves a number."""
        last = argument if argument.op is not ADD else argument.args[-1]
        fitted = last.kind == "constant" and isinstance(last.value, float)
        if not fitted and not any(isinstance(number, float) for number in self.numbers):
            return argument
        terms = list(terms_of(argument))
        still = add_terms([term for term in terms if term.body is None or not varies(term.body)])
        shift = value_of(still)
        if still is ZERO or shift is None or abs(shift) > LARGEST_SHIFT:
            return argument
        self.numbers.append(math.exp(shift))
        return add_terms([term for term in terms if term.body is not None and varies(term.body)])

    def _collected(self) -> list[Power]:
        """Return the bases with their exponents added up."""
        settled: list[Power] = []
        pending = self._powers
        fitted = any(isinstance(number, float) for number in self.numbers)
        while pending:
            self._powers = {}
            settled = []
            for base, exponents, restricted in pending.values():
                total = neutral(exponents[0] if len(exponents) == 1 else sum_of(exponents))
                if base.op is ABS and is_even(total):
                    self.take(base.args[0], total)
                elif base.kind == "constant" and len(exponents) > 1:
                    self._number(base.value, total)
                elif base.op is ADD and fitted and total != 0 and self._sum(base, total, fitted):
                    pass
                elif total != 0:
                    settled.append((base, total, restricted))
            if not self._powers:
                break
            for base, total, restricted in settled:
                self._base(base, total, restricted)
            pending = self._powers
        return settled

    def _roots(self) -> list[Expression]:
        """Return the roots of whole numbers, and put what leaves a root among the numbers."""
        roots = []
        for exponent, radicand in self._radicands.items():
            outside, inside = take_root(radicand, exponent.denominator)
            self.numbers.append(outside**exponent.numerator)
            if inside > 1:
                roots.append(apply(POW, constant(inside), constant(exponent)))
        return roots

    def _built(self, powers: list[Power], fixed: list[Expression]) -> Expression:
        coefficient = product_of(self.numbers)
        factors = fixed + self._factors(powers)
        if coefficient == 0 and not any(map(_is_undefined, factors)):
            return ZERO
        if isinstance(coefficient, float):
            coefficient, factors = fold_numbers(coefficient, factors)
        if coefficient is None:
            # Out of range as one number.
            constants = [constant(number) for number in sorted(self.numbers) if number != 1]
            return joined([*constants, *sorted(factors, key=product_key)])
        if not factors:
            return constant(coefficient)
        if len(factors) == 1:
            only = factors[0]
            if only.op is ADD and coefficient != 1:
                return add_nodes([apply(MUL, constant(coefficient), only)])
            return scaled(neutral(coefficient), only)
        factors.sort(key=product_key)
        if coefficient == 1:
            return apply(MUL, *factors)
        return apply(MUL, constant(neutral(coefficient)), *factors)

    def _factors(self, powers: list[Power]) -> list[Expression]:
        """Return the powers as nodes; bases with the same whole exponent share it."""
        powers, factors = absolute_values_joined(powers)
        shared: dict[Number, list[Expression]] = {}
        for base, exponent, restricted in powers:
            if exponent == 1 and not restricted:
                factors.append(base)
            elif not is_whole(exponent):
                factors.append(apply(POW, base, constant(exponent)))
            elif restricted and not self._rules.may_extend and not self._rules.signs.not_negative(base):
                factors.append(apply(POW, apply(POW, base, HALF), constant(int(2 * exponent))))
            elif exponent == 1 or not varies(base):
                factors.append(base if exponent == 1 else apply(POW, base, constant(exponent)))
            else:
                shared.setdefault(exponent, []).append(base)
        for exponent, bases in shared.items():
            factors.append(apply(POW, joined(sorted(bases, key=product_key)), constant(exponent)))
        return factors


def multiply(rules: Rules, nodes: Iterable[Expression]) -> Expression:
    """Return the canonical product of canonical nodes."""
    numbers: list[Number] = []
    others: list[Expression] = []
    for node in nodes:
        for factor in node.args if node.op is MUL else (node,):
            if factor.kind == "constant":
                numbers.append(factor.value)
            else:
                others.append(factor)
    if len(others) <= 1:
        quick = _multiple(numbers, others)
        if quick is not None:
            return quick
    product = Product(rules)
    product.numbers.extend(numbers)
    for node in others:
        product.take(node)
    return product.finish()


def _multiple(numbers: list[Number], others: list[Expression]) -> Expression | None:
    """Return a number times at most one factor; None when that needs the rules of `Product`.

    For sums it is the only way that leaves their numbers as they are.
    """
    coefficient = product_of(numbers)
    if coefficient is None:
        return None
    if not others:
        return constant(coefficient)
    only = others[0]
    if coefficient == 0:
        return None if _is_undefined(only) else ZERO
    if coefficient == 1:
        return only
    if only.op is ADD:
        return add_nodes([apply(MUL, constant(coefficient), only)])
    if isinstance(coefficient, float) and (only.op is EXP or not varies(only)):
        return None
    return apply(MUL, constant(neutral(coefficient)), only)


def raise_to(rules: Rules, base: Expression, exponent: Number) -> Expression:
    """Return the canonical power of a canonical node with a number as exponent."""
    exponent = neutral(exponent)
    if exponent == 0:
        return ONE
    if exponent == 1:
        return base
    if base.kind == "variable":
        return apply(POW, base, constant(exponent))
    product = Product(rules)
    product.take(base, exponent)
    return product.finish()


def exponential(rules: Rules, argument: Expression) -> Expression:
    """Return the canonical form of ``exp(argument)``."""
    if argument.op is not ADD and argument.op is not LOG and argument.kind != "constant":
        body = split(argument)[1]
        if body is None or (body.op is not ADD and body.op is not LOG):
            return apply(EXP, argument)
    product = Product(rules)
    product.take(apply(EXP, argument))
    return product.finish()


def _is_undefined(factor: Expression) -> bool:
    """Say whether a factor without variables has no value, so that not even zero times it has one."""
    return not varies(factor) and value_of(factor) is None


def _count(node: Expression) -> int:
    return sum(1 for _ in terms_of(node))
