"""Do the exports of a fitted formula compute what ``predict`` computes?"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scoring_numeric import largest_deviation


def compare_exports(estimator: Any, frame: Any) -> dict[str, float | str | None]:
    """Largest relative deviation from ``predict`` of NumPy code, compiled C code and SymPy, rows of ``frame``.

    A target that fails has the error in place of the number. Nothing where the estimator has no ``expression_``.
    """
    expression = getattr(estimator, "expression_", None)
    if expression is None:
        return {}
    reference = np.asarray(estimator.predict(frame), dtype=float)
    columns = [frame[name].to_numpy(dtype=float) for name in expression.variables]
    found: dict[str, float | str | None] = {}
    for target, compute in (("numpy", _numpy), ("c", _c), ("sympy", _sympy)):
        try:
            with np.errstate(all="ignore"):
                values = np.broadcast_to(np.asarray(compute(expression, columns), dtype=float), reference.shape)
        except Exception as error:  # an export that fails in any way is the finding
            found[target] = f"{type(error).__name__}: {error}"[:300]
        else:
            found[target] = largest_deviation(values, reference)
    return found


def _numpy(expression: Any, columns: list[np.ndarray]) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exported.py"
        path.write_text(expression.code("numpy"), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("exported", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module.formula(*columns)


def _c(expression: Any, columns: list[np.ndarray]) -> np.ndarray:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise FileNotFoundError("no C compiler")
    source = expression.code("c")
    arguments = re.search(r"^double formula\((.*)\)", source, re.MULTILINE).group(1).count("double")
    call = ", ".join(f"columns[{k}*n + i]" for k in range(arguments))
    source += (
        "void formula_rows(const double *columns, double *out, long n)\n"
        f"{{ for (long i = 0; i < n; i++) out[i] = formula({call}); (void)columns; }}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exported.c"
        path.write_text(source, encoding="utf-8")
        library = path.with_suffix(".so")
        subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", str(path), "-o", str(library), "-lm"],
            check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        rows = ctypes.CDLL(str(library)).formula_rows
        rows.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
        n_rows = len(columns[0]) if columns else 1
        block = np.ascontiguousarray(np.vstack(columns) if columns else np.zeros((1, 1)))
        out = np.empty(n_rows)
        rows(block.ctypes.data, out.ctypes.data, n_rows)
    return out


def _sympy(expression: Any, columns: list[np.ndarray]) -> np.ndarray:
    import sympy

    symbols = [sympy.Symbol(name) for name in expression.variables]
    return sympy.lambdify(symbols, expression.sympy(), modules=["numpy", "scipy"])(*columns)
