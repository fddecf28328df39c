"""Fewer columns where the target has noise: the findings of :mod:`closedform.library.noisy_reduction`, and when to ask.

Comparing errors on unseen rows, as :mod:`closedform.structure.reductions` does, sees what a smooth model without noise
would lose. Noise hides all but the largest losses; score tests look for what is left to be explained instead.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from closedform.insights import Insight
from closedform.library.grow import product_recipe
from closedform.library.noisy_reduction import noisy_reductions
from closedform.library.symmetry import Column, Reduction
from closedform.structure.look import Look, Model, best_model, names_of, recipe_text
from closedform.structure.reductions import Reduced, reduced, relevant

# The model of the smaller problem may lose this much; and a reduction is better than another where it loses that less.
_LARGEST_RISE, _BETTER, _AS_GOOD = 1.1, 0.8, 1.05
# A model follows all there is where a share of its degree leaves no more than this multiple of its error.
_LOWER_DEGREE, _SETTLED = 0.7, 1.1


def reduced_despite_noise(look: Look, expired: Callable[[], bool] = lambda: False) -> Reduced:
    """A problem with fewer columns, by the tests that its noise asks for.

    Parameters
    ----------
    look : Look
        The whole problem.
    expired : callable, optional
        Whether the time is up.
    """
    start = relevant(look)
    plain = reduced(start, expired)
    if len(start.look.columns) < 2 or expired():
        return plain
    # Without noise more can be seen; with noise less should be, and sometimes nothing is left of what was.
    other = _despite_noise(start) or start
    found, error = plain.model.error(), other.model.error()
    if found < _BETTER * error:
        return plain
    return other if found > _AS_GOOD * error or _settled(other.model) else plain


def _settled(model: Model) -> bool:
    """Whether a higher degree brings nothing, so that what is left is noise."""
    totals = model.surrogate.basis.exponents.sum(axis=1)
    lower = max(1, round(_LOWER_DEGREE * model.surrogate.degree))
    return lower < model.surrogate.degree and model.error(totals <= lower) < _SETTLED * model.error()


def _despite_noise(start: Reduced) -> Reduced | None:
    """The smallest of the reductions whose model loses nothing."""
    look, before = start.look, start.model
    for reduction in reversed(noisy_reductions(look.columns, look.y, np.sqrt(look.weight / look.weight.mean()))):
        smaller = look.with_columns(reduction.columns).divided(reduction.factor)
        model = best_model(smaller)
        if model.error() <= _LARGEST_RISE * before.error():
            found = Reduced(
                smaller, product_recipe(list(reduction.powers)), model, _told(look, reduction, model, before)
            )
            return found.after(start)
    return None


def _told(look: Look, reduction: Reduction, model: Model, before: Model) -> tuple[Insight, ...]:
    """Each power of a column that is in no merger, and each merger, in words."""
    found, without = float(np.sqrt(model.error())), float(np.sqrt(before.error()))
    evidence = {"error": found, "error_without": without}
    merged = [column for column in reduction.columns if not any(column is one for one in look.columns)]
    inside = set(names_of([*merged, *reduction.columns]))
    insights = []
    for base, exponent in reduction.powers:
        column = next((one for one in look.columns if one.recipe == base and not inside & set(names_of([one]))), None)
        if column is not None:
            text = recipe_text(product_recipe([(base, exponent)]))
            sentence = (
                f"{text} is a factor: error of a model of what is left without it {found:.1e}, with it {without:.1e}"
            )
            insights.append(Insight("power", names_of([column]), sentence, evidence))
    for column in merged:
        names = names_of([column])
        factors = [
            (base, e) for base, e in reduction.powers if set(names_of([Column(column.values, base)])) & set(names)
        ]
        beside = f", beside the factor {recipe_text(product_recipe(factors))}" if factors else ""
        sentence = (
            f"only {recipe_text(column.recipe)} matters{beside}: error of a model of it {found:.1e}, "
            f"of {' and '.join(names)} {without:.1e}"
        )
        insights.append(Insight("together", names, sentence, evidence))
    return tuple(insights)
