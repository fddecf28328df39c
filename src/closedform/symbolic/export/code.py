"""Formulas as source code: Python, NumPy, torch, C and Excel.

Every target gives the value of :meth:`Expression.evaluate` to a few units in the last place, and nan (an error value
in Excel) where the formula is not defined or its value overflows. Two things differ in Excel, which has neither
infinity nor ``0^0``: a formula in which an intermediate value overflows is an error even where the result would be
finite, as in ``1/(1 + EXP(800))``, and zero to the power zero is an error. One more thing cannot be prevented there:
a negative number to the power of a variable that happens to be 1/3, 1/5, ... has a value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from closedform.exceptions import InputError, NotSupportedError, did_you_mean
from closedform.symbolic.export._helpers import HELPERS
from closedform.symbolic.export._render import Body, Dialect, render
from closedform.symbolic.export.names import NAME_RULES, argument_names, free_name, quote_name
from closedform.symbolic.expression import Expression, apply, constant

_EXCEL_LONGEST = 8192  # characters in a cell
_EXCEL_NODES = 4096  # each node is at least two characters


@dataclass(frozen=True, slots=True)
class Function:
    """A rendered formula and what the frame around it needs to know.

    Parameters
    ----------
    name : str
        Name of the function.
    arguments : mapping of str to str
        Column name to argument name, in order.
    body : Body
        Statements, result and helpers.
    target : str
        The language.
    """

    name: str
    arguments: Mapping[str, str]
    body: Body
    target: str

    @property
    def parameters(self) -> str:
        """The argument names, separated by commas."""
        return ", ".join(self.arguments.values())

    @property
    def is_constant(self) -> bool:
        """Whether the value does not depend on the arguments."""
        return self.body.result.value is not None

    def local(self, name: str) -> str:
        """`name`, or a variant of it that is not the name of an argument or a temporary."""
        taken = {*self.arguments.values(), *(temporary for temporary, _ in self.body.statements)}
        return free_name(name, taken, NAME_RULES[self.target])

    def helper_sources(self) -> list[str]:
        """Source of the helpers in use, in the order in which they are written down."""
        return [source for name, source in HELPERS[self.target].items() if name in self.body.helpers]

    def renamed(self, mark: str) -> list[str]:
        """Comment lines that say which argument is which column, where the two differ."""
        pairs = ((argument, name) for name, argument in self.arguments.items() if argument != name)
        ascii_only = NAME_RULES[self.target].ascii_only
        return [f"{mark} {argument} is the column {quote_name(name, ascii_only)}" for argument, name in pairs]


def to_code(
    expression: Expression,
    target: str = "python",
    *,
    function_name: str = "formula",
    arguments: Iterable[str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> str:
    """Source code that computes a formula.

    Parameters
    ----------
    expression : Expression
        The formula.
    target : {"python", "numpy", "torch", "c", "excel"}, default "python"
        "python" takes numbers and needs only the standard library; "numpy" takes arrays and "torch" tensors, which
        broadcast; "c" is C99 (and C++), free of warnings; "excel" is one cell's formula.
    function_name : str, default "formula"
        Name of the function; of no effect for Excel.
    arguments : iterable of str, optional
        Column names in the order of the arguments, a superset of the formula's variables. The default is
        ``expression.variables``. Names that the language does not allow are changed; a comment says which is which.
    columns : mapping of str to str, optional
        Excel only: the reference to write for each variable, such as ``{"distance": "A2"}``. Without it the formula
        uses names, to be defined in the workbook or bound by ``LET``.

    Returns
    -------
    str
        The source text, ending in a newline (Excel: one line without).

    Raises
    ------
    InputError
        If the target is unknown, the function name not an identifier, or a variable missing.
    NotSupportedError
        If the formula is too long for a cell.

    Examples
    --------
    >>> print(to_code(Expression.parse("2*x**2 + log(y)"), "c"))
    #include <math.h>
    <BLANKLINE>
    /* Value of the formula, NAN where it is not defined. */
    double formula(double x, double y)
    {
        const double value = 2.0*pow(x, 2.0) + log(y);
        return isfinite(value) ? value : NAN;
    }
    <BLANKLINE>
    """
    if target not in DIALECTS:
        hint = did_you_mean(str(target), DIALECTS)
        raise InputError(f"the target must be one of {', '.join(DIALECTS)}; got {target!r}{hint}")
    names = list(expression.variables if arguments is None else arguments)
    _check_arguments(expression, names)
    allowed = argument_names([function_name], target)[function_name]
    if allowed != function_name or not function_name.isidentifier():
        raise InputError(f"function_name must be a legal name in {target}, such as {allowed!r}; got {function_name!r}")
    if target == "excel":
        return _excel(expression, names, columns)
    if columns is not None:
        raise InputError(f"columns are cell references and belong to the target 'excel'; got them for {target!r}")
    chosen = argument_names(names, target)
    body = render(expression, DIALECTS[target], chosen)
    return _FRAMES[target](Function(function_name, chosen, body, target))


def _check_arguments(expression: Expression, names: list[str]) -> None:
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InputError(f"arguments must be distinct; {', '.join(map(repr, twice))} came more than once")
    missing = [name for name in expression.variables if name not in names]
    if missing:
        raise InputError(
            f"arguments must name all variables of the formula; {', '.join(map(repr, missing))} is missing"
        )


# --- one frame per target ---------------------------------------------------------------------------------------------


def _python(function: Function) -> str:
    value = function.local("value")
    lines = ["import math", "", *_helper_block(function), ""]
    lines += [*function.renamed("#"), f"def {function.name}({function.parameters}):"]
    lines += ['    """Value of the formula, nan where it is not defined."""', "    try:"]
    lines += [f"        {name} = {text}" for name, text in function.body.statements]
    lines += [f"        {value} = {function.body.result.text}"]
    lines += ["    except (ValueError, ZeroDivisionError, OverflowError):", "        return math.nan"]
    lines += [f"    return {value} if math.isfinite({value}) else math.nan", ""]
    return "\n".join(lines)


def _numpy(function: Function) -> str:
    value, names = function.local("value"), list(function.arguments.values())
    result = function.body.result.text
    if function.is_constant and names:
        result = f"np.full(np.shape({names[0]}), {result})"
    lines = ["import numpy as np", "", *_helper_block(function), ""]
    lines += [*function.renamed("#"), f"def {function.name}({function.parameters}):"]
    lines += ['    """Values of the formula, nan where it is not defined."""']
    lines += [f"    {name} = np.asarray({name}, dtype=float)" for name in names]
    lines += ['    with np.errstate(all="ignore"):']
    lines += [f"        {name} = {text}" for name, text in function.body.statements]
    lines += [f"        {value} = {result}", f"    return np.where(np.isfinite({value}), {value}, np.nan)", ""]
    return "\n".join(lines)


def _torch(function: Function) -> str:
    value, names = function.local("value"), list(function.arguments.values())
    result = function.body.result.text
    if function.is_constant:
        result = f"torch.full_like({names[0]}, {result})" if names else f"torch.tensor({result}, dtype=torch.float64)"
    lines = ["import math"] if any("math." in text for text in function.body.texts) else []
    lines += [*(["", "import torch"] if lines else ["import torch"]), "", *_helper_block(function), ""]
    lines += [*function.renamed("#"), f"def {function.name}({function.parameters}):"]
    lines += ['    """Values of the formula for floating-point tensors, nan where it is not defined."""']
    lines += [f"    {name} = {text}" for name, text in function.body.statements]
    lines += [f"    {value} = {result}", f"    return torch.where(torch.isfinite({value}), {value}, torch.nan)", ""]
    return "\n".join(lines)


def _c(function: Function) -> str:
    value = function.local("value")
    parameters = ", ".join(f"double {name}" for name in function.arguments.values()) or "void"
    texts = function.body.texts
    lines = ["#include <math.h>", ""]
    if any("M_PI" in text for text in texts):  # strict C99 does not define it
        lines += ["#ifndef M_PI", f"#define M_PI {math.pi!r}", "#endif", ""]
    lines += [source.strip("\n") + "\n" for source in function.helper_sources()]
    lines += ["/* Value of the formula, NAN where it is not defined. */", *function.renamed("//")]
    lines += [f"double {function.name}({parameters})", "{"]
    used = re.findall(r"\w+", " ".join(texts))
    lines += [f"    (void){name};" for name in function.arguments.values() if name not in used]
    lines += [f"    const double {name} = {text};" for name, text in function.body.statements]
    lines += [f"    const double {value} = {function.body.result.text};"]
    lines += [f"    return isfinite({value}) ? {value} : NAN;", "}", ""]
    return "\n".join(lines)


def _excel(expression: Expression, names: list[str], columns: Mapping[str, str] | None) -> str:
    if expression.size > _EXCEL_NODES:
        raise NotSupportedError(_too_long(f"{expression.size} nodes"))
    if columns is None:
        references: Mapping[str, str] = argument_names(names, "excel")
    else:
        missing = [name for name in expression.variables if name not in columns]
        if missing:
            raise InputError(f"columns must give a cell for each variable; {', '.join(map(repr, missing))} is missing")
        references = columns
    text = f"={render(_without_odd_roots(expression), DIALECTS['excel'], references).result.text}"
    if len(text) > _EXCEL_LONGEST:
        raise NotSupportedError(_too_long(f"{len(text)} characters"))
    return text


def _too_long(size: str) -> str:
    return (
        f"an Excel cell holds a formula of at most {_EXCEL_LONGEST} characters, this one has {size}; "
        "simplify the formula or export it as 'python'"
    )


def _without_odd_roots(expression: Expression) -> Expression:
    """Write ``x**(1/3)`` as ``sqrt(x)**(2/3)``.

    Spreadsheets answer -2 for ``POWER(-8, 1/3)`` although the power of a negative number with a fractional exponent is
    not defined; the root makes it an error.
    """

    def rewrite(node: Expression, args: tuple[Expression, ...]) -> Expression:
        if not args:
            return node
        if node.op.name == "pow" and _is_odd_root(node.args[1]):
            number = node.args[1].value if node.args[1].kind == "constant" else None
            exponent = 2 * args[1] if number is None else constant(2 * number)
            return apply("pow", apply("sqrt", args[0]), exponent)
        return apply(node.op, *args)

    return expression.fold(rewrite)


def _is_odd_root(exponent: Expression) -> bool:
    """Whether the exponent is a number within rounding of 1/3, -1/3, 1/5, ..."""
    if exponent.variables:
        return False
    value = float(exponent.evaluate({})[0])
    if not math.isfinite(value) or value.is_integer():
        return False
    return abs(1 / value - round(1 / value)) < 1e-6 and round(1 / value) % 2 == 1


def _helper_block(function: Function) -> list[str]:
    """Helpers of the Python-like targets, each followed by two empty lines."""
    return [source.rstrip("\n") + "\n" for source in function.helper_sources()]


_POLES = frozenset({"log", "div", "pow"})

DIALECTS: Mapping[str, Dialect] = {
    "python": Dialect("python", "math.nan", "math.inf", overflows=frozenset({"exp", "sinh", "cosh", "pow"})),
    "numpy": Dialect("numpy", "np.nan", "np.inf", poles=_POLES),
    "torch": Dialect("torch", "torch.nan", "torch.inf", poles=_POLES, constant_calls=False),
    "c": Dialect("c", "NAN", "INFINITY", poles=_POLES, float_integers=True),
    "excel": Dialect("excel", "NA()", "NA()", temporaries=False),
}

_FRAMES: Mapping[str, Callable[[Function], str]] = {"python": _python, "numpy": _numpy, "torch": _torch, "c": _c}
