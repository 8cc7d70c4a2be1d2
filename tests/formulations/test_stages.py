"""Frames in flight over graphs and trees, with memory, co-location and caps: programs against every placement."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest

import edgeopt as eo


def graph_drawn(rng: np.random.Generator) -> eo.GraphSplit:
    """Draw a graph over two or three tiers whose numbers are eighths, so that sums are exact."""
    layers, tiers = int(rng.integers(1, 6)), int(rng.integers(2, 4))
    edges = {(p, c) for c in range(layers) for p in range(-1, c) if rng.random() < 0.4}
    edges |= {(int(rng.integers(-1, c)), c) for c in range(layers) if not any(e[1] == c for e in edges)}
    times = rng.integers(0, 40, (layers, tiers)) / 8.0
    if rng.random() < 0.3:
        times[rng.integers(layers), rng.integers(tiers)] = np.inf
    backhaul = None if tiers == 2 else [4.0]
    down = 4.0 if rng.random() < 0.5 else None
    return eo.GraphSplit(times, sorted(edges), 2.0, rng.integers(0, 24, layers) / 8.0, 2.0, backhaul, down, 0.125)


def graph_stages(problem: eo.GraphSplit, tiers) -> list[float]:
    """Return seconds of each tier, of each link out, of each link back, straight from the fields."""
    links = problem.tiers - 1
    up = [float(problem.uplink_rate), *np.ravel([] if problem.backhaul_rate is None else problem.backhaul_rate)]
    down = up if problem.downlink_rate is None else [float(problem.downlink_rate), *up[1:]]
    stages = [0.0] * (problem.tiers + 2 * links)
    for layer, tier in enumerate(tiers):
        stages[tier] += float(problem.exec_time[layer, tier])
    for tensor in range(-1, problem.layers):
        at = 0 if tensor < 0 else tiers[tensor]
        needed = {tiers[c] for p, c in problem.edges if p == tensor} | ({0} if tensor in problem.outputs else set())
        bits = problem.input_bits if tensor < 0 else float(problem.output_bits[tensor])
        for link in range(links):
            if at <= link and any(t > link for t in needed):
                stages[problem.tiers + link] += bits / up[link]
            if at > link and any(t <= link for t in needed):
                stages[problem.tiers + links + link] += bits / down[link]
    return stages


def graph_pipeline(rng: np.random.Generator) -> tuple[float, eo.Solution]:
    """Return the least period of every placement within memories and a latency (inf without one), and the solution."""
    problem = graph_drawn(rng)
    weights, live = rng.integers(1, 5, (2, problem.layers)).astype(float)
    memory = np.r_[rng.integers(3, 12, problem.tiers - 1), np.inf].astype(float)
    limit, pair = float(rng.integers(4, 30)), sorted(rng.integers(0, problem.layers, 2).tolist())
    pipeline = problem.minimize(lambda m: m.maximum("period", m.stages)).subject_to(
        memory=lambda m: m.held(weights, live) <= m.array(memory, "tiers"),
        together=lambda m: m.runs[pair[0]] == m.runs[pair[1]],
        soon=lambda m: m.latency <= limit,
    )
    best = math.inf
    for tiers in product(range(problem.tiers), repeat=problem.layers):
        place = np.array(tiers)
        need = [weights[place == t].sum() + live[place == t].max(initial=0.0) for t in range(problem.tiers)]
        fits = (np.array(need) <= memory).all() and tiers[pair[0]] == tiers[pair[1]]
        if fits and problem.objective(eo.GraphSplitDecision(tiers)) <= limit:
            best = min(best, max(graph_stages(problem, tiers)))
    found = eo.solve(pipeline)
    if found.status.has_decision:
        assert max(graph_stages(problem, found.decision.tiers)) == pytest.approx(found.objective, rel=1e-9, abs=1e-12)
    return best, found


@pytest.mark.parametrize("seed", range(15))
def test_least_period_of_a_graph_within_memory_and_a_cap(seed: int) -> None:
    best, found = graph_pipeline(np.random.default_rng(seed))
    if best == math.inf:
        assert found.status == "infeasible"
    else:
        assert found.status == "optimal"
        assert found.objective == pytest.approx(best, rel=1e-9, abs=1e-12)


def tree_drawn(rng: np.random.Generator, shared: bool) -> eo.StochasticSplit:
    tiers = int(rng.integers(2, 4))
    eighths = lambda *shape: rng.integers(0, 32, shape) / 8.0  # noqa: E731
    times, bits = eighths(2, tiers), eighths(3)
    last = [eighths(int(rng.integers(0, 2)) + 1, tiers) for _ in range(2)]
    exits = []
    for k, own in enumerate(last):
        names = ("first", "second", *(f"{k}.{n}" for n in range(len(own))))
        sizes = np.r_[bits, eighths(len(own))]
        exits.append(eo.Exit(0.5 + 0.25 * k, np.vstack([times, own]), sizes, names=names))
    backhaul = None if tiers == 2 else [4.0]
    return eo.StochasticSplit(exits, [0.25, 0.75], 2.0, backhaul, 4.0, 0.125, shared_trunk=shared)


def tree_stages(problem: eo.StochasticSplit, tiers) -> np.ndarray:
    """Return the expected seconds of each stage, exit by exit; a shared trunk has one placement in both."""
    up = [2.0, 4.0][: problem.tiers - 1]
    down = [4.0, 4.0][: problem.tiers - 1]
    stages = np.zeros(3 * problem.tiers - 2)
    for share, entry, place in zip((0.25, 0.75), problem.exits, tiers, strict=True):
        path = [0, *place, 0]
        for layer, tier in enumerate(place):
            stages[tier] += share * entry.exec_time[layer, tier]
        for tensor, (here, there) in enumerate(pairwise(path)):
            for link in range(min(here, there), max(here, there)):
                rate, first = (up[link], problem.tiers) if there > here else (down[link], 2 * problem.tiers - 1)
                stages[first + link] += share * entry.output_bits[tensor] / rate
    return stages


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_least_period_of_a_tree_within_memory_and_a_latency(seed: int, shared: bool) -> None:
    problem = tree_drawn(np.random.default_rng(seed), shared)
    sizes, best, every = [entry.layers for entry in problem.exits], math.inf, []
    for flat in product(range(problem.tiers), repeat=sum(sizes)):
        tiers = flat[: sizes[0]], flat[sizes[0] :]
        if not shared or tiers[0][:2] == tiers[1][:2]:
            every.append(tiers)
    weights = [np.arange(1.0, n + 1.0) for n in sizes]
    memory = [np.inf, *[6.0 if shared else 11.0] * (problem.tiers - 1)]
    cap = float(np.median([problem.objective(eo.SplitDecision(tiers)) for tiers in every]))
    for tiers in every:
        # Bytes of each layer are its number from 1; the layers of a shared trunk are held once.
        once = {(0 if shared and n < 2 else k, n): tier for k, own in enumerate(tiers) for n, tier in enumerate(own)}
        need = [[n + 1 for (_, n), tier in once.items() if tier == t] for t in range(problem.tiers)]
        fits = all(sum(one) + max(one, default=0) <= most for one, most in zip(need, memory, strict=True))
        if fits and problem.objective(eo.SplitDecision(tiers)) <= cap:
            best = min(best, tree_stages(problem, tiers).max())
    pipeline = problem.minimize(lambda m: m.maximum("period", m.stages))
    found = eo.solve(
        pipeline.subject_to(
            soon=lambda m: m.expected_latency <= cap,
            memory=lambda m: m.held(weights, weights) <= m.array(memory, "tiers"),
        )
    )
    assert found.status == "optimal"
    assert found.objective == pytest.approx(best, rel=1e-9, abs=1e-12)
    assert tree_stages(problem, found.decision.tiers).max() == pytest.approx(best, rel=1e-9, abs=1e-12)


def test_bytes_are_named_where_they_are_wrong() -> None:
    problem = tree_drawn(np.random.default_rng(0), shared=True)
    good = [np.ones(entry.layers) for entry in problem.exits]
    for wrong, named in (
        (good[:1], "weight_bytes has 1 entries; expected 2"),
        ([good[0], np.ones(1)], r"weight_bytes\[1\] has shape \(1,\)"),
        ([good[0], 2.0 * good[1]], r"weight_bytes\[1\]\[0\] is 2.*the same layer in the exits before"),
        ([good[0], -good[1]], r"weight_bytes\[1\]\[0\] is -1"),
    ):
        with pytest.raises(eo.InvalidProblemError, match=named):
            problem.subject_to(memory=lambda m, wrong=wrong: m.held(wrong).sum() <= 1.0)


def test_a_stage_of_a_graph_is_bounded_from_above_only() -> None:
    problem = eo.GraphSplit([[1, 9], [8, 1]], [(-1, 0), (0, 1)], 9.0, [2.0, 1.0], 1.0)
    with pytest.raises(eo.InvalidProblemError, match=r"stages|above"):
        problem.subject_to(busy=lambda m: m.stages[1] >= 1.0)


def test_on_a_chain_they_are_those_of_a_pipeline() -> None:
    """Tiers that do not fall: the pipeline's exact search and the graph's program agree."""
    rng = np.random.default_rng(5)
    for _ in range(5):
        times, bits = rng.gamma(1.0, 1.0, (6, 3)), rng.gamma(1.0, 1.0, 7)
        chain = eo.PipelinedSplit(times, bits, 1.5, [3.0], 2.5)
        graph = eo.GraphSplit(times, [(n - 1, n) for n in range(6)], bits[0], bits[1:], 1.5, [3.0], 2.5)
        monotone = graph.minimize(lambda m: m.maximum("period", m.stages)).subject_to(
            onward=lambda m: (
                [m.runs[n, 0] >= m.runs[n + 1, 0] for n in range(5)]
                + [m.runs[n, 2] <= m.runs[n + 1, 2] for n in range(5)]
            )
        )
        assert eo.solve(monotone).objective == pytest.approx(eo.solve(chain).objective, rel=1e-9)
