"""City Cellular Traffic Map: the real file, and damaged ones."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.data.c2tm import read_c2tm


def test_the_real_file_gives_the_longest_stretch_without_gaps(data_dir):
    frame = read_c2tm(data_dir / "c2tm/clustered_traffic_data.csv.gz")
    assert frame.shape == (204, 93)
    assert str(frame.index[0]) == "2012-08-19 00:00:00+08:00"
    assert (np.diff(frame.index.asi8) == np.diff(frame.index.asi8)[0]).all()
    assert np.isfinite(frame.to_numpy()).all()
    assert all(name.startswith("rrh") for name in frame.columns)


def test_the_longest_stretch_without_gaps_is_read_and_who_is_silent_is_left_out(small_data):
    frame = read_c2tm(small_data / "c2tm/clustered_traffic_data.csv.gz")
    assert frame.shape == (69, 51)
    assert str(frame.index[0]) == "2012-08-19 11:00:00+08:00"
    assert (np.diff(frame.index.asi8) == np.diff(frame.index.asi8)[0]).all()
    assert "rrh_3.0" not in frame.columns
    assert all(name.startswith("rrh") for name in frame.columns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bs,thour\nrrh_1,2012-08-16\n", "no column 'bytes'"),
        ("bs,thour,bytes\nfog_1,2012-08-16 10:00:00+08:00,5\n", "no cluster"),
        ("bs,thour,bytes\nrrh_1,yesterday,5\n", "line 2: thour is 'yesterday'; expected a full hour"),
        ("bs,thour,bytes\nrrh_1,2012-08-16 10:00:00,5\n", "line 2: thour is '2012-08-16 10:00:00'; .* with its offset"),
        ("bs,thour,bytes\nrrh_1,2012-08-16 10:30:00+08:00,5\n", "line 2: thour is '2012-08-16 10:30:00"),
        (
            "bs,thour,bytes\nrrh_1,2012-08-16 10:00:00+08:00,5\nfog_1,2012-08-16 10:00:00+08:00,5\n"
            "rrh_1,2012-08-16T02:00:00Z,5\n",
            r"line 4: bs rrh_1, time 2012-08-16 10:00:00\+08:00 is in line 2 already",
        ),
        ("bs,thour,bytes\nrrh_1,2012-08-16 10:00:00+08:00,many\n", "line 2"),
    ],
)
def test_damaged_files_are_refused(tmp_path, text, message):
    path = tmp_path / "traffic.csv"
    path.write_text(text)
    with pytest.raises(eo.DataFormatError, match=message):
        read_c2tm(path)
