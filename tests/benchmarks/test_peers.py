"""Other tools as estimators: their texts are read as what they compute; each installed one finds a product."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
from benchmarks.peers import Peer, from_calls, from_numpy
from benchmarks.scoring_tree import read_formula

from benchmarks import peers

NAMES = ("x0", "x1")
ROWS = {"x0": np.array([0.5, -2.0, 3.0]), "x1": np.array([1.5, 0.25, -4.0])}


def values(text):
    return read_formula(text, NAMES).values(ROWS)


def test_calls_become_operators_and_protected_functions_what_they_compute():
    text = from_calls("add(mul(x0, -0.5), sqrt(div(square(x1), log(sub(x0, 10.0)))))")
    expected = ROWS["x0"] * -0.5 + np.sqrt(np.abs(ROWS["x1"] ** 2 / np.log(np.abs(ROWS["x0"] - 10.0))))
    np.testing.assert_allclose(values(text), expected)


def test_numpy_text_gets_its_constants_and_names():
    text = from_numpy("np.exp(t[0] * x[:, 1]) / (x[:,0] ** 2 + t[1])", [-0.25, 1.5])
    np.testing.assert_allclose(values(text), np.exp(-0.25 * ROWS["x1"]) / (ROWS["x0"] ** 2 + 1.5))


def test_a_peer_speaks_of_the_columns_whatever_they_are_called():
    frame = pd.DataFrame({"exp": [1.0, 2.0, 3.0], "x0": [4.0, 5.0, 6.0]})
    peer = Peer(lambda X, y: "x0**2 + 0.5*x1").fit(frame, [3.0, 6.5, 12.0])
    assert peer.equation_ == "`exp`**2 + 0.5*`x0`"
    np.testing.assert_allclose(peer.predict(frame), [3.0, 6.5, 12.0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["pyoperon", "gplearn", "eggp", "psrn", "jaxsr", "ffx"])
def test_an_installed_tool_fits_a_product(name):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.uniform(1.0, 5.0, (200, 2)), columns=["q", "E"])
    y = (0.5 * frame["q"] * frame["E"]).to_numpy()
    peer = getattr(peers, name)(max_time=3, random_state=0).fit(frame, y)
    assert np.corrcoef(peer.predict(frame), y)[0, 1] > 0.9
