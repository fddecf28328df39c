"""Is this the formula that was to be found? The verdict after SRBench, decided with many digits first.

SRBench (La Cava et al. 2021, "Contemporary symbolic regression methods and their relative performance") calls a
model a symbolic solution when, after its constants are rounded, ``truth - model`` is a constant or
``model / truth`` is a non-zero constant, and the model itself is not a constant.

Four readings of "after its constants are rounded" are tried, the first in this list that holds decides:

==============  =============================================  =================================================
reading         model                                          truth
==============  =============================================  =================================================
``exact``       decimals as exact fractions                    as written
``srbench``     floats to 3 decimals (those that become zero   as written
                must not matter, see ``_negligible``)
``rounded``     constants folded, then 3 decimals and at       the same
                least 3 significant digits
``close``       as written                                     as written; equal up to a relative change of 2e-8
                                                               in the constants of the model
==============  =============================================  =================================================

For each reading the difference and the ratio are evaluated with 60 digits at random points inside the ranges, on
wider ranges and far outside. Where neither is constant the answer is no, without any algebra. Where one is, SymPy is
asked to simplify it to a number: ``sympy-<reading>`` when it does, ``numeric-<reading>`` when it does not or runs out
of time (the evidence is then agreement at some hundred random points, but for ``close`` to 30 digits).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.problems import JUDGE, Problem
from benchmarks.scoring_tree import Formula, Undefined, UnreadableFormula, read_formula, to_sympy

DIGITS = 60
EXACT = 1e-30  # relative agreement of two formulas that are the same
ROUND_OFF = 1e-12  # what float64 arithmetic inside an estimator may leave behind
NUDGE = 2e-8  # the relative change of constants that the reading "close" forgives
NEGLIGIBLE = 1e-3  # what a constant that is rounded to zero may have contributed
ROUGHLY = 0.05  # what is farther off is refuted without more ado
N_NEAR, N_WIDE, N_FAR = 40, 30, 30
VANISHING = 5e-4  # smaller floats are zero with 3 decimals


@dataclass(frozen=True)
class Reading:
    """A pair of formulas to compare; ``algebra`` builds their SymPy forms, where their numbers are exact."""

    name: str
    model: Formula
    truth: Formula
    algebra: Callable[[], tuple[Any, Any]] | None


@dataclass(frozen=True)
class Points:
    """Points where the truth is defined; the first ``n_near`` lie inside the ranges."""

    values: list[dict[str, Any]]
    n_near: int


# ------------------------------------------------------------------------------------------------ points


def random_points(problem: Problem, seed: int = 0) -> Points:
    """Random points inside the ranges, on ranges twice as wide, and ten times as far."""
    import mpmath

    rng = problem.rng(seed, JUDGE)
    truth = problem.formula
    kinds: list[tuple[int, list[Callable[[int, np.random.Generator], np.ndarray]]]] = [
        (N_NEAR, [v.draw for v in problem.variables]),
        (N_WIDE, [v.wider().draw for v in problem.variables]),
        (N_FAR, [v.far for v in problem.variables]),
    ]
    found: list[dict[str, Any]] = []
    counts = []
    for wanted, draws in kinds:
        rows = np.column_stack([draw(20 * wanted, rng) for draw in draws])
        before = len(found)
        for row in rows:
            point = {name: mpmath.mpf(float(x)) for name, x in zip(problem.names, row, strict=True)}
            if len(found) - before < wanted and _value(truth, point) is not None:
                found.append(point)
        counts.append(len(found) - before)
    return Points(found, counts[0])


def _value(formula: Formula, point: Mapping[str, Any], constants: Any = None) -> Any:
    try:
        return formula.exact_value(point, constants)
    except Undefined:
        return None


# ------------------------------------------------------------------------------------------------ readings


def round_constant(value: float, *, significant: bool) -> str:
    """A number as text: to 3 decimals; ``significant`` keeps at least 3 significant digits."""
    size = abs(value)
    if size == 0:
        return "0"
    decimals = max(3, 2 - math.floor(math.log10(size))) if significant else 3
    return f"{value:.{decimals}f}"


def _rounded(expression: Any, *, significant: bool) -> Any:
    """Round the floats of a SymPy expression (and, if ``significant``, its fractions) to exact fractions."""
    import sympy

    if not expression.args:
        plain = expression.is_Float or (significant and expression.is_Rational and not expression.is_Integer)
        return sympy.Rational(round_constant(float(expression), significant=significant)) if plain else expression
    return expression.func(*(_rounded(arg, significant=significant) for arg in expression.args))


def _without_small(expression: Any) -> Any:
    """Only the zeros of SRBench's rounding."""
    import sympy

    if not expression.args:
        return sympy.Integer(0) if expression.is_Float and abs(expression) < VANISHING else expression
    return expression.func(*(_without_small(arg) for arg in expression.args))


def _folded(expression: Any) -> Any:
    """Turn every part without variables into one float."""
    if not expression.free_symbols:
        return expression if expression.is_Integer else expression.evalf(30)
    if not expression.args:
        return expression
    return expression.func(*(_folded(arg) for arg in expression.args))


def _symbols(problem: Problem) -> tuple[dict[str, Any], dict[str, Any]]:
    """SymPy symbols x0, x1, ... with the sign the ranges give them: by name of the variable, and by their own."""
    import sympy

    by_name, by_symbol = {}, {}
    for k, variable in enumerate(problem.variables):
        signs = {1: {"positive": True}, -1: {"negative": True}, 0: {"real": True}}[variable.sign]
        by_name[variable.name] = sympy.Symbol(f"x{k}", **signs)
        by_symbol[f"x{k}"] = variable.name
    return by_name, by_symbol


def _as_formula(expression: Any, by_symbol: Mapping[str, str]) -> Formula:
    """A SymPy expression with exact numbers, read back by the judge's own reader and in the problem's names."""
    plain = read_formula(str(expression), tuple(by_symbol))

    def rename(node: Any) -> Any:
        if node[0] == "var":
            return ("var", by_symbol[node[1]])
        return (node[0], *(rename(child) if isinstance(child, tuple) else child for child in node[1:]))

    return Formula(rename(plain.root), plain.constants, plain.literals)


def readings(problem: Problem, model: Formula, points: Points) -> Sequence[Callable[[], Reading | None]]:
    """The readings with rounded numbers, each built when its turn comes; None where one does not apply."""
    truth = problem.formula
    by_name, by_symbol = _symbols(problem)

    def exact() -> Reading:
        # Long fractions as exponents can keep SymPy busy for minutes: only where the digits agree.
        def algebra() -> tuple[Any, Any]:
            return to_sympy(model, by_name, fold=False), to_sympy(truth, by_name, fold=False)

        return Reading("exact", model, truth, algebra)

    def srbench() -> Reading | None:
        loose = to_sympy(model, by_name, fold=True)
        short = _without_small(loose)
        if short != loose and not _negligible(model, _as_formula(short, by_symbol), points):
            return None
        form = _rounded(loose, significant=False)
        return Reading(
            "srbench", _as_formula(form, by_symbol), truth, lambda: (form, to_sympy(truth, by_name, fold=False))
        )

    def rounded() -> Reading:
        folded = [_folded(to_sympy(formula, by_name, fold=True)) for formula in (model, truth)]
        forms = [_rounded(form, significant=True) for form in folded]
        return Reading("rounded", *(_as_formula(form, by_symbol) for form in forms), lambda: (forms[0], forms[1]))

    return exact, srbench, rounded


# ------------------------------------------------------------------------------------------------ with digits


def _negligible(model: Formula, short: Formula, points: Points) -> bool:
    """Does the model without its small constants have the same values (to 1e-3, at nine points of ten)?

    SRBench does not ask. Without the question 1e-8*Re counts as nothing where Re is a million.
    """
    near = points.values[: points.n_near]
    values, others = ([_value(formula, point) for point in near] for formula in (model, short))
    if any(v is None for v in (*values, *others)):
        return False
    moved = sum(abs(v - other) > NEGLIGIBLE * abs(v) for v, other in zip(values, others, strict=True))
    return moved <= len(near) // 10


def constant_relation(reading: Reading, points: Points) -> str | None:
    """``"difference"`` or ``"ratio"`` where that is one constant at all points, else None.

    Points outside the ranges where the model is undefined are left out as long as they are fewer than half.
    """
    kept, model, truth = [], [], []
    for k, point in enumerate(points.values):
        g, f = _value(reading.model, point), _value(reading.truth, point)
        if g is None and k < points.n_near:
            return None
        if g is not None and f is not None:
            kept.append(point)
            model.append(g)
            truth.append(f)
        if k + 1 == points.n_near and _relation(model, truth, [ROUGHLY] * len(model)) is None:
            return None  # spare the rest
    if 2 * len(kept) < len(points.values) or _spread(model) == 0:
        return None
    return _relation(model, truth, _tolerances(reading, kept, model))


def _spread(values: list[Any]) -> Any:
    return max(values) - min(values)


def _tolerances(reading: Reading, points: list[dict[str, Any]], model: list[Any]) -> list[Any]:
    """What may differ at each point, as a share of :func:`_scale`."""
    if reading.name != "close":
        return [EXACT] * len(model)
    import mpmath

    rng = np.random.default_rng(0)
    scale = _scale(model)
    shares = [mpmath.mpf(ROUND_OFF)] * len(model)
    literals = [mpmath.mpf(text) for text in reading.model.literals]
    for _ in range(8):
        signs = rng.choice([-1.0, 1.0], len(literals))
        nudged = [c * (1 + NUDGE * sign) for c, sign in zip(literals, signs, strict=True)]
        for k, point in enumerate(points):
            value = _value(reading.model, point, nudged)
            if value is not None:
                shares[k] = max(shares[k], abs(value - model[k]) / scale[k])
    return shares


def _scale(values: list[Any]) -> list[Any]:
    """The size of each value, not below the median size."""
    middle = sorted(abs(v) for v in values)[len(values) // 2]
    return [max(abs(v), middle) for v in values]


def _relation(model: list[Any], truth: list[Any], shares: list[Any]) -> str | None:
    """Which of the two is constant; the constant is read off where it is known best."""
    slack = [share * size for share, size in zip(shares, _scale(model), strict=True)]
    rows = list(zip(model, truth, slack, strict=True))
    g, f, least = min(rows, key=lambda row: row[2] + EXACT * abs(row[1]))
    offset = g - f
    if all(abs(g - f - offset) <= s + least + EXACT * abs(f) for g, f, s in rows):
        return "difference"
    sized = [row for row in rows if row[0] != 0 and row[1] != 0]
    if not sized:
        return None
    g, f, least = min(sized, key=lambda row: row[2] / abs(row[0]))
    factor, uncertain = g / f, least / abs(g)
    if all(abs(g - factor * f) <= s + uncertain * abs(g) for g, f, s in rows):
        return "ratio"
    return None


# ------------------------------------------------------------------------------------------------ with algebra


def confirmed(algebra: tuple[Any, Any], relation: str) -> bool:
    """Does SymPy reduce the difference or the ratio to a number?"""
    import sympy

    model, truth = algebra
    target = truth - model if relation == "difference" else model / truth
    steps = (
        lambda e: e,
        sympy.powsimp,
        lambda e: sympy.expand(e) if relation == "difference" else sympy.cancel(e),
        lambda e: sympy.simplify(sympy.expand_log(e)),
    )
    for step in steps:
        form = step(target)
        if not form.free_symbols:
            return bool(form.is_finite) and not (relation == "ratio" and form.is_zero)
    return False


# ------------------------------------------------------------------------------------------------ verdict


def judge(report: Callable[[dict[str, Any]], None], problem: Problem, text: str) -> None:
    """Report the verdict on a model: ``symbolic``, ``symbolic_method``, ``relation`` and the texts compared.

    What the digits say is reported before SymPy is asked, so a check that is stopped still has its verdict.
    """
    import mpmath

    started = time.perf_counter()
    model = read_formula(text, problem.names)
    with mpmath.workdps(DIGITS):
        points = random_points(problem)
        if points.n_near < N_NEAR // 2:
            report({"symbolic_method": "too few points where the truth is defined"})
            return
        holds = None
        if _plausible(model, problem.formula, points):
            holds = _first_that_holds(report, problem, model, points)
        if holds is None:
            report({"symbolic": False, "symbolic_method": "refuted"})
    if holds is not None and holds[0].algebra is not None and confirmed(holds[0].algebra(), holds[1]):
        report({"symbolic_method": f"sympy-{holds[0].name}"})
    report({"symbolic_seconds": round(time.perf_counter() - started, 3)})


def _plausible(model: Formula, truth: Formula, points: Points) -> bool:
    """Has the model a value everywhere inside the ranges, and is it within 5 % of the truth on half of the points?"""
    near = points.values[: points.n_near]
    values, targets = ([_value(formula, point) for point in near] for formula in (model, truth))
    if any(value is None for value in values):
        return False
    rows = list(zip(values, targets, _scale(targets), strict=True))
    offset = sorted(g - f for g, f in zip(values, targets, strict=True))[len(near) // 2]
    factors = sorted(g / f for g, f in zip(values, targets, strict=True) if f != 0)
    factor = factors[len(factors) // 2] if factors else 0
    shifted = sum(abs(g - f - offset) <= ROUGHLY * size for g, f, size in rows)
    scaled = sum(abs(g - factor * f) <= ROUGHLY * abs(factor) * size for g, f, size in rows) if factor else 0
    return 2 * max(shifted, scaled) >= len(rows)


def _first_that_holds(
    report: Callable[[dict[str, Any]], None], problem: Problem, model: Formula, points: Points
) -> tuple[Reading, str] | None:
    """The first reading that holds and its relation, reported; ``close`` is reported meanwhile, it needs no SymPy."""
    close, found = Reading("close", model, problem.formula, None), None
    for build in (lambda: close, *readings(problem, model, points)):
        reading = _build(build)
        relation = None if reading is None else constant_relation(reading, points)
        if reading is None or relation is None:
            continue
        found = reading, relation
        report(
            {
                "symbolic": True,
                "symbolic_method": f"numeric-{reading.name}",
                "relation": relation,
                "compared": [reading.model.text(), reading.truth.text()],
            }
        )
        if reading is not close:
            break
    return found


def _build(build: Callable[[], Reading | None]) -> Reading | None:
    """A reading, or None where SymPy turns it into something that is no longer a real formula."""
    try:
        return build()
    except (UnreadableFormula, ZeroDivisionError, OverflowError, TypeError, RecursionError):
        return None
