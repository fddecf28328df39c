"""The formulas to be found: reading their tables, drawing their rows.

A table is a CSV file with the columns ``set, name, n_variables, expression, variables, ...``, where ``variables``
lists ``name:distribution:low:high`` joined by ``;``. The formula itself is read by
:mod:`benchmarks.scoring_tree`, not by the package that is being measured.
"""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.scoring_tree import Formula, read_formula

DISTRIBUTIONS = ("uniform", "loguniform", "int", "signed_loguniform", "signed_int")

# Streams of random numbers that must not depend on one another: more noise leaves the inputs as they were.
TRAIN, TEST, NOISE, JUDGE = range(4)

# Base units of the column `units`, and what it calls the target.
UNITS = ("m", "s", "kg", "K", "V")
TARGET = "target"

# Sets whose source stores single precision and draws again where the target would be lost in it.
SINGLE_PRECISION_SETS = ("srsd", "srsd_dummy")


@dataclass(frozen=True)
class Variable:
    """One input and the distribution its values are drawn from."""

    name: str
    distribution: str
    low: float
    high: float

    @property
    def sign(self) -> int:
        """+1 or -1 where all values have that sign (zero included), else 0."""
        if self.distribution.startswith("signed_"):
            return 0
        return 1 if self.low >= 0 else -1 if self.high <= 0 else 0

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n values."""
        kind = self.distribution.removeprefix("signed_")
        if kind == "uniform":
            values = rng.uniform(self.low, self.high, n)
        elif kind == "int":
            values = rng.integers(int(self.low), int(self.high) + 1, n).astype(float)
        else:
            side = 1.0 if self.low > 0 else -1.0
            near, far = sorted((math.log(abs(self.low)), math.log(abs(self.high))))
            values = side * np.exp(rng.uniform(near, far, n))
        if self.distribution.startswith("signed_"):
            values *= rng.choice([-1.0, 1.0], n)
        return values

    def wider(self) -> Variable:
        """The same variable on a range twice as wide (in the logarithm where it is drawn there).

        A variable of one sign keeps it: a length stays positive, and what cannot go below goes on top.
        """
        low, high = self.low, self.high
        if self.distribution.endswith("loguniform"):
            side = math.copysign(1.0, low)
            near, far = sorted((abs(low), abs(high)))
            stretch = math.sqrt(far / near)
            low, high = sorted((side * near / stretch, side * far * stretch))
            return Variable(self.name, self.distribution, low, high)
        width = high - low
        low, high = low - width / 2, high + width / 2
        if self.low >= 0:
            shift = max(0.0, self.low / 2 - low)
            low, high = low + shift, high + shift
        elif self.high <= 0:
            shift = max(0.0, high - self.high / 2)
            low, high = low - shift, high - shift
        if self.distribution.endswith("int"):
            low, high = math.floor(low), math.ceil(high)
        return Variable(self.name, self.distribution, float(low), float(high))

    def far(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n values from ten times below to ten times above the range, signs kept."""
        top = 10.0 * max(abs(self.low), abs(self.high))
        if self.sign == 0 and not self.distribution.startswith("signed_"):
            values = rng.uniform(-top, top, n)
        else:
            bottom = max(min(abs(self.low), abs(self.high)), top * 1e-4) / 10.0
            values = np.exp(rng.uniform(math.log(bottom), math.log(top), n))
            values *= rng.choice([-1.0, 1.0], n) if self.sign == 0 else float(self.sign)
        return np.rint(values) if self.distribution.endswith("int") else values


def read_variables(text: str) -> tuple[Variable, ...]:
    """``'a:uniform:0:1;b:int:1:9'`` as variables."""
    found = []
    for item in text.split(";"):
        parts = item.split(":")
        if len(parts) != 4 or parts[1] not in DISTRIBUTIONS:
            raise ValueError(f"expected name:distribution:low:high with one of {DISTRIBUTIONS}, got {item!r}")
        low, high = float(parts[2]), float(parts[3])
        if not low < high:
            raise ValueError(f"the range of {parts[0]} is empty: {item!r}")
        found.append(Variable(parts[0], parts[1], low, high))
    return tuple(found)


def read_unit_exponents(text: str) -> tuple[tuple[str, str], ...]:
    """``'v:1:-1:0:0:0;target:...'`` (exponents of metre, second, kilogram, kelvin, volt) as units that pint reads."""
    units = []
    for item in filter(None, text.split(";")):
        name, *exponents = item.split(":")
        if len(exponents) != len(UNITS):
            raise ValueError(f"expected name and exponents of {', '.join(UNITS)}, got {item!r}")
        pieces = [f"{unit}^({e})" for unit, e in zip(UNITS, exponents, strict=True) if e != "0"]
        units.append((name, "*".join(pieces) or "1"))
    return tuple(units)


@dataclass(frozen=True)
class Problem:
    """A formula with the ranges of its variables."""

    set: str
    name: str
    text: str
    variables: tuple[Variable, ...]
    notes: str = ""
    units: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs, those without any effect included."""
        return tuple(v.name for v in self.variables)

    @property
    def formula(self) -> Formula:
        """The formula, read."""
        return read_formula(self.text, self.names)

    def rng(self, seed: int, stream: int) -> np.random.Generator:
        """A generator of this problem alone: the order of a run does not matter."""
        return np.random.default_rng([seed, zlib.crc32(self.set.encode()), zlib.crc32(self.name.encode()), stream])

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw n rows with a finite target: inputs (n, n_variables) and clean targets (n,)."""
        formula, inputs, targets, have = self.formula, [], [], 0
        for _ in range(1000):
            X = np.column_stack([v.draw(n, rng) for v in self.variables])
            y = formula.values(dict(zip(self.names, X.T, strict=True)))
            ok = np.isfinite(y)
            if self.set in SINGLE_PRECISION_SETS:
                info = np.finfo(np.float32)
                ok &= (np.abs(y) >= info.tiny) & (np.abs(y) <= info.max)
            inputs.append(X[ok])
            targets.append(y[ok])
            have += int(ok.sum())
            if have >= n:
                return np.concatenate(inputs)[:n], np.concatenate(targets)[:n]
        raise ValueError(f"{self.set}/{self.name}: only {have} of {n} rows have a finite target")

    def training_rows(self, n: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows to learn from; Gaussian noise of standard deviation ``noise * rms(y)`` on the target."""
        X, y = self.draw(n, self.rng(seed, TRAIN))
        if noise > 0:
            peak = float(np.abs(y).max())
            rms = peak * math.sqrt(float(np.mean((y / peak) ** 2))) if peak > 0 else 0.0
            y = y + self.rng(seed, NOISE).normal(0.0, 1.0, n) * (noise * rms)
        return X, y

    def test_rows(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Fresh clean rows from the same ranges."""
        return self.draw(n, self.rng(seed, TEST))


def read_set(path: Path) -> list[Problem]:
    """The problems of one CSV table."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    missing = {"set", "name", "expression", "variables"} - set(rows[0] if rows else ())
    if missing:
        raise ValueError(f"{path} is not a table of formulas: no column {', '.join(sorted(missing))}")
    return [
        Problem(
            r["set"], r["name"], r["expression"], read_variables(r["variables"]), r.get("notes") or "",
            read_unit_exponents(r.get("units") or ""),
        )
        for r in rows
    ]  # fmt: skip


def choose(
    data_dir: Path, sets: Iterable[str], names: Iterable[str] | None = None, every: int = 1, offset: int = 0,
    without: str | None = None,
) -> list[Problem]:  # fmt: skip
    """Problems of some sets; of each set only those named, or each ``every``-th from ``offset`` on.

    Those whose notes contain the text ``without`` are left out before they are counted.
    """
    wanted = None if names is None else set(names)
    chosen: list[Problem] = []
    for name in sets:
        path = data_dir / f"{name}.csv"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in data_dir.glob("*.csv")))
            raise ValueError(f"no set {name!r} in {data_dir}; there are: {known or 'none'}")
        problems = read_set(path)
        if without:
            problems = [p for p in problems if without not in p.notes]
        if wanted is not None:
            problems = [p for p in problems if p.name in wanted]
        chosen += problems[offset::every]
    if wanted is not None and (unknown := wanted - {p.name for p in chosen}) and every == 1:
        raise ValueError(f"no such problem in these sets: {', '.join(sorted(unknown))}")
    return chosen
