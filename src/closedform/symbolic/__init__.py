"""Formulas as values: build, read, evaluate, differentiate, bound, simplify, refit and export them.

Loads neither torch nor scikit-learn, matplotlib, pandas or SymPy.
"""

from closedform.symbolic.expression import Expression as Expression
from closedform.symbolic.expression import apply as apply
from closedform.symbolic.expression import as_expression as as_expression
from closedform.symbolic.expression import constant as constant
from closedform.symbolic.expression import variable as variable
from closedform.symbolic.operators import OPERATORS as OPERATORS
from closedform.symbolic.operators import Operator as Operator

__all__ = ["OPERATORS", "Expression", "Operator", "apply", "as_expression", "constant", "variable"]
