"""What a Rational ANOVA Network finds where the truth is known, and what a large table costs.

    python benchmarks/ran_figures.py
    python benchmarks/ran_figures.py --only friedman,laws --seeds 3

``friedman``: are the five columns and the one pair of Friedman's function found, and nothing in the five columns of
noise? ``laws``: error on fresh rows, and the exported formula, for laws that are rational. ``large``: seconds and
memory of a fit to many rows, and what a prediction costs.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.tabular_runner import Stopwatch, peak_memory
from closedform import Expression, RANRegressor

NOISE_COLUMNS = ("x5", "x6", "x7", "x8", "x9")
N_COLUMNS = 20
# Name, formula, ranges of its variables: a pair that is no sum, and a gas at 300 K to 600 K (CO2, litres and bar).
LAWS = (
    ("Lorentzian", "1/(1 + x**2 + y**2)", {"x": (-3.0, 3.0), "y": (-3.0, 3.0)}),
    ("van der Waals", "0.0831446*T/(V - 0.04267) - 3.64/V**2", {"T": (300.0, 600.0), "V": (0.1, 1.0)}),
    ("van der Waals, reduced", "8*T/(3*V - 1) - 3/V**2", {"T": (0.8, 2.0), "V": (0.6, 4.0)}),
)


def relative_rmse(y: np.ndarray, predicted: np.ndarray) -> float:
    """Root mean square error over the standard deviation."""
    return float(np.sqrt(np.mean((predicted - y) ** 2)) / np.std(y))


def friedman(seed: int) -> str:
    """Terms found with noise, importance of the columns without effect, and the fit without noise."""
    from sklearn.datasets import make_friedman1

    X, y = make_friedman1(2000, noise=1.0, random_state=seed)
    model = RANRegressor(random_state=seed).fit(X, y)
    shares = model.term_importances() / model.term_importances().sum()
    noise = max(
        (float(shares[term]) for term in shares.index if set(term.split(" & ")) & set(NOISE_COLUMNS)), default=0
    )
    X, y = make_friedman1(2000, noise=0.0, random_state=seed)
    fresh_X, fresh_y = make_friedman1(2000, noise=0.0, random_state=1000 + seed)
    clean = RANRegressor(random_state=seed).fit(X, y)
    return (
        f"Friedman 1, seed {seed}: terms {', '.join(model.terms_)}; largest share of a noise column {noise:.2%}; "
        f"without noise R2 {clean.score(fresh_X, fresh_y):.7f}"
    )


def law(name: str, text: str, ranges: dict[str, tuple[float, float]], seed: int) -> str:
    """Error on fresh rows after a fit to 500, and whether the exported formula is the law."""
    rng, truth = np.random.default_rng(seed), Expression.parse(text, tuple(ranges))
    table, fresh = (
        pd.DataFrame({key: rng.uniform(low, high, n) for key, (low, high) in ranges.items()}) for n in (500, 2000)
    )
    with Stopwatch() as watch:
        model = RANRegressor(random_state=seed).fit(table, truth.evaluate(table))
    exported = model.expression(beyond=False)
    same = exported.equivalent(truth)
    error = relative_rmse(truth.evaluate(fresh), model.predict(fresh))
    return (
        f"{name}, seed {seed}: relative RMSE {error:.1e}, {watch.wall:.1f} s, exported form is the law: {same!r}; "
        f"{str(exported)[:160]}"
    )


def large(n_rows: int, seed: int) -> str:
    """Seconds and memory of a fit to many rows, microseconds a row of a prediction."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n_rows, N_COLUMNS))
    y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2 + X[:, 2] * X[:, 3] + 0.1 * rng.normal(size=n_rows)
    before = peak_memory() or 0
    with Stopwatch() as watch:
        model = RANRegressor(random_state=seed).fit(X, y)
    used = (peak_memory() or 0) - before
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        model.predict(X[:100_000])
        seconds.append(time.perf_counter() - started)
    return (
        f"{n_rows:,} x {N_COLUMNS}: fit {watch.wall:.1f} s ({watch.cpu:.1f} s of processor), {used} MB above the "
        f"table of {X.nbytes // 2**20} MB; terms {', '.join(model.terms_)}; "
        f"predict {1e6 * float(np.median(seconds)) / min(n_rows, 100_000):.3f} microseconds a row"
    )


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="friedman,laws,large", help="comma-separated")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the large table")
    options = parser.parse_args(argv)
    chosen = options.only.split(",")
    if unknown := set(chosen) - {"friedman", "laws", "large"}:
        print(f"ran_figures.py: no such part: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    if "large" in chosen:  # first: what other parts leave behind is no memory of this fit
        print(large(options.rows, 0), flush=True)
    for seed in range(options.seeds):
        if "friedman" in chosen:
            print(friedman(seed), flush=True)
        if "laws" in chosen:
            for name, text, ranges in LAWS:
                print(law(name, text, ranges, seed), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
