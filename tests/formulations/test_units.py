"""Values that look as if they were given in another unit are doubted, not changed and not refused."""

from __future__ import annotations

import logging

import pytest

import edgeopt as eo


def chain(uplink_rate, seconds=0.01):
    entry = eo.Exit(1.0, [[4 * seconds, seconds]], [1.2e6, 1e3])
    return eo.StochasticSplit([entry], [1.0], uplink_rate)


def graph(uplink_rate, seconds=0.01):
    return eo.GraphSplit([[4 * seconds, seconds]], [(-1, 0)], 1.2e6, [1e3], uplink_rate)


@pytest.mark.parametrize("make", [chain, graph])
def test_what_nobody_waits_for_is_doubted(make, caplog):
    with caplog.at_level(logging.WARNING, "edgeopt"):
        make(5e6)
        make(400.0)  # fifty minutes over a slow radio are slow, but said as they are
        assert not caplog.records
        problem = make(5.0)
        assert "uplink_rate is 5 bit/s: the raw input, 1.2e+06 bits, takes 240000 s" in caplog.text
        assert "Did you mean 5e+06?" in caplog.text
        assert float(problem.uplink_rate) == 5.0
        caplog.clear()
        make(5e6, seconds=1200.0)
        assert "exec_time holds 4800 s for one layer; times are in seconds. Did you mean 4.8?" in caplog.text
