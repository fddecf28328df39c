"""An estimator that checks its data with nothing but this package meets scikit-learn's expectations."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from closedform.preprocessing import check_X, check_X_y


class LeastSquares(RegressorMixin, BaseEstimator):
    """Weighted linear least squares, the shortest estimator that is one."""

    def fit(self, X, y, sample_weight=None):
        data = check_X_y(X, y, sample_weight=sample_weight, estimator="LeastSquares")
        self.n_features_in_ = data.table.n_columns
        self.names_, self.named_ = data.table.names, data.table.named
        if self.named_:
            self.feature_names_in_ = np.array(data.table.names, dtype=object)
        root = np.sqrt(np.ones(len(data.y)) if data.sample_weight is None else data.sample_weight)
        design = np.column_stack([np.ones(len(data.y)), data.table.values])
        self.coef_ = np.linalg.lstsq(design * root[:, None], data.y * root, rcond=None)[0]
        return self

    def predict(self, X):
        check_is_fitted(self)
        table = check_X(X, feature_names=self.names_, named=self.named_, estimator="LeastSquares")
        return self.coef_[0] + table.values @ self.coef_[1:]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([LeastSquares()])
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)
