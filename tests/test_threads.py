"""Limits on the threads of numerical libraries: kept within the block, gone after it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from closedform.threads import limited_threads, torch_threads


def blas_threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    """More than one to begin with, so that a limit of one is seen."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_limit_holds_within_the_block_only():
    blas = blas_threads()
    with limited_threads(1):
        assert torch.get_num_threads() == 1
        assert blas_threads() == {1}
    assert torch.get_num_threads() == 2
    assert blas_threads() == blas


def test_none_changes_nothing():
    with limited_threads(None), torch_threads():
        assert torch.get_num_threads() == 2


def test_an_error_ends_the_limit():
    with pytest.raises(KeyboardInterrupt), limited_threads(1):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2


def test_torch_that_is_loaded_within_the_block_is_told():
    with limited_threads(1):
        torch.set_num_threads(2)  # as if it had just been loaded
        with torch_threads():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 2
