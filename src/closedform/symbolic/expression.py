"""Expressions: immutable formulas built from constants, variables and operators.

Nodes are shared: building the same node twice returns the same object, so structural identity is ``a is b`` and a
subexpression that occurs twice is stored, evaluated and differentiated once. Nothing is simplified on construction.

``==`` and ``hash`` go by the canonical form (``x + y == y + x``), which costs a rewriting the first time. Code that
walks nodes should therefore key its tables by ``id(node)`` and compare with ``is``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn, TypeVar, overload

from closedform.exceptions import InputError
from closedform.symbolic._build import Number as Number
from closedform.symbolic._build import apply as apply
from closedform.symbolic._build import as_expression as as_expression
from closedform.symbolic._build import binary, intern_apply, rebuild
from closedform.symbolic._build import constant as constant
from closedform.symbolic._build import plain_sum as plain_sum
from closedform.symbolic._build import variable as variable
from closedform.symbolic._table import Draft
from closedform.symbolic._traverse import find_variables, flatten, free_constants, postorder
from closedform.symbolic.operators import Operator, operator

if TYPE_CHECKING:
    import numpy as np

    from closedform.symbolic._program import FloatArray
    from closedform.symbolic.equivalence import Equivalence
    from closedform.symbolic.evaluate import BoolArray
    from closedform.symbolic.refit import RefitResult

Kind = Literal["constant", "variable", "apply"]
T = TypeVar("T")

_ADD, _SUB, _MUL, _DIV, _POW, _NEG, _ABS = map(operator, ("add", "sub", "mul", "div", "pow", "neg", "abs"))


class Expression(Draft):
    """A formula. Build one with `Expression.parse`, `constant`, `variable`, `apply` or Python arithmetic.

    Attributes
    ----------
    kind : {"constant", "variable", "apply"}
        What the top node is.
    value : int, Fraction or float
        Of a constant. int and Fraction are exact: they belong to the structure (an exponent 2, a factor 1/3). float
        is a free constant, one that `refit` may change. None for other kinds.
    name : str
        Of a variable. None for other kinds.
    op : Operator
        Of an application. None for other kinds.
    args : tuple of Expression
        Arguments of an application; empty for other kinds.
    size : int
        Number of nodes of the tree, a shared node counted at each place.
    depth : int
        Nodes on the longest way down; 1 for a constant or a variable.
    n_constants : int
        Number of free constants, ``len(constants)``.

    Examples
    --------
    >>> from closedform.symbolic import Expression, variable
    >>> x = variable("x")
    >>> str(2.5 * x**2 + 1)
    '2.5*x**2 + 1'
    >>> Expression.parse("2.5*x^2 + 1") is 2.5 * x**2 + 1
    True
    """

    __slots__ = ()

    kind: Kind
    value: Number
    name: str
    op: Operator
    args: tuple[Expression, ...]

    def __init__(self, *_args: object) -> None:
        raise TypeError("an Expression is built by Expression.parse, constant, variable, apply or arithmetic")

    def __setattr__(self, attribute: str, _value: object) -> NoReturn:
        raise AttributeError(f"an Expression is immutable; {attribute!r} cannot be set")

    def __delattr__(self, attribute: str) -> NoReturn:
        raise AttributeError(f"an Expression is immutable; {attribute!r} cannot be deleted")

    # --- structure ----------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables in order of first appearance."""
        known = self._variables
        if known is None:
            known = find_variables(self)
            _set(self, "_variables", known)
        return known

    @property
    def constants(self) -> tuple[float, ...]:
        """Values of the free constants in the order of the tree walk; a repeated node counts at each place."""
        return tuple(float(node.value) for node in free_constants(self))

    def with_constants(self, values: Sequence[float] | np.ndarray) -> Expression:
        """Return the same formula with other free constants.

        Parameters
        ----------
        values : sequence of float, of length `n_constants`
            In the order of `constants`; finite.
        """
        if len(values) != self.n_constants:
            raise InputError(f"the formula has {self.n_constants} free constants, but {len(values)} values were given")
        supply = iter([float(value) for value in values])
        # An explicit stack instead of recursion; None marks "arguments done, build the node above".
        done: list[Expression] = []
        todo: list[tuple[Expression, bool]] = [(self, False)]
        while todo:
            node, ready = todo.pop()
            if ready:
                count = len(node.args)
                args = tuple(done[-count:])
                del done[-count:]
                done.append(intern_apply(node.op, args))
            elif node.n_constants == 0:
                done.append(node)
            elif node.kind == "constant":
                done.append(constant(next(supply)))
            else:
                todo.append((node, True))
                todo.extend((argument, False) for argument in reversed(node.args))
        return done[0]

    def walk(self) -> Iterator[Expression]:
        """Yield the nodes of the tree from the top, arguments left to right, shared nodes at each place."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.args))

    def fold(self, function: Callable[[Expression, tuple[T, ...]], T]) -> T:
        """Return ``function(node, results of its arguments)`` of the top node, computed from the leaves up.

        Each shared node is visited once. Depth is not limited by Python's recursion.
        """
        results: dict[int, T] = {}
        for node in postorder(self):
            results[id(node)] = function(node, tuple([results[id(argument)] for argument in node.args]))
        return results[id(self)]

    def substitute(self, replacements: Mapping[Any, Expression | Number]) -> Expression:
        """Return the formula with variables (by name) or whole subexpressions (by identity) replaced.

        Parameters
        ----------
        replacements : mapping of str or Expression to Expression or number
            Replacements are not searched again, so ``{"x": y, "y": x}`` swaps.
        """
        by_name = {key: as_expression(new) for key, new in replacements.items() if isinstance(key, str)}
        by_node = {id(key): as_expression(new) for key, new in replacements.items() if isinstance(key, Expression)}

        def replace(node: Expression, args: tuple[Expression, ...]) -> Expression:
            if id(node) in by_node:
                return by_node[id(node)]
            if node.kind == "variable":
                return by_name.get(node.name, node)
            return intern_apply(node.op, args) if args else node

        return self.fold(replace)

    def is_same(self, other: object) -> bool:
        """Say whether `other` has the same structure, node for node."""
        return self is other

    # --- canonical form, equality, complexity -------------------------------------------------------------------------

    def canonical(self) -> Expression:
        """Return the canonical form (cached): sorted sums and products, like terms collected."""
        known = self._canonical
        if known is None:
            from closedform.symbolic.canonical import canonical

            known = canonical(self)
            # True stands for "is its own": a reference to itself would keep the node alive until a garbage run.
            _set(known, "_canonical", True)
            if known is not self:
                _set(self, "_canonical", known)
        return self if known is True else known

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return NotImplemented
        return self is other or self.canonical() is other.canonical()

    def __hash__(self) -> int:
        return self.canonical()._digest

    @property
    def digest(self) -> int:
        """A structural hash: the same in every process, for the same nodes in the same order."""
        return self._digest

    @property
    def complexity(self) -> int:
        """Cost of the canonical form as it is shown: its nodes, a subexpression without variables counting 1."""
        known = self._complexity
        if known is None:
            from closedform.symbolic.arrangement import arranged

            # A difference or a quotient is one operation to a reader, whatever the canonical form makes of it.
            known = arranged(self.canonical()).fold(_cost)[0]
            _set(self, "_complexity", known)
        return known

    # --- what other modules do ----------------------------------------------------------------------------------------

    @classmethod
    def parse(cls, text: str, variables: Sequence[str] | None = None) -> Expression:
        """Read a formula; see `closedform.symbolic.parse.parse`."""
        from closedform.symbolic.parse import parse

        return parse(text, variables)

    @overload
    def evaluate(
        self, columns: Any, return_ok: Literal[False] = False, *, names: Sequence[str] | None = None
    ) -> FloatArray: ...

    @overload
    def evaluate(
        self, columns: Any, return_ok: Literal[True], *, names: Sequence[str] | None = None
    ) -> tuple[FloatArray, BoolArray]: ...

    def evaluate(
        self, columns: Any, return_ok: bool = False, *, names: Sequence[str] | None = None
    ) -> FloatArray | tuple[FloatArray, BoolArray]:
        """Return the values on `columns`, or ``(values, ok)``; see `closedform.symbolic.evaluate.evaluate`."""
        from closedform.symbolic.evaluate import evaluate, evaluate_with_ok

        return evaluate_with_ok(self, columns, names) if return_ok else evaluate(self, columns, names)

    def derivative(self, name: str) -> Expression:
        """Return the derivative in the variable `name`."""
        from closedform.symbolic.derivative import derivative

        return derivative(self, name)

    def simplify(self, domain: Mapping[str, tuple[float, float]] | None = None, **options: Any) -> Expression:
        """Return a simpler formula of the same values; see `closedform.symbolic.simplify.simplify`."""
        from closedform.symbolic.simplify import simplify

        return simplify(self, domain=domain, **options)

    def refit(self, columns: Any, y: Any, **options: Any) -> RefitResult:
        """Fit the free constants to `y`; see `closedform.symbolic.refit.refit`."""
        from closedform.symbolic.refit import refit

        return refit(self, columns, y, **options)

    def equivalent(self, other: Expression, **options: Any) -> Equivalence:
        """Say whether `other` is the same function, and how that was found out."""
        from closedform.symbolic.equivalence import equivalent

        return equivalent(self, other, **options)

    def sympy(self) -> Any:
        """Return the formula as a SymPy expression."""
        from closedform.symbolic.export.sympy import to_sympy

        return to_sympy(self)

    def latex(self, precision: int | None = None, **options: Any) -> str:
        """Return the formula in LaTeX, floats rounded to `precision` significant digits."""
        from closedform.symbolic.export.latex import to_latex

        return to_latex(self, precision, **options)

    def code(self, target: str = "python", **options: Any) -> str:
        """Return source text for "python", "numpy", "c", "torch" or "excel"."""
        from closedform.symbolic.export.code import to_code

        return to_code(self, target, **options)

    def to_json(self) -> Any:
        """Return the formula as nested lists of plain values; see `closedform.symbolic.json_form`."""
        from closedform.symbolic.json_form import to_json

        return to_json(self)

    @classmethod
    def from_json(cls, data: Any) -> Expression:
        """Rebuild a formula from `to_json`; safe on data from strangers."""
        from closedform.symbolic.json_form import from_json

        return from_json(data)

    def __str__(self) -> str:
        from closedform.symbolic.printing import to_text

        return to_text(self)

    def __repr__(self) -> str:
        return f"Expression.parse({str(self)!r})"

    # --- copying and arithmetic ---------------------------------------------------------------------------------------

    def __copy__(self) -> Expression:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Expression:
        return self

    def __reduce__(self) -> tuple[Callable[..., Expression], tuple[Any, ...]]:
        return rebuild, (flatten(self),)

    def __add__(self, other: Any) -> Expression:
        return binary(_ADD, self, other)

    def __radd__(self, other: Any) -> Expression:
        return binary(_ADD, other, self)

    def __sub__(self, other: Any) -> Expression:
        return binary(_SUB, self, other)

    def __rsub__(self, other: Any) -> Expression:
        return binary(_SUB, other, self)

    def __mul__(self, other: Any) -> Expression:
        return binary(_MUL, self, other)

    def __rmul__(self, other: Any) -> Expression:
        return binary(_MUL, other, self)

    def __truediv__(self, other: Any) -> Expression:
        return binary(_DIV, self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return binary(_DIV, other, self)

    def __pow__(self, other: Any) -> Expression:
        return binary(_POW, self, other)

    def __rpow__(self, other: Any) -> Expression:
        return binary(_POW, other, self)

    def __neg__(self) -> Expression:
        return intern_apply(_NEG, (self,))

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return intern_apply(_ABS, (self,))

    # NumPy arrays must not swallow expressions element by element.
    __array_ufunc__: ClassVar[None] = None


_set = object.__setattr__


def _cost(node: Expression, costs: tuple[tuple[int, bool], ...]) -> tuple[int, bool]:
    """Return the cost of a canonical node and whether a variable occurs in it."""
    if node.kind == "variable":
        return 1, True
    varying = [cost for cost, varies in costs if varies]
    if not varying:
        return 1, False
    n_fixed = len(costs) - len(varying)
    # The numbers of a sum or product are one number, however the canonical form lists them.
    return node.op.complexity + sum(varying) + (min(n_fixed, 1) if node.op.arity is None else n_fixed), True
