"""Engines small enough for tests of what surrounds an engine."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from closedform.engines.base import Budget, Candidate, Problem
from closedform.symbolic import Expression, constant, variable
from closedform.symbolic.evaluate import evaluate


def candidate(expression: Expression, problem: Problem, engine: str, seconds: float = 0.0) -> Candidate:
    """The formula with its loss on the rows of the problem."""
    columns = problem.columns if expression.variables else {"": problem.y}
    values = evaluate(expression, columns)
    loss = float(problem.loss.value(problem.y, values, problem.sample_weight))
    return Candidate(expression, loss, expression.complexity, engine, seconds)


@dataclass(frozen=True)
class AffineEngine:
    """Proportional to each column, then affine in each column, then affine in all of them."""

    name: str = "affine"
    # An engine called "lies" is told where to train.
    device: str = "auto"

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        del archive, rng
        weight = np.ones(problem.n_samples) if problem.sample_weight is None else problem.sample_weight
        root = np.sqrt(weight)[:, None]
        ones = np.ones((problem.n_samples, 1))
        single = [[j] for j in range(problem.n_features)]
        whole = list(range(problem.n_features))
        for with_offset, columns in [(False, s) for s in single] + [(True, s) for s in [*single, whole]]:
            design = np.hstack([problem.X[:, columns], ones]) if with_offset else problem.X[:, columns]
            solved = np.linalg.lstsq(design * root, problem.y * root[:, 0], rcond=None)[0].tolist()
            terms = [constant(slope) * variable(problem.names[j]) for slope, j in zip(solved, columns, strict=False)]
            expression = sum(terms[1:], terms[0])
            if with_offset:
                expression = expression + constant(solved[-1])
            if expression.complexity <= problem.max_complexity:
                yield candidate(expression, problem, self.name, budget.elapsed())


@dataclass(frozen=True)
class ScriptedEngine:
    """Yields given formulas, and calls a function before the one at a given place."""

    texts: tuple[str, ...]
    event: Callable[[], None] | None = None
    at: int = -1
    name: str = "scripted"

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        del archive, rng
        for position, text in enumerate(self.texts):
            if position == self.at and self.event is not None:
                self.event()
            yield candidate(Expression.parse(text), problem, self.name, budget.elapsed())


@dataclass(frozen=True)
class SlowEngine:
    """Draws a slope, waits, and yields it as a formula; again and again. Notes the process in a file if given one."""

    steps: int = 4
    pause: float = 0.02
    note: str = ""
    name: str = "slow"
    text: str = "{}*x"
    builds_on_others: bool = False
    crash_at: int = -1
    die_at: int = -1

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        if self.note:
            with open(self.note, "a", encoding="utf-8") as file:
                file.write(f"{os.getpid()} {len(archive)}\n")
        for step in range(self.steps):
            if step == self.crash_at:
                raise ZeroDivisionError("a bug")
            if step == self.die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            end = budget.elapsed() + self.pause
            while budget.elapsed() < end and not budget.expired():
                time.sleep(0.002)
            if budget.expired():
                return
            expression = Expression.parse(self.text.format(repr(float(rng.random()))))
            yield candidate(expression, problem, self.name, budget.elapsed())
