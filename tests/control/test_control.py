"""The slot simulator against a ten-line loop, streaming against batch, and the paper's own numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.control import (
    DriftPlusPenalty,
    Environment,
    SlotState,
    path_gain,
    simulate,
)
from edgeopt.profiles.energy import (
    JETSON_TX2,
    SplitCosts,
    mobilenet_splits,
    split_costs,
)

pytestmark = pytest.mark.compiled


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment()


def states(environment: Environment, slots: int, seed: int) -> list[SlotState]:
    return [
        SlotState(*map(float, row)) for block in environment.blocks(slots, seed) for row in zip(*block, strict=True)
    ]


@pytest.mark.parametrize("bandwidths", [None, [200e6, 5e6, 1e9]])
@pytest.mark.parametrize("rule", ["lambert-w", "two-regime", "local-only", "remote-only"])
def test_the_compiled_loop_is_the_solver_slot_after_slot(environment, rule, bandwidths):
    environment = replace(environment, bandwidths=bandwidths)
    controller = DriftPlusPenalty(rule=rule, tradeoff=0.3)
    found = simulate(controller, environment, 300, seed=4, warm_up=0, keep=True).slots[0]
    z, h = 0.0, 0.0
    for state, row in zip(states(environment, 300, 4), found.itertuples(), strict=True):
        # The queues as eq. 13 and 14 have them, and the slot by the registered solver.
        assert (row.delay_queue, row.outage_queue) == (z, h)
        slot = DriftPlusPenalty(rule=rule, tradeoff=0.3, delay_queue=z, outage_queue=h).problem(state, environment)
        decision = eo.solve(slot, rule).decision
        ours = eo.SlotDecision(row.split, row.rate)
        assert slot.objective(ours) == pytest.approx(slot.objective(decision), rel=1e-12)
        assert slot.late(row.split, row.rate) == row.late
        z = max(0.0, z + row.delay - 0.05)
        h = max(0.0, h + float(row.late) - 0.01)


def test_streaming_is_the_simulation_and_survives_a_kill(environment, tmp_path):
    controller = DriftPlusPenalty(rule="two-regime")
    whole = simulate(controller, environment, 400, seed=5, warm_up=0, keep=True)
    decided = []
    for number, state in enumerate(states(environment, 400, 5)):
        if number == 200:  # killed, and read back
            eo.save(controller, tmp_path / "controller.json")
            controller = eo.load(tmp_path / "controller.json")
        decision, controller = controller.step(state, environment)
        decided.append((decision.split, decision.rate))
    assert [tuple(row) for row in whole.slots[0][["split", "rate"]].itertuples(index=False)] == decided
    assert controller == whole.controllers[0]


def test_runs_do_not_depend_on_their_company(environment):
    runs = [{"seed": s, "tradeoff": v} for s in (1, 2) for v in (0.1, 1.0)]
    together = simulate(DriftPlusPenalty(), environment, 3000, runs=runs, warm_up=100).summary
    for i, run in enumerate(runs):
        alone = simulate(DriftPlusPenalty(), environment, 3000, runs=[run], warm_up=100, threads=1).summary
        assert alone.iloc[0].equals(together.iloc[i])


def test_an_audit_certifies_every_slot(environment):
    runs = [{"rule": rule, "tradeoff": v} for rule in ("two-regime", "lambert-w") for v in (0.003, 1.0)]
    found = simulate(DriftPlusPenalty(), environment, 400, seed=2, runs=runs, warm_up=0, audit=True).summary
    assert (found.largest_gap[:2] <= 1e-9).all()
    assert found.largest_gap[2:].max() > 1e-6  # the surrogate misses an optimum somewhere
    assert (found.drift_constant > 0).all()


def test_blocks_do_not_show(environment):
    joined = [np.concatenate(parts) for parts in zip(*environment.blocks(1000, 3, size=1000), strict=True)]
    pieces = [np.concatenate(parts) for parts in zip(*environment.blocks(1000, 3, size=130), strict=True)]
    for one, other in zip(joined, pieces, strict=True):
        np.testing.assert_array_equal(one, other)


def test_measured_values_take_the_place_of_draws(environment):
    measured = replace(environment, arrivals=[3.0, 0.0], gains=[1e-10], availabilities=[0.5, 0.25, 0.0])
    arrivals, gains, speeds, limits, bands = next(measured.blocks(6, 0))
    assert np.isinf(limits).all()
    assert set(bands) == {measured.bandwidth}
    np.testing.assert_array_equal(arrivals, [3, 0, 3, 0, 3, 0])
    assert set(gains) == {1e-10}
    np.testing.assert_allclose(speeds, 21e12 * np.array([0.5, 0.25, 0.0] * 2))
    found = simulate(DriftPlusPenalty(), measured, 60, warm_up=0, keep=True).slots[0]
    assert (found.split[2::6] == 19).all()  # no edge host: everything stays on the device
    assert (found.delay[1::2] == 0).all()  # no image, no delay


def test_a_measured_rate_limit_binds_and_a_dead_link_keeps_everything_local(environment):
    limited = replace(environment, rate_limits=[5e7, 0.0, 1e12])
    found = simulate(DriftPlusPenalty(), limited, 90, warm_up=0, keep=True).slots[0]
    assert found.rate[::3].max() <= 5e7
    assert (found.split[1::3] == 19).all()
    assert (found.rate[1::3] == 0).all()
    assert found.rate[2::3].max() > 1e8


@pytest.mark.parametrize("rule", ["lambert-w", "two-regime"])
def test_a_limit_below_the_rate_of_the_least_power_is_no_dead_link(environment, rule):
    """At 10 mW the default link carries 500 Mbit/s; one that is limited to 10 Mbit/s still sends."""
    slow = replace(environment, rate_limits=[1e7], arrivals=[1.0])
    found = simulate(DriftPlusPenalty(rule=rule), slow, 500, warm_up=0, keep=True, audit=True)
    rate = found.slots[0].rate
    assert (rate > 0).mean() > 0.9
    assert rate[rate > 0].median() == 1e7
    if rule == "two-regime":
        assert found.summary.largest_gap[0] <= 1e-9


def test_neither_a_faster_link_nor_a_better_channel_is_worse(environment):
    """Also where the limit lies below what the least power could carry."""
    controller = DriftPlusPenalty(delay_queue=0.2, outage_queue=0.5, tradeoff=0.3, rule="two-regime")

    def least(state):
        return eo.solve(controller.problem(state, environment), "two-regime").objective

    limits, gains = [0.0, 1e5, 1e7, 1e8, 1e9, math.inf], environment.mean_gain * np.logspace(-5, 1, 7)
    for state in states(environment, 5, seed=2):
        faster = [least(replace(state, rate_limit=limit)) for limit in limits]
        better = [least(replace(state, rate_limit=1e8, channel_gain=float(gain))) for gain in gains]
        for values in (faster, better):
            assert (np.diff(values) <= 1e-12 * np.abs(values[1:])).all()
        assert better[-1] < better[0]


def test_a_bandwidth_for_each_slot(environment, tmp_path):
    """B(t) of eq. 11: the same numbers where it is constant, the audit of each slot, files, and what is refused."""
    constant = simulate(DriftPlusPenalty(), environment, 500, seed=3, warm_up=0).summary
    same = replace(environment, bandwidth=1.0, bandwidths=[environment.bandwidth])
    pd.testing.assert_frame_equal(simulate(DriftPlusPenalty(), same, 500, seed=3, warm_up=0).summary, constant)
    varied = replace(environment, bandwidths=np.random.default_rng(1).uniform(1e6, 4e8, 100))
    found = simulate(DriftPlusPenalty(rule="two-regime"), varied, 200, seed=3, warm_up=0, audit=True).summary
    assert found.largest_gap[0] <= 1e-9
    eo.save(varied, tmp_path / "varied.json")
    again = eo.load(tmp_path / "varied.json")
    rows = [simulate(DriftPlusPenalty(), one, 200, seed=3, warm_up=0).summary for one in (varied, again)]
    pd.testing.assert_frame_equal(*rows)
    assert rows[0].energy[0] != simulate(DriftPlusPenalty(), environment, 200, seed=3, warm_up=0).summary.energy[0]
    with pytest.raises(eo.InvalidProblemError, match=r"bandwidths\[1\] is 0.0; every entry must be positive"):
        replace(environment, bandwidths=[1.0, 0.0])


@pytest.mark.parametrize("rule", ["two-regime", "lambert-w"])
@pytest.mark.parametrize("gain", [0.0, 1e-300, 1e-200, 1e-150])
def test_a_dead_channel_is_audited(environment, gain, rule):
    dead = replace(environment, gains=np.full(3, gain))
    controller = DriftPlusPenalty(average_delay=0.05, max_delay=0.1, outage=0.01, rule=rule)
    found = simulate(controller, dead, 60, warm_up=10, audit=True, keep=True)
    assert found.summary.largest_gap.max() <= 1e-9
    assert (found.slots[0].split == 19).all()  # whatever is sent would take longer than the universe is old


def test_the_published_network_and_boards():
    costs = mobilenet_splits()
    assert len(costs.names) == 20
    assert costs.local_flops[-1] == 2 * 300_774_272
    assert costs.local_energy[-1] == pytest.approx(0.135671, abs=5e-7)
    assert costs.local_flops[-1] / JETSON_TX2.speed == pytest.approx(0.46273e-3, abs=5e-9)
    assert (costs.payload_bits[0], costs.payload_bits[-1]) == (3 * 224 * 224 * 32, 0.0)
    assert (np.diff(costs.local_energy) >= 0).all()


def test_a_split_behind_no_module_is_refused():
    from edgeopt.profiles import zoo
    from edgeopt.profiles.dnn import LayerTable

    chain = LayerTable.from_module(zoo.build("alexnet"), zoo.example_input("alexnet")).chain()
    assert len(split_costs(chain, JETSON_TX2).names) == chain.units + 1
    with pytest.raises(eo.InvalidOptionError, match="no unit belongs to the module 'nowhere'"):
        split_costs(chain, JETSON_TX2, ["nowhere"])


def test_the_paper_s_numbers_under_the_conventions_that_give_them(environment):
    runs = [{"rule": "remote-only", "availability": a} for a in (0.1, 0.3, 1.0)]
    runs += [{"availability": a, "tradeoff": v} for a, v in ((0.1, 0.01), (0.1, 1.0), (1.0, 1.0))]
    found = simulate(DriftPlusPenalty(), environment, 60_000, seed=1, runs=runs).summary
    full, method = found[:3], found[3:]
    np.testing.assert_allclose(full.outage, [0.178, 0.130, 0.111], atol=0.01)
    np.testing.assert_allclose(method.saving, [0.853, 0.872, 0.944], atol=0.01)
    assert (method.outage <= 0.0105).all()
    assert (method.delay <= 0.0505).all()
    assert (method.delay_queue_rate < 1e-3).all()


def test_the_queues_bound_what_the_constraints_are_exceeded_by(environment):
    runs = [{"tradeoff": v, "availability": 0.1} for v in (0.01, 1.0, 100.0)]
    controller = DriftPlusPenalty()
    found = simulate(controller, environment, 20_000, warm_up=0, runs=runs).summary
    assert (found.delay <= controller.average_delay + found.delay_queue_rate + 1e-12).all()
    assert (found.outage <= controller.outage + found.outage_queue_rate + 1e-12).all()
    assert found.delay_met[0]
    assert not found.delay_met[2]  # V too large for so few slots


def test_path_gain_by_hand():
    assert path_gain(50.0, 3.5e9, 3.0) == pytest.approx((299792458 / 3.5e9 / (4 * math.pi)) ** 2 / 50**3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: DriftPlusPenalty(rule="guess"), eo.InvalidOptionError, "rule is 'guess'"),
        (lambda e: DriftPlusPenalty(max_delay=0.0), eo.InvalidOptionError, "max_delay is 0.0"),
        (lambda e: DriftPlusPenalty(tradeoff=-1.0), eo.InvalidProblemError, "tradeoff is -1.0"),
        (lambda e: simulate(DriftPlusPenalty(), e, 10, warm_up=10), eo.InvalidOptionError, "warm_up is 10 of 10"),
        (
            lambda e: simulate(DriftPlusPenalty(), e, 10, warm_up=0, runs=[{"speed": 1}]),
            eo.InvalidOptionError,
            "changes 'speed'",
        ),
        (lambda e: Environment(e.costs, power_bounds=(1.0, 0.1)), eo.InvalidProblemError, "power_bounds"),
        (lambda e: Environment(e.costs, availability=2.0), eo.InvalidProblemError, "availability is 2.0"),
        (
            lambda e: Environment(e.costs, availabilities=[20, 50, 90]),
            eo.InvalidProblemError,
            r"availabilities\[0\] is 20.0 \(2 more like it\).* divide percentages by 100",
        ),
        (lambda e: Environment(e.costs, arrivals=[]), eo.InvalidProblemError, "arrivals is empty"),
        (lambda e: Environment(e.costs, gains=[1.0, -2.0]), eo.InvalidProblemError, r"gains\[1\] is -2.0"),
        (lambda e: SlotState(math.nan, 1e-9, 1e12), eo.InvalidProblemError, "arrivals is nan"),
        (lambda e: SlotState(1.0, -1e-9, 1e12), eo.InvalidProblemError, "channel_gain is -1e-09"),
        (lambda e: SlotState(1.0, 1e-9, 1e12, rate_limit=math.nan), eo.InvalidProblemError, "rate_limit is nan"),
        (lambda e: SlotState(1.0, 1e-9, 1e12, bandwidth=0.0), eo.InvalidProblemError, "bandwidth is 0; it must be"),
        (lambda e: SplitCosts([np.nan], [0.0], [0.0], [0.0]), eo.InvalidProblemError, "local_flops"),
    ],
)
def test_bad_settings_are_refused(environment, call, error, message):
    with pytest.raises(error, match=message):
        call(environment)
