"""Named formulas: they parse, they sample, and their ranges stay inside their domains."""

from __future__ import annotations

import numpy as np
import pytest

from closedform.datasets import get_formula, list_formulas, make_formula
from closedform.exceptions import InputError, NotSupportedError
from closedform.symbolic.evaluate import evaluate_with_ok

NAMES = list_formulas()


def test_the_collections_are_complete():
    sizes = {"koza": 3, "nguyen": 12, "keijzer": 15, "korns": 15, "livermore": 22, "jin": 6, "vladislavleva": 8}
    sizes |= {"constant": 8, "r": 3, "pagie": 1, "feynman": 100, "strogatz": 14, "laws": 32, "functions": 5}
    assert {name: len(list_formulas(name)) for name in sizes} == sizes
    assert len(NAMES) == len(set(NAMES)) == sum(sizes.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_formula_samples_finite_numbers_in_its_ranges(name, rng):
    formula = get_formula(name)
    X, y = make_formula(name, n_samples=60, rng=rng)
    assert X.shape == (60, len(formula.variables)) and y.shape == (60,)
    assert np.isfinite(X).all() and np.isfinite(y).all() and np.ptp(y) > 0
    lows, highs = [r.low for r in formula.ranges], [r.high for r in formula.ranges]
    assert (X >= np.multiply(lows, 1 - 1e-12) - 1e-300).all() or min(lows) < 0
    assert (X <= np.array(highs) * (1 + 1e-12)).all() or max(highs) <= 0
    if name != "Keijzer-6":
        assert set(formula.expression.variables) == set(formula.variables)
        values, ok = evaluate_with_ok(formula.expression, {n: X[:, j] for j, n in enumerate(formula.variables)})
        assert ok.all()
        np.testing.assert_array_equal(values, y)


def test_known_values():
    rng = np.random.default_rng(0)
    X, y = make_formula("Nguyen-7", 50, rng=rng)
    np.testing.assert_allclose(y, np.log(X[:, 0] + 1) + np.log(X[:, 0] ** 2 + 1), rtol=1e-13)
    X, y = make_formula("I.9.18", 50, rng=rng)
    m1, m2, g, x1, x2, y1, y2, z1, z2 = X.T
    np.testing.assert_allclose(y, g * m1 * m2 / ((x2 - x1) ** 2 + (y2 - y1) ** 2 + (z2 - z1) ** 2), rtol=1e-13)
    X, y = make_formula("Keijzer-6", 50, rng=rng)
    np.testing.assert_allclose(y, [sum(1 / i for i in range(1, int(x) + 1)) for x in X[:, 0]], rtol=1e-13)


def test_whole_numbers_and_logarithmic_ranges(rng):
    X, _ = make_formula("Keijzer-7", 3000, rng=rng)
    assert set(X[:, 0]) == set(range(1, 101))
    X, _ = make_formula("blasius_friction", 4000, rng=rng)
    assert np.median(np.log10(X)) == pytest.approx((np.log10(4e3) + 5) / 2, abs=0.05)


def test_same_seed_same_data_and_no_global_state():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = make_formula("I.12.1", 20, noise=0.1, rng=7), make_formula("I.12.1", 20, noise=0.1, rng=7)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_noise_is_a_fraction_of_the_root_mean_square():
    X, clean = make_formula("I.12.1", 20000, rng=1)
    _, noisy = make_formula("I.12.1", 20000, noise=0.1, rng=1)
    assert np.std(noisy - clean) == pytest.approx(0.1 * np.sqrt(np.mean(clean**2)), rel=0.03)
    assert X.shape == (20000, 2)


def test_frames_carry_the_names():
    X, y = make_formula("II.34.11", 5, rng=0, as_frame=True)
    assert X.columns.tolist() == ["g", "q", "B", "m"] and y.name == "y"


@pytest.mark.parametrize("name", ["nguyen-7", "Nguyen 7", "NGUYEN_7"])
def test_names_are_found_however_they_are_written(name):
    assert get_formula(name).name == "Nguyen-7"
    assert get_formula("Feynman-I.12.1").name == "I.12.1"


def test_wrong_requests():
    with pytest.raises(InputError, match=r"no formula called 'Nguyen-77' \(did you mean 'Nguyen-7'\?\); list_formulas"):
        make_formula("Nguyen-77")
    with pytest.raises(InputError, match=r"no collection 'nguyn' \(did you mean 'nguyen'\?\)"):
        list_formulas("nguyn")
    with pytest.raises(InputError, match="n_samples must be at least 1, got 0"):
        make_formula("Nguyen-7", 0)
    with pytest.raises(InputError, match="noise must be a finite fraction >= 0"):
        make_formula("Nguyen-7", noise=-1)
    with pytest.raises(NotSupportedError, match="Keijzer-6 is harmonic"):
        _ = get_formula("Keijzer-6").expression
