"""Which columns may matter only together: as a product, or as a sum of powers.

Where columns may matter only together is read off the gradient: if y depends on a and b through phi(a) + k*phi(b), the
gradient with respect to phi(a) and phi(b) has the same direction everywhere (as in AI Feynman 2.0, Udrescu et al. 2020,
arXiv 2006.10782; here the direction, and with it k, comes from the smallest eigenvalue of a 2 x 2 matrix).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from closedform.library.grow import product_recipe
from closedform.library.pool import Recipe
from closedform.library.powers import rounded_exponent
from closedform.library.symmetry import Column
from closedform.structure.look import Look, Model
from closedform.structure.surrogate import FloatArray

# Directions of a gradient that vary less than this, as a ratio of eigenvalues, are looked into.
_ALIGNED = 0.02
_MOST_TRIALS = 14
_EXPONENTS = tuple(Fraction(n) for n in ("1", "2", "3", "4", "1/2", "3/2", "1/3", "2/3", "4/3"))


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


@dataclass(frozen=True, eq=False)
class Merger:
    """Columns i and j as one, with a power of the first that may stand beside it as a factor.

    Parameters
    ----------
    i, j : int
        Positions of the columns.
    column : Column
        What takes their place.
    exponent : Fraction or int, default=0
        Power of column i by which the target is divided.
    factor : recipe, default=1
        That power, as a recipe.
    """

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


def usual_mergers(look: Look) -> list[Merger]:
    """What two columns often are together: a product, a ratio, a difference, a sum."""
    found = []
    for i, j in itertools.combinations(range(len(look.columns)), 2):
        a, b = look.columns[i], look.columns[j]
        if a.one_sign and b.one_sign:
            for exponent in (Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), Fraction(-1, 2)):
                found.append(Merger(i, j, _product(a, b, exponent)))
        found += [Merger(i, j, _sum(a, b, -1)), Merger(i, j, _sum(a, b, 1))]
    return found


def aligned_mergers(look: Look, model: Model) -> list[Merger]:
    """Mergers that the gradient speaks for, the most convincing ones first.

    Parameters
    ----------
    look : Look
        Two columns or more.
    model : Model
        A smooth model of it.
    """
    slopes = slopes_of(model, look)
    found: list[tuple[float, int, int, list[Merger]]] = []
    for i, j in itertools.combinations(range(len(look.columns)), 2):
        a, b = look.columns[i], look.columns[j]
        for transforms in ((_LOG, _LOG), *_SUMS) if a.one_sign and b.one_sign else _SUMS:
            ratio, k = _direction(transforms, (a.values, b.values), slopes[:, [i, j]])
            if ratio < _ALIGNED and abs(k) > 1e-3:
                columns = _columns(transforms, a, b, k)
                found.append((ratio, i, j, [Merger(i, j, column) for column in columns]))
        if model.log_target and a.one_sign and b.one_sign:
            ratio, merger = _beside_a_power(i, j, a, b, slopes[:, [i, j]])
            found += [(ratio, i, j, [merger])] if merger is not None else []
    found.sort(key=lambda one: one[:3])
    return [merger for _, _, _, mergers in found for merger in mergers][:_MOST_TRIALS]


def _beside_a_power(i: int, j: int, a: Column, b: Column, slopes: FloatArray) -> tuple[float, Merger | None]:
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
    return float(values[0] / values[1]), Merger(i, j, _product(a, b, k), power, factor)


def slopes_of(model: Model, look: Look) -> FloatArray:
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
