"""Operators for formulas: those there are, and how to make one of your own."""

from closedform.symbolic.operators import OPERATORS, Operator, known_operators
from closedform.symbolic.own_operators import OwnOperator, own_operator

__all__ = ["OPERATORS", "Operator", "OwnOperator", "known_operators", "own_operator"]
