"""Edgent (Li, Zhou and Chen 2018): the known requirement decides the exit, one partition point splits it.

As printed there (Algorithm 1), the edge runs the layers before the point and the device the rest:
``sum_{j<p} ES_j + sum_{k>=p} ED_k + Input / B + D_{p-1} / B``; with the point before the first layer everything stays
on the device and nothing is uploaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..formulations.placement.single_cuts import cheapest, single_cuts
from ..formulations.split import StochasticSplit
from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.outcome import Options, Outcome
from ..model.records import number
from ..model.solver import solver

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIRECTIONS = {"edge-first": (1, 0), "device-first": (0, 1)}


@solver("edgent", solves=StochasticSplit, exact=False, options=("time_limit", "threads"), own_options=("direction",))
def edgent(problem: StochasticSplit, options: Options) -> Outcome:
    """Cut every exit at its own best partition point between device and edge; a shared trunk at one depth.

    Own option `direction`: ``"edge-first"`` as Li et al. print it, or ``"device-first"``.
    """
    candidates = single_cuts(problem, [_pair(options.extra.get("direction", "edge-first"))])
    return Outcome.feasible(cheapest(problem, candidates, problem.node_latencies))


def _pair(direction: object) -> tuple[int, int]:
    if direction not in _DIRECTIONS:
        raise InvalidOptionError(f"direction is {direction!r}; expected one of {', '.join(map(repr, _DIRECTIONS))}")
    return _DIRECTIONS[str(direction)]


@dataclass(frozen=True)
class EdgentPlan:
    """Edgent's answer to a deadline.

    Attributes
    ----------
    exit : int
        Chosen exit.
    tiers : (layers,) int
        Tier of each of its layers.
    latency : float
        Its latency, seconds.
    met : bool
        Whether it meets the deadline; where none does, the plan is the fastest one.
    """

    exit: int
    tiers: NDArray[np.int64]
    latency: float
    met: bool


def edgent_plan(problem: StochasticSplit, deadline: float, *, direction: str = "edge-first") -> EdgentPlan:
    """Return the most accurate exit whose best partition point meets `deadline` seconds: Edgent's own question.

    Raises
    ------
    InvalidProblemError
        If the problem is a batch, or `deadline` is no positive number.
    """
    if problem.batch is not None:
        raise InvalidProblemError("edgent_plan takes one problem; take problem.instance(i) of a batch")
    deadline = number(deadline, "deadline", at_least=0.0)
    candidates = single_cuts(problem, [_pair(direction)])
    latency = problem.node_latencies(candidates)
    best = latency.min(axis=0)
    accuracy = np.array([entry.accuracy for entry in problem.exits])
    met = best <= deadline
    chosen = int(np.where(met, accuracy, -np.inf).argmax()) if met.any() else int(best.argmin())
    nodes = problem.costs.tree.nodes_of[chosen]
    tiers = candidates[int(latency[:, chosen].argmin()), nodes]
    return EdgentPlan(chosen, tiers, float(best[chosen]), bool(met.any()))
