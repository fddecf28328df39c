"""Fewer columns: those that do not matter, those that matter only together, and those that are mere factors.

Each test compares two smooth models on rows they have not seen: one that takes the finding for granted, with fewer
columns, and one that does not. The first must not be worse; and what it leaves unexplained must have nothing to do with
what it was not told.

Where columns may matter only together is read off the gradient: if y depends on a and b through phi(a) + k*phi(b), the
gradient with respect to phi(a) and phi(b) has the same direction everywhere (as in AI Feynman 2.0, Udrescu et al. 2020,
arXiv 2006.10782; here the direction, and with it k, comes from the smallest eigenvalue of a 2 x 2 matrix).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from closedform.insights import Insight
from closedform.library.grow import product_recipe
from closedform.library.pool import Recipe
from closedform.library.powers import power_factors
from closedform.library.symmetry import Column
from closedform.structure.look import Look, Model, best_model, mean_square, model_of, names_of, recipe_text
from closedform.structure.surrogate import FloatArray

# A model may lose this much on unseen rows by taking a finding for granted; below the floor it is rounding.
_LARGEST_RISE = 1.1
_FLOOR = 1e-14
# Larger errors say nothing, unless the restricted model is far better: then it has seen everything there is.
_LARGEST_ERROR = 0.05
_FAR_BETTER = 0.3
# Share of what is left that what was left out may explain.
_LARGEST_SHARE = 0.03
# Directions of a gradient that vary less than this, as a ratio of eigenvalues, are looked into.
_ALIGNED = 0.02
_MOST_TRIALS = 14
_EXPONENTS = tuple(Fraction(n) for n in ("1", "2", "3", "4", "1/2", "3/2", "1/3", "2/3", "4/3"))


@dataclass(frozen=True, eq=False)
class Reduced:
    """A problem with fewer columns: ``y = factor * h(columns of look)``.

    Parameters
    ----------
    look : Look
        Target h and its columns.
    factor : recipe
        What was divided out.
    model : Model
        The best smooth model of h.
    insights : tuple of Insight
        What was found on the way.
    """

    look: Look
    factor: Recipe
    model: Model
    insights: tuple[Insight, ...] = ()

    def after(self, first: Reduced) -> Reduced:
        """This reduction of the target of an earlier one, as one reduction of the earlier one's."""
        factors = [(factor, 1) for factor in (first.factor, self.factor) if factor != 1]
        return Reduced(self.look, product_recipe(factors), self.model, (*first.insights, *self.insights))


@dataclass(frozen=True)
class _Transform:
    """A function of columns that are added up: forward, its slope, and a sum ``a + k*b`` as one column."""

    forward: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    needs_one_sign: bool
    power: int = 1


_PLAIN = _Transform(lambda x: x, np.ones_like, False)
_SQUARE = _Transform(lambda x: x * x, lambda x: 2 * x, False, 2)
_LOG = _Transform(lambda x: np.log(np.abs(x)), lambda x: 1 / x, True, 0)


def reduced(look: Look, expired: Callable[[], bool] = lambda: False) -> Reduced:
    """Leave out, divide out and merge columns as long as that loses nothing, and there is time."""
    state = Reduced(look, 1, best_model(look))
    for step in (_without_irrelevant, _without_powers, _merged, _without_powers):
        if len(state.look.columns) > 1 and not expired():
            state = step(state)
    return state


def passes(model: Model, before: float, dropped: FloatArray) -> bool:
    """Whether a restricted model is as good as one with this error, and its errors are blind to what it was not told.

    Parameters
    ----------
    model : Model
        The restricted model.
    before : float
        Error of the unrestricted one.
    dropped : ndarray of shape (n_rows, k)
        Functions of what the restricted model does not know.
    """
    residuals = model.residuals()
    error = mean_square(residuals)
    if error > max(_LARGEST_RISE * before, _FLOOR) or error > _LARGEST_ERROR:
        return False
    if before > _LARGEST_ERROR and error > _FAR_BETTER * before:
        return False
    return error < _FLOOR or _explained(residuals, dropped) < _LARGEST_SHARE


def _explained(residuals: FloatArray, columns: FloatArray) -> float:
    """Share of the residuals' variance that a linear model of the columns explains, adjusted for their number."""
    size = np.quantile(np.abs(residuals), 0.98)
    clipped = np.clip(residuals, -size, size)
    design = np.column_stack([np.ones(len(clipped)), columns / np.maximum(np.abs(columns).max(axis=0), 1e-300)])
    rest = clipped - design @ np.linalg.lstsq(design, clipped, rcond=None)[0]
    left = len(clipped) - design.shape[1]
    total = float(np.sum((clipped - clipped.mean()) ** 2))
    return 1.0 - (float(np.sum(rest**2)) / max(left, 1)) / (total / (len(clipped) - 1)) if total > 0 else 0.0


# --- columns that do not matter ---------------------------------------------------------------------------------------


def _without_irrelevant(state: Reduced) -> Reduced:
    for column in state.look.columns:
        position = next((k for k, other in enumerate(state.look.columns) if other is column), -1)
        if len(state.look.columns) == 1:
            break
        mask = ~state.model.surrogate.basis.uses(position)
        if state.model.error(mask) > _LARGEST_RISE * max(state.model.error(), _FLOOR) + _LARGEST_ERROR:
            continue
        look = state.look.without(position)
        model = model_of(look, state.model.in_logs, state.model.log_target)
        if passes(model, state.model.error(), _powers_beside(column.values, look)):
            state = Reduced(look, state.factor, model, (*state.insights, _irrelevant(column, model, state.model)))
    return state


def _powers_beside(values: FloatArray, look: Look) -> FloatArray:
    """A column, its square and cube, and its products with the others: what could still be seen of it."""
    x = _standard(values)
    return np.column_stack([x, x**2, x**3, *(x * _standard(c.values) for c in look.columns)])


def _irrelevant(column: Column, model: Model, before: Model) -> Insight:
    text = recipe_text(column.recipe)
    found, without = _evidence(model, before)
    sentence = f"{text} does not matter: error of a model without it {found:.1e}, with it {without:.1e}"
    return _insight("irrelevant", (column,), sentence, found, without)


# --- columns that are factors -----------------------------------------------------------------------------------------


def _without_powers(state: Reduced) -> Reduced:
    look = state.look
    if len(look.columns) < 2:
        return state
    X = np.column_stack([column.values for column in look.columns])
    found = power_factors(X, look.y)
    pairs = [(j, e) for j, e in zip(found.columns, found.exponents, strict=True) if isinstance(e, Fraction) and e != 0]
    # One column has to stay: a problem without columns is none.
    for j, exponent in pairs[: len(look.columns) - 1]:
        column = look.columns[j]
        position = next(k for k, other in enumerate(state.look.columns) if other is column)
        factor = np.abs(column.values) ** float(exponent)
        smaller = state.look.without(position).with_target(state.look.y / factor, state.look.weight * factor**2)
        model = best_model(smaller)
        if model.error() > max(_LARGEST_RISE * state.model.error(), 1e-10):
            continue
        base = column.recipe if column.values.min() > 0 else ("mul", -1, column.recipe)
        prefix = product_recipe([(state.factor, 1), (base, exponent)] if state.factor != 1 else [(base, exponent)])
        insight = _power(column, exponent, model, state.model)
        state = Reduced(smaller, prefix, model, (*state.insights, insight))
    return state


def _power(column: Column, exponent: Fraction, model: Model, before: Model) -> Insight:
    text, found = recipe_text(product_recipe([(column.recipe, exponent)])), _evidence(model, before)
    sentence = f"{text} is a factor: error of a model of what is left without it {found[0]:.1e}, with it {found[1]:.1e}"
    return _insight("power", (column,), sentence, *found)


# --- columns that matter together -------------------------------------------------------------------------------------


def _merged(state: Reduced) -> Reduced:
    while len(state.look.columns) >= 2:
        found = _first_merger(state)
        if found is None:
            return state
        state = found
    return state


def _first_merger(state: Reduced) -> Reduced | None:
    """The merger that loses least among those that lose nothing."""
    before = state.model.error()
    best: Reduced | None = None
    trials = _aligned(state) if before < _LARGEST_ERROR else _usual(state.look)
    for i, j, column in trials:
        look = Look(
            (column, *(c for k, c in enumerate(state.look.columns) if k not in (i, j))), state.look.y, state.look.weight
        )
        model = model_of(look, state.model.in_logs, state.model.log_target)
        if best is not None and model.error() >= best.model.error():
            continue
        if passes(model, before, _powers_beside(state.look.columns[i].values, look)):
            pair = (state.look.columns[i], state.look.columns[j])
            insight = _together(pair, column, model, state.model)
            best = Reduced(look, state.factor, model, (*state.insights, insight))
    return best


def _together(pair: tuple[Column, Column], column: Column, model: Model, before: Model) -> Insight:
    text, found = recipe_text(column.recipe), _evidence(model, before)
    apart = " and ".join(recipe_text(one.recipe) for one in pair)
    sentence = f"only {text} matters: error of a model of it {found[0]:.1e}, of {apart} {found[1]:.1e}"
    return _insight("together", pair, sentence, *found)


def _usual(look: Look) -> Iterator[tuple[int, int, Column]]:
    """What two columns often are together: a product, a ratio, a difference, a sum."""
    for i, j in itertools.combinations(range(len(look.columns)), 2):
        a, b = look.columns[i], look.columns[j]
        if a.one_sign and b.one_sign:
            for exponent in (Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), Fraction(-1, 2)):
                yield i, j, _product(a, b, exponent)
        yield i, j, _sum(a, b, -1, 1)
        yield i, j, _sum(a, b, 1, 1)


def _aligned(state: Reduced) -> list[tuple[int, int, Column]]:
    """Mergers that the gradient speaks for, the most convincing ones first."""
    look, model = state.look, state.model
    slopes = _slopes(model, look)
    found: list[tuple[float, int, int, list[Column]]] = []
    for i, j in itertools.combinations(range(len(look.columns)), 2):
        a, b = look.columns[i], look.columns[j]
        for transform in (_PLAIN, _LOG, _SQUARE):
            if transform.needs_one_sign and not (a.one_sign and b.one_sign):
                continue
            ratio, k = _direction(transform, a.values, b.values, slopes[:, i], slopes[:, j])
            if ratio < _ALIGNED and abs(k) > 1e-3:
                found.append((ratio, i, j, list(_columns(transform, a, b, k))))
    found.sort(key=lambda one: one[:3])
    return [(i, j, column) for _, i, j, columns in found for column in columns][:_MOST_TRIALS]


def _slopes(model: Model, look: Look) -> FloatArray:
    """Slopes of the model in each column itself, up to a factor for each row."""
    surrogate = model.surrogate
    coefficients = surrogate.coefficients()
    slopes = []
    for j, column in enumerate(look.columns):
        slope = surrogate.values(coefficients, None, j)
        slopes.append(slope / column.values if model.in_logs and column.one_sign else slope)
    return np.column_stack(slopes)


def _direction(
    transform: _Transform, a: FloatArray, b: FloatArray, slope_a: FloatArray, slope_b: FloatArray
) -> tuple[float, float]:
    """How little the direction of the gradient in phi(a), phi(b) varies, and k of ``phi(a) + k*phi(b)``."""
    with np.errstate(all="ignore"):
        gradient = np.column_stack([slope_a / transform.slope(a), slope_b / transform.slope(b)])
    # Each column by its spread, so that both count alike; the rims, where polynomials swing, count little.
    spread = np.array([transform.forward(a).std(), transform.forward(b).std()])
    scaled = gradient * spread
    kept = np.isfinite(scaled).all(axis=1)
    size = np.linalg.norm(scaled[kept], axis=1)
    if not len(size):
        return 1.0, 0.0
    scaled = scaled[kept] / np.maximum(size, np.quantile(size, 0.1))[:, None]
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    direction = vectors[:, 1] / spread
    if values[1] <= 0 or direction[0] == 0:
        return 1.0, 0.0
    return float(values[0] / values[1]), float(direction[1] / direction[0])


def _columns(transform: _Transform, a: Column, b: Column, k: float) -> Iterator[Column]:
    """The merged column with k rounded to a simple number where it is near one, and else as it is."""
    if transform is _LOG:
        nearest = min((s * e for e in _EXPONENTS for s in (1, -1)), key=lambda e: abs(float(e) - k))
        if abs(float(nearest) - k) < 0.1 * abs(k):
            yield _product(a, b, nearest)
        return
    simple = (Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), Fraction(-1, 2))
    nearest_number = min(simple, key=lambda number: abs(float(number) - k))
    if abs(float(nearest_number) - k) < 0.05 * abs(k):
        yield _sum(a, b, _whole(nearest_number), transform.power)
    else:
        yield _sum(a, b, k, transform.power)


def _product(a: Column, b: Column, exponent: Fraction) -> Column:
    """``a * b**exponent``, with whole exponents where possible; magnitudes of negative columns."""
    p = Fraction(exponent.denominator)
    q = p * exponent
    factors = [(_positive(one), power) for one, power in ((a, p), (b, q))]
    values = np.abs(a.values) ** float(p) * np.abs(b.values) ** float(q)
    return Column(values, product_recipe([(recipe, _whole(power)) for recipe, power in factors]))


def _positive(column: Column) -> Recipe:
    return column.recipe if column.values.min() > 0 else ("mul", -1, column.recipe)


def _whole(exponent: Fraction) -> int | Fraction:
    return int(exponent) if exponent.denominator == 1 else exponent


def _sum(a: Column, b: Column, k: int | Fraction | float, power: int) -> Column:
    """``a**power + k * b**power``."""
    first: Recipe = a.recipe if power == 1 else ("pow", a.recipe, power)
    second: Recipe = b.recipe if power == 1 else ("pow", b.recipe, power)
    values = a.values**power + float(k) * b.values**power
    if k == 1:
        return Column(values, ("add", first, second))
    return Column(values, ("sub", first, second) if k == -1 else ("add", first, ("mul", k, second)))


# --- shared -----------------------------------------------------------------------------------------------------------


def _standard(values: FloatArray) -> FloatArray:
    spread = float(values.std())
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))


def _evidence(model: Model, before: Model) -> tuple[float, float]:
    return float(np.sqrt(model.error())), float(np.sqrt(before.error()))


def _insight(kind: str, columns: Sequence[Column], sentence: str, error: float, without: float) -> Insight:
    return Insight(kind, names_of(columns), sentence, {"error": error, "error_without": without})
