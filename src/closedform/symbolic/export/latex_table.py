"""A front of formulas as a LaTeX table, ready for a paper."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

from closedform.exceptions import InputError
from closedform.symbolic.export.latex import latex_number, to_latex
from closedform.symbolic.expression import Expression

_HEADINGS = {"equation": "Equation", "complexity": "Complexity", "loss": "Loss"}


class TableRow(Protocol):
    """What a row needs; a :class:`closedform.engines.base.Candidate` has it."""

    @property
    def expression(self) -> Expression:
        """The formula."""

    @property
    def complexity(self) -> int:
        """Its complexity."""

    @property
    def loss(self) -> float:
        """Its loss."""


def latex_table(
    rows: Iterable[TableRow],
    *,
    precision: int | None = 3,
    columns: Iterable[str] = ("equation", "complexity", "loss"),
    target: str | None = None,
    caption: str | None = None,
    label: str | None = None,
) -> str:
    r"""A ``table`` with one formula per row, in the style of the booktabs package.

    Parameters
    ----------
    rows : iterable
        Objects with ``expression``, ``complexity`` and ``loss``, in the order wanted.
    precision : int, default 3
        Significant digits of constants and losses; None prints all digits.
    columns : iterable of {"equation", "complexity", "loss"}
        What to show, in this order.
    target : str, optional
        Name of the target; each equation then starts with it and an equals sign.
    caption, label : str, optional
        LaTeX source of the caption, and the label.

    Returns
    -------
    str
        LaTeX source. The document needs ``\usepackage{booktabs}`` and ``\usepackage{amsmath}``. Equations stand in a
        paragraph column of half the line width, so that long ones break at their plus and minus signs.

    Raises
    ------
    InputError
        If a column is not one of the three.
    """
    columns = list(columns)
    unknown = [column for column in columns if column not in _HEADINGS]
    if unknown or not columns:
        raise InputError(f"columns must be some of {', '.join(_HEADINGS)}; got {columns}.")
    alignment = "".join(r"p{0.5\linewidth}" if column == "equation" else "r" for column in columns)
    lines = [r"\begin{table}", r"\centering"]
    if caption is not None:
        lines.append(f"\\caption{{{caption}}}")
    if label is not None:
        lines.append(f"\\label{{{label}}}")
    lines += [f"\\begin{{tabular}}{{@{{}}{alignment}@{{}}}}", r"\toprule"]
    lines += [" & ".join(_HEADINGS[column] for column in columns) + r" \\", r"\midrule"]
    lines += [" & ".join(_cell(row, column, precision, target) for column in columns) + r" \\" for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines)


def _cell(row: TableRow, column: str, precision: int | None, target: str | None) -> str:
    """One cell; a loss that is not finite (an invalid formula) is a dash."""
    if column == "equation":
        return f"${to_latex(row.expression, precision=precision, target=target)}$"
    if column == "complexity":
        return str(row.complexity)
    return f"${latex_number(row.loss, precision)}$" if math.isfinite(row.loss) else "--"
