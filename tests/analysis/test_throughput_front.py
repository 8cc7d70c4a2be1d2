"""The front of latency and throughput against every placement, and what it refuses."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.analysis import throughput_front
from edgeopt.testing.families.pipelined_split import pipelined_value

sys.path.insert(0, str(Path(__file__).parents[1] / "formulations"))
from test_pipelined_split import drawn


@pytest.mark.parametrize("seed", range(3))
def test_the_front_is_that_of_all_placements(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(40):
        problem = replace(drawn(rng, 5, 3), goal="latency", max_period=None, max_latency=None)
        every = {
            tuple(reversed(pipelined_value(problem, tiers)))
            for tiers in combinations_with_replacement(range(problem.tiers), problem.layers)
        }
        points = sorted(point for point in every if point[0] < np.inf)
        best, least = [], np.inf
        for latency, period in points:
            if period < least * (1 - 1e-9):
                best.append((latency, period))
                least = period
        if not best:
            with pytest.raises(eo.NoSolutionError, match="explain"):
                throughput_front(problem)
            continue
        front = throughput_front(problem)
        assert len(front) == len(best)
        assert np.c_[front.latency, front.period] == pytest.approx(np.array(best))


def test_a_rate_is_kept_or_refused() -> None:
    problem = eo.PipelinedSplit([[4.0, 3.0]] * 4, [0.1] * 5, 1.0)
    front = throughput_front(problem)
    assert front.throughput[-1] == pytest.approx(1 / 8.0)
    assert problem.period(front.fastest_at(0.1)) <= 10.0
    with pytest.raises(eo.InvalidProblemError, match="at most 0.125"):
        front.fastest_at(1.0)
    assert len(throughput_front(replace(problem, max_latency=12.3))) == 1
    assert front.frame().layers_sent.iloc[0] == 4


def test_gpipe_balances_whatever_it_sends() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        problem = replace(drawn(rng), goal="period", max_period=None)
        one, best = eo.solve(problem, "gpipe"), eo.solve(problem)
        if one.status.has_decision:
            assert one.objective >= best.objective * (1 - 1e-12)


def test_cp_sat_refuses_a_period_beside_binaries() -> None:
    """A mixed program is none in whole numbers: CP-SAT must not round the period up."""
    problem = eo.PipelinedSplit([[4.5, 3.25]] * 2, [0.125] * 3, 1.0)
    with pytest.raises(eo.UnsupportedPairError, match="integer columns only"):
        eo.solve(problem, "cp-sat")
    with pytest.raises(eo.UnsupportedPairError, match="integer columns only"):
        eo.solve(problem.subject_to(one=lambda m: m.runs[0, 0] == 1), "cp-sat")
