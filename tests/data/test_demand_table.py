"""Own CSV files: read as they are, or refused with the line."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.data import milano
from edgeopt.data.demand_table import read_demands

PLAIN = "time,web,video\n2024-01-01 00:00,1.5,20\n2024-01-01 00:10,2.5,1e2\n"


def read(tmp_path, content):
    file = tmp_path / "demand.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_demands(file)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.rstrip(),
        PLAIN.replace("\n2024", "\n\n2024"),
        PLAIN.replace("web", '"web"').replace(" 00:10", "T00:10:00"),
        gzip.compress(PLAIN.encode(), mtime=0),
    ],
)
def test_tables_of_many_makes_are_read_alike(text, tmp_path):
    frame = read(tmp_path, text)
    assert list(frame.columns) == ["web", "video"]
    assert list(frame.index) == [pd.Timestamp("2024-01-01 00:00"), pd.Timestamp("2024-01-01 00:10")]
    np.testing.assert_array_equal(frame, [[1.5, 20.0], [2.5, 100.0]])


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_are_read_where_they_are_said_to_be(separator, tmp_path):
    file = tmp_path / "excel.csv"
    file.write_text("\ufeff" + PLAIN.replace(",", separator).replace(".", ","))
    np.testing.assert_array_equal(read_demands(file, decimal=","), [[1.5, 20.0], [2.5, 100.0]])
    with pytest.raises(
        eo.DataFormatError, match="line 2: the demand of web is '1,5'.*decimal comma is read with --dec"
    ):
        read_demands(file)
    file.write_text(PLAIN.replace(",", separator).replace("1.5", "1.000,5"))
    with pytest.raises(
        eo.DataFormatError, match=r"line 2: the demand of web is '1\.000,5'.*\(a decimal point is read by"
    ):
        read_demands(file, decimal=",")
    with pytest.raises(eo.InvalidOptionError, match="decimal is ';'; expected '.' or ','"):
        read_demands(file, decimal=";")


def test_names_may_hold_separators_in_quotes(tmp_path):
    assert list(read(tmp_path, 'time,"a, b",c\n2024-01-01,1,2\n').columns) == ["a, b", "c"]


def test_times_with_an_offset_are_in_utc(tmp_path):
    text = "time,a\n2024-03-31T01:50+01:00,1\n2024-03-31T03:00+02:00,2\n"
    assert list(read(tmp_path, text).index) == list(
        pd.date_range("2024-03-31 00:50", periods=2, freq="10min", tz="UTC")
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: expected the names of a column of times and of at least one slice"),
        ("time\n2024-01-01\n", "line 1: expected the names"),
        ("time,a\n", "has no row below its first line"),
        ("time,a,\n2024-01-01,1,2\n", "line 1: column 3 has no name"),
        ("time,a,a\n2024-01-01,1,2\n", "line 1: the name 'a' is there twice"),
        (PLAIN.replace("2.5", ""), "line 3: the demand of web is empty"),
        (PLAIN.replace("2.5", "nan"), "line 3: the demand of web is 'nan'"),
        (PLAIN.replace("1e2", "inf"), "line 3: the demand of video is 'inf'"),
        (PLAIN.replace("2.5", "n/a"), "line 3: the demand of web is 'n/a'; expected a finite number"),
        (PLAIN.replace("2.5", "2_5"), "line 3: the demand of web is '2_5'"),
        (PLAIN.replace("2.5", "-2.5"), "line 3: the demand of web is '-2.5'; expected a finite number of at least 0"),
        ("n," + PLAIN.replace("\n2024", "\n0,2024"), "line 2: the time is '0', a number; .* to_csv.index=False"),
        (PLAIN.replace(",20", ""), "line 2: 2 fields; the first line names 3"),
        (PLAIN.replace("2024-01-01 00:10", "01/02/2024 00:10"), "line 3: the time is '01/02/2024 00:10'; expected ISO"),
        (PLAIN.replace("2024-01-01 00:10", "1704067200"), "line 3: the time is '1704067200', a number; .* unit='s'"),
        (PLAIN.replace("2024-01-01 00:10", "2024-13-01 00:10"), "line 3: the time is '2024-13-01 00:10'"),
        (PLAIN.replace(" 00:10", "T00:10Z"), "line 3: the time is '2024-01-01T00:10Z'; .* with an offset"),
        (b"time,a\n\xff\xfe,3\n", "not text"),
        ('time,a\n2024-01-01,"1\n', "cannot be read as CSV: unexpected end of data"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-9], "damaged gzip"),
    ],
)
def test_what_is_no_such_table_is_refused_by_line(text, words, tmp_path):
    with pytest.raises(eo.DataFormatError, match=words):
        read(tmp_path, text)
    with pytest.raises(eo.DataFormatError, match="No such file"):
        read_demands(tmp_path / "nowhere.csv")


def test_milano_s_table_is_one(genuine):
    path = genuine / "milano" / "milano_internet_25cells_10min.csv.gz"
    frame, wanted = read_demands(path), milano.read_25_cells(path)
    np.testing.assert_array_equal(frame.to_numpy(), wanted.to_numpy())
    assert list(frame.columns) == [str(name) for name in wanted.columns]
