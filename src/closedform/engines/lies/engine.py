"""The LIES engine: networks with screened starts first, then networks with random weights as in the paper."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from closedform.engines.base import Budget, Candidate, Problem
from closedform.engines.lies.sparse import random_power_sums
from closedform.screening.stages import Screen
from closedform.screening.workspace import GRID_QUOTAS, Workspace
from closedform.threads import torch_threads

_SECONDS_TO_LOAD_TORCH = 4.0


@dataclass(frozen=True)
class LIESEngine:
    """Sparse networks of logarithm, identity, exponential and sine units, trained and read out as formulas.

    Parameters
    ----------
    init : {"screened", "random", "both"}, default="both"
        Where networks start: inner units from a library with the outer layers solved in closed form, or random weights
        as in the paper.
    depth : int, default=2
        Hidden layers of the networks with random start (the paper: number of inputs plus 1).
    width : int, default=2
        Units of each kind per layer (the paper: 1).
    restarts : int, default=16
        Networks with random start that are trained at once.
    loss : {"exp", "mse", "huber", "mae"}, default="mse"
        Training loss of networks with random start; the paper uses ``exp``.
    sparsity : {"admm", "logsum", "l1", None}, default="logsum"
        How weights are driven to zero.
    oversample : bool, default=True
        Draw part of the rows from the cell where the fit is worst, and train again.
    prune : bool, default=True
        Remove weights of low sensitivity, with a refit after every cut.
    log_space : bool, default=True
        Logarithms of columns of one sign, log|x|, are inputs too, and log|y| is fitted as well as y.
    second_order : bool, default=True
        Levenberg-Marquardt over all restarts at once; otherwise minibatch RMSprop, as in the paper.
    max_terms : int, default=4
        Terms or factors that are combined in closed form.
    library_size : int, default=5000
        Columns of the largest library.
    device : {"cpu", "cuda"}, default="cpu"
        Where networks with random start are trained. They are small (a few hundred rows, tens of weights), so that
        most of a step is overhead, which the CPU has least of; a GPU pays only with many restarts and wide layers.

    References
    ----------
    "Sparse Interpretable Deep Learning with LIES Networks for Symbolic Regression", arXiv 2506.08267.
    """

    init: Literal["screened", "random", "both"] = "both"
    depth: int = 2
    width: int = 2
    restarts: int = 16
    loss: Literal["exp", "mse", "huber", "mae"] = "mse"
    sparsity: Literal["admm", "logsum", "l1"] | None = "logsum"
    oversample: bool = True
    prune: bool = True
    log_space: bool = True
    second_order: bool = True
    max_terms: int = 4
    library_size: int = 5000
    device: Literal["cpu", "cuda"] = "cpu"

    @property
    def name(self) -> str:
        """Name of the engine."""
        return "lies"

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        """Yield formulas as they are found. See :class:`closedform.engines.base.Engine`."""
        workspace = Workspace(problem, budget, rng, self.name)
        for candidate in archive:
            yield from workspace.judge(candidate.expression)
        if self.init != "random":
            yield from Screen(self.max_terms, self.library_size, self.log_space).run(workspace, rng)
        # Loading torch takes some seconds, which must be there.
        needed = 0.0 if "torch" in sys.modules else _SECONDS_TO_LOAD_TORCH
        if self.init != "screened" and not workspace.solved and budget.remaining() > needed:
            yield from self._random(workspace, rng)

    def _random(self, workspace: Workspace, rng: np.random.Generator) -> Iterator[Candidate]:
        # torch is loaded when a network is trained, not when an engine is made.
        from closedform.engines.lies.dense import train_dense

        with torch_threads():
            for expression in train_dense(workspace.screen, self, rng, workspace.budget):
                yield from workspace.judge(expression)
                if workspace.solved or workspace.budget.expired():
                    return
        yield from workspace.judge_all(random_power_sums(workspace.screen, rng, self.restarts), GRID_QUOTAS)
