"""What all estimators that end in a formula share: check, call, store."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

import closedform
from closedform.engines.base import Budget, Engine
from closedform.estimators import parameters
from closedform.estimators.fitting import BASELINE, Found, Plan, find_formulas
from closedform.exceptions import ConvergenceWarning, InputError, Status
from closedform.formulas import Formula, FormulaModel, Outside
from closedform.losses import get_loss
from closedform.model_file import save_model
from closedform.preprocessing import TrainingData, check_X_y
from closedform.search import Monitor
from closedform.symbolic.expression import Expression

if TYPE_CHECKING:
    import pandas as pd
    import sympy


class AbstractFormulaRegressor(RegressorMixin, BaseEstimator, ABC):
    """Regression by a search for formulas; subclasses say which engines search.

    Subclasses have at least the parameters `max_time`, `max_complexity`, `operators`, `loss`, `model_selection`,
    `holdout`, `n_jobs`, `random_state`, `progress` and `warm_start`.
    """

    @abstractmethod
    def _make_engines(self) -> tuple[Engine, ...]:
        """The engines that search, in order."""

    # --- fit ----------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Search for formulas that give `y` from the columns of `X`.

        Parameters
        ----------
        X : array of shape (n_samples, n_features), DataFrame, mapping of columns, or any narwhals-readable table
            Finite numbers. Column names become the variables of the formulas; x0, x1, ... where there are none.
        y : array-like of shape (n_samples,)
            Target, finite.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights of the rows, not all zero. They say how much a row counts in every fit; a row of weight
            2 is still one row where rows are held out, drawn or counted.

        Returns
        -------
        self
            Also after Ctrl-C: what was found until then is kept.

        Raises
        ------
        InputError
            For data or settings that cannot be used.

        Warns
        -----
        DataWarning
            If the data are odd: a constant column or target, very many columns, very large or very small numbers.
        ConvergenceWarning
            If the search was interrupted, an engine failed, or nothing better than a constant was found.
        """
        budget = Budget(parameters.check_max_time(self.max_time))
        parameters.check_progress(self.progress)
        plan = self._make_plan()
        data = check_X_y(X, y, sample_weight=sample_weight, estimator=type(self).__name__)
        start = self._start(data, plan)
        with self._display() as monitor:
            found = find_formulas(data, replace(plan, monitor=monitor), budget, start)
        self._store(data, plan, found)
        self._warn(found)
        return self

    def _make_plan(self) -> Plan:
        old = self.formula_model_ if self._continues() else None
        return Plan(
            engines=self._make_engines(),
            loss=get_loss(self.loss),
            operators=parameters.check_operators(self.operators),
            max_complexity=parameters.check_number("max_complexity", self.max_complexity, 1, whole=True),
            holdout=parameters.check_holdout(self.holdout),
            rule=parameters.check_rule(self.model_selection),
            # The rows held out by an earlier fit stay unseen when it is continued.
            seed=parameters.draw_seed(self.random_state) if old is None else old.seed,
            n_searches=0 if old is None else old.n_searches,
            n_threads=parameters.check_n_jobs(self.n_jobs),
        )

    def _continues(self) -> bool:
        return parameters.check_flag("warm_start", self.warm_start) and hasattr(self, "formula_model_")

    def _start(self, data: TrainingData, plan: Plan) -> list[Expression]:
        """The formulas that an earlier fit found, where this one continues it."""
        if not plan.n_searches:
            return []
        old = self.formula_model_
        if data.table.names != old.feature_names:
            raise InputError(
                f"warm_start=True continues a fit on the columns {', '.join(old.feature_names)}, but X has "
                f"{', '.join(data.table.names)}. Pass the same columns, or set warm_start=False."
            )
        usable = set(data.varying.names)
        return [
            one.expression
            for one in old.formulas
            if one.engine != BASELINE and usable.issuperset(one.expression.variables)
        ]

    def _display(self) -> AbstractContextManager[Monitor | None]:
        progress = parameters.check_progress(self.progress)
        if progress is True:
            from closedform.progress import live_progress

            return live_progress()
        return nullcontext(progress)

    def _store(self, data: TrainingData, plan: Plan, found: Found) -> None:
        table = data.table
        domain = zip(table.names, table.values.min(axis=0).tolist(), table.values.max(axis=0).tolist(), strict=True)
        self._set_model(
            FormulaModel(
                kind=type(self).__name__,
                feature_names=table.names,
                named=table.named,
                target_name=data.target_name,
                formulas=found.formulas,
                chosen=found.chosen,
                domain={name: (low, high) for name, low, high in domain},
                status=found.status,
                n_rows=table.n_rows,
                settings=parameters.to_plain(self.get_params(deep=False)),
                seed=plan.seed,
                n_searches=plan.n_searches + 1,
                version=closedform.__version__,
            )
        )

    def _set_model(self, model: FormulaModel) -> None:
        self.formula_model_ = model
        self.n_features_in_ = len(model.feature_names)
        self._equations: pd.DataFrame | None = None
        if model.named:
            self.feature_names_in_ = np.array(model.feature_names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _warn(self, found: Found) -> None:
        for name, error in found.failures.items():
            warnings.warn(f"engine {name!r} stopped with an error: {error}", ConvergenceWarning, stacklevel=3)
        nothing = all(formula.engine == BASELINE for formula in found.formulas)
        if found.status in (Status.INTERRUPTED, Status.FAILED) or (nothing and found.status is not Status.CONVERGED):
            first = "Nothing better than a constant was found. " if nothing else ""
            text = f"{first}{found.status.message} {found.status.advice}"
            warnings.warn(text, ConvergenceWarning, stacklevel=3)

    # --- results ------------------------------------------------------------------------------------------------------

    @property
    def formulas_(self) -> tuple[Formula, ...]:
        """The front by growing complexity: the rows of `equations_` as records, with standard errors."""
        return self._model().formulas

    @property
    def expression_(self) -> Expression:
        """The chosen formula."""
        return self._model().expression

    @property
    def status_(self) -> Status:
        """How the search ended."""
        return self._model().status

    @property
    def equations_(self) -> pd.DataFrame:
        """The front as a table, one row per formula by growing complexity; see the class for its columns."""
        model = self._model()
        if self._equations is None:
            self._equations = _frame(model)
        return self._equations.copy()

    def get_best(self) -> pd.Series:
        """Return the row of `equations_` that was chosen."""
        return self.equations_.iloc[self._model().chosen]

    def _model(self) -> FormulaModel:
        check_is_fitted(self, "formula_model_")
        return self.formula_model_

    def predict(self, X: Any, index: int | None = None, outside: Outside = "warn") -> NDArray[np.float64]:
        """Return the values of a formula.

        Parameters
        ----------
        X : array of shape (n_samples, n_features), DataFrame, mapping of columns, or any narwhals-readable table
            The columns of fit time, found by name where both tables have names.
        index : int, optional
            Row of `equations_` whose formula is used; the chosen one if None.
        outside : {"warn", "nan", "raise", "ignore"}, default="warn"
            What happens with rows outside the ranges that the formula was learned on, by more than a tenth of the
            width of a range: the value and a warning, NaN, an error, or the value and nothing. Where the formula has
            no value at all, such as the logarithm of a negative number, only ``"nan"`` gives NaN; the others raise.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        DomainError
            If the formula has no value on some row, unless `outside` is ``"nan"``; with ``"raise"`` also if a row lies
            outside the learned ranges.

        Warns
        -----
        DataWarning
            If rows lie outside the learned ranges and `outside` is ``"warn"``.
        """
        return self._model().predict(X, index, outside)

    def sympy(self, index: int | None = None) -> sympy.Expr:
        """Return a formula of the front as a SymPy expression; the chosen one if `index` is None."""
        return self._model().formula(index).expression.sympy()

    def latex(self, index: int | None = None, precision: int | None = 5) -> str:
        """Return a formula of the front in LaTeX.

        Parameters
        ----------
        index : int, optional
            Row of `equations_`; the chosen one if None.
        precision : int, default=5
            Significant digits of constants; None prints all digits.
        """
        return self._model().formula(index).expression.latex(precision)

    def latex_table(
        self,
        indices: Iterable[int] | None = None,
        precision: int | None = 5,
        columns: Iterable[str] = ("equation", "complexity", "loss"),
    ) -> str:
        """Return the front as a LaTeX table, see :func:`closedform.symbolic.export.latex_table`.

        Parameters
        ----------
        indices : iterable of int, optional
            Rows of `equations_`; all if None.
        precision : int, default=5
            Significant digits of numbers; None prints all digits.
        columns : iterable of str
            What to show, in this order.
        """
        from closedform.symbolic.export import latex_table

        model = self._model()
        rows = model.formulas if indices is None else [model.formula(index) for index in indices]
        return latex_table(rows, precision=precision, columns=columns, target=model.target_name)

    def save(self, path: str | Path) -> None:
        """Write the fitted model to a JSON file, which :func:`closedform.load` reads.

        Parameters
        ----------
        path : str or Path
            An existing file is replaced, at once and only when all is written. Settings that are functions or
            generators are not stored; everything that `predict` and the exports need is.
        """
        save_model(self._model(), path)


def _frame(model: FormulaModel) -> pd.DataFrame:
    import pandas as pd

    rows = model.formulas
    return pd.DataFrame(
        {
            "complexity": [row.complexity for row in rows],
            "loss": [row.loss for row in rows],
            "holdout_loss": [row.holdout_loss for row in rows],
            "score": [row.score for row in rows],
            "equation": [str(row.expression) for row in rows],
            "sympy_format": [row.expression.sympy() for row in rows],
            "latex": [row.expression.latex(5) for row in rows],
            "engine": [row.engine for row in rows],
            "seconds": [row.seconds for row in rows],
            "exact": [row.exact for row in rows],
        }
    )
