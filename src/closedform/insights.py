"""What was found out about the structure of a law: a sentence, the columns concerned, and the evidence in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Insight:
    """One finding.

    Parameters
    ----------
    kind : str
        ``"irrelevant"``: a column does not matter. ``"together"``: columns matter only through one expression of them.
        ``"power"``: a column is a factor, to some power. ``"sum"``, ``"product"``: the target (or a function of it) is
        a sum or a product of functions of separate columns. ``"linear"``: it is linear in a function of some columns,
        with coefficients that depend on the others. ``"units"``: what the units say about the form.
    columns : tuple of str
        Columns of the table that the finding is about.
    sentence : str
        What was found, in words.
    evidence : mapping of str to float
        Numbers behind it. ``error``: root mean squared error on unseen rows, over the spread of the target, of a smooth
        model that takes the finding for granted. ``error_without``: of one that does not.
    """

    kind: str
    columns: tuple[str, ...]
    sentence: str
    evidence: Mapping[str, float] = field(default_factory=dict)
