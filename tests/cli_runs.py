"""Command lines run by the tests of the command line, and the formula they work with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from closedform.engines.base import Budget, Candidate, Problem
from closedform.formulas import Formula
from closedform.symbolic import Expression, constant, variable
from toy_engines import candidate

LAW = "2.5*x**(3/2) + 0.125*log(`x 1`)/x - sin(3.25*`x 1`)"
"""What the model file of the tests holds: powers, domains, an exact exponent and a name that is no word."""


@dataclass(frozen=True)
class Done:
    """What a command line left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def command(*arguments: str | Path) -> list[str]:
    """The words of a command line for a process of its own."""
    return [sys.executable, "-m", "closedform.cli", *map(str, arguments)]


def process(*arguments: str | Path, stdin: str = "") -> Done:
    """Run a command line in a process of its own."""
    done = subprocess.run(command(*arguments), input=stdin, capture_output=True, text=True, timeout=100)
    return Done(done.returncode, done.stdout, done.stderr)


def formula(text: str, loss: float, holdout_loss: float, errors: tuple[float, ...], engine: str = "lies") -> Formula:
    """One row of a front."""
    expression = Expression.parse(text)
    return Formula(expression, loss, holdout_loss, expression.complexity, engine, 0.5, errors, 1.0)


@dataclass(frozen=True)
class FirstColumnEngine:
    """Proportional to the first column: done at once however many there are."""

    name: str = "first column"
    # An engine called "lies" is told where to train.
    device: str = "auto"

    def candidates(
        self, problem: Problem, *, budget: Budget, archive: tuple[Candidate, ...], rng: np.random.Generator
    ) -> Iterator[Candidate]:
        del archive, rng
        x = problem.X[:, 0]
        slope = constant(float(x @ problem.y / (x @ x)))
        yield candidate(slope * variable(problem.names[0]), problem, self.name, budget.elapsed())


class InterruptedEngine(FirstColumnEngine):
    """Finds one line, and then the user has seen enough."""

    def candidates(self, problem: Problem, **more: Any) -> Iterator[Candidate]:
        yield from super().candidates(problem, **more)
        raise KeyboardInterrupt


class CrashingEngine(FirstColumnEngine):
    """Finds one line, and then a fault in it."""

    def candidates(self, problem: Problem, **more: Any) -> Iterator[Candidate]:
        yield from super().candidates(problem, **more)
        raise ZeroDivisionError("a fault of the engine")
