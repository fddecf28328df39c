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
from closedform.library.powers import power_factors, rounded_exponent
from closedform.library.symmetry import Column
from closedform.structure.look import Look, Model, best_model, mean_square, model_of, names_of, recipe_text
from closedform.structure.surrogate import FloatArray

# A model may lose this much on unseen rows by taking a finding for granted; below the floor it is rounding.
_LARGEST_RISE = 1.1
_FLOOR = 1e-14
# Larger errors say nothing, unless the restricted model is far better: then it has seen everything there is.
_LARGEST_ERROR = 0.05
_FAR_BETTER, _FAIR = 0.3, 0.01
# A model with larger errors has no gradient to speak of.
_BLURRED = 1e-4
# Share of what is left that what was left out may explain: by chance; and where the restricted model is far better, so
# that what is left is the error of another polynomial.
_LARGEST_SHARE, _LARGEST_SHARE_IF_BETTER, _BETTER = 0.03, 0.15, 0.5
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
    """What of a column is added up: a power of it, or its logarithm (power 0)."""

    power: int

    def forward(self, x: FloatArray) -> FloatArray:
        """Its values."""
        return x**self.power if self.power else np.log(np.abs(x))

    def slope(self, x: FloatArray) -> FloatArray:
        """Its derivative."""
        return self.power * x ** (self.power - 1) if self.power else 1 / x


_PLAIN, _SQUARE, _LOG = _Transform(1), _Transform(2), _Transform(0)
_SUMS = ((_PLAIN, _PLAIN), (_SQUARE, _SQUARE), (_PLAIN, _SQUARE), (_SQUARE, _PLAIN))


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
    if before > _LARGEST_ERROR and error > min(_FAR_BETTER * before, _FAIR):
        return False
    allowed = _LARGEST_SHARE_IF_BETTER if error < _BETTER * before else _LARGEST_SHARE
    return error < _FLOOR or explained(residuals, dropped) < allowed


def explained(residuals: FloatArray, columns: FloatArray) -> float:
    """Share of the residuals' variance that a linear model of the columns explains, adjusted for their number.

    Parameters
    ----------
    residuals : ndarray of shape (n_rows,)
        Errors on unseen rows; the largest ones are clipped.
    columns : ndarray of shape (n_rows, k)
        Columns of the linear model, besides a constant.
    """
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
        smaller = state.look.without(position).divided(factor)
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


@dataclass(frozen=True, eq=False)
class _Merger:
    """Columns i and j as one, with a power of the first that may stand beside it as a factor."""

    i: int
    j: int
    column: Column
    exponent: Fraction | int = 0
    factor: Recipe = 1

    def applied(self, look: Look) -> Look:
        """The smaller problem."""
        others = (column for k, column in enumerate(look.columns) if k not in (self.i, self.j))
        smaller = look.with_columns((self.column, *others))
        if not self.exponent:
            return smaller
        factor = np.abs(look.columns[self.i].values) ** float(self.exponent)
        return smaller.divided(factor)


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
    trials = _aligned(state) if before < _LARGEST_ERROR else []
    if before > _BLURRED:
        trials += _usual(state.look)
    for trial in trials:
        look = trial.applied(state.look)
        model = model_of(look, state.model.in_logs, state.model.log_target)
        if best is not None and model.error() >= best.model.error():
            continue
        first, second = state.look.columns[trial.i], state.look.columns[trial.j]
        if passes(model, before, _powers_beside(first.values, look)):
            insight = _together((first, second), trial, model, state.model)
            factors = [(factor, 1) for factor in (state.factor, trial.factor) if factor != 1]
            best = Reduced(look, product_recipe(factors), model, (*state.insights, insight))
    return best


def _together(pair: tuple[Column, Column], trial: _Merger, model: Model, before: Model) -> Insight:
    text, found = recipe_text(trial.column.recipe), _evidence(model, before)
    apart = " and ".join(recipe_text(one.recipe) for one in pair)
    beside = "" if trial.factor == 1 else f", beside the factor {recipe_text(trial.factor)}"
    sentence = f"only {text} matters{beside}: error of a model of it {found[0]:.1e}, of {apart} {found[1]:.1e}"
    return _insight("together", pair, sentence, *found)


def _usual(look: Look) -> list[_Merger]:
    """What two columns often are together: a product, a ratio, a difference, a sum."""
    found = []
    for i, j in itertools.combinations(range(len(look.columns)), 2):
        a, b = look.columns[i], look.columns[j]
        if a.one_sign and b.one_sign:
            for exponent in (Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), Fraction(-1, 2)):
                found.append(_Merger(i, j, _product(a, b, exponent)))
        found += [_Merger(i, j, _sum(a, b, -1)), _Merger(i, j, _sum(a, b, 1))]
    return found


def _aligned(state: Reduced) -> list[_Merger]:
    """Mergers that the gradient speaks for, the most convincing ones first."""
    look, model = state.look, state.model
    slopes = _slopes(model, look)
    found: list[tuple[float, int, int, list[_Merger]]] = []
    for i, j in itertools.combinations(range(len(look.columns)), 2):
        a, b = look.columns[i], look.columns[j]
        for transforms in ((_LOG, _LOG), *_SUMS) if a.one_sign and b.one_sign else _SUMS:
            ratio, k = _direction(transforms, (a.values, b.values), slopes[:, [i, j]])
            if ratio < _ALIGNED and abs(k) > 1e-3:
                columns = _columns(transforms, a, b, k)
                found.append((ratio, i, j, [_Merger(i, j, column) for column in columns]))
        if model.log_target and a.one_sign and b.one_sign:
            ratio, merger = _beside_a_power(i, j, a, b, slopes[:, [i, j]])
            found += [(ratio, i, j, [merger])] if merger is not None else []
    found.sort(key=lambda one: one[:3])
    return [merger for _, _, _, mergers in found for merger in mergers][:_MOST_TRIALS]


def _beside_a_power(i: int, j: int, a: Column, b: Column, slopes: FloatArray) -> tuple[float, _Merger | None]:
    """The merger in ``y = a**p * h(a * b**k)``: there the logarithmic slopes of y lie on a line, p + h' and k*h'."""
    logarithmic = slopes * np.column_stack([a.values, b.values])
    inner = np.abs(logarithmic - np.median(logarithmic, axis=0))
    kept = (inner <= np.quantile(inner, 0.98, axis=0)).all(axis=1)
    centred = logarithmic[kept] - logarithmic[kept].mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    normal = vectors[:, 0]
    if values[1] <= 0 or values[0] > _ALIGNED * values[1] or min(abs(normal)) < 1e-3:
        return 1.0, None
    power = rounded_exponent(float(logarithmic[kept].mean(axis=0) @ normal / normal[0]))
    k = min((s * e for e in _EXPONENTS for s in (1, -1)), key=lambda e: abs(float(e) + normal[0] / normal[1]))
    if not isinstance(power, Fraction) or power == 0 or abs(float(k) + normal[0] / normal[1]) > 0.1 * abs(float(k)):
        return 1.0, None
    factor = product_recipe([(_positive(a), _whole(power))])
    return float(values[0] / values[1]), _Merger(i, j, _product(a, b, k), power, factor)


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
    transforms: tuple[_Transform, _Transform], columns: tuple[FloatArray, FloatArray], slopes: FloatArray
) -> tuple[float, float]:
    """How little the direction of the gradient in phi(a), psi(b) varies, and k of ``phi(a) + k*psi(b)``."""
    pairs = list(zip(transforms, columns, strict=True))
    with np.errstate(all="ignore"):
        gradient = slopes / np.column_stack([transform.slope(column) for transform, column in pairs])
    # Each column by its spread, so that both count alike; the rims, where polynomials swing, count little.
    spread = np.array([transform.forward(column).std() for transform, column in pairs])
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


def _columns(transforms: tuple[_Transform, _Transform], a: Column, b: Column, k: float) -> Iterator[Column]:
    """The merged column with k rounded to a simple number where it is near one, and else as it is."""
    if transforms[0] is _LOG:
        nearest = min((s * e for e in _EXPONENTS for s in (1, -1)), key=lambda e: abs(float(e) - k))
        if abs(float(nearest) - k) < 0.1 * abs(k):
            yield _product(a, b, nearest)
        return
    simple = (Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), Fraction(-1, 2))
    nearest_number = min(simple, key=lambda number: abs(float(number) - k))
    if abs(float(nearest_number) - k) < 0.05 * abs(k):
        yield _sum(a, b, _whole(nearest_number), transforms)
    else:
        yield _sum(a, b, k, transforms)


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


def _sum(
    a: Column, b: Column, k: int | Fraction | float, transforms: tuple[_Transform, _Transform] = (_PLAIN, _PLAIN)
) -> Column:
    """``a**p + k * b**q``."""
    first, second = (
        one.recipe if transform.power == 1 else ("pow", one.recipe, transform.power)
        for one, transform in zip((a, b), transforms, strict=True)
    )
    values = transforms[0].forward(a.values) + float(k) * transforms[1].forward(b.values)
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
