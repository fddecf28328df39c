"""Fit the free constants of a formula to data, and say how well the data fix them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from closedform.exceptions import InputError
from closedform.losses import Loss, SquaredLoss, get_loss
from closedform.symbolic._constant_model import ConstantModel
from closedform.symbolic._variable_projection import RANK_TOLERANCE, Data, Fit, VariableProjection, row_norms
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression, variable
from closedform.symbolic.linear_part import Role, constant_roles
from closedform.symbolic.metrics import rmse

FloatArray = NDArray[np.float64]
Columns = Mapping[str, FloatArray]

# Relative nudge that tells a constant that may move from one that may not (an even exponent over negative numbers).
_NUDGE = 1e-6
# What is tried on a constant to get into the domain: factor and shift; None stands for rounding to an integer.
_CHANGES: tuple[tuple[float | None, float], ...] = (
    *((None, 0.0), (-1.0, 0.0), (0.1, 0.0), (10.0, 0.0), (-10.0, 0.0)),
    *((0.0, 0.0), (0.0, 1.0), (0.0, -1.0)),
)
# A constant with more than this share in directions that change nothing is not fixed by the data.
_LOOSE = 1e-6
# Standard deviation over median absolute residual under normal noise, times sqrt(pi/2): what the median of a sample,
# the least efficient of the robust estimates on offer, loses against the mean.
_MEDIAN_TO_DEVIATION = 1.4826 * math.sqrt(math.pi / 2)


@dataclass(frozen=True)
class RefitResult:
    """What :func:`refit` found.

    Attributes
    ----------
    expression : Expression
        The formula with the better constants: the new ones, or those it came with.
    loss : float
        Mean loss on all rows; `inf` if the formula is undefined on some row.
    converged : bool
        Whether the iteration came to rest, rather than ran out of steps.
    standard_errors : tuple of float or None
        One for each free constant, see :func:`standard_errors`; None if the formula is undefined on some row.
    """

    expression: Expression
    loss: float
    converged: bool
    standard_errors: tuple[float, ...] | None


def refit(
    expression: Expression,
    columns: Any,
    y: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    loss: str | Loss = "squared",
    restarts: int = 0,
    rng: np.random.Generator | None = None,
    max_iter: int = 100,
    variable_projection: bool = True,
) -> RefitResult:
    """Fit the free constants of a formula, starting from those it has.

    Levenberg-Marquardt in float64 with orthogonal factorisations. Constants in which the formula is affine are solved
    exactly at every step (variable projection). Exact constants (integers, fractions, pi) stay. The result is never
    worse than the formula given: if nothing better is found, it comes back as it was.

    Parameters
    ----------
    expression : Expression
        The formula.
    columns : mapping of str to array-like of shape (n_samples,)
        Values of its variables, in any form that :func:`~closedform.symbolic.evaluate.evaluate` takes.
    y : array-like of shape (n_samples,)
        Target, finite.
    weights : array-like of shape (n_samples,), optional
        Non-negative weights of the rows, not all zero; rows of weight zero are left out.
    loss : str or Loss, default="squared"
        What is minimised; all but the square by iteratively reweighted least squares.
    restarts : int, default=0
        Further starts from randomly changed constants.
    rng : numpy.random.Generator, optional
        Where the restarts get their random numbers from; a generator with seed 0 if None.
    max_iter : int, default=100
        Steps for each start.
    variable_projection : bool, default=True
        Whether to solve for linear constants exactly; False iterates over all of them alike.

    Returns
    -------
    RefitResult

    Raises
    ------
    InputError
        For a target or weights that cannot be used.

    References
    ----------
    G. Golub, V. Pereyra, "Separable nonlinear least squares: the variable projection method and its applications",
    Inverse Problems 19 (2003) R1.

    Examples
    --------
    >>> import numpy as np
    >>> from closedform.symbolic import Expression
    >>> t = np.linspace(0.0, 5.0, 50)
    >>> result = refit(Expression.parse("1.0*exp(-0.5*t)"), {"t": t}, 3.0 * np.exp(-0.25 * t))
    >>> [round(value, 12) for value in result.expression.constants]
    [3.0, -0.25]
    """
    problem = FitData.checked(expression, columns, y, weights, loss)
    fitted = problem.fit(expression, restarts=restarts, rng=rng, max_iter=max_iter, projection=variable_projection)
    return problem.result(*fitted)


def standard_errors(
    expression: Expression,
    columns: Any,
    y: ArrayLike,
    weights: ArrayLike | None = None,
    noise: float | None = None,
) -> tuple[float, ...]:
    r"""Standard errors of the free constants of a formula that has been fitted by least squares.

    The roots of the diagonal of :math:`\hat\sigma^2 (J^T W J)^{-1}` with
    :math:`\hat\sigma^2 = \sum w r^2 / (n - p)`, so that scaling all weights changes nothing.

    Parameters
    ----------
    expression, columns, y, weights
        As in :func:`refit`. Weights are inverse variances up to a factor, not counts of rows.
    noise : float, optional
        Standard deviation of the noise in a row of average weight, if known: it stands for :math:`\hat\sigma` then.

    Returns
    -------
    tuple of float
        One for each of ``expression.constants``. `inf` for a constant that the data do not fix: because another one
        does the same, or because there are as many constants as rows.
    """
    problem = FitData.checked(expression, columns, y, weights, "squared")
    if not expression.n_constants:
        return ()
    return problem.standard_errors(problem.model(expression), np.array(expression.constants), noise)


@dataclass(frozen=True, eq=False)
class FitData:
    """Data for fits of formulas, checked once: rows of weight zero gone, weights of mean 1."""

    columns: Columns
    data: Data

    @classmethod
    def checked(
        cls, expression: Expression, columns: Any, y: ArrayLike, weights: ArrayLike | None, loss: str | Loss
    ) -> FitData:
        """Check and convert what this formula needs; raises InputError in one sentence."""
        target = np.asarray(y, dtype=np.float64)
        if target.ndim != 1 or not target.size:
            raise InputError(f"y must be a vector with at least one row, got an array of shape {target.shape}.")
        wrong = np.flatnonzero(~np.isfinite(target))
        if wrong.size:
            raise InputError(f"y must be finite, got {target[wrong[0]]} in row {wrong[0]}: drop or repair such rows.")
        table = {name: evaluate(variable(name), columns) for name in expression.variables}
        for name, column in table.items():
            if column.size != target.size:
                raise InputError(f"Column {name!r} has {column.size} rows, but y has {target.size}.")
        if weights is None:
            return cls(table, Data(target, None, get_loss(loss)))
        mass = np.asarray(weights, dtype=np.float64)
        if mass.shape != target.shape or not np.all((mass >= 0.0) & (mass < math.inf)) or not mass.any():
            raise InputError(
                f"weights must be {target.size} non-negative, finite numbers, not all zero, "
                f"got shape {mass.shape}, smallest {np.min(mass, initial=math.inf)}."
            )
        keep = mass > 0.0
        if not keep.all():
            table, target, mass = {name: c[keep] for name, c in table.items()}, target[keep], mass[keep]
        mass = mass / mass.max()
        return cls(table, Data(target, mass / mass.mean(), get_loss(loss)))

    @property
    def n_rows(self) -> int:
        """Number of rows that count."""
        return int(self.data.y.size)

    def model(self, expression: Expression) -> ConstantModel:
        """The formula as a function of its free constants on these rows."""
        return ConstantModel(expression, self.columns, self.n_rows)

    def values(self, expression: Expression) -> FloatArray:
        """Values of the formula on these rows; nan where undefined."""
        if not expression.variables:
            return self.model(expression).values(np.array(expression.constants))
        values: FloatArray = evaluate(expression, self.columns)
        return values

    def key(self, values: FloatArray) -> tuple[int, float]:
        """Smaller is better: the number of undefined rows, then the loss (scaled for squares)."""
        with np.errstate(all="ignore"):
            residual = self.data.y - values
            bad = ~np.isfinite(residual)
            return int(np.count_nonzero(bad)), self.data.mean_loss(np.where(bad, 0.0, residual), self.data.scale)

    def loss_of(self, values: FloatArray) -> float:
        """Mean loss of predictions in the units of y; `inf` if one is nan or infinite."""
        with np.errstate(all="ignore"):
            loss = float(self.data.loss.value(self.data.y, values, self.data.weights))
        return loss if math.isfinite(loss) else math.inf

    def fit(
        self,
        expression: Expression,
        *,
        restarts: int = 0,
        rng: np.random.Generator | None = None,
        max_iter: int = 100,
        projection: bool = True,
    ) -> tuple[Expression, FloatArray, bool]:
        """The fitted formula, never worse than the one given; its values; whether the iteration came to rest."""
        if not expression.n_constants:
            return expression, self.values(expression), True
        model, start = self.model(expression), np.array(expression.constants)
        before = model.values(start)
        roles = constant_roles(expression)
        stuck = _stuck(model, start, before, [k for k, role in enumerate(roles) if role is Role.EXPONENT])
        linear = [k for k, role in enumerate(roles) if role is Role.LINEAR] if projection else []
        nonlinear = [k for k in range(start.size) if k not in linear and k not in stuck]
        solver = VariableProjection(model, self.data, linear, nonlinear)
        first = _repaired(model, start, before, nonlinear)
        best = solver.minimise(first, max_iter)
        others = [start] if best.n_bad and first is not start else []
        for other in [*others, *_random_starts(first, nonlinear, restarts, rng)]:
            again = solver.minimise(other, max_iter)
            if again.key() < best.key():
                best = again
        return self._better(expression, before, best)

    def _better(self, expression: Expression, before: FloatArray, fit: Fit) -> tuple[Expression, FloatArray, bool]:
        """The formula with the new constants if they are better on all rows, else as it came."""
        if np.isfinite(fit.theta).all():
            fitted = expression.with_constants(fit.theta)
            after = self.values(fitted)
            if self.key(after) < self.key(before):
                return fitted, after, fit.converged
        return expression, before, fit.converged

    def result(self, expression: Expression, values: FloatArray, converged: bool) -> RefitResult:
        """What :func:`refit` returns for a formula with these values."""
        if not np.isfinite(values).all():
            return RefitResult(expression, math.inf, False, None)
        errors = self.standard_errors(self.model(expression), np.array(expression.constants))
        return RefitResult(expression, self.loss_of(values), converged, errors)

    def thinned(self, n_rows: int) -> FitData:
        """About `n_rows` rows at equal distances; the same object if there are no more than that."""
        step = self.n_rows // n_rows
        if step < 2:
            return self
        columns = {name: np.ascontiguousarray(column[::step]) for name, column in self.columns.items()}
        weights = None if self.data.weights is None else self.data.weights[::step] / self.data.weights[::step].mean()
        return FitData(columns, Data(self.data.y[::step], weights, self.data.loss))

    def standard_errors(self, model: ConstantModel, theta: FloatArray, noise: float | None = None) -> tuple[float, ...]:
        """Standard errors at `theta`; with the given standard deviation of the noise instead of the residuals'."""
        if not theta.size:
            return ()
        scales, sigma = self._scales(model, theta, noise)
        with np.errstate(all="ignore"):
            loose = np.isinf(scales[:, 0])
            scales[loose] = 1.0
            return tuple(np.where(loose, math.inf, sigma * row_norms(scales)).tolist())

    def covariance(self, expression: Expression, noise: float) -> FloatArray:
        """Covariance of the constants, given the standard deviation of the noise; inf for those that are loose."""
        scales, sigma = self._scales(self.model(expression), np.array(expression.constants), noise)
        with np.errstate(all="ignore"):
            found: FloatArray = sigma * sigma * (scales @ scales.T)
        return found

    def _scales(self, model: ConstantModel, theta: FloatArray, noise: float | None) -> tuple[FloatArray, float]:
        """A root of the inverse of J^T W J, and the standard deviation of the noise."""
        with np.errstate(all="ignore"):
            values, jacobian = model(theta)
            slopes = jacobian.T
            if self.data.weights is not None:
                slopes = slopes * np.sqrt(self.data.weights)
            slopes[~np.isfinite(slopes)] = 0.0
            return _inverse_root(slopes), self.deviation(values, theta.size) if noise is None else noise

    def deviation(self, values: FloatArray, n_constants: int) -> float:
        """Standard deviation of the noise, from the residuals; inf where nothing is left over to estimate it from."""
        residual = self.data.y - values
        left = self.n_rows - n_constants
        if left <= 0 or not np.isfinite(residual).all():
            return math.inf
        if not isinstance(self.data.loss, SquaredLoss):
            # Outliers, the reason for another loss, must not speak here either: the median's share of a normal law.
            return _MEDIAN_TO_DEVIATION * float(np.median(np.abs(residual))) * math.sqrt(self.n_rows / left)
        return rmse(residual, np.zeros_like(residual), self.data.weights) * math.sqrt(self.n_rows / left)


def _inverse_root(slopes: FloatArray) -> FloatArray:
    """F with ``F @ F.T = inverse(S @ S.T)``; rows of inf for constants with a part in the null space."""
    n_constants, n_rows = slopes.shape
    if n_rows < n_constants or not slopes.any():
        return np.full((n_constants, n_constants), math.inf)
    norms = row_norms(slopes)
    triangle = np.linalg.qr((slopes / norms[:, None]).T, mode="r")
    _, singular, right = np.linalg.svd(triangle)
    kept = singular > RANK_TOLERANCE * singular[0]
    factor: FloatArray = right[kept].T / singular[kept] / norms[:, None]
    loose = np.sum(right[~kept] ** 2, axis=0) > _LOOSE
    factor[loose | ~slopes.any(axis=1)] = math.inf
    return factor


def _stuck(model: ConstantModel, start: FloatArray, values: FloatArray, exponents: Sequence[int]) -> set[int]:
    """Exponents whose smallest change leaves the domain, as in ``x**2.0`` where x is negative on some row."""
    fine = np.isfinite(values)
    stuck = set[int]()
    for k in exponents:
        nudge = _NUDGE * max(abs(start[k]), 1.0) * (np.arange(start.size) == k)
        if not np.isfinite(model.values(start + nudge)[fine]).all():
            stuck.add(k)
    return stuck


def _repaired(model: ConstantModel, start: FloatArray, values: FloatArray, nonlinear: Sequence[int]) -> FloatArray:
    """The start itself if the model is defined there; else a point nearby with fewer undefined rows, if one is found.

    Tries each constant in turn: the nearest integer (an exponent over negative numbers), other signs and sizes.
    """
    fewest = int(np.count_nonzero(~np.isfinite(values)))
    # Rounding goes first: the other changes may find a way round an exponent that leads nowhere.
    for factor, shift in _CHANGES:
        for k in nonlinear:
            if not fewest:
                return start
            trial = start.copy()
            trial[k] = round(start[k]) if factor is None else factor * start[k] + shift
            count = int(np.count_nonzero(~np.isfinite(model.values(trial))))
            if count < fewest:
                start, fewest = trial, count
    return start


def _random_starts(
    start: FloatArray, nonlinear: Sequence[int], restarts: int, rng: np.random.Generator | None
) -> Iterator[FloatArray]:
    """Random starts, first near, then further and further away; linear constants need none."""
    if not restarts:
        return
    rng = np.random.default_rng(0) if rng is None else rng
    moves = np.zeros(start.size, dtype=bool)
    moves[list(nonlinear)] = True
    for count in range(restarts):
        width = 0.3 * 1.5 ** min(count, 8)
        factor = np.exp(width * rng.standard_normal(start.size))
        flip = np.where(rng.random(start.size) < min(0.05 * count, 0.3), -1.0, 1.0)
        shift = width * rng.standard_normal(start.size) * (rng.random(start.size) < 0.3)
        yield np.where(moves, start * factor * flip + shift, start)
