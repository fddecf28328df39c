"""Round the constants of a fitted formula to simple numbers, as far as the data allow it.

A constant may become an integer, a small fraction, a multiple of pi, a simple root or a decimal with few digits, see
:mod:`closedform.symbolic._simple_numbers`. The simplest proposal within the reach of the data is taken first; after
each one the other constants are fitted again, so that only jointly possible numbers survive. Exponents come first,
then constants inside functions, then those that enter linearly: the former decide what the latter mean.

Two regimes:

- Data without noise (relative error at most `tol_rel`): the error must stay at that level.
- Data with noise: a number must lie within about two standard errors of the constant, and the description of formula,
  constants and residuals together must become shorter (Bartlett, Desmond, Ferreira 2023, arXiv:2211.11461). The second
  rule is what keeps a pretty number out where the data know little: there, some simple number is always near.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from closedform.losses import Loss
from closedform.symbolic._snap_search import Judge, State, on_other_rows, search
from closedform.symbolic._snap_together import shortest
from closedform.symbolic.expression import Expression
from closedform.symbolic.linear_part import merge_constants
from closedform.symbolic.refit import FitData, refit

# The search uses at most this many rows, fewer where there is no noise; its result has to stand on all of them.
_MOST_ROWS = 20_000
_MOST_CLEAN_ROWS = 2_000


@dataclass(frozen=True)
class SnapResult:
    """What :func:`snap` made of a formula.

    Attributes
    ----------
    expression : Expression
        The formula with simple numbers where the data allow them. Integers, fractions, roots and multiples of pi are
        exact; decimals and constants that stayed as they were are floats.
    loss : float
        Mean loss on all rows; `inf` if the formula is undefined on some row.
    standard_errors : tuple of float or None
        One for each constant of ``expression``, those rounded to decimals included; None where `loss` is infinite.
    n_snapped : int
        How many constants were rounded.
    alternatives : tuple of (Expression, float)
        Formula and loss before rounding and after each round of it; the last one is the result.
    """

    expression: Expression
    loss: float
    standard_errors: tuple[float, ...] | None
    n_snapped: int
    alternatives: tuple[tuple[Expression, float], ...]

    @property
    def snapped(self) -> bool:
        """Whether any constant was rounded."""
        return self.n_snapped > 0


def snap(
    expression: Expression,
    columns: Any,
    y: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    loss: str | Loss = "squared",
    noise: float | None = None,
    tol_rel: float = 1e-9,
    max_fits: int = 100,
    respell: bool = True,
) -> SnapResult:
    """Round the free constants of a formula to simple numbers where the data allow it, refitting the others.

    Parameters
    ----------
    expression : Expression
        A formula that has been fitted; it is fitted once more to begin with.
    columns : mapping of str to array-like of shape (n_samples,)
        Values of its variables.
    y : array-like of shape (n_samples,)
        Target.
    weights : array-like of shape (n_samples,), optional
        Non-negative weights of the rows.
    loss : str or Loss, default="squared"
        What the refits minimise.
    noise : float, optional
        Standard deviation of the noise in `y`, if known; else the residuals say.
    tol_rel : float, default=1e-9
        Root mean squared error relative to the spread of the target up to which the data count as free of noise.
    max_fits : int, default=100
        Refits to spend.
    respell : bool, default=True
        Whether, with noise, the formula is also tried with its constants at other places: ``log(1 + x/0.56)``.

    Returns
    -------
    SnapResult
        The formula itself, refitted, if nothing can be rounded. Subexpressions without variables count as one constant;
        terms whose constant becomes 0 and factors that become 1 vanish.

    Raises
    ------
    InputError
        For a target or weights that cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from closedform.symbolic import Expression
    >>> x = np.linspace(0.1, 3.0, 50)
    >>> y = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    >>> print(snap(Expression.parse("0.4*exp(-0.51*x**1.99) + 0.01"), {"x": x}, y).expression)
    1/sqrt(2*pi)*exp((-1/2)*x**2)
    """
    problem = FitData.checked(expression, columns, y, weights, loss)
    start = State.first(problem, problem.fit(merge_constants(expression))[0])
    judge = Judge.of(problem, start, noise, tol_rel)
    if judge is None:
        return _result(problem, [start])
    part = problem.thinned(_MOST_CLEAN_ROWS if judge.clean else _MOST_ROWS)
    found = search(part, start.expression, noise, tol_rel, max_fits)
    if not judge.clean:
        found = shortest(part, found, noise, tol_rel, respell)
    if part is not problem:
        found = [start, *[on_other_rows(problem, state) for state in found[1:]]]
        if not judge.accepts(start, found[-1]):
            found = search(problem, start.expression, noise, tol_rel, max_fits)
    return _result(problem, found)


def _result(problem: FitData, states: list[State]) -> SnapResult:
    chain = tuple((state.finished(), problem.loss_of(state.values)) for state in states)
    expression, loss = chain[-1]
    errors = problem.result(expression, states[-1].values, True).standard_errors
    return SnapResult(expression, loss, errors, states[-1].n_snapped, chain)


@dataclass(frozen=True)
class Tuned:
    """A formula with its constants as good, and as simple, as the data allow; see :func:`tune`.

    Attributes
    ----------
    expression : Expression
        The formula.
    loss : float
        Mean loss on all rows; `inf` if the formula is undefined on some row.
    mse : float
        Mean squared error on all rows, whatever the loss.
    standard_errors : tuple of float or None
        One for each constant of ``expression``.
    snapped : bool
        Whether any constant was rounded.
    alternatives : tuple of (Expression, float)
        See :class:`SnapResult`.
    """

    expression: Expression
    loss: float
    mse: float
    standard_errors: tuple[float, ...] | None
    snapped: bool
    alternatives: tuple[tuple[Expression, float], ...]


def tune(
    expression: Expression,
    columns: Any,
    y: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    loss: str | Loss = "squared",
    restarts: int = 0,
    rng: np.random.Generator | None = None,
    noise: float | None = None,
    tol_rel: float = 1e-9,
    max_iter: int = 100,
    respell: bool = True,
) -> Tuned:
    """Refit, round, refit what is left: the constants that a candidate formula deserves.

    Parameters
    ----------
    expression, columns, y, weights, loss, restarts, rng, max_iter
        As in :func:`~closedform.symbolic.refit.refit`.
    noise, tol_rel, respell
        As in :func:`snap`.

    Returns
    -------
    Tuned
    """
    fitted = refit(expression, columns, y, weights=weights, loss=loss, restarts=restarts, rng=rng, max_iter=max_iter)
    done = snap(
        fitted.expression, columns, y, weights=weights, loss=loss, noise=noise, tol_rel=tol_rel, respell=respell
    )
    problem = FitData.checked(done.expression, columns, y, weights, "squared")
    mse = done.loss if loss == "squared" else problem.loss_of(problem.values(done.expression))
    return Tuned(done.expression, done.loss, mse, done.standard_errors, done.snapped, done.alternatives)
