"""Reading a CSV file for prediction starts without the heavy libraries."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("pandas", "sklearn", "scipy", "torch", "sympy", "narwhals", "pyarrow", "matplotlib")


def test_light_reading_and_writing_load_numpy_only(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,2\n3,4\n")
    program = f"""
import sys
import numpy as np
from closedform.preprocessing import check_X, read_columns, write_predictions
table = check_X(read_columns({str(tmp_path / "t.csv")!r}, ["y"]), feature_names=("y",))
check_X(np.ones((3, 2)))
write_predictions({str(tmp_path / "out.csv")!r}, {{"prediction": table.values[:, 0]}})
sys.stdout.write(" ".join(name for name in {HEAVY!r} if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "out.csv").read_text() == "prediction\n2.0\n4.0\n"
