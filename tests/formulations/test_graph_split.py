"""Splitting general graphs: the latency by hand, the network, the cut against all placements."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import edgeopt as eo
from edgeopt.formulations.graph_split import CutFlow
from edgeopt.profiles.device import DeviceModel
from edgeopt.profiles.dnn import LayerTable

DIAMOND = [(-1, 0), (0, 1), (0, 2), (1, 3), (2, 3)]


def drawn(seed: int, layers: int, tiers: int) -> eo.GraphSplit:
    rng = np.random.default_rng(seed)
    edges = {(p, c) for c in range(layers) for p in range(-1, c) if rng.random() < 0.4}
    edges |= {(int(rng.integers(-1, c)), c) for c in range(layers) if not any(e[1] == c for e in edges)}
    ties = rng.random() < 0.5
    draw = (lambda shape: rng.integers(0, 4, shape) / 2.0) if ties else (lambda shape: rng.gamma(1.0, 1.0, shape))
    times = np.array(draw((layers, tiers)), float)
    if rng.random() < 0.3:
        stuck = rng.random(times.shape) < 0.3
        stuck[np.arange(layers), rng.integers(0, tiers, layers)] = False
        times[stuck] = np.inf
    backhaul = None if tiers == 2 else list(rng.gamma(1.0, 2.0, tiers - 2))
    down = 3.0 if rng.random() < 0.5 else None
    outputs = None if rng.random() < 0.7 else [int(rng.integers(0, layers))]
    delay = 0.1 * int(rng.integers(0, 2))
    return eo.GraphSplit(times, sorted(edges), float(draw(1)[0]), draw(layers), 1.5, backhaul, down, delay, outputs)


def latency(problem: eo.GraphSplit, tiers) -> float:
    """Latency straight from the words: each tensor over each link that it has to cross, once."""
    rates = [float(problem.uplink_rate), *np.ravel([] if problem.backhaul_rate is None else problem.backhaul_rate)]
    down = rates if problem.downlink_rate is None else [float(problem.downlink_rate), *rates[1:]]
    total = sum(problem.exec_time[n, t] for n, t in enumerate(tiers))
    for tensor in range(-1, problem.layers):
        at = 0 if tensor < 0 else tiers[tensor]
        needed = {tiers[c] for p, c in problem.edges if p == tensor} | ({0} if tensor in problem.outputs else set())
        bits = problem.input_bits if tensor < 0 else problem.output_bits[tensor]
        for link in range(problem.tiers - 1):
            if at <= link and any(t > link for t in needed):
                total += bits / rates[link] + problem.link_delay[link]
            if at > link and any(t <= link for t in needed):
                total += bits / down[link] + problem.link_delay[link]
    return float(total)


problems = st.builds(drawn, st.integers(0, 10**6), st.integers(1, 5), st.integers(2, 3)) | st.builds(
    drawn, st.integers(0, 10**6), st.integers(1, 4), st.just(4)
)


@settings(max_examples=80, deadline=None)
@given(problem=problems)
def test_latency_and_minimum_cut_against_all_placements(problem):
    best = np.inf
    for tiers in product(range(problem.tiers), repeat=problem.layers):
        expected = latency(problem, tiers)
        assert problem.objective(eo.GraphSplitDecision(tiers)) == pytest.approx(expected)
        best = min(best, expected)
    found = eo.solve(problem)
    assert found.solver == "min-cut"
    assert found.status == "optimal"
    assert found.objective == pytest.approx(best, rel=1e-9, abs=1e-12)
    assert eo.verify(problem, found).holds


@settings(max_examples=25, deadline=None)
@given(problem=problems)
def test_the_program_is_the_problem(problem):
    program = problem.program()
    for tiers in product(range(problem.tiers), repeat=problem.layers):
        decision = eo.GraphSplitDecision(tiers)
        expected = problem.objective(decision)
        if np.isfinite(expected):
            point = eo.Point(problem.encode(decision))
            assert not program.violations(point)
            assert program.objective(point) == pytest.approx(expected, abs=1e-12)
            assert problem.decode(point.values).tiers.tolist() == list(tiers)
        else:
            assert problem.violations(decision) == {"exec_time": np.inf}
    relaxed = eo.solve(program.relaxation(), "highs")
    assert relaxed.objective == pytest.approx(eo.solve(problem).objective, rel=1e-7, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), tiers=st.integers(2, 4))
def test_on_a_chain_it_is_the_shortest_path(seed, tiers):
    rng = np.random.default_rng(seed)
    layers = int(rng.integers(1, 12))
    times, bits = rng.gamma(1.0, 1.0, (layers, tiers)), rng.gamma(1.0, 1.0, layers + 1)
    backhaul = None if tiers == 2 else rng.gamma(1.0, 2.0, tiers - 2)
    links = {"backhaul_rate": backhaul, "downlink_rate": 2.5, "link_delay": 0.05}
    chain = eo.StochasticSplit([eo.Exit(1.0, times, bits)], [1.0], 1.5, **links)
    edges = [(n - 1, n) for n in range(layers)]
    graph = eo.GraphSplit(times, edges, bits[0], bits[1:], 1.5, **links)
    assert eo.solve(graph).objective == pytest.approx(eo.solve(chain).objective)


def test_a_diamond_by_hand():
    problem = eo.GraphSplit([[1, 9], [8, 1], [8, 1], [1, 9]], DIAMOND, 9.0, [2.0, 1.0, 1.0, 0.0], 1.0)
    assert problem.objective(eo.GraphSplitDecision([0, 1, 1, 0])) == 4 + 2 + 1 + 1  # tensor 0 crosses once
    assert problem.objective(eo.GraphSplitDecision([0, 1, 0, 0])) == 1 + 1 + 8 + 1 + 2 + 1
    found = eo.solve(problem)
    assert found.decision.tiers.tolist() == [0, 1, 1, 0]
    assert "cut" in str(found.certificate)


def test_times_of_very_different_size_keep_their_digits():
    problem = eo.GraphSplit([[1e9, 1e-9], [1e9, 2e-9]], [(-1, 0), (0, 1)], 1.0, [1.0, 1.0], 1e9)
    found = eo.solve(problem)
    assert found.status == "optimal"
    assert found.objective == pytest.approx(5e-9, rel=1e-9)


def test_two_thousand_layers():
    rng = np.random.default_rng(0)
    edges = [(n - 1, n) for n in range(2000)] + [(n - 5, n) for n in range(5, 2000, 3)]
    problem = eo.GraphSplit(rng.gamma(1.0, 1.0, (2000, 3)), edges, 1.0, rng.gamma(1.0, 1.0, 2000), 1.0, 2.0)
    found = eo.solve(problem)
    assert found.status == "optimal"
    assert found.gap < 1e-9


def test_a_wrong_flow_never_proves_anything():
    problem = drawn(3, 5, 3)
    best = eo.solve(problem)
    worse = eo.GraphSplitDecision(np.full(5, 2))
    flow = best.certificate.flow
    for lie in (flow * 2, flow + 1.0, -flow, np.full(flow.size, 1e9), np.zeros(flow.size), flow[:-1], flow * np.nan):
        assert CutFlow(lie).optimality_gap(problem, best.decision) >= -1e-9
    assert best.certificate.optimality_gap(problem, worse) > 0.01
    assert best.certificate.optimality_gap(eo.Program([1.0]), worse) == np.inf

    @eo.solver("liar", solves=eo.GraphSplit, exact=True)
    def liar(split, options):
        return eo.Outcome.optimal(worse, CutFlow(flow * 2))

    assert eo.solve(problem, liar).status == "failed"


class Inception(nn.Module):
    """Two paths that part and meet again: no point to cut between them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.wide, self.deep = (
            nn.Conv2d(3, 8, 3),
            nn.Conv2d(8, 8, 5, padding=2),
            nn.Conv2d(8, 8, 3, padding=1),
        )
        self.relu, self.head = nn.ReLU(), nn.Conv2d(16, 4, 1)

    def forward(self, x):
        x = self.stem(x)
        return self.head(torch.cat([self.wide(x), self.deep(self.relu(x))], 1))


def test_a_torch_model_without_a_chain():
    table = LayerTable.from_module(Inception(), torch.zeros(1, 3, 32, 32))
    assert len(table.chain().names) == 3
    devices = [DeviceModel.table_4_2(tier, substitute={"concat": "relu"}) for tier in ("mobile", "edge")]
    problem = eo.GraphSplit.of(table, devices, 4e6)
    found = eo.solve(problem)
    assert found.status == "optimal"
    assert problem.names == table.names
    chain = eo.StochasticSplit([eo.Exit.of(table.chain(), devices)], [1.0], 4e6)
    assert found.objective <= eo.solve(chain).objective * (1 + 1e-9)
    whole = LayerTable.from_module(nn.Sequential(Fork()), torch.zeros(1, 4)).chain()
    assert "no point to cut inside: split its layers as a GraphSplit" in repr(whole)


class Fork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.a(x) + self.b(x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exec_time": [[1.0]]}, r"exec_time has shape \(1, 1\)"),
        ({"exec_time": [[1.0, -1.0]] * 4}, r"exec_time\[0, 1\] is -1.0"),
        ({"exec_time": [[np.inf, np.inf]] * 4}, r"exec_time\[0\] is inf on every tier"),
        ({"edges": [(0, 1)]}, "layer 0 reads nothing"),
        ({"edges": [*DIAMOND, (0, 1)]}, "a pair twice"),
        ({"edges": [*DIAMOND, (3, 1)]}, "cycle"),
        ({"edges": [*DIAMOND, (1, 1)]}, "cycle"),
        ({"edges": [*DIAMOND, (7, 1)]}, r"edges\[5\] is \(7, 1\)"),
        ({"edges": [(0.5, 1.0)]}, "edges is float64"),
        ({"output_bits": [1.0]}, r"output_bits has shape \(1,\)"),
        ({"output_bits": [1.0, -1.0, 1.0, 1.0]}, r"output_bits\[1\] is -1.0"),
        ({"input_bits": -1.0}, "input_bits is -1.0"),
        ({"uplink_rate": 0.0}, "uplink_rate"),
        ({"uplink_rate": [1.0, 2.0]}, "no batch axis"),
        ({"uplink_rate": 5e-324}, "beyond float64"),
        ({"backhaul_rate": 1.0}, "backhaul_rate has 1"),
        ({"outputs": [9]}, r"outputs\[0\] is 9"),
        ({"names": ("a",)}, "names has 1 entries"),
        ({"link_delay": -1.0}, "link_delay"),
    ],
)
def test_bad_data_is_refused_by_name(changes, message):
    fields = {
        "exec_time": np.ones((4, 2)),
        "edges": DIAMOND,
        "input_bits": 1.0,
        "output_bits": np.ones(4),
        "uplink_rate": 1.0,
    }
    with pytest.raises(eo.InvalidProblemError, match=message):
        eo.GraphSplit(**(fields | changes))


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (eo.GraphSplitDecision([0, 1]), r"shape \(2,\)"),
        (eo.GraphSplitDecision([0.0] * 4), "float64"),
        (eo.GraphSplitDecision([0, 1, 2, 0]), "goes from 0 to 2"),
        (eo.SplitDecision(([0],)), "is a SplitDecision"),
    ],
)
def test_a_malformed_decision_is_refused(decision, message):
    problem = eo.GraphSplit(np.ones((4, 2)), DIAMOND, 1.0, np.ones(4), 1.0)
    with pytest.raises(eo.InvalidProblemError, match=message):
        problem.check(decision)


def test_it_is_stored(tmp_path):
    problem = drawn(5, 4, 3)
    found = eo.solve(problem)
    eo.save(problem, tmp_path / "problem.json")
    eo.save(found, tmp_path / "solution.json")
    assert eo.verify(eo.load(tmp_path / "problem.json"), eo.load(tmp_path / "solution.json")).holds
