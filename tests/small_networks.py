"""Small fitted networks with every kind of effect, made without training."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedform.additive.basis import LevelBasis, NumericBasis
from closedform.additive.families import Binary, Classes, Family, Poisson, Squared
from closedform.additive.fitted import FittedNetwork
from closedform.additive.model import AdditiveModel
from closedform.additive.second_block import BlockInput, SecondBlock
from closedform.additive.terms import ColumnFunctions, MainEffect, PairEffect
from closedform.preprocessing.columns import Column

COLUMNS = (
    Column("a", "numeric"),
    Column("x 1", "numeric", has_missing=True),
    Column("sex", "categorical", ("female", "male", "other")),
    Column("const", "numeric", constant=True),
)
_FAMILIES: dict[str, tuple[Family, tuple[Any, ...]]] = {
    "regression": (Squared(), ()),
    "poisson": (Poisson(), ()),
    "binary": (Binary(), ("no", "yes")),
    "classes": (Classes(3), ("u", "v", "w")),
}


def rows(n: int = 200, *, strange: bool = True) -> dict[str, Any]:
    """A table that goes beyond the ranges, with missing cells and, if `strange`, an unknown label."""
    rng = np.random.default_rng(5)
    second = rng.normal(10.0, 4.0, n)
    second[::7] = np.nan
    labels = rng.choice(["female", "male", "other", "unheard of"] if strange else ["female", "male", "other"], n)
    return {"a": rng.uniform(-3.0, 3.0, n), "x 1": second, "sex": labels.astype(object), "const": np.ones(n)}


def small_network(kind: str = "regression", *, beyond: str = "linear", second: bool = True) -> FittedNetwork:
    """A network of two numeric columns, a categorical and a constant one.

    Parameters
    ----------
    kind : {"regression", "poisson", "binary", "classes"}
    beyond : {"linear", "clip", "rational"}
        Of both numeric columns.
    second : bool, default=True
        Whether it has a second block.
    """
    family, classes = _FAMILIES[kind]
    n_outputs = 3 if kind == "classes" else 1
    rng = np.random.default_rng(11)
    draw = lambda *shape: rng.normal(0.0, 0.3, shape)  # noqa: E731
    first = NumericBasis(0.1, 1.3, np.array([-0.8, 0.5, 0.2]), np.array([0.9, 0.7, 0.4]), 2, -1.5, 1.6)
    other = NumericBasis(10.0, 4.0, np.array([-0.5, 0.6]), np.array([1.1, 0.8]), 2, 4.0, 15.0, True)
    bases = (first, other, LevelBasis(3))
    functions = tuple(ColumnFunctions(j, COLUMNS[j].name, basis, beyond) for j, basis in enumerate(bases))
    mains = []
    for item in functions:
        grid = np.append(np.linspace(4.0, 15.0, 40), np.nan) if item.column == 1 else np.linspace(-1.5, 1.6, 41)
        grid = np.arange(3.0) if item.column == 2 else grid
        size = item.basis.size
        mains.append(MainEffect(item, draw(size, n_outputs), draw(n_outputs), grid, np.abs(draw(len(grid), n_outputs))))
    pairs = [_pair(functions[0], functions[1], draw, n_outputs), _pair(functions[2], functions[1], draw, n_outputs)]
    effects = (*mains, *pairs)
    line = np.zeros(first.size)
    line[0] = 1.0
    inputs = (BlockInput(functions[0], line, 0.1, 0.9), BlockInput(functions[1], draw(other.size), -0.2, 0.4))
    block = SecondBlock(inputs, draw(3, 2), draw(2, n_outputs), draw(2, n_outputs), draw(n_outputs))
    model = AdditiveModel(
        draw(n_outputs),
        functions,
        effects,
        block if second else None,
        np.append(np.linspace(0.5, 0.1, len(effects)), 0.05 if second else 0.0),
        np.append(np.linspace(0.7, 0.2, len(effects)), 0.1 if second else 0.0),
    )
    return FittedNetwork(
        "RANRegressor" if not classes else "RANClassifier",
        COLUMNS,
        True,
        "y",
        family,
        classes,
        model,
        200,
        {"max_time": 5.0, "random_state": 0},
        "0.1.0",
    )


def _pair(first: ColumnFunctions, second: ColumnFunctions, draw: Any, n_outputs: int) -> PairEffect:
    a, b = first.basis, second.basis
    matrix = draw(len(a.coarse), len(b.coarse), n_outputs)
    return PairEffect(first, second, matrix, draw(a.size, n_outputs), draw(b.size, n_outputs), draw(n_outputs))
