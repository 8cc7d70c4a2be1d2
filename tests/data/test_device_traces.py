"""Packet opportunities and processor loads: against rates that others took of the same traces, by hand, and damaged."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.control import DriftPlusPenalty, Environment, simulate
from edgeopt.data.device_traces import read_free_shares, read_packet_opportunities


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_rates_are_those_of_the_table_of_seconds(data_dir):
    folder = data_dir / "wireless_traces/mahimahi"
    table = pd.read_csv(folder / "throughput_1s_mbps.csv.gz")
    compared = 0
    for name, group in table.groupby("trace"):
        for path in folder.glob(f"{name}*"):
            ours = read_packet_opportunities(path, slot=1.0)
            # The table also has the second that the trace does not end.
            np.testing.assert_allclose(ours, 1e6 * group["mbps"].to_numpy()[: len(ours)], rtol=1e-12)
            assert len(ours) >= len(group) - 1
            compared += 1
    assert compared == 12


def test_packets_are_counted_slot_by_slot(tmp_path):
    path = write(tmp_path / "up", 0, 0, 99, 100, 250, 399, 420)
    rates = read_packet_opportunities(path)
    assert rates.tolist() == [3.6e5, 1.2e5, 1.2e5, 1.2e5]
    assert rates.index.tolist() == list(pd.timedelta_range(0, periods=4, freq="100ms"))
    assert read_packet_opportunities(path, slot=0.02).sum() * 0.02 == pytest.approx(7 * 12_000 - 12_000)
    packed = tmp_path / "up.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    pd.testing.assert_series_equal(read_packet_opportunities(packed), rates)
    # One packet a millisecond is 12 Mbit/s, as mahimahi's own description says.
    assert set(read_packet_opportunities(write(tmp_path / "fixed", *range(1000)))) == {12e6}


def test_traces_go_into_an_environment(tmp_path):
    rates = read_packet_opportunities(write(tmp_path / "up", *range(0, 300, 3), 599, 600))
    free = read_free_shares(write(tmp_path / "load", 0, 30, 100))
    assert free.tolist() == [1.0, 0.7, 0.0]
    around = replace(Environment(), rate_limits=rates, availabilities=np.repeat(free, 2), arrival_rate=1.0)
    found = simulate(DriftPlusPenalty(), around, 60, warm_up=0, keep=True).slots[0]
    assert (found.split[3::6] == 19).all()  # no packet in the fourth slot: everything stays on the device
    assert found.rate.max() <= rates.max()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([0, 5, 4], "line 3: 4 after 5; expected ascending"),
        ([0, "x"], "line 2: 'x'; expected milliseconds since the start"),
        ([0, "", 200], "line 2: ''"),
        ([0, -1], "line 2: '-1'"),
        ([0, "1.5"], "line 2: '1.5'"),
        ([0, 98], "ends after 98 ms; a slot has 100 ms"),
        ([0, 10**17], "line 2: 100000000000000000 ms would be"),
        ([], "empty; expected milliseconds"),
    ],
)
def test_damaged_traces_are_refused(tmp_path, lines, message):
    with pytest.raises(eo.DataFormatError, match=message):
        read_packet_opportunities(write(tmp_path / "trace", *lines))


@pytest.mark.parametrize("slot", [0.0, -1.0, float("nan"), float("inf"), 0.0005, 0.1005])
def test_a_slot_is_whole_milliseconds(tmp_path, slot):
    with pytest.raises(eo.InvalidOptionError, match=r"slot is .* seconds; expected a whole number of milliseconds"):
        read_packet_opportunities(write(tmp_path / "trace", 0, 500), slot)


def test_damaged_loads_are_refused(tmp_path):
    for lines, message in [([5, 101], "line 2: 101; expected percent"), ([], "empty"), ([0.5], "line 1: '0.5'")]:
        with pytest.raises(eo.DataFormatError, match=message):
            read_free_shares(write(tmp_path / "load", *lines))
    with pytest.raises(eo.DataFormatError, match="it is a folder"):
        read_free_shares(tmp_path)
