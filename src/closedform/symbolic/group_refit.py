r"""One formula for several groups of rows: constants that all groups share, and constants that each has of its own.

The joint fit is Levenberg-Marquardt on normal equations with an arrow's shape: own constants of different groups meet
only through the shared ones, so that each group's block is eliminated on its own and memory does not grow with the
square of the number of groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedform.losses import Loss, SquaredLoss
from closedform.symbolic._constant_model import ConstantModel
from closedform.symbolic.expression import Expression
from closedform.symbolic.refit import refit

FloatArray = NDArray[np.float64]

_MOST_STEPS = 60
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-3, 1e-14, 1e8
# A step that brings less than this share of the loss is the last one; so is a loss that is nothing but rounding.
_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Groups:
    """The rows of each group.

    Parameters
    ----------
    columns : tuple of mapping of str to ndarray of shape (n_g,)
        The variables, for each group.
    y : tuple of ndarray of shape (n_g,)
        The target.
    weights : tuple of ndarray of shape (n_g,)
        Positive weights of the rows.
    loss : Loss
        What is minimised.
    """

    columns: tuple[Mapping[str, FloatArray], ...]
    y: tuple[FloatArray, ...]
    weights: tuple[FloatArray, ...]
    loss: Loss

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.y)

    @property
    def n_rows(self) -> int:
        """Rows of all groups together."""
        return sum(len(part) for part in self.y)


@dataclass(frozen=True, eq=False)
class GroupFit:
    """A formula with its constants in each group.

    Parameters
    ----------
    expression : Expression
        The formula; what its constants are counts for nothing.
    own : tuple of int
        Positions, in ``expression.constants``, of those that differ between groups.
    constants : ndarray of shape (n_groups, n_constants)
        Values in each group; those that are shared are the same everywhere.
    loss : float
        Mean loss; infinite where the formula is not defined on some row.
    """

    expression: Expression
    own: tuple[int, ...]
    constants: FloatArray
    loss: float

    def in_group(self, group: int) -> Expression:
        """The formula with the constants of one group."""
        return self.expression.with_constants(self.constants[group])

    @property
    def n_free(self) -> int:
        """How many numbers were fitted."""
        return len(self.own) * len(self.constants) + self.expression.n_constants - len(self.own)


def fit_each(expression: Expression, groups: Groups) -> GroupFit:
    """Fit all constants in each group apart from the others.

    Parameters
    ----------
    expression : Expression
        The formula, with constants to start from.
    groups : Groups
    """
    rows = []
    for columns, y, weight in zip(groups.columns, groups.y, groups.weights, strict=True):
        # A formula without variables has as many rows as it is told.
        fitted = refit(expression, dict(columns) or {"": y}, y, weights=weight, loss=groups.loss)
        rows.append(fitted.expression.constants)
    own = tuple(range(expression.n_constants))
    return measured(expression, own, np.array(rows).reshape(groups.n_groups, len(own)), groups)


def measured(expression: Expression, own: Sequence[int], constants: FloatArray, groups: Groups) -> GroupFit:
    """The formula with these constants, and its loss."""
    models = _models(expression, groups)
    return GroupFit(expression, tuple(own), constants, _loss(models, constants, groups))


def squared_error(fit: GroupFit, groups: Groups) -> float:
    """Mean squared error, whatever the loss."""
    plain = Groups(groups.columns, groups.y, groups.weights, SquaredLoss())
    return _loss(_models(fit.expression, plain), fit.constants, plain)


def fit_jointly(start: GroupFit, own: Sequence[int], groups: Groups, fixed: Sequence[int] = ()) -> GroupFit:
    """Fit shared and own constants to all groups together.

    Parameters
    ----------
    start : GroupFit
        Where to start. Constants that become shared start at the middle one of their values.
    own : sequence of int
        Which constants each group has of its own.
    groups : Groups
    fixed : sequence of int, optional
        Shared constants that stay where they are.

    Returns
    -------
    GroupFit
        Never worse than where it started.
    """
    expression, models = start.expression, _models(start.expression, groups)
    constants = start.constants.copy()
    shared = [k for k in range(expression.n_constants) if k not in own]
    constants[:, shared] = np.median(constants[:, shared], axis=0)
    moving = [k for k in shared if k not in fixed]
    loss, damping = _loss(models, constants, groups), _FIRST_DAMPING
    for _ in range(_MOST_STEPS):
        if not np.isfinite(loss) or loss == 0.0 or not (moving or own):
            break
        parts = [_normal(model, row, y, w, groups.loss) for model, row, y, w in _each(models, constants, groups)]
        before = loss
        while damping <= _MOST_DAMPING:
            trial = constants + _step(parts, moving, list(own), damping, expression.n_constants)
            reached = _loss(models, trial, groups) if np.isfinite(trial).all() else float("inf")
            if reached < loss:
                constants, loss, damping = trial, reached, max(damping / 10, _LEAST_DAMPING)
                break
            damping *= 10
        if loss >= before * (1 - _TOLERANCE):
            break
    return GroupFit(expression, tuple(own), constants, loss)


def standard_errors(fit: GroupFit, groups: Groups) -> FloatArray:
    """Standard errors of the constants in each group, by least squares; shape (n_groups, n_constants).

    Infinite for a constant that the rows do not fix.
    """
    n_constants, own = fit.expression.n_constants, list(fit.own)
    shared = [k for k in range(n_constants) if k not in own]
    models = _models(fit.expression, groups)
    parts = [_normal(model, row, y, w, SquaredLoss()) for model, row, y, w in _each(models, fit.constants, groups)]
    left = groups.n_rows - fit.n_free
    if left <= 0:
        return np.full(fit.constants.shape, np.inf)
    mass = sum(float(weight.sum()) for weight in groups.weights)
    variance = squared_error(fit, groups) * mass / left
    with np.errstate(all="ignore"):
        schur = sum((_reduced(curvature, shared, own)[0] for curvature, _ in parts), np.zeros((len(shared),) * 2))
        of_shared = _inverse(schur)
        errors = np.empty(fit.constants.shape)
        for group, (curvature, _) in enumerate(parts):
            _, back = _reduced(curvature, shared, own)
            block = _inverse(curvature[np.ix_(own, own)]) + back @ of_shared @ back.T
            errors[group, shared] = np.sqrt(np.maximum(np.diag(of_shared), 0.0) * variance)
            errors[group, own] = np.sqrt(np.maximum(np.diag(block), 0.0) * variance)
            loose = np.diag(curvature) == 0.0
            errors[group, [k for k in own if loose[k]]] = np.inf
    return np.where(np.isnan(errors), np.inf, errors)


# --- sums over rows ---------------------------------------------------------------------------------------------------

_Normal = tuple[FloatArray, FloatArray]


def _models(expression: Expression, groups: Groups) -> list[ConstantModel]:
    pairs = zip(groups.columns, groups.y, strict=True)
    return [ConstantModel(expression, columns, len(y)) for columns, y in pairs]


def _each(
    models: Sequence[ConstantModel], constants: FloatArray, groups: Groups
) -> list[tuple[ConstantModel, FloatArray, FloatArray, FloatArray]]:
    return list(zip(models, constants, groups.y, groups.weights, strict=True))


def _loss(models: Sequence[ConstantModel], constants: FloatArray, groups: Groups) -> float:
    with np.errstate(all="ignore"):
        total = mass = 0.0
        for model, row, y, weight in _each(models, constants, groups):
            if len(y):
                total += float(weight.sum()) * float(groups.loss.value(y, model.values(row), weight))
                mass += float(weight.sum())
        return total / mass if np.isfinite(total) else float("inf")


def _normal(model: ConstantModel, theta: FloatArray, y: FloatArray, weight: FloatArray, loss: Loss) -> _Normal:
    """Curvature and gradient of one group in all constants."""
    with np.errstate(all="ignore"):
        values, jacobian = model(theta)
        jacobian = np.where(np.isfinite(jacobian), jacobian, 0.0)
        residual = y - values
        if not isinstance(loss, SquaredLoss):
            weight = weight * loss.weight_at(y, values)
        return jacobian.T @ (weight[:, None] * jacobian), jacobian.T @ (weight * residual)


def _step(parts: Sequence[_Normal], shared: list[int], own: list[int], damping: float, n_constants: int) -> FloatArray:
    """What a damped Gauss-Newton step adds to the constants of each group; nan where numbers leave float64."""
    with np.errstate(all="ignore"):
        return _damped_step(parts, shared, own, damping, n_constants)


def _damped_step(
    parts: Sequence[_Normal], shared: list[int], own: list[int], damping: float, n_constants: int
) -> FloatArray:
    schur, right = np.zeros((len(shared), len(shared))), np.zeros(len(shared))
    damped = [(curvature + damping * np.diag(np.diag(curvature)), gradient) for curvature, gradient in parts]
    backs = []
    for curvature, gradient in damped:
        reduced, back = _reduced(curvature, shared, own)
        schur += reduced
        right += gradient[shared] + back.T @ gradient[own]
        backs.append(back)
    common = _solved(schur, right)
    step = np.zeros((len(parts), n_constants))
    for group, ((curvature, gradient), back) in enumerate(zip(damped, backs, strict=True)):
        step[group, shared] = common
        step[group, own] = _solved(curvature[np.ix_(own, own)], gradient[own]) + back @ common
    return step


def _reduced(curvature: FloatArray, shared: list[int], own: list[int]) -> tuple[FloatArray, FloatArray]:
    """Curvature in the shared constants once the own ones follow, and how these follow."""
    cross = curvature[np.ix_(own, shared)]
    back = -_solved(curvature[np.ix_(own, own)], cross)
    return curvature[np.ix_(shared, shared)] + cross.T @ back, back


def _inverse(matrix: FloatArray) -> FloatArray:
    """The inverse of least norm; nan where the numbers have left float64."""
    if not np.isfinite(matrix).all():
        return np.full(matrix.shape, np.nan)
    return np.linalg.pinv(matrix).astype(np.float64)


def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """The solution of a system with a symmetric matrix, of least norm where there are many, on equal scales."""
    if not len(matrix):
        return np.zeros(right.shape)
    if not (np.isfinite(matrix).all() and np.isfinite(right).all()):
        # Slopes so steep that their squares leave float64: no step from here.
        return np.full(right.shape, np.nan)
    norms = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    norms[norms == 0.0] = 1.0
    scaled = right / (norms if right.ndim == 1 else norms[:, None])
    solution: FloatArray = np.linalg.lstsq(matrix / np.outer(norms, norms), scaled, rcond=1e-13)[0]
    return solution / (norms if right.ndim == 1 else norms[:, None])
