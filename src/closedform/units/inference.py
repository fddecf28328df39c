"""What a formula is measured in, and where it adds up things that cannot be added.

Numbers in a formula are pure numbers, or, where that is allowed, carry a unit of their own which the rest of the
formula dictates: in ``9.81*t**2`` for a height, 9.81 is in m/s^2. The units of all numbers together solve a linear
system over the rational numbers, with one equation for each sum, function and power.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from closedform.symbolic.arithmetic import value_of
from closedform.symbolic.expression import Expression
from closedform.symbolic.printing import to_text
from closedform.units.dimensions import NUMBER, Dimension

_SAME = frozenset({"add", "sub", "min", "max"})
_KEEPS = frozenset({"neg", "abs"})
# Exponents that were fitted are read as the fraction they stand for.
_LARGEST_DENOMINATOR, _NEAR = 1000, 1e-6
_LONGEST_QUOTE = 60
_VERBS = {"add": "adds", "sub": "subtracts"}


@dataclass(frozen=True)
class Inference:
    """What was found out about a formula.

    Parameters
    ----------
    dimension : Dimension or None
        Of the whole formula; None where it makes no sense.
    constants : tuple of Dimension
        Of its free constants, in the order of ``expression.constants``.
    problem : str
        What is wrong, in one sentence; empty where nothing is.
    """

    dimension: Dimension | None
    constants: tuple[Dimension, ...] = ()
    problem: str = ""


def infer(
    expression: Expression,
    columns: Mapping[str, Dimension],
    target: Dimension | None = None,
    *,
    free_constants: bool = False,
    free_exponents: bool = False,
) -> Inference:
    """Work out the dimension of a formula.

    Parameters
    ----------
    expression : Expression
        The formula.
    columns : mapping of str to Dimension
        Dimensions of the variables; those that are missing are pure numbers.
    target : Dimension, optional
        What the formula must be measured in; anything if None.
    free_constants : bool, default=False
        Whether numbers may carry units: all but an exact 1 or -1, pi, and exponents. (Rounding makes a fitted 2.0 an
        exact 2, so that exact numbers may carry units too.)
    free_exponents : bool, default=False
        Whether exponents that are free constants may still change, so that a power of a quantity may be anything.

    Examples
    --------
    >>> from closedform.symbolic import Expression
    >>> from closedform.units.parsing import dimension_of
    >>> columns = {"a": dimension_of("kg", "a"), "b": dimension_of("m", "b")}
    >>> infer(Expression.parse("a + 2.5*b"), columns).problem
    'the sum a + 2.5*b adds kg and m'
    >>> str(infer(Expression.parse("a + 2.5*b"), columns, free_constants=True).constants[0])
    'kg/m'
    """
    system = _System()
    try:
        whole = _walk(expression, columns, system, free_constants, free_exponents)
        if target is not None and not system.equal(whole, _Form(target)):
            raise _ViolationError(f"the formula is in {system.text(whole)}, but the target is in {target}")
    except _ViolationError as violation:
        return Inference(None, problem=str(violation))
    return Inference(system.value(whole), tuple(system.value(form) for form in system.floats))


class _ViolationError(Exception):
    """The first place where a formula makes no sense."""


@dataclass(frozen=True)
class _Form:
    """A dimension times unknown dimensions to exact powers."""

    known: Dimension = NUMBER
    unknown: Mapping[int, Fraction] = field(default_factory=dict)

    def times(self, other: _Form, exponent: Fraction) -> _Form:
        """This times the other one to a power."""
        if not other.unknown and not other.known.exponents:
            return self
        unknown = dict(self.unknown)
        for place, number in other.unknown.items():
            unknown[place] = unknown.get(place, Fraction(0)) + exponent * number
        return _Form(self.known * other.known.power(exponent), {k: v for k, v in unknown.items() if v})


class _System:
    """The equations met so far, solved as far as they go: each one gives one unknown in terms of others."""

    def __init__(self) -> None:
        self._solved: dict[int, _Form] = {}
        self._count = 0
        self.floats: list[_Form] = []

    def new(self) -> _Form:
        """A dimension that is not known yet."""
        self._count += 1
        return _Form(NUMBER, {self._count: Fraction(1)})

    def equal(self, left: _Form, right: _Form) -> bool:
        """Add an equation; False if it contradicts the others."""
        rest = self._reduced(left.times(right, Fraction(-1)))
        if not rest.unknown:
            return rest.known.is_number
        place, number = next(iter(rest.unknown.items()))
        others = _Form(rest.known, {k: v for k, v in rest.unknown.items() if k != place})
        self._solved[place] = _Form().times(others, -1 / number)
        return True

    def _reduced(self, form: _Form) -> _Form:
        """The form with everything put in that is known."""
        while places := [place for place in form.unknown if place in self._solved]:
            number = form.unknown[places[0]]
            rest = _Form(form.known, {k: v for k, v in form.unknown.items() if k != places[0]})
            form = rest.times(self._solved[places[0]], number)
        return form

    def value(self, form: _Form) -> Dimension:
        """The dimension; what nothing dictates is a pure number."""
        return self._reduced(form).known

    def text(self, form: _Form) -> str:
        """The dimension for a message."""
        return str(self.value(form))


def _walk(
    expression: Expression, columns: Mapping[str, Dimension], system: _System, free: bool, free_exponents: bool
) -> _Form:
    """The form of the top node, from the leaves up; equal numbers at different places are different unknowns."""
    exponents = {id(node.args[1]) for node in expression.walk() if node.kind == "apply" and node.op.name == "pow"}
    done: list[_Form] = []
    floats: list[_Form] = []
    # Backwards, a node comes after its arguments, of which the last one was done first.
    for node in reversed(list(expression.walk())):
        if node.kind == "variable":
            form = _Form(columns.get(node.name, NUMBER))
        elif node.kind == "constant":
            form = _of_number(node, system, free and id(node) not in exponents)
            if isinstance(node.value, float):
                floats.append(form)
        else:
            arguments = [done.pop() for _ in node.args]
            form = _of_application(node, arguments, system, free_exponents)
        done.append(form)
    system.floats = floats[::-1]
    return done.pop()


def _of_number(node: Expression, system: _System, free: bool) -> _Form:
    fitted = isinstance(node.value, float)
    # Zero metres are zero seconds.
    return system.new() if node.value == 0 or (free and (fitted or node.value not in (1, -1))) else _Form()


def _of_application(node: Expression, forms: list[_Form], system: _System, free_exponents: bool) -> _Form:
    name = node.op.name
    if name in _SAME:
        _check_sum(node, forms, system)
        return forms[0]
    if name in _KEEPS:
        return forms[0]
    if name == "mul":
        form = _Form()
        for factor in forms:
            form = form.times(factor, Fraction(1))
        return form
    if name == "div":
        return forms[0].times(forms[1], Fraction(-1))
    if name == "sqrt":
        return _Form().times(forms[0], Fraction(1, 2))
    if name == "pow":
        return _of_power(node, forms, system, free_exponents)
    if name != "sign":
        for argument, form in zip(node.args, forms, strict=True):
            _check_number(argument, form, system, f"{name} takes a pure number")
    return _Form()


def _check_sum(node: Expression, forms: list[_Form], system: _System) -> None:
    for form in forms[1:]:
        if not system.equal(forms[0], form):
            first, second = system.text(forms[0]), system.text(form)
            if node.op.name in _VERBS:
                what = "difference" if node.op.name == "sub" else "sum"
                raise _ViolationError(f"the {what} {_quoted(node)} {_VERBS[node.op.name]} {first} and {second}")
            raise _ViolationError(f"{_quoted(node)} compares {first} and {second}")


def _of_power(node: Expression, forms: list[_Form], system: _System, free_exponents: bool) -> _Form:
    base, exponent = node.args
    if free_exponents and exponent.n_constants and not exponent.variables and base.variables:
        return _Form() if system.value(forms[0]).is_number and not forms[0].unknown else system.new()
    _check_number(exponent, forms[1], system, "an exponent must be a pure number")
    number = None if exponent.variables else value_of(exponent)
    if number is not None:
        return _Form().times(forms[0], _fraction(number))
    _check_number(base, forms[0], system, f"the exponent of {_quoted(node)} varies, so its base must be a pure number")
    return _Form()


def _check_number(node: Expression, form: _Form, system: _System, rule: str) -> None:
    if not system.equal(form, _Form()):
        raise _ViolationError(f"{rule}, but {_quoted(node)} is in {system.text(form)}")


def _fraction(number: float) -> Fraction:
    exact = Fraction(number)
    simple = exact.limit_denominator(_LARGEST_DENOMINATOR)
    return simple if abs(simple - exact) <= _NEAR else exact


def _quoted(node: Expression) -> str:
    text = to_text(node, precision=6)
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "..."
