"""Dates, times and lengths of time of every library become days."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.exceptions import InputError
from closedform.preprocessing import Column, encode, learn_columns

NOON = dt.datetime(2024, 2, 29, 12)
DAYS = 19782.5  # from 1970-01-01 to then
UTC = dt.UTC
BERLIN = dt.timezone(dt.timedelta(hours=1))


def learned(cells) -> tuple[Column, list[float]]:
    columns, encoded, _ = learn_columns({"c": cells})
    return columns[0], encoded[0].tolist()


@pytest.mark.parametrize(
    "cells",
    [
        [NOON, None, NOON - dt.timedelta(days=1)],
        [NOON.replace(hour=13, tzinfo=BERLIN), None, (NOON - dt.timedelta(days=1)).replace(tzinfo=UTC)],
        np.array(["2024-02-29T12", "NaT", "2024-02-28T12"], dtype="datetime64[h]"),
        np.array(["2024-02-29T12", "NaT", "2024-02-28T12"], dtype="datetime64[ns]"),
        [np.datetime64("2024-02-29T12"), np.datetime64("NaT"), np.datetime64("2024-02-28T12")],
        pd.Series([NOON, pd.NaT, NOON - dt.timedelta(days=1)]),
        pd.Series([NOON, pd.NaT, NOON - dt.timedelta(days=1)], dtype=object),
        pd.Series([NOON, None, NOON - dt.timedelta(days=1)]).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        pd.Series([NOON, None, NOON - dt.timedelta(days=1)], dtype=pd.ArrowDtype(pa.timestamp("ms"))),
        pd.Series([NOON, None, NOON - dt.timedelta(days=1)], dtype=pd.ArrowDtype(pa.timestamp("ns")))
        .dt.tz_localize("UTC")
        .dt.tz_convert("Asia/Tokyo"),
        pl.Series([NOON, None, NOON - dt.timedelta(days=1)]),
        pl.Series([NOON, None, NOON - dt.timedelta(days=1)]).dt.replace_time_zone("UTC").dt.convert_time_zone(
            "Asia/Tokyo"
        ),
        pa.array([NOON, None, NOON - dt.timedelta(days=1)], pa.timestamp("us", "Asia/Tokyo")),
        ["2024-02-29 12:00", None, "2024-02-28T12:00:00"],
        ["2024-02-29T13:00:00+01:00", None, "2024-02-28T12:00Z"],
        [b"2024-02-29 12:00", None, NOON - dt.timedelta(days=1)],
    ],
    ids=["datetime", "zones", "hours", "nanoseconds", "datetime64", "pandas", "pandas objects", "pandas zone",
         "arrow-backed", "arrow-backed zone", "polars", "polars zone", "arrow zone", "text", "text with zones",
         "text and dates"],
)  # fmt: skip
def test_instants_are_days_since_1970_in_utc(cells):
    column, values = learned(cells)
    assert column == Column("c", "date", has_missing=True)
    np.testing.assert_array_equal(values, [DAYS, np.nan, DAYS - 1])


@pytest.mark.parametrize(
    "cells",
    [
        [dt.date(2024, 2, 29), None, dt.date(1969, 12, 31)],
        ["2024-02-29", None, "1969-12-31"],
        np.array(["2024-02-29", "1969-12-31"]),
        pl.Series([dt.date(2024, 2, 29), None, dt.date(1969, 12, 31)]),
        pa.array([dt.date(2024, 2, 29), None, dt.date(1969, 12, 31)]),
        pd.Series([dt.date(2024, 2, 29), None, dt.date(1969, 12, 31)], dtype=pd.ArrowDtype(pa.date32())),
        pd.Series(pd.PeriodIndex(["2024-02-29", None, "1969-12-31"], freq="D")),
    ],
    ids=["date", "text", "text array", "polars", "arrow", "arrow-backed", "period"],
)
def test_dates_are_whole_days(cells):
    column, values = learned(cells)
    assert column.kind == "date"
    assert [value for value in values if value == value] == [19782, -1]


@pytest.mark.parametrize(
    "cells",
    [
        [dt.timedelta(hours=6), None, dt.timedelta(days=-2)],
        np.array([6, "NaT", -48], dtype="timedelta64[h]"),
        pd.Series([dt.timedelta(hours=6), None, dt.timedelta(days=-2)]),
        pd.Series([dt.timedelta(hours=6), None, dt.timedelta(days=-2)], dtype=pd.ArrowDtype(pa.duration("s"))),
        pl.Series([dt.timedelta(hours=6), None, dt.timedelta(days=-2)]),
        pa.array([dt.timedelta(hours=6), None, dt.timedelta(days=-2)]),
    ],
    ids=["timedelta", "numpy", "pandas", "arrow-backed", "polars", "arrow"],
)
def test_lengths_of_time_are_numbers_in_days(cells):
    column, values = learned(cells)
    assert column == Column("c", "numeric", has_missing=True, unit="days")
    np.testing.assert_array_equal(values, [0.25, np.nan, -2])
    # Later, a number stands for days.
    np.testing.assert_array_equal(encode([column], {"c": [0.25, 3]}), [[0.25, 3]])
    np.testing.assert_array_equal(encode([column], {"c": cells}), [values])


def test_a_time_of_day_counts_from_midnight():
    for cells in ([dt.time(6), None, dt.time(23, 59, 59)], pl.Series([dt.time(6), None, dt.time(23, 59, 59)])):
        column, values = learned(cells)
        assert column.unit == "days"
        np.testing.assert_allclose(values, [0.25, np.nan, 1 - 1 / 86400], rtol=1e-15)


@pytest.mark.parametrize("text", ["2024-02-30", "2024-13-01", "20240229", "29.02.2024", "2024-02", "2024-02-29 25:00"])
def test_text_that_is_no_iso_date_stays_text(text):
    column, _ = learned(["2024-02-29", text])
    assert column.kind == "categorical" and len(column.levels) == 2


def test_dates_read_from_a_file_later_are_the_dates_of_fit_time():
    frame = pd.DataFrame({"c": pd.date_range("2024-01-01", periods=5, freq="7h")})
    columns, encoded, _ = learn_columns(frame)
    np.testing.assert_array_equal(encode(columns, frame.astype(str)), encoded)
    np.testing.assert_array_equal(encode(columns, {"c": frame["c"].dt.tz_localize("UTC")}), encoded)
    np.testing.assert_array_equal(encode(columns, {"c": [dt.date(2024, 1, 1), None]}), [[encoded[0][0], np.nan]])


def test_dates_among_other_values_are_refused_with_the_odd_row():
    with pytest.raises(InputError, match=r"column 'c' mixes dates or times with other values \(row 2: 'soon'\): make"):
        learned([NOON, "soon", None])
    with pytest.raises(InputError, match=r"other values \(rows 1, 3: 7\)"):
        learned([7, NOON, 7])
    with pytest.raises(InputError, match="mixes dates or times"):
        learned([NOON, dt.timedelta(1)])
    with pytest.raises(InputError, match=r"spans of dtype timedelta64\[M\], which have no fixed length"):
        learned(np.array([1, 2], dtype="timedelta64[M]"))


def test_dates_as_categories_are_written_the_same_however_they_came():
    far = np.array(["300000-01-01", "2024-02-29"], dtype="datetime64[s]")
    columns, _, _ = learn_columns({"c": far}, categorical=["c"])
    assert columns[0].levels == ("2024-02-29", "300000-01-01")
    later = ["2024-02-29 00:00:00", "2024-02-29T01:00+01:00", "2024-02-28"]
    np.testing.assert_array_equal(encode(columns, {"c": later}), [[0, 0, -1]])


@given(st.lists(st.datetimes(), min_size=2, max_size=5))
def test_every_way_to_write_an_instant_gives_the_same_days(instants):
    ways = [
        instants,
        [instant.isoformat() for instant in instants],
        [instant.isoformat(" ") + "+00:00" for instant in instants],
        np.array(instants, dtype="datetime64[us]"),
        pl.Series(instants),
        [instant.replace(tzinfo=UTC) for instant in instants],
    ]
    column = Column("c", "date")
    expected = encode([column], {"c": ways[0]})
    for cells in ways[1:]:
        np.testing.assert_allclose(encode([column], {"c": cells}), expected, rtol=1e-15, atol=1e-12)
