"""Every decision, one by one: the reference that the other solvers must agree with on small instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..formulations.offloading import OfflineOffloading, OffloadingDecision
from ..formulations.slot import SlotProblem
from ..formulations.split import SplitDecision, StochasticSplit
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver
from .backends.slot_routes import by_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST = 20
_MOST_PLACEMENTS = 2**20


def _too_large(problem: OfflineOffloading | StochasticSplit | SlotProblem) -> str | None:
    if isinstance(problem, SlotProblem):
        return None
    if isinstance(problem, StochasticSplit):
        count = _placements(problem)
        return (
            f"would try {count} placements and takes at most {_MOST_PLACEMENTS}" if count > _MOST_PLACEMENTS else None
        )
    decisions = problem.local_totals.size
    return f"would try 2^{decisions} choices and takes at most {_MOST} decisions" if decisions > _MOST else None


@solver(
    "exhaustive",
    solves=(OfflineOffloading, StochasticSplit, SlotProblem),
    exact=True,
    rank=95,
    options=("time_limit", "relative_gap", "threads"),
    declines=_too_large,
)
def exhaustive(problem: OfflineOffloading | StochasticSplit | SlotProblem, options: Options) -> Outcome:
    """Evaluate all choices; refuses more than 20 decisions, or 2^20 placements, with their count.

    Of a slot, every split with rates on a grid that is refined until its cells are as narrow as rounding.
    """
    if isinstance(problem, SlotProblem):
        return by_grid(problem, options)
    if isinstance(problem, StochasticSplit):
        return Outcome.optimal(_best_placement(problem))
    count = problem.local_totals.size
    choices = (np.arange(2**count)[:, None] >> np.arange(count)) & 1 == 1
    allowed = (choices.sum(axis=1) >= problem.min_local) & ~(choices & ~problem.available).any(axis=1)
    if not allowed.any():
        return Outcome(Status.INFEASIBLE)
    costs = np.where(choices, problem.local_totals, problem.remote_totals).sum(axis=1)
    best = int(np.where(allowed, costs, np.inf).argmin())
    return Outcome.optimal(OffloadingDecision(choices[best].reshape(problem.shape)))


def _placements(problem: StochasticSplit) -> int:
    """How many placements there are to try: of the tree, or of each chain on its own."""
    if problem.shared_trunk:
        return int(problem.tiers**problem.costs.tree.parent.size)
    return sum(problem.tiers**entry.layers for entry in problem.exits)


def _best_placement(problem: StochasticSplit) -> SplitDecision:
    best = np.zeros(problem.costs.tree.parent.size, int)
    if problem.shared_trunk:
        return problem.decision_at(_least(problem, best, np.arange(best.size), slice(None)))
    for k, nodes in enumerate(problem.costs.tree.nodes_of):  # independent chains: what one costs, no other changes
        best = _least(problem, best, nodes, slice(k, k + 1))
    return problem.decision_at(best)


def _least(
    problem: StochasticSplit, base: NDArray[np.intp], nodes: NDArray[np.int64], exits: slice
) -> NDArray[np.intp]:
    """Return `base` with the tiers of `nodes` for which the expected latency of `exits` is least."""
    weights = problem.weights[exits]
    weights = weights if weights.any() else np.ones(weights.size)  # exits nobody needs are placed well all the same
    best, least = base, np.inf
    block = max(1, 2**18 // base.size)
    for start in range(0, problem.tiers**nodes.size, block):
        codes = np.arange(start, min(start + block, problem.tiers**nodes.size))
        candidates = np.repeat(base[None], codes.size, axis=0)
        candidates[:, nodes] = codes[:, None] // problem.tiers ** np.arange(nodes.size) % problem.tiers
        latency = problem.node_latencies(candidates)[:, exits]
        available = np.asarray(np.isfinite(latency).all(axis=1))
        expected = np.where(available, np.where(available[:, None], latency, 0.0) @ weights, np.inf)
        if expected.min() < least:
            best, least = candidates[int(expected.argmin())], float(expected.min())
    return best
