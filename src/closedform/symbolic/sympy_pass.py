"""The last step of simplification: SymPy, in another process, under a time limit, its answers checked.

An answer is taken only if it is simpler and has the same values on random points of the domain. So the worst that SymPy
can do is to waste the time it was given.
"""

from __future__ import annotations

import json

from closedform.symbolic.canonical import canonical
from closedform.symbolic.equivalence import agree_on_samples
from closedform.symbolic.expression import Expression, apply, constant, variable
from closedform.symbolic.operators import OPERATORS
from closedform.symbolic.signs import Domain
from closedform.symbolic.timelimit import Helper

# Formulas of lower complexity leave nothing to find; larger ones take longer than anybody waits.
SMALLEST, LARGEST = 6, 60

_HELPER = Helper("closedform.symbolic.sympy_worker")
# No user can type this character into a name by accident.
_FREE = "\N{DOUBLE-STRUCK CAPITAL C}"


def start_helper() -> None:
    """Start the helper process, which takes about a second, without waiting for it."""
    _HELPER.start()


def simplest_by_sympy(expression: Expression, domain: Domain | None, time_limit: float) -> Expression:
    """Return the simplest of a canonical formula and what SymPy makes of it.

    Parameters
    ----------
    expression : Expression
        In canonical form.
    domain : mapping of str to (float, float) or None
        Ranges of variables: tells SymPy what is positive, and where values are compared.
    time_limit : float
        Seconds that SymPy may take, above 0. The start of the helper process is not counted.
    """
    if not SMALLEST <= expression.complexity <= LARGEST or time_limit <= 0:
        return expression
    if any(node.kind == "apply" and node.op.name not in OPERATORS for node in expression.walk()):
        # The helper process does not have a user's own operators.
        return expression
    question, numbers = _without_floats(expression)
    signs = {name: sign for name, (low, _) in (domain or {}).items() if (sign := _sign(low))}
    signs |= dict.fromkeys(numbers, "positive")
    request = json.dumps({"expression": question.to_json(), "signs": signs, "time_limit": time_limit})
    best = expression
    for answer in _HELPER.ask(request, time_limit):
        found = canonical(Expression.from_json(json.loads(answer)).substitute(numbers))
        if _cost(found) < _cost(best) and agree_on_samples(expression, found, domain):
            best = found
    return best


def _sign(low: float) -> str | None:
    return "positive" if low > 0 else "nonnegative" if low == 0 else None


def _cost(expression: Expression) -> tuple[int, int]:
    return expression.complexity, expression.n_constants


def _without_floats(expression: Expression) -> tuple[Expression, dict[str, Expression]]:
    """Return the formula with positive variables for the sizes of its free constants, and their values."""
    names: dict[float, str] = {}

    def exchange(node: Expression, args: tuple[Expression, ...]) -> Expression:
        if node.kind == "constant" and isinstance(node.value, float) and node.value != 0:
            name = names.setdefault(abs(node.value), f"{_FREE}{len(names)}")
            return variable(name) if node.value > 0 else -variable(name)
        return apply(node.op, *args) if args else node

    return expression.fold(exchange), {name: constant(size) for size, name in names.items()}
