"""Other tools that look for formulas, as estimators for benchmarks/formulas.py and benchmarks/laws.py.

    python benchmarks/formulas.py --estimator benchmarks.peers:pyoperon --data-dir DIR --sets feynman ...

Each function takes ``max_time`` (seconds) and ``random_state`` and returns an object with ``fit``, ``predict`` and
``equation_``. All work on one thread with the operators + - * / sqrt square exp log sin cos where they can be chosen,
and otherwise as their authors recommend. What predicts is the text of the formula, all digits written. The tools need
an environment of their own, see benchmarks/README.md.
"""

from __future__ import annotations

import ast
import os
import re
import time
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from benchmarks.scoring_tree import read_formula

# Called with X of shape (n_rows, n_columns) and y; returns the formula over x0, x1, ...
Search = Callable[[np.ndarray, np.ndarray], str]

# A relative error this small ends the search of tools that cannot end it themselves.
EXACT = 1e-12


class Peer:
    """An estimator around a search that returns text."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def fit(self, X: Any, y: Any) -> Self:
        """Search on a data frame and a target."""
        self._names = [str(name) for name in X.columns]
        text = self._search(X.to_numpy(dtype=float), np.asarray(y, dtype=float))
        # The names of the columns come last: they may be those of functions.
        self.equation_ = re.sub(r"\bx(\d+)\b", lambda match: f"`{self._names[int(match.group(1))]}`", text)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Values of the formula."""
        formula = read_formula(self.equation_, tuple(self._names))
        return formula.values({name: X[name].to_numpy(dtype=float) for name in self._names})


def plain_names(n_columns: int) -> list[str]:
    """Names of columns that no tool takes for a function."""
    return [f"x{k}" for k in range(n_columns)]


# ------------------------------------------------------------------------------------------------ genetic programming


def pyoperon(max_time: float, random_state: int = 0) -> Peer:
    """Operon, with local search by least squares and the front over R2 and length, as in its examples.

    The final choice is by BIC: its own default, the description length, wants the noise level.
    """

    def search(X: np.ndarray, y: np.ndarray) -> str:
        from pyoperon.sklearn import SymbolicRegressor

        model = SymbolicRegressor(
            allowed_symbols="add,sub,mul,div,sqrt,square,exp,log,sin,cos,constant,variable",
            objectives=["r2", "length"], optimizer="lm", optimizer_iterations=10, max_length=50,
            population_size=1000, pool_size=1000, generations=10**6, max_evaluations=10**9,
            model_selection_criterion="bayesian_information_criterion", n_threads=1,
            max_time=max(1, int(max_time)), random_state=random_state,
        )  # fmt: skip
        model.fit(X, y.astype(np.float32))  # it computes in 32 bits, and compares its values with this array
        return str(model.get_model_string(model.model_, precision=17, names=plain_names(X.shape[1])))

    return Peer(search)


def gplearn(max_time: float, random_state: int = 0) -> Peer:
    """Genetic programming with the settings of gplearn's introduction, one generation after the other."""

    def search(X: np.ndarray, y: np.ndarray) -> str:
        from gplearn.functions import make_function
        from gplearn.genetic import SymbolicRegressor

        with np.errstate(all="ignore"):
            own = [
                make_function(function=_bounded_exp, name="exp", arity=1),
                make_function(function=np.square, name="square", arity=1),
            ]
        model = SymbolicRegressor(
            population_size=5000, generations=1, p_crossover=0.7, p_subtree_mutation=0.1, p_hoist_mutation=0.05,
            p_point_mutation=0.1, max_samples=0.9, parsimony_coefficient="auto", warm_start=True, metric="mse",
            function_set=("add", "sub", "mul", "div", "sqrt", "log", "sin", "cos", *own), n_jobs=1,
            feature_names=plain_names(X.shape[1]), random_state=random_state,
        )  # fmt: skip
        started, longest, floor = time.monotonic(), 0.0, (EXACT * float(np.std(y))) ** 2
        while time.monotonic() - started + longest < max_time or model.generations == 1:
            before = time.monotonic()
            model.fit(X, y)
            longest = max(longest, time.monotonic() - before)
            if model._program.raw_fitness_ <= floor:
                break
            model.set_params(generations=model.generations + 1)
        return from_calls(str(model._program))

    return Peer(search)


def _bounded_exp(x: np.ndarray) -> np.ndarray:
    return np.exp(np.minimum(x, 100.0))


CALLS = {
    "add": "({} + {})", "sub": "({} - {})", "mul": "({}*{})", "div": "({}/{})", "square": "({})**2", "exp": "exp({})",
    "sqrt": "sqrt(abs({}))", "log": "log(abs({}))", "sin": "sin({})", "cos": "cos({})",
}  # fmt: skip


def from_calls(text: str) -> str:
    """gplearn's ``add(x0, div(x1, 0.5))`` with operators, its protected functions written as what they compute.

    Their values next to zero (a quotient of 1, a logarithm of 0) have no formula.
    """

    def write(node: ast.expr) -> str:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return CALLS[node.func.id].format(*(write(argument) for argument in node.args))
        return ast.unparse(node)

    return write(ast.parse(text, mode="eval").body)


def eggp(max_time: float, random_state: int = 0) -> Peer:
    """Genetic programming over an e-graph. It has no seed; its clock is looked at now and then only."""
    del random_state

    def search(X: np.ndarray, y: np.ndarray) -> str:
        os.environ["GHCRTS"] = "-N1"  # read when its runtime starts
        from eggp import EGGP

        model = EGGP(
            gen=10**6, nPop=100, maxSize=30, nTournament=3, pc=0.9, pm=0.3, optIter=50, optRepeat=2,
            nonterminals="add,sub,mul,div,sqrt,square,exp,log,sin,cos", loss="MSE", max_time=max(1, int(max_time)),
        )  # fmt: skip
        model.fit(X, y)
        best = model._best_row()
        return from_numpy(str(best.Numpy), [float(value) for value in best.theta.split(";") if value])

    return Peer(search)


def from_numpy(text: str, constants: list[float]) -> str:
    """eggp's ``np.exp(x[:, 0])*t[0]`` over x0, x1, ... with the constants put in."""
    text = re.sub(r"\bx\[:,\s*(\d+)\]", r"x\1", text)
    text = re.sub(r"\bt\[(\d+)\]", lambda match: f"({constants[int(match.group(1))]!r})", text)
    return text.replace("np.", "")


# ------------------------------------------------------------------------------------------------ selection of terms


def psrn(max_time: float, random_state: int = 0) -> Peer:
    """Parallel enumeration; four input slots instead of five or more, which want a large GPU."""

    def search(X: np.ndarray, y: np.ndarray) -> str:
        import torch
        from psrn import PSRN_Regressor

        torch.manual_seed(random_state)
        torch.set_num_threads(1)
        operators = ["Add", "Mul", "Sub", "Div", "Identity", "Sin", "Cos", "Exp", "Log"]
        default = {
            "operators": operators, "time_limit": max(1, int(max_time)), "n_psrn_inputs": 4, "n_sample_variables": 3,
        }  # fmt: skip
        model = PSRN_Regressor(
            variables=plain_names(X.shape[1]), use_const=False, device=torch.device("cpu"),
            token_generator_config={"base": {"has_const": False, "tokens": operators}},
            stage_config={"default": default, "stages": [{}]},
        )  # fmt: skip
        model.fit(
            X, y.reshape(-1, 1), n_down_sample=20, prun_const=True, prun_ndigit=6, top_k=10, real_time_display=False
        )
        return str(model.get_pf(sort_by="mse")[0][0])

    return Peer(search)


def jaxsr(max_time: float, random_state: int = 0) -> Peer:
    """Greedy selection of at most five terms out of a library of hundreds, in 64 bits, by BIC.

    A jitter of 1e-7 standard deviations keeps exact models: their BIC would be infinite, and they would be dropped.
    """

    def search(X: np.ndarray, y: np.ndarray) -> str:
        import jax

        jax.config.update("jax_enable_x64", True)
        from jaxsr import BasisLibrary, SymbolicRegressor

        d = X.shape[1]
        library = BasisLibrary(n_features=d, feature_names=plain_names(d)).add_constant().add_linear()
        library.add_polynomials(3).add_polynomial_interactions(3).add_power_laws()
        library.add_transcendental(["log", "exp", "sqrt", "inv", "sin", "cos"]).add_ratios()
        library.add_rational_forms().add_compositions(["log", "exp", "sqrt"], ["product", "ratio", "sum", "diff"])
        model = SymbolicRegressor(library, max_terms=5, strategy="greedy_forward", random_state=random_state)
        jitter = np.random.default_rng(random_state).normal(0.0, 1e-7 * np.std(y), len(y))
        model.fit(X, y + jitter)
        terms = zip(model.coefficients_, model.selected_features_, strict=True)
        return " + ".join(f"({float(factor)!r})*({name})" for factor, name in terms)

    return Peer(search)


def ffx(max_time: float, random_state: int = 0) -> Peer:
    """Fast function extraction: elastic nets over ready-made terms; deterministic, takes what time it takes."""
    del max_time, random_state

    def search(X: np.ndarray, y: np.ndarray) -> str:
        import ffx as package

        models = package.run(X, y, X, y, plain_names(X.shape[1]))
        return str(models[-1]).replace("log10(", "0.43429448190325176*log(")

    return Peer(search)
