"""All that is to be found out about the structure of a law, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from closedform.insights import Insight
from closedform.structure.composition import composed
from closedform.structure.despite_noise import reduced_despite_noise
from closedform.structure.dimensionless import in_numbers
from closedform.structure.linear import linear
from closedform.structure.look import Look, recipe_text
from closedform.structure.reductions import Reduced
from closedform.structure.splits import split
from closedform.structure.surrogate import FloatArray
from closedform.units.rules import UnitRules

# A relative error that a wrong model of a law without noise does not reach by chance, and when one is much smaller.
_GOOD, _MUCH_BETTER = 0.01, 0.7


@dataclass(frozen=True, eq=False)
class Study:
    """What was found.

    Parameters
    ----------
    forms : tuple of Reduced
        Ways to write the problem with fewer columns, the most promising one first.
    rules : UnitRules or None
        Units, with the decision whether constants may carry them.
    insights : tuple of Insight
        For people.
    """

    forms: tuple[Reduced, ...] = ()
    rules: UnitRules | None = None
    insights: tuple[Insight, ...] = ()


def study(
    names: Sequence[str],
    X: FloatArray,
    y: FloatArray,
    weight: FloatArray | None = None,
    *,
    rules: UnitRules | None = None,
    target: str = "y",
    expired: Callable[[], bool] = lambda: False,
) -> Study:
    """Look into the structure of a problem.

    Parameters
    ----------
    names : sequence of str
        Names of the columns of ``X``.
    X : ndarray of shape (n_rows, n_columns)
        Columns, finite.
    y : ndarray of shape (n_rows,)
        Target, finite.
    weight : ndarray of shape (n_rows,), optional
        Weights of the rows.
    rules : UnitRules, optional
        Units.
    target : str, default="y"
        Name of the target, for sentences.
    expired : callable, optional
        Whether the time is up; what was found until then is returned.
    """
    look = Look.of(names, X, y, weight)
    if not look.usable:
        return Study(rules=rules)
    forms: list[Reduced] = []
    insights: list[Insight] = []
    if rules is not None:
        numbers = in_numbers(look, rules, target)
        rules = numbers.rules
        forms += [_reduced_further(form, expired) for form in numbers.forms[:1]]
        insights += [numbers.insight] if numbers.insight is not None else []
    if not expired():
        plain = reduced_despite_noise(look, expired)
        further = _composed(plain, expired)
        insights += further[-1].insights
        forms += reversed(further)
    # The pieces are told about the simplest form: that with the fewest columns.
    simplest = min(forms, key=lambda form: len(form.look.columns), default=None)
    if simplest is not None and not expired():
        left = _left(target, simplest)
        found = split(simplest.look, simplest.model, left) or linear(simplest.look, simplest.model, left)
        insights += [found.insight] if found is not None else []
    return Study(tuple(forms), rules, _credible(insights))


def _composed(form: Reduced, expired: Callable[[], bool]) -> list[Reduced]:
    """A form, and what is left of it when columns are replaced by expressions of them, as often as that goes."""
    forms = [form]
    while not expired():
        found = composed(forms[-1], expired)
        if found is None:
            break
        forms.append(_reduced_further(found, expired))
    # Those in between are neither the simplest nor the safest.
    return forms if len(forms) < 3 else [forms[0], forms[-1]]


def _credible(insights: Sequence[Insight]) -> tuple[Insight, ...]:
    """The findings without those that rest on a poor model, unless the last model of all is a good one.

    Where a model of all columns is poor and one of fewer is better but not good, the better one need not be right.
    """
    last = min((one.evidence.get("error", np.inf) for one in insights), default=np.inf)
    return tuple(one for one in insights if last < _GOOD or not _blurred(one))


def _blurred(insight: Insight) -> bool:
    error = insight.evidence.get("error", 0.0)
    return error > _GOOD and error < _MUCH_BETTER * insight.evidence["error_without"]


def _left(target: str, form: Reduced) -> str:
    """What of the target a form is about, as people write it."""
    return target if form.factor == 1 else f"{target}/({recipe_text(form.factor)})"


def _reduced_further(form: Reduced, expired: Callable[[], bool]) -> Reduced:
    if not form.look.columns:
        return form
    further = reduced_despite_noise(form.look, expired)
    return further.after(form)
