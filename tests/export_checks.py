"""How exported code is run in the tests, and how closely two programs of one formula must agree.

Two correct programs differ in the last bits of ``exp``, ``sin``, ``pow`` and the like, and a formula may blow such a
difference up without bound. :func:`compare` follows the differences through the formula to first order. Rows where
they stay small must agree, rows where they decide the outcome (the sign below a root, a jump) are left out.
"""

from __future__ import annotations

import ctypes
import itertools
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from closedform.symbolic import Expression
from closedform.symbolic.export._helpers import HELPERS
from closedform.symbolic.operators import ArrayOps

# Operators that IEEE 754 rounds correctly: the same arguments give the same bits everywhere.
_EXACT = frozenset({"add", "sub", "mul", "div", "neg", "abs", "sqrt", "sign", "min", "max", "pi"})
_ULPS = 16.0  # what a library function may be off by; powers by repeated products too
_EPS = float(np.finfo(float).eps)

SPECIAL = (-37.5, -2.0, -1.0, -0.5, -1e-3, 0.0, 0.25, 1.0, 1.5, 3.0, 40.0, 800.0)


def grid(names: Sequence[str] = ("x", "y")) -> dict[str, np.ndarray]:
    """All combinations of telling values, and some ordinary ones."""
    special = np.array(list(itertools.product(SPECIAL, repeat=len(names))))
    ordinary = np.random.default_rng(7).uniform(-3.0, 3.0, (60, len(names)))
    return dict(zip(names, np.vstack([special, ordinary]).T.copy(), strict=True))


def load_python(source: str) -> ModuleType:
    """Run exported Python source as a module, as saving and importing it would."""
    module = ModuleType("exported")
    exec(compile(source, "exported.py", "exec"), module.__dict__)
    return module


def compile_c(sources: Sequence[str], n_arguments: Sequence[int], folder: Path) -> list[Callable[..., np.ndarray]]:
    """Compile C functions called ``formula`` with all warnings on, into one library.

    Returns
    -------
    list of callables
        Each takes one array per argument (a formula without arguments: none) and returns the values.
    """
    text = ""
    for index, (source, count) in enumerate(zip(sources, n_arguments, strict=True)):
        # one translation unit is compiled much faster than many: each source gets names of its own
        own = ["formula", *HELPERS["c"]]
        text += "".join(f"#define {name} {name}_{index}\n" for name in own)
        text += source.replace("\ndouble formula(", "\nstatic double formula(")
        values = ", ".join(f"columns[{column}*n + i]" for column in range(count))
        signature = f"void rows_{index}(const double *columns, double *out, long n)"
        loop = f"(void)columns; for (long i = 0; i < n; i++) out[i] = formula({values});"
        text += f"{signature};\n{signature}\n{{ {loop} }}\n" + "".join(f"#undef {name}\n" for name in own)
    path, library = folder / "formulas.c", folder / "formulas.so"
    path.write_text(text, encoding="ascii")
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-pedantic", "-fPIC", "-shared"]
    subprocess.run(["cc", *flags, "-o", str(library), str(path), "-lm"], check=True, timeout=100)
    loaded = ctypes.CDLL(str(library))
    return [_rows(getattr(loaded, f"rows_{index}")) for index in range(len(sources))]


def _rows(function: Callable[..., object]) -> Callable[..., np.ndarray]:
    def values(*columns: np.ndarray) -> np.ndarray:
        table = np.ascontiguousarray(columns, dtype=float)
        out = np.empty(table.shape[1] if columns else 1)
        pointers = [array.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for array in (table, out)]
        function(*pointers, ctypes.c_long(len(out)))
        return out

    return values


def tolerance(expression: Expression, columns: Mapping[str, np.ndarray], rearranged: bool = False) -> np.ndarray:
    """How far apart two correct programs may be on each row: nan where anything may happen.

    Parameters
    ----------
    expression : Expression
        The formula.
    columns : mapping of str to ndarray
        The rows.
    rearranged : bool
        Whether the other program may do the arithmetic in another order, as SymPy does.
    """
    n_rows = len(next(iter(columns.values())))

    def bound(node: Expression, args: tuple[tuple[np.ndarray, np.ndarray], ...]) -> tuple[np.ndarray, np.ndarray]:
        if node.kind == "variable":
            return columns[node.name], np.zeros(n_rows)
        if node.kind == "constant":
            return np.full(n_rows, float(node.value)), np.zeros(n_rows)
        values = tuple(value for value, _ in args)
        value = np.broadcast_to(node.op.numpy(*values), (n_rows,)).astype(float)
        error = np.zeros(n_rows)
        for index, (_, off) in enumerate(args):
            slope = np.abs(node.op.derivative(ArrayOps, value, values, index)) if node.op.derivative else 0.0
            error = error + np.where(off == 0, 0.0, slope * off)
        ulps = _ULPS if node.op.name not in _EXACT else np.where(error > 0, 1.0, 2.0 * rearranged)
        error = error + ulps * _EPS * np.abs(value)
        error[~np.isfinite(value)] = 0.0
        shaky = _is_decisive(node, args) | (error > 1e-6 * np.abs(value))
        # close to overflow one program may be infinite where the other is not; denormal numbers have few digits
        shaky |= (error > 0) & np.isfinite(value) & ((np.abs(value) > 1e300) | (np.abs(value) < 1e-290))
        shaky |= np.logical_or.reduce([np.isnan(off) for _, off in args]) if args else False
        return value, np.where(shaky, np.nan, error)

    with np.errstate(all="ignore"):
        return expression.fold(bound)[1]


def _is_decisive(node: Expression, args: tuple[tuple[np.ndarray, np.ndarray], ...]) -> np.ndarray:
    """Rows where a small difference decides whether there is a value, or which one."""
    (value, off), *others = args or ((np.array(1.0), np.array(0.0)),)
    near_zero = (off > 0) & (np.abs(value) <= 4 * off)
    name = node.op.name
    if name in ("log", "sqrt", "sign"):
        return near_zero
    if name in ("asin", "acos"):
        return (off > 0) & (np.abs(np.abs(value) - 1) <= 4 * off)
    if name == "div":
        return (others[0][1] > 0) & (np.abs(others[0][0]) <= 4 * others[0][1])
    if name == "pow":
        return near_zero | ((value <= 0) & (others[0][1] > 0))
    return np.zeros(np.shape(value), dtype=bool)


def compare(name: str, expression: Expression, expected: np.ndarray, got: np.ndarray, allowed: np.ndarray) -> None:
    """Assert agreement to 1e-9 relative, and no value where the formula has none."""
    sure = ~np.isnan(allowed)
    defined = np.isfinite(expected)
    wrong = sure & (defined != np.isfinite(got))
    assert not wrong.any(), f"{name}: {expression}: {expected[wrong][0]} here, {got[wrong][0]} there"
    both = sure & defined & np.isfinite(got)
    difference = np.abs(expected[both] - got[both])
    wrong = difference > 1e-9 * np.abs(expected[both]) + 4 * allowed[both]
    assert not wrong.any(), f"{name}: {expression}: {expected[both][wrong][0]} here, {got[both][wrong][0]} there"
