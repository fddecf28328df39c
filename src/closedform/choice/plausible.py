"""How far a formula is from what laws look like, in nats: what few noisy rows must make up for before it is believed.

A cosine that turns between one row and the next, or does the work of a parabola; a tenth power; a power so small that
it is a logarithm; a free power of a column that was moved; a steep one of a column that hardly varies; an arc tangent;
terms that are each a thousand times their sum; a huge number times a tiny function; a pole between two rows. Each of
them fits noise well, and few laws are made of them.
"""

from __future__ import annotations

import math

import numpy as np

from closedform.engines.base import FloatArray, Problem
from closedform.finish import used_columns
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression

_WAVES = frozenset({"sin", "cos", "tan"})
# Functions that few laws are made of.
_RARE = frozenset({"tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "sign", "abs"})
_RARELY = 2.0
# Powers up to this are usual; each one beyond costs a nat, up to so many.
_USUAL_POWER, _HIGHEST_POWER = 4.0, 15.0
# Free exponents below this do the work of a logarithm, and of a sum with a free constant that of a parabola.
_SMALL_POWER = 0.2
_INSTEAD_OF_A_LOGARITHM, _INSTEAD_OF_A_PARABOLA = 3.0, 5.0
# From this power on, and with values that differ by less than this factor, a power does that of an exponential.
_STEEP_POWER, _NARROW, _INSTEAD_OF_AN_EXPONENTIAL = 3.0, 2.0, 8.0
# A wave has to be sampled at least so often in a turn, and to make at least a part of a turn.
_LEAST_TURN, _LARGEST_STEP = math.pi / 2, math.pi / 2
_TOO_FAST, _TOO_SLOW = 15.0, 4.0
# Sums whose terms cancel to less than this share.
_CANCELLED = 30.0
# Powers of ten of a fitted factor that the rest of its product undoes.
_HUGE, _RUNAWAY = 15.0, 8.0
_POLE = 8.0


def implausibility(expression: Expression, problem: Problem) -> float:
    """Nats by which a formula must explain the rows better because of what it is made of.

    Parameters
    ----------
    expression : Expression
        The formula, with its constants.
    problem : Problem
        The rows that it was fitted to.
    """
    if not expression.variables:
        return 0.0
    columns = used_columns(expression, problem)
    nodes = [node for node in expression.walk() if node.kind == "apply" and node.variables]
    total = sum(_part(node, columns) for node in nodes)
    return total + _POLE * any(_has_a_pole(node, columns) for node in nodes)


def _part(node: Expression, columns: dict[str, FloatArray]) -> float:
    name = node.op.name
    if name == "pow":
        return _odd_power(node, columns)
    if name in _RARE:
        return _RARELY + (_wave(evaluate(node.args[0], columns)) if name in _WAVES else 0.0)
    if name in _WAVES:
        return _wave(evaluate(node.args[0], columns))
    if name == "mul":
        return _runaway(node, columns)
    if name in ("add", "sub"):
        return _cancelling([evaluate(term, columns) for term in node.args if term.variables], evaluate(node, columns))
    return 0.0


def _has_a_pole(node: Expression, columns: dict[str, FloatArray]) -> bool:
    """Whether what a node divides by has both signs among the rows: between them it is zero.

    What a pole beyond the rows does is seen when the ends are left out.
    """
    if node.op.name == "tan":
        turns = np.floor(evaluate(node.args[0], columns) / math.pi + 0.5)
        return bool(np.ptp(turns) > 0)
    divisor = node.args[1] if node.op.name == "div" else node.args[0]
    if node.op.name == "pow" and (node.args[1].variables or evaluate(node.args[1], {})[0] >= 0):
        return False
    if node.op.name not in ("div", "pow") or not divisor.variables:
        return False
    values = evaluate(divisor, columns)
    return bool((values > 0).any() and (values < 0).any())


def _odd_power(node: Expression, columns: dict[str, FloatArray]) -> float:
    base, power = node.args
    if power.variables:
        return 0.0
    exponent = abs(float(evaluate(power, {})[0]))
    if not math.isfinite(exponent):
        return 0.0
    total = min(max(0.0, exponent - _USUAL_POWER), _HIGHEST_POWER)
    if exponent >= _STEEP_POWER and _hardly_varies(evaluate(base, columns)):
        total += _INSTEAD_OF_AN_EXPONENTIAL
    if power.n_constants:
        total += _INSTEAD_OF_A_LOGARITHM * (exponent < _SMALL_POWER)
        moved = base.kind == "apply" and base.op.name in ("add", "sub") and base.n_constants > 0
        total += _INSTEAD_OF_A_PARABOLA * moved
    return total


def _hardly_varies(values: FloatArray) -> bool:
    """Whether zero is far from all values: then where it lies is no matter, and no power law can be seen."""
    size = np.abs(values)
    one_sign = bool((values > 0).all() or (values < 0).all())
    return one_sign and float(size.max()) < _NARROW * float(size.min())


def _wave(argument: FloatArray) -> float:
    if not np.isfinite(argument).all():
        return 0.0
    places = np.unique(argument)
    if len(places) < 2:
        return 0.0
    steps = np.diff(places)
    if float(np.median(steps)) > _LARGEST_STEP:
        return _TOO_FAST
    return _TOO_SLOW if float(places[-1] - places[0]) < _LEAST_TURN else 0.0


def _runaway(node: Expression, columns: dict[str, FloatArray]) -> float:
    """Whether a fitted factor and the rest of its product have left each other by many powers of ten."""
    factors = [abs(one.value) for one in node.args if one.kind == "constant" and isinstance(one.value, float)]
    if not factors or not math.prod(factors) > 0:
        return 0.0
    places = math.log10(math.prod(factors))
    with np.errstate(all="ignore"):
        whole = float(np.median(np.log10(np.abs(evaluate(node, columns)))))
    undone = abs(whole - places) > _HUGE and (whole - places) * places < 0
    return _RUNAWAY if abs(places) > _HUGE and undone else 0.0


def _cancelling(terms: list[FloatArray], values: FloatArray) -> float:
    """The logarithm of how many times larger the changes of the terms are than that of their sum."""
    if len(terms) < 2:
        return 0.0
    with np.errstate(all="ignore"):
        largest, whole = max(float(np.std(term)) for term in terms), float(np.std(values))
    if not (math.isfinite(largest) and math.isfinite(whole)) or whole <= 0:
        return 0.0
    return max(0.0, math.log(largest / whole / _CANCELLED)) if largest > 0 else 0.0
