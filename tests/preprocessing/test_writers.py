"""Predictions go out and come back unchanged."""

from __future__ import annotations

import io

import numpy as np
import pytest

from closedform.exceptions import InputError
from closedform.preprocessing import read_table, write_predictions

VALUES = np.array([1 / 3, np.nan, -2e-300])


@pytest.mark.parametrize("ending", ["csv", "tsv", "txt", "jsonl", "parquet", "feather", "xlsx"])
def test_round_trip(ending, tmp_path):
    path = tmp_path / f"out.{ending}"
    write_predictions(path, {"prediction": VALUES, "row": [1, 2, 3]})
    frame = read_table(path)
    assert frame.columns.tolist() == ["prediction", "row"]
    np.testing.assert_allclose(frame["prediction"].astype(float), VALUES, rtol=1e-15)


def test_standard_output_is_csv():
    stream = io.StringIO()
    write_predictions("-", {"y, hat": VALUES[:2]}, stdout=stream)
    assert stream.getvalue() == '"y, hat"\n0.3333333333333333\n""\n'


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.cvs", r"ending '.cvs' \(did you mean '.csv'\?\)"),
        ("nowhere/out.csv", "cannot be written: No such file"),
        ("nowhere/out.parquet", "cannot be written"),
    ],
)
def test_places_that_cannot_be_written(name, message, tmp_path):
    with pytest.raises(InputError, match=message):
        write_predictions(tmp_path / name, {"prediction": VALUES})


def test_columns_of_different_length(tmp_path):
    with pytest.raises(InputError, match="same length"):
        write_predictions(tmp_path / "out.csv", {"a": [1], "b": [1, 2]})
