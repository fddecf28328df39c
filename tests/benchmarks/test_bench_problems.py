import numpy as np
import pytest
from benchmarks.problems import Problem, Variable, choose, read_variables

HEADER = "set,name,n_variables,expression,variables,units,source,notes\n"
TABLE = (
    HEADER
    + "toy,area,2,a*b,a:uniform:1:5;b:uniform:1:5,,,\n"
    + "toy,root,1,sqrt(x),x:uniform:-1:1,,,\n"
    + "toy,decay,2,n*exp(-0.5*t),n:int:1:9;t:loguniform:0.1:10,,,\n"
)


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "toy.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def test_rows_are_finite_repeatable_and_noise_leaves_the_inputs_alone(tables):
    for problem in choose(tables, ["toy"]):
        X, y = problem.training_rows(500, 0.0, seed=3)
        again, noisy = problem.training_rows(500, 0.1, seed=3)
        assert X.shape == (500, len(problem.variables)) and np.isfinite(y).all()
        np.testing.assert_array_equal(X, again)
        spread = np.std(noisy - y) / np.sqrt(np.mean(y**2))
        assert 0.08 < spread < 0.12
        other, _ = problem.test_rows(500, seed=3)
        assert not np.isin(other[:, -1], X[:, -1]).all()


def test_rows_that_leave_the_domain_are_drawn_again(tables):
    (root,) = choose(tables, ["toy"], ["root"])
    X, _ = root.training_rows(400, 0.0, seed=0)
    assert (X >= 0).all()


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("a:uniform:-2:3", lambda v: (v >= -2).all() and (v <= 3).all()),
        ("a:loguniform:1e-3:10", lambda v: (v >= 1e-3).all() and (np.median(v) < 1)),
        ("a:loguniform:-10:-1e-3", lambda v: (v <= -1e-3).all() and (np.median(v) > -1)),
        ("a:int:1:4", lambda v: set(v) == {1.0, 2.0, 3.0, 4.0}),
        ("a:signed_loguniform:1:10", lambda v: (abs(v) >= 1).all() and 0.3 < (v > 0).mean() < 0.7),
        ("a:signed_int:2:3", lambda v: set(v) == {-3.0, -2.0, 2.0, 3.0}),
    ],
)
def test_each_distribution_stays_in_its_range(text, inside):
    (variable,) = read_variables(text)
    assert inside(variable.draw(1000, np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("low", "high", "wide"),
    [(1, 5, (0.5, 8.5)), (0, 1, (0, 2)), (-3, 3, (-6, 6)), (-5, -1, (-8.5, -0.5)), (-1, 2, (-2.5, 3.5))],
)
def test_the_wider_range_is_twice_as_wide_and_keeps_the_sign(low, high, wide):
    wider = Variable("x", "uniform", low, high).wider()
    assert (wider.low, wider.high) == pytest.approx(wide)


def test_far_values_keep_the_sign():
    rng = np.random.default_rng(0)
    assert (Variable("x", "uniform", 1, 5).far(200, rng) > 0).all()
    assert (Variable("x", "uniform", -5, -1).far(200, rng) < 0).all()
    assert np.ptp(np.sign(Variable("x", "uniform", -5, 1).far(200, rng))) == 2


def test_choosing_by_name_and_by_stride(tables):
    assert [p.name for p in choose(tables, ["toy"], every=2)] == ["area", "decay"]
    assert [p.name for p in choose(tables, ["toy"], ["decay"])] == ["decay"]
    with pytest.raises(ValueError, match=r"no set 'toys'.*toy"):
        choose(tables, ["toys"])
    with pytest.raises(ValueError, match=r"no such problem.*nothing"):
        choose(tables, ["toy"], ["nothing"])


def test_a_formula_without_finite_values_says_so():
    hopeless = Problem("toy", "hopeless", "sqrt(-1 - x**2)", read_variables("x:uniform:0:1"))
    with pytest.raises(ValueError, match="finite"):
        hopeless.training_rows(10, 0.0, 0)


def test_problems_with_a_note_can_be_left_out(tmp_path):
    (tmp_path / "noted.csv").write_text(
        "set,name,expression,variables,notes\n"
        "noted,seen,a*b,a:uniform:1:5;b:uniform:1:5,difficulty: easy\n"
        "noted,unseen,a + 0*b,a:uniform:1:5;b:uniform:1:5,difficulty: easy; weak_inputs=b\n",
        encoding="utf-8",
    )
    assert [p.name for p in choose(tmp_path, ["noted"], without="weak_inputs")] == ["seen"]
    assert [p.name for p in choose(tmp_path, ["noted"])] == ["seen", "unseen"]
