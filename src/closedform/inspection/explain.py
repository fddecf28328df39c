"""What a network is made of, and what each term adds to the prediction of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedform.additive.fitted import FittedNetwork
from closedform.additive.model import SECOND_BLOCK
from closedform.additive.terms import Effect, MainEffect
from closedform.exceptions import InputError
from closedform.inspection.axes import original_values, value_text
from closedform.inspection.scores import network_of, output_names, output_position, score_name

if TYPE_CHECKING:
    import pandas as pd

FloatArray: TypeAlias = NDArray[np.float64]

INTERCEPT = "(intercept)"
RAW_SCORE = "(raw score)"


def explain_global(model: Any) -> pd.DataFrame:
    """The terms of a network by falling importance.

    Parameters
    ----------
    model : RANRegressor, RANClassifier or FittedNetwork
        Fitted.

    Returns
    -------
    DataFrame with the columns

        ========== ===========================================================================================
        term       name; ``"(second block)"`` is what the additive picture leaves out
        kind       numeric, boolean, date, categorical; pair; "3 columns" and so on; second block
        importance standard deviation over the training rows, in units of the raw score
        share      of the variance of the raw scores over the training rows; shares add up to 1, and a term that
                   works against the others has a negative one
        n_numbers  stored numbers; knots and widths count with the main effect of their column
        ========== ===========================================================================================
    """
    import pandas as pd

    network = network_of(model)
    parts = network.model
    knots = {function.column: function.basis.n_numbers for function in parts.functions}
    rows = [(effect.name, _kind(network, effect), _n_numbers(effect, knots)) for effect in parts.effects]
    count = len(rows)
    if parts.second is not None:
        rows.append((SECOND_BLOCK, "second block", parts.second.n_numbers))
        count += 1
    terms, kinds, numbers = zip(*rows, strict=True) if rows else ((), (), ())
    frame = pd.DataFrame(
        {
            "term": pd.Series(terms, dtype=object),
            "kind": pd.Series(kinds, dtype=object),
            "importance": parts.importances[:count],
            "share": parts.shares[:count],
            "n_numbers": np.array(numbers, dtype=np.int64),
        }
    )
    return frame.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


def _kind(network: FittedNetwork, effect: Effect) -> str:
    if len(effect.columns) == 1:
        return network.columns[effect.columns[0]].kind
    return "pair" if len(effect.columns) == 2 else f"{len(effect.columns)} columns"


def _n_numbers(effect: Effect, knots: dict[int, int]) -> int:
    return effect.n_numbers + (knots[effect.columns[0]] if isinstance(effect, MainEffect) else 0)


def explain_local(model: Any, X: Any) -> pd.DataFrame:
    """What each term adds to the raw scores of each row.

    Parameters
    ----------
    model : RANRegressor, RANClassifier or FittedNetwork
        Fitted.
    X : table of shape (n_rows, n_columns)
        The rows.

    Returns
    -------
    DataFrame with one row per row of `X` (and its index, if it has one)
        Columns ``"(intercept)"``, one per term, ``"(second block)"`` if there is one, and their sum, ``"(raw score)"``:
        the prediction of a regression, its logarithm for ``loss="poisson"``, the logit of the second of two classes.
        With more classes the columns have two levels, the class first: ``frame[label]`` is the table of one class.
    """
    import pandas as pd

    network = network_of(model)
    parts = network.model
    added = parts.contributions(network.encoded(X))
    names = [INTERCEPT, *parts.names, *([SECOND_BLOCK] if parts.second is not None else []), RAW_SCORE]
    blocks = [_with_sum(parts.intercept[k], added[:, : len(names) - 2, k]) for k in range(parts.n_outputs)]
    index = getattr(X, "index", None)
    index = index if isinstance(index, pd.Index) else None
    if parts.n_outputs == 1:
        return pd.DataFrame(blocks[0], columns=names, index=index)
    columns = pd.MultiIndex.from_product([list(network.classes), names], names=["class", "term"])
    return pd.DataFrame(np.hstack(blocks), columns=columns, index=index)


def _with_sum(intercept: float, added: FloatArray) -> FloatArray:
    """Intercept, contributions and their sum side by side, summed in the order of the model: to the last bit."""
    start = np.full((len(added), 1), intercept)
    total = np.add.accumulate(np.hstack([start, added]), axis=1)[:, -1:]
    return np.hstack([start, added, total])


@dataclass(frozen=True, eq=False)
class RowExplanation:
    """How the raw score of one row comes about.

    Parameters
    ----------
    terms : tuple of str
        Names of the terms, by falling size of what they add.
    values : tuple of str
        Values of their columns in this row, ``"a, b"`` for pairs; empty for the second block.
    contributions : ndarray of shape (n_terms,)
        What each adds.
    intercept, raw_score : float
        Where the sum starts and ends.
    prediction : float
        What the raw score stands for: the predicted mean, the probability of the class.
    output : str
        The target, or the class concerned.
    score_name : str
        What the raw score measures.
    """

    terms: tuple[str, ...]
    values: tuple[str, ...]
    contributions: FloatArray
    intercept: float
    raw_score: float
    prediction: float
    output: str
    score_name: str


def explain_row(model: Any, X: Any, row: int = 0, *, output: Any = None) -> RowExplanation:
    """How the raw score of one row comes about.

    Parameters
    ----------
    model : RANRegressor, RANClassifier or FittedNetwork
        Fitted.
    X : table
        The row is one of these.
    row : int
        Its position, from 0; negative ones count from the end.
    output : label, optional
        A class, where there are more than two; the predicted one by default.

    Raises
    ------
    InputError
        If there is no such row or class.
    """
    network = network_of(model)
    columns = network.encoded(X)
    n = len(columns[0])
    if not -n <= row < n:
        raise InputError(f"there is no row {row}: X has {n} rows, at positions 0 to {n - 1}.")
    cells = [column[row % n : row % n + 1] for column in columns]
    parts = network.model
    added = parts.contributions(cells)
    tables = [_with_sum(parts.intercept[k], added[:, :, k])[0] for k in range(parts.n_outputs)]
    mean = network.family.predict(np.array([[table[-1] for table in tables]]))[0]
    k = int(np.argmax(mean)) if output is None else output_position(network, output)
    table = tables[k]
    texts = [", ".join(_cell(network, c, cells[c]) for c in effect.columns) for effect in parts.effects]
    names, texts, steps = [*parts.names, SECOND_BLOCK], [*texts, ""], table[1:-1]
    order = [int(i) for i in np.argsort(-np.abs(steps), kind="stable")]
    order = [i for i in order if parts.second is not None or i < len(parts.effects)]
    return RowExplanation(
        tuple(names[i] for i in order),
        tuple(texts[i] for i in order),
        steps[order],
        float(table[0]),
        float(table[-1]),
        float(mean[k]),
        output_names(network)[k],
        score_name(network, k),
    )


def _cell(network: FittedNetwork, position: int, cell: FloatArray) -> str:
    """One cell as a text."""
    column = network.columns[position]
    value = original_values(column, cell)[0]
    return value_text(float(cell[0]), value, column.kind)
