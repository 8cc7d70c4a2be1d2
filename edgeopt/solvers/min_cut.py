"""The exact split of a general graph: one minimum cut, whatever the number of tiers.

OR-Tools' maximum flow works on integers, so capacities are scaled to some 2^48 and rounded down: the flow stays
feasible for the true capacities, and what it misses of the cut is a rounding error. The flow is the certificate.
"""

from __future__ import annotations

import numpy as np

from ..formulations.graph_split import CutFlow, GraphSplit, GraphSplitDecision
from ..formulations.placement.cut_network import SINK, SOURCE
from ..model.outcome import Options, Outcome
from ..model.solver import solver

_SCALE = 2.0**48
"""Sum of the scaled finite capacities; an infinite arc gets a little more."""


@solver(
    "min-cut",
    solves=GraphSplit,
    exact=True,
    rank=10,
    options=("time_limit", "relative_gap", "threads"),
    requires=("ortools",),
    install="ortools",
)
def min_cut(problem: GraphSplit, options: Options) -> Outcome:
    """Place every layer by maximum flow and minimum cut."""
    from ortools.graph.python import max_flow

    network = problem.network
    known = _known(problem)
    least = problem.objective(known)
    if least == 0.0:  # nothing can take less than no time
        return Outcome.optimal(known, CutFlow(np.zeros(network.capacities.size)))
    finite = np.isfinite(network.capacities)
    # No cheapest cut holds an arc dearer than a known cut; without this, huge arcs would cost small ones digits.
    limited = np.minimum(network.capacities[finite], 2.0 * least)
    scale = _SCALE / float(limited.sum())
    capacities = np.full(network.capacities.size, int(_SCALE) + 1, np.int64)
    capacities[finite] = np.floor(limited * scale).astype(np.int64)
    flow = max_flow.SimpleMaxFlow()
    arcs = flow.add_arcs_with_capacity(network.starts, network.ends, capacities)
    status = flow.solve(SOURCE, SINK)
    if status != flow.OPTIMAL:
        return Outcome.failed(f"OR-Tools' maximum flow ended with status {status}")
    beyond = np.zeros(network.nodes, bool)
    beyond[flow.get_source_side_min_cut()] = True
    links = problem.tiers - 1
    tiers = beyond[2 : 2 + problem.layers * links].reshape(-1, links).sum(axis=1)
    return Outcome.optimal(GraphSplitDecision(tiers), CutFlow(flow.flows(arcs) / scale))


def _known(problem: GraphSplit) -> GraphSplitDecision:
    """Return the best placement of all layers on one tier, or as near to it as they can run."""
    available = np.isfinite(problem.exec_time)
    distance = np.abs(np.arange(problem.tiers)[:, None] - np.arange(problem.tiers))
    candidates = [
        GraphSplitDecision(np.where(available, distance[tier], problem.tiers).argmin(axis=1))
        for tier in range(problem.tiers)
    ]
    return min(candidates, key=problem.objective)
