"""One slot: the offset Lambert W against mpmath, the exact optimum against independent routes, and every edge case."""

from __future__ import annotations

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.solvers.compiled.offset_lambert import fill, lambert_w0, offset_lambert
from edgeopt.solvers.compiled.slots import TWO_REGIME, decide

pytestmark = pytest.mark.compiled


def test_the_offset_lambert_w_keeps_its_digits_everywhere():
    rng = np.random.default_rng(0)
    values = np.r_[
        10 ** rng.uniform(-300, 308, 400), 10 ** rng.uniform(-20, 3, 800), 1 + rng.uniform(-0.9, 3, 300), 1.0, 2.0, 3.0
    ]
    worst = 0.0
    with mpmath.workdps(200):
        for value in values:
            a = mpmath.mpf(float(value))
            p = mpmath.sqrt(2 * a)
            exact = p * (1 - p / 3) if a < mpmath.mpf("1e-40") else mpmath.re(mpmath.lambertw((a - 1) / mpmath.e)) + 1
            worst = max(worst, float(abs(mpmath.mpf(offset_lambert(float(value))) / exact - 1)))
    assert worst <= 4e-16
    assert (offset_lambert(0.0), offset_lambert(math.inf)) == (0.0, math.inf)
    assert math.isnan(offset_lambert(-1e-9))
    several = np.empty(3)
    fill(np.array([0.0, 1.0, math.e + 1]), several)
    np.testing.assert_allclose(several, [0.0, 1.0, offset_lambert(math.e + 1)])


def test_the_principal_branch_keeps_its_digits_up_to_the_branch_point():
    rng = np.random.default_rng(1)
    branch = -1 / math.e
    values = np.r_[
        branch + 10 ** rng.uniform(-16.2, -1, 500),
        -(10 ** rng.uniform(-300, -0.6, 200)),
        rng.uniform(-0.36, 3, 300),
        10 ** rng.uniform(-300, 308, 300),
    ]
    with mpmath.workdps(60):
        worst = max(abs(lambert_w0(z) / mpmath.re(mpmath.lambertw(mpmath.mpf(z))) - 1) for z in map(float, values))
    assert worst <= 5e-16
    assert (lambert_w0(0.0), lambert_w0(branch), lambert_w0(math.inf)) == (0.0, -1.0, math.inf)
    assert math.isnan(lambert_w0(-0.37))


@pytest.mark.slow
def test_a_hundred_thousand_slots_by_brute_force():
    """Golden section on both sides of the deadline of every split, all slots at once."""
    rng, count, splits = np.random.default_rng(2), 100_000, 4
    power = lambda low, high, *shape: 10 ** rng.uniform(low, high, (count, *shape))  # noqa: E731
    flops = np.sort(3e8 * rng.random((count, splits)), axis=1)
    payload = np.c_[power(4, 7, splits - 1), np.zeros(count)]
    remote, joules = flops[:, -1:] - flops, flops * power(-11, -9, 1)
    images, gain, band = rng.integers(1, 15, count).astype(float), power(-14, -8), power(6.5, 8.5)
    local_speed, remote_speed = 1.3e12 * power(-3, 0), 21e12 * power(-4, 0)
    low, high = np.sort(power(4, 9, 2), axis=1).T
    high = np.minimum(high, 900 * band)
    low = np.minimum(low, high)
    z, h, v = (rng.integers(0, 2, count) * power(-3, 4) for _ in range(3))
    deadline, noise = power(-4, 0), 4e-21
    sent, seconds = images[:, None] * payload, flops / local_speed[:, None]
    computing = images[:, None] * (seconds + remote / remote_speed[:, None])

    def smooth(rate):
        with np.errstate(over="ignore"):
            watt = (noise * band / gain)[:, None] * np.expm1(rate * np.log(2.0) / band[:, None])
        sending = sent / rate
        joule = images[:, None] * joules + watt * sending
        return z[:, None] * (computing + sending) + v[:, None] * joule

    best = np.full(count, np.inf)
    left = deadline[:, None] * (1 + 1e-12) - computing
    with np.errstate(divide="ignore"):
        needed = np.where(left > 0, sent / left, np.inf)
    for met in (True, False):
        a = np.log(np.maximum(low[:, None], needed) if met else np.broadcast_to(low[:, None], sent.shape))
        b = np.log(
            np.broadcast_to(high[:, None], sent.shape) if met else np.minimum(high[:, None], np.maximum(needed, 1e-300))
        )
        possible = np.where(sent > 0, a <= b, (left >= 0) == met)
        a, b = np.where(possible & (sent > 0), a, 0.0), np.where(possible & (sent > 0), b, 0.0)
        ends = np.minimum(smooth(np.exp(a)), smooth(np.exp(b)))
        for _ in range(60):
            c, d = a + 0.381966 * (b - a), b - 0.381966 * (b - a)
            lower = smooth(np.exp(c)) < smooth(np.exp(d))
            a, b = np.where(lower, a, c), np.where(lower, d, b)
        value = np.minimum(ends, smooth(np.exp((a + b) / 2))) + (0.0 if met else h[:, None])
        best = np.minimum(best, np.where(possible, value, np.inf).min(axis=1))
    worst = 0.0
    for i in range(count):
        _, _, delay, energy, late = decide(
            TWO_REGIME,
            (seconds[i], remote[i], payload[i], joules[i]),
            (images[i], gain[i], remote_speed[i], low[i], high[i]),
            (band[i], noise),
            (z[i], h[i], v[i], deadline[i]),
        )
        found = z[i] * delay + v[i] * energy + (h[i] if late else 0.0)
        worst = max(worst, abs(found - best[i]) / max(best[i], 1e-300))
    assert worst <= 1e-9


GOOD = {
    "local_flops": [0.0, 2e8, 6e8],
    "remote_flops": [6e8, 4e8, 0.0],
    "payload_bits": [4.8e6, 1e6, 0.0],
    "local_energy": [0.0, 0.05, 0.14],
    "arrivals": 10.0,
    "channel_gain": 4e-10,
    "bandwidth": 2e8,
    "noise_density": 4e-21,
    "local_speed": 1.3e12,
    "remote_speed": 5e12,
    "rate_bounds": (1e8, 1e9),
    "delay_queue": 1.0,
    "outage_queue": 0.5,
    "tradeoff": 1.0,
    "max_delay": 0.1,
}


@st.composite
def slots(draw) -> eo.SlotProblem:
    count = draw(st.integers(1, 6))
    flops = np.sort([draw(st.floats(0, 3e8)) for _ in range(count)])
    payload = np.array([draw(st.floats(1e4, 1e7)) for _ in range(count - 1)] + [0.0])
    power = lambda low, high: 10 ** draw(st.floats(low, high))  # noqa: E731
    weight = lambda: draw(st.sampled_from([0.0, 1.0])) * power(-3, 4)  # noqa: E731
    return eo.SlotProblem(
        flops,
        flops[-1] - flops,
        payload,
        flops * power(-11, -9),
        draw(st.integers(0, 15)),
        power(-14, -8),
        power(6.5, 8.5),
        4e-21 * power(0, 2),
        1.3e12 * power(-3, 0),
        draw(st.sampled_from([0.0, 1.0, 1.0])) * 21e12 * power(-4, 0),
        (power(4, 7), power(5, 9)),
        weight(),
        weight(),
        weight(),
        power(-4, 0),
    )


@settings(max_examples=150, deadline=None)
@given(slots())
def test_the_exact_optimum_is_that_of_independent_routes_and_no_heuristic_beats_it(problem):
    best = eo.solve(problem)
    assert (best.solver, best.status) == ("two-regime", "optimal")
    for route in ("scipy", "exhaustive"):
        assert eo.solve(problem, route).objective == pytest.approx(best.objective, rel=1e-9, abs=1e-300)
    for rule in ("lambert-w", "local-only", "remote-only"):
        found = eo.solve(problem, rule)
        if found.status.has_decision:  # everything local, or everything remote, may be impossible in this slot
            assert found.objective >= best.objective * (1 - 1e-12)


def test_the_cone_program_agrees():
    problem = eo.SlotProblem(**GOOD | {"tradeoff": 100.0})
    cone = eo.solve(problem, "cvxpy")
    assert cone.status == "optimal"
    assert cone.objective == pytest.approx(eo.solve(problem).objective, rel=1e-6)


def test_the_slope_is_the_derivative():
    problem = eo.SlotProblem(**GOOD)
    for rate in (1e5, 1e8, 5e8, 1e9):
        step = 1e-5 * rate
        numeric = (problem.smooth(0, rate + step) - problem.smooth(0, rate - step)) / (2 * step)
        assert problem.slope(0, rate) == pytest.approx(numeric, rel=1e-6)


def test_the_rate_does_not_depend_on_the_split_and_is_the_surrogate_s_minimum():
    problem = eo.SlotProblem(**GOOD | {"tradeoff": 50.0, "rate_bounds": (1e3, 5e9)})
    rate = eo.solve(problem, "lambert-w").decision.rate
    urgency = problem.delay_queue + problem.outage_queue / problem.max_delay
    smooth = replace(problem, delay_queue=urgency, outage_queue=0.0)
    for split in (0, 1):
        assert smooth.smooth(split, rate) <= min(smooth.smooth(split, rate * f) for f in (0.99, 0.9999, 1.0001, 1.01))


@pytest.mark.parametrize(
    ("changes", "split", "rate"),
    [
        ({"arrivals": 0.0}, None, None),
        ({"rate_bounds": (1e9, 1e8)}, 2, 0.0),  # a deep fade: nothing can be sent
        ({"remote_speed": 0.0}, 2, 0.0),  # no edge host
        ({"tradeoff": 0.0}, None, None),  # energy is free: the largest rate wherever something is sent
        ({"delay_queue": 0.0, "outage_queue": 0.0}, None, None),  # nothing is urgent: the least rate
        ({"channel_gain": 1e-300}, 2, 0.0),
        ({"channel_gain": 1e300}, None, None),
        ({"delay_queue": 1e12, "outage_queue": 1e12}, None, None),
        ({name: GOOD[name][-1:] for name in ("local_flops", "remote_flops", "payload_bits", "local_energy")}, 0, 0.0),
    ],
    ids=[
        "no images",
        "deep fade",
        "no host",
        "free energy",
        "no hurry",
        "no gain",
        "huge gain",
        "huge queues",
        "one split",
    ],
)
def test_edge_cases(changes, split, rate):
    problem = eo.SlotProblem(**GOOD | changes)
    best = eo.solve(problem)
    assert best.status == "optimal", best
    if split is not None:
        assert (best.decision.split, best.decision.rate) == (split, rate)
    for rule in ("lambert-w", "scipy", "exhaustive"):
        found = eo.solve(problem, rule)
        assert found.objective >= best.objective * (1 - 1e-9)


def test_free_energy_sends_fast_and_no_hurry_sends_slowly():
    weak = GOOD | {"local_speed": 1e9, "remote_speed": 1e15}
    fast = eo.solve(eo.SlotProblem(**weak | {"tradeoff": 0.0}), "lambert-w").decision
    slow = eo.solve(eo.SlotProblem(**weak | {"delay_queue": 0.0, "outage_queue": 0.0}), "lambert-w").decision
    assert fast.rate == 1e9
    assert slow.rate == 1e8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"local_flops": [0.0, -1.0, 2.0]}, r"local_flops\[1\] is -1.0"),
        ({"payload_bits": [1.0, 0.0]}, r"payload_bits has shape \(2,\)"),
        ({"channel_gain": 0.0}, "channel_gain is 0; it must be positive"),
        ({"arrivals": -1.0}, "arrivals is -1.0"),
        ({"max_delay": math.nan}, "max_delay is nan"),
        ({"rate_bounds": (1.0,)}, "rate_bounds is"),
        ({"rate_bounds": (1.0, 1e12)}, "beyond float64: check their units"),
        ({"rate_bounds": (2.0, 1.0), "payload_bits": [1.0, 1.0, 1.0]}, "no split is possible"),
    ],
)
def test_bad_slots_are_refused(changes, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        eo.SlotProblem(**GOOD | changes)


def test_a_slot_is_no_linear_program():
    with pytest.raises(eo.UnsupportedPairError, match="no linear program"):
        eo.explain(eo.SlotProblem(**GOOD))
    with pytest.raises(eo.UnsupportedPairError, match="reads linear programs only"):
        eo.solve(eo.SlotProblem(**GOOD), "highs")
