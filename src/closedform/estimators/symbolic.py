"""The general search for a formula."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import closedform.engines
from closedform.engines import get_engine
from closedform.engines.base import Engine
from closedform.estimators.base import AbstractFormulaRegressor
from closedform.estimators.parameters import check_device
from closedform.exceptions import InputError

# What "auto" stands for, in order, with settings that keep engines from doing what another one has done: the networks
# of LIES start from random weights where the screen has been at work before.
_AUTO: Mapping[str, Mapping[str, Any]] = {
    "screen": {},
    "structure": {},
    "enumerate": {},
    "rational": {},
    "lies": {"init": "random"},
}


class SymbolicRegressor(AbstractFormulaRegressor):
    """Regression by formulas: a search with one or several engines for the laws behind a table.

    Parameters
    ----------
    engines : "auto", or sequence of str or Engine, default="auto"
        Who searches: names in :data:`closedform.engines.ENGINES` or objects, such as ``LIESEngine(depth=3)``, which
        carry the settings of an engine. They share the time, side by side or one after the other (`n_jobs`); those that
        build on others come last, and what one leaves over goes to the next. ``"auto"`` stands for all of them.
    max_time : float, default=60.0
        Seconds for the whole fit, above 0; kept within 10 % plus one second. The search may end earlier.
    max_complexity : int, default=60
        Largest formula, in nodes; at least 1.
    operators : sequence of str or OwnOperator, default=None
        What a formula may contain besides sums, products and whole powers, see
        :data:`closedform.symbolic.OPERATORS`; None allows all but ``sign``, ``min`` and ``max``. One of your own, see
        :func:`closedform.operators.own_operator`, is put into the list itself; ``...`` stands for the default ones.
    units : mapping of str to str, default=None
        Units of columns and target, such as ``{"m": "kg", "v": "m/s", "energy": "J"}``, read by pint (the extra
        ``units``); columns without one are pure numbers. Formulas that add up different quantities are no candidates.
        Fitted constants are pure numbers, unless the data show that the columns alone cannot make up the law; then
        constants may carry units, see `insights_`. None checks nothing.
    constraints : sequence of Constraint or str, default=None
        What every formula has to keep to, such as ``[Monotone("dose"), Bounds(low=0), Forbidden("sin")]``; see
        :mod:`closedform.constraints`, also for what is proven and what is checked.
    form : str, default=None
        The form of the law as far as it is known, such as ``"A*exp(-k*t) + c"`` or ``"a*f(x) + b*z"``. Names that are
        not columns are free constants; with parentheses, they are unknown functions of columns, or of formulas of
        columns, that are searched for one by one. Without unknown functions the constants are fitted and nothing is
        searched. All formulas but the constant have this form.
    guesses : sequence of str or Expression, default=None
        Formulas to start from, such as ``["2.0*x*exp(-0.5*t)"]``. Numbers with a point are fitted, whole numbers and
        fractions stay; then terms, factors and combinations of their parts are sought that improve them.
    loss : str, Loss or callable, default="squared"
        What is minimised: ``"squared"``, ``"absolute"``, ``"huber"``, ``"exp"``, an object from
        :mod:`closedform.losses`, or a function that takes ``y`` and ``y_pred`` and returns the loss of each row.
        Residuals are in the units of the target.
    model_selection : {"mdl", "best", "accuracy"} or callable, default="mdl"
        How the formula for `predict` is chosen from the front. ``"mdl"``: the shortest description of formula,
        constants and residuals; where there are at most 1,000 rows with noise, the residuals are those of rows that the
        constants were fitted without, and of formulas that these cannot tell apart the one with the fewest constants
        is taken. ``"best"``: the largest score among formulas with nearly the smallest loss. ``"accuracy"``: the
        smallest loss. A callable gets the rows of `formulas_` and returns one of them.
    holdout : float, default=0.2
        Share of the rows, from 0 to 0.9, that is used neither to find nor to choose formulas but to measure
        ``holdout_loss``; only the last fit of the constants takes them in. None of fewer than 12 rows are held out.
    n_jobs : int or None, default=None
        Processors that may be used; -1 for all. Engines then work side by side, the first in the calling process and
        the others, from the third second on, in processes of their own, which end with the fit; each keeps BLAS, OpenMP
        and torch to its share of the threads. None is the safe choice inside other parallel work: one engine at a time,
        no other process, threads left as they are. The limit of threads holds for the calling process while the fit
        runs, and what was set before comes back. Processors beyond the number of engines serve as threads, whose number
        may change the last digits.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where networks with random start are trained and the screen looks at all pairs of its columns; ``"auto"`` is
        the CPU, which such small networks like best.
    random_state : int, RandomState, Generator or None, default=None
        Makes fits repeatable, whatever `n_jobs`, as long as they do not run into `max_time`; then the same formulas
        come in the same order, but perhaps fewer. NumPy's global state is not touched.
    progress : None, True or callable, default=None
        True shows the front as it grows, on standard error. A callable gets a :class:`closedform.search.Progress`
        whenever the front changes; an exception that it raises ends the fit.
    warm_start : bool, default=False
        Whether `fit` goes on from the formulas of the last fit. The same rows stay held out.
    checkpoint : str, Path or None, default=None
        File that is kept up to date with the front of the search, every two seconds.
    resume : bool, default=False
        Whether `fit` goes on from `checkpoint`, which must belong to the same data and settings; where there is no such
        file it starts anew. Without it, the checkpoint of a fit that did not come to its end is not overwritten.

    Attributes
    ----------
    equations_ : DataFrame
        One row per formula of the front, by growing complexity. ``complexity``: nodes. ``loss``: mean loss on the rows
        that were not held out; ``holdout_loss``: on those that were (NaN if none); both before the last fit of the
        constants to all rows. ``score``: fall of log(loss) per unit of complexity. ``equation``: text that
        ``Expression.parse`` reads. ``sympy_format``, ``latex``: the same for others. ``engine``, ``seconds``: who found
        it, and when; ``short forms`` are lines in transformed axes and products of powers that the choice among few
        rows knows by itself. ``exact``: whether it is claimed to be the law itself: the rounding of numbers alone is
        left, also on the outer half of the rows when the constants are fitted on the inner half, and no other formula
        of the front does that with fewer constants. For numbers beyond 1e100 or below 1e-100 losses are those of the
        target times a power of ten.
    expression_ : Expression
        The chosen formula.
    formulas_ : tuple of Formula
        The rows of `equations_` as records, with the standard errors of their constants.
    status_ : Status
        How the search ended.
    formula_model_ : FormulaModel
        All of this without scikit-learn and pandas: what a model file holds.
    insights_ : tuple of Insight
        What was found out about the structure of the law, with the evidence: columns that do not matter, that matter
        only together, that can be separated; see :class:`closedform.insights.Insight`.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of str
        Their names; only if they have any.

    See Also
    --------
    LIESRegressor : The LIES engine alone, with all its options.

    Examples
    --------
    >>> import numpy as np
    >>> from closedform import SymbolicRegressor
    >>> height = np.linspace(1.0, 50.0, 40)
    >>> model = SymbolicRegressor(max_time=10, random_state=0).fit({"height": height}, 0.45 * np.sqrt(height))
    >>> print(model.expression_)
    0.45*sqrt(height)
    >>> model.predict({"height": [4.0, 9.0]})
    array([0.9 , 1.35])
    """

    def __init__(
        self,
        engines: Any = "auto",
        *,
        max_time: float = 60.0,
        max_complexity: int = 60,
        operators: Any = None,
        units: Any = None,
        constraints: Any = None,
        form: str | None = None,
        guesses: Any = None,
        loss: Any = "squared",
        model_selection: Any = "mdl",
        holdout: float = 0.2,
        n_jobs: int | None = None,
        device: str = "auto",
        random_state: Any = None,
        progress: Any = None,
        warm_start: bool = False,
        checkpoint: Any = None,
        resume: bool = False,
    ) -> None:
        self.engines = engines
        self.max_time = max_time
        self.max_complexity = max_complexity
        self.operators = operators
        self.units = units
        self.constraints = constraints
        self.form = form
        self.guesses = guesses
        self.loss = loss
        self.model_selection = model_selection
        self.holdout = holdout
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state
        self.progress = progress
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.resume = resume

    def _made(self, engine: Any, **settings: Any) -> Engine:
        """The engine, with the settings of this search if it comes by name; one that is given keeps its own."""
        device, made = check_device(self.device), get_engine(engine, **settings)
        if isinstance(engine, str) and dataclasses.is_dataclass(made) and hasattr(made, "device"):
            return dataclasses.replace(made, device=device)
        return made

    def _make_engines(self) -> tuple[Engine, ...]:
        if isinstance(self.engines, str) and self.engines == "auto":
            known = closedform.engines.ENGINES
            return tuple(self._made(name, **settings) for name, settings in _AUTO.items() if name in known)
        if isinstance(self.engines, str) or isinstance(self.engines, Engine) or not isinstance(self.engines, Iterable):
            raise InputError(f'engines must be "auto" or a list such as ["lies"], got {self.engines!r}.')
        engines = tuple(self._made(engine) for engine in self.engines)
        if not engines:
            raise InputError('engines must name at least one engine, such as ["lies"], got an empty list.')
        return engines
