"""How good a formula is: errors of its values, complexity of its text, description length of both together.

Errors are computed on data scaled by their largest deviation, so that targets of 1e-200 or 1e200 neither vanish nor
overflow where the answer itself can be expressed. All lengths are in nats (1 bit = 0.69 nats).

References
----------
D. J. Bartlett, H. Desmond, P. G. Ferreira, "Exhaustive Symbolic Regression", IEEE Transactions on Evolutionary
Computation 2023, arXiv:2211.11461, equations of section III B: the description length below.
M. H. Hansen, B. Yu, "Model selection and the principle of minimum description length", Journal of the American
Statistical Association 96 (2001): how many digits of a coefficient the data support.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from closedform.symbolic.expression import Expression

FloatArray = NDArray[np.float64]

# Nats of a float64 mantissa: no constant is ever known better than this.
FULL_PRECISION = 53 * math.log(2)
# Residuals this small relative to the spread of the target are rounding: of the target, or of a constant typed with
# 13 digits in the formula that made it.
ROUNDING_LEVEL = 1e-12
# What it costs to say that a number is a decimal, and each operator (or pi) in a number such as sqrt(2)/pi.
KIND_LENGTH = math.log(2)
OPERATOR_LENGTH = math.log(4)
# And what it costs on top that few laws hold such a number: sqrt(91), log(2), pi**2. The roots of 2 and 3 are usual.
RARE_LENGTH = math.log(16)
USUAL_ROOTS = (2, 3)
# Fractions with other denominators are as rare: 8/11 stands for a decimal more often.
USUAL_DENOMINATORS = (2, 3, 4, 5, 6, 8, 10, 12)


FOUR_DIGITS = 4 * math.log(10)
# Numbers with more digits than this are looked at for what they are one over, or the square of, in so few digits.
_LONG, _SHORT_DIGITS, _SAME_NUMBER = 100_000, 4, 1e-15


# --- errors -----------------------------------------------------------------------------------------------------------


def mse(y: ArrayLike, y_pred: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean squared error.

    Parameters
    ----------
    y, y_pred : array-like of shape (n_samples,)
        Target and prediction.
    weights : array-like of shape (n_samples,), optional
        Non-negative weights of the rows, not all zero.

    Returns
    -------
    float
        `inf` where a prediction is nan or infinite, or where the square cannot be expressed.
    """
    error = rmse(y, y_pred, weights)
    return error * error


def rmse(y: ArrayLike, y_pred: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Root mean squared error; parameters as in :func:`mse`."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _root_mean_square(np.asarray(y_pred, dtype=np.float64) - np.asarray(y, dtype=np.float64), weights)


def relative_rmse(y: ArrayLike, y_pred: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Root mean squared error over the standard deviation of the target; parameters as in :func:`mse`.

    For a constant target the error is taken relative to the size of the constant (1 if that is zero).
    """
    return rmse(y, y_pred, weights) / target_scale(np.asarray(y, dtype=np.float64), weights)


def r2(y: ArrayLike, y_pred: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Coefficient of determination, ``1 - relative_rmse**2``: 1 is perfect, `-inf` is undefined somewhere."""
    ratio = relative_rmse(y, y_pred, weights)
    return 1.0 - ratio * ratio


def target_scale(y: FloatArray, weights: ArrayLike | None = None) -> float:
    """Standard deviation of the target; its size if it is constant, and 1 if it is zero. Always positive."""
    largest = float(np.max(np.abs(y), initial=0.0))
    if largest == 0.0:
        return 1.0
    centred = y / largest
    spread = largest * _root_mean_square(centred - np.average(centred, weights=_as_weights(weights)), weights)
    # A spread of a few units in the last place is the rounding of the mean, not a spread.
    return spread if spread > 1e-15 * largest else largest


def rounding_error(y: FloatArray, weights: ArrayLike | None = None) -> float:
    """Size of an error that cannot be told from the rounding of float64 in computing `y`."""
    return max(ROUNDING_LEVEL * target_scale(y, weights), 4 * np.finfo(np.float64).eps * _root_mean_square(y, weights))


def _as_weights(weights: ArrayLike | None) -> FloatArray | None:
    return None if weights is None else np.asarray(weights, dtype=np.float64)


def _root_mean_square(values: FloatArray, weights: ArrayLike | None = None) -> float:
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0.0:
        return 0.0
    if not math.isfinite(largest):
        return math.inf
    return largest * float(np.sqrt(np.average((values / largest) ** 2, weights=_as_weights(weights))))


# --- complexity -------------------------------------------------------------------------------------------------------


def complexity(expression: Expression, costs: Mapping[str, int] | None = None) -> int:
    """Size of a formula: nodes of its canonical form as it is shown, a subexpression without variables counting one.

    Parameters
    ----------
    expression : Expression
        The formula.
    costs : mapping of str to int, optional
        Cost of a node by the name of its operator, or ``"variable"`` or ``"constant"``; 1 where nothing is said.

    Examples
    --------
    >>> from closedform.symbolic.expression import Expression
    >>> complexity(Expression.parse("2.5*exp(x)"))
    4
    >>> complexity(Expression.parse("2.5*exp(x)"), {"exp": 3})
    6
    """
    if not costs:
        return expression.complexity
    from closedform.symbolic.arrangement import arranged

    def cost(node: Expression, parts: tuple[tuple[int, bool], ...]) -> tuple[int, bool]:
        if node.kind == "variable":
            return costs.get("variable", 1), True
        varying = [part for part, varies in parts if varies]
        number = costs.get("constant", 1)
        if not varying:
            return number, False
        n_fixed = len(parts) - len(varying)
        # As in `Expression.complexity`: the numbers of a sum or product are one number.
        fixed = min(n_fixed, 1) if node.op.arity is None else n_fixed
        return costs.get(node.op.name, node.op.complexity) + sum(varying) + number * fixed, True

    return arranged(expression.canonical()).fold(cost)[0]


# --- description length -----------------------------------------------------------------------------------------------


def number_length(value: int | Fraction | float) -> float:
    """Nats that name one number, without its sign.

    Integers cost the logarithm of their size (Bartlett et al. 2023), fractions that of both parts and of a division,
    decimals that of their digits and of the place of the point: 1 costs 0, 12 costs 2.5, 1/3 costs 2.5, 0.41 costs 5.5.
    """
    if value == 0:
        return 0.0
    if isinstance(value, int):
        whole = math.log(abs(value))
        # 1000000 is said in fewer words than 999983.
        return min(whole, _decimal_length(float(value))) if 100 <= abs(value) < 10**300 else whole
    if isinstance(value, Fraction):
        rare = 0.0 if value.denominator in USUAL_DENOMINATORS else RARE_LENGTH
        return math.log(abs(value.numerator)) + math.log(value.denominator) + OPERATOR_LENGTH + rare
    return _decimal_length(value)


def _decimal_length(value: float) -> float:
    digits, exponent = decimal_digits(value)
    if digits > _LONG:
        below = short_reciprocal(value)
        if below is not None:
            return _decimal_length(below) + KIND_LENGTH
        root = _short(math.sqrt(abs(value)))
        for square in (root * root, 1.0 / (root * root)) if root else ():
            if math.isclose(square, abs(value), rel_tol=_SAME_NUMBER):
                return _decimal_length(root) + OPERATOR_LENGTH
    return math.log(digits) + math.log1p(abs(exponent)) + KIND_LENGTH


def short_reciprocal(value: float) -> float | None:
    """The decimal of few digits that a long number is one over: 0.56 for 1.7857142857142856; None if there is none."""
    if value == 0.0 or not math.isfinite(1.0 / value) or decimal_digits(value)[0] <= _LONG:
        return None
    below = _short(1.0 / value)
    return below if below and math.isclose(1.0 / below, value, rel_tol=_SAME_NUMBER) else None


def _short(value: float) -> float:
    return float(f"{value:.{_SHORT_DIGITS}g}")


def decimal_digits(value: float) -> tuple[int, int]:
    """Digits and exponent with ``abs(value) = digits * 10**exponent``, from the shortest text that round-trips."""
    mantissa, _, power = repr(abs(value)).partition("e")
    whole, _, decimals = mantissa.partition(".")
    digits = (whole + decimals).rstrip("0")
    return int(digits), int(power or 0) + len(whole) - len(digits)


def free_constant_length(value: float, standard_error: float) -> float:
    r"""Nats of a fitted constant at the precision that the data support.

    :math:`\log(|\theta| / s) - \frac12 \log 3` with `s` the standard error: the constant is written on a grid of
    :math:`\sqrt{12} s`, with a sign, and costs half a nat of fit on average (Bartlett et al. 2023).
    Never less than one bit, never more than float64 holds; a constant that the data do not fix costs one bit.
    """
    if not standard_error < math.inf:
        return KIND_LENGTH
    if standard_error <= 0.0:
        return FULL_PRECISION
    signal = max(abs(value) / standard_error, 1.0)
    return min(max(math.log(signal) - 0.5 * math.log(3), KIND_LENGTH), FULL_PRECISION)


def structure_length(expression: Expression) -> float:
    r"""Nats of the formula without its free constants: :math:`k \log n + \sum_j \log c_j` (Bartlett et al. 2023).

    `k` counts the nodes, an operator with `m` arguments as `m - 1` nodes, a subexpression without variables as one;
    `n` counts the distinct symbols among them. What stands inside such a subexpression is added: an integer its
    logarithm, see :func:`number_length`, each operator and pi log 4. Free constants add nothing here.
    """
    nodes, symbols, inside = 0, set[str](), 0.0
    stack = [expression]
    while stack:
        node = stack.pop()
        if not node.variables:
            nodes += 1
            symbols.add("constant")
            inside += _constant_length(node)
        elif node.kind == "variable":
            nodes += 1
            symbols.add("variable " + node.name)
        else:
            nodes += max(1, len(node.args) - 1)
            symbols.add(node.op.name)
            stack.extend(node.args)
    return nodes * math.log(max(len(symbols), 2)) + inside


def _constant_length(expression: Expression) -> float:
    """Nats of the exact numbers and operators inside a subexpression without variables."""
    total, stack = 0.0, [expression]
    while stack:
        node = stack.pop()
        if node.kind == "apply":
            total += OPERATOR_LENGTH + (RARE_LENGTH if _is_rare(node) else 0.0)
            stack.extend(node.args)
        elif not isinstance(node.value, float):
            total += number_length(node.value)
    return total


def _is_rare(node: Expression) -> bool:
    """Whether an operator on numbers is one that few laws hold."""
    if node.op.name == "sqrt":
        inside = node.args[0]
        return inside.kind == "constant" and inside.value not in USUAL_ROOTS
    return node.op.name in ("log", "pow")


def text_length(expression: Expression) -> float:
    """Nats of a formula as it is written, where a constant that is no short number has four digits."""
    return structure_length(expression) + constants_length(expression.constants, FOUR_DIGITS)


def numbers_length(expression: Expression) -> float:
    """Nats of the numbers alone in a formula as it is written, see :func:`text_length`."""
    total, stack = constants_length(expression.constants, FOUR_DIGITS), [expression]
    while stack:
        node = stack.pop()
        if node.variables:
            stack.extend(node.args)
        else:
            total += _constant_length(node)
    return total


def constants_length(
    constants: Sequence[float], default: float, standard_errors: Sequence[float] | None = None
) -> float:
    """Nats of all free constants: each as a short decimal or at the precision of the data, whichever is shorter.

    Parameters
    ----------
    constants : sequence of float
        The free constants of the formula.
    default : float
        Nats of a constant whose standard error is not known.
    standard_errors : sequence of float, optional
        One for each constant.
    """
    if standard_errors is None:
        return sum(min(number_length(value), default) for value in constants)
    pairs = zip(constants, standard_errors, strict=True)
    return sum(min(number_length(value), free_constant_length(value, error)) for value, error in pairs)


def residual_length(mse: float, n_rows: int, noise: float | None = None, n_constants: int = 0) -> float:
    r"""Nats of the residuals under Gaussian noise, up to a constant that is the same for every formula.

    With known `noise` (standard deviation) :math:`n \cdot mse / (2 \sigma^2)`, else
    :math:`\frac{n}{2} \log(mse \cdot n / (n - p))` with `p` fitted constants (the unbiased variance, Hansen and Yu
    2001: with few rows a formula that interpolates must not look good). `inf` when nothing is left to judge by.
    """
    if not math.isfinite(mse):
        return math.inf
    if noise is not None and noise > 0.0:
        return 0.5 * n_rows * (mse / noise) / noise
    if n_rows <= n_constants:
        return math.inf
    if mse <= 0.0:
        return -math.inf
    return 0.5 * n_rows * (math.log(mse) + math.log(n_rows / (n_rows - n_constants)))


def description_length(
    expression: Expression,
    n_rows: int,
    mse: float,
    noise: float | None = None,
    *,
    standard_errors: Sequence[float] | None = None,
    variance: float | None = None,
    resolution: float = 0.0,
) -> float:
    """Nats that tell formula, constants and residuals; the shorter, the better the formula is supported.

    Parameters
    ----------
    expression : Expression
        The formula, with fitted constants.
    n_rows : int
        Number of rows that it was fitted to.
    mse : float
        Its mean squared error on them.
    noise : float, optional
        Standard deviation of the noise, if known; else it is taken from the residuals.
    standard_errors : sequence of float, optional
        Of ``expression.constants``. Without them a constant costs ``log(n_rows * variance / mse) / 2`` (the g-prior
        form of Hansen and Yu 2001), or ``log(n_rows) / 2`` when `variance` is not given either.
    variance : float, optional
        Variance of the target.
    resolution : float, default=0
        Errors below this size are rounding and bring nothing, see :func:`rounding_error`.

    Returns
    -------
    float
        Comparable between formulas for the same rows only. `inf` for a formula that is undefined on some row or
        has as many constants as there are rows.

    References
    ----------
    Bartlett, Desmond, Ferreira 2023 (arXiv:2211.11461).
    NOTE[DIFF]: a constant with few digits may cost these digits; the variance of the noise is unbiased.
    """
    error = max(mse, resolution * resolution)
    signal = 1.0 if variance is None or error <= 0.0 else max(variance / error, 1.0)
    default = min(0.5 * math.log(n_rows * signal), FULL_PRECISION) if signal < math.inf else FULL_PRECISION
    constants = expression.constants
    return (
        structure_length(expression)
        + constants_length(constants, default, standard_errors)
        + residual_length(error, n_rows, noise, len(constants))
    )
