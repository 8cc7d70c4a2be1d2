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
class Arcs:
    """Arcs of one kind: a row of the program each, and a column where they may be cut.

    Attributes
    ----------
    row, column : str
        What the program calls their rows and columns; no column for arcs that must not be cut.
    starts, ends : (..., links) int
        Their nodes.
    capacity : float or (..., links) float
        Seconds.
    tensor : int, optional
        Tensor that they carry; -1 is the raw input.
    layers : (layers,) int, optional
        Layers along the first axis.
    first : int
        Number of the first link, or tier, along the last axis.
    """

    row: str
    column: str
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    capacity: Any
    tensor: int | None = None
    layers: NDArray[np.int64] | None = None
    first: int = 0

    def indices(self) -> list[str]:
        """Return the index of each arc, as names of rows and columns have it."""
        tensor = "" if self.tensor is None else f"{shown(self.tensor)},"
        layers = [""] if self.layers is None else [f"{layer}," for layer in self.layers.tolist()]
        last = range(self.first, self.first + self.starts.shape[-1])
        return [f"[{tensor}{layer}{link}]" for layer in layers for link in last]

    def stages(self, tiers: int) -> NDArray[np.int64]:
        """(arcs,) stage that each arc takes time of: a tier, then a link out, then a link back; -1 of none."""
        place = np.broadcast_to(self.first + np.arange(self.starts.shape[-1]), self.starts.shape)
        behind = {"runs": 0, "up": tiers, "down": 2 * tiers - 1}.get(self.column)
        return np.full(self.starts.size, -1) if behind is None else behind + place.ravel()


def shown(tensor: int) -> str:
    """Return the index of a tensor in names: its layer, or ``input``."""
    return "input" if tensor < 0 else str(tensor)


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
    layers, links : int
        Numbers of layers and of links between tiers.
    groups : tuple of Arcs
        The same arcs by kind, in their order.
    tensors : tuple of int
        Tensors that have auxiliary nodes, in their order: one for each link on the way there, then one on the way back.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    capacities: NDArray[np.float64]
    nodes: int
    layers: int
    links: int
    groups: tuple[Arcs, ...]
    tensors: tuple[int, ...]

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
        groups = _placements(exec_time, beyond)
        nodes, tensors = 2 + layers * links, []
        for tensor, consumers in enumerate(consumers_of, start=-1):
            returned = tensor in outputs
            if not len(consumers) and not returned:
                continue
            # The input is on the device.
            producer = beyond[tensor] if tensor >= 0 else np.full(links, SINK)
            # One auxiliary node for each link and direction.
            away, back = nodes + np.arange(links), nodes + links + np.arange(links)
            nodes += 2 * links
            tensors.append(tensor)
            groups += _transfers(tensor, producer, consumers, beyond, (away, back), crossing(tensor))
            if tensor >= 0 and returned:
                groups.append(Arcs("result", "", back, np.full(links, SINK), np.inf, tensor))
        starts = np.concatenate([arcs.starts.ravel() for arcs in groups])
        ends = np.concatenate([arcs.ends.ravel() for arcs in groups])
        capacities = np.concatenate([np.broadcast_to(arcs.capacity, arcs.starts.shape).ravel() for arcs in groups])
        return cls(starts, ends, capacities.astype(float), nodes, layers, links, tuple(groups), tuple(tensors))


def _placements(exec_time: NDArray[np.float64], beyond: NDArray[np.int64]) -> list[Arcs]:
    """Arcs that place each layer: one of its chain is cut, and the chain is cut once."""
    every = np.arange(len(exec_time))
    source = np.full((len(exec_time), 1), SOURCE)
    sink = np.full((len(exec_time), 1), SINK)
    chain = np.hstack([source, beyond, sink])
    return [
        Arcs("place", "runs", chain[:, :-1], chain[:, 1:], exec_time, layers=every),
        Arcs("order", "", beyond[:, 1:], beyond[:, :-1], np.inf, layers=every, first=1),
    ]


def _transfers(
    tensor: int,
    producer: NDArray[np.int64],
    consumers: NDArray[np.int64],
    beyond: NDArray[np.int64],
    auxiliary: tuple[NDArray[np.int64], NDArray[np.int64]],
    seconds: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> list[Arcs]:
    """Arcs that carry a tensor over each link, once for all its consumers, away from the device and back."""
    readers = beyond[consumers].reshape(-1, beyond.shape[1])
    away, back = (np.broadcast_to(nodes, readers.shape) for nodes in auxiliary)
    arcs = [
        Arcs("read", "", readers, away, np.inf, tensor, consumers),
        Arcs("send", "up", auxiliary[0], producer, seconds[0], tensor),
    ]
    if tensor >= 0:
        arcs += [
            Arcs("fetch", "down", producer, auxiliary[1], seconds[1], tensor),
            Arcs("hold", "", back, readers, np.inf, tensor, consumers),
        ]
    return arcs


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


def _names(network: CutNetwork) -> tuple[list[str], list[str]]:
    """Return the names of columns and rows, as docs/declare.md writes them."""
    columns = [f"beyond[{n},{link}]" for n in range(network.layers) for link in range(network.links)]
    for tensor in map(shown, network.tensors):
        columns += [f"{word}[{tensor},{link}]" for word in ("needed", "held") for link in range(network.links)]
    rows = []
    finite, start = np.isfinite(network.capacities).tolist(), 0
    for arcs in network.groups:
        indices = arcs.indices()
        rows += [arcs.row + index for index in indices]
        columns += [arcs.column + index for place, index in enumerate(indices, start) if finite[place]]
        start += len(indices)
    return columns, rows


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
    column_names, row_names = _names(network)
    return Program(
        cost=np.r_[np.zeros(inner), network.capacities[finite]],
        matrix=sparse.csc_array(sparse.coo_array((value, (row, column)), shape=(arcs, width))),
        row_upper=np.where(network.starts == SOURCE, -1.0, 0.0),
        upper=np.ones(width),
        integrality=np.ones(width, bool),
        column_names=column_names,
        row_names=row_names,
        name="graph_split",
    )
