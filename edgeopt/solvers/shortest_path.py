"""The exact split: a shortest path over layers x tiers, or over the tree of layers where exits share a trunk.

One backward pass over the tree finds the least expected remaining latency of each layer on each tier, one forward pass
reads the placement off. That is polynomial, O(layers tiers^2), which Zuo (2024, section 6) names as future work. The
potentials of the backward pass are the certificate. A batch of link rates or demands is one compiled loop over threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from os import cpu_count
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.split import NodePotentials, StochasticSplit
from ..model.outcome import Options, Outcome
from ..model.solver import solver

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..formulations.placement.costs import PlacementCosts


@solver(
    "shortest-path",
    solves=StochasticSplit,
    exact=True,
    rank=10,
    batched=True,
    options=("time_limit", "relative_gap", "threads"),
)
def shortest_path(problem: StochasticSplit, options: Options) -> Outcome:
    """Place every layer by dynamic programming; the batch, where there is one, as one array operation."""
    potential, nodes = least_latency(problem.costs, problem.batch, options.threads)
    return Outcome.optimal(problem.decision_at(nodes), NodePotentials(potential))


def least_latency(
    costs: PlacementCosts, batch: int | None = None, threads: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.integer[Any]]]:
    """Return potentials (..., nodes, tiers) and the best tiers (..., nodes) that they imply."""
    tree, several = costs.tree, 1 if batch is None else batch
    potential = np.empty((several, *tree.exec_time.shape))
    choice = np.empty((several, tree.parent.size), np.int8)
    data = (
        tree.parent,
        tree.exec_time,
        tree.input_bits,
        tree.result_bits,
        _stacked(costs.share, 1),
        _stacked(costs.end_share, 1),
        _stacked(costs.per_bit, 2),
        _stacked(costs.per_crossing, 2),
        potential,
        choice,
    )
    sweep = _compiled()
    if several == 1 or potential.size < _WORTH_A_THREAD:
        sweep(0, several, *data)
    else:
        workers = min(threads or cpu_count() or 1, several)
        bounds = np.linspace(0, several, workers + 1).astype(int)
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda first, last: sweep(first, last, *data), bounds[:-1], bounds[1:]))
    return (potential, choice) if batch is not None else (potential[0], choice[0].astype(int))


_WORTH_A_THREAD = 100_000
"""Potentials to compute (some 0.5 ms) before another thread pays."""


def _stacked(values: NDArray[np.float64], single: int) -> NDArray[np.float64]:
    """Give values without a batch axis one of length 1."""
    return np.ascontiguousarray(values[None] if values.ndim == single else values)


@lru_cache(maxsize=1)
def _compiled() -> Callable[..., None]:
    from numba import types

    from .compiled.jit import njit

    def array(kind: Any, dimensions: int, readonly: bool = True) -> Any:
        return types.Array(kind, dimensions, "C", readonly=readonly)

    # One signature, compiled once and kept on disk, whatever is batched.
    number = types.float64
    data = (array(types.int64, 1), array(number, 2), array(number, 1), array(number, 1))
    batched = (array(number, 2), array(number, 2), array(number, 3), array(number, 3))
    results = (array(number, 3, False), array(types.int8, 2, False))
    signature = types.void(types.intp, types.intp, *data, *batched, *results)
    sweep: Callable[..., None] = njit(signature, nogil=True)(_sweep)
    return sweep


def _sweep(  # noqa: C901 (one loop nest, compiled as a whole)
    first: int,
    last: int,
    parent: Any,
    exec_time: Any,
    input_bits: Any,
    result_bits: Any,
    share: Any,
    end_share: Any,
    per_bit: Any,
    per_crossing: Any,
    potential: Any,
    choice: Any,
) -> None:
    """Fill `potential` and `choice` for the instances from `first` to `last`; plain loops, made to be compiled.

    An axis of length 1 in place of the batch is shared by all instances.
    """
    nodes, tiers = exec_time.shape
    for b in range(first, last):
        value, place = potential[b], choice[b]
        part = share[b % share.shape[0]]
        leaves = end_share[b % end_share.shape[0]]
        bit = per_bit[b % per_bit.shape[0]]
        crossing = per_crossing[b % per_crossing.shape[0]]
        for n in range(nodes):
            for t in range(tiers):
                value[n, t] = exec_time[n, t] + leaves[n] * (crossing[t, 0] + result_bits[n] * bit[t, 0])
        for n in range(nodes - 1, -1, -1):
            before = parent[n]
            if before >= 0:
                for a in range(tiers):
                    least = np.inf
                    for u in range(tiers):
                        way = crossing[a, u] + input_bits[n] * bit[a, u] + value[n, u]
                        least = way if way < least else least
                    value[before, a] += part[n] * least
        for n in range(nodes):
            a = place[parent[n]] if parent[n] >= 0 else 0
            least, best = np.inf, 0
            for u in range(tiers):
                way = crossing[a, u] + input_bits[n] * bit[a, u] + value[n, u]
                if way < least:
                    least, best = way, u
            place[n] = best
