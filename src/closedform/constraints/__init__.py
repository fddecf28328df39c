"""What a formula has to keep to: its form, and the shape of its values.

>>> from closedform.constraints import Bounds, Forbidden, Monotone, NotNested
>>> wishes = [Monotone("dose"), Bounds(low=0), Forbidden("sin"), NotNested("exp", inside=("exp", "log"))]

Hand such a list to ``constraints=`` of an estimator. Formulas that break one of them never reach the front.

Form: `Forbidden`, `MaxUses`, `NotNested`, `OnlyOn`, `MaxArgument`. Shape: `Monotone`, `Convex`, `Bounds`, `Positive`,
`Negative`, `ValueAt`. A shape is asked for on the box that the columns span at fit time. It is proven there by interval
arithmetic of the values or of the derivative where that is possible; everywhere else it is checked on rows of the
table, on the corners and on a dense sample, and once more inside every part of the box for which the proof failed.
`check` says which of the two it was.
"""

from closedform.constraints.base import Constraint, Verdict
from closedform.constraints.bound import check
from closedform.constraints.forms import Forbidden, MaxArgument, MaxUses, NotNested, OnlyOn
from closedform.constraints.shapes import Bounds, Convex, Monotone, Negative, Positive, ValueAt
from closedform.constraints.text import parse_constraint

__all__ = [
    "Bounds",
    "Constraint",
    "Convex",
    "Forbidden",
    "MaxArgument",
    "MaxUses",
    "Monotone",
    "Negative",
    "NotNested",
    "OnlyOn",
    "Positive",
    "ValueAt",
    "Verdict",
    "check",
    "parse_constraint",
]
