"""All scores of one model, each in a process of its own under a hard time limit."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.problems import Problem
from benchmarks.scoring_numeric import judge_structure, judge_wide, score_predictions
from benchmarks.scoring_process import Outcome, run_limited
from benchmarks.scoring_symbolic import judge
from benchmarks.scoring_tree import UnreadableFormula, read_formula

Report = Callable[[dict[str, Any]], None]

MEMORY = 4 * 2**30  # bytes of address space for a check
SCORES = (
    "r2", "rel_rmse", "symbolic", "symbolic_method", "relation", "numeric_wide", "wide_deviation", "disagree",
    "structure", "text_deviation", "complexity", "truth_complexity", "complexity_measure", "edit_distance",
    "symbolic_seconds",
)  # fmt: skip


def score(
    problem: Problem, text: str, predicted: np.ndarray, *, seed: int, noise: float, check_time: float = 20.0
) -> dict[str, Any]:
    """Score a model given as text with its predictions on the test rows.

    Returns
    -------
    dict with the keys of :data:`SCORES` (None where unknown) and ``checks_failed``, the checks that ran out of time
    or broke, with the reason.
    """
    scores: dict[str, Any] = dict.fromkeys(SCORES)
    failed: dict[str, str] = {}

    def check(name: str, function: Callable[..., None], *args: Any) -> Outcome:
        outcome = run_limited(function, problem, *args, seconds=check_time, memory=MEMORY)
        scores.update(outcome.reported)
        if outcome.status != "ok":
            failed[name] = outcome.message or outcome.status
        return outcome

    check("predictions", score_predictions, seed, predicted, text)
    check("symbolic", judge, text)
    compared = scores.pop("compared", None)
    rounded = noise > 0 and bool(scores["symbolic"]) and compared is not None
    check("wide", judge_wide, *(compared if rounded else [text]))
    if scores["symbolic"] is not None and scores["numeric_wide"] is not None:
        scores["disagree"] = scores["symbolic"] != scores["numeric_wide"]
    if scores["symbolic"] and scores["numeric_wide"] and not rounded:
        scores["structure"] = True
    else:
        check("structure", judge_structure, text)
    check("size", measure_size, text)
    scores["checks_failed"] = failed
    return scores


def readable(problem: Problem, text: str) -> str | None:
    """Why the judge cannot read a model, None where it can."""
    try:
        read_formula(text, problem.names)
    except UnreadableFormula as error:
        return str(error)
    return None


# ------------------------------------------------------------------------------------------------ size


def measure_size(report: Report, problem: Problem, text: str) -> None:
    """Report the complexity of model and truth in one measure, and their normalised edit distance.

    The measure is the package's own where it reads both formulas, else the nodes that the judge counts.
    """
    model, truth = read_formula(text, problem.names), problem.formula
    report({"complexity": model.size, "truth_complexity": truth.size, "complexity_measure": "nodes"})
    if "harmonic" in problem.text or importlib.util.find_spec("closedform") is None:
        return
    from closedform import Expression

    pair = [Expression.parse(form.text(), variables=problem.names) for form in (model, truth)]
    report(
        {
            "complexity": pair[0].complexity,
            "truth_complexity": pair[1].complexity,
            "complexity_measure": "closedform",
        }
    )
    from closedform.symbolic.canonical import canonical
    from closedform.symbolic.distance import normalised_edit_distance

    report({"edit_distance": float(normalised_edit_distance(canonical(pair[0]), canonical(pair[1])))})
