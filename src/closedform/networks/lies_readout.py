"""From the weights of a LIES network to a formula, edge by edge: never by joining strings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closedform.networks.lies_layout import LIESLayout
from closedform.networks.lies_units import UNITS
from closedform.symbolic.expression import Expression, apply, constant, plain_sum


def read_out(layout: LIESLayout, weights: NDArray[np.float64], inputs: Sequence[Expression]) -> Expression:
    """The formula of one network.

    Parameters
    ----------
    layout : LIESLayout
        The graph.
    weights : ndarray of shape (n_weights,)
        Values; a weight of zero is an edge that is not there.
    inputs : sequence of Expression
        What the input columns are.

    Returns
    -------
    Expression
        Equal to the network on every row on which no log or exp unit works outside its legal range; elsewhere the
        network is frozen and the formula is not.

    Examples
    --------
    >>> from closedform.symbolic.expression import variable
    >>> layout = LIESLayout(n_inputs=1, layers=(("sine",),))
    >>> weights = np.zeros(layout.n_weights)
    >>> weights[layout.weight(source=0, target=0)] = 2.5
    >>> weights[layout.weight(source=2, target=1)] = 3.5
    >>> str(read_out(layout, weights, [variable("t")]))
    '3.5*sin(2.5*t)'
    """
    features: list[Expression] = [*inputs, constant(1)]
    for (first, _, size, n_sources), kinds in zip(layout.blocks[:-1], layout.layers, strict=True):
        matrix = weights[first : first + size * n_sources].reshape(size, n_sources)
        arguments = [_combination(row, features) for row in matrix]
        for kind, argument in zip(kinds, arguments, strict=True):
            operator = UNITS[kind].operator
            features.append(argument if operator is None else apply(operator, argument))
    return _combination(weights[layout.blocks[-1][0] :], features)


def _combination(row: NDArray[np.float64], features: Sequence[Expression]) -> Expression:
    """The sum of features times their weights, without those of weight zero."""
    terms = []
    for weight, feature in zip(row, features, strict=False):
        if weight == 0.0:
            continue
        is_bias = feature.kind == "constant"
        terms.append(constant(float(weight)) if is_bias else apply("mul", constant(float(weight)), feature))
    return plain_sum(terms)
