"""The door of the package: tables come in here, are checked once, and leave as plain float64 matrices.

Importing this package costs no more than numpy; pandas, narwhals and scikit-learn are loaded by the calls that need
them.
"""

from closedform.preprocessing.checks import (
    TrainingData,
    check_sample_weight,
    check_X_y,
    check_y,
    constant_columns,
    extreme_columns,
)
from closedform.preprocessing.columns import Column, encode, learn_columns
from closedform.preprocessing.kinds import InputTypeError
from closedform.preprocessing.outputs import check_outputs
from closedform.preprocessing.readers import read_columns, read_table, split_target
from closedform.preprocessing.sampling import subsample
from closedform.preprocessing.scaling import Scaling
from closedform.preprocessing.table import Table, check_X, match_columns
from closedform.preprocessing.targets import Task, check_target_classes, check_target_numbers, task_of
from closedform.preprocessing.writers import write_predictions

__all__ = [
    "Column",
    "InputTypeError",
    "Scaling",
    "Table",
    "Task",
    "TrainingData",
    "check_X",
    "check_X_y",
    "check_outputs",
    "check_sample_weight",
    "check_target_classes",
    "check_target_numbers",
    "check_y",
    "constant_columns",
    "encode",
    "extreme_columns",
    "learn_columns",
    "match_columns",
    "read_columns",
    "read_table",
    "split_target",
    "subsample",
    "task_of",
    "write_predictions",
]
