"""What all estimators that end in a formula share: check, call, store."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

import closedform
from closedform.checkpoint import recording
from closedform.engines.base import Budget, Engine
from closedform.engines.images import with_own
from closedform.estimators import parameters
from closedform.estimators.continuing import check_checkpoint, lasting, recorded
from closedform.estimators.fitting import find_formulas
from closedform.estimators.frames import constants_frame, front_frame
from closedform.estimators.group_fitting import find_grouped
from closedform.estimators.outputs import all_interrupted, apart, each, earlier_formulas, next_share, together
from closedform.estimators.plan import Found, Plan
from closedform.exceptions import ConvergenceWarning, InputError, Status
from closedform.formulas import Formula, FormulaModel, Outside
from closedform.group_constants import check_groups, group_name
from closedform.insights import Insight
from closedform.outputs import FormulaModels, Index, save_any
from closedform.preprocessing import TrainingData, check_outputs
from closedform.preprocessing.measurement import with_errors
from closedform.search import Monitor
from closedform.symbolic.expression import Expression
from closedform.units.parsing import read_units

if TYPE_CHECKING:
    import sympy
    from sklearn.utils import Tags


class AbstractFormulaRegressor(RegressorMixin, BaseEstimator, ABC):
    """Regression by a search for formulas; subclasses say which engines search.

    Subclasses have at least the parameters `max_time`, `max_complexity`, `operators`, `units`, `constraints`, `form`,
    `guesses`, `loss`, `model_selection`, `holdout`, `n_jobs`, `random_state`, `progress`, `warm_start`, `checkpoint`
    and `resume`.
    """

    @abstractmethod
    def _make_engines(self) -> tuple[Engine, ...]:
        """The engines that search, in order."""

    # --- fit ----------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None, *, y_error: Any = None) -> Self:
        """Search for formulas that give `y` from the columns of `X`.

        Parameters
        ----------
        X : array of shape (n_samples, n_features), DataFrame, mapping of columns, or any narwhals-readable table
            Finite numbers. Column names become the variables of the formulas; x0, x1, ... where there are none.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target, finite. Of several columns each gets a front of its own and an equal share of the time; then
            `equations_`, `expression_`, `formulas_`, `status_`, `get_best`, `sympy`, `latex` and `latex_table` give
            lists, and `predict` gives an array of shape (n_samples, n_outputs).
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights of the rows, not all zero. They say how much a row counts in every fit; a row of weight
            2 is still one row where rows are held out, drawn or counted.
        groups : array-like of shape (n_samples,), optional
            A label for each row, such as its material or patient. Then one form is looked for that holds in all groups;
            which of its constants are the same for all and which each group has of its own is found out, by the length
            of the description. See ``formulas_[i].groups``, and pass `groups` to `predict` as well.
        y_error : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
            Standard deviations of the measurement errors of `y`, positive, in its units; instead of `sample_weight`,
            and with ``loss="squared"``. Rows count by their inverse squares, standard errors of constants rest on them
            and not on the residuals, and `formulas_` have a ``chi2``. Not together with `groups`.

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
        check_checkpoint(self.checkpoint, self.resume)
        plan = self._make_plan()
        outputs = check_outputs(X, y, sample_weight=sample_weight, estimator=type(self).__name__)
        if y_error is not None:
            parameters.check_squared("y_error", plan.loss)
            if groups is not None:
                raise InputError("y_error does not go with groups: pass sample_weight, its inverse square, instead.")
            outputs = with_errors(outputs, y_error)
        units = read_units(self.units, outputs[0].table.names, [data.target_name for data in outputs])
        plan = replace(plan, units=units)
        parameters.try_loss(plan.loss, outputs)
        grouping = None if groups is None else check_groups(groups, outputs[0].table.n_rows)
        starts = earlier_formulas(self._earlier(), outputs, self.form)
        plan, starts, recorder = recorded(self.get_params(deep=False), outputs, plan, starts, grouping)
        found: list[Found] = []
        with self._display() as monitor, recording(recorder):
            for number, (data, start) in enumerate(zip(outputs, starts, strict=True)):
                share = next_share(budget, len(outputs), found)
                watched = monitor if recorder is None else recorder.watching(number, monitor)
                told = replace(plan, monitor=watched)
                if grouping is None:
                    found.append(find_formulas(data, told, share, start))
                else:
                    found.append(find_grouped(data, *grouping, told, share, start))
        found = all_interrupted(found)
        if recorder is not None:
            stopped = any(one.status is Status.INTERRUPTED for one in found)
            recorder.finish([one.formulas for one in found], finished=not stopped)
        grouped_by = None if groups is None else group_name(groups)
        pairs = zip(outputs, found, strict=True)
        self._set_model(together([self._model_of(data, plan, one, grouped_by) for data, one in pairs]))
        for one in found:
            self._warn(one)
        return self

    def _make_plan(self) -> Plan:
        old = self._earlier()
        form, guesses = parameters.check_form(self.form), parameters.check_guesses(self.guesses)
        parameters.check_guided(form, guesses)
        # A list that can be gone through once only is one.
        operators = list(self.operators) if isinstance(self.operators, Iterator) else self.operators
        return Plan(
            engines=with_own(self._make_engines(), parameters.own_operators(operators)),
            loss=parameters.check_loss(self.loss),
            operators=parameters.check_operators(operators),
            max_complexity=parameters.check_number("max_complexity", self.max_complexity, 1, whole=True),
            holdout=parameters.check_holdout(self.holdout),
            rule=parameters.check_rule(self.model_selection),
            # The rows held out by an earlier fit stay unseen when it is continued.
            seed=old[0].seed if old else parameters.draw_seed(self.random_state),
            n_searches=old[0].n_searches if old else 0,
            constraints=parameters.check_constraints(self.constraints),
            form=form,
            guesses=guesses,
            n_jobs=parameters.check_n_jobs(self.n_jobs),
        )

    def _earlier(self) -> tuple[FormulaModel, ...]:
        """The models of an earlier fit, where this one continues it."""
        continues = parameters.check_flag("warm_start", self.warm_start) and hasattr(self, "formula_model_")
        return apart(self.formula_model_) if continues else ()

    def _display(self) -> AbstractContextManager[Monitor | None]:
        progress = parameters.check_progress(self.progress)
        if progress is True:
            from closedform.progress import live_progress

            return live_progress()
        return nullcontext(progress)

    def _model_of(self, data: TrainingData, plan: Plan, found: Found, grouped_by: str | None) -> FormulaModel:
        table = data.table
        domain = zip(table.names, table.values.min(axis=0).tolist(), table.values.max(axis=0).tolist(), strict=True)
        return FormulaModel(
            kind=type(self).__name__,
            feature_names=table.names,
            named=table.named,
            target_name=data.target_name,
            formulas=found.formulas,
            chosen=found.chosen,
            domain={name: (low, high) for name, low, high in domain},
            status=found.status,
            n_rows=table.n_rows,
            settings=parameters.to_plain(lasting(self.get_params(deep=False))),
            seed=plan.seed,
            n_searches=plan.n_searches + 1,
            version=closedform.__version__,
            units=found.units,
            insights=found.insights,
            group_name=grouped_by,
        )

    def _set_model(self, model: FormulaModel | FormulaModels) -> None:
        self.formula_model_ = model
        self.n_features_in_ = len(model.feature_names)
        self._equations: Any = None
        if model.named:
            self.feature_names_in_ = np.array(model.feature_names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _warn(self, found: Found) -> None:
        for name, error in found.failures.items():
            warnings.warn(f"engine {name!r} stopped with an error: {error}", ConvergenceWarning, stacklevel=3)
        nothing = not any(formula.expression.variables for formula in found.formulas)
        told = (Status.INTERRUPTED, Status.FAILED, Status.CONSTANT)
        if found.status in told or (nothing and found.status is not Status.CONVERGED):
            kept = " of this form" if self.form else " that keeps to the constraints" if self.constraints else ""
            # One status says so itself.
            said = not nothing or (found.status is Status.CONSTANT and not kept)
            first = "" if said else f"Nothing better than a constant{kept} was found. "
            text = f"{first}{found.status.message} {found.status.advice}"
            warnings.warn(text, ConvergenceWarning, stacklevel=3)

    # --- results ------------------------------------------------------------------------------------------------------

    @property
    def formulas_(self) -> tuple[Formula, ...]:
        """The front by growing complexity: the rows of `equations_` as records, with standard errors."""
        return self._each(lambda model, _: model.formulas)

    @property
    def insights_(self) -> tuple[Insight, ...]:
        """What was found out about the structure of the law, with the evidence."""
        return self._each(lambda model, _: model.insights)

    @property
    def expression_(self) -> Expression:
        """The chosen formula."""
        return self._each(lambda model, _: model.expression)

    @property
    def status_(self) -> Status:
        """How the search ended."""
        return self._each(lambda model, _: model.status)

    @property
    def equations_(self) -> Any:
        """The front as a table, one row per formula by growing complexity; see the class for its columns."""
        model = self._model()
        if self._equations is None:
            self._equations = [front_frame(one) for one in apart(model)]
        copies = [frame.copy() for frame in self._equations]
        return copies[0] if isinstance(model, FormulaModel) else copies

    def get_best(self) -> Any:
        """Return the row of `equations_` that was chosen."""
        fronts = self.equations_
        best = [
            front.iloc[model.chosen]
            for front, model in zip(fronts if isinstance(fronts, list) else [fronts], apart(self._model()), strict=True)
        ]
        return best if isinstance(fronts, list) else best[0]

    def constant_table(self, index: Index = None, level: float = 0.95) -> Any:
        """Return the fitted constants of a formula, from left to right, and how well the data fix them.

        Parameters
        ----------
        index : int, optional
            Row of `equations_`; the chosen one if None.
        level : float, default=0.95
            Share of cases in which an interval holds the true constant, if the form of the formula is right and errors
            are independent; between 0 and 1.

        Returns
        -------
        DataFrame
            A row for each constant that is no exact number, with the columns ``value``, ``standard_error``, ``low`` and
            ``high``. Standard errors are infinite for constants that the data do not fix, and do not know that the form
            was chosen. A list of such tables with several outputs.
        """
        return self._each(lambda model, row: constants_frame(model, row, level), index)

    def _model(self) -> FormulaModel | FormulaModels:
        check_is_fitted(self, "formula_model_")
        return self.formula_model_

    def _each(self, ask: Callable[[FormulaModel, Any], Any], index: Index = None) -> Any:
        return each(self._model(), ask, index)

    def predict(
        self, X: Any, index: Index = None, outside: Outside = "warn", groups: Any = None
    ) -> NDArray[np.float64]:
        """Return the values of a formula.

        Parameters
        ----------
        X : array of shape (n_samples, n_features), DataFrame, mapping of columns, or any narwhals-readable table
            The columns of fit time, found by name where both tables have names.
        index : int, optional
            Row of `equations_` whose formula is used; the chosen one if None. With several outputs, one for all or a
            list with one for each.
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
        DomainError
            If the formula has no value on some row, unless `outside` is ``"nan"``; with ``"raise"`` also if a row lies
            outside the learned ranges.

        Warns
        -----
        DataWarning
            If rows lie outside the learned ranges and `outside` is ``"warn"``.
        """
        model = self._model()
        return model.predict(X, index, outside, groups)  # type: ignore[arg-type]  # one output refuses a list itself

    def score(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> float:
        """Return the coefficient of determination of the chosen formula; parameters as in `fit`."""
        from sklearn.metrics import r2_score

        return float(r2_score(y, self.predict(X, groups=groups), sample_weight=sample_weight))

    def sympy(self, index: Index = None) -> sympy.Expr:
        """Return a formula of the front as a SymPy expression; the chosen one if `index` is None."""
        return self._each(lambda model, row: model.formula(row).expression.sympy(), index)

    def latex(self, index: Index = None, precision: int | None = 5) -> str:
        """Return a formula of the front in LaTeX.

        Parameters
        ----------
        index : int, optional
            Row of `equations_`; the chosen one if None.
        precision : int, default=5
            Significant digits of constants; None prints all digits.
        """
        return self._each(lambda model, row: model.formula(row).expression.latex(precision), index)

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

        wanted = None if indices is None else list(indices)
        shown = list(columns)

        def table(model: FormulaModel, _: Any) -> str:
            rows = model.formulas if wanted is None else [model.formula(index) for index in wanted]
            return latex_table(rows, precision=precision, columns=shown, target=model.target_name)

        return self._each(table)

    def save(self, path: str | Path) -> None:
        """Write the fitted model to a JSON file, which :func:`closedform.load` reads.

        Parameters
        ----------
        path : str or Path
            An existing file is replaced, at once and only when all is written. Settings that are functions or
            generators are not stored; everything that `predict` and the exports need is.
        """
        save_any(self._model(), path)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
