"""Values of expressions on columns of numbers, fast and honest.

A value outside the domain of an operator is nan, and stays nan on the way up; NumPy warns about nothing here. Infinity
by overflow is passed on as floats do, but does not count as ok.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError, did_you_mean
from closedform.symbolic._program import Program
from closedform.symbolic.expression import Expression

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Rows per step of the Jacobian, which keeps one array per node alive.
_JACOBIAN_ROWS = 65_536


def evaluate(expression: Expression, columns: Any, names: Sequence[str] | None = None) -> FloatArray:
    """Return the values of the expression, one per row.

    Parameters
    ----------
    expression : Expression
    columns : mapping of str to array of shape (n_rows,), a table with named columns, or ndarray of shape (n_rows, d)
        Numbers of any real dtype. Single numbers in a mapping count for all rows.
    names : sequence of str, of length d, or None
        What the columns of a two-dimensional array are called; x0, x1, ... if None.

    Returns
    -------
    ndarray of shape (n_rows,)
        float64; nan where the expression is undefined. A mapping without columns has one row.

    Raises
    ------
    InputError
        If a column is missing, is not numeric, or has another length than the rest.
    """
    bound, n_rows = _bind(expression.variables, columns, names)
    return _program(expression).run(bound, n_rows)


def evaluate_with_ok(
    expression: Expression, columns: Any, names: Sequence[str] | None = None
) -> tuple[FloatArray, BoolArray]:
    """Return the values and a mask that is True where they are defined and finite.

    Parameters and errors are those of `evaluate`.

    Returns
    -------
    values : ndarray of shape (n_rows,)
    ok : ndarray of bool, of shape (n_rows,)
    """
    values = evaluate(expression, columns, names)
    return values, np.isfinite(values)


def compile(expression: Expression, names: Sequence[str]) -> Callable[[NDArray[Any]], FloatArray]:
    """Return a function from an array of shape (n_rows, d) to the values, for repeated use.

    Parameters
    ----------
    expression : Expression
    names : sequence of str, of length d
        The columns of the array, in order.

    Raises
    ------
    InputError
        If a variable of the expression is not among the names; the returned function raises it for an array of another
        shape.
    """
    program = _program(expression)
    positions = [_position(name, list(names)) for name in expression.variables]
    width = len(names)

    def compiled(table: NDArray[Any]) -> FloatArray:
        if table.ndim != 2 or table.shape[1] != width:
            raise InputError(f"expected an array of shape (n_rows, {width}), but its shape is {table.shape}")
        return program.run([_numeric(table[:, position], names[position]) for position in positions], len(table))

    return compiled


def jacobian_constants(
    expression: Expression, columns: Any, names: Sequence[str] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return the values and their derivatives in the free constants.

    Parameters and errors are those of `evaluate`.

    Returns
    -------
    values : ndarray of shape (n_rows,)
    jacobian : ndarray of shape (n_rows, n_constants)
        In the order of ``expression.constants``; nan in rows where the values are not finite.
    """
    from closedform.symbolic._constant_model import ConstantModel

    bound, n_rows = _bind(expression.variables, columns, names)
    floats = [np.ascontiguousarray(column, dtype=np.float64) for column in bound]
    theta = np.array(expression.constants)
    values = np.empty(n_rows)
    jacobian = np.empty((n_rows, theta.size))
    with np.errstate(all="ignore"):
        for start in range(0, n_rows, _JACOBIAN_ROWS):
            rows = slice(start, min(start + _JACOBIAN_ROWS, n_rows))
            part = {name: column[rows] for name, column in zip(expression.variables, floats, strict=True)}
            values[rows], jacobian[rows] = ConstantModel(expression, part, rows.stop - rows.start)(theta)
    jacobian[~np.isfinite(values)] = np.nan
    return values, jacobian


def _program(expression: Expression) -> Program:
    program: Program | None = expression._program
    if program is None:
        program = Program(expression)
        object.__setattr__(expression, "_program", program)
    return program


# --- from what the caller has to one array per variable ---------------------------------------------------------------


def _bind(variables: Sequence[str], columns: Any, names: Sequence[str] | None) -> tuple[list[NDArray[Any]], int]:
    """Return one column per variable and the number of rows."""
    if isinstance(columns, Mapping) or hasattr(columns, "columns") or hasattr(columns, "column_names"):
        return _bind_table(variables, columns)
    table = np.asarray(columns)
    if table.ndim != 2:
        raise InputError(
            f"expected columns by name or an array of shape (n_rows, d), but the shape is {table.shape}; "
            "a single column goes in as {'name': values}"
        )
    known = [f"x{index}" for index in range(table.shape[1])] if names is None else list(names)
    if len(known) != table.shape[1]:
        raise InputError(f"{len(known)} names were given for an array of {table.shape[1]} columns")
    return [_numeric(table[:, _position(name, known)], name) for name in variables], len(table)


def _bind_table(variables: Sequence[str], columns: Any) -> tuple[list[NDArray[Any]], int]:
    bound = [_numeric(_column(columns, name), name) for name in variables]
    lengths = {len(column): name for column, name in zip(bound, variables, strict=True) if column.ndim}
    if len(lengths) > 1:
        listed = ", ".join(f"{name!r} has {length}" for length, name in lengths.items())
        raise InputError(f"all columns must have the same number of rows, but {listed}")
    n_rows = next(iter(lengths)) if lengths else _row_count(columns)
    return [column if column.ndim else np.broadcast_to(column, (n_rows,)) for column in bound], n_rows


def _row_count(columns: Any) -> int:
    """Return the number of rows of a table of which no column is used."""
    if not isinstance(columns, Mapping):
        return len(columns)
    return max((len(column) for column in columns.values() if np.ndim(column)), default=1)


def _column(columns: Any, name: str) -> Any:
    try:
        return columns[name]
    except (KeyError, LookupError):
        known = [str(key) for key in columns] if isinstance(columns, Mapping) else _header(columns)
        raise _missing(name, known) from None


def _header(table: Any) -> list[str]:
    return [str(name) for name in (table.column_names if hasattr(table, "column_names") else table.columns)]


def _position(name: str, known: list[str]) -> int:
    if name not in known:
        raise _missing(name, known)
    return known.index(name)


def _missing(name: str, known: list[str]) -> InputError:
    listed = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
    return InputError(
        f"the formula needs a column {name!r}, which is missing{did_you_mean(name, known)}; "
        f"the columns are {listed or 'none'}"
    )


def _numeric(column: Any, name: str) -> NDArray[Any]:
    """Return the column as a real array of at most one dimension."""
    array = np.asarray(column)
    if array.dtype.kind == "O":  # nullable integers, Decimal and the like
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise _not_numeric(array, name) from None
    if array.dtype.kind not in "fiub":
        raise _not_numeric(array, name)
    if array.ndim > 1:
        raise InputError(f"column {name!r} must be one-dimensional, but its shape is {array.shape}")
    return array


def _not_numeric(array: NDArray[Any], name: str) -> InputError:
    return InputError(f"column {name!r} must hold numbers, but its type is {array.dtype}")
