"""Data frames of a fitted model: its front, and the constants of a formula. pandas is loaded by who asks for one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from closedform.constant_table import constant_rows
from closedform.formulas import FormulaModel

if TYPE_CHECKING:
    import pandas as pd


def front_frame(model: FormulaModel) -> pd.DataFrame:
    """Return the front of a model: a row for each formula, by growing complexity.

    Parameters
    ----------
    model : FormulaModel
        Of one output.

    Returns
    -------
    DataFrame
        With a column ``chi2`` only where errors of the target are known.
    """
    import pandas as pd

    rows = model.formulas
    chi2 = {"chi2": [row.chi2 for row in rows]} if any(row.has_chi2 for row in rows) else {}
    return pd.DataFrame(
        {
            "complexity": [row.complexity for row in rows],
            "loss": [row.loss for row in rows],
            "holdout_loss": [row.holdout_loss for row in rows],
            "score": [row.score for row in rows],
            "equation": [str(row.expression) for row in rows],
            "sympy_format": [row.expression.sympy() for row in rows],
            "latex": [row.expression.latex(5) for row in rows],
            "engine": [row.engine for row in rows],
            "seconds": [row.seconds for row in rows],
            "exact": [row.exact for row in rows],
            **chi2,
        }
    )


def constants_frame(model: FormulaModel, index: int | None = None, level: float = 0.95) -> pd.DataFrame:
    """Return the fitted constants of a formula, from left to right, with their standard errors and intervals.

    Parameters
    ----------
    model : FormulaModel
        Of one output.
    index : int, optional
        Row of the front; the chosen one if None.
    level : float, default=0.95
        Share of cases in which an interval holds the true constant.
    """
    import pandas as pd

    columns = ["value", "standard_error", "low", "high"]
    rows = constant_rows(model.formula(index), model.n_rows, level)
    return pd.DataFrame([asdict(one) for one in rows], columns=columns, dtype=float)
