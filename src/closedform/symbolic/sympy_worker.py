"""The program of the helper process that asks SymPy for simpler formulas; see `sympy_pass`.

A request is a JSON object with the formula, the names that are positive or not negative, and a time limit; each answer
is a formula in JSON. Free constants travel as variables, so that SymPy sees neither floats nor their rounding.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from closedform.exceptions import ClosedFormError
from closedform.symbolic.export.sympy import from_sympy, to_sympy
from closedform.symbolic.expression import Expression
from closedform.symbolic.timelimit import END, READY

# What SymPy raises on formulas that it cannot handle; anything else ends the process, which is started again.
_REFUSALS = (ClosedFormError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def main() -> None:
    """Answer requests from standard input until it is closed."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    steps = _steps()
    _write(answers, READY)
    for line in sys.stdin:
        request = json.loads(line)
        # The parent kills this process when time is up; if the parent is gone, this does.
        faulthandler.dump_traceback_later(5 * request["time_limit"] + 10, exit=True)
        for expression in _alternatives(request, steps):
            _write(answers, json.dumps(expression.to_json()))
        faulthandler.cancel_dump_traceback_later()
        _write(answers, END)


def _write(stream: Any, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()


def _steps() -> list[Callable[[Any], Any]]:
    """Return what is tried, quick things first: each answer counts even if a later one takes too long."""
    import sympy

    return [
        lambda formula: sympy.cancel(sympy.together(formula)),
        sympy.factor,
        sympy.powsimp,
        sympy.trigsimp,
        sympy.logcombine,
        sympy.simplify,
        lambda formula: sympy.factor(sympy.simplify(formula)),
    ]


def _alternatives(request: dict[str, Any], steps: list[Callable[[Any], Any]]) -> Iterator[Expression]:
    import sympy
    from sympy.polys.polyerrors import BasePolynomialError

    expression = Expression.from_json(request["expression"])
    assumptions = {"positive": {"positive": True}, "nonnegative": {"nonnegative": True}, "real": {"real": True}}
    symbols = {
        sympy.Symbol(name): sympy.Symbol(name, **assumptions[request["signs"].get(name, "real")])
        for name in expression.variables
    }
    formula = to_sympy(expression).xreplace(symbols)
    seen: set[Any] = set()
    for step in steps:
        try:
            found = step(formula)
            if found not in seen:
                seen.add(found)
                yield from_sympy(found)
        except (*_REFUSALS, BasePolynomialError):
            continue


if __name__ == "__main__":
    main()
