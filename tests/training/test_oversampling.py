"""The region of the worst fit, and rows drawn from it."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.training.oversampling import oversampled_rows, worst_cell


def grid() -> np.ndarray:
    return np.stack(np.meshgrid(np.linspace(0, 1, 16), np.linspace(-5, 5, 16)), axis=-1).reshape(-1, 2)


def test_worst_cell_is_where_the_residual_is_largest() -> None:
    X = grid()
    bad = (X[:, 0] > 0.88) & (X[:, 1] < -3.8)

    rows = worst_cell(X, np.where(bad, -2.0, 0.5))

    assert rows.tolist() == np.flatnonzero(bad).tolist()


def test_lone_row_does_not_count() -> None:
    X = np.append(np.linspace(0.0, 0.5, 20), 1.0)[:, None]
    residual = np.where(X[:, 0] > 0.45, 2.0, 0.1)
    residual[-1] = 100.0

    assert 20 not in worst_cell(X, residual)
    assert worst_cell(X, residual, fewest=1).tolist() == [20]


def test_lone_rows_count_where_there_are_no_others() -> None:
    assert worst_cell(np.array([[0.0], [1.0]]), np.array([0.1, -3.0])).tolist() == [1]


def test_constant_column_and_many_columns(rng: np.random.Generator) -> None:
    assert worst_cell(np.ones((4, 1)), np.arange(4.0)).tolist() == [0, 1, 2, 3]
    X = rng.normal(size=(50, 40))  # 8**40 cells, of which 50 hold rows
    assert worst_cell(X, np.arange(50.0)).tolist() == [49]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_share_of_the_rows_comes_from_the_worst_cell(share: float, rng: np.random.Generator) -> None:
    X = np.linspace(0, 1, 1000)[:, None]
    residual = np.where(X[:, 0] > 0.9, 1.0, 0.0)
    worst = worst_cell(X, residual)

    rows = oversampled_rows(X, residual, 2000, rng, share)

    assert len(rows) == 2000
    assert 0 <= rows.min() <= rows.max() < 1000
    expected = share + (1 - share) * len(worst) / 1000
    assert np.isin(rows, worst).mean() == pytest.approx(expected, abs=0.03)


def test_weights_say_which_cell_is_worst_and_rows_without_weight_are_not_drawn(rng: np.random.Generator) -> None:
    X = np.linspace(0, 1, 800)[:, None]
    weight = np.where(X[:, 0] > 0.88, 0.0, 1.0)
    weight[::2] *= 4.0
    # The largest errors stand where no row counts; of the others, most on light rows of the first cell.
    residual = np.where(X[:, 0] > 0.88, 9.0, np.where((X[:, 0] < 0.12) & (weight == 1.0), 3.0, 0.1))
    residual[(X[:, 0] > 0.5) & (X[:, 0] < 0.6) & (weight == 4.0)] = 3.0

    cell = worst_cell(X, residual, sample_weight=weight)
    rows = oversampled_rows(X, residual, 500, rng, sample_weight=weight)

    assert X[worst_cell(X, residual * (weight > 0)), 0].max() < 0.2
    assert 0.4 < X[cell, 0].min() and X[cell, 0].max() < 0.7
    assert (weight[rows] > 0).all()


def test_same_generator_same_rows() -> None:
    X = grid()
    first, second = (oversampled_rows(X, X[:, 0], 100, np.random.default_rng(3)) for _ in range(2))

    np.testing.assert_array_equal(first, second)
