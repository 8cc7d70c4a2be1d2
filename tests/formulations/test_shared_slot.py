"""Users who share a slot: bounds against every decision, the exact optimum against the one-user slot, hostile input."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.control import Environment
from edgeopt.formulations.shared_slot import SharedPrices


def crowd(users: int, seed: int, splits: int = 20, **changes) -> eo.SharedSlot:
    """Return users of MobileNetV2 at 20 to 200 m from their cell."""
    rng, environment = np.random.default_rng(seed), Environment()
    costs, some = environment.costs, np.linspace(0, 19, splits).astype(int)
    gain = environment.mean_gain * rng.exponential(size=users) * (rng.uniform(20, 200, users) / 50) ** -3
    fields = {
        "local_flops": costs.local_flops[some],
        "remote_flops": costs.remote_flops[some],
        "payload_bits": costs.payload_bits[some],
        "local_energy": costs.local_energy[some],
        "arrivals": rng.poisson(10, users),
        "channel_gain": gain,
        "bandwidth": 20e6 * users,
        "noise_density": environment.noise_density,
        "local_speed": 1.3e12,
        "remote_speed": 1e12 * users,
        "max_power": 0.1,
        "min_rate": 1e5,
        "min_speed": 1e9,
        "delay_queue": rng.exponential(2.0, users),
        "outage_queue": rng.exponential(1.0, users) * (rng.random(users) < 0.5),
        "tradeoff": 1.0,
        "max_delay": 0.1,
    }
    return eo.SharedSlot(**fields | changes)


@st.composite
def shared_slots(draw) -> eo.SharedSlot:
    users, splits = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    power = lambda low, high: 10 ** draw(st.floats(low, high))  # noqa: E731
    each = lambda low, high: np.array([power(low, high) for _ in range(users)])  # noqa: E731
    weight = lambda: draw(st.sampled_from([0.0, 1.0]))  # noqa: E731
    flops = np.sort([draw(st.floats(0, 3e8)) for _ in range(splits)])
    payload = np.array([draw(st.floats(1e4, 1e7)) for _ in range(splits - 1)] + [0.0])
    return eo.SharedSlot(
        flops,
        flops[-1] - flops,
        payload,
        flops * power(-11, -9),
        [draw(st.integers(0, 15)) for _ in range(users)],
        each(-14, -8),
        power(5.5, 8.5),
        4e-21 * power(0, 2),
        1.3e12 * power(-3, 0),
        21e12 * power(-4, 0),
        power(-2, 0),
        power(2, 5),
        power(5, 9),
        weight() * each(-3, 4),
        weight() * each(-3, 4),
        weight() * power(-3, 4),
        power(-3, 0),
    )


@settings(max_examples=60, deadline=None)
@given(shared_slots(), st.integers(0, 2**32 - 1))
def test_the_search_ends_proved_and_nothing_beats_it(problem, seed):
    best = eo.solve(problem)
    assert (best.solver, best.status) == ("price-and-branch", "optimal"), best.message
    assert best.gap <= 1e-8
    others = eo.solve(problem, "dual-prices")
    assert others.status == "feasible"
    assert others.bound <= best.objective * (1 + 1e-9) + 1e-300
    rng, low = np.random.default_rng(seed), best.objective * (1 - 1e-9)
    for _ in range(50):  # shares and choices at random
        share = rng.dirichlet(np.ones(problem.users)), rng.dirichlet(np.ones(problem.users))
        band, speed = problem.bandwidth * share[0], problem.remote_speed * share[1]
        rate = rng.random(problem.users) * band * np.log2(1 + problem.max_power / (problem.noise * band))
        split = rng.integers(0, problem.splits, problem.users)
        decision = eo.SharedSlotDecision(split, rate, band, speed)
        if not problem.violations(decision):
            assert problem.objective(decision) >= low


def contested(flops: float, payload: list[float], arrivals: list[float]) -> eo.SharedSlot:
    """Return two users without a queue: only one can be on time by sending, and then holds all but a trace."""
    return eo.SharedSlot(
        [0, 0, flops],
        [flops, flops, 0],
        payload,
        [0, 0, flops * 1e-9],
        arrivals,
        [1e-8] * 2,
        1e6,
        4e-19,
        [1.3e12] * 2,
        21e12,
        [1.0] * 2,
        [100.0] * 2,
        [1e5] * 2,
        [0.0] * 2,
        [1.0] * 2,
        1.0,
        [1.0] * 2,
    )


def costs_alone(slot: eo.SharedSlot, user: int, split: int, late: bool, band, speed) -> np.ndarray:
    """Least cost of one of these users with this band and speed: without a queue the slowest rate is the best."""
    sent, flops = slot.arrivals[user] * slot.payload_bits[split], slot.arrivals[user] * slot.remote_flops[split]
    joules = slot.arrivals[user] * slot.local_energy[split]
    seconds = slot.arrivals[user] * slot.local_flops[split] / slot.local_speed[user]
    if sent == 0:
        return np.where(late | (seconds + flops / speed <= slot.max_delay[user]), late + joules, np.inf)
    left = slot.max_delay[user] - seconds - flops / speed
    rate = np.full_like(band, slot.min_rate[user]) if late else np.where(left > 0, sent / left, np.inf)
    rate = np.maximum(rate, slot.min_rate[user])
    power = slot.noise[user] * band * np.expm1(np.minimum(rate * np.log(2) / band, 700.0))
    good = (power <= slot.max_power[user]) & np.isfinite(rate)
    return np.where(good, late + joules + power * sent / rate, np.inf)


def searched(slot: eo.SharedSlot, splits: tuple[int, int], late: tuple[bool, bool]) -> float:
    """Least cost of one choice of both users, on grids of the shares that close in on the best one."""
    centre, width, best = np.zeros(2), 25.0, np.inf
    for _ in range(24):
        grid = centre[:, None] + width * np.linspace(-1, 1, 41)
        first, second = (
            1 / (1 + np.exp(sign * grid)) for sign in (-1, 1)
        )  # shares; their sum is one to the last digit
        cost = sum(
            costs_alone(
                slot,
                user,
                splits[user],
                late[user],
                slot.bandwidth * share[0][:, None],
                slot.remote_speed * np.maximum(share[1], 0.0)[None, :] * np.ones((41, 1)),
            )
            for user, share in enumerate((first, second))
        )
        at = np.unravel_index(int(cost.argmin()), cost.shape)
        if cost[at] < best:
            best, centre = float(cost[at]), np.array([grid[0, at[0]], grid[1, at[1]]])
        width *= 0.4
    return best


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("flops", "payload", "arrivals", "known"),
    [
        (2.72106463e8, [3538123.0, 3538123.0, 0], [1.0, 4.0], 1.00082334544),
        (2.72096818e8, [487133.0, 6599328.0, 0], [15.0, 15.0], 1.00652924379),
    ],
)
def test_a_user_who_holds_all_but_a_trace_leaves_no_gap(flops, payload, arrivals, known):
    slot = contested(flops, payload, arrivals)
    pairs, sides = product(range(3), repeat=2), tuple(product((False, True), repeat=2))
    best = min(searched(slot, splits, late) for splits in pairs for late in sides)
    assert best == pytest.approx(known, rel=1e-9)
    found = eo.solve(slot)
    assert (found.solver, found.status) == ("price-and-branch", "optimal"), found.message
    assert found.gap <= 1e-8
    assert found.objective == pytest.approx(best, rel=2e-9)


def test_slots_at_the_edge_of_their_deadlines_end_proved():
    rng = np.random.default_rng(1)
    for _ in range(60):
        flops, payload = 10 ** rng.uniform(8, 8.6), [*10 ** rng.uniform(5.5, 7, 2), 0]
        some = lambda *values: rng.choice(values, 3)  # noqa: E731
        slot = eo.SharedSlot(
            [0, rng.choice([0, flops / 3]), flops],
            [flops, 0.9 * flops, 0],
            payload,
            [0, 0, 1e-9 * flops],
            rng.integers(0, 16, 3),
            [1e-8] * 3,
            1e6,
            4e-19,
            [1.3e12 * 10 ** rng.uniform(-2, 0)] * 3,
            21e12 * 10 ** rng.uniform(-3, 0),
            1.0,
            10 ** rng.uniform(0, 5),
            10 ** rng.uniform(2, 9),
            some(0.0, 1e-3, 1.0),
            some(0.0, 1.0, 5.0),
            rng.choice([0.0, 1.0]),
            10 ** rng.uniform(-0.5, 0.3),
        )
        found = eo.solve(slot)
        assert found.status == "optimal", found.message
        assert found.gap <= 1e-8


def test_a_search_that_is_ended_says_so_and_what_is_proved():
    found = eo.solve(crowd(12, 6, bandwidth=1e7, remote_speed=2e12), "price-and-branch", time_limit=1e-9)
    assert found.status == "feasible"
    assert "the time limit ended the search" in found.message
    assert "is proved" in found.message


@pytest.mark.compiled
@settings(max_examples=60, deadline=None)
@given(shared_slots())
def test_one_user_alone_has_the_optimum_of_its_own_slot(problem):
    one = {
        name: getattr(problem, name)[:1]
        for name in (
            "arrivals",
            "channel_gain",
            "local_speed",
            "max_power",
            "min_rate",
            "min_speed",
            "delay_queue",
            "outage_queue",
            "max_delay",
        )
    }
    alone = replace(problem, **one)
    most = alone.bandwidth * np.log2(1 + alone.max_power[0] / (alone.noise[0] * alone.bandwidth))
    available = alone.min_speed[0] <= alone.remote_speed
    slot = eo.SlotProblem(
        alone.local_flops,
        alone.remote_flops,
        alone.payload_bits,
        alone.local_energy,
        alone.arrivals[0],
        alone.channel_gain[0],
        alone.bandwidth,
        alone.noise_density,
        alone.local_speed[0],
        alone.remote_speed if available else 0.0,
        (alone.min_rate[0], most),
        alone.delay_queue[0],
        alone.outage_queue[0],
        alone.tradeoff,
        alone.max_delay[0],
    )
    assert eo.solve(alone).objective == pytest.approx(eo.solve(slot).objective, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize(
    "users", [pytest.param(100, marks=pytest.mark.compiled), pytest.param(3000, marks=pytest.mark.slow)]
)
def test_a_crowd_is_decided_with_a_proven_gap(users):
    for seed in (1, 2):
        found = eo.solve(crowd(users, seed), "dual-prices", relative_gap=1e-4)
        assert found.status == "feasible"
        assert found.gap <= (1e-2 if users == 100 else 1e-4)


def test_auto_refuses_a_crowd_with_the_count():
    with pytest.raises(eo.UnsupportedPairError, match="no installed exact solver"):
        eo.solve(crowd(100, 1))
    with pytest.raises(eo.UnsupportedPairError, match="would branch over 100 users and takes at most 30"):
        eo.solve(crowd(100, 1), "price-and-branch")


def test_a_limit_leaves_a_decision_with_its_gap():
    found = eo.solve(crowd(12, 6, bandwidth=1e7, remote_speed=2e12), "price-and-branch", time_limit=1e-3)
    assert found.status in ("feasible", "optimal")
    assert found.bound is not None


def test_certificates_that_leave_a_choice_out_prove_nothing():
    problem = crowd(3, 3, splits=4, bandwidth=1e7, remote_speed=2e12)
    solution = eo.solve(problem)
    certificate = solution.certificate
    assert certificate.optimality_gap(problem, solution.decision) <= 1e-8 * solution.objective
    if len(certificate.band_price) > 1:
        fewer = SharedPrices(
            *(getattr(certificate, name)[1:] for name in ("band_price", "host_price", "deadline_price", "allowed"))
        )
        assert fewer.optimality_gap(problem, solution.decision) == np.inf
    narrowed = certificate.allowed.copy()
    narrowed[0, 0] = False
    assert replace(certificate, allowed=narrowed).optimality_gap(problem, solution.decision) == np.inf
    dear = replace(certificate, band_price=100 * certificate.band_price)
    assert dear.optimality_gap(problem, solution.decision) > 1e-3 * solution.objective
    with pytest.raises(eo.InvalidProblemError, match="must not be negative"):
        replace(certificate, host_price=-1.0 - certificate.host_price)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arrivals": []}, "arrivals is empty"),
        ({"delay_queue": [1.0, 2.0]}, r"delay_queue has shape \(2,\); expected one entry for each user"),
        ({"channel_gain": [1e-9, 0.0, 1e-9]}, r"channel_gain\[1\] is 0.0; every entry must be positive"),
        ({"min_rate": 0.0}, "min_rate.* must be positive"),
        ({"bandwidth": np.nan}, "bandwidth is nan"),
        ({"remote_speed": 0.0}, "remote_speed is 0; it must be positive"),
        ({"payload_bits": np.ones(4)}, "must be 0: the last split runs everything on the device"),
        ({"local_energy": np.ones(3)}, r"local_energy has shape \(3,\); expected \(4,\) or \(3, 4\)"),
        ({"tradeoff": -1.0}, "tradeoff is -1.0"),
    ],
)
def test_bad_fields_are_refused(changes, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        crowd(3, 1, splits=4, **changes)


def test_bad_decisions_are_found():
    problem = crowd(3, 1, splits=4)
    good = eo.solve(problem).decision
    assert max(problem.violations(good).values(), default=0.0) < 1e-12
    greedy = replace(good, band=np.full(3, problem.bandwidth), rate=np.full(3, 1e6))
    assert problem.violations(greedy)["bandwidth"] == pytest.approx(2.0)
    assert "min_rate" in problem.violations(replace(good, split=np.zeros(3, int), rate=np.zeros(3)))
    assert "max_power" in problem.violations(replace(good, rate=1e3 * np.maximum(good.band, 1e6)))
    for broken, message in (
        (replace(good, split=np.full(3, 9)), "must be a split from 0 to 3"),
        (replace(good, rate=np.array([np.inf, 0, 0])), r"rate\[0\] is inf"),
        (replace(good, band=np.zeros(2)), r"band has shape \(2,\)"),
        (replace(good, split=np.zeros(3)), "holds float64 values"),
        (3, "expected a SharedSlotDecision"),
    ):
        with pytest.raises(eo.InvalidProblemError, match=message):
            problem.check(broken)


def test_it_can_be_stored(tmp_path):
    problem = crowd(3, 1, splits=4)
    solution = eo.solve(problem)
    eo.save(problem, tmp_path / "problem.json")
    eo.save(solution, tmp_path / "solution.json")
    again, found = eo.load(tmp_path / "problem.json"), eo.load(tmp_path / "solution.json")
    assert eo.verify(again, found)
