"""What the raw scores of a network are called, and which of them is meant."""

from __future__ import annotations

from typing import Any

from closedform.additive.families import Poisson, Quantile
from closedform.additive.fitted import FittedNetwork
from closedform.exceptions import InputError, did_you_mean
from closedform.preprocessing.wording import quoted


def network_of(model: Any) -> FittedNetwork:
    """The fitted network of an estimator, or the network itself.

    Raises
    ------
    InputError
        For anything else, also for an estimator that is not fitted.
    """
    network = getattr(model, "network_", model)
    if isinstance(network, FittedNetwork):
        return network
    raise InputError(
        f"expected a fitted RANRegressor or RANClassifier, but got {type(model).__name__} without a network: "
        "call fit first."
    )


def output_names(network: FittedNetwork) -> tuple[str, ...]:
    """One name per raw score: the target of a regression, the second of two classes, else every class."""
    if not network.classes:
        return (network.target_name,)
    if network.model.n_outputs == 1:
        return (str(network.classes[1]),)
    return tuple(str(label) for label in network.classes)


def score_name(network: FittedNetwork, output: int) -> str:
    """What a raw score measures, for labels: the target, or what the effects add up to instead."""
    target, name = network.target_name, output_names(network)[output]
    if network.classes:
        score = "log-odds" if network.model.n_outputs == 1 else "score"
        return f"{score} of {target} = {name}"
    if isinstance(network.family, Poisson):
        return f"log({target})"
    if isinstance(network.family, Quantile):
        return f"{network.family.level:g} quantile of {target}"
    return target


def output_position(network: FittedNetwork, label: Any) -> int:
    """Position of the raw score of a class.

    Parameters
    ----------
    network : FittedNetwork
        More than two classes have one score each; all others have one score, which needs no label.
    label : object
        A class, as it is or as text.

    Raises
    ------
    InputError
        If there is no such class; the nearest is given.
    """
    names = output_names(network)
    if network.classes and len(names) == len(network.classes):
        for k, known in enumerate(network.classes):
            if label == known or str(label) == names[k]:
                return k
    elif str(label) == names[0]:
        return 0
    raise InputError(
        f"there is no score of {label!r}{did_you_mean(str(label), names)}: expected {quoted(names)}, or None."
    )
