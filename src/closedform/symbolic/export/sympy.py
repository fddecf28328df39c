"""Formulas to SymPy and back.

SymPy simplifies while it builds: ``x/x`` becomes 1 and ``sqrt(x)**2`` becomes ``x``. The values stay the same where the
formula is defined, but the SymPy expression may be defined on more points than the formula. A formula that is defined
nowhere, because it contains ``log(-1)`` or ``1/0``, becomes ``nan``: SymPy itself would go on with complex numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from closedform.exceptions import NotSupportedError
from closedform.symbolic.expression import Expression, apply, constant, variable
from closedform.symbolic.operators import OPERATORS, Operator

# SymPy works out powers of plain numbers exactly; beyond this many digits that takes time and memory without bound.
_MOST_DIGITS = 400.0

# SymPy works recursively and walks the whole tree at every step: deeper formulas end in a RecursionError.
_DEEPEST = 150

# What SymPy writes as one class and we as two steps.
_RECIPROCALS = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}


def to_sympy(expression: Expression) -> Any:
    """Turn a formula into a SymPy expression.

    Parameters
    ----------
    expression : Expression
        The formula. Variables become plain symbols of the same name, whole numbers and fractions stay exact, floats
        become ``Float`` with 17 digits, which SymPy turns back into the same float.

    Returns
    -------
    sympy.Expr

    Raises
    ------
    NotSupportedError
        If the formula is nested more than 150 levels deep, or holds numbers like ``2.5**exp(1e20)``.

    Examples
    --------
    >>> to_sympy(Expression.parse("2*x**(1/2) + pi"))
    2*sqrt(x) + pi
    """
    import sympy

    if expression.depth > _DEEPEST:
        raise NotSupportedError(
            f"SymPy takes formulas of at most {_DEEPEST} levels, this one has {expression.depth}; simplify it"
        )
    if _is_undefined(expression):
        return sympy.nan

    def build(node: Expression, args: tuple[Any, ...]) -> Any:
        if node.kind == "variable":
            return sympy.Symbol(node.name)
        if node.kind == "constant":
            return _to_number(node.value, sympy)
        if node.op.name not in OPERATORS and "sympy" not in node.op.spelling:
            return sympy.Function(node.op.name)(*args)  # one of the user's own
        return _apply_sympy(node.op, args, sympy)

    try:
        converted = expression.fold(build)
    except OverflowError:  # SymPy's floats have no largest number, but its exponents have
        raise NotSupportedError(
            f"SymPy cannot work out the numbers of a formula, they are too large; simplify it: {str(expression)[:99]}"
        ) from None
    # SymPy finds poles that rounding hides, such as tan(pi/2)
    return sympy.nan if converted.has(sympy.zoo, sympy.oo, -sympy.oo) else converted


def from_sympy(expression: Any) -> Expression:
    """Turn a SymPy expression into a formula.

    Parameters
    ----------
    expression : sympy.Expr
        Numbers, symbols, sums, products, powers and the functions of the operator table, also ``sec`` and the like.

    Returns
    -------
    Expression
        Symbols become variables of the same name, whatever their assumptions.

    Raises
    ------
    NotSupportedError
        If something in it has no counterpart: other functions, complex numbers, infinity, conditions.

    Examples
    --------
    >>> import sympy
    >>> str(from_sympy(sympy.sympify("x/y - 3*exp(-x)")))
    'x/y - 3*exp(-x)'
    """
    import sympy

    readers = _readers(sympy)
    done: dict[Any, Expression] = {}
    todo = [(sympy.sympify(expression, strict=True), False)]
    while todo:  # an explicit stack: SymPy trees may be deeper than Python's recursion
        node, ready = todo.pop()
        if node in done:
            continue
        if ready or not node.args:
            done[node] = _read(node, [done[argument] for argument in node.args], readers, sympy)
        else:
            todo.append((node, True))
            todo += [(argument, False) for argument in node.args]
    return done[sympy.sympify(expression, strict=True)]


def _is_undefined(expression: Expression) -> bool:
    """Whether some part without variables has no value, and with it the whole."""

    def value(node: Expression, args: tuple[float | None, ...]) -> float | None:
        """The value of a part without variables, None where there are variables; nan spreads."""
        if any(argument is not None and math.isnan(argument) for argument in args):
            return math.nan
        if node.kind == "variable" or None in args:
            return None
        return float(node.value) if node.kind == "constant" else float(node.op.numpy(*args))

    with np.errstate(all="ignore"):
        found = expression.fold(value)
    return found is not None and math.isnan(found)


def _to_number(value: int | Fraction | float, sympy: Any) -> Any:
    if isinstance(value, float):
        return sympy.Float(repr(value), 17)
    if isinstance(value, Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    return sympy.Integer(value)


def _apply_sympy(op: Operator, args: tuple[Any, ...], sympy: Any) -> Any:
    name = op.name
    if name == "sub":
        return args[0] - args[1]
    if name == "div":
        return args[0] / args[1]
    if name == "neg":
        return -args[0]
    if name == "pow" and args[0] == 0 and not args[1].is_number:
        return sympy.Pow(*args, evaluate=False)  # 0**(-x) would become zoo**x
    if name == "pow" and _is_huge(*args):
        return sympy.Pow(args[0].evalf(17), args[1])
    made = getattr(sympy, op.spelling["sympy"])
    return made(*args) if args else made


def _is_huge(base: Any, exponent: Any) -> bool:
    """Whether an exact power of two numbers would have too many digits to be written out."""
    if not (base.is_Rational and exponent.is_Rational):
        return False
    digits = len(str(max(abs(base.p), base.q)))
    return digits * abs(float(exponent)) > _MOST_DIGITS


# --- and back ---------------------------------------------------------------------------------------------------------


def _readers(sympy: Any) -> dict[Any, Callable[..., Expression]]:
    """SymPy class to a function that builds the formula from the formulas of the arguments."""
    readers: dict[Any, Callable[..., Expression]] = {
        getattr(sympy, row.spelling["sympy"]): _builder(name)
        for name, row in OPERATORS.items()
        if row.arity == 1 and "sympy" in row.spelling
    }
    for reciprocal, name in _RECIPROCALS.items():
        readers[getattr(sympy, reciprocal)] = _reciprocal_builder(name)
    readers[sympy.Add] = _sum
    readers[sympy.Mul] = _product
    readers[sympy.Pow] = _power
    readers[sympy.Min] = lambda *args: reduce(lambda x, y: apply("min", x, y), args)
    readers[sympy.Max] = lambda *args: reduce(lambda x, y: apply("max", x, y), args)
    return readers


def _builder(name: str) -> Callable[..., Expression]:
    return lambda *args: apply(name, *args)


def _reciprocal_builder(name: str) -> Callable[..., Expression]:
    return lambda argument: 1 / apply(name, argument)


def _read(node: Any, args: list[Expression], readers: dict[Any, Callable[..., Expression]], sympy: Any) -> Expression:
    if node.is_Symbol:
        return variable(node.name)
    if node.is_Number and node.is_finite:
        if node.is_Integer:
            return constant(int(node))
        if node.is_Rational:
            return constant(Fraction(int(node.p), int(node.q)))
        return constant(float(node))
    if node is sympy.pi:
        return apply("pi")
    if node is sympy.E:
        return apply("exp", 1)
    if node.is_NumberSymbol:  # the golden ratio and the like
        return constant(float(node))
    reader = readers.get(node.func)
    if reader is None:
        raise NotSupportedError(
            f"a formula is made of real numbers, variables and {', '.join(OPERATORS)}; "
            f"the SymPy expression contains {str(node)[:60]!r} of type {type(node).__name__}"
        )
    return reader(*args)


def _sum(*terms: Expression) -> Expression:
    """A sum with its negative terms subtracted, a positive term first if there is one, numbers behind the rest."""
    terms = tuple(sorted(terms, key=lambda term: term.kind == "constant"))
    positive = [term for term in terms if not _is_negative(term)]
    negative = [_negated(term) for term in terms if _is_negative(term)]
    if not positive:
        return -_joined("add", negative)
    return reduce(lambda total, term: total - term, negative, _joined("add", positive))


def _product(*factors: Expression) -> Expression:
    """A product with its negative powers in the denominator, the number first."""
    below = [_negative_power(factor) for factor in factors]
    numerator = [factor for factor, under in zip(factors, below, strict=True) if under is None]
    denominator = [under for under in below if under is not None]
    numerator.sort(key=lambda factor: factor.kind != "constant")
    sign = len(numerator) > 1 and numerator[0].kind == "constant" and numerator[0].value == -1
    top = _joined("mul", numerator[1:] if sign else numerator) if numerator else constant(1)
    whole = top / _joined("mul", denominator) if denominator else top
    return -whole if sign else whole


def _power(base: Expression, exponent: Expression) -> Expression:
    if exponent.kind == "constant" and exponent.value == Fraction(1, 2) and isinstance(exponent.value, Fraction):
        return apply("sqrt", base)
    under = _negative_power(base**exponent)
    return base**exponent if under is None else 1 / under


def _negative_power(factor: Expression) -> Expression | None:
    """What ``1/factor`` is, if the factor is a power with an exact negative exponent or a quotient 1/..."""
    if factor.kind != "apply":
        return None
    if factor.op.name == "div" and factor.args[0] is constant(1):
        return factor.args[1]
    if factor.op.name != "pow" or factor.args[1].kind != "constant":
        return None
    base, exponent = factor.args[0], factor.args[1].value
    if isinstance(exponent, float) or exponent >= 0:
        return None
    return base if exponent == -1 else _power(base, constant(-exponent))


def _is_negative(term: Expression) -> bool:
    if term.kind == "constant":
        return term.value < 0
    if term.kind != "apply":
        return False
    return term.op.name == "neg" or (term.op.name in {"mul", "div"} and _is_negative(term.args[0]))


def _negated(term: Expression) -> Expression:
    """Minus a term for which `_is_negative` holds."""
    if term.kind == "constant":
        return constant(-term.value)
    if term.op.name == "neg":
        return term.args[0]
    return apply(term.op, _negated(term.args[0]), *term.args[1:])


def _joined(op: str, args: list[Expression]) -> Expression:
    return args[0] if len(args) == 1 else apply(op, *args)
