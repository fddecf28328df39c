"""``closedform predict`` with a Rational ANOVA Network: values, or classes and their probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from closedform.additive.fitted import FittedNetwork
from closedform.cli.console import say, warnings_as_sentences, write_json
from closedform.exceptions import InputError
from closedform.preprocessing.wording import missing_column

if TYPE_CHECKING:
    import pandas as pd


def predict_network(network: FittedNetwork, data: str, out: str, *, json: bool) -> None:
    """Write the predictions of a network for the rows of a table.

    Parameters
    ----------
    network : FittedNetwork
    data : str
        File with the table.
    out : str
        File for the predictions; "-" is standard output.
    json : bool
        Whether to print one JSON object instead.
    """
    from closedform.preprocessing.readers import read_table
    from closedform.preprocessing.writers import write_predictions

    with warnings_as_sentences():
        narrowed, frame = _narrowed(network, read_table(data))
        values = narrowed.probabilities(frame) if network.classes else narrowed.mean(frame)
    columns: dict[str, Any] = {"prediction": values[:, 0]}
    if network.classes:
        columns["prediction"] = np.array(list(network.classes))[np.argmax(values, axis=1)]
        columns |= {f"probability of {label}": values[:, k] for k, label in enumerate(network.classes)}
    if not json:
        write_predictions(out, columns)
        return
    plain = {"target": network.target_name, "prediction": columns["prediction"].tolist()}
    if network.classes:
        plain |= {"classes": list(network.classes), "probability": values.tolist()}
    write_json(plain)


def _narrowed(network: FittedNetwork, frame: pd.DataFrame) -> tuple[FittedNetwork, pd.DataFrame]:
    """The network and the table such that columns without functions may be missing or hold anything."""
    frame = _renamed(network, frame)
    needed = {item.column for item in network.model.functions}
    known = [str(name) for name in frame.columns]
    for j in needed:
        if network.columns[j].name not in known:
            raise InputError(missing_column(network.columns[j].name, known, "the table"))
    # What is not needed is not looked at.
    columns = tuple(
        column if j in needed else replace(column, constant=True) for j, column in enumerate(network.columns)
    )
    return replace(network, columns=columns, named=True), frame.reindex(columns=list(network.feature_names))


def _renamed(network: FittedNetwork, frame: pd.DataFrame) -> pd.DataFrame:
    """The table with the names of fit time; where these were made up, columns are taken in their order."""
    names = list(network.feature_names)
    if network.named or set(names) <= set(frame.columns):
        return frame
    frame = frame.drop(columns=[name for name in frame.columns if name == network.target_name])
    if frame.shape[1] != len(names):
        raise InputError(
            f"the model was fitted on {len(names)} columns without names, but the table has {frame.shape[1]}."
        )
    say("warning: the model was fitted on columns without names; those of the table are taken in their order.")
    return frame.set_axis(names, axis="columns")
