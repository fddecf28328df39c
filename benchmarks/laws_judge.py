"""Is a formula that was found for measurements the law that is believed, or as good as it?

The believed form is fitted to the same rows by the same least squares, and predicts the same held-out rows. A formula
*is* the believed form if the free constants of the form can be chosen so that both have the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.laws_forms import Columns, Form, count_constants, count_terms
from benchmarks.scoring_tree import UnreadableFormula, read_formula

SAME = 1e-6  # relative root mean square difference of a formula from the form that it is said to have
AS_WELL = 1.1  # error over that of the believed form up to which a formula predicts as well
VANISHED = 1e-3  # a constant this small next to that of the literature leaves another form
N_STARTS = 12


def root_mean_square(values: np.ndarray) -> float:
    """Root mean square, inf where a value is missing."""
    return float(np.sqrt(np.mean(np.square(values)))) if np.all(np.isfinite(values)) else float("inf")


def fit_form(form: Form, columns: Columns, y: np.ndarray, starts: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Free constants with the least squares on some rows, from those of the literature, others, and nudged copies."""
    from scipy.optimize import least_squares

    rng, size = np.random.default_rng(0), root_mean_square(y) or 1.0
    first = [form.start, *starts]
    nudged = [form.start * np.exp(rng.normal(0.0, 0.3, len(form.start))) for _ in range(N_STARTS - len(first))]
    best, least = form.start, np.inf
    for start in [*first, *nudged]:

        def residual(factors: np.ndarray, start: np.ndarray = start) -> np.ndarray:
            off = (form.values(columns, factors * start) - y) / size
            return np.clip(np.nan_to_num(off, nan=1e6, posinf=1e6, neginf=-1e6), -1e6, 1e6)

        fit = least_squares(residual, np.ones(len(start)), xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=2000)
        if fit.cost < least:
            best, least = fit.x * start, fit.cost
        if least <= len(y) * (SAME / 100) ** 2:
            break
    return best


def has_form(text: str, form: Form, columns: Columns, starts: Sequence[np.ndarray] = ()) -> bool:
    """Whether a formula is the form for some choice of the free constants, none of which vanishes.

    Parameters
    ----------
    text : str
        The formula.
    form : Form
        The believed form.
    columns : mapping of str to ndarray
        Rows on which both are compared.
    starts : sequence of ndarray
        Constants to start from besides those of the literature.
    """
    values = read_formula(text, tuple(columns)).values(columns)
    if not np.all(np.isfinite(values)) or np.ptp(values) == 0:
        return False
    constants = fit_form(form, columns, values, starts)
    difference = root_mean_square(form.values(columns, constants) - values)
    vanished = np.abs(constants) < VANISHED * np.abs(form.start)
    return bool(difference <= SAME * root_mean_square(values) and not vanished.any())


def judge(
    report: Callable[[dict[str, Any]], None], texts: Sequence[str], forms: Sequence[Form],
    train: tuple[Columns, np.ndarray], test: tuple[Columns, np.ndarray], predicted: np.ndarray | None,
) -> None:  # fmt: skip
    """Report how a formula (the first of the texts; the others are rivals from its front) stands beside the law.

    Reports ``rmse`` and ``rmse_believed`` on the test rows, their ``ratio``, ``constants`` and ``terms`` of both, the
    constants of the believed form in ``believed_constants``, and the verdicts ``is_form``, ``form_on_front``.
    """
    believed = forms[0]
    fitted = fit_form(believed, *train)
    columns, y = test
    rmse_believed = root_mean_square(believed.values(columns, fitted) - y)
    rmse = float("inf") if predicted is None else root_mean_square(predicted - y)
    report({
        "rmse": rmse, "rmse_believed": rmse_believed, "ratio": rmse / max(rmse_believed, 1e-300),
        "believed_constants": fitted.tolist(), "constants_believed": believed.n_constants,
        "terms_believed": believed.n_terms,
    })  # fmt: skip
    formula = read_formula(texts[0], tuple(columns))
    report({"constants": count_constants(formula), "terms": count_terms(formula.root), "size": formula.size})
    fits = [fitted, *(fit_form(form, *train) for form in forms[1:])]

    def is_form(text: str) -> bool:
        try:
            return any(has_form(text, form, train[0], [fit]) for form, fit in zip(forms, fits, strict=True))
        except UnreadableFormula:
            return False

    report({"is_form": is_form(texts[0])})
    report({"form_on_front": any(is_form(text) for text in texts)})


def as_good(row: dict[str, Any]) -> bool:
    """Whether a formula predicts as well as the believed form, with no more constants and no more terms."""
    return (
        row["status"] == "ok"
        and row.get("ratio") is not None
        and row["ratio"] <= AS_WELL
        and row["constants"] <= row["constants_believed"]
        and row["terms"] <= row["terms_believed"]
    )
