"""The second life of a model: formulas with their scores, and predictions from them.

What is in here needs neither the engines that found the formulas nor torch, scikit-learn or pandas; it is what a model
file holds and what ``closedform predict`` loads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import DomainError, InputError, Status
from closedform.group_constants import GroupConstants, own_names, with_names
from closedform.insights import Insight
from closedform.preprocessing.table import Table, check_X
from closedform.preprocessing.wording import rows_text
from closedform.symbolic.arrangement import arranged
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression
from closedform.symbolic.printing import name_to_text, to_text
from closedform.trust import Trust, outside_range, trust

Outside = Literal["warn", "nan", "raise", "ignore"]
"""What `predict` does with rows outside the ranges that a formula was learned on, see :meth:`FormulaModel.predict`."""

# Longest piece of a formula that an error message quotes, and most variables whose values it tells.
_LONGEST_QUOTE = 60
_MOST_VALUES = 4
# Groups whose formulas are searched for poles.
_MOST_TRUSTED = 12


@dataclass(frozen=True)
class Formula:
    """One row of the front.

    Parameters
    ----------
    expression : Expression
        The formula, constants fitted to all rows.
    loss : float
        Mean loss on the rows that may be used to choose, before the last fit of the constants to all rows.
    holdout_loss : float
        Mean loss on rows that were used neither to find nor to choose it; NaN where the table was too small to spare
        any. Measured before the last fit of the constants to all rows.
    complexity : int
        Nodes of the canonical form.
    engine : str
        Who found it.
    seconds : float
        When, in seconds since the search began.
    standard_errors : tuple of float
        One for each of ``expression.constants``; infinite for a constant that the data do not fix.
    score : float, default=0.0
        Fall of log(loss) per unit of complexity since the formula before it on the front.
    domain : mapping of str to (float, float), optional
        Smallest and largest value, at fit time, of each column that the formula uses.
    exact : bool, default=False
        Whether it is claimed to be the law behind the data and no approximation: it passes the test of
        ``closedform.exact`` on all rows, and no formula of the front does so with fewer constants.
    groups : GroupConstants, optional
        After a fit with groups: constants that differ between them. Then `expression` and `standard_errors` hold the
        middle one of the values of such a constant.
    chi2 : float, default=nan
        Sum of the squared residuals on all rows, each over its measurement error, per degree of freedom; about 1 for a
        right formula. NaN where no measurement errors were given.
    """

    expression: Expression
    loss: float
    holdout_loss: float
    complexity: int
    engine: str
    seconds: float
    standard_errors: tuple[float, ...]
    score: float = 0.0
    domain: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    exact: bool = False
    groups: GroupConstants | None = None
    chi2: float = math.nan

    @property
    def has_chi2(self) -> bool:
        """Whether measurement errors were given."""
        return not math.isnan(self.chi2)

    @cached_property
    def trust(self) -> Trust:
        """What is known about poles and gaps of the formula, within the ranges of the data and beyond."""
        if self.groups is None or not self.groups.own:
            return trust(self.expression, self.domain)
        each = [trust(self.in_group(label), self.domain) for label in self.groups.labels[:_MOST_TRUSTED]]
        hazards = {str(hazard): hazard for one in each for hazard in one.hazards}
        complete = len(self.groups.labels) <= _MOST_TRUSTED
        return Trust(each[0].domain, tuple(hazards.values()), complete and all(one.proven for one in each))

    def in_group(self, label: Any) -> Expression:
        """Return the formula with the constants of one group; raises InputError where there is no such group."""
        if self.groups is None:
            raise InputError(f"there is no group {label!r}: the formula was fitted without groups.")
        return self.groups.in_group(self.expression, label)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Names under which constants that differ between groups are shown, c1, c2, ...; none without groups."""
        count = 0 if self.groups is None else len(self.groups.own)
        return tuple(own_names(count, self.expression.variables))

    @property
    def shown(self) -> Expression:
        """The formula as it is shown: with names for constants that differ between groups."""
        if self.groups is None or not self.groups.own:
            return self.expression
        return arranged(with_names(self.expression, self.groups.own, self.own_names))


@dataclass(frozen=True)
class FormulaModel:
    """A front of formulas, the one that was chosen, and what has to be known to use them.

    Parameters
    ----------
    kind : str
        Class of the estimator that was fitted.
    feature_names : tuple of str
        Columns at fit time, in order, constant ones included.
    named : bool
        False where the names were made up for a table without.
    target_name : str
        Name of the target.
    formulas : tuple of Formula
        The front, by growing complexity; at least one.
    chosen : int
        Position of the chosen formula.
    domain : mapping of str to (float, float)
        Smallest and largest value of each column at fit time.
    status : Status
        How the search ended.
    n_rows : int
        Rows at fit time.
    settings : mapping
        Parameters of the estimator, as far as plain values express them.
    seed : int, default=0
        What the random numbers of the fit were drawn from.
    n_searches : int, default=1
        Searches on the same data that went into the front (warm starts).
    version : str, default=""
        Version of the package that fitted it.
    units : mapping of str to str, optional
        Units of columns and target, as they were given.
    insights : tuple of Insight, default=()
        What was found out about the structure of the law.
    group_name : str, optional
        What the groups are called, after a fit with groups.
    """

    kind: str
    feature_names: tuple[str, ...]
    named: bool
    target_name: str
    formulas: tuple[Formula, ...]
    chosen: int
    domain: Mapping[str, tuple[float, float]]
    status: Status
    n_rows: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    n_searches: int = 1
    version: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    insights: tuple[Insight, ...] = ()
    group_name: str | None = None

    def __post_init__(self) -> None:
        """Give each formula the ranges of the columns that it uses."""
        formulas = [replace(formula, domain=_used(self.domain, formula.expression)) for formula in self.formulas]
        object.__setattr__(self, "formulas", tuple(formulas))

    @property
    def expression(self) -> Expression:
        """The chosen formula."""
        return self.formulas[self.chosen].expression

    @property
    def unit(self) -> str | None:
        """What predictions are measured in; None where nobody said."""
        return self.units.get(self.target_name)

    def formula(self, index: int | None = None) -> Formula:
        """Return one row of the front.

        Parameters
        ----------
        index : int, optional
            Position on the front, from 0; the chosen formula if None.

        Raises
        ------
        InputError
            If there is no such position.
        """
        if index is None:
            return self.formulas[self.chosen]
        last = len(self.formulas) - 1
        if isinstance(index, bool) or not isinstance(index, Integral) or not 0 <= index <= last:
            raise InputError(f"index must be a row of equations_, a whole number from 0 to {last}, got {index!r}.")
        return self.formulas[int(index)]

    def predict(
        self, X: Any, index: int | None = None, outside: Outside = "warn", groups: Any = None
    ) -> NDArray[np.float64]:
        """Return the values of a formula.

        Parameters
        ----------
        X : array of shape (n_samples, n_features), mapping of columns, or any frame
            The columns of fit time; found by name in any order where both tables have names.
        index : int, optional
            Which formula of the front; the chosen one if None.
        outside : {"warn", "nan", "raise", "ignore"}, default="warn"
            What happens with rows outside the ranges that the formula was learned on, by more than a tenth of the
            width of a range: the value and a warning, NaN, an error, or the value and nothing. Where the formula has
            no value at all, such as the logarithm of a negative number, only ``"nan"`` gives NaN; the others raise.
        groups : array-like of shape (n_samples,), optional
            The group of each row; needed where constants of the formula differ between groups.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        InputError
            For a table that does not fit, see :func:`closedform.preprocessing.check_X`, and for an unknown group.
        DomainError
            If the formula has no value on some row, unless `outside` is ``"nan"``; with ``"raise"`` also if a row lies
            outside the learned ranges.

        Warns
        -----
        DataWarning
            If rows lie outside the learned ranges and `outside` is ``"warn"``.

        Notes
        -----
        A warning is the default because rows held out by cross-validation or arriving later are often a little outside:
        a pipeline must not break on them, and nobody should extrapolate far without knowing.
        """
        check_outside(outside)
        formula = self.formula(index)
        table = check_X(X, feature_names=self.feature_names, named=self.named, estimator=self.kind)
        return values_of(formula, table, outside, self.group_positions(formula, groups, table.n_rows))

    def group_positions(self, formula: Formula, groups: Any, n_rows: int) -> NDArray[np.intp] | None:
        """Return the group of each row as `values_of` takes it, None for a formula without constants by group.

        Raises
        ------
        InputError
            If groups are missing, unknown, of another length than the table, or not asked for.
        """
        if self.group_name is None and groups is not None:
            raise InputError("groups is only for models that were fitted with groups; leave it out.")
        if formula.groups is None or not formula.groups.own:
            return None
        if groups is None:
            raise InputError(
                f"the constants of this formula differ between groups ({self.group_name}): pass groups, a label a row."
            )
        positions = formula.groups.positions(groups)
        if len(positions) != n_rows:
            raise InputError(f"groups must have one label for each of {n_rows} rows, got {len(positions)}.")
        return positions


def check_outside(outside: Any) -> None:
    """Raise InputError unless this is one of the words for `outside`."""
    if outside not in get_args(Outside):
        raise InputError(f'outside must be "warn", "nan", "raise" or "ignore", got {outside!r}.')


def values_of(
    formula: Formula, table: Table, outside: Outside = "warn", groups: NDArray[np.intp] | None = None
) -> NDArray[np.float64]:
    """Values of a formula on a checked table; see :meth:`FormulaModel.predict`.

    Parameters
    ----------
    formula : Formula
    table : Table
    outside : {"warn", "nan", "raise", "ignore"}, default="warn"
        What happens with rows outside the learned ranges.
    groups : ndarray of shape (n_rows,), optional
        Position of each row's group among the labels of the formula.
    """
    expression = formula.expression
    values = np.empty(table.n_rows)
    for part, rows in _parts(formula, table, groups):
        columns = {name: table.columns[name][rows] for name in part.variables}
        values[rows] = evaluate(part, columns) if columns else _constant_value(part)
    beyond = _beyond(formula, table) if outside != "ignore" else np.zeros(table.n_rows, dtype=bool)
    undefined = ~np.isfinite(values)
    if outside == "nan":
        values[undefined | beyond] = np.nan
        return values
    advice = 'Leave out these rows, or pass outside="nan" to get NaN for them.'
    if undefined.any():
        rows = np.flatnonzero(undefined)
        if groups is not None and formula.groups is not None:
            expression = formula.in_group(formula.groups.labels[groups[rows[0]]])
        raise DomainError(f"{_undefined(expression, table, rows)} {advice}", rows.tolist())
    if beyond.any():
        rows = np.flatnonzero(beyond)
        if outside == "raise":
            raise DomainError(f"{_far_out(formula, table, rows)} {advice}", rows.tolist())
        import warnings

        from closedform.exceptions import DataWarning

        warnings.warn(_far_out(formula, table, rows), DataWarning, stacklevel=3)
    return values


def _parts(
    formula: Formula, table: Table, groups: NDArray[np.intp] | None
) -> Iterator[tuple[Expression, slice | NDArray[np.intp]]]:
    """The formula of each group with its rows; of all rows together where no constant differs."""
    if groups is None or formula.groups is None:
        yield formula.expression, slice(0, table.n_rows)
        return
    for position in np.unique(groups):
        yield formula.in_group(formula.groups.labels[position]), np.flatnonzero(groups == position)


def _used(domain: Mapping[str, tuple[float, float]], expression: Expression) -> dict[str, tuple[float, float]]:
    return {name: domain[name] for name in expression.variables if name in domain}


def _beyond(formula: Formula, table: Table) -> NDArray[np.bool_]:
    """Which rows lie outside the ranges that a formula was learned on."""
    beyond = np.zeros(table.n_rows, dtype=bool)
    for name, learned in formula.domain.items():
        beyond |= outside_range(table.columns[name], learned)
    return beyond


def _far_out(formula: Formula, table: Table, rows: NDArray[np.intp]) -> str:
    """Say which rows are outside the learned ranges, and the column and value of the first of them."""
    row = int(rows[0])
    first = {name: float(table.columns[name][row]) for name in formula.domain}
    name = next(name for name, value in first.items() if outside_range(np.array([value]), formula.domain[name])[0])
    low, high = formula.domain[name]
    return (
        f"The formula is used outside the data that it was learned on in {rows_text(rows)}: "
        f"{name_to_text(name)} = {first[name]:.6g}, learned from {low:.6g} to {high:.6g}."
    )


def _constant_value(expression: Expression) -> float:
    return float(evaluate(expression, {})[0])


def _undefined(expression: Expression, table: Table, rows: NDArray[np.intp]) -> str:
    """Say on which rows a formula has no value, and which part of it is to blame on the first of them."""
    row = int(rows[0])
    part = _culprit(expression, {name: values[row : row + 1] for name, values in table.columns.items()})
    text = to_text(part, precision=6)
    quoted = text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "..."
    given = [f"{name} = {float(table.columns[name][row])!r}" for name in part.variables]
    told = ", ".join(given[:_MOST_VALUES]) + (", ..." if len(given) > _MOST_VALUES else "")
    where = f" with {told}" if told else ""
    return f"The formula has no value in {rows_text(rows)}: {quoted} is not defined or too large{where}."


def _culprit(expression: Expression, columns: Mapping[str, NDArray[np.float64]]) -> Expression:
    """The smallest part of a formula that has no finite value on one row."""
    node = expression
    while True:
        bad = [part for part in node.args if not math.isfinite(evaluate(part, columns)[0])]
        if not bad:
            return node
        node = bad[0]


def front_position(formulas: Sequence[Formula], formula: Formula) -> int:
    """Position of a formula, by identity: formulas with the same function may stand at two places."""
    return next(position for position, other in enumerate(formulas) if other is formula)
