"""The published baselines of splitting against their own definition, written out independently."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.solvers.edgent import edgent_plan
from edgeopt.solvers.neurosurgeon import device_energy

HEURISTICS = ("edgent", "neurosurgeon", "greedy", "random", "local-only", "remote-only")


def instance(seed: int, tiers: int = 2, lengths=(3, 5), **rest) -> eo.StochasticSplit:
    rng = np.random.default_rng(seed)
    times = rng.choice([0.0, 0.5, 1.0, 2.0, 3.3], (max(lengths), tiers))
    bits = rng.choice([0.0, 0.5, 1.0, 4.0], max(lengths) + 1)
    own = rng.gamma(1.0, 1.0, (len(lengths), tiers))
    exits = [eo.Exit(0.5 + k / 10, np.vstack([times[: n - 1], own[k]]), bits[: n + 1]) for k, n in enumerate(lengths)]
    return eo.StochasticSplit(exits, rng.dirichlet(np.ones(len(lengths))), 1.5, 2.5 if tiers == 3 else None, **rest)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), tiers=st.integers(2, 3), shared=st.booleans())
def test_none_beats_the_optimum_and_exhaustive_search_equals_it(seed, tiers, shared):
    problem = instance(seed, tiers, (2, 4), shared_trunk=shared)
    best = eo.solve(problem)
    assert eo.solve(problem, "exhaustive").objective == pytest.approx(best.objective, rel=1e-12, abs=1e-12)
    for name in HEURISTICS:
        found = eo.solve(problem, name)
        assert found.status == "feasible"
        assert found.objective >= best.objective - 1e-12


def edgent_latency(entry: eo.Exit, rate: float, point: int) -> float:
    """A_{i,p} of Li et al. (2018), Algorithm 1, written out."""
    edge, device = entry.exec_time[:point, 1].sum(), entry.exec_time[point:, 0].sum()
    return device if point == 0 else edge + device + entry.output_bits[0] / rate + entry.output_bits[point] / rate


@pytest.mark.parametrize("seed", range(20))
def test_edgent_is_the_printed_formula(seed):
    problem = instance(seed)
    found = eo.solve(problem, "edgent")
    for k, entry in enumerate(problem.exits):
        best = min(edgent_latency(entry, 1.5, point) for point in range(entry.layers + 1))
        assert problem.latencies(found.decision)[k] == pytest.approx(best)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shared", [False, True])
def test_one_cut_for_each_exit_or_one_depth_for_all(seed, shared):
    problem = instance(seed, 3, shared_trunk=shared)
    deep = range(6)
    depths = [(d, d) for d in deep] if shared else list(product(deep, repeat=2))
    servers = [(s, s) for s in (1, 2)] if shared else list(product((1, 2), repeat=2))
    best = min(
        problem.objective(
            eo.SplitDecision(
                tuple(np.where(np.arange(entry.layers) < cut[k], 0, server[k]) for k, entry in enumerate(problem.exits))
            )
        )
        for cut in depths
        for server in servers
    )
    assert eo.solve(problem, "neurosurgeon").objective == pytest.approx(best)


@pytest.mark.parametrize("seed", range(10))
def test_neurosurgeon_for_energy(seed):
    problem = instance(seed, lengths=(4,))
    found = eo.solve(problem, "neurosurgeon", objective="energy", compute_power=2.0, radio_power=3.0)
    entry = problem.exits[0]

    def energy(cut: int) -> float:
        if cut == 4:
            return 2.0 * entry.exec_time[:, 0].sum()
        sent = entry.output_bits[cut] + entry.output_bits[-1]
        return 2.0 * entry.exec_time[:cut, 0].sum() + 3.0 * sent / 1.5

    tiers = np.array([found.decision.tiers[0]])
    reached = device_energy(problem, tiers, 2.0, 3.0)[0, 0]
    assert reached == pytest.approx(min(energy(cut) for cut in range(5)))


def test_energy_of_a_placement_by_hand():
    chain = eo.Exit(0.5, [[1.0, 9.0], [2.0, 9.0], [4.0, 9.0]], [10.0, 20.0, 40.0, 80.0])
    problem = eo.StochasticSplit([chain], [1.0], 10.0, downlink_rate=40.0)
    energy = device_energy(problem, np.array([[0, 0, 0], [1, 1, 1], [0, 1, 0]]), 2.0, 3.0)[:, 0]
    np.testing.assert_allclose(energy, [14.0, 3.0 * (1.0 + 2.0), 2.0 * 5.0 + 3.0 * (2.0 + 1.0)])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("edgent", {"direction": "sideways"}, "direction is 'sideways'"),
        ("neurosurgeon", {"objective": "beauty"}, "objective is 'beauty'"),
        ("neurosurgeon", {"objective": "energy"}, "needs compute_power"),
        ("neurosurgeon", {"objective": "energy", "compute_power": -1.0, "radio_power": 1.0}, "compute_power is -1.0"),
        ("neurosurgeon", {"compute_power": 1.0}, "belong to objective='energy'"),
    ],
)
def test_wrong_options_are_refused(name, options, message):
    with pytest.raises(eo.InvalidOptionError, match=message):
        eo.solve(instance(0), name, **options)


def test_edgents_own_question_is_answered():
    problem = instance(3)
    latency = problem.latencies(eo.solve(problem, "edgent").decision)
    generous, strict = edgent_plan(problem, latency.max() + 1), edgent_plan(problem, 0.0)
    assert (generous.exit, generous.met) == (1, True)
    assert generous.latency == pytest.approx(latency[1])
    assert (strict.exit, strict.met) == (int(latency.argmin()), bool(latency.min() == 0.0))
    between = edgent_plan(problem, latency[0] + 1e-9, direction="edge-first")
    assert between.met
    assert between.latency <= latency[0] + 1e-9
    with pytest.raises(eo.InvalidProblemError, match="deadline is -1"):
        edgent_plan(problem, -1.0)
    with pytest.raises(eo.InvalidProblemError, match="batch"):
        edgent_plan(eo.StochasticSplit(problem.exits, problem.demand, [1.0, 2.0]), 1.0)


def test_edgent_has_no_answer_where_no_single_point_can_run_all_layers():
    pinned = eo.Exit(0.5, [[np.inf, 1.0], [1.0, np.inf], [np.inf, 1.0]], [1.0] * 4)
    found = eo.solve(eo.StochasticSplit([pinned], [1.0], 1.0), "edgent")
    assert found.status == "failed"
    assert "infeasible" in found.message
    assert eo.solve(eo.StochasticSplit([pinned], [1.0], 1.0)).status == "optimal"


def test_baselines_stay_where_layers_can_run():
    pinned = eo.Exit(0.5, [[np.inf, 1.0, 2.0], [1.0, 3.0, np.inf], [1.0, 1.0, 1.0]], [1.0] * 4)
    problem = eo.StochasticSplit([pinned], [1.0], 1.0, 1.0)
    assert eo.solve(problem, "local-only").decision.tiers[0].tolist() == [1, 0, 0]
    assert eo.solve(problem, "remote-only").decision.tiers[0].tolist() == [2, 1, 2]
    drawn = [tuple(eo.solve(problem, "random", seed=s).decision.tiers[0]) for s in range(200)]
    assert {tiers[0] for tiers in drawn} == {1, 2}
    assert {tiers[1] for tiers in drawn} == {0, 1}
    assert {tiers[2] for tiers in drawn} == {0, 1, 2}


def test_greedy_looks_no_further_than_the_next_layer():
    trap = eo.Exit(0.5, [[1.0, 2.0], [9.0, 1.0]], [1.0, 5.0, 0.0])
    problem = eo.StochasticSplit([trap], [1.0], 1.0)
    assert eo.solve(problem, "greedy").decision.tiers[0].tolist() == [0, 1]
    assert eo.solve(problem).decision.tiers[0].tolist() == [1, 1]


def test_exhaustive_search_says_how_much_it_refuses():
    with pytest.raises(eo.UnsupportedPairError, match="would try 10460353203 placements"):
        eo.solve(instance(0, 3, (21,)), "exhaustive")
