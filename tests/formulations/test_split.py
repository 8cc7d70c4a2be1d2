"""The stochastic split: its data, its latency by hand, its probabilities, its certificate and its program."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import edgeopt as eo
from edgeopt.formulations.split import NodePotentials

EARLY = eo.Exit(0.6, [[0.02, 0.002]], [1e5, 1e3], ("conv",))
FINAL = eo.Exit(0.8, [[0.02, 0.002], [0.1, 0.01]], [1e5, 1e3, 5e2], ("conv", "fc"))


def problem(**changes) -> eo.StochasticSplit:
    given_fields = {"exits": [EARLY, FINAL], "demand": [0.7, 0.3], "uplink_rate": 1e6}
    return eo.StochasticSplit(**(given_fields | changes))


@pytest.mark.parametrize(
    ("tiers", "latency"),
    [
        (([0], [0, 0]), (0.02, 0.12)),
        (([1], [1, 1]), (0.1 + 0.002 + 0.001, 0.1 + 0.002 + 0.01 + 0.0005)),
        (([0], [0, 1]), (0.02, 0.02 + 0.001 + 0.01 + 0.0005)),
        (([1], [1, 0]), (0.103, 0.1 + 0.002 + 0.001 + 0.1)),
    ],
)
def test_latencies_worked_by_hand(tiers, latency):
    decision = eo.SplitDecision(tiers)
    np.testing.assert_allclose(problem().latencies(decision), latency, rtol=1e-14)
    assert problem().objective(decision) == pytest.approx(0.7 * latency[0] + 0.3 * latency[1], rel=1e-14)


def test_the_way_to_the_cloud_crosses_both_links():
    chain = eo.Exit(0.5, [[9.0, 9.0, 1.0]], [8.0, 4.0])
    three = eo.StochasticSplit([chain], [1.0], 2.0, 4.0, link_delay=[0.1, 0.01])
    up, down = 8 / 2 + 8 / 4 + 0.11, 4 / 4 + 4 / 2 + 0.11
    assert three.objective(eo.SplitDecision(([2],))) == pytest.approx(up + 1.0 + down, rel=1e-14)
    fast_down = replace(three, downlink_rate=8.0)
    assert fast_down.objective(eo.SplitDecision(([2],))) == pytest.approx(up + 1.0 + 1 + 0.5 + 0.11, rel=1e-14)


def test_who_serves_which_demand():
    exits = [replace(EARLY, accuracy=a) for a in (0.4, 0.6, 0.5, 0.8)]
    normal = eo.StochasticSplit(exits, stats.norm(0.6, 0.1), 1.0)
    cdf = stats.norm(0.6, 0.1).cdf
    np.testing.assert_allclose(normal.demand, [cdf(0.4), cdf(0.6) - cdf(0.4), 0.0, cdf(0.8) - cdf(0.6), 1 - cdf(0.8)])
    assert normal.dominated == (2,)
    assert "dominated: 2" in repr(normal)
    assert normal.weights[3] == pytest.approx(1 - cdf(0.6))


def test_demand_at_an_exits_accuracy_is_served_by_that_exit():
    counted = problem(demand=eo.DemandSamples([0.6, 0.6, 0.8, 0.81]))
    np.testing.assert_allclose(counted.demand, [0.5, 0.25, 0.25])
    assert counted.unmet == 0.25


def test_unmet_demand_is_the_best_exits_or_a_penalty():
    served, charged = problem(demand=[0.2, 0.3, 0.5]), problem(demand=[0.2, 0.3, 0.5], unmet_penalty=4.0)
    decision = eo.SplitDecision(([0], [0, 0]))
    assert served.objective(decision) == pytest.approx(0.2 * 0.02 + 0.8 * 0.12)
    assert charged.objective(decision) == pytest.approx(0.2 * 0.02 + 0.3 * 0.12 + 0.5 * 4.0)


def test_the_papers_demand():
    """Normal(0.625, 0.053): the text prints 0.997 for the mass between 0.524 and 0.784; it is 0.970."""
    exits = [replace(EARLY, accuracy=a) for a in (0.524, 0.784)]
    paper = eo.StochasticSplit(exits, stats.norm(0.625, 0.053), 1.0)
    assert paper.demand[1] == pytest.approx(0.970, abs=5e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"uplink_rate": 0.0}, r"uplink_rate\[0\] is 0.0.*above 0"),
        ({"uplink_rate": -3.0}, "uplink_rate.*above 0"),
        ({"uplink_rate": np.inf}, "uplink_rate.*finite"),
        ({"uplink_rate": 5e-324}, "beyond float64"),
        ({"downlink_rate": 0.0}, "downlink_rate"),
        ({"backhaul_rate": 1.0}, r"backhaul_rate has 1 rate\(s\) for 2 tiers"),
        ({"demand": [0.5, 0.4]}, r"demand total\[0\] is 0.9"),
        ({"demand": [1.5, -0.5]}, r"demand\[1\] is -0.5"),
        ({"demand": [1.0]}, r"demand has shape \(1,\).*DemandSamples"),
        ({"demand": [np.nan, 1.0]}, r"demand\[0\] is nan"),
        ({"demand": "normal"}, "demand holds"),
        ({"exits": []}, "exits is"),
        ({"exits": [EARLY, 3]}, r"exits\[1\] is a int"),
        ({"exits": [EARLY, eo.Exit(0.9, [[1.0, 1.0, 1.0]], [1.0, 1.0])]}, r"exits\[1\] has 3 tiers"),
        ({"link_delay": -1.0}, "link_delay"),
        ({"link_delay": [1.0, 2.0]}, r"link_delay has shape \(2,\)"),
        ({"unmet_penalty": -1.0}, "unmet_penalty is -1.0"),
        ({"uplink_rate": [1.0, 2.0], "demand": [[0.5, 0.5]] * 3}, "batch axes disagree"),
        ({"uplink_rate": np.empty(0)}, "batch is empty"),
        ({"uplink_rate": [[1.0]]}, r"uplink_rate has shape \(1, 1\)"),
        ({"demand": stats.norm(np.nan, 1.0)}, "demand.cdf"),
    ],
)
def test_bad_data_is_refused_by_name(changes, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        problem(**changes)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((0.5, [[1.0]], [1.0, 1.0]), r"exec_time has shape \(1, 1\)"),
        ((0.5, np.empty((0, 2)), [1.0]), "exec_time has shape"),
        ((0.5, [[1.0, -1.0]], [1.0, 1.0]), r"exec_time\[0, 1\] is -1.0"),
        ((0.5, [[1.0, np.nan]], [1.0, 1.0]), "exec_time.*nan"),
        ((0.5, [[np.inf, np.inf]], [1.0, 1.0]), r"exec_time\[0\] is inf on every tier"),
        ((0.5, [[1.0, 1.0]], [1.0]), r"output_bits has shape \(1,\)"),
        ((0.5, [[1.0, 1.0]], [1.0, -1.0]), r"output_bits\[1\] is -1.0"),
        ((np.nan, [[1.0, 1.0]], [1.0, 1.0]), "accuracy is nan"),
        ((0.5, [[1.0, 1.0]], [1.0, 1.0], ("a", "b")), "names has 2 entries"),
        ((0.5, [[1.0, 1.0]], [1.0, 1.0], (), -1.0), "fixed_time is -1.0"),
    ],
)
def test_a_bad_exit_is_refused_by_name(fields, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        eo.Exit(*fields)


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        (([0],), "has 1 arrays; expected 2"),
        (([0], [0]), r"decision.tiers\[1\] is int64 of shape \(1,\)"),
        (([0], [0.0, 1.0]), "float64"),
        (([0], [0, 2]), r"decision.tiers\[1\] goes from 0 to 2"),
        (([-1], [0, 1]), r"decision.tiers\[0\] goes from -1"),
    ],
)
def test_a_malformed_decision_is_refused(tiers, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        problem().check(eo.SplitDecision(tuple(map(np.array, tiers))))


def test_layers_run_only_where_they_can():
    pinned = eo.Exit(0.5, [[1.0, np.inf], [9.0, 1.0]], [4.0, 1.0, 1.0])
    split = eo.StochasticSplit([pinned], [1.0], 1.0)
    assert eo.solve(split).decision.tiers[0].tolist() == [0, 1]
    assert split.violations(eo.SplitDecision(([1, 1],))) == {"exec_time": np.inf}
    assert split.objective(eo.SplitDecision(([1, 1],))) == np.inf


def test_a_shared_trunk_is_one_tree():
    tree = problem(shared_trunk=True).costs.tree
    assert tree.parent.tolist() == [-1, 0]
    forest = problem().costs.tree
    assert forest.parent.tolist() == [-1, -1, 1]
    by_data = problem(exits=[replace(EARLY, names=()), replace(FINAL, names=())], shared_trunk=True)
    assert by_data.costs.tree.parent.tolist() == [-1, 0]


def test_a_shared_layer_has_one_place_and_one_time():
    shared = problem(shared_trunk=True)
    assert shared.violations(eo.SplitDecision(([0], [1, 1]))) == {"shared_trunk": 1.0}
    other = replace(FINAL, exec_time=np.array([[0.03, 0.002], [0.1, 0.01]]))
    with pytest.raises(eo.InvalidProblemError, match=r"exits\[1\] and exits\[0\] share layer 0 \('conv'\)"):
        problem(exits=[EARLY, other], shared_trunk=True)


def test_exits_that_nobody_needs_are_still_placed_well():
    rest = problem(demand=[1.0, 0.0])
    alone = problem(exits=[FINAL], demand=[1.0])
    np.testing.assert_array_equal(eo.solve(rest).decision.tiers[1], eo.solve(alone).decision.tiers[0])


@st.composite
def splits(draw, most: int = 4) -> eo.StochasticSplit:
    tiers = draw(st.integers(2, 3))
    time = st.sampled_from([0.0, 0.5, 1.0, 2.0]) | st.floats(0, 9, allow_subnormal=False)
    shared = draw(st.booleans())
    longest = draw(st.integers(1, most))
    rows = [[draw(time) for _ in range(tiers)] for _ in range(longest)]
    bits = [draw(time) for _ in range(longest + 1)]
    exits = []
    for k in range(draw(st.integers(1, 3))):
        layers = draw(st.integers(1, longest))
        accuracy = draw(st.sampled_from([0.3, 0.5, 0.7]))
        if shared and k:  # branches off the trunk with one layer of its own
            own = [[draw(time) for _ in range(tiers)]]
            exits.append(eo.Exit(accuracy, rows[: layers - 1] + own, [*bits[:layers], draw(time)]))
        else:
            exits.append(eo.Exit(accuracy, rows[:layers], bits[: layers + 1]))
    mass = [draw(st.integers(0, 3)) for _ in range(len(exits) + 1)]
    demand = np.array(mass) / sum(mass) if sum(mass) else np.eye(len(mass))[0]
    rate = st.floats(0.1, 10)
    return eo.StochasticSplit(
        exits,
        demand,
        draw(rate),
        draw(rate) if tiers == 3 else None,
        draw(st.none() | rate),
        draw(st.sampled_from([0.0, 0.25])),
        shared,
        draw(st.none() | st.floats(0, 5)),
    )


@settings(max_examples=150, deadline=None)
@given(split=splits(), data=st.data())
def test_potentials_prove_the_gap_of_every_placement(split, data):
    nodes = split.costs.tree.parent.size
    tiers = np.array(data.draw(st.lists(st.integers(0, split.tiers - 1), min_size=nodes, max_size=nodes)))
    decision = split.decision_at(tiers)
    best = eo.solve(split)
    gap = split.objective(decision) - best.objective
    assert gap >= -1e-12 * (1 + best.objective)
    assert split.potentials.optimality_gap(split, decision) == pytest.approx(
        gap, rel=1e-9, abs=1e-12 * (1 + best.objective)
    )
    np.testing.assert_allclose(best.certificate.potential, split.potentials.potential, rtol=1e-13, atol=1e-300)


@settings(max_examples=150, deadline=None)
@given(split=splits(), data=st.data())
def test_wrong_potentials_never_prove_too_much(split, data):
    best = eo.solve(split)
    noise = data.draw(st.lists(st.floats(-3, 3), min_size=split.potentials.potential.size, max_size=None))
    wrong = split.potentials.potential + np.resize(noise, split.node_shape)
    slack = NodePotentials(wrong).optimality_gap(split, best.decision)
    assert slack >= -1e-12 * (1 + best.objective)


def test_a_lie_about_the_potentials_is_refused():
    right = eo.solve(problem())
    remote = eo.SplitDecision(([1], [1, 1]))

    @eo.solver("liar", solves=eo.StochasticSplit, exact=True)
    def liar(split, options):
        return eo.Outcome.optimal(remote, right.certificate)

    assert eo.solve(problem(), liar).status == "failed"
    for potential in (np.zeros((3, 2)), np.full((3, 2), 1e9), np.full((3, 2), np.nan), np.zeros((2, 2))):
        assert NodePotentials(potential).optimality_gap(problem(), remote) > 0.01
    assert right.certificate.optimality_gap(eo.Program([1.0]), remote) == np.inf


@settings(max_examples=100, deadline=None)
@given(split=splits(3))
def test_the_program_is_the_problem(split):
    program = split.program()
    for tiers in product(range(split.tiers), repeat=split.costs.tree.parent.size):
        decision = split.decision_at(np.array(tiers))
        point = split.encode(decision)
        assert not program.violations(eo.Point(point))
        assert program.objective(eo.Point(point)) == pytest.approx(split.objective(decision), rel=1e-9, abs=1e-12)
        np.testing.assert_array_equal(split.encode(split.decode(point)), point)


@settings(max_examples=25, deadline=None)
@given(split=splits())
def test_its_linear_relaxation_is_integer(split):
    relaxed = eo.solve(split.program().relaxation(), "highs")
    assert relaxed.objective == pytest.approx(eo.solve(split).objective, rel=1e-9, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(split=splits(), scale=st.sampled_from([1e-6, 3.0, 1e6]))
def test_the_unit_of_time_does_not_matter(split, scale):
    exits = [replace(entry, exec_time=entry.exec_time * scale) for entry in split.exits]
    rates = {
        name: None if getattr(split, name) is None else getattr(split, name) / scale
        for name in ("uplink_rate", "backhaul_rate", "downlink_rate")
    }
    penalty = None if split.unmet_penalty is None else split.unmet_penalty * scale
    other = replace(split, exits=exits, link_delay=split.link_delay * scale, unmet_penalty=penalty, **rates)
    assert eo.solve(other).objective == pytest.approx(scale * eo.solve(split).objective, rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(split=splits())
def test_a_faster_link_never_hurts_and_a_shared_trunk_never_helps(split):
    optimum = eo.solve(split).objective
    faster = replace(split, uplink_rate=split.uplink_rate * 1.5)
    assert eo.solve(faster).objective <= optimum * (1 + 1e-12)
    assert eo.solve(replace(split, shared_trunk=False)).objective <= optimum * (1 + 1e-12)
