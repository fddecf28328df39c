"""Start values for LIES networks that suit the data: every unit begins inside its legal range."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from closedform.networks.lies_layout import LIESLayout
from closedform.networks.lies_units import UNITS

# Spread of a unit's argument over the rows, drawn log-uniformly between these, and range of its mean.
_SPREAD = {"log": (0.3, 1.0), "identity": (1.0, 1.0), "exp": (0.1, 1.0), "sine": (0.3, 3.0)}
_MEAN = {"log": (0.0, 0.0), "identity": (0.0, 0.0), "exp": (-1.0, 0.5), "sine": (-math.pi, math.pi)}
# A log unit's smallest argument on the rows (smallest value and largest factor), and an exp unit's largest.
_LOG_MARGIN = (0.1, 20.0)
_EXP_MARGIN = 2.5


def initial_weights(
    layout: LIESLayout, X: Tensor, n_networks: int, rng: np.random.Generator, *, mask: Tensor | None = None
) -> Tensor:
    """Random weights scaled layer by layer to the data.

    The argument of every unit is a random combination of its (standardised) sources, scaled and shifted so that its
    spread and mean over the rows are drawn from a range that fits the kind of unit: a sine sees up to a few periods, a
    log only positive numbers, an exp nothing near its upper bound. A unit without a bias is only scaled.

    Parameters
    ----------
    layout : LIESLayout
        The graph.
    X : Tensor of shape (N, n_inputs)
        Rows, scaled to the order of one.
    n_networks : int
        Number R of networks.
    rng : numpy.random.Generator
        Source of all randomness.
    mask : bool Tensor of shape (R, n_weights), optional
        Weights that are there; the others are zero. All of them by default.

    Returns
    -------
    Tensor of shape (R, n_weights)
        Weights, of the dtype and on the device of ``X``.
    """
    mask = X.new_ones(n_networks, layout.n_weights, dtype=torch.bool) if mask is None else mask
    weights = X.new_zeros(n_networks, layout.n_weights)
    features = torch.cat([X.T, X.new_ones(1, len(X))]).expand(n_networks, -1, -1)
    for (first, _, size, n_sources), kinds in zip(layout.blocks[:-1], layout.layers, strict=True):
        heard = mask[:, first : first + size * n_sources].reshape(-1, size, n_sources)
        draw = torch.from_numpy(rng.normal(size=tuple(heard.shape))).to(X)
        centre, spread = features.mean(dim=2), features.std(dim=2, correction=0)
        # The constant, and any unit that happens to be one, has no spread: its weight is set by the mean below.
        useful = heard & (spread[:, None] > 1e-9)
        matrix = torch.where(useful, draw / spread[:, None].clamp(min=1e-9), 0.0)
        matrix = _positive_where_log(matrix, features, heard[..., layout.constant], kinds)
        scale, shift = _range(matrix @ (features - centre[..., None]), kinds, rng)
        matrix = matrix * scale[..., None]
        bias = shift - (matrix * centre[:, None]).sum(dim=2)
        matrix[:, :, layout.constant] = torch.where(heard[..., layout.constant], bias, 0.0)
        z = matrix @ features
        weights[:, first : first + size * n_sources] = matrix.reshape(n_networks, -1)
        features = torch.cat([features, *(UNITS[kind](z[:, i : i + 1]) for i, kind in enumerate(kinds))], dim=1)
    readout = torch.from_numpy(rng.normal(size=(n_networks, layout.n_features))).to(X)
    weights[:, layout.blocks[-1][0] :] = 0.1 * readout / features.std(dim=2, correction=0).clamp(min=1e-3)
    weights[:, layout.weight(layout.constant, layout.n_units)] = 0.0
    return torch.where(mask, weights, 0.0)


def _positive_where_log(matrix: Tensor, features: Tensor, biased: Tensor, kinds: tuple[str, ...]) -> Tensor:
    """Turn the sign of the weights of log units without bias wherever that makes more of their argument positive."""
    is_log = torch.tensor([kind == "log" for kind in kinds], device=matrix.device)
    negative = (matrix @ features).mean(dim=2) < 0
    return torch.where((is_log & ~biased & negative)[..., None], -matrix, matrix)


def _range(z: Tensor, kinds: tuple[str, ...], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Scale and shift (R, size) that bring centred arguments (R, size, N) to the spread and mean of their kind."""
    n_networks, size, _ = z.shape
    low, high = np.log([_SPREAD[kind] for kind in kinds]).T
    wanted = torch.from_numpy(np.exp(rng.uniform(low, high, size=(n_networks, size)))).to(z)
    low, high = np.array([_MEAN[kind] for kind in kinds]).T
    shift = torch.from_numpy(rng.uniform(low, high, size=(n_networks, size))).to(z)
    margin = torch.from_numpy(_LOG_MARGIN[0] * _LOG_MARGIN[1] ** rng.random((n_networks, size))).to(z)
    scale = wanted / z.std(dim=2, correction=0).clamp(min=1e-9)
    lowest, highest = z.amin(dim=2) * scale, z.amax(dim=2) * scale
    is_log = torch.tensor([kind == "log" for kind in kinds], device=z.device)
    is_exp = torch.tensor([kind == "exp" for kind in kinds], device=z.device)
    shift = torch.where(is_log, margin - lowest, shift)
    shift = torch.where(is_exp, torch.minimum(shift, _EXP_MARGIN - highest), shift)
    return scale, shift
