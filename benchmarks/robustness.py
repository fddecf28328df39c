"""Random tables of every awkward kind: does each fit end, and is each prediction finite, also far outside the range?

    python -m benchmarks.robustness --tables 1000 --seed 0 --max-seconds 300

A failure is an exception, a warning other than `DataWarning`, a prediction that is not finite, a second fit with the
same seed that predicts something else, or predictions for the training rows that lie absurdly far outside the target.
Failures are printed with the seed that makes the table again (``--only SEED``).
"""

from __future__ import annotations

import argparse
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from closedform import RANClassifier, RANRegressor
from closedform.exceptions import DataWarning, InputError

# Predictions for training rows stay within so many ranges of the target.
_FARTHEST = 3.0


@dataclass(frozen=True)
class RandomTable:
    """A table, a target and how to fit it.

    Parameters
    ----------
    frame : DataFrame
        The table.
    target : ndarray of shape (n_rows,)
        Numbers, or labels of classes.
    settings : dict
        For the estimator.
    classes : bool
        Whether the target holds classes.
    kinds : tuple of str
        What kind of column each one is.
    """

    frame: pd.DataFrame
    target: np.ndarray
    settings: Mapping[str, object]
    classes: bool
    kinds: tuple[str, ...]


def _scale(rng: np.random.Generator) -> float:
    return float(10.0 ** rng.uniform(-12, 12))


def _one_hot(rng: np.random.Generator, n: int) -> np.ndarray:
    return (rng.random(n) < rng.uniform(0.02, 0.5)).astype(float)


COLUMNS: Mapping[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.normal(size=n) * _scale(rng),
    "shifted": lambda rng, n: (rng.normal(size=n) + 10.0 ** rng.uniform(0, 12)) * _scale(rng),
    "uniform": lambda rng, n: rng.uniform(-1, 1, n) * _scale(rng),
    "constant": lambda rng, n: np.full(n, rng.normal() * _scale(rng)),
    "one_hot": _one_hot,
    "few_values": lambda rng, n: rng.integers(0, 5, n) * _scale(rng),
    "mostly_zero": lambda rng, n: _one_hot(rng, n) * rng.normal(size=n) * _scale(rng),
    "cauchy": lambda rng, n: rng.standard_cauchy(n) * _scale(rng),
    "lognormal": lambda rng, n: np.exp(10.0 * rng.normal(size=n)),
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-300,
    "huge": lambda rng, n: rng.uniform(-1, 1, n) * 1e300,
    "largest": lambda rng, n: rng.uniform(-0.4, 0.4, n) * np.finfo(float).max,
    "subnormal": lambda rng, n: rng.integers(0, 9, n) * 5e-324,
    "last_digits": lambda rng, n: 1.0 + rng.integers(0, 4, n) * np.finfo(float).eps,
    "outlier": lambda rng, n: np.where(np.arange(n) == n - 1, 1e15, rng.normal(size=n)),
    "steps": lambda rng, n: np.arange(n) * _scale(rng),
}
"""Name to a maker of numeric columns."""

_LABELS = np.array(["red", "green", "blue", "", "a & b", "red "], dtype=object)


def _column(kind: str, rng: np.random.Generator, made: pd.DataFrame, n: int) -> object:
    """One column; copies and mixtures are made of columns before it."""
    numeric = [name for name in made if made[name].dtype == np.float64]
    if kind in ("copy", "collinear") and numeric:
        source = made[numeric[int(rng.integers(len(numeric)))]].to_numpy()
        if kind == "copy":
            return source
        # Halves, so that the sum of the largest numbers is a number.
        other = made[numeric[int(rng.integers(len(numeric)))]].to_numpy()
        return source / 2 - other / 2
    if kind == "labels":
        return pd.Series(rng.choice(_LABELS[: int(rng.integers(2, 7))], size=n), dtype=object)
    if kind == "truth":
        return rng.random(n) < 0.3
    if kind == "dates":
        return pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 5000, n), unit="D")
    return COLUMNS[kind if kind in COLUMNS else "normal"](rng, n)


def _target(rng: np.random.Generator, frame: pd.DataFrame) -> np.ndarray:
    """Some columns, their products, noise; at some scale, with some outliers."""
    n = len(frame)
    score = rng.normal(size=n) * rng.choice([0.0, 0.1, 1.0])
    for name in frame:
        codes = pd.factorize(frame[name], sort=frame[name].dtype != object)[0].astype(float)
        z = codes / max(float(codes.max()), 1.0)
        score = score + rng.choice([0.0, 1.0, 3.0]) * np.sin(rng.uniform(1, 6) * z) * rng.choice([1.0, z.mean()])
    return score


def random_table(seed: int, *, largest: int = 400, widest: int = 12) -> RandomTable:
    """Make a table.

    Parameters
    ----------
    seed : int
        The same seed makes the same table.
    largest, widest : int
        Most rows and columns.
    """
    rng = np.random.default_rng(seed)
    n = int(np.exp(rng.uniform(np.log(2), np.log(largest))))
    d = int(rng.integers(1, widest + 1))
    kinds = tuple(rng.choice([*COLUMNS, "copy", "collinear", "labels", "truth", "dates"], size=d).tolist())
    frame = pd.DataFrame(index=range(n))
    for j, kind in enumerate(kinds):
        frame[f"c{j}"] = _column(kind, rng, frame, n)
        if rng.random() < 0.2:
            frame[f"c{j}"] = frame[f"c{j}"].astype(object).where(rng.random(n) > 0.2, None)
            if kind not in ("labels", "truth", "dates"):
                frame[f"c{j}"] = frame[f"c{j}"].astype(float)
    score = _target(rng, frame)
    settings: dict[str, object] = {"random_state": 0, "max_time": 20.0}
    settings["extrapolation"] = str(rng.choice(["auto", "linear", "clip", "rational"]))
    if rng.random() < 0.2:
        settings["second_block"] = True
    if rng.random() < 0.3:
        count = int(rng.integers(2, 4))
        target = np.minimum((pd.Series(score).rank(pct=True).to_numpy() * count).astype(int), count - 1)
        target[:2] = 0, 1
        return RandomTable(frame, target, settings, True, kinds)
    settings["loss"] = str(rng.choice(["squared", "squared", "huber", "quantile", "poisson"]))
    if settings["loss"] == "poisson":
        return RandomTable(frame, rng.poisson(np.exp(np.clip(score, -3, 6))).astype(float), settings, False, kinds)
    target = score * rng.choice([1.0, _scale(rng), 1e-300, 1e300]) + rng.choice([0.0, _scale(rng)])
    if rng.random() < 0.2:
        target[rng.integers(n)] = rng.choice([-1.0, 1.0]) * (1e6 * np.abs(target).max() if rng.random() < 0.5 else 1e12)
    return RandomTable(frame, np.clip(target, -1e307, 1e307), settings, False, kinds)


def far_rows(table: RandomTable, rng: np.random.Generator) -> pd.DataFrame:
    """Rows far outside the range, with labels never seen and cells missing."""
    far = table.frame.iloc[rng.integers(len(table.frame), size=40)].reset_index(drop=True)
    for name in far:
        if far[name].dtype == np.float64:
            values = far[name].to_numpy().copy()
            size = float(np.nanmax(np.abs(values), initial=0.0)) if np.isfinite(values).any() else 1.0
            with np.errstate(over="ignore", under="ignore"):
                away = size * rng.choice([-1e12, -10.0, 2.0, 1e3, 1e12], size=len(far))
            away = np.where(np.isfinite(away), away, np.finfo(float).max)
            away[:4] = [np.finfo(float).max, -np.finfo(float).max, 5e-324, np.nan]
            far[name] = away
        elif table.kinds[int(name[1:])] == "labels":
            far[name] = far[name].astype(object)
            far.loc[::3, name] = "never seen"
    return far


def check_table(table: RandomTable, *, again: bool = False) -> list[str]:
    """Fit and predict; what is wrong, in words.

    Parameters
    ----------
    table : RandomTable
        The table.
    again : bool
        Whether to fit a second time and compare.
    """
    model = _fitted(table)
    if model is None:
        return []
    frames = {"training rows": table.frame, "far rows": far_rows(table, np.random.default_rng(1))}
    problems = []
    for where, frame in frames.items():
        values = model.predict_proba(frame) if table.classes else model.predict(frame)
        if not np.isfinite(values).all():
            problems.append(f"{int((~np.isfinite(values)).sum())} predictions for {where} are not finite")
        elif where == "training rows" and not table.classes:
            problems += _outside(values, table.target)
        elif table.classes and not np.allclose(values.sum(axis=1), 1.0):
            problems.append(f"probabilities for {where} do not add up to 1")
    if again:
        second = _fitted(table)
        first_values, second_values = model.predict(table.frame), second.predict(table.frame)
        if not np.array_equal(first_values, second_values):
            problems.append("the same seed gives another model")
    return problems


def _fitted(table: RandomTable) -> RANRegressor | RANClassifier | None:
    model = RANClassifier() if table.classes else RANRegressor()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DataWarning)
        return model.set_params(**table.settings).fit(table.frame, table.target)


def _outside(values: np.ndarray, target: np.ndarray) -> list[str]:
    low, high = float(target.min()), float(target.max())
    room = _FARTHEST * (high - low) + 1e-9 * max(abs(low), abs(high)) + 1e-9 * (low >= 0)
    with np.errstate(over="ignore"):
        wrong = (values < low - room) | (values > high + room)
    return [f"{int(wrong.sum())} predictions for training rows lie far outside the target"] if wrong.any() else []


def problems_of(seed: int, *, again: bool = False) -> list[str]:
    """What is wrong with the fit to the table of this seed; an exception is one problem."""
    table = random_table(seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DataWarning)
            return check_table(table, again=again)
    except InputError as error:
        return [f"refused: {error}"]
    except Exception as error:  # whatever it is, it is what this script looks for
        where = traceback.extract_tb(error.__traceback__)[-1]
        return [f"{type(error).__name__}: {error} ({where.filename.rsplit('/', 1)[-1]}:{where.lineno})"]


def main(arguments: list[str] | None = None) -> int:
    """Run the tables; the exit status is 1 where any failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first table")
    parser.add_argument("--only", type=int, help="one table, with its traceback")
    parser.add_argument("--max-seconds", type=float, default=np.inf)
    options = parser.parse_args(arguments)
    if options.only is not None:
        table = random_table(options.only)
        print(f"{table.frame.shape} {table.kinds} {dict(table.settings)}")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DataWarning)
            print(check_table(table))
        return 0
    start, failed, done, slowest = time.perf_counter(), 0, 0, (0.0, 0)
    for seed in range(options.seed, options.seed + options.tables):
        before = time.perf_counter()
        if before - start > options.max_seconds:
            break
        found = problems_of(seed, again=seed % 10 == 0)
        slowest = max(slowest, (time.perf_counter() - before, seed))
        done += 1
        failed += bool(found)
        for problem in found:
            print(f"seed {seed}: {problem}", flush=True)
    seconds = time.perf_counter() - start
    print(f"{done} tables, {failed} failed, {seconds:.0f} s, slowest {slowest[0]:.1f} s (seed {slowest[1]})")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
