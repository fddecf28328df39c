"""The operator table: one row per operator, and everything about an operator in its row.

Evaluation, derivatives, interval bounds, the parser, the printer and every export read this table. To add an operator,
add one row; ``tests/symbolic/test_operators.py`` names each column that is still missing.

Domains: a value outside the domain is nan, never a made-up number: the logarithm of zero or less, the root of a
negative number, the inverse sine and cosine outside [-1, 1], a division by zero, zero to a negative power and a
negative number to a fractional power.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from closedform.exceptions import InputError, did_you_mean
from closedform.symbolic import _interval_rules as iv
from closedform.symbolic import _numpy_rules as nr

TARGETS = ("text", "python", "numpy", "c", "torch", "excel", "latex", "sympy")

# Missing on purpose, so that the coverage test can tell a gap from an oversight.
GAPS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("sub", "sympy"): "SymPy has no such class; built from Add and Mul",
        ("div", "sympy"): "SymPy has no such class; built from Mul and Pow",
        ("neg", "sympy"): "SymPy has no such class; built from Mul",
    }
)

# Binding strengths of the infix operators; a higher number binds tighter.
SUM, PRODUCT, SIGN, POWER, ATOM = 1, 2, 3, 4, 9


class Ops(Protocol):
    """What a derivative rule may call; one implementation works on expressions, one on arrays."""

    def sqrt(self, x: Any, /) -> Any: ...
    def log(self, x: Any, /) -> Any: ...
    def sign(self, x: Any, /) -> Any: ...
    def sin(self, x: Any, /) -> Any: ...
    def cos(self, x: Any, /) -> Any: ...
    def sinh(self, x: Any, /) -> Any: ...
    def cosh(self, x: Any, /) -> Any: ...
    def pow(self, base: Any, exponent: Any, /) -> Any: ...
    def times_log(self, value: Any, base: Any, /) -> Any: ...


Derivative = Callable[[Ops, Any, tuple[Any, ...], int], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One row of the table.

    Attributes
    ----------
    name : str
        What the parser reads and the JSON form stores.
    arity : int or None
        Number of arguments, 0 to 2; None for two or more.
    numpy : callable
        Takes float arrays and returns a float array: nan outside the domain. Call it within
        ``np.errstate(all="ignore")`` when warnings matter.
    ufunc : callable or None
        The bare NumPy ufunc (of one or two arguments; applied left to right for more). It equals `numpy` except
        where it raises the divide flag. None when there is none; then only `numpy` is used.
    derivative : callable or None
        ``derivative(ops, value, args, index)`` is the partial derivative in argument `index`, where `value` is the
        operator applied to `args`. Uses Python arithmetic and `ops` only, so it serves expressions and arrays.
    interval : callable
        Takes ``(lo, hi)`` pairs and returns one that contains every defined value.
    domain : callable or None
        Takes arrays and returns a mask; None when defined everywhere.
    inside : callable or None
        Takes ``(lo, hi)`` pairs; True only if the whole box lies in the domain. None when defined everywhere.
    spelling : mapping of str to str
        Template per target in `TARGETS`, filled with ``str.format``; ``{0}`` and ``{1}`` are the arguments. Operators
        of any arity are filled left to right, two at a time. The ``sympy`` entry is the name of SymPy's class.
        Names that start with ``cf_`` are helpers which the export of that target supplies.
    precedence : int
        Binding strength of the infix form; `ATOM` for functions.
    complexity : int
        What one use costs.
    commutative : bool
        Whether the order of the arguments does not matter.
    """

    name: str
    arity: int | None
    numpy: Callable[..., Any]
    ufunc: Callable[..., Any] | None
    derivative: Derivative | None
    interval: Callable[..., iv.Bounds]
    domain: Callable[..., Any] | None = None
    inside: Callable[..., bool] | None = None
    spelling: Mapping[str, str] = field(default_factory=dict)
    precedence: int = ATOM
    complexity: int = 1
    commutative: bool = False

    def __repr__(self) -> str:
        return f"<operator {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Operator], tuple[str]]:
        return operator, (self.name,)


def _named(name: str) -> str:
    return rf"\operatorname{{{{{name}}}}}"


def _function(name: str, macro: str = "", **other: str) -> Mapping[str, str]:
    """Spell a function of one argument; `other` gives the targets that differ from the usual pattern."""
    usual = {
        "text": f"{name}({{0}})",
        "python": f"math.{name}({{0}})",
        "numpy": f"np.{name}({{0}})",
        "c": f"{name}({{0}})",
        "torch": f"torch.{name}({{0}})",
        "excel": f"{name.upper()}({{0}})",
        "latex": (macro or rf"\{name}") + r"\left({0}\right)",
        "sympy": name,
    }
    return MappingProxyType(usual | other)


def _infix(symbol: str, latex: str, **other: str) -> Mapping[str, str]:
    """Spell an infix operator, the same everywhere but in LaTeX and SymPy."""
    return MappingProxyType(dict.fromkeys(TARGETS[:-1], f"{{0}}{symbol}{{1}}") | {"latex": latex} | other)


def _choice(short: str, long: str) -> Mapping[str, str]:
    """Spell min or max."""
    return MappingProxyType(
        {
            "text": f"{short}({{0}}, {{1}})",
            "python": f"cf_{short}({{0}}, {{1}})",  # the built-in one drops nan
            "numpy": f"np.{long}({{0}}, {{1}})",
            "c": f"cf_{short}({{0}}, {{1}})",
            "torch": f"torch.{long}({{0}}, {{1}})",
            "excel": f"{short.upper()}({{0}}, {{1}})",
            "latex": rf"\{short}\left({{0}}, {{1}}\right)",
            "sympy": short.capitalize(),
        }
    )


def _slope(rule: Callable[[Ops, Any, Any], Any]) -> Derivative:
    """Turn the slope ``rule(ops, value, x)`` of a function of one argument into a row's entry."""
    return lambda ops, value, args, _index: rule(ops, value, args[0])


def _product_of_others(_ops: Ops, _value: Any, args: tuple[Any, ...], index: int) -> Any:
    result: Any = None
    for position, argument in enumerate(args):
        if position != index:
            result = argument if result is None else result * argument
    return result


def _power_slope(ops: Ops, value: Any, args: tuple[Any, ...], index: int) -> Any:
    base, exponent = args
    return exponent * ops.pow(base, exponent - 1) if index == 0 else ops.times_log(value, base)


def _quotient_slope(_ops: Ops, value: Any, args: tuple[Any, ...], index: int) -> Any:
    return 1 / args[1] if index == 0 else -value / args[1]


def _choice_slope(smaller: bool) -> Derivative:
    """Slope of min or max: 1 for the chosen argument, 0 for the other, one half for each at a tie."""

    def slope(ops: Ops, _value: Any, args: tuple[Any, ...], index: int) -> Any:
        lead = ops.sign(args[0] - args[1])
        return (1 - lead) / 2 if (index == 0) == smaller else (1 + lead) / 2

    return slope


_SQRT = nr.everywhere_or_nan(np.sqrt, nr.non_negative)
_LOG = nr.everywhere_or_nan(np.log, nr.positive)
_ASIN = nr.everywhere_or_nan(np.arcsin, nr.within_one)
_ACOS = nr.everywhere_or_nan(np.arccos, nr.within_one)
_DIVIDE = nr.everywhere_or_nan(np.true_divide, nr.divisor_not_zero)
_SUM, _PRODUCT = nr.chain(np.add), nr.chain(np.multiply)

# fmt: off
_ROWS = (
    Operator("pi", 0, lambda: np.pi, None, None, lambda: (math.pi, math.nextafter(math.pi, 4.0)),
             spelling=MappingProxyType({"text": "pi", "python": "math.pi", "numpy": "np.pi", "c": "M_PI",
                                        "torch": "math.pi", "excel": "PI()", "latex": r"\pi", "sympy": "pi"})),
    Operator("add", None, _SUM, np.add, lambda ops, value, args, index: 1, iv.add,
             spelling=_infix(" + ", "{0} + {1}", sympy="Add"), precedence=SUM, commutative=True),
    Operator("sub", 2, np.subtract, np.subtract, lambda ops, value, args, index: 1 - 2 * index, iv.sub,
             spelling=_infix(" - ", "{0} - {1}"), precedence=SUM),
    Operator("mul", None, _PRODUCT, np.multiply, _product_of_others, iv.mul,
             spelling=_infix("*", r"{0} \cdot {1}", sympy="Mul"), precedence=PRODUCT, commutative=True),
    Operator("div", 2, _DIVIDE, np.true_divide, _quotient_slope, iv.div, nr.divisor_not_zero, iv.never_divides_by_zero,
             _infix("/", r"\frac{{{0}}}{{{1}}}"), precedence=PRODUCT),
    Operator("neg", 1, np.negative, np.negative, _slope(lambda ops, value, x: -1), iv.neg,
             spelling=MappingProxyType(dict.fromkeys(TARGETS[:-1], "-{0}")), precedence=SIGN),
    Operator("pow", 2, nr.power, np.power, _power_slope, iv.pow, nr.power_domain, iv.power_defined,
             _infix("**", "{0}^{{{1}}}", sympy="Pow",
                    python="math.pow({0}, {1})", c="pow({0}, {1})", excel="POWER({0}, {1})"), precedence=POWER),
    Operator("exp", 1, np.exp, np.exp, _slope(lambda ops, value, x: value), iv.exp, spelling=_function("exp")),
    Operator("log", 1, _LOG, np.log, _slope(lambda ops, value, x: 1 / x), iv.log,
             nr.positive, iv.all_positive, _function("log", excel="LN({0})")),
    Operator("sqrt", 1, _SQRT, np.sqrt, _slope(lambda ops, value, x: 1 / (2 * value)), iv.sqrt,
             nr.non_negative, iv.all_non_negative, _function("sqrt", latex=r"\sqrt{{{0}}}")),
    Operator("abs", 1, np.abs, np.abs, _slope(lambda ops, value, x: ops.sign(x)), iv.absolute,
             spelling=_function("abs", python="abs({0})", c="fabs({0})", latex=r"\left|{0}\right|", sympy="Abs")),
    Operator("sign", 1, np.sign, np.sign, _slope(lambda ops, value, x: 0), iv.sign,
             spelling=_function("sign", _named("sign"), **dict.fromkeys(("python", "c", "torch"), "cf_sign({0})"))),
    Operator("sin", 1, np.sin, np.sin, _slope(lambda ops, value, x: ops.cos(x)), iv.sin, spelling=_function("sin")),
    Operator("cos", 1, np.cos, np.cos, _slope(lambda ops, value, x: -ops.sin(x)), iv.cos, spelling=_function("cos")),
    Operator("tan", 1, np.tan, np.tan, _slope(lambda ops, value, x: 1 + value * value), iv.tan,
             spelling=_function("tan")),
    Operator("asin", 1, _ASIN, np.arcsin, _slope(lambda ops, value, x: 1 / ops.sqrt(1 - x * x)), iv.asin,
             nr.within_one, iv.all_within_one, _function("asin", r"\arcsin", numpy="np.arcsin({0})")),
    Operator("acos", 1, _ACOS, np.arccos, _slope(lambda ops, value, x: -1 / ops.sqrt(1 - x * x)), iv.acos,
             nr.within_one, iv.all_within_one, _function("acos", r"\arccos", numpy="np.arccos({0})")),
    Operator("atan", 1, np.arctan, np.arctan, _slope(lambda ops, value, x: 1 / (1 + x * x)), iv.atan,
             spelling=_function("atan", r"\arctan", numpy="np.arctan({0})")),
    Operator("sinh", 1, np.sinh, np.sinh, _slope(lambda ops, value, x: ops.cosh(x)), iv.sinh,
             spelling=_function("sinh")),
    Operator("cosh", 1, np.cosh, np.cosh, _slope(lambda ops, value, x: ops.sinh(x)), iv.cosh,
             spelling=_function("cosh")),
    Operator("tanh", 1, np.tanh, np.tanh, _slope(lambda ops, value, x: 1 - value * value), iv.tanh,
             spelling=_function("tanh")),
    Operator("min", 2, np.minimum, np.minimum, _choice_slope(smaller=True), iv.minimum,
             spelling=_choice("min", "minimum"), commutative=True),
    Operator("max", 2, np.maximum, np.maximum, _choice_slope(smaller=False), iv.maximum,
             spelling=_choice("max", "maximum"), commutative=True),
)
# fmt: on

OPERATORS: Mapping[str, Operator] = MappingProxyType({row.name: row for row in _ROWS})


# What `known_operators` adds; each thread, and each task of asyncio, has its own.
_MORE: ContextVar[Mapping[str, Operator]] = ContextVar("closedform_more_operators", default=MappingProxyType({}))


@contextmanager
def known_operators(*rows: Operator) -> Iterator[None]:
    """Let the parser, and the reader of model files, know the names of own operators within a ``with`` block.

    Outside the block, and in other threads, nothing changes. Formulas themselves hold their operators as objects and
    need no block.

    Parameters
    ----------
    *rows : Operator
        Made by :func:`closedform.symbolic.own_operators.own_operator`.

    Examples
    --------
    >>> from closedform.operators import own_operator
    >>> from closedform.symbolic import Expression
    >>> cube = own_operator("cube", lambda x: x**3)
    >>> with known_operators(cube):
    ...     formula = Expression.parse("cube(x) + 1")
    >>> formula.evaluate({"x": [2.0]})
    array([9.])
    """
    for row in rows:
        if not isinstance(row, Operator):
            raise InputError(f"expected operators made by own_operator(name, function), got {row!r}")
    token = _MORE.set({**_MORE.get(), **{row.name: row for row in rows}})
    try:
        yield
    finally:
        _MORE.reset(token)


def find_operator(name: str) -> Operator | None:
    """Return the row called `name`, a built-in one or one that `known_operators` lists, or None."""
    return OPERATORS.get(name) or _MORE.get().get(name)


def operator(name: str) -> Operator:
    """Return the row called `name`.

    Raises
    ------
    InputError
        If there is no such operator; the message names the nearest one.
    """
    row = find_operator(name)
    if row is None:
        hint = did_you_mean(name, OPERATORS)
        raise InputError(f"there is no operator called {name!r}{hint}; known are {', '.join(OPERATORS)}")
    return row


class ArrayOps:
    """The `Ops` of arrays: each name is the operator's own NumPy function."""

    sqrt = staticmethod(_SQRT)
    log = staticmethod(_LOG)
    sign = staticmethod(np.sign)
    sin = staticmethod(np.sin)
    cos = staticmethod(np.cos)
    sinh = staticmethod(np.sinh)
    cosh = staticmethod(np.cosh)
    pow = staticmethod(nr.power)
    times_log = staticmethod(nr.times_log)
