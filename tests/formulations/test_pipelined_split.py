"""Frames in flight: hand-worked stages, every placement tried, another engine, forged bounds, the traps."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.formulations.pipelined_split import NoPipeline, StageBounds
from edgeopt.model.outcome import Status
from edgeopt.testing.families.pipelined_split import pipelined_enumerated, pipelined_value

HAND = eo.PipelinedSplit(
    [[0.02, 0.01], [0.03, 0.01], [0.04, 0.01]], [1e6, 1e5, 2e5, 1e3], 1e7, downlink_rate=1e6, link_delay=0.005
)


def drawn(rng: np.random.Generator, layers: int = 5, tiers: int = 3) -> eo.PipelinedSplit:
    """Draw a problem of which nothing is easy: ties, layers that cannot run, memory, co-location, caps."""
    whole = rng.random() < 0.3  # whole numbers tie
    number = (lambda *s: rng.integers(0, 4, s).astype(float)) if whole else (lambda *s: rng.gamma(1.0, 1.0, s))
    times = number(layers, tiers)
    if rng.random() < 0.3:
        times[rng.integers(layers), rng.integers(tiers)] = np.inf
    data = {"backhaul_rate": [4.0] * (tiers - 2) or None, "link_delay": number(tiers - 1)}
    data |= {"half_duplex": bool(rng.random() < 0.3), "downlink_rate": 1.5}
    if rng.random() < 0.5:
        data |= {"weight_bytes": number(layers), "activation_bytes": number(layers)}
        data |= {"memory": np.where(rng.random(tiers) < 0.6, 4.0 + 2.0 * number(tiers), np.inf)}
    if layers > 2 and rng.random() < 0.3:
        data |= {"together": [sorted(rng.integers(0, layers, 2).tolist())]}
    kind = rng.integers(4)
    if kind == 1:
        data |= {"max_latency": float(rng.uniform(1, 12))}
    elif kind > 1:
        data |= {"goal": "latency", "max_period": float(rng.uniform(0.5, 6)) if kind == 2 else None}
    return eo.PipelinedSplit(times, number(layers + 1), 2.0, **data)


def agrees(problem: eo.PipelinedSplit) -> None:
    best, found = pipelined_enumerated(problem), eo.solve(problem)
    if best == math.inf:
        assert found.status is Status.INFEASIBLE, found
        assert found.certificate.holds(problem)
        assert problem.infeasibility_certificate() is not None
    else:
        assert found.status is Status.OPTIMAL, found
        assert found.objective == pytest.approx(best, rel=1e-9, abs=1e-12)
        assert found.proved
        assert problem.infeasibility_certificate() is None


def test_hand() -> None:
    decision = eo.PipelinedSplitDecision([0, 1, 1])
    assert HAND.stage_times(decision) == pytest.approx([0.02, 0.02, 0.01, 0.001])
    assert HAND.period(decision) == pytest.approx(0.02)
    assert HAND.latency(decision) == pytest.approx(0.02 + 0.02 + 0.01 + 0.001 + 2 * 0.005)
    assert eo.solve(HAND).objective == pytest.approx(0.02)
    assert replace(HAND, half_duplex=True, downlink_rate=1e5).period(decision) == pytest.approx(0.02)


def test_every_placement_tried() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        agrees(drawn(rng))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_every_placement_of_thousands_tried(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    for _ in range(1500):
        agrees(drawn(rng, int(rng.integers(1, 8)), int(rng.integers(2, 5))))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_another_engine(seed: int) -> None:
    problem = drawn(np.random.default_rng(seed), 20, 3)
    ours, theirs = eo.solve(problem), eo.solve(problem, "highs", relative_gap=1e-9)
    assert ours.status == theirs.status
    if ours.status is Status.OPTIMAL:
        assert ours.objective == pytest.approx(theirs.objective, rel=1e-6, abs=1e-9)


def test_the_period_is_a_stage_that_is_attained() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        problem = replace(drawn(rng, 8, 3), goal="period", max_period=None, half_duplex=False)
        found = eo.solve(problem)
        if found.status is Status.OPTIMAL:
            assert found.objective in problem.stage_times(found.decision)


def test_the_fastest_frame_is_not_the_fastest_pipeline() -> None:
    problem = eo.PipelinedSplit([[4.0, 3.0]] * 4, [0.1] * 5, 1.0)
    one = eo.solve(replace(problem, goal="latency"))
    assert one.decision.tiers.tolist() == [1, 1, 1, 1]
    assert problem.period(one.decision) == 12.0
    assert eo.solve(problem).objective == 8.0  # two layers each: 8 and 6 s


def test_a_tier_that_is_visited_twice_is_refused() -> None:
    with pytest.raises(eo.InvalidProblemError, match=r"decision\.tiers\[2\] is 0; every entry must be at least"):
        HAND.check(eo.PipelinedSplitDecision([0, 1, 0]))


def test_forged_bounds_prove_nothing_false() -> None:
    rng = np.random.default_rng(2)
    for _ in range(100):
        problem = drawn(rng, 4, 3)
        best = pipelined_enumerated(problem)
        if best == math.inf:
            continue
        found = eo.solve(problem)
        certificate = found.certificate
        for bounds in (
            certificate.bounds + rng.uniform(0, 1, certificate.bounds.shape),
            2.0 * certificate.bounds + 1.0,
        ):
            for threshold in (certificate.threshold, 2.0 * certificate.threshold):
                gap = StageBounds(threshold, bounds).optimality_gap(problem, found.decision)
                assert gap >= found.objective - best - 1e-9
            assert not NoPipeline(bounds).holds(problem)
        assert StageBounds(0.0, np.zeros((1, 2))).optimality_gap(problem, found.decision) >= 0.0


def test_memory_holds_weights_and_the_largest_activation() -> None:
    problem = replace(
        HAND, weight_bytes=[4.0, 2.0, 1.0], activation_bytes=[1.0, 2.0, 4.0], memory=[5.0, math.inf], link_delay=0.0
    )
    assert problem.violations(eo.PipelinedSplitDecision([0, 1, 1])) == {}
    assert problem.violations(eo.PipelinedSplitDecision([0, 0, 1])) == {"memory": pytest.approx(3.0 / 5.0)}
    assert eo.solve(replace(problem, memory=[4.0, math.inf])).decision.tiers.tolist() == [1, 1, 1]
    explained = str(replace(problem, memory=[1.0, 1.0]).explain())
    assert "memory" in explained


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"output_bits": [1.0, 1.0]}, "output_bits"),
        ({"output_bits": [1.0, -1.0, 1.0, 1.0]}, r"output_bits\[1\]"),
        ({"goal": "rate"}, "goal"),
        ({"max_period": 1.0}, "max_period"),
        ({"max_latency": -1.0}, "max_latency"),
        ({"memory": [1.0]}, "memory"),
        ({"weight_bytes": [1.0]}, "weight_bytes"),
        ({"together": [(0, 3)]}, r"together\[0\]"),
        ({"together": [0.5]}, "together"),
        ({"uplink_rate": [1.0, 2.0]}, "batch"),
        ({"half_duplex": "yes"}, "half_duplex"),
        ({"names": ("a",)}, "names"),
    ],
)
def test_bad_input_is_named(changes: dict, named: str) -> None:
    with pytest.raises(eo.InvalidProblemError, match=named):
        replace(HAND, **changes)


def test_side_constraint() -> None:
    inside = HAND.subject_to(last=lambda m: m.runs[2, 0] == 1, soon=lambda m: m.latency <= 1.0)
    assert eo.solve(inside).decision.tiers.tolist() == [0, 0, 0]
    quick = eo.solve(HAND.minimize(lambda m: m.latency + 0.5 * m.period))
    best = min(
        pipelined_value(HAND, tiers)[1] + 0.5 * pipelined_value(HAND, tiers)[0]
        for tiers in ([0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 1])
    )
    assert quick.objective == pytest.approx(best)


@pytest.mark.parametrize(
    ("changes", "repair"),
    [
        ({"max_latency": 1e-3}, "max_latency 0.001 becomes 0.061"),
        ({"goal": "latency", "max_period": 1e-3}, "max_period 0.001 becomes 0.02"),
        ({"weight_bytes": [1.0, 1.0, 1.0], "memory": [1.0, 1.0]}, "memory (1, 1) becomes "),
    ],
)
def test_what_does_not_fit_is_repaired_in_the_problem_s_fields(changes: dict, repair: str) -> None:
    told = eo.explain(replace(HAND, **changes))
    assert told.repair is not None
    assert told.repair.text.startswith(repair)
    assert not any("[" in line for line in told.conflict)
    assert eo.solve(told.repair.apply()).status is Status.OPTIMAL


def test_layers_that_nothing_runs_in_one_line_have_no_repair() -> None:
    problem = eo.PipelinedSplit([[1.0, math.inf], [math.inf, 1.0], [1.0, math.inf]], [1.0] * 4, 1.0)
    told = eo.explain(problem)
    assert "some layers cannot run on some tiers (exec_time)" in told.conflict
    assert told.repair is None


def test_memory_of_exactly_the_need() -> None:
    """The sum of 0.1, 0.2 and 0.3 is a little more than 0.6 in binary."""
    tight = replace(HAND, weight_bytes=[0.1, 0.2, 0.3], activation_bytes=[0.1] * 3, memory=[0.7, 0.0])
    for solver in ("auto", "highs"):
        assert eo.solve(tight, solver).decision.tiers.tolist() == [0, 0, 0]
    assert eo.solve(replace(tight, memory=[0.7 - 1e-9, 0.0])).status is Status.INFEASIBLE
