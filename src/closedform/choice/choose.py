"""The choice for a small table with noise, and what is done to the front for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedform.choice.folds import Folds, folds_of
from closedform.choice.judged import Judged, form_length, judge, near_enough, simplest_of_the_best
from closedform.choice.lengths import by_errors, fitted_length
from closedform.choice.short_forms import short_forms
from closedform.choice.variants import variants, with_its_own_size
from closedform.engines.base import Budget, Candidate, Problem
from closedform.finish import Rows, loss_floor, loss_of, refitted, scored, squared_error, values_on
from closedform.formulas import Formula
from closedform.library.pool import FREE
from closedform.losses import SquaredLoss
from closedform.symbolic.canonical import canonical
from closedform.symbolic.expression import Expression, apply, constant
from closedform.symbolic.idle import without_idle_terms
from closedform.symbolic.metrics import target_scale
from closedform.symbolic.pareto import scores
from closedform.symbolic.simplify import simplify

MOST_ROWS = 1000
"""With more rows the error on the rows that were fitted is as good a judge, and refits take long."""

SHORT = "short forms"
"""Name under which a formula stands on the front that no engine proposed."""

# Of more rows than this so many are drawn: fits take long, and formulas that cannot be told apart by them are as good.
_ROWS_TO_JUDGE, _SEED = 300, 0
_FEWEST_ROWS = 8
# Relative error below which the data count as free of noise: there the test for laws has the word. Formulas with more
# constants than one for so many rows do not count: they reach any error.
_NO_NOISE, _ROWS_FOR_A_CONSTANT = 1e-6, 3
_SHORT_FORMS = 8
# Nats by which a formula may be longer than the best, judged by rows that it was fitted to, to be judged by others;
# and how many are.
_HOPELESS, _MOST_JUDGED = 40.0, 16
# Of the time that is left, the share in which they are judged as they are; simpler versions get the rest.
_SHARE_TO_JUDGE = 0.6
# The formulas that simpler versions are made of, how near to the best they are, and the nats that such a version may
# cost: five are strong evidence (Kass and Raftery 1995, doi:10.1080/01621459.1995.10476572), and with the ends each row
# is told 1.4 times.
_MOST_SIMPLIFIED, _WITHIN, _COST_OF_ROUNDING = 4, 12.0, 7.0


def choose_on_held_out_rows(
    formulas: Sequence[Formula], chosen: int, whole: Problem, rows: Rows, budget: Budget, *, propose: bool = True
) -> tuple[list[Formula], int]:
    """Choose again, by rows that constants were not fitted to, where a table is small and has noise.

    Parameters
    ----------
    formulas : sequence of Formula
        The front.
    chosen : int
        The choice so far.
    whole : Problem
        All rows.
    rows : Rows
        Those that were held out stay unseen.
    budget : Budget
        What it does not last for is not considered.
    propose : bool, default=True
        Whether short forms take part that no engine has proposed.

    Returns
    -------
    formulas : list of Formula
        The front. If no engine had proposed the chosen formula, it takes the place of the one of its size.
    chosen : int
        Its position.
    """
    train = whole.rows(rows.train)
    if not _is_small_and_noisy(formulas, train):
        return list(formulas), chosen
    some = _some(train)
    weighted = _weighted([formula.expression for formula in formulas], some)
    short = short_forms(weighted, _SHORT_FORMS) if propose else []
    best, parent = _best(formulas, short, some, weighted, budget)
    known = [position for position, formula in enumerate(formulas) if formula.expression is best]
    if known or best is None:
        return list(formulas), known[0] if known else chosen
    return _with(formulas, refitted(best, train), parent, whole, rows, budget)


def _is_small_and_noisy(formulas: Sequence[Formula], train: Problem) -> bool:
    if not _FEWEST_ROWS <= train.n_samples <= MOST_ROWS or not isinstance(train.loss, SquaredLoss):
        return False
    if any(formula.exact for formula in formulas):
        return False
    few = [one.expression for one in formulas if _ROWS_FOR_A_CONSTANT * one.expression.n_constants <= train.n_samples]
    least = min((squared_error(expression, train) for expression in few), default=np.inf)
    return bool(least > (_NO_NOISE * target_scale(train.y, train.sample_weight)) ** 2)


def _best(
    formulas: Sequence[Formula], short: Sequence[Expression], train: Problem, weighted: Problem, budget: Budget
) -> tuple[Expression | None, Formula | None]:
    """The best formula, and the one of the front that it is a simpler version of, if it is."""
    front = {with_its_own_size(formula.expression, train): formula for formula in formulas}
    known = {_skeleton(expression) for expression in front}
    new = [form for form in short if _skeleton(form) not in known]
    # A curve of as many constants as this goes through so few rows whatever they are.
    few = [
        one for one in dict.fromkeys([*front, *new]) if _ROWS_FOR_A_CONSTANT * (one.n_constants - 1) < train.n_samples
    ]
    everything = near_enough(few, train)
    used = {name for expression in everything for name in expression.variables}
    folds = folds_of(train, [name for name in train.names if name in used])
    jury = _Jury(train, weighted, folds, budget.expired)
    judged = jury.judged(everything, budget.share(_SHARE_TO_JUDGE).expired)
    if not judged:
        return None, None
    parents = jury.simplified(list(judged))
    best = simplest_of_the_best(list(parents))
    parent = front.get(judged[parents[best]])
    return judged[best] if best in judged else best.expression, parent


def _skeleton(expression: Expression) -> Expression:
    """The formula whatever its factors and offsets are, rounded or not."""

    def freed(node: Expression, args: tuple[Expression, ...]) -> Expression:
        if not args:
            return node
        if node.op.name in ("add", "mul"):
            args = tuple(constant(FREE) if not arg.variables else arg for arg in args)
        return apply(node.op, *args)

    canonical_form = canonical(expression).fold(freed)
    return canonical_form.with_constants([FREE] * canonical_form.n_constants)


def _some(train: Problem) -> Problem:
    """As many rows as it takes to tell formulas apart."""
    if train.n_samples <= _ROWS_TO_JUDGE:
        return train
    drawn = np.random.default_rng(_SEED).choice(train.n_samples, _ROWS_TO_JUDGE, replace=False, shuffle=False)
    return train.rows(np.sort(drawn))


def _weighted(expressions: Sequence[Expression], train: Problem) -> Problem:
    """The rows with weights as their errors ask for, seen by the formula that describes them best."""
    best = min(expressions, key=lambda one: _fitted_length(one, train))
    values = values_on(best, train)
    return by_errors(train, values) if np.isfinite(values).all() else train


def _never() -> bool:
    return False


@dataclass(frozen=True, eq=False)
class _Jury:
    """What formulas are judged by: rows, also with weights for the fit of constants, what is left out, the clock."""

    train: Problem
    weighted: Problem
    folds: Folds
    expired: Callable[[], bool]

    def judge(self, expression: Expression, expired: Callable[[], bool]) -> Judged | None:
        return judge(expression, self.train, self.folds, expired, self.weighted)

    def judged(self, expressions: Sequence[Expression], expired: Callable[[], bool]) -> dict[Judged, Expression]:
        """The formulas that have a chance, those that fit best first, and what they came as."""
        fair = {expression: self._fairly_fitted(expression, expired) for expression in expressions}
        fits = {expression: _fitted_length(fair[expression], self.weighted) for expression in expressions}
        judged: dict[Judged, Expression] = {}
        least = np.inf
        for expression in sorted(expressions, key=fits.__getitem__):
            if judged and (expired() or fits[expression] > least + _HOPELESS or len(judged) == _MOST_JUDGED):
                break
            one = self.judge(fair[expression], expired if judged else _never)
            if one is not None:
                judged[one] = expression
                least = min(least, one.form + float(one.lengths.inside.sum()))
        return judged

    def _fairly_fitted(self, expression: Expression, expired: Callable[[], bool]) -> Expression:
        if self.weighted is self.train or expired():
            return expression
        return refitted(expression, self.weighted)

    def simplified(self, judged: Sequence[Judged]) -> dict[Judged, Judged]:
        """The formulas, those among the best replaced by simpler versions that explain the rows nearly as well.

        With what each of them was before.
        """
        ordered = sorted(judged, key=lambda one: one.total)
        parents = {one: one for one in ordered}
        known = {_skeleton(one.expression) for one in ordered if one.total <= ordered[0].total + _COST_OF_ROUNDING}
        for one in ordered[:_MOST_SIMPLIFIED]:
            if one.total > ordered[0].total + _WITHIN or self.expired():
                break
            new = [version for version in variants(one.found, self.weighted) if _skeleton(version) not in known]
            tried = [self.judge(version, self.expired) for version in new]
            near = [other for other in tried if other is not None and _replaces(other, one)]
            if near:
                del parents[one]
                parents[min(near, key=lambda other: (other.expression.n_constants, other.total))] = one
        return parents


def _fitted_length(expression: Expression, train: Problem) -> float:
    values = values_on(expression, train)
    if not np.isfinite(values).all():
        return float("inf")
    return form_length(expression, train) + fitted_length(values, train)


def _replaces(simpler: Judged, one: Judged) -> bool:
    fewer = simpler.expression.n_constants < one.expression.n_constants
    return fewer and simpler.total <= one.total + _COST_OF_ROUNDING


def _with(
    formulas: Sequence[Formula],
    expression: Expression,
    parent: Formula | None,
    whole: Problem,
    rows: Rows,
    budget: Budget,
) -> tuple[list[Formula], int]:
    """The front with one more formula, instead of the one of its size and of the one that it comes from."""
    searched = whole.rows(rows.search)
    moving = without_idle_terms(expression, searched.columns, searched.y)
    if moving is not expression:
        expression = simplify(moving, whole.domain, use_sympy=False)
    engine, seconds = (SHORT, budget.elapsed()) if parent is None else (parent.engine, parent.seconds)
    candidate = Candidate(expression, loss_of(expression, searched), expression.complexity, engine, seconds)
    new = scored(candidate, searched, whole, rows)
    others = [one for one in formulas if one.complexity != new.complexity and one is not parent]
    front = sorted([*others, new], key=lambda formula: formula.complexity)
    chosen = next(position for position, formula in enumerate(front) if formula is new)
    steps = scores(front, loss_floor(whole))
    return [replace(formula, score=step) for formula, step in zip(front, steps, strict=True)], chosen
