from __future__ import annotations

import gzip
import tracemalloc
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgeopt.data import milano, telecom_italia
from edgeopt.model.errors import DataFormatError, InvalidOptionError

START = 1383260400000  # 2013-11-01 00:00 in Milano
SLOT = 600_000
ACTIVITIES = ("sms_in", "sms_out", "call_in", "call_out", "internet")


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def record(square: int = 1, slot: int = 0, country: int = 39, internet: float | str = 1.0) -> str:
    return f"{square}\t{START + slot * SLOT}\t{country}\t\t\t\t\t{internet}"


def plain_sums(path: Path, activity: str) -> dict[tuple[int, int], float]:
    """Sum over country codes, in plain Python."""
    sums: dict[tuple[int, int], float] = defaultdict(float)
    for line in path.read_text().splitlines():
        fields = line.split("\t") + [""] * 5
        value = fields[3 + ACTIVITIES.index(activity)]
        if value:
            sums[int(fields[1]), int(fields[0])] += float(value)
    return sums


@pytest.mark.parametrize("activity", ACTIVITIES)
@pytest.mark.parametrize("name", ["mini_data.dat", "chunk_sample.txt"])
def test_original_samples_agree_with_a_plain_parse(genuine: Path, name: str, activity: milano.Activity) -> None:
    path = genuine / "milano" / "original_format" / name
    frame = milano.read_original(path, activity)
    expected = plain_sums(path, activity)
    assert frame.notna().to_numpy().sum() == len(expected)
    for (time, square), value in expected.items():
        assert frame.at[pd.Timestamp(time, unit="ms", tz="UTC"), square] == pytest.approx(value, rel=1e-13)


def test_original_sample_has_the_shape_of_its_day(genuine: Path) -> None:
    frame = milano.read_original(genuine / "milano" / "original_format" / "mini_data.dat")
    assert frame.shape in ((144, 4), (18, 4))  # the day, or its first three hours
    assert list(frame.columns) == [1, 10, 100, 1000]
    assert frame.index[0] == pd.Timestamp("2013-11-01 00:00", tz="Europe/Rome")
    assert (frame.index[1:] - frame.index[:-1] == pd.Timedelta("10min")).all()


def test_25_cells_are_a_regular_frame(genuine: Path) -> None:
    cells = milano.read_25_cells(genuine / "milano" / "milano_internet_25cells_10min.csv.gz")
    assert len(cells) in (4320, 72)  # November, or half of its third day
    assert list(cells.columns) == [4142 + 100 * row + column for row in range(5) for column in range(5)]
    assert cells.at[pd.Timestamp("2013-11-03 00:00", tz="Europe/Rome"), 4142] > 0
    assert (cells.index[1:] - cells.index[:-1] == pd.Timedelta("10min")).all()
    assert cells.notna().to_numpy().all()


def test_the_processed_sets_agree_where_they_overlap(data_dir: Path) -> None:
    cells = milano.read_25_cells(data_dir / "milano" / "milano_internet_25cells_10min.csv.gz")
    blocks = milano.read_grid_blocks(data_dir / "milano" / "milano_internet_10000cells_10min_short.npz")
    assert cells.shape == (4320, 25)
    assert cells.notna().to_numpy().all()
    assert cells.index[-1] == pd.Timestamp("2013-11-30 23:50", tz="Europe/Rome")
    assert {name: block.shape for name, block in blocks.items()} == {
        "nov03": (51, 10000),
        "nov18": (28, 10000),
        "unknown_date": (30, 10000),
    }
    assert isinstance(blocks["unknown_date"].index, pd.TimedeltaIndex)
    for name in ("nov03", "nov18"):
        block = blocks[name][cells.columns]
        # The blocks are single precision.
        np.testing.assert_allclose(block, cells.loc[block.index], rtol=1e-6)


def test_country_codes_are_summed_within_and_across_files(tmp_path: Path) -> None:
    first = write(tmp_path / "a.txt", record(country=0), record(country=39, internet=2.5))
    second = write(tmp_path / "b.txt", record(country=33, internet=4), record(slot=1, internet=8))
    frame = milano.read_original([second, first])
    assert frame[1].tolist() == [7.5, 8.0]


def test_gaps_are_nan_and_zeros_stay_zeros(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", record(1, 0), record(1, 3, internet=0), record(2, 1, internet=""), record(2, 3))
    frame = milano.read_original(path)
    assert len(frame) == 4
    np.testing.assert_array_equal(frame[1], [1, np.nan, np.nan, 0])
    np.testing.assert_array_equal(frame[2], [np.nan, np.nan, np.nan, 1])


def test_cells_selects_and_orders(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", record(5, internet=5), record(7, internet=7), record(9))
    frame = milano.read_original(path, cells=[7, 5, 6])
    assert list(frame.columns) == [7, 5, 6]
    np.testing.assert_array_equal(frame.iloc[0], [7, 5, np.nan])


def test_gzip_and_windows_line_ends_read_the_same(tmp_path: Path) -> None:
    lines = [record(1, slot, internet=slot) for slot in range(5)]
    plain = milano.read_original(write(tmp_path / "a.txt", *lines))
    packed = tmp_path / "a.txt.gz"
    packed.write_bytes(gzip.compress("\r\n".join(lines).encode()))
    pd.testing.assert_frame_equal(plain, milano.read_original(packed))


def test_stripped_and_unstripped_records_read_the_same(tmp_path: Path) -> None:
    stripped = write(tmp_path / "a.txt", f"1\t{START}\t39\t0.5", record(2))
    full = write(tmp_path / "b.txt", f"1\t{START}\t39\t0.5\t\t\t\t", record(2))
    for activity in ("sms_in", "internet"):
        pd.testing.assert_frame_equal(milano.read_original(stripped, activity), milano.read_original(full, activity))


def test_pieces_do_not_change_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    rows = zip(generator.integers(1, 50, 300), generator.integers(0, 20, 300), generator.random(300), strict=True)
    lines = (record(square, slot, country, value) for country, (square, slot, value) in enumerate(rows))
    path = write(tmp_path / "a.txt", *lines)
    whole = milano.read_original(path)
    monkeypatch.setattr(telecom_italia, "ROWS_AT_ONCE", 7)
    pd.testing.assert_frame_equal(whole, milano.read_original(path), rtol=1e-12)


def test_a_day_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    day = [record(square, slot, country) for square in (1, 2) for slot in range(3) for country in (0, 39)]
    plain = write(tmp_path / "a.txt", *day)
    packed = tmp_path / "a.txt.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    overlapping = write(tmp_path / "b.txt", record(3, 2), "", record(2, 2, 39), record(2, 4))
    for paths, second, first in [
        ([plain, packed], "a.txt.gz, line 1: square 1, time 2013-11-01 00:00:00 and country 0", "a.txt, line 1"),
        ([plain, plain], "a.txt, line 1: square 1", "a.txt, line 1"),
        ([plain, overlapping], "b.txt, line 3: square 2, time 2013-11-01 00:20:00 and country 39", "a.txt, line 12"),
        ([overlapping, plain], "a.txt, line 12: square 2", "b.txt, line 3"),
    ]:
        with pytest.raises(DataFormatError, match="Give no day twice") as caught:
            milano.read_original(paths)
        assert str(caught.value).startswith(str(tmp_path / second))
        assert f"are in {tmp_path / first} already" in str(caught.value)
    # What is left out cannot be counted twice.
    assert milano.read_original([plain, overlapping], cells=[3]).iloc[:, 0].dropna().tolist() == [1.0]


@pytest.mark.parametrize("rows_at_once", [1, 3, 100])
def test_a_repeated_line_is_refused_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr(telecom_italia, "ROWS_AT_ONCE", rows_at_once)
    path = write(tmp_path / "a.txt", *GOOD, record(1, 2, internet=5).replace("39", "039"))
    with pytest.raises(DataFormatError, match=r"a\.txt, line 5: square 1, time 2013-11-01 00:20:00 .*a\.txt, line 3"):
        milano.read_original(path)
    apart = write(tmp_path / "b.txt", *GOOD, record(1, 2, country=33, internet=5))
    assert milano.read_original(apart)[1].tolist() == [1, 1, 6, 1]


def test_trentino_has_a_grid_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "sms-call-internet-tn-2013-11-01.txt", record(11466), record(38))
    assert list(milano.read_original(path, city="trentino").columns) == [38, 11466]
    with pytest.raises(DataFormatError, match=r"square is 11466, not in 1 to 10000 .*city='trentino'"):
        milano.read_original(path)
    write(path, record(11467))
    with pytest.raises(DataFormatError, match=r"square is 11467, not in 1 to 11466;"):
        milano.read_original(path, city="trentino")
    with pytest.raises(InvalidOptionError, match="city is 'roma'; choose from milano, trentino"):
        milano.read_original(path, city="roma")  # type: ignore[arg-type]


KAGGLE = "datetime,CellID,countrycode,smsin,smsout,callin,callout,internet"


def hour(square: int, hour: int, country: int = 39, internet: float | str = 1.0) -> str:
    return f"2013-11-01 {hour:02}:00:00,{square},{country},0.5,,,,{internet}"


def test_kaggle_s_copy_is_the_same_hour_by_hour(tmp_path: Path) -> None:
    first = write(
        tmp_path / "a.csv", "\ufeff" + KAGGLE, hour(1, 0, 0), hour(1, 0, 39, 2.5), hour(2, 3, 39, ""), hour(2, 0)
    )
    second = write(tmp_path / "b.csv", KAGGLE, hour(1, 5))
    frame = milano.read_kaggle([first, second])
    assert frame.index[0] == pd.Timestamp(START, unit="ms", tz="UTC")
    assert (frame.index[1:] - frame.index[:-1] == pd.Timedelta("1h")).all()
    np.testing.assert_array_equal(frame[1], [3.5, *[np.nan] * 4, 1])
    np.testing.assert_array_equal(frame[2], [1, *[np.nan] * 5])
    assert milano.read_kaggle(first, "sms_in")[1].iloc[0] == 1.0
    with pytest.raises(DataFormatError, match=r"b\.csv, line 2: square 1, time 2013-11-01 05:00:00 .*b\.csv, line 2"):
        milano.read_kaggle([second, second])
    with pytest.raises(
        DataFormatError, match=r"a\.csv, line 1: this is Kaggle's hourly copy, for `milano.read_kaggle`"
    ):
        milano.read_original(first)


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([hour(1, 0)], "line 1: '2013-11-01 00:00:00,1,39,0.5,,,,1.0'; expected the columns datetime,CellID"),
        ([KAGGLE], "line 1: the file is empty"),
        ([KAGGLE, hour(1, 0), hour(10001, 0)], "line 3: square is 10001, not in 1 to 10000;"),
        ([KAGGLE, hour(1, 0).replace("00:00,", "10:00,")], "line 2: time is '2013-11-01 00:10:00'"),
        ([KAGGLE, hour(1, 0).replace("2013", "2023")], "line 2: time is '2023-11-01 00:00:00'"),
        ([KAGGLE, hour(1, 0).replace("2013", "")], "line 2: time is '-11-01 00:00:00'"),
        ([KAGGLE, hour(1, 0, internet=-1)], "line 2: internet is '-1', not a finite number >= 0"),
        ([KAGGLE, hour(1, 0, internet="inf")], "line 2: internet is 'inf'"),
        ([KAGGLE, "2013-11-01 00:00:00,1,it,1,,,,"], "line 2: country is 'it'"),
        ([KAGGLE, hour(1, 0), "2013-11-01 01:00:00,1,39,1.7,1.1"], "line 3: 5 fields, not 8"),
        ([KAGGLE, hour(1, 0) + ","], "line 2: 9 fields, not 8"),
        ([KAGGLE, "2013-11-01 00:00:00,1,39"], "line 2: 3 fields"),
    ],
)
def test_a_malformed_line_of_kaggle_s_is_named(tmp_path: Path, lines: list[str], fault: str) -> None:
    path = write(tmp_path / "k.csv", *lines)
    with pytest.raises(DataFormatError) as caught:
        milano.read_kaggle(path)
    assert f"{path}, {fault}" in str(caught.value)


GOOD = [record(1, slot) for slot in range(4)]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1\t1383260400000\t39", "3 fields"),
        ("1\t1383260400000\t39\t1\t1\t1\t1\t1\t1", "9 fields"),
        ("1\t1383260400000\t39\t1\t1\t1\t1\t1\t1\t1", "10 fields"),
        ("x\t1383260400000\t39\t1", "square is 'x'"),
        ("\t1383260400000\t39\t1", "square is ''"),
        ("0\t1383260400000\t39\t1", "square is 0"),
        ("10001\t1383260400000\t39\t1", "square is 10001"),
        ("1\t1383260400001\t39\t1", "time is 1383260400001"),
        ("1\t138326\t39\t1", "time is 138326"),
        ("1\t9383260200000\t39\t1", "time is 9383260200000"),
        ("1\t99999999999999999999\t39\t1", "time is 9999"),
        ("1\t1383260400000\tit\t1", "country is 'it'"),
        ("1\t1383260400000\t39\t1\tabc", "sms_out is 'abc'"),
        ("1\t1383260400000\t39\t1\t\t\t\tnan", "internet is 'nan'"),
        ("1\t1383260400000\t39\t1\t\t\t\t1e999", "internet is '1e999'"),
        ("1\t1383260400000\t39\t1\t\t\t\t-0.5", "internet is '-0.5'"),
        ("1,1383260400000,39,1", "1 fields"),
        ("1\t1383260400000\t39\t\xe9", "sms_in is"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "day.txt"
    path.write_text("\n".join([*GOOD, line, *GOOD]), encoding="latin-1")
    with pytest.raises(DataFormatError) as caught:
        milano.read_original(path)
    message = str(caught.value)
    assert f"{path}, line 5: {fault}" in message
    assert "expected square id, epoch milliseconds" in message


def test_the_faulty_line_is_found_in_a_later_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telecom_italia, "ROWS_AT_ONCE", 2)
    path = write(tmp_path / "day.txt", *GOOD, "", record(1, 4, internet="?"))
    with pytest.raises(DataFormatError, match=r"line 6: internet is '\?'"):
        milano.read_original(path)


def test_a_record_without_any_number_is_no_fault(tmp_path: Path) -> None:
    frame = milano.read_original(write(tmp_path / "a.txt", f"3\t{START}\t39\t\t\t\t\t", record(1)))
    np.testing.assert_array_equal(frame.iloc[0], [1, np.nan])


def test_empty_and_damaged_files_are_refused(tmp_path: Path) -> None:
    empty = write(tmp_path / "empty.txt")
    with pytest.raises(DataFormatError, match="the file is empty"):
        milano.read_original(empty)
    cut = tmp_path / "cut.txt.gz"
    cut.write_bytes(gzip.compress("\n".join(GOOD * 500).encode())[:-20])
    with pytest.raises(DataFormatError, match="damaged gzip"):
        milano.read_original(cut)
    (tmp_path / "no.txt.gz").write_text("plain text")
    with pytest.raises(DataFormatError, match="damaged gzip"):
        milano.read_original(tmp_path / "no.txt.gz")
    for reader in (milano.read_original, milano.read_kaggle, milano.read_25_cells):
        with pytest.raises(DataFormatError, match=r"absent\.txt cannot be read: No such file"):
            reader(tmp_path / "absent.txt")
        with pytest.raises(DataFormatError, match="it is a folder"):
            reader(tmp_path)


def test_gzip_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.txt", *GOOD)
    packed = tmp_path / "b.txt"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    pd.testing.assert_frame_equal(milano.read_original(packed), milano.read_original(plain))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activity": "phone"}, "activity is 'phone'"),
        ({"cells": [0]}, "cells holds 0"),
        ({"cells": [1, 10001]}, "cells holds 10001"),
        ({"cells": [3, 3]}, "none twice"),
        ({"cells": []}, "at least one"),
        ({"cells": [1.5]}, r"cells holds 1\.5; squares are numbered by whole numbers"),
    ],
)
def test_impossible_options_are_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    path = write(tmp_path / "a.txt", record())
    with pytest.raises(InvalidOptionError, match=message):
        milano.read_original(path, **options)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="paths is empty"):
        milano.read_original([])


def test_no_frame_without_a_number_is_returned(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", record(1), record(2))
    with pytest.raises(DataFormatError, match=r"a\.txt: no record of call_in in 1 file; choose another activity"):
        milano.read_original(path, "call_in")
    with pytest.raises(DataFormatError, match=r"no record of internet of the squares 7, 9 in 1 file"):
        milano.read_original(path, cells=[7, 9])


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telecom_italia, "ROWS_AT_ONCE", 5_000)
    keys = [(square, slot) for square in range(1, 6) for slot in range(144)]
    peaks = []
    for copies in (10, 100):
        path = write(tmp_path / f"{copies}.txt", *(record(*key, country) for country in range(copies) for key in keys))
        tracemalloc.start()
        frame = milano.read_original(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert frame.to_numpy() == pytest.approx(copies)
    assert peaks[1] < 1.5 * peaks[0] + 2e6


def test_25_cells_shows_gaps_and_refuses_faults(tmp_path: Path) -> None:
    header = "time_local_CET,4142,4143"
    gap = write(tmp_path / "gap.csv", header, "2013-11-01 00:00:00,1,2", "2013-11-01 00:20:00,3,4")
    frame = milano.read_25_cells(gap)
    np.testing.assert_array_equal(frame, [[1, 2], [np.nan, np.nan], [3, 4]])
    assert list(frame.columns) == [4142, 4143]
    for lines, message in [
        (["when,4142", "2013-11-01 00:00:00,1"], "line 1: first column is 'when'"),
        ([], "line 1: first column is ''"),
        ([header], "line 1: no line after the header"),
        (["time_local_CET", "2013-11-01 00:00:00"], "line 1: no square"),
        ([header, "yesterday,1,2"], "line 2: time 'yesterday'"),
        ([header, ",1,2"], "line 2: time ''"),
        ([header, "2013-10-27 02:10:00,1,2"], "line 2: time '2013-10-27 02:10:00'; expected .* local time"),
        ([header, "2013-11-01 00:00:00,1,two"], "line 2: square 4143 is 'two'"),
        ([header, "2013-11-01 00:00:00,1,nan"], "line 2: square 4143 is 'nan'"),
        ([header, "2013-11-01 00:00:00,1,1_0"], "line 2: square 4143 is '1_0'"),
        ([header, "2013-11-01 00:00:00,1"], "line 2: 1 numbers; expected one for each of 2 squares"),
        ([header, "2013-11-01 00:00:00,1,2,3"], "line 2: 3 numbers"),
        ([header, "2013-11-01 00:00:00,,", "2013-11-01 00:10:00,,"], "no number in it"),
        (["time_local_CET,north", "2013-11-01 00:00:00,1"], "line 1, column 2: 'north'; expected the number of a sq"),
        (["time_local_CET,41_42", "2013-11-01 00:00:00,1"], "line 1, column 2: '41_42'"),
        (
            [header, "2013-11-01 00:00:00,1,2", "2013-11-01 00:10:00,-1,2"],
            "line 3: square 4142 is '-1'; expected a finite",
        ),
        ([header, "2013-11-01 00:00:00,1,inf"], "line 2: square 4143 is 'inf'; expected a finite number >= 0"),
        (["time_local_CET,10001", "2013-11-01 00:00:00,1"], "line 1: square 10001; expected 1 to 10000"),
        (["time_local_CET,1,01", "2013-11-01 00:00:00,1,2"], "line 1: square 1; expected 1 to 10000, each once"),
        ([header, "2013-11-01 00:00:00,1,2", "2013-11-01 00:05:00,1,2"], "line 3: time 2013-11-01 00:05:00"),
        ([header, "2013-11-01 00:00:00,1,2", "2013-11-01 00:00:00,1,2"], "line 3: time 2013-11-01 00:00:00"),
    ]:
        with pytest.raises(DataFormatError, match=message):
            milano.read_25_cells(write(tmp_path / "bad.csv", *lines))


def test_grid_blocks_refuse_what_they_do_not_expect(tmp_path: Path) -> None:
    good = {"day": np.ones((2, 3), dtype=np.float32), "day_start": "2013-11-03T00:00 CET", "square_id": np.arange(1, 4)}
    path = tmp_path / "blocks.npz"
    np.savez(path, **good)
    assert milano.read_grid_blocks(path)["day"].to_numpy().tolist() == [[1.0] * 3] * 2
    for change, message in [
        ({"day": np.ones((2, 4))}, r"shape \(2, 4\)"),
        ({"day_start": "2013-11-03T00:00 UTC"}, "day_start is"),
        ({"day_start": "soon CET"}, "day_start is"),
        ({"day": np.array([[1, 2, 3], [4, -1, 6]])}, r"array day, row 1: square 2 is -1"),
        ({"day": np.array([[1, np.inf, 3]])}, r"array day, row 0: square 2 is inf"),
        ({"square_id": [1, 2, 2]}, "array square_id: square 2; expected 1 to 10000, each once"),
        ({"day": np.array([[object()]])}, "expected a npz archive"),
        ({"day": np.ones((2, 3)) * 1j}, "array day has type complex128; expected real numbers"),
        ({"day": np.full((2, 3), "1")}, "array day has type <U1"),
        ({"day": np.full((2, 3), np.nan)}, "array day holds no number"),
        ({"square_id": np.array([1.5, 2, 3])}, "no array square_id"),
        ({"square_id": np.array(["1", "2", "3"])}, "no array square_id"),
        ({"square_id": np.array([[1, 2, 3]])}, "no array square_id"),
        ({"day_start": "NaT CET"}, "day_start is 'NaT CET'"),
        ({"night_start": "2013-11-03T00:00 CET"}, "night_start without its block night"),
    ]:
        np.savez(path, allow_pickle=True, **(good | change))
        with pytest.raises(DataFormatError, match=message):
            milano.read_grid_blocks(path)
    np.savez(path, square_id=good["square_id"])
    with pytest.raises(DataFormatError, match="no block in it"):
        milano.read_grid_blocks(path)
    np.savez(path, day=good["day"])
    with pytest.raises(DataFormatError, match="no array square_id"):
        milano.read_grid_blocks(path)
    path.write_text("no archive")
    with pytest.raises(DataFormatError, match="expected a npz archive"):
        milano.read_grid_blocks(path)
