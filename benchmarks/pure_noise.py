"""How often is a law claimed where there is none?

    python benchmarks/pure_noise.py --tables 30 --max-time 10 --seed 0

Tables whose target has nothing to do with their columns: 50 to 2,000 rows, 1 to 10 columns, normal, uniform,
heavy-tailed and skewed noise. One line for each, with what was chosen and its R2 on 2,000 fresh rows; a formula other
than a constant counts as a claim. Exit code 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

for _place in (Path.cwd(), Path(__file__).resolve().parent.parent):  # the repository first, then the caller's modules
    sys.path.insert(0, str(_place))

from closedform import SymbolicRegressor  # noqa: E402

_ROWS = (50, 100, 300, 1000, 2000)
_COLUMNS = (1, 2, 3, 5, 10)
_FRESH = 2000
Draw = Callable[[np.random.Generator, int], np.ndarray]
NOISE: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "uniform": lambda rng, n: rng.uniform(-1, 1, n),
    "student 2": lambda rng, n: rng.standard_t(2, n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "lognormal": lambda rng, n: np.exp(rng.normal(size=n)),
    "far from 0": lambda rng, n: 1000 + rng.normal(size=n),
}
"""Laws of the target, by name."""


def table(number: int, seed: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Name, inputs and target of one table; 2,000 fresh rows stand at its end."""
    rng = np.random.default_rng([seed, number])
    n, d = _ROWS[number % len(_ROWS)], _COLUMNS[(number // len(_ROWS) + number) % len(_COLUMNS)]
    kind = list(NOISE)[number % len(NOISE)]
    inputs = rng.uniform(0.1, 5, (n + _FRESH, d)) if number % 2 else rng.normal(size=(n + _FRESH, d))
    return f"{kind}, {n} x {d}", inputs, NOISE[kind](rng, n + _FRESH)


def measured(number: int, seed: int, max_time: float) -> dict[str, object]:
    """What was chosen for one table, and how good it is on fresh rows."""
    name, X, y = table(number, seed)
    n, start = len(y) - _FRESH, time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SymbolicRegressor(max_time=max_time, random_state=seed).fit(X[:n], y[:n])
        seconds = time.monotonic() - start
        fresh = model.predict(X[n:], outside="nan")
    seen = np.isfinite(fresh)
    r2 = 1 - float(np.mean((y[n:][seen] - fresh[seen]) ** 2) / np.var(y[n:][seen]))
    row: dict[str, object] = {"table": number, "noise": name, "claim": bool(model.expression_.variables)}
    row |= {"status": model.status_.value, "seconds": round(seconds, 1)}
    return row | {"formula": str(model.expression_), "r2": round(r2, 4)}


def main() -> int:
    """Fit all tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=30)
    parser.add_argument("--first", type=int, default=0, help="number of the first table")
    parser.add_argument("--max-time", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    claims = 0
    for number in range(given.first, given.first + given.tables):
        row = measured(number, given.seed, given.max_time)
        claims += bool(row["claim"])
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
    sys.stdout.write(f"{claims} of {given.tables} tables of pure noise yield a claim\n")
    return int(claims > 0)


if __name__ == "__main__":
    sys.exit(main())
