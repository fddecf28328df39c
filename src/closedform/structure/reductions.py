"""Fewer columns: those that do not matter, those that matter only together, and those that are mere factors.

Each test compares two smooth models on rows they have not seen: one that takes the finding for granted, with fewer
columns, and one that does not. The first must not be worse; and what it leaves unexplained must have nothing to do with
what it was not told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from closedform.insights import Insight
from closedform.library.grow import product_recipe
from closedform.library.pool import Recipe
from closedform.library.powers import power_factors
from closedform.library.symmetry import Column, standard
from closedform.structure.look import Look, Model, best_model, mean_square, model_of, names_of, recipe_text
from closedform.structure.mergers import Merger, aligned_mergers, usual_mergers
from closedform.structure.surrogate import FloatArray

# A model may lose this much on unseen rows by taking a finding for granted; below the floor it is rounding.
_LARGEST_RISE = 1.1
_FLOOR = 1e-14
# Larger errors say nothing, unless the restricted model is far better: then it has seen everything there is.
_LARGEST_ERROR = 0.05
_FAR_BETTER, _FAIR = 0.3, 0.01
# A model with larger errors has no gradient to speak of.
_BLURRED = 1e-4
# Share of what is left that what was left out may explain: by chance; and where the restricted model is far better, so
# that what is left is the error of another polynomial.
_LARGEST_SHARE, _LARGEST_SHARE_IF_BETTER, _BETTER = 0.03, 0.15, 0.5


@dataclass(frozen=True, eq=False)
class Reduced:
    """A problem with fewer columns: ``y = factor * h(columns of look)``.

    Parameters
    ----------
    look : Look
        Target h and its columns.
    factor : recipe
        What was divided out.
    model : Model
        The best smooth model of h.
    insights : tuple of Insight
        What was found on the way.
    """

    look: Look
    factor: Recipe
    model: Model
    insights: tuple[Insight, ...] = ()

    def after(self, first: Reduced) -> Reduced:
        """This reduction of the target of an earlier one, as one reduction of the earlier one's."""
        factors = [(factor, 1) for factor in (first.factor, self.factor) if factor != 1]
        return Reduced(self.look, product_recipe(factors), self.model, (*first.insights, *self.insights))


def relevant(look: Look) -> Reduced:
    """Leave out columns as long as that loses nothing."""
    state = Reduced(look, 1, best_model(look))
    return _without_irrelevant(state) if len(look.columns) > 1 else state


def reduced(state: Reduced, expired: Callable[[], bool] = lambda: False) -> Reduced:
    """Divide out and merge columns as long as that loses nothing, and there is time."""
    for step in (_without_powers, _merged, _without_powers):
        if len(state.look.columns) > 1 and not expired():
            state = step(state)
    return state


def passes(model: Model, before: float, dropped: FloatArray) -> bool:
    """Whether a restricted model is as good as one with this error, and its errors are blind to what it was not told.

    Parameters
    ----------
    model : Model
        The restricted model.
    before : float
        Error of the unrestricted one.
    dropped : ndarray of shape (n_rows, k)
        Functions of what the restricted model does not know.
    """
    residuals = model.residuals()
    error = mean_square(residuals)
    if error > max(_LARGEST_RISE * before, _FLOOR) or error > _LARGEST_ERROR:
        return False
    if before > _LARGEST_ERROR and error > min(_FAR_BETTER * before, _FAIR):
        return False
    allowed = _LARGEST_SHARE_IF_BETTER if error < _BETTER * before else _LARGEST_SHARE
    return error < _FLOOR or explained(residuals, dropped) < allowed


def explained(residuals: FloatArray, columns: FloatArray) -> float:
    """Share of the residuals' variance that a linear model of the columns explains, adjusted for their number.

    Parameters
    ----------
    residuals : ndarray of shape (n_rows,)
        Errors on unseen rows; the largest ones are clipped.
    columns : ndarray of shape (n_rows, k)
        Columns of the linear model, besides a constant.
    """
    size = np.quantile(np.abs(residuals), 0.98)
    clipped = np.clip(residuals, -size, size)
    design = np.column_stack([np.ones(len(clipped)), columns / np.maximum(np.abs(columns).max(axis=0), 1e-300)])
    rest = clipped - design @ np.linalg.lstsq(design, clipped, rcond=None)[0]
    left = len(clipped) - design.shape[1]
    total = float(np.sum((clipped - clipped.mean()) ** 2))
    return 1.0 - (float(np.sum(rest**2)) / max(left, 1)) / (total / (len(clipped) - 1)) if total > 0 else 0.0


# --- columns that do not matter ---------------------------------------------------------------------------------------


def _without_irrelevant(state: Reduced) -> Reduced:
    for column in state.look.columns:
        position = next((k for k, other in enumerate(state.look.columns) if other is column), -1)
        if len(state.look.columns) == 1:
            break
        mask = ~state.model.surrogate.basis.uses(position)
        if state.model.error(mask) > _LARGEST_RISE * max(state.model.error(), _FLOOR) + _LARGEST_ERROR:
            continue
        look = state.look.without(position)
        model = model_of(look, state.model.in_logs, state.model.log_target)
        if passes(model, state.model.error(), _powers_beside(column.values, look)):
            state = Reduced(look, state.factor, model, (*state.insights, _irrelevant(column, model, state.model)))
    return state


def _powers_beside(values: FloatArray, look: Look) -> FloatArray:
    """A column, its square and cube, and its products with the others: what could still be seen of it."""
    x = standard(values)
    return np.column_stack([x, x**2, x**3, *(x * standard(c.values) for c in look.columns)])


def _irrelevant(column: Column, model: Model, before: Model) -> Insight:
    text = recipe_text(column.recipe)
    found, without = _evidence(model, before)
    sentence = f"{text} does not matter: error of a model without it {found:.1e}, with it {without:.1e}"
    return _insight("irrelevant", (column,), sentence, found, without)


# --- columns that are factors -----------------------------------------------------------------------------------------


def _without_powers(state: Reduced) -> Reduced:
    look = state.look
    if len(look.columns) < 2:
        return state
    X = np.column_stack([column.values for column in look.columns])
    found = power_factors(X, look.y)
    pairs = [(j, e) for j, e in zip(found.columns, found.exponents, strict=True) if isinstance(e, Fraction) and e != 0]
    # One column has to stay: a problem without columns is none.
    for j, exponent in pairs[: len(look.columns) - 1]:
        column = look.columns[j]
        position = next(k for k, other in enumerate(state.look.columns) if other is column)
        factor = np.abs(column.values) ** float(exponent)
        smaller = state.look.without(position).divided(factor)
        model = best_model(smaller)
        if model.error() > max(_LARGEST_RISE * state.model.error(), 1e-10):
            continue
        base = column.recipe if column.values.min() > 0 else ("mul", -1, column.recipe)
        prefix = product_recipe([(state.factor, 1), (base, exponent)] if state.factor != 1 else [(base, exponent)])
        insight = _power(column, exponent, model, state.model)
        state = Reduced(smaller, prefix, model, (*state.insights, insight))
    return state


def _power(column: Column, exponent: Fraction, model: Model, before: Model) -> Insight:
    text, found = recipe_text(product_recipe([(column.recipe, exponent)])), _evidence(model, before)
    sentence = f"{text} is a factor: error of a model of what is left without it {found[0]:.1e}, with it {found[1]:.1e}"
    return _insight("power", (column,), sentence, *found)


# --- columns that matter together -------------------------------------------------------------------------------------


def _merged(state: Reduced) -> Reduced:
    while len(state.look.columns) >= 2:
        found = _first_merger(state)
        if found is None:
            return state
        state = found
    return state


def _first_merger(state: Reduced) -> Reduced | None:
    """The merger that loses least among those that lose nothing."""
    before = state.model.error()
    best: Reduced | None = None
    trials = aligned_mergers(state.look, state.model) if before < _LARGEST_ERROR else []
    if before > _BLURRED:
        trials += usual_mergers(state.look)
    for trial in trials:
        look = trial.applied(state.look)
        model = model_of(look, state.model.in_logs, state.model.log_target)
        if best is not None and model.error() >= best.model.error():
            continue
        first, second = state.look.columns[trial.i], state.look.columns[trial.j]
        if passes(model, before, _powers_beside(first.values, look)):
            insight = _together((first, second), trial, model, state.model)
            factors = [(factor, 1) for factor in (state.factor, trial.factor) if factor != 1]
            best = Reduced(look, product_recipe(factors), model, (*state.insights, insight))
    return best


def _together(pair: tuple[Column, Column], trial: Merger, model: Model, before: Model) -> Insight:
    text, found = recipe_text(trial.column.recipe), _evidence(model, before)
    apart = " and ".join(recipe_text(one.recipe) for one in pair)
    beside = "" if trial.factor == 1 else f", beside the factor {recipe_text(trial.factor)}"
    sentence = f"only {text} matters{beside}: error of a model of it {found[0]:.1e}, of {apart} {found[1]:.1e}"
    return _insight("together", pair, sentence, *found)


# --- shared -----------------------------------------------------------------------------------------------------------


def _evidence(model: Model, before: Model) -> tuple[float, float]:
    return float(np.sqrt(model.error())), float(np.sqrt(before.error()))


def _insight(kind: str, columns: Sequence[Column], sentence: str, error: float, without: float) -> Insight:
    return Insight(kind, names_of(columns), sentence, {"error": error, "error_without": without})
