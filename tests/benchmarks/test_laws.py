"""Laws behind measurements: when a formula is the believed form, when it is as good, and what a run writes."""

import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.laws_forms import FlatUniverse, Form, Law, Piecewise, count_constants, count_terms
from benchmarks.laws_judge import as_good, fit_form, has_form
from benchmarks.scoring_tree import read_formula

from benchmarks import laws

HERE = str(Path(__file__).parent)
X = {"x": np.linspace(0.5, 4.0, 40)}


@pytest.mark.parametrize(
    ("text", "same"),
    [("7.25*exp(-0.31*x)", True), ("exp(1.5 - x/3)", True), ("exp(-x/3)", True), ("7.25*exp(-0.31*x) + 0.001", False),
     ("7.25*(1 - 0.31*x + 0.04805*x**2)", False), ("7.25", False), ("7.25*exp(-0.0000001*x)", False),
     ("log(x - 1)", False)],
)  # fmt: skip
def test_a_formula_is_the_form_for_any_constants_that_are_there(text, same):
    assert has_form(text, Form("2.0*exp(-0.5*x)", ("x",)), X) is same


def test_constants_and_terms_are_counted_as_one_reads_them():
    formula = read_formula("3.2*x**2 - 1408/x + sqrt(x/2)*(x + 0.5)", ("x",))
    assert count_constants(formula) == 3 and count_terms(formula.root) == 4


def test_a_piecewise_form_has_the_constants_of_both_pieces_and_the_place_between():
    form = Piecewise("x", 2.0, "3.0/x", "1.5*x", ("x",))
    assert form.n_constants == 3 and form.n_terms == 2
    y = np.where(X["x"] < 2.0, 5.0 / X["x"], 0.7 * X["x"])
    assert fit_form(form, X, y) == pytest.approx([5.0, 0.7])


def test_distances_in_a_flat_universe_are_those_of_the_integral():
    z = np.array([0.01, 0.3, 1.4])
    grid = [np.linspace(0.0, end, 20001) for end in z]
    integral = [np.trapezoid(1 / np.sqrt(0.3 * (1 + t) ** 3 + 0.7), t) for t in grid]
    values = FlatUniverse("z").values({"z": z}, np.array([43.0, 0.3]))
    assert values == pytest.approx(43.0 + 5 * np.log10((1 + z) * np.array(integral)), abs=1e-8)


def test_as_good_means_no_more_constants_and_no_more_terms():
    row = {"status": "ok", "ratio": 1.05, "constants": 2, "constants_believed": 2, "terms": 1, "terms_believed": 1}
    assert as_good(row)
    for worse in ({"ratio": 1.2}, {"ratio": None}, {"constants": 3}, {"terms": 2}, {"status": "timeout"}):
        assert not as_good({**row, **worse})


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [HERE, *sys.path])
    rng = np.random.default_rng(0)
    a, b = rng.uniform(1.0, 5.0, (2, 60))
    for name, y in (("area", 1.7 * a * b), ("sum", a + b)):
        rows = [f"{p},{q},{r}" for p, q, r in zip(a, b, y, strict=True)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["a,b,y", *rows]), encoding="utf-8")
    known = (
        Law("area", "a", ("1.0*a*b",)),
        Law("sum", "a", ("1.0*a + 1.0*b",)),
        Law("sum", "a", ("1.0*a*b",), "wide", "a", low=3.0),
    )
    monkeypatch.setattr(laws, "LAWS", known)
    return tmp_path


def test_a_run_fits_each_law_twice_and_goes_on_where_it_stopped(toy, capsys):
    given = ["--data-dir", str(toy), "--estimator", "bench_dummies:product", "--max-time", "5",
             "--out", str(toy / "rows.jsonl")]  # fmt: skip
    assert laws.main([*given, "--tables", "area"]) == 0
    assert laws.main(given) == 0
    rows = laws.read_rows(toy / "rows.jsonl")
    assert [(row["law"], row["split"]) for row in rows] == [
        (law, split) for law in ("area", "sum", "sum (wide)") for split in ("random", "beyond")
    ]
    area, wrong = rows[0], rows[2]
    assert area["is_form"] is True and area["constants"] == 1 and area["n_train"] == 48 and area["n_test"] == 12
    assert area["believed_constants"] == pytest.approx([1.7])
    assert wrong["is_form"] is False and wrong["ratio"] > 1e6
    wide = rows[4]
    assert wide["n_train"] < 40 and wide["is_form"] is True  # the product is the form, however badly it fits
    said = capsys.readouterr().out
    assert (
        "| area | form | `1.7*a*b` |" in said
        and "| sum | - |" in said
        and said.rstrip().endswith("2 of 2 tables, 1 of them as a whole")
    )


def test_rows_beyond_are_those_with_the_largest_main_values():
    main = np.array([5.0, 1.0, 4.0, 2.0, 3.0, 0.0, 9.0, 8.0, 7.0, 6.0])
    fitted, predicted = laws.split_rows(main, "beyond", 0)
    assert main[predicted].min() > main[fitted].max() and len(predicted) == 2
    fitted, predicted = laws.split_rows(main, "random", 0)
    assert sorted([*fitted, *predicted]) == list(range(10)) and len(predicted) == 2


def test_a_formula_without_values_beyond_its_range_is_not_as_good(toy):
    rows = {"random": {"status": "ok", "ratio": 1.0, "constants": 1, "constants_believed": 1, "terms": 1,
                       "terms_believed": 1, "is_form": False}}  # fmt: skip
    assert laws.verdict({**rows, "beyond": {**rows["random"], "ratio": None}}) == "-"
    assert laws.verdict({**rows, "beyond": rows["random"]}) == "as good"


@pytest.mark.parametrize("wrong", [["--tables", "nothing"], []])
def test_wrong_use_is_said(toy, wrong, capsys):
    assert laws.main(["--data-dir", str(toy), *wrong] if wrong else ["--data-dir", str(toy)]) == 2
    assert "laws.py:" in capsys.readouterr().err
