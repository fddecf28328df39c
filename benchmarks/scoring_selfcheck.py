"""Check the judge itself: truths must pass, also with constants a little off; near misses must not.

    python benchmarks/scoring_selfcheck.py --data-dir DIR --sets feynman,classic,constants

Every formula of the sets is given to the judge as its own model (``truth``), with all its constants off by 1e-10 as a
fit leaves them (``nudged``), times a factor and plus an offset (``scaled``, ``shifted``), and as three wrong models:
with a small term too many (``extra``), bent by a factor that varies (``bent``), and as the polynomial that fits the
rows best (``fitted``; ``polynomial`` where the truth is one, and has to pass). Exit code 1 where a verdict is wrong.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sympy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.problems import Problem, choose
from benchmarks.scoring_numeric import judge_wide
from benchmarks.scoring_process import run_limited
from benchmarks.scoring_symbolic import judge
from benchmarks.scoring_tree import Formula, Node, to_sympy, walk

RIGHT = ("truth", "nudged", "scaled", "shifted", "polynomial")


def _with_floats(node: Node, literals: list[str], formula: Formula, change: float, rng: np.random.Generator) -> Node:
    """The tree with its numbers as floats that are a little off; whole exponents stay."""
    kind = node[0]
    if kind in ("const", "int", "pi"):
        value = {"const": lambda: formula.constants[node[1]], "int": lambda: node[1], "pi": lambda: np.pi}[kind]()
        literals.append(repr(float(value) * (1.0 + change * rng.uniform(-1.0, 1.0))))
        return ("const", len(literals) - 1)
    if kind == "var":
        return node
    whole = kind == "pow" and all(part[0] in ("int", "neg") for part in walk(node[2]))
    children = node[1:2] if whole else node[1:]
    changed = tuple(_with_floats(child, literals, formula, change, rng) for child in children)
    return (kind, *changed, node[2]) if whole else (kind, *changed)


def nudged(formula: Formula, change: float) -> str:
    """Text of the formula with each number off by up to ``change``."""
    literals: list[str] = []
    root = _with_floats(formula.root, literals, formula, change, np.random.default_rng(1))
    return Formula(root, tuple(map(float, literals)), tuple(literals)).text()


def _fitted(problem: Problem) -> tuple[str, str]:
    """Kind and text of the polynomial (degree up to 12 of one variable, 2 of several) that fits the rows best."""
    X, y = problem.training_rows(500, 0.0, 0)
    names = problem.names
    if len(names) == 1:
        terms = [(names[0],) * power for power in range(13)]
    else:
        terms = [c for degree in range(3) for c in itertools.combinations_with_replacement(names, degree)]
    columns = dict(zip(names, X.T, strict=True))
    matrix = np.column_stack([np.prod([columns[n] for n in term], axis=0) * np.ones(len(y)) for term in terms])
    size = np.abs(matrix).max(axis=0)
    weights = np.linalg.lstsq(matrix / size, y, rcond=None)[0] / size
    text = " + ".join("*".join([f"({w!r})", *t]) for w, t in zip(weights.tolist(), terms, strict=True))
    symbols = {name: sympy.Symbol(f"x{k}") for k, name in enumerate(names)}
    truth = to_sympy(problem.formula, symbols, fold=False)
    within = truth.is_polynomial() and sympy.Poly(truth, *symbols.values()).total_degree() <= len(terms[-1])
    return "polynomial" if within else "fitted", text


def models(problem: Problem) -> Iterator[tuple[str, str]]:
    """Kind and text of each model to judge."""
    formula = problem.formula
    text = formula.text()
    _, y = problem.training_rows(500, 0.0, 0)
    size = float(np.median(np.abs(y)))
    variable = problem.variables[0]
    unit = f"({variable.name}/{max(abs(variable.low), abs(variable.high))!r})"
    yield "truth", problem.text
    yield "nudged", nudged(formula, 1e-10)
    yield "scaled", f"{1.7!r}*({text})"
    yield "shifted", f"({text}) + {0.37 * size!r}"
    yield "extra", f"({text}) + {0.01 * size!r}*sin({unit})"
    yield "bent", f"({text})*(1 + 0.01*{unit})"
    yield _fitted(problem)


def _both(report: Callable[[dict[str, Any]], None], problem: Problem, text: str) -> None:
    judge_wide(report, problem, text)
    judge(report, problem, text)


def main(argv: list[str] | None = None) -> int:
    """Run the check; 1 where the judge is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--sets", default="feynman,classic,constants")
    parser.add_argument("--names", default=None)
    parser.add_argument("--kinds", default=None, help="only these kinds of model, comma-separated")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for one verdict")
    options = parser.parse_args(argv)
    names = options.names.split(",") if options.names else None
    kinds = options.kinds.split(",") if options.kinds else None
    wrong, parted = 0, 0
    seconds: list[float] = []
    methods: dict[tuple[str, str], int] = {}
    for problem in choose(options.data_dir, options.sets.split(","), names):
        for kind, text in models(problem):
            if kinds is not None and kind not in kinds:
                continue
            outcome = run_limited(_both, problem, text, seconds=options.limit)
            found = outcome.reported
            verdict, method = found.get("symbolic"), str(found.get("symbolic_method"))
            seconds.append(found.get("symbolic_seconds", outcome.seconds))
            methods[kind, method] = methods.get((kind, method), 0) + 1
            line = f"{problem.set}/{problem.name} {kind}: {verdict} by {method}, wide {found.get('numeric_wide')}"
            if verdict is not (kind in RIGHT):
                wrong += 1
                print(f"WRONG {line} {outcome.message} {text[:150]}", flush=True)
            elif found.get("numeric_wide") is not verdict or outcome.status != "ok":
                parted += 1
                print(f"note  {line} {outcome.message}", flush=True)
    for (kind, method), count in sorted(methods.items()):
        print(f"{kind:10s} {method:24s} {count}")
    print(f"seconds: median {np.median(seconds):.2f}, 95 % {np.quantile(seconds, 0.95):.2f}, most {max(seconds):.2f}")
    print(f"{len(seconds)} verdicts, {wrong} wrong, in {parted} the second verdict differs")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
