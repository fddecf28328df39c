"""Do all exports of a formula compute what ``predict`` computes?

    python benchmarks/agreement.py results/lies.jsonl --data-dir DIR
    python benchmarks/agreement.py --data-dir DIR --sets feynman,classic

Takes the formulas of a result file (or the true formulas of some sets), draws fresh rows from the ranges of their
problems, and compares ``Expression.evaluate`` with the exported NumPy code, the exported C code, compiled, and SymPy's
``lambdify``, row by row. Where the formula has no value the exports must have none either; SymPy may have one, because
it simplifies. A deviation that the last bit of the inputs explains (a sine of a million radians) is listed, but is no
disagreement. Ends with exit code 1 if a target disagrees anywhere.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.problems import Problem, choose, read_set
from benchmarks.runner import read_rows
from closedform import Expression

TARGETS = ("numpy", "c", "sympy")


@dataclass
class Case:
    """One formula on its rows, and what was found."""

    set: str
    name: str
    expression: Expression
    columns: dict[str, np.ndarray]
    deviations: dict[str, float] = field(default_factory=dict)  # largest relative one; inf: a value where there is none
    unexplained: dict[str, float] = field(default_factory=dict)  # the same beyond what the last bit of the inputs does
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> list[np.ndarray]:
        """The columns in the order of the formula's variables."""
        return [self.columns[name] for name in self.expression.variables]

    @property
    def values(self) -> np.ndarray:
        """What ``predict`` says."""
        return self.expression.evaluate(self.columns)

    def agrees(self, target: str, tolerance: float) -> bool:
        """Whether the target was computed and stays within the tolerance on every row."""
        return target in self.deviations and self.deviations[target] <= tolerance

    def is_explained(self, target: str, tolerance: float) -> bool:
        """Whether the target agrees, or is off by no more than rounding the inputs would be."""
        return target in self.unexplained and self.unexplained[target] <= tolerance

    def rounding(self) -> np.ndarray:
        """How far the value of each row moves when the inputs move in their last bit."""
        values, moved = self.values, np.zeros(len(self.values))
        for name in self.expression.variables:
            for side in (-np.inf, np.inf):
                nearby = {**self.columns, name: np.nextafter(self.columns[name], side)}
                moved = np.fmax(moved, np.abs(self.expression.evaluate(nearby) - values))
        return moved


# ------------------------------------------------------------------------------------------------ where they come from


def cases_of_results(path: Path, data_dir: Path, n_rows: int, seed: int) -> tuple[list[Case], list[str]]:
    """The formulas of a result file; and one line for each that could not be used."""
    problems: dict[str, dict[str, Problem]] = {}
    cases, skipped = [], []
    for row in read_rows(path):
        if row.get("equation") is None:
            skipped.append(f"{row['set']}/{row['name']}: no formula ({row.get('status')})")
            continue
        if row["set"] not in problems:
            problems[row["set"]] = {problem.name: problem for problem in read_set(data_dir / f"{row['set']}.csv")}
        problem = problems[row["set"]][row["name"]]
        names = row.get("variables") or problem.names
        _add(cases, skipped, problem, row["equation"], names, n_rows, seed)
    return cases, skipped


def cases_of_truths(problems: Iterable[Problem], n_rows: int, seed: int) -> tuple[list[Case], list[str]]:
    """The true formulas of the problems."""
    cases: list[Case] = []
    skipped: list[str] = []
    for problem in problems:
        _add(cases, skipped, problem, problem.text, problem.names, n_rows, seed)
    return cases, skipped


def _add(
    cases: list[Case], skipped: list[str], problem: Problem, text: str, names: Sequence[str], n_rows: int, seed: int
) -> None:
    try:
        expression = Expression.parse(text, names)
    except ValueError as error:
        skipped.append(f"{problem.set}/{problem.name}: {str(error).splitlines()[0]}")
        return
    X, _ = problem.test_rows(n_rows, seed)
    cases.append(Case(problem.set, problem.name, expression, dict(zip(names, X.T, strict=True))))


# ------------------------------------------------------------------------------------------------ the targets


def numpy_values(case: Case, index: int, folder: Path) -> np.ndarray:
    """Values of the exported NumPy code, saved and imported."""
    path = folder / f"exported_{index}.py"
    path.write_text(case.expression.code("numpy"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    values: np.ndarray = module.formula(*case.arguments)
    return values


def sympy_values(case: Case) -> np.ndarray:
    """Values of SymPy's own NumPy code."""
    import sympy

    symbols = [sympy.Symbol(name) for name in case.expression.variables]
    with np.errstate(all="ignore"):
        return np.asarray(sympy.lambdify(symbols, case.expression.sympy(), "numpy")(*case.arguments))


def compile_all(cases: Sequence[Case], folder: Path) -> ctypes.CDLL:
    """All exported C functions in one library; the one of case ``i`` is called for many rows by ``rows_<i>``."""
    text = ""
    for index, case in enumerate(cases):
        source = case.expression.code("c")
        # every source is complete by itself; names of its own let them stand in one file
        own = ["formula", *re.findall(r"static double (cf_\w+)", source)]
        values = ", ".join(f"columns[{column}*n + i]" for column in range(len(case.expression.variables)))
        text += "".join(f"#define {name} {name}_{index}\n" for name in own) + source
        text += f"void rows_{index}(const double *columns, double *out, long n)\n"
        text += f"{{ (void)columns; for (long i = 0; i < n; i++) out[i] = formula({values}); }}\n"
        text += "".join(f"#undef {name}\n" for name in own)
    path, library = folder / "exported.c", folder / "exported.so"
    path.write_text(text, encoding="ascii")
    subprocess.run(["cc", "-std=c99", "-O2", "-fPIC", "-shared", "-o", str(library), str(path), "-lm"], check=True)
    return ctypes.CDLL(str(library))


def c_values(case: Case, index: int, library: ctypes.CDLL) -> np.ndarray:
    """Values of the compiled C function."""
    n_rows = len(next(iter(case.columns.values())))
    table = np.ascontiguousarray(case.arguments, dtype=float)
    out = np.empty(n_rows)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (table, out)]
    library[f"rows_{index}"](*pointers, ctypes.c_long(n_rows))
    return out


# ------------------------------------------------------------------------------------------------ the comparison


def deviation(expected: np.ndarray, got: np.ndarray, slack: np.ndarray | float = 0.0, wider: bool = False) -> float:
    """Largest relative deviation over the rows: inf where only one of both has a value.

    Parameters
    ----------
    expected, got : ndarray of shape (n_rows,)
        Values of ``predict`` and of the target.
    slack : ndarray of shape (n_rows,) or float
        Absolute deviation of each row that does not count.
    wider : bool
        Whether the target may have a value where ``predict`` has none.
    """
    defined = np.isfinite(expected)
    if np.iscomplexobj(got) or not np.isfinite(got[defined]).all() or (not wider and np.isfinite(got[~defined]).any()):
        return float("inf")
    difference = np.maximum(np.abs(got - expected) - slack, 0.0)[defined]
    size = np.abs(expected[defined])
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.max(np.where(difference == 0, 0.0, difference / size), initial=0.0))


def check(cases: Sequence[Case]) -> None:
    """Fill in the deviations of all targets; a target that fails has its error instead."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = compile_all(cases, folder)
        for index, case in enumerate(cases):
            expected = case.values
            for target in TARGETS:
                try:
                    if target == "c":
                        got = c_values(case, index, library)
                    else:
                        got = numpy_values(case, index, folder) if target == "numpy" else sympy_values(case)
                    got = np.broadcast_to(got, expected.shape)
                except Exception as error:  # an export that fails in any way is the finding
                    case.errors[target] = f"{type(error).__name__}: {error}"
                else:
                    wider = target == "sympy"
                    case.deviations[target] = deviation(expected, got, wider=wider)
                    case.unexplained[target] = deviation(expected, got, 4 * case.rounding(), wider)


def summary(cases: Sequence[Case], skipped: Sequence[str], tolerance: float) -> str:
    """A table of how many formulas agree in each set, and each disagreement by name."""
    lines = [f"{'set':20s} {'formulas':>8s} " + "".join(f"{target:>8s}" for target in TARGETS) + "  largest deviation"]
    for name in [*dict.fromkeys(case.set for case in cases), "all"]:
        chosen = [case for case in cases if name in (case.set, "all")]
        counts = [sum(case.agrees(target, tolerance) for case in chosen) for target in TARGETS]
        worst = max((value for case in chosen for value in case.deviations.values()), default=0.0)
        lines.append(f"{name:20s} {len(chosen):8d} " + "".join(f"{count:8d}" for count in counts) + f"  {worst:.1e}")
    for case in cases:
        for target in TARGETS:
            if not case.agrees(target, tolerance):
                word = "rounding" if case.is_explained(target, tolerance) else "DISAGREES"
                found = case.errors.get(target) or f"deviation {case.deviations[target]:.1e}"
                lines.append(f"{word} {case.set}/{case.name} {target}: {found}; {case.expression}")
    undefined = sum(not np.isfinite(case.values).all() for case in cases)
    lines.append(f"{undefined} formulas have rows without a value; {len(skipped)} lines hold no readable formula")
    return "\n".join([*lines, *(f"skipped {line}" for line in skipped)])


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; 0 if everything agrees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="?", help="JSON lines of benchmarks/formulas.py")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with the tables of formulas")
    parser.add_argument("--sets", help="check the true formulas of these sets, joined by commas, instead of results")
    parser.add_argument("--n-rows", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tolerance", type=float, default=1e-9, help="largest relative deviation of any row")
    parser.add_argument("--json", type=Path, help="write the deviations of each formula here, as JSON lines")
    given = parser.parse_args(argv)
    if (given.results is None) == (given.sets is None):
        parser.error("give either a result file or --sets")
    if given.results is not None:
        cases, skipped = cases_of_results(given.results, given.data_dir, given.n_rows, given.seed)
    else:
        cases, skipped = cases_of_truths(choose(given.data_dir, given.sets.split(",")), given.n_rows, given.seed)
    check(cases)
    if given.json is not None:
        rows = [
            {"set": c.set, "name": c.name, "equation": str(c.expression), **c.deviations, **c.errors} for c in cases
        ]
        given.json.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print(summary(cases, skipped, given.tolerance))
    return 0 if all(case.is_explained(target, given.tolerance) for case in cases for target in TARGETS) else 1


if __name__ == "__main__":
    sys.exit(main())
