"""The form of a law as far as it is known: columns, free constants, and functions that are to be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedform.constraints.base import Constraint
from closedform.exceptions import InputError, ParseError, did_you_mean
from closedform.preprocessing.scaling import Scaling
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression, constant
from closedform.symbolic.operators import OPERATORS
from closedform.symbolic.parse import Call, parse_form
from closedform.symbolic.vocabulary import needed, uses_only

FloatArray = NDArray[np.float64]

# Names of constants are short; a longer one that nearly is the name of a column is a slip of the pen.
_SHORT = 2


@dataclass(frozen=True)
class Form:
    """The form of a law, over the columns of a table.

    Parameters
    ----------
    expression : Expression
        The law; its variables are columns, free constants, and the calls of unknown functions by their text.
    constants : tuple of str
        Names of the free constants.
    calls : tuple of Call
        The unknown functions with their arguments, formulas of columns.
    """

    expression: Expression
    constants: tuple[str, ...]
    calls: tuple[Call, ...]

    @property
    def repeated(self) -> tuple[str, ...]:
        """The free constants that stand at more than one place."""
        leaves = [node.name for node in self.expression.walk() if node.kind == "variable"]
        return tuple(name for name in self.constants if leaves.count(name) > 1)

    @property
    def operators(self) -> frozenset[str]:
        """The operators that stand in it."""
        parts = [self.expression, *(one for call in self.calls for one in call.arguments)]
        return frozenset(
            name for part in parts for node in part.walk() if node.kind == "apply" for name in needed(node)
        )

    def rescaled(self, scaling: Scaling) -> Form:
        """Return the form for scaled columns and a scaled target.

        Parameters
        ----------
        scaling : Scaling
            From the scaled ones back to the original ones.
        """
        if scaling.is_identity:
            return self
        columns = Scaling(scaling.names, scaling.factors)
        calls = tuple(
            Call(call.name, call.function, tuple(columns.to_original(one) for one in call.arguments))
            for call in self.calls
        )
        return Form(scaling.to_original(self.expression), self.constants, calls)


def read_form(text: str, names: Sequence[str], left_out: Mapping[str, float] | None = None) -> Form:
    """Read a form.

    Parameters
    ----------
    text : str
        Such as ``"A*exp(-k*t) + c"`` or ``"a*f(x) + b*z"``. What is neither a column nor a known function is a free
        constant or, with parentheses, a function to be found, of formulas of columns.
    names : sequence of str
        The columns.
    left_out : mapping of str to float, optional
        Columns that are constant, which no formula may use, and their values.

    Raises
    ------
    InputError
        If the text is no formula, a name looks like a slip of the pen, or the form leaves nothing to be done.

    Examples
    --------
    >>> form = read_form("a*f(x) + b*z", ["x", "z"])
    >>> form.constants, [call.name for call in form.calls]
    (('a', 'b'), ['f(x)'])
    """
    expression, calls = parse_form(text, names)
    _check_functions(text, calls, names)
    known = {*names, *(call.name for call in calls)}
    free = tuple(name for name in expression.variables if name not in known)
    arguments = [name for call in calls for one in call.arguments for name in one.variables]
    _refuse_left_out(f"form {text!r}", [*free, *arguments], left_out or {})
    for name in free:
        hint = did_you_mean(name, names) if len(name) > _SHORT else ""
        if hint:
            raise InputError(
                f"form {text!r}: there is no column {name!r}{hint}. A free constant needs a name that is less like one."
            )
    for call in calls:
        strangers = [name for one in call.arguments for name in one.variables if name not in names]
        if strangers:
            raise InputError(
                f"form {text!r}: {call.function} may be a function of columns only, but {strangers[0]!r} is none"
                f"{did_you_mean(strangers[0], names)}."
            )
    if not free and not calls:
        raise InputError(f"form {text!r} has neither a free constant nor an unknown function: nothing is left to find.")
    form = Form(expression, free, calls)
    if calls and form.repeated:
        raise InputError(
            f"form {text!r}: the constant {form.repeated[0]!r} stands at several places, which is supported for forms "
            "without unknown functions only; rewrite the form so that it stands at one."
        )
    return form


def check_form_fits(text: str, form: Form, constraints: Sequence[Constraint], max_complexity: int) -> None:
    """Raise InputError if no formula of this form can keep to the constraints or the largest complexity."""
    # Numbers that canonical forms do not merge with others.
    written = start_values(form, {name: 1.37 + 0.11 * k for k, name in enumerate(form.constants)})
    if written.complexity > max_complexity:
        raise InputError(
            f"form {text!r} has complexity {written.complexity}, above max_complexity={max_complexity}: "
            "raise the limit."
        )
    forbidden = sorted(form.operators & {name for one in constraints for name in one.operators()})
    if forbidden:
        raise InputError(f"form {text!r} contains {forbidden[0]!r}, which the constraints forbid.")
    broken = [] if form.calls else [one for one in constraints if not one.admits_form(written)]
    if broken:
        raise InputError(f"form {text!r} breaks the constraint {broken[0]}.")


def _check_functions(text: str, calls: Sequence[Call], names: Sequence[str]) -> None:
    seen: dict[str, Call] = {}
    for call in calls:
        if call.function in names:
            raise InputError(f"form {text!r}: {call.function!r} is a column; write * for a product.")
        hint = did_you_mean(call.function, OPERATORS) if len(call.function) > _SHORT else ""
        if hint:
            raise InputError(
                f"form {text!r}: there is no function {call.function!r}{hint}. "
                "A function to be found needs another name, such as f."
            )
        if call.function in seen and seen[call.function] != call:
            raise InputError(
                f"form {text!r}: {call.function} stands at two places with different arguments, "
                "which is not supported; give the functions different names."
            )
        if not any(one.variables for one in call.arguments):
            raise InputError(f"form {text!r}: {call.function} needs at least one column as its argument.")
        seen[call.function] = call


def _refuse_left_out(what: str, names: Sequence[str], left_out: Mapping[str, float]) -> None:
    for name in names:
        if name in left_out:
            raise InputError(
                f"{what}: column {name!r} has the same value in all rows; write the number {left_out[name]:g} instead."
            )


def read_guess(
    guess: object,
    names: Sequence[str],
    left_out: Mapping[str, float] | None = None,
    operators: frozenset[str] | None = None,
) -> Expression:
    """Return a starting formula over these columns; raises InputError if it is none.

    Parameters
    ----------
    guess : str or Expression
    names : sequence of str
        The columns.
    left_out : mapping of str to float, optional
        Columns that are constant, which no formula may use, and their values.
    operators : frozenset of str, optional
        What it may contain; None allows anything.
    """
    if not isinstance(guess, str | Expression):
        raise InputError(f'guesses must hold formulas as text or Expression, such as ["2.0*x"], got {guess!r}.')
    known = [*names, *(left_out or {})]
    try:
        expression = Expression.parse(guess, known) if isinstance(guess, str) else guess
    except ParseError as problem:
        raise InputError(f"guess {guess!r}: {problem}") from None
    _refuse_left_out(f"guess {str(guess)!r}", expression.variables, left_out or {})
    if operators is not None and not uses_only(expression, operators):
        raise InputError(f"guess {str(guess)!r} contains an operator that may not be used; allow it in operators.")
    strangers = [name for name in expression.variables if name not in names]
    if strangers:
        raise InputError(
            f"guess {str(guess)!r}: there is no column {strangers[0]!r}{did_you_mean(strangers[0], names)}."
        )
    return expression


def start_values(form: Form, values: Mapping[str, float]) -> Expression:
    """Return the form with numbers for its free constants."""
    return form.expression.substitute({name: constant(float(values[name])) for name in form.constants})


def argument_values(call: Call, columns: Mapping[str, FloatArray], n_rows: int) -> FloatArray:
    """Return the arguments of an unknown function on some rows, of shape (n_rows, n_arguments)."""
    return np.column_stack([np.broadcast_to(evaluate(one, columns), (n_rows,)) for one in call.arguments])


def argument_names(call: Call) -> tuple[str, ...]:
    """Return names for the arguments of an unknown function: that of the column, or the formula as text."""
    return tuple(one.name if one.kind == "variable" else str(one) for one in call.arguments)
