"""What the RAN estimators share: settings, the way into training, and what a fitted network tells."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

import closedform
from closedform.additive.basis import NumericBasis
from closedform.additive.families import Family
from closedform.additive.fitted import FittedNetwork
from closedform.additive.model import SECOND_BLOCK, AdditiveModel
from closedform.additive.stop import Stage, Stop
from closedform.additive.table_data import Settings, TableData
from closedform.additive.train import train
from closedform.engines.base import Budget
from closedform.estimators import parameters
from closedform.estimators.ran_formula import FormulaMixin
from closedform.estimators.ran_settings import read_settings
from closedform.exceptions import ConvergenceWarning, InputError
from closedform.preprocessing import check_sample_weight, learn_columns
from closedform.preprocessing.columns import Column
from closedform.threads import limited_threads

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from closedform.inspection import EffectDisplay, OverviewDisplay, PairDisplay
    from closedform.inspection.effects import EffectData

FloatArray = NDArray[np.float64]

SHARED_PARAMETERS = """
    interactions : "auto", int, or sequence of pairs, default="auto"
        Pairs of columns that act together: as many as significance and held-out loss allow, at most so many (0 for
        none), or exactly these pairs of names (or positions).
    forced_interactions, forbidden_interactions : sequence of pairs
        Pairs that are always, or never, used.
    max_parameters : int, optional
        Largest number of stored numbers: as many pairs as it pays for beside the main effects, and no second block.
    second_block : {"auto", True, False}, default="auto"
        A second layer of rational units over the first: kept where it predicts held-out rows better.
    monotone : dict of column to {1, -1, "increasing", "decreasing"}, optional
        Columns whose effect must not fall, or rise. They take part in no pair and not in the second block.
    extrapolation : {"auto", "linear", "clip", "rational"} or dict of column to these, default="auto"
        Beyond the training range an effect goes on as a line, stays constant, or follows its formula. Pairs and second
        block stay constant unless "rational". "auto": each end of each column is judged on the training rows; where
        the outer rows are predicted better by a line from the inner ones than by a constant, the effect goes on with
        the share of its slope that was best, elsewhere it stays constant; see `extrapolation_`. Where the rows follow a
        law exactly, auto is "rational".
    categorical : "auto" or sequence of columns, default="auto"
        Columns that hold labels even if these are numbers.
    max_levels : int, default=64
        Labels of a column beyond this many, the rarest, share no effect.
    n_bags : int, default=0
        Bootstrap fits to average; their spread gives the standard errors. 0: one fit, standard errors from its
        posterior.
    max_time : float, default=300
        Seconds. What there is no time to decide (pairs, second block) is left out. Of more than 60,000 rows, so many
        are drawn for these decisions, or fewer if time is short; effects are then fitted to all rows, or to as many as
        the time allows. Pairs are made free of main parts on 20,000 rows, and importances are taken over 50,000.
    n_jobs : int or None, default=None
        Processors that may be used; -1 for all. Bags, and the folds that pairs are chosen by where rows are few, are
        then fitted side by side in threads, which pays where rows are many. The model is the same but for the last
        digits. The limit holds for numerical libraries while the fit runs. None: one at a time, threads left as they
        are. All of it is linear algebra of NumPy, so that there is no `device` to choose.
    random_state : int, RandomState or None
        Draws held-out rows, bags and the start of the second block.
    progress : None, True or callable, default=None
        True shows on standard error what is being fitted. A callable gets a :class:`closedform.additive.stop.Stage`
        whenever another part of the work begins; an exception that it raises ends the fit.
"""
"""Their part of the class docstrings."""


class AbstractRAN(FormulaMixin, BaseEstimator):
    """What regressor and classifier share."""

    _settings_names = (
        "interactions",
        "forced_interactions",
        "forbidden_interactions",
        "max_parameters",
        "second_block",
        "monotone",
        "extrapolation",
        "n_bags",
    )

    def _fit(
        self, X: Any, y: NDArray, family: Family, sample_weight: Any, target: str, classes: tuple[Any, ...]
    ) -> None:
        budget = Budget(parameters.check_max_time(self.max_time))
        seed = parameters.draw_seed(self.random_state)
        most = parameters.check_number("max_levels", self.max_levels, 2, whole=True)
        columns, encoded, named = learn_columns(
            X, categorical=self.categorical, max_levels=most, estimator=type(self).__name__
        )
        if len(encoded[0]) != len(y):
            raise InputError(
                f"Found input variables with inconsistent numbers of samples: X has {len(encoded[0])} rows, "
                f"y has {len(y)}."
            )
        settings = read_settings({name: getattr(self, name) for name in self._settings_names}, columns)
        weight = self._weights(sample_weight, y)
        data = TableData(
            encoded,
            [_levels(column) for column in columns],
            [column.name for column in columns],
            y,
            weight,
        )
        model, self.interrupted_ = self._trained(data, family, settings, seed, budget)
        self._set_network(
            FittedNetwork(
                kind=type(self).__name__,
                columns=tuple(columns),
                named=named,
                target_name=target,
                family=family,
                classes=classes,
                model=model,
                n_rows=len(y),
                settings=parameters.to_plain(self.get_params(deep=False)),
                version=closedform.__version__,
            )
        )
        if self.interrupted_:
            text = "The fit was interrupted; the effects found until then were kept. Fit again to complete them."
            warnings.warn(text, ConvergenceWarning, stacklevel=3)

    def _trained(
        self, data: TableData, family: Family, settings: Settings, seed: int, budget: Budget
    ) -> tuple[AdditiveModel, bool]:
        """The model, and whether an interruption ended the fit before everything was tried."""
        n_jobs = parameters.check_n_jobs(self.n_jobs)
        progress = parameters.check_progress(self.progress)
        with _display(progress) as monitor, limited_threads(n_jobs):

            def begin(name: str) -> None:
                if monitor is not None:
                    monitor(Stage(name, budget.elapsed(), budget.max_time))

            stop = Stop(budget.expired, budget.remaining, begin)
            settings = replace(settings, n_jobs=n_jobs or 1)
            return train(data, family, settings, np.random.default_rng(seed), stop), stop.interrupted

    def _weights(self, sample_weight: Any, y: NDArray) -> FloatArray:
        weight = check_sample_weight(sample_weight, len(y))
        if weight is None:
            return np.ones(len(y))
        return weight / weight.mean()

    def _set_network(self, network: FittedNetwork) -> None:
        self.network_ = network
        self.n_features_in_ = len(network.columns)
        if network.named:
            self.feature_names_in_ = np.array(network.feature_names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _network(self) -> FittedNetwork:
        check_is_fitted(self, "network_")
        return self.network_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    # --- results ------------------------------------------------------------------------------------------------------

    @property
    def intercept_(self) -> FloatArray:
        """Constant raw scores, shape (n_outputs,)."""
        return self._network().model.intercept

    @property
    def terms_(self) -> tuple[str, ...]:
        """Names of the effects: main effects by falling importance, then pairs ("a & b")."""
        return self._network().model.names

    @property
    def interactions_(self) -> tuple[tuple[str, str], ...]:
        """The pairs that were found, by falling importance."""
        network = self._network()
        names = network.feature_names
        pairs = [effect.columns for effect in network.model.effects if len(effect.columns) == 2]
        return tuple((names[i], names[j]) for i, j in pairs)

    @property
    def n_parameters_(self) -> int:
        """Numbers that are needed to predict."""
        return self._network().model.n_numbers

    def term_importances(self) -> pd.Series:
        """Standard deviation of each effect over the training rows, in units of the raw score; by falling size.

        The entry ``"(second block)"`` is what the effects leave out.
        """
        import pandas as pd

        network = self._network()
        names = [*network.model.names, SECOND_BLOCK]
        series = pd.Series(network.model.importances, index=names, name="importance")
        return (series if network.model.second is not None else series.iloc[:-1]).sort_values(ascending=False)

    @property
    def extrapolation_(self) -> pd.DataFrame:
        """What effects do beyond the training range: one row per numeric column that occurs.

        Columns: policy ("linear", "clip" or "rational"), below and above (share of the slope at that end with which an
        effect goes on: 1 is a line, 0 a constant; NaN where formulas are followed).
        """
        import pandas as pd

        rows = {}
        for functions in self._network().model.functions:
            if isinstance(functions.basis, NumericBasis):
                constant = (0.0, 0.0) if functions.beyond == "clip" else (np.nan, np.nan)
                rows[functions.name] = (
                    functions.beyond,
                    *(functions.kept if functions.beyond == "linear" else constant),
                )
        return pd.DataFrame.from_dict(rows, orient="index", columns=["policy", "below", "above"])

    def edit_term(self, name: str, *, factor: float) -> Self:
        """Multiply an effect by a number, in place: 0 switches it off, 1 changes nothing.

        Parameters
        ----------
        name : str
            As in `terms_`, or ``"(second block)"``.
        factor : float
            Finite.
        """
        factor = float(parameters.check_number("factor", factor, -np.inf))
        self._replace_model(self._network().model.with_factor(name, factor))
        return self

    def drop_term(self, name: str) -> Self:
        """Leave an effect out, in place.

        Parameters
        ----------
        name : str
            As in `terms_`, or ``"(second block)"``.
        """
        self._replace_model(self._network().model.without(name))
        return self

    def effects(self, X: Any = None, *, terms: Any = None, resolution: int = 40) -> list[EffectData]:
        """Return main and pair effects as data, see :func:`closedform.inspection.effects`."""
        from closedform.inspection import effects

        return effects(self._network(), X, terms=terms, resolution=resolution)

    def explain_global(self) -> pd.DataFrame:
        """Return the terms by falling importance, see :func:`closedform.inspection.explain_global`."""
        from closedform.inspection import explain_global

        return explain_global(self._network())

    def explain_local(self, X: Any) -> pd.DataFrame:
        """Return what each term adds to each row, see :func:`closedform.inspection.explain_local`."""
        from closedform.inspection import explain_local

        return explain_local(self._network(), X)

    def plot(
        self, term: str | None = None, X: Any = None, *, output: Any = None, max_terms: int = 5, ax: Axes | None = None
    ) -> OverviewDisplay | EffectDisplay | PairDisplay:
        """Draw a term, or importances and the most important terms, see :func:`closedform.inspection.plot`."""
        from closedform.inspection import plot

        return plot(self._network(), term, X, output=output, max_terms=max_terms, ax=ax)

    def _replace_model(self, model: AdditiveModel) -> None:
        self._set_network(replace(self._network(), model=model))

    def save(self, path: str | Path) -> None:
        """Write the fitted model to a JSON file, which :func:`closedform.load` reads.

        Parameters
        ----------
        path : str or Path
            An existing file is replaced, at once and only when all is written.
        """
        from closedform.network_file import save_network

        save_network(self._network(), path)


def _display(progress: Any) -> AbstractContextManager[Callable[[Stage], None] | None]:
    if progress is True:
        from closedform.progress import live_stages

        return live_stages()
    return nullcontext(progress)


def _levels(column: Column) -> int:
    """Number of levels; 0 for numbers, -1 for a column that is not used."""
    if not column.used:
        return -1
    return len(column.levels) if column.kind == "categorical" else 0
