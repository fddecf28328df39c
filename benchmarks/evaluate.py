"""How much evaluating an expression costs against NumPy written by hand.

Prints one JSON line. Run with ``python benchmarks/evaluate.py``.

Both sides get the same columns and the same formula. The hand-written side is the best of three: the formula as one
would type it; every operation writing to a preallocated array; and that in blocks of rows that fit the cache. The
sides take turns in one process; the ratio is the median of the ratios of neighbouring runs.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np

from closedform import Expression
from closedform.symbolic.evaluate import evaluate

FORMULA = "2.5*x**2*exp(-0.5*y) + sqrt(x*x + y*y)/(z + 3.0) - log(z)"


def typed(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the formula's values as one would type it."""
    return 2.5 * x**2 * np.exp(-0.5 * y) + np.sqrt(x * x + y * y) / (z + 3.0) - np.log(z)


def buffered(x: np.ndarray, y: np.ndarray, z: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return the same without allocating: every operation writes to one of three given arrays."""
    np.multiply(x, x, out=a)
    np.multiply(y, -0.5, out=b)
    np.exp(b, out=b)
    np.multiply(a, b, out=b)
    np.multiply(b, 2.5, out=b)
    np.multiply(y, y, out=c)
    np.add(a, c, out=a)
    np.sqrt(a, out=a)
    np.add(z, 3.0, out=c)
    np.divide(a, c, out=a)
    np.add(b, a, out=b)
    np.log(z, out=c)
    np.subtract(b, c, out=b)
    return b


def blocked(x: np.ndarray, y: np.ndarray, z: np.ndarray, size: int = 16_384) -> np.ndarray:
    """Return the same in blocks of rows."""
    a, b, c = np.empty((3, size))
    result = np.empty(len(x))
    for start in range(0, len(x), size):
        rows = slice(start, min(start + size, len(x)))
        n = rows.stop - start
        result[rows] = buffered(x[rows], y[rows], z[rows], a[:n], b[:n], c[:n])
    return result


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-samples", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    x, y, z = rng.uniform(0.5, 2.0, (3, options.n_samples))
    columns = {"x": x, "y": y, "z": z}
    expression = Expression.parse(FORMULA)
    a, b, c = np.empty((3, options.n_samples))
    sides = {
        "ours": lambda: evaluate(expression, columns),
        "typed": lambda: typed(x, y, z),
        "buffered": lambda: buffered(x, y, z, a, b, c),
        "blocked": lambda: blocked(x, y, z),
    }
    for work in sides.values():
        np.testing.assert_allclose(work(), typed(x, y, z), rtol=1e-9, atol=1e-12)
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.runs):
        for name, work in sides.items():
            times[name].append(seconds(work))
    best = min(("typed", "buffered", "blocked"), key=lambda name: statistics.median(times[name]))
    ratios = [ours / hand for ours, hand in zip(times["ours"], times[best], strict=True)]
    line = {
        "benchmark": "evaluate",
        "formula": FORMULA,
        "nodes": expression.size,
        "n_samples": options.n_samples,
        "runs": options.runs,
        "seconds": {name: round(statistics.median(values), 5) for name, values in times.items()},
        "best_by_hand": best,
        "ratio": round(statistics.median(ratios), 3),
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
