"""Formulas in other languages: SymPy, LaTeX, Python, NumPy, torch, C and Excel.

All targets take their spellings from the operator table and agree with :meth:`Expression.evaluate` wherever the formula
is defined. Importing this package loads neither SymPy nor torch.
"""

from closedform.symbolic.export.code import to_code as to_code
from closedform.symbolic.export.latex import to_latex as to_latex
from closedform.symbolic.export.latex_table import latex_table as latex_table
from closedform.symbolic.export.sympy import from_sympy as from_sympy
from closedform.symbolic.export.sympy import to_sympy as to_sympy
from closedform.symbolic.export.torch import to_torch as to_torch

__all__ = ["from_sympy", "latex_table", "to_code", "to_latex", "to_sympy", "to_torch"]
