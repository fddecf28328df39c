"""Constraints on the form of a formula: which operators, how often, inside what, and on which columns.

The function counts, not its spelling, as for ``operators=``: ``x**0.5`` is a ``sqrt``, ``1/x`` a ``div``, ``x**2`` a
product, and only other powers are a ``pow``. Formulas are looked at as they are shown: ``a/b/c`` has one quotient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from closedform.constraints.base import Constraint, checked_column, checked_count, checked_names, checked_operator
from closedform.symbolic.arrangement import arranged
from closedform.symbolic.expression import Expression
from closedform.symbolic.vocabulary import needed


@dataclass(frozen=True)
class Forbidden(Constraint):
    """Operators that no formula may contain.

    Parameters
    ----------
    names : str or tuple of str
        Names of operators, see ``closedform.symbolic.OPERATORS``.

    Examples
    --------
    >>> Forbidden(("sin", "cos")).admits_form(Expression.parse("x + sin(x)"))
    False
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        names = tuple(
            checked_operator("Forbidden", name) for name in checked_names("Forbidden", "operator", self.names)
        )
        object.__setattr__(self, "names", names)

    def operators(self) -> tuple[str, ...]:
        """Return the operators that no formula may contain because of it."""
        return self.names

    def admits_form(self, expression: Expression) -> bool:
        """Say whether none of them occurs."""
        return all(not _uses(node, name) for node in _shown(expression) for name in self.names)


@dataclass(frozen=True)
class MaxUses(Constraint):
    """An operator may occur only so often.

    Parameters
    ----------
    name : str
        Name of the operator.
    count : int, default=1
        How often, at least 0.

    Examples
    --------
    >>> MaxUses("exp", 1).admits_form(Expression.parse("exp(x) + exp(y)"))
    False
    """

    name: str
    count: int = 1

    def __post_init__(self) -> None:
        checked_operator("MaxUses", self.name)
        object.__setattr__(self, "count", checked_count("MaxUses", "count", self.count, 0))

    def admits_form(self, expression: Expression) -> bool:
        """Say whether it occurs no more often."""
        return sum(_uses(node, self.name) for node in _shown(expression)) <= self.count


@dataclass(frozen=True)
class NotNested(Constraint):
    """An operator may not stand, at any depth, inside certain others.

    Parameters
    ----------
    name : str
        Name of the operator.
    inside : str or tuple of str
        Names of the others; the operator itself may be among them.

    Examples
    --------
    >>> NotNested("sin", inside=("sin", "exp")).admits_form(Expression.parse("exp(x*sin(y))"))
    False
    """

    name: str
    inside: tuple[str, ...]

    def __post_init__(self) -> None:
        checked_operator("NotNested", self.name)
        outer = checked_names("NotNested", "operator for inside", self.inside)
        object.__setattr__(self, "inside", tuple(checked_operator("NotNested", name) for name in outer))

    def admits_form(self, expression: Expression) -> bool:
        """Say whether it stands inside none of them."""
        around = [node for node in _shown(expression) if any(_uses(node, name) for name in self.inside)]
        return not any(_uses(node, self.name) for outer in around for part in outer.args for node in part.walk())


@dataclass(frozen=True)
class OnlyOn(Constraint):
    """What an operator is applied to may contain certain columns only.

    Parameters
    ----------
    name : str
        Name of the operator.
    columns_allowed : str or tuple of str
        Columns that its arguments may contain.

    Examples
    --------
    >>> OnlyOn("exp", "t").admits_form(Expression.parse("x*exp(-2*t)"))
    True
    """

    name: str
    columns_allowed: tuple[str, ...]

    def __post_init__(self) -> None:
        checked_operator("OnlyOn", self.name)
        allowed = checked_names("OnlyOn", "column", self.columns_allowed)
        object.__setattr__(self, "columns_allowed", tuple(checked_column("OnlyOn", name) for name in allowed))

    def columns(self) -> tuple[str, ...]:
        """Return the columns that it speaks of."""
        return self.columns_allowed

    def admits_form(self, expression: Expression) -> bool:
        """Say whether its arguments contain these columns only."""
        used = (node for node in _shown(expression) if _uses(node, self.name))
        return all(set(node.variables) <= set(self.columns_allowed) for node in used)


@dataclass(frozen=True)
class MaxArgument(Constraint):
    """What an operator is applied to may be only so complex.

    Parameters
    ----------
    name : str
        Name of the operator.
    complexity : int
        Most nodes of each of its arguments, at least 1; counted like the complexity of a formula.

    Examples
    --------
    >>> MaxArgument("exp", 3).admits_form(Expression.parse("exp(x*y + 2*z)"))
    False
    """

    name: str
    complexity: int

    def __post_init__(self) -> None:
        checked_operator("MaxArgument", self.name)
        object.__setattr__(self, "complexity", checked_count("MaxArgument", "complexity", self.complexity, 1))

    def admits_form(self, expression: Expression) -> bool:
        """Say whether none of its arguments is larger."""
        used = (node for node in _shown(expression) if _uses(node, self.name))
        return all(part.complexity <= self.complexity for node in used for part in node.args)


def _shown(expression: Expression) -> Iterator[Expression]:
    """The nodes of a formula as it is shown."""
    return arranged(expression.canonical()).walk()


def _uses(node: Expression, name: str) -> bool:
    return node.kind == "apply" and name in needed(node)
