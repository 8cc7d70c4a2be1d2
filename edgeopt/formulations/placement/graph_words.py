"""What side constraints may say of a graph's split: where layers run, what it takes in seconds and in joules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from .held_bytes import held_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..graph_split import GraphSplit


def graph_words(problem: GraphSplit, columns: Any) -> dict[str, Any]:
    """Return the words of a split of a graph; see its method ``words``."""
    network, program = problem.network, problem.program()
    finite = np.isfinite(network.capacities)
    first_cut = program.columns - int(finite.sum())
    _tell_extremes(problem, columns, first_cut)

    def over_cuts(capacities: NDArray[np.float64]) -> Any:
        values = capacities[finite]
        place = (np.zeros(values.size, int), first_cut + np.arange(values.size))
        return columns.linear(sparse.coo_array((values, place), shape=(1, program.columns)))

    def energy(compute_power: Any, radio_power: Any, receive_power: Any = None) -> Any:
        return over_cuts(problem.energy_network(compute_power, radio_power, receive_power).capacities)

    runs, device = _runs(problem)

    return {
        "runs": columns.linear(runs, offset=device, layers=problem.layers, tiers=problem.tiers),
        "held": held_word(columns, runs, problem.layers, device),
        "latency": over_cuts(network.capacities),
        "energy": energy,
        "stages": _stages(problem, columns, first_cut),
    }


def _stages(problem: GraphSplit, columns: Any, first_cut: int) -> Any:
    """(tiers + 2 links,) seconds of each stage: a tier, a link away from the device, a link towards it."""
    tiers, links, finite = problem.tiers, problem.tiers - 1, np.isfinite(problem.network.capacities)
    # At one watt everywhere joules are seconds, without the delays, which keep no link busy.
    busy = problem.energy_network(np.ones(tiers), np.ones(links))
    stage = np.concatenate([arcs.stages(tiers) for arcs in busy.groups])[finite]
    values, shape = busy.capacities[finite], (tiers + 2 * links, problem.program().columns)
    place = (stage, first_cut + np.arange(values.size))
    return columns.linear(sparse.coo_array((values, place), shape=shape), stages=shape[0])


def _runs(problem: GraphSplit) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Return placement indicators, a row for each layer and tier, and their constants (layers, tiers).

    A layer runs where it is beyond the link before and not the one behind.
    """
    layers, tiers, width = problem.layers, problem.tiers, problem.program().columns
    index = np.arange(layers * tiers).reshape(layers, tiers)
    beyond = np.arange(layers * (tiers - 1))
    rows = np.concatenate([index[:, 1:].ravel(), index[:, :-1].ravel()])
    values = np.repeat([1.0, -1.0], beyond.size)
    matrix = sparse.coo_array((values, (rows, np.tile(beyond, 2))), shape=(index.size, width))
    device = np.zeros((layers, tiers))
    device[:, 0] = 1.0
    return sparse.csr_array(matrix), device


def _tell_extremes(problem: GraphSplit, columns: Any, first_cut: int) -> None:
    """Say which columns lie as far out as they like where nothing pulls them back: auxiliary nodes and cuts.

    A node of a tensor's way out, and a cut, is at least what it has to be; a node of its way back is at most.
    """
    network, first = problem.network, problem.layers * (problem.tiers - 1)
    pulled_down = np.isinf(network.capacities) & (network.starts >= 2 + first)
    most = set((network.starts[pulled_down] - 2).tolist())
    for column in range(first, first_cut):
        columns.block(column, extreme=-1 if column in most else 1)
    columns.block(first_cut, extreme=1, cuts=problem.program().columns - first_cut)
