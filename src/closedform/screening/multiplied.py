"""Targets with a power of a column taken off: ``y = x**p * (sum of terms)``.

Products of every library column with every power would make a library too large to search in pairs; a target divided by
one power is the same search once more. Each is written as a link, like the targets inside an outer unit.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from closedform.engines.base import FloatArray
from closedform.library.grow import product_recipe
from closedform.library.links import Link
from closedform.library.pool import Recipe
from closedform.library.powers import one_sign
from closedform.screening.view import View

_HALF = Fraction(1, 2)
_EXPONENTS: tuple[int | Fraction, ...] = (1, -1, 2, -2, _HALF, -_HALF, 3, -3, Fraction(3, 2), Fraction(-3, 2))
_FEW_COLUMNS = 2
_FEW_EXPONENTS = 2


def common_factors(view: View) -> list[Link]:
    """The target over powers of each column: many powers where there are few columns, none for a noisy target."""
    if view.noise is not None:
        return []
    n_columns = len(view.recipes)
    exponents = _EXPONENTS if n_columns <= _FEW_COLUMNS else _EXPONENTS[:_FEW_EXPONENTS]
    return [
        _divided(view.recipes[j], view.X[:, j], exponent)
        for exponent in exponents
        for j in range(n_columns)
        if (view.X[:, j] > 0).all() or (one_sign(view.X[:, j]) and exponent in (1, -1, 2, -2, 3, -3))
    ]


def _divided(recipe: Recipe, column: FloatArray, exponent: int | Fraction) -> Link:
    factor = np.power(column, float(exponent))
    written = product_recipe([(recipe, exponent)])
    return Link(
        f"y over {written}",
        lambda y: y / factor,
        lambda y: np.abs(factor),
        lambda y: True,
        lambda z: ("mul", written, z),
    )
