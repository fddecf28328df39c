"""Operators of the user's own: one row of the operator table, made from functions of NumPy arrays.

An own operator is an object that is handed around: to an estimator, to `load`, to the parser. There is no registry.
Names in texts and model files are looked up among the built-in operators and those that
:func:`closedform.symbolic.operators.known_operators` lists for the time of a ``with`` block.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError
from closedform.symbolic._interval_rules import EVERYWHERE, Bounds
from closedform.symbolic._table import Draft
from closedform.symbolic.operators import OPERATORS, TARGETS, Operator

FloatArray = NDArray[np.float64]
Function = Callable[..., Any]

# Where a function is tried out before it is used: of either sign, with zero, small, large.
_TRIALS = np.array([-1e6, -7.5, -2.0, -1.0, -0.3, -1e-6, 0.0, 1e-6, 0.3, 0.75, 1.0, 2.5, 7.5, 1e6])
_COMPLEX_STEP = 1e-30
_STEP = float(np.cbrt(np.finfo(np.float64).eps))
_CLOSE = 1e-4


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class OwnOperator(Operator):
    """A row of the operator table that a user has made; see :func:`own_operator`.

    Attributes
    ----------
    recipe : mapping of str to object
        The arguments of `own_operator`, for pickling.
    """

    recipe: Mapping[str, Any] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _again, (dict(self.recipe),)

    def __deepcopy__(self, _memo: dict[int, Any]) -> OwnOperator:
        return self

    def __copy__(self) -> OwnOperator:
        return self


def own_operator(
    name: str,
    function: Function,
    *,
    derivative: Function | Sequence[Function] | None = None,
    domain: Function | None = None,
    interval: Callable[..., Bounds] | None = None,
    complexity: int = 1,
    commutative: bool = False,
    spelling: Mapping[str, str] | None = None,
) -> OwnOperator:
    """Make an operator from a function of one or two NumPy arrays.

    Parameters
    ----------
    name : str
        How it is written in formulas: a word that no built-in operator has.
    function : callable
        Takes one or two float arrays of the same shape and returns one; NaN where it has no value.
    derivative : callable or sequence of callable, optional
        The partial derivative in each argument, called like `function`. By default by complex steps where `function`
        takes complex numbers, which is exact, else by central differences.
    domain : callable, optional
        Called like `function`; True where there is a value. By default wherever the value is finite.
    interval : callable, optional
        Takes a pair ``(low, high)`` for each argument and returns a pair that contains every value on that box. By
        default nothing is known, and no formula with the operator is proven to be free of poles.
    complexity : int, default=1
        What one use costs.
    commutative : bool, default=False
        Whether the order of two arguments does not matter.
    spelling : mapping of str to str, optional
        How it is written for a target of export, such as ``{"c": "softplus({0})", "latex": "s({0})"}``. LaTeX and SymPy
        can do without; ``"python"``, ``"numpy"``, ``"c"``, ``"torch"`` and ``"excel"`` raise an error.

    Returns
    -------
    OwnOperator
        For ``SymbolicRegressor(operators=[..., operator])``, ``load(path, operators=[operator])`` and, by
        :func:`closedform.symbolic.operators.known_operators`, for the parser.

    Raises
    ------
    InputError
        If the name is taken, or the function does not do what is asked of it on a few trial values.

    Examples
    --------
    >>> import numpy as np
    >>> from closedform.symbolic import Expression, apply, variable
    >>> softplus = own_operator("softplus", lambda x: np.logaddexp(0.0, x))
    >>> formula = 2.0 * apply(softplus, variable("x"))
    >>> print(formula)
    2.0*softplus(x)
    >>> formula.evaluate({"x": [0.0]}).round(6)
    array([1.386294])
    """
    recipe = {
        "name": name,
        "function": function,
        "derivative": derivative if derivative is None or callable(derivative) else tuple(derivative),
        "domain": domain,
        "interval": interval,
        "complexity": complexity,
        "commutative": commutative,
        "spelling": dict(spelling or {}),
    }
    return _again(recipe)


# The same arguments give the same object, as long as it is in use: unpickled formulas are those that were pickled.
_made: WeakValueDictionary[tuple[Any, ...], OwnOperator] = WeakValueDictionary()


def _again(recipe: Mapping[str, Any]) -> OwnOperator:
    key = tuple(tuple(sorted(value.items())) if isinstance(value, dict) else value for value in recipe.values())
    known = _made.get(key)
    if known is None:
        known = _made[key] = _row(MappingProxyType(dict(recipe)))
    return known


def _row(recipe: Mapping[str, Any]) -> OwnOperator:
    name, complexity, spelling = recipe["name"], recipe["complexity"], recipe["spelling"]
    _check_name(name)
    if isinstance(complexity, bool) or not isinstance(complexity, int) or complexity < 1:
        raise InputError(f"complexity of {name!r} must be a whole number of at least 1, got {complexity!r}.")
    unknown = [target for target in spelling if target not in TARGETS[1:]]
    if unknown:
        raise InputError(f"spelling of {name!r} has no target {unknown[0]!r}; known are {', '.join(TARGETS[1:])}.")
    arity = recipe.get("arity") or _arity(name, recipe["function"])
    values = _valued(name, recipe["function"], recipe["domain"], arity)
    slopes = _slopes(name, values, recipe["function"], recipe["derivative"], arity)
    return OwnOperator(
        name,
        arity,
        values,
        None,
        _rule(name, slopes, recipe),
        recipe["interval"] or (lambda *_: EVERYWHERE),
        recipe["domain"] or (lambda *args: np.isfinite(values(*args))),
        # Nothing is known about whole boxes, so that nothing is claimed about them.
        lambda *_: False,
        MappingProxyType({"latex": _latex(name, arity), **spelling}),
        complexity=complexity,
        commutative=bool(recipe["commutative"]),
        recipe=recipe,
    )


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(f"the name of an operator must be a word such as 'softplus', got {name!r}.")
    if name in OPERATORS or name in ("var", "frac", "e"):
        raise InputError(f"there is an operator {name!r} already; choose another name.")


def _latex(name: str, arity: int) -> str:
    escaped = name.replace("_", r"\_")
    inside = ", ".join(f"{{{k}}}" for k in range(arity))
    return rf"\operatorname{{{{{escaped}}}}}\left({inside}\right)"


def _arity(name: str, function: Any) -> int:
    if not callable(function):
        raise InputError(f"the function of {name!r} must be a callable of one or two arrays, got {function!r}.")
    if isinstance(function, np.ufunc):
        count = function.nargs - function.nout
    else:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            raise InputError(f"the function of {name!r} does not tell its arguments; wrap it in a lambda.") from None
        needed = [one for one in parameters if one.default is one.empty and one.kind in (0, 1)]
        count = len(needed)
    if count not in (1, 2):
        raise InputError(f"the function of {name!r} must take one or two arrays, but it takes {count}.")
    return count


def _valued(name: str, function: Function, domain: Function | None, arity: int) -> Function:
    """The function on arrays and scalars alike, NaN outside the domain, tried out."""

    def values(*args: Any) -> Any:
        arrays = np.broadcast_arrays(*[np.atleast_1d(np.asarray(arg, dtype=np.float64)) for arg in args])
        result = np.asarray(function(*arrays), dtype=np.float64)
        if domain is not None:
            result = np.where(domain(*arrays), result, np.nan)
        scalar = all(np.ndim(arg) == 0 for arg in args)
        return result.reshape(())[()] if scalar else result

    points = np.meshgrid(*[_TRIALS] * arity)
    args = [axis.ravel() for axis in points]
    before = [axis.copy() for axis in args]
    with np.errstate(all="ignore"):
        try:
            result = np.asarray(function(*args))
        except Exception as error:
            # Whatever a user's function raises is said in terms of what was asked of it.
            raise InputError(
                f"the function of {name!r} fails on an array of {args[0].size} numbers: {type(error).__name__}: {error}"
            ) from error
    if result.shape != args[0].shape or result.dtype.kind not in "fiub":
        raise InputError(
            f"the function of {name!r} must return real numbers, one for each of {args[0].size} rows; "
            f"it returns an array of shape {result.shape} and type {result.dtype}."
        )
    if any(not np.array_equal(one, other) for one, other in zip(args, before, strict=True)):
        raise InputError(f"the function of {name!r} changes its arguments; it must leave them as they are.")
    with np.errstate(all="ignore"):
        tried = values(*before)
    if not np.isfinite(tried).any():
        raise InputError(f"the function of {name!r} has no finite value at any of {tried.size} trial points.")
    return values


def _slopes(
    name: str, values: Function, function: Function, given: Function | Sequence[Function] | None, arity: int
) -> list[Function]:
    """Partial derivatives as functions of arrays."""
    if given is None:
        return [_numeric_slope(values, function, index, arity) for index in range(arity)]
    slopes = [given] if callable(given) else list(given)
    if len(slopes) != arity:
        raise InputError(f"{name!r} takes {arity} argument(s), but {len(slopes)} derivative(s) were given.")
    for index, slope in enumerate(slopes):
        _check_slope(name, slope, _differences(values, index), index, arity)
    return slopes


def _check_slope(name: str, slope: Function, differences: Function, index: int, arity: int) -> None:
    args = [axis.ravel() for axis in np.meshgrid(*[_TRIALS[1:-1]] * arity)]
    with np.errstate(all="ignore"):
        told, seen = np.asarray(slope(*args), dtype=np.float64), differences(*args)
    both = np.isfinite(told) & np.isfinite(seen)
    # Beside a pole or a kink differences say nothing; elsewhere most must agree.
    wrong = ~np.isclose(told, seen, rtol=1e-3, atol=1e-4) & both
    if not both.any() or wrong.sum() > 0.2 * both.sum():
        place = ", ".join(f"{float(arg[np.argmax(wrong)]):g}" for arg in args)
        raise InputError(
            f"the derivative of {name!r} in argument {index + 1} does not agree with differences of its values, "
            f"as at ({place})."
        )


def _numeric_slope(values: Function, function: Function, index: int, arity: int) -> Function:
    """By complex steps where the function takes complex numbers and these agree with differences, else by these."""
    differences = _differences(values, index)

    def steps(*args: Any) -> Any:
        moved = [np.asarray(arg, dtype=np.complex128) for arg in args]
        moved[index] = moved[index] + _COMPLEX_STEP * 1j
        return np.imag(function(*moved)) / _COMPLEX_STEP

    args = [axis.ravel() for axis in np.meshgrid(*[_TRIALS[1:-1]] * arity)]
    with np.errstate(all="ignore"):
        try:
            exact = np.asarray(steps(*args), dtype=np.float64)
        # A function of real numbers may fail in any way on complex ones.
        except Exception:
            return differences
        rough = differences(*args)
    both = np.isfinite(exact) & np.isfinite(rough)
    same = exact.shape == rough.shape and both.any() and np.allclose(exact[both], rough[both], rtol=_CLOSE, atol=_CLOSE)
    return steps if same else differences


def _differences(values: Function, index: int) -> Function:
    def slope(*args: Any) -> Any:
        step = _STEP * np.maximum(np.abs(args[index]), 1.0)
        up, down = list(args), list(args)
        up[index], down[index] = args[index] + step, args[index] - step
        return (values(*up) - values(*down)) / (up[index] - down[index])

    return slope


def _rule(name: str, slopes: Sequence[Function], recipe: Mapping[str, Any]) -> Callable[..., Any]:
    """The derivative rule of a row: numbers from arrays, and for formulas an operator of its own."""

    def rule(_ops: Any, _value: Any, args: tuple[Any, ...], index: int) -> Any:
        if not any(isinstance(arg, Draft) for arg in args):
            return slopes[index](*args)
        from closedform.symbolic._build import apply

        ending = f"_d{index + 1}" if len(slopes) > 1 else "_d"
        return apply(
            _again({**recipe, **_PLAIN, "name": name + ending, "function": slopes[index], "arity": len(slopes)}), *args
        )

    return rule


_PLAIN: Mapping[str, Any] = MappingProxyType(
    {"derivative": None, "interval": None, "commutative": False, "spelling": {}}
)
