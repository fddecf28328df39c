"""A command line run inside the test process, and small files to run it on."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cli_runs import LAW, Done, formula
from closedform.cli.app import run
from closedform.exceptions import Status
from closedform.formulas import FormulaModel
from closedform.model_file import save_model


@pytest.fixture
def cli(capsys, monkeypatch) -> Callable[..., Done]:
    """Run a command line as `main` does, without a process of its own."""

    def call(*arguments: str | Path, stdin: str | bytes = b"") -> Done:
        content = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def toy_search(monkeypatch):
    """A search of milliseconds, without torch: straight lines."""
    monkeypatch.setattr("closedform.engines.ENGINES", {"screen": "toy_engines:AffineEngine"})


@pytest.fixture
def saved_model() -> FormulaModel:
    """Three formulas, the last one chosen; a column called ``x 1``, and one that no formula uses."""
    return FormulaModel(
        kind="SymbolicRegressor",
        feature_names=("x", "unused", "x 1"),
        named=True,
        target_name="y",
        formulas=(
            formula("3.5", 4.0, 9.0, (0.25,), "constant"),
            formula("2.25*x", 1.0, 1.21, (0.0125,)),
            formula(LAW, 1e-4, 4e-4, (0.003, math.inf, 0.02)),
        ),
        chosen=2,
        domain={"x": (0.5, 4.0), "unused": (0.0, 1.0), "x 1": (1.0, 2.0)},
        status=Status.TIME_LIMIT,
        n_rows=50,
        settings={"holdout": 0.2, "loss": "squared", "model_selection": "mdl"},
        version="0.1.0",
    )


@pytest.fixture
def model_path(saved_model, tmp_path) -> Path:
    path = tmp_path / "model.json"
    save_model(saved_model, path)
    return path


@pytest.fixture
def rows(rng) -> dict[str, np.ndarray]:
    """Rows on which `LAW` is defined."""
    return {"x": rng.uniform(0.5, 4.0, 25), "x 1": rng.uniform(1.0, 2.0, 25)}


@pytest.fixture
def rows_path(rows, tmp_path) -> Path:
    """`rows` as a CSV file, columns in another order, with a column of text."""
    pairs = zip(rows["x"].tolist(), rows["x 1"].tolist(), strict=True)
    lines = ["name,x 1,x", *(f"row {number},{b!r},{a!r}" for number, (a, b) in enumerate(pairs))]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def line_path(tmp_path) -> Path:
    """40 rows of ``y = 2*x + 3`` with a column ``z`` that has nothing to do with it."""
    x = np.linspace(0.0, 4.0, 40)
    lines = ["x,z,y", *(f"{a!r},{math.cos(9 * a)!r},{2 * a + 3!r}" for a in x.tolist())]
    path = tmp_path / "line.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
