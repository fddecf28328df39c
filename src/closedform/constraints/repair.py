r"""The best constants of a formula under conditions on its values.

Gauss-Newton with damping. Conditions of the kind "equal to" are linearised and met exactly by every step (the step is
sought in their null space), so that they converge to rounding; "at least" is a growing penalty on what falls short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.constraints.probes import Probe
from closedform.constraints.region import FloatArray
from closedform.losses import Loss, SquaredLoss
from closedform.symbolic.evaluate import jacobian_constants
from closedform.symbolic.expression import Expression, constant
from closedform.symbolic.linear_part import replace_constants

_MOST_ROWS = 2000
_PENALTIES = (1.0, 1e2, 1e4, 1e6, 1e8)
_STEPS, _TRIALS = 12, 6
_RANK = 1e-12
_EQUALITY = 1e8
# A constant this much smaller than the largest one is what is left of zero.
_IDLE = 1e-15


def constrained_fit(
    expression: Expression,
    columns: Mapping[str, FloatArray],
    y: FloatArray,
    weight: FloatArray | None,
    loss: Loss,
    probes: Sequence[Probe],
    pad: float,
) -> Expression | None:
    """Return the formula with constants that are as good as the probes allow; None where it has no values.

    Parameters
    ----------
    expression : Expression
        With at least one free constant.
    columns, y, weight
        Rows to fit; no more than 2,000 of them, evenly chosen, are used.
    loss : Loss
        What is minimised.
    probes : sequence of Probe
        What is asked of the values.
    pad : float
        How far beyond a limit the fit tries to stay.
    """
    rows = np.unique(np.linspace(0, len(y) - 1, min(len(y), _MOST_ROWS)).astype(np.intp))
    part = {name: columns[name][rows] for name in expression.variables} or {"": y[rows]}
    fit = _Fit(expression, part, y[rows], None if weight is None else weight[rows], loss, tuple(probes), pad)
    theta = np.array(expression.constants)
    for penalty in _PENALTIES:
        found = _minimised(fit, theta, penalty)
        if found is None:
            return None
        theta = found
    return _without_idle(expression.with_constants(fit.met_exactly(theta)))


@dataclass(frozen=True, eq=False)
class _Look:
    """What a step is computed from."""

    jacobian: FloatArray
    residual: FloatArray
    equal_jacobian: FloatArray
    equal_gap: FloatArray
    merit: float


@dataclass(frozen=True, eq=False)
class _Fit:
    expression: Expression
    columns: Mapping[str, FloatArray]
    y: FloatArray
    weight: FloatArray | None
    loss: Loss
    probes: tuple[Probe, ...]
    pad: float

    def look(self, theta: FloatArray, penalty: float) -> _Look | None:
        """Residuals, weighted and with the penalty, and their Jacobian; None where a row has no value."""
        expression = self.expression.with_constants(theta)
        values, jacobian = jacobian_constants(expression, self.columns)
        residual = self.y - values
        if not np.isfinite(residual).all() or not np.isfinite(jacobian).all():
            return None
        root = np.ones(len(residual)) if self.weight is None else np.sqrt(self.weight / self.weight.mean())
        if not isinstance(self.loss, SquaredLoss):
            root = root * np.sqrt(self.loss.irls_weight(residual))
        root = root / np.sqrt(len(residual))
        parts, residuals = [root[:, None] * jacobian], [root * residual]
        equal, gaps = [np.empty((0, theta.size))], [np.empty(0)]
        for probe in self.probes:
            slopes, margins = self._margins(expression, probe)
            if probe.exact:
                equal.append(slopes)
                gaps.append(probe.limit - margins)
                continue
            short = margins < probe.limit + self.pad
            factor = np.sqrt(penalty / max(1, len(margins)))
            parts.append(factor * slopes[short])
            residuals.append(factor * (probe.limit + self.pad - margins[short]))
        whole, gap = np.concatenate(residuals), np.concatenate(gaps)
        slopes_of_equal = np.vstack(equal)
        if not np.isfinite(whole).all() or not np.isfinite(gap).all():
            return None
        merit = float(whole @ whole + _EQUALITY * (gap @ gap) / max(1, gap.size))
        return _Look(np.vstack(parts), whole, *_condensed(slopes_of_equal, gap), merit)

    def _margins(self, expression: Expression, probe: Probe) -> tuple[FloatArray, FloatArray]:
        """Slopes and margins of a probe, without points at which the formula has no value unless it must have one."""
        used = {name: probe.columns[name] for name in expression.variables} or {"": probe.values(expression)}
        values, jacobian = jacobian_constants(expression, used)
        margins, slopes = probe.margins(values[:, None])[:, 0], probe.margins(jacobian)
        if probe.exact:
            return slopes, margins
        usable = np.isfinite(margins) & np.isfinite(slopes).all(axis=1)
        return slopes[usable], margins[usable]

    def met_exactly(self, theta: FloatArray) -> FloatArray:
        """The constants after smallest steps that close what is left of "equal to"."""
        for _ in range(3):
            look = self.look(theta, 0.0)
            if look is None or not look.equal_gap.any():
                break
            scale = _scale(theta)
            step = scale * np.linalg.lstsq(look.equal_jacobian * scale, look.equal_gap, rcond=_RANK)[0]
            if not np.isfinite(step).all():
                break
            theta = theta + step
        return theta


def _condensed(slopes: FloatArray, gap: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same equations in no more rows than there are constants, as far as they can be met."""
    if len(slopes) <= slopes.shape[1] or not np.isfinite(slopes).all():
        return slopes, gap
    orthogonal, triangle = np.linalg.qr(slopes)
    return triangle, orthogonal.T @ gap


def _without_idle(expression: Expression) -> Expression:
    """Constants that a condition has driven to zero leave the formula, with what they are factors of."""
    theta = np.abs(expression.constants)
    idle = np.flatnonzero(theta <= _IDLE * theta.max(initial=0.0))
    return replace_constants(expression, {int(k): constant(0) for k in idle})[0] if idle.size else expression


def _scale(theta: FloatArray) -> FloatArray:
    size = np.abs(theta)
    return np.where(size > 0.0, size, max(float(size.max(initial=0.0)), 1.0) * 1e-3)


def _minimised(fit: _Fit, theta: FloatArray, penalty: float) -> FloatArray | None:
    """Steps until none brings anything; None if there is no value to start from."""
    look = fit.look(theta, penalty)
    if look is None:
        return None
    damping = 1e-6
    for _ in range(_STEPS):
        before = look.merit
        for _trial in range(_TRIALS):
            trial = theta + _step(look, damping)
            seen: _Look | None = fit.look(trial, penalty) if np.isfinite(trial).all() else None
            if seen is not None and seen.merit < look.merit:
                theta, look, damping = trial, seen, max(damping / 10, 1e-12)
                break
            damping = min(damping * 30, 1e6)
        if look.merit >= before * (1 - 1e-9):
            break
    return theta


def _step(look: _Look, damping: float) -> FloatArray:
    """The damped least-squares step among those that meet the linearised equalities."""
    norms = np.linalg.norm(look.jacobian, axis=0)
    norms[norms == 0.0] = 1.0
    jacobian: Any = look.jacobian / norms
    first = np.zeros(len(norms))
    free = np.eye(len(norms))
    if look.equal_gap.size:
        equal = look.equal_jacobian / norms
        left, values, right = np.linalg.svd(equal, full_matrices=True)
        kept = values > _RANK * values.max(initial=0.0)
        rank = int(kept.sum())
        first = right[:rank].T @ ((left[:, :rank].T @ look.equal_gap) / values[:rank])
        free = right[rank:].T
    if free.shape[1]:
        damped = np.vstack([jacobian @ free, np.sqrt(damping) * np.eye(free.shape[1])])
        target = np.append(look.residual - jacobian @ first, np.zeros(free.shape[1]))
        first = first + free @ np.linalg.lstsq(damped, target, rcond=None)[0]
    return first / norms
