"""Any column name becomes a legal, unique argument in every language."""

from __future__ import annotations

import keyword
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.symbolic.export.latex_names import latex_names
from closedform.symbolic.export.names import MAX_LENGTH, NAME_RULES, argument_names, quote_name

AWKWARD = ["x 1", "x_1", "Température", "exp", "E", "lambda", "x1", "X1", "double", "λ", "温度", "_", "1a", "cf:0"]


@pytest.mark.parametrize("target", NAME_RULES)
@given(st.lists(st.text(min_size=1, max_size=12) | st.sampled_from(AWKWARD), unique=True, max_size=8))
def test_names_are_legal_and_unique(target: str, names: list[str]) -> None:
    chosen = argument_names(names, target)
    assert list(chosen) == names
    rules = NAME_RULES[target]
    assert len({rules.key(name) for name in chosen.values()}) == len(names)
    for name in chosen.values():
        assert name.isidentifier() and rules.allows(name)
        assert not (target in ("python", "numpy", "torch") and keyword.iskeyword(name))
        assert not (target == "c" and not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name))


def test_legal_names_are_kept() -> None:
    names = ["distance", "x_1", "T0", "E", "y"]
    for target in ("python", "numpy", "torch", "c"):
        assert argument_names(names, target) == {name: name for name in names}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("python", ["x_1_2", "x_1", "Température", "exp", "E", "lambda_", "x1", "X1", "double", "λ", "温度"]),
        ("c", ["x_1_2", "x_1", "Temperature", "exp_", "E", "lambda", "x1", "X1", "double_", "lambda_2", "u6e29u5ea6"]),
        ("excel", ["x_1_2", "x_1", "Température", "exp_", "E", "lambda", "x1_", "X1__2", "double", "λ", "温度"]),
    ],
)
def test_awkward_names(target: str, expected: list[str]) -> None:
    assert list(argument_names(AWKWARD[:11], target).values()) == expected


def test_a_renamed_column_makes_way_for_one_that_has_the_name() -> None:
    assert argument_names(["a b", "a-b", "a_b"], "python") == {"a b": "a_b_2", "a-b": "a_b_3", "a_b": "a_b"}


def test_cells_of_a_workbook_are_not_names() -> None:
    chosen = argument_names(["A1", "xfd9", "R", "c", "R1C1", "abcd1", "TRUE"], "excel")
    assert list(chosen.values()) == ["A1_", "xfd9_", "R_", "c_", "R1C1_", "abcd1", "TRUE_"]


def test_words_of_the_frame_are_not_names() -> None:
    assert argument_names(["np", "math", "cf_div"], "numpy") == {"np": "np_", "math": "math_", "cf_div": "x_cf_div"}
    assert argument_names(["M_PI", "linux", "isnan"], "c") == {"M_PI": "x_M_PI", "linux": "linux_", "isnan": "isnan_"}


def test_long_names_are_cut() -> None:
    chosen = argument_names(["a" * 500, "a" * 501], "c")
    assert [len(name) for name in chosen.values()] == [MAX_LENGTH, MAX_LENGTH + 2]


@given(st.text(max_size=20))
def test_quoted_names_stay_on_one_line(name: str) -> None:
    quoted = quote_name(name)
    assert quoted.isprintable() and len(quoted.splitlines()) == 1 and quoted.endswith('"')


@given(st.lists(st.text(min_size=1, max_size=8) | st.sampled_from(AWKWARD), unique=True, max_size=8))
def test_latex_symbols_are_unique(names: list[str]) -> None:
    symbols = latex_names(names)
    assert len(set(symbols.values())) == len(names)
    for symbol in symbols.values():
        bare = symbol.replace("\\{", "").replace("\\}", "")
        assert symbol.isprintable() and bare.count("{") == bare.count("}")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("x", "x"),
        ("x1", "x_{1}"),
        ("x_12", "x_{12}"),
        ("k_B", "k_{B}"),
        ("T_in_2", r"T_{\mathrm{in},2}"),
        ("theta_max", r"\theta_{\mathrm{max}}"),
        ("alpha_beta", r"\alpha_{\beta}"),
        ("λ", r"\lambda"),
        ("Ω", r"\Omega"),
        ("Lambda", r"\Lambda"),
        ("hbar", r"\hbar"),
        ("mass", r"\mathrm{mass}"),
        ("pi", r"\mathrm{pi}"),
        ("exp", r"\mathrm{exp}"),
        ("x 1", r"\mathrm{x\ 1}"),
        ("_", r"\mathrm{\_}"),
        ("Température", r"\text{Température}"),
        ("50 %", r"\text{50 \%}"),
        ("温度", r"\text{温度}"),
        ("a\nb", r"\mathrm{a\ b}"),
    ],
)
def test_latex_symbols(name: str, symbol: str) -> None:
    assert latex_names([name]) == {name: symbol}


def test_columns_never_share_a_symbol() -> None:
    assert latex_names(["x_1", "x1", "λ", "lambda"]) == {
        "x_1": "x_{1}",
        "x1": r"\mathrm{x1}",
        "λ": r"\lambda",
        "lambda": r"\mathrm{lambda}",
    }
