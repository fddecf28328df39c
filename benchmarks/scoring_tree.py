"""Formulas as the judge reads them: a small tree of its own, apart from the package under test.

Two formulas are compared by what they compute, so the judge needs little: values in float64, values with many
digits, the constants, and a SymPy form. Text is read through :mod:`ast` and never evaluated as code.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Node = tuple[Any, ...]  # ("int", 2) ("const", k) ("var", name) ("pi",) or (operator, child, ...)

BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
ALIASES = {
    "Abs": "abs", "ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "Max": "max", "Min": "min",
    "fabs": "abs", "maximum": "max", "minimum": "min",
}  # fmt: skip
UNARY = ("sqrt", "exp", "log", "abs", "sign", "sin", "cos", "tan", "cot", "asin", "acos", "atan", "sinh", "cosh",
         "tanh", "harmonic")  # fmt: skip
NAMED_POWERS = {"square": 2, "cube": 3, "inv": -1}

# Beyond these the value says nothing (or takes for ever): exp of more than a million, sin of more than 1e25.
LARGEST_EXPONENT = 1e6
LARGEST_ANGLE = 1e25


class UnreadableFormula(ValueError):
    """The text is not a formula the judge can read."""


class Undefined(ArithmeticError):
    """The formula has no real value at this point."""


@dataclass(frozen=True)
class Formula:
    """A formula read from text.

    Attributes
    ----------
    root : the tree; ``("const", k)`` points into ``constants``.
    constants : the decimal numbers of the text in their order; whole numbers are part of the tree.
    literals : the same constants as they were written.
    """

    root: Node
    constants: tuple[float, ...]
    literals: tuple[str, ...]

    @property
    def variables(self) -> frozenset[str]:
        """Names that occur."""
        return frozenset(node[1] for node in walk(self.root) if node[0] == "var")

    @property
    def size(self) -> int:
        """Nodes of the tree, where a part without variables counts one."""
        return _size(self.root)[0]

    def values(self, columns: Mapping[str, np.ndarray], constants: Any = None) -> np.ndarray:
        """Values in float64, nan or inf where undefined."""
        given = self.constants if constants is None else constants
        with np.errstate(all="ignore"):
            result = np.asarray(_numpy(self.root, columns, given), dtype=float)
        n_rows = len(next(iter(columns.values())))
        return np.broadcast_to(result, (n_rows,)).copy()

    def exact_value(self, point: Mapping[str, Any], constants: Any = None) -> Any:
        """Value at one point in the current precision of mpmath; raises :class:`Undefined`."""
        import mpmath

        given = [mpmath.mpf(t) for t in self.literals] if constants is None else constants
        try:
            value = _mpmath(self.root, point, given)
        except (ZeroDivisionError, ValueError, OverflowError) as error:
            raise Undefined(str(error)) from error
        if isinstance(value, mpmath.mpc) or not mpmath.isfinite(value):
            raise Undefined("not a real number")
        return value

    def text(self) -> str:
        """Plain text with every bracket written."""
        return _text(self.root, self.literals)


def walk(node: Node) -> list[Node]:
    """All nodes of a tree."""
    found, stack = [], [node]
    while stack:
        current = stack.pop()
        found.append(current)
        stack += [child for child in current[1:] if isinstance(child, tuple)]
    return found


# ------------------------------------------------------------------------------------------------ reading


def read_formula(text: str, variables: tuple[str, ...]) -> Formula:
    """Read a formula; names must be among ``variables``, ``pi`` or known functions.

    Names in backquotes are taken as they stand; ``^`` means a power.
    """
    quoted: list[str] = []

    def keep(match: re.Match[str]) -> str:
        quoted.append(match.group(0)[1:-1].replace("``", "`"))
        return f"_quoted{len(quoted) - 1}_"

    plain = re.sub(r"`(?:[^`]|``)*`", keep, text).replace("^", "**").replace("\N{MINUS SIGN}", "-").strip()
    try:
        tree = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise UnreadableFormula(f"not a formula: {text[:200]!r}") from error
    names = {name: name for name in variables} | {f"_quoted{k}_": name for k, name in enumerate(quoted)}
    reader = _Reader(plain, names, set(variables))
    root = reader.read(tree)
    return Formula(root, tuple(float(t) for t in reader.literals), tuple(reader.literals))


class _Reader:
    """One pass over the syntax tree."""

    def __init__(self, text: str, names: dict[str, str], variables: set[str]) -> None:
        self.text = text
        self.names = names
        self.variables = variables
        self.literals: list[str] = []

    def read(self, node: ast.AST) -> Node:
        if isinstance(node, ast.Constant):
            return self.number(node)
        if isinstance(node, ast.Name):
            return self.name(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = self.read(node.operand)
            return inner if isinstance(node.op, ast.UAdd) else ("neg", inner)
        if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            left = self.read(node.left)
            whole = self.whole_exponent(node.right) if isinstance(node.op, ast.Pow) else None
            return (BINARY[type(node.op)], left, whole or self.read(node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self.call(node.func.id, [self.read(a) for a in node.args])
        raise UnreadableFormula(f"not part of a formula: {ast.unparse(node)[:100]!r}")

    def number(self, node: ast.Constant) -> Node:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise UnreadableFormula(f"not part of a formula: {node.value!r}")
        if isinstance(node.value, int):
            return ("int", node.value)
        if not math.isfinite(node.value):
            raise UnreadableFormula("a constant is too large for float64")
        literal = ast.get_source_segment(self.text, node) or repr(node.value)
        self.literals.append(literal.replace("_", ""))
        return ("const", len(self.literals) - 1)

    def whole_exponent(self, node: ast.AST) -> Node | None:
        """An exponent such as 2.0 is the whole number 2: x**2.0 is as good for negative x."""
        sign = 1
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            sign, node = -1, node.operand
        if isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value.is_integer():
            return ("int", sign * int(node.value))
        return None

    def name(self, name: str) -> Node:
        if name in self.names:
            if self.names[name] not in self.variables:
                raise UnreadableFormula(f"unknown variable {self.names[name]!r}")
            return ("var", self.names[name])
        if name == "pi":
            return ("pi",)
        if name in ("E", "e"):
            return ("exp", ("int", 1))
        raise UnreadableFormula(f"unknown name {name!r}")

    def call(self, name: str, args: list[Node]) -> Node:
        name = ALIASES.get(name, name)
        if name in UNARY and len(args) == 1:
            return (name, args[0])
        if name in NAMED_POWERS and len(args) == 1:
            return ("pow", args[0], ("int", NAMED_POWERS[name]))
        if name == "neg" and len(args) == 1:
            return ("neg", args[0])
        if name in ("max", "min") and len(args) >= 2:
            result = args[0]
            for other in args[1:]:
                result = (name, result, other)
            return result
        raise UnreadableFormula(f"unknown function {name!r} with {len(args)} arguments")


# ------------------------------------------------------------------------------------------------ values


def _harmonic(x: np.ndarray) -> np.ndarray:
    from scipy.special import digamma

    return digamma(np.asarray(x, dtype=float) + 1.0) + np.euler_gamma


NUMPY = {
    "neg": np.negative, "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power,
    "max": np.maximum, "min": np.minimum, "abs": np.abs, "sign": np.sign, "sqrt": np.sqrt, "exp": np.exp,
    "log": np.log, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "cot": lambda x: 1.0 / np.tan(x),
    "harmonic": _harmonic,
}  # fmt: skip


def _numpy(node: Node, columns: Mapping[str, np.ndarray], constants: Any) -> Any:
    kind = node[0]
    if kind == "int":
        return np.float64(node[1])
    if kind == "const":
        return np.float64(constants[node[1]])
    if kind == "var":
        return columns[node[1]]
    if kind == "pi":
        return np.float64(math.pi)
    return NUMPY[kind](*(_numpy(child, columns, constants) for child in node[1:]))


def _mpmath(node: Node, point: Mapping[str, Any], constants: Any) -> Any:
    import mpmath

    kind = node[0]
    if kind == "int":
        return mpmath.mpf(node[1])
    if kind == "const":
        return constants[node[1]]
    if kind == "var":
        return point[node[1]]
    if kind == "pi":
        return +mpmath.pi
    return _apply(mpmath, kind, [_mpmath(child, point, constants) for child in node[1:]])


ARITHMETIC = {
    "neg": lambda a: -a, "abs": abs, "add": lambda a, b: a + b, "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b, "div": lambda a, b: a / b, "max": max, "min": min,
}  # fmt: skip


def _apply(mp: Any, kind: str, args: list[Any]) -> Any:
    """One operator with many digits, its real domain enforced."""
    if kind in ARITHMETIC:
        return ARITHMETIC[kind](*args)
    if kind == "pow":
        return _power(mp, *args)
    x = args[0]
    if (kind == "log" and x <= 0) or (kind == "sqrt" and x < 0) or (kind in ("asin", "acos") and abs(x) > 1):
        raise Undefined(f"{kind} of {x}")
    if kind in ("exp", "sinh", "cosh", "tanh") and abs(x) > LARGEST_EXPONENT:
        raise Undefined(f"{kind} of {x}")
    if kind in ("sin", "cos", "tan", "cot") and abs(x) > LARGEST_ANGLE:
        raise Undefined(f"{kind} of {x}")
    return getattr(mp, kind)(x)


def _power(mp: Any, base: Any, exponent: Any) -> Any:
    whole = mp.isint(exponent)
    if base == 0:
        if exponent < 0:
            raise Undefined("zero to a negative power")
        return mp.mpf(0 if exponent > 0 else 1)
    if base < 0 and not whole:
        raise Undefined("root of a negative number")
    if abs(exponent * mp.log(abs(base))) > LARGEST_EXPONENT:
        raise Undefined("power too large")
    return base ** int(exponent) if whole else base**exponent


# ------------------------------------------------------------------------------------------------ other forms


def _size(node: Node) -> tuple[int, bool]:
    """Number of nodes, and whether a variable occurs."""
    if node[0] == "var":
        return 1, True
    children = [_size(child) for child in node[1:] if isinstance(child, tuple)]
    if not any(varies for _, varies in children):
        return 1, False
    return 1 + sum(size for size, _ in children), True


def _text(node: Node, literals: tuple[str, ...]) -> str:
    kind = node[0]
    if kind == "int":
        return str(node[1]) if node[1] >= 0 else f"({node[1]})"
    if kind == "const":
        return literals[node[1]]
    if kind == "var":
        return node[1] if node[1].isidentifier() else "`" + node[1].replace("`", "``") + "`"
    if kind == "pi":
        return "pi"
    args = [_text(child, literals) for child in node[1:]]
    if kind == "neg":
        return f"(-{args[0]})"
    if kind == "cot":
        return f"(1/tan({args[0]}))"
    if kind in SIGNS:
        return f"({args[0]} {SIGNS[kind]} {args[1]})"
    return f"{kind}({', '.join(args)})"


def to_sympy(formula: Formula, symbols: Mapping[str, Any], *, fold: bool) -> Any:
    """The formula in SymPy, with decimals as exact fractions, or (``fold``) as floats of 30 digits, pi too."""
    import sympy

    names = {"abs": sympy.Abs, "max": sympy.Max, "min": sympy.Min}

    def number(text: str) -> Any:
        return sympy.Float(text, 30) if fold else sympy.Rational(text)

    def build(node: Node) -> Any:
        kind = node[0]
        if kind == "int":
            return sympy.Integer(node[1])
        if kind == "const":
            return number(formula.literals[node[1]])
        if kind == "var":
            return symbols[node[1]]
        if kind == "pi":
            return sympy.pi.evalf(30) if fold else sympy.pi
        args = [build(child) for child in node[1:]]
        if kind in ARITHMETIC and kind not in names:
            return ARITHMETIC[kind](*args)
        if kind == "pow":
            return args[0] ** args[1]
        return (names.get(kind) or getattr(sympy, kind))(*args)

    return build(formula.root)
