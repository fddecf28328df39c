"""`RANRegressor` and `RANClassifier`: Rational ANOVA Networks with scikit-learn's interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin

from closedform.additive.families import Binary, Classes, Family, regression_family
from closedform.estimators import parameters
from closedform.estimators.ran_base import SHARED_PARAMETERS, AbstractRAN
from closedform.exceptions import InputError
from closedform.preprocessing import check_target_classes, check_target_numbers
from closedform.preprocessing.checks import refuse_no_target, target_name

FloatArray = NDArray[np.float64]


class RANRegressor(RegressorMixin, AbstractRAN):
    __doc__ = f"""Additive regression with rational effects: main effects, sparse pairs, a second block if it helps.

    ``y = intercept + sum_i f_i(x_i) + sum_(i,j) f_ij(x_i, x_j) (+ second block)``, every part a rational function
    without poles. Columns may be numbers, labels, dates, truth values, and may have missing cells.

    Parameters
    ----------
    loss : {{"squared", "huber", "quantile", "poisson"}}, default="squared"
        What is minimised; with "poisson" the effects add up to the logarithm of the mean.
    quantile : float, default=0.5
        Which quantile, for ``loss="quantile"``; between 0 and 1.
    {SHARED_PARAMETERS.strip()}

    Attributes
    ----------
    intercept_ : ndarray of shape (1,)
    terms_ : tuple of str
    interactions_ : tuple of pairs of str
    n_parameters_ : int
    extrapolation_ : DataFrame
        What effects do beyond the training range.
    interrupted_ : bool
        Whether Ctrl-C ended the fit before everything was tried.
    network_ : FittedNetwork
        The fitted pieces, without torch and scikit-learn.

    References
    ----------
    "Rational ANOVA Networks", arXiv 2602.04006.

    Examples
    --------
    >>> import numpy as np
    >>> from closedform import RANRegressor
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 2))
    >>> model = RANRegressor(random_state=0).fit(X, X[:, 0] ** 2 + X[:, 0] * X[:, 1])
    >>> model.interactions_
    (('x0', 'x1'),)
    """

    def __init__(
        self,
        *,
        loss: str = "squared",
        quantile: float = 0.5,
        interactions: Any = "auto",
        forced_interactions: Sequence[Any] = (),
        forbidden_interactions: Sequence[Any] = (),
        max_parameters: int | None = None,
        second_block: Any = "auto",
        monotone: Any = None,
        extrapolation: Any = "auto",
        categorical: Any = "auto",
        max_levels: int = 64,
        n_bags: int = 0,
        max_time: float = 300.0,
        n_jobs: int | None = None,
        random_state: Any = None,
        progress: Any = None,
    ) -> None:
        self.loss = loss
        self.quantile = quantile
        self.interactions = interactions
        self.forced_interactions = forced_interactions
        self.forbidden_interactions = forbidden_interactions
        self.max_parameters = max_parameters
        self.second_block = second_block
        self.monotone = monotone
        self.extrapolation = extrapolation
        self.categorical = categorical
        self.max_levels = max_levels
        self.n_bags = n_bags
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the network. After Ctrl-C, what was found until then is kept, with a warning.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Any narwhals-readable table, array, mapping of columns or list of rows; cells may be missing.
        y : array-like of shape (n_samples,)
            Numbers, finite; counts of at least 0 for ``loss="poisson"``.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights, not all zero.

        Raises
        ------
        InputError
            For data or settings that cannot be used.
        """
        refuse_no_target(y, type(self).__name__)
        level = parameters.check_number("quantile", self.quantile, 0.0, 1.0)
        family = regression_family(self.loss, level)
        name = target_name(y)
        target = check_target_numbers(y, name=name, estimator=type(self).__name__)
        if self.loss == "poisson" and target.min() < 0:
            raise InputError(
                f"loss='poisson' needs counts of at least 0, but '{name}' has {target.min():g} in row "
                f"{int(np.argmin(target)) + 1}. Use loss='squared', or correct the target."
            )
        self._fit(X, target, family, sample_weight, name, ())
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the predicted mean (median and so on for ``loss="quantile"``) of each row.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The columns of fit time, by name where both have names. A label never seen adds nothing.
        """
        return self._network().mean(X)[:, 0]


class RANClassifier(ClassifierMixin, AbstractRAN):
    __doc__ = f"""Additive classification with rational effects on the logit.

    With two classes there is one raw score, the logit of ``classes_[1]``; with more, one per class.

    Parameters
    ----------
    class_weight : "balanced", dict or None, default=None
        Weights of classes, multiplied with the sample weights.
    {SHARED_PARAMETERS.strip()}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    intercept_ : ndarray of shape (n_outputs,)
    terms_ : tuple of str
    interactions_ : tuple of pairs of str
    n_parameters_ : int
    extrapolation_ : DataFrame
        What effects do beyond the training range.
    interrupted_ : bool
        Whether Ctrl-C ended the fit before everything was tried.
    network_ : FittedNetwork
        The fitted pieces, without torch and scikit-learn.

    References
    ----------
    "Rational ANOVA Networks", arXiv 2602.04006.
    """

    def __init__(
        self,
        *,
        class_weight: Any = None,
        interactions: Any = "auto",
        forced_interactions: Sequence[Any] = (),
        forbidden_interactions: Sequence[Any] = (),
        max_parameters: int | None = None,
        second_block: Any = "auto",
        monotone: Any = None,
        extrapolation: Any = "auto",
        categorical: Any = "auto",
        max_levels: int = 64,
        n_bags: int = 0,
        max_time: float = 300.0,
        n_jobs: int | None = None,
        random_state: Any = None,
        progress: Any = None,
    ) -> None:
        self.class_weight = class_weight
        self.interactions = interactions
        self.forced_interactions = forced_interactions
        self.forbidden_interactions = forbidden_interactions
        self.max_parameters = max_parameters
        self.second_block = second_block
        self.monotone = monotone
        self.extrapolation = extrapolation
        self.categorical = categorical
        self.max_levels = max_levels
        self.n_bags = n_bags
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the network. After Ctrl-C, what was found until then is kept, with a warning.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Any narwhals-readable table, array, mapping of columns or list of rows; cells may be missing.
        y : array-like of shape (n_samples,)
            Labels: text, numbers or truth values; at least two different ones.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights, not all zero.

        Raises
        ------
        InputError
            For data or settings that cannot be used.
        """
        refuse_no_target(y, type(self).__name__)
        name = target_name(y)
        codes, classes = check_target_classes(y, name=name, estimator=type(self).__name__)
        if self.monotone and len(classes) > 2:
            raise InputError(
                f"monotone needs two classes, but there are {len(classes)}: with more, each has a score of its own. "
                "Leave the constraint out, or put classes together."
            )
        self.classes_ = classes
        family: Family = Binary() if len(classes) == 2 else Classes(len(classes))
        self._fit(X, codes.astype(np.float64), family, sample_weight, name, tuple(classes.tolist()))
        return self

    def _weights(self, sample_weight: Any, y: NDArray) -> FloatArray:
        weight = super()._weights(sample_weight, y)
        if self.class_weight is None:
            return weight
        from sklearn.utils.class_weight import compute_sample_weight

        labels = self.classes_[y.astype(np.intp)]
        weight = weight * compute_sample_weight(self.class_weight, labels)
        return weight / weight.mean()

    def decision_function(self, X: Any) -> FloatArray:
        """Return raw scores: shape (n_samples,) for two classes, else (n_samples, n_classes)."""
        raw = self._network().raw(X)
        return raw[:, 0] if len(self.classes_) == 2 else raw

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of each class, shape (n_samples, n_classes), columns as `classes_`."""
        return self._network().probabilities(X)

    def predict(self, X: Any) -> NDArray:
        """Return the most probable class of each row."""
        probability = self.predict_proba(X)
        return self.classes_[np.argmax(probability, axis=1)]
