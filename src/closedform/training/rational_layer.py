"""Second-order training of one layer of rational units: ``sum_m (a_m + b_m s_m) / (1 + s_m**2) + c``, ``s = H @ W``.

Levenberg-Marquardt on the inner weights W, with the numerators a, b and the constant c solved in closed form after
every step (variable projection; Golub and Pereyra 1973, doi:10.1137/0710036). Normal equations are summed over blocks
of rows, so that memory does not grow with the table. Every input has a penalty on its weights of its own, and the
numerators have one; both are found from the data (MacKay 1992, doi:10.1162/neco.1992.4.3.448; Foresee and Hagan 1997,
doi:10.1109/ICNN.1997.614194), which switches inputs off that do not help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

FloatArray: TypeAlias = NDArray[np.float64]

_ROWS = 2048
_TRIES = 12
_WARM_UP = 2
_PENALTY_RANGE = (1e-3, 1e6)


class LayerLoss(Protocol):
    """What the layer minimises: a loss with its quadratic approximation (see `additive.families.Family`)."""

    @property
    def known_noise(self) -> bool:
        """Whether the variance of the response is known from its mean."""
        ...

    def working(self, y: FloatArray, raw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Working weights and responses, of the shape of `raw`."""
        ...

    def loss(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """Loss of each row."""
        ...


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that a layer is trained or judged on.

    Parameters
    ----------
    inputs : ndarray of shape (n_rows, n_inputs)
        The last column is one.
    y, weight : ndarray of shape (n_rows,)
        Target and weight.
    base : ndarray of shape (n_rows, n_outputs)
        Raw scores to which the layer adds.
    """

    inputs: FloatArray
    y: FloatArray
    weight: FloatArray
    base: FloatArray


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights of a layer.

    Parameters
    ----------
    inner : ndarray of shape (n_inputs, n_units)
        W; the last row belongs to the constant input.
    outer : ndarray of shape (2 * n_units + 1, n_outputs)
        a, then b, then c.
    """

    inner: FloatArray
    outer: FloatArray

    def raw(self, inputs: FloatArray) -> FloatArray:
        """What the layer adds, shape (n_rows, n_outputs)."""
        result = np.empty((len(inputs), self.outer.shape[1]))
        for start in range(0, len(inputs), _ROWS):
            rows = slice(start, start + _ROWS)
            result[rows] = _units(inputs[rows] @ self.inner)[0] @ self.outer
        return result


@dataclass(eq=False)
class _State:
    """A layer in training, with its penalties."""

    layer: Layer
    inner_penalty: FloatArray
    outer_penalty: float
    precision: float
    raw: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    objective: float = np.inf
    damping: float = 1.0


@dataclass(frozen=True, eq=False)
class LayerFit:
    """The trained layer.

    Parameters
    ----------
    layer : Layer
        Its weights.
    steps : int
        Steps that were taken to it.
    loss : float
        Mean loss on the held-out rows; NaN where there were none.
    """

    layer: Layer
    steps: int
    loss: float


def train_layer(
    rows: Rows,
    n_units: int,
    loss: LayerLoss,
    rng: np.random.Generator,
    *,
    held_out: Rows | None = None,
    max_steps: int = 60,
    patience: int = 10,
    expired: Callable[[], bool] = lambda: False,
) -> LayerFit:
    """Train a layer.

    Parameters
    ----------
    rows : Rows
        To train on.
    n_units : int
        Number of rational units.
    loss : LayerLoss
        What is minimised.
    rng : numpy.random.Generator
        Draws the first inner weights.
    held_out : Rows, optional
        Rows that decide when to stop; without them, all steps are taken.
    max_steps : int
        Limit of steps.
    patience : int
        Steps without a better held-out loss after which training stops.
    expired : callable
        Asked before every step; training ends when it says True.
    """
    state = _started(rows, n_units, loss, rng)
    best = LayerFit(state.layer, 0, np.inf if held_out is not None else np.nan)
    for step in range(1, max_steps + 1):
        if expired() or not _stepped(state, rows, loss, adapt=step > _WARM_UP):
            break
        if held_out is None:
            best = LayerFit(state.layer, step, np.nan)
            continue
        judged = mean_loss(held_out, state.layer, loss)
        if judged < best.loss * (1.0 - 1e-4):
            best = LayerFit(state.layer, step, judged)
        elif step - best.steps >= patience:
            break
    return best


def mean_loss(rows: Rows, layer: Layer | None, loss: LayerLoss) -> float:
    """Weighted mean loss of the rows, of the base alone where there is no layer."""
    raw = rows.base if layer is None else rows.base + layer.raw(rows.inputs)
    return float(np.average(loss.loss(rows.y, raw), weights=rows.weight))


def _started(rows: Rows, n_units: int, loss: LayerLoss, rng: np.random.Generator) -> _State:
    n_inputs, n_outputs = rows.inputs.shape[1], rows.base.shape[1]
    inner = rng.normal(size=(n_inputs, n_units)) / np.sqrt(n_inputs)
    inner[-1] = rng.normal(size=n_units)
    working, response = loss.working(rows.y, rows.base)
    spread = np.average((response - rows.base) ** 2, weights=working * rows.weight[:, None])
    state = _State(
        Layer(inner, np.zeros((2 * n_units + 1, n_outputs))),
        np.full(n_inputs, 0.1),
        0.1,
        1.0 if loss.known_noise else 1.0 / max(float(spread), 1e-300),
    )
    state.raw = rows.base
    state.layer = _with_outer(state, rows, loss, inner)
    state.raw = rows.base + state.layer.raw(rows.inputs)
    state.objective = _objective(state, state.layer, state.raw, rows, loss)
    return state


def _units(s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bumps, steps and a column of ones; and the bumps."""
    bump = 1.0 / (1.0 + s * s)
    return np.hstack([bump, s * bump, np.ones((len(s), 1))]), bump


def _blocks(rows: Rows) -> Iterator[slice]:
    for start in range(0, len(rows.y), _ROWS):
        yield slice(start, min(start + _ROWS, len(rows.y)))


def _objective(state: _State, layer: Layer, raw: FloatArray, rows: Rows, loss: LayerLoss) -> float:
    # Twice the loss of a family with known noise is its deviance, which is what the quadratic approximates.
    factor = 2.0 if loss.known_noise else 1.0
    data = factor * state.precision * float(rows.weight @ loss.loss(rows.y, raw))
    inner = float(state.inner_penalty @ np.sum(layer.inner**2, axis=1))
    return data + inner + state.outer_penalty * float(np.sum(layer.outer[:-1] ** 2))


def _with_outer(state: _State, rows: Rows, loss: LayerLoss, inner: FloatArray) -> Layer:
    """The layer with these inner weights and the numerators that fit best."""
    n_features, n_outputs = state.layer.outer.shape
    gram, cross = np.zeros((n_outputs, n_features, n_features)), np.zeros((n_outputs, n_features))
    working, response = loss.working(rows.y, state.raw)
    for part in _blocks(rows):
        features = _units(rows.inputs[part] @ inner)[0]
        for k in range(n_outputs):
            w = state.precision * rows.weight[part] * working[part, k]
            # A product of a matrix with itself costs half of one with another.
            rooted = features * np.sqrt(w)[:, None]
            gram[k] += rooted.T @ rooted
            cross[k] += features.T @ (w * (response[part, k] - rows.base[part, k]))
    penalty = np.full(n_features, state.outer_penalty)
    penalty[-1] = 1e-6
    outer = np.stack([_solved(g + np.diag(penalty), c) for g, c in zip(gram, cross, strict=True)], axis=1)
    return Layer(inner, outer)


def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    scale = float(np.trace(matrix)) / len(matrix)
    result: FloatArray = cho_solve(cho_factor(matrix + 1e-12 * scale * np.eye(len(matrix))), right)
    return result


def _stepped(state: _State, rows: Rows, loss: LayerLoss, *, adapt: bool) -> bool:
    """One accepted step of Levenberg-Marquardt; False where none makes the objective smaller."""
    matrix, gradient, penalty = _normal_equations(state, rows, loss)
    shape = state.layer.inner.shape
    before = state.objective
    for _ in range(_TRIES):
        step = _solved(matrix + state.damping * np.eye(len(matrix)), gradient)
        layer = _with_outer(state, rows, loss, state.layer.inner + step[: shape[0] * shape[1]].reshape(shape))
        raw = rows.base + layer.raw(rows.inputs)
        objective = _objective(state, layer, raw, rows, loss)
        if objective < before:
            state.layer, state.raw, state.objective = layer, raw, objective
            state.damping = max(state.damping / 3.0, 1e-8)
            if adapt:
                _adapt(state, matrix, penalty, rows, loss)
            return before - objective > 1e-6 * abs(before)
        state.damping *= 4.0
    return False


def _normal_equations(state: _State, rows: Rows, loss: LayerLoss) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Matrix and right side for a step in inner and outer weights, and the penalty of each weight."""
    inner, outer = state.layer.inner, state.layer.outer
    n_units, n_outputs = inner.shape[1], outer.shape[1]
    n_inner, n_features = inner.size, outer.shape[0]
    size = n_inner + n_features * n_outputs
    matrix, gradient = np.zeros((size, size)), np.zeros(size)
    working, response = loss.working(rows.y, state.raw)
    for part in _blocks(rows):
        h = rows.inputs[part]
        s = h @ inner
        features, bump = _units(s)
        square = bump * bump
        for k in range(n_outputs):
            slope = outer[:n_units, k] * (-2.0 * s * square) + outer[n_units:-1, k] * (bump - 2.0 * s * s * square)
            jacobian = np.hstack([(h[:, :, None] * slope[:, None, :]).reshape(len(h), n_inner), features])
            w = state.precision * rows.weight[part] * working[part, k]
            where = np.r_[0:n_inner, n_inner + k * n_features : n_inner + (k + 1) * n_features]
            gradient[where] += jacobian.T @ (w * (response[part, k] - state.raw[part, k]))
            jacobian *= np.sqrt(w)[:, None]
            matrix[np.ix_(where, where)] += jacobian.T @ jacobian
    one = np.full(n_features, state.outer_penalty)
    one[-1] = 1e-6
    penalty = np.concatenate([np.repeat(state.inner_penalty, n_units), np.tile(one, n_outputs)])
    gradient -= penalty * np.concatenate([inner.ravel(), outer.T.ravel()])
    matrix[np.diag_indices_from(matrix)] += penalty
    return matrix, gradient, penalty


def _adapt(state: _State, matrix: FloatArray, penalty: FloatArray, rows: Rows, loss: LayerLoss) -> None:
    """New penalties and noise from the weights and how well the data determine them."""
    determined = 1.0 - penalty * np.diag(_solved(matrix, np.eye(len(matrix))))
    n_inputs, n_units = state.layer.inner.shape
    inner = determined[: state.layer.inner.size].reshape(n_inputs, n_units).sum(axis=1)
    outer = float(determined[state.layer.inner.size :].sum())
    state.inner_penalty = np.clip(
        np.maximum(inner, 1e-3) / np.maximum(np.sum(state.layer.inner**2, axis=1), 1e-12), *_PENALTY_RANGE
    )
    size = float(np.sum(state.layer.outer[:-1] ** 2))
    state.outer_penalty = float(np.clip(outer / max(size, 1e-12), *_PENALTY_RANGE))
    if not loss.known_noise:
        n = float(np.count_nonzero(rows.weight))
        total = float(rows.weight @ loss.loss(rows.y, state.raw))
        state.precision = max(n - float(inner.sum()) - outer, 0.1 * n) / max(total, 1e-300)
    state.objective = _objective(state, state.layer, state.raw, rows, loss)
