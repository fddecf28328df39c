"""What every rewriting of a formula has to keep: the values, wherever they mean something."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from closedform.symbolic import Expression
from strategies import reference_values

N_TRIALS = 8
# Results outside this range lose digits, or vanish, on another way of computing them.
SMALLEST, LARGEST = 1e-250, 1e250


def trusted_rows(expression: Expression, columns: Mapping[str, np.ndarray], step: float = 1e-12) -> np.ndarray:
    """Return the rows where any correct way of computing the formula gives the same to about 1e-9.

    The value must be defined, no result on the way may under- or overflow, and moving every intermediate result
    by a relative `step` must not matter.
    """
    n_rows = len(next(iter(columns.values())))
    rng = np.random.default_rng(2)
    centre = _values(expression, columns, lambda: np.zeros(n_rows))
    trusted = np.isfinite(centre)
    for _ in range(N_TRIALS):
        moved = _values(expression, columns, lambda: step * rng.choice([-1.0, 1.0], size=n_rows))
        with np.errstate(all="ignore"):
            trusted &= np.abs(moved - centre) <= 1e-10 * np.abs(centre)
    return trusted


def _values(expression: Expression, columns: Mapping[str, np.ndarray], noise) -> np.ndarray:
    def value(node: Expression, args: tuple[np.ndarray, ...]) -> np.ndarray:
        if node.kind != "apply":
            return (
                columns[node.name]
                if node.kind == "variable"
                else np.full_like(next(iter(columns.values())), node.value)
            )
        result = np.broadcast_to(node.op.numpy(*args), next(iter(columns.values())).shape).astype(float)
        size = np.abs(result)
        bad = (size > LARGEST) | ((size < SMALLEST) & (size > 0)) | np.any([~np.isfinite(arg) for arg in args], axis=0)
        # A zero that no argument explains is an underflow.
        if node.op.name in {"exp", "pow", "div"}:
            bad |= (size == 0) & (args[0] != 0)
        # The digits of sin(pi) are those of the rounding of pi.
        if node.op.name in {"sin", "cos", "tan", "add", "sub"}:
            bad |= (size < 1e-9 * np.max(np.abs(args), axis=0)) & (size > 0)
        if node.op.name == "mul":
            bad |= (size == 0) & np.all([arg != 0 for arg in args], axis=0)
        return np.where(bad, np.nan, result) * (1 + noise())

    with np.errstate(all="ignore"):
        return expression.fold(value)


def assert_same_values(before: Expression, after: Expression, columns: Mapping[str, np.ndarray]) -> None:
    """Check that a rewriting is defined where the formula was, and agrees with it to 1e-9."""
    rows = trusted_rows(before, columns)
    old, new = reference_values(before, columns)[rows], reference_values(after, columns)[rows]
    message = f"{before}\nbecame\n{after}"
    assert np.all(np.isfinite(new)), f"{message}\nwhich is undefined on {np.sum(~np.isfinite(new))} rows"
    np.testing.assert_allclose(new, old, rtol=1e-9, atol=0, err_msg=message)
