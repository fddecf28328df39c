"""Where proposals become candidates: constants refitted, the loss measured, what is exact recognised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile

import numpy as np

from closedform.engines.base import Budget, Candidate, FloatArray, Problem
from closedform.exact import settles
from closedform.library.pool import Recipe, build
from closedform.losses import SquaredLoss
from closedform.noise_level import NoiseLevel, outliers, pattern_left
from closedform.symbolic.canonical import canonical
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression
from closedform.symbolic.metrics import description_length, numbers_length
from closedform.symbolic.refit import refit
from closedform.symbolic.simplify import in_fewer_digits, simplify
from closedform.symbolic.snap import tune

# Relative errors: below NEAR the constants are worth rounding; below EXACT nothing but rounding of float64 is left.
NEAR = 1e-9
EXACT = 1e-11
# Of formulas that leave nothing but noise: rounding a constant saves up to so many nats; a pattern less likely than
# this is one; the stage after is gone through, since products may stand for sums where the noise is no smaller than
# what they differ by; and so many nats of its numbers make it worth to look on for another: some short number is near
# any constant.
_WORTH_OF_ROUNDING = 6.0
_BY_CHANCE = 0.001
_BULK = (0.05, 0.95)
_STAGES_MORE, _NATS_FOR_A_STAGE = 2, 3.0
# Share of the variance that rounding leaves where a combination of columns is exact.
_NOTHING_LEFT = 1e-18
# A fitted constant this near to a number of so many digits may be one that rounding will recognise.
_NEARLY = 1e-8
_SIMPLE_DIGITS = 6
_FEW_CONSTANTS = 6
_QUICK_ROWS = 120
# Steps after which a proposal must have come near: there are few of one column, which get time to find their constants.
_FIRST_STEPS, _FIRST_STEPS_OF_FEW = 8, 25
_SCREEN_ROWS = 300
_FIT_ROWS = 2000
# How many proposals of a size (number of library columns; the last entry serves for all above) a stage may have judged.
# Libraries without inner constants are exact or not, so a few suffice; with inner constants, the start says less.
Quotas = tuple[int, ...]
LIBRARY_QUOTAS: Quotas = (60, 10, 20, 8)
GRID_QUOTAS: Quotas = (60, 100, 80, 25)
SHORT_QUOTAS: Quotas = (20,)
NOISY_QUOTAS: Quotas = (36,)
PAIR_QUOTAS: Quotas = (60, 10, 60)
LONG_QUOTAS: Quotas = (60, 200, 600, 200)


def _unchanged(recipe: Recipe) -> Recipe:
    """The recipe as it came."""
    return recipe


@dataclass(frozen=True, eq=False)
class Proposal:
    """A formula with rough constants, not yet built: most proposals of a stage are never looked at.

    Parameters
    ----------
    recipe : recipe
        The formula, or what stands inside its outermost unit.
    promise : float
        Estimated share of the variance left unexplained; proposals of one size are judged in the order of it.
    size : int
        Number of library columns; small proposals are judged first.
    outer : callable
        The whole formula from ``recipe``.
    target : ndarray of shape (n_rows,), optional
        What ``recipe`` should be on the screening rows: it is trained there first, which is easier than through the
        outermost unit.
    rank : float, optional
        Order among proposals of one size where it is not that of ``promise``: with noise, length of the description.
    slack : float
        By which factor fitting may still lower ``promise``; no such limit is known where constants have to be trained.
    """

    recipe: Recipe
    promise: float = 1.0
    size: int = 0
    outer: Callable[[Recipe], Recipe] = _unchanged
    target: FloatArray | None = None
    rank: float | None = None
    slack: float = float("inf")

    def expression(self) -> Expression:
        """The whole formula."""
        return build(self.outer(self.recipe))


@dataclass(frozen=True)
class Errors:
    """What a formula leaves to be explained; infinite where it is not defined on all rows.

    Parameters
    ----------
    exactness : float
        Root mean squared error over the spread of the target, whatever the loss.
    standing : float
        Root of the loss over the loss of the mean: what formulas are ranked by. The same for the squared loss.
    """

    exactness: float
    standing: float

    @property
    def finite(self) -> bool:
        """Whether both are numbers."""
        return bool(np.isfinite(self.exactness) and np.isfinite(self.standing))


@dataclass
class Workspace:
    """One problem being worked on.

    Parameters
    ----------
    problem : Problem
        The problem.
    budget : Budget
        The time left.
    rng : numpy.random.Generator
        Chooses the rows on which proposals are screened.
    engine : str
        Name under which candidates are reported.
    level : NoiseLevel, optional
        The noise in the target, where more is known than the rows of the problem alone can say.
    """

    problem: Problem
    budget: Budget
    rng: np.random.Generator
    engine: str
    solved: bool = False
    level: NoiseLevel | None = None
    best: dict[int, float] = field(default_factory=dict)
    _seen: set[Expression] = field(default_factory=set)
    _proposed: dict[int, Expression] = field(default_factory=dict)
    _shortest: float = float("inf")
    _told: float = float("inf")
    _all_but_noise: Candidate | None = None
    _stages_left: int | None = None
    _postponed: list[Expression] = field(default_factory=list)

    def __post_init__(self) -> None:
        order, weight = self.rng.permutation(self.problem.n_samples), self.problem.sample_weight
        counting = order if weight is None else order[weight[order] > 0]
        self.fitted = _without_outliers(self.problem.rows(np.sort(counting[:_FIT_ROWS])))
        self.screened = np.sort(self.rng.permutation(self.fitted.n_samples)[:_SCREEN_ROWS])
        self.screen = self.fitted.rows(self.screened)
        self.quick = self.screen.rows(np.arange(min(_QUICK_ROWS, self.screen.n_samples)))

    def judge_all(self, proposals: Iterable[Proposal], quotas: Quotas) -> Iterator[Candidate]:
        """Judge the most promising proposals, small ones first; stops when the problem is solved or time is up.

        What leaves nothing unexplained comes before all others. A good approximation of many parts must not keep a law
        of few parts waiting, so each size has its own quota.
        """
        made = takewhile(lambda _: not self.budget.expired(), proposals)
        ordered = sorted(made, key=_order)
        judged = dict.fromkeys((proposal.size for proposal in ordered), 0)
        for proposal in ordered:
            if self.solved or self.budget.expired():
                return
            if judged[proposal.size] >= quotas[min(proposal.size, len(quotas) - 1)]:
                continue
            expression = proposal.expression()
            # Nodes are shared, so that identity is the cheapest test for having been here before.
            if id(expression) not in self._proposed and self._hopeful(proposal, expression):
                self._proposed[id(expression)] = expression
                judged[proposal.size] += 1
                steps = _FIRST_STEPS if proposal.size > 1 else _FIRST_STEPS_OF_FEW
                yield from self.judge(self._trained_inside(proposal, expression), steps)

    def _hopeful(self, proposal: Proposal, expression: Expression) -> bool:
        """Whether fitting might make it the best of its size."""
        return proposal.promise < proposal.slack * self._record(expression.complexity) ** 2

    def judge(self, expression: Expression, first_steps: int = _FIRST_STEPS) -> Iterator[Candidate]:
        """The proposal with fitted constants, if it is new and good enough for its size.

        Parameters
        ----------
        expression : Expression
            The proposal.
        first_steps : int, default=8
            Steps of its fit to a few rows, after which it has to be near what is known.
        """
        expression = canonical(expression)
        if not self._admissible(expression):
            return
        self._seen.add(expression)
        # A few steps on a few rows tell whether the rest is worth the time.
        for problem, max_iter in ((self.quick, first_steps), (self.screen, 60), (self.fitted, 60)):
            expression = self._fitted(expression, problem, max_iter)
            reached = self.errors(expression, problem)
            if not reached.finite:
                return
            if reached.exactness > EXACT and reached.standing > 1.5 * self._record(expression.complexity):
                return
        if reached.exactness < NEAR and _looks_like_a_law(expression):
            yield from self._polish(expression)
        elif self._may_be_all(expression, reached):
            yield from self._settle(expression)
        else:
            if reached.exactness < NEAR:
                self._postponed.append(expression)
            yield from self._report(simplify(expression, self.problem.domain, use_sympy=False), expression)

    def judge_postponed(self) -> Iterator[Candidate]:
        """Close approximations by many constants, which take long to round and seldom turn out to be laws."""
        while self._postponed and not (self.solved or self.budget.expired()):
            yield from self._polish(self._postponed.pop(0))

    def errors(self, expression: Expression, problem: Problem) -> Errors:
        """How far a formula is from exact, and how it stands by the loss of the problem."""
        values = evaluate(expression, problem.columns)
        residual = values - problem.y
        if not np.isfinite(residual).all():
            return Errors(float("inf"), float("inf"))
        exactness = _weighted_rms(residual / problem.scale, problem.sample_weight)
        if isinstance(problem.loss, SquaredLoss):
            return Errors(exactness, exactness)
        loss = float(problem.loss.value(problem.y, values, problem.sample_weight))
        return Errors(exactness, float(np.sqrt(loss / _loss_of_the_mean(problem))))

    def _trained_inside(self, proposal: Proposal, expression: Expression) -> Expression:
        """The proposal after some steps on its inner part, if that has constants to train."""
        if proposal.target is None or not expression.constants:
            return expression
        target = proposal.target[: self.quick.n_samples]
        fitted = refit(build(proposal.recipe), self.quick.columns, target, max_iter=20)
        return build(proposal.outer(fitted.expression)) if np.isfinite(fitted.loss) else expression

    def _admissible(self, expression: Expression) -> bool:
        if expression in self._seen or not expression.variables:
            return False
        # Fitting prunes and rounding simplifies, so proposals may start above the limit that results must keep.
        if expression.complexity > 2 * self.problem.max_complexity:
            return False
        return self.problem.admits_form(expression)

    def _fitted(self, expression: Expression, problem: Problem, max_iter: int) -> Expression:
        if not expression.constants:
            return expression
        return refit(
            expression, problem.columns, problem.y, weights=problem.sample_weight, loss=problem.loss, max_iter=max_iter
        ).expression

    def _record(self, complexity: int) -> float:
        """The best standing of any formula that is not larger."""
        return min((standing for size, standing in self.best.items() if size <= complexity), default=float("inf"))

    def _polish(self, expression: Expression) -> Iterator[Candidate]:
        tuned = self._tuned(expression)
        simple = simplify(tuned, self.problem.domain, use_sympy=False)
        for candidate in self._report(simple, tuned, expression):
            yield candidate
            self.solved = self.solved or settles(candidate.expression, self.problem)

    def _may_be_all(self, expression: Expression, reached: Errors) -> bool:
        """Whether a formula leaves no more than the noise, and its description could become the shortest so far."""
        level = self.level or self.fitted.noise
        if not level.settled or not level.explains((reached.exactness * self.fitted.scale) ** 2, self.fitted.n_samples):
            return False
        return self._length(expression) - _WORTH_OF_ROUNDING * expression.n_constants < self._shortest

    def _settle(self, expression: Expression) -> Iterator[Candidate]:
        """Round the constants of a formula that leaves nothing but noise, and say how much longer to look on."""
        tuned = self._tuned(expression)
        simple = in_fewer_digits(simplify(tuned, self.problem.domain, use_sympy=False), tuned)
        for candidate in self._report(simple, tuned, expression):
            yield candidate
            length = self._length(candidate.expression)
            residual = self.fitted.y - evaluate(candidate.expression, self.fitted.columns)
            n_fitted = candidate.expression.n_constants
            if length < self._shortest and self._is_noise(residual, n_fitted):
                self._shortest, self._all_but_noise = length, candidate
                told = numbers_length(candidate.expression)
                self._stages_left = _STAGES_MORE + round(told / _NATS_FOR_A_STAGE)

    def _tuned(self, expression: Expression) -> Expression:
        fitted, loss = self.fitted, self.problem.loss
        weights, noise = fitted.sample_weight, fitted.sigma
        # How it is spelled matters for what is shown: that is for the end of the search.
        return tune(
            expression, fitted.columns, fitted.y, weights=weights, loss=loss, noise=noise, respell=False
        ).expression

    def _is_noise(self, residual: FloatArray, n_fitted: int) -> bool:
        if not np.isfinite(residual).all():
            return False
        # Beside a pole a few rows are all that a sum of squares sees: the bulk of the rows is asked as well.
        bulk = np.clip(residual, *np.quantile(residual, _BULK))
        X, weight = self.fitted.X, self.fitted.sample_weight
        return all(pattern_left(X, rest, weight, n_fitted=n_fitted) > _BY_CHANCE for rest in (residual, bulk))

    def _length(self, expression: Expression) -> float:
        """Nats of formula and residuals on the rows that are fitted."""
        fitted = self.fitted
        error = self.errors(expression, fitted).exactness
        return description_length(expression, fitted.n_samples, error * error, variance=1.0)

    def last_word(self) -> Iterator[Candidate]:
        """The formula that ended the work because it leaves nothing but noise, if one did."""
        if self.solved and self._all_but_noise is not None:
            yield replace(self._all_but_noise, settled=True)

    def stage_done(self) -> None:
        """Count a stage: after a formula that explains all but the noise, only a few more are worth the time."""
        if self._stages_left is not None:
            self._stages_left -= 1
            self.solved |= self._stages_left <= 0

    def _report(self, *versions: Expression) -> Iterator[Candidate]:
        """The first version that is defined on all rows and within the limits, if it is the best of its size."""
        problem = self.problem
        for version in versions:
            expression, reached = version, self.errors(version, problem)
            if version.complexity > problem.max_complexity or not reached.finite:
                continue
            if not self._counts(version, reached):
                return
            admitted = problem.admitted(version)
            if admitted is None:
                continue
            if admitted is not version:
                expression, reached = admitted, self.errors(admitted, problem)
            if self._counts(expression, reached):
                self.best[expression.complexity] = min(reached.standing, self._record(expression.complexity))
                self._told = min(self._told, self._length(expression))
                values = evaluate(expression, problem.columns)
                loss = float(problem.loss.value(problem.y, values, problem.sample_weight))
                yield Candidate(expression, loss, expression.complexity, self.engine, self.budget.elapsed())
            return

    def _counts(self, expression: Expression, reached: Errors) -> bool:
        """Whether a formula is the best of its size, or described in fewer words than any so far."""
        return reached.standing < self._record(expression.complexity) or self._length(expression) < self._told


def _order(proposal: Proposal) -> tuple[bool, int, float]:
    rank = proposal.promise if proposal.rank is None else proposal.rank
    return proposal.promise > _NOTHING_LEFT, proposal.size, rank


def _without_outliers(problem: Problem) -> Problem:
    """The rows that sums of squares may be taken over: all, unless the loss says that some are not to be trusted."""
    if isinstance(problem.loss, SquaredLoss):
        return problem
    far = outliers(problem.X, problem.y, problem.sample_weight)
    return problem.rows(np.flatnonzero(~far)) if far.any() else problem


def _loss_of_the_mean(problem: Problem) -> float:
    mean = np.full(problem.n_samples, np.average(problem.y, weights=problem.sample_weight))
    loss = float(problem.loss.value(problem.y, mean, problem.sample_weight))
    return loss if loss > 0 and np.isfinite(loss) else 1.0


def _weighted_rms(values: FloatArray, weight: FloatArray | None) -> float:
    return float(np.sqrt(np.average(values * values, weights=weight)))


def _looks_like_a_law(expression: Expression) -> bool:
    """Whether the constants are few, or at least half of them numbers that somebody would write down."""
    constants = expression.constants
    simple = sum(abs(float(f"{value:.{_SIMPLE_DIGITS}g}") - value) <= _NEARLY * abs(value) for value in constants)
    return len(constants) <= _FEW_CONSTANTS or 2 * simple >= len(constants)
