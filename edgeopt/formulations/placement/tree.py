"""The tree of layers that all exits of a network form, and what a placement on tiers costs in it.

Independent chains are a forest of paths; exits that share a trunk are one tree whose branches end at exits. A node is a
layer, its parent the layer before it. Everything about a split is local to a node and its parent: so one recursion from
the leaves gives the least expected remaining latency of every layer on every tier.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ...model.errors import InvalidProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .exits import Exit


@dataclass(frozen=True, eq=False)
class PlacementTree:
    """Layers of all exits, parents before children.

    Attributes
    ----------
    parent : (nodes,) int
        Node of the layer before; -1 where the input of the layer is the raw input on the device.
    exec_time : (nodes, tiers) float
        Execution time, seconds; inf where the tier cannot run the layer.
    input_bits, result_bits : (nodes,) float
        Bits that enter the node, and that return to the device where an exit ends there.
    passes, ends : (exits, nodes) float
        1 where the exit's chain passes the node, and where it ends.
    nodes_of : tuple of (layers,) int arrays
        Node of each layer of each exit.
    """

    parent: NDArray[np.int64]
    exec_time: NDArray[np.float64]
    input_bits: NDArray[np.float64]
    result_bits: NDArray[np.float64]
    passes: NDArray[np.float64]
    ends: NDArray[np.float64]
    nodes_of: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, exits: Sequence[Exit], shared: bool) -> PlacementTree:
        """Return the forest of the exits' chains, or with `shared` the tree in which equal beginnings are one.

        Raises
        ------
        InvalidProblemError
            If layers of equal name in a shared trunk have different times or sizes.
        """
        nodes_of = _prefix_tree(exits) if shared else _separate_chains(exits)
        count = 1 + max(int(nodes[-1]) for nodes in nodes_of)
        parent = np.full(count, -1)
        exec_time = np.empty((count, exits[0].exec_time.shape[1]))
        input_bits, result_bits = np.empty(count), np.empty(count)
        passes, ends = np.zeros((2, len(exits), count))
        for k, (entry, nodes) in enumerate(zip(exits, nodes_of, strict=True)):
            parent[nodes[1:]] = nodes[:-1]
            exec_time[nodes] = entry.exec_time
            input_bits[nodes], result_bits[nodes] = entry.output_bits[:-1], entry.output_bits[1:]
            passes[k, nodes] = 1.0
            ends[k, nodes[-1]] = 1.0
        return cls(parent, exec_time, input_bits, result_bits, passes, ends, nodes_of)

    def generations(self) -> list[NDArray[np.int64]]:
        """Return non-root nodes in groups, no two of a group with the same parent: sums over children by indexing."""
        children = np.flatnonzero(self.parent >= 0)
        order = children[np.argsort(self.parent[children], kind="stable")]
        parents = self.parent[order]
        starts = np.flatnonzero(np.r_[True, parents[1:] != parents[:-1]]) if order.size else np.zeros(0, int)
        rank = np.arange(order.size) - np.repeat(starts, np.diff(np.r_[starts, order.size]))
        return [order[rank == r] for r in range(int(rank.max(initial=-1)) + 1)]


def _separate_chains(exits: Sequence[Exit]) -> tuple[NDArray[np.int64], ...]:
    bounds = np.cumsum([0, *(entry.layers for entry in exits)])
    return tuple(np.arange(start, stop) for start, stop in pairwise(bounds))


def _prefix_tree(exits: Sequence[Exit]) -> tuple[NDArray[np.int64], ...]:
    """Nodes of each exit when equal beginnings are one: by name where every exit has names, else by equal data."""
    named = all(entry.names for entry in exits)
    node_at: dict[tuple[int, object], int] = {}
    first_use: list[tuple[int, int]] = []
    nodes_of = []
    for k, entry in enumerate(exits):
        node, nodes = -1, []
        for i in range(entry.layers):
            key = (node, entry.names[i] if named else _fingerprint(entry, i))
            if key not in node_at:
                node_at[key] = len(first_use)
                first_use.append((k, i))
            node = node_at[key]
            nodes.append(node)
            if named:
                _demand_equal(exits, first_use[node], (k, i))
        nodes_of.append(np.array(nodes))
    return tuple(nodes_of)


def _fingerprint(entry: Exit, layer: int) -> bytes:
    return bytes(entry.exec_time[layer].tobytes() + entry.output_bits[layer : layer + 2].tobytes())


def _demand_equal(exits: Sequence[Exit], first: tuple[int, int], other: tuple[int, int]) -> None:
    (j, i), (k, _) = first, other
    if _fingerprint(exits[j], i) != _fingerprint(exits[k], i):
        raise InvalidProblemError(
            f"exits[{k}] and exits[{j}] share layer {i} ({exits[k].names[i]!r}) but give it different times or sizes; "
            "a shared layer has one exec_time row and one output"
        )
