"""Named formulas of the literature as data generators.

>>> X, y = make_formula("Nguyen-7", n_samples=20, rng=0)
>>> X.shape, str(get_formula("Nguyen-7").expression)
((20, 1), 'log(x1 + 1) + log(x1**2 + 1)')
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedform.datasets import _classic, _feynman, _laws
from closedform.exceptions import InputError, NotSupportedError, did_you_mean
from closedform.symbolic.evaluate import evaluate_with_ok
from closedform.symbolic.expression import Expression
from closedform.symbolic.parse import parse

_MOST_DRAWS = 1000


@dataclass(frozen=True)
class Range:
    """How one input is drawn: ``uniform``, ``log`` (uniform in the logarithm) or ``int`` (both ends included)."""

    name: str
    low: float
    high: float
    kind: str = "uniform"

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw `n` values."""
        if self.kind == "int":
            return rng.integers(int(self.low), int(self.high), size=n, endpoint=True).astype(np.float64)
        if self.kind == "log":
            return np.exp(rng.uniform(math.log(self.low), math.log(self.high), size=n))
        return rng.uniform(self.low, self.high, size=n)


@dataclass(frozen=True)
class NamedFormula:
    """A formula with a name and the ranges its inputs are drawn from.

    Attributes
    ----------
    name : str
        As in the literature: ``Nguyen-7``, ``Keijzer-11``, ``I.12.1``.
    collection : str
        ``nguyen``, ``keijzer``, ``feynman``, ``laws``, ...
    text : str
        The formula as text.
    ranges : tuple of Range
        One per input, in the order of the columns.
    """

    name: str
    collection: str
    text: str
    ranges: tuple[Range, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(one.name for one in self.ranges)

    @cached_property
    def expression(self) -> Expression:
        """The formula as an Expression.

        Raises
        ------
        NotSupportedError
            For the one target that has no closed form (Keijzer-6, the harmonic number).
        """
        if self.text in _WITHOUT_EXPRESSION:
            raise NotSupportedError(f"{self.name} is {self.text}, which no formula of the operators here equals.")
        return parse(self.text, variables=self.variables)

    def sample(self, n_samples: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Draw inputs and clean targets; rows where the formula has no finite value are drawn again.

        Returns
        -------
        X : ndarray of shape (n_samples, n_variables)
        y : ndarray of shape (n_samples,)
        """
        X = np.empty((n_samples, len(self.ranges)))
        y = np.empty(n_samples)
        open_rows = np.arange(n_samples)
        for _ in range(_MOST_DRAWS):
            X[open_rows] = np.column_stack([one.draw(len(open_rows), rng) for one in self.ranges])
            y[open_rows], ok = self._evaluate(X[open_rows])
            open_rows = open_rows[~ok]
            if len(open_rows) == 0:
                return X, y
        raise InputError(f"{self.name} has no finite value in its ranges for {len(open_rows)} of {n_samples} rows.")

    def _evaluate(self, X: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        if self.text in _WITHOUT_EXPRESSION:
            return _WITHOUT_EXPRESSION[self.text](X), np.ones(len(X), dtype=bool)
        columns = {name: X[:, j] for j, name in enumerate(self.variables)}
        values, ok = evaluate_with_ok(self.expression, columns)
        return values, ok & np.isfinite(values)


def _harmonic(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 + 1/2 + ... + 1/x for whole x."""
    n = X[:, 0].astype(np.intp)
    return np.cumsum(1.0 / np.arange(1, n.max(initial=1) + 1))[n - 1]


_WITHOUT_EXPRESSION: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {"harmonic(x1)": _harmonic}


def make_formula(
    name: str,
    n_samples: int = 1000,
    noise: float = 0.0,
    rng: np.random.Generator | int | None = None,
    *,
    as_frame: bool = False,
) -> tuple[Any, Any]:
    """Sample a named formula.

    Parameters
    ----------
    name : str
        One of `list_formulas`; case, blanks and hyphens do not matter, and Feynman laws may be called
        ``Feynman-I.12.1``.
    n_samples : int, default=1000
        Rows, at least 1.
    noise : float, default=0.0
        Standard deviation of normal noise on y as a fraction of the root mean square of y, as in SRBench (La Cava et
        al. 2021, section 4).
    rng : numpy.random.Generator or int, optional
        Source of randomness, or its seed.
    as_frame : bool, default=False
        Return a pandas frame and series with the names of the inputs instead of arrays.

    Returns
    -------
    X : ndarray of shape (n_samples, n_variables), or DataFrame
    y : ndarray of shape (n_samples,), or Series

    Raises
    ------
    InputError
        Unknown name (with the nearest one), fewer than one row, negative noise.
    """
    if n_samples < 1:
        raise InputError(f"n_samples must be at least 1, got {n_samples}.")
    if not (noise >= 0 and math.isfinite(noise)):
        raise InputError(f"noise must be a finite fraction >= 0, got {noise}.")
    formula = get_formula(name)
    generator = np.random.default_rng(rng)
    X, y = formula.sample(n_samples, generator)
    if noise > 0:
        y = y + generator.normal(0.0, noise * np.sqrt(np.mean(y**2)), size=n_samples)
    if as_frame:
        import pandas as pd

        return pd.DataFrame(X, columns=pd.Index(formula.variables)), pd.Series(y, name="y")
    return X, y


def get_formula(name: str) -> NamedFormula:
    """Look a formula up by its name.

    Raises
    ------
    InputError
        Unknown name, with the nearest one.
    """
    formulas = _all_formulas()
    found = formulas.get(_key(name))
    if found is None:
        names = [formula.name for formula in formulas.values()]
        raise InputError(
            f"There is no formula called '{name}'{did_you_mean(name, names)}; "
            f"list_formulas() gives all {len(names)} names."
        )
    return found


def list_formulas(collection: str | None = None) -> list[str]:
    """Names of all formulas, or of one collection such as ``"nguyen"`` or ``"feynman"``.

    Raises
    ------
    InputError
        Unknown collection, with the nearest one.
    """
    formulas = _all_formulas().values()
    if collection is None:
        return [formula.name for formula in formulas]
    chosen = [formula.name for formula in formulas if formula.collection == collection.lower()]
    if not chosen:
        known = sorted({formula.collection for formula in formulas})
        raise InputError(
            f"There is no collection '{collection}'{did_you_mean(collection, known)}; there are {', '.join(known)}."
        )
    return chosen


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower()).removeprefix("feynman")


@cache
def _all_formulas() -> Mapping[str, NamedFormula]:
    sources = (
        (_classic.FORMULAS, None),
        (_feynman.FORMULAS, "feynman"),
        (_laws.LAWS, "laws"),
        (_laws.STROGATZ, "strogatz"),
        (_laws.FUNCTIONS, "functions"),
    )
    formulas = [_read_line(line, collection) for text, collection in sources for line in text.strip().splitlines()]
    return {_key(formula.name): formula for formula in formulas}


def _read_line(line: str, collection: str | None) -> NamedFormula:
    """``name | formula | a b 0..1; c log 1..100`` as a NamedFormula."""
    name, text, groups = (part.strip() for part in line.split("|"))
    ranges = []
    for group in groups.split(";"):
        *words, bounds = group.split()
        kind = words.pop() if words[-1] in ("log", "int") else "uniform"
        low, high = (_bound(bound) for bound in bounds.split(".."))
        ranges += [Range(word, low, high, kind) for word in words]
    return NamedFormula(name, collection or name.partition("-")[0].lower(), text, tuple(ranges))


def _bound(text: str) -> float:
    return float(text.removesuffix("pi")) * math.pi if text.endswith("pi") else float(text)
