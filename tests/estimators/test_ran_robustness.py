"""No table of numbers, however odd, makes a fit fail or a prediction infinite; warnings are errors here."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from benchmarks.robustness import check_table, main, random_table
from hypothesis import given, settings
from hypothesis import strategies as st

from closedform.exceptions import DataWarning


@settings(max_examples=50)
@given(st.integers(0, 10**9), st.integers(20, 150), st.integers(1, 6))
def test_random_tables(seed, largest, widest):
    table = random_table(seed, largest=largest, widest=widest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        assert check_table(table) == []


def test_the_same_seed_makes_the_same_table_and_the_same_model():
    first, second = random_table(11), random_table(11)
    assert first.frame.equals(second.frame)
    np.testing.assert_array_equal(first.target, second.target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        assert check_table(random_table(11, largest=60), again=True) == []


@pytest.mark.slow
def test_two_hundred_tables(capsys):
    assert main(["--tables", "200", "--seed", "50000", "--max-seconds", "100"]) == 0
    assert " 0 failed" in capsys.readouterr().out
