"""The network whose minimum cut is the optimal split of a general graph, for any number of tiers.

Tiers are ordered and a tensor pays for every link between them, so one cut decides all (Ishikawa 2003; for two tiers it
is DADS, Hu et al. 2019). Node v[n, l] lies on the source side where layer n runs beyond link l:

    source -> v[n, 0] -> v[n, 1] -> … -> sink      the arc that is cut says where n runs: its capacity is the time there
    v[n, l] -> v[n, l-1]                           endless: who is beyond link l is beyond link l - 1
    v[c, l] -> a -> v[p, l]                        a tensor of p crosses link l once, for however many consumers c beyond
    v[p, l] -> b -> v[c, l]                        and once on its way back
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .graph_split import GraphSplit

SOURCE, SINK = 0, 1


@dataclass(frozen=True, eq=False)
class CutNetwork:
    """Arcs of the network.

    Attributes
    ----------
    starts, ends : (arcs,) int
        Nodes of each arc; 0 is the source, 1 the sink, 2 + n (tiers - 1) + l is v[n, l].
    capacities : (arcs,) float
        Seconds; inf where an arc must not be cut.
    nodes : int
        Number of nodes.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    capacities: NDArray[np.float64]
    nodes: int

    @classmethod
    def of(cls, problem: GraphSplit) -> CutNetwork:
        """Return the network of a problem."""
        layers, links = problem.layers, problem.tiers - 1
        beyond = 2 + np.arange(layers * links).reshape(layers, links)
        arcs = _placements(problem, beyond)
        nodes = 2 + layers * links
        for tensor, consumers in enumerate(problem.consumers, start=-1):
            returned = tensor in problem.outputs
            if not len(consumers) and not returned:
                continue
            producer = beyond[tensor] if tensor >= 0 else np.full(links, SINK)  # the input is on the device
            readers = beyond[consumers].reshape(-1, links)
            up, down = problem.crossing(tensor)
            # One auxiliary node for each link and direction.
            away, back = nodes + np.arange(links), nodes + links + np.arange(links)
            nodes += 2 * links
            arcs += [(readers, np.broadcast_to(away, readers.shape), np.inf), (away, producer, up)]
            if tensor >= 0:
                arcs += [(producer, back, down), (np.broadcast_to(back, readers.shape), readers, np.inf)]
                arcs += [(back, np.full(links, SINK), np.inf)] if returned else []
        starts, ends = (np.concatenate([np.ravel(arc[side]) for arc in arcs]) for side in (0, 1))
        capacities = np.concatenate([np.broadcast_to(arc[2], np.shape(arc[0])).ravel() for arc in arcs])
        return cls(starts, ends, capacities.astype(float), nodes)


def _placements(problem: GraphSplit, beyond: NDArray[np.int64]) -> list[tuple[Any, Any, Any]]:
    """Arcs that place each layer: one of its chain is cut, and the chain is cut once."""
    source = np.full((problem.layers, 1), SOURCE)
    sink = np.full((problem.layers, 1), SINK)
    chain = np.hstack([source, beyond, sink])
    return [
        (chain[:, :-1], chain[:, 1:], problem.exec_time),
        (beyond[:, 1:], beyond[:, :-1], np.inf),
    ]
