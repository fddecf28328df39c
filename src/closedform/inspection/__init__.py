"""What a fitted Rational ANOVA Network says: its effects as data, and pictures of them.

Data first, pictures second: `effects`, `explain_global`, `explain_local` and `explain_row` need no matplotlib; the
displays draw what they return.
"""

from closedform.inspection.axes import Axis, Density
from closedform.inspection.bars import ImportanceDisplay, LocalDisplay
from closedform.inspection.curves import EffectDisplay
from closedform.inspection.drawing import MissingPackageError
from closedform.inspection.effects import MainEffectData, PairEffectData, effects
from closedform.inspection.explain import RowExplanation, explain_global, explain_local, explain_row
from closedform.inspection.overview import OverviewDisplay, plot
from closedform.inspection.pairs import PairDisplay

__all__ = [
    "Axis",
    "Density",
    "EffectDisplay",
    "ImportanceDisplay",
    "LocalDisplay",
    "MainEffectData",
    "MissingPackageError",
    "OverviewDisplay",
    "PairDisplay",
    "PairEffectData",
    "RowExplanation",
    "effects",
    "explain_global",
    "explain_local",
    "explain_row",
    "plot",
]
