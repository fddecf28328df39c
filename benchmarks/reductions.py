"""Which powers, mergers and columns without effect are found in named laws, and which of them are wrong?

    python benchmarks/reductions.py --data-dir DIR --sets engineering --every 2 --noises 0,0.01,0.1

No search: only the smaller problems that it would start from, those of the screen and that of the structure engine. A
smaller problem is right if the law without noise, divided by what was divided out, changes only where its columns do
(its gradient lies in the span of theirs). One line for each law and noise, and at the end how many variables were got
rid of rightly and wrongly, and the noise that was seen relative to the noise that there is.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

for _place in (Path.cwd(), Path(__file__).resolve().parent.parent):  # the repository first, then the caller's modules
    sys.path.insert(0, str(_place))

from benchmarks.problems import Problem as Law  # noqa: E402
from benchmarks.problems import choose  # noqa: E402
from closedform.engines.base import Problem  # noqa: E402
from closedform.library.pool import Recipe, build  # noqa: E402
from closedform.screening.view import looks, whole_view  # noqa: E402
from closedform.structure.study import study  # noqa: E402
from closedform.symbolic import Expression  # noqa: E402
from closedform.symbolic.evaluate import evaluate  # noqa: E402
from closedform.symbolic.printing import to_text  # noqa: E402

_ROWS, _PROBES = 1600, 40
_RIGHT = 1e-4


def missed(law: Law, recipes: Sequence[Recipe], factor: Recipe) -> float:
    """The share of the law's gradient that is not in the span of the columns' (median over some rows)."""
    X = law.draw(_PROBES, np.random.default_rng(5))[0]
    columns = dict(zip(law.names, X.T, strict=True))
    steps = {name: 1e-5 * float(values.std()) for name, values in columns.items()}

    def slopes(*parts: Expression) -> np.ndarray:
        def value(name: str, sign: int) -> np.ndarray:
            moved = {**columns, name: columns[name] + sign * steps[name]}
            first, *others = (evaluate(part, moved) for part in parts)
            return first / np.prod(others, axis=0)

        return np.column_stack([value(name, 1) - value(name, -1) for name in law.names])

    left = slopes(Expression.parse(law.text), build(factor))
    known = [slopes(build(recipe)) for recipe in recipes]
    shares = []
    for row, slope in enumerate(left):
        design = np.column_stack([one[row] / max(np.abs(one[row]).max(), 1e-300) for one in known])
        if np.isfinite(design).all() and np.isfinite(slope).all() and slope.any():
            rest = slope - design @ np.linalg.lstsq(design, slope, rcond=1e-9)[0]
            shares.append(float(np.linalg.norm(rest) / np.linalg.norm(slope)))
    return float(np.median(shares)) if shares else 0.0


def reductions(law: Law, noise: float, seed: int) -> tuple[dict[str, tuple[Sequence[Recipe], Recipe]], float]:
    """The smallest problem of the screen and of the structure engine, and the noise over what there is of it."""
    X, y = (part[:_ROWS] for part in law.training_rows(2000, noise, seed))
    clean = law.training_rows(2000, 0.0, seed)[1][:_ROWS]
    problem = Problem(X, y, law.names)
    seen = looks(problem, whole_view(problem))
    found = {"screen": (seen.views[0].recipes, seen.views[0].prefix)}
    forms = study(law.names, X, y).forms
    if forms:
        smallest = min(forms, key=lambda form: len(form.look.columns))
        found["structure"] = (tuple(column.recipe for column in smallest.look.columns), smallest.factor)
    return found, seen.level.sigma / (float(np.std(y - clean)) if noise else problem.scale)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with one CSV table for each set")
    parser.add_argument("--sets", required=True, help="comma-separated, e.g. feynman,engineering")
    parser.add_argument("--names", help="only these problems, comma-separated")
    parser.add_argument("--every", type=int, default=1, help="only each so-manieth")
    parser.add_argument("--offset", type=int, default=0, help="the first of them")
    parser.add_argument("--noises", default="0,0.01,0.1", help="shares of the size of the target, comma-separated")
    parser.add_argument("--seed", type=int, default=0, help="of rows and noise")
    chosen = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    names = chosen.names.split(",") if chosen.names else None
    total: dict[tuple[float, str], list[int]] = {}
    for law in choose(chosen.data_dir, chosen.sets.split(","), names, chosen.every, chosen.offset):
        for noise in map(float, chosen.noises.split(",")):
            start = time.monotonic()
            found, level = reductions(law, noise, chosen.seed)
            print(f"{law.set}/{law.name}, noise {noise:g}: seen {level:.3g}, {time.monotonic() - start:.1f} s")
            for engine, (recipes, factor) in found.items():
                right = not recipes or missed(law, recipes, factor) < _RIGHT
                total.setdefault((noise, engine), [0, 0])[0 if right else 1] += len(law.names) - len(recipes)
                texts = [to_text(build(recipe), precision=4) for recipe in (factor, *recipes)]
                print(f"    {engine}: {'' if right else 'WRONG: '}{texts[0]} * h({', '.join(texts[1:])})")
    for (noise, engine), (right, wrong) in sorted(total.items()):
        print(f"noise {noise:g}, {engine}: {right} variables fewer rightly, {wrong} wrongly")
    return 0


if __name__ == "__main__":
    sys.exit(main())
