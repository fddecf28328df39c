"""Smaller problems for targets with noise: what is a mere factor, and what matters only together.

Each finding is a simpler model of the target (:mod:`closedform.library.noisy_fit`). It is believed unless what it
leaves has to do with what it was not told, more clearly than by chance; powers have to be simple numbers, as far as
their standard errors can tell. The counterpart for targets without noise is :mod:`closedform.library.powers` and
:mod:`closedform.library.symmetry`, whose tests see more there and next to nothing here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from closedform.library.noisy_fit import LARGEST_DEGREE, NoisyFit, noisy_fit
from closedform.library.pool import Recipe
from closedform.library.symmetry import Column, Reduction, mergers_of, standard

FloatArray = NDArray[np.float64]

_FEWEST_ROWS = 60
_MOST_COLUMNS = 9
# A finding is believed unless chance makes it look so wrong more rarely than this.
_BY_CHANCE = 0.01
# What a smaller model may leave, for each degree of freedom, relative to the larger one.
_LARGEST_RISE, _LARGEST_ROUGH_RISE = 1.1, 2.0
# Models that leave more than this share of the target say nothing.
_LARGEST_UNEXPLAINED = 0.5
# Columns are taken as they are and not by their logarithms where that lowers the error on unseen rows to this share.
_CLEARLY_BETTER = 0.9
_POWERS = tuple(Fraction(text) for text in ("1", "-1", "2", "-2", "1/2", "-1/2", "3", "-3"))
# Denominators of exponents, and up to which standard error an estimate tells them from others.
_DENOMINATORS = ((1, 0.15), (2, 0.07), (3, 0.04))
_STANDARD_ERRORS, _NEAR = 3.0, 0.005
# Other exponents are believed where a power is in no doubt, and its exponent neither vague nor next to nothing.
_NO_DOUBT, _SHARP, _SMALLEST = 0.1, 0.02, 0.1
# Nats that a ratio of exponents other than 1 and -1 has to be better by.
_UNUSUAL = 2.0


@dataclass(frozen=True, eq=False)
class _State:
    """A target, what it depends on, and what it was divided by."""

    columns: tuple[Column, ...]
    y: FloatArray
    root: FloatArray
    powers: tuple[tuple[Recipe, Fraction | float], ...]
    factor: FloatArray

    def divided(self, column: Column, exponent: Fraction | float) -> _State:
        """The target over a power of a column."""
        if exponent == 0:
            return self
        power = np.abs(column.values) ** float(exponent)
        base = column.recipe if column.values.min() > 0 else ("mul", -1, column.recipe)
        powers = (*self.powers, (base, exponent))
        return _State(self.columns, self.y / power, self.root * power, powers, self.factor * power)


def noisy_reductions(columns: tuple[Column, ...], y: FloatArray, root: FloatArray | None = None) -> list[Reduction]:
    """Divide out powers and merge columns as long as the data do not speak against it.

    Parameters
    ----------
    columns : tuple of Column
        What the target depends on.
    y : ndarray of shape (n_rows,)
        Target.
    root : ndarray of shape (n_rows,), optional
        One over the standard deviation of the noise of each row, up to a factor.

    Returns
    -------
    list of Reduction
        One for each step, the smallest problem last; empty where nothing was found.
    """
    ones = np.ones(len(y))
    state = _State(columns, y, ones if root is None else root, (), ones)
    found: list[Reduction] = []
    while len(y) >= _FEWEST_ROWS and 2 <= len(state.columns) <= _MOST_COLUMNS:
        smaller = _smaller(state)
        if smaller is None:
            break
        state = smaller
        found.append(Reduction(state.columns, state.factor, state.powers))
    return found


def rounded_within(estimate: float, error: float) -> Fraction | None:
    """The simplest whole, half or third number within the standard error, where that is small enough to tell it."""
    for denominator, largest in _DENOMINATORS:
        nearest = Fraction(round(estimate * denominator), denominator)
        if error <= largest and abs(float(nearest) - estimate) <= max(_STANDARD_ERRORS * error, _NEAR):
            return nearest
    return None


def _smaller(state: _State) -> _State | None:
    """The next smaller problem: without powers, else with two columns merged."""
    models: list[tuple[float, bool, frozenset[int], NoisyFit]] = []
    # Powers are best seen in the logarithm, even where another model predicts better.
    for in_logs in (True, False):
        plain, fit = _best_fit(state, in_logs)
        if fit is None or fit.squares > _LARGEST_UNEXPLAINED * fit.total:
            continue
        without = _without_powers(state, fit, plain) if in_logs else _without_power_of_signed(state, fit, plain)
        if without is not None:
            return without
        models.append((fit.unseen, in_logs, plain, fit))
    for _, _, plain, fit in sorted(models, key=lambda model: model[:2])[:1]:
        return _merged(state, fit, plain)
    return None


def _best_fit(state: _State, in_logs: bool) -> tuple[frozenset[int], NoisyFit | None]:
    """Which columns of one sign are better taken as they are, and the best model with them."""

    def fitted(plain: frozenset[int], largest: int) -> NoisyFit | None:
        features = _features(state.columns, plain)
        return noisy_fit(features, state.y, state.root, in_logs=in_logs, largest=largest)

    plain: frozenset[int] = frozenset()
    best = fitted(plain, 2)
    while best is not None:
        trials = [plain | {j} for j, column in enumerate(state.columns) if column.one_sign and j not in plain]
        found = [(fit.unseen, k, fit) for k, trial in enumerate(trials) if (fit := fitted(trial, 2)) is not None]
        if not found or min(found)[0] > _CLEARLY_BETTER * best.unseen:
            break
        _, k, best = min(found)
        plain = trials[k]
    return plain, None if best is None else fitted(plain, LARGEST_DEGREE)


# --- factors ----------------------------------------------------------------------------------------------------------


def _without_powers(state: _State, fit: NoisyFit, plain: frozenset[int]) -> _State | None:
    """The problem without the columns that enter as a power only."""
    active = np.ones(fit.n_terms, dtype=np.bool_)
    candidates = [j for j, column in enumerate(state.columns) if column.one_sign and j not in plain]
    chances = {j: _chance_of_power(fit, active, j) for j in candidates}
    pure: list[int] = []
    for j in sorted(candidates, key=lambda j: -chances[j]):
        if chances[j] > _BY_CHANCE and _chance_of_power(fit, active, j) > _BY_CHANCE:
            active &= ~_beyond_power(fit, j)
            pure.append(j)
    exponents = _exponents(state, fit, active, pure, chances)
    # One column has to stay: a problem without columns is none.
    chosen = list(exponents)[: len(state.columns) - 1]
    for j in chosen:
        state = state.divided(state.columns[j], exponents[j])
    kept = tuple(column for j, column in enumerate(state.columns) if j not in chosen)
    return replace(state, columns=kept) if chosen else None


def _without_power_of_signed(state: _State, fit: NoisyFit, plain: frozenset[int]) -> _State | None:
    """The problem without a column that is a factor of a target of both signs, by trying usual exponents."""
    if np.mean(state.y > 0) in (0.0, 1.0):
        return None
    trials: list[tuple[float, int, int, Fraction, FloatArray, FloatArray, FloatArray]] = []
    for j, column in enumerate(state.columns):
        rest = [k for k in range(len(state.columns)) if k != j]
        features = _features([state.columns[k] for k in rest], frozenset(rest.index(k) for k in plain if k != j))
        for exponent in _POWERS if column.one_sign else ():
            power = np.abs(column.values) ** float(exponent)
            columns = fit.terms(features) * power[:, None]
            rise = fit.rise(columns)
            if rise < _LARGEST_RISE:
                trials.append((rise, len(trials), j, exponent, columns, features * power[:, None], power))
    for _, _, j, exponent, columns, others, power in sorted(trials, key=lambda trial: trial[:2]):
        own = _feature(state.columns[j])[:, None]
        untold = np.hstack([own * power[:, None], own**2 * power[:, None], own * others])
        if fit.chance(columns, untold) > _BY_CHANCE:
            smaller = state.divided(state.columns[j], exponent)
            return replace(smaller, columns=tuple(c for k, c in enumerate(state.columns) if k != j))
    return None


def _beyond_power(fit: NoisyFit, j: int) -> NDArray[np.bool_]:
    """Terms that contain a feature other than linearly and alone."""
    return np.asarray((fit.exponents[:, j] > 0) & (fit.exponents.sum(axis=1) > 1))


def _chance_of_power(fit: NoisyFit, active: NDArray[np.bool_], j: int) -> float:
    """How often chance makes it look so wrong that column j is but a power: asked with few terms, and with all."""
    beyond = active & _beyond_power(fit, j)
    restricted = fit.columns[:, active & ~beyond]
    few = beyond & (fit.exponents.sum(axis=1) == 2)
    tests = [one for one in (beyond, few) if one.any()][: 1 if few.sum() == beyond.sum() else 2]
    return min(1.0, *(len(tests) * fit.chance(restricted, fit.columns[:, one]) for one in tests)) if tests else 1.0


def _exponents(
    state: _State, fit: NoisyFit, active: NDArray[np.bool_], pure: Sequence[int], chances: dict[int, float]
) -> dict[int, Fraction | float]:
    """Exponents of pure powers; without those of which it is doubtful that they are exponents."""
    left = fit.exponents[active]
    alone = [int(np.flatnonzero((left[:, j] == 1) & (left.sum(axis=1) == 1))[0]) for j in pure]
    found: dict[int, Fraction | float] = {}
    for j, slope, error in zip(pure, *fit.slopes(fit.columns[:, active], alone), strict=True):
        spread = _spread(state.columns[j]) * fit.basis.scales[j]
        estimate, error = float(slope / spread), float(error / spread)
        rounded = rounded_within(estimate, error)
        if rounded is not None:
            found[j] = rounded
        elif chances[j] > _NO_DOUBT and error < _SHARP and abs(estimate) > _SMALLEST:
            found[j] = estimate
    return found


# --- mergers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Merger:
    """Columns i and j as one."""

    i: int
    j: int
    column: Column
    product: bool = False
    length: float = 0.0


def _merged(state: _State, fit: NoisyFit, plain: frozenset[int]) -> _State | None:
    """The problem with two columns merged, in the way that loses least of those that lose nothing."""
    rough = fit.of_degree(2)
    models: list[tuple[float, int, _Merger, FloatArray, FloatArray]] = []
    for merger in _mergers(state.columns):
        features = _features_after(state, merger, plain)
        # What loses something in a model of few terms need not be tried in one of many.
        if rough.rise(_terms(rough, features, state, merger)) > _LARGEST_ROUGH_RISE:
            continue
        columns = _terms(fit, features, state, merger)
        if fit.rise(columns) < _LARGEST_RISE:
            score = len(state.y) * np.log(fit.left(columns)) + columns.shape[1] + merger.length
            models.append((float(score), len(models), merger, features, columns))
    for _, _, merger, features, columns in sorted(models, key=lambda model: model[:2]):
        first, beside = _feature(state.columns[merger.i]), merger.product and fit.in_logs
        untold = [first**2, *(first * feature for feature in features.T), *([] if beside else [first])]
        if fit.chance(columns, np.column_stack(untold)) < _BY_CHANCE:
            continue
        exponent = _power_beside(fit, columns, state.columns[merger.i]) if beside else Fraction(0)
        if exponent is not None:
            rest = (c for k, c in enumerate(state.columns) if k not in (merger.i, merger.j))
            return replace(state.divided(state.columns[merger.i], exponent), columns=(merger.column, *rest))
    return None


def _power_beside(fit: NoisyFit, columns: FloatArray, first: Column) -> Fraction | None:
    """The power of a merged column that stands beside the merger; None where it is no simple number."""
    (slope,), (error,) = fit.slopes(columns, [columns.shape[1] - 1])
    return rounded_within(float(slope / _spread(first)), float(error / _spread(first)))


def _features_after(state: _State, merger: _Merger, plain: frozenset[int]) -> FloatArray:
    rest = [k for k in range(len(state.columns)) if k not in (merger.i, merger.j)]
    as_they_are = frozenset(1 + place for place, k in enumerate(rest) if k in plain)
    return _features((merger.column, *(state.columns[k] for k in rest)), as_they_are)


def _terms(fit: NoisyFit, features: FloatArray, state: _State, merger: _Merger) -> FloatArray:
    """Terms of a merged model; a power of one of the two may stand beside a product."""
    columns = fit.terms(features)
    if merger.product and fit.in_logs:
        columns = np.column_stack([columns, _feature(state.columns[merger.i])])
    return columns


def _mergers(columns: Sequence[Column]) -> Iterator[_Merger]:
    for i, j in itertools.combinations(range(len(columns)), 2):
        for merged, ratio in mergers_of(columns[i], columns[j]):
            yield _Merger(i, j, merged, ratio is not None, 0.0 if ratio is None or abs(ratio) == 1 else _UNUSUAL)


# --- features ---------------------------------------------------------------------------------------------------------


def _in_logarithm(column: Column) -> FloatArray:
    return np.log(np.abs(column.values)) if column.one_sign else column.values


def _spread(column: Column) -> float:
    spread = float(_in_logarithm(column).std())
    return spread if spread > 0 else 1.0


def _feature(column: Column, plain: bool = False) -> FloatArray:
    return standard(column.values if plain else _in_logarithm(column))


def _features(columns: Sequence[Column], plain: frozenset[int]) -> FloatArray:
    return np.column_stack([_feature(column, j in plain) for j, column in enumerate(columns)])
