"""The verdict: truths in every dress must pass, near misses must not."""

import numpy as np
import pytest
from benchmarks.problems import Problem, read_variables
from benchmarks.scoring_numeric import judge_structure, judge_wide
from benchmarks.scoring_symbolic import judge, round_constant

PROBLEMS = {
    "gauss": ("exp(-theta**2/2)/sqrt(2*pi)", "theta:uniform:1:3"),
    "distance": ("sqrt((x2 - x1)**2 + (y2 - y1)**2)", ";".join(f"{n}:uniform:1:5" for n in ("x1", "x2", "y1", "y2"))),
    "planck": ("h*w/(2*pi)/(exp(h*w/(2*pi*kT)) - 1)", "h:uniform:1:5;w:uniform:1:5;kT:uniform:1:5"),
    "nguyen5": ("sin(x**2)*cos(x) - 1", "x:uniform:-1:1"),
    "korns7": ("213.80940889*(1 - exp(-0.54723748542*x))", "x:uniform:-50:50"),
    "korns6": ("1.3 + 0.13*sqrt(Abs(x))", "x:uniform:-50:50"),
    "power": ("0.031*f**1.46*B**2.75", "f:uniform:1:100;B:uniform:0.05:1.5"),
    "gravity": ("6.6743e-11*m1*m2/r**2", "m1:loguniform:1e20:1e25;m2:loguniform:1e20:1e25;r:loguniform:1e8:1e10"),
    "harmonic": ("harmonic(n)", "n:int:1:50"),
    "lorentz": ("m*c**2/sqrt(1 - v**2/c**2)", "m:uniform:1:5;v:uniform:1:2;c:uniform:3:10"),
    "boost": ("(x - u*t)/sqrt(1 - u**2/c**2)", "x:uniform:5:10;u:uniform:1:2;c:uniform:3:20;t:uniform:1:2"),
}


def problem_named(name):
    text, variables = PROBLEMS[name]
    return Problem("toy", name, text, read_variables(variables))


def verdict(name, text, judges=(judge, judge_wide)):
    found = {}
    for one in judges:
        one(found.update, problem_named(name), text)
    return found


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_truth_is_its_own_solution_whatever_is_added_or_multiplied(name):
    truth = PROBLEMS[name][0]
    for text in (truth, f"2.5*({truth})", f"({truth}) + 0.001"):
        found = verdict(name, text)
        assert found["symbolic"] is True and found["symbolic_method"].startswith("sympy-")
        assert name == "gravity" or found["numeric_wide"] is True


SAME = [
    ("gauss", "0.3989422804014327*exp(-0.5*theta**2)"),
    ("gauss", "exp(-0.49999999999*theta**2.00000000001 - 0.9189385332)"),
    ("gauss", "0.4*exp(-0.4997*theta**2)"),  # right to three decimals
    ("distance", "(x1**2 - 2*x1*x2 + x2**2 + y1**2 - 2.0*y1*y2 + y2**2)**0.5"),
    ("distance", "0.5*sqrt(4*(x1 - x2)**2 + 4*(y1 - y2)**2) + 1e-17*x1"),
    ("planck", "w*h/(exp(0.15915494309189535*h*w/kT) - 1.0)"),
    ("planck", "0.159*w*h/(exp(h*w/(6.2831853071795862*kT)) - 1)"),
    ("nguyen5", "0.5*(sin(x**2 + x) + sin(x**2 - x))"),
    ("korns7", "213.809408889*(1 - exp(-0.547237485420001*x))"),
    ("korns6", "1.3 + 0.13*(x**2)**0.25"),
    ("power", "exp(1.46*log(f) + 2.75*log(B) - 3.473768)"),
    ("power", "0.0310000000001*f**1.46000000001*B**2.74999999999"),
    ("gravity", "6.6743e-11*exp(log(m1) + log(m2) - 2.0*log(r))"),
    ("gravity", "6.67430000001e-11*m1*m2*r**-1.99999999999"),
    ("lorentz", "m*c**3/sqrt((c - v)*(c + v))"),
    ("boost", "exp(log(x) + log(1 - u*t/x) - 0.5*log(1 - u**2/c**2))"),  # the logarithm of the target was fitted
]


@pytest.mark.parametrize(("name", "text"), SAME)
def test_other_spellings_and_fitted_constants_are_solutions(name, text):
    assert verdict(name, text, [judge])["symbolic"] is True


def test_a_spelling_with_a_smaller_domain_is_no_dispute():
    assert verdict("boost", dict(SAME)["boost"], [judge_wide])["numeric_wide"] is True


DIFFERENT = [
    ("gauss", "0.3989*exp(-0.52*theta**2)"),
    ("gauss", "0.3989422804014327"),
    ("gauss", "0*theta"),
    ("gauss", "0.3989422804014327*exp(-0.5*theta**2) + 0.001*theta"),
    ("distance", "abs(x2 - x1) + abs(y2 - y1)"),
    ("distance", "log(x1 - x2)"),  # undefined on half of the rows
    ("planck", "kT - 0.0795774715*h*w + 0.00211*h**2*w**2/kT"),
    ("nguyen5", "x**2 - x**4/2 - x**6/6 + x**4/24 - 1"),
    ("korns6", "1.3 + 0.13*sqrt(x)"),
    ("nguyen5", "sin(exp(2*log(x)))*cos(x) - 1"),  # right where it has a value, on half of the rows
    ("power", "0.031*f**1.46*B**2.75*(1 + 0.0001*f)"),  # a small constant before a large variable
    ("harmonic", "log(n) + 0.5772156649015329 + 1/(2*n) - 1/(12*n**2) + 1/(120*n**4)"),
    ("lorentz", "m*c**2 + m*v**2/2 + 0.375*m*v**4/c**2"),
    ("gravity", "0.0*m1*m2/r**2"),
]


@pytest.mark.parametrize(("name", "text"), DIFFERENT)
def test_near_misses_are_refuted_by_both_verdicts(name, text):
    found = verdict(name, text)
    assert found["symbolic"] is False and found["symbolic_method"] == "refuted"
    assert found["numeric_wide"] is False


def test_a_polynomial_that_fits_to_eleven_digits_is_still_refuted():
    problem = problem_named("nguyen5")
    X, y = problem.training_rows(2000, 0.0, 0)
    weights = np.polynomial.chebyshev.Chebyshev.fit(X[:, 0], y, 16).convert(kind=np.polynomial.Polynomial).coef
    text = " + ".join(f"({w!r})*x**{k}" for k, w in enumerate(weights.tolist()))
    found = verdict("nguyen5", text)
    assert found["symbolic"] is False and found["numeric_wide"] is False


def test_rounding_alone_makes_the_two_verdicts_part():
    found = verdict("gauss", "0.4*exp(-0.4997*theta**2)")
    assert found["symbolic"] is True and found["numeric_wide"] is False


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.12349, "2.123"), (-0.54723748542, "-0.547"), (0.0795774715, "0.0796"), (6.6743e-11, "0.0000000000667"),
     (299792458.0, "299792458.000"), (0.0, "0")],
)  # fmt: skip
def test_rounding_keeps_three_significant_digits(value, text):
    assert round_constant(value, significant=True) == text


def test_the_form_is_judged_with_refitted_constants():
    def form(name, text):
        return verdict(name, text, [judge_structure])["structure"]

    assert form("gauss", "0.41*exp(-0.47*theta**2)") is True
    assert form("gauss", "exp(-0.47*theta**2)") is True  # a factor in front is free
    assert form("power", "0.03*f**1.5*B**2.7") is True
    assert form("power", "0.03*f**1.5*B**3") is False  # a whole number is not
    assert form("nguyen5", "-1.0 + 1.01*x**2 - 0.5*x**4 - 0.16*x**6") is False
