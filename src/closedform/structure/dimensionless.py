"""Whether a law can be made of its columns alone, and what it looks like in pure numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedform.insights import Insight
from closedform.library.grow import product_recipe
from closedform.library.pool import Recipe
from closedform.library.symmetry import Column
from closedform.structure.look import Look, Model, best_model, recipe_text
from closedform.structure.reductions import Reduced
from closedform.structure.surrogate import FloatArray
from closedform.units.dimensions import NUMBER, Dimension
from closedform.units.groups import Groups, Monomial, dimensionless_forms
from closedform.units.rules import UnitRules

# A model of pure numbers that is this many times worse than one of the columns has lost something: a constant with a
# unit that is not among the columns. Errors below the second number are small anyway.
_MUCH_WORSE = 4.0
_SMALL = 1e-3
_KNOWN = 0.05


@dataclass(frozen=True, eq=False)
class InNumbers:
    """A law in pure numbers.

    Parameters
    ----------
    forms : tuple of Reduced
        Ways to write it, the best one (by a smooth model) first.
    rules : UnitRules
        The units, with the decision whether constants may carry units.
    insight : Insight or None
        What the units say, in words.
    """

    forms: tuple[Reduced, ...]
    rules: UnitRules
    insight: Insight | None = None


def in_numbers(look: Look, rules: UnitRules, target: str) -> InNumbers:
    """Write a law in pure numbers, where its target can be made of its columns.

    Parameters
    ----------
    look : Look
        Columns of a table and the target.
    rules : UnitRules
        Their units.
    target : str
        Name of the target.
    """
    if rules.target is None:
        return InNumbers((), rules)
    columns = {str(column.recipe[1]): column.values for column in look.columns}
    dimensions = {name: rules.columns.get(name, NUMBER) for name in columns}
    forms = [(one, _written(one, columns, look)) for one in dimensionless_forms(dimensions, rules.target)]
    usable = [(groups, form) for groups, form in forms if form is not None]
    if not forms:
        return InNumbers((), replace(rules, free_constants=True), _impossible(columns, rules.target, target))
    if not usable:
        return InNumbers((), rules)
    usable.sort(key=lambda pair: pair[1].model.error())
    groups, best = usable[0]
    plain, error = best_model(look).error(), best.model.error()
    evidence = {"error": float(np.sqrt(error)), "error_without": float(np.sqrt(plain))}
    if error > max(_MUCH_WORSE * plain, _SMALL) and plain < _KNOWN:
        return InNumbers((), replace(rules, free_constants=True), _insufficient(tuple(columns), target, evidence))
    insight = _told(groups, tuple(columns), dimensions, target, evidence)
    return InNumbers(tuple(form for _, form in usable), rules, insight)


def _written(groups: Groups, columns: Mapping[str, FloatArray], look: Look) -> Reduced | None:
    """The problem in these groups; None where one of them is not defined on all rows."""
    with np.errstate(all="ignore"):
        prefix = _values(groups.prefix, columns, len(look.y))
        values = [_values(monomial, columns, len(look.y)) for monomial in groups.groups]
    if not all(np.isfinite(column).all() for column in (*values, prefix)) or (prefix == 0).any():
        return None
    made = [Column(v, _recipe(monomial)) for v, monomial in zip(values, groups.groups, strict=True) if np.ptp(v) > 0]
    smaller = look.with_columns(made).divided(prefix)
    return Reduced(smaller, _recipe(groups.prefix), best_model(smaller) if made else _constant_model(smaller))


def _constant_model(look: Look) -> Model:
    """The model of a look without columns: a constant."""
    return best_model(look.with_columns([Column(np.zeros(len(look.y)), 0)]))


def _values(monomial: Monomial, columns: Mapping[str, FloatArray], n_rows: int) -> FloatArray:
    product = np.ones(n_rows)
    for name, exponent in monomial:
        product = product * columns[name] ** float(exponent)
    return product


def _recipe(monomial: Monomial) -> Recipe:
    whole = [(("var", name), int(e) if e.denominator == 1 else e) for name, e in monomial]
    return product_recipe(whole)


def _told(
    groups: Groups, names: tuple[str, ...], dimensions: Mapping[str, Dimension], target: str, evidence: dict[str, float]
) -> Insight | None:
    if all(dimension.is_number for dimension in dimensions.values()):
        return None
    left = f"{target}/({recipe_text(_recipe(groups.prefix))})" if groups.prefix else target
    numbers = ", ".join(recipe_text(_recipe(monomial)) for monomial in groups.groups)
    what = f"depends on {numbers} alone" if numbers else "is a constant"
    sentence = f"by the units, {left} {what}: {_errors(evidence, len(names))}"
    return Insight("units", names, sentence, evidence)


def _insufficient(names: tuple[str, ...], target: str, evidence: dict[str, float]) -> Insight:
    sentence = (
        f"{target} does not follow from pure numbers made of the columns, so that a constant with a unit is missing; "
        f"constants of formulas may carry units: {_errors(evidence, len(names))}"
    )
    return Insight("units", names, sentence, evidence)


def _impossible(names: Sequence[str] | Mapping[str, FloatArray], dimension: Dimension, target: str) -> Insight:
    sentence = (
        f"no product of powers of the columns is in {dimension}, as {target} is; constants of formulas may carry units"
    )
    return Insight("units", tuple(names), sentence)


def _errors(evidence: Mapping[str, float], count: int) -> str:
    of_columns = f"of the {count} columns" if count > 1 else "of the column"
    return f"error of a model of them {evidence['error']:.1e}, {of_columns} {evidence['error_without']:.1e}"
