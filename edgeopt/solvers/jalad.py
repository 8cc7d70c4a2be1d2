"""JALAD (Li et al. 2018): one cut and one precision, the fastest pair that keeps the accuracy.

The device runs the layers before the cut, one server the rest; the tensor at the cut, and the result on its way back,
are each sent in one of the precisions. All pairs are tried, as the paper's integer program does.

References
----------
H. Li, C. Hu, J. Jiang, Z. Wang, Y. Wen and W. Zhu, "JALAD: Joint accuracy- and latency-aware deep structure decoupling
for edge-cloud execution", ICPADS 2018.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from ..formulations.compressed_split import CompressedSplit, CompressedSplitDecision, NothingFits
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver


@solver("jalad", solves=CompressedSplit, exact=False, options=("time_limit", "threads"))
def jalad(problem: CompressedSplit, options: Options) -> Outcome:
    """Cut once, device first, for the server, depth and precision that cost least within the caps."""
    if refutation := NothingFits.of(problem.moves, count=False):
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    layers, tiers, ways = problem.layers, problem.tiers, problem.sent_bits.shape[1]
    # Candidates: depth of the cut, server, precision of the tensor at the cut and of the result.
    depth, server, sent, result = np.array(list(product(range(layers), range(1, tiers), range(ways), range(ways)))).T
    places = np.where(np.arange(layers) < depth[:, None], 0, server[:, None])
    precision = np.full((depth.size, layers + 1), -1)
    precision[np.arange(depth.size), depth] = sent
    precision[:, -1] = result
    places = np.concatenate([places, np.zeros((1, layers), np.int64)])  # all layers on the device
    precision = np.concatenate([precision, np.full((1, layers + 1), -1)])
    costs = problem.moves.costs_of(places, precision)
    best = int(costs.argmin())
    if not np.isfinite(costs[best]):
        return Outcome(Status.NO_SOLUTION, message="no single cut keeps all caps")
    return Outcome.feasible(CompressedSplitDecision(places[best], precision[best]))
