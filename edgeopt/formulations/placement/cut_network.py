"""The network whose minimum cut is the optimal split of a general graph, for any number of tiers.

Tiers are ordered and a tensor pays for every link between them, so one cut decides all (Ishikawa 2003; for two tiers it
is DADS, Hu et al. 2019). Node v[n, l] lies on the source side where layer n runs beyond link l:

    source -> v[n, 0] -> v[n, 1] -> … -> sink      the arc that is cut says where n runs: its capacity is the time there
    v[n, l] -> v[n, l-1]                           infinite: who is beyond link l is beyond link l - 1
    v[c, l] -> a -> v[p, l]                        a tensor of p crosses link l once, for all its consumers c beyond
    v[p, l] -> b -> v[c, l]                        and once on its way back
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Crossing = Callable[[int], tuple[NDArray[np.float64], NDArray[np.float64]]]

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
    def of(
        cls,
        exec_time: NDArray[np.float64],
        consumers_of: Sequence[NDArray[np.int64]],
        outputs: Sequence[int],
        crossing: Crossing,
    ) -> CutNetwork:
        """Return the network of a problem.

        Parameters
        ----------
        exec_time : (layers, tiers) float
            Seconds.
        consumers_of : sequence of (consumers,) int
            Layers that read the raw input, then the output of each layer.
        outputs : sequence of int
            Layers whose results go back to the device.
        crossing : callable
            Seconds of a tensor over each link, away from the device and back; tensor -1 is the raw input.
        """
        layers, links = exec_time.shape[0], exec_time.shape[1] - 1
        beyond = 2 + np.arange(layers * links).reshape(layers, links)
        arcs = _placements(exec_time, beyond)
        nodes = 2 + layers * links
        for tensor, consumers in enumerate(consumers_of, start=-1):
            returned = tensor in outputs
            if not len(consumers) and not returned:
                continue
            producer = beyond[tensor] if tensor >= 0 else np.full(links, SINK)  # the input is on the device
            readers = beyond[consumers].reshape(-1, links)
            up, down = crossing(tensor)
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


def _placements(exec_time: NDArray[np.float64], beyond: NDArray[np.int64]) -> list[tuple[Any, Any, Any]]:
    """Arcs that place each layer: one of its chain is cut, and the chain is cut once."""
    source = np.full((len(exec_time), 1), SOURCE)
    sink = np.full((len(exec_time), 1), SINK)
    chain = np.hstack([source, beyond, sink])
    return [
        (chain[:, :-1], chain[:, 1:], exec_time),
        (beyond[:, 1:], beyond[:, :-1], np.inf),
    ]


def place_auxiliary_nodes(network: CutNetwork, side: NDArray[np.float64], first: int) -> None:
    """Put the auxiliary nodes on the side where their arcs cost least."""
    infinite = np.isinf(network.capacities)
    starts, ends = network.starts[infinite], network.ends[infinite]
    pulled = ends >= first  # c -> a: beyond as soon as one consumer is
    np.maximum.at(side, ends[pulled], side[starts[pulled]])
    back = starts >= first  # b -> c: beyond only where all consumers are
    nodes = np.unique(starts[back])
    side[nodes] = 1.0
    np.minimum.at(side, starts[back], side[ends[back]])


def cut_program(network: CutNetwork) -> Program:
    """Return the dual of the maximum flow: a column for each node but source and sink, and for each arc to cut."""
    finite = np.isfinite(network.capacities)
    inner, arcs = network.nodes - 2, network.starts.size
    position = np.full(arcs, -1)
    position[finite] = inner + np.arange(int(finite.sum()))
    rows = np.arange(arcs)
    # side[start] - side[end] - cut <= 0, where side is 1 for the source and 0 for the sink.
    entries = [
        (rows[keep], columns[keep], np.full(int(keep.sum()), value))
        for columns, keep, value in (
            (network.starts - 2, network.starts > SINK, 1.0),
            (network.ends - 2, network.ends > SINK, -1.0),
            (position, finite, -1.0),
        )
    ]
    row, column, value = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    width = inner + int(finite.sum())
    return Program(
        cost=np.r_[np.zeros(inner), network.capacities[finite]],
        matrix=sparse.csc_array(sparse.coo_array((value, (row, column)), shape=(arcs, width))),
        row_upper=np.where(network.starts == SOURCE, -1.0, 0.0),
        upper=np.ones(width),
        integrality=np.ones(width, bool),
        name="graph_split",
    )
