"""Network topologies: nodes and directed links, as every reader of topology files returns them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import ExtraNotInstalledError, InvalidProblemError
from ..model.records import Record, assign, read_only, require

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Topology(Record):
    """A directed network.

    Attributes
    ----------
    nodes : tuple of str
        Names of the nodes.
    links : (links, 2) int
        Tail and head of each directed link, as indices into `nodes`.
    capacity : (links,) float
        Capacity of each link, bit/s; nan where the file gives none.
    name : str
        Name of the network.

    Raises
    ------
    InvalidProblemError
        If a node is named twice, a link leaves the nodes, joins a node to itself or is given twice, or a capacity is
        not positive.
    """

    nodes: tuple[str, ...]
    links: NDArray[np.int64]
    capacity: NDArray[np.float64]
    name: str = ""

    def __post_init__(self) -> None:
        nodes, links = tuple(str(node) for node in self.nodes), np.array(self.links, dtype=np.int64).reshape(-1, 2)
        if len(set(nodes)) != len(nodes):
            twice = next(node for node in nodes if nodes.count(node) > 1)
            raise InvalidProblemError(f"nodes holds {twice!r} twice; names must be unique")
        require("links", links, (links >= 0) & (links < len(nodes)), f"must be the index of one of {len(nodes)} nodes")
        require("links", links[:, 0], links[:, 0] != links[:, 1], "must lead to another node")
        pairs, counts = np.unique(links, axis=0, return_counts=True)
        if (counts > 1).any():
            tail, head = pairs[counts.argmax()]
            raise InvalidProblemError(f"the link {nodes[tail]} -> {nodes[head]} is given twice; join parallel links")
        capacity = np.array(self.capacity, dtype=float)
        if capacity.shape != (len(links),):
            raise InvalidProblemError(
                f"capacity has shape {capacity.shape}; expected one for each of {len(links)} links"
            )
        good = np.isnan(capacity) | ((capacity > 0) & (capacity < np.inf))
        require("capacity", capacity, good, "must be positive and finite, or nan where it is not known")
        for array in (links, capacity):
            read_only(array)
        assign(self, nodes=nodes, links=links, capacity=capacity)

    @property
    def link_names(self) -> tuple[str, ...]:
        """``tail->head`` of each link."""
        return tuple(f"{self.nodes[tail]}->{self.nodes[head]}" for tail, head in self.links)

    def graph(self) -> Any:
        """Return a ``networkx.DiGraph`` with node names, and attributes `index` and `capacity` of each edge.

        Raises
        ------
        ExtraNotInstalledError
            If networkx is not installed.
        """
        try:
            import networkx as nx
        except ImportError as error:
            raise ExtraNotInstalledError("graph() needs networkx; install with: pip install 'edgeopt[data]'") from error
        graph = nx.DiGraph(name=self.name)
        graph.add_nodes_from(self.nodes)
        for index, (tail, head) in enumerate(self.links):
            graph.add_edge(self.nodes[tail], self.nodes[head], index=index, capacity=float(self.capacity[index]))
        return graph

    @classmethod
    def of(cls, nodes: Sequence[str], pairs: Sequence[tuple[str, str, float]], name: str = "") -> Topology:
        """Return the topology with links given as (tail, head, capacity in bit/s) by node name; parallel ones joined.

        Raises
        ------
        InvalidProblemError
            If a link names an unknown node.
        """
        index = {node: i for i, node in enumerate(nodes)}
        joined: dict[tuple[int, int], float] = {}
        for tail, head, capacity in pairs:
            for node in (tail, head):
                if node not in index:
                    raise InvalidProblemError(f"the link {tail} -> {head} names the unknown node {node!r}")
            key = index[tail], index[head]
            joined[key] = joined.get(key, 0.0) + capacity
        return cls(tuple(nodes), np.array(list(joined), np.int64).reshape(-1, 2), np.array(list(joined.values())), name)
