"""The estimators meet scikit-learn's expectations, with searches small enough for so many fits."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from closedform import LIESRegressor, SymbolicRegressor
from toy_engines import AffineEngine

# Small enough to try everything long before the time is up: then fits are repeatable.
LIES = LIESRegressor(
    "screened",
    max_terms=1,
    library_size=10,
    log_space=False,
    operators=["add", "mul"],
    max_complexity=5,
    random_state=0,
)
SYMBOLIC = SymbolicRegressor(engines=(AffineEngine(),), max_time=5, random_state=0)

# Check -> why it cannot hold.
EXPECTED_FAILURES: dict[str, str] = {
    "check_sample_weight_equivalence_on_dense_data": "its target is noise, and whether rows support a formula is asked "
    "of held-out rows, of which a row that stands there twice is two and a row of weight 2 is one",
}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([LIES, SYMBOLIC], expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)
