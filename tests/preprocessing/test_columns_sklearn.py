"""Estimators that learn their columns and targets with nothing but this package meet scikit-learn's expectations."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from closedform.preprocessing import (
    check_sample_weight,
    check_target_classes,
    check_target_numbers,
    encode,
    learn_columns,
)


class _Linear(BaseEstimator):
    """Weighted linear least squares on the encoded columns; a missing cell counts as 0."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _learn(self, X):
        self.columns_, encoded, self.named_ = learn_columns(X, estimator=type(self).__name__)
        self.n_features_in_ = len(self.columns_)
        if self.named_:
            self.feature_names_in_ = np.array([column.name for column in self.columns_], dtype=object)
        return self._design(encoded)

    def _design(self, encoded):
        return np.column_stack([np.ones(len(encoded[0])), *map(np.nan_to_num, encoded)])

    def _solve(self, design, target, sample_weight):
        if len(target) != len(design):
            raise ValueError("X and y differ in their number of rows")
        weight = check_sample_weight(sample_weight, len(design))
        root = np.sqrt(np.ones(len(design)) if weight is None else weight)[:, None]
        self.coef_ = np.linalg.lstsq(design * root, target * root, rcond=None)[0]

    def _raw_prediction(self, X):
        check_is_fitted(self)
        encoded = encode(self.columns_, X, named=self.named_, estimator=type(self).__name__)
        return self._design(encoded) @ self.coef_


class LinearRegressor(RegressorMixin, _Linear):
    def fit(self, X, y, sample_weight=None):
        target = check_target_numbers(y, estimator="LinearRegressor")
        self._solve(self._learn(X), target[:, None], sample_weight)
        return self

    def predict(self, X):
        return self._raw_prediction(X)[:, 0]


class LinearClassifier(ClassifierMixin, _Linear):
    def fit(self, X, y, sample_weight=None):
        codes, self.classes_ = check_target_classes(y, estimator="LinearClassifier")
        self._solve(self._learn(X), np.eye(len(self.classes_))[codes], sample_weight)
        return self

    def predict(self, X):
        check_is_fitted(self)
        return self.classes_[np.argmax(self._raw_prediction(X), axis=1)]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([LinearRegressor(), LinearClassifier()])
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)
