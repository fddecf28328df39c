"""The canonical form of functions of one argument, and of minimum and maximum.

Signs leave odd functions and vanish in even ones, numeric factors leave logarithms and absolute values, quarter turns
leave sines and cosines, and a function of a fitted number is a number.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial, reduce
from typing import TYPE_CHECKING

from closedform.symbolic.arithmetic import Number, is_even, is_exact, is_whole, size_of, value_of
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.factors import ABS, EXP, LOG, POW
from closedform.symbolic.operators import OPERATORS
from closedform.symbolic.order import product_key, varies
from closedform.symbolic.products import exponential
from closedform.symbolic.sums import add_terms, content_of, divided, leading_sign
from closedform.symbolic.terms import ADD, MUL, ONE, ZERO, split, terms_of

if TYPE_CHECKING:
    from closedform.symbolic.canonical import Rules

PI = OPERATORS["pi"]
_ODD = frozenset({"sin", "tan", "asin", "atan", "sinh", "tanh", "sign"})
_EVEN = frozenset({"cos", "cosh", "abs"})
_AT_ZERO = {"cos": 1, "cosh": 1, **dict.fromkeys(_ODD, 0)}
# f(g(x)) == x for every x at which g is defined; the second kind needs x in the range of g, so it extends the domain.
_UNDOES = frozenset({("tan", "atan"), ("sin", "asin"), ("cos", "acos")})
_BOUNDED = frozenset({"asin", "acos"})


def function(rules: Rules, name: str, argument: Expression) -> Expression:
    """Return the canonical form of a function of a canonical argument."""
    if argument.kind == "constant" or not varies(argument):
        known = _of_number(name, argument)
        if known is not None:
            return known
    special = _SPECIAL.get(name)
    if special is not None:
        return special(rules, argument)
    return _plain(rules, name, argument)


def _of_number(name: str, argument: Expression) -> Expression | None:
    """Return the value of a function at a fitted number or at zero."""
    if argument is ZERO and name in _AT_ZERO:
        return constant(_AT_ZERO[name])
    if argument.n_constants:
        value = value_of(apply(name, argument))
        # An exponential is never zero, only too small for a float.
        return None if value is None or (value == 0 and name == "exp") else constant(value)
    return None


def _plain(rules: Rules, name: str, argument: Expression) -> Expression:
    if name not in _ODD and name not in _EVEN:
        return apply(name, argument)
    sign, argument = _without_sign(rules, argument)
    node = apply(name, argument)
    if argument.kind == "apply" and (name, argument.op.name) in _UNDOES:
        if rules.may_extend or argument.op.name not in _BOUNDED:
            node = argument.args[0]
    return rules.scale(-1, node) if sign < 0 and name in _ODD else node


def _without_sign(rules: Rules, argument: Expression) -> tuple[int, Expression]:
    """Return a sign and an argument that does not start with a minus."""
    if argument.op is ADD:
        sign = leading_sign(argument)
    else:
        sign = 1 if split(argument)[0] >= 0 else -1
    return sign, argument if sign > 0 else rules.scale(-1, argument)


# --- sine, cosine, tangent --------------------------------------------------------------------------------------------


def _quarter_turns(argument: Expression) -> tuple[int, Expression]:
    """Return how many times pi/2 an argument contains, and the argument without them."""
    terms = list(terms_of(argument))
    for index, (free, exact, body) in enumerate(terms):
        if body is not None and body.op is PI and free is None and is_whole(2 * exact):
            return int(2 * exact), add_terms(terms[:index] + terms[index + 1 :])
    return 0, argument


def _sine(rules: Rules, argument: Expression) -> Expression:
    turns, rest = _quarter_turns(argument)
    return _turned(rules, turns, rest)


def _cosine(rules: Rules, argument: Expression) -> Expression:
    turns, rest = _quarter_turns(argument)
    return _turned(rules, turns + 1, rest)


def _turned(rules: Rules, turns: int, rest: Expression) -> Expression:
    """Return ``sin(rest + turns*pi/2)``."""
    name = "cos" if turns % 2 else "sin"
    node = constant(_AT_ZERO[name]) if rest is ZERO else _plain(rules, name, rest)
    return rules.scale(-1, node) if turns % 4 >= 2 else node


def _tangent(rules: Rules, argument: Expression) -> Expression:
    turns, rest = _quarter_turns(argument)
    if turns % 2:
        return _plain(rules, "tan", argument)
    return ZERO if rest is ZERO else _plain(rules, "tan", rest)


# --- logarithm --------------------------------------------------------------------------------------------------------


def _logarithm(rules: Rules, argument: Expression) -> Expression:
    """Take numbers, exponentials and factors that cannot be negative out of a logarithm."""
    parts: list[Expression] = []
    kept: list[Expression] = []
    for factor in argument.args if argument.op is MUL else (argument,):
        if factor.kind == "constant":
            outside, inside = _log_of_number(factor.value)
            parts.extend(outside)
            kept.extend(inside)
        elif rules.signs.not_negative(factor):
            parts.append(_log_of_factor(rules, factor))
        else:
            kept.append(factor)
    if len(kept) == 1:
        parts.append(_log_of_factor(rules, kept[0]))
    elif kept:
        rest = rules.multiply(*kept)
        parts.append(apply(LOG, rest) if rest.op is MUL else _log_of_factor(rules, rest))
    return rules.add(*parts)


def _log_of_number(value: Number) -> tuple[list[Expression], list[Expression]]:
    """Return what a numeric factor adds outside a logarithm and what it leaves inside."""
    if is_exact(value) or value == 0:
        return [], [constant(value)]
    size = value_of(apply(LOG, constant(size_of(value))))
    assert size is not None
    return [constant(size)], [] if value > 0 else [constant(-1)]


def _log_of_factor(rules: Rules, factor: Expression) -> Expression:
    """Return the logarithm of something that is no product."""
    if factor is ONE:
        return ZERO
    if factor.op is EXP:
        return factor.args[0]
    if factor.op is POW:
        return _log_of_power(rules, *factor.args)
    if factor.op is ADD:
        content = content_of(factor)
        rest = divided(factor, size_of(content)) if isinstance(content, float) else None
        if rest is not None:
            return rules.add(function(rules, "log", constant(size_of(content))), apply(LOG, rest))
    if factor.kind == "constant" and isinstance(factor.value, Fraction) and 0 < factor.value < 1:
        return rules.scale(-1, apply(LOG, constant(1 / factor.value)))
    return apply(LOG, factor)


def _log_of_power(rules: Rules, base: Expression, exponent: Expression) -> Expression:
    if exponent.kind == "constant":
        inside = rules.function("abs", base) if is_even(exponent.value) else base
        return rules.multiply(exponent, rules.function("log", inside))
    if rules.signs.not_negative(base):
        return rules.multiply(exponent, rules.function("log", base))
    return apply(LOG, apply(POW, base, exponent))


# --- absolute value, sign ---------------------------------------------------------------------------------------------


def _absolute(rules: Rules, argument: Expression) -> Expression:
    """Spread an absolute value over the factors."""
    if argument.op is MUL:
        return rules.multiply(*[_absolute(rules, factor) for factor in argument.args])
    if argument.kind == "constant":
        return constant(size_of(argument.value))
    if rules.signs.not_negative(argument):
        return argument
    if argument.op is POW and argument.args[1].kind == "constant" and is_whole(argument.args[1].value):
        return rules.power(_absolute(rules, argument.args[0]), argument.args[1])
    if argument.op is ADD:
        content = content_of(argument)
        size = size_of(content) if isinstance(content, float) else 1
        rest = divided(argument, content if size != 1 else leading_sign(argument))
        if rest is not None:
            return rules.scale(size, rest if rules.signs.not_negative(rest) else apply(ABS, rest))
    return apply(ABS, argument)


def _sign(rules: Rules, argument: Expression) -> Expression:
    coefficient, body = split(argument)
    if body is None:
        return constant((coefficient > 0) - (coefficient < 0))
    if body.op is EXP:
        return constant(1 if coefficient > 0 else -1)
    if body.op is ADD:
        return _plain(rules, "sign", argument)
    node = apply("sign", body)
    return node if coefficient > 0 else rules.scale(-1, node)


# --- minimum and maximum ----------------------------------------------------------------------------------------------


def extreme(name: str, first: Expression, second: Expression) -> Expression:
    """Return the canonical minimum or maximum: each argument once, in order, numbers made one."""
    found: dict[int, Expression] = {}
    stack = [second, first]
    while stack:
        node = stack.pop()
        if node.kind == "apply" and node.op.name == name:
            stack.extend(reversed(node.args))
        else:
            found[id(node)] = node
    chosen = _chosen(name, [node for node in found.values() if not varies(node)])
    chosen.extend(node for node in found.values() if varies(node))
    chosen.sort(key=product_key)
    return reduce(partial(apply, name), chosen)


def _chosen(name: str, numbers: list[Expression]) -> list[Expression]:
    """Return the smallest or largest of formulas without variables, and those that are undefined."""
    values = [value_of(node) for node in numbers]
    defined = [value for value in values if value is not None]
    if len(defined) < 2:
        return numbers
    bound = min(defined) if name == "min" else max(defined)
    # Of equal numbers an exact one stays.
    equal = [node for node, value in zip(numbers, values, strict=True) if value == bound]
    undefined = [node for node, value in zip(numbers, values, strict=True) if value is None]
    return [min(equal, key=lambda node: (node.n_constants, node.digest)), *undefined]


_SPECIAL: dict[str, Callable[[Rules, Expression], Expression]] = {
    "exp": exponential,
    "log": _logarithm,
    "sin": _sine,
    "cos": _cosine,
    "tan": _tangent,
    "abs": _absolute,
    "sign": _sign,
}
